"""The draw of pairs to label: its order, its pool, and labels that are no sample."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import RunMain, Workspace
from judgments import LOST, TIED, WON, add_judgments, graded, judgment
from scipy import stats

from arena.leaderboard.people.draws import random_order

NAMES = ("--bench-name", "test-v1", "--judge-name", "judge", "--baseline", "base")
CALIBRATE = (*NAMES, "--calibrate", "human-bob")
EASY, ALL = 60, 160  # questions
FILE = "label_draws/human-bob.jsonl"


def outcome(number: int) -> tuple[str, str]:
    """The model wins most easy questions and loses most others."""
    return WON if (number * 7 % 10 < 8) == (number <= EASY) else LOST


def of_judge(number: int) -> tuple[str, str]:
    """The judge takes some lost ones for tied."""
    return TIED if outcome(number) == LOST and number % 3 == 0 else outcome(number)


@pytest.fixture
def split(bench: Workspace) -> Workspace:
    """Questions of two clusters, of which the judge has seen the easy ones, and two models."""
    bench.add_questions(
        [
            {
                "question_id": f"q{i}",
                "category": "test-v1",
                "cluster": "easy" if i <= EASY else "hard",
                "turns": [{"content": f"{i}?"}],
            }
            for i in range(1, ALL + 1)
        ]
    )
    for model in ("m", "n"):
        judge(bench, model, EASY)
    return bench


def judge(bench: Workspace, model: str, number: int, name: str = "judge") -> None:
    records = [judgment(f"q{i}", *of_judge(i)) for i in range(1, number + 1)]
    add_judgments(bench, model, records, name)


def drawn(bench: Workspace) -> list[Any]:
    return bench.read_jsonl(bench.data / FILE)


def label(bench: Workspace, pairs: Sequence[Any] | None = None, *, turned: bool = False) -> None:
    """Store bob's labels of pairs, with the baseline in the model's place if `turned`."""
    records: dict[str, list[dict[str, Any]]] = {}
    for line in drawn(bench) if pairs is None else pairs:
        first, second = outcome(int(line["question_id"][1:]))
        model, baseline = line["model"], "base"
        if turned:
            model, baseline, first = baseline, model, second
        record = judgment(line["question_id"], first, model=model, baseline=baseline)
        record["games"].append(None)
        records.setdefault(model, []).append(record)
    for model, own in records.items():
        add_judgments(bench, model, own, "human-bob")


def rows(out: str) -> dict[str, list[str]]:
    lines = out.split("\n\n")[0].splitlines()[1:]
    return {name: cells for name, *cells in map(str.split, lines)}


def test_any_start_of_the_list_is_a_sample_of_a_recorded_pool(
    split: Workspace, run_main: RunMain
) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "50", "--seed", "3")
    lines = drawn(split)

    def rank(question: str, model: str) -> str:
        return hashlib.sha256(f"3\n{question}\n{model}".encode()).hexdigest()

    questions = [f"q{i}" for i in range(1, EASY + 1)]
    for model in ("m", "n"):
        order = sorted(questions, key=lambda question: rank(question, model))
        assert [r["question_id"] for r in lines if r["model"] == model] == order[:25]
    assert [r["model"] for r in lines] == ["m", "n"] * 25
    pool = hashlib.sha256("\n".join(sorted(questions)).encode()).hexdigest()[:16]
    fields = {"judge": "judge", "baseline": "base", "seed": 3, "pool": EASY, "pool_hash": pool}
    assert all(fields.items() <= line.items() for line in lines)


def test_samples_are_uniform() -> None:
    pairs = [(f"q{i}", "m") for i in range(60)]
    counts = Counter(pair for seed in range(120) for pair in random_order(pairs, seed)[:20])
    # 2,400 draws of 60 pairs: 40 each, with a standard deviation of 5.2.
    assert stats.chisquare([counts[pair] for pair in pairs]).pvalue > 0.01


def test_labels_are_no_sample_of_what_was_judged_later(split: Workspace, run_main: RunMain) -> None:
    draw = ("--draw-for-labels", "80", "--seed", "5")
    run_main("show_result.py", *CALIBRATE, *draw)
    label(split)
    judge(split, "m", ALL)
    done = run_main("show_result.py", *CALIBRATE)
    assert rows(done.out)["m"][1:] == ["–", "–", "–", "40", "–"]
    assert float(rows(done.out)["n"][2]) > 60
    changed = "judged on other questions since the draw, so that the labels are no sample of them"
    assert f"{changed}: m. Delete" in " ".join(done.out.split())
    judge(split, "n", ALL)
    done = run_main("show_result.py", *CALIBRATE, check=2)
    assert f"human-bob: {changed}: m, n. Delete data/test-v1/{FILE}, draw again" in done.err
    # A new draw with the same seed uses labels again.
    before = {(r["question_id"], r["model"]) for r in drawn(split)}
    run_main("show_result.py", *CALIBRATE, *draw, check=2)
    (split.data / FILE).unlink()
    run_main("show_result.py", *CALIBRATE, *draw)
    after = {(r["question_id"], r["model"]) for r in drawn(split)}
    easy = {(question, model) for question, model in after if int(question[1:]) <= EASY}
    assert easy <= before
    label(split)
    done = run_main("show_result.py", *CALIBRATE)
    truth = 100 * sum(outcome(i) == WON for i in range(1, ALL + 1)) / ALL
    low, high = (float(cell.strip("(,)")) for cell in rows(done.out)["m"][3:5])
    assert low < truth < high < 70


def test_the_judge_may_differ_from_that_of_the_draw_if_it_judged_the_same(
    split: Workspace, run_main: RunMain
) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "80")
    label(split)
    judge(split, "m", EASY, "judge2")
    judge(split, "n", ALL, "judge2")
    other = ("--bench-name", "test-v1", "--judge-name", "judge2", *CALIBRATE[4:])
    done = run_main("show_result.py", *other)
    assert rows(done.out)["m"][-2] == "40"
    assert "no sample of them: n." in " ".join(done.out.split())


def test_a_later_model_and_more_labels_join_a_draw(split: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "80")
    before = {(r["question_id"], r["model"]) for r in drawn(split)}
    label(split)
    judge(split, "new", EASY)
    done = run_main("show_result.py", *CALIBRATE)
    assert "fewer than 30 labels: new" in done.out
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "120")
    after = {(r["question_id"], r["model"]) for r in drawn(split)}
    assert before < after
    assert Counter(model for _, model in after - before) == {"new": 40}
    done = run_main("show_result.py", *CALIBRATE)
    assert "40 drawn pairs have no label yet" in done.out


def test_labels_from_the_start_of_the_list_are_a_sample(
    split: Workspace, run_main: RunMain
) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "120")
    lines = drawn(split)
    label(split, lines[:80])
    assert "40 drawn pairs have no label yet\n" in run_main("show_result.py", *CALIBRATE).out
    label(split, [line for i, line in enumerate(lines[:80]) if i not in (4, 9, 10)])
    out = run_main("show_result.py", *CALIBRATE).out
    assert "40 drawn pairs have no label yet\n" in out
    assert "3 drawn pairs before a labelled one have no label, which biases the rates" in out
    assert [cells[-2] for cells in rows(out).values()] == ["38", "39"]
    gaps = [i for i in range(80) if i % 16 == 0]  # 5 of 40, all of them of m
    label(split, [line for i, line in enumerate(lines[:80]) if i not in gaps])
    done = run_main("show_result.py", *CALIBRATE)
    assert rows(done.out)["m"][1] == "–"
    assert "so the labels may be no sample: m. Label" in " ".join(done.out.split())
    label(split, lines[40:])
    done = run_main("show_result.py", *CALIBRATE, check=2)
    assert "so the labels may be no sample: m, n. Label the first pairs of data/" in done.err


def test_a_smaller_draw_is_the_start_of_a_larger_one(split: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "100")
    before = (split.data / FILE).read_bytes()
    done = run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "60")
    whole = f"data/test-v1/{FILE}: already has 100 pairs of this draw."
    assert " ".join(done.out.split()) == f"{whole} Label its first 60."
    assert (split.data / FILE).read_bytes() == before
    judge(split, "m", ALL)
    done = run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "60", check=2)
    assert "has another draw. Delete the file to draw again." in done.err
    assert (split.data / FILE).read_bytes() == before


def test_a_larger_draw_of_more_pairs_makes_no_sample_of_old_labels(
    split: Workspace, run_main: RunMain
) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "80")
    label(split)
    judge(split, "m", ALL)
    judge(split, "n", ALL)
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "320")
    done = run_main("show_result.py", *CALIBRATE, check=2)
    assert "so the labels may be no sample: m, n." in done.err
    label(split)
    truth = 100 * sum(outcome(i) == WON for i in range(1, ALL + 1)) / ALL
    assert float(rows(run_main("show_result.py", *CALIBRATE).out)["m"][2]) == truth


@pytest.mark.parametrize("drawn_of", [(), ("--category", "hard")])
def test_a_category_is_corrected_on_its_own(
    split: Workspace, run_main: RunMain, drawn_of: tuple[str, ...]
) -> None:
    judge(split, "m", ALL)
    judge(split, "n", ALL)
    run_main("show_result.py", *CALIBRATE, "--category", "easy", "--draw-for-labels", "70")
    done = run_main("show_result.py", *CALIBRATE, "--category", "hard", check=2)
    assert "no draw against base for questions of 'hard', so the labels" in done.err
    run_main("show_result.py", *CALIBRATE, *drawn_of, "--draw-for-labels", "200")
    lines = [r for r in drawn(split) if r.get("categories", []) == list(drawn_of[1:])]
    hard = [r for r in lines if int(r["question_id"][1:]) > EASY]
    assert (len(hard) == 200) == bool(drawn_of)
    assert sum(r.get("categories") == ["easy"] for r in drawn(split)) == 70
    label(split)
    done = run_main("show_result.py", *CALIBRATE, "--category", "hard")
    cells = rows(done.out)["m"]
    alone = {WON: 1.0, TIED: 0.5, LOST: 0.0}
    values = [alone[of_judge(i)] for i in range(EASY + 1, ALL + 1)]
    assert cells[0] == f"{100 * sum(values) / len(values):.1f}"
    labelled = [outcome(int(r["question_id"][1:])) == WON for r in hard if r["model"] == "m"]
    assert cells[1] == f"{100 * sum(labelled) / len(labelled):.1f}"
    assert cells[-2] == str(len(labelled))


def test_votes_count_in_either_order(split: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "80")
    label(split)
    usual = run_main("show_result.py", *CALIBRATE).out
    for path in (split.data / "model_judgment/human-bob").glob("*.jsonl"):
        path.unlink()
    label(split, turned=True)
    assert [path.name for path in (split.data / "model_judgment/human-bob").iterdir()] == [
        "base.jsonl"
    ]
    assert run_main("show_result.py", *CALIBRATE).out == usual


def test_a_pair_without_a_verdict_belongs_to_the_pool(split: Workspace, run_main: RunMain) -> None:
    """A game that gets its verdict later is no new pair."""
    records = [judgment(f"q{i}", *of_judge(i)) for i in range(1, EASY + 1)]
    undecided = [{**record, "games": [None, None]} for record in records[:5]]
    add_judgments(split, "m", [*undecided, *records[5:]])
    run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "120")
    label(split)
    done = run_main("show_result.py", *CALIBRATE)
    assert "5 labelled pairs have no verdict of the judge" in done.out
    assert rows(done.out)["m"][-2] == "55"
    add_judgments(split, "m", records)
    done = run_main("show_result.py", *CALIBRATE)
    assert rows(done.out)["m"][-2] == "60"


def test_grades_and_a_judge_of_itself_are_refused(bench: Workspace, run_main: RunMain) -> None:
    rng = random.Random(1)
    bench.add_questions(40)
    bench.add_answers("base", {f"q{i}": "x" for i in range(1, 41)})
    grades = [graded(f"q{i}", rng.randint(1, 9)) for i in range(1, 41)]
    for model in ("base", "m"):
        add_judgments(bench, model, grades)
    done = run_main("show_result.py", *CALIBRATE, "--draw-for-labels", "35", check=2)
    assert "--calibrate: this has no meaning for grades of single answers." in done.err
    person = ("--judge-name", "human-bob", "--baseline", "base", "--calibrate", "human-bob")
    done = run_main("show_result.py", "--bench-name", "test-v1", *person, check=2)
    assert "--calibrate human-bob: also the judge. Name another one to correct." in done.err
    assert not Path(bench.data / "label_draws").exists()
