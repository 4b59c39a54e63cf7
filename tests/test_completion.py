"""Verbs and options are offered where they are typed: by IPython, in notebooks, and by `help()`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jedi.cache
import parso.cache
import polars as pl
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import sfframe

INGEST = {*sfframe.IngestOptions.__annotations__, "org"}
READ = {*sfframe.ReadOptions.__annotations__}
VERBS = {"insert", "update", "upsert", "delete", "hard_delete", "check", "plan", "lookup"}
ACCESSOR = VERBS | {f"{verb}_async" for verb in VERBS} | {"payloads"}

Complete = Callable[[str], set[str]]


def shell_in(folder: Path) -> Any:
    """A shell of IPython in which a user has frames; it reads no profile and keeps no history."""
    make: Any = InteractiveShell
    shell = make(ipython_dir=str(folder), config=Config({"HistoryManager": {"enabled": False}}))
    df = pl.DataFrame({"LastName": ["Ng"]})
    shell.user_ns.update(sfframe=sfframe, df=df.to_pandas(), polars_df=df, lf=df.lazy(), verbs=sfframe.bulk(df))
    # Without jedi IPython looks at no attribute of a Polars frame otherwise.
    shell.Completer.evaluation = "unsafe"
    return shell


def offered(shell: Any, code: str, *, by_jedi: bool) -> set[str]:
    """What is offered behind some code, such as `df.sfbulk.`."""
    shell.Completer.use_jedi = by_jedi
    with provisionalcompleter():
        return {one.text.lstrip(".") for one in shell.Completer.completions(code, len(code))}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield shell_in(tmp_path_factory.mktemp("ipython"))
    # What jedi keeps is a million objects, among which the tests that come after would look for garbage.
    parso.cache.parser_cache.clear()
    jedi.cache.clear_time_caches(delete_all=True)


CALLS = {
    "df.sfbulk.upsert('Contact', 'ExternalId__c', ": INGEST,
    "polars_df.sfbulk.update('Contact', ": INGEST,
    "lf.sfbulk.delete_async('Contact', ": INGEST,
    "polars_df.sfbulk.check('Contact', 'insert', ": INGEST,
    "verbs.payloads('Contact', 'insert', ": INGEST,
    "sfframe.ingest(df, 'Contact', 'insert', ": INGEST,
    "sfframe.ingest_async(df, 'Contact', 'insert', ": INGEST,
    "sfframe.read_soql('SELECT Id FROM Contact', ": READ | {"backend", "dtype_backend"},
    "sfframe.sink_soql_async('SELECT Id FROM Contact', 'a.csv', ": READ | {"format"},
    "df.sfbulk.lookup('Contact', 'Id', [], ": {"on", "suffix", "org", "api", "timeout"},
    "sfframe.Org.from_cli('my-alias', ": {"api_version", "quota_reserve", "defaults", "proxy", "ca"},
}


def test_the_accessor_offers_every_verb_and_its_async_twin(shell: Any) -> None:
    for frame in ("df", "polars_df", "lf"):
        assert offered(shell, f"{frame}.sfbulk.", by_jedi=False) >= ACCESSOR, frame


def test_a_call_offers_every_option(shell: Any) -> None:
    for call, options in CALLS.items():
        assert offered(shell, call, by_jedi=False) >= {f"{option}=" for option in options}, call


def test_a_name_for_the_verbs_of_a_polars_frame_offers_them_without_jedi_as_ipython_comes(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell.Completer, "evaluation", "limited")
    assert offered(shell, "verbs.", by_jedi=False) >= ACCESSOR
    assert offered(shell, "verbs.insert('Contact', ", by_jedi=False) >= {f"{option}=" for option in INGEST}


def test_jedi_offers_verbs_and_options_too(shell: Any) -> None:
    # On frames it does so in `tests/packaging/by_jedi.py`: all of pandas is read for that, half a minute long.
    assert offered(shell, "verbs.", by_jedi=True) >= ACCESSOR
    assert offered(shell, "sfframe.ingest(df, ", by_jedi=True) >= {f"{option}=" for option in INGEST}


def test_help_names_every_option_with_its_default(shell: Any) -> None:
    told = shell.object_inspect("df.sfbulk.upsert", detail_level=0)["definition"]
    for shown in ("columns", "nulls", "'ignore'", "max_concurrent_jobs", "100000000", "on_failure", "'warn'"):
        assert shown in told


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of the face, and the methods of its classes."""
    for name in sfframe.__all__:
        thing = getattr(sfframe, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            for method, function in inspect.getmembers(thing, inspect.isroutine):
                if not method.startswith("_") and "sfframe" in (getattr(function, "__module__", None) or ""):
                    yield f"{name}.{method}", function


def test_no_signature_hides_its_options_behind_two_stars() -> None:
    hidden = [
        name
        for name, function in callables()
        if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values())
    ]
    assert hidden == []
