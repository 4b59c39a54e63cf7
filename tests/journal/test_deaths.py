"""A call dies before or after any step that its journal records, and is finished: each row once, whatever the step."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe.ingest.journal import Journal
from sfframe.ingest.run import Run
from sfframe.testing import Fault

N = 24
FEW = 12
STEPS = ("part_begun", "job_made", "uploaded", "reached", "collected", "ended")


class Died(BaseException):
    """The process is no more; nothing is tidied up."""


def contacts(n: int = N) -> pl.DataFrame:
    """Of which each fourth one is refused."""
    names = [None if i % 4 == 3 else f"Näme {i}" for i in range(n)]
    return pl.DataFrame({"ExternalId__c": [f"k{i}" for i in range(n)], "LastName": names, "own": list(range(n))})


def dying(monkeypatch: pytest.MonkeyPatch, step: int, when: str) -> Callable[[], int]:
    """Let a call die at a step of its journal, counted from 1; gives how many there were."""
    seen = 0
    counting = threading.Lock()

    def at(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Journal, *args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            with counting:
                seen += 1
                mine = seen
            if mine == step and when == "before":
                raise Died
            found = write(self, *args, **kwargs)
            if mine == step:
                raise Died
            return found

        return wrapped

    async def nothing(self: Run) -> None:
        """The dead don't tidy up."""

    for name in STEPS:
        monkeypatch.setattr(Journal, name, at(getattr(Journal, name)))
    monkeypatch.setattr(Run, "tidy", nothing)
    return lambda: seen


def call(frame: Any, operation: str, org: sfframe.Org, journal: Path, **options: Any) -> Any:
    key = ["ExternalId__c"] if operation == "upsert" else []
    options = {"columns": {"own": None}, "max_records": 7, "on_failure": "return", **options}
    return getattr(sfframe.bulk(frame), operation)("Contact", *key, org=org, journal=journal, **options)


def check(result: Any, frame: pl.DataFrame, local: sfframe.LocalOrg) -> None:
    """The three frames say what is in the org, and each row is in one of them."""
    good = pl.col("LastName").is_not_null()
    successful, failed = result.successful_results, result.failed_results
    assert_frame_equal(successful.select(frame.columns), frame.filter(good))
    assert_frame_equal(failed.select(frame.columns), frame.filter(~good))
    assert result.unprocessed_records.height == 0
    there = pl.DataFrame(local.rows("Contact"))
    assert sorted(there["ExternalId__c"]) == sorted(successful["ExternalId__c"])
    ids = dict(zip(there["Id"], there["ExternalId__c"], strict=True))
    assert [ids[one] for one in successful["sf__Id"]] == successful["ExternalId__c"].to_list()


def n_steps() -> int:
    return 2 * 6 + 1  # two parts: begun, made, uploaded, closing, closed, collected; and the end


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, n_steps() + 1))
def test_each_row_is_written_once_whatever_the_step(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int, when: str
) -> None:
    frame = contacts(FEW)
    finish = "resume" if (step + (when == "after")) % 2 else "the same call"  # they take turns
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step, when)
        with pytest.raises(BaseException) as death:  # noqa: PT011  # a group of them, perhaps
            call(frame, "insert", org, tmp_path)
        assert isinstance(death.value, Died) or death.group_contains(Died)
    is_over = step == n_steps() and when == "after"
    assert sfframe.journals(tmp_path)["state"].to_list() == ["finished" if is_over else "open"]
    if finish == "resume":
        result = sfframe.resume(tmp_path, org=org)
    elif is_over:
        return  # the same call would be a new run
    else:
        result = call(frame, "insert", org, tmp_path)
    check(result, frame, local)
    assert sfframe.journals(tmp_path)["state"].to_list() == ["finished"]
    again = sfframe.resume(tmp_path)
    assert_frame_equal(again.to_frame(), result.to_frame())
    assert again.jobs == result.jobs
    assert local.rows("Contact").num_rows == result.counts["successful"]


def test_a_call_that_lives_takes_so_many_steps(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = dying(monkeypatch, 0, "never")
    call(contacts(FEW), "insert", org, tmp_path)
    assert taken() == n_steps()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 11])
def test_it_may_die_when_it_is_finished_too(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int, when: str
) -> None:
    frame = contacts(FEW)
    for first in (4, step):
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, first, when)
            with pytest.raises(BaseException) as death:  # noqa: PT011
                call(frame, "insert", org, tmp_path) if first == 4 else sfframe.resume(tmp_path, org=org)
            assert isinstance(death.value, Died) or death.group_contains(Died)
    check(sfframe.resume(tmp_path, org=org), frame, local)


@pytest.mark.parametrize(("operation", "step"), [("insert", 10), ("insert", 11), ("upsert", 11)])
def test_rows_of_a_job_that_is_gone_are_unknown_but_for_an_external_id(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, operation: str, step: int
) -> None:
    frame = contacts()
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step, "after")  # about to be closed, and closed
        with pytest.raises(BaseException):  # noqa: B017, PT011
            call(frame, operation, org, tmp_path, max_concurrent_jobs=1)
    [first, *_] = [job for part in opened(tmp_path) for job in part.jobs if job.stage != "collected"]
    local.faults.append(Fault("get_job", "status", status=404, error_code="NOT_FOUND", times=None,
                              match=lambda path: first.info.id in path))  # fmt: skip
    if operation == "upsert":
        result = sfframe.resume(tmp_path, org=org)
        check(result, frame, local)
        assert any(first.info.id in note for note in result.notes)
        again = sfframe.resume(tmp_path)
        assert (again.jobs, again.notes) == (result.jobs, result.notes)
        return
    with pytest.raises(sfframe.OutcomeUnknown) as unknown:
        sfframe.resume(tmp_path, org=org)
    assert unknown.value.rows.tolist() == list(range(7, 14))
    assert first.info.id in unknown.value.job_ids
    assert unknown.value.run is not None
    local.faults.clear()
    check(sfframe.resume(unknown.value, org=org), frame, local)


def test_rows_of_a_job_that_cannot_be_asked_about_are_unknown(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """Also where they may go again as soon as the job is gone for good: it may be running."""
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, 4, "after")
        with pytest.raises(BaseException):  # noqa: B017, PT011
            call(contacts(7), "upsert", org, tmp_path)
    local.faults.append(Fault("get_job", "status", status=503, times=None))
    with pytest.raises(sfframe.OutcomeUnknown):
        sfframe.resume(tmp_path, org=org)
    assert local.count("create") == 1
    local.faults.clear()
    check(sfframe.resume(tmp_path, org=org), contacts(7), local)


def test_an_upsert_by_id_whose_job_is_gone_is_not_sent_again(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """Rows without an id would be inserted twice."""
    frame = pl.DataFrame({"Id": [None, None], "LastName": ["a", "b"]}, schema={"Id": pl.String, "LastName": pl.String})
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, 4, "after")
        with pytest.raises(BaseException):  # noqa: B017, PT011
            sfframe.bulk(frame).upsert("Contact", "Id", org=org, journal=tmp_path, invalid="report")
    local.faults.append(Fault("get_job", "status", status=404, error_code="NOT_FOUND", times=None))
    with pytest.raises(sfframe.OutcomeUnknown):
        sfframe.resume(tmp_path, org=org)
    assert local.count("create") == 1


def opened(folder: Path) -> Any:
    [path] = sfframe.journals(folder)["run"]
    journal = Journal.open(Path(path))
    try:
        return journal.parts()
    finally:
        journal.close()
