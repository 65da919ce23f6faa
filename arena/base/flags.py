"""The flags of `show_result.py`, two groups of which `benchmark_metrics.py` shares."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arena.base.errors import InputError

MANY_BATTLES = 1_000_000
SAVED_BATTLES = "arena_hard_battles.jsonl"
SAVED_BOOTSTRAP = "bootstrapping_results.jsonl"
CONTROLS = {
    "style_control": ("length", "markdown"),
    "length_control_only": ("length",),
    "markdown_control_only": ("markdown",),
}


def add_board_flags(add: Callable[..., object]) -> None:
    """Add the flags of a board that most people need."""
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
        "--style-control",
        action="store_true",
        help="control for length and markdown of the answers, so that scores do not reward style "
        "(default: False)",
    )
    add(
        "--category",
        "-c",
        nargs="+",
        default=[],
        help="a board for each of these categories or clusters, and an overall board: the mean of "
        "the scores of models that are on all of them, weighted by their questions (default: one "
        "board of all questions; one for each category if a question is in the v2.0 format or the "
        "setting file's categories have different baselines)",
    )


def add_selection_flags(add: Callable[..., object]) -> None:
    """Add the further flags that select judgments."""
    add_source_flags(add, "that names bench, judge and baseline")
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
        const=Path(SAVED_BATTLES),
        metavar="FILE",
        help="read saved battles in place of judgments (default: no; without FILE, those that the "
        "last run saved in the data folder)",
    )


def add_mixed_flag(add: Callable[..., object]) -> None:
    """Add the flag that allows judgments that do not belong together."""
    add(
        "--mixed",
        choices=("refuse", "leave-out", "count"),
        default="refuse",
        help="what to do with judgments of another judge or baseline in a judge's folder; `refuse` "
        "stops and names the files, `count` accepts differing judge settings too (default: "
        "%(default)s)",
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


def add_method_flags(add: Callable[..., object]) -> None:
    """Add the further flags of how scores are made."""
    add(
        "--method",
        choices=("bradley-terry", "v2.0"),
        help="how battles become scores: one fit of all, or as the v2.0 program does, with 90%% "
        "intervals (default: v2.0 if a question of the board is in the v2.0 format, with a `uid`, "
        "else bradley-terry)",
    )
    for feature in ("length", "markdown"):
        add(
            f"--{feature}-control-only",
            action="store_true",
            help=f"control for {feature} of the answers alone (default: False)",
        )
    add(
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
        const=Path(SAVED_BOOTSTRAP),
        metavar="FILE",
        help="read saved bootstrap results in place of drawing (default: no; without FILE, those "
        "that the last run saved in the data folder)",
    )


def board_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the selection and method flags as arguments of `board_options` of the leaderboard."""
    names = [name for name in (*CONTROLS, "control_features") if getattr(args, name)]
    if len(names) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in names[:2])
        raise InputError(f"{second}: not allowed with {first}. Leave out one of them.")
    control = args.control_features or [f for name in names for f in CONTROLS[name]]
    return {
        "bench": args.bench_name,
        "judges": args.judge_name,
        "baselines": args.baseline,
        "data_dir": args.data_dir,
        "setting_file": args.setting_file,
        "categories": tuple(dict.fromkeys(args.category)),
        "one_board": args.one_board,
        "weight": args.weight,
        "first_game_only": args.first_game_only,
        "missing": args.missing,
        "mixed": args.mixed,
        "method": args.method,
        "control": tuple(sorted(set(control))),
        "center": args.style_center == "mean",
        "rounds": args.num_rounds,
        "seed": args.seed,
        "resample": args.resample,
        "workers": args.workers,
        "battle_file": _saved_file(args.load_battles, args.data_dir),
        "bootstrap_file": _saved_file(args.load_bootstrap, args.data_dir),
        "style_file": args.style_coefficients,
    }


def _saved_file(path: Path | None, data_dir: Path) -> Path | None:
    """Return the path as given, or the data folder's file where only the flag was given."""
    usual = path in (Path(SAVED_BATTLES), Path(SAVED_BOOTSTRAP))
    return data_dir / path if path and usual and not path.exists() else path


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

    Pipes and devices can take several outputs.
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
    return [
        path for path in (found if isinstance(found, list) else [found]) if isinstance(path, Path)
    ]


def positive(text: str) -> int:
    """Return a flag's whole number, 1 to a million; argparse reports what is wrong."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got '{text}'")
    return number


def add_source_flags(
    add: Callable[..., object], what: str, setting_file: str = "config/judge_config.yaml"
) -> None:
    """Add the flags that all scripts on a bench have: the setting file, said `what`, and the data
    folder.
    """
    add(
        "--setting-file",
        "--config-file",
        type=Path,
        default=Path(setting_file),
        help=f"YAML file {what} (default: %(default)s)",
    )
    add("--data-dir", type=Path, default=Path("data"), help="data folder (default: %(default)s)")


def add_run_flags(parser: argparse.ArgumentParser, setting_file: str) -> None:
    """Add the flags that gen_answer.py and gen_judgment.py share."""
    add = parser.add_argument
    add_source_flags(add, "with the settings", setting_file)
    add(
        "--endpoint-file",
        type=Path,
        default=Path("config/api_config.yaml"),
        help="YAML file with the models' endpoints (default: %(default)s)",
    )
    add("--bench-name", help="bench below the data folder (default: the setting file's)")
    add(
        "--model",
        action="append",
        help="a model to run; repeatable (default: the setting file's model_list)",
    )
    add(
        "--parallel",
        type=positive,
        help="calls at a time to each model asked (default: the endpoint file's)",
    )
    add("--limit", type=positive, help="only the first N questions (default: all)")
    add(
        "--stale",
        choices=("keep", "redo"),
        help="what to do with records made with other settings (default: stop and name them)",
    )
    add(
        "--dry-run",
        action="store_true",
        help="print calls, tokens and cost of what is missing, and stop (default: False)",
    )
    add(
        "--max-cost",
        type=dollars,
        metavar="USD",
        help="stop before the run costs more; needs a price in the endpoint file (default: no)",
    )
    add("--report", type=Path, metavar="FILE", help="write the summary as JSON (default: no)")


def dollars(text: str) -> float:
    """Return a flag's sum of money; argparse reports what is wrong."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount < 1e9:
        raise argparse.ArgumentTypeError(f"expected a sum in USD, got '{text}'")
    return amount
