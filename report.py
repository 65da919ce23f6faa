"""A board as text, CSV, JSON, Markdown, HTML or a plot."""

from __future__ import annotations

import csv
import datetime
import html
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from battles import OUTCOMES
from leaderboard import Board, Comparison, Row
from settings import InputError

# The known text


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a leaderboard as users know them, one a model."""
    for row in board.rows:
        yield (
            f"{row.model: <30} | score: {_score(row.score, board.elo): ^5} "
            f"| 95% CI: {_interval(row, board.elo): ^12} | average #tokens: {_tokens(row)}"
        )


def _score(score: float, elo: bool) -> str:
    """Return a win rate with one decimal, rounded by way of two; a rating as a truncated number."""
    if not elo:
        return f"{round(round(score, 2), 1):.1f}"
    return str(int(score)) if math.isfinite(score) else str(score)


def _interval(row: Row, elo: bool) -> str:
    ends = (row.lower, row.upper)
    if elo:
        return "({}, {})".format(*(int(end) if math.isfinite(end) else end for end in ends))
    return "({:.1f}, {:.1f})".format(*ends)


def _tokens(row: Row) -> str:
    return "n/a" if row.tokens is None else str(int(row.tokens))


def stats_lines(board: Board) -> Iterator[str]:
    """Yield a table of each model's games by outcome, and the share of its points."""
    heads = ("model", "win rate", "valid games", *OUTCOMES)
    yield f"{heads[0]: <30} | " + " | ".join(f"{head: >12}" for head in heads[1:])
    for row in board.rows:
        values = _stats(row)
        yield f"{row.model: <30} | " + " | ".join(f"{value: >12}" for value in values)


def _stats(row: Row) -> list[str]:
    outcomes = row.outcomes or (0,) * len(OUTCOMES)
    big, small, ties, *_ = outcomes
    games = sum(outcomes)
    rate = f"{100 * (big + small + ties / 2) / games:.1f}" if games else "n/a"
    return [rate, str(games), *map(str, outcomes)]


def summary_lines(board: Board) -> Iterator[str]:
    """Yield what the board rests on: counts, style coefficients, and what was left out."""
    counts = board.counts
    yield (
        f"{counts.judgments:,} judgments, {counts.battles:,} weighted battles, "
        f"{counts.games_without_verdict:,} games without verdict"
    )
    if board.coefficients:
        values = (f"{name} {value:.3f}" for name, value in board.coefficients.items())
        yield f"style coefficients: {', '.join(values)}"
    yield from _coverage_lines(board)
    for why, number in sorted(counts.left_out.items()):
        yield f"left out: {number:,} {why}"
    for model, why in sorted(counts.models_left_out.items()):
        yield f"left out: {model}: {why}"
    if board.method.resample == "battle":
        yield (
            "The intervals treat the games of a question as independent, which makes them too "
            "narrow; --resample question does not."
        )


def _coverage_lines(board: Board) -> Iterator[str]:
    """Yield how many questions the models were judged on: one line where it is the same for all."""
    counts = board.counts
    of = "" if counts.questions is None else f" of {counts.questions:,}"
    if not counts.judged:
        return
    if counts.same_questions:
        yield f"questions judged: {next(iter(counts.judged.values())):,}{of} for each model"
        return
    judged = ", ".join(f"{model} {number:,}" for model, number in sorted(counts.judged.items()))
    yield f"questions judged{of}: {judged}"
    yield (
        "warning: the models were judged on different questions, so their scores do not compare "
        "fairly; judge what is missing, or count it as lost with --missing loss"
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


def file_stem(board: Board) -> str:
    """Return a file name that carries bench, judges and mode."""
    parts = [board.bench, "+".join(board.judges), board.method.mode + ("_elo" if board.elo else "")]
    return "_".join(part.replace("/", "-") for part in parts)


def board_csv(board: Board, date: datetime.date) -> str:
    """Return the board as CSV with the columns that users' notebooks read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "score", "rating_q025", "rating_q975", "CI", "avg_tokens", "date"))
    for row in board.rows:
        ends = row.score + row.lower, row.score + row.upper
        interval = f"({row.lower:.2f}, {row.upper:+.2f})"
        tokens = "" if row.tokens is None else int(row.tokens)
        values = (f"{value:.2f}" for value in (row.score, *ends))
        writer.writerow((row.model, *values, interval, tokens, date.isoformat()))
    return text.getvalue()


def board_json(board: Board) -> str:
    """Return the board as JSON: its settings, its summary and its rows."""
    return json.dumps(board_dict(board), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def board_dict(board: Board) -> dict[str, Any]:
    """Return the board as plain data; what is not a finite number is null."""
    counts = board.counts
    return {
        "bench": board.bench,
        "judges": list(board.judges),
        "baseline": board.baseline,
        "mode": board.method.mode,
        "scale": "elo" if board.elo else "win rate",
        "rounds": board.method.rounds,
        "resample": board.method.resample,
        "seed": board.method.seed,
        "style_coefficients": dict(board.coefficients),
        "judgments": counts.judgments,
        "weighted_battles": counts.battles,
        "games_without_verdict": counts.games_without_verdict,
        "left_out": dict(counts.left_out),
        "models_left_out": dict(counts.models_left_out),
        "questions_judged": dict(counts.judged),
        "rows": [
            {
                "model": row.model,
                "score": _finite(row.score),
                "lower": _finite(row.score + row.lower),
                "upper": _finite(row.score + row.upper),
                "avg_tokens": row.tokens,
                **({} if row.outcomes is None else dict(zip(OUTCOMES, row.outcomes, strict=True))),
            }
            for row in board.rows
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def board_markdown(board: Board) -> str:
    """Return the board as a Markdown table."""
    lines = ["| model | score | 95% CI | average #tokens |", "|:--|--:|:-:|--:|"]
    lines += [
        f"| {row.model.replace('|', chr(92) + '|')} | {_score(row.score, board.elo)} "
        f"| {_interval(row, board.elo)} | {_tokens(row)} |"
        for row in board.rows
    ]
    return "\n".join([*lines, "", *summary_lines(board), ""])


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --accent: #2a6fdb; --muted: #7a7a7a; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; }
h1 { font-size: 1.3rem; margin: 0; } p { color: var(--muted); margin: .3rem 0 1.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
svg { width: 14rem; height: 1rem; display: block; overflow: visible; }
footer { color: var(--muted); font-size: .85rem; margin-top: 1rem; white-space: pre-line; }
</style></head><body>
<h1>$title</h1><p>$subtitle</p>
<table><thead><tr>$heads<th>interval</th></tr></thead><tbody>
$rows
</tbody></table>
<footer>$footer</footer>
<script>
document.querySelectorAll("th button").forEach((button, column) => button.onclick = () => {
  const th = button.parentElement, body = document.querySelector("tbody");
  const up = th.getAttribute("aria-sort") === "descending" ? 1 : -1;
  document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", up === 1 ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const order = (a, b) => column ? key(a) - key(b) : key(a).localeCompare(key(b));
  [...body.rows].sort((a, b) => up * order(a, b)).forEach(row => body.append(row));
});
</script></body></html>
""")


