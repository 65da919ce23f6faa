"""The missing judgments of one model: games, and their records."""

from __future__ import annotations

import sys
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, product
from typing import Any

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import STDOUT, decode_lines, loads
from arena.base.output import print_folded
from arena.bench.answer_style import count_tokens
from arena.bench.formats import new_game, new_judgment
from arena.bench.labels import grade_of
from arena.bench.paths import model_names
from arena.bench.provenance import ANSWERS_CHANGED, messages_hash, stale_reason
from arena.bench.records import BaselineRule, KeyLine, baseline_rule
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion, Request
from arena.generate.judging.judge import LABELLED, Case, CaseFinder, Judge
from arena.generate.judging.outlook import Outlook
from arena.generate.judging.planted import note_planted
from arena.generate.judging.repeats import (
    FIRST,
    GameLine,
    Place,
    place_text,
    slim_game,
    verdicts_of,
    with_verdict,
)
from arena.generate.judging.verdict import CUT_OFF, NO_LABEL, QUOTED, Verdict
from arena.generate.schedule.pairs import Pairing
from arena.generate.summary import Estimate, mean_output
from arena.generate.work import Job, Record, RunOptions, Work


@dataclass(frozen=True)
class Decision:
    """The judge's replies in a game so far, and their verdict: UNFINISHED with attempts left."""

    replies: Sequence[Completion]
    verdict: Verdict


# What a judge may mend if it is asked to go on.
ASK_AGAIN = (NO_LABEL, CUT_OFF, QUOTED)
UNFINISHED = "unfinished"  # the cause of a game in which the judge has attempts left

# A request to go on that fails for one of these can never succeed, so the game ends undecided.
UNANSWERABLE = ("context too long", "bad request", "content filter", CUT_OFF)


@dataclass(frozen=True, slots=True)
class Game(Job):
    """A game, 0 or 1, of a judgment, asked for the verdict at `place`. `replies` are those of an
    earlier run that was broken off. The case has the choice of the answer that is judged.
    """

    case: Case
    number: int
    replies: Sequence[Completion]
    place: Place = FIRST

    @property
    def turn(self) -> int:
        """The number of replies that it has."""
        return len(self.replies)


class _Line(KeyLine, gc=False):
    games: list[GameLine | None] = []
    settings: msgspec.Raw = msgspec.Raw()


