"""Spark, reading: an answer's pages as the partitions of a frame, fetched and decoded by the workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import datasource
from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from sfframe.bridge import run
from sfframe.errors import ApiError, SoqlError
from sfframe.frames.spark_options import ReadingOptions
from sfframe.org.org import Org
from sfframe.paged import Paged, PageRef, paged, read_pages
from sfframe.query.frames import in_turn
from sfframe.query.objects import describing
from sfframe.query.options import with_defaults
from sfframe.query.pages.decode import empty_frame
from sfframe.query.pushdown.condition import Condition
from sfframe.query.pushdown.conditions import condition, is_ordinary
from sfframe.query.pushdown.expressions import Compare, Flag, Has, Leaf, Member, Null, Operand, Operator
from sfframe.query.scan.source import Source
from sfframe.query.schema.columns import Column, columns_of
from sfframe.query.schema.types import TypeOptions
from sfframe.query.soql.statement import Statement, parse
from sfframe.query.tables import in_arrow
from sfframe.scanning import checked_name

_log: Final = logging.getLogger("sfframe.spark")
_ROWS_AT_ONCE: Final = 10_000
_MAX_CHARACTERS: Final = 90_000
_TIME_CHARACTERS: Final = 12  # 23:59:59.999: an org has milliseconds


def arrow_schema(schema: StructType) -> pa.Schema:
    """What Spark has columns of these types as, with datetimes in UTC."""
    try:
        found: pa.Schema = to_arrow_schema(schema, timezone="UTC")
    except TypeError:  # before 4.2 it is so without being told
        found = to_arrow_schema(schema)
    return found


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is read: the statement, and what its rows have.

    Attributes:
        soql: The statement.
        statement: The same, understood.
        columns: Its columns.
    """

    soql: str
    statement: Statement
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, options: ReadingOptions) -> Asked:
        """What a read's options ask for; the org is asked to describe what they speak of, no more.

        Raises:
            SoqlError: The statement can't be read, or speaks of what isn't there.
            NoOrgError: It isn't known which org.
        """
        org = options.login()
        given = with_defaults(options.options, org)
        types = TypeOptions(decimals=given["decimals"], multiselect=given["multiselect"])
        soql = options.soql
        if soql is None:
            sobject = checked_name(options.sobject)
            names = options.columns or tuple(Source(org, sobject, types=types).columns())
            soql = f"SELECT {', '.join(names)} FROM {sobject}"
        statement = parse(soql)
        columns = run(columns_of(statement, describing(org, statement.sobject), types))
        return cls(soql=soql, statement=statement, columns=columns)

    @property
    def schema(self) -> StructType:
        """As Spark has it: times of day are texts, for not every Spark has a type for them."""
        found = in_arrow(empty_frame(self.columns)).schema
        fields = [one.with_type(pa.string()) if pa.types.is_time(one.type) else one for one in found]
        return from_arrow_schema(pa.schema(fields), prefer_timestamp_ntz=False)

    def where(self, conditions: Sequence[str]) -> str:
        """The statement with further conditions; it must take them."""
        return f"{self.soql.rstrip()} WHERE {' AND '.join(conditions)}" if conditions else self.soql

    @property
    def takes_conditions(self) -> bool:
        """Whether it has no clause that they would have to be worked into, and asks for records of an ordinary kind."""
        statement = self.statement
        return not (statement.clauses or statement.is_count or statement.is_grouped) and is_ordinary(statement.sobject)


@dataclass
class _Part(InputPartition):  # type: ignore[misc]  # pyspark has its types where it is installed alone
    answer: Paged
    ref: PageRef

    def __repr__(self) -> str:
        return f"_Part({self.ref!r})"


