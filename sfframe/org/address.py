"""An org's address: what people paste, made one form. No I/O."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

# https://acme.lightning.force.com, https://acme--box.sandbox.lightning.force.com: the browser's address of an
# org, which serves no API.
_LIGHTNING: Final = re.compile(r"(?P<name>.+)\.lightning\.force\.(?P<end>com|mil)")
_SETUP: Final = re.compile(r"(?P<name>.+)\.my\.salesforce-setup\.(?P<end>com|mil)")
# Where Salesforce serves APIs: the world, the government cloud, China.
_SALESFORCE: Final = re.compile(
    r".+\.((salesforce|force|cloudforce|database)\.com|(salesforce|force)\.mil|(sfcrmproducts|sfcrmapps)\.cn)"
)
_HOST: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")  # a name in ASCII, IPv4 or IPv6


def normalized(url: str) -> str:
    """Scheme and host (and port) of an org's address, without path or trailing slash.

    A missing scheme is https; a Lightning or Setup address becomes the org's My Domain address.

    Raises:
        ValueError: No host, or one that isn't written in ASCII; blanks or control characters inside; http to a host
            that isn't this machine, where a token would travel in the clear; a user and password inside the address.
    """
    text = url.strip()
    # `urlsplit` takes line breaks and tabs away and goes on with another host than the one that stands there.
    if not text.isprintable() or " " in text:
        raise ValueError("an org's address holds no blanks and no control characters")
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host, port = "", None
    if not _HOST.fullmatch(host) or len(host) > 253 or "\\" in parts.netloc:
        raise ValueError("an org's address looks like https://acme.my.salesforce.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"the address of {host} holds a user or password: those go into the auth value")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        raise ValueError(f"the address of {host} must begin with https:// (http is for this machine alone)")
    for pattern in (_LIGHTNING, _SETUP):
        if found := pattern.fullmatch(host):
            host = f"{found['name']}.my.salesforce.{found['end']}"
    shown = f"[{host}]" if ":" in host else host
    is_default = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{shown}" if is_default else f"{parts.scheme}://{shown}:{port}"


def host_of(url: str) -> str:
    """The host of an address, with the port if it isn't the scheme's own; other text as it is."""
    try:
        return urlsplit(url).netloc or url
    except ValueError:
        return "an address that is none"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_shared_login(url: str) -> bool:
    """Whether an address is a login host for all orgs rather than one org's own."""
    return urlsplit(url).hostname in ("login.salesforce.com", "test.salesforce.com")


def may_take_over(login_url: str, instance_url: str) -> bool:
    """Whether a token that was got at one address may go to another one, which the login's answer named.

    It may go to the same host, from this machine to this machine, and from anywhere to Salesforce's own hosts; from
    https never to http. Both addresses are `normalized`.
    """
    login, instance = urlsplit(login_url), urlsplit(instance_url)
    host = instance.hostname or ""
    if login.scheme == "https" != instance.scheme:
        return False
    if host == login.hostname or is_loopback(host):
        return is_loopback(host) == is_loopback(login.hostname or "")
    return instance.port is None and _SALESFORCE.fullmatch(host) is not None


def is_sandbox(url: str) -> bool:
    """Whether users of this address log in at test.salesforce.com."""
    host = urlsplit(url).hostname or ""
    # Older sandboxes are acme--box.cs12.my.salesforce.com; a double hyphen is never part of an org's name.
    is_marked = re.search(r"\.(sandbox|scratch)\.", host) is not None or "--" in host.split(".")[0]
    return is_marked or host == "test.salesforce.com"
