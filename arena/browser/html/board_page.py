"""The leaderboard and what judges do as HTML: plain functions from numbers to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from arena.bench.labels import LABELS
from arena.browser.html.battle_page import MEANINGS, notice
from arena.browser.html.markdown import clean, plain
from arena.leaderboard.output.html import bar, board_table
from arena.leaderboard.output.text import level_text
from arena.quality.judges import Agreement, JudgeStats, share

if TYPE_CHECKING:
    from arena.leaderboard.board import Board


def board_html(board: Board, lines: Iterable[str], *, headed: bool) -> str:
    """Return a board as a table whose rows open their models, with the lines below it."""
    name = f"<h3>{escape(board.name or 'no category')}</h3>" if headed else ""
    notes = "".join(f"<p>{escape(line)}</p>" for line in (*_explanations(board), *lines))
    table = board_table(board, browsed=True)
    return clean(f'<div class="board">{name}{table}<div class="below">{notes}</div></div>')


def _explanations(board: Board) -> Iterator[str]:
    """Yield what the columns of a board mean, in sentences."""
    score = board.format.axis(board.baseline)
    thrice = board.estimator.name == "bradley-terry"
    yield (
        f"{score[0].upper()}{score[1:]}, with its {level_text(board)} interval as distances from "
        f"it.{' A much better answer counts three times.' * thrice} "
        "Tokens: the mean length of the answers."
    )
    if board.coefficients:
        yield (
            "A style coefficient is what one standard deviation of the difference in a feature "
            "adds to the log-odds of winning. The scores are without it."
        )


# Judges


def judges_html(stats: Mapping[str, JudgeStats], pairs: Mapping[tuple[str, str], Agreement]) -> str:
    """Return what judges do, a row each, and how far they agree, a row a pair."""
    graded = {judge: one.grades for judge, one in stats.items() if one.grades}
    labelled = {j: one for j, one in stats.items() if any(one.labels.values()) or j not in graded}
    parts = list(_labels(labelled)) if labelled else []
    if graded:
        parts.append("<h3>Grades of single answers</h3>")
        parts.append(_table(_GRADE_HEADS, map(_grade_row, graded, graded.values())))
    if labelled:
        compared = {pair: both for pair, both in pairs.items() if labelled.keys() >= set(pair)}
        parts += _agreements(compared)
    return f'<div class="judges">{"".join(parts)}</div>'


def _labels(stats: Mapping[str, JudgeStats]) -> Iterator[str]:
    yield "<h3>What each judge says</h3>"
    yield _table(_JUDGE_HEADS, map(_judge_row, stats, stats.values()))
    yield from map(_paragraph, _HOW_JUDGES)


def _agreements(pairs: Mapping[tuple[str, str], Agreement]) -> Iterator[str]:
    yield "<h3>Where judges agree</h3>"
    if pairs:
        yield _table(_PAIR_HEADS, map(_pair_row, pairs, pairs.values()))
        yield _paragraph(_HOW_PAIRS)
    else:
        yield notice("There is one judge only: nobody to agree with.")


_JUDGE_HEADS = (
    "judge",
    "judgments",
    "games",
    *LABELS,
    "",
    "no verdict",
    "first place wins",
    "order flips the winner",
)
_GRADE_HEADS = ("judge", "grades", "mean", "lowest", "highest")
_PAIR_HEADS = ("judges", "games", "same label", "kappa", "weighted kappa")
_HOW_JUDGES = (
    "; ".join(f"{label}: {words}" for label, words in MEANINGS.items()) + ".",
    "Shares of labels are of the games with a verdict. A is the answer that the judge saw first. "
    "First place wins: the share of A among the games that A or B wins, over judgments with two "
    "verdicts, in which each side was A once; 50 % is no preference for a place.",
    "Order flips the winner: the share of these judgments whose two games name different winners; "
    "a tie beside a win is a flip. A judge who is not sure flips too.",
)
_HOW_PAIRS = (
    "Over the games that both judges decided. Kappa is the agreement on labels beyond chance: 1 is "
    "always, 0 is as often as their habits alone would give; weighted: with squared distances "
    "between labels. judge_report.py has intervals, and what sways a judge."
)


def _paragraph(text: str) -> str:
    return f'<p class="how">{plain(text)}</p>'


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{plain(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _judge_row(judge: str, stats: JudgeStats) -> Iterator[str]:
    yield plain(judge)
    yield f"{stats.judgments:,}"
    yield f"{stats.games:,}"
    for number in stats.labels.values():
        yield _percent(share(number, sum(stats.labels.values())))
    yield bar(
        list(zip(LABELS, ("big-a", "a", "tie", "b", "big-b"), stats.labels.values(), strict=True))
    )
    yield _percent(share(stats.without_verdict, stats.games))
    yield _percent(stats.first_place)
    yield _percent(stats.flips)


def _grade_row(judge: str, grades: Sequence[float]) -> Iterator[str]:
    yield plain(judge)
    yield f"{len(grades):,}"
    yield f"{sum(grades) / len(grades):.2f}"
    yield f"{grades[0]:g}"
    yield f"{grades[-1]:g}"


def _pair_row(pair: tuple[str, str], both: Agreement) -> Iterator[str]:
    yield " – ".join(map(plain, pair))
    yield f"{both.games:,}"
    yield _percent(both.rate)
    for kappa in (both.kappa, both.weighted):
        yield "n/a" if kappa is None else f"{kappa:.3f}"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f} %"
