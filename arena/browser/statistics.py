"""The boards and clusters of a judge, and the numbers of all judges."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal, cast

from arena.bench.labels import Labels, grades_of
from arena.browser.library import Filters, Library, until_changed
from arena.leaderboard.board import Board
from arena.leaderboard.build import (
    fallback_note,
    method_of,
    read_boards,
    read_clusters,
    score_boards,
    with_known_style,
)
from arena.leaderboard.clusters import ClusterTable, score_clusters
from arena.leaderboard.options import BoardOptions
from arena.leaderboard.output.notes import summary_lines
from arena.quality.judge_measures import PairReport, Verdicts, judge_numbers
from arena.scoring.bradley_terry import Resample
from arena.scoring.selection import Plan, Selection

Boards = list[tuple[Board, list[str]]]
JudgeStatistics = tuple[
    dict[str, Verdicts], dict[tuple[str, str], PairReport], dict[str, list[float]]
]


@until_changed
def boards(
    library: Library,
    filters: Filters,
    control: tuple[str, ...] = (),
    resample: str = "",
    center: str = "",
) -> Boards:
    """Return the boards of show_result.py with the lines below each, the overall one first.
    `resample`, `center`: as in BoardOptions, "" for the usual ones.

    Raises InputError with the reason if there is no board.
    """
    categories = (filters.category,) if filters.category else ()
    whole = _options(library, filters.judge, filters.baseline)
    options = replace(
        whole,
        categories=categories,
        control=tuple(sorted(control)),
        resample=cast("Resample | None", resample or None),
        center=cast('Literal["mean", "none"] | None', center or None),
    )
    read = read_boards(options, list(library.questions.values()))
    read = [with_known_style(*one, options.control) for one in read] if control else read
    # Only the overall board has weights. In the page it is the first, not the last.
    results = sorted(score_boards(read, options), key=lambda board: not board.weights)
    shown = [(board, list(summary_lines(board, flags=False))) for board in results]
    note = fallback_note(read)
    shown[0][1].extend([note] if note else [])
    return shown


@until_changed
def cluster_table(library: Library, judge: str, baseline: str, by: str) -> ClusterTable:
    """Return the scores of show_result.py --by cluster, or by category. Raises InputError with the
    reason if there are none.
    """
    options = _options(library, judge, baseline)
    # A config may ask for the published statistics, which grades have not.
    compared = any(entry.pairwise for entry in library.judgments(judge))
    options = replace(options, as_published=options.as_published and compared)
    groups = read_clusters(options, by)
    method = method_of(options).centered(group.data for group in groups)
    table = score_clusters(groups, by, method)
    # Without the fits and rounds, which nothing here shows, and which fill the memory.
    boards = (replace(board, scored=None, samples={}) for board in table.boards)
    return replace(table, boards=tuple(boards))


def board_baselines(library: Library, judge: str) -> tuple[str, ...]:
    """Return the baselines of the boards if none is chosen."""
    options = _options(library, judge, "")
    categories = dict.fromkeys(question.category for question in library.questions.values())
    whole = Selection(library.bench, (judge,), ())
    return Plan(whole, [], options.config, options.usual_baselines).baselines(categories)


def _options(library: Library, judge: str, baseline: str) -> BoardOptions:
    """Return the options of `show_result.py --mixed leave-out`."""
    # A reader chooses the judge in the page, so other judgments in its files are no error here.
    config = library.config
    published = bool(config and config.as_published and config.bench_name == library.bench.name)
    whole = BoardOptions(library.bench, (judge,), mixed="leave-out", as_published=published)
    if baseline:
        return replace(whole, baselines=(baseline,))
    # A config of another bench counts only if its baselines have judgments here.
    if config:
        configured = set(config.all_baselines)
        of_bench = config.bench_name == library.bench.name
        if configured and (of_bench or not configured.isdisjoint(library.baselines(judge))):
            return replace(whole, config=config)
    # Else a category has the baseline of most of its judgments, then the most frequent of all, then
    # that of judgments that name none.
    categories = {question.id: question.category for question in library.questions.values()}
    numbers = {name: Counter[str]() for name in ("", *categories.values())}
    every = Counter[str]()
    for entry in library.judgments(judge):
        if entry.pairwise and entry.baseline:
            numbers[categories.get(entry.question, "")][entry.baseline] += 1
            every[entry.baseline] += 1
    usual: dict[str, tuple[str, ...]] = {}
    for name, of_category in numbers.items():
        ranked = sorted(of_category or every, key=lambda b: (-of_category[b], -every[b], b))
        most_frequent = ranked[0] if ranked else library.rule.of(None, name)
        usual[name] = (most_frequent,) if most_frequent else ()
    return replace(whole, usual_baselines=usual)


@until_changed
def judge_statistics(library: Library) -> JudgeStatistics:
    """Return the verdicts of all judges, the agreement of each two, and their grades in order.

    The verdicts are those of `judge_report.py --mixed leave-out`.
    """
    labels: dict[str, dict[tuple[str, str, str], Labels]] = {}
    grades: dict[str, list[float]] = {}
    for judge in library.judges():
        entries = [entry for entry in library.judgments(judge) if not entry.foreign]
        labels[judge] = {
            (entry.model, entry.baseline, entry.question): entry.labels
            for entry in entries
            if entry.model != entry.baseline and not grades_of(entry.labels)
        }
        graded = (entry.labels for entry in entries if not entry.pairwise)
        grades[judge] = sorted(grade for of_entry in graded for grade in grades_of(of_entry))
    return *judge_numbers(labels), grades
