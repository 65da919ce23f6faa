"""The files under data/: questions, answers and judgments of both generations.

Past this module nobody knows which generation a file came from: every reader returns the same kind
of record, and new records get the form of their question's generation here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import Line, Record, decode_at_once, decode_lines, newest
from arena.bench.labels import grade_of
from arena.bench.paths import Bench, known_benches

# Reading


class IdLine(msgspec.Struct):
    """The fields that identify a line of any file; without an id it is no record."""

    question_id: str | None = None
    uid: str | None = None

    def __post_init__(self) -> None:
        if self.question_id is None and self.uid is None:
            raise ValueError("no question_id (or uid)")

    @property
    def id(self) -> str:
        """The question's id in either generation."""
        return self.question_id if self.question_id is not None else str(self.uid)


class KeyLine(IdLine):
    """What tells a record from the others of its file: of answers the id, of judgments more."""

    model: str | None = None
    judge: str | None = None
    baseline: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Question, baseline, model and judge of a judgment; the question alone of an answer."""
        model = self.model if self.judge is not None else None
        return self.id, self.baseline or "", model or "", self.judge or ""


@dataclass(frozen=True)
class Question:
    """A prompt of one or more user turns; answers to it are written in its generation, 1 or 2."""

    id: str
    category: str
    cluster: str
    turns: tuple[str, ...]
    aspects: str = ""
    generation: int = 1


@dataclass(frozen=True)
class Answer:
    """The answers of one model to one question: for each choice the texts of its turns.

    The first is choice 0, the one that is judged; it has no turns where it is missing.
    """

    question_id: str
    choices: tuple[tuple[str, ...], ...]


class Judgment(msgspec.Struct, frozen=True, gc=False):
    """The labels of the games of one question; None is a game without a verdict or not played.

    `grades`: the numbers that were given to a single answer in place of labels. `settings`: for
    each game the JSON of how the judge was asked, empty where it is not told or not played.
    """

    question_id: str
    model: str
    judge: str
    baseline: str | None
    labels: tuple[str | None, ...]
    settings: tuple[bytes, ...] = ()
    grades: tuple[float, ...] = ()


class _Text(msgspec.Struct):
    content: str


class BattleLine(msgspec.Struct):
    """A line of a saved battle file: one weighted battle."""

    question_id: str
    model_a: str
    model_b: str
    winner: str


class QuestionLine(IdLine):
    """What a line of question.jsonl must look like, in either generation."""

    category: str | None = None
    cluster: str | None = None
    subcategory: str | None = None
    turns: list[_Text] | None = None
    prompt: str | None = None
    aspects: str | list[Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.turns and self.prompt is None:
            raise ValueError("no turns (or prompt)")


class _Choice(msgspec.Struct):
    turns: list[_Text]
    index: int | None = None


class _Reply(msgspec.Struct):
    answer: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | _Reply


class AnswerLine(IdLine):
    """What a line of an answer file must look like, in either generation."""

    choices: list[_Choice] | None = None
    messages: list[_Message] | None = None
    conv_metadata: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.choices and self.messages is None:
            raise ValueError("no choices (or messages)")


_Number = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]  # which NaN is not


class _Game(msgspec.Struct, gc=False):
    score: str | _Number | None = None
    settings: msgspec.Raw = msgspec.Raw()


class JudgmentLine(IdLine, gc=False):
    """What a line of a judgment file must look like, in either generation."""

    model: str | None = None
    judge: str | None = None
    baseline: str | None = None
    games: list[_Game | None] = msgspec.field(default_factory=list)
    settings: msgspec.Raw = msgspec.Raw()


def read_objects(path: Path, kind: type[msgspec.Struct], what: str) -> list[dict[str, Any]]:
    """Return the whole records of a file as they are; InputError for one of another kind."""
    return [json.loads(raw) for _, raw, _ in decode_lines(path, kind, what)]


def record_id(record: Mapping[str, Any]) -> str:
    """Return the question id of a whole record of either generation."""
    first = record.get("question_id")
    return str(first if first is not None else record["uid"])


def _read_by_id(
    path: Path,
    kind: type[Line],
    what: str,
    build: Callable[[Line], Record],
    key: Callable[[Record], Hashable],
) -> list[Record]:
    """Return the records of a file, the last of those with one key."""
    lines = decode_at_once(path, kind, what)
    if lines is None:
        lines = [line for _, _, line in decode_lines(path, kind, what)]
    return newest(path, [build(line) for line in lines], key)


def read_questions(bench: Bench) -> list[Question]:
    """Return the questions of a bench in the order of the file; InputError if there are none."""
    path = bench.questions
    if not path.exists():
        raise InputError(f"{path}: no such file; benches here: {known_benches(bench.data_dir)}")
    questions = _read_by_id(path, QuestionLine, "a question", question_of, lambda q: q.id)
    if not questions:
        raise InputError(f"{path}: holds no question")
    return questions


def question_of(line: QuestionLine) -> Question:
    """Return the question of a line."""
    turns = [line.prompt] if line.prompt is not None else [t.content for t in line.turns or []]
    cluster = line.cluster if line.cluster is not None else line.subcategory
    aspects = [line.aspects] if isinstance(line.aspects, str) else line.aspects or []
    return Question(
        id=line.id,
        category=line.category or "",
        cluster=cluster or "",
        turns=tuple(turns),
        aspects=", ".join(map(str, aspects)),
        generation=1 if line.question_id is not None else 2,
    )


def read_answers(path: Path) -> dict[str, Answer]:
    """Return the answers of a file by question id."""
    answers = _read_by_id(path, AnswerLine, "an answer", _answer, lambda a: a.question_id)
    return {answer.question_id: answer for answer in answers}


def _answer(line: AnswerLine) -> Answer:
    if line.messages is not None:
        texts = (_reply_text(m.content) for m in line.messages if m.role == "assistant")
        return Answer(line.id, (tuple(texts),))
    turns = {
        i if choice.index is None else choice.index: tuple(turn.content for turn in choice.turns)
        for i, choice in enumerate(line.choices or [])
    }
    others = (turns[index] for index in sorted(turns) if index != 0)
    return Answer(line.id, (turns.get(0, ()), *others))


def _reply_text(content: str | _Reply) -> str:
    return content if isinstance(content, str) else content.answer or ""


def read_judgments(path: Path, model: str, judge: str) -> list[Judgment]:
    """Return the judgments of a file; `model` and `judge` stand in where a record does not name
    its own.
    """

    def build(line: JudgmentLine) -> Judgment:
        told = bytes(line.settings)
        grades = (_grade(game.score) for game in line.games if game and game.score is not None)
        return Judgment(
            question_id=line.id,
            model=line.model or model,
            judge=line.judge or judge,
            baseline=line.baseline,
            labels=tuple(_label(game.score) if game is not None else None for game in line.games),
            settings=tuple(
                (bytes(g.settings) or told) if g is not None else b"" for g in line.games
            ),
            grades=tuple(grade for grade in grades if grade is not None),
        )

    return _read_by_id(
        path,
        JudgmentLine,
        "a judgment",
        build,
        lambda j: (j.question_id, j.model, j.baseline, j.judge),
    )


_grade = functools.lru_cache(maxsize=1024)(grade_of)


def _label(score: str | float | None) -> str | None:
    return score if isinstance(score, str) else None


# New records
