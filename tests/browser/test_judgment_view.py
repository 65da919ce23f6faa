"""One judgment: its games, its answers, and what other judges say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from browser_site import (
    add_judgments,
    judgment,
    listed,
    small_library,
)
from conftest import Workspace

from arena.bench.labels import outcomes
from arena.bench.paths import Bench
from arena.browser.html.judgment_page import Look, judgment_html
from arena.browser.judgment_view import judgment_view
from arena.browser.library import Filters, Library
from arena.browser.statistics import judge_statistics


@pytest.fixture
def library(bench: Workspace) -> Library:
    return small_library(bench)


class TestOneBattle:
    def view(self, library: Library) -> Any:
        return judgment_view(library, library.select(Filters(judge="j"))[0])

    def test_game_1_shows_the_baseline_as_a_and_game_2_the_model(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        view = self.view(library)
        shown = [
            [(letter, side.name, side.turns) for letter, side in view.shown(g)] for g in (0, 1)
        ]
        base, model = ("base", ("Hi",)), ("m", ("Hello Ümit",))
        assert shown == [[("A", *base), ("B", *model)], [("A", *model), ("B", *base)]]
        assert [game.outcome for game in view.games] == ["loss", "win"]

    def test_games_that_are_missing_are_told_from_games_without_a_verdict(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", None, "missing")
        record["games"][0]["cause"] = "ambiguous"
        add_judgments(bench, [record])
        first, second = self.view(library).games
        assert (first.played, first.outcome, first.cause) == (True, "no verdict", "ambiguous")
        assert (second.played, second.outcome) == (False, "no verdict")

    def test_repeats_show_their_labels_and_words(self, bench: Workspace, library: Library) -> None:
        record = judgment("q1", "A>B", "A>B")
        repeats = [{"sample": 2, "score": "B>A", "judgment": "<b>Second"}]
        repeats += [{"choice": 1, "sample": 1, "score": None, "cause": "no label"}]
        record["games"][1]["repeats"] = repeats
        add_judgments(bench, [record])
        view = self.view(library)
        assert [game.label for game in view.games] == ["A>B", "A>B"] and not view.games[0].repeats
        found = [(one.name, one.label, one.outcome) for one in view.games[1].repeats]
        assert found == [("verdict 2", "B>A", "loss"), ("choice 2, verdict 1", None, "no verdict")]
        page = judgment_html(view, Look(1))
        assert "further verdicts: B&gt;A, none" in page
        assert "verdict 2: B&gt;A" in page and "choice 2, verdict 1: no label" in page
        assert "<b>Second" not in page

    def test_repeats_without_a_number_are_numbered(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A>B")
        record["games"][0]["repeats"] = [{"score": "B>A"}, {"score": "A=B"}]
        add_judgments(bench, [record])
        names = [one.name for one in self.view(library).games[0].repeats]
        assert names == ["verdict 2", "verdict 3"]

    @pytest.mark.parametrize("games", [("A>B",), ("A>B", "missing")])
    def test_a_game_that_is_not_there_is_a_game_without_a_verdict(
        self, bench: Workspace, library: Library, games: Sequence[str]
    ) -> None:
        add_judgments(bench, [judgment("q1", *games)])
        assert [game.played for game in self.view(library).games] == [True, False]
        assert listed(library, verdict="no verdict") == ["q1"]
        (judge,) = judge_statistics(library).verdicts
        assert judge.decided == 1

    def test_an_ensembles_game_has_a_label_and_no_words(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1") | {"games": [{"score": "A=B"}, {"score": "[A>B]"}]}])
        games = self.view(library).games
        assert [game.outcome for game in games] == ["tie", "win"]
        assert games[0].explanation == games[0].prompt == ""

    def test_a_grade_shows_the_answer_and_the_baseline_only_where_it_is_named(
        self, bench: Workspace, library: Library
    ) -> None:
        alone = judgment("q1", 7)
        del alone["baseline"]
        add_judgments(bench, [alone])
        view = self.view(library)
        assert not view.entry.pairwise
        assert [side.name for _, side in view.shown(0)] == ["m"]
        add_judgments(bench, [judgment("q1", 7)])
        assert [side.name for _, side in self.view(library).shown(0)] == ["m", "base"]

    def test_a_grade_that_was_not_found_is_still_no_comparison(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", None, settings={"pairwise": False})])
        assert not self.view(library).entry.pairwise

    def test_reasoning_is_kept_apart_in_both_formats(self, bench: Workspace) -> None:
        bench.add_questions(["?"])
        turn = {"content": "said", "reasoning": "thought"}
        old = {"question_id": "q1", "choices": [{"index": 0, "turns": [turn]}]}
        message = {"role": "assistant", "content": {"answer": "said", "thought": "thought"}}
        new = {"uid": "q1", "messages": [{"role": "user", "content": "?"}, message]}
        bench.write(bench.data / "model_answer" / "m.jsonl", [old])
        bench.write(bench.data / "model_answer" / "base.jsonl", [new])
        game = {"score": "A=B", "judgment": {"answer": "tie", "thought": "hm"}}
        prompt = [{"role": "system", "content": "Judge"}, {"role": "user", "content": "A or B"}]
        add_judgments(bench, [judgment("q1") | {"games": [game | {"prompt": prompt}]}])
        view = self.view(Library(Bench(bench.root / "data", bench.name)))
        for side in (view.model, view.baseline):
            assert (side.turns, side.reasoning) == (("said",), ("thought",))
        assert (view.games[0].explanation, view.games[0].reasoning) == ("tie", "hm")
        assert view.games[0].prompt == "[system]\nJudge\n\n[user]\nA or B"

    def test_all_turns_are_there(self, bench: Workspace) -> None:
        turns = [{"content": "first?"}, {"content": "second?"}]
        bench.add_questions([{"question_id": "q1", "category": "c", "turns": turns}])
        answer = {"question_id": "q1", "choices": [{"turns": [{"content": "1"}, {"content": "2"}]}]}
        bench.write(bench.data / "model_answer" / "m.jsonl", [answer])
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        view = self.view(Library(Bench(bench.root / "data", bench.name)))
        assert view.question.turns == ("first?", "second?")
        assert view.model.turns == ("1", "2")

    def test_an_answer_that_is_not_there_is_explained(
        self, bench: Workspace, library: Library
    ) -> None:
        (bench.data / "model_answer" / "base.jsonl").unlink()
        bench.add_answers("m", {"q2": "two"})
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        view = self.view(library)
        assert "m has no answer to this question (" in view.model.missing
        assert "base.jsonl does not exist" in view.baseline.missing

    def test_what_other_judges_say_stands_beside_it(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        others = [judgment("q1", "A>B", "A=B"), judgment("q1", "B>A", "A>B", baseline="other")]
        add_judgments(bench, others, judge="k")
        assert [(o.judge, outcomes(o.labels)) for o in self.view(library).others] == [
            ("k", ("loss", "tie"))
        ]
