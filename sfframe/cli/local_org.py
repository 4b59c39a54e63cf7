"""`sfframe local-org`: the local org as a process of its own, for any client (api, 8)."""

from __future__ import annotations

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

import click

from sfframe import LocalOrg
from sfframe.cli.call_errors import CallError
from sfframe.cli.taught import Command

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


@click.command(
    "local-org",
    cls=Command,
    examples=[
        ("any free port, in memory; it prints what a shell and other clients need", "sfframe local-org"),
        ("a database that is kept, at a port of your own", "sfframe local-org --port 8123 --db dev.db"),
        ("with an object of your own org, from its describe answer",
         "sfframe local-org --objects invoice.json --json"),
    ],
    short_help="Serve an org on this machine to any client, until Ctrl-C.",
)  # fmt: skip
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="N",
    help="Where to listen; without it, any free port.",
)
@click.option(
    "--db",
    "database",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="A database file, made if there is none; without it, in memory.",
)
@click.option(
    "--objects",
    multiple=True,
    type=click.Path(dir_okay=False),
    metavar="FILE...",
    help="Describe answers (JSON) to be added.",
)
@click.option("--seed", type=int, default=0, metavar="N", help="Orders the rows of results.")
@click.option("--json", "as_json", is_flag=True, help="Say where it is and how to log in as one line of JSON.")
@click.argument("more_objects", nargs=-1, type=click.Path(dir_okay=False), metavar="")
def local_org(
    *,
    port: int,
    database: str | None,
    objects: tuple[str, ...],
    seed: int,
    as_json: bool,
    more_objects: tuple[str, ...],
) -> int:
    """An org on this machine, for any client: a Salesforce of your own, on loopback alone."""
    # There is no word for another host. A pattern after --objects becomes several words.
    if more_objects and not objects:
        raise click.UsageError(
            f"what is {more_objects[0]!r} for? A database is named by --db, describe files by --objects"
        )
    wait = _signalled()
    local = LocalOrg(database, objects=[*objects, *more_objects], seed=seed, port=port)
    try:
        _ = local.server
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise CallError(_reason(error, port)) from error
    with local, ExitStack() as temporary:
        facts = _facts(local, database)
        if not as_json:
            # Nobody waits for the certificate, which takes a moment.
            _say(_welcome(facts))
        facts["certificate"] = _certificate(local, database, temporary)
        _say(json.dumps(facts) if as_json else _others(facts))
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
