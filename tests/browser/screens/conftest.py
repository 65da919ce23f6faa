"""A bench whose judgments the screens show."""

from __future__ import annotations

import pytest
from browser_site import add_judgments, judgment
from conftest import Workspace

from arena.bench.paths import Bench
from arena.browser.library import Library


@pytest.fixture
def library(bench: Workspace) -> Library:
    bench.add_questions(["First?", "Second?", "Third?"])
    for model in ("m", "n", "base"):
        bench.add_answers(model, {f"q{i}": f"{model} answers {i}" for i in (1, 2, 3)})
    records = [judgment(f"q{i}", "B>A", "A=B", model=m) for i in (1, 2, 3) for m in ("m", "n")]
    add_judgments(bench, [*records, judgment("q1", "A>>B", "A>B")])
    return Library(Bench(bench.root / "data", bench.name))
