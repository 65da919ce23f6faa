"""Clusters of texts that are named by their most typical words, and balanced samples of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.base.errors import InputError
from arena.bench.records import interleaved

CHARACTERS = 2_000  # of a text that count: its subject shows early
FEATURES = 20_000  # words
MOST_CLUSTERS = 250


def cluster_names(texts: Sequence[str], size: int, seed: int, model: str | None) -> list[str]:
    """Return the name of the cluster of each text: its three most typical words.

    size: the wanted sample, which has about ten texts of a cluster. model: a sentence-transformers
    model whose embeddings to use in place of TF-IDF.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    heads = [text[:CHARACTERS] for text in texts]
    least = 2 if len(texts) > 20 else 1
    words = TfidfVectorizer(
        min_df=least,
        max_df=0.5 if len(texts) > 20 else 1.0,
        max_features=FEATURES,
        stop_words=list(ENGLISH_STOP_WORDS),
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
    names = {}
    for label in np.unique(labels):
        mean = np.asarray(weights[labels == label].mean(axis=0)).ravel()
        top = [place for place in np.argsort(-mean, kind="stable")[:3] if mean[place] > 0]
        names[label] = ", ".join(vocabulary[top]) or "other"
    return [names[label] for label in labels]


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
