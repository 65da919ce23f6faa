"""Measures how the judges of a benchmark decide, what sways them, and how far they agree.

    python judge_report.py
    python judge_report.py --bench-name demo-v0.1 --judge-name J1 J2 --family families.yaml
    python judge_report.py --bench-name demo-v0.1 --json judges.json --html judges.html

Place, length, markdown and kinship can sway a judge. Each measure has a 95 % interval over
questions. Kinship and agreement need several judges. The report also says how many repeated
judgments a further question is worth.
"""

from __future__ import annotations

from arena.base.errors import script

# isort: split
import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from arena.base import flag_values, flags
from arena.base.jsonl import write_lines
from arena.bench.config import read_judge_config, source_to_read
from arena.bench.paths import Bench

FEW_PAIRS = 3  # of judges, whose confusion of labels is printed

WITH_PERSON = (
    *("bench_name", "judge_name", "baseline", "category", "setting_file", "data_dir"),
    *("num_rounds", "seed", "workers", "json", "html"),
)  # the flags that --human uses


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags of a command line."""
    parser = flags.script_parser(__doc__)
    add = parser.add_argument
    flags.add_source_flags(add, "that names bench and baseline")
    flags.add_name(add, "bench", "bench (default: the setting file's)")
    judges = "judges to measure (default: all of the bench but ensembles of them)"
    flags.add_names(add, "judge", judges, [])
    baselines = (
        "count only judgments against these baselines, the first also for those that name none "
        "(default: all baselines, and the setting file's for those that name none)"
    )
    flags.add_names(add, "baseline", baselines, [])
    questions = "measure only questions of these categories or clusters (default: all questions)"
    flags.add_names(add, "category", questions, [])
    flags.add_mixed_flag(add)
    families = (
        "YAML file that maps families to the names of their judges and models (default: a judge "
        "has only the model of its own name)"
    )
    add("--family", type=Path, metavar="FILE", help=families)
    human = "report how far each judge agrees with this person, a judge human-NAME (default: none)"
    add("--human", metavar="PERSON", help=human)
    add("--num-rounds", type=flag_values.positive, default=1000, help="bootstrap rounds")
    flags.add_draw_flags(add)
    labels = f"print the labels of each two judges side by side, also of over {FEW_PAIRS} pairs"
    add("--confusion", action="store_true", help=labels)
    for form, what in (("--json", "JSON"), ("--html", "one HTML page")):
        text = f"write the report as {what}. With - print it and nothing else"
        add(form, type=Path, metavar="FILE", help=text)
    args = parser.parse_args(argv)
    if args.human:
        flag_values.check_mode(vars(args), parser.get_default, "human", WITH_PERSON)
    flags.check_outputs(args, ("json", "html"), ("setting_file", "family"))
    return args


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the report."""
    args = parse(argv)
    from arena.quality import judge_html, judge_report, panel, people

    config = None
    if not args.bench_name or (not args.baseline and args.setting_file.exists()):
        config = read_judge_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or "")
    if config and not args.bench_name:
        bench, _ = source_to_read(config, args.data_dir, any_judge=True)
    options = panel.JudgeOptions(
        bench=bench,
        judges=tuple(args.judge_name),
        baselines=tuple(args.baseline),
        categories=tuple(dict.fromkeys(args.category)),
        config=config,
        mixed=args.mixed,
        family_file=args.family,
        rounds=args.num_rounds,
        seed=args.seed,
        workers=args.workers,
    )
    if args.human:
        found = args.human, *people.people_report(options, args.human)
        text = "\n".join(people.people_lines(*found))
        forms = {
            "json": lambda: people.people_json(*found),
            "html": lambda: judge_html.people_html(*found),
        }
        print_report(args, text, forms)
        return 0
    report = judge_report.judge_report(options)
    confusion = args.confusion or sum(pair.games > 0 for pair in report.pairs) <= FEW_PAIRS
    text = "\n".join(judge_report.report_lines(report, confusion=confusion))
    forms = {"json": report.to_json, "html": lambda: judge_html.report_html(report)}
    print_report(args, text, forms)
    return 0


def print_report(
    args: argparse.Namespace, text: str, forms: Mapping[str, Callable[[], str]]
) -> None:
    """Print a report, and write it in each form whose flag names a file."""
    say = flags.text_printer(args, ("json", "html"))
    say(text)
    for name, form in forms.items():
        if path := getattr(args, name):
            write_lines(path, [form().encode("utf-8", "surrogatepass")])
            say(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
