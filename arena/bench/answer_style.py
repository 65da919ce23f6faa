"""TODO."""

from __future__ import annotations

import functools
import importlib.util
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import decode, decode_at_once, decode_lines
from arena.bench.records import Format, IdLine


class Style(msgspec.Struct, frozen=True, gc=False):
    """What is known of an answer's form: tokens, and the counts of its markdown."""

    question_id: str
    tokens: int | None = None
    headers: int | None = None
    lists: int | None = None
    bold: int | None = None


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


def read_styles(path: Path) -> dict[str, Style]:
    """Return tokens and markdown counts of the answers of a file by question id; texts are not
    decoded.
    """
    lines = decode_at_once(path, _StyleLine, "an answer")
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
                style = Style(line.id, _old_tokens(decode(raw, decoder, _OldStyleLine)))
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


ENCODINGS: dict[Format, str] = {"v0.1": "cl100k_base", "v2.0": "o200k_base"}
METADATA_KEYS: dict[Format, str] = {"v0.1": "conv_metadata", "v2.0": "metadata"}


@functools.cache
def get_encoding(name: str = "cl100k_base") -> Any:
    """Return an encoding: from a package that brings its vocabulary where there is one, else
    tiktoken's, which downloads it; InputError if that fails.
    """
    import tiktoken

    try:
        return tiktoken.get_encoding(f"{name}_offline")
    except ValueError:
        pass
    if name == "o200k_base" and importlib.util.find_spec("bpe_openai"):
        import bpe_openai

        return bpe_openai.get_encoding(name)
    try:
        return tiktoken.get_encoding(name)
    except (ValueError, OSError):
        hint = "; without a network: pip install bpe-openai" if name == "o200k_base" else ""
        raise InputError(f"the vocabulary of '{name}' cannot be loaded{hint}") from None


def count_tokens(texts: Sequence[str], encoding: str = "cl100k_base") -> list[int]:
    """Return the number of tokens of each text; the text of special tokens counts as text."""
    batches = get_encoding(encoding).encode_batch(
        list(texts), num_threads=os.cpu_count() or 1, disallowed_special=()
    )
    return [len(tokens) for tokens in batches]


_CODE = re.compile(r"```([^`]*)```")


def without_code(text: str) -> str:
    """Return the text without code: what stands between fences is deleted wherever it occurs."""
    for block in _CODE.findall(text):
        text = text.replace(block, "")
    return text


_HEADER = re.compile(r"^(#{1,6})\s", re.MULTILINE)


# The published rules begin with ^\s*, which takes the empty lines before an item too: they count
# alike, but look at each of n line ends from each of them.
_ORDERED = re.compile(r"^[^\S\n]*\d+\.\s", re.MULTILINE)


_UNORDERED = re.compile(r"^[^\S\n]*[-*+]\s", re.MULTILINE)


_BOLD_STARS = re.compile(r"\*\*[^*\n]+\*\*")


_BOLD_UNDERSCORES = re.compile(r"__[^_\n]+__")


def count_markdown(text: str) -> dict[str, dict[str, int]]:
    """Return the counts of headers by level, list items by kind and bold runs by mark, without
    code.
    """
    text = without_code(text)
    levels = [len(marks) for marks in _HEADER.findall(text)]
    return {
        "header_count": {f"h{level}": levels.count(level) for level in range(1, 7)},
        "list_count": {
            "ordered": len(_ORDERED.findall(text)),
            "unordered": len(_UNORDERED.findall(text)),
        },
        "bold_count": {
            "**": len(_BOLD_STARS.findall(text)),
            "__": len(_BOLD_UNDERSCORES.findall(text)),
        },
    }


def conv_metadata(texts: Sequence[str], form: Format = "v0.1") -> list[dict[str, Any]]:
    """Return the style attributes of each text, as answer files in a format have them."""
    return [
        {"token_len": tokens, **count_markdown(text)}
        for text, tokens in zip(texts, count_tokens(texts, ENCODINGS[form]), strict=True)
    ]
