"""Spelled: signatures that name every option, for those who look at them while the program runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class _Elsewhere:
    def __repr__(self) -> str:
        return "..."


ELSEWHERE: Final = _Elsewhere()


def spelling(options: type, defaults: Mapping[str, Any] | None = None) -> Callable[[FunctionT], FunctionT]:
    """Make a decorator that names each option in the signature, in place of `**options`.

    IPython, notebooks and `help()` show and complete what `inspect.signature` says, and know nothing of `Unpack`.

    Args:
        options: The TypedDict that `**options` unpacks.
        defaults: What a call means that leaves an option out; `...` is shown for one that isn't there, since the
            default is another call's, or an org's.
    """
    known = defaults or {}
    more = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=known.get(name, ELSEWHERE),
            annotation=getattr(hint, "__forward_arg__", hint),  # as it is written, which is shorter than what it means
        )
        for name, hint in options.__annotations__.items()
    ]

    def spelled_out(function: FunctionT) -> FunctionT:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]  # known to inspect
        return function

    return spelled_out
