"""The demo read in Chromium: judgments, boards and clusters, what is found and saved."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

from browser_site import Site, sides
from conftest import REPO
from playwright.sync_api import expect


def demo_record(kind: str) -> dict[str, Any]:
    path = REPO / "data" / "demo-v0.1" / kind
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = "01dab03ff82a93137dc81af7b56699e6"
    found: dict[str, Any] = next(r for r in records if r["question_id"] == wanted)
    return found


def test_a_known_battle_in_both_games(demo: Site) -> None:
    base = demo_record("model_answer/smollm2-base.jsonl")["choices"][0]["turns"][0]["content"]
    hot = demo_record("model_answer/smollm2-hot.jsonl")["choices"][0]["turns"][0]["content"]
    page = demo.show("?model=smollm2-hot&question=01dab03ff82a93137dc81af7b56699e6")
    expect(page.locator(".verdict.chosen")).to_contain_text("a tie")
    expect(page.locator(".explanation").first).to_contain_text("My verdict: [[A=B]]")
    expect(page.locator(".side").first).to_contain_text(base.split("\n")[0])
    expect(page.locator(".side").last).to_contain_text(hot.split(" which returns")[0][:20])
    assert sides(page)[0].startswith("A smollm2-base baseline")
    assert sides(page)[1].startswith("B smollm2-hot model")
    page.get_by_label("game 2").click()
    expect(page.locator(".verdict.chosen")).to_contain_text("smollm2-hot is much better")
    expect(page.locator(".explanation").last).to_contain_text("My verdict: [[A>>B]]")
    assert sides(page)[0].startswith("A smollm2-hot model")
    assert sides(page)[1].startswith("B smollm2-base baseline")
    expect(page.locator(".side").last).to_contain_text(base.split("\n")[0])
    demo.check()


def test_the_list_and_a_battle_are_saved(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot&outcome=split&game=2")
    names = []
    for link in ("CSV", "JSON lines", "Save battle"):
        with page.expect_download() as download:
            page.get_by_role("link", name=link, exact=True).click()
        names.append(download.value.suggested_filename)
        text = download.value.path().read_text(encoding="utf-8")
        if link == "CSV":
            listed = page.locator(".list .row").count()
            assert len(list(csv.DictReader(text.splitlines()))) == listed
        assert "smollm2-hot" in text and demo.url not in text and "127.0.0.1" not in text
    assert names[:2] == [f"demo-v0.1-smollm2-judge-smollm2-hot.{e}" for e in ("csv", "jsonl")]
    assert re.fullmatch("demo-v0.1-smollm2-hot-[0-9a-f]{32}.html", names[2])
    demo.check()


def test_on_paper_a_judgment_is_whole_and_light(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    expect(page.locator(".judgment .side")).to_have_count(2)
    page.evaluate("document.body.classList.add('dark')")
    page.emulate_media(media="print")
    for gone in ("#tabs", "#tools", "#filters", "#found", ".bar-above"):
        expect(page.locator(gone)).to_be_hidden()
    cut = "e => e.scrollHeight > e.clientHeight + 1 || getComputedStyle(e).maskImage !== 'none'"
    texts = page.locator(".judgment :is(.text, .answer, .long)")
    assert texts.count() == 5
    assert [texts.nth(i).evaluate(cut) for i in range(texts.count())] == [False] * texts.count()
    words = "['.prompt p', '.verdict .said', '.side .answer']"
    colour = "e => getComputedStyle(document.querySelector(e)).color"
    colours = page.evaluate(f"{words}.map({colour})")
    assert all(max(map(int, re.findall(r"\d+", one)[:3])) < 100 for one in colours)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 3
    page.emulate_media(media="screen")
    page.evaluate("document.body.classList.remove('dark')")
    demo.check()


def test_a_row_is_opened_and_the_list_follows(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    expect(page.locator(".judgment .side")).to_have_count(2)
    row = page.locator(".list .row")
    row.nth(35).click()
    expect(row.nth(35)).to_have_attribute("aria-current", "true")
    expect(page.locator(".bar-above .place")).to_have_text("36 of 40")
    page.locator("#previous").click()
    expect(row.nth(34)).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    expect(row.nth(35)).to_have_attribute("aria-current", "true")
    expect(row.nth(35)).to_be_in_viewport()
    demo.check()


def test_a_second_model_stands_beside_the_first_on_one_question(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot&question=01dab03ff82a93137dc81af7b56699e6")
    strip = page.locator(".on-question a")
    expect(strip).to_have_count(5)
    assert page.locator(".on-question a[tabindex='0']").count() == 1
    demo.choose("Beside", "smollm2-terse")
    expect(page.locator(".judgment .side")).to_have_count(3)
    expect(page.locator(".judgment .verdict")).to_have_count(4)
    shown = page.locator(".on-question [aria-current]").first
    expect(shown).to_contain_text("smollm2-hot")
    shown.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("of=smollm2-plain.*beside=smollm2-terse"))
    expect(page.locator(".on-question [aria-current]").first).to_be_focused()
    assert [" ".join(text.split()[:2]) for text in sides(page)] == [
        "A smollm2-base",
        "B smollm2-plain",
        "B smollm2-terse",
    ]
    demo.check()


def test_the_words_of_both_games_stay_open_or_closed_from_judgment_to_judgment(demo: Site) -> None:
    page = demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot")
    words = page.locator(".explanation.own")
    expect(words).to_have_count(2)
    expect(page.locator(".explanation.own[open]")).to_have_count(2)
    name = page.locator(".prompt code").first
    before = name.inner_text()
    words.first.locator("summary").click()
    page.locator("#next").click()
    expect(name).not_to_have_text(before)
    expect(page.locator(".explanation.own[open]")).to_have_count(0)
    page.locator("#previous").click()
    expect(name).to_have_text(before)
    words.first.locator("summary").click()
    expect(page.locator(".explanation.own[open]")).to_have_count(2)
    demo.check()


def test_searched_words_are_marked_where_they_are(demo: Site) -> None:
    page = demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot&text=quiet")
    expect(page.locator(".found")).to_contain_text("quiet in prompt")
    marked = "[...(CSS.highlights.get('sought') ?? [])].map(r => String(r).toLowerCase())"
    page.wait_for_function(f"{marked}.length > 0")
    assert set(page.evaluate(marked)) == {"quiet"}
    demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot")
    page.wait_for_function(f"{marked}.length === 0")
    demo.check()


def test_outcomes_are_chosen_above_the_list_and_shown_as_chips(demo: Site) -> None:
    page = demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot")
    strip, head = page.locator(".strip"), page.locator(".list-head")
    strip.get_by_role("link", name="lost 9").click()
    expect(head).to_contain_text("9 judgments")
    expect(page.locator(".total")).to_contain_text("smollm2-base wins")
    strip.get_by_role("link", name="split 13").click()
    expect(head).to_contain_text("22 judgments")
    expect(page).to_have_url(re.compile("outcome=lost%2Csplit"))
    strip.get_by_role("link", name="lost ✕").click()
    expect(head).to_contain_text("13 judgments")
    page.get_by_role("link", name="Reset filters").click()
    expect(head).to_contain_text("40 judgments")
    expect(strip.locator(".chosen")).to_have_count(0)
    demo.check()


def test_the_list_is_turned_beside_the_judgment_that_is_open(demo: Site) -> None:
    page = demo.show("?tab=judgments&judge=smollm2-judge&model=")
    name, rows = page.locator(".prompt code").first, page.locator(".list .row")
    expect(rows).to_have_count(50)
    before = name.inner_text()
    page.get_by_role("link", name="last judgments").click()
    expect(rows).to_have_count(20)
    expect(name).to_have_text(before)
    page.get_by_role("link", name="first judgments").click()
    expect(page.locator(".list [aria-current]")).to_have_count(1)
    demo.check()


def test_filters_are_taken_back(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    head, reset = page.locator(".list-head"), page.get_by_role("link", name="Reset filters")
    expect(head).to_contain_text("40 judgments")
    expect(reset).to_have_count(0)
    expect(page.locator("#previous")).to_be_disabled()
    search = page.get_by_label("Search")
    search.fill("zzzzqqq")
    search.press("Enter")
    expect(page.locator("#judgment .notice")).to_have_text(
        'No judgment of smollm2-hot has "zzzzqqq" in it.'
    )
    expect(page.get_by_label("game 1")).to_have_count(0)
    expect(page.locator("#next")).to_be_disabled()
    expect(page.locator(".set")).to_have_count(1)
    reset.click()
    expect(head).to_contain_text("40 judgments")
    expect(search).to_have_value("")
    expect(reset).to_have_count(0)
    expect(page.locator(".set")).to_have_count(0)
    expect(page.get_by_label("game 1")).to_be_checked()
    search.fill("the")
    search.press("Enter")
    expect(page).to_have_url(re.compile("text=the"))
    search.fill("")
    page.locator("h1").click()
    expect(page).not_to_have_url(re.compile("text="))
    demo.check()


def test_the_leaderboard_is_controlled_for_style_and_opens_a_models_battles(demo: Site) -> None:
    page = demo.show("?tab=leaderboard")
    expect(page.locator(".board .below")).not_to_contain_text("style coefficients")
    page.get_by_label("length").check()
    expect(page.locator(".board .below")).to_contain_text("style coefficients: token_len")
    demo.choose("Category or cluster", "maths")
    expect(page.locator(".board .below")).to_contain_text("questions judged: 5 of 5")
    expect(page).to_have_url(re.compile("category=maths&control=length"))
    page.locator(".board a", has_text="smollm2-terse").click()
    expect(page.locator(".judgment")).to_be_visible()
    expect(page.locator(".side .model")).to_contain_text("smollm2-terse")
    expect(page).to_have_url(re.compile("tab=judgments.*model=smollm2-terse"))
    demo.check()


def test_clusters_are_sorted_beside_a_second_model_and_open_their_battles(demo: Site) -> None:
    page = demo.show("?tab=clusters&model=smollm2-terse")
    rows = page.locator(".clusters tbody tr")
    expect(rows).to_have_count(8)
    expect(page.locator(".clusters svg .interval")).to_have_count(8)
    scores = [float(text) for text in page.locator(".clusters td:nth-child(2)").all_inner_texts()]
    assert len(scores) == 8
    assert scores == sorted(scores)
    page.get_by_role("link", name="cluster", exact=True).click()
    expect(rows.first).to_contain_text("coding")
    demo.choose("Beside", "smollm2-hot")
    expect(page).to_have_url(re.compile("beside=smollm2-hot&sort=name"))
    page.go_back()
    expect(page.locator(".clusters svg .interval")).to_have_count(8)
    page.go_forward()
    expect(page.locator(".clusters svg .interval")).to_have_count(16)
    page.get_by_role("link", name="maths").click()
    expect(page).to_have_url(re.compile("tab=judgments.*model=smollm2-terse&category=maths"))
    expect(page.locator(".list-head")).to_contain_text("5 judgments")
    page.go_back()
    page.locator(".clusters tr", has_text="data").locator("td a").nth(1).click()
    expect(page).to_have_url(re.compile("model=smollm2-hot&category=data"))
    demo.check()
