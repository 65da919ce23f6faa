"""How judges decide: their labels, what place in the prompt is worth to them, and how far they
agree.

Pure functions of labels; a judgment's labels are those of its games, None where there is no
verdict. Names and definitions are those of `judge_report.py`, which has intervals and more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

from arena.bench.labels import LABELS, Label, Labels, normal_label, winners


@dataclass(frozen=True)
class JudgeStats:
    """Counts of a judge's games; `labels` by LABELS, A being the answer that was shown first.

    `first`, `second`: games won by A and by B, of judgments with two verdicts, in which each side
    had each place. `same`: how many of these `judged_twice` name one winner in both games.
    """

    judgments: int
    games: int
    labels: Mapping[str, int]
    grades: tuple[float, ...]
    without_verdict: int
    first: int
    second: int
    judged_twice: int
    same: int

    @property
    def first_place(self) -> float | None:
        """The share of A among the games that A or B wins; 0.5 is no preference."""
        return share(self.first, self.first + self.second)

    @property
    def flips(self) -> float | None:
        """The share of judgments whose two games name different winners; noise flips too."""
        return share(self.judged_twice - self.same, self.judged_twice)


@dataclass(frozen=True)
class Agreement:
    """The agreement of two judges on the games that both decided.

    `same`: games with one label. `kappa` is Cohen's, beyond what the shares of their labels would
    give by chance; `weighted`: with squared distances of the labels as weights.
    """

    games: int
    same: int
    kappa: float | None
    weighted: float | None

    @property
    def rate(self) -> float | None:
        """The share of games with one label."""
        return share(self.same, self.games)


def share(part: int, whole: int) -> float | None:
    """Return a share, None of nothing."""
    return part / whole if whole else None


def judge_stats(judgments: Iterable[Labels]) -> JudgeStats:
    """Count the labels of a judge's judgments."""
    counts = Counter(tuple(labels) for labels in judgments)
    games = Counter[Label]()
    places, twice, same = Counter[str](), 0, 0
    for labels, number in counts.items():
        for label in labels:
            games[label] += number
        won = winners(labels)
        if len(won) == 2 and None not in won:
            twice += number
            same += number * (won[0] is won[1])
            for label in labels:
                places[_place(label)] += number
    by_label = Counter[str]()
    for label, number in games.items():
        if isinstance(label, str):
            by_label[normal_label(label) or ""] += number
    grades = [label for label in games.elements() if isinstance(label, (int, float))]
    return JudgeStats(
        judgments=counts.total(),
        games=games.total(),
        labels={label: by_label[label] for label in LABELS},
        grades=tuple(float(grade) for grade in sorted(grades)),
        without_verdict=games[None] + by_label[""],
        first=places["A"],
        second=places["B"],
        judged_twice=twice,
        same=same,
    )


def _place(label: Label) -> str:
    """Return which place won, A or B; nothing for a tie."""
    normal = normal_label(str(label))
    return normal[0] if normal and normal != "A=B" else ""


def agreement(first: Mapping[Hashable, Labels], second: Mapping[Hashable, Labels]) -> Agreement:
    """Compare two judges game by game, over the judgments that both have under one key."""
    pairs = Counter[tuple[int, int]]()
    for key in first.keys() & second.keys():
        for one, other in zip(_steps(first[key]), _steps(second[key]), strict=False):
            if one is not None and other is not None:
                pairs[one, other] += 1
    same = sum(number for (one, other), number in pairs.items() if one == other)
    return Agreement(
        games=pairs.total(),
        same=same,
        kappa=_kappa(pairs, lambda one, other: int(one != other)),
        weighted=_kappa(pairs, lambda one, other: (one - other) ** 2),
    )


def _steps(labels: Labels) -> list[int | None]:
    """Return where the label of each game is in LABELS, None without a verdict."""
    normal = [normal_label(label) if isinstance(label, str) else None for label in labels]
    return [None if label is None else LABELS.index(label) for label in normal]


def _kappa(pairs: Counter[tuple[int, int]], weight: Callable[[int, int], int]) -> float | None:
    """Return 1 - (disagreement seen) / (disagreement by chance); None where chance gives none."""
    one, other = Counter[int](), Counter[int]()
    for (label, others), number in pairs.items():
        one[label] += number
        other[others] += number
    seen = sum(weight(*pair) * number for pair, number in pairs.items())
    by_chance = sum(weight(i, j) * one[i] * other[j] for i in one for j in other)
    return 1 - seen * pairs.total() / by_chance if by_chance else None
