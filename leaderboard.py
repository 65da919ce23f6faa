"""From judgments to a board: battles as cells, scores with intervals, as data for whoever shows
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

import bradley_terry
from records import Bench, Judgment, model_names, read_judgments, read_styles
from settings import InputError, nearest
from verdict import Winner, normal_label, outcome


@dataclass(frozen=True)
class Counts:
    """What a set of judgments holds, for the summary under a board."""

    judgments: int
    battles: int
    games_without_verdict: int
    left_out: dict[str, int]
    models_left_out: dict[str, str]


@dataclass(frozen=True)
class Battles:
    """The weighted battles of a bench: the names of its models, and cells that refer to them."""

    models: tuple[str, ...]
    questions: tuple[str, ...]
    baseline: str
    cells: bradley_terry.Cells
    counts: Counts

    @property
    def anchor(self) -> int:
        """The index of the baseline."""
        return self.models.index(self.baseline)


@dataclass(frozen=True)
class Row:
    """A model's score, the offsets of its interval from it, and its mean answer length."""

    model: str
    score: float
    lower: float
    upper: float
    tokens: float | None


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, and what they rest on."""

    rows: tuple[Row, ...]
    counts: Counts
    rounds: int
    elo: bool


@dataclass
class _Tally:
    """Judgments as they are turned into cells."""

    cells: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    judgments: int = 0
    undecided: int = 0


def read_battles(
    bench: Bench, judge: str, baseline: str, *, weight: int = 3, first_game_only: bool = False
) -> Battles:
    """Return the battles of a judge's files: `>>` counts `weight` times, `>` and `=` once.

    Judgments of the baseline against itself or against another baseline are left out and counted.
    Raises InputError for a judge without files, or when no battle is left.
    """
    tally = _Tally()
    judged = judged_models(bench, judge)
    for model in judged:
        for judgment in read_judgments(bench.judgment_file(judge, model), model, judge):
            _add(tally, judgment, baseline, weight, 1 if first_game_only else 2)
    if not tally.cells:
        raise InputError(
            f"{bench.judgments(judge)}: no game with a verdict against the baseline '{baseline}'"
            + "".join(f"; left out: {count} {why}" for why, count in tally.left_out.items())
        )
    answered = model_names(bench.answers) if bench.answers.is_dir() else []
    left_out = {model: f"not judged by {judge}" for model in answered}
    left_out |= {model: "no game with a verdict" for model in judged}
    return _battles(tally, baseline, left_out)


def judged_models(bench: Bench, judge: str) -> list[str]:
    """Return the models with judgments of a judge; InputError that names the judges if none."""
    folder = bench.judgments(judge)
    names = model_names(folder) if folder.is_dir() else []
    if not names:
        there = bench.folder / "model_judgment"
        judges = sorted(p.name for p in there.iterdir() if p.is_dir()) if there.is_dir() else []
        known = ", ".join(judges) or "none"
        raise InputError(f"{folder}: no judgments{nearest(judge, judges)}; judges here: {known}")
    return names


def _add(tally: _Tally, judgment: Judgment, baseline: str, weight: int, games: int) -> None:
    if judgment.model == baseline:
        tally.left_out["judgments of the baseline against itself"] += 1
        return
    if judgment.baseline not in (None, baseline):
        tally.left_out[f"judgments against another baseline, {judgment.baseline}"] += 1
        return
    tally.judgments += 1
    counts = [0, 0, 0]
    for game in range(games):
        label = judgment.labels[game] if game < len(judgment.labels) else None
        if label is None or normal_label(label) is None:
            tally.undecided += 1
            continue
        winner, by_far = outcome(label, game)
        counts[_ROWS[winner]] += weight if by_far else 1
    if any(counts):
        tally.cells[judgment.model, judgment.question_id] = counts


_ROWS = {Winner.BASELINE: 0, Winner.TIE: 1, Winner.MODEL: 2}


def _battles(tally: _Tally, baseline: str, left_out: Mapping[str, str]) -> Battles:
    """Return cells in an order of their own, whatever the order of the files.

    left_out: the reason for each model of the bench, should it have no cell.
    """
    keys = sorted(tally.cells)
    models = tuple(sorted({model for model, _ in keys} | {baseline}))
    questions = tuple(sorted({question for _, question in keys}))
    model_index = {model: i for i, model in enumerate(models)}
    question_index = {question: i for i, question in enumerate(questions)}
    counts = np.array([tally.cells[key] for key in keys], dtype=np.int64).T.copy()
    cells = bradley_terry.Cells(
        models=len(models),
        a=np.full(len(keys), model_index[baseline], dtype=np.int32),
        b=np.array([model_index[model] for model, _ in keys], dtype=np.int32),
        question=np.array([question_index[question] for _, question in keys], dtype=np.int32),
        counts=counts,
    )
    summary = Counts(
        judgments=tally.judgments,
        battles=int(counts.sum()),
        games_without_verdict=tally.undecided,
        left_out=dict(tally.left_out),
        models_left_out={m: why for m, why in left_out.items() if m not in model_index},
    )
    return Battles(models, questions, baseline, cells, summary)


def mean_tokens(bench: Bench, model: str) -> float | None:
    """Return the mean number of tokens over a model's whole answer file, None where it is not
    known.
    """
    path = bench.answer_file(model)
    if not path.exists():
        return None
    tokens = [style.tokens for style in read_styles(path).values() if style.tokens is not None]
    return sum(tokens) / len(tokens) if tokens else None


def make_board(
    battles: Battles, bench: Bench, *, rounds: int, seed: int, elo: bool = False
) -> Board:
    """Return the board of a Bradley-Terry fit with the 95 % intervals of a bootstrap.

    Scores are win rates against the baseline in percent, or ratings (baseline 1000) with `elo`.
    """
    fit = bradley_terry.fit(battles.cells, battles.anchor)
    samples = bradley_terry.bootstrap(
        battles.cells, battles.anchor, rounds=rounds, seed=seed, resample="battle"
    )
    ratings = fit.ratings
    if not elo:
        ratings = bradley_terry.win_rates(ratings, battles.anchor)
        samples = bradley_terry.win_rates(samples, battles.anchor)
    lower, upper = bradley_terry.interval(samples)
    rows = [
        Row(
            model,
            float(ratings[i]),
            _offset(lower[i], ratings[i]),
            _offset(upper[i], ratings[i]),
            mean_tokens(bench, model),
        )
        for i, model in enumerate(battles.models)
    ]
    rows.sort(key=lambda row: (-row.score, row.model))
    return Board(tuple(rows), battles.counts, rounds, elo)


def _offset(end: float, score: float) -> float:
    """Return how far an interval's end is from the score; 0 where both are the same infinity."""
    return 0.0 if end == score else float(end - score)
