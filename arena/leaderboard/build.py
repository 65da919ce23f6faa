"""From the flags of a command line to boards: what is read, or was saved, how it is scored."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arena.base.errors import InputError, warn
from arena.base.flags import CONTROLS
from arena.bench.config import V2_JUDGE_CONFIG, read_judge_config
from arena.bench.paths import Bench
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
from arena.scoring.battles import Battles, Grades, read_selections
from arena.scoring.selection import Plan, Selection, bench_questions
from arena.scoring.solver import FixedStyle

# What is counted


def _plan(args: argparse.Namespace, *, needed: bool) -> Plan:
    config = None
    if not (args.bench_name and args.judge_name and args.baseline):
        config = read_judge_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or (config.bench_name if config else ""))
    judges = args.judge_name or ([config.judge_model] if config else [])
    selection = Selection(
        bench=bench,
        judges=tuple(dict.fromkeys(judges)),
        baselines=(),
        weight=args.weight,
        first_game_only=args.first_game_only,
        missing=args.missing,
        mixed=args.mixed,
    )
    questions = bench_questions(bench, needed=needed or args.missing == "loss")
    method = args.method or ("bradley-terry" if args.one_board else None)
    return Plan(selection, questions, None if args.baseline else config, method=method)


def _read(args: argparse.Namespace) -> list[Read]:
    """Return the battles or grades of each board, or the battles that were saved."""
    plan = _plan(args, needed=bool(args.category))
    baselines, named = tuple(args.baseline or ()), tuple(dict.fromkeys(args.category))
    one = args.one_board
    selections = [plan.of(named, baselines)] if one else plan.selections(named, baselines)
    if args.load_battles:
        read = [_loaded_battles(args, selections, plan.questions)]
    else:
        read = read_selections(selections, plan.questions, pass_over_unjudged=not named)
    note = fallback_note(read)
    if note:
        warn(f"{args.setting_file}: {note}")
    return read


SEVERAL = "there are several boards; name one --category, or make --one-board"


def _loaded_battles(
    args: argparse.Namespace, selections: Sequence[Selection], questions: Sequence[Question]
) -> Read:
    if len(selections) > 1:
        raise InputError(f"--load-battles: {SEVERAL}")
    selection = selections[0]
    path = saved_file(args.load_battles, args.data_dir)
    saved.check_settings(path, selection.settings())
    told = replace(
        selection,
        weight=Selection.weight,
        first_game_only=False,
        missing="ignore",
        mixed="refuse",
        method="bradley-terry",
    )
    if not saved.settings_file(path).exists() and selection != told:
        raise InputError(
            f"{path}: does not tell its settings; --weight, --first-game-only, --missing, "
            "--mixed and --method v2.0 need the judgments"
        )
    return saved.load_battles(path, selection, questions)


@dataclass(frozen=True)
class Group:
    """Clusters with the same baselines and method: what was read, and their questions by name."""

    selection: Selection
    found: Battles | Grades
    clusters: Mapping[str, frozenset[str]]


def read_clusters(args: argparse.Namespace) -> list[Group]:
    """Return the judgments of all questions with the clusters that `--by` asks for.

    A cluster that nobody was judged on is in none of the groups. Raises InputError where no
    question has a cluster, and for flags that do not go with it.
    """
    refuse(args, ("category",), "does not go with --by; without --by it prints a board of each")
    refuse(args, NOT_BY_CLUSTER, "does not go with --by")
    plan = _plan(args, needed=True)
    alike: dict[tuple[object, ...], dict[str, list[Question]]] = {}
    named = tuple(args.baseline or ())
    for name, members in _by_cluster(plan.questions, args.by).items():
        baselines = named or plan.baselines(dict.fromkeys(q.category for q in members))
        method = plan.method or any(question.format == "v2.0" for question in members)
        alike.setdefault((baselines, method), {})[name] = members
    if len(alike) == 0:
        bench = plan.selection.bench
        raise InputError(f"{bench.questions}: no question has a {args.by}")
    groups = []
    for clusters in alike.values():
        parts = dict.fromkeys(name or q.category for name in clusters for q in clusters[name])
        names = tuple(parts) if len(alike) > 1 else ()
        groups.append((plan.of(names, named), clusters))
    read = read_selections([s for s, _ in groups], plan.questions, pass_over_unjudged=True)
    _check_flags(args, read, several=False)
    check_baselines(read)
    return [
        Group(
            selection,
            found,
            {n: frozenset(q.id for q in members) for n, members in clusters.items()},
        )
        for selection, found in read
        for of_group, clusters in groups
        if of_group.categories == selection.categories
    ]


def _by_cluster(questions: Sequence[Question], by: str) -> dict[str, list[Question]]:
    """Return the questions of each category or cluster; none if no question has one."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        name = question.category if by == "category" else question.cluster
        found.setdefault(name, []).append(question)
    return found if any(found) else {}


NOT_BY_CLUSTER = (
    *("load_battles", "load_bootstrap", "save_battles", "style_coefficients", "show_elo"),
    *("full_stats", "compare", "one_board"),
)


# How scores are made


def method_of(args: argparse.Namespace) -> Method:
    """Return how scores are made; InputError where flags for style go without style control."""
    chosen = [features for name, features in CONTROLS.items() if getattr(args, name)]
    control = tuple(sorted(set(args.control_features or []))) or (chosen[0] if chosen else ())
    if not control and (args.style_coefficients or args.style_center != "mean"):
        raise InputError("--style-coefficients and --style-center need --style-control")
    return Method(
        control=control,
        center=args.style_center == "mean",
        rounds=args.num_rounds or (1000 if args.by else 100),
        seed=args.seed,
        resample=args.resample or ("question" if args.by else "battle"),
        workers=args.workers,
    )


