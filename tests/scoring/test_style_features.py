"""Style control, its two variants and the question bootstrap, through show_result.py.

The oracle is the original's design matrix, one row a battle, built here from the metadata and
solved by scikit-learn.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from boards import DEPENDENT, Shown, error, flags, show
from conftest import Workspace
from judgments import POINTS, add_judgments, judgment, random_answers, random_judgments
from sklearn.linear_model import LogisticRegression

COUNTS = ("token_len", "header_count", "list_count", "bold_count")
MODES = {
    "--style-control": COUNTS,
    "--length-control-only": COUNTS[:1],
    "--markdown-control-only": COUNTS[1:],
}
MODELS = ("base", "m1", "m2", "m3")
QUESTIONS = 25


def write_answers(bench: Workspace, model: str, records: Iterable[Mapping[str, Any]]) -> None:
    bench.write(bench.data / f"model_answer/{model}.jsonl", list(records))


@pytest.fixture
def small(bench: Workspace) -> Workspace:
    """Three models against `base` on 25 questions, labels and style at random."""
    bench.add_questions(QUESTIONS)
    for seed, model in enumerate(MODELS):
        write_answers(bench, model, random_answers(seed, QUESTIONS))
        if model != "base":
            add_judgments(bench, model, random_judgments(seed, QUESTIONS))
    return bench


def board_json(bench: Workspace, *arguments: object) -> dict[str, Any]:
    """The board of a run, from its JSON file: the numbers are not rounded."""
    show(bench, *arguments, "--json", "board.json")
    data: dict[str, Any] = json.loads((bench.root / "board.json").read_text())
    return data


def exact_scores(bench: Workspace, *arguments: object) -> dict[str, float]:
    rows = board_json(bench, *arguments)["rows"]
    return {row["model"]: row["score"] for row in rows}


def widths(bench: Workspace, *arguments: object) -> dict[str, float]:
    rows = board_json(bench, *arguments)["rows"]
    return {row["model"]: row["upper"] - row["lower"] for row in rows}


@dataclass(frozen=True)
class Oracle:
    scores: dict[str, float]
    coefficients: dict[str, float]


def oracle(bench: Workspace, counts: Sequence[str], center: bool = True) -> Oracle:
    """The style-controlled fit of the original, each battle a row and twice, by scikit-learn."""
    style = {model: {a["question_id"]: a for a in bench.answers(model)} for model in MODELS}
    rows, points = [], []
    for index, model in enumerate(MODELS[1:], start=1):
        for record in bench.judgments("judge", model):
            one_hot = np.zeros(len(MODELS))
            one_hot[[0, index]] = 1, -1
            question = record["question_id"]
            ours, theirs = (
                np.array([measured(style[m][question], count) for count in counts])
                for m in ("base", model)
            )
            row = [*one_hot, *(ours - theirs) / (ours + theirs + 1)]
            for number, game in enumerate(record["games"]):
                won, lost = POINTS[game["score"]][:: -1 if number else 1]
                rows += [row] * round(won + lost)
                points += [won / (won + lost)] * round(won + lost)
    design, result = np.array(rows), np.array(points)
    features = design[:, len(MODELS) :]
    features -= features.mean(axis=0) * center
    features /= np.sqrt((features**2).mean(axis=0))
    design[:, : len(MODELS)] *= np.log(10)
    fit = LogisticRegression(fit_intercept=False, tol=1e-10, solver="newton-cholesky").fit(
        np.vstack([design, design]),
        np.repeat([1, 0], len(design)),
        sample_weight=2 * np.concatenate([result, 1 - result]),
    )
    strengths, coefficients = np.split(fit.coef_[0], [len(MODELS)])
    rates = 100 / (1 + 10 ** (strengths[0] - strengths))
    return Oracle(
        dict(zip(MODELS, rates, strict=True)), dict(zip(counts, coefficients, strict=True))
    )


def measured(answer: Mapping[str, Any], count: str) -> int:
    value = answer["conv_metadata"][count]
    return value if isinstance(value, int) else sum(value.values())


class TestFit:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("center", ["mean", "none"])
    def test_it_is_the_originals_regression(self, small: Workspace, mode: str, center: str) -> None:
        board = board_json(small, *flags(), mode, "--style-center", center)
        expected = oracle(small, MODES[mode], center=center == "mean")
        found = {row["model"]: row["score"] for row in board["rows"]}
        assert found == pytest.approx(expected.scores, abs=1e-4)
        assert board["style_coefficients"] == pytest.approx(expected.coefficients, abs=1e-5)
        assert list(board["style_coefficients"]) == list(MODES[mode])

    @pytest.mark.parametrize("mode", MODES)
    def test_the_coefficients_are_printed_below_the_board(
        self, small: Workspace, mode: str
    ) -> None:
        shown = show(small, *flags(), mode)
        (line,) = (line for line in shown.summary if line.startswith("style coefficients: "))
        printed = dict(part.split(" ") for part in line.split(": ")[1].split(", "))
        expected = oracle(small, MODES[mode]).coefficients
        assert list(printed) == list(expected)
        assert all(re.fullmatch(r"-?\d\.\d{3}", value) for value in printed.values())
        assert {k: float(v) for k, v in printed.items()} == pytest.approx(expected, abs=6e-4)

    def test_a_plain_board_has_none(self, small: Workspace) -> None:
        assert "style coefficients" not in show(small, *flags()).out

    def test_a_coefficient_of_nothing_has_no_sign(self, small: Workspace) -> None:
        """One model as its own rival: no difference has a slope, and -0.000 says nothing."""
        for model in ("m2", "m3"):
            (small.data / f"model_judgment/judge/{model}.jsonl").unlink()
        write_answers(small, "m1", small.answers("base"))
        shown = show(small, *flags(), "--style-control")
        assert "token_len 0.000, header_count 0.000" in shown.out and "-0.000" not in shown.out

    def test_the_metadata_of_both_formats_is_the_same(self, small: Workspace) -> None:
        before = show(small, *flags(), "--style-control")
        for model in ("base", "m2"):
            converted = [
                {
                    "uid": answer["question_id"],
                    "model": model,
                    "messages": [{"role": "assistant", "content": {"answer": "text"}}],
                    "metadata": answer["conv_metadata"],
                }
                for answer in small.answers(model)
            ]
            write_answers(small, model, converted)
        assert show(small, *flags(), "--style-control") == before

    def test_the_oldest_files_have_lengths_alone(self, small: Workspace) -> None:
        expected = show(small, *flags(), "-f", "length")
        for model in MODELS:
            old = [
                {
                    "question_id": answer["question_id"],
                    "choices": [{"turns": [{"token_len": answer["conv_metadata"]["token_len"]}]}],
                }
                for answer in small.answers(model)
            ]
            write_answers(small, model, old)
        assert show(small, *flags(), "-f", "length") == expected
        assert "add_markdown_info.py" in error(small, *flags(), "--style-control")


class TestFlags:
    @pytest.mark.parametrize(
        ("one", "same"),
        [
            ("--style-control", "-f length markdown"),
            ("--style-control", "-f markdown length"),
            ("--style-control", "--control-features length markdown"),
            ("--length-control-only", "-f length"),
            ("--length-control-only", "--control-features length"),
            ("--markdown-control-only", "-f markdown"),
        ],
    )
    def test_the_names_of_both_formats_mean_the_same(
        self, small: Workspace, one: str, same: str
    ) -> None:
        assert show(small, *flags(), *one.split()) == show(small, *flags(), *same.split())

    def test_so_do_those_of_bench_judge_category_and_setting_file(self, small: Workspace) -> None:
        small.write_judge_config("judge", "base")
        (small.root / "config").rename(small.root / "other")
        runs = [
            show(small, *line.split())
            for line in (
                "--setting-file other/judge_config.yaml --category tests",
                "--config-file other/judge_config.yaml -c tests",
                "--bench-name test-v1 --judge-name judge --category tests --baseline base",
                "--benchmark test-v1 --judge-names judge -c tests --baseline base",
                "-b test-v1 -j judge --category tests --baseline base",
            )
        ]
        assert all(run == runs[0] for run in runs)

    @pytest.mark.parametrize(
        "line",
        [
            "--style-control --length-control-only",
            "--style-control -f length",
            "--control-features headers",
            "--style-center median --style-control",
        ],
    )
    def test_what_makes_no_sense_is_refused(self, small: Workspace, line: str) -> None:
        error = show(small, *flags(), *line.split(), check=2).err
        assert (
            "error: argument" in error
            or "no feature 'headers'" in error
            or "not allowed with --style-control" in error
        )

    @pytest.mark.parametrize("line", ["--style-center none", "--style-coefficients style.json"])
    def test_a_plain_fit_has_no_style_to_treat(self, small: Workspace, line: str) -> None:
        assert "--style-control" in error(small, *flags(), *line.split())


class TestAnswersWithoutMetadata:
    @pytest.mark.parametrize("mode", MODES)
    def test_are_an_error_that_says_how_to_add_it(self, small: Workspace, mode: str) -> None:
        small.add_answers("m2", {f"q{i + 1}": "text" for i in range(QUESTIONS)})
        line = error(small, *flags(), mode)
        assert "data/test-v1/model_answer/m2.jsonl" in line
        assert "python add_markdown_info.py --dir data/test-v1/model_answer" in line

    def test_one_of_them_is_enough(self, small: Workspace) -> None:
        answers = small.answers("base")
        del answers[7]["conv_metadata"]
        write_answers(small, "base", answers)
        line = error(small, *flags(), "--style-control")
        assert "base.jsonl" in line and "the answer to q8 " in line

    def test_so_is_an_answer_file_that_is_not_there(self, small: Workspace) -> None:
        (small.data / "model_answer/m3.jsonl").unlink()
        assert "m3.jsonl" in error(small, *flags(), "--style-control")

    def test_questions_without_battles_need_none(self, small: Workspace) -> None:
        write_answers(small, "m1", [*small.answers("m1"), {"question_id": "q99"}])
        show(small, *flags(), "--style-control")

    def test_the_command_of_the_message_helps(self, small: Workspace) -> None:
        for model in MODELS:
            texts = random.Random(model).choices(["# A", "text", "- b\n- **c**"], k=QUESTIONS)
            small.add_answers(model, {f"q{i + 1}": text for i, text in enumerate(texts)})
        command = error(small, *flags(), "--style-control").split("Run python ")[1]
        small.run(*command.split(), check=0)
        show(small, *flags(), "--style-control")


def logistic(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def simulate(
    bench: Workspace, lengths: Mapping[str, float], *, questions: int, seed: int, slope: float = 1.0
) -> None:
    """Models that differ in nothing but their length, and a judge who likes length.

    `lengths`: how many times as long as the baseline's an answer of the model is, on average. The
    log-odds of a win are `slope` times the difference of the log lengths.
    """
    draw = np.random.default_rng(seed)
    baseline = np.round(300 * np.exp(draw.normal(0, 0.4, questions)))
    write_answers(bench, "base", answers_of_length(baseline))
    for model, times in lengths.items():
        own = np.round(300 * times * np.exp(draw.normal(0, 0.4, questions)))
        wins = draw.random((2, questions)) < logistic(slope * np.log(own / baseline))
        write_answers(bench, model, answers_of_length(own))
        add_judgments(
            bench,
            model,
            [
                judgment(f"q{i}", "B>A" if first else "A>B", "A>B" if second else "B>A")
                for i, (first, second) in enumerate(wins.T)
            ],
        )


def answers_of_length(lengths: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"question_id": f"q{i}", "conv_metadata": {"token_len": int(length)}}
        for i, length in enumerate(lengths)
    ]


def move(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The largest change of a score among the models that both boards have."""
    return max(abs(after[model] - score) for model, score in before.items())


