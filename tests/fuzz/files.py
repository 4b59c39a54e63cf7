"""Files: CSV of pages and of results, against what Python's own reader makes of them; and whole loads."""

from __future__ import annotations

import csv
import io
import re
import warnings
from typing import Any

import polars as pl

import sfframe
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED, NotAnEchoError, read_echo
from sfframe.org.org import Org
from sfframe.query.pages.decode import BadPage, count_records, decode_csv, header_of
from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import DATETIME
from sfframe.row_errors import counted
from tests.fuzz import good
from tests.fuzz.given import Given, Input, csv_of, json_of
from tests.fuzz.target import Target, Variant, is_finite, must

csv.field_size_limit(2**31 - 1)
_WELL_FORMED = re.compile(r'(?:(?:"(?:[^"]|"")*"|[^",\r\n]+)?(?:,|\r?\n|\Z))*')
_COLUMNS = tuple(
    Column(name=name, dtype=dtype, way=(name,))
    for name, dtype in (
        ("Id", pl.String()), ("LastName", pl.String()), ("Amount__c", pl.Float64()), ("Level__c", pl.Int64()),
        ("Birthdate", pl.Date()), ("SystemModstamp", DATETIME), ("At__c", pl.Time()), ("IsDeleted", pl.Boolean()),
        ("Tags__c", pl.List(pl.String())),
    )
)  # fmt: skip
_TEXTS = _COLUMNS[:2]


def rows_of(body: bytes) -> list[list[str]] | None:
    """What Python's own reader makes of CSV as orgs write it; `None` of other CSV, of which readers differ."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if not _WELL_FORMED.fullmatch(text):
        return None
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    # A row without any value is one if its cells are quoted, which doesn't show any more.
    is_plain = len({len(row) for row in rows}) == 1 and all(map(any, rows))
    return rows if is_plain else None


async def decode_page(org: Org, sent: Input) -> None:
    body = sent.answers["page"][0].body
    columns = _COLUMNS if sent.variant == 0 else _TEXTS
    try:
        header = header_of(body)
        count_records(body)
        table = decode_csv(body, columns)
    except BadPage:
        return
    must(table.column_names == [column.name for column in columns], "other columns")
    frame = pl.DataFrame(table)
    must(is_finite(frame), "a number that is none")
    if not frame.height:
        return
    if (whole := rows_of(body)) is None:
        return
    rows = whole[1:]
    must(len(rows) == frame.height, f"{frame.height} rows of {len(rows)}")
    for name in ("Id", "LastName"):
        at = [one.lower() for one in header].index(name.lower())
        must([row[at] or None for row in rows] == frame[name].to_list(), f"another {name}")


_SENT = ("LastName", "ExternalId__c")
_SF = {SUCCESSFUL: ("sf__Id", "sf__Created"), FAILED: ("sf__Id", "sf__Error"), UNPROCESSED: ()}


async def read_result(org: Org, sent: Input) -> None:
    body, outcome = sent.answers["file"][0].body, sent.variant + 1
    try:
        frame = read_echo(body, outcome, _SENT)
    except NotAnEchoError:
        return
    counted(frame["sf__Error"])
    if not frame.height:
        return
    must(outcome != SUCCESSFUL or frame["sf__Id"].null_count() == 0, "a row that was written and has no id")
    must(outcome != SUCCESSFUL or frame["sf__Created"].null_count() == 0, "a row that doesn't say if it was made")
    if (rows := rows_of(body)) is None:
        return
    header = [name.lower() for name in rows[0]]
    must(len(rows) - 1 == frame.height, f"{frame.height} rows of {len(rows) - 1}")
    for name in (*_SF[outcome], *_SENT):
        if name in frame.columns and name.lower() in header:
            cells = [row[header.index(name.lower())] for row in rows[1:]]
            must(cells == frame[name].fill_null("").to_list(), f"another {name}")


async def ingest(org: Org, sent: Input) -> None:
    names, keys = ["Ng", 'O"Hara', "two\nlines", "Ünal"], ["A-1", "A-2", "A-3", "A-4"]
    frame = pl.DataFrame({"LastName": names, "ExternalId__c": keys})
    key = "ExternalId__c" if sent.variant else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
        result: sfframe.IngestResult[pl.DataFrame] = await sfframe.ingest_async(
            frame,
            "Contact",
            "upsert" if key else "insert",
            key,
            on_failure="return",
            progress=False,
            retry_rows={},  # a second job would get the answers of the first
            org=org,
        )
    frames = (result.successful_results, result.failed_results, result.unprocessed_records)
    must(sorted(name for one in frames for name in one["LastName"]) == sorted(names), "rows are missing or twice there")
    must(result.successful_results["sf__Id"].null_count() == 0, "a row that was written and has no id")
    must(result.errors["count"].sum() == result.counts["failed"], "errors that aren't those of the failed rows")
    must(repr(result), "no word")
    _same_ids(result.successful_results, sent.answers["successful"])


def _same_ids(frame: pl.DataFrame, given: tuple[Given, ...]) -> None:
    """Each row has the id that stands in its line."""
    rows = rows_of(given[0].body)
    if rows is None or len(given) > 1 or not {"sf__Id", "ExternalId__c"} <= set(rows[0]):
        return
    lines = {(row[rows[0].index("sf__Id")], row[rows[0].index("ExternalId__c")].strip()) for row in rows[1:]}
    for pair in frame.select("sf__Id", "ExternalId__c").rows():
        must(pair in lines, "a row with the id of another one")


def _ingest(state: str = "JobComplete") -> good.Answers:
    rest = good.lines('"LastName","ExternalId__c"') if state == "JobComplete" else None
    failed = good.FAILED.body.decode() + ('"","X:y:--","Ünal","A-4"\n' if rest else "")
    counts: dict[str, Any] = {"numberRecordsProcessed": 4 if rest else 3, "numberRecordsFailed": 2 if rest else 1}
    return {
        **good.DESCRIBES,
        "create": (json_of(good.job("Open")),),
        "upload": (Given(status=201),),
        "patch": (json_of({"id": good.JOB_ID, "state": "UploadComplete"}),),
        "job": (json_of(good.job("InProgress")), json_of(good.job(state, **counts))),
        "successful": (good.SUCCESSFUL,),
        "failed": (Given(failed.encode(), 200, good.FAILED.headers),),
        "unprocessed": (Given(rest.encode(), 200, good.FAILED.headers) if rest else good.UNPROCESSED,),
    }


_TWO_COLUMNS = csv_of(good.lines('"Id","LastName"', '"001","Ng"', '"002","two\nlines"', '"","O""Hara"'))
TARGETS = (
    Target("page", [Variant(decode_page, {"page": (page,)}) for page in (good.PAGE, _TWO_COLUMNS)], 20),
    Target(
        "file",
        [Variant(read_result, {"file": (one,)}) for one in (good.SUCCESSFUL, good.FAILED, good.UNPROCESSED)],
        12,
    ),
    Target("ingest", [Variant(ingest, _ingest(state)) for state in ("JobComplete", "Failed")], 1),
)
