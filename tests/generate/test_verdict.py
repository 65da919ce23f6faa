"""The verdict that a reply of the judge holds."""

from __future__ import annotations

import re

import pytest

from arena.bench.config import GRADE_PATTERN, LABEL_PATTERN
from arena.bench.labels import LABELS
from arena.generate.judging.verdict import (
    AMBIGUOUS,
    CUT_OFF,
    NO_LABEL,
    TOO_SLOW,
    Verdict,
    VerdictRule,
    grades_of_schema,
    matches,
)

DOUBLE = r"\[\[([AB<>=]+)\]\]"
SINGLE = r"\[([AB<>=]+)\]"
LOCAL_FORK = r"\[(\[?[AB<>=ab]+\]?)\]"


class TestOneVerdictOfAllMatches:
    """The rule of `regex_pattern`, v0.1's key."""

    def read(self, reply: str, pattern: str = DOUBLE) -> Verdict:
        return VerdictRule((pattern,)).read(reply)

    @pytest.mark.parametrize("label", LABELS)
    def test_the_label_is_found_in_a_text(self, label: str) -> None:
        assert self.read(f"Both are fine.\n\nMy verdict is: [[{label}]].") == Verdict(label)

    def test_the_same_label_twice_is_one_verdict(self) -> None:
        assert self.read("[[A>B]] because … so [[A>B]]") == Verdict("A>B")

    def test_two_spellings_of_one_label_are_one_verdict(self) -> None:
        assert self.read("[[A>B]], that is [[B<A]]") == Verdict("A>B")

    def test_different_labels_are_ambiguous(self) -> None:
        assert self.read("[[A>B]] or rather [[A>>B]]") == Verdict(None, AMBIGUOUS)

    def test_what_is_no_label_is_passed_over(self) -> None:
        assert self.read("[[AB]] [[B>A]] [[A>>>B]]") == Verdict("B>A")
        assert self.read("[[AB]] [[>]]") == Verdict(None, NO_LABEL)

    @pytest.mark.parametrize("reply", ["", "A>B", "[A>B]", "[[A > B]]", "[[C]]"])
    def test_no_match_is_no_label(self, reply: str) -> None:
        assert self.read(reply) == Verdict(None, NO_LABEL)

    @pytest.mark.parametrize("reply", ["[A>B]", "[[A>B]]", "[a>b]", "[[a>b]]", "[[A>B]", "[B<A]"])
    def test_the_pattern_of_the_local_fork(self, reply: str) -> None:
        assert self.read(f"Verdict: {reply}", LOCAL_FORK) == Verdict("A>B")

    def test_the_pattern_of_the_local_fork_finds_contradictions_too(self) -> None:
        assert self.read("[A>B] [[b>a]]", LOCAL_FORK) == Verdict(None, AMBIGUOUS)


class TestLastMatchOfTheFirstPattern:
    """The rule of `regex_patterns`, v2.0's key."""

    def read(self, reply: str, *patterns: str) -> Verdict:
        return VerdictRule(patterns or (DOUBLE, SINGLE), unanimous=False).read(reply)

    def test_the_last_match_counts(self) -> None:
        assert self.read("[[A>>B]] at first sight, but [[B>A]]") == Verdict("B>A")

    def test_the_case_does_not_matter(self) -> None:
        assert self.read("my verdict: [[a>>b]]") == Verdict("A>>B")

    def test_the_second_pattern_is_asked_only_if_the_first_finds_nothing(self) -> None:
        assert self.read("verdict: [A=B]") == Verdict("A=B")
        assert self.read("[[A>B]] … [B>A]") == Verdict("A>B")
        assert self.read("[A>B]", DOUBLE) == Verdict(None, NO_LABEL)

    @pytest.mark.parametrize(("reply", "label"), [("[[A<<B]]", "B>>A"), ("[B=A]", "A=B")])
    def test_mirrored_spellings(self, reply: str, label: str) -> None:
        assert self.read(reply) == Verdict(label)

    @pytest.mark.parametrize("reply", ["", "none", "[[A>B]] no: [[AAA]]"])
    def test_no_label(self, reply: str) -> None:
        assert self.read(reply) == Verdict(None, NO_LABEL)


