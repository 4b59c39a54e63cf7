"""What else may come between a call and its end: other calls, other options, other places, ends that come early."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import contextlib
import functools
import gc
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe.ingest.journal import Journal
from sfframe.ingest.recorded import Stage
from sfframe.ingest.run import Run
from sfframe.ingest.run_file import intent_in
from sfframe.org.ingest_jobs import IngestJobs
from sfframe.org.job import JobInfo
from sfframe.testing import Fault
from tests import at_once

from .test_deaths import Died, call, check, contacts, dying, opened
from .test_runs import dead


def dead_after(patch: pytest.MonkeyPatch, step: int, org: sfframe.Org, folder: Path, **options: Any) -> None:
    dying(patch, step, "after")
    with pytest.raises(BaseException):  # noqa: B017, PT011
        call(contacts(), "insert", org, folder, **options)
    patch.undo()


def test_rows_that_went_again_are_known_whatever_the_next_call_says_of_retries(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """Or rows that the second try has written would be given back as locked."""
    local.faults.append(Fault("rows", "lock", match=r"Näme \d*[02468]\b", times=1))
    with pytest.MonkeyPatch.context() as patch:
        # Four parts have their six steps; the fifth part is closed.
        dead_after(patch, 29, org, tmp_path, max_concurrent_jobs=1)
    with pytest.raises(sfframe.JournalError, match="retry_rows= was"):
        call(contacts(), "insert", org, tmp_path, retry_rows=None)
    check(call(contacts(), "insert", org, tmp_path), contacts(), local)


def test_time_that_is_up_before_all_jobs_were_looked_at_names_them_all(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    with pytest.raises(sfframe.JobTimeout) as first:
        call(contacts(), "insert", org, tmp_path, timeout=0.6)
    assert len(first.value.job_ids) == 4
    with pytest.raises(sfframe.JobTimeout) as second:
        call(contacts(), "insert", org, tmp_path, timeout=0.6, max_concurrent_jobs=1)
    assert set(second.value.job_ids) == set(first.value.job_ids)
    local.faults.clear()
    local.release_jobs()
    check(sfframe.resume(second.value, org=org), contacts(), local)


def test_a_journal_is_where_it_was_meant_when_the_call_was_made(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = call(contacts().lazy(), "insert", org, Path("journals"))
    again = sfframe.resume("journals")
    monkeypatch.chdir(tmp_path / "there")
    assert result.run is not None
    assert result.run.is_absolute()
    for one in (result, again, sfframe.resume(result.run)):
        assert one.successful_results.collect().height == 18


def test_labels_that_are_no_text_can_be_named_in_options(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    frame = contacts().to_pandas()
    frame[7], frame[("a", 1)] = 1, 2
    options: dict[str, Any] = {"columns": {"own": None, 7: None, ("a", 1): None}}
    for by_resume in (True, False):
        local.reset()
        dead(org, tmp_path, frame=frame, **options)
        result = sfframe.resume(tmp_path, org=org) if by_resume else call(frame, "insert", org, tmp_path, **options)
        assert isinstance(result.successful_results, pd.DataFrame)
        assert result.counts["successful"] == local.rows("Contact").num_rows == 18


def test_of_two_calls_at_once_one_is_refused(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the frame of the first one isn't on the disk yet."""
    keep, is_keeping, go_on = Journal.keep, threading.Event(), threading.Event()

    def slowly(self: Journal, write: Any) -> None:
        is_keeping.set()
        assert go_on.wait(20)
        keep(self, write)

    monkeypatch.setattr(Journal, "keep", slowly)
    results: list[Any] = []
    first = threading.Thread(target=lambda: results.append(call(contacts(), "insert", org, tmp_path)))
    first.start()
    try:
        assert is_keeping.wait(20)
        assert sfframe.journals(tmp_path)["state"].to_list() == ["preparing"]
        with pytest.raises(sfframe.JournalInUse):
            call(contacts(), "insert", org, tmp_path)
    finally:
        go_on.set()
        first.join()
    check(results[0], contacts(), local)