class TestCenter:
    """Item 4 of the issue: a model equal to the baseline, alone and beside verbose rivals."""

    TWIN: Mapping[str, float] = {"twin": 1.0}
    RIVALS: Mapping[str, float] = TWIN | {"verbose-1": 3.0, "verbose-2": 3.5, "verbose-3": 4.0}
    NOISE = 3 * 100 * np.sqrt(0.25 / 1600)

    @pytest.fixture(scope="class")
    @classmethod
    def twin_alone(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
        return cls.twin(Workspace(tmp_path_factory.mktemp("alone")), cls.TWIN)

    @pytest.fixture(scope="class")
    @classmethod
    def twin_beside_rivals(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
        return cls.twin(Workspace(tmp_path_factory.mktemp("beside")), cls.RIVALS)

    @staticmethod
    def twin(bench: Workspace, models: Mapping[str, float]) -> dict[str, float]:
        """The score of `twin` by the way to centre."""
        simulate(bench, models, questions=800, seed=1)
        chosen = [*flags(), "-f", "length", "--num-rounds", "1"]
        return {
            center: exact_scores(bench, *chosen, f"--style-center={center}")["twin"]
            for center in ("mean", "none")
        }

    def test_alone_it_is_at_50_either_way(self, twin_alone: dict[str, float]) -> None:
        assert twin_alone == pytest.approx({"mean": 50, "none": 50}, abs=self.NOISE)

    def test_uncentred_it_stays_within_noise_of_50(
        self, twin_beside_rivals: dict[str, float]
    ) -> None:
        assert twin_beside_rivals["none"] == pytest.approx(50, abs=self.NOISE)

    def test_mean_centring_moves_it_far(self, twin_beside_rivals: dict[str, float]) -> None:
        assert twin_beside_rivals["mean"] > 60

    def test_uncentred_all_are_equal_as_they_were_made(self, bench: Workspace) -> None:
        simulate(bench, self.RIVALS, questions=800, seed=2)
        scores = exact_scores(bench, *flags(), "-f", "length", "--style-center", "none")
        assert scores == pytest.approx(dict.fromkeys(scores, 50), abs=3 * self.NOISE)
        plain = exact_scores(bench, *flags())
        assert all(plain[model] > 65 for model in self.RIVALS if model != "twin")


class TestCoefficientsOfAFile:
    FILE = ("--style-coefficients", "style.json")

    def test_the_first_run_writes_it(self, small: Workspace) -> None:
        shown = show(small, *flags(), "--style-control", *self.FILE)
        assert "style.json" in shown.out
        written = json.loads((small.root / "style.json").read_text())
        expected = oracle(small, COUNTS).coefficients
        assert written["attributes"] == list(COUNTS)
        assert written["coefficients"] == pytest.approx(list(expected.values()), abs=1e-5)

    @pytest.mark.parametrize("mode", MODES)
    def test_the_next_uses_it_and_says_so(self, small: Workspace, mode: str) -> None:
        first = show(small, *flags(), mode, *self.FILE)
        content = (small.root / "style.json").read_bytes()
        again = show(small, *flags(), mode, *self.FILE)
        assert again.scores == first.scores
        assert "fixed by style.json" in again.out and "fixed" not in first.out
        assert (small.root / "style.json").read_bytes() == content

    def test_the_board_is_first_in_the_output_as_ever(self, small: Workspace) -> None:
        runs = [show(small, *flags(), "--style-control", *self.FILE) for _ in range(2)]
        assert all(" | score: " in line for run in runs for line in run.board)

    def test_a_new_model_then_moves_nobody(self, bench: Workspace) -> None:
        few = {"m1": 0.8, "m2": 1.2}
        simulate(bench, few, questions=100, seed=3)
        before = exact_scores(bench, *flags(), "-f", "length", *self.FILE)
        simulate(bench, {"verbose": 4.0}, questions=100, seed=4, slope=2.0)
        simulate(bench, few, questions=100, seed=3)  # as before; so is the baseline
        fixed = exact_scores(bench, *flags(), "-f", "length", *self.FILE)
        free = exact_scores(bench, *flags(), "-f", "length")
        assert "verbose" in fixed
        assert move(before, fixed) <= 0.1 and move(before, free) > 1

    def test_that_of_other_features_is_refused(self, small: Workspace) -> None:
        show(small, *flags(), "-f", "length", *self.FILE)
        line = error(small, *flags(), "--style-control", *self.FILE)
        assert "style.json" in line and "header_count" in line
        assert "style.json" in error(small, *flags(), "-f", "markdown", *self.FILE)

    @pytest.mark.parametrize(("made", "used"), [("mean", "none"), ("none", "mean")])
    def test_that_of_another_centre_is_refused(
        self, small: Workspace, made: str, used: str
    ) -> None:
        """The centre is part of the file: the flag would be passed over without a word."""
        chosen = [*flags(), "--style-control", *self.FILE, "--style-center"]
        show(small, *chosen, made)
        assert "style.json" in error(small, *chosen, used)
        show(small, *chosen, made)

    @pytest.mark.parametrize(
        "content",
        [
            "{",
            "[]",
            '{"attributes": ["token_len"]}',
            '{"attributes": ["token_len"], "coefficients": [1, 2], "mean": [0], "scale": [1]}',
            '{"attributes": ["token_len"], "coefficients": ["a"], "mean": [0], "scale": [1]}',
            '{"attributes": ["token_len"], "coefficients": [NaN], "mean": [0], "scale": [1]}',
        ],
    )
    def test_what_is_no_such_file_is_refused(self, small: Workspace, content: str) -> None:
        small.write("style.json", content)
        assert "style.json: " in error(small, *flags(), "-f", "length", *self.FILE)

    def test_they_are_used_in_the_bootstrap_too(self, small: Workspace) -> None:
        """Else the intervals would lie about the scores of the free fit."""
        extreme = {"attributes": ["token_len"], "coefficients": [5], "mean": [0.5], "scale": [0.3]}
        small.write("style.json", json.dumps(extreme))
        rows = board_json(small, *flags(), "-f", "length", *self.FILE)["rows"]
        free = exact_scores(small, *flags(), "-f", "length")
        rivals = [row for row in rows if row["model"] != "base"]
        assert all(row["lower"] < row["score"] < row["upper"] for row in rivals)
        assert not any(row["lower"] < free[row["model"]] < row["upper"] for row in rivals)


class TestResampling:
    @pytest.fixture
    def correlated(self, bench: Workspace) -> Workspace:
        """Both games of a question end alike, half of them by far: four or eight copies of one."""
        draw = random.Random(4)
        wins = {"B>A": "A>B", "B>>A": "A>>B", "A>B": "B>A", "A>>B": "B>>A"}
        for seed, model in enumerate(MODELS):
            write_answers(bench, model, random_answers(seed, 60))
            first = draw.choices([*wins], k=60)
            if model != "base":
                records = [judgment(f"q{i + 1}", x, wins[x]) for i, x in enumerate(first)]
                add_judgments(bench, model, records)
        return bench

    @pytest.mark.parametrize("control", [[], ["--style-control"], ["-f", "length"]])
    def test_whole_questions_give_wider_intervals(
        self, correlated: Workspace, control: list[str]
    ) -> None:
        """A question holds k = 2 or 6 battles that end alike, which is as good as one draw: the
        variance is the mean of k^2 over the mean of k, 5, times that of free battles.
        """
        common = [*flags(), *control, "--num-rounds", "600", "--resample"]
        battle, question = (widths(correlated, *common, kind) for kind in ("battle", "question"))
        for model in MODELS[1:]:
            assert question[model] / battle[model] == pytest.approx(5**0.5, rel=0.3)

    def test_games_that_are_independent_have_much_the_same_either_way(
        self, bench: Workspace
    ) -> None:
        draw = random.Random(8)
        labels = draw.choices(["B>A", "A>B"], k=400)
        add_judgments(bench, "tiny", [judgment(f"q{i}", label) for i, label in enumerate(labels)])
        common = [*flags(), "--num-rounds", "2000", "--resample"]
        battle, question = (widths(bench, *common, kind)["tiny"] for kind in ("battle", "question"))
        assert question / battle == pytest.approx(1, abs=0.07)

    def test_the_line_about_dependence_is_there_where_it_is_true(
        self, correlated: Workspace
    ) -> None:
        words = re.escape(DEPENDENT).replace(r"too\ ", r"\d\.\d\ times\ too\ ")
        words = words.replace("narrow", r"narrow\ here")
        assert re.fullmatch(words, show(correlated, *flags()).summary[-1])
        assert "as independent" not in show(correlated, *flags(), "--resample", "question").out

    @pytest.mark.parametrize("more", [[], ["--resample=question"], ["--style-control"]])
    def test_scores_do_not_depend_on_it(self, small: Workspace, more: list[str]) -> None:
        runs = [
            show(small, *flags(), *more, *changed).scores
            for changed in ([], ["--num-rounds", "3"], ["--seed", "1"])
        ]
        assert runs[0] == runs[1] == runs[2]


EVERY_KIND = ["", "--resample question", "--style-control", "-f length --resample question"]


class TestBaseline:
    @pytest.mark.parametrize("kind", EVERY_KIND)
    @pytest.mark.parametrize("anchor", ["base", "rival"])
    def test_its_interval_is_a_point_whichever_model_it_is(
        self, small: Workspace, kind: str, anchor: str
    ) -> None:
        add_judgments(small, "m1", random_judgments(7, QUESTIONS, baseline="rival"), judge="j2")
        add_judgments(small, "rival", random_judgments(8, QUESTIONS), judge="j2")
        write_answers(small, "rival", random_answers(9, QUESTIONS))
        others = {"base": "rival", "rival": "base"}
        shown = show(
            small,
            *flags()[:2],
            *("-j", "judge", "j2", "--baseline", anchor, "--baseline", others[anchor]),
            *kind.split(),
        )
        assert shown.scores[anchor] == "50.0" and shown.interval(anchor) == "(0.0, 0.0)"
        assert all(shown.interval(m) != "(0.0, 0.0)" for m in shown.scores if m != anchor)


@pytest.mark.parametrize("kind", EVERY_KIND)
class TestNoDigitChanges:
    def board(self, bench: Workspace, kind: str, *more: object) -> Shown:
        return show(bench, *flags(), *kind.split(), "--num-rounds", "150", *more)

    def test_with_the_number_of_workers_or_in_a_second_run(
        self, small: Workspace, kind: str
    ) -> None:
        runs = [self.board(small, kind, "--workers", n) for n in (1, 2, 3, 1)]
        assert all(run == runs[0] for run in runs)

    def test_with_the_order_of_files_and_lines(self, small: Workspace, kind: str) -> None:
        before = self.board(small, kind)
        for path in sorted(small.data.rglob("*.jsonl"), reverse=True):
            lines = path.read_text().splitlines(keepends=True)
            path.unlink()
            random.Random(path.name).shuffle(lines)
            path.write_text("".join(lines))
        assert self.board(small, kind) == before

    def test_but_with_the_seed(self, small: Workspace, kind: str) -> None:
        default, same, other = (
            self.board(small, kind, *s) for s in ([], ["--seed=42"], ["--seed=7"])
        )
        assert default == same
        assert [default.interval(m) for m in MODELS] != [other.interval(m) for m in MODELS]
