"""The verdicts of several judges on the same games, as arrays.

A battle is a model against a baseline on a question; its row is the same for every judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from arena.base.errors import InputError
from arena.base.jsonl import newest
from arena.bench.answer_style import read_styles
from arena.bench.config import JudgeConfig
from arena.bench.labels import Labels, worth
from arena.bench.paths import Bench, check_bench, judge_names, judged_models
from arena.bench.provenance import SettingsCheck
from arena.bench.records import BaselineRule, Judgment, baseline_rule, read_judgments
from arena.scoring.bradley_terry import style_differences
from arena.scoring.estimators import BRADLEY_TERRY
from arena.scoring.selection import (
    Selection,
    Why,
    bench_questions,
    check_foreign,
    check_known_baselines,
    foreign,
    wanted_questions,
)
from arena.scoring.style_features import ATTRIBUTES

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


@dataclass(frozen=True)
class PanelOptions:
    """Which judgments of a bench make a panel.

    `judges`: none are all but ensembles of others. `baselines`: those that count, none are all; the
    first is that of judgments that name none, else `config` has it. `categories`: also clusters,
    none are all questions. `mixed`: "refuse", "leave-out" or "count" judgments of another judge or
    baseline.
    """

    bench: Bench
    judges: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    config: JudgeConfig | None = None
    mixed: str = "refuse"

    def selection(self, judge: str) -> Selection:
        """The judgments of one judge, as for a board of all questions."""
        return Selection(
            self.bench,
            (judge,),
            self.baselines,
            categories=self.categories,
            mixed=self.mixed,
            estimator=BRADLEY_TERRY,
        )


def read_panel(options: PanelOptions) -> tuple[Panel, dict[str, str]]:
    """Read the verdicts of a bench's judges, and return the reasons for which others are left out.

    Raises InputError for an unknown judge or category, judgments that `mixed` refuses, a named
    judge without a verdict, and if no judge is left.
    """
    bench = options.bench
    names = tuple(dict.fromkeys(options.judges)) or judge_names(bench)
    if not names:
        check_bench(bench)
        folder = bench.folder / "model_judgment"
        raise InputError(f"{folder}: no judgments. Make them with gen_judgment.py.")
    reader = _Reader.of(options)
    files = {name: reader.read(name) for name in names}
    left_out = {name: of_judge.reason for name, of_judge in files.items() if of_judge.reason}
    if left_out and (options.judges or len(left_out) == len(files)):
        name, reason = next(iter(left_out.items()))
        raise InputError(f"{bench.judgments(name)}: {reason}")
    for name in left_out:
        del files[name]
    ensembles = [name for name, of_judge in files.items() if of_judge.members is not None]
    if not options.judges and len(ensembles) < len(files):
        for name in ensembles:
            del files[name]
            left_out[name] = "an ensemble of other judges. Measure it with --judge-name"
    for of_judge in files.values():
        of_judge.check(options.config)
    return _panel(files), left_out


def _panel(files: Mapping[str, _JudgeFiles]) -> Panel:
    labels = {
        name: {battle: judgment.labels for battle, judgment in of_judge.judgments.items()}
        for name, of_judge in files.items()
    }
    assumed = {baseline for of_judge in files.values() for baseline in of_judge.assumed}
    return replace(
        panel_of(labels),
        causes={name: of_judge.causes for name, of_judge in files.items()},
        left_out={name: dict(of_judge.left_out) for name, of_judge in files.items()},
        made_of={n: files[n].members or () for n in files if files[n].members is not None},
        assumed=tuple(sorted(assumed)),
    )


@dataclass
class _JudgeFiles:
    """The judgments that count in the files of a judge, and why others don't.

    `named`, `assumed`: the baselines of judgments that name one, and of those that name none.
    """

    name: str
    selection: Selection
    judgments: dict[Battle, Judgment] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    unexpected: dict[Why, Counter[Path]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    assumed: set[str] = field(default_factory=set)

    @property
    def causes(self) -> dict[str, int]:
        """The number of games without a verdict by cause, the most frequent first."""
        causes = Counter(
            "unknown label" if label is not None else cause or "cause unknown"
            for judgment in self.judgments.values()
            for label, cause in zip(judgment.labels[:2], judgment.causes[:2], strict=True)
            if worth(label, 0) is None
        )
        return dict(causes.most_common())

    @property
    def reason(self) -> str:
        """Why no verdict of the judge can be measured, empty if one can."""
        games = (label for judgment in self.judgments.values() for label in judgment.labels[:2])
        if any(worth(label, 0) is not None for label in games):
            return ""
        if self.left_out[GRADED]:
            return "has grades of single answers, no verdicts on two"
        reasons = [f"{number:,} {reason}" for reason, number in self.left_out.items()]
        return ", ".join(["no game with a verdict", *reasons])

    @property
    def members(self) -> tuple[str, ...] | None:
        """The judges of an ensemble, as far as it names them, None for a judge."""
        judgments = self.judgments.values()
        members = {name for judgment in judgments for name in judgment.members}
        if members or self.name == "ensemble" or any(j.rule is not None for j in judgments):
            return tuple(sorted(members))
        return None

    def check(self, config: JudgeConfig | None) -> None:
        """Raise InputError for judgments that nobody asked for, and for an unknown baseline."""
        check_foreign(self.unexpected, self.selection)
        if "" in self.assumed and config:
            raise InputError(
                f"{self.selection.bench.judgments(self.name)}: judgments name no baseline, and "
                f"that of {config.path} has no answers or judgments. Name it with --baseline."
            )
        assumed = tuple(self.assumed - {""})
        check_known_baselines(self.named, replace(self.selection, baselines=assumed))


@dataclass(frozen=True)
class _Reader:
    """Reads judges' files by the options of a panel.

    `categories`: of the bench's questions. `questions`: the ids that count, None if all do.
    """

    options: PanelOptions
    categories: Mapping[str, str]
    questions: set[str] | None
    rule: BaselineRule

    @classmethod
    def of(cls, options: PanelOptions) -> _Reader:
        """Return the reader of a panel; InputError for an unknown category."""
        questions = bench_questions(options.bench, needed=bool(options.categories))
        return cls(
            options,
            {question.id: question.category for question in questions},
            wanted_questions(options.selection(""), questions),
            baseline_rule(options.bench, options.config, options.baselines),
        )

    def read(self, name: str) -> _JudgeFiles:
        """Read the files of a judge; InputError if its settings differ within a category."""
        files = _JudgeFiles(name, self.options.selection(name))
        checks: defaultdict[str, SettingsCheck] = defaultdict(SettingsCheck)
        for model in judged_models(self.options.bench, name):
            path = self.options.bench.judgment_file(name, model)
            judgments = read_judgments(path, model, name)
            if self.questions is not None:
                judgments = [j for j in judgments if j.question_id in self.questions]
            for judgment in newest(path, judgments, self._key):
                if self._takes(files, judgment, path) and self.options.mixed != "count":
                    category = self.categories.get(judgment.question_id, "")
                    checks[category].check(judgment.settings, name, path)
        return files

    def _battle(self, judgment: Judgment) -> Battle:
        """The battle of a judgment, with "" for an unknown baseline."""
        category = self.categories.get(judgment.question_id, "")
        baseline = self.rule.of(judgment.baseline, category)
        return judgment.model, baseline or "", judgment.question_id

    def _key(self, judgment: Judgment) -> Hashable:
        """What identifies a judgment in its file: not its judge if those of all judges count."""
        judge = "" if self.options.mixed == "count" else judgment.judge
        return self._battle(judgment), judge

    def _takes(self, files: _JudgeFiles, judgment: Judgment, path: Path) -> bool:
        """Add a judgment to those of its judge, or to those left out."""
        model, baseline, _ = battle = self._battle(judgment)
        named = judgment.baseline if self.options.baselines else None
        if why := foreign(judgment.judge, named, files.selection):
            files.left_out["judgments {}, {}".format(*why)] += 1
            files.unexpected.setdefault(why, Counter())[path] += 1
        elif judgment.grades:
            files.left_out[GRADED] += 1
        elif model == baseline:
            files.left_out["judgments of the baseline against itself"] += 1
        else:
            (files.named if judgment.baseline else files.assumed).add(baseline)
            files.judgments[battle] = judgment
            return True
        return False


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
    return np.ascontiguousarray(style_differences(a, b).T)
