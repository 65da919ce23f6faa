"""From battles to a board: scores with their intervals, as data for whoever shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import add
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import bradley_terry
from battles import FEATURES, Battles, Counts, Selection, Styles, read_all_styles, with_features
from bradley_terry import Cells, DisconnectedError, Fit, FixedStyle, Resample
from jsonl import read_bytes, write_lines
from records import Bench
from settings import InputError, nearest

ATTRIBUTES = {
    "tokens": "token_len",
    "headers": "header_count",
    "lists": "list_count",
    "bold": "bold_count",
}
LEVEL = 0.95
PERMUTATIONS = 2000


@dataclass(frozen=True)
class Method:
    """How scores are made of battles: the style controlled for, and the bootstrap."""

    control: tuple[str, ...] = ()
    center: bool = True
    rounds: int = 100
    seed: int = 42
    resample: Resample = "battle"
    workers: int = 1

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of answers that the fit controls for."""
        return tuple(name for feature in self.control for name in FEATURES[feature])

    def settings(self) -> dict[str, object]:
        """Return what saved bootstrap results must agree in; workers change nothing."""
        return {
            "mode": self.mode,
            "style_center": "mean" if self.center else "none",
            "num_rounds": self.rounds,
            "seed": self.seed,
            "resample": self.resample,
            "style": None,
        }

    @property
    def mode(self) -> str:
        """The name of the mode, as part of file names."""
        names = {
            (): "plain",
            ("length", "markdown"): "style_control",
            ("length",): "length_control",
            ("markdown",): "markdown_control",
        }
        return names[self.control]


@dataclass(frozen=True)
class Row:
    """A model's score, the offsets of its interval, its mean answer length and its games."""

    model: str
    score: float
    lower: float
    upper: float
    tokens: float | None
    outcomes: tuple[int, ...] | None


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, how they were made, and of what."""

    bench: str
    judges: tuple[str, ...]
    baseline: str
    method: Method
    elo: bool
    rows: tuple[Row, ...]
    coefficients: Mapping[str, float]
    counts: Counts


@dataclass(frozen=True)
class Scored:
    """A fit of battles with its bootstrap: ratings (M,) and (rounds, M)."""

    battles: Battles
    cells: Cells
    styles: Styles
    style: FixedStyle | None
    fit: Fit
    samples: np.ndarray


def score(
    battles: Battles,
    bench: Bench,
    method: Method,
    style: FixedStyle | None = None,
    samples: np.ndarray | None = None,
) -> Scored:
    """Fit the battles and resample them; `samples` of an earlier run take the bootstrap's place.

    Raises InputError where style attributes are missing or a model cannot be placed.
    """
    styles = read_all_styles(bench, battles, method.attributes)
    cells = with_features(battles, bench, styles) if method.control else battles.cells
    try:
        fit = bradley_terry.fit(cells, battles.anchor, style=style, center=method.center)
    except DisconnectedError as error:
        names = ", ".join(battles.models[i] for i in error.models)
        raise InputError(
            f"no chain of battles between the baseline '{battles.baseline}' and: {names}; "
            "judge them against it, or name their baseline with --baseline"
        ) from None
    if samples is None:
        samples = bradley_terry.bootstrap(
            cells,
            battles.anchor,
            rounds=method.rounds,
            seed=method.seed,
            resample=method.resample,
            workers=method.workers,
            style=style,
            center=method.center,
        )
    return Scored(battles, cells, styles, style, fit, samples)


def make_board(scored: Scored, selection: Selection, method: Method, *, elo: bool = False) -> Board:
    """Return the board: win rates against the baseline in percent, or ratings (baseline 1000)."""
    battles, ratings, samples = scored.battles, scored.fit.ratings, scored.samples
    if not elo:
        ratings = bradley_terry.win_rates(ratings, battles.anchor)
        samples = bradley_terry.win_rates(samples, battles.anchor)
    lower, upper = bradley_terry.interval(samples, LEVEL)
    rows = [
        Row(
            model=model,
            score=float(ratings[i]),
            lower=_offset(lower[i], ratings[i]),
            upper=_offset(upper[i], ratings[i]),
            tokens=scored.styles.tokens.get(model),
            outcomes=None if battles.outcomes is None else battles.outcomes[model],
        )
        for i, model in enumerate(battles.models)
    ]
    rows.sort(key=lambda row: (-row.score, row.model))
    names = [ATTRIBUTES[attribute] for attribute in method.attributes]
    return Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=battles.baseline,
        method=method,
        elo=elo,
        rows=tuple(rows),
        coefficients=dict(zip(names, scored.fit.coefficients.tolist(), strict=True)),
        counts=battles.counts,
    )


def _offset(end: float, score: float) -> float:
    """Return how far an interval's end is from the score; 0 where both are the same infinity."""
    return 0.0 if end == score else float(end - score)


