"""The index of words: what a word is, how places are packed, and what the script hands over."""

from __future__ import annotations

import json
import random

import pytest

from arena.browser.site.search import FIRST, SearchIndex, packed, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD! 3.5", {"hello", "world", "3", "5"}),
        ("한국어로 된 글", {"한국어로", "된", "글"}),
        ("漢字カナ x", {"漢字", "字カ", "カナ", "x"}),
        ("漢", {"漢"}),
        ("ｆｕｌｌ ﬁ e\u0301", {"full", "fi", "e"}),
        ("サーバー ｻｰﾊﾞｰ", {"サー", "ーバ", "バー"}),
        ("Éclair ÉCLAIR eclair", {"eclair"}),
        ("İstanbul istanbul ISTANBUL", {"istanbul"}),
        ("Straße STRASSE ΟΔΟΣ οδος", {"strasse", "οδοσ"}),
        ("co\u00adoperate zero\u200dwidth", {"cooperate", "zerowidth"}),
        ("مُحَمَّد محمد", {"محمد"}),
        ("한국 \u1112\u1161\u11ab\u1100\u116e\u11a8", {"한국"}),
        ("\ud800 \0 _", set()),
        ("a" * 99, {"a" * 30}),
    ],
)
def test_words_are_without_case_and_width(text: str, words: set[str]) -> None:
    assert words_of(text) == words


def unpacked(text: str) -> list[int]:
    numbers, number = [], -1
    for code in map(ord, text):
        number += (code - 0x800 if code >= 0xD800 else code) - FIRST
        numbers.append(number)
    return numbers


def test_packed_numbers_can_be_read_again() -> None:
    rng = random.Random(1)
    for most in (5, 100, 3_000, 200_000):
        numbers = sorted(rng.sample(range(most), 5))
        assert unpacked(packed(numbers)) == numbers
    text = packed([0, 0xD800 - FIRST - 1, 0x1B000])
    assert unpacked(text.encode().decode()) == [0, 0xD800 - FIRST - 1, 0x1B000]


def test_a_text_is_indexed_once_and_battles_have_the_numbers_of_theirs() -> None:
    index = SearchIndex()
    index.add({"q": "the prompt", ("j", 1): "judged", ("m", "q"): "answer", ("b", "q"): "base"})
    index.add({"q": "the prompt", ("j", 2): "judged", ("n", "q"): "other", ("b", "q"): "base"})
    script = index.script()
    data = json.loads(script.removeprefix(b"useIndex(").removesuffix(b");\n"))
    assert data["battles"] == [[0, 1, 2, 3], [0, 4, 5, 3]]
    assert data["texts"] == 6
    places = dict(zip(data["words"].split(" "), data["places"].split(" "), strict=True))
    assert {word: unpacked(text) for word, text in places.items()} == {
        "answer": [2],
        "base": [3],
        "judged": [1, 4],
        "other": [5],
        "prompt": [0],
        "the": [0],
    }
