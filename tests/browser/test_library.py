"""browsing.py: what is in a bench, which battles pass the filters, and what one battle holds."""

from __future__ import annotations

import html
import json
import random
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser_site import Record, add_judgments, judgment
from conftest import REPO, RunMain, Workspace

from arena.base.errors import InputError
from arena.bench.config import read_judge_config
from arena.bench.labels import outcomes
from arena.bench.paths import Bench
from arena.browser.defaults import choose
from arena.browser.library import LONGEST, SHORTEST, Filters, Library
from arena.browser.views import board_screen, judges_screen, opened, picked, query_of, screen
from arena.leaderboard.board import Board
from arena.leaderboard.output.text import board_dict
from arena.scoring.selection import Selection


@pytest.fixture
def library(bench: Workspace) -> Library:
    bench.add_questions(["Say hello to Ümit", "What is 1 + 1?", "Write a haiku"])
    bench.add_answers("m", {"q1": "Hello Ümit", "q2": "two", "q3": "frog"})
    bench.add_answers("base", {"q1": "Hi", "q2": "It is 2", "q3": "pond"})
    return Library(Bench(bench.root / "data", bench.name))


def listed(library: Library, **filters: str) -> list[str]:
    return [battle.question for battle in library.found(Filters(judge="j", **filters))]


class TestFilters:
    def test_battles_come_in_the_order_of_the_questions(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(q, "A>B", "B>A") for q in ("q3", "q1", "q2")])
        assert listed(library) == ["q1", "q2", "q3"]

    @pytest.mark.parametrize(
        ("show", "questions"),
        [
            ("strong win", ["q1"]),
            ("win", ["q2"]),
            ("tie", ["q2"]),
            ("loss", ["q3"]),
            ("strong loss", ["q1"]),
            ("no verdict", ["q3"]),
            ("games disagree", ["q1", "q2"]),
        ],
    )
    def test_an_outcome_is_the_models_in_either_game(
        self, bench: Workspace, library: Library, show: str, questions: list[str]
    ) -> None:
        records = [judgment("q1", "B>>A", "B>>A"), judgment("q2", "A=B", "A>B")]
        add_judgments(bench, [*records, judgment("q3", "A>B", None)])
        assert listed(library, show=show) == questions

    def test_judges_disagree_where_they_favour_different_sides_of_the_same_battle(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "A>B")])
        other = [judgment("q1", "A>B", "B>A"), judgment("q2", "B>>A", "A=B")]
        add_judgments(bench, [*other, judgment("q3", "A>B", "B>A")], judge="k")
        assert listed(library, show="judges disagree") == ["q1"]

    def test_a_category_or_a_cluster_is_named(self, bench: Workspace) -> None:
        questions = [("q1", "coding", "c1"), ("q2", "coding", "c2"), ("q3", "prose", "c2")]
        bench.add_questions(
            [
                {"question_id": q, "category": a, "cluster": b, "turns": [{"content": "?"}]}
                for q, a, b in questions
            ]
        )
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q, _, _ in questions])
        library = Library(Bench(bench.root / "data", bench.name))
        assert library.categories() == ["coding", "prose", "c1", "c2"]
        assert listed(library, category="coding") == ["q1", "q2"]
        assert listed(library, category="c2") == ["q2", "q3"]

    def test_a_model_and_a_baseline_are_named(self, bench: Workspace, library: Library) -> None:
        add_judgments(
            bench,
            [
                judgment("q1", "A=B", "A=B"),
                judgment("q1", "A>B", "A>B", baseline="other"),
                judgment("q1", "B>A", "B>A", model="n"),
            ],
        )
        assert library.baselines("j", "m") == ["base", "other"]
        found = library.found(Filters(judge="j", model="m", baseline="other"))
        assert [battle.labels for battle in found] == [("A>B", "A>B")]
        assert [b.model for b in library.found(Filters(judge="j"))] == ["m", "m", "n"]

    def test_the_name_of_a_judge_and_of_a_model_may_hold_a_slash(
        self, bench: Workspace, library: Library
    ) -> None:
        judge = "org/j"
        for model in ("m", "lab/m"):
            add_judgments(bench, [judgment("q1", "A=B", model=model, judge=judge)], judge=judge)
        assert library.judges() == [judge]
        found = library.found(Filters(judge=judge))
        assert [(b.judge, b.model) for b in found] == [(judge, "lab/m"), (judge, "m")]

    def test_the_longest_answers_come_first_and_unmeasured_ones_last(
        self, bench: Workspace, library: Library
    ) -> None:
        answers = [
            {
                "question_id": question,
                "choices": [{"turns": [{"content": "x"}]}],
                "conv_metadata": {"token_len": tokens} if tokens else {},
            }
            for question, tokens in (("q1", 5), ("q2", 0), ("q3", 9))
        ]
        bench.write(bench.data / "model_answer" / "m.jsonl", answers)
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ("q1", "q2", "q3")])
        assert listed(library, order=LONGEST) == ["q3", "q1", "q2"]
        assert listed(library, order=SHORTEST) == ["q1", "q3", "q2"]


