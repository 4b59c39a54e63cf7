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
# Twins, and those that inherit, have one docstring.
EXAMPLES = list({example.code: example for name, one in PUBLIC.items() for example in examples(name, one)}.values())
# A class shows its properties in its own example, or one of its methods does.
SHOWN = {name: [e.code for e in EXAMPLES if e.of.split(".")[0] == name.split(".")[0]] for name in PUBLIC}


# Examples of what is never asked of the org don't wait for its being there.
_ACCOUNT = re.compile(r"A-1|Account")
_RECORDS = re.compile(r"\bresult\b(?! =)|SELECT|scan_sobject|rows\(|_changes|lookup|plan\(|C-1")


@pytest.fixture
def at_hand(
    request: pytest.FixtureRequest,
    local: sfframe.LocalOrg,
    org: sfframe.Org,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    sfframe.set_default_org(org)
    contacts = pl.DataFrame(
        {
            "ExternalId__c": ["C-1", "C-2", "C-3"],
            "LastName": ["Lovelace", "Hopper", "Turing"],
            "Email": ["ada@example.com", None, "n/a"],
        }
    )
    found = {"sfframe": sfframe, "pl": pl, "pd": pd, "pa": pa, "local": local, "org": org, "contacts": contacts}
    code = request.getfixturevalue("example").code
    if _ACCOUNT.search(code):
        accounts = pl.DataFrame({"ExternalId__c": ["A-1"], "Name": ["Analytical Engines"]})
        sfframe.ingest(accounts, "Account", "insert")
    if _RECORDS.search(code):
        found["result"] = sfframe.bulk(contacts).upsert("Contact", "ExternalId__c", on_failure="return")
    yield {**found, "__name__": "example"}
    sfframe.set_default_org(None)
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.of for example in EXAMPLES])
def test_the_example_runs_and_prints_what_it_says(
    example: Example, at_hand: dict[str, Any], local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> None:
    out = io.StringIO()
    code = example.code.replace(f"https://{HOST}", local.url)
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
        waiting = eval(compile(code, example.of, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), at_hand)
        if inspect.isawaitable(waiting):
            sfframe.run(_finished(waiting))
    for name in [name for name in at_hand if name.startswith("test_")]:
        test = at_hand[name]
        test(**{fixture: request.getfixturevalue(fixture) for fixture in inspect.signature(test).parameters})
    printed = out.getvalue().replace(local.url.removeprefix("http://"), HOST)
    assert plain(printed) == plain(example.printed)


async def _finished(waiting: Any) -> None:
    await waiting


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_has_an_example(name: str) -> None:
    if isinstance(PUBLIC[name], property):
        member = name.split(".")[1]
        assert any(f".{member}" in code for code in SHOWN[name]), f"no example of {name.split('.')[0]} shows .{member}"
    else:
        assert any(examples(name, PUBLIC[name])), f"the docstring of {name} has no example"
