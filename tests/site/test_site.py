"""The site as its readers have it: built without a warning, each page whole, no dead link, readable on a phone."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("zensical", reason="the site has an environment of its own: make test-docs")

from .conftest import SITE
from .look import PHONE, Seen

SMALLEST_PX = 11


def test_it_builds_without_a_warning(told: str) -> None:
    lines = {line.split(" in ")[0] for line in told.splitlines() if line.strip()}
    assert lines == {"Build started", "No issues found", "Build finished"}


def test_every_page_loads_without_trouble(seen: dict[str, Seen]) -> None:
    assert {page: one.troubles for page, one in seen.items() if one.troubles} == {}
    assert [page for page, one in seen.items() if page != "404.html" and not (one.heading and one.text)] == []


def test_no_page_asks_for_anything_from_elsewhere(seen: dict[str, Seen], address: str) -> None:
    assert {url for one in seen.values() for url in one.requests if not url.startswith((address, "data:"))} == set()


def test_every_page_is_in_the_navigation(seen: dict[str, Seen], address: str) -> None:
    listed = {link.removeprefix(address).split("#")[0] for link in seen["index.html"].links}
    assert set(seen) - {"404.html"} - listed == set()


def test_no_link_is_dead(seen: dict[str, Seen], address: str) -> None:
    """Files that aren't pages are there as they are, such as scripts to begin with."""
    anchors = {page: {"", *one.ids} for page, one in seen.items()}
    dead = [
        f"{page}: {link}"
        for page, one in seen.items()
        for link in set(one.links)
        if link.startswith(address) and not _leads_somewhere(link.removeprefix(address), anchors)
    ]
    assert dead == []


def _leads_somewhere(link: str, anchors: dict[str, set[str]]) -> bool:
    page, _, anchor = link.partition("#")
    if page.endswith((".html", "/")) or not page:
        return unquote(anchor) in anchors.get(page or "index.html", ())
    return (SITE / unquote(page)).is_file()


def test_links_that_leave_the_site_have_the_form_of_one(seen: dict[str, Seen], address: str) -> None:
    away = {link for one in seen.values() for link in one.links if not link.startswith(address)}
    assert [link for link in away if (to := urlsplit(link)).scheme != "https" or "." not in (to.hostname or "")] == []


def test_nothing_overflows_sideways_on_a_phone(seen: dict[str, Seen]) -> None:
    assert {page: one.sticking_out[:3] for page, one in seen.items() if one.moves_by > 0 or one.sticking_out} == {}


def test_no_letters_are_too_small_on_a_phone(seen: dict[str, Seen]) -> None:
    assert {page: one.smallest_text for page, one in seen.items() if one.smallest_text < SMALLEST_PX} == {}


@pytest.mark.parametrize(
    ("word", "page"), [("upsert", "reference-frames.html"), ("read_soql", "reference-reading.html")]
)
def test_the_search_finds_it_and_leads_there(browser: Any, address: str, word: str, page: str) -> None:
    tab = browser.new_page()
    tab.goto(address)
    # Before its script has made the box, a key is lost.
    tab.wait_for_function("[...document.body.children].some((child) => child.shadowRoot)")
    tab.keyboard.press("Control+k")
    tab.get_by_role("combobox", name="Search").fill(word)
    tab.get_by_role("option").filter(has_text=word).first.click()
    tab.wait_for_url(f"**/{page}*")
    assert word in tab.locator("article").inner_text()
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(browser: Any, address: str, scheme: str) -> None:
    tab = browser.new_page(color_scheme=scheme, viewport=PHONE)
    tab.goto(f"{address}reference-frames.html")
    paper, ink, code = (_brightness(tab, place) for place in ("body", "article p", "article pre code"))
    assert (paper > 200) if scheme == "light" else (paper < 60)
    assert abs(paper - ink) > 100
    assert abs(paper - code) > 100
    tab.close()


def _brightness(tab: Any, selector: str) -> float:
    """Of the background of the page, of the letters of anything else; from 0 to 255."""
    what = "backgroundColor" if selector == "body" else "color"
    # A canvas knows every form in which a colour can be told.
    red, green, blue = tab.eval_on_selector(
        selector,
        """(element, what) => {
          const pen = new OffscreenCanvas(1, 1).getContext("2d");
          pen.fillStyle = getComputedStyle(element)[what];
          pen.fillRect(0, 0, 1, 1);
          return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""",
        what,
    )
    return 0.2126 * float(red) + 0.7152 * float(green) + 0.0722 * float(blue)
