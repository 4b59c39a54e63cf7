"""Layout: each wanted column gets its field; all that can be said against columns is said here, all at once.

What can be said about rows is in the columns' flaws, for `check` to look for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import polars as pl

from sfframe.ingest.choose import hint, schema_problem
from sfframe.ingest.columns import Column, Given, Layout
from sfframe.ingest.forms import NoFormError, value_of
from sfframe.ingest.lookups import NoTargetError, Path, path_of, reference_of, target_of
from sfframe.ingest.request import IngestRequest
from sfframe.org.describe import Field, SObject
from sfframe.problems import Problem

MAX_FIELDS = 5_000
MAX_HEADER = 32_000


def lay_out(
    given: Given,
    wanted: Mapping[str, str],
    request: IngestRequest,
    sobject: SObject | None,
    parents: Mapping[str, SObject],
) -> tuple[Layout, list[Problem]]:
    """Give each wanted column its field, as far as it has one.

    Args:
        given: What is known of the frame.
        wanted: `{label: wanted field}` from `chosen`.
        request: The call.
        sobject: The object's describe; `None`: names go as they are, by dtype alone.
        parents: Describes of the objects that lookups may point to, by name; those that could be had.

    Returns:
        The layout of the columns that can be sent, and all problems of columns.
    """
    builder = _Builder(given, request, sobject, parents)
    for label, target in wanted.items():
        builder.add(label, target)
    builder.finish(wanted)
    return builder.layout(), builder.problems


class _Builder:
    def __init__(
        self, given: Given, request: IngestRequest, sobject: SObject | None, parents: Mapping[str, SObject]
    ) -> None:
        self.given = given
        self.request = request
        self.sobject = sobject
        self.parents = parents
        self.columns: list[Column] = []
        self.problems: list[Problem] = []
        self.taken: dict[str, str] = {}  # field name, lower case -> frame column
        self.key: Column | None = None
        if sobject is not None:
            self.problems.extend(_unfit_object(sobject, request))

    def add(self, label: str, target: str) -> None:
        dtype = self.given.dtypes.get(label)
        if dtype is None:
            self.taken.setdefault(target.lower(), label)
            return  # the front end has said why it can't be read
        if isinstance(dtype, pl.Struct) and len(dtype.fields) != 1:
            self._say(
                label,
                "STRUCT",
                f"a struct of {len(dtype.fields)} fields; a lookup needs exactly one",
                "Keep the external id of the parent alone, e.g. Account{Ext__c}.",
                kind="type",
            )
            return
        path = path_of(target, dtype)
        if path is not None:
            self._add_lookup(label, path, dtype)
        elif self.sobject is None:
            self._take(label, target, None, dtype)
        else:
            found = self.sobject.field(target)
            if found is None:
                self._unknown(label, target, self.sobject)
            elif self._is_writable(label, found):
                self._take(label, found.name, found, dtype)

    def _unknown(self, label: str, target: str, sobject: SObject) -> None:
        close = sobject.close_names(target)
        hint = f"Did you mean {' or '.join(map(repr, close))}? " if close else f"{sobject.fields_hint} "
        self._say(
            label,
            "UNKNOWN_FIELD",
            f"{sobject.name} has no field {target!r} that you may see",
            f"{hint}Rename the column, map it with columns={{{label!r}: 'Field'}}, "
            f"or leave it out with columns={{{label!r}: None}}.",
        )

    def _is_writable(self, label: str, found: Field) -> bool:
        operation, name = self.request.operation, found.name
        is_key = name.lower() == (self.request.key_field or "").lower()
        if operation in ("delete", "hard_delete") or is_key:
            return True
        if name == "Id":
            self._say(
                label,
                "ID_NOT_TAKEN",
                f"{operation} takes no Id",
                f"Leave it out with columns={{{label!r}: None}}"
                + (", or use update." if operation == "insert" else ", or upsert by 'Id'."),
                name,
            )
            return False
        if found.is_compound:
            self._say(label, "COMPOUND", f"{name} is a compound field", "Send its components instead.", name)
            return False
        can = {
            "insert": found.createable,
            "update": found.updateable,
            "upsert": found.createable or found.updateable,
        }[operation]
        if not can:
            verb = {"insert": "set on insert", "update": "changed by update"}.get(operation, "written")
            self._say(
                label,
                "NOT_WRITABLE",
                f"{name} can't be {verb} (formula, automatic, or not yours to write)",
                f"Leave it out with columns={{{label!r}: None}}.",
                name,
            )
        return can

    def _add_lookup(self, label: str, path: Path, dtype: pl.DataType) -> None:
        column = pl.col(label)
        if isinstance(dtype, pl.Struct):
            only = dtype.fields[0]
            inner = only.dtype() if isinstance(only.dtype, type) else only.dtype
            column, dtype = column.struct.field(only.name), inner
        if self.sobject is None:
            header = path.header(path.relationship, None, path.prefix)
            self._take(label, header, None, dtype, column, is_lookup=True)
            return
        reference: Field | None = None
        try:
            reference = reference_of(path, self.sobject)
            target = target_of(path, reference, self.parents)
        except NoTargetError as error:
            self._say(label, error.code, str(error), error.remedy, reference.name if reference else None)
            return
        if self._is_writable(label, reference):
            self._take(label, target.header, target.key, dtype, column, is_lookup=True, taken=reference.name)

    def _take(
        self,
        label: str,
        header: str,
        found: Field | None,
        dtype: pl.DataType,
        column: pl.Expr | None = None,
        *,
        is_lookup: bool = False,
        taken: str | None = None,
    ) -> None:
        other = self.taken.setdefault((taken or header).lower(), label)
        if other != label:
            self._say(
                label,
                "SAME_FIELD",
                f"columns {other!r} and {label!r} both go into {taken or header}",
                "Leave one of them out with columns={...: None}.",
                taken or header,
            )
            return
        try:
            value = value_of(
                column if column is not None else pl.col(label),
                dtype,
                field=found,
                mark=self.given.marks.get(label),
                zone=self.request.options.naive_datetimes,
            )
        except NoFormError as form:
            self._say(
                label,
                "NO_CSV_FORM" if form.unsupported else "WRONG_TYPE",
                str(form),
                form.remedy,
                found.name if found else None,
                kind="type" if form.unsupported else "schema",
            )
            return
        is_key = header.lower() == (self.request.key_field or "").lower()
        made = Column(
            name=label,
            header=header,
            value=value,
            clears=self.request.options.clears(label) and not is_key,
            field=found,
            is_lookup=is_lookup,
            # An upsert by Id inserts the rows without one (wire notes, 3.1).
            is_key=is_key and not (self.request.operation == "upsert" and header == "Id"),
        )
        self.columns.append(made)
        if is_key:
            self.key = made

    def finish(self, wanted: Mapping[str, str]) -> None:
        """What can only be said once all columns are known."""
        self._key_is_there()
        if self.sobject is not None and self.request.operation == "insert":
            missing = [
                f.name for f in self.sobject.fields if f.is_required_on_insert and f.name.lower() not in self.taken
            ]
            for name in missing:
                self._say(
                    None,
                    "REQUIRED_MISSING",
                    f"{self.sobject.name}.{name} is required on insert, but no column goes into it",
                    f"Add it, or map a column to it with columns={{...: {name!r}}}.",
                    name,
                )
        if not wanted and not self.problems:
            self._say(None, "NO_COLUMNS", "no column would be sent", "Add columns, or change columns=.")
        if len(self.columns) > MAX_FIELDS:
            self._say(
                None,
                "TOO_MANY_FIELDS",
                f"{len(self.columns):,} columns; a record takes {MAX_FIELDS:,} fields",
                "Send them in several calls.",
            )
        width = sum(len(c.header) + 3 for c in self.columns)
        if width > MAX_HEADER:
            self._say(
                None,
                "HEADER_TOO_LONG",
                f"a header of {width:,} characters; the org takes {MAX_HEADER:,}",
                "Send the columns in several calls.",
            )

    def _key_is_there(self) -> None:
        key = self.request.key_field
        if key is None:
            return
        if self.sobject is not None and self.request.operation == "upsert":
            found = self.sobject.field(key)
            if found is None:
                names = [f.name for f in self.sobject.fields if f.external_id or f.id_lookup]
                self._say(
                    None,
                    "UNKNOWN_KEY",
                    f"{self.sobject.name} has no field {key!r}",
                    f"{hint(key, names)}Its keys are: {', '.join(names) or 'none'}.",
                    key,
                )
                return
            if not (found.external_id or found.id_lookup or found.name == "Id"):
                self._say(
                    None,
                    "NO_KEY",
                    f"{found.name} is no external id (or idLookup) field, so it can't be the key",
                    "Upsert by a field that is marked as external id.",
                    found.name,
                )
                return
        if key.lower() in self.taken:
            return
        in_index = [name for name in self.given.index_names if isinstance(name, str) and name.lower() == key.lower()]
        remedy = (
            f"It is in the index: call reset_index({in_index[0]!r}) first."
            if in_index
            else f"Add it, or map a column to it with columns={{...: {key!r}}}."
        )
        self._say(None, "KEY_MISSING", f"{self.request.operation} needs the column {key!r}", remedy, key)

    def layout(self) -> Layout:
        key = self.key.field if self.key is not None else None
        folds = key is not None and key.name != "Id" and not key.case_sensitive
        # With "raise", rows that share a key are found by the check and never sent.
        is_unique = self.key is not None and self.request.options.on_duplicate_key != "send"
        return Layout(columns=tuple(self.columns), key=self.key, key_ignores_case=folds, key_is_unique=is_unique)

    def _say(
        self,
        column: str | None,
        code: str,
        message: str,
        remedy: str,
        field: str | None = None,
        *,
        kind: Literal["schema", "type"] = "schema",
    ) -> None:
        problem = Problem(column=column, code=code, message=message, remedy=remedy, field=field, kind=kind)
        self.problems.append(problem)


def _unfit_object(sobject: SObject, request: IngestRequest) -> Iterable[Problem]:
    ability = {
        "insert": sobject.createable,
        "update": sobject.updateable,
        "upsert": sobject.createable or sobject.updateable,
    }
    if not ability.get(request.operation, sobject.deletable):
        yield schema_problem(
            None,
            "OBJECT_NOT_WRITABLE",
            f"{sobject.name} doesn't take {request.operation} from you",
            "Check the object's name and your permissions.",
        )
