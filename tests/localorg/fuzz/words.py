"""What inputs are made of: odd words, mutations of text and bytes, and the names that the org knows."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from sfframe.localorg.objects.standard import standard_objects


class Dice(Random):
    """Chances of one input.

    Attributes:
        wild: How often it does what is odd; most inputs are nearly good, for only they get far.
    """

    wild = 0.1

    def goes_wild(self, share: float = 1.0) -> bool:
        """Whether something odd is done at a place."""
        return self.random() < self.wild * share


def dice(seed: int) -> Dice:
    """The chances of a seed."""
    thrown = Dice(seed)
    thrown.wild = thrown.choice((0.01, 0.01, 0.03, 0.03, 0.1, 0.1, 0.3))
    return thrown


OBJECTS: dict[str, list[dict[str, Any]]] = {answer["name"]: answer["fields"] for answer in standard_objects()}
# Stand for ids that the org gives at run time.
IDS = ("{contact}", "{account}", "{user}", "{job}", "{query}", "{gone}")
ODD = (
    "",
    " ",
    "\t",
    "null",
    "NULL",
    "#N/A",
    "true",
    "FALSE",
    "1",
    "0",
    "-1",
    "-0",
    "1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "٣",
    "9" * 40,
    "9" * 400,
    "0.1",
    "1,5",
    "0x10",
    ".",
    "-",
    "+",
    "e",
    "'",
    "''",
    '"',
    '""',
    "\\",
    "\\'",
    "`",
    "\r",
    "\n",
    "\r\n",
    "\x00",
    "\x0b",
    "\x1f",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "é",
    "e\u0301",
    "ß",
    "İ",
    "😀",
    "日本",
    "a" * 300,
    "2024-02-29",
    "2024-02-30",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "-2024-01-01",
    "24:00:00.000Z",
    "2024-02-29T24:00:00Z",
    "2024-02-29T23:59:60Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "23:59:59.999Z",
    "2024-06-01T12:00:00.123456789+0530",
    "2024-06-01T12:00:00-99:99",
    "a@b.c",
    "@",
    "a@b",
    "<b>&amp;</b>",
    "%",
    "_",
    "%25",
    "' OR 1=1 --",
    "; DROP TABLE _org.jobs",
    "$1",
    "?",
    ":x",
    "{}",
    "[]",
    "../../etc/passwd",
    "%00",
    "%ff",
    "\ud83d",
    "\udc00",
    "_records",
    "_org.jobs",
    "information_schema.tables",
    "Id",
    "id",
    "ID",
    "sf__Id",
    "attributes",
    "IsDeleted",
)
LONG = ("x" * 131_073, "é" * 140_000, "\n" * 5_000, ",".join("a" * 1 for _ in range(6_000)), '"' * 4_999, "((" * 4_000)
_FITTING: dict[str, tuple[str, ...]] = {
    "boolean": ("true", "false", "1", "0"),
    "int": ("0", "-5", "2147483647", "2147483648"),
    "double": ("1.5", "-0.0", "1e7", "123456789012345678", "0.000001"),
    "date": ("2024-02-29", "1700-01-01", "4000-12-31"),
    "datetime": ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000+02:00", "1969-12-31T23:59:59Z"),
    "time": ("12:00:00.000Z", "23:59:59.999Z"),
    "email": ("a@example.com",),
    "reference": ("{account}", "{contact}", "{user}", "{gone}"),
    "id": IDS,
}


def odd(random: Dice) -> str:
    """A text that is a border case, alone or with another."""
    if random.random() < 0.01:
        return random.choice(LONG)
    return random.choice(ODD) if random.random() < 0.8 else random.choice(ODD) + random.choice(ODD)


def value(random: Dice, kind: str) -> str:
    """A text for a field of some type, mostly one that it takes."""
    if random.goes_wild():
        return odd(random)
    if kind.startswith("="):
        return kind[1:]
    kind = {"currency": "double", "percent": "double"}.get(kind, kind)
    return random.choice(_FITTING.get(kind, ("x", "Ng", "O'Hara", "A-1", "A-2", "Müller & Söhne", "two\nlines")))


def sobject(random: Dice) -> str:
    if random.goes_wild(0.5):
        return random.choice(("Nope", "contact", "", "Contact ", "Name", "_records.Contact", odd(random)))
    return random.choice(list(OBJECTS))


def field(random: Dice, of: str, *, can: str = "") -> tuple[str, str]:
    """A field's name and type, sometimes one that there isn't; `can` names what describe says of it."""
    fields = OBJECTS.get(of) or OBJECTS["Contact"]
    if random.goes_wild(0.5):
        return random.choice(("Nope__c", "", "Id.Id", "Account", "Account.Nope", "lastname", odd(random))), "string"
    able = [one for one in fields if not can or one.get(can)]
    found = random.choice(fields if random.goes_wild() or not able else able)
    if random.random() < 0.15 and found.get("relationshipName") and found.get("referenceTo"):
        parent = random.choice(found["referenceTo"])
        keys = [one for one in OBJECTS.get(parent, ()) if one.get("externalId") or one.get("idLookup")]
        writes = can in ("createable", "updateable") and keys and not random.goes_wild()
        name, kind = (random.choice(keys)["name"], "string") if writes else field(random, parent, can=can)
        prefix = f"{parent}:" if random.goes_wild() else ""
        return f"{prefix}{found['relationshipName']}.{name}", kind
    return found["name"], _written_kind(random, found) if can in ("createable", "updateable") else found["type"]


def _written_kind(random: Dice, found: dict[str, Any]) -> str:
    """The type; where only few values are good, `=` and one of them."""
    if values := found.get("picklistValues"):
        return "=" + str(random.choice(values)["value"])
    for parent in found.get("referenceTo") or ():
        if f"{{{parent.lower()}}}" in IDS:
            return f"={{{parent.lower()}}}"
    return str(found["type"])


def json_value(random: Dice, depth: int = 0) -> Any:
    """Any value of JSON."""
    choice = random.randrange(10)
    if choice < 5 or depth > 3:
        return odd(random)
    if choice < 8:
        return random.choice((None, True, False, 0, -1, 1.5, 10**20, 1e300, -0.0, 10**400))
    if choice == 8:
        return [json_value(random, depth + 1) for _ in range(random.randrange(4))]
    return {odd(random): json_value(random, depth + 1) for _ in range(random.randrange(4))}


def mutated_json(random: Dice, value: Any) -> str:
    """JSON text near a value: other values, members that are missing, new or twice, and sometimes a broken text."""
    text = json.dumps(_mutated(random, value), ensure_ascii=random.random() < 0.5)
    if random.goes_wild(0.1):
        return "[" * 3_000 + text
    if random.goes_wild(0.2) and text.startswith("{") and len(text) > 2:
        return "{" + text[1:-1] + ", " + text[1:]
    return mutated_text(random, text) if random.goes_wild() else text


def _mutated(random: Dice, value: Any) -> Any:
    if random.goes_wild(0.5):
        return json_value(random)
    if isinstance(value, dict):
        kept = {key: _mutated(random, item) for key, item in value.items() if not random.goes_wild(0.3)}
        if random.goes_wild():
            kept[odd(random)] = json_value(random)
        return kept
    if isinstance(value, list):
        return [
            _mutated(random, item) for item in value for _ in range(random.choice((0, 2)) if random.goes_wild() else 1)
        ]
    return value


def mutated_text(random: Dice, text: str) -> str:
    """Text with pieces taken out, put in twice or replaced."""
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        start = random.randrange(len(text) + 1)
        stop = min(len(text), start + random.choice((0, 1, 1, 2, 5, 20)))
        piece = random.choice((odd(random), odd(random), text[start:stop] * 2, "", chr(random.randrange(1, 0x250))))
        text = text[:start] + piece + text[stop:]
    return text


def mutated_bytes(random: Dice, data: bytes) -> bytes:
    """Bytes, some of which are others."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        if not changed:
            break
        place, choice = random.randrange(len(changed)), random.randrange(4)
        if choice == 0:
            changed[place] = random.randrange(256)
        elif choice == 1:
            del changed[place : place + random.choice((1, 1, 2, 8))]
        elif choice == 2:
            changed[place:place] = random.choice((b"\x00", b"\xff", b"\r\n", b'"', b"%", b" ", b"\xed\xa0\x80", b"\n"))
        else:
            changed[place:place] = changed[place : place + 8]
    return bytes(changed)
