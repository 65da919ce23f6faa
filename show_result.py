"""Prints the leaderboard of a bench: Bradley-Terry win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --style-control --num-rounds 1000 --resample question
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Without flags bench, judge and baseline are those of config/judge_config.yaml.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from records import Bench  # noqa: E402
from settings import InputError, OutputError, positive, read_judge_config, script, warn  # noqa: E402

if TYPE_CHECKING:
    from battles import Battles, Selection
    from bradley_terry import FixedStyle
    from leaderboard import Board, Method, Scored

MANY_BATTLES = 1_000_000
CONTROLS = {
    "style_control": ("length", "markdown"),
    "length_control_only": ("length",),
    "markdown_control_only": ("markdown",),
}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_selection_flags(parser.add_argument_group("what is counted").add_argument)
    _add_method_flags(parser)
    _add_output_flags(parser.add_argument_group("what comes out").add_argument)
    return parser.parse_args(argv)


def _add_selection_flags(add: Callable[..., object]) -> None:
    add(
        "--setting-file",
        "--config-file",
        type=Path,
        default=Path("config/judge_config.yaml"),
        help="YAML file that names bench, judge and baseline (default: %(default)s)",
    )
    add("--data-dir", type=Path, default=Path("data"), help="data folder (default: %(default)s)")
    add("--bench-name", "--benchmark", "-b", help="bench (default: the setting file's)")
    add(
        "--judge-name",
        "--judge-names",
        "-j",
        nargs="+",
        metavar="JUDGE",
        help="judge; the battles of several are pooled (default: the setting file's)",
    )
    add(
        "--baseline",
        action="append",
        help="baseline model; repeatable, the first has score 50 (default: the setting file's)",
    )
    add(
        "--category",
        "-c",
        nargs="+",
        default=[],
        help="only questions of these categories or clusters (default: all)",
    )
    add(
        "--weight", type=positive, default=3, help="battles that `>>` counts (default: %(default)s)"
    )
    add(
        "--first-game-only",
        action="store_true",
        help="leave out the games with swapped places (default: False)",
    )
    add(
        "--missing",
        choices=("ignore", "loss"),
        default="ignore",
        help="what a question without a judgment of a model counts (default: %(default)s)",
    )
    add(
        "--mixed",
        choices=("leave-out", "count"),
        default="refuse",
        help="what to do with judgments of another judge or baseline in a judge's folder; `count` "
        "accepts differing judge settings too (default: stop and name the files)",
    )
    add(
        "--load-battles",
        nargs="?",
        type=Path,
        const=Path("arena_hard_battles.jsonl"),
        metavar="FILE",
        help="read saved battles in place of judgments (default: no; without FILE, those that the "
        "last run saved in the data folder)",
    )


def _add_method_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how scores are made")
    add = group.add_argument
    control = group.add_mutually_exclusive_group()
    for name, features in CONTROLS.items():
        control.add_argument(
            f"--{name.replace('_', '-')}",
            action="store_true",
            help=f"control for {' and '.join(features)} of the answers (default: False)",
        )
    control.add_argument(
        "--control-features",
        "-f",
        nargs="+",
        choices=("length", "markdown"),
        help="control for these features of the answers (default: none)",
    )
    add(
        "--style-center",
        choices=("mean", "none"),
        default="mean",
        help="what style features are measured from: their mean over all battles, as published "
        "boards do, or equal style (default: %(default)s)",
    )
    add(
        "--style-coefficients",
        type=Path,
        metavar="FILE",
        help="use the style coefficients of this JSON file; if it is not there, write those of "
        "this fit to it (default: fit them anew)",
    )
    add("--num-rounds", type=positive, default=100, help="bootstrap rounds (default: %(default)s)")
    add("--seed", type=seed, default=42, help="seed of all that is drawn (default: %(default)s)")
    add(
        "--resample",
        choices=("battle", "question"),
        default="battle",
        help="what the bootstrap draws; the battles of a question are not independent, so only "
        "`question` gives honest intervals (default: %(default)s, as published boards do)",
    )
    add(
        "--workers",
        type=positive,
        default=2,
        help="threads of the bootstrap (default: %(default)s)",
    )
    add(
        "--load-bootstrap",
        nargs="?",
        type=Path,
        const=Path("bootstrapping_results.jsonl"),
        metavar="FILE",
        help="read saved bootstrap results in place of drawing (default: no; without FILE, those "
        "that the last run saved in the data folder)",
    )


def _add_output_flags(add: Callable[..., object]) -> None:
    add(
        "--show-elo",
        action="store_true",
        help="print ratings, the baseline's being 1000, for win rates (default: False)",
    )
    add(
        "--full-stats",
        action="store_true",
        help="print each model's games by outcome as well (default: False)",
    )
    add(
        "--compare",
        nargs=2,
        metavar=("MODEL", "OTHER"),
        help="print the difference of two models with its interval and p-value (default: none)",
    )
    folder = "leaderboard/, named by bench, judge and mode"
    add("--output", action="store_true", help=f"write a CSV file to {folder} (default: False)")
    for form in ("json", "markdown", "html"):
        add(
            f"--{form}",
            nargs="?",
            type=Path,
            const=Path(),
            metavar="FILE",
            help=f"write the board as {form.upper()} to FILE, or to {folder} (default: no)",
        )
    add("--plot", type=Path, metavar="FILE", help="draw it to FILE.png or FILE.svg (default: no)")
    add(
        "--save-battles",
        action="store_true",
        help=f"save the battles even if they are over {MANY_BATTLES:,} (default: False)",
    )


def seed(text: str) -> int:
    """Return a flag's whole number, 0 or more; argparse reports the ValueError."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _selection(args: argparse.Namespace) -> Selection:
    from battles import Selection

    bench_name, judges, baselines = args.bench_name, args.judge_name, args.baseline
    if not (bench_name and judges and baselines):
        config = read_judge_config(args.setting_file)
        bench_name = bench_name or config.bench_name
        judges = judges or [config.judge_model]
        baselines = baselines or config.baselines_of([""])
    return Selection(
        bench=Bench(args.data_dir, bench_name),
        judges=tuple(dict.fromkeys(judges)),
        baselines=tuple(dict.fromkeys(baselines)),
        weight=args.weight,
        first_game_only=args.first_game_only,
        categories=tuple(dict.fromkeys(args.category)),
        missing=args.missing,
        mixed=args.mixed,
    )


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
        resample=args.resample,
        workers=args.workers,
    )


