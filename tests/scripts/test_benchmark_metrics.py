"""benchmark_metrics.py as a user runs it: references, several benchmarks, wrong files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any

import pytest
from boards import DEPENDENT, flags, named
from conftest import REPO, Done, RunMain, Workspace
from judgments import add_judgments, random_judgments
from scipy.stats import kendalltau, spearmanr

Run = Callable[..., Done]

BENCH = tuple(named())
HEAD = "model,rating,lower,upper\n"
RATINGS = {"base": 1000, "m1": 1040, "m2": 985, "m3": 1100, "m4": 900, "other": 1}


@pytest.fixture(autouse=True)
def judged(bench: Workspace) -> None:
    for seed in range(1, 5):
        add_judgments(bench, f"m{seed}", random_judgments(seed, 12))


@pytest.fixture
def run(run_main: RunMain) -> Run:
    return lambda *arguments, check=0: run_main("benchmark_metrics.py", *arguments, check=check)


def reference(bench: Workspace) -> str:
    """A reference whose intervals reach 10 to either side."""
    lines = [f"{model},{r},{r - 10},{r + 10}" for model, r in RATINGS.items()]
    return bench.write("ref.csv", "\n".join([HEAD.strip(), *lines]) + "\n").name


def column(out: str, name: str = "test-v1") -> dict[str, str]:
    """A benchmark's column of the table, by the labels of the rows."""
    head, *rows = out.split("\n\n")[0].splitlines()
    start = re.search(rf"(?<= ){re.escape(name)}(?=  |$)", head)
    assert start, head
    return {row[: row.index("  ")]: re.split(" {2,}", row[start.start() :])[0] for row in rows}


def notes(out: str) -> list[str]:
    return out.split("\n\n")[1].splitlines()


def measured(bench: Workspace, run: Run, *arguments: object) -> list[dict[str, Any]]:
    run(*arguments, "--json", bench.root / "out.json")
    found: list[dict[str, Any]] = json.loads((bench.root / "out.json").read_text())["benchmarks"]
    return found


def results(model: str, *rounds: float | None, **fields: Any) -> dict[str, Any]:
    return {"model": model, "score": rounds[0], "results": rounds} | fields


def test_a_baseline_of_one_result_has_it_in_every_round(bench: Workspace, run: Run) -> None:
    """As in the bootstrap file of the notebook of Arena-Hard v0.1."""
    lines = [
        results("m1", 40.0, 38.0, 42.0, score=40.1, lower=37.5, upper=42.6),
        results("base", 50, lower=50, upper=50),
        results("m2", 60.0, 58.0, 62.0, lower=57.5, upper=62.5),
    ]
    bench.write("x.jsonl", lines)
    out = run("--bootstrap", "x.jsonl").out
    assert "models           3\n" in out and "separability, %  100.0" in out


