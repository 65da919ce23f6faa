"""The missing answers of one model: conversations, turn by turn, and their records."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product, starmap
from pathlib import Path
from typing import Any

from shortuuid import uuid

from arena.base.errors import InputError, warn
from arena.base.jsonl import decode_lines
from arena.bench.answer_style import (
    ENCODINGS,
    conv_metadata,
    count_tokens,
    get_encoding,
    without_surrogates,
)
from arena.bench.config import AnswerConfig
from arena.bench.formats import answer_in_format_of, answer_in_v01
from arena.bench.provenance import decoded_settings, question_hash, stale_reason
from arena.bench.records import ERROR_TEXT, AnswerLine, Question
from arena.chat.config import ModelConfig
from arena.chat.protocols import Completion, Message, Request
from arena.chat.providers import max_tokens_of, temperature_of
from arena.generate.summary import Estimate, mean_output
from arena.generate.work import Job, Record, RunOptions, Work

Turn = dict[str, Any]  # a reply as answer files in the v0.1 format have it

CUT = {
    "length": "answers cut off at max_tokens",
    "content_filter": "answers withheld or cut by a content filter",
}


# Stands for a record that needs no reply and is not stale. Whole ones would fill the memory.
COMPLETE: Record = {}


@dataclass(frozen=True, slots=True)
class Conversation(Job):
    """One choice of an answer; `turns` are the replies of an earlier run."""

    question: Question
    choice: int
    turns: Sequence[Turn]

    @property
    def turn(self) -> int:
        """The number of turns that it has."""
        return len(self.turns)


class AnswerWork(Work):
    """The answers of one model; `records` are in the v0.1 format, by question id."""

    def __init__(self, model: ModelConfig, config: AnswerConfig, options: RunOptions) -> None:
        super().__init__(model, model.name, options.bench.answer_file(model.name), options)
        self.questions = {question.id: question for question in options.questions}
        self.choices = range(config.num_choices)
        self.temperature = temperature_of(model, model.temperature, config.temperature)
        self.max_tokens = max_tokens_of(model, model.max_tokens, config.max_tokens)
        self.settings = model.settings(
            self.temperature, self.max_tokens, system_prompt=model.system_prompt
        )
        self._count_tokens = _token_counter(model) if model.tokenizer else None

    def read(self) -> Iterator[tuple[str, str | None, Record]]:
        """Yield question id, changed setting and record in the v0.1 format."""
        for _, raw, line in decode_lines(self.path, AnswerLine, "an answer"):
            question = self.questions.get(line.id)
            is_complete = question is None or self._is_complete(line, question)
            # A dry run counts the tokens of whole records.
            if is_complete and not self.options.dry_run:
                yield line.id, None, COMPLETE
                continue
            record = _without_failed_calls(answer_in_v01(json.loads(raw)))
            choices = _by_index(record["choices"])
            wanted = [choices[index] for index in self.choices if index in choices]
            settings = self._settings(question) if question else {}
            yield line.id, stale_reason(record, wanted, settings) if question else None, record

    def _is_complete(self, line: AnswerLine, question: Question) -> bool:
        """Whether a line has all turns and the settings of this run. False needs a closer look."""
        turns: dict[int, int] = {}
        for place, choice in enumerate(line.choices or ()):
            if bytes(choice.settings):
                return False
            if any(turn.content == ERROR_TEXT for turn in choice.turns):
                return False
            turns[place if choice.index is None else choice.index] = len(choice.turns)
        if any(turns.get(index, 0) < len(question.turns) for index in self.choices):
            return False
        settings = bytes(line.settings)
        return not settings or decoded_settings(settings) == self._settings(question)

    def missing(self) -> tuple[int, list[Conversation]]:
        """Return the number of conversations, and those that lack a turn."""
        conversations = []
        for question in self.questions.values():
            record = self.records.get(question.id, {})
            if record is COMPLETE:
                continue
            choices = _by_index(record.get("choices", []))
            for index in self.choices:
                turns = choices.get(index, {}).get("turns", [])
                if len(turns) < len(question.turns):
                    conversations.append(Conversation(self, question.id, question, index, turns[:]))
        return len(self.questions) * len(self.choices), conversations

    def estimate(self, jobs: Sequence[Conversation]) -> Estimate:
        """Return the calls and tokens of conversations. Later turns repeat the earlier replies."""
        calls, texts, repeated = 0, [], 0
        for job in jobs:
            turns = job.question.turns
            given = [text for _, text in job.question.given]
            for number in range(len(job.turns), len(turns)):
                calls += 1
                texts += [self.model.system_prompt or "", *given, *turns[: number + 1]]
                repeated += number
        tokens, most = sum(count_tokens(texts)), self.max_tokens
        choices = (choice for record in self.records.values() for choice in record["choices"])
        counts = [turn.get("output_tokens") for choice in choices for turn in choice["turns"]]
        mean, measured = mean_output(counts, most)
        max_input, expected_input = (tokens + repeated * reply for reply in (most, mean))
        return Estimate(
            calls, tokens, max_input, calls * most, expected_input, calls * mean, measured
        )

    def identity(self, job: Conversation) -> dict[str, object]:
        """Name the choice of an answer that a conversation is for."""
        return self._identity(job.question.id, job.choice)

    def wanted(self) -> Iterator[dict[str, object]]:
        """Yield the identities of all choices."""
        return starmap(self._identity, product(self.questions, self.choices))

    def _identity(self, question_id: str, choice: int) -> dict[str, object]:
        names = {"kind": "answer", "bench": self.options.bench.name, "model": self.model.name}
        return names | {"question": question_id, "choice": choice}

    def settings_of(self, job: Conversation) -> Record:
        """Return the settings of answers to a question in this run."""
        return self._settings(job.question)

    def request(self, job: Conversation) -> Request:
        """Return the call for the next turn of a conversation."""
        question, questions = job.question, job.question.turns
        given = [text for role, text in question.given if role == "system"]
        system = "\n\n".join(filter(None, [self.model.system_prompt, *given]))
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        messages += [{"role": r, "content": text} for r, text in question.given if r != "system"]
        for text, turn in zip(questions, job.turns, strict=False):
            messages.append({"role": "user", "content": text})
            messages.append({"role": "assistant", "content": turn["content"]})
        messages.append({"role": "user", "content": questions[job.turn]})
        room = self.max_tokens
        if self._count_tokens is not None:
            prompt = "\n".join(m["content"] for m in messages if m["role"] != "system")
            room = max(room - self._count_tokens(prompt), 1)
        return Request(self.model, messages, self.temperature, room)

    def take(self, job: Conversation, completion: Completion) -> tuple[Turn, Conversation | None]:
        """Return the turn that a completion makes, and the conversation with it."""
        fields = {key: value for key, value in asdict(completion).items() if value is not None}
        turns = [*job.turns, {"content": fields.pop("text"), **fields}]
        is_last = len(turns) == len(job.question.turns)
        return turns[-1], None if is_last else replace(job, turns=turns)

    def record(self, job: Conversation, reply: Turn) -> Record:
        """Return the record of the question with the reply in it."""
        settings = self._settings(job.question)
        question_id = job.question.written_id
        names = {"question_id": question_id, "answer_id": uuid(), "model_id": self.model.name}
        new = names | {"choices": [], "settings": settings}
        record = self.records.setdefault(job.question.id, new)
        choices = _by_index(record["choices"])
        choice = choices.setdefault(job.choice, {"index": job.choice, "turns": []})
        if record.get("settings") != settings:
            choice["settings"] = settings
        choice["turns"].append(reply)
        record["choices"] = [choices[index] for index in sorted(choices)]
        record["tstamp"] = time.time()
        text = record["choices"][0]["turns"][0]["content"]
        record.pop("conv_metadata", None)
        try:
            record["conv_metadata"] = conv_metadata([text], job.question.format)[0]
        except Exception:  # it is paid for, so it is stored whatever it contains
            self.summary.remarks["answers stored, but not measured"].append(job.id)
        return answer_in_format_of(job.question, record)

    def _settings(self, question: Question) -> dict[str, Any]:
        """Return the settings of answers to a question in this run."""
        return {"question_hash": question_hash(question.texts), **self.settings}

    def count(self, job: Conversation, reply: Turn) -> None:
        """Count a reply, and note it if it is empty or cut off."""
        if not reply["content"].strip():
            self.summary.remarks["empty answers"].append(job.id)
        if remark := CUT.get(reply.get("finish_reason", "")):
            self.summary.remarks[remark].append(job.id)
        self.note_oddities(job, reply["content"], reply.get("not_sent"))
        choices = _by_index(self.records[job.question.id]["choices"])
        turns = {index: len(choice["turns"]) for index, choice in choices.items()}
        needed = len(job.question.turns)
        self.summary.done += turns[job.choice] >= needed
        if all(turns.get(index, 0) >= needed for index in self.choices):
            self.records[job.question.id] = COMPLETE


def _without_failed_calls(record: Record) -> Record:
    """Return the record of an answer without the turns from a failed call on."""
    if not any(turn["content"] == ERROR_TEXT for c in record["choices"] for turn in c["turns"]):
        return record
    choices = []
    for choice in record["choices"]:
        texts = [turn["content"] for turn in choice["turns"]]
        end = texts.index(ERROR_TEXT) if ERROR_TEXT in texts else len(texts)
        choices.append(choice | {"turns": choice["turns"][:end]})
    return record | {"choices": choices}


def _by_index(choices: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the choices of an answer by their index, which is their position by default."""
    places = (i if c.get("index") is None else c["index"] for i, c in enumerate(choices))
    return {place: c | {"index": place} for place, c in zip(places, choices, strict=True)}


