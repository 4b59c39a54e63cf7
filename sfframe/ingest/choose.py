"""Choose: which columns of the frame are sent, and what field each wants to go into, by the options alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from sfframe.ingest.columns import RESULT_COLUMNS
from sfframe.ingest.request import IngestRequest
from sfframe.options import did_you_mean
from sfframe.problems import Problem

_LISTED: Final = 12


def chosen(labels: Sequence[object], request: IngestRequest) -> tuple[dict[str, str], list[Problem]]:
    """Which frame columns are sent, as `{label: wanted field}` in the frame's order, by the options alone."""
    given = request.options.columns
    columns = given if given is None or isinstance(given, Mapping) else frozenset(given)
    problems = list(_misnamed(labels, request))
    wanted: dict[str, str] = {}
    for label in labels:
        if not _is_sent(label, columns, request):
            continue
        if not isinstance(label, str):
            problems.append(
                schema_problem(
                    str(label),
                    "NO_TEXT_NAME",
                    f"the name is {type(label).__name__}, not text",
                    "Rename the column, or choose columns with columns=[...].",
                )
            )
        elif label in wanted:
            problems.append(
                schema_problem(
                    label,
                    "TWICE",
                    "the frame has several columns of this name",
                    "Rename or drop all but one.",
                )
            )
        elif label == "*" or (label.startswith("^") and label.endswith("$")):
            problems.append(
                schema_problem(
                    label,
                    "PATTERN",
                    "the engine takes the name for a pattern of names",
                    "Rename the column.",
                )
            )
        elif label.startswith("sf__"):
            problems.append(
                schema_problem(
                    label,
                    "RESERVED",
                    "names that begin with sf__ are kept for results",
                    "Rename the column, or leave it out with columns={...: None}.",
                )
            )
        else:
            target = columns.get(label, label) if isinstance(columns, Mapping) else label
            assert target is not None
            wanted[label] = target
    if request.operation in ("delete", "hard_delete"):
        wanted = {label: target for label, target in wanted.items() if target.lower() == "id"}
    return wanted, problems


def _is_sent(
    label: object, columns: Mapping[str, str | None] | AbstractSet[str] | None, request: IngestRequest
) -> bool:
    if label in RESULT_COLUMNS:
        return False
    if request.operation in ("delete", "hard_delete") and not isinstance(label, str):
        return False
    if isinstance(columns, Mapping):
        return columns.get(label, "") is not None  # type: ignore[call-overload]  # labels can be anything
    return columns is None or label in columns


def _misnamed(labels: Sequence[object], request: IngestRequest) -> Iterable[Problem]:
    named = {"columns": request.options.columns or (), "group_by": request.options.group_by}
    if isinstance(request.options.nulls, Mapping):
        named["nulls"] = request.options.nulls
    texts, known = [label for label in labels if isinstance(label, str)], set(labels)
    for option, names in named.items():
        for name in names:
            if name not in known:
                yield schema_problem(
                    str(name),
                    "NO_COLUMN",
                    f"{option}= names it, but the frame has no such column",
                    f"{hint(str(name), texts)}{_listed(texts)}Correct {option}=.",
                )


def _listed(columns: Sequence[str]) -> str:
    """`The frame has 'a', 'b' and 3 more. `, or nothing."""
    names = [*map(repr, columns[:_LISTED]), *([f"{len(columns) - _LISTED} more"] if len(columns) > _LISTED else [])]
    *most, last = names or [""]
    return f"The frame has {', '.join(most)}{' and ' if most else ''}{last}. " if last else ""


def hint(name: str, names: Iterable[str]) -> str:
    """`Did you mean 'x'? ` for the closest of the names, or nothing."""
    text = did_you_mean(name, names)
    return f"D{text[3:]} " if text else ""


def schema_problem(column: str | None, code: str, message: str, remedy: str, field: str | None = None) -> Problem:
    """A problem of a column that doesn't fit the object."""
    return Problem(column=column, code=code, message=message, remedy=remedy, kind="schema", field=field)
