"""The report of show_result.py --calibrate: a judge's win rates corrected by labels of people."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from arena.base.errors import InputError
from arena.base.jsonl import dump_line, read_lines, write_lines
from arena.base.table import aligned, listed
from arena.bench.labels import worth
from arena.bench.paths import PERSON, Bench, is_person, judged_models, named_path
from arena.bench.records import Judgment, KeyLine, read_judgments
from arena.leaderboard import build
from arena.leaderboard.options import SEVERAL, BoardOptions
from arena.scoring.selection import Selection
from arena.scoring.uncertainty.label_correction import corrected, labels_for

Pair = tuple[str, str]  # question and model
FEWEST = 30  # labels of a model
WIDTH = 0.05  # half of an interval's, from 0 to 1
CHANCE = 0.1  # of the judge's slope, below which the labels alone speak


class Drawn(KeyLine):
    """A pair of the baseline's and a model's answers that a person shall label."""

    seed: int = 0


def draw_file(bench: Bench, person: str) -> Path:
    """Return `data/<bench>/label_draws/<person>.jsonl`."""
    return named_path(bench.folder / "label_draws", person, "judge name", ".jsonl")


def points_of(judgment: Judgment) -> float | None:
    """Return the model's mean points of the games, from 0 to 1 and of weight 1, or None."""
    games = (
        [(p > 0) - (p < 0) for label in labels if (p := worth(label, game)) is not None]
        for game, labels in enumerate(judgment.verdicts)
    )
    means = [statistics.fmean(points) for points in games if points]
    return (1 + statistics.fmean(means)) / 2 if means else None


def points_by_pair(selection: Selection, judge: str) -> dict[Pair, float]:
    """Return the points of a judge's decided judgments against the only baseline."""
    judgments = (
        judgment
        for model in judged_models(selection.bench, judge)
        for judgment in read_judgments(selection.bench.judgment_file(judge, model), model, judge)
        if (judgment.baseline or selection.baselines[0]) == selection.baselines[0]
    )
    points = {(j.question_id, j.model): points_of(j) for j in judgments}
    return {pair: value for pair, value in points.items() if value is not None}


def selection_of(options: BoardOptions, person: str) -> Selection:
    """Return the selection of one board of one judge and one baseline. Raises InputError."""
    if not is_person(person):
        raise InputError(f"--calibrate {person}: not a person. Name a judge {PERSON}NAME.")
    (selection, _), *others = build.read_boards(options)
    if others:
        raise InputError(f"--calibrate: {SEVERAL}")
    if len(selection.judges) > 1 or len(selection.baselines) != 1:
        raise InputError("--calibrate: needs one judge and one baseline. Name one of each.")
    return selection


def draw_labels(options: BoardOptions, person: str, number: int) -> Iterator[str]:
    """Draw pairs at random, of each model as many, and yield a line when their list is written.

    Raises InputError if there are fewer pairs, or another draw for the person.
    """
    selection = selection_of(options, person)
    pairs = sorted(points_by_pair(selection, selection.judges[0]))
    if number > len(pairs):
        raise InputError(f"--draw-for-labels {number}: only {len(pairs):,} pairs are judged.")
    draw, by_model = random.Random(options.seed), dict[str, list[Pair]]()
    for pair in draw.sample(pairs, len(pairs)):
        by_model.setdefault(pair[1], []).append(pair)
    places = {pair: i for own in by_model.values() for i, pair in enumerate(own)}
    chosen = sorted(pairs, key=lambda pair: (places[pair], pair[1]))[:number]
    names = {"baseline": selection.baselines[0], "judge": selection.judges[0]}
    lines = [
        dump_line({"question_id": question, "model": model, **names, "seed": options.seed})
        for question, model in sorted(chosen)
    ]
    path = draw_file(selection.bench, person)
    if path.exists() and path.read_bytes() != b"".join(lines):
        raise InputError(f"{path}: has another draw. Delete the file to draw again.")
    write_lines(path, lines)
    yield f"{path}: {number:,} of {len(pairs):,} judged pairs drawn with seed {options.seed}"


