"""Quota: the share of the day's allowances that is kept for others. No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sfframe.errors import ApiError, QuotaReserved

_FORMER_NAMES: Final = {"DailyBulkApiBatches": "DailyBulkApiRequests"}  # (wire notes, 7.2)


def keep_reserve(
    limits: Mapping[str, Any], needs: Mapping[str, int], *, reserve: float, who: str = "the call", note: str = ""
) -> None:
    """Refuse what would go below the share of the day's quota that is kept for others.

    Args:
        limits: As `Org.limits` gives them. What isn't among them isn't limited.
        needs: How much of which limit would be used.
        reserve: The share, from 0 up to 1.
        who: Who would use it.
        note: What the need comes from.

    Raises:
        QuotaReserved: At the first limit that would be left with less.
        ApiError: What the org says of a limit isn't two numbers.
    """
    for name, (left, most) in left_of(limits, needs).items():
        if left - needs[name] < reserve * most:
            raise QuotaReserved(
                f"{who} would need about {needs[name]:,} of {name}{f' ({note})' if note else ''}; {left:,} of {most:,} "
                f"are left today, and quota_reserve={reserve} keeps {math.ceil(reserve * most):,} for others. "
                "Nothing was sent."
            )


def left_of(limits: Mapping[str, Any], names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """What is left of limits, and how much they are in all; those that the org doesn't tell of are left out.

    Args:
        limits: As `Org.limits` gives them.
        names: The wanted ones, by their present names.

    Raises:
        ApiError: What the org says of a limit isn't two numbers.
    """
    found = {name: limits.get(name) or limits.get(_FORMER_NAMES.get(name, name)) for name in names}
    return {name: _numbers(name, limit) for name, limit in found.items() if limit}


def _numbers(name: str, limit: Any) -> tuple[int, int]:
    found = [limit.get(word) for word in ("Remaining", "Max")] if isinstance(limit, Mapping) else []
    match found:
        case [int(left), int(most)] if abs(left) < 2**63 and 0 <= most < 2**63:
            return left, most
    raise ApiError(f"the org's limit {name} has no numbers Remaining and Max")
