"""Front: what a frame library has to offer, and which one a frame belongs to.

A front end gives rows to the engine and takes back row numbers: its rows stay its own, so dtypes, order and
index need no repair.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import polars as pl

from sfframe.ingest.columns import RESULT_COLUMNS
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED, WORDS
from sfframe.ingest.outcomes import Folder as Folder
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.spool import Rows
from sfframe.listed import Listed as Listed
from sfframe.org.org import Org
from sfframe.problems import Problem
from sfframe.query.form import Form, RowsT
from sfframe.query.options import ReadOptions

FrameT_co = TypeVar("FrameT_co", covariant=True)

SF_SCHEMA: Mapping[str, pl.DataType] = {
    "sf__Outcome": pl.String(),
    "sf__Id": pl.String(),
    "sf__Created": pl.Boolean(),
    "sf__Error": pl.String(),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which of the caller's rows a frame holds, and which columns stand beside them.

    Attributes:
        name: A word for it, good for a file name.
        outcomes: Rows of these outcomes.
        beside: The sf__ columns.
    """

    name: str
    outcomes: tuple[int, ...]
    beside: tuple[str, ...] = ()


SUCCESSFUL_RESULTS = Part(name="successful_results", outcomes=(SUCCESSFUL,), beside=("sf__Id", "sf__Created"))
FAILED_RESULTS = Part(name="failed_results", outcomes=(FAILED,), beside=("sf__Id", "sf__Error"))
UNPROCESSED_RECORDS = Part(name="unprocessed_records", outcomes=(UNPROCESSED,))
EVERY_ROW = Part(name="all_rows", outcomes=(SUCCESSFUL, FAILED, UNPROCESSED), beside=tuple(SF_SCHEMA))
NOT_SUCCESSFUL = Part(name="not_successful", outcomes=(FAILED, UNPROCESSED))


@dataclass(frozen=True, kw_only=True, eq=False)
class Types:
    """What a front end can say of columns before it gives rows.

    Attributes:
        dtypes: Polars dtypes of the columns that it can read.
        marks: Columns given as text that stands for something else; see `ingest.forms`.
        problems: Columns, or cells, that it can't read.
    """

    dtypes: Mapping[str, pl.DataType]
    marks: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()


class Views(Protocol[FrameT_co]):
    """What a result needs of its caller's frame."""

    @property
    def labels(self) -> Sequence[object]:
        """The column labels in order, whatever they are."""

    @property
    def is_stream(self) -> bool:
        """Whether the rows have to be spooled, because they are not in memory."""

    def view(self, outcomes: Outcomes, part: Part) -> FrameT_co:
        """The caller's own rows of some outcomes, in order, with the sf__ columns beside them.

        Columns of the frame that have the name of a result column give way.
        """

    def table(self, table: pl.DataFrame) -> Any:
        """A small table about the call, as a frame of the caller's library."""

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        """What the caller calls these rows, on a screen: `row 17`, or by the frame's index."""

    def store(self, view: Any, path: Path) -> None:
        """Write a frame that `view` gave as Parquet, for `result.save`."""

    def listed(self, view: Any) -> Listed:
        """A frame that `view` gave as lists of Python values, for `result.to_excel`."""


class Source(Views[FrameT_co], Protocol[FrameT_co]):
    """A caller's frame, behind its library's front end."""

    @property
    def kind(self) -> str:
        """Which source it is, for `restored`: "pandas", "polars", "polars-lazy", "arrow", "arrow-stream", "dicts"."""

    @property
    def index_names(self) -> Sequence[object]:
        """Names in the frame's index, if it has one."""

    @property
    def is_once(self) -> bool:
        """Whether the rows can be had a single time."""

    def types(self, names: Sequence[str]) -> Types:
        """What the columns are."""

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        """The columns' rows, in the caller's order; a stream is spooled in the folder, whole."""

    def beside(self, columns: pl.DataFrame) -> FrameT_co:
        """The caller's own rows, all of them in order, with these columns beside them, once `rows` was called.

        What can be read a single time is then in memory.

        Args:
            columns: A row for each of the caller's; none has the name of a column of the frame.
        """

    def unkept(self) -> Sequence[Problem]:
        """What `keep` couldn't keep so that it comes back equal, `NOT_KEPT` each; columns that aren't sent too."""

    def keep(self, folder: Path) -> None:
        """Write all that the caller gave, so that `restored` gives it again; on the disk when this returns.

        There must be nothing `unkept`. A stream must have been spooled: its rows aren't written again. Where that
        wasn't in this very folder, they are linked or copied.

        Args:
            folder: An existing folder. Some files of it are this source's then.

        Raises:
            OSError: The disk is full, ...
        """


