"""What goes wrong on purpose (wire notes, 12 and 13)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest

from sfframe.localorg import Fault, Manners, Server
from sfframe.localorg.desk import FaultDesk
from sfframe.localorg.faults import REQUESTS
from sfframe.localorg.web import routes

from .client import JOBS, Client, Reply

DATA = "/services/data/v66.0"
QUERIES = f"{DATA}/jobs/query"

ROWS = "LastName\n" + "".join(f"n{number}\n" for number in range(10))


QUERY = "SELECT LastName FROM Contact ORDER BY LastName"


def query(client: Client) -> str:
    """A finished query job with two pages of two records at `maxRecords=2`."""
    client.load("LastName\na\nb\nc\n")
    made = client.request("POST", QUERIES, {"operation": "query", "query": QUERY}).json
    while client.get(f"{QUERIES}/{made['id']}").json["state"] != "JobComplete":
        pass
    return str(made["id"])


def asking(where: str, client: Client) -> Callable[[], Reply]:
    """A request of each kind; what it needs is made first."""
    if where.startswith("query_"):
        return _asking_of_query(where.removeprefix("query_"), client)
    job_id = client.open_job(ROWS) if where in ("patch", "delete", "results") else client.open_job()
    if where == "delete":
        client.patch(job_id, "Aborted")
    if where == "results":
        client.patch(job_id)
        client.wait(job_id)
    requests: dict[str, Callable[[], Reply]] = {
        "token": lambda: client.ask_token(grant_type="password"),
        "versions": lambda: client.get("/services/data/"),
        "resources": lambda: client.get(DATA),
        "sobjects": lambda: client.get(f"{DATA}/sobjects"),
        "describe": lambda: client.get(f"{DATA}/sobjects/Contact/describe"),
        "limits": lambda: client.get(f"{DATA}/limits"),
        "rest": lambda: client.get(f"{DATA}/query?q=SELECT+Id+FROM+Contact"),
        "create": client.create,
        "put": lambda: client.put(job_id, ROWS),
        "patch": lambda: client.patch(job_id),
        "get_job": lambda: client.get(f"{JOBS}/{job_id}"),
        "results": lambda: client.get(f"{JOBS}/{job_id}/failedResults"),
        "list": lambda: client.get(JOBS),
        "delete": lambda: client.request("DELETE", f"{JOBS}/{job_id}"),
    }
    return requests[where]


def _asking_of_query(what: str, client: Client) -> Callable[[], Reply]:
    job_id = query(client)
    requests: dict[str, Callable[[], Reply]] = {
        "create": lambda: client.request("POST", QUERIES, {"operation": "query", "query": QUERY}),
        "get": lambda: client.get(f"{QUERIES}/{job_id}"),
        "patch": lambda: client.request("PATCH", f"{QUERIES}/{job_id}", {"state": "Aborted"}),
        "list": lambda: client.get(QUERIES),
        "delete": lambda: client.request("DELETE", f"{QUERIES}/{job_id}"),
        "results": lambda: client.get(f"{QUERIES}/{job_id}/results"),
        "pages": lambda: client.get(f"{QUERIES}/{job_id}/resultPages"),
    }
    return requests[what]


KINDS = sorted(REQUESTS - {"any"})


@pytest.mark.parametrize("where", KINDS)
@pytest.mark.parametrize("when", ["before", "uploading", "after"])
def test_12_each_request_can_lose_its_answer(client: Client, where: str, when: Any) -> None:
    ask = asking(where, client)
    effects: tuple[Any, ...] = ("drop", "reset")
    for n, effect in enumerate(effects, start=1):
        client.server.faults.append(Fault(where, effect, when))
        with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            ask()
        assert ask().status > 0
        assert client.server.faults_met == n


@pytest.mark.parametrize("where", KINDS)
def test_9_each_request_can_meet_a_status_a_page_or_another_host(client: Client, where: str) -> None:
    ask = asking(where, client)
    client.server.faults += [
        Fault(where, "status", status=503, retry_after=2),
        Fault(where, "html", status=502),
        Fault(where, "redirect"),
    ]
    assert [ask().status for _ in range(3)] == [503, 502, 302]
    assert [met.fault.effect for met in client.server.fault_log] == ["status", "html", "redirect"]


@pytest.mark.parametrize("where", KINDS)
def test_2_5_each_request_can_find_its_token_dead(client: Client, where: str) -> None:
    ask = asking(where, client)
    client.server.faults.append(Fault(where, "expire", times=1))
    assert ask().status == (401 if where not in ("token", "versions") else 400 if where == "token" else 200)
    assert client.get(JOBS).status == 401


def test_every_kind_of_request_can_meet_faults() -> None:
    """What the routes call their requests, faults call so too; "rest" is one name for many."""
    routed = {routes._KINDS.get(answer, answer) for _, methods in routes._TABLE for answer in methods.values()}
    assert routed <= REQUESTS


def test_any_request_can_be_meant(client: Client) -> None:
    client.server.faults.append(Fault("any", "status", nth=2, times=2))
    statuses = [client.get(path).status for path in (JOBS, QUERIES, DATA, f"{DATA}/limits")]
    assert statuses == [200, 503, 503, 200]


@pytest.mark.parametrize("effect", ["drop", "reset"])
def test_12_a_connection_can_break_in_the_middle_of_an_upload(client: Client, effect: str) -> None:
    job_id = client.open_job()
    client.server.faults.append(Fault("put", effect, "uploading"))
    with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        client.put(job_id, "LastName\n" + "x\n" * 3_000_000)
    assert client.patch(job_id).status == 200
    assert client.wait(job_id)["numberRecordsProcessed"] == 0


@pytest.mark.parametrize("effect", ["drop", "reset"])
@pytest.mark.parametrize("where", ["results", "query_results", "get_job"])
def test_12_a_connection_can_break_in_the_middle_of_an_answer(client: Client, where: str, effect: str) -> None:
    ask = asking(where, client)
    whole = ask()
    client.server.faults.append(Fault(where, effect, "answering"))
    expected = ConnectionResetError if effect == "reset" else IncompleteRead
    with pytest.raises(expected) as broken:
        ask()
    if isinstance(broken.value, IncompleteRead):
        assert whole.body.startswith(broken.value.partial)
        assert 0 < len(broken.value.partial) < len(whole.body)
    assert ask().status == 200


def test_12_what_breaks_while_it_answers_has_had_its_effect(client: Client) -> None:
    job_id = client.open_job(ROWS)
    client.server.faults.append(Fault("patch", "drop", "answering"))
    with pytest.raises(IncompleteRead):
        client.patch(job_id)
    assert client.wait(job_id)["state"] == "JobComplete"


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


@pytest.mark.parametrize(
    ("status", "code"),
    [(406, None), (420, None), (429, "SERVER_UNAVAILABLE"), (500, "UNKNOWN_EXCEPTION"), (502, None),
     (403, "REQUEST_LIMIT_EXCEEDED"), (401, "INVALID_SESSION_ID"), (404, "NOT_FOUND")],
)  # fmt: skip
def test_9_1_errors_have_their_usual_code_or_no_body_at_all(client: Client, status: int, code: str | None) -> None:
    client.server.faults.append(Fault("list", "status", status=status))
    reply = client.get(JOBS)
    assert reply.status == status
    assert "Retry-After" not in reply.headers
    if code is None:
        assert reply.body == b""
    else:
        assert reply.error == (status, code)


def test_9_1_the_token_endpoint_has_errors_of_its_own_shape(client: Client) -> None:
    fault = Fault("token", "status", status=400, error_code="rate_limit_exceeded", error="too many logins")
    client.server.faults.append(fault)
    reply = client.ask_token(grant_type="client_credentials")
    assert reply.json == {"error": "rate_limit_exceeded", "error_description": "too many logins"}


def test_retry_after_may_be_a_date_and_a_redirect_any_of_its_kind(client: Client) -> None:
    date = "Fri, 31 Dec 2027 23:59:59 GMT"
    client.server.faults += [
        Fault("list", "status", status=503, retry_after=date, error_code=""),
        Fault("list", "redirect", status=307),
    ]
    busy, moved = client.get(JOBS), client.get(JOBS)
    assert (busy.headers["Retry-After"], busy.body, moved.status) == (date, b"", 307)


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


@pytest.mark.parametrize("where", ["results", "query_results"])
def test_12_a_chunked_body_can_end_in_good_order_at_a_rows_end(client: Client, where: str) -> None:
    """Nothing in the answer tells that rows are missing."""
    if where == "results":
        path = f"{JOBS}/{client.load(ROWS).info['id']}/successfulResults"
    else:
        path = f"{QUERIES}/{query(client)}/results"
    whole = client.get(path)
    client.server.faults.append(Fault(where, "truncate", looks_whole=True, chunked=True))
    cut = client.get(path)
    assert (cut.headers["Transfer-Encoding"], cut.headers["Content-Length"]) == ("chunked", None)
    assert cut.headers["Sforce-Limit-Info"]
    assert whole.body.startswith(cut.body)
    assert cut.body.endswith(b"\n")
    assert len(cut.body) < len(whole.body)


def test_12_a_chunked_body_can_break_off(client: Client) -> None:
    path = f"{JOBS}/{client.load(ROWS).info['id']}/successfulResults"
    client.server.faults.append(Fault("results", "truncate", chunked=True))
    with pytest.raises(IncompleteRead):
        client.get(path)


def test_13_headers_and_counters_can_be_missing(client: Client) -> None:
    job_id, query_id = client.load(ROWS).info["id"], query(client)
    client.server.faults += [
        Fault(where, "omit") for where in ("get_job", "query_get", "query_results", "query_results")
    ]
    client.server.faults[-1] = Fault("query_results", "omit", names=("Sforce-Locator",))
    for info in (client.job(job_id), client.get(f"{QUERIES}/{query_id}").json):
        assert info["state"] == "JobComplete"
        assert not [name for name in info if name.startswith("numberRecords")]
    bare, rest = client.get(f"{QUERIES}/{query_id}/results"), client.get(f"{QUERIES}/{query_id}/results")
    assert not [name for name in bare.headers if name.startswith("Sforce-")]
    assert "Sforce-Locator" not in rest.headers
    assert rest.headers["Sforce-NumberOfRecords"] == "13"
    assert bare.body == rest.body


def test_13_counters_lag_behind_for_some_looks(client: Client) -> None:
    job_id = client.load(ROWS + "n10\n").info["id"]
    client.server.faults.append(Fault("get_job", "lag", times=2))
    done = [client.job(job_id)["numberRecordsProcessed"] for _ in range(3)]
    assert done == [5, 5, 11]


def test_6_3_a_page_can_name_itself_as_the_next_one(client: Client) -> None:
    path = f"{QUERIES}/{query(client)}/results?maxRecords=1"
    client.server.faults.append(Fault("query_results", "repeat"))
    first = client.get(path).headers["Sforce-Locator"]
    repeated = client.get(f"{path}&locator={first}")
    assert repeated.headers["Sforce-Locator"] == first
    again = client.get(f"{path}&locator={first}")
    assert again.headers["Sforce-Locator"] not in (first, "null")
    assert again.body == repeated.body
    assert client.server.faults_met == 1


def test_3_6_a_list_can_name_its_own_page_as_the_next_one() -> None:
    with Server(manners=Manners(list_page_size=1), faults=[Fault("list", "repeat")]) as server:
        client = Client(server).log_in()
        for _ in range(3):
            client.open_job()
        second = client.get(JOBS).json["nextRecordsUrl"]
        assert client.get(second).json["nextRecordsUrl"] == second
        assert client.get(second).json["nextRecordsUrl"] != second
        client.close()


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


def test_faults_that_are_due_at_once_happen_one_after_the_other(client: Client) -> None:
    client.server.faults += [Fault("list", "status", status=500 + number) for number in (0, 2, 3)]
    assert [client.get(JOBS).status for _ in range(4)] == [500, 502, 503, 200]


def test_the_same_fault_may_stand_in_the_list_several_times(client: Client) -> None:
    client.server.faults += [Fault("list", "status")] * 2
    client.server.faults.append(Fault("list", "status"))
    assert [client.get(JOBS).status for _ in range(4)] == [503, 503, 503, 200]
    assert client.server.faults_met == 3


def test_faults_that_were_met_are_told(client: Client) -> None:
    faults = [Fault("list", "status"), Fault("job", "fail"), Fault("rows", "lock", match="n3")]
    client.server.faults += faults
    client.get(f"{JOBS}?jobType=V2Ingest")
    client.load(ROWS)
    client.load(ROWS)
    assert [met.fault for met in client.server.fault_log] == faults
    assert [met.subject for met in client.server.fault_log] == [f"{JOBS}?jobType=V2Ingest", "Contact", "row 3"]
    client.server.reset()
    assert (client.server.fault_log, client.server.faults_met) == ([], 0)


def test_faults_are_counted_right_from_any_number_of_threads() -> None:
    desk = FaultDesk([Fault("put", "drop", nth=50, times=200), Fault("any", "status", times=100)])
    met: list[Fault | None] = []

    def work() -> None:
        met.extend(desk.meet("put", "/") for _ in range(250))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    effects = [fault.effect for fault in met if fault is not None]
    assert (effects.count("drop"), effects.count("status"), desk.met, len(desk.log)) == (200, 100, 300, 300)


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


def test_13_a_stuck_job_goes_on_after_some_looks(client: Client) -> None:
    client.server.faults.append(Fault("job", "stuck", after_rows=4, looks=3))
    job_id = client.open_job(ROWS)
    client.patch(job_id)
    while not client.server.org.desk._looks:
        pass
    assert [client.job(job_id)["state"] for _ in range(3)] == ["InProgress"] * 3
    assert client.wait(job_id)["numberRecordsProcessed"] == 10


def test_13_a_stuck_query_job_goes_on_after_some_looks(client: Client) -> None:
    client.server.faults.append(Fault("job", "stuck", looks=2, match="^query Contact$"))
    assert query(client)
    assert [met.subject for met in client.server.fault_log] == ["query Contact"]


def test_13_a_job_is_aborted_by_somebody_else(client: Client) -> None:
    client.server.faults.append(Fault("job", "abort", after_rows=4))
    done = client.load(ROWS)
    assert (done.info["state"], done.info["numberRecordsProcessed"]) == ("Aborted", 4)
    assert len(client.records()) == len(done.ids) == 4
    assert done.unprocessed_csv.split() == ["LastName", *(f"n{number}" for number in range(4, 10))]


def test_13_a_query_job_is_aborted_by_somebody_else(client: Client) -> None:
    client.server.faults.append(Fault("job", "abort", match="query"))
    made = client.request("POST", QUERIES, {"operation": "query", "query": QUERY}).json
    while (state := client.get(f"{QUERIES}/{made['id']}").json["state"]) in ("UploadComplete", "InProgress"):
        pass
    assert state == "Aborted"


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
        (("put", "drop", "later"), "when of 'drop' is 'before' or 'uploading' or 'answering' or 'after', not 'later'"),
        (("put", "status", "answering"), "when of 'status' is 'before' or 'after', not 'answering'"),
        (("rows", "lock", "uploading"), "when of 'lock' is 'before' or 'after', not 'uploading'"),
        (("put", "drop", "after", 0), "count from 1"),
        (("rows", "error"), "needs error="),
    ],
)
def test_faults_that_cannot_be_are_refused(arguments: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Fault(*arguments)


def test_names_to_omit_are_several() -> None:
    with pytest.raises(TypeError, match="names is a tuple"):
        Fault("list", "omit", names="Sforce-Locator")  # type: ignore[arg-type]


def test_requests_are_counted_while_others_are_served(server: Server, client: Client) -> None:
    counted = threading.Event()

    def ask() -> None:
        while not counted.is_set():
            client.get(DATA)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        while server.count("resources") < 300:
            pass
    finally:
        counted.set()
        asking.join()
