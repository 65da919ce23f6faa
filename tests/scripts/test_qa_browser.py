"""qa_browser.py: what its callbacks return, its command line, and the real process over HTTP."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from html.parser import HTMLParser

import pytest
from browser_site import add_judgments, judgment
from conftest import REPO, Workspace

from arena.bench.paths import Bench
from arena.browser.defaults import choose
from arena.browser.html.battle_page import PAGE
from arena.browser.library import Filters, Library
from arena.browser.views import board_screen, judges_screen, opened, screen


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def text_of(page: str) -> str:
    """The text of some HTML, as a reader sees it."""
    parser = Text()
    parser.feed(page)
    return " ".join(parser.words.split())


def query_of(address_html: str) -> dict[str, str]:
    href = re.search(r'href="([^"]*)"', address_html)
    assert href
    address = href[1].replace("&amp;", "&")
    return dict(urllib.parse.parse_qsl(address.removeprefix("?")))


@pytest.fixture
def library(bench: Workspace) -> Library:
    bench.add_questions(["First?", "Second?", "Third?"])
    for model in ("m", "n", "base"):
        bench.add_answers(model, {f"q{i}": f"{model} answers {i}" for i in (1, 2, 3)})
    records = [judgment(f"q{i}", "B>A", "A=B", model=m) for i in (1, 2, 3) for m in ("m", "n")]
    add_judgments(bench, [*records, judgment("q1", "A>>B", "A>B")])
    return Library(Bench(bench.root / "data", bench.name))


class TestBattles:
    def test_without_a_link_the_first_model_is_open(self, library: Library) -> None:
        tab, shown = opened(library, "j", {})
        assert (tab, shown.filters) == ("battles", Filters(judge="j", model="m"))
        assert shown.key == ("q1", "m", "base")
        assert [title for title, _ in shown.questions] == [
            "tests · First?",
            "tests · Second?",
            "tests · Third?",
        ]

    def test_the_answers_stand_in_the_order_of_the_game(self, library: Library) -> None:
        first, second = (
            text_of(screen(library, Filters(judge="j", model="m"), game=game).battle_html)
            for game in (0, 1)
        )
        assert "Game 1 · A: base, B: m → base is much better A>>B" in first
        assert "Game 2 (places swapped) · A: m, B: base → m is slightly better A>B" in first
        assert first.index("base answers 1") < first.index("m answers 1")
        assert second.index("m answers 1") < second.index("base answers 1")
        assert "says A>>B" in first
        assert "says A>B" in second
        assert "Judgment of j, game 1 · A = base · B = m" in first
        assert "Judgment of j, game 2 · A = m · B = base" in second
        assert "base baseline ✓✓ much better" in first
        assert "m model ✓ better" in second

    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            (
                ("A>B", "A>>B"),
                "the games disagree: each side won once, both times as A.",
            ),
            (("B>A", "B>A"), "the games disagree: each side won once, both times as B."),
            (("A=B", "A>>B"), "m wins: much better once, a tie once (the games disagree)."),
            (("A>B", "B>>A"), "base wins: slightly better once, much better once."),
            (("B>>A", "A>>B"), "m wins: much better twice."),
            (("A=B", "A=B"), "A tie in both games."),
        ],
    )
    def test_a_line_tells_what_both_games_come_to(
        self, bench: Workspace, library: Library, labels: tuple[str, str], words: str
    ) -> None:
        add_judgments(bench, [judgment("q1", *labels)])
        assert words in text_of(screen(library, Filters(judge="j", model="m")).battle_html)

    @pytest.mark.parametrize("second", [(), (None,)])
    def test_without_two_verdicts_no_line_tells_what_they_come_to(
        self, bench: Workspace, library: Library, second: tuple[None, ...]
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", *second)])
        shown = screen(library, Filters(judge="j", model="m"))
        assert 'class="total"' not in shown.battle_html
        said = text_of(shown.battle_html)
        assert ("Game 2 was not played" in said) == (not second)
        assert ("no verdict" in said) == bool(second)
        assert "game 1: loss, game 2: no verdict" in shown.list_html

    def test_another_judge_is_a_link_to_its_judgment_of_the_same_battle(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "B>>A", "B>A")], judge="k")
        shown = screen(library, Filters(judge="j", model="m"), game=1).battle_html
        assert "k : game 1 strong win · game 2 loss (for m)" in text_of(shown)
        tab, there = opened(library, "j", query_of(shown[shown.index('class="note"') :]))
        assert (tab, there.filters.judge, there.game) == ("battles", "k", 1)
        assert there.key == ("q1", "m", "base")

    def test_long_texts_are_shown_in_part_with_a_way_to_all_of_them(
        self, bench: Workspace, library: Library
    ) -> None:
        filters = Filters(judge="j", model="m")
        assert "show all" not in screen(library, filters).battle_html
        bench.add_questions(["word " * 200, "line\n" * 9, "Third?"])
        bench.add_answers("m", {"q1": "short", "q2": "word " * 6_000})
        first, second = (screen(library, filters, (q, "", "")).battle_html for q in ("q1", "q2"))
        assert text_of(first).count("show all show less") == 1
        assert text_of(second).count("show all") == 2
        assert "show all 30 kB" in text_of(second)

    def test_an_answer_whose_text_is_lost_is_told_from_an_empty_one(
        self, bench: Workspace, library: Library
    ) -> None:
        counts = {"token_len": 457}
        for model, metadata in (("m", counts), ("n", {})):
            turns = [{"turns": [{"content": ""}]}]
            record = {"question_id": "q1", "choices": turns, "conv_metadata": metadata}
            bench.write(bench.data / "model_answer" / f"{model}.jsonl", [record])
        lost, empty = (
            text_of(screen(library, Filters(judge="j", model=model)).battle_html) for model in "mn"
        )
        assert "holds no text of this answer (457 tokens were counted in it)." in lost
        assert "The answer is empty." in empty

    def test_the_list_tells_outcomes_by_shape_and_word_and_long_names_on_hover(
        self, library: Library
    ) -> None:
        shown = screen(library, Filters(judge="j")).list_html
        assert '<i class="dot strong-loss"></i><i class="dot win"></i>' in shown
        assert '<span class="unseen">game 1: strong loss, game 2: win.</span>' in shown
        assert '<span class="who" title="n">n</span>' in shown
        assert "won" in shown[shown.index('class="legend"') :]

    def test_grades_are_numbers_in_the_list_and_in_words(self, bench: Workspace) -> None:
        bench.add_questions(2)
        bench.add_answers("m", {"q1": "one", "q2": "two"})
        without = judgment("q2", None) | {"settings": {"pairwise": False}}
        add_judgments(bench, [judgment("q1", 7.5), without])
        library = Library(Bench(bench.root / "data", bench.name))
        shown = screen(library, Filters(judge="j"))
        assert '<i class="grade">7.5</i>' in shown.list_html
        assert "Grade 7.5" in text_of(shown.battle_html)
        other = screen(library, Filters(judge="j"), step=1)
        assert '<i class="grade">–</i>' in other.list_html
        assert "No grade" in text_of(other.battle_html)
        assert "no verdict" not in other.battle_html + other.list_html

    def test_next_and_previous_stay_within_the_list(self, library: Library) -> None:
        filters = Filters(judge="j", model="m")
        there = screen(library, filters, ("q2", "m", "base"), step=1)
        assert there.key[0] == "q3"
        assert screen(library, filters, there.key, step=1).key[0] == "q3"
        assert screen(library, filters, ("q1", "m", "base"), step=-1).key[0] == "q1"

    def test_a_filter_keeps_the_battle_where_it_passes(self, library: Library) -> None:
        key = ("q2", "m", "base")
        assert screen(library, Filters(judge="j", show="tie"), key).key == key
        lost = screen(library, Filters(judge="j", show="strong loss"), key)
        assert lost.key == ("q1", "m", "base")
        assert "No battle on question q2 passes these filters" in text_of(lost.battle_html)

    def test_another_model_or_baseline_is_shown_on_the_same_question(
        self, bench: Workspace, library: Library
    ) -> None:
        key = ("q2", "m", "base")
        other = screen(library, Filters(judge="j", model="n"), key)
        assert other.key == ("q2", "n", "base")
        assert 'class="notice"' not in other.battle_html
        own = judgment("q2", "A=B", "A=B", baseline="second")
        add_judgments(bench, [judgment("q1", "A=B"), judgment("q2", "A=B"), own])
        of_second = screen(library, Filters(judge="j", baseline="second"), key)
        assert of_second.key == ("q2", "m", "second")
        assert "No battle on question" not in of_second.battle_html

    def test_a_file_without_judgments_is_explained(self, bench: Workspace) -> None:
        bench.add_questions(1)
        bench.write(bench.data / "model_judgment" / "j" / "m.jsonl", b"")
        shown = opened(Library(Bench(bench.root / "data", bench.name)), "j", {})[1]
        for html in (shown.battle_html, shown.list_html):
            assert "The files of j hold no judgment that can be read" in text_of(html)
            assert "Take one back" not in html

    def test_a_question_file_that_cannot_be_read_is_told(
        self, bench: Workspace, library: Library
    ) -> None:
        lines = (bench.data / "question.jsonl").read_bytes()
        bench.write(bench.data / "question.jsonl", b"{broken}\n" + lines)
        words = "question.jsonl: a line is not a question"
        assert words in text_of(screen(library, Filters(judge="j")).battle_html)
        assert words in text_of(board_screen(library, "j", "", (), "").table_html)

    def test_a_judge_that_has_vanished_is_told_and_can_be_asked_for_once_more(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment("q1", "A>B", "A>B")], judge="k")
        assert screen(library, Filters(judge="k")).judges == ["j", "k"]
        shutil.rmtree(bench.data / "model_judgment" / "k")
        shown = screen(library, Filters(judge="k"))
        assert (shown.filters.judge, shown.judges) == ("j", ["j", "k"])
        words = "There are no judgments by k; these are by j."
        assert words in text_of(shown.battle_html)
        assert screen(library, shown.filters).judges == ["j"]
        board = board_screen(library, "k", "", (), "")
        assert (board.judge, board.judges) == ("j", ["j", "k"])
        assert words in text_of(board.table_html)

    def test_no_battle_is_explained(self, library: Library) -> None:
        nothing = screen(library, Filters(judge="j", text="no such words"))
        assert 'No battle has "no such words" in it.' in text_of(nothing.battle_html)
        assert nothing.questions == []

    def test_a_bench_without_judgments_is_explained(self, bench: Workspace) -> None:
        bench.add_questions(1)
        empty = Library(Bench(bench.root / "data", bench.name))
        assert "holds no judgments yet" in text_of(opened(empty, "", {})[1].battle_html)
        assert "no leaderboard" in board_screen(empty, "", "", (), "").table_html
        assert "no judgments yet" in judges_screen(empty)[0]

    def test_a_record_without_a_baseline_says_so(self, bench: Workspace, library: Library) -> None:
        record = judgment("q1", "A>B", "A>B")
        del record["baseline"]
        add_judgments(bench, [record])
        library.baseline = "base"
        shown = text_of(screen(library, Filters(judge="j", model="m")).battle_html)
        assert "The record names no baseline. base stands in for it." in shown

    def test_a_list_shows_the_page_that_holds_the_battle(self, bench: Workspace) -> None:
        ids = [f"q{i}" for i in range(1, PAGE + 11)]
        bench.add_questions(len(ids))
        add_judgments(bench, [judgment(q, "A=B", "A=B") for q in ids])
        library = Library(Bench(bench.root / "data", bench.name))
        first = screen(library, Filters(judge="j")).list_html
        last = screen(library, Filters(judge="j"), position=PAGE + 5).list_html
        assert first.count('class="row"') == PAGE
        assert last.count('class="row"') == 10
        assert f'data-row="{PAGE}"' in first
        assert f"{PAGE + 1}–{PAGE + 10}" in text_of(last)

    def test_lone_surrogates_of_old_files_stop_nothing(self, bench: Workspace) -> None:
        bench.write(
            bench.data / "question.jsonl",
            b'{"question_id": "\\ud800", "turns": [{"content": "\\udfff?"}]}\n',
        )
        bench.write(
            bench.data / "model_judgment" / "j" / "m.jsonl",
            b'{"question_id": "\\ud800", "games": [{"score": "A>B", "judgment": "\\udfff"}]}\n',
        )
        library = Library(Bench(bench.root / "data", bench.name))
        shown = screen(library, Filters(judge="j", text="?"))
        for text in (shown.list_html, shown.battle_html, shown.address_html, shown.questions[0][0]):
            assert text.encode()

    def test_the_text_as_it_was_written_is_not_rendered(
        self, bench: Workspace, library: Library
    ) -> None:
        bench.add_answers("m", {"q1": "**bold** <script>alert(1)</script>"})
        shown = screen(library, Filters(judge="j", model="m"), as_written=True).battle_html
        assert "**bold** &lt;script&gt;" in shown


class TestLinks:
    def test_a_link_opens_the_view_that_it_was_taken_from(self, library: Library) -> None:
        filters = Filters(judge="j", show="tie", order="longest answers first", text="answers 2")
        taken = screen(library, filters, ("q2", "n", "base"), game=1)
        tab, shown = opened(library, "other", query_of(taken.address_html))
        assert (tab, shown) == ("battles", taken)
        assert shown.key == ("q2", "n", "base")
        assert shown.game == 1

    def test_names_that_are_not_there_are_left_out(self, library: Library) -> None:
        query = {name: "nonsense" for name in ("tab", "judge", "model", "baseline", "category")}
        query |= {"show": "nonsense", "order": "nonsense", "game": "nonsense"}
        tab, shown = opened(library, "j", query)
        assert (tab, shown.filters, shown.game) == ("battles", Filters(judge="j"), 0)
        told = text_of(shown.battle_html)
        assert "There are no judgments by nonsense; these are by j." in told
        for what in ("model", "baseline", "category or cluster", "verdict", "order"):
            assert f"There is no {what} nonsense here; this is shown without it." in told
        assert shown.judges == ["j"]

    def test_names_with_a_slash_are_links_too(self, bench: Workspace) -> None:
        bench.add_questions(2)
        for model in ("org/m", "org/base"):
            bench.add_answers(model, {"q1": "one", "q2": "two"})
        judge, names = "openai/gpt-4", {"model": "org/m", "baseline": "org/base"}
        records = [judgment(q, "A>B", "B>A", judge=judge, **names) for q in ("q1", "q2")]
        add_judgments(bench, records, judge=judge)
        library = choose(bench.root / "data", bench.name, judge, None, None).library
        taken = screen(library, Filters(judge=judge), ("q2", "org/m", "org/base"))
        assert opened(library, judge, query_of(taken.address_html)) == ("battles", taken)
        board = board_screen(library, judge, "", (), "")
        assert 'data-model="org/m"' in board.table_html
        assert query_of(board.address_html)["judge"] == judge

    def test_a_battle_of_others_on_its_question_is_told(self, library: Library) -> None:
        query = {"question": "q2", "of": "m", "against": "nobody"}
        shown = opened(library, "j", query)[1]
        assert shown.key == ("q2", "m", "base")
        assert "The battle of m against nobody is not in this list" in text_of(shown.battle_html)

    def test_names_in_a_link_to_a_leaderboard_that_are_not_there_are_told(
        self, library: Library
    ) -> None:
        board = board_screen(library, "nonsense", "no such", (), "nobody")
        told = text_of(board.table_html)
        assert "There are no judgments by nonsense; these are by j." in told
        assert "There is no category or cluster no such here" in told
        assert "There is no baseline nobody here" in told

    def test_a_battle_that_is_not_there_is_named(self, library: Library) -> None:
        shown = opened(library, "j", {"question": "q9"})[1]
        assert "There is no question q9 here" in text_of(shown.battle_html)

    def test_the_other_tabs_have_links_too(self, library: Library) -> None:
        board = board_screen(library, "j", "tests", (), "base")
        assert query_of(board.address_html) == {
            "tab": "leaderboard",
            "judge": "j",
            "category": "tests",
            "baseline": "base",
        }
        assert query_of(judges_screen(library)[1]) == {"tab": "judges"}


class TestBoard:
    def test_it_has_a_row_and_a_point_for_each_model(
        self, bench: Workspace, library: Library
    ) -> None:
        labels = {"m": ("A>B", "B>A"), "n": ("B>A", "A>B")}
        records = [judgment(f"q{i}", *labels[m], model=m) for i in (1, 2, 3) for m in labels]
        add_judgments(bench, records)
        page = board_screen(library, "j", "", (), "").table_html
        assert re.findall(r'<tr [^>]*data-model="(.)"', page) == ["n", "m"]
        assert 'title="base is the baseline"' in page
        places = re.findall(r'class="score" cx="([\d.]+)%"', page)
        assert list(map(float, places)) == sorted(map(float, places), reverse=True)
        assert len(places) == page.count('class="interval"') == 3

    def test_a_line_says_what_the_columns_are_in_the_words_of_the_page(
        self, bench: Workspace, library: Library
    ) -> None:
        add_judgments(bench, [judgment(f"q{i}", "B>A", "B>A") for i in (1, 2, 3)])
        page = text_of(board_screen(library, "j", "", (), "").table_html)
        assert "Win rate against base in %, with its 95% interval as distances from it." in page
        assert "they take the games of a question for independent" in page
        assert "--resample" not in page

    def test_the_marks_of_the_axis_hold_all_intervals(self, library: Library) -> None:
        page = board_screen(library, "j", "", (), "").table_html
        marks = [float(mark) for mark in re.findall(r"<i style=[^>]*>([-.\d]+)</i>", page)]
        assert 2 <= len(marks) <= 8
        assert marks[0] <= 50 <= marks[-1]

    def test_the_reason_for_none_is_given_in_words(self, library: Library) -> None:
        board = board_screen(library, "j", "", ("length",), "")
        assert "<svg" not in board.table_html
        assert "add_markdown_info.py" in text_of(board.table_html)


class TestJudges:
    def test_shares_and_agreement_are_told(self, bench: Workspace, library: Library) -> None:
        add_judgments(bench, [judgment("q1", "A>>B", "A>B")], judge="k")
        page = text_of(judges_screen(library)[0])
        assert re.search(r"same label, % .*j, k \d+ 100\.0 ", page)
        assert "A>>B: A is much better; A>B: A is slightly better; A=B: a tie;" in page

    def test_grades_have_a_table_of_their_own(self, bench: Workspace) -> None:
        bench.add_questions(2)
        add_judgments(bench, [judgment("q1", 7), judgment("q2", 8)])
        page = judges_screen(Library(Bench(bench.root / "data", bench.name)))[0]
        assert "Grades of single answers" in page
        assert "7.50" in page
        assert "What each judge says" not in page
        assert "0.0 %" not in page


class TestCommandLine:
    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (["--bench-name", "nope"], "no questions and no judgments; benches here: demo-v0.1"),
            (["--judge-name", "smol-judge"], "did you mean 'smollm2-judge'"),
            (["--baseline", "smollm2-bas"], "did you mean 'smollm2-base'"),
            (["--data-dir", "nowhere"], "no bench with questions or judgments"),
            (["--config-file", "none.yaml"], "none.yaml: cannot read"),
            (["--host", "192.0.2.1"], "cannot serve at 192.0.2.1"),
            (["--port", "70000"], "from 1 to 65535"),
            (["--auth", "nobody"], "expected user:password"),
        ],
    )
    def test_what_is_wrong_is_told_at_once(
        self, demo: Workspace, flags: list[str], words: str
    ) -> None:
        done = demo.run("qa_browser.py", *flags, check=2)
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken_is_told(self, demo: Workspace) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = demo.run("qa_browser.py", "--port", port, check=2)
        assert f"cannot serve at 127.0.0.1, port {port}" in done.stderr


@pytest.fixture
def demo(bench: Workspace) -> Workspace:
    """A fresh clone: the shipped config and the demo bench."""
    shutil.copytree(REPO / "config", bench.root / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", bench.root / "data" / "demo-v0.1")
    return bench


Serve = Callable[..., tuple[subprocess.Popen[str], str, str]]


@pytest.fixture
def serve(demo: Workspace) -> Serve:
    def start(*flags: str, **env: str) -> tuple[subprocess.Popen[str], str, str]:
        process = demo.start("qa_browser.py", *flags, env=env)
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            address = re.search(r"http://\S+", line)
            if address:
                return process, address[0], said
        pytest.fail(f"ended with {process.wait()}: {said}")

    return start


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and body of a page."""
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def post(url: str, body: object) -> int:
    """Status of what is sent."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def open_session(url: str) -> str:
    """The name of a session whose page was filled in, of which Gradio keeps the state."""
    config = json.loads(get(f"{url}config")[2])
    load = next(
        d["id"] for d in config["dependencies"] if ["load"] in [t[1:] for t in d["targets"]]
    )
    asked = {"data": [], "fn_index": load, "session_hash": "session"}
    assert post(f"{url}gradio_api/queue/join", asked) == 200
    with urllib.request.urlopen(f"{url}gradio_api/queue/data?session_hash=session") as events:
        assert any(b"process_completed" in line for line in events)
    return "session"


def has_ip_6() -> bool:
    """Whether this machine has the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class TestProcess:
    def test_a_fresh_clone_shows_the_demo_bench_and_ends_with_ctrl_c(self, serve: Serve) -> None:
        process, url, said = serve()
        assert url.startswith("http://127.0.0.1:")
        assert "(demo-v0.1, judged by smollm2-judge): there is no data of arena-hard-v0.1" in said
        status, headers, body = get(url)
        policy = headers["Content-Security-Policy"]
        assert status == 200
        assert "demo-v0.1" in body
        assert "default-src 'none'" in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["X-DNS-Prefetch-Control"] == "off"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr
        assert process.stderr.read() == ""

    def test_a_password_is_asked_for(self, serve: Serve) -> None:
        _, url, _ = serve("--auth", "reader:secret")
        assert get(f"{url}config")[0] == 401

    def test_nothing_is_written_and_only_what_the_page_needs_is_served(
        self, serve: Serve, demo: Workspace
    ) -> None:
        temp = demo.root / "temp"
        _, url, _ = serve(GRADIO_TEMP_DIR=str(temp))
        session = open_session(url)
        refused = (
            *(f"gradio_api/deep_link?session_hash={session}", "gradio_api/info", "gradio_api/runs"),
            *("monitoring", "monitoring/summary", "gradio_api/vibe-code", "gradio_api/token"),
            *(
                "gradio_api/openapi.json",
                "gradio_api/proxy=http://127.0.0.1:1/",
                "gradio_api/file=x",
            ),
            *("gradio_api/upload_progress?upload_id=x", "file=x", "docs", "openapi.json"),
        )
        names = ("config/api_config.yaml", "data/demo-v0.1/question.jsonl")
        files = [file for name in names for file in (name, str(demo.root / name))]
        for path in (
            *refused,
            *(f"gradio_api/file={f}" for f in files),
            *(f"file={f}" for f in files),
        ):
            assert (path, get(url + path)[0]) == (path, 404)
        for path in ("upload", "vibe-edit", "component_server", "process_recording", "run/step"):
            assert (path, post(f"{url}gradio_api/{path}", {"data": []})) == (path, 404)
        assert [file for file in temp.rglob("*") if file.is_file()] == []
        assert not (temp / "deep_links").exists()

    def test_an_address_of_ip_6_is_served(self, serve: Serve) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        _, url, _ = serve("--host", "::1")
        assert url.startswith("http://[::1]:")
        assert get(url)[0] == 200

    def test_a_port_of_ip_6_that_is_taken_is_told(self, demo: Workspace) -> None:
        if not has_ip_6():
            pytest.skip("no socket can be bound to ::1")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            port = taken.getsockname()[1]
            done = demo.run("qa_browser.py", "--host", "::1", "--port", port, check=2)
        assert f"cannot serve at ::1, port {port}: Address already in use" in done.stderr

    def test_nothing_but_the_page_is_asked_for_and_no_share_says_so(self, serve: Serve) -> None:
        with Ear() as ear:
            proxy = f"http://127.0.0.1:{ear.port}"
            env = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy}
            _, url, _ = serve(**env, https_proxy=proxy)
            assert get(url)[0] == 200
            assert ear.heard == []
            process, url, _ = serve("--share", **env, https_proxy=proxy)
            assert process.stderr
            assert "no public link" in process.stderr.readline()
            assert get(url)[0] == 200
            assert ear.heard


class Ear:
    """A proxy that hears requests and refuses them."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
