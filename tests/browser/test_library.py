"""The library: which judgments a bench has, and which pass the filters."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Sequence

import pytest
from browser_site import (
    add_judgments,
    judgment,
    listed,
    small_library,
)
from conftest import Workspace

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.browser.defaults import choose
from arena.browser.judgment_view import games_of, judgment_view, side_of
from arena.browser.library import LONGEST, SHORTEST, Filters, Library
from arena.browser.statistics import boards, judge_statistics


@pytest.fixture
def library(bench: Workspace) -> Library:
    return small_library(bench)


class TestFilters:
    def test_judgments_come_in_the_order_of_the_questions(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(q, "A>B", "B>A") for q in ("q3", "q1", "q2")])
        assert listed(library) == ["q1", "q2", "q3"]

    @pytest.mark.parametrize(
        ("verdict", "questions"),
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
        self, bench: Workspace, library: Library, verdict: str, questions: list[str]
    ) -> None:
        records = [judgment("q1", "B>>A", "B>>A"), judgment("q2", "A=B", "A>B")]
        add_judgments(bench, [*records, judgment("q3", "A>B", None)])
        assert listed(library, verdict=verdict) == questions

    def test_judges_disagree_where_they_favour_different_sides_of_the_same_answers(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "A>B")])
        other = [judgment("q1", "A>B", "B>A"), judgment("q2", "B>>A", "A=B")]
        add_judgments(bench, [*other, judgment("q3", "A>B", "B>A")], judge="k")
        assert listed(library, verdict="judges disagree") == ["q1"]

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
        found = library.select(Filters(judge="j", model="m", baseline="other"))
        assert [entry.labels for entry in found] == [("A>B", "A>B")]
        assert [b.model for b in library.select(Filters(judge="j"))] == ["m", "m", "n"]

    def test_the_name_of_a_judge_and_of_a_model_may_hold_a_slash(
        self, bench: Workspace, library: Library
    ) -> None:
        judge = "org/j"
        for model in ("m", "lab/m"):
            add_judgments(bench, [judgment("q1", "A=B", model=model, judge=judge)], judge=judge)
        assert library.judges() == [judge]
        found = library.select(Filters(judge=judge))
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

    def test_the_last_record_of_a_comparison_counts(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", None), judgment("q1", "A>B", "A>B")])
        (entry,) = library.select(Filters(judge="j"))
        assert entry.labels == ("A>B", "A>B")

    def test_lines_that_cannot_be_read_are_passed_over_and_named(
        self, bench: Workspace, library: Library, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good = [json.dumps(judgment(q, "A=B", "A=B")).encode() for q in ("q1", "q2")]
        lines = [b"\xef\xbb\xbf" + good[0], b"", b"{broken}", good[1], b'{"question_id": "q3", "ga']
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"\n".join(lines))
        assert listed(library) == ["q1", "q2"]
        warned = capsys.readouterr().err
        assert "m.jsonl:3: not a judgment" in warned
        assert warned.count("\n") == 1
        (fault,) = library.judgment_faults("j")
        assert "m.jsonl:3: not a judgment" in fault and "more" not in fault
        assert "m.jsonl:5: an incomplete last line" in fault
        for entry in library.select(Filters(judge="j")):
            assert judgment_view(library, entry).games[0].explanation == "says A=B"

    def test_questions_that_cannot_be_read_are_passed_over_and_named(
        self, bench: Workspace, library: Library, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ("q1", "q2", "q3")])
        good = (bench.data / "question.jsonl").read_bytes().splitlines()
        bench.write(bench.data / "question.jsonl", b"\n".join([good[2], b'{"bro', b"[]", good[0]]))
        assert list(library.questions) == ["q3", "q1"]
        assert listed(library) == ["q3", "q1", "q2"]
        assert "question.jsonl:2: not a question" in library.fault
        assert "(and 1 more)" in library.fault
        assert capsys.readouterr().err.count("\n") == 1
        assert boards(library, Filters(judge="j"))
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
        assert listed(library, model="m", verdict="judges disagree") == ["q1"]
        (other,) = judgment_view(library, library.select(Filters(judge="k", model="m"))[0]).others
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
            found = library.select(Filters(judge="j", model=model))
            assert {entry.model for entry in found} == {model}

    def test_several_views_are_remembered_at_once(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ("q1", "q2")])
        views = [Filters(judge="j"), *(Filters(judge="j", text=text) for text in "abcdefg")]
        first = [library.select(view) for view in views]
        assert all(library.select(v) is known for v, known in zip(views, first, strict=True))

    def test_a_record_that_has_moved_since_is_an_input_error(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        (entry,) = library.select(Filters(judge="j"))
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"x" * 9)
        with pytest.raises(InputError, match=r"m\.jsonl:1: not a judgment"):
            judgment_view(library, entry)

    def test_a_record_that_another_of_its_length_has_replaced_is_not_shown_for_it(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(q, "A=B", "A>B") for q in ("q1", "q2")])
        first, second = library.select(Filters(judge="j"))
        bench.add_answers("m", {"q1": "Hello", "q2": "Adieu"})
        assert library.answers[library.answer_file("m")].places
        for path in ("model_judgment/j/m.jsonl", "model_answer/m.jsonl"):
            lines = (bench.data / path).read_bytes().splitlines(keepends=True)
            status = (bench.data / path).stat()
            (bench.data / path).write_bytes(b"".join(reversed(lines)))
            os.utime(bench.data / path, ns=(status.st_atime_ns, status.st_mtime_ns))
        for entry in (first, second):
            with pytest.raises(InputError, match="another record is there now"):
                games_of(entry)
            side = side_of(library, "m", entry.question)
            assert side.turns == () and "another record is there now" in side.missing

    def test_names_that_no_file_can_have_stop_nothing(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A>B", "A>B", model="../../etc/passwd", baseline="..\\x")
        path = bench.data / "model_judgment" / "j" / "file.jsonl"
        bench.write(path, [record])
        (entry,) = library.select(Filters(judge="j", text="says", order=LONGEST))
        assert "does not exist" in judgment_view(library, entry).model.missing
        assert library.select(Filters(judge="j", text="root:")) == []

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
        judgment_view(library, library.select(Filters(judge="j", text="hello", order=LONGEST))[0])
        boards(library, Filters(judge="j"))
        judge_statistics(library)
        assert before == sorted((path, path.stat().st_mtime_ns) for path in bench.root.rglob("*"))


def test_numbers_as_ids_are_found(bench: Workspace) -> None:
    numbers = (721, 9)
    bench.add_questions([{"question_id": i, "cluster": i, "prompt": f"{i}?"} for i in numbers])
    add_judgments(bench, [judgment("q", "A>B", "B>A") | {"question_id": i} for i in (9, 721)])
    library = Library(Bench(bench.root / "data", bench.name))
    assert listed(library) == ["721", "9"]
    assert listed(library, category="9") == ["9"]
