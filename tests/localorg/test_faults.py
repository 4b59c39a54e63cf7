"""What goes wrong on purpose (wire notes, 12 and 13)."""

from __future__ import annotations

import re
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest

from sfframe.localorg import Fault, Server

from .client import JOBS, Client

ROWS = "LastName\n" + "".join(f"n{number}\n" for number in range(10))


@pytest.mark.parametrize(
    "where", ["token", "describe", "limits", "create", "put", "patch", "get_job", "results", "list"]
)
@pytest.mark.parametrize("effect", ["drop", "reset"])
def test_12_each_request_can_lose_its_answer(client: Client, where: str, effect: str) -> None:
    job_id = client.open_job(ROWS) if where == "patch" else client.open_job()
    requests: dict[str, Any] = {
        "token": client.log_in,
        "describe": lambda: client.get("/services/data/v66.0/sobjects/Contact/describe"),
        "limits": lambda: client.get("/services/data/v66.0/limits"),
        "create": client.create,
        "put": lambda: client.put(job_id, ROWS),
        "patch": lambda: client.patch(job_id),
        "get_job": lambda: client.job(job_id),
        "results": lambda: client.get(f"{JOBS}/{job_id}/failedResults"),
        "list": lambda: client.get(JOBS),
    }
    client.server.faults.append(Fault(where, effect))
    with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        requests[where]()
    requests[where]()
    assert client.server.faults_met == 1


def test_12_before_means_no_effect_and_after_means_effect(client: Client) -> None:
    job_id = client.open_job(ROWS)
    client.server.faults += [Fault("patch", "drop"), Fault("patch", "drop", "after", nth=2)]
    with pytest.raises(RemoteDisconnected):
        client.patch(job_id)
    assert client.job(job_id)["state"] == "Open"
    with pytest.raises(RemoteDisconnected):
        client.patch(job_id)
    assert client.wait(job_id)["state"] == "JobComplete"
    assert client.patch(job_id).error == (400, "INVALIDJOBSTATE")
    assert client.server.faults_met == 2


def test_12_a_lost_create_leaves_an_open_job(client: Client) -> None:
    client.server.faults.append(Fault("create", "drop", "after"))
    with pytest.raises(RemoteDisconnected):
        client.create()
    assert [job["state"] for job in client.get(JOBS).json["records"]] == ["Open"]


def test_9_statuses_html_and_redirects(client: Client) -> None:
    client.server.faults += [
        Fault("list", "status", status=429, retry_after=2),
        Fault("list", "html", nth=2, status=502),
        Fault("list", "redirect", nth=3, location="https://other.example"),
    ]
    busy, html, moved, fine = (client.get(JOBS) for _ in range(4))
    assert busy.error == (429, "SERVER_UNAVAILABLE")
    assert busy.headers["Retry-After"] == "2"
    assert (html.status, html.headers.get_content_type()) == (502, "text/html")
    assert (moved.status, moved.headers["Location"]) == (302, f"https://other.example{JOBS}")
    assert fine.status == 200


def test_2_5_a_token_dies_in_the_middle(client: Client) -> None:
    job_id = client.open_job(ROWS)
    client.server.faults.append(Fault("patch", "expire"))
    assert client.patch(job_id).error == (401, "INVALID_SESSION_ID")
    client.log_in()
    assert client.job(job_id)["state"] == "Open"
    client.server.faults[:] = [Fault("patch", "expire", "after")]
    assert client.patch(job_id).status == 200
    assert client.get(JOBS).status == 401


@pytest.mark.parametrize("at", ["row", "middle"])
def test_12_bodies_break_off(client: Client, at: Any) -> None:
    job_id = client.load(ROWS).info["id"]
    path = f"{JOBS}/{job_id}/successfulResults"
    whole = client.get(path).body
    client.server.faults += [
        Fault("results", "truncate", at=at),
        Fault("results", "truncate", at=at, nth=2, looks_whole=True),
    ]
    with pytest.raises(IncompleteRead) as broken:
        client.get(path)
    looks_whole = client.get(path).body
    for body in (broken.value.partial, looks_whole):
        assert whole.startswith(body)
        assert len(body) < len(whole)
        assert body.endswith(b"\n") is (at == "row")
    assert client.get(path).body == whole


