"""Lines of data files for the tests: answers of both formats, and how a file is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SURROGATE = "half \ud83d of an emoji"


def write(path: Path, *lines: object, end: str = "\n") -> Path:
    """Write a JSONL file; texts and bytes are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [
        line if isinstance(line, bytes) else line.encode() if isinstance(line, str) else dump(line)
        for line in lines
    ]
    path.write_bytes(b"\n".join(parts) + end.encode())
    return path


def dump(record: object) -> bytes:
    return json.dumps(record).encode()


def old_answer(question_id: str, text: str = "hi", **fields: Any) -> dict[str, Any]:
    turns = [{"content": text}]
    return {"question_id": question_id, "choices": [{"index": 0, "turns": turns}]} | fields


def new_answer(uid: str, content: Any = "hi", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": content}]
    return {"uid": uid, "ans_id": "a", "model": "m", "messages": messages} | fields


def raw_lines(path: Path) -> list[Any]:
    """The records of a file as plain JSON."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]
