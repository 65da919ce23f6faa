"""download_data.py against a fake hub, with the real client of the hub."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable

import pytest
from conftest import REPO, Done, Workspace, tree
from fake_hub import TOKEN, Download, FakeHub
from huggingface_hub import constants
from published_files import OFFICIAL, V1, V2, answer, lines, official

from arena.datasets.hub import FIRST_REPLY


@pytest.fixture(autouse=True)
def _published(published: FakeHub) -> None:
    """All tests here have them."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


@pytest.fixture
def process(bench: Workspace, hub: FakeHub) -> Download:
    """Runs the script as a process, with a cache of its own."""

    def run(*flags: object, check: int = 0, **env: str) -> Done:
        env = hub.environment(bench.root) | env
        done = bench.run("download_data.py", *flags, check=check, env=env)
        assert check == 0 or len(done.stderr.splitlines()) == 1, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def test_the_questions_and_the_baselines_of_v2_0_are_the_default(
    bench: Workspace, hub: FakeHub, process: Download
) -> None:
    hub.page = 3
    done = process()
    folder = bench.root / V2
    baselines = ("gemini-2.0-flash-001", "o3-mini-2025-01-31")
    names = ["question.jsonl", *(f"model_answer/{name}.jsonl" for name in baselines)]
    assert {n: (folder / n).read_text() for n in names} == {
        n: official()[f"{V2}/{n}"] for n in names
    }
    files = [path for path in (bench.root / "data").rglob("*") if path.is_file()]
    assert {str(f.relative_to(folder)) for f in files} == {*names, "source.json"}
    source = json.loads((folder / "source.json").read_text())["files"]
    assert source["question.jsonl"] == {
        "repo": OFFICIAL,
        "revision": hashlib.sha1(b"main").hexdigest(),
        "path": f"{V2}/question.jsonl",
        "sha256": hashlib.sha256((folder / "question.jsonl").read_bytes()).hexdigest(),
    }
    assert set(source) == set(names)
    config = os.path.relpath(REPO / "config/v2.0/gen_answer_config.yaml", bench.root)
    last = done.out.splitlines()[-1]
    command = f"next: python gen_answer.py --bench-name arena-hard-v2.0 --setting-file {config}"
    assert last == command
    before = tree(folder), hub.downloads.copy()
    assert "to download: 0 files" in process().out
    assert before == (tree(folder), hub.downloads)


