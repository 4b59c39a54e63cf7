"""Matching: whatever way an org echoes rows, each row of the part has its own fate, or it is said that it has none."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.ingest import match
from sfframe.ingest.columns import Given, Layout
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED
from sfframe.ingest.layout import lay_out
from sfframe.ingest.payload import Cut, Part, parts
from sfframe.ingest.request import ingest_request
from sfframe.ingest.settle import Settled, not_processed, settle
from sfframe.ingest.spool import MemoryRows
from sfframe.options import Operation, Options
from sfframe.org.describe import SObject
from tests.examples import scaled

some = settings(max_examples=scaled(60))
FIELDS: dict[str, dict[str, Any]] = {
    "Key__c": {"type": "string", "externalId": True},
    "Text__c": {"type": "string", "length": 255},
    "Number__c": {"type": "double", "precision": 18, "scale": 2},
    "Whole__c": {"type": "int"},
    "Flag__c": {"type": "boolean"},
    "Date__c": {"type": "date"},
    "Moment__c": {"type": "datetime"},
    "Time__c": {"type": "time"},
    "List__c": {"type": "multipicklist"},
    "Parent__c": {"type": "reference", "referenceTo": ["Thing__c"]},
}
THING = SObject.from_json(
    {
        "name": "Thing__c", "createable": True, "updateable": True,
        "fields": [{"name": name, "createable": True, "updateable": True, **field} for name, field in FIELDS.items()],
    }
)  # fmt: skip
# Few values of each kind, so that rows are often equal, or equal to the org alone.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Text__c": st.sampled_from(["a", "A", "a ", "", "#N/A", None, "x\r\ny", "1", "1.0", "\u2028,\""]),
    "Number__c": st.sampled_from([1.0, -0.0, 0.0, 100.0, 912260031.0, 22.785, 22.79, 1e-7, 0.1 + 0.2, None, 1e15]),
    "Whole__c": st.sampled_from([1, 0, -7, None, 2**31 - 1]),
    "Flag__c": st.sampled_from([True, False, None]),
    "Date__c": st.sampled_from([dt.date(2026, 1, 31), dt.date(1, 1, 1), None]),
    "Moment__c": st.sampled_from(
        [
            dt.datetime(2026, 1, 31, 8, tzinfo=dt.UTC),
            dt.datetime(2026, 1, 31, 8, 0, 0, 500_000, dt.UTC),
            dt.datetime(1960, 1, 31, 8, 0, 0, 500_000, dt.UTC),
            None,
        ]
    ),
    "Time__c": st.sampled_from([dt.time(8), dt.time(8, 0, 0, 1000), None]),
    "List__c": st.sampled_from(["a;b", "b;a", "a", None]),
    "Parent__c": st.sampled_from(["a00000000000001", "a00000000000001AAA", None]),
}  # fmt: skip
DTYPES: dict[str, Any] = {
    "Key__c": pl.String, "Text__c": pl.String, "Number__c": pl.Float64, "Whole__c": pl.Int64, "Flag__c": pl.Boolean,
    "Date__c": pl.Date, "Moment__c": pl.Datetime("us", "UTC"), "Time__c": pl.Time, "List__c": pl.String,
    "Parent__c": pl.String,
}  # fmt: skip


# --- an org that echoes -----------------------------------------------------------------------------------------------


def java_double(text: str) -> str:
    """`Double.toString`, by the wire notes, 13."""
    number = float(text)
    if number == 0:
        return "0.0"
    if 1e-3 <= abs(number) < 1e7:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    places = "".join(map(str, digits))
    return f"{'-' * sign}{places[0]}.{places[1:] or '0'}E{exponent + len(places) - 1}"


def rounded(text: str) -> str:
    return str(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _stored(name: str, text: str, chance: random.Random) -> str:
    """A cell of a saved row, in one of the ways that are reported or feared."""
    if text in ("", "#N/A"):
        return chance.choice(["", "#N/A"])
    kind = FIELDS[name]["type"]
    if kind == "double":
        return chance.choice([text, java_double(text), java_double(rounded(text)), rounded(text)])
    if kind == "datetime":
        return chance.choice([text, text.replace("Z", "+0000"), text[:19] + ".000Z", text[:19] + "Z"])
    if kind == "time":
        return chance.choice([text, text[:12]])
    if kind == "multipicklist":
        items = text.split(";")
        chance.shuffle(items)
        return ";".join(items)
    if kind == "reference":
        return text[:15] + "AAA" if chance.random() < 0.5 else text
    if kind == "string":
        return chance.choice([text, text.strip()])
    return text


def meaning_of(name: str, text: str) -> Any:
    """A cell such that rows which are alike to the org are equal."""
    text = text.strip()
    if text in ("", "#N/A"):
        return None
    kind = FIELDS[name]["type"]
    if kind == "double":
        return float(rounded(text))
    if kind == "datetime":
        return text[:19]
    if kind == "multipicklist":
        return tuple(sorted(text.split(";")))
    return text[:15] if kind == "reference" else text


@dataclass
class Sent:
    """A part that was sent, and what an honest org says of each of its rows."""

    rows: MemoryRows = field(repr=False)
    layout: Layout = field(repr=False)
    cut: Cut = field(repr=False)
    part: Part = field(repr=False)
    header: list[str]
    texts: list[list[str]]
    fates: list[tuple[int, str | None, str | None]]  # outcome, sf__Id, sf__Error

    def settled(self, files: dict[int, bytes | None]) -> Settled:
        return settle(self.rows, self.layout, self.cut, self.part, files)

    def groups(self) -> dict[int, Any]:
        """For each row all that the org can tell it by."""
        return {
            i: tuple(meaning_of(name, text) for name, text in zip(self.header, row, strict=True))
            for i, row in enumerate(self.texts)
        }


FATES: list[tuple[int, str | None, str | None]] = [
    (SUCCESSFUL, "id", None), (FAILED, None, "E:one:--"), (FAILED, None, "E:two:--"), (UNPROCESSED, None, None),
]  # fmt: skip


@st.composite
def sent_parts(draw: st.DrawFn, *, keyed: bool) -> Sent:
    names = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4, unique=True))
    n = draw(st.integers(1, 12))
    columns = {name: draw(st.lists(VALUES[name], min_size=n, max_size=n)) for name in names}
    if keyed:
        columns["Key__c"] = [f"{'kK'[i % 2]}{i}" for i in range(n)]
    fates = draw(st.lists(st.sampled_from(FATES), min_size=n, max_size=n))
    return sent_of(columns, [(o, f"a{i:017}" if record else None, e) for i, (o, record, e) in enumerate(fates)])


def sent_of(columns: dict[str, list[Any]], fates: list[tuple[int, str | None, str | None]], **options: Any) -> Sent:
    frame = pl.DataFrame(columns, schema={name: DTYPES[name] for name in columns})
    operation: Operation = "upsert" if "Key__c" in columns else "insert"
    request = ingest_request("Thing__c", operation, "Key__c" if operation == "upsert" else None, Options(**options))
    given = Given(labels=frame.columns, dtypes=dict(frame.schema))
    layout, problems = lay_out(given, {name: name for name in columns}, request, THING, {})
    assert not problems
    rows, cut = MemoryRows(frame), Cut(max_bytes=10**8, max_records=10**6)
    (part,) = parts(rows, layout, cut)
    header, *texts = csv.reader(io.StringIO(bytes(part.data).decode(), newline=""), strict=True)
    return Sent(rows, layout, cut, part, header, texts, fates)


Row = tuple[tuple[int, str | None, str | None], list[str]]


def _verbatim(name: str, text: str, chance: random.Random) -> str:
    return text


def results(
    sent: Sent,
    rows: list[Row],
    chance: random.Random,
    *,
    gone: tuple[str, ...] = (),
    stored: Callable[[str, str, random.Random], str] = _stored,
) -> dict[int, bytes | None]:
    """The three files, in the org's order and manner; `gone`: columns that they don't have."""
    files: dict[int, bytes | None] = {}
    cases: list[Callable[[str], str]] = [str, str.upper, str.lower]
    for outcome, own in ((SUCCESSFUL, ["sf__Id", "sf__Created"]), (FAILED, ["sf__Id", "sf__Error"]), (UNPROCESSED, [])):
        mine = [row for row in rows if row[0][0] == outcome]
        chance.shuffle(mine)
        if not mine and chance.random() < 0.5:
            files[outcome] = chance.choice([None, b""])
            continue
        order = [name for name in sent.header if name not in gone]
        chance.shuffle(order)
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=chance.choice(["\n", "\r\n"]))
        writer.writerow([*own, *(chance.choice(cases)(name) for name in order)])
        for (_, record, error), texts in mine:
            by_name = dict(zip(sent.header, texts, strict=True))
            cells = [by_name[n] if outcome != SUCCESSFUL else stored(n, by_name[n], chance) for n in order]
            last = [error] if outcome == FAILED else ["true"]
            writer.writerow([record or "", *last, *cells] if own else cells)
        files[outcome] = out.getvalue().encode()
    return files


def fates_in(sent: Sent, settled: Settled) -> Counter[Any]:
    """How many rows of each meaning were given each fate."""
    groups = sent.groups()
    fates = settled.matched.fates.select("row", "outcome", "sf__Id", "sf__Error").rows()
    assert len({row for row, *_ in fates}) == len(fates)
    return Counter((groups[row], tuple(fate)) for row, *fate in fates)


def true_fates(sent: Sent) -> Counter[Any]:
    groups = sent.groups()
    return Counter((groups[i], fate) for i, fate in enumerate(sent.fates))


def honest(sent: Sent) -> list[Row]:
    return list(zip(sent.fates, sent.texts, strict=True))


# --- honest orgs ------------------------------------------------------------------------------------------------------


@some
@given(sent_parts(keyed=False), st.randoms(use_true_random=False))
def test_every_row_of_an_insert_has_its_own_fate_however_it_is_echoed(sent: Sent, chance: random.Random) -> None:
    settled = sent.settled(results(sent, honest(sent), chance))
    assert settled.is_whole
    assert fates_in(sent, settled) == true_fates(sent)


@pytest.mark.parametrize(
    ("column", "values", "refused", "saved"),
    [("Text__c", ["a", "a "], "a", "a"), ("Number__c", [1.0, 1.004], "1", "1.0")],
    ids=["trimmed", "rounded"],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_refused_row_isnt_taken_for_one_that_the_org_made_like_it(
    column: str, values: list[Any], refused: str, saved: str, backwards: bool
) -> None:
    fates = [FATES[1], FATES[0]]
    sent = sent_of({column: values[::-1] if backwards else values}, fates[::-1] if backwards else fates)
    files: dict[int, bytes | None] = {
        SUCCESSFUL: f'"sf__Id","sf__Created","{column}"\n"id","true","{saved}"\n'.encode(),
        FAILED: f'"sf__Id","sf__Error","{column}"\n"","E:one:--","{refused}"\n'.encode(),
    }
    settled = sent.settled(files)
    assert settled.matched.fates.sort("row").select("outcome", "sf__Id", "sf__Error").rows() == sent.fates


@some
@given(sent_parts(keyed=True), st.randoms(use_true_random=False))
def test_every_row_of_an_upsert_has_its_own_fate_however_it_is_echoed(sent: Sent, chance: random.Random) -> None:
    settled = sent.settled(results(sent, honest(sent), chance))
    assert settled.is_whole
    given_fates = settled.matched.fates.sort("row").select("outcome", "sf__Id", "sf__Error").rows()
    assert given_fates == sent.fates  # keys tell rows apart that are equal otherwise


@some
@given(
    st.lists(st.tuples(st.sampled_from("aAb"), st.sampled_from("xy"), st.sampled_from(FATES)), min_size=1, max_size=9),
    st.randoms(use_true_random=False),
)
def test_rows_of_one_key_have_each_their_own_fate(
    rows: list[tuple[str, str, tuple[int, str | None, str | None]]], chance: random.Random
) -> None:
    """Where the caller sends a key several times on purpose."""
    columns = {"Key__c": [key for key, _, _ in rows], "Text__c": [text for _, text, _ in rows]}
    fates = [(o, f"a{i:017}" if record else None, e) for i, (_, _, (o, record, e)) in enumerate(rows)]
    sent = sent_of(columns, fates, on_duplicate_key="send")
    settled = sent.settled(results(sent, honest(sent), chance, stored=_verbatim))
    assert settled.is_whole
    assert fates_in(sent, settled) == true_fates(sent)


@settings(max_examples=scaled(25))
@given(sent_parts(keyed=False), st.randoms(use_true_random=False))
def test_rows_whose_hashes_meet_are_told_apart(sent: Sent, chance: random.Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match, "_hashes", lambda frame: np.zeros(frame.height, np.uint64))
        settled = sent.settled(results(sent, honest(sent), chance))
    assert fates_in(sent, settled) <= true_fates(sent)


@some
@given(sent_parts(keyed=True), st.data())
def test_by_its_key_a_row_is_found_whatever_columns_are_missing(sent: Sent, data: st.DataObject) -> None:
    others = tuple(name for name in sent.header if name != "Key__c")
    settled = sent.settled(results(sent, honest(sent), data.draw(st.randoms(use_true_random=False)), gone=others))
    assert settled.is_whole
    assert settled.matched.fates.sort("row").select("outcome", "sf__Id", "sf__Error").rows() == sent.fates


def test_rows_whose_key_got_lost_are_found_by_the_rest_of_them() -> None:
    """As failed results lose the values of a column whose header is in another case (wire notes, 4.5)."""
    sent = sent_of({"Key__c": ["k0", "k1", "k2"], "Text__c": ["a", "b", "c"]}, [FATES[0], FATES[0], FATES[1]])
    saved = b'"sf__Id","sf__Created","Key__c","Text__c"\n"id","true","k1","b"\n"id","true","k0","a"\n'
    settled = sent.settled(
        {SUCCESSFUL: saved, FAILED: b'"sf__Id","sf__Error","Key__c","Text__c"\n"","E:one:--","","c"\n'}
    )
    assert settled.is_whole
    assert settled.matched.fates.sort("row").select("row", "sf__Error").rows() == [
        (0, None),
        (1, None),
        (2, "E:one:--"),
    ]


@some
@given(sent_parts(keyed=False), st.data())
def test_where_columns_are_missing_no_row_is_given_the_fate_of_another(sent: Sent, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sent.header))
    settled = sent.settled(results(sent, honest(sent), data.draw(st.randoms(use_true_random=False)), gone=(gone,)))
    assert fates_in(sent, settled) <= true_fates(sent)


@some
@given(sent_parts(keyed=False), st.data())
def test_where_failed_rows_have_lost_a_columns_values_no_row_is_given_the_fate_of_another(
    sent: Sent, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(sent.header) - 1))
    rows = [(fate, [*texts[:at], "", *texts[at + 1 :]] if fate[0] == FAILED else texts) for fate, texts in honest(sent)]
    settled = sent.settled(results(sent, rows, data.draw(st.randoms(use_true_random=False)), stored=_verbatim))
    assert fates_in(sent, settled) <= true_fates(sent)


# --- dishonest ones ---------------------------------------------------------------------------------------------------


def _missing(rows: list[Row], at: int) -> list[Row]:
    return rows[:at] + rows[at + 1 :]


def _doubled(rows: list[Row], at: int) -> list[Row]:
    return [*rows, rows[at]]


def _foreign(rows: list[Row], at: int) -> list[Row]:
    fate, texts = rows[at]
    return [*rows, (fate, _strange(texts))]


def _replaced(rows: list[Row], at: int) -> list[Row]:
    fate, texts = rows[at]
    return [*rows[:at], *rows[at + 1 :], (fate, _strange(texts))]


def _strange(texts: list[str]) -> list[str]:
    return ["stranger"] * len(texts)


@pytest.mark.parametrize("keyed", [False, True], ids=["insert", "upsert"])
@pytest.mark.parametrize("spoil", [_missing, _doubled, _foreign, _replaced])
@settings(max_examples=scaled(25))
@given(data=st.data())
def test_results_that_dont_add_up_are_never_taken_for_whole(
    keyed: bool, spoil: Callable[[list[Row], int], list[Row]], data: st.DataObject
) -> None:
    sent = data.draw(sent_parts(keyed=keyed))
    rows = spoil(honest(sent), data.draw(st.integers(0, len(sent.texts) - 1)))
    # The stranger's text is no number: a successful row couldn't have it, so it is echoed as it stands.
    files = results(sent, rows, data.draw(st.randoms(use_true_random=False)), stored=_verbatim)
    settled = sent.settled(files)
    matched = settled.matched
    assert not settled.is_whole
    assert len(matched.lost) + len(matched.strangers) > 0
    assert len(matched.fates) + len(matched.lost) == len(sent.texts)


def test_rows_that_no_file_names_are_unprocessed_only_where_the_counter_says_so() -> None:
    sent = sent_of({"Text__c": ["a", "b", "c"]}, [FATES[0], FATES[0], FATES[3]])
    # The second row's result lags behind.
    late = {SUCCESSFUL: b'"sf__Id","sf__Created","Text__c"\n"id","true","a"\n', UNPROCESSED: b'"Text__c"\n"c"\n'}
    settled = sent.settled({**late, FAILED: b""})
    for n_processed in (2, 0, 1):  # as it should be; missing, or late too: the third file would name a row left over
        assert not_processed(settled, n_processed).matched.lost.to_list() == [1]
    settled = sent.settled({**late, FAILED: b"", UNPROCESSED: None})
    for n_processed in (2, 0):
        assert not_processed(settled, n_processed).matched.lost.to_list() == [1, 2]
    assert not_processed(settled, 1).is_whole


@pytest.mark.parametrize("body", [b"<html>\n<body>\n", b"no,rows\nof\nours"])
def test_what_isnt_of_the_sent_columns_names_no_unprocessed_row(body: bytes) -> None:
    sent = sent_of({"Text__c": ["a", "b"]}, [FATES[3], FATES[3]])
    settled = not_processed(sent.settled({UNPROCESSED: body}), 0)
    assert settled.is_whole
    assert fates_in(sent, settled) == true_fates(sent)


def test_a_row_in_place_of_another_isnt_taken_for_it_though_both_failed() -> None:
    sent = sent_of({"Text__c": ["a", "b"]}, [FATES[1], FATES[1]])
    files: dict[int, bytes | None] = {FAILED: b'"sf__Id","sf__Error","Text__c"\n"","E:one:--","a"\n"","E:one:--","a"\n'}
    settled = sent.settled(files)
    assert not settled.is_whole
    assert (settled.matched.lost.to_list(), len(settled.matched.strangers)) == ([0, 1], 2)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b'"sf__Id","sf__Error","Text__c"\n"","E:one:--',
        b"\xff\xfe",
    ],
    ids=["html", "cut off", "no UTF-8"],
)
def test_a_file_that_is_no_result_isnt_whole(body: bytes) -> None:
    sent = sent_of({"Text__c": ["a"]}, [FATES[1]])
    assert not sent.settled({FAILED: body}).is_whole


def test_of_more_results_than_rows_alike_none_is_taken() -> None:
    """Some of them are other rows' results, and nobody knows which."""
    sent = sent_of({"Text__c": ["a", "b", "a"]}, [FATES[1], FATES[1], FATES[1]])
    lines = "".join(f'"","E:{which}:--","{text}"\n' for which, text in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "a")])
    settled = sent.settled({FAILED: f'"sf__Id","sf__Error","Text__c"\n{lines}'.encode()})
    assert settled.matched.fates.select("row", "sf__Error").rows() == [(1, "E:3:--")]
    assert (settled.matched.lost.to_list(), len(settled.matched.strangers)) == ([0, 2], 3)


