"""Boards as CSV, JSON and Markdown, their file names, and the statistics of games."""

from __future__ import annotations

import csv
import datetime
import re
from pathlib import Path

import pytest
from boards import board_json, flags, named, show, written
from conftest import RunMain, Workspace
from judgments import (
    QUESTIONS,
    TIED,
    WON,
    add_judgments,
    judgment,
    random_judgments,
)

from arena.leaderboard.output.text import csv_text, harmless
from arena.quality.benchmark.rating_files import read_reference


class TestCsv:
    def rows(self, bench: Workspace, *arguments: object) -> list[dict[str, str]]:
        (path,) = written(bench, *arguments, "--output")
        with (bench.root / path).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @pytest.mark.parametrize("name", ["=SUM(A1)", "+1+2", "-2+3", "@SUM(A1)", "＝1", "a=b"])
    def test_a_name_is_no_formula(self, bench: Workspace, run_main: RunMain, name: str) -> None:
        add_judgments(bench, name, [judgment("q1", *TIED)])
        rows = self.rows(bench, *flags())
        assert {row["model"] for row in rows} == {"base", name if name == "a=b" else f"'{name}"}
        assert {row["score"] for row in rows} == {"50.00"}
        # As a reference the file names the model.
        show(bench, *flags(), "--csv", "reference.csv")
        out = run_main("benchmark_metrics.py", *flags(), "--reference", "reference.csv").out
        assert "skipped" not in out

    def test_a_number_stays_a_number(self) -> None:
        numbers = ("-0.50", "+3", -1, 2.5, "-inf", "")
        assert tuple(map(harmless, numbers)) == numbers
        for start in ("\t", "\r", "\n", "－", "+1+", "-"):
            assert harmless(f"{start}=1") == f"'{start}=1"
        assert csv_text([("name",), ("=1",)]).splitlines()[1].startswith("'=1,")

    def test_it_has_the_columns_that_users_know(self, small: Workspace) -> None:
        rows = self.rows(small, *flags())
        columns = ["model", "score", "rating_q025", "rating_q975", "CI", "avg_tokens", "date"]
        assert [*rows[0]] == columns
        assert [row["model"] for row in rows] == [*show(small, *flags()).scores]

    def test_numbers_have_two_decimals_and_ci_is_in_signs(self, small: Workspace) -> None:
        by_name = {row["model"]: row for row in self.rows(small, *flags())}
        exact = {row["model"]: row for row in board_json(small, *flags())["rows"]}
        for model in ("m1", "org/m2"):
            row, of = by_name[model], exact[model]
            lower, upper = of["lower"] - of["score"], of["upper"] - of["score"]
            assert row["score"] == f"{of['score']:.2f}"
            assert (row["rating_q025"], row["rating_q975"]) == (
                f"{of['lower']:.2f}",
                f"{of['upper']:.2f}",
            )
            assert row["CI"] == f"({lower:.2f}, +{upper:.2f})"
            assert re.fullmatch(r"\(-\d+\.\d\d, \+\d+\.\d\d\)", row["CI"])
            assert row["avg_tokens"] == str(int(of["avg_tokens"]))
        assert (by_name["base"]["score"], by_name["base"]["CI"]) == ("50.00", "(0.00, +0.00)")
        assert by_name["best"]["avg_tokens"] == ""

    def test_it_is_dated(self, small: Workspace) -> None:
        before = datetime.date.today()
        (path,) = written(small, *flags(), "--output")
        (date,) = {row["date"] for row in self.rows(small, *flags())}
        assert before.isoformat() <= date <= datetime.date.today().isoformat()
        assert re.fullmatch(
            r"arena_hard_leaderboard_20\d{6}_test-v1_judge_vs_base_plain\.csv", path.name
        )

    def test_infinite_ratings_stay_what_they_are(self, small: Workspace) -> None:
        by_name = {row["model"]: row for row in self.rows(small, *flags(), "--show-elo")}
        assert (by_name["best"]["score"], by_name["worst"]["score"]) == ("inf", "-inf")
        assert by_name["base"]["score"] == "1000.00"

    def test_a_name_like_a_formula_is_a_text(self, small: Workspace) -> None:
        for model in ("=1+1", "@SUM(A1)", "-2+3"):
            add_judgments(small, model, random_judgments(5, QUESTIONS))
        names = {row["model"] for row in self.rows(small, *flags())}
        assert {"'=1+1", "'@SUM(A1)", "'-2+3", "base"} <= names
        (path,) = written(small, *flags(), "--output")
        ratings = read_reference(small.root / path, 0.95)
        assert {"=1+1", "@SUM(A1)", "-2+3", "base"} <= set(ratings.models)


