"""What sfframe advises is said in the words of a shell, harmlessly."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sfframe
from sfframe.__main__ import main
from sfframe.cli import words
from sfframe.written import short


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("leave it out with columns={'LastNam': None}.", "leave it out with --columns LastNam=."),
        ("leave it out with columns={...: None}.", "leave it out with --columns COLUMN=."),
        ("map it with columns={'it\\'s': 'Field'}, or", """map it with --columns 'it'"'"'s=Field', or"""),
        ("map a column to it with columns={...: 'Ext__c'}", "map a column to it with --columns COLUMN=Ext__c"),
        ("Use nulls={'E mail': 'ignore'}, or", "Use --nulls 'E mail=ignore', or"),
        ("or choose columns with columns=[...].", "or choose columns with --columns A,B."),
        ("with invalid='report'", "with --invalid report"),
        ("e.g. naive_datetimes='Europe/Berlin', or", "e.g. --naive-datetimes Europe/Berlin, or"),
        ("with on_duplicate_key='send'.", "with --on-duplicate-key send."),
        ("or say new_run=True to begin", "or say --new-run to begin"),
        ("Finish it with sfframe.resume('a b/run')", "Finish it with sfframe resume 'a b/run'"),
        ("Finish it with sfframe.resume(folder), which", "Finish it with sfframe resume FOLDER, which"),
        ("say api='rest'", "say --api rest"),
        ("timeout=5 s was up", "--timeout 5 s was up"),
        ("nulls= names it, but the frame has no such column", "--nulls names it, but the file has no such column"),
        ("nulls= was 'ignore' and is 'clear'; group_by= was", "--nulls was 'ignore' and is 'clear'; --group-by was"),
        ("that the call had as journal=.", "that the call had as --journal."),
        ("name its org by org=...", "name its org by --org"),
        ("Raise max_payload_bytes, or shorten", "Raise --max-payload-bytes, or shorten"),
        ("sfframe.describe_sobject('Contact') lists the fields.", "`sfframe describe Contact` lists the fields."),
        ("`await org.limits()` has what is left", "`sfframe limits` has what is left"),
        ("The frame has 'group_by' and 'the frame'.", "The file has 'group_by' and 'the frame'."),
        ("the run in /home/max_records/x", "the run in /home/max_records/x"),
        ("Name='x' and x=1 stay", "Name='x' and x=1 stay"),
    ],
)
def test_advice_for_python_is_advice_for_a_shell(python: str, shell: str) -> None:
    assert words.in_shell(python) == shell


def texts_in(path: Path) -> Iterator[str]:
    """The texts of a module, with some value in each place for one."""
    tree = ast.parse(path.read_text("utf-8"))
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    pieces = {id(piece) for node in joined for piece in ast.walk(node) if piece is not node}
    for node in joined:
        yield "".join(
            str(piece.value) if isinstance(piece, ast.Constant) else "'x'" if piece.conversion == ord("r") else "5"
            for piece in node.values
            if isinstance(piece, ast.Constant | ast.FormattedValue)
        )
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in pieces:
            yield one.value


def test_every_remedy_in_the_house_can_be_followed_in_a_shell() -> None:
    """Of each text that names an option of a call, nothing of Python is left."""
    root = Path(sfframe.__file__).parent
    options = {*sfframe.Options.__dataclass_fields__, *sfframe.ReadOptions.__annotations__}
    options -= {"on_failure", "params", "multiselect"}  # the command line has no such words
    long = [name for name in options if "_" in name]
    named = re.compile(rf"\b({'|'.join(options)})=|(?<!['\w])({'|'.join(long)})\b|\bthe frame\b")
    apart = {"__init__.py", "demo.py", "journal.py", "lookup.py", "call.py"}  # Python's own, and SQL
    floors = [root, root / "ingest", root / "frames", root / "query", root / "query/pages"]
    found = [
        text
        for path in (path for floor in floors for path in floor.glob("*.py") if path.name not in apart)
        for text in texts_in(path)
        if named.search(text) and " " in text and "\n" not in text
    ]
    assert len(found) >= 40
    assert [text for text in found if named.search(words.in_shell(text))] == []


def test_control_characters_are_shown_and_do_nothing() -> None:
    assert words.harmless("a\x1b[2Jb\u202ec\nd") == "a\\u001b[2Jb\\u202ec\nd"
    assert short("a\n  b\x07", 20) == "a b\\u0007"
    assert short("x" * 30, 10) == "x" * 9 + "…"


def test_columns_stand_below_each_other() -> None:
    assert words.table(("A", "N"), [("x", 1), (None, 100)], right=(1,)) == "A    N\nx    1\n   100\n"


def test_without_click_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("sfframe.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "click", None)
    assert main(["demo"]) == 2
    assert "pip install 'sfframe[cli]'" in capsys.readouterr().err
