"""The judge's side of a battle: the prompt from template and answers, the label from the reply,
and who won.

Game 1 shows the baseline as assistant A and the model as B; game 2 swaps them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.bench.labels import grade_of, normal_label

NO_LABEL = "no label"
AMBIGUOUS = "ambiguous"
CUT_OFF = "cut off at max_tokens"

_END = "Please bring your judgment to its end now. "
CONTINUE_LABEL = (
    _END + "Its last line must be exactly one of these labels: "
    "[[A>>B]], [[A>B]], [[A=B]], [[B>A]], [[B>>A]]."
)
CONTINUE_GRADE = _END + "Its last line must be your grade, in the form that was asked for."
CONTINUE_JSON = (
    "Please give your judgment again, as the JSON object that was asked for and no more."
)

GRADES = (1.0, 10.0)


@dataclass(frozen=True)
class Verdict:
    """The label (or the grade) of a reply, or None with the cause why there is none."""

    label: str | float | None
    cause: str | None = None


@dataclass(frozen=True)
class VerdictRule:
    """How the verdict is read from a reply of the judge.

    `unanimous` is the rule of the key `regex_pattern`: all that is found must be one and the same.
    Otherwise the rule of `regex_patterns` holds: the last match of the first pattern that matches
    counts. With a `field` the reply is a JSON object, and the verdict is that field's. `grades` are
    the lowest and the highest grade of a single answer; None where a label is looked for.
    """

    patterns: tuple[str, ...] = ()
    unanimous: bool = True
    field: str | None = None
    grades: tuple[float, float] | None = None

    @property
    def request_to_go_on(self) -> str:
        """What a judge is told whose reply holds no verdict."""
        if self.field is not None:
            return CONTINUE_JSON
        return CONTINUE_LABEL if self.grades is None else CONTINUE_GRADE

    @property
    def problem(self) -> str | None:
        """What is wrong with patterns that find the other kind of verdict, or None."""
        if self.field is not None:
            return None
        samples = {"a label, [[A>B]]": "[[A>B]]", "a grade, [[7]]": "[[7]]"}
        found = [what for what, text in samples.items() if re.search(self.patterns[0], text)]
        wanted = list(samples)[self.grades is not None]
        if len(found) == 1 and found != [wanted]:
            return f"{self.patterns[0]} finds {found[0]}, but the verdict is {wanted}"
        return None

    def read(self, reply: str) -> Verdict:
        """Return the verdict of one reply."""
        if self.field is not None:
            return self._of_found([_json_field(reply, self.field)])
        if self.unanimous:
            return self._of_found(re.findall(self.patterns[0], reply))
        for pattern in self.patterns:
            matches = re.findall(pattern, reply.upper() if self.grades is None else reply)
            if matches:
                return self._of_found(matches[-1:])
        return Verdict(None, NO_LABEL)

    def _of_found(self, found: Sequence[object]) -> Verdict:
        verdicts = {self._verdict(value) for value in found} - {None}
        if len(verdicts) > 1:
            return Verdict(None, AMBIGUOUS)
        return Verdict(verdicts.pop()) if verdicts else Verdict(None, NO_LABEL)

    def _verdict(self, value: object) -> str | float | None:
        """Return the label or grade that a text or JSON value means, None if it means none."""
        if self.grades is None:
            return normal_label(value) if isinstance(value, str) else None
        grade = grade_of(value)
        return grade if grade is not None and self.grades[0] <= grade <= self.grades[1] else None


def _json_field(reply: str, field: str) -> object:
    """Return a field of the JSON object in a reply, None where there is none."""
    try:
        data = json.loads(reply[reply.index("{") : reply.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None
    return data.get(field) if isinstance(data, dict) else None


def grades_of_schema(schema: Mapping[str, Any], field: str) -> tuple[float, float]:
    """Return the lowest and highest value that a JSON schema allows a field, else GRADES."""
    rule = schema.get("properties", {}).get(field)
    rule = rule if isinstance(rule, dict) else {}
    allowed = [grade for value in rule.get("enum") or [] if (grade := grade_of(value)) is not None]
    if allowed:
        return min(allowed), max(allowed)
    lowest, highest = grade_of(rule.get("minimum")), grade_of(rule.get("maximum"))
    return (
        GRADES[0] if lowest is None else lowest,
        GRADES[1] if highest is None else highest,
    )


# The prompt

_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{(question_\d+|answer_\d+|ref_answer_\d+|QUESTION|ANSWER_A|ANSWER_B|REFERENCE|"
    r"question|answer|baseline|aspects)\}"
)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled in; what is filled in stays literal.

    A doubled brace is a single one, as in the templates of both formats; other braces are left
    alone. Raises KeyError with the name of a placeholder that has no value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]] if match[1] else match[0][0], template)


Turns = Sequence[str]


def pair_values(
    question: Turns, answer_a: Turns, answer_b: Turns, references: Sequence[Turns] = ()
) -> dict[str, str]:
    """Return what the placeholders of a pairwise template stand for, in the names of both formats.

    `{answer_1}`... are the turns of A, then of B; `{ref_answer_1}`... those of the references.
    """
    return _shared_values(question, references) | {
        **{f"answer_{i}": text for i, text in enumerate([*answer_a, *answer_b], start=1)},
        "ANSWER_A": _joined(answer_a, "answer to the user's turn"),
        "ANSWER_B": _joined(answer_b, "answer to the user's turn"),
    }


def single_values(
    question: Turns, answer: Turns, baseline: Turns | None, references: Sequence[Turns] = ()
) -> dict[str, str]:
    """Return what the placeholders of a template for one answer stand for; the baseline's answer
    may be shown beside it, and its turns then come first, as in v0.1.
    """
    shown = _joined(answer, "answer to the user's turn")
    turns = [*(baseline or ()), *answer]
    values = {f"answer_{i}": text for i, text in enumerate(turns, start=1)}
    values |= {"answer": shown, "ANSWER_A": shown}
    if baseline is not None:
        values["baseline"] = _joined(baseline, "answer to the user's turn")
    return _shared_values(question, references) | values


def _shared_values(question: Turns, references: Sequence[Turns]) -> dict[str, str]:
    whole = _joined(question, "user's turn")
    turns = [text for reference in references for text in reference]
    values = {f"question_{i}": text for i, text in enumerate(question, start=1)}
    values |= {f"ref_answer_{i}": text for i, text in enumerate(turns, start=1)}
    values |= {"QUESTION": whole, "question": whole}
    if references:
        shown = [_joined(reference, "answer to the user's turn") for reference in references]
        values["REFERENCE"] = _joined(shown, "reference answer")
    return values


def template_problem(
    template: Sequence[str], values: Mapping[str, str], turns: int, pairwise: bool
) -> str | None:
    """Return what is wrong with a template, given the values it may show, or None."""
    names = {match[1] for text in template for match in _PLACEHOLDER.finditer(text) if match[1]}
    unknown = sorted(names - values.keys())
    if unknown:
        return f"{{{unknown[0]}}} stands for nothing in a question of {turns} turn(s)"
    numbered = [name for i in range(1, 2 * turns + 1) if (name := f"answer_{i}") in values]
    references = {name for name in values if name.startswith(("ref_answer_", "REFERENCE"))}
    shown = {
        "both answers, {ANSWER_A} and {ANSWER_B},": not pairwise
        or set(numbered) <= names
        or {"ANSWER_A", "ANSWER_B"} <= names,
        "the answer, {answer},": pairwise
        or set(numbered[-turns:]) <= names
        or names & {"answer", "ANSWER_A"},
        "the baseline's answer, {baseline},": "baseline" not in values
        or set(numbered[:turns]) <= names
        or "baseline" in names,
        "a reference answer, {REFERENCE},": not references or references & names,
    }
    for what, there in shown.items():
        if not there:
            return f"does not show {what} of a question of {turns} turn(s)"
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
