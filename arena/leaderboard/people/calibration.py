"""Win rates of a judge corrected by the drawn labels of a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError
from arena.base.table import listed
from arena.bench.paths import PERSON, is_person
from arena.leaderboard import build
from arena.leaderboard.options import NOT_OF_GRADES, SEVERAL, BoardOptions
from arena.leaderboard.people.draws import Draw, read_draw
from arena.leaderboard.people.pairs import Pair, decided, judged_pairs
from arena.scoring.battles import Grades
from arena.scoring.selection import Selection
from arena.scoring.uncertainty.label_correction import Corrected, corrected, labels_for

FEWEST = 30  # labels of a model
WIDTH = 0.05  # half of an interval's, from 0 to 1
CHANCE = "{:.2f} ({:.2f}, {:.2f})"  # a slope whose interval includes that of a judge at chance, 0
CHANGED = "judged on other questions since the draw, so that the labels are no sample of them"
GAPS = 0.1  # drawn pairs without a label for each that has one, up to the last that has
SPOTTY = (
    "many drawn pairs before the last labelled one have no label, so the labels may be no sample"
)


def selection_of(options: BoardOptions, person: str) -> Selection:
    """Return the selection of one board of one judge and one baseline. Raises InputError."""
    if not is_person(person):
        raise InputError(f"--calibrate {person}: not a person. Name a judge {PERSON}NAME.")
    if person in options.judges:
        raise InputError(f"--calibrate {person}: also the judge. Name another one to correct.")
    if options.mixed == "count":
        reason = "labels correct one judge and one baseline. Use --mixed leave-out."
        raise InputError(f"--mixed count: {reason}")
    (selection, data), *others = build.read_boards(options)
    if isinstance(data, Grades):
        raise InputError(f"--calibrate: {NOT_OF_GRADES}")
    if others:
        raise InputError(f"--calibrate: {SEVERAL}")
    if len(selection.judges) > 1 or len(selection.baselines) != 1:
        raise InputError("--calibrate: needs one judge and one baseline. Name one of each.")
    return selection


@dataclass(frozen=True)
class CalibratedModel:
    """The win rates of a model from 0 to 1: of the judge on all `pairs`, by the `labels` alone, and
    corrected. None with under FEWEST labels, or if they are no sample. `needed`: labels for an
    interval of a half-width of WIDTH, None if those of all pairs are too few.
    """

    model: str
    pairs: int
    labels: int
    judge_alone: float
    labels_alone: float | None = None
    corrected: Corrected | None = None
    needed: int | None = None

    @classmethod
    def of(
        cls,
        model: str,
        judge: Mapping[Pair, float],
        human: Mapping[Pair, float],
        labelled: Collection[Pair],
        *,
        is_sample: bool,
    ) -> CalibratedModel:
        """Correct the win rate of a model. `is_sample`: whether its labels are a random sample."""
        own = [pair for pair in labelled if pair[1] == model]
        others = [pair for pair in judge if pair[1] == model and pair not in labelled]
        y, f = (np.array([points[pair] for pair in own]) for points in (human, judge))
        rest = np.array([judge[pair] for pair in others])
        alone = float(np.concatenate([f, rest]).mean())
        row = cls(model, len(own) + len(rest), len(own), alone)
        if len(own) < FEWEST or not is_sample:
            return row
        needed = labels_for(y, f, rest, WIDTH, FEWEST)
        result = corrected(y, f, rest)
        return replace(row, labels_alone=float(y.mean()), corrected=result, needed=needed)


@dataclass(frozen=True)
class Calibration:
    """The win rates of a judge's models corrected by labels of a person, and the notes on them."""

    selection: Selection
    person: str
    models: tuple[CalibratedModel, ...]
    notes: tuple[str, ...]


def label_order(draw: Draw, human: Collection[Pair], judged: Collection[Pair]) -> dict[str, str]:
    """Return for each model which of its judged pairs have a label, in drawn order: `L` or `-`."""
    order: dict[str, str] = {}
    for pair in draw.pairs:
        if pair in judged:
            order[pair[1]] = order.get(pair[1], "") + ("L" if pair in human else "-")
    return order


