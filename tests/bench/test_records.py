"""The files under data/: both formats are read into the same records, faults are named."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines import SURROGATE, dump, new_answer, old_answer, write
from msgspec.structs import replace

from arena.base.errors import InputError
from arena.bench.answer_style import read_styles
from arena.bench.config import JudgeConfig, read_judge_config
from arena.bench.paths import Bench
from arena.bench.records import (
    Answer,
    BaselineRule,
    Judgment,
    Question,
    baseline_rule,
    draw_evenly,
    read_answers,
    read_judgments,
    read_judgments_by_kind,
    read_questions,
)


def bench_with(folder: Path, *questions: object) -> Bench:
    write(folder / "b" / "question.jsonl", *questions)
    return Bench(folder, "b")


class TestQuestions:
    def test_both_formats_are_read_into_the_same_records(self, tmp_path: Path) -> None:
        old = {"question_id": "q1", "category": "c", "cluster": "d", "turns": [{"content": "hi"}]}
        two = old | {"question_id": "q2", "turns": [{"content": "a"}, {"content": "b", "x": 1}]}
        new = {"uid": "q3", "category": "c", "subcategory": "d", "prompt": "hi"}
        converted = {"uid": "q4", "category": "c", "cluster": "d", "prompt": "hi"}
        converted |= {"aspects": ["tone", "facts"]}
        assert read_questions(bench_with(tmp_path, old, two, new, converted)) == [
            Question("q1", "c", "d", ("hi",)),
            Question("q2", "c", "d", ("a", "b")),
            Question("q3", "c", "d", ("hi",), format="v2.0"),
            Question("q4", "c", "d", ("hi",), aspects="tone, facts", format="v2.0"),
        ]

    def test_numbers_are_ids_and_names_too(self, tmp_path: Path) -> None:
        old = {"question_id": 721, "category": 3, "cluster": 0, "prompt": "hi"}
        new = {"uid": 0, "category": 1.5, "subcategory": 2024, "prompt": "hi"}
        questions = read_questions(bench_with(tmp_path, old, new))
        assert questions == [
            Question("721", "3", "0", ("hi",), number=721),
            Question("0", "1.5", "2024", ("hi",), format="v2.0", number=0),
        ]
        assert [question.written_id for question in questions] == [721, 0]

    @pytest.mark.parametrize("role", ["system", "assistant"])
    def test_turns_of_others_are_refused(self, tmp_path: Path, role: str) -> None:
        turns = [{"content": "hi", "role": "user"}, {"content": "ho", "role": role}]
        bench = bench_with(tmp_path, {"question_id": "q", "turns": turns})
        with pytest.raises(InputError, match=rf"jsonl:1: .*turns\[1\] has the role '{role}'"):
            read_questions(bench)

    def test_they_keep_the_order_of_the_file(self, tmp_path: Path) -> None:
        ids = ["q10", "q2", "z", "a"]
        bench = bench_with(tmp_path, *({"uid": key, "prompt": "hi"} for key in ids))
        assert [q.id for q in read_questions(bench)] == ids

    def test_where_there_are_none_the_benches_are_named(self, tmp_path: Path) -> None:
        bench_with(tmp_path, {"uid": "q", "prompt": "hi"})
        with pytest.raises(InputError, match=r"no such file.*: b\. Choose with --bench-name"):
            read_questions(Bench(tmp_path, "other"))

    @pytest.mark.parametrize("name", ["..", "../b", "/etc", "a//b", "", ".hidden", "a\\b"])
    def test_a_bench_is_below_the_data_folder(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match="bench name"):
            read_questions(Bench(tmp_path, name))


def question(number: int, category: str, cluster: str = "") -> Question:
    return Question(f"q{number}", category, cluster, ("Hi",), "", "v0.1")


class TestDrawEvenly:
    def counts(self, questions: Sequence[Question], limit: int) -> Counter[str]:
        return Counter(q.category for q in draw_evenly(questions, limit))

    def test_categories_in_blocks_have_equal_shares_until_one_is_used_up(self) -> None:
        questions = [question(n, "hard" if n < 50 else "prose") for n in range(60)]
        assert self.counts(questions, 10) == {"hard": 5, "prose": 5}
        assert self.counts(questions, 11) == {"hard": 6, "prose": 5}
        assert self.counts(questions, 40) == {"hard": 30, "prose": 10}

    def test_clusters_of_a_category_are_drawn_in_turn(self) -> None:
        questions = [question(n, "all", f"cluster {n // 2}") for n in range(500)]
        assert len({q.cluster for q in draw_evenly(questions, 250)}) == 250
        drawn = draw_evenly([question(n, "ab"[n < 30], f"{n // 10}") for n in range(40)], 6)
        assert Counter((q.category, q.cluster) for q in drawn) == {
            **{("b", cluster): 1 for cluster in "012"},
            ("a", "3"): 3,
        }

    def test_without_names_it_is_the_first_questions(self) -> None:
        questions = [question(n, "") for n in range(9)]
        assert draw_evenly(questions, 4) == questions[:4]
        assert draw_evenly(questions, None) == draw_evenly(questions, 99) == questions

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30),
        st.integers(1, 30),
    )
    def test_a_smaller_draw_is_part_of_a_larger_one_and_keeps_the_order(
        self, names: list[tuple[str, str]], limit: int
    ) -> None:
        questions = [question(n, *pair) for n, pair in enumerate(names)]
        smaller, larger = draw_evenly(questions, limit), draw_evenly(questions, limit + 1)
        assert len(smaller) == min(limit, len(questions))
        assert set(smaller) <= set(larger)
        assert larger == [q for q in questions if q in larger]


class TestAnswers:
    def test_both_formats_are_read_into_the_same_records(self, tmp_path: Path) -> None:
        choices = [{"index": n, "turns": [{"content": t} for t in ("a", "b")]} for n in (0, 1)]
        path = write(
            tmp_path / "a.jsonl",
            old_answer("q1"),
            old_answer("q2", choices=choices),
            new_answer("q3"),
            new_answer("q4", {"answer": "hi", "thought": "hm"}),
            new_answer("q5", {"answer": None}),
        )
        assert read_answers(path) == {
            "q1": Answer((("hi",),)),
            "q2": Answer((("a", "b"), ("a", "b"))),
            "q3": Answer((("hi",),)),
            "q4": Answer((("hi",),)),
            "q5": Answer((("",),)),
        }

    def test_empty_ones_are_answers(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", old_answer("q1", ""))
        assert read_answers(path)["q1"].choices == (("",),)


class TestJudgments:
    def test_both_formats_are_read_into_the_same_records(self, tmp_path: Path) -> None:
        game = {"user_prompt": "p", "judgment": "[[A>B]]", "score": "A>B"}
        old = {"question_id": "q1", "model": "m", "judge": "j", "games": [game, {"score": None}]}
        modern = {"score": "B>>A", "judgment": {"answer": "x"}, "prompt": [{"role": "user"}]}
        new = {"uid": "q2", "judge": "j", "model": "m", "baseline": "b", "games": [modern, None]}
        path = write(tmp_path / "m.jsonl", old, new)
        first, second = read_judgments(path, "x", "y")
        empty = (b"", b"")
        labels: dict[str, Any] = {"verdicts": (("A>B",), (None,))}
        assert first == Judgment("q1", "m", "j", None, ("A>B", None), (None,) * 2, empty, **labels)
        causes, labels = (None, "not played"), {"verdicts": (("B>>A",), ())}
        assert second == Judgment("q2", "m", "j", "b", ("B>>A", None), causes, empty, **labels)

    def test_repeats_follow_the_first_verdict_of_their_game(self, tmp_path: Path) -> None:
        game = {"score": "A>B", "repeats": [{"sample": 2, "score": None}, {"score": "B>A"}]}
        base = {"question_id": "q1", "settings": {"x": 1}, "games": [None, game]}
        repeats = [{"sample": 2, "score": "4", "settings": {}}, {"score": 3}]
        graded = {"question_id": "q2", "games": [{"score": 8, "repeats": repeats}]}
        path = write(tmp_path / "m.jsonl", base, base | {"question_id": "q3"}, graded)
        first, third, second = read_judgments(path, "m", "j")
        assert first.verdicts == third.verdicts == ((), ("A>B", None, "B>A"))
        assert first.labels == (None, "A>B") and first.settings == (b"", *[b'{"x": 1}'] * 3)
        assert (second.grades, second.settings) == ((5.0,), (b"", b"{}", b""))

    def test_missing_games_and_names_do_no_harm(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "m.jsonl",
            {"question_id": "q1", "games": [{"score": "A=B"}]},
            {"question_id": "q2", "games": [None, None]},
            {"question_id": "q3", "games": []},
            {"question_id": "q4"},
        )
        found = read_judgments(path, "m", "j")
        assert [judgment.labels for judgment in found] == [("A=B",), (None, None), (), ()]
        assert {(judgment.model, judgment.judge) for judgment in found} == {("m", "j")}

    def test_one_question_has_one_for_each_baseline(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        base = {"question_id": "q1", "model": "m", "judge": "j"}
        path = write(
            tmp_path / "m.jsonl",
            base | {"baseline": "a", "games": [{"score": "A>B"}]},
            base | {"baseline": "b", "games": [{"score": "B>A"}]},
            base | {"baseline": "a", "games": [{"score": "A=B"}]},
        )
        found = read_judgments(path, "m", "j")
        assert {j.baseline: j.labels for j in found} == {"a": ("A=B",), "b": ("B>A",)}
        assert "1 repeated" in capsys.readouterr().err

    def test_grades_are_numbers_or_their_digits(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "m.jsonl",
            {"question_id": "q1", "games": [{"score": 8}]},
            {"question_id": "q2", "games": [{"score": "7.5"}, None, {"score": None}]},
            {"question_id": "q3", "games": [{"score": "A>B"}, {"score": "nan"}]},
            {"uid": "q4", "games": [{"score": 0.5}], "x": SURROGATE},
        )
        found = read_judgments(path, "m", "j")
        assert [judgment.grades for judgment in found] == [(8.0,), (7.5,), (), (0.5,)]
        assert [judgment.labels for judgment in found] == [
            (8.0,),
            ("7.5", None, None),
            ("A>B", "nan"),
            (0.5,),
        ]

    def test_games_without_a_verdict_have_their_causes(self, tmp_path: Path) -> None:
        games = [{"score": None, "cause": "ambiguous"}, {"score": None}, None, {"score": "A>B"}]
        path = write(tmp_path / "m.jsonl", {"question_id": "q1", "games": games})
        (judgment,) = read_judgments(path, "m", "j")
        assert judgment.causes == ("ambiguous", None, "not played", None)

    def test_an_ensemble_names_its_rule_and_its_judges(self, tmp_path: Path) -> None:
        scores = [{"score": "A>B", "scores": {"j": "A>B", "k": None}}, None]
        path = write(
            tmp_path / "m.jsonl",
            {"question_id": "q1", "games": scores, "rule": "mean", "judges": ["k", "l", 5]},
            {"question_id": "q2", "games": scores},
            {"question_id": "q3", "games": [{"score": "A>B", "scores": 7}], "judges": "k"},
        )
        found = [(j.rule, j.members) for j in read_judgments(path, "m", "ensemble")]
        assert found == [("mean", ("k", "l", "j")), (None, ("j", "k")), (None, ())]

    @pytest.mark.parametrize("text", ["hi", SURROGATE])
    def test_they_tell_the_settings_of_their_games(self, tmp_path: Path, text: str) -> None:
        made, own = {"extra_body": {"settings": [text]}}, {"temperature": 1}
        games = [{"score": "A>B", "settings": own}, {"score": None}, None]
        path = write(
            tmp_path / "m.jsonl",
            {"question_id": "q1", "games": games, "settings": made, "x": text},
            {"question_id": "q2", "games": games[:1], "settings": made},
            {"question_id": "q3", "games": [None, None], "settings": made},
            {"question_id": "q4", "games": games[1:]},
        )
        told = [
            [json.loads(settings or b"null") for settings in judgment.settings]
            for judgment in read_judgments(path, "m", "j")
        ]
        assert told == [[own, made, None], [own], [None, None], [None, None]]


GAMES = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"score": st.sampled_from(["A>B", "B>A", "8", 8, None])},
        optional={
            "cause": st.sampled_from(["no label", None]),
            "scores": st.sampled_from([{"j": "A>B"}, {"k": "A>B"}, [], {}, 0]),
            "settings": st.sampled_from([{"t": 0}, {"t": 1}, None, "s"]),
        },
    ),
)
RECORDS = st.fixed_dictionaries(
    {"question_id": st.sampled_from(["q1", "q2", "q3", "1", 1, 2])},
    optional={
        "model": st.sampled_from(["m", "n", None]),
        "judge": st.sampled_from(["j", "k", None]),
        "baseline": st.sampled_from(["a", "b", None]),
        "rule": st.sampled_from(["mean", "majority"]),
        "judges": st.sampled_from([["j"], ["k"], "j", "['j']", [], None]),
        "planted": st.sampled_from([["model"], ["baseline"], "model", None]),
        "settings": st.sampled_from([{"t": 0}, {"t": 1}, None]),
        "games": st.lists(GAMES, max_size=2),
    },
)


class TestJudgmentsByKind:
    @given(st.lists(RECORDS, max_size=12))
    def test_they_are_the_judgments_one_by_one(
        self, tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
    ) -> None:
        path = write(tmp_path_factory.mktemp("b") / "m.jsonl", *records)
        single = read_judgments(path, "m", "j")
        kinds = read_judgments_by_kind(path, "m", "j")
        assert all(judgment.question_id == ids[0] for judgment, ids in kinds)
        pairs = [(replace(judgment, question_id=q), q) for judgment, ids in kinds for q in ids]
        assert sorted(map(repr, pairs)) == sorted(repr((j, j.question_id)) for j in single)
        firsts = [single.index(judgment) for judgment, _ in kinds]
        assert firsts == sorted(firsts)

    def test_a_file_has_few(self, tmp_path: Path) -> None:
        games = [{"score": "A>B", "judgment": "x"}, {"score": None, "cause": "cut off"}]
        records = [
            {
                "question_id": f"q{i}",
                "games": games[:: (-1) ** i],
                "tstamp": i,
                "settings": {"t": 0},
            }
            for i in range(100)
        ]
        kinds = read_judgments_by_kind(write(tmp_path / "m.jsonl", *records), "m", "j")
        assert [ids for _, ids in kinds] == [[f"q{i}" for i in range(n, 100, 2)] for n in (0, 1)]


READERS: dict[str, Callable[[Path], Any]] = {
    "answers": read_answers,
    "styles": read_styles,
    "judgments": lambda path: read_judgments(path, "m", "j"),
    "judgments by kind": lambda path: [
        replace(judgment, question_id=question)
        for judgment, ids in read_judgments_by_kind(path, "m", "j")
        for question in ids
    ],
    "questions": lambda path: read_questions(Bench(path.parent.parent, path.parent.name)),
}


def ids(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        return list(found)
    return [getattr(item, "id", None) or item.question_id for item in found]


def any_line(question_id: str, text: str = "hi") -> dict[str, Any]:
    """A line that all readers take."""
    settings = {"extra_body": {"settings": {"k": 1}}}
    games = [{"score": "A>B", "settings": settings}]
    extra = {"turns": [{"content": text}], "games": games, "settings": settings}
    return old_answer(question_id, text) | extra


@pytest.fixture(params=READERS)
def read(request: pytest.FixtureRequest) -> Callable[[Path], Any]:
    return READERS[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "b" / "question.jsonl"


class TestWhatRealFilesHold:
    """Each of these is read by all readers."""

    def test_a_byte_order_mark_blank_lines_and_no_last_newline(
        self, path: Path, read: Callable[[Path], Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        first = b"\xef\xbb\xbf" + dump(any_line("q1"))
        write(path, first, "", "  \r", any_line("q2"), "", any_line("q3"), end="")
        assert ids(read(path)) == ["q1", "q2", "q3"]
        assert capsys.readouterr().err == ""

    def test_a_torn_last_line_is_passed_over_and_named(
        self, path: Path, read: Callable[[Path], Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        torn = json.dumps(any_line("q2", "한국어"), ensure_ascii=False).encode()
        write(path, any_line("q1"), torn[: torn.index("국".encode()) + 1], end="")
        assert ids(read(path)) == ["q1"]
        warning = capsys.readouterr().err
        assert warning.count("\n") == 1 and f"{path}" in warning and "incomplete last" in warning

    def test_a_last_line_of_nulls_is_torn_too(
        self, path: Path, read: Callable[[Path], Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(path, any_line("q1"), b"\0" * 64, end="")
        assert ids(read(path)) == ["q1"]
        assert "incomplete last line" in capsys.readouterr().err

    def test_of_repeated_ids_the_last_counts(self, path: Path, read: Callable[[Path], Any]) -> None:
        write(path, any_line("q1", "STALE"), any_line("q2"), any_line("q1", "new"))
        assert sorted(ids(read(path))) == ["q1", "q2"]
        assert "STALE" not in repr(read(path))

    def test_lone_surrogates_and_other_text(self, path: Path, read: Callable[[Path], Any]) -> None:
        write(path, any_line("q1", SURROGATE), any_line("q2", "a\u2028b\x85c\x00d"))
        found = read(path)
        assert ids(found) == ["q1", "q2"]
        if read is READERS["answers"]:
            assert found["q1"].choices[0][0] == SURROGATE
            assert found["q2"].choices[0][0] == "a\u2028b\x85c\x00d"

    @pytest.mark.parametrize("end", ["", "\r\n"])
    def test_line_ends_of_windows(
        self,
        path: Path,
        read: Callable[[Path], Any],
        end: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        lines = (dump(any_line(f"q{number}")) for number in (1, 2))
        write(path, b"\r\n".join([*lines, b"", dump(any_line("q3"))]), end=end)
        assert ids(read(path)) == ["q1", "q2", "q3"]
        assert capsys.readouterr().err == ""

    def test_numbers_of_any_size(self, path: Path, read: Callable[[Path], Any]) -> None:
        huge = {"question_id": 10**30, "x": 10**400}
        write(path, any_line("q1"), any_line("q2") | huge, any_line("q3"))
        assert ids(read(path)) == ["q1", str(10**30), "q3"]

    def test_numbers_that_are_none(self, path: Path, read: Callable[[Path], Any]) -> None:
        line = json.dumps(any_line("q1") | {"tstamp": float("nan"), "x": float("inf")})
        write(path, line)
        assert ids(read(path)) == ["q1"]


def test_repeated_ids_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [old_answer("q1", "a"), old_answer("q1", "b"), old_answer("q1", "c"), old_answer("q2")]
    path = write(tmp_path / "a.jsonl", *lines)
    assert read_answers(path)["q1"].choices == (("c",),)
    assert f"{path}: 2 repeated" in capsys.readouterr().err


WRONG_LINES = {
    "broken": b'{"question_id": "q2", "choices": [}',
    "no object": b"[1, 2]",
    "no id": b'{"choices": [{"turns": [{"content": "x"}]}], "turns": [{"content": "x"}]}',
    "a fraction for the id": b'{"question_id": 7.5}',
    "not UTF-8": b'{"question_id": "caf\xe9"}',
    "bottomless": b'{"question_id": "q2", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}
WRONG_FIELDS = [
    ("answers", {"choices": "x"}),
    ("answers", {"choices": [{"turns": [{"content": 5}]}]}),
    ("answers", {"choices": []}),
    ("answers", {}),
    ("styles", {"conv_metadata": {"token_len": "many"}}),
    ("styles", {"conv_metadata": {"header_count": 3}}),
    ("styles", {"choices": [{"turns": [{"token_len": "many"}]}]}),
    ("judgments", {"games": {"score": "A>B"}}),
    ("judgments", {"games": [{"score": ["A>B"]}]}),
    ("questions", {"turns": []}),
    ("questions", {"turns": ["hi"]}),
    ("questions", {"prompt": 5}),
    ("questions", {}),
]


class TestWrongLines:
    @pytest.mark.parametrize("case", WRONG_LINES)
    @pytest.mark.parametrize("before", [0, 1, 40])
    def test_file_and_line_are_named(
        self, path: Path, read: Callable[[Path], Any], case: str, before: int
    ) -> None:
        lines = [any_line(f"q{number}") for number in range(before)]
        write(path, *lines, "", WRONG_LINES[case], any_line("last"))
        match = rf"question\.jsonl:{before + 2}: not an? (question|answer|judg)"
        with pytest.raises(InputError, match=match):
            read(path)

    @pytest.mark.parametrize("joint", [" ", ",", ""])
    def test_two_records_on_a_line_are_refused(
        self, path: Path, read: Callable[[Path], Any], joint: str
    ) -> None:
        """As after a write that was cut off, and one that followed it."""
        two = dump(any_line("q2")) + joint.encode() + dump(any_line("q3"))
        write(path, any_line("q1"), two, any_line("q4"))
        with pytest.raises(InputError, match=r"question\.jsonl:2: not an? "):
            read(path)

    def test_a_record_on_two_lines_is_refused(
        self, path: Path, read: Callable[[Path], Any]
    ) -> None:
        write(path, any_line("q1"), dump(any_line("q2")).replace(b', "', b',\n"', 1))
        with pytest.raises(InputError, match=r"question\.jsonl:2: not an? "):
            read(path)

    def test_neither_makes_up_for_the_other(self, path: Path, read: Callable[[Path], Any]) -> None:
        two = dump(any_line("q2")) + dump(any_line("q3"))
        write(path, any_line("q1"), two, dump(any_line("q4")).replace(b', "', b',\n"', 1))
        with pytest.raises(InputError, match=r"question\.jsonl:2: not an? "):
            read(path)

    @pytest.mark.parametrize(("reader", "fields"), WRONG_FIELDS)
    def test_so_are_those_of_wrong_fields(
        self, path: Path, reader: str, fields: dict[str, Any]
    ) -> None:
        write(path, any_line("q1"), {"question_id": "q2"} | fields, any_line("q3"))
        with pytest.raises(InputError, match=r"question\.jsonl:2: not an? (question|answer|judg)"):
            READERS[reader](path)

    def test_a_whole_last_line_of_the_wrong_kind_is_not_torn(self, path: Path) -> None:
        write(path, old_answer("q1"), {"question_id": 7}, end="")
        with pytest.raises(InputError, match=r"question\.jsonl:2: not an answer"):
            read_answers(path)

    def test_a_folder_for_a_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"cannot read an answer: Is a directory"):
            read_answers(tmp_path)


def judged(folder: Path, judge: str, model: str, **fields: Any) -> None:
    record = {"question_id": "q1", "judge": judge, "games": [{"score": "A>B"}]} | fields
    write(folder / "b" / "model_judgment" / judge / f"{model}.jsonl", record)


def config_with(folder: Path, text: str) -> JudgeConfig:
    path = folder / "judge_config.yaml"
    path.write_text(f"bench_name: b\njudge_model: j\nprompt_template: ['{{question_1}}']\n{text}")
    return read_judge_config(path)


BY_CATEGORY = """
baseline_model: general
categories:
  code: {baseline_model: coder}
  prose: {baseline_model: [absent, writer]}