class TestOneBench:
    @pytest.mark.parametrize("more", [(), ("--as-published",), ("--resample", "battle")])
    def test_scores_and_intervals_are_those_of_the_leaderboard(
        self, bench: Workspace, run: Run, run_main: RunMain, more: tuple[str, ...]
    ) -> None:
        (found,) = measured(bench, run, *BENCH, *more, "--reference", reference(bench))
        run_main("show_result.py", *BENCH, *more, "--json", bench.root / "board.json")
        rows = json.loads((bench.root / "board.json").read_text())["rows"]
        ends = sorted((row["lower"], row["upper"]) for row in rows)
        apart = [later[0] >= earlier[1] for earlier, later in combinations(ends, 2)]
        values = {name: one["value"] for name, one in found["metrics"].items()}
        assert values["separability"] == pytest.approx(100 * sum(apart) / 10)
        pairs = [(row["score"], RATINGS[row["model"]]) for row in rows]
        assert values["spearman"] == pytest.approx(spearmanr(pairs).statistic)
        assert values["kendall"] == pytest.approx(kendalltau(*zip(*pairs, strict=True)).statistic)

    def test_the_text(self, bench: Workspace, run: Run) -> None:
        scores = dict(zip("abcdefghij", range(10, 110, 10), strict=True))
        records = [results(name, score, score - 1, score + 1) for name, score in scores.items()]
        bench.write("tiny.jsonl", records)
        rows = "".join(f"{name},{score},{score},{score}\n" for name, score in scores.items())
        bench.write("ref.csv", HEAD + rows + "k,7,7,7\n")
        assert run("--bootstrap", "tiny.jsonl", "--reference", "ref.csv").out == (
            "                       tiny\n"
            "models                 10\n"
            "separability, %        100.0 (100.0, 100.0)\n"
            "agreement, %           100.0 (100.0, 100.0)\n"
            "pair rank Brier score  0.000 (0.000, 0.000)\n"
            "pair log loss          0.000 (0.000, 0.000)\n"
            "Spearman correlation   1.000 (1.000, 1.000)\n"
            "Kendall correlation    1.000 (1.000, 1.000)\n"
            "\n"
            "intervals of scores at 95 %, in brackets 95 % over 1,000 draws of the models\n"
            "skipped models of ref.csv, not in tiny: k\n"
        )

    def test_over_a_few_models_there_is_no_interval(self, bench: Workspace, run: Run) -> None:
        shown = run(*BENCH, "--reference", reference(bench))
        measures = [value for name, value in column(shown.out).items() if name != "models"]
        assert all(value.endswith(" (–)") for value in measures)
        assert notes(shown.out)[:2] == [
            "intervals of scores at 95 %",
            "no interval over the models of test-v1: there are fewer than 10",
        ]
        (found,) = measured(bench, run, *BENCH)
        assert found["metrics"]["separability"]["lower"] is None

    def test_models_of_few_questions_have_no_interval_and_are_not_separated(
        self, bench: Workspace, run: Run
    ) -> None:
        for seed in range(1, 5):
            add_judgments(bench, f"m{seed}", random_judgments(seed, 4))
        out = run(*BENCH, "--reference", reference(bench), "--save-bootstrap", "x.jsonl").out
        assert column(out)["separability, %"] == column(out)["agreement, %"] == "n/a"
        assert column(out)["Spearman correlation"] != "n/a"
        assert "n/a for test-v1: separability: there is no pair of models with intervals" in out
        line = next(line for line in bench.read_jsonl("x.jsonl") if line["model"] == "m1")
        assert line["lower"] is line["upper"] is None

    def test_undefined_draws_are_counted(self, bench: Workspace, run: Run) -> None:
        """The reference sets only one of ten models apart."""
        bench.write("x.jsonl", [results(f"m{i}", i, i + 0.5, i - 0.5) for i in range(10)])
        others = "".join(f"m{i},{i},0,10\n" for i in range(1, 10))
        bench.write("ref.csv", HEAD + "m0,19,18,20\n" + others)
        out = run("--bootstrap", "x.jsonl", "--reference", "ref.csv").out
        (line,) = (line for line in notes(out) if "draws of the models do" in line)
        assert re.fullmatch(
            r"x: agreement: 3\d\d of 1,000 draws of the models do not define it", line
        )

    @pytest.mark.parametrize("resample", ["battle", "question"])
    def test_intervals_that_are_too_narrow_are_marked(
        self, bench: Workspace, run: Run, resample: str
    ) -> None:
        """By the line below the leaderboard; the default is that of the leaderboard."""
        chosen = flags() if resample == "battle" else BENCH
        out = run(*chosen, "--save-bootstrap", "x.jsonl").out
        assert (DEPENDENT in notes(out)) == (resample == "battle")
        assert DEPENDENT not in run("--bootstrap", "x.jsonl").out

    def test_the_json_tells_what_made_the_scores(self, bench: Workspace, run: Run) -> None:
        run(*BENCH, "--save-bootstrap", "x.jsonl")
        chosen = ["--bootstrap", "x.jsonl", "--reference", reference(bench), "--method", "v2.0"]
        ours, file = measured(bench, run, *flags(), *chosen, "--seed", "3", "--num-rounds", "50")
        expected = {
            "judges": ["judge"],
            "baselines": ["base"],
            "method": "v2.0",
            "resample": "battle",
            "as_published": True,
            "intervals": "percentiles",
            "rounds": 50,
            "seed": 3,
            "half_judged": "drop",
            "first_game_only": False,
            "judge_effects": "fixed",
        }
        assert expected.items() <= ours.items()
        assert file["file"] == "x.jsonl"
        assert ours["only_in_reference"] == file["only_in_reference"] == ["other"]

    def test_without_a_reference_it_prints_what_needs_none(
        self, bench: Workspace, run: Run
    ) -> None:
        shown = run(*BENCH)
        assert list(column(shown.out)) == ["models", "separability, %"]
        assert not any("reference" in line for line in notes(shown.out))

    def test_without_flags_bench_judge_and_baseline_are_those_of_the_config(
        self, bench: Workspace, run: Run
    ) -> None:
        bench.add_answers("base", {"q1": "?"})
        bench.write_judge_config("judge", "base")
        assert run().out == run(*named()).out

    def test_lower_confidence_separates_more(self, bench: Workspace, run: Run) -> None:
        values = []
        for level in (99, 95, 80, 20):
            (found,) = measured(bench, run, *BENCH, "--confidence", level)
            values.append(found["metrics"]["separability"]["value"])
        assert values == sorted(values) and values[0] < values[-1]

    def test_the_flags_of_the_leaderboard_change_it(self, bench: Workspace, run: Run) -> None:
        usual = run(*BENCH, "--reference", reference(bench)).out
        assert run(*BENCH, "--reference", "ref.csv").out == usual
        for more in (["--seed", "7"], ["--num-rounds", "20"], ["--first-game-only"]):
            assert run(*BENCH, "--reference", "ref.csv", *more).out != usual, more
        for style in ("--style-control", "--control-features"):
            line = run(*BENCH, style, *(["length"] * (style[2] == "c")), check=2).err
            assert "no answer to q1, so its style is not known" in line

    def test_the_forms_of_agreement(self, bench: Workspace, run: Run) -> None:
        """Of six pairs a-b, a-c, b-c and c-d are apart in the benchmark, the last the wrong way;
        a-b, a-d, b-d and c-d are apart in the reference.
        """
        ends = {"a": (0, 2), "b": (3, 5), "c": (6, 9), "d": (1, 6)}
        records = [
            {"model": m, "score": sum(pair) / 2, "lower": pair[0], "upper": pair[1]}
            for m, pair in ends.items()
        ]
        bench.write("x.jsonl", records)
        bench.write("ref.csv", HEAD + "a,1,0,2\nb,4,3,5\nc,4,1,6\nd,9,8,10\n")
        values = {}
        for form in ("notebook", "paper"):
            chosen = ["--bootstrap", "x.jsonl", "--reference", "ref.csv", "--agreement", form]
            (found,) = measured(bench, run, *chosen)
            values[form] = found["metrics"]["agreement"]["value"]
        assert values["notebook"] == pytest.approx(100 * (1 + 1 / 2 + 1 / 2 + 0) / 4)
        assert values["paper"] == pytest.approx(100 * (1 - 1) / 6)
        assert "agreement in points of 1, 0 and -1 over all pairs" in run(*chosen).out

    def test_each_category_of_v2_0_is_a_benchmark(
        self,
        modern: Workspace,
        run: Run,
    ) -> None:
        for seed in (3, 4):
            (modern.data / f"model_judgment/judge/m{seed}.jsonl").unlink()
        shown = run("--save-bootstrap", modern.root / "b.jsonl")
        names = ("hard_prompt", "creative_writing", "Overall")
        models = [column(shown.out, f"test-v1: {name}")["models"] for name in names]
        assert models == ["4", "5", "4"]
        assert "Use --common for the same" in shown.out
        assert (
            "skipped models of test-v1: Overall, not on the board of hard_prompt: poet" in shown.out
        )
        assert {path.name for path in modern.root.glob("b_*")} == {f"b_{n}.jsonl" for n in names}

    def test_grades_can_be_measured(self, bench: Workspace, run: Run) -> None:
        for name in ("m1", "m2", "m3", "m4"):
            games = [{"score": 1 + (len(name) * i) % 7} for i in range(12)]
            records = [{"question_id": f"q{i}", "games": [g]} for i, g in enumerate(games)]
            add_judgments(bench, name, records)
        assert column(run(*named()).out)["models"] == "4"


