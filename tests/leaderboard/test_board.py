"""From judgment files to a board: what counts as a battle, what is left out, and the scores."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from boards import battles_of_selection
from conftest import Workspace
from judgments import POINTS, add_judgments, game, judgment

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.leaderboard.board import Board, Contest, Row
from arena.leaderboard.options import Method
from arena.scoring.selection import Selection


def board(bench: Workspace, *, rounds: int = 10, seed: int = 1, **options: Any) -> Board:
    elo = options.pop("elo", False)
    folder = Bench(bench.root / "data", bench.name)
    selection = Selection(folder, ("judge",), (options.pop("baseline", "base"),), **options)
    method = Method(rounds=rounds, seed=seed, resample="battle", as_published=True)
    contest = Contest.of(battles_of_selection(selection), selection, method)
    return contest.score().board(elo=elo)


def rows(bench: Workspace, **options: Any) -> dict[str, Row]:
    return {row.model: row for row in board(bench, **options).rows}


def score(bench: Workspace, model: str, **options: Any) -> float:
    return rows(bench, **options)[model].score


class TestMode:
    @pytest.mark.parametrize(
        ("control", "mode"),
        [
            ((), "plain"),
            (("length",), "length_control"),
            (("markdown",), "markdown_control"),
            (("length", "markdown"), "style_control"),
            (("markdown", "length"), "style_control"),
            (("length", "tables"), "length_tables_control"),
            (("length", "markdown", "tables"), "length_markdown_tables_control"),
        ],
    )
    def test_only_the_features_of_the_flag_have_its_name(
        self, control: tuple[str, ...], mode: str
    ) -> None:
        assert Method(control=control).mode == mode


class TestScores:
    """Of one pair, the score is (wins + ties / 2) / battles, in percent."""

    @pytest.fixture(autouse=True)
    def two_judgments(self, bench: Workspace) -> None:
        """`tiny` wins by far and slightly, has a tie, and loses slightly."""
        records = [judgment("q1", "B>>A", "A>B"), judgment("q2", "A=B", "B>A")]
        add_judgments(bench, "tiny", records)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, (3 + 1 + 0.5) / 6),
            ({"weight": 1}, (1 + 1 + 0.5) / 4),
            ({"weight": 2}, (2 + 1 + 0.5) / 5),
            ({"first_game_only": True}, (3 + 0.5) / 4),
            ({"first_game_only": True, "weight": 1}, (1 + 0.5) / 2),
        ],
    )
    def test_a_big_win_counts_by_the_weight(
        self, bench: Workspace, options: dict[str, Any], expected: float
    ) -> None:
        assert score(bench, "tiny", **options) == pytest.approx(100 * expected, abs=1e-6)
        assert score(bench, "base", **options) == 50

    def test_ratings_are_anchored_at_1000(self, bench: Workspace) -> None:
        """Three to one are 400 * log10(3) points."""
        assert score(bench, "tiny", elo=True) == pytest.approx(1190.8485, abs=1e-3)
        assert score(bench, "base", elo=True) == 1000

    def test_the_first_game_alone_has_its_own_counts(self, bench: Workspace) -> None:
        counts = board(bench, first_game_only=True).counts
        assert (counts.judgments, counts.battles, counts.games_without_verdict) == (2, 4, 0)


def test_each_model_is_measured_by_its_own_games_with_the_baseline(bench: Workspace) -> None:
    random_labels = random.Random(5)
    expected = {}
    for model in ("m1", "m2", "m3", "m4"):
        labels = random_labels.choices([*POINTS, None], k=40)
        add_judgments(
            bench, model, [judgment(f"q{i}", *labels[2 * i : 2 * i + 2]) for i in range(20)]
        )
        first = [POINTS[label][::-1] for label in labels[::2] if label]
        second = [POINTS[label] for label in labels[1::2] if label]
        won, lost = (sum(points) for points in zip(*first, *second, strict=True))
        expected[model] = pytest.approx(100 * won / (won + lost), abs=1e-6)
    assert {m: row.score for m, row in rows(bench).items()} == expected | {"base": 50}


def test_only_ties_are_50_without_doubt(bench: Workspace) -> None:
    add_judgments(bench, "tiny", [judgment(f"q{i}", "A=B", "A=B") for i in range(9)])
    row = rows(bench)["tiny"]
    assert (row.score, row.lower, row.upper) == pytest.approx((50, 0, 0), abs=1e-6)


def test_who_won_or_lost_everything_has_100_or_0(bench: Workspace) -> None:
    add_judgments(bench, "best", [judgment(f"q{i}", "B>A", "A>>B") for i in range(9)])
    add_judgments(bench, "worst", [judgment(f"q{i}", "A>B", "B>>A") for i in range(9)])
    add_judgments(bench, "tiny", [judgment("q1", "A>B", "A>B")])
    by_name = rows(bench)
    assert [by_name[m].score for m in ("best", "tiny", "base", "worst")] == pytest.approx(
        [100, 50, 50, 0], abs=1e-6
    )
    for model in ("best", "worst", "base"):
        assert (by_name[model].lower, by_name[model].upper) == (0, 0)
    ratings = rows(bench, elo=True)
    assert ratings["best"].score == float("inf") and ratings["worst"].score == float("-inf")


def test_the_rows_go_from_the_best_to_the_last_and_equals_by_name(bench: Workspace) -> None:
    labels = {"b": "A=B", "worst": "A>B", "a": "A=B", "best": "B>A"}
    for model, label in labels.items():
        add_judgments(bench, model, [judgment("q1", label)])
    assert [row.model for row in board(bench).rows] == ["best", "a", "b", "base", "worst"]


class TestIntervals:
    @pytest.fixture(autouse=True)
    def even_match(self, bench: Workspace) -> None:
        """400 battles, half of them won: the standard deviation of the win rate is 2.5."""
        labels = [("B>A", "A>B") if i % 2 else ("A>B", "B>A") for i in range(200)]
        add_judgments(bench, "tiny", [judgment(f"q{i}", *pair) for i, pair in enumerate(labels)])

    def test_they_hold_95_percent_of_the_resamples(self, bench: Workspace) -> None:
        row = rows(bench, rounds=2000)["tiny"]
        assert (row.lower, row.upper) == pytest.approx((-1.96 * 2.5, 1.96 * 2.5), abs=0.5)

    def test_the_baselines_is_a_point(self, bench: Workspace) -> None:
        row = rows(bench)["base"]
        assert (row.lower, row.upper) == (0, 0)

    def test_the_seed_changes_them_and_never_the_score(self, bench: Workspace) -> None:
        one, same, other = (rows(bench, seed=seed)["tiny"] for seed in (1, 1, 2))
        assert one == same
        assert one.score == other.score
        assert (one.lower, one.upper) != (other.lower, other.upper)


class TestWhatIsCounted:
    def test_games_without_verdict_are_counted_and_stop_nothing(self, bench: Workspace) -> None:
        records = [
            judgment("both", "B>A", "A>B"),
            judgment("one game", "B>A"),
            judgment("no score", "B>A", None),
            judgment("null game") | {"games": [game("B>A"), None]},
            judgment("no games"),
            judgment("null games") | {"games": [None, None]},
            judgment("no key") | {"games": [{"judgment": "…"}, {"score": "B>A"}]},
            judgment("no label", "A>>>B", ""),
        ]
        add_judgments(bench, "tiny", records)
        result = board(bench)
        counts = result.counts
        assert (counts.judgments, counts.battles, counts.games_without_verdict) == (8, 6, 10)
        assert {row.model: row.score for row in result.rows}["tiny"] == pytest.approx(500 / 6)

    def test_all_spellings_of_labels_count(self, bench: Workspace) -> None:
        """Each of the spellings means that `tiny` wins by far."""
        spellings = [("B>>A", "A>>B"), ("[B>>A]", "[[A>>B"), ("b>>a", "B<<A"), ("A<<B", "B<<A]")]
        add_judgments(
            bench, "tiny", [judgment(f"q{i}", *labels) for i, labels in enumerate(spellings)]
        )
        result = board(bench)
        assert (result.counts.battles, result.counts.games_without_verdict) == (24, 0)
        assert result.rows[0].model == "tiny" and result.rows[0].score == 100

    def test_of_judgments_with_one_id_the_last_counts_and_it_is_said(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        records = [judgment("q1", "A>>B", "B>>A"), judgment("q2", "A=B", "A=B")]
        add_judgments(bench, "tiny", [*records, judgment("q1", "B>A", "A>B")])
        result = board(bench)
        assert (result.counts.judgments, result.counts.battles) == (2, 4)
        assert result.rows[0].score == pytest.approx(75)
        (warning,) = capsys.readouterr().err.splitlines()
        assert "judge/tiny.jsonl" in warning and "1 repeated id" in warning

    def test_the_baseline_against_itself_is_left_out_and_counted(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "B>A")])
        add_judgments(bench, "base", [judgment("q1", "A>>B", "A>>B"), judgment("q2", "A=B", "A=B")])
        result = board(bench)
        assert [(row.model, row.score) for row in result.rows] == [("base", 50), ("tiny", 50)]
        assert (result.counts.judgments, result.counts.battles) == (1, 2)
        assert result.counts.left_out == {"judgments of the baseline against itself": 2}
        assert result.counts.models_left_out == {}

    def test_judgments_against_another_baseline_are_left_out_and_counted(
        self, bench: Workspace
    ) -> None:
        records = [judgment("q1", "B>A", "A>B"), judgment("q1", "A>>B", "B>>A", baseline="other")]
        add_judgments(bench, "tiny", records)
        result = board(bench, mixed="leave-out")
        assert {row.model: row.score for row in result.rows} == {"tiny": 100, "base": 50}
        assert result.counts.left_out == {"judgments against another baseline, other": 1}
        assert score(bench, "tiny", baseline="other", mixed="leave-out") == 0

    def test_a_record_that_names_no_baseline_model_or_judge_is_what_its_file_says(
        self, bench: Workspace
    ) -> None:
        bench.write(
            bench.data / "model_judgment/judge/org/tiny.jsonl", [judgment("q1", "B>A", "B>A")]
        )
        assert score(bench, "org/tiny") == pytest.approx(50)

    def test_models_that_are_left_out_are_named_with_the_reason(self, bench: Workspace) -> None:
        for model in ("base", "tiny", "unjudged"):
            bench.add_answers(model, {"q1": "text"})
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "A>B")])
        add_judgments(bench, "undecided", [judgment("q1", None, None)])
        assert board(bench).counts.models_left_out == {
            "unjudged": "not judged by judge",
            "undecided": "no game with a verdict",
        }

    def test_a_model_with_another_baseline_only_is_left_out_for_that_reason(
        self, bench: Workspace
    ) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "A>B")])
        add_judgments(bench, "old", [judgment("q1", "B>A", "A>B", baseline="gpt-4-0314")])
        assert "baseline" in board(bench, mixed="leave-out").counts.models_left_out["old"]


class TestOrder:
    RECORDS = {
        model: [judgment(f"q{i}", label, "A=B") for i, label in enumerate(labels)]
        for model, labels in {
            "a": ["A>B", "B>A", "B>>A", "A>>B"],
            "b": ["B>A", "B>A", "A=B", "A>B"],
            "c": ["A>>B", "B>A", "A>B", "A>B"],
        }.items()
    }

    def test_neither_the_order_of_files_nor_that_of_lines_matters(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for model, records in self.RECORDS.items():
            add_judgments(bench, model, records)
        before = board(bench, rounds=50)

        for model, records in self.RECORDS.items():
            add_judgments(bench, model, records[::-1])
        listing = Path.rglob
        monkeypatch.setattr(
            Path, "rglob", lambda path, pattern: reversed(sorted(listing(path, pattern)))
        )
        assert board(bench, rounds=50) == before


class TestMeanTokens:
    def mean(self, bench: Workspace, records: list[dict[str, Any]]) -> float | None:
        bench.write(bench.data / "model_answer/tiny.jsonl", records)
        bench.add_answers("base", {})
        add_judgments(bench, "tiny", [judgment("q1", "A=B")])
        return rows(bench)["tiny"].tokens

    def test_it_is_that_of_the_whole_answer_file(self, bench: Workspace) -> None:
        lengths = {"q1": 10, "q2": 11, "never judged": 30}
        records = [
            {"question_id": question, "choices": [], "conv_metadata": {"token_len": tokens}}
            for question, tokens in lengths.items()
        ]
        assert self.mean(bench, records) == 17

    def test_of_answers_with_one_id_the_last_counts(self, bench: Workspace) -> None:
        records = [{"question_id": "q1", "conv_metadata": {"token_len": n}} for n in (100, 5)]
        assert self.mean(bench, records) == 5

    def test_old_files_hold_it_in_the_turn_and_those_of_v2_0_in_metadata(
        self, bench: Workspace
    ) -> None:
        old = {"question_id": "q1", "choices": [{"index": 0, "turns": [{"token_len": 4}]}]}
        new = {"uid": "q2", "messages": [], "metadata": {"token_len": 8.0}}
        assert self.mean(bench, [old, new]) == 6

    def test_without_lengths_or_without_a_file_there_is_none(self, bench: Workspace) -> None:
        assert self.mean(bench, [{"question_id": "q1", "choices": []}]) is None
        assert rows(bench)["base"].tokens is None


class TestErrors:
    def test_a_judge_without_files_is_told_which_judges_there_are(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "A=B")], judge="gpt-4")
        add_judgments(bench, "tiny", [judgment("q1", "A=B")], judge="judge-v1")
        with pytest.raises(InputError) as error:
            board(bench)
        assert "did you mean 'judge-v1'" in str(error.value)
        assert "Judges here: gpt-4, judge-v1" in str(error.value)

    def test_no_verdict_at_all_is_an_error_that_says_what_was_left_out(
        self, bench: Workspace
    ) -> None:
        add_judgments(bench, "tiny", [judgment("q1", None), judgment("q2", "?", None)])
        add_judgments(bench, "base", [judgment("q1", "A=B", "A=B")])
        with pytest.raises(InputError) as error:
            board(bench)
        assert "none of 4 games has a verdict" in str(error.value)
        assert "1 judgments of the baseline against itself" in str(error.value)

    @pytest.mark.parametrize(
        "line", ['{"question_id": "q2", "games": 5}', '{"games": []}', "[]", "not JSON"]
    )
    def test_a_broken_line_is_named_by_file_and_number(self, bench: Workspace, line: str) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "A=B")])
        path = bench.data / "model_judgment/judge/tiny.jsonl"
        path.write_text(path.read_text() + line + "\n")
        with pytest.raises(InputError, match=r"judge/tiny\.jsonl:2: not a judgment"):
            board(bench)
