"""Which run a call goes on with, what is refused, and what a journal lets see."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe.__main__ import main
from sfframe.ingest.journal import Journal
from sfframe.testing import Fault
from tests import at_once, nursery

from .test_deaths import Died, call, check, contacts, dying


def dead(org: sfframe.Org, folder: Path, *, step: int = 11, frame: Any = None, **options: Any) -> Path:
    """A run that died after so many steps; five are a job's that was given to the org."""
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step, "after")
        with pytest.raises(BaseException) as death:  # noqa: PT011
            call(contacts() if frame is None else frame, "insert", org, folder, max_concurrent_jobs=1, **options)
        assert isinstance(death.value, Died) or death.group_contains(Died)
    return Path(sfframe.journals(folder)["run"][-1])


# --- the same call ----------------------------------------------------------------------------------------------------


OTHER_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"columns": {"own": "Visits__c"}}, "columns= was"),
    ({"nulls": {"ExternalId__c": "clear"}}, "nulls= was 'ignore' and is {'ExternalId__c': 'clear'}"),
    ({"invalid": "report"}, "invalid= was"),
    ({"on_duplicate_key": "send"}, "on_duplicate_key= was"),
    ({"group_by": "ExternalId__c"}, "group_by= was"),
    ({"describe": False}, "describe= was True and is False"),
    ({"naive_datetimes": "UTC"}, "naive_datetimes= was"),
    ({"columns": ["LastName"]}, "columns= was"),
]


