"""Imports answers that were made elsewhere as those of a model, or votes of people on answers.

    python import_data.py outputs.json --bench-name my-bench --model my-checkpoint
    python import_data.py answers.csv --bench-name my-bench --model m --id number --answer reply
    python import_data.py votes.csv --bench-name my-bench --votes-of anna

Files: AlpacaEval's outputs, samples of lm-evaluation-harness, batch output of OpenAI and others,
answers of MT-Bench and Arena-Hard, or any table (CSV, TSV, JSON, JSON lines, parquet) with an
answer beside the id or the prompt of its question.

Votes: a table with question_id, model_a, model_b, winner and perhaps annotator, or the votes of
LMArena or AlpacaEval. They become judgments of the judge human-NAME.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from arena.base.flags import SETTING_FILE, add_name, next_command, script_parser
from arena.base.output import print_folded
from arena.bench.paths import Bench


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Raises InputError for flags that do not fit."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="files with answers or votes")
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
    votes = "import the votes of this person, without NAME those of each annotator in the files"
    add("--votes-of", nargs="?", const="", metavar="NAME", help=f"{votes} (default: answers)")
    config = "YAML file with the baseline, for votes"
    add(
        "--setting-file",
        type=Path,
        default=SETTING_FILE,
        help=f"{config} (default: {SETTING_FILE})",
    )
    add("--force", action="store_true", help="replace other answers or votes")
    args = parser.parse_args(argv)
    if args.votes_of is not None and (args.model or args.id or args.prompt or args.answer):
        raise InputError("--votes-of: not allowed with --model, --id, --prompt or --answer.")
    for flag, name in (("--bench-name", args.bench_name), ("--model", args.model)):
        if not name and not (flag == "--model" and args.votes_of is not None):
            raise InputError(f"{flag}: missing. Name the {flag.strip('-').partition('-')[0]}.")
    return args


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Import the answers or votes, and say what is missing and what comes next."""
    args = parse(argv)
    from arena.bench.config import read_judge_config
    from arena.datasets.answers import imported
    from arena.datasets.answers.forms import Columns
    from arena.datasets.votes.imported import VoteOptions, import_votes

    bench = Bench(args.data_dir, args.bench_name)
    if args.votes_of is not None:
        file = args.setting_file
        config = read_judge_config(file) if file.exists() or str(file) != SETTING_FILE else None
        votes = import_votes(VoteOptions(args.files, bench, args.votes_of, config, args.force))
        for line in votes.report_lines():
            print_folded(line)
        print_folded(f"next: {next_command('judge_report.py', args)}")
        return 1 if votes.odd else 0
    columns = Columns(args.id, args.prompt, args.answer)
    options = imported.ImportOptions(args.files, bench, args.model, columns, args.force)
    found, target = imported.import_answers(options)
    for line in imported.report_lines(found, target, args.model):
        print_folded(line)
    script_name = "gen_answer.py" if found.missing else "gen_judgment.py"
    print_folded(f"next: {next_command(script_name, args, '--model', args.model)}")
    return 1 if found.missing or found.unmatched or found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
