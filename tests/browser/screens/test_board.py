"""The tab of the leaderboard."""

from __future__ import annotations

import re

import pytest
from browser_site import (
    Record,
    add_judgments,
    all_pairs,
    judgment,
)
from conftest import Workspace
from screen_text import query_in, text_of

from arena.browser.library import Library
from arena.browser.screens.board import BoardChoice, board_screen, board_tab
from arena.browser.screens.judgments import open_link
from arena.browser.statistics import round_robin


class TestBoard:
    def test_it_has_a_row_and_a_point_for_each_model(
        self, bench: Workspace, library: Library
    ) -> None:
        labels = {"m": ("A>B", "B>A"), "n": ("B>A", "A>B")}
        records = [judgment(f"q{i}", *labels[m], model=m) for i in (1, 2, 3) for m in labels]
        add_judgments(bench, records)
        page = board_screen(library, BoardChoice(judge="j")).table_html
        assert re.findall(r'<a href="[^"]*model=(.)"', page) == ["n", "m"]
        assert 'title="base is the baseline"' in page
        places = re.findall(r'class="score" cx="([\d.]+)%"', page)
        assert list(map(float, places)) == sorted(map(float, places), reverse=True)
        assert len(places) == page.count('class="interval"') == 3

    def test_a_line_says_what_the_columns_are_in_the_words_of_the_page(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(f"q{i}", "B>A", "B>A") for i in (1, 2, 3)])
        page = text_of(board_screen(library, BoardChoice(judge="j")).table_html)
        assert (
            "Win rate against base in %, with the distances to the ends of its 95% interval."
            in page
        )
        assert "Rank: the ranks that the data leave open" in page
        assert (
            "Intervals: logit-t 95 % over questions, ranks by question bootstrap of 1,000 rounds."
            in page
        )
        assert "The intervals treat the games of a question as independent" not in page
        assert "--resample" not in page

    def test_the_marks_of_the_axis_hold_all_intervals(self, library: Library) -> None:
        page = board_screen(library, BoardChoice(judge="j")).table_html
        marks = [float(mark) for mark in re.findall(r"<i style=[^>]*>([-.\d]+)</i>", page)]
        assert 2 <= len(marks) <= 8
        assert marks[0] <= 50 <= marks[-1]

    def test_columns_sort_and_names_are_found(self, library: Library) -> None:
        def shown(**choices: str) -> list[tuple[str, str]]:
            page = board_screen(library, BoardChoice(judge="j", **choices)).table_html
            rows = re.findall('<td class="rank">(.*?)</td><td class="name" data-key="(.*?)"', page)
            return [(rank, name) for rank, name in rows]

        by_score = [("1", "n"), ("2", "base"), ("3", "m")]
        assert shown() == by_score
        assert shown(sort="-score") == [("2", "base"), ("3", "m"), ("1", "n")]
        assert shown(sort="model") == [("2", "base"), ("3", "m"), ("1", "n")]
        assert shown(sort="-model") == [("1", "n"), ("3", "m"), ("2", "base")]
        assert shown(sort="nonsense") == by_score
        assert shown(name="N") == [("1", "n")]
        page = board_screen(library, BoardChoice(judge="j", sort="model")).table_html
        heads = re.findall(r'aria-sort="(\w+)"><a href="[^"]*sort=([\w-]+)">(\w+)', page)
        assert heads == [("ascending", "-model", "model")]

    def test_intervals_and_centres_are_those_that_are_chosen(self, library: Library) -> None:
        texts = [
            text_of(board_screen(library, BoardChoice("j", resample=name)).table_html)
            for name in ("", "question", "battle")
        ]
        assert ["battle bootstrap" in text for text in texts] == [False, False, True]
        asked = {"resample": "nonsense", "center": "mean", "control": "x length"}
        assert BoardChoice.of(asked) == BoardChoice(control=("length",), center="mean")
        assert BoardChoice.of({"center": "mean"}) == BoardChoice()

    def test_of_a_round_robin_it_has_all_pairs_unless_a_baseline_is_chosen(
        self, bench: Workspace
    ) -> None:
        pairs = all_pairs(bench)
        for asked, shown in {"": "mean", "mean": "mean", "c": "c", "nobody": "mean"}.items():
            view = board_tab(pairs, {"judge": "j", "anchor": asked})
            assert view.query == {"tab": "leaderboard", "judge": "j", "anchor": shown}
            (field,) = re.findall(r'name="anchor".*?</select>', view.parts["filters"])
            assert re.findall(r'value="(\w+)"', field) == ["mean", *"abcd"]
            assert re.findall(r'value="(\w+)" selected', field) == [shown]
            assert " 72 judgments" in text_of(view.parts["shown"])
            assert ("no board with 50 for nobody" in view.parts["shown"]) == (asked == "nobody")
            by_choice = f'title="{shown} scores 50 by choice: open the battles of {shown}"'
            assert (by_choice in view.parts["shown"]) == (shown != "mean")
            assert "is the baseline" not in view.parts["shown"]
        view = board_tab(pairs, {"judge": "j", "anchor": "c", "baseline": "a"})
        assert view.query == {"tab": "leaderboard", "judge": "j", "baseline": "a"}
        assert 'name="anchor"' not in view.parts["filters"]
        assert " 36 judgments" in text_of(view.parts["shown"])
        for model in "cd":  # all that is left is b against a
            (bench.data / f"model_judgment/j/{model}.jsonl").unlink()
        view = board_tab(pairs, {"judge": "j", "anchor": "mean"})
        assert view.query == {"tab": "leaderboard", "judge": "j"}
        assert 'name="anchor"' not in view.parts["filters"]
        assert "a (most frequent)" in view.parts["filters"]

    def test_a_row_of_all_pairs_opens_judgments_of_its_model(self, bench: Workspace) -> None:
        pairs = all_pairs(bench)
        page = board_screen(pairs, BoardChoice(judge="j", anchor="c")).table_html
        rows = re.findall(r"<tr class=.model.*?</tr>", page)
        (chosen,) = (row for row in rows if "50 by choice" in row)
        assert re.search(r'<td class="games">.*<span', chosen)
        opened = [open_link(pairs, query_in(row)) for row in rows]
        of = {
            shown.filters.model or f"against {shown.filters.baseline}": shown.total
            for shown in opened
        }
        assert of == {"against a": 36, "b": 12, "c": 24, "d": 36}

    @pytest.mark.parametrize(
        "odd", [judgment("q1", 7), judgment("q1", "A>B", "A>B", baseline=None), None]
    )
    def test_a_judge_that_also_grades_or_names_no_baseline_has_no_board_of_all_pairs(
        self, bench: Workspace, odd: Record | None
    ) -> None:
        pairs = all_pairs(bench)
        if odd:
            add_judgments(bench, [odd | {"model": "e"}])
        assert round_robin(pairs, "j") == ([] if odd else list("abcd"))

    def test_the_reason_for_none_is_given_in_words(self, library: Library) -> None:
        board = board_screen(library, BoardChoice(judge="j", control=("length",)))
        assert "<svg" not in board.table_html
        assert "add_markdown_info.py" in text_of(board.table_html)
