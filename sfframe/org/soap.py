"""The SOAP login, which Salesforce ends in Summer '27. No I/O here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree  # nosec B405  # what is read with it has no DTD
from xml.sax.saxutils import escape  # nosec B406  # escapes, and reads nothing

from sfframe.errors import AuthenticationError
from sfframe.org.address import host_of, may_take_over
from sfframe.org.answers import Response, shortened
from sfframe.org.auth import Flow, Token, TokenRequest, hide, id_of, instance_of, no_token, strange_instance
from sfframe.org.secret import Secret

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

        login = sfframe.SoapLogin("ada@example.com", "password", "security token")
        org = sfframe.Org("https://login.salesforce.com", login)

    It is off in orgs made since Winter '26, and the user needs the permission "Use Any API Auth".
    """

    username: str
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        hide(self)

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
        password = Secret(self.password + self.security_token)
        body = Secret(_ENVELOPE.format(username=escape(self.username), password=escape(password)))
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login", "Accept": "text/xml"}
        address = f"{url}/services/Soap/u/{_SOAP_VERSION}"
        secrets = (password, self.password, self.security_token)
        answer = yield TokenRequest(address, headers, body.encode(), secrets, refusal_status=500)
        found = _found(url, answer)
        if isinstance(found, AuthenticationError):
            raise found
        return found


def _found(url: str, response: Response) -> Token | AuthenticationError:
    """The token in an answer, or why there is none; the frame that raises has seen nothing of the answer."""
    texts = _texts(response.body)
    session, server = texts.get("sessionId"), texts.get("serverUrl")
    if response.is_success and session and server:
        if texts.get("passwordExpired") == "true":
            return AuthenticationError("the user's password has expired", error_code="PASSWORD_EXPIRED")
        instance = instance_of(server)
        if instance is None:
            return AuthenticationError(f"the answer of {host_of(url)} holds no token")
        if not may_take_over(url, instance):
            return AuthenticationError(strange_instance(url, instance))
        return Token(session, instance, id_of(texts.get("organizationId")), id_of(texts.get("userId")))
    code = texts.get("exceptionCode") or texts.get("faultcode", "").rpartition(":")[2] or None
    message = texts.get("exceptionMessage") or texts.get("faultstring") or "the answer is no SOAP answer"
    code, message = shortened(code) if code else None, shortened(message)
    return no_token(url, code or str(response.status), message, error_code=code)


class _NoDoctype(ElementTree.TreeBuilder):
    """Entities, which could be many times the size of the document, are declared in a DTD; in any encoding."""

    def doctype(self, name: str, public_id: str, system: str) -> None:
        raise ElementTree.ParseError("a DTD")


def _texts(body: bytes) -> dict[str, str]:
    """The text of each element by its local name. A document with a DTD isn't read: SOAP has none."""
    try:
        parser = ElementTree.XMLParser(target=_NoDoctype())  # nosec B314  # it refuses a DTD
        root = ElementTree.fromstring(body, parser)  # nosec B314  # by that parser
    except (ElementTree.ParseError, LookupError, ValueError):
        return {}
    return {element.tag.rpartition("}")[2]: element.text.strip() for element in root.iter() if element.text}
