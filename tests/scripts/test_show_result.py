"""show_result.py: the lines of the board, the flags, and published scores."""

from __future__ import annotations

import json
import os
import re

import pytest
from boards import DEPENDENT, DIFFERENT, error, few, flags, named, scores, show
from conftest import RunMain, Workspace
from judgments import add_judgments, add_lengths, judgment

from arena.base.output import shown_width

LONG_NAME = "a-model-whose-name-is-longer-than-thirty-characters"


class TestLines:
    @pytest.fixture(autouse=True)
    def models_without_doubt(self, bench: Workspace) -> None:
        """Models whose every resample gives the same: all won, all lost, or only ties."""
        labels = {
            "champion": ("B>>A", "A>B"),
            LONG_NAME: ("A=B", "A=B"),
            "loser": ("A>B", "B>>A"),
        }
        for model, pair in labels.items():
            add_judgments(bench, model, [judgment("q1", *pair), judgment("q2", *pair)])
        add_lengths(bench, "champion", 10, 11)
        add_lengths(bench, LONG_NAME, 1234, 1235, 1235)
        add_lengths(bench, "base", 7)

    def test_the_board_has_the_format_that_users_know(self, bench: Workspace) -> None:
        assert show(bench, *flags()).out == (
            "champion                       | score: 100.0 | 95% CI:  (0.0, 0.0)  "
            "| average #tokens: 10\n"
            "a-model-whose-name-is-longer-than-thirty-characters "
            "| score: 50.0  | 95% CI:  (0.0, 0.0)  | average #tokens: 1234\n"
            "base                           | score: 50.0  | 95% CI:  (0.0, 0.0)  "
            "| average #tokens: 7\n"
            "loser                          | score:  0.0  | 95% CI:  (0.0, 0.0)  "
            "| average #tokens: n/a\n"
            "\n"
            "6 judgments, 20 weighted battles, 0 games without verdict\n"
            f"questions judged: 2 for each model\n{few(2)}\n{DEPENDENT}\n"
        )

    def test_ratings_are_whole_numbers(self, bench: Workspace) -> None:
        """Of 7 battles `better` wins 3 + 3 and loses 1: 400 * log10(6) = 311.26 above 1000."""
        for model in ("champion", "loser"):
            (bench.data / f"model_judgment/judge/{model}.jsonl").unlink()
        add_judgments(bench, "better", [judgment("q1", "B>>A", "A>>B"), judgment("q2", "A>B")])
        add_judgments(bench, "worse", [judgment("q1", "A>>B", "B>>A"), judgment("q2", "B>A")])
        shown = show(bench, *flags(), "--show-elo")
        better, equal, base, worse = shown.board
        number = r"(-?\d+|-?inf)"
        for line, name, score in [(better, "better", "1311 "), (worse, "worse", " 688 ")]:
            assert re.fullmatch(
                rf"{name} {{{30 - len(name)}}} \| score: {score} \| 95% CI: "
                rf" *\({number}, {number}\) *\| average #tokens: n/a",
                line,
            )
        assert base == (
            "base                           | score: 1000  | 95% CI:    (0, 0)    "
            "| average #tokens: 7"
        )
        assert "| score: 1000  | 95% CI:    (0, 0)    |" in equal

    def test_what_the_board_rests_on_is_said_below_it(self, bench: Workspace) -> None:
        add_judgments(bench, "base", [judgment("q1", "A=B", "A=B")] * 1)
        add_judgments(
            bench,
            "tiny",
            [judgment("q1", "A>B", None), judgment("q2", "A>>B", "A=B", baseline="other")],
        )
        add_judgments(bench, "undecided", [judgment("q1", None, None)])
        add_lengths(bench, "unjudged", 5)
        shown = show(bench, *flags(), "--mixed", "leave-out")
        assert shown.summary == [
            "8 judgments, 21 weighted battles, 3 games without verdict",
            f"questions judged: {LONG_NAME} 2, champion 2, loser 2, tiny 1",
            DIFFERENT,
            few(2).replace("questions,", "questions in the median of the models,", 1),
            "1 judgments have a verdict in game 1 only, 0 in game 2 only",
            "skipped: 1 judgments against another baseline, other",
            "skipped: 1 judgments of the baseline against itself",
            "skipped: undecided: no game with a verdict",
            "skipped: unjudged: not judged by judge",
            DEPENDENT,
        ]

    def test_what_holds_for_many_models_is_one_line(self, bench: Workspace) -> None:
        for model in range(12):
            add_lengths(bench, f"new-{model:02}", 5)
            add_judgments(bench, f"part-{model:02}", [judgment("q1", "A>B", baseline=f"b{model}")])
            if model:
                add_judgments(bench, f"one-{model:02}", [judgment("q1", "A>B", "A=B")])
        summary = show(bench, *flags(), "--mixed", "leave-out").summary
        assert "questions judged: 1 to 2, the fewest one-01 1, one-02 1, one-03 1" in summary
        assert [line for line in summary if line.startswith("skipped")] == [
            "skipped: 12 judgments against another baseline, 12 names, e.g. b0, b1, b10",
            "skipped: 12 models, e.g. new-00, new-01, new-02: not judged by judge",
            "skipped: 12 models, e.g. part-00, part-01, part-02: no judgment against the baseline",
        ]

    def test_the_same_data_gives_the_same_output(self, bench: Workspace) -> None:
        """In another process, with another order of lines, and with files made in another order."""
        labels = ["A>B", "B>A", "B>>A", "A=B", "B>A", "A>>B", "B>A"]
        records = {
            model: [judgment(f"q{i}", label, "A>B") for i, label in enumerate(labels[start:])]
            for start, model in enumerate(["m1", "m2", "m3"])
        }
        for model in records:
            add_judgments(bench, model, records[model])
        first = show(bench, *flags()).out
        assert bench.run("show_result.py", *flags(), check=0).stdout == first
        for model in reversed(records):
            (bench.data / f"model_judgment/judge/{model}.jsonl").unlink()
            add_judgments(bench, model, records[model][::-1])
        assert show(bench, *flags()).out == first
        assert "(0.0, 0.0)" not in next(line for line in first.splitlines() if "m1" in line)


