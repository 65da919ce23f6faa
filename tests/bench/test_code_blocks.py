"""The removal of fenced code: the published rule, in less time."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import pytest

from arena.bench import code_blocks
from arena.bench.code_blocks import without_code

LENGTH = 300_000


def published(text: str) -> str:
    for block in re.findall(r"```([^`]*)```", text):
        text = text.replace(block, "")
    return text


def drawn(draw: random.Random) -> str:
    letters = draw.choice(["ab", "ab\n", "abc \n", "a", "01\n- #*", "[]^-\\ab"])

    def word(longest: int) -> str:
        return "".join(draw.choices(letters, k=draw.randrange(longest + 1)))

    def piece() -> str:
        kind = draw.random()
        if kind < 0.6:
            return f"```{word(draw.choice([2, 5, 12]))}```"
        return word(draw.choice([3, 40])) if kind < 0.9 else "`" * draw.randrange(1, 5)

    return "".join(piece() for _ in range(draw.randrange(1, 40)))


def test_of_code_only_the_fences_stay() -> None:
    assert without_code("a ```b``` c") == "a `````` c"
    assert without_code("x = 1\n```x = 1\n```y") == "``````y"


def test_looking_blocks_up_removes_the_same_as_the_published_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = random.Random(7)
    for steps in (0, 300):
        monkeypatch.setattr(code_blocks, "_DIRECT_STEPS", steps)
        for _ in range(500):
            text = drawn(draw)
            assert without_code(text) == published(text)


BLOCKS: dict[str, Callable[[int], str]] = {
    "one block again and again": lambda i: "```a```\n",
    "numbers": lambda i: f"```{i}```\n",
    "lines of code": lambda i: f"```python\nprint({i})\n```\n",
    "code that is also in the text": lambda i: f"as x{i}y here: ```x{i}y```\n",
    "programs": lambda i: f"```python\nfor i in range({i}):\n    print(i)\n```\nand then:\n",
}


@pytest.mark.parametrize("block", list(BLOCKS))
def test_many_blocks_take_no_long_time(block: str) -> None:
    size = LENGTH // len(BLOCKS[block](1000))
    text = "".join(map(BLOCKS[block], range(size)))
    began = time.process_time()
    rest = without_code(text)
    assert time.process_time() - began < 3
    assert re.fullmatch(r"(as  here: |``````|\n|and then:)*", rest)


def test_different_blocks_that_are_all_in_the_text_take_no_long_time() -> None:
    # The rest of the text is one part: no block can be looked up in a short piece of it.
    draw = random.Random(5)
    blocks = ["".join(draw.choices("abcdefgh", k=draw.randrange(3, 9))) for _ in range(5_000)]
    fences = "".join(f"```{block}```" for block in blocks)
    text = fences + "".join(draw.choices(blocks, k=LENGTH // 6))
    began = time.process_time()
    rest = without_code(text)
    assert time.process_time() - began < 6
    short = fences + text[len(fences) :][:20_000]
    assert without_code(short) == published(short)
    assert len(rest) > len("``````" * len(blocks))


def test_of_an_endless_text_only_the_blocks_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_blocks, "_DIRECT_STEPS", 0)
    text = "12 ```1```\n```# x``` 1"
    assert without_code(text) == published(text) == "2 ``````\n`````` "
    monkeypatch.setattr(code_blocks, "_LONGEST", len(text) - 1)
    assert without_code(text) == "12 ``````\n`````` 1"
