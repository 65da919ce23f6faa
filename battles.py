"""From judgments (or a saved battle file) to weighted battles: cells that name models and
questions.

A judgment has up to two games; a label is one battle, `>>` counts as `weight` of them. The battles
of a judgment differ only in their outcome, so they are kept as one cell with counts.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from bradley_terry import Cells
from records import (
    BattleLine,
    Bench,
    Judgment,
    Question,
    Style,
    decode_lines,
    known_benches,
    model_names,
    read_judgments,
    read_questions,
    read_styles,
    write_lines,
)
from settings import InputError, nearest, one_line
from verdict import Winner, normal_label, outcome

FEATURES: dict[str, tuple[str, ...]] = {
    "length": ("tokens",),
    "markdown": ("headers", "lists", "bold"),
}
OUTCOMES = ("big wins", "small wins", "ties", "small losses", "big losses")


@dataclass(frozen=True)
class Selection:
    """Which judgments make a board; the first baseline is its anchor."""

    bench: Bench
    judges: tuple[str, ...]
    baselines: tuple[str, ...]
    weight: int = 3
    first_game_only: bool = False
    categories: tuple[str, ...] = ()
    missing: str = "ignore"
    mixed: str = "refuse"

    def settings(self) -> dict[str, object]:
        """Return what a saved battle file must agree in."""
        return {
            "bench": self.bench.name,
            "judges": list(self.judges),
            "baselines": list(self.baselines),
            "weight": self.weight,
            "first_game_only": self.first_game_only,
            "categories": list(self.categories),
            "missing": self.missing,
            "mixed": self.mixed,
        }


@dataclass(frozen=True)
class Counts:
    """What the battles come from: counts for the lines under a board."""

    judgments: int
    battles: int
    games_without_verdict: int
    left_out: Mapping[str, int]
    models_left_out: Mapping[str, str]
    judged: Mapping[str, int]
    questions: int | None
    same_questions: bool


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


class _Tally(NamedTuple):
    """What a cell of `a` against `b` counts: wins of a, ties, wins of b (weighted); b's games by
    OUTCOMES; games without a verdict.
    """

    counts: tuple[int, ...]
    outcomes: tuple[int, ...] = (0,) * len(OUTCOMES)
    undecided: int = 0


Key = TypeVar("Key", bound=Hashable)


class _Index(dict[Key, int]):
    """Numbers keys in the order in which they are first met."""

    def __missing__(self, key: Key) -> int:
        self[key] = len(self)
        return self[key]


@dataclass
class _Told:
    """What judgments tell of how they were made: each setting, and the first file that tells it."""

    seen: set[bytes] = field(default_factory=set)
    values: dict[str, tuple[object, Path]] = field(default_factory=dict)

    def check(self, judgment: Judgment, path: Path) -> None:
        """Raise InputError that names the files if a setting is not what it was before."""
        for settings in judgment.settings:
            if settings not in self.seen:
                self.seen.add(settings)
                for key, value in _as_object(settings).items():
                    first, where = self.values.setdefault(key, (value, path))
                    if value != first:
                        raise InputError(
                            _disagreement(judgment.judge, key, (first, value), (where, path))
                        )


def _as_object(text: bytes) -> dict[str, object]:
    """Return the object that a JSON text holds, an empty one if it holds none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _disagreement(judge: str, key: str, values: Sequence[object], paths: Sequence[Path]) -> str:
    files = " and ".join(dict.fromkeys(map(str, paths)))
    first, other = (one_line(json.dumps(value), 60) for value in values)
    return (
        f"{files}: judge {judge} was asked in different ways ({key}: {first} and {other}); "
        "gen_judgment.py --stale redo makes them alike, --mixed count counts all"
    )


