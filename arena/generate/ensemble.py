"""TODO."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from arena.base.errors import InputError
from arena.base.jsonl import decode_lines, dump_line, write_lines
from arena.base.record_file import lock_file, unlock_file
from arena.bench.formats import new_judgment
from arena.bench.labels import LABELS, normal_label
from arena.bench.paths import Bench, judge_names, model_names
from arena.bench.records import IdLine, Judgment, Question, read_judgments, read_questions

WORTH = dict(zip(LABELS, (2, 1, 0, -1, -2), strict=True))


def mean(worths: Sequence[int]) -> Fraction:
    """Return the mean, exactly."""
    return Fraction(sum(worths), len(worths))


def median(worths: Sequence[int]) -> Fraction:
    """Return the middle one, or the mean of the middle two."""
    ordered, count = sorted(worths), len(worths)
    return Fraction(ordered[(count - 1) // 2] + ordered[count // 2], 2)


def majority(worths: Sequence[int]) -> Fraction:
    """Return the most frequent one; of several equally frequent ones, their median."""
    counts = Counter(worths)
    most = max(counts.values())
    return median([worth for worth, count in counts.items() if count == most])


RULES = {"mean": mean, "majority": majority, "median": median}


def ensemble_label(labels: Iterable[str | None], rule: str) -> str | None:
    """Return the label of a game that the judges gave these labels; None if none gave any.

    Up to and including 1 in size it is the slight label, above it the strong one.
    """
    worths = [WORTH[label] for label in labels if label is not None]
    if not worths:
        return None
    worth = RULES[rule](worths)
    if worth == 0:
        return "A=B"
    sign = ">" if abs(worth) <= 1 else ">>"
    return f"A{sign}B" if worth > 0 else f"B{sign}A"


@dataclass(frozen=True)
class Ensemble:
    """The judge that is made: its name, the judges it is made of, and the rule."""

    bench: Bench
    name: str
    judges: tuple[str, ...]
    rule: str

    def __post_init__(self) -> None:
        """Raise InputError unless the judges are several, each once, and none is the ensemble."""
        if len(self.judges) < 2:
            folder, names = self.bench.folder / "model_judgment", ", ".join(self.judges) or "none"
            raise InputError(f"{folder}: an ensemble takes two judges or more, got: {names}")
        for judge, count in Counter(self.judges).items():
            if count > 1:
                raise InputError(f"--judges: '{judge}' is named {count} times")
            if f"{judge}/".startswith(f"{self.name}/") or self.name.startswith(f"{judge}/"):
                raise InputError(f"--name {self.name}: shares its folder with the judge '{judge}'")


Key = tuple[str, str, str]  # question id, baseline ("" if no judge names it), model


Labels = tuple[str | None, ...]


Record = dict[str, Any]


def read_labels(
    ensemble: Ensemble, model: str, questions: Mapping[str, Question]
) -> list[dict[Key, Labels]]:
    """Return each judge's labels of a model; InputError for judgments of another judge.

    A judgment that names no baseline has the one that the others on questions of its category
    name, if that is only one.
    """
    read = []
    for judge in ensemble.judges:
        path = ensemble.bench.judgment_file(judge, model)
        read.append(read_judgments(path, model, judge))
        for other in {judgment.judge for judgment in read[-1]} - {judge}:
            raise InputError(f"{path}: holds judgments of another judge, '{other}', not '{judge}'")
        if any(judgment.grades for judgment in read[-1]):
            raise InputError(f"{path}: holds grades of single answers, which have no labels")
    named: defaultdict[str | None, set[str]] = defaultdict(set)
    for judgment in chain.from_iterable(read):
        if judgment.baseline:
            named[_category(judgment, questions)].add(judgment.baseline)

    def baseline_of(judgment: Judgment) -> str:
        others = named[_category(judgment, questions)]
        return judgment.baseline or ("".join(others) if len(others) == 1 else "")

    return [
        {
            (j.question_id, baseline_of(j), j.model): tuple(
                normal_label(label) for label in j.labels
            )
            for j in judgments
        }
        for judgments in read
    ]


def _category(judgment: Judgment, questions: Mapping[str, Question]) -> str | None:
    """Return the category of a judgment's question, None where question.jsonl lacks it."""
    question = questions.get(judgment.question_id)
    return question.category if question else None


