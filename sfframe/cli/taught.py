"""Taught: commands whose help begins with examples, and whose options stand in sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# What is said, and the line that does it.
Examples = Sequence[tuple[str, str]]

_OTHERS: Final = "Options"
_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 90}


class Option(click.Option):
    """An option that stands in a section of the help."""

    def __init__(self, *args: Any, section: str = _OTHERS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


def option(*names: str, section: str = _OTHERS, **settings: Any) -> Callable[[F], F]:
    """`click.option`, in a section of the help."""
    return click.option(*names, cls=Option, section=section, **settings)


class Command(click.Command):
    """A command that teaches by example.

    Attributes:
        examples: What is said of each, and the line itself; they work as they stand.
    """

    def __init__(self, *args: Any, examples: Examples = (), **kwargs: Any) -> None:
        kwargs["context_settings"] = {**_SETTINGS, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(formatter, ctx, self.get_params(ctx))


class Group(click.Group):
    """A group of commands, which stand in sections too.

    Attributes:
        sections: Titles, and the commands under each, in the order of the help.
    """

    command_class = Command

    def __init__(
        self, *args: Any, examples: Examples = (), sections: Mapping[str, Sequence[str]] | None = None, **kwargs: Any
    ) -> None:
        kwargs["context_settings"] = {**_SETTINGS, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.sections = dict(sections or {})

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        write_options(formatter, ctx, self.get_params(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in (self.sections or {"Commands": self.list_commands(ctx)}).items():
            known = [(name, self.commands[name]) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, one.get_short_help_str(60)) for name, one in known])


def write_examples(formatter: click.HelpFormatter, examples: Examples) -> None:
    """The examples, each below what is said of it; a line is never wrapped."""
    if not examples:
        return
    with formatter.section("Examples"):
        for number, (said, line) in enumerate(examples):
            if number:
                formatter.write_paragraph()
            formatter.write(f"{'':>{formatter.current_indent}}# {said}\n")
            for piece in line.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{piece}\n")


def write_options(formatter: click.HelpFormatter, ctx: click.Context, params: Sequence[click.Parameter]) -> None:
    """The options by section, in the order in which sections come up."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        # Newer releases of click list arguments too, of which the usage line and the text tell.
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None:
            sections.setdefault(getattr(param, "section", _OTHERS), []).append(record)
    # Help is the last thing of all.
    if _OTHERS in sections:
        sections[_OTHERS] = sections.pop(_OTHERS)
    for title, records in sections.items():
        with formatter.section(title):
            formatter.write_dl(records)
