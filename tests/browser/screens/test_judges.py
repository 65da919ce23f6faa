"""The tab of the judges: the numbers of the report, and the judgments behind each of them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from html import unescape
from typing import Any

import pytest
from browser_site import add_judgments, judgment
from conftest import REPO, RunMain, Workspace
from judgments import random_bench

from arena.bench.labels import LABELS, normal_label
from arena.bench.paths import Bench
from arena.browser.library import Filters, Library
from arena.browser.screens.judges import judges_tab
from arena.browser.screens.judgments import open_link
from arena.browser.statistics import judge_statistics, one_judge
from arena.browser.web.views import query_of
from arena.quality.benchmark.measures import json_text


def shown(library: Library, **query: str) -> str:
    return judges_tab(library, query).parts["shown"]


def in_json(data: Any) -> Any:
    return json.loads(json_text(asdict(data)))


@pytest.fixture
def library(bench: Workspace) -> Library:
    random_bench(bench)
    return Library(Bench(bench.root / "data", bench.name))


def links(page: str) -> dict[str, str]:
    """The words of links by address."""
    found = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', page)
    return {unescape(address): words for address, words in found}


class TestNumbers:
    @pytest.mark.parametrize("of_demo", [True, False])
    def test_they_are_those_of_the_report(
        self, bench: Workspace, run_main: RunMain, library: Library, of_demo: bool
    ) -> None:
        flags = ["--bench-name", "test-v1"]
        if of_demo:
            flags = ["--data-dir", str(REPO / "data"), "--bench-name", "demo-v0.1"]
            library = Library(Bench(REPO / "data", "demo-v0.1"))
        run_main("judge_report.py", *flags, "--json", "r.json")
        report = json.loads((bench.root / "r.json").read_text("utf-8"))
        judges = judge_statistics(library)
        assert judges.verdicts
        for expected, verdicts in zip(report["judges"], judges.verdicts, strict=True):
            numbers = in_json(verdicts)
            assert numbers == {name: expected[name] for name in numbers}
            closely, _ = one_judge(library, verdicts.judge)
            assert in_json(closely)["judges"] == [expected]
        compared = in_json(judges.report)
        for name in ("pairs", "place", "not_compared", "left_out", "rounds", "seed", "questions"):
            assert compared[name] == report[name]

    def test_they_are_shown_with_drawn_intervals_and_words(self, library: Library) -> None:
        page = shown(library, closely="j1", compare="j0")
        report, places = one_judge(library, "j1")
        estimates = [m.of(report.judges[0]).estimate for m in report.measures]
        estimates += [x.estimate for one in places for x in (one.effect, one.flips)]
        estimates += [judge.flips.estimate for judge in judge_statistics(library).verdicts]
        assert sum(not math.isnan(estimate.lower) for estimate in estimates) > len(estimates) / 2
        for estimate in estimates:
            texts = {estimate.text(1), estimate.text(3)}
            assert any(text in page for text in texts)
            if not math.isnan(estimate.lower):
                assert any(f'<svg role="img" aria-label="{text}">' in page for text in texts)
        assert "in brackets 95 % intervals over 1,000 draws of 12 questions" in page
        assert "A&gt;&gt;B: A is much better, A&gt;B: A is slightly better, A=B: a tie," in page
        assert "place bias of all judges but ensembles together, points: " in page
        assert not re.search(r"(?<!\S)--\w", page)

    def test_those_of_an_ensemble_are_there_too(self, bench: Workspace, library: Library) -> None:
        alone = judge_statistics(library).verdicts
        rule = {"judge": "e", "rule": "median", "judges": ["j0", "j1"]}
        records = [judgment(f"q{i}", "A>B", "A=B", model="m0", **rule) for i in range(1, 13)]
        add_judgments(bench, records, judge="e")
        ensemble, *others = judge_statistics(library).verdicts
        assert (ensemble.judge, ensemble.judgments, tuple(others)) == ("e", 12, alone)
        page = shown(library, closely="e", compare="j0")
        assert "e is an ensemble of j0, j1" in page
        assert "not compared, of the same verdicts: e, j0, j1" in page
        assert "There are no numbers of j0 here." in page
        assert judges_tab(library, {"closely": "e", "compare": "j2"}).query["compare"] == "j2"


class TestLinks:
    def test_a_number_opens_the_judgments_behind_it(self, library: Library) -> None:
        entries = list(library.judgments("j1"))
        page = shown(library, closely="j1")
        to = {a: open_link(library, query_of(a)) for a in links(page) if "tab=judgments" in a}
        flips = "?tab=judgments&judge=j1&verdict=games+disagree"
        twice = [e for e in entries if all(map(normal_label, e.labels))]
        (flipped,) = (j.flips for j in judge_statistics(library).verdicts if j.judge == "j1")
        assert to[flips].total == round(flipped.estimate.value * flipped.number / 100)
        assert flipped.number == len(twice)
        for label in LABELS:
            address = next(a for a in to if query_of(a) == query_of(f"?{said('j1', label)}"))
            with_label = [e for e in entries if label in map(normal_label, e.labels)]
            assert to[address].total == len(with_label)
        _, places = one_judge(library, "j1")
        assert {one.model for one in places} == {entry.model for entry in entries}
        for one in places:
            rest = f"judge=j1&model={one.model}"
            number = one.flips.estimate.value * one.flips.number / 100
            assert to[f"?tab=judgments&{rest}&verdict=games+disagree"].total == round(number)
            listed = to[f"?tab=judgments&{rest}&outcome=split"].filters
            assert listed == Filters(judge="j1", model=one.model, outcome="split")

    def test_a_cell_of_two_judges_opens_its_games(self, library: Library) -> None:
        of = {j: {e.key: e.labels for e in library.judgments(j)} for j in ("j0", "j1")}
        page = shown(library, closely="j1", compare="j0")
        found = links(page[page.index("<caption") :])
        filled = 0
        for row in LABELS:
            for column in LABELS:
                games = [
                    (key, game)
                    for key, labels in of["j1"].items()
                    for game in (0, 1)
                    if normal_label(labels[game]) == row
                    and normal_label(of["j0"][key][game]) == column
                ]
                query = {"tab": "judgments", "judge": "j1", "labels": f"{row}|{column}|j0"}
                (address,) = (a for a in found if query_of(a) == query) if games else ("",)
                assert found.get(address, "0") == f"{len(games):,}"
                if games:
                    filled += 1
                    listed = {e.key for e in library.select(Filters(**query_without_tab(query)))}
                    assert listed == {key for key, _ in games}
        assert filled > 5

    def test_they_look_at_a_judge_and_a_pair_closely(self, library: Library) -> None:
        page = shown(library, judge="j2")
        assert links(page)["?tab=judges&judge=j2&closely=j0"] == "j0"
        assert links(page)["?tab=judges&judge=j2&closely=j0&compare=j1"] == "j0, j1"
        view = judges_tab(library, {"judge": "j2", "closely": "j0", "compare": "j1"})
        assert view.query == {"tab": "judges", "judge": "j2", "closely": "j0", "compare": "j1"}
        assert "j0 (rows) and j1 (columns), games" in view.parts["shown"]
        assert "What sways j0" in view.parts["shown"]
        assert view.announcement == "Judges, j0 closely, beside j1."

    def test_what_does_not_exist_is_told_and_left_out(self, library: Library) -> None:
        for query in ({"closely": "nobody"}, {"closely": "j0", "compare": "j0"}, {"judge": "<b>"}):
            view = judges_tab(library, query)
            assert view.query == {"tab": "judges"} | (
                {"closely": "j0"} if "compare" in query else {}
            )
            told = "There are no numbers of" in view.parts["shown"]
            assert told == ("judge" not in query)


class TestOthers:
    def test_one_judge_has_nobody_to_agree_with(self) -> None:
        view = judges_tab(Library(Bench(REPO / "data", "demo-v0.1")), {})
        assert (
            "There is only one judge, so there is no agreement to measure." in view.parts["shown"]
        )
        assert 'name="compare"' not in view.parts["filters"]
        assert view.query == {"tab": "judges"}

    def test_grades_have_a_table_of_their_own(self, bench: Workspace) -> None:
        bench.add_questions(4)
        graded = [judgment("q1", 7, judge="g"), judgment("q2", 9.5, judge="g")]
        add_judgments(bench, [*graded, judgment("q3", None, judge="g")], judge="g")
        library = Library(Bench(bench.root / "data", bench.name))
        page = shown(library)
        assert "<td>2</td><td>8.25</td><td>7</td><td>9.5</td>" in page
        assert "What each judge says" not in page
        assert "There are no verdicts" not in page
        add_judgments(bench, [judgment("q1", "A>B", None), judgment("q2", "B>A", "A=B")])
        page = shown(library)
        assert "<td>2</td><td>8.25</td>" in page
        assert "skipped judge g" in page
        assert "has grades of single answers" in page
        assert '<option value="j">' in judges_tab(library, {}).parts["filters"]
        assert '<option value="g">' not in judges_tab(library, {}).parts["filters"]

    def test_votes_of_people_have_no_place(self, bench: Workspace, library: Library) -> None:
        votes = [judgment(f"q{i}", None, "A>B", model="m0", judge="human-anna") for i in range(9)]
        add_judgments(bench, votes, judge="human-anna")
        page = shown(library, closely="human-anna", compare="j0")
        assert "human-anna (rows) and j0 (columns), games" in page
        assert page.count("n/a<small>no judgment with two verdicts</small>") > 2
        assert links(page)["?tab=judgments&judge=human-anna"] == "9"

    def test_a_line_that_cannot_be_read_is_told(self, bench: Workspace, library: Library) -> None:
        path = bench.data / "model_judgment/j0/m0.jsonl"
        path.write_text("{}\n" + path.read_text("utf-8"), "utf-8")
        page = shown(library)
        assert "There are no verdicts of judges." in page
        assert "m0.jsonl:1: " in page

    def test_names_of_judges_and_models_are_data(self, bench: Workspace) -> None:
        name = '<img src=x>"'
        records = [judgment(f"q{i}", "A>B", "A=B", judge=name, model="<i>") for i in range(9)]
        bench.write(bench.data / "model_judgment" / name / "m.jsonl", records)
        library = Library(Bench(bench.root / "data", bench.name))
        view = judges_tab(library, {"closely": name})
        assert view.query["closely"] == name
        assert not re.search(r"<img|<i>", "".join(view.parts.values()))

    def test_numbers_are_remembered_until_a_file_changes(
        self, bench: Workspace, library: Library
    ) -> None:
        assert judge_statistics(library) is judge_statistics(library)
        assert one_judge(library, "j0") is one_judge(library, "j0")
        before = judges_tab(library, {"closely": "j0"})
        (bench.data / "model_judgment/j0/m0.jsonl").unlink()
        assert judges_tab(library, {"closely": "j0"}) != before


def said(judge: str, label: str) -> str:
    return f"tab=judgments&judge={judge}&labels={label}"


def query_without_tab(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "tab"}
