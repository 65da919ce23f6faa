"""gen_judgment.py --stop-at: random questions in rounds, until the scores are known well enough."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import re
from collections import Counter

import pytest
from conftest import RunMain, Workspace
from fake_api import Call, FakeAPI, Reply

from arena.generate.schedule.rounds import FEWEST, STEP, begun, rounds, shuffled

SCRIPT = "gen_judgment.py"
ALL = [f"q{i + 1}" for i in range(190)]
QUESTIONS, FIRST, MORE = 38, 20, 5  # of the runs of these tests, whose rounds are a fifth as long
LABELS = ("A>B", "A>B", "A=B", "B>A", "B>A")


def verdict(call: Call) -> str:
    """A judge that decides by chance, but always the same of the same texts."""
    return f"[[{random.Random(call.prompt).choice(LABELS)}]]"


@pytest.fixture
def many(bench: Workspace, api: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Answers of base, a, b and c to 38 questions."""
    for name, size in (("FEWEST", FIRST), ("STEP", MORE)):
        monkeypatch.setattr(f"arena.generate.schedule.rounds.{name}", size)
    monkeypatch.setattr("arena.leaderboard.output.width_goal.FEWEST", FIRST)
    bench.add_questions(QUESTIONS)
    for model in ("base", "a", "b", "c"):
        bench.add_answers(model, {f"q{i + 1}": f"{model} on q{i + 1}" for i in range(QUESTIONS)})
    bench.add_model("judge", api.v1)
    bench.write_judge_config("judge", "base", model_list=["a", "b"])
    api.answer_with(verdict)
    return bench


def judged(bench: Workspace, model: str) -> set[str]:
    return {record["question_id"] for record in bench.judgments("judge", model)}


def widest(run_main: RunMain, *flags: str) -> float:
    """Half the width of the widest interval that show_result.py gives."""
    text = run_main("show_result.py", "--csv", "-", *flags).out
    rows = csv.DictReader(io.StringIO(text))
    return max((float(row["rating_q975"]) - float(row["rating_q025"])) / 2 for row in rows)