def _read_or_load_battles(args: argparse.Namespace, selection: Selection) -> Battles:
    """Return the battles of the judgments, or those that were saved."""
    import battles as module
    from battles import Selection
    from leaderboard import check_settings, settings_file

    if args.load_battles:
        path = _saved_file(args.load_battles, args.data_dir)
        check_settings(path, selection.settings())
        if not settings_file(path).exists() and selection != replace(
            selection,
            weight=Selection.weight,
            first_game_only=False,
            missing="ignore",
            mixed="refuse",
        ):
            raise InputError(
                f"{path}: does not tell its settings; --weight, --first-game-only, --missing "
                "and --mixed need the judgments"
            )
        return module.load_battles(path, selection)
    return module.read_battles(selection)


def _save(args: argparse.Namespace, selection: Selection, method: Method, scored: Scored) -> None:
    """Save battles and bootstrap for a later run, as far as they were not loaded."""
    import battles as module
    import leaderboard as board

    few = scored.battles.counts.battles <= MANY_BATTLES
    if not args.load_battles and (few or args.save_battles):
        with _kept_if_possible():
            path = args.data_dir / "arena_hard_battles.jsonl"
            module.save_battles(scored.battles, path)
            board.save_settings(path, selection.settings())
    if not args.load_bootstrap:
        with _kept_if_possible():
            path = args.data_dir / "bootstrapping_results.jsonl"
            board.save_bootstrap(scored, path)
            made = _bootstrap_settings(selection, method, scored.battles, scored.style)
            board.save_settings(path, made)


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


def _score(
    args: argparse.Namespace, selection: Selection, method: Method, battles: Battles
) -> Scored:
    """Fit and resample the battles, or take the samples of an earlier run."""
    import leaderboard as board

    style, samples, file = None, None, args.style_coefficients
    if file and file.exists():
        style = board.load_style(file, method)
    if args.load_bootstrap:
        path = _saved_file(args.load_bootstrap, args.data_dir)
        board.check_settings(path, _bootstrap_settings(selection, method, battles, style))
        samples = board.load_bootstrap(path, battles)
    return board.score(battles, selection.bench, method, style, samples)


def _bootstrap_settings(
    selection: Selection, method: Method, battles: Battles, style: FixedStyle | None
) -> dict[str, object]:
    """Return what saved bootstrap results must agree in: settings, and the battles themselves."""
    fixed = None if style is None else style.coefficients.tolist()
    made = selection.settings() | method.settings()
    return made | {"style": fixed, "battles": battles.fingerprint}


def _write_files(
    args: argparse.Namespace, board: Board, selection: Selection, scored: Scored
) -> Iterator[Path]:
    """Write the files asked for, and yield the path of each when it is there."""
    import report
    from jsonl import write_lines
    from leaderboard import save_style

    today, folder = datetime.date.today(), Path("leaderboard")
    stem = report.file_stem(board, selection, fixed_style=scored.style is not None)
    csv_file = folder / f"arena_hard_leaderboard_{today:%Y%m%d}_{stem}.csv"
    wanted: list[tuple[Path | None, Callable[[], str]]] = [
        (csv_file if args.output else None, lambda: report.board_csv(board, today)),
        (args.json, lambda: report.board_json(board, selection)),
        (args.markdown, lambda: report.board_markdown(board)),
        (args.html, lambda: report.board_html(board)),
    ]
    for suffix, (path, text) in zip(("csv", "json", "md", "html"), wanted, strict=True):
        if path is not None:
            path = folder / f"{stem}.{suffix}" if path == Path() else path
            write_lines(path, [text().encode("utf-8", "surrogatepass")])
            yield path
    if args.plot:
        report.save_plot(board, args.plot)
        yield args.plot
    if args.style_coefficients and scored.style is None:
        save_style(scored, board.method, args.style_coefficients)
        yield args.style_coefficients


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard; see the flags."""
    args = _arguments(argv)
    import report
    from leaderboard import compare, make_board

    if args.plot:
        report.check_plot(args.plot)
    selection, method = _selection(args), _method(args)
    battles = _read_or_load_battles(args, selection)
    if args.full_stats and battles.outcomes is None:
        raise InputError("--full-stats: a battle file does not hold the games; use the judgments")
    scored = _score(args, selection, method, battles)
    _save(args, selection, method, scored)
    board = make_board(scored, selection, method, elo=args.show_elo)
    lines = [*report.board_lines(board)]
    if args.full_stats:
        lines += ["", *report.stats_lines(board)]
    if args.compare:
        lines += ["", *report.comparison_lines(compare(scored, method, *args.compare))]
    lines += ["", *report.summary_lines(board)]
    if scored.style is not None:
        lines.append(f"style coefficients fixed by {args.style_coefficients}")
    print("\n".join(lines))
    for path in _write_files(args, board, selection, scored):
        print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
