"""The law of the house: data goes down through the floors, and imports go down with it."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import sfframe

ROOT = Path(sfframe.__file__).parent

# From the roof to the cellar: a room imports only rooms below it.
ROOMS = """
__main__
cli.main
cli.load cli.journals cli.query cli.jobs cli.doctor cli.local_org cli.completion
cli.load_options cli.looking cli.planned cli.job_results
cli.files cli.outcome cli.one_job
cli.csv_file cli.results
cli.call_errors cli.lazily
cli.orgs
cli.words cli.taught
cli.streams
demo
testing
testing.bad_days testing.frames
testing.strategies
testing.refused testing.values
testing.in_pandas testing.in_arrow
testing.forms
testing.fields
__init__
frames.dask frames.spark
frames.dask_read frames.spark_results frames.spark_read
frames.spark_options
frames.pandas frames.polars frames.arrow
frames.pandas_kept frames.dicts frames.streams
frames.pandas_arrays
frames.cells
frames.shelf frames.objects frames.tagged
frames.kept
frames.series frames.files frames.tables
verbs
gathered
partition
changes objects lookup resuming
call_folder
depot
reading scanning
paged
sink
planning
plan
once plan_screen
call
runs
conclude
result
page
screen chart excel
job_lines timeline
failures
causes
field_facts
sent handed
row_errors
prepare
front
shared_keys
query.lookup.rows
query.lookup.keys
ingest.runner
ingest.again ingest.job
ingest.collect
ingest.taken_up
ingest.run
ingest.journal
ingest.mirror
ingest.slots ingest.fates
ingest.run_file
ingest.recorded
ingest.storage ingest.store
ingest.locked
ingest.ledger
ingest.same
ingest.settle
ingest.match
ingest.outcomes
ingest.echo
ingest.cost
ingest.payload
ingest.check
ingest.spool
ingest.layout
ingest.lookups
ingest.choose
ingest.columns
ingest.forms
ingest.texts ingest.numbers ingest.moments
ingest.values
ingest.printed
ingest.request
query.changes.window
query.changes.deletes
query.changes.cursor
query.changes.given
query.scan.explain
query.scan.source
query.scan.run
query.scan.pull query.scan.ask
query.frames
query.options
query.read
query.ahead query.form
query.pages.begin
query.pages.bulk query.pages.rest
query.pages.addresses
query.pages.job
query.pages.page
query.pages.decode
query.tables
query.pages.route query.schema.header
query.pages.trouble
query.pushdown.where
query.pushdown.conditions
query.pushdown.bounds
query.pushdown.condition query.pushdown.expressions query.pushdown.written
query.schema.columns
query.schema.types
query.soql.params
query.soql.literals
query.soql.statement
query.objects
local
definition
org.carried
org.org
org.login
org.pace
org.ingest_jobs org.query_jobs
org.jobs org.describe org.rest
org.job org.quota
org.transport
org.readable
org.tokens
org.wire
org.lost
org.sessions org.proxy org.trust
org.soap
org.auth
org.answers
org.names
org.job_page
org.address org.retry org.secret org.body org.patience
options
progress
progress.listeners
progress.bar progress.log
progress.reactive progress.notebook progress.terminal
progress.page progress.line
progress.tally
progress.drawing progress.pace
progress.events
screens
problems listed
markup
bridge disk spelled written
errors
"""
HEIGHT = {room: -n for n, line in enumerate(ROOMS.split("\n")) for room in line.split()}

# The emulator is a house of its own, and one room has its key; to tests its faults and manners are handed out too.
KNOWS_THE_EMULATOR = {"local", "testing", "testing.bad_days", "testing.frames"}
# Its floors, likewise; a room may import its own floor.
EMULATOR = """
__init__
server
web
org
query
ingest
rest
login
soql
desk
faults
saving
data.job_lines
data.store
objects
data.sql
manners
allowance
wire
"""
EMULATOR_HEIGHT = {floor: -n for n, floor in enumerate(EMULATOR.split())}

# What climbs up inside a function, and why it must.
CLIMBS = {
    ("org.ingest_jobs", "verbs"),  # perform_operation hands a frame to the verbs
}

# Who may import a third party; whatever isn't here is everybody's.
THIRD_PARTIES = {
    "pandas": {
        "frames.dask",
        "frames.pandas",
        "frames.pandas_kept",
        "frames.pandas_arrays",
        "demo",
        "testing.in_pandas",
    },
    "aiohttp": {"org.wire", "org.sessions", "org.lost"},
    "tqdm": {"progress.terminal"},
    "IPython": {"progress.notebook"},
    "marimo": set(),  # what runs in a notebook of it finds it imported
    "jwt": {"org.auth"},
    "altair": {"chart"},
    "xlsxwriter": {"excel"},
    "dask": {"frames.dask", "frames.dask_read"},
    "pyspark": {"frames.spark", "frames.spark_read"},
    "duckdb": set(),
    "click": {
        "cli.main",
        "cli.load",
        "cli.journals",
        "cli.query",
        "cli.jobs",
        "cli.job_results",
        "cli.one_job",
        "cli.doctor",
        "cli.local_org",
        "cli.completion",
        "cli.load_options",
        "cli.looking",
        "cli.call_errors",
        "cli.orgs",
        "cli.taught",
    },
    "hypothesis": {"testing.strategies", "testing.values"},
    "pytest": set(),
}


# The command line uses the face, as any script does; what else it must know, and why.
CLI_KNOWS_TOO = {
    ("cli.results", "sink"),  # CSV as df.sfbulk would send it, of rows that are no answer to a query
    ("cli.job_results", "sink"),  # a file is there whole or not at all
    ("cli.query", "sink"),  # the same onto stdout
    ("cli.doctor", "org.login"),  # which variables decide, by name
    ("cli.doctor", "org.proxy"),  # which proxy is in effect, without its password
}
# What it uses as everybody does: a count and a foreign text are written in one way.
EVERYBODY_MAY = {"__init__", "demo", "written"}


@functools.cache
def rooms() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


@functools.cache
def imports(path: Path) -> list[str]:
    """The modules that a file imports when it runs; what is for type checkers alone is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: list[str] = []
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own(module: str) -> str | None:
    """The room that an imported name of ours is in."""
    if module.partition(".")[0] != "sfframe":
        return None
    name = module.removeprefix("sfframe").removeprefix(".")
    known = rooms()
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or "__init__"