def test_the_order_is_by_chance_and_depends_on_the_ids_alone() -> None:
    ids = [f"q{i}" for i in range(1000)]
    order = shuffled(ids)
    assert sorted(order) == sorted(ids)
    assert order == sorted(ids, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert [name for name in order if name in set(ids[:300])] == shuffled(ids[:300])
    # Of the first 100, a fair share are early ones: 50 +- 5 standard deviations of 4.7.
    assert 27 <= sum(name in set(ids[:500]) for name in order[:100]) <= 73


def test_rounds_are_100_questions_and_then_25_each() -> None:
    ids = ALL
    jobs = [(name, game) for name in ids for game in (0, 1)]
    parts = list(rounds(jobs, lambda job: job[0], ids))
    assert [len(part) for part in parts] == [200, 50, 50, 50, 30]
    assert [{name for name, _ in part} for part in parts] == [
        set(shuffled(ids)[low:high])
        for low, high in ((0, 100), (100, 125), (125, 150), (150, 175), (175, 190))
    ]
    assert Counter(job for part in parts for job in part) == Counter(jobs)
    assert list(rounds(jobs[:10], lambda job: job[0], ids)) != []
    assert list(rounds([], lambda job: job[0], ids)) == []
    assert (FEWEST, STEP) == (100, 25)


def test_questions_that_failed_altogether_are_of_a_round_that_was_begun() -> None:
    ids = ALL
    order = shuffled(ids)
    assert begun({*order[:120]}, ids) == {*order[:125]}
    assert begun({*order[3:120]}, ids) == {*order[:125]}
    assert begun({*order[:30]}, ids) == {*order[:30]}
    assert begun({*ids[:60]}, ids) == {*ids[:60]}
    assert begun({*order[:185]}, ids) == {*ids}
    assert begun(set(), ids) == set()


def test_a_run_ends_with_the_round_after_which_each_score_is_known_well_enough(
    many: Workspace, run_main: RunMain
) -> None:
    done = run_main(SCRIPT, "--stop-at", "12")
    number = len(judged(many, "a"))
    assert number in (25, 30, 35)
    order = shuffled(f"q{i + 1}" for i in range(QUESTIONS))
    assert judged(many, "a") == judged(many, "b") == set(order[:number])
    assert f"a: {2 * number} planned, {2 * number} done, 0 cached, 0 failed" in done.out
    assert widest(run_main) <= 12
    (line,) = [line for line in done.out.splitlines() if line.startswith("all scores are known")]
    assert f"±{widest(run_main):.2g}" in line
    assert f"{number} questions" in line
    assert "warning" not in done.err

    for model in ("a", "b"):  # the round before was not enough
        path = many.data / "model_judgment" / "judge" / f"{model}.jsonl"
        records = [r for r in many.read_jsonl(path) if r["question_id"] in order[: number - MORE]]
        many.write(path, records)
    assert widest(run_main) > 12


def test_a_run_that_reached_its_goal_is_not_paid_for_again_and_a_narrower_one_goes_on(
    many: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    run_main(SCRIPT, "--stop-at", "13")
    number, calls = len(judged(many, "a")), api.call_count
    done = run_main(SCRIPT, "--stop-at", "13")
    assert api.call_count == calls
    assert f"a: 0 planned, 0 done, {2 * number} cached, 0 failed" in done.out
    run_main(SCRIPT, "--stop-at", "11")
    assert len(judged(many, "a")) > number
    assert api.call_count == 2 * (len(judged(many, "a")) + len(judged(many, "b")))


def test_a_new_model_is_judged_on_the_questions_that_the_others_have(
    many: Workspace, run_main: RunMain
) -> None:
    run_main(SCRIPT, "--stop-at", "12")
    run_main(SCRIPT, "--stop-at", "14.5", "--model", "c")
    assert len(judged(many, "c")) >= FIRST
    assert judged(many, "c") <= judged(many, "a")


def test_a_goal_out_of_reach_judges_all_and_says_how_many_it_needs(
    many: Workspace, run_main: RunMain
) -> None:
    done = run_main(SCRIPT, "--stop-at", "4")
    assert len(judged(many, "a")) == QUESTIONS
    (line,) = [line for line in done.out.splitlines() if line.startswith("all scores are known")]
    half = widest(run_main)
    needed = int(line.partition("±4 need about ")[2].rstrip(".").replace(",", ""))
    assert abs(needed / (QUESTIONS * (half / 4) ** 2) - 1) < 0.01


def test_fewer_questions_than_the_first_round_has_are_all_judged(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    api.answer_with("[[A=B]]")
    done = run_main(SCRIPT, "--stop-at", "40", "--limit", "12", "--model", "a")
    assert len(judged(many, "a")) == 12
    assert "a: 24 planned, 24 done" in done.out


def test_ties_alone_end_after_the_first_round(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    api.answer_with("[[A=B]]")
    run_main(SCRIPT, "--stop-at", "22")
    assert len(judged(many, "a")) == len(judged(many, "b")) == FIRST


def test_pairs_have_one_board(many: Workspace, run_main: RunMain) -> None:
    done = run_main(SCRIPT, "--round-robin", "--model", "base", "a", "b", "--stop-at", "20")
    number = len(judged(many, "a"))
    assert len(many.judgments("judge", "b")) == 2 * number
    assert FIRST <= number < QUESTIONS
    assert "all scores are known within ±" in done.out


def test_a_round_with_failed_games_is_followed_by_another_and_the_run_is_not_complete(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    """A refused game costs itself alone."""
    bad = shuffled(f"q{i + 1}" for i in range(QUESTIONS))[0]
    refused = Reply.prompt_filtered()
    api.answer_with(lambda call: refused if f"base on {bad}\n" in call.prompt else verdict(call))
    done = run_main(SCRIPT, "--stop-at", "12", check=1)
    assert "2 failed" in done.out
    assert "not complete: a, b." in done.out
    assert len(judged(many, "a")) > FIRST


def test_the_cost_limit_ends_the_rounds(many: Workspace, run_main: RunMain, api: FakeAPI) -> None:
    many.add_model("judge", api.v1, price={"input": 1000, "output": 1000})
    done = run_main(SCRIPT, "--stop-at", "4", "--max-cost", "0.55", check=1)
    assert "not begun" in done.out
    assert not (many.data / "model_judgment" / "judge" / "b.jsonl").exists()
    assert 0 < len(judged(many, "a")) < FIRST


def test_records_of_other_settings_are_redone_before_the_first_look(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    run_main(SCRIPT, "--stop-at", "14.5")
    number, calls = len(judged(many, "a")), api.call_count
    many.write_judge_config(
        "judge", "base", model_list=["a", "b"], system_prompt="Judge. End with [[A>B]] or so."
    )
    run_main(SCRIPT, "--stop-at", "14.5", check=2)
    run_main(SCRIPT, "--stop-at", "14.5", "--stale", "redo")
    assert api.call_count - calls >= 4 * number
    assert len({str(r["settings"]) for r in many.judgments("judge", "a")}) == 1
    run_main("show_result.py")


def test_kept_records_of_other_settings_count(many: Workspace, run_main: RunMain) -> None:
    run_main(SCRIPT, "--limit", "20")
    many.write_judge_config(
        "judge", "base", model_list=["a", "b"], system_prompt="Judge. End with [[A>B]] or so."
    )
    done = run_main(SCRIPT, "--stop-at", "14.5", "--stale", "keep")
    assert "all scores are known within ±" in done.out


def test_games_that_failed_are_played_before_the_goal_ends_a_run(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    refused = Reply.prompt_filtered()
    bad = {f"base on {name}\n" for name in shuffled(f"q{i + 1}" for i in range(QUESTIONS))[:1]}
    api.answer_with(
        lambda call: refused if any(text in call.prompt for text in bad) else verdict(call)
    )
    run_main(SCRIPT, "--stop-at", "15", check=1)
    api.answer_with(verdict)
    done = run_main(SCRIPT, "--stop-at", "15")
    assert "a: 2 planned, 2 done" in done.out
    for model in ("a", "b"):
        assert all(None not in record["games"] for record in many.judgments("judge", model))
        assert FIRST <= len(judged(many, model)) < QUESTIONS


def test_models_of_other_pairs_do_not_count(many: Workspace, run_main: RunMain) -> None:
    for model in ("x", "y"):
        many.add_answers(model, {f"q{i + 1}": f"{model} on q{i + 1}" for i in range(20)})
    many.write("pairs.csv", b"x,y\n")
    run_main(SCRIPT, "--pairs", "pairs.csv", "--limit", "10")
    done = run_main(SCRIPT, "--round-robin", "--model", "base", "a", "--stop-at", "20")
    assert len(judged(many, "a")) == FIRST
    assert "all scores are known within ±" in done.out


def test_pairs_without_a_chain_between_them_are_refused_before_any_call(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    many.write("pairs.csv", b"a,b\nbase,c\n")
    done = run_main(SCRIPT, "--pairs", "pairs.csv", "--stop-at", "10", check=2)
    assert "no chain of pairs connects" in done.err
    assert api.call_count == 0


def test_a_model_with_few_answers_does_not_hold_the_others(
    many: Workspace, run_main: RunMain
) -> None:
    few = shuffled(f"q{i + 1}" for i in range(QUESTIONS))[:9]
    many.add_answers("b", {name: f"b on {name}" for name in few})
    done = run_main(SCRIPT, "--stop-at", "15")
    assert (len(judged(many, "a")), len(judged(many, "b"))) == (FIRST, 9)
    assert "that of b, with 9 questions. ±15 need about" in done.out


def test_after_the_cost_limit_a_model_without_a_score_is_named(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    many.add_model("judge", api.v1, price={"input": 1000, "output": 1000})
    done = run_main(SCRIPT, "--stop-at", "15", "--max-cost", "0.55", check=1)
    assert "no score yet: b. Else a has no interval yet, with" in done.out


def test_a_dry_run_of_pairs_plans_by_the_board_of_pairs(many: Workspace, run_main: RunMain) -> None:
    flags = ("--round-robin", "--model", "base", "a", "b")
    run_main(SCRIPT, *flags, "--limit", "30")
    planned = run_main(SCRIPT, *flags, "--limit", "30", "--dry-run", "--precision", "2").out
    board = run_main("show_result.py", "--anchor", "base").out
    numbers = [re.findall(r"±2 points need ([\d,]+) questions", text) for text in (planned, board)]
    assert numbers[0] == numbers[1] != []


@pytest.mark.parametrize(
    "flags", [("--batch",), ("--write-requests", "out"), ("--read-results", "results.jsonl")]
)
def test_rounds_need_live_calls(
    many: Workspace, run_main: RunMain, api: FakeAPI, flags: tuple[str, ...]
) -> None:
    done = run_main(SCRIPT, "--stop-at", "4", *flags, check=2)
    assert "--stop-at: needs live calls" in done.err
    assert api.call_count == 0


def test_what_makes_no_board_ends_the_run_before_any_call(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    run_main(SCRIPT, "--limit", "5")
    calls = api.call_count
    path = many.data / "model_judgment" / "judge" / "z.jsonl"
    grade = {"question_id": "q1", "model": "z", "judge": "judge", "games": [{"score": 7}]}
    many.write(path, [grade])
    done = run_main(SCRIPT, "--stop-at", "4", check=1)
    assert "they make no common board" in done.err
    assert api.call_count == calls


def test_a_dry_run_says_what_all_questions_cost_and_how_many_the_goal_needs(
    many: Workspace, run_main: RunMain, api: FakeAPI
) -> None:
    done = run_main(SCRIPT, "--stop-at", "3", "--dry-run")
    assert f"a: {2 * QUESTIONS} calls to make" in done.out
    assert "±3 points need" in done.out
    assert api.call_count == 0
