"""The style of answers: tokens and markdown counts, measured and read from answer files."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import read_lines
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

    with contextlib.suppress(ValueError):
        return tiktoken.get_encoding(f"{name}_offline")
    if name == "o200k_base" and importlib.util.find_spec("bpe_openai"):
        import bpe_openai

        return bpe_openai.get_encoding(name)
    try:
        return tiktoken.get_encoding(name)
    except (ValueError, OSError):
        advice = ". Without a network: pip install bpe-openai" if name == "o200k_base" else ""
        raise InputError(f"cannot load the vocabulary of '{name}'{advice}") from None


def count_tokens(texts: Sequence[str], encoding: str = "cl100k_base") -> list[int]:
    """Return the number of tokens of each text. Special tokens count as text."""
    batches = get_encoding(encoding).encode_batch(
        list(texts), num_threads=os.cpu_count() or 1, disallowed_special=()
    )
    return [len(tokens) for tokens in batches]


_CODE = re.compile(r"```([^`]*)```")


def without_code(text: str) -> str:
    """Return the text without its fenced code, and without the same text anywhere else."""
    for block in _CODE.findall(text):
        text = text.replace(block, "")
    return text


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


class _Choice(msgspec.Struct):
    turns: list[_Metadata] = []


class _StyleLine(IdLine, gc=False):
    conv_metadata: _Metadata | None = None
    metadata: _Metadata | None = None
    choices: list[_Choice] | None = None

    def style(self) -> Style:
        data = self.conv_metadata or self.metadata
        if (data is None or data.token_len is None) and self.choices:
            data = next(iter(self.choices[0].turns), None)
        if data is None or data.token_len is None:
            return {}
        style = {"tokens": int(data.token_len)}
        for noun, name in _MARKDOWN.items():
            if (counts := getattr(data, name)) is not None:
                style[noun] = sum(counts.values())
        return style


def read_styles(path: Path) -> dict[str, Style]:
    """Return tokens and markdown counts of the answers of a file by question id.

    An old answer without metadata has only tokens, those of its first turn.
    """
    return {line.id: line.style() for line in read_lines(path, _StyleLine, "an answer")}
