"""The judge's side of a battle: the prompt from template and answers, the label from the reply,
and who won.

Game 1 shows the baseline as assistant A and the model as B; game 2 swaps them.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A")

# Every spelling that judges use, and the label that it means.
_SPELLINGS = {
    **{label: label for label in LABELS},
    "A<B": "B>A",
    "A<<B": "B>>A",
    "B=A": "A=B",
    "B<A": "A>B",
    "B<<A": "A>>B",
}

NO_LABEL = "no label"
AMBIGUOUS = "ambiguous"
CUT_OFF = "cut off at max_tokens"

CONTINUE = (
    "Please bring your judgment to its end now. Its last line must be exactly one of these labels: "
    "[[A>>B]], [[A>B]], [[A=B]], [[B>A]], [[B>>A]]."
)


class Winner(enum.Enum):
    """Who won a game, seen from the baseline and the model that is measured against it."""

    BASELINE = "baseline"
    MODEL = "model"
    TIE = "tie"


@dataclass(frozen=True)
class Verdict:
    """The label of a reply, or None with the cause why there is none."""

    label: str | None
    cause: str | None = None


def normal_label(text: str) -> str | None:
    """Return the label that a spelling means, whatever its case and stray brackets; None if
    unknown.
    """
    return _SPELLINGS.get(re.sub(r"[\[\]\s]", "", text).upper())


def read_verdict(reply: str, patterns: Sequence[str], *, unanimous: bool) -> Verdict:
    """Return the verdict of one reply of the judge.

    `unanimous` is the rule of the key `regex_pattern`: all labels found must be one and the same.
    Otherwise the rule of `regex_patterns` holds: the last match of the first pattern that matches
    counts.
    """
    if unanimous:
        found = {normal_label(match) for match in re.findall(patterns[0], reply)} - {None}
        if len(found) > 1:
            return Verdict(None, AMBIGUOUS)
        return Verdict(found.pop()) if found else Verdict(None, NO_LABEL)
    for pattern in patterns:
        matches = re.findall(pattern, reply.upper())
        if matches:
            label = normal_label(matches[-1])
            return Verdict(label, None if label else NO_LABEL)
    return Verdict(None, NO_LABEL)


def outcome(label: str, game: int) -> tuple[Winner, bool]:
    """Return who won game 0 or 1 of a judgment with this label, and whether by far (`>>`).

    Raises ValueError for a text that is no label.
    """
    normal = normal_label(label)
    if normal is None:
        raise ValueError(f"{label!r} is no verdict label")
    if normal == "A=B":
        return Winner.TIE, False
    first = normal.startswith("A")
    return (Winner.BASELINE if first == (game == 0) else Winner.MODEL), ">>" in normal


# The prompt

_PLACEHOLDER = re.compile(
    r"\{(question_\d+|answer_\d+|ref_answer_\d+|QUESTION|ANSWER_A|ANSWER_B|REFERENCE)\}"
)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled in; what is filled in stays literal.

    Raises KeyError with the name of a placeholder that has no value. Other braces are left alone.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def prompt_values(
    question: Sequence[str], answer_a: Sequence[str], answer_b: Sequence[str]
) -> dict[str, str]:
    """Return what the placeholders of a template stand for, in both generations' names.

    question, answer_a, answer_b: the texts of their turns. `{answer_1}`... are the turns of A,
    then of B.
    """
    return {
        **{f"question_{i}": text for i, text in enumerate(question, start=1)},
        **{f"answer_{i}": text for i, text in enumerate([*answer_a, *answer_b], start=1)},
        "QUESTION": _joined(question, "user's turn"),
        "ANSWER_A": _joined(answer_a, "answer to the user's turn"),
        "ANSWER_B": _joined(answer_b, "answer to the user's turn"),
    }


def template_problem(template: Sequence[str], turns: int) -> str | None:
    """Return what is wrong with a pairwise template for questions of so many turns, or None."""
    names = {name for text in template for name in _PLACEHOLDER.findall(text)}
    known = prompt_values([""] * turns, [""] * turns, [""] * turns)
    unknown = sorted(names - known.keys())
    if unknown:
        return f"{{{unknown[0]}}} stands for nothing in a question of {turns} turn(s)"
    answers = {f"answer_{i}" for i in range(1, 2 * turns + 1)}
    if not ({"ANSWER_A", "ANSWER_B"} <= names or answers <= names):
        return (
            f"does not show both answers to a question of {turns} turn(s); "
            "use {ANSWER_A} and {ANSWER_B}"
        )
    return None


def _joined(turns: Sequence[str], heading: str) -> str:
    """Return a single turn as it is, and several under numbered headings."""
    if len(turns) == 1:
        return turns[0]
    return "\n\n".join(f"({heading} {i})\n{text}" for i, text in enumerate(turns, start=1))


def judge_messages(
    system_prompt: str, template: Sequence[str], values: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the conversation that asks the judge: the system prompt, then one user message a
    template.
    """
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return system + [{"role": "user", "content": fill(text, values)} for text in template]


def prompt_hash(system_prompt: str, template: Sequence[str]) -> str:
    """Return 16 hex digits that tell one judge prompt from another."""
    text = "\0".join([system_prompt, *template])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
