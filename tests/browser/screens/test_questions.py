"""The matrix of questions and models: its outcomes, means, orders and links."""

from __future__ import annotations

import html
import random
import re
import statistics
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

import pytest
from browser_site import add_judgments, judgment, question_of
from conftest import Workspace

from arena.bench.paths import Bench
from arena.browser.html.controls import Query
from arena.browser.library import Library
from arena.browser.screens.judgments import open_link
from arena.browser.screens.questions import questions_tab

NUMBER = 60
MODELS = ("m", "n", "o")
# The signed worth of a label to the answer in place A.
TO_A = {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2}
Labels = tuple[str | None, str | None]


def library_of(bench: Workspace) -> Library:
    return Library(Bench(bench.root / "data", bench.name))


@pytest.fixture
def verdicts(bench: Workspace) -> dict[tuple[str, str], Labels]:
    """Random labels of both games by question and model. Some are missing, and some judgments."""
    rng = random.Random(6)
    ids = [f"q{i:02}" for i in range(NUMBER)]
    bench.add_questions([question_of(q, "c") | {"cluster": f"k{i % 7}"} for i, q in enumerate(ids)])
    labels: dict[tuple[str, str], Labels] = {
        (q, model): (rng.choice([*TO_A, None]), rng.choice([*TO_A, "nonsense"]))
        for q in ids
        for model in MODELS
        if rng.random() < 0.9 or q == "q00"
    }
    add_judgments(bench, [judgment(q, *of, model=model) for (q, model), of in labels.items()])
    return labels


@pytest.fixture
def library(bench: Workspace, verdicts: object) -> Library:
    return library_of(bench)


def points(labels: Labels) -> list[int]:
    """The worth to the model of the games with a verdict. It is in place B in game 1."""
    first, second = labels
    worths = [-TO_A[first] if first in TO_A else None, TO_A.get(second or "")]
    return [p for p in worths if p is not None]


def mark(labels: Labels) -> str:
    """The sign of an outcome over both games, by hand."""
    won, lost = (any(sign * p > 0 for p in points(labels)) for sign in (1, -1))
    if won and lost:
        return "±"
    return "+" if won else "−" if lost else "=" if points(labels) else "?"


class Table:
    """A matrix as a reader sees it: cells by question and model, their links and titles."""

    def __init__(self, library: Library, **query: str) -> None:
        self.view = questions_tab(library, {"judge": "j"} | query)
        self.html = self.view.parts["shown"]
        lines = re.findall(r"<tr.*?</tr>", self.html)
        rows = [re.findall(r"<t[hd].*?</t[hd]>", line) for line in lines]
        self.heads = {self._text(cell): cell for cell in rows[0]}
        self.models = list(self.heads)[3:]
        self.means = dict(zip(self.models, map(self._text, rows[1][3:]), strict=True))
        self.marks, self.links, self.titles = {}, {}, {}
        self.order, self.numbers = list[str](), dict[str, tuple[str, str]]()
        for head, mean, spread, *cells in rows[2:]:
            question = link_in(head)["question"]
            self.order.append(question)
            self.numbers[question] = self._text(mean), self._text(spread)
            for model, cell in zip(self.models, cells, strict=True):
                self.marks[question, model] = self._text(cell)
                if "href" in cell:
                    self.links[question, model] = link_in(cell)
                    title = re.search(r'title="(.*?)"', cell)
                    self.titles[question, model] = html.unescape(title[1]) if title else ""

    @staticmethod
    def _text(cell: str) -> str:
        return html.unescape(re.sub("<.*?>", "", cell))


def link_in(part: str) -> Query:
    """The query of the first link in some HTML."""
    href = re.search(r'href="\?(.*?)"', part)
    assert href
    return dict(parse_qsl(html.unescape(href[1]), strict_parsing=True))


def whole(library: Library, **query: str) -> Table:
    """The rows of all pages."""
    table = Table(library, **query)
    after = Table(library, first="50", **query)
    table.marks |= after.marks
    table.links |= after.links
    table.titles |= after.titles
    table.numbers |= after.numbers
    table.order += after.order
    return table


def test_a_cell_is_the_outcome_over_both_games(
    library: Library, verdicts: dict[tuple[str, str], Labels]
) -> None:
    table = whole(library)
    by_hand = {key: mark(labels) for key, labels in verdicts.items()}
    assert set(by_hand.values()) == set("+−±=?")
    assert {key: shown for key, shown in table.marks.items() if shown} == by_hand
    assert (
        len(table.marks) - len(by_hand)
        == table.html.count("<td></td>")
        - 1
        + Table(library, first="50").html.count("<td></td>")
        - 1
    )
    assert table.view.announcement == f"{NUMBER} questions, 3 models, by j."
    key = next(key for key, labels in verdicts.items() if labels == ("B>A", "A>>B"))
    assert table.titles[key] == "won: win, strong win"


