"""The agreement of judges with a person, on the same pairs of answers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import msgspec
import numpy as np

from arena.base.errors import InputError
from arena.base.jsonl import read_lines
from arena.base.table import aligned
from arena.bench.labels import worth
from arena.bench.paths import is_person, judge_names, judged_models
from arena.bench.records import (
    Judgment,
    KeyLine,
    baseline_rule,
    read_judgments,
    read_questions,
)
from arena.leaderboard.people.pairs import points_of
from arena.quality.benchmark.measures import Estimate
from arena.quality.judge_measures import agreement, draw_questions, estimated
from arena.quality.panel import JudgeOptions
from arena.scoring.selection import matching_questions
from arena.scoring.uncertainty.intervals import FEW

Pair = tuple[str, str, str]  # question, model and baseline
OUTCOMES = "win", "tie", "loss"
MARGINS = "tie", "slight", "by far"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a judgment as a number of OUTCOMES, its margin as one of MARGINS, and how
    many of its further verdicts name the same outcome as the one that was given first.
    """

    outcome: int
    margin: int
    again: int
    same: int


@dataclass(frozen=True)
class WithPerson:
    """The agreement of a judge with a person.

    table: pairs by the outcome of the person, then of the judge. agreement: percentage with one
    outcome. weighted: kappa with squared distances of the outcomes. by: shares of agreement and
    numbers of pairs by cluster, and by the margin of person and judge.
    """

    judge: str
    pairs: int
    table: list[list[int]]
    agreement: Estimate
    kappa: Estimate
    weighted: Estimate
    by: dict[str, dict[str, tuple[float, int]]] = field(default_factory=dict)


class Vote(msgspec.Struct, gc=False):
    """A game or a repeat in the record of a person's votes on a pair. vote: its number."""

    vote: int = 1
    repeats: list[Vote] | None = None


class VotesLine(KeyLine, gc=False):
    """A line of a person's file of judgments."""

    games: list[Vote | None] = []

    @property
    def order(self) -> list[int]:
        """The numbers of all votes, by game and in it by repeat."""
        return [one.vote for game in self.games if game for one in (game, *(game.repeats or ()))]


def verdict_of(judgment: Judgment, order: Sequence[int] | None = None) -> Verdict | None:
    """Return the verdict of a judgment, None without one. order: when each label was given."""
    labels = [(label, game) for game, of in enumerate(judgment.verdicts) for label in of]
    given = sorted(zip(order or range(len(labels)), labels, strict=True), key=itemgetter(0))
    worths = [w for _, (label, game) in given if (w := worth(label, game)) is not None]
    points = points_of(judgment)
    if points is None:
        return None
    signs = [(w > 0) - (w < 0) for w in worths]
    outcome = 0 if points > 0.5 else 2 if points < 0.5 else 1
    same = sum(sign == signs[0] for sign in signs[1:])
    margin = max(map(abs, worths)) if outcome != 1 else 0
    return Verdict(outcome, margin, len(signs) - 1, same)


def read_verdicts(options: JudgeOptions, judge: str) -> dict[Pair, Verdict]:
    """Return the verdicts of a judge by pair, as the options choose them.

    A pair is of a model and a baseline, and of a person's pairs either may be that of the options.
    """
    questions = read_questions(options.bench)
    categories = {q.id: q.category for q in questions}
    ids = matching_questions(options.selection(judge), questions)
    rule = baseline_rule(options.bench, options.config, options.baselines)
    verdicts = {}
    for model in judged_models(options.bench, judge):
        path = options.bench.judgment_file(judge, model)
        lines = read_lines(path, VotesLine, "a judgment") if is_person(judge) else []
        orders = {(line.id, line.model or model, line.baseline): line.order for line in lines}
        for one in read_judgments(path, model, judge):
            baseline = rule.of(one.baseline, categories.get(one.question_id, "")) or ""
            verdict = verdict_of(one, orders.get((one.question_id, one.model, one.baseline)))
            names = {baseline, one.model} if is_person(judge) else {baseline}
            if options.baselines and names.isdisjoint(options.baselines):
                continue
            if verdict and (ids is None or one.question_id in ids):
                verdicts[one.question_id, one.model, baseline] = verdict
    return verdicts


def in_order_of(
    verdicts: Mapping[Pair, Verdict], others: Mapping[Pair, Verdict]
) -> dict[Pair, Verdict]:
    """Return verdicts, those of pairs that others have the other way round turned."""
    ordered = dict[Pair, Verdict]()
    for (question, model, baseline), verdict in verdicts.items():
        turned = question, baseline, model
        if turned in others and (question, model, baseline) not in others:
            ordered[turned] = replace(verdict, outcome=2 - verdict.outcome)
        else:
            ordered[question, model, baseline] = verdict
    return ordered


