"""The report of show_result.py --calibrate: a judge's win rates corrected by labels of people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence

import numpy as np

from arena.base.errors import InputError
from arena.base.table import aligned, listed
from arena.bench.paths import PERSON, is_person
from arena.leaderboard import build
from arena.leaderboard.options import NOT_OF_GRADES, SEVERAL, BoardOptions
from arena.leaderboard.people.draws import Draw, draw_labels, read_draw
from arena.leaderboard.people.pairs import Pair, decided, judged_pairs
from arena.scoring.battles import Grades
from arena.scoring.selection import Selection
from arena.scoring.uncertainty.label_correction import corrected, labels_for

FEWEST = 30  # labels of a model
WIDTH = 0.05  # half of an interval's, from 0 to 1
CHANCE = 0.1  # of the judge's slope, below which the labels alone speak
CHANGED = "judged on other questions since the draw, so that the labels are no sample of them"


def selection_of(options: BoardOptions, person: str) -> Selection:
    """Return the selection of one board of one judge and one baseline. Raises InputError."""
    if not is_person(person):
        raise InputError(f"--calibrate {person}: not a person. Name a judge {PERSON}NAME.")
    if person in options.judges:
        raise InputError(f"--calibrate {person}: also the judge. Name another one to correct.")
    if options.mixed == "count":
        reason = "labels correct one judge and one baseline. Use --mixed leave-out."
        raise InputError(f"--mixed count: {reason}")
    (selection, data), *others = build.read_boards(options)
    if isinstance(data, Grades):
        raise InputError(f"--calibrate: {NOT_OF_GRADES}")
    if others:
        raise InputError(f"--calibrate: {SEVERAL}")
    if len(selection.judges) > 1 or len(selection.baselines) != 1:
        raise InputError("--calibrate: needs one judge and one baseline. Name one of each.")
    return selection


def table_lines(
    judge: Mapping[Pair, float],
    human: Mapping[Pair, float],
    labelled: Sequence[Pair],
    models: Sequence[str],
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
    draw: Draw, human: Mapping[Pair, float], judged: Mapping[Pair, float | None]
) -> Iterator[str]:
    """Yield the numbers of judged pairs that lack a label, a draw or a verdict."""
    drawn = [pair for pair in draw.pairs if pair in judged]
    labels = {pair: pair in human for pair in drawn}
    # A list that is labelled from its start is a sample of each model.
    of_models: dict[str, list[bool]] = {}
    for (_, model), has in labels.items():
        of_models.setdefault(model, []).append(has)
    is_start = all(order == sorted(order, reverse=True) for order in of_models.values())
    missing = " yet" if is_start else ", which biases the rates if not by chance"
    undecided = sum(has and judged[pair] is None for pair, has in labels.items())
    for number, what in (
        (sum(not has for has in labels.values()), f"drawn pairs have no label{missing}"),
        (len(human.keys() - labels), "labels are of pairs that were not drawn, and are left out"),
        (undecided, "labelled pairs have no verdict of the judge"),
    ):
        if number:
            yield f"{number:,} {what}"


def report_lines(options: BoardOptions, person: str, number: int | None) -> Iterator[str]:
    """Return the lines of a draw of so many pairs, or else of the corrected win rates."""
    selection = selection_of(options, person)
    if number:
        return draw_labels(selection, person, number, options.seed)
    return calibration_lines(selection, person)


def calibration_lines(selection: Selection, person: str) -> Iterator[str]:
    """Yield the table of corrected win rates and its notes.

    Raises InputError if the pairs with labels were not drawn, or if no model has enough labels.
    """
    draw = read_draw(selection, person)
    judged = judged_pairs(selection, selection.judges[0])
    judge, human = decided(judged), decided(judged_pairs(selection, person))
    models = sorted({model for _, model in judge})
    labelled = [
        pair for pair in draw.pairs if pair in judge and pair in human and pair[1] not in draw.stale
    ]
    counts = Counter({model: 0 for model in models})
    counts.update(model for _, model in labelled)
    stale = [model for model in models if model in draw.stale]
    few = [model for model in models if counts[model] < FEWEST and model not in stale]
    if len(few) + len(stale) == len(models):
        if stale:
            raise InputError(f"{person}: {CHANGED}: {listed(stale)}. {draw.remedy}")
        most = max(counts.values(), default=0)
        problem = f"at most {most} drawn pairs of a model have labels, but {FEWEST} are needed"
        raise InputError(f"{person}: {problem}. Label more of {draw.path}.")
    alone = yield from table_lines(judge, human, labelled, models)
    yield ""
    what = f"win rates against {selection.baselines[0]} at weight 1"
    yield f"{what}, in brackets 95 % intervals (PPI++)"
    yield from odd_lines(draw, human, judged)
    if stale:
        yield f"{CHANGED}: {listed(stale)}. {draw.remedy}"
    if few:
        yield f"fewer than {FEWEST} labels: {listed(few)}"
    if alone:
        yield f"the judge is near chance, so that the labels alone speak: {listed(alone)}"