def test_a_run_that_was_finished_before_it_could_be_locked_is_over(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(org, tmp_path)
    opened = Journal.open

    def late(folder: Path) -> Journal:
        monkeypatch.undo()
        sfframe.resume(folder, org=org)
        return opened(folder)

    monkeypatch.setattr(Journal, "open", late)
    result = call(contacts(), "insert", org, tmp_path)
    assert sfframe.journals(tmp_path)["state"].to_list() == ["finished", "finished"]
    assert result.run == Path(sfframe.journals(tmp_path)["run"][-1])


def test_a_run_is_free_when_whoever_opened_it_is_gone(org: sfframe.Org, tmp_path: Path) -> None:
    """As a thread whose call was interrupted."""
    run = dead(org, tmp_path)
    Journal.open(run)
    gc.collect()
    Journal.open(run).close()


def test_a_closing_that_was_called_off_is_not_taken_for_one(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted between the word that a job is about to be closed and its closing, the job is aborted."""
    record = Run.record
    before: list[Any] = []

    async def interrupted(self: Run, step: Any, *args: Any, **kwargs: Any) -> Any:
        found = await record(self, step, *args, **kwargs)
        if any(one is Stage.CLOSING for one in args) and not before:
            before.append(args)
            raise TimeoutError  # as the call's time that is up
        return found

    monkeypatch.setattr(Run, "record", interrupted)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        call(contacts(), "insert", org, tmp_path, max_concurrent_jobs=1)
    monkeypatch.undo()
    assert before
    check(sfframe.resume(tmp_path, org=org), contacts(), local)


def test_a_job_of_another_api_version_is_given_up_by_its_own(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        dead_after(patch, 4, org, tmp_path, max_concurrent_jobs=1)  # about to be closed
    other = at_once.org_of(local, api_version="61.0")
    aborted: list[str] = []

    def note(path: Any) -> bool:
        aborted.append(path)
        return False

    local.faults.append(Fault("patch", "status", match=note))
    check(sfframe.resume(tmp_path, org=other), contacts(), local)
    assert f"/v{org.api_version}/" in aborted[0]


def test_a_job_that_ran_before_its_abort_is_not_sent_again(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its closing came late, after the look that found it open; the answer to an abort has no counters."""
    with pytest.MonkeyPatch.context() as patch:
        dead_after(patch, 4, org, tmp_path, max_concurrent_jobs=1)  # about to be closed
    [job_id] = [job.info.id for part in opened(tmp_path) for job in part.jobs]
    abort = IngestJobs.abort_job

    async def late(self: IngestJobs, job_id: str, **options: Any) -> JobInfo:
        monkeypatch.undo()
        local.faults.append(Fault("job", "stuck", times=None, after_rows=5))
        await self.close_job(job_id)
        while (await self.get_job(job_id)).number_records_processed < 5:
            pass
        local.faults.clear()
        seen = await abort(self, job_id, **options)
        return JobInfo(id=seen.id, state=seen.state)

    monkeypatch.setattr(IngestJobs, "abort_job", late)
    with pytest.raises(sfframe.OutcomeUnknown) as unknown:
        sfframe.resume(tmp_path, org=org)
    assert unknown.value.rows.tolist() == list(range(7))
    assert job_id in unknown.value.job_ids
    result = sfframe.resume(tmp_path, org=org)
    assert result.counts["unprocessed"] == 2
    assert result.counts["successful"] == local.rows("Contact").num_rows


def test_each_org_has_its_runs_where_all_log_in_at_one_address(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """Also where no describe comes before: then nothing but the login tells which org it is."""
    fresh = at_once.org_of(local)
    call(contacts(3), "insert", fresh, tmp_path, describe=False)
    [run] = sfframe.journals(tmp_path)["run"]
    assert intent_in(Path(run)).org_id == fresh.org_id is not None


def test_rows_of_a_job_that_was_given_up_at_its_closing_go_again(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the call dies before it has made another one."""
    local.faults.append(Fault("patch", "status", status=400, error_code="INVALIDJOB"))
    create = IngestJobs.create_job

    async def once(self: IngestJobs, *args: Any, **options: Any) -> JobInfo:
        if local.count("create"):
            raise Died
        return await create(self, *args, **options)

    async def nothing(self: Run) -> None:
        """The dead don't tidy up."""

    monkeypatch.setattr(IngestJobs, "create_job", once)
    monkeypatch.setattr(Run, "tidy", nothing)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        call(contacts(7), "insert", org, tmp_path)
    monkeypatch.undo()
    check(sfframe.resume(tmp_path, org=org), contacts(7), local)


@pytest.mark.parametrize("step", [6, 7, 8, 9, 11, 12])
def test_a_second_try_with_other_line_ends_is_finished_too(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int
) -> None:
    local.faults.append(Fault("job", "fail", after_rows=0, error="InvalidBatch : LineEnding is invalid on user data"))
    with pytest.MonkeyPatch.context() as patch:
        dead_after(patch, step, org, tmp_path, max_concurrent_jobs=1)
    result = sfframe.resume(tmp_path, org=org)
    check(result, contacts(), local)
    assert [job.state for job in result.jobs] == ["Failed", *["JobComplete"] * 4]
    assert any("LineEnding" in note for note in result.notes)
    again = sfframe.resume(tmp_path)
    assert (again.jobs, again.notes) == (result.jobs, result.notes)


@pytest.mark.parametrize(("where", "when"), [("put", "after"), ("patch", "before"), ("patch", "after")])
@pytest.mark.parametrize("step", [5, 11])
def test_a_lost_answer_and_a_death_and_another_lost_answer(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int, where: str, when: Any
) -> None:
    local.faults.append(Fault(where, "drop", when=when, nth=2, times=3))
    with pytest.MonkeyPatch.context() as patch:
        dead_after(patch, step, org, tmp_path, max_concurrent_jobs=2)
    local.faults.clear()
    local.faults.append(Fault(where, "drop", when=when, times=2))
    check(sfframe.resume(tmp_path, org=org), contacts(), local)


STRICTER: dict[str, dict[str, Any]] = {
    "shorter": {"Code__c": {"type": "string", "length": 2}, "Visits__c": "double"},
    "gone": {"Visits__c": "double"},
    "another kind": {
        "Code__c": {"type": "picklist", "values": ["x"], "restrictedPicklist": True},
        "Visits__c": "double",
    },
    "another one is required": {
        "Code__c": "string",
        "Visits__c": "double",
        "New__c": {"type": "string", "nillable": False},
    },
}


def run_to_its_end(local: sfframe.LocalOrg, job_id: str) -> None:
    async def look() -> None:
        jobs = at_once.org_of(local).ingest
        while not (await jobs.get_job(job_id)).is_final:
            pass
        await jobs.successful_results(job_id)  # which the local org writes when they are first asked for

    sfframe.run(look())


@pytest.mark.parametrize(("change", "finish"), [*zip(STRICTER, ["resume", "the same call"] * 2, strict=True)])
def test_a_run_is_finished_whatever_the_org_takes_by_now(tmp_path: Path, change: str, finish: str) -> None:
    """What has run is collected; of rows that weren't sent yet the org says what it takes."""
    frame = pl.DataFrame({"code__c": [f"no {i}" for i in range(14)], "Visits__c": list(range(14))})
    with sfframe.LocalOrg() as local:
        local.define("Load__c", {"Code__c": "string", "Visits__c": "double"})
        load = functools.partial(sfframe.ingest, frame, "load__c", "insert", journal=tmp_path, max_records=7,
                                 max_concurrent_jobs=1, on_failure="return")  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, 5, "after")  # the first of two jobs is closed
            with pytest.raises(BaseException):  # noqa: B017, PT011
                load(org=at_once.org_of(local))
        run_to_its_end(local, opened(tmp_path)[0].jobs[0].info.id)
        local.define("Load__c", STRICTER[change])
        org = at_once.org_of(local)
        result: Any = load(org=org) if finish == "the same call" else sfframe.resume(tmp_path, org=org)
        assert_frame_equal(result.successful_results.select(frame.columns), frame.head(7))
        assert result.counts["failed"] + result.counts["unprocessed"] == 7
        assert_frame_equal(sfframe.resume(tmp_path).to_frame(), result.to_frame())


def test_a_frame_that_the_org_takes_no_longer_is_no_other_run(tmp_path: Path) -> None:
    with sfframe.LocalOrg() as local:
        local.define("Load__c", {"Code__c": "string"})
        org = at_once.org_of(local)
        frame = pl.DataFrame({"Code__c": ["a", "b"]})
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, 1, "after")  # nothing was sent
            with pytest.raises(BaseException):  # noqa: B017, PT011
                sfframe.ingest(frame, "Load__c", "insert", org=org, journal=tmp_path)
        with pytest.raises(sfframe.SchemaError, match="nothing was sent"):
            sfframe.ingest(frame.rename({"Code__c": "Gone__c"}), "Load__c", "insert", org=org, journal=tmp_path)
        assert sfframe.journals(tmp_path)["state"].to_list() == ["open"]
        assert sfframe.resume(tmp_path, org=org)


def test_a_run_whose_columns_this_version_refuses_says_which_one_began_it(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    run = dead(org, tmp_path)
    with contextlib.closing(sqlite3.connect(run / "run.sqlite")) as db, db:
        db.execute("UPDATE run SET value = replace(value, 'LastName', 'Another') WHERE name = 'described'")
    with pytest.raises(sfframe.JournalError, match=r"was begun by sfframe [\d.]+.*\n.*LastName"):
        sfframe.resume(run, org=org)
