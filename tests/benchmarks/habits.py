"""What clients do with a gap, a line break and a refused row: three rows into a local org, then a look at both sides.

python -m tests.benchmarks.habits
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .table import table

KEY = "ExternalId__c"
VERSION = "66.0"


def rows() -> Any:
    """A gap among numbers and in a text, a line break, and an e-mail address that the org refuses."""
    return importlib.import_module("pandas").DataFrame(
        {
            KEY: ["C-1", "C-2", "C-3"],
            "LastName": ["first", "line\nbreak", "third"],
            "Email": ["a@example.com", None, "n/a"],
            "Visits__c": [1, None, 3],
        }
    )


def sfframe_upsert(local: Any, frame: Any) -> tuple[list[dict[str, Any]], list[str]]:
    result = frame.sfbulk.upsert("Contact", KEY, org=local.org)
    return result.to_frame().to_dict("records"), [type(result.failed_results).__name__]


def simple_salesforce_upsert(local: Any, frame: Any) -> tuple[list[dict[str, Any]], list[str]]:
    module = importlib.import_module("simple_salesforce")
    org = module.Salesforce(session_id=_token(local), instance_url=local.url, version=VERSION)
    org.bulk2_url = f"{local.url}/services/data/v{VERSION}/jobs/"  # it writes https whatever it is given
    jobs = org.bulk2.Contact.upsert(records=frame.to_dict("records"), external_id_field=KEY)
    results = [org.bulk2.Contact.get_all_ingest_records(job["job_id"]) for job in jobs]
    return [row for result in results for kind in result.values() for row in kind], ["CSV, or dicts of text"]


def aiosalesforce_upsert(local: Any, frame: Any) -> tuple[list[dict[str, Any]], list[str]]:
    result = asyncio.run(_aiosalesforce(local, frame))
    kinds = (result.successful_results, result.failed_results, result.unprocessed_records)
    return [row for kind in kinds for row in kind], ["dicts of text"]


async def _aiosalesforce(local: Any, frame: Any) -> Any:
    httpx = importlib.import_module("httpx")
    host, port = urllib.parse.urlsplit(local.url).netloc.split(":")

    async def to_loopback(request: Any) -> None:
        """It takes addresses of my.salesforce.com alone."""
        request.url = request.url.copy_with(scheme="http", host=host, port=int(port))

    async with httpx.AsyncClient(event_hooks={"request": [to_loopback]}) as session:
        flow = importlib.import_module("aiosalesforce.auth").ClientCredentialsFlow
        auth = flow(local.client_id, local.client_secret)
        org = importlib.import_module("aiosalesforce").Salesforce(session, "https://x.my.salesforce.com", auth)
        return await org.bulk_v2.upsert("Contact", frame.to_dict("records"), KEY)


def _token(local: Any) -> str:
    grant = {"grant_type": "client_credentials", "client_id": local.client_id, "client_secret": local.client_secret}
    with urllib.request.urlopen(f"{local.url}/services/oauth2/token", urllib.parse.urlencode(grant).encode()) as answer:
        return str(json.load(answer)["access_token"])


CLIENTS: dict[str, Callable[[Any, Any], tuple[list[dict[str, Any]], list[str]]]] = {
    "sfframe": sfframe_upsert,
    "simple-salesforce": simple_salesforce_upsert,
    "aiosalesforce": aiosalesforce_upsert,
}


def habits(client: str) -> dict[str, str]:
    """One line of the table."""
    sfframe = importlib.import_module("sfframe")
    with sfframe.LocalOrg() as local, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        back, kinds = CLIENTS[client](local, rows())
        in_org = {row[KEY]: row for row in local.rows("Contact").to_pylist()}
    by_key = {row[KEY]: row for row in back}
    gap = in_org.get("C-2")
    told = [type(w.message).__name__ for w in caught if "Failed" in type(w.message).__name__]
    return {
        "client": client,
        "row with gaps": "loaded" if gap else str(by_key["C-2"].get("sf__Error")).split("Due to, ")[-1][:45],
        "line break in the results": repr(by_key["C-2"]["LastName"]),
        "a refused row": ", ".join(told) or "silent",
        "results": kinds[0],
        "their order": " ".join(str(row[KEY]) for row in back),
    }


def main(names: Sequence[str]) -> None:
    lines = [habits(name) for name in names or CLIENTS]
    sys.stdout.write(table(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
