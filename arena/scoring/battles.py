"""Battles and grades from the judgments of a bench.

A game with a label gives one battle, or `weight` of them if the label is `>>`. A judgment of a
single answer gives grades.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

import numpy as np

from arena.base.errors import InputError
from arena.bench.paths import is_person, judged_models, model_names
from arena.bench.provenance import EnsembleCheck, RefusedJudgments, SettingsCheck
from arena.bench.records import Judgment, Question, read_judgments_by_kind
from arena.scoring.cells import (
    CellColumns,
    CellCounts,
    Cells,
    Counts,
    GradeColumns,
    counts_of,
    has_label,
    sorted_names,
    whole_numbers,
)
from arena.scoring.estimators import GRADES
from arena.scoring.grades import range_of_grades, range_text
from arena.scoring.selection import (
    Selection,
    UnexpectedJudgments,
    check_baselines_exist,
    matching_questions,
)


@dataclass(frozen=True)
class Battles:
    """Weighted battles as cells. The names of their indices are sorted. The mean of the models is
    the anchor if there is no `baseline`.

    `outcomes`: for each model the number of games by OUTCOMES, None for saved battles.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    baseline: str | None
    cells: Cells
    outcomes: Mapping[str, tuple[int, ...]] | None
    counts: Counts

    @property
    def fingerprint(self) -> str:
        """16 hex digits that differ between different battles."""
        cells = self.cells
        key = (cells.a.astype(np.int64) * cells.models + cells.b) * len(self.questions)
        keys, cell = np.unique(key + cells.question, return_inverse=True)
        digest = hashlib.sha256(json.dumps([self.models, self.questions]).encode())
        digest.update(keys.tobytes())
        for counts in cells.counts:
            sums = whole_numbers(np.bincount(cell, counts))
            digest.update(sums.astype(np.promote_types(sums.dtype, np.int64)).tobytes())
        return digest.hexdigest()[:16]

    @property
    def anchor(self) -> int | None:
        """The index of the baseline that the scores refer to, None for the mean of the models."""
        return None if self.baseline is None else self.models.index(self.baseline)


