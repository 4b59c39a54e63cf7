"""pandas frames: index, dtypes and labels stay the caller's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sfframe
from sfframe import Org, bulk
from tests.conftest import column

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")
NEW = int(pd.__version__.partition(".")[0]) >= 3

INDEXES = {
    "range": pd.RangeIndex(10, 16, 2),
    "named": pd.Index(["x", "y", "z"], name="who"),
    "duplicate": pd.Index([7, 7, 7]),
    "multi": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["one", "two"]),
    "dates": pd.DatetimeIndex(["2026-01-01", "2026-01-02", "2026-03-03"], tz="Europe/Berlin", name="day"),
    "nulls": pd.Index([None, "b", None]),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_the_index_is_kept(index: pd.Index[Any], org: Org) -> None:
    frame = pd.DataFrame({"LastName": ["a", None, "c"]}, index=index)
    result = bulk(frame).insert("Contact", org=org)
    pd.testing.assert_index_equal(result.successful_results.index, index[[0, 2]])
    pd.testing.assert_index_equal(result.failed_results.index, index[[1]])
    pd.testing.assert_index_equal(result.to_frame().index, index)
    assert list(result.unprocessed_records.index) == []
    assert result.unprocessed_records.index.names == index.names


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "LastName": pd.Series(["a", None, "c"]),
            "FirstName": pd.Series(["a", "b", "c"], dtype="category"),
            "Title": pd.Series(["a", "b", "c"], dtype=object),
            "Department": pd.Series(["a", "b", None], dtype="string"),
            "Score__c": pd.Series([1.5, np.nan, 2], dtype="float32"),
            "Visits__c": pd.Series([1, None, 3], dtype="Int16"),
            "DoNotCall": pd.Series([True, None, False], dtype=object),
            "Birthdate": pd.Series([dt.date(2000, 1, 1), None, dt.date(1999, 1, 1)], dtype=object),
            "LastVisit__c": pd.Series(pd.to_datetime(["2026-01-01", "NaT", "2026-01-03"])).dt.tz_localize("Asia/Tokyo"),
            "Languages__c": pd.Series([["English"], None, ["French", "German"]], dtype=object),
            "kept": pd.Series([{"any": 1}, {2}, object()], dtype=object),
            "span": pd.to_timedelta([1, 2, 3], unit="D"),
        }
    )


def test_every_column_comes_back_with_its_dtype_and_values(org: Org) -> None:
    frame = _frame()
    result = bulk(frame).insert("Contact", org=org, columns={"kept": None, "span": None})
    assert result.counts == {"successful": 2, "failed": 1, "unprocessed": 0}
    own = list(frame.columns)
    pd.testing.assert_frame_equal(result.successful_results[own], frame.iloc[[0, 2]])
    pd.testing.assert_frame_equal(result.failed_results[own], frame.iloc[[1]])
    pd.testing.assert_frame_equal(result.unprocessed_records, frame.iloc[:0])
    pd.testing.assert_frame_equal(result.to_frame()[own], frame)


def test_result_columns_have_the_dtypes_that_such_columns_have_by_default(org: Org) -> None:
    result = bulk(pd.DataFrame({"LastName": ["a", None]})).insert("Contact", org=org)
    text = "str" if NEW else "string"
    good, bad, everything = result.successful_results, result.failed_results, result.to_frame()
    assert _dtypes(good, "sf__Id", "sf__Created") == [text, "bool"]
    assert _dtypes(bad, "sf__Id", "sf__Error") == [text, text]
    assert _dtypes(everything, "sf__Outcome", "sf__Id", "sf__Created", "sf__Error") == [text, text, "boolean", text]


def _dtypes(frame: pd.DataFrame, *names: str) -> list[str]:
    return [str(frame[name].dtype) for name in names]


def test_result_columns_of_an_empty_frame_have_the_same_dtypes(org: Org) -> None:
    frame = pd.DataFrame({"LastName": pd.Series([], dtype=object), "Score__c": pd.Series([], dtype="float64")})
    result = bulk(frame).insert("Contact", org=org)
    text = "str" if NEW else "string"
    assert _dtypes(result.successful_results, "sf__Id", "sf__Created") == [text, "bool"]
    assert _dtypes(result.failed_results, "sf__Error") == [text]
    pd.testing.assert_frame_equal(result.unprocessed_records, frame)


def test_a_frame_that_is_changed_afterwards_leaves_the_result_alone(org: Org) -> None:
    frame = pd.DataFrame({"LastName": ["a", "b"], "Score__c": [1.0, 2.0]})
    result = bulk(frame).insert("Contact", org=org)
    frame.loc[0, "LastName"] = "changed"
    frame["Score__c"] = -1.0
    del frame["LastName"]
    assert column(result.successful_results, "LastName") == ["a", "b"]
    assert column(result.successful_results, "Score__c") == [1.0, 2.0]


def test_a_result_that_is_changed_leaves_the_frame_alone(org: Org) -> None:
    frame = pd.DataFrame({"LastName": ["a", "b"]})
    view = bulk(frame).insert("Contact", org=org).successful_results
    view.loc[0, "LastName"] = "changed"
    assert column(frame, "LastName") == ["a", "b"]


def test_a_key_in_the_index_is_an_error_that_says_how_to_get_it_out(org: Org) -> None:
    frame = pd.DataFrame({"LastName": ["a"]}, index=pd.Index(["k"], name="ExternalId__c"))
    with pytest.raises(sfframe.SchemaError, match=r"reset_index\('ExternalId__c'\)"):
        bulk(frame).upsert("Contact", "ExternalId__c", org=org)


def test_a_name_that_is_there_twice_is_an_error(org: Org) -> None:
    frame = pd.DataFrame([["a", "b", "t"]], columns=["LastName", "LastName", "Title"])
    with pytest.raises(sfframe.SchemaError, match="several columns of this name") as raised:
        bulk(frame).insert("Contact", org=org)
    assert column(raised.value.problems, "code") == ["TWICE"]


def test_names_that_are_there_twice_but_arent_sent_come_back(org: Org) -> None:
    frame = pd.DataFrame([["a", "b", "t"]], columns=["note", "note", "LastName"])
    result = bulk(frame).insert("Contact", org=org, columns=["LastName"])
    assert list(result.successful_results.columns) == ["note", "note", "LastName", "sf__Id", "sf__Created"]
    assert result.successful_results.iloc[0, :3].tolist() == ["a", "b", "t"]


def test_names_that_are_no_text_are_errors_unless_they_arent_sent(org: Org) -> None:
    frame = pd.DataFrame([["a", "b", "c"]], columns=["LastName", 1, ("x", "y")])
    with pytest.raises(sfframe.SchemaError) as raised:
        bulk(frame).insert("Contact", org=org)
    assert column(raised.value.problems, "code") == ["NO_TEXT_NAME"] * 2
    result = bulk(frame).insert("Contact", org=org, columns=["LastName"])
    assert list(result.successful_results.columns) == ["LastName", 1, ("x", "y"), "sf__Id", "sf__Created"]


def test_mixed_objects_are_told_by_kind_and_first_row(org: Org) -> None:
    frame = pd.DataFrame({"LastName": ["a"] * 3, "Title": pd.Series(["x", None, 5], dtype=object)})
    with pytest.raises(sfframe.UnsupportedTypeError, match=r"text \(first in row 0\) and number \(first in row 2\)"):
        bulk(frame).insert("Contact", org=org)


def test_the_accessor_is_the_same_door(org: Org) -> None:
    assert pd.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org)


def test_a_slice_of_a_frame_is_its_own_rows(org: Org) -> None:
    whole = pd.DataFrame({"LastName": list("abcdef"), "Score__c": range(6)})
    part = whole[whole["Score__c"] % 2 == 1]
    result = bulk(part).insert("Contact", org=org)
    pd.testing.assert_frame_equal(result.successful_results[["LastName", "Score__c"]], part)
