"""Statements over a small org: which rows and values come back."""

from __future__ import annotations

from sfframe.localorg import Server


def test_a_plain_statement_is_a_plain_scan(server: Server) -> None:
    query = server.org.compile("SELECT id, name FROM contact")
    assert query.sql == (
        'SELECT r0."Id" AS o0, r0."Name" AS o1 FROM _records."Contact" r0 WHERE r0.IsDeleted IS NOT TRUE'
    )
    assert [(output.path, output.type) for output in query.outputs] == [(("Id",), "id"), (("Name",), "string")]


def test_parents_are_joined_once_each(server: Server) -> None:
    query = server.org.compile("SELECT Account.Owner.Alias, Account.Name, Account.owner.name FROM Contact")
    assert query.sql.count("LEFT JOIN") == 2
    assert [level.path for level in query.levels] == [(), ("Account",), ("Account", "Owner")]
