"""An org: who, where, how; and which one a call means."""

from __future__ import annotations

import functools
import os
import re
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, Self, TypedDict, Unpack

from sfframe.errors import NoOrgError
from sfframe.options import checked_defaults
from sfframe.org import login
from sfframe.org.address import host_of, normalized
from sfframe.org.answers import ApiUsage
from sfframe.org.auth import Auth
from sfframe.org.describe import Describes, SObject
from sfframe.org.ingest_jobs import IngestJobs
from sfframe.org.proxy import Proxy
from sfframe.org.query_jobs import QueryJobs
from sfframe.org.rest import Rest
from sfframe.org.retry import PollPolicy, RetryPolicy, Timeouts
from sfframe.org.secret import Secret
from sfframe.org.transport import Transport
from sfframe.org.trust import authorities
from sfframe.spelled import spelling

# One behind the newest release of Summer '26: every production org has it (wire notes, 1).
API_VERSION: Final = "66.0"
_OLDEST: Final = 41  # the first with ingest jobs

_entered: ContextVar[tuple[Org, ...]] = ContextVar("sfframe_orgs", default=())
_default: Org | None = None


class OrgSettings(TypedDict, total=False):
    """The keyword arguments of `Org`, as a type."""

    api_version: str | float
    quota_reserve: float | None
    defaults: Mapping[str, Any] | None
    retry: RetryPolicy | None
    poll: PollPolicy | None
    timeouts: Timeouts | None
    proxy: str | None
    ca: str | os.PathLike[str] | ssl.SSLContext | None