def test_published_judgments_become_the_official_board(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    flags = ("--bench", "arena-hard-v0.1", "--models", "m1", "org/m2", "--judges", "all")
    done = download(*flags)
    assert "2 judges" in done.out
    assert (bench.root / V1 / "model_judgment/org/judge/org/m2.jsonl").exists()
    command = done.out.splitlines()[-1].removeprefix("next: python ").split()
    assert command[:5] == [
        *("show_result.py", "--bench-name", "arena-hard-v0.1"),
        *("--judge-name", "gpt-4-1106-preview"),
    ]
    board = bench.run(*command, check=0).stdout
    assert "org/m2" in board and "gpt-4-0314" in board
    other = bench.run(*command[:4], "org/judge", *command[5:], check=0).stdout
    assert "org/m2" in other


def test_judges_without_models_have_all_their_models(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    download("--bench", "arena-hard-v0.1", "--judge-name", "org/judge", "--data-dir", "other")
    files = {
        path.relative_to(bench.root / "other/arena-hard-v0.1").as_posix()
        for path in (bench.root / "other").rglob("*.jsonl")
    }
    assert files == {
        *("question.jsonl", "model_answer/gpt-4-0314.jsonl"),
        *("model_judgment/org/judge/m1.jsonl", "model_judgment/org/judge/org/m2.jsonl"),
    }


def test_the_list_has_sizes_and_writes_nothing(bench: Workspace, download: Download) -> None:
    everything = download("--list").out.splitlines()
    assert [line.split()[0] for line in everything[2:]] == ["arena-hard-v0.1", "arena-hard-v2.0"]
    size = sum(len(text) for path, text in official().items() if f"{V1}/model_answer" in path)
    assert f"3 models, {size / 1e3:.1f} kB" in everything[2]
    languages = download("--list", "--bench", "m-arena-hard").out.splitlines()[2:]
    assert {line.split()[0] for line in languages} == {"m-arena-hard:ja", "m-arena-hard:ko"}
    models = download("--list", "--bench", "arena-hard-v0.1").out.splitlines()
    assert models[1].split() == ["model", "answers", "gpt-4-1106-preview", "org/judge"]
    assert [line.split()[0] for line in models[2:]] == ["gpt-4-0314", "m1", "org/m2"]
    assert not (bench.root / "data").exists()


def test_a_file_that_differs_is_named_and_kept_without_force(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    own = bench.write(f"{V2}/question.jsonl", [{"uid": "mine", "prompt": "?"}])
    before = tree(bench.root / "data")
    done = download(check=2)
    assert f"{V2}/question.jsonl: differs from the published data. Replace with --force" in done.err
    assert tree(bench.root / "data") == before and not hub.downloads
    download("--force")
    assert own.read_text() == official()[f"{V2}/question.jsonl"]


def test_a_pointer_of_git_lfs_is_replaced(bench: Workspace, download: Download) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    path = bench.write(f"{V2}/question.jsonl", pointer)
    download()
    assert path.read_text() == official()[f"{V2}/question.jsonl"]


def test_the_cache_serves_other_folders(bench: Workspace, hub: FakeHub, download: Download) -> None:
    download()
    assert download("--data-dir", "other").out and max(hub.downloads.values()) == 1
    assert tree(bench.root / "other") == tree(bench.root / "data")


class TestBrokenDownloads:
    def test_a_connection_that_drops_goes_on_in_the_middle_of_the_file(
        self,
        bench: Workspace,
        hub: FakeHub,
        download: Download,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        path = f"{V1}/model_answer/gpt-4-0314.jsonl"
        content = lines(answer("x" * 200_000, 1)).encode()
        hub.repos[f"datasets/{OFFICIAL}"].revisions["main"][path] = content
        hub.cut.add(path)
        download("--bench", "arena-hard-v0.1")
        assert [place for place in hub.ranges if path in place] == [f"{path}:0", f"{path}:196608"]
        assert (bench.root / path).read_bytes() == content

    def test_a_killed_run_goes_on_with_the_next_file(
        self, bench: Workspace, hub: FakeHub, process: Download
    ) -> None:
        path = f"{V1}/model_answer/gpt-4-0314.jsonl"
        hub.held.add(path)
        env = hub.environment(bench.root)
        running = bench.start("download_data.py", "--bench", "arena-hard-v0.1", env=env)
        assert hub.holding.wait(30)
        blob = hashlib.sha256(official()[f"{V1}/question.jsonl"].encode()).hexdigest()
        until(lambda: any(bench.root.rglob(f"blobs/{blob}")))
        running.kill()
        running.communicate()
        assert not (bench.root / "data").exists()
        hub.held.clear()
        hub.released.set()
        process("--bench", "arena-hard-v0.1")
        assert (bench.root / path).read_text() == official()[path]
        assert hub.downloads[f"{V1}/question.jsonl"] == 1
        assert not list((bench.root / "data").rglob("*.tmp"))

    def test_a_damaged_file_is_not_taken(
        self, bench: Workspace, hub: FakeHub, download: Download
    ) -> None:
        hub.damaged.add(f"{V2}/question.jsonl")
        done = download(check=1)
        assert "question.jsonl: damaged on its way. Run the same command again." in done.err
        assert not (bench.root / "data").exists()
        hub.damaged.clear()
        download()


def test_without_a_network_it_says_so_at_once(
    bench: Workspace,
    process: Download,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent:  # takes connections, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (9, silent.getsockname()[1]):
            endpoint = f"http://user:hf_secret@127.0.0.1:{port}"
            start = time.monotonic()
            done = process(check=1, HF_ENDPOINT=endpoint, HF_HUB_ETAG_TIMEOUT="1")
            assert time.monotonic() - start < 5
            assert f"at 127.0.0.1:{port}: cannot reach the hub. Check the network" in done.err
            assert "secret" not in done.err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(check=1)
    assert not (bench.root / "data").exists()


def test_the_time_to_wait_for_the_first_reply_is_short_enough() -> None:
    assert FIRST_REPLY <= 4.5


def test_a_token_opens_private_repositories_and_is_in_no_message(
    bench: Workspace, hub: FakeHub, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("org/mine", {"data/b/question.jsonl": official()[f"{V1}/question.jsonl"]}, private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = download("--repo", "org/mine")
    assert done.out.splitlines()[-1] == "next: python gen_answer.py --bench-name b"
    assert f"Bearer {TOKEN}" in hub.tokens and len(hub.tokens) <= 2
    hub.status = 403
    for bad in (TOKEN, "hf_bad\nhf_second", "hf_é"):
        monkeypatch.setenv("HF_TOKEN", bad)
        done = download("--repo", "org/mine", check=1)
        assert "hf_" not in done.err + done.out
    texts = [path.read_bytes() for path in bench.root.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in text for text in texts)


def test_a_revision_is_taken_and_recorded(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    repo = hub.repos[f"datasets/{OFFICIAL}"]
    old = {f"{V1}/question.jsonl": b'{"question_id": "old", "turns": [{"content": "?"}]}\n'}
    repo.revisions["v1/old"] = old
    commit = repo.commit("v1/old")
    for number, revision in enumerate(("v1/old", commit)):
        flags = ("--bench", "arena-hard-v0.1", "--data-dir", f"d{number}")
        download(*flags, "--revision", revision)
        folder = bench.root / f"d{number}/arena-hard-v0.1"
        assert (folder / "question.jsonl").read_bytes() == old[f"{V1}/question.jsonl"]
        source = json.loads((folder / "source.json").read_text())
        assert source["files"]["question.jsonl"]["revision"] == commit


def test_a_space_is_a_repository_too(bench: Workspace, hub: FakeHub, download: Download) -> None:
    hub.add("org/viewer", {"data/b/question.jsonl": official()[f"{V1}/question.jsonl"]})
    hub.repos["spaces/org/viewer"] = hub.repos.pop("datasets/org/viewer")
    download("--repo", "spaces/org/viewer")
    source = json.loads((bench.root / "data/b/source.json").read_text("utf-8"))
    assert source["files"]["question.jsonl"]["repo"] == "spaces/org/viewer"


class TestErrors:
    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (
                ["--bench", "arena-hard-v2"],
                "no bench 'arena-hard-v2' (did you mean 'arena-hard-v2.0'?)",
            ),
            (["--model", "m"], "Published models: gemini-2.0-flash-001, m1, o3-mini-2025-01-31"),
            (["--models", "gemini-2.0-flash"], "(did you mean 'gemini-2.0-flash-001'?)"),
            (["--judges", "x"], "no judge 'x'. Published judges: none"),
            (["--bench", "arena-hard"], "(did you mean 'arena-hard-v2.0'?)"),
            (["--bench", "m-arena-hard"], "Choose one with --bench-name: m-arena-hard:ja"),
            (["--repo", "no/such"], "no such repository, or no access. Check --repo"),
            (["--repo", "a/b?c"], "not a name such as OWNER/NAME. Check --repo"),
            (["--repo", "../b"], "not a name such as OWNER/NAME"),
            (["--repo", "org/gated"], "access needs the consent of its owners"),
            (["--repo", "org/empty"], "no bench. Its files must be data/<bench>/question.jsonl"),
            (["--repo", "org/two"], "several benches. Choose one with --bench-name: a, b"),
            (["--revision", "no-such"], "no such revision. Give --revision"),
        ],
    )
    def test_a_name_that_is_not_there(
        self, hub: FakeHub, refused: Callable[..., str], flags: list[str], words: str
    ) -> None:
        hub.add("org/gated", {}, gated=True)
        hub.add("org/empty", {"train.csv": "a"})
        hub.add("org/two", {f"data/{name}/question.jsonl": "{}" for name in "ab"})
        assert words in refused(*flags)

    @pytest.mark.parametrize(
        "path",
        [
            *("b/model_answer/../../../x", "b/model_answer//etc/x", "b/model_answer/.x"),
            *("b/model_answer/a\\b", "b/model_answer/a\x1b[2J", "b/model_judgment/../x/m"),
            f"b/model_answer/{'x' * 300}",
        ],
    )
    def test_a_name_that_no_file_can_have(
        self, hub: FakeHub, refused: Callable[..., str], path: str
    ) -> None:
        hub.add("org/odd", {"data/b/question.jsonl": "{}", f"data/{path}.jsonl": "{}"})
        line = refused("--repo", "org/odd", "--models", "all", "--judges", "all")
        assert "name '" in line
        assert not hub.downloads

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (401, "refuses access (status 401). Check HF_TOKEN"),
            (403, "refuses access (status 403)"),
            (429, "too many requests"),
            (500, "the hub answers with status 500"),
            (200, "no valid answer of a hub. Check HF_ENDPOINT"),
        ],
    )
    def test_a_status(
        self, hub: FakeHub, refused: Callable[..., str], status: int, words: str
    ) -> None:
        hub.status = status
        assert words in refused(check=1)

    def test_a_cache_that_cannot_be_written(
        self, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(constants, "HF_HUB_CACHE", f"{os.devnull}/hub")
        assert "Not a directory. Run the command again. HF_HOME sets another" in refused(check=1)

    def test_a_file_of_the_list_that_is_not_there(
        self, hub: FakeHub, refused: Callable[..., str]
    ) -> None:
        hub.lost.add(f"{V2}/question.jsonl")
        line = refused(check=1)
        assert f"{V2}/question.jsonl: is in the list of the hub, which does not have it" in line

    def test_a_pointer_in_place_of_a_file(
        self, bench: Workspace, hub: FakeHub, refused: Callable[..., str]
    ) -> None:
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
        hub.repos[f"datasets/{OFFICIAL}"].revisions["main"][f"{V2}/question.jsonl"] = pointer
        assert f"{V2}/question.jsonl: is published as a pointer of Git LFS" in refused()
        assert not (bench.root / V2).exists()

    @pytest.mark.parametrize("content", ["[]", "", "{}", "no json"])
    def test_a_record_of_sources_that_is_none(
        self, bench: Workspace, refused: Callable[..., str], content: str
    ) -> None:
        bench.write(f"{V2}/source.json", content)
        assert f"{V2}/source.json: not a record of downloads" in refused()

    def test_something_else_in_the_place_of_a_file(
        self, bench: Workspace, refused: Callable[..., str]
    ) -> None:
        bench.write("b", "")
        assert refused("--data-dir", "b").startswith("b: is no folder. Move it away")
        path = bench.root / V2 / "question.jsonl"
        path.mkdir(parents=True)
        assert "question.jsonl: is no file" in refused()
        path.rmdir()
        path.symlink_to(os.devnull)
        assert "question.jsonl: is no file" in refused()

    @pytest.mark.parametrize(
        ("name", "value", "status"),
        [
            ("HF_HUB_ETAG_TIMEOUT", "1.5 s", 2),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", 2),
            ("HF_ENDPOINT", "localhost:1", 1),
        ],
    )
    def test_a_wrong_environment(
        self, process: Download, name: str, value: str, status: int
    ) -> None:
        done = process(check=status, **{name: value})
        assert done.err.startswith("error: ") and name in done.err
