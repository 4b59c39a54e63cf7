"""The code of README and docs runs, block after block, and prints what they say."""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOST = "acme.my.salesforce.com"


@dataclass(frozen=True)
class Block:
    """A block of Python, the line where it begins, and what the document says it prints."""

    code: str
    line: int
    printed: str | None


def blocks(document: Path) -> list[Block]:
    text = document.read_text("utf-8")
    found = [(match[1], match[2], text.count("\n", 0, match.start()) + 1) for match in _BLOCK.finditer(text)]
    return [
        Block(code, line, following[1] if following[0] == "text" else None)
        for (kind, code, line), following in itertools.pairwise([*found, ("", "", 0)])
        if kind == "python"
    ]


@pytest.fixture
def namespace(
    local: sfframe.LocalOrg, org: sfframe.Org, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """What the README's reader has: an org with an account, the environment's variables, a frame, a folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"URL": local.url, "CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret}.items():
        monkeypatch.setenv(f"SFFRAME_{name}", value)
    accounts = pl.DataFrame({"ExternalId__c": ["A-1", "A-7"], "Name": ["Analytical Engines", "Bletchley Park"]})
    sfframe.ingest(accounts, "Account", "upsert", "ExternalId__c", org=org)
    sfframe.set_default_org(org)
    contacts = pl.DataFrame({"ExternalId__c": ["C-0"], "LastName": ["Babbage"]})
    yield {"__name__": "document", "contacts": contacts}
    sfframe.set_default_org(None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_block_runs_and_prints_what_the_document_says(
    document: Path, namespace: dict[str, Any], local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> None:
    own = local.url.removeprefix("http://")
    for block in blocks(document):
        code = "\n" * block.line + block.code.replace(f"https://{HOST}", local.url)
        known, out = set(namespace), io.StringIO()
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
            exec(compile(code, str(document), "exec"), namespace)
        for name in [name for name in namespace if name.startswith("test_") and name not in known]:
            _run_test(namespace[name], request)
        if block.printed is not None or out.getvalue():
            assert _plain(out.getvalue().replace(own, HOST)) == _plain(block.printed or "")


def _run_test(test: Callable[..., None], request: pytest.FixtureRequest) -> None:
    """A test that a document shows, with the fixtures that it asks for."""
    test(**{fixture: request.getfixturevalue(fixture) for fixture in inspect.signature(test).parameters})


def _plain(text: str) -> str:
    """Without times, and with the null of text that each version of pandas writes in its own way."""
    text = text.replace("<NA>", " NaN")
    return re.sub(r"\d+\.\d s\)", "0.0 s)", text)


def test_the_options_table_names_every_option_with_its_default() -> None:
    text = README.read_text("utf-8")
    table = text[text.index("## Options") : text.index("## asyncio")]
    named = set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|")))
    )
    assert named == {*sfframe.Options.__dataclass_fields__, "org"}


def test_the_readme_names_nothing_that_isnt_there() -> None:
    for name in re.findall(r"`?sfframe\.([A-Za-z_]+)", README.read_text("utf-8")):
        assert hasattr(sfframe, name), f"sfframe.{name}"
    for name in re.findall(r"`?result\.([a-z_]+)", README.read_text("utf-8")):
        assert hasattr(sfframe.IngestResult, name) or name in ("jobs",), f"result.{name}"


def test_every_make_target_that_the_readme_names_is_there() -> None:
    makefile = (README.parent / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)(?= *#|`)", README.read_text("utf-8")):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target
