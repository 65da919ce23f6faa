"""The import of answers: matched to the questions of a bench, measured, and stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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

Record = dict[str, Any]


@dataclass(frozen=True)
class ImportOptions:
    """What to import. force: replace another file of answers."""

    files: Sequence[Path]
    bench: Bench
    model: str
    columns: Columns = field(default_factory=Columns)
    force: bool = False


@dataclass
class Import:
    """The answers of some files by their questions, and what was odd in them.

    failed, unmatched: the places of rows without a reply and without a question here.
    """

    questions: Sequence[Question]
    rows: int = 0
    forms: dict[str, int] = field(default_factory=dict)
    makers: dict[str, None] = field(default_factory=dict)
    answers: dict[str, tuple[str, Given]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """The ids of questions that some of their turns lack."""
        turns = {key: len(given.turns) for key, (_, given) in self.answers.items()}
        return [q.id for q in self.questions if turns.get(q.id, 0) < len(q.turns)]

    @property
    def empty(self) -> list[str]:
        """The ids of questions with an empty answer."""
        return [key for key, (_, g) in self.answers.items() if not all(map(str.strip, g.turns))]

    def add(self, place: str, given: Given, question: Question | None) -> None:
        """Take the answer of a row. Raises InputError for a second, different one."""
        self.rows += 1
        self.forms[given.form] = self.forms.get(given.form, 0) + 1
        if given.maker:
            self.makers[given.maker] = None
        if not given.turns or ERROR_TEXT in given.turns:
            self.failed.append(place)
        elif question is None:
            prompt = f" '{one_line(given.prompt, 40)}'" if given.prompt else f" {given.id}"
            self.unmatched.append(place + prompt)
        elif question.id in self.answers and self.answers[question.id][1].turns != given.turns:
            both = f"{self.answers[question.id][0]} and {place}"
            advice = "Import the answers of one model at a time."
            raise InputError(f"{both}: different answers to question {question.id}. {advice}")
        else:
            self.answers[question.id] = (place, given)


class Matcher:
    """The questions of a bench by what a row may have of them."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.by_id = {question.id: question for question in questions}
        self.by_prompt = defaultdict[str, list[Question]](list)
        for question in questions:
            for text in dict.fromkeys((question.turns[0], _spaced(question.turns[0]))):
                self.by_prompt[text].append(question)

    def question_of(self, given: Given) -> Question | None:
        """Return the question by its id, else by its prompt, else by the prompt but for spaces.

        Two questions with one prompt are told apart by their ids alone.
        """
        if given.id is not None and given.id in self.by_id:
            return self.by_id[given.id]
        if given.prompt is not None:
            for text in (given.prompt, _spaced(given.prompt)):
                if len(found := self.by_prompt.get(text, [])) == 1:
                    return found[0]
        return None


def _spaced(text: str) -> str:
    return " ".join(text.split())


def import_answers(options: ImportOptions) -> tuple[Import, Path]:
    """Store the answers of files in the file of a model, and return them with its path.

    Raises InputError, and changes nothing, if no answer fits a question or if the file of the model
    has other records.
    """
    questions = read_questions(options.bench)
    matcher, found = Matcher(questions), Import(questions)
    for path in options.files:
        for row in read_rows(path):
            place = f"{path}:{row.number}"
            given = answer_of(row, place, options.columns)
            found.add(place, given, matcher.question_of(given))
    files = ", ".join(map(str, options.files))
    if not found.answers:
        example = f", e.g. {found.unmatched[0]}" if found.unmatched else ""
        problem = f"no answer to a question of {options.bench.name}{example}"
        raise InputError(f"{files}: {problem}. Name the columns with --id or --prompt.")
    target = options.bench.answer_file(options.model)
    lines = list(map(dump_line, _records(found, matcher.by_id, options)))
    with locked(target):
        if target.exists() and not options.force and target.read_bytes() != b"".join(lines):
            raise InputError(f"{target}: has other answers. Replace them with --force.")
        write_lines(target, lines)
    return found, target


def _records(
    found: Import, questions: Mapping[str, Question], options: ImportOptions
) -> Iterator[Record]:
    """Yield the records in the order of their ids. The same files give the same records."""
    for form in ("v0.1", "v2.0"):
        keys = sorted(key for key in found.answers if questions[key].format == form)
        texts = [found.answers[key][1].turns[0] for key in keys]
        styles = conv_metadata(texts, form) if texts else []
        for key, style in zip(keys, styles, strict=True):
            place, given = found.answers[key]
            turns = [{"content": text} for text in given.turns]
            record = {
                "question_id": questions[key].written_id,
                "answer_id": uuid(name=f"{options.model} {key} {given.turns}"),
                "model_id": options.model,
                "choices": [{"index": 0, "turns": turns}],
            }
            kept = {k: v for k, v in (given.record or {}).items() if k in ("choices", "tstamp")}
            file = Path(place.rpartition(":")[0]).name
            source = {"imported": {"file": file, "form": given.form}}
            yield answer_in_format_of(
                questions[key], {**record, **kept, **source, "conv_metadata": style}
            )


def report_lines(found: Import, target: Path, model: str) -> Iterator[str]:
    """Yield what was read and stored, and what is odd, a line each."""
    forms = ", ".join(f"{count:,} of {form}" for form, count in found.forms.items())
    yield f"read {found.rows:,} rows ({forms})"
    yield f"{target}: {len(found.answers):,} answers to {len(found.questions):,} questions"
    for names, what in (
        (found.unmatched, "rows that fit no question, by id or by prompt"),
        (found.failed, "rows with a failed call in place of an answer"),
        (found.missing, "questions without an answer to each turn"),
        (found.empty, "empty answers"),
        ([name for name in found.makers if name != model], "other models named in the files"),
    ):
        if names:
            yield f"{what}: {len(names):,} ({listed(names, 'in all', 3)})"
