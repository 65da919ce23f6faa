"""Boards from options: the battles that are read, or were saved, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arena.base.errors import InputError, warn
from arena.bench.config import V2_JUDGE_CONFIG
from arena.bench.records import Question
from arena.leaderboard import saved
from arena.leaderboard.board import (
    Board,
    Method,
    Scored,
    grade_board,
    make_board,
    overall_board,
    score,
    why_no_overall,
)
from arena.leaderboard.options import (
    SEVERAL,
    BoardOptions,
    check_by_cluster,
    check_graded,
    check_several,
)
from arena.scoring.battles import Battles, Grades, read_selections
from arena.scoring.estimators import BRADLEY_TERRY, OF_BATTLES
from arena.scoring.selection import Plan, Selection, bench_questions, estimator_of

Read = tuple[Selection, Battles | Grades]


@dataclass(frozen=True)
class Result:
    """A board, and the fit that it comes from: None for grades and the overall board."""

    board: Board
    selection: Selection
    scored: Scored | None = None


def build_board(options: BoardOptions) -> Board:
    """Return the board of the options; InputError if they have several."""
    results = build_boards(options)
    if len(results) > 1:
        raise InputError(f"{options.bench.folder}: {SEVERAL}")
    return results[0].board


def build_boards(options: BoardOptions) -> list[Result]:
    """Return all boards of the options, the overall one last if several have one."""
    read = read_boards(options)
    check_read(options, read)
    return score_boards(read, options)


def read_boards(options: BoardOptions, questions: Sequence[Question] | None = None) -> list[Read]:
    """Return the battles or grades of each board; `questions` are those of the bench."""
    plan = _plan(options, questions, needed=bool(options.categories))
    named = options.categories
    if options.one_board:
        selections = [plan.of(named, options.baselines)]
    else:
        selections = plan.selections(named, options.baselines)
    if options.battle_file:
        return [_loaded_battles(options.battle_file, selections, plan.questions)]
    return read_selections(selections, plan.questions, pass_over_unjudged=not named)


def _plan(
    options: BoardOptions, questions: Sequence[Question] | None = None, *, needed: bool
) -> Plan:
    selection = Selection(
        bench=options.bench,
        judges=options.judges,
        baselines=(),
        weight=options.weight,
        first_game_only=options.first_game_only,
        missing=options.missing,
        mixed=options.mixed,
    )
    if questions is None:
        needed = needed or options.missing == "loss"
        questions = bench_questions(options.bench, needed=needed)
    name = options.method or (BRADLEY_TERRY.name if options.one_board else "")
    estimator = OF_BATTLES.get(name)
    return Plan(selection, questions, options.config, options.usual_baselines, estimator)


def _loaded_battles(
    path: Path, selections: Sequence[Selection], questions: Sequence[Question]
) -> Read:
    if len(selections) > 1:
        raise InputError(f"--load-battles: {SEVERAL}")
    selection = selections[0]
    saved.check_settings(path, selection.settings())
    default = replace(
        selection,
        weight=Selection.weight,
        first_game_only=False,
        missing="ignore",
        mixed="refuse",
        estimator=BRADLEY_TERRY,
    )
    if not saved.settings_file(path).exists() and selection != default:
        raise InputError(
            f"{path}: its settings are not known, so --weight, --first-game-only, --missing, "
            "--mixed and --method v2.0 need the judgments. Leave out --load-battles."
        )
    return saved.load_battles(path, selection, questions)


def check_read(options: BoardOptions, read: Sequence[Read]) -> None:
    """Raise InputError for options that do not go with several boards or with grades; warn where
    other baselines were taken than the config's.
    """
    if len(read) > 1:
        check_several(options)
    if any(isinstance(data, Grades) for _, data in read):
        check_graded(options)
    note = fallback_note(read)
    if note and options.config:
        warn(f"{options.config.path}: {note}")


def score_boards(read: Sequence[Read], options: BoardOptions) -> list[Result]:
    """Return the board of each selection, and last the overall one if several have one."""
    check_baselines(read)
    results = [_result(selection, data, options) for selection, data in read]
    boards = [result.board for result in results]
    if len(results) == 1 or why_no_overall(boards):
        return results
    baselines = dict.fromkeys(name for selection, _ in read for name in selection.baselines)
    categories = tuple(name for selection, _ in read for name in selection.categories)
    selection = replace(read[0][0], baselines=tuple(baselines), categories=categories)
    return [*results, Result(overall_board(boards), selection)]


def _result(selection: Selection, data: Battles | Grades, options: BoardOptions) -> Result:
    method = replace(method_of(options), stream=", ".join(selection.categories))
    if isinstance(data, Grades):
        return Result(grade_board(data, selection, method), selection)
    style, samples = None, None
    if options.style_file and options.style_file.exists():
        style = saved.load_style(options.style_file, selection.estimator, method)
    if options.bootstrap_file:
        made = saved.bootstrap_settings(selection, method, data, style)
        saved.check_settings(options.bootstrap_file, made)
        samples = saved.load_bootstrap(options.bootstrap_file, data)
    scored = score(data, selection, method, style, samples)
    return Result(make_board(scored, selection, elo=options.elo), selection, scored)


def method_of(options: BoardOptions, *, by_cluster: bool = False) -> Method:
    """Return how scores are made. Intervals of the few questions of a cluster reach to the
    outermost draws, so they need more rounds.
    """
    return Method(
        control=options.control,
        center=options.center,
        rounds=options.rounds or (1000 if by_cluster else 100),
        seed=options.seed,
        resample=options.resample or ("question" if by_cluster else "battle"),
        workers=options.workers,
    )


def check_baselines(read: Sequence[Read]) -> None:
    """Raise InputError where the method v2.0 would have several baselines."""
    for selection, data in read:
        most = selection.estimator.most_baselines
        if most and len(selection.baselines) > most and not isinstance(data, Grades):
            names = ", ".join(selection.baselines)
            raise InputError(
                f"the method {selection.estimator.name} knows one baseline, not {names}. "
                "Use --method bradley-terry to fit the battles of all."
            )


def fallback_note(read: Sequence[Read]) -> str | None:
    """Return in words where other baselines were taken than the config's; None if nowhere."""
    categories = {
        category: None
        for selection, _ in read
        for category, names in selection.fallback_baselines.items()
        if set(names) & set(selection.baselines)
    }
    if not categories:
        return None
    return (
        f"no judgment on questions of {', '.join(categories)} is against its baseline; taken are "
        f"those of --setting-file {V2_JUDGE_CONFIG}"
    )


