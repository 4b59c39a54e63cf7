"""What is asked for of each kind of field, what never is, and what becomes of lists that are too long."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import cycle
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sfframe.localorg.objects.ids import make_id
from sfframe.org.describe import Field
from sfframe.query.pushdown.where import fitted, verdicts, where_clauses
from sfframe.query.schema.columns import Column

from .filters import NUMBERS, TEXTS
from .odd_org import FOLDS, Manner, finds

_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "Text__c": {},
    "Phone": {"type": "phone"},
    "Number__c": {"type": "int"},
    "Amount": {"type": "currency", "scale": 2},
    "Moment__c": {"type": "datetime"},
    "Day__c": {"type": "date"},
    "Flag__c": {"type": "boolean"},
    "Name": {"extra_type_info": "personname", "name_field": True},
    "Notes__c": {"type": "textarea", "length": 32_000},
    "Secret__c": {"encrypted": True},
    "SecretDay__c": {"type": "date", "encrypted": True},
    "Hidden__c": {"filterable": False},
    "Clock__c": {"type": "time"},
    "Formula__c": {"calculated": True},
    "FormulaFlag__c": {"type": "boolean", "calculated": True},
    "OwnerId": {"type": "reference"},
    "Pick__c": {"type": "picklist", "picklist_values": ("A", "B")},
    "Picks__c": {"type": "multipicklist", "picklist_values": ("A", "B")},
}
_DTYPES = {"int": pl.Int64(), "currency": pl.Float64(), "datetime": pl.Datetime("us", "UTC"), "date": pl.Date(),
           "boolean": pl.Boolean(), "time": pl.Time()}  # fmt: skip


def _column(name: str, *, through: tuple[Field, ...] = (), **attributes: Any) -> Column:
    field = Field(**{"name": name.rpartition(".")[2], "filterable": True, **attributes})
    dtype = _DTYPES.get(field.type, pl.String())
    return Column(name=name, dtype=dtype, way=tuple(name.split(".")), field=field, through=through)


def _lookup(*targets: str) -> Field:
    return Field(name="A__c", type="reference", reference_to=targets, relationship_name="A__r")


COLUMNS = {name: _column(name, **attributes) for name, attributes in _FIELDS.items()} | {
    "Money__c": replace(_column("Money__c", type="currency", scale=2), dtype=pl.Decimal(18, 2)),
    "One.Text__c": _column("One.Text__c", through=(_lookup("Account"),)),
    "One.Flag__c": _column("One.Flag__c", type="boolean", through=(_lookup("Account"),)),
    "Many.Name": _column("Many.Name", through=(_lookup("Account", "Lead"),)),
    "Meta.Text__c": _column("Meta.Text__c", through=(_lookup("Setting__mdt"),)),
    "A.B.C.D.E.F": _column("A.B.C.D.E.F", through=(_lookup("Account"),) * 5),
    "A.B.C.D.E.F.G": _column("A.B.C.D.E.F.G", through=(_lookup("Account"),) * 6),
}  # fmt: skip


def _asked(says: pl.Expr, **options: Any) -> str | None:
    (verdict,) = verdicts(says, COLUMNS, **options)
    assert (verdict.soql is None) == (verdict.where == "local")
    return verdict.soql


@pytest.mark.parametrize(
    ("says", "soql"),
    [
        (pl.col("Text__c") == "O'Neil \\ \n\x07", "Text__c = 'O\\'Neil \\\\ \\n\\u0007'"),
        (pl.col("Phone").str.starts_with("50%_é x "), r"Phone LIKE '50\%\_% x%'"),
        (pl.col("Text__c").str.contains("é", literal=True), "Text__c != null"),
        (pl.col("Text__c").str.contains("xe\u0323e", literal=True), None),  # not NFC
        (pl.col("Text__c").str.contains("bx\u0323e", literal=True), "Text__c LIKE '%b%e%'"),
        (pl.col("Number__c") < 2.5, "Number__c <= 2"),
        (pl.col("Number__c") > -(2**40), "Number__c != null"),
        (pl.col("Number__c") < -(2**31), "Id = null"),
        (pl.col("Number__c") == 2.0**60, None),
        (~pl.col("Number__c").is_in(pl.Series([1, None]).implode()), None),
        (pl.col("Amount") == 5e-324, "(Amount >= -0.00000000000000000001 AND Amount <= 0.00000000000000000001)"),
        (pl.col("Amount") != 1e-7, "(Amount != 0.0000001 AND Amount != null)"),
        (pl.col("Amount") < 1e15, None),
        (pl.col("Amount") != 5e-324, None),
        (~pl.col("Amount").is_in([5e-324]), None),
        (pl.col("Moment__c") <= datetime(2020, 1, 1, 1, 2, 3, 999_999, UTC), "Moment__c < 2020-01-01T01:02:04Z"),
        (pl.col("Moment__c") < datetime(2020, 1, 1, 1, 2, 3, 999_999, UTC), "Moment__c < 2020-01-01T01:02:04Z"),
        (pl.col("Moment__c") > datetime(1969, 12, 31, 23, 59, 59, 1, UTC), "Moment__c >= 1969-12-31T23:59:59Z"),
        (pl.col("Moment__c") > datetime(1700, 12, 31, tzinfo=UTC), None),
        (pl.col("Day__c").dt.year() == 3999, None),  # it ends in 4000
        (pl.col("Day__c").dt.year() > 2020, "Day__c >= 2021-01-01"),
        (pl.col("Flag__c").is_null(), "Id = null"),
        (pl.col("Flag__c").is_not_null(), None),
        (pl.col("Name") == "Ada Lovelace", None),
        (pl.col("Notes__c").is_null(), None),
        (pl.col("Secret__c") == "x", "Secret__c = 'x'"),
        (pl.col("Secret__c").is_not_null(), None),
        (pl.col("Secret__c").str.starts_with("x"), None),
        (pl.col("SecretDay__c") == datetime(2020, 1, 1).date(), None),
        (pl.col("Hidden__c") == "x", None),
        (pl.col("Clock__c").is_null(), None),
        (pl.col("Formula__c") == "x", "Formula__c = 'x'"),
        (pl.col("Formula__c") != "x", None),
        (pl.col("Formula__c").is_null(), None),
        (pl.col("FormulaFlag__c").is_null(), None),
        (pl.col("OwnerId") < "0", None),
        (pl.col("One.Text__c") == "x", "One.Text__c = 'x'"),
        (pl.col("One.Text__c").is_null(), None),
        (pl.col("One.Flag__c").is_null(), None),
        (pl.col("Many.Name") == "x", None),
        (pl.col("Meta.Text__c") == "x", None),
        (pl.col("A.B.C.D.E.F") == "x", "A.B.C.D.E.F = 'x'"),
        (pl.col("A.B.C.D.E.F.G") == "x", None),
        (pl.col("Unheard__c") == "x", None),
        (pl.col("Text__c") == " x", None),
        (pl.col("Text__c") == "x\u00a0", None),
        (pl.col("Text__c").str.contains("a."), None),
        (pl.col("Pick__c").str.starts_with("A"), None),
        (pl.col("Picks__c") == "A;B", "Picks__c = 'A;B'"),
        (pl.col("Picks__c") == "A;C", None),
        (pl.col("Picks__c").is_in(["A"]), None),
        (pl.col("Money__c") == Decimal("19.99"), "(Money__c > 19.98 AND Money__c < 20)"),
        (pl.col("Money__c") > Decimal("19.99"), "Money__c > 19.99"),
        (pl.col("Money__c") >= Decimal("19.985"), "Money__c > 19.98"),
        (pl.col("Money__c") <= Decimal("123456789012345.67"), "Money__c < 123456789012345.72"),
        (
            pl.col("Moment__c").is_in([datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)]),
            "(Moment__c >= 2020-01-01T00:00:00Z AND Moment__c < 2020-01-02T00:00:01Z)",
        ),
        (
            pl.col("Moment__c").dt.year() == 2020,
            "(Moment__c >= 2020-01-01T00:00:00Z AND Moment__c < 2021-01-01T00:00:00Z)",
        ),
        (pl.col("Day__c").is_in([date(2020, 1, 1), date(4000, 1, 1)]), None),
        (pl.col("Number__c") >= -(2**31), "Number__c != null"),
        (pl.col("Text__c") == "x" * 4001, None),
        (pl.col("Text__c") == "'" * 2001, None),  # 4,002 characters as it is written
    ],
)  # fmt: skip
def test_what_is_asked_for(says: pl.Expr, soql: str | None) -> None:
    assert _asked(says) == soql


def _in(name: str, values: list[Any]) -> pl.Expr:
    return pl.col(name).is_in(pl.Series(values).implode(), nulls_equal=True)


@pytest.mark.parametrize(
    ("says", "soql"),
    [
        # Without a parent it is null here, and false to SOQL.
        (pl.col("One.Flag__c").ne_missing(False), None),
        (~pl.col("One.Flag__c").eq_missing(True), None),
        (_in("One.Flag__c", [True, None]), None),
        (~_in("One.Flag__c", [False]), None),
        (_in("One.Flag__c", [True, False]), None),
        (_in("One.Flag__c", [False]), "One.Flag__c = false"),
        (~_in("One.Flag__c", [False, None]), "One.Flag__c = true"),
        (pl.col("Number__c").ne_missing(1), "((Number__c != 1 AND Number__c != null) OR Number__c = null)"),
        (pl.col("Number__c").eq_missing(1), "Number__c = 1"),
        (_in("Number__c", [1, None]), "(Number__c IN (1) OR Number__c = null)"),
        (_in("Number__c", [1]), "Number__c IN (1)"),
        (~_in("Number__c", [1, None]), "(Number__c NOT IN (1) AND Number__c != null)"),
        (~_in("Number__c", [1]), "((Number__c NOT IN (1) AND Number__c != null) OR Number__c = null)"),
        (pl.col("Text__c").ne_missing("x"), None),
        (~_in("Text__c", ["x", None]), "Text__c != null"),
        (
            pl.col("Flag__c") ^ (pl.col("Number__c") > 1),
            "((Flag__c = true AND Number__c <= 1) OR (Flag__c = false AND Number__c >= 2))",
        ),
        (
            ~(pl.col("Flag__c") ^ (pl.col("Number__c") > 1)),
            "((Flag__c = true AND Number__c >= 2) OR (Flag__c = false AND Number__c <= 1))",
        ),
    ],
)
def test_what_is_asked_for_where_null_is_a_value_or_one_side_alone_is_true(says: pl.Expr, soql: str | None) -> None:
    assert _asked(says) == soql


@pytest.mark.parametrize(
    "sobject", ["Setting__mdt", "Log__b", "Foreign__x", "Lake__dlm", "Article__kav", "article__KAV"]
)
def test_objects_that_take_few_conditions_are_asked_for_none(sobject: str) -> None:
    assert _asked(pl.col("Number__c") == 1, sobject="Thing__c") == "Number__c = 1"
    assert _asked(pl.col("Number__c") == 1, sobject=sobject) is None


def test_the_older_form_of_an_id_and_a_wrong_suffix_are_no_rows_id() -> None:
    owner = make_id("005", 7)
    wrong = owner[:-1] + ("A" if owner[-1] != "A" else "B")
    assert _asked(pl.col("OwnerId") == owner) == f"OwnerId = '{owner}'"
    for text in (owner[:15], wrong, owner.lower(), f"{owner} ", ""):
        assert _asked(pl.col("OwnerId") == text) == "Id = null"
        assert _asked(pl.col("OwnerId") != text) == "OwnerId != null"


# Lists that are too long.


def _clauses(says: pl.Expr, **options: Any) -> tuple[str, ...]:
    return where_clauses(verdicts(says, COLUMNS), **options)


def test_without_a_filter_that_travels_there_is_no_clause() -> None:
    assert _clauses(pl.col("Text__c") < "x", max_chars=1000) == ()
    assert where_clauses((), max_chars=1000) == ()


@given(
    texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=30),
    numbers=st.lists(st.sampled_from([float(text) for text in NUMBERS]), min_size=1, max_size=20),
    lists=st.sets(st.sampled_from(["Text__c", "Amount"]), min_size=1),
    room=st.integers(40, 700),
    encoded=st.booleans(),
)
@examples(max_examples=50, deadline=None)
def test_a_list_is_cut_into_clauses_that_fit_and_share_no_row(
    texts: list[str], numbers: list[float], lists: set[str], room: int, encoded: bool
) -> None:
    listed = {"Text__c": pl.col("Text__c").is_in(texts), "Amount": pl.col("Amount").is_in(numbers)}
    said = functools.reduce(operator.and_, (listed[name] for name in sorted(lists)), pl.col("Flag__c"))
    measure = _encoded if encoded else len
    clauses = where_clauses(verdicts(said, COLUMNS), max_chars=room, measure=measure)
    assert clauses
    assert all(measure(clause) <= room for clause in clauses)
    manner = Manner(fold=FOLDS[-1])
    for text, number in zip(texts, cycle(numbers), strict=False):
        row = {"Text__c": text, "Amount": Decimal(repr(number)), "Flag__c": True}
        assert sum(finds(clause, row, manner) for clause in clauses) == 1


def _encoded(text: str) -> int:
    return len(quote(text, safe=""))


def test_numbers_whose_bounds_meet_are_one_member_that_no_cut_divides() -> None:
    # Two units in the last place from either side: what is stored just there lies within the bounds of both.
    meeting = [1.0, 1.0 + 4 * math.ulp(1.0)]
    for listed in (meeting, meeting[::-1]):
        (clause,) = _clauses(pl.col("Amount").is_in(listed), max_chars=110)
        assert clause.count("Amount") == 2
    apart = [1.0, 1.0 + 5 * math.ulp(1.0)]
    assert len(_clauses(pl.col("Amount").is_in(apart), max_chars=110)) == 2


def test_of_two_long_lists_the_longer_is_cut_and_the_other_becomes_its_range() -> None:
    said = pl.col("Text__c").is_in([f"name {n}" for n in range(100)]) & pl.col("Number__c").is_in(list(range(90)))
    found = fitted(verdicts(said, COLUMNS), max_chars=300)
    assert {one.soql for one in found} > {"(Number__c >= 0 AND Number__c <= 89)"}
    assert "prefilter" in {one.where for one in found if one.soql and one.soql.startswith("(Number__c")}
    clauses = _clauses(said, max_chars=300)
    assert len(clauses) > 1
    assert all("(Number__c >= 0 AND Number__c <= 89)" in clause for clause in clauses)


def test_what_has_no_room_stays_here_and_says_so() -> None:
    said = (pl.col("Text__c") == "x" * 500) & (pl.col("Number__c") == 1)
    assert _clauses(said, max_chars=100) == ("Number__c = 1",)
    kept = {one.where: one.reason for one in fitted(verdicts(said, COLUMNS), max_chars=100)}
    assert kept["local"] == "the condition is too long for a statement"
    # One member of a list is too long alone.
    assert _clauses(pl.col("Text__c").is_in(["x" * 500, "y"]), max_chars=100) == ()
