"""All models on the question of a judgment, and two of them side by side."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl

import pytest
from browser_site import add_judgments, judgment
from conftest import Workspace

from arena.bench.paths import Bench
from arena.browser.html.controls import Query
from arena.browser.library import Library
from arena.browser.output.downloads import FILES
from arena.browser.screens.judgments import JudgmentsScreen, open_link

MODELS = ("m", "n", "o", "base", "other")


@pytest.fixture
def library(bench: Workspace) -> Library:
    """Three models against a baseline on two questions, one of them against another too, and two
    against each other.
    """
    bench.add_questions(["First?", "Second?"])
    for model in MODELS:
        bench.add_answers(model, {f"q{i}": f"{model} answers {i}" for i in (1, 2)})
    records = [
        judgment("q1", "A>B", "A>B", model="m"),
        judgment("q1", "B>A", "A>>B", model="n"),
        judgment("q1", "A>>B", "B>A", model="o"),
        judgment("q1", "A=B", "A=B", model="m", baseline="other"),
        judgment("q1", "B>>A", "A=B", model="n", baseline="m"),
        judgment("q2", "B>A", "A>B", model="m"),
    ]
    add_judgments(bench, records)
    return Library(Bench(bench.root / "data", bench.name))


def opened(library: Library, question: str = "q1", of: str = "m", **query: str) -> JudgmentsScreen:
    key = {"question": question, "of": of, "against": "base"}
    return open_link(library, {"judge": "j", **key, **query})


def links(shown: JudgmentsScreen, text: str) -> list[Query]:
    """The queries of the links that have a text."""
    found = re.findall(r'<a href="\?([^"]*)"([^>]*)>(.*?)</a>', shown.judgment_html)
    return [
        dict(parse_qsl(html.unescape(query)))
        for query, _, words in found
        if re.sub("<.*?>", "", words) == text
    ]


def strip(shown: JudgmentsScreen) -> list[str]:
    """The signs and names in the strip."""
    (nav,) = re.findall(r'<nav class="on-question".*?</nav>', shown.judgment_html)
    items = re.findall(r"<li>(.*?)</a>", nav)
    return [re.sub("<.*?>", "", item) for item in items]


def test_the_strip_has_all_models_from_best_to_worst(library: Library) -> None:
    shown = opened(library)
    # The margins are 1.5, 0 and -1.5.
    assert strip(shown) == ["+n", "±m", "−o"]
    current = re.findall(r'<a [^>]*aria-current="true"[^>]*>(.*?)</a>', shown.judgment_html)
    assert [re.sub("<.*?>", "", one) for one in current] == ["±m"]
    assert shown.judgment_html.index("First?") < shown.judgment_html.index("on-question")
    assert shown.judgment_html.index("on-question") < shown.judgment_html.index("Game 1")


def test_a_link_of_the_strip_switches_the_model(library: Library) -> None:
    (query,) = links(opened(library, game="2", written="1"), "+n")
    after = open_link(library, query)
    assert after.key == ("q1", "n", "base")
    assert (after.game, after.as_written, after.filters.model) == (1, True, "")
    (query,) = links(opened(library, model="m", outcome="split", category=""), "−o")
    after = open_link(library, query)
    assert (after.key, after.filters.model) == (("q1", "o", "base"), "o")
    # A filter that the other judgment may not pass does not stay.
    assert after.filters.outcome == ""


def test_a_question_of_one_model_has_no_strip(library: Library) -> None:
    assert "on-question" not in opened(library, question="q2").judgment_html


def test_a_strip_is_of_one_baseline(library: Library) -> None:
    other = open_link(
        library, {"judge": "j", "question": "q1", "of": "m", "against": "other", "model": "m"}
    )
    assert other.key == ("q1", "m", "other")
    assert "on-question" not in other.judgment_html


def test_two_models_stand_beside_their_baseline(library: Library) -> None:
    shown = opened(library, beside="o")
    page = shown.judgment_html
    heads = re.findall(r'<section class="side"><h3 class="(\w+)"><b>(\w)</b>.*?>(\w+)</span>', page)
    assert heads == [("baseline", "A", "base"), ("model", "B", "m"), ("model", "B", "o")]
    assert all(f"{model} answers 1" in page for model in ("base", "m", "o"))
    assert re.findall('<h3 class="of">(.*?)</h3>', page) == ["m against base", "o against base"]
    assert page.count('class="verdict ') == 4
    verdicts = re.findall('<p class="said">(.*?)</p>', page)
    assert [html.unescape(re.sub("<.*?>", "", words)) for words in verdicts] == [
        "base is slightly better A>B",
        "m is slightly better A>B",
        "base is much better A>>B",
        "base is slightly better B>A",
    ]
    swapped = opened(library, beside="o", game="2").judgment_html
    heads = re.findall(
        r'<section class="side"><h3 class="(\w+)"><b>(\w)</b>.*?>(\w+)</span>', swapped
    )
    assert heads == [("baseline", "B", "base"), ("model", "A", "m"), ("model", "A", "o")]


def test_the_second_model_is_chosen_in_the_form_and_in_the_strip(library: Library) -> None:
    shown = opened(library)
    form = shown.view().parts["filters"]
    assert re.findall(r'<option value="(\w*)"', form.partition('name="beside"')[2]) == [
        "",
        "n",
        "o",
    ]
    adding = links(shown, "◫")
    assert [query["beside"] for query in adding] == ["n", "o"]
    after = open_link(library, adding[1])
    assert (after.key, after.query["beside"]) == (("q1", "m", "base"), "o")
    # The link of the model that is beside takes it away.
    assert [query.get("beside") for query in links(after, "◫")] == ["n", None]
    # To open it leaves nothing beside it, and to open a third one leaves it there.
    assert [
        open_link(library, links(after, name)[0]).query.get("beside") for name in ("−o", "+n")
    ] == [
        None,
        "o",
    ]


def test_a_direct_judgment_of_both_is_a_link(library: Library) -> None:
    shown = opened(library, beside="n")
    (query,) = links(shown, "n against m")
    assert open_link(library, query).key == ("q1", "n", "m")
    (note,) = re.findall('<p class="note">Against each other: (.*?)</p>', shown.judgment_html)
    assert re.sub("<.*?>", "", note) == "n against m: game 1 strong win · game 2 tie (for n)"
    assert "Against each other" not in opened(library, beside="o").judgment_html
    assert "Against each other" not in opened(library).judgment_html


def test_a_second_model_that_was_not_judged_stays_chosen(library: Library) -> None:
    shown = opened(library, question="q2", beside="n")
    assert shown.query["beside"] == "n"
    assert "There is no judgment of n against base on this question." in shown.notices
    assert '<option value="n" selected>' in shown.view().parts["filters"]


def test_a_model_is_not_beside_itself_but_stays_chosen(
    library: Library,
) -> None:
    shown = opened(library, beside="m")
    assert shown.query["beside"] == "m"
    assert shown.judgment_html.count('<section class="side">') == 2
    assert "There is no judgment" not in shown.judgment_html


def test_a_first_view_waits_for_no_other_model(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.browser.library.LARGE", 0)
    shown = opened(library, model="m", beside="n")
    assert 'class="on-question later"' in shown.judgment_html
    assert "<nav" not in shown.judgment_html
    assert shown.query["beside"] == "n"
    after = opened(library, model="m", beside="n", later="1")
    assert strip(after) == ["+n", "±m", "−o"]
    assert after.query == shown.query
    assert strip(opened(library)) == ["+n", "±m", "−o"]


def test_a_saved_battle_has_the_second_model_too(bench: Workspace, library: Library) -> None:
    (bench.data / "model_answer" / "n.jsonl").unlink()
    query = {"judge": "j", "question": "q1", "of": "m", "against": "base", "beside": "n"}
    saved = FILES["/battle.html"](library, query)
    assert '"test-v1-m-n-q1.html"' in saved.headers["content-disposition"]
    page = bytes(saved.body).decode()
    assert "m and n against base" in page
    _, *pairs = page.split('<h3 class="of">')
    assert [re.findall("<code.*?>(.*?)</code>", pair) for pair in pairs] == [
        ["A&gt;B", "A&gt;B"],
        ["B&gt;A", "A&gt;&gt;B"],
    ]
    assert "Against each other: n against m: game 1" in page
    names = re.findall(r'<span class="name" title="(\w+)">', page)
    assert names == ["base", "m", "n"]
    assert "There is no answer of n to this question." in page and str(bench.root) not in page
    assert "<a href" not in page.partition('class="judgment"')[2]
    for other in ("nobody", "m", "other"):  # which have no judgment to stand beside it
        alone = FILES["/battle.html"](library, query | {"beside": other})
        assert '"test-v1-m-q1.html"' in alone.headers["content-disposition"]
        assert b"m against base" in alone.body and b'class="of"' not in alone.body