class Org:
    """A Salesforce org and the login to it. Nothing is sent before the first call.

        org = sfframe.Org("https://acme.my.salesforce.com", sfframe.ClientCredentials("client id", "client secret"))
        print(org.host, org.base_path, org.user)
        # acme.my.salesforce.com /services/data/v66.0 None

    One Org may be used from any number of threads and event loops at once: they share its token, which is
    fetched when it is needed and fetched again once when the org answers 401.

    `with org:` makes it the org of all calls in the block, in this context alone. `async with org:` does the
    same and closes its connections at the end.

    A pickled Org carries its auth value and the address of its proxy, secrets included, but no fetched token: keep it
    where you would keep the secrets.
    """

    def __init__(
        self,
        url: str,
        auth: Auth,
        *,
        api_version: str | float = API_VERSION,
        quota_reserve: float | None = None,
        defaults: Mapping[str, Any] | None = None,
        retry: RetryPolicy | None = None,
        poll: PollPolicy | None = None,
        timeouts: Timeouts | None = None,
        proxy: str | None = None,
        ca: str | os.PathLike[str] | ssl.SSLContext | None = None,
    ) -> None:
        """Say where an org is and how to log in.

        Args:
            url: The org's address, `https://acme.my.salesforce.com`, in any form in which it is pasted; or
                the login host, for the logins that allow it.
            auth: `ClientCredentials`, `JwtBearer`, `AccessToken`, ...
            api_version: For the requests of new jobs.
            quota_reserve: The share of the day's API calls and batches (0.1 for a tenth) that calls leave to
                others.
            defaults: Options of every call on this org, by name: those of `sfframe.Options`, and `all_rows`, `api`,
                `decimals` and `multiselect` of reads.
            retry: How passing faults are met.
            poll: How often jobs are looked at.
            timeouts: How long silence is borne.
            proxy: An HTTP proxy for all requests of this Org, those for tokens included, such as
                `"http://user:password@proxy.example.com:3128"`. Without it, the one that the environment names
                (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
            ca: Whom to trust in place of the system's authorities: the path of a PEM file, or an `ssl.SSLContext`,
                with which an Org can't be pickled. Without it, `SSL_CERT_FILE`, `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE`
                or `CURL_CA_BUNDLE` if set.

        Raises:
            TypeError: There is no option of a name in `defaults`.
            ValueError: The address, the version, the reserve, the proxy or a default makes no sense.
        """
        # From here on no frame shows it.
        proxy = None if proxy is None else Secret(proxy)
        if quota_reserve is not None and not 0 <= quota_reserve < 1:
            raise ValueError(f"quota_reserve is a share from 0 up to, not including, 1; not {quota_reserve!r}")
        is_cli = isinstance(auth, login.CliSession)
        self._url: Final = url if is_cli else normalized(url)
        self.auth: Final = auth
        self.api_version: Final = _version(api_version)
        self.quota_reserve: Final = quota_reserve
        self.defaults: Final[Mapping[str, Any]] = MappingProxyType(checked_defaults(defaults or {}))
        self.retry: Final = retry or RetryPolicy()
        self.poll: Final = poll or PollPolicy()
        self.timeouts: Final = timeouts or Timeouts()
        self.ca: Final = authorities(ca)
        self._proxy: Final = proxy
        by_way_of = None if proxy is None else Proxy.named(proxy)
        self.proxy: Final = by_way_of.address if by_way_of else None
        self.transport: Final = Transport(
            self._url, auth, retry=self.retry, timeouts=self.timeouts, proxy=by_way_of, ca=self.ca
        )
        self.ingest: Final = IngestJobs(self.transport, api_version=self.api_version, retry=self.retry, org=self)
        self.query: Final = QueryJobs(self.transport, api_version=self.api_version, retry=self.retry)
        self.rest: Final = Rest(self.transport, self.base_path, retry=self.retry)
        self._describes: Final = Describes(self.transport, self.base_path)

    @classmethod
    @spelling(OrgSettings)
    def from_env(cls, url: str | None = None, **settings: Unpack[OrgSettings]) -> Org:
        """The org that the `SFFRAME_...` variables name.

            import os

            os.environ["SFFRAME_URL"] = "https://acme.my.salesforce.com"
            os.environ["SFFRAME_ACCESS_TOKEN"] = "00D5e..."
            print(sfframe.Org.from_env())
            # <Org acme.my.salesforce.com (AccessToken)>

        `SFFRAME_URL` and the first complete set of: `ACCESS_TOKEN`; `CLIENT_ID`, `REFRESH_TOKEN` (and
        `CLIENT_SECRET` if set); `CLIENT_ID`, `USERNAME`, `PRIVATE_KEY` (PEM text or a path); `CLIENT_ID`,
        `CLIENT_SECRET`, `USERNAME`, `PASSWORD`; `CLIENT_ID`, `CLIENT_SECRET`; `USERNAME`, `PASSWORD` (and
        `SECURITY_TOKEN` if set); `CLI_ALIAS`, which needs no URL. `SFFRAME_API_VERSION` counts too.

        Args:
            url: The org's address in place of `SFFRAME_URL`; `CLI_ALIAS` doesn't count then.
            settings: Keyword arguments of `Org`.

        Raises:
            NoOrgError: No set is complete; the text names what is missing.
        """
        found = login.from_env(os.environ, url=url)
        if found.api_version:
            settings.setdefault("api_version", found.api_version)
        return cls(found.url, found.auth, **settings)

    @classmethod
    @spelling(OrgSettings)
    def from_cli(cls, alias: str, **settings: Unpack[OrgSettings]) -> Org:
        """The org that the Salesforce CLI has a session for, by its alias or user name.

            with sfframe.Org.from_cli("my-sandbox"):
                ...  # calls in this block go to the sandbox

        The CLI is asked when the first token is needed, and again when the org answers 401.

        Args:
            alias: As in `sf org list`.
            settings: Keyword arguments of `Org`.
        """
        return cls(login.cli_url(alias), login.CliSession(alias), **settings)

    @property
    def url(self) -> str:
        """The org's own address; before the first token the one that was given."""
        token = self.transport.token
        return token.instance_url if token else self._url

    @property
    def host(self) -> str:
        """The host of `url`."""
        return host_of(self.url)

    @property
    def base_path(self) -> str:
        """Where the REST resources of this org's API version begin."""
        return f"/services/data/v{self.api_version}"

    @property
    def user(self) -> str | None:
        """Who logs in, as far as the login tells."""
        return self.auth.user

    @property
    def org_id(self) -> str | None:
        """The org's id; `None` before the first token, and where the login's answer doesn't tell."""
        token = self.transport.token
        return token.org_id if token else None

    @property
    def user_id(self) -> str | None:
        """The user's id, with the same reservations."""
        token = self.transport.token
        return token.user_id if token else None

    @property
    def api_usage(self) -> ApiUsage | None:
        """API calls of the day, used and allowed, as of the org's last answer."""
        return self.transport.api_usage

    @property
    def requests_made(self) -> int:
        """HTTP requests that this Org sent, logins and repetitions included."""
        return self.transport.requests_made

    async def describe(self, sobject: str) -> SObject:
        """What an object is made of; kept for some minutes, then asked for only if it changed.

            contact = await org.describe("Contact")
            print(contact.name, contact.field("lastname").length)
            # Contact 80

        Raises:
            ApiError: The org has no such object, or not for this user.
        """
        return await self._describes.get(sobject)

    def forget_describes(self) -> None:
        """Ask the org anew for each describe, instead of keeping it for some minutes.

        For example:

            org.forget_describes()  # a field was added a minute ago
        """
        self._describes.forget()

    async def limits(self) -> dict[str, Any]:
        """The org's limits, as `{"DailyApiRequests": {"Max": 15000, "Remaining": 14998}, ...}`.

        For example:

            limits = await org.limits()
            print(limits["DailyBulkApiBatches"]["Max"], org.api_usage.used > 0, org.requests_made > 0)
            # 15000 True True
        """
        return dict(await self.rest.limits())

    async def aclose(self) -> None:
        """Close this Org's connections of the running loop. It can be used again.

        For example:

            people = await sfframe.read_soql_async("SELECT LastName FROM Contact", org=org)
            print(org.url.startswith("http"), org.org_id[:3], org.user_id[:3])
            # True 00D 005
            await org.aclose()
        """
        await self.transport.close()

    def __enter__(self) -> Self:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *exc_info: object) -> None:
        orgs = list(_entered.get())
        # Blocks of several tasks or generators may end in another order than they began.
        for index in reversed(range(len(orgs))):
            if orgs[index] is self:
                del orgs[index]
                break
        _entered.set(tuple(orgs))

    async def __aenter__(self) -> Self:
        self.transport.hold()
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        self.__exit__()
        await self.transport.release()

    def __repr__(self) -> str:
        if "transport" not in vars(self):  # tracebacks with variables show it while it is refused
            return "<Org, not made yet>"
        user = f" as {self.user}" if self.user and not self._url.startswith("cli:") else ""
        return f"<Org {self.host}{user} ({type(self.auth).__name__})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Org) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash((self._url, self.auth))

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self.ca, ssl.SSLContext):
            raise TypeError("an Org with ca=ssl.SSLContext(...) can't be pickled: give ca= the path of a PEM file")
        return _restored, self._state()

    def _state(self) -> tuple[str, Auth, OrgSettings]:
        settings: OrgSettings = {
            "api_version": self.api_version,
            "quota_reserve": self.quota_reserve,
            "defaults": dict(self.defaults),
            "retry": self.retry,
            "poll": self.poll,
            "timeouts": self.timeouts,
            "proxy": self._proxy,
            "ca": self.ca,
        }
        return self._url, self.auth, settings


