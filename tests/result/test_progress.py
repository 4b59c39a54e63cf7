"""Progress: events in a sensible order, a bar where a person looks on, and never a danger to the load."""

from __future__ import annotations

import dataclasses
import logging
import os
import pty
import subprocess
import sys
import textwrap
from typing import Any

import nbclient
import nbformat
import polars as pl
import pytest

import sfframe
from sfframe.localorg import Fault
from sfframe.progress import (
    Bar,
    Drawing,
    Finished,
    JobCreated,
    JobFinished,
    JobProgressed,
    PartUploaded,
    RowsRetried,
    Started,
)
from tests import nursery

FRAME = pl.DataFrame({"LastName": [f"n{n}" for n in range(10)], "Email": [*["a@b.de"] * 8, "?", "?"]})
SCRIPT = textwrap.dedent("""
    import polars as pl, sfframe
    frame = pl.DataFrame({"LastName": ["x"] * 5, "Email": ["a@b.de"] * 4 + ["?"]})
    with sfframe.LocalOrg() as local:
        result = frame.sfbulk.insert("Contact", org=local.org, max_records=2, on_failure="return")
""")
# Terminals: their width (None: it doesn't tell), and what is asked for.
TERMINALS = [(None, None), (80, None), (200, None), (80, False)]
IN_TERMINALS = textwrap.dedent("""
    import fcntl, struct, termios
    import polars as pl, sfframe
    frame = pl.DataFrame({"LastName": ["x"] * 5, "Email": ["a@b.de"] * 4 + ["?"]})
    with sfframe.LocalOrg() as local:
        for width, progress in %r:
            fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if width else 0, width or 0, 0, 0))
            frame.sfbulk.insert("Contact", org=local.org, max_records=2, on_failure="return", progress=progress)
            print("NEXT", flush=True)
""") % (TERMINALS,)  # fmt: skip


def events_of(frame: pl.DataFrame, org: sfframe.Org, **options: Any) -> list[Any]:
    events: list[Any] = []
    sfframe.ingest(frame, "Contact", "insert", org=org, progress=events.append, on_failure="return", **options)
    return events


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_come_in_the_order_of_what_happens(org: sfframe.Org) -> None:
    events = events_of(FRAME, org, max_records=4)
    assert events[0] == Started(host=org.host, sobject="Contact", operation="insert", rows=10)
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)
    jobs = [event.job_id for event in events if isinstance(event, JobCreated)]
    assert len(jobs) == 3
    for job in jobs:
        kinds = [type(event) for event in events[1:-1] if event.job_id == job]
        assert kinds[:2] == [JobCreated, PartUploaded]
        assert kinds[-1] is JobFinished
        assert set(kinds[2:-1]) <= {JobProgressed}
    finished = [event for event in events if isinstance(event, JobFinished)]
    assert sum(event.rows for event in finished) == 10
    assert sum(event.failed for event in finished) == 2


def test_events_are_frozen_and_hold_no_cell_and_no_secret(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    for event in events_of(FRAME, org):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, dataclasses.fields(event)[0].name, "other")
        assert "a@b.de" not in repr(event)
        assert local.client_secret not in repr(event)


def test_rows_that_go_again_are_told(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("rows", "lock", match="n3"))
    events = events_of(FRAME, org)
    again = [event for event in events if isinstance(event, RowsRetried)]
    assert again == [RowsRetried(rows=1, attempt=2)]
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)


def test_no_rows_have_a_start_and_an_end(org: sfframe.Org) -> None:
    assert [type(event) for event in events_of(FRAME[:0], org)] == [Started, Finished]


