"""The command `sfframe`, also `python -m sfframe`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

_NO_CLICK: Final = "sfframe: the command line needs click, which is not installed: pip install 'sfframe[cli]'\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; `None`: those of this process.

    Returns:
        The exit code: 0 all rows done, 1 some rows failed, 2 the call itself failed, 130 interrupted.
    """
    try:
        from sfframe.cli.main import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(_NO_CLICK)
        return 2
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
