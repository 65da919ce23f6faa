"""Measures how the judges of a benchmark decide, what sways them, and how far they agree.

    python judge_report.py
    python judge_report.py --bench-name demo-v0.1 --judge-name J1 J2 --family families.yaml
    python judge_report.py --bench-name demo-v0.1 --json judges.json --html judges.html

Place, length, markdown and kinship can sway a judge; each measure has a 95 % interval over
questions. Kinship needs several judges, and agreement too.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from arena.base.errors import InputError, add_source_flags, positive, script, warn  # noqa: E402
from arena.base.flags import add_draw_flags, add_mixed_flag  # noqa: E402
from arena.base.yaml_file import TEXTS, nearest, read_yaml  # noqa: E402
from arena.bench.config import read_judge_config  # noqa: E402
from arena.bench.paths import Bench, judge_names, model_names  # noqa: E402

if TYPE_CHECKING:
    import numpy as np

    from arena.bench.records import Question
    from arena.quality.judge_measures import JudgeReport, PairReport
    from arena.quality.judge_text import Report
    from arena.quality.panel import Panel
    from arena.scoring.battles import Selection

FEW_PAIRS = 3  # of judges, whose confusion of labels is printed


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
        "judgments that name none (default: all that judgments name, else the setting file's for "
        "the category of the question)",
    )
    add(
        "--category",
        "-c",
        nargs="+",
        default=[],
        help="measure the judges on the questions of these categories or clusters only (default: "
        "all questions)",
    )
    add_mixed_flag(add)
    add(
        "--family",
        type=Path,
        metavar="FILE",
        help="YAML file that maps families to lists of the names of their judges and models "
        "(default: a judge has only the model of its own name)",
    )
    add("--num-rounds", type=positive, default=200, help="bootstrap rounds (default: %(default)s)")
    add_draw_flags(add)
    add(
        "--confusion",
        action="store_true",
        help=f"print the labels of each two judges side by side, even if they are over {FEW_PAIRS} "
        "pairs (default: False)",
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


def _check_families(family: Mapping[str, str], path: Path, bench: Bench, panel: Panel) -> None:
    """Warn of names in a file of families that no judge and no model of the bench has."""
    known = {*judge_names(bench), *model_names(bench.answers), *panel.models}
    for name in family:
        if name not in known:
            warn(f"{path}: {bench.name} has no judge or model '{name}'{nearest(name, known)}")


def _selection(args: argparse.Namespace) -> tuple[Selection, list[Question]]:
    """Return what a board of all questions, or of the categories, would be made of, and the
    questions of the bench.
    """
    from arena.leaderboard.plan import Plan
    from arena.scoring.battles import Selection, bench_questions

    config = None
    if not (args.bench_name and (args.baseline or not args.setting_file.exists())):
        config = read_judge_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or (config.bench_name if config else ""))
    questions = bench_questions(bench, needed=bool(args.category))
    alike = Selection(bench=bench, judges=(), baselines=(), mixed=args.mixed)
    asked = Plan(alike, questions, None if args.baseline else config, method="bradley-terry")
    return asked.of(tuple(dict.fromkeys(args.category)), tuple(args.baseline)), questions


def make_report(args: argparse.Namespace) -> Report:
    """Read the judgments that the flags ask for and measure their judges."""
    from arena.quality.judge_measures import draw_questions
    from arena.quality.judge_text import Report
    from arena.quality.panel import read_panel

    family = read_families(args.family) if args.family else {}
    selection, questions = _selection(args)
    panel, left_out = read_panel(selection, args.judge_name, args.baseline, questions)
    if args.family:
        _check_families(family, args.family, selection.bench, panel)
    times = draw_questions(panel, args.num_rounds, args.seed)
    pairs, not_compared = _pairs(panel, times)
    return Report(
        bench=selection.bench.name,
        categories=selection.categories,
        rounds=args.num_rounds,
        seed=args.seed,
        questions=len(panel.questions),
        judges=_judges(selection.bench, panel, family, times, args.workers),
        pairs=pairs,
        not_compared=not_compared,
        left_out=left_out,
        assumed=panel.assumed,
    )


def _judges(
    bench: Bench, panel: Panel, family: Mapping[str, str], times: np.ndarray, workers: int
) -> tuple[JudgeReport, ...]:
    """Return what is measured of each judge."""
    from arena.quality.judge_measures import judge_report
    from arena.quality.panel import style_features

    features = style_features(bench, panel)
    numbers = range(len(panel.judges))
    return tuple(judge_report(panel, one, features, family, times, workers) for one in numbers)


def _pairs(
    panel: Panel, times: np.ndarray
) -> tuple[tuple[PairReport, ...], tuple[tuple[str, str], ...]]:
    """Return the agreement of each two judges, and those that share verdicts."""
    from arena.quality.judge_measures import pair_report

    pairs = list(combinations(range(len(panel.judges)), 2))
    return (
        tuple(pair_report(panel, *two, times) for two in pairs if not panel.share_verdicts(*two)),
        tuple((panel.judges[i], panel.judges[j]) for i, j in pairs if panel.share_verdicts(i, j)),
    )


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; see the flags."""
    args = parse(argv)
    report = make_report(args)
    from arena.base.jsonl import write_lines
    from arena.quality.judge_text import report_html, report_json, report_lines

    confusion = args.confusion or len(report.pairs) <= FEW_PAIRS
    print("\n".join(report_lines(report, confusion=confusion)))
    for path, form in ((args.json, report_json), (args.html, report_html)):
        if path:
            write_lines(path, [form(report).encode("utf-8", "surrogatepass")])
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
