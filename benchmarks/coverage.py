"""Measures how often default intervals and rank sets hold the truth, as a table in Markdown.

    python benchmarks/coverage.py                              # simulated judgments
    python benchmarks/coverage.py --bench data/demo-v0.1       # the questions of a bench
    python benchmarks/coverage.py --bench BENCH --only plain style --sizes 20 100

With --bench, the judged questions of a bench are the population: a board has n of them, drawn with
replacement, and the truth is the score that the same method gives on all of them. Without, the
judgments are simulated (see populations.py), and the truth is the score on 100,000 questions.

The columns are percentages. `default` is the share of the intervals that hold the truth, `under 10
points` that of models whose true score is so low, `shown` the share of scores with an interval,
`as published` the coverage of percentiles of resampled battles. `rank sets` is the share of boards
whose sets hold all true ranks, `by overlap` the same of the ranks that published intervals suggest.

Exit status 1 if a default misses its target, and the last lines say which. Intervals must hold the
truth at most 2 points less often than their level says (95 %, v2.0 90 %), and from 20 questions on
at most 2 points more often. All true ranks must be in their sets on at least 93 % of the boards.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.leaderboard.board import Board, Contest
from arena.leaderboard.build import Group, method_of
from arena.leaderboard.clusters import score_clusters
from arena.leaderboard.compare import compare_all
from arena.leaderboard.options import BoardOptions, Method
from arena.leaderboard.overall import overall_board
from arena.scoring.battles import Grades
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, OF_BATTLES
from arena.scoring.selection import Selection
from benchmarks.populations import (
    EQUAL,
    FIVE,
    GROUPS,
    SPREAD,
    Data,
    Judged,
    Key,
    Population,
    SimulatedBattles,
    SimulatedGrades,
    options_of,
    read_population,
    taken,
)

import numpy as np  # isort: skip  (after arena, which sets the number of threads)

SIZES = (5, 12, 20, 40, 100, 500)
FROM = 20  # questions, from which on an interval must not hold the truth too often either
SLACK = 2.0  # points from the level
LOW = 10.0  # points, below which intervals are hardest
COMPARED = 4  # models of a board, in pairs

Ranks = Mapping[Key, tuple[int, int] | None]


class Estimate(NamedTuple):
    """A score or a difference, the ends of its interval, and the best and the worst rank."""

    score: float
    lower: float
    upper: float
    rank: tuple[int, int] | None = None

    def holds(self, truth: float) -> float:
        """1 if the truth is in the interval, 0 if not, NaN if there is no interval."""
        held = self.lower - 1e-9 <= truth <= self.upper + 1e-9
        return np.nan if np.isnan(self.lower + self.upper) else float(held)


Estimates = Mapping[Key, Estimate]


# What a user sees of judgments


def on_boards(judged: Judged, selection: Selection, method: Method) -> Estimates:
    """The scores of a board, of several categories the overall one."""
    if len(judged.parts) == 1:
        board = board_of(judged.data, selection, method)
    else:
        categories = (
            (taken(judged.data, part), replace(selection, categories=(f"category {i}",)))
            for i, part in enumerate(judged.parts)
        )
        board = overall_board([board_of(*category, method) for category in categories])
    return {(row.model,): Estimate(row.score, *row.bounds, row.rank) for row in board.rows}


def board_of(data: Data, selection: Selection, method: Method) -> Board:
    if isinstance(data, Grades):
        return Board.of_grades(data, selection, method, {})
    return Contest(data, selection, method).score().board()


def as_published(data: Data, selection: Selection, method: Method) -> Estimates:
    """The scores of a published board, without the comparison with the default's intervals."""
    assert not isinstance(data, Grades)
    scored = Contest(data, selection, method).score()
    ends, (scores, _) = scored.uncertainty(elo=False).ends, scored.scores(elo=False)
    names = scored.battles.models
    return {(name,): Estimate(*found) for name, *found in zip(names, scores, *ends, strict=True)}


def by_cluster(judged: Judged, selection: Selection, method: Method) -> Estimates:
    """The scores in each cluster."""
    names = judged.data.questions
    clusters = {
        f"cluster {i}": frozenset(names[question] for question in part)
        for i, part in enumerate(judged.parts)
    }
    table = score_clusters([Group(selection, judged.data, clusters)], "cluster", method)
    return {
        (row.model, board.name): Estimate(row.score, *row.bounds)
        for board in table.boards
        for row in board.rows
    }


