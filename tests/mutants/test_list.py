"""The list fits the code: where the code changes, this says which defects are to be written down anew."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import sfframe

from .every import MUTANTS
from .mutant import Mutant
from .trial import ROOT


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 50
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_can_be_put_in_and_names_tests_that_are_there(mutant: Mutant) -> None:
    text = mutant.path_in(Path(sfframe.__file__).parents[1]).read_text()
    changed = mutant.applied_to(text)
    assert changed != text
    compile(changed, mutant.file, "exec")
    assert mutant.harm.endswith(".")
    assert 1 <= len(mutant.tests) <= 3
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert name.partition("[")[0] in _tests_in(path)


@functools.cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {"", *(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))}
