"""Boards as text, CSV, JSON and Markdown."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from arena.base.errors import one_line
from arena.base.jsonl import STDOUT
from arena.base.output import shown_width, terminal_width
from arena.base.table import aligned, fitted, padded
from arena.bench.labels import COLUMNS
from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.caption import method_cell, style_center, titles
from arena.leaderboard.output.comparison import comparison_dict
from arena.leaderboard.output.notes import summary_lines
from arena.leaderboard.output.precision import board_precision
from arena.scoring.estimators import GRADES
from arena.scoring.selection import HALF_JUDGED, Selection

NONE = "–"  # in the place of an interval


@dataclass(frozen=True)
class Span:
    """A column of ranges that the original does not have, on the boards that have it.

    `keys`: its ends in files. `ends`: those of a row. `text`: writes a row's range.
    """

    name: str
    keys: tuple[str, str]
    hint: str
    ends: Callable[[Row], tuple[float, float] | None]
    text: Callable[[tuple[float, float], Board], str]

    def cell(self, row: Row, board: Board, missing: str = "") -> str:
        """Return the range of a row as text."""
        ends = self.ends(row)
        return self.text(ends, board) if ends else missing

    def values(self, row: Row) -> dict[str, float | None]:
        """Return the ends of a row's range by their keys, None for infinite and missing ones."""
        ends = self.ends(row) or (math.nan, math.nan)
        return dict(zip(self.keys, map(_finite, ends), strict=True))


SPANS = (
    Span(
        "rank",
        ("rank_low", "rank_high"),
        "the ranks that the data leave open: all are right in 95 of 100 cases",
        lambda row: row.rank,
        lambda ends, board: "-".join(dict.fromkeys(f"{end:.0f}" for end in ends)),
    ),
    Span(
        "by judge",
        ("by_judge_low", "by_judge_high"),
        "the lowest and the highest score with one of the judges alone",
        lambda row: row.by_judge,
        lambda ends, board: "-".join(
            f"{end:{'.2f' if board.estimator is GRADES else '.0f'}}" for end in ends
        ),
    ),
)


def spans(board: Board) -> list[Span]:
    """Return the columns of ranges that a row of the board has. As published it has none."""
    if board.method.as_published:
        return []
    return [span for span in SPANS if any(span.ends(row) for row in board.rows)]


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a board as v0.1 prints them, or as the table of v2.0.

    On a terminal that is too narrow for them, a table has shorter names and heads.
    """
    more = spans(board)
    texts = [(row.model, *row_texts(row, board)) for row in board.rows]
    extra = [[span.cell(row, board) for span in more] for row in board.rows]
    if board.format.table_heads:
        heads = (*board.format.table_heads, *(span.name.capitalize() for span in more))
        rows = zip(texts, extra, strict=True)
        yield from _numbered_table([heads, *((*text[:3], *some) for text, some in rows)])
        return
    terminal, level = terminal_width(), f"{board.estimator.level:.0%} CI"
    names = [model for model, *_ in texts]
    if terminal:
        names = [one_line(name) for name in names]
        names = [padded(name, max(map(shown_width, names))) for name in names]
    lines = [
        f"{name: <30} | score: {score: ^5} | {level}: {interval: ^12} | average #tokens: {tokens}"
        for name, (_, score, interval, tokens) in zip(names, texts, strict=True)
    ]
    for number, span in enumerate(more):
        widest, pairs = max(map(shown_width, lines)), zip(lines, extra, strict=True)
        start = f" | {span.name}: "
        lines = [f"{padded(li, widest)}{start}{x[number]}" if x[number] else li for li, x in pairs]
    if terminal and any(shown_width(line) > terminal for line in lines):
        heads = ("model", "score", level, "#tokens", *(span.name for span in more))
        rows = zip(texts, extra, strict=True)
        table = [heads, *((*text, *some) for text, some in rows)]
        lines = list(fitted(table, terminal, "<>^>" + ">" * len(more)))
    yield from lines


def _numbered_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table as pandas prints it for the v2.0 program: numbered rows, columns to the right.

    The first of the rows are the heads.
    """
    head, *body = rows
    table = [("", *head), *((str(number), *row) for number, row in enumerate(body))]
    if terminal := terminal_width():
        yield from fitted(table, terminal, "<" + ">" * len(head), names=1)
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
    elif math.isinf(row.score) and not board.method.as_published:  # no offsets from infinity
        interval = f"({' to '.join(map(board.format.score, row.bounds))})"
    return board.format.score(row.score), interval, tokens


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


