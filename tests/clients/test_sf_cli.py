"""The command line of Salesforce runs on the local org as it comes, logged in by an access token."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfframe.localorg import Server

from .hard import GAPS, TEXTS, Record, expected, ids, in_database, records, sent
from .node import NPM, needs, run_json

pytestmark = needs("@salesforce/cli")

SF = str(NPM / "node_modules" / ".bin" / "sf")
# No telemetry, no look for updates, no keyring: nothing beside the org is asked or written.
QUIET = {
    "SF_DISABLE_TELEMETRY": "true",
    "SF_AUTOUPDATE_DISABLE": "true",
    "SF_SKIP_NEW_VERSION_CHECK": "true",
    "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
    "SF_DISABLE_LOG_FILE": "true",
}
SOQL = "SELECT Id, ExternalId__c, Description FROM Contact"
Command = Callable[..., Any]


@pytest.fixture(scope="module")
def home(one_server: Server, authority: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home in which somebody is logged in, over HTTPS."""
    path = tmp_path_factory.mktemp("home")
    environment = {**QUIET, "HOME": str(path), "USERPROFILE": str(path), "NODE_EXTRA_CA_CERTS": str(authority)}
    login = [SF, "org", "login", "access-token", "--instance-url", one_server.url.replace("http:", "https:")]
    login += ["--no-prompt", "--set-default", "--alias", "local", "--json"]
    answer = run_json(login, environment=environment | {"SF_ACCESS_TOKEN": one_server.new_access_token()})
    assert answer["status"] == 0, answer
    assert answer["result"]["username"] == one_server.username
    return environment


@pytest.fixture
def sf(server: Server, home: dict[str, str], tmp_path: Path) -> Command:
    """Runs a command and gives its result."""

    def run(*words: str, status: int = 0) -> Any:
        answer = run_json([SF, *words, "--json"], environment=home, folder=tmp_path)
        assert answer["status"] == status, answer
        return answer.get("result", answer)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[list[Record]], str]:
    """Writes rows as the notes advise."""

    def write(rows: list[Record]) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
        return str(path)

    return write


def test_display_knows_the_org(sf: Command, server: Server) -> None:
    shown = sf("org", "display")
    assert (shown["id"], shown["username"]) == (server.org.org_id, server.username)
    assert (shown["connectedStatus"], shown["alias"], shown["apiVersion"]) == ("Connected", "local", "67.0")
    token = sf("org", "auth", "show-access-token", "--no-prompt")["accessToken"]
    assert server.org.tokens.is_valid(token)


def test_import_and_export_bulk(sf: Command, server: Server, file: Callable[..., str], tmp_path: Path) -> None:
    result = sf("data", "import", "bulk", "--sobject", "Contact", "--file", file(records()), "--wait", "1")
    assert (result["processedRecords"], result["failedRecords"]) == (len(records()), 0)
    assert in_database(server) == expected()
    out = str(tmp_path / "out.csv")
    assert sf("data", "export", "bulk", "--query", SOQL, "--output-file", out, "--wait", "1")["totalSize"] == len(
        records()
    )
    with Path(out).open(encoding="utf-8", newline="") as lines:
        exported = {row["ExternalId__c"]: row["Description"] or None for row in csv.DictReader(lines)}
    assert exported == expected()


def test_update_bulk(sf: Command, server: Server, file: Callable[..., str]) -> None:
    made = file([{**row, "Description": "before"} for row in records()])
    sf("data", "import", "bulk", "--sobject", "Contact", "--file", made, "--wait", "1")
    rows = [{"Id": ids(server)[row["ExternalId__c"]], "Description": row["Description"]} for row in records()]
    result = sf("data", "update", "bulk", "--sobject", "Contact", "--file", file(rows), "--wait", "1")
    assert result["successfulRecords"] == len(rows)
    assert in_database(server) == expected() | dict.fromkeys(GAPS, "before")


def test_upsert_and_delete_bulk(sf: Command, server: Server, file: Callable[..., str]) -> None:
    upsert = ("data", "upsert", "bulk", "--sobject", "Contact", "--external-id", "ExternalId__c", "--wait", "1")
    result = sf(*upsert, "--file", file(records()))
    assert (result["jobInfo"]["numberRecordsProcessed"], result["jobInfo"]["numberRecordsFailed"]) == (
        len(records()),
        0,
    )
    assert in_database(server) == expected()
    succeeded = result["records"]["successfulResults"]
    assert {row["ExternalId__c"]: row["Description"] for row in succeeded} == sent()
    gone = {key: ids(server)[key] for key in list(TEXTS)[::2]}
    delete = ("data", "delete", "bulk", "--sobject", "Contact", "--wait", "1")
    sf(*delete, "--file", file([{"Id": record_id} for record_id in gone.values()]))
    assert in_database(server) == {key: text for key, text in expected().items() if key not in gone}


def test_query(sf: Command, server: Server, file: Callable[..., str], home: dict[str, str]) -> None:
    sf("data", "import", "bulk", "--sobject", "Contact", "--file", file(records()), "--wait", "1")
    result = sf("data", "query", "--query", SOQL)
    assert {row["ExternalId__c"]: row["Description"] for row in result["records"]} == expected()
    soql = "SELECT COUNT(Id) many, Account.Name FROM Contact GROUP BY Account.Name"
    assert [row["many"] for row in sf("data", "query", "--query", soql)["records"]] == [len(records())]
    refused = sf("data", "query", "--query", "SELECT Nonsense FROM Contact", status=1)
    assert refused["name"] == "INVALID_FIELD"


def test_rows_that_fail_are_told(sf: Command, server: Server, file: Callable[..., str], tmp_path: Path) -> None:
    rows = [*records(), {"ExternalId__c": "nameless", "LastName": "", "Description": "x\ny"}]
    answer = sf("data", "import", "bulk", "--sobject", "Contact", "--file", file(rows), "--wait", "1", status=1)
    assert answer["name"] == "FailedRecordDetailsError"
    assert in_database(server) == expected()
    (job,), _ = server.org.jobs.page(0, None)
    result = sf("data", "bulk", "results", "--job-id", job.id)
    assert (result["successfulRecords"], result["failedRecords"]) == (len(records()), 1)
    with (tmp_path / result["failedFilePath"]).open(encoding="utf-8", newline="") as lines:
        (failed,) = csv.DictReader(lines)
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert failed["Description"] == "x\ny"


def test_a_job_that_fails_is_told(sf: Command, file: Callable[..., str]) -> None:
    rows = [{"Nonsense__c": "x", "LastName": "Ng"}]
    answer = sf("data", "import", "bulk", "--sobject", "Contact", "--file", file(rows), "--wait", "1", status=1)
    assert "InvalidBatch" in str(answer)


SCRIPT = """
import polars, sfframe

frame = polars.DataFrame({"LastName": ["Ng"], "Description": ["a\\r\\nb"]})
frame.sfbulk.insert("Contact", org=sfframe.Org.from_cli("local"))
"""


@pytest.mark.usefixtures("trusting")
def test_sfframe_takes_over_the_session(server: Server, home: dict[str, str]) -> None:
    """What users do at their desks: logged in once by the command line, then from Python without a secret."""
    path = f"{NPM / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | home | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert server.rows("Contact")["Description"].to_pylist() == ["a\r\nb"]
