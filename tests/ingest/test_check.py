"""Rows that can't be sent: which ones they are, whatever batch they are in, and what becomes of the others."""

from __future__ import annotations

import sys
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe import bulk
from sfframe.ingest import spool
from sfframe.ingest.spool import MemoryRows


def problems(frame: pl.DataFrame, operation: Any, *key: str, **options: Any) -> list[tuple[str, int]]:
    told = bulk(frame).check("Contact", operation, *key, **options)
    return [(code, row) for code, row in zip(told["code"], told["row"], strict=True)]


@pytest.mark.parametrize("is_lazy", [False, True])
def test_rows_that_are_left_out_shift_no_other(local: sfframe.LocalOrg, org: sfframe.Org, is_lazy: bool) -> None:
    names = [f"n{i}" if i % 3 else "bad \0" for i in range(10)]
    frame = pl.DataFrame({"LastName": names, "Email": ["no mail" if i % 4 == 1 else f"m{i}@x.de" for i in range(10)]})
    result: Any = bulk(frame.lazy() if is_lazy else frame).insert(
        "Contact", org=org, invalid="report", max_records=3, on_failure="return"
    )
    every = result.to_frame().lazy().collect()
    assert every["LastName"].to_list() == names
    outcomes = ["failed" if i % 3 == 0 or i % 4 == 1 else "successful" for i in range(10)]
    assert every["sf__Outcome"].to_list() == outcomes
    codes = every["sf__Error"].str.extract("^([A-Z_]+):").to_list()
    reasons = ["NOT_SENT" if i % 3 == 0 else "INVALID_EMAIL_ADDRESS" if i % 4 == 1 else None for i in range(10)]
    assert codes == reasons
    there = dict(zip(*(local.rows("Contact")[name].to_pylist() for name in ("Id", "LastName")), strict=True))
    good = every.filter(pl.col("sf__Outcome") == "successful")
    assert [there[one] for one in good["sf__Id"]] == good["LastName"].to_list()


def test_problems_of_a_large_frame_name_their_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[MemoryRows.__module__], "CHUNK", 4)  # rows in a batch
    frame = pl.DataFrame({"LastName": ["a", "\0", "c", "d", "e", "f", "\0", "h", "i" * 50, "j"]})
    told = problems(frame, "insert", describe=False, max_payload_bytes=40)
    assert told == [("NUL", 1), ("ROW_EXCEEDS_PAYLOAD", 8)]
    table = bulk(frame).check("Contact", "insert", describe=False, max_payload_bytes=40)
    assert table["rows"].to_list() == [2, 1]
    (left,) = bulk(frame).payloads("Contact", "insert", describe=False, max_payload_bytes=40, invalid="report")
    assert left == b'"LastName"\n' + b"".join(b'"%c"\n' % name for name in b"acdefhj")


def test_a_row_has_to_fit_into_a_part_beside_its_header() -> None:
    frame = pl.DataFrame({"LastName": ["abc", "abcd"]})
    fits = len('"LastName"\n"abc"\n')
    assert problems(frame, "insert", describe=False, max_payload_bytes=fits) == [("ROW_EXCEEDS_PAYLOAD", 1)]
    assert problems(frame, "insert", describe=False, max_payload_bytes=fits + 1) == []


@pytest.mark.parametrize("others", ["ignore", "clear"])
def test_an_empty_text_is_a_null(others: Any) -> None:
    frame = pl.DataFrame({"a": ["", None, "x"], "b": ["", None, "y"]})
    (payload,) = bulk(frame).payloads("Thing__c", "insert", describe=False, nulls={"a": "clear", "b": others})
    b = "#N/A" if others == "clear" else ""
    assert payload.decode() == f'"a","b"\n"#N/A","{b}"\n"#N/A","{b}"\n"x","y"\n'


def test_a_key_of_blanks_is_none(org: sfframe.Org) -> None:
    for key in ("", " ", "\t", "#N/A", None):
        frame = pl.DataFrame({"ExternalId__c": ["k", key], "LastName": ["a", "b"]})
        assert problems(frame, "upsert", "ExternalId__c", org=org) == [("MISSING_KEY", 1)], key


def test_ids_of_both_lengths_are_one(org: sfframe.Org) -> None:
    short, other = "003000000000abc", "003000000000aBc"
    frame = pl.DataFrame({"Id": [short, other, f"{short}AAE"], "LastName": ["a", "b", "c"]})
    assert problems(frame, "update", org=org) == [("DUPLICATE_KEY", 0)]
    assert problems(frame.head(2), "update", org=org) == []


def test_keys_are_found_again_in_whatever_batch_they_are(monkeypatch: pytest.MonkeyPatch, org: sfframe.Org) -> None:
    monkeypatch.setattr(spool, "CHUNK", 3)
    keys = ["a", "b", None, "c", "d", None, "B", "e", "a"]
    frame = pl.DataFrame({"ExternalId__c": keys, "LastName": keys}).with_columns(pl.col("LastName").fill_null("x"))
    for given in (frame, frame.lazy()):
        with pytest.raises(sfframe.PayloadError) as refused:
            bulk(given).upsert("Contact", "ExternalId__c", org=org)
        told = refused.value.problems.filter(code="DUPLICATE_KEY")
        assert told.select("row", "rows").rows() == [(0, 4)]
        assert "2 keys that stand in several rows" in told["message"][0]
