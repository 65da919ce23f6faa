"""The leaderboard and what judges do as HTML: plain functions from numbers to text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from arena.bench.labels import LABELS, OUTCOMES
from arena.browser.html.battle_page import MEANINGS, class_of, notice
from arena.browser.html.markdown import plain
from arena.leaderboard.output.html import interval_svg
from arena.leaderboard.output.text import row_texts
from arena.quality.judge_comparison import PairReport
from arena.quality.judge_measures import Verdicts
from arena.quality.measures import estimate_text

if TYPE_CHECKING:
    from arena.leaderboard.board import Board, Row

# Leaderboard


def board_html(board: Board, lines: Iterable[str], *, headed: bool) -> str:
    """Return a board as a table whose rows open their models, each with its interval drawn, and the
    lines below it.
    """
    axis = _axis(board)
    games = any(row.outcomes for row in board.rows)
    head = "".join(f"<th{about}>{name}</th>" for name, about in _heads(board, axis, games))
    rows = "".join(
        _board_row(rank, row, board, axis, games) for rank, row in enumerate(board.rows, start=1)
    )
    name = f"<h3>{plain(board.name or 'no category')}</h3>" if headed else ""
    below = "".join(f"<p>{plain(line)}</p>" for line in (*_helps(board), *lines))
    return (
        f'<div class="board">{name}<table class="numbers"><thead><tr>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table><div class="below">{below}</div></div>'
    )


def _heads(board: Board, axis: Sequence[float], games: bool) -> Iterator[tuple[str, str]]:
    """Yield the heads of the columns, each with its attributes."""
    score, level = _what(board), f"{board.estimator.level:.0%}"
    yield "", ' class="rank"'
    yield "model", ' class="name"'
    yield board.scale, f' title="{plain(score)}"'
    yield f"{level} CI", f' title="the {level} interval, as distances from the score"'
    yield _ticks(axis), f' class="plot" title="{plain(score)}, with its {level} interval"'
    yield "tokens", ' title="mean length of the answers"'
    if games:
        yield "games: won … lost", ' class="games" title="all games with a verdict, by outcome"'


def _what(board: Board) -> str:
    """Return what the scores of a board are."""
    if board.scale == "grade":
        return "mean grade of the answers"
    if board.scale == "elo":
        return "rating"
    return f"win rate against {board.baseline} in %" if board.baseline else "mean of win rates in %"


def _helps(board: Board) -> Iterator[str]:
    """Yield what the columns of a board are, in sentences."""
    what = _what(board)
    thrice = " A much better counts three times." if board.estimator.name == "bradley-terry" else ""
    if board.scale == "grade":
        thrice = ""
    yield (
        f"{what[0].upper()}{what[1:]}, with its {board.estimator.level:.0%} interval as distances "
        f"from it.{thrice} Tokens: the mean length of the answers."
    )
    if board.coefficients:
        yield (
            "A style coefficient is what one standard deviation of the difference in a feature "
            "adds to the log-odds of winning; the scores are without it."
        )


def _board_row(rank: int, row: Row, board: Board, axis: Sequence[float], games: bool) -> str:
    is_anchor = row.model == board.baseline
    name = plain(row.model)
    score, interval, tokens = row_texts(row, board)
    known = math.isfinite(row.score)
    plot = interval_svg(row, board, axis[0], axis[-1]) if known else "no finite score"
    about = f'class="model" data-model="{name}" title="open the battles of {name}"'
    shown = f"<button>{name}</button>"
    if is_anchor:
        about, shown = f'class="baseline" title="{name} is the baseline"', name
    cells = [f'<td class="rank">{rank}</td><td class="name">{shown}</td><td>{score}</td>']
    cells += [f'<td>{interval}</td><td class="plot">{plot}</td><td>{tokens}</td>']
    cells += [f'<td class="games">{"" if is_anchor else _games(row)}</td>'] if games else []
    return f"<tr {about}>{''.join(cells)}</tr>"


def _games(row: Row) -> str:
    outcomes = OUTCOMES.values()
    return _bar(zip(outcomes, outcomes, row.outcomes, strict=True)) if row.outcomes else ""


def _axis(board: Board) -> list[float]:
    """Return the marks of a scale that holds all finite scores and intervals."""
    ends = (row.score + x for row in board.rows for x in (row.lower, 0.0, row.upper))
    known = [end for end in ends if math.isfinite(end)] or [0.0]
    low, high = min(known), max(max(known), min(known) + 0.1)
    power = 10.0 ** math.floor(math.log10((high - low) / 6))
    step = next(power * n for n in (1, 2, 5, 10) if (high - low) / (power * n) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 6) for number in range(first, last + 1)]


def _ticks(axis: Sequence[float]) -> str:
    width = axis[-1] - axis[0]
    marks = "".join(
        f'<i style="left:{100 * (mark - axis[0]) / width:.2f}%">{mark:g}</i>' for mark in axis
    )
    return f'<span class="axis">{marks}</span>'


def _bar(parts: Iterable[tuple[str, str, int]]) -> str:
    """Return shares, each with a name and a colour's name, as one bar that tells their numbers."""
    known = [part for part in parts if part[2]]
    whole = sum(number for *_, number in known)
    pieces = "".join(
        f'<i class="{class_of(colour)}" style="width:{100 * number / whole:.2f}%" '
        f'title="{plain(name)}: {number:,} ({100 * number / whole:.1f} %)"></i>'
        for name, colour, number in known
    )
    return f'<span class="bar">{pieces}</span>'