@dataclass
class _Columns:
    """Cells while they are read, column by column: compact, whatever their number.

    There are few kinds of tallies, so a cell holds the number of its own.
    """

    models: _Index[str] = field(default_factory=_Index)
    questions: _Index[str] = field(default_factory=_Index)
    tallies: _Index[_Tally] = field(default_factory=_Index)
    a: array[int] = field(default_factory=lambda: array("i"))
    b: array[int] = field(default_factory=lambda: array("i"))
    question: array[int] = field(default_factory=lambda: array("i"))
    tally: array[int] = field(default_factory=lambda: array("i"))
    left_out: Counter[str] = field(default_factory=Counter)
    baselines: set[str] = field(default_factory=set)
    judgments: int = 0

    def add(self, a: str, b: str, question: str, tally: _Tally) -> None:
        """Add a cell of `a` against `b`."""
        self.a.append(self.models[a])
        self.b.append(self.models[b])
        self.question.append(self.questions[question])
        self.tally.append(self.tallies[tally])

    @property
    def undecided(self) -> int:
        """The number of games without a verdict."""
        kinds = list(self.tallies)
        return sum(kinds[i].undecided * n for i, n in Counter(self.tally).items())

    def counts(self) -> np.ndarray:
        """Return the weighted battles (3, C) of the cells."""
        kinds = np.array([tally.counts for tally in self.tallies], dtype=np.int32)
        return np.asarray(kinds.T[:, self.tally])

    def outcomes(self) -> dict[str, tuple[int, ...]]:
        """Return each model's games by OUTCOMES; what one of two wins, the other loses."""
        games = np.array([tally.outcomes for tally in self.tallies])
        total = np.zeros((len(self.models), len(OUTCOMES)), dtype=int)
        for models, of_models in ((self.b, games), (self.a, games[:, ::-1])):
            kinds = np.zeros((len(self.models), len(games)), dtype=int)
            np.add.at(kinds, (models, self.tally), 1)
            total += kinds @ of_models
        return dict(zip(self.models, map(tuple, total.tolist()), strict=True))


# From judgments

# Why a judgment is not what was asked for, and the judge or baseline that it names.
_Why = tuple[str, str]


def read_battles(selection: Selection) -> Battles:
    """Return the battles of the judges' files, all judges pooled.

    What cannot count (the baseline against itself, a question of another category) is left out and
    counted. Raises InputError for an unknown judge or category, for a mix that the selection does
    not ask for, and when no battle is left.
    """
    columns, questions = _Columns(), _questions(selection)
    categories = {question.id: question.category for question in questions}
    wanted = _wanted_questions(selection, questions)
    judged: set[str] = set()
    foreign: dict[_Why, Counter[Path]] = {}
    told: defaultdict[tuple[str, str], _Told] = defaultdict(_Told)
    for judge in selection.judges:
        for model in judged_models(selection.bench, judge):
            judged.add(model)
            path = selection.bench.judgment_file(judge, model)
            for judgment in read_judgments(path, model, judge):
                if wanted is not None and judgment.question_id not in wanted:
                    continue
                if judgment.baseline:
                    columns.baselines.add(judgment.baseline)
                why = _foreign(judgment, selection)
                if why:
                    columns.left_out["judgments {}, {}".format(*why)] += 1
                    foreign.setdefault(why, Counter())[path] += 1
                    continue
                if selection.mixed != "count":
                    asked = (judgment.judge, categories.get(judgment.question_id, ""))
                    told[asked].check(judgment, path)
                _add(columns, judgment, selection)
    _check_baselines(columns, selection)
    if not columns.a:
        raise InputError(_nothing_left(columns, selection))
    if selection.mixed == "refuse":
        _check_foreign(foreign, selection)
    if selection.baselines[0] not in columns.models:
        folder, anchor = selection.bench.folder, selection.baselines[0]
        raise InputError(f"{folder}: no judgment against '{anchor}', which scores 50; name another")
    reasons = _reasons(columns, selection, judged)
    really_judged, _ = _coverage(columns)
    if selection.missing == "loss":
        _add_missing(columns, wanted or {question.id for question in questions}, selection)
    battles = _battles(columns, selection, reasons, _number_of_questions(questions, wanted))
    on_board = {m: n for m, n in really_judged.items() if m in battles.models}
    return replace(battles, counts=replace(battles.counts, judged=on_board))


def _foreign(judgment: Judgment, selection: Selection) -> _Why | None:
    """Return why a judgment is not what was asked for, None if it is."""
    if selection.mixed == "count":
        return None
    if judgment.judge not in selection.judges:
        return "by another judge", judgment.judge
    if judgment.baseline and judgment.baseline not in selection.baselines:
        return "against another baseline", judgment.baseline
    return None


def _check_foreign(foreign: Mapping[_Why, Counter[Path]], selection: Selection) -> None:
    """Raise InputError that names the files with judgments that nobody asked for."""
    if not foreign:
        return
    (why, name), files = next(iter(foreign.items()))
    paths = ", ".join(map(str, list(files)[:3]))
    more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
    accept = ""
    if why == "against another baseline":
        flags = shlex.join(f"--baseline={model}" for model in (*selection.baselines, name))
        accept = f"{flags} accepts them, "
    raise InputError(
        f"{paths}{more}: {files.total():,} judgments {why}, {name}; {accept}"
        "--mixed leave-out leaves them out, --mixed count counts them"
    )


