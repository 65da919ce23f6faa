"""What a label means, which label a reply holds, and how the judge's prompt is filled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.bench.labels import LABELS, grade_of, normal_label, worth
from arena.bench.provenance import prompt_hash
from arena.generate.verdict import (
    AMBIGUOUS,
    NO_LABEL,
    Verdict,
    VerdictRule,
    fill,
    grades_of_schema,
    judge_messages,
    pair_values,
    single_values,
    template_problem,
)

DOUBLE = r"\[\[([AB<>=]+)\]\]"
SINGLE = r"\[([AB<>=]+)\]"
LOCAL_FORK = r"\[(\[?[AB<>=ab]+\]?)\]"


class TestLabels:
    @pytest.mark.parametrize(
        ("spelling", "label"),
        [
            ("A>>B", "A>>B"),
            ("A>B", "A>B"),
            ("A=B", "A=B"),
            ("B>A", "B>A"),
            ("B>>A", "B>>A"),
            ("B<<A", "A>>B"),
            ("B<A", "A>B"),
            ("B=A", "A=B"),
            ("A<B", "B>A"),
            ("A<<B", "B>>A"),
        ],
    )
    @pytest.mark.parametrize("form", ["{}", "[{}]", "[[{}]]", "[{}", "{}]]", " {} \n"])
    def test_every_spelling_in_stray_brackets_and_any_case(
        self, spelling: str, label: str, form: str
    ) -> None:
        assert normal_label(form.format(spelling)) == label
        assert normal_label(form.format(spelling.lower())) == label

    @pytest.mark.parametrize(
        "text", ["", "[]", "A", "A>", ">B", "A>A", "A>>>B", "A<>B", "A==B", "C>A", "A>B A>B", "tie"]
    )
    def test_anything_else_is_no_label(self, text: str) -> None:
        assert normal_label(text) is None


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
        ("value", "grade"),
        [
            (7, 7),
            (7.0, 7),
            ("7.50", 7.5),
            (" 8 ", 8),
            (True, None),
            (None, None),
            ("seven", None),
            ("", None),
            ("nan", None),
            ("inf", None),
            ("9" * 400, None),
            (10**400, None),
            ([7], None),
        ],
    )
    def test_what_is_a_number(self, value: object, grade: float | None) -> None:
        found = grade_of(value)
        assert (found, type(found)) == (grade, type(grade))

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


class TestOutcome:
    @pytest.mark.parametrize(
        ("label", "points"),
        [
            ("A>>B", -2),
            ("A>B", -1),
            ("A=B", 0),
            ("B>A", 1),
            ("B>>A", 2),
            ("[A<<B]", 2),
            ("b=a", 0),
        ],
    )
    def test_the_baseline_is_a_in_the_first_game_and_b_in_the_second(
        self, label: str, points: int
    ) -> None:
        assert worth(label, 0) == points
        assert worth(label, 1) == -points

    def test_a_text_that_is_no_label_is_worth_nothing(self) -> None:
        assert worth("A>>>B", 0) is None


class TestFill:
    @pytest.mark.parametrize(
        "text",
        [
            "{}",
            "{0}",
            "{{question_1}}",
            "{answer_1} {answer_2} {QUESTION} {ANSWER_A}",
            "{question_1}",
            "{answer_2}",
            "{ANSWER_B}",
            "{x!r:>9}",
            "%s %(a)s $a ${a}",
            "\\1 \\g<1> \\n \\",
            'def f(): return {"a": {1, 2}}',
            "",
        ],
    )
    def test_what_is_filled_in_stays_literal(self, text: str) -> None:
        values = pair_values([text], [text], [text])
        template = "Q {question_1} A {answer_1} B {answer_2}"
        assert fill(template, values) == f"Q {text} A {text} B {text}"
        assert fill("{QUESTION}|{ANSWER_A}|{ANSWER_B}", values) == f"{text}|{text}|{text}"

    @given(st.text(), st.text(), st.text())
    def test_any_text_stays_literal(self, question: str, first: str, second: str) -> None:
        values = pair_values([question], [first], [second])
        filled = fill("{ANSWER_B}<{QUESTION}>{answer_1}", values)
        assert filled == f"{second}<{question}>{first}"

    @pytest.mark.parametrize(
        ("template", "filled"),
        [
            ('{{"verdict": "{QUESTION}"}}', '{"verdict": "Why?"}'),
            ("{{QUESTION}}", "{QUESTION}"),
            ("{{{QUESTION}}}", "{Why?}"),
            ("{{{{}}}}", "{{}}"),
            ("{{ and }}", "{ and }"),
        ],
    )
    def test_a_doubled_brace_is_a_single_one(self, template: str, filled: str) -> None:
        """As str.format has it, which filled in the templates of both formats."""
        assert fill(template, {"QUESTION": "Why?"}) == filled == template.format(QUESTION="Why?")

    def test_other_braces_of_the_template_are_left_alone(self) -> None:
        template = 'Reply as {"verdict": "A>B"}, {this} or {}. {QUESTION}'
        assert fill(template, {"QUESTION": "Why?"}) == (
            'Reply as {"verdict": "A>B"}, {this} or {}. Why?'
        )

    def test_a_placeholder_without_a_value_is_named(self) -> None:
        with pytest.raises(KeyError, match="question_2"):
            fill("{question_1} {question_2}", {"question_1": "Why?"})


class TestPairValues:
    def test_one_turn_in_the_names_of_both_formats(self) -> None:
        assert pair_values(["Why?"], ["So."], ["Thus."]) == {
            "question_1": "Why?",
            "answer_1": "So.",
            "answer_2": "Thus.",
            "QUESTION": "Why?",
            "question": "Why?",
            "ANSWER_A": "So.",
            "ANSWER_B": "Thus.",
        }

    def test_the_turns_of_a_are_numbered_first_and_then_those_of_b(self) -> None:
        values = pair_values(["q1", "q2"], ["a1", "a2"], ["b1", "b2"])
        template = "{question_1} {question_2} {answer_1} {answer_2} {answer_3} {answer_4}"
        assert fill(template, values) == "q1 q2 a1 a2 b1 b2"

    def test_the_names_without_a_number_hold_all_turns_in_order(self) -> None:
        values = pair_values(["q1", "q2"], ["a1", "a2"], ["b1", "b2"])
        for name, turns in [("QUESTION", "q1 q2"), ("ANSWER_A", "a1 a2"), ("ANSWER_B", "b1 b2")]:
            assert [word for word in values[name].split() if word in turns.split()] == turns.split()


class TestSingleValues:
    def test_the_answer_alone(self) -> None:
        assert single_values(["Why?"], ["So."], None) == {
            "question_1": "Why?",
            "answer_1": "So.",
            "QUESTION": "Why?",
            "question": "Why?",
            "answer": "So.",
            "ANSWER_A": "So.",
        }

    def test_the_turns_of_a_baseline_are_numbered_first(self) -> None:
        values = single_values(["Why?"], ["So."], ["Thus."], [["Ref."], ["Other."]])
        template = "{answer_1} {answer_2} {baseline} {answer} {ref_answer_1} {ref_answer_2}"
        assert fill(template, values) == "Thus. So. Thus. So. Ref. Other."


def problem(template: list[str], turns: int) -> str | None:
    """What is wrong with a pairwise template for questions of so many turns."""
    blank = ("",) * turns
    return template_problem(template, pair_values(blank, blank, blank), turns, pairwise=True)


class TestTemplateProblem:
    @pytest.mark.parametrize(
        ("template", "turns"),
        [
            (["{question_1} {answer_1} {answer_2}"], 1),
            (["{question_1}", "{answer_1}", "{answer_2}"], 1),
            (["{QUESTION} {ANSWER_A} {ANSWER_B}"], 1),
            (["{QUESTION} {ANSWER_A} {ANSWER_B}"], 3),
            (["{question_1} {question_2} {answer_1} {answer_2} {answer_3} {answer_4}"], 2),
            (["{answer_1} {answer_2} {verdict}"], 1),
        ],
    )
    def test_a_template_that_shows_both_answers_is_fine(
        self, template: list[str], turns: int
    ) -> None:
        assert problem(template, turns) is None

    @pytest.mark.parametrize(
        ("template", "turns"),
        [
            (["{question_1}"], 1),
            (["{question_1} {answer_1}"], 1),
            (["{QUESTION} {ANSWER_A}"], 1),
            (["{question_1} {answer_1} {answer_2}"], 2),
            ([""], 1),
        ],
    )
    def test_an_answer_that_is_not_shown(self, template: list[str], turns: int) -> None:
        found = problem(template, turns) or ""
        assert "does not show both answers" in found

    @pytest.mark.parametrize(
        ("template", "name"),
        [
            (["{answer_1} {answer_2} {question_2}"], "{question_2}"),
            (["{answer_1} {answer_2} {answer_3}"], "{answer_3}"),
            (["{ANSWER_A} {ANSWER_B} {question_0}"], "{question_0}"),
        ],
    )
    def test_a_placeholder_that_stands_for_nothing_is_named(
        self, template: list[str], name: str
    ) -> None:
        found = problem(template, 1) or ""
        assert name in found and "1 turn" in found


class TestJudgeMessages:
    VALUES = pair_values(["Why?"], ["So."], ["Thus."])

    def test_the_system_prompt_and_then_one_user_message_a_template(self) -> None:
        messages = judge_messages(
            "Be fair.", ["{question_1}", "{answer_1}|{answer_2}"], self.VALUES
        )
        assert messages == [
            {"role": "system", "content": "Be fair."},
            {"role": "user", "content": "Why?"},
            {"role": "user", "content": "So.|Thus."},
        ]

    def test_no_system_prompt_is_no_message(self) -> None:
        messages = judge_messages("", ["{QUESTION}"], self.VALUES)
        assert messages == [{"role": "user", "content": "Why?"}]

    def test_the_system_prompt_is_no_template(self) -> None:
        messages = judge_messages("{question_1} {x}", ["{QUESTION}"], self.VALUES)
        assert messages[0]["content"] == "{question_1} {x}"


class TestPromptHash:
    def test_it_is_the_same_on_every_machine_and_in_every_version(self) -> None:
        assert prompt_hash("Be fair.", ["{QUESTION}"]) == "fa6ab5871b5496a5"

    def test_it_tells_prompts_apart(self) -> None:
        prompts = [("a", ["b"]), ("b", ["a"]), ("", ["ab"]), ("ab", []), ("a", ["b", ""])]
        hashes = {prompt_hash(system, template) for system, template in prompts}
        assert len(hashes) == len(prompts)

    def test_any_text_has_one(self) -> None:
        assert len(prompt_hash("공정하게", ["lone surrogate \ud800"])) == 16
