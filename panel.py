"""The labels that the judges of a bench gave to the same games, as arrays.

A battle is a model against a baseline on a question; its row is the same for every judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from battles import judged_models
from benches import Bench, judge_names, known_benches
from console import InputError
from jsonl import IdLine, decode_at_once, decode_lines, newest
from records import read_styles
from styles import ATTRIBUTES, relative_differences
from verdict import LABELS, grade_of, normal_label

NO_VERDICT, NOT_JUDGED = -1, -2
GRADED = "judgments of single answers, graded"

_CODES = {label: code for code, label in enumerate(LABELS)}


@dataclass(frozen=True)
class Panel:
    """Judges' labels: J judges, N battles, two games each.

    `model`, `baseline`, `question` (N,): indices of the names. `labels` (J, N, 2): indices of
    LABELS, NO_VERDICT, or NOT_JUDGED. `causes`: of each judge's games without verdict.
    `left_out`: of each judge's judgments that do not count. `assumed`: the baseline of those that
    name none, None if all name one.
    """

    judges: tuple[str, ...]
    models: tuple[str, ...]
    questions: tuple[str, ...]
    model: np.ndarray
    baseline: np.ndarray
    question: np.ndarray
    labels: np.ndarray
    causes: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, Mapping[str, int]]
    assumed: str | None = None


class _Game(msgspec.Struct, gc=False):
    score: str | float | None = None
    cause: str | None = None


class _Line(IdLine, gc=False):
    model: str | None = None
    judge: str | None = None
    baseline: str | None = None
    rule: str | None = None
    games: list[_Game | None] = msgspec.field(default_factory=list)


@dataclass
class _Judge:
    """What a judge's files hold, while they are read: the codes of two games by battle.

    A battle is (model, baseline, question).
    """

    labels: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    ensemble: bool = False
    unnamed: bool = False


def read_panel(
    bench: Bench, judges: Sequence[str], baselines: Sequence[str], unnamed: str
) -> tuple[Panel, dict[str, str]]:
    """Return the labels of some judges, and why others are left out; no `judges` are all.

    `baselines`: those that count; none are all. `unnamed`: the baseline of judgments that name
    none. Raises InputError for an unknown judge, a named one without labels, and when none is left.
    """
    names = dict.fromkeys(judges or judge_names(bench))
    if not names:
        there = bench.folder / "model_judgment"
        raise InputError(f"{there}: no judgments; benches here: {known_benches(bench.data_dir)}")
    read = {name: _read_judge(bench, name, baselines, unnamed) for name in names}
    lacking = {name: _lack(judge) for name, judge in read.items() if not judge.labels}
    kept = {name: judge for name, judge in read.items() if judge.labels}
    if lacking and (judges or not kept):
        name, why = next(iter(lacking.items()))
        raise InputError(f"{bench.judgments(name)}: {why}")
    made = [name for name, judge in kept.items() if judge.ensemble]
    if not judges and len(made) < len(kept):
        for name in made:
            del kept[name]
            lacking[name] = "an ensemble of other judges; --judge-name measures it"
    assumed = unnamed if any(judge.unnamed for judge in kept.values()) else None
    return replace(_panel(kept), assumed=assumed), lacking


def _lack(judge: _Judge) -> str:
    """Return why nothing of a judge can be measured."""
    if judge.left_out[GRADED]:
        return "holds grades of single answers, no verdicts on two"
    reasons = [f"{number:,} {why}" for why, number in judge.left_out.items()]
    return "; ".join(["no game with a verdict", *reasons])


def _read_judge(bench: Bench, name: str, baselines: Sequence[str], unnamed: str) -> _Judge:
    """Return what a judge's files hold; no labels where no game has a verdict."""
    judge = _Judge()
    for model in judged_models(bench, name):
        path = bench.judgment_file(name, model)
        lines = decode_at_once(path, _Line, "a judgment")
        if lines is None:
            lines = [line for _, _, line in decode_lines(path, _Line, "a judgment")]
        keyed = newest(path, lines, lambda line: (line.id, line.model, line.baseline, line.judge))
        for line in keyed:
            against = line.baseline or unnamed
            why = _foreign(line, name, line.model or model, against, baselines)
            if why:
                judge.left_out[why] += 1
            else:
                judge.ensemble |= line.rule is not None
                judge.unnamed |= not line.baseline
                _take(judge, (line.model or model, against, line.id), line.games)
    if all(max(codes) < 0 for codes in judge.labels.values()):
        judge.labels.clear()
    return judge


