"""The judgments of a bench by index, with filters and search.

Files are indexed when they are first needed, and again when they have changed. Texts stay in their
files until they are shown.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from arena.base.errors import InputError
from arena.bench.answer_style import Style
from arena.bench.config import JudgeConfig
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
from arena.bench.records import BaselineRule, JudgmentLine, Question
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
    stamp_of,
    styles_of,
)

GAMES_DISAGREE, JUDGES_DISAGREE = "games disagree", "judges disagree"
SHOWN = (*OUTCOMES.values(), NO_VERDICT, GAMES_DISAGREE, JUDGES_DISAGREE)
LONGEST, SHORTEST = "longest answers first", "shortest answers first"
RECENT = 16  # results in memory: enough for several readers, or for one who compares


@dataclass(frozen=True)
class Filters:
    """Which judgments are listed, and in which order. An empty text is no filter.

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


class ListedJudgment(msgspec.Struct, frozen=True, gc=False):
    """A judgment in the index: its labels, and the place of its record.

    `named`: the record itself names the baseline, which is "" if it is not known. Without
    `pairwise` the model's answer was graded alone.
    """

    question: str
    model: str
    judge: str
    baseline: str
    file: Path
    named: bool
    pairwise: bool
    labels: Labels
    place: Place

    @property
    def key(self) -> tuple[str, str, str]:
        """The part that identifies a judgment among those of its judge."""
        return self.question, self.model, self.baseline

    def against(self, baseline: str) -> ListedJudgment:
        """Return the judgment with a baseline that stands in if its own is not known."""
        if self.baseline or not self.pairwise or not baseline:
            return self
        return msgspec.structs.replace(self, baseline=baseline)


