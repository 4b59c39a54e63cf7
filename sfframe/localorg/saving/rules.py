"""The customer's own validation rules, by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from sfframe.localorg.saving.header import FindObject

Rule = Callable[[dict[str, Any]], str | None]


class Rules(MutableMapping[str, Rule]):
    """`rules["Contact"] = function`. Names of objects are taken in any case, as everywhere in the API.

    Args:
        find: Gives an object by its API name. A rule for none would never be asked, so it can't be set.
    """

    def __init__(self, find: FindObject) -> None:
        self._find = find
        self._rules: dict[str, Rule] = {}

    def __getitem__(self, name: str) -> Rule:
        return self._rules[self._known(name)]

    def __setitem__(self, name: str, rule: Rule) -> None:
        if self._find(name) is None:
            raise LookupError(f"the local org has no object {name!r}; define it before its rule")
        if not callable(rule):
            raise TypeError(f"the rule of {name!r} is a function from a record to what is wrong, not {rule!r}")
        self._rules[self._known(name)] = rule

    def __delitem__(self, name: str) -> None:
        del self._rules[self._known(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._rules))

    def __len__(self) -> int:
        return len(self._rules)

    def __repr__(self) -> str:
        return f"Rules({self._rules!r})"

    def _known(self, name: str) -> str:
        sobject = self._find(name)
        return sobject.name if sobject is not None else name
