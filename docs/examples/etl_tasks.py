"""The shop's customers into Salesforce, as the tasks of an orchestrator.

Airflow, Dagster and Prefect put a decorator on functions like these; here plain Python calls them in turn. What goes
from one task to the next is a path, which any of the three can keep, show, and hand to another machine.

    sfframe local-org        # in another shell: an org to try it on; set the SFFRAME_... variables that it prints
    python docs/examples/etl_tasks.py docs/examples/customers.csv etl/2026-11-29

A task that is tried again does no harm. What a load has begun is in the journal in the day's folder: the next try
finds it there, collects what the org has done meanwhile, and sends the rest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import polars as pl

import sfframe

P = ParamSpec("P")
T = TypeVar("T")


# Airflow and Prefect: @task(retries=2)   Dagster: @op(retry_policy=RetryPolicy(max_retries=2))
def extract(export: str, day: str) -> str:
    """The shop's file as Parquet, each cell as it stands: 01067 is not 1067. Gives the path."""
    path = Path(day, "customers.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_csv(export, infer_schema=False).sink_parquet(path)
    return str(path)


def transform(customers: str) -> dict[str, str]:
    """Companies and people, their columns named as the fields. Gives a path for each object."""
    rows = pl.scan_parquet(customers)
    accounts = rows.unique("company_no", keep="last", maintain_order=True).select(
        ExternalId__c="company_no", Name="company", BillingCity="city", BillingPostalCode="postal_code"
    )
    contacts = rows.select(
        pl.col("customer_no").alias("ExternalId__c"),
        pl.col("company_no").alias("Account.ExternalId__c"),  # a lookup: the account with this external id
        pl.col("first_name").alias("FirstName"),
        pl.col("last_name").alias("LastName"),
        pl.col("email").str.to_lowercase().alias("Email"),
        pl.col("birthdate").str.to_date().alias("Birthdate"),
        pl.col("notes").alias("Description"),
    )
    paths = {name: Path(customers).with_name(f"{name}.parquet") for name in ("Account", "Contact")}
    accounts.sink_parquet(paths["Account"])
    contacts.sink_parquet(paths["Contact"])
    return {name: str(path) for name, path in paths.items()}


def load(prepared: str, sobject: str) -> dict[str, int]:
    """Upsert a file. Gives how many rows had which fate.

    Raises:
        RecordsFailed: The org refused rows; they are in `refused.xlsx` beside the file, with the reasons.
        SfframeError: The call didn't come to its end. Tried again, it goes on.
    """
    day = Path(prepared).parent
    rows = sfframe.bulk(pl.scan_parquet(prepared))  # what `frame.sfbulk` is, by a door that type checkers see
    try:
        return rows.upsert(sobject, "ExternalId__c", journal=day / "journal", on_failure="raise").counts
    except sfframe.RecordsFailed as error:
        try:
            error.result.to_excel(day / "refused.xlsx")
        except (OSError, ValueError, ImportError) as trouble:  # of which the rows' own error must not be hidden
            error.add_note(f"there is no workbook of these rows: {trouble}")
        raise


# --- what an orchestrator does ----------------------------------------------------------------------------------------


def attempt(task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Try a task three times. Rows that were refused would be again, so they end it at once (in Airflow that is
    `AirflowFailException`, in Dagster `Failure(allow_retries=False)`, in Prefect `retry_condition_fn`)."""
    for _ in range(2):
        try:
            return task(*args, **kwargs)
        except sfframe.RecordsFailed:
            raise
        except sfframe.SfframeError as error:
            print(f"{task.__name__} is tried again: {error}", file=sys.stderr)
    return task(*args, **kwargs)


def flow(export: str, day: str) -> None:
    """The graph: accounts before contacts, which look them up."""
    prepared = attempt(transform, attempt(extract, export, day))
    for sobject in ("Account", "Contact"):
        print(sobject, attempt(load, prepared[sobject], sobject))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("export", help="the shop's customers, a CSV file")
    parser.add_argument("day", help="a folder for this day's files and its journal")
    options = parser.parse_args()
    flow(options.export, options.day)
