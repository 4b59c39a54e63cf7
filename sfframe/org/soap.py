"""The SOAP login, which Salesforce ends in Summer '27. No I/O here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sfframe.errors import AuthenticationError
from sfframe.org.address import host_of, normalized
from sfframe.org.answers import Response
from sfframe.org.auth import Flow, Token, TokenRequest

# login() exists in no later version, whatever version the data calls use (wire notes, 2.3).
_SOAP_VERSION: Final = "64.0"
_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
    "<env:Body><login><username>{username}</username><password>{password}</password></login></env:Body>"
    "</env:Envelope>"
)


@dataclass(frozen=True, slots=True)
class SoapLogin:
    """The old login by name, password and security token. Salesforce ends it in Summer '27.

    It is off in orgs made since Winter '26, and the user needs the permission "Use Any API Auth".
    """

    username: str
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    @property
    def user(self) -> str | None:
        return self.username

    def flow(self, url: str) -> Flow:
        warnings.warn(
            "Salesforce ends the SOAP login in Summer '27: "
            "move to ClientCredentials, JwtBearer or the Salesforce CLI's session (Org.from_cli).",
            FutureWarning,
            stacklevel=2,
        )
        body = _ENVELOPE.format(username=escape(self.username), password=escape(self.password + self.security_token))
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login", "Accept": "text/xml"}
        address = f"{url}/services/Soap/u/{_SOAP_VERSION}"
        secrets = (self.password + self.security_token, self.password, self.security_token)
        answer = yield TokenRequest(address, headers, body.encode(), secrets, refusal_status=500)
        return _token(url, answer)


def _token(url: str, response: Response) -> Token:
    texts = _texts(response.body)
    session, server = texts.get("sessionId"), texts.get("serverUrl")
    if response.is_success and session and server:
        if texts.get("passwordExpired") == "true":
            raise AuthenticationError("the user's password has expired", error_code="PASSWORD_EXPIRED")
        parts = urlsplit(server)
        instance = normalized(f"{parts.scheme}://{parts.netloc}")
        return Token(session, instance, texts.get("organizationId"), texts.get("userId"))
    code = texts.get("exceptionCode") or texts.get("faultcode", "").rpartition(":")[2] or None
    message = texts.get("exceptionMessage") or texts.get("faultstring") or "the answer is no SOAP answer"
    raise AuthenticationError(f"{host_of(url)} gave no token: {code or response.status}: {message}", error_code=code)


def _texts(body: bytes) -> dict[str, str]:
    """The text of each element by its local name. A document with a DTD isn't read: SOAP has none."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return {}
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError):
        return {}
    return {element.tag.rpartition("}")[2]: element.text.strip() for element in root.iter() if element.text}
