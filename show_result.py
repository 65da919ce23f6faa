"""Prints the leaderboard of a bench: win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --style-control --num-rounds 1000 --resample question
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Without flags bench, judge and baseline are those of config/judge_config.yaml. Where the judge
graded single answers, the board shows their mean grades.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from records import Bench, Question  # noqa: E402
from result_flags import CONTROLS, MANY_BATTLES, parse  # noqa: E402
from settings import (  # noqa: E402
    InputError,
    JudgeConfig,
    OutputError,
    read_judge_config,
    script,
    warn,
)

if TYPE_CHECKING:
    from battles import Battles, Selection
    from bradley_terry import FixedStyle
    from grades import Grades
    from leaderboard import Board, Method, Scored


@dataclass(frozen=True)
class Result:
    """A board, and the fit that it comes from: None for grades and the overall board."""

    board: Board
    selection: Selection
    scored: Scored | None = None


# What is counted


def _selections(args: argparse.Namespace) -> tuple[list[Selection], list[Question]]:
    """Return what makes each board, one or one a category, and the questions of the bench."""
    from battles import Selection, bench_questions

    config = None
    if not (args.bench_name and args.judge_name and args.baseline):
        config = read_judge_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or (config.bench_name if config else ""))
    judges = args.judge_name or ([config.judge_model] if config else [])
    needed = bool(args.category) or args.missing == "loss"
    questions = bench_questions(bench, needed=needed)
    modern = bool(questions) and all(question.generation == 2 for question in questions)
    return [
        Selection(
            bench=bench,
            judges=tuple(dict.fromkeys(judges)),
            baselines=tuple(dict.fromkeys(args.baseline or _baselines(config, questions, names))),
            weight=args.weight,
            first_game_only=args.first_game_only,
            categories=names,
            missing=args.missing,
            mixed=args.mixed,
            method=args.method or ("v2.0" if modern else "bradley-terry"),
        )
        for names in _categories(args.category, questions if modern else [])
    ], questions


def _categories(named: Sequence[str], modern: Sequence[Question]) -> list[tuple[str, ...]]:
    """Return the categories of each board; `modern` are the questions of generation 2."""
    names = dict.fromkeys(named or (question.category for question in modern))
    return [(name,) for name in names] if any(names) else [()]


def _baselines(
    config: JudgeConfig | None, questions: Sequence[Question], names: Sequence[str]
) -> tuple[str, ...]:
    """Return the config's baselines for questions of these categories or clusters; grades need
    none.
    """
    categories = dict.fromkeys(
        q.category for q in questions if not names or {q.category, q.cluster} & set(names)
    )
    with contextlib.suppress(InputError):
        return config.baselines_of(categories or [""]) if config else ()
    return ()


def _read(
    args: argparse.Namespace,
) -> list[tuple[Selection, Battles | Grades]]:
    """Return the battles or grades of each board, or the battles that were saved."""
    from battles import read_selections

    selections, questions = _selections(args)
    if not args.load_battles:
        return read_selections(selections, questions, pass_over_unjudged=not args.category)
    if len(selections) > 1:
        raise InputError("--load-battles: there are several boards; name one --category")
    return [(selections[0], _loaded_battles(args, selections[0], questions))]


def _loaded_battles(
    args: argparse.Namespace, selection: Selection, questions: Sequence[Question]
) -> Battles:
    from battles import Selection
    from saved import check_settings, load_battles, settings_file

    path = _saved_file(args.load_battles, args.data_dir)
    check_settings(path, selection.settings())
    told = replace(
        selection,
        weight=Selection.weight,
        first_game_only=False,
        missing="ignore",
        mixed="refuse",
        method="bradley-terry",
    )
    if not settings_file(path).exists() and selection != told:
        raise InputError(
            f"{path}: does not tell its settings; --weight, --first-game-only, --missing, "
            "--mixed and --method v2.0 need the judgments"
        )
    return load_battles(path, selection, questions)


# How scores are made


def _method(args: argparse.Namespace) -> Method:
    from leaderboard import Method

    chosen = [features for name, features in CONTROLS.items() if getattr(args, name)]
    control = tuple(sorted(set(args.control_features or []))) or (chosen[0] if chosen else ())
    if not control and (args.style_coefficients or args.style_center != "mean"):
        raise InputError("--style-coefficients and --style-center need --style-control")
    return Method(
        control=control,
        center=args.style_center == "mean",
        rounds=args.num_rounds,
        seed=args.seed,
        resample=args.resample or "battle",
        workers=args.workers,
    )


def _check_flags(
    args: argparse.Namespace, read: Sequence[tuple[Selection, Battles | Grades]]
) -> None:
    """Raise InputError for a flag that does not go with several boards, or with their kind."""
    from grades import Grades

    if len(read) > 1:
        of_one = ("load_bootstrap", "save_battles", "style_coefficients", "show_elo")
        _refuse(args, of_one, "there are several boards; name one --category")
    for selection, found in read:
        if isinstance(found, Grades):
            _refuse(args, NOT_OF_GRADES, "has no meaning for grades of single answers")
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


def _refuse(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    for name, _, value in (name.partition("=") for name in names):
        given = getattr(args, name)
        default = 3 if name == "weight" else None
        if (given == value) if value else (given and given != default):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag}{f' {value}' if value else ''}: {why}")


def _results(
    args: argparse.Namespace, read: Sequence[tuple[Selection, Battles | Grades]], method: Method
) -> list[Result]:
    """Return all boards, the overall one last if there are several."""
    from leaderboard import overall_board

    results = [_result(args, selection, found, method) for selection, found in read]
    if len(results) == 1:
        if results[0].scored:
            _save(args, results[0].selection, results[0].scored)
        return results
    baselines = dict.fromkeys(name for selection, _ in read for name in selection.baselines)
    categories = tuple(name for selection, _ in read for name in selection.categories)
    selection = replace(read[0][0], baselines=tuple(baselines), categories=categories)
    overall = overall_board([result.board for result in results])
    return [*results, Result(overall, selection)]


def _result(
    args: argparse.Namespace, selection: Selection, found: Battles | Grades, method: Method
) -> Result:
    from grades import Grades
    from leaderboard import grade_board, make_board

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
    import saved
    from leaderboard import score

    style, samples, file = None, None, args.style_coefficients
    if file and file.exists():
        style = saved.load_style(file, method)
    if args.load_bootstrap:
        path = _saved_file(args.load_bootstrap, args.data_dir)
        saved.check_settings(path, _bootstrap_settings(selection, method, battles, style))
        samples = saved.load_bootstrap(path, battles)
    return score(battles, selection.bench, method, style, samples)


# What is written


def _save(args: argparse.Namespace, selection: Selection, scored: Scored) -> None:
    """Save battles and bootstrap for a later run, as far as they were not loaded."""
    import saved

    few = scored.battles.counts.battles <= MANY_BATTLES
    if not args.load_battles and (few or args.save_battles):
        with _kept_if_possible():
            path = args.data_dir / "arena_hard_battles.jsonl"
            saved.save_battles(scored.battles, path)
            saved.save_settings(path, selection.settings())
    if not args.load_bootstrap:
        with _kept_if_possible():
            path = args.data_dir / "bootstrapping_results.jsonl"
            saved.save_bootstrap(scored, path)
            made = _bootstrap_settings(selection, scored.method, scored.battles, scored.style)
            saved.save_settings(path, made)


@contextlib.contextmanager
def _kept_if_possible() -> Iterator[None]:
    """Warn where a result cannot be saved for a later run: the board is printed all the same."""
    try:
        yield
    except OutputError as error:
        warn(f"{error}; nothing is saved for --load-battles or --load-bootstrap")


def _saved_file(path: Path, data_dir: Path) -> Path:
    """Return the path as given, or the data folder's file where only the flag was given."""
    return data_dir / path if path in _DEFAULT_FILES and not path.exists() else path


