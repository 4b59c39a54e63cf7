"""A table of Spark's into Salesforce, and what became of each row as tables again.

    sfframe local-org        # in another shell: an org to try it on; set the SFFRAME_... variables that it prints
    python docs/examples/load_with_spark.py docs/examples/customers.csv results

Spark finds the org by the SFFRAME_... variables of driver and workers, and keeps what it needs to go on with beside the
results. Killed, and run again with the same folder, it collects what was sent and sends the rest. Exit code 0: every
row is in the org. 1: some aren't.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMPANIES = {"company_no": "ExternalId__c", "company": "Name", "postal_code": "BillingPostalCode"}
PEOPLE = {
    "customer_no": "ExternalId__c",
    "company_no": "Account.ExternalId__c",  # a lookup: the account with that external id
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
}


def upsert(frame: Any, sobject: str, results: Path) -> bool:
    """Send the rows; whether the org has all of them now."""
    spark = frame.sparkSession
    frame.write.format("sfframe").mode("append").options(
        object=sobject,
        operation="upsert",
        externalIdField="ExternalId__c",
        resultsPath=results,
        onFailure="return",  # told below
    ).save()
    summary = spark.read.parquet(str(results / "summary")).first()
    print(f"{sobject}: {summary.successful} of {summary.rows} rows in {summary.jobs} jobs: {summary.state}")
    for error in spark.read.parquet(str(results / "errors")).collect():
        print(f"    {error['count']} refused: {error.code} {error.fields}")
    return bool(summary.successful == summary.rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("export", help="the shop's customers, a CSV file")
    parser.add_argument("results", type=Path, help="a folder for the results, which isn't there")
    options = parser.parse_args(arguments)
    from pyspark.sql import SparkSession

    from sfframe.frames.spark import SfframeDataSource

    spark = SparkSession.builder.appName("customers").getOrCreate()
    spark.dataSource.register(SfframeDataSource)
    customers = spark.read.csv(options.export, header=True, multiLine=True, escape='"')  # 01067 is not 1067
    companies = customers.select([customers[old].alias(new) for old, new in COMPANIES.items()])
    people = customers.select([customers[old].alias(new) for old, new in PEOPLE.items()])
    # Parents before children, and the same rows in the same partitions if this has to be run again.
    are_there = upsert(companies.dropDuplicates(["ExternalId__c"]).coalesce(1), "Account", options.results / "accounts")
    are_loaded = upsert(people.repartition(2, "ExternalId__c"), "Contact", options.results / "contacts")
    known = spark.read.format("sfframe").options(object="Contact", columns="LastName, Account.Name").load()
    print(f"The org has {known.where(known['`Account.Name`'].isNotNull()).count()} contacts of companies.")
    return 0 if are_there and are_loaded else 1


if __name__ == "__main__":
    sys.exit(main())