class TestRanges:
    """The ranks that the data leave open, after what the original prints."""

    LINE = (
        r"(.{30,} \| score: .{5} \| 95% CI: .{11,13} \| average #tokens: \S+) +"
        r"\| rank: (\d+)(?:-(\d+))?"
    )

    def test_the_lines_of_the_original_come_first(self, small: Workspace) -> None:
        lines = show(small, *named()).board
        for line, row in zip(lines, board_json(small, *named())["rows"], strict=True):
            match = re.fullmatch(self.LINE, line)
            assert match, line
            low, high = match[2], match[3] or match[2]
            assert (int(low), int(high)) == (row["rank_low"], row["rank_high"])
            assert match[1].endswith(row["avg_tokens"] and str(int(row["avg_tokens"])) or "n/a")
        assert len({line.index("| rank: ") for line in lines}) == 1

    def test_every_form_has_them(self, small: Workspace) -> None:
        files = ["--csv", "b.csv", "--markdown", "b.md", "--html", "b.html", "--plot", "b.svg"]
        show(small, *named(), *files)
        ranks = {
            row["model"]: (row["rank_low"], row["rank_high"])
            for row in board_json(small, *named())["rows"]
        }
        places = range(1, len(ranks) + 1)
        assert all(
            low <= place <= high for place, (low, high) in zip(places, ranks.values(), strict=True)
        )
        assert ranks["best"][1] < len(ranks) and ranks["worst"][0] > 1
        with (small.root / "b.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [*rows[0]][-4:] == ["date", "rank_low", "rank_high", "method"]
        assert {r["model"]: (int(r["rank_low"]), int(r["rank_high"])) for r in rows} == ranks
        page, markdown, plot = (
            (small.root / f"b.{form}").read_text(encoding="utf-8") for form in ("html", "md", "svg")
        )
        assert (
            "<button>rank</button>" in page and "| rank |" in markdown and "<!-- rank -->" in plot
        )
        for low, high in ranks.values():
            text = f"{low}-{high}" if low < high else f"{low}"
            assert f'data-key="{(low + high) / 2}">{text}</td>' in page
            assert f" | {text} |\n" in markdown and f"<!-- {text} -->" in plot

    def test_the_table_of_v2_0_has_a_last_column(self, small: Workspace) -> None:
        head, *rows = show(small, *named(), "--method", "v2.0").board
        assert head.endswith("  Rank") and all(re.search(r"\)  +\d(-\d)?$", row) for row in rows)

    @pytest.mark.parametrize("more", [["--as-published"], ["--resample", "battle"]])
    def test_drawn_battles_have_none(self, small: Workspace, more: list[str]) -> None:
        show(small, *named(), *more, "--csv", "b.csv")
        assert "| rank" not in show(small, *named(), *more).out
        assert "rank" not in (small.root / "b.csv").read_text(encoding="utf-8")
        assert "rank_low" not in board_json(small, *named(), *more)["rows"][0]

    @pytest.mark.parametrize("more", [[], ["--method", "v2.0"], ["--style-control"]])
    def test_no_line_is_wider_than_a_terminal_of_80_columns(
        self, styled: Workspace, monkeypatch: pytest.MonkeyPatch, more: list[str]
    ) -> None:
        add_judgments(
            styled, "a-lab/a-model-with-a-long-name-70b-instruct", random_judgments(9, 12)
        )
        answers = (styled.data / "model_answer/base.jsonl").read_bytes()
        styled.write(
            "data/test-v1/model_answer/a-lab/a-model-with-a-long-name-70b-instruct.jsonl", answers
        )
        add_judgments(styled, "m1", random_judgments(8, 12), judge="second")
        monkeypatch.setenv("COLUMNS", "80")
        chosen = [*named()[:2], "-j", "judge", "second", "--baseline", "base", "--mixed", "count"]
        board = show(styled, *chosen, *more, terminal=True).board
        assert len(board) == 7 and max(map(len, board)) <= 80
        assert "rank" in board[0].lower() and "by judge" in board[0].lower()


class TestNoInterval:
    """Under five questions a score has none, and the board says so."""

    def test_it_is_a_dash_with_a_reason(self, bench: Workspace) -> None:
        add_judgments(bench, "few", random_judgments(1, 4))
        add_judgments(bench, "enough", random_judgments(2, 5))
        shown = show(bench, *named(), "--csv", "b.csv", "--html", "b.html")
        assert shown.interval("few") == "–" and shown.interval("base") == "(0.0, 0.0)"
        assert re.fullmatch(r"\(-\d+\.\d, \d+\.\d\)", shown.interval("enough"))
        assert "–: no interval with fewer than 5 questions" in shown.summary
        rows = {row["model"]: row for row in board_json(bench, *named())["rows"]}
        assert (rows["few"]["lower"], rows["few"]["upper"]) == (None, None)
        assert rows["few"]["rank_low"] == 1 and rows["few"]["rank_high"] == 3
        assert re.search(r"\nfew,\d+\.\d\d,,,,,", (bench.root / "b.csv").read_text())
        assert ">–</td>" in (bench.root / "b.html").read_text(encoding="utf-8")
        published = show(bench, *flags())
        assert published.interval("few") != "–" and "no interval" not in published.out

    def test_one_won_question_has_none(self, bench: Workspace) -> None:
        add_judgments(bench, "lucky", [judgment("q1", *WON)])
        assert show(bench, *named()).interval("lucky") == "–"
        assert show(bench, *flags()).interval("lucky") == "(0.0, 0.0)"

    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    @pytest.mark.parametrize("style", [[], ["--style-control"]])
    def test_a_model_that_won_or_lost_all_has_one_end(
        self, styled: Workspace, method: str, style: list[str]
    ) -> None:
        board = board_json(styled, *named(), "--method", method, *style)
        rows = {row["model"]: row for row in board["rows"]}
        assert rows["best"]["lower"] < 95 and rows["worst"]["upper"] > 5
        if not style:
            assert (rows["best"]["upper"], rows["worst"]["lower"]) == (100.0, 0.0)


class TestFileNames:
    FORMS = ("--output", "--json", "--markdown", "--html")

    def test_they_carry_bench_judge_and_mode(self, small: Workspace) -> None:
        add_judgments(small, "m1", random_judgments(5, QUESTIONS), judge="lab/strict")
        chosen = [*flags()[:2], "--baseline", "base", "-j", "judge", "lab/strict", "--show-elo"]
        paths = written(small, *chosen, *self.FORMS)
        assert {path.parent for path in paths} == {Path("leaderboard")}
        assert [path.suffix for path in paths] == [".csv", ".json", ".md", ".html"]
        for path in paths:
            assert "test-v1" in path.name and "elo" in path.name
            assert "judge" in path.name and "lab-strict" in path.name
        assert {path.name for path in (small.root / "leaderboard").iterdir()} == {
            path.name for path in paths
        }

    def test_no_mode_overwrites_another(self, styled: Workspace) -> None:
        modes = [
            "",
            "--show-elo",
            "--style-control",
            "--style-control --show-elo",
            "--style-control --style-center none",
            "--length-control-only",
            "--markdown-control-only",
            "--first-game-only",
            "--weight 1",
            "--weight 2",
            "--missing loss",
            "--method v2.0",
            "--category tests",
            "--category test-v1",
        ]
        files = [
            path
            for mode in modes
            for path in written(styled, *flags(), *mode.split(), "--output", "--json")
        ]
        assert len(set(files)) == 2 * len(modes)

    def test_fixed_coefficients_are_a_mode_too(self, styled: Workspace) -> None:
        chosen = [*flags(), "--style-control", "--style-coefficients", "s.json", "--json"]
        free, fixed = written(styled, *chosen), written(styled, *chosen)
        assert Path("s.json") in free and Path("s.json") not in fixed
        assert free[0] != fixed[0]

    def test_a_second_run_replaces_its_own(self, small: Workspace) -> None:
        assert written(small, *flags(), *self.FORMS) == written(small, *flags(), *self.FORMS)
        assert len(list((small.root / "leaderboard").iterdir())) == 4

    def test_a_file_can_be_named_for_each_form(self, small: Workspace) -> None:
        named = ["--json", "out/a.json", "--markdown", "out/b.md", "--html", "out/c.html"]
        assert [str(path) for path in written(small, *flags(), *named)] == named[1::2]
        assert not (small.root / "leaderboard").exists()

    @pytest.mark.parametrize("form", ["--json", "--html", "--plot"])
    def test_one_that_cannot_be_written_is_one_line(self, small: Workspace, form: str) -> None:
        small.write("file", "")
        shown = show(small, *flags(), form, "file/board.png", check=1)
        (line,) = shown.err.splitlines()
        assert line.startswith("error: ") and "file/board.png: cannot write" in line


class TestJson:
    def test_it_says_how_the_board_was_made(self, styled: Workspace) -> None:
        line = "--style-control --style-center none --weight 2 --num-rounds 20 --seed 3"
        board = board_json(styled, *flags(), *line.split(), "--resample", "question")
        rows, coefficients = board.pop("rows"), board.pop("style_coefficients")
        assert len(rows) == 5
        assert set(coefficients) == {"token_len", "header_count", "list_count", "bold_count"}
        expected = {
            "bench": "test-v1",
            "judges": ["judge"],
            "baseline": "base",
            "baselines": ["base"],
            "weight": 2,
            "first_game_only": False,
            "categories": [],
            "missing": "ignore",
            "mode": "style_control",
            "style_center": "none",
            "scale": "win rate",
            "rounds": 20,
            "resample": "question",
            "seed": 3,
        }
        assert expected.items() <= board.items()
        place = list(board).index("baseline")
        keys = ["baseline", "mode", "style_center", "scale", "level", "rounds", "resample", "seed"]
        assert list(board)[place : place + 8] == keys

    def test_it_holds_what_the_board_rests_on(self, small: Workspace) -> None:
        bad = [judgment("q1", "B>A", None), judgment("q2", "B>A", "A>B", baseline="old")]
        add_judgments(small, "new", bad)
        add_judgments(small, "none", [judgment("q1", None, None)])
        board = board_json(small, *flags(), "--mixed", "leave-out")
        assert board["games_without_verdict"] == 3
        assert board["left_out"] == {"judgments against another baseline, old": 1}
        assert board["models_left_out"] == {"none": "no game with a verdict"}
        assert board["questions_judged"]["new"] == 1
        assert board["questions_judged"]["best"] == QUESTIONS
        assert board["judgments"] == 4 * QUESTIONS + 2

    def test_rows_are_in_order_with_intervals_tokens_and_games(self, small: Workspace) -> None:
        rows = board_json(small, *flags())["rows"]
        assert [row["model"] for row in rows] == [*show(small, *flags()).scores]
        best, base = (next(r for r in rows if r["model"] == m) for m in ("best", "base"))
        assert best == {
            "model": "best",
            "score": 100.0,
            "lower": 100.0,
            "upper": 100.0,
            "avg_tokens": None,
            "big wins": 0,
            "small wins": 2 * QUESTIONS,
            "ties": 0,
            "small losses": 0,
            "big losses": 0,
        }
        assert base["lower"] == base["score"] == base["upper"] == 50
        assert isinstance(base["avg_tokens"], float)

    def test_infinite_ratings_are_null(self, small: Workspace) -> None:
        rows = {row["model"]: row for row in board_json(small, *flags(), "--show-elo")["rows"]}
        for model in ("best", "worst"):
            assert rows[model]["score"] is rows[model]["lower"] is rows[model]["upper"] is None
        assert rows["base"]["score"] == 1000

    def test_the_finite_end_of_an_infinite_rating_is_known(self, small: Workspace) -> None:
        chosen = [*named(), "--show-elo"]
        rows = {row["model"]: row for row in board_json(small, *chosen)["rows"]}
        lower, upper = rows["best"]["lower"], rows["worst"]["upper"]
        assert lower > 1000 > upper and rows["best"]["upper"] is rows["worst"]["lower"] is None
        board = show(small, *chosen, "--csv", "b.csv")
        assert board.interval("best") == f"({int(lower)} to inf)"
        assert board.interval("worst") == f"(-inf to {int(upper)})"
        assert f"\nbest,inf,{lower:.2f},inf," in (small.root / "b.csv").read_text()

    def test_a_plain_board_has_no_zero_point_of_style(self, styled: Workspace) -> None:
        assert board_json(styled, *named())["style_center"] is None

    def test_a_model_that_no_resample_placed_has_no_interval(self, bench: Workspace) -> None:
        """One judgment of sixty, one round: it is often not drawn."""
        add_judgments(bench, "m1", random_judgments(1, 60))
        add_judgments(bench, "once", [judgment("q1", *TIED)])
        chosen = [*flags(), "--resample", "question", "--num-rounds", "1"]
        seeds = []
        for seed in range(30):
            rows = board_json(bench, *chosen, "--seed", seed)["rows"]
            row = next(row for row in rows if row["model"] == "once")
            assert row["score"] == 50
            if row["lower"] is None and row["upper"] is None:
                seeds.append(seed)
        assert 5 <= len(seeds) <= 20  # 1 / e of them
        files = ["--html", "--markdown", "--output", "--plot", "board.svg"]
        assert len(written(bench, *chosen, "--seed", seeds[0], *files)) == 4


class TestMarkdown:
    def text(self, bench: Workspace, *arguments: object) -> str:
        (path,) = written(bench, *arguments, "--markdown")
        return (bench.root / path).read_text(encoding="utf-8")

    def test_it_is_a_table_with_a_heading_and_notes(self, small: Workspace) -> None:
        shown = show(small, *flags())
        lines = self.text(small, *flags()).splitlines()
        table = [line for line in lines if line.startswith("|")]
        assert lines[0].startswith("#") and "test-v1" in lines[0]
        assert table[0] == "| model | score | 95% CI | average #tokens |"
        assert [row.split(" | ")[0][2:] for row in table[2:]] == [*shown.scores]
        assert [row.split(" | ")[1] for row in table[2:]] == [*shown.scores.values()]
        assert all(shown.interval(row.split(" | ")[0][2:]) in row for row in table[2:])
        assert all(f"- {line}" in lines for line in shown.summary)

    def test_names_stay_in_their_cell(self, bench: Workspace) -> None:
        names = ["a|b", "<img>", "*x*", "_y_", "`z`", "snake_case"]
        for name in names:
            add_judgments(bench, name, [judgment("q1", *TIED)])
        text = self.text(bench, *flags())
        rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
        assert all(len(re.split(r"(?<!\\)\|", row)) == 6 for row in rows)
        cells = [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows]
        assert set(cells) == {
            *(r"a\|b", r"\<img>", r"\*x\*", r"\_y\_", r"\`z\`"),
            *("snake_case", "base"),
        }


class TestFullStats:
    def table(self, bench: Workspace, *arguments: object) -> dict[str, list[str]]:
        text = show(bench, *arguments, "--full-stats").out.split("\n\n")[1]
        head, *rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
        assert head == [
            *("model", "win rate", "valid games"),
            *("big wins", "small wins", "ties", "small losses", "big losses"),
        ]
        return {row[0]: row[1:] for row in rows}

    @pytest.fixture(autouse=True)
    def two_models(self, bench: Workspace) -> None:
        """`m1`: a big and a small win, a tie, two small losses; 2.5 of 5 games. `m2`: a big loss
        and one game without a verdict."""
        records = [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")]
        add_judgments(bench, "m1", [*records, judgment("q3", "A>B")])
        add_judgments(bench, "m2", [judgment("q1", "A>>B", None)])

    def test_it_counts_each_models_games(self, bench: Workspace) -> None:
        assert self.table(bench, *flags()) == {
            "m1": ["50.0", "5", "1", "1", "1", "2", "0"],
            "base": ["58.3", "6", "1", "2", "1", "1", "1"],
            "m2": ["0.0", "1", "0", "0", "0", "0", "1"],
        }

    def test_games_count_once_whatever_the_weight(self, bench: Workspace) -> None:
        assert self.table(bench, *flags(), "--weight", "5") == self.table(bench, *flags())

    def test_only_games_that_the_board_counts(self, bench: Workspace) -> None:
        table = self.table(bench, *flags(), "--first-game-only")
        assert table["m1"] == ["50.0", "3", "1", "0", "1", "1", "0"]

    def test_the_board_stays_as_it_is(self, bench: Workspace) -> None:
        plain, full = show(bench, *flags()), show(bench, *flags(), "--full-stats")
        assert (full.board, full.summary) == (plain.board, plain.summary)
