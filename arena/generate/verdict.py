"""The verdict of a judge's reply: the rule by which a label or a grade is read from its text.

The pattern is a setting of judge_config.yaml (`regex_pattern` or `regex_patterns`). Its default is
LABEL_PATTERN (or GRADE_PATTERN) of arena/bench/config.py, and `VerdictRule.read` applies it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.bench.labels import grade_of, normal_label

# Why a reply has no verdict.
NO_LABEL = "no label"
AMBIGUOUS = "ambiguous"
CUT_OFF = "cut off at max_tokens"

# What the judge is told after a reply without a verdict.
_END = "Please bring your judgment to its end now. "
CONTINUE_LABEL = (
    _END + "Its last line must be exactly one of these labels: "
    "[[A>>B]], [[A>B]], [[A=B]], [[B>A]], [[B>>A]]."
)
CONTINUE_GRADE = _END + "Its last line must be your grade, in the form that was asked for."
CONTINUE_JSON = (
    "Please give your judgment again, as the JSON object that was asked for and no more."
)


@dataclass(frozen=True)
class Verdict:
    """The label or grade of a reply, or None with the cause."""

    label: str | float | None
    cause: str | None = None


@dataclass(frozen=True)
class VerdictRule:
    """The way to read a verdict from a reply of the judge.

    patterns: regular expressions with one group, the verdict.
    unanimous: all matches of the only pattern must agree (`regex_pattern`). Otherwise the last
    match of the first pattern that matches counts (`regex_patterns`).
    field: the field of a JSON reply that is the verdict, in place of patterns.
    grades: the lowest and the highest grade of a single answer, None if the verdict is a label.
    """

    patterns: tuple[str, ...] = ()
    unanimous: bool = True
    field: str | None = None
    grades: tuple[float, float] | None = None

    def read(self, reply: str, cut_off: bool = False) -> Verdict:
        """Return the verdict of one reply. `cut_off`: it ended at max_tokens."""
        matches: Sequence[object] = ()
        if self.field is not None:
            with contextlib.suppress(ValueError, RecursionError):
                data = json.loads(reply[reply.index("{") : reply.rindex("}") + 1])
                matches = [data.get(self.field)]
        elif self.unanimous:
            matches = re.findall(self.patterns[0], reply)
        else:
            text = reply if self.grades else reply.upper()
            all_matches = (re.findall(pattern, text) for pattern in self.patterns)
            matches = next(filter(None, all_matches), [])[-1:]
        verdicts = set[str | float | None]()
        if self.grades is None:
            verdicts |= {normal_label(match) for match in matches if isinstance(match, str)}
        else:
            low, high = self.grades
            grades = map(grade_of, matches)
            verdicts |= {grade for grade in grades if grade is not None and low <= grade <= high}
        verdicts -= {None}
        if len(verdicts) > 1:
            return Verdict(None, AMBIGUOUS)
        if verdicts:
            return Verdict(verdicts.pop())
        return Verdict(None, CUT_OFF if cut_off else NO_LABEL)

    @property
    def request_to_go_on(self) -> str:
        """The message after a reply without a verdict."""
        if self.field is not None:
            return CONTINUE_JSON
        return CONTINUE_LABEL if self.grades is None else CONTINUE_GRADE

    @property
    def problem(self) -> str | None:
        """The fault of a pattern that finds labels where grades are wanted, or the reverse."""
        if self.field is not None:
            return None
        samples = {"a label, [[A>B]]": "[[A>B]]", "a grade, [[7]]": "[[7]]"}
        matching = [kind for kind, text in samples.items() if re.search(self.patterns[0], text)]
        wanted = list(samples)[self.grades is not None]
        if len(matching) == 1 and matching != [wanted]:
            return f"{self.patterns[0]} finds {matching[0]}, but the verdict is {wanted}"
        return None


GRADE_RANGE = (1.0, 10.0)  # the lowest and the highest grade by default


def grades_of_schema(schema: Mapping[str, Any], field: str) -> tuple[float, float]:
    """Return the lowest and highest value that a JSON schema allows a field, else GRADE_RANGE."""
    rule = schema.get("properties", {}).get(field)
    rule = rule if isinstance(rule, dict) else {}
    allowed = [grade for value in rule.get("enum") or [] if (grade := grade_of(value)) is not None]
    if allowed:
        return min(allowed), max(allowed)
    limits = grade_of(rule.get("minimum")), grade_of(rule.get("maximum"))
    low, high = (
        g if limit is None else limit for g, limit in zip(GRADE_RANGE, limits, strict=True)
    )
    return low, high
