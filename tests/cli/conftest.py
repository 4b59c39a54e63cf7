"""What tests of the command line share: the command in this process, an environment that names the local org, files."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sfframe
from sfframe.__main__ import main
from sfframe.testing import Fault

CONTACTS = """\
ExternalId__c,LastName,Email,Description
C-1,007,ada@example.com,"two
lines"
C-2,NA,n/a,
C-3,1E5,,""
"""


class Ran(NamedTuple):
    """How a command ended, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def environment(local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell in an empty folder, whose variables name the local org."""
    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    for name, value in variables_of(local).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def variables_of(local: sfframe.LocalOrg) -> Mapping[str, str]:
    """The line that `sfframe local-org` prints."""
    names = {"URL": local.url, "CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret}
    return {f"SFFRAME_{name}": value for name, value in names.items()}


@pytest.fixture
def run(environment: None, capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("upsert", "contacts.csv", ...)`: a command, in this process, which doesn't wait between looks at a job."""

    def ran(*arguments: object) -> Ran:
        words = [str(word) for word in arguments]
        if words and words[0] in ("insert", "update", "upsert", "delete", "hard-delete"):
            words += ["--poll-interval", "0.01"]
        code = main(words)
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return Ran(code, out, err)

    return ran


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    """Three contacts, one of whom has an address that the org refuses."""
    path = tmp_path / "contacts.csv"
    path.write_text(CONTACTS, "utf-8")
    return path


UPSERT = ("Contact", "--external-id", "ExternalId__c")


@pytest.fixture
def ctrl_c(local: sfframe.LocalOrg) -> None:
    """Somebody presses Ctrl-C when the job, which never ends, is looked at for the first time."""
    pressed: list[object] = []

    def press(path: object) -> bool:
        if not pressed:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        pressed.append(path)
        return False

    local.faults += [Fault("job", "stuck"), Fault("get_job", "drop", match=press)]
