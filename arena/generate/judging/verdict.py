"""The verdict of a judge's reply: the rule by which a label or a grade is read from its text.

The pattern is a setting of judge_config.yaml (`regex_pattern` or `regex_patterns`). Its default is
LABEL_PATTERN (or GRADE_PATTERN) of arena/bench/config.py, and `VerdictRule.read` applies it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.bench.labels import LABELS, grade_of, normal_label
from arena.generate.judging.quoting import MANY, Quoting, plain_spelling

# Why a reply has no verdict.
NO_LABEL = "no label"
AMBIGUOUS = "ambiguous"
QUOTED = "quoted label"
CUT_OFF = "cut off at max_tokens"
TOO_SLOW = "pattern too slow"

# What the judge is told after a reply without a verdict.
_END = "Please bring your judgment to its end now. "
CONTINUE_LABEL = (
    _END + "Its last line must be exactly one of these labels: "
    "[[A>>B]], [[A>B]], [[A=B]], [[B>A]], [[B>>A]]."
)
CONTINUE_GRADE = _END + "Its last line must be your grade, in the form that was asked for."
CONTINUE_OTHER = _END + "Its last line must be your verdict, in the form that was asked for."
CONTINUE_JSON = (
    "Please give your judgment again, as the JSON object that was asked for and no more."
)

# Seconds for one pattern on one text. Some patterns backtrack for ever on a long reply.
PATIENCE = 2.0

# A label in double brackets, in any case and with spaces: what the judge may turn into a verdict.
_LABEL = re.compile(r"\[\[\s*([AB]\s*[<>=]{1,2}\s*[AB])\s*\]\]", re.IGNORECASE)

Match = tuple[tuple[int, int], str]
"""The place of a pattern's group in a text, and its content."""


@dataclass(frozen=True)
class Verdict:
    """The label or grade of a reply, or None with the cause."""

    label: str | float | None
    cause: str | None = None


@functools.cache
def _compiled(pattern: str) -> Any:
    # Unlike `re`, this package can stop a search. Its import takes time.
    import regex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return regex.compile(pattern)


def matches(pattern: str, text: str) -> list[Match]:
    """Return the matches of a pattern with one group. Raises TimeoutError after PATIENCE."""
    # `concurrent` lets other threads run, so that Ctrl-C is heard meanwhile.
    found = _compiled(pattern).finditer(text, timeout=PATIENCE, concurrent=True)
    return [(match.span(1), match[1] or "") for match in found]


