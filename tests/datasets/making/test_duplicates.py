"""Near duplicates that are planted into texts of our own and into published ones."""

from __future__ import annotations

import json
import random

import pytest
from conftest import REFERENCE
from prompt_texts import texts_of

from arena.datasets.making.duplicates import duplicates

TAIL = " Please explain every step with care."


def planted(texts: list[str], seed: int) -> list[tuple[str, str]]:
    """200 texts with a near duplicate each, of four kinds."""
    draw = random.Random(seed)

    def one_word(text: str) -> str:
        words = text.split(" ")
        words[draw.randrange(len(words))] = draw.choice(["table", "사과", "green"])
        return " ".join(words)

    kinds = [
        str.swapcase,
        lambda text: text.replace(".", "!").replace("?", " ...") + "!!",
        one_word,
        lambda text: text + TAIL,
    ]
    return [(text, kinds[i % 4](text)) for i, text in enumerate(draw.sample(texts, 200))]


def check_planted(texts: list[str]) -> None:
    pairs = planted(texts, 1)
    found = {d.dropped: d.original for d in duplicates(texts + [copy for _, copy in pairs])}
    right = sum(found.get(len(texts) + i) == texts.index(text) for i, (text, _) in enumerate(pairs))
    assert right >= 190
    assert sum(place < len(texts) for place in found) <= len(texts) // 100


def test_planted_near_duplicates_are_found_in_our_texts() -> None:
    check_planted(texts_of(600))


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference data is not here")
def test_planted_near_duplicates_are_found_in_korean() -> None:
    lines = (REFERENCE / "question.jsonl").read_text(encoding="utf-8").splitlines()
    check_planted([json.loads(line)["turns"][0]["content"] for line in lines])


def test_short_prompts_that_differ_by_a_word_are_no_duplicates() -> None:
    for first, second in [
        ("Write a poem about cats", "Write a poem about dogs"),
        ("고양이에 대한 시를 써줘", "강아지에 대한 시를 써줘"),
        ("What is 3 + 4?", "What is 3 - 4?"),
    ]:
        assert list(duplicates([first, second])) == []
    assert [d.similarity for d in duplicates(["a b", "A  b.", "a b"])] == [1.0, 1.0]
