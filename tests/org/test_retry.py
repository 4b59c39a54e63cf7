"""When to try again: arithmetic, and what an answer says about it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.org.answers import ApiUsage, Response, api_usage, is_concurrency_limit, passes, retry_after_s
from sfframe.org.retry import RetryPolicy


@given(tries=st.integers(1, 10_000))
def test_waits_double_up_to_a_ceiling_and_vary(tries: int) -> None:
    policy = RetryPolicy(first_wait_s=0.5, max_wait_s=30)
    ceiling = min(30, 0.5 * 2 ** min(tries - 1, 30))
    assert ceiling / 2 <= policy.wait_s(tries) <= ceiling


@given(asked=st.floats(0, 1e9))
def test_the_orgs_wish_counts_within_bounds(asked: float) -> None:
    policy = RetryPolicy(max_retry_after_s=300)
    assert policy.wait_s(3, retry_after_s=asked) == min(asked, 300)


def test_waits_of_zero_stay_zero() -> None:
    none = RetryPolicy(first_wait_s=0, max_wait_s=0)
    assert [policy.wait_s(9) for policy in (none, none.patient(), none.slow())] == [0, 0, 0]


def test_patience_is_some_minutes_and_slowness_longer_waits() -> None:
    patient = RetryPolicy().patient()
    assert 60 < sum(patient.wait_s(tries) for tries in range(1, patient.max_tries)) < 600
    assert RetryPolicy().slow().wait_s(1) >= 2


NOW = datetime(2026, 7, 1, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Wed, 01 Jul 2026 10:00:30 GMT", 30),
        ("Wed, 01 Jul 2026 10:00:30 -0000", 30),
        ("Wed, 01 Jul 2026 09:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_a_wish_is_read_as_seconds_or_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(Response(429, {"retry-after": header}), now=NOW) == seconds


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=18/15000", ApiUsage(18, 15000)),
        ("per-app-api-usage=17/250(appName=x); api-usage=123/15000", ApiUsage(123, 15000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
        (None, None),
    ],
)
def test_the_usage_is_read_from_its_header(header: str | None, usage: ApiUsage | None) -> None:
    assert api_usage(header) == usage


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 410, 414, 415, 431])
def test_plain_answers_dont_pass(status: int) -> None:
    assert not passes(Response(status, {}, b'[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests"}]'))


@pytest.mark.parametrize("status", [200, 400, 503])
def test_the_concurrency_limit_is_a_403(status: int) -> None:
    body = b'[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests Limit exceeded."}]'
    assert not is_concurrency_limit(Response(status, {}, body))
    assert is_concurrency_limit(Response(403, {}, body))
