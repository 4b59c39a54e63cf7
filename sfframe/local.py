"""LocalOrg: an org on this machine, to try things and to test with. The one room that knows both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sfframe.definition import fields_of
from sfframe.org.auth import ClientCredentials
from sfframe.org.org import Org, default_org, set_default_org
from sfframe.org.retry import PollPolicy, RetryPolicy

if TYPE_CHECKING:
    import pyarrow as pa

    from sfframe.localorg.faults import Fault
    from sfframe.localorg.manners import Manners
    from sfframe.localorg.server import Server

# Next door, nothing is gained by waiting.
_POLL = PollPolicy(first_wait_s=0.02, max_wait_s=0.5)
_RETRY = RetryPolicy(first_wait_s=0.05, max_wait_s=1.0)
# Tests wait for nothing, whatever the org asks for.
_POLL_AT_ONCE = PollPolicy(first_wait_s=0.001, max_wait_s=0.01)
_RETRY_AT_ONCE = RetryPolicy(first_wait_s=0.0, max_wait_s=0.0, max_retry_after_s=0.0)


class LocalOrg:
    """A Salesforce org in a box: a server on loopback with an embedded database; needs `pip install 'sfframe[local]'`.

        with sfframe.LocalOrg() as local:
            contacts.sfbulk.insert("Contact", org=local.org)
            print(local.rows("Contact").num_rows)
        # 2

    It speaks the Bulk API 2.0 (ingest and query jobs), REST and SOQL, and takes tokens from its own logins alone. It
    has the standard objects Account, Contact, Lead, Case, Opportunity, User and Task with their commonest fields and
    some custom ones, and `Everything__c` with a field of every type; `define` and `objects=` add others. Rows are
    judged by their object's describe as an org does it. It starts with the `with` block, or when it is first used.

    Attributes:
        org (Org): An `Org` that is logged in to it.
        url (str): Its address; the same port speaks `https://` too.
        client_id (str): For the logins of an app, like the next three. All that a login needs is random for each
            database, and kept in it.
        client_secret (str): Likewise.
        refresh_token (str): Likewise.
        private_key (str): PEM text, for JWTs.
        username (str): For the logins of a person, like the next two.
        password (str): Likewise.
        security_token (str): Likewise.
        certificate (str): PEM text of the authority that a client has to trust for `https://`.
        rules (dict): `{object: function}`: validation rules, from a record as it would be saved (a dict) to the text of
            what is wrong with it, or `None`.
        faults (list): What goes wrong, and when: a list of `sfframe.testing.Fault`, which may be changed at any time.
        faults_met (int): How many faults have happened.
        fault_log (list): Which, in order, each with what it happened to.
        requests (list): The last 10,000 requests, each with `kind`, `method`, `path` and `status` (0: it got no
            answer).
        count (Callable): `count("patch")`: how many requests of a kind are among those.
        expire_tokens (Callable): `expire_tokens()`: no token is valid that was given before.
        release_jobs (Callable): `release_jobs()`: jobs go on that a fault made stuck.
    """

    def __init__(
        self,
        database: str | Path | None = None,
        *,
        objects: Iterable[str | Path | Mapping[str, Any]] = (),
        faults: Iterable[Fault] = (),
        seed: int = 0,
        manners: Manners | None = None,
        clock: Callable[[], datetime] | None = None,
        port: int = 0,
    ) -> None:
        """Make a local org; it starts with the `with` block, or when it is first used.

        Args:
            database: A DuckDB file, made if it isn't there; `None`: in memory.
            objects: Describe answers (dicts, or paths of JSON files) that are added to the standard objects;
                the same name replaces.
            faults: What is to go wrong, and when.
            seed: Orders the rows of results.
            manners: Which of several reported behaviours it shows, and its limits: `sfframe.testing.Manners(...)`.
            clock: Gives the org's time, a `datetime` with a zone, whenever it is needed; `None`: the machine's.
            port: Where to listen; 0: any free port.
        """
        self._faults = tuple(faults)
        self._settings: dict[str, Any] = {
            "objects": objects, "faults": self._faults, "seed": seed, "manners": manners, "clock": clock, "port": port,
        }  # fmt: skip
        self._database = database
        self._server: Server | None = None
        self._org: Org | None = None
        self._fresh_org: Org | None = None

    def __getattr__(self, name: str) -> Any:
        if name in _SERVERS_OWN:
            return getattr(self.server, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        # The server holds these; an attribute of that name here would hide it and do nothing.
        if name == "faults":
            self.server.faults[:] = value
        elif name == "rules":
            rules = dict(value)
            self.server.rules.clear()
            self.server.rules.update(rules)
        elif name in _SERVERS_OWN:
            raise AttributeError(f"{name!r} of a local org can't be set")
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *_SERVERS_OWN]

    @property
    def server(self) -> Server:
        """The server behind it, started."""
        if self._server is None:
            self._server = _server_class()(self._database, **self._settings).start()
        return self._server

    @property
    def org(self) -> Org:
        """An org that is logged in to it by client credentials."""
        if self._org is None:
            self._org = self._make_org(_POLL, _RETRY)
        return self._org

    @contextmanager
    def fresh(self) -> Iterator[Org]:
        """An org for one test or one example: without records and jobs, the default org meanwhile.

            with local.fresh():
                contacts.sfbulk.upsert("Contact", "ExternalId__c")  # your ETL
                assert local.rows("Contact").num_rows == 2

        Rules are taken away, and faults but those that the local org was made with; objects stay. The Org is new:
        it has no token and knows no describe. It waits for nothing before it tries again. All this takes some
        milliseconds.
        """
        self.reset()
        self.server.faults[:] = self._faults
        self.server.rules.clear()
        # Each its own: one that has a token already would never meet a fault of the login.
        self._fresh_org = org = self._make_org(_POLL_AT_ONCE, _RETRY_AT_ONCE)
        before = default_org()
        set_default_org(org)
        try:
            yield org
        finally:
            set_default_org(before)

    def _make_org(self, poll: PollPolicy, retry: RetryPolicy) -> Org:
        auth = ClientCredentials(self.server.client_id, self.server.client_secret)
        return Org(self.server.url, auth, poll=poll, retry=retry)

    def define(self, name: str, fields: Mapping[str, Any] | Any, *, external_id_field: str | None = None) -> None:
        """Make an object, or make it anew: `define("Invoice__c", {"Total__c": "currency", "Ext__c": "string"})`.

            local.define("Invoice__c", {"Number__c": "string", "Total__c": "currency"}, external_id_field="Number__c")
            invoices = pl.DataFrame({"Number__c": ["2026-1"], "Total__c": [119.0]})
            print(invoices.sfbulk.upsert("Invoice__c", "Number__c", org=local.org).counts["successful"])
            # 1

        Args:
            name: As in `Invoice__c`.
            fields: A type or describe attributes for each field; or a frame (pandas, Polars, anything with
                `__arrow_c_stream__`) whose columns and dtypes say the same: whole numbers, floats, decimals, booleans,
                dates, times, texts, categories (picklists), lists of texts (multipicklists). Its `Name` column is the
                object's name; Id, OwnerId and stamps are there anyway and left out.
            external_id_field: One of the fields, a unique key to upsert by.

        Raises:
            TypeError: A column holds what no field can.
            ValueError: A type, an attribute, or the external id field is unknown.
        """
        specs = dict(fields) if isinstance(fields, Mapping) else fields_of(fields)
        if external_id_field is not None:
            if external_id_field not in specs:
                raise ValueError(f"{external_id_field!r} is none of the fields: {', '.join(specs)}")
            spec = specs[external_id_field]
            given = {"type": spec} if isinstance(spec, str) else dict(spec)
            specs[external_id_field] = {**given, "externalId": True, "unique": True}
        self.server.define(name, specs)
        for org in (self._org, self._fresh_org):
            if org is not None:
                org.forget_describes()

    def describe(self, sobject: str) -> dict[str, Any]:
        """What the org describes of an object, as Salesforce's describe answers are.

        For example:

            print(local.describe("Contact")["keyPrefix"])
            # 003
        """
        return self.server.describe(sobject)

    def rows(self, sobject: str) -> pa.Table:
        """All records of an object, deleted ones included, by Id.

        For example:

            print(local.rows("Contact")["LastName"].to_pylist())
            # ['Lovelace', 'Hopper']
        """
        return self.server.rows(sobject)

    def reset(self) -> None:
        """Take away records, jobs and counts; objects, rules and faults stay.

        For example:

            local.reset()
            print(local.rows("Contact").num_rows)
            # 0
        """
        self.server.reset()

    def close(self) -> None:
        """Stop the server. A database in memory is gone then.

        For example:

            local = sfframe.LocalOrg("dev.db")  # without a with block, as in a notebook
            print(local.org.host.startswith("127.0.0.1"))
            # True
            local.close()
        """
        server, self._server, self._org, self._fresh_org = self._server, None, None, None
        if server is not None:
            server.stop()

    def __enter__(self) -> Self:
        _ = self.server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self._server.url if self._server is not None else "not started"
        return f"<LocalOrg {where}, database {str(self._database) if self._database else 'in memory'}>"


_SERVERS_OWN = frozenset(
    {
        "url", "client_id", "client_secret", "username", "password", "security_token", "refresh_token",
        "private_key", "certificate", "faults", "faults_met", "fault_log", "rules", "requests", "count",
        "expire_tokens", "release_jobs",
    }
)  # fmt: skip


def _server_class() -> type[Server]:
    try:
        from sfframe.localorg.server import Server
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the local org needs {error.name}, which is not installed: pip install 'sfframe[local]'",
            name=error.name,
        ) from error
    return Server
