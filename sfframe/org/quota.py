"""Quota: the share of the day's allowances that is kept for others. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    for name, need in needs.items():
        limit = limits.get(name) or limits.get(_FORMER_NAMES.get(name, name))
        if not limit:
            continue
        left, most = _numbers(name, limit)
        if left - need < reserve * most:
            raise QuotaReserved(
                f"{who} would need about {need:,} of {name}{f' ({note})' if note else ''}; {left:,} of {most:,} are "
                f"left today, and quota_reserve={reserve} keeps {math.ceil(reserve * most):,} for others. "
                "Nothing was sent."
            )


def _numbers(name: str, limit: Any) -> tuple[int, int]:
    found = [limit.get(word) for word in ("Remaining", "Max")] if isinstance(limit, Mapping) else []
    match found:
        case [int(left), int(most)] if abs(left) < 2**63 and 0 <= most < 2**63:
            return left, most
    raise ApiError(f"the org's limit {name} has no numbers Remaining and Max")