def test_means_and_spreads_are_of_margins(
    library: Library, verdicts: dict[tuple[str, str], Labels]
) -> None:
    table = whole(library)
    margins = {key: statistics.mean(p) for key, of in verdicts.items() if (p := points(of))}
    for model in MODELS:
        values = [value for (_, of), value in margins.items() if of == model]
        assert float(table.means[model]) == pytest.approx(statistics.mean(values), abs=0.00501)
    assert set(table.order) == {question for question, _ in verdicts}
    for question in table.order:
        values = [float(value) for (of, _), value in margins.items() if of == question]
        mean, spread = table.numbers[question]
        if not values:
            assert (mean, spread) == ("", "")
            continue
        assert float(mean) == pytest.approx(statistics.mean(values), abs=0.00501)
        square = statistics.mean(v * v for v in values) - statistics.mean(values) ** 2
        assert float(spread) == pytest.approx(max(square, 0) ** 0.5, abs=0.00501)
    assert "-0.00" not in table.html


@pytest.mark.parametrize(
    ("order", "column", "sign"),
    [("hardest first", 0, 1), ("easiest first", 0, -1), ("models differ most first", 1, -1)],
)
def test_rows_are_in_order_and_unknown_ones_last(
    library: Library, order: str, column: int, sign: int
) -> None:
    table = whole(library, rows=order)
    shown = [table.numbers[question][column] for question in table.order]
    known = [float(text) for text in shown if text]
    assert known == sorted(known, key=lambda value: sign * value)
    assert shown[len(known) :] == [""] * (NUMBER - len(known))
    assert Counter(table.order) == Counter(whole(library).order)


def test_a_model_in_front_orders_the_rows(
    library: Library, verdicts: dict[tuple[str, str], Labels]
) -> None:
    table = whole(library, model="o", rows="hardest first")
    assert table.models[0] == "o"
    of = [points(verdicts[q, "o"]) if (q, "o") in verdicts else [] for q in table.order]
    known = [statistics.mean(p) for p in of if p]
    assert known == sorted(known)
    assert not any(of[len(known) :])
    assert 'aria-sort="ascending"' in table.heads["o"]
    turned = whole(library, **link_in(table.heads["o"]))
    assert turned.view.query["rows"] == "easiest first"
    assert 'aria-sort="descending"' in turned.heads["o"]


def test_columns_are_by_their_means_or_names(library: Library) -> None:
    table = Table(library)
    best = sorted(MODELS, key=lambda model: -float(table.means[model]))
    assert table.models == best != list(MODELS)
    assert Table(library, columns="worst first").models == best[::-1]
    assert Table(library, columns="by name").models == list(MODELS)
    (head,) = re.findall(r'<tr class="means">(.*?)</th>', table.html)
    assert Table(library, **link_in(head)).models == best[::-1]


def test_heads_sort_the_rows(library: Library) -> None:
    table = Table(library)
    assert 'aria-sort="ascending"' in table.heads["question"]
    hardest = link_in(table.heads["mean"])
    assert hardest == {"tab": "questions", "judge": "j", "rows": "hardest first"}
    sorted_table = Table(library, **hardest)
    assert link_in(sorted_table.heads["mean"])["rows"] == "easiest first"
    assert link_in(sorted_table.heads["question"]) == {"tab": "questions", "judge": "j"}
    spread = Table(library, **link_in(table.heads["spread"]))
    assert spread.view.query["rows"] == "models differ most first"
    assert 'aria-sort="descending"' in spread.heads["spread"]


def test_links_open_the_battles(library: Library, verdicts: dict[tuple[str, str], Labels]) -> None:
    table = Table(library, category="k3")
    assert table.order == [f"q{i:02}" for i in range(3, NUMBER, 7)]
    assert table.links.keys() >= {("q10", model) for model in MODELS}
    for (question, model), query in table.links.items():
        assert open_link(library, query).key == (question, model, "base")
    shown = open_link(library, table.links["q10", "n"])
    assert (shown.filters.model, shown.filters.category) == ("n", "k3")
    row = next(line for line in re.findall(r"<tr.*?</tr>", table.html) if "question=q10" in line)
    every = open_link(library, link_in(row))
    assert every.key[0] == "q10"
    assert every.filters.model == ""
    (means,) = re.findall(r'<tr class="means">(.*?)</tr>', table.html)
    of_model = open_link(library, link_in(means[means.index("the battles of") - 200 :]))
    assert of_model.filters.model in MODELS


def test_choices_are_in_the_view_and_unknown_ones_are_not(library: Library) -> None:
    query = {"category": "k1", "columns": "by name", "rows": "easiest first", "model": "n"}
    view = questions_tab(library, {"tab": "questions", "judge": "j", **query})
    assert view.query == {"tab": "questions", "judge": "j", **query}
    for name, value in query.items():
        assert re.search(
            rf'name="{name}".*?<option value="{value}" selected>', view.parts["filters"]
        )
    unknown = dict.fromkeys([*query, "first", "baseline"], "nonsense")
    view = questions_tab(library, {"judge": "j", **unknown})
    assert view.query == {"tab": "questions", "judge": "j"}
    assert "There is no model nonsense here." in view.parts["shown"]


