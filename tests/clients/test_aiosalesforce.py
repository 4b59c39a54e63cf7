"""aiosalesforce runs on the local org as it comes; it knows hosts of salesforce.com alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sfframe.localorg import Fault, Server

from .hard import GAPS, TEXTS, Record, expected, ids, in_database, records, saved, sent

aiosalesforce: Any = pytest.importorskip("aiosalesforce")
httpx: Any = pytest.importorskip("httpx")

BASE = "https://acme.my.salesforce.com"
QUICK = 0.01


@pytest.fixture
async def http(proxied: None) -> AsyncIterator[Any]:
    """Made after the variables are set; nothing about the local org is told to it."""
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def salesforce(server: Server, http: Any) -> Any:
    auth = aiosalesforce.ClientCredentialsFlow(server.client_id, server.client_secret)
    return aiosalesforce.Salesforce(http, BASE, auth)


async def load(salesforce: Any, operation: str, rows: list[Record], **options: Any) -> Any:
    """One job by the client's lower level, which can be told how long to sleep between looks."""
    ingest = salesforce.bulk_v2.ingest
    jobs = ingest.perform_operation(operation, "Contact", rows, polling_interval=QUICK, **options)
    (result,) = [result async for result in jobs]
    assert result.job_info.state == "JobComplete"
    return result


async def test_bulk_inserts_every_text(salesforce: Any, server: Server) -> None:
    result = await load(salesforce, "insert", records())
    assert in_database(server) == expected()
    assert {row["ExternalId__c"]: row["sf__Id"] for row in result.successful_results} == ids(server)
    # It reads results line by line and loses the breaks within values; the rest of each value is there.
    echoed = {row["ExternalId__c"]: row["Description"] for row in result.successful_results}
    assert echoed == {key: "".join(text.splitlines()) for key, text in sent().items()}
    assert (result.failed_results, result.unprocessed_records) == ([], [])


async def test_bulk_inserts_in_several_jobs(salesforce: Any, server: Server) -> None:
    jobs = salesforce.bulk_v2.ingest.perform_operation(
        "insert", "Contact", records(), max_records=10, polling_interval=QUICK
    )
    assert [len(result.successful_results) async for result in jobs].count(10) == 2
    assert in_database(server) == expected()


async def test_bulk_updates(salesforce: Any, server: Server) -> None:
    await load(salesforce, "insert", [{**row, "Description": "before"} for row in records()])
    rows = [{"Id": ids(server)[row["ExternalId__c"]], "Description": row["Description"]} for row in records()]
    await load(salesforce, "update", rows)
    assert in_database(server) == expected() | dict.fromkeys(GAPS, "before")


async def test_bulk_upserts(salesforce: Any, server: Server) -> None:
    await load(salesforce, "insert", [{**row, "Description": "before"} for row in records()[::2]])
    rows = [{**row, "Description": row["Description"] or "#N/A"} for row in records()]
    result = await load(salesforce, "upsert", rows, external_id_field="ExternalId__c")
    assert in_database(server) == expected()
    made = [row["ExternalId__c"] for row in result.successful_results if row["sf__Created"] == "true"]
    assert set(made) == set(list(sent())[1::2])


@pytest.mark.parametrize("operation", ["delete", "hardDelete"])
async def test_bulk_deletes(salesforce: Any, server: Server, operation: str) -> None:
    await load(salesforce, "insert", records())
    gone = dict(list(ids(server).items())[::2])
    await load(salesforce, operation, [{"Id": record_id} for record_id in gone.values()])
    assert in_database(server) == {key: text for key, text in expected().items() if key not in gone}
    left = server.rows("Contact")["IsDeleted"].to_pylist()
    assert left.count(True) == (len(gone) if operation == "delete" else 0)


async def test_bulk_takes_lookups_by_external_id(salesforce: Any, server: Server) -> None:
    accounts = salesforce.bulk_v2.ingest.perform_operation(
        "insert", "Account", [{"Name": "Acme", "ExternalId__c": "a"}], polling_interval=QUICK
    )
    assert len([result async for result in accounts]) == 1
    lookup: Any = {"ExternalId__c": "a"}
    await load(salesforce, "insert", [{"LastName": "Ng", "Account": lookup}])
    assert server.rows("Contact")["AccountId"].to_pylist() == server.rows("Account")["Id"].to_pylist()


