"""Rated models, of a benchmark or of a reference that it is measured against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from statistics import NormalDist

import numpy as np

from arena.base.errors import InputError, nearest
from arena.scoring.uncertainty.intervals import percentiles

LEVEL = 0.95  # of the intervals of measures, and of those in files


@dataclass(frozen=True)
class Ratings:
    """Models with ratings, the ends of their intervals, and a normal forecast of each: all (M,)."""

    models: tuple[str, ...]
    rating: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def of(self, models: Sequence[str]) -> Ratings:
        """Return the ratings of these models, in their order."""
        place = {model: i for i, model in enumerate(self.models)}
        places = [place[model] for model in models]
        arrays = (self.rating, self.lower, self.upper, self.mean, self.variance)
        return Ratings(tuple(models), *(array[places] for array in arrays))


def of_samples(
    models: Sequence[str], rating: np.ndarray, samples: np.ndarray, level: float
) -> Ratings:
    """Return ratings (M,) with percentiles, mean and variance (ddof 0) of samples (rounds, M).

    NaN samples are skipped, and so are models that have no others.
    """
    placed = ~np.isnan(samples).all(axis=0)
    names = tuple(name for name, is_placed in zip(models, placed, strict=True) if is_placed)
    rounds = samples[:, placed]
    lower, upper = percentiles(rounds, level)
    mean, variance = np.nanmean(rounds, axis=0), np.nanvar(rounds, axis=0)
    return Ratings(names, rating[placed], lower, upper, mean, variance)


def of_ends(
    models: Sequence[str],
    rating: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    level: float,
    given: float = LEVEL,
) -> Ratings:
    """Return ratings (M,) with intervals at the level `given`, brought to another as a normal's.

    The variance of the forecast is that of a normal with an interval of this width.
    """
    z, target = (NormalDist().inv_cdf(0.5 + part / 2) for part in (given, level))
    variance = ((upper - lower) / (2 * z)) ** 2
    if level != given:
        lower, upper = (rating + (end - rating) * target / z for end in (lower, upper))
    return Ratings(tuple(models), rating, lower, upper, rating, variance)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's models and scores, why others are left out, and the origin of the scores."""

    name: str
    ratings: Ratings
    left_out: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, object] = field(default_factory=dict)

    def only(self, models: Collection[str], reason: str) -> Benchmark:
        """Return it with those of its models that are among `models`, sorted by name."""
        common = sorted(set(self.ratings.models) & set(models))
        reasons = {model: reason for model in self.ratings.models if model not in common}
        return replace(self, ratings=self.ratings.of(common), left_out={**self.left_out, **reasons})

    def renamed(self, names: Mapping[str, str], path: Path) -> Benchmark:
        """Return it with a file's names of models. Raises InputError if two get the same."""
        models = tuple(names.get(model, model) for model in self.ratings.models)
        for model, number in Counter(models).items():
            if number > 1:
                raise InputError(f"{path}: two models of {self.name} are named '{model}'")
        left_out = {names.get(model, model): why for model, why in self.left_out.items()}
        return replace(self, ratings=replace(self.ratings, models=models), left_out=left_out)


def check_names(
    names: Mapping[str, str], benchmarks: Sequence[Benchmark], reference: Ratings, path: Path
) -> None:
    """Raise InputError if a file names a model that no benchmark or that the reference lacks."""
    models = {model for benchmark in benchmarks for model in benchmark.ratings.models}
    for name, other in names.items():
        if name not in models:
            raise InputError(f"{path}: no benchmark has the model '{name}'{nearest(name, models)}")
        if other not in reference.models:
            near = nearest(other, reference.models)
            raise InputError(f"{path}: the reference has no model '{other}'{near}")


def check_common(benchmark: Benchmark, reference: Ratings, path: Path) -> None:
    """Raise InputError if a benchmark and a reference have fewer than two models in common."""
    models, theirs = set(benchmark.ratings.models), set(reference.models)
    if len(models & theirs) >= 2:
        return
    near = ""
    for model in (m for m in benchmark.ratings.models if m not in theirs):
        if match := get_close_matches(model, sorted(theirs - models), n=1):
            near = f" '{match[0]}' there is nearest to '{model}' of the benchmark."
            break
    raise InputError(
        f"{path}: has {len(models & theirs)} of the {len(models)} models of {benchmark.name}, at "
        f"least 2 are needed.{near} Use --map FILE if names differ."
    )
