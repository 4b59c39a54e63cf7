"""Chart: a result as a picture, by Altair; needs `pip install 'sfframe[plot]'`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

_SHOWN: Final = 12
_COLORS: Final = {"successful": "#2da44e", "failed": "#cf222e", "unprocessed": "#bf8700"}


def chart(counts: Mapping[str, int], reasons: pl.DataFrame, title: str) -> Any:
    """How many rows had which outcome, and under it why rows failed: an Altair chart.

    Args:
        counts: Rows by outcome.
        reasons: `code`, `fields`, `message`, `count`, the most frequent first.
        title: What stands above.

    Raises:
        ModuleNotFoundError: Altair isn't installed.
    """
    alt = _altair()
    outcomes = [{"outcome": word, "rows": n} for word, n in counts.items()]
    bars = _bars(alt, outcomes, "outcome", list(counts)).encode(
        color=alt.Color("outcome:N", legend=None, scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())))
    )
    charts = [bars.properties(title=title)]
    if reasons.height:
        rows = _reasons(reasons)
        errors = _bars(alt, rows, "reason", [row["reason"] for row in rows], "message")
        charts.append(errors.encode(color=alt.value(_COLORS["failed"])).properties(title="Failed rows by reason"))
    return alt.vconcat(*charts)


def _altair() -> Any:
    try:
        import altair
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plot needs {error.name}, which is not installed: pip install 'sfframe[plot]'", name=error.name
        ) from error
    return altair


def _reasons(reasons: pl.DataFrame) -> list[dict[str, Any]]:
    rows = [
        {
            "reason": f"{row['code'] or '(no code)'}{' [' + row['fields'] + ']' if row['fields'] else ''}",
            "rows": row["count"],
            "message": row["message"],
        }
        for row in reasons.head(_SHOWN).iter_rows(named=True)
    ]
    if (rest := reasons[_SHOWN:]).height:
        rows.append({"reason": f"{rest.height:,} more reasons", "rows": int(rest["count"].sum()), "message": ""})
    return rows


def _bars(alt: Any, rows: list[dict[str, Any]], what: str, order: list[str], *more: str) -> Any:
    """Horizontal bars, each with its number at its end: a few failed rows among millions are seen all the same."""
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("rows:Q", title="rows", axis=alt.Axis(format=",d", tickMinStep=1)),
        y=alt.Y(f"{what}:N", title=None, sort=order, axis=alt.Axis(labelLimit=400)),
        tooltip=[f"{what}:N", alt.Tooltip("rows:Q", format=",d"), *(f"{name}:N" for name in more)],
    )
    return base.mark_bar() + base.mark_text(align="left", dx=3).encode(text=alt.Text("rows:Q", format=",d"))
