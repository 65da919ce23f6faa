"""How a record was made: hashes, settings that differ, and whether a record is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, one_line


def question_hash(turns: Sequence[str]) -> str:
    """Return the hash of a question's turns, 16 hex digits."""
    return prompt_hash("", turns)


def prompt_hash(system_prompt: str, template: Sequence[str]) -> str:
    """Return the hash of a judge's prompt, 16 hex digits."""
    text = "\0".join([system_prompt, *template])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def messages_hash(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the hash of a whole prompt with the answers in it, 16 hex digits."""
    return prompt_hash("", [f"{message['role']}: {message['content']}" for message in messages])


# Settings that a record names only if they are set. Older records lack them, and so do those of
# runs without them: both are compared as null.
OPTIONAL_SETTINGS = (
    "model_id",
    "reasoning_effort",
    "budget_tokens",
    "pairwise",
    "ref_model",
    "response_format",
    "verdict_field",
)


def differing_setting(made: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return the first setting in which two records differ, None if there is none.

    Only settings that both records name are compared, and OPTIONAL_SETTINGS.
    """
    shared = [key for key in other if key in made]
    for key in (*shared, *OPTIONAL_SETTINGS):
        if made.get(key) != other.get(key):
            return key
    return None


def stale_reason(
    record: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> str | None:
    """Return the setting that changed since a part of a record was made, with both values, or None.

    parts: the choices of an answer or the games of a judgment. A part without settings has those of
    its record. A record without any, as published ones are, is never stale.
    """
    for made in [part.get("settings", record.get("settings")) for part in parts]:
        key = differing_setting(made, settings) if isinstance(made, Mapping) else None
        if key is not None:
            was, now = (one_line(repr(values.get(key)), 60) for values in (made, settings))
            return f"{key} was {was}, now {now}"
    return None


def decoded_settings(text: bytes) -> dict[str, object]:
    """Return the settings of a game from their JSON, empty if there are none."""
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


@dataclass
class SettingsCheck:
    """A check that the judgments of a board were made with the same settings.

    values: each setting with its first value and the first file that has it.
    """

    values: dict[str, tuple[object, Path]] = field(default_factory=dict)
    _checked: set[bytes] = field(default_factory=set)

    def check(self, games: Sequence[bytes], judge: str, path: Path) -> None:
        """Raise InputError with the files if a game's settings differ from those of earlier games.

        games: the settings of each game as JSON, empty if the file does not say.
        """
        for text in games:
            if not text or text in self._checked:
                continue
            self._checked.add(text)
            if settings := decoded_settings(text):
                self._compare(dict.fromkeys(OPTIONAL_SETTINGS) | settings, judge, path)

    def _compare(self, settings: Mapping[str, object], judge: str, path: Path) -> None:
        for key, value in settings.items():
            first_value, first_path = self.values.setdefault(key, (value, path))
            if value != first_value:
                files = " and ".join(dict.fromkeys(map(str, (first_path, path))))
                was, now = (one_line(json.dumps(v), 60) for v in (first_value, value))
                raise InputError(
                    f"{files}: judge {judge} used different settings ({key}: {was} and {now}). "
                    "Run gen_judgment.py --stale redo to make them equal, or accept them with "
                    "--mixed count."
                )