class TestReferences:
    def test_columns_are_found_by_name(self, bench: Workspace, run: Run) -> None:
        expected = run(*BENCH, "--reference", reference(bench)).out
        rows = [
            {"Model ": m, "votes": 1, "score": r, "RATING_Q025": r - 10, "rating_q975": r + 10}
            for m, r in RATINGS.items()
        ]
        bench.write("ref.jsonl", rows)
        names = list(rows[0])
        lines = [",".join(map(str, row.values())) for row in rows]
        bench.write("other.csv", ("\ufeff" + "\r\n".join([",".join(names), *lines])).encode())
        for name in ("ref.jsonl", "other.csv"):
            found = run(*BENCH, "--reference", name).out
            assert found.replace(name, "ref.csv") == expected

    def test_a_variance_stands_in_for_the_ends(self, bench: Workspace, run: Run) -> None:
        expected = run(*BENCH, "--reference", reference(bench)).out
        lines = [f"{model},{r},{(10 / 1.959964) ** 2}" for model, r in RATINGS.items()]
        bench.write("ref.csv", "\n".join(["model,rating,variance", *lines]))
        assert run(*BENCH, "--reference", "ref.csv").out == expected

    @pytest.mark.parametrize("kind", ["semicolons", "tabs", "list", "suffix", "content"])
    def test_other_forms_are_told_by_their_content(
        self, bench: Workspace, run: Run, kind: str
    ) -> None:
        expected = run(*BENCH, "--reference", reference(bench)).out
        text = (bench.root / "ref.csv").read_text()
        records = [
            {"model": m, "rating": r, "lower": r - 10, "upper": r + 10} for m, r in RATINGS.items()
        ]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        name, content = {
            "semicolons": ("r.csv", text.replace(",", ";") + ";;;\n"),
            "tabs": ("r.tsv", text.replace(",", "\t")),
            "list": ("r.json", json.dumps(records, indent=2)),
            "suffix": ("r.JSONL", lines),
            "content": ("r.txt", "\n" + lines),
        }[kind]
        bench.write(name, content)
        assert run(*BENCH, "--reference", name).out.replace(name, "ref.csv") == expected

    def test_the_published_table_of_the_arena_can_be_read(self, bench: Workspace, run: Run) -> None:
        expected = run(*BENCH, "--reference", reference(bench)).out
        for form in ("+10/-10", "-10 / +10", "±10"):
            lines = [f'{i},{m},{r},{form},"1,024"' for i, (m, r) in enumerate(RATINGS.items())]
            bench.write("t.csv", "\n".join([",Model,Arena Score,95% CI,Votes", *lines]))
            assert run(*BENCH, "--reference", "t.csv").out.replace("t.csv", "ref.csv") == expected

    def test_ends_that_a_row_lacks_can_be_its_variance(self, bench: Workspace, run: Run) -> None:
        """Beside rows that have ends; what a spreadsheet adds is passed over."""
        expected = run(*BENCH, "--reference", reference(bench)).out
        lines = [f"{m},{r},{r - 10},{r + 10},,," for m, r in RATINGS.items()]
        lines[1] = f"m1,{RATINGS['m1']},,,{(10 / 1.959964) ** 2}"
        text = "\n".join(["model,rating,lower,upper,variance", *lines, ",,,,", ""])
        bench.write("ref.csv", text)
        assert run(*BENCH, "--reference", "ref.csv").out == expected

    def test_many_without_a_partner_are_counted(self, bench: Workspace, run: Run) -> None:
        """The JSON has all names; nothing in them reaches the terminal but text."""
        path = reference(bench)
        others = "".join(f"a{i:03}\x1b,1,0,2\n" for i in range(200))
        bench.write("ref.csv", (bench.root / path).read_text() + others)
        out = run(*BENCH, "--reference", path).out
        assert notes(out)[2:] == [
            f"skipped models of {path}, not in test-v1: 201 models, e.g. a000, a001, a002",
            "Use --json FILE for all names.",
        ]
        (found,) = measured(bench, run, *BENCH, "--reference", path)
        assert len(found["only_in_reference"]) == 201

    def test_a_board_can_be_the_reference(
        self, bench: Workspace, run: Run, run_main: RunMain
    ) -> None:
        run_main("show_result.py", *BENCH, "--output")
        (board,) = bench.root.glob("leaderboard/*.csv")
        values = column(run(*BENCH, "--reference", board).out)
        assert values["Spearman correlation"] == "1.000 (–)"

    def test_those_without_a_partner_are_named(self, bench: Workspace, run: Run) -> None:
        path = bench.write("ref.csv", "model,rating,lower,upper\nm3,3,2,4\nx,1,0,2\nm1,1,0,2\n")
        shown = run(*BENCH, "--reference", path)
        assert column(shown.out)["models"] == "2"
        assert notes(shown.out)[2:] == [
            f"skipped models of test-v1, not in {path}: base, m2, m4",
            f"skipped models of {path}, not in test-v1: x",
        ]

    def test_names_can_differ(self, bench: Workspace, run: Run) -> None:
        expected = run(*BENCH, "--reference", reference(bench)).out
        text = (bench.root / "ref.csv").read_text()
        renamed = text.replace("m1,", "M-One,").replace("m2,", "M-Two,")
        bench.write("ref.csv", renamed)
        names = {"m1": "M-One", "m2": "M-Two"}
        for path in (bench.write("n.json", names), bench.write("n.yaml", names)):
            chosen = ["--reference", "ref.csv", "--map", path]
            found = column(run(*BENCH, *chosen).out)
            plain = {name: value.split(" (")[0] for name, value in column(expected).items()}
            assert {name: value.split(" (")[0] for name, value in found.items()} == plain

    def test_equal_ratings_leave_what_needs_an_order_undefined(
        self, bench: Workspace, run: Run
    ) -> None:
        bench.write("ref.csv", "model,rating,lower,upper\nm1,1,0,2\nm2,1,0,2\n")
        out = run(*BENCH, "--reference", "ref.csv").out
        assert list(column(out).values())[2:] == ["n/a"] * 5
        alike = "the reference rates all of these models alike"
        equal = "all scores or all ratings are equal"
        assert [line for line in notes(out) if line.startswith("n/a")] == [
            "n/a for test-v1: agreement: the reference separates no pair of these models",
            f"n/a for test-v1: pair rank Brier score: {alike}",
            f"n/a for test-v1: pair log loss: {alike}",
            f"n/a for test-v1: Spearman correlation: {equal}",
            f"n/a for test-v1: Kendall correlation: {equal}",
        ]
        (found,) = measured(bench, run, *BENCH, "--reference", "ref.csv")
        assert found["metrics"]["brier"] == {
            "value": None,
            "lower": None,
            "upper": None,
            "undefined_draws": 0,
        }


