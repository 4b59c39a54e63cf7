"""Events: what happens during a call, as frozen values.

They hold counts, ids, names of objects and hosts; never a cell of the frame, a statement or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

FINAL: Final = ("JobComplete", "Failed", "Aborted")  # states of a job that the org is through with

# --- sending ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparing:
    """The frame is being looked at; nothing is sent before it is whole and checked.

    For example:

        from sfframe.progress import Preparing

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.sobject for event in events if isinstance(event, Preparing)])
        # ['Contact']
    """

    host: str
    sobject: str
    operation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """The rows are checked; sending begins.

        from sfframe.progress import Started

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([(event.operation, event.rows) for event in events if isinstance(event, Started)])
        # [('upsert', 3)]

    Attributes:
        rows: How many are to be sent.
        rows_left_out: How many aren't, since they can't be (`invalid="report"`): they have failed already.
    """

    host: str
    sobject: str
    operation: str
    rows: int
    rows_left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCreated:
    """The org has made a job for some rows.

        from sfframe.progress import JobCreated

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([(event.rows, event.attempt) for event in events if isinstance(event, JobCreated)])
        # [(3, 1)]

    Attributes:
        attempt: Which try of these rows it is, from 1.
        page: The job's page in the org's Setup; `None` where there is none.
    """

    job_id: str
    rows: int
    payload_bytes: int
    attempt: int = 1
    page: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTakenUp:
    """An earlier process had made this job, and the call goes on with it.

        from sfframe.progress import JobTakenUp

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals", progress=events.append)
        print([event.job_id for event in events if isinstance(event, JobTakenUp)])
        # []

    Attributes:
        page: As of `JobCreated`.
    """

    job_id: str
    rows: int
    page: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadProgressed:
    """So many bytes of the job's rows have gone up; told some times a second at most.

    For example:

        from sfframe.progress import UploadProgressed

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.bytes_sent for event in events if isinstance(event, UploadProgressed)])  # these go up at once
        # []
    """

    job_id: str
    bytes_sent: int
    payload_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PartUploaded:
    """The org has the job's rows and is told to process them: from here on they may be in the org.

    For example:

        from sfframe.progress import PartUploaded

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.rows for event in events if isinstance(event, PartUploaded)])
        # [3]
    """

    job_id: str
    rows: int
    payload_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgressed:
    """The org has processed so many of the job's rows, failed ones included; in a final state it is through with it.

    For example:

        from sfframe.progress import JobProgressed

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.state for event in events if isinstance(event, JobProgressed)][-1])
        # JobComplete
    """

    job_id: str
    state: str
    rows_processed: int
    rows_failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFinished:
    """The job is over and its rows are matched.

    For example:

        from sfframe.progress import JobFinished

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([(event.successful, event.failed) for event in events if isinstance(event, JobFinished)])
        # [(2, 1)]
    """

    job_id: str
    state: str
    rows: int
    successful: int
    failed: int
    unprocessed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobAbandoned:
    """Nothing more is waited for from this job: another takes its place, or what became of it can't be found out.

    For example:

        from sfframe.progress import JobAbandoned
        from sfframe.testing import Fault

        events = []
        local.faults = [Fault("put", "drop", when="after")]
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.rows for event in events if isinstance(event, JobAbandoned)])
        # [3]
    """

    job_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsRetried:
    """So many rows go again in a new job.

    For example:

        from sfframe.progress import RowsRetried
        from sfframe.testing import Fault

        events = []
        local.faults = [Fault("rows", "lock", match="Hopper")]
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([event.rows for event in events if isinstance(event, RowsRetried)])
        # [1]
    """

    rows: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The call is over: each row of the frame has its fate.

    For example:

        from sfframe.progress import Finished

        events = []
        contacts.sfbulk.upsert("Contact", "ExternalId__c", progress=events.append)
        print([(event.successful, event.failed) for event in events if isinstance(event, Finished)])
        # [(2, 1)]
    """

    successful: int
    failed: int
    unprocessed: int


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryStarted:
    """A read begins.

        from sfframe.progress import QueryStarted

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", progress=events.append)
        print([event.sobject for event in events if isinstance(event, QueryStarted)])
        # ['Contact']

    Attributes:
        sobject: The object; `None` of a query job that is taken up, before the org has told.
    """

    host: str
    sobject: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryJobCreated:
    """The org has made a query job.

        from sfframe.progress import QueryJobCreated

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", api="bulk", progress=events.append)
        print([event.job_id[:3] for event in events if isinstance(event, QueryJobCreated)])
        # ['750']

    Attributes:
        page: The job's page in the org's Setup; `None` where there is none.
    """

    job_id: str
    page: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryJobTakenUp:
    """The read is that of a query job which was there before (`job_id=`).

        from sfframe.progress import QueryJobTakenUp

        events = []
        job = await org.query.create_job("SELECT Id FROM Contact")
        people = await sfframe.read_soql_async(job_id=job.id, progress=events.append)
        print([event.sobject for event in events if isinstance(event, QueryJobTakenUp)])
        # ['Contact']

    Attributes:
        page: As of `QueryJobCreated`.
    """

    job_id: str
    sobject: str
    page: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryJobProgressed:
    """The org has found so many rows for its result; in a final state the result is whole.

    For example:

        from sfframe.progress import QueryJobProgressed

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", api="bulk", progress=events.append)
        print([event.state for event in events if isinstance(event, QueryJobProgressed)][-1])
        # JobComplete
    """

    job_id: str
    state: str
    rows_processed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryAnswered:
    """The answer begins to come. A call that asks for several statements gets one for each.

        from sfframe.progress import QueryAnswered

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", progress=events.append)
        print([(event.transport, event.rows) for event in events if isinstance(event, QueryAnswered)])
        # [('rest', 2)]

    Attributes:
        rows: How many the org says that there are.
    """

    transport: Literal["rest", "bulk"]
    rows: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRead:
    """Some rows are here.

        from sfframe.progress import PageRead

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", progress=events.append)
        print([event.rows for event in events if isinstance(event, PageRead)])
        # [2]

    Attributes:
        rows: How many, beside those of earlier pages.
        n_bytes: How long they were, unpacked, as CSV or JSON; with those that are on the way to become rows.
    """

    rows: int
    n_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupStarted:
    """Records are looked up by so many different keys.

    For example:

        from sfframe.progress import LookupStarted

        events = []
        contacts.sfbulk.lookup("Contact", "ExternalId__c", ["Id"], progress=events.append)
        print([event.keys for event in events if isinstance(event, LookupStarted)])
        # [3]
    """

    host: str
    sobject: str
    keys: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysLookedUp:
    """So many more keys have been asked for.

    For example:

        from sfframe.progress import KeysLookedUp

        events = []
        contacts.sfbulk.lookup("Contact", "ExternalId__c", ["Id"], progress=events.append)
        print([event.keys for event in events if isinstance(event, KeysLookedUp)])
        # [3]
    """

    keys: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryFinished:
    """The read is over, at its end or because no more rows were wanted.

        from sfframe.progress import QueryFinished

        events = []
        sfframe.read_soql("SELECT Id FROM Contact", progress=events.append)
        print([event.rows for event in events if isinstance(event, QueryFinished)])
        # [2]

    Attributes:
        rows: How many were read in all.
    """

    rows: int


# --- both -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """The call ends by an error, which it raises; no event comes after this one.

        from sfframe.progress import Stopped

        events = []
        try:
            sfframe.read_soql("SELECT Nam FROM Contact", progress=events.append)
        except sfframe.SoqlError:
            print([event.error for event in events if isinstance(event, Stopped)])
        # ['SoqlError']

    Attributes:
        error: The error's class, such as `"JobTimeout"`; its text goes to the caller alone.
    """

    error: str


IngestEvent: TypeAlias = (
    Preparing
    | Started
    | JobCreated
    | JobTakenUp
    | UploadProgressed
    | PartUploaded
    | JobProgressed
    | JobFinished
    | JobAbandoned
    | RowsRetried
    | Finished
    | Stopped
)
"""What a load tells."""
ReadEvent: TypeAlias = (
    QueryStarted
    | QueryJobCreated
    | QueryJobTakenUp
    | QueryJobProgressed
    | QueryAnswered
    | PageRead
    | LookupStarted
    | KeysLookedUp
    | QueryFinished
    | Stopped
)
"""What a read tells."""
Event: TypeAlias = IngestEvent | ReadEvent
"""What any call tells: a function that takes it fits loads and reads."""