def _questions(selection: Selection) -> list[Question]:
    """Return the questions of the bench; none where there is no file and nothing needs it."""
    needed = selection.categories or selection.missing == "loss"
    if not needed and not selection.bench.questions.exists():
        return []
    return read_questions(selection.bench)


def _check_baselines(columns: _Columns, selection: Selection) -> None:
    """Raise InputError for a baseline that neither an answer file nor a judgment knows."""
    bench = selection.bench
    known = columns.baselines | set(model_names(bench.answers))
    for baseline in selection.baselines:
        if known and baseline not in known:
            near = nearest(baseline, known)
            raise InputError(f"{bench.folder}: no model '{baseline}', the baseline{near}")


def judged_models(bench: Bench, judge: str) -> list[str]:
    """Return the models with judgments of a judge; InputError that names the judges if none."""
    if not bench.folder.is_dir():
        known = known_benches(bench.data_dir)
        raise InputError(f"{bench.folder}: no such bench; benches here: {known}")
    folder = bench.judgments(judge)
    names = model_names(folder)
    if not names:
        there = bench.folder / "model_judgment"
        judges = sorted(p.name for p in there.iterdir() if p.is_dir()) if there.is_dir() else []
        known = ", ".join(judges) or "none"
        raise InputError(f"{folder}: no judgments{nearest(judge, judges)}; judges here: {known}")
    return names


def _wanted_questions(selection: Selection, questions: Sequence[Question]) -> set[str] | None:
    """Return the ids of the questions of the chosen categories or clusters; None is all."""
    if not selection.categories:
        return None
    known = {name for q in questions for name in (q.category, q.cluster) if name}
    for name in selection.categories:
        if name not in known:
            path, near = selection.bench.questions, nearest(name, known)
            near = near or f"; there are: {', '.join(sorted(known))}"
            raise InputError(f"{path}: no category or cluster '{name}'{near}")
    chosen = set(selection.categories)
    return {q.id for q in questions if q.category in chosen or q.cluster in chosen}


def _add(columns: _Columns, judgment: Judgment, selection: Selection) -> None:
    baseline = judgment.baseline or selection.baselines[0]
    if judgment.model == baseline:
        columns.left_out["judgments of the baseline against itself"] += 1
        return
    columns.judgments += 1
    tally = _tally(judgment.labels, selection.weight, selection.first_game_only)
    columns.add(baseline, judgment.model, judgment.question_id, tally)


@functools.cache
def _tally(labels: tuple[str | None, ...], weight: int, first_game_only: bool) -> _Tally:
    """Return what the labels of a judgment count, the baseline being `a`."""
    counts, outcomes, undecided = [0, 0, 0], [0] * len(OUTCOMES), 0
    for game in range(1 if first_game_only else 2):
        label = normal_label(labels[game] or "") if game < len(labels) else None
        if label is None:
            undecided += 1
            continue
        winner, by_far = outcome(label, game)
        counts[_COUNT_ROW[winner]] += weight if by_far else 1
        outcomes[_OUTCOME[winner, by_far]] += 1
    return _Tally(tuple(counts), tuple(outcomes), undecided)


_COUNT_ROW = {Winner.BASELINE: 0, Winner.TIE: 1, Winner.MODEL: 2}
_OUTCOME = {
    (Winner.MODEL, True): 0,
    (Winner.MODEL, False): 1,
    (Winner.TIE, False): 2,
    (Winner.BASELINE, False): 3,
    (Winner.BASELINE, True): 4,
}


def _nothing_left(columns: _Columns, selection: Selection) -> str:
    folder = selection.bench.judgments(selection.judges[0])
    reasons = [f"{count} {why}" for why, count in sorted(columns.left_out.items())]
    if columns.undecided:
        reasons.insert(0, f"none of {columns.undecided} games has a verdict")
    baselines = "', '".join(selection.baselines)
    others = sorted(columns.baselines - set(selection.baselines))
    hint = [f"use --baseline {others[0]}"] if others else []
    start = f"{folder}: no battle against the baseline '{baselines}'"
    return "; ".join([start, *reasons, *hint])


