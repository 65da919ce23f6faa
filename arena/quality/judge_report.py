"""The report on the judges of a bench: made from options, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import InputError, nearest, one_line, warn
from arena.base.output import terminal_width
from arena.base.table import FEW_NAMES, aligned, grouped, listed, shortened
from arena.base.yaml_file import read_yaml, text_of
from arena.bench.answer_style import FEATURES
from arena.bench.labels import LABELS
from arena.bench.paths import judge_names, model_names
from arena.leaderboard.options import PUBLISHED_CONTROL
from arena.leaderboard.output.notes import planted_line
from arena.quality import judge_measures
from arena.quality.benchmark.measures import json_text
from arena.quality.judge_meanings import MEANINGS, STYLE_BIAS
from arena.quality.judge_measures import NO_SPREAD, Counted, PairReport, Verdicts
from arena.quality.kinship import kinship
from arena.quality.panel import JudgeOptions, Panel, read_panel, style_features
from arena.scoring.uncertainty.intervals import FEW

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class JudgeReport(Verdicts):
    """The measures of one judge: shares in percent, those of kin in points of win rate.

    `style`: coefficients by attribute, in log-odds for one standard deviation of the difference.
    `style_left_out`: how many battles they skip and why, empty if none. `own`: the models of its
    family. `adjusted`: whether self-preference is adjusted for style. `made_of`: the judges of an
    ensemble, none if it does not name them, None for a judge.
    """

    question_variance: Counted
    place_variance: Counted
    repeats: Counted
    repeat_variance: Counted
    narrowed: Counted
    style: Mapping[str, Counted]
    style_left_out: str
    own: tuple[str, ...]
    kin_difference: Counted
    self_preference: Counted
    adjusted: bool
    made_of: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        panel: Panel,
        judge: int,
        family: Mapping[str, str],
        features: np.ndarray,
        times: np.ndarray,
        workers: int,
    ) -> JudgeReport:
        """Measure one judge of a panel.

        `family`: that of each judge and model. `features` (F, N): differences of style. `times`
        (R, Q): how often each round takes a question.
        """
        name = panel.judges[judge]
        style, note = judge_measures.style_bias(panel, judge, features, times, workers)
        adjusted = not np.isnan(features[:, panel.decided[judge].any(axis=1)]).any()
        known = features if adjusted else None
        difference, preference = kinship(panel, judge, family, times, known)
        variance = judge_measures.variance(panel, judge, times)
        return cls(
            **vars(judge_measures.verdicts(panel, judge, times, workers)),
            question_variance=variance.question,
            place_variance=variance.place,
            repeats=variance.worth,
            repeat_variance=variance.repeat,
            narrowed=variance.narrowed,
            style=style,
            style_left_out=note,
            own=tuple(m for m in panel.models if family.get(m, m) == family.get(name, name)),
            kin_difference=difference,
            self_preference=preference,
            adjusted=adjusted,
            made_of=panel.made_of.get(name),
        )


@dataclass(frozen=True)
class Report:
    """The judges of a bench, each two of them, and the skipped judges with reasons.

    `categories`: the measured ones, none are all. `place`: the place bias of all judges but
    ensembles in one fit, in points of win rate. `not_compared`: pairs that share verdicts.
    `assumed`: the baselines of judgments that name none, "" for an unknown one. `planted`: by
    model, the questions on which its answer has a label or imitates the prompt, and of how many.
    """

    bench: str
    categories: tuple[str, ...]
    rounds: int
    seed: int
    questions: int
    judges: tuple[JudgeReport, ...]
    place: Counted
    pairs: tuple[PairReport, ...]
    not_compared: tuple[tuple[str, str], ...]
    left_out: Mapping[str, str]
    assumed: tuple[str, ...]
    planted: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)

    @property
    def measures(self) -> list[Measure]:
        """The measures that it has. Those of repeats are there if a judge has any."""
        repeated = any(judge.repeat_variance.number for judge in self.judges)
        return [m for m in MEASURES if repeated or m.field not in ("repeat_variance", "narrowed")]

    def to_frame(self) -> pd.DataFrame:
        """The measures as a table: a row for each judge and measure, NaN if undefined."""
        import pandas as pd

        rows = [
            {"judge": judge.judge, "measure": m.label, **asdict(c.estimate), "number": c.number}
            for judge in self.judges
            for m, c in ((measure, measure.of(judge)) for measure in self.measures)
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """The whole report as JSON, with null for undefined numbers."""
        return json_text(asdict(self))


def judge_report(options: JudgeOptions) -> Report:
    """Measure the judges of a bench. Raises InputError for files and names that do not fit."""
    path, bench = options.family_file, options.bench
    family = read_families(path) if path else {}
    panel, left_out = read_panel(options)
    # The records of a file can name other models than the file does.
    names = {*judge_names(bench), *model_names(bench.answers), *panel.models}
    for name in family:
        if name not in names:
            warn(f"{path}: {bench.name} has no judge or model '{name}'{nearest(name, names)}")
    times = judge_measures.draw_questions(len(panel.questions), options.rounds, options.seed)
    features = style_features(bench, panel)
    judges = [
        JudgeReport.of(panel, judge, family, features, times, options.workers)
        for judge in range(len(panel.judges))
    ]
    return replace(comparison(options, panel, left_out, times), judges=tuple(judges))


def comparison(
    options: JudgeOptions, panel: Panel, left_out: Mapping[str, str], times: np.ndarray
) -> Report:
    """Measure the place bias of all judges of a panel together, and each two judges.

    It is a report without the measures of each. `times` (R, Q): how often a round takes a question.
    """
    numbers = range(len(panel.judges))
    pairs = {two: panel.share_verdicts(*two) for two in combinations(numbers, 2)}
    own = [judge for judge in numbers if panel.judges[judge] not in panel.made_of]
    compared = (pair for pair, shared in pairs.items() if not shared)
    return Report(
        bench=options.bench.name,
        categories=options.categories,
        rounds=options.rounds,
        seed=options.seed,
        questions=len(panel.questions),
        judges=(),
        place=judge_measures.place_bias(panel, own, times, options.workers),
        pairs=tuple(judge_measures.pair_report(panel, *pair, times) for pair in compared),
        not_compared=tuple((panel.judges[i], panel.judges[j]) for i, j in pairs if pairs[i, j]),
        left_out=left_out,
        assumed=panel.assumed,
        planted=panel.planted,
    )


def read_families(path: Path) -> dict[str, str]:
    """Return the family of each judge and model in a YAML file of families and their members."""
    families = dict[str, str]()
    for family, names in read_yaml(path).items():
        if not isinstance(names, list):
            value = one_line(repr(names), 60)
            raise InputError(f"{path}: {family}: expected a list of texts, got {value}")
        for number, item in enumerate(names):
            name = text_of(item, f"{path}: {family}[{number}]")
            if families.setdefault(name, family) != family:
                both = f"{families[name]} and {family}"
                raise InputError(f"{path}: '{name}' is of two families, {both}. Keep one.")
    return families


# Text


@dataclass(frozen=True)
class Measure:
    """A measure of a JudgeReport: its field or style attribute, and its value without bias."""

    field: str
    name: str
    unit: str
    unbiased: float | None

    @property
    def label(self) -> str:
        """The name with its unit. The legend has that of style, for narrow terminals."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def of(self, judge: JudgeReport) -> Counted:
        """The measure of a judge."""
        return judge.style[self.field] if self.field in judge.style else getattr(judge, self.field)

    def text(self, judge: JudgeReport) -> str:
        """The measure of a judge with its interval."""
        return self.of(judge).estimate.text(1 if self.unit else 3)


