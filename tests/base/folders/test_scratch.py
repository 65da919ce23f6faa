"""Folders for the time of a run, and what a killed run leaves."""

from __future__ import annotations

from pathlib import Path

from conftest import tree

from arena.base.folders.scratch import remove_leftovers, scratch_folder


def test_a_folder_is_gone_at_its_end_and_no_run_takes_it_before(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, ".site.") as folder:
        (folder / "file").write_text("mine")
        remove_leftovers(tmp_path, ".site.")
        assert (folder / "file").read_text() == "mine"
    assert tree(tmp_path) == {}


def leave(folder: Path) -> None:
    """The files of a run that was killed."""
    folder.mkdir()
    (folder / "file").touch()
    folder.with_name(f"{folder.name}.lock").touch()


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".site.unlocked").mkdir()
    (tmp_path / ".site.abcdefgh.lock").mkdir()
    (tmp_path / ".site.ijklmnop.lock").symlink_to("elsewhere")
    leave(tmp_path / ".site.too_long_1")
    leave(tmp_path / ".other.abcdefgh")
    before = tree(tmp_path)
    leave(tmp_path / ".site.a1b2c3_4")
    rescued: list[str] = []
    remove_leftovers(tmp_path, ".site.", lambda folder: rescued.append(folder.name))
    assert tree(tmp_path) == before
    assert rescued == [".site.a1b2c3_4"]
    remove_leftovers(tmp_path / "missing", ".site.")