async def test_bulk_high_level_calls_run_side_by_side(salesforce: Any, server: Server) -> None:
    """The face that users know sleeps five seconds before it looks: so all at once."""
    bulk = salesforce.bulk_v2
    await load(salesforce, "insert", [{**row, "Description": "before"} for row in records()])
    by_key = ids(server)
    update, delete, hard_delete, *rest = list(TEXTS)
    jobs = await asyncio.gather(
        bulk.insert("Contact", [{"LastName": "New", "ExternalId__c": "new", "Description": "a\r\nb"}]),
        bulk.update("Contact", [{"Id": by_key[update], "Description": TEXTS["emoji"]}]),
        bulk.upsert("Contact", [row for row in records() if row["ExternalId__c"] in rest], "ExternalId__c"),
        bulk.delete("Contact", [{"Id": by_key[delete]}]),
        bulk.delete("Contact", [{"Id": by_key[hard_delete]}], hard=True),
    )
    assert [len(job.successful_results) for job in jobs] == [1, 1, len(rest), 1, 1]
    wanted = {key: expected()[key] for key in rest}
    assert in_database(server) == wanted | dict.fromkeys(GAPS, "before") | {"new": "a\r\nb", update: TEXTS["emoji"]}


async def test_bulk_jobs_are_made_listed_aborted_and_deleted_one_by_one(salesforce: Any, server: Server) -> None:
    ingest = salesforce.bulk_v2.ingest
    job = await ingest.create_job("upsert", "Contact", external_id_field="ExternalId__c")
    assert (job.state, job.external_id_field_name, job.job_type) == ("Open", "ExternalId__c", None)
    assert (await ingest.get_job(job.id)).job_type == "V2Ingest"
    assert [listed.id async for listed in ingest.list_jobs()] == [job.id]
    assert (await ingest.abort_job(job.id)).state == "Aborted"
    await ingest.delete_job(job.id)
    assert [listed.id async for listed in ingest.list_jobs(is_pk_chunking_enabled=False)] == []


async def test_bulk_tells_what_became_of_each_row(salesforce: Any) -> None:
    result = await load(salesforce, "insert", [{"LastName": "Ng"}, {"FirstName": "Nameless"}])
    assert [row["LastName"] for row in result.successful_results] == ["Ng"]
    (failed,) = result.failed_results
    assert failed["FirstName"] == "Nameless"
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")


async def test_a_refusal_is_told_as_such(salesforce: Any) -> None:
    with pytest.raises(aiosalesforce.exceptions.SalesforceError, match="Unable to find object: Nonsense__c"):
        await salesforce.bulk_v2.ingest.create_job("insert", "Nonsense__c")


async def test_a_dead_session_is_renewed_in_mid_job(salesforce: Any, server: Server) -> None:
    server.faults.append(Fault("put", "expire", times=1))
    await load(salesforce, "insert", records())
    assert in_database(server) == expected()
    assert server.count("token") == 2


# REST.

SOQL = "SELECT Id, ExternalId__c, Description FROM Contact"


async def found(salesforce: Any, soql: str = SOQL, **options: Any) -> dict[str, str | None]:
    return {row["ExternalId__c"]: row["Description"] async for row in salesforce.query(soql, **options)}


async def test_query(salesforce: Any, server: Server) -> None:
    await load(salesforce, "insert", records())
    assert await found(salesforce) == expected()
    await salesforce.sobject.delete("Contact", ids(server)["emoji"])
    assert "emoji" not in await found(salesforce)
    assert await found(salesforce, include_all_records=True) == expected()


async def test_query_takes_all_pages(salesforce: Any, server: Server) -> None:
    rows = [{"LastName": f"Nr {n}", "ExternalId__c": f"{n:04}", "Description": f"{n}"} for n in range(4_100)]
    await load(salesforce, "insert", rows)
    assert await found(salesforce) == {row["ExternalId__c"]: row["Description"] for row in rows}


