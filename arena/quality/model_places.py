"""The place effect of one judge for each model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.quality.benchmark.measures import Estimate, divided
from arena.quality.benchmark.ratings import LEVEL
from arena.quality.judge_measures import Counted
from arena.quality.panel import Panel, outcomes_of
from arena.scoring.uncertainty.intervals import expanded, percentiles


@dataclass(frozen=True)
class ModelPlace:
    """The effect of the places on a model, over its judgments with two verdicts.

    `effect`: half its win rate as A less half that as B, in points. It is also the win rate
    as A less the mean of both. `flips`: the percentage of judgments whose winners differ.
    """

    model: str
    effect: Counted
    flips: Counted


def model_places(panel: Panel, judge: int, times: np.ndarray) -> list[ModelPlace]:
    """The effect of the places on each model with two verdicts of a judge, the largest first.

    `times` (R, Q): how often each round takes a question. A model with under FEW questions has no
    interval.
    """
    twice = panel.decided[judge].all(axis=1)
    first, second = outcomes_of(panel.shares(judge)[twice]).swapaxes(0, 1)
    as_b, as_a = panel.points(judge)[twice].T
    models, questions = len(panel.models), times.shape[1]
    cell = panel.question[twice] * models + panel.model[twice]
    values = (50 * (as_a - as_b), 100 * (1 - (first * second).sum(axis=1)), np.ones(len(cell)))
    sums = np.stack([np.bincount(cell, value, questions * models) for value in values])
    sums = sums.reshape(3, questions, models)
    means = divided(sums[:2].sum(axis=1), sums[2].sum(axis=0))
    rounds = times @ sums  # (3, R, M)
    samples = divided(rounds[:2], rounds[2])
    level = expanded(LEVEL, (sums[2] > 0).sum(axis=0))
    ends = np.full((2, 2, models), np.nan)
    if len(times):
        ends = np.stack([percentiles(sample, level) for sample in samples])
    numbers = sums[2].sum(axis=0).astype(int)
    found = [
        ModelPlace(
            panel.models[model],
            *(
                Counted(Estimate(*map(float, (mean[model], *end[:, model]))), int(numbers[model]))
                for mean, end in zip(means, ends, strict=True)
            ),
        )
        for model in np.flatnonzero(numbers)
    ]
    return sorted(found, key=lambda one: (-abs(one.effect.estimate.value), one.model))
