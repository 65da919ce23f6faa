"""How judges decide, in numbers: bias for place, length, markdown and own kin, and agreement.

Arrays in, numbers out.  Every interval is a percentile bootstrap over questions: sums by question,
weighted with how often a round draws each.  NaN stands for what is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arena.bench.labels import LABELS
from arena.quality.measures import LEVEL, Estimate
from arena.quality.panel import NO_VERDICT, NOT_JUDGED, Panel
from arena.scoring import bradley_terry
from arena.scoring.bradley_terry import DisconnectedError, interval
from arena.scoring.cells import Cells
from arena.scoring.style_features import ATTRIBUTES

OfSums = Callable[[np.ndarray], np.ndarray]
"""Measures (R, S) from sums over the questions of each round (R, K)."""

LEAST_REST = 3  # models that tell what a judge's strictness, noise and bias for a place do

NO_SPREAD = "no answers differ in it"

A_WON = np.array([1.0, 1.0, 0.5, 0.0, 0.0])  # points of the first place, by LABELS
BY_FAR = np.array([True, False, False, False, True])


FEW = 5  # questions for an interval


@dataclass(frozen=True)
class Counted:
    """An estimate, the number of games or judgments it rests on, and why it has none."""

    estimate: Estimate
    number: int
    why: str = ""


@dataclass(frozen=True)
class JudgeReport:
    """What is measured of one judge; shares in percent, what concerns kin in points of win rate.

    `labels`: games by LABELS. `causes`: games without verdict. `own`: the models of its family.
    `made_of`: the judges of an ensemble, none where it does not tell them; None for no ensemble.
    `style`: coefficients by attribute, in log-odds for one standard deviation of the difference.
    `style_left_out`: how many battles they leave out and why, empty if none.
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
    style_left_out: str
    own: tuple[str, ...]
    kin_difference: Counted
    self_preference: Counted
    made_of: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PairReport:
    """The agreement of two judges on the games that both decided.

    `same`: percentage with one label. `kappa`: Cohen's; `weighted`: with squared distances of the
    labels as weights. `confusion`: games by the first's label, then by the second's. `why`: what
    has no number has none for this reason.
    """

    first: str
    second: str
    games: int
    same: Estimate
    kappa: Estimate
    weighted: Estimate
    confusion: tuple[tuple[int, ...], ...]
    why: str = ""


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
    style, style_left_out = style_bias(panel, number, features, times, workers)
    judged = (labels != NOT_JUDGED).any(axis=1)
    difference, preference = kinship(panel, number, family, times)
    return JudgeReport(
        judge=judge,
        models=len(np.unique(panel.model[judged])),
        questions=len(np.unique(panel.question[judged])),
        judgments=int(judged.sum()),
        games=int((labels >= NO_VERDICT).sum()),
        labels=label_counts(labels),
        causes=panel.causes[judge],
        left_out=panel.left_out[judge],
        first_place=first_place(panel, number, times),
        flips=flips(panel, number, times),
        style=style,
        style_left_out=style_left_out,
        own=tuple(m for m in panel.models if family.get(m, m) == family.get(judge, judge)),
        kin_difference=difference,
        self_preference=preference,
        made_of=panel.made_of.get(judge),
    )


def label_counts(labels: np.ndarray) -> dict[str, int]:
    """Return the number of games by label."""
    counts = np.bincount(labels[labels >= 0], minlength=len(LABELS)).tolist()
    return dict(zip(LABELS, counts, strict=True))


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
    return Counted(
        _estimated(_percentage, sums, times)[0], total, "" if total else "no such verdicts"
    )


def _percentage(sums: np.ndarray) -> np.ndarray:
    """Percentages (R, 1) of sums (R, 2)."""
    return 100.0 * _divided(sums[:, :1], sums[:, 1:])


# Style


def style_bias(
    panel: Panel, judge: int, features: np.ndarray, times: np.ndarray, workers: int
) -> tuple[dict[str, Counted], str]:
    """Return the style coefficients of a judge's battles, controlled for the models' strengths, and
    which battles are left out since the style of an answer is not known.

    Those of `show_result.py --style-control --one-board --method bradley-terry`: `>>` counts three
    times. What a coefficient shows is bias only as far as longer or more marked-up answers of one
    model are no better than others.
    """
    counts = outcome_counts(panel.labels[judge])
    decided = np.asarray(counts.any(axis=0))
    known = np.asarray(~np.isnan(features).any(axis=0))
    left_out = _style_left_out(panel, decided, known)
    if not (decided & known).any():
        return _no_style("no style attributes of the answers; add_markdown_info.py adds them"), ""
    return _coefficients(panel, counts, features, decided & known, times, workers), left_out


