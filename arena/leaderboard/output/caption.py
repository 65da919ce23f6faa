"""The caption of a board: what it shows, and how its scores and intervals were made."""

from __future__ import annotations

from arena.leaderboard.board import Board

MEAN, EQUAL = "the mean style", "equal style"  # the zero points of style features
AVERAGE = "an average model"  # what scores are against without a baseline
CLOSED = "logit-t"  # the kind of intervals in closed form


def titles(board: Board) -> tuple[str, str]:
    """Return the title of a board, and how it was made, in a line."""
    selection = board.selection
    of = f": {board.name}" if board.name else ""
    judges = f"judged by {', '.join(selection.judges)}"
    against = f" against {other}" if (other := opponent(board)) else ""
    words = [f"{judges}{against}", _mode(board)]
    if center := style_center(board):
        flag, there = ("none", EQUAL) if center == "mean" else ("mean", MEAN)
        words[-1] += f" (--style-center {flag}: from {there})"
    if board.format.note:
        words.append(f"method {board.format.note}")
    if board.estimator.features and selection.weight != 1:
        points = f"points of weighted battles: a strong win counts {selection.weight}"
        words.append(f"{points} (--weight 1: win rates)")
    title = f"Leaderboard of {selection.bench.name}{of}"
    return title, ", ".join([*words, interval_method(board)])


def opponent(board: Board) -> str | None:
    """Return the opponent in the win rates of a board, None for grades and means."""
    return AVERAGE if board.selection.anchored == "mean" else board.baseline


def _mode(board: Board) -> str:
    """Return the style control in words, and from where it measures."""
    mode = board.mode.replace("_", " ")
    if center := style_center(board):
        mode += f" from {MEAN if center == 'mean' else EQUAL}"
    return mode


def style_center(board: Board) -> str | None:
    """Return the zero point of style, `mean` or `none`, or None without style control."""
    if not (board.method.control and board.estimator.features):
        return None
    return "mean" if board.method.center else "none"


def interval_method(board: Board) -> str:
    """Return the kind of intervals, what the bootstrap draws and in how many rounds.

    Intervals in closed form need no rounds, but ranks and the scores of v2.0 do.
    """
    method = board.method
    kind = f"{board.intervals} {100 * board.estimator.level:.0f} %"
    judges = ", random judges" if method.judge_effects == "random" else ""
    rounds = f"{method.rounds:,} round{'' if method.rounds == 1 else 's'}"
    if board.intervals != CLOSED:
        return f"{method.resample} bootstrap, {rounds}, {kind}{judges}"
    drawn = {
        "scores": board.estimator.averages_rounds,
        "ranks": any(row.rank for row in board.rows),
    }
    names = " and ".join(name for name, there in drawn.items() if there)
    boot = f", {names} by {method.resample} bootstrap of {rounds}" if names else ""
    return f"{kind} over questions{judges}{boot}"


def method_cell(board: Board) -> str:
    """Return the method of scores and intervals, as a cell of a file."""
    return ", ".join([board.estimator.name, _mode(board), interval_method(board)])
