"""The scores of models by cluster in all forms."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import termios

import pytest
from boards import named, show
from clusters import by, ends, questions
from conftest import REPO, Workspace
from judgments import (
    WON,
    add_judgments,
    judgment,
    random_judgments,
)

from arena.base.output import shown_width


class TestOutput:
    def test_wide_tables_go_on_below(self, bench: Workspace) -> None:
        places = [f"cluster number {i}" for i in range(12) for _ in (1, 2)]
        bench.add_questions(questions(places))
        for seed in (1, 2):
            add_judgments(bench, f"m{seed}", random_judgments(seed, len(places)))
        *blocks, _ = show(bench, *named(), "--by", "cluster").out.split("\n\n")
        assert len(blocks) > 1
        heads = [head for block in blocks for head in re.split(" {2,}", block.splitlines()[0])[1:]]
        assert heads == list(dict.fromkeys(places))
        for block in blocks:
            assert max(map(len, block.splitlines())) <= 120
            assert [line.split()[0] for line in block.splitlines()[1:]] == [
                line.split()[0] for line in blocks[0].splitlines()[1:]
            ]

    def test_many_clusters_are_told_how_to_be_files(self, bench: Workspace) -> None:
        places = [f"c{i}" for i in range(41)]
        bench.add_questions(questions(places))
        add_judgments(bench, "m1", random_judgments(1, len(places)))
        line = "--output writes it as CSV, a line a cluster and model. --html writes a page."
        assert line in show(bench, *named(), "--by", "cluster").summary
        assert line not in show(bench, *named(), "--by", "cluster", "--output").summary

    def test_names_are_aligned_as_a_terminal_shows_them(self, bench: Workspace) -> None:
        """A Hangul syllable takes two columns, a combining accent none."""
        bench.add_questions(questions(["코딩"] * 2 + ["e\u0301a"] * 2 + ["x"] * 2))
        add_judgments(bench, "m1", random_judgments(1, 6))
        head, number, *_ = show(bench, *named(), "--by", "cluster").out.splitlines()
        assert shown_width(head[: head.index("e")]) == number.index("2", 15)
        assert shown_width(head[: head.index("x")]) == number.rindex("2")

    def test_control_characters_stay_out_of_it(self, bench: Workspace) -> None:
        bench.add_questions(questions(["a\nb\x1b[31m"] * 2 + ["c"] * 2))
        add_judgments(bench, "m1", random_judgments(1, 4))
        out = show(bench, *named(), "--by", "cluster", "--markdown", "b.md").out
        assert "\x1b" not in out and out.splitlines()[0].split() == ["a", "b", "[31m", "c"]
        assert "| a b \\[31m | 2 |" in (bench.root / "b.md").read_text()

    def test_a_terminal_shows_how_far_it_is(self, clustered: Workspace) -> None:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        command = [sys.executable, REPO / "show_result.py", *named(), "--by", "cluster"]
        subprocess.run(
            command, cwd=clustered.root, stderr=theirs, stdout=subprocess.DEVNULL, check=True
        )
        os.set_blocking(ours, False)
        assert b"/3 [" in os.read(ours, 1 << 16)
        os.close(ours)
        os.close(theirs)

    def test_models_are_sorted_by_their_mean_over_questions(self, clustered: Workspace) -> None:
        found = by(clustered, "cluster", *named())
        rows = [(n["questions"], m, s[0]) for n in found.values() for m, s in ends(n).items()]
        means = {
            model: sum(n * s for n, m, s in rows if m == model)
            / sum(n for n, m, _ in rows if m == model)
            for _, model, _ in rows
        }
        data = json.loads((clustered.root / "by.json").read_text())
        assert list(data)[:6] == ["bench", "judges", "by", "mode", "method", "scale"]
        assert data["models"] == sorted(means, key=lambda model: -means[model])

    def test_the_files(self, clustered: Workspace) -> None:
        forms = ["--output", "--json", "--markdown", "--html"]
        paths = re.findall(
            r"written: (.*)", show(clustered, *named(), "--by", "cluster", *forms).out
        )
        stem = "test-v1_judge_vs_base_plain_resampled_questions_by_cluster"
        assert [re.sub(r"_\d{8}_", "_DATE_", path) for path in paths] == [
            f"leaderboard/arena_hard_leaderboard_DATE_{stem}.csv",
            *(f"leaderboard/{stem}.{suffix}" for suffix in ("json", "md", "html")),
        ]
        assert not list((clustered.root / "data").glob("*.json*"))

    def test_the_csv_has_a_line_a_cluster_and_model(self, clustered: Workspace) -> None:
        show(clustered, *named(), "--by", "cluster", "--output")
        (path,) = clustered.root.glob("leaderboard/*.csv")
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        assert list(rows[0]) == [
            *("cluster", "model", "score", "rating_q025", "rating_q975", "questions"),
            *("cluster_questions", "date", "method"),
        ]
        method = "bradley-terry, plain, logit-t 95 % over questions"
        assert {row["method"] for row in rows} == {method}
        assert {row["cluster"]: row["cluster_questions"] for row in rows} == {
            "coding": "7",
            "writing": "5",
            "maths": "6",
        }
        assert len(rows) == 3 * 5
        found = by(clustered, "cluster", *named())
        for row in rows:
            expected = ends(found[row["cluster"]]).get(row["model"])
            values = [row[name] for name in ("score", "rating_q025", "rating_q975")]
            if expected:
                assert [float(value) for value in values] == pytest.approx(expected, abs=0.0051)
            else:
                assert (row["model"], values, row["questions"]) == ("coder", [""] * 3, "0")

    def test_the_markdown_has_a_line_a_cluster(self, clustered: Workspace) -> None:
        show(clustered, *named(), "--by", "cluster", "--markdown", "by.md")
        lines = (clustered.root / "by.md").read_text().splitlines()
        rows = [line for line in lines if line.startswith("| ")]
        assert len(rows) == 4 and {line.count("|") for line in rows} == {8}
        assert rows[0].startswith("| cluster | questions | ") and "n/a" in rows[2]
        assert rows[1].startswith("| coding | 7 | ")

    def test_its_title_fits_on_it(self, clustered: Workspace) -> None:
        """Of one category, against a baseline with a long name."""
        judgments = clustered.data / "model_judgment/judge"
        for path in judgments.glob("*.jsonl"):
            path.unlink()
        long = "a-baseline-" + "with-a-long-name-" * 6
        records = [judgment(f"q{i}", *WON, baseline=long) for i in range(1, 19)]
        add_judgments(clustered, "m1", records)
        chosen = ["--bench-name", "test-v1", "--judge-name", "judge", "--baseline", long]
        show(clustered, *chosen, "--by", "category", "--plot", "a.svg")
        text = (clustered.root / "a.svg").read_text()
        width = float(re.search(r'viewBox="0 0 ([\d.]+) ', text)[1])  # type: ignore[index]
        lines = re.findall(r"<!-- (.*) -->", text)
        titles = [line for line in lines if "judged by" in line or "name-with" in line]
        assert len(titles) > 1 and max(map(len, lines)) * 5.5 < width

    @pytest.mark.parametrize("kind", ["svg", "png"])
    def test_characters_without_a_font_are_one_warning(self, bench: Workspace, kind: str) -> None:
        """Hieroglyphs; the fonts that are tried have none."""
        bench.add_questions(questions(["\U00013000\U00013001 x"] * 2))
        add_judgments(bench, "m1", random_judgments(1, 2))
        shown = show(bench, *named(), "--by", "cluster", "--plot", f"a.{kind}")
        assert shown.err.splitlines() == [
            f"warning: a.{kind}: no installed font has 2 of its characters, such as "
            "'\U00013000'. For Korean, Japanese and Chinese install the package fonts-noto-cjk."
        ]

    def test_the_models_of_two_runs_are_the_same(self, clustered: Workspace) -> None:
        chosen = [*named(), "--by", "cluster", "--workers"]
        assert show(clustered, *chosen, 1) == show(clustered, *chosen, 3)
