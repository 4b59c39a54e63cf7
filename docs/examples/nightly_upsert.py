"""Last night's model into Salesforce: what follows `dbt run` in a crontab.

    sfframe local-org        # in another shell: an org to try it on; set the SFFRAME_... variables that it prints
    python docs/examples/nightly_upsert.py crm_contacts.parquet Contact ExternalId__c --state state

The model is Parquet, one file or many (`"crm_contacts/*.parquet"`), or a table of a DuckDB database
(`warehouse.duckdb#marts.crm_contacts`); its columns are named as the fields, and it may be larger than memory.

Exit code 0: every row is in the org. 1: some were refused; `state/to_mend.xlsx` has them, with the reasons, for the
colleague who knows the data. 2: the load itself failed; rows that the org took and didn't come to are in
`state/latest/unprocessed_records.parquet`. Killed at any moment and run again, by hand or the next night, it finishes
what was begun before anything else, and no row goes twice. Needs `pip install sfframe[excel]`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

import sfframe

log = logging.getLogger("nightly_upsert")


def rows_of(model: str) -> Any:
    """The model's rows; nothing is read yet."""
    database, _, table = model.partition("#")
    return duckdb.connect(database, read_only=True).table(table) if table else pl.scan_parquet(model)


def upsert(options: argparse.Namespace) -> sfframe.IngestResult[Any]:
    """Load the model, after what an earlier night has left undone."""
    journal = options.state / "journal"

    def load() -> sfframe.IngestResult[Any]:
        return sfframe.ingest(
            rows_of(options.model),
            options.sobject,
            "upsert",
            options.key,
            columns=dict.fromkeys(options.leave_out),  # {"_loaded_at": None}: a column that isn't sent
            invalid="report",  # rows that can't be sent don't keep the others
            journal=journal,  # an unfinished run of these same rows is gone on with
            on_failure="return",  # the exit code tells
        )

    try:
        return load()
    except sfframe.JournalInUse:
        raise  # last night's process still works on it
    except sfframe.JournalError as error:  # an unfinished run had other rows
        log.warning("%s", error)
        log.info("an earlier night is finished first: %s", sfframe.resume(journal).summary())
        return load()


def to_mend(refused: Path, state: Path) -> Path:
    """The rows as a workbook; where that can't be, they are in their file all the same."""
    workbook = state / "to_mend.xlsx"
    try:
        pl.read_parquet(refused).write_excel(workbook, "failed_results", autofit=True)
    except ImportError:
        log.error("%s isn't written: that needs pip install 'sfframe[excel]'", workbook)
        return refused
    return workbook


def hand_over(result: sfframe.IngestResult[Any], state: Path) -> None:
    """What wasn't loaded. What was refused is for the colleague; mended, it goes as it is: no sf__ column is sent."""
    folder = result.save(state / "latest")
    if n_refused := result.counts["failed"]:
        log.warning("rows to mend: %s, in %s", f"{n_refused:,}", to_mend(folder / "failed_results.parquet", state))
    if n_left := result.counts["unprocessed"]:
        left = folder / "unprocessed_records.parquet"
        log.error("the load itself failed; rows that the org didn't come to: %s, in %s", f"{n_left:,}", left)
        log.info("nothing is to be mended in those: run this again, or let the next night send them")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="Parquet, or DATABASE.duckdb#TABLE")
    parser.add_argument("sobject", help="such as Contact")
    parser.add_argument("key", help="its external id field")
    parser.add_argument("--state", type=Path, default=Path("state"), help="journal, results, rows to mend")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="COLUMN", help="columns that aren't sent")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        result = upsert(options)
    except (sfframe.SfframeError, OSError, duckdb.Error) as error:
        log.error("the load failed: %s", error)
        return 2
    log.info("%s", result.report())  # without the org's messages, which quote rows
    if result:
        return 0
    hand_over(result, options.state)
    return 2 if result.counts["unprocessed"] else 1


if __name__ == "__main__":
    sys.exit(main())
