"""Chart: a result as a picture, by Altair; needs `pip install 'sfframe[plot]'`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from sfframe.job_lines import JobLine
from sfframe.timeline import STAGES

_WIDTH: Final = 560
_SHOWN: Final = 9  # reasons that get a color of their own
_BINS: Final = 56
_NAMED_PARTS: Final = 25
_COUNTED: Final = 4  # up to here each number has its tick
# All of these stand out from white and from black.
_GREY: Final = "#777777"
_FAINT: Final = "rgba(128,128,128,.25)"
_OUTCOMES: Final = {"failed": "#cf222e", "unprocessed": "#bf8700", "successful": "#2da44e"}
_STAGES: Final[Mapping[str, str]] = dict(zip(STAGES, ("#388bfd", "#8a8f98", "#a371f7"), strict=True))
_REASONS: Final = ("#cf222e", "#e16f24", "#bf8700", "#a371f7", "#d2568c", "#388bfd", "#1b9e94", "#6b8e23", "#a0522d")
_OTHERS: Final = "others"
_REST: Final = "#8a8f98"


def chart(
    *,
    title: str,
    counts: Mapping[str, int],
    reasons: pl.DataFrame,
    located: pl.DataFrame,
    timeline: pl.DataFrame,
    jobs: Sequence[JobLine],
    seconds: float,
) -> Any:
    """When each part was in which stage; why rows failed, and where in the frame they are; rows by outcome.

    Args:
        title: What stands above.
        counts: Rows by outcome.
        reasons: `code`, `fields`, `message`, `count`, the most frequent first.
        located: `row`, `code`, `fields` of each failed row.
        timeline: See `Timeline.frame`.
        jobs: What became of each job.
        seconds: How long the call took.

    Returns:
        An Altair chart.

    Raises:
        ModuleNotFoundError: Altair isn't installed.
    """
    alt = _altair()
    charts = [_parts(alt, timeline, jobs, seconds)]
    if reasons.height:
        charts += [_by_reason(alt, reasons), _by_row(alt, reasons, located, sum(counts.values()))]
    charts.append(_outcomes(alt, counts))
    whole = alt.vconcat(*charts, spacing=22).resolve_scale(color="independent", stroke="independent")
    quiet = {"labelColor": _GREY, "titleColor": _GREY}
    lines = {"gridColor": _FAINT, "domainColor": _GREY, "tickColor": _GREY}
    return (
        whole.properties(title=alt.TitleParams(title, anchor="start", offset=12), background="transparent")
        .configure_view(stroke=None)
        .configure_axis(**quiet, **lines, labelOverlap="greedy", labelSeparation=4)
        .configure_legend(**quiet, orient="top", title=None)
        .configure_title(color=_GREY, anchor="start", frame="group")
    )


def _altair() -> Any:
    try:
        import altair
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plot needs {error.name}, which is not installed: pip install 'sfframe[plot]'", name=error.name
        ) from error
    return altair


# --- when -------------------------------------------------------------------------------------------------------------


def _parts(alt: Any, timeline: pl.DataFrame, jobs: Sequence[JobLine], seconds: float) -> Any:
    """A bar for each stage of each part, on a line of its own, or where parts are many as few lines as will do."""
    title = "Parts by stage: seconds since the call began"
    if not timeline.height:
        words = "no times: no job was made in this call, or its result was given again by a journal"
        nothing = alt.Chart(alt.Data(values=[{"text": words}])).mark_text(align="left", color=_GREY, x=0)
        return nothing.encode(text="text:N").properties(title=title, width=_WIDTH, height=20)
    rows = _drawn(timeline, jobs, seconds)
    is_lane = rows["part"].n_unique() > _NAMED_PARTS
    y = alt.Y("lane:O", title="at once") if is_lane else alt.Y("part:O", title="part")
    tips = ["part:O", *(f"{name}:N" for name in ("job_id", "state", "attempt", "stage")),
            *(f"{name}:Q" for name in ("seconds", "rows", "failed", "bytes"))]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows.to_dicts())).encode(y=y)
    bars = base.mark_bar(strokeWidth=0.6).encode(
        x=alt.X("began:Q", title=None, scale=alt.Scale(domainMin=0)),
        x2="ended:Q",
        color=alt.Color("stage:N", sort=list(STAGES), scale=_scale(alt, _STAGES)),
        stroke=alt.Stroke("stage:N", sort=list(STAGES), scale=_scale(alt, _STAGES)),  # so that the shortest is seen
        tooltip=tips,
    )
    told = base.transform_filter("datum.told != null").mark_text(align="left", dx=4, color=_OUTCOMES["failed"])
    layers = bars + told.encode(x="ended:Q", text="told:N") if not is_lane else bars
    return layers.properties(title=title, width=_WIDTH, height=alt.Step(18))


def _drawn(timeline: pl.DataFrame, jobs: Sequence[JobLine], seconds: float) -> pl.DataFrame:
    """The timeline with each part's number and line, and with what became of its job, told at its end."""
    ends = timeline.with_columns(pl.col("ended").fill_null(seconds))
    spans = ends.group_by("job_id", maintain_order=True).agg(pl.col("began").min(), pl.col("ended").max())
    parts = spans.select("job_id", last=pl.col("ended")).with_columns(
        part=pl.int_range(1, pl.len() + 1), lane=pl.Series(_lanes(spans["began"], spans["ended"]), dtype=pl.Int64)
    )
    known = pl.DataFrame(
        [(one.id, one.state, one.failed, _told(one)) for one in jobs],
        schema={"job_id": pl.String, "state": pl.String, "failed": pl.Int64, "told": pl.String},
        orient="row",
    )
    return (
        ends.join(parts, on="job_id", how="left", maintain_order="left")
        .join(known, on="job_id", how="left", maintain_order="left")
        .with_columns(
            seconds=(pl.col("ended") - pl.col("began")).round(3),
            told=pl.when(pl.col("ended") == pl.col("last")).then("told"),
        )
        .drop("last")
    )


