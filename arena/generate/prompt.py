"""The judge's prompt: a template whose placeholders stand for question, answers and references.

Templates of v0.1 number the turns (`{question_1}`, `{answer_1}`), those of v2.0 show all turns at
once (`{QUESTION}`, `{ANSWER_A}`). Every template can use both kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from itertools import chain

Turns = Sequence[str]

# One alternation, so that a doubled brace before a name is never taken for the name's own.
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{(question_\d+|answer_\d+|ref_answer_\d+|QUESTION|ANSWER_A|ANSWER_B|REFERENCE|"
    r"question|answer|baseline|aspects)\}"
)


def judge_messages(
    system_prompt: str, template: Sequence[str], values: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the conversation that asks the judge, with one user message for each template."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return system + [{"role": "user", "content": fill(text, values)} for text in template]


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its placeholders replaced.

    The values stay literal. A doubled brace becomes a single one, as in the templates of both
    formats, and other braces stay. Raises KeyError for a placeholder without a value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]] if match[1] else match[0][0], template)


def pair_values(
    question: Turns, answer_a: Turns, answer_b: Turns, references: Sequence[Turns] = ()
) -> dict[str, str]:
    """Return the values of the placeholders of a pairwise template.

    `{answer_1}`... are the turns of A, then of B, and `{ref_answer_1}`... those of the references.
    """
    return _shared_values(question, [*answer_a, *answer_b], references) | {
        "ANSWER_A": _joined(answer_a, _ANSWER_HEADING),
        "ANSWER_B": _joined(answer_b, _ANSWER_HEADING),
    }


def single_values(
    question: Turns, answer: Turns, baseline: Turns | None, references: Sequence[Turns] = ()
) -> dict[str, str]:
    """Return the values of the placeholders of a template that shows one answer.

    The baseline's answer may be shown beside it, and its turns then come first, as in v0.1.
    """
    text = _joined(answer, _ANSWER_HEADING)
    values = _shared_values(question, [*(baseline or ()), *answer], references)
    values |= {"answer": text, "ANSWER_A": text}
    return values | (
        {"baseline": _joined(baseline, _ANSWER_HEADING)} if baseline is not None else {}
    )


_ANSWER_HEADING = "answer to the user's turn"


def _shared_values(question: Turns, answers: Turns, references: Sequence[Turns]) -> dict[str, str]:
    whole = _joined(question, "user's turn")
    values = {"QUESTION": whole, "question": whole}
    turns = {"question": question, "answer": answers, "ref_answer": list(chain(*references))}
    for name, texts in turns.items():
        values |= {f"{name}_{i}": text for i, text in enumerate(texts, start=1)}
    if references:
        answers = [_joined(reference, _ANSWER_HEADING) for reference in references]
        values["REFERENCE"] = _joined(answers, "reference answer")
    return values


def _joined(turns: Turns, heading: str) -> str:
    """Return a single turn as it is, and several under numbered headings."""
    if len(turns) == 1:
        return turns[0]
    return "\n\n".join(f"({heading} {i})\n{text}" for i, text in enumerate(turns, start=1))


def placeholder_names(turns: int, pairwise: bool, baseline: bool, references: int) -> set[str]:
    """Return the placeholders that have a value for a question of so many turns."""
    names = {"QUESTION", "question", "aspects", "ANSWER_A"}
    names |= {"ANSWER_B"} if pairwise else {"answer"} | ({"baseline"} if baseline else set())
    answers = turns * (2 if pairwise or baseline else 1)
    for name, count in ("question", turns), ("answer", answers), ("ref_answer", turns * references):
        names |= {f"{name}_{i}" for i in range(1, count + 1)}
    return names | ({"REFERENCE"} if references else set())


def template_problem(
    template: Sequence[str], names: Set[str], turns: int, pairwise: bool
) -> str | None:
    """Return the fault of a template for questions of so many turns, or None.

    names: the placeholders that have a value.
    """
    used = {match[1] for text in template for match in _PLACEHOLDER.finditer(text) if match[1]}
    if unknown := sorted(used - names):
        return f"uses {{{unknown[0]}}}, which has no value for a question of {turns} turn(s)"
    numbered = [name for i in range(1, 2 * turns + 1) if (name := f"answer_{i}") in names]
    references = {name for name in names if name.startswith(("ref_answer_", "REFERENCE"))}
    shown = {
        "both answers, {ANSWER_A} and {ANSWER_B},": not pairwise
        or set(numbered) <= used
        or {"ANSWER_A", "ANSWER_B"} <= used,
        "the answer, {answer},": pairwise
        or set(numbered[-turns:]) <= used
        or used & {"answer", "ANSWER_A"},
        "the baseline's answer, {baseline},": "baseline" not in names
        or set(numbered[:turns]) <= used
        or "baseline" in used,
        "a reference answer, {REFERENCE},": not references or references & used,
    }
    for part, is_shown in shown.items():
        if not is_shown:
            return f"does not show {part} of a question of {turns} turn(s)"
    return None
