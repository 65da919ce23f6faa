"""Results saved for a later run: battles, bootstrap and style, with the settings that made them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from arena.base.errors import InputError, OutputError, warn
from arena.base.jsonl import decode_lines, dump_line, read_bytes, write_lines
from arena.bench.records import Question
from arena.leaderboard.board import Contest, Scored
from arena.scoring.battles import Battles, battles_of
from arena.scoring.bradley_terry import Resample
from arena.scoring.cells import CellColumns, CellCounts
from arena.scoring.estimators import BRADLEY_TERRY, V2
from arena.scoring.selection import HALF_JUDGED, Selection, matching_questions
from arena.scoring.solver import ANCHOR_RATING, FixedStyle
from arena.scoring.uncertainty.rounds import centred

SAVED_BATTLES, SAVED_BOOTSTRAP = "arena_hard_battles.jsonl", "bootstrapping_results.jsonl"
SETTINGS = ".settings.json"  # the suffix of the side files
INFINITE = 1e300  # in the place of infinity, which JSON does not have
STYLE = ("coefficients", "mean", "scale")  # the arrays of a style file
WINNERS = ("model_a", "tie", "model_b")
WITHOUT = "without_settings"  # a count of judgments in the side file of battles


class BattleLine(msgspec.Struct):
    """A line of a saved battle file: one weighted battle, or a part of it."""

    question_id: str | int
    model_a: str
    model_b: str
    winner: str
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 1


def save_run(scored: Scored, data_dir: Path, *, battles: bool, bootstrap: bool) -> None:
    """Save battles and bootstrap for a later run. Warns if they cannot be written."""
    of_battles = scored.selection.settings() | {WITHOUT: scored.battles.counts.without_settings}
    results = (
        (battles, data_dir / SAVED_BATTLES, _battle_lines, of_battles),
        (bootstrap, data_dir / SAVED_BOOTSTRAP, _bootstrap_lines, _bootstrap_settings(scored)),
    )
    for needed, path, lines, settings in results:
        try:
            if needed:
                write_lines(path, lines(scored))
                _write_json(path.with_suffix(SETTINGS), settings)
        except OutputError as error:
            # The board is printed all the same.
            warn(f"{error}. Nothing is saved for --load-battles or --load-bootstrap")


def _bootstrap_settings(contest: Contest) -> dict[str, object]:
    """Return the settings that saved bootstrap results must share, and the battles' fingerprint."""
    method, style = contest.method, contest.style
    return contest.selection.settings() | {
        "mode": method.mode,
        "style_center": "mean" if method.center else "none",
        "num_rounds": method.rounds,
        "seed": method.seed,
        "resample": method.resample,
        "style": None if style is None else style.coefficients.tolist(),
        "battles": contest.battles.fingerprint,
    }


