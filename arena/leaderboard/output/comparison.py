"""Comparisons of models as text and as plain data."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence

from arena.base.errors import one_line
from arena.base.output import shown_width, terminal_width
from arena.base.table import fitted, shortened
from arena.scoring.uncertainty.differences import Comparison

TESTS = {
    "permutation": "permutation test: the two models' judgments are exchanged",
    "bootstrap": "bootstrap over the questions, all fitted again",
}
LEAST_P = 0.0001  # a smaller one is written as such
HEADS = ("model", "other", "diff", "95% interval", "p", "Holm p", "n")


def comparison_lines(results: Sequence[Comparison]) -> Iterator[str]:
    """Yield the difference of two models in words, or a table of the pairs of several."""
    yield from _pair_lines(results[0]) if len(results) == 1 else _table_lines(results)
    if not all(result.same for result in results):
        yield "The scores above also rest on questions that only one of two models was judged on."
    if any(result.equal_style for result in results):
        yield "Style: differences are measured from its mean, like the scores, p from equal style."
    elif any(
        # One of interval and p-value finds a difference at 5 %, and the other does not.
        (r.lower > 0.0 or r.upper < 0.0) != (r.p_value < 0.05)
        for r in results
        if math.isfinite(r.lower) and math.isfinite(r.p_value)
    ):
        yield "Interval and p are of different methods, so near 5 % they can disagree."


def _pair_lines(result: Comparison) -> Iterator[str]:
    questions = f"{result.questions:,} question{'' if result.questions == 1 else 's'}"
    points = f"{result.difference:+.1f} points"
    yield f"{result.first} - {result.second}: {points} on the {questions} of both"
    if math.isfinite(result.lower):
        yield f"95% interval: {_interval(result)}"
    if math.isfinite(result.p_value):
        sign = "<" if result.p_value < LEAST_P else "<=" if result.at_most else "="
        yield f"p {sign} {max(result.p_value, LEAST_P):.4f} ({TESTS[result.test]})"
    if math.isfinite(result.detectable):
        power = f"finds a difference of {result.detectable:.1f} points in 80 of 100 cases"
        yield f"With {questions}, a test of these two at 5% {power}."
    if result.reason:
        yield f"{_missing(result)}: {result.reason}."


def _table_lines(results: Sequence[Comparison]) -> Iterator[str]:
    cells = [
        (
            f"{result.difference:+.1f}",
            _interval(result),
            _number(result.p_value, result.at_most),
            _number(result.adjusted, result.at_most),
            str(result.questions),
        )
        for result in results
    ]
    names = dict.fromkeys(name for result in results for name in (result.first, result.second))
    shown = dict(zip(names, map(one_line, names), strict=True))
    if terminal := terminal_width():
        columns = zip(HEADS[2:], *cells, strict=True)
        room = terminal - sum(2 + max(map(shown_width, column)) for column in columns) - 2
        shown = dict(zip(names, shortened(list(shown.values()), room // 2), strict=True))
    pairs = [(shown[result.first], shown[result.second]) for result in results]
    rows = [(*pair, *row) for pair, row in zip(pairs, cells, strict=True)]
    yield "differences in points of the scores on the n questions of both"
    yield from fitted([HEADS, *rows], terminal or sys.maxsize, "<<>>>>>")
    yield f"p: {TESTS[results[0].test]}"
    yield f"Holm p: adjusted for {len(results):,} pairs. Judge significance by this one."
    reasons = {f"{_missing(result)}: {result.reason}." for result in results if result.reason}
    yield from sorted(reasons)


def _number(p_value: float, at_most: bool) -> str:
    if math.isnan(p_value):
        return "–"
    sign = "<=" if at_most else ""
    return f"{sign}{p_value:.4f}" if p_value >= LEAST_P else f"<{LEAST_P:.4f}"


def _interval(result: Comparison) -> str:
    known = math.isfinite(result.lower)
    return f"({result.lower:+.1f}, {result.upper:+.1f})" if known else "–"


def _missing(result: Comparison) -> str:
    values = {"interval": result.lower, "p-value": result.p_value}
    return "No " + " and no ".join(name for name, value in values.items() if math.isnan(value))


def comparison_dict(result: Comparison) -> dict[str, object]:
    """Return a comparison as plain data. JSON has no NaN: a number that is missing is null."""
    values = vars(result).items()
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values
    }
