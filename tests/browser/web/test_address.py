"""The address of the page: who may read it, and what a visit leaves behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO

import qa_browser
from arena.browser.web.address import (
    LONGEST_LOGIN,
    MOST_GUESSES,
    PageGuard,
    report_access,
    served_names,
)

UNREADABLE = (
    *("a{b.evil.example", "a`b.evil.example", 'a"b.evil.example', "a\\b.evil.example", ""),
    *("127.0.0.1@evil.example", "localhost/evil", "localhost#.evil.example", "\xe9.example"),
    *("127.0.0.1:80:80", "[::1", "[::1]x", "localhost.", "127.0.0.1:x"),
)

PROBE = """
import http.client, json, pathlib, sys
from arena.bench.paths import Bench
from arena.browser.web import server
from arena.browser.defaults import Benches, Chosen
from arena.browser.library import Library

chosen = Chosen(Library(Bench(pathlib.Path(sys.argv[1]), "demo-v0.1")), "smollm2-judge", "", "")
page, url, _ = server.serve(Benches(chosen), "127.0.0.1", None, False, None)
port = int(url.rstrip("/").rpartition(":")[2])

def ask(path, host):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Host": host.replace("PORT", str(port))})
    reply = connection.getresponse()
    return reply.status, reply.read()

hosts = {host: [ask(path, host)[0] for path in ("/config", "/view?")] for host in sys.argv[2:]}
print(json.dumps([hosts, len(page.state_holder.session_data)]))
"""


def test_its_own_hosts_alone_are_answered_and_visits_do_not_pile_up() -> None:
    good = ("127.0.0.1:PORT", "localhost:PORT", "LOCALHOST", "[::1]:PORT")
    foreign = ("evil.example:PORT", "127.0.0.1.evil.example", "10.1.2.3:PORT")
    command = [sys.executable, "-c", PROBE, str(REPO / "data"), *good, *foreign]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60)
    hosts, sessions = json.loads(done.stdout)
    assert hosts == dict.fromkeys(good, [200, 200]) | dict.fromkeys(foreign, [421, 421])
    assert sessions == 0


@pytest.mark.parametrize(
    ("started_for", "asked_for", "answer"),
    [
        ("0.0.0.0", "192.168.7.7:7860", 200),
        ("0.0.0.0", "[fe80::1]:7860", 200),
        ("0.0.0.0", "localhost", 200),
        ("0.0.0.0", "evil.example", 421),
        ("::", "10.0.0.1", 200),
        ("Bench.Lab", "bench.lab:80", 200),
        ("10.0.0.1", "10.0.0.2", 421),
        *(("127.0.0.1", name, 421) for name in UNREADABLE),
        *(("0.0.0.0", name, 421) for name in UNREADABLE),
    ],
)
def test_a_page_for_all_addresses_has_no_foreign_name(
    started_for: str, asked_for: str, answer: int
) -> None:
    guard = PageGuard(reply_with(200), served_names(started_for), shared=False)
    assert statuses(guard, "/", asked_for) == [answer]


def test_a_public_link_is_one_of_its_names() -> None:
    shared, local = (PageGuard(reply_with(200), served_names("::1"), s) for s in (True, False))
    assert statuses(shared, "/", "0123abcd.gradio.live") == [200]
    assert statuses(local, "/", "0123abcd.gradio.live") == [421]


def test_passwords_are_guessed_one_a_second_however_many_connections_guess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []

    async def wait(seconds: float) -> None:
        events.append(f"{seconds:.0f} s")
        await real_sleep(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"].decode()
        events.append(body)
        await reply_with(200 if body == "right" else 400)(scope, receive, send)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", wait)
    guard = PageGuard(app, served_names("::1"), False)
    bodies = ["one", "two", "right", *map(str, range(MOST_GUESSES))]
    answers = asyncio.run(logins(guard, bodies))
    assert events[:5] == ["one", "1 s", "two", "1 s", "right"]
    asked = [event for event in events if event != "1 s"]
    assert asked == bodies[:MOST_GUESSES]
    assert answers == [400, 400, 200, *[400] * (MOST_GUESSES - 3), 429, 429, 429]
    assert asyncio.run(logins(guard, ["right", "x" * (LONGEST_LOGIN + 1)])) == [200, 413]


async def logins(guard: PageGuard, bodies: list[str]) -> list[int]:
    """The statuses that logins get which come all at once."""
    scope = request_for("/login", "localhost", "POST")
    answers = await asyncio.gather(*(answer_of(guard, scope, body) for body in bodies))
    return [int(sent[0]["status"]) for sent in answers]


def test_nothing_but_requests_gets_through() -> None:
    guard = PageGuard(reply_with(200), served_names("::1"), False)
    sent = asyncio.run(answer_of(guard, {"type": "websocket", "headers": []}))
    assert sent == [{"type": "websocket.close"}]


def test_the_head_of_the_page_has_the_length_of_the_page() -> None:
    headers = [(b"content-type", b"text/html"), (b"content-length", b"8")]
    guard = PageGuard(reply_with(200, headers), served_names("::1"), False)
    sent = asyncio.run(answer_of(guard, request_for("/", "localhost", "HEAD")))
    assert (b"content-length", b"8") in sent[0]["headers"]


def reply_with(code: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": code, "headers": [*headers]})
        await send({"type": "http.response.body", "body": b""})

    return app


def request_for(path: str, host: str, method: str = "GET") -> dict[str, Any]:
    return {
        **{"type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http"},
        "server": ("127.0.0.1", 7860),
        "headers": [(b"host", host.encode("latin-1"))],
    }


async def answer_of(guard: PageGuard, scope: dict[str, Any], body: str = "") -> list[Any]:
    """The messages that answer a request."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body.encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent


