"""Style features of battles: differences in length and markdown of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError
from arena.bench.answer_style import NO_STYLES, AnswerStyles, read_styles
from arena.bench.paths import Bench
from arena.scoring.battles import Battles, Grades
from arena.scoring.cells import Cells
from arena.scoring.estimators import Difference


@dataclass(frozen=True)
class Styles:
    """The style of the models' answers.

    `tokens`: mean number of tokens over the whole answer file, for models with counted answers.
    `values` (M, Q, F): the attributes of each answer, NaN if not counted. None if not read.
    """

    tokens: Mapping[str, float]
    values: np.ndarray | None


def read_all_styles(bench: Bench, battles: Battles | Grades, attributes: Sequence[str]) -> Styles:
    """Return the mean tokens of all models, and these attributes of their answers."""
    shape = (len(battles.models), len(battles.questions), len(attributes))
    values = np.full(shape, np.nan) if attributes else None
    tokens: dict[str, float] = {}
    for i, model in enumerate(battles.models):
        styles = styles_of_model(bench, model)
        lengths = np.array(styles.columns.get("tokens", ()))
        if not np.isnan(lengths).all():
            tokens[model] = float(np.nanmean(lengths))
        if values is not None:
            values[i] = attribute_values(styles, battles.questions, attributes)
    return Styles(tokens, values)


def styles_of_model(bench: Bench, model: str) -> AnswerStyles:
    """Return the style of a model's answers by question, empty without an answer file."""
    path = bench.answer_file(model)
    return read_styles(path) if path.exists() else NO_STYLES


def attribute_values(
    styles: AnswerStyles, questions: Sequence[str], attributes: Sequence[str]
) -> np.ndarray:
    """Return the attributes (Q, F) of a model's answers to some questions, NaN if not counted."""
    rows = np.array([styles.rows.get(question, -1) for question in questions], dtype=int)
    answered = rows >= 0
    values = np.full((len(questions), len(attributes)), np.nan)
    for column, name in enumerate(attributes):
        values[answered, column] = np.array(styles.columns.get(name, ()), float)[rows[answered]]
    return values


def with_features(battles: Battles, bench: Bench, styles: Styles, difference: Difference) -> Cells:
    """Return the cells with the style differences (C, F) of their answers.

    Raises InputError that names the first answer with a missing attribute.
    """
    assert styles.values is not None
    cells = battles.cells
    a = styles.values[cells.a, cells.question]
    b = styles.values[cells.b, cells.question]
    missing = (np.isnan(a) | np.isnan(b)).any(axis=1)
    if not missing.any():
        return replace(cells, features=np.ascontiguousarray(difference(a, b).T))
    cell = int(np.argmax(missing))
    model = battles.models[(cells.a if np.isnan(a[cell]).any() else cells.b)[cell]]
    question = battles.questions[cells.question[cell]]
    path = bench.answer_file(model)
    if question not in styles_of_model(bench, model):
        raise InputError(
            f"{path}: no answer to {question}, so its style is not known. Answer and judge it, or "
            "leave out --missing loss or --style-control."
        )
    raise InputError(
        f"{path}: no style attributes of the answer to {question} ({missing.sum()} judgments lack "
        f"some). Run python add_markdown_info.py --dir {bench.answers}"
    )