"""


class TestBaselineRule:
    """The baseline of judgments that name none."""

    def test_the_one_a_record_names_comes_first(self) -> None:
        assert BaselineRule({"code": "coder"}, "general").of("named", "code") == "named"

    def test_then_that_of_the_category_then_the_default(self) -> None:
        rule = BaselineRule({"code": "coder", "prose": None}, "general")
        assert [rule.of(None, c) for c in ("code", "prose", "maths")] == ["coder", None, "general"]
        assert rule.of("", "code") == "coder"

    def test_a_given_baseline_comes_before_the_config(self, tmp_path: Path) -> None:
        config = config_with(tmp_path, BY_CATEGORY)
        rule = baseline_rule(Bench(tmp_path, "b"), config, ["given", "other"])
        assert rule == BaselineRule({}, "given")

    def test_without_either_none_is_known(self, tmp_path: Path) -> None:
        assert baseline_rule(Bench(tmp_path, "b"), None).of(None, "code") is None

    def test_the_config_counts_as_far_as_its_baselines_have_answers(self, tmp_path: Path) -> None:
        config, bench = config_with(tmp_path, BY_CATEGORY), Bench(tmp_path, "b")
        assert baseline_rule(bench, config) == BaselineRule({"code": None, "prose": None}, None)
        write(bench.answer_file("general"))
        write(bench.answer_file("writer"))
        rule = baseline_rule(bench, config)
        assert rule == BaselineRule({"code": None, "prose": "writer"}, "general")

    def test_or_judgments_of_their_own(self, tmp_path: Path) -> None:
        judged(tmp_path, "j", "general")
        judged(tmp_path, "org/k", "coder")
        rule = baseline_rule(Bench(tmp_path, "b"), config_with(tmp_path, BY_CATEGORY))
        assert rule == BaselineRule({"code": "coder", "prose": None}, "general")

    @pytest.mark.parametrize("name", ["coder", 'a "b" \\ 한.*'])
    def test_or_judgments_that_name_them(self, tmp_path: Path, name: str) -> None:
        config = config_with(tmp_path, f"baseline_model: {json.dumps(name)}")
        judged(tmp_path, "j", "m", note=f'"baseline": {json.dumps(name)}')
        assert baseline_rule(Bench(tmp_path, "b"), config).default is None
        judged(tmp_path, "j", "n", baseline=name)
        assert baseline_rule(Bench(tmp_path, "b"), config).default == name

    def test_a_file_that_is_no_json_names_none(self, tmp_path: Path) -> None:
        config = config_with(tmp_path, "baseline_model: wanted")
        torn = b'{"baseline": "wan\n{"baseline": "\xff"} {"baseline": "\\x"} {"baseline": 5}'
        write(tmp_path / "b" / "model_judgment" / "j" / "m.jsonl", torn)
        assert baseline_rule(Bench(tmp_path, "b"), config).default is None