def _checked_settings(path: Path, settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings in the side file of a saved result, empty without one, as v0.1's are.
    Raises InputError if the result was made with other settings.
    """
    side = path.with_suffix(SETTINGS)
    if not path.is_file():
        raise InputError(f"{path}: no such file. Run without the flag that loads it first.")
    if not side.exists():
        return {}
    try:
        saved = msgspec.json.decode(read_bytes(side, "settings"), type=dict[str, Any])
    except ValueError:
        raise InputError(f"{side}: not the settings of a saved result. Delete it.") from None
    # Files of earlier versions do not have this key.
    half_judged = HALF_JUDGED[saved.get("method") == V2.name]
    _check_alike(path, {"half_judged": half_judged} | saved, settings)
    return saved


def _check_alike(path: Path, saved: Mapping[str, object], settings: Mapping[str, object]) -> None:
    """Raise InputError that names the first setting in which a saved result differs."""
    for key, value in settings.items():
        if (other := saved.get(key)) != value:
            advice = "Make it again."
            if key == "style_center" and other:
                advice = f"Use --style-center {other}, or make it again."
            raise InputError(f"{path}: made with {key} = {other}, not {value}. {advice}")


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_lines(path, [(json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode()])


# Battles


def _battle_lines(scored: Scored) -> Iterator[bytes]:
    """Yield one line a weighted battle: question_id, model_a, model_b, winner."""
    battles, cells = scored.battles, scored.battles.cells
    # Names are written once, not for each of a million battles.
    models, questions = (
        [json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass") for name in names]
        for names in (battles.models, battles.questions)
    )
    starts = [b'{"question_id": %b, ' % question for question in questions]
    names = [winner.encode() for winner in WINNERS]
    cell, winner = np.nonzero(cells.counts.T)
    keys, end = np.unique(
        (cells.a[cell] * cells.models + cells.b[cell]) * 3 + winner, return_inverse=True
    )
    endings = [
        b'"model_a": %b, "model_b": %b, "winner": "%b"}\n'
        % (models[key // 3 // cells.models], models[key // 3 % cells.models], names[key % 3])
        for key in keys.tolist()
    ]
    numbers = cells.question[cell], end, cells.counts[winner, cell]
    for question, ending, count in zip(*(column.tolist() for column in numbers), strict=True):
        whole, part = divmod(count, 1)
        yield (starts[question] + endings[ending]) * int(whole)
        if part:  # of a game with repeats
            weight = b', "weight": %b}\n' % repr(part).encode()
            yield starts[question] + endings[ending].replace(b"}\n", weight)


def _read_battles(path: Path) -> dict[tuple[str, str, str], list[float]]:
    """Read the outcomes (of WINNERS) by question, first and second model."""
    cells = defaultdict[tuple[str, str, str], list[float]](lambda: [0, 0, 0])
    for number, _, line in decode_lines(path, BattleLine, "a battle"):
        winner = "tie" if line.winner.startswith("tie") else line.winner
        if winner not in WINNERS:
            raise InputError(f"{path}:{number}: '{winner}' is none of {', '.join(WINNERS)}")
        cells[str(line.question_id), line.model_a, line.model_b][WINNERS.index(winner)] += (
            line.weight
        )
    if not cells:
        raise InputError(f"{path}: no battle in the file")
    return cells


def load_battles(
    path: Path, selection: Selection, questions: Sequence[Question]
) -> tuple[Selection, Battles]:
    """Return the battles of an earlier run or of v0.1, and the selection with their baselines."""
    fields = ("weight", "first_game_only", "missing", "mixed", "estimator", "half_judged")
    usual = all(getattr(selection, name) == getattr(Selection, name) for name in fields)
    settings = _checked_settings(path, selection.settings())
    if not (settings or usual):
        raise InputError(
            f"{path}: its settings are not known, so --weight, --first-game-only, --missing, "
            "--mixed, --half-judged and --method v2.0 need the judgments. Leave out --load-battles."
        )
    cells = _read_battles(path)
    matching = matching_questions(selection, questions)
    categories = {question.id: question.category for question in questions}
    unknown = {question for question, _, _ in cells} - categories.keys()
    if questions and unknown:
        difference = f"{selection.bench.name} has no question {min(unknown)}"
        raise InputError(f"{path}: battles of another bench: {difference}")
    columns = CellColumns()
    baselines: defaultdict[str, set[str]] = defaultdict(set)
    for (question, a, b), counts in cells.items():
        if matching is not None and question not in matching:
            continue
        if a == b:
            columns.left_out["judgments of the baseline against itself"] += 1
        else:
            columns.judgments += 1
            baselines[categories.get(question, "")].add(a)
            columns.add(a, b, [question], CellCounts(tuple(counts)))
    selection = selection.with_judged_baselines(baselines)
    baseline = selection.baselines[0]
    if selection.anchored != "mean" and baseline not in columns.models:
        models = ", ".join(sorted(columns.models))
        raise InputError(f"{path}: no battle of the baseline '{baseline}'. It has {models}.")
    without = settings.get(WITHOUT)
    # Battles without a side file are published ones.
    columns.without_settings = without if isinstance(without, int) else columns.judgments
    total = len(questions if matching is None else matching) or None
    return selection, replace(battles_of(columns, selection, total), outcomes=None)


# Bootstrap results


def _bootstrap_lines(scored: Scored) -> Iterator[bytes]:
    """Yield one line a round: each model's rating, null if a resample does not place it."""
    samples = np.clip(scored.samples, -INFINITE, INFINITE).astype(object)
    samples[np.isnan(scored.samples)] = None
    for ratings in samples.tolist():
        yield dump_line(dict(zip(scored.battles.models, ratings, strict=True)))


def load_bootstrap(
    path: Path, contest: Contest, resample: Resample | None, *, chosen: bool
) -> tuple[Contest, np.ndarray]:
    """Return the contest with the method of saved rounds, and their ratings (rounds, M).

    The file is of an earlier run or of the v0.1 program, which draws battles and measures style
    from its mean. `resample`: the user's word for what the rounds of a file without settings drew.
    `chosen`: the user chose the centre of style as well.
    """
    settings = _checked_settings(path, _bootstrap_settings(contest))
    models, anchor = contest.battles.models, contest.battles.anchor
    rounds = []
    for number, _, line in decode_lines(path, dict[str, float | None], "a round of ratings"):
        try:
            rounds.append([line[model] for model in models])
        except KeyError as error:
            raise InputError(f"{path}:{number}: no rating of the model {error}") from None
    if not rounds:
        raise InputError(f"{path}: no round in the file")
    ratings = np.array(rounds, dtype=float)
    ratings[np.abs(ratings) >= INFINITE] *= np.inf
    if not settings:
        method = replace(contest.method, resample=resample or "battle", rounds=len(rounds))
        method = method if chosen else replace(method, center=True)
        contest = replace(contest, method=method)
    if anchor is None:
        return contest, ratings if settings else centred(ratings, np.zeros((1, len(models))))
    # v0.1 anchors gpt-4-0314 alone, so with another baseline its ratings drift.
    return contest, np.asarray(ratings - ratings[:, [anchor]] + ANCHOR_RATING)


# Style coefficients


def save_style(scored: Scored, path: Path) -> None:
    """Write the style coefficients of a fit and the standardisation they belong to."""
    arrays = {name: getattr(scored.fit, name).tolist() for name in STYLE}
    _write_json(path, _style_settings(scored) | arrays)


def _style_settings(contest: Contest) -> dict[str, object]:
    """Return the settings that saved style coefficients must share."""
    return {
        "method": contest.selection.estimator.name,
        "attributes": list(contest.method.attributes.values()),
        "style_center": "mean" if contest.method.center else "none",
    }


def with_style(path: Path, contest: Contest, *, chosen: bool) -> Contest:
    """Return a contest at the style of an earlier fit, with its centre unless one was `chosen`.
    Raises InputError if its settings differ.
    """
    try:
        data = msgspec.json.decode(read_bytes(path, "style coefficients"), type=dict[str, Any])
        arrays = np.array([data[name] for name in STYLE], dtype=float)
        style = FixedStyle(*arrays.reshape(len(STYLE), len(data["attributes"])))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a file of style coefficients") from None
    # Files of the first versions have neither of these keys.
    old = {"method": BRADLEY_TERRY.name, "style_center": "mean" if style.mean.any() else "none"}
    if not chosen:
        center = (old | data)["style_center"] == "mean"
        contest = replace(contest, method=replace(contest.method, center=center, published=0))
    _check_alike(path, old | data, _style_settings(contest))
    return replace(contest, style=style)
