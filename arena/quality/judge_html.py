"""TODO."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from string import Template

from arena.quality.judge_comparison import PairReport
from arena.quality.judge_report import (
    MEANINGS,
    MEASURES,
    PAIR_HEADS,
    Measure,
    Report,
    confusion_rows,
    count_rows,
    note_lines,
    pair_row,
)
from arena.quality.measures import Estimate, estimate_text

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --accent: #2a6fdb; --muted: #7a7a7a; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; }
body { padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, footer, small { color: var(--muted); } small { display: block; }
section { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 1rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th, td { white-space: nowrap; font-weight: 400; } thead th { font-weight: 600; }
th:first-child { text-align: left; } caption { text-align: left; font-weight: 600; }
svg { width: 12rem; height: 1rem; display: block; overflow: visible; margin-left: auto; }
.all { stroke: var(--line); } .base { stroke: var(--muted); stroke-dasharray: 2 2; }
.interval { stroke: var(--accent); stroke-width: 2; } .value { fill: var(--accent); }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; max-width: 48rem; }
footer { font-size: .85rem; white-space: pre-line; }
</style></head><body>
<h1>$title</h1><p>$subtitle</p>
<h2>Verdicts</h2><section>$counts</section>
<h2>Bias</h2><section>$bias</section>
$agreement
<h2>What the measures are</h2><dl>$meanings</dl>
<footer>$footer</footer></body></html>
""")


def report_html(report: Report) -> str:
    """Return the report as one page that loads nothing, with drawn intervals."""
    notes = list(note_lines(report))
    heads = ["", *(judge.judge for judge in report.judges)]
    bias = [[html.escape(m.label), *_bias_cells(report, m)] for m in MEASURES]
    counts = [[html.escape(cell) for cell in row] for row in count_rows(report.judges)]
    return _PAGE.substitute(
        title=html.escape(f"Judges of {report.bench}"),
        subtitle=html.escape(notes[0]),
        counts=_html_table(heads, counts),
        bias=_html_table(heads, bias),
        agreement=_agreement_html(report.pairs),
        meanings="\n".join(f"<dt>{name}</dt><dd>{what}</dd>" for name, what in MEANINGS.items()),
        footer=html.escape("\n".join(notes[1:])),
    )


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a table of cells that are HTML already, below heads that are not."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = "\n".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _bias_cells(report: Report, measure: Measure) -> Iterator[str]:
    """Yield a measure of each judge with its interval drawn; bars of one unit share a scale."""
    alike = [measure] if measure.unit == "%" else [m for m in MEASURES if m.unit == measure.unit]
    found = [other.of(judge).estimate for other in alike for judge in report.judges]
    ends = [abs(end) for one in found for end in (one.lower, one.upper) if math.isfinite(end)]
    reach = max(ends, default=1.0) or 1.0
    low, high = (0.0, 100.0) if measure.unit == "%" else (-reach, reach)
    for judge in report.judges:
        counted = measure.of(judge)
        if math.isnan(counted.estimate.value):
            yield f"<td>n/a<small>{html.escape(counted.why)}</small></td>"
        else:
            bar = _bar(counted.estimate, measure, low, high)
            yield f"<td>{estimate_text(counted.estimate, measure.decimals)}{bar}</td>"


def _bar(found: Estimate, measure: Measure, low: float, high: float) -> str:
    if math.isnan(found.lower):
        return ""
    dot, left, right, base = (
        100 * (value - low) / (high - low)
        for value in (found.value, found.lower, found.upper, measure.unbiased or 0.0)
    )
    line = f'<line class="base" x1="{base:.2f}%" x2="{base:.2f}%" y2="100%"/>'
    return (
        f'<svg role="img" aria-label="{estimate_text(found, measure.decimals)}">'
        f'<line class="all" x2="100%" y1="50%" y2="50%"/>'
        f"{line if measure.unbiased is not None else ''}"
        f'<line class="interval" x1="{left:.2f}%" x2="{right:.2f}%" y1="50%" y2="50%"/>'
        f'<circle class="value" cx="{dot:.2f}%" cy="50%" r="3.5"/></svg>'
    )


def _agreement_html(pairs: Sequence[PairReport]) -> str:
    if not pairs:
        return ""
    rows = [[html.escape(cell) for cell in pair_row(pair)] for pair in pairs]
    tables = [_html_table(PAIR_HEADS, rows), *map(_confusion_html, pairs)]
    return f"<h2>Agreement</h2><section>{''.join(tables)}</section>"


def _confusion_html(pair: PairReport) -> str:
    """Return the confusion of two judges, a cell the darker the more of its row it holds."""
    heads, *rows = confusion_rows(pair)
    for row, counts in zip(rows, pair.confusion, strict=True):
        total = sum(counts) or 1
        row[0] = html.escape(row[0])
        row[1:] = [
            f'<td style="background:rgb(42 111 219 / {0.7 * count / total:.2f})">{count:,}</td>'
            for count in counts
        ]
    caption = f"{pair.first} (rows) and {pair.second} (columns), games"
    return _html_table(["", *heads[1:]], rows, caption)
