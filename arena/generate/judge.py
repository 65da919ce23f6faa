"""How a judge is asked: the cases of a bench, their prompts, and what is made of the replies."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from arena.base.errors import InputError, nearest, warn
from arena.bench.config import JudgeConfig, Rules
from arena.bench.formats import new_game
from arena.bench.paths import Bench, model_names
from arena.bench.provenance import messages_hash, prompt_hash
from arena.bench.records import Answer, Question, read_answers
from arena.chat.calls import Completion, CompletionError, Message, Meter, chat_completion, stopping
from arena.chat.config import ModelConfig
from arena.chat.providers import max_tokens_of, temperature_of
from arena.generate.verdict import (
    CUT_OFF,
    NO_LABEL,
    Verdict,
    VerdictRule,
    grades_of_schema,
    judge_messages,
    pair_values,
    single_values,
    template_problem,
)

UNFINISHED = "unfinished"  # the cause of a game in which the judge has attempts left
UNANSWERABLE = ("context too long", "bad request", "content filter")

Key = tuple[str, str | None]  # of a judgment: question id, and baseline if there is one


@dataclass(frozen=True)
class Case:
    """What a judgment is about: the answers to one question, and the rules to judge them by."""

    question: Question
    rules: Rules
    answer: Answer
    baseline: str | None
    baseline_answer: Answer | None
    references: tuple[Answer, ...]

    @property
    def key(self) -> Key:
        """What tells the judgment from the others of its model."""
        return self.question.id, self.baseline


@dataclass(frozen=True)
class Judge:
    """The judge model with what all judgments of a run share."""

    model: ModelConfig
    config: JudgeConfig

    @property
    def temperature(self) -> float | None:
        """The judge config's, else the entry's, else the API type's default."""
        return temperature_of(self.model, self.config.temperature, self.model.temperature)

    @property
    def max_tokens(self) -> int:
        """The entry's max_completion_tokens, else the judge config's, the entry's, 4096."""
        return max_tokens_of(self.model, self.config.max_tokens, self.model.max_tokens)

    @property
    def games(self) -> range:
        """The numbers of the games of a judgment: a single answer is graded once."""
        return range(2 if self.config.pairwise else 1)

    @functools.cached_property
    def verdict_rule(self) -> VerdictRule:
        """How the verdict is read from a reply."""
        config, field = self.config, self.config.verdict_field
        grades = None if config.pairwise else grades_of_schema(config.schema, field or "")
        return VerdictRule(config.patterns, config.unanimous, field, grades)

    @property
    def schema_problem(self) -> str | None:
        """What is wrong with a schema whose verdict is a number where a label is wanted."""
        field = self.config.verdict_field
        kind = self.config.schema.get("properties", {}).get(field, {}).get("type")
        if self.config.pairwise and kind in ("integer", "number", "boolean"):
            return f"response_format: the field '{field}' is no text, but the verdict is a label"
        return None

    def settings_of(self, rules: Rules) -> dict[str, Any]:
        """Return how the judgments of a category are made in this run."""
        config = self.config
        settings: dict[str, Any] = {
            "model_name": self.model.model_name,
            "api_type": self.model.api_type,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "number_of_judgment_attempts": config.attempts,
            "regex": list(config.patterns),
            "unanimous": config.unanimous,
            "prompt_hash": prompt_hash(rules.system_prompt, rules.prompt_template),
            "extra_body": dict(self.model.extra_body),
            **self.model.optional_settings(),
        }
        if not config.pairwise:
            settings["pairwise"] = False
            settings["grades"] = list(self.verdict_rule.grades or ())
        if config.reference:
            settings["ref_model"] = list(config.ref_models)
        if config.response_format is not None:
            settings["response_format"] = config.response_format
        if config.verdict_field is not None:
            settings["verdict_field"] = config.verdict_field
        return settings

    def messages(self, case: Case, number: int) -> list[Message]:
        """Return the prompt of a game: the baseline is A in game 0, the model in game 1."""
        return judge_messages(
            case.rules.system_prompt, case.rules.prompt_template, self._values(case, number)
        )

    def _values(self, case: Case, number: int) -> dict[str, str]:
        question, answer = case.question, case.answer.choices[0]
        baseline = None if case.baseline_answer is None else case.baseline_answer.choices[0]
        references = [reference.choices[0] for reference in case.references]
        if not self.config.pairwise:
            values = single_values(question.turns, answer, baseline, references)
        else:
            a, b = (baseline, answer) if number == 0 else (answer, baseline)
            values = pair_values(question.turns, a or (), b or (), references)
        return values | {"aspects": question.aspects}

    def problem(self, question: Question) -> str | None:
        """Return what is wrong with the template for a question, or None."""
        rules, turns = self.config.rules_of(question.category), len(question.turns)
        blank = Answer(question.id, (("",) * turns,))
        references = (blank,) * (len(self.config.ref_models) if self.config.reference else 0)
        baseline = blank if self.config.baseline else None
        case = Case(question, rules, blank, None, baseline, references)
        values = self._values(case, 0)
        return template_problem(rules.prompt_template, values, turns, self.config.pairwise)

    def lacks_aspects(self, question: Question) -> bool:
        """Whether the template shows aspects that a question does not have."""
        template = self.config.rules_of(question.category).prompt_template
        return not question.aspects and any("{aspects}" in text for text in template)

    def play(
        self, messages: Sequence[Message], replies: Sequence[Completion], meter: Meter
    ) -> Iterator[tuple[Sequence[Completion], Verdict]]:
        """Ask the judge, and ask it to go on while it gives no verdict; yield all its replies after
        each, and what they come to: UNFINISHED while there are attempts left.

        replies: those that are there already. Once there is a reply, a request to go on that cannot
        succeed leaves the game undecided.
        """
        for attempt in range(len(replies) + 1, self.config.attempts + 1):
            if stopping.is_set():
                raise CompletionError("interrupted")
            try:
                reply = self._reply(messages, replies, meter)
            except CompletionError as error:
                if not replies or error.cause not in UNANSWERABLE:
                    raise
                yield replies, Verdict(None, error.cause)
                return
            replies = [*replies, reply]
            verdict = self._verdict(reply)
            if verdict.cause not in (NO_LABEL, CUT_OFF) or attempt == self.config.attempts:
                yield replies, verdict
                return
            yield replies, Verdict(None, UNFINISHED)

    def _reply(
        self, messages: Sequence[Message], replies: Sequence[Completion], meter: Meter
    ) -> Completion:
        """Return the judge's next reply, after those to which it is asked to go on."""
        asked = list(messages)
        for reply in replies:
            if reply.text.strip():
                asked.append({"role": "assistant", "content": reply.text})
                asked.append({"role": "user", "content": self.verdict_rule.request_to_go_on})
        return chat_completion(
            self.model,
            asked,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            response_format=self.config.response_format,
            meter=meter,
        )

    def _verdict(self, completion: Completion) -> Verdict:
        verdict = self.verdict_rule.read(completion.text)
        cut_off = verdict.cause == NO_LABEL and completion.finish_reason == "length"
        return Verdict(None, CUT_OFF) if cut_off else verdict


