"""Views of every bench of a folder, as JSON."""

from __future__ import annotations

import os
import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from browser_site import add_judgments, judgment
from conftest import Workspace
from starlette.testclient import TestClient

from arena.browser.library import Library
from arena.browser.web.views import TABS, query_of, tab_links


def view(client: TestClient, query: str) -> dict[str, Any]:
    answer = client.get(f"/view{query}")
    assert answer.status_code == 200
    return dict(answer.json())


def test_other_benches_are_offered_and_links_stay_in_the_chosen_one(
    client: TestClient, bench: Workspace
) -> None:
    first = view(client, "?")
    offered = re.findall(
        '<option value="(.*?)"( selected)?>(.*?)</option>', first["parts"]["title"]
    )
    assert offered == [("bench-de", "", "bench-de"), ("", " selected", bench.name)]
    assert "bench=" not in "".join([first["query"], *list(first["parts"].values())[1:]])
    other = view(client, "?bench=bench-de&judge=k")
    assert other["query"].startswith("?bench=bench-de&tab=judgments&judge=k")
    for name in ("tabs", "found", "shown"):
        links = re.findall('href="(.*?)"', other["parts"][name])
        assert links
        assert all(
            query_of(unescape(link).partition("?")[2])["bench"] == "bench-de" for link in links
        )
    assert '<input type="hidden" name="bench" value="bench-de">' in other["parts"]["filters"]
    there = unescape(re.findall('href="(.*?)"', other["parts"]["tabs"])[1])
    assert view(client, there)["query"] == "?bench=bench-de&tab=leaderboard&judge=k"


@pytest.mark.parametrize("name", ["empty", "nowhere", "../bench-de", "%00"])
def test_a_bench_that_is_not_there_is_the_first_one(client: TestClient, name: str) -> None:
    assert view(client, f"?bench={name}") == view(client, "?")


def test_without_a_query_the_first_model_is_open(client: TestClient) -> None:
    assert query_of(view(client, "")["query"]) == {
        **{"tab": "judgments", "judge": "j", "model": "m"},
        **{"question": "q1", "of": "m", "against": "base"},
    }
    assert "__theme" not in view(client, "?__theme=dark")["query"]


def test_a_view_reads_each_folder_once_and_the_next_one_sees_what_has_changed(
    client: TestClient, bench: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, walked = os.walk, Counter[str]()
    monkeypatch.setattr(Library, "warm", lambda *_: None)  # reads in a thread of its own
    monkeypatch.setattr(os, "walk", lambda top: walked.update([Path(top).name]) or walk(top))
    before = view(client, "?model=m")
    walked.clear()
    assert view(client, "?model=m") == before
    assert walked.pop("model_judgment") == 4  # one for each of three benches, one for the judges
    assert walked == {"j": 1}
    add_judgments(bench, [judgment("q3", "A>B", "B>A", model="n")])
    add_judgments(bench, [judgment("q3", "A>B", "B>A")], "new")
    after = view(client, "?model=m")["parts"]["filters"]
    for option in ('<option value="n">', '<option value="new">'):
        assert option in after and option not in before["parts"]["filters"]


def test_a_tab_takes_over_what_the_one_before_has() -> None:
    before = {"tab": "leaderboard", "judge": "j", "anchor": "c", "sort": "model"}
    links = re.findall('href="(.*?)"', tab_links(before, TABS))
    assert "?tab=clusters&judge=j&anchor=c" in map(unescape, links)


def test_values_of_one_name_are_joined() -> None:
    assert query_of("?control=a&control=b&x=&y=%F0") == {"control": "a b", "y": "\ufffd"}


def test_no_reader_is_told_where_the_folder_of_data_is(
    client: TestClient, bench: Workspace, folder: Path
) -> None:
    (bench.data / "model_answer" / "m.jsonl").unlink()
    lines = (bench.data / "question.jsonl").read_bytes()
    (bench.data / "question.jsonl").write_bytes(b"{broken}\n" + lines)
    for tab in ("judgments", "leaderboard", "clusters", "questions", "judges"):
        shown = view(client, f"?tab={tab}")
        assert str(folder) not in str(shown)
    assert f"{bench.name}/model_answer/m.jsonl" in view(client, "?")["parts"]["shown"]
