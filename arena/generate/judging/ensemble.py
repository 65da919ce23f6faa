"""An ensemble of judges, or of one judge's repeats: labels of a game become one, by a rule."""

from __future__ import annotations

import functools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, one_line
from arena.base.jsonl import decode_lines, dump_line, write_lines
from arena.base.record_file import locked
from arena.base.table import FEW_NAMES, grouped, listed
from arena.bench.formats import new_judgment
from arena.bench.labels import WORTH, label_of_worth, normal_label
from arena.bench.paths import (
    PERSON,
    Bench,
    is_person,
    judge_names,
    judged_models,
    model_names,
)
from arena.bench.records import BaselineRule, JudgmentLine, Question, read_judgments, read_questions

# Of several labels that are equally frequent, the majority is their median.
RULES = {
    "mean": statistics.fmean,
    "majority": lambda worths: statistics.median(statistics.multimode(worths)),
    "median": statistics.median,
}


def ensemble_label(labels: Iterable[str | None], rule: str) -> str | None:
    """Return the label of a game from those of the judges, None if none gave a verdict."""
    worths = [WORTH[label] for label in labels if label is not None]
    return label_of_worth(float(RULES[rule](worths))) if worths else None


@dataclass(frozen=True)
class Ensemble:
    """The judge that is made, by a rule. baselines: those of judgments that name none."""

    bench: Bench
    name: str
    judges: tuple[str, ...]
    rule: str
    baselines: BaselineRule

    def __post_init__(self) -> None:
        """Raise InputError unless there are judges, each once, and none is the ensemble."""
        if not self.judges:
            raise too_few_judges(self)
        if is_person(self.name):
            problem = f"names of people begin with {PERSON}. Choose another name."
            raise InputError(f"--name {self.name}: {problem}")
        for judge, count in Counter(self.judges).items():
            if count > 1:
                raise InputError(f"--judge-name: '{judge}' is named {count} times")
            if f"{judge}/".startswith(f"{self.name}/") or self.name.startswith(f"{judge}/"):
                raise InputError(f"--name {self.name}: shares its folder with the judge '{judge}'")

    @functools.cached_property
    def questions(self) -> dict[str, Question]:
        """The questions of the bench by id, empty if it has no file of them."""
        questions = read_questions(self.bench) if self.bench.questions.exists() else []
        return {question.id: question for question in questions}


def find_judges(bench: Bench, name: str) -> list[str]:
    """Return the judges of a bench except people, ensembles and the one called `name`."""

    def is_ensemble(judge: str) -> bool:
        files = (bench.judgment_file(judge, model) for model in model_names(bench.judgments(judge)))
        return all(rule is not None for file in files for _, rule in authors(file))

    judges = [judge for judge in judge_names(bench) if judge != name and not is_person(judge)]
    return [judge for judge in judges if not is_ensemble(judge)]


def authors(path: Path) -> set[tuple[str | None, str | None]]:
    """Return the judges of the judgments in a file, each with its rule if it is an ensemble."""
    lines = decode_lines(path, JudgmentLine, "a judgment")
    return {(line.judge, line.rule) for _, _, line in lines}


Record = dict[str, Any]
Key = tuple[str, str, str]  # question, baseline ("" if it is not known), model
Labels = tuple[tuple[str | None, ...], ...]  # of the games of a judgment, each with its repeats


def too_few_judges(ensemble: Ensemble) -> InputError:
    """Return the error of an ensemble without two verdicts of a game."""
    folder, names = ensemble.bench.folder / "model_judgment", ", ".join(ensemble.judges) or "none"
    needs = "an ensemble needs two judges or more"
    advice = ". One judge is enough with repeats. Make them with gen_judgment.py --samples."
    return InputError(f"{folder}: {needs}, got: {names}{advice if ensemble.judges else ''}")


def join(ensemble: Ensemble) -> tuple[dict[str, list[Record]], list[str]]:
    """Return the ensemble's records of each model, and lines about skipped models and questions.
    Raises InputError for an unknown judge, and if no question was judged by all.
    """
    models = {judge: judged_models(ensemble.bench, judge) for judge in ensemble.judges}
    records: dict[str, list[Record]] = {}
    skipped, notes = list[tuple[str, str]](), []
    for model in sorted(set().union(*models.values())):
        if missing := [judge for judge in ensemble.judges if model not in models[judge]]:
            skipped.append((model, f"not judged by {', '.join(missing)}"))
            continue
        planted = defaultdict[Key, set[str]](set)
        published = set[Key]()
        labels = {j: read_labels(ensemble, j, model, planted, published) for j in ensemble.judges}
        shared = set.intersection(*map(set, labels.values()))
        if not shared:
            skipped.append((model, "no question judged by all"))
            continue
        records[model] = []
        for key in sorted(shared):
            labels_of_key = {judge: labels[judge][key] for judge in labels}
            record = ensemble_record(ensemble, key, labels_of_key)
            sides = {"planted": sorted(planted[key], reverse=True)} if planted[key] else {}
            # Boards take judgments without the key as published ones.
            made: Record = {} if key in published else {"settings": {}}
            records[model].append(record | sides | made)
        unshared = Counter(baseline for _, baseline, _ in set().union(*labels.values()) - shared)
        for baseline, count in sorted(unshared.items()):
            questions = f"{count} question" + "s" * (count > 1)
            against = f" against {one_line(baseline)}" if baseline else ""
            notes.append(f"{model}: {questions}{against} skipped, not judged by all")
    reasons = grouped(skipped).items()
    notes[:0] = [f"{listed(names, many=FEW_NAMES)}: skipped, {reason}" for reason, names in reasons]
    if not records:
        folder, names = ensemble.bench.folder / "model_judgment", ", ".join(ensemble.judges)
        raise InputError(f"{folder}: no question was judged by all of {names}. {notes[0]}")
    games = (game for lines in records.values() for record in lines for game in record["games"])
    if len(ensemble.judges) == 1 and all(len(game["verdicts"]) < 2 for game in games):
        raise too_few_judges(ensemble)
    return records, notes


