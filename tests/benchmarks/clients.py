"""Each client as its users would call it, measured in a process of its own.

    python -m tests.benchmarks.clients NAME '{"url": ..., "data": ..., "rows": ..., "parts": ...}'

prints one JSON line: the cost of the call and the rows whose outcome it came back with.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .measure import measured

KEY = "ExternalId__c"
VERSION = "66.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Where the org listens, where its rows lie (Parquet), and where sfframe's parts of them lie (CSV)."""

    url: str
    data: str
    rows: int
    parts: str


@dataclass(frozen=True, slots=True)
class Client:
    """`load` before the clock, `call` under it, `rows` after it: checks the outcomes and counts them."""

    load: Callable[[Setting], Any]
    call: Callable[[Setting, Any], Any]
    rows: Callable[[Any], int]


class WrongAnswerError(AssertionError):
    """A client came back with outcomes that aren't those of its rows."""


# The modules are imported while loading, so that a process holds its own client's and no other's.
def _module(name: str) -> Any:
    return importlib.import_module(name)


def _sfframe_and(frame: Callable[[Setting], Any]) -> Callable[[Setting], Any]:
    def load(setting: Setting) -> Any:
        _module("sfframe")
        return frame(setting)

    return load


def _polars_frame(setting: Setting) -> Any:
    return _module("polars").read_parquet(setting.data)


def _pandas_frame(setting: Setting) -> Any:
    return _module("pandas").read_parquet(setting.data)


def _lazy_frame(setting: Setting) -> Any:
    return _module("polars").scan_parquet(setting.data)


def _dataset(setting: Setting) -> Any:
    return _module("pyarrow.dataset").dataset(setting.data)


def _relation(setting: Setting) -> Any:
    return _module("duckdb").connect().read_parquet(setting.data)


def _org(setting: Setting) -> Any:
    sfframe = _module("sfframe")
    return sfframe.Org(setting.url, sfframe.AccessToken("bench"))


def _upsert(setting: Setting, frame: Any) -> Any:
    result = frame.sfbulk.upsert("Contact", KEY, org=_org(setting))
    return result.successful_results, result.failed_results, result.unprocessed_records


def _upsert_recorded(setting: Setting, frame: Any) -> Any:
    """As `_upsert`, with a journal beside the parts."""
    with tempfile.TemporaryDirectory(dir=setting.parts) as journal:
        result = frame.sfbulk.upsert("Contact", KEY, org=_org(setting), journal=journal)
        return result.successful_results, result.failed_results, result.unprocessed_records


def _upsert_lazy(setting: Setting, frame: Any) -> Any:
    """As `_upsert`, with the lazy results read to their ends."""
    results = _upsert(setting, frame)
    return results, [_length(lazy) for lazy in results]


def _ingest_stream(setting: Setting, stream: Any) -> Any:
    """As `_upsert`, with the datasets that come back read to their ends."""
    result = _module("sfframe").ingest(stream, "Contact", "upsert", KEY, org=_org(setting))
    datasets = result.successful_results, result.failed_results, result.unprocessed_records
    return datasets, [_n_rows(dataset) for dataset in datasets]


def _n_rows(dataset: Any) -> int:
    groups = (group for fragment in dataset.get_fragments() for group in fragment.split_by_row_group())
    return sum(batch.num_rows for group in groups for batch in group.to_batches())


def _length(lazy: Any) -> Any:
    return lazy.select(_module("polars").len()).collect(engine="streaming").item()


def _record_ids(polars: Any) -> Any:
    return "003" + polars.col(KEY).str.slice(2).str.zfill(12) + "AAA"


def _rows_of_frames(results: Any) -> int:
    successful = results[0]
    right = "003" + successful[KEY].str.slice(2).astype(str).str.zfill(12) + "AAA"
    _confirm((successful["sf__Id"] == right).all())
    return sum(map(len, results))


def _rows_of_polars(results: Any) -> int:
    polars = _module("polars")
    _confirm(results[0].select((polars.col("sf__Id") == _record_ids(polars)).all()).item())
    return sum(map(len, results))


def _rows_of_lazy(results_and_lengths: Any) -> int:
    (successful, *_), lengths = results_and_lengths
    polars = _module("polars")
    _confirm(_length(successful.filter(polars.col("sf__Id") != _record_ids(polars))) == 0)
    return sum(lengths)


def _rows_of_datasets(results_and_lengths: Any) -> int:
    (successful, *_), lengths = results_and_lengths
    return _rows_of_lazy(([_module("polars").scan_parquet(successful.files)], lengths))


def _rows_of_dicts(results: Iterable[list[dict[str, str]]]) -> int:
    successful, *others = results
    _confirm(all(row["sf__Id"] == f"003{row[KEY][2:]:0>12}AAA" for row in successful))
    return len(successful) + sum(map(len, others))


def _confirm(holds: bool) -> None:
    if not holds:
        raise WrongAnswerError("an sf__Id belongs to the key of another row")


def _aiosalesforce_frame(setting: Setting) -> Any:
    for name in ("aiosalesforce", "aiosalesforce.auth", "httpx"):
        _module(name)
    return _polars_frame(setting)


