"""Where credentials are found: the environment, and the Salesforce CLI's own session."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfframe.errors import AuthenticationError, NoOrgError
from sfframe.org.answers import Response, shortened
from sfframe.org.auth import (
    AccessToken,
    Auth,
    ClientCredentials,
    Command,
    Flow,
    JwtBearer,
    RefreshToken,
    Token,
    UsernamePassword,
    id_of,
    instance_of,
)
from sfframe.org.secret import Secret
from sfframe.org.soap import SoapLogin

PREFIX: Final = "SFFRAME_"


@dataclass(frozen=True, slots=True)
class CliSession:
    """The session that the Salesforce CLI holds for an alias or user name. It renews it while answering."""

    alias: str

    def __post_init__(self) -> None:
        # It becomes an argument of a program, on Windows of a script.
        if not re.fullmatch(r"[\w.@+][\w.@+-]*", self.alias):
            raise ValueError(f"{self.alias!r} is neither an alias nor a user name: see `sf org list`")

    @property
    def user(self) -> str | None:
        return self.alias

    def flow(self, url: str) -> Flow:
        del url  # the CLI knows where its org is
        token, instance_url, org_id = _session((yield _sf("org", "display", self.alias)), self.alias)
        # Since 2.136.8 another command shows the token, one that older releases lack (wire notes, 2.4).
        if not token or token.startswith("[REDACTED]"):
            answer = yield _sf("org", "auth", "show-access-token", self.alias)
            token = _session(answer, self.alias)[0]
        if not token or not instance_url:
            raise AuthenticationError(
                f"the Salesforce CLI shows no session for {self.alias!r}: log in with "
                f"`sf org login web --alias {self.alias}`"
            )
        instance = instance_of(instance_url)
        if instance is None:
            raise AuthenticationError(
                f"the Salesforce CLI knows no usable address for {self.alias!r}: {shortened(instance_url)!r}"
            )
        return Token(token, instance, org_id)


def _sf(*words: str) -> Command:
    *command, alias = words
    return Command(("sf", *command, "--target-org", alias, "--json"))


def _session(answer: Response, alias: str) -> tuple[Secret, str, str | None]:
    """Token, address and org id of a CLI answer, as far as they are in it."""
    found = _read(answer)
    if isinstance(found, _Refusal):
        raise AuthenticationError(
            f"the Salesforce CLI has no session for {alias!r}: {found.message}", error_code=found.name
        )
    given = (found.get(name) for name in ("accessToken", "instanceUrl"))
    token, instance_url = (text if isinstance(text, str) else "" for text in given)
    return Secret(token), instance_url, id_of(found.get("id"))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The CLI's word that there is no session."""

    name: str | None
    message: str


def _read(answer: Response) -> Mapping[str, Any] | _Refusal:
    """The `result` of a CLI answer, which warnings and colours may precede; the frame that raises hasn't seen it."""
    text = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", answer.body.decode("utf-8", errors="replace"))
    try:
        content, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
    except (ValueError, RecursionError):
        content = {}
    result = content.get("result")
    if answer.status == 0 and isinstance(result, dict):
        return result
    name, message = content.get("name"), str(content.get("message") or "").strip() or "it gave no readable answer"
    return _Refusal(shortened(str(name)) if name else None, shortened(message.splitlines()[0]))


@dataclass(frozen=True, slots=True)
class _Set:
    """Variables that together are a login."""

    needs: tuple[str, ...]
    auth: Callable[[Mapping[str, str]], Auth]
    takes: tuple[str, ...] = ()
    needs_url: bool = True

    def missing(self, found: Mapping[str, str]) -> list[str]:
        needs = (*self.needs, "URL") if self.needs_url else self.needs
        return [name for name in needs if name not in found]


def _of(kind: Callable[..., Auth], *names: str) -> Callable[[Mapping[str, str]], Auth]:
    return lambda found: kind(*(found[name] for name in names))


# In the order in which they are tried: the first complete one is used.
_SETS: Final = (
    _Set(("ACCESS_TOKEN",), _of(AccessToken, "ACCESS_TOKEN")),
    _Set(
        ("CLIENT_ID", "REFRESH_TOKEN"),
        lambda found: RefreshToken(found["CLIENT_ID"], found["REFRESH_TOKEN"], found.get("CLIENT_SECRET")),
        takes=("CLIENT_SECRET",),
    ),
    _Set(("CLIENT_ID", "USERNAME", "PRIVATE_KEY"), _of(JwtBearer, "CLIENT_ID", "USERNAME", "PRIVATE_KEY")),
    _Set(
        ("CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"),
        _of(UsernamePassword, "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"),
    ),
    _Set(("CLIENT_ID", "CLIENT_SECRET"), _of(ClientCredentials, "CLIENT_ID", "CLIENT_SECRET")),
    _Set(
        ("USERNAME", "PASSWORD"),
        lambda found: SoapLogin(found["USERNAME"], found["PASSWORD"], found.get("SECURITY_TOKEN", "")),
        takes=("SECURITY_TOKEN",),
    ),
    _Set(("CLI_ALIAS",), _of(CliSession, "CLI_ALIAS"), needs_url=False),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the environment says about an org.

    Attributes:
        variables: Names of the variables that say it.
    """

    url: str
    auth: Auth
    api_version: str | None
    variables: tuple[str, ...] = ()


def from_env(environ: Mapping[str, str], *, url: str | None = None) -> Found:
    """The login that `SFFRAME_...` variables make, empty ones being as good as unset.

    Args:
        environ: The variables.
        url: The org's address in place of `SFFRAME_URL`; then a session of the Salesforce CLI, which knows an address
            of its own, doesn't count.

    Raises:
        NoOrgError: No set of variables is complete; the text names what each one that was begun lacks.
    """
    found = {
        name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX) and value.strip()
    }
    own = {"URL": url} if url is not None else {}
    for login in _SETS:
        if not login.missing(found | own) and (login.needs_url or url is None):
            address = (found | own)["URL"] if login.needs_url else cli_url(found["CLI_ALIAS"])
            names = [*login.needs, *(["URL"] if login.needs_url else []), *login.takes, "API_VERSION"]
            used = tuple(PREFIX + name for name in names if name in found and name not in own)
            return Found(address, login.auth(found), found.get("API_VERSION"), used)
    raise NoOrgError(_explained(found | own, [login for login in _SETS if login.needs_url or url is None]))


def cli_url(alias: str) -> str:
    """What stands for the address of an org that the CLI knows, until the CLI was asked."""
    return f"cli:{alias}"


def _explained(found: Mapping[str, str], sets: Sequence[_Set]) -> str:
    begun = [login for login in sets if any(name in found for name in login.needs)]
    if not begun and "URL" not in found:
        return (
            "no SFFRAME_... variable names an org: set SFFRAME_URL and the variables of a login, such as "
            "SFFRAME_CLIENT_ID and SFFRAME_CLIENT_SECRET, or SFFRAME_CLI_ALIAS alone; sfframe.Org.from_env tells all"
        )
    lines = ["the SFFRAME_... variables name no org: no set of them is complete."]
    for login in begun or sets:
        names = " + ".join(PREFIX + name for name in login.needs)
        lines.append(f"  {names}: missing {', '.join(PREFIX + name for name in login.missing(found))}")
    return "\n".join(lines)