@pytest.mark.parametrize("error", [RuntimeError("no paper in the printer"), KeyboardInterrupt(), SystemExit(3)])
def test_a_function_that_fails_never_endangers_a_load(
    org: sfframe.Org, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    calls = []

    def bad(event: Any) -> None:
        calls.append(event)
        raise error

    with caplog.at_level(logging.ERROR, "sfframe.progress"):
        result = sfframe.ingest(FRAME[:8], "Contact", "insert", org=org, progress=bad)
    assert result
    assert len(calls) == 1
    assert "gets no more events" in caplog.text


# --- the bar ----------------------------------------------------------------------------------------------------------


class Canvas:
    """A painter that keeps what it was given."""

    def __init__(self) -> None:
        self.drawings: list[Drawing] = []

    def __call__(self, drawing: Drawing, *, is_last: bool = False) -> None:
        self.drawings.append(dataclasses.replace(drawing))


def drawn(*events: Any, monkeypatch: pytest.MonkeyPatch) -> list[Drawing]:
    canvas = Canvas()
    monkeypatch.setattr("sfframe.progress.TerminalPainter", lambda: canvas)
    bar = Bar()
    for event in events:
        bar(event)
    return canvas.drawings


def job_events(job_id: str, rows: int, failed: int) -> list[Any]:
    return [
        JobCreated(job_id=job_id, rows=rows, payload_bytes=9),
        PartUploaded(job_id=job_id, rows=rows, payload_bytes=9),
        JobProgressed(job_id=job_id, state="InProgress", rows_processed=rows // 2, rows_failed=0),
        JobFinished(
            job_id=job_id, state="JobComplete", rows=rows, successful=rows - failed, failed=failed, unprocessed=0
        ),
    ]


def test_the_bar_follows_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Started(host="h", sobject="Contact", operation="insert", rows=10)
    end = Finished(successful=9, failed=1, unprocessed=0)
    again = [RowsRetried(rows=1, attempt=2), *job_events("b", 1, 0)]
    drawings = drawn(start, *job_events("a", 10, 2), *again, end, monkeypatch=monkeypatch)
    assert [d.done for d in drawings] == [0, 0, 0, 5, 10, 9, 9, 9, 9, 10, 10]
    assert [d.failed for d in drawings] == [0, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1]
    assert [d.tail for d in drawings[1:4]] == ["1 job sending", "1 job running", "1 job running"]
    assert drawings[-1].tail == "1 failed"


def test_the_bar_never_goes_past_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    late = JobProgressed(job_id="a", state="InProgress", rows_processed=99, rows_failed=0)
    start = Started(host="h", sobject="Contact", operation="insert", rows=10)
    assert drawn(start, late, monkeypatch=monkeypatch)[-1].done == 10


def test_it_is_silent_where_nobody_looks_on() -> None:
    ran = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """What each of the terminals shows."""
    reader, writer = pty.openpty()
    with nursery.Child(["-c", IN_TERMINALS], stdin=writer, stdout=writer, stderr=writer) as process:
        os.close(writer)
        all_shown = b""
        while chunk := _read(reader):
            all_shown += chunk
    os.close(reader)
    assert process.returncode == 0, all_shown
    *by_terminal, rest = all_shown.decode().split("NEXT\r\n")
    assert rest == ""
    return by_terminal


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side is closed
        return b""


@pytest.mark.parametrize("terminal", [0, 1, 2])
def test_it_draws_in_a_terminal_of_any_width(shown: list[str], terminal: int) -> None:
    columns, _ = TERMINALS[terminal]
    last = shown[terminal].rstrip("\r\n").split("\r")[-1]
    assert last.startswith("insert Contact on 127.0.0.1:")
    assert "100%" in last
    assert "5/5 rows, 1 failed" in last
    assert len(last) <= (columns or 100)
    assert shown[terminal].endswith("\r\n"), "what comes next begins on a line of its own"


def test_false_draws_nothing_in_a_terminal(shown: list[str]) -> None:
    assert shown[TERMINALS.index((80, False))] == ""


def test_it_draws_in_a_notebook_and_leaves_its_last_state() -> None:
    without_widgets = "import sys\nsys.modules['ipywidgets'] = None\n"
    with_widgets = "del sys.modules['ipywidgets']\nimport ipywidgets\n"
    v4: Any = nbformat.v4  # it comes without types
    notebook = v4.new_notebook(cells=[v4.new_code_cell(before + SCRIPT) for before in (without_widgets, with_widgets)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    for cell in notebook.cells:
        [output] = cell.outputs
        assert output.output_type == "display_data"
        assert "5 of 5 rows, 1 failed" in output.data["text/plain"]
        assert "5 of 5 rows, 1 failed" in output.data["text/html"]
        assert "script" not in output.data["text/html"]
