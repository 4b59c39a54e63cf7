"""The loads at small scale; `make load` tries them as they are meant."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.load import loads


@pytest.fixture(autouse=True)
def without_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_many_jobs_at_once_ask_for_one_token_and_one_describe() -> None:
    assert "30 jobs" in loads.jobs(30)


def test_many_threads_share_an_org() -> None:
    assert "20 threads" in loads.threads(20, 1)


def test_many_small_parts_are_one_call() -> None:
    assert "60 parts" in loads.parts(60)


def test_hours_of_calls_leave_nothing_behind() -> None:
    assert "0.05 hours" in loads.soak(0.05)
