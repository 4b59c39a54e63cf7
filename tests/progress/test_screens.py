"""Screens: a bar in terminals and notebooks of both kinds, and none where nobody looks on."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import textwrap
from typing import Any, TypeAlias

import nbclient
import nbformat
import pytest

from sfframe.progress import Event, Finished, PageRead, Preparing, QueryAnswered, QueryFinished, QueryStarted, Started
from sfframe.progress.bar import Bar
from sfframe.progress.drawing import Drawing
from tests import nursery

SCRIPT = textwrap.dedent("""
    import polars as pl, sfframe
    frame = pl.DataFrame({"LastName": ["x"] * 5, "Email": ["a@b.de"] * 4 + ["?"]})
    with sfframe.LocalOrg() as local:
        frame.sfbulk.insert("Contact", org=local.org, max_records=2, on_failure="return")
        found = sfframe.read_soql("SELECT Id FROM Contact", org=local.org, progress=PROGRESS)
""")
# Terminals: their width (None: it doesn't tell), their kind, and what is asked for.
TERMINALS = [(None, "xterm", None), (60, "xterm", None), (200, "xterm", None), (80, "xterm", False), (80, "dumb", None)]
IN_TERMINALS = textwrap.dedent("""
    import fcntl, os, struct, termios
    import polars as pl, sfframe
    frame = pl.DataFrame({"LastName": ["x"] * 5, "Email": ["a@b.de"] * 4 + ["?"]})
    with sfframe.LocalOrg() as local:
        for width, kind, progress in %r:
            os.environ["TERM"] = kind
            fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if width else 0, width or 0, 0, 0))
            frame.sfbulk.insert("Contact", org=local.org, max_records=2, on_failure="return", progress=progress)
            print("NEXT", flush=True)
        sfframe.read_soql("SELECT Id FROM Contact", org=local.org, progress=True)
        print("NEXT", flush=True)
        try:
            frame.sfbulk.insert("Contact", org=local.org, columns={"LastName": "Nope__c"}, progress=True)
        except sfframe.SchemaError:
            print("NEXT", flush=True)
""") % (TERMINALS,)  # fmt: skip


Timed: TypeAlias = tuple[float, Event]


class Canvas:
    """A painter that keeps what it was given."""

    def __init__(self) -> None:
        self.drawings: list[Drawing] = []

    def __call__(self, drawing: Drawing) -> None:
        self.drawings.append(drawing)


class Clock:
    """One that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(*timed: Timed, delay_s: float = 0.0) -> list[Drawing]:
    canvas, clock = Canvas(), Clock()
    bar = Bar(canvas, delay_s=delay_s, clock=clock)
    for now, event in timed:
        clock.now = now
        bar(event)
    return canvas.drawings


CHECKING = Preparing(host="acme", sobject="Contact", operation="insert")
START = Started(host="acme", sobject="Contact", operation="insert", rows=10)
END = Finished(successful=9, failed=1, unprocessed=0)
QUERY = QueryStarted(host="acme", sobject="Contact")
ANSWER = QueryAnswered(transport="rest", rows=900)
READ = PageRead(rows=300, n_bytes=9)


# --- when a bar is drawn ----------------------------------------------------------------------------------------------


def test_a_bar_is_drawn_at_each_stage_and_at_the_end_however_soon_they_come() -> None:
    assert [one.stage for one in drawn((0.0, CHECKING), (0.01, START), (0.02, END))] == ["checking", "sending", "done"]


def test_within_a_stage_it_isnt_drawn_at_each_event() -> None:
    pages: list[Timed] = [(0.01 * n, READ) for n in range(1, 100)]
    assert 5 <= len(drawn((0.0, QUERY), (0.0, ANSWER), *pages)) <= 15


def test_a_read_that_is_soon_over_isnt_drawn() -> None:
    soon: list[Timed] = [(0.0, QUERY), (0.2, ANSWER), (0.3, READ), (0.4, QueryFinished(rows=300))]
    assert drawn(*soon, delay_s=0.5) == []
    late: list[Timed] = [(0.0, QUERY), (0.2, ANSWER), (0.6, READ), (0.7, QueryFinished(rows=300))]
    assert [one.done for one in drawn(*late, delay_s=0.5)] == [300, 300]


async def test_the_clock_goes_on_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfframe.progress.bar._TICK_S", 0.0)
    drawings: list[Drawing] = []
    ticked, clock = asyncio.Event(), Clock()

    def paint(drawing: Drawing) -> None:
        drawings.append(drawing)
        clock.now += 60
        if len(drawings) == 3:
            ticked.set()

    bar = Bar(paint, clock=clock)
    bar(START)
    async with asyncio.timeout(30):
        await ticked.wait()
    assert [one.elapsed for one in drawings[:3]] == ["0:00", "1:00", "2:00"]
    bar(END)
    n_drawn = len(drawings)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(drawings) == n_drawn, "after the end nothing is drawn"


async def test_a_screen_that_fails_between_events_is_no_matter_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfframe.progress.bar._TICK_S", 0.0)
    failed, clock = asyncio.Event(), Clock()
    of_the_loop: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: of_the_loop.append(context))

    def paint(drawing: Drawing) -> None:
        clock.now += 60
        if drawing.elapsed_s:
            failed.set()
            raise OSError("the terminal is gone")

    bar = Bar(paint, clock=clock)
    bar(START)
    async with asyncio.timeout(30):
        await failed.wait()
    await asyncio.sleep(0)
    assert of_the_loop == []
    with pytest.raises(OSError, match="the terminal is gone"):
        bar(END)  # whoever tells the events tells this too