def with_person(
    person: Mapping[Pair, Verdict],
    judge: Mapping[Pair, Verdict],
    name: str,
    clusters: Mapping[str, str],
    options: JudgeOptions,
) -> WithPerson:
    """Return the agreement on the pairs of both, with a bootstrap over questions."""
    both = sorted(person.keys() & judge.keys())
    places = {question: i for i, question in enumerate(sorted({pair[0] for pair in both}))}
    tables = np.zeros((len(places), 3, 3))
    groups: dict[str, dict[str, list[bool]]] = {
        name: defaultdict(list)
        for name in ("cluster", "margin of the person", "margin of the judge")
    }
    for pair in both:
        y, f = person[pair], judge[pair]
        tables[places[pair[0]], y.outcome, f.outcome] += 1
        margins = MARGINS[y.margin], MARGINS[f.margin]
        for group, key in zip(groups.values(), (clusters.get(pair[0], ""), *margins), strict=True):
            group[key].append(y.outcome == f.outcome)
    times = draw_questions(len(places), options.rounds, options.seed)
    same, kappa, weighted = estimated(agreement, tables.reshape(len(places), -1), times)
    by = {
        what: {key: (sum(hits) / len(hits), len(hits)) for key, hits in sorted(group.items())}
        for what, group in groups.items()
    }
    table = tables.sum(axis=0).astype(int).tolist()
    return WithPerson(name, len(both), table, same, kappa, weighted, by)


def people_report(options: JudgeOptions, person: str) -> tuple[list[WithPerson], tuple[int, int]]:
    """Return the agreement of each other judge with a person, people first, and how many of the
    person's further votes on a pair there are and name the first outcome.

    Raises InputError if nobody else judged one of the person's pairs.
    """
    if not is_person(person):
        raise InputError(f"--human {person}: not a person. Name a judge human-NAME.")
    votes = read_verdicts(options, person)
    clusters = {q.id: q.cluster for q in read_questions(options.bench)}
    names = [name for name in options.judges or judge_names(options.bench) if name != person]
    reports = []
    for name in sorted(names, key=lambda name: (not is_person(name), name)):
        verdicts = read_verdicts(options, name)
        own = in_order_of(votes, verdicts)
        if own.keys() & verdicts.keys():
            reports.append(with_person(own, verdicts, name, clusters, options))
    if not reports:
        where = options.selection(person).of_categories
        raise InputError(f"{person}: no other judge has judged one of these pairs{where}.")
    again = sum(vote.again for vote in votes.values())
    return reports, (again, sum(vote.same for vote in votes.values()))


HEADS = "pairs", "same outcome, %", "kappa", "weighted kappa"


def agreement_row(report: WithPerson) -> tuple[str, ...]:
    """Return the cells of a judge: its name, pairs and measures of agreement."""
    kappas = report.kappa.text(3), report.weighted.text(3)
    return report.judge, f"{report.pairs:,}", report.agreement.text(1), *kappas


def people_lines(
    person: str, reports: list[WithPerson], consistency: tuple[int, int]
) -> Iterator[str]:
    """Yield the report as text."""
    yield from aligned([(f"with {person}", *HEADS), *map(agreement_row, reports)])
    for one in reports:
        yield ""
        table = zip(OUTCOMES, one.table, strict=True)
        cells = [(name, *map(str, counts)) for name, counts in table]
        yield from aligned([(f"{person} \\ {one.judge}", *OUTCOMES), *cells])
        for what, group in one.by.items():
            parts = (
                f"{key or '–'} {100 * share:.0f} % of {n}" for key, (share, n) in group.items()
            )
            yield f"same outcome by {what}: {', '.join(parts)}"
    yield ""
    yield from people_notes(person, reports, consistency)


def people_notes(
    person: str, reports: list[WithPerson], consistency: tuple[int, int]
) -> Iterator[str]:
    """Yield the notes below the tables, first on the intervals."""
    if any(math.isfinite(one.agreement.lower) for one in reports):
        yield "in brackets 95 % intervals of a bootstrap over questions"
    if any(math.isnan(one.agreement.lower) for one in reports):
        yield f"no intervals from fewer than {FEW} questions"
    if any(is_person(one.judge) for one in reports):
        yield "the agreement of people with each other is the ceiling for a judge"
    if consistency[0]:
        yield f"{person} on a pair again: {consistency[1]} of {consistency[0]} votes as the first"


def people_json(person: str, reports: list[WithPerson], consistency: tuple[int, int]) -> str:
    """Return the report as JSON."""
    again, same = consistency
    values = {"person": person, "judges": reports, "again": again, "again_same": same}
    return msgspec.json.format(msgspec.json.encode(values)).decode() + "\n"
