"""The options of boards, and which of them exclude each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arena.base.errors import InputError
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
