"""A bundle as a zip file: written so that the same data give the same bytes, and read with care."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath

from arena.base.errors import InputError, OutputError, one_line, reworded
from arena.base.folders.scratch import remove_leftovers, scratch_folder
from arena.base.jsonl import is_stream, write_lines
from arena.bench.paths import benches, check_outside
from arena.datasets.sharing.contents import (
    ABOUT,
    BOARDS,
    MODES,
    README,
    SETTINGS,
    SUMS,
    BundleOptions,
    about_bundle,
    all_fit,
    boards_of,
    bundle_files,
    readme_lines,
)
from arena.leaderboard.output.text import json_text

EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files in a bundle, the earliest that a zip file can say
MODE = (stat.S_IFREG | 0o644) << 16
LARGEST = 4 << 30  # bytes of all files of a bundle that is read
PREFIX = "arena-bundle-"  # of temporary folders
NO_SEAL = b"0" * 64  # in the place of the checksum of all bytes
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError)


def write_bundle(options: BundleOptions, target: Path, *, force: bool = False) -> dict[str, int]:
    """Write the bundle, and return the sizes of its files in bytes.

    Raises InputError if there is another file, if the target is no place for a file or one of the
    benches, or if no board can be made of the judgments.
    """
    if is_stream(target):
        raise InputError(f"--bundle {target}: is no file. Name one, such as bundle.zip.")
    for bench in benches(options.bench.data_dir):
        if bench.questions.exists():
            check_outside(target, bench.folder, "the folder of a bench")
    if target.exists() and not force:
        raise InputError(f"{target}: exists. Replace it with --force, or use another name.")
    files = bundle_files(options)
    with unpacked(files, options.bench.data_dir, options.config.path) as root, all_fit():
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
        archive.comment = NO_SEAL
    write_lines(target, [sealed(packed.getvalue())])
    return {name: len(content) for name, content in sorted(files.items())}


def sealed(packed: bytes) -> bytes:
    """Return a zip file whose comment, its last bytes, is the checksum of the file without it."""
    bare = packed[: -len(NO_SEAL)]
    return bare + hashlib.sha256(bare + NO_SEAL).hexdigest().encode()


@contextlib.contextmanager
def unpacked(files: Mapping[str, bytes], data_dir: Path, settings: str = "") -> Iterator[Path]:
    """Have the files of a bundle in a temporary folder. Errors and warnings name those of the user
    instead: `data_dir`, and `settings` if there are some.

    Raises OutputError if the system refuses the folder or its files.
    """
    with contextlib.ExitStack() as stack:
        place = "the temporary folder"
        try:
            place = tempfile.gettempdir()
            remove_leftovers(Path(place), PREFIX)
            folder = stack.enter_context(scratch_folder(Path(place), PREFIX))
            unpack(files, folder)
        except OSError as error:
            problem = f"{place}: cannot write a copy of the bench: {error.strerror}"
            raise OutputError(f"{problem}. Name another folder in TMPDIR.") from None

        def of_user(message: str) -> str:
            message = message.replace(str(folder / "data"), str(data_dir))
            message = message.replace(str(folder / SETTINGS), settings or SETTINGS)
            return message.replace(f"{folder}{os.sep}", "")

        stack.enter_context(reworded(of_user))
        yield folder


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
    too_large = f"{path}: has over {LARGEST >> 30} GiB. It is no bundle."
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a device or a pipe may have no end
            raise InputError(f"{path}: is no regular file. Name a bundle, a zip file.")
        if status.st_size > LARGEST:
            raise InputError(too_large)
        packed = path.read_bytes()
        archive = zipfile.ZipFile(io.BytesIO(packed))
    except (*DAMAGED, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or "not a zip file, or a damaged one"
        raise InputError(f"{path}: {reason}. Get the bundle again.") from None
    files, problems, odd = dict[str, bytes](), list[str](), list[str]()
    with archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > LARGEST:
            raise InputError(too_large)
        for info in infos:
            problem = None if is_safe_name(info) else "not a name of a file in a bundle"
            odd += [] if is_as_written(info) or problem else [info.filename]
            if problem is None and info.filename in files:
                problem = "is there twice"
            if problem is None:
                try:
                    files[info.filename] = archive.read(info)
                except DAMAGED:
                    problem = "is damaged"
            if problem:
                problems.append(f"{info.filename}: {problem}")
    problems += sum_problems(files, problems)
    problems += packed_again(path, odd, len(files))
    if sealed(packed) != packed and not problems:
        problems.append(f"{path.name}: was changed, but in none of its files")
    return files, list(map(one_line, problems))


def packed_again(path: Path, odd: list[str], files: int) -> Iterator[str]:
    """Yield a line for each entry of a zip file with other fields than in a bundle, one for all."""
    if odd and len(odd) == files:
        yield f"{path.name}: was packed again by another program"
        return
    yield from (f"{name}: its entry in the zip file is not as it was written" for name in odd)


def is_safe_name(info: zipfile.ZipInfo) -> bool:
    """Whether an entry of a zip file has a name that stays in the bundle's folder."""
    name = PureWindowsPath(info.filename)
    outside = name.anchor or ".." in name.parts or "\\" in info.filename
    return not (outside or info.is_dir())


def is_as_written(info: zipfile.ZipInfo) -> bool:
    """Whether the fields of an entry are those that `write_bundle` writes."""
    changed = info.external_attr != MODE or info.comment or info.extra
    return not changed and info.date_time == EPOCH


def sum_problems(files: Mapping[str, bytes], known: list[str]) -> Iterator[str]:
    """Yield a line for each file that differs from its checksum."""
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
    for name in sorted(files.keys() - sums.keys() - {SUMS}):
        yield f"{name}: has no checksum, so it was added later"
