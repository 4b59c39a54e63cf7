"""The verbs: what `df.sfbulk` is, and the same for frames without an accessor."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

import polars as pl

from sfframe import call
from sfframe.bridge import blocking, run
from sfframe.front import engine_of
from sfframe.ingest.request import IngestRequest, ingest_request
from sfframe.lookup import look_up
from sfframe.options import IngestOptions, Operation, Options, operation_of, spelled_out
from sfframe.org.org import Org, current_org
from sfframe.plan import Plan
from sfframe.planning import planned
from sfframe.prepare import payloads_of, prepare
from sfframe.problems import frame_of
from sfframe.progress.listeners import ReadProgress
from sfframe.query.options import Multiselect
from sfframe.query.pages.route import Api
from sfframe.result import IngestResult
from sfframe.screens import in_notebook

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FrameT = TypeVar("FrameT")
# Two, in this order: pandas and pyarrow are Any to checkers without their stubs, and would stand for every frame.
PolarsT = TypeVar("PolarsT", pl.DataFrame, pl.LazyFrame)
OtherT = TypeVar("OtherT", "pd.DataFrame", "pa.Table")


class Bulk(Generic[FrameT]):
    """Salesforce's Bulk API 2.0 on a frame: `df.sfbulk`, or `sfframe.bulk(df)`.

        result = contacts.sfbulk.upsert("Contact", "ExternalId__c")
        print(result.counts)
        # {'successful': 2, 'failed': 1, 'unprocessed': 0}

    Every verb takes the options that `sfframe.Options` describes as keywords, and `org=`; without it the
    innermost `with org:`, the default org, or the environment decides. Each has an `_async` twin.

    `lookup` is the one that reads: it has options of its own.

    All problems that can be known beforehand are told before anything is sent, at once, as `PayloadError`.
    Datetimes are sent in UTC; digits below the millisecond are cut.
    """

    def __init__(self, frame: FrameT) -> None:
        self._frame = frame

    @spelled_out
    async def insert_async(
        self, sobject: str, *, org: Org | None = None, **options: Unpack[IngestOptions]
    ) -> IngestResult[FrameT]:
        """Make a record of every row.

            people = pl.DataFrame({"LastName": ["Hamilton", "Johnson"]})
            result = people.sfbulk.insert("Contact")
            print(result.successful_results["sf__Created"].to_list())
            # [True, True]

        Args:
            sobject: API name of the object, such as `"Contact"`.
            org: The org to use.
            options: See `sfframe.Options`.

        Returns:
            The fate of every row.

        Raises:
            PayloadError: Columns or values can't be sent; nothing was sent.
            NoOrgError: It isn't known which org is meant.
            AuthenticationError: No token could be had.
            ApiError: The org refused the call, or can't be reached; nothing was sent.
            JobFailed: A job failed as a whole, or couldn't be sent while others were; carries the result.
            RecordsFailed: Rows failed, with `on_failure="raise"`; carries the result.
            ResultMismatch: The org's results can't be matched to the rows; carries what did match.
            JobTimeout: `timeout` was up; names the jobs that still run, carries the result.
            OutcomeUnknown: The org can't be asked what became of a job; names it, carries the result.
            QuotaReserved: The call would use what the org's `quota_reserve` keeps; nothing was sent.
            Interrupted: Ctrl-C; a `KeyboardInterrupt` that names the jobs that still run, carries the result.
        """
        return await ingest_async(self._frame, sobject, "insert", org=org, **options)

    @spelled_out
    async def update_async(
        self, sobject: str, *, org: Org | None = None, **options: Unpack[IngestOptions]
    ) -> IngestResult[FrameT]:
        """Change the records that the column `Id` names; the other columns are written, and only they.

            people = sfframe.read_soql("SELECT Id, LastName FROM Contact WHERE LastName = 'Hopper'")
            result = people.with_columns(Title=pl.lit("Rear admiral")).sfbulk.update("Contact")
            print(result.counts["successful"])
            # 1

        Arguments, result and errors: as `insert`.
        """
        return await ingest_async(self._frame, sobject, "update", org=org, **options)

    @spelled_out
    async def upsert_async(
        self,
        sobject: str,
        external_id_field: str,
        *,
        org: Org | None = None,
        **options: Unpack[IngestOptions],
    ) -> IngestResult[FrameT]:
        """Change the records that an external id names, and make those that aren't there.

            people = pl.DataFrame({"ExternalId__c": ["C-1", "C-9"], "LastName": ["King", "Hamilton"]})
            result = people.sfbulk.upsert("Contact", "ExternalId__c")
            print(result.successful_results["sf__Created"].to_list())
            # [False, True]

        Args:
            sobject: API name of the object, such as `"Contact"`.
            external_id_field: A field marked as external id (or idLookup, or `Id`); it must be among the
                columns, with a value in every row.
            org: The org to use.
            options: See `sfframe.Options`.

        Result and errors: as `insert`.
        """
        return await ingest_async(self._frame, sobject, "upsert", external_id_field, org=org, **options)

    @spelled_out
    async def delete_async(
        self, sobject: str, *, org: Org | None = None, **options: Unpack[IngestOptions]
    ) -> IngestResult[FrameT]:
        """Move the records that the column `Id` names to the recycle bin. Other columns are not sent.

            people = sfframe.read_soql("SELECT Id, LastName FROM Contact WHERE LastName = 'Hopper'")
            print(people.sfbulk.delete("Contact").counts["successful"])
            # 1

        Arguments, result and errors: as `insert`.
        """
        return await ingest_async(self._frame, sobject, "delete", org=org, **options)

    @spelled_out
    async def hard_delete_async(
        self, sobject: str, *, org: Org | None = None, **options: Unpack[IngestOptions]
    ) -> IngestResult[FrameT]:
        """Delete the records that the column `Id` names for good. Needs the permission "Bulk API Hard Delete".

            people = sfframe.read_soql("SELECT Id FROM Contact WHERE LastName = 'Hopper'")
            print(people.sfbulk.hard_delete("Contact").counts["successful"])
            # 1

        Arguments, result and errors: as `insert`.
        """
        return await ingest_async(self._frame, sobject, "hard_delete", org=org, **options)

    insert = blocking(insert_async)
    update = blocking(update_async)
    upsert = blocking(upsert_async)
    delete = blocking(delete_async)
    hard_delete = blocking(hard_delete_async)

    @spelled_out
    def payloads(
        self,
        sobject: str,
        operation: Operation,
        external_id_field: str | None = None,
        *,
        org: Org | None = None,
        **options: Unpack[IngestOptions],
    ) -> Iterator[bytes]:
        """The CSV that a call would send, a job at a time; nothing is sent.

            for payload in contacts.head(1).sfbulk.payloads("Contact", "upsert", "ExternalId__c"):
                print(payload)
            # b'"ExternalId__c","LastName","Email"\\n"C-1","Lovelace","ada@example.com"\\n'

        The org is asked for describes alone, and for nothing with `describe=False`.

        Args:
            sobject: API name of the object.
            operation: `"insert"`, `"update"`, `"upsert"`, `"delete"` or `"hard_delete"`.
            external_id_field: The key of an upsert.
            org: The org to use, bound at this call.
            options: See `sfframe.Options`.

        Yields:
            UTF-8 CSV of each job, in order.

        Raises:
            PayloadError: Columns or values can't be sent.
        """
        request, the_org = _request(sobject, operation, external_id_field, org, options)
        if (engine := engine_of(self._frame)) is not None:
            return engine.payloads(self._frame, request, lambda: current_org(the_org))
        prepared = run(prepare(self._frame, request, lambda: current_org(the_org)))
        if prepared.refused:
            raise prepared.error()
        return payloads_of(prepared)

    @spelled_out
    async def check_async(
        self,
        sobject: str,
        operation: Operation,
        external_id_field: str | None = None,
        *,
        org: Org | None = None,
        **options: Unpack[IngestOptions],
    ) -> Any:
        """All problems of a call that can be known beforehand; nothing is sent.

            draft = pl.DataFrame({"LastNam": ["Ng"], "Email": ["ng@example.com"]})
            print(draft.sfbulk.check("Contact", "insert").select("column", "code").rows())
            # [('LastNam', 'UNKNOWN_FIELD'), (None, 'REQUIRED_MISSING')]

        Args:
            sobject: API name of the object.
            operation: `"insert"`, `"update"`, `"upsert"`, `"delete"` or `"hard_delete"`.
            external_id_field: The key of an upsert.
            org: The org to use.
            options: See `sfframe.Options`.

        Returns:
            A frame of the caller's library, a row a problem: `column` (null: none in particular), `field`,
            `code`, `rows` (how many; null: the whole column), `row` (the first one, counted from 0),
            `message`, `remedy`. Empty if all is well.
        """
        request, the_org = _request(sobject, operation, external_id_field, org, options)
        if (engine := engine_of(self._frame)) is not None:
            return await engine.check(self._frame, request, lambda: current_org(the_org))
        prepared = await prepare(self._frame, request, lambda: current_org(the_org))
        return prepared.source.table(frame_of(prepared.problems))

    check = blocking(check_async)

    @spelled_out
    def plan_async(
        self,
        sobject: str,
        operation: Operation,
        external_id_field: str | None = None,
        *,
        org: Org | None = None,
        **options: Unpack[IngestOptions],
    ) -> Coroutine[Any, Any, Plan[FrameT]]:
        """What a call would do and what it would cost; nothing is sent that writes.

            plan = contacts.sfbulk.plan("Contact", "upsert", "ExternalId__c")
            print(plan.jobs, "job,", plan.api_calls < 20)
            # 1 job, True
            result = plan.run()

        The CSV is written and counted, so jobs and bytes are what they will be. The org is asked for describes; for
        updates, upserts and deletes which of the keys it has, over REST or by one query job, whichever costs less; for
        its limits; and for its finished jobs, by which the time is estimated.

        Args:
            sobject: API name of the object.
            operation: `"insert"`, `"update"`, `"upsert"`, `"delete"` or `"hard_delete"`.
            external_id_field: The key of an upsert.
            org: The org to use.
            options: See `sfframe.Options`.

        Returns:
            The plan. Problems are in it and don't raise; `plan.run()` sends the frame as it is now.

        Raises:
            NoOrgError: It isn't known which org is meant.
            AuthenticationError: No token could be had.
            ApiError: There is no such object, or the org can't be reached.
        """
        request, the_org = _request(sobject, operation, external_id_field, org, options)
        # Of marimo's notebooks the thread that makes the call alone can tell.
        return planned(self._frame, request, current_org(the_org), is_remembered=in_notebook())

    plan = blocking(plan_async)

    async def lookup_async(
        self,
        sobject: str,
        key_field: str,
        fields: Sequence[str],
        *,
        on: str | None = None,
        suffix: str | None = None,
        org: Org | None = None,
        api: Api | None = None,
        decimals: bool | None = None,
        multiselect: Multiselect | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # of the blocking twin too
        progress: ReadProgress = None,
    ) -> FrameT:
        """The frame's own rows with fields of the org beside them, each row's by its key.

            visitors = pl.DataFrame({"ExternalId__c": ["C-1", "C-9"], "Rating": [5, 4]})
            print(visitors.sfbulk.lookup("Contact", "ExternalId__c", ["LastName"]).rows())
            # [('C-1', 5, 'Lovelace'), ('C-9', 4, None)]

        Only the keys in the frame are asked for, each once: over REST, up to 2,000 keys a request (fewer where they
        are long) and five requests at once; or by one query job on the key and the wanted fields of the whole table.
        `api="auto"` takes the job if the keys would need more requests than 10 and one for every 10,000 records that
        have a key; these are counted, by one request, only if there would be more than 10 at all. Which it was, and
        why, is logged by `sfframe.query`.

        Keys are compared as the field does it: text without case unless describe says that case counts, and without
        blanks at its ends; the 15 and 18 character forms of an id are one; numbers by value, as floats where the field
        isn't one of whole numbers; datetimes by the second. A number in the frame is a key of a text field by its
        digits. A key that the org can't hold (text too long, no id at all, ...) is one that isn't there.

        Args:
            sobject: API name of the object.
            key_field: The field that tells its records apart, in whatever case; not more than its being filterable
                is asked of it.
            fields: Fields wanted, and paths to fields of parents, such as `"Account.Name"`, five levels up.
            on: The frame's column of keys; `None`: the one with the name of the key field, in whatever case.
            suffix: What is put behind the names of those of the org's columns that the frame has already; `None`:
                such a column is an error.
            org: The org to use.
            api: `"auto"`, `"rest"` or `"bulk"`; `None`: the default of the org, which is `"auto"` where it has none.
            decimals: As in `read_soql`; `None`: the default of the org, or else `False`.
            multiselect: As in `read_soql`; `None`: the default of the org, or else `"text"`.
            timeout: Seconds for the whole call; `None`: the default of the org, or else as long as it takes.
            progress: As in `read_soql`; a bar counts keys.

        Returns:
            A frame of the caller's kind: all rows in their order, index and dtypes as they were, then the org's
            columns, named and typed as `read_soql` does it, null where the key is null or the org has no such record.
            Keys may stand in several rows. A LazyFrame is run once, to a folder on disk, and so is the LazyFrame that
            comes back; readers and relations are read whole, and a pyarrow Table comes back.

        Raises:
            SchemaError: There is no column of keys, or the frame has a column that the org's would be named as.
            UnsupportedTypeError: The column's values are no keys of the field.
            SoqlError: The object doesn't have such fields, or can't be asked by this key; or `api="bulk"` and one
                that the Bulk API doesn't give.
            ValueError: An option doesn't take such a value.
            DuplicateKeys: The org has several records for one of the keys; names them.
            NoOrgError: It isn't known which org is meant.
            AuthenticationError: No token could be had.
            ApiError: There is no such object, the org refused to answer, or it can't be reached.
            QuotaReserved: It would use what the org's `quota_reserve` keeps for others.
            JobTimeout: `timeout` was up; nothing goes on in the org.
        """
        given = {
            "api": api,
            "decimals": decimals,
            "multiselect": multiselect,
            "timeout": timeout,
            "progress": progress,
        }
        frame: FrameT = await look_up(
            self._frame, sobject, key_field, fields, on=on, suffix=suffix, org=current_org(org), given=given
        )
        return frame

    lookup = blocking(lookup_async)


@overload
def bulk(frame: PolarsT) -> Bulk[PolarsT]: ...
@overload
def bulk(frame: Sequence[Mapping[str, Any]]) -> Bulk[pl.DataFrame]: ...
@overload
def bulk(frame: OtherT) -> Bulk[OtherT]: ...
@overload
def bulk(frame: Any) -> Bulk[Any]: ...
def bulk(frame: Any) -> Bulk[Any]:
    """The namespace `df.sfbulk`, by a door that type checkers see, and for frames without an accessor.

        result = sfframe.bulk([{"LastName": "Ng"}]).insert("Contact")
        print(result.counts["successful"])
        # 1

    Args:
        frame: A pandas or Polars frame, anything with `__arrow_c_stream__` (pyarrow, DuckDB, ...), or a
            sequence of dicts.
    """
    return Bulk(frame)


@overload
async def ingest_async(
    frame: PolarsT,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[PolarsT]: ...
@overload
async def ingest_async(
    frame: Sequence[Mapping[str, Any]],
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[pl.DataFrame]: ...
@overload
async def ingest_async(
    frame: OtherT,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[OtherT]: ...
@overload
async def ingest_async(
    frame: Any,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[Any]: ...
@spelled_out
async def ingest_async(
    frame: Any,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[Any]:
    """Send any frame; the same as the verb on `df.sfbulk`.

        people = [{"LastName": "Ng", "Account": {"ExternalId__c": "A-1"}}]
        result = await sfframe.ingest_async(people, "Contact", "insert")
        print(result.counts["successful"])
        # 1

    Args:
        frame: A pandas or Polars frame, anything with `__arrow_c_stream__` (tables and batches: a table comes
            back; readers and relations, read once: datasets on disk), or a sequence of dicts (a Polars frame
            comes back; nested dicts are structs, missing keys null).
        sobject: API name of the object.
        operation: `"insert"`, `"update"`, `"upsert"`, `"delete"` or `"hard_delete"`.
        external_id_field: The key of an upsert.
        org: The org to use.
        options: See `sfframe.Options`.

    Result and errors: as `insert` of `df.sfbulk`.
    """
    request, the_org = _request(sobject, operation, external_id_field, org, options)
    return await call.ingest(frame, request, current_org(the_org))


@overload
def ingest(
    frame: PolarsT,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[PolarsT]: ...
@overload
def ingest(
    frame: Sequence[Mapping[str, Any]],
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[pl.DataFrame]: ...
@overload
def ingest(
    frame: OtherT,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[OtherT]: ...
@overload
def ingest(
    frame: Any,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[Any]: ...
@spelled_out
def ingest(
    frame: Any,
    sobject: str,
    operation: Operation,
    external_id_field: str | None = None,
    *,
    org: Org | None = None,
    **options: Unpack[IngestOptions],
) -> IngestResult[Any]:
    """Send any frame and wait for the result; see `ingest_async`.

    For example:

        people = pa.table({"LastName": ["Hamilton", "Johnson"]})
        result = sfframe.ingest(people, "Contact", "insert")
        print(result.successful_results.num_rows)
        # 2
    """
    return run(ingest_async(frame, sobject, operation, external_id_field, org=org, **options))


def _request(
    sobject: str, operation: Operation, external_id_field: str | None, org: Org | None, options: Mapping[str, Any]
) -> tuple[IngestRequest, Org | None]:
    """What is asked for, and the org as far as it is known without the environment."""
    the_org = org
    if the_org is None and options.get("describe", True):
        the_org = current_org(None)
    defaults = the_org.defaults if the_org is not None else None
    wanted = Options.of(options, defaults)
    return ingest_request(sobject, operation_of(operation), external_id_field, wanted), the_org
