"""Who is logged in, as the identity URL and the user info endpoint tell it (OAuth and OpenID Connect guides)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfframe.localorg.wire import plain

# What a client fills in itself: it knows which version it speaks.
_SOAP, _REST = "services/Soap/{kind}/{{version}}/{org}", "services/data/v{{version}}/{resource}"


def identity(record: Mapping[str, Any], org_id: str, origin: str) -> dict[str, Any]:
    """The answer of the identity URL.

    Args:
        record: The user's record.
        org_id: The org's id.
        origin: Scheme and host that the client has reached.
    """
    return {
        "id": identity_url(origin, org_id, record["Id"]),
        "asserted_user": True,
        "user_id": record["Id"],
        "organization_id": org_id,
        "username": record.get("Username"),
        "nick_name": record.get("Alias"),
        "display_name": record.get("Name"),
        "email": record.get("Email"),
        "email_verified": True,
        "first_name": record.get("FirstName"),
        "last_name": record.get("LastName"),
        "timezone": "GMT",
        "photos": {},
        "mobile_phone": None,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        **_circumstances(record, org_id, origin),
        "last_modified_date": plain(record.get("LastModifiedDate")),
        "is_app_installed": True,
    }


def user_info(record: Mapping[str, Any], org_id: str, origin: str) -> dict[str, Any]:
    """The same person in the words of OpenID Connect; arguments as of `identity`."""
    return {
        "sub": identity_url(origin, org_id, record["Id"]),
        "user_id": record["Id"],
        "organization_id": org_id,
        "preferred_username": record.get("Username"),
        "nickname": record.get("Alias"),
        "name": record.get("Name"),
        "email": record.get("Email"),
        "email_verified": True,
        "given_name": record.get("FirstName"),
        "family_name": record.get("LastName"),
        "zoneinfo": "GMT",
        "photos": {},
        "profile": f"{origin}/{record['Id']}",
        "address": {},
        "is_salesforce_integration_user": False,
        **_circumstances(record, org_id, origin),
        "updated_at": plain(record.get("LastModifiedDate")),
    }


def identity_url(origin: str, org_id: str, user_id: str) -> str:
    return f"{origin}/id/{org_id}/{user_id}"


def _circumstances(record: Mapping[str, Any], org_id: str, origin: str) -> dict[str, Any]:
    """What both tell in the same words."""
    return {
        "urls": _urls(origin, org_id, record["Id"]),
        "active": record.get("IsActive"),
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
    }


def _urls(origin: str, org_id: str, user_id: str) -> dict[str, str]:
    soap = {
        "enterprise": _SOAP.format(kind="c", org=org_id[:15]),
        "metadata": _SOAP.format(kind="m", org=org_id[:15]),
        "partner": _SOAP.format(kind="u", org=org_id[:15]),
    }
    rest = {"rest": "", "sobjects": "sobjects/", "search": "search/", "query": "query/"}
    paths = soap | {name: _REST.format(resource=resource) for name, resource in rest.items()} | {"profile": user_id}
    return {name: f"{origin}/{path}" for name, path in paths.items()}
