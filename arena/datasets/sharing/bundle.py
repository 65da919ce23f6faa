"""A bundle as a zip file: written so that the same data give the same bytes, and read with care."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from arena.base.errors import InputError
from arena.base.jsonl import write_lines
from arena.datasets.sharing.contents import (
    ABOUT,
    BOARDS,
    MODES,
    README,
    SUMS,
    BundleOptions,
    about_bundle,
    boards_of,
    bundle_files,
    readme_lines,
)
from arena.leaderboard.output.text import json_text

EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files in a bundle, the earliest that a zip file can say
MODE = (stat.S_IFREG | 0o644) << 16
LARGEST = 4 << 30  # bytes of all files of a bundle that is read
LOCAL_HEADER = struct.Struct("<4s5H3L2H")


def write_bundle(options: BundleOptions, target: Path, *, force: bool = False) -> dict[str, int]:
    """Write the bundle, and return the sizes of its files in bytes.

    Raises InputError if there is another file, or if no board can be made of the judgments.
    """
    if target.exists() and not force:
        raise InputError(f"{target}: exists. Replace it with --force, or use another name.")
    files = bundle_files(options)
    with unpacked(files, options.bench.data_dir) as root:
        about = about_bundle(options, ["plain"])
        boards = boards_of(root, about, ["plain"])
        with contextlib.suppress(InputError):  # of grades, and of answers without attributes
            boards |= boards_of(root, about, [mode for mode in MODES if mode != "plain"])
    about["modes"] = list(boards)
    files[ABOUT] = json_text(about).encode()
    files[BOARDS] = json_text(boards).encode()
    files[README] = "".join(f"{line}\n" for line in readme_lines(options)).encode()
    files[SUMS] = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr, info.create_system = 8, MODE, 3
            archive.writestr(info, content)
    write_lines(target, [packed.getvalue()])
    return {name: len(content) for name, content in sorted(files.items())}


@contextlib.contextmanager
def unpacked(files: Mapping[str, bytes], data_dir: Path) -> Iterator[Path]:
    """Have the files of a bundle in a temporary folder. Errors name those of the user instead."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(files, Path(folder))
        try:
            yield Path(folder)
        except InputError as error:
            named = str(error).replace(str(Path(folder, "data")), str(data_dir))
            raise InputError(named.replace(f"{folder}{os.sep}", "")) from None


def unpack(files: Mapping[str, bytes], root: Path) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_bundle(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the files of a bundle, and what is wrong with it: each problem names a file.

    Nothing is written. Raises InputError for what is no zip file of a reasonable size.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or "not a zip file, or a damaged one"
        raise InputError(f"{path}: {reason}. Get the bundle again.") from None
    with archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > LARGEST:
            raise InputError(f"{path}: its files have over {LARGEST >> 30} GiB. It is no bundle.")
        files, problems = dict[str, bytes](), list[str]()
        with path.open("rb") as raw:
            for info in infos:
                raw.seek(info.header_offset)
                problem = entry_problem(info, raw.read(LOCAL_HEADER.size))
                if problem is None and info.filename in files:
                    problem = "is there twice"
                if problem is None:
                    try:
                        files[info.filename] = archive.read(info)
                    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError):
                        problem = "is damaged"
                if problem:
                    problems.append(f"{info.filename}: {problem}")
        if archive.comment:
            problems.append(f"{path.name}: has a comment that the bundle did not have")
    return files, problems + list(sum_problems(files, problems))


def entry_problem(info: zipfile.ZipInfo, header: bytes) -> str | None:
    """Return what is wrong with an entry of a zip file, None if it is as `write_bundle` writes."""
    name = PurePosixPath(info.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or info.is_dir():
        return "not a name of a file in a bundle"
    try:
        fields = LOCAL_HEADER.unpack(header)
    except struct.error:
        return "is damaged"
    expected = [0, 33, info.CRC, info.compress_size, info.file_size]  # 33 is the date of EPOCH
    same = list(fields[4:9]) == expected and info.date_time == EPOCH and not info.extra
    if not same or info.external_attr != MODE or info.comment or info.flag_bits != fields[2]:
        return "its entry in the zip file is not as it was written"
    return None


def sum_problems(files: Mapping[str, bytes], known: list[str]) -> Iterator[str]:
    """Yield what differs from the checksums."""
    if SUMS not in files:
        yield f"{SUMS}: is missing"
        return
    sums = dict[str, str]()
    for line in files[SUMS].decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name] = digest
    for name, digest in sums.items():
        if name not in files:
            if not any(problem.startswith(f"{name}: ") for problem in known):
                yield f"{name}: is missing"
        elif hashlib.sha256(files[name]).hexdigest() != digest:
            yield f"{name}: differs from its checksum"
    for name in files.keys() - sums.keys() - {SUMS}:
        yield f"{name}: has no checksum, so it was added later"
