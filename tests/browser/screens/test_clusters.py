"""The tab of the clusters: the scores of show_result.py, in every order, and its links."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from boards import named, show
from browser_site import all_pairs, several_baselines
from clusters import questions
from conftest import Workspace
from judgments import add_judgments, graded, random_judgments

from arena.bench.config import read_judge_config
from arena.bench.paths import Bench
from arena.browser.html.controls import link
from arena.browser.library import Library
from arena.browser.screens.clusters import ClusterChoice, ClusterScreen, cluster_screen


@pytest.fixture
def library(clustered: Workspace) -> Library:
    return Library(Bench(clustered.root / "data", clustered.name))


def rows(screen: ClusterScreen) -> dict[str, list[str]]:
    """The texts of the cells by cluster."""
    lines = re.findall(r"<tr.*?</tr>", screen.table_html.partition("<tbody>")[2])
    cells = [[re.sub("<.*?>", "", c) for c in re.findall(r"<td.*?</td>", ln)] for ln in lines]
    return {html.unescape(name): values for name, *values in cells}


def csv_rows(bench: Workspace, *arguments: object) -> list[dict[str, Any]]:
    show(bench, *arguments, "--csv", "by.csv")
    return list(csv.DictReader(io.StringIO((bench.root / "by.csv").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("by", ["cluster", "category"])
def test_scores_are_those_of_the_csv(clustered: Workspace, library: Library, by: str) -> None:
    expected = csv_rows(clustered, *named(), "--by", by)
    for model in ("m1", "m2", "coder"):
        screen = cluster_screen(library, ClusterChoice("judge", by, model=model))
        shown = rows(screen)
        of_model = [row for row in expected if row["model"] == model and row["questions"] != "0"]
        assert shown.keys() == {row[by] for row in of_model}
        assert any(row["rating_q025"] for row in of_model)
        for row in of_model:
            score, interval, number, _ = shown[row[by]]
            assert float(score) == pytest.approx(float(row["score"]), abs=0.051)
            ends = [float(row["score"]) + float(x) for x in re.findall(r"-?[\d.]+", interval)]
            wanted = [float(row[name]) for name in ("rating_q025", "rating_q975") if row[name]]
            assert ends == pytest.approx(wanted, abs=0.056)
            whole = row[f"{by}_questions"]
            judged = row["questions"]
            assert number == (judged if judged == whole else f"{judged} of {whole}")


def test_grades_have_no_baseline(bench: Workspace) -> None:
    bench.add_questions(questions(["a", "a", "b", "b"]))
    for model, start in (("m", 2), ("n", 5)):
        add_judgments(bench, model, [graded(f"q{i}", start + i) for i in range(1, 5)])
    bench.write_judge_config("judge", "m", as_published=True)
    config = read_judge_config(bench.root / "config" / "judge_config.yaml")
    library = Library(Bench(bench.root / "data", bench.name), config=config)
    screen = cluster_screen(library, ClusterChoice("judge"))
    assert not screen.pairwise
    assert screen.offers["model"] == ["n", "m"]
    assert {name: cells[0] for name, cells in rows(screen).items()} == {"a": "6.50", "b": "8.50"}


def test_baselines_of_categories_are_no_rated_models(bench: Workspace) -> None:
    library = several_baselines(bench, named=True)
    screen = cluster_screen(library, ClusterChoice("j", "category", model="m"))
    assert screen.usual_baseline == "one for each category"
    assert sorted(screen.offers["model"]) == ["m", "n", "o"]
    for category, baseline in (("code", "base-code"), ("prose", "base-prose")):
        chosen = replace(screen.choice, baseline=baseline)
        alone = cluster_screen(library, chosen)
        assert rows(alone)[category] == rows(screen)[category]


@pytest.mark.parametrize("anchor", ["", "c"])
def test_of_a_round_robin_all_pairs_count_as_on_its_board(bench: Workspace, anchor: str) -> None:
    library = all_pairs(bench)
    bench.write_judge_config("j", "a")
    flags = ["-j", "j", "--anchor", *filter(None, [anchor]), "--mixed", "leave-out"]
    expected = csv_rows(bench, *flags, "--by", "category")
    others = {row["model"] for row in expected} - {anchor}
    assert others == set("abcd") - {anchor}
    for model in others:
        screen = cluster_screen(library, ClusterChoice("j", anchor=anchor, model=model))
        assert screen.choice.anchor == (anchor or "mean") and screen.usual_baseline == "any"
        assert set(screen.offers["model"]) == others
        assert f'value="{anchor or "mean"}" selected' in screen.view().parts["filters"]
        shown = {name: [score, number] for name, (score, _, number, _) in rows(screen).items()}
        assert shown == {
            row["category"]: [f"{float(row['score']):.1f}", "6"]
            for row in expected
            if row["model"] == model
        }
    alone = cluster_screen(library, ClusterChoice("j", anchor="c", baseline="a", model="b"))
    assert "anchor" not in alone.query and 'name="anchor"' not in alone.view().parts["filters"]
    unknown = cluster_screen(library, ClusterChoice("j", anchor="nobody"))
    assert "There is no board with 50 for nobody." in unknown.table_html


def test_orders(clustered: Workspace, library: Library) -> None:
    first = ClusterChoice("judge", model="m1", beside="m3")
    screen = cluster_screen(library, first)
    scores = {name: (float(cells[0]), float(cells[4])) for name, cells in rows(screen).items()}
    weakest, beside = (sorted(scores, key=lambda name, i=i: scores[name][i]) for i in (0, 1))
    orders = {
        "": weakest,
        "-score": weakest[::-1],
        "beside": beside,
        "name": ["coding", "maths", "writing"],
        "-name": ["writing", "maths", "coding"],
        "questions": ["coding", "maths", "writing"],
        "-questions": ["writing", "maths", "coding"],
        "nonsense": weakest,
    }
    assert weakest != beside
    for order, names in orders.items():
        screen = cluster_screen(library, replace(first, sort=order))
        assert list(rows(screen)) == names
        again = cluster_screen(library, ClusterChoice.of(screen.query))
        assert again == screen
    alone = cluster_screen(library, ClusterChoice("judge", model="m1", sort="beside"))
    assert list(rows(alone)) == weakest


def test_few_questions_are_hidden_unless_all_clusters_have_few(
    clustered: Workspace, library: Library
) -> None:
    add_judgments(clustered, "m4", random_judgments(5, 8))  # one of the second cluster
    usual = cluster_screen(library, ClusterChoice("judge", model="m4"))
    assert list(rows(usual)) == ["coding"]
    assert "Not shown: 2 of 3 clusters, with fewer than 5 questions judged." in usual.table_html
    assert ">5 (usual)<" in usual.view().parts["filters"]
    choice = replace(usual.choice, min_questions="any")
    shown = cluster_screen(library, choice)
    assert rows(shown)["writing"][:3] == ["n/a", "", "1 of 5"] and "chance" not in shown.table_html
    assert ">any<" in shown.view().parts["filters"] and "min_questions=any" in link(shown.query)
    for order in ("", "-score"):
        assert list(rows(cluster_screen(library, replace(choice, sort=order))))[-1] == "writing"
    assert list(rows(cluster_screen(library, replace(choice, min_questions="2")))) == ["coding"]
    assert cluster_screen(library, replace(choice, min_questions="5")).choice == usual.choice
    none = cluster_screen(library, replace(choice, min_questions="50"))
    assert not rows(none) and "No cluster has that many judged questions." in none.table_html
    add_judgments(clustered, "m5", random_judgments(6, 4))
    few = cluster_screen(library, ClusterChoice("judge", model="m5"))
    assert list(rows(few)) == ["coding"] and ">any<" in few.view().parts["filters"]
    assert "None of the clusters has 5 questions judged" in few.table_html


def test_a_name_that_is_not_there_is_passed_over_with_a_notice(library: Library) -> None:
    shown = cluster_screen(
        library, ClusterChoice("judge", "topic", model="x", beside="<b>", min_questions="7")
    )
    assert shown.choice == ClusterChoice("judge", "cluster", model=shown.offers["model"][0])
    assert "base" not in shown.offers["model"]
    for name in ("x", "&lt;b&gt;"):
        assert f"There is no model {name} here." in shown.table_html


def test_the_reason_for_no_scores_names_no_flag(bench: Workspace) -> None:
    bench.add_questions([{"question_id": "q1", "turns": [{"content": "?"}]}])
    library = Library(Bench(bench.root / "data", bench.name))
    assert "no judgments yet" in cluster_screen(library, ClusterChoice()).table_html
    add_judgments(bench, "m", random_judgments(1, 1))
    shown = cluster_screen(library, ClusterChoice())
    assert shown.offers["by"] == []
    assert "no question has a cluster" in shown.table_html and "--" not in shown.table_html


def test_without_a_score_in_any_cluster_the_tab_says_so(bench: Workspace) -> None:
    bench.add_questions(questions(["a", "b"]))
    add_judgments(bench, "m", random_judgments(1, 2))
    library = Library(Bench(bench.root / "data", bench.name))
    shown = cluster_screen(library, ClusterChoice()).table_html
    assert "no model has enough questions judged in a cluster" in shown.lower()
