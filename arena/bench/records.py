"""The files under data/: questions, answers and judgments of both generations.

Past this module nobody knows which generation a file came from: every reader returns the same kind
of record, and new records get the form of their question's generation here.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import IdLine, Line, Record, decode, decode_at_once, decode_lines, newest
from arena.bench.config import OPTIONAL_SETTINGS
from arena.bench.paths import Bench, known_benches
from arena.bench.verdict import grade_of

# Reading


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


class Style(msgspec.Struct, frozen=True, gc=False):
    """What is known of an answer's form: tokens, and the counts of its markdown."""

    question_id: str
    tokens: int | None = None
    headers: int | None = None
    lists: int | None = None
    bold: int | None = None


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


class _Metadata(msgspec.Struct, gc=False):
    token_len: float | None = None
    header_count: dict[str, int] | None = None
    list_count: dict[str, int] | None = None
    bold_count: dict[str, int] | None = None


class _OldTurn(msgspec.Struct):
    token_len: float | None = None


class _OldChoice(msgspec.Struct):
    turns: list[_OldTurn] = []


class _StyleLine(IdLine, gc=False):
    conv_metadata: _Metadata | None = None
    metadata: _Metadata | None = None


class _OldStyleLine(msgspec.Struct):
    choices: list[_OldChoice] = []


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


def differing_setting(made: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return a setting that two records tell differently, None if there is none.

    Only what both tell is compared; of OPTIONAL_SETTINGS, one that is not told is null.
    """
    both = [key for key in other if key in made]
    for key in (*both, *OPTIONAL_SETTINGS):
        if made.get(key) != other.get(key):
            return key
    return None


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


def read_styles(path: Path) -> dict[str, Style]:
    """Return tokens and markdown counts of the answers of a file by question id; texts are not
    decoded.
    """
    lines = decode_at_once(path, _StyleLine, "an answer")
    styles = {line.id: _style(line) for line in lines or ()}
    if lines is not None and all(style.tokens is not None for style in styles.values()):
        return styles
    return _read_styles_with_care(path)


def _read_styles_with_care(path: Path) -> dict[str, Style]:
    """Return what `read_styles` does; where an answer has no metadata, the tokens of its turn."""
    decoder = msgspec.json.Decoder(_OldStyleLine)
    styles: dict[str, Style] = {}
    for number, raw, line in decode_lines(path, _StyleLine, "an answer"):
        try:
            style = _style(line)
            if style.tokens is None and b'"token_len"' in raw:
                style = Style(line.id, _old_tokens(decode(raw, decoder, _OldStyleLine)))
        except ValueError as error:
            raise InputError(f"{path}:{number}: not an answer: {error}") from None
        styles[style.question_id] = style
    return styles


def _style(line: _StyleLine) -> Style:
    data = line.conv_metadata or line.metadata
    if data is None or data.token_len is None:
        return Style(line.id)
    if not math.isfinite(data.token_len):
        raise ValueError("token_len: not a number")
    return Style(
        line.id,
        int(data.token_len),
        _total(data.header_count),
        _total(data.list_count),
        _total(data.bold_count),
    )


def _total(count: Mapping[str, int] | None) -> int | None:
    return sum(count.values()) if count is not None else None


def _old_tokens(line: _OldStyleLine) -> int | None:
    lengths = [turn.token_len for choice in line.choices[:1] for turn in choice.turns]
    return int(lengths[0]) if lengths and lengths[0] is not None else None


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


def in_generation_1(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's record in the form of generation 1, whichever it has."""
    if answer.get("messages") is None:
        return answer
    names = {"uid": "question_id", "ans_id": "answer_id", "model": "model_id"}
    record = {
        names.get(key, key): value
        for key, value in answer.items()
        if key not in ("messages", "metadata")
    }
    contents = [m["content"] for m in answer["messages"] if m["role"] == "assistant"]
    turns = [
        {"content": content}
        if isinstance(content, str)
        else _renamed(content, {"answer": "content", "thought": "reasoning"})
        | {"content": content.get("answer") or ""}
        for content in contents
    ]
    metadata = {"conv_metadata": answer["metadata"]} if answer.get("metadata") else {}
    return record | {"choices": [{"index": 0, "turns": turns}]} | metadata


def in_generation_of(question: Question, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's record, which has the form of generation 1, in its question's; only
    choice 0 has a place in generation 2.
    """
    if question.generation == 1:
        return answer
    messages: list[dict[str, Any]] = []
    for text, turn in zip(question.turns, answer["choices"][0]["turns"], strict=False):
        reply = _renamed(turn, {"content": "answer", "reasoning": "thought"})
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": reply})
    names = {"question_id": "uid", "answer_id": "ans_id", "model_id": "model"}
    names |= {"choices": "messages", "conv_metadata": "metadata"}
    return _renamed(answer | {"choices": messages}, names)


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in values.items()}


def new_judgment(
    question: Question, model: str, judge: str, baseline: str | None
) -> dict[str, Any]:
    """Return the record of a judgment without its games, in the generation of its question."""
    known = {"judge": judge, "model": model} | ({"baseline": baseline} if baseline else {})
    if question.generation == 2:
        return {"uid": question.id, "category": question.category, **known}
    return {"question_id": question.id, **known}


def new_game(
    question: Question, messages: Sequence[Mapping[str, str]], text: str, reasoning: str | None
) -> dict[str, Any]:
    """Return the prompt and the reply of a game as its question's generation writes them."""
    if question.generation == 2:
        thought = {"thought": reasoning} if reasoning is not None else {}
        return {"prompt": list(messages), "judgment": {"answer": text, **thought}}
    known = {"reasoning": reasoning} if reasoning is not None else {}
    return {"user_prompt": messages[-1]["content"], "judgment": text, **known}
