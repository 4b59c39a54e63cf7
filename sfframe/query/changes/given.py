"""Given: which changes a reader has had already, as fingerprints that fit into a cursor. No I/O.

A fingerprint has two parts: which record changed when (8 bytes), and what it looked like then (2 bytes). The org's
stamps are whole seconds, so a record may change twice under one of them; the second part tells these apart.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final

import polars as pl

_HEAD: Final = 8
_WHOLE: Final = _HEAD + 2
_NULL: Final = "\x00"  # which no stored text holds
_BETWEEN: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Given:
    """Fingerprints of what was given.

    Attributes:
        parts: First part, and the second parts that go with it.
    """

    parts: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, prints: Iterable[bytes]) -> Given:
        parts: dict[bytes, frozenset[bytes]] = {}
        for one in prints:
            parts[one[:_HEAD]] = parts.get(one[:_HEAD], frozenset()) | {one[_HEAD:]}
        return cls(parts)

    def has(self, fingerprint: bytes, *, by_content: bool = True) -> bool:
        """Whether the change was given; by its first part alone where looks can't be compared."""
        contents = self.parts.get(fingerprint[:_HEAD])
        return contents is not None and (not by_content or fingerprint[_HEAD:] in contents)

    def to_text(self) -> str:
        """ASCII, some 12 characters for each fingerprint."""
        whole = b"".join(sorted(head + tail for head, tails in self.parts.items() for tail in tails))
        # Byte by byte across all of them: the first bytes of sorted fingerprints hardly differ.
        planes = b"".join(whole[nth::_WHOLE] for nth in range(_WHOLE))
        return base64.b64encode(zlib.compress(planes, 9)).decode()

    @classmethod
    def from_text(cls, text: str) -> Given:
        """What `to_text` wrote.

        Raises:
            ValueError: It didn't.
        """
        try:
            planes = zlib.decompress(base64.b64decode(text, validate=True))
        except (binascii.Error, zlib.error) as error:
            raise ValueError("no fingerprints") from error
        n = len(planes) // _WHOLE
        if n * _WHOLE != len(planes):
            raise ValueError("no fingerprints")
        return cls.of(planes[at::n] for at in range(n))


def fingerprints(frame: pl.DataFrame, stamp: str, contents: Iterable[str]) -> list[bytes]:
    """One for each row; none is that of a row with another stamp column.

    Args:
        frame: With `Id`, the stamp, and the contents.
        stamp: The column of moments.
        contents: Columns that make up what a record looks like.
    """
    texts = [_as_text(name, frame.schema[name]).fill_null(_NULL) for name in sorted(contents)]
    looks = pl.concat_str(texts, separator=_BETWEEN) if texts else pl.lit("")
    table = frame.select(pl.col("Id"), pl.col(stamp).dt.epoch("us").alias("at"), looks.alias("looks"))
    return [_digest(f"{stamp}{row[0]}{row[1]}", _HEAD) + _digest(row[2], _WHOLE - _HEAD) for row in table.iter_rows()]


def digest_of(text: str) -> str:
    """A short text that stands for a longer one."""
    return _digest(text, _HEAD).hex()


def since(frame: pl.DataFrame, stamp: str, moment: datetime) -> pl.DataFrame:
    """The rows from a moment on."""
    return frame.filter(pl.col(stamp) >= pl.lit(moment, pl.Datetime("us", "UTC")))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).list.join(";") if isinstance(dtype, pl.List) else pl.col(name).cast(pl.String)


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode(), digest_size=size).digest()
