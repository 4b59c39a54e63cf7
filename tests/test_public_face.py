"""What `import sfframe` promises."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pandas as pd
import polars as pl
import pytest

import sfframe


def test_all_names_are_there_and_no_others() -> None:
    public = {name for name in vars(sfframe) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(sfframe, name)).__name__ == "module"}
    assert public - modules == set(sfframe.__all__)
    assert sfframe.__all__ == sorted(sfframe.__all__, key=lambda name: (name.lower(), name)) or sorted(
        sfframe.__all__
    ) == sorted(set(sfframe.__all__))


@pytest.mark.parametrize("frame", [pl.DataFrame({"a": [1]}), pl.LazyFrame({"a": [1]}), pd.DataFrame({"a": [1]})])
def test_the_accessor_has_every_verb_and_its_async_twin(frame: object) -> None:
    namespace = frame.sfbulk  # type: ignore[attr-defined]  # accessors are invisible to type checkers
    for verb in ("insert", "update", "upsert", "delete", "hard_delete", "check", "plan", "lookup"):
        assert callable(getattr(namespace, verb))
        assert callable(getattr(namespace, f"{verb}_async"))
        assert getattr(namespace, verb).__name__ == verb
        assert getattr(namespace, verb).__doc__ == getattr(namespace, f"{verb}_async").__doc__
    assert callable(namespace.payloads)


def test_every_error_is_an_sfframe_error_but_ctrl_c() -> None:
    errors = [v for v in vars(sfframe).values() if isinstance(v, type) and issubclass(v, BaseException)]
    strangers = {e for e in errors if not issubclass(e, sfframe.SfframeError | Warning)}
    assert strangers == {sfframe.Interrupted}
    assert issubclass(sfframe.Interrupted, KeyboardInterrupt)
    assert issubclass(sfframe.UnsupportedTypeError, sfframe.PayloadError)
    assert issubclass(sfframe.SchemaError, sfframe.PayloadError)
    assert issubclass(sfframe.OutcomeUnknown, sfframe.JobTimeout)


def test_errors_travel_between_processes_with_all_they_carry() -> None:
    error = sfframe.ApiError("no", status=400, error_code="INVALIDJOB", job_id="750")
    again = pickle.loads(pickle.dumps(error))
    assert (again.status, again.error_code, again.job_id, str(again)) == (400, "INVALIDJOB", "750", str(error))
    assert pickle.loads(pickle.dumps(sfframe.Interrupted("x", job_ids=["a"]))).job_ids == ("a",)


def test_importing_loads_neither_the_local_org_nor_what_only_extras_bring() -> None:
    unwanted = (
        "sfframe.localorg", "sfframe.cli", "sfframe.testing", "IPython", "altair", "click", "cryptography", "duckdb",
        "hypothesis", "jwt", "lark", "pytest", "tqdm", "xlsxwriter",
    )  # fmt: skip
    code = f"import sys, sfframe; print([m for m in sys.modules if m.startswith({unwanted})])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_an_option_that_does_not_exist_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(TypeError, match="did you mean 'max_records'"):
        sfframe.bulk(pl.DataFrame({"a": [1]})).insert("Contact", max_record=1, describe=False)  # type: ignore[call-arg]  # on purpose


def test_without_an_org_the_ways_to_name_one_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SFFRAME_URL", "SFFRAME_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(sfframe.NoOrgError, match="set_default_org"):
        sfframe.bulk(pl.DataFrame({"LastName": ["a"]})).insert("Contact")