class TestSearch:
    @pytest.fixture(autouse=True)
    def judged(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment(q, "A>B", "A=B") for q in ("q1", "q2", "q3")])

    @pytest.mark.parametrize(
        ("text", "questions"),
        [
            ("HAIKU", ["q3"]),
            ("hello ü", ["q1"]),
            ("two", ["q2"]),
            ("POND", ["q3"]),
            ("says a>b", ["q1", "q2", "q3"]),
            ("question_id", []),
            ("nowhere", []),
            ("  frog ", ["q3"]),
        ],
    )
    def test_it_finds_prompts_answers_and_judgments_whatever_the_case(
        self, library: Library, text: str, questions: list[str]
    ) -> None:
        assert listed(library, text=text) == questions

    @pytest.mark.parametrize(
        ("written", "wanted"),
        [
            ("Cafe\u0301 au lait", "café"),
            ("Café au lait", "cafe\u0301"),
            (unicodedata.normalize("NFD", "한국어"), "한국어"),
            ("한국어", unicodedata.normalize("NFD", "한국어")),
            ("ﬁne", "FINE"),
            ("line one\nline two", "one line"),
            ("line one\r\n\r\n   line ü", "one LINE ü"),
            ("a\u00a0b", "a b"),
            ("a b", "a\u00a0 b"),
            ("many    spaces", "many spaces"),
            ("many spaces", " many  \t spaces "),
            ("a\x00b", "ab"),
        ],
    )
    def test_it_finds_other_ways_to_write_the_same(
        self, bench: Workspace, library: Library, written: str, wanted: str
    ) -> None:
        bench.add_answers("m", {"q2": written})
        assert listed(library, text=wanted) == ["q2"]
        bench.add_answers("m", {"q2": "other"})
        bench.add_questions(["first", "second", written])
        assert listed(library, text=wanted) == ["q3"]

    @pytest.mark.parametrize("text", ["\x00", " \x00 ", "\u00a0\n"])
    def test_what_says_nothing_is_no_filter(self, library: Library, text: str) -> None:
        assert listed(library, text=text) == ["q1", "q2", "q3"]

    def test_a_phrase_does_not_run_on_into_the_next_answer(
        self, bench: Workspace, library: Library
    ) -> None:
        bench.add_answers("m", {"q1": "one", "q2": "two"})
        assert listed(library, text="one two") == listed(library, text="onetwo") == []

    def test_v2_0_is_searched_as_well(self, bench: Workspace) -> None:
        bench.write(
            bench.data / "question.jsonl",
            [{"uid": "u1", "category": "c", "subcategory": "s", "prompt": "Ask"}],
        )
        content = {"answer": "a pearl", "thought": "hidden"}
        message = {"role": "assistant", "content": content}
        record = {
            "uid": "u1",
            "model": "m",
            "messages": [{"role": "user", "content": "Ask"}, message],
        }
        bench.write(bench.data / "model_answer" / "m.jsonl", [record])
        games = [{"score": "A=B", "judgment": {"answer": "they tie"}, "prompt": []}, None]
        add_judgments(bench, [{"uid": "u1", "judge": "j", "baseline": "b", "games": games}])
        library = Library(Bench(bench.root / "data", bench.name))
        assert [listed(library, text=t) for t in ("PEARL", "they tie", "hidden")] == [
            ["u1"],
            ["u1"],
            [],
        ]


