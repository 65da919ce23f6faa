"""The boards and clusters of a judge, and the numbers of all judges."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Literal, cast

from arena.base.errors import InputError
from arena.bench.labels import grades_of
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
from arena.leaderboard.options import BoardOptions, anchored
from arena.leaderboard.output.notes import summary_lines
from arena.quality.judge_measures import Verdicts, draw_questions, verdicts
from arena.quality.judge_report import JudgeReport, Report, comparison
from arena.quality.model_places import ModelPlace, model_places
from arena.quality.panel import JudgeOptions, Panel, read_panel, style_features
from arena.scoring.bradley_terry import Resample
from arena.scoring.selection import Plan, Selection

Boards = list[tuple[Board, list[str]]]
MEAN = "mean"  # what scores 50 on a board of all pairs, if it is not a model


@until_changed
def boards(
    library: Library,
    filters: Filters,
    control: tuple[str, ...] = (),
    resample: str = "",
    center: str = "",
    anchor: str = "",
) -> Boards:
    """Return the boards of show_result.py with the lines below each, the overall one first.
    `resample`, `center`: as in BoardOptions, "" for the usual ones. `anchor`: MEAN or the model
    that scores 50 on one board of all pairs, whatever the baseline.

    Raises InputError with the reason if there is no board.
    """
    categories = (filters.category,) if filters.category else ()
    options = replace(
        _options(library, filters.judge, filters.baseline, anchor),
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
def cluster_table(
    library: Library, judge: str, baseline: str, by: str, anchor: str = ""
) -> ClusterTable:
    """Return the scores of show_result.py --by cluster, or by category. `anchor`: as in `boards`.
    Raises InputError with the reason if there are none.
    """
    options = _options(library, judge, baseline, anchor)
    # A config may ask for the published statistics, which grades have not.
    compared = any(entry.pairwise for entry in library.judgments(judge))
    options = replace(options, as_published=options.as_published and compared)
    groups = read_clusters(options, by)
    method = method_of(options).centered(group.data for group in groups)
    table = score_clusters(groups, by, method)
    if not table.rated:
        raise InputError("no model has enough questions judged in a cluster")
    # Without the fits and rounds, which nothing here shows, and which fill the memory.
    boards = (replace(board, scored=None, samples={}) for board in table.boards)
    return replace(table, boards=tuple(boards))


@until_changed
def round_robin(library: Library, judge: str) -> list[str]:
    """Return the models of a round robin: a judge compared answers to one question with several
    baselines. There are none if it graded answers too, or if a baseline is only assumed.
    """
    configured = _options(library, judge, "").config is not None
    baselines, models = defaultdict[str, set[str]](set), set[str]()
    for entry in library.judgments(judge):
        if not (entry.pairwise and entry.baseline and (entry.named or configured)):
            return []
        if not entry.foreign:
            baselines[entry.question].add(entry.baseline)
            models |= {entry.model, entry.baseline}
    return sorted(models) if any(len(names) > 1 for names in baselines.values()) else []


def board_baselines(library: Library, judge: str) -> tuple[str, ...]:
    """Return the baselines of the boards if none is chosen."""
    options = _options(library, judge, "")
    categories = dict.fromkeys(question.category for question in library.questions.values())
    whole = Selection(library.bench, (judge,), ())
    return Plan(whole, [], options.config, options.usual_baselines).baselines(categories)


def _options(library: Library, judge: str, baseline: str, anchor: str = "") -> BoardOptions:
    """Return the options of `show_result.py --mixed leave-out`, and of its --anchor if there is
    one.
    """
    if anchor:
        whole = _options(library, judge, baseline)
        return anchored(whole, None if anchor == MEAN else anchor)
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
    of_all = Counter[str]()
    for entry in library.judgments(judge):
        if entry.pairwise and entry.baseline:
            numbers[categories.get(entry.question, "")][entry.baseline] += 1
            of_all[entry.baseline] += 1
    usual: dict[str, tuple[str, ...]] = {}
    for name, of_category in numbers.items():
        ranked = sorted(of_category or of_all, key=lambda b: (-of_category[b], -of_all[b], b))
        most_frequent = ranked[0] if ranked else library.rule.of(None, name)
        usual[name] = (most_frequent,) if most_frequent else ()
    return replace(whole, usual_baselines=usual)


@dataclass(frozen=True)
class JudgeStatistics:
    """The verdicts of all judges, and the report that compares them, without further measures."""

    verdicts: tuple[Verdicts, ...]
    report: Report


@until_changed
def judge_statistics(library: Library) -> JudgeStatistics:
    """Return the numbers of `judge_report.py --mixed leave-out` that take little time.

    Raises InputError with the reason if there are none.
    """
    options = judge_options(library)
    panel, left_out = verdicts_of_judges(library)
    times = draw_questions(len(panel.questions), options.rounds, options.seed)
    report = comparison(options, panel, left_out, times)
    numbers, workers = range(len(panel.judges)), options.workers
    judges = tuple(verdicts(panel, judge, times, workers) for judge in numbers)
    return JudgeStatistics(judges, report)


@until_changed
def one_judge(library: Library, judge: str) -> tuple[Report, list[ModelPlace]]:
    """Return the whole report on one judge, and its place effect for each model."""
    options = judge_options(library)
    panel, _ = verdicts_of_judges(library)
    number, bench = panel.judges.index(judge), library.bench
    times = draw_questions(len(panel.questions), options.rounds, options.seed)
    styles = style_features(bench, panel)
    measured = JudgeReport.of(panel, number, {}, styles, times, options.workers)
    report = Report(
        bench=bench.name,
        categories=(),
        rounds=options.rounds,
        seed=options.seed,
        questions=len(panel.questions),
        judges=(measured,),
        place=measured.place,
        pairs=(),
        not_compared=(),
        left_out={},
        assumed=(),
    )
    return report, model_places(panel, number, times)


def judge_options(library: Library) -> JudgeOptions:
    """Return the options of a report on all judges of a bench."""
    # A reader sees all judges, and other judgments in their files are no error here.
    bench, rule = library.bench, library.rule
    return JudgeOptions(bench, mixed="leave-out", ensembles=True, known_rule=rule)


@until_changed
def verdicts_of_judges(library: Library) -> tuple[Panel, dict[str, str]]:
    """Return the verdicts of all judges, and the reasons for skipped ones."""
    return read_panel(judge_options(library))


@until_changed
def judge_grades(library: Library, judges: tuple[str, ...]) -> dict[str, list[float]]:
    """Return the grades of judges in order, without judges that gave none."""
    grades: dict[str, list[float]] = {}
    for judge in judges:
        entries = (e for e in library.judgments(judge) if not (e.foreign or e.pairwise))
        if found := sorted(grade for entry in entries for grade in grades_of(entry.labels)):
            grades[judge] = found
    return grades
