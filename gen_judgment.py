"""Lets a judge model compare the answers of models with the baseline's, both ways round.

    python gen_judgment.py
    python gen_judgment.py --setting-file config/judge_config.yaml --model my-checkpoint --limit 20

Judgments go to `data/<bench_name>/model_judgment/<judge>/<model>.jsonl`; a game that is there is
not judged again. Without a model_list every model with an answer file is judged.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from add_markdown_info import count_tokens
from providers import max_tokens_of, temperature_of
from records import (
    Answer,
    Bench,
    JudgmentLine,
    Question,
    model_names,
    newest,
    read_answers,
    read_objects,
    read_questions,
    record_id,
)
from runner import (
    Budget,
    Job,
    Lane,
    Meter,
    add_run_flags,
    check_prices,
    execute,
    stale_flag,
    stale_reason,
    without_stale,
)
from settings import (
    InputError,
    JudgeConfig,
    ModelConfig,
    nearest,
    read_judge_config,
    read_model_config,
    script,
)
from tally import Estimate, Tally
from utils import Completion, CompletionError, Message, chat_completion, check_model
from verdict import (
    CONTINUE,
    CUT_OFF,
    NO_LABEL,
    Verdict,
    judge_messages,
    prompt_hash,
    prompt_values,
    read_verdict,
    template_problem,
)

GAMES = (0, 1)
UNANSWERABLE = ("context too long", "bad request", "content filter")


@dataclass(frozen=True)
class Game:
    """A game as it was played: number 0 or 1 of its question, and how it stands in the file."""

    question: Question
    number: int
    record: dict[str, Any]


@dataclass(frozen=True)
class Judge:
    """The judge model with what all judgments of a run share."""

    model: ModelConfig
    config: JudgeConfig
    budget: Budget
    retry_invalid: bool
    stale: str | None

    @property
    def temperature(self) -> float | None:
        """The judge config's, else the entry's, else the API type's default."""
        return temperature_of(self.model, self.config.temperature, self.model.temperature)

    @property
    def max_tokens(self) -> int:
        """The entry's max_completion_tokens, else the judge config's, the entry's, 4096."""
        return max_tokens_of(self.model, self.config.max_tokens, self.model.max_tokens)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """How the judgments of this run are made."""
        return {
            "model_name": self.model.model_name,
            "api_type": self.model.api_type,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "number_of_judgment_attempts": self.config.attempts,
            "regex": list(self.config.patterns),
            "prompt_hash": prompt_hash(self.config.system_prompt, self.config.prompt_template),
            "extra_body": dict(self.model.extra_body),
            **self.model.optional_settings(),
        }

    def messages(self, values: Mapping[str, str]) -> list[Message]:
        """Return the conversation that asks the judge."""
        return judge_messages(self.config.system_prompt, self.config.prompt_template, values)

    def play(self, messages: list[Message], meter: Meter) -> dict[str, Any]:
        """Ask the judge, and ask it to go on while it gives no label; return the game's record.

        Once there is a reply, a request to go on that cannot succeed leaves the game undecided.
        """
        asked = list(messages)
        replies: list[Completion] = []
        for _ in range(self.config.attempts):
            try:
                reply = chat_completion(
                    self.model,
                    asked,
                    temperature=self.temperature,
                    max_tokens=self.max_tokens,
                    meter=meter,
                )
            except CompletionError as error:
                if not replies or error.cause not in UNANSWERABLE:
                    raise
                verdict = Verdict(None, error.cause)
                break
            replies.append(reply)
            verdict = self._verdict(reply)
            if verdict.cause not in (NO_LABEL, CUT_OFF):
                break
            if reply.text.strip():
                asked.append({"role": "assistant", "content": reply.text})
                asked.append({"role": "user", "content": CONTINUE})
        return game_record(messages, replies, verdict)

    def _verdict(self, completion: Completion) -> Verdict:
        verdict = read_verdict(
            completion.text, self.config.patterns, unanimous=self.config.unanimous
        )
        cut_off = verdict.cause == NO_LABEL and completion.finish_reason == "length"
        return Verdict(None, CUT_OFF) if cut_off else verdict


def game_record(
    messages: Sequence[Message], replies: Sequence[Completion], verdict: Verdict
) -> dict[str, Any]:
    """Return a game as it stands in the file; `prompt_hash` tells its prompt from any other."""
    record = {
        "user_prompt": messages[-1]["content"],
        "judgment": "\n".join(reply.text for reply in replies),
        "score": verdict.label,
        "cause": verdict.cause,
        "finish_reason": replies[-1].finish_reason,
        "reasoning": replies[-1].reasoning,
        "input_tokens": sum(reply.input_tokens or 0 for reply in replies),
        "output_tokens": sum(reply.output_tokens or 0 for reply in replies),
        "prompt_hash": messages_hash(messages),
    }
    optional = ("cause", "finish_reason", "reasoning")
    return {key: value for key, value in record.items() if value is not None or key not in optional}


