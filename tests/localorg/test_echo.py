"""How rows come back (wire notes, 5)."""

from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfframe.localorg import Manners, Server
from sfframe.localorg.data.sql import MACROS

from .client import JOBS, Client

SENT = 'AnnualRevenue,NumberOfEmployees,Name,Website\n912260031,023,"x, ""y""",\n'


def java(x: float) -> str:
    """Double.toString, from repr's shortest digits."""
    if x == 0 or 1e-3 <= abs(x) < 1e7:
        return repr(x)
    sign, digits, exponent = ("-" if x < 0 else ""), *_scientific(abs(x))
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _scientific(x: float) -> tuple[str, int]:
    mantissa, _, exponent = repr(x).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    dropped = len(whole + fraction) - len(digits)
    return digits.rstrip("0") or "0", int(exponent or 0) + len(whole) - 1 - dropped


@pytest.fixture(scope="module")
def db() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA _org").fetchall()
    for macro in MACROS:
        connection.execute(macro).fetchall()
    return connection


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
@example([0.0, -0.0, 1e7, 9999999.0, 1e-3, 9.999e-4, 912260031.0, 1e22, 1.0, 100.0, -0.00012345, 2.0**63])
def test_13_doubles_are_written_as_java_does(db: duckdb.DuckDBPyConnection, numbers: list[float]) -> None:
    written = db.execute("SELECT _org.java_double(x) FROM (SELECT unnest($1::DOUBLE[]) AS x)", [numbers]).fetchall()
    assert [text for (text,) in written] == [java(number) for number in numbers]
    assert all(math.isclose(float(text), number, rel_tol=0) for (text,), number in zip(written, numbers, strict=True))


def test_5_3_the_sample_of_the_documents(client: Client) -> None:
    done = client.load(SENT, sobject="Account")
    assert done.successful_csv.splitlines()[1].partition(",")[2] == '"true","9.12260031E8","23","x, ""y""",""'


@pytest.mark.parametrize(
    ("field", "sent", "back"),
    [
        ("Score__c", "100", "100.0"),
        ("LastVisit__c", "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000Z"),
        ("Wakeup__c", "08:00:00Z", "08:00:00.000Z"),
        ("Birthdate", "1940-06-07Z", "1940-06-07"),
        ("DoNotCall", "TRUE", "true"),
        ("Title", " as it is ", " as it is "),
        ("Phone", "#N/A", ""),
    ],
)
def test_5_3_saved_rows_echo_what_is_stored_failed_ones_what_was_sent(
    client: Client, field: str, sent: str, back: str
) -> None:
    done = client.load(f"LastName,Email,{field}\na,,{sent}\nb,x,{sent}\n")
    assert done.successful[0][field] == back
    assert done.failed[0][field] == sent


def test_5_3_the_echo_may_be_verbatim() -> None:
    with Server(manners=Manners(echo="verbatim")) as server:
        client = Client(server).log_in()
        assert client.load("LastName,Score__c\na,100\n").successful[0]["Score__c"] == "100"
        client.close()


def test_13_results_are_shuffled_by_the_seed() -> None:
    data = "LastName\n" + "".join(f"n{number}\n" for number in range(50))

    def order(seed: int) -> list[str]:
        with Server(seed=seed) as server:
            client = Client(server).log_in()
            names = [row["LastName"] for row in client.load(data).successful]
            client.close()
            return names

    sent = data.split()[1:]
    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == sorted(sent)
    assert order(1) != sent


def test_5_1_failed_columns_may_be_sorted_and_values_of_wrong_case_kept() -> None:
    with Server(manners=Manners(failed_columns_sorted=True, drop_wrong_case=False)) as server:
        client = Client(server).log_in()
        done = client.load("lastname,Email,Department\na,x,d\n")
        assert done.failed_csv.splitlines()[0] == '"sf__Id","sf__Error","Department","Email","lastname"'
        assert done.failed[0]["lastname"] == "a"
        assert done.unprocessed_csv == "lastname,Email,Department\n"
        client.close()


@pytest.mark.parametrize(
    ("manner", "status", "body"),
    [
        ("header", 200, b'"sf__Id","sf__Error",LastName\n'),
        ("blank_line", 200, b'"sf__Id","sf__Error",LastName\n\n'),
        ("zero_bytes", 200, b""),
        ("no_content", 204, b""),
    ],
)
def test_5_1_results_without_rows(manner: str, status: int, body: bytes) -> None:
    with Server(manners=Manners(empty_results=manner)) as server:  # type: ignore[arg-type]  # one of them
        client = Client(server).log_in()
        job_id = client.open_job("LastName\nx\n")
        client.patch(job_id)
        client.wait(job_id)
        reply = client.get(f"{JOBS}/{job_id}/failedResults")
        assert (reply.status, reply.body) == (status, body)
        assert client.get(f"{JOBS}/{job_id}/successfulResults").body.count(b"\n") == 2
        client.close()


def test_5_2_failed_rows_may_name_their_record() -> None:
    with Server(manners=Manners(failed_ids=True)) as server:
        client = Client(server).log_in()
        (record_id,) = client.load("LastName\nx\n").ids
        done = client.load(f"Id,Email\n{record_id},nonsense\n", "update")
        assert done.failed[0]["sf__Id"] == record_id
        client.close()


def test_5_the_content_type_names_no_charset(client: Client) -> None:
    done = client.load("LastName\nNgüyễn\n")
    reply = client.get(f"{JOBS}/{done.info['id']}/successfulResults", {"Accept": "text/csv"})
    assert reply.headers["Content-Type"] == "text/csv"
    assert "Ngüyễn" in reply.body.decode()
    assert client.get(f"{JOBS}/{done.info['id']}/successfulResults", {"Accept": "application/pdf"}).status == 406
