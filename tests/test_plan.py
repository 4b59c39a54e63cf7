"""Plans: what a call would do and cost, before it does; and a load that is run once."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import asyncio
import html
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe import once, verbs
from sfframe.localorg.faults import Fault
from sfframe.localorg.manners import Manners
from sfframe.once import Once, Run
from sfframe.query.lookup import rows as lookup
from tests import at_once

from .conftest import MakeFrame, column


def contacts(n: int, start: int = 0) -> pl.DataFrame:
    numbers = range(start, start + n)
    return pl.DataFrame({"ExternalId__c": [f"C-{i}" for i in numbers], "LastName": [f"Näme {i}" for i in numbers]})


def n_jobs(org: sfframe.Org) -> int:
    async def count() -> int:
        return len([job async for job in org.ingest.list_jobs()])

    return sfframe.run(count())


def n_contacts(local: sfframe.LocalOrg) -> int:
    return local.rows("Contact").num_rows


# --- what it tells ----------------------------------------------------------------------------------------------------


def test_a_plan_sends_nothing_and_its_run_does_what_it_said(
    local: sfframe.LocalOrg, org: sfframe.Org, make_local_frame: MakeFrame
) -> None:
    frame = make_local_frame({"LastName": [f"Näme {i}" for i in range(10)]})
    before = n_jobs(org)
    plan = sfframe.bulk(frame).plan("contact", "insert", org=org, max_records=4)
    assert (n_contacts(local), n_jobs(org)) == (0, before)
    assert (plan.sobject, plan.rows, plan.jobs, plan.batches) == ("Contact", 10, 3, 3)
    assert (plan.inserts, plan.updates, plan.deletes, plan.missing) == (10, 0, 0, 0)
    payloads = sfframe.bulk(frame).payloads("Contact", "insert", org=org, max_records=4)
    assert plan.bytes == sum(map(len, payloads))
    result = plan.run()
    assert (n_contacts(local), len(result.jobs), result.counts["successful"]) == (10, plan.jobs, plan.inserts)
    assert type(result.successful_results) is type(frame) or not isinstance(frame, pl.DataFrame | pd.DataFrame)


@pytest.mark.parametrize("job_requests", [10, -1], ids=["over REST", "by one query job"])
def test_it_tells_which_rows_of_an_upsert_are_in_the_org(
    monkeypatch: pytest.MonkeyPatch, org: sfframe.Org, job_requests: int
) -> None:
    monkeypatch.setattr(lookup, "JOB_REQUESTS", job_requests)
    contacts(5).sfbulk.insert("Contact", org=org)
    frame = contacts(8, start=3).with_columns(pl.col("ExternalId__c").str.to_lowercase())  # case doesn't count in it
    plan = frame.sfbulk.plan("Contact", "upsert", "externalid__c", org=org)
    assert (plan.updates, plan.inserts, plan.missing) == (2, 6, 0)
    assert "2 to be updated, 6 to be inserted" in repr(plan)
    created = plan.run().successful_results["sf__Created"]
    assert (created.sum(), (~created).sum()) == (plan.inserts, plan.updates)


@pytest.mark.parametrize("operation", ["update", "delete", "hard_delete"])
def test_rows_whose_record_is_gone_are_told_beforehand(org: sfframe.Org, operation: str) -> None:
    ids = contacts(4).sfbulk.insert("Contact", org=org).successful_results["sf__Id"]
    pl.DataFrame({"Id": ids.head(1)}).sfbulk.delete("Contact", org=org)
    frame = pl.DataFrame({"Id": ids.str.slice(0, 15), "FirstName": ["Ada"] * 4})  # 15 characters are the same id
    plan = frame.sfbulk.plan("Contact", operation, org=org)
    assert plan.missing == 1
    assert (plan.updates, plan.deletes) == ((3, 0) if operation == "update" else (0, 3))
    assert any("1 of the rows aren't in the org" in note for note in plan.notes)


def test_rows_whose_key_several_records_share_are_told_beforehand(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.define("Asset__c", {"Tag__c": {"type": "string", "externalId": True, "unique": False}})
    pl.DataFrame({"Tag__c": ["a", "a", "b"]}).sfbulk.insert("Asset__c", org=org)
    plan = pl.DataFrame({"Tag__c": ["a", "b", "c"]}).sfbulk.plan("Asset__c", "upsert", "Tag__c", org=org)
    assert (plan.updates, plan.inserts) == (2, 1)
    assert any("keys of 1 of the rows have several records" in note for note in plan.notes)
    with pytest.warns(sfframe.RecordsFailedWarning):
        failed = plan.run().failed_results
    assert failed["Tag__c"].to_list() == ["a"]


def test_rows_that_are_left_out_are_not_counted_as_sent_or_looked_up(org: sfframe.Org) -> None:
    contacts(3).sfbulk.insert("Contact", org=org)
    frame = contacts(3).with_columns(LastName=pl.Series(["Ada", "x" * 81, "Alan"]))
    plan = frame.sfbulk.plan("Contact", "upsert", "ExternalId__c", org=org, invalid="report", on_failure="return")
    assert plan
    assert (plan.rows, plan.rows_left_out, plan.updates) == (2, 1, 2)
    assert plan.run().counts == {"successful": 2, "failed": 1, "unprocessed": 0}


def test_without_describe_it_says_that_it_does_not_know_what_is_there(org: sfframe.Org) -> None:
    plan = contacts(2).sfbulk.plan("Contact", "upsert", "ExternalId__c", org=org, describe=False)
    assert (plan.inserts, plan.updates, plan.rows) == (None, None, 2)
    assert "not known" in repr(plan)
    assert any("describe=False" in note for note in plan.notes)


def test_limits_tell_what_is_needed_and_what_is_left(org: sfframe.Org) -> None:
    plan = contacts(3).sfbulk.plan("Contact", "insert", org=org, max_records=1)
    batches = plan.limits["DailyBulkApiBatches"]
    assert (batches["needed"], batches["max"]) == (3, 15_000)
    assert batches["left"] <= 15_000
    assert plan.limits["DailyApiRequests"]["needed"] == plan.api_calls >= 3 * 7
    assert f"of {batches['left']:,} left today" in repr(plan)


def test_what_is_more_than_is_left_today_is_said() -> None:
    with sfframe.LocalOrg(manners=Manners(daily_batches=2)) as local:
        plan = contacts(3).sfbulk.plan("Contact", "insert", org=at_once.org_of(local), max_records=1)
        assert any(note.startswith("DailyBulkApiBatches: 3 would be needed; left today: 2") for note in plan.notes)
        assert "! DailyBulkApiBatches" in repr(plan)


def test_an_org_that_does_not_tell_its_limits_has_a_plan_all_the_same() -> None:
    with sfframe.LocalOrg(manners=Manners(shows_limits=False)) as local:
        plan = contacts(1).sfbulk.plan("Contact", "insert", org=at_once.org_of(local))
    assert plan.limits == {}
    assert any("isn't told to this user" in note for note in plan.notes)


def test_the_time_goes_by_the_orgs_own_jobs_and_says_so(org: sfframe.Org) -> None:
    frame = contacts(1_000)
    first = frame.sfbulk.plan("Contact", "insert", org=org)
    assert first.seconds == 1.0
    assert first.basis.startswith("assumed")
    job = first.run().jobs[0]
    assert job.number_records_processed == 1_000
    second = frame.sfbulk.plan("Contact", "insert", org=org)
    assert second.basis == "as the org's latest insert of Contact took it (1 finished job)"
    assert 0 < second.seconds < 10
    other = frame.select("LastName", Company="LastName").sfbulk.plan("Lead", "insert", org=org)
    assert other.basis == "as the org's latest jobs on other objects took it (1 finished job)"


def test_a_frame_without_rows_is_a_plan_of_nothing(org: sfframe.Org) -> None:
    plan = contacts(0).sfbulk.plan("Contact", "upsert", "ExternalId__c", org=org)
    assert plan
    assert (plan.rows, plan.jobs, plan.bytes, plan.api_calls, plan.updates, plan.inserts) == (0, 0, 0, 0, 0, 0)
    assert "0 to be sent" in repr(plan)
    assert len(plan.run()) == 0


# --- problems ---------------------------------------------------------------------------------------------------------


def test_problems_are_those_of_check_and_keep_the_run_back(
    local: sfframe.LocalOrg, org: sfframe.Org, make_local_frame: MakeFrame
) -> None:
    frame = make_local_frame({"LastName": ["x" * 81, "Ada"], "Emial": ["a@b.example", None]})
    plan = sfframe.bulk(frame).plan("Contact", "insert", org=org)
    assert not plan
    assert (plan.rows, plan.jobs, plan.api_calls) == (0, 0, 0)
    problems = sfframe.bulk(frame).check("Contact", "insert", org=org)
    assert type(plan.problems) is type(problems)
    assert column(plan.problems, "code") == column(problems, "code") == ["UNKNOWN_FIELD", "TOO_LONG"]
    assert "NOT READY" in repr(plan)
    assert "Did you mean 'Email'" in repr(plan)
    with pytest.raises(sfframe.PayloadError) as caught:
        plan.run()
    assert column(caught.value.problems, "code") == ["UNKNOWN_FIELD", "TOO_LONG"]
    assert n_contacts(local) == 0


def test_the_page_is_escaped_and_has_no_script(org: sfframe.Org) -> None:
    name = "<script>alert('x')</script>"
    page = pl.DataFrame({name: ["a"]}).sfbulk.plan("Contact", "insert", org=org)._repr_html_()
    assert "<script" not in page
    assert html.escape(name) in page
    assert "NOT READY" in page


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_plan_is_run_once(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    plan = contacts(3).sfbulk.plan("Contact", "insert", org=org)
    result = plan.run()
    asked = org.requests_made
    assert plan.run() is result
    assert (org.requests_made, n_contacts(local)) == (asked, 3)


def test_a_run_that_sent_nothing_can_be_tried_again(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    plan = contacts(3).sfbulk.plan("Contact", "insert", org=org)
    local.faults.append(Fault("create", "status", status=403, times=1))
    with pytest.raises(sfframe.ApiError):
        plan.run()
    assert plan.run()
    assert n_contacts(local) == 3


def test_a_run_that_ended_by_an_error_with_a_result_sends_nothing_more(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    frame = contacts(3).with_columns(Email=pl.Series(["ada@example.com", "no address", None]))
    plan = frame.sfbulk.plan("Contact", "insert", org=org, on_failure="raise")
    for _ in range(2):
        with pytest.raises(sfframe.RecordsFailed):
            plan.run()
    assert n_contacts(local) == 2


def test_a_run_that_was_cancelled_is_not_begun_again() -> None:
    async def scene() -> None:
        load, begun = Once(), asyncio.Event()

        async def send(_: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        run = Run(send=send, given_again=lambda _: None, places="")
        task = asyncio.create_task(load.do(run))
        await begun.wait()
        with pytest.raises(RuntimeError, match="running already"):
            await load.do(run)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(RuntimeError, match="may be in the org"):
            await load.do(run)

    asyncio.run(scene())


def test_what_was_planned_is_what_is_sent(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    frame = contacts(2).to_pandas()
    plan = frame.sfbulk.plan("Contact", "insert", org=org)
    frame.loc[0, "LastName"] = "Somebody else"
    plan.run()
    assert sorted(map(str, local.rows("Contact")["LastName"].to_pylist())) == ["Näme 0", "Näme 1"]


def test_a_lazy_frame_is_run_once_for_plan_and_run(org: sfframe.Org) -> None:
    runs = []

    def seen(frame: pl.DataFrame) -> pl.DataFrame:
        runs.append(frame.height)
        return frame

    lazy = contacts(5).lazy().map_batches(seen, validate_output_schema=False)
    result = lazy.sfbulk.plan("Contact", "insert", org=org).run()
    assert result.successful_results.collect().height == 5
    assert sum(runs) == 5


def test_a_planned_run_is_recorded_in_its_journal(tmp_path: Path, org: sfframe.Org) -> None:
    plan = contacts(3).sfbulk.plan("Contact", "insert", org=org, journal=tmp_path)
    assert [*tmp_path.iterdir()] == []
    result = plan.run()
    runs = sfframe.journals(tmp_path)
    assert runs["state"].to_list() == ["finished"]
    assert str(result.run) == runs["run"].item()
    assert sfframe.resume(tmp_path, org=org).counts == result.counts


def test_the_reserve_is_looked_at_when_it_is_run(local: sfframe.LocalOrg) -> None:
    org = at_once.org_of(local, quota_reserve=0.9999)
    plan = contacts(3).sfbulk.plan("Contact", "insert", org=org, max_records=1)
    with pytest.raises(sfframe.QuotaReserved):
        plan.run()
    assert n_contacts(local) == 0


# --- notebooks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook in which nothing was run so far."""
    monkeypatch.setattr(once, "_known", {})
    monkeypatch.setattr(verbs, "in_notebook", lambda: True)


