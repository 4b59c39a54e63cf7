"""What an object takes is read back as it was, over both transports."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

import sfframe
from sfframe.testing import frames
from tests.examples import scaled
from tests.testing.test_frames import meant, plain, types_of

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_twice(soql: str, org: sfframe.Org, **options: Any) -> pl.DataFrame:
    """The answer over REST, which a query job gives just so."""
    rest = sfframe.read_soql(soql, api="rest", org=org, **options)
    bulk = sfframe.read_soql(soql, api="bulk", org=org, **options)
    assert rest.schema == bulk.schema
    assert rest.equals(bulk)
    assert isinstance(rest, pl.DataFrame)
    return rest


@pytest.mark.parametrize(("sobject", "n_examples"), [("Everything__c", 5), ("Contact", 2), ("Opportunity", 2)])
def test_what_was_sent_is_read_back_over_both_transports(
    sfframe_server: sfframe.LocalOrg, sobject: str, n_examples: int
) -> None:
    fields = sfframe_server.describe(sobject)["fields"]
    names = [field["name"] for field in fields if not field["soapType"].startswith("urn:")]
    soql = f"SELECT {', '.join(names)} FROM {sobject} ORDER BY Id"
    types = types_of(sfframe_server, sobject)
    with sfframe_server.fresh() as org:
        empty = read_twice(soql, org)

    @settings(FEW, max_examples=scaled(n_examples))
    @given(frame=frames(sobject, backend="polars", max_size=6))
    def check(frame: pl.DataFrame) -> None:
        with sfframe_server.fresh() as org:
            assert sfframe.bulk(frame).insert(sobject, org=org)
            found = read_twice(soql, org)
            assert meant(plain(found.select(frame.columns)), types) == meant(plain(frame), types)
            assert found.schema == empty.schema
            exact = read_twice(soql, org, decimals=True, multiselect="list")
            for name, dtype in exact.schema.items():
                if isinstance(dtype, pl.Decimal):
                    assert exact[name].cast(pl.Float64).equals(found[name])
                elif isinstance(dtype, pl.List):
                    assert exact[name].list.join(";").equals(found[name])
                else:
                    assert exact[name].equals(found[name])

    check()
