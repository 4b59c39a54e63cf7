"""Field facts: what describe knows of a field, and how a value of the caller's stands to it, as short sentences."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sfframe.org.describe import Field, SObject

_LISTED: Final = 8
_QUOTED: Final = 40
_LIKE: Final = 0.6  # how much alike two values must be to be confused
_MOMENTS: Final = {
    "date": "a date, such as 2026-01-31",
    "datetime": "a moment, such as 2026-01-31T09:30:00Z",
    "time": "a time of day, such as 09:30:00Z",
    "boolean": "true or false",
}


def takes(field: Field, key_prefixes: Mapping[str, str] | None = None) -> str:
    """What a field takes: `LastName takes 80 characters`.

    Args:
        field: The field.
        key_prefixes: Of objects that it may point to, as far as they are known.
    """
    return f"{field.name} takes {_what(field, key_prefixes or {})}"


def _what(field: Field, key_prefixes: Mapping[str, str]) -> str:
    if field.type in _MOMENTS:
        return _MOMENTS[field.type]
    if field.type in ("reference", "id") and field.reference_to:
        return " or ".join(_an_id_of(name, key_prefixes.get(name)) for name in field.reference_to[:_LISTED])
    if field.type in ("int", "long"):
        return f"whole numbers of {field.digits} digits at most" if field.digits else "whole numbers"
    if field.type in ("double", "currency", "percent"):
        whole = f" of {field.precision - field.scale} digits before the point at most" if field.precision else ""
        return f"numbers{whole}"
    if field.picklist_values and field.restricted_picklist:
        return listed(field.picklist_values)
    if field.type == "email":
        return "one e-mail address"
    return f"{field.length:,} characters" if field.length else f"values of the type {field.type}"


def _an_id_of(name: str, key_prefix: str | None) -> str:
    begins = f", which begins with {key_prefix}" if key_prefix else ""
    return f"the id of {article(name)} {name}{begins}"


def listed(values: Sequence[str]) -> str:
    """Some of them, and how many more there are."""
    more = len(values) - _LISTED
    return ", ".join(values[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def article(word: str) -> str:
    """`a` or `an`, as it is mostly right."""
    return "an" if word[:1].upper() in "AEIO" else "a"


def quoted(value: Any) -> str:
    """A value, text in quotes and not too long; control characters are written out."""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return repr(text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…")


def not_listed(field: Field, value: str, labels: Mapping[str, str]) -> str:
    """How a value stands to the values of a picklist.

    Args:
        field: The picklist.
        value: The value.
        labels: What people see of the picklist's values, in lower case, and the values.
    """
    known = field.picklist_values
    if value in known:
        return f"{quoted(value)} is one of them: the record's type may allow fewer, which describe doesn't show"
    by_case = {one.lower(): one for one in known}
    low = value.strip().lower()
    if (meant := by_case.get(low)) is not None:
        return f"{quoted(value)} is written {quoted(meant)} there"
    if (meant := labels.get(low)) is not None:
        return f"{quoted(value)} is the label of {quoted(meant)}, and the value is needed"
    near = difflib.get_close_matches(low, [*by_case, *labels], n=1, cutoff=_LIKE)
    closest = by_case.get(near[0]) or labels[near[0]] if near else None
    return f"{quoted(value)} is none of them" + (f": the closest is {quoted(closest)}" if closest else "")


def wrong_in_email(value: str) -> str | None:
    """What keeps a text from being one e-mail address; `None` where that doesn't show."""
    text = value.strip()
    if not text:
        return None
    if "@" not in text:
        return f"{quoted(value)} has no @"
    if text.count("@") > 1:
        return f"{quoted(value)} has several @"
    if any(c.isspace() for c in text):
        return f"{quoted(value)} has a blank in it"
    before, _, after = text.partition("@")
    if not before or not after:
        return f"{quoted(value)} has nothing {'after' if before else 'before'} its @"
    return f"{quoted(value)} has no dot after its @" if "." not in after else None


def not_writeable(field: Field, operation: str) -> str | None:
    """Why a field can't be written by an operation, as far as describe says so."""
    if field.calculated:
        return f"{field.name} is reckoned by the org"
    if field.auto_number:
        return f"{field.name} is numbered by the org"
    makes, changes = operation in ("insert", "upsert"), operation in ("update", "upsert")
    if makes and not field.createable:
        return f"{field.name} can't be set in a new record" + ("" if field.updateable else ", nor changed later")
    if changes and not field.updateable:
        return f"{field.name} can't be changed once the record is there"
    return None


def prefixes_of(sobjects: Sequence[SObject]) -> dict[str, str]:
    """With which three characters ids of these objects begin."""
    return {one.name: one.key_prefix for one in sobjects if one.key_prefix}
