"""The lines of request and result files, and the ids that match them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from arena.base.jsonl import dump_line, is_json
from arena.chat.faults import ReplyTooLarge
from arena.chat.protocols import OpenAIProtocol, Request
from arena.chat.providers import api_type_of

URL = "/v1/chat/completions"
DIGITS = 24  # of each hash in an id: 96 bits
LONGEST_LINE = 64 * 2**20  # bytes


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


def parts_of(custom_id: str) -> tuple[str, int] | None:
    """Return the hash of the identity and the turn of an id, None if it is not one of ours."""
    parts = re.fullmatch(rf"[a-z]+-([0-9a-f]{{{DIGITS}}})-(\d+)-[0-9a-f]{{{DIGITS}}}", custom_id)
    return (parts[1], int(parts[2])) if parts else None


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str).encode()
    return hashlib.sha256(text).hexdigest()[:DIGITS]


def request_line(custom_id: str, request: Request, url: str = URL) -> bytes:
    """Return a line of a request file, with the newline. Its body is in OpenAI's form whatever the
    model's protocol is, since the engines and gateways that read such files know no other.
    """
    protocol = api_type_of(request.model).protocol
    if not isinstance(protocol, OpenAIProtocol):
        protocol = OpenAIProtocol()
    body = protocol.body(request)
    del body["stream"]  # the services refuse it
    return dump_line({"custom_id": custom_id, "method": "POST", "url": url, "body": body})


def write_whole_lines(chunks: Iterable[bytes], out: BinaryIO) -> None:
    """Write the lines of a download that comes in chunks. A last line that is torn is left out, so
    that nothing can be added to its half. Raises ReplyTooLarge for a line that no reply makes.
    """
    rest: list[bytes] = []
    size = 0
    for chunk in chunks:
        lines, newline, tail = chunk.rpartition(b"\n")
        if newline:
            out.writelines([*rest, lines, newline])
            rest, size = [], 0
        rest.append(tail)
        size += len(tail)
        if size > LONGEST_LINE:
            raise ReplyTooLarge(f"a line of more than {LONGEST_LINE >> 20} MB")
    if is_json(last := b"".join(rest)):
        out.write(last + b"\n")
