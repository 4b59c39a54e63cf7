"""Objects: which there are and what they are made of, as frames."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from sfframe.bridge import blocking
from sfframe.errors import ApiError
from sfframe.front import BackendName, DtypeBackend, backend_of
from sfframe.org.org import Org, current_org
from sfframe.query.objects import object_named

# Column of `list_sobjects`, its dtype, and Salesforce's word for it.
_OBJECTS: Final[dict[str, tuple[pl.DataType, str]]] = {
    "name": (pl.String(), "name"),
    "label": (pl.String(), "label"),
    "label_plural": (pl.String(), "labelPlural"),
    "custom": (pl.Boolean(), "custom"),
    "key_prefix": (pl.String(), "keyPrefix"),
    "createable": (pl.Boolean(), "createable"),
    "updateable": (pl.Boolean(), "updateable"),
    "deletable": (pl.Boolean(), "deletable"),
    "undeletable": (pl.Boolean(), "undeletable"),
    "mergeable": (pl.Boolean(), "mergeable"),
    "queryable": (pl.Boolean(), "queryable"),
    "retrieveable": (pl.Boolean(), "retrieveable"),
    "replicateable": (pl.Boolean(), "replicateable"),
    "searchable": (pl.Boolean(), "searchable"),
    "triggerable": (pl.Boolean(), "triggerable"),
    "layoutable": (pl.Boolean(), "layoutable"),
    "custom_setting": (pl.Boolean(), "customSetting"),
    "deprecated_and_hidden": (pl.Boolean(), "deprecatedAndHidden"),
}
# Column of `describe_sobject`, as `Field` calls it, and its dtype.
_FIELDS: Final[dict[str, pl.DataType]] = {
    "name": pl.String(),
    "label": pl.String(),
    "type": pl.String(),
    "length": pl.Int64(),
    "precision": pl.Int64(),
    "scale": pl.Int64(),
    "digits": pl.Int64(),
    "nillable": pl.Boolean(),
    "createable": pl.Boolean(),
    "updateable": pl.Boolean(),
    "defaulted_on_create": pl.Boolean(),
    "external_id": pl.Boolean(),
    "id_lookup": pl.Boolean(),
    "unique": pl.Boolean(),
    "case_sensitive": pl.Boolean(),
    "reference_to": pl.List(pl.String()),
    "relationship_name": pl.String(),
    "picklist_values": pl.List(pl.String()),
    "restricted_picklist": pl.Boolean(),
    "calculated": pl.Boolean(),
    "auto_number": pl.Boolean(),
    "name_field": pl.Boolean(),
    "compound_field_name": pl.String(),
    "custom": pl.Boolean(),
    "encrypted": pl.Boolean(),
    "filterable": pl.Boolean(),
    "sortable": pl.Boolean(),
    "groupable": pl.Boolean(),
    "aggregatable": pl.Boolean(),
}


async def list_sobjects_async(
    *, backend: BackendName = "polars", dtype_backend: DtypeBackend | None = None, org: Org | None = None
) -> Any:
    """The objects of the org that the user may see, one row each, in the org's order.

        objects = sfframe.list_sobjects()
        print(objects.filter(pl.col("name") == "Contact")["key_prefix"].item())
        # 003

    Args:
        backend: As in `read_soql`: whose frame is given.
        dtype_backend: As in `read_soql`.
        org: The org; see `Org`.

    Returns:
        Strings `name`, `label`, `label_plural`, `key_prefix` (the first three characters of its records' Ids; null for
        objects without records of their own), and booleans that say what may be done: `custom`, `createable`,
        `updateable`, `deletable`, `undeletable`, `mergeable`, `queryable`, `retrieveable`, `replicateable`,
        `searchable`, `triggerable`, `layoutable`, `custom_setting`, `deprecated_and_hidden`.
    """
    kind = backend_of(backend, dtype_backend)
    found = await current_org(org).rest.sobjects()
    columns = {name: [one.get(word) for one in found] for name, (_, word) in _OBJECTS.items()}
    try:
        frame = pl.DataFrame(columns, schema={name: dtype for name, (dtype, _) in _OBJECTS.items()})
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        raise ApiError("the org's list of objects holds attributes of odd kinds") from None
    return kind.of(frame)


async def describe_sobject_async(
    sobject: str, *, backend: BackendName = "polars", dtype_backend: DtypeBackend | None = None, org: Org | None = None
) -> Any:
    """The fields of an object that the user may see, one row each, in the org's order.

        fields = sfframe.describe_sobject("Contact")
        print(fields.filter(pl.col("external_id"))["name"].to_list())
        # ['ExternalId__c']

    Args:
        sobject: The object's name, in whatever case.
        backend: As in `read_soql`: whose frame is given.
        dtype_backend: As in `read_soql`.
        org: The org; see `Org`. What it says is kept for some minutes.

    Returns:
        What describe says of each field, in snake case: `name`, `label`, `type`; `length` (most UTF-16 units of a
        text), `precision`, `scale`, `digits` (of an int); `nillable`, `createable`, `updateable`,
        `defaulted_on_create`;
        `external_id`, `id_lookup`, `unique`, `case_sensitive`; `reference_to` (a list of objects), `relationship_name`;
        `picklist_values` (a list of the active ones), `restricted_picklist`; `calculated`, `auto_number`, `name_field`,
        `compound_field_name`, `custom`, `encrypted`, `filterable`, `sortable`, `groupable`, `aggregatable`. Lists
        are empty, not null, where there is nothing.

    Raises:
        ApiError: There is no such object for this user; names close to it are told.
    """
    kind = backend_of(backend, dtype_backend)
    found = await object_named(current_org(org), sobject)
    columns = {name: [_plain(getattr(one, name)) for one in found.fields] for name in _FIELDS}
    return kind.of(pl.DataFrame(columns, schema=_FIELDS))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


list_sobjects = blocking(list_sobjects_async)
describe_sobject = blocking(describe_sobject_async)
