"""Fixtures of all tests of chat: no credentials of the developer's, and fresh clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import close_clients


@pytest.fixture(autouse=True)
def no_clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the developer's, and no look at the network for some."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    close_clients()
