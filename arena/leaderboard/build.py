"""Boards from options: the battles that are read, or were saved, and their scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from arena.base.errors import InputError, warn
from arena.bench.answer_style import FEATURES
from arena.bench.config import V2_JUDGE_CONFIG
from arena.bench.records import Question
from arena.leaderboard import saved
from arena.leaderboard.board import Board, Contest
from arena.leaderboard.options import NOT_BY, NOT_OF_GRADES, SEVERAL, BoardOptions, Method
from arena.leaderboard.overall import overall_board, why_no_overall
from arena.scoring.battles import Battles, Grades, read_selections
from arena.scoring.bradley_terry import Resample
from arena.scoring.cells import Cells, sorted_names
from arena.scoring.estimators import BRADLEY_TERRY, OF_BATTLES
from arena.scoring.selection import Plan, Selection, bench_questions, estimator_of
from arena.scoring.style_features import read_all_styles

Read = tuple[Selection, Battles | Grades]


def build_board(options: BoardOptions) -> Board:
    """Return the board of the options. Raises InputError if they have several."""
    boards = build_boards(options)
    if len(boards) > 1:
        raise InputError(f"{options.bench.folder}: {SEVERAL}")
    return boards[0]


def build_boards(options: BoardOptions) -> list[Board]:
    """Return all boards of the options, the overall one last if several have one."""
    read = read_boards(options)
    check_read(options, read)
    return score_boards(read, options)


def read_boards(options: BoardOptions, questions: Sequence[Question] | None = None) -> list[Read]:
    """Return the battles or grades of each board. `questions`: those of the bench."""
    if questions is None:
        needed = bool(options.categories) or options.missing == "loss"
        questions = bench_questions(options.bench, needed=needed)
    plan = _plan(options, questions)
    chosen = options.categories, options.baselines
    selections = [plan.of(*chosen)] if options.one_board else plan.selections(*chosen)
    if options.battle_file:
        if len(selections) > 1:
            raise InputError(f"--load-battles: {SEVERAL}")
        return [saved.load_battles(options.battle_file, selections[0], plan.questions)]
    return read_selections(selections, plan.questions, pass_over_unjudged=not options.categories)


def _plan(options: BoardOptions, questions: Sequence[Question]) -> Plan:
    selection = Selection(
        bench=options.bench,
        judges=options.judges,
        baselines=(),
        weight=options.weight,
        first_game_only=options.first_game_only,
        half_judged=options.half_judged,
        missing=options.missing,
        mixed=options.mixed,
        anchored=options.anchored,
    )
    name = options.method or (BRADLEY_TERRY.name if options.one_board else "")
    estimator = OF_BATTLES.get(name)
    return Plan(selection, questions, options.config, options.usual_baselines, estimator)


def check_read(options: BoardOptions, read: Sequence[Read]) -> None:
    """Raise InputError for options that do not fit the boards. Warn of fallback baselines."""
    if len(read) > 1:
        options.check(SEVERAL)
    if any(isinstance(data, Grades) for _, data in read):
        options.check(NOT_OF_GRADES)
    note = fallback_note(read)
    if note and options.config:
        warn(f"{options.config.path}: {note}")


def score_boards(read: Sequence[Read], options: BoardOptions) -> list[Board]:
    """Return the board of each selection, and last the overall one if several have one."""
    check_baselines(read)
    method, boards = method_of(options).centered(data for _, data in read), []
    for selection, data in read:
        if isinstance(data, Grades):
            tokens = read_all_styles(selection.bench, data, ()).tokens
            boards.append(Board.of_grades(data, selection, method, tokens))
            continue
        contest, chosen = Contest.of(data, selection, method), options.center is not None
        if options.style_file and options.style_file.exists():
            contest = saved.with_style(options.style_file, contest, chosen=chosen)
        samples = None
        if path := options.bootstrap_file:
            contest, samples = saved.load_bootstrap(path, contest, options.resample, chosen=chosen)
        boards.append(contest.score(samples).board(elo=options.elo))
    single = len(boards) == 1 or why_no_overall(boards)
    return boards if single else [*boards, overall_board(boards)]


def among(battles: Battles, models: Collection[str], why: str = "") -> Battles:
    """Return the battles of models against each other and against the baseline, all if there are
    none. `why`: the reason that the counts give for the others.
    """
    cells = battles.cells
    kept = np.array([name in models or name == battles.baseline for name in battles.models])
    used = kept[cells.a] & kept[cells.b]
    if used.all() or not used.any():
        return battles
    index = {model: i for i, model in enumerate(battles.models)}
    keep = [battles.baseline] if battles.baseline else []
    names, (a, b) = sorted_names(index, [cells.a[used], cells.b[used]], keep)
    judge = None if cells.judge is None else cells.judge[used]
    others = dict.fromkeys((name for name in battles.models if name not in names), why)
    counts = replace(
        battles.counts,
        models_left_out={**battles.counts.models_left_out, **others},
        judged={name: n for name, n in battles.counts.judged.items() if name in names},
    )
    cells = Cells(len(names), a, b, cells.question[used], cells.counts[:, used], judge=judge)
    return replace(battles, models=names, cells=cells, counts=counts)


def with_known_style(selection: Selection, data: Battles | Grades, control: Sequence[str]) -> Read:
    """Return battles without the models whose answers are not all counted, so that the others have
    a board under style control.
    """
    if isinstance(data, Grades):
        return selection, data
    attributes = tuple(name for feature in control for name in FEATURES[feature])
    values = read_all_styles(selection.bench, data, attributes).values
    assert values is not None
    unknown, counted = np.isnan(values).any(axis=2), np.ones(len(data.models), dtype=bool)
    for side in (data.cells.a, data.cells.b):
        counted[side[unknown[side, data.cells.question]]] = False
    models = list(compress(data.models, counted))
    return selection, among(data, models, "style of answers not counted")


def method_of(options: BoardOptions) -> Method:
    """Return the settings of scores. The judgments decide on the style centre if no option does."""
    published = options.as_published
    resample: Resample = options.resample or ("battle" if published else "question")
    return Method(
        control=options.control,
        center=None if options.center is None else options.center == "mean",
        rounds=options.rounds or (100 if published else 1000),
        seed=options.seed,
        resample=resample,
        workers=options.workers,
        as_published=published,
        judge_effects=options.judge_effects,
    )


def check_baselines(read: Sequence[Read]) -> None:
    """Raise InputError if the method v2.0 would have several baselines."""
    for selection, _ in read:
        most = selection.estimator.most_baselines
        mean = selection.anchored == "mean"
        if most and (mean or len(selection.baselines) > most):
            one = f"the method {selection.estimator.name} knows one baseline"
            other = "the mean of the models" if mean else ", ".join(selection.baselines)
            advice = "Use --method bradley-terry to fit the battles of all."
            raise InputError(f"{one}, not {other}. {advice}")


def fallback_note(read: Sequence[Read]) -> str | None:
    """Return a sentence on the categories whose baselines are not the config's, None if none."""
    categories = dict.fromkeys(
        category
        for selection, _ in read
        for category, names in selection.fallback_baselines.items()
        if set(names) & set(selection.baselines)
    )
    note = f"no judgment on questions of {', '.join(categories)} is against its baseline."
    return f"{note} Using those of --setting-file {V2_JUDGE_CONFIG}" if categories else None