@dataclass(frozen=True)
class VerdictRule:
    """The way to read a verdict from a reply of the judge.

    patterns: regular expressions with one group, the verdict.
    unanimous: all matches of the only pattern must agree (`regex_pattern`). Otherwise the last
    match of the first pattern that matches counts (`regex_patterns`).
    field: the field of a JSON reply that is the verdict, in place of patterns.
    grades: the lowest and the highest grade of a single answer, None if the verdict is a label.
    unquoted: only matches count that quote no answer, and they must agree (`verdict_rule`).
    """

    patterns: tuple[str, ...] = ()
    unanimous: bool = True
    field: str | None = None
    grades: tuple[float, float] | None = None
    unquoted: bool = False
    _slow: set[str] = dataclasses.field(default_factory=set, compare=False)

    def read(self, reply: str, cut_off: bool = False, answers: Sequence[str] = ()) -> Verdict:
        """Return the verdict of one reply. `cut_off`: it ended at max_tokens. `answers`: the texts
        that the judge may quote, needed only if some have labels.
        """
        try:
            values, quoted = self._values(reply, cut_off, answers)
        except TimeoutError:
            return Verdict(None, TOO_SLOW)
        verdicts = {verdict for v in values if (verdict := self._verdict(v)) is not None}
        if len(verdicts) > 1:
            return Verdict(None, QUOTED if quoted else AMBIGUOUS)
        if verdicts:
            return Verdict(verdicts.pop())
        return Verdict(None, QUOTED if quoted else CUT_OFF if cut_off else NO_LABEL)

    def _values(
        self, reply: str, cut_off: bool, answers: Sequence[str]
    ) -> tuple[Sequence[object], bool]:
        """Return the possible verdicts, and whether the reply or an answer has a label that does
        not count.
        """
        if self.field is not None:
            with contextlib.suppress(ValueError, RecursionError):
                data = json.loads(reply[reply.index("{") : reply.rindex("}") + 1])
                return [data.get(self.field)], False
            return [], False
        text = self._as_read(reply)
        if self.unquoted:
            return self._unquoted_values(text, cut_off, answers)
        for pattern in self.patterns:
            if values := [value for _, value in matches(pattern, text)]:
                return values if self.unanimous else values[-1:], False
        return [], False

    def _unquoted_values(
        self, text: str, cut_off: bool, answers: Sequence[str]
    ) -> tuple[list[str], bool]:
        planted, some_quoted = self.found_in(answers), False
        quoting = Quoting(text, answers if planted else ())
        for pattern in self.patterns:
            found = [(span, value, self._verdict(value)) for span, value in matches(pattern, text)]
            found = [match for match in found if match[2] is not None]
            if len(found) > 2 * MANY:
                found = found[:MANY] + found[-MANY:]
            if not planted and len({match[2] for match in found}) == 1:
                return [found[0][1]], False  # in marks or not, there is no answer to quote it from
            left = [m for m in found if not quoting.covers(m[0], m[2] in planted, cut_off)]
            some_quoted |= len(left) < len(found)
            # Beside a verdict that no answer has, a label of an answer is quoted from there.
            own = [match for match in left if match[2] not in planted]
            if any(quoting.is_at_edge(span) for span, *_ in own):
                left = own
            if left and not own:
                # One in marks may be the verdict if no answer has it, so it must agree too.
                left += [m for m in found if m[2] not in planted]
            left = left or [m for m in found if quoting.is_own_in_marks(m[0], m[2] in planted)]
            if left:
                return [value for _, value, _ in left], some_quoted or bool(planted)
        return [], some_quoted

    def _as_read(self, text: str) -> str:
        """Return a text as the patterns see it: `regex_patterns` has labels in capitals."""
        return text if self.unanimous or self.grades else text.upper()

    def _verdict(self, value: object) -> str | float | None:
        """Return the label or the grade that a value is, None for any other."""
        if self.grades is None:
            return normal_label(value) if isinstance(value, str) else None
        grade = grade_of(value)
        return grade if grade is not None and self.grades[0] <= grade <= self.grades[1] else None

    def found_in(self, answers: Sequence[str]) -> set[str | float]:
        """Return the labels or grades in answers that a judge's reply would be read by."""
        values: set[object] = set()
        for answer in answers:
            text = plain_spelling(answer)
            if self.grades is None and "[[" in text:
                values.update(match[1] for match in _LABEL.finditer(text))
            for pattern in self.patterns if self.field is None else ():
                if pattern in self._slow:
                    continue
                try:
                    values.update(value for _, value in matches(pattern, self._as_read(text)))
                except TimeoutError:
                    self._slow.add(pattern)  # else hundreds of answers would take minutes
        return {verdict for v in values if (verdict := self._verdict(v)) is not None}

    @property
    def request_to_go_on(self) -> str:
        """The message after a reply without a verdict."""
        if self.field is not None:
            return CONTINUE_JSON
        if self.grades is not None:
            return CONTINUE_GRADE
        # A pattern of the user's may read verdicts that are not in brackets.
        return CONTINUE_OTHER if self.read("[[A>B]]").label is None else CONTINUE_LABEL

    @property
    def problem(self) -> str | None:
        """The fault of a pattern that can find no label, or no grade where grades are wanted."""
        if self.field is not None:
            return (
                "verdict_rule has no use for a JSON reply. Leave it out." if self.unquoted else None
            )
        import regex

        for pattern in self.patterns:
            try:
                if fault := self._fault_of(pattern):
                    return fault
            except regex.error as error:
                return f"regex_pattern: not a regular expression: {error}"
            except TimeoutError:
                return f"{pattern} takes over {PATIENCE:g} s on a short text. Simplify it."
        return None

    def _fault_of(self, pattern: str) -> str | None:
        noun = "label" if self.grades is None else "grade"
        samples = {"label": "[[A>B]]", "grade": "[[7]]"}
        kinds = [kind for kind, text in samples.items() if matches(pattern, text)]
        if len(kinds) == 1 and kinds != [noun]:
            (kind,) = kinds
            return (
                f"{pattern} finds a {kind}, {samples[kind]}, but the verdict is a {noun}, "
                f"{samples[noun]}"
            )
        group = _group_of(pattern)
        for text in _spellings(self.grades):
            found = _found(pattern, group, self._as_read(text))
            if group is None or any(self._verdict(value) is not None for value in found):
                return None
        wanted = ", ".join(LABELS) if self.grades is None else "{:g} to {:g}".format(*self.grades)
        others = (value for text in _NO_VERDICTS for value in _found(pattern, group, text))
        finds = next((f". It finds '{value}', which is no {noun}" for value in others), "")
        return f"{pattern} can find no {noun} ({wanted}){finds}"


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


# Checking a pattern

_NO_VERDICTS = (*"ABCa107", "tie", "TIE", "yes", "A>B", "Assistant A", "A win")


def _spellings(grades: tuple[float, float] | None) -> Iterator[str]:
    """Yield the texts by which a judge may give each verdict."""
    if grades is None:
        for label in LABELS:
            mirrored = label[::-1].replace(">", "<")
            for text in (label, mirrored, label.lower(), re.sub("([<>=]+)", r" \1 ", label)):
                yield from (text, f"[{text}]", f"[[{text}]]")
        return
    low, high = grades
    numbers = {low, high, *range(math.ceil(low), min(math.floor(high), math.ceil(low) + 100) + 1)}
    for number in sorted(numbers):
        yield from (f"{number:g}", f"{number:.1f}", f"{number:02g}", f"[[{number:g}]]")


def _found(pattern: str, group: Any, text: str) -> list[str]:
    """Return the matches of a pattern in the usual brackets, or of its group alone."""
    values = [
        value
        for around in ("[[{}]]", "[{}]", "{}")
        for _, value in matches(pattern, around.format(text))
    ]
    whole = group and group.fullmatch(text, timeout=PATIENCE)
    return [*values, text] if whole else values


# An escape, a set, the beginning of the group, of other brackets, and the end of both.
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<group>\((?!\?)|\(\?P<\w+>)|\(\?|\)", re.DOTALL
)


def _group_of(pattern: str) -> Any:
    """Return the group of a pattern as a pattern of its own, None if it depends on its context."""
    start = end = depth = inside = 0
    for token in _TOKEN.finditer(pattern):
        if token[0].startswith("("):
            depth += 1
            if token["group"]:
                start, inside = token.end(), depth
        elif token[0] == ")":
            if depth == inside and not end:
                end = token.start()
            depth -= 1
    group = pattern[start:end]
    if re.search(r"\(\?(<?=|P=|\()|\\\d", group):
        return None
    import regex

    flags = re.compile(pattern).flags & (re.I | re.M | re.S | re.X | re.A)
    return regex.compile(group, int(flags))
