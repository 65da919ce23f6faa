"""Boards as text, CSV, JSON and Markdown."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from arena.base.errors import one_line
from arena.base.jsonl import STDOUT
from arena.base.table import (
    aligned,
    fitted,
    padded,
    shown_width,
    terminal_width,
)
from arena.bench.labels import COLUMNS
from arena.leaderboard.board import Board, Row
from arena.leaderboard.compare import Comparison
from arena.leaderboard.output.caption import method_cell, titles
from arena.leaderboard.output.notes import summary_lines
from arena.leaderboard.precision import board_precision
from arena.scoring.estimators import GRADES
from arena.scoring.selection import HALF_JUDGED, Selection

NONE = "–"  # in the place of an interval


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a board as v0.1 prints them, or as the table of v2.0.

    On a terminal that is too narrow for them, a table has shorter names and heads.
    """
    texts = [(row.model, *row_texts(row, board)) for row in board.rows]
    terminal, level = terminal_width(), f"{board.estimator.level:.0%} CI"
    ranges = range_columns(board)
    further = list(zip(*ranges.values(), strict=True)) or [()] * len(texts)
    if not board.format.table_heads:
        names = [model for model, *_ in texts]
        if terminal:
            names = [one_line(name) for name in names]
            names = [padded(name, max(map(shown_width, names))) for name in names]
        lines = [
            f"{name: <30} | score: {score: ^5} | {level}: {interval: ^12} "
            f"| average #tokens: {tokens}"
            for name, (_, score, interval, tokens) in zip(names, texts, strict=True)
        ]
        for head, cells in ranges.items():
            widest = max(map(shown_width, lines), default=0)
            pairs = zip(lines, cells, strict=True)
            lines = [f"{padded(line, widest)} | {head}: {cell}" for line, cell in pairs]
        if terminal and any(shown_width(line) > terminal for line in lines):
            heads = ("model", "score", level, "#tokens", *ranges)
            table = [heads, *((*row, *more) for row, more in zip(texts, further, strict=True))]
            lines = list(fitted(table, terminal, f"<>^>{'^' * len(ranges)}"))
        yield from lines
        return
    # The v2.0 program prints a pandas frame: numbered rows, columns to the right.
    table = [("", *board.format.table_heads, *map(str.capitalize, ranges))]
    for number, (row, more) in enumerate(zip(texts, further, strict=True)):
        table.append((str(number), *row[:3], *more))
    if terminal:
        yield from fitted(table, terminal, "<" + ">" * (3 + len(ranges)), names=1)
        return
    first, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
    for number, *cells in table:
        columns = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  ".join([f"{number:<{first}}", *columns])


def row_texts(row: Row, board: Board) -> tuple[str, str, str]:
    """Return a row's score, the offsets of its interval, and its mean number of tokens."""
    tokens = "n/a" if row.tokens is None else str(int(row.tokens))
    interval = board.format.interval(row.lower, row.upper)
    if math.isnan(row.lower) and not board.method.as_published:
        interval = NONE
    return board.format.score(row.score), interval, tokens


def range_columns(board: Board) -> dict[str, list[str]]:
    """Return the ranks and the scores by judge as texts by their head, if any row has them."""
    decimals = 1 if board.format.scale == "grade" else 0
    by_judge = ("n/a" if r.by_judge is None else _range(r.by_judge, decimals) for r in board.rows)
    ranks = ("n/a" if row.rank is None else _range(row.rank) for row in board.rows)
    columns = {"rank": list(ranks), "by judge": list(by_judge)}
    return {head: cells for head, cells in columns.items() if set(cells) != {"n/a"}}


def _range(ends: tuple[float, float], decimals: int = 0) -> str:
    low, high = (f"{end:.{decimals}f}" for end in ends)
    return low if low == high else f"{low}-{high}"