def _style_left_out(panel: Panel, decided: np.ndarray, known: np.ndarray) -> str:
    """Return how many of the decided battles (N,) have an answer of unknown style, with one."""
    unknown = np.flatnonzero(decided & ~known)
    if not len(unknown):
        return ""
    model, baseline = (panel.models[side[unknown[0]]] for side in (panel.model, panel.baseline))
    example = f"{model} against {baseline} on {panel.questions[panel.question[unknown[0]]]}"
    return (
        f"{len(unknown):,} of {decided.sum():,} battles are left out, where an answer or its style "
        f"attributes are missing, e.g. {example}"
    )


def _coefficients(
    panel: Panel,
    counts: np.ndarray,
    features: np.ndarray,
    used: np.ndarray,
    times: np.ndarray,
    workers: int,
) -> dict[str, Counted]:
    """Return the style coefficients of the battles `used` (N,) of weighted `counts` (3, N)."""
    cells = _cells(panel, counts, features, np.flatnonzero(used))
    anchor = int(np.bincount(cells.a).argmax())
    try:
        fit = bradley_terry.fit(cells, anchor)
    except DisconnectedError:
        return _no_style("no chain of battles between all models")
    samples = bradley_terry.resampled_style(cells, anchor, times, workers=workers)
    battles, found = int(cells.counts.sum()), _estimates(fit.coefficients, samples, times.shape[1])
    return {
        name: Counted(estimate, battles) if spread > 0 else _nothing(NO_SPREAD)
        for name, estimate, spread in zip(ATTRIBUTES.values(), found, fit.scale, strict=True)
    }


def _cells(panel: Panel, counts: np.ndarray, features: np.ndarray, used: np.ndarray) -> Cells:
    """The weighted battles with the numbers `used`, of models that are on a side of one."""
    sides, numbers = np.unique([panel.baseline[used], panel.model[used]], return_inverse=True)
    a, b = numbers.reshape(2, -1)
    return Cells(len(sides), a, b, panel.question[used], counts[:, used], features[:, used])


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


def kinship(
    panel: Panel, judge: int, family: Mapping[str, str], times: np.ndarray
) -> tuple[Counted, Counted]:
    """Return how much more a judge gives the models of its family than other judges do, and how
    much of that is for their being kin.

    In points of win rate (a tie is half a win), over the games that it and a judge of another
    family decided, with the mean of the others' verdicts. The second is the mean residual of kin
    from the line on which the judge's win rates of the rest, models of no judge's family, follow
    the others': strictness, noise and bias for a place all change win rates by a line. Each round
    fits its own. Battles against a baseline of the judge's family are left out: they say the
    contrary of those against others.
    """
    kin = _Kin.of(panel, judge, family)
    if why := kin.lack(panel):
        return _nothing(why), _nothing(why)
    sums = _sums_by_model(panel, judge, kin)
    number = int(sums[:, 2, kin.own].sum())
    if not number:
        why = "no game that a judge of another family decided too"
        return _nothing(why), _nothing(why)

    def measures(drawn: np.ndarray) -> np.ndarray:
        return _of_kin(drawn.reshape(len(drawn), 3, -1), kin)

    found = _estimated(measures, sums.reshape(len(sums), -1), times)
    difference, preference = (Counted(estimate, number) for estimate in found)
    why = _no_line(sums.sum(axis=0)[:, kin.rest])
    return difference, _nothing(why) if why else preference


