"""The parameters that a model refuses, learned from its refusals and then left out or renamed.

Today's models refuse yesterday's settings: a temperature of 0, `max_tokens`, a budget to think. A
refusal is learned once for a model's entry and endpoint.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from arena.chat.clients import client_of, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError, classify, status_and_body
from arena.chat.protocols import OTHER_LIMIT, Completion, Request
from arena.chat.providers import api_type_of


@dataclass(frozen=True)
class Refusals:
    """The parameters that a model refuses at an endpoint, and its limit of output tokens."""

    model: ModelConfig
    names: frozenset[str] = frozenset()
    limit: int | None = None

    def applied(self, request: Request) -> Request:
        """Return the request as the model takes it."""
        if not self.names and self.limit is None:
            return request
        most = min(request.max_tokens, self.limit or request.max_tokens)
        return replace(request, max_tokens=most, refused=self.names)

    def not_sent(self, request: Request) -> tuple[str, ...] | None:
        """List what a request asks for and the model is not sent. A renamed limit is no loss."""
        wanted = {
            "temperature": request.temperature,
            "reasoning_effort": request.model.reasoning_effort,
            "budget_tokens": request.model.budget_tokens,
            "thinking": True,
        }
        names = [name for name in wanted if name in self.names and wanted[name] is not None]
        if self.limit is not None and request.max_tokens > self.limit:
            names.append(f"max_tokens above {self.limit}")
        return tuple(names) or None

    def remedy(self, refusal: _Refusal) -> str | None:
        """Say what the user can do about a parameter that no call can do without, else None."""
        name, model = refusal.name, self.model
        if not refusal.is_ours:
            return f"the model refuses {name}. Remove it from extra_body in its entry"
        if name == "response_format":
            return "the model refuses response_format. Remove that setting or choose another judge"
        if name in NEEDED[api_type_of(model).is_claude]:
            if model.budget_tokens is not None:
                return "the model refuses to think. Remove budget_tokens from its entry"
            return "the model refuses adaptive thinking. Set budget_tokens in its entry"
        if refusal.limit is None and OTHER_LIMIT.get(name) in self.names:
            advice = "If it is too high, lower max_tokens in its entry"
            return f"the model refuses max_tokens and max_completion_tokens. {advice}"
        return None


def remark_on(name: str) -> str:
    """Say for a summary that a parameter was not sent."""
    instead = ", with adaptive thinking instead" if name == "budget_tokens" else ""
    return f"sent without {name}{instead}"


# By the place of a model's entry and an endpoint.
_known: dict[tuple[str, Endpoint], Refusals] = {}
_lock = threading.Lock()


def refusals_of(model: ModelConfig, endpoint: Endpoint) -> Refusals:
    """Return the refusals of a model at an endpoint so far."""
    known = _known.get((model.where, endpoint))
    # A notebook may change the entry, and with it what the model takes.
    return known if known is not None and known.model == model else Refusals(model)


def learn(endpoint: Endpoint, refusals: Refusals) -> Refusals:
    """Remember refusals, and return them with those that other threads have learned meanwhile."""
    with _lock:
        known = refusals_of(refusals.model, endpoint)
        limit = min((n for n in (known.limit, refusals.limit) if n is not None), default=None)
        new = replace(refusals, names=refusals.names | known.names, limit=limit)
        _known[refusals.model.where, endpoint] = new
        return new


def complete(request: Request, endpoint: Endpoint) -> Completion:
    """Send a request without what the model is known to refuse, and at once again if it refuses
    more. Raises CompletionError.
    """
    model, protocol = request.model, api_type_of(request.model).protocol
    refusals = learned = refusals_of(model, endpoint)
    in_doubt = False
    while True:
        adapted = refusals.applied(request)
        try:
            completion = protocol.complete(client_of(model, endpoint), adapted)
        except CompletionError:
            raise
        except Exception as error:
            fault = classify(error, protocol.sdk, secrets_of(model, endpoint))
            refusal = _refusal_of(error, fault, adapted)
            remedy = refusal and refusals.remedy(refusal)
            # What may be an echo of the prompt gets one try: it is the error of a prompt if the
            # model refuses that, too.
            if refusal is None or (not refusal.is_certain and (in_doubt or remedy)):
                raise fault from None
            if remedy:
                message = f"{remedy}. {fault.message}"
                raise CompletionError("unsupported parameter", message) from None
            if refusal.limit is not None:
                refusals = replace(refusals, limit=refusal.limit)
            else:
                refusals = replace(refusals, names=refusals.names | {refusal.name})
            in_doubt = not refusal.is_certain
            if refusal.is_certain:
                refusals = learned = learn(endpoint, refusals)
            continue
        if adapted is request:
            return completion
        if refusals is not learned:
            learn(endpoint, refusals)
        return replace(completion, not_sent=refusals.not_sent(request))


# How errors name a parameter. Some name the field of another protocol that a gateway made of it.
NAMES = {
    "temperature": r"temperature",
    "max_tokens": r"max(imum)?[_ ]?(output[_ ]?)?tokens",
    "max_completion_tokens": r"max[_ ]?completion[_ ]?tokens",
    "reasoning_effort": r"reasoning[_. ]?effort|(output_config\.)?effort|output_config(?!\.)"
    r"|thinking[_ ]?(level|budget|config)|budget",
    "response_format": r"response_?(format|schema|mime_?type)|json_?schema|output_?format"
    r"|output_config(\.format|(?!\.))|structured outputs?",
    "budget_tokens": r"thinking[\w.]*|budget_?tokens",
    "thinking": r"thinking[\w.]*",
    "stream": r"stream",
}

# Words that refuse a parameter, whatever its value.
UNKNOWN = (
    r"(n't|not|no longer) (\w+ )?(support|permit|allow|accept|recogni|a valid|available|implement)"
    r"|unsupported|deprecated|unrecogni[sz]ed|unknown|unexpected|extraneous|extra inputs"
    r"|extra_forbidden|cannot find|unavailable|obsolete|removed|disabled|forbidden|rejected|refused"
    r"|(n't|not) (\w+ )?be (set|used|specified|combined|changed)"
)
# Words that refuse it or its value.
REFUSED = (
    rf"{UNKNOWN}|(n't|not|never) (\w+ )?(valid|enabled|compatible|expected|configurable|one of)"
    r"|prohibited|incompatible|invalid(?!_)|illegal|cannot|no support|(not|can) (\w+ )?be both"
    r"|(must|should|may|can|needs to|has to) (not |only )?(be|equal)\b|fixed (at|to)"
    r"|only .{0,40}(support|allow|accept|permit|valid|works)|only (with|when|if|for)\b"
    r"|does not match any of|out of range"
)

# The most tokens that an error allows, as in "at most 16384", "300000 > 128000" or "[1, 8192]".
LIMIT = (
    r"(?:at most|up to|(?:less|lower|smaller) than(?: or equal to)?|no more than|not exceed|<=?|>"
    r"|not (?:be )?(?:greater|more|higher|larger) than|maximum(?: [a-z]+){0,4}(?: is| of)?"
    r"|limit(?: is| of|ed to)|(?:between|from) 1 (?:and|to)|1 \(inclusive\) to|\[1,)"
    r"[\s`'\":]*(\d[\d,]{0,12})(?!\d|\.\d)(\s*\(exclusive\))?"
)
# Words for a budget to think that is of a wrong size.
SIZES = r"greater than|less than|at least|minimum|at most"
# Words for a limit of prompt and output together, or of another kind.
OTHER_LENGTHS = (
    r"prompt|input[_ ](length|tokens?)|\binputs\b|messages|context[_ ](length|limit|size)|total|\+"
    r"|stream|remaining|sequence|\broom\b"
)

# Statuses, and causes known by words, of other faults than a parameter.
OTHER_STATUSES = (401, 402, 403, 408, 413, 429)
OTHER_CAUSES = ("content filter", "context too long", "quota", "authentication", "rate limit")

# Parameters that are not left out, as the replies would not be those that the user wants: of
# OpenAI's protocol, of Claude's.
NEEDED = (("response_format",), ("response_format", "thinking"))

FIELD, NEAR, FAR = range(3)


@dataclass(frozen=True)
class _Refusal:
    """A parameter that an error names: in a FIELD of its own, NEAR a word that refuses, or FAR.

    `is_ours`: it does not come from extra_body. `words`: of the error, of which the `clause` has
    the name in this `spelling`. `limit`: the tokens that it allows. `is_certain`: the name is the
    error's own, not an echo of the prompt. If not, the refusal is remembered only after the model
    has answered without the parameter.
    """

    name: str
    is_ours: bool
    nearness: int
    spelling: str
    clause: str
    words: str
    is_certain: bool = False
    limit: int | None = None


def _refusal_of(error: Exception, fault: CompletionError, request: Request) -> _Refusal | None:
    """Find the parameter that an error refuses, None if it tells of another fault."""
    status, body = status_and_body(error)
    if status is None or status in OTHER_STATUSES:
        return None
    mentions = [
        mention
        for place, words in _parts(body)
        if not re.search(r"\b(messages|prompt|content)\b", place)
        for mention in _mentions(place, words, request)
    ]
    prompt = " ".join(message["content"] for message in request.messages).lower()
    # Of two that do not go together, the temperature is the lesser loss.
    for mention in sorted(mentions, key=lambda m: (m.nearness, m.name != "temperature")):
        # A server error may have other words, as of the temperature of a GPU.
        in_doubt = mention.nearness != FIELD and (mention.spelling in prompt or status >= 500)
        if refusal := _confirmed(mention, in_doubt, status, fault.cause, request):
            return refusal
    return None


def _confirmed(
    mention: _Refusal, in_doubt: bool, status: int, cause: str, request: Request
) -> _Refusal | None:
    """Return the refusal in a mention of a parameter, None if it may be about another thing.
    `in_doubt`: it may be an echo of the prompt.
    """
    name, clause, is_far = mention.name, mention.clause, mention.nearness == FAR
    is_claude = api_type_of(request.model).is_claude
    if in_doubt and (is_far or not mention.is_ours or name in NEEDED[is_claude]):
        return None
    is_unknown = re.search(UNKNOWN, clause) is not None
    is_limit = mention.is_ours and name in OTHER_LIMIT
    if is_limit:
        if (limit := limit_in(mention.words, request.max_tokens)) is not None:
            return replace(mention, is_certain=not in_doubt, limit=limit)
        limit = _number_below(mention, request.max_tokens, is_unknown)
        if limit is not None and status < 500:
            return replace(mention, limit=limit)
    if cause in OTHER_CAUSES and not (mention.nearness == FIELD and is_unknown):
        return None
    if is_limit:
        other = re.search(NAMES[OTHER_LIMIT[name]], mention.words)
        is_named = "max" in mention.spelling and not is_claude
        is_refused = is_named and bool((is_unknown and not is_far) or other)
    elif name == "stream":  # the word of any broken connection
        is_refused = is_unknown and not in_doubt and not is_far
    elif name == "budget_tokens" and re.search(SIZES, clause):
        is_refused = False
    else:
        is_refused = not is_far or name in ("temperature", "reasoning_effort")
    return replace(mention, is_certain=not (in_doubt or is_far)) if is_refused else None


def limit_in(words: str, asked: int) -> int | None:
    """Find the most output tokens that an error allows, if that is less than was asked for."""
    if re.search(OTHER_LENGTHS, words):
        return None
    for match in re.finditer(LIMIT, words):
        limit = int(match[1].replace(",", "")) - (match[2] is not None)
        if 1 < limit < asked:
            return limit
    return None


def _number_below(mention: _Refusal, asked: int, is_unknown: bool) -> int | None:
    """Guess the most output tokens that an error allows, by the numbers beside the one asked for.

    An unknown parameter has no limit: the number beside its name alone may be a year. The largest
    is the safest: if it is too large, the model refuses again.
    """
    named_alone = not re.search(_digits(asked), mention.words)
    other_kinds = rf"{OTHER_LENGTHS}|context|budget_?tokens|thinking|per (minute|hour|day)"
    if (is_unknown and named_alone) or re.search(other_kinds, mention.words):
        return None
    place = mention.clause if named_alone else mention.words
    starts = r"(?:(?<![\w./#-])|(?<=\b1-)|(?<=\b1\.\.))"  # "gpt-2000" has none, "1-1024" has
    numbers = re.findall(rf"{starts}\d[\d,]{{0,12}}(?![\w/-]|\.\d)", place)
    limits = [int(number.replace(",", "")) for number in numbers]
    # 400 and 422 are the statuses of such errors.
    return max((n for n in limits if 16 <= n < asked and n not in (400, 422)), default=None)


def _digits(number: int) -> str:
    """Return a pattern of a number, with or without commas."""
    return f"{number:,}".replace(",", ",?") + r"(?!\d|[,.]\d)"


def _mentions(place: str, words: str, request: Request) -> Iterator[_Refusal]:
    """Yield the parameters of a request that a part of an error names, in the error's order."""
    sent, patterns, effort = _sent(request), {}, request.model.reasoning_effort
    for name, is_ours in sent.items():
        names = NAMES.get(name, re.escape(name.lower()))
        if place and re.fullmatch(rf"(.*\.)?({names})", place):
            yield _Refusal(name, is_ours, FIELD, place, words, words)
        if name == "reasoning_effort" and effort:
            names += rf"|(?<=['\"`]){re.escape(effort.lower())}(?=['\"`])"  # "Invalid value: 'low'"
        if not (is_ours or name in NAMES or re.search(r"[_\d]", name)):
            names = rf"(?<=['\"`]){names}(?=['\"`])"  # such as "user" or "stop"
        if is_ours and name in OTHER_LIMIT:
            # "You asked for 4096 output tokens"
            names += rf"|{_digits(request.max_tokens)}|(output|completion|new) tokens"
        patterns[name] = rf"(?<![\w-])({names})(?![\w-])"
    # An error of pydantic repeats the whole request.
    words = re.sub(r"('input'|\"input\"|input_value)\s*[:=].*", "", words, flags=re.DOTALL)
    for clause in re.split(r"(?<=[\w)'\"`\]])[.;!?]\s+|\n", words):
        refusing = [match.span() for match in re.finditer(REFUSED, clause)]
        found = [
            (match.span(), name, match[0])
            for name, pattern in patterns.items()
            for match in re.finditer(pattern, clause)
            if "token" in words or not match[0][0].isdigit()
        ]
        for (start, end), name, spelling in sorted(found):
            is_near = any(max(a - end, start - b) <= 80 for a, b in refusing)
            nearness = NEAR if is_near else FAR
            yield _Refusal(name, sent[name], nearness, spelling, clause, words)


