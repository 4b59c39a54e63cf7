"""Defects that show where several things go wrong one after the other: the simulator is to notice them."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_SCENES: Final = range(300)

MUTANTS: Final = (
    Mutant(
        name="begun-jobs-aborted-with-the-call",
        harm="A call that is ended while a closing is on its way stops the job that the org has begun.",
        file="ingest/run.py",
        old="        if job.state == JobState.OPEN:\n",
        new="        if not job.is_final:\n",
        scenes=_SCENES,
    ),
    Mutant(
        name="given-up-while-closing-sent-again",
        harm="A job that was given up at its closing, and ran all the same, is sent again by whoever finishes the run.",
        file="ingest/taken_up.py",
        old="not (last.stage is Stage.GIVEN_UP_CLOSING and never_ran(seen))",
        new="last.stage is not Stage.GIVEN_UP_CLOSING",
        scenes=_SCENES,
    ),
    Mutant(
        name="giving-up-not-written",
        harm="A job that was given up counts as made, and is asked about though its rows went again.",
        file="ingest/job.py",
        old="                await run.record_taken(Journal.reached, job.id, stage)\n",
        new="",
        scenes=_SCENES,
    ),
    Mutant(
        name="lost-job-not-written",
        harm="A job that the org has forgotten is asked for again, though its rows went in another one.",
        file="ingest/job.py",
        old="            await run.record_taken(Journal.reached, job_id, Stage.LOST)\n",
        new="",
        scenes=_SCENES,
    ),
    Mutant(
        name="refused-job-not-written",
        harm="A job that was refused for its line ends isn't told of by whoever finishes the run.",
        file="ingest/job.py",
        old="        await self._run.record(Journal.reached, job.id, Stage.REFUSED, job)\n",
        new="",
        scenes=_SCENES,
    ),
    Mutant(
        name="closed-after-all-not-written",
        harm="A job that was found to be closed is asked about anew by the next one, and is unknown once it is gone.",
        file="ingest/taken_up.py",
        old="    await run.record_taken(Journal.reached, job.id, Stage.CLOSED, job)\n",
        new="",
        scenes=_SCENES,
    ),
    Mutant(
        name="results-taken-after-the-end",
        harm="Results that a thread brings after the call has ended give rows a second fate.",
        file="ingest/ledger.py",
        old="            if self._is_closed:\n                return\n",
        new="",
        scenes=_SCENES,
    ),
    Mutant(
        name="keys-of-an-upsert-unread",
        harm="Rows of an upsert whose job is gone stay unknown, though they could go again.",
        file="ingest/taken_up.py",
        old='return is_gone and run.request.operation == "upsert"',
        new='return not is_gone and run.request.operation == "upsert"',
        scenes=_SCENES,
    ),
    Mutant(
        name="closing-of-a-lost-job-remembered",
        harm="A job that was thrown away is named as one that may still run.",
        file="ingest/job.py",
        old="                run.closing.discard(job.id)\n                # A refusal",
        new="                # A refusal",
        scenes=_SCENES,
    ),
)
