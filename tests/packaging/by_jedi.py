"""What jedi offers on frames in IPython; `make test-dist` runs it, on what is installed.

It takes half a minute, in which jedi reads all of pandas and Polars: too long for the suite.
"""

from __future__ import annotations

from pathlib import Path

from tests.test_completion import ACCESSOR, CALLS, offered, shell_in


def test_verbs_and_options_are_offered_on_frames(tmp_path: Path) -> None:
    shell = shell_in(tmp_path)
    for frame in ("df", "polars_df", "lf"):
        assert offered(shell, f"{frame}.sfbulk.", by_jedi=True) >= ACCESSOR, frame
    for call, options in CALLS.items():
        assert offered(shell, call, by_jedi=True) >= {f"{option}=" for option in options}, call
