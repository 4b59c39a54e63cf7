"""For tests of code that uses Salesforce: bad days, and frames; needs `pip install 'sfframe[testing]'`.

    from sfframe.testing import Fault, chaos, frames

`Fault` and `chaos` are for `sfframe.LocalOrg(faults=...)`, `Manners` for its `manners=`; `frames` gives hypothesis
strategies. The fixtures `sfframe_org` and `sfframe_server` are pytest's once sfframe is installed.
"""

try:
    from sfframe.localorg import Fault, Manners  # the floor itself: rooms of it may be left from a try that failed
    from sfframe.localorg.desk import MetFault
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"sfframe.testing needs {error.name}, which is not installed: pip install 'sfframe[testing]'", name=error.name
    ) from error

from sfframe.testing.bad_days import chaos
from sfframe.testing.frames import frames
from sfframe.testing.refused import Refused

__all__ = ["Fault", "Manners", "MetFault", "Refused", "chaos", "frames"]