def _token_counter(model: ModelConfig) -> Callable[[str], int]:
    """Return the number of tokens that a prompt takes off max_tokens.

    The chat template adds tokens that are not counted: 100 are kept free for a tokenizer that
    tiktoken knows (by a model or an encoding), 300 for one of Hugging Face.
    """
    import tiktoken

    name, where = str(model.tokenizer), f"{model.where}: tokenizer '{model.tokenizer}'"
    with contextlib.suppress(KeyError):
        name = tiktoken.encoding_name_for_model(name)
    try:
        if name in tiktoken.list_encoding_names():
            get_encoding(name)
            return lambda text: count_tokens([text], name)[0] + 100
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(name)
    except ImportError:
        raise InputError(f"{where} needs: pip install transformers") from None
    except (InputError, OSError, ValueError) as error:
        raise InputError(f"{where}: {error}") from None
    return lambda text: len(tokenizer(without_surrogates(text))["input_ids"]) + 300


def check_formats(questions: Sequence[Question], config: AnswerConfig, path: Path) -> None:
    """Raise InputError if answers could not be counted or stored, before they are paid for. Warns
    of choices that no judge will see.
    """
    for form in {question.format for question in questions}:
        get_encoding(ENCODINGS[form])
        if form == "v2.0" and config.num_choices > 1:
            raise InputError(
                f"{path}: num_choices is {config.num_choices}, but an answer in the "
                "v2.0 format (its question has a uid) has one choice. Set it to 1."
            )
    if config.num_choices > 1:
        warn(
            f"{path}: num_choices is {config.num_choices}, but only the first choice of an answer "
            "is judged. Set it to 1 if you don't use the others."
        )
