"""Hostile answers that name addresses: of the instance, of next pages, of results. The token stays where it belongs."""

from __future__ import annotations

import json
import posixpath
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.address import may_take_over, normalized
from sfframe.org.answers import Response, path_of
from sfframe.org.auth import AccessToken, RefreshToken, Token
from sfframe.org.login import CliSession
from sfframe.org.org import Org
from sfframe.org.retry import RetryPolicy
from sfframe.org.soap import SoapLogin
from tests.org.site import JOBS, Site, job, reply

DATA = "/services/data/v66.0"
JOB_ID = "7505e00000Abc12AAB"
QUERY_JOB = f"{DATA}/jobs/query/{JOB_ID}"
LED_AWAY = r"address what is none|no request to"
ACME, LOGIN, HERE = "https://acme.my.salesforce.com", "https://login.salesforce.com", "http://127.0.0.1:8123"

# Where a token goes that was got at one address, if the answer says that it is for another one.


@pytest.mark.parametrize(
    ("login", "named", "used"),
    [
        (LOGIN, ACME, ACME),
        (LOGIN, "https://acme.my.salesforce.com/", ACME),
        (LOGIN, "https://ACME.my.salesforce.com:443/services?x#y", ACME),
        (LOGIN, "https://na123.salesforce.com", "https://na123.salesforce.com"),
        (LOGIN, "https://acme.lightning.force.com", ACME),
        ("https://login.acme.example", ACME, ACME),  # an Experience Cloud site under a name of the customer's own
        ("https://agency.my.salesforce.mil", "https://x.salesforce.mil", "https://x.salesforce.mil"),
        ("https://x.my.sfcrmproducts.cn", "https://y.sfcrmproducts.cn", "https://y.sfcrmproducts.cn"),
        ("https://mock.example:8443", "https://mock.example", "https://mock.example"),
        ("https://mock.example", "https://mock.example:8443", "https://mock.example:8443"),
        (HERE, "http://localhost:9", "http://localhost:9"),
        (HERE, ACME, ACME),
        (ACME, None, ACME),
        (ACME, "", ACME),
    ],
)
def test_a_token_goes_to_its_own_host_or_to_salesforce(login: str, named: str | None, used: str) -> None:
    assert oauth(login, named).instance_url == used


@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example",
        "https://evil.example/acme.my.salesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "https://evilsalesforce.com",
        "https://salesforce.com",  # no host of an org
        "https://127.0.0.1",
        "https://localhost",
        "https://169.254.169.254",
        "https://[::1]",
    ],
)
def test_a_token_goes_to_no_other_host(named: str) -> None:
    for login in (LOGIN, ACME):
        with pytest.raises(AuthenticationError, match="neither that host nor one of Salesforce's"):
            oauth(login, named)
    with pytest.warns(FutureWarning), pytest.raises(AuthenticationError, match="neither that host"):
        soap(ACME, named)


@pytest.mark.parametrize(
    "named",
    [
        "http://acme.my.salesforce.com",
        "http://evil.example",
        "ftp://acme.my.salesforce.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:pw@acme.my.salesforce.com",
        "https://acme.my.salesforce.com@evil.example",
        "https://acme.my.sales\r\nforce.com",
        "https://acme.my.salesforce.com\r\nX-Evil: 1",
        "https://acme.my.salesforce.com\0.evil.example",
        "https://evil.example\\.salesforce.com",
        "https://evil.example%2f.salesforce.com",
        "https://evil.example\uff0f.salesforce.com",
        "https://evil。salesforce.com",
        "https://acme.my.salesforce.com:port",
        "https://[",
        "https://",
        17,
        ["https://acme.my.salesforce.com"],
        {"url": ACME},
    ],
)
def test_what_is_no_address_of_an_org_is_no_answer(named: Any) -> None:
    for login in (LOGIN, ACME):
        with pytest.raises(AuthenticationError, match="holds no token"):
            oauth(login, named)


def test_at_salesforce_a_token_goes_to_the_usual_port_alone() -> None:
    with pytest.raises(AuthenticationError, match="neither that host"):
        oauth(LOGIN, "https://acme.my.salesforce.com:8443")


