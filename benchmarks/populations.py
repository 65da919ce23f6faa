"""The questions that boards are drawn from: those of a bench on disk, or simulated ones.

Simulated models play a baseline, two games on a question, places exchanged. In a game, what puts
the baseline ahead of model m on question q is

    strength_0 - strength_m  +  u_q  +  v_qm  +  style  +-  place bias  +  e

* u_q ~ N(0, 1), the question's own effect: shared by both games and by all models
* v_qm ~ N(0, 1), the effect of this question on this model: shared by both games
* style: 1.5 times the relative difference in length, (a - b) / (a + b + 1), of the two answers
* place bias: 0.2 for the answer in place A, + in game 1 and - in game 2
* e ~ logistic, scale 1/2: the judge's noise, new in each game

In a round robin, all pairs of models meet, and each model has an effect v_qm.

Within +-0.25 the label is a tie. Beyond +-1.5 it is `>>`, which counts as three battles. So neither
the copies nor the two games of a judgment are independent, nor the models' games on one question.
Models of equal strength and verbosity have equal scores exactly, whatever the style control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from arena.base.errors import InputError
from arena.bench.paths import Bench, judge_names, judged_models, model_names
from arena.leaderboard.board import Contest
from arena.leaderboard.build import method_of, read_boards
from arena.leaderboard.options import BoardOptions
from arena.scoring.battles import Battles, Grades
from arena.scoring.cells import Cells, Counts
from arena.scoring.estimators import Estimator
from arena.scoring.selection import Selection

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

Data = Battles | Grades
Key = tuple[str, ...]  # a model, a model and its category, or two models

PLACE_BIAS, LENGTH_EFFECT, TIE, BIG, WEIGHT = 0.2, 1.5, 0.25, 1.5, 3
TRUE_QUESTIONS = 100_000


class Judged(NamedTuple):
    """Judgments, and the numbers of their questions in each of some categories."""

    data: Data
    parts: Sequence[np.ndarray]


class Population(Protocol):
    """Questions without end, or those of a bench, of which a board has some."""

    @property
    def selection(self) -> Selection:
        """Which judgments make a board."""
        ...

    @property
    def true_rounds(self) -> int:
        """The bootstrap rounds of the true scores, which matter for averages over rounds alone."""
        ...

    def whole(self) -> Judged:
        """All judgments, whose scores are the truth."""
        ...

    def draw(self, questions: int, rng: np.random.Generator) -> Judged:
        """The judgments of some questions, new ones or drawn with replacement."""
        ...

    def equal(self, key: Key, other: Key) -> bool:
        """Whether two models, in some categories, are equal by construction."""
        ...


# Questions of a bench


@dataclass(frozen=True)
class RealQuestions:
    """The judged questions of a bench, divided by chance into categories of some shares.

    A board has these shares of its questions in the categories. Shares can exceed 1 together.
    """

    selection: Selection
    data: Data
    shares: tuple[float, ...] = (1.0,)
    true_rounds: int = 1000

    def whole(self) -> Judged:
        return self._taken(self._categories())

    def draw(self, questions: int, rng: np.random.Generator) -> Judged:
        sizes = [round(questions * share) for share in self.shares]
        categories = zip(self._categories(), sizes, strict=True)
        return self._taken([rng.choice(category, size) for category, size in categories])

    def equal(self, key: Key, other: Key) -> bool:
        return key == other

    def _categories(self) -> list[np.ndarray]:
        """The questions of each category, the same whenever they are drawn from."""
        total = len(self.data.questions)
        ends = np.cumsum(self.shares) / sum(self.shares) * total
        shuffled = np.random.default_rng(0).permutation(total)
        return np.split(shuffled, np.round(ends[:-1]).astype(int))

    def _taken(self, picks: Sequence[np.ndarray]) -> Judged:
        joined = np.concatenate(picks)
        ends = np.cumsum([len(part) for part in picks])
        return Judged(taken(self.data, joined), np.split(np.arange(len(joined)), ends[:-1]))


def options_of(folder: Path, judges: Sequence[str], baselines: Sequence[str]) -> BoardOptions:
    """Options for a bench's only judge, and its only model that has answers but no judgments.

    Raises InputError if there are several.
    """
    bench = Bench(folder.resolve().parent, folder.resolve().name)
    judges = judges or judge_names(bench)
    if len(judges) != 1:
        raise InputError(f"{folder}: judges {', '.join(judges)}. Choose with --judge-name.")
    judged = judged_models(bench, judges[0])
    baselines = baselines or sorted(set(model_names(bench.answers)) - set(judged))
    if len(baselines) > 1:
        raise InputError(f"{folder}: {', '.join(baselines)} are not judged. Choose a --baseline.")
    return BoardOptions(bench, tuple(judges), tuple(baselines))


def read_population(options: BoardOptions) -> RealQuestions:
    """Read the judgments of a bench and the style of its answers once."""
    [(selection, data)] = read_boards(replace(options, one_board=True))
    if isinstance(data, Battles):
        data = Contest.of(data, selection, method_of(options)).battles
    return RealQuestions(selection, data)


def taken(data: Data, picks: np.ndarray) -> Data:
    """The judgments of the questions `picks` (N,), in this order, as those of N new questions."""
    names = names_of(len(picks))
    if isinstance(data, Grades):
        total, number = data.total[:, picks], data.number[:, picks]
        judged = (number > 0).sum(axis=1)
        models = np.flatnonzero(judged)
        parts = total[models], number[models], _counted(data, models, judged, len(names))
        return Grades(tuple(data.models[i] for i in models), names, *parts)
    cells = data.cells
    order = np.argsort(cells.question, kind="stable")
    first = np.searchsorted(cells.question[order], np.arange(len(data.questions) + 1))
    cell = np.concatenate([order[first[pick] : first[pick + 1]] for pick in picks])
    question = np.repeat(np.arange(len(picks)), np.diff(first)[picks])
    sides = np.concatenate([cells.a[cell], cells.b[cell], [data.anchor]])
    models, place = np.unique(sides, return_inverse=True)
    a, b = np.split(place[:-1], 2)
    judged = np.zeros((cells.models, len(picks)), dtype=bool)
    judged[sides[:-1], np.tile(question, 2)] = True
    features = None if cells.features is None else cells.features[:, cell]
    return replace(
        data,
        models=tuple(data.models[i] for i in models),
        questions=names,
        cells=Cells(len(models), a, b, question, cells.counts[:, cell], features),
        outcomes=None,
        counts=_counted(data, models, judged.sum(axis=1), len(names)),
    )


def _counted(data: Data, models: np.ndarray, judged: np.ndarray, questions: int) -> Counts:
    by_model = {data.models[i]: int(judged[i]) for i in models}
    known = {model: by_model[model] for model in data.counts.judged if model in by_model}
    return replace(data.counts, judged=known, questions=questions)


# Simulated questions


@dataclass(frozen=True)
class Models:
    """The strengths and log verbosities (M,) of models, the baseline first."""

    strengths: tuple[float, ...]
    verbosity: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return names_of(len(self.strengths))

    def kind(self, model: str) -> tuple[float, float]:
        i = self.names.index(model)
        return self.strengths[i], self.verbosity[i]


SPREAD = Models(
    strengths=(0.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0),
    verbosity=(0.0, -0.4, 0.5, -0.2, 0.3, 0.0, -0.3, 0.2, -0.5, 0.4),
)
EQUAL = Models((0.0,) * 10, (0.0,) * 10)
FIVE = Models(SPREAD.strengths[:9:2], SPREAD.verbosity[:9:2])
GROUPS = Models((0.0,) * 4 + (-0.8,) * 3 + (0.8,) * 3, (0.0,) * 4 + (0.4,) * 3 + (-0.3,) * 3)


def names_of(number: int) -> tuple[str, ...]:
    return tuple(f"{i:06}" for i in range(number))


def simulated(estimator: Estimator, baselines: tuple[str, ...] = ()) -> Selection:
    return Selection(Bench(Path(), "simulated"), ("judge",), baselines, estimator=estimator)


def counts_of(models: Sequence[str], questions: int) -> Counts:
    return Counts(
        judgments=len(models) * questions,
        battles=0,
        games_without_verdict=0,
        left_out={},
        models_left_out={},
        judged=dict.fromkeys(models, questions),
        questions=questions,
        same_questions=True,
    )


@dataclass(frozen=True)
class SimulatedBattles:
    """Battles of models against a baseline, as the first lines of the module describe them.

    `pairs` (2, P): the models that meet, None for the baseline and each other model.
    """

    models: Models
    selection: Selection
    style: bool
    pairs: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    true_rounds: int = 2

    def whole(self) -> Judged:
        return self.draw(TRUE_QUESTIONS, np.random.default_rng(0))

    def equal(self, key: Key, other: Key) -> bool:
        return self.models.kind(key[0]) == self.models.kind(other[0])

    def draw(self, questions: int, rng: np.random.Generator) -> Judged:
        names = self.models.names
        others = range(1, len(names))
        first, second = map(list, self.pairs or ([0] * len(others), others))
        attributes = self._attributes(questions, rng)
        counts = self._counts(attributes[..., 0], first, second, rng)
        difference, features = self.selection.estimator.features, None
        if self.style and difference:
            a, b = (attributes[side].reshape(-1, attributes.shape[-1]) for side in (first, second))
            features = np.ascontiguousarray(difference(a, b).T)
        cells = Cells(
            models=len(names),
            a=np.repeat(first, questions),
            b=np.repeat(second, questions),
            question=np.tile(np.arange(questions), len(first)),
            counts=counts.reshape(3, -1),
            features=features,
        )
        counted = counts_of(names, questions)
        baseline = None if self.selection.anchored == "mean" else names[0]
        data = Battles(names, names_of(questions), baseline, cells, None, counted)
        return Judged(data, [np.arange(questions)])

    def _attributes(self, questions: int, rng: np.random.Generator) -> np.ndarray:
        """Tokens, headers, list items and bold runs of answers (M, Q, 4)."""
        verbosity = np.exp(np.array(self.models.verbosity))[:, None]
        shape = (len(verbosity), questions)
        tokens = np.floor(400.0 * verbosity * np.exp(rng.normal(0.0, 0.5, shape)))
        markdown = (rng.poisson(np.broadcast_to(mean * verbosity, shape)) for mean in (1, 4, 3))
        return np.stack([tokens, *markdown], axis=-1).astype(float)

    def _counts(
        self, tokens: np.ndarray, a: list[int], b: list[int], rng: np.random.Generator
    ) -> np.ndarray:
        """Weighted battles (3, P, Q) of pairs whose answers have these numbers of tokens (M, Q)."""
        strengths = np.array(self.models.strengths)[:, None]
        length = (tokens[a] - tokens[b]) / (tokens[a] + tokens[b] + 1.0)
        effects = strengths + np.concatenate(
            [rng.normal(size=tokens[:1].shape), -rng.normal(size=tokens[1:].shape)]
        )
        ahead = effects[a] - effects[b] + LENGTH_EFFECT * length
        counts = np.zeros((3, *ahead.shape), dtype=np.int32)
        for place in (1.0, -1.0):
            margin = ahead + place * PLACE_BIAS + rng.logistic(0.0, 0.5, ahead.shape)
            row = np.where(np.abs(margin) <= TIE, 1, np.where(margin > 0, 0, 2))
            battles = np.where(np.abs(margin) > BIG, WEIGHT, 1)
            counts += np.where(row == np.arange(3)[:, None, None], battles, 0).astype(np.int32)
        return counts


@dataclass(frozen=True)
class SimulatedGrades:
    """Grades from 1 to 10, one of each answer, skewed: those of good models are mostly 9 and 10.

    A grade is 10 less an exponential variable, rounded. The variable's mean is the model's distance
    from 10, times the question's difficulty, a gamma variable. `shares`: of the categories.
    """

    selection: Selection
    distances: tuple[float, ...] = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5)
    shares: tuple[float, ...] = (1.0,)
    true_rounds: int = 2

    def whole(self) -> Judged:
        return self.draw(TRUE_QUESTIONS, np.random.default_rng(0))

    def equal(self, key: Key, other: Key) -> bool:
        return key == other

    def draw(self, questions: int, rng: np.random.Generator) -> Judged:
        difficulty = rng.gamma(2.0, 0.5, questions)
        lost = rng.exponential(np.array(self.distances)[:, None] * difficulty)
        total = np.clip(np.round(10.0 - lost), 1.0, 10.0)
        names = names_of(len(self.distances))
        counted = replace(counts_of(names, questions), ranges=((1.0, 10.0),))
        data = Grades(names, names_of(questions), total, np.ones_like(total), counted)
        ends = np.round(np.cumsum(self.shares)[:-1] * questions).astype(int)
        return Judged(data, np.split(np.arange(questions), ends))
