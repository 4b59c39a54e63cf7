"""Values that are HTML or script are shown as text in notebooks: what is built around them is the same as ever."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe import page, screen
from sfframe.failures import Reason
from sfframe.job_lines import JobLine
from sfframe.progress.drawing import Drawing
from sfframe.progress.page import html_of
from sfframe.written import short

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    '" style="background:url(javascript:alert(1))',
    "<svg/onload=alert(1)>",
    "<!-- x --><iframe srcdoc='<script>x</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "]]><script>x</script>",
    "\x00<script\x00>alert(1)</script>",
    "<div\u202e>",
    "${alert(1)} {{7*7}}",
    "</pre><style>*{display:none}</style>",
]


class Built(HTMLParser):
    """What a page is built of, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "wbr" or attrs:  # where a long word may be broken
            self.parts.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append((f"/{tag}", ()))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", ((data, None),)))

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)

    def handle_data(self, data: str) -> None:
        self.text += data


def picture(text: str) -> str:
    reason = Reason(code=text, fields=text, message=text, messages=2, count=3, examples=[text], cause=text)
    job = JobLine(id=text, state=text, rows=4, failed=3, seconds=0.1, page="https://acme.my.salesforce.com/x")
    counts = {"successful": 1, "failed": 3, "unprocessed": 0}
    shown = screen.Picture(summary=text, counts=counts, notes=[text], reasons=[reason], jobs=[job], hints=[text])
    return page.page(shown)


def explanation(text: str) -> str:
    verdicts = pl.DataFrame({"predicate": [text], "where": ["sent"], "reason": [text]})
    shown = sfframe.Explanation(soql=text, transport="rest", why=text, predicates=verdicts, statements=(text,))
    return shown._repr_html_()


def bar(text: str) -> str:
    return html_of(Drawing(what=text, host=text, total=3, done=1, error=text))


PAGES: dict[str, Callable[[str], str]] = {"a result": picture, "an explanation": explanation, "a bar": bar}


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_markup_is_shown_as_text(kind: str, text: str) -> None:
    built = Built(PAGES[kind](text))
    assert built.parts == Built(PAGES[kind]("text")).parts
    assert short(text, 200) in built.text or text in built.text


@pytest.mark.parametrize("kind", PAGES)
@given(text=st.text(alphabet=st.sampled_from("<>&'\"/!-[]=x \n\0\u202e`") | st.characters(codec="utf-8"), min_size=1))
def test_no_text_changes_what_a_page_is_built_of(kind: str, text: str) -> None:
    assert Built(PAGES[kind](text)).parts == Built(PAGES[kind]("text")).parts


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_a_load_of_markup_shows_none_of_it(kind: Callable[..., Any], local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    """Cells, names of columns, labels and messages, by way of a whole call."""
    hostile = HOSTILE[1]
    local.define("Odd__c", {"Text__c": {"type": "string", "label": hostile}})
    pages = []
    for text in (hostile, "text"):
        local.rules["Odd__c"] = lambda row, text=text: text
        frame = kind({text: [text, text]})
        result = sfframe.ingest(frame, "Odd__c", "insert", org=org, columns={text: "Text__c"}, on_failure="return")
        shown = [result._repr_html_(), result.failed_results._repr_html_(), result.errors._repr_html_()]
        problems = frame.sfbulk.check("Odd__c", "insert", org=org)  # its column isn't the object's
        pages.append([Built(page) for page in (*shown, problems._repr_html_())])
    for built, plain in zip(*pages, strict=True):
        assert [tag for tag, _ in built.parts] == [tag for tag, _ in plain.parts]
        assert not any(name.startswith("on") for _, attributes in built.parts for name, _ in attributes)
        assert "<img src" in built.text
