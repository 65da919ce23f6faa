"""Failed calls: their causes, in messages without secrets."""

from __future__ import annotations

import html
import importlib
import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from arena.base.errors import one_line


@dataclass(eq=False)
class CompletionError(Exception):
    """A failed call. `cause` is one of a few phrases that a summary counts by.

    `retry_after`: the seconds that the server asks to wait. `charged`: the call broke off after it
    was sent, so that it may cost money. `final`: every other call to this model will fail for the
    same cause. `of_prompt`: the prompt may be the reason, so that other prompts may be answered.
    """

    cause: str
    message: str = ""
    retry_after: float = 0.0
    charged: bool = False
    final: bool = False
    of_prompt: bool = False

    def __str__(self) -> str:
        return f"{self.cause}: {one_line(self.message)}" if self.message else self.cause


class BrokenReply(Exception):
    """A reply with HTTP 200 that tells of an error, in its place or after half of the text."""

    def __init__(self, body: object) -> None:
        super().__init__(f"an error in the reply: {json.dumps(body, ensure_ascii=False)}")
        self.body = body


class ReplyTooLarge(Exception):
    """A reply that is larger than any text of a model."""


# What the SDKs and the reading of a reply raise for a reply of an unexpected form.
UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError)

# Packages that find a cloud's credentials, and those of their errors that may pass.
CREDENTIAL_PACKAGES = ("google.auth.", "botocore.")
UNREACHABLE = {"TransportError", "ConnectionError", "HTTPClientError"}


def classify(error: Exception, sdk_name: str, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an exception of an SDK or of the reading of a reply, an internal error if
    it is none of these. Messages may repeat what was sent, so `secrets` are redacted.
    """
    sdk = importlib.import_module(sdk_name)
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    if any(isinstance(fault, ReplyTooLarge) for fault in (error, error.__cause__)):
        message = str(error.__cause__ or error)
        return CompletionError("reply too large", message, charged=True, of_prompt=True)
    if isinstance(error, sdk.APIConnectionError):
        return _connection_error(error, secrets)
    message = redact(str(error)[:LONGEST_MESSAGE], secrets)
    if isinstance(error, BrokenReply):
        cause = _cause_in_reply(error.body)
        return CompletionError(cause, message, charged=True, of_prompt=cause in PROMPT_CAUSES)
    if isinstance(error, (sdk.APIError, *UNREADABLE)):
        return CompletionError("malformed reply", message, charged=True, of_prompt=True)
    if type(error).__module__.startswith(CREDENTIAL_PACKAGES):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passing = kinds & UNREACHABLE or getattr(error, "retryable", False)
        return CompletionError("connection" if passing else "authentication", message)
    return CompletionError("internal error", redact(repr(error), secrets), of_prompt=True)


# A server may send megabytes of an error, and looking for secrets and causes takes time.
LONGEST_MESSAGE = 20_000


def _connection_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of a call without a reply, or with one whose compression is broken."""
    import httpx2

    reason = error.__cause__
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(reason or "")) or str(error)
    message = redact(text[:LONGEST_MESSAGE], secrets)
    if isinstance(reason, httpx2.DecodingError):
        return CompletionError("malformed reply", message, charged=True, of_prompt=True)
    if isinstance(reason, httpx2.ConnectTimeout):
        return CompletionError("connection", f"no connection in time: {message}")
    cause = "timeout" if isinstance(reason, httpx2.TimeoutException) else "connection"
    return CompletionError(cause, message, charged=not isinstance(reason, httpx2.ConnectError))


CAUSES = {
    400: "bad request",
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "wrong address",
    405: "wrong address",
    408: "timeout",
    409: "server error",
    413: "context too long",
    422: "bad request",
    429: "rate limit",
}

# Causes in the providers' words, under statuses that stand for something else: retrying an empty
# account like a rate limit would wait for hours, and a refused prompt is not a wrong key.
CAUSES_IN_WORDS = (
    (
        "quota",
        (400, 403, 429),
        r"insufficient_quota|spend(ing)?[_ ]limit|credit balance|available credits|arrearage",
    ),
    (
        "authentication",
        (400, 403),
        r"api key (not valid|expired)|api_key_invalid|(incorrect|invalid) api key|invalid_api_key",
    ),
    (
        "context too long",
        (400, 422, 500),
        r"(context|prompt|input|sequence|model)[_ -]?(length|len|size|limit|window)\b.{0,60}"
        r"(exceed|limit|long|maximum|should be|is \d)|context_length_exceeded"
        r"|(exceed|long|larg|maximum|available).{0,60}"
        r"\b(context|prompt|input|sequence|model)[_ -](length|len|size|limit|window)\b"
        r"|max_(model|seq|sequence|input)_len|maximum context|too long|too many (input )?tokens"
        r"|(input|prompt) tokens? .{0,80}exceed|token (count|limit).{0,60}exceed"
        r"|exceed.{0,60}token (count|limit)|exceeds? (the )?max(imum)? length"
        r"|(prompt|input) (is )?too (large|big)|prompt contains \d+ tokens"
        r"|inputs?\b.{0,80}must (be <=|have less)|reduce the (length|size) of"
        r"|string_above_max_length|超长",
    ),
    (
        "content filter",
        (400, 403, 422, 451),
        r"content[_ ]?(filter|policy|management|moderation|exists risk|violat)|moderation|flagged"
        r"|(violat|against|breach).{0,60}(polic|guideline|terms)|usage (guideline|polic)"
        r"|acceptable use|safety[_ ](check|system|violation|polic|filter|setting|reason)"
        r"|data_?inspection|inappropriate|invalid_prompt|responsibleai|prohibited[_ ]content"
        r"|(sensitive|harmful|unsafe|unethical|illegal) (content|words|information)|new_sensitive"
        r"|high[_ ]risk|guardrail|blocked.{0,40}(safety|polic|filter|content)|敏感|违规",
    ),
    (
        "no such model",
        (400,),
        r"model_not_found|(no such|unknown|invalid|not a valid) model",
    ),
    # OpenAI's models that reason, if no token is left for the answer.
    ("cut off at max_tokens", (400,), r"(max_\w*tokens|output limit) .{0,40}(was|were) reached"),
    # An address that does not exist may be repeated, with /models/ in its path.
    ("no such model", (404,), r"(?<![/\w])(models?\b|model_|deployment)|no endpoints"),
)

