"""The checks of a judge's judgments of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from arena.bench.paths import is_person
from arena.bench.provenance import MixedJudgments, SettingsCheck
from arena.bench.records import NOT_PLAYED, Judgment, JudgmentLine, Question
from arena.datasets.checks.files import CheckOptions, File, Finding, read_file

Key = tuple[str, str | None]  # question and baseline


@dataclass(frozen=True)
class Judgments:
    """The judgments of a model by a judge, and what they need.

    answered: the questions that each model has answered, by model.
    settings: the check of all files of the judge.
    """

    file: File
    judge: str
    model: str
    questions: Mapping[str, Question]
    answered: Mapping[str, set[str]]
    settings: SettingsCheck
    options: CheckOptions

    def judge_again(self, *flags: str) -> str:
        """Return the command line that plays missing games, or more with a flag."""
        names = ("--judge-name", self.judge, "--model", self.model)
        return self.options.command("gen_judgment.py", *names, *flags)

    def keys(self, is_wrong: Callable[[Judgment], bool]) -> list[Key]:
        """Return the keys of such judgments."""
        return [key for key, record in self.file.records.items() if is_wrong(record)]


def missing(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on answers that the judge has not judged."""
    if is_person(judgments.judge):  # who votes on a part of the answers
        return
    judged = {question for question, _ in judgments.file.records}
    there = judgments.answered.get(judgments.model, set())
    keys = [key for key in judgments.questions if key in there and key not in judged]
    yield from judgments.file.found("missing judgments", keys, judgments.judge_again())


def without_answers(judgments: Judgments) -> Iterator[Finding]:
    """Yield findings on judgments whose answers are not here."""
    models = [judgments.model]
    models += sorted({baseline for _, baseline in judgments.file.records if baseline})
    for model in models:
        there = judgments.answered.get(model, set())
        keys = [
            key
            for key in judgments.file.records
            if key[0] in judgments.questions and key[0] not in there
            if model in (judgments.model, key[1])
        ]
        mend = judgments.options.command("gen_answer.py", "--model", model)
        problem = f"judgments without answers of {model}"
        # Boards need no answers, but for style control.
        yield from judgments.file.found(problem, keys, mend, is_note=True)


def of_unknown_questions(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments of unknown questions."""
    keys = [key for key in judgments.file.records if key[0] not in judgments.questions]
    delete = judgments.file.deletion(keys)
    yield from judgments.file.found(
        "judgments of questions that are not in the bench", keys, delete
    )


def half_judged(judgments: Judgments) -> Iterator[Finding]:
    """Yield findings on judgments with one decided game, which is all that a person plays."""
    if is_person(judgments.judge):
        return
    keys = judgments.keys(lambda j: NOT_PLAYED in j.causes)
    yield from judgments.file.found("games not played", keys, judgments.judge_again())
    keys = judgments.keys(
        lambda j: len(j.labels) > 1 and NOT_PLAYED not in j.causes and _undecided(j) == 1
    )
    mend = judgments.judge_again("--retry-invalid")
    yield from judgments.file.found("half judged, one game without a verdict", keys, mend, True)


def _undecided(judgment: Judgment) -> int:
    """Return the number of played games without a verdict."""
    pairs = zip(judgment.labels, judgment.causes, strict=True)
    return sum(label is None and cause != NOT_PLAYED for label, cause in pairs)


def without_verdict(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments without any verdict."""
    keys = judgments.keys(lambda j: _undecided(j) == len(j.labels))
    mend = judgments.judge_again("--retry-invalid")
    yield from judgments.file.found("judgments without a verdict", keys, mend)


def of_other_settings(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments with settings of their own."""
    keys, reason = [], ""
    for key, judgment in judgments.file.records.items():
        try:
            judgments.settings.check(judgment.settings, judgments.judge, judgments.file.path)
        except MixedJudgments as error:
            keys.append(key)
            reason = reason or error.difference
    mend = judgments.judge_again("--stale", "redo")
    yield from judgments.file.found(f"judged with {reason}", keys, mend)


def planted(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on answers with planted labels."""
    keys = judgments.keys(lambda j: bool(j.planted))
    show = judgments.options.command("qa_browser.py", "--judge-name", judgments.judge)
    yield from judgments.file.found("answers with planted labels", keys, show, is_note=True)


CHECKS: tuple[Callable[[Judgments], Iterator[Finding]], ...] = (
    *(missing, without_answers, of_unknown_questions, half_judged, without_verdict),
    *(of_other_settings, planted),
)


def check_judgments(
    options: CheckOptions,
    judge: str,
    model: str,
    questions: Mapping[str, Question],
    answered: Mapping[str, set[str]],
    settings: SettingsCheck,
) -> list[Finding]:
    """Return the findings on the judgments of a model by a judge.

    answered: the ids of the questions that each model has answered.
    settings: one for all files of the judge, whose settings must be equal.
    """
    path = options.bench.judgment_file(judge, model)

    def read(raw: bytes, line: JudgmentLine) -> tuple[Key, Judgment]:
        judgment = line.judgment(model, judge)
        return (judgment.question_id, judgment.baseline), judgment

    names = ("--judge-name", judge, "--model", model)
    command = options.command("gen_judgment.py", *names)
    file = read_file(path, options.place(path), JudgmentLine, command, read)
    judgments = Judgments(file, judge, model, questions, answered, settings, options)
    found = (
        [f for check in CHECKS for f in check(judgments)]
        if file.records or not file.findings
        else []
    )
    return [*file.findings, *found]
