"""What is measured of judges as text, JSON or one HTML page."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from string import Template

from arena.base.table import aligned, estimate_text
from arena.bench.verdict import LABELS
from arena.leaderboard.text import finite
from arena.quality.judge_measures import FEW, NO_SPREAD, Counted, JudgeReport, PairReport
from arena.quality.measures import Estimate
from arena.scoring.style_features import ATTRIBUTES


@dataclass(frozen=True)
class Report:
    """The judges of a bench, each two of them, and the judges that are left out, with reasons.

    `categories`: those that are measured; none are all. `not_compared`: two judges that share
    verdicts. `assumed`: the baselines of judgments that name none, "" for one that is not known.
    """

    bench: str
    categories: tuple[str, ...]
    rounds: int
    seed: int
    questions: int
    judges: tuple[JudgeReport, ...]
    pairs: tuple[PairReport, ...]
    not_compared: tuple[tuple[str, str], ...]
    left_out: Mapping[str, str]
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class _Measure:
    """A measure with an interval: its name, its unit, and what shows no bias."""

    name: str
    unit: str
    of: Callable[[JudgeReport], Counted]
    unbiased: float | None

    @property
    def label(self) -> str:
        """The name with its unit, as far as it has one."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    @property
    def decimals(self) -> int:
        """How many decimals are told: coefficients have three."""
        return 1 if self.unit else 3


def _style_measure(feature: str, attribute: str) -> _Measure:
    return _Measure(f"{feature}: {attribute}", "", lambda judge: judge.style[attribute], 0.0)


MEASURES = (
    _Measure("first place wins", "%", lambda judge: judge.first_place, 50.0),
    _Measure("order flips the winner", "%", lambda judge: judge.flips, None),
    *(
        _style_measure("length bias" if attribute == "token_len" else "markdown bias", attribute)
        for attribute in ATTRIBUTES.values()
    ),
    _Measure("kin difference", "points", lambda judge: judge.kin_difference, None),
    _Measure("self-preference", "points", lambda judge: judge.self_preference, 0.0),
)


MEANINGS = {
    "labels": "Of the games with a verdict. A&gt;&gt;B: the first answer is much better, A&gt;B: "
    "better, A=B: a tie.",
    "first place wins": "Of the games that the first or the second answer wins, where both games "
    "of a battle have a verdict. Without bias 50 %, the dotted line.",
    "order flips the winner": "Of the battles with two verdicts, those whose games name different "
    "winners; a tie beside a win counts. A judge who tosses a coin flips half of them.",
    "length bias, markdown bias": "What one standard deviation more of it adds to the log-odds of "
    "a win, at equal strength of the models; bias as far as style has no merit of its own. "
    "Without bias 0, the dotted line.",
    "kin difference": "Points of win rate that the judge gives models of its own family more than "
    "judges of other families do in the same games.",
    "self-preference": "The part of it that is for kin: points above the line on which the judge's "
    "win rates of the other models follow the other judges'. Without bias 0.",
    "kappa": "Agreement on labels beyond chance, 1 if full; weighted: with squared distances "
    "between labels.",
}


# Text


def report_lines(report: Report, *, confusion: bool = True) -> Iterator[str]:
    """Yield the judges side by side, the agreement of each two, and what it rests on.

    `confusion`: with the table of labels of each two judges.
    """
    judges = report.judges
    rows = [["", *(judge.judge for judge in judges)], *count_rows(judges)]
    for m in MEASURES:
        rows.append([m.label, *(estimate_text(m.of(j).estimate, m.decimals) for j in judges)])
    yield from aligned(rows)
    if report.pairs:
        yield ""
        yield from aligned([PAIR_HEADS, *map(_pair_row, report.pairs)])
    for pair in report.pairs if confusion else ():
        yield ""
        yield from aligned(_confusion_rows(pair))
    yield ""
    yield from note_lines(report)
    if not confusion:
        yield f"labels of {len(report.pairs)} pairs side by side: --confusion, --json or --html"


def count_rows(judges: Sequence[JudgeReport]) -> list[list[str]]:
    """Return rows of counts: a name, then a cell for each judge."""
    rows = [
        ["judgments", *(f"{judge.judgments:,}" for judge in judges)],
        ["models", *(f"{judge.models:,}" for judge in judges)],
        ["questions", *(f"{judge.questions:,}" for judge in judges)],
        ["games with a verdict", *(f"{_decided(judge):,}" for judge in judges)],
    ]
    rows += [[f"{label}, %", *(_label_share(judge, label) for judge in judges)] for label in LABELS]
    rows.append(["games without verdict", *(f"{sum(j.causes.values()):,}" for j in judges)])
    causes = dict.fromkeys(cause for judge in judges for cause in judge.causes)
    for cause in causes:
        rows.append([f"- {cause}", *(f"{judge.causes.get(cause, 0):,}" for judge in judges)])
    return rows


