"""The rows of a scene, and what they refer to in the org."""

from __future__ import annotations

import random
from typing import Any

import polars as pl

from tests.chaos.org import SOBJECT, SmallOrg
from tests.chaos.scene import Scene
from tests.localorg.model import blank

KEY = "ExternalId__c"


def rows_of(scene: Scene, org: SmallOrg) -> pl.DataFrame:
    """The rows of the call, after what they refer to was made. Some will be refused."""
    n = scene.n_rows
    dice = random.Random(f"rows {scene.seed}")
    names = [f"row {i}" for i in range(n)]
    last = [None if dice.random() < 0.15 else dice.choice(("Müller", 'O"Hara', "a,b", "two\nlines")) for _ in range(n)]
    for one in scene.all("too long"):
        if one < n:
            last[one] = "x" * 81
    frame = pl.DataFrame(
        {
            "Title": names,
            "LastName": last,
            KEY: [f"key {i}" for i in range(n)],
            "Score__c": [dice.choice((None, 0.5, 12.0, -3.25)) for _ in range(n)],
            "FirstName": [dice.choice(("one", "two", None)) for _ in range(n)],
        },
        schema={
            "Title": pl.String,
            "LastName": pl.String,
            KEY: pl.String,
            "Score__c": pl.Float64,
            "FirstName": pl.String,
        },
    )
    needed = {"Title", "LastName"}
    if scene.options.keys() & {"group_by", "nulls"}:
        needed.add("FirstName")
    if scene.verb == "upsert":
        needed.add(KEY)
    frame = frame.select(name for name in frame.columns if name in needed or dice.random() < 0.4)
    if scene.verb == "insert":
        return frame
    there = [i for i in range(n) if scene.verb != "upsert" or dice.random() < 0.5]
    ids = {i: org.add(blank(SOBJECT) | {"LastName": "old", KEY: f"key {i}", "Title": "old"}) for i in there}
    if scene.verb == "upsert":
        return frame
    gone = dice.randrange(n + 4)  # a record that isn't there any more
    if gone in ids:
        org.model.records[SOBJECT][ids[gone]]["IsDeleted"] = True
        if scene.verb == "hard_delete":
            del org.model.records[SOBJECT][ids[gone]]
    with_ids = frame.with_columns(pl.Series("Id", [ids[i] for i in range(n)], dtype=pl.String))
    return with_ids.drop(KEY, strict=False) if scene.verb == "update" else with_ids


def as_given(scene: Scene, frame: pl.DataFrame) -> Any:
    """The frame of the kind that the call gets."""
    match scene.all("frame"):
        case ["pandas"]:
            return frame.to_pandas()
        case ["arrow"]:
            return frame.to_arrow()
        case ["lazy"]:
            return frame.lazy()
    return frame