class Engine(Protocol):
    """What sends frames whose rows are spread over machines, partition by partition."""

    def ingest(self, frame: Any, request: IngestRequest, org: Org) -> Awaitable[Any]:
        """Send a frame, and give the result."""

    def check(self, frame: Any, request: IngestRequest, org: Callable[[], Org]) -> Awaitable[Any]:
        """All problems of a call, as `frame_of` gives them, in a frame of the engine's library."""

    def payloads(self, frame: Any, request: IngestRequest, org: Callable[[], Org]) -> Iterator[bytes]:
        """The CSV of each job."""


_engines: list[tuple[Callable[[Any], bool], Engine]] = []
# Whose frames are sent, and read by `read_soql`, once the room that knows them is imported.
_ROOMS = {"dask": "sfframe.frames.dask"}
_front_ends: list[tuple[Callable[[Any], bool], Callable[[Any], Source[Any]]]] = []
_kinds: dict[str, Callable[[Path], Source[Any]]] = {}


def register(fits: Callable[[Any], bool], source: Callable[[Any], Source[Any]]) -> None:
    """Add a front end: whether a frame is its own, and the frame's source. The last one added is asked first."""
    _front_ends.insert(0, (fits, source))


def register_engine(fits: Callable[[Any], bool], engine: Engine) -> None:
    """Add an engine: whether a frame is its own, and what sends it."""
    _engines.append((fits, engine))


def engine_of(frame: Any) -> Engine | None:
    """The engine that sends a frame; `None`: it is sent from here."""
    return next((engine for fits, engine in _engines if fits(frame)), None)


def register_kind(kind: str, restore: Callable[[Path], Source[Any]]) -> None:
    """Add a kind of source: what gives one again that was kept in a folder."""
    _kinds[kind] = restore


def source_of(frame: Any) -> Source[Any]:
    """The frame behind the front end of its library.

    Raises:
        TypeError: It is no frame that any front end knows.
    """
    for fits, source in _front_ends:
        if fits(frame):
            return source(frame)
    raise no_frame(frame)


def restored(kind: str, folder: Path) -> Source[Any]:
    """A source that was kept in a folder, perhaps by another process; it behaves as it did.

    A stream is read where it is: the folder is needed for as long as any of its results is.

    Raises:
        OSError: A file is missing, or can't be read.
        ValueError: A file is torn or was changed, or there is no such kind.
    """
    if kind not in _kinds:
        raise ValueError(f"{kind!r} is none of the kinds of frames that sfframe keeps: {', '.join(sorted(_kinds))}")
    return _kinds[kind](folder)


def no_frame(thing: Any) -> TypeError:
    """What is raised for what is no frame."""
    kind, package = type(thing).__name__, type(thing).__module__.partition(".")[0]
    if package in _ROOMS and kind != "DataFrame":
        return TypeError(
            f"{kind} of {package} is no frame that sfframe can send: make a {package}.dataframe of it, as to_frame(), "
            "to_dataframe(), from_delayed() and the like do"
        )
    if package in _ROOMS:
        return TypeError(
            f"a frame of {package} can be loaded once {_ROOMS[package]} is imported, and by the "
            "verbs that write and by check() alone: give what else there is a partition of it, computed"
        )
    return TypeError(
        f"{type(thing).__name__} is no frame that sfframe can send: give a pandas or Polars frame, anything with "
        "__arrow_c_stream__ (pyarrow, DuckDB, ...), or a sequence of dicts"
    )


