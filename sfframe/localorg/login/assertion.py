"""Signed assertions of the JWT bearer flow (wire notes, 2.1). `cryptography` is imported when one is met."""

from __future__ import annotations

import base64
import json


class AssertionInvalidError(Exception):
    """A JWT that this org's key hasn't signed, or none at all."""


def new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def verified_claims(assertion: str, private_key: str) -> dict[str, object]:
    """What a JWT says, once its RS256 signature is found to be the key's.

    Raises:
        AssertionInvalidError: It is no such JWT.
        ImportError: `cryptography` isn't installed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        head, body, signature = assertion.split(".")
        algorithm = json.loads(_unpadded(head)).get("alg")
        claims = json.loads(_unpadded(body))
        signed = _unpadded(signature)
    except (ValueError, AttributeError):
        raise AssertionInvalidError from None
    if algorithm != "RS256" or not isinstance(claims, dict):
        raise AssertionInvalidError
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    try:
        key.public_key().verify(signed, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise AssertionInvalidError from None
    return claims


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
