"""What the tests of partitions and of stores share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sfframe
from sfframe.depot import Depot
from sfframe.ingest.request import ingest_request
from sfframe.partition import Spread

from .object_store import object_store


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a bucket in a store that is there for the module."""
    with object_store() as address:
        yield address


def spread_of(org: sfframe.Org, depot: Depot, **options: Any) -> Spread:
    """An insert of contacts, as each of its partitions needs it."""
    return Spread.over(depot, ingest_request("Contact", "insert", None, sfframe.Options.of(options)), org)