@dataclass
class Library:
    """A bench as it is on the disk.

    `rule` gives the baseline of judgments that name none, `config` the baselines of the boards.
    """

    bench: Bench
    rule: BaselineRule = field(default_factory=lambda: BaselineRule({}, None))
    config: JudgeConfig | None = None
    recent: Recent = field(default_factory=lambda: Recent(RECENT), repr=False)
    places: FileCache[dict[str, Place]] = field(init=False, repr=False)
    _names: dict[Path, tuple[str, str]] = field(default_factory=dict, repr=False)
    _models: FileCache[frozenset[str]] = field(init=False, repr=False)
    _entries: FileCache[list[ListedJudgment]] = field(init=False, repr=False)
    _styles: FileCache[dict[str, Style]] = field(init=False, repr=False)
    _answer_texts: FileCache[Texts] = field(init=False, repr=False)
    _judgment_texts: FileCache[Texts] = field(init=False, repr=False)
    _questions: FileCache[Questions] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Set up the caches. Nothing is read yet."""
        nothing = Texts(())
        self.places = FileCache(answer_places, {})
        self._models = FileCache(self._read_models, frozenset())
        self._entries = FileCache(self._read_judgments, [], beside=self.bench.questions)
        self._styles = FileCache(styles_of, {})
        self._answer_texts = FileCache(answer_texts, nothing)
        self._judgment_texts = FileCache(judgment_texts, nothing)
        self._questions = FileCache(questions_of, Questions({}))

    # Names

    @property
    def questions(self) -> Mapping[str, Question]:
        """The questions by id, in the order of the file. None without a file."""
        return self._questions[self.bench.questions].by_id

    @property
    def fault(self) -> str:
        """The lines of question.jsonl that cannot be read, in words."""
        return self._questions[self.bench.questions].fault

    def judges(self) -> list[str]:
        """Return the judges that have judgments of this bench."""
        return judge_names(self.bench)

    def models(self, judge: str) -> list[str]:
        """Return the models that a judge has judged, by the names in the records."""
        return sorted({model for path in self._files(judge) for model in self._models[path]})

    def categories(self) -> list[str]:
        """Return the categories, if there are several, and the clusters."""
        categories = sorted({q.category for q in self.questions.values() if q.category})
        clusters = sorted({q.cluster for q in self.questions.values() if q.cluster})
        names = [*(categories if len(categories) > 1 else ()), *clusters]
        return list(dict.fromkeys(names))

    def baselines(self, judge: str, model: str = "") -> list[str]:
        """Return the baselines of a judge's judgments, the most frequent first. If that of some is
        not known, all models with answers can be chosen.
        """
        numbers = Counter(e.baseline for e in self.judgments(judge, model) if e.pairwise)
        unknown = numbers.pop("", 0)
        names = sorted(numbers, key=lambda name: (-numbers[name], name))
        return list(dict.fromkeys([*names, *(model_names(self.bench.answers) if unknown else ())]))

    # Judgments

    def judgments(self, judge: str, model: str = "") -> Iterator[ListedJudgment]:
        """Yield the judgments of a judge, of one model or of all."""
        for path in self._files(judge, model):
            for entry in self._entries[path]:
                if model in ("", entry.model):
                    yield entry

    def _files(self, judge: str, model: str = "") -> list[Path]:
        """Return the files of a judge, those with a model or all."""
        if not judge:
            return []
        folder = self.bench.judgments(judge)
        files = {folder / f"{name}.jsonl": (judge, name) for name in model_names(folder)}
        self._names.update(files)
        return [path for path in files if not model or model in self._models[path]]

    def _read_models(self, path: Path) -> frozenset[str]:
        # A whole bench takes seconds to decode: a file whose first and last record are of the
        # model in its name is taken to have no other.
        _, name = self._names[path]
        ends = models_at_ends(path)
        if ends is not None and ends <= {"", name}:
            return frozenset([name])
        return frozenset(entry.model for entry in self._entries[path]) or frozenset([name])

    def _read_judgments(self, path: Path) -> list[ListedJudgment]:
        judge, name = self._names[path]
        questions = self.questions
        entries: dict[tuple[str, str, str], ListedJudgment] = {}
        for place, line in indexed_lines(path, JudgmentLine, "a judgment"):
            labels = tuple(None if game is None else label_of(game.score) for game in line.games)
            pairwise = not any(map(is_grade, labels)) and b'"pairwise"' not in bytes(line.settings)
            baseline = line.baseline or ""
            if pairwise:
                labels += (None,) * (2 - len(labels))  # a missing game is like one that is null
                question = questions.get(line.id)
                category = question.category if question else ""
                baseline = self.rule.of(line.baseline, category) or ""
            entry = ListedJudgment(
                question=line.id,
                model=line.model or name,
                judge=judge,
                baseline=baseline,
                file=path,
                named=bool(line.baseline),
                pairwise=pairwise,
                labels=labels,
                place=place,
            )
            entries[entry.key] = entry
        return list(entries.values())

    # Answers

    def answer_file(self, model: str) -> Path | None:
        """Return the file of a model's answers, or None for a name that no file can have."""
        try:
            return self.bench.answer_file(model)
        except InputError:
            return None

    def style(self, model: str, question: str) -> Style:
        """Return tokens and markdown counts of an answer, as far as they are known."""
        return self._styles[self.answer_file(model)].get(question, Style(question))

    # Filters

    def select(self, filters: Filters) -> Sequence[ListedJudgment]:
        """Return the judgments that pass the filters, in their order.

        The default order is that of the questions, and of the models within each.
        """
        judges = self.judges() if filters.show == JUDGES_DISAGREE else [filters.judge]
        key = filters, self.stamp(judges, filters.model)
        return self.recent.get(key, lambda: self._find(filters))

    def stamp(self, judges: Iterable[str], model: str = "") -> Hashable:
        """Return a value that changes with the judgments of some judges or with the questions."""
        files = (path for judge in judges for path in self._files(judge, model))
        return tuple((path, stamp_of(path)) for path in files), stamp_of(self.bench.questions)

    def _find(self, filters: Filters) -> Sequence[ListedJudgment]:
        rank = {question: i for i, question in enumerate(self.questions)}
        judgments = self.judgments(filters.judge, filters.model)
        entries = [entry.against(filters.baseline) for entry in judgments]
        for test in self._tests(filters):
            entries = [entry for entry in entries if test(entry)]
        entries.sort(key=lambda e: (rank.get(e.question, len(rank)), e.question, e.model))
        if filters.order:
            sign = -1 if filters.order == LONGEST else 1
            styles = functools.cache(lambda model: self._styles[self.answer_file(model)])
            unknown = Style("")
            tokens = [styles(e.model).get(e.question, unknown).tokens for e in entries]
            pairs = list(zip(tokens, entries, strict=True))
            # Answers whose length is unknown come last in both orders.
            pairs.sort(key=lambda pair: (pair[0] is None, sign * (pair[0] or 0)))
            entries = [entry for _, entry in pairs]
        return entries

    def _tests(self, filters: Filters) -> Iterator[Callable[[ListedJudgment], bool]]:
        """Yield what a judgment must pass."""
        show, category = filters.show, filters.category
        if filters.baseline:
            yield lambda entry: entry.baseline == filters.baseline
        if category:
            wanted = {q.id for q in self.questions.values() if category in (q.category, q.cluster)}
            yield lambda entry: entry.question in wanted
        if show == GAMES_DISAGREE:
            yield lambda entry: games_disagree(entry.labels)
        elif show == JUDGES_DISAGREE:
            disputed = self._disputed(filters.model, filters.baseline)
            yield lambda entry: entry.key in disputed
        elif show:
            yield lambda entry: show in outcomes(entry.labels)
        text = folded(filters.text).strip()
        if text:
            yield self._search(text)

    def _disputed(self, model: str, baseline: str) -> set[tuple[str, str, str]]:
        """Return the keys of judgments in which two judges favour different sides."""
        sides: dict[tuple[str, str, str], set[int]] = {}
        for judge in self.judges():
            for entry in self.judgments(judge, model):
                side = tendency(entry.labels)
                if side is not None:
                    sides.setdefault(entry.against(baseline).key, set()).add(side)
        return {key for key, favoured in sides.items() if len(favoured) > 1}

    def _search(self, text: bytes) -> Callable[[ListedJudgment], bool]:
        """Return the test whether prompt, answers or judge say a folded text."""
        prompts = {
            q.id for q in self.questions.values() if any(text in folded(turn) for turn in q.turns)
        }

        @functools.cache
        def answers(model: str) -> set[str]:
            return self._answer_texts[self.answer_file(model)].matching(text)

        @functools.cache
        def judgments(file: Path) -> set[str]:
            return self._judgment_texts[file].matching(text)

        return lambda entry: (
            entry.question in prompts
            or entry.question in answers(entry.model)
            or entry.question in answers(entry.baseline)
            or str(entry.place.offset) in judgments(entry.file)
        )