class TestBootstrapResults:
    def test_what_is_saved_is_the_same_benchmark(self, bench: Workspace, run: Run) -> None:
        saving = [*BENCH, "--save-bootstrap", "out/ours.jsonl"]
        assert run(*saving).out.endswith("\nwritten: out/ours.jsonl\n")
        for level in (95, 80):
            chosen = ["--reference", reference(bench), "--confidence", level]
            first = column(run(*saving, *chosen).out)
            assert column(run("--bootstrap", "out/ours.jsonl", *chosen).out, "ours") == first
        record = bench.read_jsonl("out/ours.jsonl")[0]
        assert list(record) == ["model", "score", "lower", "upper", "results"]
        assert len(record["results"]) == 1000
        assert record["lower"] < record["score"] < record["upper"]

    def test_several_benchmarks_stand_side_by_side(self, bench: Workspace, run: Run) -> None:
        run(*BENCH, "--save-bootstrap", "one.jsonl", "--seed", "1")
        run(*BENCH, "--save-bootstrap", "two.jsonl", "--first-game-only")
        chosen = ["--reference", reference(bench)]
        alone = {
            name: column(run("--bootstrap", f"{name}.jsonl", *chosen).out, name)
            for name in ("one", "two")
        }
        ours = column(run(*BENCH, *chosen).out)
        files = ["--bootstrap", "one.jsonl", "--bootstrap", "two.jsonl"]
        both = run(*files, *chosen).out
        three = run(*files, *BENCH, *chosen).out
        for out in (both, three):
            assert {name: column(out, name) for name in alone} == alone
        assert column(three) == ours and "warning" not in three
        assert [line["name"] for line in measured(bench, run, *files, *chosen)] == ["one", "two"]

    def test_the_order_of_the_models_does_not_matter(self, bench: Workspace, run: Run) -> None:
        run(*BENCH, "--save-bootstrap", "one.jsonl")
        bench.write("two.jsonl", sorted(bench.read_jsonl("one.jsonl"), key=lambda r: r["lower"]))
        out = run("--bootstrap", "one.jsonl", "--bootstrap", "two.jsonl").out
        assert column(out, "one") == column(out, "two") and "warning" not in out

    def test_files_of_one_name_are_told_apart(self, bench: Workspace, run: Run) -> None:
        for folder in ("a", "b"):
            bench.write(f"{folder}/x.jsonl", [results("m", 1, 2), results("n", 3, 4)])
        out = run("--bootstrap", "a/x.jsonl", "--bootstrap", "b/x.jsonl").out
        assert column(out, "a/x.jsonl") == column(out, "b/x.jsonl")

    def test_only_common_models(self, bench: Workspace, run: Run) -> None:
        bench.write("x.jsonl", [results(m, i, i + 2) for i, m in enumerate(("a", "b", "c"))])
        bench.write("y.jsonl", [results(m, i, i + 2) for i, m in enumerate(("b", "c", "d", "e"))])
        files = ["--bootstrap", "x.jsonl", "--bootstrap", "y.jsonl"]
        shown = run(*files)
        assert "warning: the benchmarks are measured on different models" in shown.out
        common = run(*files, "--common").out
        assert [column(common, name)["models"] for name in "xy"] == ["2", "2"]
        assert notes(common)[2:] == [
            "skipped models of x, not in all benchmarks: a",
            "skipped models of y, not in all benchmarks: d, e",
        ]

    def test_what_is_not_common_is_not_missing(self, bench: Workspace, run: Run) -> None:
        """`a` is in x, and said to be left out of it; y does not have it."""
        bench.write("x.jsonl", [results(m, i, i + 2) for i, m in enumerate(("a", "b", "c"))])
        bench.write("y.jsonl", [results(m, i, i + 2) for i, m in enumerate(("b", "c"))])
        bench.write("ref.csv", HEAD + "a,1,0,2\nb,2,1,3\nc,3,2,4\nd,4,3,5\n")
        files = ["--bootstrap", "x.jsonl", "--bootstrap", "y.jsonl", "--reference", "ref.csv"]
        out = run(*files, "--common").out
        assert [line for line in notes(out) if line.startswith("skipped")] == [
            "skipped models of x, not in all benchmarks: a",
            "skipped models of ref.csv, not in x: d",
            "skipped models of ref.csv, not in y: a, d",
        ]
        bench.write("z.jsonl", (bench.root / "y.jsonl").read_text())
        out = run(*files[2:], "--bootstrap", "z.jsonl").out
        assert notes(out)[-1] == "skipped models of ref.csv, not in y, z: a, d"

    def test_many_stand_in_blocks(self, bench: Workspace, run: Run) -> None:
        files = []
        for i in range(9):
            name = f"a-benchmark-with-a-long-name-{i}.jsonl"
            bench.write(name, [results("a", 1, 2), results("b", 2, 3)])
            files += ["--bootstrap", name]
        *blocks, _ = run(*files).out.split("\n\n")
        assert len(blocks) == 3
        for block in blocks:
            lines = block.splitlines()
            assert [line.split("  ")[0] for line in lines[1:]] == ["models", "separability, %"]
            assert max(map(len, lines)) <= 120

    @pytest.mark.parametrize("others", [("a", "d"), ("c", "d")])
    def test_one_common_model_is_none(
        self, bench: Workspace, run: Run, others: tuple[str, ...]
    ) -> None:
        bench.write("x.jsonl", [results(m, 1, 2) for m in ("a", "b")])
        bench.write("y.jsonl", [results(m, 1, 2) for m in others])
        done = run("--bootstrap", "x.jsonl", "--bootstrap", "y.jsonl", "--common", check=2)
        assert "--common: the benchmarks have fewer than 2 models in common" in done.err

    def test_rounds_that_do_not_place_a_model_are_passed_over(
        self, bench: Workspace, run: Run
    ) -> None:
        bench.write("x.jsonl", [results("a", 1, None, 3), results("b", 5, 6, 7)])
        bench.write("y.jsonl", [results("a", 1, 3), results("b", 5, 7)])
        x, y = (measured(bench, run, "--bootstrap", f"{name}.jsonl")[0]["metrics"] for name in "xy")
        assert x == y

    def test_ends_that_are_given_are_those_at_95_percent(self, bench: Workspace, run: Run) -> None:
        """At another level the intervals are those of the rounds, and so are ends not given."""
        records = [results(m, i, i - 0.4, i + 0.4) for i, m in enumerate("abc")]
        bench.write("x.jsonl", records)
        bench.write("y.jsonl", [records[0] | {"lower": -3, "upper": 3}, *records[1:]])
        found = []
        for level in (95, 80):
            files = ["--bootstrap", "x.jsonl", "--bootstrap", "y.jsonl", "--confidence", level]
            both = measured(bench, run, *files)
            found.append([one["metrics"]["separability"]["value"] for one in both])
        assert found == [[100, pytest.approx(100 / 3)], [100, 100]]

    def test_what_is_saved_of_one_round_can_be_read(self, bench: Workspace, run: Run) -> None:
        """Its interval does not hold the score, so the ends are left to the results."""
        chosen = [*BENCH, "--num-rounds", "1", "--reference", reference(bench)]
        first = column(run(*chosen, "--save-bootstrap", "x.jsonl").out)
        chosen = ["--bootstrap", "x.jsonl", "--reference", "ref.csv"]
        assert column(run(*chosen).out, "x") == first

    def test_without_rounds_the_ends_do(self, bench: Workspace, run: Run) -> None:
        rows = [("a", 1, 0, 2), ("b", 4, 3, 5), ("c", 6, 4.5, 7.5)]
        names = ("model", "score", "lower", "upper")
        bench.write("x.jsonl", [dict(zip(names, row, strict=True)) for row in rows])
        assert column(run("--bootstrap", "x.jsonl").out, "x")["separability, %"].startswith("66.7")
        wide = column(run("--bootstrap", "x.jsonl", "--confidence", "99.9999").out, "x")
        assert wide["separability, %"].startswith("0.0")


