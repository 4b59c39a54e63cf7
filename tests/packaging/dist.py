"""`python -m tests.packaging.dist FOLDER`: whether the wheel and the sdist in a folder are worth giving to anybody.

Two clean environments are made: one of the wheel alone, which has to work, to name the extras that it lacks, and to
have types; and one of the wheel with all that tests need, on which the tests of the sdist run, far from the sources.
What follows the folder is given to pytest, in place of a choice of tests that takes two minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PYRIGHT = HERE.parent / "typing" / "npm" / "node_modules" / ".bin" / "pyright"
# Some of each floor, what reads files of the project, and what starts processes of its own.
SOME = (
    "tests/frames/test_every_frame.py", "tests/ingest/test_payload.py", "tests/org/test_jobs.py",
    "tests/query/test_reading.py", "tests/result", "tests/testing/test_fixtures.py",
    "tests/packaging", "tests/packaging/by_jedi.py", "tests/test_completion.py", "tests/test_demo.py",
    "tests/documents/test_pages.py", "tests/test_layers.py", "tests/test_public_face.py",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """A clean environment with one distribution and what it asks for."""

    folder: Path

    @classmethod
    def by_pip(cls, folder: Path, requirement: str) -> Environment:
        """As a user makes one."""
        _say(f"installing {Path(requirement).name} into an environment of its own, by pip ...")
        venv.create(folder, with_pip=True)
        made = cls(folder)
        made.run("-m", "pip", "--disable-pip-version-check", "install", "--quiet", requirement)
        made.run("-m", "pip", "--disable-pip-version-check", "check")
        return made

    @classmethod
    def by_uv(cls, folder: Path, requirement: str) -> Environment:
        """The same in a fifth of the time, where there is much to install."""
        _say(f"installing {Path(requirement).name} into an environment of its own, by uv ...")
        venv.create(folder, with_pip=False)
        made = cls(folder)
        for words in (["install", "--quiet", requirement], ["check", "--quiet"]):
            subprocess.run([sys.executable, "-m", "uv", "pip", *words, "--python", made.python], check=True)
        return made

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, *arguments: str, cwd: Path | None = None) -> None:
        """Run its interpreter; nothing of the sources or of other environments is in its way."""
        subprocess.run([self.python, *arguments], cwd=cwd or self.folder, env=_environment(), check=True)


def try_alone(wheel: Path, folder: Path) -> Environment:
    alone = Environment.by_pip(folder / "alone", str(wheel))
    for name in ("alone.py", "user.py"):
        shutil.copy(HERE / name, alone.folder / name)
    _say("the wheel alone:")
    alone.run("alone.py")
    return alone


def try_types(alone: Environment, whole: Environment) -> None:
    """What type checkers say of a user's file where there is the wheel alone."""
    _say("a user's file, by mypy and pyright:")
    whole.run("-m", "mypy", "--strict", "--python-executable", alone.python, "user.py", cwd=alone.folder)
    if not PYRIGHT.exists():
        return _say("  pyright isn't there: `make types` installs it")
    settings = '{"include": ["user.py"], "typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": "error"}'
    (alone.folder / "pyrightconfig.json").write_text(settings, "utf-8")
    subprocess.run([PYRIGHT, "--pythonpath", alone.python], cwd=alone.folder, env=_environment(), check=True)
    return None


def try_tests(sdist: Path, whole: Environment, folder: Path, arguments: list[str]) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (sources,) = folder.glob("sfframe-*")
    # Tests must find what is installed.
    shutil.rmtree(sources / "sfframe")
    for beside in ("sfframe_command.py", "pytest_sfframe.py"):
        (sources / beside).unlink()
    _say("the sdist's tests, on the wheel:")
    whole.run("-m", "pytest", "-n", "auto", "--dist", "worksteal", *(arguments or SOME), cwd=sources)


def main() -> int:
    built = Path(sys.argv[1]).absolute()
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    for path in (wheel, sdist):
        _say(f"{path.name}: {path.stat().st_size / 1000:,.0f} kB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = try_alone(wheel, folder)
        whole = Environment.by_uv(folder / "whole", f"{wheel}[dev]")
        try_types(alone, whole)
        try_tests(sdist, whole, folder, sys.argv[2:])
    return 0


def _environment() -> dict[str, str]:
    left_out = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "SFFRAME_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{' '.join(map(str, failed.cmd))}: exit code {failed.returncode}")
