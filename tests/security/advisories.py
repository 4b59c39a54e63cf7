"""Ask whether what is installed has known holes: `python -m tests.security.advisories`, a part of `make check`.

Ends with 1 if a distribution is known to be vulnerable. Where the advisories can't be asked, for want of a network or
behind an index that has none, nothing is known: it says so and ends with 0, since that is no fault of the code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

# Advisories that don't concern us: the id, and why. None so far.
IGNORED: Final[Mapping[str, str]] = {}
_OF_PYTHON: Final = ("pip", "setuptools")  # put into each environment by Python itself; nothing of ours needs them
_PATIENCE_S: Final = 90
_UNKNOWN: Final = "THE ADVISORIES COULD NOT BE ASKED, so nothing is known about holes in dependencies"


def verdict(code: int, out: str, err: str) -> tuple[int, str]:
    """What pip-audit's end means.

    Args:
        code: Its exit code.
        out: Its standard output: JSON.
        err: What else it said.

    Returns:
        Our own exit code, and what to say.
    """
    try:
        listed: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, LookupError, TypeError):
        if code == 0 or "Connection" in err or "Timeout" in err:
            return 0, f"{_UNKNOWN}: {_last_line(err)}"
        return 1, f"pip-audit failed: {_last_line(err)}"
    listed = [one for one in listed if one["name"] not in _OF_PYTHON]
    holes = [(one, hole) for one in listed for hole in one.get("vulns", ())]
    if holes:
        return 1, "\n".join(
            f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
            for one, hole in holes
        )
    asked = [one for one in listed if "skip_reason" not in one]
    if not asked:
        return 0, f"{_UNKNOWN}: none of {len(listed)} distributions was found"
    return 0, f"no known hole in {len(asked)} of {len(listed)} distributions"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]


def main() -> int:
    """Run pip-audit on this environment; gives the exit code."""
    ignored = [word for name in IGNORED for word in ("--ignore-vuln", name)]
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json", *ignored]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off", "--timeout", "10"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        code, said = 0, f"{_UNKNOWN}: no answer within {_PATIENCE_S} s"
    else:
        code, said = verdict(done.returncode, done.stdout, done.stderr)
    sys.stdout.write(f"pip-audit: {said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
