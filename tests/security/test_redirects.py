"""Hostile servers that send on: nothing of a request, and no token, goes where a redirect leads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import pytest

from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.auth import AccessToken, Auth, ClientCredentials
from sfframe.org.org import Org
from sfframe.org.soap import SoapLogin
from sfframe.org.transport import Repeat
from tests.at_once import AT_ONCE
from tests.org.site import TOKEN, Site, reply

from .authority import Authority

LIMITS = "/services/data/v66.0/limits"
STATUSES = [301, 302, 303, 307, 308]


def redirects(home: Site, evil: Site) -> Iterator[tuple[int, str]]:
    """Each status with another host, and each kind of place: on the host, elsewhere, another protocol, nowhere."""
    other = evil.url.removeprefix("http://")
    places = [
        f"{home.url}/other", "/other", "other", f"https://{other}/", f"//{other}/x", f"http:{other}",
        f"http://user@{other}/", f"\\\\{other}\\x", "file:///etc/passwd", "ftp://evil.example/", "javascript:alert(1)",
        "data:text/html,x", "http://[", "https://[::1", "http://a:b:c/", "", "%00", "?q", "#f",
    ]  # fmt: skip
    yield from ((status, f"{evil.url}{LIMITS}") for status in STATUSES)
    yield from zip(cycle(STATUSES), places, strict=False)


@pytest.fixture(params=["http", "https"])
def home(request: pytest.FixtureRequest, site: Site, safe_site: Site) -> Site:
    return site if request.param == "http" else safe_site


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_no_request_with_a_token_is_sent_on(home: Site, evil: Site, authority: Authority, method: str) -> None:
    async with Org(home.url, AccessToken("t" * 20), retry=AT_ONCE, ca=authority.pem) as org:
        for status, place in redirects(home, evil):
            home.on(method, LIMITS, reply(b"stolen", status=status, headers={"Location": place}))
            with pytest.raises(ApiError, match=r"the org sends on to .*; requests with a token aren't") as caught:
                await org.transport.request(method, LIMITS, repeat=Repeat.NEVER)
            assert caught.value.status == status
    assert set(home.paths()) == {LIMITS}


@pytest.mark.filterwarnings("ignore:Salesforce ends the SOAP login")
@pytest.mark.parametrize(
    ("path", "auth"),
    [(TOKEN, ClientCredentials("app", "secret")), ("/services/Soap/u/64.0", SoapLogin("ada", "secret"))],
    ids=["oauth", "soap"],
)
async def test_no_login_is_sent_on(home: Site, evil: Site, authority: Authority, path: str, auth: Auth) -> None:
    async with Org(home.url, auth, retry=AT_ONCE, ca=authority.pem) as org:
        for status, place in redirects(home, evil):
            home.on("POST", path, reply(b"stolen", status=status, headers={"Location": place}))
            with pytest.raises(AuthenticationError):
                await org.limits()
    assert {(one.method, one.path) for one in home.seen} == {("POST", path)}
