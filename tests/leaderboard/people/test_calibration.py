"""show_result.py --calibrate: the draw, the corrected rates, and what is refused."""

from __future__ import annotations

import csv
import json
import random
import re

import pytest
from conftest import RunMain, Workspace
from judgments import LOST, WON, add_judgments, judgment

NAMES = ("--bench-name", "test-v1", "--judge-name", "judge", "--baseline", "base")
PERSON = ("--calibrate", "human-anna")
DRAW = (*NAMES, *PERSON, "--draw-for-labels", "40", "--seed", "7")


@pytest.fixture
def judged(bench: Workspace) -> Workspace:
    """60 questions, on which the judge likes the model more than the person does."""
    rng = random.Random(1)
    bench.add_questions(60)
    for model in ("base", "m"):
        bench.add_answers(model, {f"q{i}": f"{model} says {i}" for i in range(1, 61)})
    good = {f"q{i}": rng.random() < 0.5 for i in range(1, 61)}
    both = {key: ("B>A", "A>B") if value else ("A=B", "A=B") for key, value in good.items()}
    add_judgments(bench, "m", [judgment(key, *labels) for key, labels in both.items()])
    votes = {key: "B>A" if value else "A>>B" for key, value in good.items()}
    label = [judgment(key, vote) for key, vote in votes.items()]
    for record in label:
        record["games"].append(None)
    add_judgments(bench, "m", label, judge="human-anna")
    return bench


def test_a_draw_is_repeatable_and_corrects_the_judge(judged: Workspace, run_main: RunMain) -> None:
    done = run_main("show_result.py", *DRAW)
    path = judged.data / "label_draws/human-anna.jsonl"
    assert done.out.startswith("data/test-v1/label_draws/human-anna.jsonl: 40 of 60 judged pairs")
    drawn = judged.read_jsonl(path)
    assert len({record["question_id"] for record in drawn}) == 40
    assert {(r["model"], r["baseline"], r["judge"], r["seed"]) for r in drawn} == {
        ("m", "base", "judge", 7)
    }
    before = path.read_bytes()
    run_main("show_result.py", *DRAW)
    assert path.read_bytes() == before
    done = run_main("show_result.py", *DRAW[:-1], "8", check=2)
    assert "has another draw. Delete the file to draw again." in done.err
    done = run_main("show_result.py", *NAMES, *PERSON)
    row = done.out.splitlines()[1].split()
    # The person and the judge differ by a fixed map: y = 2 f - 1.
    rate = {r["question_id"]: r["games"][0]["score"] for r in judged.judgments("human-anna", "m")}
    truth = 100 * sum(score == "B>A" for score in rate.values()) / 60
    assert (row[0], row[-2]) == ("m", "40")
    assert float(row[1]) == pytest.approx(50 + truth / 2, abs=0.1)
    low, high = (float(cell.strip("(,)")) for cell in row[4:6])
    assert low < truth < high
    assert abs(float(row[3]) - truth) < 8
    assert "20 labels are of pairs that were not drawn, and are left out" in done.out


def test_missing_labels_are_counted_and_few_refused(judged: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *DRAW)
    drawn = [
        r["question_id"] for r in judged.read_jsonl(judged.data / "label_draws/human-anna.jsonl")
    ]
    labels = {r["question_id"]: r for r in judged.judgments("human-anna", "m")}
    add_judgments(judged, "m", [labels[key] for key in drawn[:35]], judge="human-anna")
    done = run_main("show_result.py", *NAMES, *PERSON)
    assert "5 drawn pairs have no label" in done.out
    add_judgments(judged, "m", [labels[key] for key in drawn[:20]], judge="human-anna")
    done = run_main("show_result.py", *NAMES, *PERSON, check=2)
    assert "at most 20 drawn pairs of a model have labels, but 30 are needed" in done.err


def test_a_judge_at_chance_is_named(judged: Workspace, run_main: RunMain) -> None:
    rng = random.Random(3)
    coins = [judgment(f"q{i}", *rng.choice((WON, LOST))) for i in range(1, 61)]
    add_judgments(judged, "m", coins)
    run_main("show_result.py", *DRAW)
    done = run_main("show_result.py", *NAMES, *PERSON)
    words = "the judge may be at chance, so that the labels alone speak, by the slope"
    assert words in done.out and re.search(r": m \S+ \(-\S+, 0\.\d+\)\n$", done.out)


