"""`sfframe local-org` is ready at once, tells what clients need, and ends without loss (api, 8 and 9)."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sfframe
from sfframe.testing import Fault

from . import nursery
from .localorg.client import Client

FOLDER = Path(__file__).parents[1]
COMMAND = ["-m", "sfframe", "local-org"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SFFRAME_")}
DEADLINE_S = 30


class Facts:
    """What the command told, in the place of a server of this process."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.__dict__.update(facts)
        self.facts = facts


@contextmanager
def running(*arguments: str | Path) -> Iterator[tuple[Client, nursery.Child, dict[str, Any]]]:
    command = [*COMMAND, "--json", *map(str, arguments)]
    with nursery.Child(command, cwd=FOLDER, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            client = Client(Facts(facts), facts["access_token"])  # type: ignore[arg-type]  # as far as it is used
            yield client, process, facts
            client.close()
        finally:
            process.kill()


def end(process: nursery.Child, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    process.send_signal(number)
    _, told = process.communicate(timeout=DEADLINE_S)
    return process.wait(), told


# Many starts that can't be, in one process: each as the command makes it, but for what Python takes to begin. A start
# that isn't refused would wait for a signal, and gets one.
REFUSING = f"""
import io, json, signal, sys
from contextlib import redirect_stderr, redirect_stdout
from sfframe.__main__ import main

for line in sys.stdin:
    signal.alarm({DEADLINE_S})
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(["local-org", *json.loads(line)])
    signal.alarm(0)
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def refused() -> Iterator[Refused]:
    """What a start that can't be says, on its first line."""
    command = ["-c", REFUSING]
    with nursery.Child(command, cwd=FOLDER, env=CLEAN, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def start(*arguments: str | Path) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([*map(str, arguments)]) + "\n")
            process.stdin.flush()
            return first_line(*json.loads(process.stdout.readline()))

        yield start
        process.kill()


def first_line(code: int, out: str, err: str) -> str:
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    first, *_ = err.splitlines()
    assert first.startswith("sfframe local-org: ")
    return first


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Client, dict[str, Any]]]:
    """A command that runs, for those that only ask it."""
    with running() as (client, _, facts):
        yield client, facts


def test_it_keeps_its_database_and_ends_in_good_order(tmp_path: Path) -> None:
    database = tmp_path / "dev.db"
    last, before = "", dict[str, Any]()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with running("--db", database) as (client, process, facts):
            certificate = Path(facts["certificate"]).read_text("ascii")
            assert facts["certificate"] == f"{database}.pem"
            assert facts["database"] == str(database)
            assert "PRIVATE" not in certificate
            if before:
                assert client.wait(last)["numberRecordsProcessed"] == 2_000
                assert facts["client_id"] == before["client_id"]
                assert facts["client_secret"] == before["client_secret"]
                assert facts["access_token"] != before["access_token"]
                assert certificate == before["certificate"]
            assert client.load("LastName\nNg\n").info["numberRecordsProcessed"] == 1
            # This one is closed and nothing more: it runs at the latest when the database is opened again.
            last = client.open_job("LastName\n" + "Lovelace\n" * 2_000)
            assert client.patch(last).status == 200
            before = facts | {"certificate": certificate}
            assert end(process, number) == (0, "")


def test_each_fact_that_it_tells_logs_in(served: tuple[Client, dict[str, Any]]) -> None:
    client, facts = served
    assert client.get("/services/data/v66.0/limits").status == 200
    assert facts["database"] is None
    by_password = client.ask_token(
        grant_type="password", client_id=facts["client_id"], client_secret=facts["client_secret"],
        username=facts["username"], password=facts["password"] + facts["security_token"],
    )  # fmt: skip
    assert by_password.status == 200
    assert client.log_in().get("/services/data/v66.0/limits").status == 200


