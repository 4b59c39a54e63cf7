"""What a call tells while it runs, as frozen events for the option `progress=`.

    from sfframe.progress import JobFinished

    def told(event):
        if isinstance(event, JobFinished):
            print(event.job_id, event.failed)

    df.sfbulk.insert("Contact", progress=told)

`IngestEvent` is whatever a load tells, `ReadEvent` whatever a read tells, `Event` either: types for annotations. An
event has no cell of the frame in it and no secret.
"""

from sfframe.progress.events import (
    Event,
    Finished,
    IngestEvent,
    JobAbandoned,
    JobCreated,
    JobFinished,
    JobProgressed,
    JobTakenUp,
    KeysLookedUp,
    LookupStarted,
    PageRead,
    PartUploaded,
    Preparing,
    QueryAnswered,
    QueryFinished,
    QueryJobCreated,
    QueryJobProgressed,
    QueryJobTakenUp,
    QueryStarted,
    ReadEvent,
    RowsRetried,
    Started,
    Stopped,
    UploadProgressed,
)

__all__ = [
    "Event",
    "Finished",
    "IngestEvent",
    "JobAbandoned",
    "JobCreated",
    "JobFinished",
    "JobProgressed",
    "JobTakenUp",
    "KeysLookedUp",
    "LookupStarted",
    "PageRead",
    "PartUploaded",
    "Preparing",
    "QueryAnswered",
    "QueryFinished",
    "QueryJobCreated",
    "QueryJobProgressed",
    "QueryJobTakenUp",
    "QueryStarted",
    "ReadEvent",
    "RowsRetried",
    "Started",
    "Stopped",
    "UploadProgressed",
]
