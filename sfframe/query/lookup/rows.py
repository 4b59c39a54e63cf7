"""Lookup: records by their keys: over REST, in batches of keys, or out of one query job on the whole table.

Which one, with `api="auto"`: a batch of keys is one request, some at once. A job costs `JOB_REQUESTS`, however many
keys there are, but it brings every record that has a key; `RECORDS_FOR_A_REQUEST` of these are taken for one request
more. Where that is fewer than there are batches, it is a job. The table is counted, by one request, only where the
keys need more than `JOB_REQUESTS` batches: below that REST is sooner done, whatever the table.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from sfframe.bridge import in_thread, interrupt_in
from sfframe.errors import ApiError, DuplicateKeys, SoqlError
from sfframe.org.describe import Field, SObject
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from sfframe.progress.events import KeysLookedUp, LookupStarted, QueryFinished, ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.progress.log import apart
from sfframe.query.lookup.keys import KEY, WRITTEN, batches, key_field, keys_of, literals
from sfframe.query.objects import object_named
from sfframe.query.pages.decode import BadPage, empty_frame
from sfframe.query.pages.rest import RestPages
from sfframe.query.pages.route import MAX_CHARACTERS, Api, ReadRequest, Transport, bulk_refusal
from sfframe.query.read import Reading
from sfframe.query.schema.columns import Column, Finder
from sfframe.query.schema.types import TypeOptions, dtype_of
from sfframe.query.soql.statement import parse

_log = logging.getLogger("sfframe.query")

AT_ONCE: Final = 5  # requests; an org lets 25 long ones of all its users run at a time
JOB_REQUESTS: Final = 10  # create, some looks while it runs, the list of pages and these, and the COUNT() before
# A batch is as much work as five to ten times as many records of a job: JSON against CSV, and an index that is asked
# for each key. The local org gives 10,000 records a second over REST, and a job's more than 25 times as fast.
RECORDS_FOR_A_REQUEST: Final = 10_000
_NAMED: Final = 3  # keys that an error names


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupRequest:
    """What is looked up.

    Attributes:
        sobject: The object.
        key_field: The field that tells its records apart.
        fields: What is wanted of them: fields, and paths to those of parents.
        api: Over which transport.
        types: The choice of dtypes.
    """

    sobject: str
    key_field: str
    fields: tuple[str, ...]
    api: Api = "auto"
    types: TypeOptions = field(default_factory=TypeOptions)


class Lookup:
    """One lookup under way.

    Attributes:
        key: The key field.
        columns: What is wanted, in order, under the names that a read gives.
    """

    def __init__(
        self,
        org: Org,
        request: LookupRequest,
        sobject: SObject,
        columns: Sequence[Column],
        tell: Listener[ReadEvent] = nobody,
    ) -> None:
        self._org = org
        self._tell = tell
        self._request = request
        self._sobject = sobject
        self.key: Final[Field] = key_field(sobject, request.key_field)
        self.columns: Final = tuple(columns)
        own = [_column(one, request.types) for one in (self.key, sobject.field("Id")) if one is not None]
        self._selected: Final = tuple({column.name: column for column in (*columns, *own)}.values())
        self._head: Final = f"SELECT {', '.join(column.name for column in self._selected)} FROM {sobject.name}"

    @classmethod
    async def open(cls, org: Org, request: LookupRequest, tell: Listener[ReadEvent] = nobody) -> Lookup:
        """Find out what is wanted; asks for describes alone.

        Args:
            org: The org.
            request: What is looked up.
            tell: Gets the events.

        Raises:
            SoqlError: The object doesn't have what is wanted, or it is wanted twice.
            ApiError: There is no such object.
        """
        sobject = await object_named(org, request.sobject)
        finder = Finder(sobject, org.describe, request.types)
        columns = [await finder.field(_parts(name)) for name in request.fields]
        seen: set[str] = set()
        for column in columns:
            if column.name in seen:
                raise SoqlError(f"{column.name} is wanted twice: name it once")
            seen.add(column.name)
        return cls(org, request, sobject, columns, tell)

    async def find(self, keys: pl.Series, mark: str | None = None) -> pl.DataFrame:
        """What is wanted of the record of each key.

        Args:
            keys: Any number of keys, in any order, nulls too.
            mark: What their text stands for; see `ingest.forms`.

        Returns:
            A row for each key, in order, nulls where the org has no such record.

        Raises:
            NotKeysError: The column isn't one of keys of the field.
            DuplicateKeys: The org holds one of the keys more than once.
            ApiError: The org refused to answer, or can't be reached.
        """
        forms, records = await self._found(keys, mark)
        if records is not None:
            self._refuse_duplicates(records)
        beside = await in_thread(self._beside, forms, records)
        self._tell(QueryFinished(rows=records.height if records is not None else 0))
        return beside

    async def held(self, keys: pl.Series, mark: str | None = None) -> pl.Series:
        """How many records the org has of each key, in order: 0 of a null, and of what it can't hold.

        Arguments and errors: as `find`, which refuses keys that it has more than once.
        """
        forms, records = await self._found(keys, mark)
        if records is None:
            return pl.zeros(forms.height, pl.UInt32, eager=True)
        counts = records.group_by(KEY).len("records")
        joined = forms.select(KEY).join(counts, on=KEY, how="left", maintain_order="left")
        return joined["records"].fill_null(0).cast(pl.UInt32)

    async def _found(self, keys: pl.Series, mark: str | None) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The keys as `keys_of` has them, and the records that they name, each once; `None`: there are none."""
        forms = await in_thread(keys_of, keys, self.key, mark)
        asked = forms.drop_nulls().unique(maintain_order=True)
        self._tell(LookupStarted(host=self._org.host, sobject=self._sobject.name, keys=asked.height))
        records = await self._records(asked) if asked.height else None
        return forms, records

    async def _records(self, asked: pl.DataFrame) -> pl.DataFrame | None:
        start = f"{self._head} WHERE {self.key.name} IN ("
        keys = await in_thread(literals, asked[WRITTEN], self.key)
        made = await in_thread(batches, keys, MAX_CHARACTERS - len(start) - 1)
        transport, why = await self._transport(len(made))
        with apart():
            _log.info("%s keys, %s by %s, over %s: %s", len(keys), self._sobject.name, self.key.name, transport, why)
        if transport == "bulk":
            found = await self._by_job(asked)
        else:
            await self._keep_reserve(len(made))
            found = await self._over_rest(start, made, asked)
        if not found:
            return None
        # The same record may come with two batches that ask for its key in two spellings.
        return (await in_thread(pl.concat, found)).unique("Id", keep="first")

    async def _transport(self, n_batches: int) -> tuple[Transport, str]:
        if self._request.api != "auto":
            return self._request.api, "as wished"
        if n_batches <= JOB_REQUESTS:
            return "rest", f"no more requests ({n_batches}) than a query job needs"
        refused = bulk_refusal(parse(self._head), self._selected)
        if refused is not None:
            return "rest", f"the Bulk API doesn't take {refused}"
        with suppress(ApiError):  # a large table may be too much for a COUNT()
            answer = await self._org.rest.query(f"SELECT COUNT() FROM {self._sobject.name}{self._that_have_it}")
            n_records = int(answer.get("totalSize") or 0)
            if JOB_REQUESTS + n_records / RECORDS_FOR_A_REQUEST < n_batches:
                return "bulk", f"{n_records} records in all cost less than {n_batches} requests"
            return "rest", f"{n_batches} requests cost less than a job that brings all of {n_records} records"
        return "rest", "how large the table is can't be told"

    @property
    def _that_have_it(self) -> str:
        # Of formulas it isn't known whether an empty text is null (SOQL notes, 11).
        return "" if self.key.calculated else f" WHERE {self.key.name} != null"

    async def _keep_reserve(self, n_requests: int) -> None:
        reserve = self._org.quota_reserve
        if reserve is not None and n_requests > 1:
            needs = {"DailyApiRequests": n_requests}
            keep_reserve(await self._org.limits(), needs, reserve=reserve, who="the lookup")

    async def _by_job(self, asked: pl.DataFrame) -> list[pl.DataFrame]:
        soql = f"{self._head}{self._that_have_it}"
        request = ReadRequest(soql=soql, api="bulk", types=self._request.types)
        reading = Reading(self._org, request, tell=self._tell)
        await reading.open()
        try:
            return [await in_thread(self._asked_for, frame, asked) async for frame in reading.frames()]
        finally:
            await reading.close()

    async def _over_rest(self, start: str, made: Sequence[Sequence[str]], asked: pl.DataFrame) -> list[pl.DataFrame]:
        found: list[pl.DataFrame] = []
        batches = iter(made)

        async def work() -> None:
            for batch in batches:
                found.extend(await self._batch(f"{start}{','.join(batch)})", asked))
                self._tell(KeysLookedUp(keys=len(batch)))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except BaseExceptionGroup as errors:  # of which the first one stopped the others
            raise interrupt_in(errors) or errors.exceptions[0] from None
        return found

    async def _batch(self, soql: str, asked: pl.DataFrame) -> list[pl.DataFrame]:
        pages = RestPages(self._org.rest, await self._org.rest.query(soql))
        found, n_rows = [], 0
        while (page := await pages.next()) is not None:
            try:
                frame = await in_thread(page.decode, self._selected)
            except BadPage as why:
                raise ApiError(f"a page of the answer can't be read: {why}") from None
            n_rows += frame.height
            found.append(await in_thread(self._asked_for, frame, asked))
        pages.check(n_rows)
        return found

    def _asked_for(self, page: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
        # The org compares text by a locale of its own, so it may give more than was asked for.
        keyed = page.with_columns(keys_of(page[self.key.name], self.key)[KEY])
        return keyed.join(asked, on=KEY, how="semi")

    def _refuse_duplicates(self, records: pl.DataFrame) -> None:
        twice = records.filter(pl.col(KEY).is_duplicated()).sort(KEY, "Id")
        if not twice.height:
            return
        groups = twice.group_by(KEY, maintain_order=True).agg(pl.col(self.key.name).first(), pl.col("Id").alias("ids"))
        first = groups.head(_NAMED).select(self.key.name, "ids").iter_rows()
        told = ", ".join(f"{key!s} ({', '.join(ids[:_NAMED])})" for key, ids in first)
        more = f" and {groups.height - _NAMED:,} more" if groups.height > _NAMED else ""
        raise DuplicateKeys(
            f"{self._sobject.name} has several records with the same {self.key.name}: {told}{more}. A row can have the "
            "fields of one record alone: look up by a field that is unique, or mend the records; `.records` has all.",
            records=twice.select(self.key.name, "Id"),
        )

    def _beside(self, forms: pl.DataFrame, records: pl.DataFrame | None) -> pl.DataFrame:
        names = [column.name for column in self.columns]
        if records is None or not records.height:
            return empty_frame(self.columns).clear(forms.height)
        wanted = records.select(KEY, *names)
        return forms.select(KEY).join(wanted, on=KEY, how="left", maintain_order="left").select(names)


def _column(own: Field, types: TypeOptions) -> Column:
    return Column(name=own.name, dtype=dtype_of(own, types), way=(own.name,), field=own)


def _parts(name: str) -> list[str]:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        raise SoqlError(f"{name!r} is no field: give names such as 'OwnerId', or paths such as 'Account.Name'")
    return parts
