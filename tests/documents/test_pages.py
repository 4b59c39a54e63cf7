"""The code of README and docs runs, block after block, and prints what they say."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import re
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sfframe

from .blocks import CONTRIBUTING, HOST, OURS, PAGES, README, ROOT, Block, blocks, plain
from .shell import check_block

# Their Python runs, on the same org as ours; that of the others is compiled, as they aren't among our tools.
STRANGERS = {"simple-salesforce", "aiosalesforce"}
# Forms of those who can't be run here: what they are for is told by their own documents.
FOREIGN = {
    "marimo": {"python"},
    "posf": {"python"},
    "duckdb-salesforce": {"sql"},
    "Data Loader": {"sh", "xml", "properties"},
    "sf": {"sh"},
    "spark": {"python"},  # tests/engines has one
}


@pytest.mark.parametrize("document", [README, CONTRIBUTING, *PAGES], ids=lambda path: path.stem)
def test_every_block_runs_and_prints_what_the_document_says(
    document: Path, reader: dict[str, Any], local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> None:
    if STRANGERS & {block.tool for block in blocks(document)}:
        request.getfixturevalue("strangers")
    own = local.url.removeprefix("http://")
    for block in blocks(document):
        printed = _run(block, document, reader, local, request).replace(own, HOST)
        if block.printed is not None or (printed and block.kind == "python"):
            assert plain(printed) == plain(block.printed or ""), f"{document.name}:{block.line}"


def _run(
    block: Block, document: Path, reader: dict[str, Any], local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> str:
    if block.tool in FOREIGN:
        assert block.kind in FOREIGN[block.tool], f"{document.name}:{block.line}: {block.kind} of {block.tool}"
        if block.kind == "python":
            compile(block.at_its_line, str(document), "exec")
        return ""
    if block.kind == "sh" and block.tool == OURS:
        return check_block(block)
    assert block.kind == "python", f"{document.name}:{block.line}: nothing tries a block of {block.kind or 'no kind'}"
    assert block.tool in {OURS, *STRANGERS}, f"{document.name}:{block.line}: nobody knows {block.tool}"
    return _executed(block, document, reader, local, request)


def _executed(
    block: Block, document: Path, reader: dict[str, Any], local: sfframe.LocalOrg, request: pytest.FixtureRequest
) -> str:
    is_ours = block.tool == OURS
    code = block.at_its_line.replace(f"https://{HOST}", local.url) if is_ours else block.at_its_line
    known, out = set(reader), io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", sfframe.RecordsFailedWarning if is_ours else Warning)
        exec(compile(code, str(document), "exec"), reader)
    for name in [name for name in reader if name.startswith("test_") and name not in known]:
        _run_test(reader[name], request)
    return out.getvalue()


def _run_test(test: Callable[..., None], request: pytest.FixtureRequest) -> None:
    """A test that a document shows, with the fixtures that it asks for."""
    test(**{fixture: request.getfixturevalue(fixture) for fixture in inspect.signature(test).parameters})


def _table_under(heading: str, page: Path) -> set[str]:
    """The names in the first column of the table under a heading."""
    table = page.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", "".join(rows)))


def test_the_options_table_names_every_option() -> None:
    assert _table_under("Options", ROOT / "docs" / "options.md") == {*sfframe.Options.__dataclass_fields__, "org"}


def test_the_table_of_extras_names_those_that_are_for_users() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    table = (ROOT / "docs" / "first-load.md").read_text("utf-8").partition("\n| extra |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`sfframe\[(\w+)\]`", table)) == set(declared) - {"dev", "docs", "engines"}


@pytest.mark.parametrize("document", [README, CONTRIBUTING, *PAGES], ids=lambda path: path.stem)
def test_documents_name_nothing_that_isnt_there(document: Path) -> None:
    text = document.read_text("utf-8")
    for name in re.findall(r"`sfframe\.([A-Za-z_]+)", text):
        assert hasattr(sfframe, name) or importlib.util.find_spec(f"sfframe.{name}"), f"sfframe.{name}"
    for name in re.findall(r"`result\.([a-z_]+)", text):
        assert hasattr(sfframe.IngestResult, name) or name in (sfframe.IngestResult.__doc__ or ""), f"result.{name}"
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), f"make {target}"


def test_every_page_is_in_the_site_s_navigation() -> None:
    listed = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    assert [page.name for page in PAGES if page.relative_to(ROOT / "docs").as_posix() not in listed] == []
