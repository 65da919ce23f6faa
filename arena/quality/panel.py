"""The verdicts of several judges on the same games, as arrays.

A battle is a model against a baseline on a question; its row is the same for every judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from arena.base.errors import InputError
from arena.base.jsonl import decode_at_once, decode_lines, newest
from arena.bench.answer_style import read_styles
from arena.bench.labels import Labels, grade_of, normal_label, worth
from arena.bench.paths import Bench, check_bench, judge_names, judged_models
from arena.bench.provenance import SettingsCheck
from arena.bench.records import IdLine, Question
from arena.scoring.selection import (
    Selection,
    Why,
    check_foreign,
    check_known_baselines,
    foreign,
    wanted_questions,
)
from arena.scoring.style_features import ATTRIBUTES, relative_differences

GRADED = "judgments of single answers, graded"

Battle = tuple[str, str, str]
"""Model, baseline and question."""

UNDECIDED, NOT_JUDGED = -8, -9
"""In the place of a game's worth: there is no verdict, there is no such game."""

PLACE_A = np.array([-1, 1])
"""Who has place A in each game: the baseline (-1), then the model (1)."""


@dataclass(frozen=True)
class Panel:
    """J judges' verdicts on N battles, two games each.

    `model`, `baseline`, `question` (N,): indices of the names. `worth` (J, N, 2): what each game is
    worth to the model (bench/labels.py), UNDECIDED, or NOT_JUDGED. `causes`: of each judge's games
    without a verdict. `left_out`: each judge's judgments that do not count. `made_of`: the judges
    of each ensemble, none if it does not name them. `assumed`: the baselines of judgments that name
    none, "" for an unknown one.
    """

    judges: tuple[str, ...]
    models: tuple[str, ...]
    questions: tuple[str, ...]
    model: np.ndarray
    baseline: np.ndarray
    question: np.ndarray
    worth: np.ndarray
    causes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    made_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    @property
    def decided(self) -> np.ndarray:
        """Which games have a verdict (J, N, 2)."""
        return np.asarray(self.worth > UNDECIDED)

    def codes(self, judge: int) -> np.ndarray:
        """The index in LABELS of each game's label (N, 2), without meaning if not decided."""
        return np.asarray(2 - self.worth[judge] * PLACE_A)

    def share_verdicts(self, first: int, second: int) -> bool:
        """Whether two judges are, or may be, made of the same verdicts: one is an ensemble of the
        other, both are of one judge, or an ensemble does not name its judges.
        """
        names = self.judges[first], self.judges[second]
        members, others = ({name, *self.made_of.get(name, ())} for name in names)
        return () in map(self.made_of.get, names) or not members.isdisjoint(others)


def panel_of(labels: Mapping[str, Mapping[Battle, Labels]]) -> Panel:
    """Put the judges' labels side by side, given by judge and battle, in the order of the names."""
    battles = sorted(set().union(*labels.values()))
    row = {battle: number for number, battle in enumerate(battles)}
    panel_worth = np.full((len(labels), len(battles), 2), NOT_JUDGED, dtype=np.int8)
    for of_judge, by_battle in zip(panel_worth, labels.values(), strict=True):
        rows = [row[battle] for battle in by_battle]
        for game in range(2):
            of_judge[rows, game] = [_worth(two, game) for two in by_battle.values()]
    models, baselines, questions = zip(*battles, strict=True) if battles else ((), (), ())
    names, ids = tuple(sorted({*models, *baselines})), tuple(sorted(set(questions)))
    return Panel(
        judges=tuple(labels),
        models=names,
        questions=ids,
        model=_indices(models, names),
        baseline=_indices(baselines, names),
        question=_indices(questions, ids),
        worth=panel_worth,
    )


def _worth(labels: Labels, game: int) -> int:
    if game >= len(labels):
        return NOT_JUDGED
    value = worth(labels[game], game)
    return UNDECIDED if value is None else value


def _indices(values: Iterable[str], names: Sequence[str]) -> np.ndarray:
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[value] for value in values], dtype=np.int32)


