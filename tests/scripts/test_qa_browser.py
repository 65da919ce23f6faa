"""qa_browser.py: its command line, and the real process over HTTP."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message

import pytest
from conftest import REPO, Workspace


class TestCommandLine:
    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (["--bench-name", "nope"], "no questions and no judgments. Benches here: demo-v0.1"),
            (["--judge-name", "smol-judge"], "did you mean 'smollm2-judge'"),
            (["--baseline", "smollm2-bas"], "did you mean 'smollm2-base'"),
            (["--data-dir", "nowhere"], "no bench with questions or judgments"),
            (["--config-file", "none.yaml"], "none.yaml: cannot read"),
            (["--host", "192.0.2.1"], "cannot serve at 192.0.2.1"),
            (["--port", "70000"], "from 1 to 65535"),
            (["--auth", "nobody"], "expected user:password"),
        ],
    )
    def test_what_is_wrong_is_told_at_once(
        self, demo: Workspace, flags: list[str], words: str
    ) -> None:
        done = demo.run("qa_browser.py", *flags, check=2)
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken_is_told(self, demo: Workspace) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = demo.run("qa_browser.py", "--port", port, check=2)
        assert f"cannot serve at 127.0.0.1, port {port}" in done.stderr


@pytest.fixture
def demo(bench: Workspace) -> Workspace:
    """A fresh clone: the shipped config and the demo bench."""
    shutil.copytree(REPO / "config", bench.root / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", bench.root / "data" / "demo-v0.1")
    return bench


Serve = Callable[..., tuple[subprocess.Popen[str], str, str]]


@pytest.fixture
def serve(demo: Workspace) -> Serve:
    def start(*flags: str, **env: str) -> tuple[subprocess.Popen[str], str, str]:
        process = demo.start("qa_browser.py", *flags, env=env)
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            address = re.search(r"http://\S+", line)
            if address:
                return process, address[0], said
        pytest.fail(f"ended with {process.wait()}: {said}")

    return start


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and body of a page."""
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def post(url: str, body: object) -> int:
    """Status of what is sent."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def open_session(url: str) -> str:
    """The name of a session whose page was filled in, of which Gradio keeps the state."""
    config = json.loads(get(f"{url}config")[2])
    load = next(
        d["id"] for d in config["dependencies"] if ["load"] in [t[1:] for t in d["targets"]]
    )
    asked = {"data": [], "fn_index": load, "session_hash": "session"}
    assert post(f"{url}gradio_api/queue/join", asked) == 200
    with urllib.request.urlopen(f"{url}gradio_api/queue/data?session_hash=session") as events:
        assert any(b"process_completed" in line for line in events)
    return "session"


def has_ip_6() -> bool:
    """Whether this machine has the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class TestProcess:
    def test_a_fresh_clone_shows_the_demo_bench_and_ends_with_ctrl_c(self, serve: Serve) -> None:
        process, url, said = serve()
        assert url.startswith("http://127.0.0.1:")
        assert "(demo-v0.1, judged by smollm2-judge): there is no data of arena-hard-v0.1" in said
        status, headers, body = get(url)
        policy = headers["Content-Security-Policy"]
        assert status == 200
        assert "demo-v0.1" in body
        assert "default-src 'none'" in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["X-DNS-Prefetch-Control"] == "off"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr
        assert process.stderr.read() == ""

    def test_a_password_is_asked_for(self, serve: Serve) -> None:
        _, url, _ = serve("--auth", "reader:secret")
        assert get(f"{url}config")[0] == 401

    def test_nothing_is_written_and_only_what_the_page_needs_is_served(
        self, serve: Serve, demo: Workspace
    ) -> None:
        temp = demo.root / "temp"
        _, url, _ = serve(GRADIO_TEMP_DIR=str(temp))
        session = open_session(url)
        refused = (
            *(f"gradio_api/deep_link?session_hash={session}", "gradio_api/info", "gradio_api/runs"),
            *("monitoring", "monitoring/summary", "gradio_api/vibe-code", "gradio_api/token"),
            *(
                "gradio_api/openapi.json",
                "gradio_api/proxy=http://127.0.0.1:1/",
                "gradio_api/file=x",
            ),
            *("gradio_api/upload_progress?upload_id=x", "file=x", "docs", "openapi.json"),
        )
        names = ("config/api_config.yaml", "data/demo-v0.1/question.jsonl")
        files = [file for name in names for file in (name, str(demo.root / name))]
        for path in (
            *refused,
            *(f"gradio_api/file={f}" for f in files),
            *(f"file={f}" for f in files),
        ):
            assert (path, get(url + path)[0]) == (path, 404)
        for path in ("upload", "vibe-edit", "component_server", "process_recording", "run/step"):
            assert (path, post(f"{url}gradio_api/{path}", {"data": []})) == (path, 404)
        assert [file for file in temp.rglob("*") if file.is_file()] == []
        assert not (temp / "deep_links").exists()

    def test_an_address_of_ip_6_is_served(self, serve: Serve) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        _, url, _ = serve("--host", "::1")
        assert url.startswith("http://[::1]:")
        assert get(url)[0] == 200

    def test_a_port_of_ip_6_that_is_taken_is_told(self, demo: Workspace) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            port = taken.getsockname()[1]
            done = demo.run("qa_browser.py", "--host", "::1", "--port", port, check=2)
        assert f"cannot serve at ::1, port {port}: Address already in use" in done.stderr

    def test_nothing_but_the_page_is_asked_for_and_no_share_says_so(self, serve: Serve) -> None:
        with Ear() as ear:
            proxy = f"http://127.0.0.1:{ear.port}"
            env = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy}
            # Of a proxy by SOCKS, Gradio would miss a package.
            socks = {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
            _, url, _ = serve(**env, https_proxy=proxy, **socks)
            assert get(url)[0] == 200
            assert ear.heard == []
            process, url, _ = serve("--share", **env, https_proxy=proxy)
            assert process.stderr
            assert "no public link" in process.stderr.readline()
            assert get(url)[0] == 200
            assert ear.heard


class Ear:
    """A proxy that hears requests and refuses them."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
