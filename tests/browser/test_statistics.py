"""The browser's boards and numbers of judges, which are those of the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from browser_site import (
    Record,
    add_judgments,
    all_pairs,
    judgment,
    several_baselines,
    small_library,
)
from conftest import RunMain, Workspace

from arena.base.errors import InputError
from arena.bench.config import read_judge_config
from arena.bench.paths import Bench
from arena.bench.records import BaselineRule
from arena.browser.defaults import choose
from arena.browser.library import Filters, Library
from arena.browser.statistics import boards
from arena.leaderboard.board import Board
from arena.leaderboard.output.text import board_dict


@pytest.fixture
def library(bench: Workspace) -> Library:
    return small_library(bench)


class TestBoards:
    def test_the_board_is_that_of_show_result(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B"), judgment("q2", "B>>A", "A>B")])
        done = bench.run(
            "show_result.py", "-b", bench.name, "-j", "j", "--baseline", "base", check=0
        )
        ((board, lines),) = boards(library, Filters(judge="j"))
        printed = [line.split("|") for line in done.stdout.splitlines() if "score:" in line]
        assert [cells[0].strip() for cells in printed] == [row.model for row in board.rows]
        assert printed
        for cells, row in zip(printed, board.rows, strict=True):
            assert float(cells[1].split(":")[1]) == pytest.approx(row.score, abs=0.051)
        assert lines[0] in done.stdout

    def test_the_most_frequent_baseline_of_each_category_is_taken_where_no_config_fits(
        self, bench: Workspace
    ) -> None:
        library = several_baselines(bench, named=True)
        shown = [board for board, _ in boards(library, Filters(judge="j"))]
        assert [(b.name, b.baseline) for b in shown] == [
            ("Overall", None),
            ("code", "base-code"),
            ("prose", "base-prose"),
        ]
        assert boards(library, Filters(judge="j", category="prose"))[0][0].baseline == "base-prose"

    def test_without_any_baseline_the_reason_tells_the_flag(
        self, bench: Workspace, library: Library
    ) -> None:
        record = judgment("q1", "A=B", "A=B")
        del record["baseline"]
        add_judgments(bench, [record])
        assert library.baselines("j") == ["base", "m"]
        with pytest.raises(InputError, match=r"no baseline is named\. Name it with --baseline"):
            boards(library, Filters(judge="j"))
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"")
        library.rule = BaselineRule({}, "base")
        with pytest.raises(InputError, match="no battle against the baseline 'base'"):
            boards(library, Filters(judge="j"))

    def test_grades_of_single_answers_have_a_board_of_means(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", 7), judgment("q2", "9")])
        ((board, _),) = boards(library, Filters(judge="j"))
        row = board.row("m")
        assert row and (board.format.scale, row.score) == ("grade", 8.0)

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
        shown = [board for board, _ in boards(library, Filters(judge="j"))]
        assert [(b.name, b.baseline) for b in shown] == [
            ("Overall", None),
            ("hard_prompt", "hard"),
            ("creative_writing", "crea"),
        ]
        assert {board.estimator.name for board in shown} == {"v2.0"}
        ((only, _),) = boards(library, Filters(judge="j", category="creative_writing"))
        row = only.row("m")
        assert row and row.score == pytest.approx(75, abs=5)  # the mean of the rounds

    def test_a_model_whose_style_is_not_known_is_left_out_and_named(
        self, bench: Workspace, library: Library
    ) -> None:
        """The others have the board that they would have without it."""
        several = several_baselines(bench, named=True)
        show = Filters(judge="j", baseline="base-code", category="code")
        (bench.data / "model_judgment/j/o.jsonl").rename(bench.root / "o.jsonl")
        ((expected, _),) = boards(several, show, ("length", "markdown"))
        (bench.root / "o.jsonl").rename(bench.data / "model_judgment/j/o.jsonl")
        (bench.data / "model_answer/o.jsonl").unlink()
        ((board, lines),) = boards(several, show, ("length", "markdown"))
        scores = [{row.model: row.score for row in one.rows} for one in (board, expected)]
        assert scores[0] == pytest.approx(scores[1])
        assert scores[0].keys() == {"base-code", "m", "n"}
        assert board.rows[0].bounds == pytest.approx(expected.rows[0].bounds)
        assert any("o: style of answers not counted" in line for line in lines)
        ((plain, _),) = boards(several, show)
        assert plain.row("o")

    def test_missing_style_attributes_are_named(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B")])
        with pytest.raises(InputError, match=r"add_markdown_info\.py"):
            boards(library, Filters(judge="j"), ("length",))


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
        self,
        bench: Workspace,
        run_main: RunMain,
        config: Path,
        view: View,
        *flags: str,
        anchor: str = "",
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
        filters = Filters(judge="j", baseline=baseline, category=category)
        shown = boards(opened.library, filters, control, "", "", anchor)
        made = [board for board, _ in shown]
        assert by_name(map(told, made)) == by_name(map(of_board, expected))
        return made

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

    @pytest.mark.parametrize("anchor", ["mean", "a", "c"])
    @pytest.mark.parametrize("category", ["", "prose"])
    def test_with_all_pairs(
        self, bench: Workspace, run_main: RunMain, config: Path, anchor: str, category: str
    ) -> None:
        all_pairs(bench)
        bench.write_judge_config("j", "a")
        flags = ["--anchor", anchor] if anchor != "mean" else ["--anchor"]
        view = (category, "", ())
        (board,) = self.check(bench, run_main, config, view, *flags, anchor=anchor)
        assert board.baseline == (None if anchor == "mean" else anchor)
        assert {row.model for row in board.rows} == set("abcd")

    def test_with_the_statistics_of_the_original(
        self, bench: Workspace, run_main: RunMain, config: Path
    ) -> None:
        several_baselines(bench, named=False)
        bench.write_judge_config("j", "base-prose", as_published=True)
        (board,) = self.check(bench, run_main, config, WHOLE)
        assert board.method.as_published and board.method.rounds == 100
        bench.write_judge_config("j", "base-prose", as_published=True, bench_name="other")
        opened = choose(bench.root / "data", bench.name, "j", None, read_judge_config(config))
        (shown,) = boards(opened.library, Filters(judge="j", baseline="base-prose"))
        assert not shown[0].method.as_published

    def test_with_the_config_of_another_bench(
        self, bench: Workspace, run_main: RunMain, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A=B"), judgment("q2", "B>>A", "A>B")])
        bench.write_judge_config("other", "nobody", bench_name="elsewhere")
        config = bench.root / "config" / "judge_config.yaml"
        (board,) = self.check(bench, run_main, config, WHOLE, "--baseline", "base")
        assert board.baseline == "base"

    def test_a_config_of_another_bench_counts_where_its_baselines_have_judgments(
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
    return of_board(json.loads(json.dumps(board_dict(board))))


def of_board(data: Mapping[str, Any]) -> Record:
    kept = ("name", "weights", "baseline", "mode", "level", "style_coefficients", "judgments")
    more = ("weighted_battles", "left_out", "models_left_out", "questions_judged", "rows")
    return {name: data[name] for name in (*kept, *more)}


def by_name(boards: Any) -> dict[str, Record]:
    return {board["name"]: board for board in boards}
