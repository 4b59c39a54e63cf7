"""The fixtures for users' tests: tried in projects of their own, as a user has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import sfframe
from sfframe.org.org import default_org

ROOT = Path(__file__).parents[2]
DESCRIBED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PLUGIN = DESCRIBED["project"]["entry-points"]["pytest11"]["sfframe"]
# What takes long to import; none of it may come before a fixture is used.
HEAVY = ("sfframe", "pandas", "polars", "pyarrow", "duckdb", "aiohttp", "numpy")

# What pyproject.toml says, as an installation would write it.
INSTALLED = """Metadata-Version: 2.1
Name: sfframe-as-installed
Version: 0
"""

Project = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Runs pytest in a folder with these files: `project({"test_etl.py": "..."}, "-q")`; gives what it prints."""
    return _project(tmp_path)


def _project(folder: Path) -> Project:
    def run(files: dict[str, str], *arguments: str, status: int = 0) -> str:
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        (installed := folder / "site" / "sfframe_as_installed-0.dist-info").mkdir(parents=True)
        (installed / "METADATA").write_text(INSTALLED)
        (installed / "entry_points.txt").write_text(f"[pytest11]\nsfframe = {PLUGIN}\n")
        settings = ("-W", "error", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
        command = [sys.executable, "-m", "pytest", *settings, *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SFFRAME_", "PYTEST"))}
        environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{installed.parent}"
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


ETL = """
import pandas as pd
import sfframe

def run():
    pd.DataFrame({"LastName": ["Ng", "Ó Briain", 'a "b"']}).sfbulk.insert("Contact")
"""
FIVE_LINES = """
import my_etl, sfframe

def test_my_etl(sfframe_org, sfframe_server):
    my_etl.run()
    assert sfframe_server.rows("Contact").num_rows == 3
"""


OWN_OBJECTS = """
import pytest, sfframe

@pytest.fixture(scope="session")
def sfframe_server():
    with sfframe.LocalOrg() as local:
        local.define("Invoice__c", {"Total__c": "currency"})
        yield local
"""
INVOICES = """
import polars as pl

def test_invoices(sfframe_org, sfframe_server):
    pl.DataFrame({"Total__c": [1.5]}).sfbulk.insert("Invoice__c")
    assert sfframe_server.rows("Invoice__c")["Total__c"].to_pylist() == [1.5]
"""
EXAMPLES = """
import pandas as pd
from hypothesis import given, settings, strategies as st

@settings(max_examples=5, deadline=None)
@given(n=st.integers(1, 3))
def test_counts(sfframe_server, n):
    with sfframe_server.fresh() as org:
        pd.DataFrame({"LastName": ["x"] * n}).sfbulk.insert("Contact", org=org)
        assert sfframe_server.rows("Contact").num_rows == n
"""
COROUTINE = """
import pandas as pd, pytest

@pytest.mark.asyncio
async def test_it(sfframe_org):
    result = await pd.DataFrame({"LastName": ["x"]}).sfbulk.insert_async("Contact")
    assert len(result.successful_results) == 1
"""


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The tests that passed in a project of several files; no other one is in it."""
    files = {
        "my_etl.py": ETL,
        "test_etl.py": FIVE_LINES + FIVE_LINES.replace("_my_etl(", "_again("),
        "test_counts.py": EXAMPLES,
        "test_async.py": COROUTINE,
        "invoices/conftest.py": OWN_OBJECTS,
        "invoices/test_invoices.py": INVOICES,
    }
    printed = _project(tmp_path_factory.mktemp("project"))(files, "-v")
    assert "5 passed" in printed
    return re.findall(r"^(\S+) PASSED", printed, re.MULTILINE)


def test_a_project_of_five_lines_has_an_org(passed: list[str]) -> None:
    assert {"test_etl.py::test_my_etl", "test_etl.py::test_again"} <= set(passed)


def test_a_project_can_bring_objects_of_its_own(passed: list[str]) -> None:
    assert "invoices/test_invoices.py::test_invoices" in passed


def test_tests_of_hypothesis_get_an_empty_org_for_each_example(passed: list[str]) -> None:
    assert "test_counts.py::test_counts" in passed


def test_coroutines_as_tests_leave_nothing_open(passed: list[str]) -> None:
    assert "test_async.py::test_it" in passed


def test_nothing_is_imported_before_a_fixture_is_used(project: Project) -> None:
    test = f"""
import sys

def test_without_it():
    assert set({HEAVY!r}) & sys.modules.keys() == set()

def test_with_it(sfframe_org):
    assert set({HEAVY!r}) - sys.modules.keys() == set()
"""
    project({"test_light.py": test})


def test_the_fixtures_can_be_switched_off(project: Project) -> None:
    test = "def test_my_etl(sfframe_org): pass"
    printed = project({"test_etl.py": test}, "-p", "no:sfframe", status=1)
    assert "fixture 'sfframe_org' not found" in printed


def test_the_module_with_the_fixtures_is_packed() -> None:
    assert f"{PLUGIN}.py" in DESCRIBED["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert f"/{PLUGIN}.py" in DESCRIBED["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


def test_the_default_org_is_the_fresh_one_meanwhile(sfframe_server: sfframe.LocalOrg) -> None:
    before = default_org()
    with sfframe_server.fresh() as outer:
        assert default_org() is outer
        with sfframe_server.fresh() as inner:
            assert default_org() is inner is not outer
        assert default_org() is outer
    assert default_org() is before
    with pytest.raises(KeyError), sfframe_server.fresh():
        raise KeyError
    assert default_org() is before


def test_a_fresh_org_has_nothing_of_the_one_before(sfframe_server: sfframe.LocalOrg) -> None:
    from sfframe.localorg import Fault

    contacts = pd.DataFrame({"LastName": ["x"]})
    with sfframe_server.fresh() as org:
        sfframe_server.rules["Contact"] = lambda row: "no"
        sfframe_server.faults.append(Fault("rows", "lock", match=r"^y", times=None))
        assert len(contacts.sfbulk.insert("Contact", org=org, on_failure="return").failed_results) == 1
        del sfframe_server.rules["Contact"]
        contacts.sfbulk.insert("Contact", org=org)
    with sfframe_server.fresh():
        assert sfframe_server.rows("Contact").num_rows == 0
        assert (sfframe_server.faults, sfframe_server.rules, sfframe_server.faults_met) == ([], {}, 0)
        assert list(sfframe_server.requests) == []


def test_faults_that_an_org_was_made_with_are_those_of_each_fresh_one() -> None:
    from sfframe.localorg import Fault

    with sfframe.LocalOrg(faults=[Fault("token", "drop")]) as local:
        for _ in range(2):
            with local.fresh():
                pd.DataFrame({"LastName": ["x"]}).sfbulk.insert("Contact")
                assert local.faults_met == 1
                local.faults.append(Fault("put", "drop"))


def test_an_object_that_is_redefined_is_described_anew(sfframe_server: sfframe.LocalOrg) -> None:
    with sfframe_server.fresh():
        sfframe_server.define("Note__c", {"Text__c": {"type": "string", "length": 3}})
        notes = pd.DataFrame({"Text__c": ["abcd"]})
        with pytest.raises(sfframe.PayloadError):
            notes.sfbulk.insert("Note__c")
        sfframe_server.define("Note__c", {"Text__c": {"type": "string", "length": 4}})
        notes.sfbulk.insert("Note__c")


def test_nothing_is_waited_for_in_a_fresh_org(sfframe_server: sfframe.LocalOrg) -> None:
    from sfframe.localorg import Fault

    with sfframe_server.fresh():
        sfframe_server.faults[:] = [
            Fault("create", "status", status=429, retry_after=100, times=3),
            Fault("get_job", "status", status=503, retry_after=100, times=3),
        ]
        started = time.monotonic()
        pd.DataFrame({"LastName": ["x"]}).sfbulk.insert("Contact")
        assert sfframe_server.faults_met == 6
        assert time.monotonic() - started < 20


def test_a_fresh_org_takes_milliseconds(sfframe_server: sfframe.LocalOrg) -> None:
    taken = []
    for _ in range(30):
        started = time.perf_counter()
        with sfframe_server.fresh():
            taken.append(time.perf_counter() - started)
    # 3 ms on a quiet machine. The best of many: the others tell how busy this one is.
    assert min(taken) < 0.015
