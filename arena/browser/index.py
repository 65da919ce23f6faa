"""Files of a bench by index: the places of their lines, and their texts for a search.

Each file is read once, and again after a change.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import threading
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from itertools import zip_longest
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar, cast

import msgspec

from arena.base.errors import InputError, warn
from arena.bench import records
from arena.bench.answer_style import NO_STYLES, AnswerStyles, read_styles
from arena.bench.labels import NO_VERDICT, Labels, is_grade, label_of, normal_label, outcomes
from arena.bench.paths import is_person, judge_names, model_names
from arena.bench.records import BaselineRule, Question
from arena.browser.files.lines import Faults, Place, first_of, indexed_lines

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., object])

_seen: ContextVar[dict[Hashable, object] | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def one_view() -> Iterator[None]:
    """Let a block see folders and files as they were when it first looked at each."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def once_a_view(function: Function) -> Function:
    """Let a function look once in a block of `one_view`. Its callers change no result."""

    @functools.wraps(function)
    def looking(*arguments: Hashable) -> object:
        seen = _seen.get()
        if seen is None:
            return function(*arguments)
        key = function, arguments
        if key not in seen:
            seen[key] = function(*arguments)
        return seen[key]

    return cast(Function, looking)


models_in, judges_of = once_a_view(model_names), once_a_view(judge_names)


class FileCache(Generic[Value]):
    """The contents of files, read again if a file or the one `beside` it changes."""

    def __init__(
        self, read: Callable[[Path], Value], empty: Value, beside: Path | None = None
    ) -> None:
        self._read, self._empty, self._beside = read, empty, beside
        self._values: dict[Path, tuple[Hashable, Value]] = {}
        self._locks: dict[Path, threading.Lock] = {}

    def __contains__(self, path: Path) -> bool:
        """Whether a file has been read, even if it has changed since."""
        return path in self._values

    @once_a_view
    def __getitem__(self, path: Path | None) -> Value:
        """Return the contents of a file as it is now."""
        status = stamp_of(path) if path is not None else None
        if path is None or status is None:
            return self._empty
        stamp = status, self._beside and stamp_of(self._beside)
        entry = self._values.get(path)
        if entry is not None and entry[0] == stamp:
            return entry[1]
        # Read within a lock: two readers must not index the same large file side by side.
        with self._locks.setdefault(path, threading.Lock()):
            entry = self._values.get(path)
            if entry is None or entry[0] != stamp:
                entry = self._values[path] = stamp, self._read(path)
            return entry[1]


@once_a_view
def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return a value that changes with a file, None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class Questions(NamedTuple):
    """The questions of a file by id, in its order, and a sentence on lines that cannot be read."""

    by_id: Mapping[str, Question]
    fault: str = ""


def questions_of(path: Path) -> Questions:
    """Return the questions that can be read. Of several with one id the last counts."""
    faults = Faults(path)
    lines = indexed_lines(path, records.QuestionLine, "a question", faults, lambda fault: None)
    by_id = {line.id: line.question() for _, _, line in lines}
    if fault := first_of(faults.unreadable):
        warn(fault.removesuffix("."))
    return Questions(by_id, fault)


class ListedJudgment(msgspec.Struct, frozen=True, gc=False):
    """A judgment in the index: its labels, and the place of its record."""

    question: str
    model: str
    judge: str
    baseline: str  # "" if it is not known
    file: Path
    named: bool  # whether the record itself names the baseline
    pairwise: bool  # or else the model's answer was graded alone
    foreign: bool  # whether the record names another judge
    labels: Labels
    place: Place
    repeats: tuple[Labels, ...] = ()  # further labels of each game, empty if no game has some

    @property
    def game_labels(self) -> list[set[str | None]]:
        """The labels of each game in one spelling, those of its repeats among them."""
        games = zip_longest(self.labels[:2], self.repeats[:2], fillvalue=())
        return [{normal_label(one) for one in (label, *more)} - {None} for label, more in games]

    @property
    def key(self) -> tuple[str, str, str]:
        """The part that identifies a judgment among those of its judge."""
        return self.question, self.model, self.baseline

    @property
    def query(self) -> dict[str, str]:
        """The key as values of a link."""
        return dict(zip(("question", "of", "against"), self.key, strict=True))

    @property
    def outcomes(self) -> dict[int, str]:
        """The outcome of each game by its number, of a person only of those with a verdict: a vote
        is a judgment with one game.
        """
        games = dict(enumerate(outcomes(self.labels), start=1))
        voted = {game: one for game, one in games.items() if one != NO_VERDICT}
        return voted if voted and is_person(self.judge) else games

    def is_in(self, line: records.JudgmentLine) -> bool:
        """Whether a line is of the same question, model and baseline."""
        same_baseline = not self.named or line.baseline == self.baseline
        return line.id == self.question and line.model in (None, "", self.model) and same_baseline

    def against(self, baseline: str) -> ListedJudgment:
        """Return the judgment with a baseline that stands in if its own is not known."""
        if self.baseline or not self.pairwise or not baseline:
            return self
        return msgspec.structs.replace(self, baseline=baseline)


class Judgments(NamedTuple):
    """The judgments of a file, and sentences on lines that do not count."""

    entries: Sequence[ListedJudgment]
    fault: str = ""


