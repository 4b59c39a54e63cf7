"""What is selected: fields, fields of parents, all of a kind, labels, and what depends on the type (SOQL notes, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sfframe.localorg.data.sql import coalesce, name
from sfframe.localorg.objects.schema import NUMBER_TYPES, Field
from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import unspoken
from sfframe.localorg.soql.operands import Operand, field_operand, in_zone, operand, wrong_argument
from sfframe.localorg.soql.pieces import Sql, put
from sfframe.localorg.soql.query import Output
from sfframe.localorg.soql.scope import Record, Scope

_MOST_FIELDS_ROWS = 200
_LONG_TEXT = 255
_NO_FIELDS = "'FIELDS({})' expansion function must result in at least one field being selected."
_BLOB = ("API_ERROR", "Selecting base64 fields is not supported in Bulk Query")
COMPOUND = ("API_ERROR", "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query")


@dataclass(slots=True)
class Selection:
    """The columns of a query of records, taken down one by one.

    Attributes:
        scope: Its tables.
        shown: SQL of each output.
        outputs: What they are.
        bulk_refusal: Why Bulk wouldn't have them (wire notes, 6.2).
        long_texts: How many long text fields are among them; pages are short then (8).
    """

    scope: Scope
    shown: list[Sql] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    bulk_refusal: tuple[str, str] | None = None
    long_texts: int = 0
    _seen: set[tuple[str, ...]] = field(default_factory=set)

    def take(self, item: tree.Item, clauses: tree.Clauses) -> None:
        """One item of SELECT that isn't a subquery.

        Raises:
            SoqlError: It can't be selected.
        """
        what = item.what
        if isinstance(what, tree.TypeOf):
            self._type_of(what)
        elif isinstance(what, tree.Call) and what.name.upper() == "FIELDS":
            self._fields(what, clauses)
        elif isinstance(what, tree.Call):
            self._call(what, item.alias)
        elif isinstance(what, tree.Path):
            if item.alias is not None:
                text = "only aggregate expressions use field aliasing"
                raise self.scope.fail(item.alias, "MALFORMED_QUERY", text)
            self._path(what)

    def _add(self, of: Operand, path: tuple[str, ...], *, only_for: tuple[str, ...] = ()) -> None:
        folded = (*(part.lower() for part in path), *only_for)
        if folded in self._seen:
            text = f"duplicate field selected: {'.'.join(path)}"
            raise self.scope.fail(of.at, "INVALID_FIELD", text)
        self._seen.add(folded)
        record = of.column.record if of.column is not None and len(path) > 1 else 0
        column = f"o{len(self.outputs)}"
        self.outputs.append(Output(path=path, type=of.type, column=column, level=record, only_for=only_for))
        self.shown.append(of.sql)
        known = of.column.field if of.column is not None else None
        self.long_texts += known is not None and known.type == "textarea" and known.length > _LONG_TEXT

    def _path(self, path: tree.Path) -> None:
        of = field_operand(self.scope, path)
        self._add(self._readable(of), of.path)

    def _readable(self, of: Operand) -> Operand:
        """The same, put together where its field is no column: addresses and places. Of blobs the org keeps none."""
        assert of.column is not None
        if of.column.field.is_stored:
            return of
        if of.type == "base64":
            self.bulk_refusal = self.bulk_refusal or _BLOB
            return Operand(Sql("NULL::VARCHAR"), of.type, of.name, of.at, of.path, of.column)
        if of.type not in ("address", "location"):
            raise unspoken(f"fields of type {of.type}: {of.name}")
        self.bulk_refusal = self.bulk_refusal or COMPOUND
        record = self.scope.records[of.column.record]
        sql = _compound(record, of.column.field)
        return Operand(Sql(sql), of.type, of.name, of.at, of.path, of.column)

    # FIELDS(STANDARD), FIELDS(CUSTOM), FIELDS(ALL).

    def _fields(self, call: tree.Call, clauses: tree.Clauses) -> None:
        argument = call.arguments[0] if len(call.arguments) == 1 else None
        kind = argument.text.upper() if isinstance(argument, tree.Path) else ""
        if kind not in ("STANDARD", "CUSTOM", "ALL"):
            raise wrong_argument(self.scope, call)
        if kind != "STANDARD" and not _is_short(clauses):
            text = f"The SOQL FIELDS function must have a LIMIT of at most {_MOST_FIELDS_ROWS}"
            raise self.scope.fail(call.name, "MALFORMED_QUERY", text)
        found = [
            known
            for known in self.scope.sobject.fields.values()
            if (known.is_stored or known.type in ("address", "location", "base64"))
            and (kind == "ALL" or known.custom == (kind == "CUSTOM"))
        ]
        if not found:
            raise self.scope.fail(call.name, "MALFORMED_QUERY", _NO_FIELDS.format(kind))
        self.bulk_refusal = ("API_ERROR", "FIELDS() is not supported in Bulk Query")
        for known in found:
            self._path(tree.Path((tree.at(call.name, known.name),)))

    # Functions.

    def _call(self, call: tree.Call, alias: tree.Token | None) -> None:
        scope, kind = self.scope, call.name.upper()
        if alias is not None:
            scope.check_alias(alias)
        if kind == "FORMAT":
            of = formatted(scope, call)
        else:
            of = operand(scope, call)
            if kind not in ("TOLABEL", "CONVERTCURRENCY"):
                text = f"Field must be grouped or aggregated: {call.text}"
                raise scope.fail(call.name, "MALFORMED_QUERY", text)
        self._add(of, of.path if alias is None else (str(alias),))

    # TYPEOF.

    def _type_of(self, what: tree.TypeOf) -> None:
        scope = self.scope
        place = scope.parent(what.path.names)
        record = scope.records[place]
        if not record.is_polymorphic:
            text = f"TYPEOF is only allowed on polymorphic relationships: {what.path.text}"
            raise scope.fail(what.path.first, "MALFORMED_QUERY", text)
        self.bulk_refusal = ("API_ERROR", "TYPEOF is not supported in Bulk Query")
        taken = set()
        for kind, paths in what.branches:
            table = next((table for key, table in record.tables.items() if key.lower() == kind.lower()), None)
            if table is None:
                text = f"'{kind}' is not a type of relationship {what.path.text}"
                raise scope.fail(kind, "INVALID_TYPE", text)
            taken.add(table[0].name)
            only = Record(record.path, {table[0].name: table}, (), False)
            for path in paths:
                self._add_branch(only, place, path, (table[0].name,))
        others = tuple(key for key in record.tables if key not in taken)
        for path in what.otherwise:
            self._add_branch(record, place, path, others or ("",))

    def _add_branch(self, record: Record, place: int, path: tree.Path, only_for: tuple[str, ...]) -> None:
        if len(path.names) > 1:
            raise unspoken(f"paths inside TYPEOF: {path.text}")
        column = self.scope.field_of(record, place, path.first)
        of = Operand(Sql(column.sql), column.field.type, column.field.name, path.first, column.path, column)
        if not column.field.is_stored:
            raise unspoken(f"compound fields inside TYPEOF: {path.text}")
        self._add(of, of.path, only_for=only_for)


def formatted(scope: Scope, call: tree.Call) -> Operand:
    """Text as the locale en_US writes it.

    Raises:
        SoqlError: The field is of a type that has no such form.
    """
    if len(call.arguments) != 1:
        raise wrong_argument(scope, call)
    of = operand(scope, call.arguments[0])
    if of.column is not None and not of.column.field.is_stored:
        raise scope.fail(of.at, "INVALID_FIELD", f"FORMAT can not be used on field '{of.name}' of type {of.type}")
    sql = localized(scope, of)
    return Operand(sql, "string", of.name, of.at, of.path, of.column, "FORMAT")


def localized(scope: Scope, of: Operand) -> Sql:
    """A value as text for readers; nulls stay."""
    scale = of.column.field.scale if of.column is not None else 2
    value = of.sql
    if of.type in ("int", "long"):
        return put("format('{:,}', {})", value)
    if of.type == "currency":
        number = put(f"format('{{:,.{scale}f}}', abs({{}}))", value)
        return put("CASE WHEN {} < 0 THEN '-$' ELSE '$' END || {}", value, number)
    if of.type in NUMBER_TYPES:
        return put(f"format('{{:,.{scale}f}}', {{}}::DOUBLE)", value)
    if of.type == "date":
        return put("strftime({}, '%-m/%-d/%Y')", value)
    if of.type == "datetime":
        return put("strftime({}::TIMESTAMP, '%-m/%-d/%Y, %-I:%M %p')", in_zone(scope, value))
    if of.type == "time":
        return put("strftime(DATE '2000-01-01' + {}, '%-I:%M %p')", value)
    return value


def _is_short(clauses: tree.Clauses) -> bool:
    """FIELDS(ALL) is for a few rows alone."""
    if clauses.limit is not None and clauses.limit.isdigit() and len(clauses.limit) < 9:
        return int(clauses.limit) <= _MOST_FIELDS_ROWS
    where = clauses.where
    parts = where.parts if isinstance(where, tree.Logic) and where.operator == "AND" else (where,)
    return any(
        isinstance(part, tree.Comparison)
        and part.operand.text.lower() == "id"
        and part.operator in ("=", "IN")
        and len(part.values) <= _MOST_FIELDS_ROWS
        for part in parts
    )


def _compound(record: Record, compound: Field) -> str:
    """A struct of the fields that an address or a place consists of, null where all are."""
    sobject, alias = record.only
    stem = compound.name.removesuffix("Address").removesuffix("__c")
    parts: dict[str, str] = {}
    for part in sobject.stored:
        if part.part_of == compound.name:
            member = part.name.removeprefix(stem).removesuffix("__s").removesuffix("__c").strip("_")
            parts[member[:1].lower() + member[1:]] = f"{alias}.{name(part.name)}"
    if not parts:
        return "NULL::VARCHAR"
    if compound.type == "address":
        parts = {"geocodeAccuracy": "NULL::VARCHAR", "latitude": "NULL::DOUBLE", "longitude": "NULL::DOUBLE", **parts}
    members = ", ".join(f"{name(key)} := {parts[key]}" for key in sorted(parts))
    there = coalesce(*(f"{sql}::VARCHAR" for sql in parts.values()))
    return f"CASE WHEN {there} IS NOT NULL THEN struct_pack({members}) END"
