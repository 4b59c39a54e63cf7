"""Demo: a file of contacts, an org on this machine, and what became of every row. `python -m sfframe demo`.

The story is told by small functions, and each is shown before it is run: what you read is what runs.
"""

from __future__ import annotations

import csv
import inspect
import random
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
import polars as pl

import sfframe
from sfframe import LocalOrg, Org

CONTACTS: Final = 4_000
SEED: Final = 20
_DATABASE: Final = "local-org.duckdb"
# Three of these aren't in the org yet: contacts that name them will be refused at first.
ACCOUNTS: Final = {
    "A-100": "Müller & Söhne GmbH",
    "A-101": "Åkerlund Design AB",
    "A-102": "Null Island Surveying",
    "A-103": 'O\'Hara "The Baker" Ltd.',
    "A-104": "東京精密株式会社",
    "A-105": "Peña, Núñez y Cía.",
    "A-106": "Łódź Logistics Sp. z o.o.",
    "A-107": "Smith, Jones, Brown",
}
_LATE_ACCOUNTS: Final = {"A-900": "Nováková s.r.o.", "A-901": "Fjord Shipping AS", "A-902": "Ateliers Lefèvre"}

_FIRST: Final = ("Jürgen", "Zoë", "Søren", "Chloé", "Ada", "Nuño", "Aoife", "Łukasz", "Thandiwe", "Yuki", "Ana María")
# `Null` and `NA` are people, and no gaps; a comma, a quote and an umlaut are part of a name.
_LAST: Final = ("Müller", "O'Neil", "Null", "NA", "Straße", "García, hijo", "Nguyễn", "van der Berg", "Öztürk", "Smith")
_TITLES: Final = ("Buyer", "Head of Sales", 'VP "Growth"', "Geschäftsführerin", "")
_NOTES: Final = (
    "Met at the fair.\nWants a call back, not before 10:00.",
    'Said: "send the offer again", then hung up',
    "Prefers e-mail; speaks German, French",
    "=SUM(A1:A9) is what she calls her method",
    "",
    "",
)
_LANGUAGES: Final = ("English", "German", "English;French", "Spanish;German", "")
_POSTAL: Final = ("01067", "10115", "02134", "SW1A 1AA", "75011", "")

HEADER: Final = (
    "ExternalId__c", "Salutation", "FirstName", "LastName", "Email", "Phone", "Title", "MailingPostalCode",
    "Birthdate", "LastVisit__c", "Visits__c", "Score__c", "DoNotCall", "Languages__c", "Level__c", "Description",
    "Account.ExternalId__c",
)  # fmt: skip


# --- the file ---------------------------------------------------------------------------------------------------------


def contact_rows(n: int = CONTACTS, seed: int = SEED) -> Iterator[dict[str, str]]:
    """Contacts as a department hands them over: the same for the same seed.

    Args:
        n: How many.
        seed: Of the dice.

    Yields:
        The cells of a row as text, an empty one for a gap.
    """
    dice = random.Random(seed)  # nosec B311  # of names and numbers that mean nothing
    for number in range(n):
        first, last = dice.choice(_FIRST), dice.choice(_LAST)
        visits = dice.choice(("", "0", "1", "3", "17"))
        row = {
            "ExternalId__c": f"C-{10_000 + number}",
            "Salutation": dice.choice(("Ms.", "Mr.", "Dr.", "")),
            "FirstName": first,
            "LastName": last,
            "Email": f"contact.{number}@example.com" if dice.random() < 0.9 else "",
            "Phone": f"0{dice.randrange(10**8, 10**9)}" if dice.random() < 0.7 else "",
            "Title": dice.choice(_TITLES),
            "MailingPostalCode": dice.choice(_POSTAL),
            "Birthdate": _day(dice, 1945, 60) if dice.random() < 0.5 else "",
            "LastVisit__c": f"{_day(dice, 2024, 2)}T{dice.randrange(24):02}:{dice.randrange(60):02}:00Z"
            if visits
            else "",
            "Visits__c": visits,
            "Score__c": f"{dice.random() * 1000:.2f}" if dice.random() < 0.8 else "",
            "DoNotCall": dice.choice(("true", "false", "false")),
            "Languages__c": dice.choice(_LANGUAGES),
            "Level__c": dice.choice(("Bronze", "Silver", "Gold", "")),
            "Description": dice.choice(_NOTES),
            "Account.ExternalId__c": dice.choice([*ACCOUNTS, ""]),
        }
        yield row | _slip(dice)


def _day(dice: random.Random, year: int, years: int) -> str:
    return f"{datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=dice.randrange(365 * years)):%Y-%m-%d}"


