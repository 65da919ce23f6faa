"""Styles of answers: the counting rules by literal examples, and their readers."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import time
from math import inf
from pathlib import Path

import pytest
from boards import flags, named
from conftest import REPO, Workspace
from judgments import add_judgments, random_answers, random_judgments
from lines import new_answer, old_answer, write

from arena.bench import answer_style
from arena.bench.answer_style import (
    NO_STYLES,
    conv_metadata,
    count_markdown,
    count_tokens,
    get_encoding,
    read_styles,
)
from arena.bench.code_blocks import without_code


def counts(text: str) -> dict[str, int]:
    """All counts of a text that are not zero."""
    kinds = count_markdown(text).values()
    return {name: number for kind in kinds for name, number in kind.items() if number}


LEVELS = ("h1", "h2", "h3", "h4", "h5", "h6")
EXAMPLES: list[tuple[str, dict[str, int]]] = [
    ("", {}),
    ("plain text, 2 * 3 = 6 and a-b", {}),
    # headers
    ("# a\n## b\n### c\n#### d\n##### e\n###### f", dict.fromkeys(LEVELS, 1)),
    ("# a\n# b\n### c", {"h1": 2, "h3": 1}),
    ("####### seven", {}),
    ("#hashtag", {}),
    (" # indented", {}),
    ("text # inside", {}),
    ("#\ttab\n#\n", {"h1": 2}),
    ("## 한국어 제목 ##", {"h2": 1}),
    ("> # quoted", {}),
    # lists
    ("1. a\n2. b\n10. c", {"ordered": 3}),
    ("  1. a\n\t2. b", {"ordered": 2}),
    ("1) a\n1.a\na 1. b\n3.14 is pi", {}),
    ("- a\n* b\n+ c", {"unordered": 3}),
    ("- a\n  - b\n\n\n    * c", {"unordered": 3}),
    ("-a\n--- \n+5\n*a*", {}),
    ("- 1. a", {"unordered": 1}),
    ("1. - a", {"ordered": 1}),
    ("1.\n2.\n-\n", {"ordered": 2, "unordered": 1}),
    # bold
    ("**a** and **b c**, __d__", {"**": 2, "__": 1}),
    ("__init__ and some_snake__case", {"__": 1}),
    ("**** and ____ and **a and __b", {"**": 1, "__": 1}),
    ("****, ____", {}),
    ("**a\nb** __c\nd__", {}),
    ("**a*b** __c_d__", {}),
    ("***a***", {"**": 1}),
    ("**a __b__**", {"**": 1, "__": 1}),
    ("- **a**: b", {"unordered": 1, "**": 1}),
    ("# **a**", {"h1": 1, "**": 1}),
    # code
    ("```\n# a\n1. b\n- c\n**d** __e__\n```", {}),
    ("# a\n```python\n# b\n```\n# c", {"h1": 2}),
    ("```\n# a\n```\n# b\n```\n# c\n```", {"h1": 1}),
    ("`# a` and `**b**`", {"**": 1}),
    ("```# a```", {}),
    ("````\n# a\n````", {}),
    ("~~~\n# a\n~~~", {"h1": 1}),
    # a block is deleted wherever it occurs, in the text around it too
    ("# a\nb\n```# a\n```", {}),
    ("**x** - y\n```**x**```", {"unordered": 1}),
    ("- a\n- b\n```\n- a\n```", {"unordered": 2}),
    ("a:\n- a\n- b\n```\n- a\n```", {}),
    # fences that are not closed, and back-ticks between fences
    ("# a\n```\n# b", {"h1": 2}),
    ("```\n# a\n```\n# b\n```\n# c", {"h1": 2}),
    ("```\n# a `b`\n```\n# c", {"h1": 2}),
    ("```\n# a `b`\n```\n# c\n```\n", {"h1": 1}),
    ("``````\n# a", {"h1": 1}),
]


# The rules of lists as they were published.
PUBLISHED_LISTS = {"ordered": r"^\s*\d+\.\s", "unordered": r"^\s*[-*+]\s"}
# What they tell apart: all white space, and characters that are only like it.
PIECES = [
    *"\n\n\n\t\r\x0b\x0c\x1c\x1d\x1e\x1f\x20\x85\xa0\u1680\u2003\u2028\u2029\u3000",
    *"\u200b\ufeffa#.-*+17٣²",
    "1.",
    "\n- ",
]
RUN = 200_000
HARD_TEXTS = ["\n" * RUN, " " * RUN, "\n " * RUN, "1" * RUN, "`" * RUN, "*" * RUN, "_" * RUN]
# bpe-openai takes no million characters, and no 200,000 tokens.
ENDLESS = [" " * 1_000_000, "a " * 250_000, "\ud800a" * 100_000, "\0" * 250_000, "🦙" * 70_000]


def published_lists(text: str) -> dict[str, int]:
    """The counts of list items by the published rules."""
    found = {kind: re.findall(rule, text, re.M) for kind, rule in PUBLISHED_LISTS.items()}
    return {kind: len(items) for kind, items in found.items()}


class TestRules:
    def test_lists_are_counted_as_by_the_published_rules(self) -> None:
        draw = random.Random(4)
        for _ in range(20_000):
            text = "".join(draw.choices(PIECES, k=draw.randrange(1, 40)))
            assert count_markdown(text)["list_count"] == published_lists(without_code(text))

    @pytest.mark.parametrize("text", HARD_TEXTS, ids=lambda text: ascii(text[:2]))
    def test_no_text_takes_long(self, text: str) -> None:
        began = time.process_time()
        assert counts(text) == {}
        assert time.process_time() - began < 5

    @pytest.mark.parametrize(("text", "expected"), EXAMPLES)
    def test_markdown_is_counted_outside_of_code(self, text: str, expected: dict[str, int]) -> None:
        assert counts(text) == expected

    def test_all_counts_are_there(self) -> None:
        assert count_markdown("") == {
            "header_count": {"h1": 0, "h2": 0, "h3": 0, "h4": 0, "h5": 0, "h6": 0},
            "list_count": {"ordered": 0, "unordered": 0},
            "bold_count": {"**": 0, "__": 0},
        }

    def test_windows_lines_are_lines(self) -> None:
        assert counts("# a\r\n1. b\r\n- **c**\r\n") == {
            "h1": 1,
            "ordered": 1,
            "unordered": 1,
            "**": 1,
        }

    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("", 0),
            ("hello world", 2),
            ("hello  world", 3),
            ("<|endoftext|>", 7),
            ("tiktoken is great!", 6),
            ("お誕生日おめでとう", 9),
        ],
    )
    def test_tokens_are_those_of_cl100k_base(self, text: str, tokens: int) -> None:
        assert count_tokens([text]) == [tokens]

    def test_many_texts_are_measured_in_their_order(self) -> None:
        texts = ["hello " * n for n in range(50)]
        assert count_tokens(texts) == [count_tokens([text])[0] for text in texts]
        measured = conv_metadata(["# a", "hello world"])
        assert [m["token_len"] for m in measured] == [2, 2]
        assert [m["header_count"]["h1"] for m in measured] == [1, 0]
        assert list(measured[0]) == ["token_len", "header_count", "list_count", "bold_count"]

    def test_a_lone_surrogate_is_measured(self) -> None:
        assert conv_metadata(["# half \ud83d"])[0]["header_count"]["h1"] == 1

    @pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
    def test_a_long_text_has_as_many_tokens_as_its_tokenizer_says(self, encoding: str) -> None:
        draw = random.Random(5)
        letters = [
            "ab 1,.'/\n\t_-",
            "क्षत्रिय ा,. ",
            "中文。，a1 \n",
            "éÉ\u0301 A'sS'T \r\n\x1c\x85\u3000",
        ]
        texts = ["".join(draw.choices(some, k=30_000)) for some in letters]
        whole = [len(get_encoding(encoding).encode(t, disallowed_special=())) for t in texts]
        assert count_tokens(texts, encoding) == whole

    @pytest.mark.parametrize("text", ENDLESS, ids=lambda text: ascii(text[:3]))
    def test_no_text_is_refused(self, text: str) -> None:
        for encoding, part in (("o200k_base", text), ("cl100k_base", text[:100_000])):
            began = time.process_time()
            assert 0 < count_tokens([part], encoding)[0] <= 4 * len(part)
            assert time.process_time() - began < 5

    @pytest.mark.parametrize("texts", [["-" * 1_000_000], ["-" * 1_000_000, "a"]], ids=len)
    def test_a_part_that_is_repeated_is_counted_once(
        self, texts: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counted: list[str] = []

        class Characters:
            def encode(self, text: str, **_: object) -> str:
                counted.append(text)
                return text

            def encode_batch(self, texts: list[str], **_: object) -> list[str]:
                return [self.encode(text) for text in texts]

        monkeypatch.setattr(answer_style, "get_encoding", lambda _: Characters())
        assert count_tokens(texts) == [len(text) for text in texts]
        assert len(counted) == len(texts)


HEADERS = {"h1": 1, "h2": 2, "h3": 0, "h4": 0, "h5": 0, "h6": 3}
COUNTS = {
    "token_len": 12,
    "header_count": HEADERS,
    "list_count": {"ordered": 4, "unordered": 5},
    "bold_count": {"**": 6, "__": 1},
}


class TestStyles:
    def test_both_formats_are_read_into_the_same_records(self, tmp_path: Path) -> None:
        turn = {"content": "hi", "token_len": 7}
        oldest = {"question_id": "q2", "choices": [{"index": 0, "turns": [turn, turn]}]}
        path = write(
            tmp_path / "a.jsonl",
            old_answer("q1", conv_metadata=COUNTS),
            oldest,
            new_answer("q3", metadata=COUNTS),
            new_answer("q4"),
            old_answer("q5", conv_metadata={"token_len": 3}),
        )
        counted = {"tokens": 12, "headers": 6, "list items": 9, "bold": 7}
        assert read_styles(path) == {
            "q1": counted,
            "q2": {"tokens": 7},
            "q3": counted,
            "q4": {},
            "q5": {"tokens": 3},
        }

    def test_a_text_about_tokens_is_only_a_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", old_answer("q1", 'is "token_len": 7 right?'))
        assert read_styles(path) == {"q1": {}}

    def test_the_tokens_of_an_answer_are_infinite_if_they_are_not_known(
        self, tmp_path: Path
    ) -> None:
        path = write(tmp_path / "a.jsonl", old_answer("q1", conv_metadata=COUNTS), old_answer("q2"))
        styles = read_styles(path)
        assert [styles.tokens(question) for question in ("q1", "q2", "q3")] == [12, inf, inf]
        assert len(styles) == 2 and NO_STYLES.tokens("q1") == inf

    def test_the_last_of_several_counts(self, tmp_path: Path) -> None:
        first = old_answer("q1", conv_metadata=COUNTS)
        path = write(tmp_path / "a.jsonl", first, old_answer("q1", conv_metadata={"token_len": 1}))
        assert read_styles(path) == {"q1": {"tokens": 1}}


class TestNewFeature:
    def test_a_row_and_a_count_make_a_style_feature(self, bench: Workspace) -> None:
        """The recipe of CONTRIBUTING.md, on a copy of the program."""
        program = bench.root / "program"
        shutil.copytree(REPO / "arena", program / "arena")
        for script in REPO.glob("*.py"):
            shutil.copy(script, program)
        source = program / "arena/bench/answer_style.py"
        text = source.read_text("utf-8")
        for place, line in (
            ("FEATURES = {\n", '    "links": {"links": "link_count"},\n'),
            ("    return {\n", '        "link_count": {"[": text.count("](")},\n'),
        ):
            text = text.replace(place, place + line, 1)
        source.write_text(text, "utf-8")

        def run(script: str, *arguments: object) -> str:
            done = subprocess.run(
                [sys.executable, program / script, *map(str, arguments)],
                cwd=bench.root,
                capture_output=True,
                encoding="utf-8",
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        bench.add_questions(20)
        for seed, model in enumerate(["base", "m1", "m2"]):
            answers = random_answers(seed, 20)
            for number, answer in enumerate(answers):
                content = "[a](b) " * (number % (3 + seed))
                answer["choices"] = [{"index": 0, "turns": [{"content": content}]}]
            bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
            if seed:
                add_judgments(bench, model, random_judgments(seed, 20))
        # Until it is counted, nothing else is lost.
        before = run("judge_report.py", *named())
        assert re.search(r"length bias: token_len +-?[0-9.]+", before)
        assert re.search(r"links bias: link_count +n/a", before)
        measured = run("add_markdown_info.py", "--dir", bench.data / "model_answer")
        assert measured.count("20 of 20 answers measured") == 3
        assert bench.answers("m1")[3]["conv_metadata"]["link_count"] == {"[": 3}
        run("show_result.py", *flags(), "--control-features", "links", "--json", "board.json")
        board = json.loads((bench.root / "board.json").read_text("utf-8"))
        (coefficient,) = board["style_coefficients"].items()
        assert coefficient[0] == "link_count" and coefficient[1] != 0
        assert re.search(r"links bias: link_count +-?[0-9.]+", run("judge_report.py", *named()))
