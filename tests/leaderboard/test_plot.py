"""Boards as PNG and SVG plots."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest
from boards import error, flags, show, written
from conftest import Workspace
from judgments import (
    WON,
    add_judgments,
    judgment,
    random_judgments,
)


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
