"""The judge: what it compares, how it is asked, and which questions it can judge."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import structs

from arena.base.errors import InputError, nearest, one_line, warn
from arena.base.table import listed
from arena.bench.config import JudgeConfig, Rules
from arena.bench.labels import LABELS, normal_label
from arena.bench.paths import PERSON, Bench, is_person, model_names, named_path
from arena.bench.provenance import prompt_hash
from arena.bench.records import Answer, Question, read_answers
from arena.chat.config import ModelConfig
from arena.chat.protocols import Completion, Message
from arena.chat.providers import max_tokens_of, temperature_of
from arena.generate.judging.prompt import (
    fence,
    judge_messages,
    marker_pattern,
    placeholder_values,
    template_problem,
)
from arena.generate.judging.verdict import CUT_OFF, QUOTED, Verdict, VerdictRule, grades_of_schema
from arena.generate.schedule.pairs import Pairing


class Case(msgspec.Struct, frozen=True, gc=False):
    """The answers that a judgment is about, and the rules to judge them by."""

    question: Question
    rules: Rules
    answer: Answer
    baseline: str | None
    baseline_answer: Answer | None
    references: tuple[Answer, ...]

    @property
    def choices(self) -> tuple[int, ...]:
        """The choices of the model's answer that are judged: those with all turns."""
        turns, choices = len(self.question.turns), enumerate(self.answer.choices)
        return tuple(i for i, texts in choices if Answer((texts,)).is_complete(turns))

    def of_choice(self, choice: int) -> Case:
        """Return the case of one choice of the model's answer, the only one that it has."""
        if len(self.answer.choices) == 1:
            return self
        return structs.replace(self, answer=Answer((self.answer.choices[choice],)))

    @property
    def key(self) -> tuple[str, str | None]:
        """The key of the judgment among those of its model: question and baseline."""
        return self.question.id, self.baseline

    @property
    def texts(self) -> list[str]:
        """All texts that the judge sees and may quote."""
        answers = [self.answer, self.baseline_answer, *self.references]
        turns = (turn for answer in answers if answer for turn in answer.choices[0])
        return [*self.question.texts, *turns]


# What an answer may have planted to sway the judge, or the reading of its reply.
LABELLED, IMITATING = "contain a label", "imitate the markers of the judge's prompt"


@functools.lru_cache(maxsize=10_000)  # the baseline's answers come again with each model
def _planted(text: str, rule: VerdictRule, template: tuple[str, ...]) -> set[str]:
    kinds = {
        LABELLED: bool(rule.found_in([text])),
        IMITATING: marker_pattern(template).search(text) is not None,
    }
    return {kind for kind, is_there in kinds.items() if is_there}