def _slip(dice: random.Random) -> dict[str, str]:
    """What goes wrong in a row, if anything: cells that no one can judge but the org."""
    fate = dice.random()
    if fate < 0.010:
        return {"Email": dice.choice(("n/a", "unknown", "jane.doe@", "jane doe@example.com"))}
    if fate < 0.017:
        return {"Account.ExternalId__c": dice.choice(list(_LATE_ACCOUNTS))}
    if fate < 0.020:
        return {"LastName": ""}
    if fate < 0.040:
        return {"Level__c": "Gold", "Email": "", "Phone": ""}
    return {}


def write_contacts(path: Path, n: int = CONTACTS, seed: int = SEED) -> Path:
    """Write the contacts as CSV; gives the path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(contact_rows(n, seed))
    return path


def gold_needs_contact(record: dict[str, Any]) -> str | None:
    """A validation rule of the demo's org."""
    is_gold = record["Level__c"] == "Gold"
    return (
        "A gold contact needs an e-mail address or a phone."
        if is_gold and not (record["Email"] or record["Phone"])
        else None
    )


# --- the steps, each shown before it is run ---------------------------------------------------------------------------
#
# An accessor is invisible to type checkers, so frames are `Any` here; `sfframe.bulk(df)` is the typed door.


def read_pandas(path: Path) -> Any:
    return pd.read_csv(
        path,
        dtype={"Phone": "string", "MailingPostalCode": "string"},  # 01067 is not 1067
        keep_default_na=False, na_values=[""],                     # Ms. Null and Mr. NA are people
        parse_dates=["LastVisit__c"],                              # instants, with their zone
    )  # fmt: skip


def read_polars(path: Path) -> Any:
    return pl.read_csv(
        path,
        schema_overrides={"Phone": pl.String, "MailingPostalCode": pl.String},
        try_parse_dates=True,
        infer_schema_length=None,  # all rows decide, not the first hundred
    )


def upsert(contacts: Any, org: Org) -> Any:
    return contacts.sfbulk.upsert("Contact", "ExternalId__c", org=org)


def add_accounts(late: Any, org: Org) -> Any:
    return late.sfbulk.upsert("Account", "ExternalId__c", org=org)


def retry(result: Any) -> Any:
    return result.retry()


def mend(result: Any, org: Org) -> Any:
    rows = result.failed_results
    rows["Email"] = rows["Email"].where(rows["Email"].str.fullmatch(r"\S+@\S+\.\w+"))
    rows["LastName"] = rows["LastName"].fillna("(unknown)")
    rows.loc[rows["Email"].isna() & rows["Phone"].isna(), "Level__c"] = "Silver"
    return rows.sfbulk.upsert("Contact", "ExternalId__c", org=org, on_failure="raise")


def upsert_telling(contacts: Any, org: Org, events: list[Any]) -> Any:
    return contacts.sfbulk.upsert("Contact", "ExternalId__c", org=org, on_failure="return", progress=events.append)


# --- the story --------------------------------------------------------------------------------------------------------


def main() -> int:
    """Tell the story; gives the exit code."""
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="sfframe-demo-") as folder:
        path = write_contacts(Path(folder) / "contacts.csv")
        with LocalOrg(Path(folder) / _DATABASE) as local:
            local.rules["Contact"] = gold_needs_contact
            _tell_story(path, local)
    _gap()
    _say(f"""
        Done in {(datetime.now(UTC) - began).total_seconds():.1f} s. The org and the file are gone again.
        """)
    return 0


def _tell_story(path: Path, local: LocalOrg) -> None:
    org = local.org
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sfframe.RecordsFailedWarning)
        _frame_of(ACCOUNTS).sfbulk.upsert("Account", "ExternalId__c", org=org, progress=False)
        _say(f"""
            sfframe {sfframe.__version__}: from a file to Salesforce and back. Nothing leaves this machine.

            The file  {path}
                      {CONTACTS:,} contacts as a department hands them over: umlauts, line breaks, quotes, gaps,
                      dates, each contact's account by its external id (Account.ExternalId__c), and some slips.
            The org   {local.url}, kept in {path.with_name(_DATABASE).name} beside the file
                      It speaks the Bulk API 2.0 and judges each row by its object's fields. It has {len(ACCOUNTS)}
                      accounts already, and a validation rule: gold contacts need an e-mail address or a phone.
            """)
        result = _from_pandas(path, org)
        _go_on(result, org)
        _from_polars(path, org)
        _last_look(local)


