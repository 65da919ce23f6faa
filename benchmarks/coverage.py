"""Measures how often the 95 % intervals of the two resamplings hold the true score, by simulation.

    python benchmarks/coverage.py                        # 400 data sets, about 2 minutes
    python benchmarks/coverage.py --datasets 40 --rounds 100

Nine models play a baseline on 500 questions, two games each, places exchanged. In a game, what
puts the baseline ahead of model m on question q is

    strength_0 - strength_m  +  u_q  +  v_qm  +  style  +-  position bias  +  e

* u_q ~ N(0, 1), the question's own effect: shared by both games and by all models;
* v_qm ~ N(0, 1), what suits this model in this question: shared by both games;
* style: 1.5 times the relative difference in length, (a - b) / (a + b + 1), of the two answers;
* position bias: what the place A is worth, + in game 1 and - in game 2 (--position-bias);
* e ~ logistic, scale 1/2: the judge's noise, new in each game.

Within +-0.25 the label is a tie; beyond +-1.5 it is `>>`, which counts as three battles. So neither
the copies nor the two games of a judgment are independent, nor the models' games on one question.
The truth is the same estimator's score on 300,000 questions. Exit status 1 if `question` covers
less than 93 %.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.flags import positive
from arena.scoring import bradley_terry as bt
from arena.scoring import cells
from arena.scoring.uncertainty.intervals import percentiles

BASELINE, MODELS = 0, 10
STRENGTHS = np.array([0.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])
VERBOSITY = np.array([0.0, -0.4, 0.5, -0.2, 0.3, 0.0, -0.3, 0.2, -0.5, 0.4])
LENGTH_EFFECT = 1.5
TIE, BIG, WEIGHT = 0.25, 1.5, 3

QUESTIONS, TRUE_QUESTIONS = 500, 300_000
RESAMPLES: tuple[bt.Resample, ...] = ("question", "battle")
TARGET = 93.0


@dataclass(frozen=True)
class Simulation:
    """What all data sets share; `style` chooses the estimator that controls for style."""

    style: bool
    rounds: int
    seed: int
    position_bias: float


def simulate(simulation: Simulation, questions: int, rng: np.random.Generator) -> cells.Cells:
    """Return the judgments of all models on new questions: one cell a model and question."""
    shape = (MODELS - 1, questions)
    features = style_differences(questions, rng)
    ahead = STRENGTHS[BASELINE] - STRENGTHS[1:, None] + LENGTH_EFFECT * features[0]
    ahead = ahead + rng.normal(size=questions) + rng.normal(size=shape)
    counts = np.zeros((3, *shape), dtype=np.int32)
    for place in (1.0, -1.0):
        margin = ahead + place * simulation.position_bias + rng.logistic(0.0, 0.5, shape)
        row = np.where(np.abs(margin) <= TIE, 1, np.where(margin > 0, 0, 2))
        battles = np.where(np.abs(margin) > BIG, WEIGHT, 1)
        counts += np.where(row == np.arange(3)[:, None, None], battles, 0).astype(np.int32)
    return cells.Cells(
        models=MODELS,
        a=np.full(shape, BASELINE).ravel(),
        b=np.repeat(np.arange(1, MODELS), questions),
        question=np.tile(np.arange(questions), MODELS - 1),
        counts=counts.reshape(3, -1),
        features=features.reshape(len(features), -1) if simulation.style else None,
    )


def style_differences(questions: int, rng: np.random.Generator) -> np.ndarray:
    """Return (a - b) / (a + b + 1) of tokens, headers, list items and bold runs (4, M - 1, Q)."""
    shape, verbosity = (MODELS, questions), np.exp(VERBOSITY)[:, None]
    tokens = 400.0 * verbosity * np.exp(rng.normal(0.0, 0.5, shape))
    counts = [np.floor(tokens), *(rng.poisson(mean * verbosity, shape) for mean in (1, 4, 3))]
    return np.stack([(x[:1] - x[1:]) / (x[:1] + x[1:] + 1.0) for x in counts])


def scores(cells: cells.Cells) -> np.ndarray:
    return bt.win_rates(bt.fit(cells, BASELINE).ratings, BASELINE)


def intervals(simulation: Simulation, number: int) -> np.ndarray:
    """Return the ends (resamplings, 2, M) of the intervals of one data set."""
    cells = simulate(simulation, QUESTIONS, np.random.default_rng([simulation.seed, number]))
    samples = (
        bt.bootstrap(cells, BASELINE, rounds=simulation.rounds, seed=number, resample=resample)
        for resample in RESAMPLES
    )
    return np.array([percentiles(bt.win_rates(ratings, BASELINE)) for ratings in samples])


def report(simulation: Simulation, datasets: int) -> bool:
    """Simulate, print a line for each resampling, and return whether the target is met."""
    start = time.perf_counter()
    rng = np.random.default_rng(simulation.seed)
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(functools.partial(intervals, simulation), range(datasets), chunksize=4)
        truth = scores(simulate(simulation, TRUE_QUESTIONS, rng))
        ends = np.array(list(work))[:, :, :, 1:]
    held = (ends[:, :, 0] <= truth[1:]) & (truth[1:] <= ends[:, :, 1])
    by_dataset, widths = 100 * held.mean(axis=2), (ends[:, :, 1] - ends[:, :, 0]).mean(axis=(0, 2))
    estimator = "style control" if simulation.style else "plain"
    print(f"\n{estimator}: true scores " + ", ".join(f"{score:.1f}" for score in truth[1:]))
    for i, resample in enumerate(RESAMPLES):
        error = by_dataset[:, i].std() / math.sqrt(datasets)
        print(
            f"  {resample:<10} covers {by_dataset[:, i].mean():5.1f} %  (+- {error:.1f}), "
            f"mean width {widths[i]:.1f} points"
        )
    met = bool(by_dataset[:, 0].mean() >= TARGET)
    print(f"  target: question >= {TARGET:g} %  {'ok' if met else 'MISSED'}", end="")
    print(f"    ({time.perf_counter() - start:.0f} s)", flush=True)
    return met


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--datasets", type=positive, default=400, help="simulated data sets (default: %(default)s)")
    add(
        "--rounds",
        type=positive,
        default=500,
        help="bootstrap rounds of each (default: %(default)s)",
    )
    add("--seed", type=int, default=1, help="seed of the simulation (default: %(default)s)")
    add("--position-bias", type=float, default=0.2, help="see above (default: %(default)s)")
    add("--plain-only", action="store_true", help="leave out style control (default: False)")
    args = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}; {args.datasets} data sets"
    )
    met = [
        report(Simulation(style, args.rounds, args.seed, args.position_bias), args.datasets)
        for style in ((False,) if args.plain_only else (False, True))
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
