from __future__ import annotations

import pytest

from pytest_sfframe import sfframe_org, sfframe_server

# Here pytest needn't know of the plugin: where the package was installed before it had one, it doesn't.
__all__ = ["sfframe_org", "sfframe_server"]


@pytest.fixture(autouse=True)
def _no_org_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that forgets its org must not find the developer's."""
    monkeypatch.delenv("SFFRAME_URL", raising=False)
