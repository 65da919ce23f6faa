"""The order of the pairs that a person labels, and the sides of their answers."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from browser_site import add_judgments, judgment, question
from conftest import RunMain, Workspace

from arena.bench.paths import Bench
from arena.browser.annotate.draw import BlindPair, pairs_to_label
from arena.browser.library import Library

MODELS = ("m", "n")


@pytest.fixture
def library(bench: Workspace) -> Library:
    bench.add_questions([question(i, f"Question {i}?", "c") for i in range(20)])
    for model in (*MODELS, "base"):
        bench.add_answers(model, {f"q{i}": f"{model} {i}" for i in range(20)})
    records = [judgment(f"q{i}", "A>B", "A>B", model=m) for i in range(20) for m in MODELS]
    add_judgments(bench, [*records, judgment("gone", "A>B", "A>B")])
    return Library(Bench(bench.root / "data", bench.name))


def test_all_pairs_of_a_judge_come_in_an_order_that_the_name_gives(library: Library) -> None:
    pairs, drawn = pairs_to_label(library, "human-anna", "j")
    assert not drawn
    assert pairs == pairs_to_label(library, "human-anna", "j")[0]
    everything = {(f"q{i}", model) for i in range(20) for model in MODELS}
    assert {(pair.question, pair.model) for pair in pairs} == everything and len(pairs) == 40
    assert pairs != pairs_to_label(library, "human-bob", "j")[0]
    # Any start of the list has as many pairs of each model, give or take one.
    for end in range(1, 41):
        numbers = Counter(pair.model for pair in pairs[:end])
        assert abs(numbers["m"] - numbers["n"]) <= 1
    of_one, _ = pairs_to_label(library, "human-anna", "j", "m")
    assert of_one == [pair for pair in pairs if pair.model == "m"]


def test_a_drawn_list_has_its_own_order(
    bench: Workspace, library: Library, run_main: RunMain
) -> None:
    flags = ("--bench-name", bench.name, "--judge-name", "j", "--baseline", "base", "--seed", 7)
    run_main("show_result.py", *flags, "--calibrate", "human-anna", "--draw-for-labels", 9)
    lines = (bench.data / "label_draws/human-anna.jsonl").read_text().splitlines()
    expected = [(line["question_id"], line["model"]) for line in map(json.loads, lines)]
    pairs, drawn = pairs_to_label(library, "human-anna", "other", "nobody")
    assert drawn
    assert [(pair.question, pair.model) for pair in pairs] == [
        p for p in expected if p[0] != "gone"
    ]
    assert {(pair.baseline, pair.judge) for pair in pairs} == {("base", "j")}


def test_sides_are_random_and_stay() -> None:
    pairs = [BlindPair(f"q{i}", model, "base", "j") for i in range(500) for model in MODELS]
    sides = [pair.side("human-anna") for pair in pairs]
    assert sides == [pair.side("human-anna") for pair in pairs]
    # Within four standard errors of a half, also of questions on which two models differ.
    assert abs(sum(sides) - 500) < 64
    differ = sum(first != second for first, second in zip(sides[::2], sides[1::2], strict=True))
    assert abs(differ - 250) < 45
    others = [pair.side("human-bob") for pair in pairs]
    assert abs(sum(a != b for a, b in zip(sides, others, strict=True)) - 500) < 64


def test_a_token_names_a_pair_and_tells_nothing() -> None:
    tokens = [BlindPair(q, m, "base", "j").token("p") for q in ("q1", "q2") for m in MODELS]
    assert len(set(tokens)) == 4
    assert all(len(token) == 16 and int(token, 16) for token in tokens)
