"""The notes below boards: games that one place has more of than the other."""

from __future__ import annotations

import json
import random

import pytest
from boards import board_json, error, flags, named, saved, show
from conftest import RunMain, Workspace
from judgments import LOST, TIED, WON, add_judgments, graded, judgment, random_answers

from arena.bench.paths import Bench
from arena.leaderboard.board import Board
from arena.leaderboard.build import build_board
from arena.leaderboard.options import BoardOptions

TURN = {"turns": [{"content": "?"}]}
FIRST_GAME = (
    "warning: --first-game-only shows each model in the second place alone, so a place bias does "
    "not cancel. It moves all scores."
)


class TestFewRounds:
    def test_they_give_no_ranks_and_no_interval_by_their_spread(self, styled: Workspace) -> None:
        ranks = "no ranks from fewer than 100 bootstrap rounds. Use --num-rounds 1000."
        ends = "–: no interval from fewer than 100 bootstrap rounds"
        for style, without in ([], False), (["--style-control"], True):
            chosen = [*named(), *style, "--num-rounds"]
            few, enough = (show(styled, *chosen, number) for number in (99, 100))
            assert ranks in few.summary and (ends in few.summary) == without
            assert (few.interval("m1") == "–") == without
            assert "| rank: " in enough.out and "| rank: " not in few.out
            assert ranks not in enough.summary and ends not in enough.summary