def statuses(guard: PageGuard, path: str, host: str, method: str = "GET") -> list[int]:
    """The statuses that one request gets."""
    sent = asyncio.run(answer_of(guard, request_for(path, host, method)))
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


def test_a_foreign_page_is_not_let_in_by_headers_of_gradio() -> None:
    headers = [(b"access-control-allow-origin", b"http://evil.example")]
    headers += [(b"access-control-allow-credentials", b"true"), (b"content-type", b"text/plain")]
    guard = PageGuard(reply_with(200, headers), served_names("::1"), False)
    sent = asyncio.run(answer_of(guard, request_for("/view", "localhost")))
    names = {name for name, _ in sent[0]["headers"]}
    assert b"content-type" in names
    assert not any(name.startswith(b"access-control") for name in names)


def test_a_password_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text("\ufeffreader:se:cret\nmore\n", encoding="utf-8")  # as Notepad saves it
    assert qa_browser.parse(["--auth", f"@{file}"]).auth == ("reader", "se:cret")
    monkeypatch.setenv("QA_BROWSER_AUTH", "reader:hidden")
    assert qa_browser.parse([]).auth == ("reader", "hidden")
    assert qa_browser.parse(["--auth", "other:open"]).auth == ("other", "open")
    monkeypatch.setenv("QA_BROWSER_AUTH", "hidden-word")
    with pytest.raises(SystemExit):
        qa_browser.parse([])
    with pytest.raises(SystemExit):
        qa_browser.parse(["--auth", f"@{tmp_path / 'none'}"])
    said = capsys.readouterr().err
    assert "expected user:password" in said
    assert "cannot read the file" in said
    assert "hidden-word" not in said


def test_readers_of_other_machines_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    report_access("127.0.0.1", False, None, password=False)
    report_access("0.0.0.0", False, None, password=True)
    assert capsys.readouterr().err == ""
    report_access("0.0.0.0", False, None, password=False)
    assert capsys.readouterr().err == (
        "warning: anyone who reaches 0.0.0.0 can read the bench. Require a password with --auth.\n"
    )
