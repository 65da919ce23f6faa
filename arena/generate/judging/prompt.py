"""The judge's prompt: a template whose placeholders stand for question, answers and references.

Templates of v0.1 number the turns (`{question_1}`, `{answer_1}`), those of v2.0 show all turns at
once (`{QUESTION}`, `{ANSWER_A}`). Every template can use both kinds. `{FENCE}` marks where answers
begin and end.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from itertools import chain

Turns = Sequence[str]

# One alternation, so that a doubled brace before a name is never taken for the name's own.
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{(question_\d+|answer_\d+|ref_answer_\d+|QUESTION|ANSWER_A|ANSWER_B|REFERENCE|"
    r"question|answer|baseline|aspects|FENCE)\}"
)
_ANSWERS = re.compile(r"answer_\d+|ANSWER_A|ANSWER_B|answer|baseline")

# The markers of official templates, and of our own.
_QUOTED = r"(?:user\s+prompt|the\s+(?:start|end)\s+of\s[^|<>\[\]\n]{1,60})(?:\|>|\])"
_KNOWN_MARKERS = (  # each begins with one sign, which is quick to look for
    rf"<\|\s*{_QUOTED}",
    rf"\[\s*{_QUOTED}",
    r"\[\s*(?:end\s+of\s+the\s+)?answer\s+of\s+assistant\s+[ab]\b[^\[\]\n]{0,20}\]",
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
    return "".join([values[text] if is_name else text for text, is_name in _pieces(template)])


@functools.lru_cache(256)
def _pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """Return the texts of a template and the names of its placeholders, and which each is."""
    pieces, end = list[tuple[str, bool]](), 0
    for match in _PLACEHOLDER.finditer(template):
        pieces.append((template[end : match.start()], False))
        pieces.append((match[1], True) if match[1] else (match[0][0], False))
        end = match.end()
    return *pieces, (template[end:], False)


def placeholder_values(
    question: Turns, answers: Mapping[str, Turns], references: Sequence[Turns] = ()
) -> dict[str, str]:
    """Return the value of each placeholder.

    answers: by their placeholders, `ANSWER_A` and `ANSWER_B`, or `answer` after `baseline` if it is
    shown. `{answer_1}`... are their turns in this order, as in v0.1.
    """
    answer_turns, reference_turns = chain(*answers.values()), chain(*references)
    numbered = {"question": question, "answer": answer_turns, "ref_answer": reference_turns}
    values = dict.fromkeys(("QUESTION", "question"), _joined(question, "user's turn"))
    for name, turns in numbered.items():
        for i, text in enumerate(turns, start=1):
            values[f"{name}_{i}"] = text
    heading = "answer to the user's turn"
    for name, turns in answers.items():
        values[name] = _joined(turns, heading)
    if "answer" in values:
        values["ANSWER_A"] = values["answer"]
    if references:
        whole = [_joined(reference, heading) for reference in references]
        values["REFERENCE"] = _joined(whole, "reference answer")
    return values


def _joined(turns: Turns, heading: str) -> str:
    """Return a single turn as it is, and several under numbered headings."""
    if len(turns) == 1:
        return turns[0]
    return "\n\n".join(f"({heading} {i})\n{text}" for i, text in enumerate(turns, start=1))


def fence(question: Turns, answers: Sequence[Turns], number: int) -> str:
    """Return the value of {FENCE}, 8 hex digits that no answer can know, as its text changes them.
    It is the same in each run.
    """
    parts = (*question, *chain(*answers), str(number))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


@functools.cache
def marker_pattern(template: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of texts that imitate the markers around the answers in a template."""
    markers = dict.fromkeys(_KNOWN_MARKERS)
    for line in "\n".join(template).replace("{FENCE}", "\0").splitlines():
        for text in map(str.strip, _PLACEHOLDER.sub("\n", line).split("\n")):
            signs = re.findall(r"\0|\w+|[^\w\s]", text)
            words = [sign for sign in signs if sign[0].isalnum()]
            parts = [r"\w{0,16}" if sign == "\0" else re.escape(sign) for sign in signs]
            for place in (i for i, sign in enumerate(signs[1:]) if sign == "\0"):
                parts[place] += "" if signs[place][0].isalnum() else "?"  # an imitation may lack it
            marker = r"\s*".join(parts)
            if len("".join(words)) < 2:
                continue
            if not {signs[0], signs[-1]} & {*words, "\0", ":"}:
                markers[marker] = None  # in brackets, or marked in another way
            elif len(words) > 1 and text == line.strip():
                markers[rf"^[^\w\n]{{0,9}}{marker}[^\w\n]{{0,9}}$"] = None
    return re.compile("|".join(markers), re.IGNORECASE | re.MULTILINE)


def template_problem(template: Sequence[str], names: Set[str], turns: int) -> str | None:
    """Return the fault of a template for questions of so many turns, or None. names: of the
    placeholders that have a value.
    """
    used = {match[1] for text in template for match in _PLACEHOLDER.finditer(text) if match[1]}
    if unknown := sorted(used - names):
        return f"uses {{{unknown[0]}}}, which has no value for a question of {turns} turn(s)"
    inside = False
    for match in chain.from_iterable(map(_PLACEHOLDER.finditer, template)):
        inside ^= match[1] == "FENCE"
        if "FENCE" in used and not inside and _ANSWERS.fullmatch(match[1] or ""):
            return f"has {{{match[1]}}} outside of {{FENCE}} ... {{FENCE}}"
    if inside:
        return "has a {FENCE} that begins and does not end"
    numbered = [name for i in range(1, 2 * turns + 1) if (name := f"answer_{i}") in names]
    references = [{name} for name in names if name.startswith(("ref_answer_", "REFERENCE"))]
    # The placeholders that show a part of the prompt, in one way or another.
    ways = {"the answer, {answer},": [set(numbered[-turns:]), {"answer"}, {"ANSWER_A"}]}
    if "ANSWER_B" in names:
        both = {"ANSWER_A", "ANSWER_B"}
        ways = {"both answers, {ANSWER_A} and {ANSWER_B},": [set(numbered), both]}
    if "baseline" in names:
        ways["the baseline's answer, {baseline},"] = [set(numbered[:turns]), {"baseline"}]
    if references:
        ways["a reference answer, {REFERENCE},"] = references
    for part, alternatives in ways.items():
        if not any(way <= used for way in alternatives):
            return f"does not show {part} of a question of {turns} turn(s)"
    return None
