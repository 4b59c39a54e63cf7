from __future__ import annotations

from collections.abc import Iterator

import pytest

from .world import World


@pytest.fixture(scope="package")
def one_world() -> Iterator[World]:
    world = World()
    yield world
    world.store.close()


@pytest.fixture
def world(one_world: World) -> World:
    for sobject in ("User", "Boss__c", "Item__c", "Other__c"):
        one_world.fill(sobject, [])
    return one_world
