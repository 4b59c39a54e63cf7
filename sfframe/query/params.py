"""Params: values put into SOQL, each as SOQL writes its type; never pasted. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfframe.errors import SoqlError
from sfframe.query.soql import tokens


def quote_soql(value: Any) -> str:
    """A value as SOQL writes it."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def bind(soql: str, params: Mapping[str, Any] | None) -> str:
    """A statement with its `:names` replaced by values.

    Raises:
        SoqlError: A name too many or too few, or a value that SOQL can't write.
    """
    if not params:
        return soql
    out, at = [], 0
    for token in tokens(soql):
        if token.kind == "bind":
            name = token.value.removeprefix(":")
            if name not in params:
                raise SoqlError(f"no value for :{name}")
            out += [soql[at : token.start], quote_soql(params[name])]
            at = token.end
    return "".join([*out, soql[at:]])
