"""The selection: which judgments make a board, and against which baselines."""

from __future__ import annotations

import contextlib
import functools
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from arena.base.errors import InputError, nearest
from arena.bench.config import V2_JUDGE_CONFIG, JudgeConfig, read_judge_config
from arena.bench.paths import Bench, model_names
from arena.bench.provenance import MixedJudgments
from arena.bench.records import BaselineRule, Question, baseline_rule, read_questions
from arena.scoring.estimators import BRADLEY_TERRY, V2, Estimator

Anchored = Literal["baseline", "model", "mean"]
"""The anchor, which scores 50: the first baseline with judgments, a model whatever its judgments,
or the mean of the models."""
HalfJudged = Literal["count", "drop"]
HALF_JUDGED: tuple[HalfJudged, HalfJudged] = ("count", "drop")  # by whether only whole ones count

Reason = tuple[str, str]
"""The reason why a judgment is not expected, and the judge or baseline that it names."""


@dataclass(frozen=True)
class Selection:
    """The judgments that make a board. The first baseline is its anchor, unless it is `anchored` at
    the mean of the models. Grades need none.

    `default_baselines`: the baseline of judgments that name none, by the category of their
    question, if it is not the first of `baselines`. `fallback_baselines`: the baselines of a
    category in which no judgment names any of `baselines`. `planned_baselines`: the baselines
    before those with judgments were chosen among them. `given`: the user named the baselines.
    `half_judged`: None is the estimator's treatment of judgments with one undecided game.
    """

    bench: Bench
    judges: tuple[str, ...]
    baselines: tuple[str, ...]
    weight: int = 3
    first_game_only: bool = False
    categories: tuple[str, ...] = ()
    missing: str = "ignore"
    mixed: str = "refuse"
    estimator: Estimator = BRADLEY_TERRY
    default_baselines: Mapping[str, str] = field(default_factory=dict)
    fallback_baselines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    planned_baselines: tuple[str, ...] = ()
    given: bool = True
    half_judged: HalfJudged | None = None
    anchored: Anchored = "baseline"

    @property
    def whole_judgments(self) -> bool:
        """Whether a judgment with an undecided game is skipped."""
        usual = HALF_JUDGED[self.estimator.whole_judgments]
        return (self.half_judged or usual) == "drop"

    @property
    def of_categories(self) -> str:
        """The categories in words, for a message about missing judgments."""
        names = "', '".join(self.categories)
        return f" for questions of '{names}'" if self.categories else ""

    @functools.cached_property
    def baseline_rule(self) -> BaselineRule:
        """The baseline of judgments that name none, "" if there is none."""
        return BaselineRule(self.default_baselines, next(iter(self.baselines), ""))

    def rules(self) -> dict[str, object]:
        """Return the settings by which judgments become battles, for files of results."""
        return {
            "weight": self.weight,
            "first_game_only": self.first_game_only,
            "half_judged": HALF_JUDGED[self.whole_judgments],
            "missing": self.missing,
            "mixed": self.mixed,
        }

    def settings(self) -> dict[str, object]:
        """Return the settings that a saved battle file must share."""
        return {
            "bench": self.bench.name,
            "judges": list(self.judges),
            "baselines": list(self.planned_baselines or self.baselines),
            "categories": list(self.categories),
            "method": self.estimator.name,  # before what follows from it
            **self.rules(),
            "unnamed": dict(self.default_baselines),
            **({"anchored": self.anchored} if self.anchored == "mean" else {}),
        }

    def with_judged_baselines(self, judged: Mapping[str, set[str]]) -> Selection:
        """Return the selection with the baselines that have judgments, by category.

        Without categories all planned baselines stay, since the first of them is the anchor, and
        they do if the user chose the anchor.
        """
        if self.anchored != "baseline":
            return self
        fallback = [
            name
            for category, names in self.fallback_baselines.items()
            if judged.get(category, set()).isdisjoint(self.baselines)
            for name in names
            if name in judged.get(category, ())
        ]
        if not fallback and not self.categories:
            return self
        there = set().union(*judged.values())
        planned = [name for name in self.baselines if name in there]
        baselines = tuple(dict.fromkeys([*planned, *fallback])) or self.baselines
        return replace(self, baselines=baselines, planned_baselines=self.baselines)

    def unexpected(self, judge: str, baseline: str | None) -> Reason | None:
        """Return the reason why a judgment against a baseline, if any, is not expected, or None."""
        if self.mixed == "count":
            return None
        if judge not in self.judges:
            return "by another judge", judge
        if baseline and baseline not in self.baselines:
            return "against another baseline", baseline
        return None


class UnexpectedJudgments:
    """The number of judgments by reason and file that a selection does not expect."""

    def __init__(self) -> None:
        self.files: dict[Reason, Counter[Path]] = {}

    def add(self, reason: Reason, path: Path, number: int = 1) -> None:
        """Count judgments of a file."""
        self.files.setdefault(reason, Counter())[path] += number

    def check(self, selection: Selection) -> None:
        """Raise MixedJudgments that names the files, if the selection refuses mixes."""
        if not self.files or selection.mixed != "refuse":
            return
        (reason, name), files = next(iter(self.files.items()))
        paths = ", ".join(map(str, list(files)[:3]))
        more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
        accept = together = ""
        if reason == "against another baseline" and selection.estimator.most_baselines is None:
            flags = shlex.join(f"--baseline={model}" for model in (*selection.baselines, name))
            accept = f"Accept them with {flags}"
            together = " `show_result.py --anchor` fits all judgments at once."
        problem = f"{paths}{more}: {files.total():,} judgments {reason}, {name}"
        raise MixedJudgments(
            f"{problem}. {f'{accept}, skip' if accept else 'Skip'} them with --mixed leave-out, or "
            f"include them with --mixed count.{together}",
            problem,
            f"{accept}." if accept else "",
        )


