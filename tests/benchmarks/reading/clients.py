"""Each reader as its users would call it, measured in a process of its own.

    python -m tests.benchmarks.reading.clients NAME URL ROWS FOLDER

prints one JSON line: the cost of the call and the rows that it came back with. Modules are imported before the clock,
so that a process holds its own client's and no other's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.data import KEY
from tests.benchmarks.describe import FIELDS
from tests.benchmarks.measure import measured

VERSION = "66.0"
NAMES = [field["name"] for field in FIELDS if field["name"] != "Id"]
SOQL = f"SELECT {', '.join(NAMES)} FROM Contact"
_ROOT = f"/services/data/v{VERSION}/jobs/query"


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _org(url: str) -> Any:
    sfframe = _module("sfframe")
    return sfframe.Org(url, sfframe.AccessToken("bench"))


def _polars(url: str, folder: Path) -> int:
    return int(_module("sfframe").read_soql(SOQL, org=_org(url)).height)


def _pandas(url: str, folder: Path) -> int:
    return len(_module("sfframe").read_soql(SOQL, backend="pandas", org=_org(url)))


def _iterate(url: str, folder: Path) -> int:
    return sum(batch.height for batch in _module("sfframe").iter_soql(SOQL, org=_org(url)))


def _sink(url: str, folder: Path) -> int:
    _module("sfframe").sink_soql(SOQL, folder / "sink.parquet", org=_org(url))
    return _rows_in(folder / "sink.parquet")


def _scan(url: str, folder: Path) -> int:
    lf = _module("sfframe").scan_sobject("Contact", org=_org(url))
    lf.select(NAMES).sink_parquet(folder / "scan.parquet")
    return _rows_in(folder / "scan.parquet")


def _rows_in(path: Path) -> int:
    return int(_module("pyarrow.parquet").read_metadata(path).num_rows)


def _schema() -> Any:
    pl = _module("polars")
    kinds = {"date": pl.Date, "datetime": pl.Datetime("us", "UTC"), "double": pl.Float64, "boolean": pl.Boolean}
    return {field["name"]: kinds.get(field["type"], pl.String) for field in FIELDS if field["name"] != "Id"}


async def _bare_pages(url: str) -> list[bytes]:
    aiohttp, pages, locator = _module("aiohttp"), [], "0"
    async with aiohttp.ClientSession() as session:
        while locator != "null":
            async with session.get(f"{url}{_ROOT}/750000000000000AAA/results", params={"locator": locator}) as answer:
                locator = answer.headers["Sforce-Locator"]
                pages.append(await answer.read())
    return pages


def _floor(url: str, folder: Path) -> int:
    """The same pages by bare requests, one after the other, and Polars' reader with the schema."""
    pl = _module("polars")
    schema = _schema()
    frames = [pl.read_csv(page, schema=schema) for page in asyncio.run(_bare_pages(url))]
    return int(pl.concat(frames).height)


def _page_by_page(url: str, folder: Path) -> int:
    """sfframe's own reader, which asks for a page when the one before is there."""
    _module("sfframe.query.pages.bulk").at_once = lambda largest: 1
    return _polars(url, folder)


def _simple_salesforce(url: str, folder: Path) -> int:
    """`bulk2.query`, not told to wait, and pandas' reader for each page, to the dtypes that sfframe gives."""
    pandas = _module("pandas")
    org = _module("simple_salesforce").Salesforce(session_id="bench", instance_url=url, version=VERSION)
    org.bulk2_url = f"{url}/services/data/v{VERSION}/jobs/"  # it writes https whatever it is given
    frames = [_typed(pandas, page) for page in org.bulk2.Contact.query(SOQL, wait=0)]
    return len(pandas.concat(frames))


def _typed(pandas: Any, page: str) -> Any:
    text = {field["name"]: "str" for field in FIELDS if field["type"] in ("string", "email", "textarea")}
    dtypes = text | {"Score__c": "float64", "Visits__c": "float64", "DoNotCall": "boolean"}
    return pandas.read_csv(
        _module("io").StringIO(page), dtype=dtypes, keep_default_na=False, na_values=[""],
        parse_dates=["Birthdate", "LastVisit__c"],
    )  # fmt: skip


CLIENTS: dict[str, tuple[Callable[[str, Path], int], tuple[str, ...]]] = {
    "polars": (_polars, ("sfframe",)),
    "pandas": (_pandas, ("sfframe",)),
    "iter": (_iterate, ("sfframe",)),
    "sink": (_sink, ("sfframe",)),
    "scan": (_scan, ("sfframe",)),
    "floor": (_floor, ("aiohttp", "polars")),
    "page by page": (_page_by_page, ("sfframe",)),
    "simple-salesforce": (_simple_salesforce, ("simple_salesforce", "pandas", "io")),
}


def main(name: str, url: str, folder: Path) -> None:
    call, modules = CLIENTS[name]
    for module in modules:
        _module(module)
    room = folder / "read"
    room.mkdir(exist_ok=True)
    try:
        rows, cost = measured(lambda: call(url, room))
    finally:
        shutil.rmtree(room)
    sys.stdout.write(json.dumps(dataclasses.asdict(cost) | {"rows": rows}) + "\n")


if __name__ == "__main__":
    assert KEY in NAMES
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