@dataclass(frozen=True)
class Judge:
    """The judge model with the settings that all judgments of a run share."""

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

    @functools.cached_property
    def verdict_rule(self) -> VerdictRule:
        """The rule by which a verdict is read from a reply."""
        config, field = self.config, self.config.verdict_field
        grades = None if config.pairwise else grades_of_schema(config.schema, field or "")
        unquoted = config.verdict_rule == "unquoted"
        return VerdictRule(config.patterns, config.unanimous, field, grades, unquoted)

    def settings_of(self, rules: Rules) -> dict[str, Any]:
        """Return the settings of judgments of a category in this run."""
        config = self.config
        settings = self.model.settings(
            self.temperature,
            self.max_tokens,
            number_of_judgment_attempts=config.attempts,
            regex=list(config.patterns),
            unanimous=config.unanimous,
            prompt_hash=prompt_hash(rules.system_prompt, rules.prompt_template),
        )
        optional = {
            "pairwise": None if config.pairwise else False,
            "grades": None if config.pairwise else list(self.verdict_rule.grades or ()),
            "ref_model": list(config.ref_models) if config.reference else None,
            "response_format": config.response_format,
            "verdict_field": config.verdict_field,
            "verdict_rule": config.verdict_rule,
        }
        return settings | {name: value for name, value in optional.items() if value is not None}

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The placeholders of the answers, the baseline's first."""
        if self.config.pairwise:
            return ("ANSWER_A", "ANSWER_B")
        return ("baseline", "answer") if self.config.baseline else ("answer",)

    def messages(self, case: Case, number: int) -> list[Message]:
        """Return the prompt of a game: the baseline is A in game 0, the model in game 1."""
        answers = [a.choices[0] for a in (case.baseline_answer, case.answer) if a is not None]
        named = zip(self.answer_names, answers[::-1] if number == 1 else answers, strict=True)
        references = [reference.choices[0] for reference in case.references]
        values = placeholder_values(case.question.texts, dict(named), references)
        values["aspects"] = case.question.aspects
        values["FENCE"] = fence(case.question.texts, answers, number)
        return judge_messages(case.rules.system_prompt, case.rules.prompt_template, values)

    def planted(self, case: Case) -> dict[str, list[str]]:
        """Return the kinds of planted text in the answers of a case, by "model" and "baseline"."""
        rule, template, found = self.verdict_rule, case.rules.prompt_template, {}
        for side, answer in (("model", case.answer), ("baseline", case.baseline_answer)):
            judged = case.choices if side == "model" else (0,)
            turns = [turn for i in judged for turn in answer.choices[i]] if answer else []
            if kinds := sorted(set().union(*(_planted(turn, rule, template) for turn in turns))):
                found[side] = kinds
        return found

    def without_verdict(self, verdict: Verdict, reply: Completion) -> str:
        """Return the end of a reply without a verdict, and what it lacks."""
        config, text, what = self.config, reply.text.strip(), "reply"
        cause = verdict.cause
        sought = f"the pattern {' or '.join(config.patterns)}"
        if config.verdict_field is not None:
            sought = f"the field '{config.verdict_field}'"
        elif cause == QUOTED:
            sought = "a label that is not quoted (verdict_rule: unquoted)"
        if cause == CUT_OFF:
            cause = f"{CUT_OFF}. Raise max_completion_tokens of {self.model.name}"
            if not text and reply.reasoning:
                text, what = reply.reasoning.strip(), "reasoning"
        return (
            f"The last {what} ends with '{one_line(text[-150:])}', where {config.path} looks for "
            f"{sought}: {cause}."
        )

    @property
    def _problem(self) -> str | None:
        """The first setting that contradicts another."""
        config, name = self.config, self.config.verdict_field
        verdict = config.schema.get("properties", {}).get(name, {})
        kind, choices = verdict.get("type"), verdict.get("enum")
        if config.pairwise and not config.baseline:
            return "pairwise needs baseline: true. To grade single answers, set pairwise: false."
        if config.reference and not config.ref_models:
            return "reference is true, but ref_model names no model."
        of_field = f"response_format: the field '{name}'"
        if config.pairwise and kind in ("integer", "number", "boolean"):
            return f"{of_field} is {kind}, but the verdict is a label"
        if config.pairwise and choices and not any(map(normal_label, choices)):
            return f"{of_field} can have no label: '{choices[0]}' is none of {', '.join(LABELS)}"
        return self.verdict_rule.problem

    def check(self, questions: Sequence[Question]) -> None:
        """Raise InputError for settings that contradict each other or do not fit a question. Warns
        of those that make no sense.
        """
        config = self.config
        if is_person(self.model.name):
            reason = f"names of people begin with {PERSON}, and this is a model"
            advice = "Rename its entry in the endpoint file."
            raise InputError(f"{self.model.name}: {reason}. {advice}")
        seed = "seed" in self.model.extra_body
        if config.judge_samples > 1 and (seed or self.temperature == 0):
            equal = f"the {config.judge_samples} verdicts of a game may all be equal"
            reason = "at temperature 0. Raise the temperature."
            if seed:
                reason = f"with the seed in extra_body of {self.model.name}. Remove it."
            warn(f"{config.path}: {equal} {reason}")
        if problem := self._problem:
            raise InputError(f"{config.path}: {problem}")
        references = len(config.ref_models) if config.reference else 0
        without_aspects, checked = [], set()
        for question in questions:
            template, turns = config.rules_of(question.category).prompt_template, question.turns
            if (template, len(turns)) not in checked:
                checked.add((template, len(turns)))
                answers = dict.fromkeys(self.answer_names, turns)
                values = placeholder_values(turns, answers, [turns] * references)
                names = {*values, "aspects", "FENCE"}
                if problem := template_problem(template, names, len(turns)):
                    place = f"{config.path}: prompt_template"
                    raise InputError(f"{place}: {problem} (question {question.id})")
            if not question.aspects and any("{aspects}" in text for text in template):
                without_aspects.append(question.id)
        if without_aspects:
            count, some = len(without_aspects), ", ".join(without_aspects[:3])
            warn(f"{config.path}: {{aspects}} is empty for {count} questions: {some}, ...")


