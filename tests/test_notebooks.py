"""The notebooks run, and hold the outputs that they give.

    python -m tests.test_notebooks 03 04

runs those two, or without a number all, and writes their outputs into them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_PORT = "port=8123"  # what a reader sees; a test takes any free port, as others may run beside it


def read(path: Path) -> Any:
    v4: Any = nbformat  # it comes without types
    return v4.read(path, as_version=4)


def executed(notebook: Any) -> Any:
    """The notebook with the outputs of a run; an error in a cell is raised."""
    # Without the times of each run, which would make every one of them a change.
    run = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300, record_timing=False).execute()
    for cell in code_cells(run):
        # A read draws its bar only where it takes its time, so some runs have it and some don't.
        cell.outputs = [output for output in cell.outputs if not _text(output).startswith("read ")]
    return run


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_it_runs_and_shows_what_it_gives(path: Path) -> None:
    kept, again = read(path), read(path)
    for cell in code_cells(again):
        cell.source = cell.source.replace(_PORT, "port=0")
    executed(again)
    for before, after in zip(code_cells(kept), code_cells(again), strict=True):
        assert [_kind(output) for output in before.outputs] == [_kind(output) for output in after.outputs], (
            before.source
        )
        assert _told(before.outputs) == _told(after.outputs)


def test_its_outputs_are_kept(path: Path) -> None:
    notebook = read(path)
    assert [cell.execution_count for cell in code_cells(notebook)] == [*range(1, len(code_cells(notebook)) + 1)]
    assert sum(bool(cell.outputs) for cell in code_cells(notebook)) > len(code_cells(notebook)) / 2


def test_its_outputs_name_no_folder_of_a_machine_and_no_script(path: Path) -> None:
    shown = "".join(str(cell.outputs) for cell in code_cells(read(path)))
    assert not re.search(r"/tmp/|/home/|/root/|/work/|/Users/|ipykernel_", shown)
    assert "<script" not in shown
    assert "stderr" not in shown


def _kind(output: Any) -> tuple[str, ...]:
    return (output.output_type, *sorted(output.get("data", {})))


# What differs by run: a port or a clock, seconds, how often the org was asked; and after a kill, how many jobs it took.
_BY_RUN = re.compile(
    r"\b\d+:\d\d\b|:\d+\b|\b\d+\.\d s\b|[\d,]+ of [\d,]+ left today|\b\d+ jobs?\b|(\n +(7505\w+|and \d+ more:) .*)+"
)


def _told(outputs: list[Any]) -> list[str]:
    """What sfframe itself says."""
    return [_BY_RUN.sub("#", text) for text in map(_text, outputs) if " on 127.0.0.1" in text]


def _text(output: Any) -> str:
    return str(output.get("data", {}).get("text/plain", output.get("text", "")))


if __name__ == "__main__":
    for notebook_path in NOTEBOOKS:
        if sys.argv[1:] and not notebook_path.stem.startswith(tuple(sys.argv[1:])):
            continue
        v4: Any = nbformat
        v4.write(executed(read(notebook_path)), notebook_path)
