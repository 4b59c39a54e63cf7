"""Record ids: 15 characters that tell upper from lower case, and 3 more that make this safe (wire notes, 13)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "5e"
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def with_suffix(id15: str) -> str:
    """The 18 character form of a 15 character id."""
    groups = (id15[start : start + 5] for start in (0, 5, 10))
    bits = (sum(1 << place for place, char in enumerate(group) if "A" <= char <= "Z") for group in groups)
    return id15 + "".join(_SUFFIX[number] for number in bits)


def make_id(prefix: str, number: int) -> str:
    """The id of the number-th record under a three character key prefix."""
    digits = ""
    for _ in range(10):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return with_suffix(f"{prefix}{_POD}{digits}")


def normal_id(text: str) -> str | None:
    """The 18 character form of what looks like an id, else None; a wrong suffix says that some case was lost."""
    if not _FORM.fullmatch(text):
        return None
    whole = with_suffix(text[:15])
    return whole if len(text) == 15 or text == whole else None


def make_ids(prefix: str, first: int, count: int) -> pa.Array[Any]:
    """As many ids as are wanted, of consecutive numbers."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)
    ids = np.empty((count, 18), np.uint8)
    ids[:, :5] = np.frombuffer((prefix + _POD).encode(), np.uint8)
    for place in range(14, 4, -1):
        ids[:, place] = letters[numbers % 62]
        numbers //= 62
    is_upper = (ids[:, :15] >= ord("A")) & (ids[:, :15] <= ord("Z"))
    bits = is_upper.reshape(count, 3, 5) @ (1 << np.arange(5))
    ids[:, 15:] = np.frombuffer(_SUFFIX.encode(), np.uint8)[bits]
    fixed = pa.Array.from_buffers(pa.binary(18), count, [None, pa.py_buffer(ids.tobytes())])
    return fixed.cast(pa.binary()).cast(pa.string())


def _suffix_sql(group: int) -> str:
    bits = (f"(substr(id15, {5 * group + bit + 1}, 1) BETWEEN 'A' AND 'Z')::INTEGER * {1 << bit}" for bit in range(5))
    return f"substr('{_SUFFIX}', 1 + {' + '.join(bits)}, 1)"


# The same for whole columns.
MACROS = (
    f"CREATE OR REPLACE MACRO _org.with_suffix(id15) AS id15 || {' || '.join(map(_suffix_sql, range(3)))}",
    "CREATE OR REPLACE MACRO _org.normal_id(id) AS CASE WHEN length(id) = 15 THEN _org.with_suffix(id) ELSE id END",
    "CREATE OR REPLACE MACRO _org.is_id(id) AS regexp_full_match(id, '[0-9A-Za-z]{15}([0-9A-Za-z]{3})?')",
)
