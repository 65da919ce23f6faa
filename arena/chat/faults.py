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
    """A reply with HTTP 200 that tells of an error, after half of the text if it `has_begun`."""

    def __init__(self, body: object, *, has_begun: bool = True) -> None:
        super().__init__(f"an error in the reply: {json.dumps(body, ensure_ascii=False)}")
        self.body, self.has_begun = body, has_begun


class ReplyTooLarge(Exception):
    """A reply that is larger than any text of a model."""


# A server may send megabytes of an error, and looking for secrets and causes takes time.
LONGEST_MESSAGE = 20_000

# What the SDKs and the reading of a reply raise for a reply of an unexpected form.
UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError)

# Packages that find a cloud's credentials, and those of their errors that may pass.
CREDENTIAL_PACKAGES = ("google.auth.", "botocore.")
UNREACHABLE = {"TransportError", "ConnectionError", "HTTPClientError"}


def classify(error: Exception, sdk_name: str, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an exception of an SDK or of the reading of a reply, an internal error if
    it is none of these. Messages may repeat what was sent, so `secrets` are redacted.
    """
    import httpx2

    sdk, reason, text = importlib.import_module(sdk_name), error.__cause__, str(error)
    if isinstance(error, httpx2.HTTPError):  # not by an SDK, while a reply is read in a stream
        error, reason = sdk.APIConnectionError(request=error.request), error
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    for fault in (error, reason):
        if isinstance(fault, ReplyTooLarge):
            return CompletionError("reply too large", str(fault), charged=True, of_prompt=True)
    if isinstance(error, sdk.APIConnectionError):
        text = re.sub(r"^\[Errno -?\d+\] ", "", str(reason or "")) or text
    message = redact(text[:LONGEST_MESSAGE], secrets)
    if isinstance(reason, httpx2.ConnectTimeout):
        return CompletionError("connection", f"no connection in time: {message}")
    is_compression_broken = isinstance(reason, httpx2.DecodingError)
    if isinstance(error, sdk.APIConnectionError) and not is_compression_broken:
        cause = "timeout" if isinstance(reason, httpx2.TimeoutException) else "connection"
        return CompletionError(cause, message, charged=not isinstance(reason, httpx2.ConnectError))
    if isinstance(error, BrokenReply):
        text = json.dumps(error.body, ensure_ascii=False)
        code = re.search(r'"(?:code|status|status_code)": "?([45]\d\d)\b', text)
        status = int(code[1]) if code else 0
        cause = cause_of(text, status or 400, 200, status)
        charged = error.has_begun or cause != "content filter"
        return CompletionError(cause, message, charged=charged, of_prompt=cause in PROMPT_CAUSES)
    if isinstance(error, (sdk.APIError, *UNREADABLE)):
        if isinstance(error, (TypeError, AttributeError, LookupError)):
            message = f"JSON of another form than a chat reply's: {message}"
        return CompletionError("malformed reply", message, charged=True, of_prompt=True)
    if type(error).__module__.startswith(CREDENTIAL_PACKAGES):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passing = kinds & UNREACHABLE or getattr(error, "retryable", False)
        return CompletionError("connection" if passing else "authentication", message)
    return CompletionError("internal error", redact(repr(error), secrets), of_prompt=True)


def status_and_body(error: Exception) -> tuple[int | None, Any]:
    """Return the status and the JSON of an error that a server sent, None if it sent none."""
    if isinstance(error, BrokenReply):
        return 400, error.body
    response = getattr(error, "response", None)
    if response is None or not hasattr(error, "status_code"):
        return None, None
    try:
        if len(response.content) <= LONGEST_MESSAGE:
            return response.status_code, json.loads(response.content)
    except (ValueError, RecursionError):
        pass
    return response.status_code, response.text[:LONGEST_MESSAGE]


# Of others below 500 "bad request", from there on "server error".
CAUSES = {
    **{401: "authentication", 402: "quota", 403: "authentication", 404: "wrong address"},
    **{405: "wrong address", 408: "timeout", 409: "server error", 413: "context too long"},
    429: "rate limit",
}

# Causes in the providers' words, under statuses that stand for something else: retrying an empty
# account like a rate limit would wait for hours, and a refused prompt is not a wrong key.
CAUSES_IN_WORDS = (
    (
        "quota",
        {400, 403, 429},
        r"insufficient_quota|spend(ing)?[_ ]limit|credit balance|available credits|arrearage",
    ),
    (
        "authentication",
        {400, 403},
        r"api key (not valid|expired)|api_key_invalid|(incorrect|invalid) api key|invalid_api_key",
    ),
    (
        "context too long",
        {400, 422, 500},
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
        {400, 403, 422, 451},
        r"content[_ ]?(filter|policy|management|exists risk|violat)|moderation|flagged"
        r"|(violat|against|breach).{0,60}(polic|guideline|terms)|usage (guideline|polic)"
        r"|acceptable use|safety[_ ](check|system|violation|polic|filter|setting|reason)"
        r"|data_?inspection|inappropriate|invalid_prompt|responsibleai|prohibited[_ ]content"
        r"|(sensitive|harmful|unsafe|unethical|illegal) (content|words|information)|new_sensitive"
        r"|high[_ ]risk|guardrail|blocked.{0,40}(safety|polic|filter|content)|敏感|违规",
    ),
    ("no such model", {400}, r"model_not_found|(no such|unknown|invalid|not a valid) model"),
    # OpenAI's models that reason, if no token is left for the answer.
    ("cut off at max_tokens", {400}, r"(max_\w*tokens|output limit) .{0,40}(was|were) reached"),
    # An address that does not exist may be repeated, with /models/ in its path.
    ("no such model", {404}, r"(?<![/\w])(models?\b|model_|deployment)|no endpoints"),
    ("unsupported parameter", {400}, r'"code": "unsupported_(parameter|value)"'),
    # Of errors in replies, which may have no code.
    ("rate limit", {200}, r"rate.?limit|too many requests"),
    ("authentication", {200}, r"unauthori[sz]ed"),
    ("bad request", {200}, r"invalid_request"),
    ("content filter", {200}, r'"block_?reason": "(?!block_reason_unspecified)'),
)

# By the path of a call to a wrong address.
ADDRESS_ADVICE = {
    "/v1/v1/": "Does api_base end in /v1? For this api_type it should not.",
    r"/v\d\w*/": "Is api_base right, with this /v1 at its end?",
    "": "Does api_base end in /v1?",
}

# How errors name the limit of output.
OUTPUT_LIMIT = r"(?i)max[\w ]{0,24}tokens|(output|completion|new)[_ ]tokens"
TOO_LOW = r"(?i)at least|too (low|small)|must be (greater|more|larger|higher) than|must be >"
TOO_HIGH = r"(?i)at most|too (high|large|many)|less than|<"

# A gateway's statuses for a server that it has asked, and that may do the paid work all the same.
LATE = (408, 504, 524)


def error_of(status: int, body: object, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an error by the provider's words, else by the HTTP status, 0 if it came
    without one. body: its JSON or text.
    """
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    text = redact(text[:LONGEST_MESSAGE], secrets)
    cause = cause_of(text, status) if status else cause_of(text, 400, 200, 0)
    place = f"HTTP {status}"
    if cause in ("bad request", "unsupported parameter") and re.search(OUTPUT_LIMIT, text):
        is_low = re.search(TOO_LOW, text) and not re.search(TOO_HIGH, text)
        advice = "too low, raise" if is_low else "too high, lower"
        place += f". If max_tokens is {advice} it in the model's entry."
    of_prompt = cause in PROMPT_CAUSES or (status == 403 and cause == "authentication")
    return CompletionError(cause, f"{place} {text}" if status else text, of_prompt=of_prompt)


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    """Find the cause of an HTTP status that a call ended with, and what to do about an address."""
    status, url = int(error.status_code), str(error.response.url)
    if 300 <= status < 400:
        here, there = shown_address(url, secrets), "no other address"
        if location := error.response.headers.get("location"):
            there = shown_address(urljoin(url, location), secrets)
        advice = "Set api_base to an address that answers. Keys and prompts follow no redirect."
        return CompletionError("redirected", f"HTTP {status} from {here} to {there}. {advice}")
    fault = error_of(status, error.body or str(error), secrets)
    text = fault.message.removeprefix(f"HTTP {status} ")
    if fault.cause == "wrong address":
        path = urlsplit(url).path
        advice = next(words for part, words in ADDRESS_ADVICE.items() if re.search(part, path))
        fault.message = f"HTTP {status} at {shown_address(url, secrets)}. {advice} {text}"
    if fault.cause == "no such model":
        advice = _model_advice(error.response.request, secrets)
        fault.message = f"HTTP {status}. {advice}{text}"
    fault.retry_after = seconds_of(error.response.headers.get("retry-after", ""))
    fault.charged = status in LATE
    return fault


# What is called below an address that also lists its models.
CALLED = r"(?<=/v1)/(chat/completions|responses|messages)$"


def _model_advice(request: Any, secrets: Sequence[str]) -> str:
    """Return advice for a server that has not the model of a request, with a space at its end, ""
    for a request that names its model elsewhere.
    """
    try:
        name = json.loads(request.content)["model"]
    except (*UNREADABLE, RuntimeError):  # the latter for a file, which is sent in a stream
        return ""
    advice = f"model_name is '{redact(one_line(name, 80), secrets)}'. Does the server offer it? "
    address = shown_address(str(request.url), secrets)
    if re.search(CALLED, address):
        advice += f"See {re.sub(CALLED, '/models', address)}. "
    return advice


# Of 403s too: it stands for a key that may not do this, and for a prompt that nobody may send.
PROMPT_CAUSES = ("bad request", "context too long", "content filter", "cut off at max_tokens")


def cause_of(text: str, *statuses: int) -> str:
    """Find the cause of a failure by the words of a provider, else by the last of the statuses."""
    for cause, of_statuses, words in CAUSES_IN_WORDS:
        if of_statuses & {*statuses} and re.search(words, text, re.IGNORECASE):
            return cause
    return CAUSES.get(statuses[-1], "bad request" if 400 <= statuses[-1] < 500 else "server error")


def shown_address(url: str, secrets: Iterable[str]) -> str:
    """Return an address as messages show it: without user, password, query and secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return one_line(f"{parts.scheme}://{host}{redact(parts.path, secrets)}", 120)


def seconds_of(value: str) -> float:
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