MEASURES = (
    Measure("place", "place bias", "points", 0.0),
    Measure("flips", "order flips the winner", "%", None),
    Measure("question_variance", "variance by question", "%", None),
    Measure("place_variance", "variance by place", "%", None),
    Measure("repeat_variance", "variance by repeat", "%", None),
    Measure("repeats", "a question is worth", "repeats", None),
    Measure("narrowed", "twice the verdicts narrow", "%", None),
    *(
        Measure(name, f"{feature} bias: {name}", "", 0.0)
        for feature, names in FEATURES.items()
        for name in names.values()
    ),
    Measure("kin_difference", "kin difference", "points", None),
    Measure("self_preference", "self-preference", "points", 0.0),
)


def report_lines(report: Report, *, confusion: bool = True) -> Iterator[str]:
    """Yield the judges side by side, the agreement of each two, their labels, and the notes."""
    judges = report.judges
    causes = dict.fromkeys(cause for judge in judges for cause in judge.causes)
    shares = ((x, [f"{100 * j.labels[x] / j.decided:.1f}" for j in judges]) for x in LABELS)
    rows = [
        ["", *(j.judge for j in judges)],
        ["judgments", *(f"{j.judgments:,}" for j in judges)],
        ["models", *(f"{j.models:,}" for j in judges)],
        ["questions", *(f"{j.questions:,}" for j in judges)],
        ["games with a verdict", *(f"{j.decided:,}" for j in judges)],
        *([f"{label}, %", *of_label] for label, of_label in shares),
        ["games without verdict", *(f"{sum(j.causes.values()):,}" for j in judges)],
        *([f"- {x}", *(f"{j.causes.get(x, 0):,}" for j in judges)] for x in causes),
        *([measure.label, *map(measure.text, judges)] for measure in report.measures),
    ]
    yield from aligned(rows)
    names = short_names(report)
    pairs = [pair for pair in report.pairs if pair.games]
    if pairs:
        yield ""
        rows = [[f"{names[p.first]}, {names[p.second]}", *pair_row(p)[1:]] for p in pairs]
        yield from aligned([PAIR_HEADS, *rows])
    for pair in pairs if confusion else ():
        yield ""
        rows = [[f"{names[pair.first]} \\ {names[pair.second]}", *LABELS]]
        for label, counts in zip(LABELS, pair.confusion, strict=True):
            rows.append([label, *(f"{count:,}" for count in counts)])
        yield from aligned(rows)
    yield ""
    yield from legend_lines(report)
    yield ""
    yield from note_lines(report)
    if not confusion:
        yield f"labels of {len(pairs)} pairs side by side: --confusion, --json or --html"


