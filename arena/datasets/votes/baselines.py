"""The baselines of votes of people: the orders of pairs that were drawn or judged before."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

from arena.base.jsonl import read_lines
from arena.bench.paths import Bench, is_person, judge_names, model_names
from arena.bench.records import BaselineRule, KeyLine, Question
from arena.leaderboard.people.draws import Drawn, draw_file

Pair = tuple[str, frozenset[str]]  # the id or the category of a question, and two models


class VoteBaselines:
    """The baselines of votes, so that a vote meets the judgments of the same pair.

    models: those of all votes, whose files of judgments are read.
    """

    def __init__(
        self,
        bench: Bench,
        rule: BaselineRule,
        questions: Sequence[Question],
        models: Collection[str],
    ) -> None:
        self.bench, self.rule = bench, rule
        self.by_question, self.by_category = dict[Pair, str](), dict[Pair, str]()
        categories = {question.id: question.category for question in questions}
        for judge in judge_names(bench):
            there = () if is_person(judge) else model_names(bench.judgments(judge))
            for model in there:
                if model in models:
                    path = bench.judgment_file(judge, model)
                    for line in read_lines(path, KeyLine, "a judgment"):
                        category = categories.get(line.id, "")
                        if baseline := rule.of(line.baseline, category):
                            both = frozenset((line.model or model, baseline))
                            self.by_question.setdefault((line.id, both), baseline)
                            self.by_category.setdefault((category, both), baseline)

    @functools.cache  # noqa: B019 (lives as long as an import)
    def drawn(self, judge: str) -> dict[Pair, str]:
        """Return the baselines of the pairs that were drawn for a person to label."""
        path = draw_file(self.bench, judge)
        lines = read_lines(path, Drawn, "a draw") if path.exists() else []
        return {
            (line.id, frozenset((line.model or "", line.baseline))): line.baseline
            for line in lines
            if line.baseline
        }

    def of(self, judge: str, question: Question, a: str, b: str) -> str:
        """Return the baseline of a person's vote: that of the person's draw, else of a judge's
        judgments of the pair on the question, else on its category, else the rule's if it is in
        the pair, else the first by name.
        """
        both, usual = frozenset((a, b)), self.rule.of(None, question.category)
        return (
            self.drawn(judge).get((question.id, both))
            or self.by_question.get((question.id, both))
            or self.by_category.get((question.category, both))
            or (usual if usual in both else None)
            or min(a, b)
        )
