"""One HTML page of a board."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from boards import board_json, flags, show, written
from conftest import Workspace
from judgments import (
    TIED,
    add_judgments,
    judgment,
)


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
