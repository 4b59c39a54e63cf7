"""The benchmark's org as the runner holds it: its process, its port, and what it says after each client."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .serving import served_by


@dataclass(frozen=True, slots=True)
class RunningOrg:
    url: str

    def ask(self, what: str) -> Any:
        """`clear` forgets all jobs, `cpu` tells its CPU seconds, `check` reads all uploads, cell by cell."""
        with urllib.request.urlopen(f"{self.url}/bench/{what}") as answer:
            return json.load(answer)


@contextlib.contextmanager
def running(data: Path) -> Iterator[RunningOrg]:
    """The org for one file of contacts."""
    with served_by(f"{__package__}.server", data) as url:
        yield RunningOrg(url)
