"""The verdicts of several judges on the same games, as arrays.

A battle is a model against a baseline on a question. Its row is the same for every judge.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from arena.base.errors import InputError
from arena.base.jsonl import newest
from arena.base.yaml_file import Count
from arena.bench.answer_style import ATTRIBUTES, NO_STYLES
from arena.bench.config import JudgeConfig
from arena.bench.labels import LABELS, Labels, normal_label, worth
from arena.bench.paths import Bench, check_bench, is_person, judge_names, judged_models
from arena.bench.provenance import EnsembleCheck, MixedJudgments, SettingsCheck
from arena.bench.records import BaselineRule, Judgment, Question, baseline_rule, read_judgments
from arena.leaderboard.options import Mixed, Seed, check_fields
from arena.scoring.bradley_terry import style_differences
from arena.scoring.cells import whole_numbers
from arena.scoring.selection import (
    Selection,
    UnexpectedJudgments,
    bench_questions,
    check_baselines_exist,
    matching_questions,
)
from arena.scoring.style_features import attribute_values, styles_of_model

GRADED = "judgments of single answers, graded"

Battle = tuple[str, str, str]
"""Model, baseline and question."""

# In the place of a game's worth. Their sign is that of a loss: mask them before taking signs.
UNDECIDED, NOT_JUDGED = -8, -9

PLACE_A = np.array([-1, 1])
"""Who has place A in each game: the baseline (-1), then the model (1)."""


@dataclass(frozen=True)
class Panel:
    """J judges' verdicts on N battles, two games each.

    `model`, `baseline`, `question` (N,): indices of the names. `worth` (J, N, 2): what each game is
    worth to the model (bench/labels.py), UNDECIDED, or NOT_JUDGED. By judge: `causes` of games
    without a verdict, `left_out` (skipped) judgments, and `made_of`, the judges of an ensemble, as
    far as it names them. `assumed`: the baselines of judgments that name none, "" if unknown.
    `planted`: by model, the questions on which its answer has something planted, and of how many.
    `repeated` (J, N, 2, 5): the number of verdicts by label, None if no game has more than one.
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
    planted: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    repeated: np.ndarray | None = None

    def labels(self, judge: int) -> np.ndarray:
        """The number of a judge's verdicts (N, 2, 5) by game and label, in the order of LABELS."""
        if self.repeated is not None:
            return np.asarray(self.repeated[judge])
        decided = self.decided[judge]
        codes = np.where(decided, 2 - self.worth[judge] * PLACE_A, 0)
        return np.asarray(np.eye(len(LABELS), dtype=int)[codes] * decided[:, :, None])

    def shares(self, judge: int) -> np.ndarray:
        """The labels of each game (N, 2, 5) as shares: of several verdicts each counts the same."""
        labels = self.labels(judge)
        return whole_numbers(labels / np.maximum(labels.sum(axis=2, keepdims=True), 1))

    def outcomes(self, judge: int) -> np.ndarray:
        """The number of a judge's verdicts (N, 2, 3) by game: lost by the model, tied, won."""
        return outcomes_of(self.labels(judge))

    def points(self, judge: int) -> np.ndarray:
        """The mean points of the model (N, 2) in each game, 1 for a win, 0 without a verdict."""
        return np.asarray(outcomes_of(self.shares(judge)) @ np.array([0.0, 0.5, 1.0]))

    @functools.cached_property
    def decided(self) -> np.ndarray:
        """Whether each game has a verdict (J, N, 2)."""
        verdicts = self.worth > UNDECIDED if self.repeated is None else self.repeated.any(axis=3)
        return np.asarray(verdicts)

    def names(self, battle: int) -> Battle:
        """The names of model, baseline and question of a battle."""
        model, baseline = self.models[self.model[battle]], self.models[self.baseline[battle]]
        return model, baseline, self.questions[self.question[battle]]

    def share_verdicts(self, first: int, second: int) -> bool:
        """Whether two judges are, or may be, made of the same verdicts: one is an ensemble of the
        other, both are of one judge, or an ensemble does not name its judges.
        """
        names = self.judges[first], self.judges[second]
        members, others = ({name, *self.made_of.get(name, ())} for name in names)
        return () in map(self.made_of.get, names) or not members.isdisjoint(others)

    def others(self, judge: int) -> list[int]:
        """The judges that are no ensembles and share no verdicts with a judge."""
        judges = (number for number, name in enumerate(self.judges) if name not in self.made_of)
        return [other for other in judges if not self.share_verdicts(judge, other)]


