"""Bytes that look like requests: heads, lengths and bodies that don't fit, logins that are none."""

from __future__ import annotations

from urllib.parse import quote

from tests.localorg.fuzz.inputs import Input, encoded, request
from tests.localorg.fuzz.rest import json_request
from tests.localorg.fuzz.words import Dice, mutated_bytes, mutated_text, odd

_VERSIONS = ("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "http/1.1", "")


def wire(random: Dice) -> Input:
    inner = json_request(random) if random.random() < 0.6 else _token(random)
    path = inner.path if random.random() < 0.8 else mutated_text(random, inner.path)
    lines = [f"{inner.method} {path} {random.choice(_VERSIONS)}"]
    lines += [f"Host: {random.choice(('127.0.0.1', 'localhost', '', odd(random)))}", "Authorization: Bearer {token}"]
    lines += [f"{name}: {text}" for name, text in inner.headers]
    body = inner.body
    length: object = len(body)
    if random.random() < 0.15:
        lines.append(f"Transfer-Encoding: {random.choice(('chunked', 'chunked', 'gzip, chunked', odd(random)))}")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        length = None if random.random() < 0.9 else length
    elif random.random() < 0.1:
        length = random.choice((len(body) + 1, len(body) - 1, -1, 10**30, "x", "", "1e2", 0))
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if random.random() < 0.1:
        lines.insert(
            random.randrange(1, len(lines) + 1),
            random.choice(
                (
                    "Expect: 100-continue",
                    "Connection: close",
                    "Upgrade: h2c",
                    "X: " + "a" * 17_000,
                    odd(random),
                    f"{odd(random)}: {odd(random)}",
                    "Cookie: a=b",
                    *(["X: y"] * 3),
                )
            ),
        )
    data = encoded("\r\n".join(lines) + "\r\n\r\n") + body
    if random.random() < 0.3:
        data = mutated_bytes(random, data)
    return Input("wire", inner.method, body=data * random.choice((1, 1, 1, 1, 3)))


def _token(random: Dice) -> Input:
    if random.random() < 0.4:
        envelope = random.choice(
            (
                '<e xmlns:p="urn:partner.soap.sforce.com"><p:login><p:username>x</p:username></p:login></e>',
                '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
                "<a/>",
            )
        )
        text = mutated_text(random, envelope) if random.random() < 0.7 else envelope
        return request(
            "POST",
            f"/services/Soap/u/{random.choice(('60.0', '31.0', '99.0', odd(random)))}",
            {"Content-Type": "text/xml"},
            text,
        )
    grant = random.choice(
        ("password", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer", odd(random))
    )
    form = f"grant_type={quote(encoded(grant))}&client_id={odd(random)}&client_secret=x&assertion={odd(random)}.e30.x"
    text = mutated_text(random, form) if random.random() < 0.5 else form
    path = random.choice(
        ("/services/oauth2/token", "/services/oauth2/token", "/services/oauth2/revoke", "/services/oauth2/userinfo")
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | (
        {"Authorization": "Basic " + odd(random)} if random.random() < 0.2 else {}
    )
    return request("POST", path, headers, text)
