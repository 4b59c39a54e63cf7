"""The command `sfframe`, from its first moment: Ctrl-C ends it quietly, also while the libraries are imported.

It lies beside the package because importing anything in there imports the frame libraries, which takes a second or
more; `python -m sfframe` has imported them before a line of ours is run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

INTERRUPTED: Final = 130


def main() -> int:
    """Run the command whose words are those of this process.

    Returns:
        The exit code; see `sfframe.__main__`.
    """
    try:
        with quiet_ctrl_c():
            from sfframe.__main__ import main as command
        return command()
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def quiet_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the process at once and without a word: nothing that would have to be told has begun.

    An exception wouldn't do: some libraries don't let one out of their import.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody has a way of their own, or it is to be ignored, as by nohup
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
