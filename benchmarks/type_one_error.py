"""Measures how often --compare finds a difference at 5 % between models that have none.

    python benchmarks/type_one_error.py                      # 1,000 boards of each kind
    python benchmarks/type_one_error.py --repetitions 100

All models are equal but for the length of their answers, and play a baseline. In a game on a
question the model wins with the chance

    1 / (1 + exp(strength + 1.5 * (length of baseline - length of model) / (their sum)))

so that boards with style control have no difference to find. Plain boards have answers of one
length. Some boards have a second baseline, which is one of the equal models. On others the baseline
is equal as well and twice as long, and style is measured from its mean: there the pairs with the
baseline are tested.

Half of the randomness of a game belongs to the question and the model, and is shared by
both games, and a part of it by all models. Some games are ties, which leave the mean outcome as it
is. A game counts three times with a chance of 30 %, whatever its outcome.

Exit status 1 if a kind of board has more than 8 %.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.flag_values import positive
from arena.leaderboard.board import Contest
from arena.leaderboard.compare import compare_all
from arena.leaderboard.options import Method
from arena.scoring.battles import Battles
from arena.scoring.cells import Cells
from arena.scoring.estimators import BRADLEY_TERRY, V2, Estimator
from benchmarks.populations import counts_of, names_of
from benchmarks.populations import simulated as simulated_selection

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

STRENGTH, LENGTH_EFFECT, TIES, STRONG, WEIGHT = 0.4, 1.5, 0.2, 0.3, 3
LARGEST = 8.0  # percent
ROUNDS = 300  # of the bootstrap, instead of 1,000 for speed


@dataclass(frozen=True)
class Kind:
    """A kind of board: its method, and how many times longer the longest answers are.

    `baselines`: 1 or 2. `equal`: the baseline is equal to the models, and style is centred.
    """

    estimator: Estimator
    models: int
    apart: float = 1.0
    baselines: int = 1
    equal: bool = False

    @property
    def style(self) -> bool:
        return self.apart > 1.0

    @property
    def row(self) -> tuple[str, ...]:
        method = self.estimator.name + (", style control" if self.style else ", plain")
        method += ", two baselines" * (self.baselines > 1) + " from the mean, baseline" * self.equal
        return method, str(self.models), f"{self.apart:g}x"


KINDS = [
    Kind(estimator, *lengths)
    for estimator in (BRADLEY_TERRY, V2)
    for lengths in ((2,), (8,), (2, 2.7), (2, 6.0), (8, 1.8), (8, 3.3))
]
KINDS += [Kind(BRADLEY_TERRY, 3, apart, baselines=2) for apart in (1.0, 2.7)]
KINDS += [Kind(estimator, 2, 2.7, equal=True) for estimator in (BRADLEY_TERRY, V2)]


def shared_normal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Standard normal variables (M, Q), of which a part is shared by the models on a question."""
    own, question = rng.normal(size=shape), rng.normal(size=shape[1])
    return math.sqrt(0.6) * own + math.sqrt(0.4) * question


