"""TODO."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from arena.base.errors import one_line


class CompletionError(Exception):
    """A call that failed for good; `cause` is one of a few words that a summary counts by.

    `final`: every other call to this model will fail for the same cause. `charged`: the call broke
    off after it was sent, and may have been paid for.
    """

    def __init__(
        self,
        cause: str,
        message: str = "",
        retry_after: float | None = None,
        *,
        charged: bool = False,
    ) -> None:
        super().__init__(f"{cause}: {one_line(message)}" if message else cause)
        self.cause = cause
        self.retry_after = retry_after
        self.charged = charged
        self.final = False


_CAUSES = {
    400: "bad request",
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "no such model",
    408: "timeout",
    413: "context too long",
    422: "bad request",
    429: "rate limit",
}


_TOO_LONG = (
    "context_length",
    "context length",
    "context size",
    "maximum context",
    "too long",
    "too many tokens",
)


# A gateway's words for a server that it has asked and that may answer all the same.
_LATE = (408, 504, 524)


# Finish reasons that stand for a fault: of OpenRouter, vLLM and SGLang, DeepSeek.
_BROKEN = ("error", "abort", "insufficient_system_resource")


# What the SDKs and the reading of a reply raise where it is not what it should be.
_UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError)


_NO_CREDIT = ("insufficient_quota", "spend_limit", "credit balance")


_BAD_KEY = (
    "api key not valid",  # Gemini
    "api key expired",
    "api_key_invalid",
    "incorrect api key",  # xAI
    "invalid api key",
    "invalid_api_key",
)


_UNSUPPORTED = ("unsupported_parameter", "unsupported_value")


_REASONING_REMEDY = (
    "a reasoning model wants api_type openai_thinking, or reasoning_effort in its entry"
)


# Packages whose errors say that a cloud's credentials cannot be had, and those that may pass.
_CREDENTIALS = ("google.auth.", "botocore.")


_NOT_REACHED = {"TransportError", "ConnectionError", "HTTPClientError"}


class BrokenReply(Exception):
    """A reply that ends in the middle, and says that this is the server's fault."""


def classified(error: Exception, sdk_name: str, secrets: Sequence[str]) -> CompletionError:
    """Return the SDK's exception as a CompletionError, without the secrets a server may repeat.

    Anything that is not the API's fault is an internal error.
    """
    sdk = importlib.import_module(sdk_name)
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    if isinstance(error, sdk.APIConnectionError):
        cause = "timeout" if isinstance(error, sdk.APITimeoutError) else "connection"
        message = without(secrets, f"{error} {error.__cause__ or ''}")
        return CompletionError(cause, message, charged=_was_sent(error))
    if isinstance(error, BrokenReply):
        return CompletionError("server error", without(secrets, str(error)), charged=True)
    if isinstance(error, (sdk.APIError, *_UNREADABLE)):
        return CompletionError("malformed reply", without(secrets, str(error)), charged=True)
    if type(error).__module__.startswith(_CREDENTIALS):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passing = kinds & _NOT_REACHED or getattr(error, "retryable", False)
        cause = "connection" if passing else "authentication"
        return CompletionError(cause, without(secrets, str(error)))
    return CompletionError("internal error", without(secrets, repr(error)))


def _was_sent(error: Exception) -> bool:
    """Whether a call was sent before its connection broke or its time was over."""
    import httpx2

    return not isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))


_USER_OR_QUERY = re.compile(r"(?<=://)[^/?#]+(?=@)|(?<=\?)[^#]+")


def without(secrets: Iterable[str], text: str) -> str:
    """Return the text with the secrets blotted out, also as URLs and JSON spell them; what is too
    short to be one stands.
    """
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) >= 8:
            in_urls = {quote(secret, safe=safe, errors="replace") for safe in ("", "/")}
            spellings |= {secret, json.dumps(secret, ensure_ascii=False)[1:-1]} | in_urls
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    status = int(error.status_code)
    text = json.dumps(error.body, ensure_ascii=False) if error.body else str(error)
    text = without(secrets, text)
    cause = _CAUSES.get(status, "server error" if status >= 500 or status == 409 else "bad request")

    def says(words: Sequence[str]) -> bool:
        return any(word in text.lower() for word in words)

    if status in (400, 403, 429) and says(_NO_CREDIT):
        cause = "quota"
    elif status == 400 and says(_BAD_KEY):
        cause = "authentication"
    elif status in (400, 422) and says(_TOO_LONG):
        cause = "context too long"
    elif status == 400 and says(("content_filter", "content filter")):
        cause = "content filter"
    elif status == 400 and getattr(error, "code", None) in _UNSUPPORTED:
        cause = "unsupported parameter"
        if "max_tokens" in text or "temperature" in text:
            return CompletionError(cause, f"{_REASONING_REMEDY}: HTTP 400 {text}")
    retry_after = _retry_after(error.response.headers)
    return CompletionError(cause, f"HTTP {status} {text}", retry_after, charged=status in _LATE)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which may be a date; None where it has none."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