def test_the_matrix_is_turned_page_by_page(library: Library) -> None:
    table = Table(library, rows="hardest first")
    assert len(table.order) == 50
    later = re.search(r'<a href="\?([^"]*)"[^>]*aria-label="later questions"', table.html)
    assert later
    query = dict(parse_qsl(html.unescape(later[1])))
    assert query == {"tab": "questions", "judge": "j", "rows": "hardest first", "first": "50"}
    after = Table(library, **query)
    assert len(after.order) == NUMBER - 50
    assert "51–60" in after.html
    assert Table(library, rows="hardest first", first="4000").order == after.order
    assert Table(library, first="-7").order == Table(library).order


def test_a_search_leaves_the_judgments_with_the_words(library: Library) -> None:
    table = Table(library, text="says nonsense")
    assert table.links
    assert all(query["text"] == "says nonsense" for query in table.links.values())
    assert "none of it" not in Table(library).html
    empty = questions_tab(library, {"judge": "j", "text": "none of it"})
    assert 'No judgment has "none of it" in it.' in html.unescape(empty.parts["shown"])


def cells(bench: Workspace, *records: dict[str, Any], judge: str = "j", **query: str) -> Table:
    """The matrix of a judge with these judgments alone."""
    bench.add_questions([question_of(q, "c") for q in ("q1", "q2", "q3")])
    add_judgments(bench, [record | {"judge": judge} for record in records], judge=judge)
    return Table(library_of(bench), judge=judge, **query)


def test_judgments_against_several_baselines_are_one_cell(bench: Workspace) -> None:
    records = [
        judgment("q1", "B>A", "A>B"),
        judgment("q1", "A>>B", "B>>A", baseline="other"),
        judgment("q2", "B>>A", "A=B"),
        judgment("q2", "B>A", None, baseline="other"),
    ]
    table = cells(bench, *records)
    assert (table.marks["q1", "m"], table.marks["q2", "m"]) == ("±", "+")
    assert table.titles["q1", "m"] == (
        "split: win, win against base · strong loss, strong loss against other"
    )
    assert table.numbers["q1"][0] == "-0.50"
    assert table.numbers["q2"][0] == "+1.00"
    assert "Cells combine the judgments against 2 baselines." in table.html
    one = Table(library_of(bench), baseline="other")
    assert "Cells combine" not in one.html
    assert (one.marks["q1", "m"], one.titles["q1", "m"]) == ("−", "lost: strong loss, strong loss")
    assert open_link(library_of(bench), one.links["q1", "m"]).key == ("q1", "m", "other")


def test_a_judge_of_single_answers_has_grades(bench: Workspace) -> None:
    records = [judgment("q1", 7), judgment("q2", 8.5), judgment("q3", None)]
    records += [judgment("q1", 9, model="n"), judgment("q2", None, model="n")]
    for record in records:
        record |= {"baseline": None, "settings": {"pairwise": False}}
    table = cells(bench, *records)
    assert [table.marks[f"q{i}", "m"] for i in (1, 2)] == ["7", "8.5"]
    assert table.titles["q2", "m"] == "grade 8.5"
    assert table.means == {"n": "9.00", "m": "7.75"}
    assert table.numbers["q1"] == ("8.00", "1.00")
    assert "margin" not in table.html


def test_grades_beside_verdicts_are_left_out_and_counted(bench: Workspace) -> None:
    grade = judgment("q2", 3) | {"baseline": None}
    table = cells(bench, judgment("q1", "B>A", "A>B"), grade)
    assert table.order == ["q1"]
    assert "1 grade left out." in table.html


def test_the_vote_of_a_person_is_a_whole_judgment(bench: Workspace) -> None:
    table = cells(bench, judgment("q1", "B>>A"), judgment("q2", None, "A=B"), judge="human-ann")
    assert (table.titles["q1", "m"], table.titles["q2", "m"]) == ("won: strong win", "tied: tie")


def test_names_from_files_are_text(bench: Workspace) -> None:
    name, question = '<img src=x onerror="stolen=1">', 'q"1&2 <b>'
    bench.add_questions([question_of(question, "c")])
    add_judgments(bench, [judgment(question, "B>A", "A>B") | {"model": name, "baseline": name}])
    table = Table(library_of(bench))
    assert "<img" not in table.html
    assert "<b>" not in table.html.partition('<p class="how">')[0]
    assert table.links == {(question, name): {"judge": "j", "model": name, "question": question}}
    assert open_link(library_of(bench), table.links[question, name]).key[:2] == (question, name)


def test_a_bench_without_judgments_says_so(bench: Workspace) -> None:
    bench.add_questions(["One?"])
    view = questions_tab(library_of(bench), {})
    assert "has no judgments yet" in view.parts["shown"]
