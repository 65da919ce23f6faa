"""TODO."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.base.errors import InputError
from arena.base.jsonl import newest
from arena.bench.answer_style import ENCODINGS, conv_metadata, count_tokens, get_encoding
from arena.bench.config import AnswerConfig
from arena.bench.formats import answer_in_format_of, answer_in_v01
from arena.bench.paths import Bench
from arena.bench.provenance import question_hash, stale_reason
from arena.bench.records import AnswerLine, Question, read_objects, record_id
from arena.chat.calls import CompletionError, Message, chat_completion, stopping
from arena.chat.config import ModelConfig
from arena.chat.providers import max_tokens_of, temperature_of
from arena.generate.budget import Budget, Meter
from arena.generate.run import Job, without_stale
from arena.generate.summary import Estimate, Tally


@dataclass(frozen=True)
class Reply:
    """The reply to one turn of a conversation, as it stands in the file."""

    question: Question
    choice: int
    turn: dict[str, Any]


class AnswerWork:
    """The answers of one model: what is there, what is missing, and how they are made."""

    def __init__(
        self,
        model: ModelConfig,
        config: AnswerConfig,
        bench: Bench,
        questions: Sequence[Question],
        budget: Budget,
        stale: str | None,
    ) -> None:
        self.model = model
        self.choices = range(config.num_choices)
        self.questions = questions
        self.stale = stale
        self.path = bench.answer_file(model.name)
        self.tally = Tally(model.name, model.price)
        self.meter = Meter(self.tally, budget)
        self.temperature = temperature_of(model, model.temperature, config.temperature)
        self.max_tokens = answer_limit(model, config)
        self._records: dict[str, dict[str, Any]] = {}
        self._count_tokens = _token_counter(model) if model.tokenizer else None

    def plan(self) -> list[Job]:
        """Read what is there, and return a job for each conversation that lacks a turn."""
        if self.path.exists():
            found = read_objects(self.path, AnswerLine, "an answer")
            by_id = newest(self.path, found, record_id)
            self._records = {record_id(r): answer_in_v01(r) for r in by_id}
            self._drop_stale()
        jobs = []
        for question in self.questions:
            missing = [choice for choice in self.choices if not self._has(question, choice)]
            for choice in missing:
                begun = len(self._turns(question, choice))
                run = functools.partial(self.converse, question, choice)
                jobs.append(Job(self, question.id, run, begun=begun))
            self.tally.cached += len(self.choices) - len(missing)
        self.tally.planned = len(jobs)
        return jobs

    def _drop_stale(self) -> None:
        """Forget the records made with other settings, or keep and count them, as the flag says."""
        questions = {question.id: question for question in self.questions}
        reasons = {}
        for key, record in self._records.items():
            if key not in questions:
                continue
            choices = _by_index(record["choices"])
            asked = [choices[index] for index in self.choices if index in choices]
            reason = stale_reason(record, asked, self._settings(questions[key]))
            if reason:
                reasons[key] = reason
        remark = "kept, made with other settings"
        self._records = without_stale(self, self._records, reasons, self.stale, remark)

    def estimate(self, jobs: Sequence[Job]) -> Estimate:
        """Return what the conversations will ask; repeated answers are taken at their most."""
        questions = {question.id: question for question in self.questions}
        calls, texts, repeated = 0, [], 0
        for job in jobs:
            question = questions[job.id]
            for number in range(job.begun, len(question.turns)):
                calls += 1
                texts += [self.model.system_prompt or "", *question.turns[: number + 1]]
                repeated += number * self.max_tokens
        tokens = sum(count_tokens(texts))
        return Estimate(calls, tokens, tokens + repeated, calls * self.max_tokens)

    def _has(self, question: Question, choice: int) -> bool:
        return len(self._turns(question, choice)) >= len(question.turns)

    def _turns(self, question: Question, choice: int) -> list[dict[str, Any]]:
        """Return the turns of a choice that are there already."""
        found = _by_index(self._records.get(question.id, {}).get("choices", []))
        return found[choice]["turns"] if choice in found else []

    def converse(self, question: Question, choice: int) -> Iterator[Reply]:
        """Ask the turns that a conversation lacks, one after the other, and yield each reply."""
        turns = list(self._turns(question, choice))
        for _ in question.turns[len(turns) :]:
            if stopping.is_set():
                raise CompletionError("interrupted")
            messages = self._messages(question, turns)
            completion = chat_completion(
                self.model,
                messages,
                temperature=self.temperature,
                max_tokens=self._room(messages),
                meter=self.meter,
            )
            turn = {
                "content": completion.text,
                "reasoning": completion.reasoning,
                "finish_reason": completion.finish_reason,
                "input_tokens": completion.input_tokens,
                "output_tokens": completion.output_tokens,
            }
            turns.append({key: value for key, value in turn.items() if value is not None})
            yield Reply(question, choice, turns[-1])

    def _messages(self, question: Question, turns: Sequence[dict[str, Any]]) -> list[Message]:
        """Return the conversation up to the next user turn."""
        system = self.model.system_prompt
        messages = [{"role": "system", "content": system}] if system else []
        for text, turn in zip(question.turns, turns, strict=False):
            messages.append({"role": "user", "content": text})
            messages.append({"role": "assistant", "content": turn["content"]})
        return [*messages, {"role": "user", "content": question.turns[len(turns)]}]

    def _room(self, messages: Sequence[Message]) -> int:
        """Return max_tokens, less what the prompt takes where the entry names a tokenizer."""
        if self._count_tokens is None:
            return self.max_tokens
        prompt = "\n".join(m["content"] for m in messages if m["role"] != "system")
        return max(self.max_tokens - self._count_tokens(prompt), 1)

    def record(self, reply: Reply) -> dict[str, Any]:
        """Return the record of a reply's question with the reply in it."""
        record = self._records.get(reply.question.id)
        if record is None:
            record = self._records[reply.question.id] = self._new_record(reply.question)
        choices = _by_index(record["choices"])
        choice = choices.setdefault(reply.choice, {"index": reply.choice, "turns": []})
        settings = self._settings(reply.question)
        if record.get("settings") != settings:
            choice["settings"] = settings
        choice["turns"].append(reply.turn)
        record["choices"] = [choices[index] for index in sorted(choices)]
        record["tstamp"] = time.time()
        first = record["choices"][0]["turns"][0]["content"]
        record["conv_metadata"] = conv_metadata([first], reply.question.format)[0]
        return answer_in_format_of(reply.question, record)

    def _new_record(self, question: Question) -> dict[str, Any]:
        from shortuuid import uuid

        return {
            "question_id": question.id,
            "answer_id": uuid(),
            "model_id": self.model.name,
            "choices": [],
            "settings": self._settings(question),
        }

    def _settings(self, question: Question) -> dict[str, Any]:
        """Return how the answers to a question are made in this run."""
        return {
            "question_hash": question_hash(question.turns),
            "model_name": self.model.model_name,
            "api_type": self.model.api_type,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "system_prompt": self.model.system_prompt,
            "extra_body": dict(self.model.extra_body),
            **self.model.optional_settings(),
        }

    def count(self, reply: Reply) -> None:
        """Count a reply, its tokens and what is remarkable about it."""
        reason = reply.turn.get("finish_reason")
        for remark, applies in (
            ("empty answers", not reply.turn["content"].strip()),
            ("answers cut off at max_tokens", reason == "length"),
            ("answers withheld or cut by a content filter", reason == "content_filter"),
        ):
            if applies:
                self.tally.remarks[remark].append(reply.question.id)
        self.tally.done += self._has(reply.question, reply.choice)


