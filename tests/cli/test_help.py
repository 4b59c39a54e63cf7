"""Help teaches by example, and its examples work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import polars as pl
import pytest

import sfframe
from sfframe.cli.completion import completed
from sfframe.cli.main import root
from sfframe.cli.taught import Command, Group

from .conftest import CONTACTS, Run


def commands(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Command | Group]]:
    """Every command by its names, groups included."""
    assert isinstance(group, Group)
    yield path, group
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from commands(one, (*path, name))
        else:
            assert isinstance(one, Command), name
            yield (*path, name), one


ALL = dict(commands())
EXAMPLES = [line for one in ALL.values() for _, line in one.examples]


@pytest.mark.parametrize("path", list(ALL), ids=" ".join)
def test_each_help_begins_with_examples_and_fits_80_columns(path: tuple[str, ...], run: Run) -> None:
    for flag in ("--help", "-h"):
        ran = run(*path, flag)
        assert (ran.code, ran.err) == (0, "")
        assert 0 < ran.out.index("Examples:") < ran.out.index("Options:")
        assert max(map(len, ran.out.splitlines())) <= 80
    assert 1 <= len(ALL[path].examples) <= 4
    assert any(line.startswith(" ".join(("sfframe", *path))) for _, line in ALL[path].examples)


def words_of(line: str) -> Iterator[Sequence[str]]:
    """The calls of sfframe in a line of a shell, without its pipes and redirections."""
    for piece in re.split(r"\s[|>]+\s", line.replace("\\\n", " ")):
        words = shlex.split(piece)
        if words[0] == "sfframe":
            yield words[1:]


@pytest.mark.parametrize("line", EXAMPLES)
def test_each_example_is_a_call_that_can_be_made(line: str) -> None:
    for words in words_of(line):
        command: click.Command = root
        context = click.Context(root, info_name="sfframe")
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command, words = command.commands[words[0]], words[1:]
            context = click.Context(command, parent=context, info_name=command.name)
        command.make_context(str(command.name), list(words), parent=context.parent)


def test_the_examples_of_loads_and_reads_run_as_they_stand(
    run: Run, local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """All but those that need another machine's Salesforce CLI, or never end."""
    (tmp_path / "contacts.csv").write_text(CONTACTS.replace("n/a", "a@example.com"), "utf-8")
    pl.read_csv("contacts.csv", infer_schema=False).write_parquet("contacts.parquet")
    (tmp_path / "contacts.soql").write_text("SELECT Id FROM Contact", "utf-8")
    done = 0
    for path in (("upsert",), ("query",), ("limits",), ("describe",), ("doctor",), ("jobs", "list"), ("journals",)):
        for _, line in ALL[path].examples:
            for words in words_of(line):
                if "--org" not in words:
                    ran = run(*words)
                    assert ran.code == 0, (line, ran.err)
                    done += 1
    assert done >= 15


def test_every_command_stands_in_a_section_of_the_help() -> None:
    assert sorted(name for names in root.sections.values() for name in names) == sorted(root.commands)


def test_without_a_word_the_help_is_told_as_it_is_and_is_2(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.out, ran.err) == (2, "", run("--help").out)


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"sfframe, version {sfframe.__version__}\n"


def test_the_public_commands_are_all_there() -> None:
    assert {*ALL} >= {
        ("insert",), ("update",), ("upsert",), ("delete",), ("hard-delete",), ("query",), ("resume",), ("journals",),
        ("limits",), ("describe",), ("doctor",), ("demo",), ("local-org",), ("completion",),
        *(("jobs", name) for name in ("list", "show", "abort", "delete", "results")),
    }  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(run: Run, shell: str) -> None:
    script = run("completion", shell).out
    assert "_SFFRAME_COMPLETE=" in script
    assert "sfframe" in script


def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers(typed: str, at: int) -> list[str]:
        monkeypatch.setenv("_SFFRAME_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(at))
        assert completed(root, "sfframe", []) == 0
        return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]

    assert answers("sfframe up", 1) == ["update", "upsert"]
    assert "--external-id" in answers("sfframe upsert --e", 2)
    assert answers("sfframe jobs ab", 2) == ["abort"]
    assert answers("sfframe upsert a.csv Contact --format p", 5) == ["parquet"]
    assert answers("sfframe upsert ", 2) != []  # a file: the shell's own affair
