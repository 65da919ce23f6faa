"""browsing.py: what is in a bench, which battles pass the filters, and what one battle holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from conftest import Workspace

from battle_view import outcomes
from benches import Bench
from browsing import LONGEST, SHORTEST, Filters, Library
from console import InputError
from opening import choose

Record = dict[str, Any]


def judgment(question: str, *labels: object, **fields: Any) -> Record:
    games = [
        None if label == "missing" else {"score": label, "judgment": f"says {label}"}
        for label in labels
    ]
    known = {"question_id": question, "model": "m", "judge": "j", "baseline": "base"}
    return known | {"games": games} | fields


def add_judgments(bench: Workspace, records: Sequence[Record], judge: str = "j") -> None:
    by_model: dict[str, list[Record]] = {}
    for record in records:
        by_model.setdefault(record.get("model", "m"), []).append(record)
    for model, of_model in by_model.items():
        bench.write(bench.data / "model_judgment" / judge / f"{model}.jsonl", of_model)


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

    def test_generation_2_is_searched_as_well(self, bench: Workspace) -> None:
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

    def test_reasoning_is_kept_apart_in_both_generations(self, bench: Workspace) -> None:
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
        assert "m.jsonl does not answer this question" in view.model.missing
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

    def test_grades_of_single_answers_have_a_board_of_means(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", 7), judgment("q2", "9")])
        ((board, _),) = library.boards("j", "", ())
        assert (board.scale, board.score_of("m")) == ("grade", 8.0)

    def test_generation_2_has_a_board_a_category_each_with_its_baseline(
        self, bench: Workspace
    ) -> None:
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
        assert {board.method.name for board in boards} == {"v2.0"}
        ((only, _),) = library.boards("j", "creative_writing", ())
        assert only.score_of("m") == pytest.approx(75, abs=5)  # the mean of the rounds

    def test_missing_style_attributes_are_named(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B")])
        with pytest.raises(InputError, match=r"add_markdown_info\.py"):
            library.boards("j", "", ("length",))

    def test_judges_are_counted_and_compared(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B")])
        add_judgments(bench, [judgment("q1", "A>B", "B>A")], judge="k")
        stats, pairs = library.judge_numbers()
        assert list(stats) == ["j", "k"]
        assert (pairs["j", "k"].games, pairs["j", "k"].same) == (2, 1)


class TestWhatIsOpened:
    def test_a_bench_or_a_judge_without_data_is_an_error_that_names_the_others(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        data = bench.root / "data"
        with pytest.raises(InputError, match="nearest known name: 'test-v1'"):
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