def test_a_login_by_https_never_goes_on_without_it_on_this_machine_either() -> None:
    with pytest.raises(AuthenticationError, match="neither that host"):
        oauth(ACME, "http://127.0.0.1:8123")
    with pytest.raises(AuthenticationError, match="neither that host"):
        oauth("https://127.0.0.1:8123", "http://127.0.0.1:8123")


def test_the_cli_is_believed_as_a_program_of_the_user_but_for_http() -> None:
    for named in ("http://evil.example", "https://u:p@acme.my.salesforce.com", "//x", "https://a\r\nb.salesforce.com"):
        flow = CliSession("dev").flow("cli:dev")
        next(flow)
        shown = {"status": 0, "result": {"accessToken": "00D!x", "instanceUrl": named}}
        with pytest.raises(AuthenticationError, match="no usable address"):
            flow.send(Response(0, {}, json.dumps(shown).encode()))


HOSTS = st.sampled_from(
    [ACME, LOGIN, HERE, "https://evil.example", "https://127.0.0.1", "http://[::1]", "https://a.force.com:1"]
)


@given(login=HOSTS, named=st.text() | st.builds("{}{}".format, HOSTS, st.text(max_size=8)))
def test_whatever_is_named_a_token_is_for_a_host_that_may_have_it(login: str, named: str) -> None:
    try:
        token = oauth(login, named)
    except AuthenticationError:
        return
    assert normalized(token.instance_url) == token.instance_url
    assert may_take_over(login, token.instance_url)
    assert not (login.startswith("https") and token.instance_url.startswith("http:"))


def oauth(login: str, named: Any) -> Token:
    """The token that a login makes of an answer that names an instance."""
    flow = RefreshToken("app", "r").flow(login)
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {}, json.dumps({"access_token": "t", "instance_url": named}).encode()))
    token: Token = end.value.value
    return token


def soap(login: str, named: str) -> None:
    flow = SoapLogin("ada", "secret").flow(login)
    next(flow)
    body = f"<r><sessionId>s</sessionId><serverUrl>{named}/services/Soap/u/64.0</serverUrl></r>"
    flow.send(Response(200, {}, body.encode()))


# Where the next page is, and the results, if the answer says so.


def foreign(evil: Site) -> list[Any]:
    """Addresses that lead elsewhere: other hosts, other resources of the same one, and none at all."""
    other = evil.url.removeprefix("http://")
    return [
        f"{evil.url}{DATA}/query/x", f"https://{other}{DATA}/query/x", f"//{other}{DATA}/query/x",
        f"http:{DATA}/query/x", f"http:/{other}{DATA}", f"@{other}{DATA}/x", f"x@{other}", f"\\\\{other}{DATA}/x",
        f"/\\{other}{DATA}/x", f"{DATA}/../../../services/oauth2/revoke", f"{DATA}/%2e%2e/%2E./x", f"{DATA}/..%2fx",
        f"{DATA}/.", f"{DATA}//x", f"{DATA}/..\\x", f"{DATA}/..%5cx", "/services/oauth2/token", "/", "", "?q", "#f",
        f"{DATA}/x#f", f"{DATA}/query/x\r\nX-Evil: 1", f"{DATA}/query/x y", f"{DATA}/query/\0", f"{DATA}/query/\u00e9",
        "file:///etc/passwd", "http://[", "services", 5, ["x"], {"a": 1}, True,
    ]  # fmt: skip


@pytest.fixture
def org(site: Site) -> Org:
    return Org(site.url, AccessToken("t" * 20), retry=RetryPolicy(max_tries=1))


async def test_no_list_of_jobs_leads_elsewhere(site: Site, evil: Site, org: Org) -> None:
    async with org:
        for place in filter(None, foreign(evil)):  # nothing is the end of the list
            site.on("GET", JOBS, reply({"records": [job()], "nextRecordsUrl": place}))
            with pytest.raises(ApiError, match=LED_AWAY):
                _ = [one async for one in org.ingest.list_jobs()]
    assert set(site.paths()) == {JOBS}


