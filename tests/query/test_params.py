"""Params: each value is written as SOQL writes its type, and finds what it should in the org."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.query.soql.literals import quote_soql
from sfframe.query.soql.params import bind
from sfframe.testing.values import kept
from tests.examples import scaled

FEW = settings(max_examples=scaled(15), suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).map(kept)
HALF_NOON = dt.datetime(2024, 3, 31, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Neil", r"'O\'Neil'"),
        ("a\\b", r"'a\\b'"),
        ('\n\r\t\x01\x85"%_', "'\\n\\r\\t\\u0001\\u0085\"%_'"),
        ("é😀\u2028", "'é😀\u2028'"),
        ("", "''"),
        (np.str_("x"), "'x'"),
        (True, "true"),
        (np.bool_(False), "false"),
        (7, "7"),
        (-(10**20), "-100000000000000000000"),
        (np.int8(-3), "-3"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1.25e-7, "0.000000125"),
        (np.float32(0.1), "0.1"),
        (np.float64(2.5), "2.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("19.90"), "19.9"),
        (None, "null"),
        (pd.NA, "null"),
        (pd.NaT, "null"),
        (np.datetime64("NaT", "ns"), "null"),
        (dt.date(1999, 2, 3), "1999-02-03"),
        (HALF_NOON, "2024-03-31T10:30:00Z"),
        (pd.Timestamp("2024-03-31 12:30:00.1239", tz="Europe/Berlin"), "2024-03-31T10:30:00.123Z"),
        (dt.time(8, 5), "08:05:00Z"),
        (dt.time(8, 5, 0, 20_000), "08:05:00.020Z"),
        ([1, None, 1], "(1, null)"),
        (("a",), "('a')"),
        ({"b", "a"}, "('a', 'b')"),
        (range(2), "(0, 1)"),
        (pl.Series(["a", None]), "('a', null)"),
        (pd.Series(["a", None, float("nan")]), "('a', null)"),
        (pd.Categorical(["a", None]), "('a', null)"),
        (pd.Series([HALF_NOON]), "(2024-03-31T10:30:00Z)"),
        (pd.Index([1.5, 2.0]), "(1.5, 2)"),
        (np.array(["x", "y"]), "('x', 'y')"),
        (pa.array([Decimal("1.50")]), "(1.5)"),
    ],
)
def test_a_value_is_written_as_soql_writes_its_type(value: Any, written: str) -> None:
    assert quote_soql(value) == written


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "no finite number"),
        (np.float32("inf"), "no finite number"),
        (Decimal("NaN"), "no finite number"),
        (Decimal("1E+400"), "more digits"),
        (10**400, "more digits"),
        pytest.param(-(10**5000), "more digits", id="more-than-python-writes"),
        (pd.Series([1.5, None]), "no finite number"),
        (dt.datetime(2024, 1, 1), "without a time zone.*replace"),
        (pd.Timestamp("2024-01-01"), "without a time zone"),
        (np.datetime64("2024-01-01"), "without a time zone"),
        (np.array(["2024-01-01"], dtype="datetime64[ns]"), "without a time zone"),
        (dt.date(1699, 12, 31), "1700 to 4000"),
        (dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), "1700 to 4000"),
        (dt.time(1, tzinfo=dt.timezone(dt.timedelta(hours=1))), "without one"),
        (dt.timedelta(1), "timedelta is nothing"),
        (b"x", "bytes is nothing"),
        ({"a": 1}, "dict is nothing"),
        (pd.DataFrame({"a": [1]}), "DataFrame is nothing"),
        (pl.DataFrame({"a": [1]}), "DataFrame is nothing"),
        ([[1]], "list inside of a list"),
        ([], "no empty list"),
        ("a\0b", "NUL"),
        ("\ud83d", "surrogate"),
        ("x" * 4001, "4,001 characters"),
    ],
)
def test_what_soql_cannot_write_is_refused_with_a_remedy(value: Any, why: str) -> None:
    with pytest.raises(sfframe.SoqlError, match=why):
        quote_soql(value)


def test_a_name_in_quoted_text_and_a_date_literal_are_no_names() -> None:
    soql = r"SELECT Id FROM A WHERE B = 'it\'s :x' AND C > LAST_N_DAYS:30 AND D < 2024-01-01T10:00:00Z"
    assert bind(soql, None) == soql
    assert bind(soql, {}) == soql


@pytest.mark.parametrize(
    ("soql", "bound"),
    [
        ("A = :x", "A = 1"),
        ("A=:x AND B=:x", "A=1 AND B=1"),
        ("A = : x", "A = 1"),
        ("A > LAST_N_DAYS:x", "A > LAST_N_DAYS:1"),
        ("A IN :x", "A IN (1)"),
        ("A IN :many", "A IN ('a', 'b')"),
        ("A in(:many)", "A in ('a', 'b')"),
        ("A NOT IN (:x, 'c', :many, 'a')", "A NOT IN (1, 'c', 'a', 'b')"),
        ("M INCLUDES(:many)", "M INCLUDES ('a', 'b')"),
        ("A IN (1, :none)", "A IN (1)"),
        ("A IN (LAST_N_DAYS:x, TODAY, - 5, :none)", "A IN (LAST_N_DAYS:1, TODAY, - 5)"),
        ("A LIKE:x OR B =:x", "A LIKE 1 OR B =1"),
        ("A = 2 LIMIT:x", "A = 2 LIMIT 1"),
        ("A IN :none", "Id = null"),
        ("A.B NOT IN :none", "Id != null"),
        ("(A = 1 OR (NOT A IN ( :none )))", "(A = 1 OR (NOT Id = null))"),
        ("CALENDAR_YEAR(convertTimezone(A)) IN :none AND B = 1", "Id = null AND B = 1"),
        ("M INCLUDES :none OR M EXCLUDES (:none)", "Id = null OR Id != null"),
        (
            "Id IN (SELECT AId FROM Cs GROUP BY AId HAVING COUNT(Id) > 1) AND (B IN :none)",
            "Id IN (SELECT AId FROM Cs GROUP BY AId HAVING COUNT(Id) > 1) AND (Id = null)",
        ),
        ("Id IN (SELECT AId FROM Cs WHERE C = :x)", "Id IN (SELECT AId FROM Cs WHERE C = 1)"),
    ],
)
def test_names_give_way_to_values(soql: str, bound: str) -> None:
    values = {"x": 1, "many": ["a", "b"], "none": []}
    params = {name: value for name, value in values.items() if f":{name}" in soql.replace(": ", ":")}
    assert bind(f"SELECT Id FROM X WHERE {soql}", params) == f"SELECT Id FROM X WHERE {bound}"


def test_an_empty_list_in_having() -> None:
    soql = "SELECT A FROM X WHERE B IN :n GROUP BY A HAVING MAX(C) IN :n OR (NOT COUNT(Id) NOT IN :n)"
    expected = "SELECT A FROM X WHERE Id = null GROUP BY A HAVING COUNT(Id) < 0 OR (NOT COUNT(Id) >= 0)"
    assert bind(soql, {"n": set()}) == expected


def test_all_that_is_wrong_is_told_at_once() -> None:
    soql = "SELECT Id FROM A WHERE a = :nam AND b LIKE :l AND c = :nan AND d > LAST_N_DAYS:f"
    with pytest.raises(sfframe.SoqlError) as caught:
        bind(soql, {"name": 1, "l": ["x"], "nan": float("nan"), "f": 1.5})
    text = str(caught.value)
    assert "no value for :nam (did you mean :name?)" in text
    assert "the statement has no :name" in text
    assert ":l is a list" in text
    assert ":nan: it is no finite number" in text
    assert ":f is no whole number" in text


@pytest.mark.parametrize("params", [None, {}])
def test_a_name_without_params(params: dict[str, Any] | None) -> None:
    with pytest.raises(sfframe.SoqlError, match="no value for :a, :b"):
        bind("SELECT Id FROM A WHERE a = :a AND b IN :b", params)


def test_no_value_is_quoted_in_an_error() -> None:
    with pytest.raises(sfframe.SoqlError) as caught:
        bind("SELECT Id FROM A WHERE a = :a", {"a": "secret\0"})
    assert "secret" not in str(caught.value)


def test_a_list_that_makes_the_statement_too_long() -> None:
    with pytest.raises(sfframe.SoqlError, match="an org takes 100,000"):
        bind("SELECT Id FROM A WHERE a IN :a", {"a": [f"{i:018}" for i in range(5_000)]})


@pytest.mark.parametrize("wrong", [["a"], "a=1", 7])
def test_params_is_a_dict(wrong: Any) -> None:
    with pytest.raises(TypeError, match="params is a dict"):
        bind("SELECT Id FROM A", wrong)


@FEW
@given(texts=st.lists(TEXTS, min_size=1, max_size=8, unique=True))
def test_any_text_finds_its_own_record(sfframe_server: sfframe.LocalOrg, texts: list[str]) -> None:
    soql = "SELECT Text__c FROM Everything__c WHERE Text__c = :text"
    with sfframe_server.fresh() as org:
        assert sfframe.bulk(pl.DataFrame({"Text__c": texts})).insert("Everything__c", org=org)
        for text in texts:
            found = sfframe.read_soql(soql, params={"text": text}, org=org)["Text__c"].to_list()
            assert text in found
            assert {one.lower() for one in found} == {text.lower()}
        listed = sfframe.read_soql(soql.replace("= :text", "IN :text"), params={"text": texts}, org=org)
        assert sorted(listed["Text__c"]) == sorted(texts)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Double__c": st.integers(-(10**11), 10**11).map(lambda n: n / 1000),
    "Currency__c": st.integers(-(10**13), 10**13).map(lambda n: Decimal(n).scaleb(-2)),
    "Integer__c": st.integers(-(10**8), 10**8),
    "Checkbox__c": st.booleans(),
    "Date__c": st.dates(dt.date(1700, 1, 2), dt.date(3999, 12, 31)),
    "Datetime__c": st.datetimes(
        dt.datetime(1700, 1, 2), dt.datetime(3999, 12, 30), timezones=st.sampled_from([dt.UTC, HALF_NOON.tzinfo])
    ).map(lambda moment: moment.replace(microsecond=0)),
    "Time__c": st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)),
}


@FEW
@given(row=st.fixed_dictionaries(VALUES))
def test_any_value_finds_its_own_record(sfframe_server: sfframe.LocalOrg, row: dict[str, Any]) -> None:
    frame = pl.DataFrame([{name: str(value) if name == "Currency__c" else value for name, value in row.items()}])
    with sfframe_server.fresh() as org:
        assert sfframe.bulk(frame).insert("Everything__c", org=org)
        conditions = " AND ".join(f"{name} = :{name} AND {name} IN :{name}" for name in row)
        soql = f"SELECT Id FROM Everything__c WHERE {conditions}"
        assert sfframe.read_soql(soql, params=row, org=org).height == 1


FILLED = {
    "Text__c": ["a", "b", None],
    "Checkbox__c": [True, False, None],
    "Multipicklist__c": ["Red;Blue", "Green", None],
    "Double__c": [1.0, 2.0, None],
    "Date__c": [dt.date(2024, 1, 1), None, None],
}


@pytest.fixture(scope="module")
def filled(started_local: sfframe.LocalOrg, started_org: sfframe.Org) -> sfframe.Org:
    """An org with three records, one of them without values."""
    started_local.reset()
    assert sfframe.bulk(pl.DataFrame(FILLED)).insert("Everything__c", org=started_org)
    return started_org


@pytest.mark.parametrize("api", ["rest", "bulk"])
@pytest.mark.parametrize(
    ("condition", "n_rows"),
    [
        *((f"{name} {operator} :none", n) for name in FILLED for operator, n in [("IN", 0), ("NOT IN", 3)]),
        ("Parent__r.Checkbox__c IN :none", 0),
        ("Parent__r.Text__c NOT IN :none", 3),
        ("Related__r.Type IN :none", 0),
        ("Multipicklist__c INCLUDES :none", 0),
        ("Multipicklist__c EXCLUDES :none", 3),
        ("(NOT Text__c IN :none)", 3),
        ("Text__c IN :none OR Double__c = 2", 1),
        ("Text__c = 'a' AND (Checkbox__c NOT IN :none OR Double__c IN :none)", 1),
        ("Text__c = 'a' AND (NOT (Checkbox__c NOT IN :none OR Double__c IN :none))", 0),
    ],
)
def test_an_empty_list_matches_nothing_and_not_in_everything(
    filled: sfframe.Org, condition: str, n_rows: int, api: Any
) -> None:
    soql = f"SELECT Id FROM Everything__c WHERE {condition}"
    assert sfframe.read_soql(soql, params={"none": []}, api=api, org=filled).height == n_rows


@pytest.mark.parametrize(
    ("condition", "value", "n_rows"),
    [
        ("Text__c IN :v", ["a", None], 2),
        ("Double__c IN :v", pd.Series([2, None], dtype="Int64"), 2),
        ("Multipicklist__c INCLUDES(:v)", ["Blue;Red", "Green"], 2),
        ("Multipicklist__c INCLUDES :v", "Red", 1),
        ("Text__c LIKE :v", "_", 2),
        ("Text__c = :v", None, 1),
    ],
)
def test_lists_nulls_and_patterns_in_an_org(filled: sfframe.Org, condition: str, value: Any, n_rows: int) -> None:
    soql = f"SELECT Id FROM Everything__c WHERE {condition}"
    assert sfframe.read_soql(soql, params={"v": value}, org=filled).height == n_rows
