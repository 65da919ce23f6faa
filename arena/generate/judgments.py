"""TODO."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.base.errors import InputError
from arena.base.jsonl import newest
from arena.bench.answer_style import count_tokens
from arena.bench.config import JudgeConfig
from arena.bench.formats import new_judgment
from arena.bench.labels import grade_of
from arena.bench.paths import Bench, model_names
from arena.bench.provenance import messages_hash, stale_reason
from arena.bench.records import JudgmentLine, Question, read_objects, record_id
from arena.chat.calls import Completion
from arena.generate.budget import Budget, Meter
from arena.generate.judge import (
    Case,
    Judge,
    Key,
    game_record,
    is_unfinished,
    replies_so_far,
)
from arena.generate.run import Job, without_stale
from arena.generate.summary import Estimate, Tally


@dataclass(frozen=True)
class Game:
    """A game as it was played: its job's id, its case, its number from 0, and how it stands in the
    file.
    """

    id: str
    case: Case
    number: int
    record: dict[str, Any]


class JudgmentWork:
    """The judgments of one model: what is there, what is missing, and how they are made."""

    def __init__(
        self,
        judge: Judge,
        bench: Bench,
        model: str,
        cases: Sequence[Case],
        budget: Budget,
        *,
        retry_invalid: bool = False,
        stale: str | None = None,
    ) -> None:
        self.judge = judge
        self.model = model
        self.path = bench.judgment_file(judge.model.name, model)
        self.tally = Tally(model, judge.model.price)
        self.meter = Meter(self.tally, budget)
        self._retry_invalid = retry_invalid
        self._stale = stale
        self._cases = {case.key: case for case in cases}
        self._records: dict[Key, dict[str, Any]] = {}
        self._planned: dict[str, tuple[Case, int]] = {}

    def plan(self) -> list[Job]:
        """Read what is there, and return a job for each game that is missing."""
        if self.path.exists():
            found = read_objects(self.path, JudgmentLine, "a judgment")
            self._check_folder(found)
            ours = [record for record in found if record.get("model", self.model) == self.model]
            key = self._key_of()
            self._records = {key(record): record for record in newest(self.path, ours, key)}
            self._drop_stale()
        jobs = []
        several = len({case.baseline for case in self._cases.values()}) > 1
        for case in self._cases.values():
            games = self._games(case)
            against = f" against {case.baseline}" if several else ""
            for number in self.judge.games:
                if self._is_missing(games[number]):
                    job_id = f"{case.question.id} game {number + 1}{against}"
                    self._planned[job_id] = case, number
                    jobs.append(self._job(job_id, games[number]))
                else:
                    self.tally.cached += 1
        self.tally.planned = len(jobs)
        return jobs

    def _job(self, job_id: str, game: dict[str, Any] | None) -> Job:
        """Return the job of a game; one that is unfinished goes on where its prompt is the same."""
        case, number = self._planned[job_id]
        messages, replies = self.judge.messages(case, number), list[Completion]()
        if game and is_unfinished(game) and game.get("prompt_hash") == messages_hash(messages):
            replies = replies_so_far(game, f"{self.path}: {job_id}")
            replies = replies[: self.judge.config.attempts - 1]
        run = functools.partial(self.play, job_id, replies)
        return Job(self, job_id, run, begun=len(replies))

    def _key_of(self) -> Callable[[Mapping[str, Any]], Key]:
        """Return what a record is found by; without a baseline it is of the question's first."""
        first = {
            case.question.id: case.rules.baselines[0]
            for case in self._cases.values()
            if case.baseline is not None
        }
        return lambda record: (
            record_id(record),
            record.get("baseline") or first.get(record_id(record)),
        )

    def _check_folder(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Raise InputError where the file holds another judge's judgments, or of another kind."""
        name, pairwise = self.judge.model.name, self.judge.config.pairwise
        for record in found:
            other = record.get("judge") or name
            if other != name:
                raise InputError(f"{self.path}: holds judgments of another judge, '{other}'")
            scores = (game.get("score") for game in record.get("games") or [] if game)
            if any(s is not None and pairwise == (grade_of(s) is not None) for s in scores):
                kind = "grades of single answers" if pairwise else "pairwise judgments"
                raise InputError(
                    f"{self.path}: holds {kind}; to keep both, give the judge a second entry, with "
                    "another name, in the endpoint file"
                )

    def _drop_stale(self) -> None:
        """Forget what was made with other settings or prompts, or keep and count it."""
        reasons = {
            key: reason
            for key, case in self._cases.items()
            if key in self._records and (reason := self._stale_reason(case))
        }
        remark = "judgments kept, made with other settings"
        self._records = without_stale(self, self._records, reasons, self._stale, remark)

    def _stale_reason(self, case: Case) -> str | None:
        """Return why a judgment is not what this run would make, None as far as it tells."""
        games = self._games(case)
        settings = self.judge.settings_of(case.rules)
        reason = stale_reason(self._records[case.key], filter(None, games), settings)
        if reason:
            return reason
        for number in self.judge.games:
            made = (games[number] or {}).get("prompt_hash")
            if made is not None and made != messages_hash(self.judge.messages(case, number)):
                return f"question or answers of {case.question.id} are not those that were judged"
        return None

    def estimate(self, jobs: Sequence[Job]) -> Estimate:
        """Return what the games will ask: once each, at most as often as there are attempts."""
        prompts = (self.judge.messages(*self._planned[job.id]) for job in jobs)
        texts = [message["content"] for messages in prompts for message in messages]
        tokens, attempts = sum(count_tokens(texts)), self.judge.config.attempts
        most_output = len(jobs) * attempts * self.judge.max_tokens
        most_input = attempts * tokens + (attempts - 1) * most_output
        return Estimate(len(jobs), tokens, most_input, most_output)

    def _games(self, case: Case) -> list[dict[str, Any] | None]:
        """Return the games of a case as they are there, None for one that is not."""
        games = self._records.get(case.key, {}).get("games") or []
        return (games + [None, None])[: len(self.judge.games)]

    def _is_missing(self, game: dict[str, Any] | None) -> bool:
        if game is None or is_unfinished(game):
            return True
        return self._retry_invalid and game.get("score") is None

    def play(self, job_id: str, replies: Sequence[Completion]) -> Iterator[Game]:
        """Let the judge decide one game, or go on with it; yield it after each reply."""
        case, number = self._planned[job_id]
        messages = self.judge.messages(case, number)
        for so_far, verdict in self.judge.play(messages, replies, self.meter):
            record = game_record(case.question, messages, so_far, verdict)
            yield Game(job_id, case, number, record)

    def record(self, game: Game) -> dict[str, Any]:
        """Return the record of a game's question with the game in it."""
        case, games, record = game.case, self._games(game.case), self._records.get(game.case.key)
        settings = self.judge.settings_of(case.rules)
        if record is None:
            record = new_judgment(case.question, self.model, self.judge.model.name, case.baseline)
            record |= {"games": games, "settings": settings}
        own = {} if record.get("settings") == settings else {"settings": settings}
        games[game.number] = game.record | own
        record |= {"games": games, "tstamp": time.time()}
        self._records[case.key] = record
        return record

    def count(self, game: Game) -> None:
        """Count a game that is finished, and what is remarkable about it."""
        if is_unfinished(game.record):
            return
        self.tally.done += 1
        if game.record["score"] is None:
            remark = f"games without verdict, {game.record['cause']}"
            self.tally.remarks[remark].append(game.id)
        elif game.record.get("finish_reason") == "length":
            self.tally.remarks["verdicts in replies cut off at max_tokens"].append(game.id)


def models_to_judge(
    names: Sequence[str], bench: Bench, config: JudgeConfig, questions: Sequence[Question]
) -> list[str]:
    """Return the models named, or all with answers; a baseline is not judged against itself."""
    chosen = list(dict.fromkeys(names)) or model_names(bench.answers)
    if not config.baseline:
        return chosen
    baselines = config.baselines_of(question.category for question in questions)
    alone = baselines[0] if len(baselines) == 1 else None
    if alone in chosen and names:
        print(f"{alone}: is the baseline and is not judged against itself")
    models = [name for name in chosen if name != alone]
    if not models:
        raise InputError(f"{bench.answers}: no answers of any model but the baseline '{alone}'")
    return models


def check_config(config: JudgeConfig) -> None:
    """Raise InputError if the settings ask for pairs without a baseline."""
    if config.pairwise and not config.baseline:
        raise InputError(f"{config.path}: pairwise needs baseline: true; or set pairwise: false")
    if config.reference and not config.ref_models:
        raise InputError(f"{config.path}: reference is true, but ref_model names no model")