def read_labels(
    ensemble: Ensemble,
    judge: str,
    model: str,
    planted: Mapping[Key, set[str]],
    published: set[Key],
) -> dict[Key, Labels]:
    """Return a judge's labels of a model, and add the sides whose answer has something planted, and
    the judgments without settings. Raises InputError for grades or another judge's judgments.
    """
    path = ensemble.bench.judgment_file(judge, model)
    labels: dict[Key, Labels] = {}
    for judgment in read_judgments(path, model, judge):
        if judgment.judge != judge:
            raise InputError(f"{path}: contains judgments of another judge, '{judgment.judge}'")
        if judgment.grades:
            raise InputError(f"{path}: contains grades of single answers, which have no labels")
        question = ensemble.questions.get(judgment.question_id)
        category = question.category if question else ""
        baseline = ensemble.baselines.of(judgment.baseline, category) or ""
        key = judgment.question_id, baseline, judgment.model
        labels[key] = tuple(tuple(map(normal_label, game)) for game in judgment.verdicts)
        if judgment.planted:
            planted[key].update(judgment.planted)
        if not any(judgment.settings):
            published.add(key)
    return labels


def ensemble_record(ensemble: Ensemble, key: Key, labels: Mapping[str, Labels]) -> Record:
    """Return a judgment in the format of its question. labels: of each game, by judge.

    A judge's repeats become one label first, so that no judge has more say than another.
    """
    question_id, baseline, model = key
    question = ensemble.questions.get(question_id) or Question(question_id, "", "", ())
    games = []
    for game in zip_longest(*labels.values(), fillvalue=()):
        scores = {
            judge: ensemble_label(verdicts, ensemble.rule)
            for judge, verdicts in zip(labels, game, strict=True)
        }
        score = ensemble_label(scores.values(), ensemble.rule)
        repeats = {} if len(labels) > 1 else {"verdicts": list(game[0])}
        games.append({"score": score, "scores": scores} | repeats)
    record = new_judgment(question, model, ensemble.name, baseline)
    return record | {"games": games, "judges": list(ensemble.judges), "rule": ensemble.rule}


def write(ensemble: Ensemble, records: Mapping[str, list[Record]], overwrite: bool) -> list[str]:
    """Write each model's file, remove those of an earlier ensemble, and return their models.
    Raises InputError, before anything is written, for a file that this script did not write. Such
    a file is replaced only if `overwrite`, and never removed.
    """
    folder = ensemble.bench.judgments(ensemble.name)
    with locked(folder):
        earlier = model_names(folder)
        for model in earlier:
            path = folder / f"{model}.jsonl"
            ours = all(judge == ensemble.name and rule for judge, rule in authors(path))
            if not (ours or (overwrite and model in records)):
                advice = "replace it with --overwrite" if model in records else "move it away"
                problem = f"was not written by this script. Choose another --name, or {advice}."
                raise InputError(f"{path}: {problem}")
        for model, lines in records.items():
            path = ensemble.bench.judgment_file(ensemble.name, model)
            write_lines(path, map(dump_line, lines))
        obsolete = [model for model in earlier if model not in records]
        for model in obsolete:
            (folder / f"{model}.jsonl").unlink()
        return obsolete


def report(ensemble: Ensemble, records: Mapping[str, list[Record]]) -> Iterator[str]:
    """Yield a line for each file, and one for each judge without a verdict on some games."""
    undecided: Counter[str] = Counter()
    for model, lines in records.items():
        games = [game for record in lines for game in record["games"]]
        for game in games:
            undecided.update(judge for judge, label in game["scores"].items() if label is None)
        path = ensemble.bench.judgment_file(ensemble.name, model)
        count = sum(game["score"] is None for game in games)
        yield f"{path}: {len(lines)} judgments, {count} of {len(games)} games undecided"
    for judge in filter(undecided.get, ensemble.judges):
        yield f"{judge}: no verdict on {undecided[judge]} of these games"
