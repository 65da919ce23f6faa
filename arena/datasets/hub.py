"""The files of a repository on the Hugging Face hub."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, errors, hf_hub_download
from huggingface_hub.utils.tqdm import disable_progress_bars
from tqdm import tqdm

from arena.base.errors import InputError, OutputError, one_line

Value = TypeVar("Value")

FIRST_REPLY = 4.0  # seconds, unless HF_HUB_ETAG_TIMEOUT is set. The client alone would try for 23.
LISTING = 60.0  # seconds for the list of all files
WORKERS = 8
CHUNK = 1 << 16  # bytes
AGAIN = "Run the same command again."


class HubError(OutputError):
    """A fault of the hub or of the way to it. Its message is one line."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository.

    size: bytes.
    digest: its SHA-256 if it is stored by Git LFS, else its Git blob id, in hex.
    """

    path: str
    size: int
    digest: str

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the content, None if the hub has only a blob id."""
        return self.digest if len(self.digest) == 64 else None

    @property
    def is_table(self) -> bool:
        """Whether it is a parquet file."""
        return self.path.endswith(".parquet")

    def is_same(self, local: Path) -> bool:
        """Whether a local file has the same content."""
        if local.stat().st_size != self.size:
            return False
        content = hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % self.size)
        with local.open("rb") as file:
            while chunk := file.read(CHUNK):
                content.update(chunk)
        return content.hexdigest() == self.digest


@dataclass(frozen=True)
class Snapshot:
    """The files of a repository at one commit.

    configs: the tables that its card describes, as the card has them.
    """

    repo: str
    kind: str
    commit: str
    files: tuple[RemoteFile, ...]
    configs: tuple[Any, ...] = ()


def read_snapshot(repo: str, revision: str | None) -> Snapshot:
    """Return the files of a repository at a revision, by default of its main branch.

    `repo`: OWNER/NAME of a dataset, or spaces/OWNER/NAME. Raises InputError if there is none, and
    HubError if the hub does not answer in time.
    """
    kind, name = "dataset", repo.removeprefix("datasets/")
    if repo.startswith("spaces/"):
        kind, name = "space", repo.removeprefix("spaces/")
    # Some names reach other addresses of the hub before its client checks them.
    if name.count("/") != 1 or not all(part.strip(".") for part in name.split("/")):
        raise InputError(f"--repo {one_line(repo, 100)}: not a name such as OWNER/NAME")
    if constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
        disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # warnings of several lines
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK  # a connection that drops loses one chunk
    with explained(repo):
        api = HfApi()
        first = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or FIRST_REPLY)
        info = answer_within(
            first,
            lambda: api.repo_info(name, revision=revision, repo_type=kind, timeout=first),
        )
        tree = api.list_repo_tree(name, recursive=True, revision=info.sha, repo_type=kind)
        entries = answer_within(LISTING, lambda: list[Any](tree))
        files = {e.path: remote_file(e) for e in entries if hasattr(e, "blob_id")}
        card_data = getattr(info, "card_data", None)
        card = card_data.to_dict() if card_data else {}
        configs = card.get("configs")
        tables = tuple(configs) if isinstance(configs, list) else ()
        return Snapshot(name, kind, str(info.sha), tuple(files.values()), tables)


def remote_file(entry: Any) -> RemoteFile:
    """Return a file as the client lists it. Raises TypeError or ValueError for none."""
    size, digest = (entry.lfs.size, entry.lfs.sha256) if entry.lfs else (entry.size, entry.blob_id)
    return RemoteFile(str(entry.path), int(size), str(digest))


def answer_within(seconds: float, call: Callable[[], Value]) -> Value:
    """Return the value of a call. Raises TimeoutError if it takes longer than that many seconds.

    The client's own timeouts hold for each address of a host, and for no look-up of a name.
    """
    results = queue.SimpleQueue[tuple[bool, Any]]()

    def run() -> None:
        try:
            results.put((True, call()))
        except BaseException as error:
            results.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        is_value, value = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if not is_value:
        raise value
    result: Value = value
    return result


CAUSES: Sequence[tuple[tuple[type[Exception], ...], type[Exception], str]] = (
    (
        (errors.GatedRepoError,),
        InputError,
        "access needs the consent of its owners. Accept its terms on its page and set HF_TOKEN.",
    ),
    (
        (errors.RevisionNotFoundError,),
        InputError,
        "no such revision. Give --revision a branch, tag or commit, or leave it out.",
    ),
    (
        (errors.RepositoryNotFoundError,),
        InputError,
        "no such repository, or no access. Check --repo. For a private one set HF_TOKEN.",
    ),
    ((errors.HFValidationError,), InputError, "not a name such as OWNER/NAME. Check --repo."),
    ((errors.OfflineModeIsEnabled,), HubError, "HF_HUB_OFFLINE is set. Unset it to download."),
    (
        (httpx2.TransportError, TimeoutError, errors.LocalEntryNotFoundError),
        HubError,
        "cannot reach the hub. Check the network and HF_ENDPOINT, then run the command again.",
    ),
    (
        (httpx2.HTTPError, ValueError, TypeError, KeyError, AttributeError),
        HubError,
        "no valid answer of a hub. Check HF_ENDPOINT and HF_TOKEN.",
    ),
)


