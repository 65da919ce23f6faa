"""A model's outcome on a question: its sign and colour, and its verdicts in words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from arena.bench.labels import (
    GRADE,
    LOST,
    NO_VERDICT,
    SPLIT,
    TIED,
    WON,
    Label,
    grades_of,
    margin,
    overall,
)
from arena.browser.html.judgment_list import style_of
from arena.browser.html.judgment_page import grade_words
from arena.browser.index import ListedJudgment

# The colours of the page's outcomes have a sign each, since not everybody sees them.
MARKS = {WON: "+", LOST: "−", SPLIT: "±", TIED: "=", NO_VERDICT: "?"}


class Cell(NamedTuple):
    """A model on a question: an outcome of OVERALL or GRADE, the margin or grade, the verdicts in
    words. Without a verdict the value is None.
    """

    outcome: str
    value: float | None
    words: str

    @property
    def style(self) -> str:
        """The CSS class."""
        return style_of(self.outcome)

    @property
    def mark(self) -> str:
        """The sign, or the grade."""
        return MARKS.get(self.outcome) or f"{self.value:.3g}"


def cell_of(entries: Sequence[ListedJudgment]) -> Cell:
    """Return the cell of a model's judgments on a question, one for each baseline."""
    several = len(entries) > 1
    return cell_of_labels(
        tuple(
            (tuple(e.labels), tuple(e.outcomes.values()), e.baseline if several else "")
            for e in entries
        )
    )


@functools.lru_cache(4096)  # so that the many cells with the same verdicts are one object
def cell_of_labels(judgments: tuple[tuple[tuple[Label, ...], tuple[str, ...], str], ...]) -> Cell:
    """Return the cell of judgments, each with its labels, outcomes, and a baseline to be named."""
    labels = [of_one for of_one, *_ in judgments]
    grades = [grade for of_one in labels for grade in grades_of(of_one)]
    words = " · ".join(
        f"{grade_words(of_one) if grades else ', '.join(outcomes)}{name and f' against {name}'}"
        for of_one, outcomes, name in judgments
    )
    if grades:
        return Cell(GRADE, fmean(grades), words)
    outcome = overall(*labels)
    return Cell(outcome, margin(*labels), words if outcome == words else f"{outcome}: {words}")
