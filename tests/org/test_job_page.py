"""Job page: a link to the org's own page of a job where it has one, and none elsewhere."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, urlsplit

import pytest

from sfframe.org.job_page import job_page

JOB = "7505g00000abcdeAAA"
PAGE = f"/lightning/setup/AsyncApiJobStatus/page?address=%2F{JOB}"


@pytest.mark.parametrize(
    ("org", "host"),
    [
        ("https://acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("acme.my.salesforce.com", "acme.my.salesforce.com"),  # as results and progress name an org
        ("https://acme--box.sandbox.my.salesforce.com/", "acme--box.sandbox.my.salesforce.com"),
        ("https://acme.lightning.force.com", "acme.my.salesforce.com"),
        ("https://na139.salesforce.com", "na139.salesforce.com"),
        ("https://acme.my.salesforce.mil", "acme.my.salesforce.mil"),
        ("https://acme.my.sfcrmproducts.cn", "acme.my.sfcrmproducts.cn"),
    ],
)
def test_an_org_of_salesforce_has_a_page_for_each_job(org: str, host: str) -> None:
    assert job_page(org, JOB) == f"https://{host}{PAGE}"


def test_the_page_is_asked_for_by_the_job_s_path() -> None:
    page = job_page("https://acme.my.salesforce.com", JOB)
    assert page is not None
    assert parse_qs(urlsplit(page).query) == {"address": [f"/{JOB}"]}


@pytest.mark.parametrize(
    "org",
    [
        "http://127.0.0.1:8765",
        "127.0.0.1:8765",
        "https://localhost",
        "https://login.salesforce.com",
        "https://test.salesforce.com",
        "https://salesforce.example.org",
        "https://acme.my.salesforce.com.example.org",
        "https://evilsalesforce.com",
        "https://acme.my.salesforce.com:8443",
        "an address that is none",
        "",
    ],
)
def test_other_hosts_have_none(org: str) -> None:
    assert job_page(org, JOB) is None


@pytest.mark.parametrize("job_id", ["", "0035g00000abcdeAAA", "750", f'{JOB}"><b>', f"{JOB}/../x", "7505g00000abcdé"])
def test_what_is_no_job_s_id_has_none(job_id: str) -> None:
    assert job_page("https://acme.my.salesforce.com", job_id) is None


def test_an_address_needs_no_escaping_in_html() -> None:
    page = job_page("https://acme.my.salesforce.com", JOB) or "<none>"
    assert html.escape(page) == page
    assert job_page('https://"acme.my.salesforce.com', JOB) is None
