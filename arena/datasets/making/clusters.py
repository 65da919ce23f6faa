"""Clusters of texts that are named by their most typical words, and balanced samples of them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.base.errors import InputError
from arena.bench.records import interleaved

CHARACTERS = 2_000  # of a text that count: its subject shows early
FEATURES = 20_000  # words
MOST_CLUSTERS = 250
# The scripts without spaces: Thai, Lao, Burmese, Khmer, and the characters of Chinese and Japanese.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
LENGTHS = (2, 3)  # characters of the sequences that stand for words in them
RANKED = 30  # terms of a cluster, of which its name has three
# Chinese function words, in both ways to write them. A sequence with one names no subject.
FUNCTION = re.compile(
    "[的了是吗呢吧请我你您他她它这那们么什怎哪就都也把被嗎請這們麼]|如何|如果|可以|一[个個种種些下]"
)


def cluster_names(texts: Sequence[str], size: int, seed: int, model: str | None) -> list[str]:
    """Return the name of the cluster of each text: its three most typical words, or
    sequences of characters in scripts without spaces.

    size: the wanted sample, which has about ten texts of a cluster. model: a sentence-transformers
    model whose embeddings to use in place of TF-IDF.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    heads = [text[:CHARACTERS] for text in texts]
    least = 2 if len(texts) > 20 else 1
    # Scripts without spaces have no list of stop words, which are among the frequent sequences.
    unspaced = sum(UNSPACED.search(head) is not None for head in heads)
    most = 0.25 if unspaced > len(texts) / 2 else 0.5
    words = TfidfVectorizer(
        analyzer=partial(terms, TfidfVectorizer(stop_words=[*ENGLISH_STOP_WORDS]).build_analyzer()),
        min_df=least,
        max_df=most if len(texts) > 20 else 1.0,
        max_features=FEATURES,
        sublinear_tf=True,
        dtype=np.float32,
    )
    try:
        weights = words.fit_transform(heads)
    except ValueError:  # no word is in two texts
        return ["other"] * len(texts)
    points = embeddings(heads, model) if model else weights
    count = min(max(2, math.isqrt(size)), MOST_CLUSTERS, len(texts))
    clusters = MiniBatchKMeans(count, random_state=seed, n_init=1, batch_size=4096)
    labels = clusters.fit_predict(points)
    vocabulary = words.get_feature_names_out()
    ranked = []
    for label in np.unique(labels):
        mean = np.asarray(weights[labels == label].mean(axis=0)).ravel()
        top = [place for place in np.argsort(-mean, kind="stable")[:RANKED] if mean[place] > 0]
        ranked.append(distinct_terms(vocabulary[top]))
    names = dict(zip(np.unique(labels), distinct_names(ranked), strict=True))
    return [names[label] for label in labels]


def distinct_names(ranked: Iterable[Sequence[str]]) -> list[str]:
    """Return a name for each list of terms: its first three, and more, or else a number, if they
    are those of an earlier name.
    """
    names = dict[frozenset[str], str]()
    for terms_of in ranked:
        size, first = 3, terms_of[:3] or ["other"]
        while frozenset(first) in names and len(terms_of) > size:
            size, first = size + 1, terms_of[: size + 1]
        number = 2
        while frozenset(first) in names:
            first, number = [*(terms_of[:size] or ["other"]), str(number)], number + 1
        names[frozenset(first)] = ", ".join(first)
    return list(names.values())


def terms(words_of: Callable[[str], list[str]], text: str) -> list[str]:
    """Return the words of a text, and the sequences of characters of scripts without spaces."""
    runs = UNSPACED.findall(text)
    if not runs:
        return words_of(text)
    sequences = [run[i : i + n] for run in runs for n in LENGTHS for i in range(len(run) - n + 1)]
    return words_of(UNSPACED.sub(" ", text)) + sequences


def distinct_terms(ranked: Iterable[str]) -> list[str]:
    """Return words, and sequences of characters that share no two with one before them, do not
    begin within a letter and have no function word.
    """
    distinct = list[str]()
    for term in ranked:
        parts = {term[i : i + 2] for i in range(len(term) - 1)} if UNSPACED.match(term) else set()
        is_torn = unicodedata.category(term[0]).startswith("M")
        if (
            not is_torn
            and not FUNCTION.search(term)
            and not any(part in other for part in parts for other in distinct)
        ):
            distinct.append(term)
    return distinct


def embeddings(texts: Sequence[str], model: str) -> NDArray[Any]:
    """Return the normalised embeddings of texts, (texts, dimensions)."""
    try:
        from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]
    except ImportError:
        advice = "Run: pip install sentence-transformers, or leave out --embed"
        raise InputError(f"--embed needs sentence-transformers. {advice}") from None
    try:
        encoder = SentenceTransformer(model)
    except (OSError, ValueError) as error:
        raise InputError(f"--embed {model}: {error}. Name another model.") from None
    return np.asarray(encoder.encode(list(texts), normalize_embeddings=True))


def balanced_sample(clusters: Sequence[Hashable], size: int, seed: int) -> list[int]:
    """Return the sorted places of a random sample that has as many of each cluster as of the
    others, as far as they go.
    """
    members = defaultdict[Hashable, list[int]](list)
    for place in np.random.default_rng(seed).permutation(len(clusters)).tolist():
        members[clusters[place]].append(place)
    by_name = sorted(members, key=str)
    return sorted(interleaved(members[name] for name in by_name)[:size])