# Two models


@dataclass(frozen=True)
class Comparison:
    """The difference of two models' scores, in points of win rate, over the questions both have."""

    first: str
    second: str
    difference: float
    lower: float
    upper: float
    p_value: float
    detectable: float
    questions: int


def compare(scored: Scored, method: Method, first: str, second: str) -> Comparison:
    """Compare two models: interval by resampled questions, p-value by a paired permutation test.

    The test exchanges the judgments of the two on each question with even chances and fits both
    again at the style coefficients of the full fit. `detectable` is the difference that a
    two-sided test at 5 % finds with a power of 80 %: 2.80 standard errors.
    """
    battles, names = scored.battles, scored.battles.models
    if first == second:
        raise InputError(f"--compare: '{first}' is named twice")
    for name in (first, second):
        if name not in names:
            raise InputError(f"--compare: no battles of '{name}'{nearest(name, names)}")
    pair = (names.index(first), names.index(second))
    rates = bradley_terry.win_rates(scored.fit.ratings, battles.anchor)
    rounds = bradley_terry.bootstrap(
        scored.cells,
        battles.anchor,
        rounds=max(method.rounds, 1000),
        seed=method.seed,
        resample="question",
        workers=method.workers,
        style=scored.style,
        center=method.center,
    )
    samples = bradley_terry.win_rates(rounds, battles.anchor)
    differences = samples[:, pair[0]] - samples[:, pair[1]]
    difference = float(rates[pair[0]] - rates[pair[1]])
    lower, upper = bradley_terry.interval(differences[:, None], LEVEL)[:, 0]
    p_value, questions = _permutation_test(scored, pair, method.seed)
    return Comparison(
        first=first,
        second=second,
        difference=difference,
        lower=float(lower),
        upper=float(upper),
        p_value=p_value,
        detectable=2.80 * float(np.nanstd(differences)),
        questions=questions,
    )


