"""Trust: which authorities may vouch for a host. Connections are always encrypted and always verified."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

Authorities: TypeAlias = Path | ssl.SSLContext

# Those of OpenSSL first, which it reads by itself; then those that requests and curl have made common.
_OPENSSL: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OTHERS: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities(given: str | os.PathLike[str] | ssl.SSLContext | None) -> Authorities | None:
    """What `ca` means, as an absolute path or a context.

    Raises:
        TypeError: It is something else.
    """
    if given is None or isinstance(given, ssl.SSLContext):
        return given
    if isinstance(given, str | os.PathLike):
        return Path(given).expanduser().absolute()
    raise TypeError(f"ca is the path of a PEM file or an ssl.SSLContext, not {type(given).__name__}")


def context_for(ca: Authorities | None) -> ssl.SSLContext:
    """The context for connections: that of the Org, or one with the authorities of the environment.

    Read are `SSL_CERT_FILE` and `SSL_CERT_DIR`, else `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, else the system's.

    Raises:
        ValueError: A file or folder that is named isn't there, or holds no certificate.
    """
    if isinstance(ca, ssl.SSLContext):
        return ca
    if ca is not None:
        return _context("ca", str(ca))
    found = {name: os.environ[name] for name in (*_OPENSSL, *_OTHERS) if os.environ.get(name)}
    return _of_environment(tuple(found.items()))


@functools.lru_cache(maxsize=8)  # reading the system's authorities takes some 20 ms
def _of_environment(found: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    variables: Mapping[str, str] = dict(found)
    if any(name in variables for name in _OPENSSL):
        for name in _OPENSSL:
            if name in variables and not Path(variables[name]).exists():
                raise ValueError(f"{name} names {variables[name]}, which isn't there")
        return _default()
    for name in _OTHERS:
        if name in variables:
            return _context(name, variables[name])
    return _default()


@functools.lru_cache(maxsize=8)
def _context(what: str, path: str) -> ssl.SSLContext:
    try:
        cafile, capath = (None, path) if Path(path).is_dir() else (path, None)
        return _modern(ssl.create_default_context(cafile=cafile, capath=capath))
    except (OSError, ssl.SSLError) as error:
        reason = "isn't there" if isinstance(error, FileNotFoundError) else "holds no certificate that can be read"
        raise ValueError(f"{what} names {path}, which {reason}: it is a file of certificates in PEM form") from error


def _default() -> ssl.SSLContext:
    return _modern(ssl.create_default_context())


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as Salesforce demands (wire notes, 9.4)
    return context