GOOD = HEAD + "m1,1,0,2\nm2,4,3,5\n"


class TestWrongInput:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "ref.csv: there is no model"),
            (HEAD, "ref.csv: there is no model"),
            (
                "rating,lower,upper\n1,0,2\n",
                "ref.csv:2: no column 'model'. Its columns: rati",
            ),
            (
                "model,lower,upper\nm1,0,2\n",
                "no column 'rating' or 'score'. Its columns: model, ",
            ),
            ("model,rating,upper\nm1,1,2\n", "no column 'lower' or 'rating_q025', and no column"),
            ("model,rating\nm1,1\n", "no column 'lower' or 'rating_q025', and no column 'variance"),
            (HEAD + "m1,1,0\n", "ref.csv:2: upper: expected a finite number, got nothing"),
            (HEAD + "m1,1,0,\n", "ref.csv:2: upper: expected a finite number, got nothing"),
            (HEAD + "m1,nan,0,2\n", "ref.csv:2: rating: expected a finite number, got 'nan'"),
            (GOOD + "m3,1,inf,2\n", "ref.csv:4: lower: expected a number up to 1e15, got 'inf'"),
            (GOOD + "m3,high,0,2\n", "ref.csv:4: rating: expected a finite number, got 'high'"),
            (GOOD + ",1,0,2\n", "ref.csv:4: model: expected a name, got nothing"),
            (GOOD + "m1,1,0,2\n", "ref.csv:4: the model 'm1' is there twice"),
            (GOOD + "m3,1,2,0\n", "ref.csv:4: the lower end 2 is above the upper 0"),
            (GOOD + "m3,1,2,3\n", "ref.csv:4: the rating 1 is not within its ends 2 and 3. Corre"),
            (
                GOOD + "m3,58.3,-7.3,6.6\n",
                "ref.csv:4: the rating 58.3 is not within its ends -7.3 and 6.6. If they are "
                "offsets, write the ends, 51 and 64.9",
            ),
            (
                GOOD + "m,3,1,0,2\n",
                "ref.csv:4: 5 cells below 4 columns. Quote cells that contain a comma.",
            ),
            ("model,rating,variance\nm1,1,-1\n", "ref.csv:2: variance: expected 0 or more, got -1"),
            (HEAD + "M1,1,0,2\nx,4,3,5\n", "ref.csv: has 0 of the 5 models of test-v1, at least"),
            (HEAD + "m1,1,0,2\nx,4,3,5\n", "needed. Use --map FILE if names differ."),
            (HEAD + '"m1,1,0,2\n', "ref.csv:2: not CSV: "),
            (b"model,rating\n\xff,1\n", "ref.csv: the text is not UTF-8. Save it as UTF-8."),
            (
                b"\x1f\x8b\x08\x00",
                "ref.csv: is compressed. Unpack it first, for example ",
            ),
            (b"PK\x03\x04...", "ref.csv: is a spreadsheet or a zip archive. Save it as CSV."),
            (HEAD + "m1,1,-1e308,1e308\n", "ref.csv:2: lower: expected a number up to 1e15, got"),
            (HEAD.replace("upper", "Rating"), "ref.csv:1: there are 2 columns 'rating'. Keep one."),
            ("Model,Arena Score,95% CI\nm1,1,3\n", "2: 95% CI: expected a text such as +3/-4, g"),
            (HEAD + "m_1,1,0,2\nx,4,3,5\n", " 'm_1' there is nearest to 'm1' of the benchmark."),
            (HEAD + "m1,1,0,2\nm1-x,4,3,5\n", "are needed. Use --map FILE if names differ."),
        ],
    )
    def test_a_wrong_reference_is_one_line(
        self, bench: Workspace, run: Run, text: str | bytes, words: str
    ) -> None:
        bench.write("ref.csv", text)
        self.check(run(*BENCH, "--reference", "ref.csv", check=2), words)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"model": "m1", \n', "ref.jsonl:1: not JSON: "),
            (
                '{"model": "m1", "rating": 1' + 400 * "0" + ', "lower": 0, "upper": 1}',
                "ref.jsonl:1: rating: expected a number up to 1e15, got 1000",
            ),
            ("[1, 2]\n", "ref.jsonl:1: expected a JSON object, got [1, 2]"),
            ("\n\n", "ref.jsonl: there is no model"),
            (
                '\n{"model": "m1", "rating": NaN, "lower": 0, "upper": 1}',
                "ref.jsonl:2: rating: expected a finite number, got nan",
            ),
            (
                '{"model": "m1", "rating": true, "lower": 0, "upper": 1}',
                "ref.jsonl:1: rating: expected a finite number, got True",
            ),
            (
                '{"model": "m1", "rating": [1], "lower": 0, "upper": 1}',
                "ref.jsonl:1: rating: expected a finite number, got [1]",
            ),
            (
                '{"model": "m1", "rating": 1, "lower": 0, "upper": null}',
                "ref.jsonl:1: upper: expected a finite number, got nothing",
            ),
            ('{"model": 3, "rating": 1, "lower": 0, "upper": 2}', "model: expected a name, got 3"),
            ('{"rating": 1}', "ref.jsonl:1: no column 'model'. Its columns: rating"),
        ],
    )
    def test_so_is_one_of_json_lines(
        self, bench: Workspace, run: Run, text: str, words: str
    ) -> None:
        bench.write("ref.jsonl", text)
        self.check(run(*BENCH, "--reference", "ref.jsonl", check=2), words)

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("n.json", '{"m1": ', "n.json: not JSON: "),
            ("n.json", "[]", "n.json: expected a mapping of keys to values, got a list"),
            ("n.yaml", "m1: [", "n.yaml:"),
            (
                "n.yaml",
                "m1: 3.10",
                "n.yaml: m1: expected a text, but YAML reads 3.10 as 3.1. Put it in",
            ),
            (
                "n.yaml",
                "007: m1",
                "n.yaml: YAML reads the key 007 as 7 (line 1). Put it in quotes.",
            ),
            ("n.yaml", "m1:", "n.yaml: m1: expected a text, got nothing"),
            ("n.JSON", '{"m1": null}', "n.JSON: m1: expected a text, got nothing"),
            ("n.yaml", "m11: m1", "no benchmark has the model 'm11' (did you mean 'm1'?)"),
            ("n.yaml", "m1: m22", "the reference has no model 'm22' (did you mean 'm2'?)"),
            ("n.yaml", "m1: m2", "n.yaml: two models of test-v1 are named 'm2'"),
        ],
    )
    def test_so_is_a_wrong_map(
        self, bench: Workspace, run: Run, name: str, text: str, words: str
    ) -> None:
        bench.write(name, text)
        chosen = ["--reference", reference(bench), "--map", name]
        self.check(run(*BENCH, *chosen, check=2), words)

    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ([], "x.jsonl: there is no model"),
            ([{"score": 1}], "x.jsonl:1: not bootstrap results: "),
            ([{"model": "a", "score": "1"}], "x.jsonl:1: not bootstrap results: "),
            (
                [{"model": "a", "score": 1}],
                "x.jsonl:1: 'a' has neither results nor two ends",
            ),
            (
                [{"model": "a", "score": 1, "lower": 2, "upper": 1}],
                "x.jsonl:1: the lower end 2 is above the upper 1",
            ),
            ([results("a", 1, 2, lower=5, upper=1)], "x.jsonl:1: the lower end 5 is above the"),
            (
                [results("a", 29, 30, 31, score=999, lower=1, upper=35)],
                "x.jsonl:1: the score 999 is not within its ends 1 and 35. Correct the line",
            ),
            (
                [results("a", 58, 60, lower=-7.5, upper=6)],
                "If they are offsets, write the ends, 50.5 and 64",
            ),
            ([results("a", 1, lower=1)], "x.jsonl:1: 'a' has one end of its interval. Give both"),
            ([results("a", 1), results("a", 2)], "x.jsonl:2: the model 'a' is there twice"),
            ([results("a", 1, 2), results("b", 2)], "x.jsonl:2: 'b' has 1 results, 'a' has 2"),
            ([results("a", 1, 2), {"model": "b", "score": 2}], "'b' has 0 results, 'a' has 2"),
            (
                [results("a", 1, 2), results("b", None, None, score=1)],
                "x.jsonl:2: 'b' has only nulls as results: no round places it",
            ),
            ([results("a", 1, score=1e300)], "<= 1000000000000000.0 - at `$.score`"),
            ([results("a", 1, 10**400)], "x.jsonl:1: "),
            (
                [results("a", 1, float("inf"))],
                "x.jsonl:1: not bootstrap results: Expected `float` <= 1000000000000000.0 - at "
                "`$.results[1]`",
            ),
            ([results("a", 1, score=float("nan"))], "x.jsonl:1: not bootstrap results: Expected"),
        ],
    )
    def test_so_are_wrong_bootstrap_results(
        self, bench: Workspace, run: Run, records: Sequence[Any], words: str
    ) -> None:
        bench.write("x.jsonl", records)
        self.check(run("--bootstrap", "x.jsonl", check=2), words)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("--reference none.csv", "none.csv: cannot read reference ratings: No such file"),
            ("--bootstrap none.jsonl", "none.jsonl: cannot read bootstrap results: No such file"),
            (
                "--map none.yaml",
                "--map and --agreement need a reference. Add --reference.",
            ),
            (
                "--agreement paper",
                "--map and --agreement need a reference. Add --reference.",
            ),
            ("--reference ref.csv --map none.yaml", "none.yaml: cannot read"),
            ("--judge-name other", "no judgments"),
            (
                "--reference ref.csv --reference other.csv",
                "expected one file, got 2. Keep one.",
            ),
            ("--reference ref.csv --json ref.csv", "--json ref.csv: --reference reads it"),
            (
                "--reference ref.csv --save-bootstrap ./x --json x",
                "--save-bootstrap x: --json writes it too",
            ),
            ("--style-coefficients s.json --style-control", "s.json: no such file"),
        ],
    )
    def test_so_are_wrong_flags(
        self, bench: Workspace, run: Run, arguments: str, words: str
    ) -> None:
        reference(bench)
        self.check(run(*BENCH, *arguments.split(), check=2), words)

    def test_flags_of_a_bench_that_is_not_read_are_refused(self, run: Run) -> None:
        line = run("--bootstrap", "x.jsonl", "--style-control", check=2)
        self.check(
            line, "--style-control: --bootstrap replaces the bench. Add --bench-name for both."
        )

    @pytest.mark.parametrize("level", ["0", "100", "-5", "nan", "x", "95%"])
    def test_a_level_is_between_0_and_100(
        self, run: Run, level: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit, match="2"):
            run(f"--confidence={level}")
        words = f"argument --confidence: expected a number above 0 and below 100, got '{level}'"
        assert words in capsys.readouterr().err

    @pytest.mark.parametrize("seed", ["-1", "abc"])
    def test_a_seed_is_a_whole_number(
        self, run: Run, seed: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit, match="2"):
            run(f"--seed={seed}")
        words = f"argument --seed: expected a whole number, 0 or more, got '{seed}'"
        assert words in capsys.readouterr().err

    def test_the_rounds_of_the_leaderboard_are_no_benchmark(
        self, bench: Workspace, run: Run, run_main: RunMain
    ) -> None:
        run_main("show_result.py", *BENCH)
        done = run("--bootstrap", "data/bootstrapping_results.jsonl", check=2)
        self.check(done, "has the rounds of show_result.py, without the scores. Make a file for")

    def check(self, done: Done, words: str) -> None:
        (line,) = done.err.splitlines()
        assert line.startswith("error: ") and words in line and done.out == ""


def test_as_a_script(bench: Workspace) -> None:
    done = bench.run("benchmark_metrics.py", *BENCH, "--reference", reference(bench), check=0)
    assert done.stderr == "" and column(done.stdout)["models"] == "5"


def test_inputs_can_be_pipes(bench: Workspace) -> None:
    """As of `<(zcat ...)`: they are read once."""
    bench.write("x.jsonl", [results(m, i, i + 2) for i, m in enumerate(("m1", "m2"))])
    files = {"--bootstrap": "x.jsonl", "--reference": reference(bench)}
    expected = bench.run("benchmark_metrics.py", *chain(*files.items()), check=0).stdout
    pipes = [f"{flag} <(cat {name})" for flag, name in files.items()]
    command = f"{sys.executable} {REPO}/benchmark_metrics.py {' '.join(pipes)}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=bench.root, capture_output=True, text=True, check=True
    )
    (name,) = done.stdout.splitlines()[0].split()
    assert column(done.stdout, name) == column(expected, "x")