@pytest.mark.parametrize("room", sorted(r for r in rooms() if not r.startswith("localorg")))
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    if room.partition(".")[0] in ("cli", "frames", "ingest", "query", "org") and rooms()[room].name == "__init__.py":
        assert not imports(rooms()[room]), "a floor's own file says what the floor is, no more"
        return
    assert room in HEIGHT, f"{room} is in no floor: give it a place in this table"
    for module in imports(rooms()[room]):
        target = own(module)
        if target is None or (room, target) in CLIMBS:
            continue
        if target.startswith("localorg"):
            assert room in KNOWS_THE_EMULATOR, f"{room} must not know the emulator"
            continue
        assert HEIGHT[target] < HEIGHT[room], f"{room} imports {target}, which is not below it"


def test_the_command_line_uses_the_face_alone() -> None:
    for room, path in rooms().items():
        for module in imports(path) if room.startswith("cli.") else ():
            target = own(module)
            if target is not None and target not in EVERYBODY_MAY and not target.startswith("cli"):
                assert (room, target) in CLI_KNOWS_TOO, f"{room} imports {module}"


@pytest.mark.parametrize("room", sorted(r for r in rooms() if r.startswith("localorg")))
def test_the_emulator_imports_nothing_of_the_client(room: str) -> None:
    for module in imports(rooms()[room]):
        target = own(module)
        assert target is None or target.startswith("localorg"), f"{room} imports {module}"
        assert module.partition(".")[0] not in {"polars", "pandas"}


def floor(room: str) -> str:
    """The floor of a room of the emulator."""
    name = room.removeprefix("localorg").removeprefix(".") or "__init__"
    return name if name in EMULATOR_HEIGHT else name.partition(".")[0]


@pytest.mark.parametrize("room", sorted(r for r in rooms() if r.startswith("localorg")))
def test_a_room_of_the_emulator_imports_only_its_floor_and_those_below(room: str) -> None:
    assert room == "localorg.data" or floor(room) in EMULATOR_HEIGHT, f"{room} is in no floor of the emulator"
    for module in imports(rooms()[room]):
        target = own(module)
        if target is not None:
            assert EMULATOR_HEIGHT[floor(target)] <= EMULATOR_HEIGHT[floor(room)], f"{room} imports {target}"


def test_a_third_party_is_known_in_its_own_room_alone() -> None:
    for room, path in rooms().items():
        if room.startswith("localorg"):
            continue
        for module in imports(path):
            allowed = THIRD_PARTIES.get(module.partition(".")[0])
            assert allowed is None or room in allowed, f"{room} imports {module}"


def test_every_room_in_the_table_is_there() -> None:
    assert {room for room in HEIGHT if room not in rooms()} == set()
