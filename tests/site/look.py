"""One look at each page, at the width of a phone: what it holds, what it asks for, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PHONE = {"width": 390, "height": 844}

# What sticks out to the right, but for what lies in a box that scrolls by itself or is hidden on purpose.
_HELD = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible") return true;
    return false;
  };
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const article = document.querySelector("article");
  return {
    title: document.title,
    heading: document.querySelector("h1")?.innerText ?? "",
    text: article?.innerText ?? "",
    links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
    ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
    moves_by: document.documentElement.scrollWidth - wide,
    sticking_out: [...(article?.querySelectorAll("*") ?? [])]
      .filter((one) => shown(one) && one.getBoundingClientRect().right > wide + 1 && !scrolls(one))
      .map((one) => one.outerHTML.slice(0, 120)),
    smallest_text: Math.min(...[...(article?.querySelectorAll("p, li, td, code") ?? [])]
      .filter((one) => shown(one) && one.innerText.trim())
      .map((one) => parseFloat(getComputedStyle(one).fontSize))),
  };
}"""


@dataclass
class Seen:
    """A page as it was seen.

    Attributes:
        moves_by: How many pixels the page can be moved sideways.
        sticking_out: Elements that end to the right of the window.
        smallest_text: Pixels of the smallest letters that are read.
        requests: What it asked for.
        troubles: Errors and warnings in the console, scripts that broke, answers that weren't there.
    """

    title: str
    heading: str
    text: str
    links: list[str]
    ids: list[str]
    moves_by: float
    sticking_out: list[str]
    smallest_text: float
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def look_at(browser: Any, address: str, pages: list[str]) -> dict[str, Seen]:
    """Each page at the width of a phone, by its address."""
    tab = browser.new_page(viewport=PHONE, has_touch=True)
    requests: list[str] = []
    troubles: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    # What is given up because the next page is asked for is no trouble.
    tab.on("requestfailed", lambda told: troubles.extend([told.url] if told.failure != "net::ERR_ABORTED" else []))
    tab.on("response", lambda answer: troubles.extend([answer.url] if answer.status >= 400 else []))
    tab.on("console", lambda told: troubles.extend([told.text] if told.type in ("error", "warning") else []))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    seen = {}
    for page in pages:
        tab.goto(address + page, wait_until="networkidle")
        seen[page] = Seen(**tab.evaluate(_HELD), requests=[*requests], troubles=[*troubles])
        requests.clear()
        troubles.clear()
    tab.close()
    return seen
