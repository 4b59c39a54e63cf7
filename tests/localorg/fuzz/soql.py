"""Statements of SOQL by its grammar, and near it."""

from __future__ import annotations

from tests.localorg.fuzz.words import Dice, field, mutated_text, odd, sobject, value

_LITERALS = (
    "TODAY",
    "YESTERDAY",
    "LAST_N_DAYS:3",
    "NEXT_N_MONTHS:999999",
    "THIS_FISCAL_YEAR",
    "LAST_N_FISCAL_QUARTERS:2",
    "N_DAYS_AGO:0",
    "LAST_N_YEARS:9999",
    "THIS_WEEK",
    "LAST_N_DAYS:-1",
    "LAST_N_DAYS:",
    "NEXT_N_WEEKS:99999999999",
    "LAST_90_DAYS",
    "null",
    "NULL",
    "true",
    "FALSE",
    "2024-02-29",
    "2024-02-30",
    "9999-12-31",
    "2024-02-29T00:00:00Z",
    "2024-02-29T00:00:00+23:59",
    "1",
    "-1.5",
    "1e5",
    "1.",
    ".5",
    "USD5000",
    "99999999999999999999",
    ":bind",
    "DISTANCE(1)",
    "12:00:00Z",
    "00:00:00.000Z",
)
_FUNCTIONS = (
    "COUNT",
    "COUNT_DISTINCT",
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "CALENDAR_YEAR",
    "DAY_ONLY",
    "toLabel",
    "FORMAT",
    "HOUR_IN_DAY",
    "convertCurrency",
    "GROUPING",
    "FISCAL_QUARTER",
    "WEEK_IN_YEAR",
    "nope",
    "convertTimezone",
)
_CHILDREN = ("Contacts", "Opportunities", "Cases", "Tasks", "ChildAccounts", "Nope")


_AGGREGATES = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")
_DATE_PARTS = (
    "CALENDAR_YEAR",
    "CALENDAR_MONTH",
    "DAY_IN_WEEK",
    "FISCAL_QUARTER",
    "WEEK_IN_YEAR",
    "DAY_ONLY",
    "HOUR_IN_DAY",
)
_TYPED = frozenset({"boolean", "int", "double", "currency", "percent", "date", "datetime", "time"})
_NUMBERS = frozenset({"int", "double", "currency", "percent"})


def statement(random: Dice) -> str:
    """A statement; how often something is wrong with it is a matter of the dice."""
    text = _select(random, 0)
    if random.goes_wild(0.2):
        deep = ("SELECT Id FROM Contact WHERE " + "NOT " * 900, "(" * 900, "SELECT Id FROM Contact WHERE " + "(" * 400)
        text = random.choice(("", " ", "SELECT", "FIND {x}", *deep, odd(random)))
    return mutated_text(random, text) if random.goes_wild() else text


def _select(random: Dice, depth: int) -> str:
    name = sobject(random)
    is_grouped = random.random() < 0.25
    groups = [_group(random, name) for _ in range(random.choice((1, 1, 2)))] if is_grouped else []
    parts = [f"SELECT {_groups_items(random, name, groups) if is_grouped else _items(random, name, depth)} FROM {name}"]
    if random.random() < 0.05:
        parts.append(random.choice(("c", "AS c", "c, c.Account a", "USING SCOPE mine")))
    if random.random() < 0.7:
        parts.append(f"WHERE {_condition(random, name, depth)}")
    if random.random() < 0.03:
        parts.append(random.choice(("WITH SECURITY_ENFORCED", "WITH DATA CATEGORY a__c AT b__c", "WITH USER_MODE")))
    if is_grouped:
        roll = random.choice(("{}", "{}", "{}", "ROLLUP({})", "CUBE({})"))
        parts.append("GROUP BY " + roll.format(", ".join(groups)))
        if random.random() < 0.3:
            parts.append(f"HAVING {_aggregate(random, name)} {random.choice(('> 0', '= 1', '!= null'))}")
    if random.random() < 0.4:
        order = random.choice(("", " ASC", " DESC", " desc NULLS LAST", " NULLS FIRST"))
        what = (
            random.choice((*groups, _aggregate(random, name))) if is_grouped else field(random, name, can="sortable")[0]
        )
        parts.append(f"ORDER BY {what}{' NULLS' if random.goes_wild() else order}")
    if random.random() < 0.5:
        odd_limit = random.choice(("-1", "50001", "99999999999999999999", "x", "1.5", ":n"))
        parts.append(f"LIMIT {odd_limit if random.goes_wild() else random.choice(('1', '0', '5', '50000'))}")
    if random.random() < 0.1:
        parts.append(f"OFFSET {random.choice(('2001', '-1', '9' * 20) if random.goes_wild() else ('0', '1', '2000'))}")
    if random.random() < 0.04:
        parts.append(random.choice(("FOR VIEW", "FOR REFERENCE", "FOR UPDATE", "ALL ROWS", "UPDATE TRACKING", ";")))
    return random.choice((" ", " ", " ", "\n", "\t ")).join(parts)


