"""Questions, answers and judgments as typed records, and the baseline of a judgment.

The files of both formats, v0.1 and v2.0, are read into the same records. A v0.1 record has a
`question_id`, a v2.0 record a `uid`.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
import statistics
import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import structs

from arena.base.errors import InputError
from arena.base.jsonl import decode_lines, is_json, loads, newest, read_bytes, read_lines
from arena.bench.config import JudgeConfig
from arena.bench.conversation import Turn, WrittenTurn, split_turns, with_given
from arena.bench.labels import Label, grades_of
from arena.bench.paths import Bench, judge_names, known_benches, model_names

Item = TypeVar("Item")
Format = Literal["v0.1", "v2.0"]
Finite = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]  # refuses NaN, which ends no comparison


class IdLine(msgspec.Struct):
    """The fields that identify a line of any file."""

    question_id: str | int | None = None
    uid: str | int | None = None

    def __post_init__(self) -> None:
        if self.question_id is None and self.uid is None:
            raise ValueError("no question_id (or uid)")

    @property
    def written_id(self) -> str | int:
        """The question's id in either format, a number if the file has one."""
        return self.question_id if self.question_id is not None else self.uid or 0

    @property
    def id(self) -> str:
        """The question's id as a text: the number 721 and the text "721" are the same id."""
        return str(self.question_id if self.question_id is not None else self.uid)


class KeyLine(IdLine, gc=False):
    """The fields that identify a record within its file."""

    model: str | None = None
    judge: str | None = None
    baseline: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Question, baseline, model and judge of a judgment, or the question alone of an answer."""
        model = self.model if self.judge is not None else None
        return self.id, self.baseline or "", model or "", self.judge or ""


class Question(msgspec.Struct, frozen=True, gc=False):
    """A prompt of one or more user turns. Its answers and judgments are written in its format.

    number: the id if it is a number in the file of questions.
    given: the start of the conversation, to which no model replies.
    """

    id: str
    category: str
    cluster: str
    turns: tuple[str, ...]
    aspects: str = ""
    format: Format = "v0.1"
    number: int | None = None
    given: tuple[Turn, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The turns as judges and readers see them, with the given ones before the first."""
        return with_given(self.given, self.turns)

    @property
    def written_id(self) -> str | int:
        """The id as the file of questions has it, for new records."""
        return self.id if self.number is None else self.number


class _Text(msgspec.Struct, gc=False):
    content: str


Name = str | int | float | None


