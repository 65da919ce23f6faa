"""The JSONL files under data/: questions, answers and judgments of both generations, read and
safely written.

Past this module nobody knows which generation a file came from: every reader returns the same kind
of record. Writers append whole lines under a lock and rewrite a file only through a temporary one.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import json
import math
import os
import re
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from settings import InputError, OutputError, warn

Line = TypeVar("Line", bound=msgspec.Struct)
Record = TypeVar("Record")

SYNC_SECONDS = 1.0
LONGEST_NAME = 240  # bytes; file systems take 255, and temporary files have longer names


# Where the files are


@dataclass(frozen=True)
class Bench:
    """The folder of one benchmark, `<data_dir>/<name>`."""

    data_dir: Path
    name: str

    @property
    def folder(self) -> Path:
        """`data/<bench>`."""
        return named_path(self.data_dir, self.name, "bench name")

    @property
    def questions(self) -> Path:
        """`data/<bench>/question.jsonl`."""
        return self.folder / "question.jsonl"

    @property
    def answers(self) -> Path:
        """`data/<bench>/model_answer`."""
        return self.folder / "model_answer"

    def answer_file(self, model: str) -> Path:
        """`data/<bench>/model_answer/<model>.jsonl`."""
        return named_path(self.answers, model, "model name", ".jsonl")

    def judgments(self, judge: str) -> Path:
        """`data/<bench>/model_judgment/<judge>`."""
        return named_path(self.folder / "model_judgment", judge, "judge name")

    def judgment_file(self, judge: str, model: str) -> Path:
        """`data/<bench>/model_judgment/<judge>/<model>.jsonl`."""
        return named_path(self.judgments(judge), model, "model name", ".jsonl")


def named_path(folder: Path, name: str, what: str, suffix: str = "") -> Path:
    """Return the path of `name` below `folder`; a `/` in the name makes a subfolder.

    Raises InputError for a name that would leave the folder or that no file can have.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") for part in parts) or any(
        character == "\\" or not character.isprintable() for character in name
    ):
        raise InputError(f"{what} {name!r}: not a name that a file can have")
    if any(len((part + suffix).encode(errors="replace")) > LONGEST_NAME for part in parts):
        raise InputError(f"{what} '{name[:40]}...': longer than a file name can be")
    return folder.joinpath(*parts[:-1], parts[-1] + suffix)


def model_names(folder: Path) -> list[str]:
    """Return the names of the models that have a file in `folder`, sorted; none without folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.jsonl"))
    return sorted(
        path.as_posix().removesuffix(".jsonl")
        for path in paths
        if not any(part.startswith(".") for part in path.parts)
    )


# Reading


def known_benches(data_dir: Path) -> str:
    """Return the names of the benches in a data folder, for a message."""
    folders = (path for path in data_dir.glob("*/") if path.is_dir())
    return ", ".join(sorted(path.name for path in folders)) or "none"


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

    `grades`: the numbers that were given to a single answer in place of labels. `settings`: the
    JSON of how the judge was asked, as far as the games tell.
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


class _KeyLine(IdLine):
    model: str | None = None
    judge: str | None = None
    baseline: str | None = None


class _QuestionLine(IdLine):
    category: str | None = None
    cluster: str | None = None
    subcategory: str | None = None
    turns: list[_Text] | None = None
    prompt: str | None = None
    aspects: str | list[str] | None = None

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


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a file; InputError if it is missing, a folder or unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {error.strerror}") from None
    return data.removeprefix(codecs.BOM_UTF8)


def read_objects(path: Path, kind: type[msgspec.Struct], what: str) -> list[dict[str, Any]]:
    """Return the whole records of a file as they are; InputError for one of another kind."""
    return [json.loads(raw) for _, raw, _ in decode_lines(path, kind, what)]


def record_id(record: Mapping[str, Any]) -> str:
    """Return the question id of a whole record of either generation."""
    first = record.get("question_id")
    return str(first if first is not None else record["uid"])


def decode_lines(path: Path, kind: type[Line], what: str) -> Iterator[tuple[int, bytes, Line]]:
    """Yield (line number, raw line, typed part of it) for each JSON object of a file.

    Blank lines are passed over, so is a torn last line (with a warning). Raises InputError that
    names file and line for anything else that is not an object of this kind.
    """
    lines = read_bytes(path, what).split(b"\n")
    decoder = msgspec.json.Decoder(kind)
    for number, raw in enumerate(lines, start=1):
        if not raw or raw.isspace():
            continue
        try:
            yield number, raw, _decode(raw, decoder, kind)
        except ValueError as error:
            if number == len(lines) and not _is_json(raw):
                warn(f"{path}: the last line is torn (a killed writer) and is passed over")
                return
            raise InputError(f"{path}:{number}: not {what}: {error}") from None


def _decode_at_once(path: Path, kind: type[Line], what: str) -> list[Line] | None:
    """Return the typed part of each line; None if the file needs the care of `decode_lines`."""
    data = read_bytes(path, what)
    try:
        lines = msgspec.json.Decoder(kind).decode_lines(data)
    except (ValueError, RecursionError):
        return None
    ends = data.count(b"\n") + (not data.endswith(b"\n"))
    return lines if len(lines) == ends else None


def _decode(raw: bytes, decoder: msgspec.json.Decoder[Line], kind: type[Line]) -> Line:
    """Decode one line; what msgspec refuses and json lets through (lone surrogates) goes the slow
    way.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            found = json.loads(raw.decode("utf-8"), object_hook=_with_raw_settings)
            return msgspec.convert(found, kind)
        except UnicodeDecodeError:
            raise ValueError("the text is not UTF-8") from None
        except json.JSONDecodeError:
            raise ValueError(str(error)) from None


