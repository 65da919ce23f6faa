"""Battles as arrays: the cells of a board, and the columns that collect them."""

from __future__ import annotations

import functools
import itertools
import statistics
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from arena.bench.labels import OUTCOMES, WORTH, Label, label_of_worth, worth


class CellCounts(NamedTuple):
    """A cell of `a` against `b`: weighted wins of a, ties and wins of b, the outcomes of b's games,
    the number of games without a verdict, and the only game with one (1 or 2), 0 if not just one.
    """

    counts: tuple[float, ...]
    outcomes: tuple[int, ...] = (0,) * len(OUTCOMES)
    undecided: int = 0
    only_game: int = 0


def _index() -> defaultdict[Any, int]:
    """Numbers of keys, in the order in which they are first met."""
    return defaultdict(itertools.count().__next__)


def _column() -> array[int]:
    return array("i")


@functools.cache
def has_label(verdicts: tuple[tuple[Label, ...], ...]) -> bool:
    """Whether a game of a judgment has a verdict."""
    return any(worth(label, 0) is not None for labels in verdicts for label in labels)


@functools.cache
def counts_of(
    verdicts: tuple[tuple[Label, ...], ...],
    weight: int,
    first_game_only: bool,
    whole: bool,
    person: bool = False,
) -> CellCounts:
    """Return the counts of a judgment's labels, by game, with the baseline as `a`.

    The labels of a game share its weight: each counts as it would alone, divided by their number.
    The outcome is that of their mean worth. `whole`: none if a game is undecided.
    `person`: one game, either of the two, is all that there is to decide.
    """
    counts, outcomes, undecided, last = [Fraction(0)] * 3, [0] * len(OUTCOMES), 0, 0
    for game in range(1 if first_game_only and not person else 2):
        labels = verdicts[game] if game < len(verdicts) else ()
        points = [p for label in labels if (p := worth(label, game)) is not None]
        if not points:
            undecided += 1
            continue
        for p in points:
            counts[1 + (p > 0) - (p < 0)] += Fraction(weight if abs(p) == 2 else 1, len(points))
        outcomes[2 - WORTH[label_of_worth(statistics.fmean(points))]] += 1
        last = game + 1
    if person and undecided == 1:
        undecided = 0
    if whole and undecided:
        return CellCounts((0, 0, 0), undecided=undecided)
    only = undecided == 1 and not first_game_only
    numbers = (int(n) if n.denominator == 1 else float(n) for n in counts)
    return CellCounts(tuple(numbers), tuple(outcomes), undecided, last if only else 0)


def whole_numbers(counts: np.ndarray) -> np.ndarray:
    """Return counts as integers, or as they are if some have fractions, as repeats make them."""
    is_whole = np.issubdtype(counts.dtype, np.integer) or (counts == np.rint(counts)).all()
    return counts.astype(np.int32) if is_whole else counts


@dataclass(frozen=True)
class Doubts:
    """The reasons to doubt scores, by model.

    `undecided`: games without a verdict, and all games. `one_game`: judgments with a verdict in
    game 1 only and in game 2 only, and all judgments. `planted`: the questions on which the answer
    has a label or imitates the judge's prompt, and the number of questions.
    """

    undecided: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    one_game: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    planted: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """The origin of battles or grades, for the lines under a board.

    `battles` are weighted. On a board of grades they are the grades. `questions` is None if the
    bench has no question file. `ranges`: the lowest and highest grade that the records allow.
    `without_settings`: the judgments without settings, as published ones are. `added_losses`: games
    that nobody judged, counted as lost.
    """

    judgments: int
    battles: int
    games_without_verdict: int
    left_out: Mapping[str, int]
    models_left_out: Mapping[str, str]
    judged: Mapping[str, int]
    questions: int | None
    same_questions: bool
    ranges: tuple[tuple[float, float], ...] = ()
    doubts: Doubts = Doubts()
    without_settings: int = 0
    added_losses: int = 0


