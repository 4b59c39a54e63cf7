"""More than sixty predicates over rows that are hard on text, nulls, numbers and moments; and the rows.

Each is what a user of Polars would write, with what is to become of it (exactly sent, a prefilter, local) and, where
more rows are shipped than given, why they have to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

import polars as pl

COLUMNS = (
    "Id", "Name", "Text__c", "Email__c", "Phone__c", "Checkbox__c", "Integer__c", "Double__c", "Currency__c",
    "Percent__c", "Date__c", "Datetime__c", "Time__c", "Picklist__c", "Multipicklist__c", "Combobox__c", "Long_Text__c",
    "Account__c", "Account__r.Name", "Account__r.Industry", "Account__r.NumberOfEmployees", "Parent__r.Checkbox__c",
    "Owner.Name",
)  # fmt: skip

_TEXTS = (
    "acme", "Acme", "ACME", "acme corp", None, "O'Neil", "o'neil", 'say "hi"', "back\\slash", "100%", "100 %", "100_",
    "1000", "a_b", "axb", "a%b", "é", "É", "e\u0301", "straße", "STRASSE", "ı", "i", "I", "İ", "ſ", "s", "K", "k",
    "\u212a", "tab\there", "line\nbreak", "日本", "ニホン", "にほん", "null", "NULL", "true", "007", "7", "1E5",
    "a;b", "x\u00a0y", "emoji \U0001f600", "Ünïcode", "ünïcode",
)  # fmt: skip
_INTEGERS = (0, 1, -1, 2, None, 999_999_999, -999_999_999, 7, 100, 3)
_DOUBLES = (0.0, 1.5, -1.5, 0.1, None, 0.3, 1e-6, 123456789.123456, 1.0, 2.5, -0.1)
_MONEY = (0.0, 19.99, None, -5.25, 1000000.0, 0.01, 20.0, 19.98)
_DATES = (
    date(2024, 2, 29), date(2020, 1, 1), None, date(2019, 12, 31), date(2020, 12, 31), date(1970, 1, 1),
    date(1701, 1, 1), date(3999, 12, 31),
)  # fmt: skip
_MOMENTS = (
    datetime(2020, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC), None,
    datetime(2020, 6, 15, 12, 30, 15, tzinfo=UTC), datetime(2020, 6, 15, 12, 30, 16, tzinfo=UTC),
    datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 58, tzinfo=UTC),
)  # fmt: skip
_PICKS = ("One", "Two", None, "Three", "one")
_SETS = ("Red", "Red;Blue", None, "Green", "Red;Green;Blue", "Blue")


def rows(accounts: Sequence[str], parents: Sequence[str]) -> pl.DataFrame:
    """Records of Everything__c, as they are inserted."""
    n = len(_TEXTS)

    def take(values: tuple[Any, ...]) -> list[Any]:
        return list(islice(cycle(values), n))

    return pl.DataFrame(
        {
            "Text__c": list(_TEXTS),
            "Email__c": take(("a@x.de", "A@X.de", None, "b.c@y.org")),
            "Phone__c": take(("+49 30 1", None, "(030) 1")),
            "Checkbox__c": take((True, False, False)),
            "Integer__c": take(_INTEGERS),
            "Double__c": take(_DOUBLES),
            "Currency__c": take(_MONEY),
            "Percent__c": take((0.5, 50.0, None, 12.25)),
            "Date__c": take(_DATES),
            "Datetime__c": take(_MOMENTS),
            "Time__c": take((time(1), None, time(23, 59))),
            "Picklist__c": take(_PICKS),
            "Multipicklist__c": take(_SETS),
            "Combobox__c": take(("A", None, "b")),
            "Long_Text__c": take(("long", None)),
            "Account__c": take((*accounts, None)),
            "Parent__c": take((None, *parents)),
        },
        schema_overrides={"Text__c": pl.String, "Integer__c": pl.Int64, "Datetime__c": pl.Datetime("us", "UTC")},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicate:
    """A predicate, what becomes of its conjuncts (in order of these words), and why it ships what it doesn't give."""

    says: pl.Expr
    where: str
    why: str = ""


def _sent(says: pl.Expr) -> Predicate:
    return Predicate(says=says, where="sent")


def _prefilter(says: pl.Expr, why: str) -> Predicate:
    return Predicate(says=says, where="prefilter", why=why)


def _local(says: pl.Expr, why: str) -> Predicate:
    return Predicate(says=says, where="local", why=why)


