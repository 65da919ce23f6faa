"""Scores by cluster: the same as on boards of the clusters alone; text, files and gaps."""

from __future__ import annotations

import re
from statistics import median

import pytest
from boards import DIFFERENT, error, files, named, show
from clusters import PLACES, QUESTION, by, ends, questions, scores, shown_ends, table
from conftest import Workspace
from judgments import (
    HARD,
    LOST,
    WON,
    WRITING,
    add_judgments,
    graded,
    judge,
    judgment,
    random_answers,
    random_judgments,
)

from arena.leaderboard.clusters import FEW


class TestScores:
    @pytest.mark.parametrize(
        "more", ["", "--first-game-only --weight 1", "--method v2.0", "--seed 3"]
    )
    def test_are_those_of_a_board_of_the_cluster(self, clustered: Workspace, more: str) -> None:
        """To the last digit; the intervals too where battles are drawn."""
        chosen = [*named(), *more.split()]
        found = by(clustered, "cluster", *chosen)
        assert list(found) == ["coding", "writing", "maths"]
        battle = [*chosen, "--resample", "battle", "--num-rounds", "100"]
        drawn = by(clustered, "cluster", *battle)
        boards = files(clustered, *battle, "--category", *found)
        of_questions = files(clustered, *chosen, *QUESTION, "--category", *found)
        for name, cluster in found.items():
            assert scores(cluster) == scores(of_questions[name])
            assert ends(drawn[name]) == shown_ends(boards[name])
            assert cluster["baseline"] == "base"
        assert "coder" in ends(found["coding"]) and "coder" not in ends(found["maths"])

    @pytest.mark.parametrize("more", ["", "--resample battle"])
    def test_are_those_of_a_bench_with_only_its_questions(
        self, clustered: Workspace, more: str
    ) -> None:
        full = by(clustered, "cluster", *named(), *more.split())
        ids = {q["question_id"] for q in questions() if q["cluster"] == "maths"}
        clustered.add_questions([q for q in questions() if q["question_id"] in ids])
        for model in ("m1", "m2", "m3"):
            records = [r for r in clustered.judgments("judge", model) if r["question_id"] in ids]
            add_judgments(clustered, model, records)
        (clustered.data / "model_judgment/judge/coder.jsonl").unlink()
        assert by(clustered, "cluster", *named(), *more.split()) == {"maths": full["maths"]}

    @pytest.mark.parametrize("more", ["", "--method bradley-terry", "--num-rounds 50"])
    def test_by_category_of_v2_0_are_the_boards(
        self,
        modern: Workspace,
        more: str,
    ) -> None:
        boards = files(modern, *QUESTION, *more.split())
        found = by(modern, "category", *more.split())
        assert list(found) == [HARD, WRITING]
        for name, cluster in found.items():
            assert scores(cluster) == scores(boards[name])
            assert cluster["baseline"] == boards[name]["baseline"]

    @pytest.mark.parametrize("kind", ["subcategory", "cluster"])
    def test_a_subcategory_has_the_baseline_of_its_category(
        self,
        modern: Workspace,
        kind: str,
    ) -> None:
        found = by(modern, kind)
        assert set(found) == {f"{c} {i}" for c in (HARD, WRITING) for i in (0, 1)}
        boards = files(modern, *QUESTION, "--category", *found)
        for name, cluster in found.items():
            assert scores(cluster) == scores(boards[name])
            assert cluster["baseline"] == boards[name]["baseline"]
        out = show(modern, "--by", kind).out
        how = "method v2.0, 90 % intervals"
        assert f"against o3-mini-2025-01-31, {how}: {HARD} 1, {HARD} 0\n" in out
        assert f"against gemini-2.0-flash-001, {how}: {WRITING} 1, {WRITING} 0\n" in out

    @pytest.mark.parametrize("style", ["", "--style-control"])
    @pytest.mark.parametrize("kind", ["cluster", "category"])
    def test_of_both_formats_each_has_its_method(
        self, clustered: Workspace, kind: str, style: str
    ) -> None:
        """One question in the v2.0 format does not make v2.0 of all."""
        places = [q | {"category": q["cluster"]} for q in questions()]
        for i in range(7):
            question = places[i]
            question["uid"] = question.pop("question_id")
            question["prompt"] = question.pop("turns")[0]["content"]
        clustered.add_questions(places)
        found = by(clustered, kind, *named(), *style.split(), "--output")
        methods = {name: (one["method"], one["level"]) for name, one in found.items()}
        plain = ("bradley-terry", 0.95)
        assert methods == {"coding": ("v2.0", 0.9), "writing": plain, "maths": plain}
        if not style:
            boards = files(clustered, *named(), *QUESTION, "--category", *found)
            assert {n: scores(one) for n, one in found.items()} == {
                name: scores(boards[name]) for name in found
            }
        out = show(clustered, *named(), *style.split(), "--by", kind).out
        assert "against base, method v2.0, 90 % intervals: coding\n" in out
        assert "against base, method bradley-terry, 95 % intervals: writing, maths\n" in out
        assert "with 90 % or 95 % intervals in brackets as differences from the score\n" in out
        (path,) = clustered.root.glob("leaderboard/*.csv")
        assert path.read_text().startswith(f"{kind},model,score,lower,upper,questions,")
        one_method = by(clustered, kind, *named(), "--method", "bradley-terry")
        assert {one["method"] for one in one_method.values()} == {"bradley-terry"}

    def test_a_cluster_named_like_a_category_is_not_the_category(self, bench: Workspace) -> None:
        places = questions(["a", "a", "b", "b"])
        for question in places[2:]:
            question["category"] = "a"
        bench.add_questions(places)
        add_judgments(bench, "m1", [judgment(f"q{i}", *WON) for i in (1, 2)])
        add_judgments(bench, "m2", [judgment(f"q{i}", *LOST) for i in (1, 2, 3, 4)])
        found = by(bench, "cluster", *named())
        assert [cluster["questions"] for cluster in found.values()] == [2, 2]
        assert ends(found["b"]).keys() == {"base", "m2"}
        categories = by(bench, "category", *named())
        assert {name: one["questions"] for name, one in categories.items()} == {"all": 2, "a": 2}

    def test_grades(self, bench: Workspace) -> None:
        bench.add_questions(questions())
        for model in ("x", "y"):
            records = [graded(f"q{i}", len(model) + i % 4) for i in range(1, len(PLACES) + 1)]
            add_judgments(bench, model, records[: 12 if model == "y" else None])
        chosen = named()[:4]
        bench.write_judge_config("judge", "base", pairwise=False, baseline=False)
        boards = files(
            bench, *chosen, "--num-rounds", 1000, "--category", "coding", "writing", "maths"
        )
        found = by(bench, "cluster", *chosen)
        for name, cluster in found.items():
            assert scores(cluster) == scores(boards[name])
            for model, (_, low, high) in ends(cluster).items():
                _, lower, upper = ends(boards[name])[model]
                assert low <= lower and upper <= high
        assert ends(found["maths"]).keys() == {"x"}
        out = show(bench, *chosen, "--by", "cluster", "--html", "g.html", "--plot", "g.svg").out
        assert table(out)["y"]["maths"] == "n/a"
        assert "mean grade" in (bench.root / "g.svg").read_text()


