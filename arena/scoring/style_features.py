"""The style of answers: their length and markdown as features of battles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError
from arena.bench.answer_style import Style, read_styles
from arena.bench.paths import Bench
from arena.scoring.battles import Battles, Grades
from arena.scoring.cells import Cells
from arena.scoring.estimators import Difference

FEATURES: dict[str, tuple[str, ...]] = {
    "length": ("tokens",),
    "markdown": ("headers", "lists", "bold"),
}
ATTRIBUTES = {
    "tokens": "token_len",
    "headers": "header_count",
    "lists": "list_count",
    "bold": "bold_count",
}


@dataclass(frozen=True)
class Styles:
    """What is known of the models' answers.

    `tokens`: mean number of tokens over the whole answer file, of a model where it is known.
    `values` (M, Q, F): the counted attributes of each answer, NaN where not known; None if not
    asked.
    """

    tokens: Mapping[str, float]
    values: np.ndarray | None


def read_all_styles(bench: Bench, battles: Battles | Grades, attributes: Sequence[str]) -> Styles:
    """Return the mean tokens of all models, and the attributes of their answers."""
    question = {name: i for i, name in enumerate(battles.questions)}
    shape = (len(battles.models), len(battles.questions), len(attributes))
    values = np.full(shape, np.nan) if attributes else None
    tokens: dict[str, float] = {}
    for i, model in enumerate(battles.models):
        path = bench.answer_file(model)
        styles = read_styles(path) if path.exists() else {}
        lengths = [style.tokens for style in styles.values() if style.tokens is not None]
        if lengths:
            tokens[model] = sum(lengths) / len(lengths)
        if values is not None:
            _fill_values(values[i], styles, question, attributes)
    return Styles(tokens, values)


def _fill_values(
    values: np.ndarray,
    styles: Mapping[str, Style],
    question: Mapping[str, int],
    attributes: Sequence[str],
) -> None:
    known = [(question[name], style) for name, style in styles.items() if name in question]
    for column, attribute in enumerate(attributes):
        counts = [getattr(style, attribute) for _, style in known]
        values[[row for row, _ in known], column] = np.array(counts, dtype=float)


def with_features(battles: Battles, bench: Bench, styles: Styles, difference: Difference) -> Cells:
    """Return the cells with the style differences (C, F) of their answers.

    Raises InputError that names the first answer whose attributes are not known.
    """
    assert styles.values is not None
    cells = battles.cells
    a = styles.values[cells.a, cells.question]
    b = styles.values[cells.b, cells.question]
    unknown = np.isnan(a) | np.isnan(b)
    if unknown.any():
        _refuse_unknown(battles, bench, np.isnan(a).any(axis=1), unknown.any(axis=1))
    return replace(cells, features=np.ascontiguousarray(difference(a, b).T))


def _refuse_unknown(battles: Battles, bench: Bench, of_a: np.ndarray, unknown: np.ndarray) -> None:
    """Raise InputError for the first cell (C,) with an answer whose attributes are not known."""
    cells, cell = battles.cells, int(np.argmax(unknown))
    side = cells.a if of_a[cell] else cells.b
    path = bench.answer_file(battles.models[side[cell]])
    question = battles.questions[cells.question[cell]]
    if not path.exists() or question not in read_styles(path):
        raise InputError(
            f"{path}: no answer to {question}, so style cannot be controlled for; "
            "answer and judge it, or leave out --missing loss"
        )
    raise InputError(
        f"{path}: no style attributes of the answer to {question} ({unknown.sum()} judgments "
        f"lack some); run: python add_markdown_info.py --dir {bench.answers}"
    )
