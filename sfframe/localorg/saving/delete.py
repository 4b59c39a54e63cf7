"""Deleting, and what goes with a record: children fall with it, hold it, or lose their lookup (wire notes, 4.7, 7.1).

The table `falling` holds for each record of the request (`root`) the ids that go with it, and of which object they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from sfframe.localorg.data.sql import concat, literal, name, number, run
from sfframe.localorg.data.store import records
from sfframe.localorg.objects.relations import Relation, relations
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.saving.rows import Request


@dataclass(frozen=True, slots=True)
class Deletion:
    """Takes away the records that `work` names without an error, inside a transaction of the caller.

    Attributes:
        db: The connection of the caller's thread.
        request: What is asked for: "delete" puts records into the bin, "hardDelete" ends them.
        stamps: Field -> SQL, set in what goes into the bin where the object has the field.
    """

    db: duckdb.DuckDBPyConnection
    request: Request
    stamps: dict[str, str]

    @property
    def _is_hard(self) -> bool:
        return self.request.operation == "hardDelete"

    def run(self) -> None:
        """Delete, or leave in `work` why not."""
        sobject = self.request.sobject
        query = f"SELECT target AS root, {literal(sobject.name)} AS object, target AS id FROM work WHERE error IS NULL"
        run(self.db, f"CREATE OR REPLACE TEMP TABLE falling AS {query}")
        reached = self._reach()
        for parent in reached:
            for relation in self._hanging(parent):
                if relation.is_restricting:
                    self._hold(parent, relation)
        for fallen in reached:
            self._take(fallen)
        for parent in reached:
            for relation in self._hanging(parent):
                if not (relation.is_restricting or relation.is_cascading):
                    self._clear(parent, relation)

    def _reach(self) -> list[SObject]:
        """Follow what cascades, down to the last; the objects of all that falls."""
        reached = {self.request.sobject.name: self.request.sobject}
        waiting = [self.request.sobject]
        while waiting:
            parent = waiting.pop()
            for relation in self._hanging(parent):
                if relation.is_cascading and self._fall(parent, relation):
                    reached[relation.child.name] = relation.child
                    waiting.append(relation.child)
        return list(reached.values())

    def _hanging(self, parent: SObject) -> list[Relation]:
        """The relations of an object that any record makes use of."""
        used = "SELECT 1 FROM {} WHERE {} IS NOT NULL LIMIT 1"
        found = relations(parent, self.request.find)
        return [r for r in found if run(self.db, used.format(records(r.child), name(r.field.name)))]

    def _fall(self, parent: SObject, relation: Relation) -> bool:
        """Let children fall with their parents; says whether any did."""
        before = number(self.db, "SELECT count(*) FROM falling")
        run(
            self.db,
            f"""
            INSERT INTO falling
            SELECT DISTINCT f.root, {literal(relation.child.name)}, c.Id {self._children(parent, relation)}
            AND NOT EXISTS (SELECT 1 FROM falling g WHERE g.root = f.root AND g.id = c.Id)""",
        )
        return number(self.db, "SELECT count(*) FROM falling") > before

    def _children(self, parent: SObject, relation: Relation) -> str:
        """SQL for the children `c` of what falls as `f`. What is in the bin goes for good with its parent alone."""
        there = "true" if self._is_hard and relation.is_cascading else "NOT c.IsDeleted"
        return f"""
            FROM {records(relation.child)} c JOIN falling f
            ON f.object = {literal(parent.name)} AND f.id = c.{name(relation.field.name)} WHERE {there}"""

    def _hold(self, parent: SObject, relation: Relation) -> None:
        """A child that doesn't fall itself holds its parent, and what would have taken the parent with it."""
        child, title = relation.child, relation.child.name_field
        shown = f"coalesce(c.{name(title.name)}::VARCHAR, c.Id)" if title else "c.Id"
        called = self.request.sobject.name_field
        label = f"coalesce(p.{name(called.name)}::VARCHAR, p.Id)" if called else "p.Id"
        plural = str(child.answer.get("labelPlural") or child.name).lower()
        start = literal(" could not be completed because it is associated with the following " + plural + ".: ")
        text = concat("'DELETE_FAILED:Your attempt to delete '", label, start, "held.names", "':--'")
        run(
            self.db,
            f"""
            UPDATE work SET error = {text}
            FROM {records(self.request.sobject)} p, (
                SELECT f.root, string_agg(DISTINCT {shown}, ', ' ORDER BY {shown}) AS names
                {self._children(parent, relation)}
                AND NOT EXISTS (SELECT 1 FROM falling g WHERE g.root = f.root AND g.id = c.Id) GROUP BY f.root
            ) held
            WHERE held.root = work.target AND p.Id = work.target AND work.error IS NULL""",
        )
        run(self.db, "DELETE FROM falling WHERE root IN (SELECT target FROM work WHERE error IS NOT NULL)")

    def _take(self, sobject: SObject) -> None:
        fallen = f"Id IN (SELECT id FROM falling WHERE object = {literal(sobject.name)})"
        if self._is_hard:
            run(self.db, f"DELETE FROM {records(sobject)} WHERE {fallen}")
            return
        stamped = (f", {name(field)} = {value}" for field, value in self.stamps.items() if sobject.field(field))
        run(self.db, f"UPDATE {records(sobject)} SET IsDeleted = true{''.join(stamped)} WHERE {fallen}")

    def _clear(self, parent: SObject, relation: Relation) -> None:
        field = name(relation.field.name)
        run(
            self.db,
            f"""
            UPDATE {records(relation.child)} SET {field} = NULL
            WHERE {field} IN (SELECT id FROM falling WHERE object = {literal(parent.name)}) AND NOT IsDeleted""",
        )