CHECKPOINT = "my-lab/llama-3.1-8b-instruct-dpo-step-0{}000"
CHINESE = "很长的中文检查点名称" * 4 + "第{}步"


class TestTerminal:
    @pytest.fixture(autouse=True)
    def checkpoints(self, bench: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        labels = {CHECKPOINT: ("B>A", "A>B"), CHINESE: ("A>>B", "A=B"), "m{}": ("B>A", "A=B")}
        for name, pair in labels.items():
            for step in (1, 2):
                records = [judgment(f"q{i}", *pair) for i in range(step, step + 3)]
                add_judgments(bench, name.format(step), records)
        monkeypatch.setenv("COLUMNS", "80")

    @pytest.mark.parametrize(
        "more", ["", "--method v2.0", "--full-stats", "--by category", "--show-elo"]
    )
    def test_no_line_wraps_and_the_columns_stay_aligned(self, bench: Workspace, more: str) -> None:
        questions = [{"question_id": f"q{i}", "category": "c", "prompt": "?"} for i in range(1, 6)]
        bench.write(bench.data / "question.jsonl", questions)
        for model in range(9):
            add_lengths(bench, f"unjudged-{model}", 5)
        out = show(bench, *flags(), *more.split(), terminal=True).out
        # Below the board, a name may be wider than the terminal.
        assert all(shown_width(line) <= 80 or CHINESE[:9] in line for line in out.splitlines())
        assert max(map(shown_width, out.split("\n\n")[0].splitlines())) <= 80
        assert "-step-01000 " in out and "-step-02000 " in out and "第1步 " in out
        rows = out.split("\n\n")[more == "--full-stats"].splitlines()
        # A column of the screen is blank in all rows, right of the names.
        screens = [re.sub(r"[^\x00-\u2fff]", "xx", row) for row in rows if row]
        columns = zip(*screens, strict=False)
        assert any(i > 36 and set(column) == {" "} for i, column in enumerate(columns))

    def test_usual_names_on_a_wide_terminal_have_the_usual_lines(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "130")
        for step in (1, 2):
            for name in (CHECKPOINT, CHINESE):
                (bench.data / f"model_judgment/judge/{name.format(step)}.jsonl").unlink()
        for more in ((), ("--method", "v2.0")):
            usual = show(bench, *flags(), *more).board
            assert show(bench, *flags(), *more, terminal=True).board == usual

    def test_a_pipe_gets_whole_names_in_the_original_lines(self, bench: Workspace) -> None:
        lines = show(bench, *flags()).board
        for name in (CHECKPOINT.format(1), CHINESE.format(2), "m1"):
            assert any(line.startswith(f"{name: <30} | score: ") for line in lines)


class TestFlags:
    @pytest.fixture(autouse=True)
    def one_model(self, bench: Workspace) -> None:
        """See TestScores of test_leaderboard.py: (3 + 1 + 1/2) of 6."""
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")])

    @pytest.mark.parametrize(
        ("more", "score"),
        [
            ([], "75.0"),
            (["--weight", "1"], "62.5"),
            (["--first-game-only"], "87.5"),
            (["--first-game-only", "--weight", "1"], "75.0"),
            (["--show-elo"], "1190"),
        ],
    )
    def test_what_a_flag_does_to_the_score(
        self, bench: Workspace, more: list[str], score: str
    ) -> None:
        assert show(bench, *flags(), *more).scores["tiny"] == score

    def test_rounds_and_seed_change_intervals_only(self, bench: Workspace) -> None:
        outputs = [
            show(bench, *flags(), *more.split()).out
            for more in ("--seed 42 --num-rounds 100", "--seed 7 --num-rounds 9", "")
        ]
        assert outputs[0] == outputs[2] != outputs[1]
        assert [scores(output)["tiny"] for output in outputs] == ["75.0"] * 3

    def test_the_defaults_are_those_of_the_judge_config(self, bench: Workspace) -> None:
        """Bench, judge and baseline; each can be overruled alone."""
        by_flags = show(bench, *named()).out
        bench.write_judge_config("judge", "base")
        assert show(bench).out == by_flags

        bench.write_judge_config("no-judge", "base")
        assert show(bench, "--judge-name", "judge").out == by_flags
        (bench.root / "config").rename(bench.root / "settings")
        (bench.root / "data").rename(bench.root / "elsewhere")
        places = "--setting-file settings/judge_config.yaml --data-dir elsewhere"
        shown = show(bench, *places.split(), "--judge-name", "judge")
        assert shown.out == by_flags

    def test_a_config_with_only_bench_judge_and_baseline_is_enough(self, bench: Workspace) -> None:
        """v2.0's config holds no prompts: they were in the program."""
        config = {"bench_name": "test-v1", "judge_model": "judge", "baseline_model": "base"}
        bench.write("config/judge_config.yaml", config)
        assert show(bench).scores == {"tiny": "75.0", "base": "50.0"}


class TestErrors:
    @pytest.fixture(autouse=True)
    def one_model(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "B>A")])
        for model in ("base", "tiny"):
            add_lengths(bench, model, 5)

    def test_an_unknown_judge(self, bench: Workspace) -> None:
        line = error(bench, *flags(judge="jugde"))
        assert "'judge'" in line and "Judges here: judge" in line

    def test_an_unknown_baseline(self, bench: Workspace) -> None:
        line = error(bench, *flags(baseline="bsae"))
        assert "'bsae'" in line and "did you mean 'base'" in line

    def test_an_unknown_baseline_of_judgments_that_name_none(self, bench: Workspace) -> None:
        """Else a misspelt name would stand on the board with a score of 50."""
        record = {"question_id": "q1", "games": [{"score": "B>A"}, {"score": "B>A"}]}
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", [record])
        line = error(bench, *flags(baseline="bsae"))
        assert "'bsae'" in line and "'base'" in line

    def test_no_setting_file(self, bench: Workspace) -> None:
        assert "config/judge_config.yaml" in error(bench)

    def test_a_bench_without_judgments(self, bench: Workspace) -> None:
        bench.name = "new-bench"
        bench.add_questions(1)
        line = error(bench, *flags(bench="new-bench"))
        assert "data/new-bench/model_judgment/judge: no judgments" in line

    def test_a_bench_that_is_not_there(self, bench: Workspace) -> None:
        line = error(bench, *flags(bench="test-v2"))
        assert "data/test-v2" in line and "test-v1" in line

    def test_a_broken_judgment(self, bench: Workspace) -> None:
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", '{"question_id": "q1"\n{}\n')
        assert "judge/tiny.jsonl:1: not a judgment" in error(bench, *flags())


