"""Columns: what a statement's SELECT list gives, by the org's describes: names, dtypes, and where each is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from sfframe.errors import ApiError, SoqlError
from sfframe.org.describe import Field, SObject
from sfframe.query.soql import AGGREGATES, Call, Children, Item, Path, Statement, TypeOf
from sfframe.query.types import TypeOptions, dtype_of

Describe = Callable[[str], Awaitable[SObject]]

_NUMBERS: Final = {"COUNT": pl.Int64(), "COUNT_DISTINCT": pl.Int64(), "AVG": pl.Float64(), "DISTANCE": pl.Float64(),
                   "GROUPING": pl.Int64()}  # fmt: skip
_PARTS: Final = frozenset(
    {
        "CALENDAR_MONTH", "CALENDAR_QUARTER", "CALENDAR_YEAR", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR",
        "FISCAL_MONTH", "FISCAL_QUARTER", "FISCAL_YEAR", "HOUR_IN_DAY", "WEEK_IN_MONTH", "WEEK_IN_YEAR",
    }
)  # fmt: skip
_AS_THEY_ARE: Final = frozenset({"MIN", "MAX", "SUM", "CONVERTCURRENCY", "CONVERTTIMEZONE"})


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
    """

    name: str
    dtype: pl.DataType
    way: tuple[str, ...]
    field: Field | None = None
    through: tuple[Field, ...] = ()
    children: tuple[Column, ...] | None = None


