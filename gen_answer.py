"""Asks models the questions of a bench.

    python gen_answer.py
    python gen_answer.py --setting-file config/gen_answer_config.yaml
    python gen_answer.py --model my-checkpoint --parallel 64 --limit 20

Answers go to `data/<bench_name>/model_answer/<model>.jsonl`. Existing answers are kept: run the
same command again to continue a run, or to retry failed calls.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from arena.base.flags import (
    ENDPOINTS,
    add_run_flags,
    check_run_flags,
    next_command,
    run_arguments,
    same_command,
    script_parser,
)
from arena.bench.paths import Bench
from arena.bench.records import draw_evenly, read_questions
from arena.chat.budget import budget_of
from arena.generate.answers import AnswerWork, check_formats
from arena.generate.complete import complete
from arena.generate.work import RunOptions
from utils import check_model, read_answer_config, read_model_config


def judging_command(args: argparse.Namespace, bench: Bench) -> str:
    """Return the command line that judges what these flags answer."""
    args.bench_name = bench.name  # the judge config may name another
    named = ["--model", *dict.fromkeys(args.model)] if args.model else []
    if str(args.endpoint_file) != ENDPOINTS:
        named += ["--endpoint-file", str(args.endpoint_file)]
    return next_command("gen_judgment.py", args, *named)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Ask all models for their missing answers."""
    parser = script_parser(__doc__)
    add_run_flags(parser.add_argument, "config/gen_answer_config.yaml")
    args = parser.parse_args(argv)
    check_run_flags(args)
    config = read_answer_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or config.bench_name)
    names = args.model or config.model_list
    if not names:
        advice = "Name a model there or with --model."
        raise InputError(f"{args.setting_file}: model_list is empty. {advice}")
    models = [read_model_config(args.endpoint_file, name) for name in dict.fromkeys(names)]
    questions = draw_evenly(read_questions(bench), args.limit)
    check_formats(questions, config, args.setting_file)
    budget = budget_of(models, args.max_cost)
    options = RunOptions(
        bench,
        questions,
        budget,
        **run_arguments(args),
        command=same_command("gen_answer.py", argv),
        next_command=judging_command(args, bench),
    )
    if args.parallel:
        models = [replace(model, parallel=args.parallel) for model in models]
    works = [AnswerWork(model, config, options) for model in models]
    for work in works:
        address = not options.uses_files
        check_model(work.model, work.max_tokens, key=not args.dry_run, address=address)
    return complete(works, "answer", options)


if __name__ == "__main__":
    sys.exit(main())
