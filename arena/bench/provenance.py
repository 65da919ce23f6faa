"""TODO."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, one_line


def prompt_hash(system_prompt: str, template: Sequence[str]) -> str:
    """Return 16 hex digits that tell one judge prompt from another."""
    text = "\0".join([system_prompt, *template])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def messages_hash(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the hash of a whole prompt, answers and all."""
    return prompt_hash("", [f"{message['role']}: {message['content']}" for message in messages])


def differing_setting(made: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return a setting that two records tell differently, None if there is none.

    Only what both tell is compared; of OPTIONAL_SETTINGS, one that is not told is null.
    """
    both = [key for key in other if key in made]
    for key in (*both, *OPTIONAL_SETTINGS):
        if made.get(key) != other.get(key):
            return key
    return None


@dataclass
class Told:
    """What judgments tell of how they were made: each setting, and the first file that tells it."""

    seen: set[bytes] = field(default_factory=set)
    values: dict[str, tuple[object, Path]] = field(default_factory=dict)

    def check(self, games: Sequence[bytes], judge: str, path: Path) -> None:
        """Raise InputError that names the files if a setting is not what it was before."""
        for settings in games:
            if settings and settings not in self.seen:
                self.seen.add(settings)
                told = _as_object(settings)
                known = dict.fromkeys(OPTIONAL_SETTINGS) | told if told else {}
                for key, value in known.items():
                    first, where = self.values.setdefault(key, (value, path))
                    if value != first:
                        raise InputError(_disagreement(judge, key, (first, value), (where, path)))


def _as_object(text: bytes) -> dict[str, object]:
    """Return the object that a JSON text holds, an empty one if it holds none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _disagreement(judge: str, key: str, values: Sequence[object], paths: Sequence[Path]) -> str:
    files = " and ".join(dict.fromkeys(map(str, paths)))
    first, other = (one_line(json.dumps(value), 60) for value in values)
    return (
        f"{files}: judge {judge} was asked in different ways ({key}: {first} and {other}); "
        "gen_judgment.py --stale redo makes them alike, --mixed count counts all"
    )


def stale_reason(
    record: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> str | None:
    """Return in which setting a part of a record (a choice, a game) differs from those of now, None
    if in none that is told; the record's settings are those of its parts that tell none.
    """
    for made in [part.get("settings", record.get("settings")) for part in parts]:
        key = differing_setting(made, settings) if isinstance(made, Mapping) else None
        if key is not None:
            was, now = (one_line(repr(values.get(key)), 60) for values in (made, settings))
            return f"{key} was {was}, now {now}"
    return None


OPTIONAL_SETTINGS = (
    "model_id",
    "reasoning_effort",
    "budget_tokens",
    "pairwise",
    "ref_model",
    "response_format",
    "verdict_field",
)
