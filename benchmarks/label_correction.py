"""Measures how often intervals hold the truth if a judge is biased and people label a part.

    python benchmarks/label_correction.py                      # 2,000 runs of each row
    python benchmarks/label_correction.py --repetitions 200

Of 1,000 pairs a person would call some won by the model. The judge says the same, but in a part of
the pairs tosses a coin, and it takes some lost ones for won, so that its win rate is too high by
the bias. The truth is the win rate by people of all such pairs. People label a random part.

Exit status 1 if PPI++ holds the truth in fewer than 93 % in a row, or in more than 97 %. With 30
labels of a rate near 0 or 1 few outcomes are possible, so that up to 99 % are right there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.flag_values import positive
from arena.scoring.uncertainty.label_correction import corrected

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

PAIRS, COIN = 1000, 0.3
CASES = ((0.5, 0.1), (0.5, 0.2), (0.1, 0.1), (0.1, 0.2), (0.9, 0.05))  # truth and bias
LABELS = (30, 100, 200, 300)
LEAST, MOST = 93.0, 97.0  # percent
FEW, MOST_OF_FEW = 30, 99.0  # labels, percent


def simulated(truth: float, bias: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of people and judge on all pairs (PAIRS,)."""
    human = rng.random(PAIRS) < truth
    judge = np.where(rng.random(PAIRS) < COIN, rng.random(PAIRS) < truth, human)
    lost = 1 - truth
    judge = np.where(~judge & (rng.random(PAIRS) < bias / lost), True, judge)
    return human.astype(float), judge.astype(float)


def covered(truth: float, bias: float, labels: int, repetitions: int) -> np.ndarray:
    """Return whether the intervals of judge, labels and both hold the truth, and the half-widths
    of the last two, (repetitions, 5).
    """
    rng, rows = np.random.default_rng([labels, round(100 * bias), round(100 * truth)]), []
    for _ in range(repetitions):
        human, judge = simulated(truth, bias, rng)
        y, f, rest = human[:labels], judge[:labels], judge[labels:]
        half = 1.96 * judge.std(ddof=1) / PAIRS**0.5
        alone, both = corrected(y, f, rest[:0]), corrected(y, f, rest)
        holds = [one.low <= truth <= one.high for one in (alone, both)]
        widths = [(one.high - one.low) / 2 for one in (alone, both)]
        rows.append([abs(judge.mean() - truth) <= half, *holds, *widths])
    return np.array(rows, dtype=float)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, a line a truth, bias and number of labels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=positive, default=2000, help="runs (default: 2000)")
    args = parser.parse_args(argv)
    met = True
    print(f"{args.repetitions:,} runs of {PAIRS:,} pairs in each row\n")
    print("| truth | bias | labels | judge alone | labels alone | PPI++ | ± labels | ± PPI++ |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    for (truth, bias), labels in product(CASES, LABELS):
        means = 100 * covered(truth, bias, labels, args.repetitions).mean(axis=0)
        met = met and LEAST <= means[2] <= (MOST_OF_FEW if labels <= FEW else MOST)
        cells = " | ".join(f"{mean:.1f}" for mean in means)
        print(f"| {truth:g} | {bias:g} | {labels} | {cells} |")
    limits = f"{LEAST:g} to {MOST:g} %, with {FEW} labels to {MOST_OF_FEW:g} %"
    print(f"\nPPI++ within {limits}: {'ok' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
