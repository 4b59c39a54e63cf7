"""Values as they are written in a statement: strings, numbers, days, moments and date literals (SOQL notes, 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from sfframe.localorg.soql.query import Context

MAX_STRING = 4_000
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WILD = re.compile(r"\\.|[%_]|[^\\%_]+", re.DOTALL)
_FIRST, _LAST = date(1700, 1, 1), date(4000, 12, 31)
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)", re.IGNORECASE)


def unquoted(literal: str, *, is_pattern: bool = False) -> str:
    r"""The text that a quoted string stands for.

    Args:
        literal: With its quotes.
        is_pattern: It stands behind LIKE: `\%` and `\_` are known and kept as they are, and so is `\\`.

    Raises:
        ValueError: A backslash stands before something else, or the text isn't Unicode or too long.
    """

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "uU" and len(code) == 5:
            # A backslash in disguise escapes nothing.
            return "\\\\" if is_pattern and code[1:].lower() == "005c" else chr(int(code[1:], 16))
        if is_pattern and code in "%_\\":
            return match[0]
        if (found := _ESCAPES.get(code.lower())) is None:
            raise ValueError(f"Illegal character sequence '{match[0]}' in string literal")
        return found

    text = _ESCAPE.sub(meant, literal[1:-1])
    # A character beyond the BMP may come as two escapes; half of one is no text.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _has_halves(text) else text
    if "\ufffd" in text and "\ufffd" not in literal and "\\ufffd" not in literal.lower():
        raise ValueError("Illegal character sequence in string literal: half of a surrogate pair")
    if len(text) > MAX_STRING:
        raise ValueError(f"String literals in a WHERE clause are limited to {MAX_STRING} characters")
    return text


def _has_halves(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def like_pattern(pattern: str) -> str:
    r"""A pattern of SOQL as one of SQL with `\` as its escape: `%` any run, `_` one character."""
    parts = _WILD.findall(pattern)
    return "".join(part if len(part) < 2 or part[0] != "\\" or part[1] in "%_\\" else part[1:] for part in parts)


def day(text: str) -> date:
    """A date.

    Raises:
        ValueError: There is no such day, or it is out of the range that the org has.
    """
    found = date.fromisoformat(text)
    if not _FIRST <= found <= _LAST:
        raise ValueError(f"out of range: {text}")
    return found


def moment(text: str) -> datetime:
    """A datetime as UTC without a zone; milliseconds are ignored (2.2).

    Raises:
        ValueError: There is no such moment, or it is out of the range that the org has.
    """
    hours, minutes, seconds, _, zone = _clock(text[11:])
    local = datetime.combine(date.fromisoformat(text[:10]), time(hours, minutes, seconds), _offset(zone))
    try:
        found = local.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"out of range: {text}") from None
    if not datetime(1700, 1, 1) <= found <= datetime(4000, 12, 31):
        raise ValueError(f"out of range: {text}")
    return found


def clock_time(text: str) -> time:
    """A time of day in UTC.

    Raises:
        ValueError: There is no such time.
    """
    hours, minutes, seconds, fraction, zone = _clock(text)
    micros = int(f"{fraction:0<6}"[:6]) if fraction else 0
    local = datetime.combine(date(2000, 1, 2), time(hours, minutes, seconds, micros), _offset(zone))
    return local.astimezone(UTC).time()


def _clock(text: str) -> tuple[int, int, int, str | None, str]:
    found = _CLOCK.fullmatch(text)
    assert found is not None
    return int(found[1]), int(found[2]), int(found[3]), found[4], found[5]


def _offset(zone: str) -> timezone:
    if zone in "Zz":
        return UTC
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


# Date literals: each is a range of whole days.

_LITERAL = re.compile(
    r"(?P<day>TODAY|YESTERDAY|TOMORROW)"
    r"|(?P<ninety>LAST|NEXT)_90_DAYS"
    r"|(?P<one>THIS|LAST|NEXT)_(?P<unit>(?:FISCAL_)?(?:QUARTER|YEAR)|WEEK|MONTH)"
    r"|(?P<many>LAST|NEXT)_N_(?P<units>DAYS|WEEKS|MONTHS|(?:FISCAL_)?(?:QUARTERS|YEARS))\s*:\s*(?P<n>\d+)"
    r"|N_(?P<back>DAYS|WEEKS|MONTHS|(?:FISCAL_)?(?:QUARTERS|YEARS))_AGO\s*:\s*(?P<ago>\d+)",
    re.IGNORECASE,
)


def date_range(text: str, context: Context) -> tuple[date, date] | None:
    """The days of a date literal, the second one no longer in it; None where the text is no date literal.

    Raises:
        ValueError: The days are out of any calendar.
    """
    found = _LITERAL.fullmatch(text)
    if found is None:
        return None
    try:
        return _range({key: value.upper() for key, value in found.groupdict().items() if value}, _starts(context))
    except (OverflowError, ValueError):  # Python refuses to read numbers of thousands of digits
        raise ValueError(f"out of range: {text[:80]}") from None


Starts = Callable[[str, int], date]


def _range(found: dict[str, str], start: Starts) -> tuple[date, date]:
    if "day" in found:
        away = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}[found["day"]]
        return start("DAY", away), start("DAY", away + 1)
    if "one" in found:
        away = {"THIS": 0, "LAST": -1, "NEXT": 1}[found["one"]]
        return start(found["unit"], away), start(found["unit"], away + 1)
    if "back" in found:
        unit, ago = found["back"].removesuffix("S"), int(found["ago"])
        return start(unit, -ago), start(unit, 1 - ago)
    side = found.get("many") or found["ninety"]
    unit, n = found.get("units", "DAYS").removesuffix("S"), int(found.get("n", 90))
    if side == "NEXT":
        return start(unit, 1), start(unit, n + 1)
    # Days go through today, the other units end before the current one.
    return start(unit, -n), start(unit, 1 if unit == "DAY" else 0)


def _starts(context: Context) -> Starts:
    """The first day of the unit that is so many after the current one."""
    today = context.now.astimezone(zone(context.time_zone)).date()

    def months(first_month: int, length: int, away: int) -> date:
        passed = (today.month - first_month) % 12 % length
        count = today.year * 12 + today.month - 1 - passed + away * length
        if not 12 <= count < 12 * 10_000:
            raise OverflowError
        return date(count // 12, count % 12 + 1, 1)

    def start(unit: str, away: int) -> date:
        if unit == "DAY":
            return today + timedelta(days=away)
        if unit == "WEEK":
            return today + timedelta(days=7 * away - (today.isoweekday() - context.week_start) % 7)
        first = context.fiscal_year_start_month if unit.startswith("FISCAL_") else 1
        return months(first, {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit.removeprefix("FISCAL_")], away)

    return start


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def midnight(of: date, context: Context) -> datetime:
    """The moment at which a day begins for the user, as UTC without a zone.

    Raises:
        ValueError: It is out of any calendar.
    """
    try:
        return datetime.combine(of, time(), zone(context.time_zone)).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"out of range: {of}") from None