def _check_flags(args: argparse.Namespace, read: Sequence[Read], *, several: bool) -> None:
    """Raise InputError for a flag that does not go with several boards, or with their kind."""
    if several:
        of_one = ("load_bootstrap", "save_battles", "style_coefficients", "show_elo")
        refuse(args, of_one, SEVERAL)
    for _, found in read:
        if isinstance(found, Grades):
            refuse(args, NOT_OF_GRADES, "has no meaning for grades of single answers")
        elif args.full_stats and found.outcomes is None:
            raise InputError(
                "--full-stats: a battle file does not hold the games; use the judgments"
            )


NOT_OF_GRADES = (
    *(*CONTROLS, "control_features", "method", "resample=battle", "weight", "first_game_only"),
    *("missing=loss", "load_bootstrap", "save_battles", "show_elo", "full_stats", "compare"),
)


def refuse(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Raise InputError where one of these flags is given (`name`, or `name=value`)."""
    for name, _, value in (name.partition("=") for name in names):
        given = getattr(args, name)
        default = 3 if name == "weight" else None
        if (given == value) if value else (given and given != default):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag}{f' {value}' if value else ''}: {why}")


def results_of(args: argparse.Namespace) -> list[Result]:
    """Return all boards that the flags of `result_flags` ask for, the overall one last if several
    have one.
    """
    method = method_of(args)
    read = _read(args)
    _check_flags(args, read, several=len(read) > 1)
    return results(read, method, functools.partial(_score, args), elo=args.show_elo)


def _score(
    args: argparse.Namespace, battles: Battles, selection: Selection, method: Method
) -> Scored:
    """Fit and resample the battles, or take the samples of an earlier run."""
    style, samples, file = None, None, args.style_coefficients
    if file and file.exists():
        style = saved.load_style(file, method)
    if args.load_bootstrap:
        path = saved_file(args.load_bootstrap, args.data_dir)
        saved.check_settings(path, bootstrap_settings(selection, method, battles, style))
        samples = saved.load_bootstrap(path, battles)
    return score(battles, selection.bench, method, style, samples)


def saved_file(path: Path, data_dir: Path) -> Path:
    """Return the path as given, or the data folder's file where only the flag was given."""
    return data_dir / path if path in _DEFAULT_FILES and not path.exists() else path


_DEFAULT_FILES = (Path("arena_hard_battles.jsonl"), Path("bootstrapping_results.jsonl"))


def bootstrap_settings(
    selection: Selection, method: Method, battles: Battles, style: FixedStyle | None
) -> dict[str, object]:
    """Return what saved bootstrap results must agree in: settings, and the battles themselves."""
    fixed = None if style is None else style.coefficients.tolist()
    made = selection.settings() | method.settings()
    return made | {"style": fixed, "battles": battles.fingerprint}


def file_of(path: Path, board: Board, *, several: bool) -> Path:
    """Return a file that the user named; of several boards each has its own."""
    name = board.name.replace("/", "-").replace(" ", "_")
    return path.with_name(f"{path.stem}_{name}{path.suffix}") if several else path


Read = tuple[Selection, Battles | Grades]


Score = Callable[[Battles, Selection, Method], Scored]


@dataclass(frozen=True)
class Result:
    """A board, and the fit that it comes from: None for grades and the overall board."""

    board: Board
    selection: Selection
    scored: Scored | None = None


def _fitted(battles: Battles, selection: Selection, method: Method) -> Scored:
    return score(battles, selection.bench, method)


def results(
    read: Sequence[Read], method: Method, fit: Score = _fitted, *, elo: bool = False
) -> list[Result]:
    """Return the board of each selection, and last the overall one if several have one.

    `method` tells all but the name of the method, which is the selection's.
    """
    check_baselines(read)
    made = [_result(selection, found, method, fit, elo) for selection, found in read]
    boards = [result.board for result in made]
    if len(made) == 1 or why_no_overall(boards):
        return made
    baselines = dict.fromkeys(name for selection, _ in read for name in selection.baselines)
    categories = tuple(name for selection, _ in read for name in selection.categories)
    selection = replace(read[0][0], baselines=tuple(baselines), categories=categories)
    return [*made, Result(overall_board(boards), selection)]


def check_baselines(read: Sequence[Read]) -> None:
    """Raise InputError where the method v2.0 would have several baselines."""
    for selection, found in read:
        several = selection.method == "v2.0" and len(selection.baselines) > 1
        if several and not isinstance(found, Grades):
            raise InputError(
                f"the method v2.0 knows one baseline, not {', '.join(selection.baselines)}; "
                "--method bradley-terry fits the battles of all"
            )


def _result(
    selection: Selection, found: Battles | Grades, method: Method, fit: Score, elo: bool
) -> Result:
    method = replace(method, stream=", ".join(selection.categories))
    if isinstance(found, Grades):
        method = replace(method, name="grade", resample="question", control=())
        return Result(grade_board(found, selection, method), selection)
    method = replace(method, name=selection.method)
    scored = fit(found, selection, method)
    return Result(make_board(scored, selection, method, elo=elo), selection, scored)


def fallback_note(read: Sequence[Read]) -> str | None:
    """Return in words where other baselines were taken than the config's; None if nowhere."""
    taken = {
        category: None
        for selection, _ in read
        for category, names in selection.fallback.items()
        if set(names) & set(selection.baselines)
    }
    if not taken:
        return None
    return (
        f"no judgment on questions of {', '.join(taken)} is against its baseline; taken are those "
        f"of --setting-file {V2_JUDGE_CONFIG}"
    )
