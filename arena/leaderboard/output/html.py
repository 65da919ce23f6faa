"""TODO."""

from __future__ import annotations

import html
import math
from string import Template

from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.text import (
    _tokens,
    ends_text,
    interval_text,
    level_text,
    score_text,
    subtitle_of,
    summary_lines,
    title_of,
)
from arena.scoring.solver import ANCHOR_RATING

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --accent: #2a6fdb; --muted: #7a7a7a; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; }
body { padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } p { color: var(--muted); margin: .3rem 0 1.2rem; }
main { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th, td + td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; min-width: 14rem; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
.scale { display: flex; justify-content: space-between; font-weight: 400; color: var(--muted); }
svg { width: 16rem; height: 1rem; display: block; overflow: visible; }
.all { stroke: var(--line); } .base { stroke: var(--muted); stroke-dasharray: 2 2; }
.interval { stroke: var(--accent); stroke-width: 2; } .score { fill: var(--accent); }
footer { color: var(--muted); font-size: .85rem; margin-top: 1rem; white-space: pre-line; }
</style></head><body>
<h1>$title</h1><p>$subtitle</p>
<main><table><thead><tr>$heads
<th><span class="scale"><span>$low</span><span>$high</span></span></th></tr></thead><tbody>
$rows
</tbody></table></main>
<footer>$footer</footer>
<script>
document.querySelectorAll("th button").forEach((button, column) => button.onclick = () => {
  const th = button.parentElement, body = document.querySelector("tbody");
  const sorted = th.getAttribute("aria-sort");
  const up = sorted ? sorted === "descending" : column === 0;
  document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.key;
  const order = (a, b) => column ? (a > b) - (a < b) : a.localeCompare(b);
  const value = row => column ? Number(key(row)) : key(row);
  [...body.rows].sort((a, b) => (up ? 1 : -1) * order(value(a), value(b)))
    .forEach(row => body.append(row));
});
</script></body></html>
""")


def board_html(board: Board) -> str:
    """Return the board as one page that loads nothing: a sortable table with drawn intervals."""
    low, high = _range(board)
    heads = "".join(
        f'<th scope="col"{sort}><button>{name}</button></th>'
        for name, sort in (
            ("model", ""),
            ("score", ' aria-sort="descending"'),
            (f"{level_text(board)} CI", ""),
            ("average #tokens", ""),
        )
    )
    return _PAGE.substitute(
        title=html.escape(title_of(board)),
        subtitle=html.escape(subtitle_of(board)),
        heads=heads,
        low=f"{low:.0f}",
        high=f"{high:.0f}",
        rows="\n".join(_html_row(row, board, low, high) for row in board.rows),
        footer=html.escape("\n".join(summary_lines(board))),
    )


def _html_row(row: Row, board: Board, low: float, high: float) -> str:
    cells = (
        (html.escape(row.model), html.escape(row.model)),
        (_key(row.score), score_text(row, board)),
        (_key(row.upper - row.lower), interval_text(row, board)),
        (_key(row.tokens), _tokens(row)),
    )
    text = "".join(f'<td data-key="{key}">{shown}</td>' for key, shown in cells)
    return f"<tr>{text}<td>{interval_svg(row, board, low, high)}</td></tr>"


def _key(value: float | None) -> str:
    """Return a sort key that JavaScript's Number() reads; what is not known is the least."""
    if value is None or math.isnan(value):
        return "-Infinity"
    return repr(value).replace("inf", "Infinity")


def interval_svg(row: Row, board: Board, low: float, high: float) -> str:
    """Return an interval as a line with its score as a dot, on the board's common scale."""
    base = _baseline_score(board)
    dot, left, right, middle = (
        100 * (_within(value, low, high, row.score) - low) / (high - low)
        for value in (row.score, *ends_text(row), base or low)
    )
    line = f'<line class="base" x1="{middle:.2f}%" x2="{middle:.2f}%" y2="100%"/>' if base else ""
    return (
        f'<svg role="img" aria-label="{score_text(row, board)} {interval_text(row, board)}">'
        f'<line class="all" x2="100%" y1="50%" y2="50%"/>{line}'
        f'<line class="interval" x1="{left:.2f}%" x2="{right:.2f}%" y1="50%" y2="50%"/>'
        f'<circle class="score" cx="{dot:.2f}%" cy="50%" r="3.5"/></svg>'
    )


def _within(value: float, low: float, high: float, unknown: float) -> float:
    """Return a value within a scale; what is not a number is drawn where `unknown` is."""
    return min(max(unknown if math.isnan(value) else value, low), high)


def _baseline_score(board: Board) -> float | None:
    return {"elo": ANCHOR_RATING, "win rate": 50.0}.get(board.scale)


def _range(board: Board) -> tuple[float, float]:
    """Return the scale that holds all finite scores and intervals."""
    if board.scale == "win rate":
        return 0.0, 100.0
    finite = [x for row in board.rows for x in (row.score, *ends_text(row)) if math.isfinite(x)]
    if board.scale == "elo":
        return min(finite) - 10.0, max(finite) + 10.0
    low = math.floor(min(finite))
    return float(low), float(max(math.ceil(max(finite)), low + 1))
