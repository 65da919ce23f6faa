"""The boards of a judge, and the numbers of all judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from arena.bench.labels import Labels, is_grade
from arena.browser.library import Library
from arena.leaderboard.board import Board
from arena.leaderboard.build import fallback_note, read_boards, score_boards
from arena.leaderboard.options import BoardOptions
from arena.leaderboard.output.text import summary_lines
from arena.quality.judge_measures import PairReport, Verdicts, judge_numbers
from arena.scoring.selection import Plan, Selection

Boards = list[tuple[Board, list[str]]]
JudgeStatistics = tuple[
    dict[str, Verdicts], dict[tuple[str, str], PairReport], dict[str, list[float]]
]

DEPENDENT = "The intervals are too narrow: they take the games of a question for independent."


def boards(
    library: Library, judge: str, category: str, control: Sequence[str], baseline: str = ""
) -> Boards:
    """Return the boards of show_result.py with the lines below each, the overall one first.

    Raises InputError with the reason if there is no board.
    """

    def make() -> Boards:
        options = replace(
            _options(library, judge, baseline),
            categories=(category,) if category else (),
            control=tuple(sorted(control)),
        )
        read = read_boards(options, list(library.questions.values()))
        # Only the overall board has weights. In the page it is the first, not the last.
        results = sorted(score_boards(read, options), key=lambda board: not board.weights)
        shown = [(board, list(summary_lines(board, DEPENDENT))) for board in results]
        note = fallback_note(read)
        shown[0][1].extend([note] if note else [])
        return shown

    key = "boards", judge, category, *sorted(control), baseline, library.stamp([judge])
    return library.recent.get(key, make)


def board_baselines(library: Library, judge: str) -> tuple[str, ...]:
    """Return the baselines of the boards if none is chosen."""
    options = _options(library, judge, "")
    categories = dict.fromkeys(question.category for question in library.questions.values())
    whole = Selection(library.bench, (judge,), ())
    return Plan(whole, [], options.config, options.usual_baselines).baselines(categories)


def _options(library: Library, judge: str, baseline: str) -> BoardOptions:
    """Return the options of `show_result.py --mixed leave-out`.

    The config counts if it is of this bench, or if its baselines have judgments here. Otherwise the
    boards are against the usual baselines.
    """
    # A reader chooses the judge in the page, so other judgments in its files are no error here.
    whole = BoardOptions(library.bench, (judge,), mixed="leave-out")
    if baseline:
        return replace(whole, baselines=(baseline,))
    if config := library.config:
        rules = (config.rules, *config.categories.values())
        configured = {baseline for of_rules in rules for baseline in of_rules.baselines}
        of_bench = config.bench_name == library.bench.name
        if configured and (of_bench or not configured.isdisjoint(library.baselines(judge))):
            return replace(whole, config=config)
    return replace(whole, usual_baselines=_usual_baselines(library, judge))


def _usual_baselines(library: Library, judge: str) -> dict[str, tuple[str, ...]]:
    """Return for each category the baseline of most of its judgments, else the most frequent one of
    all, else that of judgments that name none.
    """
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
        baseline = ranked[0] if ranked else library.rule.of(None, name)
        usual[name] = (baseline,) if baseline else ()
    return usual


def judge_statistics(library: Library) -> JudgeStatistics:
    """Return the verdicts of all judges, the agreement of each two, and their grades in order."""
    judges = library.judges()

    def count() -> JudgeStatistics:
        labels: dict[str, dict[tuple[str, str, str], Labels]] = {}
        grades: dict[str, list[float]] = {}
        for judge in judges:
            entries = list(library.judgments(judge))
            compared = (entry for entry in entries if not any(map(is_grade, entry.labels)))
            labels[judge] = {(e.model, e.baseline, e.question): e.labels for e in compared}
            scores = (label for entry in entries for label in entry.labels)
            grades[judge] = sorted(float(s) for s in scores if isinstance(s, (int, float)))
        return *judge_numbers(labels), grades

    return library.recent.get(("judges", library.stamp(judges)), count)