@dataclass
class CellColumns:
    """Cells while they are read, column by column: compact, whatever their number.

    Many cells have the same counts, so a cell holds the number of its kind of counts.
    """

    models: dict[str, int] = field(default_factory=_index)
    questions: dict[str, int] = field(default_factory=_index)
    kinds: dict[CellCounts, int] = field(default_factory=_index)
    judges: dict[str, int] = field(default_factory=_index)
    a: array[int] = field(default_factory=_column)
    b: array[int] = field(default_factory=_column)
    question: array[int] = field(default_factory=_column)
    kind: array[int] = field(default_factory=_column)
    judge: array[int] = field(default_factory=_column)
    left_out: Counter[str] = field(default_factory=Counter)
    baselines: set[str] = field(default_factory=set)
    planted: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    judgments: int = 0
    without_settings: int = 0  # judgments, as published ones
    added_losses: int = 0  # games that nobody judged

    def add(
        self, a: str, b: str, questions: Sequence[str], counts: CellCounts, judge: str = ""
    ) -> None:
        """Add a cell of `a` against `b` for each question, with the same counts."""
        columns = (
            (self.a, self.models[a]),
            (self.b, self.models[b]),
            (self.kind, self.kinds[counts]),
            (self.judge, self.judges[judge]),
        )
        for column, number in columns:
            column.extend(array("i", [number]) * len(questions))
        self.question.extend(map(self.questions.__getitem__, questions))

    @property
    def undecided(self) -> int:
        """The number of games without a verdict."""
        kinds = list(self.kinds)
        return sum(kinds[i].undecided * n for i, n in Counter(self.kind).items())

    def counts(self) -> np.ndarray:
        """Return the weighted battles (3, C) of the cells."""
        kinds = whole_numbers(np.array([kind.counts for kind in self.kinds]))
        return np.asarray(kinds.T[:, self.kind])

    def used(self) -> np.ndarray:
        """Return whether each cell (C,) has a battle."""
        return np.asarray(self.counts().any(axis=0))

    def judge_of(self, used: np.ndarray) -> np.ndarray | None:
        """Return the index of the judge of the used cells, by sorted names. None if there are not
        several judges.
        """
        names, (judge,) = sorted_names(self.judges, [np.array(self.judge)[used]])
        return judge if len(names) > 1 else None

    def doubts(self, games: int) -> Doubts:
        """Return the reasons to doubt scores. `games`: those of a judgment."""
        kinds = [(kind.undecided, kind.only_game == 1, kind.only_game == 2) for kind in self.kinds]
        of_cells = np.array(kinds, dtype=float)[self.kind].T
        sums = [np.bincount(self.b, row, len(self.models)).astype(int) for row in of_cells]
        judgments = np.bincount(self.b, minlength=len(self.models))
        table = zip(self.models, *(row.tolist() for row in (*sums, judgments)), strict=True)
        undecided, one_game = dict[str, tuple[int, int]](), dict[str, tuple[int, int, int]]()
        for model, lost, first, second, number in table:
            if number:
                undecided[model] = (lost, games * number)
                one_game[model] = (first, second, number)
        a, b, question = map(np.array, (self.a, self.b, self.question))
        answers = {}
        for name in self.planted:
            index = self.models.get(name, -1)
            answers[name] = len(np.unique(question[(a == index) | (b == index)]))
        return Doubts(undecided, one_game, _numbered(self.planted, answers))

    def outcomes(self) -> dict[str, tuple[int, ...]]:
        """Return each model's games by OUTCOMES. A win of one model is a loss of the other."""
        games = np.array([kind.outcomes for kind in self.kinds])
        total = np.zeros((len(self.models), len(OUTCOMES)), dtype=int)
        for models, of_models in ((self.b, games), (self.a, games[:, ::-1])):
            cells = np.zeros((len(self.models), len(games)), dtype=int)
            np.add.at(cells, (models, self.kind), 1)
            total += cells @ of_models
        return dict(zip(self.models, map(tuple, total.tolist()), strict=True))

    def coverage(self, *, both: bool = False) -> tuple[dict[str, int], bool]:
        """Return the questions on which each model was judged, and whether all have the same.

        A model of pairs is on both sides of battles. `both`: those that are always on that of `a`
        are no baselines, and count as well.
        """
        on = np.zeros((len(self.models), len(self.questions)), dtype=bool)
        used = self.used()
        a, b, question = (np.array(side)[used] for side in (self.a, self.b, self.question))
        on[b, question] = True
        counted = both | np.isin(a, b)
        on[a[counted], question[counted]] = True
        numbers = zip(self.models, on.sum(axis=1).tolist(), strict=True)
        any_judged = on.any(axis=1)
        same = bool((on[any_judged] == on.any(axis=0)).all())
        return {model: number for model, number in numbers if number}, same


def _numbered(
    planted: Mapping[str, set[str]], answers: Mapping[str, int]
) -> dict[str, tuple[tuple[str, ...], int]]:
    return {name: (tuple(sorted(ids)), answers[name]) for name, ids in sorted(planted.items())}