def _items(random: Dice, name: str, depth: int) -> str:
    choice = random.random()
    if choice < 0.08:
        return random.choice(
            (
                "COUNT()",
                "count( )",
                "FIELDS(ALL)",
                "FIELDS(STANDARD)",
                "FIELDS(CUSTOM), Id",
                "*",
                "Id Id",
                "DISTINCT Id",
            )
        )
    if choice < 0.11:
        relation = random.choice(("Owner", "Who", "What", "Account"))
        cases = f"WHEN User THEN Id, Name WHEN {sobject(random)} THEN {field(random, 'Contact')[0]}"
        return f"TYPEOF {relation} {cases} ELSE Id END"
    items = [field(random, name)[0] for _ in range(random.choice((1, 1, 2, 3, 8)))]
    items = items if random.goes_wild() else list(dict.fromkeys(items))
    if random.random() < 0.05:
        items.append(
            random.choice(("toLabel({})", "FORMAT({})", "convertCurrency({})", "nope({})")).format(items[0])
            + random.choice(("", " x"))
        )
    if random.random() < 0.1 and depth < 2:
        items.append(f"({_child(random) if random.random() < 0.8 else _select(random, depth + 1)})")
    return ", ".join(items)


def _child(random: Dice) -> str:
    where = f" WHERE {_condition(random, 'Contact', 3)}" if random.random() < 0.3 else ""
    limit = random.choice("0125")
    return f"SELECT Id, {field(random, 'Contact')[0]} FROM {random.choice(_CHILDREN)}{where} ORDER BY Id LIMIT {limit}"


def _group(random: Dice, name: str) -> str:
    path, kind = field(random, name, can="groupable")
    if kind in ("date", "datetime") and random.random() < 0.7:
        return f"{random.choice(_DATE_PARTS)}({path})"
    return path


def _groups_items(random: Dice, name: str, groups: list[str]) -> str:
    items = [group for group in groups if random.random() < 0.8]
    items += [
        _aggregate(random, name) + random.choice(("", "", " x", " total", " Id"))
        for _ in range(random.choice((0, 1, 1, 2)))
    ]
    if random.goes_wild():
        items.append(field(random, name)[0])
    return ", ".join(items or groups)


def _aggregate(random: Dice, name: str) -> str:
    path, kind = field(random, name, can="aggregatable")
    known = _AGGREGATES if kind in _NUMBERS else _AGGREGATES[:4]
    return f"{random.choice(_FUNCTIONS) if random.goes_wild() else random.choice(known)}({path})"


def _condition(random: Dice, name: str, depth: int) -> str:
    choice = random.random()
    if choice < 0.25 and depth < 4:
        joint = random.choice((" AND ", " OR ", " and "))
        mixed = random.goes_wild()
        parts = [_condition(random, name, depth + 1) for _ in range(random.choice((2, 2, 3)))]
        return (
            "("
            + parts[0]
            + "".join((random.choice((" AND ", " OR ")) if mixed else joint) + part for part in parts[1:])
            + ")"
        )
    if choice < 0.33 and depth < 4:
        return f"(NOT {_condition(random, name, depth + 1)})"
    if choice < 0.4 and depth < 2:
        outer, inner, of = random.choice(
            (
                ("Id", "AccountId", "Contact"),
                ("AccountId", "Id", "Account"),
                ("OwnerId", "Id", "User"),
                ("Id", "WhoId", "Task"),
                (field(random, name)[0], field(random, "Contact")[0], "Contact"),
            )
        )
        where = f" WHERE {_condition(random, of, depth + 2)}" if random.random() < 0.5 else ""
        return f"{outer} {random.choice(('IN', 'NOT IN', 'in'))} (SELECT {inner} FROM {of}{where})"
    return _comparison(random, name)


def _comparison(random: Dice, name: str) -> str:
    path, kind = field(random, name, can="filterable")
    if kind in ("date", "datetime") and random.random() < 0.15:
        return f"{random.choice(_DATE_PARTS)}({path}) {random.choice(('= 2024', '> 1', 'IN (1, 2)', '!= -1'))}"
    operators = ["=", "!=", "<>", "IN", "NOT IN"]
    operators += [] if kind in ("boolean", "reference", "id", "multipicklist") else ["<", ">=", ">", "<="]
    operators += ["INCLUDES", "EXCLUDES"] if kind == "multipicklist" else []
    operators += ["LIKE", "like"] if kind not in _TYPED and kind not in ("id", "reference", "multipicklist") else []
    operator = (
        random.choice(("LIKE", "INCLUDES", "<", "IN", "==", "~", ""))
        if random.goes_wild()
        else random.choice(operators)
    )
    if operator in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
        count = random.choice((0, 1000)) if random.goes_wild(0.3) else random.choice((1, 1, 2, 3, 40))
        return f"{path} {operator} ({', '.join(_value(random, kind, operator) for _ in range(count))})"
    return f"{path} {operator} {'null' if random.random() < 0.1 else _value(random, kind, operator)}"


def _value(random: Dice, kind: str, operator: str) -> str:
    if random.goes_wild() or (kind in ("date", "datetime") and random.random() < 0.4):
        return random.choice(_LITERALS)
    text = value(random, kind)
    if kind in _TYPED and not random.goes_wild():
        return "true" if kind == "boolean" and text in "10" else text
    if not random.goes_wild():
        text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    if operator in ("LIKE", "like"):
        text += random.choice(("%", "_", "\\%", "\\_x", ""))
    return "'" + text + (random.choice(("\\q", "\\", "\\u00e9", "%", "\\n")) if random.goes_wild() else "") + "'"
