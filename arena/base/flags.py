"""The flags of `show_result.py`, two groups of which `benchmark_metrics.py` shares."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from arena.base.errors import InputError, add_source_flags, positive

MANY_BATTLES = 1_000_000
CONTROLS = {
    "style_control": ("length", "markdown"),
    "length_control_only": ("length",),
    "markdown_control_only": ("markdown",),
}


def parse(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Return the flags of a command line; `description` is the text above their help."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_selection_flags(parser.add_argument_group("what is counted").add_argument)
    add_method_flags(parser)
    _add_output_flags(parser.add_argument_group("what comes out").add_argument)
    args = parser.parse_args(argv)
    outputs = ("json", "markdown", "html", "plot", "style_coefficients")
    check_outputs(args, outputs, ("setting_file", "load_battles", "load_bootstrap"))
    return args


def add_selection_flags(add: Callable[..., object]) -> None:
    """Add the flags that say what is counted."""
    add_source_flags(add, "that names bench, judge and baseline")
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
        help="baseline model; repeatable, the first has score 50 (default: the setting file's, for "
        "a board of a category those of that category)",
    )
    add(
        "--category",
        "-c",
        nargs="+",
        default=[],
        help="a board for each of these categories or clusters, and an overall board: the mean of "
        "the scores of models that are on all of them, weighted by their questions (default: one "
        "board of all questions; one for each category where a question is of generation 2 or the "
        "setting file's categories have different baselines)",
    )
    add(
        "--one-board",
        action="store_true",
        help="one board of all questions, or of those of the categories named, whatever their "
        "baselines: one Bradley-Terry fit of all battles (default: False)",
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
        help="what a question without a battle of a model counts (default: %(default)s)",
    )
    add_mixed_flag(add)
    add(
        "--load-battles",
        nargs="?",
        type=Path,
        const=Path("arena_hard_battles.jsonl"),
        metavar="FILE",
        help="read saved battles in place of judgments (default: no; without FILE, those that the "
        "last run saved in the data folder)",
    )


def add_mixed_flag(add: Callable[..., object]) -> None:
    """Add the flag that allows judgments that do not belong together."""
    add(
        "--mixed",
        choices=("leave-out", "count"),
        default="refuse",
        help="what to do with judgments of another judge or baseline in a judge's folder; `count` "
        "accepts differing judge settings too (default: stop and name the files)",
    )


def add_draw_flags(add: Callable[..., object]) -> None:
    """Add the flags that all scripts with a bootstrap have: its seed and its threads."""
    add("--seed", type=seed, default=42, help="seed of all that is drawn (default: %(default)s)")
    add(
        "--workers",
        type=positive,
        default=2,
        help="threads of the bootstrap (default: %(default)s)",
    )


def add_method_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how scores are made, as a group of their own."""
    group = parser.add_argument_group("how scores are made")
    add = group.add_argument
    add(
        "--method",
        choices=("bradley-terry", "v2.0"),
        help="how battles become scores: one fit of all, or as the v2.0 program does, with 90%% "
        "intervals (default: v2.0 where a question of the board is of generation 2, with a `uid`, "
        "else bradley-terry)",
    )
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
    add(
        "--num-rounds",
        type=positive,
        help="bootstrap rounds (default: 100; of show_result.py --by 1000, since intervals of few "
        "questions reach to the outermost draws)",
    )
    add_draw_flags(add)
    add(
        "--resample",
        choices=("battle", "question"),
        help="what the bootstrap draws; the battles of a question are not independent, so only "
        "`question` gives honest intervals (default: battle, as published boards do; of "
        "show_result.py --by question; grades are always drawn by question)",
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
        "--by",
        choices=("cluster", "category", "subcategory"),
        help="print one score a model and cluster (subcategory: the same, of generation 2) or "
        "category, in place of boards, with intervals by --resample question, expanded for few "
        "questions; the files hold that table, --plot a heat map (default: no)",
    )
    add(
        "--compare",
        nargs=2,
        metavar=("MODEL", "OTHER"),
        help="print the difference of two models with its interval and p-value, on each board but "
        "the overall one (default: none)",
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
            help=f"write the board as {form.upper()} to FILE, or to {folder}; of several boards "
            "each to a file of its own (default: no)",
        )
    add("--plot", type=Path, metavar="FILE", help="draw it to FILE.png or FILE.svg (default: no)")
    add(
        "--save-battles",
        action="store_true",
        help=f"save the battles even if they are over {MANY_BATTLES:,} (default: False)",
    )


def seed(text: str) -> int:
    """Return a flag's whole number, 0 or more; argparse reports what is wrong."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got '{text}'")
    return number


def check_outputs(
    args: argparse.Namespace, outputs: Sequence[str], inputs: Sequence[str] = ()
) -> None:
    """Raise InputError where two flags name one file for output, or one that another flag reads.

    Empty paths stand for usual names; pipes and devices can take several outputs.
    """
    from arena.base.jsonl import is_stream

    read = {os.path.realpath(path): flag for flag in inputs for path in _paths(args, flag)}
    written: dict[str, str] = {}
    for flag in outputs:
        for path in (path for path in _paths(args, flag) if not is_stream(path)):
            real, name = os.path.realpath(path), flag.replace("_", "-")
            if real in read:
                raise InputError(f"--{name} {path}: --{read[real].replace('_', '-')} reads it")
            if real in written:
                raise InputError(f"--{name} {path}: --{written[real]} writes it too")
            written[real] = name


def _paths(args: argparse.Namespace, flag: str) -> list[Path]:
    found = getattr(args, flag)
    return [path for path in (found if isinstance(found, list) else [found]) if path not in UNNAMED]


UNNAMED = (None, Path())
