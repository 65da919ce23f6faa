"""From the flags of a command line to boards: what is read, how it is scored."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import saved
from battles import (
    Battles,
    Selection,
    bench_questions,
    read_selections,
    wanted_questions,
)
from benches import Bench
from bradley_terry import FixedStyle
from console import InputError, warn
from grades import Grades
from leaderboard import (
    Board,
    Method,
    Scored,
    grade_board,
    make_board,
    overall_board,
    score,
    why_no_overall,
)
from records import Question
from result_flags import CONTROLS
from settings import V2_JUDGE_CONFIG, JudgeConfig, read_judge_config


@dataclass(frozen=True)
class Result:
    """A board, and the fit that it comes from: None for grades and the overall board."""

    board: Board
    selection: Selection
    scored: Scored | None = None


_Read = tuple[Selection, Battles | Grades]


# What is counted


@dataclass(frozen=True)
class _Asked:
    """What the flags ask for: of a selection all that is the same for each category."""

    selection: Selection
    questions: list[Question]
    config: JudgeConfig | None
    method: str | None

    def of(self, names: tuple[str, ...], baselines: tuple[str, ...]) -> Selection:
        """Return the selection of some categories or clusters; `baselines` overrule the config."""
        selection = replace(self.selection, categories=names)
        ids = wanted_questions(selection, self.questions)
        chosen = [q for q in self.questions if ids is None or q.id in ids]
        categories = dict.fromkeys(question.category for question in chosen)
        modern = any(question.generation == 2 for question in chosen)
        found = tuple(dict.fromkeys(baselines or self.baselines(categories)))
        first = {name: found[:1] if baselines else self.baselines([name]) for name in categories}
        return replace(
            selection,
            baselines=found,
            fallback={} if baselines else self.fallback(chosen, found),
            unnamed={c: names[0] for c, names in first.items() if names[:1] not in ((), found[:1])},
            method=self.method or ("v2.0" if modern else "bradley-terry"),
        )

    def baselines(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the config's baselines of some categories; grades need none."""
        with contextlib.suppress(InputError):
            return self.config.baselines_of(list(categories) or [""]) if self.config else ()
        return ()

    def fallback(
        self, questions: Sequence[Question], found: tuple[str, ...]
    ) -> dict[str, tuple[str, ...]]:
        """Return the baselines of Arena-Hard v2.0 by category, of those categories of generation 2
        that the config does not name; `found` are its own baselines.
        """
        modern = dict.fromkeys(q.category for q in questions if q.generation == 2)
        if self.config is None or set(modern) <= self.config.categories.keys():
            return {}
        rules = read_judge_config(V2_JUDGE_CONFIG).categories
        return {
            name: rules[name].baselines
            for name in modern
            if name in rules and name not in self.config.categories
            if not set(rules[name].baselines) & set(found)
        }

    def categories(self) -> list[str]:
        """Return the categories that have a board of their own where none is named.

        All have where a question is of generation 2, or the config's baselines differ.
        """
        names = list(dict.fromkeys(question.category for question in self.questions))
        modern = any(question.generation == 2 for question in self.questions)
        differ = len({self.baselines([name]) for name in names}) > 1
        return names if any(names) and (modern or differ) else []


def _asked(args: argparse.Namespace, *, needed: bool) -> _Asked:
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
    return _Asked(selection, questions, None if args.baseline else config, method)


def _read(args: argparse.Namespace) -> list[_Read]:
    """Return the battles or grades of each board, or the battles that were saved."""
    asked = _asked(args, needed=bool(args.category))
    named = tuple(dict.fromkeys(args.category))
    boards = [named] if args.one_board else [(name,) for name in named or asked.categories()]
    selections = [asked.of(names, tuple(args.baseline or ())) for names in boards or [()]]
    if not args.load_battles:
        read = read_selections(selections, asked.questions, pass_over_unjudged=not args.category)
    elif len(selections) > 1:
        raise InputError(f"--load-battles: {SEVERAL}")
    else:
        read = [_loaded_battles(args, selections[0], asked.questions)]
    _tell_fallback(args, [selection for selection, _ in read])
    return read


def _tell_fallback(args: argparse.Namespace, selections: Sequence[Selection]) -> None:
    """Warn where other baselines were taken than the config's."""
    taken = {
        category: None
        for selection in selections
        for category, names in selection.fallback.items()
        if set(names) & set(selection.baselines)
    }
    if taken:
        warn(
            f"{args.setting_file}: no judgment on questions of {', '.join(taken)} is against its "
            f"baseline; taken are those of --setting-file {V2_JUDGE_CONFIG}"
        )


SEVERAL = "there are several boards; name one --category, or make --one-board"


def _loaded_battles(
    args: argparse.Namespace, selection: Selection, questions: Sequence[Question]
) -> _Read:
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
    asked = _asked(args, needed=True)
    alike: dict[tuple[object, ...], dict[str, list[Question]]] = {}
    named = tuple(args.baseline or ())
    for name, members in _by_cluster(asked.questions, args.by).items():
        baselines = named or asked.baselines(dict.fromkeys(q.category for q in members))
        method = asked.method or any(question.generation == 2 for question in members)
        alike.setdefault((baselines, method), {})[name] = members
    if len(alike) == 0:
        bench = asked.selection.bench
        raise InputError(f"{bench.questions}: no question has a {args.by}")
    groups = []
    for clusters in alike.values():
        parts = dict.fromkeys(name or q.category for name in clusters for q in clusters[name])
        names = tuple(parts) if len(alike) > 1 else ()
        groups.append((asked.of(names, named), clusters))
    read = read_selections([s for s, _ in groups], asked.questions, pass_over_unjudged=True)
    _check_flags(args, read, several=False)
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


def _check_flags(args: argparse.Namespace, read: Sequence[_Read], *, several: bool) -> None:
    """Raise InputError for a flag that does not go with several boards, or with their kind."""
    if several:
        of_one = ("load_bootstrap", "save_battles", "style_coefficients", "show_elo")
        refuse(args, of_one, SEVERAL)
    for selection, found in read:
        if isinstance(found, Grades):
            refuse(args, NOT_OF_GRADES, "has no meaning for grades of single answers")
        elif args.full_stats and found.outcomes is None:
            raise InputError(
                "--full-stats: a battle file does not hold the games; use the judgments"
            )
        elif selection.method == "v2.0" and len(selection.baselines) > 1:
            raise InputError(
                f"the method v2.0 knows one baseline, not {', '.join(selection.baselines)}; "
                "--method bradley-terry fits the battles of all"
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
    results = [_result(args, selection, found, method) for selection, found in read]
    boards = [result.board for result in results]
    if len(results) == 1 or why_no_overall(boards):
        return results
    baselines = dict.fromkeys(name for selection, _ in read for name in selection.baselines)
    categories = tuple(name for selection, _ in read for name in selection.categories)
    selection = replace(read[0][0], baselines=tuple(baselines), categories=categories)
    return [*results, Result(overall_board(boards), selection)]


def _result(
    args: argparse.Namespace, selection: Selection, found: Battles | Grades, method: Method
) -> Result:
    method = replace(method, stream=", ".join(selection.categories))
    if isinstance(found, Grades):
        method = replace(method, name="grade", resample="question")
        return Result(grade_board(found, selection, method), selection)
    method = replace(method, name=selection.method)
    scored = _score(args, selection, method, found)
    return Result(make_board(scored, selection, method, elo=args.show_elo), selection, scored)


def _score(
    args: argparse.Namespace, selection: Selection, method: Method, battles: Battles
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
