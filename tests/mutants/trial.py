"""Trial: tests run on a copy of the project, with a defect in it or without; the checkout itself is left alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .mutant import Mutant

ROOT: Final = Path(__file__).parents[2]
_COPIED: Final = ("sfframe", "tests", "sfframe_command.py", "pytest_sfframe.py", "pyproject.toml")
_LEFT_OUT: Final = shutil.ignore_patterns("node_modules", "npm", ".*_cache", "benchmarks")
# A test that failed, by pytest, or a scene in which the law was broken, by the simulator.
_BY: Final = re.compile(r"^(?:(?:FAILED|ERROR) (\S+)|(seed \d+): )", re.MULTILINE)
_PATIENCE_S: Final = 60.0  # where the machine has more to do, a test may take half of that until it begins
ALL_S: Final = 900.0  # for all tests together, and for scenes
_NOTICED: Final = 1  # the code by which both end then; others mean that they could not be run


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a trial.

    Attributes:
        is_noticed: A test failed, or took too long.
        by: Which one, or what else there is to say.
        seconds: How long it took.
    """

    is_noticed: bool
    by: str
    seconds: float


@contextmanager
def copied(source: Path = ROOT) -> Iterator[Path]:
    """A copy of the project, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="sfframe-mutants-", ignore_cleanup_errors=True) as folder:
        for name in _COPIED:
            if (source / name).is_dir():
                shutil.copytree(source / name, Path(folder) / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(source / name, folder)
        yield Path(folder)


def try_out(mutant: Mutant, source: Path, *, n_scenes: int | None = None) -> Verdict:
    """Put a defect into a copy of its own, and let its tests run there, or in place of them so many scenes."""
    with copied(source) as folder:
        path = mutant.path_in(folder)
        path.write_text(mutant.applied_to(path.read_text()))
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()  # its stamp, of seconds, may be the same
        return run(mutant.tests, folder) if n_scenes is None else play(n_scenes, folder)


def run(tests: Iterable[str], folder: Path, patience_s: float = _PATIENCE_S) -> Verdict:
    """Run tests in a copy of the project, until the first failure, or until they have taken too long."""
    return _verdict(["pytest", "-x", "-q", "-p", "no:cacheprovider", *tests], folder, patience_s)


def play(n_scenes: int, folder: Path) -> Verdict:
    """Play scenes of the simulator in a copy of the project."""
    return _verdict(["tests.chaos", str(n_scenes), "--processes", "1", "--anew"], folder, ALL_S)


def _verdict(command: Sequence[str], folder: Path, patience_s: float) -> Verdict:
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        # In a session of its own, so that what the tests have started goes with them.
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder, env=_environment(folder), stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(patience_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        seconds = time.monotonic() - began
        out.seek(0)
        printed = out.read()
    if code is None:
        return Verdict(is_noticed=True, by=f"hang: nothing in {patience_s:.0f} s", seconds=seconds)
    if code not in (0, _NOTICED):
        raise RuntimeError(f"{command[0]} can't be run, it ends with {code}:\n{printed[-3000:]}")
    if code == 0:
        return Verdict(is_noticed=False, by="SURVIVED", seconds=seconds)
    told = _BY.search(printed)
    if told is None:
        raise RuntimeError(f"{command[0]} fails for another reason:\n{printed[-3000:]}")
    return Verdict(is_noticed=True, by=told[1] or told[2], seconds=seconds)


def _environment(folder: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SFFRAME_"))}
    return {**own, "PYTHONPATH": str(folder), "SFFRAME_SHRINK": "0"}


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of them have ended
    process.wait()