def sorted_names(
    index: Mapping[str, int], columns: Sequence[np.ndarray], keep: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Renumber columns so that their indices are those of the sorted names that occur in them."""
    occurs = np.zeros(len(index), dtype=bool)
    for column in columns:
        occurs[column] = True
    for name in keep:
        occurs[index[name]] = True
    names = tuple(sorted(name for name, old in index.items() if occurs[old]))
    new = np.zeros(len(index), dtype=np.int32)
    new[[index[name] for name in names]] = np.arange(len(names))
    return names, [new[column] for column in columns]


@dataclass
class GradeColumns:
    """Grades while they are read, column by column."""

    model: list[str] = field(default_factory=list)
    question: list[str] = field(default_factory=list)
    grade: array[float] = field(default_factory=lambda: array("d"))
    judge: list[str] = field(default_factory=list)
    undecided: dict[str, tuple[int, int]] = field(default_factory=dict)  # as in Doubts

    def add(
        self, model: str, ids: Sequence[str], grades: Sequence[float], games: int, judge: str
    ) -> None:
        """Add the same grades of a model's answers, and count the games that gave none."""
        for grade in grades:
            self.judge += [judge] * len(ids)
            self.model += [model] * len(ids)
            self.question += ids
            self.grade.extend([grade] * len(ids))
        lost, number = self.undecided.get(model, (0, 0))
        missing = (games - len(grades)) * len(ids)
        self.undecided[model] = (lost + missing, number + games * len(ids))

    @property
    def missing(self) -> int:
        """The number of games without a grade."""
        return sum(lost for lost, _ in self.undecided.values())

    def doubts(self, planted: Mapping[str, set[str]]) -> Doubts:
        """Return the reasons to doubt mean grades."""
        numbers = {model: games for model, (_, games) in self.undecided.items()}
        return Doubts(self.undecided, planted=_numbered(planted, numbers))

    def tables(self) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray, np.ndarray]:
        """Return the sorted models and questions, and sum and number of grades (M, Q)."""
        models, row = np.unique(self.model, return_inverse=True)
        questions, column = np.unique(self.question, return_inverse=True)
        total, number = np.zeros((2, len(models), len(questions)))
        np.add.at(total, (row, column), np.frombuffer(self.grade))
        np.add.at(number, (row, column), 1)
        return tuple(models.tolist()), tuple(questions.tolist()), total, number

    def by_judge(self) -> tuple[np.ndarray, np.ndarray]:
        """Return sum and number of the grades of each judge and model (J, M), by sorted names."""
        judges, row = np.unique(self.judge, return_inverse=True)
        models, column = np.unique(self.model, return_inverse=True)
        total, number = np.zeros((2, len(judges), len(models)))
        np.add.at(total, (row, column), np.frombuffer(self.grade))
        np.add.at(number, (row, column), 1)
        return total, number


@dataclass(frozen=True)
class Cells:
    """Judgments as counts: one cell is the comparison of two models on a question by a judge.

    Fits skip cells without battles and cells of a model with itself. Models and questions are
    indices. A caller who numbers both by name gets the same bootstrap in any order of the cells.
    """

    models: int
    """Number of models M. Their indices are 0..M-1."""
    a: np.ndarray
    """(C,) index of the first model."""
    b: np.ndarray
    """(C,) index of the second model."""
    question: np.ndarray
    """(C,) index of the question."""
    counts: np.ndarray
    """(3, C) weighted battles: wins of `a`, ties, wins of `b`. Repeats make fractions of them."""
    features: np.ndarray | None = None
    """(F, C) raw differences in style, (a - b) / (a + b + 1); None for the plain fit."""
    judge: np.ndarray | None = None
    """(C,) index of the judge; None if it is not known."""

    def judged(self) -> np.ndarray:
        """Return the number of questions (M,) on which each model has a battle with another."""
        used = (self.counts.sum(axis=0) > 0) & (self.a != self.b)
        on = np.zeros((self.models, self.question.max(initial=-1) + 1), dtype=bool)
        on[self.a[used], self.question[used]] = on[self.b[used], self.question[used]] = True
        return np.asarray(on.sum(axis=1))

    def star(self, anchor: int | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the points and the weighted battles (M, Q) of models against the anchor.

        The anchor's own are 0. None without an anchor, or if two other models met.
        """
        if anchor is None:
            return None
        turned = self.b == anchor
        model, against = np.where(turned, (self.a, self.b), (self.b, self.a))
        if (against != anchor).any():
            return None
        questions = self.question.max(initial=-1) + 1
        wins = np.where(turned, self.counts[0], self.counts[2])
        number = np.where(model == anchor, 0, self.counts.sum(axis=0))
        place = model * questions + self.question
        points, battles = (
            np.bincount(place, values, self.models * questions).reshape(self.models, questions)
            for values in (np.where(model == anchor, 0.0, wins + 0.5 * self.counts[1]), number)
        )
        return points, battles
