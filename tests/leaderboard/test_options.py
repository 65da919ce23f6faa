"""The options of boards, their checks, and which of them exclude each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO

import show_result
from arena.base import flags
from arena.base.errors import InputError
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
    def test_no_setting_file_is_read_if_bench_judge_and_baseline_are_given(self) -> None:
        made = options(setting_file="no/such/file.yaml")
        assert (made.bench.name, made.judges, made.baselines) == ("bench", ("judge",), ("base",))
        assert made.config is None

    def test_a_missing_setting_file_is_an_error_if_one_is_not_given(self) -> None:
        with pytest.raises(InputError, match=r"no/such/file\.yaml"):
            board_options("bench", "judge", setting_file="no/such/file.yaml")

    def test_names_given_twice_count_once(self) -> None:
        assert board_options("bench", ["a", "b", "a"], "base").judges == ("a", "b")

    def test_are_those_of_the_flags(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(REPO)
        arguments = flags.board_arguments(show_result.parse([]))
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
            ("center", "mean", "Expected `bool`, got `str`"),
            ("judges", (), "Expected `array` of length >= 1"),
        ],
    )
    def test_a_wrong_one_is_named(self, field: str, value: object, problem: str) -> None:
        fields: dict[str, Any] = {"judges": "judge", field: value}
        with pytest.raises(InputError) as error:
            BoardOptions(Bench(Path("data"), "bench"), **fields)
        assert str(error.value) == f"{field} = {value!r}: {problem}"

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
    @pytest.mark.parametrize("fields", [{"style_file": Path("style.json")}, {"center": False}])
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
