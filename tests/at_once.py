"""Clients of an org on this machine that wait for nothing."""

from __future__ import annotations

from typing import Any

import sfframe

AT_ONCE = sfframe.RetryPolicy(first_wait_s=0, max_wait_s=0, max_retry_after_s=0)
# A look costs the org about as much as some rows.
SOON = sfframe.PollPolicy(first_wait_s=0.005, max_wait_s=0.04)


def org_of(local: sfframe.LocalOrg, **settings: Any) -> sfframe.Org:
    """A client of a local org."""
    login = sfframe.ClientCredentials(local.client_id, local.client_secret)
    return sfframe.Org(local.url, login, **{"retry": AT_ONCE, "poll": SOON, **settings})