class TestIntervals:
    """Those of a board of the cluster, or none of few questions."""

    @pytest.mark.parametrize("more", ["", "--method v2.0"])
    def test_a_cluster_has_those_of_its_board(self, clustered: Workspace, more: str) -> None:
        chosen = [*named(), *more.split()]
        found = by(clustered, "cluster", *chosen)
        boards = files(clustered, *chosen, "--category", *found)
        for name, cluster in found.items():
            board = boards[name]
            assert ends(cluster) == ends(board)
            assert all(low < high for m, (_, low, high) in ends(board).items() if m != "base")

    @pytest.mark.parametrize("resample", ["question", "battle"])
    def test_below_five_questions_there_is_none(self, bench: Workspace, resample: str) -> None:
        """Of the cluster, or of the model there; what is judged is told."""
        bench.add_questions(questions(["a"] * FEW + ["b"] * (FEW - 1)))
        add_judgments(bench, "m1", random_judgments(1, 2 * FEW - 1))
        add_judgments(bench, "m2", random_judgments(2, FEW - 1))
        found = by(bench, "cluster", *named(), "--resample", resample)
        low = {name: {m: v[1] for m, v in ends(one).items()} for name, one in found.items()}
        assert low["a"]["m1"] < found["a"]["rows"][0]["score"]
        assert low == {
            "a": {"base": 50.0, "m1": low["a"]["m1"], "m2": None},
            "b": {"base": 50.0, "m1": None},
        }

    @pytest.mark.parametrize("resample", ["question", "battle"])
    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    def test_draws_that_are_all_alike(self, bench: Workspace, resample: str, method: str) -> None:
        """All won, all tied: a prior question gives an interval. Draws of battles give none."""
        bench.add_questions(questions(["a"] * 6))
        ids = range(1, 7)
        labels = {"good": WON, "tied": ("A=B", "A=B"), "bad": LOST}
        for model, games in labels.items():
            add_judgments(bench, model, [judgment(f"q{i}", *games) for i in ids])
        chosen = [*named(), "--resample", resample, "--method", method, "--by", "cluster"]
        out = show(bench, *chosen, "--output", "--markdown", "b.md").out
        cells = {model: one["a"] for model, one in table(out).items()}
        assert cells.pop("questions") == "6"
        assert cells.pop("base") == f"50.0 {'(-0.0 / +0.0)' if method == 'v2.0' else '(0.0, 0.0)'}"
        reason = "–: no interval if all questions are alike"
        assert (reason in out) == (resample == "battle")
        if resample == "battle":
            assert cells == {"good": "100.0 –", "tied": "50.0 –", "bad": "0.0 –"}
            assert "| 100.0 – |" in (bench.root / "b.md").read_text(encoding="utf-8")
            (path,) = bench.root.glob("leaderboard/*.csv")
            assert ",good,100.00,,,6,6," in path.read_text(encoding="utf-8")
            return
        numbers = {model: re.findall(r"[\d.]+", cell) for model, cell in cells.items()}
        one_sided = {"good": ("100.0", True, False), "bad": ("0.0", False, True)}
        assert {
            model: (score, float(low) > 10, float(high) > 10)
            for model, (score, low, high) in numbers.items()
        } == one_sided | {"tied": ("50.0", True, True)}

    def test_questions_are_drawn_unless_told_otherwise(self, clustered: Workspace) -> None:
        chosen = [*named(), "--by", "cluster"]
        shown = show(clustered, *chosen)
        assert shown == show(clustered, *chosen, *QUESTION)
        assert "intervals: logit-t 95 % over questions" in shown.summary
        assert "treat the games of a question as independent" not in shown.out
        battle = show(clustered, *chosen, "--resample", "battle").summary
        (line,) = (line for line in battle if "games of a question as independent" in line)
        assert re.search(r"makes them \d\.\d times too narrow here\. Use --resample question", line)


