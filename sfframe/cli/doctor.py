"""`sfframe doctor`: whether a load could be made, and if not, why."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import click

import sfframe
from sfframe.cli import words
from sfframe.cli.call_errors import CALL_FAILED, DONE, EXPECTED, text_of
from sfframe.cli.looking import left_of
from sfframe.cli.orgs import is_address, org_of, org_option
from sfframe.cli.outcome import as_json
from sfframe.cli.taught import Command
from sfframe.org.login import PREFIX, from_env
from sfframe.org.proxy import proxy_for
from sfframe.written import short

State = Literal["ok", "note", "FAIL"]

# Without these nothing can be loaded; the others are told.
_NEEDED: Final = ("DailyApiRequests", "DailyBulkApiBatches")
_TOLD: Final = (*_NEEDED, "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB", "DataStorageMB")
_LIBRARIES: Final = ("polars", "pandas", "pyarrow", "aiohttp", "tqdm", "click")
_TRUSTED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
# Nobody waits minutes for a doctor.
_SOON: Final = sfframe.RetryPolicy(max_tries=2, first_wait_s=0.2, max_wait_s=1.0, max_retry_after_s=5.0)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@click.command(
    "doctor",
    cls=Command,
    examples=[
        ("is everything there that a load needs?", "sfframe doctor"),
        ("with the org that the Salesforce CLI calls prod", "sfframe doctor --org prod"),
        ("for a machine, before a nightly job", "sfframe doctor --json"),
    ],
    epilog="No secret is shown. Exit codes: 0 a load could be made, 2 it couldn't.",
    short_help="Tell which org would be used, why, and whether all is well.",
)
@click.option("--json", "is_json", is_flag=True, help="As a JSON document.")
@org_option
def doctor(is_json: bool, org_name: str | None) -> int:
    """Which org would be used and why, whether a token can be had, the API version, limits left, versions."""
    findings = [*_of_the_org(org_name), *_of_this_machine()]
    is_well = not any(one.state == "FAIL" for one in findings)
    if is_json:
        words.put(as_json({"ok": is_well, "findings": [asdict(one) for one in findings]}))
        return DONE if is_well else CALL_FAILED
    words.put("".join(_lines(findings)))
    words.say("OK  a load could be made" if is_well else "NOT OK  no load could be made: see FAIL above")
    return DONE if is_well else CALL_FAILED


def _lines(findings: list[Finding]) -> Iterator[str]:
    width = max(len(one.what) for one in findings)
    before = ""
    for one in findings:
        what = one.what if one.what != before else ""
        before = one.what
        first, *others = [piece for line in words.harmless(one.text).splitlines() for piece in _wrapped(line, width)]
        yield f"{one.state:<4}  {what:<{width}}  {first}\n"
        for line in others:
            yield f"{'':<{width + 8}}{line}\n"


def _wrapped(line: str, width: int) -> list[str]:
    """A line in pieces that a terminal shows whole; names and addresses aren't broken."""
    further = " " * (len(line) - len(line.lstrip()) + 2) if line.startswith(" ") else ""
    return textwrap.wrap(
        line, 79 - width - 8, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    ) or [""]


# --- the org ----------------------------------------------------------------------------------------------------------


def _of_the_org(name: str | None) -> Iterator[Finding]:
    yield _why(name)
    try:
        org = org_of(name, retry=_SOON)
    except EXPECTED as error:
        yield Finding("org", "FAIL", text_without_doctor(error))
        return
    login = {"url": org.url, "login": type(org.auth).__name__, "user": org.user}
    who = f", as {org.user}" if org.user and not org.url.startswith("cli:") else ""
    yield Finding("org", "ok", f"{org.url}, by {login['login']}{who}", login)
    try:
        sfframe.run(org.transport.log_in())
    except EXPECTED as error:
        yield Finding("token", "FAIL", f"{text_without_doctor(error)}\n{_remedy(error)}")
        return
    ids = {"url": org.url, "org_id": org.org_id, "user_id": org.user_id}
    told = [f"{what} {one}" for what, one in (("org", org.org_id), ("user", org.user_id)) if one]
    yield Finding("token", "ok", "\n".join([f"given by {org.host}", *([", ".join(told)] if told else [])]), ids)
    yield from _answers(org)


def _answers(org: sfframe.Org) -> Iterator[Finding]:
    for what, look in (("API version", _version), ("limits", _limits)):
        try:
            yield from look(org)
        except EXPECTED as error:
            yield Finding(what, "FAIL", text_without_doctor(error))
    if (usage := org.api_usage) is not None:
        text = f"{usage.used:,} of {usage.max:,} API calls of the day are used"
        yield Finding("API usage", "ok", text, {"used": usage.used, "allowed": usage.max})


