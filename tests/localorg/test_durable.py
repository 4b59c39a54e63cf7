"""What is committed stays, whatever ends the process; what is temporary goes (wire notes, 3.8, 12)."""

from __future__ import annotations

import ast
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from sfframe import localorg
from sfframe.localorg import Fault, Server
from tests import nursery

from .client import JOBS, VERSION, Client

SERVE = """
import sys, time
from contextlib import ExitStack
from sfframe.localorg import Fault, Server
with ExitStack() as stack:
    for done_before in sys.argv[2:]:
        stuck = Fault("job", "stuck", after_rows=int(done_before))
        server = stack.enter_context(Server(f"{sys.argv[1]}{done_before}.db", faults=[stuck]))
        print(server.url, server.client_id, server.client_secret, flush=True)
    time.sleep(60)
"""
ROWS = "LastName,ExternalId__c\n" + "".join(f"n{number},k{number}\n" for number in range(600))


class Killed:
    """Another process's org, seen through a client."""

    def __init__(self, line: str) -> None:
        self.url, self.client_id, self.client_secret = line.split()


def test_a_closed_job_is_finished_after_a_kill_each_row_once(tmp_path: Path) -> None:
    places = [0, 200, 450]
    command = ["-c", SERVE, f"{tmp_path}/dev", *map(str, places)]
    jobs: dict[int, tuple[str, str]] = {}
    with nursery.Child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for done_before in places:
            client = Client(Killed(process.stdout.readline())).log_in()  # type: ignore[arg-type]  # as far as it is used
            waiting = client.open_job("LastName\nlater\n")
            job_id = client.open_job(ROWS)
            assert client.patch(job_id).status == 200
            while client.job(job_id).get("numberRecordsProcessed") != done_before:
                pass
            jobs[done_before] = (job_id, waiting)
            client.close()
        process.kill()
    for done_before in places:
        _check_finished(tmp_path / f"dev{done_before}.db", *jobs[done_before])


def _check_finished(database: Path, job_id: str, waiting: str) -> None:
    with Server(database) as server:
        client = Client(server).log_in()
        assert client.wait(job_id)["numberRecordsProcessed"] == 600
        done = client.results(job_id)
        assert len(done.ids) == 600
        assert sorted(record["Id"] for record in client.records()) == sorted(done.ids)
        assert len({record["ExternalId__c"] for record in client.records()}) == 600
        assert client.job(waiting)["state"] == "Open"
        client.patch(waiting)
        assert client.wait(waiting)["numberRecordsProcessed"] == 1
        assert client.create().json["id"] not in (job_id, waiting)
        client.close()


def test_a_database_opened_again_has_its_records_objects_and_jobs(tmp_path: Path) -> None:
    with Server(tmp_path / "dev.db") as server:
        server.define("Invoice__c", {"Total__c": "currency"})
        client = Client(server).log_in()
        done = client.load("Total__c\n12.5\n", sobject="Invoice__c")
        client.close()
    with Server(tmp_path / "dev.db") as server:
        server.define("Invoice__c", {"Total__c": "currency", "Paid__c": "boolean"})
        client = Client(server).log_in()
        assert client.results(done.info["id"]).successful_csv == done.successful_csv
        (new,) = client.load("Total__c,Paid__c\n1,true\n", sobject="Invoice__c").ids
        old = done.ids[0]
        assert {r["Id"]: (r["Total__c"], r["Paid__c"]) for r in client.records("Invoice__c")} == {
            old: (12.5, None),
            new: (1.0, True),
        }
        with pytest.raises(ValueError, match=r"Invoice__c.Total__c is kept as DOUBLE, a date needs DATE"):
            server.define("Invoice__c", {"Total__c": "date"})
        client.close()


def test_a_stopped_org_leaves_no_thread_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(threading.enumerate())
    with Server(faults=[Fault("job", "stuck")]) as server:
        client = Client(server).log_in()
        job_id = client.open_job(ROWS)
        client.patch(job_id)
        client.load("LastName\nx\n")
        assert list(tmp_path.iterdir())
    client.close()
    assert set(threading.enumerate()) == before
    assert list(tmp_path.iterdir()) == []
    server.stop()


def test_starting_twice_or_on_a_taken_port_is_an_error() -> None:
    with Server() as server:
        with pytest.raises(RuntimeError, match="runs already"):
            server.start()
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"port {port} is taken"), Server(port=port):
            pass
    with pytest.raises(RuntimeError, match="isn't started"):
        _ = Server().client_id


def test_the_local_org_imports_nothing_of_the_client_and_no_frame_library() -> None:
    """Two readings of the documents check each other only as long as neither leans on the other."""
    for path in Path(localorg.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] not in ("pandas", "polars"), path
                assert name.partition(".")[0] != "sfframe" or name.startswith("sfframe.localorg"), path


@pytest.mark.parametrize("is_kept", [False, True])
def test_folders_that_somebody_has_tidied_away_are_made_again(tmp_path: Path, is_kept: bool) -> None:
    with Server(tmp_path / "org.duckdb" if is_kept else None) as server:
        client = Client(server).log_in()
        uploaded, ended = client.open_job(ROWS), client.open_job(ROWS)
        client.patch(ended)
        client.wait(ended)
        shutil.rmtree(server.org.store.uploads)
        assert client.load("LastName\nNg\n").info["state"] == "JobComplete"
        shutil.rmtree(server.org.store.uploads)
        assert client.get(f"/services/data/v{VERSION}/query?q=SELECT+Id,LastName+FROM+Contact").status == 200
        # What was uploaded is gone with it: never as if it had been empty.
        client.patch(uploaded)
        info = client.wait(uploaded)
        assert (info["state"], info["numberRecordsProcessed"]) == ("Failed", 0)
        assert client.get(f"{JOBS}/{ended}/successfulResults").error == (500, "UNKNOWN_EXCEPTION")
        client.close()


def test_a_database_has_one_org_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "org.duckdb"
    with Server(file):
        for other in (file, tmp_path / "x" / ".." / "org.duckdb"):
            with pytest.raises(OSError, match="in use by another local org of this process"):
                Server(other).start()
    with Server(file) as server:
        assert server.rows("Contact").num_rows == 0
    (tmp_path / "none.duckdb").write_text("not a database, by any means")
    for _ in range(2):
        with pytest.raises(OSError, match="can't be opened"):
            Server(tmp_path / "none.duckdb").start()