def judgments_of(
    path: Path, judge: str, model: str, rule: BaselineRule, questions: Mapping[str, Question]
) -> Judgments:
    """Return the judgments of a file, of a key its judge's last. Some name no model."""
    entries: dict[tuple[str, str, str], ListedJudgment] = {}
    faults, keys = Faults(path), set[tuple[str, ...]]()
    for number, place, line in indexed_lines(path, records.JudgmentLine, "a judgment", faults):
        key = line.id, line.model or model, line.baseline or "", line.judge or judge
        if key in keys:
            faults.repeated.append(number)
        keys.add(key)
        labels = tuple(None if game is None else label_of(game.score) for game in line.games)
        further = [game.repeats or () if game else () for game in line.games]
        repeats = tuple(tuple(one.score for one in of_game) for of_game in further)
        repeats = repeats if any(repeats) else ()
        pairwise = not any(map(is_grade, labels)) and b'"pairwise"' not in bytes(line.settings)
        baseline = line.baseline or ""
        if pairwise:
            labels += (None,) * (2 - len(labels))  # a missing game is like one that is null
            question = questions.get(line.id)
            baseline = rule.of(line.baseline, question.category if question else "") or ""
        entry = ListedJudgment(
            question=line.id,
            model=line.model or model,
            judge=judge,
            baseline=baseline,
            file=path,
            named=bool(line.baseline),
            pairwise=pairwise,
            foreign=line.judge not in (None, "", judge),
            labels=labels,
            place=place,
            repeats=repeats,
        )
        if not entry.foreign or entries.get(entry.key, entry).foreign:
            entries[entry.key] = entry
    return Judgments(list(entries.values()), faults.words)


_TAIL = 1 << 18  # bytes, more than a judgment has


def models_of(path: Path, name: str, entries: FileCache[Judgments]) -> frozenset[str]:
    """Return the models of a file of judgments, the one in its name if it has no record."""
    try:
        with path.open("rb") as file:
            first = next((line for line in file if not line.isspace()), b"")
            file.seek(max(0, path.stat().st_size - _TAIL))
            last = file.read().rstrip().rpartition(b"\n")[2]
        lines = (msgspec.json.decode(raw, type=records.KeyLine) for raw in (first, last) if raw)
        # A whole bench takes seconds to decode: a file whose first and last record are of the
        # model in its name is taken to have no other.
        if all(line.model in (None, "", name) for line in lines):
            return frozenset([name])
    except (OSError, ValueError, RecursionError):
        pass  # the entries are those of the lines that can be read
    return frozenset(entry.model for entry in entries[path].entries) or frozenset([name])


class Styles(NamedTuple):
    """Tokens and markdown counts of the answers of a file, and the reason why there are none."""

    counts: AnswerStyles
    fault: str = ""


def styles_of(path: Path) -> Styles:
    """Return tokens and markdown counts of the answers of a file by question id."""
    try:
        return Styles(read_styles(path))
    except InputError as error:
        warn(str(error))
        return Styles(NO_STYLES, f"{error}.")


class Answers(NamedTuple):
    """The places of the answers of a file by question id, and sentences on other lines."""

    places: Mapping[str, Place]
    fault: str = ""


def answers_of(path: Path) -> Answers:
    """Return the answers that can be read. Of several with one id the last counts."""
    places, faults = dict[str, Place](), Faults(path)
    for number, place, line in indexed_lines(path, records.IdLine, "an answer", faults):
        if line.id in places:
            faults.repeated.append(number)
        places[line.id] = place
    return Answers(places, faults.words)


# Search


_ASCII = "".join(" " if char.isspace() else char.lower() for char in map(chr, range(128)))
_FOLDED_ASCII = _ASCII.encode().ljust(256)


def folded(text: str) -> bytes:
    """Return a text as it is searched: without case, NUL, and other ways to write the same."""
    if text.isascii():  # most texts are, and this takes a third of the time
        raw = text.encode("ascii").translate(_FOLDED_ASCII, b"\0")
        while b"  " in raw:
            raw = raw.replace(b"  ", b" ")
        return raw.strip()
    plain = unicodedata.normalize("NFKC", text.replace("\0", "")).casefold()
    return " ".join(plain.split()).encode("utf-8", "surrogatepass")


class Texts:
    """The texts of a file, folded to be searched."""

    def __init__(self, texts: Iterable[tuple[Hashable, str]]) -> None:
        self._keys: list[Hashable] = []
        self._starts: list[int] = []
        content = bytearray()
        for key, text in texts:
            self._keys.append(key)
            self._starts.append(len(content))
            content += folded(text) + b"\0"
        self._content = bytes(content)

    def matching(self, wanted: bytes) -> set[Hashable]:
        """Return the keys of the texts that contain a folded text."""
        keys, position = set(), 0
        while (position := self._content.find(wanted, position)) >= 0:
            number = bisect.bisect_right(self._starts, position)
            keys.add(self._keys[number - 1])
            if number == len(self._starts):
                break
            position = self._starts[number]
        return keys


def answer_texts(path: Path) -> Texts:
    """Return the answers of a file by question id."""
    lines = indexed_lines(path, records.AnswerLine, "an answer")
    return Texts((line.id, "\n".join(line.answer().choices[0])) for _, _, line in lines)


class _Explained(msgspec.Struct):
    answer: str | None = None


class _ExplainedGame(msgspec.Struct):
    judgment: str | _Explained | None = None


class _ExplainedLine(records.IdLine):
    games: list[_ExplainedGame | None] = msgspec.field(default_factory=list)

    def text(self) -> str:
        """Return the words of the judge in all games."""
        replies = (game.judgment for game in self.games if game is not None)
        return "\n".join(s if isinstance(s, str) else s.answer or "" for s in replies if s)


def judgment_texts(path: Path) -> Texts:
    """Return the words of the judge in a file, by the offset of the line."""
    lines = indexed_lines(path, _ExplainedLine, "a judgment")
    return Texts((place.offset, line.text()) for _, place, line in lines)
