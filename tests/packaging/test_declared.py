"""What pyproject.toml declares is what the package needs, and what is tried."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sfframe

from .dist import SOME
from .lowest import lowest

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = DECLARED["project"]
# What the wheel brings: the package, and what lies beside it.
OWN = {Path(name).stem for name in DECLARED["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]}
EXTRAS: dict[str, list[Requirement]] = {
    name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()
}
HARD = [Requirement(line) for line in PROJECT["dependencies"]]
FOR_USERS = set(EXTRAS) - {"dev", "docs"}
# Parts of what is declared, and what is there already where it matters.
OF_OTHERS = {"numpy": "pandas", "multidict": "aiohttp", "yarl": "aiohttp", "IPython": None}


def imported() -> Iterator[str]:
    """Every package that a file of sfframe imports, inside of functions too."""
    for path in Path(sfframe.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_whatever_is_imported_is_declared() -> None:
    declared = {one.name for extra in FOR_USERS for one in EXTRAS[extra]} | {one.name for one in HARD}
    distributions = metadata.packages_distributions()
    for name in set(imported()) - set(sys.stdlib_module_names) - OWN:
        whose = OF_OTHERS.get(name, distributions.get(name, [name])[0])  # which isn't installed everywhere
        assert whose is None or whose.lower() in declared, f"{name}, of {whose}, is in no extra"


def test_each_dependency_tells_the_lowest_version_that_is_tried() -> None:
    for one in [*HARD, *(one for lines in EXTRAS.values() for one in lines if one.name != "sfframe")]:
        assert lowest(one)


def test_what_the_wheel_is_tried_with_is_there() -> None:
    assert [path for path in SOME if not (ROOT / path).exists()] == []


def test_the_version_is_said_once_in_two_places() -> None:
    assert PROJECT["version"] == sfframe.__version__


@pytest.fixture(scope="module")
def jobs() -> list[tuple[str, str]]:
    """The targets of the workflow, and their Pythons."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    return re.findall(r'\{target: ([a-z -]+), python: "([\d.]+)"\}', workflow)


def test_the_workflow_makes_what_the_makefile_has(jobs: list[tuple[str, str]]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {target for line, _ in jobs for target in line.split()}
    assert targets >= {"check", "test", "test-lowest", "test-docs", "test-dist"}
    assert {target for target in targets if not re.search(rf"^{target}:.*##", makefile, re.MULTILINE)} == set()


def test_the_workflow_tries_every_python_that_is_promised(jobs: list[tuple[str, str]]) -> None:
    promised = {word for line in PROJECT["classifiers"] for word in re.findall(r":: (3\.\d+)$", line)}
    tried = {python for target, python in jobs if target == "test"}
    assert promised <= tried
    floor = min(tried, key=lambda version: tuple(map(int, version.split("."))))
    assert PROJECT["requires-python"] == f">={floor}"
    assert [python for target, python in jobs if target == "test-lowest"] == [floor]


def test_each_target_has_its_budget_beside_it() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for found in re.finditer(r"((?:^#.*\n)*)^([a-z-]+):.*##", makefile, re.MULTILINE):
        assert found[2] in ("help", "clean") or "Budget:" in found[1], found[2]
