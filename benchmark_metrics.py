"""Measures how well a benchmark separates models, and how well it agrees with reference ratings.

    python benchmark_metrics.py
    python benchmark_metrics.py --reference arena.csv --map names.yaml --as-published
    python benchmark_metrics.py --bootstrap ours.jsonl --bootstrap theirs.jsonl

The reference is CSV or JSON lines with the columns model, rating (or score), and lower and upper
(or rating_q025 and rating_q975, or variance, or a 95% CI such as +3/-4). Models missing from it
are skipped and listed.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arena.base import flag_values, flags
from arena.base.jsonl import write_lines

OWN_FLAGS = ("reference", "map", "agreement", "confidence", "common", "bootstrap", "json", "seed")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags. Raises InputError for flags that do not go together."""
    parser = flags.script_parser(__doc__)
    add_measure_flags(parser.add_argument_group("measures").add_argument)
    add = parser.add_argument_group("bench").add_argument
    flags.add_board_flags(add)
    flags.add_selection_flags(add)
    flags.add_method_flags(parser.add_argument_group("scores and intervals").add_argument)
    args, usual = parser.parse_args(argv), vars(parser.parse_args([]))
    changed = [name for name, value in vars(args).items() if value != usual[name]]
    of_bench = [name for name in changed if name not in OWN_FLAGS]
    if args.bootstrap and of_bench and not args.bench_name:
        flag = of_bench[0].replace("_", "-")
        raise InputError(f"--{flag}: --bootstrap replaces the bench. Add --bench-name for both.")
    if len(args.reference) > 1:
        raise InputError(f"--reference: expected one file, got {len(args.reference)}. Keep one.")
    args.reference = args.reference[0] if args.reference else None
    inputs = ("reference", "map", "setting_file", "style_coefficients", "load_bootstrap")
    flags.check_outputs(args, ("json", "save_bootstrap"), (*inputs, "bootstrap"))
    if not args.reference and {"map", "agreement"} & set(changed):
        raise InputError("--map and --agreement need a reference. Add --reference.")
    if args.style_coefficients and not args.style_coefficients.exists():
        raise InputError(f"{args.style_coefficients}: no such file. Write it with show_result.py.")
    return args


def add_measure_flags(add: Callable[..., object]) -> None:
    """Add the flags of the reference and of files."""
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    files = file | {"action": "extend", "nargs": "+", "default": []}
    add(
        "--reference",
        **files,
        help="CSV or JSON lines of reference ratings with 95%% intervals (default: none)",
    )
    add("--map", **file, help="JSON or YAML file from names to the reference's (default: same)")
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
        type=flag_values.percentage,
        default=95.0,
        metavar="PERCENT",
        help="level of the intervals of scores and ratings (default: %(default)g)",
    )
    add(
        "--bootstrap",
        **files,
        help="measure these bootstrap results, one JSON line a model, in place of a bench, or "
        "beside --bench-name (default: none)",
    )
    add("--common", action="store_true", help="measure only models that all benchmarks have")
    add(
        "--save-bootstrap",
        **file,
        help="save scores and rounds for --bootstrap, a file for each of several boards",
    )
    add("--json", **file, help="write the report as JSON. With - print it and nothing else")


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the measures."""
    args = parse(argv)
    from arena.leaderboard.options import board_options
    from arena.quality.benchmark import report as benchmark_report

    of_bench = args.bench_name or not args.bootstrap
    options = benchmark_report.MetricsOptions(
        boards=board_options(**flags.board_arguments(args)) if of_bench else None,
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
    say = flags.text_printer(args, ("json", "save_bootstrap"))
    say("\n".join(benchmark_report.report_lines(report, hint=not args.json)))
    for path in report.saved:
        say(f"written: {path}")
    if args.json:
        write_lines(args.json, [report.to_json().encode("utf-8", "surrogatepass")])
        say(f"written: {args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
