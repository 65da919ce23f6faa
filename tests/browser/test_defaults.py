"""The bench, judge and baseline that the browser opens with."""

from __future__ import annotations

import shutil

import pytest
from browser_site import (
    add_judgments,
    judgment,
    question_of,
    several_baselines,
    small_library,
)
from conftest import REPO, Workspace

from arena.base.errors import InputError
from arena.bench.config import read_judge_config
from arena.bench.records import BaselineRule
from arena.browser.defaults import choose
from arena.browser.judgment_view import judgment_view
from arena.browser.library import Filters, Library
from arena.browser.screens.board import BoardChoice, board_screen


@pytest.fixture
def library(bench: Workspace) -> Library:
    return small_library(bench)


OF_CATEGORIES = {"prose": {"baseline_model": "base-prose"}}


class TestWhatIsOpened:
    @pytest.mark.parametrize("bench_name", ["test-v1", "elsewhere"])
    def test_the_configs_baseline_of_its_category_stands_in(
        self, bench: Workspace, bench_name: str
    ) -> None:
        several_baselines(bench, named=False)
        bench.write_judge_config("j", "base-code", categories=OF_CATEGORIES, bench_name=bench_name)
        config = read_judge_config(bench.root / "config" / "judge_config.yaml")
        library = choose(bench.root / "data", bench.name, "j", None, config).library
        entries = library.select(Filters(judge="j", model="m"))
        categories = [library.questions[entry.question].category for entry in entries]
        assert [e.baseline for e in entries] == [f"base-{category}" for category in categories]
        side = judgment_view(library, entries[1]).baseline
        assert side
        assert side.name == "base-prose"
        bench.add_questions([question_of(q, "code") for q in library.questions])
        assert library.baselines("j") == ["base-code"]

    def test_the_only_model_without_judgments_stands_in_where_nothing_names_a_baseline(
        self, bench: Workspace, library: Library
    ) -> None:
        """The config is that of another bench, as the shipped one is."""
        record = judgment("q1", "A>B", "B>A")
        del record["baseline"]
        add_judgments(bench, [record])
        bench.write_judge_config("another-judge", "gpt-4-0314", bench_name="another-bench")
        config = read_judge_config(bench.root / "config" / "judge_config.yaml")
        chosen = choose(bench.root / "data", None, None, None, config)
        (entry,) = chosen.library.select(Filters(judge="j"))
        assert entry.baseline == "base"
        remark = "The judgments name no baseline. base stands in, the only model with answers that"
        assert remark in " ".join(chosen.remarks)
        side = judgment_view(chosen.library, entry).baseline
        assert side
        assert side.turns == ("Hi",)
        screen = board_screen(chosen.library, BoardChoice(judge="j"))
        assert screen.usual_baseline == "base (not judged itself)"
        assert "score" in screen.table_html

        bench.add_answers("another", {"q1": "Hey"})
        chosen = choose(bench.root / "data", None, None, None, config)
        (entry,) = chosen.library.select(Filters(judge="j"))
        assert entry.baseline == ""
        screen = board_screen(chosen.library, BoardChoice(judge="j"))
        assert screen.offers["baseline"] == ["another", "base", "m"]
        assert "no baseline is named" in screen.table_html
        assert "--baseline" not in screen.table_html

    def test_a_baseline_that_nobody_knows_is_an_error(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B", baseline="told")])
        data = bench.root / "data"
        with pytest.raises(InputError, match="no model 'bse', the baseline .*did you mean 'base'"):
            choose(data, None, None, "bse", None)
        assert choose(data, None, None, "told", None).library.rule == BaselineRule({}, "told")

    def test_the_only_bench_with_judgments_is_opened_where_the_config_has_no_data(
        self, bench: Workspace, library: Library
    ) -> None:
        data = bench.root / "data"
        config = read_judge_config(REPO / "config" / "judge_config.yaml")
        for name in ("z-judged", "a-judged"):
            if name == "a-judged":
                assert choose(data, None, None, None, config).library.bench.name == "z-judged"
            bench.write(data / name / "model_judgment" / "j" / "m.jsonl", [judgment("q1", "A=B")])
        names = "a-judged, test-v1, z-judged"
        with pytest.raises(InputError, match=f"arena-hard-v0.1: no questions .*here: {names}"):
            choose(data, None, None, None, config)
        with pytest.raises(InputError, match=f"Benches here: {names}. Choose with --bench-name"):
            choose(data, None, None, None, None)

    def test_a_bench_or_a_judge_without_data_is_an_error_that_names_the_others(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A=B", "A=B")])
        data = bench.root / "data"
        with pytest.raises(InputError, match="did you mean 'test-v1'"):
            choose(data, "tset-v1", None, None, None)
        with pytest.raises(InputError, match="Judges here: j"):
            choose(data, None, "nobody", None, None)
        with pytest.raises(InputError, match="no bench with questions or judgments"):
            choose(bench.root / "nowhere", None, None, None, None)

    def test_a_given_baseline_is_that_of_judgments_that_name_none(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A=B", "A=B")
        del record["baseline"]
        add_judgments(bench, [record])
        bench.add_answers("m2", {"q1": "Hey"})
        for given, baseline in ((None, ""), ("m2", "m2")):
            opened = choose(bench.root / "data", None, None, given, None).library
            (entry,) = opened.select(Filters(judge="j"))
            assert (entry.baseline, entry.named) == (baseline, False)
            assert opened.baselines("j") == ([given] if given else ["base", "m", "m2"])

    def test_a_bench_without_judgments_is_opened_and_said_so(
        self, bench: Workspace, library: Library
    ) -> None:
        opened = choose(bench.root / "data", None, None, None, None)
        assert opened.judge == ""
        assert "no judgments yet" in opened.remarks[0]

    def test_a_judge_of_most_judgments_is_opened_before_an_ensemble(
        self, bench: Workspace, library: Library
    ) -> None:
        data = bench.root / "data"

        def opened(**ids: list[str]) -> str:
            for judge, questions in ids.items():
                rule = {"rule": "mean"} if judge in ("ensemble", "a_mean") else {}
                records = [judgment(q, "A=B", "A=B") | {"judge": judge} | rule for q in questions]
                add_judgments(bench, records, judge)
            return choose(data, bench.name, None, None, None).judge

        assert opened(ensemble=["q1", "q2"]) == "ensemble"
        assert opened(few=["q1"], a_mean=["q1", "q2"]) == "few"
        assert opened(many=["q1", "q2"]) == "many"

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
            "Showing the judgments of j: there are none by gpt-6-luna yet.",
        )
        assert choose(data, bench.name, "j", None, config).remarks == ()
        shutil.rmtree(bench.data)
        bench.write(
            data / "demo-v0.1" / "model_judgment" / "smollm2-judge" / "m.jsonl",
            [judgment("q1", "A=B", "A=B")],
        )
        assert choose(data, None, None, None, config).remarks == (
            "Showing the demo (demo-v0.1, judged by smollm2-judge): "
            "there is no data of arena-hard-v0.1 yet.",
            "The verdicts of this small judge only prove that the plumbing works.",
        )


def test_the_only_bench_opens_before_it_has_judgments(bench: Workspace) -> None:
    bench.add_questions(2)
    bench.write_judge_config("j", "base", bench_name="other-bench")
    config = read_judge_config(bench.root / "config" / "judge_config.yaml")
    chosen = choose(bench.root / "data", None, None, None, config)
    assert chosen.library.bench.name == bench.name
    assert "has no judgments yet" in chosen.remarks[0]