def _reasons(columns: _Columns, selection: Selection, judged: Iterable[str]) -> dict[str, str]:
    """Return the reason for each model of the bench, should it have no battle."""
    answers = selection.bench.answers
    answered = model_names(answers)
    reasons = {model: f"not judged by {', '.join(selection.judges)}" for model in answered}
    reasons |= {model: "no judgment against the baseline" for model in judged}
    return reasons | {model: "no game with a verdict" for model in columns.models}


def _add_missing(columns: _Columns, ids: Iterable[str], selection: Selection) -> None:
    """Add a plain loss a game for each of the questions that a model has no judgment on."""
    anchor, games = selection.baselines[0], 1 if selection.first_game_only else 2
    loss = _Tally((games, 0, 0), outcomes=(0, 0, 0, games, 0))
    have = set(zip(columns.b, columns.question, strict=True))
    names = list(columns.models)
    baselines = {names[i] for i in set(columns.a)} | set(selection.baselines)
    for model in sorted(set(names) - baselines):
        for question in sorted(ids):
            if (columns.models[model], columns.questions[question]) not in have:
                columns.add(anchor, model, question, loss)
                columns.left_out["games not judged, counted as losses"] += games


def _battles(
    columns: _Columns,
    selection: Selection,
    reasons: Mapping[str, str],
    number_of_questions: int | None,
) -> Battles:
    """Return the cells with battles; their indices are in the order of the sorted names."""
    counts = columns.counts()
    a, b, question = (
        np.frombuffer(column, dtype=np.int32) for column in (columns.a, columns.b, columns.question)
    )
    used = counts.sum(axis=0) > 0
    if not used.any():
        raise InputError(_nothing_left(columns, selection))
    judged, same = _coverage(columns)
    outcomes = columns.outcomes()
    models, (a, b) = _sorted_names(columns.models, [a[used], b[used]], selection.baselines[:1])
    questions, (question,) = _sorted_names(columns.questions, [question[used]])
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
            questions=number_of_questions,
            same_questions=same,
        ),
    )


