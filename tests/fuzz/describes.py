"""Describes: what objects there are, what they are made of, and what is left of the day's limits."""

from __future__ import annotations

from dataclasses import fields

import sfframe
from sfframe.org.describe import SObject
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from tests.fuzz import good
from tests.fuzz.given import Input, json_of
from tests.fuzz.target import Target, Variant, Wrong, must


async def describe(org: Org, sent: Input) -> None:
    frame = await sfframe.describe_sobject_async("Contact", org=org)
    sobject = await org.describe("Contact")
    must(frame.height == len(sobject.fields) > 0, "fields are missing")
    is_whole_object(sobject)


def is_whole_object(sobject: SObject) -> None:
    must(all(isinstance(text, str) for text in (sobject.name, sobject.label)) and sobject.name, "no name")
    must(isinstance(sobject.key_prefix, str | None), "a key prefix that is no text")
    for field in sobject.fields:
        must(field.name and sobject.field(field.name) is not None, "a field without a name")
        for one in fields(field):
            value = getattr(field, one.name)
            match str(one.type):
                case "int":
                    must(type(value) is int and 0 <= value < 2**31, f"{one.name} is {value!r:.40}")
                case "str" | "str | None":
                    must(isinstance(value, str | None), f"{one.name} is {value!r:.40}")
                case "bool":
                    must(type(value) is bool, f"{one.name} is {value!r:.40}")
                case "tuple[str, ...]":
                    must(all(isinstance(text, str) for text in value), f"{one.name} holds what is no text")
    sobject.close_names("Lastname")
    sobject.relationship("account")


async def list_sobjects(org: Org, sent: Input) -> None:
    if sent.variant == 0:
        frame = await sfframe.list_sobjects_async(org=org)
        must(frame["name"].null_count() == 0, "an object without a name")
    else:
        await sfframe.describe_sobject_async("Contacts", org=org)
        raise Wrong("an object that isn't there")


_SOBJECTS = json_of({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [
    {"name": one, "label": one, "labelPlural": f"{one}s", "custom": False, "keyPrefix": "003", "createable": True}
    for one in ("Account", "Contact", "Case")
]})  # fmt: skip


async def limits(org: Org, sent: Input) -> None:
    found = await org.limits()
    must(all(isinstance(name, str) for name in found), "a limit without a name")
    keep_reserve(found, {"DailyApiRequests": 5, "DailyBulkApiBatches": 1}, reserve=0.1)


_LIMITS = json_of(
    {
        "DailyApiRequests": {"Max": 15000, "Remaining": 14998},
        "DailyBulkApiBatches": {"Max": 15000, "Remaining": 14000},
        "HourlyODataCallout": {"Max": 20000, "Remaining": 19000, "App": {"Max": 0, "Remaining": 0}},
    }
)

TARGETS = (
    Target("describe", [Variant(describe, good.DESCRIBES)], 8),
    Target("objects", [Variant(list_sobjects, {"sobjects": (_SOBJECTS,)})] * 2, 6),
    Target("limits", [Variant(limits, {"limits": (_LIMITS,)})]),
)