@dataclass(frozen=True)
class _Kin:
    """Whom a judge is compared on, and with.

    `own`, `rest` (M,): models of its family, and of no judge's. `apart` (N,): battles against a
    baseline of another family. `others`: judges of other families, and no ensembles.
    """

    own: np.ndarray
    rest: np.ndarray
    apart: np.ndarray
    others: list[int]

    @classmethod
    def of(cls, panel: Panel, judge: int, family: Mapping[str, str]) -> _Kin:
        """Return those of a judge of a panel."""
        families = [family.get(name, name) for name in panel.judges]
        of_model = np.array([family.get(name, name) for name in panel.models])
        own = of_model == families[judge]
        others = [
            i
            for i, name in enumerate(panel.judges)
            if families[i] != families[judge]
            if name not in panel.made_of and not panel.share_verdicts(judge, i)
        ]
        return cls(own, ~np.isin(of_model, families), ~own[panel.baseline], others)

    def lack(self, panel: Panel) -> str:
        """Return why nothing can be compared, nothing if it can."""
        if len(panel.judges) == 1:
            return "one judge only"
        if not (self.own[panel.model] | self.own[panel.baseline]).any():
            return "no model of its family"
        if not self.others:
            return "no judge of another family"
        has_kin = (self.own[panel.model] & self.apart).any()
        return "" if has_kin else "the baseline is of its family"


def _sums_by_model(panel: Panel, judge: int, kin: _Kin) -> np.ndarray:
    """By question and model (Q, 3, M): points that a judge gives, the mean of those that others
    give, and the games that both decided.

    Points of the model: 1 for a win, 1/2 for a tie, 0 for a loss.
    """
    points = A_WON[np.maximum(panel.labels, 0)]
    points[:, :, 0] = 1.0 - points[:, :, 0]
    decided = panel.labels >= 0
    number = decided[kin.others].sum(axis=0)
    mean = _divided((points * decided)[kin.others].sum(axis=0), number)
    both = decided[judge] & (number > 0) & kin.apart[:, None]
    models = len(panel.models)
    place = panel.question.astype(np.int64) * models + panel.model
    sums = [
        np.bincount(place, np.where(both, of_game, 0.0).sum(axis=1), len(panel.questions) * models)
        for of_game in (points[judge], mean, np.ones(both.shape))
    ]
    return np.stack([one.reshape(-1, models) for one in sums], axis=1)


def _of_kin(sums: np.ndarray, kin: _Kin) -> np.ndarray:
    """The difference of kin and the part of it that is preference (R, 2), of sums (R, 3, M)."""
    rest, own = sums[:, :, kin.rest], sums[:, :, kin.own].sum(axis=2)
    mine, theirs = _divided(own[:, :2], own[:, 2:]).T
    slope, middle = _line(rest)
    expected = middle[0] + slope * (theirs - middle[1])
    return 100.0 * np.stack([mine - theirs, mine - expected], axis=1)


def _line(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope (R,) of one's win rates over the others', and their means (2, R), of sums (R, 3, M).

    Least squares over models, weighted by games; NaN where the others' win rates do not differ.
    """
    mine, theirs, games = sums.swapaxes(0, 1)
    total = sums.sum(axis=2)
    middle = _divided(total[:, :2], total[:, 2:]).T
    apart = np.where(games > 0, _divided(theirs, games) - middle[1][:, None], 0.0)
    spread = (games * apart**2).sum(axis=1)
    spread[spread < 1e-12 * total[:, 2]] = 0.0
    return _divided((apart * mine).sum(axis=1), spread), middle


def _no_line(sums: np.ndarray) -> str:
    """Return why sums (3, M) of the rest make no line, nothing if they do."""
    if (sums[2] > 0).sum() < LEAST_REST:
        return f"fewer than {LEAST_REST} models of no judge's family"
    slope, _ = _line(sums[None])
    return "all models of no judge's family have one win rate" if np.isnan(slope[0]) else ""


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
    games = int(both.sum())
    why = "both give one and the same label" if games else "no game that both decided"
    return PairReport(
        first=panel.judges[first],
        second=panel.judges[second],
        games=games,
        same=same,
        kappa=kappa,
        weighted=weighted,
        confusion=tuple(map(tuple, confusion)),
        why=why if math.isnan(kappa.value) else "",
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


def _estimated(statistic: OfSums, sums: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimate the measures of a statistic of sums by question (Q, K)."""
    value = statistic(sums.sum(axis=0, keepdims=True))[0]
    return _estimates(value, statistic(times @ sums), len(sums))


def _estimates(values: np.ndarray, samples: np.ndarray, questions: int) -> list[Estimate]:
    """Estimates of values (S,) from those of resampled questions (R, S); few give no interval."""
    ends = interval(samples if questions >= FEW else np.full_like(samples, np.nan), LEVEL)
    return [Estimate(*map(float, row)) for row in np.vstack([values, ends]).T]


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotients, NaN where there is nothing to divide by."""
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole != 0))
