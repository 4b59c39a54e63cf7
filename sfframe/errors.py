"""Every error that sfframe raises.

```text
SfframeError
├── NoOrgError                  no org was named, and none is set
├── AuthenticationError         no token could be had
├── ApiError                    the org refused a request, or could not be reached
├── PayloadError                some values or columns can't be sent; nothing was sent
│   ├── UnsupportedTypeError    a column's type has no CSV form
│   └── SchemaError             columns and object don't fit each other
├── SoqlError                   a statement, or what is to be put into it, makes no sense; nothing was sent
├── CursorError                 what read_changes is to go on from is no cursor, or that of another org or object
├── ChangesLost                 the org no longer knows all that was deleted since the cursor
├── DuplicateKeys               the org holds a key of a lookup more than once
├── JobFailed                   a job failed as a whole
├── RecordsFailed               some rows were refused, and on_failure="raise"
├── ResultMismatch              the org's results can't be matched to the rows sent
├── JobTimeout                  the time was up; committed jobs run on in the org
│   └── OutcomeUnknown          the org can't be asked what became of a committed job
├── QuotaReserved               the call would use what quota_reserve keeps for others
└── JournalError                a run's journal can't be written or read, or doesn't fit the call
    └── JournalInUse            another process, or another call of this one, is at that run

KeyboardInterrupt
└── Interrupted                 Ctrl-C, with what is known so far
```

No secret and no cell of a frame is ever part of a message; `DuplicateKeys` alone names keys, which is its purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def _rebuild(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class _Picklable(BaseException):
    """Errors cross process borders (engines, pools) with all that they carry."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class SfframeError(_Picklable, Exception):
    """The root: `except sfframe.SfframeError` catches all that sfframe raises itself.

    For example:

        try:
            contacts.sfbulk.insert("Contakt")
        except sfframe.SfframeError as error:
            print(type(error).__name__)
        # ApiError
    """


class NoOrgError(SfframeError):
    """No org for this call: none given, none set, none in the environment.

    For example:

        sfframe.set_default_org(None)
        try:
            sfframe.read_soql("SELECT Id FROM Contact")
        except sfframe.NoOrgError as error:
            print(str(error)[:10])
        # which org?
    """


class AuthenticationError(SfframeError):
    """The org gave no token, or refused the one it had given.

        org = sfframe.Org(local.url, sfframe.ClientCredentials(local.client_id, "a wrong secret"))
        try:
            contacts.sfbulk.insert("Contact", org=org)
        except sfframe.AuthenticationError as error:
            print(error.error_code)
        # invalid_client

    Attributes:
        error_code: The org's own word, such as `invalid_grant`; `None` if it gave none.
    """

    def __init__(self, message: str, *, error_code: str | None = None) -> None:
        super().__init__(message)
        self.error_code = error_code


