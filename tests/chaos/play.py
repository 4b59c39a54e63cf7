"""Lives: a call until its end or its death, and the next ones that take it up, until all is settled."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import random
import shutil
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sfframe
from sfframe.errors import JournalError, OutcomeUnknown, PayloadError
from sfframe.options import operation_of
from tests.chaos.faults import LOGIN
from tests.chaos.law import Broken, check_inserts, check_org, check_silence, check_told, must, told_of
from tests.chaos.loop import SimulatedLoop, StuckError
from tests.chaos.org import SOBJECT, SmallOrg
from tests.chaos.rows import KEY, as_given, rows_of
from tests.chaos.scene import Death, Scene, Twist
from tests.chaos.server import CLIENT_ID, SECRET, Door

_LONGEST_CALL_S = 30 * 86_400.0
_UNTIL_QUIET_S = 30_000.0
_MOST_HEALINGS = 12
_REPR_OF = 10  # results are shown in one of so many scenes
_IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Played:
    """What happened in a scene.

    Attributes:
        tally: How often what was seen.
        story: What happened, a line each.
    """

    tally: Counter[str]
    story: list[str]


def play(scene: Scene) -> Played:
    """Let a scene happen.

    Raises:
        Broken: Something that must hold doesn't.
    """
    _warm_up()
    return _played(scene)


@functools.cache
def _warm_up() -> None:
    """Have all that is made once and for all; what then is there isn't looked through any more for garbage."""
    logging.disable(logging.CRITICAL)
    for twists in ((Twist("journal", None),), (Twist("journal", None), Twist("frame", "lazy"))):
        with contextlib.suppress(Broken):  # the first one finds files that are never closed again
            _played(Scene(seed=0, verb="upsert", n_rows=3, twists=twists))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)  # a scene makes few circles, and those of the dead are collected where it matters


