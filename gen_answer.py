"""Asks the models of `model_list` the questions of a bench.

    python gen_answer.py
    python gen_answer.py --setting-file config/gen_answer_config.yaml
    python gen_answer.py --model my-checkpoint --parallel 64 --limit 20

Answers go to `data/<bench_name>/model_answer/<model>.jsonl`; what is there is not asked for again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from arena.base.errors import InputError, script
from arena.base.flags import add_run_flags
from arena.bench.config import read_answer_config
from arena.bench.paths import Bench
from arena.bench.records import read_questions
from arena.chat.calls import check_model
from arena.chat.config import read_model_config
from arena.generate.answers import AnswerWork, answer_limit, check_formats
from arena.generate.budget import check_prices
from arena.generate.run import Lane, execute, stale_flag


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_flags(parser, "config/gen_answer_config.yaml")
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Ask all models what they have not answered yet; see the flags."""
    args = _arguments(argv)
    config = read_answer_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or config.bench_name)
    names = args.model or config.model_list
    if not names:
        raise InputError(f"{args.setting_file}: model_list is empty; name a model there or --model")
    models = [read_model_config(args.endpoint_file, name) for name in dict.fromkeys(names)]
    questions = read_questions(bench)[: args.limit]
    check_formats(questions, config, args.setting_file)
    budget = check_prices(models, args.max_cost)
    works = []
    for model in models:
        check_model(model, answer_limit(model, config), key=not args.dry_run)
        model = replace(model, parallel=args.parallel or model.parallel)
        works.append(AnswerWork(model, config, bench, questions, budget, stale_flag(args)))
    return execute(
        works,
        lambda jobs: [
            Lane(w.model.parallel, j, local=w.model.api_type == "llamacpp")
            for w, j in zip(works, jobs, strict=True)
        ],
        "answer",
        args,
    )


if __name__ == "__main__":
    sys.exit(main())
