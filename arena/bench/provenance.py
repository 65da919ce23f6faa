"""The origin of records: hashes of prompts, differing settings, stale records."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, one_line
from arena.base.jsonl import loads
from arena.bench.paths import flags_of


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
    *("model_id", "reasoning_effort", "budget_tokens"),
    *("pairwise", "ref_model", "response_format", "verdict_field", "verdict_rule"),
)


def differing_setting(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """Return the first setting that differs, of OPTIONAL_SETTINGS and those that both have."""
    shared = (key for key in second if key in first)
    keys = (*shared, *OPTIONAL_SETTINGS)
    return next((key for key in keys if not _same(first.get(key), second.get(key))), None)


def _same(first: Any, second: Any) -> bool:
    """Whether two values are equal in JSON: true is not 1, but 1 is 1.0, and keys are texts."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        a, b = (
            {key if isinstance(key, str) else json.dumps(key): value for key, value in m.items()}
            for m in (first, second)
        )
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second) and isinstance(first, bool) == isinstance(second, bool)


QUESTION_CHANGED = "the text of the question has changed"
PROMPT_CHANGED = "the judge prompt has changed"
ANSWERS_CHANGED = "the question or its answers have changed since they were judged"
_HASHES = {"question_hash": QUESTION_CHANGED, "prompt_hash": PROMPT_CHANGED}
_CHANGES = {
    QUESTION_CHANGED: "the text of {count} has changed",
    PROMPT_CHANGED: "the judge prompt has changed since {count} {was} judged",
    ANSWERS_CHANGED: "{count} or the answers have changed since they were judged",
}


def stale_reason(
    record: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> str | None:
    """Return the setting that changed since a part of a record was made, with both values, or None.

    parts: the choices of an answer or the games of a judgment. A part without settings has those of
    its record. A record without any, as published ones are, is never stale.
    """
    for part in parts:
        earlier = part.get("settings", record.get("settings"))
        if earlier == settings:  # nearly always, and quicker than one by one
            continue
        key = differing_setting(earlier, settings) if isinstance(earlier, Mapping) else None
        if key in _HASHES:
            return _HASHES[key]
        if key is not None:
            was, now = (one_line(repr(values.get(key)), 60) for values in (earlier, settings))
            return f"{key} was {was}, now {now}"
    return None


def stale_problem(reasons: Mapping[str, Sequence[str]]) -> str:
    """Return the problem of stale records. reasons: the question ids by `stale_reason`."""
    problems, settings = [], []
    for reason, ids in reasons.items():
        if reason in _CHANGES:
            count = f"{len(ids)} question{'s' * (len(ids) > 1)}"
            examples = ", ".join(ids[:3]) + ", ..." * (len(ids) > 3)
            was = "was" if len(ids) == 1 else "were"
            problems.append(f"{_CHANGES[reason].format(count=count, was=was)} ({examples})")
        else:
            settings.append((reason, len(ids)))
    if settings:
        number = sum(count for _, count in settings)
        records = "1 record was" if number == 1 else f"{number} records were"
        others = " and other changes" if len(settings) > 1 else ""
        problems.insert(0, f"{records} made with other settings ({settings[0][0]}{others})")
    return "; ".join(problems)


def decoded_settings(text: bytes) -> dict[str, object]:
    """Return the settings of a game from their JSON, empty if there are none."""
    try:
        settings = loads(text)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


class RefusedJudgments(InputError):
    """Judgments that make no board unless `--mixed` says so.

    problem: the message without its advice, for scripts without that flag. advice: what else helps.
    """

    def __init__(self, message: str, problem: str, advice: str = "") -> None:
        super().__init__(message)
        self.problem, self.advice = problem, advice


class MixedJudgments(RefusedJudgments):
    """Judgments in the files of one judge that do not belong together.

    difference: what is not equal, in words, if settings are not.
    """

    difference = ""


@dataclass
class SettingsCheck:
    """A check that judgments have the same settings: each with its first value and first file."""

    values: dict[str, tuple[object, Path]] = field(default_factory=dict)
    _checked: set[bytes] = field(default_factory=set)

    def check(self, games: Sequence[bytes], judge: str, path: Path) -> None:
        """Raise MixedJudgments if the settings of games, as JSON or empty, are not all equal."""
        for text in games:
            if not text or text in self._checked:
                continue
            self._checked.add(text)
            settings = decoded_settings(text)
            optional = dict.fromkeys(OPTIONAL_SETTINGS) if settings else {}
            for key, value in {**optional, **settings}.items():
                first_value, first_path = self.values.setdefault(key, (value, path))
                if not _same(value, first_value):
                    files = " and ".join(dict.fromkeys(map(str, (first_path, path))))
                    values = " and ".join(one_line(json.dumps(v), 60) for v in (first_value, value))
                    what = f"different settings ({key}: {values})"
                    if key == "prompt_hash":
                        what = "different judge prompts"
                    named = shlex.join([*flags_of(path), "--judge-name", judge])
                    problem = f"{files}: judge {judge} used {what}"
                    mend = f"Run gen_judgment.py {named} --stale redo to make them equal"
                    message = f"{problem}. {mend}, or accept them with --mixed count."
                    error = MixedJudgments(message, problem, f"{mend}.")
                    error.difference = what
                    raise error


@dataclass
class EnsembleCheck:
    """A check that judgments of one name are all of one ensemble, or all of no ensemble."""

    first: tuple[str | None, tuple[str, ...], Path] | None = None

    def check(self, rule: str | None, members: tuple[str, ...], name: str, path: Path) -> None:
        """Raise MixedJudgments if a judgment has another rule or other judges than the first."""
        self.first = self.first or (rule, members, path)
        first_rule, first_members, first_path = self.first
        if sorted(members) != sorted(first_members):
            both = (sorted(names) or ["no judges named"] for names in (first_members, members))
            what, values = "judges", [" + ".join(map(one_line, names)) for names in both]
        elif rule != first_rule:
            what, values = "rules", [one_line(r or "no rule named") for r in (first_rule, rule)]
        else:
            return
        files = " and ".join(dict.fromkeys(map(str, (first_path, path))))
        named = shlex.join([*flags_of(path), "--name", name])
        problem = f"{files}: the judgments of {name} were combined by different {what}"
        problem += f" ({' and '.join(values)})"
        mend = f"Run gen_ensemble_judgment.py {named} to make them again"
        message = f"{problem}. {mend}, or accept them with --mixed count."
        raise MixedJudgments(message, problem, f"{mend}.")
