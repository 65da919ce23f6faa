"""Prints the leaderboard of a bench: win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --style-control --as-published
    python show_result.py --by cluster --plot clusters.png
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Bench, judge and baseline are those of config/judge_config.yaml if no flag names them. If the judge
graded single answers, the board shows their mean grades.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from arena.base import flag_values, flags

FORMS = ("csv", "json", "markdown", "html")
CALIBRATION = (
    *("bench_name", "judge_name", "baseline", "category", "one_board", "mixed"),
    *("setting_file", "data_dir", "workers", "draw_for_labels"),
)  # the flags that --calibrate uses
FOLDER = "leaderboard/, named by bench, judge and mode"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags, those that most people need first."""
    parser = flags.script_parser(__doc__)
    flags.add_board_flags(parser.add_argument)
    add_output_flags(parser.add_argument_group("output").add_argument)
    group = parser.add_argument_group("judgments")
    anchor = (
        "fit all judgments at once, whatever their baseline. MODEL scores 50, or without a name "
        "the mean of the models"
    )
    group.add_argument("--anchor", nargs="?", const=True, metavar="MODEL", help=anchor)
    flags.add_selection_flags(group.add_argument)
    add = parser.add_argument_group("people").add_argument
    person = "correct win rates by the drawn labels of this person, a judge human-NAME"
    add("--calibrate", metavar="PERSON", help=f"{person} (default: no correction)")
    draw = "draw N judged pairs for the person of --calibrate to label, and write their list"
    add("--draw-for-labels", type=flag_values.positive, metavar="N", help=draw)
    flags.add_method_flags(parser.add_argument_group("scores and intervals").add_argument)
    args = parser.parse_args(argv)
    if args.output and args.csv:
        raise InputError("--csv: not allowed with --output. Leave out one of them.")
    if args.head_to_head and args.by:
        raise InputError("--by: not allowed with --head-to-head. Leave out one of them.")
    if args.anchor and args.baseline:
        raise InputError("--anchor: not allowed with --baseline. Leave out one of them.")
    if args.calibrate:
        used = ("seed",) if args.draw_for_labels else ("output", *FORMS)
        used = *CALIBRATION, *used
        flag_values.check_mode(vars(args), parser.get_default, "calibrate", used)
    elif args.draw_for_labels:
        raise InputError("--draw-for-labels: no person. Name one with --calibrate human-NAME.")
    outputs = (*FORMS, "plot", "style_coefficients")
    flags.check_outputs(args, outputs, ("setting_file", "load_battles", "load_bootstrap"))
    return args


def add_output_flags(add: Callable[..., object]) -> None:
    """Add the flags of the printed text and the files."""
    add(
        "--by",
        choices=("cluster", "category", "subcategory"),
        help="show scores by cluster (subcategory in v2.0) or category instead of boards",
    )
    matrix = "show how each model did against each other one instead of boards (default: False)"
    add("--head-to-head", action="store_true", help=matrix)
    add(
        "--compare",
        nargs="+",
        metavar="MODEL",
        help="print the differences of two models or more, with p-values (default: none)",
    )
    for flag, text in (
        ("--show-elo", "show Elo ratings (baseline = 1000) instead of win rates"),
        ("--full-stats", "print each model's games by outcome as well"),
        ("--save-battles", "save the battles even if they are over 1,000,000"),
        ("--output", f"write CSV to {FOLDER}"),
    ):
        add(flag, action="store_true", help=f"{text} (default: False)")
    for form in ("CSV", "JSON", "Markdown", "HTML"):
        text = f"write {form} to FILE, or to {FOLDER}. With - print it and nothing else"
        add(f"--{form.lower()}", nargs="?", type=Path, const=True, metavar="FILE", help=text)
    add(
        "--fail-under",
        action="extend",
        nargs="+",
        type=flag_values.floor,
        default=[],
        metavar="MODEL=SCORE",
        help="end with exit status 1 if the model's score is lower (default: no check)",
    )
    add("--plot", type=Path, metavar="FILE", help="draw the scores to FILE.png or FILE.svg")


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard."""
    args = parse(argv)
    from arena.leaderboard.head_to_head.report import report_head_to_head
    from arena.leaderboard.options import anchored, board_options
    from arena.leaderboard.output.report import ReportOptions, report_boards, report_clusters
    from arena.leaderboard.people.output import report_calibration

    options = board_options(**flags.board_arguments(args), elo=args.show_elo)
    if args.anchor:
        options = anchored(options, None if args.anchor is True else args.anchor)
    files = {
        "csv": args.csv or args.output,
        "json": args.json,
        "md": args.markdown,
        "html": args.html,
    }
    report = ReportOptions(
        full_stats=args.full_stats,
        compare=tuple(args.compare or ()),
        files={suffix: None if path is True else path for suffix, path in files.items() if path},
        plot=args.plot,
        save_battles=args.save_battles,
        fail_under=tuple(args.fail_under),
    )
    say = flags.text_printer(args, (*FORMS, "style_coefficients"))
    if args.calibrate:
        texts = report_calibration(options, args.calibrate, args.draw_for_labels, report)
    elif args.by:
        texts = report_clusters(options, args.by, report)
    else:
        texts = (report_head_to_head if args.head_to_head else report_boards)(options, report)
    for text in texts:
        say(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
