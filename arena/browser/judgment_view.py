"""One judgment with the texts of its question, answers and games."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from arena.base.errors import InputError
from arena.bench.answer_style import Style
from arena.bench.formats import answer_in_v01
from arena.bench.labels import Label, label_of, outcome, worth
from arena.bench.records import AnswerLine, JudgmentLine, Question
from arena.browser.files.lines import read_line
from arena.browser.index import ListedJudgment
from arena.browser.library import Library


@dataclass(frozen=True)
class Game:
    """One game of a judgment. `cause` is the reason for a missing verdict, as far as recorded.

    `repeats`: its further verdicts, each with a `name`, and without a prompt.
    """

    number: int
    label: Label
    played: bool
    explanation: str
    reasoning: str
    prompt: str
    cause: str
    name: str = ""
    repeats: tuple[Game, ...] = ()

    @classmethod
    def of(cls, number: int, label: Label, record: object, sample: int = 1) -> Game:
        """Return a game of a record in either format. sample: its number if the record has none."""
        fields = record if isinstance(record, dict) else {}
        reply, prompt = fields.get("judgment"), fields.get("user_prompt", fields.get("prompt"))
        if not isinstance(reply, dict):
            reply = {"answer": reply, "thought": fields.get("reasoning")}
        if isinstance(prompt, list):
            messages = (message for message in prompt if isinstance(message, dict))
            prompt = "\n\n".join(f"[{m.get('role')}]\n{m.get('content')}" for m in messages)
        texts = (reply.get("answer"), reply.get("thought"), prompt, fields.get("cause"))
        explanation, reasoning, prompt, cause = (str(text or "") for text in texts)
        further = fields.get("repeats")
        repeats = [one for one in further or () if isinstance(one, dict)]
        choice, sample = fields.get("choice", 0), fields.get("sample", sample)
        return cls(
            number,
            label,
            isinstance(record, dict),
            explanation,
            reasoning,
            prompt,
            cause,
            name=f"choice {choice + 1}, verdict {sample}" if choice else f"verdict {sample}",
            repeats=tuple(
                cls.of(number, label_of(one.get("score")), one, sample)
                for sample, one in enumerate(repeats, 2)
            ),
        )

    @property
    def outcome(self) -> str:
        """The outcome for the model: one of OUTCOMES, GRADE or NO_VERDICT."""
        return outcome(self.label, self.number)

    @property
    def worth(self) -> int | None:
        """The worth to the model, None without a verdict."""
        return worth(self.label, self.number)


@dataclass(frozen=True)
class Side:
    """A model's answer, turn by turn. `missing` is the reason if there is none, and `fault` if its
    record cannot be read. `file_fault`: on all lines of the file that do not count.
    """

    name: str
    turns: tuple[str, ...]
    reasoning: tuple[str, ...]
    style: Style
    missing: str = ""
    fault: str = ""
    file_fault: str = ""


@dataclass(frozen=True)
class JudgmentView:
    """A judgment with its texts, and the same comparison as other judges have judged it."""

    entry: ListedJudgment
    question: Question | None
    games: tuple[Game, ...]
    model: Side
    baseline: Side | None
    others: tuple[ListedJudgment, ...]

    @property
    def expected(self) -> list[Game]:
        """The games that the judge was to play. A vote is a judgment with one game."""
        return [x for x in self.games if x.played or x.number + 1 in self.entry.outcomes]

    def number(self, game: int) -> int:
        """Return the number of a game, or of the only one."""
        return self.expected[0].number if len(self.expected) == 1 else game

    def shown(self, number: int) -> tuple[tuple[str, Side], ...]:
        """Return the sides with their letters, in the order in which game 0 or 1 shows them."""
        if self.baseline is None:
            return (("", self.model),)
        if not self.entry.pairwise:
            return ("", self.model), ("", self.baseline)
        sides = (self.baseline, self.model) if number == 0 else (self.model, self.baseline)
        return tuple(zip("AB", sides, strict=True))


def judgment_view(library: Library, entry: ListedJudgment) -> JudgmentView:
    """Return a judgment with its texts. Raises InputError if its record is gone."""
    others = (
        other.against(entry.baseline)
        for judge in library.judges()
        if judge != entry.judge
        for other in library.judgments(judge, entry.model)
    )
    return JudgmentView(
        entry=entry,
        question=library.questions.get(entry.question),
        games=games_of(entry),
        model=side_of(library, entry.model, entry.question),
        baseline=side_of(library, entry.baseline, entry.question) if entry.baseline else None,
        others=tuple(other for other in others if other.key == entry.key),
    )


def games_of(entry: ListedJudgment) -> tuple[Game, ...]:
    """Return the games of a judgment with their texts. Raises InputError if its record is gone."""
    record = read_line(entry.file, entry.place, JudgmentLine, "a judgment", entry.is_in)
    games = zip_longest(entry.labels, record.get("games") or [])
    return tuple(Game.of(number, *game) for number, game in enumerate(games))


def side_of(library: Library, model: str, question: str) -> Side:
    """Return the answer of a model to a question."""
    path, file_fault = library.answer_file(model), library.answer_fault(model)
    place = library.answers[path].places.get(question)
    if path is None or place is None:
        reason = f"{model} has no answers ({path or 'its file'} does not exist)."
        if path and path.exists():
            reason = f"{model} has no answer to this question ({path})."
        return Side(model, (), (), {}, reason, file_fault=file_fault)
    try:
        line = read_line(path, place, AnswerLine, "an answer", lambda one: one.id == question)
        record = answer_in_v01(line)
    except InputError as error:
        return Side(model, (), (), {}, str(error), str(error), file_fault)
    # Of several choices the first verdict is on the one of index 0, wherever it stands.
    choices = [choice for choice in record.get("choices") or [] if isinstance(choice, dict)]
    first = [choice for choice in choices if choice.get("index", 0) in (0, None)] or choices
    turns = (first[0].get("turns") if first else None) or []
    turns = [turn for turn in turns if isinstance(turn, dict)]
    texts, reasoning = (
        tuple(str(turn.get(key) or "") for turn in turns) for key in ("content", "reasoning")
    )
    style = library.styles[path].counts.get(question, {})
    return Side(model, texts, reasoning, style, file_fault=file_fault)