def _told(job: JobLine) -> str | None:
    words = [] if job.is_good else [job.state]
    words += [f"{job.failed:,} failed"] if job.failed else []
    return ", ".join(words) or None


def _lanes(began: pl.Series, ended: pl.Series) -> list[int]:
    """For each span, in the order in which they began, the first line that is free."""
    free_at: list[float] = []
    lanes = []
    for start, end in zip(began, ended, strict=True):
        lane = next((at for at, free in enumerate(free_at) if free <= start), len(free_at))
        free_at[lane : lane + 1] = [end]
        lanes.append(lane + 1)
    return lanes


def _scale(alt: Any, colors: Mapping[str, str]) -> Any:
    return alt.Scale(domain=list(colors), range=list(colors.values()))


# --- why, and where ---------------------------------------------------------------------------------------------------


def _named(frame: pl.DataFrame) -> pl.Series:
    code = pl.when(pl.col("code") == "").then(pl.lit("(no code)")).otherwise(pl.col("code"))
    fields = pl.when(pl.col("fields") == "").then(pl.lit("")).otherwise(pl.format(" [{}]", pl.col("fields")))
    return frame.select((code + fields).alias("reason"))["reason"]


def _colors(reasons: pl.DataFrame) -> dict[str, str]:
    names = _named(reasons.head(_SHOWN)).to_list()
    rest = {_OTHERS: _REST} if reasons.height > _SHOWN else {}
    return dict(zip(names, _REASONS, strict=False)) | rest


