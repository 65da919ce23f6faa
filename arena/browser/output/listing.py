"""The listed judgments as CSV and as JSON lines."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from arena.base.errors import InputError
from arena.base.jsonl import dump_line
from arena.bench.labels import games_disagree, margin, overall, winners
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import games_of, side_of
from arena.browser.library import Library
from arena.leaderboard.output.text import harmless

Fields = dict[str, object]

HEADS = (
    "question_id",
    "category",
    "cluster",
    "model",
    "baseline",
    "judge",
    "game_1",
    "game_2",
    "outcome",
    "margin",
    "model_tokens",
    "baseline_tokens",
    "flip",
)
CHUNK = 200  # lines that are sent at once
RECENT = 64  # answers in memory: that of a baseline comes again with each model
LONGEST_NAME = 120  # characters


def file_name(parts: Iterable[str], suffix: str) -> str:
    """Return the name of a download in plain ASCII."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(filter(None, parts)))
    return f"{words[:LONGEST_NAME].strip('.-') or 'judgments'}{suffix}"


def fields_of(library: Library) -> Callable[[ListedJudgment], Fields]:
    """Return the function from a judgment to its fields in a table. None is not known.

    The labels are as in the file: game 1 shows the baseline as A, game 2 the model.
    """
    lengths, questions = library.lengths(), library.questions

    def fields(entry: ListedJudgment) -> Fields:
        question = questions.get(entry.question)
        first, second, *_ = (*entry.labels, None, None)
        sides = winners(entry.labels[:2])
        is_whole = len(sides) == 2 and None not in sides
        values = (
            entry.question,
            question.category if question else None,
            question.cluster if question else None,
            entry.model,
            entry.baseline or None,
            entry.judge,
            first,
            second,
            overall(entry.labels) if entry.pairwise else None,
            margin(entry.labels),
            *(None if math.isinf(tokens) else int(tokens) for tokens in lengths(entry)),
            games_disagree(entry.labels) if entry.pairwise and is_whole else None,
        )
        return dict(zip(HEADS, values, strict=True))

    return fields


def csv_lines(library: Library, entries: Sequence[ListedJudgment]) -> Iterator[bytes]:
    """Yield the heads and a line for each judgment. No cell runs as a formula."""
    fields, text = fields_of(library), io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    for row in itertools.chain([HEADS], (fields(entry).values() for entry in entries)):
        table.writerow(map(harmless, row))
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()


def json_lines(library: Library, entries: Sequence[ListedJudgment]) -> Iterator[bytes]:
    """Yield a line of JSON for each judgment: the fields of a table, the prompt, the words of the
    judge in each game and the answers, turn by turn. `fault`: the reason why texts are missing.
    """
    fields, questions = fields_of(library), library.questions

    @functools.lru_cache(RECENT)
    def turns(model: str, question: str) -> tuple[Sequence[str], str]:
        side = side_of(library, model, question)
        return side.turns, side.fault

    for entry in entries:
        question, words, judge_fault = questions.get(entry.question), list[str](), ""
        try:
            words = [game.explanation for game in games_of(entry)]
        except InputError as error:
            judge_fault = str(error)
        answer, answer_fault = turns(entry.model, entry.question)
        of_baseline = turns(entry.baseline, entry.question) if entry.baseline else ((), "")
        baseline_answer, baseline_fault = of_baseline
        faults = " ".join(filter(None, (judge_fault, answer_fault, baseline_fault)))
        texts = {
            "prompt": question.texts if question else None,
            "judge_words": words,
            "model_answer": answer,
            "baseline_answer": baseline_answer,
        }
        yield dump_line(fields(entry) | texts | ({"fault": faults} if faults else {}))


def chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines, many at once."""
    while part := b"".join(itertools.islice(lines, CHUNK)):
        yield part