def _with_raw_settings(found: dict[str, Any]) -> dict[str, Any]:
    """Return an object of JSON with its settings as JSON again, as the typed lines hold them."""
    if "settings" in found:
        text = json.dumps(found["settings"], default=lambda raw: json.loads(bytes(raw)))
        found["settings"] = msgspec.Raw(text.encode())
    return found


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _read_by_id(
    path: Path,
    kind: type[Line],
    what: str,
    build: Callable[[Line], Record],
    key: Callable[[Record], Hashable],
) -> list[Record]:
    """Return the records of a file, the last of those with one key."""
    lines = _decode_at_once(path, kind, what)
    if lines is None:
        lines = [line for _, _, line in decode_lines(path, kind, what)]
    return newest(path, [build(line) for line in lines], key)


def newest(
    path: Path, records: Sequence[Record], key: Callable[[Record], Hashable]
) -> list[Record]:
    """Return the last of the records with one key, with a warning if there are several."""
    by_key = {key(record): record for record in records}
    if len(by_key) < len(records):
        warn(f"{path}: {len(records) - len(by_key)} repeated ids; the last record of each counts")
    return list(by_key.values())


def read_questions(bench: Bench) -> list[Question]:
    """Return the questions of a bench in the order of the file; InputError if there are none."""
    path = bench.questions
    if not path.exists():
        raise InputError(f"{path}: no such file; benches here: {known_benches(bench.data_dir)}")
    questions = _read_by_id(path, _QuestionLine, "a question", _question, lambda q: q.id)
    if not questions:
        raise InputError(f"{path}: holds no question")
    return questions


