"""The run in which a model rates prompts, and the prompts that it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arena.bench.paths import Bench
from arena.chat.budget import budget_of
from arena.chat.clients import check_model
from arena.chat.config import read_model_config
from arena.datasets.making.bench import Dropped, hard_prompts, questions_of
from arena.datasets.making.prompts import Prompt
from arena.datasets.making.qualities import QualityWork
from arena.generate.complete import complete
from arena.generate.work import RunOptions


@dataclass(frozen=True)
class RatingOptions:
    """How to rate prompts.

    judge: an entry of the endpoint file. least: the number of qualities that a prompt must have.
    run: other options of RunOptions.
    """

    bench: Bench
    judge: str
    endpoint_file: Path
    least: int
    parallel: int | None
    max_cost: float | None
    run: Mapping[str, Any]


def rated_prompts(
    prompts: Sequence[Prompt], options: RatingOptions, dropped: Dropped
) -> tuple[int, list[Prompt] | None]:
    """Let a model rate prompts. Return the exit status, and the prompts with enough qualities, None
    if ratings are missing or this was a dry run.
    """
    model = read_model_config(options.endpoint_file, options.judge)
    model = replace(model, parallel=options.parallel or model.parallel)
    questions = questions_of(prompts, options.bench.name)
    budget = budget_of([model], options.max_cost)
    work = QualityWork(model, RunOptions(options.bench, questions, budget, **options.run))
    key, address = not work.options.dry_run, not work.options.uses_files
    check_model(model, work.max_tokens, key=key, address=address)
    status = complete([work], "rating", work.options)
    if status or work.options.dry_run or work.missing()[1]:
        return status, None
    return 0, hard_prompts(prompts, work.records, options.least, dropped)