def test_a_page_beside_results_that_are_whole_isnt_taken_for_none() -> None:
    sent = sent_of({"Text__c": ["a"]}, [FATES[0]])
    files = results(sent, honest(sent), random.Random(0), stored=_verbatim)
    assert not sent.settled({**files, FAILED: b"<html>Bad gateway</html>"}).is_whole


# --- single manners ---------------------------------------------------------------------------------------------------

MANNERS: list[tuple[str, list[Any], list[str]]] = [
    ("Number__c", [912260031.0, 5.0], ["9.12260031E8", "5.0"]),
    ("Number__c", [22.785, 22.784], ["22.79", "22.78"]),
    ("Number__c", [-22.785, -22.784], ["-22.79", "-22.78"]),
    ("Number__c", [123456789012345.678, 123456789012344.1], ["1.2345678901234567E14", "1.234567890123441E14"]),
    ("Number__c", [1e-7, 5.0], ["0.0", "5.0"]),
    ("Number__c", [12345678901.234, 98765432109.876], ["1.234567890123E10", "9.876543210988E10"]),
    ("Number__c", [-0.0, 5.0], ["0.0", "5.0"]),
    ("Number__c", [-0.0, -0.0], ["0.0", "0.0"]),
    ("Moment__c", [dt.datetime(1960, 1, 1, 0, 0, 0, 500_000, dt.UTC)] * 2, ["1960-01-01T00:00:00.000Z"] * 2),
    (
        "Moment__c",
        [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * 2,
        ["2026-01-01T00:00:00.000+0000", "2026-01-01T01:00:00+01:00"],
    ),
    ("Flag__c", [True, False], ["TRUE", "0"]),
    ("Date__c", [dt.date(2026, 1, 31)] * 2, ["2026-01-31Z", "2026-01-31T00:00:00.000Z"]),
    ("Time__c", [dt.time(8), dt.time(9)], ["08:00:00", "09:00:00.000Z"]),
    ("List__c", ["a;b", "c"], ["b;a", "c"]),
    ("Parent__c", ["a00000000000001", "a00000000000002AAA"], ["a00000000000001AAA", "a00000000000002"]),
    ("Text__c", [" a ", "\u2028b"], ["a", "b"]),
    ("Text__c", ["#N/A", None], ["", "#N/A"]),
]


@pytest.mark.parametrize(("name", "values", "echoed"), MANNERS)
def test_a_value_is_known_again_by_its_meaning(name: str, values: list[Any], echoed: list[str]) -> None:
    fates = [(SUCCESSFUL, "a1", None), (SUCCESSFUL, "a2", None)]
    sent = sent_of({name: values}, fates)  # type: ignore[arg-type]  # a list is invariant
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["sf__Id", "sf__Created", name], ["a1", "true", echoed[0]], ["a2", "true", echoed[1]]])
    settled = sent.settled({SUCCESSFUL: out.getvalue().encode()})
    assert settled.is_whole
    assert settled.matched.fates.sort("row")["sf__Id"].to_list() == ["a1", "a2"]


