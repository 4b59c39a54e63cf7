"""One input for each seed: the same seed, the same input."""

from __future__ import annotations

from tests.localorg.fuzz import jobs, soql
from tests.localorg.fuzz.inputs import DATA, Input, encoded, quoted, request
from tests.localorg.fuzz.rest import json_request
from tests.localorg.fuzz.wire import wire
from tests.localorg.fuzz.words import dice


def make(seed: int) -> Input:
    """The input of a seed."""
    random = dice(seed)
    choice = random.randrange(100)
    if choice < 18:
        return wire(random)
    if choice < 28:
        return jobs.load(random)
    if choice < 52:
        path = random.choice(("/query", "/query", "/query", "/queryAll"))
        return request("GET", f"{DATA}{path}?q={quoted(random, soql.statement(random))}")
    if choice < 57:
        return request(
            "GET",
            f"/?soql={quoted(random, soql.statement(random))}{random.choice(('', '&all=on'))}",
            {"Authorization": "{basic}"},
        )
    if choice < 62:
        return Input("query", body=encoded(soql.statement(random)), job=jobs.members_of_job(random, "query"))
    return json_request(random)