# --- nowhere ----------------------------------------------------------------------------------------------------------


def test_it_is_silent_where_nobody_looks_on() -> None:
    script = SCRIPT.replace("PROGRESS", "None")
    ran = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


# --- terminals --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """What each of the terminals shows, then a read, then a call that is refused."""
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


def _lines(shown: str) -> list[str]:
    return [line.rstrip() for line in shown.rstrip("\r\n").split("\r") if line.strip()]


@pytest.mark.parametrize("terminal", [0, 1, 2])
def test_it_draws_in_a_terminal_of_any_width(shown: list[str], terminal: int) -> None:
    columns, *_ = TERMINALS[terminal]
    *_, last = _lines(shown[terminal])
    assert last.startswith("insert Contact")
    assert "100%" in last
    assert "5/5 rows, 1 failed" in last
    assert all(len(line) < (columns or 100) for line in _lines(shown[terminal]))
    assert shown[terminal].endswith("\r\n"), "what comes next begins on a line of its own"


def test_each_stage_is_to_be_seen(shown: list[str]) -> None:
    stages = [line.partition(": ")[2].partition(" ")[0].strip(",") for line in _lines(shown[2])]
    order = ["checking", "sending", "processing", "collecting", "done"]
    assert [stage for stage in dict.fromkeys(stages) if stage != "collecting"] == [*order[:3], "done"]


def test_a_read_is_drawn_too(shown: list[str]) -> None:
    *_, last = _lines(shown[len(TERMINALS)])
    assert last.startswith("read Contact on 127.0.0.1:")
    assert "20/20 rows" in last


def test_a_call_that_is_refused_says_so_in_its_line(shown: list[str]) -> None:
    *_, last = _lines(shown[len(TERMINALS) + 1])
    assert "stopped by SchemaError" in last


@pytest.mark.parametrize("terminal", [3, 4])
def test_false_and_a_dumb_terminal_draw_nothing(shown: list[str], terminal: int) -> None:
    assert shown[terminal] == ""


# --- notebooks --------------------------------------------------------------------------------------------------------


def test_it_draws_in_a_notebook_and_leaves_its_last_state() -> None:
    script = SCRIPT.replace("PROGRESS", "True")
    without_widgets = "import sys\nsys.modules['ipywidgets'] = None\n"
    with_widgets = "del sys.modules['ipywidgets']\nimport ipywidgets\n"
    v4: Any = nbformat.v4  # it comes without types
    notebook = v4.new_notebook(cells=[v4.new_code_cell(before + script) for before in (without_widgets, with_widgets)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    for cell in notebook.cells:
        load, read = cell.outputs
        assert load.output_type == read.output_type == "display_data"
        assert "done, 5/5 rows, 1 failed" in load.data["text/plain"]
        assert "5/5 rows" in load.data["text/html"]
        assert "1 failed" in load.data["text/html"]
        assert "script" not in load.data["text/html"]
        assert "done, 4/4 rows" in read.data["text/plain"]


MARIMO = """
import marimo
app = marimo.App()

@app.cell
def load():
    import polars as pl, sfframe
    local = sfframe.LocalOrg()
    org = local.org
    frame = pl.DataFrame({"LastName": ["x"] * 5, "Email": ["a@b.de"] * 4 + ["?"]})
    first = frame.sfbulk.insert("Contact", org=org, max_records=2, on_failure="return")
    return first, frame, org, sfframe

@app.cell
async def awaited(first, frame, org):
    second = await frame.sfbulk.insert_async("Contact", org=org, on_failure="return")
    return second,

@app.cell
def read(second, org, sfframe):
    found = sfframe.read_soql("SELECT Id FROM Contact", org=org, progress=True)
    return

@app.cell
def scan(second, org, sfframe):
    sfframe.scan_sobject("Contact", org=org, progress=True).select("Id").collect()
    return

@app.cell
def nothing(first, frame, org):
    none = frame[:0].sfbulk.insert("Contact", org=org)
    return
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The outputs of a marimo notebook's cells, as it saves them."""
    pytest.importorskip("marimo")
    place = tmp_path_factory.mktemp("marimo")
    (place / "load.py").write_text(MARIMO, "utf-8")
    command = [sys.executable, "-m", "marimo", "export", "session", "load.py"]
    subprocess.run(command, cwd=place, capture_output=True, check=True, timeout=120)
    [saved] = place.rglob("*.json")
    cells = json.loads(saved.read_text("utf-8"))["cells"]
    pages = ["".join(output["data"].get("text/html", "") for output in cell["outputs"]) for cell in cells]
    return [page.replace("&quot;", '"') for page in pages]  # attributes of its elements are JSON, escaped


def test_it_draws_in_a_marimo_notebook_and_leaves_its_last_state(cells: list[str]) -> None:
    assert "<marimo-progress " in cells[0]
    assert "insert Contact on 127.0.0.1:" in cells[0]
    assert "1 failed" in cells[0]
    assert "data-total='5' data-progress='5'" in cells[0]


def test_it_draws_there_what_is_awaited_and_what_is_read(cells: list[str]) -> None:
    assert "data-total='5' data-progress='5'" in cells[1]
    assert "read Contact on 127.0.0.1:" in cells[2]
    assert "data-total='8' data-progress='8'" in cells[2]


def test_it_draws_there_no_scan_whose_end_it_couldnt_show(cells: list[str]) -> None:
    assert "progress" not in cells[3]


def test_it_draws_there_that_nothing_was_to_be_done(cells: list[str]) -> None:
    assert "0/0 rows" in cells[4]
    assert "marimo-progress" not in cells[4], "which would turn for ever"
