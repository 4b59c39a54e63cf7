"""What the columns of an upload mean, or why the job fails as a whole (wire notes, 4.5 and 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sfframe.localorg.objects.schema import Field, SObject

FindObject = Callable[[str], SObject | None]
ROW = "n"


class StructureError(Exception):
    """The upload as a whole can't be read; the text is the job's errorMessage."""


def cell(index: int) -> str:
    """The name under which a column of the upload goes; headers may be any text, or twice there."""
    return f"c{index}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the upload.

    Attributes:
        index: Its place, from 0.
        header: As it was written.
        field: The field that is set.
        parent: The object whose record is looked up, for `Account.Ext__c`.
        parent_field: The parent's field that the cells hold.
    """

    index: int
    header: str
    field: Field
    parent: SObject | None = None
    parent_field: Field | None = None

    @property
    def is_exact(self) -> bool:
        """The header is written in the field's own case."""
        if self.parent_field is not None:
            return self.header.endswith(f"{self.field.relationship_name}.{self.parent_field.name}")
        return self.header == self.field.name


def read_header(
    names: tuple[str, ...], sobject: SObject, find: FindObject, *, operation: str, key: str | None
) -> tuple[Column, ...]:
    """Resolve the headers against the object.

    Args:
        names: Header cells.
        sobject: The job's object.
        find: Gives an object by its API name.
        operation: The job's.
        key: The job's externalIdFieldName, for upsert.

    Raises:
        StructureError: The first header that can't be used, in the platform's words.
    """
    columns: list[Column] = []
    for index, header in enumerate(names):
        column = _column(index, header, sobject, find)
        if any(column.field is other.field for other in columns):
            raise _not_found(header)
        columns.append(column)
    _check_key(columns, operation, key)
    return tuple(columns)


def _column(index: int, header: str, sobject: SObject, find: FindObject) -> Column:
    if "." in header:
        return _relationship(index, header, sobject, find)
    field = sobject.field(header)
    if field is None or not field.is_stored:
        raise _not_found(header)
    return Column(index, header, field)


def _relationship(index: int, header: str, sobject: SObject, find: FindObject) -> Column:
    path, _, target = header.partition(".")
    prefix, colon, relationship = path.rpartition(":")
    field = sobject.relationship(relationship)
    if field is None:
        raise StructureError(f"InvalidBatch : Unable to find relationship: {relationship}")
    # The number of targets alone decides whether the type is named.
    if colon and len(field.reference_to) == 1:
        what = f"type is not needed for non polymorphic foreign key references: {relationship}"
        raise StructureError(f"InvalidBatch : {what}")
    if not colon and len(field.reference_to) > 1:
        raise StructureError(f"InvalidBatch : type is needed for polymorphic foreign key references: {relationship}")
    wanted = prefix or field.reference_to[0]
    parent = find(wanted) if wanted.lower() in (name.lower() for name in field.reference_to) else None
    parent_field = parent.field(target) if parent else None
    if parent is None or parent_field is None or not parent_field.is_key:
        raise _not_found(header)
    return Column(index, header, field, parent, parent_field)


def _check_key(columns: list[Column], operation: str, key: str | None) -> None:
    needed = key if operation == "upsert" else None if operation == "insert" else "Id"
    plain = {column.field.name.lower() for column in columns if column.parent is None}
    if needed and needed.lower() not in plain:
        raise _not_found(needed)
    # What other columns do to a delete is told nowhere; a client that sends them should notice (wire notes, 4.7).
    if operation in ("delete", "hardDelete") and len(columns) > 1:
        raise _not_found(next(column.header for column in columns if column.field.name != "Id"))


def _not_found(header: str) -> StructureError:
    return StructureError(f"InvalidBatch : Field name not found : {header}")
