"""Measures how the judges of a benchmark decide, what sways them, and how far they agree.

    python judge_report.py
    python judge_report.py --bench-name demo-v0.1 --judge-name J1 J2 --family families.yaml
    python judge_report.py --bench-name demo-v0.1 --json judges.json --html judges.html

Place, length, markdown and kinship can sway a judge; each measure has a 95 % interval over
questions. Kinship needs several judges, and agreement too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from benches import Bench  # noqa: E402
from console import InputError, add_source_flags, positive, script  # noqa: E402
from result_flags import seed  # noqa: E402
from sections import TEXTS, read_yaml  # noqa: E402
from settings import read_judge_config  # noqa: E402

if TYPE_CHECKING:
    from judge_tables import Report


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags of a command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_source_flags(add, "that names bench and baseline")
    add("--bench-name", "--benchmark", "-b", help="bench (default: the setting file's)")
    add(
        "--judge-name",
        "--judge-names",
        "-j",
        nargs="+",
        default=[],
        metavar="JUDGE",
        help="judges to measure (default: all of the bench but ensembles of them)",
    )
    add(
        "--baseline",
        action="append",
        default=[],
        help="count only judgments against this baseline; repeatable, and the first is that of "
        "judgments that name none (default: all that judgments name, else the setting file's)",
    )
    add(
        "--family",
        type=Path,
        metavar="FILE",
        help="YAML file that maps families to lists of the names of their judges and models "
        "(default: a judge has only the model of its own name)",
    )
    add("--num-rounds", type=positive, default=200, help="bootstrap rounds (default: %(default)s)")
    add("--seed", type=seed, default=42, help="seed of all that is drawn (default: %(default)s)")
    add(
        "--workers",
        type=positive,
        default=2,
        help="threads of the bootstrap (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="write it as JSON (default: no)")
    add("--html", type=Path, metavar="FILE", help="write it as one HTML page (default: no)")
    return parser.parse_args(argv)


def read_families(path: Path) -> dict[str, str]:
    """Return the family of each judge and model in a YAML file of families and their members."""
    section, found = read_yaml(path), dict[str, str]()
    for family in section.names():
        for name in section.take(family, TEXTS, literal=True):
            if found.setdefault(name, family) != family:
                raise InputError(f"{path}: '{name}' is of two families, {found[name]} and {family}")
    return found


def _unnamed_baseline(args: argparse.Namespace) -> str:
    """Return the baseline of judgments that name none; nothing where it is not known."""
    if args.baseline:
        return str(args.baseline[0])
    with contextlib.suppress(InputError):
        return next(iter(read_judge_config(args.setting_file).baselines_of([""])), "")
    return ""


def make_report(args: argparse.Namespace) -> Report:
    """Read the judgments that the flags ask for and measure their judges."""
    from judge_metrics import draw_questions, judge_report, pair_report
    from judge_tables import Report
    from panel import read_panel, style_features

    family = read_families(args.family) if args.family else {}
    name = args.bench_name or read_judge_config(args.setting_file).bench_name
    bench = Bench(args.data_dir, name)
    unnamed = _unnamed_baseline(args)
    panel, left_out = read_panel(bench, args.judge_name, args.baseline, unnamed)
    features = style_features(bench, panel)
    times = draw_questions(panel, args.num_rounds, args.seed)
    numbers = range(len(panel.judges))
    return Report(
        bench=name,
        rounds=args.num_rounds,
        seed=args.seed,
        questions=len(panel.questions),
        judges=tuple(
            judge_report(panel, one, features, family, times, args.workers) for one in numbers
        ),
        pairs=tuple(pair_report(panel, *pair, times) for pair in combinations(numbers, 2)),
        left_out=left_out,
        assumed=panel.assumed,
    )


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; see the flags."""
    args = parse(argv)
    report = make_report(args)
    from jsonl import write_lines
    from judge_tables import report_html, report_json, report_lines

    print("\n".join(report_lines(report)))
    for path, form in ((args.json, report_json), (args.html, report_html)):
        if path:
            write_lines(path, [form(report).encode("utf-8", "surrogatepass")])
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