def outcomes_of(labels: np.ndarray) -> np.ndarray:
    """Outcomes (N, 2, 3), lost by the model, tied or won, of labels (N, 2, 5)."""
    a, b = labels[:, :, :2].sum(axis=2), labels[:, :, 3:].sum(axis=2)
    of_a = np.stack([b, labels[:, :, 2], a], axis=2)
    return np.stack([of_a[:, 0, ::-1], of_a[:, 1]], axis=1)


def panel_of(labels: Mapping[str, Mapping[Battle, Labels]]) -> Panel:
    """Put the judges' labels side by side, given by judge and battle, in the order of the names."""
    battles = list(itertools.chain.from_iterable(labels.values()))
    models, baselines, questions = zip(*battles, strict=True) if battles else ((), (), ())
    names, ids = sorted({*models, *baselines}), sorted(set(questions))
    number = {name: i for i, name in enumerate(names)}
    place = {question: i for i, question in enumerate(ids)}
    model, baseline, question = (
        np.fromiter(map(index.__getitem__, column), int, len(battles))
        for index, column in ((number, models), (number, baselines), (place, questions))
    )
    keys, row = np.unique(
        (model * len(names) + baseline) * len(ids) + question, return_inverse=True
    )
    pairs, question = np.divmod(keys, len(ids))
    worths = np.full((len(labels), len(keys), 2), NOT_JUDGED, dtype=np.int8)
    points = map(_worths, itertools.chain.from_iterable(of.values() for of in labels.values()))
    judge = np.repeat(np.arange(len(labels)), [len(of_judge) for of_judge in labels.values()])
    flat = np.fromiter(itertools.chain.from_iterable(points), np.int8, 2 * len(battles))
    worths[judge, row] = flat.reshape(-1, 2)
    # A vote is a judgment with one game. Nobody is to play the other.
    people = np.array([is_person(name) for name in labels], dtype=bool)[:, None, None]
    worths[people & (worths == UNDECIDED)] = NOT_JUDGED
    return Panel(
        tuple(labels),
        tuple(names),
        tuple(ids),
        *np.divmod(pairs, len(names)),
        question,
        worths,
    )


@functools.lru_cache(1024)
def _worths(labels: Labels) -> tuple[int, int]:
    """Return the worth of both games by their labels."""
    both = [UNDECIDED if points is None else points for points in map(worth, labels, (0, 1))]
    first, second = [*both, NOT_JUDGED, NOT_JUDGED][:2]
    return first, second


@dataclass(frozen=True)
class JudgeOptions:
    """The judges of a bench to measure, their judgments, and the method.

    `judges`: none are all but ensembles of others. `baselines`: those that count, none are all. The
    first is that of judgments that name none, else `config` has it. `categories`: also clusters,
    none are all questions. `mixed`: what happens to judgments of another judge or baseline.
    `family_file`: YAML of families and the names of their judges and models. Without it each name
    is a family of its own. `rounds` of the bootstrap over questions. `ensembles`: measure them even
    if nobody names them. `known_rule`: in place of that of `baselines` and `config`. Names can be a
    list or a single text, and the file can be a text.
    """

    bench: Bench
    judges: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    config: JudgeConfig | None = None
    mixed: Mixed = "refuse"
    family_file: Path | None = None
    rounds: Count = 1000
    seed: Seed = 42
    workers: Count = 2
    ensembles: bool = False
    known_rule: BaselineRule | None = None

    def __post_init__(self) -> None:
        """Raise InputError for a value that a field cannot have."""
        check_fields(self)

    def selection(self, judge: str) -> Selection:
        """The judgments of one judge, as for a board of all questions."""
        return Selection(
            self.bench, (judge,), self.baselines, categories=self.categories, mixed=self.mixed
        )

    @functools.cached_property
    def rule(self) -> BaselineRule:
        """The baselines of judgments that name none."""
        # Made when it is needed: it searches all files for the config's baseline.
        return self.known_rule or baseline_rule(self.bench, self.config, self.baselines)


