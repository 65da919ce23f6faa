"""From judgments (or a saved battle file) to weighted battles: cells that name models and
questions. Judgments of single answers become grades.

A judgment has up to two games; a label is one battle, `>>` counts as `weight` of them. The battles
of a judgment differ only in their outcome, so they are kept as one cell with counts.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

import numpy as np

from arena.base.errors import InputError
from arena.bench.labels import grade_of
from arena.bench.paths import judged_models, model_names
from arena.bench.provenance import SettingsCheck, decoded_settings
from arena.bench.records import Judgment, Question, read_judgments
from arena.scoring.cells import (
    Cells,
    Columns,
    GradeColumns,
    Tally,
    has_label,
    sorted_names,
    tally_of,
)
from arena.scoring.selection import (
    Selection,
    Why,
    _of,
    bench_questions,
    check_foreign,
    check_known_baselines,
    foreign,
    number_of_questions,
    settled,
    wanted_questions,
)


@dataclass(frozen=True)
class Counts:
    """What battles or grades come from: counts for the lines under a board.

    `battles`: weighted; of a board of grades, the grades. `ranges`: the lowest and the highest
    grade, as far as the judgments tell.
    """

    judgments: int
    battles: int
    games_without_verdict: int
    left_out: Mapping[str, int]
    models_left_out: Mapping[str, str]
    judged: Mapping[str, int]
    questions: int | None
    same_questions: bool
    ranges: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Battles:
    """Weighted battles as cells, with the names that their indices stand for, both sorted.

    `outcomes`: for each model the number of games by OUTCOMES, None where they are not known.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    baseline: str
    cells: Cells
    outcomes: Mapping[str, tuple[int, ...]] | None
    counts: Counts

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell these battles from any others."""
        cells = self.cells
        key = (cells.a.astype(np.int64) * cells.models + cells.b) * len(self.questions)
        keys, cell = np.unique(key + cells.question, return_inverse=True)
        digest = hashlib.sha256(json.dumps([self.models, self.questions]).encode())
        digest.update(keys.tobytes())
        for counts in cells.counts:
            digest.update(np.bincount(cell, counts).astype(np.int64).tobytes())
        return digest.hexdigest()[:16]

    @property
    def anchor(self) -> int:
        """The index of the baseline that the scores refer to."""
        return self.models.index(self.baseline)


@functools.lru_cache(maxsize=64)
def _range_of(settings: bytes) -> tuple[float, float] | None:
    """Return the lowest and the highest grade that the settings of a game tell."""
    told = decoded_settings(settings).get("grades")
    grades = [grade_of(value) for value in told] if isinstance(told, list) else []
    lowest, highest = grades if len(grades) == 2 else (None, None)
    return None if lowest is None or highest is None else (lowest, highest)


def _check_ranges(ranges: Mapping[tuple[float, float], Path]) -> None:
    """Raise InputError that names the files if they tell different ranges of grades."""
    if len(ranges) > 1:
        spans = " and ".join(map(range_text, ranges))
        files = " and ".join(dict.fromkeys(map(str, ranges.values())))
        raise InputError(
            f"{files}: grades {spans} have no common mean; name one judge, or --mixed count "
            "counts all"
        )


def range_text(span: tuple[float, float]) -> str:
    """Return a range of grades in words."""
    return f"from {span[0]:g} to {span[1]:g}"


# From judgments


def read_battles(selection: Selection) -> Battles:
    """Return the battles of the judges' files, all judges pooled.

    Raises InputError as `read_selections` does, and for grades of single answers.
    """
    needed = bool(selection.categories) or selection.missing == "loss"
    questions = bench_questions(selection.bench, needed=needed)
    ((_, read),) = read_selections([selection], questions)
    if isinstance(read, Grades):
        raise InputError(f"{selection.bench.folder}: holds grades of single answers, no battles")
    return read


def read_selections(
    selections: Sequence[Selection],
    questions: Sequence[Question],
    *,
    pass_over_unjudged: bool = False,
) -> list[tuple[Selection, Battles | Grades]]:
    """Return what each selection of one bench and its judges holds, in one reading of the files.

    What cannot count (the baseline against itself, a question of another category) is left out and
    counted. Raises InputError for an unknown judge or category, for a mix that the selection does
    not ask for, for verdicts beside grades, and when nothing is left; of several selections those
    without any judgment can be passed over.
    """
    bench, seen = selections[0].bench, _Seen()
    readers = [_Reader(selection, questions, seen) for selection in selections]
    for judge in selections[0].judges:
        for model in judged_models(bench, judge):
            path = bench.judgment_file(judge, model)
            for reader in readers:
                reader.files.add(model)
            for judgment in read_judgments(path, model, judge):
                if judgment.baseline:
                    seen.baselines.add(judgment.baseline)
                for reader in readers:
                    reader.take(judgment, path)
    if seen.verdicts and seen.grades:
        raise InputError(
            f"{seen.verdicts} holds verdicts on two answers, {seen.grades} grades of single "
            "answers: they make no common board; move one of them, or name one judge or category"
        )
    judged = [reader for reader in readers if reader.judged]
    chosen = judged if judged and pass_over_unjudged else readers
    return [reader.finish() for reader in chosen]


@dataclass
class _Seen:
    """What all readers met: a file with verdicts, one with grades, the baselines of all files."""

    verdicts: Path | None = None
    grades: Path | None = None
    baselines: set[str] = field(default_factory=set)


class _Reader:
    """Takes in the judgments of one selection.

    Those without verdict or grade wait until all are read, which tells whether either was asked;
    all wait where baselines are chosen by what the judgments name.
    """

    def __init__(self, selection: Selection, questions: Sequence[Question], seen: _Seen) -> None:
        self.selection = selection
        self.questions = questions
        self.seen = seen
        self.categories = {question.id: question.category for question in questions}
        self.wanted = wanted_questions(selection, questions)
        self.columns = Columns()
        self.grades = GradeColumns()
        self.foreign: dict[Why, Counter[Path]] = {}
        self.told: defaultdict[tuple[str, str], SettingsCheck] = defaultdict(SettingsCheck)
        self.ranges: dict[tuple[float, float], Path] = {}
        self.files: set[str] = set()
        self.judged: set[str] = set()
        self.named: defaultdict[str, set[str]] = defaultdict(set)
        self.waiting: list[tuple[Judgment, str, Path]] = []

    def take(self, judgment: Judgment, path: Path) -> None:
        """Take in a judgment of a file, if it is on a wanted question."""
        if self.wanted is not None and judgment.question_id not in self.wanted:
            if judgment.question_id not in self.categories:
                self.columns.left_out["judgments of questions that question.jsonl lacks"] += 1
            return
        self.judged.add(judgment.model)
        baseline = judgment.baseline or self._unnamed(judgment.question_id)
        if baseline != judgment.model:
            self.named[self._category(judgment.question_id)].add(baseline)
        graded, decided = bool(judgment.grades), has_label(judgment.labels)
        if graded:
            self.seen.grades = self.seen.grades or path
        if decided:
            self.seen.verdicts = self.seen.verdicts or path
        if (graded or decided) and not self.selection.fallback:
            self._add(judgment, baseline, path, graded=graded)
        else:
            self.waiting.append((judgment, baseline, path))

    def _add(self, judgment: Judgment, baseline: str, path: Path, *, graded: bool) -> None:
        columns, selection = self.columns, self.selection
        if judgment.baseline:
            columns.baselines.add(judgment.baseline)
        baseline_told = None if graded else judgment.baseline  # grades are relative to none
        why = foreign(judgment.judge, baseline_told, selection)
        if why:
            columns.left_out["judgments {}, {}".format(*why)] += 1
            self.foreign.setdefault(why, Counter())[path] += 1
            return
        if selection.mixed != "count":
            asked = (judgment.judge, self._category(judgment.question_id))
            counted = judgment.settings[: 1 if selection.first_game_only else None]
            self.told[asked].check(counted, judgment.judge, path)
        if graded:
            columns.judgments += 1
            for span in filter(None, map(_range_of, judgment.settings)):
                self.ranges.setdefault(span, path)
            games = max(len(judgment.labels), 1)
            self.grades.add(judgment.model, judgment.question_id, judgment.grades, games)
        elif selection.baselines:
            self._fight(judgment, baseline)

    def _fight(self, judgment: Judgment, baseline: str) -> None:
        columns, selection = self.columns, self.selection
        if judgment.model == baseline:
            columns.left_out["judgments of the baseline against itself"] += 1
            return
        columns.judgments += 1
        whole = selection.estimator.whole_judgments
        tally = tally_of(judgment.labels, selection.weight, selection.first_game_only, whole)
        if whole and tally.undecided:
            columns.left_out["judgments with an undecided game"] += 1
        columns.add(baseline, judgment.model, judgment.question_id, tally)

    def _unnamed(self, question: str) -> str:
        """Return the baseline of a judgment that names none."""
        return self.selection.baseline_in(self._category(question))

    def _category(self, question: str) -> str:
        return self.categories.get(question, "")

    def _add_missing(self) -> None:
        """Add a plain loss a game for each of the questions that a model has no battle on.

        It is against the first baseline of the question's category.
        """
        columns, games = self.columns, 1 if self.selection.first_game_only else 2
        loss = Tally((games, 0, 0), outcomes=(0, 0, 0, games, 0))
        have = set(compress(zip(columns.b, columns.question, strict=True), columns.used()))
        names = list(columns.models)
        baselines = {names[i] for i in set(columns.a)} | set(self.selection.baselines)
        for model in sorted(set(names) - baselines):
            for question in sorted(self.categories if self.wanted is None else self.wanted):
                if (columns.models[model], columns.questions[question]) not in have:
                    named = self.named[self._category(question)]
                    known = (name for name in self.selection.baselines if name in named)
                    baseline = next(known, self._unnamed(question))
                    columns.add(baseline, model, question, loss)
                    columns.left_out["missing games, counted as losses"] += games

    def finish(self) -> tuple[Selection, Battles | Grades]:
        """Return what was taken in, and the selection with the baselines that were named.

        Raises InputError if that is nothing or not what was asked for.
        """
        graded = self.seen.grades is not None
        asked = self.selection
        if not graded:
            self.selection = settled(asked, self.named)
            fell_back = not set(self.selection.baselines) <= set(asked.baselines)
            check_known_baselines(self.seen.baselines, self.selection if fell_back else asked)
        for judgment, baseline, path in self.waiting:
            self._add(judgment, baseline, path, graded=graded)
        return self.selection, self._graded() if graded else self._fought()

    def _graded(self) -> Grades:
        columns, selection = self.columns, self.selection
        if not self.grades.grade:
            raise InputError(_nothing_left(columns, selection, f"no grade{_of(selection)}"))
        check_foreign(self.foreign, selection)
        if selection.mixed != "count":
            _check_ranges(self.ranges)
        models, questions, total, number = self.grades.tables()
        got_to = {"no judgment of these questions": self.files, "no grade": self.judged}
        reasons = _reasons(selection, got_to)
        counts = Counts(
            judgments=columns.judgments,
            battles=len(self.grades.grade),
            games_without_verdict=self.grades.missing,
            left_out=dict(columns.left_out),
            models_left_out={m: why for m, why in reasons.items() if m not in models},
            judged=dict(zip(models, (number > 0).sum(axis=1).tolist(), strict=True)),
            questions=number_of_questions(self.questions, self.wanted),
            same_questions=bool(((number > 0) == (number > 0)[:1]).all()),
            ranges=tuple(sorted(self.ranges)),
        )
        return Grades(models, questions, total, number, counts)

    def _fought(self) -> Battles:
        columns, selection = self.columns, self.selection
        if not selection.baselines:
            raise InputError(
                f"{selection.bench.folder}: no baseline is named{_of(selection)}; name it with "
                "--baseline, or as baseline_model in the judge config"
            )
        if not columns.a:
            raise InputError(_nothing_left(columns, selection))
        check_foreign(self.foreign, selection)
        if selection.baselines[0] not in columns.models:
            folder, anchor = selection.bench.folder, selection.baselines[0]
            raise InputError(
                f"{folder}: no judgment against '{anchor}', which scores 50; name another"
            )
        whole = selection.estimator.whole_judgments
        undecided = "no judgment without an undecided game" if whole else "no game with a verdict"
        got_to: dict[str, Iterable[str]] = {
            "no judgment of these questions": self.files,
            "no judgment against the baseline": self.judged,
            undecided: columns.models,
        }
        reasons = _reasons(selection, got_to)
        really_judged, _ = columns.coverage()
        if selection.missing == "loss":
            self._add_missing()
        questions = number_of_questions(self.questions, self.wanted)
        battles = from_columns(columns, selection, reasons, questions)
        judged = {model: really_judged.get(model, 0) for model in battles.counts.judged}
        return replace(battles, counts=replace(battles.counts, judged=judged))


def _nothing_left(columns: Columns, selection: Selection, what: str = "") -> str:
    folder = selection.bench.judgments(selection.judges[0])
    reasons = [f"{count} {why}" for why, count in sorted(columns.left_out.items())]
    if columns.undecided and not selection.estimator.whole_judgments:
        reasons.insert(0, f"none of {columns.undecided} games has a verdict")
    if what:
        return "; ".join([f"{folder}: {what}", *reasons])
    baselines = "', '".join(selection.baselines)
    others = sorted(columns.baselines - set(selection.baselines))[:1]
    if selection.categories:  # other boards may need the baselines that are named
        others = [*selection.baselines, *others] if others else []
    hint = [f"use {shlex.join(f'--baseline={name}' for name in others)}"] if others else []
    start = f"{folder}: no battle against the baseline '{baselines}'{_of(selection)}"
    return "; ".join([start, *reasons, *hint])


def _reasons(selection: Selection, got_to: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the reason for each model of the bench, should the board lack it.

    `got_to`: reasons, and the models that each holds for unless a later one does.
    """
    answered = model_names(selection.bench.answers)
    reasons = {model: f"not judged by {', '.join(selection.judges)}" for model in answered}
    return reasons | {model: why for why, models in got_to.items() for model in models}


