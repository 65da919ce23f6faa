"""The checks of a model's answers."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from arena.base.jsonl import loads
from arena.bench.answer_style import ATTRIBUTES
from arena.bench.formats import answer_in_v01
from arena.bench.provenance import question_hash
from arena.bench.records import ERROR_TEXT, Answer, AnswerLine, Question
from arena.datasets.checks import texts
from arena.datasets.checks.files import CheckOptions, File, Finding, read_file
from arena.generate.answers import CUT

LONG = 20  # characters of an answer that is repeated by no accident
REPEATED = 3  # questions with the same answer


@dataclass(frozen=True)
class _Record:
    """The part of an answer's record that is checked."""

    answer: Answer
    finish_reasons: frozenset[str]
    is_measured: bool
    made_for: str | None  # the hash of the question's text


def _read(raw: bytes, line: AnswerLine) -> tuple[str, _Record]:
    record = answer_in_v01(loads(raw))
    turns = [turn for choice in record["choices"] for turn in choice["turns"]]
    settings = record.get("settings")
    return line.id, _Record(
        answer=line.answer(),
        finish_reasons=frozenset(str(turn.get("finish_reason")) for turn in turns),
        is_measured=set(ATTRIBUTES.values()) <= set(record.get("conv_metadata") or {}),
        made_for=settings.get("question_hash") if isinstance(settings, dict) else None,
    )


@dataclass(frozen=True)
class Answers:
    """The answers of a model to the questions of a bench. command: asks for missing ones."""

    file: File
    questions: Mapping[str, Question]
    command: str

    def matching(self, is_wrong: Callable[[str], bool]) -> list[str]:
        """Return the ids of the questions with such a text among their answer's turns."""
        return [
            key
            for key, record in self.file.records.items()
            if key in self.questions and any(map(is_wrong, record.answer.choices[0]))
        ]


def missing(answers: Answers) -> Iterator[Finding]:
    """Yield findings on questions without a whole answer."""
    records = answers.file.records
    failed, lacking = list[str](), list[str]()
    for key, question in answers.questions.items():
        record = records.get(key)
        if record is None or not record.answer.is_complete(len(question.turns)):
            is_failed = record is not None and ERROR_TEXT in record.answer.choices[0]
            (failed if is_failed else lacking).append(key)
    yield from answers.file.found(f"failed calls ({ERROR_TEXT})", failed, answers.command)
    yield from answers.file.found("missing answers", lacking, answers.command)


def error_like(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on messages of failed calls."""
    keys = answers.matching(lambda text: text != ERROR_TEXT and texts.is_error(text))
    yield from answers.file.found("error messages as answers", keys, answers.command, kind="errors")


def empty(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on empty answers."""
    keys = answers.matching(lambda text: not text.strip())
    yield from answers.file.found("empty answers", keys, answers.command, kind="empty")


def damaged(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on characters of a wrong encoding."""
    keys = answers.matching(texts.is_damaged)
    yield from answers.file.found("damaged characters", keys, answers.command, kind="damaged")


def cut_off(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on answers that were cut off."""
    records = answers.file.records
    keys = [key for key, record in records.items() if record.finish_reasons & CUT.keys()]
    problem = "cut-off answers (first raise max_tokens)"
    yield from answers.file.found(problem, keys, answers.command, is_note=True, kind="cut-off")


def repeated(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on the same answer to several questions."""
    asked = defaultdict[str, list[str]](list)
    for key in answers.matching(lambda text: len(text) >= LONG):
        asked[answers.file.records[key].answer.choices[0][0]].append(key)
    keys = [key for same in asked.values() if len(same) >= REPEATED for key in same]
    problem = "the same answer to several questions"
    yield from answers.file.found(problem, keys, answers.command, kind="repeated")


def in_other_script(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on answers in another script."""
    keys = [
        key
        for key, question in answers.questions.items()
        if (record := answers.file.records.get(key)) and record.answer.choices[0]
        if texts.is_in_other_script(question.turns[0], record.answer.choices[0][0])
    ]
    problem = "answers in another script than their question"
    yield from answers.file.found(problem, keys, "", is_note=True)


def unmeasured(answers: Answers) -> Iterator[Finding]:
    """Yield the finding on answers without style attributes."""
    records = answers.file.records
    keys = [key for key, record in records.items() if not record.is_measured]
    folder = str(answers.file.path.parent)
    mend = shlex.join(["python", "add_markdown_info.py", "--dir", folder])
    yield from answers.file.found("answers without style attributes", keys, mend)


def of_other_questions(answers: Answers) -> Iterator[Finding]:
    """Yield findings on answers to changed and unknown questions."""
    changed, unknown = [], []
    for key, record in answers.file.records.items():
        if (question := answers.questions.get(key)) is None:
            unknown.append(key)
        elif record.made_for not in (None, question_hash(question.texts)):
            changed.append(key)
    mend = f"{answers.command} --stale redo"
    yield from answers.file.found("answers to an earlier text of the question", changed, mend)
    problem = "answers to questions that are not in the bench"
    yield from answers.file.found(problem, unknown, "", is_note=True, kind="unknown")


CHECKS: tuple[Callable[[Answers], Iterator[Finding]], ...] = (
    *(missing, error_like, empty, damaged, cut_off, repeated, in_other_script),
    *(unmeasured, of_other_questions),
)


def check_answers(
    options: CheckOptions, model: str, questions: Mapping[str, Question]
) -> tuple[Mapping[str, Answer], list[Finding]]:
    """Return the answers of a model by the ids of their questions, and the findings."""
    path = options.bench.answer_file(model)
    command = options.command("gen_answer.py", "--model", model)
    file = read_file(
        path, options.place(path), AnswerLine, lambda _: command, options.deletion, _read
    )
    answers = Answers(file, questions, command)
    # A file that cannot be read is one finding, not one a question.
    found = (
        [f for check in CHECKS for f in check(answers)] if file.records or not file.findings else []
    )
    return {key: record.answer for key, record in file.records.items()}, [*file.findings, *found]
