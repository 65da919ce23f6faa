"""Asks a judge model to compare the answers of models with the baseline's, in both orders.

    python gen_judgment.py
    python gen_judgment.py --setting-file config/judge_config.yaml --model my-checkpoint --limit 20
    python gen_judgment.py --dry-run --precision 3
    python gen_judgment.py --round-robin
    python gen_judgment.py --stop-at 2

Judgments go to `data/<bench_name>/model_judgment/<judge>/<model>.jsonl`. Existing games are kept:
run the same command again to continue a run, or to retry failed calls. If you name no models,
every model with answers is judged.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from arena.base.flag_values import percentage, positive
from arena.base.flags import (
    add_name,
    add_names,
    add_run_flags,
    check_run_flags,
    next_command,
    run_arguments,
    same_command,
    script_parser,
)
from arena.base.output import print_folded
from arena.bench.paths import Bench
from arena.bench.records import draw_evenly, read_questions
from arena.chat.budget import budget_of
from arena.generate.complete import complete
from arena.generate.judging.judge import Judge
from arena.generate.judgments import judgment_works
from arena.generate.schedule.pairs import Pairing, chosen_pairs
from arena.generate.work import RunOptions
from utils import check_model, read_judge_config, read_model_config

CONFIG = "config/judge_config.yaml"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Raises InputError for flags that do not fit."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add_run_flags(add, CONFIG)
    add_name(add, "judge", "the judge (default: the setting file's)")
    add = parser.add_mutually_exclusive_group().add_argument
    add_names(add, "baseline", "baselines (default: the setting file's)")
    add("--round-robin", action="store_true", help="judge every pair of the models")
    add("--pairs", type=Path, metavar="FILE", help="judge the pairs of a file, two names a line")
    add = parser.add_argument
    add("--retry-invalid", action="store_true", help="play games without a verdict again")
    samples = "verdicts of each game, whose mean counts (default: the setting file's, else 1)"
    add("--samples", type=positive, metavar="N", help=samples)
    stop = "judge random questions until each score is known within this many points, at least 100"
    add("--stop-at", type=percentage, metavar="POINTS", help=f"{stop} (default: judge all)")
    precision = (
        "with --dry-run, print how many questions give scores within this many points "
        "(default: 2, for grades half of what the questions give)"
    )
    add("--precision", type=percentage, metavar="POINTS", help=precision)
    args = parser.parse_args(argv)
    check_run_flags(args)
    if args.precision and not args.dry_run:
        raise InputError("--precision: needs --dry-run, which prints it")
    if args.stop_at and (args.batch or args.write_requests or args.read_results):
        reason = "needs live calls, since each round depends on the one before"
        raise InputError(f"--stop-at: {reason}. Plan other runs with --dry-run --precision.")
    if args.pairs and args.model:
        raise InputError("--model: --pairs names the models. Leave out one of them.")
    return args


def board_command(args: argparse.Namespace, pairing: Pairing | None) -> str:
    """Return the command line that prints the board of what these flags judge."""
    named = ["--judge-name", args.judge_name] if args.judge_name else []
    named += ["--anchor", *pairing.anchor] if pairing else []
    named += ["--baseline", *dict.fromkeys(args.baseline)] if args.baseline else []
    if str(args.setting_file) != CONFIG:
        named += ["--setting-file", str(args.setting_file)]
    return next_command("show_result.py", args, *named)


def judge_of(args: argparse.Namespace, name: str, baselines: Sequence[str]) -> Judge:
    """Return the judge of a name against some baselines, with what flags overrule."""
    config = read_judge_config(args.setting_file, baselines)
    model = read_model_config(args.endpoint_file, name)
    model = replace(model, parallel=args.parallel or model.parallel)
    return Judge(model, replace(config, judge_samples=args.samples or config.judge_samples))


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Have the judge play all missing games."""
    args = parse(argv)
    config = read_judge_config(args.setting_file, args.baseline or ())
    if args.baseline and not config.baseline:
        raise InputError(f"{config.path}: --baseline needs baseline: true, to show its answers")
    bench = Bench(args.data_dir, args.bench_name or config.bench_name)
    name, pairing = args.judge_name or config.judge_model, None
    if args.pairs or args.round_robin:
        pairing = chosen_pairs(config, bench, name, args.model or (), args.pairs)
    baselines = pairing.baselines if pairing else args.baseline or []
    judge, all_questions = judge_of(args, name, baselines), read_questions(bench)
    questions = draw_evenly(all_questions, args.limit)
    judge.check(questions)
    options = RunOptions(
        bench,
        questions,
        budget_of([judge.model], args.max_cost),
        **run_arguments(args),
        command=same_command("gen_judgment.py", argv),
        retry_invalid=args.retry_invalid,
        next_command=board_command(args, pairing),
    )
    check_model(judge.model, judge.max_tokens, key=not args.dry_run, address=not options.uses_files)
    works = judgment_works(judge, args.model or config.model_list, baselines, options, pairing)
    if not (args.dry_run or args.stop_at):
        return complete(works, "game", options)
    from arena.leaderboard.output import precision, width_goal

    planned = precision.Planned(
        *(bench, name, judge.config, all_questions, questions, baselines, pairing),
        mixed="count" if args.stale == "keep" else "leave-out",
    )
    goal = width_goal.WidthGoal.of(planned, works, args.stop_at) if args.stop_at else None
    status = complete(works, "game", options, goal)
    if args.dry_run:
        lines = precision.planned_lines(planned, args.precision or args.stop_at)
        print_folded("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
