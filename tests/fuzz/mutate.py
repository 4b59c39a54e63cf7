"""Answers near to good ones: values of other kinds, members and cells lost or doubled, bytes that don't belong."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from tests.fuzz.given import Given, Headers
from tests.fuzz.oddities import DATES, ENCODINGS, HEADERS, LENGTHS, NUMBERS, PAGES, PLACES, STATUSES, URLS
from tests.localorg.fuzz.inputs import encoded
from tests.localorg.fuzz.words import Dice, mutated_bytes, mutated_json, mutated_text, odd


def mutated(random: Dice, given: Given) -> Given:
    """An answer near to another one."""
    choice = random.random()
    if choice < 0.68:
        return replace(given, body=_body(random, given))
    if choice < 0.83:
        return replace(given, headers=_headers(random, given.headers))
    if choice < 0.9:
        return replace(given, status=random.choice(STATUSES))
    if choice < 0.97:
        status = given.status if random.random() < 0.6 else random.choice(STATUSES)
        return Given(random.choice(PAGES), status, _headers(random, given.headers))
    return replace(mutated(random, given), headers=_headers(random, given.headers))


def broken(random: Dice, sent: bytes) -> bytes:
    """The bytes of an answer, some of which are others."""
    data = mutated_bytes(random, sent)
    if random.random() < 0.2:
        data = data[: random.randrange(len(data) + 1)]
    if random.random() < 0.2:
        data = re.sub(rb"Content-Length: \d+", random.choice(LENGTHS), data)
    return data


def _headers(random: Dice, headers: Headers) -> Headers:
    kept = [one for one in headers if random.random() < 0.8]
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice([*(name for name, _ in headers), *HEADERS])
        text = random.choice(HEADERS.get(name, PLACES)) if random.random() < 0.9 else odd(random)
        as_read = encoded(text).decode("utf-8", "surrogateescape")
        kept.append((name, re.sub(r"[\r\n\x00]", " ", as_read)))
    return tuple(kept)


def _body(random: Dice, given: Given) -> bytes:
    kind = dict(given.headers).get("Content-Type", "")
    choice = random.random()
    if choice < 0.1:
        return mutated_bytes(random, given.body)
    if choice < 0.15:
        return given.body[: random.randrange(len(given.body) + 1)]
    if choice < 0.18:
        return given.body.decode("utf-8", "replace").encode(random.choice(ENCODINGS), "replace")
    if choice < 0.2:
        at = random.randrange(len(given.body) + 1)
        return given.body[:at] + given.body[random.randrange(len(given.body) + 1) :]
    if "json" in kind:
        return _json(random, given.body)
    if "csv" in kind:
        return _csv(random, given.body)
    return encoded(mutated_text(random, given.body.decode("utf-8", "surrogateescape")))


def _json(random: Dice, body: bytes) -> bytes:
    if random.random() < 0.25:
        return _other_scalar(random, body)
    wild, random.wild = random.wild, max(random.wild, 0.05)
    try:
        text = mutated_json(random, json.loads(body))
    except (ValueError, RecursionError):
        text = mutated_text(random, body.decode("utf-8", "replace"))
    finally:
        random.wild = wild
    return text.encode("utf-8", "surrogatepass" if random.random() < 0.5 else "replace")


def _other_scalar(random: Dice, body: bytes) -> bytes:
    """JSON with one number, word or text in place of another, even one that is no JSON."""
    text = body.decode("utf-8", "replace")
    found = list(re.finditer(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null', text))
    if not found:
        return mutated_bytes(random, body)
    one = random.choice(found)
    other = random.choice(
        (
            *("null", "true", "false", "[]", "{}", '""', '"\\ud800"', "[null]", '"a", "b"'),
            *("[" * 2_000 + "]" * 2_000, '{"a":' * 300 + "1" + "}" * 300),
            *(random.choice(found)[0], random.choice(NUMBERS), json.dumps(odd(random))),
            *(json.dumps(random.choice(odd_ones)) for odd_ones in (DATES, URLS, NUMBERS)),
        )
    )
    return (text[: one.start()] + other + text[one.end() :]).encode("utf-8", "surrogatepass")


def _csv(random: Dice, body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error:
        return mutated_bytes(random, body)
    for _ in range(random.choice((0, 1, 1, 2))):
        _change_rows(random, rows)
    quote = random.choice(("all", "all", "all", "none", "some"))
    delimiter = random.choice((",",) * 12 + (";", "\t", "|", ", "))
    end = random.choice(("\n",) * 8 + ("\r\n", "\r", "\n\n", "\n\r", "\u2028"))
    lines = [delimiter.join(_cell(random, cell, quote) for cell in row) for row in rows]
    written = end.join(lines) + random.choice((end,) * 6 + ("", end * 2, "\x00", "\x1a", '"', ","))
    data = written.encode("utf-8", "surrogatepass" if random.random() < 0.3 else "replace")
    data = b"\xef\xbb\xbf" + data if random.random() < 0.05 else data
    return mutated_bytes(random, data) if random.random() < 0.15 else data


def _change_rows(random: Dice, rows: list[list[str]]) -> None:
    if not rows:
        rows.append([odd(random)])
        return
    row, column = random.choice(rows), random.randrange(max(1, len(rows[0])))
    at = random.randrange(len(row)) if row else 0
    match random.randrange(12):
        case 0:
            row[at : at + 1] = [odd(random)]
        case 1:
            row[at : at + 1] = [random.choice((*NUMBERS, *DATES))]
        case 2:
            del row[at : at + 1]
        case 3:
            row.insert(at, odd(random))
        case 4:
            rows.insert(random.randrange(len(rows) + 1), list(row))
        case 5:
            rows.remove(row)
        case 6:
            for one in rows:
                del one[column : column + 1]
        case 7:
            for one in rows:
                one[column:column] = one[column : column + 1]
        case 8:
            rows[0] = [random.choice((str.lower, str.upper, str.title))(name) for name in rows[0]]
        case 9:
            for one in rows:
                one.append(odd(random))
        case 10:
            random.shuffle(rows[0])
        case _:
            rows.insert(random.randrange(len(rows) + 1), [])


def _cell(random: Dice, cell: str, quote: str) -> str:
    if random.random() < 0.01:
        return random.choice(('"', '""', f'"{cell}', f'{cell}"', f'"{cell}"x', f' "{cell}"', f'"{cell}" ', "\x00"))
    if quote == "none" or (quote == "some" and random.random() < 0.5):
        return cell
    return '"' + cell.replace('"', '""') + '"'