def bench_questions(bench: Bench, *, needed: bool) -> list[Question]:
    """Return the questions of the bench, none if there is no file and nothing needs it."""
    return read_questions(bench) if needed or bench.questions.exists() else []


def check_baselines_exist(selection: Selection, in_records: set[str]) -> None:
    """Raise InputError for a baseline without answers that no record names.

    In a bench without answers the user's word is enough, but not that of a config, which may be
    another bench's.
    """
    bench = selection.bench
    models = in_records | set(model_names(bench.answers))
    judged = {name for judge in selection.judges for name in model_names(bench.judgments(judge))}
    for baseline in selection.baselines:
        if baseline not in models | judged and (models or not selection.given):
            hint = f"{nearest(baseline, models)}."
            if in_records and hint == ".":
                hint = f". The judgments are against {', '.join(sorted(in_records))}."
            raise InputError(
                f"{bench.folder}: no model '{baseline}', the baseline{hint} Name the baseline with "
                "--baseline."
            )


def matching_questions(selection: Selection, questions: Sequence[Question]) -> set[str] | None:
    """Return the ids of the questions in the selection's categories or clusters, None for all.

    Raises InputError for a name that no question has.
    """
    if not selection.categories:
        return None
    names = {name for q in questions for name in (q.category, q.cluster) if name}
    for name in selection.categories:
        if name and name not in names:
            hint = nearest(name, names) or f". The bench has {', '.join(sorted(names))}."
            raise InputError(f"{selection.bench.questions}: no category or cluster '{name}'{hint}")
    chosen = set(selection.categories)
    return {q.id for q in questions if q.category in chosen or (q.cluster and q.cluster in chosen)}


def estimator_of(questions: Iterable[Question]) -> Estimator:
    """Return the default estimator of questions: v2.0's if one of them is in the v2.0 format."""
    return V2 if any(question.format == V2.name for question in questions) else BRADLEY_TERRY


@dataclass(frozen=True)
class Plan:
    """The boards of a bench: `selection` holds what all of them share.

    The baselines of a category are those of `config`, or without it those of `usual`. `estimator`
    overrules that of the questions' format.
    """

    selection: Selection
    questions: Sequence[Question]
    config: JudgeConfig | None = None
    usual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    estimator: Estimator | None = None

    def selections(
        self, categories: Sequence[str] = (), baselines: Sequence[str] = ()
    ) -> list[Selection]:
        """Return the selection of each board. `baselines` overrule those of the plan."""
        names = dict.fromkeys(categories or self.categories())
        return [self.of((name,), baselines) for name in names] or [self.of((), baselines)]

    def of(self, names: tuple[str, ...], baselines: Sequence[str] = ()) -> Selection:
        """Return the selection of one board of some categories or clusters."""
        selection = replace(self.selection, categories=names)
        ids = matching_questions(selection, self.questions)
        questions = [q for q in self.questions if ids is None or q.id in ids]
        categories = dict.fromkeys(question.category for question in questions)
        planned = tuple(dict.fromkeys(baselines or self.baselines(categories)))
        named = baselines and selection.anchored == "baseline"
        defaults = {} if named else self._default_baselines(categories)
        if defaults and not names:  # judgments of questions that the question file lacks
            defaults |= self._default_baselines([""])
        return replace(
            selection,
            baselines=planned,
            given=bool(baselines),
            default_baselines={c: b for c, b in defaults.items() if b not in ("", *planned[:1])},
            fallback_baselines={} if baselines else self._fallback(questions, planned),
            estimator=self.estimator or estimator_of(questions),
        )

    def baselines(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the baselines of some categories, none for grades."""
        names = list(categories)
        if self.config is None:
            baselines = (b for name in names or [""] for b in self.usual.get(name, ()))
            return tuple(dict.fromkeys(baselines))
        with contextlib.suppress(InputError):
            # Without questions no category is known. In v0.1 it is the name of the bench.
            return self.config.baselines_of(names or [self.selection.bench.name])
        return ()

    def categories(self) -> list[str]:
        """Return the categories that have boards of their own if the user names none.

        All have if a question is in the v2.0 format, or if their baselines differ.
        """
        names = list(dict.fromkeys(question.category for question in self.questions))
        differ = len({self.baselines([name]) for name in names}) > 1
        several = differ or estimator_of(self.questions) is V2
        return names if any(names) and several else []

    def _default_baselines(self, categories: Iterable[str]) -> dict[str, str]:
        """Return the baseline of judgments that name none, as far as the bench has it."""
        planned = {category: self.baselines([category]) for category in categories}
        # The rule may search all judgment files, and of one baseline it could name no other.
        if all(len(baselines) == 1 for baselines in planned.values()):
            return {category: baseline for category, (baseline,) in planned.items()}
        rule = baseline_rule(self.selection.bench, self.config)
        return {c: rule.of(None, c) or next(iter(names), "") for c, names in planned.items()}

    def _fallback(
        self, questions: Sequence[Question], planned: tuple[str, ...]
    ) -> dict[str, tuple[str, ...]]:
        """Return v2.0's own baselines of those v2.0 categories that the config does not name.

        Published data of v2.0 then makes boards with a config of v0.1.
        """
        categories = dict.fromkeys(q.category for q in questions if q.format == V2.name)
        if self.config is None or set(categories) <= self.config.categories.keys():
            return {}
        rules = read_judge_config(V2_JUDGE_CONFIG).categories
        return {
            name: rules[name].baselines
            for name in categories
            if name in rules and name not in self.config.categories
            if not set(rules[name].baselines) & set(planned)
        }