@pytest.mark.parametrize("name", ["resultUrl", "nextRecordsUrl"])
async def test_no_list_of_result_pages_leads_elsewhere(site: Site, evil: Site, org: Org, name: str) -> None:
    async def follow() -> None:
        urls, following = await org.query.result_pages(JOB_ID)
        await (org.query.result_pages(JOB_ID, url=following) if following else org.query.results_at(urls[0], JOB_ID))

    async with org:
        for place in filter(None, foreign(evil)):
            listed = {"resultPages": [{"resultUrl": place}], "done": True}
            more = {"resultPages": [], "nextRecordsUrl": place, "done": False}
            site.on("GET", f"{QUERY_JOB}/resultPages", reply(listed if name == "resultUrl" else more))
            with pytest.raises(ApiError, match=LED_AWAY):
                await follow()
    assert set(site.paths()) == {f"{QUERY_JOB}/resultPages"}


async def test_no_answer_to_a_query_leads_elsewhere(site: Site, evil: Site, org: Org) -> None:
    async with org:
        for place in filter(None, foreign(evil)):
            page = {"totalSize": 2, "done": False, "nextRecordsUrl": place, "records": []}
            site.on("GET", f"{DATA}/query", reply(page))
            with pytest.raises(ApiError, match=LED_AWAY):
                await org.rest.more(path_of((await org.rest.query("SELECT Id FROM Contact"))["nextRecordsUrl"]))
    assert set(site.paths()) == {f"{DATA}/query"}


async def test_what_a_job_calls_its_content_url_is_told_and_never_used(site: Site, evil: Site, org: Org) -> None:
    site.on("POST", JOBS, reply(job(contentUrl=f"{evil.url}/batches")))
    site.on("PUT", f"{JOBS}/{JOB_ID}/batches", reply(status=201))
    site.on("PATCH", f"{JOBS}/{JOB_ID}", reply(job("UploadComplete", contentUrl=f"{evil.url}/batches")))
    async with org:
        made = await org.ingest.create_job("Contact", "insert")
        await org.ingest.upload_job_data(made.id, b'"Name"\n"x"\n')
    assert made.content_url == f"{evil.url}/batches"
    assert len(site.seen) == 3


@pytest.mark.parametrize("locator", ["../../x", "//evil/x", "a&b=c", "?x", "#x", "%2e%2e%2f", "@evil", "a;b", "a\\b"])
async def test_a_locator_stays_a_value_of_the_query(site: Site, org: Org, locator: str) -> None:
    asked: list[dict[str, str]] = []

    async def page(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.Response(body=b'"Id"\n', headers={"Sforce-Locator": locator})

    site.on("GET", f"{QUERY_JOB}/results", page)
    async with org:
        first = await org.query.results(JOB_ID)
        await org.query.results(JOB_ID, locator=first.locator)
    assert asked == [{}, {"locator": locator}]
    assert set(site.paths()) == {f"{QUERY_JOB}/results"}


@pytest.mark.parametrize("locator", ["a b", "\u00e9", "a\tb", "x" * 5000])
async def test_a_locator_that_is_none_is_an_error(site: Site, org: Org, locator: str) -> None:
    site.on("GET", f"{QUERY_JOB}/results", reply(b'"Id"\n', headers={"Sforce-Locator": locator}))
    async with org:
        with pytest.raises(ApiError, match="locator what is none"):
            await org.query.results(JOB_ID)
        for given_by_caller in (locator, "a\r\nX-Evil: 1", "\0", "\ud800", ""):
            with pytest.raises(ValueError, match="no locator"):
                await org.query.results(JOB_ID, locator=given_by_caller)
    assert len(site.seen) == 1


@given(place=st.text() | st.builds("{}/{}".format, st.just(DATA), st.text()))
def test_whatever_an_answer_names_stays_on_its_host_and_below_the_api(place: str) -> None:
    try:
        path = path_of(place)
    except ApiError:
        return
    if path.startswith("/"):
        url = URL(ACME + path, encoded=True)
        assert (url.host, url.user, url.port) == ("acme.my.salesforce.com", None, 443)
        assert posixpath.normpath(unquote(url.raw_path)).startswith("/services/data/")
