"""SQL over files straight into Salesforce, and of all rows only those that are new or have changed.

    sfframe local-org        # in another shell: an org to try it on; set the SFFRAME_... variables that it prints
    python docs/examples/from_duckdb.py docs/examples/customers.csv

A DuckDB relation is a frame like any other: it is run once, streamed to disk, and never held in memory as a whole. The
results are pyarrow datasets, which DuckDB queries by the name of their variable. Run it twice: the second time nothing
is sent but the rows that were refused, which the org still hasn't got. Exit code 0: every row is in the org. 1: some
aren't.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import duckdb

import sfframe

# Columns named as the fields. A quoted name may be a lookup: the account with that external id.
ACCOUNTS = """
    SELECT DISTINCT ON (company_no) company_no AS ExternalId__c, company AS Name, postal_code AS BillingPostalCode
    FROM customers ORDER BY company_no
"""
CONTACTS = """
    SELECT customer_no AS ExternalId__c, company_no AS "Account.ExternalId__c", first_name AS FirstName,
           last_name AS LastName, lower(email) AS Email, CAST(birthdate AS DATE) AS Birthdate
    FROM customers
"""


def upsert(sobject: str, relation: Any) -> bool:
    """Send the rows that the org hasn't got, or has otherwise; whether it has all of them now."""
    soql = f"SELECT {', '.join(relation.columns)} FROM {sobject} WHERE ExternalId__c != null"
    known = sfframe.read_soql(soql, backend="pyarrow")
    news = relation.except_(duckdb.from_arrow(known))
    result = sfframe.ingest(news, sobject, "upsert", "ExternalId__c", on_failure="return")  # told below
    loaded, refused = result.successful_results, result.failed_results
    made = duckdb.execute("SELECT count(*) FROM loaded WHERE sf__Created").fetchall()[0][0]
    print(f"{sobject}: {made} new, {loaded.count_rows() - made} changed, {refused.count_rows()} refused")
    for key, error in duckdb.execute("SELECT ExternalId__c, sf__Error FROM refused ORDER BY ALL").fetchall():
        print(f"    {key}: {error}")
    if n_left := result.counts["unprocessed"]:  # a job failed as a whole
        print(f"    {n_left} unprocessed: {'; '.join(result.notes)}")
    return bool(result)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("export", help="the shop's customers, a CSV file")
    options = parser.parse_args(arguments)
    duckdb.read_csv(options.export, all_varchar=True).create_view("customers")  # 01067 is not 1067
    accounts = upsert("Account", duckdb.sql(ACCOUNTS))  # contacts look them up
    contacts = upsert("Contact", duckdb.sql(CONTACTS))
    return 0 if accounts and contacts else 1


if __name__ == "__main__":
    sys.exit(main())