def _by_reason(alt: Any, reasons: pl.DataFrame) -> Any:
    first, rest = reasons.head(_SHOWN), reasons[_SHOWN:]
    rows = [
        {"reason": name, "rows": row["count"], "message": row["message"]}
        for name, row in zip(_named(first), first.iter_rows(named=True), strict=True)
    ]
    if rest.height:
        message = f"{rest.height:,} more reasons: see .errors"
        rows.append({"reason": _OTHERS, "rows": int(rest["count"].sum()), "message": message})
    bars = _bars(alt, rows, "reason", [row["reason"] for row in rows], _colors(reasons), "message")
    return bars.properties(title="Failed rows by reason", width=_WIDTH, height=alt.Step(18))


def _by_row(alt: Any, reasons: pl.DataFrame, located: pl.DataFrame, n_rows: int) -> Any:
    """Failed rows in bins of row numbers, the reasons of a bin on top of each other."""
    colors = _colors(reasons)
    rows = _stacked(located, list(colors), n_rows)
    highest = rows["to"].max()
    ticks = {"values": list(range(highest + 1))} if isinstance(highest, int) and highest <= _COUNTED else {}
    axis = alt.Axis(format=",d", tickCount=4, **ticks)
    ends = alt.Scale(domain=[0, n_rows], nice=False)
    return (
        alt.Chart(alt.Data(values=rows.to_dicts()))
        .mark_rect(strokeWidth=0.6)
        .encode(
            x=alt.X("row:Q", title="row of the frame", scale=ends, axis=alt.Axis(format=",d", tickMinStep=1)),
            x2="end:Q",
            y=alt.Y("from:Q", title="failed rows", axis=axis),
            y2="to:Q",
            color=alt.Color("reason:N", legend=None, scale=_scale(alt, colors)),
            stroke=alt.Stroke("reason:N", legend=None, scale=_scale(alt, colors)),
            tooltip=["reason:N", *(alt.Tooltip(f"{name}:Q", format=",d") for name in ("row", "end", "rows"))],
        )
        .properties(title="Where they are in the frame", width=_WIDTH, height=110)
    )


def _stacked(located: pl.DataFrame, names: Sequence[str], n_rows: int) -> pl.DataFrame:
    """`row`, `end` (of a bin), `reason`, `rows`, and `from` and `to` which these go on the stack of their bin."""
    size = max(1, -(-n_rows // _BINS))
    order = pl.DataFrame({"reason": names}).with_row_index("order")
    return (
        located.with_columns(_named(located), row=pl.col("row") // size * size)
        .with_columns(pl.when(pl.col("reason").is_in(names)).then("reason").otherwise(pl.lit(_OTHERS)))
        .group_by("row", "reason")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .join(order, on="reason", how="left")
        .sort("row", "order")
        .with_columns(to=pl.col("rows").cum_sum().over("row"), end=(pl.col("row") + size).clip(upper_bound=n_rows))
        .with_columns((pl.col("to") - pl.col("rows")).alias("from"))
        .drop("order")
    )


def _outcomes(alt: Any, counts: Mapping[str, int]) -> Any:
    rows = [{"outcome": word, "rows": counts[word]} for word in _OUTCOMES]
    bars = _bars(alt, rows, "outcome", list(_OUTCOMES), _OUTCOMES)
    return bars.properties(title="Rows by outcome", width=_WIDTH, height=alt.Step(18))


def _bars(
    alt: Any, rows: list[dict[str, Any]], what: str, order: list[str], colors: Mapping[str, str], *more: str
) -> Any:
    """Horizontal bars, each with its number at its end: a few failed rows among millions are seen all the same."""
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("rows:Q", axis=None),
        y=alt.Y(f"{what}:N", title=None, sort=order, axis=alt.Axis(labelLimit=260)),
        tooltip=[f"{what}:N", alt.Tooltip("rows:Q", format=",d"), *(f"{name}:N" for name in more)],
    )
    bars = base.mark_bar().encode(color=alt.Color(f"{what}:N", legend=None, scale=_scale(alt, colors)))
    return bars + base.mark_text(align="left", dx=3, color=_GREY).encode(text=alt.Text("rows:Q", format=",d"))