def meanings_of(report: Report) -> dict[str, tuple[str, str]]:
    """Return the meanings of the measures that a report has."""
    left_out = {measure.name for measure in MEASURES} - {m.name for m in report.measures}
    return {name: words for name, words in MEANINGS.items() if name not in left_out}


def legend_lines(report: Report) -> Iterator[str]:
    """Yield the units of the measures that the report has, and their meaning, a line each."""
    unused = set()
    if all(math.isnan(judge.kin_difference.estimate.value) for judge in report.judges):
        unused |= {"kin difference", "self-preference"}
    if not any(pair.games for pair in report.pairs):
        unused.add("kappa")
    for name, (legend, _) in meanings_of(report).items():
        if name not in unused:
            yield f"{name}: {legend}"


def short_names(report: Report) -> dict[str, str]:
    """Return the names of the judges, two of which fit half of a terminal."""
    names = [one_line(judge.judge) for judge in report.judges]
    terminal = terminal_width()
    shown = shortened(names, (terminal // 2 - len(" \\ ")) // 2) if terminal else names
    return dict(zip((judge.judge for judge in report.judges), shown, strict=True))


PAIR_HEADS = ["judges", "games", "same label, %", "kappa", "weighted kappa"]


def pair_row(pair: PairReport) -> list[str]:
    """Return the cells of two judges below PAIR_HEADS."""
    measures = [pair.same.text(1), pair.kappa.text(3), pair.weighted.text(3)]
    return [f"{pair.first}, {pair.second}", f"{pair.games:,}", *measures]


def note_lines(report: Report, *, flags: bool = True) -> Iterator[str]:
    """Yield the notes below the numbers, first on the intervals. `flags`: name those that help."""
    of = f" of {', '.join(report.categories)}" if report.categories else ""
    draws = f"{report.rounds:,} draws of {report.questions:,} questions{of}"
    few = f"no intervals: there are fewer than {FEW} questions{of}"
    yield few if report.questions < FEW else f"in brackets 95 % intervals over {draws}"
    if sum(judge.made_of is None for judge in report.judges) > 1 and not report.place.why:
        yield f"place bias of all judges together, points: {report.place.estimate.text(1)}"
    published = FEATURES.keys() == PUBLISHED_CONTROL
    control = "--style-control" if published else f"--control-features {' '.join(FEATURES)}"
    method = f"show_result.py {control} --style-center mean --one-board --method bradley-terry"
    method = method if flags else "a fit of all battles, with features measured from their mean"
    if report.judges:
        yield f"{' and '.join(FEATURES)} bias: as in {method}"
    if report.assumed:
        baselines = ", ".join(name or "not known" for name in report.assumed)
        another = ". --baseline names another" if flags else ""
        yield f"the baseline of judgments that name none: {baselines}{another}"
    for model, (ids, answers) in report.planted.items():
        yield planted_line(model, ids, answers)
    families = (
        (judge.judge, ", ".join(judge.own))
        for judge in report.judges
        if judge.own and not math.isnan(judge.kin_difference.estimate.value)
    )
    for own, judges in grouped(families).items():
        yield f"of the family of {_judges(judges)}: {own}"
    preference = (j for j in report.judges if not j.adjusted and not j.self_preference.why)
    if names := [judge.judge for judge in preference]:
        reason = "an answer or its style attributes are missing, so style leaks into it"
        yield f"{_judges(names)}: self-preference is not adjusted for style: {reason}"
    for judge in report.judges:
        if judge.made_of is not None:
            members = ", ".join(judge.made_of) or "judges that it does not name"
            yield f"{judge.judge} is an ensemble of {members}, so kin is not measured against it"
    for first, others in grouped((two[1], two[0]) for two in report.not_compared).items():
        yield f"not compared, of the same verdicts: {first}, {_judges(others)}"
    yield from _missing_lines(report)
    for reason, names in grouped(report.left_out.items()).items():
        yield f"skipped judge{'s' if len(names) > 1 else ''} {_judges(names)}: {reason}"


def _judges(names: Sequence[str], what: str = "judges") -> str:
    return listed(names, what, FEW_NAMES)


def _missing_lines(report: Report) -> Iterator[str]:
    """Yield the notes on undefined measures and skipped judgments, each for all its judges."""
    undefined, skipped = list[tuple[str, str]](), list[tuple[str, str]]()
    for judge in report.judges:
        reasons = ((m.name, m.of(judge).why) for m in report.measures)
        unknown = ((x if why == NO_SPREAD else x.split(":")[0], why) for x, why in reasons if why)
        for why, missing in grouped(unknown).items():
            undefined.append((judge.judge, f"{', '.join(dict.fromkeys(missing))}: {why}"))
        skipped += [(judge.judge, reason) for reason in judge.left_out]
    style = ((judge.judge, judge.style_left_out) for judge in report.judges)
    for note, judges in grouped(item for item in style if item[1]).items():
        yield f"{_judges(judges)}: {STYLE_BIAS}: {note}"
    for note, judges in grouped(undefined).items():
        yield f"n/a for {_judges(judges)}: {note}"
    for reason, judges in grouped(skipped).items():
        number = sum(judge.left_out.get(reason, 0) for judge in report.judges)
        yield f"skipped for {_judges(judges)}: {number:,} {reason}"
    pairs = (
        (f"{p.first}, {p.second}", f"{'kappa' if p.games else 'agreement'}: {p.why}")
        for p in report.pairs
        if p.why
    )
    for note, names in grouped(pairs).items():
        shown = "; ".join(names) if len(names) <= FEW_NAMES else _judges(names, "pairs")
        yield f"n/a for {shown}: {note}"
