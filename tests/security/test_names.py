"""Hostile names and ids, the caller's or the server's: none leads to another resource than the one that was meant."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe.errors import ApiError
from sfframe.org import names
from sfframe.org.auth import AccessToken
from sfframe.org.login import CliSession
from sfframe.org.org import Org
from sfframe.org.retry import RetryPolicy
from tests.org.site import JOBS, Site, job, reply

DATA = "/services/data/v66.0"
QUERY = f"{DATA}/jobs/query"
ID = "7505e00000Abc12AAB"
HOSTILE = [
    "", ".", "..", "../x", "..\\x", "a/b", "/a", "//evil.example/a", "https://evil.example/a", "a/../../limits",
    "%2e%2e", "..%2f..", "a%2fb", "a?b=c", "a#b", "a;b", "a&b", "a@b", "a:b", "a b", "a\r\nX-Evil: 1", "a\nb", "a\0",
    "a\tb", "\u00e9", "a\u2044b", "\uff0e\uff0e", "a\u202eb", "\ud800", "<b>", "a" * 5000,
]  # fmt: skip


@pytest.fixture
def org(site: Site) -> Org:
    return Org(site.url, AccessToken("t" * 20), retry=RetryPolicy(max_tries=1))


BY_JOB: dict[str, Callable[[Org, Any], Awaitable[object]]] = {
    "get": lambda org, name: org.ingest.get_job(name),
    "put": lambda org, name: org.ingest.put_job_data(name, b"x"),
    "upload": lambda org, name: org.ingest.upload_job_data(name, b"x"),
    "close": lambda org, name: org.ingest.close_job(name),
    "abort": lambda org, name: org.ingest.abort_job(name),
    "delete": lambda org, name: org.ingest.delete_job(name),
    "successful": lambda org, name: org.ingest.successful_results(name),
    "failed": lambda org, name: org.ingest.failed_results(name),
    "unprocessed": lambda org, name: org.ingest.unprocessed_records(name),
    "query": lambda org, name: org.query.get_job(name),
    "query delete": lambda org, name: org.query.delete_job(name),
    "query results": lambda org, name: org.query.results(name),
    "query pages": lambda org, name: org.query.result_pages(name),
}


@pytest.mark.parametrize("call", BY_JOB)
async def test_an_id_of_a_job_that_is_none_is_refused_before_anything_is_sent(site: Site, org: Org, call: str) -> None:
    for hostile in (*HOSTILE, None, 5, b"x"):
        with pytest.raises(ValueError, match="is no id of a job: letters and digits"):
            await BY_JOB[call](org, hostile)
    assert site.seen == []


async def test_a_version_that_is_none_is_refused_before_anything_is_sent(site: Site, org: Org) -> None:
    for hostile in filter(None, HOSTILE):
        with pytest.raises(ValueError, match="is no API version"):
            await org.ingest.get_job(ID, api_version=hostile)
    assert site.seen == []


async def test_a_name_of_an_object_that_is_none_is_refused_before_anything_is_sent(site: Site, org: Org) -> None:
    frame = pl.DataFrame({"Name": ["x"]})
    for hostile in filter(None, HOSTILE):
        with pytest.raises(ValueError, match="no API name of an object"):
            await org.describe(hostile)
        with pytest.raises(ValueError, match="no API name of an object"):
            await org.ingest.create_job(hostile, "insert")
        with pytest.raises(ValueError, match="no API name of an object"):
            await sfframe.ingest_async(frame, hostile, "insert", org=org)
        with pytest.raises(ValueError, match="no API name of a field"):
            await org.ingest.create_job("Contact", "upsert", external_id_field=hostile)
        with pytest.raises(ValueError, match="no API name of a field"):
            await sfframe.ingest_async(frame, "Contact", "upsert", hostile, org=org, describe=False)
    assert site.seen == []


@pytest.mark.parametrize("kind", ["ingest", "query"])
async def test_a_job_whose_id_is_none_is_no_job(site: Site, org: Org, kind: str) -> None:
    path = f"{DATA}/jobs/{kind}"
    for hostile in HOSTILE:
        site.on("POST", path, reply(job(job_id=hostile)))
        site.on("GET", path, reply({"records": [job(job_id=hostile)]}))
        site.on("GET", f"{path}/{ID}", reply(job(job_id=hostile)))
        jobs: Any = getattr(org, kind)
        made = jobs.create_job("Contact", "insert") if kind == "ingest" else jobs.create_job("SELECT Id FROM Contact")
        with pytest.raises(ApiError, match="tells of no job"):
            await made
        with pytest.raises(ApiError, match="tells of no job"):
            await jobs.get_job(ID)
        with pytest.raises(ApiError, match="no list of jobs"):
            _ = [one async for one in jobs.list_jobs()]
    assert set(site.paths()) == {path, f"{path}/{ID}"}


@pytest.mark.parametrize("version", ["nan", "inf", "1e9", "-66", "66.0/..", [66], {"a": 1}, "\u0666\u0666"])
async def test_a_jobs_version_that_is_none_is_used_for_nothing(site: Site, org: Org, version: Any) -> None:
    site.on("GET", f"{JOBS}/{ID}", reply(job("JobComplete", apiVersion=version)))
    found = await org.ingest.get_job(ID)
    assert found.api_version in (None, "66.0")
    await org.aclose()


@pytest.mark.parametrize("where", ["object", "field", "relationship", "reference"])
async def test_a_describe_with_a_name_that_is_none_is_no_describe(site: Site, org: Org, where: str) -> None:
    for hostile in filter(None, HOSTILE):
        field: dict[str, Any] = {"name": "AccountId", "type": "reference", "referenceTo": ["Account"]}
        field["relationshipName"] = "Account"
        answer: dict[str, Any] = {"name": "Contact", "fields": [field]}
        if where == "object":
            answer["name"] = hostile
        else:
            field |= {"field": {"name": hostile}, "relationship": {"relationshipName": hostile}}.get(where, {})
            field["referenceTo"] = [hostile] if where == "reference" else ["Account"]
        site.on("GET", f"{DATA}/sobjects/Contact/describe", reply(answer))
        with pytest.raises(ApiError, match="not an object's describe"):
            await org.describe("Contact")
    await org.aclose()


async def test_the_stamp_of_a_describe_that_is_none_is_not_sent_back(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfframe.org.describe._MAX_AGE_S", -1)
    path, stamp = f"{DATA}/sobjects/Contact/describe", "\u00e9\u00ff" * 3
    site.on("GET", path, reply({"name": "Contact", "fields": [{"name": "Id"}]}, headers={"Last-Modified": stamp}))
    async with org:
        await org.describe("Contact")
        await org.describe("Contact")
    assert "If-Modified-Since" not in site.seen[-1].headers


@given(st.text() | st.from_regex(r"[\w./%?#;\\-]+"))
def test_whatever_passes_as_a_name_or_an_id_is_one_step_of_a_path(text: str) -> None:
    for passes in (names.is_name, names.is_job_id):
        if passes(text):
            assert text.isascii()
            assert re.fullmatch(r"[\w-]+", text)
    if names.is_locator(text):
        assert text.isascii()
        assert text.isprintable()


@pytest.mark.parametrize(
    "alias", ["", "-x", "--json", "a b", "a;b", "a|b", "a&calc", 'a"b', "a\nb", "a\0", "$(x)", "%A%"]
)
def test_an_alias_that_a_shell_or_a_program_could_read_as_more_is_refused(alias: str) -> None:
    with pytest.raises(ValueError, match="neither an alias nor a user name"):
        CliSession(alias)
    with pytest.raises(ValueError, match="neither an alias nor a user name"):
        Org.from_cli(alias)


@pytest.mark.parametrize("alias", ["dev", "ada@example.com", "my-org_2", "ada+test@example.co.uk", "b\u00fcro"])
def test_an_alias_and_a_user_name_are_taken(alias: str) -> None:
    assert CliSession(alias).alias == alias