class TestFilesAsOutput:
    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ("--json x --html ./x", "--html x: --json writes it too"),
            ("--json x.svg --plot x.svg", "--plot x.svg: --json writes it too"),
            (
                "--json config/judge_config.yaml",
                "--json config/judge_config.yaml: --setting-file reads it",
            ),
            ("--load-battles b.jsonl --json b.jsonl", "--json b.jsonl: --load-battles reads it"),
        ],
    )
    def test_one_file_for_two_flags_is_refused(
        self, bench: Workspace, more: str, words: str
    ) -> None:
        assert error(bench, *flags(), *more.split()) == f"error: {words}. Use another file."

    def test_a_pipe_can_take_several(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", [judgment("q1", "A>B", "B>A"), judgment("q2", "A=B", "B>A")])
        os.mkfifo(bench.root / "pipe")
        reader = os.open(bench.root / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        show(bench, *flags(), "--json", "pipe", "--html", "pipe")
        text = os.read(reader, 1 << 16).decode()
        os.close(reader)
        assert text.startswith("{") and text.endswith("</html>\n")


class TestStandardOutput:
    @pytest.fixture(autouse=True)
    def one_model(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")])

    @pytest.mark.parametrize("form", ["json", "csv", "markdown", "html"])
    def test_a_form_on_it_is_alone_and_the_same_as_in_a_file(
        self, bench: Workspace, form: str
    ) -> None:
        show(bench, *flags(), f"--{form}", "file")
        out = show(bench, *flags(), f"--{form}", "-").out
        assert out == (bench.root / "file").read_text("utf-8")
        assert not (bench.root / "-").exists()

    def test_it_takes_one_form(self, bench: Workspace) -> None:
        line = error(bench, *flags(), "--json", "-", "--csv", "-")
        assert line == "error: --json -: --csv writes it too. Use another file."

    def test_other_files_are_still_written(self, bench: Workspace) -> None:
        out = show(bench, *flags(), "--json", "-", "--csv", "board.csv", "--full-stats").out
        assert json.loads(out)["rows"][0]["model"] == "tiny"
        assert (bench.root / "board.csv").read_text().startswith("model,score,")

    def test_several_boards_are_one_list(self, modern: Workspace) -> None:
        (modern.data / "model_judgment/judge/tiny.jsonl").unlink()
        boards = json.loads(show(modern, "--json", "-").out)
        assert [board["name"] for board in boards][-1] == "Overall" and len(boards) == 3
        assert show(modern, "--markdown", "-").out.count("\n| model | score |") == 3
        for form in ("csv", "html"):
            assert f"--{form} -: this needs a single board" in error(modern, f"--{form}", "-")

    def test_csv_has_two_flags_for_its_file(self, bench: Workspace) -> None:
        assert "--csv: not allowed with --output" in error(bench, *flags(), "--csv", "--output")
        out = show(bench, *flags(), "--csv").out
        assert "written: leaderboard/arena_hard_leaderboard_" in out


class TestFailUnder:
    @pytest.fixture(autouse=True)
    def one_model(self, bench: Workspace) -> None:
        """`tiny` scores 75.00."""
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")])

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (["tiny=75"], ""),
            (["tiny=75.01"], "tiny has 75.00, less than 75.01"),
            (["base=50", "tiny=80"], "tiny has 75.00, less than 80"),
            (["base=51", "--fail-under", "tiny=8e1"], "base has 50.00, less than 51, tiny has"),
        ],
    )
    def test_a_score_below_it_is_said_and_gives_status_1(
        self, bench: Workspace, more: list[str], words: str
    ) -> None:
        shown = show(bench, *flags(), "--fail-under", *more, check=1 if words else 0)
        assert shown.scores["tiny"] == "75.0" and words in shown.err
        assert len(shown.err.splitlines()) == bool(words)

    def test_a_name_may_have_an_equals_sign(self, bench: Workspace) -> None:
        add_judgments(bench, "lr=2", [judgment("q1", "A>B", "B>A")])
        assert (
            "lr=2 has 0.00, less than 10"
            in show(bench, *flags(), "--fail-under", "lr=2=10", check=1).err
        )

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (["tinyy=50"], "--fail-under: no model 'tinyy' on the board (did you mean 'tiny'?)"),
            (["zzz=50"], "--fail-under: no model 'zzz' on the board. It has base, tiny."),
            (["tiny=50", "--by", "cluster"], "--fail-under: this does not go with --by"),
        ],
    )
    def test_what_cannot_be_checked_is_wrong_input(
        self, bench: Workspace, more: list[str], words: str
    ) -> None:
        assert words in error(bench, *flags(), "--fail-under", *more)

    @pytest.mark.parametrize("value", ["tiny", "tiny=", "=50", "tiny=nan", "tiny=high"])
    def test_another_form_is_wrong_input(self, bench: Workspace, value: str) -> None:
        err = show(bench, *flags(), "--fail-under", value, check=2).err
        assert f"expected MODEL=SCORE, as in my-model=50, got '{value}'" in err

    def test_of_several_boards_the_overall_one_counts(self, modern: Workspace) -> None:
        (modern.data / "model_judgment/judge/tiny.jsonl").unlink()
        score = show(modern).out.split("##### Overall")[1].split("m1 ")[1].split()[0]
        show(modern, "--fail-under", f"m1={float(score) - 0.1}")
        show(modern, "--fail-under", f"m1={float(score) + 0.1}", check=1)