def game_record(
    question: Question,
    messages: Sequence[Message],
    replies: Sequence[Completion],
    verdict: Verdict,
) -> dict[str, Any]:
    """Return a game as it stands in the file; `prompt_hash` tells its prompt from any other.

    One that is unfinished also holds the `replies` one by one, for the next run to go on.
    """
    text, reasoning = "\n".join(reply.text for reply in replies), replies[-1].reasoning
    record = new_game(question, messages, text, reasoning) | {
        "score": verdict.label,
        "cause": verdict.cause,
        "finish_reason": replies[-1].finish_reason,
        "input_tokens": sum(reply.input_tokens or 0 for reply in replies),
        "output_tokens": sum(reply.output_tokens or 0 for reply in replies),
        "prompt_hash": messages_hash(messages),
        "replies": list(map(asdict, replies)) if verdict.cause == UNFINISHED else None,
    }
    optional = ("cause", "finish_reason", "replies")
    return {key: value for key, value in record.items() if value is not None or key not in optional}


def is_unfinished(game: Mapping[str, Any]) -> bool:
    """Whether a game of a file was broken off between two attempts of the judge."""
    return game.get("cause") == UNFINISHED


def replies_so_far(game: Mapping[str, Any], where: str) -> list[Completion]:
    """Return the judge's replies in an unfinished game; InputError if it holds none."""
    try:
        return msgspec.convert(game.get("replies"), list[Completion])
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: replies of an unfinished game: {error}") from None