def _sorted_names(
    index: Mapping[str, int], columns: Sequence[np.ndarray], keep: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Renumber columns so that their indices are those of the sorted names that occur in them."""
    occurs = np.zeros(len(index), dtype=bool)
    for column in columns:
        occurs[column] = True
    for name in keep:
        occurs[index[name]] = True
    names = tuple(sorted(name for name, old in index.items() if occurs[old]))
    new = np.zeros(len(index), dtype=np.int32)
    new[[index[name] for name in names]] = np.arange(len(names))
    return names, [new[column] for column in columns]


def _coverage(columns: _Columns) -> tuple[dict[str, int], bool]:
    """Return how many questions each model was judged on, and whether all were on the same."""
    on = np.zeros((len(columns.models), len(columns.questions)), dtype=bool)
    on[columns.b, columns.question] = True
    numbers = zip(columns.models, on.sum(axis=1).tolist(), strict=True)
    any_judged = on.any(axis=1)
    same = bool((on[any_judged] == on.any(axis=0)).all())
    return {model: number for model, number in numbers if number}, same


def _number_of_questions(questions: Sequence[Question], wanted: set[str] | None) -> int | None:
    return len(questions if wanted is None else wanted) or None


# Style


@dataclass(frozen=True)
class Styles:
    """What is known of the models' answers.

    `tokens`: mean number of tokens over the whole answer file, of a model where it is known.
    `values` (M, Q, F): the counted attributes of each answer, NaN where not known; None if not
    asked.
    """

    tokens: Mapping[str, float]
    values: np.ndarray | None


def read_all_styles(bench: Bench, battles: Battles, attributes: Sequence[str]) -> Styles:
    """Return the mean tokens of all models, and the attributes of their answers."""
    question = {name: i for i, name in enumerate(battles.questions)}
    shape = (len(battles.models), len(battles.questions), len(attributes))
    values = np.full(shape, np.nan) if attributes else None
    tokens: dict[str, float] = {}
    for i, model in enumerate(battles.models):
        path = bench.answer_file(model)
        styles = read_styles(path) if path.exists() else {}
        lengths = [style.tokens for style in styles.values() if style.tokens is not None]
        if lengths:
            tokens[model] = sum(lengths) / len(lengths)
        if values is not None:
            _fill_values(values[i], styles, question, attributes)
    return Styles(tokens, values)


def _fill_values(
    values: np.ndarray,
    styles: Mapping[str, Style],
    question: Mapping[str, int],
    attributes: Sequence[str],
) -> None:
    known = [(question[name], style) for name, style in styles.items() if name in question]
    for column, attribute in enumerate(attributes):
        counts = [getattr(style, attribute) for _, style in known]
        values[[row for row, _ in known], column] = np.array(counts, dtype=float)


def with_features(battles: Battles, bench: Bench, styles: Styles) -> Cells:
    """Return the cells with the style differences (a - b) / (a + b + 1) of their answers.

    Raises InputError that names the first answer whose attributes are not known.
    """
    assert styles.values is not None
    cells = battles.cells
    a = styles.values[cells.a, cells.question]
    b = styles.values[cells.b, cells.question]
    difference = (a - b) / (a + b + 1.0)
    unknown = np.isnan(difference).any(axis=1)
    if unknown.any():
        cell = int(np.argmax(unknown))
        side = cells.a if np.isnan(a[cell]).any() else cells.b
        path = bench.answer_file(battles.models[side[cell]])
        question = battles.questions[cells.question[cell]]
        if not path.exists() or question not in read_styles(path):
            raise InputError(
                f"{path}: no answer to {question}, so style cannot be controlled for; "
                "answer and judge it, or leave out --missing loss"
            )
        raise InputError(
            f"{path}: no style attributes of the answer to {question} ({unknown.sum()} judgments "
            f"lack some); run: python add_markdown_info.py --dir {bench.answers}"
        )
    return Cells(
        cells.models,
        cells.a,
        cells.b,
        cells.question,
        cells.counts,
        np.ascontiguousarray(difference.T),
    )


# Saved battles

_WINNERS = ("model_a", "tie", "model_b")


def save_battles(battles: Battles, path: Path) -> None:
    """Write one line a weighted battle: question_id, model_a, model_b, winner."""
    cells = battles.cells
    models = [_json(name) for name in battles.models]
    starts = [b'{"question_id": %b, "model_a": ' % _json(name) for name in battles.questions]
    ends = [b', "winner": "%b"}\n' % winner.encode() for winner in _WINNERS]

    @functools.cache
    def rests(a: int, b: int) -> list[bytes]:
        return [b'%b, "model_b": %b%b' % (models[a], models[b], end) for end in ends]

    def lines() -> Iterator[bytes]:
        columns = (cells.question.tolist(), cells.a.tolist(), cells.b.tolist())
        for question, a, b, counts in zip(*columns, cells.counts.T.tolist(), strict=True):
            for rest, count in zip(rests(a, b), counts, strict=True):
                if count:
                    yield (starts[question] + rest) * count

    write_lines(path, lines())


def _json(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")


def load_battles(path: Path, selection: Selection) -> Battles:
    """Return the battles of a file that `save_battles` or the v0.1 program wrote."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for number, _, line in decode_lines(path, BattleLine, "a battle"):
        if line.winner not in _WINNERS and not line.winner.startswith("tie"):
            known = ", ".join(_WINNERS)
            raise InputError(f"{path}:{number}: winner '{line.winner}' is none of {known}")
        row = _WINNERS.index(line.winner) if line.winner in _WINNERS else 1
        cell = found.setdefault((line.question_id, line.model_a, line.model_b), [0, 0, 0])
        cell[row] += 1
    columns, questions = _Columns(), _questions(selection)
    _check_questions(path, {question for question, _, _ in found}, questions, selection.bench)
    wanted = _wanted_questions(selection, questions)
    for (question, a, b), counts in found.items():
        if wanted is not None and question not in wanted:
            continue
        columns.judgments += 1
        columns.add(a, b, question, _Tally(tuple(counts)))
    if selection.baselines[0] not in columns.models:
        known = ", ".join(sorted(columns.models))
        raise InputError(
            f"{path}: no battle of the baseline '{selection.baselines[0]}'; of: {known}"
        )
    battles = _battles(columns, selection, {}, _number_of_questions(questions, wanted))
    return replace(battles, outcomes=None)


def _check_questions(
    path: Path, ids: set[str], questions: Sequence[Question], bench: Bench
) -> None:
    if not ids:
        raise InputError(f"{path}: holds no battle")
    foreign = ids - {question.id for question in questions}
    if questions and foreign:
        raise InputError(
            f"{path}: battles of another bench: {bench.name} has no question {min(foreign)}"
        )
