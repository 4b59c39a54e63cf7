"""Columns: which column of the frame goes into which field, under the org's exact name.

All that can be said about columns as such (unknown, twice, not writable, missing, of a wrong dtype) is said
here, all at once; what can be said about rows is in the columns' flaws, for `check` to look for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from sfframe.ingest.request import IngestRequest
from sfframe.ingest.values import CLEAR, Kind, NoFormError, Value, text_of, value_of
from sfframe.options import did_you_mean
from sfframe.org.describe import Field, SObject
from sfframe.problems import Problem

RESULT_COLUMNS = ("sf__Id", "sf__Created", "sf__Error", "sf__Outcome")
MAX_FIELDS = 5_000
MAX_HEADER = 32_000
# The platform looks these up by name though describe doesn't call them idLookup (wire notes, 4.6).
_RECORD_TYPE_KEYS = ("name", "developername")


@dataclass(frozen=True, eq=False, kw_only=True)
class Column:
    """One column on its way.

    Attributes:
        name: Its name in the frame.
        header: Its header in the CSV.
        value: How it is written, and which rows can't be.
        clears: Whether a null sets the field to null.
        field: The field from describe; for a lookup by external id the parent's key field.
        is_lookup: Whether the header is a path to a parent's key.
        required: Whether every row needs a value.
    """

    name: str
    header: str
    value: Value
    clears: bool = False
    field: Field | None = None
    is_lookup: bool = False
    required: bool = False

    @property
    def kind(self) -> Kind:
        """How the org reads it."""
        return self.value.kind


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """The columns that are sent, in the frame's order.

    Attributes:
        columns: The columns.
        key: The column of the upsert key or of `Id`; `None` for an insert.
        key_ignores_case: Whether two keys that differ in case alone are one.
        key_is_unique: Whether it is known that no two rows have the same key.
    """

    columns: tuple[Column, ...]
    key: Column | None = None
    key_ignores_case: bool = False
    key_is_unique: bool = False

    def native(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows as the CSV writer takes them: headers as names, null where there is no value.

        Where some columns clear on null and others don't, the clearing ones are text with `#N/A` in it;
        `null_text` says what the writer prints for the rest.
        """
        out = frame.select(c.value.expr.alias(c.header) for c in self.columns)
        text = [
            _cleared(pl.col(c.header), out.schema[c.header], fill=not self.all_clear).alias(c.header)
            for c in self.columns
            if c.clears
        ]
        return out.with_columns(text)

    @property
    def all_clear(self) -> bool:
        """Whether a null in any column clears."""
        return all(c.clears for c in self.columns)

    @property
    def null_text(self) -> str:
        """What the CSV writer prints for a null."""
        return CLEAR if self.all_clear else ""

    def text(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows as the texts that the CSV holds; the empty string where there is no value."""
        native = self.native(frame)
        return native.select(
            text_of(pl.col(name), dtype).fill_null(self.null_text).alias(name) for name, dtype in native.schema.items()
        )


def _cleared(column: pl.Expr, dtype: pl.DataType, *, fill: bool) -> pl.Expr:
    if dtype == pl.String:
        column = pl.when(column != "").then(column)  # an empty string is a null
    return text_of(column, dtype).fill_null(CLEAR) if fill else column


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is known of the frame: labels in order, the dtypes of those that could be read, notes on both.

    Attributes:
        labels: All column labels of the frame, whatever they are.
        dtypes: Polars dtypes of the columns that a front end could read.
        marks: Columns whose text stands for something else; see `values.NUMBERS`.
        index_names: Names in the frame's index, which isn't sent.
    """

    labels: Sequence[object]
    dtypes: Mapping[str, pl.DataType]
    marks: Mapping[str, str] = field(default_factory=dict)
    index_names: Sequence[object] = ()


def chosen(labels: Sequence[object], request: IngestRequest) -> tuple[dict[str, str], list[Problem]]:
    """Which frame columns are sent, as `{label: wanted field}` in the frame's order, by the options alone."""
    columns = request.options.columns
    problems = list(_misnamed(labels, columns, request))
    wanted: dict[str, str] = {}
    for label in labels:
        if not _is_sent(label, columns, request):
            continue
        if not isinstance(label, str):
            problems.append(
                _schema(
                    str(label),
                    "NO_TEXT_NAME",
                    f"the name is {type(label).__name__}, not text",
                    "Rename the column, or choose columns with columns=[...].",
                )
            )
        elif label in wanted:
            problems.append(
                _schema(
                    label,
                    "TWICE",
                    "the frame has several columns of this name",
                    "Rename or drop all but one.",
                )
            )
        elif label.startswith("sf__"):
            problems.append(
                _schema(
                    label,
                    "RESERVED",
                    "names that begin with sf__ are kept for results",
                    "Rename the column, or leave it out with columns={...: None}.",
                )
            )
        else:
            target = columns.get(label, label) if isinstance(columns, Mapping) else label
            assert target is not None
            wanted[label] = target
    if request.operation in ("delete", "hard_delete"):
        wanted = {label: target for label, target in wanted.items() if target.lower() == "id"}
    return wanted, problems


def _is_sent(label: object, columns: Mapping[str, str | None] | Sequence[str] | None, request: IngestRequest) -> bool:
    if label in RESULT_COLUMNS:
        return False
    if request.operation in ("delete", "hard_delete") and not isinstance(label, str):
        return False
    if isinstance(columns, Mapping):
        return columns.get(label, "") is not None  # type: ignore[call-overload, no-any-return]  # labels can be anything
    return columns is None or label in columns


def _misnamed(
    labels: Sequence[object], columns: Mapping[str, str | None] | Sequence[str] | None, request: IngestRequest
) -> Iterable[Problem]:
    named = {"columns": columns or (), "group_by": request.options.group_by}
    if isinstance(request.options.nulls, Mapping):
        named["nulls"] = request.options.nulls
    texts = [label for label in labels if isinstance(label, str)]
    for option, names in named.items():
        for name in names:
            if name not in labels:
                yield _schema(
                    str(name),
                    "NO_COLUMN",
                    f"{option}= names it, but the frame has no such column",
                    f"{_hint(str(name), texts)}Correct the option.",
                )


def _hint(name: str, names: Iterable[str]) -> str:
    """`Did you mean 'x'? `, or nothing."""
    text = did_you_mean(name, names)
    return f"D{text[3:]} " if text else ""


def _schema(column: str | None, code: str, message: str, remedy: str, field: str | None = None) -> Problem:
    return Problem(column=column, code=code, message=message, remedy=remedy, kind="schema", field=field)


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


def parents_wanted(given: Given, wanted: Mapping[str, str], sobject: SObject) -> set[str]:
    """Names of the objects whose describe is needed to read the lookups among the columns."""
    names: set[str] = set()
    for label, target in wanted.items():
        path = _path(target, given.dtypes.get(label))
        if path is not None:
            reference = sobject.relationship(path.relationship)
            names |= set(reference.reference_to) if reference is not None else set()
    return names


@dataclass(frozen=True)
class _Path:
    relationship: str
    key: str
    prefix: str | None


def _path(target: str, dtype: pl.DataType | None) -> _Path | None:
    """`Account.Ext__c`, `User:Owner.Username`, or a struct column `Account{Ext__c}` as its parts."""
    prefix, colon, rest = target.partition(":")
    name, dot, key = (rest if colon else target).partition(".")
    if isinstance(dtype, pl.Struct) and not dot:
        return _Path(name, dtype.fields[0].name, prefix if colon else None) if len(dtype.fields) == 1 else None
    return _Path(name, key, prefix if colon else None) if dot else None


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
        path = _path(target, dtype)
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
        hint = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
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

    def _add_lookup(self, label: str, path: _Path, dtype: pl.DataType) -> None:
        column = pl.col(label)
        if isinstance(dtype, pl.Struct):
            column, dtype = column.struct.field(path.key), dtype.fields[0].dtype  # type: ignore[assignment]
        if self.sobject is None:
            prefix = f"{path.prefix}:" if path.prefix else ""
            self._take(label, f"{prefix}{path.relationship}.{path.key}", None, dtype, column, is_lookup=True)
            return
        reference = self.sobject.relationship(path.relationship)
        if reference is None:
            names = [f.relationship_name for f in self.sobject.fields if f.relationship_name]
            self._say(
                label,
                "UNKNOWN_RELATIONSHIP",
                f"{self.sobject.name} has no relationship {path.relationship!r}",
                f"{_hint(path.relationship, names)}The part before the dot is a relationship's name, such as Account or Parent__r.",
            )
            return
        target = self._parent_of(label, path, reference)
        if target is not None and self._is_writable(label, reference):
            prefix, key = target
            header = f"{prefix}{reference.relationship_name}.{key.name if key else path.key}"
            self._take(label, header, key, dtype, column, is_lookup=True, taken=reference.name)

    def _parent_of(self, label: str, path: _Path, reference: Field) -> tuple[str, Field | None] | None:
        """The `Type:` prefix and the parent's key field, if it is clear which are meant."""
        names = list(reference.reference_to)
        if path.prefix is not None:
            wanted = [n for n in names if n.lower() == path.prefix.lower()]
            if not wanted:
                self._say(
                    label,
                    "UNKNOWN_PARENT",
                    f"{reference.relationship_name} doesn't point to {path.prefix!r}",
                    f"It points to {', '.join(names)}.",
                    reference.name,
                )
                return None
        else:
            wanted = names
        keys = {n: self._key_in(n, path.key) for n in wanted}
        usable = [n for n, key in keys.items() if key is not None]
        polymorphic = len(names) > 1  # the rule of the wire notes, 4.6
        if not usable and any(n not in self.parents for n in wanted) and (len(wanted) == 1):
            return (f"{wanted[0]}:" if polymorphic else ""), None  # its describe can't be had: as it stands
        if len(usable) == 1:
            return (f"{usable[0]}:" if polymorphic else ""), keys[usable[0]]
        if usable:
            self._say(
                label,
                "AMBIGUOUS_PARENT",
                f"{reference.relationship_name} can point to {', '.join(usable)}, which all have {path.key}",
                f"Say which, e.g. '{usable[0]}:{reference.relationship_name}.{path.key}'.",
                reference.name,
            )
        else:
            self._say(
                label,
                "NO_EXTERNAL_ID",
                f"{path.key!r} is no external id (or idLookup) field of {' or '.join(wanted)}",
                "Use such a field of the parent, or send the parent's id.",
                reference.name,
            )
        return None

    def _key_in(self, parent: str, key: str) -> Field | None:
        describe = self.parents.get(parent)
        found = describe.field(key) if describe is not None else None
        if found is None:
            return None
        is_key = found.external_id or found.id_lookup or found.name == "Id"
        return found if is_key or (parent == "RecordType" and key.lower() in _RECORD_TYPE_KEYS) else None

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
        required = is_key or (
            self.request.operation == "insert" and found is not None and not is_lookup and found.is_required_on_insert
        )
        made = Column(
            name=label,
            header=header,
            value=value,
            clears=self.request.options.clears(label) and not is_key,
            field=found,
            is_lookup=is_lookup,
            required=required,
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
                    f"{_hint(key, names)}Its keys are: {', '.join(names) or 'none'}.",
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
        is_unique = self.key is not None and self.request.options.on_duplicate_key == "raise"
        return Layout(columns=tuple(self.columns), key=self.key, key_ignores_case=folds, key_is_unique=is_unique)

    def _say(
        self,
        column: str | None,
        code: str,
        message: str,
        remedy: str,
        field: str | None = None,
        *,
        kind: str = "schema",
    ) -> None:
        self.problems.append(
            Problem(
                column=column,
                code=code,
                message=message,
                remedy=remedy,
                field=field,
                kind="type" if kind == "type" else "schema",
            )
        )


def _unfit_object(sobject: SObject, request: IngestRequest) -> Iterable[Problem]:
    ability = {
        "insert": sobject.createable,
        "update": sobject.updateable,
        "upsert": sobject.createable or sobject.updateable,
    }
    if not ability.get(request.operation, sobject.deletable):
        yield _schema(
            None,
            "OBJECT_NOT_WRITABLE",
            f"{sobject.name} doesn't take {request.operation} from you",
            "Check the object's name and your permissions.",
        )