def set_default_org(org: Org | None) -> None:
    """Make an org that of every later call without `org=` and outside `with org:`; `None` takes it back.

    For example:

        sfframe.set_default_org(org)
        contacts.sfbulk.upsert("Contact", "ExternalId__c")  # goes to that org
    """
    global _default
    _default = org


def default_org() -> Org | None:
    """What `set_default_org` set last."""
    return _default


def current_org(org: Org | None = None) -> Org:
    """The org that a call means: the one given, the innermost `with org:`, the default, the environment's.

    Raises:
        NoOrgError: There is none; the text lists the ways to name one.
    """
    if org is not None:
        if not isinstance(org, Org):
            raise TypeError(f"org must be an sfframe.Org, not {type(org).__name__}")
        return org
    if entered := _entered.get():
        return entered[-1]
    if _default is not None:
        return _default
    variables = {name: value for name, value in os.environ.items() if name.startswith(login.PREFIX)}
    try:
        return _from_env(tuple(sorted(variables.items())))
    except NoOrgError as error:
        raise NoOrgError(
            "which org? Give the call org=sfframe.Org(url, auth), or put it in a `with org:` block, or call "
            "sfframe.set_default_org(org) once, or set SFFRAME_URL and the SFFRAME_... variables of a login "
            f"(see sfframe.Org.from_env).\n{error}"
        ) from None


@functools.lru_cache(maxsize=1)
def _from_env(variables: tuple[tuple[str, str], ...]) -> Org:
    # One Org as long as the variables stay, so that calls share its token and its describes.
    del variables
    return Org.from_env()


def _restored(url: str, auth: Auth, settings: OrgSettings) -> Org:
    return Org(url, auth, **settings)


def _version(given: str | float) -> str:
    """`66`, `66.0`, `"v66.0"` as `66.0`."""
    found = re.fullmatch(r"v?(\d{2,3})(\.0)?", str(given).strip(), re.IGNORECASE)
    if found is None or int(found[1]) < _OLDEST:
        raise ValueError(f"api_version is a number like {API_VERSION}, {_OLDEST}.0 or newer; not {given!r}")
    return f"{int(found[1])}.0"
