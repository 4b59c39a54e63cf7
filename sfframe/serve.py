"""`sfframe local-org`: the local org as a process of its own, for any client (api, 8)."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from sfframe.local import LocalOrg

# What ends it in good order: Ctrl-C, `kill`, and a terminal that is closed.
_ENDINGS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
# By which requests, OpenSSL and Node are told whom to trust.
_TRUSTING: Final = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_WELCOME: Final = """\
sfframe local-org is ready, for clients on this machine. Ctrl-C ends it.

    address         {url}
    database        {kept}
    client id       {client_id}
    client secret   {client_secret}
    username        {username}
    password        {password}
    security token  {security_token}
    access token    {access_token}

In a browser the address shows what is in it; user name and password are the client id and the client secret.

sfframe finds it in a shell that knows this line:

{line}
"""
_OTHERS: Final = """\
Other clients speak https, at the same port. In a shell of their own that knows this line they trust it:

{trust}

They take the access token, which ends after two hours without use. simple-salesforce, jsforce, and the command sf (on
machines without a desktop, SF_USE_GENERIC_UNIX_KEYCHAIN=true goes before it):

Salesforce(instance_url="{https}", session_id="{access_token}")

new Connection({{ instanceUrl: "{url}", accessToken: "{access_token}" }})

SF_ACCESS_TOKEN={quoted_token} sf org login access-token --instance-url {url} --no-prompt --alias local

What knows addresses of salesforce.com alone, as aiosalesforce and logins by username, password and security token do,
runs unchanged with one more line (and with any address like https://acme.my.salesforce.com):

{proxy}"""
_NO_TLS: Final = (
    "Other clients speak https, for which this org needs the package cryptography: pip install 'sfframe[local]'"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes. It listens on loopback alone, so there is no word for another host."""
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="where to listen; without it, any free port")
    parser.add_argument("--db", metavar="FILE", help="a database file, made if there is none; without it, in memory")
    parser.add_argument(
        "--objects", nargs="+", action="extend", default=[], metavar="FILE", help="describe answers (JSON) to be added"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="orders the rows of results")
    parser.add_argument("--json", action="store_true", help="say where it is and how to log in as one line of JSON")


def serve(options: argparse.Namespace) -> int:
    """Run a local org until a signal ends it.

    Args:
        options: What `add_arguments` takes.

    Returns:
        The exit code: 0, or 2 where it couldn't start.
    """
    wait = _signalled()
    local = LocalOrg(options.db, objects=options.objects, seed=options.seed, port=options.port)
    try:
        _ = local.server
    except (OSError, ValueError, ModuleNotFoundError) as error:
        sys.stderr.write(f"sfframe local-org: {_reason(error, options.port)}\n")
        return 2
    with local, ExitStack() as temporary:
        facts = _facts(local, options.db)
        if not options.json:
            # Nobody waits for the certificate, which takes a moment.
            _say(_welcome(facts))
        facts["certificate"] = _certificate(local, options.db, temporary)
        _say(json.dumps(facts) if options.json else _others(facts))
        wait()
    return 0


def _signalled() -> Callable[[], object]:
    """From now on a signal ends nothing by itself, it is waited for."""
    ended = threading.Event()
    for name in _ENDINGS:
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, lambda *_: ended.set())
    return ended.wait


def _facts(local: LocalOrg, database: str | None) -> dict[str, Any]:
    """All that a client may need, by name."""
    return {
        "url": local.url,
        "database": None if database is None else os.path.realpath(database),
        "client_id": local.client_id,
        "client_secret": local.client_secret,
        "username": local.username,
        "password": local.password,
        "security_token": local.security_token,
        "access_token": local.server.new_access_token(),
    }


def _certificate(local: LocalOrg, database: str | None, temporary: ExitStack) -> str | None:
    """A file with the certificate to trust: beside the database, or one that goes at the end; None: there is no TLS."""
    try:
        text: str = local.certificate
    except ImportError:
        return None
    if database is None:
        path = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="local-org-"))) / "local-org.pem"
    else:
        path = Path(f"{os.path.realpath(database)}.pem")
    path.write_text(text, "ascii")
    return str(path)


def _welcome(facts: dict[str, Any]) -> str:
    variables = {"URL": facts["url"], "CLIENT_ID": facts["client_id"], "CLIENT_SECRET": facts["client_secret"]}
    line = _export({f"SFFRAME_{name}": value for name, value in variables.items()})
    return _WELCOME.format(kept=facts["database"] or "in memory, gone at the end", line=line, **facts)


def _others(facts: dict[str, Any]) -> str:
    if facts["certificate"] is None:
        return _NO_TLS
    return _OTHERS.format(
        trust=_export(dict.fromkeys(_TRUSTING, facts["certificate"])),
        https=facts["url"].replace("http://", "https://"),
        quoted_token=shlex.quote(facts["access_token"]),
        # Without the second a client would ask the org to be its own proxy, which it isn't.
        proxy=_export({"HTTPS_PROXY": facts["url"], "NO_PROXY": "127.0.0.1,localhost"}),
        **facts,
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _export(variables: dict[str, str]) -> str:
    return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())


def _reason(error: Exception, port: int) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is taken; name another one by --port, or none to get a free one"
    return str(error)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, which is a number up to 65535")
    return int(text)
