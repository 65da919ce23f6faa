"""More than one verdict a game, on the real command lines."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply
from fake_batches import FakeBatches

JUDGE, BOARD = "gen_judgment.py", "show_result.py"
LABELS = ["A>>B", "A>B", "A=B", "B>A", "B>>A"]


@pytest.fixture
def judged(bench: Workspace, api: FakeAPI) -> Workspace:
    """Two questions with answers of a baseline and a model. No two verdicts in a row are equal."""
    bench.add_questions(2)
    for model in ("base", "tiny"):
        bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in (1, 2)})
    bench.add_model("judge", api.v1, retry_wait=0.001, max_retries=0)
    bench.write_judge_config("judge", "base", temperature=0.7)
    numbers = iter(range(1000))
    api.answer_with(lambda call: f"[[{LABELS[next(numbers) % 5]}]]")
    return bench


def games(bench: Workspace) -> list[Any]:
    return [game for record in bench.judgments("judge", "tiny") for game in record["games"]]


def verdicts(game: Any) -> list[Any]:
    return [game["score"], *(repeat["score"] for repeat in game.get("repeats", []))]


def places(game: Any) -> list[tuple[int, int]]:
    return [(r.get("choice", 0), r["sample"]) for r in game.get("repeats", [])]


class TestAsking:
    def test_each_game_has_its_verdicts_in_one_judgment(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        done = run_main(JUDGE, "--samples", 3, check=0)
        assert "tiny: 12 planned, 12 done" in done.out and done.err == ""
        records = judged.judgments("judge", "tiny")
        assert [record["question_id"] for record in records] == ["q1", "q2"]
        assert set(Counter(call.prompt for call in api.calls).values()) == {3}
        for game in games(judged):
            assert places(game) == [(0, 2), (0, 3)]
            for repeat in game["repeats"]:
                assert repeat["judgment"] == f"[[{repeat['score']}]]"
                assert repeat["prompt_hash"] == game["prompt_hash"]
                assert "user_prompt" not in repeat and repeat["output_tokens"] > 0
        assert sorted(sum(map(verdicts, games(judged)), [])) == sorted(
            LABELS[i % 5] for i in range(12)
        )
        assert "12 cached" in run_main(JUDGE, "--samples", 3, check=0).out
        assert api.call_count == 12

    def test_a_run_asks_for_what_is_missing_and_never_less(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, check=0)
        first = games(judged)
        judged.write_judge_config("judge", "base", temperature=0.7, judge_samples=3)
        run_main(JUDGE, check=0)
        assert api.call_count == 4 * 3
        run_main(JUDGE, "--samples", 5, check=0)
        assert api.call_count == 4 * 5
        now = games(judged)
        assert [g | {"repeats": None} for g in now] == [g | {"repeats": None} for g in first]
        assert [places(game) for game in now] == [[(0, 2), (0, 3), (0, 4), (0, 5)]] * 4
        done = run_main(JUDGE, "--samples", 1, check=0)
        assert "0 planned, 0 done, 4 cached" in done.out
        assert games(judged) == now and api.call_count == 4 * 5

    def test_a_round_robin_has_them_in_every_pair(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        judged.add_answers("other", {"q1": "other on q1"})
        judged.write_judge_config("judge", "base", temperature=0.7)
        run_main(JUDGE, "--round-robin", "--samples", 2, "--limit", 1, check=0)
        assert api.call_count == 3 * 2 * 2
        assert len({call.prompt for call in api.calls}) == 3 * 2
        run_main(JUDGE, "--round-robin", "--samples", 2, "--limit", 1, check=0)
        assert api.call_count == 12

    def test_failed_repeats_are_asked_again_one_by_one(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        """The first verdict of game 1 and the second of game 2 fail."""
        api.reply(Reply.server_error(), "[[A>B]]", "[[A=B]]", "[[B>A]]", Reply.server_error())
        flags = (JUDGE, "--samples", 3, "--limit", 1)
        done = run_main(*flags, "--parallel", 1, check=1)
        assert "6 planned, 4 done" in done.out and "failed: 2 games" in done.out
        first, second = games(judged)
        assert (first["score"], first["cause"], first["judgment"]) == (None, "unfinished", "")
        assert verdicts(first) == [None, "A>B", "A=B"]
        assert (second["score"], places(second)) == ("B>A", [(0, 3)])
        # Boards take the game by its other verdicts.
        board = run_main(BOARD, "--num-rounds", 9, check=0).out
        assert "0 games without verdict" in board
        api.reply("[[A>>B]]", "[[B>>A]]")
        again = run_main(*flags, "--parallel", 1, check=0)
        assert "2 planned, 2 done, 4 cached" in again.out
        assert list(map(verdicts, games(judged)))[0] == ["A>>B", "A>B", "A=B"]
        assert list(map(places, games(judged))) == [[(0, 2), (0, 3)]] * 2
        assert all("cause" not in game for game in games(judged)) and api.call_count == 8

    def test_a_repeat_without_verdict_goes_on_and_is_played_again_on_request(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        flags = (JUDGE, "--samples", 2, "--limit", 1, "--parallel", 1)
        api.reply("[[A>B]]", "Hm.", "Hm?", "[[A>B]]", "Hm.", "[[A=B]]")
        done = run_main(*flags, check=0)
        assert "games without verdict, no label: 1 (q1 game 1 repeat 2)" in done.out
        assert list(map(verdicts, games(judged))) == [["A>B", None], ["A>B", "A=B"]]
        assert games(judged)[1]["repeats"][0]["judgment"] == "Hm.\n[[A=B]]"
        api.reply("[[B>A]]")
        run_main(*flags, "--retry-invalid", check=0)
        assert list(map(verdicts, games(judged))) == [["A>B", "B>A"], ["A>B", "A=B"]]
        assert api.call_count == 7

    def test_the_replies_of_an_unfinished_repeat_are_kept(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        flags = (JUDGE, "--samples", 2, "--limit", 1, "--parallel", 1)
        api.reply("[[A>B]]", "Hm.", Reply.server_error(), "[[B>>A]]", "[[B>>A]]", "[[B>A]]")
        run_main(*flags, check=1)
        assert api.call_count == 5
        run_main(*flags, check=0)
        assert api.calls[5].messages[-2] == {"role": "assistant", "content": "Hm."}
        assert list(map(verdicts, games(judged))) == [["A>B", "B>A"], ["B>>A", "B>>A"]]

    def test_settings_that_make_repeats_equal_are_warned_of_once(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        judged.write_judge_config("judge", "base", judge_samples=2)
        (line,) = run_main(JUDGE, check=0).err.splitlines()
        assert "the 2 verdicts of a game may all be equal at temperature 0" in line
        assert run_main(JUDGE, "--samples", 1, check=0).err == ""
        judged.add_model("judge", api.v1, temperature=1, extra_body={"seed": 1})
        (line,) = run_main(JUDGE, "--stale", "keep", check=0).err.splitlines()
        assert "may all be equal with the seed in extra_body of judge. Remove it." in line

    @pytest.mark.parametrize("value", ["0", "x", "1.5"])
    def test_a_number_that_is_none_is_refused(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain, value: str
    ) -> None:
        judged.write_judge_config("judge", "base", judge_samples=value)
        assert "judge_samples" in run_main(JUDGE, check=2).err and api.call_count == 0
        with pytest.raises(SystemExit):
            run_main(JUDGE, "--samples", value)


class TestLimits:
    def test_stale_settings_of_a_repeat_stop_the_run(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, check=0)
        judged.write_judge_config("judge", "base", temperature=0.5)
        run_main(JUDGE, "--samples", 2, "--stale", "keep", check=0)
        assert {game["repeats"][0]["settings"]["temperature"] for game in games(judged)} == {0.5}
        error = run_main(JUDGE, "--samples", 2, check=2).err
        assert "2 records were made with other settings (temperature was 0.7, now 0.5)" in error
        judged.write_judge_config("judge", "base", temperature=0.7)
        # The first verdicts are as they should be, the repeats are not.
        assert "temperature was 0.5, now 0.7" in run_main(JUDGE, check=2).err
        assert "different settings (temperature: 0.7 and 0.5)" in run_main(BOARD, check=2).err
        assert api.call_count == 8
        run_main(JUDGE, "--samples", 2, "--stale", "redo", check=0)
        assert api.call_count == 16
        assert "settings" not in games(judged)[0]["repeats"][0]

    def test_changed_answers_make_repeats_stale(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, "--samples", 2, check=0)
        record, other = judged.judgments("judge", "tiny")
        record["games"][1]["repeats"][0]["prompt_hash"] = "0" * 16
        judged.write(judged.data / "model_judgment/judge/tiny.jsonl", [record, other])
        assert "1 question or the answers have changed" in run_main(JUDGE, check=2).err

    def test_the_cost_is_that_of_all_verdicts(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        price = {"input": 0, "output": 1000}
        judged.add_model("judge", api.v1, price=price, max_retries=0)
        preview = run_main(JUDGE, "--samples", 3, "--dry-run", check=0).out
        assert "12 calls to make" in preview and "at most $6.14" in preview
        done = run_main(JUDGE, "--samples", 3, "--parallel", 1, "--max-cost", 0.27, check=1)
        cost = sum(
            verdict["output_tokens"] / 1000
            for game in games(judged)
            for verdict in [game, *game.get("repeats", [])]
        )
        assert 0 < cost <= 0.27 and "not begun" in done.out
        left = 12 - sum(len(verdicts(game)) for game in games(judged))
        again = run_main(JUDGE, "--samples", 3, "--dry-run", check=0).out
        assert f"{left} calls to make" in again and f"in {12 - left} earlier replies" in again


class TestBatches:
    def test_repeats_are_requests_of_their_own(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        fake = FakeBatches(api)
        fake.retry_after = "0.001"
        judged.write_judge_config("judge", "base", temperature=0.7, number_of_judgment_attempts=1)
        run_main(JUDGE, check=0)
        run_main(JUDGE, "--samples", 3, "--batch", "submit", check=0)
        (batch,) = fake.created
        assert len(set(batch.ids)) == 7  # the first is asked live, to learn of refusals
        lowered = run_main(JUDGE, "--samples", 2, "--batch", "fetch", check=2).err
        assert "requests for replies that this run does not ask for" in lowered
        run_main(JUDGE, "--samples", 3, "--batch", "fetch", check=0)
        assert [places(game) for game in games(judged)] == [[(0, 2), (0, 3)]] * 4
        assert sum("batch" in repeat for game in games(judged) for repeat in game["repeats"]) == 7
        assert "12 cached" in run_main(JUDGE, "--samples", 3, check=0).out
        assert sum(call.path.endswith("completions") for call in api.calls) == 4 + 1

    def test_request_files_have_them(
        self, judged: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, "--samples", 2, "--write-requests", "out", check=0)
        (path,) = (judged.root / "out").glob("*.jsonl")
        requests = judged.read_jsonl(path)
        assert len({request["custom_id"] for request in requests}) == 8
        results = [
            {"custom_id": r["custom_id"], "response": {"status_code": 200, "body": body(i)}}
            for i, r in enumerate(requests)
        ]
        judged.write("results.jsonl", results[1:])
        run_main(JUDGE, "--samples", 2, "--read-results", "results.jsonl", check=1)
        judged.write("results.jsonl", results)
        run_main(JUDGE, "--samples", 2, "--read-results", "results.jsonl", check=0)
        assert [places(game) for game in games(judged)] == [[(0, 2)]] * 4
        assert "unfinished" not in json.dumps(games(judged)) and api.call_count == 0


def body(number: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"[[{LABELS[number % 5]}]]"}
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


class TestBoards:
    """One model against the baseline. By hand, with weight 3 for a win by far."""

    def judge(self, bench: Workspace, *judgments: list[list[str | None]]) -> None:
        """Write judgments: for each, the verdicts of its two games."""
        records = [
            {
                "question_id": f"q{number}",
                "model": "tiny",
                "judge": "judge",
                "baseline": "base",
                "settings": {},
                "games": [
                    {"score": first, "repeats": [{"sample": n, "score": s} for n, s in rest]}
                    for first, *others in judgment
                    for rest in [list(enumerate(others, 2))]
                ],
            }
            for number, judgment in enumerate(judgments, 1)
        ]
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", records)

    def score(self, bench: Workspace, run_main: RunMain, *flags: object) -> float:
        run_main(BOARD, "--json", "board.json", "--num-rounds", 50, *flags)
        board = json.loads((bench.root / "board.json").read_text())
        (row,) = [row for row in board["rows"] if row["model"] == "tiny"]
        return float(row["score"])

    def test_points_are_the_mean_of_a_games_verdicts(
        self, judged: Workspace, run_main: RunMain
    ) -> None:
        q1 = [["A>B", "A>B", "A=B"], ["A=B", "A=B", None]]  # 1/6 of 1 and 1/2 of 1
        q2 = [["B>>A", "B>A"], ["A>B"]]  # 2 of 2 (the mean of the weights 3 and 1) and 1 of 1
        self.judge(judged, q1, q2)
        expected = 100 * (1 / 6 + 1 / 2 + 2 + 1) / (1 + 1 + 2 + 1)
        assert self.score(judged, run_main) == pytest.approx(expected, abs=0.01)
        drawn = self.score(judged, run_main, "--resample", "battle")
        assert drawn == pytest.approx(expected, abs=0.01)
        # The method of v2.0 averages rounds, here of 5 battles with an error of 18 points each.
        flags = ("--method", "v2.0", "--resample", "battle", "--num-rounds", 5000)
        rounds = self.score(judged, run_main, *flags)
        assert rounds == pytest.approx(expected, abs=4 * 18 / 5000**0.5)

    def test_more_copies_of_a_verdict_change_no_byte(
        self, judged: Workspace, run_main: RunMain
    ) -> None:
        games: list[list[list[str | None]]] = [[["A>>B"], ["B>A"]], [["B>A"], ["A=B"]]]
        texts = []
        for copies in (1, 3, 7):
            self.judge(judged, *[[game * copies for game in judgment] for judgment in games])
            out = ""
            for flags in ((), ("--method", "v2.0"), ("--resample", "battle", "--full-stats")):
                out += run_main(BOARD, "--num-rounds", 50, *flags).out
            texts.append(out)
        assert len(set(texts)) == 1

    def test_saved_battles_give_the_same_board(self, judged: Workspace, run_main: RunMain) -> None:
        self.judge(judged, [["A>B", "A>B", "A=B"], ["A>>B"]], [["B>A", "A=B"], ["A=B"]])
        saved = run_main(BOARD, "--save-battles").out
        lines = judged.read_jsonl("data/arena_hard_battles.jsonl")
        assert sum(line.get("weight", 1) for line in lines) == pytest.approx(1 + 3 + 1 + 1)
        loaded = run_main(BOARD, "--load-battles").out
        table = [line for line in loaded.splitlines() if line.startswith("tiny")]
        assert table and set(table) <= set(saved.splitlines())

    def test_grades_are_means_of_a_games_verdicts(
        self, judged: Workspace, run_main: RunMain
    ) -> None:
        grades: list[Any] = [[[8, 5, 5]], [[2]]]
        self.judge(judged, *grades)
        assert self.score(judged, run_main) == pytest.approx((6 + 2) / 2)

    def test_the_report_says_what_to_buy(self, judged: Workspace, run_main: RunMain) -> None:
        labels: list[str | None] = ["A>B", "B>A", "A=B"]
        once = [[[labels[i % 3]], [labels[i % 2]]] for i in range(20)]
        self.judge(judged, *once)
        report = run_main("judge_report.py", "--num-rounds", 50, "--html", "judges.html").out
        page = (judged.root / "judges.html").read_text()
        assert "repeat," not in report and "twice the verdicts" not in report + page
        self.judge(judged, *[[labels * 2, game] for _, game in once])
        report = run_main("judge_report.py", "--num-rounds", 50, "--html", "judges.html").out
        page = (judged.root / "judges.html").read_text()
        for words in ("variance by repeat", "twice the verdicts narrow"):
            assert f"{words}, %" in report and f"{words}: " in report and words in page
        # Of 6 verdicts with 2 of each kind: squares of 1 and 5 degrees of freedom.
        document = run_main("judge_report.py", "--json", "-", "--num-rounds", 50).out
        (judge,) = json.loads(document)["judges"]
        assert judge["repeat_variance"]["number"] == 40 and judge["games"] == 40
        assert 0 < judge["narrowed"]["estimate"]["value"] < 100 * (1 - 0.5**0.5)


class TestChoices:
    @pytest.fixture
    def several(self, judged: Workspace) -> Workspace:
        """The model gave three answers to each question, of which one of q2 is no answer."""
        path = judged.data / "model_answer/tiny.jsonl"
        records = judged.answers("tiny")
        for record in records:
            for index in (1, 2):
                text = f"choice {index} on {record['question_id']}"
                record["choices"].append({"index": index, "turns": [{"content": text}]})
        records[1]["choices"][2]["turns"] = []
        judged.write(path, records)
        return judged

    def test_every_answer_of_a_model_is_judged(
        self, several: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, check=0)
        assert api.call_count == 2 * 3 + 2 * 2
        assert list(map(places, games(several))) == [[(1, 1), (2, 1)]] * 2 + [[(1, 1)]] * 2
        asked = Counter(text for call in api.calls for text in ASKED if text in call.prompt)
        assert asked == dict.fromkeys(ASKED, 2)
        run_main(JUDGE, "--samples", 2, check=0)
        assert api.call_count == 2 * (2 * 3 + 2 * 2)
        first = [(0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]
        assert list(map(places, games(several))) == [first] * 2 + [first[:3]] * 2
        assert "20 cached" in run_main(JUDGE, "--samples", 2, check=0).out

    def test_a_changed_or_missing_choice_makes_the_judgment_stale(
        self, several: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        run_main(JUDGE, check=0)
        records = several.answers("tiny")
        records[0]["choices"][1]["turns"][0]["content"] = "another"
        del records[1]["choices"][1:]
        several.write(several.data / "model_answer/tiny.jsonl", records)
        assert "2 questions or the answers have changed" in run_main(JUDGE, check=2).err
        run_main(JUDGE, "--stale", "redo", check=0)
        assert list(map(places, games(several))) == [[(1, 1), (2, 1)]] * 2 + [[]] * 2


ASKED = (*("tiny on q1", "choice 1 on q1", "choice 2 on q1", "tiny on q2", "choice 1 on q2"),)
