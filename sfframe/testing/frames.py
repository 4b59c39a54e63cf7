"""Frames: hypothesis strategies of frames that an object takes, or must refuse, by its describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sfframe.local import LocalOrg
from sfframe.localorg.objects.schema import read_describe
from sfframe.localorg.objects.standard import standard_objects
from sfframe.testing.fields import Operation, Wanted, wanted_fields

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def frames(
    sobject: str | Mapping[str, Any],
    operation: Operation = "insert",
    external_id_field: str | None = None,
    *,
    backend: Literal["pandas", "polars", "arrow"] = "pandas",
    org: LocalOrg | None = None,
    objects: Iterable[str | Path | Mapping[str, Any]] = (),
    values: Mapping[str, Sequence[Any] | SearchStrategy[Any]] | None = None,
    min_size: int = 0,
    max_size: int = 10,
    invalid: bool = False,
) -> SearchStrategy[Any]:
    """A hypothesis strategy of frames that the object takes, in every form that users have them in.

        from hypothesis import given, settings
        from sfframe.testing import frames

        @settings(max_examples=5, deadline=None)
        @given(df=frames("Contact"))
        def test_round_trip(sfframe_server, df):
            with sfframe_server.fresh() as org:
                assert len(df.sfbulk.insert("Contact", org=org).successful_results) == len(df)

    All required fields have a column, and some of the others; text has all of Unicode, keys and unique fields are so
    by their case rule, columns have any dtype that goes into the field and any form of a gap. The org gives all values
    back as they were: text has no blanks at its ends, datetimes have whole seconds, fields that the org fills by itself
    have no gaps. Lookups have no column unless `values` says which records there are.

    Args:
        sobject: The object: one of the standard objects of `LocalOrg`, one of `objects` or of `org`; or a describe
            answer.
        operation: What is to be done with the frame. Ids of records are well-formed and made up; for those that are in
            an org give `values={"Id": ids}`.
        external_id_field: The key of an upsert.
        backend: Whose frames: pandas', Polars', or Arrow's tables.
        org: The local org that the object is from, asked for each example.
        objects: Describe answers as for `LocalOrg`, or their paths.
        values: What goes into some fields, as a sequence to choose from or a strategy: text, numbers, moments, tuples
            of several picklist values, `None`. These fields have a column in every frame.
        min_size: How many rows at least.
        max_size: How many at most.
        invalid: Give `Refused` in place of frames: each has a frame that must not be sent and says why.

    Raises:
        ValueError: There is no such object, operation or key, or a required field takes nothing that can be made up.
            With `org` this is raised when the first example is drawn.
    """
    from sfframe.testing.strategies import strategy_of

    own = dict(values or {})
    if isinstance(sobject, str) and org is not None:
        name, local = sobject, org
        return strategy_of(
            lambda: wanted_fields(local.describe(name), operation, external_id_field, own),
            own, backend=backend, min_size=min_size, max_size=max_size, invalid=invalid,
        )  # fmt: skip
    answer = _answer(sobject, objects)
    wanted: Wanted = wanted_fields(answer, operation, external_id_field, own)
    return strategy_of(
        lambda: wanted, own, backend=backend, min_size=min_size, max_size=max_size, invalid=invalid
    )  # fmt: skip


def _answer(sobject: str | Mapping[str, Any], objects: Iterable[str | Path | Mapping[str, Any]]) -> Mapping[str, Any]:
    if not isinstance(sobject, str):
        return read_describe(sobject)
    known = {answer["name"].lower(): answer for answer in (*standard_objects(), *map(read_describe, objects))}
    if sobject.lower() not in known:
        names = ", ".join(answer["name"] for answer in known.values())
        raise ValueError(f"no object {sobject!r}; known are {names}: give org=, objects= or its describe answer")
    return known[sobject.lower()]