def _sent(request: Request) -> dict[str, bool]:
    """Return the parameters of a request, and whether they are ours or the entry's extra_body's."""
    protocol, extra_body = api_type_of(request.model).protocol, request.model.extra_body
    sent = {}
    for key, value in protocol.body(request).items():
        if key in extra_body:
            sent[key] = False
        elif key == "thinking":
            sent["budget_tokens" if "budget_tokens" in value else key] = True
        elif key == "output_config":
            parts = {"effort": "reasoning_effort", "format": "response_format"}
            sent |= {name: True for part, name in parts.items() if part in value}
        elif key in NAMES:
            sent[key] = True
    return sent


PLACES = ("param", "parameter", "field", "loc")
ECHOES = (*PLACES, "input", "ctx", "url")


def _parts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the parts of an error in lower case: the field that each is about, and its words.

    Gateways send the error of another server as JSON in a text.
    """
    if isinstance(value, str):
        yield "", value.lower()
        start, end = value.find("{"), value.rfind("}")
        if 0 <= start < end:
            try:
                yield from _parts(json.loads(value[start : end + 1]))
            except (ValueError, RecursionError):
                return
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        place = next((value[key] for key in PLACES if value.get(key)), "")
        place = ".".join(map(str, place)) if isinstance(place, list) else str(place)
        texts = [v for k, v in value.items() if k not in ECHOES and isinstance(v, str)]
        yield place.lower(), "\n".join(texts).lower()
        for key, item in value.items():
            if key not in ECHOES and (isinstance(item, (dict, list)) or "{" in str(item)):
                yield from _parts(item)