def test_without_describe_numbers_booleans_and_datetimes_are_known_again() -> None:
    frame = pl.DataFrame({"n": [912260031, 5], "b": [True, False], "t": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * 2})
    request = ingest_request("Thing__c", "insert", None, Options(describe=False))
    given = Given(labels=frame.columns, dtypes=dict(frame.schema))
    layout, _ = lay_out(given, {name: name for name in frame.columns}, request, None, {})
    rows, cut = MemoryRows(frame), Cut(max_bytes=10**8, max_records=10**6)
    (part,) = parts(rows, layout, cut)
    body = (
        b'"sf__Id","sf__Created","n","b","t"\n"a2","true","5.0","false","2026-01-01T00:00:00.000+0000"\n'
        b'"a1","true","9.12260031E8","true","2026-01-01T00:00:00Z"\n'
    )
    settled = settle(rows, layout, cut, part, {SUCCESSFUL: body})
    assert settled.is_whole
    assert settled.matched.fates.sort("row")["sf__Id"].to_list() == ["a1", "a2"]


def test_many_rows_in_another_order_are_matched() -> None:
    n = 20_000
    order = np.random.default_rng(7).permutation(n)
    sent = sent_of({"Text__c": [f"row {i % 500}" for i in range(n)], "Whole__c": list(range(n))},
                   [(SUCCESSFUL, f"a{i}", None) for i in range(n)])  # fmt: skip
    rows = "".join(f'"a{i}","true","row {i % 500}","{i}"\n' for i in order)
    settled = sent.settled({SUCCESSFUL: ('"sf__Id","sf__Created","Text__c","Whole__c"\n' + rows).encode()})
    assert settled.is_whole
    assert settled.matched.fates["sf__Id"].to_list() == [f"a{i}" for i in range(n)]
