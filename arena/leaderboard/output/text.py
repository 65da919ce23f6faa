"""Boards as text, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from arena.base.errors import one_line
from arena.leaderboard.board import Board, Row
from arena.leaderboard.compare import Comparison
from arena.scoring.battles import range_text
from arena.scoring.cells import OUTCOMES
from arena.scoring.estimators import GRADES
from arena.scoring.selection import Selection


def heading(board: Board) -> str:
    """Return the line above one of several boards."""
    name = one_line(board.name)
    of = name if board.weights else f"Category: {name or '(none)'}"
    return f"##### {of} #####"


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a leaderboard as users know them, one a model; of v2.0 a table."""
    texts = [(row.model, *row_texts(row, board)) for row in board.rows]
    if not board.format.table_heads:
        for model, score, interval, tokens in texts:
            yield (
                f"{model: <30} | score: {score: ^5} | {level_text(board)} CI: {interval: ^12} "
                f"| average #tokens: {tokens}"
            )
        return
    # The v2.0 program prints a pandas frame: numbered rows, columns to the right.
    table = [("", *board.format.table_heads), *((str(n), *row[:3]) for n, row in enumerate(texts))]
    first, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
    for number, *cells in table:
        columns = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  ".join([f"{number:<{first}}", *columns])


def row_texts(row: Row, board: Board) -> tuple[str, str, str]:
    """Return a row's score, the offsets of its interval, and its mean number of tokens."""
    tokens = "n/a" if row.tokens is None else str(int(row.tokens))
    return board.format.score(row.score), board.format.interval(row.lower, row.upper), tokens


def level_text(board: Board) -> str:
    """Return the level of the intervals."""
    return f"{board.estimator.level:.0%}"


def stats_lines(board: Board) -> Iterator[str]:
    """Yield a table of each model's games by outcome, and the share of its points."""
    heads = ("model", "win rate", "valid games", *OUTCOMES)
    yield f"{heads[0]: <30} | " + " | ".join(f"{head: >12}" for head in heads[1:])
    for row in board.rows:
        outcomes = row.outcomes or (0,) * len(OUTCOMES)
        big, small, ties, *_ = outcomes
        games = sum(outcomes)
        rate = f"{100 * (big + small + ties / 2) / games:.1f}" if games else "n/a"
        values = (rate, games, *outcomes)
        yield f"{row.model: <30} | " + " | ".join(f"{value: >12}" for value in values)


# Battles of one question share its answers, so resampling them alone hides that part of the noise.
TOO_NARROW = (
    "The intervals treat the games of a question as independent, which makes them too narrow."
)
DEPENDENT = f"{TOO_NARROW} Use --resample question to avoid this."


def summary_lines(board: Board, dependent: str = DEPENDENT) -> Iterator[str]:
    """Yield the notes below a board: counts, style coefficients, and skipped judgments and models.

    `dependent`: the line below intervals by resampled battles.
    """
    counts = board.counts
    if board.weights:
        parts = ", ".join(f"{name} {number:,}" for name, number in board.weights.items())
        yield f"the mean of the scores by category, weighted by their questions: {parts}"
    else:
        yield (
            f"{counts.judgments:,} judgments, {counts.battles:,} {board.format.data}, "
            f"{counts.games_without_verdict:,} games without {board.format.verdict}"
        )
        if board.coefficients:
            # + 0.0 writes a rounded -0.0 without its sign.
            values = (f"{n} {round(c, 3) + 0.0:.3f}" for n, c in board.coefficients.items())
            yield f"style coefficients: {', '.join(values)}"
        yield from _coverage_lines(board)
        for reason, number in sorted(counts.left_out.items()):
            yield f"left out: {number:,} {reason}"
    if counts.ranges:
        yield f"grades {' and '.join(map(range_text, counts.ranges))}"
    for model, reason in sorted(counts.models_left_out.items()):
        yield f"left out: {model}: {reason}"
    if board.method.resample == "battle":
        yield dependent


def _coverage_lines(board: Board) -> Iterator[str]:
    """Yield the number of judged questions, in one line if it is the same for all models."""
    counts = board.counts
    if not counts.judged:
        return
    of = "" if counts.questions is None else f" of {counts.questions:,}"
    numbers = set(counts.judged.values())
    if counts.same_questions and len(numbers) == 1:
        yield f"questions judged: {numbers.pop():,}{of} for each model"
        return
    judged = ", ".join(f"{model} {number:,}" for model, number in sorted(counts.judged.items()))
    yield f"questions judged{of}: {judged}"
    if not counts.same_questions:
        yield (
            "warning: the models were judged on different questions, so their scores do not "
            f"compare fairly. {board.format.missing}"
        )


def comparison_lines(result: Comparison) -> Iterator[str]:
    """Yield the difference of two models in words."""
    yield f"{result.first} - {result.second}: {result.difference:+.1f} points of win rate"
    yield (
        f"95% interval, questions resampled: ({result.lower:+.1f}, {result.upper:+.1f}); "
        f"permutation test over {result.questions} questions: p = {result.p_value:.4f}"
    )
    yield (
        f"With this many questions a difference of {result.detectable:.1f} would be found "
        "in 80 of 100 tests at the 5 % level."
    )