@dataclass
class CaseFinder:
    """Finds the cases of each model: the questions that it, its baseline and the references
    answered in full.
    """

    judge: Judge
    bench: Bench
    questions: Sequence[Question]
    _answers: dict[Path, dict[str, Answer]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise InputError for a template that does not fit a question, or a baseline that
        answered none.
        """
        config = self.judge.config
        if problem := self.judge.verdict_rule.problem or self.judge.schema_problem:
            raise InputError(f"{config.path}: {problem}")
        for question in self.questions:
            problem = self.judge.problem(question)
            if problem:
                raise InputError(
                    f"{config.path}: prompt_template: {problem} (question {question.id})"
                )
        lacking = [q.id for q in self.questions if self.judge.lacks_aspects(q)]
        if lacking:
            some = ", ".join(lacking[:3])
            warn(f"{config.path}: {{aspects}} is empty for {len(lacking)} questions: {some}, ...")
        categories = (question.category for question in self.questions)
        for baseline in config.baselines_of(categories) if config.baseline else ():
            answers = self._of_model(baseline)
            if not any(_is_full(q, answers.get(q.id)) for q in self.questions):
                raise InputError(
                    f"{self.bench.answer_file(baseline)}: the baseline answered none of the "
                    f"{len(self.questions)} questions"
                )

    def cases_of(self, model: str) -> tuple[list[Case], dict[str, list[str]]]:
        """Return the cases of a model, and the ids of the questions left out by their reason."""
        cases: list[Case] = []
        left_out, answers = defaultdict[str, list[str]](list), self._of_model(model)
        for question in self.questions:
            answer = answers.get(question.id)
            if answer is None or not _is_full(question, answer):
                left_out["questions left out, not answered in full by the model"] += [question.id]
                continue
            cases += self._cases(model, question, answer, left_out)
        return cases, left_out

    def _cases(
        self, model: str, question: Question, answer: Answer, left_out: dict[str, list[str]]
    ) -> Iterator[Case]:
        """Yield the cases of a question, one a baseline; note those that lack an answer."""
        config = self.judge.config
        rules = config.rules_of(question.category)
        references = []
        for name in config.ref_models if config.reference else ():
            reference = self._of_reference(name).get(question.id)
            if reference is None or not _is_full(question, reference):
                left_out[f"questions left out, no reference answer of {name}"] += [question.id]
                return
            references.append(reference)
        if not config.baseline:
            yield Case(question, rules, answer, None, None, tuple(references))
            return
        for baseline in rules.baselines:
            other = self._of_model(baseline).get(question.id)
            if baseline == model:
                if config.pairwise:
                    break  # those after it are judged against it: a pair is judged once
                continue
            if other is None or not _is_full(question, other):
                what = f"questions left out, not answered in full by the baseline {baseline}"
                left_out[what] += [question.id]
                continue
            yield Case(question, rules, answer, baseline, other, tuple(references))

    def _of_model(self, model: str) -> dict[str, Answer]:
        path, folder = self.bench.answer_file(model), self.bench.answers
        return self._read(
            path, folder, f"no answers of the model '{model}'; run gen_answer.py first"
        )

    def _of_reference(self, model: str) -> dict[str, Answer]:
        path, folder = self.bench.reference_file(model), self.bench.references
        return self._read(path, folder, f"no reference answers of '{model}', which ref_model names")

    def _read(self, path: Path, folder: Path, lacking: str) -> dict[str, Answer]:
        """Return the answers of a file, which is read once; InputError if it is not there."""
        if path not in self._answers:
            if not path.exists():
                name = path.relative_to(folder).as_posix().removesuffix(".jsonl")
                raise InputError(f"{path}: {lacking}{nearest(name, model_names(folder))}")
            self._answers[path] = read_answers(path)
        return self._answers[path]


def _is_full(question: Question, answer: Answer | None) -> bool:
    return answer is not None and len(answer.choices[0]) >= len(question.turns)
