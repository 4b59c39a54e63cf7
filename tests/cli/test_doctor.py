"""`sfframe doctor` tells which org, why, and what stands in the way of a load."""

from __future__ import annotations

from typing import Any

import pytest

import sfframe

from .conftest import Run


def of(findings: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [one for one in findings if one["what"] == what]


def test_it_tells_all_that_a_load_needs(run: Run, local: sfframe.LocalOrg) -> None:
    ran = run("doctor", "--json")
    found = ran.json["findings"]
    assert (ran.code, ran.json["ok"]) == (0, True)
    assert of(found, "why")[0]["facts"]["variables_used"] == [
        "SFFRAME_CLIENT_ID", "SFFRAME_CLIENT_SECRET", "SFFRAME_URL",
    ]  # fmt: skip
    assert of(found, "org")[0]["facts"]["url"] == local.url
    assert of(found, "token")[0]["facts"]["org_id"].startswith("00D")
    assert of(found, "API version")[0]["facts"] == {"used": "66.0", "highest": "67.0", "lowest": "31.0"}
    assert {one["facts"]["name"] for one in of(found, "limits")} >= {"DailyApiRequests", "DailyBulkApiBatches"}
    assert of(found, "versions")[0]["facts"]["sfframe"] == sfframe.__version__
    assert of(found, "API usage")[0]["facts"]["used"] > 0
    assert {one["state"] for one in found} <= {"ok", "note"}


def test_a_person_reads_a_line_for_each_and_the_verdict_last(run: Run) -> None:
    ran = run("doctor")
    assert "ok    token" in ran.out
    assert ran.err == "OK  a load could be made\n"
    assert max(map(len, ran.out.splitlines())) <= 80


def test_variables_that_are_set_and_not_used_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFFRAME_PASSWORD", "x")
    assert "set, and not used: SFFRAME_PASSWORD" in run("doctor").out


def test_a_wrong_secret_is_found_and_the_remedy_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFFRAME_CLIENT_SECRET", "wrong")
    ran = run("doctor")
    assert ran.code == 2
    assert "FAIL  token" in ran.out
    assert "Look at client id and client secret" in ran.out
    assert ran.err.startswith("NOT OK")


def test_an_address_where_nobody_answers_is_told_soon(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFFRAME_URL", "http://127.0.0.1:9")
    ran = run("doctor")
    assert (ran.code, "FAIL  token" in ran.out, "Is the address right" in ran.out) == (2, True, True)


def test_without_an_org_the_ways_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SFFRAME_CLIENT_SECRET")
    ran = run("doctor")
    assert (ran.code, "missing SFFRAME_CLIENT_SECRET" in ran.out) == (2, True)
    assert "neither --org nor a complete set" in ran.out
    assert "`sfframe doctor`" not in ran.out


def test_where_no_variable_is_set_nothing_of_python_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"SFFRAME_{name}")
    for told in (run("doctor").out, run("limits").err):
        assert "no SFFRAME_... variable names an org" in told
        assert "sfframe.Org" not in told


def test_a_line_that_is_continued_stands_further_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SFFRAME_CLIENT_SECRET")
    lines = run("doctor").out.splitlines()
    at = next(n for n, line in enumerate(lines) if "  export SFFRAME_URL=" in line)
    begin, go_on = (len(line) - len(line.lstrip()) for line in lines[at : at + 2])
    assert go_on > begin


def test_a_version_that_the_org_lacks_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFFRAME_API_VERSION", "99.0")
    ran = run("doctor", "--json")
    (found,) = of(ran.json["findings"], "API version")
    assert (ran.code, found["state"]) == (2, "FAIL")
    assert "set SFFRAME_API_VERSION=67.0" in found["text"]


def test_a_certificate_file_that_is_not_there_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    ran = run("doctor")
    assert (ran.code, "SSL_CERT_FILE names /nowhere.pem, which isn't there" in ran.out) == (2, True)


def test_a_proxy_in_effect_is_named_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def told() -> str:
        return str(of(run("doctor", "--json").json["findings"], "proxy")[0]["text"])

    assert told() == "none is named"
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:pass-4711@proxy.example.com:3128")
    assert told() == "requests go through http://proxy.example.com:3128, by HTTPS_PROXY"
    monkeypatch.setenv("NO_PROXY", "salesforce.com")
    assert told() == "requests go directly, by HTTPS_PROXY, NO_PROXY"
