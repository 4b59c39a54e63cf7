"""`GET /`: what is in the org, for a person in a browser. Nothing that is asked here changes anything."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sfframe.localorg.data.sql import run
from sfframe.localorg.ingest.job import Job
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.query.job import QueryJob
from sfframe.localorg.soql import Query, SoqlError
from sfframe.localorg.web.answers import Area, basic_credentials
from sfframe.localorg.web.html import Html, element, join, shortened, table, void
from sfframe.localorg.web.routes import Route

_ROWS = 200
_JOBS = 20
_ERRORS = 3
_MAX_SOQL = 20_000
_TONES = {"JobComplete": "good", "Failed": "bad", "Aborted": "soft"}
_LOCAL_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})


class Page(Area):
    """The page. Who wants to see it says client id and secret by HTTP Basic."""

    async def page(self, request: web.BaseRequest, route: Route) -> web.Response:
        # Another name that leads here is a stranger's page which has bent its own name to this machine.
        if not _LOCAL_HOST.fullmatch(request.headers.get("Host", "")):
            return _answer(421, element("p", "This page is shown under localhost alone."))
        if not self._knows(basic_credentials(request)):
            response = _answer(401, element("p", "User name and password are the client id and the client secret."))
            response.headers["WWW-Authenticate"] = 'Basic realm="sfframe local org", charset="UTF-8"'
            return response
        soql = request.query.get("soql", "")
        all_rows = request.query.get("all", "") == "on"
        return _answer(200, await self._run(self._whole, soql, all_rows))

    def _knows(self, credentials: tuple[str, str] | None) -> bool:
        tokens = self._org.tokens
        user, secret = credentials or ("", "")
        # Both are compared, whatever the first says, and each in the same time.
        matches = [
            hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
            for given, wanted in ((user, tokens.client_id), (secret, tokens.client_secret))
        ]
        return all(matches)

    # The parts of the page, each run where the database may be touched.

    def _whole(self, soql: str, all_rows: bool) -> Html:
        org = self._org
        facts = f"organization {org.org_id} · user {org.tokens.username}"
        return join(
            (
                element("h1", "Local org"),
                element("p", facts, class_="facts"),
                self._box(soql, all_rows),
                element("h2", "Objects"),
                self._objects(),
                element("h2", "Last jobs"),
                self._jobs(),
            )
        )

    def _box(self, soql: str, all_rows: bool) -> Html:
        area = element(
            "textarea", "\n" + soql, name="soql", id="soql", aria_label="SOQL", spellcheck="false", maxlength="20000",
            placeholder="SELECT Id, LastName FROM Contact LIMIT 50",
        )  # fmt: skip
        deleted = void("input", type="checkbox", name="all", value="on", checked=all_rows)
        form = element(
            "form",
            area,
            element("button", "Run SOQL"),
            element("label", deleted, " with deleted records"),
            method="get",
        )
        answer = self._answer_to(soql, all_rows) if soql.strip() else Html("")
        return join((element("h2", "Query"), form, answer))

    def _answer_to(self, soql: str, all_rows: bool) -> Html:
        if len(soql) > _MAX_SOQL:
            return element("pre", f"A statement here has at most {_MAX_SOQL:,} characters.", class_="error")
        try:
            query = self._org.compile(soql, all_rows=all_rows)
        except SoqlError as error:
            return element("pre", f"{error.code}: {error.message}", class_="error")
        if query.children:
            return element("pre", "Subqueries are answered by /query over REST, not by this page.", class_="error")
        return _result(query, self._fetch(query))

    def _fetch(self, query: Query) -> list[Any]:
        db = self._org.store.cursor()
        try:
            return run(db, f"SELECT * FROM ({query.sql}) LIMIT {_ROWS + 1}", query.parameters)
        finally:
            db.close()

    def _objects(self) -> Html:
        counts = self._org.store.counts()
        rows = (
            (
                element("a", sobject.name, href="?" + urlencode({"soql": _sample(sobject)})),
                str(sobject.answer.get("label", "")),
                f"{kept:,}",
                f"{deleted:,}" if deleted else "",
            )
            for sobject, (kept, deleted) in sorted(counts.items(), key=lambda item: item[0].name)
        )
        return table({"Object": "object", "Label": "aside", "Records": "number", "In the bin": "number"}, rows)

    def _jobs(self) -> Html:
        ingest, queries = self._org.jobs.latest(_JOBS), self._org.queries.latest(_JOBS)
        jobs: list[Job | QueryJob] = [*queries, *ingest]
        jobs = sorted(jobs, key=lambda job: job.created, reverse=True)[:_JOBS]
        if not jobs:
            return element("p", "None yet.", class_="soft")
        heads = {
            "Job": "id",
            "What": "what",
            "State": "state",
            "Records": "number",
            "Failed": "number",
            "Errors": "error",
        }
        errors = self._org.jobs.commonest_errors([job.id for job in ingest], _ERRORS)
        return table(heads, (_job_row(job, errors.get(job.id, [])) for job in jobs), class_="cards")


def _job_row(job: Job | QueryJob, errors: list[tuple[str, int]]) -> list[str]:
    told = [job.error_message] if job.error_message else []
    told += [f"{count:,} × {text}" for text, count in errors]
    records, failed = (job.processed, job.failed) if isinstance(job, Job) else (job.records, 0)
    return [
        element("span", job.id, title=job.created),
        f"{job.operation} {job.object}",
        element("span", job.state, class_=_TONES.get(job.state, "busy")),
        f"{records:,}",
        f"{failed:,}" if failed else "",
        element("ul", *(element("li", shortened(text)) for text in told), class_="plain") if told else "",
    ]


def _sample(sobject: SObject) -> str:
    """A statement that shows an object's first fields."""
    fields = [field.name for field in sobject.stored if field.part_of is None][:10]
    return f"SELECT {', '.join(fields)} FROM {sobject.name} LIMIT 50"


def _result(query: Query, rows: list[Any]) -> Html:
    if query.form == "count":
        return element("p", _counted(rows[0][0]), class_="told")
    if not rows:
        return element("p", "No records.", class_="told")
    heads = {".".join(output.path): "number" if output.type in _NUMBERS else "value" for output in query.outputs}
    told = f"The first {_ROWS} records; there are more." if len(rows) > _ROWS else _counted(len(rows))
    cells = ([_cell(value) for value in row] for row in rows[:_ROWS])
    return join((element("p", told, class_="told"), table(heads, cells, class_="result")))


def _counted(rows: int) -> str:
    return "One record." if rows == 1 else f"{rows:,} records."


def _cell(value: Any) -> str:
    if value is None:
        return element("span", "null", class_="null")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return shortened(str(value))


# --- the frame --------------------------------------------------------------------------------------------------------


def _answer(status: int, content: Html) -> web.Response:
    style, digest = _style()
    head = join(
        (
            void("meta", charset="utf-8"),
            void("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", "Local org"),
            void("link", rel="icon", href="data:,"),
            element("style", style),
        )
    )
    page = element("html", element("head", head), element("body", element("main", content)), lang="en")
    response = web.Response(status=status, text=f"<!doctype html>\n{page}\n", content_type="text/html")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'"
    response.headers.update(
        {
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
    )
    return response


@cache
def _style() -> tuple[Html, str]:
    """The page's style, and the digest by which the browser is told that it may be used."""
    style = Path(__file__).with_name("page.css").read_text("utf-8")
    return Html(style), base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