async def test_query_finds_a_text_that_is_formatted_into_it(salesforce: Any, server: Server) -> None:
    fit = {key: text for key, text in TEXTS.items() if saved(text) == text and len(text) < 100}
    await load(salesforce, "insert", [{"LastName": "Ng", "ExternalId__c": key, "Title": fit[key]} for key in fit])
    for key, text in fit.items():
        soql = aiosalesforce.format_soql("SELECT ExternalId__c, Description FROM Contact WHERE Title = {}", text)
        assert list(await found(salesforce, soql)) == [key]


async def test_sobject_rows_are_made_read_changed_and_deleted(salesforce: Any, server: Server) -> None:
    rows = salesforce.sobject
    for record in records():
        await rows.create("Contact", {**record, "Description": record["Description"] or None})
    assert in_database(server) == expected()
    by_key = ids(server)
    read = [
        await rows.get("Contact", record_id, fields=["ExternalId__c", "Description"]) for record_id in by_key.values()
    ]
    assert {row["ExternalId__c"]: row["Description"] for row in read} == expected()
    await rows.update("Contact", by_key["emoji"], {"Description": TEXTS["every break"]})
    assert in_database(server)["emoji"] == TEXTS["every break"]
    await rows.delete("Contact", by_key["emoji"])
    assert "emoji" not in in_database(server)
    with pytest.raises(aiosalesforce.exceptions.NotFoundError):
        await rows.get("Contact", by_key["emoji"])


async def test_sobject_rows_by_their_own_key(salesforce: Any, server: Server) -> None:
    rows, key = salesforce.sobject, "ExternalId__c"
    made = await rows.upsert("Contact", "k-é 日本", key, {"LastName": "Ng", key: "k-é 日本"})
    again = await rows.upsert("Contact", "k-é 日本", key, {"Description": TEXTS["quotes"]})
    assert (made.created, again.created, made.id) == (True, False, again.id)
    read = await rows.get("Contact", "k-é 日本", external_id_field=key)
    assert (read["Id"], read["Description"]) == (made.id, TEXTS["quotes"])
    await rows.delete("Contact", "k-é 日本", external_id_field=key)
    assert in_database(server) == {}


async def test_composite_requests(salesforce: Any, server: Server) -> None:
    async with salesforce.composite.batch(halt_on_error=True) as batch:
        made = batch.sobject.create("Contact", {"LastName": "Ng", "ExternalId__c": "a", "Description": TEXTS["crlf"]})
    assert made.id == ids(server)["a"]
    async with salesforce.composite() as composite:
        account = composite.sobject.create("Account", {"Name": "Acme"})
        composite.sobject.create("Contact", {"LastName": "Li", "AccountId": str(account.reference.id)})
    assert server.rows("Contact")["AccountId"].to_pylist() == [None, account.id]


async def test_limits(salesforce: Any) -> None:
    assert (await salesforce.get_limits())["DailyBulkApiBatches"]["Max"] == 15_000


@pytest.mark.parametrize("flow", ["soap", "jwt"])
async def test_each_login_opens_a_session(server: Server, http: Any, tmp_path: Path, flow: str) -> None:
    key = tmp_path / "key.pem"
    key.write_text(server.private_key)
    auth = (
        aiosalesforce.SoapLogin(server.username, server.password, server.security_token)
        if flow == "soap"
        else aiosalesforce.JwtBearerFlow(server.client_id, server.username, key)
    )
    await aiosalesforce.Salesforce(http, BASE, auth).get_limits()


async def test_a_wrong_password_is_told_as_such(server: Server, http: Any) -> None:
    auth = aiosalesforce.SoapLogin(server.username, "wrong", server.security_token)
    salesforce = aiosalesforce.Salesforce(http, BASE, auth, retry_policy=None)
    with pytest.raises(aiosalesforce.exceptions.AuthenticationError, match="INVALID_LOGIN"):
        await salesforce.get_limits()