def in_pairs(judged: Judged, selection: Selection, method: Method) -> Estimates:
    """The differences of all pairs of some models, chosen by the seed."""
    data = judged.data
    assert not isinstance(data, Grades)
    # A comparison has rounds of its own.
    scored = Contest(data, selection, method).score(samples=np.empty((0, len(data.models))))
    chosen = np.random.default_rng(method.seed).permutation(len(data.models))[:COMPARED]
    pairs = compare_all(scored, [data.models[i] for i in sorted(chosen)])
    return {(r.first, r.second): Estimate(r.difference, r.lower, r.upper) for r in pairs}


@dataclass(frozen=True)
class Case:
    """Boards of a population by the default method, single ones by that of published boards too.

    `share`: of the usual number of boards, less for one that has many estimates.
    """

    name: str
    population: Population
    default: Method
    published: Method | None = None
    estimates: Callable[[Judged, Selection, Method], Estimates] = on_boards
    sizes: tuple[int, ...] = SIZES
    share: float = 1.0

    @property
    def level(self) -> float:
        """The level of the intervals in percent. That of differences is 95 %."""
        estimator = self.population.selection.estimator
        return 95.0 if self.estimates is in_pairs else 100.0 * estimator.level

    @property
    def exact(self) -> tuple[str, ...]:
        """The baseline, whose score is 50 in any case, unless the mean of the models has 50."""
        selection = self.population.selection
        anchored = self.estimates is not in_pairs and selection.anchored != "mean"
        return selection.baselines[:1] if anchored else ()

    @property
    def of_win_rates(self) -> bool:
        return self.estimates is not in_pairs and self.population.selection.estimator is not GRADES

    def truth(self) -> dict[Key, float]:
        """The scores or differences on all questions."""
        population, of_pairs = self.population, self.estimates is in_pairs
        method = replace(self.default, rounds=population.true_rounds)
        estimates = on_boards if of_pairs else self.estimates
        found = estimates(population.whole(), population.selection, method)
        truth = {
            # Models that are equal by construction differ by noise alone.
            key: float(np.mean([found[k].score for k in found if population.equal(key, k)]))
            for key in found
        }
        if not of_pairs:
            return truth
        return {(*a, *b): truth[a] - truth[b] for a, b in combinations(sorted(truth), 2)}

    def order(self, truth: Mapping[Key, float]) -> Mapping[Key, float]:
        """The scores that order the models: those from equal style, if not the truth itself."""
        if not (self.default.control and self.default.center):
            return truth
        return replace(self, default=replace(self.default, center=False)).truth()


# One board


class Trial(NamedTuple):
    """Whether intervals hold each truth (K,), NaN without one, and whether sets hold all ranks.

    By default, and by the method of published boards.
    """

    default: np.ndarray
    published: np.ndarray
    ranks: float
    overlap: float


def try_once(
    case: Case,
    questions: int,
    truth: Mapping[Key, float],
    order: Mapping[Key, float],
    number: int,
) -> Trial:
    """Draw the judgments of a board, and see which truths its intervals and sets hold."""
    rng = np.random.default_rng([zlib.crc32(case.name.encode()), questions, number])
    judged, selection = case.population.draw(questions, rng), case.population.selection
    default = case.estimates(judged, selection, replace(case.default, seed=number))
    published: Estimates = {}
    if case.published:
        published = as_published(judged.data, selection, replace(case.published, seed=number))
    return Trial(
        held(default, truth),
        held(published, truth),
        ranks_held({key: found.rank for key, found in default.items()}, order),
        ranks_held(ranks_by_overlap(published), truth),
    )


def held(estimates: Estimates, truth: Mapping[Key, float]) -> np.ndarray:
    none = Estimate(np.nan, np.nan, np.nan)
    return np.array([estimates.get(key, none).holds(score) for key, score in truth.items()])


def ranks_held(ranks: Ranks, truth: Mapping[Key, float]) -> float:
    """1 if all sets hold the model's rank, or all ranks that equal models share. NaN without sets.

    So the sets of equal models fail if they separate any two of them.
    """
    sets = [rank for rank in ranks.values() if rank]
    if not sets or len(sets) < len(ranks):
        return np.nan
    scores, (low, high) = np.array([truth[key] for key in ranks]), np.array(sets).T
    best = 1 + (scores > scores[:, None] + 1e-9).sum(axis=1)
    worst = (scores >= scores[:, None] - 1e-9).sum(axis=1)
    return float(((low <= best) & (worst <= high)).all())