# Clusters


@dataclass(frozen=True)
class Group:
    """Clusters with the same baselines and method: their data, and their questions by name."""

    selection: Selection
    data: Battles | Grades
    clusters: Mapping[str, frozenset[str]]


def read_clusters(options: BoardOptions, by: str) -> list[Group]:
    """Return the judgments of all questions with their clusters, or categories: `by` is cluster,
    subcategory or category.

    A cluster that nobody was judged on is in none of the groups. Raises InputError where no
    question has a cluster, and for options that do not go with it.
    """
    check_by_cluster(options)
    plan = _plan(options, needed=True)
    clusters_of_bench: dict[str, list[Question]] = {}
    for question in plan.questions:
        name = question.category if by == "category" else question.cluster
        clusters_of_bench.setdefault(name, []).append(question)
    if not any(clusters_of_bench):
        raise InputError(f"{options.bench.questions}: no question has a {by}")
    # One fit needs one set of baselines and one method, so clusters that share both are a group.
    alike: dict[tuple[object, ...], dict[str, list[Question]]] = {}
    for name, members in clusters_of_bench.items():
        baselines = options.baselines or plan.baselines(dict.fromkeys(q.category for q in members))
        method = plan.estimator or estimator_of(members)
        alike.setdefault((baselines, method), {})[name] = members
    groups = []
    for clusters in alike.values():
        parts = dict.fromkeys(name or q.category for name in clusters for q in clusters[name])
        names = tuple(parts) if len(alike) > 1 else ()
        groups.append((plan.of(names, options.baselines), clusters))
    read = read_selections([s for s, _ in groups], plan.questions, pass_over_unjudged=True)
    if any(isinstance(data, Grades) for _, data in read):
        check_graded(options)
    check_baselines(read)
    return [
        Group(
            selection,
            data,
            {n: frozenset(q.id for q in members) for n, members in clusters.items()},
        )
        for selection, data in read
        for of_group, clusters in groups
        if of_group.categories == selection.categories
    ]


def file_of(path: Path, board: Board, *, several: bool) -> Path:
    """Return a file that the user named; of several boards each has its own."""
    name = board.name.replace("/", "-").replace(" ", "_")
    return path.with_name(f"{path.stem}_{name}{path.suffix}") if several else path
