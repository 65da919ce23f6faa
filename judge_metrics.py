"""How judges decide, in numbers: bias for place, length, markdown and own kin, and agreement.

Arrays in, numbers out.  Every interval is a percentile bootstrap over questions: sums by question,
weighted with how often a round draws each.  NaN stands for what is not defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import bradley_terry
from bradley_terry import Cells, DisconnectedError, interval
from metrics import LEVEL, Estimate
from panel import NO_VERDICT, NOT_JUDGED, Panel
from styles import ATTRIBUTES
from verdict import LABELS

Statistic = Callable[[np.ndarray], np.ndarray]
"""Measures (R, S) from sums over the questions of each round (R, K)."""

A_WON = np.array([1.0, 1.0, 0.5, 0.0, 0.0])  # points of the first place, by LABELS
BY_FAR = np.array([True, False, False, False, True])


@dataclass(frozen=True)
class Counted:
    """An estimate, the number of games or judgments it rests on, and why it has none."""

    estimate: Estimate
    number: int
    why: str = ""


@dataclass(frozen=True)
class JudgeReport:
    """What is measured of one judge; shares in percent, self-preference in points of win rate.

    `labels`: games by LABELS. `causes`: games without verdict. `own`: the models of its family.
    `style`: coefficients by attribute, in log-odds for one standard deviation of the difference.
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
    style: Mapping[str, Counted]
    own: tuple[str, ...]
    self_preference: Counted


@dataclass(frozen=True)
class PairReport:
    """The agreement of two judges on the games that both decided.

    `same`: percentage with one label. `kappa`: Cohen's; `weighted`: with squared distances of the
    labels as weights. `confusion`: games by the first's label, then by the second's.
    """

    first: str
    second: str
    games: int
    same: Estimate
    kappa: Estimate
    weighted: Estimate
    confusion: tuple[tuple[int, ...], ...]


def draw_questions(panel: Panel, rounds: int, seed: int) -> np.ndarray:
    """How often each round draws each question, (R, Q): with replacement, as many as there are."""
    number = len(panel.questions)
    rng = np.random.default_rng(seed)
    return rng.multinomial(number, np.full(number, 1 / number), rounds).astype(float)


def judge_report(
    panel: Panel,
    number: int,
    features: np.ndarray,
    family: Mapping[str, str],
    times: np.ndarray,
    workers: int = 1,
) -> JudgeReport:
    """Measure judge `number` of a panel over the rounds `times` (R, Q).

    `features` (F, N): style differences of the battles. `family`: that of each judge and model; a
    name that is not there is a family of its own.
    """
    judge = panel.judges[number]
    labels = panel.labels[number]
    judged = (labels != NOT_JUDGED).any(axis=1)
    counts = np.bincount(labels[labels >= 0], minlength=len(LABELS)).tolist()
    return JudgeReport(
        judge=judge,
        models=len(np.unique(panel.model[judged])),
        questions=len(np.unique(panel.question[judged])),
        judgments=int(judged.sum()),
        games=int((labels >= NO_VERDICT).sum()),
        labels=dict(zip(LABELS, counts, strict=True)),
        causes=panel.causes[judge],
        left_out=panel.left_out[judge],
        first_place=first_place(panel, number, times),
        flips=flips(panel, number, times),
        style=style_bias(panel, number, features, times, workers),
        own=tuple(m for m in panel.models if family.get(m, m) == family.get(judge, judge)),
        self_preference=self_preference(panel, number, family, times),
    )


# Place


