"""Failed calls: their causes, in messages without secrets."""

from __future__ import annotations

import importlib
import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from arena.base.errors import one_line


@dataclass(eq=False)
class CompletionError(Exception):
    """A failed call. `cause` is one of a few phrases that a summary counts by.

    `retry_after`: the seconds that the server asks to wait. `charged`: the call broke off after it
    was sent, so that it may cost money. `final`: every other call to this model will fail for the
    same cause.
    """

    cause: str
    message: str = ""
    retry_after: float = 0.0
    charged: bool = False
    final: bool = False

    def __str__(self) -> str:
        return f"{self.cause}: {one_line(self.message)}" if self.message else self.cause


class BrokenReply(Exception):
    """A reply with HTTP 200 that tells of an error, in its place or after half of the text."""

    def __init__(self, body: object) -> None:
        super().__init__(f"an error in the reply: {json.dumps(body, ensure_ascii=False)}")
        self.body = body


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
    message = redact(str(error), secrets)
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    if isinstance(error, sdk.APIConnectionError):
        cause = "timeout" if isinstance(error, sdk.APITimeoutError) else "connection"
        import httpx2

        message = redact(f"{error} {error.__cause__ or ''}", secrets)
        unsent = isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))
        return CompletionError(cause, message, charged=not unsent)
    if isinstance(error, BrokenReply):
        return CompletionError(_cause_in_reply(error.body), message, charged=True)
    if isinstance(error, (sdk.APIError, *UNREADABLE)):
        return CompletionError("malformed reply", message, charged=True)
    if type(error).__module__.startswith(CREDENTIAL_PACKAGES):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passing = kinds & UNREACHABLE or getattr(error, "retryable", False)
        return CompletionError("connection" if passing else "authentication", message)
    return CompletionError("internal error", redact(repr(error), secrets))


CAUSES = {
    400: "bad request",
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "no such model",
    408: "timeout",
    409: "server error",
    413: "context too long",
    422: "bad request",
    429: "rate limit",
}

# Causes in the providers' words, under statuses that stand for something else: retrying an empty
# account like a rate limit would wait for hours.
CAUSES_IN_WORDS = {
    "quota": r"http (400|403|429) .*(insufficient_quota|spend_limit|credit balance)",
    "authentication": r"http 400 .*(api key (not valid|expired)|api_key_invalid"  # Gemini, xAI
    r"|(incorrect|invalid) api key|invalid_api_key)",
    "context too long": r"http (400|422) .*(context[_ ]length|context size|maximum context|too long"
    r"|too many tokens)",
    "content filter": r"http 400 .*content[_ ]filter",
}

# A gateway's statuses for a server that it has asked, and that may do the paid work all the same.
LATE = (408, 504, 524)


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an HTTP status: by the provider's words, else by the status."""
    status = int(error.status_code)
    text = json.dumps(error.body, ensure_ascii=False) if error.body else str(error)
    message = f"HTTP {status} {redact(text, secrets)}"
    cause = CAUSES.get(status, "server error" if status >= 500 else "bad request")
    if status == 400 and getattr(error, "code", "") in (
        "unsupported_parameter",
        "unsupported_value",
    ):
        cause = "unsupported parameter"
    cause = cause_in_words(status, text) or cause
    wait = _retry_after(error.response.headers.get("retry-after", ""))
    return CompletionError(cause, message, retry_after=wait, charged=status in LATE)


def cause_in_words(status: int, text: str) -> str | None:
    """Find the cause of a failure in the words of a provider, None if they say no more than the
    status.
    """
    message = f"http {status} {text}".lower()
    causes = CAUSES_IN_WORDS.items()
    return next((cause for cause, words in causes if re.match(words, message, re.DOTALL)), None)


def _cause_in_reply(body: object) -> str:
    """Find the cause of an error that came with HTTP 200: by its words, else by its code."""
    text = json.dumps(body, ensure_ascii=False)
    code = re.search(r'"(?:code|status|status_code)": "?([45]\d\d)\b', text)
    status = int(code[1]) if code else 400
    if cause := cause_in_words(status, text):
        return cause
    if re.search("rate.?limit|too many requests", text, re.IGNORECASE):
        return "rate limit"
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
    """Replace the secrets in a text by `***`, also as URLs and JSON spell them.

    A secret of under eight characters stays: it could be a part of any word.
    """
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) >= 8:
            in_urls = {quote(secret, safe=safe, errors="replace") for safe in ("", "/")}
            spellings |= {secret, json.dumps(secret, ensure_ascii=False)[1:-1]} | in_urls
    # The longest first: one that begins with another would be given away by its rest.
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text