# Files


def file_stem(board: Board) -> str:
    """Return a file name of the bench, judges, baseline and mode: all that changes a board."""
    selection, style = board.selection, board.scored.style if board.scored else None
    whole = selection.whole_judgments
    mean = selection.anchored == "mean"
    against = "mean_50" if mean else f"vs_{'+'.join(selection.baselines)}"
    parts = (
        selection.bench.name,
        "+".join(selection.judges),
        # Grades have no baseline, even if the config names one.
        None if board.estimator is GRADES else against,
        board.mode,
        board.format.note or None,
        None if board.method.center else "uncentered",
        "fixed_style" if style else None,
        "elo" if board.format.scale == "elo" else None,
        "random_judges" if board.method.judge_effects == "random" else None,
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


def csv_text(
    rows: Iterable[Sequence[object]], more: Iterable[Sequence[object]] | None = None
) -> str:
    """Return rows, the first with the heads, and a column of today's date as CSV. `more`: the cells
    of each row after the date.
    """
    text = io.StringIO()
    today = datetime.date.today().isoformat()
    dated = (
        (*row, today if number else "date", *extra)
        for number, (row, extra) in enumerate(zip(rows, more or repeat(()), strict=False))
    )
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
    """Return the board as CSV: columns that users' notebooks read, then ranges and the method.

    As published it has the columns of the original alone.
    """
    heads = "model", "score", *board.estimator.bounds, "CI", "avg_tokens"
    rows: list[tuple[object, ...]] = [heads]
    columns = spans(board)
    more = [[*(key for span in columns for key in span.keys), "method"]]
    for row in board.rows:
        unknown = math.isnan(row.lower) and not board.method.as_published
        bounds = ("", "") if unknown else tuple(f"{value:.2f}" for value in row.bounds)
        offsets = "" if unknown else f"({row.lower:.2f}, {row.upper:+.2f})"
        tokens = "" if row.tokens is None else int(row.tokens)
        rows.append((row.model, f"{row.score:.2f}", *bounds, offsets, tokens))
        ends = (end for span in columns for end in span.ends(row) or ("", ""))
        cells = [str(end) if isinstance(end, (str, int)) else f"{end:.2f}" for end in ends]
        more.append([*cells, method_cell(board)])
    return csv_text(rows, None if board.method.as_published else more)


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
        "judge_effects": board.method.judge_effects,
        "as_published": board.method.as_published,
        "times_too_narrow": board.narrowness,
    }


def row_dict(row: Row) -> dict[str, object]:
    """Return a row's model, score and interval. JSON has no NaN and no infinity: these are null."""
    values = map(_finite, (row.score, *row.bounds))
    return dict(zip(("model", "score", "lower", "upper"), (row.model, *values), strict=True))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
        "style_center": style_center(board),
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
        "added_losses": counts.added_losses,
        "models_left_out": dict(counts.models_left_out),
        "questions_judged": dict(counts.judged),
        "precision": precision_dict(board),
        "rows": [
            row_dict(row)
            | {"avg_tokens": row.tokens}
            | {key: end for span in spans(board) for key, end in span.values(row).items()}
            | (dict(zip(COLUMNS, row.outcomes, strict=True)) if row.outcomes else {})
            for row in board.rows
        ],
        "comparisons": [comparison_dict(result) for result in board.comparisons],
    }


def precision_dict(board: Board) -> dict[str, object] | None:
    """Return the precision that the questions of a board give, None if it is not known."""
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
    more = spans(board)
    head = ["model", "score", f"{board.estimator.level:.0%} CI", "average #tokens"]
    head += [span.name for span in more]
    rows = (
        [in_markdown(row.model), *row_texts(row, board), *(s.cell(row, board) for s in more)]
        for row in board.rows
    )
    rule = "|:--|--:|:-:|--:|" + "--:|" * len(more)
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
