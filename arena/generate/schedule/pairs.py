"""The pairs of models that are compared with each other, without one baseline for all."""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

from arena.base.errors import InputError
from arena.base.jsonl import read_bytes
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench, model_names
from arena.bench.records import (
    BaselineRule,
    baseline_rule,
    read_judgments_by_kind,
    read_questions,
)

Pair = tuple[str, str]  # the baseline of its records, and their model
HEADER = ["model_a", "model_b"]


@dataclass(frozen=True)
class Pairing:
    """The pairs of models that a run judges, in the order that their records have.

    `stored`: question, baseline and model of the judge's earlier judgments, which keep their order.
    `rule`: the baseline of records that name none. `anchor`: the model that scores 50 on a board of
    the pairs, the judge's usual baseline, none if no pair has it.
    """

    pairs: Sequence[Pair]
    stored: Collection[tuple[str, str, str]]
    rule: BaselineRule
    anchor: tuple[str, ...] = ()

    @functools.cached_property
    def _wanted(self) -> frozenset[Pair]:
        return frozenset(self.pairs)

    @functools.cached_property
    def orders(self) -> list[Pair]:
        """The pairs, and last those that earlier judgments have in the other order."""
        turned = {(b, a) for _, a, b in self.stored} & self._wanted
        return [
            *self.pairs,
            *((second, first) for first, second in self.pairs if (first, second) in turned),
        ]

    def check_connected(self) -> None:
        """Raise InputError if no chain of pairs connects some of the models to the others."""
        models = list(dict.fromkeys(chain.from_iterable(self.pairs)))
        found = {models[0]}
        while grown := {one for pair in self.pairs if found & set(pair) for one in pair} - found:
            found |= grown
        if apart := [model for model in models if model not in found]:
            problem = f"no chain of pairs connects {', '.join(apart)} to {', '.join(sorted(found))}"
            raise InputError(f"--stop-at: {problem}. Add a pair, so that one board has all.")

    @property
    def baselines(self) -> list[str]:
        """The baselines of the pairs' records, each once."""
        return list(dict.fromkeys(first for first, _ in self.orders))

    def has(self, question: str, baseline: str | None, model: str) -> bool:
        """Whether the judgment of a question has this order: that of an earlier one, else ours."""
        if baseline is None or not {(baseline, model), (model, baseline)} & self._wanted:
            return False
        there = (question, baseline, model) in self.stored
        turned = (question, model, baseline) in self.stored
        return there if there != turned else (baseline, model) in self._wanted


def in_order(models: Iterable[str], baselines: Sequence[str]) -> list[str]:
    """Return models in the order of their pairs: baselines as they are listed, then by name."""
    places = {name: place for place, name in enumerate(baselines)}
    return sorted(set(models), key=lambda name: (places.get(name, len(places)), name))


def round_robin(models: Iterable[str], baselines: Sequence[str]) -> list[Pair]:
    """Return every pair of some models. Raises InputError for fewer than two."""
    names = in_order(models, baselines)
    if len(names) < 2:
        there = f"only {names[0]}" if names else "none"
        problem = f"--round-robin: a pair needs two models with answers, and there is {there}"
        raise InputError(f"{problem}. Name them with --model.")
    return list(combinations(names, 2))


def read_pairs(path: Path, baselines: Sequence[str]) -> list[Pair]:
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
    config: JudgeConfig, bench: Bench, judge: str, models: Sequence[str], path: Path | None
) -> Pairing:
    """Return the pairs of a file, or without one every pair of the models: those named, else those
    of the config with its baselines, else all with answers.

    Raises InputError if the config has no pairs, and for what the pairs cannot be.
    """
    if not config.pairwise:
        problem = "pairwise is false, and single answers make no pairs"
        raise InputError(f"{config.path}: {problem}. Use a setting file that compares answers.")
    baselines = config.all_baselines
    if path:
        pairs = read_pairs(path, baselines)
    else:
        listed = (
            (*config.model_list, *baselines) if config.model_list else model_names(bench.answers)
        )
        pairs = round_robin(models or listed, baselines)
    rule = baseline_rule(bench, config)
    anchor = tuple(name for name in baselines[:1] if name in chain.from_iterable(pairs))
    return Pairing(pairs, stored_orders(bench, judge, pairs, rule), rule, anchor)


def stored_orders(
    bench: Bench, judge: str, pairs: Iterable[Pair], rule: BaselineRule
) -> frozenset[tuple[str, str, str]]:
    """Return question, baseline and model of the judgments of models in pairs that are stored."""
    categories = {question.id: question.category for question in read_questions(bench)}
    return frozenset(
        (question, rule.of(judgment.baseline, categories.get(question, "")) or "", model)
        for model in dict.fromkeys(chain.from_iterable(pairs))
        if (path := bench.judgment_file(judge, model)).exists()
        for judgment, questions in read_judgments_by_kind(path, model, judge)
        for question in questions
    )