# Clusters


@dataclass(frozen=True)
class Group:
    """Clusters with the same baselines and method: their data, and their questions by name."""

    selection: Selection
    data: Battles | Grades
    clusters: Mapping[str, frozenset[str]]


def read_clusters(options: BoardOptions, by: str) -> list[Group]:
    """Return the judgments of all questions by cluster, subcategory or category, without those that
    have no judgment. Raises InputError if no question has one, and for options of boards.
    """
    options.check(NOT_BY)
    plan = _plan(options, bench_questions(options.bench, needed=True))
    clusters: dict[str, list[Question]] = {}
    for question in plan.questions:
        name = question.category if by == "category" else question.cluster
        clusters.setdefault(name, []).append(question)
    if not any(clusters):
        raise InputError(f"{options.bench.questions}: no question has a {by}")
    # One fit needs one set of baselines and one method, so clusters that share both are a group.
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, members in clusters.items():
        baselines = options.baselines or plan.baselines(dict.fromkeys(q.category for q in members))
        groups.setdefault((baselines, plan.estimator or estimator_of(members)), []).append(name)
    names_of: dict[tuple[str, ...], list[str]] = {}
    for names in groups.values():
        parts = dict.fromkeys(name or q.category for name in names for q in clusters[name])
        names_of[tuple(parts) if len(groups) > 1 else ()] = names
    selections = [plan.of(parts, options.baselines) for parts in names_of]
    read = read_selections(selections, plan.questions, pass_over_unjudged=True)
    if any(isinstance(data, Grades) for _, data in read):
        options.check(NOT_OF_GRADES)
    check_baselines(read)
    ids = {name: frozenset(q.id for q in members) for name, members in clusters.items()}
    return [
        Group(selection, data, {name: ids[name] for name in names_of[selection.categories]})
        for selection, data in read
    ]
