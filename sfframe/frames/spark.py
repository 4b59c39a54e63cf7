"""Spark: `spark.read` and `df.write` with the format "sfframe". The only room that imports pyspark.

A write task looks at its partition's rows, keeps them in a run on storage that all workers reach, sends them and writes
what became of each beside those of the others. What a task that died has sent is found there by the one after it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from sfframe import call_folder, partition, screen
from sfframe.bridge import in_thread, run
from sfframe.conclude import conclude
from sfframe.depot import Depot, depot_of
from sfframe.errors import JobFailed, JournalError, JournalInUse, RecordsFailed, SfframeError
from sfframe.failures import no_errors
from sfframe.frames.spark_options import WriteOptions, reading_options, write_options
from sfframe.frames.spark_read import Asked, SfframeReader, arrow_schema
from sfframe.frames.spark_results import ResultsFolder
from sfframe.front import by_number
from sfframe.gathered import gathered, problem_of, problems_of
from sfframe.ingest.recorded import RunState, Stage
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run_file import intent_in, stages_in, state_in
from sfframe.org.org import Org
from sfframe.partition import Begun, Finished, Spread
from sfframe.prepare import Prepared, prepare
from sfframe.problems import Problem, error_of
from sfframe.result import IngestResult
from sfframe.sent import Sent, sent_of
from sfframe.shared_keys import check_fingerprints, merged, ranges

_log: Final = logging.getLogger("sfframe.spark")
_STRAGGLERS_S: Final = 60.0
_ENDING_S: Final = 15.0  # for tasks that were told to stop
_NEVER_RAN: Final = (Stage.MADE, Stage.GIVEN_UP)


class SfframeDataSource(DataSource):  # type: ignore[misc]  # pyspark has its types where it is installed alone
    """Salesforce as a data source of Spark: `spark.dataSource.register(SfframeDataSource)`.

        from sfframe.frames.spark import SfframeDataSource

        spark.dataSource.register(SfframeDataSource)
        df.write.format("sfframe").mode("append").options(
            object="Contact", operation="upsert", externalIdField="ExternalId__c", resultsPath="s3://bucket/run1"
        ).save()

    Options are those of `sfframe.Options` in camelCase and what the guide lists; a login isn't one of them.
    """

    @classmethod
    def name(cls) -> str:
        """What `format` is given."""
        return "sfframe"

    def schema(self) -> StructType:
        """The columns of what is read, with the types that `read_soql` gives, times of day as texts.

        Raises:
            ValueError: Options that there aren't, or that make no sense.
            SoqlError: The statement can't be read, or speaks of what isn't there.
        """
        return Asked.of(reading_options(self.options)).schema

    def reader(self, schema: StructType) -> SfframeReader:
        """What reads; the org makes the answer when Spark asks for the partitions."""
        return SfframeReader(reading_options(self.options), schema)

    def writer(self, schema: StructType, overwrite: bool) -> SfframeWriter:
        """What writes a frame of this schema; all that can be known before the first row is looked at now.

        Raises:
            ValueError: Options that there aren't, or that make no sense.
            PayloadError: Columns that can't be sent.
            JournalError: Runs can't be kept where they should be, or another save() is at it.
        """
        if overwrite:
            raise ValueError(
                "mode('overwrite') would mean to delete what the org has: say mode('append'), which sends the rows, "
                "and choose by operation= what they do"
            )
        return SfframeWriter.made(write_options(self.options), _schema_of(schema))


def _schema_of(schema: StructType) -> pa.Schema:
    return pa.schema([pa.field(one.name, _nullable(one.type)) for one in arrow_schema(schema)])


def _nullable(kind: Any) -> pa.DataType:
    """A type whose inner values may be null, as they are where rows are kept and read again."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(one.name, _nullable(one.type)) for one in map(kind.field, range(kind.num_fields))])
    if pa.types.is_map(kind):
        return pa.map_(_nullable(kind.key_type), _nullable(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_nullable(kind.value_type))
    plain: pa.DataType = kind
    return plain


@dataclass(kw_only=True)
class _Message(WriterCommitMessage):  # type: ignore[misc]  # likewise
    """What a task tells the driver of a partition; `finished` is `None` where it wasn't sent by now."""

    number: int
    begun: Begun
    finished: Finished | None = None


@dataclass(frozen=True, kw_only=True)
class SfframeWriter(DataSourceArrowWriter):  # type: ignore[misc]  # likewise
    """One save(). It travels to the tasks, and holds neither a secret nor anything open.

    Attributes:
        options: What was said.
        spread: The call.
        schema: Of the rows.
        sent: What is sent of them.
        key: The key's column and field, where keys are compared over all partitions.
        results: Where results go.
        earlier: Partitions of which an earlier save() has sent something; it is gone on with. If there are any, the
            others are sent when it is known that it is the same frame.
        began: When, in seconds since the epoch.
    """

    options: WriteOptions
    spread: Spread
    schema: pa.Schema
    sent: Sent
    key: tuple[str, str] | None
    results: ResultsFolder | None
    earlier: frozenset[int]
    began: float

    @classmethod
    def made(cls, options: WriteOptions, schema: pa.Schema) -> SfframeWriter:
        """That of a frame whose columns are looked at; its call is recorded."""
        began = time.time()
        prepared, org = run(_looked_at(options, schema))
        results = ResultsFolder(options.results) if options.results is not None else None
        depot, goes_on = _call_depot(options, prepared.request, org, results)
        key = prepared.layout.key if prepared.layout is not None else None
        compares = options.only_checks and key is not None and prepared.request.options.on_duplicate_key == "raise"
        return cls(
            options=options,
            spread=Spread.over(
                depot,
                prepared.request,
                options.login,
                described=tuple(prepared.described),
                compares_keys=compares,
                trusts_storage=options.trusts_storage,
            ),
            schema=schema,
            sent=replace(sent_of(prepared), rows=None),
            key=(key.name, key.header) if key is not None and compares else None,
            results=results,
            earlier=frozenset(_sent_in(depot)) if goes_on else frozenset(),
            began=began,
        )

    # --- a task -------------------------------------------------------------------------------------------------------

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Send a partition."""
        context = TaskContext.get()
        assert context is not None
        return self.write_partition(context.partitionId(), iterator)

    def write_partition(self, number: int, batches: Iterator[pa.RecordBatch]) -> _Message:
        """Send a partition, or collect what an earlier try of it has sent.

        Raises:
            SfframeError: Not all of its rows have the org's word: Spark may try it again.
        """
        if self.results is not None:
            self.results.check(str(self.spread.depot))
        rows = pa.RecordBatchReader.from_batches(self.schema, (batch.cast(self.schema) for batch in batches))
        begun = run(partition.begin(rows, self.spread, number, sends=not self.options.only_checks))
        if begun.run is None or (self.earlier and number not in self.earlier):
            return _Message(number=number, begun=begun)
        return _Message(number=number, begun=begun, finished=run(self._finished(number, begun.run)))

    async def _finished(self, number: int, run: str) -> Finished:
        end = await partition.finish(run, self.spread)
        if not end.done.is_settled:
            self._raise(end)
        assert self.results is not None
        await in_thread(self.results.put_rows, number, end, self.spread.depot)
        return end

    def _raise(self, end: Finished) -> None:
        result, done = self._gathered([end])
        go_on = "Spark may try this partition again: what was sent isn't sent again."
        conclude(result, done, on_failure="return", timeout=self.options.request.options.timeout, go_on=go_on)
        raise done.trouble[0]

    # --- the driver ---------------------------------------------------------------------------------------------------

    def commit(self, messages: list[Any]) -> None:
        """Say what became of the rows, and write it down.

        Raises:
            PayloadError: Rows of some partitions can't be sent, so these weren't.
            RecordsFailed, JobFailed: As `onFailure` says.
            JournalError: An earlier save() has sent rows of another frame, or another one goes on with the call.
        """
        told = sorted((one for one in messages if isinstance(one, _Message)), key=lambda one: one.number)
        if self.options.only_checks:
            self._tell_problems(told)
            return
        if self.spread.is_stopped:
            raise JournalError(
                f"another save() goes on with the call in {self.spread.depot}, as nothing was heard of this one: what "
                "that one says holds"
            )
        self._check_same_frame(len(messages))
        told = run(self._rest(told))
        problems = problems_of([one.begun for one in told], None)
        error = self._not_all(problems, told) if problems else None
        self._write_down("incomplete" if error else "committed", told, message=str(error) if error else None)
        self.spread.stop()
        if error:
            raise error
        call_folder.finished(self.spread.depot)
        if self.options.is_own_journal:
            _root_of(self.options).clear()
        self._conclude([one.finished for one in told if one.finished is not None])

    def abort(self, messages: list[Any]) -> None:
        """Stop what is still at it, and say how far all has come; what the org has taken stays there."""
        if self.options.only_checks:
            self.spread.stop()
            self.spread.depot.clear()
            return
        if call_folder.is_finished(self.spread.depot):
            _log.error("this save() was committed: its results are whole, and nothing is left to do")
            return
        if self.spread.is_stopped:
            _log.error("this save() is over: what commit() said of it holds, or another save() goes on with it")
            return
        self.spread.stop()
        busy = _busy_in(self.spread.depot, self.spread.depot.dead_s + _ENDING_S)  # what they send still is told
        told = [one for one in messages if isinstance(one, _Message)]
        states = self._partitions(told, len(messages))
        ended = [one for one in states if one["state"] == "ended"]
        refused = sum(one["state"] == "refused" for one in states)
        open_ones = [one for one in states if one["state"] not in ("ended", "not begun", "refused")]
        under_way = [job_id for one in states for job_id in one["jobs_under_way"]]
        text = (
            f"aborted: {len(ended)} of {len(states)} partitions had ended "
            f"({sum(one.get('successful', 0) for one in ended):,} rows successful"
            + (", as far as their tasks said so" if any("successful" not in one for one in ended) else "")
            + f"), {len(open_ones)} were begun and aren't finished"
            + (f", {refused} can't be sent as they are" if refused else "")
            + (f"; these jobs may run, or weren't collected: {', '.join(under_way)}" if under_way else "")
            + (f"; tasks are still at {', '.join(busy)}, and may send more" if busy else "")
            + f". What is in the org stays there. The same save() with journalPath={str(self.options.journal)!r} "
            "finishes it; what was sent isn't sent again."
        )
        assert self.results is not None
        if self.results.is_of(str(self.spread.depot)):
            self._write_down("aborted", told, states=states, message=text)
        _log.error("%s", text)

    def _tell_problems(self, told: Sequence[_Message]) -> None:
        begun = [one.begun for one in told]
        twice = None
        files = [one.keys for one in begun]
        if self.key is not None and any(files):
            check_fingerprints([one.hashes for one in begun])
            found = merged(
                [partition.compared(files, self.spread.depot, one) for one in ranges(sum(one.n_rows for one in begun))]
            )
            twice = found if found.rows else None
        problems = problems_of(begun, twice)
        if twice is not None and self.key is not None:
            problems.append(problem_of(twice, [one.n_rows for one in begun], *self.key))
        self.spread.stop()
        self.spread.depot.clear()
        if problems:
            raise error_of(problems)
        _log.info("checked: nothing keeps the %s rows from being sent", f"{sum(one.n_rows for one in begun):,}")

    def _check_same_frame(self, n_partitions: int) -> None:
        """See that no partition was sent which this frame hasn't: then the others would have its rows."""
        more = [number for number in sorted(_sent_in(self.spread.depot)) if number >= n_partitions]
        if more:
            raise JournalError(
                f"an earlier save() has sent the partition {more[0]} of its frame, and this frame has {n_partitions} "
                "partitions: finish it with the same frame, in as many partitions; or say newRun=true to begin another "
                "call beside it"
            )

    async def _rest(self, told: Sequence[_Message]) -> list[_Message]:
        """All partitions, those sent that weren't because an earlier save() is gone on with."""
        at_once = asyncio.Semaphore(self.spread.request.options.max_concurrent_jobs)

        async def whole(one: _Message) -> _Message:
            if one.finished is not None or one.begun.run is None:
                return one
            async with at_once:
                return replace(one, finished=await self._finished(one.number, one.begun.run))

        # What goes wrong with one stops no other.
        ends = await asyncio.gather(*map(whole, told), return_exceptions=True)
        if errors := [one for one in ends if isinstance(one, BaseException)]:
            raise errors[0]
        return [one for one in ends if isinstance(one, _Message)]

    def _not_all(self, problems: Sequence[Problem], told: Sequence[_Message]) -> SfframeError:
        error = error_of(problems)
        bad = [one for one in told if one.finished is None]
        lines = str(error).splitlines()[1:]
        first = (
            f"{len(bad)} of {len(told)} partitions, of {sum(one.begun.n_rows for one in bad):,} rows, weren't sent for "
            "these problems; the others were. The same save() with these rows mended and "
            f"journalPath={str(self.options.journal)!r} sends the rest; or invalid='report' leaves such rows out."
        )
        return type(error)("\n".join([first, *lines]), problems=error.problems)

    def _conclude(self, ends: Sequence[Finished]) -> None:
        if not ends:
            return
        result, done = self._gathered(ends)
        options = self.options.request.options
        conclude(result, done, on_failure="return", timeout=options.timeout, go_on="")
        if result or options.on_failure == "return":
            _log.info("%s", result.summary())
        elif done.failed_jobs:
            raise JobFailed(self._text_of(result), job=done.failed_jobs[0], result=result)
        elif options.on_failure == "raise":
            raise RecordsFailed(self._text_of(result), result=result)
        else:
            _log.warning("%s", self._text_of(result))

    def _text_of(self, result: IngestResult[Any]) -> str:
        """What went wrong, without the org's messages, which quote values of rows: fit for logs."""
        assert self.results is not None
        counts, address = result.counts, self.results.address.rstrip("/")
        hints = []
        if counts["failed"]:
            hints.append(f"{address}/failed_results has these rows with sf__Error beside them, errors/ counts why")
        if counts["unprocessed"]:
            hints.append(f"{address}/unprocessed_records has the rows that the org didn't come to")
        return screen.report(replace(result._picture(), hints=hints))

    def _gathered(self, ends: Sequence[Finished]) -> Any:
        return gathered(
            ends,
            _Rows(self.schema),  # type: ignore[arg-type]  # what of a frame the texts need
            self.spread.request,
            sent=self.sent,
            again=_no_retry,
            seconds=time.time() - self.began,
            run=None,
        )

    def _write_down(
        self,
        state: str,
        told: Sequence[_Message],
        *,
        states: Sequence[Mapping[str, Any]] | None = None,
        message: str | None = None,
    ) -> None:
        assert self.results is not None
        states = states if states is not None else self._partitions(told, len(told))
        ends = [(one.number, one.finished) for one in told if one.finished is not None]
        result = self._gathered([end for _, end in ends])[0] if ends else None
        counts = result.counts if result is not None else {"successful": 0, "failed": 0, "unprocessed": 0}
        rows = [one.get("rows") for one in states]
        n_rows = sum(n or 0 for n in rows) if None not in rows else None  # not known of what wasn't begun
        request = self.spread.request
        summary = {
            "state": state,
            "operation": request.operation,
            "object": request.sobject,
            "external_id_field": request.external_id_field,
            "host": ends[0][1].host if ends else None,
            "rows": n_rows,
            **counts,
            "not_sent": None if n_rows is None or state == "aborted" else n_rows - sum(counts.values()),
            "partitions": len(states),
            "jobs": sum(len(one["jobs"]) for one in states),
            "began": datetime.fromtimestamp(self.began, UTC),
            "ended": datetime.now(UTC),
            "message": message or (self._text_of(result) if result is not None else None),
        }
        jobs = [
            {
                "partition": number,
                "job_id": job.id,
                "state": job.state,
                "rows_processed": job.number_records_processed,
                "rows_failed": job.number_records_failed,
                "error_message": job.error_message,
            }
            for number, end in ends
            for job in end.done.jobs
        ]
        self.results.put_tables(summary, states, jobs, result.errors if result is not None else no_errors())

    def _partitions(self, told: Sequence[_Message], n: int) -> list[dict[str, Any]]:
        """How far each partition has come: `ended`, `refused`, `begun`, `not begun`, or `open`: something was sent."""
        known = {one.number: one for one in told}
        return [self._partition(number, known.get(number)) for number in range(n)]

    def _partition(self, number: int, told: _Message | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"partition": number, "state": "not begun", "jobs": [], "jobs_under_way": []}
        if told is not None and told.finished is not None:
            jobs = [job.id for job in told.finished.done.jobs]
            counts = told.finished.counts
            return {**facts, "state": "ended", "rows": told.begun.n_rows, **counts, "jobs": jobs}
        if told is not None and told.begun.run is None:
            return {**facts, "state": "refused", "rows": told.begun.n_rows}
        depot = self.spread.depot
        for name in depot.runs(partition.part_name(number)):
            with depot.database(name) as (folder, _):
                stages, state, n_rows = stages_in(folder), state_in(folder), intent_in(folder).n_rows
            if state in (RunState.DROPPED, RunState.PREPARING):
                continue
            sent = [job_id for job_id, stage in stages.items() if stage not in _NEVER_RAN]
            word = "ended" if state is RunState.FINISHED else "open" if sent else "begun"
            facts |= {"state": word, "rows": n_rows, "jobs": sent, "jobs_under_way": partition.under_way(stages)}
        return facts


async def _looked_at(options: WriteOptions, schema: pa.Schema) -> tuple[Prepared, Org]:
    """What is sent of a frame, by its columns alone.

    Raises:
        PayloadError: They can't be.
    """
    org = options.login()
    await org.transport.log_in()
    empty = pa.RecordBatchReader.from_batches(schema, iter(()))
    prepared = await prepare(empty, options.request, lambda: org)
    prepared.problems = [*prepared.problems, *prepared.source.unkept()]
    if prepared.hopeless:
        raise error_of(prepared.hopeless)
    return prepared, org


def _call_depot(
    options: WriteOptions, request: IngestRequest, org: Org, results: ResultsFolder | None
) -> tuple[Depot, bool]:
    """Where an unfinished call that this one finishes is recorded, or a new one; and which of the two."""
    root = _root_of(options)
    root.check(is_trusted=options.trusts_storage)
    looking = root.taken_within("", _STRAGGLERS_S)
    try:
        is_new = options.only_checks or request.options.new_run
        found = None if is_new else call_folder.unfinished(root, request, org, None)
        depot = found or call_folder.made(root, request, org, None)
        try:
            if found is not None:
                _take_over(found)
            if results is not None:
                results.claim(str(depot), goes_on=found is not None)
        except BaseException:
            if found is None:
                depot.clear()
            raise
    finally:
        looking.release()
    return depot, found is not None


def _root_of(options: WriteOptions) -> Depot:
    return depot_of(options.journal, silent_s=options.silent_s)


def _take_over(depot: Depot) -> None:
    """Have nobody else be at it: whoever comes late finds that he was stopped.

    Raises:
        JournalInUse: A partition is being sent.
    """
    if _busy_in(depot, _STRAGGLERS_S):
        raise JournalInUse(
            f"an unfinished call in {depot} is being worked on by another save(), or by tasks of one that has "
            "ended: wait for it, or say newRun=true to begin another call beside it"
        )
    for name in depot.names():
        if name.startswith("running-"):
            depot.remove(name)


def _busy_in(depot: Depot, wait_s: float) -> list[str]:
    """The runs on which somebody is working still, after some seconds at the most."""
    ends_at = time.monotonic() + wait_s
    busy = _runs_of(depot)
    # All together: of each it may take a while to see that whoever had it is dead.
    while (busy := [name for name in busy if not depot.is_idle(name)]) and time.monotonic() < ends_at:
        time.sleep(depot.looks_s)
    return busy


def _runs_of(depot: Depot) -> list[str]:
    return [run for name in depot.names() if name.startswith("part-") for run in depot.runs(name)]


def _sent_in(depot: Depot) -> set[int]:
    """The partitions of which something was given to the org, or all that could be."""
    found = set()
    for name in _runs_of(depot):
        with depot.database(name) as (folder, _):
            has_sent = any(stage not in _NEVER_RAN for stage in stages_in(folder).values())
            if has_sent or state_in(folder) is RunState.FINISHED:
                found.add(int(name.partition("/")[0].rpartition("-")[2]))
    return found


def _no_retry(*_: Any, **__: Any) -> Any:
    raise NotImplementedError


class _Rows:
    """What the texts of a result need of the frame."""

    is_stream = True

    def __init__(self, schema: pa.Schema) -> None:
        self.labels: Sequence[object] = schema.names

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        return table

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)