def ranks_by_overlap(estimates: Estimates) -> Ranks:
    """The ranks that intervals suggest: a model is behind those with a higher lower end."""
    low, high = np.array([found[1:3] for found in estimates.values()]).reshape(-1, 2).T
    best = 1 + (low > high[:, None]).sum(axis=1)
    worst = len(low) - (high < low[:, None]).sum(axis=1)
    return dict(zip(estimates, zip(best.tolist(), worst.tolist(), strict=True), strict=True))


# The table


class Row(NamedTuple):
    """Percentages of intervals, and of boards for ranks, NaN if there were none."""

    case: Case
    questions: int
    boards: int
    default: float
    low: float
    shown: float
    published: float
    ranks: float
    overlap: float

    @classmethod
    def of(
        cls, case: Case, questions: int, truth: Mapping[Key, float], trials: Iterable[Trial]
    ) -> Row:
        """The percentages of some trials."""
        default, published, ranks, overlap = map(np.array, zip(*trials, strict=True))
        uncertain = np.array([key[0] not in case.exact for key in truth])
        low = uncertain & [case.of_win_rates and score < LOW for score in truth.values()]
        shown = ~np.isnan(default[:, uncertain & (case.estimates is not in_pairs)])
        intervals = (default[:, uncertain], default[:, low], shown, published[:, uncertain])
        return cls(case, questions, len(default), *map(percent, (*intervals, ranks, overlap)))

    def misses(self) -> Iterator[str]:
        """Say which targets are missed."""
        name, level = f"{self.case.name}, {self.questions} questions", self.case.level
        if self.default < level - SLACK or (
            self.default > level + SLACK and self.questions >= FROM
        ):
            yield f"{name}: {self.default:.1f} % of the intervals hold the truth"
        if self.ranks < 95.0 - SLACK:
            yield f"{name}: the rank sets of {self.ranks:.1f} % of the boards hold all ranks"


def percent(shares: np.ndarray) -> float:
    """The mean in percent of what is not NaN."""
    known = shares[~np.isnan(shares)]
    return 100.0 * float(known.mean()) if known.size else np.nan


HEADER = (
    *("board", "questions", "boards", "default", "under 10 points", "shown", "as published"),
    *("rank sets", "by overlap"),
)
WIDTHS = (38, *map(len, HEADER[1:]))


def report(rows: Iterable[Row]) -> list[str]:
    """Print the table, and return the missed targets."""
    print_line(HEADER)
    print_line(["-" * WIDTHS[0], *("-" * (width - 1) + ":" for width in WIDTHS[1:])])
    missed = list[str]()
    for row in rows:
        shares = ("–" if np.isnan(share) else f"{share:.1f}" for share in row[3:])
        print_line([row.case.name, str(row.questions), str(row.boards), *shares])
        missed += row.misses()
    return missed


def print_line(cells: Sequence[str]) -> None:
    name, *numbers = cells
    padded = [f"{number:>{width}}" for number, width in zip(numbers, WIDTHS[1:], strict=True)]
    print(f"| {' | '.join([name.ljust(WIDTHS[0]), *padded])} |", flush=True)


# The boards that are measured

STYLE = ("length", "markdown")
METHODS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "style control, centre none": {"control": STYLE, "center": "none"},
    "style control, centre mean": {"control": STYLE, "center": "mean"},
    "v2.0": {"method": "v2.0"},
    "v2.0, style control, centre none": {"method": "v2.0", "control": STYLE, "center": "none"},
    "v2.0, style control, centre mean": {"method": "v2.0", "control": STYLE, "center": "mean"},
}
RANKED = ("plain", "style control, centre none")  # if the ranks of equal models are the question
STYLE_SHARE = 0.5  # of the boards, since their fits take long
QUARTERS, FIFTHS = (0.25, 0.25, 0.5), (1.0,) * 5  # of a board's questions


def methods_of(options: BoardOptions) -> tuple[Method, Method]:
    """The default method, and that of published boards."""
    options = replace(options, workers=1)
    return method_of(options), method_of(replace(options, as_published=True))