class _Game(msgspec.Struct, gc=False):
    score: str | float | None = None
    cause: str | None = None
    scores: Any = None
    settings: msgspec.Raw = msgspec.Raw()


class _Line(IdLine, gc=False):
    model: str | None = None
    judge: str | None = None
    baseline: str | None = None
    rule: str | None = None
    judges: Any = None
    games: list[_Game | None] = msgspec.field(default_factory=list)
    settings: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True)
class _Wanted:
    """Which judgments count.

    `selection`: as for a board, with the baselines of the config. `baselines`: those that count;
    none are all. `questions`: the ids that count, None if all do. `categories`: of questions.
    """

    selection: Selection
    baselines: tuple[str, ...]
    questions: set[str] | None
    categories: Mapping[str, str]

    def by(self, judge: str) -> Selection:
        """Return the selection whose mix of judgments is checked, one judge's."""
        return replace(
            self.selection, judges=(judge,), baselines=self.baselines, method="bradley-terry"
        )

    def has(self, question: str) -> bool:
        return self.questions is None or question in self.questions

    def category(self, question: str) -> str:
        return self.categories.get(question, "")

    def baseline(self, line: _Line) -> str:
        """Return the baseline of a judgment, whether it names it or not."""
        return line.baseline or self.selection.baseline_in(self.category(line.id))