# A gateway's statuses for a server that it has asked, and that may do the paid work all the same.
LATE = (408, 504, 524)


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an HTTP status: by the provider's words, else by the status."""
    status, url = int(error.status_code), str(error.response.url)
    text = json.dumps(error.body, ensure_ascii=False) if error.body else str(error)
    text = redact(text[:LONGEST_MESSAGE], secrets)
    message = f"HTTP {status} {text}"
    if 300 <= status < 400:
        here = shown_address(url, secrets)
        there = shown_address(urljoin(url, error.response.headers.get("location", "")), secrets)
        advice = "Set api_base to an address that answers. Keys and prompts follow no redirect."
        return CompletionError("redirected", f"HTTP {status} from {here} to {there}. {advice}")
    cause = cause_in_words(status, text)
    if cause is None:
        cause = CAUSES.get(status, "server error" if status >= 500 else "bad request")
        if status == 400 and getattr(error, "code", "") in (
            "unsupported_parameter",
            "unsupported_value",
        ):
            cause = "unsupported parameter"
    if cause == "wrong address":
        message = f"HTTP {status} at {shown_address(url, secrets)}. {_address_advice(url)} {text}"
    return CompletionError(
        cause,
        message,
        retry_after=_retry_after(error.response.headers.get("retry-after", "")),
        charged=status in LATE,
        of_prompt=cause in PROMPT_CAUSES or (status == 403 and cause == "authentication"),
    )


# Of 403s too: it stands for a key that may not do this, and for a prompt that nobody may send.
PROMPT_CAUSES = ("bad request", "context too long", "content filter", "cut off at max_tokens")


def cause_in_words(status: int, text: str) -> str | None:
    """Find the cause of a failure in the words of a provider, None if they say no more than the
    status.
    """
    for cause, statuses, words in CAUSES_IN_WORDS:
        if status in statuses and re.search(words, text, re.IGNORECASE):
            return cause
    return None


def _address_advice(url: str) -> str:
    """Return the question that a wrong address raises."""
    path = urlsplit(url).path
    if "/v1/v1/" in path:
        return "Does api_base end in /v1? For this api_type it should not."
    if re.search(r"/v\d\w*/", path):
        return "Is api_base right, with this /v1 at its end?"
    return "Does api_base end in /v1?"


def shown_address(url: str, secrets: Iterable[str]) -> str:
    """Return an address as messages show it: without user, password, query and secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return one_line(f"{parts.scheme}://{host}{redact(parts.path, secrets)}", 120)


def _cause_in_reply(body: object) -> str:
    """Find the cause of an error that came with HTTP 200: by its words, else by its code."""
    text = json.dumps(body, ensure_ascii=False)
    code = re.search(r'"(?:code|status|status_code)": "?([45]\d\d)\b', text)
    status = int(code[1]) if code else 400
    if cause := cause_in_words(status, text):
        return cause
    if re.search("rate.?limit|too many requests", text, re.IGNORECASE):
        return "rate limit"
    if re.search("unauthori[sz]ed", text, re.IGNORECASE):
        return "authentication"
    if "invalid_request" in text:
        return "bad request"
    return CAUSES.get(status, "server error") if code else "server error"


def _retry_after(value: str) -> float:
    """Read the seconds of a Retry-After header, which may be a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace the secrets in a text by `***`, also as URLs, JSON, HTML and Python spell them.

    A secret of under eight characters stays, since it could be a part of any word, unless it is
    the password of an address.
    """
    text = re.sub(r"(://[^/?#\s:@]*):[^/?#\s]+@", r"\1:***@", text)
    spellings: set[str] = set()
    for written in secrets:
        for secret in {written, unquote(written)} if len(written) >= 8 else ():
            in_urls = {quote(secret, safe=safe, errors="replace") for safe in ("", "/")}
            in_json = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
            spellings |= in_urls | in_json
            spellings |= {secret, html.escape(secret), repr(secret)[1:-1]}
    # The longest first: one that begins with another would be given away by its rest.
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text