class TestStyle:
    """The coefficients are those of all questions, as --style-coefficients fixes them."""

    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    @pytest.mark.parametrize("style", ["--style-control", "--length-control-only"])
    def test_the_coefficients_are_those_of_all_questions(
        self, clustered: Workspace, method: str, style: str
    ) -> None:
        chosen = [*named(), style, "--method", method]
        chosen += ["--resample", "battle", "--num-rounds", "100"]
        found = by(clustered, "cluster", *chosen)
        fixed = [*chosen, "--style-coefficients", "style.json"]
        show(clustered, *fixed)
        for name, cluster in found.items():
            (board,) = files(clustered, *fixed, "--category", name).values()
            expected = shown_ends(board)
            assert ends(cluster).keys() == expected.keys()
            for model, values in ends(cluster).items():
                assert values == pytest.approx(expected[model], abs=1e-6)

    def test_intervals_have_their_errors_as_well(self, clustered: Workspace) -> None:
        chosen = [*named(), "--style-control", "--num-rounds", "400"]
        found, ratios = by(clustered, "cluster", *chosen), []
        fixed = [*chosen, "--style-coefficients", "style.json"]
        show(clustered, *fixed)
        for name, cluster in found.items():
            (board,) = files(clustered, *fixed, "--category", name).values()
            expected = ends(board)
            for model, (score, low, high) in ends(cluster).items():
                assert score == pytest.approx(expected[model][0], abs=1e-6)
                if model != "base" and low is not None:
                    ratios.append((high - low) / (expected[model][2] - expected[model][1]))
        assert len(ratios) > 2 and median(ratios) > 1.02

    def test_they_are_printed(self, clustered: Workspace) -> None:
        chosen = [*named(), "--style-control"]
        line = next(line for line in show(clustered, *chosen).summary if "coefficients" in line)
        summary = show(clustered, *chosen, "--by", "cluster").summary
        assert line in summary
        (copy,) = (line for line in summary if "a copy of the baseline would score" in line)
        assert copy in show(clustered, *chosen).summary
        assert "the style coefficients are those of all questions with one baseline" in summary

    def test_a_single_cluster_is_the_board_itself(self, clustered: Workspace) -> None:
        """Its rounds draw the coefficients too."""
        chosen = [*named(), "--style-control", "--resample", "battle", "--num-rounds", "100"]
        (found,) = by(clustered, "category", *chosen).values()
        (board,) = files(clustered, *chosen, "--category", "all").values()
        assert ends(found) == ends(board)
        assert "those of all questions" not in show(clustered, *chosen, "--by", "category").out

    def test_models_that_nothing_connects_stop_it(self, clustered: Workspace) -> None:
        """The coefficients are fitted to all questions at once, which needs every model."""
        records = clustered.judgments("judge", "m1")
        far = [record | {"model": "far", "baseline": "m9"} for record in records]
        add_judgments(clustered, "far", far)
        for seed, model in enumerate(["far", "m9"]):
            path = clustered.data / f"model_answer/{model}.jsonl"
            clustered.write(path, random_answers(seed, len(PLACES)))
        chosen = [*named(), "--mixed", "count", "--style-control", "--by", "cluster"]
        assert "cannot rank far, m9: no battles connect them" in error(clustered, *chosen)

    def test_missing_attributes_stop_it(self, clustered: Workspace) -> None:
        (clustered.data / "model_answer/m1.jsonl").unlink()
        line = error(clustered, *named(), "--style-control", "--by", "cluster")
        assert "no answer to q1" in line


