"""What an org answers, as a value, and the one door where a refusal becomes an error. No I/O."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from sfframe.errors import ApiError, AuthenticationError

_MAX_TEXT: Final = 400  # characters of an answer that an error quotes
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Passing faults of the edge and the org (wire notes, 9.2). 500 counts where a repetition does no harm.
PASSING: Final = frozenset({420, 429, 500, 502, 503, 504})
NO_WORD: Final = "no explanation was given"
_HALF_A_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)  # `lower` makes two characters of some
_SORT_OF_TAG: Final = re.compile(r"<(?:!--|script\b|style\b)")
_CLOSING: Final = {"<!--": "-->", "<script": "</script", "<style": "</style"}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the org.

    Attributes:
        status: The HTTP status.
        headers: Header names in lower case.
        body: The body as it came, decompressed; empty if it went into a sink.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """All that was asked for. Nobody asked for a range; 304 is one where it was asked what has changed."""
        return 200 <= self.status < 300 and self.status != 206

    @property
    def is_redirect(self) -> bool:
        return self.status in REDIRECTS

    @property
    def is_page(self) -> bool:
        """Whether it is HTML, for people, whatever was asked for."""
        return "html" in self.headers.get("content-type", "").lower() or self.body[:64].lstrip()[:1] == b"<"

    def without(self, secrets: Iterable[str]) -> Response:
        """The same, should the answer repeat a secret, without it; as it is or as forms, HTML and JSON write it."""
        body, headers = self.body, dict(self.headers)
        for secret in filter(None, secrets):
            for written in sorted(_ways_to_write(secret), key=len, reverse=True):
                body = body.replace(written.encode(), "…".encode())
                headers = {name: value.replace(written, "…") for name, value in headers.items()}
        return replace(self, headers=headers, body=body)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ApiError: The body is something else, such as the page of a proxy.
        """
        found, problem = parsed(self.body)
        if problem:
            raise ApiError(problem, status=self.status)
        return found


def parsed(body: bytes, *, number: Callable[[str], Any] | None = None) -> tuple[Any, str | None]:
    """JSON, or why it is none. The parser's own error isn't handed on: it holds the whole text.

    Texts hold no halves of surrogate pairs, which could be written nowhere.

    Args:
        body: UTF-8, as a rule.
        number: Reads numbers, in place of `int` and `float`.
    """
    try:
        text = body.decode(json.detect_encoding(body))
        found = json.loads(text, parse_constant=_refuse, parse_int=number, parse_float=number)
        if "\\u" in text and _HALF_A_PAIR.search(text):
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            found = json.loads(whole, parse_int=number, parse_float=number)
        return found, None
    except (ValueError, RecursionError):
        # What was to be JSON is data, or a token: no message quotes it.
        if body.lstrip()[:1] in (b"{", b"[", b'"'):
            return None, "the answer is JSON that can't be read to its end"
        return None, f"the answer isn't JSON but {_text_of(body) or 'empty'!r}"


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")  # Python takes NaN and Infinity


def _ways_to_write(text: str) -> set[str]:
    in_forms = {quote(text, safe=""), quote_plus(text)}
    in_html = {html.escape(text), html.escape(text, quote=False)}
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return {text} | in_forms | in_html | in_json


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """API calls of the last 24 hours, as the org counted them at its last answer."""

    used: int
    max: int


def api_usage(header: str | None) -> ApiUsage | None:
    """Read `Sforce-Limit-Info: api-usage=123/15000; per-app-api-usage=...`."""
    found = re.search(r"(?<![\w-])api-usage=([0-9]{1,18})/([0-9]{1,18})(?![0-9])", header or "")
    return ApiUsage(int(found[1]), int(found[2])) if found else None


def error_of(response: Response, *, job_id: str | None = None) -> ApiError | AuthenticationError:
    """The error that a refusal is; the request may have been about a job."""
    code, message = refusal(response)
    if response.status == 401:
        return AuthenticationError(f"401: the org doesn't take the token: {message}", error_code=code)
    return ApiError(message, status=response.status, error_code=code, job_id=job_id)