class QuestionLine(IdLine, gc=False):
    """A line of question.jsonl in either format."""

    category: Name = None
    cluster: Name = None
    subcategory: Name = None
    turns: list[WrittenTurn] | None = None
    prompt: str | None = None
    aspects: str | list[Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.turns and self.prompt is None:
            raise ValueError("no turns (or prompt)")
        split_turns(self.turns or [])

    def question(self) -> Question:
        """Return the question of the line."""
        written = self.turns or [] if self.prompt is None else [WrittenTurn(self.prompt)]
        given, turns = split_turns(written)
        cluster = self.cluster if self.cluster is not None else self.subcategory
        names = [self.aspects] if isinstance(self.aspects, str) else self.aspects or []
        aspects = ", ".join(map(str, names))
        form: Format = "v0.1" if self.question_id is not None else "v2.0"
        # Thousands of questions share few names.
        texts = ("" if name is None else str(name) for name in (self.category, cluster))
        category, cluster = map(sys.intern, texts)
        number = self.written_id if isinstance(self.written_id, int) else None
        return Question(self.id, category, cluster, tuple(turns), aspects, form, number, given)


def read_questions(bench: Bench) -> list[Question]:
    """Return the questions of a bench in the order of the file. Raises InputError for none."""
    path = bench.questions
    if not path.exists():
        raise InputError(f"{path}: no such file. {known_benches(bench.data_dir)}")
    lines = newest(path, read_lines(path, QuestionLine, "a question"), lambda line: line.id)
    if not lines:
        raise InputError(f"{path}: no questions")
    return [line.question() for line in lines]


def draw_evenly(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """Return some questions in their order: as many of each category as of the others, and within
    it of each cluster. A smaller draw is a part of a larger one, so that a run can grow.
    """
    clusters: dict[str, dict[str, list[Question]]] = {}
    for question in questions:
        category = clusters.setdefault(question.category, {})
        category.setdefault(question.cluster, []).append(question)
    turns = interleaved(interleaved(category.values()) for category in clusters.values())
    ids = {question.id for question in turns[:limit]}
    return [question for question in questions if question.id in ids]


def interleaved(lists: Iterable[Sequence[Item]]) -> list[Item]:
    """Return the first of each list, then the second of each, and so on."""
    rounds = itertools.zip_longest(*lists)
    return [item for each in rounds for item in each if item is not None]


ERROR_TEXT = "$ERROR$"  # the program of v0.1 stored it in place of an answer if a call failed


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answers of one model to one question: for each choice the texts of its turns.

    The first is choice 0, without which none is judged. It has no turns if it is missing.
    """

    choices: tuple[tuple[str, ...], ...]

    def is_complete(self, turns: int) -> bool:
        """Whether choice 0 answers so many turns, without a failed call among them."""
        return len(self.choices[0]) >= turns and ERROR_TEXT not in self.choices[0]


class _Choice(msgspec.Struct, gc=False):
    turns: list[_Text]
    index: int | None = None
    settings: msgspec.Raw = msgspec.Raw()


class _Reply(msgspec.Struct):
    answer: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | _Reply


class _Object(msgspec.Struct, gc=False):
    """Any object. Its fields are not read."""


class AnswerLine(IdLine, gc=False):
    """A line of an answer file in either format."""

    choices: list[_Choice] | None = None
    messages: list[_Message] | None = None
    settings: msgspec.Raw = msgspec.Raw()
    conv_metadata: _Object | None = None
    metadata: _Object | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.choices and self.messages is None:
            raise ValueError("no choices (or messages)")

    def answer(self) -> Answer:
        """Return the answer of the line."""
        if self.messages is not None:
            replies = (m.content for m in self.messages if m.role == "assistant")
            texts = (reply if isinstance(reply, str) else reply.answer or "" for reply in replies)
            return Answer((tuple(texts),))
        turns = {}
        for i, choice in enumerate(self.choices or []):
            index = i if choice.index is None else choice.index
            turns[index] = tuple(turn.content for turn in choice.turns)
        others = (turns[index] for index in sorted(turns) if index != 0)
        return Answer((turns.get(0, ()), *others))


def read_answers(path: Path) -> dict[str, Answer]:
    """Return the answers of a file by question id. Not all lines are in memory at once."""
    lines = decode_lines(path, AnswerLine, "an answer")
    answers = ((line.id, line.answer()) for _, _, line in lines)
    return dict(newest(path, answers, operator.itemgetter(0)))


class Judgment(msgspec.Struct, frozen=True, gc=False):
    """The verdicts of one judge on the games of a model on one question.

    baseline: None if the record names none.
    labels: the first label or grade of each game as in the file, None without a verdict.
    causes: the reason of each game without a verdict, None if the file gives none.
    settings: the judge's settings in each game as JSON, empty if the file gives none, then those of
    the repeats.
    grades: the grades of the games, as numbers, of repeats their mean.
    rule, members: of an ensemble, the latter if the record names them.
    planted: the sides, "model" or "baseline", whose answer has a label or imitates the prompt.
    verdicts: all labels or grades of each game, the first before those of its repeats.
    """

    question_id: str
    model: str
    judge: str
    baseline: str | None
    labels: tuple[Label, ...]
    causes: tuple[str | None, ...] = ()
    settings: tuple[bytes, ...] = ()
    grades: tuple[float, ...] = ()
    rule: str | None = None
    members: tuple[str, ...] = ()
    planted: tuple[str, ...] = ()
    verdicts: tuple[tuple[Label, ...], ...] = ()


NOT_PLAYED = "not played"  # the cause of a game that is null in the file


class _Game(msgspec.Struct, gc=False):
    score: str | Finite | None = None
    cause: str | None = None
    scores: Any = None
    settings: msgspec.Raw = msgspec.Raw()
    repeats: list[_Game] | None = None


class JudgmentLine(KeyLine, gc=False):
    """A line of a judgment file in either format."""

    rule: str | None = None
    judges: Any = None
    planted: Any = None
    games: list[_Game | None] = msgspec.field(default_factory=list)
    settings: msgspec.Raw = msgspec.Raw()

    def members(self) -> tuple[str, ...]:
        """Return the judges that an ensemble's judgment names, each once."""
        judges = self.judges if isinstance(self.judges, list) else []
        scores = (g.scores for g in self.games if g is not None and isinstance(g.scores, dict))
        names = dict.fromkeys([*judges, *(judge for game in scores for judge in game)])
        return tuple(name for name in names if isinstance(name, str))

    def planted_sides(self) -> tuple[str, ...]:
        """Return the sides whose answer has something planted."""
        sides = self.planted if isinstance(self.planted, list) else []
        return tuple(side for side in ("model", "baseline") if side in sides)

    def judgment(self, model: str, judge: str) -> Judgment:
        """Return the judgment. A line without a model or judge gets the given one."""
        games = [[game, *(game.repeats or ())] if game else [] for game in self.games]
        verdicts = tuple(tuple([verdict.score for verdict in game]) for game in games)
        grades = filter(None, map(grades_of, verdicts))
        made = [game[0] if game else None for game in games]
        made += [repeat for game in games for repeat in game[1:]]
        shared = bytes(self.settings)
        return Judgment(
            question_id=self.id,
            model=self.model or model,
            judge=self.judge or judge,
            baseline=self.baseline,
            labels=tuple(game[0] if game else None for game in verdicts),
            causes=tuple(game.cause if game else NOT_PLAYED for game in self.games),
            settings=tuple(bytes(one.settings) or shared if one else b"" for one in made),
            grades=tuple(of[0] if len(of) == 1 else statistics.fmean(of) for of in grades),
            rule=self.rule,
            members=self.members(),
            planted=self.planted_sides(),
            verdicts=verdicts,
        )


def read_judgments(path: Path, model: str, judge: str) -> list[Judgment]:
    """Return the judgments of a file. A record without a model or judge gets the given one."""
    kinds, judgments = _kinds(path, model, judge)
    return [structs.replace(kinds[kind], question_id=question) for kind, question in judgments]


def read_judgments_by_kind(path: Path, model: str, judge: str) -> list[tuple[Judgment, list[str]]]:
    """Return the first of the judgments that differ in nothing but their question, with the
    questions of all, in the order of the file. A file of many judgments has few kinds.
    """
    kinds, judgments = _kinds(path, model, judge)
    questions: list[list[str]] = [[] for _ in kinds]
    for kind, question in judgments:
        questions[kind].append(question)
    return list(zip(kinds, questions, strict=True))


def _kinds(path: Path, model: str, judge: str) -> tuple[list[Judgment], list[tuple[int, str]]]:
    """Return the first judgment of each kind, and the kind and question of all judgments."""
    numbers, kinds, judgments = dict[Hashable, int](), list[Judgment](), list[tuple[int, str]]()
    lines = read_lines(path, JudgmentLine, "a judgment")
    if len({line.id for line in lines}) < len(lines):
        lines = newest(
            path, lines, lambda j: (j.id, j.model or model, j.baseline, j.judge or judge)
        )
    for line in lines:
        names = line.model, line.judge, line.baseline, line.rule, bytes(line.settings)
        games = tuple([g and (g.score, g.cause, bytes(g.settings)) for g in line.games])
        rare = [line.judges, line.planted, *[g.scores or g.repeats for g in line.games if g]]
        key = names, games, repr(rare) if any(rare) else ""
        number = numbers.setdefault(key, len(kinds))
        if number == len(kinds):
            kinds.append(line.judgment(model, judge))
        judgments.append((number, line.id))
    return kinds, judgments


@dataclass(frozen=True)
class BaselineRule:
    """The baseline of judgments that name none.

    by_category: the baseline of some categories, None if it is not known there.
    default: the baseline of all other categories.
    """

    by_category: Mapping[str, str | None]
    default: str | None

    def of(self, baseline: str | None, category: str) -> str | None:
        """Return the baseline that a record names, or else the rule's, None if it is not known."""
        return baseline or self.by_category.get(category, self.default)


def baseline_rule(
    bench: Bench, config: JudgeConfig | None, baselines: Sequence[str] = ()
) -> BaselineRule:
    """Return the baseline of judgments that name none: the first of `baselines`, else the config's.

    A baseline of the config counts only if it has answers or judgments in the bench, or a judgment
    names it: a config of another bench must not turn its games into battles against a model that
    never played.
    """
    if baselines or config is None:
        return BaselineRule({}, next(iter(baselines), None))
    folders = [bench.answers, *map(bench.judgments, judge_names(bench))]
    models = {model for folder in folders for model in model_names(folder)}
    folder = bench.folder / "model_judgment"
    judgment_files = [folder / f"{name}.jsonl" for name in model_names(folder)]

    @functools.cache
    def named() -> set[object]:
        # Files are searched, not decoded: a bench has tens of thousands of judgments.
        pattern = re.compile(rb'"baseline"\s*:\s*("(?:[^"\\\n]|\\.)*")')
        texts = (pattern.findall(read_bytes(path, "judgments")) for path in judgment_files)
        return {loads(text) for text in set(itertools.chain.from_iterable(texts)) if is_json(text)}

    def first_there(names: Sequence[str]) -> str | None:
        return next((name for name in names if name in models or name in named()), None)

    by_category = {c: first_there(rules.baselines) for c, rules in config.categories.items()}
    return BaselineRule(by_category, first_there(config.rules.baselines))
