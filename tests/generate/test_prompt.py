"""The judge's prompt: how a template is filled in, and what is wrong with one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.generate.judging.prompt import fill, judge_messages, placeholder_values, template_problem


def pair_values(question: list[str], first: list[str], second: list[str]) -> dict[str, str]:
    return placeholder_values(question, {"ANSWER_A": first, "ANSWER_B": second})


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
        assert placeholder_values(["Why?"], {"answer": ["So."]}) == {
            "question_1": "Why?",
            "answer_1": "So.",
            "QUESTION": "Why?",
            "question": "Why?",
            "answer": "So.",
            "ANSWER_A": "So.",
        }

    def test_the_turns_of_a_baseline_are_numbered_first(self) -> None:
        answers = {"baseline": ["Thus."], "answer": ["So."]}
        values = placeholder_values(["Why?"], answers, [["Ref."], ["Other."]])
        template = "{answer_1} {answer_2} {baseline} {answer} {ref_answer_1} {ref_answer_2}"
        assert fill(template, values) == "Thus. So. Thus. So. Ref. Other."


def problem(template: list[str], turns: int) -> str | None:
    """What is wrong with a pairwise template for questions of so many turns."""
    blank = [""] * turns
    return template_problem(template, pair_values(blank, blank, blank).keys(), turns)


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
