"""Which request is meant: paths and methods of the API (wire notes, 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sfframe.localorg.wire import Refusal, not_found

_OLDEST, _LATEST = 31, 67
_SEASONS = ("Winter", "Spring", "Summer")
_DATA = re.compile(r"/services/data/v(\d+\.\d)(/.*)?")
_SOAP = re.compile(r"/services/Soap/u/(\d+\.\d)")
_IDENTITY = re.compile(r"/id/(\w+)/(\w+)")
# What came when (1).
_SINCE = {
    "/jobs/ingest": 41.0,
    "/jobs/query": 47.0,
    "query_pages": 58.0,
    "many_create": 42.0,
    "many_get": 42.0,
    "many_upsert": 46.0,
}


@dataclass(frozen=True, slots=True)
class Route:
    """A request as the org understands it.

    Attributes:
        kind: What is asked for; faults and the request log call it so.
        answer: The method that answers it; several of one kind may have their own.
        version: The API version in the path, where there is one.
        argument: The object or the job id in the path.
        detail: The kind of results, or the name of what isn't spoken.
        parts: All variable parts of the path, as they were sent.
    """

    kind: str
    answer: str
    version: str = ""
    argument: str = ""
    detail: str = ""
    parts: tuple[str, ...] = ()


# What stands in a record's place though it is none.
_NO_RESOURCE = r"(?!(?:describe|listviews|quickActions|relevantItems)(?:/|$))"
_IDENTITY_METHODS = {"GET": "identity", "POST": "identity"}
# What isn't below /services/data/v66.0, and what each method there is called.
_OUTSIDE: dict[str, dict[str, str]] = {
    "": {"GET": "page"},
    "/services/data": {"GET": "versions"},
    "/services/oauth2/token": {"POST": "token"},
    "/services/oauth2/userinfo": {"GET": "user_info", "POST": "user_info"},
    "/services/oauth2/revoke": {"GET": "revoke", "POST": "revoke"},
}
# Path below /services/data/v66.0, then what each method there is called.
_TABLE: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = (
    (re.compile(r""), {"GET": "resources"}),
    (re.compile(r"/limits"), {"GET": "limits"}),
    (re.compile(r"/sobjects"), {"GET": "sobjects"}),
    (re.compile(r"/sobjects/(\w+)/describe"), {"GET": "describe"}),
    (re.compile(r"/sobjects/(\w+)"), {"GET": "object_info", "POST": "row_create"}),
    (re.compile(r"/sobjects/(\w+)/(updated)"), {"GET": "updated"}),
    (re.compile(r"/sobjects/(\w+)/(deleted)"), {"GET": "deleted"}),
    (re.compile(r"/sobjects/(\w+)/(?:Id)"), {"POST": "row_create"}),
    (
        re.compile(rf"/sobjects/(\w+)/{_NO_RESOURCE}([^/]+)"),
        {"GET": "row_get", "PATCH": "row_update", "DELETE": "row_delete"},
    ),
    (
        re.compile(rf"/sobjects/(\w+)/{_NO_RESOURCE}([^/]+)/([^/]+)"),
        {"GET": "key_get", "PATCH": "key_upsert", "DELETE": "key_delete"},
    ),
    (re.compile(r"/composite"), {"POST": "composite"}),
    (re.compile(r"/composite/batch"), {"POST": "composite_batch"}),
    (
        re.compile(r"/composite/sobjects"),
        {"POST": "many_create", "PATCH": "many_update", "DELETE": "many_delete"},
    ),
    (re.compile(r"/composite/sobjects/(\w+)"), {"GET": "many_get", "POST": "many_post_get"}),
    (re.compile(r"/composite/sobjects/(\w+)/([^/]+)"), {"PATCH": "many_upsert"}),
    (re.compile(r"/jobs/ingest"), {"GET": "list", "POST": "create"}),
    (re.compile(r"/jobs/ingest/(\w+)"), {"GET": "get_job", "PATCH": "patch", "DELETE": "delete"}),
    (re.compile(r"/jobs/ingest/(\w+)/batches"), {"PUT": "put"}),
    (
        re.compile(r"/jobs/ingest/(\w+)/((?i:successfulResults|failedResults|unprocessedRecords))"),
        {"GET": "results"},
    ),
    (re.compile(r"/query"), {"GET": "query"}),
    (re.compile(r"/queryAll"), {"GET": "query_all"}),
    (re.compile(r"/(?:query|queryAll)/([\w-]+)"), {"GET": "query_more"}),
    (re.compile(r"/jobs/query"), {"GET": "query_list", "POST": "query_create"}),
    (re.compile(r"/jobs/query/(\w+)"), {"GET": "query_get", "PATCH": "query_patch", "DELETE": "query_delete"}),
    (re.compile(r"/jobs/query/(\w+)/(?i:results)"), {"GET": "query_results"}),
    (re.compile(r"/jobs/query/(\w+)/(?i:resultPages)"), {"GET": "query_pages"}),
)
# Answers that faults and the log know under a common name.
_KINDS: dict[str, str] = dict.fromkeys(
    (
        "query",
        "query_all",
        "query_more",
        "object_info",
        "row_create",
        "row_get",
        "row_update",
        "row_delete",
        "key_get",
        "key_upsert",
        "key_delete",
        "updated",
        "deleted",
        "many_create",
        "many_update",
        "many_upsert",
        "many_delete",
        "many_get",
        "many_post_get",
        "composite",
        "composite_batch",
    ),
    "rest",
) | dict.fromkeys(("user_info", "revoke"), "identity")
# Real resources that this org doesn't have; each is refused by its name.
_UNSPOKEN = (
    (re.compile(r"/sobjects/\w+/.*"), "this resource of an object"),
    (re.compile(r"/composite/(tree|graph)(/.*)?"), "trees and graphs of records"),
    (re.compile(r"/(composite|search|tooling|analytics|metadata|async|actions|ui-api)(/.*)?"), "this resource"),
)

_UNSPOKEN_OUTSIDE = (
    (re.compile(r"/services/async/.*"), "Bulk API 1, Bulk API 2.0 is at /services/data/vNN.0/jobs"),
    (re.compile(r"/services/Soap/.*"), "SOAP beyond the login of /services/Soap/u/NN.N"),
    (re.compile(r"/services/apexrest/.*"), "Apex"),
    (re.compile(r"/services/oauth2/.*"), "this endpoint of OAuth"),
)


def find_route(method: str, path: str) -> Route:
    """The route of a request.

    Args:
        method: The HTTP method.
        path: The raw path, without the query.

    Raises:
        Refusal: Nothing is there, the method isn't allowed, the version is retired, or it isn't spoken here.
    """
    # A trailing slash is accepted, a double one is not (3), but right behind the host: the CLI's own requests have
    # one there after a login by access token (forcedotcom/cli#814).
    path = "/" + path.strip("/") if path.strip("/") else ""
    if "//" in path:
        raise not_found()
    if methods := _OUTSIDE.get(path):
        return _allowed(method, methods, Route("", ""))
    if soap := _SOAP.fullmatch(path):
        return _allowed(method, {"POST": "token"}, Route("token", "token", version=soap[1], detail="soap"))
    if person := _IDENTITY.fullmatch(path):
        return _allowed(method, _IDENTITY_METHODS, Route("", "", parts=person.groups()))
    if data := _DATA.fullmatch(path):
        return _data_route(method, data[1], data[2] or "")
    for pattern, what in _UNSPOKEN_OUTSIDE:
        if pattern.fullmatch(path):
            raise _unspoken(what, method, path)
    raise not_found()


def versions() -> list[dict[str, str]]:
    """What `GET /services/data/` lists, the oldest first."""
    return [
        {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(_OLDEST, _LATEST + 1)
    ]


def _data_route(method: str, version: str, path: str) -> Route:
    if float(version) < _OLDEST:
        raise Refusal(410, "UNSUPPORTED_API_VERSION", f"The API version {version} is retired")
    if float(version) > _LATEST or not version.endswith(".0"):
        raise not_found()
    for pattern, methods in _TABLE:
        if match := pattern.fullmatch(path):
            if any(float(version) < since for what, since in _SINCE.items() if what in (path[:12], *methods.values())):
                raise not_found()
            argument, detail = (*match.groups(), "", "")[:2]
            return _allowed(method, methods, Route("", "", version, argument, detail.lower(), match.groups()))
    for pattern, what in _UNSPOKEN:
        if pattern.fullmatch(path):
            raise _unspoken(what, method, path)
    raise not_found()


def _unspoken(what: str, method: str, path: str) -> Refusal:
    return Refusal(501, "NOT_IMPLEMENTED", f"localorg does not speak {what}: {method} {path}")


def _allowed(method: str, methods: dict[str, str], route: Route) -> Route:
    # HEAD is answered like GET, without the body.
    answer = methods.get("GET" if method == "HEAD" else method)
    if answer is None:
        text = f"HTTP Method '{method}' not allowed. Allowed are {', '.join(sorted(methods))}"
        raise Refusal(405, "METHOD_NOT_ALLOWED", text)
    return replace(route, kind=_KINDS.get(answer, answer), answer=answer)


def _label(number: int) -> str:
    """57 is Spring '23, then three a year."""
    year, season = divmod(number - 57 + 1, 3)
    return f"{_SEASONS[season]} '{23 + year:02}"
