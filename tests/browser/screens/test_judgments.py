"""The tab of the judgments, and what links open in it."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace

import pytest
from browser_site import (
    add_judgments,
    judgment,
    small_library,
)
from conftest import Workspace
from screen_text import query_in, text_of

from arena.bench.paths import Bench
from arena.bench.records import BaselineRule
from arena.browser.defaults import choose
from arena.browser.html.controls import link
from arena.browser.html.judgment_list import PAGE
from arena.browser.library import Filters, Library
from arena.browser.screens.board import BoardChoice, board_screen
from arena.browser.screens.judges import judges_tab
from arena.browser.screens.judgments import judgments_screen, open_link
from arena.browser.web.views import query_of


class TestBattles:
    def test_the_answers_stand_in_the_order_of_the_game(self, library: Library) -> None:
        first, second = (
            text_of(
                judgments_screen(library, Filters(judge="j", model="m"), game=game).judgment_html
            )
            for game in (0, 1)
        )
        assert "Game 1 · A: base, B: m → base is much better A>>B" in first
        assert "Game 2 (places swapped) · A: m, B: base → m is slightly better A>B" in first
        assert first.index("base answers 1") < first.index("m answers 1")
        assert second.index("m answers 1") < second.index("base answers 1")
        assert "says A>>B" in first
        assert "says A>B" in second
        assert "Judgment of j, game 1" in first
        assert "Judgment of j, game 2" in second
        assert "base baseline ✓✓ much better" in first
        assert "m model ✓ better" in second

    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            (
                ("A>B", "A>>B"),
                "the games disagree: each side won once, both times as A.",
            ),
            (("B>A", "B>A"), "the games disagree: each side won once, both times as B."),
            (("A=B", "A>>B"), "m wins: much better once, a tie once (the games disagree)."),
            (("A>B", "B>>A"), "base wins: slightly better once, much better once."),
            (("B>>A", "A>>B"), "m wins: much better twice."),
            (("A=B", "A=B"), "A tie in both games."),
        ],
    )
    def test_a_line_tells_what_both_games_come_to(
        self, bench: Workspace, library: Library, labels: tuple[str, str], words: str
    ) -> None:
        add_judgments(bench, [judgment("q1", *labels)])
        assert words in text_of(
            judgments_screen(library, Filters(judge="j", model="m")).judgment_html
        )

    @pytest.mark.parametrize("second", [(), (None,)])
    def test_without_two_verdicts_no_line_tells_what_they_come_to(
        self, bench: Workspace, library: Library, second: tuple[None, ...]
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", *second)])
        shown = judgments_screen(library, Filters(judge="j", model="m"))
        assert 'class="total"' not in shown.judgment_html
        said = text_of(shown.judgment_html)
        assert ("Game 2 was not played" in said) == (not second)
        assert ("no verdict" in said) == bool(second)
        assert "game 1: loss, game 2: no verdict" in shown.list_html

    def test_lines_that_do_not_count_are_told_beside_the_list_and_the_answer(
        self, bench: Workspace, library: Library
    ) -> None:
        """Of the judge's files above the list, of an answer's file beside it."""
        judgments = bench.data / "model_judgment/j"
        lines = (judgments / "m.jsonl").read_bytes().splitlines()
        lines = [*lines, b"[]", b"{bad", b"[]", lines[0], b'{"torn']
        bench.write(judgments / "m.jsonl", b"\n".join(lines))
        answers = (bench.data / "model_answer/n.jsonl").read_bytes()
        bench.write(bench.data / "model_answer/n.jsonl", answers + b'{"question_id": 1.5}\n')
        wrong = {"question_id": "q9", "conv_metadata": {"token_len": "many"}, "choices": []}
        known = (bench.data / "model_answer/base.jsonl").read_bytes()
        bench.write(bench.data / "model_answer/base.jsonl", known + json.dumps(wrong).encode())
        shown = judgments_screen(library, Filters(judge="j", model="m"))
        (told,) = re.findall('<p class="notice">(.*?)</p>', shown.list_html)
        words = [text.rpartition("/")[2] for text in re.split(r"(?<=\.) (?=/)", told)]
        assert words == [
            "m.jsonl:5: not a judgment: Expected `object`, got `array` (and 2 more).",
            "m.jsonl:4: a repeated id (and 1 more). The last record of each id counts.",
            "m.jsonl:9: an incomplete last line (a run is still writing it, or was stopped while "
            "writing).",
        ]
        (told,) = re.findall('<p class="notice">(.*?)</p>', shown.judgment_html)
        assert "base.jsonl:4: not an answer: Expected `float | null`" in told
        shown = judgments_screen(library, Filters(judge="j", model="n"))
        assert 'class="notice"' not in shown.list_html
        of_base, of_n = re.findall('<p class="notice">(.*?)</p>', shown.judgment_html)
        assert "base.jsonl:4" in of_base and "n.jsonl:4: not an answer" in of_n

    def test_of_many_files_with_such_lines_the_first_are_told(
        self, bench: Workspace, library: Library
    ) -> None:
        for name in "abcdef":
            bench.write(bench.data / f"model_judgment/k/{name}.jsonl", b"[]\n")
        told = text_of(judgments_screen(library, Filters(judge="k")).list_html)
        assert told.count("not a judgment") == 3
        assert "3 more files of k have such lines." in told

    def test_a_vote_has_one_game(self, bench: Workspace, library: Library) -> None:
        vote = judgment("q1", None, "A>B")
        add_judgments(bench, [vote | {"games": [None, vote["games"][1]]}], judge="human-anna")
        shown = judgments_screen(library, Filters(judge="human-anna", model="m"))
        assert 'title="game 2: win"' in shown.list_html
        assert "was not played" not in shown.judgment_html
        assert "A m model ✓ better" in text_of(shown.judgment_html)
        assert not library.select(Filters(judge="human-anna", verdict="no verdict"))
        other = judgments_screen(library, Filters(judge="j", model="m")).judgment_html
        assert "human-anna : game 2 win (for m)" in text_of(other)

    def test_another_judge_is_a_link_to_its_judgment_of_the_same_battle(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "B>>A", "B>A")], judge="k")
        shown = judgments_screen(library, Filters(judge="j", model="m"), game=1).judgment_html
        assert "k : game 1 strong win · game 2 loss (for m)" in text_of(shown)
        there = open_link(library, query_in(shown[shown.index('class="note"') :]))
        assert (there.filters.judge, there.game) == ("k", 1)
        assert there.key == ("q1", "m", "base")

    def test_long_texts_are_shown_in_part_with_a_way_to_all_of_them(
        self, bench: Workspace, library: Library
    ) -> None:
        filters = Filters(judge="j", model="m")
        assert "show all" not in judgments_screen(library, filters).judgment_html
        bench.add_questions(["word " * 200, "line\n" * 9, "Third?"])
        bench.add_answers("m", {"q1": "short", "q2": "word " * 6_000})
        first, second = (
            judgments_screen(library, filters, (q, "", "")).judgment_html for q in ("q1", "q2")
        )
        assert text_of(first).count("show all show less") == 1
        assert text_of(second).count("show all") == 2
        assert "show all 30 kB" in text_of(second)

    def test_an_answer_whose_text_is_lost_is_told_from_an_empty_one(
        self, bench: Workspace, library: Library
    ) -> None:
        counts = {"token_len": 457}
        for model, metadata in (("m", counts), ("n", {})):
            turns = [{"turns": [{"content": ""}]}]
            record = {"question_id": "q1", "choices": turns, "conv_metadata": metadata}
            bench.write(bench.data / "model_answer" / f"{model}.jsonl", [record])
        lost, empty = (
            text_of(judgments_screen(library, Filters(judge="j", model=model)).judgment_html)
            for model in "mn"
        )
        assert "has no text of this answer (457 tokens counted in it)." in lost
        assert "The answer is empty." in empty

    def test_the_list_tells_outcomes_by_shape_and_word_and_long_names_on_hover(
        self, library: Library
    ) -> None:
        shown = judgments_screen(library, Filters(judge="j")).list_html
        assert '<i class="dot strong-loss"></i><i class="dot win"></i>' in shown
        assert '<span class="unseen">game 1: strong loss, game 2: win.</span>' in shown
        assert '<span class="who" title="n">n</span>' in shown
        assert "won" in shown[shown.index('class="legend"') :]

    def test_grades_are_numbers_in_the_list_and_in_words(self, bench: Workspace) -> None:
        bench.add_questions(2)
        bench.add_answers("m", {"q1": "one", "q2": "two"})
        without = judgment("q2", None) | {"settings": {"pairwise": False}}
        add_judgments(bench, [judgment("q1", 7.5), without])
        library = Library(Bench(bench.root / "data", bench.name))
        shown = judgments_screen(library, Filters(judge="j"))
        assert '<i class="grade">7.5</i>' in shown.list_html
        assert "Grade 7.5" in text_of(shown.judgment_html)
        other = judgments_screen(library, Filters(judge="j"), step=1)
        assert '<i class="grade">–</i>' in other.list_html
        assert "No grade" in text_of(other.judgment_html)
        assert "no verdict" not in other.judgment_html + other.list_html

    def test_next_and_previous_stay_within_the_list(self, library: Library) -> None:
        filters = Filters(judge="j", model="m")
        there = judgments_screen(library, filters, ("q2", "m", "base"), step=1)
        assert there.key[0] == "q3"
        assert judgments_screen(library, filters, there.key, step=1).key[0] == "q3"
        assert judgments_screen(library, filters, ("q1", "m", "base"), step=-1).key[0] == "q1"

    def test_a_filter_keeps_the_battle_where_it_passes(self, library: Library) -> None:
        key = ("q2", "m", "base")
        assert judgments_screen(library, Filters(judge="j", verdict="tie"), key).key == key
        lost = judgments_screen(library, Filters(judge="j", verdict="strong loss"), key)
        assert lost.key == ("q1", "m", "base")
        assert "No judgment on question q2 passes these filters" in lost.notices[0]

    def test_another_model_or_baseline_is_shown_on_the_same_question(
        self, bench: Workspace, library: Library
    ) -> None:
        key = ("q2", "m", "base")
        other = judgments_screen(library, Filters(judge="j", model="n"), key)
        assert other.key == ("q2", "n", "base")
        assert other.notices == ()
        own = judgment("q2", "A=B", "A=B", baseline="second")
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A=B"), own])
        of_second = judgments_screen(library, Filters(judge="j", baseline="second"), key)
        assert of_second.key == ("q2", "m", "second")
        assert of_second.notices == ()

    def test_a_file_without_judgments_is_explained(self, bench: Workspace) -> None:
        bench.add_questions(1)
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"")
        shown = open_link(Library(Bench(bench.root / "data", bench.name)), {"judge": "j"})
        for page in (shown.judgment_html, shown.list_html):
            assert "The files of j have no judgment that can be read" in text_of(page)
            assert "Take one back" not in page

    def test_a_question_file_that_cannot_be_read_is_told(
        self, bench: Workspace, library: Library
    ) -> None:
        lines = (bench.data / "question.jsonl").read_bytes()
        bench.write(bench.data / "question.jsonl", b"{broken}\n" + lines)
        words = "question.jsonl:1: not a question"
        assert words in text_of(judgments_screen(library, Filters(judge="j")).judgment_html)
        assert words in text_of(board_screen(library, BoardChoice(judge="j")).table_html)

    def test_the_page_advises_no_flags_that_it_has_not(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(q, "A>B", "A>B") for q in ("q1", "q2")], judge="renamed")
        page = board_screen(library, BoardChoice(judge="renamed")).table_html
        assert "by another judge" in text_of(page) and "--mixed" not in page

    def test_a_judge_that_has_vanished_is_told(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")], judge="k")
        assert judgments_screen(library, Filters(judge="k")).offers["judge"] == ["j", "k"]
        shutil.rmtree(bench.data / "model_judgment" / "k")
        shown = judgments_screen(library, Filters(judge="k"))
        assert (shown.filters.judge, shown.offers["judge"]) == ("j", ["j"])
        words = "There are no judgments by k. These are by j."
        assert shown.notices == (words,)
        board = board_screen(library, BoardChoice(judge="k"))
        assert (board.choice.judge, board.offers["judge"]) == ("j", ["j"])
        assert words in text_of(board.table_html)

    def test_no_battle_is_explained(self, library: Library) -> None:
        nothing = judgments_screen(library, Filters(judge="j", text="no such words"))
        assert 'No judgment has "no such words" in it.' in text_of(nothing.judgment_html)
        assert nothing.total == 0

    def test_a_bench_without_judgments_is_explained(self, bench: Workspace) -> None:
        bench.add_questions(1)
        empty = Library(Bench(bench.root / "data", bench.name))
        assert "has no judgments yet" in text_of(open_link(empty, {}).judgment_html)
        assert "no leaderboard" in board_screen(empty, BoardChoice()).table_html
        assert "no judgments yet" in judges_tab(empty, {}).parts["shown"]

    def test_a_record_without_a_baseline_says_so(self, bench: Workspace, library: Library) -> None:
        record = judgment("q1", "A>B", "A>B")
        del record["baseline"]
        add_judgments(bench, [record])
        library.rule = BaselineRule({}, "base")
        shown = text_of(judgments_screen(library, Filters(judge="j", model="m")).judgment_html)
        assert "The record names no baseline. base stands in for it." in shown

    def test_a_list_shows_the_page_that_holds_the_battle(self, bench: Workspace) -> None:
        ids = [f"q{i}" for i in range(1, PAGE + 11)]
        bench.add_questions(len(ids))
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ids])
        library = Library(Bench(bench.root / "data", bench.name))
        first = judgments_screen(library, Filters(judge="j")).list_html
        last = judgments_screen(library, Filters(judge="j"), step=PAGE + 5).list_html
        assert first.count('class="row"') == PAGE
        assert last.count('class="row"') == 10
        assert f"first={PAGE}" in first
        assert f"{PAGE + 1}–{PAGE + 10}" in text_of(last)

    def test_lone_surrogates_of_old_files_stop_nothing(self, bench: Workspace) -> None:
        bench.write(
            bench.data / "question.jsonl",
            b'{"question_id": "\\ud800", "turns": [{"content": "\\udfff?"}]}\n',
        )
        bench.write(
            bench.data / "model_judgment" / "j" / "m.jsonl",
            b'{"question_id": "\\ud800", "games": [{"score": "A>B", "judgment": "\\udfff"}]}\n',
        )
        library = Library(Bench(bench.root / "data", bench.name))
        shown = judgments_screen(library, Filters(judge="j", text="?"))
        for text in (
            shown.list_html,
            shown.judgment_html,
            link(shown.query),
        ):
            assert text.encode()

    def test_the_text_as_it_was_written_is_not_rendered(
        self, bench: Workspace, library: Library
    ) -> None:
        bench.add_answers("m", {"q1": "**bold** <script>alert(1)</script>"})
        shown = judgments_screen(
            library, Filters(judge="j", model="m"), as_written=True
        ).judgment_html
        assert "**bold** &lt;script&gt;" in shown


class TestLinks:
    def test_a_link_opens_the_view_that_it_was_taken_from(self, library: Library) -> None:
        filters = Filters(judge="j", verdict="tie", order="longest answers first", text="answers 2")
        taken = judgments_screen(library, filters, ("q2", "n", "base"), game=1)
        shown = open_link(library, query_of(link(taken.query)))
        assert shown == taken
        assert shown.key == ("q2", "n", "base")
        assert shown.game == 1

    def test_names_that_are_not_there_are_left_out(self, library: Library) -> None:
        query = {name: "nonsense" for name in ("tab", "judge", "model", "baseline", "category")}
        query |= {"verdict": "nonsense", "order": "nonsense", "game": "nonsense"}
        query |= {"step": "nonsense", "first": "nonsense"}
        shown = open_link(library, query)
        assert (shown.filters, shown.game, shown.position) == (Filters(judge="j"), 0, 0)
        told = " ".join(shown.notices)
        assert "There are no judgments by nonsense. These are by j." in told
        for what in ("model", "baseline", "category or cluster", "verdict", "order"):
            assert f"There is no {what} nonsense here. The choice is ignored." in told
        assert shown.offers["judge"] == ["j"]

    def test_names_with_a_slash_are_links_too(self, bench: Workspace) -> None:
        bench.add_questions(2)
        for model in ("org/m", "org/base"):
            bench.add_answers(model, {"q1": "one", "q2": "two"})
        judge, names = "openai/gpt-4", {"model": "org/m", "baseline": "org/base"}
        records = [judgment(q, "A>B", "B>A", judge=judge, **names) for q in ("q1", "q2")]
        add_judgments(bench, records, judge=judge)
        library = choose(bench.root / "data", bench.name, judge, None, None).library
        taken = judgments_screen(library, Filters(judge=judge), ("q2", "org/m", "org/base"))
        assert open_link(library, query_of(link(taken.query))) == taken
        board = board_screen(library, BoardChoice(judge=judge))
        opened = open_link(library, query_in(board.table_html))
        assert opened.filters == Filters(judge=judge, model="org/m")

    def test_a_battle_of_others_on_its_question_is_told(self, library: Library) -> None:
        query = {"question": "q2", "of": "m", "against": "nobody"}
        shown = open_link(library, query)
        assert shown.key == ("q2", "m", "base")
        assert "The judgment of m against nobody is not in this list" in shown.notices[0]

    def test_names_in_a_link_to_a_leaderboard_that_are_not_there_are_told(
        self, library: Library
    ) -> None:
        board = board_screen(
            library, BoardChoice(judge="nonsense", baseline="nobody", category="no such")
        )
        told = text_of(board.table_html)
        assert "There are no judgments by nonsense. These are by j." in told
        assert "There is no category or cluster no such here" in told
        assert "There is no baseline nobody here" in told

    def test_a_step_to_another_judgment_of_the_question_is_no_loss(self, library: Library) -> None:
        first = open_link(library, {"judge": "j", "model": ""})
        second = open_link(library, first.query | {"step": "1"})
        assert (first.key[0], first.position, second.position) == (second.key[0], 0, 1)
        assert first.notices == second.notices == ()

    def test_a_battle_that_is_not_there_is_named(self, library: Library) -> None:
        shown = open_link(library, {"question": "q9"})
        assert "There is no question q9 here" in shown.notices[0]

    def test_the_other_tabs_have_links_too(self, library: Library) -> None:
        board = board_screen(library, BoardChoice(judge="j", baseline="base", category="tests"))
        assert board.choice.query == {
            "tab": "leaderboard",
            "judge": "j",
            "category": "tests",
            "baseline": "base",
        }
        assert judges_tab(library, {}).query == {"tab": "judges"}


class TestScreens:
    @pytest.fixture
    def library(self, bench: Workspace) -> Library:
        return small_library(bench)

    def test_a_link_tells_that_texts_are_shown_as_they_were_written(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        taken = judgments_screen(library, Filters(judge="j"), as_written=True)
        assert open_link(library, query_of(link(taken.query))) == taken

    def test_a_row_is_a_link_that_keeps_the_list(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A>B"), judgment("q3", "A=B")])
        shown = judgments_screen(
            library, Filters(judge="j", verdict="tie"), game=1, as_written=True
        )
        row = shown.list_html[shown.list_html.index('data-row="1"') - 300 :]
        there = open_link(library, query_in(row[row.rindex("<a", 0, row.index('data-row="1"')) :]))
        assert there.key == ("q3", "m", "base")
        assert (there.filters, there.game, there.as_written) == (shown.filters, 1, True)

    def test_the_ends_of_the_list_are_known(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A>B"), judgment("q3", "A=B")])
        ends = {"q1": ["previous"], "q2": [], "q3": ["next"]}
        for question, ended in ends.items():
            bar = judgments_screen(library, Filters(judge="j"), (question, "", "")).view()
            assert re.findall(r'id="(\w+)" aria-disabled', bar.parts["shown"]) == ended
        nothing = judgments_screen(library, Filters(judge="j", text="no such words"))
        bar = nothing.view().parts["shown"]
        assert re.findall(r'id="(\w+)" aria-disabled', bar) == ["previous", "next"]
        assert 'id="game"' not in bar

    @pytest.mark.parametrize(
        ("filters", "words"),
        [
            (Filters(text="zzz"), 'No judgment has "zzz" in it.'),
            (Filters(model="m", text="zzz"), 'No judgment of m has "zzz" in it.'),
            (Filters(verdict="tie"), 'There is no judgment with "tie".'),
            (
                Filters(model="m", baseline="base", category="tests", verdict="tie", text="zzz"),
                'No judgment of m against base in tests with "tie" has "zzz" in it.',
            ),
        ],
    )
    def test_an_empty_list_names_its_filters(
        self, bench: Workspace, library: Library, filters: Filters, words: str
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        shown = judgments_screen(library, replace(filters, judge="j"))
        assert words in html.unescape(shown.judgment_html)

    def test_a_judge_of_grades_has_no_games_outcomes_and_baselines_to_choose_from(
        self, bench: Workspace, library: Library
    ) -> None:
        grades = [judgment(q, 7, settings={"pairwise": False}) for q in ("q1", "q2")]
        for record in grades:
            del record["baseline"]
        add_judgments(bench, grades)
        shown = judgments_screen(library, Filters(judge="j"))
        assert (shown.pairwise, shown.offers["baseline"], shown.offers["verdict"]) == (
            False,
            [],
            ["no verdict"],
        )
        assert not board_screen(library, BoardChoice(judge="j")).pairwise
        add_judgments(bench, [judgment("q1", "A>B", "A>B")], judge="k")
        assert board_screen(library, BoardChoice(judge="k")).pairwise

    def test_what_a_board_is_against_is_named_where_no_baseline_is_chosen(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        assert (
            board_screen(library, BoardChoice(judge="j")).usual_baseline == "base (most frequent)"
        )
        assert board_screen(library, BoardChoice(judge="nobody")).offers["baseline"] == ["base"]

    def test_models_with_answers_are_offered_as_the_baseline_of_judgments_that_name_none(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A>B", "A>B")
        del record["baseline"]
        add_judgments(bench, [record])
        shown = judgments_screen(library, Filters(judge="j"))
        assert shown.offers["baseline"] == ["base", "m"]
        assert "The record names no baseline. Choose one above." in text_of(shown.judgment_html)
        page = text_of(board_screen(library, BoardChoice(judge="j")).table_html)
        assert "Choose a baseline above." in page
        assert "--baseline" not in page
        chosen = judgments_screen(library, Filters(judge="j", baseline="base"))
        assert chosen.key == ("q1", "m", "base")
        assert "base stands in for it." in text_of(chosen.judgment_html)
        assert open_link(library, query_of(link(chosen.query))) == chosen
        board = board_screen(library, BoardChoice(judge="j", baseline="base")).table_html
        assert query_in(board)["model"] == "m"

    def test_a_tab_is_the_same_until_its_files_change(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        board, judges = board_screen(library, BoardChoice(judge="nobody")), judges_tab(library, {})
        assert board_screen(library, BoardChoice(judge="nobody")) == board
        assert judges_tab(library, {}) == judges
        add_judgments(bench, [judgment("q1", "A>B", "A>B"), judgment("q2", "B>A", "A>B")])
        assert board_screen(library, BoardChoice(judge="nobody")) != board
        assert judges_tab(library, {}) != judges
