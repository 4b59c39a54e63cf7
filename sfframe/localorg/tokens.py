"""Who may come in: the OAuth token endpoint and the SOAP login (wire notes, 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sfframe.localorg.manners import Manners
from sfframe.localorg.store import Store

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_PARTNER = "urn:partner.soap.sforce.com"
_LAST_SOAP_LOGIN = 64.0


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
        self.instance_url = ""
        self.client_id = store.setting("client_id", lambda: f"3MVG9{secrets.token_urlsafe(48)}")
        self.client_secret = store.setting("client_secret", lambda: secrets.token_hex(32).upper())
        self.username = store.setting("username", lambda: f"admin@{secrets.token_hex(4)}.localorg.example")
        self.password = store.setting("password", lambda: secrets.token_urlsafe(12))
        self.security_token = store.setting("security_token", lambda: secrets.token_hex(12))
        self.refresh_token = store.setting("refresh_token", _new_refresh_token)

    @property
    def private_key(self) -> str:
        """The PEM text of the key that signs JWTs; made when it is first wanted, for it takes a while."""
        return self._store.setting("private_key", _new_private_key)

    def is_valid(self, token: str) -> bool:
        """Whether the token still is one; its use prolongs it."""
        with self._lock:
            used = self._given.get(token)
            now = self._now()
            if used is None or (now - used).total_seconds() >= self._manners.session_seconds:
                self._given.pop(token, None)
                return False
            self._given[token] = now
            return True

    def expire(self) -> None:
        with self._lock:
            self._given.clear()

    def answer(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> dict[str, str]:
        """The answer to a token request.

        Args:
            form: Its form fields.
            basic: Client id and secret of HTTP Basic.

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
        return grants[grant](form)

    # The grants, one by one (2.1).

    def _client_credentials(self, form: Mapping[str, str]) -> dict[str, str]:
        self._check_client(form)
        return self._grant()

    def _username_password(self, form: Mapping[str, str]) -> dict[str, str]:
        self._check_client(form)
        if not self._knows(form.get("username"), form.get("password")):
            raise OAuthError("invalid_grant", "authentication failure")
        return self._grant()

    def _refresh(self, form: Mapping[str, str]) -> dict[str, str]:
        secret_needed = self._manners.client_secret_for_refresh or "client_secret" in form
        self._check_client(form, secret_needed=secret_needed)
        if not _same(form.get("refresh_token"), self.refresh_token):
            raise OAuthError("invalid_grant", "expired access/refresh token")
        answer = self._grant()
        if self._manners.rotate_refresh_tokens:
            self.refresh_token = answer["refresh_token"] = _new_refresh_token()
            self._store.set_setting("refresh_token", self.refresh_token)
        return answer

    def _jwt(self, form: Mapping[str, str]) -> dict[str, str]:
        assertion = form.get("assertion")
        if not assertion:
            raise OAuthError("invalid_request", "missing required parameter: assertion")
        claims = _verified_claims(assertion, self.private_key)
        if claims.get("iss") != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*_AUDIENCES, self.instance_url):
            raise OAuthError("invalid_grant", "audience is invalid")
        if str(claims.get("sub")) != self.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if not _is_after(claims.get("exp"), self._now()):
            raise OAuthError("invalid_grant", "expired authorization code")
        # The documented sample of this grant is shorter than the others' (2.2).
        wanted = ("access_token", "scope", "instance_url", "id", "token_type")
        return {key: value for key, value in self._grant().items() if key in wanted}

    def _check_client(self, form: Mapping[str, str], *, secret_needed: bool = True) -> None:
        if not form.get("client_id"):
            raise OAuthError("invalid_request", "missing required parameter: client_id")
        if not _same(form["client_id"], self.client_id):
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if secret_needed and not _same(form.get("client_secret"), self.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _knows(self, username: str | None, password: str | None) -> bool:
        return _same(username, self.username) and _same(password, self.password + self.security_token)

    def _grant(self) -> dict[str, str]:
        token = self._new_token()
        issued_at = str(int(self._now().timestamp() * 1000))
        identity = f"https://login.salesforce.com/id/{self._org_id}/{self._user_id}"
        digest = hmac.new(self.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
        return {
            "access_token": token,
            "signature": base64.b64encode(digest).decode(),
            "scope": "api refresh_token",
            "instance_url": self.instance_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def _new_token(self) -> str:
        token = f"{self._org_id[:15]}!AQ.{secrets.token_urlsafe(64).replace('-', '.')}"
        with self._lock:
            self._given[token] = self._now()
        return token

    # SOAP (2.3).

    def soap(self, version: str, envelope: bytes) -> tuple[int, str]:
        """Status and text of the answer to a SOAP login."""
        if float(version) > _LAST_SOAP_LOGIN:
            return _fault("UNSUPPORTED_API_VERSION", f"login() is not supported in API version {version}")
        try:
            login = ElementTree.fromstring(envelope).find(f".//{{{_PARTNER}}}login")
        except ElementTree.ParseError as error:
            return _fault("XML_PARSER_ERROR", str(error), faultcode="soapenv:Client")
        if login is None:
            return _fault("INVALID_OPERATION", "localorg speaks login() alone", faultcode="soapenv:Client")
        if not self._knows(login.findtext(f"{{{_PARTNER}}}username"), login.findtext(f"{{{_PARTNER}}}password")):
            text = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
            return _fault("INVALID_LOGIN", text)
        return 200, self._login_result(version)

    def _login_result(self, version: str) -> str:
        server = f"{self.instance_url}/services/Soap/u/{version}/{self._org_id[:15]}"
        seconds = int(self._manners.session_seconds)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
            f' xmlns="{_PARTNER}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><loginResponse>'
            f"<result><metadataServerUrl>{server}</metadataServerUrl><passwordExpired>false</passwordExpired>"
            f"<sandbox>false</sandbox><serverUrl>{server}</serverUrl><sessionId>{self._new_token()}</sessionId>"
            f"<userId>{self._user_id}</userId><userInfo><organizationId>{self._org_id}</organizationId>"
            f"<sessionSecondsValid>{seconds}</sessionSecondsValid><userId>{self._user_id}</userId>"
            f"<userName>{escape(self.username)}</userName></userInfo></result>"
            "</loginResponse></soapenv:Body></soapenv:Envelope>"
        )


def _fault(code: str, message: str, *, faultcode: str | None = None) -> tuple[int, str]:
    return 500, (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body><soapenv:Fault><faultcode>{faultcode or code}</faultcode>"
        f"<faultstring>{escape(message)}</faultstring>"
        f'<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message.removeprefix(f'{code}: '))}</sf:exceptionMessage></sf:LoginFault>"
        "</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


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


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _verified_claims(assertion: str, private_key: str) -> dict[str, object]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        head, body, signature = assertion.split(".")
        algorithm = json.loads(_unpadded(head)).get("alg")
        claims = json.loads(_unpadded(body))
        signed = _unpadded(signature)
    except (ValueError, AttributeError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if algorithm != "RS256" or not isinstance(claims, dict):
        raise OAuthError("invalid_grant", "invalid assertion")
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    try:
        key.public_key().verify(signed, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise OAuthError("invalid_grant", "invalid assertion") from None
    return claims


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
