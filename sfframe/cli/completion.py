"""`sfframe completion`: commands and options at the press of a key."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import get_completion_class, shell_complete

from sfframe.cli import words
from sfframe.cli.call_errors import CallError
from sfframe.cli.taught import Command

_VARIABLE: Final = "_SFFRAME_COMPLETE"
_SHELLS: Final = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=Command,
    examples=[
        ("bash: at once, and from now on", "sfframe completion bash > ~/.sfframe-completion.bash\n"
         "echo 'source ~/.sfframe-completion.bash' >> ~/.bashrc"),
        ("zsh: into a folder of $fpath, before compinit is called",
         'sfframe completion zsh > "${fpath[1]}/_sfframe"'),
        ("fish", "sfframe completion fish > ~/.config/fish/completions/sfframe.fish"),
    ],
    short_help="Print the script that lets a shell complete words.",
)  # fmt: skip
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script by which a shell completes commands, options and files; begin a new shell afterwards."""
    root = context.find_root().command
    kind = get_completion_class(shell)
    if kind is None:
        raise CallError(f"click knows no completion for {shell}")
    words.put(kind(root, {}, "sfframe", _VARIABLE).source() + "\n")
    return 0


def completed(root: click.Command, name: str, given: Sequence[str]) -> int | None:
    """Answer a shell that completes; `None`: it is no such call."""
    instruction = os.environ.get(_VARIABLE)
    if not instruction or given:
        return None
    return shell_complete(root, {}, name, _VARIABLE, instruction)