class SfframeReader(DataSourceReader):  # type: ignore[misc]  # likewise
    """One read. It travels to the tasks, and holds neither a secret nor anything open."""

    def __init__(self, options: ReadingOptions, schema: StructType) -> None:
        self._options = options
        self._asked = Asked.of(options)
        if schema != self._asked.schema:
            raise ValueError(
                "the columns and their types are the org's: leave schema() out, choose columns by columns= or soql=, "
                "and cast them in Spark"
            )
        self._schema = arrow_schema(schema)
        self._conditions: list[str] = []

    @property
    def pushFilters(self) -> Any:  # noqa: N802  # Spark's name
        """Takes filters where Spark's conf `spark.sql.python.filterPushdown.enabled` is true."""
        return _Pushing(self)

    def push(self, filters: Sequence[Any]) -> list[Any]:
        """Have the org find fewer rows: those that are meant, or more. All filters are given back: Spark has its own
        rules of case and of nulls, and applies them to what comes.
        """
        if self._asked.takes_conditions:
            columns = {one.name: one for one in self._asked.columns}
            for one in filters:
                found = soql_of(one, columns)
                if found and len(self._asked.where([*self._conditions, found])) <= _MAX_CHARACTERS:
                    self._conditions.append(found)
        return list(filters)

    def partitions(self) -> list[InputPartition]:
        """Have the org make the answer, and say where its pages are."""
        org = self._options.login()
        try:
            answer = self._answer(org, self._asked.where(self._conditions))
        except (ApiError, SoqlError) as error:
            if not self._conditions:
                raise
            _log.warning("the org takes no filters for this object, and is asked for all rows: %s", error)
            answer = self._answer(org, self._asked.soql)
        return [_Part(answer, ref) for ref in answer.refs]

    def _answer(self, org: Org, soql: str) -> Paged:
        return run(paged(org, soql, {**self._options.options, "progress": False}))

    def read(self, partition: Any) -> Iterator[pa.RecordBatch]:
        """The rows of one partition, some pages in memory at once."""
        for table in in_turn(read_pages(self._options.login(), partition.answer, partition.ref)):
            columns = [_for_spark(column) for column in table.columns]
            found = pa.Table.from_arrays(columns, names=table.column_names).cast(self._schema)
            yield from found.to_batches(max_chunksize=_ROWS_AT_ONCE)


def _for_spark(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    if not pa.types.is_time(column.type):
        return column
    return pc.utf8_slice_codeunits(column.cast(pa.string()), 0, _TIME_CHARACTERS)


class _Pushing:
    """`pushFilters` of one reader.

    Spark refuses a reader that has one of its own where its conf doesn't allow filters, and reads nothing; with the
    conf at its default nobody could read. So this one passes for the one that every reader has.
    """

    def __init__(self, reader: SfframeReader) -> None:
        self._reader = reader
        self.__func__ = getattr(DataSourceReader, "pushFilters", None)

    def __call__(self, filters: Sequence[Any]) -> list[Any]:
        return self._reader.push(filters)


# --- filters of Spark as SOQL -----------------------------------------------------------------------------------------

_COMPARED: Final[Mapping[str, Operator]] = {
    "EqualTo": "==",
    "EqualNullSafe": "==",
    "GreaterThan": ">",
    "GreaterThanOrEqual": ">=",
    "LessThan": "<",
    "LessThanOrEqual": "<=",
}
_HAS: Final[Mapping[str, Any]] = {
    "StringStartsWith": "starts_with",
    "StringEndsWith": "ends_with",
    "StringContains": "contains",
}
_KINDS: Final[Mapping[type, tuple[type[pl.DataType], ...]]] = {
    str: (pl.String,),
    int: (pl.Int64,),
    float: (pl.Float64,),
    Decimal: (pl.Decimal,),
    datetime: (pl.Datetime,),
    date: (pl.Date,),
}


def soql_of(found: Any, columns: Mapping[str, Column]) -> str | None:
    """A condition that finds the rows where a filter of Spark's is true, or more; `None`: there is none."""
    is_negated = isinstance(found, _named("Not"))
    leaf = _leaf(found.child if is_negated else found, columns)
    if leaf is None:
        return None
    node, wanted = leaf
    answer: Condition = condition(node, columns[node.of.name], wanted=wanted is not is_negated)
    return "Id = null" if answer.is_never else answer.soql or None


def _leaf(found: Any, columns: Mapping[str, Column]) -> tuple[Leaf, bool] | None:
    """A filter as the comparison that it is, and whether that is to be true."""
    kind, (name, *inner) = type(found).__name__, found.attribute
    if inner or name not in columns:
        return None
    of, dtype = Operand(name), columns[name].dtype
    if kind in ("IsNull", "IsNotNull"):
        return Null(of), kind == "IsNull"
    value = found.value
    if kind == "EqualNullSafe" and value is None:
        return Null(of), True
    if isinstance(value, bool):
        return (Flag(of), value) if kind == "EqualTo" and dtype == pl.Boolean else None
    if kind in _HAS:
        return Has(_HAS[kind], of, value), True
    if kind == "In":
        values = _series(value, dtype)
        return (Member(of, values, nulls_equal=False), True) if values is not None else None
    if kind not in _COMPARED or value is None:
        return None
    values = _series([value], dtype)
    is_missing = kind == "EqualNullSafe"
    return (Compare(_COMPARED[kind], of, values, is_missing=is_missing), True) if values is not None else None


def _series(values: Sequence[Any], dtype: pl.DataType) -> pl.Series | None:
    """Values of a column's own type; Spark compares with others too, by rules of its own."""
    if not all(value is None or isinstance(dtype, _KINDS.get(type(value), ())) for value in values):
        return None
    try:
        return pl.Series(values, dtype=dtype, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        return None


def _named(name: str) -> Any:
    return getattr(datasource, name, ())