class TestGrades:
    @pytest.mark.parametrize(
        ("rule", "grades"),
        [
            ({"type": "integer", "minimum": 1, "maximum": 5}, (1, 5)),
            ({"minimum": 0}, (0, 10)),
            ({"maximum": 100}, (1, 100)),
            ({"enum": [3, 1, 2]}, (1, 3)),
            ({"enum": ["1", "4", "none"]}, (1, 4)),
            ({"enum": ["good", "bad"]}, (1, 10)),
            ({"minimum": "low"}, (1, 10)),
            ({"type": "integer"}, (1, 10)),
            (True, (1, 10)),
        ],
    )
    def test_the_range_that_a_schema_allows(
        self, rule: object, grades: tuple[float, float]
    ) -> None:
        assert grades_of_schema({"properties": {"verdict": rule}}, "verdict") == grades
        assert grades_of_schema({}, "verdict") == (1, 10)

    def test_a_rule_with_a_range_finds_no_label(self) -> None:
        rule = VerdictRule((r"\[\[(.*?)\]\]",), grades=(1, 10))
        assert rule.read("[[A>B]]") == Verdict(None, NO_LABEL)
        assert rule.read("[[A>B]] [[9]]") == Verdict(9)

    def test_a_reply_that_was_cut_off_says_so_unless_it_decides(self) -> None:
        rule = VerdictRule((DOUBLE,))
        assert rule.read("My verdict is", cut_off=True) == Verdict(None, CUT_OFF)
        assert rule.read("[[A>B]] since", cut_off=True) == Verdict("A>B")
        assert rule.read("[[A>B]] or [[B>A]]", cut_off=True) == Verdict(None, AMBIGUOUS)


class TestPatternsThatCanFindNoLabel:
    @pytest.mark.parametrize(
        "pattern",
        [
            *(
                DOUBLE,
                SINGLE,
                LOCAL_FORK,
                "(A>B)",
                "Verdict: (.*)",
                r"verdict\W+(?P<label>a>b|b>a)",
            ),
            *(
                r"(?i)winner: \**([ab]\s*[<>=]+\s*[ab])",
                r"\[([^][()]+)\]",
                r"(?x) ( [AB] [<>=]+ [AB] )",
            ),
            *("((?=A)A>B)", r"<v>((?:A|B)(?:>{1,2}|=)(?:A|B))</v>", r"([AB]>[AB](?=\]\]))"),
        ],
    )
    def test_labels_in_any_surroundings_are_found(self, pattern: str) -> None:
        assert VerdictRule((pattern,)).problem is None

    @pytest.mark.parametrize(
        ("pattern", "example"),
        [
            (r"\[\[([ABC])\]\]", "'A'"),
            (r"(\w+)\.$", "'A'"),
            ("(?P<winner>A|B|tie)", "'A'"),
            (r"Winner: (Assistant [AB])", "'Assistant A'"),
            (r"((?:x+)+$)", None),
        ],
    )
    def test_what_is_found_instead_is_shown(self, pattern: str, example: str | None) -> None:
        problem = VerdictRule((pattern,)).problem
        assert problem and f"{pattern} can find no label (A>>B, A>B," in problem
        assert problem.endswith(f" It finds {example}, which is no label" if example else "B>>A)")

    def test_grades_must_be_in_their_range(self) -> None:
        assert VerdictRule((r"(\d)/5",), grades=(1, 5)).problem is None
        problem = VerdictRule((r"(\d)/5",), grades=(10, 100)).problem
        assert problem == r"(\d)/5 can find no grade (10 to 100). It finds '1', which is no grade"


class TestPatternsThatTakeForEver:
    REPLY = "It is so " * 400 + "[[A>B]] but"

    def test_the_search_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("arena.generate.judging.verdict.PATIENCE", 0.05)
        rule = VerdictRule((r"(?:[\w\s]+)+\[\[([AB<>=]+)\]\]$",))
        assert rule.read(self.REPLY) == Verdict(None, TOO_SLOW)
        assert rule.read("It is [[A>B]]") == Verdict("A>B")
        # In answers such a pattern is tried once.
        assert rule.found_in([self.REPLY] * 1000) == {"A>B"}

    def test_published_patterns_agree_with_those_of_re(self) -> None:
        text = "[[A>B]] [[a<b] [B=A] [[[A]]] [[AB]]]\n[[A>>B]]x[[ B>A ]]"
        for pattern in (DOUBLE, SINGLE, LOCAL_FORK, LABEL_PATTERN, GRADE_PATTERN):
            assert [value for _, value in matches(pattern, text)] == re.findall(pattern, text)