def board_html(board: Board) -> str:
    """Return the board as one page that loads nothing: a sortable table with drawn intervals."""
    low, high = _range(board)
    heads = "".join(
        f'<th scope="col"><button>{name}</button></th>'
        for name in ("model", "score", "95% CI", "average #tokens")
    )
    judges = ", ".join(board.judges)
    subtitle = (
        f"judged by {judges} against {board.baseline}; {board.method.mode.replace('_', ' ')}; "
        f"{board.method.rounds} bootstrap rounds over {board.method.resample}s"
    )
    return _PAGE.substitute(
        title=html.escape(f"Leaderboard of {board.bench}"),
        subtitle=html.escape(subtitle),
        heads=heads,
        rows="\n".join(_html_row(row, board.elo, low, high) for row in board.rows),
        footer=html.escape("\n".join(summary_lines(board))),
    )


def _html_row(row: Row, elo: bool, low: float, high: float) -> str:
    cells = (
        (html.escape(row.model), html.escape(row.model)),
        (_key(row.score), _score(row.score, elo)),
        (_key(row.upper - row.lower), _interval(row, elo)),
        (_key(row.tokens), _tokens(row)),
    )
    text = "".join(f'<td data-key="{key}">{shown}</td>' for key, shown in cells)
    return f"<tr>{text}<td>{_bar(row, low, high)}</td></tr>"


def _key(value: float | None) -> str:
    return "-1" if value is None or not math.isfinite(value) else repr(value)


def _bar(row: Row, low: float, high: float) -> str:
    """Return an interval as a line with its score as a dot, on the board's common scale."""
    left, dot, right = (
        100 * (min(max(value, low), high) - low) / (high - low)
        for value in (row.score + row.lower, row.score, row.score + row.upper)
    )
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img">'
        '<line x1="0" x2="100" y1="5" y2="5" stroke="#8883"/>'
        f'<line x1="{left:.2f}" x2="{right:.2f}" y1="5" y2="5" stroke="#2a6fdb" stroke-width="3"/>'
        f'<ellipse cx="{dot:.2f}" cy="5" rx="1" ry="4" fill="#2a6fdb"/></svg>'
    )


def _range(board: Board) -> tuple[float, float]:
    """Return the scale that holds all finite scores and intervals."""
    if not board.elo:
        return 0.0, 100.0
    ends = [row.score + offset for row in board.rows for offset in (row.lower, 0.0, row.upper)]
    finite = [end for end in ends if math.isfinite(end)]
    return min(finite) - 10.0, max(finite) + 10.0


def save_plot(board: Board, path: Path) -> None:
    """Draw scores with their intervals into a PNG or SVG file; needs matplotlib."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"{path}: --plot writes .png or .svg files")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("--plot needs: pip install 'matplotlib>=3.10,<4'") from None
    rows = [row for row in board.rows[::-1] if math.isfinite(row.score)]
    figure = Figure(figsize=(8, 1.2 + 0.24 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    ends = [(-min(row.lower, 0.0), max(row.upper, 0.0)) for row in rows]
    axes.errorbar(
        [row.score for row in rows],
        range(len(rows)),
        xerr=list(zip(*ends, strict=True)),
        fmt="o",
        markersize=4,
        capsize=2,
        color="#2a6fdb",
        ecolor="#8fb3ea",
    )
    baseline = next(row.score for row in rows if row.model == board.baseline)
    axes.axvline(baseline, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [row.model for row in rows], fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel("rating" if board.elo else f"win rate against {board.baseline}, %")
    axes.set_title(f"{board.bench}, judged by {', '.join(board.judges)}", fontsize=10)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
