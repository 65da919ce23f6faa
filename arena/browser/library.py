"""The judgments of a bench by index, with filters and search.

Files are indexed when they are first needed, and again when they have changed. Texts stay in their
files until they are shown.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, cast

from arena.base.errors import InputError
from arena.bench.answer_style import NO_STYLES
from arena.bench.config import JudgeConfig
from arena.bench.labels import (
    GAMES_DISAGREE,
    LABELS,
    NO_VERDICT,
    OUTCOMES,
    games_disagree,
    margin,
    overall,
    tendency,
)
from arena.bench.paths import Bench
from arena.bench.records import BaselineRule, Question
from arena.browser import index
from arena.browser.index import (
    Answers,
    FileCache,
    Function,
    Judgments,
    ListedJudgment,
    Questions,
    Styles,
    Texts,
    once_a_view,
)

JUDGES_DISAGREE = "judges disagree"
VERDICTS = (*OUTCOMES.values(), NO_VERDICT, GAMES_DISAGREE, JUDGES_DISAGREE)
LONGEST, SHORTEST = "longest answers first", "shortest answers first"
LOSSES, WINS = "clearest losses first", "clearest wins first"
LONGER, SHORTER = "much longer than the baseline first", "much shorter than the baseline first"
DISPUTED = "judges disagree most first"
ORDERS = (LOSSES, WINS, LONGEST, SHORTEST, LONGER, SHORTER, DISPUTED)
LARGE = 1 << 25  # bytes of judgments, which take about a twentieth of a second
RECENT = 16  # results of a function in memory, for all readers and benches together


class LabelFilter(NamedTuple):
    """A label of a game, and the label that another judge gives the same game."""

    label: str
    other_label: str = ""
    other_judge: str = ""  # "" for no other judge

    @classmethod
    def of(cls, text: str) -> LabelFilter:
        """Return the labels that a filter's text has: "A>B", or "A>B|B>A|other-judge"."""
        return cls(*text.split("|", 2))

    @property
    def text(self) -> str:
        """The text of the filter."""
        return "|".join(filter(None, self))

    @property
    def words(self) -> str:
        """The filter as a reader sees it."""
        other = f", by {self.other_judge} {self.other_label}" if self.other_judge else ""
        return self.label + other

    def is_known(self, judges: Sequence[str]) -> bool:
        """Whether the labels exist, and the other judge is one of those given."""
        other = self.other_label in LABELS and self.other_judge in judges
        return self.label in LABELS and (other if self.other_label else not self.other_judge)

    def fits(self, judgment: ListedJudgment, other: ListedJudgment | None = None) -> bool:
        """Whether a judgment, beside that of the other judge, has a game with these labels."""
        of_other = other.game_labels if other else ()
        games = zip_longest(judgment.game_labels, of_other, fillvalue=frozenset[str]())
        return any(
            self.label in labels and (not self.other_judge or self.other_label in other_labels)
            for labels, other_labels in games
        )


@dataclass(frozen=True)
class Filters:
    """The filters of a list of judgments, and its order. An empty text is no filter."""

    judge: str = ""
    model: str = ""
    baseline: str = ""
    category: str = ""  # or a cluster
    verdict: str = ""  # one of VERDICTS
    order: str = ""  # one of ORDERS
    text: str = ""  # in the prompt, an answer or the judge's words
    outcome: str = ""  # those of OVERALL that are wanted, with commas between them
    labels: str = ""  # the text of a LabelFilter

    @property
    def base(self) -> Filters:
        """The judge and model alone, with all of their judgments in the default order."""
        return Filters(judge=self.judge, model=self.model)


Key = tuple[str, str, str]  # question, model and baseline


def difference(tokens: float, others: float) -> float | None:
    """Return the difference of two lengths, None if one is not known."""
    return None if math.isinf(tokens + others) else tokens - others


def until_changed(function: Function) -> Function:
    """Let a function remember its last results until questions or judgments change."""
    recent = functools.lru_cache(RECENT)(lambda stamp, *arguments: function(*arguments))

    @functools.wraps(function)
    def remembering(library: Library, *arguments: Hashable) -> object:
        return recent(library.stamp(), library, *arguments)

    return cast(Function, remembering)


