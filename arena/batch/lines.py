"""The lines of request files in OpenAI's form, and the ids that match replies to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from arena.base.jsonl import dump_line
from arena.chat.protocols import Request
from arena.chat.providers import api_type_of

URL = "/v1/chat/completions"
DIGITS = 24  # of each hash in an id: 96 bits


def custom_id(identity: Mapping[str, object], turn: int, asked: object) -> str:
    """Return the id of a request: `<kind>-<identity>-<turn>-<request>`, at most 64 characters of
    `[A-Za-z0-9_-]`, as Anthropic demands.

    identity: what the request is for, with its `kind`. asked: settings and prompt. The same request
    always has the same id, so that replies need no list of requests to be matched.
    """
    kind = identity["kind"]
    return f"{kind}-{identity_hash(identity)}-{turn}-{_hash(asked)}"


def identity_hash(identity: Mapping[str, object]) -> str:
    """Return the part of an id that stays the same whatever the settings and the prompt."""
    return _hash(identity)


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str).encode()
    return hashlib.sha256(text).hexdigest()[:DIGITS]


def request_line(custom_id: str, request: Request, url: str = URL) -> bytes:
    """Return a line of a request file, with the newline."""
    body: dict[str, Any] = api_type_of(request.model).protocol.body(request)
    del body["stream"]  # the services refuse it
    return dump_line({"custom_id": custom_id, "method": "POST", "url": url, "body": body})