def _by_index(choices: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the choices of an answer by their index; one that tells none has its position."""
    places = (i if c.get("index") is None else c["index"] for i, c in enumerate(choices))
    return {place: c | {"index": place} for place, c in zip(places, choices, strict=True)}


def _token_counter(model: ModelConfig) -> Callable[[str], int]:
    """Return the tokens that a prompt takes off max_tokens, its tokenizer's margin included.

    A tokenizer that tiktoken knows (a model or an encoding) has a margin of 100, one of Hugging
    Face's of 300.
    """
    import tiktoken

    name = str(model.tokenizer)
    try:
        encoding_name = (
            name
            if name in tiktoken.list_encoding_names()
            else tiktoken.encoding_name_for_model(name)
        )
    except KeyError:
        return _hugging_face_counter(model)
    try:
        encoding = get_encoding(encoding_name)
    except InputError as error:
        raise InputError(f"{model.where}: tokenizer: {error}") from None
    return lambda text: len(encoding.encode(text, disallowed_special=())) + 100


def _hugging_face_counter(model: ModelConfig) -> Callable[[str], int]:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise InputError(
            f"{model.where}: tokenizer '{model.tokenizer}' needs: pip install transformers"
        ) from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer)
    except (OSError, ValueError) as error:
        raise InputError(f"{model.where}: tokenizer '{model.tokenizer}': {error}") from None
    return lambda text: len(tokenizer(text)["input_ids"]) + 300


def check_formats(questions: Sequence[Question], config: AnswerConfig, path: Path) -> None:
    """Raise InputError where answers could not be counted or stored after they are paid for."""
    for form in {question.format for question in questions}:
        get_encoding(ENCODINGS[form])
        if form == "v2.0" and config.num_choices > 1:
            raise InputError(
                f"{path}: num_choices is {config.num_choices}, but an answer in the "
                "v2.0 format (its question has a uid) has one choice. Set it to 1."
            )


def answer_limit(model: ModelConfig, config: AnswerConfig) -> int:
    """Return the most tokens of an answer: the entry's limit, the setting file's, or 4096."""
    return max_tokens_of(model, model.max_tokens, config.max_tokens)
