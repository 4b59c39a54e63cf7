"""What an object is made of, as the org describes it to this user: exact names, types, limits, references."""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final
from weakref import WeakKeyDictionary

from sfframe.errors import ApiError
from sfframe.org.answers import Response
from sfframe.org.body import LARGE_ANSWER_BYTES
from sfframe.org.names import is_name, sobject_name
from sfframe.org.transport import Transport

_MAX_AGE_S: Final = 300.0
_MOST_SCALE: Final = 38  # of decimals; orgs know no more than 17
_FLAGS: Final = ("custom", "createable", "updateable", "deletable", "queryable", "replicateable")
_OF_A_CHILD: Final = ("childSObject", "relationshipName")
_COMPOUND: Final = frozenset({"address", "location"})
_NUMBERS: Final = frozenset({"int", "long", "double", "currency", "percent"})
_TIMES: Final = frozenset({"date", "datetime", "time"})
_NOT_TEXT: Final = _COMPOUND | _NUMBERS | _TIMES | {"base64", "boolean", "id", "reference"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field, with the attributes that matter for sending and reading; the words are Salesforce's.

    Attributes:
        length: Most UTF-16 units of a text; 0 for other types.
        precision: Digits in all of a double, currency or percent.
        scale: Digits after the point.
        digits: Most digits of an int.
        reference_to: The objects that a reference may point to.
        relationship_name: The left side of `Account.Name`; `None` if it isn't a reference.
        picklist_values: The active values, in the org's order.
        compound_field_name: The compound that this field is a part of, such as `MailingAddress`.
    """

    name: str
    label: str = ""
    type: str = "string"
    soap_type: str = ""
    length: int = 0
    byte_length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    defaulted_on_create: bool = False
    external_id: bool = False
    id_lookup: bool = False
    unique: bool = False
    case_sensitive: bool = False
    extra_type_info: str | None = None
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    picklist_values: tuple[str, ...] = ()
    restricted_picklist: bool = False
    calculated: bool = False
    auto_number: bool = False
    compound_field_name: str | None = None
    custom: bool = False
    name_field: bool = False
    encrypted: bool = False
    filterable: bool = False
    sortable: bool = False
    groupable: bool = False
    aggregatable: bool = False

    @property
    def is_text(self) -> bool:
        """Free text, picklists and the rare kinds that are written as text; ids are a kind of their own."""
        return self.type not in _NOT_TEXT

    @property
    def is_compound(self) -> bool:
        """Made of other fields; a bulk job neither takes nor gives it."""
        return self.type in _COMPOUND or self.soap_type.startswith("urn:")

    @property
    def is_required_on_insert(self) -> bool:
        """An insert without a value is refused, as far as describe shows. Booleans are never null."""
        is_open = self.nillable or self.defaulted_on_create or self.type == "boolean"
        return self.createable and not is_open

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Field:
        """Read a member of `fields` in a describe answer.

        Raises:
            ValueError: It has no name, or an attribute of another kind than describe gives it.
        """
        known = {name: described[key] for name, key in _KEYS.items() if described.get(key) is not None}
        relations = filter(None, (described.get("relationshipName"), *_listed(described, "referenceTo")))
        if not is_name(described["name"]) or not all(map(is_name, relations)):  # they go into statements and paths
            raise ValueError("a name that is none")
        known["reference_to"] = tuple(_listed(described, "referenceTo"))
        entries = _listed(described, "picklistValues")
        known["picklist_values"] = tuple(entry["value"] for entry in entries if entry.get("active", True))
        for name, value in known.items():
            if not _is_fit(value, _TYPES[name]):
                raise ValueError(f"a field's {name} isn't what it should be")
        if known.get("scale", 0) > _MOST_SCALE:
            raise ValueError("a field has more digits after the point than there are")
        return cls(**known)

    def as_json(self) -> dict[str, Any]:
        """A describe that `from_json` reads as this field; attributes that say nothing are left out."""
        default = Field(name="")
        given = {name: value for name in _KEYS if (value := getattr(self, name)) != getattr(default, name)}
        if self.picklist_values:
            given["picklist_values"] = [{"value": value} for value in self.picklist_values]
        return {_KEYS[name]: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


_TYPES: Final = {one.name: str(one.type) for one in fields(Field)}
_KEYS: Final = {one.name: re.sub(r"_(\w)", lambda found: found[1].upper(), one.name) for one in fields(Field)}


@dataclass(frozen=True, kw_only=True, slots=True)
class SObject:
    """An object as this user sees it: a field hidden from them isn't there.

    Attributes:
        replicateable: The org tells which of its records were deleted, and when.
        fields: In the org's order.
        raw: The whole describe answer, as the org gave it.
    """

    name: str
    label: str = ""
    key_prefix: str | None = None
    custom: bool = False
    createable: bool = False
    updateable: bool = False
    deletable: bool = False
    queryable: bool = False
    replicateable: bool = False
    fields: tuple[Field, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _by_name: Mapping[str, Field] = field(default_factory=dict, repr=False, compare=False)

    def field(self, name: str) -> Field | None:
        """The field of that name in whatever case, or `None`."""
        return self._by_name.get(name.lower())

    def relationship(self, name: str) -> Field | None:
        """The reference field with that relationship name in whatever case, or `None`."""
        pairs = ((one.relationship_name, one) for one in self.fields)
        return next((one for known, one in pairs if known and known.lower() == name.lower()), None)

    def close_names(self, name: str, *, most: int = 3) -> tuple[str, ...]:
        """Names of fields that may have been meant, the likeliest first. Labels count: `Last Name`."""
        known = {key: one.name for one in self.fields for key in (_plain(one.label), _plain(one.name)) if key}
        found = difflib.get_close_matches(_plain(name), known, n=2 * most)
        return tuple(dict.fromkeys(known[key] for key in found))[:most]

    @property
    def fields_hint(self) -> str:
        """Where the fields are told, for those who named one that isn't there."""
        return f"sfframe.describe_sobject({self.name!r}) lists the fields."

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> SObject:
        """Read a describe answer.

        Raises:
            ValueError: It isn't one.
        """
        try:
            all_fields = tuple(Field.from_json(one) for one in _listed(described, "fields"))
            texts = {key: described.get(key) for key in ("name", "label", "keyPrefix")}
            flags = {name: described.get(name) or False for name in _FLAGS}
            relationships = _listed(described, "childRelationships")
            are_fit = (
                is_name(texts["name"]),
                *(_is_fit(text, "str | None") for text in texts.values()),
                *(_is_fit(flag, "bool") for flag in flags.values()),
                *(_is_fit(one.get(key), "str | None") for one in relationships for key in _OF_A_CHILD),
            )
            if not (all_fields and all(are_fit)):
                raise ValueError("it has no name or no fields, or attributes of odd kinds")
            return cls(
                name=described["name"],
                label=texts["label"] or "",
                key_prefix=texts["keyPrefix"],
                **flags,
                fields=all_fields,
                raw=described,
                _by_name={one.name.lower(): one for one in all_fields},
            )
        except (TypeError, AttributeError, LookupError, ValueError) as error:
            raise ValueError(f"not an object's describe: {error}") from error

    def as_json(self) -> dict[str, Any]:
        """A describe answer that `from_json` reads as this object; all that no attribute tells is left out."""
        return {
            "name": self.name,
            "label": self.label,
            "keyPrefix": self.key_prefix,
            **{flag: getattr(self, flag) for flag in _FLAGS},
            "fields": [one.as_json() for one in self.fields],
        }


class Describes:
    """The describes of one org: kept, and asked for again only if the org says that they have changed."""

    def __init__(self, transport: Transport, base: str) -> None:
        self._transport = transport
        self._base = base
        self._kept: dict[str, _Kept] = {}
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()

    def forget(self) -> None:
        """Ask for each object anew."""
        self._kept.clear()

    async def get(self, sobject: str) -> SObject:
        """The object of that name. Of many calls at once one asks, and the others wait for it.

        Raises:
            ApiError: The org has no such object, or shows it to others only; or it can't be asked.
            ValueError: It can't be the name of one; the org isn't asked.
        """
        name = sobject.lower()
        if (known := self._known(name)) is not None:
            return known
        async with self._turns.setdefault(asyncio.get_running_loop(), {}).setdefault(name, asyncio.Lock()):
            return self._known(name) or await self._asked_for(sobject)

    def _known(self, name: str) -> SObject | None:
        kept = self._kept.get(name)
        return kept.sobject if kept is not None and time.monotonic() - kept.seen_at < _MAX_AGE_S else None

    async def _asked_for(self, sobject: str) -> SObject:
        kept = self._kept.get(sobject.lower())
        since = {"If-Modified-Since": kept.last_modified} if kept and kept.last_modified else None
        path = f"{self._base}/sobjects/{sobject_name(sobject)}/describe"
        try:
            response = await self._transport.request("GET", path, headers=since, most_bytes=LARGE_ANSWER_BYTES)
        except ApiError as error:
            if error.status != 404:
                raise
            message = f"the org has no object {sobject!r} that this user may see"
            raise ApiError(message, status=404, error_code=error.error_code) from error
        if response.status == 304 and kept is not None:
            found, last_modified = kept.sobject, kept.last_modified
        else:
            found, last_modified = _described(response), _stamp(response)
        self._kept[sobject.lower()] = _Kept(found, last_modified, time.monotonic())
        return found


def _stamp(response: Response) -> str | None:
    """When the describe was changed last, if that can be sent back."""
    stamp = response.headers.get("last-modified", "")
    return stamp if re.fullmatch(r"[ -~]+", stamp) else None


def _described(response: Response) -> SObject:
    try:
        return SObject.from_json(response.json())
    except ValueError as error:
        raise ApiError(f"the answer is {error}", status=response.status) from error


def _listed(described: Mapping[str, Any], key: str) -> Sequence[Any]:
    listed = described.get(key) or []
    if isinstance(listed, list):
        return listed
    raise ValueError(f"{key} is no list")


def _is_fit(value: Any, kind: str) -> bool:
    """Whether a value has the type that stands at the attribute."""
    match kind:
        case "int":
            return type(value) is int and 0 <= value < 2**31
        case "bool":
            return isinstance(value, bool)
        case "tuple[str, ...]":
            return all(isinstance(one, str) for one in value)
    return isinstance(value, str) or (value is None and kind == "str | None")


@dataclass(frozen=True, slots=True)
class _Kept:
    sobject: SObject
    last_modified: str | None
    seen_at: float


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower().removesuffix("__c"))
