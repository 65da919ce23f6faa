"""What is sent for the query of a view: names, kinds, and what is not there."""

from __future__ import annotations

import pytest
from browser_site import add_judgments, judgment, small_library
from conftest import Workspace

from arena.browser.library import Library
from arena.browser.output.downloads import FILES


@pytest.fixture
def library(bench: Workspace) -> Library:
    found = small_library(bench)
    add_judgments(bench, [judgment(q, "A>B", "A>B") for q in ("q1", "q2")])
    return found


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/list.csv", "text/csv; charset=utf-8", "test-v1-j-m.csv"),
        ("/list.jsonl", "application/jsonl", "test-v1-j-m.jsonl"),
        ("/battle.html", "text/html; charset=utf-8", "test-v1-m-q2.html"),
    ],
)
def test_a_file_is_saved_and_not_shown(library: Library, path: str, kind: str, name: str) -> None:
    query = {"judge": "j", "model": "m", "question": "q2", "of": "m", "against": "base"}
    headers = FILES[path](library, query).headers
    assert headers["content-disposition"] == f'attachment; filename="{name}"'
    assert headers["content-type"] == kind


def test_a_battle_that_is_not_there_is_not_another_one(bench: Workspace, library: Library) -> None:
    save = FILES["/battle.html"]
    for query in ({"question": "q3"}, {"question": "../q1"}, {"text": "nowhere"}):
        reply = save(library, {"judge": "j"} | query)
        assert (reply.status_code, reply.body) == (404, b"There is no such battle.")
    save(library, {"judge": "j"})
    (bench.data / "model_judgment/j/m.jsonl").write_text("")
    assert save(library, {"judge": "j"}).status_code == 404