def _question(line: _QuestionLine) -> Question:
    turns = [line.prompt] if line.prompt is not None else [t.content for t in line.turns or []]
    cluster = line.cluster if line.cluster is not None else line.subcategory
    return Question(
        id=line.id,
        category=line.category or "",
        cluster=cluster or "",
        turns=tuple(turns),
        aspects=line.aspects if isinstance(line.aspects, str) else ", ".join(line.aspects or []),
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
    lines = _decode_at_once(path, _StyleLine, "an answer")
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
                style = Style(line.id, _old_tokens(_decode(raw, decoder, _OldStyleLine)))
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
        games = [game for game in line.games if game is not None]
        told = [bytes(game.settings) for game in games if game.settings]
        if line.settings and len(told) < len(games):
            told.append(bytes(line.settings))
        grades = (_grade(game.score) for game in games if game.score is not None)
        return Judgment(
            question_id=line.id,
            model=line.model or model,
            judge=line.judge or judge,
            baseline=line.baseline,
            labels=tuple(_label(game.score) if game is not None else None for game in line.games),
            settings=tuple(told),
            grades=tuple(grade for grade in grades if grade is not None),
        )

    return _read_by_id(
        path,
        JudgmentLine,
        "a judgment",
        build,
        lambda j: (j.question_id, j.model, j.baseline, j.judge),
    )


def _label(score: str | float | None) -> str | None:
    return score if isinstance(score, str) else None


@functools.lru_cache(maxsize=1024)
def _grade(score: str | float) -> float | None:
    """Return the grade that a score is, as a number or in its digits; None for a label."""
    if isinstance(score, str):
        return float(score) if re.fullmatch(r"\s*-?\d{1,9}(\.\d+)?\s*", score, re.ASCII) else None
    return score


# Writing


def dump_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of JSON in UTF-8; lone surrogates are escaped."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record).encode() + b"\n"


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file by these lines at once: a reader sees the old file or the new one, never a
    part.
    """
    path = Path(os.path.realpath(path))
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb", buffering=1 << 20) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            scratch.chmod(path.stat().st_mode & 0o777)
        os.replace(scratch, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


class RecordFile:
    """A JSONL file under a lock, to which records are appended and which is left unique and
    sorted.

    Opening creates no file, takes the lock (InputError if another process holds it) and repairs a
    torn last line. `close` keeps the newest record of each key and sorts by key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left_unsettled = _lock_path(path).exists()  # by a run that was killed
        self._lock = lock_file(path)
        self._file: Any = None
        self._synced = time.monotonic()
        self._dirty = False
        self._broken = False
        try:
            self._repair()
        except BaseException:
            unlock_file(self._lock)
            raise

    def __enter__(self) -> RecordFile:
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record and hand it to the system before returning."""
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        line = dump_line(record)
        try:
            whole = self._file.write(line) == len(line)
        except OSError as error:
            self._broken = True
            raise OutputError(f"{self.path}: cannot write: {error.strerror}") from None
        if not whole:
            self._broken = True
            raise OutputError(f"{self.path}: cannot write: the disk is full")
        self._dirty = True
        self.sync()

    def sync(self, now: bool = False) -> None:
        """Force what was appended to the disk, at most once a second unless `now`."""
        if self._dirty and (now or time.monotonic() - self._synced >= SYNC_SECONDS):
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
            self._dirty = False

    def close(self) -> None:
        """Sync, make the file unique and sorted if anything was appended, and give up the lock."""
        try:
            if self._file is not None:
                self.sync(now=True)
                self._file.close()
            settled = self._file is None and not self._left_unsettled
            if not settled and not self._broken and self.path.exists():
                self._settle()
            self._file = None
        finally:
            unlock_file(self._lock)

    def _settle(self) -> None:
        lines = decode_lines(self.path, _KeyLine, "a record")
        newest = {
            (line.id, line.baseline or "", line.model or "", line.judge or ""): raw.rstrip(b"\r")
            + b"\n"
            for _, raw, line in lines
        }
        write_lines(self.path, (newest[key] for key in sorted(newest)))

    def _repair(self) -> None:
        """Drop a torn last line, and end a whole one that lacks its newline."""
        if not self.path.exists():
            return
        data = read_bytes(self.path, "records")
        tail = data.rsplit(b"\n", 1)[-1]
        if not tail or tail.isspace():
            return
        with self.path.open("r+b") as file:
            if _is_json(tail):
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
            else:
                warn(
                    f"{self.path}: dropped a torn last line of {len(tail)} bytes (a killed writer)"
                )
                file.truncate(self.path.stat().st_size - len(tail))


def _lock_path(path: Path) -> Path:
    """Return the lock of a file; one that nobody holds was left behind by a killed run."""
    return path.with_name(f".{path.name}.lock")


def lock_file(path: Path) -> Any:
    """Return the held lock of a file that is about to be written; InputError if another run has
    it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(path), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{path}: another run is writing this file; wait for it or stop it"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot write here: {error.strerror}") from None
    return lock


def unlock_file(lock: Any) -> None:
    """Give up a lock of `lock_file` and remove its file, while it is still held."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