def _played(scene: Scene) -> Played:
    before = _held()
    random.seed(scene.seed)
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=_quick_place()))
    loop = SimulatedLoop(scene.seed)
    story = _Story(scene, loop, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
            loop.run_until_complete(story.tell())
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        must(not left, f"tasks are left: {left}")
    except StuckError as error:
        raise Broken(f"the call is stuck: {error}") from error
    except Broken as broken:
        broken.story = story.told
        raise
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        shutil.rmtree(folder)
    if _held() != before:
        gc.collect()  # what a process held that died in the midst of its call is garbage
        must(_held() == before, f"files, sockets or threads are left: {_held()} after {before}")
    return Played(story.tally, story.told)


class _Story:
    """One scene on its way."""

    def __init__(self, scene: Scene, loop: SimulatedLoop, folder: Path) -> None:
        self._scene, self._loop, self._folder = scene, loop, folder
        self._org = SmallOrg(loop.time, loop.call_later, scene.habits(), scene.seed)
        self._door = Door(self._org, loop, scene.seed)
        self._door.faults = scene.all("fault")
        self._door.outages = scene.all("outage")
        self._name = "Id" if scene.verb in ("delete", "hard_delete") else "Title"
        self._frame = rows_of(scene, self._org)
        self._n_lives = 0
        self._journal = folder / "journal" if scene.has_journal else None
        self._texts: list[str] = []
        self._sent_again: set[str] = set()
        self._is_settled = False
        self.tally: Counter[str] = Counter()

    @property
    def told(self) -> list[str]:
        """What has happened, a line each."""
        return self._door.told

    async def tell(self) -> None:
        """All lives, one after the other."""
        async with self._door.open(self._folder):
            deaths = self._scene.all("death")
            by_call = True
            for death in [*deaths, None]:
                died = await self._live(by_call=by_call, death=death)
                check_inserts(self._org)  # who has upserted again and died has told nobody yet
                if not died:
                    break
                if self._journal is None:
                    break  # nobody can know
                by_call = death.by_call and "finished" not in self._states()  # which would be another call
                await asyncio.sleep(death.gap_s)
            await self._heal(by_call=by_call)
            check_org(self._scene.verb, self._org, sent_again=self._sent_again)
            must(not self._door.leaks, f"secrets went astray: {self._door.leaks}")
            check_silence([*self._texts, *self._journal_texts()])
        self.tally["requests"] += self._door.n_requests
        self.tally["steps"] += self._loop.steps

    async def _heal(self, *, by_call: bool) -> None:
        """Once all is well again, a run that was begun comes to its end."""
        self._door.faults, self._door.outages = [], []
        if self._journal is None:
            return
        for _ in range(_MOST_HEALINGS):
            if self._is_settled or "open" not in self._states():
                return
            await asyncio.sleep(3600)
            self.tally["healings"] += 1
            await self._live(by_call=by_call, death=None)
            by_call = False
        must(self._is_settled or "open" not in self._states(), "the run never comes to its end")

    async def _live(self, *, by_call: bool, death: Death | None) -> bool:
        """One process's life; whether it died."""
        self._n_lives += 1
        self.tally["lives"] += 1
        self._door.new_client()
        resumes = not by_call and not {"open", "finished"}.isdisjoint(self._states())
        self._door.tell("--- a process begins: " + ("resume" if resumes else "the call"))
        org = sfframe.Org(LOGIN, sfframe.ClientCredentials(CLIENT_ID, SECRET))
        task = self._loop.create_task(self._call(org, resumes=resumes))
        dead: list[Death] = []
        if death is not None:
            step = self._loop.steps + death.step

            def die() -> None:
                if not task.done():
                    dead.append(death)
                    self._door.tell("--- it dies")
                    self._die(death)
                    task.cancel()

            self._loop.at_step[step] = die
        await asyncio.wait({task}, timeout=_LONGEST_CALL_S)
        self._loop.at_step.clear()
        must(task.done(), "the call doesn't end")
        await org.aclose()
        if dead:
            self.tally["deaths"] += 1
            if not task.cancelled():
                task.exception()
            return True
        await self._end(task, resumes=resumes)
        return False

    def _die(self, death: Death) -> None:
        """What another process will find is what was on the disk at this moment."""
        self._door.kill_client()
        if self._journal is None or not self._journal.exists():
            return
        after = self._folder / f"journal {self._n_lives}"
        shutil.copytree(self._journal, after)
        self._journal = after
        if death.torn:
            for log in after.glob("*/*-wal"):
                with log.open("ab") as file:
                    file.write(random.Random(death.torn).randbytes(death.torn))

    def _call(self, org: sfframe.Org, *, resumes: bool) -> Coroutine[Any, Any, Any]:
        if resumes:
            assert self._journal is not None
            return sfframe.resume_async(self._journal, org=org)
        scene = self._scene
        options: dict[str, Any] = {"on_failure": "return", **scene.options, "progress": False}
        if scene.all("too long"):
            options["invalid"] = "report"
        if self._journal is not None:
            options["journal"] = self._journal
        if scene.verb == "upsert":
            options["external_id_field"] = KEY
        return sfframe.ingest_async(as_given(scene, self._frame), SOBJECT, operation_of(scene.verb), org=org, **options)

    async def _end(self, task: asyncio.Task[Any], *, resumes: bool) -> None:
        """Hold what the call tells to what the org has, once that has come to rest."""
        error = task.exception()
        result = task.result() if error is None else getattr(error, "result", None)
        if error is not None and not isinstance(error, sfframe.SfframeError):
            raise Broken(f"{type(error).__name__} came out: {error}") from error
        self.tally[type(error).__name__ if error is not None else "results"] += 1
        self._texts += [str(error), repr(error)]
        if self._scene.seed % _REPR_OF == 0:
            self._texts.append(repr(result))
        how = f"{type(error).__name__}: {error}" if error is not None else str(task.result().counts)
        self._door.tell(f"--- it ends: {how}")
        await self._door.quiet()
        if result is None:
            self._end_without_result(error, resumes=resumes)
            return
        told = told_of(result, error, self._frame, self._name, self._org)
        self.tally["unknown rows"] += len(told.unknown)
        for note in result.notes:
            if "were upserted again" in note:
                self._sent_again.update(self._org.ever[note.partition("know job ")[2].partition(" ")[0]].names)
        await asyncio.sleep(_UNTIL_QUIET_S)
        check_told(told, self._frame, self._scene.verb, self._org, sent_again=self._sent_again)
        gone = [job_id for job_id in result.running_job_ids if job_id not in self._org.jobs]
        self._is_settled = isinstance(error, OutcomeUnknown) and bool(gone)

    def _end_without_result(self, error: BaseException | None, *, resumes: bool) -> None:
        must(not isinstance(error, PayloadError), f"the rows can't be sent: {error}")
        if isinstance(error, JournalError):
            raise Broken(f"the journal: {error}") from error
        if self._n_lives == 1 and not resumes:
            must(not self._org.saved, f"{type(error).__name__} says that nothing was done ({error}), and it was")

    def _states(self) -> list[str]:
        if self._journal is None or not self._journal.exists():
            return []
        return list(sfframe.journals(self._journal)["state"])

    def _journal_texts(self) -> list[str]:
        return [path.read_bytes().decode("latin-1") for path in self._folder.rglob("journal*/*/*") if path.is_file()]


def _held() -> tuple[int, int]:
    """Files and sockets, and threads, that this process has."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208  (quicker)


def _quick_place() -> str | None:
    return str(_IN_MEMORY) if _IN_MEMORY.is_dir() else None