class TestGaps:
    def test_the_text(self, bench: Workspace) -> None:
        """`solo` has one question of `b`, `late` none; nobody was judged on `c`."""
        bench.add_questions(questions(["a", "a", "b", "b", "c"]))
        add_judgments(bench, "good", [judgment(f"q{i}", *WON) for i in (1, 2, 3, 4)])
        add_judgments(bench, "solo", [judgment(f"q{i}", *LOST) for i in (1, 2, 3)])
        add_judgments(bench, "late", [judgment(f"q{i}", *WON) for i in (1, 2)])
        assert show(bench, *named(), "--by", "cluster").out == (
            "           a                b                c\n"
            "questions  2                2                1\n"
            "good       100.0 –          100.0 –          n/a\n"
            "late       100.0 –          n/a              n/a\n"
            "base       50.0 (0.0, 0.0)  50.0 (0.0, 0.0)  n/a\n"
            "solo       0.0 –            n/a              n/a\n"
            "\n"
            "win rate against the baseline in %, with 95 % intervals in brackets as "
            "differences from the score\n"
            "9 judgments, 18 weighted battles, 0 games without verdict\n"
            "questions judged of 5: good 4, late 2, solo 3\n"
            f"{DIFFERENT}\n"
            "n/a: fewer than 2 questions judged, or no battles that place the model\n"
            "–: no interval with fewer than 5 questions\n"
            "intervals: logit-t 95 % over questions\n"
        )

    def test_what_is_not_judged_can_be_lost(self, bench: Workspace) -> None:
        bench.add_questions(questions(["a", "a", "b", "b"]))
        add_judgments(bench, "good", [judgment(f"q{i}", *WON) for i in (1, 2)])
        found = table(show(bench, *named(), "--missing", "loss", "--by", "cluster").out)
        assert found["good"] == {"a": "100.0 –", "b": "0.0 –"}

    def test_a_cluster_without_any_verdict_is_empty(self, bench: Workspace) -> None:
        bench.add_questions(questions(["a", "a", "b", "b"]))
        records = [judgment(f"q{i}", *WON) for i in (1, 2)]
        records += [judgment(f"q{i}", None, "maybe") for i in (3, 4)]
        add_judgments(bench, "good", records)
        for method in ("bradley-terry", "v2.0"):
            out = show(bench, *named(), "--method", method, "--by", "cluster").out
            assert {c["b"] for m, c in table(out).items() if m != "questions"} == {"n/a"}, out

    def test_models_that_no_battles_place_are_empty_there(self, bench: Workspace) -> None:
        """On `b` the anchor has no battle, on `c` one of two pairs has none of it."""
        bench.add_questions(questions(["a", "a", "b", "b", "c", "c"]))
        add_judgments(bench, "second", [judgment(f"q{i}", "B>A", "B>A") for i in (1, 2)])
        records = [judgment(f"q{i}", "B>A", "B>A", baseline="second") for i in range(1, 7)]
        add_judgments(bench, "tiny", records)
        add_judgments(bench, "more", [judgment(f"q{i}", *WON) for i in (1, 2, 5, 6)])
        out = show(bench, *named(), "--baseline", "second", "--by", "cluster").out
        found = table(out)
        assert found.pop("questions") == {"a": "2", "b": "2", "c": "2"}
        assert {cells["b"] for cells in found.values()} == {"n/a"}
        assert {model for model, cells in found.items() if cells["c"] != "n/a"} == {"base", "more"}
        assert found["tiny"]["a"].startswith("50.0 ")

    def test_questions_without_a_cluster_are_one(self, bench: Workspace) -> None:
        bench.add_questions(questions(["a", "a", "", ""]))
        add_judgments(bench, "good", [judgment(f"q{i}", *WON) for i in (1, 2, 3)])
        out = show(bench, *named(), "--by", "cluster").out
        assert out.splitlines()[0].split() == ["a", "(none)"]
        assert table(out)["good"]["(none)"] == "n/a"


