"""Columns: what a statement's SELECT list gives, by the org's describes: names, dtypes, and where each is found."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from sfframe.errors import ApiError, SoqlError
from sfframe.org.describe import Field, SObject
from sfframe.query.schema.types import TypeOptions, dtype_of
from sfframe.query.soql.statement import Call, Children, Item, Path, Statement, TypeOf

Describe = Callable[[str], Awaitable[SObject]]

# Functions by what they give (SOQL notes, 6, 7); one that isn't here gives text.
_RESULTS: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("AVG", "DISTANCE"), pl.Float64()),
    "DAY_ONLY": pl.Date(),
    **dict.fromkeys(
        (
            "COUNT", "COUNT_DISTINCT", "GROUPING", "CALENDAR_MONTH", "CALENDAR_QUARTER", "CALENDAR_YEAR",
            "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR", "FISCAL_MONTH", "FISCAL_QUARTER", "FISCAL_YEAR",
            "HOUR_IN_DAY", "WEEK_IN_MONTH", "WEEK_IN_YEAR",
        ),
        pl.Int64(),
    ),
}  # fmt: skip
_AS_THE_FIELD: Final = frozenset({"MIN", "MAX", "SUM", "CONVERTCURRENCY", "CONVERTTIMEZONE"})
# What these give is a member of the record that is called by the field.
_NAMED_BY_FIELD: Final = frozenset({"TOLABEL", "FORMAT", "CONVERTCURRENCY"})
_KINDS_OF_FIELDS: Final = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of the frame.

    Attributes:
        name: As the frame has it, which is as the SELECT list has it, in the schema's case.
        dtype: Its dtype.
        way: The members that lead to its value in a record over REST.
        field: What describe says of it; `None` for numbers and texts that functions make.
        through: The references that lead to its object.
        children: The columns of a subquery's records.
        written: As the statement has it, where that is another name: a header of CSV may have either.
        is_optional: Some records have no such member, because TYPEOF asks it of some types alone.
    """

    name: str
    dtype: pl.DataType
    way: tuple[str, ...]
    field: Field | None = None
    through: tuple[Field, ...] = ()
    children: tuple[Column, ...] | None = None
    written: str = ""
    is_optional: bool = False


async def columns_of(statement: Statement, describe: Describe, options: TypeOptions) -> tuple[Column, ...]:
    """The columns of a statement's answer, in order.

    Raises:
        SoqlError: It selects what the object doesn't have, or something twice.
        ApiError: There is no such object.
    """
    if statement.is_count:
        return (Column(name="count", dtype=pl.Int64(), way=("count",)),)
    return await Finder(await describe(statement.sobject), describe, options, aliases=statement.aliases).all(statement)


