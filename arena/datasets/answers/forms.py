"""The forms in which other programs write answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any

from arena.base.errors import InputError
from arena.batch.results import reply_in
from arena.bench.formats import answer_in_v01
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import split_thought
from arena.datasets.making.prompts import contexts_of, written_turns
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
    """An answer as a row has it.

    id, prompt: those of its question, as far as the row has them. choices: in the v0.1 format, the
    first one without turns if there is no reply. maker: the model that the row names.
    """

    form: str
    id: str | None
    prompt: str | None
    choices: Sequence[Values]
    maker: str | None = None
    tstamp: float | None = None

    @property
    def turns(self) -> tuple[str, ...]:
        """The texts of the first choice, one a turn."""
        return tuple(turn["content"] for turn in self.choices[0]["turns"])


def _first(values: Values, names: Sequence[str]) -> Any:
    given = (values.get(name) for name in names)
    # NaN, which tables have in place of null, differs from itself.
    return next((value for value in given if value is not None and value == value), None)


def _text(value: object) -> str | None:
    """Return a text or a number as a text."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if isinstance(value, str) else str(value) if is_number else None


def prompt_of(values: Values) -> str | None:
    """Return the prompt of a row as a bench of such rows has it: with what an instruction is on."""
    prompt = _text(_first(values, PROMPTS))
    is_instruction = prompt is not None and prompt == values.get("instruction")
    return "\n\n".join([prompt or "", *contexts_of(values).values()]) if is_instruction else prompt


def _choices(turns: Sequence[Values]) -> list[dict[str, Any]]:
    """Return choice 0 with such turns, without those from the first missing reply on."""
    given = takewhile(lambda turn: turn["content"] is not None, turns)
    return [{"index": 0, "turns": list(given)}]


def of_batch(values: Values, columns: Columns) -> Given:
    """Read a result of a batch service or of vLLM."""
    if isinstance(values.get("response"), str):  # a table
        return of_columns({**values, "id": values["custom_id"]}, columns)
    reply = reply_in(dict(values), ModelConfig("imported", "the file", ""))
    turns = []
    if not isinstance(reply, CompletionError):
        fields = {key: value for key, value in asdict(reply).items() if value is not None}
        turns = [{"content": fields.pop("text"), **fields}]
    return Given("batch output", _text(values["custom_id"]), None, _choices(turns))


def of_gemini(values: Values, columns: Columns) -> Given:
    """Read a result of Gemini's batches, whose lines have keys."""
    if not any(isinstance(values.get(part), Mapping) for part in ("response", "error")):
        return of_columns(values, columns)
    return of_batch({**values, "custom_id": values["key"]}, columns)


def of_record(values: Values, columns: Columns) -> Given:
    """Read an answer of Arena-Hard in either format, or one of MT-Bench, whose turns are texts."""
    record = answer_in_v01(dict(values))
    choices, form = list[dict[str, Any]](), "Arena-Hard answers"
    for choice in record["choices"]:
        if any(isinstance(turn, str) for turn in choice["turns"]):
            form = "MT-Bench answers"
        written = [t if isinstance(t, Mapping) else {"content": t} for t in choice["turns"]]
        turns = _choices(written)[0]["turns"]
        if not all(isinstance(turn["content"], str) for turn in turns):
            raise ValueError("a turn without a text")
        choices.append(choice | {"turns": turns})
    if not choices:
        raise KeyError("choices")
    maker, question = _text(_first(record, MAKERS)), _text(_first(record, IDS))
    return Given(form, question, None, choices, maker, record.get("tstamp"))


LIKELIHOOD = re.compile(r"-?(inf|\d+(\.\d+)?(e-?\d+)?)")