class JudgmentWork(Work):
    """The judgments of one model; `records` are found by question and baseline."""

    def __init__(
        self,
        judge: Judge,
        name: str,
        cases: list[Case],
        rule: BaselineRule,
        options: RunOptions,
        outlook: Outlook,
    ) -> None:
        path = options.bench.judgment_file(judge.model.name, name)
        super().__init__(judge.model, name, path, options)
        self.summary.noun = "game"
        self.judge = judge
        self.games = range(2 if judge.config.pairwise else 1)  # a single answer is graded once
        self.cases = {case.key: case for case in cases}
        self.rule = rule
        self._settings: dict[str, Record] = {}  # by category
        self._reasons: dict[Hashable, str | None] = {}  # by category and settings
        self._slim_records: dict[Hashable, Record | None] = {}  # by verdicts
        self.outlook = outlook
        self.planted = {case.key: found for case in cases if (found := judge.planted(case))}

    def read(self) -> Iterator[tuple[tuple[str, str | None], str | None, Record]]:
        """Yield (question, baseline), changed setting and record, of the model alone. Raises
        InputError for records of another judge or kind.
        """
        judge, name = self.judge.model.name, self.summary.name
        categories = {case.question.id: case.question.category for case in self.cases.values()}
        for _, raw, line in decode_lines(self.path, _Line, "a judgment"):
            if (other := line.judge or judge) != judge:
                raise InputError(f"{self.path}: contains judgments of another judge, '{other}'")
            question_id, baseline = line.id, line.baseline
            if question_id in categories:
                baseline = self.rule.of(baseline, categories[question_id])
            case = self.cases.get((question_id, baseline))
            slim = self._slim(raw, line, self._places(case))
            if (line.model or name) != name:
                continue
            reason = self._stale_reason(case, line) if case else None
            # The texts of the case's key, since those of each line would fill the memory, too.
            key = case.key if case else (question_id, baseline)
            yield key, reason, slim or loads(raw)

    def _slim(self, raw: bytes, line: _Line, places: Sequence[Place]) -> Record | None:
        """Return just the verdicts of a line whose games are all played, None for any other.

        Whole records of a large run would fill the memory. A dry run counts their tokens. Raises
        InputError for a line of another kind.
        """
        verdicts = [v for game in line.games if game for v in game.verdicts]
        of_games = [
            game and tuple([(v.choice, v.sample, v.score, v.cause) for v in game.verdicts])
            for game in line.games
        ]
        key = (*of_games, *places)
        if key not in self._slim_records:
            pairwise = self.judge.config.pairwise
            scores = [verdict.score for verdict in verdicts]
            if any(s is not None and pairwise == (grade_of(s) is not None) for s in scores):
                kind = "grades of single answers" if pairwise else "pairwise judgments"
                raise InputError(
                    f"{self.path}: contains {kind}. To keep both, give the judge a second entry, "
                    "with another name, in the endpoint file."
                )
            games = self._games([slim_game(game) for game in loads(raw).get("games") or ()])
            is_complete = not self.options.dry_run and self._are_played(games, places)
            self._slim_records[key] = {"games": games} if is_complete else None
        return self._slim_records[key]

    def _places(self, case: Case | None) -> list[Place]:
        """Return the places of the verdicts that this run wants of each game."""
        choices = case.choices if case else (0,)
        return list(product(choices, range(1, self.judge.config.judge_samples + 1)))

    def _are_played(self, games: Iterable[Record | None], places: Sequence[Place]) -> bool:
        """Whether this run asks for no verdict of these games."""
        played = map(verdicts_of, games)
        return all(self._is_played(game.get(place)) for game in played for place in places)

    def _is_played(self, game: Mapping[str, Any] | None) -> bool:
        """Whether this run does not play a game of an earlier run."""
        if game is None or game.get("cause") == UNFINISHED:
            return False
        return game.get("score") is not None or not self.options.retry_invalid

    def _settings_of(self, case: Case) -> Record:
        """Return the settings of judgments of a case in this run."""
        category = case.question.category
        if category not in self._settings:
            self._settings[category] = self.judge.settings_of(case.rules)
        return self._settings[category]

    def _stale_reason(self, case: Case, line: _Line) -> str | None:
        """Return the setting that differs, or that the prompt of a game has changed."""
        shared, games = bytes(line.settings), self._games(line.games)
        verdicts = [verdict for game in games if game for verdict in game.verdicts]
        made = tuple(dict.fromkeys(bytes(verdict.settings) or shared for verdict in verdicts))
        key = case.question.category, made
        if key not in self._reasons:
            parts = [{"settings": loads(text or b"null")} for text in made]
            self._reasons[key] = stale_reason({}, parts, self._settings_of(case))
        if reason := self._reasons[key]:
            return reason
        for number, game in zip(self.games, games, strict=True):
            for verdict in game.verdicts if game else ():
                if (prompt := verdict.prompt_hash) is None:
                    continue
                if verdict.choice not in case.choices:
                    return ANSWERS_CHANGED
                if prompt != self._prompt_hash(case.of_choice(verdict.choice), number):
                    return ANSWERS_CHANGED
        return None

    def missing(self) -> tuple[int, list[Game]]:
        """Return the number of verdicts, and the games that are not played to their end."""
        missing, total = list[Game](), 0
        several = len({case.baseline for case in self.cases.values()}) > 1
        for case in self.cases.values():
            games = self._games(self.records.get(case.key, {}).get("games"))
            against = f" against {case.baseline}" if several else ""
            for number, place in product(self.games, self._places(case)):
                total += 1
                verdict = verdicts_of(games[number]).get(place)
                if verdict is not None and self._is_played(verdict):
                    self.outlook.cached += 1
                    self.outlook.cached_decided += verdict.get("score") is not None
                    continue
                name = f"{case.question.id} game {number + 1}{place_text(place)}{against}"
                job = Game(self, name, case.of_choice(place[0]), number, [], place)
                missing.append(replace(job, replies=self._earlier_replies(job, verdict)))
        return total, missing

    def _earlier_replies(self, job: Game, verdict: Mapping[str, Any] | None) -> list[Completion]:
        """Return the replies of an unfinished game. They count only if the prompt is the same."""
        if verdict is None or verdict.get("cause") != UNFINISHED:
            return []
        if verdict.get("prompt_hash") != self._prompt_hash(job.case, job.number):
            return []
        try:
            replies = msgspec.convert(verdict.get("replies"), list[Completion])
        except msgspec.ValidationError as error:
            place = f"{self.path}: {job.id}: replies of an unfinished game"
            raise InputError(f"{place}: {error}") from None
        return replies[: self.judge.config.attempts - 1]

    def _prompt_hash(self, case: Case, number: int) -> str:
        return messages_hash(self.judge.messages(case, number))

    def _games(self, games: Sequence[Any] | None) -> list[Any]:
        """Return the games of a record or line, None for a missing one."""
        return [*(games or ()), None, None][: len(self.games)]

    def estimate(self, jobs: Sequence[Game]) -> Estimate:
        """Return the calls and tokens of games: usually one attempt, at most all of them."""
        prompts = (self.judge.messages(job.case, job.number) for job in jobs)
        texts = [message["content"] for messages in prompts for message in messages]
        tokens, attempts = sum(count_tokens(texts)), self.judge.config.attempts
        max_output = len(jobs) * attempts * self.judge.max_tokens
        max_input = attempts * tokens + (attempts - 1) * max_output
        games = (game for record in self.records.values() for game in record["games"])
        verdicts = chain.from_iterable(verdicts_of(game).values() for game in games)
        counts = [verdict.get("output_tokens") for verdict in verdicts]
        mean, measured = mean_output(counts, attempts * self.judge.max_tokens)
        output = len(jobs) * mean
        return Estimate(len(jobs), tokens, max_input, max_output, tokens, output, measured)

    def identity(self, job: Game) -> dict[str, object]:
        """Name the game of a judgment."""
        return self._identity(job.case, job.number, job.place)

    def wanted(self) -> Iterator[dict[str, object]]:
        """Yield the identities of all games."""
        for case in self.cases.values():
            for number, place in product(self.games, self._places(case)):
                yield self._identity(case, number, place)

    def _identity(self, case: Case, number: int, place: Place) -> dict[str, object]:
        names: Record = {"kind": "judgment", "bench": self.options.bench.name}
        names |= {"judge": self.model.name, "model": self.summary.name}
        names |= {"question": case.question.id, "baseline": case.baseline, "game": number}
        return names if place == FIRST else names | {"choice": place[0], "sample": place[1]}

    def settings_of(self, job: Game) -> Record:
        """Return the settings of judgments of a case in this run."""
        return self._settings_of(job.case)

    def request(self, job: Game) -> Request:
        """Return the call of a game, after its replies a request to go on."""
        judge = self.judge
        messages = judge.messages(job.case, job.number)
        for text in (reply.text for reply in job.replies if reply.text.strip()):
            messages.append({"role": "assistant", "content": text})
            messages.append({"role": "user", "content": judge.verdict_rule.request_to_go_on})
        settings = judge.temperature, judge.max_tokens, judge.config.response_format
        return Request(self.model, messages, *settings)

    def take(self, job: Game, completion: Completion) -> tuple[Decision, Game | None]:
        """Read the verdict in a completion. The game goes on if there is none and the judge has
        attempts left.
        """
        rule, replies = self.judge.verdict_rule, [*job.replies, completion]
        cut_off = completion.finish_reason == "length"
        case, quotable = job.case, list[str]()
        if rule.unquoted:  # the judge may quote a label if one of the texts that it sees has any
            labelled = any(LABELLED in kinds for kinds in self.planted.get(case.key, {}).values())
            quotable = case.texts if labelled or rule.found_in(case.question.texts) else []
        verdict = rule.read(completion.text, cut_off, quotable)
        if verdict.cause not in ASK_AGAIN or len(replies) == self.judge.config.attempts:
            return Decision(replies, verdict), None
        return Decision(replies, Verdict(None, UNFINISHED)), replace(job, replies=replies)

    def give_up(self, job: Game, error: CompletionError) -> Decision | None:
        """Return the end of a game whose request to go on can never be answered."""
        if not job.replies or error.cause not in UNANSWERABLE:
            return None
        return Decision(job.replies, Verdict(None, error.cause))

    def record(self, job: Game, reply: Decision) -> Record:
        """Return the record of a question with a game in it."""
        case, games = job.case, self._games(self.records.get(job.case.key, {}).get("games"))
        settings = self._settings_of(case)
        names = (self.summary.name, self.model.name, case.baseline)
        new = new_judgment(case.question, *names) | {"games": games, "settings": settings}
        record = self.records.get(case.key, new)
        replies, verdict = reply.replies, reply.verdict
        messages = self.judge.messages(case, job.number)
        text = "\n".join(completion.text for completion in replies)
        game = new_game(case.question, messages, text, replies[-1].reasoning) | {
            "score": verdict.label,
            "cause": verdict.cause,
            "finish_reason": replies[-1].finish_reason,
            "not_sent": replies[-1].not_sent,
            "batch": replies[-1].batch,
            "input_tokens": sum(completion.input_tokens or 0 for completion in replies),
            "output_tokens": sum(completion.output_tokens or 0 for completion in replies),
            "prompt_hash": messages_hash(messages),
            # One by one, for the next run to go on.
            "replies": list(map(asdict, replies)) if verdict.cause == UNFINISHED else None,
            "settings": None if record.get("settings") == settings else settings,
        }
        optional = ("cause", "finish_reason", "not_sent", "batch", "replies", "settings")
        game = {k: v for k, v in game.items() if v is not None or k not in optional}
        empty = new_game(case.question, messages, "", None)
        blank = empty | {"score": None, "cause": UNFINISHED, "replies": []}
        games[job.number] = with_verdict(games[job.number], job.place, game, blank)
        # Boards name planted answers by it, without reading any answer.
        planted = {"planted": list(found)} if (found := self.planted.get(case.key)) else {}
        record.pop("planted", None)
        self.records[case.key] = record | planted | {"games": games, "tstamp": time.time()}
        return self.records[case.key]

    def count(self, job: Game, reply: Decision) -> None:
        """Count a game that is finished, and note one without a verdict."""
        if reply.verdict.cause == UNFINISHED:
            return
        self.summary.done += 1
        games = self._games(self.records[job.case.key]["games"])
        if self._are_played(games, self._places(self.cases[job.case.key])):
            # Whole records of a large run would fill the memory.
            self.records[job.case.key] = {"games": list(map(slim_game, games))}
        last = reply.replies[-1]
        self.outlook.count(reply.verdict, last)
        self.note_oddities(job, last.text, last.not_sent)
        if reply.verdict.label is None:
            remark = f"games without verdict, {reply.verdict.cause}"
            self.summary.remarks[remark].append(job.id)
        elif last.finish_reason == "length":
            self.summary.remarks["verdicts in replies cut off at max_tokens"].append(job.id)

    def hopeless(self, ended: bool) -> str | None:
        """Return the problem if the judge of all models gives no verdicts, else None."""
        return self.outlook.problem(self.judge, ended)


