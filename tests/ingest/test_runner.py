"""The runner under a bad network, a bad org, and an impatient caller; all over a real socket."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import asyncio
import signal
import threading
import warnings
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.localorg.faults import Fault
from sfframe.localorg.manners import Manners
from sfframe.org.ingest_jobs import IngestJobs
from sfframe.progress import Event, JobCreated, JobFinished, JobProgressed, PartUploaded, RowsRetried
from tests import at_once

N = 300


@pytest.fixture
def org(local: sfframe.LocalOrg) -> sfframe.Org:
    return org_of(local)


def org_of(local: sfframe.LocalOrg, **settings: Any) -> sfframe.Org:
    """An org that never waits, for an answer either."""
    return at_once.org_of(local, **{"timeouts": sfframe.Timeouts(idle_s=0.3, upload_s=0.3), **settings})


def contacts(n: int = N) -> pl.DataFrame:
    return pl.DataFrame({"LastName": [f"Näme {i}" for i in range(n)], "Visits__c": [i % 7 for i in range(n)]})


def names_in(local: sfframe.LocalOrg) -> list[str]:
    return sorted(map(str, local.rows("Contact")["LastName"].to_pylist()))


def states(local: sfframe.LocalOrg) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        return {job.id: job.state async for job in org_of(local).ingest.list_jobs()}

    return sfframe.run(ask())


# --- nothing twice, nothing lost --------------------------------------------------------------------------------------

KINDS = ("token", "describe", "create", "put", "patch", "get_job", "results")
EFFECTS: dict[str, dict[str, Any]] = {
    "drop": {"effect": "drop"},
    "reset": {"effect": "reset"},
    "stall": {"effect": "stall"},
    "503": {"effect": "status", "status": 503},
    "429 with Retry-After": {"effect": "status", "status": 429, "retry_after": 0},
    "502 as HTML": {"effect": "html", "status": 502},
}


# What a request had done already is what could be done twice: hence each request with half of these. Before it has done
# anything, one fault is like the other: each request and each fault once. All of them together, and several in one
# call, are the simulator's.
FAULTS = [(kind, effect, "after") for n, kind in enumerate(KINDS) for m, effect in enumerate(EFFECTS) if (n + m) % 2]
FAULTS += [(kind, list(EFFECTS)[n % len(EFFECTS)], "before") for n, kind in enumerate(KINDS)]


@pytest.mark.parametrize(("kind", "effect", "when"), FAULTS)
def test_no_fault_of_the_network_doubles_or_loses_a_row(
    local: sfframe.LocalOrg, org: sfframe.Org, kind: str, effect: str, when: Any
) -> None:
    local.faults.append(Fault(kind, when=when, **EFFECTS[effect]))
    frame = contacts(30)
    result = frame.sfbulk.insert("Contact", org=org, max_records=15)
    assert local.faults_met == 1
    assert result
    assert result.successful_results.drop("sf__Id", "sf__Created").equals(frame)
    assert names_in(local) == sorted(frame["LastName"])


@pytest.mark.parametrize("status", [420, 429, 503, 403])
def test_an_upload_that_is_put_off_several_times_comes_through(
    local: sfframe.LocalOrg, org: sfframe.Org, status: int
) -> None:
    """These statuses pass (wire notes, 9.2); a refusal would stand after the second."""
    busy = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    code = "REQUEST_LIMIT_EXCEEDED" if status == 403 else None
    local.faults.append(Fault("put", "status", status=status, error_code=code, error=busy, times=4))
    result = contacts().sfbulk.insert("Contact", org=org)
    assert result.successful_results.height == local.rows("Contact").num_rows == N
    assert local.faults_met == 4


@pytest.mark.parametrize("kind", ["describe", "create", "put", "patch", "get_job", "results"])
def test_a_token_that_dies_in_the_middle_is_renewed_once(local: sfframe.LocalOrg, org: sfframe.Org, kind: str) -> None:
    local.faults.append(Fault(kind, "expire", when="before"))
    assert contacts().sfbulk.insert("Contact", org=org, max_records=100)
    assert names_in(local) == sorted(contacts()["LastName"])
    assert local.count("token") == 2


@pytest.mark.parametrize("at", ["row", "middle"])
@pytest.mark.parametrize("looks_whole", [False, True])
def test_a_result_file_that_breaks_off_is_read_again(
    local: sfframe.LocalOrg, org: sfframe.Org, at: Any, looks_whole: bool
) -> None:
    local.faults.append(Fault("results", "truncate", match="successful", at=at, looks_whole=looks_whole))
    result = contacts().sfbulk.insert("Contact", org=org)
    assert local.faults_met == 1
    assert result
    assert len(result.successful_results) == N


def test_results_that_stay_incomplete_are_a_mismatch_that_tells_all_it_knows(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.faults.append(Fault("results", "truncate", match="successful", at="row", looks_whole=True, times=None))
    with pytest.raises(sfframe.ResultMismatch) as caught:
        contacts().sfbulk.insert("Contact", org=org)
    error = caught.value
    known = error.result.successful_results
    assert 0 < len(known) < N
    assert len(known) + len(error.rows) == N
    assert set(error.rows.tolist()).isdisjoint(known["LastName"].str.slice(5).cast(pl.Int64).to_list())
    ((job_id, files),) = error.raw_results.items()
    assert job_id in str(error)
    assert files["successful_results"].startswith(b'"sf__Id"')
    with pytest.raises(sfframe.JobTimeout, match="inserted twice"):
        error.result.retry()
    assert error.result.running_job_ids == (job_id,)
    with pytest.raises(sfframe.JobTimeout, match="inserted twice"):
        error.result.retry()


def test_rows_of_unmatched_jobs_are_named_beside_those_of_lost_ones(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("results", "truncate", match="successful", at="row", looks_whole=True, times=3))
    local.faults.append(Fault("job", "vanish", nth=2))
    with pytest.raises(sfframe.OutcomeUnknown, match="can't be matched") as caught:
        contacts().sfbulk.insert("Contact", org=org, max_records=100, max_concurrent_jobs=1)
    result, rows = caught.value.result, set(caught.value.rows.tolist())
    told = {int(name.split()[1]) for name in result.successful_results["LastName"]}
    assert told | rows == set(range(N))
    assert told.isdisjoint(rows)
    assert result.running_rows.tolist() == sorted(rows)
    assert len(rows) > 100
    assert len(result.running_job_ids) == 2


def test_a_complete_job_leaves_no_row_unprocessed_whatever_its_counter_says(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    """Or results that lag as much as the counter would make rows that are in the org go again."""
    local.faults.append(Fault("results", "truncate", match="successful", at="row", looks_whole=True, times=None))
    local.faults.append(Fault("get_job", "lag", times=None))
    with pytest.raises(sfframe.ResultMismatch) as caught:
        pl.DataFrame({"LastName": [f"n{i:02}" for i in range(31)]}).sfbulk.insert("Contact", org=org)
    (job,) = caught.value.result.jobs
    known = caught.value.result.counts["successful"]
    assert known == job.number_records_processed == 15
    assert len(caught.value.rows) == 16


@pytest.mark.parametrize("lags_on", [False, True])
def test_rows_of_a_failed_job_that_names_none_are_unprocessed_only_at_a_second_look(
    local: sfframe.LocalOrg, org: sfframe.Org, lags_on: bool
) -> None:
    """Results that come late, beside a counter that does too and no file of unprocessed rows: nothing goes twice."""
    local.faults.append(Fault("job", "fail", after_rows=15))
    local.faults.append(Fault("results", "status", status=404, match="unprocessed", times=3))
    local.faults.append(Fault("results", "truncate", match="successful", at="row", looks_whole=True))
    local.faults.append(Fault("get_job", "lag", times=None if lags_on else 2))
    frame = contacts(30).select("LastName")
    if lags_on:
        with pytest.raises(sfframe.ResultMismatch) as caught:
            frame.sfbulk.insert("Contact", org=org)
        assert caught.value.result.counts["successful"] == len(caught.value.rows) == 15
        assert names_in(local) == sorted(frame["LastName"][:15])
    else:
        assert frame.sfbulk.insert("Contact", org=org)
        assert names_in(local) == sorted(frame["LastName"])


def test_a_failed_job_that_names_others_as_unprocessed_is_not_looked_at_again(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.faults.append(Fault("job", "fail", after_rows=15))
    local.faults.append(Fault("results", "truncate", match="unprocessed", at="row", looks_whole=True, times=None))
    with pytest.raises(sfframe.ResultMismatch) as caught:
        contacts(30).select("LastName").sfbulk.insert("Contact", org=org)
    failed = caught.value.result.jobs[0]
    assert failed.state == "Failed"
    kinds = [request.kind for request in local.requests if failed.id in request.path]
    assert "get_job" not in kinds[kinds.index("results") :]


def test_a_doubtful_upload_is_never_repeated_in_the_same_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("put", "drop", when="after"))
    result = contacts().sfbulk.insert("Contact", org=org)
    assert result
    assert sorted(states(local).values()) == ["Aborted", "JobComplete"]
    assert [job.state for job in result.jobs] == ["JobComplete"]


def test_a_job_that_runs_after_its_closing_failed_is_not_sent_again(
    local: sfframe.LocalOrg, org: sfframe.Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the org says of a closing may be wrong; what it says of the job after its abort counts."""
    local.faults.append(Fault("patch", "status", when="after", status=400, error_code="INVALIDJOB"))
    local.faults.append(Fault("job", "stuck", after_rows=5))
    abort = IngestJobs.abort_job

    async def late(self: IngestJobs, job_id: str, **options: Any) -> sfframe.JobInfo:
        while (await self.get_job(job_id)).number_records_processed < 5:
            pass
        return await abort(self, job_id, **options)

    monkeypatch.setattr(IngestJobs, "abort_job", late)
    with pytest.raises(sfframe.OutcomeUnknown) as caught:
        contacts(30).sfbulk.insert("Contact", org=org)
    assert caught.value.rows.tolist() == list(range(30))
    assert local.rows("Contact").num_rows == 5
    assert local.count("create") == 1