def _foreign(
    line: _Line, judge: str, model: str, against: str, baselines: Sequence[str]
) -> str | None:
    """Return why a judgment does not count, None if it does."""
    if line.judge and line.judge != judge:
        return f"judgments by another judge, {line.judge}"
    if any(game and game.score is not None and _is_grade(game.score) for game in line.games):
        return GRADED
    if model == against:
        return "judgments of the baseline against itself"
    if baselines and against not in baselines:
        return f"judgments against another baseline, {against or 'unknown'}"
    return None


def _is_grade(score: str | float) -> bool:
    return not isinstance(score, str) or (score not in _CODES and grade_of(score) is not None)


def _take(judge: _Judge, battle: tuple[str, str, str], games: Sequence[_Game | None]) -> None:
    """Note the first two games of a judgment, and why they have no verdict."""
    codes = [NOT_JUDGED, NOT_JUDGED]
    for place, game in enumerate(games[:2]):
        code = _code(game.score) if game and isinstance(game.score, str) else NO_VERDICT
        codes[place] = code
        if code == NO_VERDICT:
            judge.causes[_cause(game)] += 1
    judge.labels[battle] = (codes[0], codes[1])


def _code(score: str) -> int:
    code = _CODES.get(score)
    return code if code is not None else _CODES.get(normal_label(score) or "", NO_VERDICT)


def _cause(game: _Game | None) -> str:
    if game is None:
        return "not played"
    if game.score is not None:
        return "unknown label"
    return game.cause or "cause unknown"


def _panel(read: Mapping[str, _Judge]) -> Panel:
    """Put the judges' labels side by side; battles are in the order of their names."""
    battles = sorted(set().union(*(judge.labels for judge in read.values())))
    row = {battle: number for number, battle in enumerate(battles)}
    labels = np.full((len(read), len(battles), 2), NOT_JUDGED, dtype=np.int8)
    for of_judge, judge in zip(labels, read.values(), strict=True):
        of_judge[[row[battle] for battle in judge.labels]] = list(judge.labels.values())
    models, baselines, questions = zip(*battles, strict=True)
    names = tuple(sorted({*models, *baselines}))
    ids = tuple(sorted(set(questions)))
    return Panel(
        judges=tuple(read),
        models=names,
        questions=ids,
        model=_indices(models, names),
        baseline=_indices(baselines, names),
        question=_indices(questions, ids),
        labels=labels,
        causes={name: dict(judge.causes.most_common()) for name, judge in read.items()},
        left_out={name: dict(judge.left_out) for name, judge in read.items()},
    )


def _indices(values: Iterable[str], names: Sequence[str]) -> np.ndarray:
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[value] for value in values], dtype=np.int32)


def style_features(bench: Bench, panel: Panel) -> np.ndarray:
    """Style differences baseline minus model (F, N) of the battles, NaN where not known.

    F: tokens, headers, lists, bold; (a - b) / (a + b + 1) of their counts.
    """
    row = {name: number for number, name in enumerate(panel.questions)}
    values = np.full((len(panel.models), len(panel.questions), len(ATTRIBUTES)), np.nan)
    for of_model, model in zip(values, panel.models, strict=True):
        path = bench.answer_file(model) if model else None
        styles = read_styles(path) if path and path.exists() else {}
        known = [(row[name], style) for name, style in styles.items() if name in row]
        counts = [[getattr(style, name) for name in ATTRIBUTES] for _, style in known]
        if known:
            of_model[[number for number, _ in known]] = np.array(counts, dtype=float)
    a, b = (values[side, panel.question] for side in (panel.baseline, panel.model))
    return np.ascontiguousarray(relative_differences(a, b).T)
