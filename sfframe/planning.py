"""Planning: the way to a plan. The frame is checked and its CSV counted, the org is asked for what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from sfframe.bridge import in_thread
from sfframe.errors import ApiError, QuotaReserved, SoqlError
from sfframe.ingest.columns import Column
from sfframe.ingest.cost import API_REQUESTS, BATCHES, PartSize, Written, calls_for, looks_at, written
from sfframe.ingest.printed import text_of
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.spool import CHUNK
from sfframe.once import Once, the_same
from sfframe.org.org import Org
from sfframe.org.pace import Pace, pace_of
from sfframe.org.quota import left_of
from sfframe.plan import Existing, Plan
from sfframe.prepare import Prepared, prepare
from sfframe.query.lookup.keys import NotKeysError
from sfframe.query.lookup.rows import Lookup, LookupRequest

_NO_PACE: Final = Pace(rows_per_second=1.0, basis="nothing is to be sent")


async def planned(frame: Any, request: IngestRequest, org: Org, *, is_remembered: bool) -> Plan[Any]:
    """See what a call would do. The org is asked for describes, for the keys that it has, for its limits and jobs.

    Args:
        frame: The caller's frame.
        request: The call.
        org: Where the rows would go.
        is_remembered: A plan that is made anew of the same rows, for the same call, is the same load.
    """
    prepared = await prepare(frame, request, lambda: org)
    request = prepared.request
    size = await in_thread(_size, prepared)
    if not size.parts:
        nothing = Existing(found=0, missing=0)
        return Plan(prepared, org, size=size, existing=nothing, pace=_NO_PACE, once=Once())
    existing = await _existing(prepared, org)
    pace, limits = await asyncio.gather(pace_of(org.ingest, request.sobject, request.wire_operation), _limits(org))
    needs = {API_REQUESTS: _api_calls(size.parts, pace, request, org), BATCHES: sum(p.n_batches for p in size.parts)}
    told = {
        name: {"needed": needs[name], "left": left, "max": most}
        for name, (left, most) in left_of(limits or {}, needs).items()
    }
    return Plan(
        prepared,
        org,
        size=size,
        existing=existing,
        pace=pace,
        api_calls=needs[API_REQUESTS],
        limits=told,
        notes=[*_notes_on(existing, request), *_notes_on_limits(told if limits is not None else None)],
        once=the_same(org, request, size.digest) if is_remembered else Once(),
    )


def _size(prepared: Prepared) -> Written:
    """What would be sent; of a frame that can't be sent, nothing."""
    if prepared.refused or prepared.rows is None or prepared.layout is None:
        return Written(parts=(), digest="")
    return written(prepared.in_sending_order(), prepared.layout, prepared.cut())


async def _existing(prepared: Prepared, org: Org) -> Existing:
    request, layout = prepared.request, prepared.layout
    if request.key_field is None:
        return Existing(found=0, missing=0)
    if not request.options.describe:
        return Existing(why_unknown="which records are there isn't looked up with describe=False.")
    assert layout is not None
    assert layout.key is not None
    name = layout.key.name
    column = next(one for one in layout.columns if one.header.lower() == name.lower())
    try:
        lookup = await Lookup.open(org, LookupRequest(sobject=request.sobject, key_field=name, fields=("Id",)))
        counts = await lookup.held(await in_thread(_keys, prepared, column))
    except (SoqlError, ApiError, QuotaReserved, NotKeysError) as error:
        return Existing(why_unknown=f"which records are there can't be told: {error}")
    n_found = int((counts > 0).sum())
    return Existing(found=n_found, missing=len(counts) - n_found, ambiguous=int((counts > 1).sum()))


def _keys(prepared: Prepared, column: Column) -> pl.Series:
    """The keys of the rows that would be sent, as they stand in the CSV."""
    rows = prepared.rows
    assert rows is not None
    left_out = prepared.left_out()
    pieces = []
    for start in range(0, rows.n, CHUNK):
        native = rows.slice(start, start + CHUNK, [column.name]).select(column.value.expr.alias("key"))
        text = native.select(text_of(pl.col("key"), native.schema["key"])).to_series()
        here = left_out[(left_out >= start) & (left_out < start + CHUNK)] - start
        pieces.append(text.filter(~pl.arange(0, len(text), eager=True).is_in(here.tolist())) if len(here) else text)
    return pl.concat(pieces)


async def _limits(org: Org) -> Mapping[str, Any] | None:
    try:
        return await org.limits()
    except ApiError:  # not every user may see them
        return None


def _api_calls(parts: Sequence[PartSize], pace: Pace, request: IngestRequest, org: Org) -> int:
    options = request.options
    poll = org.poll if options.poll_interval is None else org.poll.starting_at(options.poll_interval)
    at_once = max(1, min(options.max_concurrent_jobs, len(parts)))

    def calls(part: PartSize) -> int:
        # Jobs that run side by side share the org's pace.
        return calls_for(looks_at(part, part.n_rows * at_once / pace.rows_per_second, poll))

    by_size = {part: calls(part) for part in set(parts)}
    return sum(by_size[part] for part in parts)


def _notes_on(existing: Existing, request: IngestRequest) -> Iterator[str]:
    if existing.missing and request.operation not in ("insert", "upsert"):
        yield f"records of {existing.missing:,} of the rows aren't in the org: these rows will fail."
    if existing.ambiguous:
        yield f"keys of {existing.ambiguous:,} of the rows have several records: these rows will fail."
    if existing.why_unknown:
        yield existing.why_unknown


def _notes_on_limits(limits: Mapping[str, Mapping[str, int]] | None) -> Iterator[str]:
    if limits is None:
        yield "how much is left of the org's limits isn't told to this user."
        return
    for name, limit in limits.items():
        if limit["needed"] > limit["left"]:
            yield f"{name}: {limit['needed']:,} would be needed; left today: {limit['left']:,}."
