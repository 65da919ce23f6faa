"""A file of records: appended lines are there at once, and nothing written is lost."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from lines import SURROGATE, dump, new_answer, old_answer, raw_lines, write

from arena.base.errors import InputError, OutputError
from arena.base.record_file import RecordFile
from arena.bench.records import KeyLine


@pytest.fixture
def file_path(tmp_path: Path) -> Path:
    return tmp_path / "model_answer" / "org" / "tiny.jsonl"


class TestRecordFile:
    def test_what_is_appended_is_in_the_file_at_once(self, file_path: Path) -> None:
        with RecordFile(file_path, KeyLine) as file:
            assert not file_path.exists()
            file.append(old_answer("q2", "한국어"))
            assert raw_lines(file_path) == [old_answer("q2", "한국어")]
            file.append(old_answer("q1", SURROGATE))
            assert file_path.read_bytes().count(b"\n") == 2
        assert raw_lines(file_path) == [old_answer("q1", SURROGATE), old_answer("q2", "한국어")]
        assert "한국어".encode() in file_path.read_bytes()

    def test_closing_keeps_the_newest_of_each_and_sorts(self, file_path: Path) -> None:
        write(file_path, old_answer("q3"), old_answer("q1", "old"), new_answer("q2"))
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1", "new"))
            file.append(old_answer("q1", "newest"))
        expected = [old_answer("q1", "newest"), new_answer("q2"), old_answer("q3")]
        assert raw_lines(file_path) == expected

    def test_judgments_of_several_baselines_are_kept_apart(self, file_path: Path) -> None:
        base = {"question_id": "q1", "games": []}
        with RecordFile(file_path, KeyLine) as file:
            for baseline, note in (("b", 1), ("a", 2), ("b", 3)):
                file.append(base | {"baseline": baseline, "note": note})
        assert [(r["baseline"], r["note"]) for r in raw_lines(file_path)] == [("a", 2), ("b", 3)]

    def test_a_file_that_is_unique_and_sorted_stays_as_it_is(self, file_path: Path) -> None:
        marked = b"\xef\xbb\xbf" + dump(old_answer("q1"))
        write(file_path, marked, "", dump(new_answer("q2")) + b"\r")
        before, file = file_path.read_bytes(), file_path.stat().st_ino
        with RecordFile(file_path, KeyLine):
            pass
        assert (file_path.read_bytes(), file_path.stat().st_ino) == (before, file)

    def test_what_an_earlier_run_left_unsettled_is_settled(self, file_path: Path) -> None:
        write(file_path, old_answer("q2"), old_answer("q1", "old"), old_answer("q1", "new"))
        with RecordFile(file_path, KeyLine):
            pass
        assert raw_lines(file_path) == [old_answer("q1", "new"), old_answer("q2")]

    def test_after_an_error_nothing_is_settled_but_the_lock_given_up(self, file_path: Path) -> None:
        write(file_path, old_answer("q2"))
        with pytest.raises(ZeroDivisionError), RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1"))
            raise ZeroDivisionError
        assert raw_lines(file_path) == [old_answer("q2"), old_answer("q1")]
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]

    def test_a_torn_last_line_is_dropped_with_a_message(
        self, file_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(file_path, old_answer("q1"), dump(old_answer("q2"))[:-9], end="")
        with RecordFile(file_path, KeyLine) as file:
            assert raw_lines(file_path) == [old_answer("q1")]
            file.append(old_answer("q3"))
        assert raw_lines(file_path) == [old_answer("q1"), old_answer("q3")]
        warning = capsys.readouterr().err
        assert (
            f"{file_path}: removed an incomplete last line" in warning and warning.count("\n") == 1
        )

    def test_a_torn_only_line_leaves_an_empty_file(self, file_path: Path) -> None:
        write(file_path, '{"question_id', end="")
        with RecordFile(file_path, KeyLine):
            assert file_path.read_bytes() == b""

    def test_a_missing_last_newline_joins_no_records(self, file_path: Path) -> None:
        write(file_path, b"\xef\xbb\xbf" + dump(old_answer("q1")), end="")
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q2"))
        assert raw_lines(file_path) == [old_answer("q1"), old_answer("q2")]

    def test_only_one_can_be_open_and_nothing_of_it_stays(self, file_path: Path) -> None:
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1"))
            with pytest.raises(InputError, match=r"tiny\.jsonl: another run is writing this file"):
                RecordFile(file_path, KeyLine)
            file.append(old_answer("q2"))
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q3"))
        assert len(raw_lines(file_path)) == 3

    def test_the_lock_is_given_up_where_opening_fails(self, file_path: Path) -> None:
        file_path.mkdir(parents=True)
        with pytest.raises(InputError, match="cannot read"):
            RecordFile(file_path, KeyLine)
        file_path.rmdir()
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1"))
        assert raw_lines(file_path) == [old_answer("q1")]

    def test_a_lock_file_that_was_left_behind_does_no_harm(self, file_path: Path) -> None:
        write(file_path.with_name(".tiny.jsonl.lock"))
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1"))
        assert raw_lines(file_path) == [old_answer("q1")]

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "model_answer", "a file")
        with pytest.raises(InputError, match="model_answer"):
            RecordFile(tmp_path / "model_answer" / "tiny.jsonl", KeyLine)

    def test_a_file_that_takes_nothing_is_named(self, file_path: Path, tmp_path: Path) -> None:
        file_path.parent.mkdir(parents=True)
        file_path.symlink_to(tmp_path / "store" / "tiny.jsonl")
        with pytest.raises(InputError, match=r"tiny\.jsonl: cannot write here: No such file"):
            RecordFile(file_path, KeyLine)

    def test_the_check_leaves_things_as_they_are(self, file_path: Path, tmp_path: Path) -> None:
        with RecordFile(file_path, KeyLine) as file:
            file.check_writable()
            assert not file_path.exists()
            file_path.symlink_to(tmp_path / "tiny.jsonl")
            file.check_writable()
            assert file_path.is_symlink() and not file_path.exists()
            write(file_path, old_answer("q1"))
            file.check_writable()
            assert raw_lines(file_path) == [old_answer("q1")]

    @pytest.mark.parametrize("last", [b'{"question_id": "q2"}', b'{"question_id'])
    def test_a_last_line_that_cannot_be_mended_is_an_error_of_writing(
        self, file_path: Path, monkeypatch: pytest.MonkeyPatch, last: bytes
    ) -> None:
        write(file_path, old_answer("q1"), last, end="")
        before, opened = file_path.read_bytes(), Path.open

        def no_room(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
            if mode == "a+b":
                raise OSError(errno.ENOSPC, "No space left on device")
            return opened(path, mode, *args, **more)

        monkeypatch.setattr(Path, "open", no_room)
        with pytest.raises(OutputError, match=r"tiny\.jsonl: cannot write: No space left"):
            RecordFile(file_path, KeyLine)
        assert file_path.read_bytes() == before
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]

    def test_records_without_an_id_are_not_thrown_away_at_the_end(self, file_path: Path) -> None:
        write(file_path, {"note": "written by hand"})
        with (
            pytest.raises(InputError, match=r"tiny\.jsonl:1"),
            RecordFile(file_path, KeyLine) as file,
        ):
            file.append(old_answer("q1"))
        assert raw_lines(file_path) == [{"note": "written by hand"}, old_answer("q1")]
        RecordFile(file_path, KeyLine).close(compact=False)