@dataclass(frozen=True)
class Grades:
    """Sum and number of the grades of each model and question, (M, Q) each, and `by_judge` of each
    judge and model, (J, M) each. Names are sorted.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    total: np.ndarray
    number: np.ndarray
    counts: Counts
    by_judge: tuple[np.ndarray, np.ndarray] | None = None


def read_selections(
    selections: Sequence[Selection],
    questions: Sequence[Question],
    *,
    pass_over_unjudged: bool = False,
) -> list[tuple[Selection, Battles | Grades]]:
    """Return the battles or grades of selections of one bench, in one reading of the files.

    A judgment that cannot count (the baseline against itself, a question of another category) is
    skipped and counted. Raises InputError for an unknown judge or category, for a mix that the
    selection refuses, for verdicts beside grades, and for a selection without battles or grades.
    `pass_over_unjudged` skips selections without any judgment, unless all are.
    """
    bench, seen = selections[0].bench, _Seen()
    collectors = [_Collector(selection, questions, seen) for selection in selections]
    for judge in selections[0].judges:
        for model in judged_models(bench, judge):
            path = bench.judgment_file(judge, model)
            for collector in collectors:
                collector.models_with_files.add(model)
            for judgment, ids in read_judgments_by_kind(path, model, judge):
                if judgment.baseline:
                    seen.baselines.add(judgment.baseline)
                for collector in collectors:
                    collector.add(judgment, ids, path)
    if seen.verdicts and seen.grades:
        raise InputError(
            f"{seen.verdicts} has verdicts on two answers, {seen.grades} has grades of single "
            "answers: they make no common board. Move one of them, or name one judge or category."
        )
    judged = [collector for collector in collectors if collector.judged_models]
    return [c.finish() for c in (judged if judged and pass_over_unjudged else collectors)]


@dataclass
class _Seen:
    """The first file with verdicts, the first with grades, and the baselines in all records."""

    verdicts: Path | None = None
    grades: Path | None = None
    baselines: set[str] = field(default_factory=set)


class _Collector:
    """Filters, checks and counts the judgments of one selection, then makes battles or grades.
    Those of a file that differ in nothing but their question are checked once.

    Judgments without verdict and grade are deferred until all are read, since only the others show
    whether the judge compares or grades. All are deferred if they decide which baselines count.
    """

    def __init__(self, selection: Selection, questions: Sequence[Question], seen: _Seen) -> None:
        self.selection = selection
        self.seen = seen
        self.categories = {question.id: question.category for question in questions}
        self.matching = matching_questions(selection, questions)
        self.columns = CellColumns()
        self.grades = GradeColumns()
        self.unexpected = UnexpectedJudgments()
        self.settings: defaultdict[tuple[str, str], SettingsCheck] = defaultdict(SettingsCheck)
        self.ensembles: defaultdict[str, EnsembleCheck] = defaultdict(EnsembleCheck)
        self.ranges: dict[tuple[float, float], Path] = {}
        self.models_with_files: set[str] = set()
        self.judged_models: set[str] = set()
        self.baselines: defaultdict[str, set[str]] = defaultdict(set)  # by category
        self.deferred: list[tuple[Judgment, str, list[str], Path]] = []

    def add(self, judgment: Judgment, ids: Sequence[str], path: Path) -> None:
        """Filter judgments of one kind by their questions, then count or defer them."""
        by_category: defaultdict[str, list[str]] = defaultdict(list)
        for question in ids:
            category = self.categories.get(question)
            if self.matching is None or question in self.matching:
                by_category[category or ""].append(question)
            elif category is None:
                self.columns.left_out["judgments of questions that question.jsonl lacks"] += 1
        graded, decided = bool(judgment.grades), has_label(judgment.verdicts)
        for category, questions in by_category.items():
            self.judged_models.add(judgment.model)
            baseline = self.selection.baseline_rule.of(judgment.baseline, category) or ""
            if baseline != judgment.model:
                self.baselines[category].add(baseline)
            self.seen.grades = self.seen.grades or (path if graded else None)
            self.seen.verdicts = self.seen.verdicts or (path if decided else None)
            if (graded or decided) and not self.selection.fallback_baselines:
                self._count(judgment, baseline, questions, path, graded=graded)
            else:
                self.deferred.append((judgment, baseline, questions, path))

    def _count(
        self, judgment: Judgment, baseline: str, ids: list[str], path: Path, *, graded: bool
    ) -> None:
        """Check that judgments of a kind and category are selected, then add grades or battles."""
        columns, selection = self.columns, self.selection
        if judgment.baseline:
            columns.baselines.add(judgment.baseline)
        # A grade is relative to no baseline, whatever the judge saw beside the answer.
        opponent = None if graded or baseline == judgment.model else baseline
        reason = selection.unexpected(judgment.judge, opponent)
        if reason:
            columns.left_out["judgments {}, {}".format(*reason)] += len(ids)
            self.unexpected.add(reason, path, len(ids))
            return
        if selection.mixed != "count":
            source = (judgment.judge, self.categories.get(ids[0], ""))
            games = judgment.settings[: 1 if selection.first_game_only else None]
            self.settings[source].check(games, judgment.judge, path)
            ensemble = self.ensembles[judgment.judge]
            ensemble.check(judgment.rule, judgment.members, judgment.judge, path)
        for side in judgment.planted:
            columns.planted[{"model": judgment.model}.get(side, baseline)].update(ids)
        if graded:
            columns.judgments += len(ids)
            for span in filter(None, map(range_of_grades, judgment.settings)):
                self.ranges.setdefault(span, path)
            number = max(len(judgment.labels), 1)
            self.grades.add(judgment.model, ids, judgment.grades, number, judgment.judge)
        elif judgment.model == baseline and selection.baselines:
            columns.left_out["judgments of the baseline against itself"] += len(ids)
        elif selection.baselines:
            columns.judgments += len(ids)
            columns.without_settings += 0 if any(judgment.settings) else len(ids)
            whole = selection.whole_judgments
            rules = selection.weight, selection.first_game_only, whole
            counts = counts_of(judgment.verdicts, *rules, is_person(judgment.judge))
            if whole and counts.undecided:
                columns.left_out["judgments with an undecided game"] += len(ids)
            columns.add(baseline, judgment.model, ids, counts, judgment.judge)

    def finish(self) -> tuple[Selection, Battles | Grades]:
        """Return the selection with the baselines that count, and its battles or grades."""
        graded, planned = self.seen.grades is not None, self.selection
        if not graded:
            self.selection = planned.with_judged_baselines(self.baselines)
            fell_back = not set(self.selection.baselines) <= set(planned.baselines)
            check_baselines_exist(self.selection if fell_back else planned, self.seen.baselines)
        for judgment, baseline, ids, path in self.deferred:
            self._count(judgment, baseline, ids, path, graded=graded)
        if graded:
            return replace(self.selection, estimator=GRADES), self._make_grades()
        return self.selection, self._make_battles()

    def _make_grades(self) -> Grades:
        columns, selection = self.columns, self.selection
        if not self.grades.grade:
            raise _no_data(columns, selection, f"no grade{selection.of_categories}")
        self.unexpected.check(selection)
        if selection.mixed != "count" and len(self.ranges) > 1:
            files = " and ".join(dict.fromkeys(map(str, self.ranges.values())))
            ranges = " and ".join(map(range_text, self.ranges))
            problem, advice = f"{files}: grades {ranges} have no common mean", "Name one judge"
            message = f"{problem}. {advice}, or include all with --mixed count."
            raise RefusedJudgments(message, problem, f"{advice}.")
        models, questions, total, number = self.grades.tables()
        counts = Counts(
            judgments=columns.judgments,
            battles=len(self.grades.grade),
            games_without_verdict=self.grades.missing,
            left_out=dict(columns.left_out),
            models_left_out=self._missing_models(models, {"no grade": self.judged_models}),
            judged=dict(zip(models, (number > 0).sum(axis=1).tolist(), strict=True)),
            questions=self._number_of_questions(),
            same_questions=bool(((number > 0) == (number > 0)[:1]).all()),
            ranges=tuple(sorted(self.ranges)),
            doubts=self.grades.doubts(columns.planted),
        )
        return Grades(models, questions, total, number, counts, self.grades.by_judge())

    def _make_battles(self) -> Battles:
        columns, selection = self.columns, self.selection
        if not selection.baselines:
            raise InputError(
                f"{selection.bench.folder}: no baseline is named{selection.of_categories}. Name it "
                "with --baseline, or as baseline_model in the judge config."
            )
        if not columns.a:
            raise _no_data(columns, selection)
        self.unexpected.check(selection)
        if selection.anchored != "mean" and selection.baselines[0] not in columns.models:
            raise InputError(
                f"{selection.bench.folder}: no judgment is against '{selection.baselines[0]}', "
                "the baseline with score 50. Name another with --baseline."
            )
        compared = list(columns.models)
        # Before losses are added, which nobody judged.
        judged, _ = columns.coverage(both=selection.anchored == "mean")
        doubts = columns.doubts(1 if selection.first_game_only else 2)
        if selection.missing == "loss":
            self._add_losses()
        battles = battles_of(columns, selection, self._number_of_questions())
        whole = selection.whole_judgments
        undecided = "no judgment without an undecided game" if whole else "no game with a verdict"
        reasons: dict[str, Iterable[str]] = {
            "no judgment against the baseline": self.judged_models,
            undecided: compared,
        }
        counts = replace(
            battles.counts,
            models_left_out=self._missing_models(battles.models, reasons),
            judged={model: judged.get(model, 0) for model in battles.counts.judged},
            doubts=doubts,
        )
        return replace(battles, counts=counts)

    def _add_losses(self) -> None:
        """Add a plain loss (`>`) a game for each question on which a model has no battle, by each
        judge of the model. The winner is the first baseline with judgments in the category.
        """
        columns, games = self.columns, 1 if self.selection.first_game_only else 2
        loss = CellCounts((games, 0, 0), outcomes=(0, 0, 0, games, 0))
        judged = set(compress(zip(columns.b, columns.question, strict=True), columns.used()))
        names, judges = list(columns.models), list(columns.judges)
        judges_of = defaultdict[str, set[str]](set)
        for i, j in set(zip(columns.b, columns.judge, strict=True)):
            judges_of[names[i]].add(judges[j])
        baselines = {names[i] for i in set(columns.a)} | set(self.selection.baselines)
        for model in sorted(set(names) - baselines):
            for question in sorted(self.categories if self.matching is None else self.matching):
                if (columns.models[model], columns.questions[question]) not in judged:
                    category = self.categories.get(question, "")
                    there = self.baselines[category]
                    winners = (name for name in self.selection.baselines if name in there)
                    winner = next(winners, self.selection.baseline_rule.of(None, category) or "")
                    for judge in sorted(judges_of[model]):
                        columns.add(winner, model, [question], loss, judge)
                        columns.added_losses += games

    def _number_of_questions(self) -> int | None:
        return len(self.categories if self.matching is None else self.matching) or None

    def _missing_models(
        self, models: Sequence[str], reasons: Mapping[str, Iterable[str]]
    ) -> dict[str, str]:
        """Return the models of the bench that the board lacks, each with the last reason of it."""
        judges = ", ".join(self.selection.judges)
        stages = {
            f"not judged by {judges}": model_names(self.selection.bench.answers),
            "no judgment of these questions": self.models_with_files,
            **reasons,
        }
        last = {model: reason for reason, names in stages.items() for model in names}
        return {model: reason for model, reason in last.items() if model not in models}


def _no_data(columns: CellColumns, selection: Selection, problem: str = "") -> InputError:
    """Return the error for a selection without battles or grades: the reasons, with counts."""
    folder = selection.bench.judgments(selection.judges[0])
    reasons = [f"{count} {reason}" for reason, count in sorted(columns.left_out.items())]
    if columns.undecided and not selection.whole_judgments:
        reasons.insert(0, f"none of {columns.undecided} games has a verdict")
    if problem:
        return InputError(f"{folder}: {', '.join([problem, *reasons])}")
    baselines = "', '".join(selection.baselines)
    problem = f"no battle against the baseline '{baselines}'{selection.of_categories}"
    others = sorted(columns.baselines - set(selection.baselines))[:1]
    if selection.categories and others:  # other boards may need the baselines that are named
        others = [*selection.baselines, *others]
    hint = f". Use {shlex.join(f'--baseline={name}' for name in others)}" if others else ""
    message = f"{folder}: {', '.join([problem, *reasons])}{hint}"
    if not others and any("by another judge" in reason for reason in reasons):
        accept = "If the folder was renamed, include them with --mixed count."
        return RefusedJudgments(f"{message}. {accept}", message)
    return InputError(message)


def battles_of(columns: CellColumns, selection: Selection, questions: int | None) -> Battles:
    """Return the cells with battles. Indices follow the sorted names.

    `questions`: the number of questions of the selection. Raises InputError without a battle.
    """
    counts = columns.counts()
    a, b, question = (np.array(column) for column in (columns.a, columns.b, columns.question))
    used = counts.sum(axis=0) > 0
    if not used.any():
        raise _no_data(columns, selection)
    mean = selection.anchored == "mean"
    judged, same_questions = columns.coverage(both=mean)
    outcomes = columns.outcomes()
    anchor = () if mean else selection.baselines[:1]
    models, (a, b) = sorted_names(columns.models, [a[used], b[used]], anchor)
    names, (question,) = sorted_names(columns.questions, [question[used]])
    counts, judge = np.ascontiguousarray(counts[:, used]), columns.judge_of(used)
    cells = Cells(len(models), a, b, question, counts, judge=judge)
    return Battles(
        models=models,
        questions=names,
        baseline=next(iter(anchor), None),
        cells=cells,
        outcomes={model: outcomes[model] for model in models},
        counts=Counts(
            judgments=columns.judgments,
            battles=round(cells.counts.sum()),
            games_without_verdict=columns.undecided,
            left_out=dict(columns.left_out),
            added_losses=columns.added_losses,
            models_left_out={},
            judged={model: number for model, number in judged.items() if model in models},
            questions=questions,
            same_questions=same_questions,
            without_settings=columns.without_settings,
        ),
    )
