"""The proxy of a request: that of the Org, else the one that the environment names. No I/O."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from sfframe.org.address import is_loopback
from sfframe.org.secret import Secret

_EXPECTED: Final = "a proxy looks like http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128"


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where requests go through.

    Attributes:
        address: Scheme, host and port.
        headers: What the proxy is told, and the org isn't: its credentials.
    """

    address: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def named(cls, text: Secret) -> Proxy:
        """Read an address, whose user and password may be percent-encoded; without a scheme it is http.

        Raises:
            ValueError: It is no address of an HTTP proxy; the text isn't shown, it may hold a password.
        """
        proxy, wrong = _read(text)
        if proxy is None:
            raise ValueError(wrong)
        return proxy


def proxy_for(url: str, given: Proxy | None = None) -> Proxy | None:
    """The proxy for a request to an address.

    Requests without TLS stay on this machine and never meet a proxy, which would read their token. All others go
    through the Org's own, if it has one; else through that of `https_proxy` or `all_proxy` (or in capitals), but not
    to the hosts in `no_proxy`, nor to this machine.

    aiohttp's `trust_env` would read the environment too, and send what it finds in ~/.netrc besides.

    Raises:
        ValueError: The environment names none that can be used.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return None
    if given is not None:
        return given
    found = {} if is_loopback(host) else getproxies()
    name = "https" if found.get("https") else "all"
    text = Secret(found.get(name) or "")
    del found
    if not text or proxy_bypass(host):
        return None
    proxy, wrong = _read(text)
    if proxy is None:
        raise ValueError(f"what {name.upper()}_PROXY names can't be used: {wrong}")
    return proxy


def _read(text: Secret) -> tuple[Proxy | None, str]:
    """The proxy, or else what is wrong about it: no frame with a piece of the text in it raises."""
    if not text.isprintable() or " " in text:
        return None, _EXPECTED
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None, _EXPECTED
    if parts.scheme not in ("http", "https"):
        return None, f"proxies are spoken to by HTTP, not by {parts.scheme}; {_EXPECTED}"
    if not host:
        return None, _EXPECTED
    port = port or (443 if parts.scheme == "https" else 80)
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if parts.username is None:
        return Proxy(address), ""
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    told = Secret(f"Basic {base64.b64encode(credentials.encode()).decode()}")
    return Proxy(address, {"Proxy-Authorization": told}), ""
