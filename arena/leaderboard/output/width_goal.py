"""The goal of a run that judges until its scores are known well enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from arena.base.errors import InputError, one_line, without_warnings
from arena.base.table import listed
from arena.bench.provenance import RefusedJudgments
from arena.generate.schedule.rounds import FEWEST
from arena.leaderboard import build
from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.precision import Planned, board_questions
from arena.scoring.battles import Battles
from arena.scoring.selection import matching_questions

if TYPE_CHECKING:
    from arena.generate.judgments import JudgmentWork


class Width(NamedTuple):
    """Half the width of a score's interval in points, infinite without one, and its model."""

    half: float
    model: str
    questions: int


@dataclass
class WidthGoal:
    """The goal that each score of the models of a run is known within `wanted` points either way.

    It counts from FEWEST questions of a board on, or from all that a model can play there, with
    which it is left as it is. Stopping at a width keeps the coverage of intervals, as
    docs/planning.md shows. `questions`: the ids of those that each model can play. `widest` and
    `unknown`: the widest score of the last look, and the models without a score.
    """

    planned: Planned
    questions: Mapping[str, frozenset[str]]
    wanted: float
    widest: Width | None = None
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, planned: Planned, works: Iterable[JudgmentWork], wanted: float) -> WidthGoal:
        """Return the goal for the models of a run, of pairs for both sides. Raises InputError if
        nothing connects some of the pairs, so that no board has all.
        """
        if planned.pairing:
            planned.pairing.check_connected()
        questions: dict[str, set[str]] = {}
        for work in works:
            for case in work.cases.values():
                models = [work.summary.name]
                models += [case.baseline] if planned.pairing and case.baseline else []
                for model in models:
                    questions.setdefault(model, set()).add(case.question.id)
        return cls(planned, {model: frozenset(ids) for model, ids in questions.items()}, wanted)

    def is_reached(self, *, first: bool = False) -> bool:
        """Look at all scores. Raises InputError if the judgments make no board, or before the
        `first` one of this run if those of other models go with no others.
        """
        try:
            boards = self._boards()
        except InputError as error:
            if not first or isinstance(error, RefusedJudgments):
                raise
            boards = []
        rows = [(board, row) for board in boards for row in board.rows]
        rows = [(board, row) for board, row in rows if row.model in self.questions]
        there = {row.model for _, row in rows}
        self.unknown = tuple(model for model in self.questions if model not in there)
        found = [self._width(board, row) for board, row in rows]
        self.widest = max((width for width, _ in found), default=None)
        return not self.unknown and all(is_enough for _, is_enough in found)

    def _boards(self) -> list[Board]:
        """Return the boards of the judgments so far, of pairs without the models of others."""
        options = self.planned.boards()
        with without_warnings():  # of repeated records, which the run removes at its end
            read = build.read_boards(options)
            build.check_read(options, read)
            if self.planned.pairing:
                battles = ((of, data) for of, data in read if isinstance(data, Battles))
                read = [(of, build.among(data, self.questions)) for of, data in battles]
            boards = build.score_boards(read, options)
        return [board for board in boards if not board.weights]  # no mean of several

    def _width(self, board: Board, row: Row) -> tuple[Width, bool]:
        """Return the width of a score, and whether it is narrow enough or can be no narrower."""
        playable, judged = self.questions[row.model], board_questions(board)[row.model]
        ids = matching_questions(board.selection, self.planned.questions)
        most = len(playable if ids is None else playable & ids)
        low, high = row.bounds
        half = math.inf if math.isnan(high - low) else (high - low) / 2
        is_enough = judged >= most or (judged >= FEWEST and half <= self.wanted)
        return Width(half, row.model, judged), is_enough

    def text(self) -> str:
        """Return a sentence on the widest score, and how many questions it needs for the goal."""
        try:
            self.is_reached()
        except InputError as error:
            return f"no scores yet: {error}"
        unknown = f"no score yet: {listed(list(self.unknown))}" if self.unknown else ""
        if self.widest is None:
            return unknown
        half, model, judged = self.widest
        number = f"{judged:,} question{'' if judged == 1 else 's'}"
        text = f"{one_line(model)} has no interval yet, with {number}"
        if not math.isinf(half):
            text = (
                f"all scores are known within ±{half:.2g}, that of {one_line(model)}, with {number}"
            )
            if half > self.wanted:
                needed = math.ceil(judged * (half / self.wanted) ** 2)
                text += f". ±{self.wanted:g} need about {needed:,}."
        return f"{unknown}. Else {text}" if unknown else text
