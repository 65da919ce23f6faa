"""The leaderboard and clusters as HTML: plain functions from numbers to text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from arena.browser.html.markdown import clean
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import ClusterTable
from arena.leaderboard.output.caption import interval_method, opponent
from arena.leaderboard.output.clusters.cluster_page import Links, cluster_rows
from arena.leaderboard.output.clusters.cluster_report import note_lines
from arena.leaderboard.output.html import BoardLinks, board_table
from arena.leaderboard.output.text import SPANS


def board_html(
    board: Board,
    lines: Iterable[str],
    *,
    headed: bool,
    links: BoardLinks,
) -> str:
    """Return a board as a table whose rows open their models, with the lines below it."""
    name = f"<h3>{escape(board.name or 'no category')}</h3>" if headed else ""
    score = board.format.axis(opponent(board))
    about = f"{score[0].upper()}{score[1:]}, with the distances to the ends of its "
    about += f"{board.estimator.level:.0%} interval. "
    if board.estimator.features:
        about += "A much better answer counts three times. "
    about += "Tokens: the mean length of the answers. "
    if board.method.honest:
        about += f"Rank: {SPANS[0].hint}. "
    about += f"Intervals: {interval_method(board)}."
    notes = [about, *([_COEFFICIENTS] if board.coefficients else ()), *lines]
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    table = board_table(board, links)
    return clean(f'<div class="board">{name}{table}<div class="below">{below}</div></div>')


_COEFFICIENTS = (
    "A style coefficient is the change in the log-odds of winning if the difference in a feature "
    "grows by one standard deviation. Scores do not include it."
)


def clusters_html(
    table: ClusterTable, boards: Sequence[Board], models: Sequence[str], links: Links
) -> str:
    """Return the scores of models in clusters, a row each, with the lines below them."""
    rows = cluster_rows(table, boards, models, links=links)
    lines = [
        *([] if boards else ["No cluster has that many judged questions."]),
        *note_lines(table, flags=False),
    ]
    below = "".join(f"<p>{escape(note)}</p>" for note in lines)
    return clean(f'<div class="clusters">{rows}<div class="below">{below}</div></div>')