def stats_lines(board: Board) -> Iterator[str]:
    """Yield a table of each model's games by outcome, and the share of its points."""
    table: list[Sequence[object]] = [("model", "win rate", "valid games", *COLUMNS)]
    for row in board.rows:
        big, small, ties, *_ = outcomes = row.outcomes or (0,) * len(COLUMNS)
        games = sum(outcomes)
        rate = f"{100 * (big + small + ties / 2) / games:.1f}" if games else "n/a"
        table.append((row.model, rate, games, *outcomes))
    lines = [
        " | ".join([f"{model: <30}", *(f"{value: >12}" for value in values)])
        for model, *values in table
    ]
    terminal = terminal_width()
    if terminal and max(map(shown_width, lines)) > min(terminal, len(lines[0])):
        lines = list(aligned([str(cell) for cell in line] for line in table))
    yield from lines


def comparison_lines(result: Comparison) -> Iterator[str]:
    """Yield the difference of two models in words."""
    yield f"{result.first} - {result.second}: {result.difference:+.1f} points of win rate"
    interval = f"({result.lower:+.1f}, {result.upper:+.1f})"
    test = f"permutation test over {result.questions} questions: p = {result.p_value:.4f}"
    yield f"95% interval, questions resampled: {interval}, {test}"
    power = "would be found in 80 of 100 tests at the 5 % level."
    yield f"With this many questions a difference of {result.detectable:.1f} {power}"


# Files


def file_stem(board: Board) -> str:
    """Return a file name of the bench, judges, baseline and mode: all that changes a board."""
    selection, style = board.selection, board.scored.style if board.scored else None
    whole = selection.whole_judgments
    parts = (
        selection.bench.name,
        "+".join(selection.judges),
        # Grades have no baseline, even if the config names one.
        None if board.estimator is GRADES else f"vs_{'+'.join(selection.baselines)}",
        board.mode,
        board.format.note or None,
        None if board.method.center else "uncentered",
        "fixed_style" if style else None,
        "elo" if board.format.scale == "elo" else None,
        "resampled_questions" if board.method.resample == "question" else None,
        "percentiles" if board.method.as_published and board.method.resample != "battle" else None,
        "first_game_only" if selection.first_game_only else None,
        f"half_judged_{HALF_JUDGED[whole]}" if whole != board.estimator.whole_judgments else None,
        f"weight_{selection.weight}" if selection.weight != Selection.weight else None,
        f"missing_{selection.missing}" if selection.missing != Selection.missing else None,
        "+".join(selection.categories) if selection.categories else None,
    )
    return "_".join(part.replace("/", "-") for part in parts if part is not None)


def file_of(path: Path, board: Board) -> Path:
    """Return the file of one of several boards, from the file that the user named for them."""
    name = board.name.replace("/", "-").replace(" ", "_")
    return path if path == STDOUT else path.with_stem(f"{path.stem}_{name}")


def csv_text(rows: Iterable[Sequence[object]], further: Iterable[Sequence[object]] = ()) -> str:
    """Return rows, the first with the heads, as CSV: a column of today's date and further ones
    follow.
    """
    text = io.StringIO()
    today = datetime.date.today().isoformat()
    pairs = enumerate(zip_longest(rows, further, fillvalue=()))
    dated = ((*row, today if number else "date", *more) for number, (row, more) in pairs)
    csv.writer(text, lineterminator="\n").writerows(map(harmless, row) for row in dated)
    return text.getvalue()


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: object) -> object:
    """Return a cell of CSV that no spreadsheet runs as a formula: an apostrophe makes it a text."""
    if not isinstance(cell, str) or not cell.startswith(FORMULA):
        return cell
    with contextlib.suppress(ValueError):
        float(cell)
        return cell
    return f"'{cell}"


def board_csv(board: Board) -> str:
    """Return the board as CSV with the columns that users' notebooks read, then ranks and method.

    As published it has the columns of the original alone.
    """
    heads = "model", "score", *board.estimator.bounds, "CI", "avg_tokens"
    rows: list[tuple[object, ...]] = [heads]
    names = list(dict.fromkeys(name for row in board.rows for name in row.ranges))
    further: list[tuple[object, ...]] = [(*names, "method")]
    for row in board.rows:
        unknown = math.isnan(row.lower) and not board.method.as_published
        ends = ("", "") if unknown else tuple(f"{value:.2f}" for value in row.bounds)
        offsets = "" if unknown else f"({row.lower:.2f}, {row.upper:+.2f})"
        tokens = "" if row.tokens is None else int(row.tokens)
        rows.append((row.model, f"{row.score:.2f}", *ends, offsets, tokens))
        ranges = (row.ranges.get(name, "") for name in names)
        further.append((*ranges, method_cell(board)))
    return csv_text(rows, () if board.method.as_published else further)


