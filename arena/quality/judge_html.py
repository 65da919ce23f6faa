"""The report on judges as one HTML page, and its tables, which the browser shows too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from arena.bench.labels import LABELS
from arena.leaderboard.output.html import bar, html_page, html_row, html_table, interval_svg
from arena.quality.judge_measures import PairReport, Verdicts
from arena.quality.judge_report import PAIR_HEADS, Report, meanings_of, note_lines, pair_row
from arena.quality.people import HEADS, OUTCOMES, WithPerson, agreement_row, people_notes


def report_html(report: Report) -> str:
    """Return the report as one page that loads nothing, with drawn intervals."""
    subtitle, *notes = note_lines(report)
    return html_page(f"Judges of {report.bench}", subtitle, report_tables(report), notes)


def report_tables(report: Report) -> str:
    """Return the tables of the report with drawn intervals, and what its measures are."""
    body = f"<h2>Verdicts</h2><section>{verdict_table(report.judges)}</section>"
    rows = []
    for measure in report.measures:
        same_unit = [m for m in report.measures if m.unit == measure.unit]
        estimates = [m.of(judge).estimate for m in same_unit for judge in report.judges]
        bounds = [abs(x) for e in estimates for x in (e.lower, e.upper) if math.isfinite(x)]
        reach = max(bounds, default=1.0) or 1.0
        # Measures of one unit share a scale.
        scale = {"%": (0.0, 100.0), "repeats": (0.0, reach)}.get(measure.unit, (-reach, reach))
        cells = [escape(measure.label)]
        for judge in report.judges:
            estimate, text = measure.of(judge).estimate, measure.text(judge)
            cells.append(text)
            if math.isnan(estimate.value):
                cells[-1] += f"<small>{escape(measure.of(judge).why)}</small>"
            elif not math.isnan(estimate.lower):
                places = estimate.lower, estimate.value, estimate.upper
                cells[-1] += interval_svg(places, scale, measure.unbiased, text)
        rows.append(html_row(cells, head="row"))
    bias = html_table(["", *(escape(judge.judge) for judge in report.judges)], rows)
    body += f"<h2>Bias and variance</h2><section>{bias}</section>"
    if pairs := [pair for pair in report.pairs if pair.games]:
        about = "{} (rows) and {} (columns), games"
        tables = [pair_table(pairs)]
        tables += (
            confusion_table(LABELS, pair.confusion, about.format(pair.first, pair.second))
            for pair in pairs
        )
        body += f"<h2>Agreement</h2><section>{''.join(tables)}</section>"
    terms = (
        f"<dt>{x}</dt><dd>{escape(' '.join(words))}</dd>"
        for x, words in meanings_of(report).items()
    )
    return f"{body}<h2>What the measures are</h2><dl>{''.join(terms)}</dl>"


def verdict_table(judges: Sequence[Verdicts]) -> str:
    """Return a table of the verdicts of judges, a row each."""
    heads = ["judge", "judgments", "games", *map(escape, LABELS), "", "no verdict"]
    heads += ["place bias, points", "order flips the winner, %"]
    kinds = ("big-a", "a", "tie", "b", "big-b")
    rows = []
    for judge in judges:
        labels, numbers = judge.labels, ((judge.models, "model"), (judge.questions, "question"))
        basis = ", ".join(f"{number:,} {what}{'s' * (number != 1)}" for number, what in numbers)
        causes = escape(", ".join(f"{number:,} {cause}" for cause, number in judge.causes.items()))
        cells = [
            escape(judge.judge),
            f"{judge.judgments:,}<small>{basis}</small>",
            f"{judge.games:,}",
            *(_share(number, judge.decided) for number in labels.values()),
            f"<td>{bar(list(zip(labels, kinds, labels.values(), strict=True)))}</td>",
            f"{_share(judge.games - judge.decided, judge.games)}<small>{causes}</small>",
            *(measure.estimate.text(1) for measure in (judge.place, judge.flips)),
        ]
        rows.append(html_row(cells, head="row"))
    return html_table(heads, rows)


def _share(part: float, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "n/a"


def pair_table(pairs: Sequence[PairReport]) -> str:
    """Return a table of the agreement of judges, a row for each two."""
    return html_table(PAIR_HEADS, (html_row(map(escape, pair_row(pair))) for pair in pairs))


def confusion_table(labels: Sequence[str], table: Sequence[Sequence[float]], caption: str) -> str:
    """Return what two judges said by label, a cell the darker the more of its row it has."""
    rows = []
    for label, counts in zip(labels, table, strict=True):
        shares = (round(70 * count / (sum(counts) or 1)) for count in counts)
        cells = (
            f'<td style="background:color-mix(in srgb, var(--accent) {share}%, Canvas)">{n:,}</td>'
            for share, n in zip(shares, counts, strict=True)
        )
        rows.append(html_row([escape(label), *cells], head="row"))
    return html_table(["", *map(escape, labels)], rows, caption=caption)


def people_html(person: str, reports: list[WithPerson], consistency: tuple[int, int]) -> str:
    """Return the agreement of judges with a person as one page that loads nothing."""
    heads = [f"with {person}", *HEADS]
    rows = (html_row(map(escape, agreement_row(one))) for one in reports)
    body = f"<section>{html_table(map(escape, heads), rows)}</section>"
    for one in reports:
        caption = f"{person} (rows) and {one.judge} (columns), pairs"
        body += f"<h2>{escape(one.judge)}</h2><section>"
        body += confusion_table(OUTCOMES, one.table, caption)
        for what, group in one.by.items():
            shares = (
                html_row([escape(key or "–"), f"{100 * share:.0f}", f"{number:,}"])
                for key, (share, number) in group.items()
            )
            body += html_table([escape(what), "same outcome, %", "pairs"], shares)
        body += "</section>"
    subtitle, *notes = people_notes(person, reports, consistency)
    return html_page(f"Judges and {person}", subtitle, body, notes)
