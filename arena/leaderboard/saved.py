"""Results saved for a later run: battles, bootstrap and style coefficients.

Battles and bootstrap have a side file that says what made them.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import add
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from arena.base.errors import InputError, OutputError, warn
from arena.base.flags import SAVED_BATTLES, SAVED_BOOTSTRAP
from arena.base.jsonl import decode_lines, read_bytes, write_lines
from arena.bench.answer_style import ATTRIBUTES
from arena.bench.records import Question
from arena.leaderboard.board import Method, Scored
from arena.scoring import solver
from arena.scoring.battles import Battles, battles_of
from arena.scoring.cells import CellColumns, CellCounts
from arena.scoring.estimators import BRADLEY_TERRY, Estimator
from arena.scoring.selection import Selection, matching_questions
from arena.scoring.solver import FixedStyle

_WINNERS = ("model_a", "tie", "model_b")


class BattleLine(msgspec.Struct):
    """A line of a saved battle file: one weighted battle."""

    question_id: str
    model_a: str
    model_b: str
    winner: str


def save_run(
    scored: Scored, selection: Selection, data_dir: Path, *, battles: bool, bootstrap: bool
) -> None:
    """Save battles and bootstrap for a later run; warn where they cannot be written."""
    if battles:
        with _warned_of_faults():
            path = data_dir / SAVED_BATTLES
            save_battles(scored.battles, path)
            save_settings(path, selection.settings())
    if bootstrap:
        with _warned_of_faults():
            path = data_dir / SAVED_BOOTSTRAP
            save_bootstrap(scored, path)
            made = bootstrap_settings(selection, scored.method, scored.battles, scored.style)
            save_settings(path, made)


@contextlib.contextmanager
def _warned_of_faults() -> Iterator[None]:
    """Warn of a result that cannot be saved: the board is printed all the same."""
    try:
        yield
    except OutputError as error:
        warn(f"{error}; nothing is saved for --load-battles or --load-bootstrap")


def bootstrap_settings(
    selection: Selection, method: Method, battles: Battles, style: FixedStyle | None
) -> dict[str, object]:
    """Return what saved bootstrap results must agree in: settings, and the battles themselves."""
    fixed = None if style is None else style.coefficients.tolist()
    made = selection.settings() | method.settings()
    return made | {"style": fixed, "battles": battles.fingerprint}


def save_battles(battles: Battles, path: Path) -> None:
    """Write one line a weighted battle: question_id, model_a, model_b, winner."""
    cells = battles.cells
    models = [_json(name) for name in battles.models]
    starts = [b'{"question_id": %b, "model_a": ' % _json(name) for name in battles.questions]
    ends = [b', "winner": "%b"}\n' % winner.encode() for winner in _WINNERS]

    @functools.cache
    def rests(a: int, b: int) -> list[bytes]:
        return [b'%b, "model_b": %b%b' % (models[a], models[b], end) for end in ends]

    def lines() -> Iterator[bytes]:
        columns = (cells.question.tolist(), cells.a.tolist(), cells.b.tolist())
        for question, a, b, counts in zip(*columns, cells.counts.T.tolist(), strict=True):
            for rest, count in zip(rests(a, b), counts, strict=True):
                if count:
                    yield (starts[question] + rest) * count

    write_lines(path, lines())


def _json(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")


def load_battles(
    path: Path, selection: Selection, questions: Sequence[Question]
) -> tuple[Selection, Battles]:
    """Return the battles of a file that `save_battles` or the v0.1 program wrote, and the selection
    with the baselines that they are against.
    """
    found: dict[tuple[str, str, str], list[int]] = {}
    for number, _, line in decode_lines(path, BattleLine, "a battle"):
        if line.winner not in _WINNERS and not line.winner.startswith("tie"):
            known = ", ".join(_WINNERS)
            raise InputError(f"{path}:{number}: winner '{line.winner}' is none of {known}")
        row = _WINNERS.index(line.winner) if line.winner in _WINNERS else 1
        cell = found.setdefault((line.question_id, line.model_a, line.model_b), [0, 0, 0])
        cell[row] += 1
    if not found:
        raise InputError(f"{path}: holds no battle")
    columns = CellColumns()
    wanted = matching_questions(selection, questions)
    categories = {question.id: question.category for question in questions}
    unknown = {question for question, _, _ in found} - categories.keys()
    if questions and unknown:
        bench = selection.bench.name
        raise InputError(
            f"{path}: battles of another bench: {bench} has no question {min(unknown)}"
        )
    named: defaultdict[str, set[str]] = defaultdict(set)
    for (question, a, b), counts in found.items():
        if wanted is not None and question not in wanted:
            continue
        columns.judgments += 1
        named[categories.get(question, "")].add(a)
        columns.add(a, b, question, CellCounts(tuple(counts)))
    selection = selection.with_judged_baselines(named)
    if selection.baselines[0] not in columns.models:
        known = ", ".join(sorted(columns.models))
        raise InputError(
            f"{path}: no battle of the baseline '{selection.baselines[0]}'; of: {known}"
        )
    battles = battles_of(columns, selection, len(questions if wanted is None else wanted) or None)
    return selection, replace(battles, outcomes=None)


def settings_file(path: Path) -> Path:
    """Return the side file of a saved result."""
    return path.with_suffix(".settings.json")


def save_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write the side file of a saved result."""
    text = json.dumps(settings, ensure_ascii=False, indent=2) + "\n"
    write_lines(settings_file(path), [text.encode()])


