"""judge_report.py: what it measures of judges, against plain counting, scikit-learn and plants."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from conftest import REPO, RunMain, Workspace
from judgments import random_answer, random_bench, random_games
from simulated_judges import RIVALS, chances, decide, first_placed
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import cohen_kappa_score

from arena.bench.labels import LABELS
from arena.quality.panel import PLACE_A

BASELINE = "base"
POINTS = {"A>>B": 1.0, "A>B": 1.0, "A=B": 0.5, "B>A": 0.0, "B>>A": 0.0}


# A bench of random judges


def add_judgments(
    bench: Workspace, judge: str, model: str, games: dict[str, list[Any]], /, **known: Any
) -> None:
    known = {"model": model, "judge": judge, "baseline": BASELINE} | known
    records = [{"question_id": q, **known, "games": played} for q, played in games.items()]
    bench.write(bench.data / "model_judgment" / judge / f"{model}.jsonl", records)


def labels_of(bench: Workspace, judge: str) -> dict[tuple[str, str, int], str | None]:
    """A judge's labels by model, question and game."""
    files = sorted((bench.data / "model_judgment" / judge).glob("*.jsonl"))
    return {
        (record["model"], record["question_id"], game): (played or {}).get("score")
        for file in files
        for record in bench.read_jsonl(file)
        for game, played in enumerate(record["games"])
    }


def decided_twice(bench: Workspace, judge: str) -> list[tuple[str, float, float]]:
    """The models of judgments with two verdicts, and their points as B and as A."""
    labels = labels_of(bench, judge)
    pairs = [(m, labels[m, q, 0], labels[m, q, 1]) for m, q, game in labels if game == 0]
    return [(model, 1 - POINTS[a], POINTS[b]) for model, a, b in pairs if a and b]


def place_by_regression(games: Sequence[tuple[str, float, float]]) -> float:
    """What the first place adds at an even match beside an intercept of each model, whose points
    as B and as A are given.
    """
    models = sorted({model for model, _, _ in games})
    rows = [
        [*(float(model == name) for name in models), place]
        for model, *_ in games
        for place in (-1.0, 1.0)
    ]
    won = np.array([points for _, *both in games for points in both])
    fit = LogisticRegression(fit_intercept=False, C=1e9, tol=1e-10, max_iter=10_000)
    fit.fit(rows + rows, np.repeat([1, 0], len(rows)), np.concatenate([won, 1 - won]))
    return float(100 / (1 + np.exp(-fit.coef_[0, -1])) - 50)


def styles_of(bench: Workspace) -> dict[tuple[str, str], np.ndarray]:
    """Differences of style to the baseline by model and question."""
    counts = {
        (path.stem, record["question_id"]): np.array(
            [
                float(sum(count.values()) if isinstance(count, dict) else count)
                for count in record["conv_metadata"].values()
            ]
        )
        for path in (bench.data / "model_answer").glob("*.jsonl")
        for record in bench.read_jsonl(path)
    }
    base = {question: counts[BASELINE, question] for _, question in counts}
    return {
        (model, question): (base[question] - own) / (base[question] + own + 1)
        for (model, question), own in counts.items()
    }


def slopes_within(
    games: Sequence[tuple[float, float, str, str]], style: dict[tuple[str, str], np.ndarray]
) -> np.ndarray:
    """The slopes on style of a judge's points beyond those of others, within models."""
    models = sorted({model for *_, model, _ in games})
    rows = [
        [*style[model, question], *(float(model == name) for name in models)]
        for *_, model, question in games
    ]
    fit = LinearRegression(fit_intercept=False)
    return np.asarray(fit.fit(rows, [mine - theirs for mine, theirs, *_ in games]).coef_[:4])


