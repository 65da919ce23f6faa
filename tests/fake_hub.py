"""A fake Hugging Face hub on the loopback interface: repositories, their trees and their files.

    with FakeHub() as hub:
        hub.add("owner/name", {"data/b/question.jsonl": b"..."})
        bench.run("download_data.py", "--repo", "owner/name", env=hub.environment(tmp_path))

Files of more than `lfs_from` bytes are stored by Git LFS, behind a redirect.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_aSecretTokenOfTheTests"
ADDRESS = re.compile(
    r"/(?:(?P<api>api)/|(?P<lfs>lfs)/)?(?P<repo>(?:datasets|spaces)/(?P<name>[^/]+/[^/]+))"
    r"(?:/(?P<verb>revision|tree|resolve)/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?"
)

Download = Callable[..., Any]  # the fixture that runs download_data.py on the hub


@dataclass
class FakeRepo:
    """One repository: the files of each revision by path. `private`, `gated`: without the token."""

    revisions: dict[str, dict[str, bytes]]
    card: dict[str, Any] | None = None
    private: bool = False
    gated: bool = False

    def commit(self, revision: str) -> str | None:
        """The commit of a branch or a commit, None if there is none."""
        commits = {name: hashlib.sha1(name.encode()).hexdigest() for name in self.revisions}
        return commits.get(revision, revision if revision in commits.values() else None)

    def files(self, revision: str) -> dict[str, bytes]:
        commit = self.commit(revision)
        return next(f for name, f in self.revisions.items() if self.commit(name) == commit)


@dataclass
class FakeHub:
    """The server. `cut` drops the connection of these downloads once, at half of the file.

    held: the files whose second half waits until `released`, and `holding` is set meanwhile.
    status: what every request gets instead. damaged: the files that arrive with other bytes.
    lost: those that are listed and not there.
    downloads: how often the bytes of each file were asked for, and from where (`ranges`).
    """

    repos: dict[str, FakeRepo] = field(default_factory=dict)
    lfs_from: int = 100
    page: int = 1000
    status: int | None = None
    cut: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    holding: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    damaged: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    downloads: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def add(self, name: str, files: Mapping[str, bytes | str], **fields: Any) -> FakeRepo:
        """Add a dataset with one revision, `main`."""
        content = {p: f.encode() if isinstance(f, str) else f for p, f in files.items()}
        self.repos[f"datasets/{name}"] = repo = FakeRepo({"main": content}, **fields)
        return repo

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a script that uses this hub and a cache of its own."""
        return {
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(home / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def __enter__(self) -> FakeHub:
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    """What the hub answers. Errors have their code in a header, as the real ones."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        token = self.headers.get("Authorization")
        self.hub.tokens.add(token)
        if self.hub.status:
            return self.reply(self.hub.status, {"error": f"you sent {token}"})
        match = ADDRESS.fullmatch(url.path)
        repo = self.hub.repos.get(unquote(match["repo"])) if match else None
        allowed = token == f"Bearer {TOKEN}"
        is_signed = bool(match and match["lfs"])  # as addresses of other hosts, which get no token
        if match is None or repo is None or (repo.private and not (allowed or is_signed)):
            return self.reply(404 if allowed else 401, code="RepoNotFound")
        if repo.gated and not (allowed or is_signed):
            return self.reply(403, code="GatedRepo")
        commit = repo.commit(unquote(match["revision"] or "main"))
        path = unquote(match["path"] or "")
        if commit is None:
            return self.reply(404, code="RevisionNotFound")
        if match["verb"] == "tree":
            return self.tree(repo, commit, url.path, parse_qs(url.query))
        if match["api"]:
            card = {"cardData": repo.card} if repo.card else {}
            return self.reply(200, {"id": unquote(match["name"]), "sha": commit, **card})
        if path not in repo.files(commit) or path in self.hub.lost:
            return self.reply(404, code="EntryNotFound")
        content = repo.files(commit)[path]
        tag = f'"{digest(content, self.hub.lfs_from)}"'
        headers = {"X-Repo-Commit": commit, "ETag": tag}
        if match["lfs"] or len(content) < self.hub.lfs_from:
            return self.file(content, path, headers)
        address = f"/lfs/{match['repo']}/resolve/{commit}/{match['path']}"
        linked = {"X-Linked-Size": str(len(content)), "X-Linked-ETag": tag}
        self.reply(302, headers=headers | linked | {"Location": self.hub.address + address})

    def tree(self, repo: FakeRepo, commit: str, path: str, query: dict[str, list[str]]) -> None:
        start = int(query.get("cursor", ["0"])[0])
        entries: list[dict[str, Any]] = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": "data"}
        ]
        for name, content in repo.files(commit).items():
            size = len(content)
            entry = {"type": "file", "oid": digest(content, 1 << 60), "size": size, "path": name}
            if size >= self.hub.lfs_from:
                oid = digest(content, 0)
                entry["lfs"] = {"oid": oid, "size": size, "pointerSize": 130}
            entries.append(entry)
        end = start + self.hub.page
        link = f'<{self.hub.address}{path}?recursive=true&cursor={end}>; rel="next"'
        headers = {"Link": link} if end < len(entries) else {}
        self.reply(200, entries[start:end], headers=headers)

    def file(self, content: bytes, path: str, headers: dict[str, str]) -> None:
        if path in self.hub.damaged:
            content = content[::-1]
        start, status = 0, 200
        if asked := self.headers.get("Range"):
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            headers = headers | {
                "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"
            }
        if self.command == "HEAD":
            return self.reply(200, content, headers=headers)
        self.hub.downloads[path] += 1
        self.hub.ranges.append(f"{path}:{start}")
        end = len(content)
        if path in self.hub.cut:
            self.hub.cut.discard(path)
            end = start + (end - start) // 2
            self.close_connection = True
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content) - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if path in self.hub.held:
            middle = (start + end) // 2
            self.wfile.write(content[start:middle])
            self.hub.holding.set()
            self.hub.released.wait(60)
            start = middle
        with contextlib.suppress(OSError):  # of a client that was killed
            self.wfile.write(content[start:end])

    def reply(
        self,
        status: int,
        body: object = b"",
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", "as the hub says")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def digest(content: bytes, lfs_from: int) -> str:
    """The SHA-256 of a file in Git LFS, the blob id of a smaller one."""
    if len(content) >= lfs_from:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