def messages_hash(messages: Sequence[Message]) -> str:
    """Return the hash of a whole prompt, answers and all."""
    return prompt_hash("", [f"{message['role']}: {message['content']}" for message in messages])


class JudgmentWork:
    """The judgments of one model: what is there, what is missing, and how they are made."""

    def __init__(
        self,
        judge: Judge,
        bench: Bench,
        model: str,
        battles: Mapping[str, tuple[Question, Answer, Answer]],
    ) -> None:
        self.judge = judge
        self.model = model
        self.path = bench.judgment_file(judge.model.name, model)
        self.tally = Tally(model, judge.model.price)
        self.meter = Meter(self.tally, judge.budget)
        self._battles = battles
        self._records: dict[str, dict[str, Any]] = {}

    def plan(self) -> list[Job]:
        """Read what is there, and return a job for each game that is missing."""
        if self.path.exists():
            found = read_objects(self.path, JudgmentLine, "a judgment")
            self._check_judge(found)
            baselines = (None, self.judge.config.baseline_model)
            ours = [
                record
                for record in found
                if record.get("baseline") in baselines
                and record.get("model", self.model) == self.model
            ]
            self._records = {record_id(r): r for r in newest(self.path, ours, record_id)}
            self._drop_stale()
        jobs = []
        for question, *_ in self._battles.values():
            games = self._games(question)
            for number in GAMES:
                if self._is_missing(games[number]):
                    run = functools.partial(self.play, question.id, number)
                    jobs.append(Job(self, f"{question.id} game {number + 1}", run))
                else:
                    self.tally.cached += 1
        self.tally.planned = len(jobs)
        return jobs

    def _check_judge(self, found: Sequence[Mapping[str, Any]]) -> None:
        judges = {record.get("judge") or self.judge.model.name for record in found}
        for other in judges - {self.judge.model.name}:
            raise InputError(f"{self.path}: holds judgments of another judge, '{other}'")

    def _drop_stale(self) -> None:
        """Forget what was made with other settings or prompts, or keep and count it."""
        reasons = {
            key: reason
            for key in self._battles.keys() & self._records.keys()
            if (reason := self._stale_reason(key))
        }
        remark = "judgments kept, made with other settings"
        self._records = without_stale(self, self._records, reasons, self.judge.stale, remark)

    def _stale_reason(self, question_id: str) -> str | None:
        """Return why a judgment is not what this run would make, None as far as it tells."""
        games = self._games(self._battles[question_id][0])
        for record in (self._records[question_id], *filter(None, games)):
            reason = stale_reason(record, self.judge.settings)
            if reason:
                return reason
        for number, game in enumerate(games):
            made = (game or {}).get("prompt_hash")
            if made is not None and made != messages_hash(self._messages(question_id, number)):
                return f"question or answers of {question_id} are not those that were judged"
        return None

    def estimate(self, jobs: Sequence[Job]) -> Estimate:
        """Return what the games will ask: once each, at most as often as there are attempts."""
        texts = []
        for job in jobs:
            question_id, _, number = job.id.rpartition(" game ")
            messages = self._messages(question_id, int(number) - 1)
            texts += [message["content"] for message in messages]
        tokens, attempts = sum(count_tokens(texts)), self.judge.config.attempts
        most_output = len(jobs) * attempts * self.judge.max_tokens
        most_input = attempts * tokens + (attempts - 1) * most_output
        return Estimate(len(jobs), tokens, most_input, most_output)

    def _games(self, question: Question) -> list[dict[str, Any] | None]:
        """Return the two games of a question as they are there, None for one that is not."""
        games = self._records.get(question.id, {}).get("games") or []
        return (games + [None, None])[:2]

    def _is_missing(self, game: dict[str, Any] | None) -> bool:
        return game is None or (self.judge.retry_invalid and game.get("score") is None)

    def play(self, question_id: str, number: int) -> Iterator[Game]:
        """Let the judge decide one game."""
        record = self.judge.play(self._messages(question_id, number), self.meter)
        yield Game(self._battles[question_id][0], number, record)

    def _messages(self, question_id: str, number: int) -> list[Message]:
        """Return the prompt of a game: the baseline is A in game 0, the model in game 1."""
        question, model, baseline = self._battles[question_id]
        a, b = (baseline, model) if number == 0 else (model, baseline)
        return self.judge.messages(prompt_values(question.turns, a.choices[0], b.choices[0]))

    def record(self, game: Game) -> dict[str, Any]:
        """Count a game and return the record of its question with the game in it."""
        games = self._games(game.question)
        record = self._records.get(game.question.id) or {
            "question_id": game.question.id,
            "model": self.model,
            "judge": self.judge.model.name,
            "baseline": self.judge.config.baseline_model,
            "games": games,
            "settings": self.judge.settings,
        }
        own = (
            {}
            if record.get("settings") == self.judge.settings
            else {"settings": self.judge.settings}
        )
        games[game.number] = game.record | own
        record |= {"games": games, "tstamp": time.time()}
        self._records[game.question.id] = record
        self.tally.done += 1
        if game.record["score"] is None:
            self.tally.remarks[f"games without verdict, {game.record['cause']}"] += 1
        return record