@pytest.mark.usefixtures("notebook")
def test_in_a_notebook_cells_that_run_again_load_nothing_twice(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    def cells(frame: Any, **options: Any) -> Any:
        return frame.sfbulk.plan("Contact", "insert", org=org, **options).run()

    first, again = cells(contacts(3)), cells(contacts(3))
    assert n_contacts(local) == 3
    assert_frame_equal(again.successful_results, first.successful_results)
    assert len(cells(contacts(3, start=3))) == 3  # other rows
    assert n_contacts(local) == 6


@pytest.mark.usefixtures("notebook")
def test_another_frame_of_the_same_rows_gets_its_own_rows_back(org: sfframe.Org) -> None:
    sent = contacts(3).to_pandas()
    ids = sent.sfbulk.plan("Contact", "insert", org=org).run().successful_results["sf__Id"].to_list()
    options: dict[str, Any] = {"columns": {"src": None}, "org": org}
    others: list[Any] = [
        sent.assign(src=["x", "y", "z"]).set_axis([50, 60, 70]),
        pl.DataFrame(sent).with_columns(src=pl.Series(["x", "y", "z"])),
    ]
    for other in others:
        rows = other.sfbulk.plan("Contact", "insert", **options).run().successful_results
        assert type(rows) is type(other)
        assert list(rows.columns) == [*other.columns, "sf__Id", "sf__Created"]
        assert (list(rows["src"]), list(rows["sf__Id"])) == (["x", "y", "z"], ids)
    assert others[0].sfbulk.plan("Contact", "insert", **options).run().to_frame().index.to_list() == [50, 60, 70]


@pytest.mark.usefixtures("notebook")
def test_rows_that_go_with_others_left_out_are_not_loaded_twice(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    contacts(3).sfbulk.plan("Contact", "insert", org=org).run()
    more = pl.concat([contacts(1, start=7).with_columns(LastName=pl.lit("x" * 100)), contacts(3)])
    plan = more.sfbulk.plan("Contact", "insert", org=org, invalid="report")
    with pytest.raises(RuntimeError, match="nothing was sent now"):
        plan.run()
    assert n_contacts(local) == 3


@pytest.mark.usefixtures("notebook")
@pytest.mark.parametrize("fault", [None, Fault("job", "fail", error="X : y")])
def test_a_plan_made_anew_warns_and_raises_as_its_own_options_say(
    local: sfframe.LocalOrg, org: sfframe.Org, fault: Fault | None
) -> None:
    frame = contacts(3).with_columns(Email=pl.Series(["ada@example.com", "no address", None]))
    local.faults.extend([fault] if fault else [])

    def cells(on_failure: Any) -> Any:
        return frame.sfbulk.plan("Contact", "insert", org=org, on_failure=on_failure).run()

    error = sfframe.JobFailed if fault else sfframe.RecordsFailed
    counts = cells("return").counts
    for _ in range(2):
        with pytest.raises(error) as caught:
            cells("raise")
        assert caught.value.result.counts == counts
    for _ in range(0 if fault else 2):
        with pytest.warns(sfframe.RecordsFailedWarning):
            cells("warn")
    assert n_jobs(org) == 1


@pytest.mark.usefixtures("notebook")
def test_what_was_run_already_says_so(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    first = contacts(3).sfbulk.plan("Contact", "insert", org=org)
    assert "nothing was sent yet" in repr(first)
    first.run()
    again = contacts(3).sfbulk.plan("Contact", "insert", org=org)
    for plan in (first, again):
        assert plan.has_run
        for text in (repr(plan), plan._repr_html_()):
            assert "RUN ALREADY" in text
            assert "the verb would send them again" in text
    assert any("was run already" in note for note in again.run().notes)
    assert not first.run().notes


def test_in_a_script_a_plan_made_anew_is_run_anew(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    frame = contacts(3).drop("ExternalId__c")
    for _ in range(2):
        frame.sfbulk.plan("Contact", "insert", org=org).run()
    assert n_contacts(local) == 6


async def test_both_can_be_awaited(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    plan = await sfframe.bulk(contacts(2)).plan_async("Contact", "insert", org=org)
    assert (await plan.run_async()).counts["successful"] == n_contacts(local) == 2
