"""The forms in which other programs write answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.base.errors import InputError
from arena.batch.results import reply_in
from arena.bench.formats import answer_in_v01
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.datasets.tables import Row

Values = Mapping[str, Any]
IDS = ("question_id", "uid", "id")
PROMPTS = ("prompt", "instruction", "question", "input")
ANSWERS = ("answer", "output", "response", "completion", "generation", "text")
MAKERS = ("generator", "model_id", "model")


@dataclass(frozen=True)
class Columns:
    """The columns of a table that a user names, None for those with usual names."""

    id: str | None = None
    prompt: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Given:
    """An answer as a row has it. turns: its texts, one a turn, none if the call failed.

    id, prompt: those of its question, as far as the row has them. maker: the model that it names.
    record: the whole record in the v0.1 format, if the row is one.
    """

    form: str
    id: str | None
    prompt: str | None
    turns: tuple[str, ...]
    maker: str | None = None
    record: dict[str, Any] | None = None


def _first(values: Values, names: Sequence[str]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _text(value: object) -> str | None:
    """Return a text or a number as a text."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if isinstance(value, str) else str(value) if is_number else None


def of_batch(values: Values, columns: Columns) -> Given:
    """Read a result of a batch service or of vLLM."""
    reply = reply_in(dict(values), ModelConfig("imported", "the file", ""))
    texts = () if isinstance(reply, CompletionError) else (reply.text,)
    return Given("batch output", _text(values["custom_id"]), None, texts)


def of_record(values: Values, columns: Columns) -> Given:
    """Read an answer of Arena-Hard in either format, or one of MT-Bench, whose turns are texts."""
    record = answer_in_v01(dict(values))
    choices = [dict(choice) for choice in record["choices"]]
    form = "Arena-Hard answers"
    for choice in choices:
        if any(isinstance(turn, str) for turn in choice["turns"]):
            form = "MT-Bench answers"
        choice["turns"] = [
            {"content": turn} if isinstance(turn, str) else turn for turn in choice["turns"]
        ]
    texts = tuple(turn["content"] for turn in choices[0]["turns"])
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a turn without a text")
    maker = _text(_first(record, MAKERS))
    question = _text(_first(record, IDS))
    return Given(form, question, None, texts, maker, record | {"choices": choices})


def of_harness(values: Values, columns: Columns) -> Given:
    """Read a sample of lm-evaluation-harness."""
    doc = values["doc"] if isinstance(values["doc"], Mapping) else {}
    prompt = _text(_first(doc, PROMPTS))
    arguments = values.get("arguments")
    if prompt is None and arguments:
        first = next(iter(arguments.values() if isinstance(arguments, Mapping) else arguments))
        prompt = _text(first["arg_0"] if isinstance(first, Mapping) else first[0])
    reply = _first(values, ("filtered_resps", "resps"))
    while isinstance(reply, (list, tuple)) and reply:
        reply = reply[0]
    return Given("lm-evaluation-harness samples", _text(_first(doc, IDS)), prompt, _one(reply))


def of_columns(values: Values, columns: Columns) -> Given:
    """Read a row with an answer beside the id or the prompt of its question."""
    form = "AlpacaEval outputs" if {"instruction", "output"} <= values.keys() else "a table"
    id_, prompt, answer = (
        _first(values, (named,) if named else usual)
        for named, usual in (
            (columns.id, IDS),
            (columns.prompt, PROMPTS),
            (columns.answer, ANSWERS),
        )
    )
    maker = _text(_first(values, MAKERS))
    return Given(form, _text(id_), _text(prompt), _one(answer), maker)


def _one(answer: object) -> tuple[str, ...]:
    if (text := _text(answer)) is None:
        raise ValueError("no answer")
    return (text,)


# The first form whose columns a row has.
FORMS: tuple[tuple[frozenset[str], Callable[[Values, Columns], Given]], ...] = (
    *((frozenset(("custom_id", part)), of_batch) for part in ("response", "result", "error")),
    (frozenset(("choices",)), of_record),
    (frozenset(("uid", "messages")), of_record),
    *((frozenset(("doc", part)), of_harness) for part in ("resps", "filtered_resps")),
)


def answer_of(row: Row, place: str, columns: Columns) -> Given:
    """Return the answer of a row. Raises InputError if it is in no known form.

    place: the file and the line, for the message. columns: those that the user names.
    """
    values = row.values
    for name in filter(None, (columns.id, columns.prompt, columns.answer)):
        if name not in values:
            known = ", ".join(map(str, values))
            raise InputError(f"{place}: no column '{name}'. Columns here: {known}")
    read = next((read for keys, read in FORMS if keys <= values.keys()), of_columns)
    try:
        given = read(values, columns)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        known = ", ".join(map(str, values))
        reason = str(error) if isinstance(error, ValueError) else "no answer in a known form"
        advice = f"Name its column with --answer. Columns here: {known}"
        raise InputError(f"{place}: {reason}. {advice}") from None
    if given.id is None and given.prompt is None:
        known = ", ".join(map(str, values))
        advice = f"Name a column with --id or --prompt. Columns here: {known}"
        raise InputError(f"{place}: neither id nor prompt of a question. {advice}")
    return given
