"""Benches in open pages of Chromium, each loaded once for all tests of a file.

Needs Debian's `chromium` and `fonts-noto-cjk`. Without Chromium these tests are skipped, but not
in CI, where they fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from browser_site import Servers, Site
from conftest import NO_REFERENCE, REFERENCE, REPO, Workspace
from hostile_bench import make_bench
from playwright.sync_api import BrowserContext, Page


@pytest.fixture(scope="session")
def our_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace(tmp_path_factory.mktemp("ours"))
    make_bench(workspace)
    return servers.serve(workspace)


@pytest.fixture(scope="session")
def demo_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace(tmp_path_factory.mktemp("demo"))
    shutil.copytree(REPO / "config", workspace.root / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", workspace.root / "data" / "demo-v0.1")
    return servers.serve(workspace)


@pytest.fixture(scope="session")
def reference_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    if not REFERENCE.is_dir():
        pytest.skip(NO_REFERENCE)
    workspace = Workspace(tmp_path_factory.mktemp("reference"))
    (workspace.root / "data").mkdir(exist_ok=True)
    (workspace.root / "data" / REFERENCE.name).symlink_to(REFERENCE)
    return servers.serve(workspace)


@pytest.fixture(scope="module")
def ours(our_url: str, context: BrowserContext) -> Iterator[Site]:
    """Our bench in one page for all tests, since a page takes a second to load."""
    yield from opened(our_url, context)


@pytest.fixture(scope="module")
def demo(demo_url: str, context: BrowserContext) -> Iterator[Site]:
    """The demo in one page for all tests."""
    yield from opened(demo_url, context)


@pytest.fixture(scope="module")
def reference(reference_url: str, context: BrowserContext) -> Iterator[Site]:
    """The reference bench in one page for all tests."""
    yield from opened(reference_url, context)


def opened(url: str, context: BrowserContext) -> Iterator[Site]:
    site = Site(url, context.new_page())
    site.open()
    yield site
    site.page.close()


@pytest.fixture
def new(demo_url: str, page: Page) -> Site:
    """A page of the demo that is not loaded yet."""
    return Site(demo_url, page)
