"""`plot`: the outcomes and the reasons as an Altair chart."""

from __future__ import annotations

import sys
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe import chart
from sfframe.row_errors import counted, reasons
from tests.conftest import MakeFrame


def data(picture: Any) -> list[list[dict[str, Any]]]:
    """The rows that each chart of the picture draws."""
    spec = picture.to_dict()
    # Altair lifts data that all charts share to the top.
    return [(one.get("data") or spec["data"])["values"] for one in spec["vconcat"]]


def test_the_chart_shows_outcomes_and_reasons(org: sfframe.Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["x", "y", "z"], "Email": ["a@b.de", "?", "!"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    outcomes, errors = data(result.plot())
    assert outcomes == [
        {"outcome": "successful", "rows": 1},
        {"outcome": "failed", "rows": 2},
        {"outcome": "unprocessed", "rows": 0},
    ]
    assert [(row["reason"], row["rows"]) for row in errors] == [("INVALID_EMAIL_ADDRESS [Email]", 2)]


def test_a_clean_result_has_no_chart_of_reasons(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    assert len(data(result.plot())) == 1


def test_many_reasons_are_put_together_and_no_row_is_left_out() -> None:
    texts = [f"CODE_{chr(65 + n)}:<b>x</b>:--" for n in range(20)]
    picture = chart.chart({"failed": 20}, reasons(counted(pl.Series(texts))), "title")
    _, errors = data(picture)
    assert len(errors) == 13
    assert errors[-1]["reason"] == "8 more reasons"
    assert sum(row["rows"] for row in errors) == 20


def test_without_altair_the_error_says_what_to_install(org: sfframe.Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'sfframe\[plot\]'"):
        result.plot()
