"""The pairs of models that are compared with each other, without one baseline for all."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from pathlib import Path

from arena.base.errors import InputError
from arena.base.jsonl import read_bytes
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench, model_names

Pair = tuple[str, str]  # the baseline of its records, and their model
HEADER = ["model_a", "model_b"]


def in_order(models: Iterable[str], baselines: Collection[str]) -> list[str]:
    """Return models in the order of their pairs, baselines first and then by name.

    So every run finds the judgments of a pair that an earlier one made, also of a run against the
    baselines.
    """
    return sorted(set(models), key=lambda name: (name not in baselines, name))


def round_robin(models: Iterable[str], baselines: Collection[str]) -> list[Pair]:
    """Return every pair of some models. Raises InputError for fewer than two."""
    names = in_order(models, baselines)
    if len(names) < 2:
        there = f"only {names[0]}" if names else "none"
        problem = f"--round-robin: a pair needs two models with answers, and there is {there}"
        raise InputError(f"{problem}. Name them with --model.")
    return list(combinations(names, 2))


def read_pairs(path: Path, baselines: Collection[str]) -> list[Pair]:
    """Return the pairs of a file of two names a line, with a comma between them.

    Raises InputError for another line, a model against itself, and a file without pairs.
    """
    text = read_bytes(path, "pairs").decode("utf-8-sig", "replace")
    pairs: dict[Pair, None] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        names = [name.strip() for name in row]
        if not any(names) or names == HEADER:
            continue
        if len(names) != 2 or not all(names):
            problem = "expected two models with a comma between them"
            raise InputError(f"{path}:{number}: {problem}, e.g. my-checkpoint,gpt-6-luna")
        if names[0] == names[1]:
            raise InputError(f"{path}:{number}: {names[0]} against itself. Name two models.")
        first, second = in_order(names, baselines)
        pairs[first, second] = None
    if not pairs:
        raise InputError(f"{path}: no pairs. Write two models a line, with a comma between them.")
    return list(pairs)


def chosen_pairs(
    config: JudgeConfig, bench: Bench, models: Sequence[str], path: Path | None
) -> list[Pair]:
    """Return the pairs of a file, or without one every pair of the models: those named, else those
    of the config with its baselines, else all with answers.

    Raises InputError if the config has no pairs, and for what the pairs cannot be.
    """
    if not config.pairwise:
        problem = "pairwise is false, and single answers make no pairs"
        raise InputError(f"{config.path}: {problem}. Use a setting file that compares answers.")
    baselines = config.all_baselines
    if path:
        return read_pairs(path, baselines)
    listed = (*config.model_list, *baselines) if config.model_list else model_names(bench.answers)
    return round_robin(models or listed, baselines)
