"""The options of boards, their checks, and which of them exclude each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import pytest
from boards import board_json, error, flags, named, show
from conftest import REPO, Workspace
from judgments import TIED, add_judgments, judgment, random_answers, random_judgments

import show_result
from arena.base.errors import InputError
from arena.base.flags import board_arguments
from arena.bench.config import read_judge_config
from arena.bench.paths import Bench
from arena.leaderboard.build import build_board
from arena.leaderboard.options import (
    NOT_BY,
    NOT_OF_GRADES,
    SEVERAL,
    BoardOptions,
    board_options,
)


def options(**fields: Any) -> BoardOptions:
    return board_options("bench", "judge", "base", **fields)


class TestDefaults:
    def test_no_setting_file_is_read_if_bench_judge_and_baseline_are_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """But for one that is named, whose keys are obeyed."""
        monkeypatch.chdir(tmp_path)
        made = options()
        assert (made.bench.name, made.judges, made.baselines) == ("bench", ("judge",), ("base",))
        assert made.config is None and not made.as_published
        with pytest.raises(InputError, match=r"no/such/file\.yaml"):
            options(setting_file="no/such/file.yaml")
        path = tmp_path / "published.yaml"
        path.write_text("bench_name: b\njudge_model: j\nbaseline_model: c\nas_published: true\n")
        made = options(setting_file=path)
        assert (made.bench.name, made.judges, made.baselines) == ("bench", ("judge",), ("base",))
        assert made.as_published and not options(setting_file=path, as_published=False).as_published

    def test_a_missing_setting_file_is_an_error_if_one_is_not_given(self) -> None:
        with pytest.raises(InputError, match=r"no/such/file\.yaml"):
            board_options("bench", "judge", setting_file="no/such/file.yaml")

    def test_names_given_twice_count_once(self) -> None:
        assert board_options("bench", ["a", "b", "a"], "base").judges == ("a", "b")

    def test_are_those_of_the_flags(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(REPO)
        arguments = board_arguments(show_result.parse([]))
        assert board_options(**arguments) == board_options()

    def test_a_board_needs_no_argparse(self) -> None:
        code = "import sys, arena.leaderboard.build; sys.exit('arena.base.flags' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=REPO).returncode == 0


class TestValues:
    @pytest.mark.parametrize(
        ("field", "value", "problem"),
        [
            ("method", "v2", "choose one of bradley-terry, v2.0"),
            ("resample", "questions", "choose one of battle, question"),
            ("missing", "losses", "choose one of ignore, loss"),
            ("mixed", "leave_out", "choose one of refuse, leave-out, count"),
            ("rounds", 0, "Expected `int` >= 1"),
            ("seed", 1.5, "Expected `int`, got `float`"),
            ("weight", 0, "Expected `int` >= 1"),
            ("workers", -1, "Expected `int` >= 1"),
            ("seed", -1, "Expected `int` >= 0"),
            ("center", True, "Expected `str | null`, got `bool`"),
            ("judges", (), "Expected `array` of length >= 1"),
        ],
    )
    def test_a_wrong_one_is_named(self, field: str, value: object, problem: str) -> None:
        fields: dict[str, Any] = {"judges": "judge", field: value}
        with pytest.raises(InputError) as raised:
            BoardOptions(Bench(Path("data"), "bench"), **fields)
        assert str(raised.value) == f"{field} = {value!r}: {problem}"

    def test_a_text_stands_for_a_tuple_of_one_or_a_path(self) -> None:
        made = options(categories="coding", control="length", battle_file="saved.jsonl")
        assert (made.categories, made.control) == (("coding",), ("length",))
        assert made.battle_file == Path("saved.jsonl")

    @pytest.mark.parametrize("method", ["v2.0", "bradley-terry"])
    def test_the_order_of_style_features_changes_nothing(self, method: str) -> None:
        orders = [("length", "markdown"), ("markdown", "length"), ["markdown", "length", "length"]]
        boards = [
            build_board(
                board_options(
                    "demo-v0.1",
                    "smollm2-judge",
                    "smollm2-base",
                    data_dir=REPO / "data",
                    method=method,
                    control=control,
                    center="mean",
                    rounds=5,
                )
            )
            for control in orders
        ]
        assert [board.mode for board in boards] == ["style_control"] * 3
        assert boards[0] == boards[1] == boards[2]
        if method == "v2.0":
            found = {name: round(value, 3) for name, value in boards[1].coefficients.items()}
            expected = {"token_len": 0.237, "header_count": 0.0, "list_count": 0.113}
            assert found == {**expected, "bold_count": 0.042}
        single = options(control=["length", "length"])
        assert single.control == ("length",)


class TestExclusions:
    @pytest.mark.parametrize("fields", [{"style_file": Path("style.json")}, {"center": "none"}])
    def test_options_of_style_control_need_it(self, fields: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="need --style-control"):
            options(**fields)
        assert options(control=("length",), **fields).control == ("length",)

    @pytest.mark.parametrize("reason", [SEVERAL, NOT_OF_GRADES, NOT_BY])
    @pytest.mark.parametrize(
        ("fields", "flag"),
        [({"elo": True}, "--show-elo"), ({"bootstrap_file": Path("x")}, "--load-bootstrap")],
    )
    def test_a_single_board_of_battles_has_options_of_its_own(
        self, reason: str, fields: dict[str, Any], flag: str
    ) -> None:
        with pytest.raises(InputError, match=f"^{flag}: "):
            options(**fields).check(reason)

    @pytest.mark.parametrize(
        ("fields", "flag"),
        [
            ({"control": ("length",)}, "style control"),
            ({"method": "v2.0"}, "--method"),
            ({"resample": "battle"}, "--resample battle"),
            ({"weight": 1}, "--weight"),
            ({"first_game_only": True}, "--first-game-only"),
            ({"missing": "loss"}, "--missing loss"),
        ],
    )
    def test_grades_have_no_games(self, fields: dict[str, Any], flag: str) -> None:
        with pytest.raises(InputError, match=f"^{flag}: this has no meaning for grades"):
            options(**fields).check(NOT_OF_GRADES)

    @pytest.mark.parametrize(
        ("fields", "flag"),
        [
            ({"battle_file": Path("x")}, "--load-battles"),
            ({"one_board": True}, "--one-board"),
        ],
    )
    def test_clusters_are_no_boards(self, fields: dict[str, Any], flag: str) -> None:
        with pytest.raises(InputError, match=f"^{flag}: "):
            options(**fields).check(NOT_BY)

    @pytest.mark.parametrize("reason", [SEVERAL, NOT_OF_GRADES, NOT_BY])
    def test_the_defaults_go_with_everything(self, reason: str) -> None:
        options().check(reason)


class TestStatistics:
    """Questions in 1,000 rounds, unless the statistics of the original are wanted."""

    HONEST = ("--resample", "question", "--num-rounds", "1000")
    ORIGINAL = ("--resample", "battle", "--num-rounds", "100")

    def test_questions_are_drawn_in_1000_rounds(self, small: Workspace) -> None:
        assert show(small, *named()) == show(small, *named(), *self.HONEST)
        board = board_json(small, *named())
        assert (board["resample"], board["rounds"], board["as_published"]) == (
            *("question", 1000),
            False,
        )
        assert board["times_too_narrow"] is None

    def test_as_published_draws_battles_in_100_rounds(self, small: Workspace) -> None:
        published, drawn = (show(small, *c).board for c in (flags(), [*named(), *self.ORIGINAL]))
        both = [line for line in drawn if "–" not in line]
        assert len(both) == 3 and set(both) < set(published)
        # All draws of these two are alike, which the original shows as no doubt at all.
        assert [line.count("(0.0, 0.0)") for line in published if line not in both] == [1, 1]
        board = board_json(small, *flags())
        assert (board["resample"], board["rounds"], board["as_published"]) == ("battle", 100, True)

    @pytest.mark.parametrize("key", [False, True])
    def test_a_key_of_the_judge_config_is_the_flags_default(
        self, small: Workspace, key: bool
    ) -> None:
        small.write_judge_config("judge", "base", as_published=key)
        usual, other = (flags(), named()) if key else (named(), flags())
        assert show(small).board == show(small, *usual).board
        switch = "--no-as-published" if key else "--as-published"
        assert show(small, switch).board == show(small, *other).board
        file = ["--setting-file", "config/judge_config.yaml"]
        assert show(small, *named(), *file).board == show(small, *usual).board
        assert show(small, *named(), *file, switch).board == show(small, *other).board

    def test_flags_overrule_it(self, small: Workspace) -> None:
        drawn = show(small, *flags(), *self.HONEST)
        scores = {row["model"]: row["score"] for row in board_json(small, *flags())["rows"]}
        board = board_json(small, *flags(), *self.HONEST)
        assert (board["resample"], board["rounds"]) == ("question", 1000)
        assert {row["model"]: row["score"] for row in board["rows"]} == scores
        assert "| rank" not in drawn.out

    @pytest.mark.parametrize("bench", ["arena-hard-v0.1", "v2.0"])
    def test_the_official_presets_set_it(self, bench: str) -> None:
        assert read_judge_config(REPO / "config" / bench / "judge_config.yaml").as_published
        assert not read_judge_config(REPO / "config/judge_config.yaml").as_published

    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    @pytest.mark.parametrize("style", [[], ["--style-control"]])
    def test_a_board_of_drawn_battles_says_how_narrow_its_intervals_are(
        self, styled: Workspace, method: str, style: list[str]
    ) -> None:
        """By the median ratio of the widths of both kinds, each in a run of its own."""
        chosen = ["--method", method, *style]
        board = board_json(styled, *flags(), *chosen)
        honest = board_json(styled, *named(), *chosen, *self.HONEST)
        widths = [
            {row["model"]: row["upper"] - row["lower"] for row in one["rows"]}
            for one in (board, honest)
        ]
        ratios = [widths[1][name] / width for name, width in widths[0].items() if width > 0]
        assert len(ratios) >= 2
        assert board["times_too_narrow"] == pytest.approx(median(ratios))
        line = show(styled, *flags(), *chosen).summary[-1]
        assert line == (
            "The intervals treat the games of a question as independent, which makes them "
            f"{median(ratios):.1f} times too narrow here. Use --resample question to avoid this."
        )


class TestStyleCentre:
    """The mean for published judgments, which have no settings, and equal style for all others."""

    SETTINGS: ClassVar[dict[str, object]] = {"settings": {"model_name": "j", "temperature": 0}}

    def made_here(self, bench: Workspace, models: Sequence[str]) -> None:
        for model in models:
            records = bench.judgments("judge", model)
            add_judgments(bench, model, [record | self.SETTINGS for record in records])

    def test_it_is_the_mean_for_published_judgments(self, styled: Workspace) -> None:
        shown = show(styled, *named(), "--style-control")
        board = board_json(styled, *named(), "--style-control", "--style-center", "mean")
        assert shown.board == show(styled, *named(), "--style-control", "--style-center=mean").board
        copy = f"a copy of the baseline would score {board['baseline_copy_score']:.1f}. Use "
        advice = (
            "--style-center none to measure from equal style. "
            "Ranks measure from equal style in any case."
        )
        assert (
            "style is measured from its mean, since the judgments have no settings, as published "
            f"ones: {copy}{advice}" in shown.summary
        )

    def test_it_is_equal_style_for_those_made_here(self, styled: Workspace) -> None:
        published = show(styled, *named(), "--style-control")
        self.made_here(styled, ["m1", "org/m2", "best", "worst"])
        shown = show(styled, *named(), "--style-control")
        assert shown == show(styled, *named(), "--style-control", "--style-center", "none")
        assert shown.scores != published.scores and "copy of the baseline" not in shown.out
        assert board_json(styled, *named(), "--style-control")["baseline_copy_score"] is None
        # As published is as published.
        chosen = show(styled, *flags(), "--style-control")
        assert chosen.scores == published.scores
        assert "style is measured from its mean: a copy of the baseline" in chosen.out

    def test_one_published_judgment_among_others_makes_it_the_mean(self, styled: Workspace) -> None:
        published = show(styled, *named(), "--style-control")
        self.made_here(styled, ["m1", "org/m2", "best"])
        first, *others = styled.judgments("judge", "worst")
        add_judgments(styled, "worst", [first, *(other | self.SETTINGS for other in others)])
        shown = show(styled, *named(), "--style-control")
        assert shown.board == published.board
        assert ", since 1 of 48 judgments have no settings, as published ones: " in shown.out

    def test_saved_battles_have_that_of_their_judgments(self, styled: Workspace) -> None:
        self.made_here(styled, ["m1", "org/m2", "best", "worst"])
        shown = show(styled, *named(), "--style-control")
        assert show(styled, *named(), "--style-control", "--load-battles").scores == shown.scores
        (styled.root / "data/arena_hard_battles.settings.json").unlink()
        of_v0_1 = show(styled, *named(), "--style-control", "--load-battles")
        assert of_v0_1.scores == show(styled, *flags(), "--style-control").scores

    def test_a_fixed_style_has_that_of_its_file(self, styled: Workspace) -> None:
        chosen = [*named(), "--style-control", "--style-coefficients", "style.json"]
        scores = show(styled, *chosen).scores
        self.made_here(styled, ["m1", "org/m2", "best", "worst"])
        assert show(styled, *chosen).scores == scores
        assert "style_center = mean" in error(styled, *chosen, "--style-center", "none")

    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    def test_a_copy_of_the_baseline_scores_as_the_board_says(
        self, bench: Workspace, method: str
    ) -> None:
        """A model with the answers of the baseline, which ties, at the style of the board."""
        questions = 400  # so that the ridge on strengths is slight
        bench.add_questions(questions)
        for seed, model in enumerate(("base", "m1", "m2")):
            # Longer than the baseline's, so that the mean is far from equal style.
            answers = random_answers(seed, questions)
            for answer in answers:
                answer["conv_metadata"]["token_len"] *= 1 + 2 * seed
            bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
            if seed:
                add_judgments(bench, model, random_judgments(seed, questions))
        chosen = [*named(), "--style-control", "--method", method, "--num-rounds", "10"]
        chosen += ["--style-coefficients", "style.json"]
        said = board_json(bench, *chosen)["baseline_copy_score"]
        assert abs(said - 50) > 0.5
        base, copy = (bench.data / f"model_answer/{name}.jsonl" for name in ("base", "copy"))
        copy.write_bytes(base.read_bytes())
        add_judgments(bench, "copy", [judgment(f"q{i + 1}", *TIED) for i in range(questions)])
        rows = {row["model"]: row["score"] for row in board_json(bench, *chosen)["rows"]}
        assert rows["copy"] == pytest.approx(said, abs=0.05)