class TestFiles:
    def test_changed_files_are_read_again(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        assert listed(library) == ["q1"]
        add_judgments(bench, [judgment("q2", "A=B", "A=B"), judgment("q3", "A>B", "A>B")])
        assert listed(library) == ["q2", "q3"]

    def test_the_last_record_of_a_battle_counts(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B", None), judgment("q1", "A>B", "A>B")])
        (battle,) = library.found(Filters(judge="j"))
        assert battle.labels == ("A>B", "A>B")

    def test_lines_that_cannot_be_read_are_passed_over_and_named(
        self, bench: Workspace, library: Library, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good = [json.dumps(judgment(q, "A=B", "A=B")).encode() for q in ("q1", "q2")]
        lines = [b"\xef\xbb\xbf" + good[0], b"", b"{broken}", good[1], b'{"question_id": "q3", "ga']
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"\n".join(lines))
        assert listed(library) == ["q1", "q2"]
        warned = capsys.readouterr().err
        assert "m.jsonl: a line is not a judgment" in warned
        assert warned.count("\n") == 1
        for battle in library.found(Filters(judge="j")):
            assert library.view(battle).games[0].explanation == "says A=B"

    def test_questions_that_cannot_be_read_are_passed_over_and_named(
        self, bench: Workspace, library: Library, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ("q1", "q2", "q3")])
        good = (bench.data / "question.jsonl").read_bytes().splitlines()
        bench.write(bench.data / "question.jsonl", b"\n".join([good[2], b'{"bro', b"[]", good[0]]))
        assert list(library.questions) == ["q3", "q1"]
        assert listed(library) == ["q3", "q1", "q2"]
        assert "question.jsonl: a line is not a question" in library.fault
        assert "(and 1 more)" in library.fault
        assert capsys.readouterr().err.count("\n") == 1
        assert library.boards("j", "", ())
        bench.write(bench.data / "question.jsonl", b"\n".join([*good, b'{"torn']))
        assert (listed(library), library.fault) == (["q1", "q2", "q3"], "")

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"])
    def test_a_question_file_without_questions_stops_nothing(
        self, bench: Workspace, library: Library, content: bytes
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        bench.write(bench.data / "question.jsonl", content)
        opened = choose(bench.root / "data", None, None, None, None)
        assert listed(opened.library) == ["q1"]

    def test_a_model_is_known_by_the_name_in_its_records(
        self, bench: Workspace, library: Library
    ) -> None:
        own = [judgment(q, "A>B", "B>A") for q in ("q1", "q2")]
        bench.write(bench.data / "model_judgment" / "j" / "file.jsonl", own)
        add_judgments(bench, [judgment("q1", "B>A", "A>B")], judge="k")
        assert (library.models("j"), library.models("k")) == (["m"], ["m"])
        assert listed(library, model="m") == ["q1", "q2"]
        assert listed(library, model="m", show="judges disagree") == ["q1"]
        (other,) = library.view(library.found(Filters(judge="k", model="m"))[0]).others
        assert (other.judge, other.labels) == ("j", ("A>B", "B>A"))

    @pytest.mark.parametrize("models", [("m", "n"), ("a", "b", "m"), ("m", "n", "m"), ("n", None)])
    def test_a_file_can_hold_several_models(
        self, bench: Workspace, library: Library, models: Sequence[str | None]
    ) -> None:
        records = [judgment(f"q{i}", "A=B", model=m) for i, m in enumerate(models, start=1)]
        records = [{k: v for k, v in r.items() if v is not None} for r in records]
        path = bench.data / "model_judgment" / "j" / "file.jsonl"
        bench.write(path, records)
        assert library.models("j") == sorted({model or "file" for model in models})
        for model in library.models("j"):
            found = library.found(Filters(judge="j", model=model))
            assert {battle.model for battle in found} == {model}

    def test_several_views_are_remembered_at_once(
        self, bench: Workspace, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ("q1", "q2")])
        views = [Filters(judge="j"), *(Filters(judge="j", text=text) for text in "abcdefg")]
        first = [library.found(view) for view in views]
        monkeypatch.setattr(library, "_find", None)
        assert all(library.found(v) is known for v, known in zip(views, first, strict=True))

    def test_a_record_that_has_moved_since_is_an_input_error(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        (battle,) = library.found(Filters(judge="j"))
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"x" * 9)
        with pytest.raises(InputError, match=r"m\.jsonl: not a judgment"):
            library.view(battle)

    def test_names_that_no_file_can_have_stop_nothing(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A>B", "A>B", model="../../etc/passwd", baseline="..\\x")
        path = bench.data / "model_judgment" / "j" / "file.jsonl"
        bench.write(path, [record])
        (battle,) = library.found(Filters(judge="j", text="says", order=LONGEST))
        assert "does not exist" in library.view(battle).model.missing
        assert library.found(Filters(judge="j", text="root:")) == []

    def test_files_and_folders_that_are_no_data_are_passed_over(
        self, bench: Workspace, library: Library, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        bench.write(bench.data / "model_judgment" / ".cache" / "m.jsonl", b"")
        bench.write(bench.root / "data" / ".git" / "question.jsonl", b"")
        bench.write(bench.data / "model_answer" / "m.jsonl", b'{"no": "id"}\n')
        opened = choose(bench.root / "data", None, None, None, None)
        assert (opened.library.bench.name, opened.library.judges()) == (bench.name, ["j"])
        assert listed(opened.library, order=LONGEST) == ["q1"]
        assert "m.jsonl" in capsys.readouterr().err

    def test_nothing_is_written(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        before = sorted((path, path.stat().st_mtime_ns) for path in bench.root.rglob("*"))
        library.view(library.found(Filters(judge="j", text="hello", order=LONGEST))[0])
        library.boards("j", "", ())
        library.judge_numbers()
        assert before == sorted((path, path.stat().st_mtime_ns) for path in bench.root.rglob("*"))


class TestOneBattle:
    def view(self, library: Library) -> Any:
        return library.view(library.found(Filters(judge="j"))[0])

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

    @pytest.mark.parametrize("games", [("A>B",), ("A>B", "missing")])
    def test_a_game_that_is_not_there_is_a_game_without_a_verdict(
        self, bench: Workspace, library: Library, games: Sequence[str]
    ) -> None:
        add_judgments(bench, [judgment("q1", *games)])
        assert [game.played for game in self.view(library).games] == [True, False]
        assert listed(library, show="no verdict") == ["q1"]
        judges, *_ = library.judge_numbers()
        assert (judges["j"].games, judges["j"].decided) == (2, 1)

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
        assert not view.battle.pairwise
        assert [side.name for _, side in view.shown(0)] == ["m"]
        add_judgments(bench, [judgment("q1", 7)])
        assert [side.name for _, side in self.view(library).shown(0)] == ["m", "base"]

    def test_a_grade_that_was_not_found_is_still_no_battle(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", None, settings={"pairwise": False})])
        assert not self.view(library).battle.pairwise

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


class TestBoards:
    def test_the_board_is_that_of_show_result(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B"), judgment("q2", "B>>A", "A>B")])
        done = bench.run(
            "show_result.py", "-b", bench.name, "-j", "j", "--baseline", "base", check=0
        )
        ((board, lines),) = library.boards("j", "", ())
        printed = [line.split("|") for line in done.stdout.splitlines() if "score:" in line]
        assert [cells[0].strip() for cells in printed] == [row.model for row in board.rows]
        for cells, row in zip(printed, board.rows, strict=True):
            assert float(cells[1].split(":")[1]) == pytest.approx(row.score, abs=0.051)
        assert lines[0] in done.stdout

    def test_the_most_frequent_baseline_of_each_category_is_taken_where_no_config_fits(
        self, bench: Workspace
    ) -> None:
        library = several_baselines(bench, named=True)
        boards = [board for board, _ in library.boards("j", "", ())]
        assert [(b.name, b.baseline) for b in boards] == [
            ("Overall", None),
            ("code", "base-code"),
            ("prose", "base-prose"),
        ]
        assert library.boards("j", "prose", ())[0][0].baseline == "base-prose"

    def test_without_any_baseline_the_reason_tells_the_flag(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A=B", "A=B")
        del record["baseline"]
        add_judgments(bench, [record])
        assert library.baselines("j") == []
        with pytest.raises(InputError, match="no baseline is named; name it with --baseline"):
            library.boards("j", "", ())
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"")
        library.baseline = "base"
        with pytest.raises(InputError, match="no battle against the baseline 'base'"):
            library.boards("j", "", ())

    def test_grades_of_single_answers_have_a_board_of_means(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", 7), judgment("q2", "9")])
        ((board, _),) = library.boards("j", "", ())
        assert (board.scale, board.score_of("m")) == ("grade", 8.0)

    def test_v2_0_has_a_board_a_category_each_with_its_baseline(self, bench: Workspace) -> None:
        questions = [("u1", "hard_prompt"), ("u2", "hard_prompt"), ("u3", "creative_writing")]
        bench.write(
            bench.data / "question.jsonl",
            [
                {"uid": uid, "category": name, "subcategory": "", "prompt": "?"}
                for uid, name in questions
            ],
        )
        records = [
            {"uid": uid, "judge": "j", "model": "m", "baseline": name[:4]}
            | {"games": [{"score": "B>A"}, {"score": "A=B"}]}
            for uid, name in questions
        ]
        add_judgments(bench, records)
        for name in ("hard", "crea"):
            bench.add_answers(name, {})
        library = Library(Bench(bench.root / "data", bench.name))
        boards = [board for board, _ in library.boards("j", "", ())]
        assert [(b.name, b.baseline) for b in boards] == [
            ("Overall", None),
            ("hard_prompt", "hard"),
            ("creative_writing", "crea"),
        ]
        assert {board.estimator.name for board in boards} == {"v2.0"}
        ((only, _),) = library.boards("j", "creative_writing", ())
        assert only.score_of("m") == pytest.approx(75, abs=5)  # the mean of the rounds

    def test_missing_style_attributes_are_named(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B")])
        with pytest.raises(InputError, match=r"add_markdown_info\.py"):
            library.boards("j", "", ("length",))

    def test_judges_are_counted_and_compared(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B")])
        add_judgments(bench, [judgment("q1", "A>B", "B>A")], judge="k")
        judges, pairs, _ = library.judge_numbers()
        assert list(judges) == ["j", "k"]
        assert (pairs["j", "k"].games, pairs["j", "k"].same.value) == (2, 50.0)


def several_baselines(bench: Workspace, *, named: bool, form: str = "v0.1") -> Library:
    """A judge's verdicts on code and prose, each against a baseline of its own; its clusters are
    c0, c1 and c2.
    """
    rng = random.Random(1 if form == "v0.1" else 2)
    ids = [f"q{i}" for i in range(12)]
    key = "question_id" if form == "v0.1" else "uid"
    questions = [
        {key: q, "category": ("code", "prose")[i % 2]}
        | (
            {"cluster": f"c{i % 3}", "turns": [{"content": "?"}]}
            if form == "v0.1"
            else {"subcategory": f"c{i % 3}", "prompt": "?"}
        )
        for i, q in enumerate(ids)
    ]
    bench.add_questions(questions)
    for model in ("m", "n", "o", "base-code", "base-prose"):
        answers = [
            {"question_id": q, "choices": [{"turns": [{"content": "x"}]}]}
            | {"conv_metadata": style(rng.randint(20, 900), rng.randint(0, 9))}
            for q in ids
        ]
        bench.write(bench.data / "model_answer" / f"{model}.jsonl", answers)
    labels = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
    records = [
        {key: q["question_id" if form == "v0.1" else "uid"], "model": model, "judge": "j"}
        | ({"baseline": f"base-{q['category']}"} if named else {})
        | {"games": [{"score": rng.choice(labels)} for _ in range(2)]}
        for model in ("m", "n", "o")
        for q in questions
    ]
    add_judgments(bench, records)
    return Library(Bench(bench.root / "data", bench.name))


def style(tokens: int, count: int) -> Record:
    markdown = {"list_count": {"ordered": count, "unordered": 0}, "bold_count": {"**": 1, "__": 0}}
    return {"token_len": tokens, "header_count": {"h1": count % 3}} | markdown


def question_of(question: str, category: str) -> Record:
    return {"question_id": question, "category": category, "turns": [{"content": "?"}]}


View = tuple[str, str, tuple[str, ...]]  # category or cluster, baseline, control for style
WHOLE: View = ("", "", ())
STYLE = ("markdown", "length")
OF_CATEGORIES = {"prose": {"baseline_model": "base-prose"}}


class TestBoardsOfTheCommandLine:
    """A board of the browser is that of show_result.py to the last digit."""

    @pytest.fixture
    def config(self, bench: Workspace) -> Path:
        bench.write_judge_config("j", "base-code", categories=OF_CATEGORIES)
        return bench.root / "config" / "judge_config.yaml"

    def check(
        self, bench: Workspace, run_main: RunMain, config: Path, view: View, *flags: str
    ) -> list[Board]:
        """Compare a view with the boards that the flags print."""
        category, baseline, control = view
        named = ["--category", category] if category else []
        named += ["--baseline", baseline] if baseline else []
        named += ["--control-features", *control] if control else []
        source = ("--setting-file", config, "-b", bench.name, "-j", "j", "--mixed", "leave-out")
        run_main("show_result.py", *source, *named, *flags, "--json", "out.json")
        files = bench.root.glob("out*.json")
        expected = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        opened = choose(bench.root / "data", bench.name, "j", None, read_judge_config(config))
        shown = opened.library.boards("j", category, control, baseline)
        boards = [board for board, _ in shown]
        assert by_name(map(told, boards)) == by_name(map(of_board, expected))
        return boards

    @pytest.mark.parametrize(
        "view",
        [
            WHOLE,
            *(("code", "", ()), ("prose", "", ()), ("c1", "", ()), ("", "base-code", ())),
            *(("", "", STYLE), ("code", "", ("length",)), ("c2", "base-prose", ())),
        ],
    )
    @pytest.mark.parametrize("named", [True, False])
    def test_with_baselines_by_category(
        self, bench: Workspace, run_main: RunMain, config: Path, named: bool, view: View
    ) -> None:
        several_baselines(bench, named=named)
        boards = self.check(bench, run_main, config, view)
        if view == WHOLE:
            assert [board.baseline for board in boards] == [None, "base-code", "base-prose"]

    @pytest.mark.parametrize(
        "view",
        [
            *(WHOLE, ("prose", "", ()), ("code", "base-code", ())),
            *(("", "", STYLE), ("prose", "", ("markdown",))),
        ],
    )
    def test_with_v2_0(self, bench: Workspace, run_main: RunMain, config: Path, view: View) -> None:
        several_baselines(bench, named=True, form="v2.0")
        boards = self.check(bench, run_main, config, view)
        assert {board.estimator.name for board in boards} == {"v2.0"}

    @pytest.mark.parametrize("view", [WHOLE, ("code", "", ()), ("c2", "", ("markdown",))])
    def test_with_one_baseline(self, bench: Workspace, run_main: RunMain, view: View) -> None:
        several_baselines(bench, named=False)
        bench.write_judge_config("j", "base-prose")
        (board,) = self.check(bench, run_main, bench.root / "config" / "judge_config.yaml", view)
        assert board.baseline == "base-prose"

    def test_with_the_config_of_another_bench(
        self, bench: Workspace, run_main: RunMain, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B"), judgment("q2", "B>>A", "A>B")])
        bench.write_judge_config("other", "nobody", bench_name="elsewhere")
        config = bench.root / "config" / "judge_config.yaml"
        (board,) = self.check(bench, run_main, config, WHOLE, "--baseline", "base")
        assert board.baseline == "base"

    def test_a_config_of_another_bench_counts_where_its_baselines_have_battles(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        several_baselines(bench, named=True)
        add_judgments(bench, [judgment(f"q{i}", "B>A", "B>A", baseline="n") for i in range(12)])
        bench.write_judge_config("j", "base-code", bench_name="elsewhere")
        config = bench.root / "config" / "judge_config.yaml"
        (board,) = self.check(bench, run_main, config, WHOLE)
        assert board.baseline == "base-code"


def told(board: Board) -> Record:
    """What show_result.py writes of a board."""
    selection = Selection(Bench(Path("data"), board.bench), board.judges, ())
    return of_board(json.loads(json.dumps(board_dict(board, selection))))


def of_board(data: Mapping[str, Any]) -> Record:
    kept = ("name", "weights", "baseline", "mode", "level", "style_coefficients", "judgments")
    more = ("weighted_battles", "left_out", "models_left_out", "questions_judged", "rows")
    return {name: data[name] for name in (*kept, *more)}


def by_name(boards: Any) -> dict[str, Record]:
    return {board["name"]: board for board in boards}


class TestWhatIsOpened:
    @pytest.mark.parametrize("bench_name", ["test-v1", "elsewhere"])
    def test_the_configs_baseline_of_its_category_stands_in(
        self, bench: Workspace, bench_name: str
    ) -> None:
        several_baselines(bench, named=False)
        bench.write_judge_config("j", "base-code", categories=OF_CATEGORIES, bench_name=bench_name)
        config = read_judge_config(bench.root / "config" / "judge_config.yaml")
        library = choose(bench.root / "data", bench.name, "j", None, config).library
        battles = library.found(Filters(judge="j", model="m"))
        categories = [library.questions[battle.question].category for battle in battles]
        assert [b.baseline for b in battles] == [f"base-{category}" for category in categories]
        side = library.view(battles[1]).baseline
        assert side
        assert side.name == "base-prose"
        bench.add_questions([question_of(q, "code") for q in library.questions])
        assert library.baselines("j") == ["base-code"]

    def test_a_baseline_that_nobody_knows_is_an_error(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B", baseline="told")])
        data = bench.root / "data"
        with pytest.raises(InputError, match="no model 'bse', the baseline; nearest .* 'base'"):
            choose(data, None, None, "bse", None)
        assert choose(data, None, None, "told", None).library.baseline == "told"

    def test_the_first_bench_with_judgments_is_opened_where_the_config_has_no_data(
        self, bench: Workspace, library: Library
    ) -> None:
        for name in ("z-judged", "a-judged"):
            path = bench.root / "data" / name / "model_judgment" / "j" / "m.jsonl"
            bench.write(path, [judgment("q1", "A=B")])
        opened = choose(bench.root / "data", None, None, None, None)
        assert opened.library.bench.name == "a-judged"

    def test_a_bench_or_a_judge_without_data_is_an_error_that_names_the_others(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        data = bench.root / "data"
        with pytest.raises(InputError, match="did you mean 'test-v1'"):
            choose(data, "tset-v1", None, None, None)
        with pytest.raises(InputError, match="judges here: j"):
            choose(data, None, "nobody", None, None)
        with pytest.raises(InputError, match="no bench with questions or judgments"):
            choose(bench.root / "nowhere", None, None, None, None)

    def test_the_one_model_that_nobody_judged_stands_in_as_the_baseline(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A=B", "A=B")
        del record["baseline"]
        add_judgments(bench, [record])
        opened = choose(bench.root / "data", None, None, None, None).library
        (battle,) = opened.found(Filters(judge="j"))
        assert (battle.baseline, battle.named) == ("base", False)
        bench.add_answers("m2", {"q1": "Hey"})
        named = choose(bench.root / "data", None, None, "m2", None).library
        assert named.found(Filters(judge="j"))[0].baseline == "m2"

    def test_a_bench_without_judgments_is_opened_and_said_so(
        self, bench: Workspace, library: Library
    ) -> None:
        opened = choose(bench.root / "data", None, None, None, None)
        assert opened.judge == ""
        assert "no judgments yet" in opened.remarks[0]

    def test_what_is_opened_in_the_place_of_something_else_is_said(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        config = read_judge_config(REPO / "config" / "judge_config.yaml")
        data = bench.root / "data"
        assert choose(data, None, None, None, config).remarks == (
            "Showing test-v1, judged by j: there is no data of arena-hard-v0.1 yet.",
        )
        assert choose(data, bench.name, None, None, config).remarks == (
            "Showing the judgments of j: there are none by gpt-4-1106-preview yet.",
        )
        assert choose(data, bench.name, "j", None, config).remarks == ()
        bench.write(
            data / "demo-v0.1" / "model_judgment" / "smollm2-judge" / "m.jsonl",
            [judgment("q1", "A=B", "A=B")],
        )
        assert choose(data, None, None, None, config).remarks == (
            "Showing the demo (demo-v0.1, judged by smollm2-judge): "
            "there is no data of arena-hard-v0.1 yet.",
            "The verdicts of this small judge only prove that the plumbing works.",
        )


class TestScreens:
    def test_a_link_tells_that_texts_are_shown_as_they_were_written(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        taken = screen(library, Filters(judge="j"), as_written=True)
        (query,) = re.findall('href="(.*?)"', taken.address_html)
        assert opened(library, "j", query_of(html.unescape(query))) == ("battles", taken)

    def test_a_row_that_is_clicked_is_that_of_the_list_it_was_in(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A>B"), judgment("q3", "A=B")])
        assert picked(library, "?judge=j&show=tie", 1) == ("q3", "m", "base")
        assert picked(library, "?judge=j", 1) == ("q2", "m", "base")
        assert picked(library, "?judge=j&show=tie", 2) == ("", "", "")

    def test_the_ends_of_the_list_are_known(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A>B"), judgment("q3", "A=B")])
        shown = [screen(library, Filters(judge="j"), position=i) for i in range(3)]
        assert [one.is_first for one in shown] == [True, False, False]
        assert [one.is_last for one in shown] == [False, False, True]
        nothing = screen(library, Filters(judge="j", text="no such words"))
        assert (nothing.is_first, nothing.is_last, nothing.games) == (True, True, [])

    @pytest.mark.parametrize(
        ("filters", "words"),
        [
            (Filters(text="zzz"), 'No battle has "zzz" in it.'),
            (Filters(model="m", text="zzz"), 'No battle of m has "zzz" in it.'),
            (Filters(show="tie"), 'There is no battle with "tie".'),
            (
                Filters(model="m", baseline="base", category="tests", show="tie", text="zzz"),
                'No battle of m against base in tests with "tie" has "zzz" in it.',
            ),
        ],
    )
    def test_an_empty_list_names_its_filters(
        self, bench: Workspace, library: Library, filters: Filters, words: str
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        shown = screen(library, replace(filters, judge="j"))
        assert words in html.unescape(shown.battle_html)

    def test_a_judge_of_grades_has_no_games_outcomes_and_baselines_to_choose_from(
        self, bench: Workspace, library: Library
    ) -> None:
        grades = [judgment(q, 7, settings={"pairwise": False}) for q in ("q1", "q2")]
        for record in grades:
            del record["baseline"]
        add_judgments(bench, grades)
        shown = screen(library, Filters(judge="j"))
        assert (shown.games, shown.baselines, shown.outcomes) == ([], [], ["no verdict"])
        assert not board_screen(library, "j", "", (), "").pairwise
        add_judgments(bench, [judgment("q1", "A>B", "A>B")], judge="k")
        assert board_screen(library, "k", "", (), "").pairwise

    def test_what_a_board_is_against_is_named_where_no_baseline_is_chosen(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        assert board_screen(library, "j", "", (), "").usual_baseline == "base (most frequent)"
        assert board_screen(library, "nobody", "", (), "").baselines == ["base"]

    def test_a_tab_is_the_same_until_its_files_change(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")])
        board, judges = board_screen(library, "nobody", "", (), ""), judges_screen(library)
        assert board_screen(library, "nobody", "", (), "") == board
        assert judges_screen(library) == judges
        add_judgments(bench, [judgment("q1", "A>B", "A>B"), judgment("q2", "B>A", "A>B")])
        assert board_screen(library, "nobody", "", (), "") != board
        assert judges_screen(library) != judges