def test_a_stalled_request_waits_for_the_client_or_the_end() -> None:
    with Server(faults=[Fault("list", "stall", times=None)]) as server:
        client = Client(server).log_in()
        assert client.connection is not None
        client.connection.timeout = 0.1
        client.close()
        client.request("GET", "/services/data/")
        assert client.connection is not None
        assert client.connection.sock is not None
        client.connection.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.get(JOBS)
        waiting = Client(server, client.token)
        waiting.request("GET", "/services/data/")
        assert waiting.connection is not None
        waiting.connection.request("GET", JOBS, headers={"Authorization": f"Bearer {client.token}"})
    waiting.close()


def test_faults_can_be_aimed_at_a_path_and_last_for_ever(client: Client) -> None:
    client.server.faults.append(Fault("describe", "status", match="/Account/", times=None))
    for _ in range(3):
        assert client.get("/services/data/v66.0/sobjects/Account/describe").status == 503
    assert client.get("/services/data/v66.0/sobjects/Contact/describe").status == 200
    assert client.server.faults_met == 3


def test_5_2_locked_rows_pass_later(client: Client) -> None:
    client.server.faults.append(Fault("rows", "lock", match=r"n[37]\b", times=2))
    for _ in range(2):
        done = client.load(ROWS)
        assert sorted(row["LastName"] for row in done.failed) == ["n3", "n7"]
        assert {error.partition(":")[0] for error in done.errors} == {"UNABLE_TO_LOCK_ROW"}
    assert client.load(ROWS).errors == []
    assert client.server.faults_met == 4


def test_rows_may_be_picked_by_a_function_and_fail_with_any_error(client: Client) -> None:
    error = "STORAGE_LIMIT_EXCEEDED:storage limit exceeded:--"
    client.server.faults.append(Fault("rows", "error", match=lambda row: row["LastName"] == "n1", error=error))
    assert client.load(ROWS).errors == [error]


def test_13_a_job_fails_half_way(client: Client) -> None:
    client.server.faults.append(Fault("job", "fail", error="ExceededQuota : no more"))
    names = [f"n{number}" for number in range(500)]
    done = client.load("LastName\n" + "\n".join(names) + "\n")
    assert done.info["state"] == "Failed"
    assert done.info["errorMessage"] == "ExceededQuota : no more"
    assert done.info["numberRecordsProcessed"] == len(done.ids) == len(client.records()) == 200
    assert done.unprocessed_csv.split() == ["LastName", *names[200:]]


def test_13_a_stuck_job_goes_on_when_it_is_released(client: Client) -> None:
    client.server.faults.append(Fault("job", "stuck", after_rows=4, match="Contact"))
    job_id = client.open_job(ROWS)
    client.patch(job_id)
    client.wait(job_id, "InProgress")
    client.server.release_jobs()
    while client.wait(job_id, "InProgress", "JobComplete")["state"] == "InProgress":
        client.server.release_jobs()
    assert len(client.results(job_id).ids) == len(client.records()) == 10


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 10)])
def test_13_a_job_vanishes(client: Client, when: Any, kept: int) -> None:
    client.server.faults.append(Fault("job", "vanish", when))
    job_id = client.open_job(ROWS)
    client.patch(job_id)
    while client.get(f"{JOBS}/{job_id}").status == 200:
        pass
    assert client.get(f"{JOBS}/{job_id}").error == (404, "NOT_FOUND")
    assert len(client.records()) == kept


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nowhere", "drop"), "no fault at 'nowhere'"),
        (("put", "lock"), "no effect 'lock' at 'put'"),
        (("put", "drop", "later"), "when is 'before' or 'after'"),
        (("put", "drop", "after", 0), "count from 1"),
        (("rows", "error"), "needs error="),
    ],
)
def test_faults_that_cannot_be_are_refused(arguments: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Fault(*arguments)
