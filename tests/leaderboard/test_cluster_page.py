"""The page of show_result.py --by cluster --html."""

from __future__ import annotations

import re

import pytest
from boards import named, show
from clusters import by, ends, questions
from conftest import Workspace
from judgments import LOST, TIED, WON, add_judgments, judgment, random_judgments


def test_few_clusters_are_columns_coloured_by_score(bench: Workspace) -> None:
    bench.add_questions(questions(["<a>", "<a>", "b", "b"]))
    add_judgments(bench, "x&y", [judgment(f"q{i}", *WON) for i in (1, 2)])
    add_judgments(bench, "z", [judgment(f"q{i}", *LOST) for i in (1, 2)])
    show(bench, *named(), "--by", "cluster", "--html", "by.html")
    page = (bench.root / "by.html").read_text()
    cells = re.findall(r"<td(?: style=\"background:(#\w+)\"[^>]*)?>(.*?)</td>", page)
    assert [colour for colour, text in cells] == ["#5ea1ad", "", "#f7f7f7", "", "#cb8560", ""]
    assert cells[1][1] == "n/a" and "<small>–</small>" in cells[0][1]
    assert "<small>(0.0, 0.0)</small>" in cells[2][1]
    assert page.count("<small>2 questions</small>") == 2
    assert page.count('title="2 of 2 questions judged"') == 3
    assert "&lt;a&gt;" in page and "x&amp;y" in page and "http" not in page


def test_of_more_a_model_has_its_weakest_and_strongest_and_all_folded(bench: Workspace) -> None:
    places = [f"<{i:02}>" for i in range(24) for _ in (1, 2)]
    bench.add_questions(questions(places))
    add_judgments(bench, "m1", random_judgments(1, len(places)))
    add_judgments(bench, "x&y", random_judgments(2, 12))  # six clusters
    add_judgments(bench, "tied", [judgment(f"q{i}", *TIED) for i in range(1, 49)])
    found = by(bench, "cluster", *named(), "--html", "by.html")
    page = (bench.root / "by.html").read_text()
    sections = re.findall(r'<h2 id="(m\d)">(.*?)</h2>(.*?)(?=<h2|<footer)', page, re.DOTALL)
    assert [name for _, name, _ in sections] == re.findall(r'<a href="#m\d">(.*?)</a>', page)
    tables = {
        name: re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL) for _, name, text in sections
    }
    first = r'<td class="name" title=".*?">(.*?)</td><td>(.*?)</td>'
    scores = {name: ends(board)["m1"][0] for name, board in found.items()}
    ordered = sorted(scores.values())
    expected = ordered[:5], ordered[:-6:-1], ordered
    for part, values in zip(tables["m1"], expected, strict=True):
        shown = [float(score) for _, score in re.findall(first, part)]
        assert shown == pytest.approx(values, abs=0.051)
    for model in ("m1", "tied"):
        low, high, every = (re.findall(first, part) for part in tables[model])
        assert len({name for name, _ in low + high}) == 10 and len(every) == 24
    (alone,) = tables["x&amp;y"]
    assert len(re.findall("<tr", alone)) == 6
    assert "<00>" not in page and "http" not in page and "<script" not in page
