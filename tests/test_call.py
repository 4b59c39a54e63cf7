"""One call from end to end: its time, its result's way to other processes, what can be sent again."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import pickle
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.localorg.faults import Fault


def patient_org(local: sfframe.LocalOrg, **settings: Any) -> sfframe.Org:
    """An org that bears silence for longer than any test lasts."""
    return sfframe.Org(local.url, sfframe.ClientCredentials(local.client_id, local.client_secret), **settings)


def calls_only(row: dict[str, Any]) -> str | None:
    return None if "+" in str(row["Phone"]) else "there is no + in it"


def mixed() -> pl.DataFrame:
    return pl.DataFrame({"LastName": ["Ng", "Ada", "Bo"], "Phone": ["+49 1", "2", "3"]})


# --- its time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_kind", ["token", "describe"])
def test_the_time_of_a_call_counts_from_its_beginning(local: sfframe.LocalOrg, request_kind: str) -> None:
    local.faults.append(Fault(request_kind, "stall"))
    with pytest.raises(sfframe.JobTimeout, match="before anything was sent") as caught:
        mixed().sfbulk.insert("Contact", org=patient_org(local), timeout=0.05)
    assert caught.value.job_ids == ()


def test_a_call_without_any_time_sends_nothing(local: sfframe.LocalOrg) -> None:
    with pytest.raises(sfframe.JobTimeout, match="before anything was sent"):
        mixed().sfbulk.insert("Contact", org=patient_org(local), timeout=0)
    assert local.rows("Contact").num_rows == 0


# --- its result in other processes ------------------------------------------------------------------------------------


def test_a_pickled_result_or_error_carries_no_login(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.rules["Contact"] = calls_only
    with pytest.raises(sfframe.RecordsFailed) as caught:
        mixed().sfbulk.insert("Contact", org=org, on_failure="raise")
    for thing in (caught.value, caught.value.result):
        pickled = pickle.dumps(thing)
        assert local.client_secret.encode() not in pickled
        again: Any = pickle.loads(pickled)
        result = getattr(again, "result", again)
        assert result.failed_results["LastName"].to_list() == ["Ada", "Bo"]


def test_a_result_from_another_process_is_retried_on_an_org_that_is_named(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.rules["Contact"] = calls_only
    result = pickle.loads(pickle.dumps(mixed().sfbulk.insert("Contact", org=org, on_failure="return")))
    local.rules.clear()
    with pytest.raises(sfframe.NoOrgError, match=r"retry\(org=\.\.\.\)"):
        result.retry()
    assert result.retry(org=org).counts == {"successful": 2, "failed": 0, "unprocessed": 0}


# --- sent again -------------------------------------------------------------------------------------------------------


def test_results_of_a_reader_are_retried_and_sent_again_as_they_are(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.rules["Contact"] = calls_only
    reader = mixed().to_arrow().to_reader()
    result: Any = sfframe.ingest(reader, "Contact", "insert", org=org, on_failure="return")
    local.rules.clear()
    assert len(result.retry()) == 2
    again: Any = sfframe.ingest(result.failed_results, "Contact", "insert", org=org)
    assert again.successful_results.to_table()["LastName"].to_pylist() == ["Ada", "Bo"]


# --- its bounds -------------------------------------------------------------------------------------------------------


def test_a_payload_too_small_for_its_header_is_a_problem_of_every_row(org: sfframe.Org) -> None:
    with pytest.raises(sfframe.PayloadError, match="max_payload_bytes"):
        mixed().sfbulk.insert("Contact", org=org, max_payload_bytes=5)


def test_a_key_of_a_wrong_form_is_one_problem(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"Id": ["0035e00000A0000AAB", "no id", None]})
    problems = frame.sfbulk.check("Contact", "delete", org=org)
    assert problems.select("code", "rows", "row").rows() == [("WRONG_FORM", 1, 1), ("MISSING_KEY", 1, 2)]


def test_an_upsert_by_id_inserts_the_rows_without_one(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    (known,) = pl.DataFrame({"LastName": ["old"]}).sfbulk.insert("Contact", org=org).successful_results["sf__Id"]
    frame = pl.DataFrame({"Id": [None, known, None, ""], "LastName": ["n", "changed", "m", "n"]})
    result = frame.sfbulk.upsert("Contact", "Id", org=org)
    assert result.successful_results["LastName"].to_list() == ["n", "changed", "m", "n"]
    assert result.successful_results["sf__Created"].to_list() == [True, False, True, True]
    assert result.successful_results["sf__Id"][1] == known
    stored = dict(zip(*(local.rows("Contact")[name].to_pylist() for name in ("Id", "LastName")), strict=True))
    assert [stored[i] for i in result.successful_results["sf__Id"]] == ["n", "changed", "m", "n"]


# --- options that make no sense ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["posix/Europe/Berlin", "right/UTC", "Factory", "localtime", "Europe/Berlinn", 5])
def test_a_zone_that_isnt_known_by_its_name_is_refused(zone: Any) -> None:
    with pytest.raises(ValueError, match="no time zone name"):
        mixed().sfbulk.payloads("Contact", "insert", describe=False, naive_datetimes=zone)


def test_a_field_that_is_no_name_is_refused() -> None:
    with pytest.raises(TypeError, match="the name of a field, or None"):
        mixed().sfbulk.payloads("Contact", "insert", describe=False, columns={"Phone": 5})
