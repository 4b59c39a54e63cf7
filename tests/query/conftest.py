from __future__ import annotations

from pytest_sfframe import sfframe_org, sfframe_server

# Here pytest needn't know of the plugin: where the package was installed before it had one, it doesn't.
__all__ = ["sfframe_org", "sfframe_server"]
