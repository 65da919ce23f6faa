"""The report on judges as one HTML page, and its tables, which the browser shows too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from arena.bench.labels import LABELS
from arena.leaderboard.output.html import bar, html_page, html_row, html_table, interval_svg
from arena.quality.judge_comparison import PairReport
from arena.quality.judge_measures import Verdicts
from arena.quality.judge_report import (
    MEANINGS,
    MEASURES,
    PAIR_HEADS,
    Measure,
    Report,
    note_lines,
    pair_row,
)
from arena.quality.measures import estimate_text


def report_html(report: Report) -> str:
    """Return the report as one page that loads nothing, with drawn intervals."""
    subtitle, *notes = note_lines(report)
    bias = html_table(
        ["", *(escape(judge.judge) for judge in report.judges)],
        (html_row([escape(m.label), *_bias_cells(report, m)], head="row") for m in MEASURES),
    )
    body = f"<h2>Verdicts</h2><section>{verdict_table(report.judges)}</section>"
    body += f"<h2>Bias</h2><section>{bias}</section>"
    if report.pairs:
        tables = [pair_table(report.pairs), *map(_confusion, report.pairs)]
        body += f"<h2>Agreement</h2><section>{''.join(tables)}</section>"
    terms = (f"<dt>{name}</dt><dd>{meaning}</dd>" for name, meaning in MEANINGS.items())
    body += f"<h2>What the measures are</h2><dl>{''.join(terms)}</dl>"
    return html_page(f"Judges of {report.bench}", subtitle, body, notes)


def verdict_table(judges: Sequence[Verdicts]) -> str:
    """Return a table of the verdicts of judges, a row each."""
    heads = ["judge", "judgments", "games", *map(escape, LABELS), "", "no verdict"]
    heads += ["first place wins, %", "order flips the winner, %"]
    return html_table(heads, (html_row(_verdict_cells(judge), head="row") for judge in judges))


def _verdict_cells(judge: Verdicts) -> Iterator[str]:
    labels = judge.labels
    kinds = ("big-a", "a", "tie", "b", "big-b")
    causes = ", ".join(f"{number:,} {cause}" for cause, number in judge.causes.items())
    yield escape(judge.judge)
    basis = f"{judge.models:,} models, {judge.questions:,} questions"
    yield f"{judge.judgments:,}<small>{basis}</small>"
    yield f"{judge.games:,}"
    for number in labels.values():
        yield _share(number, judge.decided)
    yield f"<td>{bar(list(zip(labels, kinds, labels.values(), strict=True)))}</td>"
    yield f"{_share(judge.games - judge.decided, judge.games)}<small>{escape(causes)}</small>"
    for measure in (judge.first_place, judge.flips):
        yield estimate_text(measure.estimate, 1)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "n/a"


def pair_table(pairs: Sequence[PairReport]) -> str:
    """Return a table of the agreement of judges, a row for each two."""
    return html_table(PAIR_HEADS, (html_row(map(escape, pair_row(pair))) for pair in pairs))


def _bias_cells(report: Report, measure: Measure) -> Iterator[str]:
    """Yield a measure of each judge with its interval drawn. Bars of one unit share a scale."""
    same_unit = [m for m in MEASURES if m.unit == measure.unit]
    estimates = [m.of(judge).estimate for m in same_unit for judge in report.judges]
    bounds = [abs(x) for e in estimates for x in (e.lower, e.upper) if math.isfinite(x)]
    reach = max(bounds, default=1.0) or 1.0
    scale = (0.0, 100.0) if measure.unit == "%" else (-reach, reach)
    for counted in map(measure.of, report.judges):
        estimate = counted.estimate
        text = estimate_text(estimate, measure.decimals)
        if math.isnan(estimate.value):
            yield f"{text}<small>{escape(counted.why)}</small>"
        elif math.isnan(estimate.lower):
            yield text
        else:
            places = estimate.lower, estimate.value, estimate.upper
            yield text + interval_svg(places, scale, measure.unbiased, text)


def _confusion(pair: PairReport) -> str:
    """Return the confusion of two judges, a cell the darker the more of its row it holds."""
    rows = []
    for label, counts in zip(LABELS, pair.confusion, strict=True):
        shares = (round(70 * count / (sum(counts) or 1)) for count in counts)
        cells = (
            f'<td style="background:color-mix(in srgb, var(--accent) {share}%, Canvas)">{n:,}</td>'
            for share, n in zip(shares, counts, strict=True)
        )
        rows.append(html_row([escape(label), *cells], head="row"))
    caption = f"{pair.first} (rows) and {pair.second} (columns), games"
    return html_table(["", *map(escape, LABELS)], rows, caption=caption)
