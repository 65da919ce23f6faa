"""A board as text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from leaderboard import Board, Row


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a leaderboard as users know them, one a model."""
    for row in board.rows:
        yield (
            f"{row.model: <30} | score: {_score(row.score, board.elo): ^5} "
            f"| 95% CI: {_interval(row, board.elo): ^12} | average #tokens: {_tokens(row)}"
        )


def _score(score: float, elo: bool) -> str:
    """Return a win rate with one decimal, rounded by way of two; a rating as a truncated number."""
    if not elo:
        return f"{round(round(score, 2), 1):.1f}"
    return str(int(score)) if math.isfinite(score) else str(score)


def _interval(row: Row, elo: bool) -> str:
    ends = (row.lower, row.upper)
    if elo:
        return "({}, {})".format(*(int(end) if math.isfinite(end) else end for end in ends))
    return "({:.1f}, {:.1f})".format(*ends)


def _tokens(row: Row) -> str:
    return "n/a" if row.tokens is None else str(int(row.tokens))


def summary_lines(board: Board) -> Iterator[str]:
    """Yield what the board rests on: the counts, and what was left out."""
    counts = board.counts
    yield (
        f"{counts.judgments:,} judgments, {counts.battles:,} weighted battles, "
        f"{counts.games_without_verdict:,} games without verdict"
    )
    for why, number in sorted(counts.left_out.items()):
        yield f"left out: {number:,} {why}"
    for model, why in sorted(counts.models_left_out.items()):
        yield f"left out: {model}: {why}"