class TestAlike:
    def test_grades_that_are_all_alike_are_the_reason(self, bench: Workspace) -> None:
        bench.write_judge_config("judge", "base", pairwise=False, baseline=False)
        records = [graded(f"q{i}", 7) | {"model": "m", "judge": "judge"} for i in range(30)]
        bench.write(bench.data / "model_judgment/judge/m.jsonl", records)
        assert "–: no interval if all questions are alike" in show(bench).summary

    def test_ties_alone_have_the_interval_of_a_plain_board(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", [judgment(f"q{i}", *TIED) for i in range(1, 31)])
        for seed, model in enumerate(["base", "m1"]):
            bench.write(bench.data / f"model_answer/{model}.jsonl", random_answers(seed, 30))
        for style in ([], ["--style-control", "--style-center", "none"]):
            assert show(bench, *named(), *style).interval("m1") == "(-3.3, 3.3)"


class TestCentre:
    def test_the_text_names_it_with_the_flag_for_the_other(self, styled: Workspace) -> None:
        line = "style is measured from equal style. Use --style-center mean"
        controlled = [*named(), "--style-control", "--style-center"]
        assert line in show(styled, *controlled, "none").out
        assert line not in show(styled, *controlled, "mean").out
        assert line not in show(styled, *named()).out


class TestExtremes:
    """Models that a baseline beats nearly always, or that beat it."""

    @staticmethod
    def add(bench: Workspace, model: str, labels: tuple[str, str], questions: int) -> None:
        upset = judgment("q1", *(WON if labels == LOST else LOST))
        rest = [judgment(f"q{i}", *labels) for i in range(2, questions + 1)]
        add_judgments(bench, model, [upset, *rest])

    def test_the_board_and_its_page_advise_another_baseline(self, bench: Workspace) -> None:
        for model, labels in {"bad": LOST, "worse": LOST, "good": WON, "best": WON}.items():
            self.add(bench, model, labels, 100)
        found = show(bench, *flags(), "--html", "board.html")
        apart = "Battles against base hardly tell them apart. Choose a"
        low = f"scores under 3: bad, worse. {apart} weaker baseline for them."
        high = f"scores over 97: best, good. {apart} stronger baseline for them."
        assert {low, high} <= set(found.summary)
        assert low in (bench.root / "board.html").read_text()
        assert "scores under" not in show(bench, *flags(), "--show-elo").out

    @pytest.mark.parametrize(("models", "questions"), [(["bad"], 100), (["bad", "worse"], 20)])
    def test_one_model_and_few_questions_give_no_advice(
        self, bench: Workspace, models: list[str], questions: int
    ) -> None:
        for model in models:
            self.add(bench, model, LOST, questions)
        assert "scores under" not in show(bench, *flags()).out

    def test_battles_with_each_other_tell_them_apart_if_scores_are_not_against_one(
        self, bench: Workspace
    ) -> None:
        for model in ("bad", "worse"):
            self.add(bench, model, LOST, 100)
        pair = [judgment(f"q{i}", *WON, model="worse", baseline="bad") for i in range(1, 101)]
        path = bench.data / "model_judgment/judge/worse.jsonl"
        named = [r | {"baseline": "base"} for r in bench.read_jsonl(path)]
        bench.write(path, [*named, *pair])
        both = ("--judge-name", "judge", "--baseline", "base", "bad")
        assert "scores under" not in show(bench, "--bench-name", "test-v1", *both).out
        bench.write_judge_config("judge", "base")
        any_baseline = flags()[:4]
        found = show(bench, *any_baseline, "--anchor", "base", "--html", "board.html")
        why = "scores under 3: worse, bad. Scores against base hardly tell them apart."
        line = f"{why} Choose a weaker anchor, or use --anchor alone."
        assert line in found.summary and line in (bench.root / "board.html").read_text()
        assert "scores under" not in show(bench, *any_baseline, "--anchor").out
        add_judgments(bench, "last", [judgment(f"q{i}", *LOST) for i in range(1, 101)])
        found = show(bench, *any_baseline, "--anchor", "last")
        (over,) = (line for line in found.summary if line.startswith("scores over 97: "))
        names, advice = over.removeprefix("scores over 97: ").split(". ", 1)
        assert set(names.split(", ")) == {"base", "worse", "bad"}  # base was never the model
        assert advice.endswith("Choose a stronger anchor, or use --anchor alone.")


class TestPlaces:
    """A place bias cancels over the two games of a judgment, not in one game alone."""

    @pytest.fixture
    def lopsided(self, bench: Workspace) -> Workspace:
        """Of `early` 5 judgments have game 1 only, of `late` 3 have game 2 only, of 20 each."""
        tied = [judgment(f"q{i}", *TIED) for i in range(20)]
        early = [judgment(f"q{i}", "A=B", None) for i in range(5)]
        late = [judgment(f"q{i}", None, "A=B") for i in range(3)]
        add_judgments(bench, "whole", tied)
        add_judgments(bench, "early", [*early, *tied[5:]])
        add_judgments(bench, "late", [*late, *tied[3:]])
        return bench

    def test_judgments_with_one_verdict_are_counted_by_place(self, lopsided: Workspace) -> None:
        lines = show(lopsided, *flags()).summary
        assert "5 judgments have a verdict in game 1 only, 3 in game 2 only" in lines
        (warning,) = (line for line in lines if line.startswith("warning: judgments with one"))
        assert warning == (
            "warning: judgments with one verdict: early 5 in game 1 only and 0 in game 2 only, of "
            "20, late 0 in game 1 only and 3 in game 2 only, of 20. A place bias does not cancel "
            "in them. Judge the missing games with --retry-invalid, or skip these judgments with "
            "--half-judged drop."
        )
        assert board_json(lopsided, *flags())["one_game_only"] == {
            "early": {"game_1": 5, "game_2": 0},
            "late": {"game_1": 0, "game_2": 3},
            "whole": {"game_1": 0, "game_2": 0},
        }

    def test_a_model_whose_places_balance_has_no_warning(self, bench: Workspace) -> None:
        both = [judgment(f"q{i}", *("A=B", None)[:: 1 - 2 * (i % 2)]) for i in range(8)]
        add_judgments(bench, "both", [*both, *(judgment(f"q{i}", *TIED) for i in range(8, 20))])
        out = show(bench, *flags()).out
        assert "4 judgments have a verdict in game 1 only, 4 in game 2 only" in out
        assert "judgments with one verdict" not in out

    def test_whole_judgments_have_no_note(self, bench: Workspace) -> None:
        add_judgments(bench, "one", [judgment("q1", *WON), judgment("q2", *LOST)])
        add_judgments(bench, "two", [judgment("q1", *WON), judgment("q2", None, None)])
        assert "in game 1 only" not in show(bench, *flags()).out

    def test_dropped_judgments_are_reported_as_such(self, lopsided: Workspace) -> None:
        lines = show(lopsided, *flags(), "--half-judged", "drop").summary
        assert "skipped: 8 judgments with an undecided game" in lines
        assert not [line for line in lines if "game 1 only" in line]

    def test_a_board_of_first_games_warns_of_the_place_bias(self, lopsided: Workspace) -> None:
        lines = show(lopsided, *flags(), "--first-game-only").summary
        assert FIRST_GAME in lines and not [line for line in lines if "in game 1 only" in line]
        assert FIRST_GAME not in show(lopsided, *flags()).out

    @pytest.mark.parametrize("lost", [0, 1])
    def test_dropping_half_judged_ones_keeps_a_place_bias_out_of_scores(
        self, bench: Workspace, lost: int
    ) -> None:
        """A model wins 30 % of the games in the second place, and 80 % of those in the first."""
        rng = random.Random(7)
        chances = (0.3, 0.8)
        played = [[rng.random() < chance for chance in chances] for _ in range(4000)]
        whole = [judgment(f"q{i}", *labels_of(won)) for i, won in enumerate(played)]
        halves = [
            judgment(
                record["question_id"],
                *(None if i == lost and rng.random() < 0.3 else g["score"] for i, g in games),
            )
            for record in whole
            if (games := list(enumerate(record["games"])))
        ]
        add_judgments(bench, "whole", whole)
        add_judgments(bench, "half", halves)
        run = (*flags(), "--num-rounds", 1)

        def shift(*more: str) -> float:
            rows = {row["model"]: row["score"] for row in board_json(bench, *run, *more)["rows"]}
            return rows["half"] - rows["whole"]

        assert abs(shift("--half-judged", "drop")) < 1
        assert abs(shift("--half-judged", "count")) > 3
        assert shift() == shift("--half-judged", "count")


def labels_of(won: list[bool]) -> tuple[str, str]:
    """The labels of two games: the model is B in the first and A in the second."""
    return ("B>A" if won[0] else "A>B", "A>B" if won[1] else "B>A")


class TestHalfJudged:
    """Judgments with one decided game count or are dropped."""

    @pytest.fixture
    def half(self, bench: Workspace) -> Workspace:
        add_judgments(bench, "one", [judgment("q1", *WON), judgment("q2", "A>B", None)])
        add_judgments(bench, "two", [judgment("q1", *LOST), judgment("q2", *LOST)])
        return bench

    def test_the_method_decides_unless_the_flag_does(self, half: Workspace) -> None:
        def score(*more: str) -> float:
            rows = board_json(half, *flags(), "--num-rounds", 1, *more)["rows"]
            return {row["model"]: row["score"] for row in rows}["one"]

        count, drop = ["--half-judged", "count"], ["--half-judged", "drop"]
        assert score() == score(*count) == pytest.approx(200 / 3)
        assert score(*drop) == 100
        v2 = ["--method", "v2.0", "--resample", "question"]
        assert score(*v2) == score(*v2, *drop) == 100
        assert build(half, method="v2.0").counts.battles == 6
        assert build(half, method="v2.0", half_judged="count").counts.battles == 7

    def test_a_file_name_has_what_differs_from_the_method(self, half: Workspace) -> None:
        def name(*more: str) -> str:
            out = show(half, *flags(), "--json", *more).out
            return out.split("written: ")[1].strip()

        assert "half_judged_drop" in name("--half-judged", "drop")
        assert "half_judged" not in name("--half-judged", "count")
        assert "half_judged_count" in name("--method", "v2.0", "--half-judged", "count")

    def test_clusters_and_metrics_obey_it_too(self, half: Workspace, run_main: RunMain) -> None:
        half.add_questions([{"question_id": f"q{i}", "cluster": "c", **TURN} for i in (1, 2)])
        drop = ["--half-judged", "drop"]
        for more, judged in (([], 2), (drop, 1)):
            table = board_json(half, *flags(), "--by", "cluster", *more)
            (rows,) = (cluster["rows"] for cluster in table["clusters"])
            found = {row["model"]: row["questions"] for row in rows}
            # A model of one question has no score in a cluster.
            assert found.get("one") == (judged if judged > 1 else None)
            assert table["half_judged"] == ("drop" if more else "count")
            run_main("benchmark_metrics", *flags(), *more, "--json", "m.json")
            (metrics,) = json.loads((half.root / "m.json").read_text())["benchmarks"]
            assert metrics["half_judged"] == ("drop" if more else "count")
        assert "half_judged_drop" in show(half, *flags(), "--by", "cluster", "--json", *drop).out

    def test_metrics_warn_of_first_games(self, half: Workspace, run_main: RunMain) -> None:
        assert FIRST_GAME in run_main("benchmark_metrics", *flags(), "--first-game-only").out
        assert FIRST_GAME not in run_main("benchmark_metrics", *flags()).out

    def test_settings_of_a_saved_file_are_compared(self, half: Workspace) -> None:
        show(half, *flags(), "--half-judged", "drop")
        message = error(half, *flags(), "--load-battles")
        assert "made with half_judged = drop, not count" in message
        assert show(half, *flags(), "--load-battles", "--half-judged", "drop").scores["one"]

    def test_a_saved_file_of_an_earlier_version_counted_them(self, half: Workspace) -> None:
        show(half, *flags())
        side = saved(half).with_suffix(".settings.json")
        settings = json.loads(side.read_text())
        del settings["half_judged"]
        side.write_text(json.dumps(settings))
        assert show(half, *flags(), "--load-battles").scores["one"] == "66.7"
        assert "half_judged" in error(half, *flags(), "--load-battles", "--half-judged", "drop")

    def test_the_flag_has_no_meaning_for_grades(self, bench: Workspace) -> None:
        add_judgments(bench, "one", [graded("q1", 5), graded("q2", 7)])
        assert "--half-judged" in error(bench, *flags(), "--half-judged", "count")


def build(bench: Workspace, **options: object) -> Board:
    return build_board(
        BoardOptions(Bench(bench.data.parent, bench.data.name), ("judge",), ("base",), **options)  # type: ignore[arg-type]
    )
