"""Boards as text, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from arena.base.errors import one_line
from arena.leaderboard.board import Board, Row
from arena.leaderboard.compare import Comparison
from arena.scoring.battles import range_text
from arena.scoring.cells import OUTCOMES
from arena.scoring.selection import Selection


def heading(board: Board) -> str:
    """Return the line above one of several boards."""
    name = one_line(board.name)
    of = name if board.weights else f"Category: {name or '(none)'}"
    return f"##### {of} #####"


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a leaderboard as users know them, one a model; of v2.0 a table."""
    if board.format.table_heads:
        yield from _table_lines(board, board.format.table_heads)
        return
    for row in board.rows:
        score, interval, tokens = row_texts(row, board)
        yield (
            f"{row.model: <30} | score: {score: ^5} | {level_text(board)} CI: {interval: ^12} "
            f"| average #tokens: {tokens}"
        )


def _table_lines(board: Board, heads: tuple[str, str, str]) -> Iterator[str]:
    """Yield the table of the v2.0 program, as pandas prints it: columns to the right."""
    table = [heads, *((row.model, *row_texts(row, board)[:2]) for row in board.rows)]
    numbers = ["", *map(str, range(len(board.rows)))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    first = max(map(len, numbers))
    for number, cells in zip(numbers, table, strict=True):
        texts = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  ".join([f"{number:<{first}}", *texts])


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


DEPENDENT = (
    "The intervals treat the games of a question as independent, which makes them too narrow; "
    "--resample question does not."
)


def summary_lines(board: Board, dependent: str = DEPENDENT) -> Iterator[str]:
    """Yield what the board rests on: counts, style coefficients, and what was left out.

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
    """Yield how many questions the models were judged on: one line where it is the same for all."""
    counts = board.counts
    of = "" if counts.questions is None else f" of {counts.questions:,}"
    if not counts.judged:
        return
    numbers = set(counts.judged.values())
    if counts.same_questions and len(numbers) == 1:
        yield f"questions judged: {numbers.pop():,}{of} for each model"
        return
    judged = ", ".join(f"{model} {number:,}" for model, number in sorted(counts.judged.items()))
    yield f"questions judged{of}: {judged}"
    if not counts.same_questions:
        lost = "" if board.scale == "grade" else ", or count it as lost with --missing loss"
        yield (
            "warning: the models were judged on different questions, so their scores do not "
            f"compare fairly; judge what is missing{lost}"
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
    against = f"vs_{'+'.join(selection.baselines)}"
    names = [board.bench, "+".join(board.judges), *([against] if board.scale != "grade" else [])]
    parts = [*names, *(mode for mode, used in modes if used)]
    return "_".join(part.replace("/", "-") for part in parts)


def board_csv(board: Board, date: datetime.date) -> str:
    """Return the board as CSV with the columns that users' notebooks read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "score", *board.estimator.bounds, "CI", "avg_tokens", "date"))
    for row in board.rows:
        interval = f"({row.lower:.2f}, {row.upper:+.2f})"
        tokens = "" if row.tokens is None else int(row.tokens)
        values = (f"{value:.2f}" for value in (row.score, *row.bounds))
        writer.writerow((row.model, *values, interval, tokens, date.isoformat()))
    return text.getvalue()


def board_json(board: Board, selection: Selection) -> str:
    """Return the board as JSON: its settings, its summary and its rows."""
    data = board_dict(board, selection)
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def board_dict(board: Board, selection: Selection) -> dict[str, Any]:
    """Return the board as plain data; what is not a finite number is null."""
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
                "model": row.model,
                "score": finite(row.score),
                "lower": finite(row.bounds[0]),
                "upper": finite(row.bounds[1]),
                "avg_tokens": row.tokens,
                **({} if row.outcomes is None else dict(zip(OUTCOMES, row.outcomes, strict=True))),
            }
            for row in board.rows
        ],
    }


def finite(value: float) -> float | None:
    """Return a number as JSON has it: null where it is not finite."""
    return value if math.isfinite(value) else None


def board_markdown(board: Board) -> str:
    """Return the board as a Markdown table."""
    lines = [f"## {in_markdown(title_of(board))}", "", in_markdown(subtitle_of(board)), ""]
    lines += [f"| model | score | {level_text(board)} CI | average #tokens |", "|:--|--:|:-:|--:|"]
    lines += [
        f"| {in_markdown(row.model)} | {' | '.join(row_texts(row, board))} |" for row in board.rows
    ]
    lines += ["", *(f"- {in_markdown(line)}" for line in summary_lines(board))]
    return "\n".join(lines) + "\n"


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
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
