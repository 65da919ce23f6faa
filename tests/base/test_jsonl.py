"""Writing of JSON lines: files are replaced at once, and streams are written to."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from lines import SURROGATE, old_answer, write

from arena.base.errors import InputError, OutputError
from arena.base.jsonl import decode, decode_lines, dump_line, read_lines, write_lines
from arena.bench.records import IdLine


@pytest.fixture
def file_path(tmp_path: Path) -> Path:
    return tmp_path / "model_answer" / "org" / "tiny.jsonl"


class TestWriteLines:
    @pytest.mark.parametrize("path", ["/", "."])
    def test_a_folder_is_no_file(self, path: str) -> None:
        with pytest.raises(OutputError, match=r"^/.*: cannot write: Is a directory$"):
            write_lines(Path(path), [b"new\n"])

    def lines_then_failure(self) -> Iterator[bytes]:
        yield b"new\n"
        raise RuntimeError("out of luck")

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, file_path: Path) -> None:
        write(file_path, "old")
        with pytest.raises(RuntimeError, match="out of luck"):
            write_lines(file_path, self.lines_then_failure())
        assert file_path.read_bytes() == b"old\n"
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]

    def test_the_new_file_takes_the_place_of_the_old_one(self, file_path: Path) -> None:
        write(file_path, "old")
        with file_path.open("rb") as reader:
            write_lines(file_path, [b"new\n", b"lines\n"])
            assert reader.read() == b"old\n"
        assert file_path.read_bytes() == b"new\nlines\n"
        assert [path.name for path in file_path.parent.iterdir()] == ["tiny.jsonl"]

    def test_what_a_killed_process_left_is_removed_and_nothing_else(self, file_path: Path) -> None:
        script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        with subprocess.Popen([sys.executable, "-S", "-c", script]) as killed:
            pass
        others = [
            f".tiny.jsonl.{os.getppid()}.tmp",
            f".other.jsonl.{killed.pid}.tmp",
            f".tiny.jsonl.{killed.pid}.tmp.jsonl",
            f".tiny.jsonl.0{killed.pid}.tmp",
            f"tiny.jsonl.{killed.pid}.tmp",
            ".tiny.jsonl.0.tmp",
            f".tiny.jsonl.{'9' * 30}.tmp",
            ".tiny.jsonl.x.tmp",
        ]
        for name in [*others, f".tiny.jsonl.{killed.pid}.tmp"]:
            write(file_path.with_name(name), "half")
        write_lines(file_path, [b"new\n"])
        assert {path.name for path in file_path.parent.iterdir()} == {*others, "tiny.jsonl"}

    def test_permissions_are_kept(self, file_path: Path) -> None:
        write(file_path, "old")
        file_path.chmod(0o640)
        write_lines(file_path, [b"new\n"])
        assert stat.S_IMODE(file_path.stat().st_mode) == 0o640

    def test_a_new_file_has_those_of_any_new_file(self, file_path: Path) -> None:
        other = write(file_path.with_name("other"))
        write_lines(file_path, [b"new\n"])
        assert file_path.stat().st_mode == other.stat().st_mode

    def test_a_link_stays_a_link(self, file_path: Path, tmp_path: Path) -> None:
        target = write(tmp_path / "store" / "tiny.jsonl", "old")
        file_path.parent.mkdir(parents=True)
        file_path.symlink_to(target)
        write_lines(file_path, [b"new\n"])
        assert file_path.is_symlink() and target.read_bytes() == b"new\n"

    def test_lines_are_readable_by_any_json_parser(self, file_path: Path) -> None:
        record = old_answer("q1", SURROGATE + " 한국어 \u2028 \x00")
        write_lines(file_path, [dump_line(record)])
        assert json.loads(file_path.read_text(encoding="utf-8")) == record
        plain = dump_line(old_answer("q1", "한국어 \u2028 \x00"))
        assert plain.count(b"\n") == 1
        assert msgspec.json.decode(plain, type=IdLine).question_id == "q1"


class TestStreams:
    """Pipes and devices are written to, not replaced."""

    def test_a_pipe_stays_one(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        (tmp_path / "link").symlink_to(pipe)
        for name in ("pipe", "link"):
            reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            write_lines(tmp_path / name, [b"one\n", b"two\n"])
            assert os.read(reader, 100) == b"one\ntwo\n"
            os.close(reader)
        assert stat.S_ISFIFO(pipe.stat().st_mode) and (tmp_path / "link").is_symlink()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
    def test_a_device_stays_one(self, tmp_path: Path) -> None:
        device = tmp_path / "null"
        try:
            os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
            device.open("wb").close()
        except PermissionError:
            pytest.skip("no devices here")
        write_lines(device, [b"gone\n"])
        assert stat.S_ISCHR(device.stat().st_mode)

    @pytest.mark.parametrize("target", ["pipe", "file"])
    def test_standard_output_has_it_after_what_was_printed(
        self, tmp_path: Path, target: str
    ) -> None:
        code = (
            "from pathlib import Path; from arena.base.jsonl import write_lines; print('before');"
            "write_lines(Path('/dev/stdout'), [b'lines\\n']); print('after')"
        )
        path = tmp_path / "out.txt"
        with path.open("wb") as file:
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=Path(__file__).parents[2],
                stdout=file if target == "file" else subprocess.PIPE,
                check=True,
            )
        assert (done.stdout or path.read_bytes()) == b"before\nlines\nafter\n"

    def test_a_reader_that_is_gone_is_one_line(self, tmp_path: Path) -> None:
        """As of `>(false)`."""
        reader, writer = os.pipe()
        os.close(reader)
        with pytest.raises(OutputError, match="cannot write: Broken pipe"):
            write_lines(Path(f"/dev/fd/{writer}"), [b"x" * (1 << 20)])
        os.close(writer)


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "question.jsonl"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    for read in (read_lines, lambda *args: list(decode_lines(*args))):
        with pytest.raises(InputError, match=r"is only a pointer of Git LFS.* git lfs pull$"):
            read(path, dict, "a question")
    with pytest.raises(ValueError, match="the file is only a pointer of Git LFS"):
        decode(path.read_bytes().splitlines()[0], msgspec.json.Decoder(dict))