_text, _int, _float = pl.col("Text__c"), pl.col("Integer__c"), pl.col("Double__c")
_flag, _day, _moment = pl.col("Checkbox__c"), pl.col("Date__c"), pl.col("Datetime__c")
_money, _pick, _set = pl.col("Currency__c"), pl.col("Picklist__c"), pl.col("Multipicklist__c")
_JUNE = datetime(2020, 6, 15, 12, 30, 15, tzinfo=UTC)
_CASE = "SOQL finds other cases too"
_RANGE = "bounds are widened"
_NONE = "nothing can be asked for"
_NULLS = "only nulls can be left out"


def predicates(accounts: Sequence[str]) -> list[Predicate]:
    """All of them; the ids of the accounts have to be known."""
    account = pl.col("Account__c")
    return [
        # Text.
        _prefilter(_text == "acme", _CASE),
        _prefilter(_text == "O'Neil", _CASE),
        _prefilter(_text == "back\\slash", ""),
        _prefilter(_text == "100%", ""),
        _prefilter(_text == "line\nbreak", ""),
        _prefilter(_text == "tab\there", ""),
        _prefilter(_text == "é", _CASE),
        _local(_text == "e\u0301", "not NFC: the org may store another form"),
        _local(_text == "", "'' is null to SOQL"),
        _local(_text == " acme", "blanks may be trimmed"),
        _prefilter(_text == "ı", ""),
        _prefilter(_text == "K", _CASE),
        _local(_text == "\u212a", "not NFC: the org may store another form"),
        _prefilter(_text == "straße", _CASE),
        _prefilter(_text != "acme", _NULLS),
        _prefilter(~(_text == "acme"), _NULLS),
        _prefilter(_text.is_in(["acme", "Acme", "s", "100_"]), _CASE),
        _prefilter(~_text.is_in(["acme", "é"]), _NULLS),
        _local(~_text.is_in(["acme", None]), _NONE),
        _prefilter(_text.is_in(["acme", None], nulls_equal=True), _CASE),
        _prefilter(_text.eq_missing("acme"), _CASE),
        _local(_text.ne_missing("acme"), _NONE),
        _local(_text < "b", "the org's collation is another order"),
        _sent(_text.is_null()),
        _sent(_text.is_not_null()),
        _prefilter(_text.str.starts_with("ac"), _CASE),
        _prefilter(_text.str.starts_with("100%"), ""),
        _prefilter(_text.str.ends_with("_"), ""),
        _prefilter(_text.str.contains("a_b", literal=True), ""),
        _prefilter(_text.str.contains("%", literal=True), ""),
        _prefilter(_text.str.contains("\\", literal=True), "a backslash is any text to the pattern"),
        _prefilter(_text.str.contains("ße", literal=True), "ß is any text to the pattern"),
        _prefilter(_text.str.contains("neil"), _CASE),
        _local(_text.str.contains("^a.*e$"), "a regular expression"),
        _local(~_text.str.starts_with("ac"), "the contrary of a prefilter would lose rows"),
        _local(_text.str.to_lowercase() == "acme", "it is computed"),
        _prefilter(pl.col("Email__c") == "a@x.de", _CASE),
        _prefilter(pl.col("Phone__c").str.starts_with("+49 "), ""),
        _local(pl.col("Long_Text__c") == "long", "long text can't be filtered"),
        # Numbers.
        _sent(_int == 1),
        _sent(_int != 1),
        _sent(_int > 1),
        _sent(_int.is_between(-1, 2, closed="left")),
        _sent(_int.is_in([1, 7, 999_999_999])),
        _sent(~_int.is_in([1, 7])),
        _sent(_int.is_null()),
        _sent(_int.ne_missing(1)),
        _sent(_int == 2**40),
        _sent(_int <= 2**40),
        _sent(_int.cast(pl.Float64) > 1.5),
        _local(_int + 1 > 2, "it is computed"),
        _prefilter(_float == 0.1, _RANGE),
        _prefilter(_float != 0.1, _RANGE),
        _prefilter(_float == 0.0, _RANGE),
        _prefilter(_float > 0.3, _RANGE),
        _prefilter(_float.is_between(0.1, 1.5), _RANGE),
        _prefilter(_float.is_in([0.1, 1.5, 123456789.123456]), _RANGE),
        _prefilter(~_float.is_in([0.1, 1.5]), _RANGE),
        _local(float("inf") > _float, "no such number in SOQL"),
        _prefilter(_money >= 19.99, _RANGE),
        _prefilter(pl.col("Percent__c") == 12.25, _RANGE),
        # Booleans.
        _sent(_flag),
        _sent(~_flag),
        _sent(_flag.is_null()),
        _sent(_flag ^ (_int > 1)),
        # Days and moments.
        _sent(_day == date(2024, 2, 29)),
        _sent(_day != date(2024, 2, 29)),
        _sent(_day.is_between(date(2019, 12, 31), date(2020, 12, 31), closed="none")),
        _sent(_day > datetime(2019, 12, 31, 12)),
        _sent(_day.dt.year() == 2020),
        _sent(~_day.is_in([date(2020, 1, 1)])),
        _local(_day < date(4000, 1, 1), "SOQL has no such date"),
        _prefilter(_moment == _JUNE, _RANGE),
        _prefilter(_moment != _JUNE, _NULLS),
        _prefilter(_moment > _JUNE, _RANGE),
        _prefilter(_moment >= _JUNE + timedelta(milliseconds=500), _RANGE),
        _prefilter(_moment.is_in([_JUNE, datetime(2020, 1, 1, tzinfo=UTC)]), "a list is one range"),
        _prefilter(_moment.dt.year() == 2020, ""),
        _prefilter(_moment.dt.date() == date(2019, 12, 31), ""),
        _prefilter(_moment < datetime(1970, 1, 1, tzinfo=UTC), ""),
        _local(_moment.dt.month() == 6, "SOQL's functions go by zones"),
        _local(pl.col("Time__c") > time(1), "times of day are in no table"),
        # Picklists.
        _prefilter(_pick == "One", _CASE),
        _prefilter(_pick != "One", _NULLS),
        _prefilter(_pick.is_in(["One", "Two"]), _CASE),
        _local(_pick.str.starts_with("T"), "LIKE sees labels"),
        _prefilter(_set == "Red;Blue", ""),
        _local(_set == "Red;Pink", "no value of the field"),
        _sent(_set.is_null()),
        _prefilter(pl.col("Combobox__c") == "A", ""),
        # Ids and parents.
        _sent(account == accounts[0]),
        _sent(account != accounts[0]),
        _sent(account.is_in([accounts[0], accounts[0][:15], "nonsense"])),
        _sent(account == accounts[0][:15]),
        _sent(account.is_null()),
        _prefilter(pl.col("Account__r.Name") == "Acme", _CASE),
        _prefilter(pl.col("Account__r.NumberOfEmployees") > 10, ""),
        _prefilter(pl.col("Account__r.NumberOfEmployees") != 10, ""),
        _local(pl.col("Account__r.Name").is_null(), "a hidden parent reads null"),
        _prefilter(pl.col("Account__r.Name").is_not_null(), ""),
        _prefilter(pl.col("Parent__r.Checkbox__c"), ""),
        _prefilter(~pl.col("Parent__r.Checkbox__c"), "no parent counts as false"),
        _local(pl.col("Owner.Name") == "x", "several objects are behind it"),
        # Together.
        _prefilter((_text == "acme") | (_int == 7), _CASE),
        _local((_text == "acme") | (_text < "b"), "one side can't be asked for"),
        Predicate(says=~((_int > 1) | _flag), where="sent+sent"),
        Predicate(says=_flag & (_int > 0) & (_text == "acme"), where="prefilter+sent+sent", why=_CASE),
        _prefilter((_text == "acme") | pl.lit(None, dtype=pl.Boolean), _CASE),
        Predicate(says=(_int > 1) & (_text.str.len_chars() > 3), where="local+sent", why="the second one is computed"),
        _local((_int > 1).is_null(), "whether a comparison is null isn't asked"),
    ]


def decimal_predicates() -> list[Predicate]:
    """Of columns with `decimals=True` and `multiselect="list"`."""
    money = pl.col("Currency__c")
    return [
        _prefilter(money == Decimal("19.99"), _RANGE),
        _prefilter(money > Decimal("19.99"), _RANGE),
        _prefilter(money <= Decimal("0.01"), _RANGE),
        _prefilter(money != Decimal("20.00"), _RANGE),
        _prefilter(money.is_in([Decimal("0.01"), Decimal("20.00")]), _RANGE),
        _prefilter(money > pl.lit(19.985, dtype=pl.Float64), _RANGE),
        _prefilter(_set.list.contains("Red"), ""),
        _local(~_set.list.contains("Red"), "the contrary of a prefilter would lose rows"),
        _local(_set.list.contains("Pink"), "no value of the field"),
        _local(_set.list.len() > 1, "it is computed"),
        _sent(_set.is_not_null()),
    ]