_DEFAULT_FILES = (Path("arena_hard_battles.jsonl"), Path("bootstrapping_results.jsonl"))


def _bootstrap_settings(
    selection: Selection, method: Method, battles: Battles, style: FixedStyle | None
) -> dict[str, object]:
    """Return what saved bootstrap results must agree in: settings, and the battles themselves."""
    fixed = None if style is None else style.coefficients.tolist()
    made = selection.settings() | method.settings()
    return made | {"style": fixed, "battles": battles.fingerprint}


def _lines(args: argparse.Namespace, result: Result, *, headed: bool) -> Iterator[str]:
    """Yield what is printed of a board."""
    import report
    from leaderboard import compare

    board, scored = result.board, result.scored
    if headed:
        yield report.heading(board)
    yield from report.board_lines(board) if board.rows else ["no model is on every board"]
    if args.full_stats and scored:
        yield ""
        yield from report.stats_lines(board)
    if args.compare and scored:
        yield ""
        yield from report.comparison_lines(compare(scored, *args.compare))
    yield ""
    yield from report.summary_lines(board)
    if scored and scored.style is not None:
        yield f"style coefficients fixed by {args.style_coefficients}"


def _write_files(args: argparse.Namespace, result: Result, *, several: bool) -> Iterator[Path]:
    """Write the files asked for, and yield the path of each when it is there."""
    import report
    from jsonl import write_lines
    from saved import save_style

    board, selection, scored = result.board, result.selection, result.scored
    fixed = scored is not None and scored.style is not None
    today, folder = datetime.date.today(), Path("leaderboard")
    stem = report.file_stem(board, selection, fixed_style=fixed)
    csv_file = folder / f"arena_hard_leaderboard_{today:%Y%m%d}_{stem}.csv"
    wanted: list[tuple[Path | None, Callable[[], str]]] = [
        (Path() if args.output else None, lambda: report.board_csv(board, today)),
        (args.json, lambda: report.board_json(board, selection)),
        (args.markdown, lambda: report.board_markdown(board)),
        (args.html, lambda: report.board_html(board)),
    ]
    usual = (csv_file, *(folder / f"{stem}.{suffix}" for suffix in ("json", "md", "html")))
    for default, (path, text) in zip(usual, wanted, strict=True):
        if path is not None:
            path = default if path == Path() else _of_board(path, board, several)
            write_lines(path, [text().encode("utf-8", "surrogatepass")])
            yield path
    if args.plot:
        path = _of_board(args.plot, board, several)
        report.save_plot(board, path)
        yield path
    if args.style_coefficients and scored and not fixed:
        save_style(scored, board.method, args.style_coefficients)
        yield args.style_coefficients


def _of_board(path: Path, board: Board, several: bool) -> Path:
    """Return a file that the user named; of several boards each has its own."""
    name = board.name.replace("/", "-").replace(" ", "_")
    return path.with_name(f"{path.stem}_{name}{path.suffix}") if several else path


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard; see the flags."""
    args = parse(argv, __doc__)
    import report

    if args.plot:
        report.check_plot(args.plot)
    method = _method(args)
    read = _read(args)
    _check_flags(args, read)
    results = _results(args, read, method)
    several = len(results) > 1
    blocks = ["\n".join(_lines(args, result, headed=several)) for result in results]
    print("\n\n".join(blocks))
    for result in results:
        if result.board.rows:
            for path in _write_files(args, result, several=several):
                print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
