"""The leaderboard, clusters and what judges do as HTML: plain functions from numbers to text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from arena.bench.labels import LEGEND
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import clean, plain
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import ClusterTable
from arena.leaderboard.output.caption import interval_method
from arena.leaderboard.output.clusters.cluster_page import Links, cluster_rows
from arena.leaderboard.output.clusters.cluster_report import note_lines
from arena.leaderboard.output.html import BoardLinks, board_table, html_row, html_table
from arena.leaderboard.output.text import SPANS
from arena.quality.judge_html import pair_table, verdict_table
from arena.quality.judge_measures import PairReport, Verdicts


def board_html(
    board: Board,
    lines: Iterable[str],
    *,
    headed: bool,
    links: BoardLinks,
) -> str:
    """Return a board as a table whose rows open their models, with the lines below it."""
    name = f"<h3>{escape(board.name or 'no category')}</h3>" if headed else ""
    score = board.format.axis(board.baseline)
    about = f"{score[0].upper()}{score[1:]}, with its {board.estimator.level:.0%} interval as "
    about += "distances from it. "
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
    "A style coefficient is what one standard deviation of the difference in a feature adds to the "
    "log-odds of winning. The scores are without it."
)


def clusters_html(
    table: ClusterTable, boards: Sequence[Board], models: Sequence[str], links: Links
) -> str:
    """Return the scores of models in clusters, a row each, with the lines below them."""
    rows = cluster_rows(table, boards, models, links=links)
    lines = [
        *([] if boards else ["No cluster has so many questions."]),
        *note_lines(table, flags=False),
    ]
    below = "".join(f"<p>{escape(note)}</p>" for note in lines)
    return clean(f'<div class="clusters">{rows}<div class="below">{below}</div></div>')


def judges_html(
    judges: Mapping[str, Verdicts],
    pairs: Mapping[tuple[str, str], PairReport],
    grades: Mapping[str, Sequence[float]],
) -> str:
    """Return the verdicts and grades of judges, a row each, and their agreement, a row a pair."""
    graded = {name: sorted_grades for name, sorted_grades in grades.items() if sorted_grades}
    labelled = {n: judge for n, judge in judges.items() if judge.decided or n not in graded}
    parts = []
    if labelled:
        parts += ["<h3>What each judge says</h3>", verdict_table(list(labelled.values()))]
        parts += (f'<p class="how">{plain(text)}</p>' for text in _HOW_JUDGES)
    if graded:
        heads = ("judge", "grades", "mean", "lowest", "highest")
        rows = (
            (escape(name), f"{len(g):,}", f"{sum(g) / len(g):.2f}", f"{g[0]:g}", f"{g[-1]:g}")
            for name, g in graded.items()
        )
        parts += ["<h3>Grades of single answers</h3>", html_table(heads, map(html_row, rows))]
    if labelled:
        compared = [pair for names, pair in pairs.items() if labelled.keys() >= set(names)]
        alone = notice("There is one judge only: nobody to agree with.")
        table = [pair_table(compared), f'<p class="how">{plain(_HOW_PAIRS)}</p>']
        parts += ["<h3>Where judges agree</h3>", *(table if compared else [alone])]
    return clean(f'<div class="judges">{"".join(parts)}</div>')


_HOW_JUDGES = (
    LEGEND,
    "Shares of labels are of the games with a verdict. A is the answer that the judge saw first. "
    "Place bias: points of win rate that the first place adds at an even match, over judgments "
    "with two verdicts. With 10, the first of two equal answers wins 60 %, and 0 is no bias. It "
    "does not depend on how much the models differ. A >> counts once here.",
    "Order flips the winner: the share of these judgments whose two games name different winners. "
    "A tie beside a win is a flip. A judge who is not sure flips too.",
)
_HOW_PAIRS = (
    "Over the games that both judges decided. Kappa is the agreement on labels beyond chance: 1 is "
    "always, 0 is as often as their habits alone would give. Weighted kappa uses squared distances "
    "between labels. judge_report.py has intervals, and what sways a judge."
)