class ApiError(SfframeError):
    """The org refused a request, or no answer came.

        try:
            sfframe.describe_sobject("Contakt")
        except sfframe.ApiError as error:
            print(error.status, error.error_code)
        # 404 NOT_FOUND

    Attributes:
        status: The HTTP status; `None` where no answer came at all.
        error_code: The org's code, such as `INVALIDJOB`; `None` if it gave none.
        message: The org's message, or what happened on the way to it.
        job_id: The job that the request was about, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_code: str | None = None,
        job_id: str | None = None,
    ) -> None:
        self.status = status
        self.error_code = error_code
        self.message = message
        self.job_id = job_id
        head = " ".join(str(part) for part in (status, error_code) if part is not None)
        tail = f" (job {job_id})" if job_id else ""
        super().__init__(f"{head}: {message}{tail}" if head else f"{message}{tail}")


class PayloadError(SfframeError, ValueError):
    """Some values or columns can't be sent. Nothing was sent.

        try:
            pl.DataFrame({"LastName": ["x" * 100]}).sfbulk.insert("Contact")
        except sfframe.PayloadError as error:
            print(error.problems.select("column", "code", "row").rows())
        # [('LastName', 'TOO_LONG', 0)]

    Attributes:
        problems: A Polars frame with the columns `column`, `field`, `code`, `rows` (how many rows),
            `row` (the first one, counted from 0; null for a whole column), `message`, `remedy`.
    """

    def __init__(self, message: str, *, problems: Any = None) -> None:
        super().__init__(message)
        self.problems = problems


class UnsupportedTypeError(PayloadError):
    """A column's dtype has no CSV form, or its values are of several kinds.

    For example:

        try:
            pl.DataFrame({"LastName": [b"Ng"]}).sfbulk.insert("Contact")
        except sfframe.UnsupportedTypeError as error:
            print(error.problems["column"].to_list())
        # ['LastName']
    """


class SchemaError(PayloadError):
    """The frame's columns don't fit the object: unknown, twice, missing or not writable.

    For example:

        try:
            pl.DataFrame({"LastNam": ["Ng"]}).sfbulk.update("Contact")
        except sfframe.SchemaError as error:
            print(error.problems["code"].to_list())
        # ['UNKNOWN_FIELD', 'KEY_MISSING']
    """


class SoqlError(SfframeError, ValueError):
    """A statement can't be read, selects what isn't there, or doesn't fit its `params`. It wasn't sent.

    For example:

        try:
            sfframe.read_soql("SELECT Id FROM Contact WHERE LastName = :name", params={"nam": "Ng"})
        except sfframe.SoqlError as error:
            print(error)
        # params has no value for :name (did you mean :nam?); the statement has no :nam, which params names
    """


class CursorError(SfframeError, ValueError):
    """The `since` of `read_changes` is no cursor, or one of another org or another object. Nothing was read.

    For example:

        try:
            sfframe.read_changes("Contact", ["Id"], since="yesterday")
        except sfframe.CursorError as error:
            print(str(error)[:33])
        # since is a text that is no cursor
    """


class ChangesLost(SfframeError):
    """The org no longer knows all that was deleted since the cursor, so changes can't be told without a gap.

        cursor = sfframe.read_changes("Contact", ["Id"]).cursor
        try:
            changes = sfframe.read_changes("Contact", ["Id"], since=cursor)
        except sfframe.ChangesLost:
            changes = sfframe.read_changes("Contact", ["Id"])  # all records, anew

    Read everything again with `since=None`: the records that are no longer there are those that were deleted.
    """


class DuplicateKeys(SfframeError):
    """The org holds several records for one key, so it isn't known whose fields a row of a lookup should have.

        twins = pl.DataFrame({"LastName": ["Ng", "Ng"]})
        twins.sfbulk.insert("Contact")
        try:
            twins.sfbulk.lookup("Contact", "LastName", ["Id"])
        except sfframe.DuplicateKeys as error:
            print(error.records["LastName"].to_list())
        # ['Ng', 'Ng']

    Attributes:
        records: Those records, a frame of the caller's library: the key field and `Id`, equal keys next to each other.
    """

    def __init__(self, message: str, *, records: Any = None) -> None:
        super().__init__(message)
        self.records = records


class _WithResult(SfframeError):
    """An error after which some rows have a fate: `result` says which.

    Attributes:
        result: The `IngestResult` of the whole call, as far as it is known.
    """

    def __init__(self, message: str, *, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


class JobFailed(_WithResult):
    """A job failed as a whole: the org processed none of its rows.

        from sfframe.testing import Fault

        local.faults = [Fault("job", "fail", after_rows=0)]
        try:
            contacts.sfbulk.insert("Contact")
        except sfframe.JobFailed as error:
            print(error.job.state, error.result.counts["unprocessed"])
        # Failed 3

    Attributes:
        job: The `JobInfo` of the first such job.
        result: The result of the whole call; the other jobs were finished first.
    """

    def __init__(self, message: str, *, job: Any = None, result: Any = None) -> None:
        super().__init__(message, result=result)
        self.job = job


class RecordsFailed(_WithResult):
    """Rows were refused or not processed, and the call was made with `on_failure="raise"`.

    For example:

        try:
            contacts.sfbulk.upsert("Contact", "ExternalId__c", on_failure="raise")
        except sfframe.RecordsFailed as error:
            print(error.result.counts)
        # {'successful': 2, 'failed': 1, 'unprocessed': 0}
    """


class ResultMismatch(_WithResult):
    """The org's results can't be matched to the rows that were sent; nothing was guessed.

        from sfframe.testing import Fault

        local.faults = [Fault("results", "truncate", looks_whole=True, times=None)]
        try:
            contacts.sfbulk.insert("Contact")
        except sfframe.ResultMismatch as error:
            print(len(error.rows) > 0, len(error.raw_results), "job")
        # True 1 job

    Attributes:
        result: The result of what did match.
        raw_results: For each job in question its raw CSV: `{job id: {kind: bytes}}`, where kind is
            `successful_results`, `failed_results` or `unprocessed_records`.
        rows: The input rows (counted from 0) whose fate isn't known, ascending; a NumPy array.
    """

    def __init__(self, message: str, *, result: Any = None, raw_results: Any = None, rows: Any = None) -> None:
        super().__init__(message, result=result)
        self.raw_results = raw_results
        self.rows = rows


class JobTimeout(_WithResult):
    """The call's `timeout` was up. Committed jobs were left running, all others aborted.

        from sfframe.testing import Fault

        local.faults = [Fault("job", "stuck")]
        try:
            contacts.sfbulk.insert("Contact", timeout=1)
        except sfframe.JobTimeout as error:
            print(len(error.job_ids), "job runs on")
        # 1 job runs on

    Attributes:
        job_ids: The jobs that may still run in the org.
        result: What is known so far; rows of the running jobs are in `unprocessed_records`.
        run: The run's folder, for `sfframe.resume`, if the call has a journal; `None` otherwise.
    """

    def __init__(
        self, message: str, *, job_ids: Sequence[str] = (), result: Any = None, run: Path | None = None
    ) -> None:
        super().__init__(message, result=result)
        self.job_ids = tuple(job_ids)
        self.run = run


class OutcomeUnknown(JobTimeout):
    """The org can't be asked what became of a committed job: it doesn't answer, or the job is gone.

        from sfframe.testing import Fault

        local.faults = [Fault("job", "vanish")]
        try:
            contacts.sfbulk.insert("Contact")
        except sfframe.OutcomeUnknown as error:
            print(error.rows.tolist())
        # [0, 1, 2]

    The rows of `job_ids` may or may not be in the org. Ask it before sending inserts again.

    Attributes:
        rows: The input rows (counted from 0) whose fate isn't known, ascending; a NumPy array. They count as
            unprocessed in `.result`.
    """

    def __init__(
        self,
        message: str,
        *,
        job_ids: Sequence[str] = (),
        result: Any = None,
        run: Path | None = None,
        rows: Any = None,
    ) -> None:
        super().__init__(message, job_ids=job_ids, result=result, run=run)
        self.rows = rows


class QuotaReserved(SfframeError):
    """The call would use API calls or batches that `quota_reserve` keeps for others. Nothing was sent.

    For example:

        org = sfframe.Org(local.url, local.org.auth, quota_reserve=0.99999)
        try:
            contacts.sfbulk.insert("Contact", org=org)
        except sfframe.QuotaReserved as error:
            print(str(error)[-17:])
        # Nothing was sent.
    """


class JournalError(SfframeError):
    """The journal of a run can't be written or read, or the run isn't the one that a call would be.

    For example:

        try:
            sfframe.resume("journals")
        except sfframe.JournalError:
            print("there are none")
        # there are none
    """


class JournalInUse(JournalError):
    """Another process, or another call of this one, is working on the run.

    For example:

        try:
            contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals")
        except sfframe.JournalInUse:
            ...  # another process sends these rows
    """


class Interrupted(_Picklable, KeyboardInterrupt):
    """Ctrl-C. Jobs not yet committed were aborted; committed ones run on.

        try:
            result = contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals")
        except sfframe.Interrupted as stopped:
            result = sfframe.resume(stopped)

    Attributes:
        job_ids: The jobs that may still run in the org.
        result: What is known so far; rows of the running jobs are in `unprocessed_records`.
        run: The run's folder, for `sfframe.resume`, if the call has a journal; `None` otherwise.
    """

    def __init__(
        self, message: str, *, job_ids: Sequence[str] = (), result: Any = None, run: Path | None = None
    ) -> None:
        super().__init__(message)
        self.job_ids = tuple(job_ids)
        self.result = result
        self.run = run


class RecordsFailedWarning(UserWarning):
    """Rows failed or weren't processed; see the result's `errors` and `failed_results`.

    For example:

        import warnings

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            contacts.sfbulk.upsert("Contact", "ExternalId__c")
        print(caught[0].category.__name__)
        # RecordsFailedWarning
    """
