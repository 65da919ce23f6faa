"""The commands of check_bench.py for judgments, run as they are printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import JUDGE_PROMPT, RunMain, Workspace
from spoiled_bench import (
    IDS,
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

__all__ = ["healthy", "made"]  # fixtures


def config(bench: Workspace, **fields: Any) -> None:
    """Change the judge config."""
    path = bench.root / "config/judge_config.yaml"
    bench.write(path, yaml.safe_load(path.read_text("utf-8")) | fields)


def copy_model(bench: Workspace, *names: str) -> None:
    for name in names:
        answers = [record | {"model_id": name} for record in bench.answers("tiny")]
        bench.write(bench.data / f"model_answer/{name}.jsonl", answers)


def of_fourth(findings: list[Any]) -> list[Any]:
    return [finding for finding in findings if "fourth" in finding["place"]]


def pairs(bench: Workspace, judge: str = "judge") -> set[tuple[str, str, str]]:
    """The question, model and baseline of each whole judgment."""
    folder = bench.data / "model_judgment" / judge
    records = (r for path in sorted(folder.glob("*.jsonl")) for r in bench.read_jsonl(path))
    return {
        (r["question_id"], r["model"], r["baseline"])
        for r in records
        if all(game and game["score"] for game in r["games"])
    }


@pytest.mark.parametrize(
    ("problem", "change", "is_note"),
    [
        ("missing judgments", lambda r: r[1:], False),
        ("games not played", forget_a_game, False),
        ("judgments without a verdict", forget_both, False),
        ("half judged", forget_a_verdict, True),
        ("judged with different settings", judge_hotter, False),
    ],
)
def test_commands_name_the_baseline_if_the_setting_file_has_another(
    healthy: Workspace,
    run_main: RunMain,
    problem: str,
    change: Callable[[list[Any]], Any],
    is_note: bool,
) -> None:
    whole = pairs(healthy)
    config(healthy, baseline_model="third")
    copy_model(healthy, "third")
    judgments_of(healthy, change)
    findings = found(healthy, run_main, 0 if is_note else 1)
    finding = next(f for f in findings if f["problem"].startswith(problem))
    assert finding["mend"].endswith("--baseline base")
    mend(finding, run_main)
    (left,) = found(healthy, run_main, 0)
    assert (left["problem"], left["mend"][-15:]) == ("no judgments", "--baseline base")
    mend(left, run_main)
    assert found(healthy, run_main, 0) == []
    assert pairs(healthy) == whole | {(q, "third", "base") for q in IDS}


def test_a_round_robin_is_mended_pair_by_pair(healthy: Workspace, run_main: RunMain) -> None:
    copy_model(healthy, "other")
    flags = ("--bench-name", healthy.name, "--judge-name", "judge")
    run_main("gen_judgment.py", *flags, "--round-robin", "--model", "base", "other", "tiny")
    whole = pairs(healthy)
    assert len(whole) == 3 * len(IDS)
    first, *others = healthy.judgments("judge", "tiny")
    baselines = {"base", "other"} - {first["baseline"]}
    assert {r["baseline"] for r in others} > baselines
    healthy.write(healthy.data / "model_judgment/judge/tiny.jsonl", others)
    (finding,) = found(healthy, run_main, 1)
    mend(finding, run_main)
    assert pairs(healthy) == whole
    judgments_of(healthy, lambda r: [r[-1].update(games=[None, r[-1]["games"][1]])] and r)
    (finding,) = found(healthy, run_main, 1)
    assert "--baseline" in finding["mend"]
    mend(finding, run_main)
    assert pairs(healthy) == whole
    copy_model(healthy, "third")
    (finding,) = found(healthy, run_main, 0)
    assert finding["mend"].endswith("--model third --baseline base other tiny")
    mend(finding, run_main)
    assert found(healthy, run_main, 0) == []
    assert pairs(healthy) == whole | {
        (q, "third", b) for q in IDS for b in ("base", "other", "tiny")
    }


def test_no_command_judges_against_the_baseline_of_another_category(
    healthy: Workspace, run_main: RunMain
) -> None:
    copy_model(healthy, "third", "fourth")
    config(healthy, categories={"c": {"baseline_model": "third"}}, model_list=["fourth"])
    run_main("gen_judgment.py", "--bench-name", healthy.name)
    whole = pairs(healthy)
    path = healthy.data / "model_judgment/judge/fourth.jsonl"
    healthy.write(path, healthy.read_jsonl(path)[1:])
    (finding,) = of_fourth(found(healthy, run_main, 1))
    assert finding["mend"].endswith("--model fourth")
    mend(finding, run_main)
    assert pairs(healthy) == whole
    judgments_of(healthy, forget_a_game, "fourth")
    config(healthy, categories={})
    (finding,) = of_fourth(found(healthy, run_main, 1))
    assert finding["mend"] == ""  # both baselines would be those of both categories


def test_judgments_of_earlier_answers_need_the_prompt(
    healthy: Workspace, run_main: RunMain
) -> None:
    say(0, "Another answer")(healthy)
    (finding,) = found(healthy, run_main, 1)
    assert (finding["problem"], finding["examples"]) == ("judgments of earlier answers", ["q1"])
    config(healthy, system_prompt="Another prompt")
    assert found(healthy, run_main, 0) == []


def test_a_changed_answer_of_the_baseline_is_found(healthy: Workspace, run_main: RunMain) -> None:
    records = healthy.answers("base")
    records[2]["choices"][0]["turns"][0]["content"] = "Another answer"
    healthy.write(healthy.data / "model_answer/base.jsonl", records)
    (finding,) = found(healthy, run_main, 1)
    assert (finding["problem"], finding["examples"]) == ("judgments of earlier answers", ["q3"])
    mend(finding, run_main)
    assert found(healthy, run_main, 0) == []


def test_a_setting_file_in_config_is_found_by_the_judge_and_its_settings(
    healthy: Workspace, run_main: RunMain
) -> None:
    mine = {"bench_name": healthy.name, "judge_model": "judge", "baseline_model": "base"}
    mine |= {"verdict_rule": "unquoted", "max_tokens": 300, "model_list": ["tiny"]}
    healthy.write("config/mine.yaml", mine)
    run_main("gen_judgment.py", "--setting-file", "config/mine.yaml", "--stale", "redo")
    assert found(healthy, run_main, 0) == []
    judgments_of(healthy, lambda r: r[1:])
    say(1, "Another answer")(healthy)
    earlier, missing = found(healthy, run_main, 1)
    assert "--setting-file config/mine.yaml --judge-name judge" in missing["mend"]
    mend(earlier, run_main)
    mend(missing, run_main)
    assert found(healthy, run_main, 0) == []
    assert len(pairs(healthy)) == len(IDS)


def test_settings_may_be_a_judge_setting_file(
    healthy: Workspace, run_main: RunMain, tmp_path: Path
) -> None:
    (healthy.root / "config/judge_config.yaml").rename(healthy.root / "my judge.yaml")
    judgments_of(healthy, lambda r: r[1:])
    flags = ("--bench-name", healthy.name, "--json", "-", "--settings")
    out = run_main("check_bench.py", *flags, "my judge.yaml", check=1).out
    (finding,) = json.loads(out)["findings"]
    assert "--setting-file 'my judge.yaml' " in finding["mend"]
    mend(finding, run_main)
    assert run_main("check_bench.py", *flags, "my judge.yaml").status == 0
    (healthy.root / "empty").mkdir()
    for path, words in (("empty", "judge_config.yaml"), ("nonexist", "nonexist")):
        err = run_main("check_bench.py", *flags, path, check=2).err
        assert words in err
        assert len(err.splitlines()) == 1


def test_a_changed_reference_answer_is_found(healthy: Workspace, run_main: RunMain) -> None:
    path = healthy.data / "reference_answer/ref.jsonl"
    healthy.write(path, records := healthy.answers("base"))
    template = [f"{JUDGE_PROMPT}\n{{ref_answer_1}}"]
    config(healthy, reference=True, ref_model="ref", prompt_template=template)
    run_main("gen_judgment.py", "--stale", "redo")
    assert found(healthy, run_main, 0) == []
    records[3]["choices"][0]["turns"][0]["content"] = "Another reference"
    healthy.write(path, records)
    (finding,) = found(healthy, run_main, 1)
    assert (finding["problem"], finding["examples"]) == ("judgments of earlier answers", ["q4"])
    mend(finding, run_main)
    assert found(healthy, run_main, 0) == []
    path.unlink()
    assert found(healthy, run_main, 0) == []  # nothing is known without them


def test_a_folder_of_settings_may_have_the_endpoints_alone(
    healthy: Workspace, run_main: RunMain
) -> None:
    (healthy.root / "mine").mkdir()
    (healthy.root / "config/api_config.yaml").rename(healthy.root / "mine/api_config.yaml")
    judgments_of(healthy, lambda r: r[1:])
    flags = ("--bench-name", healthy.name, "--json", "-", "--settings", "mine")
    (finding,) = json.loads(run_main("check_bench.py", *flags, check=1).out)["findings"]
    assert "--endpoint-file mine/api_config.yaml" in finding["mend"]
    mend(finding, run_main)
    run_main("check_bench.py", *flags)
