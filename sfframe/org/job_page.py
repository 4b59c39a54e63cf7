"""Job page: where in a browser the org shows one of its jobs. No I/O."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from sfframe.org.address import is_shared_login, normalized

# Orgs that have Setup: the world's, the government cloud's, China's.
_HAS_SETUP: Final = re.compile(r"[a-z0-9.-]+\.(salesforce\.com|salesforce\.mil|my\.(sfcrmproducts|sfcrmapps)\.cn)")
_JOB_ID: Final = re.compile(r"750[a-zA-Z0-9]{12}(?:[a-zA-Z0-9]{3})?")


def job_page(org_url: str, job_id: str) -> str | None:
    """The page of a job in the org's Setup (Bulk Data Load Jobs), for ingest and query jobs alike.

    The address is the one that Salesforce's own command line names. It stands under the org's My Domain host, which
    lets people log in and leads them on to Lightning.

        >>> job_page("https://acme.my.salesforce.com", "7505g00000abcdeAAA")
        'https://acme.my.salesforce.com/lightning/setup/AsyncApiJobStatus/page?address=%2F7505g00000abcdeAAA'

    Args:
        org_url: The org's address, or its host alone.
        job_id: The job, by 15 or 18 letters and digits.

    Returns:
        The address, or `None` where there is no such page: of a local org, of a host that isn't Salesforce's or is
        every org's (`login.salesforce.com`), of an id that is no job's. It holds nothing that HTML reads as
        markup.
    """
    try:
        org = normalized(org_url)
    except ValueError:
        return None
    parts = urlsplit(org)
    is_known = parts.scheme == "https" and parts.port is None and _HAS_SETUP.fullmatch(parts.hostname or "") is not None
    if not is_known or is_shared_login(org) or not _JOB_ID.fullmatch(job_id):
        return None
    return f"{org}/lightning/setup/AsyncApiJobStatus/page?address=%2F{job_id}"
