"""Rows that tell whether a client, the wire and the org keep text as it is."""

from __future__ import annotations

from sfframe.localorg import Server

Record = dict[str, str]

TEXTS = {
    "plain": "Ada Lovelace",
    "quotes": 'She said "Hi, ""you""", then left',
    "apostrophes": "O'Brien's \\ 'n' Söhne",
    "commas": ",a,;|\t^`,",
    "lf": "one\ntwo\n\nfour",
    "crlf": "one\r\ntwo",
    # With a comma: before Python 3.13 the csv module doesn't quote a CR for its own sake, and the org refuses that.
    "cr": "one,\rtwo",
    "nel": "one\u0085two",
    "separators": "one\u2028two\u2029three",
    "vertical": "one\x0btwo\x0cthree",
    "every break": "a\nb\rc\r\nd\x0be\x0cf\u0085g\u2028h",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭",
    "combining": "e\u0301 is not é, and z\u0335\u0321\u0329 is z",
    "right to left": "שלום \u202bעולם\u202c, مرحبا",
    "far east": "東京 𠮷野家 서울",
    "blanks at the ends": "  two blanks  ",
    "breaks at the ends": "\n\tinside\r\n",
    "other blanks": "\u00a0no-break\u2003",
    "blanks within": "a  b   c",
    "a formula": "=1+1",
    "a word for nothing": "null",
    "markup": "<b>&amp;</b>",
    "a percent": "100%20_%",
}
# Nothing was sent for these.
GAPS = ("gap", "only blanks")

# What Java's `trim` takes off; the platform saves no text without it.
_JAVA_BLANKS = "".join(map(chr, range(33)))


def records() -> list[Record]:
    """Contacts with one text each, and some without."""
    full = [
        {"ExternalId__c": key, "LastName": f"Nr {n}", "Description": text}
        for n, (key, text) in enumerate(TEXTS.items())
    ]
    return full + [{"ExternalId__c": key, "LastName": key, "Description": ""} for key in GAPS]


def sent() -> dict[str, str]:
    """What goes up, and is echoed in results, by external id."""
    return {record["ExternalId__c"]: record["Description"] for record in records()}


def expected() -> dict[str, str | None]:
    """What is in the database then, by external id."""
    kept: dict[str, str | None] = {key: saved(text) for key, text in TEXTS.items()}
    return kept | dict.fromkeys(GAPS)


def saved(text: str) -> str | None:
    """What the platform makes of a text: blanks at the ends go, and what is blank altogether is null."""
    return text.strip(_JAVA_BLANKS) or None


def in_database(server: Server, field: str = "Description") -> dict[str, str | None]:
    """A field of all contacts that aren't deleted, by external id."""
    rows = server.rows("Contact").to_pylist()
    return {row["ExternalId__c"]: row[field] for row in rows if not row["IsDeleted"]}


def ids(server: Server) -> dict[str, str]:
    """Ids of all contacts by external id, deleted ones included."""
    return {row["ExternalId__c"]: row["Id"] for row in server.rows("Contact").to_pylist()}
