"""Who the org is over TLS: an authority of its own, and the certificate that it gave. Needs `cryptography`."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

# The names by which it is called: this machine's, and those of real orgs for clients that come through the proxy.
_NAMES = (
    "localhost",
    "*.salesforce.com",
    "*.my.salesforce.com",
    "*.sandbox.my.salesforce.com",
    "*.develop.my.salesforce.com",
    "*.scratch.my.salesforce.com",
)
_ADDRESSES = ("127.0.0.1", "::1")
_LIFE = timedelta(days=3650)
_END = "-----END CERTIFICATE-----\n"


def new_chain() -> str:
    """PEM texts: the org's key, its certificate, and that of the authority, random each time.

    The authority's key is thrown away: whoever trusts it trusts this one certificate and no other, ever.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    parts = (
        key.private_bytes(encoding, form, serialization.NoEncryption()),
        _certificate(key, authority_key, authority).public_bytes(encoding),
        authority.public_bytes(encoding),
    )
    return b"".join(parts).decode()


def authority_of(chain: str) -> str:
    """The authority's certificate, the last one of a chain, as PEM text."""
    return chain.removesuffix(_END).rpartition(_END)[2] + _END


def server_context(chain: str, folder: Path) -> ssl.SSLContext:
    """What a TLS server needs to be the org.

    Args:
        chain: As `new_chain` made it.
        folder: Where it may lie for a moment; Python reads keys from files alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as the org demands (wire notes, 9.4)
    context.set_alpn_protocols(["http/1.1"])
    with tempfile.TemporaryDirectory(dir=folder) as private:
        path = Path(private) / "chain.pem"
        path.write_text(chain, encoding="ascii")
        context.load_cert_chain(path)
    return context


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = _name("sfframe local org, authority")
    usage = x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _draft(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey, authority_key: ec.EllipticCurvePrivateKey, authority: x509.Certificate
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = [
        *map(x509.DNSName, _NAMES),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES),
    ]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _draft(_name("sfframe local org"), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # Strict clients, Python 3.13 among them, want to see whose key has signed.
        .add_extension(signer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    from cryptography import x509

    # The machine's time rather than the org's clock: clients compare with theirs, which may lag by a time zone.
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
