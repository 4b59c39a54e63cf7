"""Who may come in: the OAuth token endpoint and the SOAP login (wire notes, 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from sfframe.localorg.data.store import Store
from sfframe.localorg.login import soap
from sfframe.localorg.login.assertion import AssertionInvalidError, new_private_key, verified_claims
from sfframe.localorg.login.identity import identity_url
from sfframe.localorg.manners import Manners

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = _AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_MY_DOMAIN = "https://localorg.my.salesforce.com"

# Beyond them the one goes that was used the longest ago, so that logins can't fill memory.
_MOST_TOKENS = 10_000


class OAuthError(Exception):
    """A token request is refused; an object, not the array of the data endpoints (2.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description

    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}


class Tokens:
    """Credentials of one org, and the tokens that were given for them.

    Args:
        store: Keeps the credentials, so that a database opened again has the same.
        manners: See there.
        now: The org's clock.
        org_id: The org's id.
        user_id: The user whom all tokens are for.
    """

    def __init__(self, store: Store, manners: Manners, now: Callable[[], datetime], org_id: str, user_id: str) -> None:
        self._store, self._manners, self._now = store, manners, now
        self._org_id, self._user_id = org_id, user_id
        self._lock = threading.Lock()
        self._given: dict[str, datetime] = {}
        self.client_id = store.setting("client_id", lambda: f"3MVG9{secrets.token_urlsafe(48)}")
        self.client_secret = store.setting("client_secret", lambda: secrets.token_hex(32).upper())
        self.username = store.setting("username", lambda: f"admin@{secrets.token_hex(4)}.localorg.example")
        self.password = store.setting("password", lambda: secrets.token_urlsafe(12))
        self.security_token = store.setting("security_token", lambda: secrets.token_hex(12))
        self.refresh_token = store.setting("refresh_token", _new_refresh_token)

    @property
    def private_key(self) -> str:
        """The PEM text of the key that signs JWTs; made when it is first wanted, for it takes a while."""
        return self._store.setting("private_key", new_private_key)

    def is_valid(self, token: str) -> bool:
        """Whether the token still is one; its use prolongs it."""
        with self._lock:
            used = self._given.pop(token, None)
            now = self._now()
            if used is None or (now - used).total_seconds() >= self._manners.session_seconds:
                return False
            self._given[token] = now
            return True

    def revoke(self, token: str) -> bool:
        """Take back an access token, or with a refresh token all that were given; whether there was such a token."""
        if _same(token, self.refresh_token):
            self.expire()
            return True
        with self._lock:
            return self._given.pop(token, None) is not None

    def expire(self) -> None:
        with self._lock:
            self._given.clear()

    def answer(self, form: Mapping[str, str], basic: tuple[str, str] | None, origin: str) -> dict[str, str]:
        """The answer to a token request.

        Args:
            form: Its form fields.
            basic: Client id and secret of HTTP Basic.
            origin: Scheme and host that the client has reached, and is told to stay with.

        Raises:
            OAuthError: It is refused.
        """
        if basic is not None:
            form = {**form, "client_id": basic[0], "client_secret": basic[1]}
        grants = {
            "client_credentials": self._client_credentials,
            "password": self._username_password,
            "refresh_token": self._refresh,
            _JWT: self._jwt,
        }
        grant = form.get("grant_type")
        if not grant:
            raise OAuthError("invalid_request", "missing required parameter: grant_type")
        if grant not in grants:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        if grant == "client_credentials" and origin in _LOGIN_HOSTS:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        return grants[grant](form, _home(origin))

    # The grants, one by one (2.1).

    def _client_credentials(self, form: Mapping[str, str], origin: str) -> dict[str, str]:
        self._check_client(form)
        return self._grant(origin)

    def _username_password(self, form: Mapping[str, str], origin: str) -> dict[str, str]:
        self._check_client(form)
        if not self._knows(form.get("username"), form.get("password")):
            raise OAuthError("invalid_grant", "authentication failure")
        return self._grant(origin)

    def _refresh(self, form: Mapping[str, str], origin: str) -> dict[str, str]:
        secret_needed = self._manners.client_secret_for_refresh or "client_secret" in form
        self._check_client(form, secret_needed=secret_needed)
        if not _same(form.get("refresh_token"), self.refresh_token):
            raise OAuthError("invalid_grant", "expired access/refresh token")
        answer = self._grant(origin)
        if self._manners.rotate_refresh_tokens:
            self.refresh_token = answer["refresh_token"] = _new_refresh_token()
            self._store.set_setting("refresh_token", self.refresh_token)
        return answer

    def _jwt(self, form: Mapping[str, str], origin: str) -> dict[str, str]:
        assertion = form.get("assertion")
        if not assertion:
            raise OAuthError("invalid_request", "missing required parameter: assertion")
        try:
            claims = verified_claims(assertion, self.private_key)
        except AssertionInvalidError:
            raise OAuthError("invalid_grant", "invalid assertion") from None
        except ImportError:
            text = "localorg does not speak the JWT bearer flow without the package 'cryptography'"
            raise OAuthError("unsupported_grant_type", text) from None
        if claims.get("iss") != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*_AUDIENCES, origin):
            raise OAuthError("invalid_grant", "audience is invalid")
        if str(claims.get("sub")) != self.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if not _is_after(claims.get("exp"), self._now()):
            raise OAuthError("invalid_grant", "expired authorization code")
        # The documented sample of this grant is shorter than the others' (2.2).
        wanted = ("access_token", "scope", "instance_url", "id", "token_type")
        return {key: value for key, value in self._grant(origin).items() if key in wanted}

    def _check_client(self, form: Mapping[str, str], *, secret_needed: bool = True) -> None:
        if not form.get("client_id"):
            raise OAuthError("invalid_request", "missing required parameter: client_id")
        if not _same(form["client_id"], self.client_id):
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if secret_needed and not _same(form.get("client_secret"), self.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _knows(self, username: str | None, password: str | None) -> bool:
        return _same(username, self.username) and _same(password, self.password + self.security_token)

    def _grant(self, origin: str) -> dict[str, str]:
        token = self.new_token()
        issued_at = str(int(self._now().timestamp() * 1000))
        identity = identity_url(origin, self._org_id, self._user_id)
        digest = hmac.new(self.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
        return {
            "access_token": token,
            "signature": base64.b64encode(digest).decode(),
            "scope": "api refresh_token",
            "instance_url": origin,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def new_token(self) -> str:
        """A token that is valid from now on."""
        token = f"{self._org_id[:15]}!AQ.{secrets.token_urlsafe(64).replace('-', '.')}"
        with self._lock:
            self._given[token] = self._now()
            if len(self._given) > _MOST_TOKENS:
                del self._given[next(iter(self._given))]
        return token

    def soap(self, version: str, envelope: bytes, origin: str) -> tuple[int, str]:
        """Status and text of the answer to a SOAP login (2.3)."""
        try:
            username, password = soap.read_login(version, envelope)
        except soap.FaultError as fault:
            return 500, fault.envelope
        if not self._knows(username, password):
            text = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
            return 500, soap.FaultError("INVALID_LOGIN", text).envelope
        session = soap.Session(
            url=f"{_home(origin)}/services/Soap/u/{version}/{self._org_id[:15]}",
            token=self.new_token(),
            org_id=self._org_id,
            user_id=self._user_id,
            username=self.username,
            seconds=int(self._manners.session_seconds),
        )
        return 200, session.envelope


def _home(origin: str) -> str:
    """Where the org is: not at the hosts that are for logging in alone."""
    return _MY_DOMAIN if origin in _LOGIN_HOSTS else origin


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def _new_refresh_token() -> str:
    return f"5Aep861{secrets.token_urlsafe(48)}"


def _is_after(expiry: object, now: datetime) -> bool:
    """`exp` is a number; clients that send it as text get away with it (2.1)."""
    try:
        return float(str(expiry)) > now.timestamp()
    except ValueError:
        return False
