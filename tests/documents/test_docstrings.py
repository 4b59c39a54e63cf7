"""Each public docstring has an example, which runs on the local org and prints what it says.

An example has `contacts`, a Polars frame of three of whom one has a bad e-mail address; `result`, what their upsert
gave; `org` and `local`, the org where they went, which is the default one; and `sfframe`, `pl`, `pd`, `pa`.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sfframe

from .blocks import HOST, plain
from .docstrings import Example, examples, public

PUBLIC = public()
CONTACTS = pl.DataFrame(
    {
        "ExternalId__c": ["C-1", "C-2", "C-3"],
        "LastName": ["Lovelace", "Hopper", "Turing"],
        "Email": ["ada@example.com", None, "n/a"],
    }
)
# Twins, and those that inherit, have one docstring.
EXAMPLES = list({example.code: example for name, one in PUBLIC.items() for example in examples(name, one)}.values())
# A class shows its properties in its own example, or one of its methods does.
SHOWN = {name: [e.code for e in EXAMPLES if e.of.split(".")[0] == name.split(".")[0]] for name in PUBLIC}


# What may change the org. The same contacts again, or a read, leave it as it was, and it serves the next example too.
_WRITES = re.compile(
    r"(?<!contacts\.)sfbulk\.(insert|update|upsert|delete|hard_delete)|contacts\.sfbulk\.(insert|upsert\(\n)"
    r"|bulk\(|ingest|local\.(?!url|org)|create_job|delete_job|retry|fresh|testing"
)


def _writes(example: Example) -> bool:
    return bool(_WRITES.search(example.code))


class _Desk:
    """A local org with an account and what `contacts` became, filled anew only after it was written to."""

    def __init__(self, local: sfframe.LocalOrg) -> None:
        self.local = local
        self.result: Any = None

    def filled(self) -> Any:
        """The result of the upsert that put the contacts there."""
        if self.result is None:
            self.local.reset()
            accounts = pl.DataFrame({"ExternalId__c": ["A-1"], "Name": ["Analytical Engines"]})
            sfframe.ingest(accounts, "Account", "insert")
            self.result = sfframe.bulk(CONTACTS).upsert("Contact", "ExternalId__c", on_failure="return")
        return self.result

    def tidied(self) -> None:
        """Nothing is left of what an example has done."""
        self.result = None
        self.local.release_jobs()
        self.local.faults.clear()


@pytest.fixture(scope="module")
def desk(started_local: sfframe.LocalOrg) -> _Desk:
    return _Desk(started_local)


@pytest.fixture
def at_hand(
    request: pytest.FixtureRequest,
    desk: _Desk,
    started_org: sfframe.Org,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    sfframe.set_default_org(started_org)
    modules = {"sfframe": sfframe, "pl": pl, "pd": pd, "pa": pa, "__name__": "example"}
    yield {**modules, "local": desk.local, "org": started_org, "contacts": CONTACTS, "result": desk.filled()}
    sfframe.set_default_org(None)
    os.environ.clear()
    os.environ.update(before)
    if _writes(request.getfixturevalue("example")):
        desk.tidied()


IN_TURN = sorted(EXAMPLES, key=_writes)


@pytest.mark.parametrize("example", IN_TURN, ids=[one.of for one in IN_TURN])
def test_the_example_runs_and_prints_what_it_says(
    example: Example, at_hand: dict[str, Any], started_local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> None:
    out = io.StringIO()
    code = example.code.replace(f"https://{HOST}", started_local.url)
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
        waiting = eval(compile(code, example.of, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), at_hand)
        if inspect.isawaitable(waiting):
            sfframe.run(_finished(waiting))
    for name in [name for name in at_hand if name.startswith("test_")]:
        test = at_hand[name]
        test(**{fixture: request.getfixturevalue(fixture) for fixture in inspect.signature(test).parameters})
    printed = out.getvalue().replace(started_local.url.removeprefix("http://"), HOST)
    assert plain(printed) == plain(example.printed)


async def _finished(waiting: Any) -> None:
    await waiting


def test_each_public_name_has_an_example() -> None:
    assert [name for name, one in PUBLIC.items() if not _is_shown(name, one)] == []


def _is_shown(name: str, one: Any) -> bool:
    if isinstance(one, property):
        return any(f".{name.split('.')[1]}" in code for code in SHOWN[name])
    return any(examples(name, one))
