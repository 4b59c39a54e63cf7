"""Outcome: what became of a call's rows: words on stderr, JSON on stdout, files, and the exit code."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

import sfframe
from sfframe.cli import results, words
from sfframe.cli.call_errors import CALL_FAILED, DONE, EXPECTED, ROWS_FAILED, code_of, facts_of, text_of
from sfframe.cli.results import OutFormat
from sfframe.cli.streams import NotWrittenError
from sfframe.written import count, short, verdict

_SHOWN: Final = 8
_LINE: Final = 110
_SAID: Final = {
    "failed": "failed rows, each with its reason in sf__Error",
    "unprocessed": "rows that the org didn't come to",
    "running": "rows of jobs that may still run, so don't send these again before you know",
}

# Where rows are in what was given, by their numbers from 0.
Places = Callable[[Iterable[int]], Mapping[int, str]]
Result = sfframe.IngestResult[Any]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be done with a result.

    Attributes:
        command: Who speaks, such as `upsert`.
        out: Where to write the rows; `None`: nowhere, unless some failed.
        kind: In which format; `None`: Parquet, or what `kind_unasked` says if `out` is `None`.
        unasked: Where to write the rows if some failed and there is no `out`; `None`: nowhere.
        kind_unasked: In which format then.
        as_json: Whether a machine reads stdout.
        again: The command that sends a file of failed rows once more, as words.
        places: Where rows are in what was given.
    """

    command: str
    out: Path | None = None
    kind: OutFormat | None = None
    unasked: Path | None = None
    kind_unasked: OutFormat = "parquet"
    as_json: bool = False
    again: Callable[[Path], Sequence[str]] | None = None
    places: Places = words.numbered


def concluded(call: Callable[[], Result], wish: Wish) -> int:
    """Make a call and tell what became of its rows.

    Returns:
        The exit code: 0 all rows were successful, 1 some were not, 2 the call failed, 130 it was interrupted.

    Raises:
        Whatever the call raises that has no result.
    """
    error: BaseException | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)  # it is told anyway
            result = call()
    except (sfframe.SfframeError, sfframe.Interrupted) as caught:
        if (known := getattr(caught, "result", None)) is None:
            raise
        result = known
        # These are a result's own words, and no more.
        error = None if isinstance(caught, sfframe.RecordsFailed | sfframe.JobFailed) else caught
    return _told(result, wish, error)


def _told(result: Result, wish: Wish, error: BaseException | None) -> int:
    code = code_of(error) if error is not None else DONE if result else ROWS_FAILED
    files, trouble = _files(result, wish, is_whole=error is None)
    if trouble is not None and code != code_of(KeyboardInterrupt()):
        code = CALL_FAILED
    if error is not None:
        words.say(f"sfframe {wish.command}: {words.harmless(text_of(error))}")
    words.say(_text(result, wish, files, is_over=error is None))
    if trouble is not None:
        words.say(f"sfframe {wish.command}: {trouble}")
    if wish.as_json:
        facts = _facts(result, files, wish.places)
        first = error or trouble
        facts |= {"exit_code": code} | ({"error": facts_of(first)} if first else {})
        try:
            words.put(as_json(facts))
        except NotWrittenError as lost:
            why = f"the document is lost, for stdout can't be written to: {lost.reason}"
            words.say(f"sfframe {wish.command}: {why}. What became of the rows is told above.")
            return max(code, CALL_FAILED)
    return code


def _files(result: Result, wish: Wish, *, is_whole: bool) -> tuple[dict[str, Path], BaseException | None]:
    """Write what is to be written; a full disk must not hide what became of the rows."""
    folder, kind = wish.out, wish.kind or "parquet"
    is_unasked = folder is None and not (result and is_whole)
    if is_unasked:
        folder, kind = wish.unasked, wish.kind or wish.kind_unasked
    if folder is None:
        return {}, None
    try:
        return results.write(result, results.new(folder) if is_unasked else folder, kind), None
    except EXPECTED as error:
        return {}, OSError(f"the rows can't be written to {folder}: {error}")


# --- for people -------------------------------------------------------------------------------------------------------


def _text(result: Result, wish: Wish, files: Mapping[str, Path], *, is_over: bool) -> str:
    said = verdict(is_ok=bool(result) and is_over, has_notes=bool(result.notes))
    lines = [f"{said}  {words.harmless(result.summary())}"]
    lines += [f"  ! {short(note)}" for note in result.notes] if is_over else []
    lines += [f"  {line}" for line in _reasons(_errors(result), wish.places)]
    return "\n".join([*lines, *(f"  {line}" for line in _next(result, wish, files))])


