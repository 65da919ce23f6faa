"""qa_browser.py: its command line, and the real process over HTTP."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
from browser_site import Servers
from conftest import REPO, RunMain, Workspace


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
        ],
    )
    def test_what_is_wrong_is_told_at_once(
        self, demo: Workspace, run_main: RunMain, flags: list[str], words: str
    ) -> None:
        assert words in run_main("qa_browser.py", *flags, check=2).err

    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (["--port", "70000"], "from 1 to 65535"),
            (["--auth", "nobody"], "expected user:password"),
            (["--bench-name", "nope"], "error: data/nope: no questions and no judgments"),
        ],
    )
    def test_no_traceback_is_printed(self, demo: Workspace, flags: list[str], words: str) -> None:
        done = demo.run("qa_browser.py", *flags, check=2)
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken_is_told(self, demo: Workspace, run_main: RunMain) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = run_main("qa_browser.py", "--port", port, check=2)
        assert f"cannot serve at 127.0.0.1, port {port}" in done.err


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


def clone(workspace: Workspace) -> Workspace:
    """Make it a fresh clone: the shipped config and the demo bench."""
    shutil.copytree(REPO / "config", workspace.root / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", workspace.root / "data" / "demo-v0.1")
    return workspace


@pytest.fixture
def demo(bench: Workspace) -> Workspace:
    return clone(bench)


@dataclass(frozen=True)
class Host:
    """A process that serves the demo, its folders, and the proxy that it would ask."""

    servers: Servers
    demo: Workspace
    temp: Path
    ear: Ear

    def serve(self, *flags: str) -> str:
        return self.servers.serve(self.demo, *flags)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    demo = clone(Workspace(tmp_path_factory.mktemp("host")))
    temp = demo.root / "temp"
    with Ear() as ear:
        proxy = f"http://127.0.0.1:{ear.port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        env = dict.fromkeys(names, proxy) | {"GRADIO_TEMP_DIR": str(temp)}
        env["NO_PROXY"] = env["no_proxy"] = ""
        servers = Servers(demo.root, **env)
        yield Host(servers, demo, temp, ear)
        servers.close()


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and body of a page."""
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> int:
    """Status of what is sent."""
    headers = headers or {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def has_ip_6() -> bool:
    """Whether this machine has the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class TestProcess:
    def test_a_fresh_clone_shows_the_demo_bench_and_ends_with_ctrl_c(self, demo: Workspace) -> None:
        # Of a proxy by SOCKS, Gradio's client would miss a package.
        env = {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
        process = demo.start("qa_browser.py", env=env)
        assert process.stdout
        assert process.stderr
        said = ""
        while " at http" not in said and (line := process.stdout.readline()):
            said += line
        *first, last = said.splitlines()
        assert first[-1] == "Starting the page, which takes some seconds ..."
        url = last.partition(" at ")[2].split()[0]
        assert url.startswith("http://127.0.0.1:")
        assert "(demo-v0.1, judged by smollm2-judge): there is no data of arena-hard" in first[0]
        status, headers, body = get(url)
        policy = headers["Content-Security-Policy"]
        assert status == 200
        assert "demo-v0.1" in body
        assert "default-src 'none'" in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["X-DNS-Prefetch-Control"] == "off"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""

    def test_a_password_is_asked_for(self, host: Host) -> None:
        url = host.serve("--auth", "reader:secret")
        files = ("list.csv?judge=smollm2-judge", "list.jsonl?judge=smollm2-judge", "battle.html?")
        for path in ("config", "view?", "view?tab=leaderboard", *files):
            assert get(f"{url}{path}")[0] == 401
        body = urllib.parse.urlencode({"username": "reader", "password": "secret"}).encode()
        with urllib.request.urlopen(f"{url}login", body, timeout=30) as reply:
            cookies = reply.headers.get_all("Set-Cookie")
        cookie = "; ".join(one.partition(";")[0] for one in cookies)
        asked = urllib.request.Request(f"{url}view?", headers={"Cookie": cookie})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            assert json.load(reply)["tab"] == "judgments"

    def test_nothing_is_written_and_only_what_the_page_needs_is_served(self, host: Host) -> None:
        temp, root = host.temp, host.demo.root
        url = host.serve()
        shown = json.loads(get(f"{url}view?")[2])
        assert shown["query"].startswith("?tab=judgments&judge=smollm2-judge")
        refused = (
            *("gradio_api/deep_link?session_hash=session", "gradio_api/info", "gradio_api/runs"),
            *("monitoring", "monitoring/summary", "gradio_api/vibe-code", "gradio_api/token"),
            *(
                "gradio_api/openapi.json",
                "gradio_api/proxy=http://127.0.0.1:1/",
                "gradio_api/file=x",
            ),
            *("gradio_api/queue/data?session_hash=x", "gradio_api/upload_progress?upload_id=x"),
            *("file=x", "docs", "openapi.json"),
        )
        names = ("config/api_config.yaml", "data/demo-v0.1/question.jsonl")
        files = [file for name in names for file in (name, str(root / name))]
        for path in (
            *refused,
            *(f"gradio_api/file={f}" for f in files),
            *(f"file={f}" for f in files),
        ):
            assert (path, get(url + path)[0]) == (path, 404)
        for path in (
            "upload",
            "vibe-edit",
            "component_server",
            "process_recording",
            "run/step",
            "queue/join",
        ):
            assert (path, post(f"{url}gradio_api/{path}", {"data": []})) == (path, 404)
        assert [file for file in temp.rglob("*") if file.is_file()] == []
        assert not (temp / "deep_links").exists()

    def test_votes_are_taken_only_if_asked_for_and_from_the_page_alone(self, host: Host) -> None:
        folder = host.demo.root / "data/demo-v0.1/model_judgment/human-anna"
        url = host.serve()
        own = {"Origin": url.rstrip("/"), "Content-Type": "application/json"}
        vote = {"pair": "0" * 16, "label": "A>B"}
        assert "Annotate" not in get(f"{url}view?tab=annotate")[2]
        for path in ("vote", "undo"):
            assert (get(url + path)[0], post(url + path, vote, own)) == (404, 404)
        url = host.serve("--annotate", "anna")
        own = {"Origin": url.rstrip("/"), "Content-Type": "application/json"}
        shown = json.loads(get(f"{url}view?tab=annotate")[2])["parts"]["shown"]
        known = vote | {"pair": shown.partition('name="pair" value="')[2][:16]}
        evil = {"Origin": "http://evil.example"}
        for headers, body, status in (
            (own | {"Origin": "null"}, known, 403),
            (own | evil, known, 403),
            (own | {"Origin": own["Origin"].replace("127.0.0.1", "localhost")}, known, 403),
            ({"Content-Type": "application/json"}, known, 403),
            (own | {"Content-Type": "text/plain"}, known, 415),
            (own | evil | {"Host": "evil.example"}, known, 421),
            (own, [known], 400),
            (own, known | {"note": 1}, 400),
            (own, known | {"note": "x" * 100_000}, 400),
            (own, vote, 409),
            (own, known | {"label": "A>>>B"}, 409),
        ):
            assert (post(f"{url}vote", body, headers), headers) == (status, headers)
        assert post(f"{url}undo", {}, own) == 409
        for path in ("vote", "undo"):
            assert get(f"{url}{path}?pair={known['pair']}&label=A%3EB")[0] == 404
        assert not folder.exists()
        assert post(f"{url}vote", known, own) == 200
        (file,) = folder.iterdir()
        assert len(file.read_text(encoding="utf-8").splitlines()) == 1
        assert post(f"{url}vote", known, own) == 409
        assert post(f"{url}undo", {}, own) == 200
        assert list(folder.iterdir()) == []

    def test_votes_need_the_login(self, host: Host) -> None:
        url = host.serve("--annotate", "bea", "--auth", "reader:secret")
        own = {"Origin": url.rstrip("/"), "Content-Type": "application/json"}
        for path in ("vote", "undo"):
            assert post(url + path, {"label": "A>B"}, own) == 401
            assert post(url + path, {"label": "A>B"}, own | {"Cookie": "access-token-=x"}) == 401

    def test_two_of_one_name_are_refused(self, host: Host, run_main: RunMain) -> None:
        host.serve("--annotate", "cleo")
        flags = ("--data-dir", host.demo.root / "data", "--bench-name", "demo-v0.1")
        done = run_main("qa_browser.py", *flags, "--annotate", "cleo", check=2)
        assert "human-cleo: another run is writing this file" in done.err
        done = run_main("qa_browser.py", *flags, "--annotate", "a/../b", check=2)
        assert "not a name that a file can have" in done.err

    def test_an_address_of_ip_6_is_served(self, host: Host) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        url = host.serve("--host", "::1")
        assert url.startswith("http://[::1]:")
        assert get(url)[0] == 200

    def test_a_port_of_ip_6_that_is_taken_is_told(self, demo: Workspace, run_main: RunMain) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            port = taken.getsockname()[1]
            done = run_main("qa_browser.py", "--host", "::1", "--port", port, check=2)
        assert f"cannot serve at ::1, port {port}: Address already in use" in done.err

    def test_a_fault_of_a_file_that_grows_is_told_once(self, host: Host, demo: Workspace) -> None:
        path = demo.root / "data/demo-v0.1/model_judgment/smollm2-judge/smollm2-hot.jsonl"
        first, *others = path.read_bytes().splitlines(keepends=True)
        url = host.servers.serve(demo)
        path.write_bytes(b"{bad}\n" + first)
        for line in (*others[:2], b"[]\n"):
            assert get(f"{url}view?model=smollm2-hot")[0] == 200
            with path.open("ab") as file:
                file.write(line)
        assert get(f"{url}view?model=smollm2-hot")[0] == 200
        told = [host.servers.line()]
        while "smollm2-hot.jsonl:5: not a judgment" not in told[-1]:
            told.append(host.servers.line())
        assert sum("smollm2-hot.jsonl:1: not a judgment" in line for line in told) == 1

    def test_nothing_but_the_page_is_asked_for_and_no_share_says_so(self, host: Host) -> None:
        assert get(host.serve())[0] == 200
        assert host.ear.heard == []
        url = host.serve("--share")
        assert "no public link" in host.servers.line()
        assert get(url)[0] == 200
        assert host.ear.heard
        # Nothing that a colleague gets through a share link leads to the maker's machine.
        port = f":{urllib.parse.urlsplit(url).port}"
        headers = {"Host": "0123.gradio.live", "X-Forwarded-Proto": "https"}
        tabs = ("view?", "view?tab=leaderboard", "view?tab=clusters", "view?tab=judges")
        for path in ("", "config", *tabs, "list.csv?", "list.jsonl?", "battle.html?"):
            asked = urllib.request.Request(url + path, headers=headers)
            with urllib.request.urlopen(asked, timeout=30) as reply:
                body = reply.read().decode()
            assert "127.0.0.1" not in body and port not in body, path
