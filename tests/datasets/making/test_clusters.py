"""The names of clusters: distinct ones, of words that say what they are about."""

from __future__ import annotations

import pytest

from arena.datasets.making.clusters import distinct_names, distinct_terms


@pytest.mark.parametrize(
    ("ranked", "names"),
    [
        (["abcd", "abcd", "cabe"], ["a, b, c", "a, b, c, d", "c, a, b, e"]),
        (["abc", "abc", "bca"], ["a, b, c", "a, b, c, 2", "b, c, a, 3"]),
        (["", "", "a", "a"], ["other", "other, 2", "a", "a, 2"]),
    ],
)
def test_clusters_of_the_same_words_have_names_of_their_own(
    ranked: list[str], names: list[str]
) -> None:
    assert distinct_names([list(terms) for terms in ranked]) == names


def test_chinese_function_words_name_no_cluster() -> None:
    terms = ["我们", "什么", "的行星", "行星", "怎么", "如何", "轨道", "請問", "望远镜"]
    assert distinct_terms(terms) == ["行星", "轨道", "望远镜"]