def test_a_judge_of_equal_points_is_not_at_chance(judged: Workspace, run_main: RunMain) -> None:
    ids = [f"q{i}" for i in range(1, 61)]
    add_judgments(judged, "m", [judgment(key, *WON) for key in ids])
    labels = [judgment(key, "B>A", None) for key in ids]
    add_judgments(judged, "m", labels, judge="human-anna")
    run_main("show_result.py", *DRAW)
    done = run_main("show_result.py", *NAMES, *PERSON)
    words = "the judge gave all labelled pairs the same points, so that it adds nothing: m\n"
    assert done.out.endswith(words) and "at chance" not in done.out


def test_a_judge_whose_pairs_all_have_labels_is_not_at_chance(
    judged: Workspace, run_main: RunMain
) -> None:
    run_main("show_result.py", *NAMES, *PERSON, "--draw-for-labels", "60")
    done = run_main("show_result.py", *NAMES, *PERSON)
    assert "at chance" not in done.out


def test_files_have_the_numbers_of_the_table(judged: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *DRAW)
    forms = [x for form in ("csv", "json", "markdown", "html") for x in (f"--{form}", f"c.{form}")]
    done = run_main("show_result.py", *NAMES, *PERSON, *forms)
    (row,) = csv.DictReader((judged.root / "c.csv").read_text().splitlines())
    data = json.loads((judged.root / "c.json").read_text())
    assert data["person"] == "human-anna" and data["level"] == 0.95
    (values,) = data["rows"]
    shown = re.split(r"  +", done.out.splitlines()[1])
    names = "judge_alone", "labels_alone", "corrected", "lower", "upper"
    for name in names:
        assert float(row[name]) == values[name]
    table = [f"{values[name]:.1f}" for name in names]
    assert shown[1:4] == [*table[:2], f"{table[2]} ({table[3]}, {table[4]})"]
    assert int(row["labels"]) == values["labels"] == 40 and values["pairs"] == 60
    assert (judged.root / "c.markdown").read_text().splitlines()[6].count(shown[3]) == 1
    page = (judged.root / "c.html").read_text()
    assert f"<td>{shown[3]}<svg" in page and "Corrected win rates of test-v1" in page
    printed = run_main("show_result.py", *NAMES, *PERSON, "--csv", "-").out
    assert printed == (judged.root / "c.csv").read_text()


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (PERSON, "no draw against base, so the labels may not be a random sample."),
        (("--calibrate", "judge2"), "not a person. Name a judge human-NAME."),
        ((*PERSON, "--draw-for-labels", "61"), "only 60 pairs are judged"),
        (("--draw-for-labels", "40"), "no person. Name one with --calibrate human-NAME."),
        ((*PERSON, "--plot", "a.png"), "--plot: not allowed with --calibrate."),
        ((*DRAW[6:], "--csv", "-"), "--csv: not allowed with --calibrate."),
    ],
)
def test_what_is_refused(
    judged: Workspace, run_main: RunMain, flags: tuple[str, ...], problem: str
) -> None:
    done = run_main("show_result.py", *NAMES, *flags, check=2)
    assert problem in done.err


IGNORED = (
    *("--style-control", "--first-game-only", "--half-judged drop", "--missing loss", "--show-elo"),
    *("--full-stats", "--save-battles", "--method v2.0", "--judge-effects random", "--weight 2"),
    *("--length-control-only", "--control-features length", "--style-center mean"),
    *("--as-published", "--num-rounds 9", "--resample battle", "--load-battles", "--plot x.png"),
    *("--load-bootstrap", "--style-coefficients x.json", "--by cluster", "--head-to-head"),
    *("--compare m n", "--fail-under m=1", "--seed 1"),
)


def test_no_flag_is_ignored(judged: Workspace, run_main: RunMain) -> None:
    for flag in IGNORED:
        done = run_main("show_result.py", *NAMES, *PERSON, *flag.split(), check=2)
        assert f"{flag.split()[0]}: not allowed with --calibrate. Leave out" in done.err
    done = run_main("show_result.py", *NAMES[:4], *PERSON, "--anchor", "m", check=2)
    assert "--anchor: not allowed with --calibrate." in done.err
    done = run_main("show_result.py", *NAMES, *PERSON, "--mixed", "count", check=2)
    assert "--mixed count: labels correct one judge and one baseline." in done.err


def test_what_mixed_leaves_out_is_not_corrected(judged: Workspace, run_main: RunMain) -> None:
    run_main("show_result.py", *DRAW)
    usual = run_main("show_result.py", *NAMES, *PERSON).out
    records = judged.judgments("judge", "m")
    other = [judgment(f"q{i}", "A>>B", "B>>A") for i in range(1, 61)]
    more = [record | {"baseline": "else"} for record in other]
    more += [record | {"judge": "judge2"} for record in other]
    add_judgments(judged, "m", [*records, *more])
    done = run_main("show_result.py", *NAMES, *PERSON, "--mixed", "leave-out")
    assert done.out == usual
