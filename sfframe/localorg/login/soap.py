"""The SOAP login's envelopes, in and out (wire notes, 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree  # nosec B405  # what is read with it has no DTD
from xml.sax.saxutils import escape  # nosec B406  # escapes, and reads nothing

_PARTNER = "urn:partner.soap.sforce.com"
_LAST_VERSION = 64.0
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
)
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


class FaultError(Exception):
    """A login is refused."""

    def __init__(self, code: str, message: str, *, faultcode: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.faultcode = code, message, faultcode or code

    @property
    def envelope(self) -> str:
        short = escape(self.message.removeprefix(f"{self.code}: "))
        return (
            f'{_HEAD} xmlns:sf="urn:fault.partner.soap.sforce.com" {_XSI}><soapenv:Body><soapenv:Fault>'
            f"<faultcode>{self.faultcode}</faultcode><faultstring>{escape(self.message)}</faultstring>"
            f'<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{self.code}</sf:exceptionCode>'
            f"<sf:exceptionMessage>{short}</sf:exceptionMessage></sf:LoginFault></detail>"
            "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What a login gives."""

    url: str
    token: str
    org_id: str
    user_id: str
    username: str
    seconds: int

    @property
    def envelope(self) -> str:
        return (
            f'{_HEAD} xmlns="{_PARTNER}" {_XSI}><soapenv:Body><loginResponse><result>'
            f"<metadataServerUrl>{self.url}</metadataServerUrl><passwordExpired>false</passwordExpired>"
            f"<sandbox>false</sandbox><serverUrl>{self.url}</serverUrl><sessionId>{self.token}</sessionId>"
            f"<userId>{self.user_id}</userId><userInfo><organizationId>{self.org_id}</organizationId>"
            f"<sessionSecondsValid>{self.seconds}</sessionSecondsValid><userId>{self.user_id}</userId>"
            f"<userName>{escape(self.username)}</userName></userInfo>"
            "</result></loginResponse></soapenv:Body></soapenv:Envelope>"
        )


def read_login(version: str, envelope: bytes) -> tuple[str | None, str | None]:
    """Username and password of a login call.

    Raises:
        FaultError: It is none, or its version has no login any more.
    """
    if float(version) > _LAST_VERSION:
        raise FaultError("UNSUPPORTED_API_VERSION", f"login() is not supported in API version {version}")
    try:
        parser = ElementTree.XMLParser(target=_NoDoctype())  # nosec B314  # it refuses a DTD
        login = ElementTree.fromstring(envelope, parser).find(f".//{{{_PARTNER}}}login")  # nosec B314  # likewise
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise FaultError("XML_PARSER_ERROR", str(error), faultcode="soapenv:Client") from None
    if login is None:
        raise FaultError("INVALID_OPERATION", "localorg speaks login() alone", faultcode="soapenv:Client")
    return login.findtext(f"{{{_PARTNER}}}username"), login.findtext(f"{{{_PARTNER}}}password")


class _NoDoctype(ElementTree.TreeBuilder):
    """SOAP knows no document types; with them, entities would come that are read from files or grow without end."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a document type is not allowed in a SOAP message")
