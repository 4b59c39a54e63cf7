"""Quota: the share of the day's allowances that is kept for others. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from sfframe.errors import QuotaReserved

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
    """
    for name, need in needs.items():
        limit = limits.get(name) or limits.get(_FORMER_NAMES.get(name, name))
        if limit and limit["Remaining"] - need < reserve * limit["Max"]:
            raise QuotaReserved(
                f"{who} would need about {need:,} of {name}{f' ({note})' if note else ''}; {limit['Remaining']:,} of "
                f"{limit['Max']:,} are left today, and quota_reserve={reserve} keeps "
                f"{math.ceil(reserve * limit['Max']):,} for others. Nothing was sent."
            )
