"""The label that an ensemble makes of several, by a table worked by hand."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Sequence

import pytest
from conftest import Workspace
from judgments import add_judgments, judgment

from arena.bench.labels import LABELS
from arena.generate.judging.ensemble import ensemble_label

SCRIPT = "gen_ensemble_judgment.py"
RULES = ("mean", "majority", "median")

# Worked by hand. Two judges: labels, and what all three rules make of them (the median of two is
# their mean; of two different labels none is the more frequent).
PAIRS = """
A>>B A>>B  A>>B
A>>B A>B   A>>B
A>>B A=B   A>B
A>>B B>A   A>B
A>>B B>>A  A=B
A>B  A>B   A>B
A>B  A=B   A>B
A>B  B>A   A=B
A>B  B>>A  B>A
A=B  A=B   A=B
A=B  B>A   B>A
A=B  B>>A  B>A
B>A  B>A   B>A
B>A  B>>A  B>>A
B>>A B>>A  B>>A
"""

# Three judges: labels, mean, majority, median.
TRIPLES = """
A>>B A>>B A>>B  A>>B A>>B A>>B
A>>B A>>B A>B   A>>B A>>B A>>B
A>>B A>>B A=B   A>>B A>>B A>>B
A>>B A>>B B>A   A>B  A>>B A>>B
A>>B A>>B B>>A  A>B  A>>B A>>B
A>>B A>B  A>B   A>>B A>B  A>B
A>>B A>B  A=B   A>B  A>B  A>B
A>>B A>B  B>A   A>B  A>B  A>B
A>>B A>B  B>>A  A>B  A>B  A>B
A>>B A=B  A=B   A>B  A=B  A=B
A>>B A=B  B>A   A>B  A=B  A=B
A>>B A=B  B>>A  A=B  A=B  A=B
A>>B B>A  B>A   A=B  B>A  B>A
A>>B B>A  B>>A  B>A  B>A  B>A
A>>B B>>A B>>A  B>A  B>>A B>>A
A>B  A>B  A>B   A>B  A>B  A>B
A>B  A>B  A=B   A>B  A>B  A>B
A>B  A>B  B>A   A>B  A>B  A>B
A>B  A>B  B>>A  A=B  A>B  A>B
A>B  A=B  A=B   A>B  A=B  A=B
A>B  A=B  B>A   A=B  A=B  A=B
A>B  A=B  B>>A  B>A  A=B  A=B
A>B  B>A  B>A   B>A  B>A  B>A
A>B  B>A  B>>A  B>A  B>A  B>A
A>B  B>>A B>>A  B>A  B>>A B>>A
A=B  A=B  A=B   A=B  A=B  A=B
A=B  A=B  B>A   B>A  A=B  A=B
A=B  A=B  B>>A  B>A  A=B  A=B
A=B  B>A  B>A   B>A  B>A  B>A
A=B  B>A  B>>A  B>A  B>A  B>A
A=B  B>>A B>>A  B>>A B>>A B>>A
B>A  B>A  B>A   B>A  B>A  B>A
B>A  B>A  B>>A  B>>A B>A  B>A
B>A  B>>A B>>A  B>>A B>>A B>>A
B>>A B>>A B>>A  B>>A B>>A B>>A
"""

# More judges, where the three rules differ: labels, mean, majority, median.
MORE = """
A>>B A>>B A=B B>A            A>B  A>>B A>B
A>>B A>>B A=B B>A B>>A       A>B  A>>B A=B
A>>B A>>B A>B A>B A=B        A>>B A>>B A>B
A>>B A>>B A>B B>>A B>>A      A>B  A=B  A>B
A>>B B>A B>A B>>A A>>B A=B   A=B  A>B  B>A
A>B A=B A=B A=B A=B A=B A=B  A>B  A=B  A=B
A>B B>A B>A A>B B>>A A>>B    A=B  A=B  A=B
"""

Label = str | None


def rows(table: str, results: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The lines of a table: (labels, results)."""
    lines = [line.split() for line in table.strip().splitlines()]
    return [(tuple(words[:-results]), tuple(words[-results:])) for words in lines]


