"""Defects of loads over many machines: second tries that send again, bounds and borders that nobody looks at."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_DASK: Final = "tests/engines/test_dask.py"
_PARTITION: Final = "tests/engines/test_partition.py"
_STORE: Final = "tests/engines/test_store.py"

MUTANTS: Final = (
    Mutant(
        name="second-try-sends-again",
        harm="An engine's second try of a partition doesn't find what the first one has sent, and sends it again.",
        file="runs.py",
        old="    states = (RunState.OPEN, RunState.FINISHED) if is_once else (RunState.OPEN,)",
        new="    states = (RunState.OPEN,)",
        tests=(f"{_PARTITION}::test_a_second_try_of_a_partition_sends_nothing_again",),
    ),
    Mutant(
        name="slots-not-taken",
        harm="Each worker has as many jobs in flight as the whole cluster may.",
        file="ingest/runner.py",
        old="    return await run.slots.take() if run.slots is not None else None",
        new="    return None",
        tests=(f"{_DASK}::test_the_bound_of_jobs_holds_for_the_whole_cluster",),
    ),
    Mutant(
        name="keys-over-borders-unseen",
        harm="Rows of one key in two partitions are sent in jobs that run at the same time.",
        file="shared_keys.py",
        old="    if not len(twice):",
        new="    if not any(len(np.unique(hashes)) < len(hashes) for *_, hashes, _ in found):",
        tests=(f"{_DASK}::test_keys_that_stand_in_several_partitions_are_found_before_anything_is_sent[threads]",),
    ),
    Mutant(
        name="locks-of-one-machine-trusted",
        harm="Two machines each believe that they have a partition's lock, and both send it.",
        file="ingest/storage.py",
        old="    if mount.kind not in _SHARED:",
        new="    if mount.kind == 'none':",
        tests=("tests/journal/test_storage.py::test_locks_are_trusted_where_one_keeps_them_for_all",),
    ),
    Mutant(
        name="steps-made-twice",
        harm="Two processes each believe that they have a run in a store, and both send what is left of it.",
        file="ingest/store.py",
        old='pipe_file(f"{place}/{name}", data, mode="create")',
        new='pipe_file(f"{place}/{name}", data)',
        tests=(
            f"{_STORE}::test_of_many_who_make_an_object_at_once_one_does",
            f"{_STORE}::test_one_who_was_silent_takes_no_step_more",
        ),
    ),
    Mutant(
        name="a-run-taken-without-a-step",
        harm="One who was silent and lives on goes on with a run that another one has taken.",
        file="ingest/mirror.py",
        old="            mirror.step(last.database)",
        new="            mirror.is_lost = False",
        tests=(f"{_STORE}::test_one_who_was_silent_takes_no_step_more",),
    ),
    Mutant(
        name="what-another-has-taken-told-as-lost",
        harm="A try says that its rows weren't processed, which another one has sent meanwhile.",
        file="partition.py",
        old="    if journal is not None and journal.is_lost:",
        new="    if journal is None:",
        tests=(f"{_STORE}::test_a_try_that_another_one_has_taken_the_run_from_tells_what_that_one_did",),
    ),
    Mutant(
        name="a-call-of-another-ended",
        harm="A call that was taken for dead ends the one that goes on; where that dies, the next one sends all again.",
        file="frames/dask.py",
        old="            if self.is_new and not self._lock.is_lost:",
        new="            if self.is_new:",
        tests=(f"{_STORE}::test_a_call_that_another_one_took_over_isnt_ended_by_the_one_that_was_silent",),
    ),
    Mutant(
        name="stops-unheard",
        harm="A call that is stopped waits for jobs for ever, where its store failed for a moment.",
        file="partition.py",
        old="            with suppress(JournalError):  # another machine says so",
        new="            with suppress():  #",
        tests=(f"{_STORE}::test_a_call_is_stopped_though_the_store_failed_for_a_while",),
    ),
)
