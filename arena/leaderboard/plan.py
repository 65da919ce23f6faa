"""Which boards a bench has and what each counts; what was read of them -> boards.

show_result.py and the browser plan and score through this, so that their boards are the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from arena.base.errors import InputError
from arena.bench.config import V2_JUDGE_CONFIG, JudgeConfig, read_judge_config
from arena.bench.records import Question
from arena.leaderboard.board import (
    Board,
    Method,
    Scored,
    grade_board,
    make_board,
    overall_board,
    score,
    why_no_overall,
)
from arena.scoring.battles import Battles, Selection, wanted_questions
from arena.scoring.grades import Grades

Read = tuple[Selection, Battles | Grades]
Score = Callable[[Battles, Selection, Method], Scored]


@dataclass(frozen=True)
class Result:
    """A board, and the fit that it comes from: None for grades and the overall board."""

    board: Board
    selection: Selection
    scored: Scored | None = None


# What is counted


@dataclass(frozen=True)
class Plan:
    """What boards are made of: of a selection all that is the same for each category.

    The baselines of a category are those of `config`; without it `usual` tells them, as far as they
    are known. `method` overrules that of the questions' generation.
    """

    selection: Selection
    questions: Sequence[Question]
    config: JudgeConfig | None = None
    usual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    method: str | None = None

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
        modern = any(question.generation == 2 for question in chosen)
        found = tuple(dict.fromkeys(baselines or self.baselines(categories)))
        first = {name: found[:1] if baselines else self.baselines([name]) for name in categories}
        return replace(
            selection,
            baselines=found,
            fallback={} if baselines else self.fallback(chosen, found),
            unnamed={c: names[0] for c, names in first.items() if names[:1] not in ((), found[:1])},
            method=self.method or ("v2.0" if modern else "bradley-terry"),
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
        """Return the baselines of Arena-Hard v2.0 by category, of those categories of generation 2
        that the config does not name; `found` are its own baselines.
        """
        modern = dict.fromkeys(q.category for q in questions if q.generation == 2)
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

        All have where a question is of generation 2, or the plan's baselines differ.
        """
        names = list(dict.fromkeys(question.category for question in self.questions))
        modern = any(question.generation == 2 for question in self.questions)
        differ = len({self.baselines([name]) for name in names}) > 1
        return names if any(names) and (modern or differ) else []


def fallback_note(read: Sequence[Read]) -> str | None:
    """Return in words where other baselines were taken than the config's; None if nowhere."""
    taken = {
        category: None
        for selection, _ in read
        for category, names in selection.fallback.items()
        if set(names) & set(selection.baselines)
    }
    if not taken:
        return None
    return (
        f"no judgment on questions of {', '.join(taken)} is against its baseline; taken are those "
        f"of --setting-file {V2_JUDGE_CONFIG}"
    )


# From what was read to boards


def _fitted(battles: Battles, selection: Selection, method: Method) -> Scored:
    return score(battles, selection.bench, method)


def results(
    read: Sequence[Read], method: Method, fit: Score = _fitted, *, elo: bool = False
) -> list[Result]:
    """Return the board of each selection, and last the overall one if several have one.

    `method` tells all but the name of the method, which is the selection's.
    """
    check_baselines(read)
    made = [_result(selection, found, method, fit, elo) for selection, found in read]
    boards = [result.board for result in made]
    if len(made) == 1 or why_no_overall(boards):
        return made
    baselines = dict.fromkeys(name for selection, _ in read for name in selection.baselines)
    categories = tuple(name for selection, _ in read for name in selection.categories)
    selection = replace(read[0][0], baselines=tuple(baselines), categories=categories)
    return [*made, Result(overall_board(boards), selection)]


def check_baselines(read: Sequence[Read]) -> None:
    """Raise InputError where the method v2.0 would have several baselines."""
    for selection, found in read:
        several = selection.method == "v2.0" and len(selection.baselines) > 1
        if several and not isinstance(found, Grades):
            raise InputError(
                f"the method v2.0 knows one baseline, not {', '.join(selection.baselines)}; "
                "--method bradley-terry fits the battles of all"
            )


def _result(
    selection: Selection, found: Battles | Grades, method: Method, fit: Score, elo: bool
) -> Result:
    method = replace(method, stream=", ".join(selection.categories))
    if isinstance(found, Grades):
        method = replace(method, name="grade", resample="question", control=())
        return Result(grade_board(found, selection, method), selection)
    method = replace(method, name=selection.method)
    scored = fit(found, selection, method)
    return Result(make_board(scored, selection, method, elo=elo), selection, scored)
