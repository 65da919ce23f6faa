"""The import of answers: matched to the questions of a bench, measured, and stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shortuuid import uuid

from arena.base.errors import InputError, one_line
from arena.base.jsonl import dump_line, write_lines
from arena.base.record_file import locked
from arena.base.table import listed
from arena.bench.answer_style import conv_metadata
from arena.bench.formats import answer_in_format_of
from arena.bench.paths import Bench
from arena.bench.records import ERROR_TEXT, Question, read_questions
from arena.datasets.answers.forms import Columns, Given, answer_of
from arena.datasets.tables import read_rows
from arena.generate.summary import number_of

Record = dict[str, Any]


@dataclass(frozen=True)
class ImportOptions:
    """The files to import, and their bench. force: replace another file of answers."""

    files: Sequence[Path]
    bench: Bench
    model: str
    columns: Columns = field(default_factory=Columns)
    force: bool = False


class Matcher:
    """The questions of a bench by what a row may have of them."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.by_id = {question.id: question for question in questions}
        self.by_prompt = defaultdict[str, list[Question]](list)
        for question in questions:
            for text in dict.fromkeys((question.turns[0], spaced(question.turns[0]))):
                self.by_prompt[text].append(question)

    def of_id(self, given: Given) -> Question | None:
        """Return the question with the id of a row, which tables may have as the number 1.0."""
        text = given.id or ""
        return self.by_id.get(text) or self.by_id.get(text.removesuffix(".0"))

    def question_of(self, given: Given) -> Question | None:
        """Return the question with the prompt, but for spaces, else that with the id.

        Two questions with one prompt are told apart by their ids alone.
        """
        named, prompt = self.of_id(given), given.prompt or ""
        for text in (prompt, spaced(prompt)):
            if same := self.by_prompt.get(text, []):
                return named if named in same else same[0] if len(same) == 1 else None
        return named


def spaced(text: str) -> str:
    """Return a text with one space for each run of spaces and ends of lines."""
    return " ".join(text.split())


@dataclass
class Import:
    """The answers of some files by their questions, and what was odd in them.

    failed, unmatched: the places of rows without a reply and without a question here. by_prompt,
    by_id: of rows whose id is that of another question, and whose prompt is of none.
    """

    matcher: Matcher
    rows: int = 0
    forms: dict[str, int] = field(default_factory=dict)
    makers: dict[str, None] = field(default_factory=dict)
    answers: dict[str, tuple[str, Given]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    by_prompt: list[str] = field(default_factory=list)
    by_id: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """The ids of questions that some of their turns lack."""
        turns = {key: len(given.turns) for key, (_, given) in self.answers.items()}
        questions = self.matcher.by_id.values()
        return [q.id for q in questions if turns.get(q.id, 0) < len(q.turns)]

    @property
    def empty(self) -> list[str]:
        """The ids of questions with an empty answer."""
        return [key for key, (_, g) in self.answers.items() if not all(map(str.strip, g.turns))]

    def add(self, place: str, given: Given) -> None:
        """Take the answer of a row. Raises InputError for a second, different one."""
        question = self.matcher.question_of(given)
        self.rows += 1
        self.forms[given.form] = self.forms.get(given.form, 0) + 1
        if given.maker:
            self.makers[given.maker] = None
        if not given.turns or ERROR_TEXT in given.turns:
            self.failed.append(place)
            return
        if question is None:
            prompt = f" '{one_line(given.prompt, 40)}'" if given.prompt else f" {given.id}"
            self.unmatched.append(place + prompt)
            return
        if question.id in self.answers and self.answers[question.id][1].turns != given.turns:
            both = f"{self.answers[question.id][0]} and {place}"
            advice = "Import the answers of one model at a time."
            raise InputError(f"{both}: different answers to question {question.id}. {advice}")
        self.answers[question.id] = (place, given)
        if self.matcher.of_id(given) not in (None, question):
            self.by_prompt.append(place)
        elif given.prompt and spaced(given.prompt) != spaced(question.turns[0]):
            self.by_id.append(place)


def import_answers(options: ImportOptions) -> tuple[Import, Path]:
    """Store the answers of files in the file of a model, and return them with its path.

    Raises InputError, and changes nothing, if no answer fits a question or if the file of the model
    has other records.
    """
    found = Import(Matcher(read_questions(options.bench)))
    for path in options.files:
        for row in read_rows(path):
            place = f"{path}:{row.number}"
            found.add(place, answer_of(row, place, options.columns))
    files = ", ".join(map(str, options.files))
    if not found.rows:
        raise InputError(f"{files}: no rows. Use a file with answers.")
    if not found.answers:
        if not found.unmatched:
            problem = f"no row has a reply, e.g. {found.failed[0]}"
            raise InputError(f"{files}: {problem}. Name the column with --answer.")
        problem = f"no answer to a question of {options.bench.name}, e.g. {found.unmatched[0]}"
        raise InputError(f"{files}: {problem}. Name the columns with --id or --prompt.")
    target = options.bench.answer_file(options.model)
    lines = list(map(dump_line, _records(found, options)))
    with locked(target):
        if target.exists() and not options.force and target.read_bytes() != b"".join(lines):
            raise InputError(f"{target}: has other answers. Replace them with --force.")
        write_lines(target, lines)
    return found, target


def _records(found: Import, options: ImportOptions) -> Iterator[Record]:
    """Yield the records in the order of their ids. The same files give the same records."""
    questions = found.matcher.by_id
    for form in ("v0.1", "v2.0"):
        keys = sorted(key for key in found.answers if questions[key].format == form)
        texts = [found.answers[key][1].turns[0] for key in keys]
        styles = conv_metadata(texts, form) if texts else []
        for key, style in zip(keys, styles, strict=True):
            place, given = found.answers[key]
            record = {
                "question_id": questions[key].written_id,
                "answer_id": uuid(name=f"{options.model} {key} {given.turns}"),
                "model_id": options.model,
                "choices": given.choices,
            }
            kept = {} if given.tstamp is None else {"tstamp": given.tstamp}
            file = Path(place.rpartition(":")[0]).name
            source = {"imported": {"file": file, "form": given.form}}
            yield answer_in_format_of(
                questions[key], {**record, **kept, **source, "conv_metadata": style}
            )


def report_lines(found: Import, target: Path, model: str) -> Iterator[str]:
    """Yield a line for each form that was read, each stored file and each oddity."""
    forms = ", ".join(f"{count:,} of {form}" for form, count in found.forms.items())
    yield f"read {number_of(found.rows, 'row')} ({forms})"
    answers, questions = len(found.answers), len(found.matcher.by_id)
    yield f"{target}: {number_of(answers, 'answer')} to {number_of(questions, 'question')}"
    for names, what in (
        (found.unmatched, "rows that fit no question, by id or by prompt"),
        (found.failed, "rows with a failed call or nothing in place of an answer"),
        (found.by_prompt, "rows with the id of another question, matched by their prompt"),
        (found.by_id, "rows with another prompt than the question, matched by their id"),
        (found.missing, "questions without an answer to each turn"),
        (found.empty, "empty answers"),
        ([name for name in found.makers if name != model], "other models named in the files"),
    ):
        if names:
            yield f"{what}: {len(names):,} ({listed(names, 'in all', 3)})"