def uniform(shared: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uniform variables, of which half is shared by the games of a question (Gaussian copula)."""
    normal = math.sqrt(0.5) * shared + math.sqrt(0.5) * rng.normal(size=shared.shape)
    return np.asarray(0.5 * (1.0 + np.vectorize(math.erf)(normal / math.sqrt(2.0))))


def simulated(kind: Kind, questions: int, rng: np.random.Generator) -> Contest:
    """Return a board's battles of models that are equal but for their lengths."""
    logs = np.linspace(-0.5, 0.5, kind.models) * math.log(kind.apart) - math.log(2.0) * kind.equal
    tokens = np.floor(
        400.0 * np.exp(logs[:, None] + rng.normal(0.0, 0.5, (kind.models, questions)))
    )
    of_baseline = np.floor(400.0 * np.exp(rng.normal(0.0, 0.5, questions)))
    tokens = np.stack([of_baseline, *tokens])
    a, b = np.array(
        [(i, j) for i in range(kind.baselines) for j in range(i + 1, kind.models + 1)]
    ).T
    ahead = (tokens[a] - tokens[b]) / (tokens[a] + tokens[b])
    strength = STRENGTH * ((a == 0) & (not kind.equal))
    chance = 1.0 / (1.0 + np.exp(strength[:, None] + LENGTH_EFFECT * ahead * kind.style))
    return contest(kind, a, b, judged(chance, rng), tokens, rng)


def judged(chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Counts (3, P, Q) of two games of each pair and question, with the chances of `b` (P, Q)."""
    ties = np.minimum(TIES, 2.0 * np.minimum(chance, 1.0 - chance))
    winner, weight = shared_normal(chance.shape, rng), shared_normal(chance.shape, rng)
    counts = np.zeros((3, *chance.shape), dtype=np.int32)
    for _ in range(2):
        draw = uniform(winner, rng)
        outcome = np.where(
            draw < chance - ties / 2.0, 2, np.where(draw < chance + ties / 2.0, 1, 0)
        )
        battles = np.where(uniform(weight, rng) < STRONG, WEIGHT, 1)
        counts += (outcome == np.arange(3)[:, None, None]) * battles
    return counts


def contest(
    kind: Kind,
    a: np.ndarray,
    b: np.ndarray,
    counts: np.ndarray,
    tokens: np.ndarray,
    rng: np.random.Generator,
) -> Contest:
    """Return the contest of counts (3, P, Q) of pairs `a`, `b` (P,) of the models with answers of
    these lengths (M + 1, Q), the baseline's first.
    """
    models, questions = tokens.shape
    markdown = (rng.poisson(mean * tokens / 400.0) for mean in (1, 4, 3))
    attributes = np.stack([tokens, *markdown], axis=-1).astype(float)
    sides = (attributes[side].reshape(-1, attributes.shape[-1]) for side in (a, b))
    features = kind.estimator.features(*sides).T if kind.style and kind.estimator.features else None
    cells = Cells(
        models=models,
        a=np.repeat(a, questions),
        b=np.repeat(b, questions),
        question=np.tile(np.arange(questions), len(a)),
        counts=counts.reshape(3, -1),
        features=None if features is None else np.ascontiguousarray(features),
    )
    names, ids = names_of(models), names_of(questions)
    data = Battles(names, ids, names[0], cells, None, counts_of(names, questions))
    control = ("length", "markdown") if kind.style else ()
    method = Method(control, center=kind.equal, rounds=ROUNDS)
    selection = simulated_selection(kind.estimator, names[: kind.baselines])
    return Contest(data, selection, method)


def rejected(kind: Kind, questions: int, seed: int) -> float:
    """Return the share of pairs of models that --compare finds to differ on a board."""
    board = simulated(kind, questions, np.random.default_rng([seed, kind.models]))
    models = board.battles.models
    scored = board.score(samples=np.empty((0, len(models))))
    results = compare_all(scored, models if kind.equal else models[1:])
    tested = [one for one in results if not kind.equal or one.first == models[0]]
    return float(np.mean([one.p_value < 0.05 for one in tested]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, a line a kind of board."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for flag, number, text in (
        ("--repetitions", 1000, "boards of each kind"),
        ("--questions", 200, "questions of a board"),
        ("--processes", 2, "boards at once"),
    ):
        parser.add_argument(flag, type=positive, default=number, help=f"{text} (default: {number})")
    args = parser.parse_args(argv)
    start, met = time.perf_counter(), True
    print(f"{args.repetitions:,} boards of {args.questions} questions of each kind\n")
    print("| method | models | lengths apart | type I error at 5 % |")
    print("|:--|--:|--:|--:|")
    with concurrent.futures.ProcessPoolExecutor(args.processes) as pool:
        for kind in KINDS:
            work = functools.partial(rejected, kind, args.questions)
            shares = 100.0 * np.array(list(pool.map(work, range(args.repetitions), chunksize=5)))
            error, met = shares.std() / math.sqrt(len(shares)), met and shares.mean() <= LARGEST
            print(f"| {' | '.join(kind.row)} | {shares.mean():.1f} ± {error:.1f} % |", flush=True)
    print(f"\nat most {LARGEST:g} % each: {'ok' if met else 'MISSED'}", end="")
    print(f" ({time.perf_counter() - start:.0f} s)")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
