"""What holds for a frame of any kind: every row back, as it was, in exactly one of the three frames."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sfframe
from sfframe import LocalOrg, Operation, Org, bulk
from tests.conftest import MakeFrame, column, columns, in_one

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")


def _stored(local: LocalOrg, sobject: str, *names: str) -> list[dict[str, Any]]:
    return local.rows(sobject).select(list(names)).to_pylist()


def _kind(frame: Any) -> type:
    return type(frame)


def test_an_insert_makes_a_record_of_every_row(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["Lovelace", "Turing"], "Birthdate": [dt.date(1815, 12, 10), None]})
    result = bulk(frame).insert("Contact", org=org)
    assert result
    assert column(result.successful_results, "LastName") == ["Lovelace", "Turing"]
    assert column(result.successful_results, "sf__Created") == [True, True]
    ids = [row["Id"] for row in _stored(local, "Contact", "Id")]
    assert sorted(column(result.successful_results, "sf__Id")) == sorted(ids)


def test_rejected_rows_come_back_with_their_reason(org: Org, make_frame: MakeFrame) -> None:
    contacts = make_frame({"FirstName": ["Ada", "Alan"], "LastName": ["Lovelace", None]})
    result = bulk(contacts).insert("Contact", org=org)
    assert column(result.failed_results, "FirstName") == ["Alan"]
    assert column(result.failed_results, "sf__Error")[0].startswith("REQUIRED_FIELD_MISSING:")
    assert column(result.successful_results, "FirstName") == ["Ada"]


def test_the_three_frames_have_the_columns_they_should(org: Org, make_frame: MakeFrame) -> None:
    result = bulk(make_frame({"FirstName": ["Ada", "Alan"], "LastName": ["Lovelace", None]})).insert("Contact", org=org)
    own = ["FirstName", "LastName"]
    assert columns(result.successful_results) == [*own, "sf__Id", "sf__Created"]
    assert columns(result.failed_results) == [*own, "sf__Id", "sf__Error"]
    assert columns(result.unprocessed_records) == own
    assert columns(result.to_frame()) == [*own, "sf__Outcome", "sf__Id", "sf__Created", "sf__Error"]


def test_frames_of_the_callers_kind_come_back(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["Lovelace"]})
    result = bulk(frame).insert("Contact", org=org)
    for view in (result.successful_results, result.failed_results, result.unprocessed_records, result.to_frame()):
        assert _kind(view) is _kind(frame)


def test_to_frame_has_every_row_once_in_order(org: Org, make_frame: MakeFrame) -> None:
    names = ["a", None, "b", None, "c"]
    result = bulk(make_frame({"LastName": names, "FirstName": list("12345")})).insert("Contact", org=org)
    everything = result.to_frame()
    assert column(everything, "FirstName") == list("12345")
    assert column(everything, "sf__Outcome") == ["successful", "failed", "successful", "failed", "successful"]
    assert [e is not None for e in column(everything, "sf__Error")] == [False, True, False, True, False]
    assert [i is not None for i in column(everything, "sf__Id")] == [True, False, True, False, True]


def test_an_update_changes_the_records_that_the_id_names(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    made = bulk(make_frame({"LastName": ["a", "b"], "Title": ["x", "y"]})).insert("Contact", org=org)
    ids = column(made.successful_results, "sf__Id")
    result = bulk(make_frame({"Id": ids[::-1], "Title": ["new", None]})).update("Contact", org=org)
    assert column(result.successful_results, "sf__Created") == [False, False]
    titles = {row["Id"]: row["Title"] for row in _stored(local, "Contact", "Id", "Title")}
    assert titles == {ids[1]: "new", ids[0]: "x"}


def test_an_upsert_tells_new_records_from_old_ones(org: Org, make_frame: MakeFrame) -> None:
    bulk(make_frame({"ExternalId__c": ["1"], "LastName": ["a"]})).insert("Contact", org=org)
    result = bulk(make_frame({"ExternalId__c": ["2", "1"], "LastName": ["b", "A"]})).upsert(
        "Contact", "ExternalId__c", org=org
    )
    assert column(result.successful_results, "sf__Created") == [True, False]


@pytest.mark.parametrize("operation", ["delete", "hard_delete"])
def test_a_delete_sends_the_id_alone(org: Org, local: LocalOrg, make_frame: MakeFrame, operation: Operation) -> None:
    made = bulk(make_frame({"LastName": ["a", "b"]})).insert("Contact", org=org)
    ids = column(made.successful_results, "sf__Id")
    frame = in_one(make_frame({"note": ["not a field", None], "Id": ids, "Nonsense__c": [1, 2]}))
    (payload,) = bulk(frame).payloads("Contact", operation, org=org)
    assert payload == f'"Id"\n"{ids[0]}"\n"{ids[1]}"\n'.encode()
    result = getattr(bulk(frame), operation)("Contact", org=org)
    assert columns(result.successful_results) == ["note", "Id", "Nonsense__c", "sf__Id", "sf__Created"]
    assert column(result.successful_results, "sf__Id") == ids
    assert not [row for row in _stored(local, "Contact", "IsDeleted") if not row["IsDeleted"]]


def test_failed_results_mended_can_be_sent_as_they_are(org: Org, make_frame: MakeFrame) -> None:
    result = bulk(make_frame({"FirstName": ["Ada", "Alan"], "LastName": ["Lovelace", None]})).insert("Contact", org=org)
    mended = _filled(result.failed_results)
    again = bulk(mended).insert("Contact", org=org)
    assert again
    assert columns(again.successful_results) == ["FirstName", "LastName", "sf__Id", "sf__Created"]
    assert column(again.successful_results, "LastName") == ["Turing"]


def _filled(frame: Any) -> Any:
    if isinstance(frame, pd.DataFrame) or hasattr(frame, "npartitions"):
        return frame.assign(LastName="Turing")
    if isinstance(frame, pa.Table):
        at = frame.schema.get_field_index("LastName")
        return frame.set_column(at, "LastName", pa.array(["Turing"] * len(frame)))
    return frame.with_columns(LastName=pl.lit("Turing"))


def test_a_result_can_be_sent_again_by_itself(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    local.rules["Contact"] = lambda record: "not yet"
    result = bulk(make_frame({"LastName": ["a", "b"]})).insert("Contact", org=org)
    assert result.counts["failed"] == 2
    local.rules.clear()
    again = result.retry()
    assert again
    assert column(again.successful_results, "LastName") == ["a", "b"]


def test_an_empty_frame_makes_no_job_and_three_empty_frames(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": [], "Score__c": [], "Birthdate": []}, LastName=pl.String, Score__c=pl.Float64,
                       Birthdate=pl.Date)  # fmt: skip
    result = bulk(frame).insert("Contact", org=org)
    assert len(result) == 0
    assert result
    assert result.jobs == ()
    own = ["LastName", "Score__c", "Birthdate"]
    assert columns(result.successful_results) == [*own, "sf__Id", "sf__Created"]
    assert columns(result.failed_results) == [*own, "sf__Id", "sf__Error"]
    assert column(result.successful_results, "sf__Created") == []


def test_the_columns_of_an_empty_frame_are_checked(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastNam": []}, LastNam=pl.String)
    with pytest.raises(sfframe.SchemaError, match="Did you mean 'LastName'"):
        bulk(frame).insert("Contact", org=org)


def test_ten_equal_rows_are_told_apart_by_count(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    turns = itertools.cycle([None, None, "every third"])
    local.rules["Contact"] = lambda record: next(turns)
    result = bulk(make_frame({"LastName": ["same"] * 10})).insert("Contact", org=org)
    assert result.counts == {"successful": 7, "failed": 3, "unprocessed": 0}
    ids = column(result.successful_results, "sf__Id")
    assert len(set(ids)) == 7
    assert column(result.failed_results, "LastName") == ["same"] * 3


def test_columns_in_the_wrong_case_are_sent_under_the_orgs_names(
    org: Org, local: LocalOrg, make_frame: MakeFrame
) -> None:
    frame = make_frame({"LASTNAME": ["Lovelace", None], "firstname": ["Ada", "Alan"]})
    result = bulk(frame).insert("Contact", org=org)
    assert columns(result.successful_results) == ["LASTNAME", "firstname", "sf__Id", "sf__Created"]
    assert column(result.successful_results, "LASTNAME") == ["Lovelace"]
    assert column(result.failed_results, "firstname") == ["Alan"]
    assert _stored(local, "Contact", "FirstName", "LastName") == [{"FirstName": "Ada", "LastName": "Lovelace"}]


def test_columns_are_mapped_and_left_out_but_come_back_as_they_were(
    org: Org, local: LocalOrg, make_frame: MakeFrame
) -> None:
    frame = make_frame({"surname": ["Lovelace"], "note": ["mine"], "FirstName": ["Ada"]})
    result = bulk(frame).insert("Contact", org=org, columns={"surname": "LastName", "note": None})
    assert columns(result.successful_results) == ["surname", "note", "FirstName", "sf__Id", "sf__Created"]
    assert column(result.successful_results, "note") == ["mine"]
    assert _stored(local, "Contact", "FirstName", "LastName") == [{"FirstName": "Ada", "LastName": "Lovelace"}]


def test_a_list_of_columns_sends_these_alone(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["Lovelace"], "FirstName": ["Ada"], "note": ["mine"]})
    result = bulk(frame).insert("Contact", org=org, columns=["LastName"])
    assert columns(result.successful_results)[:3] == ["LastName", "FirstName", "note"]
    assert _stored(local, "Contact", "FirstName", "LastName") == [{"FirstName": None, "LastName": "Lovelace"}]


def test_nulls_leave_fields_alone_or_clear_them_by_column(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    first = {
        "ExternalId__c": ["1"],
        "LastName": ["a"],
        "Title": ["t"],
        "Phone": ["p"],
        "Birthdate": [dt.date(2000, 1, 1)],
    }
    bulk(make_frame(first)).insert("Contact", org=org)
    empty = {"ExternalId__c": ["1"], "Title": [None], "Phone": [None], "Birthdate": [None]}
    dtypes = {"Title": pl.String, "Phone": pl.String, "Birthdate": pl.Date}
    frame = make_frame(empty, **dtypes)
    assert bulk(frame).upsert("Contact", "ExternalId__c", org=org)
    assert _stored(local, "Contact", "Title", "Phone") == [{"Title": "t", "Phone": "p"}]
    assert bulk(frame).upsert("Contact", "ExternalId__c", org=org, nulls={"Title": "clear"})
    assert _stored(local, "Contact", "Title", "Phone") == [{"Title": None, "Phone": "p"}]
    assert bulk(frame).upsert("Contact", "ExternalId__c", org=org, nulls="clear")
    assert _stored(local, "Contact", "Title", "Phone", "Birthdate") == [
        {"Title": None, "Phone": None, "Birthdate": None}
    ]


def test_rows_that_cant_be_sent_are_reported_beside_those_that_can(org: Org, make_frame: MakeFrame) -> None:
    names = ["ok", "x" * 81, "fine", "a\0b"]
    result = bulk(make_frame({"LastName": names, "Title": list("1234")})).insert("Contact", org=org, invalid="report")
    assert column(result.successful_results, "LastName") == ["ok", "fine"]
    assert column(result.failed_results, "Title") == ["2", "4"]
    long, nul = column(result.failed_results, "sf__Error")
    assert long.startswith("NOT_SENT:TOO_LONG ")
    assert long.endswith(":LastName --")
    assert nul.startswith("NOT_SENT:NUL ")


def test_where_no_row_can_be_sent_no_job_is_made(org: Org, make_frame: MakeFrame) -> None:
    result = bulk(make_frame({"LastName": ["x" * 81]})).insert("Contact", org=org, invalid="report")
    assert result.counts == {"successful": 0, "failed": 1, "unprocessed": 0}
    assert result.jobs == ()


def test_the_same_key_in_several_rows_is_found_by_the_fields_case_rule(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"ExternalId__c": ["a", "b", "A"], "LastName": ["1", "2", "3"]})
    with pytest.raises(sfframe.PayloadError) as raised:
        bulk(frame).upsert("Contact", "ExternalId__c", org=org)
    assert column(raised.value.problems, "code") == ["DUPLICATE_KEY"]
    assert column(raised.value.problems, "rows") == [2]
    cased = make_frame({"Code__c": ["a", "b", "A"]})
    assert bulk(cased).upsert("Everything__c", "Code__c", org=org)


def test_an_id_in_its_two_forms_is_one_key(org: Org, make_frame: MakeFrame) -> None:
    made = bulk(make_frame({"LastName": ["a"]})).insert("Contact", org=org)
    (record_id,) = column(made.successful_results, "sf__Id")
    with pytest.raises(sfframe.PayloadError) as raised:
        bulk(make_frame({"Id": [record_id, record_id[:15]], "Title": ["x", "y"]})).update("Contact", org=org)
    assert column(raised.value.problems, "code") == ["DUPLICATE_KEY"]


def test_rows_of_the_same_key_are_sent_on_request_and_each_comes_back(org: Org, make_frame: MakeFrame) -> None:
    frame = in_one(make_frame({"ExternalId__c": ["a", "b", "a"], "LastName": ["1", "2", "3"]}))
    result = bulk(frame).upsert("Contact", "ExternalId__c", org=org, on_duplicate_key="send")
    assert len(result) == 3
    assert column(result.successful_results, "LastName") == ["2"]  # the org refuses both of a chunk
    assert column(result.failed_results, "LastName") == ["1", "3"]


def test_duplicate_rows_are_reported_and_the_rest_is_sent(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"ExternalId__c": ["a", "b", "a"], "LastName": ["1", "2", "3"]})
    result = bulk(frame).upsert("Contact", "ExternalId__c", org=org, invalid="report")
    assert column(result.successful_results, "LastName") == ["2"]
    assert [e.split(" ")[0] for e in column(result.failed_results, "sf__Error")] == ["NOT_SENT:DUPLICATE_KEY"] * 2


def test_a_helper_column_is_an_error_with_a_remedy(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["a"], "Favourite": ["x"], "Frist Name": ["y"]})
    with pytest.raises(sfframe.SchemaError) as raised:
        bulk(frame).insert("Contact", org=org)
    assert column(raised.value.problems, "code") == ["UNKNOWN_FIELD", "UNKNOWN_FIELD"]
    assert column(raised.value.problems, "column") == ["Favourite", "Frist Name"]
    assert "'FirstName'" in column(raised.value.problems, "remedy")[1]
    assert "columns={'Favourite': None}" in column(raised.value.problems, "remedy")[0]


def test_a_lookup_by_external_id_by_a_column_with_a_dot(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    _accounts(org)
    frame = make_frame({"LastName": ["a", "b", "c"], "account.externalid__C": ["k1", None, "nobody"]})
    result = bulk(frame).insert("Contact", org=org)
    assert column(result.successful_results, "LastName") == ["a", "b"]
    assert column(result.failed_results, "account.externalid__C") == ["nobody"]
    assert "not found" in column(result.failed_results, "sf__Error")[0]
    linked = {
        row["LastName"]: row["AccountId"] is not None for row in _stored(local, "Contact", "LastName", "AccountId")
    }
    assert linked == {"a": True, "b": False}


def _accounts(org: Org) -> None:
    pl.DataFrame({"Name": ["K"], "ExternalId__c": ["k1"]}).pipe(bulk).insert("Account", org=org)


def test_a_lookup_by_external_id_by_a_struct(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    _accounts(org)
    struct = [{"ExternalId__c": "k1"}, None]
    result = bulk(make_frame({"LastName": ["a", "b"], "Account": struct})).insert("Contact", org=org)
    assert column(result.successful_results, "LastName") == ["a", "b"]
    frame = in_one(make_frame({"LastName": ["a", "b"], "Account": struct}))
    (payload,) = bulk(frame).payloads("Contact", "insert", org=org)
    assert payload == b'"LastName","Account.ExternalId__c"\n"a","k1"\n"b",""\n'


def test_a_struct_under_another_name_is_mapped_to_its_relationship(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["a"], "firm": [{"key": "k1"}]})
    for target in ("Account.ExternalId__c", "account.externalid__c"):
        (payload,) = bulk(frame).payloads("Contact", "insert", org=org, columns={"firm": target})
        assert payload == b'"LastName","Account.ExternalId__c"\n"a","k1"\n'


def test_the_type_of_a_polymorphic_lookup_is_added_where_one_alone_has_the_key(org: Org, make_frame: MakeFrame) -> None:
    for name in ("Owner.Username", "User:Owner.Username", "user:owner.username"):
        frame = make_frame({"Subject": ["x"], name: ["me@example.com"]})
        (payload,) = bulk(frame).payloads("Case", "insert", org=org)
        assert payload == b'"Subject","User:Owner.Username"\n"x","me@example.com"\n'


def test_an_ambiguous_lookup_is_an_error_that_says_what_to_write(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"Related__r.Email": ["a@example.com"]})
    with pytest.raises(sfframe.SchemaError, match=r"'Contact:Related__r\.Email'"):
        bulk(frame).insert("Everything__c", org=org)


def test_a_prefix_is_taken_off_where_the_relationship_has_one_target(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["a"], "Account:Account.ExternalId__c": ["k1"]})
    (payload,) = bulk(frame).payloads("Contact", "insert", org=org)
    assert payload.startswith(b'"LastName","Account.ExternalId__c"\n')


def test_one_field_by_two_ways_is_an_error(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["a"], "AccountId": ["001000000000001"], "Account.ExternalId__c": ["k1"]})
    with pytest.raises(sfframe.SchemaError, match="both go into AccountId"):
        bulk(frame).insert("Contact", org=org)


def test_small_parts_become_several_jobs_and_no_row_is_lost(org: Org, local: LocalOrg, make_frame: MakeFrame) -> None:
    n = 57
    frame = make_frame({"LastName": [f"name {i}" for i in range(n)], "Title": ['quoted "x"\nand broken'] * n})
    payloads = list(bulk(frame).payloads("Contact", "insert", org=org, max_payload_bytes=300))
    assert len(payloads) > 5
    assert all(len(payload) <= 300 for payload in payloads)
    result = bulk(frame).insert("Contact", org=org, max_payload_bytes=300)
    assert len(result.jobs) == len(payloads)
    assert column(result.successful_results, "LastName") == [f"name {i}" for i in range(n)]
    assert len(_stored(local, "Contact", "Id")) == n


def test_records_per_job_are_bounded(org: Org, make_frame: MakeFrame) -> None:
    frame = in_one(make_frame({"LastName": [str(i) for i in range(10)]}))
    result = bulk(frame).insert("Contact", org=org, max_records=4)
    assert sorted(job.number_records_processed for job in result.jobs) == [2, 4, 4]
    assert column(result.successful_results, "LastName") == [str(i) for i in range(10)]


def test_groups_are_sent_together_and_rows_come_back_in_their_own_order(org: Org, make_frame: MakeFrame) -> None:
    groups = ["b", "a", None, "a", "b", "a"]
    frame = in_one(make_frame({"LastName": list("123456"), "Title": groups}))
    payloads = list(bulk(frame).payloads("Contact", "insert", org=org, group_by="Title", max_records=3))
    titles = [[line.split(b",")[1] for line in p.splitlines()[1:]] for p in payloads]
    assert [len(set(t)) for t in titles if b'"a"' in t] == [1]
    result = bulk(frame).insert("Contact", org=org, group_by="Title", max_records=3)
    assert column(result.successful_results, "LastName") == list("123456")


def test_a_group_may_be_a_column_that_isnt_sent(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": list("1234"), "region": ["b", "a", "b", "a"]})
    result = bulk(frame).insert("Contact", org=org, group_by="region", columns={"region": None})
    assert column(result.successful_results, "region") == ["b", "a", "b", "a"]


def test_all_problems_of_columns_and_rows_are_told_at_once(org: Org, make_frame: MakeFrame) -> None:
    data = {
        "LastName": ["secret" + "x" * 80, "fine"],
        "Title": ["top secret\0", "fine"],
        "Nope": ["hidden", "y"],
        "Wait": [dt.timedelta(1), None],
        "Birthdate": ["yesterday", "2020-01-01"],
        "sf__Mine": ["a", "b"],
    }
    with pytest.raises(sfframe.PayloadError) as raised:
        bulk(make_frame(data)).insert("Contact", org=org, columns={"Wait": "Score__c"})
    told = raised.value.problems
    assert sorted(column(told, "code")) == sorted(
        ["NO_CSV_FORM", "NUL", "RESERVED", "TOO_LONG", "UNKNOWN_FIELD", "WRONG_FORM"]
    )
    assert type(raised.value) is sfframe.PayloadError
    text = str(raised.value) + str(told)
    assert not [word for word in ("secret", "hidden", "yesterday") if word in text]


def test_problems_come_as_a_frame_of_the_callers_library(org: Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["x" * 81]})
    with pytest.raises(sfframe.PayloadError) as raised:
        bulk(frame).insert("Contact", org=org)
    expected = pl.DataFrame if isinstance(frame, pl.LazyFrame) else type(frame)
    expected = pd.DataFrame if hasattr(frame, "npartitions") else expected
    for told in (raised.value.problems, bulk(frame).check("Contact", "insert", org=org)):
        assert type(told) is expected
        assert columns(told) == ["column", "field", "code", "rows", "row", "message", "remedy"]
        assert (column(told, "rows"), column(told, "row")) == ([1], [0])


def test_a_clean_check_is_an_empty_frame(org: Org, make_frame: MakeFrame) -> None:
    told = bulk(make_frame({"LastName": ["x"]})).check("Contact", "insert", org=org)
    assert column(told, "code") == []


def test_the_class_of_the_error_says_what_is_wrong(org: Org, make_frame: MakeFrame) -> None:
    cases: list[tuple[dict[str, list[Any]], type[Exception]]] = [
        ({"LastName": ["a"], "Nope": ["x"]}, sfframe.SchemaError),
        ({"LastName": ["a"], "Score__c": [dt.timedelta(1)]}, sfframe.UnsupportedTypeError),
        ({"LastName": ["x" * 81]}, sfframe.PayloadError),
        ({"LastName": ["a"], "Score__c": [dt.timedelta(1)], "Nope": ["x"]}, sfframe.PayloadError),
    ]
    for data, error in cases:
        with pytest.raises(sfframe.PayloadError) as raised:
            bulk(make_frame(data)).insert("Contact", org=org)
        assert type(raised.value) is error


def test_saved_results_are_read_back_as_they_were(org: Org, make_frame: MakeFrame, tmp_path: Any) -> None:
    result = bulk(make_frame({"LastName": ["a", None], "Title": ["x", "y"]})).insert("Contact", org=org)
    folder = result.save(tmp_path / "run")
    assert pl.read_parquet(folder / "failed_results.parquet")["Title"].to_list() == ["y"]
    assert pl.read_parquet(folder / "successful_results.parquet").columns[:2] == ["LastName", "Title"]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_rows_mended_in_place_change_nothing_that_is_saved(org: Org, kind: Any, tmp_path: Any) -> None:
    result = bulk(kind({"LastName": ["a", None], "Title": ["x", "y"]})).insert("Contact", org=org)
    failed: Any = result.failed_results
    if kind is pd.DataFrame:
        failed["Title"] = "mended"
    else:
        failed[0, "Title"] = "mended"
    assert failed["Title"].to_list() == result.failed_results["Title"].to_list() == ["mended"]
    saved = pl.read_parquet(result.save(tmp_path / "run") / "failed_results.parquet")
    assert saved["Title"].to_list() == ["y"]
