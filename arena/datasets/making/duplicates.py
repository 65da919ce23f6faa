"""Exact and near duplicates among texts, by the character n-grams that they share."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

GRAM = 4  # characters: words of Korean or Chinese have few, and are not always separated
BANDS, ROWS = 48, 4  # of the MinHash: finds 95 % of pairs that share half of all their n-grams
SIMILARITY = 0.7
# A word is much of a short text: "Write a poem about cats" and "... dogs" are 0.77 alike.
SHORT, SHORT_SIMILARITY = 40, 0.9
LINKS = 8  # to earlier texts of a bucket, which may hold all texts that share a template
MARKS = re.compile(r"[\s.,!?;:…'\"“”‘’。、，！？：；]+")


@dataclass(frozen=True)
class Duplicate:
    """A text that repeats an earlier one, by their indices. similarity: 1 if both are equal."""

    dropped: int
    original: int
    similarity: float


def normal_form(text: str) -> str:
    """Return a text without case, sentence marks and doubled spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return MARKS.sub(" ", folded).strip() or folded


def n_grams(text: str) -> NDArray[np.uint32]:
    """Return the sorted hashes of the n-grams of a text, each once. A short text is one n-gram."""
    encoded = f" {normal_form(text)} ".encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(encoded, dtype=np.uint32).astype(np.uint64)
    size = max(len(codes) - GRAM + 1, 1)
    hashes = np.zeros(size, dtype=np.uint64)
    for place in range(min(GRAM, len(codes))):
        hashes = (hashes ^ codes[place : place + size]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return np.unique((hashes >> np.uint64(32)).astype(np.uint32))


def similarity_of(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> float:
    """Return the cosine of two sets of n-grams, from 0 to 1."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return float(shared / np.sqrt(len(first) * len(second)))


def duplicates(texts: Sequence[str], threshold: float = SIMILARITY) -> Iterator[Duplicate]:
    """Yield each text that repeats an earlier text which is no duplicate itself, in their order.

    threshold: the least similarity of near duplicates, from 0 to 1. Texts under 40 bytes need 0.9.
    """
    first = dict[str, int]()
    equal = {index: first.setdefault(text, index) for index, text in enumerate(texts)}
    rows = list(first.values())
    grams = {index: n_grams(texts[index]) for index in rows}
    needed = [
        max(threshold, SHORT_SIMILARITY)
        if len(text.encode(errors="replace")) < SHORT
        else threshold
        for text in texts
    ]
    links = defaultdict[int, list[int]](list)
    for one, other in candidates([grams[index] for index in rows], threshold):
        links[rows[one]].append(rows[other])
    originals = dict[int, int]()
    for index, same in equal.items():
        if same != index:
            yield Duplicate(index, originals.get(same, same), 1.0)
            continue
        found = {originals.get(other, other) for other in links.pop(index, ())}
        alike = [(similarity_of(grams[index], grams[other]), -other) for other in found]
        similarity, other = max(alike, default=(0.0, 0))
        if similarity >= max(needed[index], needed[-other]) and alike:
            originals[index] = -other
            yield Duplicate(index, -other, similarity)


def candidates(grams: Sequence[NDArray[np.uint32]], threshold: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of texts that may be alike, the later one first, by MinHash and its bands."""
    signatures = minhashes(grams)
    pairs = np.unique(np.concatenate([*bucket_pairs(signatures), np.zeros(0, dtype=np.uint64)]))
    least = (threshold**2 - 0.12) * BANDS * ROWS  # a text within another has the square at least
    for chunk in np.array_split(pairs, len(pairs) // 100_000 + 1):
        later, earlier = chunk >> np.uint64(32), chunk & np.uint64(0xFFFFFFFF)
        common = np.count_nonzero(signatures[later] == signatures[earlier], axis=1)
        close = common >= least
        yield from zip(later[close].tolist(), earlier[close].tolist(), strict=True)


def minhashes(grams: Iterable[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Return the MinHash signature of each set of n-grams, (texts, BANDS * ROWS)."""
    factors = np.random.default_rng(0).integers(1, 2**63, BANDS * ROWS, dtype=np.uint64)
    factors |= np.uint64(1)
    rows = [
        ((own[:, None] * factors) >> np.uint64(32)).min(axis=0).astype(np.uint32) for own in grams
    ]
    return np.array(rows, dtype=np.uint32).reshape(-1, BANDS * ROWS)


def bucket_pairs(signatures: NDArray[np.uint32]) -> Iterator[Hashes]:
    """Yield for each band the pairs of texts with equal rows: the later text in the upper bits."""
    for band in range(BANDS):
        keys = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        _, group = np.unique(keys.view(np.dtype((np.void, 4 * ROWS))).ravel(), return_inverse=True)
        order = np.argsort(group, kind="stable")
        for step in range(1, min(LINKS, len(order) - 1) + 1):
            later, earlier = order[step:], order[:-step]
            same = group[later] == group[earlier]
            if not same.any():
                break
            yield (later[same].astype(np.uint64) << np.uint64(32)) | earlier[same].astype(np.uint64)
