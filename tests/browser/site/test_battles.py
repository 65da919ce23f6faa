"""Which battles a site has, and the names of their files."""

from __future__ import annotations

from collections import Counter

import pytest
from browser_site import add_judgments, judgment
from conftest import Workspace

from arena.bench.paths import Bench
from arena.browser.library import Library
from arena.browser.site.battles import Battles, address, sample


@pytest.fixture
def library(bench: Workspace) -> Library:
    """12 questions of three clusters, each with battles of two models by two judges."""
    questions = [
        {
            "question_id": f"q{i}",
            "category": "c",
            "cluster": f"c{i % 3}",
            "turns": [{"content": "?"}],
        }
        for i in range(12)
    ]
    bench.add_questions(questions)
    for judge in ("j", "k"):
        fields = [{"model": model, "judge": judge} for model in ("m", "n")]
        records = [judgment(f"q{i}", "A>B", "A>B", **f) for i in range(12) for f in fields]
        add_judgments(bench, records, judge)
    return Library(Bench(bench.root / "data", bench.name))


@pytest.mark.parametrize(
    ("most", "number"), [(1_000, 48), (48, 48), (47, 44), (12, 12), (11, 8), (4, 4), (3, 3)]
)
def test_a_sample_has_whole_questions_evenly_from_the_clusters(
    library: Library, most: int, number: int
) -> None:
    entries = sample(library, most)
    assert len(entries) == number
    questions = Counter(entry.question for entry in entries)
    assert set(questions.values()) == {min(number, 4)}
    clusters = Counter(library.questions[question].cluster for question in questions)
    assert max(clusters.values()) - min(clusters[f"c{i}"] for i in range(3)) <= 1
    order = list(library.questions)
    assert list(questions) == sorted(questions, key=order.index)


def test_a_smaller_sample_is_a_part_of_a_larger_one(library: Library) -> None:
    drawn = [{entry.key for entry in sample(library, 4 * number)} for number in range(1, 13)]
    assert all(small < large for small, large in zip(drawn, drawn[1:], strict=False))


def test_battles_on_unknown_questions_come_last(bench: Workspace, library: Library) -> None:
    add_judgments(bench, [judgment(q, "A>B", "A>B", model="o") for q in ("x", "q3")])
    battles = Battles.of(library, 100)
    assert [entry.question for entry in battles.entries][-1] == "x"
    assert battles.coverage == "all 50 battles"
    assert Battles.of(library, 8).coverage == "8 of 50 battles, those on 2 questions"


def test_the_name_of_a_file_stays_when_other_battles_come(library: Library) -> None:
    names = [address(entry) for entry in sample(library, 100)]
    assert len(set(names)) == 48
    assert set(map(address, sample(library, 8))) < set(names)