def read_panel(options: JudgeOptions) -> tuple[Panel, dict[str, str]]:
    """Read the verdicts of a bench's judges, and return the reasons for skipped judges.

    Judges without a verdict, or with judgments that `mixed` refuses, are skipped. Raises InputError
    for unknown names, and if a judge that the options name, or every judge, would be skipped.
    """
    bench = options.bench
    names = tuple(dict.fromkeys(options.judges)) or judge_names(bench)
    if not names:
        check_bench(bench)
        folder = bench.folder / "model_judgment"
        raise InputError(f"{folder}: no judgments. Make them with gen_judgment.py.")
    questions = bench_questions(bench, needed=bool(options.categories))
    judges, errors = list[_JudgeFiles](), dict[str, InputError]()
    for name in names:
        try:
            judges.append(_JudgeFiles(name, options).read(questions))
        except (MixedJudgments, NoVerdict) as error:
            errors[name] = error
    if errors and (options.judges or not judges):
        raise next(iter(errors.values()))
    left_out = {name: str(error) for name, error in errors.items()}
    ensembles = {judge.name: judge.members for judge in judges if judge.members is not None}
    if not (options.judges or options.ensembles) and len(ensembles) < len(judges):
        reason = "an ensemble of other judges. Measure it with --judge-name"
        left_out |= dict.fromkeys(ensembles, reason)
        judges = [judge for judge in judges if judge.members is None]
    for judge in judges:
        judge.check()
    panel = panel_of({j.name: {b: x.labels for b, x in j.judgments.items()} for j in judges})
    return replace(
        panel,
        repeated=repeated_labels(panel, judges),
        causes={judge.name: judge.causes for judge in judges},
        left_out={judge.name: dict(judge.left_out) for judge in judges},
        made_of={judge.name: m for judge in judges if (m := judge.members) is not None},
        assumed=tuple(sorted({b for judge in judges for b in judge.baselines(named=False)})),
        planted=_planted(judges),
    ), left_out


def repeated_labels(panel: Panel, judges: Sequence[_JudgeFiles]) -> np.ndarray | None:
    """Return the labels of all verdicts (J, N, 2, 5), None if no game has two verdicts."""
    judgments = [list(judge.judgments.items()) for judge in judges]
    all_verdicts = (judgment.verdicts for of_judge in judgments for _, judgment in of_judge)
    if all(len(labels) < 2 for games in all_verdicts for labels in games):
        return None
    counts = np.zeros((*panel.worth.shape, len(LABELS)), dtype=int)
    rows = {panel.names(row): row for row in range(len(panel.question))}
    for of_panel, of_judge in zip(counts, judgments, strict=True):
        for battle, judgment in of_judge:
            for game, labels in enumerate(judgment.verdicts[:2]):
                for label in filter(None, map(normal_label, labels)):
                    of_panel[rows[battle], game, LABELS.index(label)] += 1
    return counts


def _planted(judges: Sequence[_JudgeFiles]) -> dict[str, tuple[tuple[str, ...], int]]:
    """Return the questions on which an answer of a model has something planted, and of how many."""
    planted, played = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for judge in judges:
        for (model, baseline, question), judgment in judge.judgments.items():
            for side, name in (("model", model), ("baseline", baseline)):
                played[name].add(question)
                if side in judgment.planted:
                    planted[name].add(question)
    return {name: (tuple(sorted(planted[name])), len(played[name])) for name in sorted(planted)}


class NoVerdict(InputError):
    """A judge without any game that can be measured."""