def report(run_main: RunMain, *flags: object) -> dict[str, Any]:
    run_main("judge_report.py", "--bench-name", "test-v1", "--json", "r.json", *flags)
    with open("r.json", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def board_of(run_main: RunMain, *flags: object) -> dict[str, Any]:
    run_main("show_result.py", *flags, "--json", "board.json")
    with open("board.json", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


class TestARandomBench:
    def test_labels_and_games_without_verdict_are_those_that_are_there(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        for judge in report(run_main)["judges"]:
            labels = labels_of(bench, judge["judge"])
            counts = Counter(labels.values())
            assert judge["labels"] == {label: counts[label] for label in LABELS}
            assert sum(judge["causes"].values()) == counts[None]
            assert set(judge["causes"]) == {"no label", "ambiguous", "not played"}
            assert (judge["games"], judge["judgments"]) == (len(labels), 60)
            assert (judge["models"], judge["questions"]) == (5, 12)

    def test_the_bias_for_a_place_is_that_of_logistic_regression(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        found = report(run_main)
        twice = [decided_twice(bench, judge["judge"]) for judge in found["judges"]]
        for judge, pairs in zip(found["judges"], twice, strict=True):
            assert judge["place"]["number"] == 2 * len(pairs)
            expected = place_by_regression(pairs)
            assert judge["place"]["estimate"]["value"] == pytest.approx(expected, abs=1e-3)
            flipped = [second != first for _, second, first in pairs]
            assert judge["flips"]["number"] == len(pairs)
            assert judge["flips"]["estimate"]["value"] == pytest.approx(100 * np.mean(flipped))
        expected = place_by_regression([pair for pairs in twice for pair in pairs])
        place = found["place"]["estimate"]
        assert place["value"] == pytest.approx(expected, abs=1e-3)
        out = run_main("judge_report.py", "--bench-name", "test-v1").out
        ends = ", ".join(f"{place[end]:.1f}" for end in ("lower", "upper"))
        together = f"place bias of all judges together, points: {place['value']:.1f} ({ends})\n"
        assert together in out

    def test_kappas_are_those_of_scikit_learn(self, bench: Workspace, run_main: RunMain) -> None:
        random_bench(bench)
        pairs = report(run_main)["pairs"]
        assert [(pair["first"], pair["second"]) for pair in pairs] == [
            ("j0", "j1"),
            ("j0", "j2"),
            ("j1", "j2"),
        ]
        for pair in pairs:
            one, other = labels_of(bench, pair["first"]), labels_of(bench, pair["second"])
            both = [(one[k], other[k]) for k in one if one[k] and other[k]]
            codes = np.array([(LABELS.index(a), LABELS.index(b)) for a, b in both]).T
            confusion = Counter(both)
            assert pair["games"] == len(both)
            assert pair["confusion"] == [[confusion[a, b] for b in LABELS] for a in LABELS]
            assert pair["same"]["value"] == pytest.approx(100 * np.mean(codes[0] == codes[1]))
            kappa, weighted = (cohen_kappa_score(*codes, weights=w) for w in (None, "quadratic"))
            assert pair["kappa"]["value"] == pytest.approx(kappa)
            assert pair["weighted"]["value"] == pytest.approx(weighted)

    @pytest.mark.parametrize("styled", [True, False])
    def test_self_preference_is_that_of_plain_counting_and_scikit_learns_lines(
        self, bench: Workspace, run_main: RunMain, styled: bool
    ) -> None:
        random_bench(bench, models=7)
        families = {"a": ["j0", "m0", "m1"], "b": ["j1", "m2"], "c": ["j2"]}
        bench.write("families.yaml", families)
        style = styles_of(bench)
        if not styled:
            bench.add_answers(BASELINE, {"q1": "text"})
        judges = report(run_main, "--family", "families.yaml")["judges"]
        labels = [labels_of(bench, f"j{number}") for number in range(3)]

        def points(judge: int, key: tuple[str, str, int]) -> float | None:
            label = labels[judge][key]
            return None if label is None else abs(POINTS[label] - (key[2] == 0))

        def games(judge: int, models: Sequence[str]) -> list[tuple[float, float, str, str]]:
            """Its points and the mean of the others', with model and question."""
            both = []
            for key in labels[judge]:
                mine = points(judge, key)
                others = [points(j, key) for j in range(3) if j != judge]
                theirs = [one for one in others if one is not None]
                if key[0] in models and mine is not None and theirs:
                    both.append((mine, float(np.mean(theirs)), key[0], key[1]))
            return both

        for judge, own in ((0, ("m0", "m1")), (1, ("m2",))):
            rest = ("m3", "m4", "m5", "m6")
            slopes = slopes_within(games(judge, rest), style) if styled else np.zeros(4)

            def means(
                models: Sequence[str], judge: int = judge, slopes: np.ndarray = slopes
            ) -> np.ndarray:
                """Its win rate, that adjusted for style, the others', and the number of games."""
                rows = [
                    (mine, mine - slopes @ style[model, question], theirs)
                    for mine, theirs, model, question in games(judge, models)
                ]
                return np.array([*np.mean(rows, axis=0), len(rows)])

            of_rest = np.array([means([model]) for model in rest])
            line = LinearRegression()
            line.fit(of_rest[:, 2:3], of_rest[:, 1], sample_weight=of_rest[:, 3])
            mine, adjusted, theirs, number = means(own)
            difference, found = judges[judge]["kin_difference"], judges[judge]["self_preference"]
            assert difference["number"] == found["number"] == number
            assert difference["estimate"]["value"] == pytest.approx(100 * (mine - theirs))
            expected = 100 * (adjusted - line.predict([[theirs]])[0])
            assert found["estimate"]["value"] == pytest.approx(expected)
        assert judges[0]["own"] == ["m0", "m1"]
        for name in ("kin_difference", "self_preference"):
            assert judges[2][name]["estimate"]["value"] is None
            assert judges[2][name]["why"] == "no model of its family"
        flags = ("--bench-name", "test-v1", "--family", "families.yaml")
        out = run_main("judge_report.py", *flags).out
        assert ("j0, j1: self-preference is not adjusted for style: an answer" in out) != styled
        assert [judge["adjusted"] for judge in judges] == [styled] * 3

    def test_style_coefficients_are_those_of_the_leaderboard(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        for judge in report(run_main)["judges"]:
            flags = ("--bench-name", "test-v1", "--baseline", BASELINE, "--style-control")
            found = {name: one["estimate"]["value"] for name, one in judge["style"].items()}
            board = board_of(run_main, *flags, "--judge-name", judge["judge"])
            assert found == pytest.approx(board["style_coefficients"])

    def test_the_order_of_the_judges_and_the_workers_change_no_number(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        one = report(run_main, "--judge-name", "j0", "j1", "--workers", 1)
        other = report(run_main, "--judge-name", "j1", "j0", "--workers", 2)
        assert one["judges"] == other["judges"][::-1]
        assert one["pairs"][0]["kappa"] == other["pairs"][0]["kappa"]
        seeded = report(run_main, "--judge-name", "j0", "j1", "--seed", 1)
        assert seeded["judges"] != one["judges"]

    def test_the_page_loads_nothing_and_holds_all_judges_and_numbers(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        add_judgments(bench, "<b>j", "m0", {"q1": [{"score": "A>B"}]})
        text = run_main(
            "judge_report.py", "--bench-name", "test-v1", "--html", "r.html"
        ).out.replace("<b>j", "&lt;b&gt;j")
        page = (bench.root / "r.html").read_text("utf-8")
        assert not re.search(r"https?:|src=|<link|<script|@import|url\(", page)
        assert "<b>j" not in page and "&lt;b&gt;j" in page
        for number in re.findall(r"-?\d+\.\d+ \(.*?\)", text):
            assert number in page

    def test_the_text_names_what_is_left_out(self, bench: Workspace, run_main: RunMain) -> None:
        random_bench(bench, judges=1)
        add_judgments(bench, "graded", "m0", {"q1": [{"score": 7}]})
        add_judgments(bench, "both", "m0", {"q1": [{"score": 7.5}], "q2": [{"score": "A>B"}]})
        add_judgments(bench, "joined", "m0", {"q1": [{"score": "A>B"}]}, rule="mean")
        out = run_main("judge_report.py", "--bench-name", "test-v1").out
        folder = "data/test-v1/model_judgment/graded"
        reason = "has grades of single answers, no verdicts on two"
        assert f"skipped judge graded: {folder}: {reason}\n" in out
        assert "skipped for both: 1 judgments of single answers, graded\n" in out
        assert (
            "skipped judge joined: an ensemble of other judges. Measure it with --judge-name\n"
            in out
        )
        alone = run_main("judge_report.py", "--bench-name", "test-v1", "--judge-name", "joined").out
        assert "joined" in alone.splitlines()[0]

    def test_each_measure_has_its_unit_and_a_line_on_it(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        head, *lines = run_main("judge_report.py", "--bench-name", "test-v1").out.splitlines()
        table = [re.split("  +", line)[0] for line in lines[: lines.index("")]]
        measures = table[table.index("games without verdict") :]
        named = [
            name for name in measures if not name.startswith(("- ", "games ", "kin ", "self-"))
        ]
        units = {name.rpartition(", ")[2] for name in named if "bias: " not in name}
        assert units == {"points", "%", "repeats"}
        assert not re.search("^kin difference: |^self-preference: ", "\n".join(lines), re.MULTILINE)
        assert "length bias, markdown bias: Log-odds of a win" in "\n".join(lines)
        legends = [line.partition(":")[0] for line in lines if re.match("[a-z ,-]+: [A-Z]", line)]
        kinds = [re.split("[:,]| by ", name)[0] for name in named]
        assert all(any(kind in legend for legend in legends) for kind in kinds)
        assert "kappa" in legends

    def test_one_judge_has_no_kin_and_no_agreement(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench, judges=1)
        out = run_main("judge_report.py", "--bench-name", "test-v1").out
        assert "n/a for j0: kin difference, self-preference: one judge only\n" in out
        assert "kappa" not in out

    def test_battles_with_an_answer_of_unknown_style_are_left_out_of_style(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        path = bench.data / "model_answer" / "m0.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
        out = run_main("judge_report.py", "--bench-name", "test-v1", "--json", "r.json").out
        (line,) = (line for line in out.splitlines() if line.startswith("j1: length bias, markd"))
        assert re.search(r"1 of \d\d battles are skipped", line)
        assert line.endswith(f"e.g. m0 against {BASELINE} on q1")
        style = json.loads((bench.root / "r.json").read_text())["judges"][1]["style"]
        for judge in range(3):
            path = bench.data / "model_judgment" / f"j{judge}" / "m0.jsonl"
            path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
        run_main("judge_report.py", "--bench-name", "test-v1", "--json", "r.json")
        without = json.loads((bench.root / "r.json").read_text())["judges"][1]["style"]
        assert style == without

    def test_without_style_attributes_there_is_no_style(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        bench.add_answers(BASELINE, {"q1": "text"})
        out = run_main("judge_report.py", "--bench-name", "test-v1").out
        why = "length bias, markdown bias: no style attributes of the answers"
        assert f"n/a for j0, j1, j2: {why}" in out

    def test_an_assumed_baseline_that_nobody_knows_is_named(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        add_judgments(bench, "j0", "m0", {"q1": [{"score": "A>B"}]}, baseline=None)
        bench.write_judge_config("j0", "nobody")
        line = run_main("judge_report.py", "--bench-name", "test-v1", check=2).err
        assert line.startswith("error: data/test-v1/model_judgment/j0: judgments name no baseline")
        assert line.endswith("Name it with --baseline.\n")
        line = run_main(
            "judge_report.py", "--bench-name", "test-v1", "--baseline", "nobody", check=2
        ).err
        assert "nobody" in line

    def test_few_questions_give_no_interval(self, bench: Workspace, run_main: RunMain) -> None:
        random_bench(bench, questions=4)
        flags = ("--bench-name", "test-v1", "--html", "r.html")
        out = run_main("judge_report.py", *flags).out
        assert "no intervals: there are fewer than 5 questions\n" in out
        assert not re.search(r"\d \(", out)
        assert "<circle" not in (bench.root / "r.html").read_text("utf-8")


class TestPublishedFiles:
    def test_judgments_that_name_nobody_are_of_their_file_and_the_settings_baseline(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        games = [{"score": "A>B"}, {"score": "[A>B"}]
        records = [{"question_id": "q1", "games": games}, {"question_id": "q2", "games": games[:1]}]
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", records)
        bench.write_judge_config("j", BASELINE)
        bench.add_answers(BASELINE, {"q1": "."})
        found = report(run_main)
        (judge,) = found["judges"]
        assert found["assumed"] == [BASELINE]
        assert (judge["games"], judge["labels"]["A>B"]) == (3, 3)
        assert (judge["place"]["number"], judge["flips"]["number"]) == (2, 1)
        assert judge["flips"]["estimate"]["value"] == 100.0

    def test_games_without_a_cause_and_unknown_labels_are_told_apart(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        games = {"q1": [{"score": None}, {"score": "C>D"}], "q2": [{"score": "A=B"}, None]}
        add_judgments(bench, "j", "m", games)
        (judge,) = report(run_main, "--baseline", BASELINE)["judges"]
        assert judge["causes"] == {"cause unknown": 1, "unknown label": 1, "not played": 1}
        assert judge["place"]["why"] == "no judgment with two verdicts"

    def test_of_two_records_the_last_counts_and_others_battles_are_left_out(
        self, bench: Workspace, run_main: RunMain, capsys: pytest.CaptureFixture[str]
    ) -> None:
        known = {"question_id": "q1", "model": "m", "judge": "j", "baseline": BASELINE}
        records = [
            known | {"games": [{"score": "A>B"}]},
            known | {"games": [{"score": "B>A"}]},
            known | {"games": [{"score": "A>B"}], "judge": "other"},
            known | {"games": [{"score": "A>B"}], "model": BASELINE},
            known | {"games": [{"score": "A>B"}], "baseline": "another"},
        ]
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", records)
        flags = ("--baseline", BASELINE, "--mixed", "leave-out")
        (judge,) = report(run_main, *flags)["judges"]
        assert judge["labels"] == dict.fromkeys(LABELS, 0) | {"B>A": 1}
        assert set(judge["left_out"]) == {
            "judgments by another judge, other",
            "judgments of the baseline against itself",
            "judgments against another baseline, another",
        }


SETTINGS = {"model_name": "judge", "temperature": 0.0, "prompt_hash": "0"}


class TestAMixOfJudgments:
    def test_differing_judge_settings_stop_it_as_they_stop_the_leaderboard(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(2)
        for model, temperature in (("m0", 0.0), ("m1", 1.0)):
            settings = SETTINGS | {"temperature": temperature}
            add_judgments(bench, "j", model, {"q1": [{"score": "A>B"}] * 2}, settings=settings)
        flags = ("--bench-name", "test-v1", "--judge-name", "j", "--baseline", BASELINE)
        for mixed, status in (((), 2), (("--mixed", "leave-out"), 2), (("--mixed", "count"), 0)):
            ours = run_main("judge_report.py", *flags, *mixed, check=status)
            theirs = run_main("show_result.py", *flags, *mixed, check=status)
            assert status == 0 or ours.err == theirs.err
            assert status == 0 or "judge j used different settings (temperature: 0.0" in ours.err

    def test_settings_of_a_game_are_told_apart_too_and_categories_may_differ(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(two_categories(1))
        games = {q: [{"score": "A>B"} for _ in range(2)] for q in ("c0", "d0")}
        for q, hash_ in (("c0", "1"), ("d0", "2")):
            for game in games[q]:
                game["settings"] = SETTINGS | {"prompt_hash": hash_}
        add_judgments(bench, "j", "m", games)
        assert report(run_main)["judges"][0]["games"] == 4
        games["d0"][1]["settings"] = SETTINGS
        add_judgments(bench, "j", "m", games)
        done = run_main("judge_report.py", "--bench-name", "test-v1", check=2)
        assert "used different judge prompts" in done.err

    def test_the_other_judges_are_reported_and_a_mixed_one_is_skipped_with_the_remedy(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        alone = report(run_main, "--judge-name", "j1", "j2")
        for question, temperature in (("q1", 0.0), ("q2", 1.0)):
            settings = SETTINGS | {"temperature": temperature}
            games = {question: [{"score": "A>B"}] * 2}
            add_judgments(bench, "j0", f"m-{question}", games, settings=settings)
        add_judgments(bench, "j3", "m0", {"q1": [{"score": "A>B"}] * 2}, judge="another")
        add_judgments(bench, "j3", "m1", {"q1": [{"score": "A>B"}] * 2})
        out = run_main("judge_report.py", "--bench-name", "test-v1", "--json", "r.json").out
        found = json.loads((bench.root / "r.json").read_text("utf-8"))
        assert [judge["judge"] for judge in found["judges"]] == ["j1", "j2"]
        assert found["judges"] == alone["judges"]
        first, second = (line for line in out.splitlines() if line.startswith("skipped judge"))
        assert first.startswith("skipped judge j0: data/test-v1/model_judgment/j0/m-q1.jsonl and ")
        assert "judge j0 used different settings (temperature: 0.0 and 1.0)" in first
        assert first.endswith("or accept them with --mixed count.")
        assert "1 judgments by another judge, another. Skip them with --mixed leave-out" in second
        both = report(run_main, "--mixed", "count")["judges"]
        assert [judge["judge"] for judge in both] == ["j0", "j1", "j2", "j3"]

    @pytest.mark.parametrize("known", [{"judge": "other"}, {"baseline": "another"}])
    def test_judgments_of_another_judge_or_baseline_stop_it_unless_told(
        self, bench: Workspace, run_main: RunMain, known: dict[str, str]
    ) -> None:
        bench.add_questions(2)
        add_judgments(bench, "j", "m0", {"q1": [{"score": "A>B"}] * 2})
        add_judgments(bench, "j", "m1", {"q1": [{"score": "A>B"}] * 2}, **known)
        flags = ("--bench-name", "test-v1", "--judge-name", "j", "--baseline", BASELINE)
        ours = run_main("judge_report.py", *flags, check=2)
        assert ours.err == run_main("show_result.py", *flags, check=2).err
        assert "with --mixed leave-out" in ours.err
        (judge,) = report(run_main, *flags[2:], "--mixed", "leave-out")["judges"]
        assert (judge["judgments"], list(judge["left_out"].values())) == (1, [1])
        (judge,) = report(run_main, *flags[2:], "--mixed", "count")["judges"]
        assert (judge["judgments"], judge["left_out"]) == (2, {})

    def test_of_two_judges_in_one_folder_that_count_the_last_does_and_is_told(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(1)
        known = {"question_id": "q1", "model": "m", "baseline": BASELINE}
        records = [{**known, "judge": j, "games": [{"score": "A>B"}]} for j in ("j", "other")]
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", records)
        flags = ("--bench-name", "test-v1", "--mixed", "count")
        assert "1 repeated ids. The last" in run_main("judge_report.py", *flags).err

    def test_a_later_record_that_names_the_baseline_takes_the_place_of_the_whole_record(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write_judge_config("j", BASELINE)
        records = [
            {"question_id": "q1", "games": [{"score": None, "cause": "no label"}] * 2},
            {"question_id": "q1", "baseline": BASELINE, "games": [{"score": "A>B"}] * 2},
        ]
        for file in ("m", "more"):
            named = [{**record, "model": "m"} for record in records]
            bench.write(bench.data / "model_judgment" / "j" / f"{file}.jsonl", named)
        (judge,) = report(run_main)["judges"]
        assert (judge["judgments"], judge["games"], judge["labels"]["A>B"]) == (1, 2, 2)
        assert judge["causes"] == {}


def two_categories(questions: int) -> list[dict[str, Any]]:
    """Questions c0.. and d0.. of the categories c and d."""
    return [
        {"question_id": f"{c}{i}", "category": c, "cluster": "", "turns": [{"content": "?"}]}
        for c in "cd"
        for i in range(questions)
    ]


class TestCategoriesWithBaselinesOfTheirOwn:
    """As in Arena-Hard v2.0: c against base-c, d against base-d."""

    @pytest.fixture
    def two(self, bench: Workspace) -> Workspace:
        """The judges `named`, and `unnamed` with the same verdicts and no baseline in its records;
        `base-c` plays in d and `base-d` in c.
        """
        rng = np.random.default_rng(5)
        questions = two_categories(12)
        bench.add_questions(questions)
        ids = [record["question_id"] for record in questions]
        for model in ("base-c", "base-d", "m0", "m1"):
            bench.write(
                bench.data / "model_answer" / f"{model}.jsonl", [random_answer(q, rng) for q in ids]
            )
        rules = {name: {"baseline_model": f"base-{name}"} for name in "cd"}
        bench.write_judge_config("named", "base-c", categories=rules)
        for model in ("base-c", "base-d", "m0", "m1"):
            games = {q: random_games(rng) for q in ids if model != f"base-{q[0]}"}
            path = bench.data / "model_judgment" / "named" / f"{model}.jsonl"
            known = {"model": model, "judge": "named"}
            records = [{"question_id": q, **known, "games": games[q]} for q in games]
            bench.write(
                path, [{**one, "baseline": f"base-{one['question_id'][0]}"} for one in records]
            )
            bench.write(
                bench.data / "model_judgment" / "unnamed" / f"{model}.jsonl",
                [{**one, "judge": "unnamed"} for one in records],
            )
        return bench

    def test_judgments_that_name_none_have_that_of_their_category(
        self, two: Workspace, run_main: RunMain
    ) -> None:
        found = report(run_main)
        named, unnamed = found["judges"]
        assert unnamed | {"judge": "named"} == named
        assert found["assumed"] == ["base-c", "base-d"]
        (pair,) = found["pairs"]
        assert pair["games"] == sum(named["labels"].values())
        assert pair["kappa"]["value"] == pair["weighted"]["value"] == 1.0

    @pytest.mark.parametrize("category", [(), ("--category", "c")])
    @pytest.mark.parametrize("form", ["v0.1", "v2.0"])
    def test_style_is_that_of_one_board_fitted_by_bradley_terry(
        self, two: Workspace, run_main: RunMain, category: tuple[str, ...], form: str
    ) -> None:
        if form == "v2.0":
            two.add_questions(
                [
                    {"uid": q["question_id"], "category": q["category"], "prompt": "?"}
                    for q in two_categories(12)
                ]
            )
        judge = report(run_main, *category)["judges"][0]
        flags = ("--bench-name", "test-v1", "--judge-name", "named", "--style-control", *category)
        board = board_of(run_main, *flags, "--one-board", "--method", "bradley-terry")
        found = {name: one["estimate"]["value"] for name, one in judge["style"].items()}
        assert found == pytest.approx(board["style_coefficients"])
        out = run_main("judge_report.py", "--bench-name", "test-v1", *category).out
        assert "show_result.py --style-control --style-center mean --one-board --method bra" in out

    def test_style_of_judgments_with_settings_is_that_of_the_named_command(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        """Whose board measures style from equal style by default."""
        flags = ("--data-dir", REPO / "data", "--bench-name", "demo-v0.1")
        out = run_main("judge_report.py", *flags, "--json", "r.json").out
        (judge,) = json.loads((bench.root / "r.json").read_text("utf-8"))["judges"]
        (command,) = re.findall("length and markdown bias: as in show_result.py (.*)", out)
        names = ("--judge-name", "smollm2-judge", "--baseline", "smollm2-base")
        board = board_of(run_main, *flags, *names, *command.split())
        found = {name: one["estimate"]["value"] or 0.0 for name, one in judge["style"].items()}
        assert found == pytest.approx(board["style_coefficients"])

    def test_a_category_alone_can_be_measured(self, two: Workspace, run_main: RunMain) -> None:
        whole, part = report(run_main), report(run_main, "--category", "d")
        assert (part["categories"], part["questions"]) == (["d"], 12)
        assert part["judges"][0]["judgments"] == 36 == whole["judges"][0]["judgments"] / 2
        assert part["judges"][0]["models"] == 3
        out = run_main("judge_report.py", "--bench-name", "test-v1", "--category", "d").out
        assert "1,000 draws of 12 questions of d\n" in out
        flags = ("--bench-name", "test-v1", "--category", "e")
        assert "no category or cluster 'e'" in run_main("judge_report.py", *flags, check=2).err


class TestEnsembles:
    @pytest.fixture
    def joined(self, bench: Workspace, run_main: RunMain) -> Workspace:
        """Three judges, and an ensemble of the first two."""
        random_bench(bench, models=5)
        flags = ("--bench-name", "test-v1", "--judges", "j0", "j1", "--name", "both")
        run_main("gen_ensemble_judgment.py", *flags)
        bench.write("families.yaml", {"a": ["j0", "m0"], "b": ["both", "m1"], "c": ["j2", "m2"]})
        return bench

    @pytest.mark.parametrize("told", [("rule",), ("judges",), ("scores",), ()])
    def test_are_nobodys_other_judge_and_not_compared_with_their_judges(
        self, joined: Workspace, run_main: RunMain, told: tuple[str, ...]
    ) -> None:
        name = "both" if told else "ensemble"
        keep_only(joined, told, name)
        without = report(run_main, "--family", "families.yaml")
        assert [judge["judge"] for judge in without["judges"]] == ["j0", "j1", "j2"]
        names = ("j0", "j1", "j2", name)
        found = report(run_main, "--family", "families.yaml", "--judge-name", *names)
        for one, same in zip(found["judges"], without["judges"], strict=False):
            assert one["kin_difference"] == same["kin_difference"]
        assert all(found["judges"][i]["kin_difference"]["number"] > 0 for i in (0, 2))
        pairs = [{pair["first"], pair["second"]} for pair in found["pairs"]]
        known = {"judges", "scores"} & set(told)
        assert ({"j2", name} in pairs) == bool(known)
        assert len(pairs) == 3 + bool(known)
        assert found["judges"][3]["made_of"] == (["j0", "j1"] if known else [])

    def test_say_what_they_are(self, joined: Workspace, run_main: RunMain) -> None:
        names = ("--judge-name", "j0", "j1", "j2", "both")
        out = run_main("judge_report.py", "--bench-name", "test-v1", *names).out
        assert "both is an ensemble of j0, j1, so kin is not measured against it" in out
        assert "not compared, of the same verdicts: j0, both\n" in out

    def test_are_compared_with_judges_that_they_are_not_made_of_on_kin_too(
        self, joined: Workspace, run_main: RunMain
    ) -> None:
        flags = ("--family", "families.yaml", "--judge-name")
        *_, both = report(run_main, *flags, "j0", "j1", "both")["judges"]
        assert both["kin_difference"]["why"] == "no judge of another family"
        *_, both = report(run_main, *flags, "j0", "j1", "j2", "both")["judges"]
        *_, alone = report(run_main, *flags, "j2", "both")["judges"]
        assert both["kin_difference"]["number"] == alone["kin_difference"]["number"] > 0


def keep_only(bench: Workspace, told: tuple[str, ...], name: str) -> None:
    """Let the ensemble's records tell only some of what shows it, and call it so."""
    for path in (bench.data / "model_judgment" / "both").glob("*.jsonl"):
        records = bench.read_jsonl(path)
        for record in records:
            record["judge"] = name
            for field in {"rule", "judges"} - set(told):
                del record[field]
            if "scores" not in told:
                for game in record["games"]:
                    del game["scores"]
        if name != "both":
            path.unlink()
        bench.write(bench.data / "model_judgment" / name / path.name, records)


class TestWhatHasNoNumber:
    def test_an_attribute_in_which_no_answers_differ_has_no_coefficient(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench, judges=1)
        for model in (BASELINE, *(f"m{i}" for i in range(5))):
            records = bench.answers(model)
            for record in records:
                record["conv_metadata"]["header_count"] = {"h1": 2}
            bench.write(bench.data / "model_answer" / f"{model}.jsonl", records)
        (judge,) = report(run_main)["judges"]
        header = judge["style"]["header_count"]
        assert header["estimate"] == {"value": None, "lower": None, "upper": None}
        assert header["why"] == "no answers differ in it"
        assert judge["style"]["list_count"]["why"] == ""
        out = run_main("judge_report.py", "--bench-name", "test-v1", "--html", "r.html").out
        assert re.search("^markdown bias: header_count  +n/a$", out, re.MULTILINE)
        assert "n/a for j0: markdown bias: header_count: no answers differ in it\n" in out
        page = (bench.root / "r.html").read_text("utf-8")
        assert "n/a<small>no answers differ in it</small>" in page

    def test_kappa_tells_why(self, bench: Workspace, run_main: RunMain) -> None:
        for judge, question in (("j0", "q1"), ("j1", "q1"), ("j2", "q2")):
            add_judgments(bench, judge, "m0", {question: [{"score": "A=B"}]})
        bench.add_questions(2)
        out = run_main("judge_report.py", "--bench-name", "test-v1", "--html", "r.html").out
        assert "n/a for j0, j1: kappa: both give one and the same label\n" in out
        why = "agreement: they share no game with a verdict of both"
        assert f"n/a for j0, j2; j1, j2: {why}\n" in out
        assert "j0, j1  1" in out and "j0, j2  0" not in out  # the numbers of pairs
        assert "j0 \\ j1" in out and "j0 \\ j2" not in out  # their tables of labels
        page = (bench.root / "r.html").read_text("utf-8")
        assert "n/a for j0, j1: kappa: both give one and the same label" in page
        assert page.count("<caption>") == 1
        for record in bench.read_jsonl(bench.data / "model_judgment" / "j1" / "m0.jsonl"):
            add_judgments(bench, "j1", "m0", {"q2": record["games"]})
        alone = run_main("judge_report.py", "--bench-name", "test-v1", "--judge-name", "j0", "j1")
        assert "A>>B  " not in alone.out and "kappa" not in alone.out
        assert f"n/a for j0, j1: {why}\n" in alone.out


class TestManyJudges:
    def test_tables_of_labels_are_printed_of_three_pairs_or_when_asked_for(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench, judges=8, questions=4)
        flags = ("--bench-name", "test-v1", "--html", "r.html")
        few = run_main("judge_report.py", *flags, "--judge-name", "j0", "j1", "j2").out
        assert few.count("  A>>B  ") == 3 and "--confusion" not in few
        many = run_main("judge_report.py", *flags).out
        assert "labels of 28 pairs side by side: --confusion, --json or --html\n" in many
        assert "j0 \\ j1" not in many
        assert max(map(len, many.splitlines())) <= 120
        every = run_main("judge_report.py", *flags, "--confusion").out
        assert all(f"j{i} \\ j{j}" in every for i, j in combinations(range(8), 2))
        assert (bench.root / "r.html").read_text("utf-8").count("<caption>") == 28


class TestWrongInput:
    @pytest.mark.parametrize(
        "flags, words",
        [
            (("--judge-name", "j9"), "no judgments. Judges here: j0, j1, j2"),
            (("--judge-name", "graded"), "has grades of single answers"),
            (("--bench-name", "nothing"), "Benches here: test-v1"),
            (("--family", "missing.yaml"), "missing.yaml"),
            (("--family", "twice.yaml"), "'m0' is of two families, a and b"),
            (("--family", "text.yaml"), "a: expected a list of texts, got 'm0'"),
            (
                ("--family", "yes.yaml"),
                "yes.yaml: a[1]: expected a text, got true. Put it in quotes",
            ),
            (("--baseline", "nobody"), "60 judgments against another baseline, base"),
        ],
    )
    def test_gets_one_line(
        self, bench: Workspace, run_main: RunMain, flags: tuple[str, ...], words: str
    ) -> None:
        random_bench(bench)
        if "graded" in flags:
            add_judgments(bench, "graded", "m0", {"q1": [{"score": 7}]})
        bench.write("twice.yaml", {"a": ["m0"], "b": ["m0"]})
        bench.write("text.yaml", {"a": "m0"})
        bench.write("yes.yaml", {"a": [4, True]})
        done = run_main("judge_report.py", "--bench-name", "test-v1", *flags, check=2)
        assert done.out == ""
        assert done.err.startswith("error: ") and done.err.count("\n") == 1
        assert words in done.err

    def test_a_name_in_a_family_that_nobody_has_is_told(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        random_bench(bench)
        bench.write("families.yaml", {"a": ["j0", "m0"], "b": ["j1", "mm1"]})
        flags = ("--bench-name", "test-v1", "--family", "families.yaml")
        done = run_main("judge_report.py", *flags, "--judge-name", "j0", "j2")
        said = "warning: families.yaml: test-v1 has no judge or model 'mm1' (did you mean 'm1'?)"
        assert done.err.strip() == said

    def test_a_real_process_ends_with_2_for_rounds_that_are_none(self, bench: Workspace) -> None:
        done = bench.run("judge_report.py", "--num-rounds", 0, check=2)
        assert "expected a whole number, 1 or more" in done.stderr


# Simulated judges


def plant(bench: Workspace, questions: int = 300) -> None:
    """Files of judges with what sways them planted: `partial` takes the first place in 3 of 10
    games and gives its kin m0 and m11 all games of 4 of 10 questions, `long` loves length, and
    `noisy` says in half of its games what `long` does.
    """
    rng = np.random.default_rng(3)
    ids = [f"q{i}" for i in range(1, questions + 1)]
    bench.add_questions(questions)
    names = [BASELINE, *(f"m{i}" for i in range(len(RIVALS)))]
    tokens = rng.integers(50, 1000, (questions, len(names)))
    for name, of_model in zip(names, tokens.T.tolist(), strict=True):
        answers = [random_answer(q, rng) for q in ids]
        for record, number in zip(answers, of_model, strict=True):
            record["conv_metadata"]["token_len"] = number
        bench.write(bench.data / "model_answer" / f"{name}.jsonl", answers)
    base, others = tokens[:, :1], tokens[:, 1:]
    length = (base - others) / (base + others + 1)
    logit = np.log(RIVALS / (1 - RIVALS)) - 0.5 * (length - length.mean()) / length.std()
    drawn = chances(rng, 2, questions, np.full(len(RIVALS), 0.6))
    wins = {"long": drawn[0] < 1 / (1 + np.exp(-logit[:, :, None]))}
    other = rng.random(wins["long"].shape)
    wins["noisy"] = np.where(rng.random(other.shape) < 0.5, wins["long"], other < 0.5)
    partial = drawn[1] < RIVALS[:, None]
    partial[:, [0, 11]] |= rng.random((questions, 1, 1)) < 0.4
    wins["partial"] = first_placed(rng, partial)
    for judge, won in wins.items():
        labels = np.array(LABELS)[2 - decide(won) * PLACE_A].swapaxes(0, 1).tolist()
        for i, of_model in enumerate(labels):
            games = {q: [{"score": x} for x in two] for q, two in zip(ids, of_model, strict=True)}
            add_judgments(bench, judge, f"m{i}", games)


def test_what_is_planted_in_files_is_found_by_the_command(
    bench: Workspace, run_main: RunMain
) -> None:
    plant(bench)
    bench.write("families.yaml", {"a": ["partial", "m0", "m11"]})
    found = report(run_main, "--family", "families.yaml")
    long, _, partial = found["judges"]
    (pair,) = [pair for pair in found["pairs"] if pair["first"] == "long"][:1]
    assert (pair["first"], pair["second"]) == ("long", "noisy")
    rates = np.where(np.isin(range(len(RIVALS)), (0, 11)), 0.4 + 0.6 * RIVALS, RIVALS)
    games = [(str(i), 0.7 * rate, 0.3 + 0.7 * rate) for i, rate in enumerate(rates.tolist())]
    planted = [
        (partial["place"]["estimate"], place_by_regression(games), 5),
        (long["place"]["estimate"], 0.0, 5),
        (long["style"]["token_len"]["estimate"], 0.5, 0.15),
        (long["style"]["header_count"]["estimate"], 0.0, 0.15),
        (long["style"]["bold_count"]["estimate"], 0.0, 0.15),
        (partial["self_preference"]["estimate"], 100 * 0.4 * 0.5 * 0.7, 5),
        (pair["same"], 75.0, 5),
        (pair["kappa"], 0.5, 0.15),
    ]
    for estimate, truth, near in planted:
        assert estimate["lower"] <= truth <= estimate["upper"]
        assert abs(estimate["value"] - truth) < near
    assert partial["place"]["estimate"]["lower"] > 5
    assert long["style"]["token_len"]["estimate"]["lower"] > 0
    assert partial["self_preference"]["estimate"]["lower"] > 0


class TestRepeats:
    """All verdicts of a game count, and the game counts once."""

    @staticmethod
    def played(*labels: str | None) -> dict[str, Any]:
        first, *others = labels
        return {"score": first, "repeats": [{"score": label} for label in others]}

    def test_each_verdict_of_a_game_has_its_part(self, bench: Workspace, run_main: RunMain) -> None:
        bench.add_questions(3)
        bench.write_judge_config("j", BASELINE)
        games = {
            "q1": [self.played("A>B", "B>A"), self.played("B>A")],
            "q2": [self.played("A=B"), self.played("A=B", "A=B", "A>B")],
            "q3": [self.played(None, "A>>B"), self.played(None, None)],
        }
        add_judgments(bench, "j", "m", games)
        once = {"q1": ["A>B", "B>A"], "q2": ["A=B", "A=B"], "q3": ["A>B", "A>B"]}
        add_judgments(bench, "k", "m", {q: list(map(self.played, x)) for q, x in once.items()})
        done = run_main("judge_report.py", "--bench-name", "test-v1", "--json", "-")
        report = json.loads(done.out)
        judge = report["judges"][0]
        # The first of q1 names both winners, a third of the second of q2 is no tie.
        assert judge["flips"]["estimate"]["value"] == pytest.approx(100 * (1 / 2 + 1 / 3) / 2)
        labels = {"A>>B": 1, "A>B": 0.83, "A=B": 1.67, "B>A": 1.5, "B>>A": 0}
        assert judge["labels"] == pytest.approx(labels)
        assert sum(judge["causes"].values()) == 1 and judge["games"] == 6
        (pair,) = report["pairs"]
        parts = {
            ("A>B", "A>B"): 1 / 2,
            ("B>A", "A>B"): 1 / 2,
            ("B>A", "B>A"): 1,
            ("A=B", "A=B"): 1 + 2 / 3,
            ("A>B", "A=B"): 1 / 3,
            ("A>>B", "A>B"): 1,
        }
        assert pair["games"] == 5
        same = sum(x for (a, b), x in parts.items() if a == b)
        assert pair["same"]["value"] == pytest.approx(100 * same / 5)
        columns = [[two[i] for two in parts] for i in (0, 1)]
        for name, weights in (("kappa", None), ("weighted", "quadratic")):
            kappa = cohen_kappa_score(
                *columns, labels=LABELS, weights=weights, sample_weight=list(parts.values())
            )
            assert pair[name]["value"] == pytest.approx(kappa)
        assert pair["confusion"][LABELS.index("A=B")][LABELS.index("A=B")] == 1.67

    def test_biases_are_those_of_the_verdicts_apart(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        """Two verdicts a game weigh like one on each of two questions."""
        rng = np.random.default_rng(8)
        bench.add_questions(40)
        bench.write_judge_config("j", BASELINE)
        styles = [random_answer(f"q{q}", rng) for q in range(1, 21)]
        twins = [
            *styles,
            *(answer | {"question_id": f"q{q + 20}"} for q, answer in enumerate(styles, 1)),
        ]
        verdicts = rng.choice([*LABELS, "A>B"], (20, 2, 2)).tolist()
        for model in (BASELINE, "m"):
            bench.write(bench.data / f"model_answer/{model}.jsonl", twins)
            twins = [random_answer(answer["question_id"], rng) for answer in twins[:20]]
            twins += [answer | {"question_id": f"q{q}"} for q, answer in enumerate(twins, 21)]
        apart = {
            f"q{q + 20 * i}": [self.played(x[i]), self.played(y[i])]
            for q, (x, y) in enumerate(verdicts, 1)
            for i in (0, 1)
        }
        together = {
            f"q{q}": [self.played(*x), self.played(*y)] for q, (x, y) in enumerate(verdicts, 1)
        }
        add_judgments(bench, "apart", "m", apart)
        add_judgments(bench, "j", "m", together)
        done = run_main("judge_report.py", "--bench-name", "test-v1", "--json", "-")
        one, two = json.loads(done.out)["judges"]
        assert one["place"]["estimate"]["value"] == pytest.approx(two["place"]["estimate"]["value"])
        for name, measure in one["style"].items():
            value = two["style"][name]["estimate"]["value"]
            assert measure["estimate"]["value"] == pytest.approx(value, abs=0.02)


def test_a_vote_has_no_game_without_a_verdict(bench: Workspace, run_main: RunMain) -> None:
    bench.add_questions(6)
    bench.write_judge_config("judge", BASELINE)
    votes = {f"q{q}": [{"score": "A>B"}, None][:: 1 - 2 * (q % 2)] for q in range(1, 7)}
    add_judgments(bench, "human-anna", "m", votes)
    done = run_main("judge_report.py", "--bench-name", "test-v1", "--html", "page.html")
    assert re.search(r"games with a verdict +6\n(.*\n)*games without verdict +0\n", done.out)
    assert "not played" not in done.out
    assert "not played" not in (bench.root / "page.html").read_text()