def _why(name: str | None) -> Finding:
    """Which words decide, by their names; what they say may be a secret."""
    given = sorted(one for one, value in os.environ.items() if one.startswith(PREFIX) and value.strip())
    used: tuple[str, ...] = ()
    if name is None or is_address(name):
        with suppress(*EXPECTED):
            used = from_env(os.environ, url=name).variables
    by_name = "" if name is None else f"--org {short(name, 60)}"
    if name is not None and not is_address(name):
        by_name += ", an alias or user name of the Salesforce CLI"
    facts = {"org": name, "variables_used": list(used), "variables_set": given}
    unused = [one for one in given if one not in used]
    lines = [", ".join(filter(None, [by_name, *used])) or "neither --org nor a complete set of SFFRAME_... variables"]
    if unused:
        lines.append(f"set, and not used: {', '.join(unused)}")
    return Finding("why", "note" if unused else "ok", "\n".join(lines), facts)


def _version(org: sfframe.Org) -> Iterator[Finding]:
    offered = sfframe.run(org.rest.versions())
    facts = {"used": org.api_version, "highest": offered[-1], "lowest": offered[0]}
    if org.api_version not in offered:
        text = f"{org.api_version}, which the org doesn't offer: set SFFRAME_API_VERSION={offered[-1]}"
        yield Finding("API version", "FAIL", text, facts)
        return
    yield Finding("API version", "ok", f"{org.api_version}; the org offers {offered[0]} to {offered[-1]}", facts)


def _limits(org: sfframe.Org) -> Iterator[Finding]:
    found = sfframe.run(org.limits())
    for name in _TOLD:
        if (numbers := left_of(found.get(name))) is None:
            continue
        left, most = numbers
        is_out = left <= 0 and name in _NEEDED
        state: State = "FAIL" if is_out else "note" if most and left < most / 10 else "ok"
        text = f"{left:,} of {most:,} {name} left"
        yield Finding("limits", state, f"{text}; it is counted over 24 hours" if is_out else text,
                      {"name": name, "left": left, "of": most})  # fmt: skip


def text_without_doctor(error: BaseException) -> str:
    """What else there is to do than to ask the doctor."""
    return "\n".join(line for line in text_of(error).splitlines() if "`sfframe doctor`" not in line)


def _remedy(error: BaseException) -> str:
    text = str(error).casefold()
    if isinstance(error, sfframe.ApiError):
        return "Is the address right, and does a proxy stand in the way? See the lines on TLS and proxy below."
    if "salesforce cli" in text:
        return "Log in again: sf org login web --alias ALIAS"
    return "Look at the variables above, and at the app's settings in the org."


# --- this machine -----------------------------------------------------------------------------------------------------


def _of_this_machine() -> Iterator[Finding]:
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (_tls, _proxy, _versions, _extras)
    for look in looks:
        yield from look()


def _tls() -> Iterator[Finding]:
    named = [name for name in _TRUSTED if os.environ.get(name)]
    if not named:
        yield Finding("TLS", "ok", "the system's authorities are trusted")
    for name in named:
        path = os.environ[name]
        there = Path(path).exists()
        text = f"{name} names {path}" + ("" if there else ", which isn't there")
        yield Finding("TLS", "ok" if there else "FAIL", text, {"variable": name, "path": path})


def _proxy() -> Iterator[Finding]:
    named = [name for name in _PROXIES if os.environ.get(name)]
    if not named:
        yield Finding("proxy", "ok", "none is named")
        return
    try:
        proxy = proxy_for("https://login.salesforce.com")
    except ValueError as error:
        yield Finding("proxy", "FAIL", str(error), {"variables": named})
        return
    way = f"requests go through {proxy.address}" if proxy is not None else "requests go directly"
    yield Finding("proxy", "ok", f"{way}, by {', '.join(named)}", {"variables": named})


def _versions() -> Iterator[Finding]:
    found = {"sfframe": sfframe.__version__, "python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in _LIBRARIES}
    lines = [f"{name} {version}" for name, version in found.items()]
    where = f"{platform.system()} {platform.machine()}"
    yield Finding("versions", "ok", f"{', '.join(lines[:2])}, {where}\n{', '.join(lines[2:])}", found)


def _extras() -> Iterator[Finding]:
    """Which extras are there, as the package itself names them."""
    try:
        needs = importlib.metadata.requires("sfframe") or []
    except importlib.metadata.PackageNotFoundError:
        return
    extras: dict[str, list[str]] = {}
    for need in needs:
        found = re.match(r"([\w.-]+).*;.*\bextra\s*==\s*['\"]([\w-]+)['\"]", need)
        if found is not None and found[2] != "dev" and found[1] != "sfframe":
            extras.setdefault(found[2], []).append(found[1])
    missing = {extra: [one for one in names if not _is_there(one)] for extra, names in extras.items()}
    there = [extra for extra, names in missing.items() if not names]
    absent = [extra for extra, names in missing.items() if names]
    text = f"{', '.join(there) or 'none'}" + (f"; not installed: {', '.join(absent)}" if absent else "")
    yield Finding("extras", "ok", text, {"installed": there, "missing": absent})


def _is_there(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
