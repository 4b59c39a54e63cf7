"""The benchmark's org as the runner holds it: its process, its port, and what it says after each client."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class RunningOrg:
    url: str

    def ask(self, what: str) -> Any:
        """`clear` forgets all jobs, `cpu` tells its CPU seconds, `check` reads all uploads, cell by cell."""
        with urllib.request.urlopen(f"{self.url}/bench/{what}") as answer:
            return json.load(answer)


@contextlib.contextmanager
def running(data: Path) -> Iterator[RunningOrg]:
    """The org for one file of contacts; its process ends with the block, or with this process."""
    command = [sys.executable, "-m", f"{__package__}.server", str(data)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        yield RunningOrg(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.stdin.close()
        process.wait()