BackendName = Literal["polars", "pandas", "pyarrow"]
DtypeBackend = Literal["numpy_nullable", "pyarrow"]


@dataclass(frozen=True, slots=True)
class Backend(Generic[RowsT]):
    """A library for what is read.

    Attributes:
        form: The rows that its frames are made of.
        to_frame: Makes a frame.
    """

    form: Form[RowsT]
    to_frame: Callable[[RowsT], Any]

    def of(self, frame: pl.DataFrame) -> Any:
        """The library's frame of what is a Polars frame."""
        return self.to_frame(self.form.of(frame))


# Gives a frame of what a statement, with options and a choice of pandas' dtypes, reads.
Reader = Callable[[str | None, ReadOptions, DtypeBackend | None], Awaitable[Any]]

_backends: dict[str, dict[str | None, Backend[Any]]] = {}
_readers: dict[str, Reader] = {}


def register_backend(
    name: str, form: Form[RowsT], to_frame: Callable[[RowsT], Any], **by_dtype_backend: Callable[[RowsT], Any]
) -> None:
    """Add a library for what is read: what makes its frames; and those by `dtype_backend`, if any."""
    makers = {None: to_frame} | by_dtype_backend
    _backends[name] = {choice: Backend(form, maker) for choice, maker in makers.items()}


def register_reader(name: str, reader: Reader) -> None:
    """Add a library whose frames are read by the workers of an engine, page by page."""
    _readers[name] = reader


def reader_of(name: str) -> Reader | None:
    """What gives frames of that library; `None`: they are made here, of what `backend_of` gives.

    Raises:
        ValueError: It gives them once its room is imported.
    """
    if name in _ROOMS and name not in _readers:
        raise ValueError(f"backend={name!r} is known once {_ROOMS[name]} is imported: import it first")
    return _readers.get(name)


def backend_of(name: str, dtype_backend: str | None = None) -> Backend[Any]:
    """What makes frames of that library.

    Raises:
        ValueError: There is no such library, or it has no such `dtype_backend`.
    """
    if name in _ROOMS:
        raise ValueError(f"backend={name!r} is one of read_soql alone: the others give frames that are here")
    if name not in _backends:
        raise ValueError(f"backend={name!r} is none of {', '.join(map(repr, sorted(_backends)))}")
    known = _backends[name]
    if dtype_backend not in known and len(known) == 1:
        raise ValueError(f"dtype_backend={dtype_backend!r} is a choice of pandas: say backend='pandas' too")
    if dtype_backend not in known:
        raise ValueError(f"dtype_backend={dtype_backend!r} is none of {', '.join(map(repr, known))}")
    return known[dtype_backend]


def columns_beside(outcomes: Outcomes, part: Part) -> pl.DataFrame:
    """The sf__ columns that go beside the rows of a part, in row order."""
    needed = [name for name in (*part.beside, "outcome") if name != "sf__Outcome"]
    return sf_columns(outcomes.of(part.outcomes, needed), part)


def sf_columns(fates: pl.DataFrame, part: Part) -> pl.DataFrame:
    """The same of fates that are at hand, all of the part's outcomes."""
    if "sf__Outcome" in part.beside:
        words = pl.col("outcome").replace_strict(list(WORDS), list(WORDS.values()), return_dtype=pl.String)
        fates = fates.with_columns(words.alias("sf__Outcome"))
    return fates.select(part.beside)


def by_number(rows: Sequence[int]) -> list[str]:
    """What rows are called by frames that have no index."""
    return [f"row {row}" for row in rows]


def own_labels(labels: Sequence[object]) -> list[object]:
    """The labels that the result frames keep."""
    return [label for label in labels if label not in RESULT_COLUMNS]
