"""Many scenes, in several processes; what was played of them is kept, so that a run can be broken off."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos.law import Broken
from tests.chaos.play import play
from tests.chaos.scene import Scene

_AT_ONCE = 50  # seeds that one process plays before it tells of them
_KEPT_IN = Path(".chaos")
_SOURCES = ("sfframe/**/*.py", "tests/chaos/*.py", "tests/localorg/model.py")
_MOST_TRIES = 300


def tell(line: str) -> None:
    """Say something to who looks on."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def play_many(seeds: range, *, processes: int, anew: bool = False) -> int:
    """Play the scenes of these seeds; 1 if the law was broken, else 0."""
    kept = _Kept(seeds, anew=anew)
    begun = time.monotonic()
    to_do = [chunk for chunk in _chunks(seeds) if chunk.start not in kept.done]
    if len(to_do) * _AT_ONCE < len(seeds):
        tell(f"goes on: {sum(len(chunk) for chunk in to_do):,} of {len(seeds):,} seeds are left")
    with _hands(processes) as each:
        for n, (first, tally, broken) in enumerate(each(_play_chunk, to_do), 1):
            kept.add(first, tally, broken)
            for line in broken:
                tell(line)
            if n % 20 == 0:
                tell(f"{n * _AT_ONCE:,} seeds, {time.monotonic() - begun:,.0f} s")
    seen = ", ".join(f"{number:,} {what}" for what, number in sorted(kept.tally.items()))
    tell(f"{len(seeds):,} seeds in {time.monotonic() - begun:,.0f} s, {len(kept.broken)} broke the law; {seen}")
    for line in kept.broken:
        tell(line)
    return 1 if kept.broken else 0


@contextlib.contextmanager
def _hands(processes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """What does something with each; one process more would only have to start."""
    if processes == 1:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield pool.imap_unordered


class _Kept:
    """What was played, for as long as neither the code nor the seeds are others."""

    def __init__(self, seeds: range, *, anew: bool) -> None:
        self._path = None if anew else _KEPT_IN / f"{seeds.start}-{seeds.stop}-{_code()}.json"
        found: dict[str, Any] = json.loads(self._path.read_text()) if self._path and self._path.exists() else {}
        self.done: set[int] = set(found.get("done", ()))
        self.tally: Counter[str] = Counter(found.get("tally", {}))
        self.broken: list[str] = found.get("broken", [])

    def add(self, first: int, tally: Counter[str], broken: list[str]) -> None:
        self.done.add(first)
        self.tally += tally
        self.broken += broken
        if self._path is None:
            return
        self._path.parent.mkdir(exist_ok=True)
        text = json.dumps({"done": sorted(self.done), "tally": self.tally, "broken": self.broken})
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.replace(self._path)


def _code() -> str:
    paths = sorted(path for pattern in _SOURCES for path in Path().glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def _chunks(seeds: range) -> Iterator[range]:
    for first in range(seeds.start, seeds.stop, _AT_ONCE):
        yield range(first, min(first + _AT_ONCE, seeds.stop))


def _play_chunk(seeds: range) -> tuple[int, Counter[str], list[str]]:
    tally: Counter[str] = Counter()
    broken = []
    for seed in seeds:
        scene = Scene.of(seed)
        try:
            tally += play(scene).tally
        except Broken as error:
            broken.append(f"seed {seed}: {error}\n    {_again(*_shrunk(scene))}")
    return seeds.start, tally, broken


def _shrunk(scene: Scene) -> tuple[Scene, list[int]]:
    """The smallest scene that breaks the law still, by leaving out one thing after the other."""
    keep, tries = list(range(len(scene.twists))), 0
    has_changed = True
    while has_changed:
        has_changed = False
        for number in list(keep):
            without = [one for one in keep if one != number]
            tries += 1
            if tries < _MOST_TRIES and _breaks(scene.keeping(without)):
                keep, has_changed = without, True
    for n_rows in range(scene.n_rows):
        if _breaks(replace(scene.keeping(keep), n_rows=n_rows)):
            return replace(scene, n_rows=n_rows), keep
    return scene, keep


def _breaks(scene: Scene) -> bool:
    try:
        play(scene)
    except Broken:
        return True
    return False


def _again(scene: Scene, keep: list[int]) -> str:
    return f"python -m tests.chaos --only {scene.seed} --keep {','.join(map(str, keep))!r} --rows {scene.n_rows}"
