"""Imports answers that were made elsewhere as those of a model.

    python import_data.py outputs.json --bench-name my-bench --model my-checkpoint
    python import_data.py answers.csv --bench-name my-bench --model m --id number --answer reply

Files: AlpacaEval's outputs, samples of lm-evaluation-harness, batch output of OpenAI and others,
answers of MT-Bench and Arena-Hard, or any table (CSV, TSV, JSON, JSON lines, parquet) with an
answer beside the id or the prompt of its question.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from arena.base.flags import add_name, next_command, script_parser
from arena.base.output import print_folded
from arena.bench.paths import Bench


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Raises InputError for flags that do not fit."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="files with answers")
    add_name(add, "bench", "bench in the data folder, whose questions were answered")
    add("--model", metavar="MODEL", help="name of the model for its file of answers")
    add("--data-dir", type=Path, default="data", help="data folder")
    for column, usual in (
        ("id", "question_id, uid, id"),
        ("prompt", "prompt, instruction, question, input"),
        ("answer", "answer, output, response, completion, generation, text"),
    ):
        text = f"column with the {column} (default: the first of {usual})"
        add(f"--{column}", metavar="COLUMN", help=text)
    add("--force", action="store_true", help="replace other answers of the model")
    args = parser.parse_args(argv)
    for flag, name in (("--bench-name", args.bench_name), ("--model", args.model)):
        if not name:
            raise InputError(f"{flag}: missing. Name the {flag.strip('-').partition('-')[0]}.")
    return args


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Import the answers, and say what is missing and what comes next."""
    args = parse(argv)
    from arena.datasets.answers.forms import Columns
    from arena.datasets.answers.imported import ImportOptions, import_answers, report_lines

    options = ImportOptions(
        args.files,
        Bench(args.data_dir, args.bench_name),
        args.model,
        Columns(args.id, args.prompt, args.answer),
        args.force,
    )
    found, target = import_answers(options)
    for line in report_lines(found, target, args.model):
        print_folded(line)
    script_name = "gen_answer.py" if found.missing else "gen_judgment.py"
    print_folded(f"next: {next_command(script_name, args, '--model', args.model)}")
    return 1 if found.missing or found.unmatched or found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
