"""The files and tables of show_result.py: CSV, JSON, Markdown, HTML, plots, and the
statistics of games.
"""

from __future__ import annotations

import csv
import datetime
import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from boards import error, flags, show
from conftest import Workspace
from judgments import (
    QUESTIONS,
    TIED,
    WON,
    add_judgments,
    judgment,
    random_judgments,
)


def written(bench: Workspace, *arguments: object) -> list[Path]:
    """The files that a run says it has written."""
    lines = show(bench, *arguments).out.splitlines()
    paths = [line.removeprefix("written: ") for line in lines if line.startswith("written: ")]
    assert all((bench.root / path).is_file() for path in paths)
    return [Path(path) for path in paths]


def board_json(bench: Workspace, *arguments: object) -> dict[str, Any]:
    show(bench, *arguments, "--json", "board.json")
    text = (bench.root / "board.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


class TestCsv:
    def rows(self, bench: Workspace, *arguments: object) -> list[dict[str, str]]:
        (path,) = written(bench, *arguments, "--output")
        with (bench.root / path).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

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


class Page(HTMLParser):
    """What a page holds: the cells of its rows with their sort keys, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.keys: list[list[str | None]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
            self.keys.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.keys[-1].append(dict(attrs).get("data-key"))

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def attributes(self, tag: str, name: str, kind: str) -> list[float]:
        """The values in percent of an attribute of the tags of a class."""
        values = (
            attrs[name] for found, attrs in self.tags if (found, attrs.get("class")) == (tag, kind)
        )
        return [float((value or "").removesuffix("%")) for value in values]


class TestHtml:
    def page(self, bench: Workspace, *arguments: object) -> tuple[str, Page]:
        (path,) = written(bench, *arguments, "--html")
        text = (bench.root / path).read_text(encoding="utf-8")
        return text, Page(text)

    def test_it_loads_nothing(self, small: Workspace) -> None:
        text, page = self.page(small, *flags())
        assert text.startswith("<!doctype html>") and 'charset="utf-8"' in text
        for loading in ("http:", "https:", "//", "@import", "url("):
            assert loading not in text
        assert not any(name in ("src", "href") for _, attrs in page.tags for name in attrs)
        assert {"link", "img", "iframe"}.isdisjoint(tag for tag, _ in page.tags)

    def test_a_row_a_model_as_printed(self, small: Workspace) -> None:
        shown = show(small, *flags())
        _, page = self.page(small, *flags())
        heads, *rows = page.rows
        assert heads[:4] == ["model", "score", "95% CI", "average #tokens"]
        assert [row[:2] for row in rows] == [[*item] for item in shown.scores.items()]
        assert all(row[2] == shown.interval(row[0]) for row in rows)

    def test_intervals_are_drawn_to_scale(self, small: Workspace) -> None:
        _, page = self.page(small, *flags())
        rows = board_json(small, *flags())["rows"]
        for tag, name, field in [
            ("line", "x1", "lower"),
            ("line", "x2", "upper"),
            ("circle", "cx", "score"),
        ]:
            kind = "score" if field == "score" else "interval"
            expected = [row[field] for row in rows]
            assert page.attributes(tag, name, kind) == pytest.approx(expected, abs=0.006)
        assert page.attributes("line", "x1", "base") == [50.0] * 5

    def test_ratings_lie_within_the_drawing(self, small: Workspace) -> None:
        _, page = self.page(small, *flags(), "--show-elo")
        places = [
            *page.attributes("circle", "cx", "score"),
            *page.attributes("line", "x1", "interval"),
            *page.attributes("line", "x2", "interval"),
        ]
        assert len(places) == 15 and all(0 <= place <= 100 for place in places)

    def test_columns_can_be_sorted_by_what_they_mean(self, small: Workspace) -> None:
        """Keys are what JavaScript's Number() reads, infinite ratings too; the first is text."""
        text, page = self.page(small, *flags(), "--show-elo")
        keys = {row[0]: row[1:4] for row in page.keys[1:]}
        assert keys["best"][0] == "Infinity" and keys["worst"][0] == "-Infinity"
        assert keys["best"][2] == "-Infinity" and float(keys["m1"][2] or "") > 0
        number = re.compile(r"-?(Infinity|\d+\.\d+(e-?\d+)?)")
        assert all(number.fullmatch(key or "") for row in keys.values() for key in row)
        assert text.count("<button>") == 4 and text.count('aria-sort="descending"') == 1

    def test_names_are_text(self, bench: Workspace) -> None:
        names = ["<script>alert(1)</script>", "<b>&amp;", "\"'quoted'\"", "$title"]
        for name in names:
            add_judgments(bench, name, [judgment("q1", *TIED)], judge="<i>judge")
        text, page = self.page(bench, *flags(judge="<i>judge"))
        assert {row[0] for row in page.rows[1:]} == {*names, "base"}
        assert {row[0] for row in page.keys[1:]} == {*names, "base"}
        assert [tag for tag, _ in page.tags].count("script") == 1
        assert "<i>" not in text and "judged by &lt;i&gt;judge" in text

    def test_the_notes_are_below(self, small: Workspace) -> None:
        text, _ = self.page(small, *flags())
        footer = text.split("<footer>")[1].split("</footer>")[0]
        assert footer.splitlines() == show(small, *flags()).summary


def png_size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


class TestPlot:
    def draw(self, bench: Workspace, name: str, *arguments: object) -> bytes:
        assert written(bench, *flags(), *arguments, "--plot", name) == [Path(name)]
        return (bench.root / name).read_bytes()

    def test_a_png_grows_with_the_number_of_models(self, bench: Workspace) -> None:
        """Readable with 60 models: every name has a line of its own of 20 pixels or more."""
        sizes = []
        for models in (5, 60):
            for i in range(models):
                add_judgments(bench, f"model-{i}", random_judgments(i, 3))
            sizes.append(png_size(self.draw(bench, "board.png", "--num-rounds", "10")))
        assert sizes[1][0] - sizes[0][0] < 20
        assert (sizes[1][1] - sizes[0][1]) / 55 >= 20

    def test_a_long_name_makes_it_wider(self, small: Workspace) -> None:
        short = png_size(self.draw(small, "board.png"))
        add_judgments(small, "long-" * 16, random_judgments(1, 3))
        assert png_size(self.draw(small, "board.png"))[0] > short[0] + 200

    def test_an_svg_holds_every_model_and_is_the_same_again(self, small: Workspace) -> None:
        first = self.draw(small, "plots/board.svg")
        assert first == self.draw(small, "plots/board.svg")
        assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
        for model in ("best", "m1", "base", "org/m2", "worst"):
            assert f"<!-- {model} -->".encode() in first

    def test_infinite_ratings_are_named_though_they_have_no_place(self, small: Workspace) -> None:
        image = self.draw(small, "board.svg", "--show-elo")
        assert b"no finite rating: best, worst" in image
        assert b"<!-- best -->" not in image and b"<!-- m1 -->" in image

    def test_an_interval_that_reaches_infinity_can_be_drawn(self, bench: Workspace) -> None:
        """One loss of twelve games: many a resample has none."""
        records = [judgment(f"q{i}", *WON) for i in range(5)]
        add_judgments(bench, "m1", [*records, judgment("q9", "A>B", "A>B")])
        assert "inf" in show(bench, *flags(), "--show-elo").interval("m1")
        for name in ("board.png", "board.svg"):
            self.draw(bench, name, "--show-elo")
        show(bench, *flags(), "--show-elo", "--html")

    def test_names_are_no_formulas(self, bench: Workspace) -> None:
        add_judgments(bench, "cheap$_and_$good", random_judgments(1))
        assert b"<!-- cheap$_and_$good -->" in self.draw(bench, "board.svg")

    @pytest.mark.parametrize("name", ["board.pdf", "board", "board.png.txt"])
    def test_other_kinds_of_files_are_refused_before_the_work(
        self, small: Workspace, name: str
    ) -> None:
        line = error(small, *flags(), "--plot", name)
        assert f"{name}: " in line and ".png or .svg" in line
        assert not (small.root / "data/arena_hard_battles.jsonl").exists()

    def test_without_matplotlib_it_says_what_to_install(self, small: Workspace) -> None:
        small.write("empty/matplotlib.py", "raise ImportError('not installed')\n")
        environment = {"PYTHONPATH": str(small.root / "empty")}
        done = small.run(
            "show_result.py", *flags(), "--plot", "board.png", env=environment, check=2
        )
        assert done.stderr == "error: --plot needs: pip install 'matplotlib>=3.10,<4'\n"
        assert done.stdout == ""
        small.run("show_result.py", *flags(), "--html", env=environment, check=0)


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
