"""What the tests of reading share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest

from pytest_sfframe import sfframe_org, sfframe_server
from sfframe import LocalOrg, bulk

# Here pytest needn't know of the plugin: where the package was installed before it had one, it doesn't.
__all__ = ["MANY", "crowd", "sfframe_org", "sfframe_server"]

MANY = 10_500  # more than what is read over REST alone


@contextmanager
def contacts_named(names: Sequence[str], **settings: Any) -> Iterator[LocalOrg]:
    """A local org with a contact of each of these last names."""
    with LocalOrg(**settings) as local:
        bulk(pl.DataFrame({"LastName": names})).insert("Contact", org=local.org)
        yield local


@pytest.fixture
def only_read(filled: LocalOrg) -> Iterator[LocalOrg]:
    """The org that a module fills once, in its first temper again after each test."""
    manners = filled.server.org.manners
    yield filled
    filled.release_jobs()
    filled.faults.clear()
    filled.server.org.manners = manners


@pytest.fixture(scope="session")
def crowd() -> Iterator[LocalOrg]:
    """Many contacts, of some accounts; to be read, not changed."""
    with LocalOrg() as local:
        accounts = bulk(pl.DataFrame({"Name": [f"Account {n}" for n in range(5)]})).insert("Account", org=local.org)
        ids = accounts.successful_results["sf__Id"].to_list()
        rows = range(MANY)
        contacts = {
            "LastName": [f"L{n}" for n in rows],
            "AccountId": [ids[n % 5] if n % 7 else None for n in rows],
            "Score__c": [None if n % 11 == 0 else float(n % 100) for n in rows],
            "Description": ["x" if n % 3 else None for n in rows],
        }
        bulk(pl.DataFrame(contacts)).insert("Contact", org=local.org)
        yield local