def json_text(data: object) -> str:
    """Return plain data as indented JSON, as all our files have it."""
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def method_dict(board: Board) -> dict[str, object]:
    """Return the settings of scores and intervals that all files share."""
    return {
        "scale": board.format.scale,
        "level": board.estimator.level,
        "rounds": board.method.rounds,
        "resample": board.method.resample,
        "seed": board.method.seed,
        "intervals": board.intervals,
        "as_published": board.method.as_published,
        "times_too_narrow": board.narrowness,
    }


def row_dict(row: Row) -> dict[str, object]:
    """Return a row's model, score and interval. JSON has no NaN and no infinity: these are null."""
    values = (value if math.isfinite(value) else None for value in (row.score, *row.bounds))
    return dict(zip(("model", "score", "lower", "upper"), (row.model, *values), strict=True))


def board_dict(board: Board) -> dict[str, object]:
    """Return the board as plain data: its settings, its summary and its rows."""
    counts = board.counts
    return {
        **board.selection.settings(),
        "baselines": list(board.selection.baselines),
        "name": board.name,
        "weights": dict(board.weights),
        "baseline": board.baseline,
        "mode": board.mode,
        "style_center": "mean" if board.method.center else "none",
        **method_dict(board),
        "style_coefficients": dict(board.coefficients),
        "baseline_copy_score": board.copy_score,
        "judgments": counts.judgments,
        "weighted_battles": counts.battles,
        "games_without_verdict": counts.games_without_verdict,
        "undecided_games": {model: lost for model, (lost, _) in counts.doubts.undecided.items()},
        "one_game_only": {
            model: {"game_1": first, "game_2": second}
            for model, (first, second, _) in counts.doubts.one_game.items()
        },
        "planted": {model: list(ids) for model, (ids, _) in counts.doubts.planted.items()},
        "grade_ranges": counts.ranges,
        "left_out": dict(counts.left_out),
        "models_left_out": dict(counts.models_left_out),
        "questions_judged": dict(counts.judged),
        "precision": precision_dict(board),
        "rows": [
            row_dict(row)
            | {"avg_tokens": row.tokens}
            | (dict(zip(COLUMNS, row.outcomes, strict=True)) if row.outcomes else {})
            | row.ranges
            for row in board.rows
        ],
    }


def precision_dict(board: Board) -> dict[str, object] | None:
    """Return what the questions of a board give, None if nothing is known of it."""
    precision = board_precision(board)
    if precision is None or precision.half_width is None:
        return None
    return {
        "questions": precision.questions,
        "half_width": precision.half_width,
        "smallest_difference": precision.smallest_difference,
        "measured": precision.measured,
    }


def board_markdown(board: Board) -> str:
    """Return the board as a Markdown table."""
    ranges = range_columns(board)
    head = ["model", "score", f"{board.estimator.level:.0%} CI", "average #tokens", *ranges]
    further = list(zip(*ranges.values(), strict=True)) or [()] * len(board.rows)
    rows = (
        [in_markdown(row.model), *row_texts(row, board), *more]
        for row, more in zip(board.rows, further, strict=True)
    )
    rule = f"|:--|--:|:-:|--:|{':-:|' * len(ranges)}"
    return markdown_page(titles(board), [head, *rows], rule, summary_lines(board))


def markdown_page(
    titles: tuple[str, str], rows: Iterable[Sequence[str]], rule: str, notes: Iterable[str]
) -> str:
    """Return a table of Markdown cells below the titles. `rule`: the line below its heads."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    title, subtitle = map(in_markdown, titles)
    lines = [f"## {title}", "", subtitle, "", head, rule, *body, ""]
    return "\n".join([*lines, *(f"- {in_markdown(line)}" for line in notes)]) + "\n"


def in_markdown(text: str) -> str:
    """Escape text so that Markdown shows it unchanged."""
    return re.sub(r"[\\`*<|\[]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