def test_other_options_are_refused_with_the_difference(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    run = dead(org, tmp_path)
    for options, what in OTHER_OPTIONS:
        with pytest.raises(sfframe.JournalError, match=what) as refused:
            call(contacts(), "insert", org, tmp_path, **options)
        assert str(run) in str(refused.value)
        assert "new_run=True" in str(refused.value)
    check(sfframe.resume(run, org=org), contacts(), local)


OTHER_FRAMES: list[tuple[Any, str]] = [
    (lambda f: f.with_columns(LastName=pl.when(pl.col("own") == 17).then(pl.lit("x")).otherwise("LastName")), "17"),
    (lambda f: f.head(20), "fewer"),
    (lambda f: pl.concat([f, f.tail(1)]), "more"),
    (lambda f: f.reverse(), "differs first in row 0"),
    (lambda f: f.drop("ExternalId__c").with_columns(FirstName=pl.lit("x")), "ExternalId__c missing; FirstName new"),
]


def test_another_frame_is_refused_with_the_difference(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    frame = contacts().with_columns(pl.col("LastName").fill_null("x"))
    dead(org, tmp_path, frame=frame)
    for change, what in OTHER_FRAMES:
        with pytest.raises(sfframe.JournalError, match=what) as refused:
            call(change(frame), "insert", org, tmp_path, describe=True, invalid="raise")
        assert "Näme" not in str(refused.value)  # no cell is in a message
    jobs = local.count("create")
    result = call(change(frame), "insert", org, tmp_path, new_run=True)
    assert local.count("create") > jobs
    assert result.run is not None
    assert sorted(sfframe.journals(tmp_path)["state"]) == ["finished", "open"]


def test_what_changes_nothing_of_what_is_sent_may_change(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    dead(org, tmp_path)
    frame = contacts().with_columns(own=pl.lit("another"))
    result = call(frame, "insert", org, tmp_path, max_records=5, max_concurrent_jobs=2, on_failure="return", timeout=60)
    check(result, frame, local)


def test_a_run_that_sent_nothing_is_no_obstacle(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    run = dead(org, tmp_path, step=2)
    other = contacts(5)
    check(call(other, "insert", org, tmp_path), other, local)
    assert sfframe.journals(tmp_path)["state"].to_list() == ["dropped", "finished"]
    with pytest.raises(sfframe.JournalError, match="a later call took its place"):
        sfframe.resume(run, org=org)


def test_a_run_that_may_have_sent_something_is_an_obstacle(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    run = dead(org, tmp_path, step=4)  # a job was about to be closed
    with pytest.raises(sfframe.JournalError, match="isn't this call"):
        call(contacts(5), "insert", org, tmp_path)
    check(sfframe.resume(run, org=org), contacts(), local)


def test_after_a_finished_run_comes_a_new_one(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    frame = contacts(5).drop("ExternalId__c")
    first, second = (call(frame, "insert", org, tmp_path) for _ in range(2))
    assert first.run != second.run
    assert local.rows("Contact").num_rows == 2 * first.counts["successful"]
    assert sfframe.journals(tmp_path)["state"].to_list() == ["finished", "finished"]
    assert_frame_equal(sfframe.resume(tmp_path).to_frame(), second.to_frame())  # the latest


def test_runs_of_other_objects_operations_and_orgs_are_no_obstacle(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    dead(org, tmp_path)
    frame = contacts(3).with_columns(pl.col("LastName").fill_null("x"))
    assert call(frame, "upsert", org, tmp_path)
    assert pl.DataFrame({"Name": ["a"]}).sfbulk.insert("Account", org=org, journal=tmp_path)
    with sfframe.LocalOrg() as elsewhere:
        other = at_once.org_of(elsewhere)
        assert call(frame, "insert", other, tmp_path)
        with pytest.raises(sfframe.JournalError, match="is of the org"):
            sfframe.resume(Path(sfframe.journals(tmp_path)["run"][0]), org=other)


def test_one_at_a_time(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    run = dead(org, tmp_path)
    journal = Journal.open(run)
    try:
        with pytest.raises(sfframe.JournalInUse, match="being worked on"):
            sfframe.resume(run, org=org)
        with pytest.raises(sfframe.JournalInUse, match="being worked on"):
            call(contacts(), "insert", org, tmp_path)
    finally:
        journal.close()
    check(sfframe.resume(run, org=org), contacts(), local)


def test_another_process_is_refused_too(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    run = dead(org, tmp_path)
    journal = Journal.open(run)
    code = f"import sfframe; sfframe.resume({str(run)!r}, org=sfframe.Org({local.url!r}, sfframe.AccessToken('x')))"
    try:
        found = nursery.run(["-c", code])
    finally:
        journal.close()
    assert "JournalInUse" in found.stderr


# --- resume -----------------------------------------------------------------------------------------------------------


def test_a_call_whose_time_is_up_is_finished_by_its_error(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    with pytest.raises(sfframe.JobTimeout) as late:
        call(contacts(), "insert", org, tmp_path, timeout=0.5)
    assert late.value.run == Path(sfframe.journals(tmp_path)["run"][0])
    assert f"sfframe.resume({str(late.value.run)!r})" in str(late.value)
    assert late.value.result.run == late.value.run
    local.faults.clear()
    local.release_jobs()
    check(sfframe.resume(late.value, org=org), contacts(), local)


def test_an_error_without_a_run_can_not_be_resumed() -> None:
    with pytest.raises(sfframe.JournalError, match="no journal"):
        sfframe.resume(sfframe.JobTimeout("x"))


def test_a_folder_without_runs_or_with_several_says_so(org: sfframe.Org, tmp_path: Path) -> None:
    with pytest.raises(sfframe.JournalError, match=r"no run in .*journal="):
        sfframe.resume(tmp_path, org=org)
    with pytest.raises(sfframe.JournalError, match=r"there is no folder .*journal="):
        sfframe.resume(tmp_path / "nowhere", org=org)


def test_several_unfinished_runs_are_named(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    runs = [dead(org, tmp_path), dead(org, tmp_path, new_run=True)]
    with pytest.raises(sfframe.JournalError) as refused:
        sfframe.resume(tmp_path, org=org)
    assert all(str(run) in str(refused.value) for run in runs)


def test_a_frame_without_rows_is_a_run_too(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    result = call(contacts(0), "insert", org, tmp_path)
    assert (len(result), result.jobs) == (0, ())
    assert sfframe.journals(tmp_path)["state"].to_list() == ["finished"]
    assert_frame_equal(sfframe.resume(tmp_path).to_frame(), result.to_frame())


def test_rows_that_were_left_out_stay_so(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.DataFrame({"LastName": [f"n{i}" for i in range(20)], "Birthdate": ["2024-01-01", "no day"] * 10})
    options: dict[str, Any] = {"columns": None, "invalid": "report"}
    run = dead(org, tmp_path, frame=frame, **options)
    result = sfframe.resume(run, org=org)
    assert result.counts == {"successful": 10, "failed": 10, "unprocessed": 0}
    assert result.failed_results["Birthdate"].unique().to_list() == ["no day"]
    assert_frame_equal(sfframe.resume(run).to_frame(), result.to_frame())


@pytest.mark.parametrize("step", [5, 11, 16, 22])
def test_grouped_rows_keep_their_order(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int) -> None:
    frame = contacts().with_columns(own=pl.Series([i % 3 for i in range(24)]))
    dead(org, tmp_path, frame=frame, step=step, group_by="own")
    check(sfframe.resume(tmp_path, org=org), frame, local)


@pytest.mark.parametrize(
    ("finish", "step", "group_by"),
    [("resume", 5, None), ("the same call", 11, None), ("resume", 11, "own"), ("the same call", 5, "own"),
     ("the same call", 17, "own")],
)  # fmt: skip
def test_a_lazy_frame_comes_back_lazy(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, group_by: str | None, step: int, finish: str
) -> None:
    frame = contacts().with_columns(own=pl.Series([(7 * i) % 5 for i in range(24)]))
    dead(org, tmp_path, frame=frame.lazy(), step=step, group_by=group_by)
    if finish == "resume":
        result = sfframe.resume(tmp_path, org=org)
    else:
        result = call(frame.lazy(), "insert", org, tmp_path, group_by=group_by)
    assert isinstance(result.successful_results, pl.LazyFrame)
    good = pl.col("LastName").is_not_null()
    assert_frame_equal(result.successful_results.collect().select(frame.columns), frame.filter(good))
    assert_frame_equal(result.failed_results.collect().select(frame.columns), frame.filter(~good))
    assert sorted(pl.DataFrame(local.rows("Contact"))["ExternalId__c"]) == sorted(frame.filter(good)["ExternalId__c"])
    again = sfframe.resume(tmp_path)
    assert_frame_equal(again.to_frame().collect(), result.to_frame().collect())


def test_a_pandas_frame_comes_back_with_its_index(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    frame = contacts().to_pandas().set_index(pd.date_range("2024-01-01", periods=24, name="day"))
    dead(org, tmp_path, frame=frame)
    result = sfframe.resume(tmp_path, org=org)
    good = frame["LastName"].notna()
    pd.testing.assert_frame_equal(result.successful_results[list(frame.columns)], frame[good], check_freq=False)
    pd.testing.assert_frame_equal(result.failed_results[list(frame.columns)], frame[~good], check_freq=False)


@pytest.mark.parametrize("step", [4, 11, 14, 17, 20, 24])
def test_rows_that_went_again_are_not_sent_once_more(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int
) -> None:
    local.faults.append(Fault("rows", "lock", match=r"Näme \d*[02468]\b", times=2))
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step, "after")
        with pytest.raises(BaseException):  # noqa: B017, PT011
            call(contacts(12), "insert", org, tmp_path)
    result = sfframe.resume(tmp_path, org=org)
    check(result, contacts(12), local)
    again = sfframe.resume(tmp_path)
    assert_frame_equal(again.attempts, result.attempts)
    assert again.jobs == result.jobs


# --- what can be seen -------------------------------------------------------------------------------------------------


def test_nobody_else_can_read_it_and_it_holds_no_secret(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    run = dead(org, tmp_path / "journals")
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "journals").stat().st_mode) == 0o700
    token = org.transport.token
    assert token is not None
    for path in run.iterdir():
        held = path.read_bytes()
        for secret in (token.access_token, local.client_secret):
            assert secret.encode() not in held, path.name


def test_the_list_says_how_far_each_run_is(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sfframe.journals(tmp_path).height == 0
    call(contacts(8), "insert", org, tmp_path)
    dead(org, tmp_path)
    (tmp_path / "something else").mkdir()
    runs = sfframe.journals(tmp_path)
    assert runs["state"].to_list() == ["finished", "open"]
    assert runs["rows"].to_list() == [8, 24]
    assert runs["rows_collected"].to_list() == [8, 7]
    assert runs["ended"].is_null().to_list() == [False, True]
    assert set(runs["host"]) == {org.host}
    assert isinstance(sfframe.journals(tmp_path, backend="pandas"), pd.DataFrame)
    assert main(["journals", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[1].startswith("finished")
    assert main(["journals", str(tmp_path / "nowhere")]) == 2
    assert "sfframe journals:" in capsys.readouterr().err


def test_a_damaged_run_is_listed_and_is_no_obstacle_to_others(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    run = dead(org, tmp_path)
    (run / "run.sqlite").write_bytes(b"nonsense" * 1000)
    for beside in run.glob("run.sqlite-*"):
        beside.unlink()
    assert sfframe.journals(tmp_path)["state"].to_list() == ["unreadable"]
    with pytest.raises(sfframe.JournalError, match="can't be"):
        sfframe.resume(run, org=org)


def test_a_torn_frame_is_said_to_be_one(org: sfframe.Org, tmp_path: Path) -> None:
    run = dead(org, tmp_path)
    os.truncate(run / "frame.parquet", 100)
    with pytest.raises(sfframe.JournalError, match="torn or was changed"):
        sfframe.resume(run, org=org)
    with pytest.raises(sfframe.JournalError, match="torn or was changed"):
        call(contacts(), "insert", org, tmp_path)


@pytest.mark.parametrize(("n_bytes", "step"), [(0, 14), (1, 11), (1, 14), (100, 11), (5000, 11), (5000, 14)])
def test_a_torn_last_write_is_as_if_it_had_not_been(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int, n_bytes: int
) -> None:
    """As after a power loss on a disk that lies: the end of what was written is missing, the last step or two."""
    close, copy = Journal.close, tmp_path / "as it was"

    def leave(self: Journal) -> None:
        shutil.copytree(self.folder, copy)  # before the database puts its log away
        close(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "close", leave)
        dead(org, tmp_path / "journals", step=step)
    log = copy / "run.sqlite-wal"
    os.truncate(log, log.stat().st_size - n_bytes)
    check(sfframe.resume(copy, org=org), contacts(), local)


def test_where_nothing_can_be_written_nothing_is_sent(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(sfframe.JournalError):
        call(contacts(), "insert", org, tmp_path / "file")
    assert local.count("create") == 0


@pytest.mark.parametrize("step", range(1, 15))
def test_a_disk_that_is_full_stops_the_call_and_loses_nothing(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, step: int
) -> None:
    frame = contacts(12)
    with pytest.MonkeyPatch.context() as patch:
        full(patch, step)
        try:
            call(frame, "insert", org, tmp_path, max_concurrent_jobs=1)
        except (sfframe.JournalError, sfframe.JobFailed, sfframe.RecordsFailed) as error:
            assert "disk is full" in f"{error} {error.__cause__}"  # noqa: PT017
    [state] = sfframe.journals(tmp_path)["state"]
    if state == "preparing":  # the frame could not be kept, so no job was closed
        with pytest.raises(sfframe.JournalError, match="make the call again"):
            sfframe.resume(tmp_path, org=org)
        assert local.rows("Contact").num_rows == 0
        check(call(frame, "insert", org, tmp_path), frame, local)
        return
    assert state == "open"
    check(sfframe.resume(tmp_path, org=org), frame, local)


def full(patch: pytest.MonkeyPatch, step: int) -> None:
    seen = 0
    write = Journal._step

    def stepping(self: Journal) -> Any:
        nonlocal seen
        seen += 1
        if seen >= step:
            raise sfframe.JournalError("the journal can't be written: database or disk is full")
        return write(self)

    patch.setattr(Journal, "_step", stepping)