@pytest.fixture(scope="module")
def told() -> Iterator[list[str]]:
    """What a person reads, while it runs."""
    with subprocess.Popen(
        [sys.executable, *COMMAND], cwd=FOLDER, env=CLEAN, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or "HTTPS_PROXY" not in lines[-1]:
                lines.append(process.stdout.readline().rstrip("\n"))
            yield lines
        finally:
            process.terminate()


def pasted(lines: list[str], script: str) -> str:
    """What a script of Python prints in a shell that was told some lines."""
    ran = subprocess.run(
        ["bash", "-c", "\n".join([*lines, f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}"])],
        cwd=FOLDER, env=CLEAN, capture_output=True, text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_line_that_it_prints_makes_an_org_of_a_shell(told: list[str]) -> None:
    script = (
        "import polars as pl, sfframe; print(pl.DataFrame({'LastName': ['Ng', 'Lovelace']}).sfbulk.insert('Contact'))"
    )
    (line,) = [line for line in told if line.startswith("export SFFRAME_")]
    assert "2 successful of 2 rows" in pasted([line], script)


def test_the_lines_for_others_serve_simple_salesforce(told: list[str]) -> None:
    pytest.importorskip("simple_salesforce")
    (trust,) = [line for line in told if line.startswith("export REQUESTS_CA_BUNDLE=")]
    (call,) = [line for line in told if line.startswith("Salesforce(")]
    first = f"""
from simple_salesforce import Salesforce
sf = {call}
print(sf.bulk2.Contact.insert(records=[{{"LastName": "Ng"}}], wait=0)[0]["numberRecordsProcessed"])
"""
    assert pasted([trust], first) == "1\n"
    (proxy,) = [line for line in told if line.startswith("export HTTPS_PROXY=")]
    facts = {line[4:20].strip(): line[20:] for line in told if line.startswith("    ")}
    login = {name.replace(" ", "_"): facts[name] for name in ("username", "password", "security token")}
    second = f"""
from simple_salesforce import Salesforce
print(Salesforce(**{login!r}).Contact.create({{"LastName": "Lovelace"}})["success"])
"""
    assert pasted([trust, proxy], second) == "True\n"
    # Who has pasted all the lines into one shell still gets to the local org's own address.
    assert pasted([trust, proxy], first) == "1\n"


def test_the_certificate_goes_at_the_end_where_no_database_is_kept() -> None:
    with running() as (_, process, facts):
        path = Path(facts["certificate"])
        assert path.read_text("ascii").startswith("-----BEGIN CERTIFICATE")
        assert end(process) == (0, "")
        assert not path.parent.exists()


def test_several_run_at_once_and_the_seed_and_objects_are_each_ones_own(
    tmp_path: Path, served: tuple[Client, dict[str, Any]]
) -> None:
    other, second = served
    invoice = {"name": "Invoice__c", "fields": [{"name": "Id", "type": "id"}, {"name": "Total__c", "type": "double"}]}
    path = tmp_path / "invoice.json"
    path.write_text(json.dumps(invoice), "utf-8")
    with running("--objects", path, "--seed", "3") as (one, _, first):
        assert first["url"] != second["url"]
        assert first["client_secret"] != second["client_secret"]
        assert one.get("/services/data/v66.0/sobjects/Invoice__c/describe").status == 200
        assert other.get("/services/data/v66.0/sobjects/Invoice__c/describe").status == 404
        assert other.get("/services/data/v66.0/limits", {"Authorization": f"Bearer {one.token}"}).status == 401


def test_it_listens_on_loopback_alone(served: tuple[Client, dict[str, Any]], refused: Refused) -> None:
    assert "No such option" in refused("--host", "0.0.0.0")
    _, facts = served
    host, _, port = facts["url"].removeprefix("http://").partition(":")
    assert host == "127.0.0.1"
    with socket.socket() as free:
        # Were it bound to all addresses, another one of this machine would be taken too.
        free.bind(("127.0.0.2", int(port)))


def test_a_taken_port_is_named(refused: Refused) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in refused("--port", str(port))
    assert "65536 is not in the range" in refused("--port", "65536")


def test_a_database_that_cannot_be_had_is_named(tmp_path: Path, refused: Refused) -> None:
    database = tmp_path / "dev.db"
    with sfframe.LocalOrg(database):
        assert f"{database} is in use by another process" in refused("--db", database)
    (tmp_path / "not.db").write_bytes(b"no database at all " * 1000)
    assert "not a valid DuckDB database" in refused("--db", tmp_path / "not.db")
    assert "No such file or directory" in refused("--db", tmp_path / "nowhere" / "dev.db")
    # A start that failed leaves nothing behind.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.db", "dev.db.uploads", "not.db"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.json"])
def test_a_file_that_would_only_be_read_is_no_database(tmp_path: Path, refused: Refused, name: str) -> None:
    """DuckDB opens such a file as tables beside a database in memory: nothing would be kept, and nobody told."""
    (tmp_path / name).write_bytes(b"a\n1\n" if name.endswith("csv") else b'[{"a": 1}]')
    assert "it is no DuckDB file" in refused("--db", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(OSError, match="it is no DuckDB file"), sfframe.LocalOrg(":memory:"):
        pass


def test_faults_and_rules_can_be_set_too_and_the_rest_cannot() -> None:
    def rule(row: Mapping[str, object]) -> str | None:
        return f"no {row['LastName']}"

    with sfframe.LocalOrg() as local:
        faults = local.server.faults
        local.faults = [Fault("patch", "drop")]
        local.rules = {"Contact": rule}
        assert local.faults is faults
        assert faults == [Fault("patch", "drop")]
        assert dict(local.server.rules) == {"Contact": rule}
        for name in ("url", "client_secret", "faults_met"):
            with pytest.raises(AttributeError, match=name):
                setattr(local, name, "x")
            assert name in dir(local)


def test_the_help_tells_every_attribute() -> None:
    told = inspect.getdoc(sfframe.LocalOrg) or ""
    with sfframe.LocalOrg() as local:
        names = [name for name in dir(local) if name not in dir(type(local)) and not name.startswith("_")]
    assert "client_secret" in names
    assert [name for name in names if not re.search(rf"\b{name}\b", told)] == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no JSON in UTF-8"),
        (b"\xff", "no JSON in UTF-8"),
        (b"[]", "not a describe answer with name and fields"),
        (b'{"name": "X__c", "fields": 1}', "some fields have no name or no type"),
        (b'{"name": "X__c", "fields": [{"name": "A"}]}', "some fields have no name or no type"),
        (b'{"name": "X__c", "fields": []}', "has no Id field"),
    ],
)
def test_a_describe_file_that_is_none_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason), sfframe.LocalOrg(objects=[path]):
        pass


def test_a_missing_describe_file_is_said_by_the_command(tmp_path: Path) -> None:
    ran = nursery.run([*COMMAND, "--objects", str(tmp_path / "none.json")], cwd=FOLDER, env=CLEAN, timeout=DEADLINE_S)
    assert "No such file" in first_line(ran.returncode, ran.stdout, ran.stderr)


def test_without_its_packages_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['duckdb'] = None; from sfframe.__main__ import main; sys.exit(main(['local-org']))"
    )
    ran = nursery.run(["-c", script], cwd=FOLDER)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install 'sfframe[local]'" in ran.stderr
    assert "Traceback" not in ran.stderr
