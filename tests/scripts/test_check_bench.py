"""check_bench.py: a bench that is spoiled in each way, what is said of it, and what mends it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, RunMain, Workspace, tree
from fake_api import FakeAPI
from runs import FAST, prepare
from spoiled_bench import (
    Spoil,
    answers_of,
    forget_a_game,
    forget_a_verdict,
    forget_both,
    found,
    healthy,
    judge_hotter,
    judgments_of,
    made,
    mend,
    say,
)

from arena.datasets.checks import answers

__all__ = ["healthy", "made"]  # fixtures


def say_the_same(bench: Workspace) -> None:
    for number in range(3):
        say(number, "I am only a language model.")(bench)


def tear(bench: Workspace) -> None:
    path = bench.data / "model_answer/tiny.jsonl"
    path.write_bytes(path.read_bytes()[:-40])


def break_a_line(bench: Workspace) -> None:
    path = bench.data / "model_answer/tiny.jsonl"
    path.write_text("{nonsense\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def point_to_lfs(bench: Workspace) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    bench.write(bench.data / "model_answer/tiny.jsonl", pointer)


def cut_off(records: list[Any]) -> None:
    records[0]["choices"][0]["turns"][0]["finish_reason"] = "length"


def unmeasure(records: list[Any]) -> None:
    del records[0]["conv_metadata"]


def make_for_another_text(records: list[Any]) -> None:
    records[0]["settings"]["question_hash"] = "0" * 16


def plant(records: list[Any]) -> None:
    records[0]["planted"] = ["model"]


def rename_question(records: list[Any]) -> list[Any]:
    return [*records, records[0] | {"question_id": "gone"}]


SPOILED: dict[str, tuple[Spoil, int, bool]] = {  # the way, the number found, whether it is mended
    "missing answers": (lambda b: answers_of(b, lambda r: r[1:]), 1, True),
    "failed calls ($ERROR$)": (say(0, "$ERROR$"), 1, True),
    "error messages as answers": (say(1, "Error: rate limit exceeded"), 1, True),
    "empty answers": (say(2, " \n"), 1, True),
    "damaged characters": (say(3, "na\u00c3\u00afve caf\u00c3\u00a9"), 1, True),
    "the same answer to several questions": (say_the_same, 3, True),
    "answers without style attributes": (lambda b: answers_of(b, unmeasure), 1, True),
    "answers to an earlier text of the question": (
        lambda b: answers_of(b, make_for_another_text),
        1,
        True,
    ),
    "torn last line": (tear, 1, True),
    "lines that are no records": (break_a_line, 1, True),
    "earlier records of the same id": (lambda b: answers_of(b, lambda r: [*r, r[0]]), 1, True),
    "only a pointer of Git LFS": (point_to_lfs, 1, False),
    "missing judgments": (lambda b: judgments_of(b, lambda r: r[1:]), 1, True),
    "games not played": (lambda b: judgments_of(b, forget_a_game), 1, True),
    "judgments without a verdict": (lambda b: judgments_of(b, forget_both), 1, True),
    "judgments of earlier answers": (say(1, "Another answer"), 1, True),
    "judged with different settings": (lambda b: judgments_of(b, judge_hotter), 1, True),
    "judgments of questions that are not in the bench": (
        lambda b: judgments_of(b, rename_question),
        1,
        True,
    ),
}
NOTED: dict[str, Spoil] = {
    "cut-off answers": lambda b: answers_of(b, cut_off),
    "half judged, one game without a verdict": lambda b: judgments_of(b, forget_a_verdict),
    "answers with planted labels": lambda b: judgments_of(b, plant),
    "answers to questions that are not in the bench": lambda b: answers_of(b, rename_question),
    "judgments without answers of base": lambda b: (b.data / "model_answer/base.jsonl").write_text(
        ""
    ),
}


def test_a_healthy_bench_has_one_line(healthy: Workspace) -> None:
    before = tree(healthy.root)
    done = healthy.run("check_bench.py", "--bench-name", healthy.name, check=0)
    assert done.stdout == f"data/{healthy.name}: nothing is missing or spoiled\n"
    assert done.stderr == ""
    assert tree(healthy.root) == before


def test_all_commands_one_after_the_other_mend_just_what_is_spoiled(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(healthy.root)
    path = healthy.data / "model_answer/tiny.jsonl"
    sound = {r["question_id"]: r for r in healthy.answers("tiny")}
    say(0, "")(healthy)
    say(2, "Error code: 429 - {'error': {'message': 'Rate limit reached'}}")(healthy)
    answers_of(healthy, lambda r: [r[1], *r])
    path.write_text("{nonsense\n" + path.read_text("utf-8"), "utf-8")
    judgments_of(healthy, lambda r: [r[0], *r[2:]])
    findings = found(healthy, run_main, 1)
    assert len(findings) == 6  # with the judgments of answers that are spoiled now
    for finding in findings:
        mend(finding, run_main)
    assert found(healthy, run_main, 0) == []
    made = {r["question_id"]: r for r in healthy.answers("tiny")}
    assert {q: made[q] for q in ("q2", "q4")} == {q: sound[q] for q in ("q2", "q4")}
    assert made["q1"]["choices"][0]["turns"][0]["content"] == "About Question 1?"
    assert len(healthy.judgments("judge", "tiny")) == 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no questions"),
        (b"", "no questions"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "only a pointer"),
        (b'{"question_id": "q1", "turns": [{"content": "Question', "torn last line"),
        (b'{"question_id": "q1", "turns": [{"content": "?"}]}\n{x}\n', "lines that are no records"),
    ],
)
def test_questions_that_are_not_there_are_the_only_finding(
    healthy: Workspace, run_main: RunMain, content: bytes | None, problem: str
) -> None:
    path = healthy.data / "question.jsonl"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    (finding,) = found(healthy, run_main, 1)
    assert finding["problem"].startswith(problem)
    assert "unknown" not in finding["mend"]


@pytest.mark.parametrize(
    ("change", "problem", "number"),
    [
        (lambda r: [x["games"].pop() for x in r[:2]] and r, "games not played", 2),
        (lambda r: [g.update(score="A>C") for g in r[0]["games"]] and r, "judgments without", 1),
        (lambda r: [r[0]["games"][0].update(score="A>C")] and r, "half judged", 1),
        (lambda r: [*r, {**r[0], "baseline": "tiny2"}], "missing judgments", 2),
    ],
)
def test_what_is_unfinished_is_counted(
    healthy: Workspace,
    run_main: RunMain,
    change: Callable[[list[Any]], Any],
    problem: str,
    number: int,
) -> None:
    judgments_of(healthy, change)
    findings = found(healthy, run_main, 0 if problem == "half judged" else 1)
    assert [f["count"] for f in findings if f["problem"].startswith(problem)] == [number]


def repeated(*scores: str | None) -> dict[str, Any]:
    repeats = [{"sample": n, "score": score} for n, score in enumerate(scores[1:], 2)]
    return {"score": scores[0], "repeats": repeats}


def test_repeats_decide_a_game_and_are_counted(healthy: Workspace, run_main: RunMain) -> None:
    """One game decided by a repeat alone, one without any verdict, and one with fewer verdicts."""

    def change(records: list[Any]) -> None:
        for record in records:
            record["games"] = [repeated("A>B", "A=B", "B>A"), repeated("A>B", "A>B", "A>B")]
        records[0]["games"] = [repeated(None, "A>B", "A>B"), repeated("x", None, "A>B")]
        records[1]["games"][1] = repeated(None, None, None)
        records[2]["games"][0] = repeated("A>B", "A=B")
        records[3]["games"][0] |= {"score": None, "cause": "unfinished"}  # asked by the next run

    judgments_of(healthy, change)
    findings = found(healthy, run_main, 0)
    assert [(f["problem"], f["count"], f["examples"]) for f in findings] == [
        ("half judged, one game without a verdict", 1, ["q2"]),
        ("repeats without a verdict", 1, ["q1"]),
        ("games with fewer than 3 verdicts", 2, ["q3", "q4"]),
    ]
    assert findings[0]["mend"].endswith("--retry-invalid")  # its first verdicts are enough
    assert findings[1]["mend"].endswith("--retry-invalid --samples 3")
    assert findings[2]["mend"].endswith("--model tiny --samples 3")
    judgments_of(healthy, lambda r: r[0].update(games=[repeated(None, None)] * 2))
    (finding,) = (f for f in found(healthy, run_main, 1) if not f["is_note"])
    assert (finding["problem"], finding["examples"]) == ("judgments without a verdict", ["q1"])


def test_the_commands_after_a_round_robin_name_baselines(
    bench: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.root)
    prepare(bench, api := FakeAPI(), questions=2)
    with api:
        api.answer_with("[[A>B]]")
        bench.add_model("judge", api.v1, **FAST)
        for name in ("base", "tiny", "tiny2"):
            bench.add_answers(name, {"q1": f"{name} on 1", "q2": f"{name} on 2"})
        bench.write_judge_config("judge", "base")
        run_main("gen_judgment.py", "--round-robin")
        run_main("gen_judgment.py", "--model", "tiny2", "--samples", "3")
        (finding,) = (f for f in found(bench, run_main, 1) if "fewer" in f["problem"])
        assert (finding["problem"], finding["count"]) == ("games with fewer than 3 verdicts", 2)
        assert finding["mend"].endswith("--model tiny2 --samples 3 --baseline tiny")
        mend(finding, run_main)
    assert "fewer" not in str(found(bench, run_main, 1))  # but style attributes


def test_the_commands_for_an_ensemble_make_it_again(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(healthy.root)
    folder = healthy.data / "model_judgment"
    other = [{**record, "judge": "j2"} for record in healthy.judgments("judge", "tiny")]
    healthy.write(folder / "j2/tiny.jsonl", other)
    judges = ("--judge-name", "judge", "j2", "--rule", "median", "--name", "both")
    run_main("gen_ensemble_judgment.py", "--bench-name", healthy.name, *judges)
    path = folder / "both/tiny.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[1:], "{nonsense\n", lines[0].replace("q1", "q5")]))
    healthy.add_answers("tiny2", {f"q{n}": "?" for n in range(1, 5)})
    command = shlex.join(["gen_ensemble_judgment.py", "--bench-name", healthy.name, *judges])
    findings = [f for f in found(healthy, run_main, 1) if f["place"].startswith("model_judgment/b")]
    problems = {f["problem"].split(" (")[0]: f["mend"].split(" && ")[-1] for f in findings}
    again = f"python {command}"
    assert problems.pop("lines that are no records") == problems.pop("missing judgments") == again
    assert problems.pop("no judgments") == again
    for finding in findings:
        mend(finding, run_main)
    assert path.read_text() == "".join(lines)
    shutil.rmtree(folder / "j2")
    path.write_text(lines[0])
    findings = [f for f in found(healthy, run_main, 1) if "both/" in f["place"]]
    assert [f["mend"] for f in findings if "missing" in f["problem"]] == [""]


def test_each_choice_has_as_many_verdicts(healthy: Workspace, run_main: RunMain) -> None:
    def change(records: list[Any]) -> None:
        for record in records:
            record["games"] = [repeated("A>B", "A=B"), repeated("A>B", "A>B")]
        for game in records[0]["games"]:
            game["repeats"] += [{"choice": 1, "sample": n, "score": "A>B"} for n in (1, 2)]

    judgments_of(healthy, change)
    assert found(healthy, run_main, 0) == []


def test_votes_of_people_are_whole_with_one_game(healthy: Workspace, run_main: RunMain) -> None:
    votes = [[repeated("A>B", "A=B"), None], [None, {"score": "B>A", "vote": 2}]]
    votes += [[{"score": "A>B"}], [{"score": None}, {"score": "A>B"}], [{"score": None}, None]]
    names = {"judge": "human-anna", "model": "tiny", "baseline": "base"}
    records = [{"question_id": f"q{i}", "games": g, **names} for i, g in enumerate(votes, 1)]
    path = healthy.write(healthy.data / "model_judgment/human-anna/tiny.jsonl", records[:4])
    assert found(healthy, run_main, 0) == []
    healthy.write(path, records)
    with path.open("a") as file:
        file.write('{"question_id": "q')
    problems = {f["problem"]: f["mend"] for f in found(healthy, run_main, 1)}
    assert problems["judgments without a verdict"] == problems["torn last line"] == ""


def test_categories_may_have_prompts_of_their_own(healthy: Workspace, run_main: RunMain) -> None:
    def change(records: list[Any]) -> None:
        records[3]["settings"]["prompt_hash"] = "f" * 16  # the only one of its category

    judgments_of(healthy, change)
    assert found(healthy, run_main, 0) == []
    judgments_of(healthy, lambda r: [x["settings"].update(prompt_hash="0") for x in r[:2]] and r)
    (finding,) = found(healthy, run_main, 1)
    assert (finding["problem"], finding["count"]) == ("judged with different judge prompts", 1)


def test_the_commands_have_the_settings_of_the_bench(healthy: Workspace, run_main: RunMain) -> None:
    judgments_of(healthy, lambda r: r[1:])
    config = yaml.safe_load((healthy.root / "config/judge_config.yaml").read_text("utf-8"))
    healthy.write("mine/judge_config.yaml", config)
    flags = ("--bench-name", healthy.name, "--settings", "mine", "--json", "-")
    (finding,) = json.loads(run_main("check_bench.py", *flags, check=1).out)["findings"]
    assert "--setting-file mine/judge_config.yaml" in finding["mend"]
    assert "--endpoint-file" not in finding["mend"]


@pytest.mark.parametrize("problem", SPOILED)
def test_what_is_spoiled_is_found_and_mended_by_the_command(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    spoil, number, is_mended = SPOILED[problem]
    spoil(healthy)
    monkeypatch.chdir(healthy.root)
    finding = next(f for f in found(healthy, run_main, 1) if f["problem"].startswith(problem))
    assert finding["count"] == number
    assert len(finding["examples"]) in (0, number)
    if is_mended:
        mend(finding, run_main)
        assert problem not in str(found(healthy, run_main, 0))


@pytest.mark.parametrize("problem", NOTED)
def test_what_may_be_as_it_should_be_is_a_note(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    NOTED[problem](healthy)
    monkeypatch.chdir(healthy.root)
    check = 1 if "base" in problem else 0  # whose answers are missing, too
    findings = found(healthy, run_main, check)
    assert any(f["problem"].startswith(problem) and f["is_note"] for f in findings)


def test_the_table_fits_and_names_file_number_and_command(healthy: Workspace) -> None:
    say(0, "$ERROR$")(healthy)
    done = healthy.run("check_bench.py", "--bench-name", healthy.name, check=1)
    head, row, command = done.stdout.splitlines()
    assert head.split() == ["where", "finding", "number", "examples"]
    assert row.split() == ["answers", "of", "tiny", "failed", "calls", "($ERROR$)", "1", "q1"]
    assert command == f"  python gen_answer.py --bench-name {healthy.name} --model tiny"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "--bench-name: name the bench to check"),
        (("--bench-name", "nope"), "no such bench. Benches here: test-v1"),
        (("--bench-name", "test-v1", "--model", "tinny"), "did you mean 'tiny'?"),
        (("--bench-name", "test-v1", "--judge-name", "nobody"), "no judgments of nobody"),
    ],
)
def test_a_wrong_name_is_one_line(healthy: Workspace, flags: tuple[str, ...], words: str) -> None:
    done = healthy.run("check_bench.py", *flags, check=2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_demo_bench_is_healthy() -> None:
    command = [sys.executable, "check_bench.py", "--bench-name", "demo-v0.1"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert "note: cut-off answers" in done.stdout


@pytest.mark.parametrize(
    ("records", "mend"),
    [
        ("model_answer/tiny.jsonl", "gen_answer.py --bench-name test-v1 --model judge"),
        (
            "model_judgment/judge/org/m.jsonl",
            "gen_judgment.py --bench-name test-v1 --judge-name judge --model org/m",
        ),
        ("qualities/judge.jsonl", None),
    ],
)
def test_a_batch_that_nobody_has_fetched_is_found(
    healthy: Workspace, run_main: RunMain, records: str, mend: str | None
) -> None:
    state = {"service": "openai", "address": "x", "model": "judge", "records": records}
    healthy.write(healthy.data / "batches/b1/state.json", {**state, "phase": "running"})
    (finding,) = found(healthy, run_main, 1)
    assert finding["place"] == "batches/b1"
    assert finding["mend"] == (f"python {mend} --batch fetch" if mend else "")


@pytest.mark.parametrize("torn", [b"", b'{"question_id": "q2", "choi'])
def test_lost_records_are_appended_by_the_command(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch, torn: bytes
) -> None:
    monkeypatch.chdir(healthy.root)
    path = healthy.data / "model_answer/it's.jsonl"
    lines = (healthy.data / "model_answer/tiny.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + torn)
    path.with_name(f"{path.name}.123.lost").write_bytes(lines[3])
    finding = next(f for f in found(healthy, run_main, 1) if "could not write" in f["problem"])
    append, delete = finding["mend"].split(" && python ")
    subprocess.run(append, shell=True, check=True)
    run_main(*shlex.split(delete))
    assert [line for line in path.read_bytes().splitlines(keepends=True) if line.strip()] == lines
    assert {f["problem"] for f in found(healthy, run_main, 0)} == {"no judgments"}


def test_nothing_but_the_named_records_of_the_named_file_is_deleted(
    healthy: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A carriage return ends no line, and the same finding in other files stays."""
    monkeypatch.chdir(healthy.root)
    path = healthy.data / "model_answer/tiny.jsonl"
    base = healthy.data / "model_answer/base.jsonl"
    say(3, "")(healthy)
    lines = path.read_bytes().split(b"\n")
    lines[0] = lines[0].replace(b'"model_id"', b'\r"model_id"')
    for copy in (path, base):
        copy.write_bytes(b"\n".join(lines))
    looked_at = list[Path]()
    read_file = answers.read_file
    monkeypatch.setattr(
        answers, "read_file", lambda path, *args: looked_at.append(path) or read_file(path, *args)
    )
    run_main("check_bench.py", "--bench-name", healthy.name, "--delete", "empty", path_in(path))
    assert [path.name for path in looked_at] == ["tiny.jsonl"]
    assert path.read_bytes() == b"\n".join([*lines[:3], b""])
    assert base.read_bytes() == b"\n".join(lines)
    flags = ("--bench-name", healthy.name, "--delete")
    assert "no such file" in run_main("check_bench.py", *flags, "empty", "x", check=2).err
    assert "not one of" in run_main("check_bench.py", *flags, "x", path_in(path), check=2).err


def path_in(path: Path) -> str:
    return f"model_answer/{path.name}"
