"""TODO."""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from arena.base.errors import InputError, nearest
from arena.bench.config import V2_JUDGE_CONFIG, JudgeConfig, read_judge_config
from arena.bench.paths import Bench, model_names
from arena.bench.records import Question, read_questions
from arena.scoring.estimators import BRADLEY_TERRY, V2, Estimator


@dataclass(frozen=True)
class Selection:
    """Which judgments make a board; the first baseline is its anchor, grades need none.

    `unnamed`: the baseline of judgments that name none, by the category of their question; where
    it has none there, the first. `fallback`: the baselines of a category in which no judgment
    names any of `baselines`. `asked`: the baselines before `settled` chose among them.
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
    unnamed: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    def baseline_in(self, category: str) -> str:
        """Return the baseline of a judgment that names none; nothing where none is known."""
        return self.unnamed.get(category, next(iter(self.baselines), ""))

    def settings(self) -> dict[str, object]:
        """Return what a saved battle file must agree in."""
        return {
            "bench": self.bench.name,
            "judges": list(self.judges),
            "baselines": list(self.asked or self.baselines),
            "weight": self.weight,
            "first_game_only": self.first_game_only,
            "categories": list(self.categories),
            "missing": self.missing,
            "mixed": self.mixed,
            "method": self.estimator.name,
            "unnamed": dict(self.unnamed),
        }


def settled(selection: Selection, named: Mapping[str, set[str]]) -> Selection:
    """Return the selection with the baselines that judgments name, by the category they are in.

    Without categories all that are asked for stay: the first of them is the anchor.
    """
    met = set().union(*named.values())
    fallback = [
        name
        for category, names in selection.fallback.items()
        if named.get(category, set()).isdisjoint(selection.baselines)
        for name in names
        if name in named.get(category, ())
    ]
    if not fallback and not selection.categories:
        return selection
    kept = [name for name in selection.baselines if name in met]
    chosen = tuple(dict.fromkeys([*kept, *fallback])) or selection.baselines
    return replace(selection, baselines=chosen, asked=selection.baselines)


# Why a judgment is not what was asked for, and the judge or baseline that it names.
Why = tuple[str, str]


def foreign(judge: str, baseline: str | None, selection: Selection) -> Why | None:
    """Return why a judgment is not what was asked for, None if it is; None names no baseline."""
    if selection.mixed == "count":
        return None
    if judge not in selection.judges:
        return "by another judge", judge
    if baseline and baseline not in selection.baselines:
        return "against another baseline", baseline
    return None


def check_foreign(found: Mapping[Why, Counter[Path]], selection: Selection) -> None:
    """Raise InputError that names the files with judgments that nobody asked for."""
    if not found or selection.mixed != "refuse":
        return
    (why, name), files = next(iter(found.items()))
    paths = ", ".join(map(str, list(files)[:3]))
    more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
    accept = ""
    if why == "against another baseline" and selection.estimator.most_baselines is None:
        flags = shlex.join(f"--baseline={model}" for model in (*selection.baselines, name))
        accept = f"{flags} accepts them, "
    raise InputError(
        f"{paths}{more}: {files.total():,} judgments {why}, {name}; {accept}"
        "--mixed leave-out leaves them out, --mixed count counts them"
    )


def bench_questions(bench: Bench, *, needed: bool) -> list[Question]:
    """Return the questions of the bench; none where there is no file and nothing needs it."""
    if not needed and not bench.questions.exists():
        return []
    return read_questions(bench)


def _of(selection: Selection) -> str:
    """Return which questions a selection is of, for a message."""
    names = "', '".join(selection.categories)
    return f" for questions of '{names}'" if selection.categories else ""


def check_known_baselines(met: set[str], selection: Selection) -> None:
    """Raise InputError for a baseline that neither an answer file nor a judgment knows."""
    bench = selection.bench
    known = met | set(model_names(bench.answers))
    for baseline in selection.baselines:
        if known and baseline not in known:
            near = nearest(baseline, known)
            if met and not near:
                near = f"; judgments are against: {', '.join(sorted(met))}"
            raise InputError(f"{bench.folder}: no model '{baseline}', the baseline{near}")


def wanted_questions(selection: Selection, questions: Sequence[Question]) -> set[str] | None:
    """Return the ids of the questions of the chosen categories or clusters; None is all."""
    if not selection.categories:
        return None
    known = {name for q in questions for name in (q.category, q.cluster) if name}
    for name in selection.categories:
        if name and name not in known:
            path, near = selection.bench.questions, nearest(name, known)
            near = near or f"; there are: {', '.join(sorted(known))}"
            raise InputError(f"{path}: no category or cluster '{name}'{near}")
    chosen = set(selection.categories)
    return {q.id for q in questions if q.category in chosen or (q.cluster and q.cluster in chosen)}


def number_of_questions(questions: Sequence[Question], wanted: set[str] | None) -> int | None:
    """Return how many questions a board is of; None where they are not known."""
    return len(questions if wanted is None else wanted) or None


@dataclass(frozen=True)
class Plan:
    """What boards are made of: of a selection all that is the same for each category.

    The baselines of a category are those of `config`; without it `usual` tells them, as far as they
    are known. `estimator` overrules that of the questions' format.
    """

    selection: Selection
    questions: Sequence[Question]
    config: JudgeConfig | None = None
    usual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    estimator: Estimator | None = None

    def selections(
        self, categories: Sequence[str] = (), baselines: Sequence[str] = ()
    ) -> list[Selection]:
        """Return the selection of each board; `baselines` overrule those of the plan."""
        names = dict.fromkeys(categories or self.categories())
        return [self.of((name,), baselines) for name in names] or [self.of((), baselines)]

    def of(self, names: tuple[str, ...], baselines: Sequence[str] = ()) -> Selection:
        """Return the selection of one board of some categories or clusters."""
        selection = replace(self.selection, categories=names)
        ids = wanted_questions(selection, self.questions)
        chosen = [q for q in self.questions if ids is None or q.id in ids]
        categories = dict.fromkeys(question.category for question in chosen)
        modern = any(question.format == "v2.0" for question in chosen)
        found = tuple(dict.fromkeys(baselines or self.baselines(categories)))
        first = {name: found[:1] if baselines else self.baselines([name]) for name in categories}
        return replace(
            selection,
            baselines=found,
            fallback={} if baselines else self.fallback(chosen, found),
            unnamed={c: names[0] for c, names in first.items() if names[:1] not in ((), found[:1])},
            estimator=self.estimator or (V2 if modern else BRADLEY_TERRY),
        )

    def baselines(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the baselines of some categories; grades need none."""
        names = list(categories) or [""]
        if self.config is None:
            usual = (baseline for name in names for baseline in self.usual.get(name, ()))
            return tuple(dict.fromkeys(usual))
        with contextlib.suppress(InputError):
            return self.config.baselines_of(names)
        return ()

    def fallback(
        self, questions: Sequence[Question], found: tuple[str, ...]
    ) -> dict[str, tuple[str, ...]]:
        """Return the baselines of Arena-Hard v2.0 by category, of those categories of v2.0
        that the config does not name; `found` are its own baselines.
        """
        modern = dict.fromkeys(q.category for q in questions if q.format == "v2.0")
        if self.config is None or set(modern) <= self.config.categories.keys():
            return {}
        rules = read_judge_config(V2_JUDGE_CONFIG).categories
        return {
            name: rules[name].baselines
            for name in modern
            if name in rules and name not in self.config.categories
            if not set(rules[name].baselines) & set(found)
        }

    def categories(self) -> list[str]:
        """Return the categories that have a board of their own where none is named.

        All have where a question is in the v2.0 format, or the plan's baselines differ.
        """
        names = list(dict.fromkeys(question.category for question in self.questions))
        modern = any(question.format == "v2.0" for question in self.questions)
        differ = len({self.baselines([name]) for name in names}) > 1
        return names if any(names) and (modern or differ) else []
