"""Measures how often intervals hold the truth if a run stops when they are narrow enough.

    python benchmarks/stopping.py                      # 2,000 runs of each row
    python benchmarks/stopping.py --repetitions 200

Models play a baseline on simulated questions (see populations.py). As in gen_judgment.py --stop-at,
the first look is after 100 questions, the next ones after 25 more each, and the last after 1,600.
A run stops when the intervals of all its models are narrow enough. `fixed` is the coverage with the
mean number of questions at the stop, planned in advance. The last line is what such looks do to a
test: the share of runs in which two equal models differ at 5 % after one of the looks.

Exit status 1 if the intervals at the stop hold the truth in fewer than 93 % of a row.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.flag_values import positive
from arena.generate.schedule.rounds import FEWEST, STEP
from arena.scoring.estimators import BRADLEY_TERRY
from arena.scoring.uncertainty.intervals import logit_t
from benchmarks.populations import SPREAD, Judged, Models, SimulatedBattles, simulated

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

MOST, LEAST = 1600, 93.0  # questions, percent
LOOKS = range(FEWEST, MOST + 1, STEP)
ROWS = {
    "one, equal to the baseline": Models((0.0, 0.0), (0.0, 0.0)),
    "one, weaker": Models((0.0, -1.6), (0.0, 0.0)),
    "nine, from weak to strong": SPREAD,
}
WIDTHS = (6.0, 4.0, 3.0)  # points either way


class Games(NamedTuple):
    """The points of models and their weighted battles, (M, Q) each."""

    points: np.ndarray
    battles: np.ndarray

    @classmethod
    def of(cls, judged: Judged) -> Games:
        """Return the games of all models but the baseline."""
        cells = judged.data.cells  # type: ignore[union-attr]
        shape = (cells.models - 1, -1)
        won, tied = (cells.counts[row].reshape(shape) for row in (2, 1))
        return cls(won + tied / 2, cells.counts.sum(axis=0).reshape(shape).astype(float))

    def ends(self, questions: int) -> np.ndarray:
        """Return the ends of the intervals (2, M) after some questions."""
        return logit_t(self.points[:, :questions], self.battles[:, :questions])


class Stop(NamedTuple):
    """The share of intervals that hold the truth at the stop, and its number of questions."""

    holds: float
    questions: int


def holds(ends: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of intervals (2, M) that hold the truth (M,)."""
    return float(((ends[0] <= truth) & (truth <= ends[1])).mean())


def stopped(looks: Sequence[np.ndarray], width: float, truth: np.ndarray) -> Stop:
    """Return the stop of a run with these looks."""
    for questions, ends in zip(LOOKS, looks, strict=True):
        if (ends[1] - ends[0]).max() <= 2 * width or questions == LOOKS[-1]:
            break
    return Stop(holds(ends, truth), questions)


def differs(looks: Sequence[np.ndarray]) -> bool:
    """Whether two models that are equal differ at 5 % in one of the looks."""
    return any(not ends[0, 0] <= 50.0 <= ends[1, 0] for ends in looks)


class Row(NamedTuple):
    """Runs with a width: their numbers of questions, and the coverage in percent at the stop and
    with a fixed number.
    """

    questions: np.ndarray
    at_stop: float
    fixed: float


def row_of(
    runs: Sequence[Games], looks: Sequence[Sequence[np.ndarray]], width: float, truth: np.ndarray
) -> Row:
    """Return the row of some runs and their looks."""
    stops = [stopped(own, width, truth) for own in looks]
    numbers = np.array([stop.questions for stop in stops])
    fixed = [holds(games.ends(round(numbers.mean())), truth) for games in runs]
    at_stop = np.mean([stop.holds for stop in stops])
    return Row(numbers, 100.0 * float(at_stop), 100.0 * float(np.mean(fixed)))


def lines(repetitions: int) -> Iterator[tuple[str, bool]]:
    """Yield the lines of the table, and whether each meets its target."""
    head = "models | true scores | stop at | questions, mean | 5 % to 95 % | at the stop | fixed"
    yield f"| {head} |", True
    yield "|---|--:|--:|--:|--:|--:|--:|", True
    peeked = 0.0
    for name, models in ROWS.items():
        population = SimulatedBattles(models, simulated(BRADLEY_TERRY), style=False)
        whole, rng = Games.of(population.whole()), np.random.default_rng(1)
        truth = 100.0 * whole.points.sum(axis=1) / whole.battles.sum(axis=1)
        scores = " to ".join(f"{end:.0f}" for end in sorted({truth.min(), truth.max()}))
        runs = [Games.of(population.draw(MOST, rng)) for _ in range(repetitions)]
        looks = [[games.ends(questions) for questions in LOOKS] for games in runs]
        if models.strengths == (0.0, 0.0):
            peeked = 100.0 * float(np.mean(list(map(differs, looks))))
        for width in WIDTHS:
            row = row_of(runs, looks, width, truth)
            low, high = np.percentile(row.questions, (5, 95), method="nearest")
            numbers = f"{row.questions.mean():.0f} | {low} to {high}"
            cells = f"±{width:g} | {numbers} | {row.at_stop:.1f} | {row.fixed:.1f}"
            yield f"| {name} | {scores} | {cells} |", row.at_stop >= LEAST
    yield f"\ntwo equal models differ at 5 % in one of {len(LOOKS)} looks: {peeked:.1f} %", True


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, a line for each width and kind of models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=positive, default=2000, help="runs (default: 2000)")
    args = parser.parse_args(argv)
    met = True
    print(f"{args.repetitions:,} runs in each row\n")
    for line, is_met in lines(args.repetitions):
        print(line)
        met = met and is_met
    verdict = "ok" if met else "MISSED"
    print(f"intervals at the stop hold the truth in {LEAST:g} % or more: {verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
