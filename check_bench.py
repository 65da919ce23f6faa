"""Checks a bench: what is missing or spoiled, and the command that mends it.

    python check_bench.py --bench-name demo-v0.1
    python check_bench.py --bench-name demo-v0.1 --judge-name smollm2-judge --model smollm2-hot
    python check_bench.py --bench-name demo-v0.1 --json -
    python check_bench.py --bench-name demo-v0.1 --delete empty model_answer/smollm2-hot.jsonl

Notes are findings that may be as they should be, such as cut-off answers. They change no exit
status. Nothing is written but the file of --json, unless --delete names what to delete.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from arena.base.flags import add_name, add_names, check_outputs, script_parser, text_printer
from arena.base.jsonl import write_lines
from arena.base.output import print_folded
from arena.bench.paths import Bench

KINDS = (
    *("no-records", "same-ids", "errors", "empty", "damaged", "repeated", "cut-off", "unknown"),
)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Raises InputError for flags that do not fit."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add_name(add, "bench", "bench in the data folder")
    add("--data-dir", type=Path, default="data", help="data folder")
    add_names(add, "judge", "judges to check (default: all)")
    add_names(add, "model", "models to check (default: all)")
    add("--json", type=Path, metavar="FILE", help="write all findings as JSON. With - print them")
    delete = "delete the records of a finding from a file, as its command says. KIND is one of"
    kinds = ", ".join(KINDS)
    add("--delete", nargs=2, metavar=("KIND", "FILE"), help=f"{delete} {kinds}")
    settings = "setting file of the judges, or folder of setting files, for the commands"
    add("--settings", type=Path, metavar="PATH", help=f"{settings} (default: those of config/)")
    args = parser.parse_args(argv)
    if not args.bench_name:
        parser.error("--bench-name: name the bench to check")
    if args.delete and args.delete[0] not in KINDS:
        raise InputError(f"--delete {args.delete[0]}: not one of {', '.join(KINDS)}")
    check_outputs(args, ("json",), ())
    return args


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Check a bench and print the findings."""
    args = parse(argv)
    from arena.datasets.checks import report
    from arena.datasets.checks.files import CheckOptions
    from arena.datasets.checks.settings import setting_files

    bench = Bench(args.data_dir, args.bench_name)
    settings = setting_files(bench.name, args.settings)
    options = CheckOptions(bench, args.judge_name or (), args.model or (), *settings)
    if args.delete:
        print_folded(report.delete_found(options, *args.delete))
        return 0
    findings = report.check_bench(options)
    say = text_printer(args, ("json",))
    if args.json:
        text = json.dumps(report.as_json(findings), ensure_ascii=False, indent=2)
        write_lines(args.json, [f"{text}\n".encode("utf-8", "surrogatepass")])
    if not findings:
        say(f"{bench.folder}: nothing is missing or spoiled")
    for line in report.as_lines(findings) if findings else ():
        say(line)
    return 0 if report.is_healthy(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
