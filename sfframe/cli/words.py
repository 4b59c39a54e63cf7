"""Words: what people read on stderr: harmless lines, tables, and sfframe's advice in the words of a shell."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from sfframe import written
from sfframe.written import short

_TEXT: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""  # as repr writes it
_COLUMNS_TO: Final = re.compile(rf"columns=\{{(?P<name>{_TEXT}|\.\.\.): (?P<field>[^}}]*)\}}")
_NULLS: Final = re.compile(rf"nulls=\{{(?P<name>{_TEXT}): '(?P<word>\w+)'\}}")
_OPTION: Final = re.compile(rf"\b(?P<name>[a-z]+(?:_[a-z]+)*)=(?P<value>{_TEXT}|True|False|\d+(?:\.\d+)?)")
_RESUME: Final = re.compile(rf"sfframe\.resume\((?P<run>{_TEXT}|\w+)\)")
# Options of calls that the command line has by the same names.
_SAME: Final = frozenset(
    {
        "columns", "nulls", "naive_datetimes", "describe", "invalid", "on_duplicate_key", "assignment_rule_id",
        "max_payload_bytes", "max_records", "max_concurrent_jobs", "group_by", "retry_rows", "poll_interval", "timeout",
        "progress", "journal", "new_run", "org", "all_rows", "api", "decimals", "job_id",
    }
)  # fmt: skip
# Such a name alone, or with = and nothing behind it, unless it stands in a text, or in a path.
_NAMED: Final = re.compile(
    rf"(?<!\w)(?:{_TEXT})|(?<![\w./-])(?:(?P<name>{'|'.join(_SAME)})=(?:\.\.\.)?(?![\w'\"\[{{(])"
    rf"|(?P<word>{'|'.join(name for name in _SAME if '_' in name)})(?![\w=/'\"(])|(?P<the>[Tt]he|no) frame\b)"
)
_DESCRIBE: Final = re.compile(r"sfframe\.describe_sobject\('(?P<name>\w+)'\)")
_FLAGS: Final = {"describe=False": "--no-describe", "new_run=True": "--new-run", "all_rows=True": "--all-rows"}


def say(text: str) -> None:
    """A line, or several, for the person who looks on: never on stdout, which is for data."""
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Data, for whoever reads stdout. If that one has gone, the call ends as it would have otherwise.

    Raises:
        NotWrittenError: stdout is closed, or can't be written to.
    """
    with suppress(BrokenPipeError):
        sys.stdout.write(text)
        sys.stdout.flush()


def a_person_looks_on() -> bool:
    """Whether words go to a terminal, and not into a log."""
    return sys.stderr.isatty()


def harmless(text: str) -> str:
    """A text, of one line or several, that can't move a terminal's cursor or turn text around."""
    return written.harmless(text, lines=True)


def numbered(rows: Iterable[int]) -> dict[int, str]:
    """Rows by their numbers, which are counted from 0, as results count them too."""
    return {row: f"row {row:,}" for row in rows}


def line_of(*words: object) -> str:
    """A command as it is typed."""
    return shlex.join(map(str, words))


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = (), most: int = 60) -> str:
    """Lines of columns that stand below each other.

    Args:
        head: Names of the columns.
        rows: Cells; `None` is an empty one.
        right: Which columns are numbers.
        most: Characters of a cell.
    """
    lines = [[short("" if cell is None else str(cell), most) for cell in row] for row in [head, *rows]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    justified = [
        [one.rjust(width) if at in right else one.ljust(width)
         for at, (one, width) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]  # fmt: skip
    return "".join("  ".join(line).rstrip() + "\n" for line in justified)


def in_shell(text: str) -> str:
    """sfframe's advice, which names keywords of Python, by the options of the command line."""
    text = _NAMED.sub(_named, text)
    text = _COLUMNS_TO.sub(_columns, text).replace("columns=[...]", "--columns A,B")
    text = _NULLS.sub(lambda found: f"--nulls {shlex.quote(_bare(found['name']) + '=' + found['word'])}", text)
    for words, flag in _FLAGS.items():
        text = text.replace(words, flag)
    text = _DESCRIBE.sub(lambda found: f"`sfframe describe {found['name']}`", text)
    text = text.replace("`await org.limits()`", "`sfframe limits`")
    text = _RESUME.sub(lambda found: f"sfframe resume {_run(found['run'])}", text)
    return _OPTION.sub(_option, text)


def _named(found: re.Match[str]) -> str:
    if found["the"]:
        return f"{found['the']} file"
    name = found["name"] or found["word"]
    return f"--{name.lower().replace('_', '-')}" if name else found[0]


def _columns(found: re.Match[str]) -> str:
    name, field = _bare(found["name"]), _bare(found["field"])
    name, field = ("COLUMN" if name == "..." else name), ("" if field == "None" else field)
    return f"--columns {shlex.quote(f'{name}={field}')}"


def _option(found: re.Match[str]) -> str:
    if found["name"] not in _SAME:
        return found[0]
    return f"--{found['name'].replace('_', '-')} {shlex.quote(_bare(found['value']))}"


def _run(given: str) -> str:
    return shlex.quote(_bare(given)) if given[0] in "'\"" else given.upper()


def _bare(given: str) -> str:
    """A literal's text."""
    return re.sub(r"\\(.)", r"\1", given[1:-1]) if given[:1] in ("'", '"') else given
