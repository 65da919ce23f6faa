"""A judge's verdicts, and how place and style sway them: arrays in, numbers out.

Every interval is a percentile bootstrap over questions: sums by question, weighted with how often
a round draws each. Without rounds no measure has an interval. NaN stands for an undefined measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import LABELS
from arena.quality.measures import Estimate
from arena.quality.panel import NOT_JUDGED, PLACE_A, UNDECIDED, Panel
from arena.quality.ratings import LEVEL
from arena.scoring import bradley_terry
from arena.scoring.bradley_terry import DisconnectedError, interval
from arena.scoring.cells import Cells

FEW = 5  # questions for an interval: percentiles of fewer are those of a handful of draws


@dataclass(frozen=True)
class Counted:
    """An estimate, the number of games or judgments it rests on, and why it has none."""

    estimate: Estimate
    number: int
    why: str = ""


def undefined(reason: str) -> Counted:
    """Return a measure without a value, and the reason."""
    return Counted(Estimate(np.nan, np.nan, np.nan), 0, reason)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one judge, with shares in percent.

    `labels`: games by LABELS. `causes`: games without a verdict. `left_out`: judgments that do not
    count, by reason.
    """

    judge: str
    models: int
    questions: int
    judgments: int
    games: int
    labels: Mapping[str, int]
    causes: Mapping[str, int]
    left_out: Mapping[str, int]
    first_place: Counted
    flips: Counted

    @property
    def decided(self) -> int:
        """The number of games with a verdict."""
        return sum(self.labels.values())


def draw_questions(panel: Panel, rounds: int, seed: int) -> np.ndarray:
    """Draw the questions of each round with replacement: how often each is drawn (R, Q)."""
    number = len(panel.questions)
    if not rounds:
        return np.zeros((0, number))
    rng = np.random.default_rng(seed)
    return rng.multinomial(number, np.full(number, 1 / number), rounds).astype(float)


def verdicts(panel: Panel, judge: int, times: np.ndarray) -> Verdicts:
    """Count the verdicts of the judge with number `judge` over the rounds `times` (R, Q)."""
    worth, name = panel.worth[judge], panel.judges[judge]
    judged = (worth != NOT_JUDGED).any(axis=1)
    counts = np.bincount(panel.codes(judge)[panel.decided[judge]], minlength=len(LABELS))
    return Verdicts(
        judge=name,
        models=len(np.unique(panel.model[judged])),
        questions=len(np.unique(panel.question[judged])),
        judgments=int(judged.sum()),
        games=int((worth != NOT_JUDGED).sum()),
        labels=dict(zip(LABELS, counts.tolist(), strict=True)),
        causes=panel.causes.get(name, {}),
        left_out=panel.left_out.get(name, {}),
        first_place=first_place(panel, judge, times),
        flips=flips(panel, judge, times),
    )


# Place