def check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Raise InputError where a saved result was made with other settings; v0.1's have no side
    file.
    """
    side = settings_file(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; run without the flag that loads it first")
    if not side.exists():
        return
    try:
        saved = json.loads(read_bytes(side, "settings"))
        differing = {k: v for k, v in settings.items() if saved.get(k) != v}
    except (ValueError, AttributeError):
        raise InputError(f"{side}: not the settings of a saved result; delete it") from None
    for key, value in differing.items():
        raise InputError(f"{path}: made with {key} = {saved.get(key)}, not {value}; make it again")


INFINITE = 1e300


def save_bootstrap(scored: Scored, path: Path) -> None:
    """Write one line a round: each model's rating, null where a resample does not place it."""
    names = [json.dumps(name, ensure_ascii=False) for name in scored.battles.models]
    keys = [f"{name}: ".encode("utf-8", "surrogatepass") for name in names]
    encode = msgspec.json.Encoder().encode  # faster than json by far; null where not finite
    samples = np.clip(scored.samples, -INFINITE, INFINITE)  # JSON has no infinity
    rounds = (encode(ratings)[1:-1].split(b",") for ratings in samples.tolist())
    write_lines(path, (b"{" + b", ".join(map(add, keys, ratings)) + b"}\n" for ratings in rounds))


def load_bootstrap(path: Path, battles: Battles) -> np.ndarray:
    """Return ratings (rounds, M) of a file that `save_bootstrap` or the v0.1 program wrote.

    They are anchored anew: v0.1 anchors one model only. Raises InputError where a model is missing.
    """
    rounds: list[list[float]] = []
    for number, raw in enumerate(read_bytes(path, "bootstrap results").splitlines(), start=1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
            values = (line[model] for model in battles.models)
            rounds.append([np.nan if value is None else float(value) for value in values])
        except KeyError as error:
            raise InputError(f"{path}:{number}: no rating of the model {error}") from None
        except (ValueError, TypeError):
            raise InputError(f"{path}:{number}: not a round of ratings") from None
    if not rounds:
        raise InputError(f"{path}: holds no round")
    ratings = np.array(rounds)
    ratings[np.abs(ratings) >= INFINITE] *= np.inf
    anchored = ratings - ratings[:, [battles.anchor]] + solver.ANCHOR_RATING
    return np.asarray(anchored)


def save_style(scored: Scored, path: Path) -> None:
    """Write the style coefficients of a fit and the standardisation they belong to."""
    fit, method = scored.fit, scored.method
    style = {
        "method": scored.estimator.name,
        "attributes": [ATTRIBUTES[name] for name in method.attributes],
        "style_center": "mean" if method.center else "none",
        "coefficients": fit.coefficients.tolist(),
        "mean": fit.mean.tolist(),
        "scale": fit.scale.tolist(),
    }
    save = json.dumps(style, indent=2) + "\n"
    write_lines(path, [save.encode()])


def load_style(path: Path, estimator: Estimator, method: Method) -> FixedStyle:
    """Return the style of an earlier fit; InputError if it is of other attributes."""
    try:
        data = json.loads(read_bytes(path, "style coefficients"))
        parts = [np.array(data[name], dtype=float) for name in ("coefficients", "mean", "scale")]
        attributes, name = data["attributes"], data.get("method", BRADLEY_TERRY.name)
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a file of style coefficients") from None
    wanted = [ATTRIBUTES[name] for name in method.attributes]
    shapes = {part.shape for part in parts}
    if attributes != wanted or shapes != {(len(wanted),)} or not np.isfinite(parts).all():
        raise InputError(f"{path}: style coefficients of {attributes}, not of {wanted}")
    if name != estimator.name:
        raise InputError(f"{path}: made with --method {name}, which must be given again")
    made = data.get("style_center", "mean" if parts[1].any() else "none")
    if made != ("mean" if method.center else "none"):
        raise InputError(f"{path}: made with --style-center {made}, which must be given again")
    return FixedStyle(*parts)
