"""Files to save and labels, over the routes of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Workspace
from starlette.applications import Starlette
from starlette.testclient import TestClient

from arena.browser.annotate.votes import Votes
from arena.browser.defaults import Benches, choose
from arena.browser.screens.annotate import Annotation
from arena.browser.web.routes import routes


def test_labels_are_for_the_first_bench_alone(bench: Workspace, folder: Path) -> None:
    benches = Benches(choose(folder, bench.name, None, None, None))
    votes = Votes(benches.first.library.bench, "anna")
    app = Starlette(routes=routes(benches, Annotation(votes)))
    app.auth = None  # type: ignore[attr-defined]
    client = TestClient(app)
    form = client.get("/view?tab=annotate").json()["parts"]["shown"]
    token = re.findall('name="pair" value="([0-9a-f]{16})"', form)[0]
    other = client.get("/view?tab=annotate&bench=bench-de").json()
    assert other["query"] == "?bench=bench-de&tab=annotate"
    words = f"Labels of human-anna are for the bench {bench.name} alone."
    assert words in other["parts"]["shown"] and words in other["announcement"]
    assert "data-post" not in str(other["parts"])
    headers = {"origin": "http://testserver", "content-type": "application/json"}
    vote = {"pair": token, "label": "A>B"}

    def post(path: str, bench_name: str) -> tuple[int, str]:
        reply = client.post(path, json=vote | {"bench": bench_name}, headers=headers)
        return reply.status_code, reply.text

    # The bench has the same questions and models, so the pair is one of its own.
    assert post("/vote", "bench-de") == (409, f"{words} Choose it above to label its pairs.")
    assert not list(folder.rglob("human-anna/*.jsonl"))
    assert post("/vote", "")[0] == 200
    (written,) = folder.rglob("human-anna/*.jsonl")
    assert written.is_relative_to(bench.data)
    assert post("/undo", "bench-de")[0] == 409 and written.exists()
    assert post("/undo", "")[0] == 200 and not written.exists()
    votes.close()


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl", "battle.html"])
@pytest.mark.parametrize("query", ["judge=nobody", "judge=j&model=x", "judge=j&category=x"])
def test_no_file_has_other_judgments_than_it_was_asked_for(
    client: TestClient, name: str, query: str
) -> None:
    answer = client.get(f"/{name}?{query}")
    assert answer.status_code == 404
    assert "There " in answer.text
