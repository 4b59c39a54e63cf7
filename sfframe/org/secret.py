"""Secret: text that doesn't show itself where values are shown. No I/O."""

from __future__ import annotations

from typing import SupportsIndex


class Secret(str):
    """A text whose repr is hidden, and else a text like any other: it compares, hashes, joins and pickles as one.

    Tracebacks with locals, debuggers and logs of containers print reprs, those of other libraries' frames included; of
    a long text some print the repr of its beginning, so a piece is a secret too. What else is made of it
    (`f"Bearer {secret}"`, `secret.encode()`) is a plain value again.
    """

    __slots__ = ()

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        return Secret(super().__getitem__(key))

    def __repr__(self) -> str:
        return "'…'"