def cases_of_bench(options: BoardOptions) -> Iterator[Case]:
    """Cases of the judged questions of a bench."""
    for name, changes in METHODS.items():
        changed = replace(options, **changes)
        population, (default, published) = read_population(changed), methods_of(changed)
        if isinstance(population.data, Grades):
            yield Case("grades", population, default)
            return
        share = STYLE_SHARE if default.control else 1.0
        yield Case(name, population, default, published, share=share)
        if name in ("plain", "style control, centre none", "v2.0"):
            case = Case(f"overall, {name}", population, default, share=share)
            categories, clusters = (replace(population, shares=x) for x in (QUARTERS, FIFTHS))
            yield replace(case, population=categories, sizes=(12, 40, 100))
            case = replace(case, name=f"--by, {name}", population=clusters, share=share / 4)
            yield replace(case, estimates=by_cluster, sizes=(5, 12, 40))
            case = replace(case, name=f"--compare, {name}", population=population, share=share / 2)
            yield replace(case, estimates=in_pairs, sizes=(5, 20, 100, 500))


def simulated_cases() -> Iterator[Case]:
    """Cases of simulated judgments."""
    bench, judges = Bench(Path(), "simulated"), ("judge",)
    for kind, models in {"spread": SPREAD, "equal": EQUAL, "3 groups": GROUPS}.items():
        for name, changes in METHODS.items():
            if models is not SPREAD and name not in RANKED:
                continue
            options = BoardOptions(bench, judges, **changes)
            estimator = OF_BATTLES[options.method or BRADLEY_TERRY.name]
            selection = Selection(bench, judges, models.names[:1], estimator=estimator)
            population = SimulatedBattles(models, selection, bool(options.control))
            case = Case(f"{kind}, {name}", population, *methods_of(options), sizes=(20, 100, 500))
            yield replace(case, share=STYLE_SHARE if options.control else 1.0)
    for name in RANKED:
        options = BoardOptions(bench, judges, **METHODS[name])
        selection = Selection(bench, judges, FIVE.names[:1])
        a, b = zip(*combinations(range(len(FIVE.names)), 2), strict=True)
        robin = SimulatedBattles(FIVE, selection, bool(options.control), pairs=(a, b))
        case = Case(f"round robin, {name}", robin, methods_of(options)[0], share=STYLE_SHARE)
        yield case
        robin = replace(robin, selection=replace(selection, anchored="mean"))
        yield replace(case, name=f"mean 50, {name}", population=robin)
    grades = SimulatedGrades(Selection(bench, judges, (), estimator=GRADES))
    case = Case("grades", grades, methods_of(BoardOptions(bench, judges))[0])
    yield case
    by_category = replace(grades, shares=QUARTERS)
    yield replace(case, name="overall, grades", population=by_category, sizes=(12, 40, 100))


# The program


def measured(
    cases: Iterable[Case],
    boards: int,
    sizes: Sequence[int],
    run: Callable[[Callable[[int], Trial], Iterable[int]], Iterable[Trial]],
) -> Iterator[Row]:
    """Draw this many boards of each case for each of its sizes that is among `sizes`."""
    for case in cases:
        truth = case.truth()
        order = case.order(truth)
        for questions in (size for size in case.sizes if size in sizes):
            attempt = functools.partial(try_once, case, questions, truth, order)
            yield Row.of(case, questions, truth, run(attempt, range(round(boards * case.share))))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--bench", type=Path, help="folder of a bench (default: simulated judgments)")
    add("--judge-name", nargs="+", default=[], help="judges (default: the bench's only one)")
    add("--baseline", nargs="+", default=[], help="baseline (default: the model without judgments)")
    add("--only", nargs="+", default=[""], help="boards with one of these texts in their names")
    add("--sizes", type=int, nargs="+", default=SIZES, help="questions (default: 5 to 500)")
    add("--boards", type=int, default=400, help="boards of a plain row (default: %(default)s)")
    add("--workers", type=int, default=2, help="processes (default: %(default)s)")
    add("--quick", action="store_true", help="a smoke test: few boards, of 12 and 20 questions")
    args = parser.parse_args(arguments)
    boards, sizes = (4, (12, 20)) if args.quick else (args.boards, args.sizes)
    try:
        options = options_of(args.bench, args.judge_name, args.baseline) if args.bench else None
        cases = cases_of_bench(options) if options else simulated_cases()
        chosen = (case for case in cases if any(text in case.name for text in args.only))
        with concurrent.futures.ProcessPoolExecutor(args.workers) as pool:
            run = map if args.quick else functools.partial(pool.map, chunksize=10)
            missed = report(measured(chosen, boards, sizes, run))
    except InputError as error:
        parser.error(str(error))
    print("\n" + ("\n".join(["Missed targets:", *missed]) if missed else "All targets are met."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
