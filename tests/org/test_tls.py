"""Secure connections: whom they trust, and how they end."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sfframe.errors import ApiError
from sfframe.org.auth import AccessToken
from sfframe.org.org import Org
from tests.at_once import AT_ONCE

from .site import Site, reply

LIMITS = "/services/data/v66.0/limits"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine that nobody has signed, with its key, as a PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure_site(certificate: Path) -> Iterator[Site]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Site(tls) as site:
        yield site


async def test_a_host_that_cant_prove_itself_gets_no_token_and_no_second_try(secure_site: Site) -> None:
    async with Org(secure_site.url, AccessToken("t" * 20), retry=AT_ONCE) as org:
        with pytest.raises(ApiError, match="no secure connection to 127"):
            await org.limits()
    assert (secure_site.seen, org.requests_made) == ([], 1)


def test_a_certificate_of_ones_own_can_be_trusted_and_the_process_ends_cleanly(
    secure_site: Site, certificate: Path
) -> None:
    secure_site.on("GET", LIMITS, reply({}))
    code = f"""
        import asyncio, logging
        from sfframe.bridge import run
        from sfframe.org.auth import AccessToken
        from sfframe.org.org import Org
        # How long a callback takes is the machine's affair.
        logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))
        org = Org("{secure_site.url}", AccessToken("t" * 20))
        run(org.limits())
        asyncio.run(org.limits())
        print(org.requests_made)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, "SSL_CERT_FILE": str(certificate)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")