def ensemble_record(
    ensemble: Ensemble, key: Key, labels: Sequence[Labels], questions: Mapping[str, Question]
) -> Record:
    """Return a judgment of the ensemble as it stands in the file, in its question's format.

    labels: of each judge for each game. questions: of the bench, by id.
    """
    question_id, baseline, model = key
    question = questions.get(question_id) or Question(question_id, "", "", ())
    games = [dict(zip(ensemble.judges, game, strict=True)) for game in zip_longest(*labels)]
    return {
        **new_judgment(question, model, ensemble.name, baseline),
        "games": [
            {"score": ensemble_label(scores.values(), ensemble.rule), "scores": scores}
            for scores in games
        ],
        "judges": list(ensemble.judges),
        "rule": ensemble.rule,
    }


def join(ensemble: Ensemble) -> tuple[dict[str, list[Record]], list[str]]:
    """Return the ensemble's records of each model, and lines that say what is left out.

    Raises InputError for an unknown judge, and if nothing was judged by all.
    """
    from arena.bench.paths import judged_models

    models = {judge: judged_models(ensemble.bench, judge) for judge in ensemble.judges}
    there = read_questions(ensemble.bench) if ensemble.bench.questions.exists() else []
    questions = {question.id: question for question in there}
    made: dict[str, list[Record]] = {}
    left_out = []
    for model in sorted(set().union(*models.values())):
        lacking = [judge for judge in ensemble.judges if model not in models[judge]]
        if lacking:
            left_out.append(f"{model}: left out, not judged by {', '.join(lacking)}")
            continue
        labels = read_labels(ensemble, model, questions)
        shared = set(labels[0]).intersection(*labels)
        if not shared:
            left_out.append(f"{model}: left out, no question judged by all")
            continue
        made[model] = [
            ensemble_record(ensemble, key, [of_judge[key] for of_judge in labels], questions)
            for key in sorted(shared)
        ]
        missing = {question for question, *_ in set().union(*labels) - shared}
        if missing:
            left_out.append(f"{model}: {len(missing)} questions left out, not judged by all")
    if not made:
        folder, names = ensemble.bench.folder / "model_judgment", ", ".join(ensemble.judges)
        raise InputError(f"{folder}: nothing that all of {names} judged; {left_out[0]}")
    return made, left_out


class _MakerLine(IdLine):
    judge: str | None = None
    rule: str | None = None


def made_by(path: Path) -> set[tuple[str | None, str | None]]:
    """Return the judges whose judgments a file holds, each with its rule, None if it has none."""
    lines = decode_lines(path, _MakerLine, "a judgment")
    return {(line.judge, line.rule) for _, _, line in lines}


def find_judges(bench: Bench, name: str) -> list[str]:
    """Return the judges of a bench but the one called `name` and ensembles."""

    def is_ensemble(judge: str) -> bool:
        files = (bench.judgment_file(judge, model) for model in model_names(bench.judgments(judge)))
        return all(rule is not None for file in files for _, rule in made_by(file))

    return [judge for judge in judge_names(bench) if judge != name and not is_ensemble(judge)]


def write(ensemble: Ensemble, made: Mapping[str, list[Record]], overwrite: bool) -> list[str]:
    """Write each model's file, remove those of an earlier ensemble, and return their models.

    Raises InputError, before anything is written, for a file that this script did not write; it is
    replaced only to `overwrite`, and never removed.
    """
    folder = ensemble.bench.judgments(ensemble.name)
    lock = lock_file(folder)
    try:
        there = model_names(folder)
        for model in there:
            path = folder / f"{model}.jsonl"
            ours = all(judge == ensemble.name and rule for judge, rule in made_by(path))
            if not (ours or (overwrite and model in made)):
                way = "--overwrite replaces it" if model in made else "move it away"
                raise InputError(f"{path}: not by this script; choose another --name, or {way}")
        for model, lines in made.items():
            path = ensemble.bench.judgment_file(ensemble.name, model)
            write_lines(path, map(dump_line, lines))
        stale = [model for model in there if model not in made]
        for model in stale:
            (folder / f"{model}.jsonl").unlink()
        return stale
    finally:
        unlock_file(lock)


def report(ensemble: Ensemble, made: Mapping[str, list[Record]]) -> Iterator[str]:
    """Yield a line for each file, and one for each judge that had no verdict on some games."""
    silent: Counter[str] = Counter()
    for model, lines in made.items():
        games = [game for record in lines for game in record["games"]]
        undecided = sum(game["score"] is None for game in games)
        for game in games:
            silent.update(judge for judge, label in game["scores"].items() if label is None)
        path = ensemble.bench.judgment_file(ensemble.name, model)
        yield f"{path}: {len(lines)} judgments, {undecided} of {len(games)} games undecided"
    for judge in ensemble.judges:
        if silent[judge]:
            yield f"{judge}: no verdict on {silent[judge]} of these games"
