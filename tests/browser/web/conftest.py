"""Benches of a folder, and a client of their routes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from browser_site import add_judgments, judgment, small_library
from conftest import Workspace
from starlette.applications import Starlette
from starlette.testclient import TestClient

from arena.browser.defaults import Benches, choose
from arena.browser.web.routes import routes


@pytest.fixture
def folder(bench: Workspace) -> Path:
    """Three benches, of which one has no judgments."""
    small_library(bench)
    add_judgments(bench, [judgment("q1", "A>B", "B>A"), judgment("q2", "A=B", "A=B")])
    data = bench.root / "data"
    for name in ("bench-de", "empty"):
        shutil.copytree(bench.data, data / name)
    add_judgments(bench, [judgment("q3", "B>>A", "A>>B", judge="k")], judge="k")
    shutil.move(bench.data / "model_judgment" / "k", data / "bench-de" / "model_judgment" / "k")
    shutil.rmtree(data / "empty" / "model_judgment")
    return data


@pytest.fixture
def client(bench: Workspace, folder: Path) -> TestClient:
    app = Starlette(routes=routes(Benches(choose(folder, bench.name, None, None, None))))
    app.auth = None  # type: ignore[attr-defined]
    return TestClient(app)
