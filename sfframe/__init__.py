"""Salesforce Bulk API 2.0 in your dataframes.

    import sfframe

    sfframe.set_default_org(sfframe.Org(url, sfframe.ClientCredentials(client_id, client_secret)))
    result = df.sfbulk.upsert("Contact", "ExternalId__c")
    result.failed_results

Importing it puts `sfbulk` on pandas and Polars frames.
"""

from sfframe.bridge import run
from sfframe.changes import Changes, read_changes, read_changes_async
from sfframe.errors import (
    ApiError,
    AuthenticationError,
    ChangesLost,
    CursorError,
    DuplicateKeys,
    Interrupted,
    JobFailed,
    JobTimeout,
    JournalError,
    JournalInUse,
    NoOrgError,
    OutcomeUnknown,
    PayloadError,
    QuotaReserved,
    RecordsFailed,
    RecordsFailedWarning,
    ResultMismatch,
    SchemaError,
    SfframeError,
    SoqlError,
    UnsupportedTypeError,
)
from sfframe.frames import arrow as _arrow
from sfframe.frames import pandas as _pandas
from sfframe.frames import polars as _polars
from sfframe.local import LocalOrg
from sfframe.objects import describe_sobject, describe_sobject_async, list_sobjects, list_sobjects_async
from sfframe.options import IngestOptions, Operation, Options
from sfframe.org.auth import (
    AccessToken,
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    UsernamePassword,
)
from sfframe.org.job import JobInfo
from sfframe.org.org import Org, set_default_org
from sfframe.org.retry import PollPolicy, RetryPolicy, Timeouts
from sfframe.org.soap import SoapLogin
from sfframe.plan import Plan
from sfframe.query.options import ReadOptions
from sfframe.query.scan.explain import Explanation
from sfframe.query.soql.literals import quote_soql
from sfframe.reading import (
    iter_soql,
    iter_soql_async,
    read_soql,
    read_soql_async,
    sink_soql,
    sink_soql_async,
)
from sfframe.result import IngestResult
from sfframe.resuming import journals, resume, resume_async
from sfframe.scanning import explain_soql, scan_sobject
from sfframe.verbs import Bulk, bulk, ingest, ingest_async

__all__ = [
    "AccessToken",
    "ApiError",
    "AuthenticationError",
    "Bulk",
    "Changes",
    "ChangesLost",
    "ClientCredentials",
    "CursorError",
    "DuplicateKeys",
    "Explanation",
    "IngestOptions",
    "IngestResult",
    "Interrupted",
    "JobFailed",
    "JobInfo",
    "JobTimeout",
    "JournalError",
    "JournalInUse",
    "JwtBearer",
    "LocalOrg",
    "NoOrgError",
    "Operation",
    "Options",
    "Org",
    "OutcomeUnknown",
    "PayloadError",
    "Plan",
    "PollPolicy",
    "QuotaReserved",
    "ReadOptions",
    "RecordsFailed",
    "RecordsFailedWarning",
    "RefreshToken",
    "ResultMismatch",
    "RetryPolicy",
    "SchemaError",
    "SfframeError",
    "SoapLogin",
    "SoqlError",
    "Timeouts",
    "UnsupportedTypeError",
    "UsernamePassword",
    "bulk",
    "describe_sobject",
    "describe_sobject_async",
    "explain_soql",
    "ingest",
    "ingest_async",
    "iter_soql",
    "iter_soql_async",
    "journals",
    "list_sobjects",
    "list_sobjects_async",
    "quote_soql",
    "read_changes",
    "read_changes_async",
    "read_soql",
    "read_soql_async",
    "resume",
    "resume_async",
    "run",
    "scan_sobject",
    "set_default_org",
    "sink_soql",
    "sink_soql_async",
]

__version__ = "0.1.0"