def passes(response: Response) -> bool:
    """Whether the same request may fare better later; whether it may be sent again is another matter."""
    return response.status in PASSING or is_concurrency_limit(response)


def is_concurrency_limit(response: Response) -> bool:
    """Too many long requests at once: passes, unlike the 24 hours' limit of the same code."""
    if response.status != 403:
        return False
    code, message = refusal(response)
    return code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" in message.lower()


def retry_after_s(response: Response, *, now: datetime | None = None) -> float | None:
    """The wait that the org asks for, in seconds; it may be given as seconds or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    moment = moment_of(text)
    return None if moment is None else max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def moment_of(header: str) -> datetime | None:
    """A date as headers have it, in UTC; `None` if it is none."""
    try:
        moment = parsedate_to_datetime(header)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def path_of(url: Any) -> str:
    """An address in an answer as requests take it; orgs leave the slash at its beginning away at times.

    Raises:
        ApiError: It is no address of the API's resources.
    """
    if not isinstance(url, str) or not re.fullmatch(r"[!-~]+", url):
        raise ApiError("the answer names as an address what is none")
    given = url if url.startswith(("/", "http:", "https:")) else f"/{url}"
    if not _is_resource(given):
        raise ApiError("the answer names as an address what is none of the API's resources")
    return given


def _is_resource(url: str) -> bool:
    """Whether the path is one below /services/data/ that nobody on the way could read as another one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    steps = unquote(parts.path).split("/")
    is_plain = not parts.fragment and not any(step in ("", ".", "..") or "\\" in step for step in steps[1:])
    return is_plain and parts.path.startswith("/services/data/") and (parts.scheme != "") == (parts.netloc != "")


def refusal(response: Response) -> tuple[str | None, str]:
    """Code and message of a refusal of any shape: a JSON array, an object, a page of HTML, nothing."""
    if response.is_redirect:
        place = _host_in(response.headers.get("location", "")) or "another address"
        return None, f"the org sends on to {place}; requests with a token aren't sent on"
    code, message = refusal_in(parsed(response.body)[0])
    return code, message or _text_of(response.body) or NO_WORD


def refusal_in(content: Any) -> tuple[str | None, str | None]:
    """Code and message of a refusal in JSON, `None` for what it doesn't have."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return None, None
    code = _word(first, "errorCode", "error")
    return code, _word(first, "message", "error_description") or code


def _word(answer: Mapping[str, Any], *names: str) -> str | None:
    found = next((answer[name] for name in names if answer.get(name)), None)
    return shortened(str(found)) or None if isinstance(found, str | int | float) else None


def _host_in(url: str) -> str | None:
    try:
        return shortened(urlsplit(url).hostname or "") or None
    except ValueError:
        return None


def _text_of(body: bytes) -> str:
    text = body[:20_000].decode("utf-8", errors="replace")
    return shortened(html.unescape(" ".join(_between_tags(text))) if "<" in text else text)


def _between_tags(page: str) -> Iterator[str]:
    """The texts of a page, without comments, scripts and styles. Each character is looked at once."""
    folded, at = page.translate(_LOWER), 0
    while (start := page.find("<", at)) >= 0:
        yield page[at:start]
        sort = _SORT_OF_TAG.match(folded, start)
        closing = _CLOSING.get(sort[0], ">") if sort else ">"
        end = folded.find(closing, start)
        if end < 0:  # no tag, or one that was cut
            at = start if closing == ">" else len(page)
            break
        at = end + len(closing) if closing in (">", "-->") else folded.find(">", end) + 1 or len(page)
    yield page[at:]


def shortened(text: str) -> str:
    """One line of a text of the org's, fit for a message."""
    # No control characters: a terminal would obey them, and so would who reads a log.
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 50 * _MAX_TEXT]).split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"