class Finder:
    """Finds fields from one object on."""

    def __init__(
        self,
        sobject: SObject,
        describe: Describe,
        options: TypeOptions,
        *,
        aliases: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Begin at an object.

        Args:
            sobject: What the statement's FROM names.
            describe: Asks for further objects.
            options: The choice of dtypes.
            aliases: The names of FROM in lower case, and the relationships that each stands for.
        """
        self._sobject = sobject
        self._describe = describe
        self._options = options
        self._aliases = {**(aliases or {}), sobject.name.lower(): ()}
        self._seen_behind: dict[tuple[str, ...], Sequence[SObject]] = {}

    async def all(self, statement: Statement) -> tuple[Column, ...]:
        """The columns of a statement about the object, in order.

        Raises:
            SoqlError: It selects what isn't there, or something twice.
        """
        found: list[Column] = []
        n_unnamed = 0
        for item in statement.items:
            unnamed = f"expr{n_unnamed}"
            columns = await self._columns(item, is_grouped=statement.is_grouped, unnamed=unnamed)
            n_unnamed += any(column.name == unnamed for column in columns)
            found += columns
        _refuse_doubles(found)
        return tuple(found)

    async def field(self, parts: Sequence[str]) -> Column:
        """The field at the end of a path; its name is the path in the schema's case.

        Raises:
            SoqlError: There is none; names close to it are told.
        """
        rest = self._whole(parts)
        through, objects = await self._walk(rest[:-1], ".".join(parts))
        found = next(filter(None, (one.field(rest[-1]) for one in objects)), None)
        if found is None and through and _is_polymorphic(through[-1]) and rest[-1].lower() == "type":
            found = Field(name="Type", filterable=True)  # where the org doesn't describe `Name`
        if found is None:
            close = [name for one in objects for name in one.close_names(rest[-1])]
            hint = ""
            if through and _is_polymorphic(through[-1]):
                hint = (
                    f" Behind {through[-1].relationship_name} any record has the fields of Name; TYPEOF gives others."
                )
            raise _unknown(parts, f"field {rest[-1]!r}", objects, close, hint)
        way = (*(str(one.relationship_name) for one in through), found.name)
        name = ".".join(way)
        written = ".".join(parts)
        return Column(
            name=name,
            dtype=dtype_of(found, self._options),
            way=way,
            field=found,
            through=through,
            written="" if written.lower() == name.lower() else written,
        )

    def _whole(self, parts: Sequence[str]) -> tuple[str, ...]:
        """A path from the object on, without aliases; a relationship that is called as the object is goes before."""
        first = parts[0].lower()
        is_own = first == self._sobject.name.lower() and self._sobject.relationship(first) is not None
        if len(parts) < 2 or first not in self._aliases or is_own:
            return tuple(parts)
        return (*self._aliases[first], *parts[1:])

    async def _walk(self, relationships: Sequence[str], path: str) -> tuple[tuple[Field, ...], Sequence[SObject]]:
        """The references that lead along relationships, and the objects at the end, one of which has the fields."""
        objects: Sequence[SObject] = [self._sobject]
        through: list[Field] = []
        for name in relationships:
            reference = next(filter(None, (one.relationship(name) for one in objects)), None)
            if reference is None:
                known = [one.relationship_name for sobject in objects for one in sobject.fields]
                close = difflib.get_close_matches(name, list(filter(None, known)), n=3, cutoff=0.5)
                raise _unknown(path.split("."), f"relationship {name!r}", objects, close)
            through.append(reference)
            objects = await self._behind(reference)
        return tuple(through), objects

    async def _behind(self, reference: Field) -> Sequence[SObject]:
        """The object that a reference points to; behind one to several, the object `Name` (SOQL notes, 2.2)."""
        targets = reference.reference_to
        if not _is_polymorphic(reference):
            return [await self._describe(targets[0])]
        if targets not in self._seen_behind:
            found = await self._seen(["Name"]) or await self._seen(targets)
            if not found:
                raise SoqlError(f"the org describes no object that {reference.relationship_name} may lead to")
            self._seen_behind[targets] = found
        return self._seen_behind[targets]

    async def _seen(self, names: Sequence[str]) -> list[SObject]:
        """Those of the objects that this user may see."""
        found = []
        for name in names:
            try:
                found.append(await self._describe(name))
            except ApiError as error:
                if error.status != 404:
                    raise
        return found

    async def _columns(self, item: Item, *, is_grouped: bool, unnamed: str) -> list[Column]:
        match item:
            case Path():
                column = await self.field(item.parts)
                return [_grouped(column, item.alias) if is_grouped else column]
            case Call() if item.name.upper() == "FIELDS":
                return self._all_fields(item)
            case Call():
                return [await self._call(item, unnamed, is_grouped=is_grouped)]
            case Children():
                return [await self._children(item.statement)]
            case TypeOf():
                return await self._type_of(item)
        raise SoqlError(f"{item.value} can't be selected")

    async def _call(self, call: Call, unnamed: str, *, is_grouped: bool = False) -> Column:
        name = call.name.upper()
        first = call.arguments[0] if call.arguments else None
        inner: Column | None = None
        if isinstance(first, Path):
            inner = await self.field(first.parts)
        elif isinstance(first, Call):
            inner = await self._call(first, unnamed, is_grouped=is_grouped)
        dtype = _RESULTS.get(name, pl.String())
        is_list = inner is not None and name == "TOLABEL" and isinstance(inner.dtype, pl.List)
        if inner is not None and (is_list or name in _AS_THE_FIELD):
            dtype = inner.dtype
        if call.alias:
            return Column(name=call.alias, dtype=dtype, way=(call.alias,))
        if inner is not None and name in _NAMED_BY_FIELD and not is_grouped:
            return Column(name=inner.name, dtype=dtype, way=inner.way, written=inner.written)
        return Column(name=unnamed, dtype=dtype, way=(unnamed,))

    def _all_fields(self, call: Call) -> list[Column]:
        wish = call.arguments[0].parts[0].upper() if call.arguments and isinstance(call.arguments[0], Path) else ""
        if wish not in _KINDS_OF_FIELDS:
            raise SoqlError(f"FIELDS takes one of {', '.join(_KINDS_OF_FIELDS)}")
        return [
            Column(name=one.name, dtype=dtype_of(one, self._options), way=(one.name,), field=one)
            for one in self._sobject.fields
            if one.custom in _KINDS_OF_FIELDS[wish]
        ]

    async def _children(self, statement: Statement) -> Column:
        known = {
            str(one["relationshipName"]): str(one["childSObject"])
            for one in self._sobject.raw.get("childRelationships") or ()
            if one.get("relationshipName")
        }
        wanted = statement.sobject.split(".")[-1]
        name = next((one for one in known if one.lower() == wanted.lower()), None)
        if name is None:
            close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
            raise _unknown([statement.sobject], f"child relationship {wanted!r}", [self._sobject], close)
        child = await self._describe(known[name])
        columns = await Finder(child, self._describe, self._options, aliases=statement.aliases).all(statement)
        dtype = pl.List(pl.Struct({column.name: column.dtype for column in columns}))
        return Column(name=name, dtype=dtype, way=(name,), children=columns)

    async def _type_of(self, item: TypeOf) -> list[Column]:
        """A column for each field of any branch; one that is of another type behind another object is text."""
        relationships = self._whole((*item.path.parts, ""))[:-1]
        through, others = await self._walk(relationships, ".".join(item.path.parts))
        before = tuple(str(one.relationship_name) for one in through)
        targets = {name.lower(): name for name in through[-1].reference_to}
        found: dict[str, Column] = {}
        for kind, paths in item.branches:
            if kind.lower() not in targets:
                raise SoqlError(f"{'.'.join(before)} is never of type {kind!r}: it is {', '.join(targets.values())}")
            await self._add_branch(found, before, [await self._describe(targets[kind.lower()])], paths)
        await self._add_branch(found, before, others, item.otherwise)
        return list(found.values())

    async def _add_branch(
        self, found: dict[str, Column], before: tuple[str, ...], objects: Sequence[SObject], paths: Sequence[Path]
    ) -> None:
        for path in paths:
            owner = next((one for one in objects if one.field(path.parts[-1])), objects[0])
            inner = await Finder(owner, self._describe, self._options).field(path.parts)
            way = (*before, *inner.way)
            name = ".".join(way)
            is_same = name not in found or found[name].dtype == inner.dtype
            dtype = inner.dtype if is_same else pl.String()
            found[name] = Column(name=name, dtype=dtype, way=way, is_optional=True)


def _is_polymorphic(reference: Field) -> bool:
    return len(reference.reference_to) != 1


def _grouped(column: Column, alias: str | None) -> Column:
    """The org calls a grouped field by its last name alone, or by the alias."""
    called = alias or column.way[-1]
    return dataclasses.replace(column, name=alias or column.name, way=(called,))


def _refuse_doubles(columns: Iterable[Column]) -> None:
    names: set[str] = set()
    ways: dict[tuple[str, ...], str] = {}
    for column in columns:
        if column.name.lower() in names:
            raise SoqlError(f"{column.name} is selected twice: take one away, or give it an alias where SOQL has them")
        names.add(column.name.lower())
        way = tuple(part.lower() for part in column.way)
        if way in ways:
            raise SoqlError(
                f"{ways[way]} and {column.name} both come as {column.way[-1]!r} in a grouped answer: "
                "give them aliases, as in SELECT Account.Name account, Owner.Name owner"
            )
        ways[way] = column.name


def _unknown(
    parts: Sequence[str], what: str, objects: Sequence[SObject], close: Sequence[str], hint: str = ""
) -> SoqlError:
    names = " and ".join(one.name for one in objects) or "what is behind it"
    likely = " or ".join(repr(name) for name in dict.fromkeys(close[:3]))
    did_you_mean = f" Did you mean {likely}?" if likely else f" {objects[0].fields_hint}" if objects else ""
    return SoqlError(f"{'.'.join(parts)!r}: {names} has no {what} that you may see.{did_you_mean}{hint}")
