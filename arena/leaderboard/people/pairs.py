"""The pairs that a judge or a person judged against the baseline, and the points of the models."""

from __future__ import annotations

import statistics

from arena.bench.labels import worth
from arena.bench.paths import judged_models
from arena.bench.records import Judgment, read_judgments
from arena.scoring.selection import Selection, bench_questions, matching_questions

Pair = tuple[str, str]  # question and model


def points_of(judgment: Judgment) -> float | None:
    """Return the model's mean points of the games, from 0 to 1 and of weight 1, or None."""
    games = (
        [(p > 0) - (p < 0) for label in labels if (p := worth(label, game)) is not None]
        for game, labels in enumerate(judgment.verdicts)
    )
    means = [statistics.fmean(points) for points in games if points]
    return (1 + statistics.fmean(means)) / 2 if means else None


def judged_pairs(selection: Selection, judge: str) -> dict[Pair, float | None]:
    """Return the points against the only baseline of all pairs of the selection's questions that a
    judge has judged, None without a verdict.

    A judgment in which the baseline has the model's place counts the other way round.
    """
    bench, baseline = selection.bench, selection.baselines[0]
    questions = bench_questions(bench, needed=bool(selection.categories))
    ids = matching_questions(selection, questions)
    usual, turned = dict[Pair, float | None](), dict[Pair, float | None]()
    for name in judged_models(bench, judge):
        for judgment in read_judgments(bench.judgment_file(judge, name), name, judge):
            question, model = judgment.question_id, judgment.model
            other, points = judgment.baseline or baseline, points_of(judgment)
            is_selected = ids is None or question in ids
            if model == other or judgment.judge != judge or not is_selected:
                continue
            if other == baseline:
                usual[question, model] = points
            elif model == baseline:
                turned[question, other] = None if points is None else 1 - points
    return turned | usual


def decided(pairs: dict[Pair, float | None]) -> dict[Pair, float]:
    """Return the pairs with a verdict."""
    return {pair: points for pair, points in pairs.items() if points is not None}