def of_harness(values: Values, columns: Columns) -> Given:
    """Read a sample of lm-evaluation-harness: the whole reply, not what a filter took from it.

    Raises InputError for log-likelihoods, which are no replies.
    """
    doc = values["doc"] if isinstance(values["doc"], Mapping) else {}
    calls = values.get("arguments") or {}
    call: Any = next(iter(calls.values() if isinstance(calls, Mapping) else calls), [])
    arguments = list(call.values() if isinstance(call, Mapping) else call)
    prompt = prompt_of(doc) or _text(arguments[0] if arguments else None)
    names = (columns.answer,) if columns.answer else ("resps", "filtered_resps")
    reply, others = _first({name: values.get(name) or None for name in names}, names), list[Any]()
    while isinstance(reply, (list, tuple)):
        reply, others = (reply[0], list(reply[1:])) if reply else (None, [])
    is_generated = any(isinstance(argument, Mapping) for argument in arguments[1:])
    if _text(reply) != reply or (
        not is_generated
        and LIKELIHOOD.fullmatch(reply or "")
        and (arguments or str(others[:1]) in ("['True']", "['False']"))
    ):
        advice = "Import the samples of a task whose output_type is generate_until."
        raise InputError(f"a log-likelihood in place of a reply. {advice}")
    form, turns = "lm-evaluation-harness samples", _choices([{"content": reply}])
    return Given(form, _text(_first(doc, IDS)), prompt, turns)


def of_columns(values: Values, columns: Columns) -> Given:
    """Read a row with an answer beside the id or the prompt of its question."""
    form = "AlpacaEval outputs" if {"instruction", "output"} <= values.keys() else "a table"
    names = (columns.answer,) if columns.answer else ANSWERS
    answer = _first(values, names)
    if (text := _text(answer)) is None and (answer is not None or not values.keys() & {*names}):
        raise ValueError("no answer")
    id_, prompt = _text(_first(values, IDS)), prompt_of(values)
    return Given(form, id_, prompt, _choices([{"content": text}]), _text(_first(values, MAKERS)))


# The first form whose columns a row has.
FORMS: tuple[tuple[frozenset[str], Callable[[Values, Columns], Given]], ...] = (
    *((frozenset(("doc", part)), of_harness) for part in ("resps", "filtered_resps")),
    *((frozenset(("custom_id", part)), of_batch) for part in ("response", "result", "error")),
    *((frozenset(("key", part)), of_gemini) for part in ("response", "error")),
    (frozenset(("choices",)), of_record),
    (frozenset(("uid", "messages")), of_record),
)


def answer_of(row: Row, place: str, columns: Columns) -> Given:
    """Return the answer of a row. Raises InputError if it is in no known form.

    place: the file and the line, for the message. columns: those that the user names.
    """
    values, known = row.values, f"Columns here: {', '.join(map(str, row.values))}"
    for name in filter(None, (columns.id, columns.prompt, columns.answer)):
        if name not in values:
            raise InputError(f"{place}: no column '{name}'. {known}")
    read = next((read for keys, read in FORMS if keys <= values.keys()), of_columns)
    try:
        given = (of_columns if columns.answer and read != of_harness else read)(values, columns)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = str(error) if isinstance(error, ValueError) else "no answer in a known form"
        advice = "Name its column with --answer"
        raise InputError(f"{place}: {reason}. {advice}. {known}") from None
    if columns.id or columns.prompt:
        given = replace(given, id=_text(_first(values, (columns.id or "",))))
    if columns.prompt:
        given = replace(given, prompt=_text(_first(values, (columns.prompt,))))
    asked, replies = map(written_turns, (given.prompt, "".join(given.turns)))
    if isinstance(asked, list) and isinstance(asked[0], str):
        given = replace(given, prompt=asked[0])
        # Only a list of as many texts is an answer to each turn, not one that is a list.
        texts = replies if isinstance(replies, list) and isinstance(replies[0], str) else []
        if len(given.turns) == 1 and len(texts) == len(asked):
            given = replace(given, choices=_choices([{"content": text} for text in texts]))
    if given.id is None and given.prompt is None:
        advice = "Name a column with --id or --prompt"
        raise InputError(f"{place}: neither id nor prompt of a question. {advice}. {known}")
    return replace(given, choices=[_without_thoughts(choice) for choice in given.choices])


def _without_thoughts(choice: Values) -> dict[str, Any]:
    """Return a choice with the reasoning that its texts begin with beside them."""
    turns = []
    for turn in choice["turns"]:
        thought, text = split_thought(turn["content"], None)
        turns.append({**turn, "content": text} | ({"reasoning": thought} if thought else {}))
    return {**choice, "turns": turns}