class TestWithoutNames:
    """A bare command in a folder whose config names another bench or judge."""

    @pytest.fixture(autouse=True)
    def one_model(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")])
        bench.write_judge_config("gpt", "base")

    def test_the_only_judge_with_judgments_is_used(self, bench: Workspace) -> None:
        shown = show(bench)
        assert shown.out == show(bench, *named()).out
        assert shown.err == (
            "warning: config/judge_config.yaml: data/test-v1 has no judgments of gpt. Using the "
            "only ones there, of judge\n"
        )
        show(bench, "--load-battles")
        assert "Judges here: judge" in error(bench, "--judge-name", "gpt")

    def test_the_only_bench_with_judgments_is_used_if_there_is_no_data(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        (bench.data.parent / ".hidden").mkdir()
        (bench.data.parent / "empty").mkdir()
        bench.write_judge_config("gpt", "base", bench_name="other")
        shown = show(bench, "--json", "-")
        assert json.loads(shown.out)["bench"] == "test-v1"
        assert shown.err == (
            "warning: config/judge_config.yaml: data/other has no data. Using test-v1, the only "
            "bench with judgments, of judge\n"
        )
        for script in ("judge_report.py", "benchmark_metrics.py"):
            assert "Using test-v1, the only bench" in run_main(script).err
        assert "no such bench" in error(bench, "--bench-name", "other")
        # A bench that waits for its judge is no reason to show another one.
        bench.write("data/other/question.jsonl", [{"question_id": "q1", "prompt": "?"}])
        assert "data/other/model_judgment/gpt: no judgments" in error(bench)

    def test_of_several_none_is_chosen(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "A>B")], judge="second")
        assert "Judges here: judge, second" in error(bench)
        bench.write_judge_config("judge", "base", bench_name="other")
        bench.write("data/third/model_judgment/judge/m.jsonl", [judgment("q1", "A>B")])
        assert "Benches here: test-v1, third" in error(bench)
