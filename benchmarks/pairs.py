"""Measures how many judgments the same precision takes, against one baseline and in all pairs.

    python benchmarks/pairs.py                      # 400 boards of each row
    python benchmarks/pairs.py --repetitions 50

Models answer 200 simulated questions (see populations.py). A board has the judgments of each model
against one baseline, of all pairs of models, or of each model and the next two in a circle. The
precision is that of the win rate that a board gives one of the models against another one, by the
mean variance over all pairs. From it follows how many questions intervals of +-3 points need.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.flag_values import positive
from arena.scoring.battles import Battles
from arena.scoring.bradley_terry import win_rates
from arena.scoring.estimators import BRADLEY_TERRY
from benchmarks.populations import Models, SimulatedBattles, simulated

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

QUESTIONS, WANTED = 200, 3.0  # points either way
STRENGTHS = (0.0, 0.3, 0.6, 0.9, 1.2)
BASELINES = {
    "one baseline, as good as they are": 0.6,
    "one baseline, weaker": -1.0,
    "one baseline, far weaker": -2.5,
}
Pairs = tuple[tuple[int, ...], tuple[int, ...]]


def designs(models: int) -> Iterator[tuple[str, tuple[float, ...], Pairs]]:
    """Yield designs: their names, the strengths of models, the baseline last, and the pairs."""
    strengths = tuple(np.resize(STRENGTHS, models).tolist())
    each = tuple(range(models))
    for name, baseline in BASELINES.items():
        yield name, (*strengths, baseline), ((models,) * models, each)
    first, second = zip(*combinations(each, 2), strict=True)
    yield "all pairs", strengths, (first, second)
    following = tuple((i + step) % models for step in (1, 2) for i in each)
    if models > 5:  # of five these are all pairs
        yield "each with the next two", strengths, (each * 2, following)


def variance(strengths: tuple[float, ...], models: int, pairs: Pairs, repetitions: int) -> float:
    """Return the mean variance of the win rates of the first models against each other."""
    kinds = Models(strengths, (0.0,) * len(strengths))
    population = SimulatedBattles(kinds, simulated(BRADLEY_TERRY), style=False, pairs=pairs)
    rng, rates = np.random.default_rng(1), []
    for _ in range(repetitions):
        data = population.draw(QUESTIONS, rng).data
        assert isinstance(data, Battles)
        ratings = BRADLEY_TERRY.fit(data.cells, data.anchor).ratings[:models]
        rates.append([win_rates(ratings, other) for other in range(models)])
    variances = np.var(rates, axis=0, ddof=1)
    return float(variances[~np.eye(models, dtype=bool)].mean())


def lines(repetitions: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| models | judgments of | questions | judgments |"
    yield "|--:|---|--:|--:|"
    for models in (len(STRENGTHS), 2 * len(STRENGTHS)):
        for name, strengths, pairs in designs(models):
            half = 1.96 * variance(strengths, models, pairs, repetitions) ** 0.5
            questions = QUESTIONS * (half / WANTED) ** 2
            yield f"| {models} | {name} | {questions:,.0f} | {questions * len(pairs[0]):,.0f} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, a line for each baseline and number of models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=positive, default=400, help="boards (default: 400)")
    args = parser.parse_args(argv)
    print(f"{args.repetitions:,} boards of {QUESTIONS} questions in each row, for ±{WANTED:g}\n")
    for line in lines(args.repetitions):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