def from_columns(
    columns: Columns,
    selection: Selection,
    reasons: Mapping[str, str],
    of_questions: int | None,
) -> Battles:
    """Return the cells with battles; their indices are in the order of the sorted names."""
    counts = columns.counts()
    a, b, question = (
        np.frombuffer(column, dtype=np.int32) for column in (columns.a, columns.b, columns.question)
    )
    used = counts.sum(axis=0) > 0
    if not used.any():
        raise InputError(_nothing_left(columns, selection))
    judged, same = columns.coverage()
    outcomes = columns.outcomes()
    models, (a, b) = sorted_names(columns.models, [a[used], b[used]], selection.baselines[:1])
    questions, (question,) = sorted_names(columns.questions, [question[used]])
    cells = Cells(len(models), a, b, question, np.ascontiguousarray(counts[:, used]))
    return Battles(
        models=models,
        questions=questions,
        baseline=selection.baselines[0],
        cells=cells,
        outcomes={model: outcomes[model] for model in models},
        counts=Counts(
            judgments=columns.judgments,
            battles=int(cells.counts.sum()),
            games_without_verdict=columns.undecided,
            left_out=dict(columns.left_out),
            models_left_out={m: why for m, why in reasons.items() if m not in models},
            judged={m: n for m, n in judged.items() if m in models},
            questions=of_questions,
            same_questions=same,
        ),
    )


@dataclass(frozen=True)
class Grades:
    """The grades that judges gave: their sum and number for each model and question, both (M, Q).

    The names that the indices stand for are sorted.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    total: np.ndarray
    number: np.ndarray
    counts: Counts