@dataclass
class _Judge:
    """What a judge's files hold, while they are read: by battle the codes of two games, and why
    some have no verdict. `selection`: whose mix of judgments is checked, this judge's. `named`,
    `assumed`: the baselines of judgments that name one, and of those that do not.
    """

    name: str
    selection: Selection
    labels: dict[_Battle, tuple[_Codes, list[str]]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    foreign: dict[Why, Counter[Path]] = field(default_factory=dict)
    told: defaultdict[str, SettingsCheck] = field(
        default_factory=lambda: defaultdict(SettingsCheck)
    )
    ensemble: bool = False
    members: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    assumed: set[str] = field(default_factory=set)

    @property
    def causes(self) -> dict[str, int]:
        """Return the number of games without verdict by cause, the most frequent first."""
        found = Counter(cause for _, causes in self.labels.values() for cause in causes)
        return dict(found.most_common())

    @property
    def decided(self) -> bool:
        """Whether any game has a verdict."""
        return any(max(codes) >= 0 for codes, _ in self.labels.values())


def read_panel(
    selection: Selection,
    judges: Sequence[str],
    baselines: Sequence[str],
    questions: Sequence[Question],
) -> tuple[Panel, dict[str, str]]:
    """Return the labels of some judges, and why others are left out; no `judges` are all.

    `selection`: as for a board; its baselines are those of judgments that name none. `baselines`:
    those that count; none are all. `questions`: of the bench. Raises InputError for an unknown
    judge or category, a mix that the selection does not ask for, a named judge without labels, and
    when none is left.
    """
    bench = selection.bench
    names = dict.fromkeys(judges or judge_names(bench))
    if not names:
        check_bench(bench)
        there = bench.folder / "model_judgment"
        raise InputError(f"{there}: no judgments; gen_judgment.py makes them")
    categories = {question.id: question.category for question in questions}
    ids = wanted_questions(selection, questions)
    wanted = _Wanted(selection, tuple(baselines), ids, categories)
    kept, lacking = _measurable([_read_judge(wanted, name) for name in names], bool(judges))
    for judge in kept.values():
        check_foreign(judge.foreign, judge.selection)
        assumed = tuple(judge.assumed - {""})
        check_known_baselines(judge.named, replace(judge.selection, baselines=assumed))
    return _panel(kept), lacking


def _measurable(read: Sequence[_Judge], named: bool) -> tuple[dict[str, _Judge], dict[str, str]]:
    """Return the judges that are measured, and why others are not; all that are `named` must be."""
    lacking = {judge.name: _lack(judge) for judge in read if not judge.decided}
    kept = {judge.name: judge for judge in read if judge.decided}
    if lacking and (named or not kept):
        name, why = next(iter(lacking.items()))
        raise InputError(f"{read[0].selection.bench.judgments(name)}: {why}")
    made = [name for name, judge in kept.items() if judge.ensemble]
    if not named and len(made) < len(kept):
        for name in made:
            del kept[name]
            lacking[name] = "an ensemble of other judges; --judge-name measures it"
    return kept, lacking


def _lack(judge: _Judge) -> str:
    """Return why nothing of a judge can be measured."""
    if judge.left_out[GRADED]:
        return "holds grades of single answers, no verdicts on two"
    reasons = [f"{number:,} {why}" for why, number in judge.left_out.items()]
    return "; ".join(["no game with a verdict", *reasons])


def _read_judge(wanted: _Wanted, name: str) -> _Judge:
    """Return what a judge's files hold of the wanted questions."""
    bench = wanted.selection.bench
    judge = _Judge(name, wanted.by(name), ensemble=name == "ensemble")
    for model in judged_models(bench, name):
        path = bench.judgment_file(name, model)
        lines = decode_at_once(path, _Line, "a judgment")
        if lines is None:
            lines = [line for _, _, line in decode_lines(path, _Line, "a judgment")]
        for line in lines:
            line.model = line.model or model
            line.judge = line.judge or name
        for line in newest(path, [x for x in lines if wanted.has(x.id)], _key_of(wanted)):
            _take(judge, line, wanted, path)
    return judge


def _key_of(wanted: _Wanted) -> Callable[[_Line], Hashable]:
    """Return what tells a judgment from others of its file; who made it, unless all count."""
    if wanted.selection.mixed == "count":
        return lambda line: (line.id, line.model, wanted.baseline(line))
    return lambda line: (line.id, line.model, wanted.baseline(line), line.judge)


def _take(judge: _Judge, line: _Line, wanted: _Wanted, path: Path) -> None:
    """Note a judgment, or why it does not count."""
    against = wanted.baseline(line)
    why = foreign(line.judge or "", line.baseline if wanted.baselines else None, judge.selection)
    if why:
        judge.left_out["judgments {}, {}".format(*why)] += 1
        judge.foreign.setdefault(why, Counter())[path] += 1
    elif any(game and game.score is not None and _is_grade(game.score) for game in line.games):
        judge.left_out[GRADED] += 1
    elif line.model == against:
        judge.left_out["judgments of the baseline against itself"] += 1
    else:
        if judge.selection.mixed != "count":
            told = [bytes(game.settings or line.settings) for game in line.games if game]
            judge.told[wanted.category(line.id)].check(told, judge.name, path)
        _note_members(judge, line)
        (judge.named if line.baseline else judge.assumed).add(against)
        judge.labels[line.model or "", against, line.id] = _labels(line.games)


def _is_grade(score: str | float) -> bool:
    return not isinstance(score, str) or (score not in _CODES and grade_of(score) is not None)


def _note_members(judge: _Judge, line: _Line) -> None:
    """Note whether a judgment is an ensemble's, and of which judges."""
    told = line.judges if isinstance(line.judges, list) else []
    members = [name for name in told if isinstance(name, str)]
    for game in line.games:
        if game and isinstance(game.scores, dict):
            members += game.scores
    judge.ensemble |= line.rule is not None or bool(members)
    judge.members.update(members)


def _labels(games: Sequence[_Game | None]) -> tuple[_Codes, list[str]]:
    """Return the codes of the first two games, and why those without verdict have none."""
    codes, causes = [NOT_JUDGED, NOT_JUDGED], []
    for place, game in enumerate(games[:2]):
        codes[place] = _code(game.score) if game and isinstance(game.score, str) else NO_VERDICT
        if codes[place] == NO_VERDICT:
            causes.append(_cause(game))
    return (codes[0], codes[1]), causes


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
        of_judge[[row[battle] for battle in judge.labels]] = [c for c, _ in judge.labels.values()]
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
        causes={name: judge.causes for name, judge in read.items()},
        left_out={name: dict(judge.left_out) for name, judge in read.items()},
        made_of={n: tuple(sorted(judge.members)) for n, judge in read.items() if judge.ensemble},
        assumed=tuple(sorted(set().union(*(judge.assumed for judge in read.values())))),
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