def first_place(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """How often A wins, in percent of the games that A or B wins.

    Over judgments with two verdicts. A judgment with one would count a side in one place only, so
    the models' strength would look like a preference for a place.
    """
    twice = panel.decided[judge].all(axis=1)
    worth = panel.worth[judge][twice] * PLACE_A
    won, games = (worth > 0).sum(axis=1), (worth != 0).sum(axis=1)
    return _share(panel.question[twice], won, games, times)


def flips(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """The percentage of judgments with two verdicts whose games name different winners.

    A tie in only one of the games is a flip too.
    """
    twice = panel.decided[judge].all(axis=1)
    winner = np.sign(panel.worth[judge][twice])
    flipped = winner[:, 0] != winner[:, 1]
    return _share(panel.question[twice], flipped, np.ones(len(flipped)), times)


def _share(question: np.ndarray, part: np.ndarray, whole: np.ndarray, times: np.ndarray) -> Counted:
    """A share in percent of sums over judgments, each (n,)."""
    questions = times.shape[1]
    sums = np.array([np.bincount(question, values, questions) for values in (part, whole)]).T
    total = int(whole.sum())
    (estimate,) = estimated(lambda of: 100.0 * divided(of[:, :1], of[:, 1:]), sums, times)
    return Counted(estimate, total, "" if total else "no such verdicts")


# Style

NO_SPREAD = "no answers differ in it"


def style_bias(
    panel: Panel, judge: int, features: np.ndarray, times: np.ndarray, workers: int = 1
) -> tuple[dict[str, Counted], str]:
    """The style coefficients of a judge, controlled for the models' strengths, and a note on the
    battles that they skip because the style of an answer is unknown.

    `features` (F, N): style differences of the battles, NaN if unknown. The coefficients are those
    of `show_result.py --style-control --one-board --method bradley-terry`: `>>` counts three times.
    They show a bias only as far as longer or more marked-up answers of a model are no better.
    """
    counts = outcome_counts(panel.worth[judge])
    decided, known = counts.any(axis=0), ~np.isnan(features).any(axis=0)
    used = np.flatnonzero(decided & known)
    if not len(used):
        reason = "no style attributes of the answers. Add them with add_markdown_info.py"
        return dict.fromkeys(ATTRIBUTES.values(), undefined(reason)), ""
    note = _skipped_note(panel, np.flatnonzero(decided & ~known), int(decided.sum()))
    # Only models with a used battle: the strength of others is undefined, and the fit would fail.
    sides, numbers = np.unique([panel.baseline[used], panel.model[used]], return_inverse=True)
    a, b = numbers.reshape(2, -1)
    cells = Cells(len(sides), a, b, panel.question[used], counts[:, used], features[:, used])
    anchor = int(np.bincount(a).argmax())
    try:
        fit = bradley_terry.fit(cells, anchor)
    except DisconnectedError:
        reason = "no chain of battles between all models"
        return dict.fromkeys(ATTRIBUTES.values(), undefined(reason)), note
    _, samples = bradley_terry.reweighted(cells, anchor, times, workers=workers)
    battles, estimates = int(cells.counts.sum()), _estimates(fit.coefficients, samples, times)
    return {
        name: Counted(estimate, battles) if spread > 0 else undefined(NO_SPREAD)
        for name, estimate, spread in zip(ATTRIBUTES.values(), estimates, fit.scale, strict=True)
    }, note


def _skipped_note(panel: Panel, unknown: np.ndarray, decided: int) -> str:
    """The number of decided battles with an answer of unknown style, and one example."""
    if not len(unknown):
        return ""
    model, baseline = (panel.models[side[unknown[0]]] for side in (panel.model, panel.baseline))
    example = f"{model} against {baseline} on {panel.questions[panel.question[unknown[0]]]}"
    return (
        f"{len(unknown):,} of {decided:,} battles are left out, because an answer or its style "
        f"attributes are missing, e.g. {example}"
    )


def outcome_counts(worth: np.ndarray) -> np.ndarray:
    """Weighted battles (3, N) of worths (N, 2): wins of the baseline, ties, wins of the model."""
    weight = np.where(worth > UNDECIDED, np.where(np.abs(worth) == 2, 3, 1), 0)
    winners = np.sign(worth)
    return np.array([(weight * (winners == winner)).sum(axis=1) for winner in (-1, 0, 1)])


# Sums by question

OfSums = Callable[[np.ndarray], np.ndarray]
"""Measures (R, S) from sums over the questions of each round (R, K)."""


def estimated(statistic: OfSums, sums: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimate the measures of a statistic of sums by question (Q, K) over the rounds (R, Q)."""
    value = statistic(sums.sum(axis=0, keepdims=True))[0]
    return _estimates(value, statistic(times @ sums), times)


def _estimates(values: np.ndarray, samples: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimates of values (S,) from those of resampled questions (R, S)."""
    rounds, questions = times.shape
    if rounds == 0 or questions < FEW:
        ends = np.full((2, len(values)), np.nan)
    else:
        ends = interval(samples, LEVEL)
    return [Estimate(*row) for row in np.vstack([values, ends]).T.tolist()]


def divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotients, NaN where the divisor is 0."""
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole != 0))