def _permutation_test(scored: Scored, pair: tuple[int, int], seed: int) -> tuple[float, int]:
    """Return the p-value of the difference of a pair, and the number of questions it rests on.

    These are the questions on which both met one opponent, or each other.
    """
    cells = scored.cells
    in_a, in_b = np.isin(cells.a, pair), np.isin(cells.b, pair)
    model, opponent = np.where(in_a, (cells.a, cells.b), (cells.b, cells.a))
    met = opponent * (cells.question.max() + 1) + cells.question
    single = in_a != in_b
    shared = np.intersect1d(*(met[single & (model == i)] for i in pair))
    kept = np.flatnonzero((in_a & in_b) | (single & np.isin(met, shared)))
    if not len(kept):
        raise InputError("--compare: the two models have no judged question in common")
    common = np.unique(cells.question[kept])
    both, style = _with_exchanged(scored, kept, pair, common)
    rng = np.random.default_rng(seed)
    exchanged = np.vstack(
        [np.zeros((1, len(common))), rng.integers(0, 2, (PERMUTATIONS, len(common)))]
    )
    anchor = scored.battles.anchor
    differences = []
    for part in np.array_split(exchanged, -(-len(exchanged) * len(kept) // 1_000_000)):
        ratings = bradley_terry.reweighted(both, anchor, np.hstack([1 - part, part]), style=style)
        rates = bradley_terry.win_rates(ratings, anchor)
        differences.append(rates[:, pair[0]] - rates[:, pair[1]])
    observed, *permuted = np.abs(np.concatenate(differences))
    at_least = int((np.array(permuted) >= observed - 1e-9).sum())
    return (1 + at_least) / (1 + PERMUTATIONS), len(common)


def _with_exchanged(
    scored: Scored, kept: np.ndarray, pair: tuple[int, int], common: np.ndarray
) -> tuple[Cells, FixedStyle | None]:
    """Return the pair's cells twice: as they are on questions 0..Q-1, exchanged on Q..2Q-1.

    Opponents keep the strengths of the full fit: each is the anchor, with its strength as one more
    fixed feature.
    """
    cells, fit, anchor = scored.cells, scored.fit, scored.battles.anchor
    a, b = cells.a[kept], cells.b[kept]
    strengths = np.clip((fit.ratings - fit.ratings[anchor]) / bradley_terry.ELO_PER_LOGIT, -30, 30)
    strengths[list(pair)] = 0.0
    given = (strengths[a] - strengths[b])[None]
    features = np.empty((0, len(kept))) if cells.features is None else cells.features[:, kept]
    features = np.vstack([features, given]) if given.any() else features
    more = np.ones(len(features) - len(fit.coefficients))
    style = FixedStyle(
        np.append(fit.coefficients, more), np.append(fit.mean, 0 * more), np.append(fit.scale, more)
    )
    known = np.full(cells.models, anchor)
    swap = np.full(cells.models, anchor)
    known[list(pair)], swap[list(pair)] = pair, pair[::-1]
    question = np.searchsorted(common, cells.question[kept])
    both = Cells(
        models=cells.models,
        a=np.concatenate([known[a], swap[a]]),
        b=np.concatenate([known[b], swap[b]]),
        question=np.concatenate([question, question + len(common)]),
        counts=np.tile(cells.counts[:, kept], 2),
        features=np.tile(features, 2) if len(features) else None,
    )
    return both, style if len(features) else None


# Saved results, each with a side file that says what made it


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
            rounds.append([_rating(line[model]) for model in battles.models])
        except KeyError as error:
            raise InputError(f"{path}:{number}: no rating of the model {error}") from None
        except (ValueError, TypeError):
            raise InputError(f"{path}:{number}: not a round of ratings") from None
    if not rounds:
        raise InputError(f"{path}: holds no round")
    ratings = np.array(rounds)
    ratings[np.abs(ratings) >= INFINITE] *= np.inf
    anchored = ratings - ratings[:, [battles.anchor]] + bradley_terry.ANCHOR_RATING
    return np.asarray(anchored)


def _rating(value: Any) -> float:
    return np.nan if value is None else float(value)


def save_style(scored: Scored, method: Method, path: Path) -> None:
    """Write the style coefficients of a fit and the standardisation they belong to."""
    fit = scored.fit
    style = {
        "attributes": [ATTRIBUTES[name] for name in method.attributes],
        "style_center": "mean" if method.center else "none",
        "coefficients": fit.coefficients.tolist(),
        "mean": fit.mean.tolist(),
        "scale": fit.scale.tolist(),
    }
    save = json.dumps(style, indent=2) + "\n"
    write_lines(path, [save.encode()])


def load_style(path: Path, method: Method) -> FixedStyle:
    """Return the style of an earlier fit; InputError if it is of other attributes."""
    try:
        data = json.loads(read_bytes(path, "style coefficients"))
        parts = [np.array(data[name], dtype=float) for name in ("coefficients", "mean", "scale")]
        attributes = data["attributes"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a file of style coefficients") from None
    wanted = [ATTRIBUTES[name] for name in method.attributes]
    shapes = {part.shape for part in parts}
    if attributes != wanted or shapes != {(len(wanted),)} or not np.isfinite(parts).all():
        raise InputError(f"{path}: style coefficients of {attributes}, not of {wanted}")
    made = data.get("style_center", "mean" if parts[1].any() else "none")
    if made != ("mean" if method.center else "none"):
        raise InputError(f"{path}: made with --style-center {made}, which must be given again")
    return FixedStyle(*parts)
