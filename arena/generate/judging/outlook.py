"""The outlook of a run of judgments: whether the judge gives verdicts at all."""

from __future__ import annotations

from dataclasses import dataclass

from arena.chat.protocols import Completion
from arena.generate.judging.judge import Judge
from arena.generate.judging.verdict import Verdict

FIRST_GAMES = 20  # without a verdict, after which a run is hopeless


@dataclass
class Outlook:
    """The finished games of a run with all its models: those of earlier runs, those of this run,
    how many of each have a verdict, and the last of this run without one.
    """

    cached: int = 0
    cached_decided: int = 0
    played: int = 0
    decided: int = 0
    undecided: tuple[Verdict, Completion] | None = None

    def count(self, verdict: Verdict, reply: Completion) -> None:
        """Count a game of this run that is finished, with the last reply of the judge."""
        self.played += 1
        self.decided += verdict.label is not None
        if verdict.label is None:
            self.undecided = verdict, reply

    def problem(self, judge: Judge, ended: bool) -> str | None:
        """Return the problem if no game has a verdict, or at the end if over half have none."""
        games = self.cached + self.played
        lost = games - self.cached_decided - self.decided
        # Games of earlier runs count only if none has a verdict. Else the endpoint is another one.
        first = self.played if self.cached_decided else games
        if self.played and not self.decided and first >= FIRST_GAMES:
            problem = f"none of the first {first} games has a verdict."
        elif ended and 2 * lost > games:
            problem = f"{lost} of {games} games have no verdict."
        else:
            return None
        advice = (
            "Judge them again with --stale redo after a change of the settings, else with "
            "--retry-invalid."
        )
        if self.undecided is None:
            return f"{problem} {advice}"
        return f"{problem} {judge.without_verdict(*self.undecided)} {advice}"