class Library:
    """A bench as it is on the disk, and the baselines of its judgments and boards.

    `assumed`: the baseline of the rule that stands in because nothing names one.
    """

    def __init__(
        self,
        bench: Bench,
        rule: BaselineRule | None = None,
        config: JudgeConfig | None = None,
        assumed: str = "",
    ) -> None:
        self.bench, self.config, self.assumed = bench, config, assumed
        self.rule = rule or BaselineRule({}, None)
        self.answers = FileCache(index.answers_of, Answers({}))
        self._names: dict[Path, tuple[str, str]] = {}  # the judge and the model of files
        self._entries = FileCache(
            lambda path: index.judgments_of(path, *self._names[path], self.rule, self.questions),
            Judgments(()),
            beside=bench.questions,
        )
        self._models = FileCache(
            lambda path: index.models_of(path, self._names[path][1], self._entries),
            frozenset[str](),
        )
        self.styles = FileCache(index.styles_of, Styles(NO_STYLES))
        self._answer_texts = FileCache(index.answer_texts, Texts(()))
        self._judgment_texts = FileCache(index.judgment_texts, Texts(()))
        self._questions = FileCache(index.questions_of, Questions({}))

    # Names

    @property
    def questions(self) -> Mapping[str, Question]:
        """The questions by id, in the order of the file. None without a file."""
        return self._questions[self.bench.questions].by_id

    @property
    def fault(self) -> str:
        """A sentence on the lines of question.jsonl that cannot be read, "" without one."""
        return self._questions[self.bench.questions].fault

    def judges(self) -> list[str]:
        """Return the judges that have judgments of this bench."""
        return index.judges_of(self.bench)

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
        """Return the baselines of a judge's judgments, the most frequent first."""
        numbers = Counter(e.baseline for e in self.judgments(judge, model) if e.pairwise)
        unknown = numbers.pop("", 0)
        # If the baseline of some is not known, it may be any model with answers.
        names = sorted(numbers, key=lambda name: (-numbers[name], name))
        names += index.models_in(self.bench.answers) if unknown else ()
        return list(dict.fromkeys(names))

    # Judgments

    def judgments(self, judge: str, model: str = "") -> Iterator[ListedJudgment]:
        """Yield the judgments of a judge, of one model or of all."""
        for path in self._files(judge, model):
            for entry in self._entries[path].entries:
                if model in ("", entry.model):
                    yield entry

    def is_slow(self, judge: str) -> bool:
        """Whether a reader would wait for the judgments of a judge that have not been read yet."""
        unread = (path for path in self._files(judge) if path not in self._entries)
        return sum(size for _, size in filter(None, map(index.stamp_of, unread))) > LARGE

    @until_changed
    def by_question(self, judge: str) -> Mapping[str, Sequence[ListedJudgment]]:
        """Return the judgments of a judge by question."""
        entries = defaultdict[str, list[ListedJudgment]](list)
        for entry in self.judgments(judge):
            entries[entry.question].append(entry)
        return entries

    @once_a_view
    def _files(self, judge: str, model: str = "") -> list[Path]:
        """Return the files of a judge, those with a model or all."""
        if not judge:
            return []
        folder = self.bench.judgments(judge)
        files = {folder / f"{name}.jsonl": (judge, name) for name in index.models_in(folder)}
        self._names.update(files)
        return [path for path in files if not model or model in self._models[path]]

    # Answers

    def answer_file(self, model: str) -> Path | None:
        """Return the file of a model's answers, or None for a name that no file can have."""
        try:
            return self.bench.answer_file(model)
        except InputError:
            return None

    def answer_fault(self, model: str) -> str:
        """Return sentences on the lines of a model's answers that do not count, "" without any."""
        path = self.answer_file(model)
        return self.answers[path].fault or self.styles[path].fault

    def judgment_faults(self, judge: str, model: str = "") -> list[str]:
        """Return sentences on the lines that do not count, for each such file of a judge."""
        faults = (self._entries[path].fault for path in self._files(judge, model))
        return list(filter(None, faults))

    # Filters

    @once_a_view
    def stamp(self) -> Hashable:
        """Return a value that changes with the files of questions and judgments."""
        files = [path for judge in self.judges() for path in self._files(judge)]
        return tuple((path, index.stamp_of(path)) for path in (self.bench.questions, *files))

    @until_changed
    def select(self, filters: Filters) -> Sequence[ListedJudgment]:
        """Return the judgments that pass the filters, by default ordered by question and model."""
        verdict, category, baseline = filters.verdict, filters.category, filters.baseline
        judgments = self.judgments(filters.judge, filters.model)
        entries = [entry.against(baseline) for entry in judgments]
        entries = [entry for entry in entries if baseline in ("", entry.baseline)]
        if category:
            ids = {q.id for q in self.questions.values() if category in (q.category, q.cluster)}
            entries = [entry for entry in entries if entry.question in ids]
        if verdict == GAMES_DISAGREE:
            entries = [entry for entry in entries if games_disagree(entry.labels)]
        elif verdict == JUDGES_DISAGREE:
            # Judges disagree if they favour different sides of the same answers.
            sides = defaultdict[tuple[str, str, str], set[int | None]](set)
            for judge in self.judges():
                for entry in self.judgments(judge, filters.model):
                    sides[entry.against(baseline).key].add(tendency(entry.labels))
            entries = [entry for entry in entries if len(sides[entry.key] - {None}) > 1]
        elif verdict:
            entries = [entry for entry in entries if verdict in entry.outcomes.values()]
        if filters.labels:
            entries = list(filter(self.label_test(filters), entries))
        if filters.outcome:
            outcomes = set(filters.outcome.split(","))
            entries = [entry for entry in entries if overall(entry.labels) in outcomes]
        if index.folded(filters.text):
            entries = list(filter(self.search(filters.text), entries))
        rank = {question: i for i, question in enumerate(self.questions)}
        entries.sort(key=lambda e: (rank.get(e.question, len(rank)), e.question, e.model))
        if filters.order:
            key, sign = self._order(filters)

            def place(entry: ListedJudgment) -> float:
                value = key(entry)
                # Judgments whose value is unknown come last in any order.
                return math.inf if value is None or math.isinf(value) else sign * value

            entries.sort(key=place)
        return entries

    def _order(self, filters: Filters) -> tuple[Callable[[ListedJudgment], float | None], int]:
        """Return the function from a judgment to its value in an order, None if that is unknown,
        and the sign: 1 if the least value is first, else -1.
        """
        order, lengths = filters.order, self.lengths()
        if order in (LOSSES, WINS):
            return lambda entry: margin(entry.labels), 1 if order == LOSSES else -1
        if order in (LONGER, SHORTER):
            return lambda entry: difference(*lengths(entry)), -1 if order == LONGER else 1
        if order in (LONGEST, SHORTEST):
            return lambda entry: lengths(entry)[0], -1 if order == LONGEST else 1
        margins = defaultdict[Key, list[float]](list)
        for judge in self.judges():
            for entry in self.judgments(judge, filters.model):
                if (points := margin(entry.labels)) is not None:
                    margins[entry.against(filters.baseline).key].append(points)
        widths = {key: max(points) - min(points) for key, points in margins.items()}
        return lambda entry: widths.get(entry.key), -1

    def lengths(self) -> Callable[[ListedJudgment], tuple[float, float]]:
        """Return the function from a judgment to the tokens of the model's and of the baseline's
        answer, infinite if they are not known.
        """
        styles = functools.cache(lambda model: self.styles[self.answer_file(model)].counts)

        def lengths_of(entry: ListedJudgment) -> tuple[float, float]:
            model, baseline = (
                styles(entry.model),
                styles(entry.baseline) if entry.baseline else None,
            )
            other = baseline.tokens(entry.question) if baseline else math.inf
            return model.tokens(entry.question), other

        return lengths_of

    def search(self, text: str) -> Callable[[ListedJudgment], frozenset[str]]:
        """Return the function from a judgment to the places with a text: "prompt", the answers of
        "model" and "baseline", and "judge" for its words. "id" if its question has this id.
        """
        folded, questions = index.folded(text), self.questions.values()
        prompts = {q.id for q in questions if any(folded in index.folded(t) for t in q.texts)}
        answers = functools.cache(
            lambda model: self._answer_texts[self.answer_file(model)].matching(folded)
        )
        judgments = functools.cache(lambda file: self._judgment_texts[file].matching(folded))

        def places_of(entry: ListedJudgment) -> frozenset[str]:
            has_text = {
                "id": index.folded(entry.question) == folded,
                "prompt": entry.question in prompts,
                "model": entry.question in answers(entry.model),
                "baseline": bool(entry.baseline) and entry.question in answers(entry.baseline),
                "judge": entry.place.offset in judgments(entry.file),
            }
            return frozenset(place for place, has in has_text.items() if has)

        return places_of

    def label_test(self, filters: Filters) -> Callable[[ListedJudgment], bool]:
        """Return the test of a judgment for a game with the labels of a filter. Judgments of other
        judges in the file of one never pass, as in the report on judges.
        """
        wanted, others = LabelFilter.of(filters.labels), dict[Key, ListedJudgment]()
        for entry in self.judgments(wanted.other_judge, filters.model):
            if not entry.foreign:
                others[entry.against(filters.baseline).key] = entry

        def passes(entry: ListedJudgment) -> bool:
            return not entry.foreign and wanted.fits(entry, others.get(entry.key))

        return passes

    def warm(self, judge: str) -> None:
        """Read the texts that a search of a judge's judgments needs."""
        models = {name for e in self.judgments(judge) for name in (e.model, e.baseline) if name}
        for model in sorted(models):
            self._answer_texts[self.answer_file(model)]
        for file in self._files(judge):
            self._judgment_texts[file]
