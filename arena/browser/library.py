"""The browser's data: an index of a bench's battles, filters, search, boards, numbers of judges.

A battle is a judgment with its games, identified by question, model, judge and baseline. Files are
indexed when they are first needed, and again when they have changed; texts stay in their files
until they are shown.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from arena.base.errors import InputError
from arena.bench.answer_style import Style
from arena.bench.config import JudgeConfig
from arena.bench.formats import answer_in_v01
from arena.bench.labels import (
    NO_VERDICT,
    OUTCOMES,
    Labels,
    games_disagree,
    is_grade,
    label_of,
    outcomes,
    tendency,
)
from arena.bench.paths import Bench, judge_names, model_names
from arena.bench.records import AnswerLine, JudgmentLine, Question
from arena.browser.battle_view import Battle, BattleView, Side, game_of, games_of, turns_of
from arena.browser.index import (
    FileCache,
    Place,
    Questions,
    Recent,
    Texts,
    answer_places,
    answer_texts,
    folded,
    indexed_lines,
    judgment_texts,
    models_at_ends,
    questions_of,
    read_line,
    stamp_of,
    styles_of,
)
from arena.quality.judge_comparison import PairReport, judge_numbers
from arena.quality.judge_measures import Verdicts

if TYPE_CHECKING:
    from arena.leaderboard.board import Board
    from arena.leaderboard.options import BoardOptions

Boards = list[tuple["Board", list[str]]]
Grades = dict[str, list[float]]
JudgeNumbers = tuple[dict[str, Verdicts], dict[tuple[str, str], PairReport], Grades]

GAMES_DISAGREE, JUDGES_DISAGREE = "games disagree", "judges disagree"
SHOWN = (*OUTCOMES.values(), NO_VERDICT, GAMES_DISAGREE, JUDGES_DISAGREE)
LONGEST, SHORTEST = "longest answers first", "shortest answers first"
DEPENDENT = "The intervals are too narrow: they take the games of a question for independent."
KEPT = 8  # views whose lists are remembered: several readers, or one who compares


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
    """A bench as it is on the disk, and what tells its baselines.

    `baseline` stands in where a record names none, in some categories `stand_ins`; `config` tells
    which baselines boards have.
    """

    bench: Bench
    baseline: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    config: JudgeConfig | None = None
    _names: dict[Path, tuple[str, str]] = field(default_factory=dict, repr=False)
    _models: FileCache[frozenset[str]] = field(init=False, repr=False)
    _rows: FileCache[list[Battle]] = field(init=False, repr=False)
    _places: FileCache[dict[str, Place]] = field(init=False, repr=False)
    _styles: FileCache[dict[str, Style]] = field(init=False, repr=False)
    _answer_texts: FileCache[Texts] = field(init=False, repr=False)
    _judgment_texts: FileCache[Texts] = field(init=False, repr=False)
    _questions: FileCache[Questions] = field(init=False, repr=False)
    _found: Recent[Sequence[Battle]] = field(init=False, repr=False)
    _boards: Recent[Boards] = field(init=False, repr=False)
    _numbers: Recent[JudgeNumbers] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Set up the caches; nothing is read yet."""
        nothing = Texts(())
        self._models = FileCache(self._read_models, frozenset())
        self._rows = FileCache(self._read_judgments, [], beside=self.bench.questions)
        self._places = FileCache(answer_places, {})
        self._styles = FileCache(styles_of, {})
        self._answer_texts = FileCache(answer_texts, nothing)
        self._judgment_texts = FileCache(judgment_texts, nothing)
        self._questions = FileCache(questions_of, Questions({}))
        self._found, self._boards, self._numbers = Recent(KEPT), Recent(KEPT), Recent(1)

    # What there is

    @property
    def questions(self) -> Mapping[str, Question]:
        """The questions by id, in the order of the file; none without a file."""
        return self._questions[self.bench.questions].by_id

    @property
    def fault(self) -> str:
        """What of question.jsonl could not be read, in words."""
        return self._questions[self.bench.questions].fault

    def judges(self) -> list[str]:
        """Return the judges that have judgments of this bench."""
        return judge_names(self.bench)

    def models(self, judge: str) -> list[str]:
        """Return the models that a judge has judged, by the names that the records give them."""
        return sorted({model for path in self._files(judge) for model in self._models[path]})

    def categories(self) -> list[str]:
        """Return the categories, where there is more than one, and the clusters."""
        categories = sorted({q.category for q in self.questions.values() if q.category})
        clusters = sorted({q.cluster for q in self.questions.values() if q.cluster})
        names = [*(categories if len(categories) > 1 else ()), *clusters]
        return list(dict.fromkeys(names))

    def battles(self, judge: str, model: str = "") -> Iterator[Battle]:
        """Yield the battles of a judge, of one model or of all."""
        for path in self._files(judge, model):
            for battle in self._rows[path]:
                if model in ("", battle.model):
                    yield battle

    def baselines(self, judge: str, model: str = "") -> list[str]:
        """Return the baselines of a judge's battles, the most frequent first."""
        numbers = Counter(battle.baseline for battle in self.battles(judge, model))
        return sorted(filter(None, numbers), key=lambda name: (-numbers[name], name))

    def stand_in(self, category: str) -> str:
        """Return the baseline of records on a category's questions that name none."""
        return self.stand_ins.get(category, self.baseline)

    def _files(self, judge: str, model: str = "") -> list[Path]:
        """Return the files of a judge, those that hold a model or all."""
        if not judge:
            return []
        folder = self.bench.judgments(judge)
        files = {folder / f"{name}.jsonl": (judge, name) for name in model_names(folder)}
        self._names.update(files)
        return [path for path in files if not model or model in self._models[path]]

    def _read_models(self, path: Path) -> frozenset[str]:
        """Return the models of a file; where both its ends are of the model that it is named after,
        it is taken to hold no other.
        """
        _, name = self._names[path]
        ends = models_at_ends(path)
        if ends is not None and ends <= {"", name}:
            return frozenset([name])
        return frozenset(battle.model for battle in self._rows[path]) or frozenset([name])

    def _read_judgments(self, path: Path) -> list[Battle]:
        judge, name = self._names[path]
        rows: dict[tuple[str, str, str], Battle] = {}
        for place, line in indexed_lines(path, JudgmentLine, "a judgment"):
            battle = self._battle(path, place, line, judge, line.model or name)
            rows[battle.key] = battle
        return list(rows.values())

    def _battle(
        self, path: Path, place: Place, line: JudgmentLine, judge: str, model: str
    ) -> Battle:
        labels = tuple(None if game is None else label_of(game.score) for game in line.games)
        pairwise = not any(map(is_grade, labels)) and b'"pairwise"' not in bytes(line.settings)
        if pairwise:  # a game that is not there is like one that is null
            labels += (None,) * (2 - len(labels))
        return Battle(
            question=line.id,
            model=model,
            judge=judge,
            baseline=line.baseline or (self._stand_in_on(line.id) if pairwise else ""),
            file=path,
            named=bool(line.baseline),
            pairwise=pairwise,
            labels=labels,
            place=place,
        )

    def _stand_in_on(self, question: str) -> str:
        known = self.questions.get(question) if self.stand_ins else None
        return self.stand_in(known.category if known else "")

    # Which battles

    def found(self, filters: Filters) -> Sequence[Battle]:
        """Return the battles that the filters let through, in their order.

        The default order is that of the questions, and of the models within each.
        """
        judges = self.judges() if filters.show == JUDGES_DISAGREE else [filters.judge]
        key = filters, self._stamp(judges, filters.model)
        return self._found.get(key, lambda: self._find(filters))

    def _stamp(self, judges: Iterable[str], model: str = "") -> Hashable:
        """Return what changes with the judgments of some judges, and with the questions."""
        files = (path for judge in judges for path in self._files(judge, model))
        return tuple((path, stamp_of(path)) for path in files), stamp_of(self.bench.questions)

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
            battles = self._by_length(battles, -1 if filters.order == LONGEST else 1)
        return battles

    def _by_length(self, battles: Iterable[Battle], sign: int) -> list[Battle]:
        """Return battles by the length of the model's answer, those of unknown length last."""
        styles = functools.cache(lambda model: self._styles[self._answer_file(model)])
        unknown = Style("")
        known = [(styles(b.model).get(b.question, unknown).tokens, b) for b in battles]
        known.sort(key=lambda pair: (pair[0] is None, sign * (pair[0] or 0)))
        return [battle for _, battle in known]

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
        text = folded(filters.text).strip()
        if text:
            yield self._holds(text)

    def _disputed(self, model: str) -> set[tuple[str, str, str]]:
        """Return the keys of battles in which one judge favours another side than a second."""
        seen: dict[tuple[str, str, str], set[int]] = {}
        for judge in self.judges():
            for battle in self.battles(judge, model):
                favoured = tendency(battle.labels)
                if favoured is not None:
                    seen.setdefault(battle.key, set()).add(favoured)
        return {key for key, favoured in seen.items() if len(favoured) > 1}

    def _holds(self, text: bytes) -> Callable[[Battle], bool]:
        """Return the test whether prompt, answers or judge say a text that is folded."""
        asked = {
            q.id for q in self.questions.values() if any(text in folded(turn) for turn in q.turns)
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
            game_of(number, label, game)
            for number, (label, game) in enumerate(zip_longest(battle.labels, games_of(record)))
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
            why = f"{model} has no answer to this question" if there else f"{model} has no answers"
            where = f"{path}" if there else f"{path or 'its file'} does not exist"
            return Side(model, (), (), Style(question), f"{why} ({where}).")
        record = answer_in_v01(read_line(path, place, AnswerLine, "an answer"))
        turns = turns_of(record)
        return Side(
            model,
            tuple(str(turn.get("content") or "") for turn in turns),
            tuple(str(turn.get("reasoning") or "") for turn in turns),
            self.style(model, question),
        )

    def _other_verdicts(self, battle: Battle) -> Iterator[Battle]:
        """Yield the same battle as other judges have judged it."""
        for judge in self.judges():
            if judge != battle.judge:
                others = self.battles(judge, battle.model)
                yield from (other for other in others if other.key == battle.key)

    # Boards

    def boards(
        self, judge: str, category: str, control: Sequence[str], baseline: str = ""
    ) -> Boards:
        """Return the boards of show_result.py with the lines below each, the overall one first.

        Raises InputError with the reason where there is no board.
        """
        asked = judge, category, tuple(sorted(control)), baseline
        key = asked, self._stamp([judge])
        return self._boards.get(key, lambda: self._make_boards(*asked))

    def _make_boards(
        self, judge: str, category: str, control: tuple[str, ...], baseline: str
    ) -> Boards:
        from arena.leaderboard.build import fallback_note, read_boards, score_boards
        from arena.leaderboard.output.text import summary_lines

        options = replace(
            self._options(judge, baseline),
            categories=(category,) if category else (),
            control=control,
        )
        read = read_boards(options, list(self.questions.values()))
        boards = [result.board for result in score_boards(read, options)]
        boards.sort(key=lambda board: not board.weights)
        shown = [(board, list(summary_lines(board, DEPENDENT))) for board in boards]
        note = fallback_note(read)
        shown[0][1].extend([note] if note else [])
        return shown

    def board_baselines(self, judge: str) -> tuple[str, ...]:
        """Return the baselines of the boards where none is chosen."""
        from arena.scoring.selection import Plan, Selection

        options = self._options(judge, "")
        categories = dict.fromkeys(question.category for question in self.questions.values())
        whole = Selection(self.bench, (judge,), ())
        return Plan(whole, [], options.config, options.usual_baselines).baselines(categories)

    def _options(self, judge: str, baseline: str) -> BoardOptions:
        """Return the options of show_result.py with `--mixed leave-out`; where the config does not
        fit the bench, the usual baselines take its place.
        """
        from arena.leaderboard.options import BoardOptions

        whole = BoardOptions(self.bench, (judge,), mixed="leave-out")
        if baseline:
            return replace(whole, baselines=(baseline,))
        if self.config and self._fits(self.config, judge):
            return replace(whole, config=self.config)
        return replace(whole, usual_baselines=self._usual_baselines(judge))

    def _fits(self, config: JudgeConfig, judge: str) -> bool:
        """Whether a config names baselines, and is of this bench or they have battles here."""
        rules = (config.rules, *config.categories.values())
        named = {baseline for one in rules for baseline in one.baselines}
        of_bench = config.bench_name == self.bench.name
        return bool(named) and (of_bench or not named.isdisjoint(self.baselines(judge)))

    def _usual_baselines(self, judge: str) -> dict[str, tuple[str, ...]]:
        """Return for each category the baseline of most battles; where it has none the most
        frequent one of all, else what stands in.
        """
        of = {question.id: question.category for question in self.questions.values()}
        met: dict[str, Counter[str]] = {name: Counter() for name in ("", *of.values())}
        every = Counter[str]()
        for battle in self.battles(judge):
            if battle.pairwise and battle.baseline:
                met[of.get(battle.question, "")][battle.baseline] += 1
                every[battle.baseline] += 1
        usual = {}
        for name, numbers in met.items():
            ranked = sorted(numbers or every, key=lambda b: (-numbers[b], -every[b], b))
            usual[name] = tuple(ranked[:1] or filter(None, [self.stand_in(name)]))
        return usual

    def judge_numbers(self) -> JudgeNumbers:
        """Return the verdicts of all judges, the agreement of each two, and grades in order."""
        judges = self.judges()

        def count() -> JudgeNumbers:
            labels: dict[str, dict[tuple[str, str, str], Labels]] = {}
            grades: Grades = {}
            for judge in judges:
                battles = list(self.battles(judge))
                compared = (b for b in battles if not any(map(is_grade, b.labels)))
                labels[judge] = {(b.model, b.baseline, b.question): b.labels for b in compared}
                scores = (label for battle in battles for label in battle.labels)
                grades[judge] = sorted(float(s) for s in scores if isinstance(s, (int, float)))
            return *judge_numbers(labels), grades

        return self._numbers.get(self._stamp(judges), count)
