"""Adds `conv_metadata` (tokens, headers, lists, bold) to answer files that lack it.

    python add_markdown_info.py --dir data/arena-hard-v0.1/model_answer
    python add_markdown_info.py --dir old_answers --output-dir data/my-bench/model_answer

The counts describe the first turn of the first choice. Style control needs them; `gen_answer.py`
takes its counters from here, so all answers are measured alike.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import records
from settings import InputError, script

FIELDS = ("token_len", "header_count", "list_count", "bold_count")


@functools.cache
def get_encoding(name: str = "cl100k_base") -> Any:
    """Return a tiktoken encoding: from the offline package where it has it, else downloaded."""
    import tiktoken

    try:
        return tiktoken.get_encoding(f"{name}_offline")
    except ValueError:
        return tiktoken.get_encoding(name)


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Return the number of cl100k_base tokens of each text; special tokens' text counts as text."""
    threads = os.cpu_count() or 1
    batches = get_encoding().encode_batch(list(texts), num_threads=threads, disallowed_special=())
    return [len(tokens) for tokens in batches]


_CODE = re.compile(r"```([^`]*)```")


def without_code(text: str) -> str:
    """Return the text without code: what stands between fences is deleted wherever it occurs."""
    for block in _CODE.findall(text):
        text = text.replace(block, "")
    return text


_HEADER = re.compile(r"^(#{1,6})\s", re.MULTILINE)
_ORDERED = re.compile(r"^\s*\d+\.\s", re.MULTILINE)
_UNORDERED = re.compile(r"^\s*[-*+]\s", re.MULTILINE)
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


def conv_metadata(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the style attributes of each text, as answer files hold them."""
    return [
        {"token_len": tokens, **count_markdown(text)}
        for text, tokens in zip(texts, count_tokens(texts), strict=True)
    ]


def _first_text(answer: dict[str, Any], path: Path) -> str:
    """Return the first turn of the first choice."""
    try:
        text = answer["choices"][0]["turns"][0]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        name = answer.get("question_id") or answer.get("uid")
        raise InputError(f"{path}: the answer to {name} has no choices[0].turns[0].content")
    return text


def add_to_file(source: Path, target: Path, recompute: bool) -> tuple[int, int]:
    """Write `source` to `target` with the attributes added; return (records, records added to).

    Attributes that a record already has are kept unless `recompute`.
    """
    lock = records.lock_file(target)
    try:
        return _add_to_locked(source, target, recompute)
    finally:
        records.unlock_file(lock)


def _add_to_locked(source: Path, target: Path, recompute: bool) -> tuple[int, int]:
    answers = records.read_objects(source, records.AnswerLine, "an answer")
    lacking = [
        answer
        for answer in answers
        if recompute or not set(FIELDS) <= set(answer.get("conv_metadata") or {})
    ]
    texts = [_first_text(answer, source) for answer in lacking]
    for answer, computed in zip(lacking, conv_metadata(texts), strict=True):
        known = answer.get("conv_metadata") or {}
        answer["conv_metadata"] = known | computed if recompute else computed | known
    if lacking or target != source:
        records.write_lines(target, map(records.dump_line, answers))
    return len(answers), len(lacking)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dir", type=Path, required=True, help="folder of answer files (*.jsonl)")
    parser.add_argument(
        "--output-dir", type=Path, help="folder to write to (default: the same files, in place)"
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="measure answers again that already have their attributes (default: False)",
    )
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Add the attributes to all files of a folder; see the flags."""
    args = _arguments(argv)
    output = args.output_dir or args.dir
    names = records.model_names(args.dir) if args.dir.is_dir() else []
    if not names:
        raise InputError(f"{args.dir}: no answer files (*.jsonl) in this folder")
    for name in names:
        records.read_objects(args.dir / f"{name}.jsonl", records.AnswerLine, "an answer")
    for name in names:
        source, target = args.dir / f"{name}.jsonl", output / f"{name}.jsonl"
        total, added = add_to_file(source, target, args.recompute)
        print(f"{target}: {added} of {total} answers measured, {total - added} kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