@dataclass
class CaseFinder:
    """The cases of each model: questions that it, the baseline and the references answered.

    `pairing`: the pairs that are judged, None for each model against each baseline.
    """

    judge: Judge
    bench: Bench
    questions: Sequence[Question]
    pairing: Pairing | None = None
    _answers: dict[tuple[str, bool], dict[str, Answer]] = field(default_factory=dict)

    def check_baselines(self, baselines: Sequence[str], source: str) -> None:
        """Raise InputError for a baseline that answered no question. source: what names it."""
        for baseline in baselines:
            path = self.bench.answer_file(baseline)
            if not path.exists():
                there = model_names(self.bench.answers)
                named = f"the baseline '{baseline}', which {source} names{nearest(baseline, there)}"
                advice = "Run gen_answer.py first."
                if there:
                    models = f"Models with answers: {listed(there)}."
                    advice = (
                        f"{models} Name one with --baseline, or run gen_answer.py for {baseline}."
                    )
                raise InputError(f"{path}: no answers of {named}. {advice}")
            if not any(self._answer(baseline, question) for question in self.questions):
                problem = f"the baseline answered none of the {len(self.questions)} questions"
                raise InputError(f"{self.bench.answer_file(baseline)}: {problem}")

    def cases_of(self, model: str) -> tuple[list[Case], dict[str, list[str]]]:
        """Return the cases of a model, and the ids of skipped questions by the reason."""
        cases, skipped = [], defaultdict[str, list[str]](list)
        for question in self.questions:
            for case in self._cases(model, question):
                if isinstance(case, Case):
                    cases.append(case)
                else:
                    skipped[f"questions skipped, {case}"].append(question.id)
        return cases, skipped

    def _cases(self, model: str, question: Question) -> Iterator[Case | str]:
        """Yield a case for each baseline, or the reason why there is none."""
        config, rules = self.judge.config, self.judge.config.rules_of(question.category)
        answer = self._answer(model, question)
        if answer is None:
            yield "not answered in full by the model"
            return
        references = []
        for name in config.ref_models if config.reference else ():
            reference = self._answer(name, question, reference=True)
            if reference is None:
                yield f"no reference answer of {name}"
                return
            references.append(reference)
        for baseline in rules.baselines if config.baseline else (None,):
            if self.pairing and not self.pairing.has(question.id, baseline, model):
                continue
            if baseline == model:
                if config.pairwise:
                    return  # the other baselines are judged against it: a pair is judged once
                continue
            other = self._answer(baseline, question) if baseline else None
            if baseline and other is None:
                yield f"not answered in full by the baseline {baseline}"
            else:
                yield Case(question, rules, answer, baseline, other, tuple(references))

    def _answer(self, model: str, question: Question, reference: bool = False) -> Answer | None:
        """Return a model's answer if it has all turns; InputError if the model has no file."""
        key = model, reference
        if key not in self._answers:
            folder = self.bench.references if reference else self.bench.answers
            path = named_path(folder, model, "model name", ".jsonl")
            if not path.exists():
                hint = nearest(model, model_names(folder))
                problem = f"no answers of the model '{model}'{hint}. Run gen_answer.py first."
                if reference:
                    problem = f"no reference answers of '{model}', which ref_model names{hint}"
                raise InputError(f"{path}: {problem}")
            self._answers[key] = read_answers(path)
        answer = self._answers[key].get(question.id)
        return answer if answer and answer.is_complete(len(question.turns)) else None