# Files


def file_stem(board: Board, selection: Selection, *, fixed_style: bool = False) -> str:
    """Return a file name that carries bench, judges, baseline and mode: all that moves a board."""
    modes = (
        (board.mode, True),
        (board.format.note, bool(board.format.note)),
        ("uncentered", not board.method.center),
        ("fixed_style", fixed_style),
        ("elo", board.scale == "elo"),
        ("resampled_questions", board.method.resample == "question"),
        ("first_game_only", selection.first_game_only),
        (f"weight_{selection.weight}", selection.weight != Selection.weight),
        (f"missing_{selection.missing}", selection.missing != Selection.missing),
        ("+".join(selection.categories), bool(selection.categories)),
    )
    names = [board.bench, "+".join(board.judges)]
    if board.estimator is not GRADES:  # grades have no baseline, even if the config names one
        names.append(f"vs_{'+'.join(selection.baselines)}")
    parts = [*names, *(mode for mode, used in modes if used)]
    return "_".join(part.replace("/", "-") for part in parts)


def board_csv(board: Board, date: datetime.date) -> str:
    """Return the board as CSV with the columns that users' notebooks read."""
    heads = ("model", "score", *board.estimator.bounds, "CI", "avg_tokens", "date")
    rows = (
        (
            row.model,
            *(f"{value:.2f}" for value in (row.score, *row.bounds)),
            f"({row.lower:.2f}, {row.upper:+.2f})",
            "" if row.tokens is None else int(row.tokens),
            date.isoformat(),
        )
        for row in board.rows
    )
    return csv_text([heads, *rows])


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV with the line ends of Unix."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def json_text(data: object) -> str:
    """Return plain data as indented JSON, as all our files have it."""
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def row_dict(row: Row) -> dict[str, object]:
    """Return a row's model, score and interval. JSON has no NaN and no infinity: these are null."""
    values = zip(("score", "lower", "upper"), (row.score, *row.bounds), strict=True)
    return {"model": row.model} | {
        name: value if math.isfinite(value) else None for name, value in values
    }


def board_dict(board: Board, selection: Selection) -> dict[str, Any]:
    """Return the board as plain data: its settings, its summary and its rows."""
    counts = board.counts
    return {
        **selection.settings(),
        "baselines": list(selection.baselines),
        "name": board.name,
        "weights": dict(board.weights),
        "baseline": board.baseline,
        "mode": board.mode,
        "style_center": "mean" if board.method.center else "none",
        "scale": board.scale,
        "level": board.estimator.level,
        "rounds": board.method.rounds,
        "resample": board.method.resample,
        "seed": board.method.seed,
        "style_coefficients": dict(board.coefficients),
        "judgments": counts.judgments,
        "weighted_battles": counts.battles,
        "games_without_verdict": counts.games_without_verdict,
        "grade_ranges": counts.ranges,
        "left_out": dict(counts.left_out),
        "models_left_out": dict(counts.models_left_out),
        "questions_judged": dict(counts.judged),
        "rows": [
            {
                **row_dict(row),
                "avg_tokens": row.tokens,
                **({} if row.outcomes is None else dict(zip(OUTCOMES, row.outcomes, strict=True))),
            }
            for row in board.rows
        ],
    }


def board_markdown(board: Board) -> str:
    """Return the board as a Markdown table."""
    head = ["model", "score", f"{level_text(board)} CI", "average #tokens"]
    rows = ([in_markdown(row.model), *row_texts(row, board)] for row in board.rows)
    titles = (title_of(board), subtitle_of(board))
    return markdown_page(titles, [head, *rows], "|:--|--:|:-:|--:|", summary_lines(board))


def markdown_page(
    titles: tuple[str, str], rows: Iterable[Sequence[str]], rule: str, notes: Iterable[str]
) -> str:
    """Return a table below title and subtitle; its cells are Markdown. `rule`: the second line."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    title, subtitle = map(in_markdown, titles)
    lines = [f"## {title}", "", subtitle, "", head, rule, *body, ""]
    return "\n".join([*lines, *(f"- {in_markdown(line)}" for line in notes)]) + "\n"


def in_markdown(text: str) -> str:
    """Escape text so that Markdown shows it unchanged."""
    return re.sub(r"[\\`*<|\[]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)


def title_of(board: Board) -> str:
    """Return the heading of a page."""
    of = f": {board.name}" if board.name else ""
    return f"Leaderboard of {board.bench}{of}"


def subtitle_of(board: Board) -> str:
    """Return how a board was made, in a line."""
    against = f" against {board.baseline}" if board.baseline else ""
    method = f", method {board.format.note}" if board.format.note else ""
    return (
        f"judged by {', '.join(board.judges)}{against}; "
        f"{board.mode.replace('_', ' ')}{method}; "
        f"{board.method.rounds:,} bootstrap rounds over {board.method.resample}s"
    )
