"""The caption of a board: what it shows, and how its scores and intervals were made."""

from __future__ import annotations

from arena.leaderboard.board import Board

MEAN, EQUAL = "the mean style", "equal style"  # the zero points of style features


def titles(board: Board) -> tuple[str, str]:
    """Return the title of a board, and how it was made, in a line."""
    selection = board.selection
    of = f": {board.name}" if board.name else ""
    judges = f"judged by {', '.join(selection.judges)}"
    against = f" against {board.baseline}" if board.baseline else ""
    words = [f"{judges}{against}", _mode(board)]
    if board.method.control and board.estimator.features:
        flag, there = ("none", EQUAL) if board.method.center else ("mean", MEAN)
        words[-1] += f" (--style-center {flag}: from {there})"
    if board.format.note:
        words.append(f"method {board.format.note}")
    if board.estimator.features and selection.weight != 1:
        points = f"points of weighted battles: a strong win counts {selection.weight}"
        words.append(f"{points} (--weight 1: win rates)")
    title = f"Leaderboard of {selection.bench.name}{of}"
    return title, ", ".join([*words, interval_method(board)])


def _mode(board: Board) -> str:
    """Return the style control in words, and from where it measures."""
    mode = board.mode.replace("_", " ")
    if board.method.control and board.estimator.features:
        mode += f" from {MEAN if board.method.center else EQUAL}"
    return mode


def interval_method(board: Board) -> str:
    """Return what the bootstrap draws, in how many rounds, and the kind of intervals."""
    method, level = board.method, f"{100 * board.estimator.level:.0f} %"
    return f"{method.resample} bootstrap, {method.rounds:,} rounds, {board.intervals} {level}"


def method_cell(board: Board) -> str:
    """Return the method of scores and intervals, as a cell of a file."""
    return ", ".join([board.estimator.name, _mode(board), interval_method(board)])