def _decided(judge: JudgeReport) -> int:
    return sum(judge.labels.values())


def _label_share(judge: JudgeReport, label: str) -> str:
    return f"{100 * judge.labels[label] / _decided(judge):.1f}"


PAIR_HEADS = ["judges", "games", "same label, %", "kappa", "weighted kappa"]


def _pair_row(pair: PairReport) -> list[str]:
    kappas = (estimate_text(pair.kappa, 3), estimate_text(pair.weighted, 3))
    names = f"{pair.first}, {pair.second}"
    return [names, f"{pair.games:,}", estimate_text(pair.same, 1), *kappas]


def _confusion_rows(pair: PairReport) -> list[list[str]]:
    """Return the games by label: a row for each of the first judge, a column of the second."""
    rows = [[f"{pair.first} \\ {pair.second}", *LABELS]]
    for label, counts in zip(LABELS, pair.confusion, strict=True):
        rows.append([label, *(f"{count:,}" for count in counts)])
    return rows


STYLE_METHOD = "show_result.py --style-control --one-board --method bradley-terry"


def note_lines(report: Report) -> Iterator[str]:
    """Yield what the numbers rest on, and why some are not there."""
    draws = f"{report.rounds:,} draws of {report.questions:,} questions"
    of = f" of {', '.join(report.categories)}" if report.categories else ""
    if report.questions < FEW:
        yield f"no intervals: there are fewer than {FEW} questions{of}"
    else:
        yield f"in brackets 95 % intervals over {draws}{of}"
    yield f"length and markdown bias: style coefficients of {STYLE_METHOD}"
    if report.assumed:
        taken = ", ".join(name or "not known" for name in report.assumed)
        yield f"the baseline of judgments that name none: {taken}; --baseline names another"
    for judge in report.judges:
        own = ", ".join(judge.own)
        if own and not math.isnan(judge.kin_difference.estimate.value):
            yield f"of the family of {judge.judge}: {own}"
    yield from _ensemble_lines(report)
    for judge in report.judges:
        yield from _missing_lines(judge)
    for pair in report.pairs:
        if pair.why:
            what = "kappa" if pair.games else "same label, kappa"
            yield f"n/a for {pair.first}, {pair.second}: {what}: {pair.why}"
    for name, why in report.left_out.items():
        yield f"left out, {name}: {why}"


def _ensemble_lines(report: Report) -> Iterator[str]:
    """Yield which judges are ensembles, and which two are not compared."""
    for judge in report.judges:
        if judge.made_of is not None:
            members = ", ".join(judge.made_of) or "judges that it does not tell"
            yield (
                f"{judge.judge} is an ensemble of {members}: not among the other judges of "
                "self-preference"
            )
    for first, second in report.not_compared:
        yield f"not compared, of the same verdicts: {first}, {second}"


def _missing_lines(judge: JudgeReport) -> Iterator[str]:
    """Yield why some measures of a judge are not there, and which judgments are left out."""
    reasons: dict[str, dict[str, None]] = {}
    for measure in MEASURES:
        if why := measure.of(judge).why:
            name = measure.name if why == NO_SPREAD else measure.name.split(":")[0]
            reasons.setdefault(why, {})[name] = None
    if judge.style_left_out:
        yield f"{judge.judge}: length bias, markdown bias: {judge.style_left_out}"
    for why, names in reasons.items():
        yield f"n/a for {judge.judge}: {', '.join(names)}: {why}"
    for why, number in judge.left_out.items():
        yield f"left out of {judge.judge}: {number:,} {why}"


# JSON


def report_json(report: Report) -> str:
    """Return all of it as JSON; what is not defined is null."""
    return json.dumps(_plain(asdict(report)), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return finite(value) if isinstance(value, float) else value


# HTML

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


def _bias_cells(report: Report, measure: _Measure) -> Iterator[str]:
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


def _bar(found: Estimate, measure: _Measure, low: float, high: float) -> str:
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
    rows = [[html.escape(cell) for cell in _pair_row(pair)] for pair in pairs]
    tables = [_html_table(PAIR_HEADS, rows), *map(_confusion_html, pairs)]
    return f"<h2>Agreement</h2><section>{''.join(tables)}</section>"


def _confusion_html(pair: PairReport) -> str:
    """Return the confusion of two judges, a cell the darker the more of its row it holds."""
    heads, *rows = _confusion_rows(pair)
    for row, counts in zip(rows, pair.confusion, strict=True):
        total = sum(counts) or 1
        row[0] = html.escape(row[0])
        row[1:] = [
            f'<td style="background:rgb(42 111 219 / {0.7 * count / total:.2f})">{count:,}</td>'
            for count in counts
        ]
    caption = f"{pair.first} (rows) and {pair.second} (columns), games"
    return _html_table(["", *heads[1:]], rows, caption)
