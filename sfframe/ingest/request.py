"""IngestRequest: what one call asks for, as a value that can travel to another process."""

from __future__ import annotations

from dataclasses import dataclass

from sfframe.options import Operation, Options
from sfframe.org.names import field_name, sobject_name


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestRequest:
    """One call: which operation on which object, and how.

    Attributes:
        sobject: API name of the object.
        operation: The operation by its Python name.
        external_id_field: The key of an upsert; `None` for the others.
        options: The options of the call.
    """

    sobject: str
    operation: Operation
    external_id_field: str | None
    options: Options

    @property
    def wire_operation(self) -> str:
        """The operation as the Bulk API writes it."""
        return "hardDelete" if self.operation == "hard_delete" else self.operation

    @property
    def key_field(self) -> str | None:
        """The field that names a row's record: the upsert key, `Id`, or `None` for an insert."""
        if self.operation == "insert":
            return None
        return self.external_id_field if self.operation == "upsert" else "Id"


def ingest_request(
    sobject: str, operation: Operation, external_id_field: str | None, options: Options
) -> IngestRequest:
    """A request that makes sense.

    Raises:
        TypeError: An upsert without a key, or a key for another operation.
        ValueError: The object's name can't be one; nor can the key's, where no describe is to say so.
    """
    if not sobject:
        raise TypeError(f"sobject={sobject!r}: the API name of an object is needed, such as 'Contact'")
    sobject_name(sobject)
    if operation == "upsert" and not external_id_field:
        raise TypeError("upsert needs an external id field, e.g. upsert('Contact', 'ExternalId__c')")
    if operation != "upsert" and external_id_field is not None:
        raise TypeError(f"{operation} takes no external id field; only upsert does")
    if external_id_field is not None and not options.describe:
        field_name(external_id_field)
    return IngestRequest(sobject=sobject, operation=operation, external_id_field=external_id_field, options=options)
