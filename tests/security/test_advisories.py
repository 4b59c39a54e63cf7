"""`make check` tells holes in dependencies from advisories that couldn't be asked."""

from __future__ import annotations

import json

import pytest

from .advisories import verdict

FINE = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
SKIPPED = {"name": "polars", "skip_reason": "Dependency not found on PyPI and could not be audited"}
HOLE = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
NO_NETWORK = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org'): Max retries exceeded"


@pytest.mark.parametrize(
    ("code", "listed", "err", "expected", "said"),
    [
        (0, [FINE, SKIPPED], "", 0, "no known hole in 1 of 2"),
        (1, [FINE, {**HOLE, "name": "pip"}], "", 0, "no known hole in 1 of 1"),
        (1, [FINE, HOLE], "", 1, "jinja2 2.4.1: PYSEC-2019-217, mended in 2.10.1"),
        (0, [SKIPPED, SKIPPED], "", 0, "COULD NOT BE ASKED"),
        (1, None, NO_NETWORK, 0, "COULD NOT BE ASKED"),
        (1, None, "requests.exceptions.ReadTimeout: timed out", 0, "COULD NOT BE ASKED"),
        (1, None, "ERROR: no such option", 1, "pip-audit failed: ERROR: no such option"),
    ],
)
def test_holes_fail_and_silence_is_told(
    code: int, listed: list[object] | None, err: str, expected: int, said: str
) -> None:
    out = "" if listed is None else json.dumps({"dependencies": listed, "fixes": []})
    ended, text = verdict(code, out, err)
    assert ended == expected
    assert said in text
