"""The command `sfframe`, also `python -m sfframe`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from sfframe_command import INTERRUPTED, quiet_ctrl_c

_NO_CLICK: Final = "sfframe: the command line needs click, which is not installed: pip install 'sfframe[cli]'\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; `None`: those of this process.

    Returns:
        The exit code: 0 all rows done, 1 some rows failed, 2 the call itself failed, 130 interrupted.
    """
    try:
        with quiet_ctrl_c():
            from sfframe.cli.main import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        if sys.stderr is not None:  # it may have been closed
            sys.stderr.write(_NO_CLICK)
        return 2
    return run(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
