"""Clients of npm: where they are installed, and how to run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NPM = Path(__file__).parent / "npm"
DEADLINE_S = 120


def needs(package: str) -> pytest.MarkDecorator:
    """Skip unless a package was installed here; `make test-clients` does that."""
    is_there = shutil.which("node") is not None and (NPM / "node_modules" / package / "package.json").exists()
    return pytest.mark.skipif(not is_there, reason=f"{package} isn't installed here: make test-clients")


def run_json(
    command: list[str], *, given: Any = None, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Any:
    """What a program writes as JSON, whatever its exit code."""
    done = subprocess.run(
        command,
        input=json.dumps(given),
        env=os.environ | (environment or {}),
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert done.stdout.startswith(("{", "[")), done.stderr or done.stdout
    return json.loads(done.stdout)
