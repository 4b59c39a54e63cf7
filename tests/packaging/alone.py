"""What the wheel alone is worth, without any extra: run by the interpreter of an environment that has nothing else.

    python alone.py

It stands by itself: no pytest is there, and none of the other files beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

import sfframe

DATA: dict[str, list[Any]] = {"ExternalId__c": ["C-1", "C-2"], "LastName": ["Ng", None], "Score__c": [1.0, None]}
CSV = b'"ExternalId__c","LastName","Score__c"\n"C-1","Ng","1"\n"C-2","",""\n'
UPSERT: tuple[str, sfframe.Operation, str] = ("Contact", "upsert", "ExternalId__c")


def it_is_the_installed_one() -> None:
    assert "site-packages" in sfframe.__file__, sfframe.__file__
    assert (Path(sfframe.__file__).parent / "py.typed").is_file(), "type checkers would see no types"


def every_frame_gives_its_payload() -> None:
    frames = (pl.DataFrame(DATA), pd.DataFrame(DATA), pa.table(DATA), pl.LazyFrame(DATA))
    for frame in frames:
        assert list(sfframe.bulk(frame).payloads(*UPSERT, describe=False)) == [CSV], type(frame)
    assert list(pd.DataFrame(DATA).sfbulk.payloads(*UPSERT, describe=False)) == [CSV]


def a_call_without_an_org_tells_how_to_name_one() -> None:
    told = error_of(lambda: sfframe.bulk(pl.DataFrame(DATA)).upsert("Contact", "ExternalId__c"))
    assert "set_default_org" in told, told


def what_an_extra_is_for_names_it() -> None:
    login = sfframe.JwtBearer("client", "user@example.com", "-----BEGIN PRIVATE KEY-----")
    org = sfframe.Org("https://login.salesforce.com", login)
    assert "pip install 'sfframe[local]'" in error_of(lambda: sfframe.LocalOrg().__enter__())
    assert "pip install 'sfframe[jwt]'" in error_of(lambda: sfframe.read_soql("SELECT Id FROM Contact", org=org))
    assert "pip install 'sfframe[testing]'" in error_of(lambda: __import__("sfframe.testing"))


def screens_that_an_extra_is_for_name_it() -> None:
    result = empty_result()
    assert "pip install 'sfframe[excel]'" in error_of(lambda: result.to_excel(Path(tempfile.mkdtemp()) / "a.xlsx"))
    assert "pip install 'sfframe[plot]'" in error_of(result.plot)


def the_command_names_its_extra() -> None:
    for command in ([str(Path(sys.executable).with_name("sfframe"))], [sys.executable, "-m", "sfframe"]):
        ran = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (2, ""), ran
        assert "pip install 'sfframe[cli]'" in ran.stderr, ran


def no_extra_is_loaded() -> None:
    known = "altair click cryptography duckdb hypothesis IPython jwt lark pytest tqdm xlsxwriter sfframe.localorg"
    code = f"import sys, sfframe; print(*(set({known.split()}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "", ran.stdout


def empty_result() -> sfframe.IngestResult[pl.DataFrame]:
    """A result without an org: of a frame without rows, no job is made."""
    org = sfframe.Org("https://acme.my.salesforce.com", sfframe.AccessToken("none"))
    return sfframe.ingest(pl.DataFrame(DATA).clear(), *UPSERT, org=org, describe=False)


def error_of(call: Callable[[], Any]) -> str:
    """The message of the error that a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # whichever: its text is looked at
        return str(error)
    raise AssertionError("no error")


def main() -> None:
    promises = (
        it_is_the_installed_one,
        every_frame_gives_its_payload,
        a_call_without_an_org_tells_how_to_name_one,
        what_an_extra_is_for_names_it,
        screens_that_an_extra_is_for_name_it,
        the_command_names_its_extra,
        no_extra_is_loaded,
    )
    for promise in promises:
        promise()
        sys.stdout.write(f"  {promise.__name__.replace('_', ' ')}\n")


if __name__ == "__main__":
    main()