class TestWrongInput:
    @pytest.mark.parametrize(
        "more",
        [
            "--load-battles",
            "--load-bootstrap",
            "--save-battles",
            "--style-control --style-coefficients style.json",
            "--show-elo",
            "--full-stats",
            "--compare m1 m2",
            "--category coding",
        ],
    )
    def test_flags_of_a_board_are_refused(self, clustered: Workspace, more: str) -> None:
        line = error(clustered, *named(), "--by", "cluster", *more.split())
        assert "this does not go with --by. Leave out" in line and more.split()[0][:7] in line

    def test_a_bench_without_clusters(self, bench: Workspace) -> None:
        bench.add_questions(questions(["", ""]))
        add_judgments(bench, "m1", random_judgments(1, 2))
        line = error(bench, *named(), "--by", "subcategory")
        assert line == "error: data/test-v1/question.jsonl: no question has a subcategory"

    def test_a_bench_without_questions(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", random_judgments(1, 2))
        assert "question.jsonl: no such file" in error(bench, *named(), "--by", "cluster")

    def test_v2_knows_one_baseline(self, clustered: Workspace) -> None:
        chosen = [*named(), "--baseline", "m1", "--method", "v2.0", "--by", "cluster"]
        assert "the method v2.0 knows one baseline" in error(clustered, *chosen)

    def test_a_mix_of_baselines_is_refused(self, clustered: Workspace) -> None:
        records = [judgment("q1", *WON, baseline="m2")]
        judge(clustered, {"new": records})
        line = error(clustered, *named(), "--by", "cluster")
        assert "1 judgments against another baseline, m2" in line

    def test_it_is_one_of_three(self, clustered: Workspace) -> None:
        shown = show(clustered, *named(), "--by", "model", check=2)
        assert "argument --by: invalid choice: 'model'" in shown.err
