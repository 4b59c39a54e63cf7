"""`plot`: parts by stage, reasons over rows and outcomes as an Altair chart."""

from __future__ import annotations

import itertools
import re
import sys
from typing import Any

import polars as pl
import pytest
import vl_convert

import sfframe
from sfframe import chart
from sfframe.row_errors import counted, parsed, reasons
from sfframe.timeline import SCHEMA, no_timeline
from tests.conftest import MakeFrame
from tests.result.contrast import contrast


def data(picture: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows that each chart of the picture draws, by its title."""
    spec = picture.to_dict()
    return {one["title"]: _values(one) for one in spec["vconcat"]}


def _values(chart: dict[str, Any]) -> list[dict[str, Any]]:
    holder = chart if "data" in chart else chart["layer"][0]
    return list(holder["data"]["values"])


WHEN = "Parts by stage: seconds since the call began"


def test_the_chart_shows_parts_by_stage_reasons_over_rows_and_outcomes(org: sfframe.Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["x", "y", "z"], "Email": ["a@b.de", "?", "!"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return", max_records=2)
    drawn = data(result.plot())
    assert list(drawn) == [WHEN, "Failed rows by reason", "Where they are in the frame", "Rows by outcome"]
    stages = {(row["part"], row["stage"]) for row in drawn[WHEN]}
    assert stages == {(part, stage) for part in (1, 2) for stage in ("sending", "processing", "collecting")}
    assert [row["told"] for row in drawn[WHEN] if row["told"]] == ["1 failed", "1 failed"]
    assert [(row["reason"], row["rows"]) for row in drawn["Failed rows by reason"]] == [
        ("INVALID_EMAIL_ADDRESS [Email]", 2)
    ]
    assert [(row["row"], row["end"], row["rows"]) for row in drawn["Where they are in the frame"]] == [
        (1, 2, 1), (2, 3, 1)
    ]  # fmt: skip
    assert drawn["Rows by outcome"] == [
        {"outcome": "failed", "rows": 2},
        {"outcome": "unprocessed", "rows": 0},
        {"outcome": "successful", "rows": 1},
    ]


def test_a_clean_result_has_no_chart_of_reasons(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    assert list(data(result.plot())) == [WHEN, "Rows by outcome"]


def test_without_times_the_chart_says_so(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame(schema={"LastName": pl.String}), "Contact", "insert", org=org)
    [row] = data(result.plot())[WHEN]
    assert row["text"].startswith("no times: ")


def drawn_of(texts: list[str], n_rows: int, timeline: pl.DataFrame | None = None) -> dict[str, list[dict[str, Any]]]:
    """What is drawn of a call whose first rows failed with these errors."""
    errors = pl.Series(texts, dtype=pl.String)
    picture = chart.chart(
        title="title",
        counts={"successful": n_rows - len(texts), "failed": len(texts), "unprocessed": 0},
        reasons=reasons(counted(errors)),
        located=parsed(errors).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)),
        timeline=no_timeline() if timeline is None else timeline,
        jobs=[],
        seconds=9.0,
    )
    return data(picture)


def test_many_reasons_are_put_together_and_no_row_is_left_out() -> None:
    drawn = drawn_of([f"CODE_{chr(65 + n)}:<b>x</b>:--" for n in range(20)], 20)
    errors = drawn["Failed rows by reason"]
    assert len(errors) == 10
    assert errors[-1] == {"reason": "others", "rows": 11, "message": "11 more reasons: see .errors"}
    assert sum(row["rows"] for row in errors) == 20
    assert sum(row["rows"] for row in drawn["Where they are in the frame"]) == 20


def test_failures_are_piled_up_where_they_are() -> None:
    texts = ["A:x:--", "B:x:--", "A:y:--", *["A:x:--"] * 297]
    piles = drawn_of(texts, 5_600)["Where they are in the frame"]
    assert [(row["row"], row["end"], row["reason"], row["from"], row["to"]) for row in piles] == [
        (0, 100, "A", 0, 99), (0, 100, "B", 99, 100), (100, 200, "A", 0, 100), (200, 300, "A", 0, 100)
    ]  # fmt: skip


def test_many_parts_share_lines_without_lying_over_each_other() -> None:
    """Four at once, 200 in all; the last one's end nobody saw."""
    spans = [(f"{n:018}", n // 4 + n % 4 / 10, n // 4 + n % 4 / 10 + 0.9) for n in range(200)]
    rows = [(job, 1, "processing", began, None if job == spans[-1][0] else end, 5, 9) for job, began, end in spans]
    timeline = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    drawn = drawn_of([], 1_000, timeline)[WHEN]
    assert {row["lane"] for row in drawn} == {1, 2, 3, 4}
    for lane in range(1, 5):
        mine = sorted((row["began"], row["ended"]) for row in drawn if row["lane"] == lane)
        assert all(end <= began for (_, end), (began, _) in itertools.pairwise(mine))


def test_the_chart_is_drawn_and_has_no_background_of_its_own(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": ["x", "y"], "Email": ["?<script>", "a@b.de"]})
    picture = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return").plot()
    assert picture.to_dict()["background"] == "transparent"
    svg = vl_convert.vegalite_to_svg(picture.to_json())
    assert "INVALID_EMAIL_ADDRESS [Email]" in svg
    colors = set(re.findall(r'(?:fill|stroke)="(#\w{6})"', svg))
    assert colors
    for color in colors:
        assert all(contrast(color, background) >= 2.4 for background in ("#ffffff", "#111111")), color


def test_without_altair_the_error_says_what_to_install(org: sfframe.Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'sfframe\[plot\]'"):
        result.plot()


def test_a_legend_tells_the_stages_by_color(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    drawn = vl_convert.vegalite_to_svg(result.plot().to_dict())
    assert [word for word in ("sending", "processing", "collecting") if f">{word}<" not in drawn] == []
