"""What is measured of judges as text, JSON or one HTML page."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from arena.base.errors import InputError, nearest, warn
from arena.base.table import aligned
from arena.base.yaml_file import TEXTS, read_yaml
from arena.bench.config import read_judge_config
from arena.bench.labels import LABELS
from arena.bench.paths import Bench, judge_names, model_names
from arena.bench.records import Question
from arena.leaderboard.output.text import finite
from arena.quality.judge_measures import FEW, NO_SPREAD, Counted, JudgeReport, PairReport
from arena.quality.measures import estimate_text
from arena.quality.panel import Panel
from arena.scoring.selection import Selection
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


FEW_PAIRS = 3  # of judges, whose confusion of labels is printed


def read_families(path: Path) -> dict[str, str]:
    """Return the family of each judge and model in a YAML file of families and their members."""
    section, found = read_yaml(path), dict[str, str]()
    for family in section.names():
        for name in section.take(family, TEXTS, literal=True):
            if found.setdefault(name, family) != family:
                raise InputError(f"{path}: '{name}' is of two families, {found[name]} and {family}")
    return found


def _check_families(family: Mapping[str, str], path: Path, bench: Bench, panel: Panel) -> None:
    """Warn of names in a file of families that no judge and no model of the bench has."""
    known = {*judge_names(bench), *model_names(bench.answers), *panel.models}
    for name in family:
        if name not in known:
            warn(f"{path}: {bench.name} has no judge or model '{name}'{nearest(name, known)}")


def _selection(args: argparse.Namespace) -> tuple[Selection, list[Question]]:
    """Return what a board of all questions, or of the categories, would be made of, and the
    questions of the bench.
    """
    from arena.scoring.selection import Plan, Selection, bench_questions

    config = None
    if not (args.bench_name and (args.baseline or not args.setting_file.exists())):
        config = read_judge_config(args.setting_file)
    bench = Bench(args.data_dir, args.bench_name or (config.bench_name if config else ""))
    questions = bench_questions(bench, needed=bool(args.category))
    alike = Selection(bench=bench, judges=(), baselines=(), mixed=args.mixed)
    asked = Plan(alike, questions, None if args.baseline else config, method="bradley-terry")
    return asked.of(tuple(dict.fromkeys(args.category)), tuple(args.baseline)), questions


def make_report(args: argparse.Namespace) -> Report:
    """Read the judgments that the flags ask for and measure their judges."""
    from arena.quality.judge_measures import draw_questions
    from arena.quality.judge_text import Report
    from arena.quality.panel import read_panel

    family = read_families(args.family) if args.family else {}
    selection, questions = _selection(args)
    panel, left_out = read_panel(selection, args.judge_name, args.baseline, questions)
    if args.family:
        _check_families(family, args.family, selection.bench, panel)
    times = draw_questions(panel, args.num_rounds, args.seed)
    pairs, not_compared = _pairs(panel, times)
    return Report(
        bench=selection.bench.name,
        categories=selection.categories,
        rounds=args.num_rounds,
        seed=args.seed,
        questions=len(panel.questions),
        judges=_judges(selection.bench, panel, family, times, args.workers),
        pairs=pairs,
        not_compared=not_compared,
        left_out=left_out,
        assumed=panel.assumed,
    )


def _judges(
    bench: Bench, panel: Panel, family: Mapping[str, str], times: np.ndarray, workers: int
) -> tuple[JudgeReport, ...]:
    """Return what is measured of each judge."""
    from arena.quality.judge_measures import judge_report
    from arena.quality.panel import style_features

    features = style_features(bench, panel)
    numbers = range(len(panel.judges))
    return tuple(judge_report(panel, one, features, family, times, workers) for one in numbers)


def _pairs(
    panel: Panel, times: np.ndarray
) -> tuple[tuple[PairReport, ...], tuple[tuple[str, str], ...]]:
    """Return the agreement of each two judges, and those that share verdicts."""
    from arena.quality.judge_measures import pair_report

    pairs = list(combinations(range(len(panel.judges)), 2))
    return (
        tuple(pair_report(panel, *two, times) for two in pairs if not panel.share_verdicts(*two)),
        tuple((panel.judges[i], panel.judges[j]) for i, j in pairs if panel.share_verdicts(i, j)),
    )