async def columns_of(statement: Statement, describe: Describe, options: TypeOptions) -> tuple[Column, ...]:
    """The columns of a statement's answer, in order.

    Raises:
        SoqlError: It selects what the object doesn't have, or something twice.
        ApiError: There is no such object.
    """
    if statement.is_count:
        return (Column(name="count", dtype=pl.Int64(), way=("count",)),)
    finder = Finder(await describe(statement.sobject), describe, options, aliases=statement.aliases)
    found: list[Column] = []
    n_unnamed = 0
    for item in statement.items:
        columns = await finder.columns(item, is_grouped=statement.is_grouped, unnamed=f"expr{n_unnamed}")
        n_unnamed += any(column.name == f"expr{n_unnamed}" for column in columns)
        found += columns
    _refuse_doubles(found)
    return tuple(found)


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
        self._sobject = sobject
        self._describe = describe
        self._options = options
        self._aliases = {sobject.name.lower(): (), **(aliases or {})}

    async def columns(self, item: Item, *, is_grouped: bool = False, unnamed: str = "") -> list[Column]:
        """What one item of a SELECT list gives."""
        match item:
            case Path():
                return [await self._plain(item, is_grouped=is_grouped)]
            case Call() if item.name.upper() == "FIELDS":
                return self._all_fields(item)
            case Call():
                return [await self._call(item, unnamed)]
            case Children():
                return [await self._children(item.statement)]
            case TypeOf():
                return await self._type_of(item)
        raise SoqlError(f"{item} can't be selected")

    async def field(self, parts: Sequence[str]) -> Column:
        """The field at the end of a path; its name is the path in the schema's case.

        Raises:
            SoqlError: There is none; names close to it are told.
        """
        first = self._aliases.get(parts[0].lower()) if len(parts) > 1 else None
        rest = (*first, *parts[1:]) if first is not None else tuple(parts)
        objects: Sequence[SObject] = [self._sobject]
        names: list[str] = []
        through: list[Field] = []
        for part in rest[:-1]:
            reference = next(filter(None, (one.relationship(part) for one in objects)), None)
            if reference is None:
                raise _unknown(f"no relationship {part!r}", objects, ".".join(parts))
            names.append(str(reference.relationship_name))
            through.append(reference)
            objects = await self._behind(reference, rest[len(through)], is_last=len(through) == len(rest) - 1)
        found = next(filter(None, (one.field(rest[-1]) for one in objects)), None)
        if found is None and through and len(through[-1].reference_to) > 1 and rest[-1].lower() == "type":
            found = Field(name="Type", type="string", filterable=True)
        if found is None:
            raise _unknown(f"no field {rest[-1]!r}", objects, ".".join(parts))
        way = (*names, found.name)
        dtype = dtype_of(found, self._options)
        return Column(name=".".join(way), dtype=dtype, way=way, field=found, through=tuple(through))

    async def _behind(self, reference: Field, wanted: str, *, is_last: bool) -> Sequence[SObject]:
        """The objects that a reference may point to; for several, those that know the wanted name."""
        if len(reference.reference_to) == 1:
            return [await self._describe(reference.reference_to[0])]
        # Behind a reference to several objects there are the fields of `Name` alone (SOQL notes, 2.2).
        seen = []
        for name in ("Name", *reference.reference_to):
            try:
                sobject = await self._describe(name)
            except ApiError as error:
                if error.status != 404:
                    raise
                continue
            if sobject.field(wanted) if is_last else sobject.relationship(wanted):
                return [sobject]
            seen.append(sobject)
        return seen

    async def _plain(self, item: Path, *, is_grouped: bool) -> Column:
        column = await self.field(item.parts)
        if not is_grouped:
            return column
        # The org calls it by its last name alone there, or by the alias.
        return _renamed(column, name=item.alias or column.name, way=(item.alias or column.way[-1],))

    async def _call(self, call: Call, unnamed: str) -> Column:
        name = call.name.upper()
        inner = await self._argument(call)
        dtype: pl.DataType = pl.String()
        if name in _NUMBERS or name in _PARTS:
            dtype = _NUMBERS.get(name, pl.Int64())
        elif name == "DAY_ONLY":
            dtype = pl.Date()
        elif inner is not None and (name in _AS_THEY_ARE or name == "TOLABEL"):
            dtype = inner.dtype
        column = inner or Column(name=unnamed, dtype=dtype, way=(unnamed,))
        is_counted = name in AGGREGATES or name in _PARTS or name in ("DAY_ONLY", "DISTANCE", "GROUPING")
        if call.alias:
            return Column(name=call.alias, dtype=dtype, way=(*column.way[:-1], call.alias) if not is_counted else
                          (call.alias,), field=None)  # fmt: skip
        if is_counted:
            return Column(name=unnamed, dtype=dtype, way=(unnamed,))
        return Column(name=column.name, dtype=dtype, way=column.way)

    async def _argument(self, call: Call) -> Column | None:
        first = call.arguments[0] if call.arguments else None
        match first:
            case Path():
                return await self.field(first.parts)
            case Call():
                return await self._call(first, "")
        return None

    def _all_fields(self, call: Call) -> list[Column]:
        wish = call.arguments[0].parts[0].upper() if call.arguments and isinstance(call.arguments[0], Path) else "ALL"
        wanted = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}.get(wish, ())
        return [
            Column(name=one.name, dtype=dtype_of(one, self._options), way=(one.name,), field=one)
            for one in self._sobject.fields
            if one.custom in wanted
        ]

    async def _children(self, statement: Statement) -> Column:
        known = self._sobject.raw.get("childRelationships") or ()
        wanted = statement.sobject.split(".")[-1].lower()
        found = next((one for one in known if str(one.get("relationshipName") or "").lower() == wanted), None)
        if found is None:
            raise SoqlError(f"{self._sobject.name} has no child relationship {statement.sobject!r}")
        name = str(found["relationshipName"])
        finder = Finder(await self._describe(found["childSObject"]), self._describe, self._options)
        columns = [column for item in statement.items for column in await finder.columns(item)]
        _refuse_doubles(columns)
        dtype = pl.List(pl.Struct({column.name: column.dtype for column in columns}))
        return Column(name=name, dtype=dtype, way=(name,), children=tuple(columns))

    async def _type_of(self, item: TypeOf) -> list[Column]:
        reference = self._sobject.relationship(item.path.parts[-1])
        if reference is None:
            raise _unknown(f"no relationship {item.path.parts[-1]!r}", [self._sobject], "TYPEOF")
        name = str(reference.relationship_name)
        found: dict[str, Column] = {}
        for kind, paths in (*item.branches, *((("Name", item.otherwise),) if item.otherwise else ())):
            finder = Finder(await self._describe(kind), self._describe, self._options)
            for path in paths:
                inner = await finder.field(path.parts)
                column = _renamed(inner, name=f"{name}.{inner.name}", way=(name, *inner.way))
                before = found.setdefault(column.name, column)
                if before.dtype != column.dtype:  # the same name with another type behind another object
                    found[column.name] = Column(name=column.name, dtype=pl.String(), way=column.way)
        return list(found.values())


def _renamed(column: Column, *, name: str, way: tuple[str, ...]) -> Column:
    return Column(name=name, dtype=column.dtype, way=way, field=column.field, through=column.through)


def _refuse_doubles(columns: Iterable[Column]) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            raise SoqlError(f"{column.name} is selected twice: take one away, or give it an alias where SOQL has them")
        seen.add(column.name.lower())


def _unknown(what: str, objects: Sequence[SObject], path: str) -> SoqlError:
    names = ", ".join(one.name for one in objects) or "the objects behind it"
    wanted = path.rpartition(".")[2]
    close = [repr(name) for one in objects for name in one.close_names(wanted)][:3]
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return SoqlError(f"{path!r}: {names} has {what} that you may see.{hint}")
