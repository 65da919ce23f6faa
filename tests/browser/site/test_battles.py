"""Which battles a site has, and the names of their files."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest
from browser_site import add_judgments, judgment
from conftest import Workspace

from arena.bench.labels import LABELS, OVERALL
from arena.bench.paths import Bench
from arena.browser.library import Filters, Library
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


def test_a_sample_of_a_part_of_a_question_says_so(library: Library) -> None:
    assert Battles.of(library, 4).coverage == "4 of 48 battles, those on 1 question"
    assert Battles.of(library, 3).coverage == "3 of 48 battles, some of those on 1 question"


def values_of(html: str, field: str) -> list[str]:
    """The choices of a field, none if it is hidden."""
    match = re.search(rf'<select name="{field}"[^>]*?( hidden)?>(.*?)</select>', html)
    assert match
    return [] if match[1] else re.findall('value="([^"]+)"', match[2])


def test_battles_against_several_baselines_are_named_and_counted_by_model(
    bench: Workspace, library: Library
) -> None:
    for baseline in ("base", "other"):
        records = [judgment("q1", "A>B", "A>B", baseline=baseline, model=m) for m in ("m", "n")]
        add_judgments(bench, records, f"j-{baseline}")
    battles = Battles.of(library, 1_000)
    page = battles.section().body
    assert values_of(page, "baseline") == ["base", "other"]
    assert "m against other · j-other" in page and "m against base · j-base" in page
    same = [entry for entry in battles.entries if entry.question == "q1" and entry.model == "m"]
    strip = battles.strip(same[0], same)
    assert f"<summary>{len(same)} battles of 1 model on this question</summary>" in strip
    assert ">m against other<" in strip


def test_one_baseline_is_not_named_in_the_list(library: Library) -> None:
    battles = Battles.of(library, 1_000)
    page = battles.section().body
    assert values_of(page, "baseline") == [] and "against" not in page
    assert values_of(page, "result") == []  # all are lost
    strip = battles.strip(battles.entries[0], battles.entries[:2])
    assert "<summary>2 models on this question</summary>" in strip


def test_grades_are_neither_won_nor_lost(bench: Workspace) -> None:
    bench.add_questions(2)
    records = [
        {"question_id": q, "model": m, "judge": "j", "games": [{"score": 7, "judgment": "fine"}]}
        for q in ("q1", "q2")
        for m in ("m", "n")
    ]
    add_judgments(bench, records)
    page = Battles.of(Library(Bench(bench.root / "data", bench.name)), 9).section().body
    assert values_of(page, "model") == ["m", "n"] and values_of(page, "result") == []
    assert not any(f'data-result="{result}"' in page for result in OVERALL)


def test_the_site_and_the_page_give_a_battle_the_same_result(bench: Workspace) -> None:
    pairs = list(itertools.product((*LABELS, None), repeat=2))
    assert len(pairs) == 36
    bench.add_questions(36)
    add_judgments(bench, [judgment(f"q{i}", *pair) for i, pair in enumerate(pairs, start=1)])
    library = Library(Bench(bench.root / "data", bench.name))
    battles = Battles.of(library, 36)
    assert values_of(battles.section().body, "result") == list(OVERALL)
    for result in OVERALL:
        on_page = library.select(Filters(judge="j", outcome=result))
        on_site = [one for one in battles.entries if f'data-result="{result}"' in battles.row(one)]
        assert on_site and on_site == list(on_page)


def test_the_name_of_a_file_stays_when_other_battles_come(library: Library) -> None:
    names = [address(entry) for entry in sample(library, 100)]
    assert len(set(names)) == 48
    assert set(map(address, sample(library, 8))) < set(names)