def test_uploads_that_are_refused_are_tried_in_one_other_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("put", "status", status=400, error_code="INVALIDJOB", times=None))
    with pytest.raises(sfframe.ApiError, match="INVALIDJOB"):
        contacts(30).sfbulk.insert("Contact", org=org)
    assert list(states(local).values()) == ["Aborted", "Aborted"]


def test_a_closing_that_was_refused_is_made_good_in_another_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("patch", "status", status=400, error_code="INVALIDJOB"))
    result = contacts(30).sfbulk.insert("Contact", org=org)
    assert result
    assert (len(result.jobs), result.running_job_ids) == (1, ())
    assert local.rows("Contact").num_rows == 30


# --- jobs that go wrong -----------------------------------------------------------------------------------------------


def test_a_job_that_fails_as_a_whole_raises_after_its_siblings_are_done(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.faults.append(Fault("job", "fail", nth=2, after_rows=0, error="TooManyLockFailure : try later"))
    with pytest.raises(sfframe.JobFailed, match="TooManyLockFailure") as caught:
        contacts().sfbulk.insert("Contact", org=org, max_records=100, max_concurrent_jobs=1)
    result = caught.value.result
    assert caught.value.job.state == "Failed"
    assert result.counts == {"successful": 200, "failed": 0, "unprocessed": 100}
    assert result.unprocessed_records.equals(contacts()[100:200])
    assert "TooManyLockFailure" in repr(result)


def test_a_failed_job_is_returned_where_the_caller_wants_no_error(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", after_rows=0))
    result = contacts().sfbulk.insert("Contact", org=org, on_failure="return")
    assert result.unprocessed_records.equals(contacts())
    assert not result
    assert "NOT OK" in repr(result)


def test_a_job_that_fails_half_way_keeps_what_was_written(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", after_rows=200))
    with pytest.warns(sfframe.RecordsFailedWarning, match="ended as Failed"):
        result = contacts().sfbulk.insert("Contact", org=org, retry_rows=())
    assert result.counts == {"successful": 200, "failed": 0, "unprocessed": 100}
    assert names_in(local) == sorted(result.successful_results["LastName"])
    again = result.retry()
    assert again
    assert len(again) == 100
    assert names_in(local) == sorted(contacts()["LastName"])


def test_a_job_that_someone_aborts_is_never_silent(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "stuck", after_rows=200))
    aborting: list[asyncio.Task[sfframe.JobInfo]] = []

    def abort(event: Event) -> None:
        if isinstance(event, JobProgressed) and event.rows_processed and not aborting:
            aborting.append(asyncio.get_running_loop().create_task(org.ingest.abort_job(event.job_id)))

    with pytest.warns(sfframe.RecordsFailedWarning, match="ended as Aborted"):
        result = contacts().sfbulk.insert("Contact", org=org, progress=abort)
    assert result.counts == {"successful": 200, "failed": 0, "unprocessed": 100}
    assert names_in(local) == sorted(result.successful_results["LastName"])


def test_a_job_that_vanishes_leaves_an_unknown_outcome_that_is_named(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "vanish", nth=2))
    with pytest.raises(sfframe.OutcomeUnknown, match="may or may not") as caught:
        contacts().sfbulk.insert("Contact", org=org, max_records=100, max_concurrent_jobs=1)
    (job_id,) = caught.value.job_ids
    assert job_id in str(caught.value)
    assert caught.value.result.counts["successful"] == 200
    with pytest.raises(sfframe.JobTimeout, match="inserted twice"):
        caught.value.result.retry()


def test_a_part_that_is_refused_ends_the_call_but_not_its_siblings(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("create", "status", nth=2, times=None, status=403, error_code="REQUEST_LIMIT_EXCEEDED"))
    with pytest.raises(sfframe.JobFailed, match="REQUEST_LIMIT_EXCEEDED") as caught:
        contacts().sfbulk.insert("Contact", org=org, max_records=100, max_concurrent_jobs=1)
    assert isinstance(caught.value.__cause__, sfframe.ApiError)
    assert caught.value.result.counts == {"successful": 100, "failed": 0, "unprocessed": 200}
    assert local.count("create") == 2  # it is not asked for the third part


def test_a_call_of_which_nothing_was_sent_raises_what_kept_it(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("create", "status", times=None, status=400, error_code="INVALIDJOB"))
    with pytest.raises(sfframe.ApiError, match="INVALIDJOB") as caught:
        contacts().sfbulk.insert("Contact", org=org, on_failure="return")
    assert caught.value.status == 400


def test_a_wrong_secret_is_told_whatever_becomes_of_failures(local: sfframe.LocalOrg) -> None:
    org = sfframe.Org(local.url, sfframe.ClientCredentials(local.client_id, "wrong"))
    with pytest.raises(sfframe.AuthenticationError) as caught:
        contacts().sfbulk.insert("Contact", org=org, on_failure="return")
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_breaks_that_the_org_refuses_are_sent_with_the_other_line_ending(ending: str) -> None:
    with sfframe.LocalOrg(manners=Manners(strict_line_endings=True)) as local:
        frame = pl.DataFrame({"LastName": ["a", "b"], "Description": [f"one{ending}two", None]})
        result = frame.sfbulk.insert("Contact", org=org_of(local))
        assert result
        assert local.rows("Contact")["Description"].to_pylist().count(f"one{ending}two") == 1
        assert local.rows("Contact").num_rows == 2


def test_line_breaks_that_no_line_ending_suits_fail_honestly() -> None:
    with sfframe.LocalOrg(manners=Manners(strict_line_endings=True)) as local:
        frame = pl.DataFrame({"LastName": ["a", "b"], "Description": ["one\r\ntwo", "one\ntwo"]})
        with pytest.raises(sfframe.JobFailed, match="LineEnding"):
            frame.sfbulk.insert("Contact", org=org_of(local))
        assert local.rows("Contact").num_rows == 0


def test_a_line_ending_that_is_refused_half_way_doubles_nothing(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", after_rows=10, error="InvalidBatch : LineEnding is invalid on user data"))
    assert contacts(30).sfbulk.insert("Contact", org=org)
    assert names_in(local) == sorted(contacts(30)["LastName"])


def test_results_that_cannot_be_had_leave_an_unknown_outcome(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("results", "status", status=404, error_code="NOT_FOUND", times=None, match="successful"))
    with pytest.raises(sfframe.OutcomeUnknown, match="kept there for 7 days") as caught:
        contacts(30).sfbulk.insert("Contact", org=org)
    assert caught.value.rows.tolist() == list(range(30))


@pytest.mark.parametrize("empty", ["header", "blank_line", "zero_bytes", "no_content"])
def test_empty_result_files_of_any_form_are_empty(empty: Any) -> None:
    with sfframe.LocalOrg(manners=Manners(empty_results=empty)) as local:
        result = contacts(3).sfbulk.insert("Contact", org=org_of(local))
        assert result.counts == {"successful": 3, "failed": 0, "unprocessed": 0}


@pytest.mark.parametrize("echo", ["java", "verbatim"])
@pytest.mark.parametrize("failed_columns_sorted", [True, False])
def test_rows_are_matched_whatever_the_echo_looks_like(echo: Any, failed_columns_sorted: bool) -> None:
    with sfframe.LocalOrg(manners=Manners(echo=echo, failed_columns_sorted=failed_columns_sorted)) as local:
        frame = pl.DataFrame(
            {
                "LastName": ["a ", "a", "b", None, "c"],
                "Score__c": [912260031.0, 1.0, 0.0001, 2.5, None],
                "Email": ["x@y.de", None, "no mail", "x@y.de", "no mail"],
            }
        )
        result = frame.sfbulk.insert("Contact", org=org_of(local), describe=False, on_failure="return")
        assert result.successful_results["LastName"].to_list() == ["a ", "a"]
        assert result.failed_results["LastName"].to_list() == ["b", None, "c"]
        codes = result.failed_results["sf__Error"].str.extract("^([A-Z_]+)").to_list()
        assert codes == ["INVALID_EMAIL_ADDRESS", "REQUIRED_FIELD_MISSING", "INVALID_EMAIL_ADDRESS"]


# --- rows that deserve another try ------------------------------------------------------------------------------------


def test_locked_rows_go_again_alone_in_a_new_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("rows", "lock", match=r"Näme 1\d\b", times=2))
    frame = contacts()
    events: list[Event] = []
    result = frame.sfbulk.insert("Contact", org=org, progress=events.append)
    assert result
    assert result.successful_results.drop("sf__Id", "sf__Created").equals(frame)
    assert names_in(local) == sorted(frame["LastName"])
    assert len(result.jobs) == 3
    assert [job.number_records_processed for job in result.jobs] == [N, 10, 10]
    assert [e.rows for e in events if isinstance(e, RowsRetried)] == [10, 10]
    attempts = result.attempts
    assert attempts.select("row", "attempt").rows() == [(row, tried) for row in range(10, 20) for tried in (1, 2, 3)]
    assert attempts.filter(pl.col("row") == 10)["sf__Error"].is_null().to_list() == [False, False, True]


def test_rows_that_a_failed_job_did_not_come_to_go_again(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", after_rows=200))
    frame = contacts()
    result = frame.sfbulk.insert("Contact", org=org)
    assert result
    assert result.successful_results.drop("sf__Id", "sf__Created").equals(frame)
    assert names_in(local) == sorted(frame["LastName"])
    assert [(job.state, job.number_records_processed) for job in result.jobs] == [("Failed", 200), ("JobComplete", 100)]
    assert "ended as Failed" in repr(result)
    assert result.attempts.filter(pl.col("attempt") == 1)["row"].to_list() == list(range(200, 300))


def test_a_job_that_failed_before_its_first_row_is_not_sent_again(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", after_rows=0))
    with pytest.raises(sfframe.JobFailed) as failed:
        contacts().sfbulk.insert("Contact", org=org)
    assert len(failed.value.result.jobs) == 1
    assert failed.value.result.counts["unprocessed"] == N


def test_rows_that_fail_for_what_passes_go_again_but_no_others(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    passing = ["UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "API_CURRENTLY_DISABLED"]
    for code in [*passing, "STORAGE_LIMIT_EXCEEDED"]:
        error = f"{code}:not now:--"
        local.faults.append(
            Fault("rows", "error", error=error, match=f"Näme {len(local.faults)}$|Näme {len(local.faults)},")
        )
    result = contacts().sfbulk.insert("Contact", org=org, on_failure="return")
    assert result.failed_results["LastName"].to_list() == ["Näme 4"]
    assert result.attempts["row"].unique(maintain_order=True).to_list() == [0, 1, 2, 3]


def test_locked_rows_of_one_parent_go_in_one_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    accounts = pl.DataFrame({"Name": [f"Acme {i}" for i in range(3)]}).sfbulk.insert("Account", org=org)
    ids = accounts.successful_results["sf__Id"].to_list()
    frame = contacts(60).with_columns(AccountId=pl.Series([ids[i % 3] for i in range(60)]))
    local.faults.append(Fault("rows", "lock"))
    result = frame.sfbulk.insert("Contact", org=org, max_records=25)
    assert result
    second = result.attempts.filter(pl.col("attempt") == 2)
    parents = frame["AccountId"].gather(second["row"])
    jobs_of = second.with_columns(parents.alias("parent")).group_by("parent").agg(pl.col("job_id").n_unique())
    assert jobs_of["job_id"].to_list() == [1, 1, 1]


def test_rows_that_stay_locked_fail_after_the_last_try(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 7$|Näme 7,", times=None))
    result = contacts().sfbulk.insert("Contact", org=org, retry_rows={"UNABLE_TO_LOCK_ROW": 2}, on_failure="return")
    assert len(result.jobs) == 3
    assert result.failed_results["LastName"].to_list() == ["Näme 7"]
    assert result.failed_results["sf__Error"].str.starts_with("UNABLE_TO_LOCK_ROW:").all()


def test_no_row_goes_again_where_the_caller_says_so(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 7$|Näme 7,"))
    result = contacts().sfbulk.insert("Contact", org=org, retry_rows=(), on_failure="return")
    assert len(result.jobs) == 1
    assert result.counts["failed"] == 1


def test_a_retry_that_cannot_be_sent_leaves_the_rows_failed(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 7$|Näme 7,"))
    local.faults.append(Fault("create", "status", nth=2, times=None, status=400, error_code="EXCEEDEDQUOTA"))
    result = contacts().sfbulk.insert("Contact", org=org, on_failure="return")
    assert result.counts == {"successful": N - 1, "failed": 1, "unprocessed": 0}
    assert "EXCEEDEDQUOTA" in repr(result)


def test_rows_whose_second_job_vanishes_are_unknown_and_no_longer_locked(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 7$|Näme 7,"))
    local.faults.append(Fault("job", "vanish", nth=2))
    with pytest.raises(sfframe.OutcomeUnknown) as caught:
        contacts().sfbulk.insert("Contact", org=org)
    assert caught.value.rows.tolist() == [7]
    assert caught.value.result.counts == {"successful": N - 1, "failed": 0, "unprocessed": 1}


# --- an impatient caller ----------------------------------------------------------------------------------------------


def test_a_timeout_names_the_committed_job_and_leaves_it_alone(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "stuck", after_rows=0))
    with pytest.raises(sfframe.JobTimeout, match="may still run") as caught:
        contacts().sfbulk.insert("Contact", org=org, timeout=0.5)
    (job_id,) = caught.value.job_ids
    assert states(local)[job_id] in ("UploadComplete", "InProgress")
    assert caught.value.result.counts["unprocessed"] == N


def test_rows_that_went_again_are_of_unknown_fate_when_that_is_broken_off(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 7$|Näme 7,"))
    local.faults.append(Fault("job", "stuck", after_rows=0, nth=2))
    with pytest.raises(sfframe.Interrupted, match="may still run") as caught:
        contacts().sfbulk.insert("Contact", org=org, progress=ctrl_c_at(PartUploaded, nth=2))
    result = caught.value.result
    assert len(result.running_job_ids) == 1
    assert result.counts == {"successful": N - 1, "failed": 0, "unprocessed": 1}


def test_a_timeout_aborts_what_was_not_committed(local: sfframe.LocalOrg) -> None:
    org = org_of(local, timeouts=sfframe.Timeouts())
    local.faults.append(Fault("put", "stall"))
    with pytest.raises(sfframe.JobTimeout, match="No committed job"):
        contacts().sfbulk.insert("Contact", org=org, timeout=0.5)
    assert list(states(local).values()) == ["Aborted"]
    assert names_in(local) == []


def test_a_timeout_leaves_a_job_alone_whose_closing_got_no_answer(local: sfframe.LocalOrg) -> None:
    org = org_of(local, timeouts=sfframe.Timeouts())
    local.faults += [Fault("patch", "stall", when="after"), Fault("job", "stuck", after_rows=0)]
    with pytest.raises(sfframe.JobTimeout, match="may still run") as caught:
        contacts().sfbulk.insert("Contact", org=org, timeout=0.5)
    (job_id,) = caught.value.job_ids
    assert states(local)[job_id] in ("UploadComplete", "InProgress")


def test_ctrl_c_names_the_committed_job_and_leaves_it_alone(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "stuck", after_rows=0))
    with pytest.raises(sfframe.Interrupted, match="may still run") as caught:
        contacts().sfbulk.insert("Contact", org=org, progress=ctrl_c_at(PartUploaded))
    assert isinstance(caught.value, KeyboardInterrupt)
    (job_id,) = caught.value.job_ids
    assert states(local)[job_id] in ("UploadComplete", "InProgress")
    assert len(caught.value.result) == N


def test_ctrl_c_aborts_what_was_not_committed(local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("put", "stall"))
    with pytest.raises(sfframe.Interrupted, match="No committed job"):
        contacts().sfbulk.insert(
            "Contact", org=org_of(local, timeouts=sfframe.Timeouts()), progress=ctrl_c_at(JobCreated)
        )
    assert list(states(local).values()) == ["Aborted"]


def ctrl_c_at(kind: type, nth: int = 1) -> Any:
    seen: list[Event] = []

    def watch(event: Event) -> None:
        if isinstance(event, kind):
            seen.append(event)
        if isinstance(event, kind) and len(seen) == nth:
            # To the thread that waits, as a terminal's Ctrl-C goes.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return watch


async def test_a_cancelled_task_stays_cancelled_and_aborts_what_was_not_committed(local: sfframe.LocalOrg) -> None:
    org = org_of(local, timeouts=sfframe.Timeouts())
    local.faults.append(Fault("put", "stall"))
    created = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, JobCreated):
            created.set()

    async with org:
        task = asyncio.create_task(contacts().sfbulk.insert_async("Contact", org=org, progress=watch))
        await created.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [job.state async for job in org.ingest.list_jobs()] == ["Aborted"]


# --- manners of the call ----------------------------------------------------------------------------------------------


def test_each_failing_call_warns_also_at_the_same_line(org: sfframe.Org) -> None:
    bad = pl.DataFrame({"LastName": ["a"], "Email": ["no mail"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            bad.sfbulk.insert("Contact", org=org)
    assert [w.category for w in caught] == [sfframe.RecordsFailedWarning] * 3
    assert {w.filename for w in caught} == {__file__}


def test_failures_are_returned_or_raised_as_the_caller_wishes(org: sfframe.Org) -> None:
    bad = pl.DataFrame({"LastName": ["a"], "Email": ["no mail"]})
    assert not bad.sfbulk.insert("Contact", org=org, on_failure="return")
    with pytest.raises(sfframe.RecordsFailed) as caught:
        bad.sfbulk.insert("Contact", org=org, on_failure="raise")
    assert caught.value.result.counts["failed"] == 1
    with pytest.raises(sfframe.RecordsFailed):
        bad.sfbulk.insert("Contact", org=org, on_failure="return").raise_for_failures()


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_jobs_are_in_flight_than_the_caller_allows(org: sfframe.Org, most: int) -> None:
    now: set[str] = set()
    peak = 0

    def watch(event: Event) -> None:
        nonlocal peak
        if isinstance(event, JobCreated):
            now.add(event.job_id)
            peak = max(peak, len(now))
        if isinstance(event, JobFinished):
            now.discard(event.job_id)

    result = contacts().sfbulk.insert("Contact", org=org, max_records=30, max_concurrent_jobs=most, progress=watch)
    assert len(result.jobs) == 10
    assert peak == most


def test_a_frame_without_rows_makes_no_job(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    result = contacts(0).sfbulk.insert("Contact", org=org)
    assert result
    assert len(result) == 0
    assert result.successful_results.schema == {**contacts(0).schema, "sf__Id": pl.String, "sf__Created": pl.Boolean}
    assert local.count("create") == 0


def test_a_quota_that_is_kept_for_others_is_not_touched(local: sfframe.LocalOrg) -> None:
    greedy = org_of(local, quota_reserve=0.999_999)
    with pytest.raises(sfframe.QuotaReserved, match="DailyApiRequests"):
        contacts().sfbulk.insert("Contact", org=greedy)
    assert local.count("create") == 0
    assert contacts().sfbulk.insert("Contact", org=org_of(local, quota_reserve=0.1))


def test_defaults_of_the_org_hold_for_every_call(local: sfframe.LocalOrg) -> None:
    org = org_of(local, defaults={"max_records": 100})
    assert len(contacts().sfbulk.insert("Contact", org=org).jobs) == 3
    assert len(contacts().sfbulk.insert("Contact", org=org, max_records=150).jobs) == 2
