"""An org as a value, and which org a call means."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import threading

import pytest

from sfframe.bridge import run
from sfframe.errors import NoOrgError
from sfframe.options import READS_ALONE, IngestOptions, Options
from sfframe.org.auth import AccessToken, ClientCredentials, UsernamePassword
from sfframe.org.org import API_VERSION, Org, current_org, set_default_org
from sfframe.org.retry import RetryPolicy
from sfframe.query.options import DEFAULTS

from .site import ORG_ID, USER_ID, Site, refuse, reply

URL = "https://acme.my.salesforce.com"
LOGIN = ClientCredentials("app", "top-secret")


def org(name: str = "acme") -> Org:
    return Org(f"https://{name}.my.salesforce.com", LOGIN)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://acme.my.salesforce.com", URL),
        ("https://acme.my.salesforce.com/", URL),
        ("  acme.my.salesforce.com ", URL),
        ("HTTPS://ACME.my.salesforce.com:443/services/data?x=1#y", URL),
        ("https://acme.lightning.force.com/lightning/page/home", URL),
        ("acme.my.salesforce-setup.com/lightning/setup", URL),
        ("https://acme--box.sandbox.lightning.force.com", "https://acme--box.sandbox.my.salesforce.com"),
        ("https://acme.develop.lightning.force.com/", "https://acme.develop.my.salesforce.com"),
        ("https://agency.lightning.force.mil", "https://agency.my.salesforce.mil"),
        ("https://salesforce.example.cn:8443/", "https://salesforce.example.cn:8443"),
        ("http://127.0.0.1:8123/", "http://127.0.0.1:8123"),
        ("http://localhost:8123", "http://localhost:8123"),
        ("http://[::1]:8123", "http://[::1]:8123"),
    ],
)
def test_an_address_is_understood_as_people_paste_it(given: str, url: str) -> None:
    assert Org(given, LOGIN).url == url


@pytest.mark.parametrize(
    "given",
    ["", "https://", "http://acme.my.salesforce.com", "http://10.0.0.1", "ftp://acme.com", "https://a b.com",
     "https://user:pw@acme.my.salesforce.com", "https://acme.com:port"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        Org(given, LOGIN)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("given", ["66", "66.0", "v66.0", 66, 66.0])
def test_an_api_version_is_taken_in_any_form(given: str | float) -> None:
    assert Org(URL, LOGIN, api_version=given).api_version == "66.0"


@pytest.mark.parametrize("given", ["", "latest", "66.5", "6", "40.0", -66, "66.0/../"])
def test_an_api_version_that_makes_no_sense_is_refused(given: str | float) -> None:
    with pytest.raises(ValueError, match="api_version"):
        Org(URL, LOGIN, api_version=given)


@pytest.mark.parametrize("share", [-0.1, 1, 15])
def test_a_reserve_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Org(URL, LOGIN, quota_reserve=share)


def test_an_org_is_a_value_without_its_secrets_in_sight() -> None:
    one = Org(URL, LOGIN, api_version="65.0", quota_reserve=0.1, defaults={"nulls": "clear"})
    again: Org = pickle.loads(pickle.dumps(one))
    assert again == one
    assert hash(again) == hash(one)
    assert (again.api_version, again.quota_reserve, again.defaults) == ("65.0", 0.1, {"nulls": "clear"})
    assert one != Org(URL, LOGIN)
    assert repr(one) == "<Org acme.my.salesforce.com (ClientCredentials)>"
    assert repr(Org(URL, UsernamePassword("c", "s", "ada@acme.com", "p"))) == (
        "<Org acme.my.salesforce.com as ada@acme.com (UsernamePassword)>"
    )
    with pytest.raises(TypeError):
        one.defaults["nulls"] = "ignore"  # type: ignore[index]  # that is the point


async def test_an_org_knows_its_own_address_and_ids_once_it_has_a_token(site: Site) -> None:
    site.on("GET", "/services/data/v66.0/limits", reply({"DailyApiRequests": {"Max": 15, "Remaining": 14}}))
    async with Org(site.url, LOGIN) as one:
        assert (one.org_id, one.user_id) == (None, None)
        assert await one.limits() == {"DailyApiRequests": {"Max": 15, "Remaining": 14}}
        assert (one.org_id, one.user_id, one.url) == (ORG_ID, USER_ID, site.url)
        assert one.host == site.url.removeprefix("http://")


async def test_an_org_can_be_used_again_after_it_was_closed(site: Site) -> None:
    site.on("GET", "/services/data/v66.0/limits", reply({}))
    one = Org(site.url, LOGIN)
    await one.limits()
    await one.aclose()
    await one.aclose()
    await one.limits()
    await one.aclose()
    assert site.tokens_made() == 1


def test_the_default_version_is_one_that_every_org_has() -> None:
    assert API_VERSION == "66.0"


# Which org a call means.


def test_the_org_given_comes_before_the_block_and_that_before_the_default() -> None:
    given, inner, outer, default = (org(name) for name in ("given", "inner", "outer", "default"))
    set_default_org(default)
    assert current_org() is default
    with outer:
        with inner:
            assert current_org(given) is given
            assert current_org() is inner
        assert current_org() is outer
    assert current_org() is default
    set_default_org(None)


def test_the_environment_comes_last_and_stays_the_same_org(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFFRAME_URL", URL)
    monkeypatch.setenv("SFFRAME_ACCESS_TOKEN", "t")
    assert current_org() is current_org()
    assert current_org() == Org(URL, AccessToken("t"))
    monkeypatch.setenv("SFFRAME_ACCESS_TOKEN", "other")
    assert current_org().auth == AccessToken("other")


def test_without_an_org_the_ways_to_name_one_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoOrgError) as caught:
        current_org()
    for way in ("org=", "with org:", "set_default_org", "from_env"):
        assert way in str(caught.value)
    monkeypatch.setenv("SFFRAME_CLIENT_ID", "c")
    with pytest.raises(NoOrgError, match="missing SFFRAME_CLIENT_SECRET, SFFRAME_URL"):
        current_org()


def test_something_else_than_an_org_is_refused() -> None:
    with pytest.raises(TypeError, match="not str"):
        current_org("acme")  # type: ignore[arg-type]  # that is the point


def test_one_org_may_be_entered_twice() -> None:
    one = org()
    with one, one:
        assert current_org() is one
    with pytest.raises(NoOrgError):
        current_org()


def test_a_block_counts_in_its_own_context_alone() -> None:
    seen: list[object] = []

    def look() -> None:
        try:
            seen.append(current_org())
        except NoOrgError as error:
            seen.append(type(error))

    with org():
        thread = threading.Thread(target=contextvars.Context().run, args=(look,))
        thread.start()
        thread.join()
    assert seen == [NoOrgError]


def test_a_blocking_call_sees_the_block_around_it() -> None:
    async def ask() -> Org:
        return current_org()

    with org() as one:
        assert run(ask()) is one


async def test_tasks_have_blocks_of_their_own() -> None:
    met = asyncio.Barrier(2)

    async def ask(one: Org) -> Org:
        async with one:
            await met.wait()
            return current_org()

    first, second = org("first"), org("second")
    assert list(await asyncio.gather(ask(first), ask(second))) == [first, second]


def test_blocks_may_end_in_another_order_than_they_began() -> None:
    first, second = org("first"), org("second")
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert current_org() is second
    second.__exit__()


# A whole org, hunted for its secrets.


async def test_no_secret_of_an_org_in_use_is_in_sight(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    site.on("GET", "/services/data/v66.0/limits", refuse(400, "BAD", "no"))
    async with Org(site.url, LOGIN, retry=RetryPolicy(first_wait_s=0, max_wait_s=0)) as one:
        with pytest.raises(Exception, match="BAD") as caught:
            await one.limits()
        error = caught.value
        sight = [repr(one), str(one), repr(one.auth), repr(one.transport), repr(one.transport.token), repr(one.ingest)]
        sight += [repr(error), str(error), repr(vars(error)), caplog.text, pickle.dumps(error).decode("latin1")]
    for secret in ("top-secret", "token-1"):
        assert all(secret not in text for text in sight)


def test_a_misspelt_default_is_refused_when_the_org_is_made() -> None:
    with pytest.raises(TypeError, match="no option 'on_fail'; did you mean 'on_failure'"):
        Org(URL, LOGIN, defaults={"on_fail": "raise"})
    with pytest.raises(ValueError, match="on_failure='rase' is none of 'warn', 'return', 'raise'"):
        Org(URL, LOGIN, defaults={"on_failure": "rase"})


def test_defaults_of_reads_may_stand_beside_those_of_loads() -> None:
    assert set(READS_ALONE) == set(DEFAULTS) - set(IngestOptions.__annotations__) - {"org", "params", "job_id"}
    both = {"api": "bulk", "nulls": "clear"}
    assert Org(URL, LOGIN, defaults=both).defaults == both
    assert Options.of({}, both).nulls == "clear"
