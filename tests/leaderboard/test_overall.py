"""The overall board of several categories: its scores, its intervals, and the reasons for none."""

from __future__ import annotations

import numpy as np
import pytest
from boards import by_heading, files, named, show
from conftest import Workspace
from judgments import (
    BASELINES,
    HARD,
    SIZES,
    TIED,
    WON,
    WRITING,
    add_judgments,
    draw,
    judgment,
    modern_questions,
)
from scipy import stats
from scipy.special import expit

from arena.bench.paths import Bench
from arena.leaderboard.board import Board, Contest
from arena.leaderboard.options import Method
from arena.leaderboard.overall import overall_board
from arena.scoring.battles import Battles, read_selections
from arena.scoring.estimators import OF_BATTLES, Estimator
from arena.scoring.selection import Selection, bench_questions
from arena.scoring.uncertainty.intervals import percentiles


class TestOverall:
    def read(self, bench: Workspace, estimator: Estimator, method: Method) -> list[Board]:
        folder = Bench(bench.root / "data", bench.name)
        selections = [
            Selection(folder, ("judge",), (BASELINES[c],), categories=(c,), estimator=estimator)
            for c in (HARD, WRITING)
        ]
        result = []
        for selection, battles in read_selections(selections, bench_questions(folder, needed=True)):
            assert isinstance(battles, Battles)
            result.append(Contest.of(battles, selection, method).score().board())
        return result

    @pytest.mark.parametrize("name", ["v2.0", "bradley-terry"])
    def test_it_is_the_mean_weighted_by_questions(self, modern: Workspace, name: str) -> None:
        data = files(modern, "--method", name)
        rows = {c: {r["model"]: r for r in board["rows"]} for c, board in data.items()}
        common = rows[HARD].keys() & rows[WRITING].keys()
        assert rows["Overall"].keys() == common == {"m1", "m2", *BASELINES.values()}
        for model in common:
            expected = (12 * rows[HARD][model]["score"] + 6 * rows[WRITING][model]["score"]) / 18
            assert rows["Overall"][model]["score"] == pytest.approx(expected)
        order = [row["score"] for row in data["Overall"]["rows"]]
        assert order == sorted(order, reverse=True)
        assert data["Overall"]["weights"] == SIZES
        assert data["Overall"]["models_left_out"] == {"poet": f"not on the board of {HARD}"}

    @pytest.mark.parametrize("name", ["v2.0", "bradley-terry"])
    def test_its_interval_is_that_of_the_rounds_means(self, modern: Workspace, name: str) -> None:
        parts = self.read(modern, OF_BATTLES[name], Method(rounds=300, resample="battle"))
        whole = overall_board(parts)
        for row in whole.rows:
            drawn = (12 * parts[0].samples[row.model] + 6 * parts[1].samples[row.model]) / 18
            low, high = percentiles(drawn[:, None], whole.estimator.level)[:, 0]
            ends = [row.score + row.lower, row.score + row.upper]
            assert ends == pytest.approx([low, high])

    @pytest.mark.parametrize("name", ["v2.0", "bradley-terry"])
    def test_the_draws_of_its_categories_are_independent(self, bench: Workspace, name: str) -> None:
        """Two categories of the same verdicts: of equal parts, the mean varies half as much."""
        places = [HARD] * 80 + [WRITING] * 80
        bench.add_questions(modern_questions(places))
        labels = [r["games"] for r in draw(1, [HARD] * 80)] * 2
        records = [r | {"games": g} for r, g in zip(draw(1, places), labels, strict=True)]
        add_judgments(bench, "m1", records)
        parts = self.read(bench, OF_BATTLES[name], Method(rounds=2000))
        first, second = (part.samples["m1"] for part in parts)
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.08)
        assert parts[0].rows[0].score == pytest.approx(parts[1].rows[0].score, abs=0.3)
        mean = overall_board(parts).samples["m1"]
        assert mean.std() == pytest.approx(first.std() / np.sqrt(2), rel=0.08)

    def test_models_whose_rounds_are_alike(self, bench: Workspace) -> None:
        """Ties have the error of half a question, drawn battles none, the baseline no width."""
        ids = [f"q{i}" for i in range(16)]
        turns = [{"content": "?"}]
        bench.add_questions(
            [{"question_id": q, "category": "ab"[q > "q3"], "turns": turns} for q in ids]
        )
        add_judgments(bench, "tied", [judgment(q, *TIED) for q in ids])
        add_judgments(bench, "won", [judgment(q, *WON) for q in ids])
        chosen = [*named(), "--category", "a", "b"]
        rows = {r["model"]: r for r in files(bench, *chosen)["Overall"]["rows"]}
        error = 0.5 / np.sqrt(16 * 17) / 0.25
        half = 100 * expit(stats.t.ppf(0.975, 14) * error) - 50
        ends = [rows["tied"]["lower"], rows["tied"]["upper"]]
        assert ends == pytest.approx([50 - half, 50 + half], abs=0.1)
        assert rows["base"]["lower"] == rows["base"]["upper"] == pytest.approx(50)
        assert rows["won"]["lower"] < 90
        drawn = files(bench, *chosen, "--resample", "battle")["Overall"]["rows"]
        assert {r["model"]: r["lower"] for r in drawn} == {
            "won": None,
            "tied": None,
            "base": pytest.approx(50),
        }

    def test_of_boards_that_share_questions_there_is_none(self, modern: Workspace) -> None:
        """A subcategory and its category would count its questions twice."""
        chosen = ["-c", f"{HARD} 1", WRITING, HARD]
        out = show(modern, *chosen).out
        assert list(by_heading(out)) == chosen[1:]
        last = f"\n\nno overall board: {HARD} 1 and {HARD} share 6 questions\n"
        assert out.endswith(last) and out.count("no overall board") == 1
        assert "Overall" in show(modern, *chosen[:3]).out
        assert set(files(modern, *chosen)) == set(chosen[1:])

    def test_without_a_common_model_there_is_none(self, modern: Workspace) -> None:
        for model in ("m1", "m2", *BASELINES.values()):
            (modern.data / f"model_judgment/judge/{model}.jsonl").unlink()
        add_judgments(modern, "coder", draw(6)[: SIZES[HARD]])
        out = show(modern, "--json").out
        assert "##### Overall #####\nno model is on every board\n" in out
        assert "skipped: coder, o3-mini-2025-01-31: not on the board of creative_writing" in out
        assert out.count("written: ") == 2