def odd_lines(
    draw: Draw, human: Mapping[Pair, float], judged: Mapping[Pair, float | None]
) -> Iterator[str]:
    """Yield the numbers of judged pairs that lack a label, a draw or a verdict."""
    order = label_order(draw, human, judged).values()
    before = sum(of.rstrip("-").count("-") for of in order)
    drawn = set(draw.pairs) & judged.keys()
    gap = "drawn pairs before a labelled one have no label, which biases the rates if not by chance"
    for number, what in (
        (sum(of.count("-") for of in order) - before, "drawn pairs have no label yet"),
        (before, gap),
        (len(human.keys() - drawn), "labels are of pairs that were not drawn, and are left out"),
        (
            sum(judged[pair] is None for pair in drawn & human.keys()),
            "labelled pairs have no verdict of the judge",
        ),
    ):
        if number:
            yield f"{number:,} {what}"


def calibration_of(selection: Selection, person: str) -> Calibration:
    """Return the corrected win rates of a selection.

    Raises InputError if the pairs with labels were not drawn, or if no model has enough labels.
    """
    draw = read_draw(selection, person)
    judged = judged_pairs(selection, selection.judges[0])
    judge, human = decided(judged), decided(judged_pairs(selection, person))
    models = sorted({model for _, model in judge})
    order = label_order(draw, human, judged)
    gaps = {m: of.rstrip("-").count("-") / max(of.count("L"), 1) for m, of in order.items()}
    stale = [model for model in models if model in draw.stale]
    spotty = [model for model in models if gaps.get(model, 0) > GAPS and model not in stale]
    no_sample = {f"{CHANGED}: {listed(stale)}. {draw.remedy}": stale}
    no_sample[f"{SPOTTY}: {listed(spotty)}. Label the first pairs of {draw.path}."] = spotty
    reasons = [reason for reason, names in no_sample.items() if names]
    labelled = dict.fromkeys(pair for pair in draw.pairs if pair in judge and pair in human)
    labels = Counter(model for _, model in labelled)
    counts = {model: labels[model] for model in models if model not in {*stale, *spotty}}
    few = [model for model, count in counts.items() if count < FEWEST]
    if len(few) == len(counts):
        most = max(counts.values(), default=0)
        problem = f"at most {most} drawn pairs of a model have labels, but {FEWEST} are needed"
        raise InputError(
            f"{person}: {' '.join(reasons) or f'{problem}. Label more of {draw.path}.'}"
        )
    rows = tuple(
        CalibratedModel.of(model, judge, human, labelled, is_sample=model in counts)
        for model in models
    )
    what = f"win rates against {selection.baselines[0]} at weight 1"
    notes = [f"{what}, in brackets 95 % intervals (PPI++)", *odd_lines(draw, human, judged)]
    notes += reasons
    if few:
        notes.append(f"fewer than {FEWEST} labels: {listed(few)}")
    notes += useless_lines(rows, {(m, judge[q, m]) for q, m in labelled})
    return Calibration(selection, person, rows, tuple(notes))


def useless_lines(
    rows: Iterable[CalibratedModel], points: Collection[tuple[str, float]]
) -> Iterator[str]:
    """Yield notes on models whose labels alone speak. points: the judge's different points on
    labelled pairs, each with its model. Of equal points no slope is known.
    """
    number = Counter(model for model, _ in points)
    slopes = {row.model: row.corrected.slope for row in rows if row.corrected}
    if equal := [model for model in slopes if number[model] == 1]:
        what = "the judge gave all labelled pairs the same points, so that it adds nothing"
        yield f"{what}: {listed(equal)}"
    chance = [m for m, slope in slopes.items() if slope[1] <= 0 and number[m] > 1]
    if alone := [f"{model} {CHANCE.format(*slopes[model])}" for model in chance]:
        what = "the judge may be at chance, so that the labels alone speak"
        yield f"{what}, by the slope of a person's points on the judge's: {listed(alone)}"
