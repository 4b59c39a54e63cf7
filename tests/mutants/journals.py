"""Defects of the journal and of what goes on by it: written too late, not on the disk, believed too much."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_DEATHS: Final = "tests/journal/test_deaths.py"
_RUNS: Final = "tests/journal/test_runs.py"
_ADVERSARY: Final = "tests/journal/test_adversary.py"
_ON_DISK: Final = "tests/journal/test_on_disk.py"

_LATE: Final = f"{_ON_DISK}::test_each_step_is_in_the_journal_when_the_org_hears_of_it"
_SYNCED: Final = f"{_ON_DISK}::test_files_and_the_folders_they_are_in_are_on_the_disk"

MUTANTS: Final = (
    Mutant(
        name="job-written-after-its-upload",
        harm="A call that dies in an upload leaves a job that nobody knows of and nobody aborts.",
        file="ingest/job.py",
        old=(
            "                await run.record(Journal.job_made, job, self._number or 0, line_ending)\n"
            "                await self._upload(job)\n"
        ),
        new=(
            "                await self._upload(job)\n"
            "                await run.record(Journal.job_made, job, self._number or 0, line_ending)\n"
        ),
        tests=(_LATE,),
    ),
    Mutant(
        name="closing-not-written",
        harm="Who finishes a call that died at a closing takes its job for never closed, and sends its rows again.",
        file="ingest/job.py",
        old="        await run.record(Journal.reached, job.id, Stage.CLOSING)\n",
        new="",
        tests=(_LATE,),
    ),
    Mutant(
        name="frame-not-awaited",
        harm="A job runs while its rows aren't on the disk, and after a crash nobody knows which ones they were.",
        file="ingest/job.py",
        old="        await run.kept()\n",
        new="",
        tests=(f"{_ON_DISK}::test_no_job_is_closed_before_its_rows_are_kept",),
    ),
    Mutant(
        name="run-open-before-its-frame-is-kept",
        harm="A run that died while its frame was written claims that it can be finished, and can't.",
        file="ingest/journal.py",
        old="        with told(self.folder):\n            write(self.folder)\n            self._put()\n",
        new=(
            "        with self._step() as db:\n"
            "            db.execute(\"UPDATE run SET value = '\\\"open\\\"' WHERE name = 'state'\")\n"
            "        with told(self.folder):\n            write(self.folder)\n            self._put()\n"
        ),
        tests=(f"{_ON_DISK}::test_a_run_is_open_when_its_rows_are_kept_and_not_before",),
    ),
    Mutant(
        name="collected-before-the-fates-are-there",
        harm="A call that dies as it writes results down says that it has them.",
        file="ingest/journal.py",
        old="        with told(self.folder):\n            write(fates.with_columns(",
        new=(
            "        self.reached(job.id, Stage.COLLECTED)\n"
            "        with told(self.folder):\n            write(fates.with_columns("
        ),
        tests=(f"{_ON_DISK}::test_a_run_is_open_when_its_rows_are_kept_and_not_before",),
    ),
    Mutant(
        name="finished-though-it-is-not",
        harm="A run whose time was up counts as finished, and what is left of it is never collected.",
        file="call.py",
        old="if journal is not None and done.is_settled:",
        new="if journal is not None:",
        tests=(f"{_RUNS}::test_a_call_whose_time_is_up_is_finished_by_its_error",),
    ),
    Mutant(
        name="commits-not-on-the-disk",
        harm="A power loss takes steps away that had been taken, and rows are sent twice.",
        file="ingest/run_file.py",
        old='"PRAGMA synchronous = FULL"',
        new='"PRAGMA synchronous = NORMAL"',
        tests=(f"{_ON_DISK}::test_commits_wait_for_the_disk",),
    ),
    Mutant(
        name="fsync-off",
        harm="A power loss leaves files of a run empty whose names are there.",
        file="disk.py",
        old="        os.fsync(descriptor)\n",
        new="        os.fstat(descriptor)\n",
        tests=(_SYNCED,),
    ),
    Mutant(
        name="file-named-before-it-is-on-the-disk",
        harm="After a power loss a file of results has its name and no contents.",
        file="ingest/run_file.py",
        old="    settle(beside)\n    beside.rename(path)\n",
        new="    beside.rename(path)\n    settle(path)\n",
        tests=(_SYNCED,),
    ),
    Mutant(
        name="name-not-on-the-disk",
        harm="After a power loss a file of results has its contents and no name.",
        file="ingest/run_file.py",
        old="    settle(path.parent)\n",
        new="",
        tests=(_SYNCED,),
    ),
    Mutant(
        name="run-not-on-the-disk",
        harm="After a power loss the folder of a run may be gone, and its jobs run on unknown.",
        file="runs.py",
        old="            settle(journal)\n",
        new="",
        tests=(_SYNCED,),
    ),
    Mutant(
        name="frame-not-on-the-disk",
        harm="After a power loss the rows of a run are gone, though a job of them runs.",
        file="frames/shelf.py",
        old="        settle(folder / name)\n",
        new="        (folder / name).stat()\n",
        tests=(_SYNCED,),
    ),
    Mutant(
        name="two-may-work-on-one-run",
        harm="A script that is started twice sends every row twice.",
        file="ingest/locked.py",
        old="fcntl.LOCK_EX | fcntl.LOCK_NB",
        new="fcntl.LOCK_SH | fcntl.LOCK_NB",
        tests=(f"{_RUNS}::test_another_process_is_refused_too", f"{_RUNS}::test_one_at_a_time"),
    ),
    Mutant(
        name="lock-waited-for",
        harm="A script that is started twice hangs until the first one is done, and then sends everything again.",
        file="ingest/locked.py",
        old="fcntl.LOCK_EX | fcntl.LOCK_NB",
        new="fcntl.LOCK_EX",
        tests=(f"{_RUNS}::test_another_process_is_refused_too",),
    ),
    Mutant(
        name="other-options-go-on",
        harm="A call with other options goes on with a run, and half of the rows are sent by the old ones.",
        file="runs.py",
        old="    if others:\n",
        new="    if not names:\n",
        tests=(f"{_RUNS}::test_other_options_are_refused_with_the_difference",),
    ),
    Mutant(
        name="other-retries-go-on",
        harm="A call that retries nothing goes on with a run, and rows that a second try has saved are told as locked.",
        file="runs.py",
        old='    "retry_rows",\n',
        new="",
        tests=(f"{_ADVERSARY}::test_rows_that_went_again_are_known_whatever_the_next_call_says_of_retries",),
    ),
    Mutant(
        name="other-rows-go-on",
        harm="Tonight's call goes on with last night's run, and tonight's rows are told the fates of others.",
        file="ingest/same.py",
        old="return _columns_differ(a.schema, b.schema) or _cells_differ(a, b) or _lengths_differ(a.n, b.n)",
        new="return _columns_differ(a.schema, b.schema) or _lengths_differ(a.n, b.n)",
        tests=(f"{_RUNS}::test_another_frame_is_refused_with_the_difference",),
    ),
    Mutant(
        name="fewer-rows-go-on",
        harm="A call with the first rows of a run goes on with it, and is told of rows that it hasn't.",
        file="ingest/same.py",
        old=" or _lengths_differ(a.n, b.n)",
        new="",
        tests=(f"{_RUNS}::test_another_frame_is_refused_with_the_difference",),
    ),
    Mutant(
        name="another-orgs-run-finished-here",
        harm="What was begun in the sandbox is finished in production.",
        file="resuming.py",
        old="    if not is_of(journal.intent, org):\n",
        new="    if journal.intent.n_rows < 0:\n",
        tests=(f"{_RUNS}::test_runs_of_other_objects_operations_and_orgs_are_no_obstacle",),
    ),
    Mutant(
        name="runs-with-jobs-dropped",
        harm="A call with other rows drops an unfinished run whose jobs have written rows.",
        file="runs.py",
        old="if _has_sent_nothing(journal) and not",
        new="if not",
        tests=(f"{_RUNS}::test_another_frame_is_refused_with_the_difference",),
    ),
    Mutant(
        name="runs-about-to-close-dropped",
        harm="A call with other rows drops a run that died at a closing, though its rows may be in the org.",
        file="runs.py",
        old="(Stage.MADE, Stage.GIVEN_UP)",
        new="(Stage.MADE, Stage.GIVEN_UP, Stage.CLOSING)",
        tests=(f"{_RUNS}::test_a_run_that_may_have_sent_something_is_an_obstacle",),
    ),
    Mutant(
        name="closing-taken-for-never-closed",
        harm="A job that was about to be closed, and of which the org knows nothing any more, is sent again.",
        file="ingest/taken_up.py",
        old="if last.stage in (Stage.CLOSING, Stage.GIVEN_UP_CLOSING):",
        new="if last.stage is Stage.GIVEN_UP_CLOSING:",
        tests=(f"{_DEATHS}::test_rows_of_a_job_that_is_gone_are_unknown_but_for_an_external_id",),
    ),
    Mutant(
        name="open-job-waited-for",
        harm="A job that was never closed is waited for, without an end.",
        file="ingest/taken_up.py",
        old="if seen.state != JobState.OPEN and not (",
        new="if not (",
        tests=(f"{_ADVERSARY}::test_a_job_of_another_api_version_is_given_up_by_its_own",),
    ),
    Mutant(
        name="open-job-left-open",
        harm="A job that was never closed is left open as its rows go again, and a late closing doubles them.",
        file="ingest/taken_up.py",
        old="if seen.state == JobState.OPEN and not never_ran(await run.abort_closing(",
        new="if seen.state == JobState.FAILED and not never_ran(await run.abort_closing(",
        tests=(f"{_ADVERSARY}::test_a_job_that_ran_before_its_abort_is_not_sent_again",),
    ),
    Mutant(
        name="lying-disk-believed",
        harm="Where a disk lost the word that a job was closed, its rows are sent again.",
        file="ingest/taken_up.py",
        old="return None if seen.state == JobState.OPEN or never_ran(seen) else",
        new="return None if seen.id else",
        tests=(f"{_RUNS}::test_a_torn_last_write_is_as_if_it_had_not_been",),
    ),
    Mutant(
        name="begun-rows-sent-again",
        harm="A run that is finished later sends the rows of its first parts again.",
        file="ingest/runner.py",
        old="        start = begun.stop\n",
        new="        start = begun.start\n",
        tests=(f"{_RUNS}::test_what_changes_nothing_of_what_is_sent_may_change",),
    ),
    Mutant(
        name="row-lost-behind-a-begun-part",
        harm="A run that is finished later leaves out the row after each part that was begun.",
        file="ingest/runner.py",
        old="        start = begun.stop\n",
        new="        start = begun.stop + 1\n",
        tests=(f"{_RUNS}::test_what_changes_nothing_of_what_is_sent_may_change",),
    ),
    Mutant(
        name="later-tries-sent-again",
        harm="Rows whose second try was under way are sent a third time by whoever finishes the run.",
        file="ingest/runner.py",
        old="    left = ~np.isin(again.positions, np.concatenate([np.empty(0, np.int64), *begun]))\n",
        new="    left = np.ones(len(again.positions), np.bool_)\n",
        tests=(f"{_RUNS}::test_rows_that_went_again_are_not_sent_once_more",),
    ),
    Mutant(
        name="gone-inserts-sent-again",
        harm="Rows without an id of a job that the org has forgotten are inserted again.",
        file="ingest/taken_up.py",
        old=' and key.header.lower() != "id"',
        new="",
        tests=(f"{_DEATHS}::test_an_upsert_by_id_whose_job_is_gone_is_not_sent_again",),
    ),
    Mutant(
        name="unreachable-jobs-sent-again",
        harm="Where the org can't be asked about a job for a moment, its rows go again beside it.",
        file="ingest/taken_up.py",
        old="isinstance(cause, ApiError) and cause.status == 404",
        new="isinstance(cause, ApiError)",
        tests=(f"{_DEATHS}::test_rows_of_a_job_that_cannot_be_asked_about_are_unknown",),
    ),
    Mutant(
        name="jobs-of-the-dead-not-named",
        harm="A call that ends before it has come to all jobs of a dead one doesn't name the others.",
        file="ingest/runner.py",
        old="if last is not None and last.stage is Stage.CLOSED:",
        new="if last is None:",
        tests=(f"{_ADVERSARY}::test_time_that_is_up_before_all_jobs_were_looked_at_names_them_all",),
    ),
    Mutant(
        name="late-word-of-a-closing",
        harm="A closing that was called off is written late, over the word that the job was given up.",
        file="ingest/journal.py",
        old='if stage is Stage.CLOSING else ""',
        new='if stage is Stage.COLLECTED else ""',
        tests=(f"{_ON_DISK}::test_a_closing_is_not_written_over_a_later_stage",),
    ),
    Mutant(
        name="open-to-others",
        harm="Everybody on the machine can read the rows of a run.",
        file="runs.py",
        old="            path.mkdir(mode=0o700)\n",
        new="            path.mkdir()\n",
        tests=(f"{_RUNS}::test_nobody_else_can_read_it_and_it_holds_no_secret",),
    ),
    Mutant(
        name="left-out-rows-forgotten-when-given-again",
        harm="A result that is given again says of rows that were left out that the org did not come to them.",
        file="resuming.py",
        old="    report_left_out(journal.left_out(), outcomes)\n",
        new="",
        tests=(f"{_RUNS}::test_rows_that_were_left_out_stay_so",),
    ),
    Mutant(
        name="oldest-run-given",
        harm="`resume` of the folder of a nightly load gives the result of its first night.",
        file="resuming.py",
        old="return (unfinished or finished or found)[-1]",
        new="return (unfinished or finished or found)[0]",
        tests=(f"{_RUNS}::test_after_a_finished_run_comes_a_new_one",),
    ),
    Mutant(
        name="given-up-while-closing-sent-again",
        harm="A job that was given up at its closing, and ran all the same, is sent again by whoever finishes the run.",
        file="ingest/taken_up.py",
        old="not (last.stage is Stage.GIVEN_UP_CLOSING and never_ran(seen))",
        new="last.stage is not Stage.GIVEN_UP_CLOSING",
        tests=(f"{_ADVERSARY}::test_a_job_that_ran_before_its_abort_is_not_sent_again",),
    ),
    Mutant(
        name="giving-up-not-written",
        harm="A job that was given up counts as made, and is asked about though its rows went again.",
        file="ingest/job.py",
        old="                await run.record_taken(Journal.reached, job.id, stage)\n",
        new="",
        tests=(f"{_ADVERSARY}::test_rows_of_a_job_that_was_given_up_at_its_closing_go_again",),
    ),
    Mutant(
        name="lost-job-not-written",
        harm="A job that the org has forgotten is asked for again, though its rows went in another one.",
        file="ingest/job.py",
        old="            await run.record_taken(Journal.reached, job_id, Stage.LOST)\n",
        new="",
        tests=(f"{_DEATHS}::test_rows_of_a_job_that_is_gone_are_unknown_but_for_an_external_id",),
    ),
    Mutant(
        name="refused-job-not-written",
        harm="A job that was refused for its line ends isn't told of by whoever finishes the run.",
        file="ingest/job.py",
        old="        await self._run.record(Journal.reached, job.id, Stage.REFUSED, job)\n",
        new="",
        tests=(f"{_ADVERSARY}::test_a_second_try_with_other_line_ends_is_finished_too",),
    ),
    Mutant(
        name="keys-of-an-upsert-unread",
        harm="Rows of an upsert whose job is gone stay unknown, though they could go again.",
        file="ingest/taken_up.py",
        old='return is_gone and run.request.operation == "upsert"',
        new='return not is_gone and run.request.operation == "upsert"',
        tests=(f"{_DEATHS}::test_rows_of_a_job_that_is_gone_are_unknown_but_for_an_external_id",),
    ),
)
