"""Bad days by seed: what they are made of, and that sfframe's own loads come through them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.testing import Fault, Manners, chaos
from sfframe.testing.bad_days import SomeRows
from tests.examples import scaled

PROFILES: Any = ("network", "org", "all")
# More than one chunk of 200, with rows that fail for reasons of their own; a payload takes about half of them.
N = 450
ROWS = pl.DataFrame(
    {
        "LastName": [f'n{i} "\n,é' if i % 3 else "x" for i in range(N)],
        "ExternalId__c": [f"key {i}" for i in range(N)],
        "Email": ["not an address" if i % 50 == 7 else None for i in range(N)],
    }
)
BAD = {f"key {i}" for i in range(N) if i % 50 == 7}


def load(
    org: sfframe.Org, operation: sfframe.Operation = "insert"
) -> tuple[dict[str, list[str]], sfframe.SfframeError | None]:
    """The keys in each frame of the result, and the error that came with it."""
    key = "ExternalId__c" if operation == "upsert" else None
    trouble: sfframe.SfframeError | None = None
    try:
        result = sfframe.ingest(
            ROWS, "Contact", operation, key, org=org, on_failure="return", max_payload_bytes=12_000,
            max_concurrent_jobs=2, progress=False,
        )  # fmt: skip
    except sfframe.SfframeError as error:
        trouble = error
        found = getattr(error, "result", None)
        if not isinstance(found, sfframe.IngestResult):  # no job was ever given to the org
            return {"successful": [], "failed": [], "unprocessed": ROWS["ExternalId__c"].to_list()}, trouble
        result = found
    frames = {
        "successful": result.successful_results, "failed": result.failed_results,
        "unprocessed": result.unprocessed_records,
    }  # fmt: skip
    return {name: frame["ExternalId__c"].to_list() for name, frame in frames.items()}, trouble


def in_org(local: sfframe.LocalOrg) -> Counter[str]:
    return Counter(map(str, local.rows("Contact")["ExternalId__c"].to_pylist()))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(scaled(8)))
def test_a_load_comes_through_a_bad_day(sfframe_server: sfframe.LocalOrg, seed: int, profile: Any) -> None:
    with sfframe_server.fresh() as org:
        sfframe_server.faults[:] = chaos(seed, profile)
        keys, trouble = load(org, "upsert" if seed % 4 == 3 else "insert")
        assert trouble is None, (trouble, sfframe_server.fault_log)
        assert set(keys["failed"]) == BAD
        assert keys["unprocessed"] == []
        assert len(keys["successful"]) + len(keys["failed"]) == N
        assert in_org(sfframe_server) == Counter(keys["successful"])


@pytest.mark.parametrize(
    "fault",
    [
        Fault("job", "fail", after_rows=90), Fault("job", "abort", after_rows=90), Fault("job", "vanish"),
        Fault("job", "vanish", "after"), Fault("job", "fail", after_rows=0),
        Fault("rows", "lock", match=SomeRows(0, 0.2), times=None),
        Fault("patch", "drop", "after", times=20), Fault("get_job", "status", times=40), Fault("put", "reset", times=9),
        Fault("results", "truncate", looks_whole=True, chunked=True, times=9),
        Fault("create", "status", status=400, times=None, nth=2),
    ],
    ids=lambda fault: f"{fault.where} {fault.effect} {fault.when}",
)  # fmt: skip
@pytest.mark.parametrize("seed", range(scaled(2)))
def test_what_cannot_be_mended_is_told_as_it_is(sfframe_server: sfframe.LocalOrg, fault: Fault, seed: int) -> None:
    """Each row is in one frame; what is said to be in the org is there, once, and what is said not to be isn't."""
    with sfframe_server.fresh() as org:
        sfframe_server.faults[:] = [fault, *chaos(seed, "all")]
        keys, trouble = load(org)
        assert sorted(key for frame in keys.values() for key in frame) == sorted(ROWS["ExternalId__c"])
        there = in_org(sfframe_server)
        assert max(there.values(), default=1) == 1
        assert set(keys["successful"]) <= there.keys()
        assert not set(keys["failed"]) & there.keys()
        if not isinstance(trouble, sfframe.OutcomeUnknown | sfframe.ResultMismatch):
            assert not set(keys["unprocessed"]) & there.keys()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_bad_day_comes_again_by_its_seed(profile: Any) -> None:
    days = [chaos(seed, profile) for seed in range(200)]
    assert days == [chaos(seed, profile) for seed in range(200)]
    assert len({tuple(map(repr, day)) for day in days}) > 190


@pytest.mark.parametrize("seed", range(200))
def test_a_bad_day_ends(seed: int) -> None:
    """The most that can strike one request is less than the tries that clients have."""
    faults = chaos(seed)
    fatal = [fault for fault in faults if fault.effect in ("drop", "reset", "status", "html", "truncate")]
    strikes = Counter[str]()
    for fault in fatal:
        assert fault.times is not None
        strikes[fault.where] += fault.times
    assert max(strikes.values(), default=0) <= 5
    assert sum(fault.effect == "expire" for fault in faults) <= 1
    assert all(fault.times is not None for fault in faults)
    assert not [fault for fault in faults if fault.effect in ("stall", "redirect", "fail", "abort", "vanish")]


def test_all_that_is_promised_of_a_network_occurs() -> None:
    faults = [fault for seed in range(100) for fault in chaos(seed, "network")]
    assert {fault.effect for fault in faults} == {"drop", "reset", "status", "html", "truncate", "expire"}
    assert {fault.when for fault in faults} == {"before", "uploading", "answering", "after"}
    assert {fault.status for fault in faults if fault.effect == "status"} == {420, 429, 500, 502, 503, 504}


def test_there_are_no_other_profiles() -> None:
    with pytest.raises(ValueError, match="no profile 'weather'; known are network, org, all"):
        chaos(1, "weather")  # type: ignore[arg-type]


def test_rows_are_picked_alike_each_time() -> None:
    picked = [SomeRows(1, 0.3)({"a": str(number), "b": ""}) for number in range(2000)]
    assert picked == [SomeRows(1, 0.3)({"x": str(number), "y": ""}) for number in range(2000)]
    assert 500 < sum(picked) < 700


def test_manners_are_at_hand_too() -> None:
    with sfframe.LocalOrg(manners=Manners(second_put="refuse"), faults=[Fault("put", "drop", "after")]) as local:
        keys, trouble = load(local.org)
        assert trouble is None
        assert in_org(local) == Counter(keys["successful"])