def table_lines(
    judge: dict[Pair, float], human: dict[Pair, float], labelled: list[Pair], models: list[str]
) -> Generator[str, None, list[str]]:
    """Yield the table of models, and return those for which the judge is near chance."""
    head = "model", "judge alone", "labels alone", "corrected", "judge's part", "labels", "for ±5"
    rows: list[tuple[str, ...]] = [head]
    alone = []
    with_label = set(labelled)
    for model in models:
        own = [pair for pair in labelled if pair[1] == model]
        others = [pair for pair in judge if pair[1] == model and pair not in with_label]
        y, f = (np.array([points[pair] for pair in own]) for points in (human, judge))
        rest = np.array([judge[pair] for pair in others])
        judged, count = f"{100 * np.concatenate([f, rest]).mean():.1f}", f"{len(own)}"
        if len(own) < FEWEST:
            rows.append((model, judged, "–", "–", "–", count, "–"))
            continue
        result = corrected(y, f, rest)
        needed = labels_for(y, f, rest, WIDTH, FEWEST)
        if abs(result.slope) < CHANCE:
            alone.append(model)
        text = f"{100 * result.rate:.1f} ({100 * result.low:.1f}, {100 * result.high:.1f})"
        by_people, power = f"{100 * y.mean():.1f}", f"{result.power:.2f}"
        rows.append(
            (
                model,
                judged,
                by_people,
                text,
                power,
                count,
                f"{needed or f'>{len(own) + len(rest)}'}",
            )
        )
    yield from aligned(rows)
    return alone


def odd_lines(
    drawn: set[Pair], human: dict[Pair, float], judge: dict[Pair, float]
) -> Iterator[str]:
    """Yield the numbers of pairs that lack a label, a draw or a verdict."""
    for number, what in (
        (
            len(drawn - human.keys()),
            "drawn pairs have no label, which biases the rates if not by chance",
        ),
        (len(human.keys() - drawn), "labels are of pairs that were not drawn, and are left out"),
        (len((drawn & human.keys()) - judge.keys()), "labelled pairs have no verdict of the judge"),
    ):
        if number:
            yield f"{number:,} {what}"


def report_lines(options: BoardOptions, person: str, number: int | None) -> Iterator[str]:
    """Return the lines of a draw of so many pairs, or else of the corrected win rates."""
    if number:
        return draw_labels(options, person, number)
    return calibration_lines(options, person)


def calibration_lines(options: BoardOptions, person: str) -> Iterator[str]:
    """Yield the table of corrected win rates and its notes.

    Raises InputError if the pairs with labels were not drawn, or if no model has enough labels.
    """
    selection = selection_of(options, person)
    path = draw_file(selection.bench, person)
    if not path.exists():
        advice = "Draw pairs with --draw-for-labels 150, and label those."
        raise InputError(f"{path}: no draw, so the labels may not be a random sample. {advice}")
    judge = points_by_pair(selection, selection.judges[0])
    human = points_by_pair(selection, person)
    baseline = selection.baselines[0]
    drawn = {
        (line.id, line.model or "")
        for line in read_lines(path, Drawn, "a draw")
        if line.baseline == baseline
    }
    labelled = sorted(drawn & human.keys() & judge.keys())
    counts = Counter({model: 0 for _, model in sorted(judge, key=lambda pair: pair[1])})
    counts.update(model for _, model in labelled)
    if (most := max(counts.values())) < FEWEST:
        problem = f"at most {most} drawn pairs of a model have labels, but {FEWEST} are needed"
        raise InputError(f"{person}: {problem}. Label more of {path}.")
    few = [model for model, count in counts.items() if count < FEWEST]
    alone = yield from table_lines(judge, human, labelled, list(counts))
    yield ""
    yield f"win rates against {baseline} at weight 1, in brackets 95 % intervals (PPI++)"
    yield from odd_lines(drawn, human, judge)
    if few:
        yield f"fewer than {FEWEST} labels: {listed(few)}"
    if alone:
        yield f"the judge is near chance, so that the labels alone speak: {listed(alone)}"
