"""What the browser shows, as data: an index of a bench's battles, filters, search, single battles.

A battle is a judgment with its games, identified by question, model, judge and baseline. Files are
indexed when they are first needed, and again when they have changed; texts stay in their files
until they are shown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from benches import Bench, judge_names, model_names
from console import InputError
from indexing import (
    FileCache,
    Place,
    Texts,
    answer_places,
    answer_texts,
    indexed_lines,
    judgment_texts,
    read_line,
    stamp_of,
    styles_of,
)
from judges import Agreement, JudgeStats, Label, agreement, is_grade, judge_stats, winners
from records import AnswerLine, JudgmentLine, Question, Style, in_generation_1, read_questions
from sections import nearest
from settings import JudgeConfig
from verdict import Winner, grade_of, normal_label, outcome

if TYPE_CHECKING:
    from battles import Battles, Selection
    from grades import Grades
    from leaderboard import Board

Value = TypeVar("Value")

NO_VERDICT, GRADE = "no verdict", "grade"
OUTCOMES = {
    (Winner.MODEL, True): "strong win",
    (Winner.MODEL, False): "win",
    (Winner.TIE, False): "tie",
    (Winner.BASELINE, False): "loss",
    (Winner.BASELINE, True): "strong loss",
}
GAMES_DISAGREE, JUDGES_DISAGREE = "games disagree", "judges disagree"
SHOWN = (*OUTCOMES.values(), NO_VERDICT, GAMES_DISAGREE, JUDGES_DISAGREE)
LONGEST, SHORTEST = "longest answers first", "shortest answers first"
_POINTS = {Winner.MODEL: 1, Winner.TIE: 0, Winner.BASELINE: -1}


class Battle(msgspec.Struct, frozen=True, gc=False):
    """What the index knows of a judgment.

    `named`: the record itself names the baseline. Without `pairwise` the model's answer was graded
    alone, and the baseline may be "".
    """

    question: str
    model: str
    judge: str
    baseline: str
    file: Path
    named: bool
    pairwise: bool
    labels: tuple[Label, ...]
    place: Place

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a battle from others of its judge."""
        return self.question, self.model, self.baseline


def _label(score: Label) -> Label:
    """Return a game's label, or its grade as a number."""
    grade = grade_of(score)
    return score if grade is None else grade


# Verdicts


@functools.lru_cache(4096)
def outcomes(labels: tuple[Label, ...]) -> tuple[str, ...]:
    """Return what came out of each game, seen from the model."""
    return tuple(_outcome(label, game) for game, label in enumerate(labels)) or (NO_VERDICT,)


def _outcome(label: Label, game: int) -> str:
    if is_grade(label):
        return GRADE
    if not isinstance(label, str) or normal_label(label) is None or game > 1:
        return NO_VERDICT
    return OUTCOMES[outcome(label, game)]


def games_disagree(labels: tuple[Label, ...]) -> bool:
    """Whether both games have a verdict and name different winners."""
    won = winners(labels[:2])
    return len(won) == 2 and None not in won and won[0] is not won[1]


def tendency(labels: tuple[Label, ...]) -> int | None:
    """Return whom a judgment favours: 1 the model, -1 the baseline, 0 neither; None if nobody
    knows.
    """
    won = [_POINTS[who] for who in winners(labels[:2]) if who is not None]
    return (sum(won) > 0) - (sum(won) < 0) if won else None


# Filters


@dataclass(frozen=True)
class Filters:
    """Which battles are listed, and in which order; an empty text is no filter.

    `category` is a category or a cluster, `show` one of SHOWN, `order` LONGEST or SHORTEST, `text`
    what prompt, answers or judge must say.
    """

    judge: str = ""
    model: str = ""
    baseline: str = ""
    category: str = ""
    show: str = ""
    order: str = ""
    text: str = ""


