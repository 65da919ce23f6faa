"""Lets a judge model compare the answers of models with the baseline's, both ways round.

    python gen_judgment.py
    python gen_judgment.py --setting-file config/judge_config.yaml --model my-checkpoint --limit 20

Judgments go to `data/<bench_name>/model_judgment/<judge>/<model>.jsonl`; a game that is there is
not judged again. Without a model_list every model with an answer file is judged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from arena.base.errors import InputError, script
from arena.base.flags import add_run_flags
from arena.bench.config import read_judge_config
from arena.bench.paths import Bench
from arena.bench.records import read_questions
from arena.chat.calls import check_model
from arena.chat.config import read_model_config
from arena.generate.budget import check_prices
from arena.generate.judge import (
    CaseFinder,
    Judge,
)
from arena.generate.judgments import JudgmentWork, check_config, models_to_judge
from arena.generate.run import Lane, execute, stale_flag


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_flags(parser, "config/judge_config.yaml")
    parser.add_argument("--judge-model", help="the judge (default: the setting file's)")
    parser.add_argument(
        "--baseline",
        action="append",
        help="a baseline model; repeatable (default: the setting file's)",
    )
    parser.add_argument(
        "--retry-invalid",
        action="store_true",
        help="judge games again that have no verdict (default: False)",
    )
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Judge what is not judged yet; see the flags."""
    args = _arguments(argv)
    config = read_judge_config(args.setting_file)
    config = replace(config, judge_model=args.judge_model or config.judge_model)
    if args.baseline:
        if not config.baseline:
            raise InputError(f"{config.path}: --baseline needs baseline: true, to show its answers")
        config = config.with_baselines(args.baseline)
    check_config(config)
    bench = Bench(args.data_dir, args.bench_name or config.bench_name)
    model = read_model_config(args.endpoint_file, config.judge_model)
    budget = check_prices([model], args.max_cost)
    judge = Judge(model, config)
    check_model(model, judge.max_tokens, key=not args.dry_run)
    questions = read_questions(bench)[: args.limit]
    finder = CaseFinder(judge, bench, questions)
    finder.check()
    works = []
    for name in models_to_judge(args.model or config.model_list, bench, config, questions):
        cases, left_out = finder.cases_of(name)
        work = JudgmentWork(
            judge,
            bench,
            name,
            cases,
            budget,
            retry_invalid=args.retry_invalid,
            stale=stale_flag(args),
        )
        work.tally.remarks.update(left_out)
        works.append(work)
    parallel = args.parallel or model.parallel
    return execute(
        works,
        lambda jobs: [Lane(parallel, list(chain(*jobs)), local=model.api_type == "llamacpp")],
        "game",
        args,
    )


if __name__ == "__main__":
    sys.exit(main())
