"""A file of records: appended lines are there at once, and nothing written is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
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

    def test_a_device_is_no_file_of_records(self, file_path: Path) -> None:
        file_path.parent.mkdir(parents=True)
        file_path.symlink_to(os.devnull)
        with pytest.raises(InputError, match="cannot read records: it is a device or a pipe, not"):
            RecordFile(file_path, KeyLine)

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


@pytest.fixture
def there(file_path: Path) -> Path:
    """The file with a record of an earlier run."""
    return write(file_path, old_answer("q1"))


def lost_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.lost"))


class TestOtherPrograms:
    """They change the file while it is open, between two records of this run."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: path.unlink(),
            lambda path: path.rename(path.with_name("elsewhere.txt")),
            lambda path: shutil.rmtree(path.parent),
            lambda path: shutil.rmtree(path.parent.parent),
            lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
        ],
        ids=["rm", "mv", "rm -r", "rm -r of all", "mv of the folder"],
    )
    def test_a_file_that_is_gone_is_written_again(
        self, there: Path, capsys: pytest.CaptureFixture[str], change: Any
    ) -> None:
        file = RecordFile(there, KeyLine)
        file.append(old_answer("q3"))
        change(there)
        file.append(old_answer("q2"))
        assert len(raw_lines(there)) == 3
        said = (
            r"tiny\.jsonl: this file was moved or deleted during the run\. Its records are written"
        )
        with pytest.raises(OutputError, match=said):
            file.close()
        assert [r["question_id"] for r in raw_lines(there)] == ["q1", "q2", "q3"]
        assert capsys.readouterr().err == "", "the error says it"

    def test_each_of_two_events_is_told_once(
        self, there: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = RecordFile(there, KeyLine)
        for number, change in enumerate((there.unlink, lambda: os.truncate(there, 0))):
            file.append(old_answer(f"q{number}"))
            change()
            file.append(old_answer(f"q{number}", "again"))
        with pytest.raises(OutputError, match="another program changed this file during"):
            file.close()
        (warning,) = capsys.readouterr().err.splitlines()
        assert "this file was moved or deleted during the run" in warning

    @pytest.mark.parametrize("size", [0, 20, -1, -20], ids=[": >", "mid", "newline", "last"])
    def test_what_was_cut_off_is_added_again(self, file_path: Path, size: int) -> None:
        file = RecordFile(file_path, KeyLine)
        for number in (4, 2, 3):
            file.append(old_answer(f"q{number}"))
        os.truncate(file_path, size if size >= 0 else file_path.stat().st_size + size)
        file.append(old_answer("q1"))
        with pytest.raises(OutputError, match="Lost records are written there again"):
            file.close()
        assert [r["question_id"] for r in raw_lines(file_path)] == ["q1", "q2", "q3", "q4"]

    def test_so_is_what_an_older_copy_of_the_file_lacks(self, there: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copy(there, tmp_path / "copy"))
        file = RecordFile(there, KeyLine)
        file.append(old_answer("q2"))
        os.replace(copy, there)
        with pytest.raises(OutputError, match="Lost records are written there again"):
            file.close()
        assert [r["question_id"] for r in raw_lines(there)] == ["q1", "q2"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: path.write_bytes(path.read_bytes() + dump(old_answer("q7")) + b"\n"),
            lambda path: write(path, old_answer("q1", "edited")),
            lambda path: os.replace(write(path.with_name("new"), old_answer("q7")), path),
            lambda path: (path.unlink(), path.mkdir()),
            lambda path: (path.unlink(), os.mkfifo(path)),
            lambda path: (path.unlink(), path.symlink_to(os.devnull)),
        ],
        ids=["append", "edit", "replace", "a folder", "a pipe", "a device"],
    )
    def test_what_others_wrote_stays_and_lost_records_go_beside_it(
        self, there: Path, change: Any
    ) -> None:
        file = RecordFile(there, KeyLine)
        file.append(old_answer("q2"))
        change(there)
        left = there.read_bytes() if there.is_file() else None
        for number in (3, 2, 4):
            with pytest.raises(OutputError, match="another program wrote to this file"):
                file.append(old_answer(f"q{number}", "newest"))
        with pytest.raises(OutputError, match=r"Lost records are in .*\.lost\. Append it"):
            file.close()
        assert (there.read_bytes() if there.is_file() else None) == left
        (beside,) = lost_files(there)
        newest = {
            r["question_id"]: r["choices"][0]["turns"][0]["content"] for r in raw_lines(beside)
        }
        assert newest == {"q2": "newest", "q3": "newest", "q4": "newest"}

    def test_if_nothing_is_lost_there_is_no_file_beside_it(self, there: Path) -> None:
        file = RecordFile(there, KeyLine)
        file.append(old_answer("q2"))
        with there.open("ab") as other:
            other.write(dump(old_answer("q3")) + b"\n")
        with pytest.raises(OutputError, match="wrote to this file .* Nothing of this run is lost"):
            file.close()
        assert [r["question_id"] for r in raw_lines(there)] == ["q1", "q2", "q3"]
        assert lost_files(there) == []

    def test_a_file_that_appears_where_none_was_is_not_ours(self, file_path: Path) -> None:
        file = RecordFile(file_path, KeyLine)
        write(file_path, old_answer("q9"))
        with pytest.raises(OutputError, match="another program wrote to this file"):
            file.append(old_answer("q1"))
        with pytest.raises(OutputError):
            file.close()
        assert raw_lines(file_path) == [old_answer("q9")]
        assert raw_lines(*lost_files(file_path)) == [old_answer("q1")]

    def test_a_change_of_the_same_size_is_found_at_the_end(self, there: Path) -> None:
        file = RecordFile(there, KeyLine)
        file.append(old_answer("q2", "mine"))
        there.write_bytes(there.read_bytes().replace(b"mine", b"ours"))
        with pytest.raises(OutputError, match="another program wrote to this file"):
            file.close()
        assert raw_lines(*lost_files(there)) == [old_answer("q2", "mine")]

    def test_a_new_order_is_no_loss_of_the_newest(self, file_path: Path) -> None:
        file = RecordFile(file_path, KeyLine)
        for text in ("older", "newer"):
            file.append(old_answer("q1", text))
        file_path.write_bytes(b"".join(file_path.read_bytes().splitlines(True)[::-1]))
        with pytest.raises(OutputError, match="Lost records are written there again"):
            file.close()
        assert raw_lines(file_path)[-1] == old_answer("q1", "newer")

    def test_a_folder_that_cannot_be_made_again_loses_nothing(
        self, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        file = RecordFile(there, KeyLine)
        shutil.rmtree(there.parent)
        there.parent.write_text("a file in place of the folder")
        with pytest.raises(OutputError, match=r"Lost records are in .*\.lost"):
            file.append(old_answer("q2"))
        with pytest.raises(OutputError):
            file.close()
        assert raw_lines(*tmp_path.glob("*.lost")) == [old_answer("q2")]

    def test_a_record_that_had_no_room_is_written_at_the_end(
        self, file_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = RecordFile(file_path, KeyLine)
        file.append(old_answer("q1"))
        with monkeypatch.context() as patch:
            patch.setattr(file, "_file", Full(file._file))
            with pytest.raises(OutputError, match="cannot write: File too large"):
                file.append(old_answer("q2"))
        assert raw_lines(file_path) == [old_answer("q1")]
        file.append(old_answer("q3"))
        file.close()
        assert sorted(r["question_id"] for r in raw_lines(file_path)) == ["q1", "q2", "q3"]


class Full:
    """A file that takes half of a line, and then nothing more."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.written = 0

    def write(self, data: bytes) -> int:
        self.written += 1
        if self.written > 1:
            raise OSError(errno.EFBIG, "File too large")
        return int(self.file.write(data[: len(data) // 2]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class TestNames:
    """A file is locked under all its names."""

    @pytest.mark.parametrize("kind", ["link", "folder", "hard link"])
    def test_another_name_has_the_same_lock(self, there: Path, tmp_path: Path, kind: str) -> None:
        other = tmp_path / "other" / "tiny.jsonl"
        if kind == "folder":
            other.parent.symlink_to(there.parent)
        else:
            other.parent.mkdir()
            (other.symlink_to if kind == "link" else other.hardlink_to)(there)
        for first, second in ((there, other), (other, there)):
            refused = pytest.raises(InputError, match=r"tiny\.jsonl: another run is writing this")
            with RecordFile(first, KeyLine), refused:
                RecordFile(second, KeyLine)
        assert [path.name for path in there.parent.iterdir()] == ["tiny.jsonl"]

    def test_a_removed_lock_lets_nobody_in_once_the_file_is_there(self, file_path: Path) -> None:
        with RecordFile(file_path, KeyLine) as file:
            file.append(old_answer("q1"))
            file_path.with_name(".tiny.jsonl.lock").unlink()
            with pytest.raises(InputError, match="another run is writing this file"):
                RecordFile(file_path, KeyLine)
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]

    def test_of_two_without_locks_the_second_stops(self, there: Path) -> None:
        first = RecordFile(there, KeyLine)
        there.with_name(".tiny.jsonl.lock").unlink()
        fcntl.flock(first._file, fcntl.LOCK_UN)
        second = RecordFile(there, KeyLine)
        first.append(old_answer("q2"))
        with pytest.raises(OutputError, match="another program wrote"):
            second.append(old_answer("q3"))
        first.append(old_answer("q4"))
        first.close()
        with pytest.raises(OutputError, match="another program wrote"):
            second.close()
        assert [r["question_id"] for r in raw_lines(there)] == ["q1", "q2", "q4"]
        assert raw_lines(*lost_files(there)) == [old_answer("q3")]


class TestRecordsThatAreNotKept:
    """Those that the caller can make again are not written again."""

    def test_they_are_in_the_file_like_all_others(self, file_path: Path) -> None:
        with RecordFile(file_path, KeyLine, keep=False) as file:
            for text in ("old", "new"):
                file.append(old_answer("q1", text))
        assert raw_lines(file_path) == [old_answer("q1", "new")]

    @pytest.mark.parametrize("at_the_end", [False, True])
    def test_a_file_that_another_program_has_cut_stays_as_it_is(
        self, file_path: Path, at_the_end: bool
    ) -> None:
        problem = "lacks records of this run. Run it again."
        file = RecordFile(file_path, KeyLine, keep=False)
        file.append(old_answer("q1"))
        file.append(old_answer("q2"))
        write(file_path, old_answer("q1"))
        if not at_the_end:
            with pytest.raises(OutputError, match=problem):
                file.append(old_answer("q3"))
        with pytest.raises(OutputError, match=problem):
            file.close()
        assert raw_lines(file_path) == [old_answer("q1")]
        assert [path.name for path in file_path.parent.iterdir()] == [file_path.name]

    def test_a_change_of_the_same_size_is_found_at_the_end(self, file_path: Path) -> None:
        file = RecordFile(file_path, KeyLine, keep=False)
        file.append(old_answer("q1", "good"))
        changed = file_path.read_bytes().replace(b"good", b"evil")
        with file_path.open("r+b") as other:
            other.write(changed)
        with pytest.raises(OutputError, match="lacks records of this run"):
            file.close()
        assert file_path.read_bytes() == changed
