"""What the predicates ship and what they give, from a local org full of what is hard; run it to see them all."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

import sfframe
from sfframe.query.schema.columns import Column, Finder
from sfframe.query.schema.types import TypeOptions

from .predicates import COLUMNS, Predicate, decimal_predicates, predicates, rows
from .scanned import Scanned, scan

PLAIN = TypeOptions()
EXACT = TypeOptions(decimals=True, multiselect="list")


async def columns_of(
    sobject: str, names: Sequence[str], describe: Callable[[str], Any], options: TypeOptions = PLAIN
) -> dict[str, Column]:
    """Columns by name."""
    finder = Finder(await describe(sobject), describe, options)
    return {name: await finder.field(name.split(".")) for name in names}


@dataclass(frozen=True)
class Case:
    """A predicate, what a scan made of it, and the rows that it gives on the whole table."""

    predicate: Predicate
    scanned: Scanned
    expected: pl.DataFrame


@dataclass(frozen=True)
class Hard:
    """Records of Everything__c and what leads to them."""

    org: sfframe.Org
    accounts: tuple[str, ...]

    def cases(self) -> Iterator[Case]:
        """All predicates, scanned."""
        for options, them in ((PLAIN, predicates(self.accounts)), (EXACT, decimal_predicates())):
            whole = sfframe.read_soql(
                f"SELECT {', '.join(COLUMNS)} FROM Everything__c",
                org=self.org, decimals=options.decimals, multiselect=options.multiselect,
            ).sort("Id")  # fmt: skip
            columns = sfframe.run(columns_of("Everything__c", COLUMNS, self.org.describe, options))
            for one in them:
                scanned = scan(one.says, columns, functools.partial(self.ask, whole))
                yield Case(one, scanned, whole.filter(one.says))

    def ask(self, whole: pl.DataFrame, where: str | None) -> pl.DataFrame:
        """The rows of the whole table that a WHERE clause finds."""
        if where is None:
            return whole
        found = sfframe.run(self.org.rest.query(f"SELECT Id FROM Everything__c WHERE {where}"))
        assert found["done"]
        return whole.filter(pl.col("Id").is_in([record["Id"] for record in found["records"]]))


@contextmanager
def hard_org() -> Iterator[Hard]:
    """A local org with the rows."""
    with sfframe.LocalOrg() as local:
        accounts = pl.DataFrame({"Name": ["Acme", "ACME", "Beta"], "Industry": ["Banking", None, "Energy"],
                                 "NumberOfEmployees": [10, 11, None]})  # fmt: skip
        parents = pl.DataFrame({"Text__c": ["p1", "p2"], "Checkbox__c": [True, False]})
        ids = [
            tuple(sfframe.ingest(frame, sobject, "insert", org=local.org).successful_results["sf__Id"].to_list())
            for frame, sobject in ((accounts, "Account"), (parents, "Everything__c"))
        ]
        sfframe.ingest(rows(*ids), "Everything__c", "insert", org=local.org, on_failure="raise")
        yield Hard(local.org, ids[0])


def report(cases: Sequence[Case]) -> str:
    """Rows shipped and rows given: in all, and by predicate, the most wasteful ones first."""
    counted = [(one.scanned.n_shipped, one.expected.height, one) for one in cases]
    shipped, given = sum(one[0] for one in counted), sum(one[1] for one in counted)
    lines = [f"{len(counted)} predicates: {shipped} rows shipped, {given} given, {shipped / given:.2f} to one"]
    for n_shipped, n_given, one in sorted(counted, key=lambda line: line[1] - line[0]):
        wheres = "+".join(verdict.where for verdict in one.scanned.verdicts)
        lines.append(f"{n_shipped:4} {n_given:4}  {wheres:16} {str(one.predicate.says)[:70]!r:74} {one.predicate.why}")
    return "\n".join(lines)


if __name__ == "__main__":
    with hard_org() as hard:
        sys.stdout.write(report(list(hard.cases())) + "\n")