# Judges


def judges_html(
    judges: Mapping[str, Verdicts],
    pairs: Mapping[tuple[str, str], PairReport],
    grades: Mapping[str, Sequence[float]],
) -> str:
    """Return the verdicts and grades of judges, a row each, and their agreement, a row a pair."""
    graded = {judge: of_judge for judge, of_judge in grades.items() if of_judge}
    labelled = {
        j: of_judge for j, of_judge in judges.items() if of_judge.decided or j not in graded
    }
    parts = []
    if labelled:
        parts.append("<h3>What each judge says</h3>")
        parts.append(_table(_JUDGE_HEADS, map(_judge_row, labelled.values())))
        parts.extend(map(_paragraph, _HOW_JUDGES))
    if graded:
        parts.append("<h3>Grades of single answers</h3>")
        parts.append(_table(_GRADE_HEADS, map(_grade_row, graded, graded.values())))
    if labelled:
        compared = [pair for names, pair in pairs.items() if labelled.keys() >= set(names)]
        parts.append("<h3>Where judges agree</h3>")
        if compared:
            parts.append(_table(_PAIR_HEADS, map(_pair_row, compared)))
            parts.append(_paragraph(_HOW_PAIRS))
        else:
            parts.append(notice("There is one judge only: nobody to agree with."))
    return f'<div class="judges">{"".join(parts)}</div>'


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


def _judge_row(judge: Verdicts) -> Iterator[str]:
    labels = judge.labels
    yield plain(judge.judge)
    yield f"{judge.judgments:,}"
    yield f"{judge.games:,}"
    for number in labels.values():
        yield _share(number, judge.decided)
    yield _bar(zip(LABELS, ("big a", "a", "tie", "b", "big b"), labels.values(), strict=True))
    yield _share(judge.games - judge.decided, judge.games)
    yield _percent(judge.first_place.estimate.value)
    yield _percent(judge.flips.estimate.value)


def _grade_row(judge: str, grades: Sequence[float]) -> Iterator[str]:
    yield plain(judge)
    yield f"{len(grades):,}"
    yield f"{sum(grades) / len(grades):.2f}"
    yield f"{grades[0]:g}"
    yield f"{grades[-1]:g}"


def _pair_row(pair: PairReport) -> Iterator[str]:
    yield f"{plain(pair.first)} – {plain(pair.second)}"
    yield f"{pair.games:,}"
    yield _percent(pair.same.value)
    yield estimate_text(pair.kappa, 3)
    yield estimate_text(pair.weighted, 3)


def _share(part: int, whole: int) -> str:
    return _percent(100 * part / whole if whole else math.nan)


def _percent(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.1f} %"
