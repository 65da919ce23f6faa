"""The states of batches on disk."""

import hashlib
import shutil
from pathlib import Path

import pytest

from arena.base.errors import InputError
from arena.batch.state import CREATING, PHASES, RUNNING, Batch, batches_of, running_ids


def new(folder: Path, name: str = "1") -> Batch:
    (folder / "batches" / name).mkdir(parents=True)
    fields = {"service": "openai", "address": "http://localhost/v1", "model": "m"}
    return Batch(
        folder / "batches" / name, **fields, records="model_answer/m.jsonl", requests=2, sha256="ab"
    )


def test_a_phase_is_on_disk_when_the_next_step_begins(tmp_path: Path) -> None:
    batch = new(tmp_path)
    assert list(batches_of(tmp_path)) == []
    batch.advance(CREATING, file_id="file-1", refused=("temperature",))
    assert list(batches_of(tmp_path)) == [batch]
    batch.advance(RUNNING, batch_id="batch-1")
    (read,) = batches_of(tmp_path)
    assert (read.phase, read.file_id, read.batch_id) == (RUNNING, "file-1", "batch-1")
    assert read.refused == ("temperature",)


def test_batches_are_read_in_the_order_of_their_folders(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        new(tmp_path, name).advance(RUNNING)
    assert [batch.folder.name for batch in batches_of(tmp_path)] == ["a", "b", "c"]


def test_a_batch_that_another_run_deletes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    batches = [new(tmp_path, name) for name in ("a", "b")]
    for batch in batches:
        batch.advance(RUNNING)
    reading = batches_of(tmp_path)
    assert next(reading) == batches[0]
    batches[1].delete()
    assert list(reading) == []


def test_half_a_deleted_folder_is_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = new(tmp_path)
    batch.request_file.write_bytes(REQUESTS)
    batch.advance(RUNNING)

    def stop(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        batch.delete()
    assert batch.request_file.exists()
    assert list(batches_of(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": 1}'])
def test_a_broken_state_is_named_and_nothing_is_asked_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "batches" / "x").mkdir(parents=True)
    (tmp_path / "batches" / "x" / "state.json").write_text(text)
    with pytest.raises(InputError, match=r"x/state\.json: the state of a batch cannot be read"):
        list(batches_of(tmp_path))


REQUESTS = b'{"custom_id":"a","body":{}}\n{"key":"b","request":{}}\n'


@pytest.mark.parametrize("phase", PHASES)
def test_what_may_be_at_the_service_is_not_asked_again(tmp_path: Path, phase: str) -> None:
    batch = new(tmp_path)
    batch.request_file.write_bytes(REQUESTS)
    batch.sha256 = hashlib.sha256(REQUESTS).hexdigest()
    batch.advance(phase)
    records, other = (tmp_path / "model_answer" / f"{model}.jsonl" for model in ("m", "n"))
    is_there = phase in ("creating", "running", "ended")
    assert running_ids(tmp_path, records) == ({"a", "b"} if is_there else set())
    assert running_ids(tmp_path, other) == set()


def test_a_request_file_that_was_edited_is_refused(tmp_path: Path) -> None:
    batch = new(tmp_path)
    batch.request_file.write_bytes(REQUESTS)
    with pytest.raises(InputError, match=r"requests\.jsonl: changed since it was sent"):
        batch.ids()
    batch.request_file.unlink()
    with pytest.raises(InputError, match=r"requests\.jsonl: No such file"):
        batch.ids()