@contextlib.contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn the errors of the hub's client into lines of our own, in which no token can be."""
    host = urlsplit(constants.ENDPOINT).netloc.rpartition("@")[2] or "HF_ENDPOINT"
    where = f"{one_line(repo, 100)} at {host}"
    try:
        yield
    except (InputError, OutputError):
        raise
    except Exception as error:
        for kinds, cause, text in CAUSES:
            if isinstance(error, kinds) and not is_status(error):
                raise cause(f"{where}: {text}") from None
        if isinstance(error, errors.HfHubHTTPError):
            raise HubError(f"{where}: {status_advice(error.response.status_code)}") from None
        if isinstance(error, OSError):
            reason = error.strerror or "the download is incomplete"
            advice = "Run the command again. HF_HOME sets another folder for the cache."
            raise HubError(f"{where}: {reason}. {advice}") from None
        raise


def is_status(error: Exception) -> bool:
    """Whether an error is a status of HTTP of which the client knows no more."""
    known = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    return isinstance(error, errors.HfHubHTTPError) and not isinstance(error, known)


def status_advice(status: int) -> str:
    """Return a status of HTTP in words, and what to do."""
    if status in (401, 403):
        return f"the hub refuses access (status {status}). Check HF_TOKEN."
    if status == 429:
        return "too many requests (status 429). Wait some minutes and run the command again."
    return f"the hub answers with status {status}. Run the same command again later."


def downloaded(snapshot: Snapshot, file: RemoteFile) -> Path:
    """Return the path of a file in the cache, after a download if it is not there.

    Raises HubError for a file that the hub lists but does not have, and for a damaged one.
    """
    kind, commit, name = snapshot.kind, snapshot.commit, one_line(file.path)
    try:
        path = Path(hf_hub_download(snapshot.repo, file.path, repo_type=kind, revision=commit))
    except errors.RemoteEntryNotFoundError:
        problem = "is in the list of the hub, which does not have it"
        raise HubError(f"{name}: {problem}. Try another --revision.") from None
    if not file.is_same(path):
        path.resolve().unlink()
        raise HubError(f"{name}: damaged on its way. {AGAIN}")
    return path


def fetch(snapshot: Snapshot, files: Sequence[RemoteFile]) -> dict[RemoteFile, Path]:
    """Return the path of each file in the cache, after a download if it is not there.

    Raises HubError. What is complete by then stays in the cache.
    """
    jobs, results = queue.SimpleQueue[RemoteFile](), queue.SimpleQueue[tuple[RemoteFile, Any]]()

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                file = jobs.get_nowait()
                try:
                    results.put((file, downloaded(snapshot, file)))
                except Exception as error:
                    results.put((file, error))

    for file in files:
        jobs.put(file)
    for _ in range(min(WORKERS, len(files))):
        threading.Thread(target=work, daemon=True).start()  # Ctrl-C must not wait for downloads
    paths = dict[RemoteFile, Path]()
    total = sum(file.size for file in files)
    with explained(snapshot.repo), progress_of(total, len(files)) as advance:
        while len(paths) < len(files):
            advance(0)
            with contextlib.suppress(queue.Empty):
                file, result = results.get(timeout=1)
                if isinstance(result, Exception):
                    raise result
                paths[file] = result
                advance(file.size)
    return paths


@contextlib.contextmanager
def progress_of(total: int, files: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how much of a total is there: a bar on a terminal, in a log a line a second.

    The function that is yielded adds the bytes of a file, or 0 while nothing happens.
    """
    sys.stdout.flush()  # what is to come, before how far it is
    on_terminal = sys.stderr.isatty()
    done, finished, shown = 0, 0, time.monotonic()
    bar = tqdm(
        total=total,
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        disable=not on_terminal,
        dynamic_ncols=True,
    )

    def advance(size: int) -> None:
        nonlocal done, finished, shown
        done, finished = done + size, finished + bool(size)
        bar.update(size)
        bar.refresh()
        if not on_terminal and time.monotonic() - shown >= 1:
            shown = time.monotonic()
            text = f"{finished} of {files} files, {size_text(done)} of {size_text(total)}"
            print(text, file=sys.stderr)

    with bar:
        yield advance


def size_text(size: int) -> str:
    """Return a number of bytes in kB, MB or GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