def plan_works(
    judge: Judge, bench: Bench, models: Sequence[str], questions: Sequence[Question]
) -> list[JudgmentWork]:
    """Return the work for each model: the questions that both it and the baseline answered in
    full.
    """
    baseline = judge.config.baseline_model
    baseline_answers = read_model_answers(bench, baseline)
    if not any(_is_full(q, baseline_answers.get(q.id)) for q in questions):
        path = bench.answer_file(baseline)
        raise InputError(f"{path}: the baseline answered none of the {len(questions)} questions")
    works = []
    for model in models:
        answers = read_model_answers(bench, model)
        battles = {
            q.id: (q, answers[q.id], baseline_answers[q.id])
            for q in questions
            if _is_full(q, answers.get(q.id)) and _is_full(q, baseline_answers.get(q.id))
        }
        work = JudgmentWork(judge, bench, model, battles)
        unanswered = sum(not _is_full(q, answers.get(q.id)) for q in questions)
        work.tally.remarks["questions left out, not answered in full by the model"] = unanswered
        work.tally.remarks[
            f"questions left out, not answered in full by the baseline {baseline}"
        ] = len(questions) - len(battles) - unanswered
        works.append(work)
    return works


def read_model_answers(bench: Bench, model: str) -> dict[str, Answer]:
    """Return a model's answers; InputError that names the nearest model if it has no file."""
    path = bench.answer_file(model)
    if not path.exists():
        near = nearest(model, model_names(bench.answers))
        raise InputError(
            f"{path}: no answers of the model '{model}'; run gen_answer.py first{near}"
        )
    return read_answers(path)


def _is_full(question: Question, answer: Answer | None) -> bool:
    return answer is not None and len(answer.choices[0]) >= len(question.turns)


def models_to_judge(names: Sequence[str], bench: Bench, baseline: str) -> list[str]:
    """Return the models named, or all with answers; the baseline is not judged against itself."""
    chosen = list(dict.fromkeys(names)) or model_names(bench.answers)
    if baseline in chosen and names:
        print(f"{baseline}: is the baseline and is not judged against itself")
    models = [name for name in chosen if name != baseline]
    if not models:
        raise InputError(f"{bench.answers}: no answers of any model but the baseline '{baseline}'")
    return models


def _check_config(config: JudgeConfig, questions: Sequence[Question]) -> None:
    if not config.pairwise or not config.baseline:
        raise InputError(
            f"{config.path}: pairwise and baseline must be true; no other mode is there"
        )
    if config.reference:
        raise InputError(f"{config.path}: reference must be false; no other mode is there")
    for question in questions:
        problem = template_problem(config.prompt_template, len(question.turns))
        if problem:
            raise InputError(f"{config.path}: prompt_template: {problem} (question {question.id})")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_flags(parser, "config/judge_config.yaml")
    parser.add_argument("--judge-model", help="the judge (default: the setting file's)")
    parser.add_argument("--baseline", help="the baseline model (default: the setting file's)")
    parser.add_argument(
        "--retry-invalid",
        action="store_true",
        help="judge games again that have no verdict (default: False)",
    )
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Judge what is not judged yet; see the flags."""
    args = _arguments(argv)
    config = read_judge_config(args.setting_file)
    config = replace(
        config,
        judge_model=args.judge_model or config.judge_model,
        baseline_model=args.baseline or config.baseline_model,
    )
    bench = Bench(args.data_dir, args.bench_name or config.bench_name)
    model = read_model_config(args.endpoint_file, config.judge_model)
    budget = check_prices([model], args.max_cost)
    judge = Judge(model, config, budget, args.retry_invalid, stale_flag(args))
    check_model(model, judge.max_tokens, key=not args.dry_run)
    questions = read_questions(bench)[: args.limit]
    _check_config(config, questions)
    names = models_to_judge(args.model or config.model_list, bench, config.baseline_model)
    works = plan_works(judge, bench, names, questions)
    parallel = args.parallel or model.parallel
    return execute(
        works,
        lambda jobs: [Lane(parallel, list(chain(*jobs)), local=model.api_type == "llamacpp")],
        "game",
        args,
    )


if __name__ == "__main__":
    sys.exit(main())
