"""Everything of an org but HTTP: who it is, what it knows, what it has done."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from sfframe.localorg.allowance import Allowance
from sfframe.localorg.data.sql import name, run
from sfframe.localorg.data.store import Store, records
from sfframe.localorg.desk import FaultDesk
from sfframe.localorg.faults import Fault
from sfframe.localorg.ingest.jobs import Jobs
from sfframe.localorg.ingest.results import Results
from sfframe.localorg.ingest.worker import Worker
from sfframe.localorg.login.certificate import new_chain
from sfframe.localorg.login.tokens import Tokens
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.describe import FieldSpec, describe_object
from sfframe.localorg.objects.ids import ALPHABET, make_id, normal_id, with_suffix
from sfframe.localorg.objects.schema import SObject, read_describe
from sfframe.localorg.objects.standard import USER_PREFIX, standard_objects
from sfframe.localorg.query.cursor import Cursors
from sfframe.localorg.query.jobs import QueryJobs
from sfframe.localorg.query.runner import QueryRunner
from sfframe.localorg.rest.changes import Changes
from sfframe.localorg.rest.collections import Collections
from sfframe.localorg.rest.read import Lookup
from sfframe.localorg.rest.records import Records
from sfframe.localorg.rest.write import Writer
from sfframe.localorg.saving.counter import Counter
from sfframe.localorg.saving.rules import Rules
from sfframe.localorg.soql import Context, Query, compile_soql

Clock = Callable[[], datetime]


class Org:
    """The parts of one org, put together.

    Args:
        database: A DuckDB file, made where there is none; None: in memory.
        objects: Paths or dicts of describe answers, added to the standard objects; the same name replaces.
        faults: What goes wrong; the list may be changed at any time.
        seed: Orders the rows of results.
        manners: See there.
        clock: Gives the time, with a zone; None: the system's.
    """

    def __init__(
        self,
        database: str | Path | None,
        *,
        objects: Iterable[str | Path | Mapping[str, Any]],
        faults: list[Fault],
        seed: int,
        manners: Manners,
        clock: Clock | None,
    ) -> None:
        self.manners = manners
        self.clock = clock or (lambda: datetime.now(UTC))
        self.store = Store(database)
        try:
            self.org_id = self.store.setting("org_id", _new_org_id)
            self.user_id = make_id(USER_PREFIX, 62**4 * 9 + 1)
            self.rules = Rules(self.store.sobject)
            self.desk = FaultDesk(faults)
            self.tokens = Tokens(self.store, manners, self.clock, self.org_id, self.user_id)
            self.counter = Counter(self.store)
            self.worker = Worker(self.store, self.counter, manners, self.desk, self.rules, self.clock, self.user_id)
            self.jobs = Jobs(self.store, manners, self.clock, self.user_id, self.worker.run)
            self.worker.jobs = self.jobs
            self.results = Results(self.store, self.jobs, manners, seed)
            self.query_runner = QueryRunner(self.store, self.desk)
            self.queries = QueryJobs(self.store, manners, self.clock, self.user_id, self.compile, self.query_runner.run)
            self.query_runner.jobs = self.queries
            self.cursors = Cursors(self.store, self.clock)
            writer = Writer(self.store, self.counter, self.worker.busy, self.desk, self.rules, self.clock, self.user_id)
            lookup = Lookup(self.store)
            self.records = Records(lookup, writer)
            self.collections = Collections(self.store, lookup, writer)
            self.changes = Changes(self.store, self.clock)
            self._learn_objects(objects)
        except BaseException:
            self.store.close()
            raise
        self.calls = Allowance(self.clock)

    def start(self) -> None:
        self.jobs.load()
        self.queries.load()
        self.worker.start()
        self.query_runner.start()

    def stop(self) -> None:
        self.worker.stop()
        self.query_runner.stop()
        self.counter.close()
        self.store.close()

    def release_jobs(self) -> None:
        """Let jobs go on that a fault made stuck."""
        self.worker.release()
        self.query_runner.release()

    @property
    def certificates(self) -> str:
        """Key, certificate and authority for TLS as PEM texts; made when they are first wanted, kept for good."""
        return self.store.setting("certificates", new_chain)

    def looked(self, job_id: str) -> None:
        """Somebody looked at a job; a fault may have held it back until then."""
        normal = normal_id(job_id)
        if normal is not None and self.desk.looked(normal):
            self.worker.release(normal)
            self.query_runner.release(normal)

    def define(self, api_name: str, fields: Mapping[str, FieldSpec]) -> SObject:
        known = self.store.sobject(api_name)
        prefix = known.key_prefix if known else self._free_prefix()
        answer = describe_object(api_name, fields, key_prefix=prefix)
        return self.store.define(answer, self.clock())

    def compile(self, soql: str, *, all_rows: bool = False) -> Query:
        """A statement as the running user asks it now.

        Raises:
            SoqlError: The org refuses it.
        """
        context = Context(
            find=self.store.sobject,
            now=self.clock(),
            user_id=self.user_id,
            all_rows=all_rows,
            fiscal_year_start_month=self.manners.fiscal_year_start_month,
            week_start=self.manners.week_start,
            time_zone=self.manners.time_zone,
        )
        return compile_soql(soql, context)

    def describe(self, api_name: str) -> dict[str, Any]:
        return dict(self._object(api_name).answer)

    def rows(self, api_name: str) -> pa.Table:
        return self.store.rows(self._object(api_name))

    def _object(self, api_name: str) -> SObject:
        sobject = self.store.sobject(api_name)
        if sobject is None:
            raise LookupError(f"the local org has no object {api_name!r}")
        return sobject

    def reset(self) -> None:
        """Take away records, jobs and counts; definitions, credentials, tokens, rules and faults stay."""
        with self.worker.busy, self.query_runner.busy:
            self.worker.clear()
            self.query_runner.clear()
            # Looked up first: what belongs to jobs that are made meanwhile stays.
            files = self.store.files()
            self.jobs.forget()
            self.queries.forget()
            self.cursors.forget()
            self.store.empty(self.user_id, self.org_id)
            for file in files:
                file.unlink(missing_ok=True)
        self.desk.forget()
        self.calls.clear()

    def _learn_objects(self, objects: Iterable[str | Path | Mapping[str, Any]]) -> None:
        self.store.load_objects()
        now = self.clock()
        if not self.store.objects:
            for answer in standard_objects():
                self.store.define(answer, now)
            self._make_records(now)
        for source in objects:
            answer = read_describe(source)
            known = self.store.sobject(answer["name"])
            # Some have none, and what is made here may have taken another org's.
            taken = {other.key_prefix for other in self.store.objects.values() if other is not known}
            if not answer.get("keyPrefix") or answer["keyPrefix"] in taken:
                answer["keyPrefix"] = known.key_prefix if known else self._free_prefix()
            if not self.store.is_defined(answer):
                self.store.define(answer, now)

    def _make_records(self, now: datetime) -> None:
        """The records that an org has from the start."""
        username = self.tokens.username
        user: dict[str, Any] = {
            "Username": username,
            "Email": username,
            "FirstName": "Integration",
            "LastName": "User",
            "Name": "Integration User",
            "Alias": "integ",
            "IsActive": True,
        }
        organization: dict[str, Any] = {
            "Name": "sfframe local org",
            "InstanceName": "LOCAL",
            "OrganizationType": "Developer Edition",
            "IsSandbox": False,
            "LanguageLocaleKey": "en_US",
            "DefaultLocaleSidKey": "en_US",
            "TimeZoneSidKey": "GMT",
            "FiscalYearStartMonth": 1,
        }
        stamp = now.astimezone(UTC).replace(microsecond=0, tzinfo=None)
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), stamp)
        audit = {"IsDeleted": False, **stamps, **dict.fromkeys(("CreatedById", "LastModifiedById"), self.user_id)}
        self._make_record("User", {"Id": self.user_id, **user, **audit})
        self._make_record("Organization", {"Id": self.org_id, **organization, **audit})

    def _make_record(self, api_name: str, values: Mapping[str, Any]) -> None:
        columns, places = ", ".join(map(name, values)), ", ".join("?" * len(values))
        table = records(self.store.existing(api_name))
        with self.store.front() as db:
            run(db, f"INSERT INTO {table} ({columns}) VALUES ({places})", list(values.values()))

    def _free_prefix(self) -> str:
        taken = {sobject.key_prefix for sobject in self.store.objects.values()}
        prefixes = (f"a{first}{second}" for first in ALPHABET for second in ALPHABET)
        return next(prefix for prefix in prefixes if prefix not in taken)


def _new_org_id() -> str:
    return with_suffix("00D5e" + "".join(secrets.choice(ALPHABET) for _ in range(10)))
