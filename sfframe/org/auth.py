"""The ways to a token, as values: token requests go out, tokens come in. No I/O here.

A flow is a generator: it yields what is to be sent, is given the answer, and returns the token. Whoever
drives it does the sending, so a flow needs no network to be tested, and the values stay picklable.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import urlencode

from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.address import host_of, is_sandbox, is_shared_login, may_take_over, normalized
from sfframe.org.answers import Response, refusal
from sfframe.org.secret import Secret

_ASSERTION_LIFE_S: Final = 150  # Salesforce takes 3 minutes at most; the rest is for clocks that differ
_SECRETS: Final = ("client_secret", "refresh_token", "password", "assertion")
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_APP: Final = "Look at client id and client secret, and whether the app is enabled in this org."
# What to look at, by the code of a refusal (wire notes, 2).
_REMEDIES: Final[Mapping[str, str]] = {
    "invalid_client": _APP,
    "invalid_client_id": _APP,
    "invalid_grant": "Look at user name, password (followed by the security token), key or refresh token, and whether "
    "the app may use this flow.",
    "invalid_login": "Look at user name, password and security token; users of a sandbox log in at its own address.",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A session in an org.

    Attributes:
        access_token: What goes into the Authorization header.
        instance_url: Where requests go from now on; orgs move, so each answer's word counts.
        org_id: 18 characters, or `None` where the answer names no org.
        user_id: Likewise.
        refresh_token: A new refresh token, where the org rotates them; the old one is dead then.
    """

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str | None = None
    user_id: str | None = None
    refresh_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        hide(self)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A POST to a login host.

    Attributes:
        secrets: What no message may repeat, should the answer do so.
        refusal_status: A status that is a definite answer here, though elsewhere it may pass.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    refusal_status: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run; its standard output is the answer's body, its exit code the status."""

    args: tuple[str, ...]


Flow: TypeAlias = Generator[TokenRequest | Command, Response, Token]


class Auth(Protocol):
    """One way to a token. Values of this kind are frozen, pickle, and hide their secrets.

    What is made of a secret is kept in a `Secret`, or in no variable: a traceback may show those of each frame.
    """

    @property
    def user(self) -> str | None:
        """Who logs in, as far as the value tells."""

    def flow(self, url: str) -> Flow:
        """The steps to a token at an address.

        Raises (while it runs):
            AuthenticationError: The org refused. Without an `error_code` the fault may pass.
        """


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was made elsewhere. It can't be renewed: when its session ends, so does the Org's.

    For example:

        org = sfframe.Org("https://acme.my.salesforce.com", sfframe.AccessToken("00D5e..."))
    """

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        hide(self)

    @property
    def user(self) -> str | None:
        return None

    def flow(self, url: str) -> Flow:
        if is_shared_login(url):
            raise AuthenticationError(
                f"an access token belongs to one org, and {host_of(url)} is for all of them. "
                "Use the org's own address, such as https://acme.my.salesforce.com."
            )
        yield from ()  # no step
        return Token(self.token, url)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth client credentials: an app's own login, as its "Run As" user. Needs the org's own address.

    For example:

        org = sfframe.Org("https://acme.my.salesforce.com", sfframe.ClientCredentials("client id", "client secret"))
    """

    client_id: str
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        hide(self)

    @property
    def user(self) -> str | None:
        return None

    def flow(self, url: str) -> Flow:
        if is_shared_login(url):
            raise AuthenticationError(
                f"{host_of(url)} doesn't take client credentials. "
                "Use the org's own address, such as https://acme.my.salesforce.com."
            )
        form = {"client_id": self.client_id, "client_secret": self.client_secret}
        return _token(url, (yield _grant(url, "client_credentials", form)))


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """OAuth JWT bearer: a user's login by a certificate of the app. Needs `pip install 'sfframe[jwt]'`.

        login = sfframe.JwtBearer("client id", "ada@example.com", "private_key.pem")
        org = sfframe.Org("https://login.salesforce.com", login)

    Attributes:
        client_id: The app's consumer key.
        username: The user, who must be pre-authorised for the app.
        private_key: PEM text, or the path of a PEM file, read whenever a token is made.
        audience: `https://login.salesforce.com`, for sandboxes `https://test.salesforce.com`, unless given.
    """

    client_id: str
    username: str
    private_key: str | Path = field(repr=False)
    audience: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        hide(self)

    @property
    def user(self) -> str | None:
        return self.username

    def flow(self, url: str) -> Flow:
        audience = self.audience or f"https://{'test' if is_sandbox(url) else 'login'}.salesforce.com"
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": audience,
            "exp": int(time.time()) + _ASSERTION_LIFE_S,
        }
        assertion = Secret(_signed(claims, _pem(self.private_key)))
        return _token(url, (yield _grant(url, _JWT_GRANT, {"assertion": assertion})))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """OAuth refresh token, as kept from an earlier login.

        org = sfframe.Org("https://login.salesforce.com", sfframe.RefreshToken("client id", "5Aep..."))

    Where the org rotates refresh tokens, an Org goes on with the newest one for its own life; this value
    keeps the one it was made with, which is dead from then on.
    """

    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        hide(self)

    @property
    def user(self) -> str | None:
        return None

    def flow(self, url: str) -> Flow:
        form = {"client_id": self.client_id, "refresh_token": self.refresh_token}
        if self.client_secret:
            form["client_secret"] = self.client_secret
        return _token(url, (yield _grant(url, "refresh_token", form)))

    def rotated(self, token: Token) -> RefreshToken:
        """The value to go on with after `token`."""
        return replace(self, refresh_token=token.refresh_token) if token.refresh_token else self