@dataclass
class _JudgeFiles:
    """The judgments that count in the files of a judge, and why others don't."""

    name: str
    options: JudgeOptions
    judgments: dict[Battle, Judgment] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    unexpected: UnexpectedJudgments = field(default_factory=UnexpectedJudgments)

    def read(self, questions: Sequence[Question]) -> _JudgeFiles:
        """Read the files. Raises MixedJudgments for different settings within a category and for
        judgments that nobody asked for, and NoVerdict if none is left.
        """
        options, selection = self.options, self.options.selection(self.name)
        bench, count_all = options.bench, options.mixed == "count"
        ids = matching_questions(selection, questions)
        categories = {question.id: question.category for question in questions}
        checks, ensemble = defaultdict[str, SettingsCheck](SettingsCheck), EnsembleCheck()

        def key(judgment: Judgment) -> tuple[Battle, str]:
            category = categories.get(judgment.question_id, "")
            baseline = judgment.baseline or options.rule.of(None, category) or ""
            battle = judgment.model, baseline, judgment.question_id
            # If the judgments of all judges count, two of one battle would count twice.
            return battle, "" if count_all else judgment.judge

        for model in judged_models(bench, self.name):
            path = bench.judgment_file(self.name, model)
            judgments = read_judgments(path, model, self.name)
            keyed = [(key(j), j) for j in judgments if ids is None or j.question_id in ids]
            for (battle, _), judgment in newest(path, keyed, operator.itemgetter(0)):
                baseline = judgment.baseline if selection.baselines else None
                if unexpected := selection.unexpected(judgment.judge, baseline):
                    self.unexpected.add(unexpected, path)
                    self.left_out["judgments {}, {}".format(*unexpected)] += 1
                elif judgment.grades:
                    self.left_out[GRADED] += 1
                elif battle[0] == battle[1]:
                    self.left_out["judgments of the baseline against itself"] += 1
                else:
                    self.judgments[battle] = judgment
                    if not count_all:
                        category = categories.get(judgment.question_id, "")
                        checks[category].check(judgment.settings, self.name, path)
                        ensemble.check(judgment.rule, judgment.members, self.name, path)
        self._check_verdicts()
        self.unexpected.check(selection)
        return self

    def baselines(self, *, named: bool) -> set[str]:
        """The baselines of judgments that name one, or of those that name none."""
        return {b for (_, b, _), j in self.judgments.items() if bool(j.baseline) is named}

    def check(self) -> None:
        """Raise InputError for an unknown baseline."""
        options, selection = self.options, self.options.selection(self.name)
        assumed = self.baselines(named=False)
        if "" in assumed and options.config:
            raise InputError(
                f"{options.bench.judgments(self.name)}: judgments name no baseline, and that of "
                f"{options.config.path} has no answers or judgments. Name it with --baseline."
            )
        selection = replace(selection, baselines=tuple(assumed - {""}))
        check_baselines_exist(selection, self.baselines(named=True))

    @property
    def causes(self) -> dict[str, int]:
        """The number of games without a verdict by cause, the most frequent first. A person has
        none: a vote is a judgment with one game.
        """
        causes = Counter[str]()
        for judgment in () if is_person(self.name) else self.judgments.values():
            games = zip(judgment.labels[:2], judgment.verdicts, judgment.causes, strict=False)
            for label, verdicts, cause in games:
                if not any(map(normal_label, verdicts)):
                    causes["unknown label" if label else cause or "cause unknown"] += 1
        return dict(causes.most_common())

    def _check_verdicts(self) -> None:
        """Raise NoVerdict if no game can be measured."""
        games = (game for one in self.judgments.values() for game in one.verdicts[:2])
        if any(map(normal_label, itertools.chain.from_iterable(games))):
            return
        reasons = [f"{number:,} {reason}" for reason, number in self.left_out.items()]
        reason = ", ".join(["no game with a verdict", *reasons])
        if self.left_out[GRADED]:
            reason = "has grades of single answers, no verdicts on two"
        raise NoVerdict(f"{self.options.bench.judgments(self.name)}: {reason}")

    @functools.cached_property
    def members(self) -> tuple[str, ...] | None:
        """The judges of an ensemble, as far as it names them, None for a judge."""
        judgments = self.judgments.values()
        members = {name for judgment in judgments for name in judgment.members}
        if members or self.name == "ensemble" or any(j.rule is not None for j in judgments):
            return tuple(sorted(members))
        return None


def style_features(bench: Bench, panel: Panel) -> np.ndarray:
    """Style differences baseline minus model (F, N) of the battles, NaN where not known.

    F: the attributes in ATTRIBUTES. Of counts a and b it is (a - b) / (a + b + 1).
    """
    styles = [styles_of_model(bench, model) if model else NO_STYLES for model in panel.models]
    names = tuple(ATTRIBUTES)
    values = np.array([attribute_values(s, panel.questions, names) for s in styles])
    a, b = (values[side, panel.question] for side in (panel.baseline, panel.model))
    return np.ascontiguousarray(style_differences(a, b).T)
