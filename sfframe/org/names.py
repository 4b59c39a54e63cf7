"""Names that may stand in a path or a job: one that is none could mean another resource. No I/O."""

from __future__ import annotations

import re
from typing import Any, Final

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # 18 letters and digits in an org; others' servers have their own
_VERSION: Final = re.compile(r"[0-9]{1,4}\.[0-9]{1,2}")
_LOCATOR: Final = re.compile(r"[!-~]{1,4096}")


def is_name(given: Any) -> bool:
    """Whether this can be the API name of an object or a field: letters, digits and underscores."""
    return isinstance(given, str) and _NAME.fullmatch(given) is not None


def is_job_id(given: Any) -> bool:
    """Whether this can be the id of a job: letters and digits."""
    return isinstance(given, str) and _JOB_ID.fullmatch(given) is not None


def is_locator(given: Any) -> bool:
    """Whether this can be the locator of a page: ASCII without blanks."""
    return isinstance(given, str) and _LOCATOR.fullmatch(given) is not None


def sobject_name(given: str) -> str:
    """The name of an object, as it stands.

    Raises:
        ValueError: It can't be one.
    """
    if not is_name(given):
        raise ValueError(f"{given!r} is no API name of an object: letters, digits and underscores, such as 'Contact'")
    return given


def field_name(given: str) -> str:
    """The name of a field, as it stands.

    Raises:
        ValueError: It can't be one.
    """
    if not is_name(given):
        raise ValueError(f"{given!r} is no API name of a field: letters, digits and underscores, such as 'Ext__c'")
    return given


def job_id(given: str) -> str:
    """The id of a job, as it stands.

    Raises:
        ValueError: It can't be one.
    """
    if not is_job_id(given):
        raise ValueError(f"{given!r} is no id of a job: letters and digits, such as '7505e00000Abc12AAB'")
    return given


def api_version(given: str) -> str:
    """A version, as it stands in paths.

    Raises:
        ValueError: It can't be one.
    """
    if not _VERSION.fullmatch(str(given)):
        raise ValueError(f"{given!r} is no API version as jobs tell it, such as '66.0'")
    return given


def locator(given: str) -> str:
    """The locator of a page, as it stands.

    Raises:
        ValueError: It can't be one.
    """
    if not is_locator(given):
        raise ValueError(f"{given!r} is no locator: take it from the page before")
    return given