def judgment_works(
    judge: Judge,
    names: Sequence[str],
    given_baselines: Sequence[str],
    options: RunOptions,
    pairing: Pairing | None = None,
) -> list[JudgmentWork]:
    """Return the judgments of the models named, or of all with answers, without the baseline if
    there is only one. given_baselines: those of the command line, in place of the setting file's.
    pairing: the pairs that are judged alone, whose first ones are the given baselines.
    """
    config, bench = judge.config, options.bench
    finder = CaseFinder(judge, bench, options.questions, pairing)
    categories = (question.category for question in options.questions)
    baselines = config.baselines_of(categories) if config.baseline else ()
    source = "--baseline" if given_baselines else f"baseline_model in {config.path}"
    finder.check_baselines(baselines, "a pair" if pairing else source)
    models = list(dict.fromkeys(names)) or model_names(bench.answers)
    if pairing:
        models = list(dict.fromkeys(second for _, second in pairing.orders))
    elif len(baselines) == 1:
        if names and baselines[0] in models:
            out = sys.stderr if options.report == STDOUT else sys.stdout
            print_folded(f"{baselines[0]}: is the baseline and is not judged against itself", out)
        models = [name for name in models if name != baselines[0]]
        if not models:
            problem = f"no answers of any model but the baseline '{baselines[0]}'"
            raise InputError(f"{bench.answers}: {problem}")
    rule = baseline_rule(bench, config if config.baseline else None, given_baselines)
    rule = pairing.rule if pairing else rule
    works, outlook = [], Outlook()
    for name in models:
        cases, skipped = finder.cases_of(name)
        work = JudgmentWork(judge, name, cases, rule, options, outlook)
        work.summary.remarks.update(skipped)
        works.append(work)
    note_planted(works)
    return works
