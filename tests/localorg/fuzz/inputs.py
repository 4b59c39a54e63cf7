"""One input for each seed: the same seed, the same input."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from tests.localorg.fuzz import soql
from tests.localorg.fuzz.words import (
    IDS,
    OBJECTS,
    Dice,
    dice,
    field,
    json_value,
    mutated_bytes,
    mutated_json,
    mutated_text,
    odd,
    sobject,
    value,
)

DATA = "/services/data/v66.0"
_JSON = {"Content-Type": "application/json"}
_OWN = {"Contact": "{contact}", "Account": "{account}", "User": "{user}"}
_NAMES = {"Contact": "LastName", "Lead": "LastName", "Case": "Subject", "Task": "Subject", "User": "LastName"}
_DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}


@dataclass(frozen=True)
class Input:
    """What is sent.

    Attributes:
        kind: "request": one request, well formed as HTTP. "wire": bytes. "load": a whole ingest job. "query": a whole
            query job.
        method, path, headers, body: Of the request; of jobs the body is the data, or the statement. `{contact}` and
            the like stand for ids, `{token}` for the token.
        job: Members of the job, as JSON.
    """

    kind: Literal["request", "wire", "load", "query"]
    method: str = "GET"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    job: str = ""


def make(seed: int) -> Input:
    """The input of a seed."""
    random = dice(seed)
    choice = random.randrange(100)
    if choice < 16:
        return _wire(random)
    if choice < 34:
        return _load(random)
    if choice < 54:
        path = random.choice(("/query", "/query", "/query", "/queryAll"))
        return _request("GET", f"{DATA}{path}?q={_quoted(random, soql.statement(random))}")
    if choice < 59:
        return _request(
            "GET",
            f"/?soql={_quoted(random, soql.statement(random))}{random.choice(('', '&all=on'))}",
            {"Authorization": "{basic}"},
        )
    if choice < 64:
        return Input("query", body=_text(soql.statement(random)), job=_job(random, "query"))
    return _json_request(random)


def _request(method: str, path: str, headers: dict[str, str] | None = None, body: str | bytes = b"") -> Input:
    return Input(
        "request", method, path, tuple((headers or {}).items()), _text(body) if isinstance(body, str) else body
    )


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _quoted(random: Dice, text: str) -> str:
    return random.choice((quote, quote_plus))(_text(text), safe="{}")[:14_000]


# --- requests with JSON -----------------------------------------------------------------------------------------------


def _json_request(random: Dice) -> Input:
    method, path, body = random.choice((_record, _record, _collection, _composite, _plain, _plain, _job_request))(
        random
    )
    if random.goes_wild(0.7):
        path = mutated_text(random, path)
    if random.goes_wild(0.4):
        method = random.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE"))
    # Not all characters may stand in a path; those that mustn't are for the wire.
    path = quote(_text(path), safe="/?&=%:!*'();,+-._~{}")
    headers = (
        dict(_JSON) if not random.goes_wild(0.2) else {"Content-Type": odd(random).replace("\r", "").replace("\n", "")}
    )
    if random.random() < 0.05:
        headers |= random.choice(({"If-Modified-Since": odd(random).strip()}, {"X-PrettyPrint": "1"}, {"Accept": "application/xml"},
            {"Accept-Encoding": "gzip"}, {"Sforce-Query-Options": f"batchSize={odd(random).strip()}"}, {"Authorization": "Bearer x"},
            {"Sforce-Call-Options": odd(random).strip()}, {"If-Match": "x"}, {"Range": "bytes=0-3"}))  # fmt: skip
    data = b"" if body is None else _text(mutated_json(random, body))
    if random.goes_wild(0.3):
        data = mutated_bytes(random, data)
    if random.random() < 0.03:
        headers["Content-Encoding"] = random.choice(("gzip", "deflate", "nonsense"))
        data = gzip.compress(data) if random.random() < 0.7 else data
    clean = {name: "".join(c for c in text if c.isprintable() and ord(c) < 256) for name, text in headers.items()}
    return _request(method, path, clean, data)


def _values(random: Dice, name: str) -> dict[str, Any]:
    values: dict[str, Any] = {"LastName": "Ng"} if name in ("Contact", "Lead") else {"Name": "A"}
    for _ in range(random.choice((0, 1, 2, 4))):
        path, kind = field(random, name, can="updateable")
        parent, dot, key = path.partition(".")
        text: Any = value(random, kind) if not random.goes_wild() else json_value(random)
        values[parent] = {key: text} if dot else text
    return values


def _record(random: Dice) -> tuple[str, str, Any]:
    name = sobject(random)
    base = f"{DATA}/sobjects/{name}"
    method, path = random.choice((
        ("POST", base), ("POST", base), ("PATCH", f"{base}/{random.choice(IDS)}"), ("GET", f"{base}/{random.choice(IDS)}"),
        ("DELETE", f"{base}/{random.choice(IDS)}"), ("PATCH", f"{base}/ExternalId__c/{value(random, 'string')}"),
        ("GET", f"{base}/ExternalId__c/{value(random, 'string')}"), ("PATCH", f"{base}/{field(random, name)[0]}/{odd(random)}"),
        ("GET", f"{base}/{random.choice(IDS)}?fields={','.join(field(random, name)[0] for _ in range(3))}"),
        ("GET", f"{base}/updated?start={value(random, 'datetime')}&end={value(random, 'datetime')}"),
        ("GET", f"{base}/deleted?start={value(random, 'datetime')}&end={value(random, 'datetime')}"),
        ("GET", f"{base}/describe"), ("GET", base), ("DELETE", f"{base}/ExternalId__c/{odd(random)}"),
    ))  # fmt: skip
    return method, path, _values(random, name) if method in ("POST", "PATCH") else None


def _collection(random: Dice) -> tuple[str, str, Any]:
    base = f"{DATA}/composite/sobjects"
    records = [
        {"attributes": {"type": (name := sobject(random))}, **_values(random, name)}
        for _ in range(random.choice((0, 1, 2, 5, 201)))
    ]
    method, path = random.choice((
        ("POST", base), ("PATCH", base), ("PATCH", f"{base}/{sobject(random)}/ExternalId__c"), ("GET", f"{base}/{sobject(random)}"),
        ("DELETE", f"{base}?ids={','.join(random.choice(IDS) for _ in range(3))}&allOrNone={odd(random)}"),
    ))  # fmt: skip
    for record in records:
        if method == "PATCH":
            record["id"] = random.choice(IDS)
    if method == "GET":
        path += f"?ids={random.choice(IDS)},{odd(random)}&fields={field(random, 'Contact')[0]},Id"
    return (
        method,
        path,
        {"allOrNone": random.random() < 0.5, "records": records} if method in ("POST", "PATCH") else None,
    )


def _composite(random: Dice) -> tuple[str, str, Any]:
    parts = []
    for number in range(random.choice((0, 1, 2, 3, 26))):
        method, path, body = random.choice((_record, _plain, _collection))(random)
        part = {"method": method, "url": path, "referenceId": random.choice((f"r{number}", "r0", odd(random)))}
        if number and random.random() < 0.3:
            part["url"] = part["url"] + random.choice(
                ("/@{r0.id}", "@{r0.records[0].Id}", "@{", "@{r0.x.y[99]}", "@{nope}")
            )
        parts.append(part | ({} if body is None else {"body": body}))
    if random.random() < 0.4:
        batch = [
            {"method": p["method"], "url": str(p["url"]).removeprefix("/services/data/"), "richInput": p.get("body")}
            for p in parts
        ]
        return "POST", f"{DATA}/composite/batch", {"haltOnError": random.random() < 0.5, "batchRequests": batch}
    return "POST", f"{DATA}/composite", {"allOrNone": random.random() < 0.5, "compositeRequest": parts}


def _plain(random: Dice) -> tuple[str, str, Any]:
    path = random.choice((
        "", "/limits", "/sobjects", "/jobs/ingest", "/jobs/query", "/jobs/ingest?queryLocator={odd}", "/jobs/query?jobType={odd}",
        "/query/{odd}", "/query/0r8000000000000AAA-{odd}", "/jobs/query/{query}/results?locator={odd}&maxRecords={odd}",
        "/jobs/query/{query}/resultPages?numberOfPages={odd}", "/jobs/ingest/{job}/successfulResults", "/jobs/ingest/{job}/failedResults",
        "/jobs/ingest/{odd}", "/jobs/query/{odd}", "/query", "/query?q={odd}", "/search", "/tooling/query?q=x", "/query?q=x&q=y",
    ))  # fmt: skip
    return "GET", DATA + path.replace("{odd}", odd(random)), None


def _job_request(random: Dice) -> tuple[str, str, Any]:
    base, kind = random.choice((("/jobs/ingest", "ingest"), ("/jobs/query", "query")))
    if random.random() < 0.6:
        return (
            "POST",
            DATA + base,
            json.loads(_job(random, kind)) | ({"query": soql.statement(random)} if kind == "query" else {}),
        )
    name = random.choice(("{job}", "{query}", odd(random)))
    method = random.choice(("PATCH", "PATCH", "DELETE", "GET"))
    return method, f"{DATA}{base}/{name}", {"state": random.choice(("UploadComplete", "Aborted", "Open", odd(random)))}


# --- jobs -------------------------------------------------------------------------------------------------------------


def _job(random: Dice, kind: str) -> str:
    if kind == "query":
        members: dict[str, Any] = {"operation": random.choice(("query", "query", "queryAll"))}
    else:
        operation = random.choice(("insert", "insert", "insert", "update", "upsert", "upsert", "delete", "hardDelete"))
        members = {
            "object": random.choice(("Contact", "Contact", "Account", "Everything__c", *OBJECTS)),
            "operation": operation,
        }
        if operation == "upsert":
            members["externalIdFieldName"] = random.choice(("ExternalId__c", "Id", "Email"))
    if random.random() < 0.2:
        members["lineEnding"] = random.choice(("LF", "CRLF"))
    if random.random() < 0.2:
        members["columnDelimiter"] = random.choice(list(_DELIMITERS))
    return json.dumps(members)


def _load(random: Dice) -> Input:
    job = _job(random, "ingest")
    members = json.loads(job)
    data = _text(_csv(random, members))
    if random.goes_wild():
        data = mutated_bytes(random, data)
    if random.goes_wild(0.3):
        data = random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r\n", b"")) + data
    return Input("load", body=data, job=job)


def _csv(random: Dice, members: dict[str, Any]) -> str:
    name, end = members["object"], "\r\n" if members.get("lineEnding") == "CRLF" else "\n"
    delimiter = _DELIMITERS[members.get("columnDelimiter", "COMMA")]
    columns = [field(random, name, can="updateable") for _ in range(random.choice((1, 2, 3, 6)))]
    if members["operation"] in ("update", "delete", "hardDelete") and not random.goes_wild(0.5):
        columns = [("Id", "own")] if "elete" in members["operation"] else [("Id", "own"), *columns]
    elif not random.goes_wild():
        columns.append((_NAMES.get(name, "Name"), "string"))
    if members["operation"] == "upsert" and not random.goes_wild():
        columns.append((members["externalIdFieldName"], "own" if members["externalIdFieldName"] == "Id" else "string"))
    if not random.goes_wild():
        columns = list(dict(columns).items())
    lines = [[header for header, _ in columns]]
    own = _OWN.get(name, "{gone}")
    lines += [
        [own if kind == "own" and not random.goes_wild() else value(random, kind) for _, kind in columns]
        for _ in range(random.choice((0, 1, 1, 2, 3, 6, 201)))
    ]
    if random.goes_wild(0.3):
        lines[-1] = lines[-1][:-1] or ["", ""]
    ending = random.choice((end, end, end, ""))
    return end.join(delimiter.join(_cell(random, cell, delimiter) for cell in line) for line in lines) + ending


def _cell(random: Dice, text: str, delimiter: str) -> str:
    if random.goes_wild(0.2):
        return text
    needs = any(character in text for character in (delimiter, '"', "\n", "\r"))
    return '"' + text.replace('"', '""') + '"' if needs or random.random() < 0.2 else text


# --- bytes ------------------------------------------------------------------------------------------------------------


def _wire(random: Dice) -> Input:
    inner = _json_request(random) if random.random() < 0.6 else _token(random)
    path = inner.path if random.random() < 0.8 else mutated_text(random, inner.path)
    lines = [
        f"{inner.method} {path} {random.choice(('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2', 'http/1.1', ''))}"
    ]
    lines += [f"Host: {random.choice(('127.0.0.1', 'localhost', '', odd(random)))}", "Authorization: Bearer {token}"]
    lines += [f"{name}: {text}" for name, text in inner.headers]
    body = inner.body
    length: object = len(body)
    if random.random() < 0.15:
        lines.append(f"Transfer-Encoding: {random.choice(('chunked', 'chunked', 'gzip, chunked', odd(random)))}")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        length = None if random.random() < 0.9 else length
    elif random.random() < 0.1:
        length = random.choice((len(body) + 1, len(body) - 1, -1, 10**30, "x", "", "1e2", 0))
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if random.random() < 0.1:
        lines.insert(random.randrange(1, len(lines) + 1), random.choice(("Expect: 100-continue", "Connection: close", "Upgrade: h2c",
            "X: " + "a" * 17_000, odd(random), f"{odd(random)}: {odd(random)}", "Cookie: a=b", *(["X: y"] * 3))))  # fmt: skip
    data = _text("\r\n".join(lines) + "\r\n\r\n") + body
    if random.random() < 0.3:
        data = mutated_bytes(random, data)
    return Input("wire", inner.method, body=data * random.choice((1, 1, 1, 1, 3)))


def _token(random: Dice) -> Input:
    if random.random() < 0.4:
        envelope = random.choice((
            '<e xmlns:p="urn:partner.soap.sforce.com"><p:login><p:username>x</p:username><p:password>y</p:password></p:login></e>',
            '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<a/>",
        ))  # fmt: skip
        text = mutated_text(random, envelope) if random.random() < 0.7 else envelope
        return _request(
            "POST",
            f"/services/Soap/u/{random.choice(('60.0', '31.0', '99.0', odd(random)))}",
            {"Content-Type": "text/xml"},
            text,
        )
    grant = random.choice(
        ("password", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer", odd(random))
    )
    form = f"grant_type={quote(_text(grant))}&client_id={odd(random)}&client_secret=x&assertion={odd(random)}.e30.x&username=&password=x"
    text = mutated_text(random, form) if random.random() < 0.5 else form
    path = random.choice(
        ("/services/oauth2/token", "/services/oauth2/token", "/services/oauth2/revoke", "/services/oauth2/userinfo")
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | (
        {"Authorization": "Basic " + odd(random)} if random.random() < 0.2 else {}
    )
    return _request("POST", path, headers, text)
