"""Measures how well a benchmark separates models, and how well it agrees with reference ratings.

    python benchmark_metrics.py
    python benchmark_metrics.py --reference arena.csv --map names.yaml --resample question
    python benchmark_metrics.py --bootstrap ours.jsonl --bootstrap theirs.jsonl

The reference is CSV or JSON lines with the columns model, rating (or score), and lower and upper
(or rating_q025 and rating_q975, or variance, or a 95% CI such as +3/-4). Models missing from it
are skipped and listed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, script
from arena.base.flags import (
    add_board_flags,
    add_method_flags,
    add_selection_flags,
    board_arguments,
    check_outputs,
    script_parser,
)
from arena.base.jsonl import write_lines

OWN_FLAGS = ("reference", "map", "agreement", "confidence", "common", "bootstrap", "json", "seed")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags. Raises InputError for flags that do not go together."""
    parser = script_parser(__doc__)
    _add_flags(parser.add_argument_group("what is measured").add_argument)
    add = parser.add_argument_group("the bench").add_argument
    add_board_flags(add)
    add_selection_flags(add)
    add_method_flags(parser.add_argument_group("how scores are made").add_argument)
    args, usual = parser.parse_args(argv), vars(parser.parse_args([]))
    changed = [name for name, value in vars(args).items() if value != usual[name]]
    of_bench = [name for name in changed if name not in OWN_FLAGS]
    if args.bootstrap and of_bench and not args.bench_name:
        flag = of_bench[0].replace("_", "-")
        raise InputError(f"--{flag}: --bootstrap replaces the bench. Add --bench-name for both.")
    if len(args.reference) > 1:
        raise InputError(f"--reference: expected one file, got {len(args.reference)}. Keep one.")
    args.reference = args.reference[0] if args.reference else None
    check_outputs(
        args,
        ("json", "save_bootstrap"),
        ("reference", "map", "bootstrap", "setting_file", "style_coefficients", "load_bootstrap"),
    )
    if not args.reference and {"map", "agreement"} & set(changed):
        raise InputError("--map and --agreement need a reference. Add --reference.")
    if args.style_coefficients and not args.style_coefficients.exists():
        raise InputError(f"{args.style_coefficients}: no such file. Write it with show_result.py.")
    return args


def _add_flags(add: Any) -> None:
    add(
        "--reference",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CSV or JSON lines of reference ratings with 95%% intervals (default: none, and only "
        "separability is measured)",
    )
    add(
        "--map",
        type=Path,
        metavar="FILE",
        help="JSON or YAML file that maps names of models to the reference's (default: same names)",
    )
    add(
        "--agreement",
        choices=("notebook", "paper"),
        default="notebook",
        help="points for a pair that the benchmark separates rightly, not at all, wrongly. "
        "notebook: 1, 1/2, 0, over the pairs that the reference separates. paper: 1, 0, -1, over "
        "all pairs, 0 if the reference does not separate them",
    )
    add(
        "--confidence",
        type=_percentage,
        default=95.0,
        metavar="PERCENT",
        help="level of the intervals of scores and ratings (default: %(default)g)",
    )
    add(
        "--bootstrap",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="measure these bootstrap results, one JSON line a model, in place of a bench, or "
        "beside --bench-name. Repeatable (default: none)",
    )
    add("--common", action="store_true", help="measure only models that all benchmarks have")
    add(
        "--save-bootstrap",
        type=Path,
        metavar="FILE",
        help="write the bench's scores and rounds in the form that --bootstrap reads. Each of "
        "several boards gets its own file",
    )
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")


def _percentage(text: str) -> float:
    """Return a flag's number between 0 and 100."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 100:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 100, got '{text}'")
    return number


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the measures."""
    args = parse(argv)
    from arena.leaderboard.options import board_options
    from arena.quality import benchmark_report

    of_bench = args.bench_name or not args.bootstrap
    options = benchmark_report.MetricsOptions(
        boards=board_options(**board_arguments(args)) if of_bench else None,
        bootstrap_files=tuple(args.bootstrap),
        reference=args.reference,
        names=args.map,
        agreement=args.agreement,
        confidence=args.confidence,
        common=args.common,
        seed=args.seed,
        save_bootstrap=args.save_bootstrap,
    )
    report = benchmark_report.benchmark_report(options)
    print("\n".join(benchmark_report.report_lines(report)))
    written = list(report.saved)
    if args.json:
        text = benchmark_report.report_json(report)
        write_lines(args.json, [text.encode("utf-8", "surrogatepass")])
        written.append(args.json)
    elif benchmark_report.has_long_lists(report):
        print("Use --json FILE for all names.")
    for path in written:
        print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
