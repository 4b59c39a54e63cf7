"""Lost answers: why none came, in words and causes that may be shown. No I/O."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_reqrep import ConnectionKey

from sfframe.org.body import BadBodyError

# What a foreign error may be made of that is shown.
_PLAIN: Final = (str, int, type(None), OSError, ConnectionKey)


class LostError(Exception):
    """No answer came, or not the whole of it. The foreign error is the cause, as far as it may be shown.

    Attributes:
        was_sent: The request may have reached the org.
        may_pass: The same request may do better later.
    """

    def __init__(self, reason: str, *, was_sent: bool = True, may_pass: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_sent = was_sent
        self.may_pass = may_pass


def lost(error: BaseException, url: str) -> LostError:
    """Why no whole answer came from an address, in words that quote neither the request nor the answer."""
    found = _reason(error, urlsplit(url).netloc)
    found.__cause__ = _showable(error)
    return found


def _reason(error: BaseException, host: str) -> LostError:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return LostError(f"no secure connection to {host}: {_distrust(error)}", was_sent=False, may_pass=False)
        case aiohttp.ClientConnectorError():
            return LostError(f"{_way_to(host, error)} can't be reached: {error.os_error}", was_sent=False)
        case aiohttp.ConnectionTimeoutError():
            return LostError(f"{host} can't be reached: {error}", was_sent=False)
        case aiohttp.ClientHttpProxyError():
            may_pass = error.status >= 500
            reason = f"the proxy doesn't let requests to {host} through: {error.status} {_phrase(error.status)}"
            return LostError(reason.rstrip(), was_sent=False, may_pass=may_pass)
        case TimeoutError():
            return LostError(f"{host} fell silent")
        case aiohttp.ClientPayloadError():
            return LostError(f"the answer of {host} broke off")
        case BadBodyError():
            return LostError(f"the answer of {host} {error}", may_pass=error.may_pass)
        case aiohttp.ClientResponseError():  # whose text quotes address and answer
            return LostError(f"the answer of {host} is no HTTP that can be read")
        case aiohttp.ServerDisconnectedError():  # whose text may be the head of an answer
            return LostError(f"the connection to {host} broke: the server closed it")
        case _:
            return LostError(f"the connection to {host} broke: {error}")


def _distrust(error: BaseException) -> str:
    """Why a host isn't trusted, in OpenSSL's words."""
    reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if not isinstance(reason, ssl.SSLCertVerificationError):
        return str(reason)
    hint = ""
    if "issuer" in reason.verify_message or "self-signed" in reason.verify_message:
        hint = ". Is it vouched for by an authority of your own? Name its certificate: Org(..., ca=), or SSL_CERT_FILE"
    return f"{reason.verify_message}{hint}"


def _way_to(host: str, error: aiohttp.ClientConnectorError) -> str:
    place = f"{error.host}:{error.port}"
    return f"{host} by way of the proxy {place}" if isinstance(error, aiohttp.ClientProxyConnectionError) else host


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def _showable(error: BaseException) -> BaseException | None:
    """A foreign error as it may be handed on: without the frames it went through, whose variables are foreign too."""
    # Errors made of a response hold the request, its headers included; those of a body may quote it.
    is_of_response = isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError)
    if is_of_response or not all(isinstance(one, _PLAIN) for one in error.args):
        return None
    plain = error.with_traceback(None)
    cause = plain.__cause__ or plain.__context__
    plain.__cause__ = plain.__context__ = None
    if cause is not None:
        plain.__cause__ = _showable(cause)
    return plain
