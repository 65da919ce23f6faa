"""Saved battles and bootstrap results, through show_result.py."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import numpy as np
import pytest
from boards import board_json, error, flags, named, saved, show
from conftest import Workspace
from judgments import (
    LOST,
    WON,
    add_judgments,
    judgment,
    random_answers,
    random_judgments,
)

from arena.leaderboard.output import report


class TestSavedBattles:
    @pytest.fixture(autouse=True)
    def judged(self, bench: Workspace) -> None:
        bench.add_questions(10)
        add_judgments(bench, "tiny", random_judgments(1))
        add_judgments(bench, "org/other", random_judgments(2))

    def test_a_line_is_a_weighted_battle(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A=B"), judgment("q2", "A>B", None)])
        shutil.rmtree(bench.data / "model_judgment/judge/org")
        show(bench, *flags())
        rows = bench.read_jsonl(saved(bench))
        assert Counter(tuple(row.items()) for row in rows) == {
            (
                ("question_id", question),
                ("model_a", "base"),
                ("model_b", "tiny"),
                ("winner", winner),
            ): count
            for question, winner, count in [
                ("q1", "model_b", 3),
                ("q1", "tie", 1),
                ("q2", "model_a", 1),
            ]
        }

    def test_a_side_file_says_what_made_them(self, bench: Workspace) -> None:
        show(bench, *flags(), "--weight", "2", "--first-game-only")
        settings = json.loads(saved(bench, "arena_hard_battles.settings.json").read_text())
        expected = {"bench": "test-v1", "judges": ["judge"], "baselines": ["base"], "weight": 2}
        assert expected.items() <= settings.items()
        assert settings["first_game_only"] is True

    @pytest.mark.parametrize(
        "more",
        [
            [],
            ["--weight", "1", "--show-elo"],
            ["--resample", "question"],
            ["--style-control"],
            ["--style-control", "--resample", "question"],
        ],
    )
    def test_they_give_the_same_board_again(self, bench: Workspace, more: list[str]) -> None:
        for seed, model in enumerate(["base", "tiny", "org/other"]):
            bench.write(bench.data / f"model_answer/{model}.jsonl", random_answers(seed))
        first = show(bench, *flags(), *more)
        shutil.rmtree(bench.data / "model_judgment")
        again = show(bench, *flags(), *more, "--load-battles")
        assert again.out == first.out

    def test_so_they_do_with_several_judges(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", random_judgments(3), judge="strict")
        chosen = [*flags()[:2], "--baseline", "base", "-j", "judge", "strict"]
        first, again = (show(bench, *chosen, *more).board for more in ([], ["--load-battles"]))
        # A battle file does not say whose verdicts it has.
        assert [line.split(" | by judge")[0] for line in first] == again

    def test_they_can_be_kept_elsewhere(self, bench: Workspace) -> None:
        first = show(bench, *flags())
        kept = bench.root / "kept"
        kept.mkdir()
        for file in (bench.root / "data").glob("arena_hard_battles.*"):
            file.rename(kept / file.name)
        file = "kept/arena_hard_battles.jsonl"
        assert show(bench, *flags(), "--load-battles", file) == first
        line = error(bench, *flags(), "--weight", "1", "--load-battles", file)
        assert file in line and "weight = 3" in line

    @pytest.mark.parametrize(
        ("more", "named"),
        [
            (["--weight", "1"], "weight = 3"),
            (["--first-game-only"], "first_game_only = False"),
            (["--missing", "loss"], "missing = ignore"),
            (["--category", "tests"], "categories = []"),
            (["--judge-name", "other-judge"], "judges = ['judge']"),
            (["--judge-name", "judge", "other-judge"], "judges = ['judge']"),
            (["--baseline", "tiny"], "baselines = ['base']"),
            (["--bench-name", "test-v2"], "bench = test-v1"),
        ],
    )
    def test_those_of_other_settings_are_refused(
        self, bench: Workspace, more: list[str], named: str
    ) -> None:
        show(bench, *flags())
        line = error(bench, *flags(), "--load-battles", *more)
        assert "data/arena_hard_battles.jsonl" in line and named in line

    def test_what_does_not_make_battles_may_differ(self, bench: Workspace) -> None:
        show(bench, *flags())
        show(bench, *flags(), "--load-battles", "--seed", "7", "--num-rounds", "9", "--show-elo")

    def test_those_of_v0_1_come_without_side_file(self, bench: Workspace) -> None:
        """Written by pandas: compact JSON, sometimes with further columns."""
        rows = ["model_b"] * 5 + ["model_a"] * 1 + ["tie"] * 2
        text = "".join(
            f'{{"question_id":"q{i + 1}","model_a":"base","model_b":"tiny","winner":"{winner}",'
            '"conv_metadata":{"sum_assistant_a_tokens":1}}\n'
            for i, winner in enumerate(rows)
        )
        bench.write(saved(bench), text)
        shown = show(bench, *flags(), "--load-battles")
        assert shown.scores == {"tiny": "75.0", "base": "50.0"}

    def test_the_baseline_against_itself_is_left_out_and_counted(self, bench: Workspace) -> None:
        """v0.1 saves its judgments as battles. They would move the mean of the style features."""
        rows = [battle_row(f"q{i + 1}", winner) for i, winner in enumerate(["model_b", "tie"])]
        itself = [row | {"model_b": "base"} for row in rows]
        bench.write(saved(bench), rows)
        alone = show(bench, *flags(), "--load-battles")
        bench.write(saved(bench), rows + itself)
        shown = show(bench, *flags(), "--load-battles")
        assert shown.board == alone.board
        assert "2 judgments, 2 weighted battles, 0 games without verdict" in shown.summary
        assert "skipped: 2 judgments of the baseline against itself" in shown.summary

    def test_a_category_chooses_among_them_too(self, bench: Workspace) -> None:
        """There is no side file that could refuse, so the flag must not be passed over."""
        questions = bench.add_questions(4)
        for question, cluster in zip(questions, ("x", "x", "y", "y"), strict=True):
            question["cluster"] = cluster
        bench.add_questions(questions)
        winners = ["model_b", "tie", "model_a", "model_a"]
        rows = [battle_row(f"q{i + 1}", winner) for i, winner in enumerate(winners)]
        bench.write(saved(bench), rows)
        shown = show(bench, *flags(), "--load-battles", "--category", "x")
        assert shown.scores["tiny"] == "75.0"

    def test_those_of_another_bench_are_refused(self, bench: Workspace) -> None:
        rows = [battle_row("q1", "tie"), battle_row("foreign", "tie")]
        bench.write(saved(bench), rows)
        line = error(bench, *flags(), "--load-battles")
        assert "another bench" in line and "test-v1 has no question foreign" in line

    def test_those_of_other_models_are_refused(self, bench: Workspace) -> None:
        bench.write(saved(bench), [battle_row("q1", "tie")])
        line = error(bench, *flags(baseline="gpt-4"), "--load-battles")
        assert "'gpt-4'" in line and "base, tiny" in line

    @pytest.mark.parametrize(
        "line",
        [
            "not JSON",
            "[]",
            '{"question_id": "q1", "model_a": "base", "model_b": "tiny"}',
            '{"question_id": "q1", "model_a": "base", "model_b": 5, "winner": "tie"}',
            '{"question_id": "q1", "model_a": "base", "model_b": "tiny", "winner": "tiny"}',
        ],
    )
    def test_a_broken_line_is_named(self, bench: Workspace, line: str) -> None:
        good = json.dumps(battle_row("q1", "tie"))
        bench.write(saved(bench), f"{good}\n\n{line}\n{good}\n")
        assert "data/arena_hard_battles.jsonl:3: " in error(bench, *flags(), "--load-battles")

    def test_there_must_be_some(self, bench: Workspace) -> None:
        assert "no such file" in error(bench, *flags(), "--load-battles")
        assert "none.jsonl: no such file" in error(bench, *flags(), "--load-battles", "none.jsonl")
        bench.write(saved(bench), "\n")
        assert "no battle" in error(bench, *flags(), "--load-battles")

    def test_a_broken_side_file_is_named(self, bench: Workspace) -> None:
        show(bench, *flags())
        bench.write("data/arena_hard_battles.settings.json", "{")
        line = error(bench, *flags(), "--load-battles")
        assert "arena_hard_battles.settings.json" in line

    def test_they_do_not_hold_the_games_that_full_stats_needs(self, bench: Workspace) -> None:
        show(bench, *flags())
        assert "--full-stats" in error(bench, *flags(), "--load-battles", "--full-stats")

    def test_where_nothing_can_be_written_the_board_comes_all_the_same(
        self, bench: Workspace
    ) -> None:
        first = show(bench, *flags())
        for name in ("arena_hard_battles.jsonl", "bootstrapping_results.jsonl"):
            saved(bench, name).unlink()
            saved(bench, name).mkdir()
        shown = show(bench, *flags())
        assert shown.out == first.out
        battles, bootstrap = shown.err.splitlines()
        assert battles.startswith("warning: ") and "arena_hard_battles.jsonl" in battles
        assert bootstrap.startswith("warning: ") and "bootstrapping_results.jsonl" in bootstrap
        assert not list((bench.root / "data").glob("*.tmp"))

    def test_many_are_saved_only_if_wanted(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(report, "MANY_BATTLES", 20)
        show(bench, *flags())
        assert not saved(bench).exists()
        show(bench, *flags(), "--save-battles")
        assert saved(bench).exists()


def battle_row(question: str, winner: str) -> dict[str, str]:
    return {"question_id": question, "model_a": "base", "model_b": "tiny", "winner": winner}


BOOTSTRAP = "bootstrapping_results.jsonl"


class TestSavedBootstrap:
    @pytest.fixture(autouse=True)
    def judged(self, bench: Workspace) -> None:
        for seed, model in enumerate(["tiny", "org/other"]):
            add_judgments(bench, model, random_judgments(seed))
        for seed, model in enumerate(["base", "tiny", "org/other"]):
            bench.write(bench.data / f"model_answer/{model}.jsonl", random_answers(seed))

    def test_a_line_is_a_round_with_a_rating_a_model(self, bench: Workspace) -> None:
        show(bench, *flags(), "--num-rounds", "30")
        rounds = bench.read_jsonl(saved(bench, BOOTSTRAP))
        assert len(rounds) == 30
        assert all(set(line) == {"base", "tiny", "org/other"} for line in rounds)
        assert {line["base"] for line in rounds} == {1000.0}
        assert len({line["tiny"] for line in rounds}) > 10

    def test_its_percentiles_are_the_printed_interval(self, bench: Workspace) -> None:
        shown = show(bench, *flags(), "--show-elo", "--json", "board.json")
        drawn = [line["tiny"] for line in bench.read_jsonl(saved(bench, BOOTSTRAP))]
        rows = json.loads((bench.root / "board.json").read_text())["rows"]
        row = next(row for row in rows if row["model"] == "tiny")
        assert [row["lower"], row["upper"]] == pytest.approx(np.percentile(drawn, [2.5, 97.5]))
        ends = [int(row[end] - row["score"]) for end in ("lower", "upper")]
        assert shown.interval("tiny") == f"({ends[0]}, {ends[1]})"

    def test_a_side_file_says_what_made_it(self, bench: Workspace) -> None:
        show(bench, *flags(), "--num-rounds", "3", "--seed", "5", "-f", "length")
        settings = json.loads(saved(bench, "bootstrapping_results.settings.json").read_text())
        expected = {"bench": "test-v1", "judges": ["judge"], "baselines": ["base"], "weight": 3}
        expected |= {"mode": "length_control", "num_rounds": 3, "seed": 5, "resample": "battle"}
        assert expected.items() <= settings.items()

    @pytest.mark.parametrize("more", [[], ["--style-control"], ["--resample", "question"]])
    def test_it_gives_the_same_board_again(self, bench: Workspace, more: list[str]) -> None:
        first = show(bench, *flags(), *more)
        assert show(bench, *flags(), *more, "--load-bootstrap") == first
        assert show(bench, *flags(), *more, "--load-bootstrap", "--load-battles") == first
        kept = saved(bench, BOOTSTRAP).rename(bench.root / "kept.jsonl")
        assert show(bench, *flags(), *more, "--load-bootstrap", kept) == first

    def test_it_takes_the_place_of_drawing(self, bench: Workspace) -> None:
        show(bench, *flags())
        rounds = [{"base": 1000, "tiny": 1000, "org/other": 1000}] * 100
        bench.write(saved(bench, BOOTSTRAP), rounds)
        shown = show(bench, *flags(), "--load-bootstrap", "--show-elo")
        ends = set(shown.interval("tiny").strip("()").split(", "))
        assert len(ends) == 1 and ends != {"0"}

    def test_who_won_or_lost_everything_has_the_same_interval_again(self, bench: Workspace) -> None:
        """An infinite rating is none that JSON has a number for."""
        add_judgments(bench, "best", [judgment(f"q{i}", *WON) for i in range(1, 11)])
        add_judgments(bench, "worst", [judgment(f"q{i}", *LOST) for i in range(1, 11)])
        first = show(bench, *flags())
        assert first.interval("best") == first.interval("worst") == "(0.0, 0.0)"
        assert show(bench, *flags(), "--load-bootstrap") == first

    def test_the_rounds_of_v0_1_are_of_battles(self, bench: Workspace) -> None:
        """It has no settings beside them and draws battles only."""
        show(bench, *flags())
        kept = saved(bench, BOOTSTRAP).rename(bench.root / "v0.1.jsonl")
        shown = show(bench, *named(), "--load-bootstrap", kept)
        assert shown.board == show(bench, *flags()).board
        assert "treat the games of a question as independent" in shown.out
        board = board_json(bench, *named(), "--load-bootstrap", kept)
        assert (board["resample"], board["rounds"]) == ("battle", 100)

    def test_the_rounds_of_v0_1_are_anchored_anew(self, bench: Workspace) -> None:
        """It anchors gpt-4-0314 only; elsewhere even the baseline's rating varies."""
        draw = np.random.default_rng(1)
        drift, tiny, other = draw.normal(1000, 40, 50), *draw.normal(30, 20, (2, 50))
        rounds = [
            {"base": a, "org/other": a + b, "tiny": a + c, "not on the board": 7}
            for a, b, c in zip(drift, other, tiny, strict=True)
        ]
        bench.write(saved(bench, BOOTSTRAP), rounds)
        shown = show(bench, *flags(), "--load-bootstrap")
        assert shown.interval("base") == "(0.0, 0.0)"
        show(bench, *flags(), "--load-bootstrap", "--json", "board.json")
        rows = json.loads((bench.root / "board.json").read_text())["rows"]
        ends = {row["model"]: [row["lower"], row["upper"]] for row in rows}
        rates = 100 / (1 + 10 ** (-tiny / 400))
        assert ends["tiny"] == pytest.approx(np.percentile(rates, [2.5, 97.5]))

    def test_a_round_may_leave_a_model_out(self, bench: Workspace) -> None:
        rounds = [{"base": 1000, "org/other": 1000, "tiny": 900 + i} for i in range(41)]
        with_gaps = [rounds[0] | {"tiny": None}, *rounds, rounds[0] | {"tiny": None}]
        intervals = []
        for lines in (rounds, with_gaps):
            bench.write(saved(bench, BOOTSTRAP), lines)
            intervals.append(show(bench, *flags(), "--load-bootstrap").interval("tiny"))
        assert intervals[0] == intervals[1]

    @pytest.mark.parametrize(
        ("more", "named"),
        [
            (["--num-rounds", "99"], "num_rounds = 100"),
            (["--seed", "1"], "seed = 42"),
            (["--resample", "question"], "resample = battle"),
            (["--style-control"], "mode = plain"),
            (["--weight", "1"], "weight = 3"),
            (["--first-game-only"], "first_game_only = False"),
        ],
    )
    def test_that_of_other_settings_is_refused(
        self, bench: Workspace, more: list[str], named: str
    ) -> None:
        show(bench, *flags())
        line = error(bench, *flags(), "--load-bootstrap", *more)
        assert f"data/{BOOTSTRAP}" in line and named in line

    def test_rounds_of_v0_1_measure_style_from_its_mean(self, bench: Workspace) -> None:
        published = [*flags(), "--style-control"]
        first = show(bench, *published)
        kept = saved(bench, BOOTSTRAP).rename(bench.root / "v0.1.jsonl")
        chosen = [*named(), "--style-control", "--load-bootstrap", kept]
        assert show(bench, *chosen).board == first.board
        assert board_json(bench, *chosen)["style_center"] == "mean"
        assert board_json(bench, *chosen, "--style-center", "none")["style_center"] == "none"

    def test_another_centre_or_other_fixed_coefficients_are_refused(self, bench: Workspace) -> None:
        show(bench, *flags(), "--style-control")
        line = error(bench, *flags(), "--style-control", "--load-bootstrap", "--style-center=none")
        assert "style_center = mean" in line and "Use --style-center mean" in line
        show(bench, *flags(), "--style-control", "--style-coefficients", "style.json")
        fixed = [*flags(), "--style-control", "--style-coefficients", "style.json"]
        assert "style = None" in error(bench, *fixed, "--load-bootstrap")

    def test_threads_and_the_scale_may_differ(self, bench: Workspace) -> None:
        show(bench, *flags())
        show(bench, *flags(), "--load-bootstrap", "--workers", "1", "--show-elo")

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("not JSON", "not a round"),
            ("[1, 2]", "not a round"),
            ('{"base": 1000, "tiny": "high", "org/other": 1}', "not a round"),
            ('{"base": 1000, "org/other": 1000}', "'tiny'"),
        ],
    )
    def test_a_broken_line_is_named(self, bench: Workspace, line: str, said: str) -> None:
        good = '{"base": 1000, "tiny": 1000, "org/other": 1000}'
        bench.write(saved(bench, BOOTSTRAP), f"{good}\n{line}\n{good}\n")
        told = error(bench, *flags(), "--load-bootstrap")
        assert f"data/{BOOTSTRAP}:2: " in told and said in told

    def test_blank_lines_are_passed_over(self, bench: Workspace) -> None:
        show(bench, *flags())
        first = show(bench, *flags(), "--load-bootstrap")
        path = saved(bench, BOOTSTRAP)
        bench.write(path, "\n" + path.read_text() + "\n")
        assert show(bench, *flags(), "--load-bootstrap") == first

    def test_there_must_be_some(self, bench: Workspace) -> None:
        assert "no such file" in error(bench, *flags(), "--load-bootstrap")
        bench.write(saved(bench, BOOTSTRAP), "")
        assert "no round" in error(bench, *flags(), "--load-bootstrap")
