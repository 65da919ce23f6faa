"""The overall board: the mean of the boards of several categories."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from arena.leaderboard.board import Board
from arena.leaderboard.judges import Judges
from arena.scoring.cells import Counts


def why_no_overall(boards: Sequence[Board]) -> str | None:
    """Return the reason against a mean of some boards, None if there is none."""
    for one, other in combinations(boards, 2):
        first, second = (board.name or "(none)" for board in (one, other))
        if one.estimator.name != other.estimator.name:
            methods = f"methods {one.estimator.name} and {other.estimator.name}"
            return f"{first} and {second} have the {methods}. Choose one with --method"
        if shared := set(one.questions) & set(other.questions):
            return f"{first} and {second} share {len(shared):,} questions"
        if one.counts.ranges and other.counts.ranges not in ((), one.counts.ranges):
            return f"the grades of {first} and {second} have different ranges"
    return None


def overall_board(boards: Sequence[Board]) -> Board:
    """Return the mean of boards for the models on all of them, weighted by numbers of questions."""
    models = sorted(set.intersection(*(set(board.samples) for board in boards)))
    board = _without_rows(boards, models)
    shares = np.array(list(board.weights.values())) / sum(board.weights.values())
    mean, rounds = _mean_scores(boards, models, shares)
    tokens = {row.model: row.tokens for row in boards[0].rows if row.tokens is not None}
    # A baseline stands on every question of its board, but is not counted as judged.
    judged = np.array(
        [[one.counts.judged.get(model, len(one.questions)) for model in models] for one in boards]
    )
    exact = np.array([all(model == one.baseline for one in boards) for model in models], bool)
    uncertainty = functools.partial(
        board.estimator.overall_uncertainty,
        questions=judged.sum(axis=0),
        resample="battle" if board.method.as_published else board.method.resample,
        boards=len(boards),
        exact=exact,
        ranges=board.counts.ranges,
    )
    found = uncertainty(mean, rounds)
    if not board.method.as_published:
        found = found.of_enough(judged.sum(axis=0), exact)
    if board.method.honest and any(one.copy_score is not None for one in boards):
        equal = [one.scored.equal_style.board(ranked=False) for one in boards if one.scored]
        strengths = uncertainty(*_mean_scores(equal, models, shares)).strengths
        found = replace(found, strengths=strengths)
    judges = Judges.mean([one.judges for one in boards], shares, models)
    board = replace(
        board,
        copy_score=_mean([one.copy_score for one in boards], shares),
        narrowness=_mean([one.narrowness for one in boards], shares),
    )
    return board.with_rows(models, mean, rounds, found, tokens, judges)


def _mean_scores(
    boards: Sequence[Board], models: Sequence[str], shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean of the boards' scores (M,), and of each round (R, M)."""
    rows = [{row.model: row for row in one.rows} for one in boards]
    mean = shares @ np.array([[of_board[model].score for model in models] for of_board in rows])
    samples = np.array([[one.samples[model] for model in models] for one in boards])
    # The draws of different categories are independent, so a round is averaged like the scores.
    return mean, np.tensordot(shares, samples, axes=1).T if models else np.empty((1, 0))


def _mean(values: Sequence[float | None], shares: np.ndarray) -> float | None:
    """Return the weighted mean of the boards' values, None if a board has none."""
    there = [value for value in values if value is not None]
    return float(shares @ there) if len(there) == len(values) else None


def _without_rows(boards: Sequence[Board], models: Collection[str]) -> Board:
    """Return the overall board of some models before it has rows: settings, weights and counts."""
    selections, counts = [board.selection for board in boards], [board.counts for board in boards]
    missing = {
        model: f"not on the board of {', '.join(b.name for b in boards if model not in b.samples)}"
        for model in sorted(set().union(*(board.samples for board in boards)) - set(models))
    }
    return replace(
        boards[0],
        selection=replace(
            selections[0],
            baselines=tuple(dict.fromkeys(b for one in selections for b in one.baselines)),
            categories=tuple(name for one in selections for name in one.categories),
        ),
        baseline=None,
        coefficients={},
        counts=Counts(
            judgments=sum(one.judgments for one in counts),
            battles=sum(one.battles for one in counts),
            games_without_verdict=sum(one.games_without_verdict for one in counts),
            left_out=sum((Counter(one.left_out) for one in counts), Counter()),
            added_losses=sum(one.added_losses for one in counts),
            models_left_out=missing,
            judged={},
            questions=sum(one.questions or 0 for one in counts),
            same_questions=True,
            ranges=tuple(sorted({span for one in counts for span in one.ranges})),
            without_settings=sum(one.without_settings for one in counts),
        ),
        questions=tuple(question for board in boards for question in board.questions),
        weights={board.name: board.counts.questions or 0 for board in boards},
        scored=None,
    )