def _reasons(errors: pl.DataFrame, places: Places) -> Iterator[str]:
    """Why rows failed, the commonest first."""
    if not errors.height:
        return
    one = [pl.col(name).first() for name in ("message", "row", "example", "cause")]
    reasons = (
        errors.group_by("code", "fields", maintain_order=True)
        .agg(*one, pl.len().alias("messages"), pl.col("count").sum())
        .sort("count", descending=True, maintain_order=True)
    )
    shown = reasons.head(_SHOWN)
    where = places(shown["row"].drop_nulls().to_list())
    width = len(f"{reasons['count'][0]:,}")
    yield "errors:"
    for row in shown.iter_rows(named=True):
        yield from _reason(row, width, where.get(row["row"], ""))
    if (more := reasons.height - _SHOWN) > 0:
        yield f"  {'':>{width}}   and {count(more, 'more reason')}"


def _errors(result: Result) -> pl.DataFrame:
    """The errors, whatever library's frame they come in."""
    errors = result.errors
    return errors if isinstance(errors, pl.DataFrame) else pl.DataFrame(errors)


def _reason(row: Mapping[str, Any], width: int, where: str) -> Iterator[str]:
    """A reason. The org's messages quote values of rows, and examples name keys: they aren't for logs."""
    is_seen = words.a_person_looks_on()
    code, fields = short(row["code"] or "(no code)", 60), short(row["fields"] or "", 60)
    label = (row["example"] or "").partition(", ")[2] if is_seen else ""
    first = f", first in {where}" if where else ""
    example = f": {short(label, 60)}" if label and where else ""
    yield f"  {row['count']:>{width},} × {code}{f' [{fields}]' if fields else ''}{first}{example}"
    if is_seen:
        more = row["messages"] - 1
        others = f" (and {count(more, 'other message')})" if more else ""
        told = [short(row["message"] or "", _LINE) + others, f"cause: {row['cause']}" if row["cause"] else ""]
        yield from (f"  {'':>{width}}   {short(line, 2 * _LINE)}" for line in told if line)


def _next(result: Result, wish: Wish, files: Mapping[str, Path]) -> list[str]:
    """Where the rows are, and what to do next."""
    lines = []
    if result.running_job_ids:
        lines.append("jobs that may still run; look at them before you send their rows again:")
        lines += [f"  sfframe jobs show {job_id}" for job_id in result.running_job_ids]
    n_running = len(result.running_rows)
    counts = result.counts | {"running": n_running, "unprocessed": result.counts["unprocessed"] - n_running}
    kinds = [kind for kind in _SAID if counts[kind]]
    if not files:
        return [*lines, *(["--out DIR writes the rows, each with its error"] if kinds else [])]
    if not kinds:
        return [*lines, f"the rows are in {files['successful'].parent}"]
    lines += [f"{_SAID[kind]}: {files[kind]}" for kind in kinds]
    if _is_open(result):
        finish = words.line_of("sfframe", "resume", result.run)
        return [*lines, "finish the run before any of these is sent; it sends the rows that weren't:", f"  {finish}"]
    again = [kind for kind in kinds if kind != "running"]
    if wish.again is not None and again:
        lines.append(_mend(files["failed"]) if counts["failed"] else "send them again:")
        lines += [f"  {words.line_of(*wish.again(files[kind]))}" for kind in again]
    return lines


def _is_open(result: Result) -> bool:
    """Whether the call is recorded, and something of it is left to do."""
    if result.run is None:
        return False
    runs = sfframe.journals(result.run.parent)
    return bool((runs.filter(pl.col("run") == str(result.run))["state"] != "finished").any())


def _mend(failed: Path) -> str:
    how = " (--out-format csv writes it for a spreadsheet)" if failed.suffix == ".parquet" else ""
    return f"mend that file{how} and send it as it is; its sf__ columns are not sent:"


# --- for machines -----------------------------------------------------------------------------------------------------


def _facts(result: Result, files: Mapping[str, Path], places: Places) -> dict[str, Any]:
    return {
        "ok": bool(result),
        "summary": result.summary(),
        "host": result.host,
        "rows": len(result),
        "counts": result.counts,
        "errors": _error_facts(result, places),
        "jobs": [job_facts(job) for job in result.jobs],
        "running_job_ids": list(result.running_job_ids),
        "notes": list(result.notes),
        "seconds": round(result.seconds, 3),
        "files": {name: str(path) for name, path in files.items()},
        "run": None if result.run is None else str(result.run),
    }


def _error_facts(result: Result, places: Places) -> list[dict[str, Any]]:
    errors = _errors(result)
    where = places(errors["row"].drop_nulls().to_list())
    return [{**row, "place": where.get(row["row"])} for row in errors.iter_rows(named=True)]


def job_facts(job: sfframe.JobInfo) -> dict[str, Any]:
    """What the org says of a job, but for what it doesn't say."""
    return {name: value for name, value in asdict(job).items() if value is not None and value != {}}


def as_json(facts: Any) -> str:
    """One JSON document."""
    return json.dumps(facts, ensure_ascii=False, indent=2, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
