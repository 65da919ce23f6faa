"""The report on judges as one HTML page, and its tables, which the browser shows too."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from arena.bench.labels import GAMES_DISAGREE, LABELS, NO_VERDICT, SPLIT
from arena.leaderboard.output.html import (
    bar,
    html_page,
    html_row,
    html_table,
    interval_svg,
    linked,
)
from arena.quality.judge_measures import Counted, PairReport, Verdicts
from arena.quality.judge_report import PAIR_HEADS, Report, meanings_of, note_lines, pair_row
from arena.quality.model_places import ModelPlace
from arena.quality.people import HEADS, OUTCOMES, WithPerson, agreement_row, people_notes


def report_html(report: Report) -> str:
    """Return the report as one page that loads nothing, with drawn intervals."""
    subtitle, *notes = note_lines(report)
    return html_page(f"Judges of {report.bench}", subtitle, report_tables(report), notes)


def report_tables(report: Report) -> str:
    """Return the tables of the report with drawn intervals, and the meanings of its measures."""
    body = f"<h2>Verdicts</h2><section>{verdict_table(report.judges)}</section>"
    body += f"<h2>Bias and variance</h2><section>{measure_table(report)}</section>"
    if pairs := [pair for pair in report.pairs if pair.games]:
        tables = [pair_table(pairs), *map(pair_confusion, pairs)]
        body += f"<h2>Agreement</h2><section>{''.join(tables)}</section>"
    return f"{body}<h2>What the measures are</h2>{meanings_html(meanings_of(report))}"


def meanings_html(meanings: Mapping[str, Sequence[str]]) -> str:
    """Return a list of measures with their meanings."""
    terms = (f"<dt>{x}</dt><dd>{escape(' '.join(words))}</dd>" for x, words in meanings.items())
    return f"<dl>{''.join(terms)}</dl>"


def measure_table(report: Report) -> str:
    """Return the measures of the judges, a row each, with drawn intervals."""
    rows = []
    for measure in report.measures:
        same_unit = [m for m in report.measures if m.unit == measure.unit]
        # Measures of one unit share a scale.
        reach = reach_of(m.of(judge) for m in same_unit for judge in report.judges)
        scale = {"%": PERCENT, "repeats": (0.0, reach)}.get(measure.unit, (-reach, reach))
        drawn = Drawn(scale, measure.unbiased, 1 if measure.unit else 3)
        cells = (drawn.cell(measure.of(judge)) for judge in report.judges)
        rows.append(html_row([escape(measure.label), *cells], head="row"))
    return html_table(["", *(escape(judge.judge) for judge in report.judges)], rows, BESIDE)


PERCENT = 0.0, 100.0
BESIDE = "numbers beside"  # the class of tables with room for drawings beside their numbers


def reach_of(measures: Iterable[Counted]) -> float:
    """Return the largest distance from 0 of the ends of intervals, 1 if there are none."""
    estimates = [measure.estimate for measure in measures]
    ends = (abs(x) for e in estimates for x in (e.lower, e.upper) if math.isfinite(x))
    return max(ends, default=1.0) or 1.0


@dataclass(frozen=True)
class Drawn:
    """A column of measures whose intervals are drawn. `unbiased`: the value to mark, if any."""

    scale: tuple[float, float]
    unbiased: float | None = None
    decimals: int = 1

    def cell(self, measure: Counted, address: str = "") -> str:
        """Return a measure with its interval, or the reason why it has none. The value is a link if
        there is an address.
        """
        estimate, text = measure.estimate, measure.estimate.text(self.decimals)
        if math.isnan(estimate.value):
            return f"{text}<small>{escape(measure.why)}</small>" if measure.why else text
        if math.isnan(estimate.lower):
            return linked(text, address)
        places = estimate.lower, estimate.value, estimate.upper
        return linked(text, address) + interval_svg(places, self.scale, self.unbiased, text)


@dataclass(frozen=True)
class Links:
    """The addresses that tables of judges lead to: one or two judges looked at closely, and the
    judgments of a judge that pass filters of the page.
    """

    judge: Callable[[str], str]
    pair: Callable[[str, str], str]
    judgments: Callable[[str, Mapping[str, str]], str]


NO_LINKS = Links(lambda judge: "", lambda first, second: "", lambda judge, filters: "")


def verdict_table(judges: Sequence[Verdicts], links: Links = NO_LINKS) -> str:
    """Return a table of the verdicts of judges, a row each, with drawn intervals."""
    heads = ["judge", "judgments", "games", *map(escape, LABELS), "", "no verdict"]
    heads += ["place bias, points", "order flips the winner, %"]
    kinds = ("big-a", "a", "tie", "b", "big-b")
    reach, rows = reach_of(judge.place for judge in judges), []
    for judge in judges:
        labels, numbers = judge.labels, ((judge.models, "model"), (judge.questions, "question"))
        basis = ", ".join(f"{number:,} {what}{'s' * (number != 1)}" for number, what in numbers)
        causes = escape(", ".join(f"{number:,} {cause}" for cause, number in judge.causes.items()))
        to = functools.partial(links.judgments, judge.judge)
        missing = judge.games - judge.decided
        cells = [
            linked(escape(judge.judge), links.judge(judge.judge)),
            linked(f"{judge.judgments:,}", to({})) + f"<small>{basis}</small>",
            f"{judge.games:,}",
            *(
                linked(_share(number, judge.decided), to({"labels": label}) if number else "")
                for label, number in labels.items()
            ),
            f"<td>{bar(list(zip(labels, kinds, labels.values(), strict=True)))}</td>",
            linked(_share(missing, judge.games), to({"verdict": NO_VERDICT}) if missing else "")
            + f"<small>{causes}</small>",
            Drawn((-reach, reach), 0.0).cell(judge.place, to({"outcome": SPLIT})),
            Drawn(PERCENT).cell(judge.flips, to({"verdict": GAMES_DISAGREE})),
        ]
        rows.append(html_row(cells, head="row"))
    return html_table(heads, rows)


def _share(part: float, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "n/a"


def place_table(judge: str, models: Sequence[ModelPlace], links: Links = NO_LINKS) -> str:
    """Return a table of the place effect for each model, a row each, with drawn intervals."""
    heads = ["model", "place effect, points", "order flips the winner, %", "judgments"]
    reach, rows = reach_of(one.effect for one in models), []
    for one in models:
        to = functools.partial(links.judgments, judge)
        cells = [
            linked(escape(one.model), to({"model": one.model})),
            Drawn((-reach, reach), 0.0).cell(
                one.effect, to({"model": one.model, "outcome": SPLIT})
            ),
            Drawn(PERCENT).cell(one.flips, to({"model": one.model, "verdict": GAMES_DISAGREE})),
            f"{one.flips.number:,}",
        ]
        rows.append(html_row(cells, head="row"))
    return html_table(heads, rows, BESIDE)


def pair_table(pairs: Sequence[PairReport], links: Links = NO_LINKS) -> str:
    """Return a table of the agreement of judges, a row for each two, with drawn intervals."""
    rows = []
    for pair in pairs:
        name, games, *_ = pair_row(pair)
        kappas = (Counted(kappa, pair.games, pair.why) for kappa in (pair.kappa, pair.weighted))
        cells = [
            linked(escape(name), links.pair(pair.first, pair.second)),
            games,
            Drawn(PERCENT).cell(Counted(pair.same, pair.games)),
            *(Drawn((-1.0, 1.0), 0.0, 3).cell(kappa) for kappa in kappas),
        ]
        rows.append(html_row(cells, head="row"))
    return html_table(PAIR_HEADS, rows)


def pair_confusion(
    pair: PairReport, address: Callable[[str, str], str] = lambda first, second: ""
) -> str:
    """Return the games of two judges by their labels. `address`: that of games, by the labels."""
    caption = f"{pair.first} (rows) and {pair.second} (columns), games"
    return confusion_table(LABELS, pair.confusion, caption, address)


def confusion_table(
    labels: Sequence[str],
    table: Sequence[Sequence[float]],
    caption: str,
    address: Callable[[str, str], str] = lambda row, column: "",
) -> str:
    """Return a confusion table of two judges' labels, with shares of the row. A cell is the darker
    the more it has. `address`: that of a cell, by the labels of its row and its column.
    """
    rows = []
    for label, counts in zip(labels, table, strict=True):
        cells = [escape(label)]
        for column, count in zip(labels, counts, strict=True):
            share = count / (sum(counts) or 1)
            colour = f"color-mix(in srgb, var(--accent) {55 * share:.0f}%, var(--page, Canvas))"
            words = f"{linked(f'{count:,}', address(label, column) if count else '')}"
            words += f"<small>{100 * share:.0f} %</small>" if count else ""
            cells.append(f'<td style="background:{colour}">{words}</td>')
        rows.append(html_row(cells, head="row"))
    return html_table(["", *map(escape, labels)], rows, kind="numbers confusion", caption=caption)


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
