"""Pieces of HTML. Text becomes HTML in one place, where it is escaped; what is HTML already is marked by its type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

_LONGEST = 500
# Classes that a column's head has too.
_COLUMNS = ("number", "aside")


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str | bool) -> Html:
    """An element around text, which is escaped, and other elements.

    Args:
        tag: Its name.
        content: `Html` goes in as it is, any other text escaped.
        attributes: `class_` stands for `class`, `data_label` for `data-label`; True: the name alone, False: nothing.
    """
    return Html(f"<{tag}{_attributes(attributes)}>{join(content)}</{tag}>")


def void(tag: str, **attributes: str | bool) -> Html:
    """An element that never has content."""
    return Html(f"<{tag}{_attributes(attributes)}>")


def join(content: Iterable[str]) -> Html:
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in content))


def shortened(text: str) -> str:
    """Text of a bounded length, so that no value can make a page large."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def table(heads: Mapping[str, str], rows: Iterable[Iterable[str]], *, class_: str = "") -> Html:
    """A table that scrolls inside its own box.

    Args:
        heads: Each column's head, and the class of its cells.
        rows: Texts or HTML, one for each column.
        class_: Of the table.
    """
    head = element(
        "tr",
        *(element("th", name, scope="col", class_=kind if kind in _COLUMNS else "") for name, kind in heads.items()),
    )
    body = (
        element(
            "tr",
            *(
                element("td", cell, class_=kind, data_label=name)
                for (name, kind), cell in zip(heads.items(), row, strict=True)
            ),
        )
        for row in rows
    )
    whole = element("table", element("thead", head), element("tbody", *body), class_=class_)
    # A box that scrolls can be reached by keyboard.
    return element("div", whole, class_="scroll", tabindex="0")


def _attributes(attributes: Mapping[str, str | bool]) -> str:
    return "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for name, value in attributes.items()
        if value is not False and value != ""
    )