def worked(judges: int, rule: str) -> dict[tuple[Label, ...], Label]:
    """The label that each combination of labels makes, judges without a verdict among them."""
    pairs = {labels: results * 3 for labels, results in rows(PAIRS, 1)}
    known = {**pairs, **dict(rows(TRIPLES, 3)), **{(label,): (label,) * 3 for label in LABELS}}
    place = {label: i for i, label in enumerate(LABELS)}
    expected: dict[tuple[Label, ...], Label] = {}
    for labels in itertools.product((*LABELS, None), repeat=judges):
        given = tuple(sorted((x for x in labels if x is not None), key=place.__getitem__))
        expected[labels] = known[given][RULES.index(rule)] if given else None
    return expected


def oracle(labels: Sequence[str], rule: str) -> str:
    """The same by the standard library's statistics."""
    worths = [2 - LABELS.index(label) for label in labels]
    number: float
    if rule == "majority":
        number = statistics.median(statistics.multimode(worths))
    else:
        number = {"mean": statistics.mean, "median": statistics.median}[rule](worths)
    size = min(2, math.ceil(abs(number)))
    return LABELS[2 - size if number > 0 else 2 + size]


class TestTheTable:
    def test_it_holds_every_combination(self) -> None:
        for rule in RULES:
            assert len(worked(2, rule)) == 6**2 and len(worked(3, rule)) == 6**3
            full = [labels for labels in worked(3, rule) if None not in labels]
            assert len(full) == 125

    def test_it_agrees_with_the_standard_library(self) -> None:
        for labels, results in rows(PAIRS, 1):
            assert results * 3 == tuple(oracle(labels, rule) for rule in RULES), labels
        for labels, results in rows(TRIPLES, 3) + rows(MORE, 3):
            assert results == tuple(oracle(labels, rule) for rule in RULES), labels


class TestLabels:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("judges", [2, 3])
    def test_an_ensemble_gives_the_labels_of_the_table(
        self, bench: Workspace, judges: int, rule: str
    ) -> None:
        expected = worked(judges, rule)
        names = [f"J{i}" for i in range(judges)]
        for i, name in enumerate(names):
            games = [
                judgment(f"q{n:03}", labels[i], labels[::-1][i])
                for n, labels in enumerate(expected)
            ]
            add_judgments(bench, "tiny", games, judge=name)
        done = bench.run(
            SCRIPT, "--bench-name", "test-v1", "--judges", *names, "--rule", rule, check=0
        )
        found = bench.judgments("ensemble", "tiny")
        assert len(found) == len(expected)
        for record, labels in zip(found, expected, strict=True):
            for game, given in zip(record["games"], (labels, labels[::-1]), strict=True):
                assert game["score"] == expected[given]
                assert game["scores"] == dict(zip(names, given, strict=True))
        assert f"2 of {2 * len(expected)} games undecided" in done.stdout
        for name in names:
            assert f"{name}: no verdict on {2 * 6 ** (judges - 1)} of these games" in done.stdout

    def test_more_judges(self) -> None:
        for labels, results in rows(MORE, 3):
            assert results == tuple(ensemble_label(labels, rule) for rule in RULES), labels

    def test_any_number_of_judges_agrees_with_the_standard_library(self) -> None:
        draw = random.Random(1)
        for _ in range(2000):
            labels = draw.choices(LABELS, k=draw.randint(1, 9))
            for rule in RULES:
                assert ensemble_label(labels, rule) == oracle(labels, rule), (rule, labels)

    def test_other_spellings_count_as_what_they_mean(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "[A<<B]", "b=a", "C>A")], judge="J1")
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A=B", "A>B")], judge="J2")
        bench.run(SCRIPT, "--bench-name", "test-v1", check=0)
        games = bench.judgments("ensemble", "tiny")[0]["games"]
        assert [game["score"] for game in games] == ["B>>A", "A=B", "A>B"]
        assert games[0]["scores"] == {"J1": "B>>A", "J2": "B>>A"}
        assert games[2]["scores"] == {"J1": None, "J2": "A>B"}