@dataclass
class Library:
    """A bench as it is on the disk; `baseline` stands in where a record names none."""

    bench: Bench
    baseline: str = ""
    _rows: FileCache[list[Battle]] = field(init=False, repr=False)
    _places: FileCache[dict[str, Place]] = field(init=False, repr=False)
    _styles: FileCache[dict[str, Style]] = field(init=False, repr=False)
    _answer_texts: FileCache[Texts] = field(init=False, repr=False)
    _judgment_texts: FileCache[Texts] = field(init=False, repr=False)
    _questions: FileCache[dict[str, Question]] = field(init=False, repr=False)
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Set up the caches; nothing is read yet."""
        nothing = Texts(())
        self._rows = FileCache(self._read_judgments, [])
        self._places = FileCache(answer_places, {})
        self._styles = FileCache(styles_of, {})
        self._answer_texts = FileCache(answer_texts, nothing)
        self._judgment_texts = FileCache(judgment_texts, nothing)
        self._questions = FileCache(lambda _: {q.id: q for q in read_questions(self.bench)}, {})

    # What there is

    @property
    def questions(self) -> Mapping[str, Question]:
        """The questions by id, in the order of the file; none without a file."""
        return self._questions[self.bench.questions]

    def judges(self) -> list[str]:
        """Return the judges that have judgments of this bench."""
        return judge_names(self.bench)

    def models(self, judge: str) -> list[str]:
        """Return the models that a judge has judged."""
        return model_names(self.bench.judgments(judge)) if judge else []

    def categories(self) -> list[str]:
        """Return the categories, where there is more than one, and the clusters."""
        categories = sorted({q.category for q in self.questions.values() if q.category})
        clusters = sorted({q.cluster for q in self.questions.values() if q.cluster})
        names = [*(categories if len(categories) > 1 else ()), *clusters]
        return list(dict.fromkeys(names))

    def battles(self, judge: str, model: str = "") -> Iterator[Battle]:
        """Yield the battles of a judge, of one model or of all."""
        for name in [model] if model else self.models(judge):
            yield from self._rows[self.bench.judgment_file(judge, name)]

    def baselines(self, judge: str, model: str = "") -> list[str]:
        """Return the baselines of a judge's battles, the most frequent first."""
        return list(_by_number(battle.baseline for battle in self.battles(judge, model)))

    def _read_judgments(self, path: Path) -> list[Battle]:
        judge, model = self._names_of(path)
        rows: dict[tuple[str, str, str], Battle] = {}
        for place, line in indexed_lines(path, JudgmentLine, "a judgment"):
            labels = tuple(None if game is None else _label(game.score) for game in line.games)
            pairwise = not any(map(is_grade, labels)) and b'"pairwise"' not in bytes(line.settings)
            battle = Battle(
                question=line.id,
                model=line.model or model,
                judge=judge,
                baseline=line.baseline or (self.baseline if pairwise else ""),
                file=path,
                named=line.baseline is not None,
                pairwise=pairwise,
                labels=labels,
                place=place,
            )
            rows[battle.key] = battle
        return list(rows.values())

    def _names_of(self, path: Path) -> tuple[str, str]:
        name = path.relative_to(self.bench.folder / "model_judgment").as_posix()
        judge = max((j for j in self.judges() if name.startswith(f"{j}/")), key=len)
        return judge, name.removeprefix(f"{judge}/").removesuffix(".jsonl")

    # Which battles

    def found(self, filters: Filters) -> Sequence[Battle]:
        """Return the battles that the filters let through, in their order.

        The default order is that of the questions, and of the models within each.
        """
        judges = self.judges() if filters.show == JUDGES_DISAGREE else [filters.judge]
        key = filters, self._stamp(judges, filters.model)
        return self._keep("found", key, lambda: self._find(filters))

    def _stamp(self, judges: Iterable[str], model: str = "") -> Hashable:
        """Return what changes with the judgments of some judges, and with the questions."""
        files = (
            self.bench.judgment_file(judge, name)
            for judge in judges
            for name in ([model] if model else self.models(judge))
        )
        return tuple(map(stamp_of, files)), stamp_of(self.bench.questions)

    def _keep(self, what: str, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the result of the last call with this key, or make it."""
        kept = self._kept.get(what)
        if kept is None or kept[0] != key:
            kept = self._kept[what] = key, make()
        value: Value = kept[1]
        return value

    def _find(self, filters: Filters) -> Sequence[Battle]:
        rank = {question: i for i, question in enumerate(self.questions)}
        battles = [
            battle
            for battle in self.battles(filters.judge, filters.model)
            if filters.baseline in ("", battle.baseline)
        ]
        for test in self._tests(filters):
            battles = [battle for battle in battles if test(battle)]
        battles.sort(key=lambda b: (rank.get(b.question, len(rank)), b.question, b.model))
        if filters.order in (LONGEST, SHORTEST):
            known = [(self.style(b.model, b.question).tokens, b) for b in battles]
            sign = -1 if filters.order == LONGEST else 1
            known.sort(key=lambda pair: (pair[0] is None, sign * (pair[0] or 0)))
            battles = [battle for _, battle in known]
        return battles

    def _tests(self, filters: Filters) -> Iterator[Callable[[Battle], bool]]:
        """Yield what a battle must pass."""
        show, category = filters.show, filters.category
        if category:
            wanted = {q.id for q in self.questions.values() if category in (q.category, q.cluster)}
            yield lambda battle: battle.question in wanted
        if show == GAMES_DISAGREE:
            yield lambda battle: games_disagree(battle.labels)
        elif show == JUDGES_DISAGREE:
            disputed = self._disputed(filters.model)
            yield lambda battle: battle.key in disputed
        elif show:
            yield lambda battle: show in outcomes(battle.labels)
        if filters.text.strip():
            yield self._holds(filters.text.strip())

    def _disputed(self, model: str) -> set[tuple[str, str, str]]:
        """Return the keys of battles in which one judge favours another side than a second."""
        seen: dict[tuple[str, str, str], set[int]] = {}
        for judge in self.judges():
            for battle in self.battles(judge, model):
                favoured = tendency(battle.labels)
                if favoured is not None:
                    seen.setdefault(battle.key, set()).add(favoured)
        return {key for key, favoured in seen.items() if len(favoured) > 1}

    def _holds(self, text: str) -> Callable[[Battle], bool]:
        """Return the test whether prompt, answers or judge say a text, whatever its case."""
        low = text.casefold()
        asked = {
            q.id for q in self.questions.values() if any(low in turn.casefold() for turn in q.turns)
        }

        @functools.cache
        def answered(model: str) -> set[str]:
            return self._answer_texts[self._answer_file(model)].holding(text)

        @functools.cache
        def judged(file: Path) -> set[str]:
            return self._judgment_texts[file].holding(text)

        def test(battle: Battle) -> bool:
            return (
                battle.question in asked
                or battle.question in answered(battle.model)
                or battle.question in answered(battle.baseline)
                or str(battle.place.offset) in judged(battle.file)
            )

        return test

    # One battle

    def style(self, model: str, question: str) -> Style:
        """Return tokens and markdown counts of an answer, as far as they are known."""
        return self._styles[self._answer_file(model)].get(question, Style(question))

    def _answer_file(self, model: str) -> Path | None:
        """Return the file of a model's answers; None for a name that no file can have."""
        try:
            return self.bench.answer_file(model)
        except InputError:
            return None

    def view(self, battle: Battle) -> BattleView:
        """Return all that is shown of a battle; InputError if its record is gone."""
        record = read_line(battle.file, battle.place, JudgmentLine, "a judgment")
        games = tuple(
            _game(number, label, game)
            for number, (label, game) in enumerate(zip(battle.labels, _games(record), strict=True))
        )
        return BattleView(
            battle=battle,
            question=self.questions.get(battle.question),
            games=games,
            model=self._side(battle.model, battle.question),
            baseline=self._side(battle.baseline, battle.question) if battle.baseline else None,
            others=tuple(self._other_verdicts(battle)),
        )

    def _side(self, model: str, question: str) -> Side:
        path = self._answer_file(model)
        place = self._places[path].get(question)
        if path is None or place is None:
            there = path is not None and path.exists()
            lacking = "does not answer this question" if there else "does not exist"
            return Side(model, (), (), Style(question), f"{path or 'Its file'} {lacking}.")
        record = in_generation_1(read_line(path, place, AnswerLine, "an answer"))
        turns = _first_choice(record)
        return Side(
            model,
            tuple(str(turn.get("content") or "") for turn in turns),
            tuple(str(turn.get("reasoning") or "") for turn in turns),
            self.style(model, question),
        )

    def _other_verdicts(self, battle: Battle) -> Iterator[Battle]:
        """Yield the same battle as other judges have judged it."""
        own = self.bench.judgments(battle.judge)
        for judge in self.judges():
            if judge != battle.judge:
                others = self._rows[self.bench.judgments(judge) / battle.file.relative_to(own)]
                yield from (other for other in others if other.key == battle.key)

    # Boards

    def boards(
        self, judge: str, category: str, control: Sequence[str], baseline: str = ""
    ) -> list[tuple[Board, list[str]]]:
        """Return the boards of show_result.py with the lines below each, the overall one first.

        Without a baseline the most frequent one scores 50. Raises InputError with the reason where
        there is no board.
        """
        key = judge, category, tuple(sorted(control)), baseline, self._stamp([judge])
        return self._keep("boards", key, lambda: self._boards(*key[:4]))

    def _boards(
        self, judge: str, category: str, control: tuple[str, ...], baseline: str
    ) -> list[tuple[Board, list[str]]]:
        from battles import bench_questions, read_selections
        from leaderboard import overall_board, why_no_overall
        from report import summary_lines

        questions = bench_questions(self.bench, needed=bool(category))
        modern = [question for question in questions if question.generation == 2]
        names = dict.fromkeys(q.category for q in questions) if modern else {}
        selections = [
            self._selection(
                judge, name, baseline, any(name in ("", q.category, q.cluster) for q in modern)
            )
            for name in ([category] if category else names if any(names) else [""])
        ]
        read = read_selections(selections, questions, pass_over_unjudged=not category)
        boards = [_board(selection, found, control) for selection, found in read]
        if len(boards) > 1 and not why_no_overall(boards):
            boards.insert(0, overall_board(boards))
        return [(board, list(summary_lines(board))) for board in boards]

    def _selection(self, judge: str, category: str, baseline: str, modern: bool) -> Selection:
        """Return what makes a board; the method v2.0 knows one baseline."""
        from battles import Selection

        listed = self.found(Filters(judge=judge, category=category))
        baselines = list(_by_number(battle.baseline for battle in listed if battle.pairwise))
        if baseline or modern:
            baselines = [baseline] if baseline else baselines[:1]
        return Selection(
            bench=self.bench,
            judges=(judge,),
            baselines=tuple(baselines),
            categories=(category,) if category else (),
            mixed="leave-out",
            method="v2.0" if modern else "bradley-terry",
        )

    def judge_numbers(self) -> JudgeNumbers:
        """Return the statistics of all judges, and the agreement of each two."""
        judges = self.judges()
        return self._keep("judges", self._stamp(judges), lambda: self._judge_numbers(judges))

    def _judge_numbers(self, judges: Sequence[str]) -> JudgeNumbers:
        labels: dict[str, dict[Hashable, tuple[Label, ...]]] = {
            judge: {battle.key: battle.labels for battle in self.battles(judge)} for judge in judges
        }
        return (
            {judge: judge_stats(labels[judge].values()) for judge in judges},
            {pair: agreement(*(labels[j] for j in pair)) for pair in combinations(judges, 2)},
        )


JudgeNumbers = tuple[dict[str, JudgeStats], dict[tuple[str, str], Agreement]]


def _board(selection: Selection, found: Battles | Grades, control: tuple[str, ...]) -> Board:
    from grades import Grades
    from leaderboard import Method, grade_board, make_board, score

    stream = ", ".join(selection.categories)
    if isinstance(found, Grades):
        method = Method(name="grade", resample="question", stream=stream)
        return grade_board(found, selection, method)
    method = Method(control=control, name=selection.method, stream=stream)
    return make_board(score(found, selection.bench, method), selection, method)


def _by_number(names: Iterable[str]) -> dict[str, int]:
    """Return names and how often they occur, the most frequent first."""
    numbers: dict[str, int] = {}
    for name in names:
        numbers[name] = numbers.get(name, 0) + 1
    return dict(sorted(numbers.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Game:
    """One game as it is shown; `cause` tells why it has no verdict, where that is known."""

    number: int
    label: Label
    outcome: str
    played: bool
    explanation: str
    reasoning: str
    prompt: str
    cause: str


@dataclass(frozen=True)
class Side:
    """A model's answer, turn by turn; `missing` says why there is none."""

    name: str
    turns: tuple[str, ...]
    reasoning: tuple[str, ...]
    style: Style
    missing: str = ""


@dataclass(frozen=True)
class BattleView:
    """A battle with its texts."""

    battle: Battle
    question: Question | None
    games: tuple[Game, ...]
    model: Side
    baseline: Side | None
    others: tuple[Battle, ...]

    def shown(self, number: int) -> tuple[tuple[str, Side], ...]:
        """Return the sides with their letters, in the order in which game 0 or 1 shows them."""
        if self.baseline is None:
            return (("", self.model),)
        if not self.battle.pairwise:
            return ("", self.model), ("", self.baseline)
        sides = (self.baseline, self.model) if number == 0 else (self.model, self.baseline)
        return tuple(zip("AB", sides, strict=True))


def _games(record: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    return [game if isinstance(game, dict) else None for game in record.get("games") or []]


def _game(number: int, label: Label, record: Mapping[str, Any] | None) -> Game:
    """Return a game of either generation."""
    known: Mapping[str, Any] = record or {}
    said, asked = known.get("judgment"), known.get("user_prompt", known.get("prompt"))
    reply = said if isinstance(said, dict) else {"answer": said, "thought": known.get("reasoning")}
    return Game(
        number=number,
        label=label,
        outcome=_outcome(label, number),
        played=record is not None,
        explanation=str(reply.get("answer") or ""),
        reasoning=str(reply.get("thought") or ""),
        prompt=_prompt(asked),
        cause=str(known.get("cause") or ""),
    )


def _prompt(asked: Any) -> str:
    if isinstance(asked, list):
        messages = (message for message in asked if isinstance(message, dict))
        return "\n\n".join(f"[{m.get('role')}]\n{m.get('content')}" for m in messages)
    return str(asked or "")


def _first_choice(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of choice 0 of an answer in the form of generation 1."""
    choices = [choice for choice in record.get("choices") or [] if isinstance(choice, dict)]
    first = [choice for choice in choices if choice.get("index", 0) in (0, None)] or choices
    return (
        [turn for turn in (first[0].get("turns") or []) if isinstance(turn, dict)] if first else []
    )


# Which bench, judge and baseline


@dataclass(frozen=True)
class Chosen:
    """What the browser opens with, and what it says about that."""

    library: Library
    judge: str
    remarks: tuple[str, ...]


def choose(
    data_dir: Path,
    bench_name: str | None,
    judge: str | None,
    baseline: str | None,
    config: JudgeConfig | None,
) -> Chosen:
    """Return the bench and judge that were named, else those of the config, else what has data.

    Raises InputError for a bench or judge that was named and has no data, and for a data folder
    without any.
    """
    remarks: list[str] = []
    bench = Bench(data_dir, _bench_name(data_dir, bench_name, config, remarks))
    judge = _judge_name(bench, judge, config, remarks)
    return Chosen(Library(bench, baseline or _stand_in(bench, config)), judge, tuple(remarks))


def _bench_name(
    data_dir: Path, named: str | None, config: JudgeConfig | None, remarks: list[str]
) -> str:
    folders = sorted(path.name for path in data_dir.glob("[!.]*/"))
    benches = [name for name in folders if _has_data(Bench(data_dir, name))]
    wanted = named or (config.bench_name if config else "")
    if wanted in benches:
        return wanted
    if named:
        near = nearest(named, benches) or f"; benches here: {', '.join(benches) or 'none'}"
        raise InputError(f"{data_dir / named}: no questions and no judgments{near}")
    if not benches:
        raise InputError(f"{data_dir}: no bench with questions or judgments; see README.md, Data")
    judged = [name for name in benches if judge_names(Bench(data_dir, name))]
    chosen = (judged or benches)[0]
    if wanted:
        remarks.append(f"no data of the bench {wanted} in {data_dir}: this is {chosen}")
    return chosen


def _has_data(bench: Bench) -> bool:
    return bench.questions.exists() or bool(judge_names(bench))


def _judge_name(
    bench: Bench, named: str | None, config: JudgeConfig | None, remarks: list[str]
) -> str:
    judges = judge_names(bench)
    wanted = named or (config.judge_model if config else "")
    if wanted in judges:
        return wanted
    if named:
        near = nearest(named, judges) or f"; judges here: {', '.join(judges) or 'none'}"
        raise InputError(f"{bench.judgments(named)}: no judgments{near}")
    if not judges:
        remarks.append(f"{bench.folder} has no judgments yet; gen_judgment.py makes them")
        return ""
    if wanted:
        remarks.append(f"no judgments by {wanted}: these are by {judges[0]}")
    return judges[0]


def _stand_in(bench: Bench, config: JudgeConfig | None) -> str:
    """Return the baseline of records that name none: the config's if it has answers, else the one
    model with answers that nobody judged.
    """
    answered = model_names(bench.answers)
    configured = config.baselines_of([""]) if config and config.rules.baselines else ()
    judged = {
        model for judge in judge_names(bench) for model in model_names(bench.judgments(judge))
    }
    alone = [model for model in answered if model not in judged]
    known = [model for model in configured if model in answered]
    candidates = known or (alone if len(alone) == 1 else list(configured))
    return candidates[0] if candidates else ""