def _aiosalesforce(setting: Setting, frame: Any) -> Any:
    """Its data are dicts, so that making them is part of the call."""
    return asyncio.run(_aiosalesforce_upsert(setting, frame.to_dicts()))


async def _aiosalesforce_upsert(setting: Setting, records: list[dict[str, Any]]) -> Any:
    httpx, url = _module("httpx"), setting.url.removeprefix("http://")

    async def to_loopback(request: Any) -> None:
        """It takes addresses of my.salesforce.com alone."""
        host, port = url.split(":")
        request.url = request.url.copy_with(scheme="http", host=host, port=int(port))

    async with httpx.AsyncClient(event_hooks={"request": [to_loopback]}) as session:
        auth = _module("aiosalesforce.auth").ClientCredentialsFlow("bench", "bench")
        org = _module("aiosalesforce").Salesforce(session, "https://bench.my.salesforce.com", auth)
        result = await org.bulk_v2.upsert("Contact", records, KEY)
    return result.successful_results, result.failed_results, result.unprocessed_records


def _simple_salesforce_frame(setting: Setting) -> Any:
    _module("simple_salesforce")
    return _polars_frame(setting)


def _simple_salesforce(setting: Setting, frame: Any) -> Any:
    """From a CSV file: the faster of its two ways, with dates and booleans as the org wants them."""
    file = Path(setting.parts) / "simple-salesforce.csv.tmp"
    frame.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
    org = _module("simple_salesforce").Salesforce(session_id="bench", instance_url=setting.url, version=VERSION)
    org.bulk2_url = f"{setting.url}/services/data/v{VERSION}/jobs/"  # it writes https whatever it is given
    contacts = org.bulk2.Contact
    jobs = contacts.upsert(csv_file=str(file), external_id_field=KEY)
    results = [contacts.get_all_ingest_records(job["job_id"]) for job in jobs]
    names = ("successfulRecords", "failedRecords", "unprocessedRecords")
    return [[row for result in results for row in result[name]] for name in names]


def _floor_parts(setting: Setting) -> list[bytes]:
    return _module(f"{__package__}.floor").parts_in(Path(setting.parts))  # type: ignore[no-any-return]  # a module is Any


def _floor(setting: Setting, parts: list[bytes]) -> Any:
    return _module(f"{__package__}.floor").send(setting.url, parts)


def _rows_of_answers(answers: Any) -> int:
    """Parsed after the clock, for the count alone."""
    polars = _module("polars")
    return sum(
        len(polars.read_csv(results, infer_schema=False))
        for answer in answers
        for results in (answer.successful, answer.failed, answer.unprocessed)
    )


def _work_frame(setting: Setting) -> Any:
    """The frame and all results of it, as one job's bytes."""
    frame = _polars_frame(setting)
    echo = _module(f"{__package__}.echo")
    ready, header = echo.ready(Path(setting.data)), ",".join(frame.columns).encode() + b"\n"
    successful = echo.SUCCESSFUL + header + b"".join(ready.successful.of(0, setting.rows))
    return frame, successful, echo.FAILED + header + b"".join(ready.failed.of(0, setting.rows))


def _work(_: Setting, frame_and_results: Any) -> int:
    return _module(f"{__package__}.floor").write_and_read(*frame_and_results)  # type: ignore[no-any-return]  # as above


def _parts(setting: Setting, frame: Any) -> int:
    """Not a client: writes the parts that sfframe sends, for the floor."""
    payloads = frame.sfbulk.payloads("Contact", "upsert", KEY, org=_org(setting))
    return sum((Path(setting.parts) / f"{n:04d}.csv").write_bytes(bytes(part)) for n, part in enumerate(payloads))


CLIENTS = {
    "polars": Client(_sfframe_and(_polars_frame), _upsert, _rows_of_polars),
    "journal": Client(_sfframe_and(_polars_frame), _upsert_recorded, _rows_of_polars),
    "pandas": Client(_sfframe_and(_pandas_frame), _upsert, _rows_of_frames),
    "lazy": Client(_sfframe_and(_lazy_frame), _upsert_lazy, _rows_of_lazy),
    "dataset": Client(_sfframe_and(_dataset), _ingest_stream, _rows_of_datasets),
    "relation": Client(_sfframe_and(_relation), _ingest_stream, _rows_of_datasets),
    "parts": Client(_sfframe_and(_polars_frame), _parts, int),
    "floor": Client(_floor_parts, _floor, _rows_of_answers),
    "work": Client(_work_frame, _work, int),
    "aiosalesforce": Client(_aiosalesforce_frame, _aiosalesforce, _rows_of_dicts),
    "simple-salesforce": Client(_simple_salesforce_frame, _simple_salesforce, _rows_of_dicts),
}


def main(name: str, setting: Setting) -> None:
    warnings.simplefilter("ignore")  # rows do fail, as meant
    client = CLIENTS[name]
    loaded = client.load(setting)
    answer, cost = measured(lambda: client.call(setting, loaded))
    sys.stdout.write(json.dumps(dataclasses.asdict(cost) | {"rows": client.rows(answer)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Setting(**json.loads(sys.argv[2])))
