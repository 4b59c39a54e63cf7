"""sfframe's fixtures for pytest: an org on this machine for each test.

pytest imports this when it starts, in every project of an environment that has sfframe. It lies beside the package
because importing anything in there imports the frame libraries; here nothing is imported before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sfframe import LocalOrg, Org


@pytest.fixture(scope="session")
def sfframe_server() -> Iterator[LocalOrg]:
    """One local Salesforce org for all tests; `with sfframe_server.fresh() as org:` gives it emptied.

    For an org with objects of your own, define a session fixture of the same name that yields another
    `sfframe.LocalOrg`; `sfframe_org` then is an Org on that one.
    """
    from sfframe import LocalOrg

    with LocalOrg() as local:
        yield local


@pytest.fixture
def sfframe_org(sfframe_server: LocalOrg) -> Iterator[Org]:
    """A `sfframe.Org` on `sfframe_server`, without records; during the test it is the default org."""
    with sfframe_server.fresh() as org:
        yield org
