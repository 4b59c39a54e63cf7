"""Requests with JSON: records, collections, composites, and whatever else there is."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote

from tests.localorg.fuzz import soql
from tests.localorg.fuzz.inputs import DATA, Input, encoded, request
from tests.localorg.fuzz.jobs import members_of_job
from tests.localorg.fuzz.words import (
    IDS,
    Dice,
    field,
    json_value,
    mutated_bytes,
    mutated_json,
    mutated_text,
    odd,
    sobject,
    value,
)

_JSON = {"Content-Type": "application/json"}


def json_request(random: Dice) -> Input:
    method, path, body = random.choice((_record, _record, _collection, _composite, _plain, _plain, _job_request))(
        random
    )
    if random.goes_wild(0.7):
        path = mutated_text(random, path)
    if random.goes_wild(0.4):
        method = random.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE"))
    # Not all characters may stand in a path; those that mustn't are for the wire.
    path = quote(encoded(path), safe="/?&=%:!*'();,+-._~{}")
    headers = (
        dict(_JSON) if not random.goes_wild(0.2) else {"Content-Type": odd(random).replace("\r", "").replace("\n", "")}
    )
    if random.random() < 0.05:
        headers |= random.choice(
            (
                {"If-Modified-Since": odd(random).strip()},
                {"X-PrettyPrint": "1"},
                {"Accept": "application/xml"},
                {"Accept-Encoding": "gzip"},
                {"Sforce-Query-Options": f"batchSize={odd(random).strip()}"},
                {"Authorization": "Bearer x"},
                {"Sforce-Call-Options": odd(random).strip()},
                {"If-Match": "x"},
                {"Range": "bytes=0-3"},
            )
        )
    data = b"" if body is None else encoded(mutated_json(random, body))
    if random.goes_wild(0.3):
        data = mutated_bytes(random, data)
    if random.random() < 0.03:
        headers["Content-Encoding"] = random.choice(("gzip", "deflate", "nonsense"))
        data = gzip.compress(data, mtime=0) if random.random() < 0.7 else data
    clean = {name: "".join(c for c in text if c.isprintable() and ord(c) < 256) for name, text in headers.items()}
    return request(method, path, clean, data)


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
    method, path = random.choice(
        (
            ("POST", base),
            ("POST", base),
            ("PATCH", f"{base}/{random.choice(IDS)}"),
            ("GET", f"{base}/{random.choice(IDS)}"),
            ("DELETE", f"{base}/{random.choice(IDS)}"),
            ("PATCH", f"{base}/ExternalId__c/{value(random, 'string')}"),
            ("GET", f"{base}/ExternalId__c/{value(random, 'string')}"),
            ("PATCH", f"{base}/{field(random, name)[0]}/{odd(random)}"),
            ("GET", f"{base}/{random.choice(IDS)}?fields={','.join(field(random, name)[0] for _ in range(3))}"),
            ("GET", f"{base}/updated?start={value(random, 'datetime')}&end={value(random, 'datetime')}"),
            ("GET", f"{base}/deleted?start={value(random, 'datetime')}&end={value(random, 'datetime')}"),
            ("GET", f"{base}/describe"),
            ("GET", base),
            ("DELETE", f"{base}/ExternalId__c/{odd(random)}"),
        )
    )
    return method, path, _values(random, name) if method in ("POST", "PATCH") else None


def _collection(random: Dice) -> tuple[str, str, Any]:
    base = f"{DATA}/composite/sobjects"
    records = [
        {"attributes": {"type": (name := sobject(random))}, **_values(random, name)}
        for _ in range(random.choice((0, 1, 2, 5, 201)))
    ]
    method, path = random.choice(
        (
            ("POST", base),
            ("PATCH", base),
            ("PATCH", f"{base}/{sobject(random)}/ExternalId__c"),
            ("GET", f"{base}/{sobject(random)}"),
            ("DELETE", f"{base}?ids={','.join(random.choice(IDS) for _ in range(3))}&allOrNone={odd(random)}"),
        )
    )
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
    path = random.choice(
        (
            "",
            "/limits",
            "/sobjects",
            "/jobs/ingest",
            "/jobs/query",
            "/jobs/ingest?queryLocator={odd}",
            "/jobs/query?jobType={odd}",
            "/query/{odd}",
            "/query/0r8000000000000AAA-{odd}",
            "/jobs/query/{query}/results?locator={odd}&maxRecords={odd}",
            "/jobs/query/{query}/resultPages?numberOfPages={odd}",
            "/jobs/ingest/{job}/successfulResults",
            "/jobs/ingest/{job}/failedResults",
            "/jobs/ingest/{odd}",
            "/jobs/query/{odd}",
            "/query",
            "/query?q={odd}",
            "/search",
            "/tooling/query?q=x",
            "/query?q=x&q=y",
        )
    )
    return "GET", DATA + path.replace("{odd}", odd(random)), None


def _job_request(random: Dice) -> tuple[str, str, Any]:
    base, kind = random.choice((("/jobs/ingest", "ingest"), ("/jobs/query", "query")))
    if random.random() < 0.6:
        return (
            "POST",
            DATA + base,
            json.loads(members_of_job(random, kind)) | ({"query": soql.statement(random)} if kind == "query" else {}),
        )
    name = random.choice(("{job}", "{query}", odd(random)))
    method = random.choice(("PATCH", "PATCH", "DELETE", "GET"))
    return method, f"{DATA}{base}/{name}", {"state": random.choice(("UploadComplete", "Aborted", "Open", odd(random)))}
