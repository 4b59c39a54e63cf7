"""Shell lines of documents: `sfframe ...` runs, what installs or builds is looked at for its form."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from sfframe.__main__ import main

from .blocks import README, ROOT, Block

# These go on until they are stopped, or have tests of their own that run them: their options are looked at.
_NOT_RUN = ("local-org", "demo")
_EXIT_CODE = re.compile(r"#.*\bexit code (\d+)")
# What a shell has to do, if one of these is outside of quotes.
_SHELL_ONLY = set("|<>&;$`*?")


def check_block(block: Block) -> str:
    """Run the lines of a block, or look at them.

    Returns:
        What its `sfframe` lines print to stdout.

    Raises:
        AssertionError: A line doesn't end as it should, names what isn't there, or is none that can be checked.
    """
    joined = block.code.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return "".join(check_line(line) for line in lines)


def check_line(line: str) -> str:
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    for starts, check in _KNOWN.items():
        if any(" ".join(words).startswith(start) for start in starts.split("|")):
            check(words)
            return ""
    assert "sfframe" in words or words[:1] == ["printf"], f"no way to check this line: {line}"
    if words[:1] == ["sfframe"] and words[1] in _NOT_RUN:
        _check_options(words[1:])
        return ""
    found = _EXIT_CODE.search(line)
    return _run(line, words, int(found[1]) if found else 0)


def _run(line: str, words: list[str], wanted: int) -> str:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", line)
    code, out, err = _in_a_shell(line) if _SHELL_ONLY & set(bare) else _in_here(words[1:])
    assert code == wanted, f"{line}\nended with {code}, not {wanted}:\n{out}{err}"
    return out


def _in_here(arguments: list[str]) -> tuple[int, str, str]:
    """Without a new interpreter, which takes longer to start than most commands take."""
    raw, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(raw, "utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return code, raw.getvalue().decode("utf-8", "replace"), err.getvalue()


def _in_a_shell(line: str) -> tuple[int, str, str]:
    as_here = f'sfframe() {{ "{sys.executable}" -m sfframe "$@"; }}\nset -o pipefail\n'
    ran = subprocess.run(["bash", "-c", as_here + line], capture_output=True, encoding="utf-8", check=False, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


def _check_options(words: list[str]) -> None:
    code, told, _ = _in_here([words[0], "--help"])
    assert code == 0
    for word in words[1:]:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", told), f"sfframe {words[0]} has no {word}"


def _check_pip(words: list[str]) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for word in words:
        if found := re.fullmatch(r"(?:sfframe|\.)\[([\w,]+)\]", word):
            assert set(found[1].split(",")) <= set(known), f"pyproject.toml has no extra of {word}"


def _check_make(words: list[str]) -> None:
    makefile = (README.parent / "Makefile").read_text("utf-8")
    for target in words[1:]:
        assert "=" in target or re.search(rf"^{target}:.*##", makefile, re.MULTILINE), f"the Makefile has no {target}"


def _check_nothing(words: list[str]) -> None:
    assert words


_KNOWN: dict[str, Callable[[list[str]], None]] = {
    "pip install|python -m pip install|python3 -m pip install|uv add|uv pip install": _check_pip,
    "python3 -m venv|export |git clone|cd |pytest": _check_nothing,
    "make": _check_make,
}


def reader_s_files(folder: Path) -> None:
    """The one file that a page takes from its reader's hand: rows that he has mended. It makes all others itself."""
    text = "ExternalId__c,LastName,Email\nC-1,Lovelace,ada@example.com\nC-2,Hopper,\nC-3,Turing,alan@example.com\n"
    (folder / "mended.csv").write_text(text, "utf-8")
