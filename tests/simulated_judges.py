"""Judges that are simulated, with what sways them planted."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from arena.quality.benchmark.measures import Estimate
from arena.quality.judge_measures import draw_questions
from arena.quality.panel import Panel

SEEDS = range(40)
QUESTIONS, RATES = 150, np.linspace(0.25, 0.75, 8)
TASTE = np.array([0.9, 0.9, 0.5, 0.2, -0.2, -0.5, -0.9, -0.9])
"""How closely each model's games on a question hang together; some questions suit the first
models, others the last."""
RIVALS = np.linspace(0.25, 0.75, 12)
ENOUGH = 34  # of 40 intervals at 95 %; 33 or fewer have a probability of 0.3 %


def panel_of(worth: np.ndarray, judges: tuple[str, ...]) -> Panel:
    """A panel of games' worths (J, Q, M, 2) to models m0.. against one baseline."""
    _, questions, models, _ = worth.shape
    question, model = np.divmod(np.arange(questions * models), models)
    return Panel(
        judges=judges,
        models=(*(f"m{i}" for i in range(models)), "z-base"),
        questions=tuple(f"q{i:05}" for i in range(questions)),
        model=model,
        baseline=np.full(len(model), models),
        question=question,
        worth=worth.reshape(len(judges), -1, 2).astype(np.int8),
    )


def decide(model_wins: np.ndarray) -> np.ndarray:
    """The worth of games (..., 2) that the model wins or loses, none by far."""
    return np.where(model_wins, 1, -1)


def chances(
    rng: np.random.Generator, judges: int, questions: int = QUESTIONS, taste: np.ndarray = TASTE
) -> np.ndarray:
    """Numbers (J, Q, M, 2), each even between 0 and 1; those of a question hang together."""
    suits = taste[:, None] * rng.normal(size=(judges, questions, 1, 1))
    alone = rng.normal(size=(judges, questions, len(taste), 2))
    return np.asarray(norm.cdf(suits + np.sqrt(1 - taste[:, None] ** 2) * alone))


def share_of_question(rng: np.random.Generator, mean: float, questions: int) -> np.ndarray:
    """Probabilities (Q, 1, 1) with this mean: none on some questions, twice the mean on others."""
    return 2 * mean * rng.integers(0, 2, (questions, 1, 1))


@functools.cache
def drawn(questions: int, seed: int) -> np.ndarray:
    """How often each question of a panel is drawn in 200 rounds."""
    return draw_questions(questions, 200, seed)


def covered(found: Sequence[Estimate], truth: float) -> int:
    return sum(bool(one.lower <= truth <= one.upper) for one in found)


# Habits: games (Q, M, 2) that the model wins, changed by what else moves a judge.


def harsh(rng: np.random.Generator, wins: np.ndarray) -> np.ndarray:
    return np.asarray(wins & (rng.random(wins.shape) < 0.6))


def noisy(rng: np.random.Generator, wins: np.ndarray) -> np.ndarray:
    return np.where(rng.random(wins.shape) < 0.4, rng.random(wins.shape) < 0.5, wins)


def first_placed(rng: np.random.Generator, wins: np.ndarray) -> np.ndarray:
    """The first place wins; in the second game it is the model's."""
    return np.where(rng.random(wins.shape) < 0.3, np.array([False, True]), wins)
