"""The caption of boards: how their scores and intervals were made, in every form of them."""

from __future__ import annotations

import csv

import pytest
from boards import board_json, flags, named, show
from conftest import Workspace
from judgments import graded

STYLE = "--style-control"


def captions(bench: Workspace, *arguments: object) -> list[str]:
    """The captions of the page, the Markdown file and the plot, in which lines may break."""
    forms = {"--html": "b.html", "--markdown": "b.md", "--plot": "b.svg"}
    show(bench, *arguments, *(part for form in forms.items() for part in form))
    texts = [(bench.root / name).read_text(encoding="utf-8") for name in forms.values()]
    page, markdown, plot = texts
    lines = [line.strip().removeprefix("<!-- ") for line in plot.split("\n") if "<!--" in line]
    return [
        page.split("<h1>")[1].split("</p>")[0],
        markdown.split("\n")[2],
        " ".join(line.removesuffix(" -->") for line in lines),
    ]


class TestIntervals:
    @pytest.mark.parametrize(
        ("chosen", "method"),
        [
            ("", "logit-t 95 % over questions, ranks by question bootstrap of 1,000 rounds"),
            ("--num-rounds 1", "logit-t 95 % over questions"),
            (STYLE, "question bootstrap, 1,000 rounds, logit-sd 95 %"),
            (
                "--method v2.0",
                "logit-t 90 % over questions, scores and ranks by question bootstrap of 1,000 "
                "rounds",
            ),
            (
                "--method v2.0 --num-rounds 1",
                "logit-t 90 % over questions, scores by question bootstrap of 1 round",
            ),
            ("--as-published", "battle bootstrap, 100 rounds, percentiles 95 %"),
            (
                "--as-published --resample question --num-rounds 30",
                "question bootstrap, 30 rounds, percentiles 95 %",
            ),
        ],
    )
    def test_each_form_names_their_method(
        self, styled: Workspace, chosen: str, method: str
    ) -> None:
        arguments = [*named(), *chosen.split()]
        assert all(method in " ".join(caption.split()) for caption in captions(styled, *arguments))
        board = board_json(styled, *arguments)
        assert f"{board['intervals']} {100 * board['level']:.0f} %" in method
        show(styled, *arguments, "--csv", "b.csv")
        text = (styled.root / "b.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        if board["as_published"]:
            assert [*rows[0]][-1] == "date"
        else:
            assert [*rows[0]][-1] == "method"
            style = "style control from the mean style" if chosen == STYLE else "plain"
            name = f"{board['method']}, {style}, {method}"
            assert {row["method"] for row in rows} == {name}

    def test_grades_have_those_of_a_star(self, bench: Workspace) -> None:
        bench.write_judge_config("judge", "base", pairwise=False, baseline=False)
        records = [graded(f"q{i}", i % 4) | {"model": "m", "judge": "judge"} for i in range(8)]
        bench.write(bench.data / "model_judgment/judge/m.jsonl", records)
        board = board_json(bench)
        assert board["intervals"] == "logit-t"
        assert "logit-t 95 % over questions" in captions(bench)[0]
        note = "no range of grades is known, so intervals take the lowest and the highest mean of a"
        assert note in show(bench).out

    def test_a_star_alone_has_the_closed_form(self, styled: Workspace) -> None:
        """Several baselines need the spread of the rounds."""
        assert board_json(styled, *named())["intervals"] == "logit-t"
        records = [
            r | {"baseline": "m1", "model": "org/m2"} for r in styled.judgments("judge", "m1")
        ]
        styled.write(styled.data / "model_judgment/judge/second.jsonl", records)
        board = board_json(styled, *named(), "--baseline", "m1")
        assert board["intervals"] == "logit-sd"


class TestScores:
    @pytest.mark.parametrize("center", ["mean", "none"])
    def test_the_centre_is_named_with_the_flag_for_the_other(
        self, styled: Workspace, center: str
    ) -> None:
        expected = {
            "mean": "style control from the mean style (--style-center none: from equal style)",
            "none": "style control from equal style (--style-center mean: from the mean style)",
        }[center]
        page, markdown, _ = captions(styled, *named(), STYLE, "--style-center", center)
        assert expected in page and expected in markdown
        assert "equal style" not in captions(styled, *named())[0]

    def test_a_score_with_weight_is_in_points_of_weighted_battles(self, styled: Workspace) -> None:
        points = "points of weighted battles: a strong win counts 3 (--weight 1: win rates)"
        assert points in captions(styled, *named())[0]
        assert points in captions(styled, *flags())[0]
        assert "weighted battles:" not in captions(styled, *named(), "--weight", "1")[0]
