"""share_results.py: a bundle that tells the truth, one that does not, and a site."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import REPO, RunMain, Workspace, tree

from arena.base.errors import InputError
from arena.bench.config import read_judge_config
from arena.datasets.sharing.bundle import read_bundle, sealed

DEMO = ("--bench-name", "demo-v0.1", "--setting-file", "config/demo/judge_config.yaml")
HOT = "data/demo-v0.1/model_judgment/smollm2-judge/smollm2-hot.jsonl"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository, with a bundle of its demo."""
    bench = Workspace(tmp_path_factory.mktemp("bundled"))
    shutil.copytree(REPO / "config", bench.root / "config")
    shutil.copytree(REPO / "data/demo-v0.1", bench.root / "data/demo-v0.1")
    done = bench.run("share_results.py", *DEMO, "--bundle", "demo.zip", check=0)
    assert done.stdout.endswith("next: python share_results.py --verify demo.zip\n")
    return bench.root


@pytest.fixture
def demo(bench: Workspace, bundled: Path) -> Workspace:
    shutil.copytree(bundled, bench.root, dirs_exist_ok=True)
    return bench


def files_in(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, files: Files, **changes: object) -> None:
    """Write a bundle as the script does, but for some fields of the entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = 8, 0o100644 << 16
            for key, value in changes.items():
                setattr(info, key, value)
            archive.writestr(info, content)
        archive.comment = b"0" * 64
    path.write_bytes(sealed(path.read_bytes()))


def with_sums(files: Files) -> Files:
    """The same files with checksums that fit, as a forger would make them."""
    others = {name: content for name, content in files.items() if name != "SHA256SUMS"}
    lines = (f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in sorted(others.items()))
    return others | {"SHA256SUMS": "".join(lines).encode()}


def test_a_bundle_has_the_files_as_they_are_and_no_others(demo: Workspace) -> None:
    files = files_in(demo.root / "demo.zip")
    for name, content in files.items():
        if name.startswith("data/"):
            assert content == (demo.root / name).read_bytes()
    names = {str(p.relative_to(demo.root)) for p in demo.root.glob("data/**/*.jsonl")}
    own = {"README.txt", "SHA256SUMS", "board.json", "bundle.json", "config/judge_config.yaml"}
    assert files.keys() == names | own
    text = b"".join(files.values())
    assert str(demo.root).encode() not in text
    assert b"api_base" not in text


def test_its_board_is_that_of_show_result(demo: Workspace, run_main: RunMain) -> None:
    shown = json.loads(run_main("show_result.py", *DEMO, "--json", "-").out)
    (board,) = json.loads(files_in(demo.root / "demo.zip")["board.json"])["plain"]
    assert board["rows"] == shown["rows"]


def test_the_same_data_give_the_same_bytes(demo: Workspace, run_main: RunMain) -> None:
    run_main("share_results.py", *DEMO, "--bundle", "again.zip")
    assert (demo.root / "again.zip").read_bytes() == (demo.root / "demo.zip").read_bytes()


def test_a_whole_bundle_passes_and_nothing_is_written(demo: Workspace) -> None:
    before = tree(demo.root)
    done = demo.run("share_results.py", "--verify", "demo.zip", check=0)
    assert done.stdout == (
        "demo.zip: 13 files are as their checksums say\n2 boards are as they were computed\n"
    )
    assert tree(demo.root) == before


def test_the_next_command_has_its_names_quoted(demo: Workspace, run_main: RunMain) -> None:
    done = run_main("share_results.py", *DEMO, "--bundle", "my results/b c.zip")
    assert done.out.endswith("next: python share_results.py --verify 'my results/b c.zip'\n")


def test_a_bundle_beside_the_benches_is_written(demo: Workspace, run_main: RunMain) -> None:
    settings = "--setting-file", demo.root / "config/demo/judge_config.yaml"
    os.chdir(demo.root / "data")
    run_main("share_results.py", *DEMO[:2], *settings, "--data-dir", ".", "--bundle", "new.zip")
    assert (demo.root / "data/new.zip").read_bytes() == (demo.root / "demo.zip").read_bytes()


def test_a_pipe_without_a_writer_is_refused_at_once(demo: Workspace, run_main: RunMain) -> None:
    os.mkfifo(demo.root / "pipe")
    err = run_main("share_results.py", "--verify", "pipe", check=2).err
    assert err == "error: pipe: is no regular file. Name a bundle, a zip file.\n"


def test_some_models_are_bundled_with_the_baseline(demo: Workspace, run_main: RunMain) -> None:
    run_main("share_results.py", *DEMO, "--model", "smollm2-hot", "--bundle", "hot.zip")
    names = files_in(demo.root / "hot.zip").keys()
    folder = "data/demo-v0.1/model_answer"
    answers = {f"{folder}/smollm2-base.jsonl", f"{folder}/smollm2-hot.jsonl"}
    assert {name for name in names if folder in name} == answers
    assert "2 boards" in run_main("share_results.py", "--verify", "hot.zip").out


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_byte_anywhere_is_found(demo: Workspace, run_main: RunMain, seed: int) -> None:
    data = bytearray((demo.root / "demo.zip").read_bytes())
    place = random.Random(seed).randrange(len(data))
    data[place] ^= 1 << seed % 8
    (demo.root / "changed.zip").write_bytes(data)
    try:
        run_main("share_results.py", "--verify", "changed.zip", check=1)
    except AssertionError:
        assert "changed.zip" in run_main("share_results.py", "--verify", "changed.zip", check=2).err


def change_a_byte(files: Files) -> Files:
    return files | {HOT: files[HOT].replace(b'"score": "A=B"', b'"score": "A>B"', 1)}


def lose_a_file(files: Files) -> Files:
    return {name: content for name, content in files.items() if name != HOT}


def change_a_score(files: Files) -> Files:
    boards = json.loads(files["board.json"])
    boards["plain"][0]["rows"][1]["score"] += 0.1
    return with_sums(files | {"board.json": json.dumps(boards).encode()})


def change_a_verdict(files: Files) -> Files:
    return with_sums(change_a_byte(files))


def add_a_file(files: Files) -> Files:
    return files | {"data/demo-v0.1/model_answer/new.jsonl": b""}


def spoil_json(files: Files) -> Files:
    return with_sums(files | {"board.json": b"{"})


@pytest.mark.parametrize(
    ("change", "words", "check"),
    [
        (change_a_byte, f"{HOT}: differs from its checksum", 1),
        (lose_a_file, f"{HOT}: is missing", 1),
        (change_a_score, "board.json: plain, 1, rows, smollm2-hot, score: stored and recomp", 1),
        (change_a_verdict, "board.json: plain, 1, rows, smollm2-hot", 1),
        (add_a_file, "new.jsonl: has no checksum, so it was added later", 1),
        (spoil_json, "board.json: missing or not JSON", 2),
    ],
)
def test_what_was_changed_is_named(
    demo: Workspace,
    run_main: RunMain,
    change: Callable[[Files], Files],
    words: str,
    check: int,
) -> None:
    path = demo.root / "changed.zip"
    write(path, change(files_in(demo.root / "demo.zip")))
    done = run_main("share_results.py", "--verify", "changed.zip", check=check)
    assert words in done.out + done.err


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "data/demo-v0.1/question.jsonl",
        "data/demo-v0.1/model_answer/smollm2-base.jsonl",
        "data/demo-v0.1/model_answer/smollm2-hot.jsonl",
        HOT,
    ],
)
def test_a_file_that_is_missing_without_its_checksum_is_named(
    demo: Workspace, run_main: RunMain, name: str
) -> None:
    files = files_in(demo.root / "demo.zip")
    write(demo.root / "changed.zip", with_sums({n: c for n, c in files.items() if n != name}))
    done = run_main("share_results.py", "--verify", "changed.zip", check=1)
    assert done.out == f"{name}: is missing\n"


def test_boards_of_several_baselines_and_judges_name_no_file_that_never_was(
    modern: Workspace, run_main: RunMain
) -> None:
    path = modern.data / "model_judgment/judge/m1.jsonl"
    text = (modern.root / path).read_text("utf-8").replace('"judge"', '"other"')
    modern.write(modern.data / "model_judgment/other/m1.jsonl", text)
    run_main("share_results.py", "--judge-name", "judge", "other", "--bundle", "new.zip")
    assert "3 boards are" in run_main("share_results.py", "--verify", "new.zip").out


def test_a_bench_without_answers_needs_none_in_its_bundle(
    demo: Workspace, run_main: RunMain
) -> None:
    shutil.rmtree(demo.root / "data/demo-v0.1/model_answer")
    run_main("share_results.py", *DEMO, "--bundle", "new.zip")
    assert "1 boards are" in run_main("share_results.py", "--verify", "new.zip").out


@pytest.mark.parametrize(
    "name",
    ["../evil", "/evil", "data/../../evil", "data\\evil", "C:/evil", "folder/", "README.txt/evil"],
)
def test_names_that_lead_elsewhere_are_refused(
    demo: Workspace, run_main: RunMain, name: str
) -> None:
    files = files_in(demo.root / "demo.zip") | {name: b"evil"}
    write(demo.root / "changed.zip", with_sums(files))
    before = tree(demo.root)
    run_main("share_results.py", "--verify", "changed.zip", check=1)
    assert tree(demo.root) == before
    assert not any((folder / "evil").exists() for folder in (Path("/"), demo.root.parent))


def test_any_changed_byte_is_found(bundled: Path, tmp_path: Path) -> None:
    whole = (bundled / "demo.zip").read_bytes()
    changed, rng = tmp_path / "changed.zip", random.Random(1)
    places = [*range(len(whole) - 1600, len(whole), 7), *rng.sample(range(len(whole)), 30)]
    versions = [
        whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :] for at in places
    ]
    for content in [*versions, b"x" + whole, whole + b"x", whole[:-1]]:
        changed.write_bytes(content)
        try:
            problems = read_bundle(changed)[1]
        except InputError as error:
            problems = [str(error)]
        assert problems


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bundle.json", {"modes": 5}),
        ("bundle.json", {"modes": None}),
        ("bundle.json", {"modes": [["plain"]]}),
        ("bundle.json", {"modes": {"plain": 1}}),
        ("bundle.json", {"versions": [1]}),
        ("bundle.json", {"judges": 5}),
        ("bundle.json", {"judges": []}),
        ("bundle.json", {"judges": [None]}),
        ("bundle.json", {"bench": ["x"]}),
        ("board.json", {"plain": 5}),
        ("board.json", {"other": []}),
    ],
)
def test_odd_values_are_named_in_a_line(
    demo: Workspace, run_main: RunMain, name: str, values: dict[str, object]
) -> None:
    files = files_in(demo.root / "demo.zip")
    files[name] = json.dumps(json.loads(files[name]) | values).encode()
    write(demo.root / "changed.zip", with_sums(files))
    done = demo.run("share_results.py", "--verify", "changed.zip")
    assert done.returncode in (1, 2)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "bundle.json: not of a bundle" in said or "board.json: " in said


def test_names_with_colours_of_a_terminal_are_shown_as_text(
    demo: Workspace, run_main: RunMain
) -> None:
    files = files_in(demo.root / "demo.zip") | {"a\x1b[31mb": b"evil"}
    write(demo.root / "changed.zip", files)
    done = run_main("share_results.py", "--verify", "changed.zip", check=1)
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("changes", [{"external_attr": 0o120777 << 16}, {"comment": b"x"}])
def test_links_and_comments_are_refused(
    demo: Workspace, run_main: RunMain, changes: dict[str, object]
) -> None:
    write(demo.root / "changed.zip", files_in(demo.root / "demo.zip"), **changes)
    done = run_main("share_results.py", "--verify", "changed.zip", check=1)
    assert done.out == "changed.zip: was packed again by another program\n"


def test_a_bundle_that_was_packed_again_names_just_the_file_that_differs(
    demo: Workspace, run_main: RunMain
) -> None:
    """As by unzip, an editor and zip: all entries have other dates and modes."""
    files = files_in(demo.root / "demo.zip")
    answers = "data/demo-v0.1/model_answer/smollm2-hot.jsonl"
    score = json.dumps(json.loads(files["board.json"]) | {"plain": []}).encode()
    for changed, line in (
        ({name: data for name, data in files.items() if name != answers}, f"{answers}: is missing"),
        (files | {"board.json": score}, "board.json: differs from its checksum"),
        (files | {answers: files[answers][:-2] + b"\n\n"}, f"{answers}: differs from its checksum"),
        (files | {"more.txt": b"x"}, "more.txt: has no checksum, so it was added later"),
    ):
        with zipfile.ZipFile(demo.root / "again.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in changed.items():
                archive.writestr(name, data)
        done = run_main("share_results.py", "--verify", "again.zip", check=1)
        assert done.out == f"{line}\nagain.zip: was packed again by another program\n"


def empty_zip() -> bytes:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words", "check"),
    [
        (b"no zip", "not a zip file, or a damaged one. Get the bundle again.", 2),
        (b"", "not a zip file", 2),
        (None, "No such file", 2),
        (empty_zip(), "SHA256SUMS: is missing", 1),
    ],
)
def test_what_is_no_bundle_is_one_line(
    bench: Workspace, run_main: RunMain, content: bytes | None, words: str, check: int
) -> None:
    if content is not None:
        bench.write("x.zip", content)
    done = run_main("share_results.py", "--verify", "x.zip", check=check)
    assert words in done.out + done.err


def test_secrets_are_refused(
    demo: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = demo.root / "data/demo-v0.1/model_answer/smollm2-hot.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("We're", "hunter2-secret", 1), encoding="utf-8")
    monkeypatch.setenv("MY_API_KEY", "hunter2-secret")
    done = run_main("share_results.py", *DEMO, "--bundle", "new.zip", check=2)
    assert f"{path.relative_to(demo.root)}:1: the value of MY_API_KEY" in done.err
    assert "hunter2" not in done.err
    monkeypatch.delenv("MY_API_KEY")
    for name in ("MY_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"):
        with monkeypatch.context() as environment:
            environment.setenv(name, "hunter2-secret")
            assert name in run_main("share_results.py", *DEMO, "--bundle", "new.zip", check=2).err
    path.write_text(text.replace('"settings": {', '"settings": {"api_key": "x", ', 1))
    done = run_main("share_results.py", *DEMO, "--bundle", "new.zip", check=2)
    assert "what looks like a key or an address" in done.err
    assert not (demo.root / "new.zip").exists()


def in_answer(demo: Workspace, text: str) -> str:
    path = demo.root / "data/demo-v0.1/model_answer/smollm2-hot.jsonl"
    record, *others = demo.read_jsonl(path)
    record["choices"][0]["turns"][0]["content"] = text
    demo.write(path, [record, *others])
    return "data/demo-v0.1/model_answer/smollm2-hot.jsonl:1: "


def in_settings(demo: Workspace, text: str) -> str:
    path = demo.root / DEMO[-1]
    demo.write(path, yaml.safe_load(path.read_text("utf-8")) | {"system_prompt": text})
    return f"{DEMO[-1]}: "


@pytest.mark.parametrize("place", [in_answer, in_settings])
@pytest.mark.parametrize("way", ["--bundle", "--site"])
@pytest.mark.parametrize(
    "value", ["topsecretvalue1", 'quote"back\\slash', "geheim-ä-\u4e2d", "it's a\nsecret"]
)
def test_a_secret_is_found_in_any_form_and_place(
    demo: Workspace,
    run_main: RunMain,
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[Workspace, str], str],
    way: str,
    value: str,
) -> None:
    where = place(demo, f"{'Judge both answers with care. ' * 4}{value}")
    monkeypatch.setenv("MY_API_KEY", f"{value}\n")
    err = run_main("share_results.py", *DEMO, way, "new", check=2).err
    assert err == f"error: {where}the value of MY_API_KEY. Remove it before you share it.\n"
    assert not (demo.root / "new").exists()


@pytest.mark.parametrize("place", [in_answer, in_settings])
def test_a_key_at_the_start_of_a_line_is_found(
    demo: Workspace, run_main: RunMain, place: Callable[[Workspace, str], str]
) -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz01234"
    where = place(demo, f"Use this:\n{key}")
    err = run_main("share_results.py", *DEMO, "--bundle", "new", check=2).err
    assert err.startswith(f"error: {where}what looks like a key or an address, sk-abcde...")
    run_main("share_results.py", *DEMO, "--bundle", "new", "--accept-key", key)


@pytest.mark.parametrize("prefix", ["sk-", "xai-", "hf_", "gsk_", "AIza", "ghp_"])
def test_an_example_of_a_key_is_accepted_by_name_and_no_other(
    demo: Workspace, run_main: RunMain, prefix: str
) -> None:
    path = demo.root / "data/demo-v0.1/model_answer/smollm2-hot.jsonl"
    key = prefix + "abcdefghijklmnopqrstuvwxyz01234"
    path.write_text(path.read_text("utf-8").replace("We're", f"use {key} as", 1), "utf-8")
    done = run_main("share_results.py", *DEMO, "--bundle", "new.zip", check=2)
    assert "Accept an example with --accept-key KEY." in done.err
    assert key not in done.err
    flags = ("--bundle", "new.zip", "--accept-key")
    run_main("share_results.py", *DEMO, *flags, key[:-1], check=2)
    run_main("share_results.py", *DEMO, *flags, key)


@pytest.mark.parametrize(
    "keys",
    [
        {"regex_patterns": [r"\[\[([AB<>=]+)\]\]", r"\[([AB<>=]+)\]"], "temperature": 0.5},
        {"reference": True, "ref_model": ["ref-a", "ref-b"], "number_of_judgment_attempts": 4},
        {"verdict_field": "verdict", "judge_samples": 2, "regex_pattern": None},
        {"categories": {"maths": {"baseline_model": "smollm2-hot", "system_prompt": "Sum."}}},
    ],
)
def test_who_unpacks_a_bundle_judges_by_the_same_rules(
    demo: Workspace, run_main: RunMain, keys: dict[str, object]
) -> None:
    path = demo.root / "config/demo/judge_config.yaml"
    demo.write(path, yaml.safe_load(path.read_text("utf-8")) | keys)
    for name in ("ref-a", "ref-b"):
        demo.write(f"data/demo-v0.1/reference_answer/{name}.jsonl", [])
    run_main("share_results.py", *DEMO, "--bundle", "new.zip")
    files = files_in(demo.root / "new.zip")
    there = {name for name in files if "/reference_answer/" in name}
    assert len(there) == (2 if "reference" in keys else 0)
    unpacked = demo.write("unpacked.yaml", files["config/judge_config.yaml"])
    ours, theirs = (replace(read_judge_config(p), path="", model_list=()) for p in (path, unpacked))
    assert ours == theirs


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((*DEMO, "--site", "demo.zip"), "demo.zip: is not a folder. Name a new folder"),
        ((*DEMO, "--site", "."), ".: is the folder of this command or above it. Name a new"),
        ((*DEMO, "--site", ".."), "..: is the folder of this command or above it. Name a new"),
        ((*DEMO, "--site", "data"), "data: is in the folder of benches, data. Name another"),
        ((*DEMO, "--site", "data/site"), "data/site: is in the folder of benches, data. Name an"),
        ((*DEMO, "--site", "data/demo-v0.1/s"), "is in the folder of benches, data. Name another"),
        ((*DEMO, "--site", "config"), "config: is neither empty nor a site. Name a new folder"),
        ((*DEMO, "--model", "nobody", "--site", "s"), "--model nobody: not judged by"),
        ((*DEMO, "--bundle", "n.zip", "--battles", "3"), "--battles: is for --site only."),
        ((*DEMO, "--site", "s", "--force"), "--force: is for --bundle only."),
        ((*DEMO, "--bundle", "-"), "--bundle -: is no file. Name one, such as bundle.zip."),
        ((*DEMO, "--bundle", "/dev/null", "--force"), "--bundle /dev/null: is no file. Name one"),
        ((*DEMO, "--bundle", "data/demo-v0.1/x/y.zip"), "x/y.zip: is in the folder of a bench"),
        (
            (*DEMO, "--bundle", "data/demo-v0.1/question.jsonl", "--force"),
            "question.jsonl: is in the folder of a bench, data/demo-v0.1. Name another place.",
        ),
        (("--verify", "/dev/zero"), "/dev/zero: is no regular file. Name a bundle, a zip file."),
        (("--verify", "config"), "config: is no regular file. Name a bundle, a zip file."),
        ((*DEMO, "--bundle", "demo.zip"), "demo.zip: exists. Replace it with --force"),
        ((*DEMO, "--model", "nobody", "--bundle", "n.zip"), "--model nobody: not judged by"),
        (
            (*DEMO, "--judge-name", "smollm-judge", "--bundle", "n.zip"),
            "did you mean 'smollm2-judge'?",
        ),
    ],
)
def test_wrong_flags_are_one_line_and_change_nothing(
    demo: Workspace, run_main: RunMain, flags: tuple[str, ...], words: str
) -> None:
    before = tree(demo.root)
    assert words in run_main("share_results.py", *flags, check=2).err
    assert tree(demo.root) == before


def test_a_site_has_the_board_and_the_battles_of_the_named_models_alone(
    demo: Workspace, run_main: RunMain
) -> None:
    done = run_main("share_results.py", *DEMO, "--model", "smollm2-hot", "--site", "s")
    assert done.out.endswith("next: open s/index.html in a browser. It has all 40 battles\n")
    texts = {path: path.read_text("utf-8") for path in (demo.root / "s").rglob("*.*")}
    assert sum(path.parent.name == "battles" for path in texts) == 40
    assert not any("smollm2-terse" in text for text in texts.values())
    assert not any(str(demo.root) in text or "/tmp/" in text for text in texts.values())
    shown = json.loads(run_main("show_result.py", *DEMO, "--json", "-").out)["rows"]
    row = next(row for row in shown if row["model"] == "smollm2-hot")
    assert f"<td>{row['score']:.1f}</td>" in re.sub(
        ' data-key="[^"]*"', "", texts[demo.root / "s/index.html"]
    )


def test_a_site_takes_the_place_of_an_earlier_one_of_the_same_bytes(
    demo: Workspace, run_main: RunMain
) -> None:
    flags = *DEMO, "--battles", "7", "--site", "a/s"
    run_main("share_results.py", *flags)
    (demo.root / "a/s/CNAME").write_text("bench.example")
    first = tree(demo.root / "a")
    (demo.root / "a/s/battles/0123456789abcdef.html").write_text("of an earlier site")
    done = demo.run("share_results.py", *flags, check=0)
    assert done.stdout.endswith("It has 6 of 120 battles, those on 2 questions\n")
    assert done.stderr == ""
    assert tree(demo.root / "a") == first
    (demo.root / "a/s/about.html").write_text("mine")
    before = tree(demo.root)
    done = demo.run("share_results.py", *flags, check=2)
    assert done.stderr.splitlines() == [
        "error: a/s/about.html: is no file of the site. Move it away first."
    ]
    assert tree(demo.root) == before


def test_a_site_has_the_named_judges_alone_and_links_between_them(
    demo: Workspace, run_main: RunMain
) -> None:
    for path in demo.root.glob("data/demo-v0.1/model_judgment/smollm2-judge/*.jsonl"):
        text = path.read_text("utf-8").replace('"smollm2-judge"', '"zeta"')
        demo.write(path.parent.with_name("zeta") / path.name, text)
    one = "--judge-name", "smollm2-judge", "--battles", "9"
    run_main("share_results.py", *DEMO, *one, "--site", "s")
    assert not any("zeta" in path.read_text("utf-8") for path in demo.root.glob("s/**/*.*"))
    flags = "--judge-name", "smollm2-judge", "zeta", "--battles", "18"
    run_main("share_results.py", *DEMO, *flags, "--site", "s")
    pages = list(demo.root.glob("s/battles/*.html"))
    assert len(pages) == 18
    for path in pages:
        (link,) = re.findall('class="note"><a href="([^"]+)"', path.read_text("utf-8"))
        assert (path.parent / link).exists()


def test_a_site_that_fails_leaves_nothing(demo: Workspace, run_main: RunMain) -> None:
    path = demo.root / "data/demo-v0.1/question.jsonl"
    path.write_bytes(path.read_bytes() + b"{\n")
    before = tree(demo.root)
    done = run_main("share_results.py", *DEMO, "--site", "s", check=2)
    assert "data/demo-v0.1/question.jsonl:41: " in done.err and "/tmp/" not in done.err
    assert tree(demo.root) == before


@pytest.mark.parametrize("step", [1, 2])
def test_a_site_that_is_stopped_as_it_is_put_in_its_place_is_whole(
    demo: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    flags = *DEMO, "--battles", "7", "--site", "a/s"
    run_main("share_results.py", *flags)
    first = tree(demo.root / "a")
    replace_file, steps = os.replace, list[object]()

    def stopped(source: Path, target: Path) -> None:
        replace_file(source, target)
        steps.append(target)
        if len(steps) == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", stopped)
    run_main("share_results.py", *flags, check=130)
    assert tree(demo.root / "a") == first


def test_a_site_that_cannot_be_put_in_its_place_leaves_the_old_one(
    demo: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = *DEMO, "--battles", "7", "--site", "a/s"
    run_main("share_results.py", *flags)
    first, replace_file = tree(demo.root / "a"), os.replace

    def refuse_new(source: Path, target: Path) -> None:
        if source.name == "new":
            raise PermissionError(errno.EACCES, "Permission denied")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refuse_new)
    done = run_main("share_results.py", *flags, check=1)
    assert done.err == "error: a/s: cannot write: Permission denied\n"
    assert tree(demo.root / "a") == first


def test_what_a_killed_run_left_is_removed_but_the_old_site(
    demo: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = *DEMO, "--battles", "7", "--site", "a/s"
    (demo.root / "tmp/arena-bundle-abcdefgh/data").mkdir(parents=True)
    (demo.root / "tmp/arena-bundle-abcdefgh.lock").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(demo.root / "tmp"))
    run_main("share_results.py", *flags)
    assert tree(demo.root / "tmp") == {}
    (demo.root / "a/s/CNAME").write_text("bench.example")
    first = tree(demo.root / "a")
    (demo.root / "a/.s.abcdefgh").mkdir()
    (demo.root / "a/.s.abcdefgh.lock").touch()
    (demo.root / "a/s").rename(demo.root / "a/.s.abcdefgh/old")
    run_main("share_results.py", *flags)
    assert tree(demo.root / "a") == first


@pytest.mark.parametrize(
    "flags", [(*DEMO, "--judge-name", "nobody"), ("--bench-name", "none"), (*DEMO, "--model", "no")]
)
def test_a_run_that_fails_puts_the_old_site_back(
    demo: Workspace, run_main: RunMain, flags: tuple[str, ...]
) -> None:
    demo.write("a/.s.abcdefgh/old/site.json", "{}")
    demo.write("a/.s.abcdefgh.lock", "")
    run_main("share_results.py", *flags, "--site", "a/s", check=2)
    assert tree(demo.root / "a") == {"s": "a folder", "s/site.json": b"{}"}


@pytest.mark.parametrize("way", ["--site", "--bundle", "--verify"])
def test_a_temporary_folder_that_takes_nothing_is_a_line(
    demo: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(demo.root / "missing"))
    file = "demo.zip" if way == "--verify" else "new"
    done = run_main("share_results.py", *DEMO, way, file, check=1)
    problem = f"{demo.root / 'missing'}: cannot write a copy of the bench: No such file"
    assert done.err.startswith(f"error: {problem}") and "in TMPDIR." in done.err
    assert not (demo.root / "new").exists()


def test_warnings_name_the_files_of_the_bench_once(demo: Workspace, run_main: RunMain) -> None:
    path = demo.root / HOT
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(True)[-1])
    warning = f"warning: {HOT}: 1 repeated ids. The last record of each counts.\n"
    for flags in (("--battles", "7", "--site", "s"), ("--bundle", "new.zip")):
        assert run_main("share_results.py", *DEMO, *flags).err.count(warning) == 1
    done = run_main("share_results.py", "--verify", "new.zip")
    assert done.err == warning


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"baseline": "smollm2-cold"},
            "against another baseline, smollm2-cold. Accept them with --baseline=smollm2-base "
            "--baseline=smollm2-cold.",
        ),
        (
            {"judge": "zeta"},
            "by another judge, zeta. Move their files away, or share other models with --model.",
        ),
        (
            {"games": [{"settings": {"temperature": 9}, "score": "A>B"}]},
            "Run gen_judgment.py --data-dir data --bench-name demo-v0.1 --judge-name "
            "smollm2-judge --stale redo to make them equal.",
        ),
    ],
)
@pytest.mark.parametrize("way", ["--site", "--bundle"])
def test_advice_on_mixed_judgments_names_flags_that_it_has(
    demo: Workspace, run_main: RunMain, change: dict[str, object], words: str, way: str
) -> None:
    records = demo.read_jsonl(HOT)
    demo.write(HOT, [*records[:-1], records[-1] | change])
    done = run_main("share_results.py", *DEMO, way, "new", check=2)
    assert done.err.endswith(f"{words}\n") and "--mixed" not in done.err
    assert HOT in done.err and not (demo.root / "new").exists()


def test_an_answer_that_cannot_be_read_is_left_out_with_its_place(
    demo: Workspace, run_main: RunMain
) -> None:
    answers = demo.data.with_name("demo-v0.1") / "model_answer/smollm2-hot.jsonl"
    records = demo.read_jsonl(answers)
    demo.write(answers, [*records[:2], records[2] | {"choices": None}, *records[3:]])
    done = run_main("share_results.py", *DEMO, "--model", "smollm2-hot", "--site", "s")
    place = f"warning: {answers.relative_to(demo.root)}:3: not an answer: no choices"
    assert done.err.count(place) == 1
    texts = [path.read_text("utf-8") for path in demo.root.glob("s/battles/*.html")]
    words = "The answer of smollm2-hot to this question cannot be read."
    assert [text.count(words) for text in texts if words in text] == [1]


def test_no_page_names_a_flag(demo: Workspace, run_main: RunMain) -> None:
    records = demo.read_jsonl(HOT)
    undecided = [r | {"games": [r["games"][0], r["games"][1] | {"score": None}]} for r in records]
    demo.write(HOT, undecided)
    run_main("share_results.py", *DEMO, "--battles", 1, "--site", "s")
    pages = {
        p.name: re.sub("<[^>]+>", "", p.read_text("utf-8")) for p in demo.root.glob("s/*.html")
    }
    assert "judgments with one verdict: smollm2-hot" in pages["index.html"]
    assert not [name for name, text in pages.items() if re.search(r"--[a-z]", text)]


def test_a_site_has_no_secrets(demo: Workspace, run_main: RunMain) -> None:
    path = demo.root / "data/demo-v0.1/model_answer/smollm2-hot.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"settings": {', '"settings": {"api_key": "x", ', 1))
    done = run_main("share_results.py", *DEMO, "--site", "s", check=2)
    assert "what looks like a key or an address" in done.err
    assert not (demo.root / "s").exists()