def first_place(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """Return how often A wins, in percent of the games that A or B wins.

    Of judgments with two verdicts, in which each side had each place.
    """
    rows, labels = _twice(panel, judge)
    won = (A_WON[labels] == 1.0).sum(axis=1)
    decided = (A_WON[labels] != 0.5).sum(axis=1)
    return _share(panel.question[rows], won, decided, times)


def flips(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """Return the percentage of judgments with two verdicts whose games name different winners.

    A tie in one game alone is a flip too.
    """
    rows, labels = _twice(panel, judge)
    flipped = A_WON[labels[:, 0]] != 1.0 - A_WON[labels[:, 1]]
    return _share(panel.question[rows], flipped, np.ones(len(rows)), times)


def _twice(panel: Panel, judge: int) -> tuple[np.ndarray, np.ndarray]:
    """The battles (n,) with two verdicts of a judge, and their labels (n, 2)."""
    labels = panel.labels[judge]
    rows = np.flatnonzero((labels >= 0).all(axis=1))
    return rows, labels[rows]


def _share(question: np.ndarray, part: np.ndarray, whole: np.ndarray, times: np.ndarray) -> Counted:
    """A share in percent of sums over battles, each (n,)."""
    questions = times.shape[1]
    sums = np.array([np.bincount(question, values, questions) for values in (part, whole)]).T
    total = int(whole.sum())
    return Counted(_estimated(_ratio, sums, times)[0], total, "" if total else "no such verdicts")


def _ratio(sums: np.ndarray) -> np.ndarray:
    """Percentages (R, 1) of sums (R, 2)."""
    return 100.0 * _divided(sums[:, :1], sums[:, 1:])


# Style


def style_bias(
    panel: Panel, judge: int, features: np.ndarray, times: np.ndarray, workers: int
) -> dict[str, Counted]:
    """Return the style coefficients of a judge's battles, controlled for the models' strengths.

    Those of `show_result.py --style-control`: `>>` counts three times. What a coefficient shows is
    bias only as far as longer or more marked-up answers of one model are no better than others.
    """
    counts = outcome_counts(panel.labels[judge])
    used = np.flatnonzero(counts.sum(axis=0))
    battles = int(counts.sum())
    unknown = int(np.isnan(features[:, used]).any(axis=0).sum())
    if unknown:
        return _no_style(f"style attributes are not known in {unknown:,} of {len(used):,} battles")
    sides, numbers = np.unique([panel.baseline[used], panel.model[used]], return_inverse=True)
    a, b = numbers.reshape(2, -1)
    cells = Cells(len(sides), a, b, panel.question[used], counts[:, used], features[:, used])
    anchor = int(np.bincount(a).argmax())
    try:
        fit = bradley_terry.fit(cells, anchor)
    except DisconnectedError:
        return _no_style("no chain of battles between all models")
    samples = bradley_terry.resampled_style(cells, anchor, times, workers=workers)
    found = _estimates(fit.coefficients, samples)
    return {
        name: Counted(estimate, battles)
        for name, estimate in zip(ATTRIBUTES.values(), found, strict=True)
    }


def outcome_counts(labels: np.ndarray) -> np.ndarray:
    """Weighted battles (3, N) of labels (N, 2): wins of the baseline, ties, wins of the model."""
    counts = np.zeros((3, len(labels)), dtype=np.int64)
    rows = np.arange(len(labels))
    for game, codes in enumerate(labels.T):
        decided = codes >= 0
        place = np.array([0, 0, 1, 2, 2])[codes[decided]]
        weight = np.where(BY_FAR[codes[decided]], 3, 1)
        np.add.at(counts, (2 - place if game else place, rows[decided]), weight)
    return counts


def _no_style(why: str) -> dict[str, Counted]:
    return {name: _nothing(why) for name in ATTRIBUTES.values()}


def _nothing(why: str) -> Counted:
    return Counted(Estimate(np.nan, np.nan, np.nan), 0, why)


# Kin


def self_preference(
    panel: Panel, judge: int, family: Mapping[str, str], times: np.ndarray
) -> Counted:
    """Return how much more a judge gives the models of its family than other judges do.

    In points of win rate (a tie is half a win), over the games that it and a judge of another
    family decided: its verdicts less their mean on the models of its family, less the same
    difference on models of no judge's family. Battles against a baseline of its family are left
    out: they say the contrary of those against others.
    """
    families = [family.get(name, name) for name in panel.judges]
    of_model = np.array([family.get(name, name) for name in panel.models])
    others = [i for i, name in enumerate(families) if name != families[judge]]
    own = of_model == families[judge]
    apart = ~own[panel.baseline]
    kin = own[panel.model] & apart
    rest = ~np.isin(of_model, families)[panel.model] & apart
    why = _no_kin(panel, own, kin, rest, others)
    if why:
        return _nothing(why)
    difference, compared = _differences(panel, judge, others)
    sums = np.array(
        [
            np.bincount(panel.question[rows], values[rows], times.shape[1])
            for rows in (kin, rest)
            for values in (difference, compared)
        ]
    ).T
    games = sums.sum(axis=0)[1::2]
    if not games.all():
        return _nothing("no game that a judge of another family decided too")
    return Counted(_estimated(_excess, sums, times)[0], int(games[0]))


def _no_kin(
    panel: Panel, own: np.ndarray, kin: np.ndarray, rest: np.ndarray, others: list[int]
) -> str:
    """Return why self-preference is not defined, nothing if it is."""
    if len(panel.judges) == 1:
        return "one judge only"
    if not own[panel.model].any() and not own[panel.baseline].any():
        return "no model of its family"
    if not others:
        return "no judge of another family"
    if not kin.any():
        return "the baseline is of its family"
    return "" if rest.any() else "all models are of the judges' families"


def _differences(panel: Panel, judge: int, others: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """What a judge gives the model more than the mean of others, summed over games (N,); the games.

    Points: 1 for a win, 1/2 for a tie, 0 for a loss.
    """
    points = A_WON[np.maximum(panel.labels, 0)]
    points[:, :, 0] = 1.0 - points[:, :, 0]
    decided = panel.labels >= 0
    number = decided[others].sum(axis=0)
    mean = _divided((points * decided)[others].sum(axis=0), number)
    both = decided[judge] & (number > 0)
    return np.where(both, points[judge] - mean, 0.0).sum(axis=1), both.sum(axis=1)


def _excess(sums: np.ndarray) -> np.ndarray:
    """Points (R, 1) from differences and games of kin and of the rest (R, 4)."""
    means = _divided(sums[:, ::2], sums[:, 1::2])
    return np.asarray(100.0 * (means[:, :1] - means[:, 1:]))


# Two judges


def pair_report(panel: Panel, first: int, second: int, times: np.ndarray) -> PairReport:
    """Compare the labels of two judges game by game."""
    one, other = panel.labels[first], panel.labels[second]
    both = (one >= 0) & (other >= 0)
    kinds = len(LABELS) ** 2
    question = np.broadcast_to(panel.question[:, None], one.shape)[both].astype(np.int64)
    codes = question * kinds + one[both] * len(LABELS) + other[both]
    sums = np.bincount(codes, minlength=times.shape[1] * kinds).reshape(-1, kinds)
    same, kappa, weighted = _estimated(_agreement, sums.astype(float), times)
    confusion = sums.sum(axis=0).reshape(len(LABELS), -1).tolist()
    return PairReport(
        first=panel.judges[first],
        second=panel.judges[second],
        games=int(both.sum()),
        same=same,
        kappa=kappa,
        weighted=weighted,
        confusion=tuple(map(tuple, confusion)),
    )


def _agreement(sums: np.ndarray) -> np.ndarray:
    """Share of one label in percent, kappa, and kappa with quadratic weights (R, 3), from (R, 25).

    Cohen (1968): 1 - (disagreement seen) / (disagreement by chance).
    """
    table = sums.reshape(-1, len(LABELS), len(LABELS))
    number = table.sum(axis=(1, 2))
    chance = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :]
    steps = np.subtract.outer(np.arange(len(LABELS)), np.arange(len(LABELS)))
    kappas = []
    for weight in (steps != 0, steps**2):
        seen, expected = ((weight * counts).sum(axis=(1, 2)) for counts in (table, chance))
        kappas.append(1.0 - _divided(seen * number, expected))
    same = 100.0 * _divided(np.trace(table, axis1=1, axis2=2), number)
    return np.stack([same, *kappas], axis=1)


# Sums by question


def _estimated(statistic: Statistic, sums: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimate the measures of a statistic of sums by question (Q, K)."""
    return _estimates(statistic(sums.sum(axis=0, keepdims=True))[0], statistic(times @ sums))


def _estimates(values: np.ndarray, samples: np.ndarray) -> list[Estimate]:
    """Estimates of values (S,) from those of resampled questions (R, S)."""
    ends = interval(samples, LEVEL)
    return [Estimate(*map(float, row)) for row in np.vstack([values, ends]).T]


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotients, NaN where there is nothing to divide by."""
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole != 0))
