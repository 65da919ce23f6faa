"""Adds style attributes (tokens, headers, lists, bold) to answers without them.

    python add_markdown_info.py --dir data/arena-hard-v0.1/model_answer
    python add_markdown_info.py --dir old_answers --output-dir data/my-bench/model_answer

They describe the first turn of the first choice: `conv_metadata` of an answer in the v0.1 format,
`metadata` of one in the v2.0 format. Style control needs them. `gen_answer.py` counts in the same
way.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.base.flags import script_parser
from arena.base.jsonl import dump_line, write_lines
from arena.base.record_file import locked
from arena.bench.answer_style import ATTRIBUTES, METADATA_KEYS, conv_metadata
from arena.bench.formats import answer_in_v01, read_objects, record_id
from arena.bench.paths import model_names
from arena.bench.records import AnswerLine


def add_style(answers: Sequence[dict[str, Any]], path: Path, recompute: bool) -> int:
    """Add the attributes to answers without them, or to all, and return the number measured."""
    measured = 0
    for form, key in METADATA_KEYS.items():
        incomplete, texts = [], []
        for answer in answers:
            complete = set(ATTRIBUTES.values()) <= set(answer.get(key) or {}) and not recompute
            if complete or (answer.get("messages") is not None) != (form == "v2.0"):
                continue
            try:
                text = answer_in_v01(answer)["choices"][0]["turns"][0]["content"]
            except (KeyError, IndexError, TypeError):
                text = None
            if not isinstance(text, str):
                place = (
                    "choices[0].turns[0].content" if form == "v0.1" else "answer in its messages"
                )
                raise InputError(f"{path}: the answer to {record_id(answer)} has no {place}")
            incomplete.append(answer)
            texts.append(text)
        styles = conv_metadata(texts, form) if texts else []
        for answer, style in zip(incomplete, styles, strict=True):
            present = answer.get(key) or {}
            answer[key] = present | style if recompute else style | present
        measured += len(incomplete)
    return measured


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Add the attributes to all answer files of a folder."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--dir", type=Path, required=True, help="folder of answer files (*.jsonl)")
    output_help = "folder to write to (default: the same files, in place)"
    add("--output-dir", type=Path, help=output_help)
    recompute_help = "measure answers again that already have their attributes"
    add("--recompute", action="store_true", help=recompute_help)
    args = parser.parse_args(argv)
    output = args.output_dir or args.dir
    names = model_names(args.dir) if args.dir.is_dir() else []
    if not names:
        problem = (
            "no answer files (*.jsonl) in this folder" if args.dir.is_dir() else "no such folder"
        )
        raise InputError(f"{args.dir}: {problem}")
    for name in names:  # all files are checked before the first is rewritten
        deque(read_objects(args.dir / f"{name}.jsonl", AnswerLine, "an answer"), maxlen=0)
    for name in names:
        source, target = args.dir / f"{name}.jsonl", output / f"{name}.jsonl"
        with locked(target):
            answers = list(read_objects(source, AnswerLine, "an answer"))
            measured = add_style(answers, source, args.recompute)
            if measured or target != source:
                write_lines(target, map(dump_line, answers))
        kept = len(answers) - measured
        print(f"{target}: {measured} of {len(answers)} answers measured, {kept} kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