@dataclass(frozen=True, slots=True)
class UsernamePassword:
    """OAuth username-password: blocked by default in newer orgs.

        login = sfframe.UsernamePassword("client id", "client secret", "ada@example.com", "password" + "security token")
        org = sfframe.Org("https://login.salesforce.com", login)

    Attributes:
        password: Followed by the user's security token, unless the org trusts this machine's address.
    """

    client_id: str
    client_secret: str = field(repr=False)
    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        hide(self)

    @property
    def user(self) -> str | None:
        return self.username

    def flow(self, url: str) -> Flow:
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "username": self.username,
            "password": self.password,
        }
        return _token(url, (yield _grant(url, "password", form)))


def hide(value: Any) -> None:
    """Make the texts of a login that are in no repr secret where they are handed on, too."""
    for one in fields(value):
        text = getattr(value, one.name)
        if not one.repr and isinstance(text, str) and not isinstance(text, Secret):
            object.__setattr__(value, one.name, Secret(text))


def _grant(url: str, grant_type: str, form: Mapping[str, str]) -> TokenRequest:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    secrets = tuple(form[name] for name in _SECRETS if name in form)
    body = urlencode({"grant_type": grant_type, **form}).encode()
    return TokenRequest(f"{url}/services/oauth2/token", headers, body, secrets)


def _token(url: str, response: Response) -> Token:
    if not response.is_success:
        raise _refused(url, response)
    found = _found(url, response)
    if found is None:
        raise AuthenticationError(f"the answer of {host_of(url)} holds no token")
    if isinstance(found, str):
        raise AuthenticationError(found)
    return found


def _found(url: str, response: Response) -> Token | str | None:
    """The token in an answer, or why it isn't taken; the frame that raises has seen nothing of the answer."""
    try:
        answer = response.json()
        token, given = answer["access_token"], answer.get("instance_url") or url
    except (ApiError, LookupError, TypeError, AttributeError):
        return None
    instance_url = instance_of(given)
    if not isinstance(token, str) or instance_url is None:
        return None
    if not may_take_over(url, instance_url):
        return strange_instance(url, instance_url)
    org_id, user_id = _identity(answer.get("id"))
    newer = answer.get("refresh_token")
    return Token(token, instance_url, org_id, user_id, newer if isinstance(newer, str) and newer else None)


def id_of(given: Any) -> str | None:
    """The id of an org or a user that an answer names; `None` if it is none."""
    return given if isinstance(given, str) and re.fullmatch(r"[0-9A-Za-z]{15,18}", given) else None


def instance_of(given: Any) -> str | None:
    """The address that an answer names, in the form of `normalized`; `None` if it is none."""
    try:
        return normalized(given)
    except (ValueError, AttributeError):
        return None


def strange_instance(url: str, instance_url: str) -> str:
    """Why a token isn't taken: it is said to be for a host that neither was asked for it nor is Salesforce's."""
    return (
        f"{host_of(url)} gave a token for {instance_url}, which is neither that host nor one of Salesforce's. "
        "It is sent to nobody. If that is where the org is, give the Org that address."
    )


def _refused(url: str, response: Response) -> AuthenticationError:
    code, message = refusal(response)
    return no_token(url, code or str(response.status), message, error_code=code)


def no_token(url: str, reason: str, message: str, *, error_code: str | None) -> AuthenticationError:
    """That a host gave no token, why, and what to look at."""
    words = f"{host_of(url)} gave no token: {reason}: {message.rstrip('.')}."
    remedy = _REMEDIES.get((error_code or "").casefold())
    return AuthenticationError(f"{words} {remedy}" if remedy else words, error_code=error_code)


def _identity(url: Any) -> tuple[str | None, str | None]:
    """Org and user id from the answer's `id`, which ends in /{org id}/{user id}."""
    parts = str(url or "").rstrip("/").split("/")
    if len(parts) < 2 or not (parts[-2].startswith("00D") and parts[-1].startswith("005")):
        return None, None
    return id_of(parts[-2]), id_of(parts[-1])


def _pem(key: str | Path) -> str:
    text = Secret(key)
    if "-----BEGIN" in text:
        return Secret(text.replace("\\n", "\n"))  # as environment variables often hold it
    try:
        return Secret(Path(text).expanduser().read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not readable"
    # Neither text nor error is shown: the text may be a key that lost its first line.
    raise AuthenticationError(f"private_key is neither PEM text nor a readable file ({reason})")


def _signed(claims: Mapping[str, Any], pem: str) -> str:
    try:
        import jwt
    except ImportError as error:
        raise AuthenticationError("JwtBearer needs PyJWT: pip install 'sfframe[jwt]'") from error
    with suppress(Exception):  # whatever PyJWT and cryptography raise may quote the key
        return jwt.encode(dict(claims), pem, algorithm="RS256")
    raise AuthenticationError("private_key isn't an RSA key in PEM form without a passphrase")