def _from_pandas(path: Path, org: Org) -> Any:
    _head("1. Read the file with pandas, and upsert it")
    contacts = _show(read_pandas, path)
    _say(f"""
        {len(contacts):,} rows, {contacts.shape[1]} columns. Visits__c is {contacts["Visits__c"].dtype} because of its
        gaps; it is sent as whole numbers all the same. Gaps are left out, so they clear no field.
        """)
    result = _show(upsert, contacts, org, name="result")
    if not sys.stderr.isatty():
        _say("(In a terminal and in notebooks a progress bar is drawn here.)")
    _code("print(result)")
    _say(str(result))
    _say("""
        Such a call also makes a Python warning, sfframe.RecordsFailedWarning (kept back in this demo): rows that
        failed can't go unnoticed. With on_failure="raise" they are an exception that carries the result.
        """)
    _head("2. Every row is in exactly one of three frames: your own rows, in your order, with your index")
    _table("result.successful_results", result.successful_results, "FirstName", "LastName", "sf__Id", "sf__Created")
    _table("result.failed_results", result.failed_results, "LastName", "Email", "sf__Error")
    _table("result.unprocessed_records", result.unprocessed_records, "LastName")
    _head("3. Errors by reason")
    _code('result.errors.groupby(["code", "fields"])["count"].sum()')
    _say(result.errors.groupby(["code", "fields"])["count"].sum().to_string())
    return result


def _go_on(result: Any, org: Org) -> None:
    _head("4. How to go on: what was missing is added, then the failed rows are sent again")
    late = _frame_of(_LATE_ACCOUNTS)
    _code("late")
    _say(str(late.to_pandas().to_string(index=False)))
    _say(str(_show(add_accounts, late, org)))
    result = _show(retry, result, name="result")
    _say(str(result))
    _gap()
    _say("The rest has to be mended. failed_results can be sent again as it is: its sf__ columns are not sent.")
    _say(str(_show(mend, result, org, name="result")))


def _from_polars(path: Path, org: Org) -> None:
    _head("5. The same from Polars: Polars in, Polars out. This time the progress goes to a function")
    contacts, events = _show(read_polars, path), list[Any]()
    result = _show(upsert_telling, contacts, org, events, name="result")
    _say(str(result))
    steps = Counter(type(event).__name__ for event in events)
    _say(f"events: {', '.join(name if n == 1 else f'{name} x {n}' for name, n in steps.items())}")
    _code('result.successful_results["sf__Created"].sum()')
    _say(f"""
        {result.successful_results["sf__Created"].sum()}
        No contact was made twice: the external id found them all, so they were updated. Bad addresses, and gold
        contacts without any, are refused as before; the accounts and names that were missing are in the org now.
        """)


def _last_look(local: LocalOrg) -> None:
    records = local.rows("Contact")
    note = next(text for text in records.column("Description").to_pylist() if text and "\n" in text)
    names = sorted({"NA", "Null", "García, hijo"} & {*records.column("LastName").to_pylist()})
    _head("6. What is in the org now")
    _code('local.rows("Contact")')
    _say(f"""
        {records.num_rows:,} contacts. Line breaks are whole ({note!r}),
        and nobody's name was taken for a gap or cut: {names}.
        """)
    _head("Your own org")
    _say("""
        org = sfframe.Org("https://acme.my.salesforce.com", sfframe.ClientCredentials(client_id, client_secret))
        result = df.sfbulk.upsert("Contact", "ExternalId__c", org=org)

        or log in as the Salesforce CLI does: sfframe.Org.from_cli("my-alias"). Before anything is sent, look at
        df.sfbulk.check("Contact", "upsert", "ExternalId__c", org=org). The README has the rest.
        """)


# --- how it is told ---------------------------------------------------------------------------------------------------


def _frame_of(accounts: dict[str, str]) -> Any:
    return pl.DataFrame({"ExternalId__c": list(accounts), "Name": list(accounts.values())})


def _show(step: Callable[..., Any], *arguments: Any, name: str = "") -> Any:
    """Show a step's code, run it and give what it gives."""
    source, _ = inspect.getsourcelines(step)
    body = textwrap.dedent("".join(source[1:])).replace("  # fmt: skip", "")
    target = f"{name or 'contacts'} = " if name or step in (read_pandas, read_polars) else ""
    _code(body.strip().replace("return ", target))
    return step(*arguments)


def _code(lines: str) -> None:
    first, *others = lines.splitlines()
    _gap()
    _say(
        "\n".join(
            [f">>> {first}", *(f"... {line}" if line.startswith((" ", ")")) else f">>> {line}" for line in others)]
        )
    )


def _table(title: str, frame: Any, *columns: str) -> None:
    _code(f"{title}[{list(columns)}].head(4)")
    _say(
        frame[list(columns)].head(4).to_string(max_colwidth=90) if len(frame) else "(empty: the org came to every row)"
    )
    if len(frame) > 4:
        _say(f"... {len(frame):,} rows in all")


def _head(text: str) -> None:
    _gap(2)
    _say(f"{text}\n{'-' * len(text)}")


def _gap(lines: int = 1) -> None:
    sys.stdout.write("\n" * lines)


def _say(text: str) -> None:
    sys.stdout.write(textwrap.dedent(text).strip("\n").rstrip() + "\n")
    sys.stdout.flush()
