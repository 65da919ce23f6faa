"""The style of answers: tokens and markdown counts, measured and read from answer files."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import operator
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from arena.base.errors import InputError, one_line
from arena.base.jsonl import read_lines
from arena.bench.code_blocks import without_code
from arena.bench.records import Finite, Format, IdLine

# The style features, each with the counted attributes of answers that it controls for: a noun, and
# the name in boards and files. A new one is a row here and its count in `count_markdown`.
FEATURES = {
    "length": {"tokens": "token_len"},
    "markdown": {"headers": "header_count", "list items": "list_count", "bold": "bold_count"},
}
ATTRIBUTES = {noun: name for names in FEATURES.values() for noun, name in names.items()}
_MARKDOWN = {noun: name for noun, name in ATTRIBUTES.items() if noun != "tokens"}


@functools.cache
def get_encoding(name: str = "cl100k_base") -> Any:
    """Return an encoding. Raises InputError if its vocabulary cannot be loaded.

    Packages with a vocabulary come first, since tiktoken alone downloads it.
    """
    import tiktoken

    with contextlib.suppress(ValueError, OSError):  # the latter on a full disk
        return tiktoken.get_encoding(f"{name}_offline")
    if name == "o200k_base" and importlib.util.find_spec("bpe_openai"):
        import bpe_openai

        return bpe_openai.get_encoding(name)
    try:
        return tiktoken.get_encoding(name)
    except (ValueError, OSError) as error:
        advice = ". Without a network: pip install bpe-openai" if name == "o200k_base" else ""
        reason = f": {one_line(error, 120)}" if isinstance(error, FileNotFoundError) else ""
        raise InputError(f"cannot load the vocabulary of '{name}'{reason}{advice}") from None


# Tokenizers refuse, panic on, or crawl through a million characters, so a long text is measured in
# parts. After a letter or digit, each of them begins a new piece at a space or such a mark, so
# that the parts have as many tokens as the whole. Only a text without either is cut anywhere.
_LONGEST_PART = 10_000
_CUT = re.compile(r"(?<=[^\W_])(?=[\s,.:;()!?。、，：；！？])")


def count_tokens(texts: Sequence[str], encoding: str = "cl100k_base") -> list[int]:
    """Return the number of tokens of each text. Special tokens count as text."""
    tokenizer = get_encoding(encoding)
    parts = [list(_parts(text)) for text in texts]
    different = list(dict.fromkeys(part for text in parts for part in text))
    if len(texts) == 1:  # threads take longer to start than to count the tokens of one answer
        encoded = (tokenizer.encode(part, disallowed_special=()) for part in different)
    else:
        threads = os.cpu_count() or 1
        encoded = tokenizer.encode_batch(different, num_threads=threads, disallowed_special=())
    tokens = dict(zip(different, map(len, encoded), strict=True))
    return [sum(tokens[part] for part in text) for text in parts]


def without_surrogates(text: str) -> str:
    """Return the text with U+FFFD for lone surrogates, which tokenizers refuse."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parts(text: str) -> Iterator[str]:
    """Yield the parts of a text that tokenizers can take."""
    text = without_surrogates(text)
    start = 0
    while len(text) - start > _LONGEST_PART:
        end = start + _LONGEST_PART
        cut = _CUT.search(text, start + _LONGEST_PART // 2, end)
        stop = cut.start() if cut else end
        yield text[start:stop]
        start = stop
    yield text[start:]


# The published rules begin with ^\s*, which also takes the empty lines before an item. These count
# alike, but in linear time: the published ones look at each of n line ends from each of them.
_HEADER = re.compile(r"^(#{1,6})\s", re.MULTILINE)
_LISTS = {
    "ordered": re.compile(r"^[^\S\n]*\d+\.\s", re.MULTILINE),
    "unordered": re.compile(r"^[^\S\n]*[-*+]\s", re.MULTILINE),
}
_BOLD = {"**": re.compile(r"\*\*[^*\n]+\*\*"), "__": re.compile(r"__[^_\n]+__")}


def count_markdown(text: str) -> dict[str, dict[str, int]]:
    """Return the counts of headers by level, list items by kind and bold runs by mark."""
    text = without_code(text)
    levels = [len(marks) for marks in _HEADER.findall(text)]
    return {
        "header_count": {f"h{level}": levels.count(level) for level in range(1, 7)},
        "list_count": {kind: len(rule.findall(text)) for kind, rule in _LISTS.items()},
        "bold_count": {mark: len(rule.findall(text)) for mark, rule in _BOLD.items()},
    }


ENCODINGS: dict[Format, str] = {"v0.1": "cl100k_base", "v2.0": "o200k_base"}
METADATA_KEYS: dict[Format, str] = {"v0.1": "conv_metadata", "v2.0": "metadata"}


def conv_metadata(texts: Sequence[str], form: Format = "v0.1") -> list[dict[str, Any]]:
    """Return the style attributes of each text, as answer files in a format have them."""
    return [
        {"token_len": tokens, **count_markdown(text)}
        for text, tokens in zip(texts, count_tokens(texts, ENCODINGS[form]), strict=True)
    ]


Style = Mapping[str, int]
"""The tokens and the markdown counts of an answer by ATTRIBUTES, as far as they are known."""

if TYPE_CHECKING:
    _Metadata = Any
else:
    _COUNTS = [(name, dict[str, int] | None, None) for name in _MARKDOWN.values()]
    _FIELDS = [("token_len", Finite | None, None), *_COUNTS]
    _Metadata = msgspec.defstruct("_Metadata", _FIELDS, gc=False)
_NOT_COUNTED = _Metadata()


class _Choice(msgspec.Struct):
    turns: list[_Metadata] = []


class _StyleLine(IdLine, gc=False):
    conv_metadata: _Metadata | None = None
    metadata: _Metadata | None = None
    choices: list[_Choice] | None = None

    def counted(self) -> _Metadata:
        """The attributes of the answer, which an old one has in its first turn."""
        data = self.conv_metadata or self.metadata
        if (data is None or data.token_len is None) and self.choices:
            data = next(iter(self.choices[0].turns), None)
        return _NOT_COUNTED if data is None or data.token_len is None else data


class AnswerStyles(Mapping[str, Style]):
    """The styles of the answers of a file by question id, stored in columns.

    rows: the row of each question. columns: the values of each of ATTRIBUTES, NaN if not counted.
    """

    def __init__(self, rows: Mapping[str, int], columns: Mapping[str, Sequence[float]]) -> None:
        self.rows = rows
        self.columns = columns

    def __getitem__(self, question: str) -> Style:
        row = self.rows[question]
        values = {noun: column[row] for noun, column in self.columns.items()}
        return {noun: int(value) for noun, value in values.items() if not math.isnan(value)}

    def tokens(self, question: str) -> float:
        """Return the number of tokens of an answer, infinite if it is not known."""
        row, column = self.rows.get(question), self.columns.get("tokens", ())
        return math.inf if row is None or math.isnan(column[row]) else column[row]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


NO_STYLES = AnswerStyles({}, {})


def read_styles(path: Path) -> AnswerStyles:
    """Return tokens and markdown counts of the answers of a file.

    An old answer without metadata has only tokens, those of its first turn.
    """
    lines = {line.id: line for line in read_lines(path, _StyleLine, "an answer")}
    answers = [line.counted() for line in lines.values()]
    tokens = (answer.token_len for answer in answers)
    columns = {"tokens": [math.nan if number is None else int(number) for number in tokens]}
    for noun, name in _MARKDOWN.items():
        counts = map(operator.attrgetter(name), answers)
        columns[noun] = [
            math.nan if by_kind is None else sum(by_kind.values()) for by_kind in counts
        ]
    return AnswerStyles({question: row for row, question in enumerate(lines)}, columns)
