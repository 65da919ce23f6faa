"""The page in Chromium by keys alone, labels of a person too, and what axe finds."""

from __future__ import annotations

import re

import pytest
from browser_site import Servers, Site, axe_violations
from conftest import Workspace
from hostile_bench import HOSTILE, MODEL, make_bench
from playwright.sync_api import Page, expect


def test_the_list_is_one_stop_of_the_tab_key_and_arrows_lead_through_it(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    row = page.locator(".list .row")
    assert page.locator(".list .row:not([tabindex])").count() == 1
    row.first.focus()
    for key, number in (("ArrowDown", 1), ("End", 39), ("ArrowUp", 38), ("Home", 0)):
        page.keyboard.press(key)
        expect(row.nth(number)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(row.nth(1)).to_have_attribute("aria-current", "true")
    expect(row.nth(1)).to_be_focused()
    expect(page.locator("#announcement[role=status]")).to_contain_text("Judgment 2 of 40")
    demo.check()


def test_the_keys_are_told_and_the_head_can_be_skipped(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("the next judgment")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    skip = page.get_by_text("Skip to the content")
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#view")).to_be_focused()
    demo.check()


def test_every_press_of_a_key_is_a_step(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    row = page.locator(".list .row[aria-current]")
    expect(row).to_have_attribute("data-row", "0")
    for key in "jjjjjjjjkjjj":
        page.keyboard.press(key)
    expect(row).to_have_attribute("data-row", "10")
    page.evaluate(
        """() => {
            const press = () => new KeyboardEvent("keydown", {key: "k", bubbles: true});
            for (let i = 0; i < 5; i++) document.body.dispatchEvent(press());
        }"""
    )
    expect(row).to_have_attribute("data-row", "5")
    demo.check()


def test_keys_work_beside_a_choice_and_not_while_typing_or_on_another_tab(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    row = page.locator(".list .row[aria-current]")
    expect(row).to_have_attribute("data-row", "0")
    page.get_by_label("game 2").click()
    page.keyboard.press("j")
    expect(row).to_have_attribute("data-row", "1")
    expect(page).to_have_url(re.compile("game=2"))
    page.get_by_label("Search").press("j")
    expect(page.get_by_label("Search")).to_have_value("j")
    page.get_by_role("link", name="Leaderboard").click()
    expect(page).to_have_url(re.compile("tab=leaderboard"))
    page.keyboard.press("j")
    page.get_by_role("link", name="Judgments").click()
    expect(page).to_have_url(re.compile("tab=judgments"))
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(row).to_have_attribute("data-row", "2")
    demo.check()


def test_questions_are_sorted_and_a_cell_opens_its_battle_by_keys(demo: Site) -> None:
    page = demo.show("?tab=questions&judge=smollm2-judge")
    expect(page.locator(".matrix td[class]")).to_have_count(40 * 3)
    assert page.locator(".matrix table a[tabindex='0']").count() == 1
    page.get_by_role("link", name="mean", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("rows=hardest"))
    expect(page.locator(".matrix [aria-sort=ascending] a")).to_be_focused()
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    cell = page.locator(".matrix tr:nth-child(2) td[class]").nth(1).locator("a")
    expect(cell).to_be_focused()
    outcome = (cell.get_attribute("title") or "").partition(":")[0]
    page.keyboard.press("Enter")
    expect(page.locator(".judgment .side")).to_have_count(2)
    assert outcome in {"lost", "split", "tied"}
    page.go_back()
    expect(cell).to_be_visible()
    expect(page).to_have_url(re.compile("tab=questions.*rows=hardest"))
    demo.check()


@pytest.mark.parametrize("tab", ["judgments", "leaderboard", "clusters", "questions", "judges"])
def test_axe_finds_no_violation_of_wcag_aa(demo: Site, tab: str) -> None:
    """In light, dark and forced colours."""
    looks = "model=smollm2-hot&beside=smollm2-terse&closely=smollm2-judge&category=maths"
    page = demo.show(f"?tab={tab}&judge=smollm2-judge&{looks}")
    current = page.get_by_role("link", name=tab.capitalize(), exact=True)
    expect(current).to_have_attribute("aria-current", "page")
    assert axe_violations(page) == []
    demo.complaints.clear()


def test_pairs_are_labelled_by_keys_and_the_labels_stay(
    servers: Servers, page: Page, bench: Workspace
) -> None:
    make_bench(bench)
    site = Site(servers.serve(bench, "--annotate", "anna"), page)
    site.open("?tab=annotate")
    progress = page.locator(".progress")
    expect(progress).to_have_text("Pair 1 of 3 0 labelled")
    for place, key in (("2", "2"), ("3", "s")):
        page.keyboard.press(key)
        expect(progress).to_contain_text(f"Pair {place} of 3 1 labelled")
    page.get_by_label("Note").fill("1 s u " + HOSTILE)
    page.get_by_role("button", name="much better").last.click()
    expect(progress).to_contain_text("Pair 2 of 3 2 labelled")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#view")).to_be_focused()
    sides = page.locator(".side").all_inner_texts()
    assert len(sides) == 2
    page.reload()
    expect(progress).to_contain_text("Pair 2 of 3 2 labelled")
    assert page.locator(".side").all_inner_texts() == sides
    assert page.locator("#shown").get_by_text(MODEL).count() == 0
    assert axe_violations(page) == []
    site.complaints.clear()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    buttons = page.locator(".vote > div .button")
    assert len(set(buttons.evaluate_all("all => all.map(e => e.offsetTop)"))) == 1
    assert page.locator(".vote").evaluate("e => e.clientHeight") < 110
    (folder,) = bench.data.glob("model_judgment/human-*")
    labels = {
        r["question_id"]: next(filter(None, r["games"]))["score"]
        for r in bench.judgments(folder.name, MODEL)
    }
    assert sorted(labels.values()) == ["A>B", "B>>A"]
    page.get_by_role("link", name="Show its names and verdicts").click()
    expect(page.locator(".verdicts")).to_be_visible()
    expect(page.locator(".note")).to_contain_text("human-anna")
    page.get_by_role("link", name="human-anna").evaluate("link => link.removeAttribute('target')")
    page.get_by_role("link", name="human-anna").click()
    expect(page.locator(".explanation", has_text="1 s u <script>")).to_be_visible()
    page.get_by_role("link", name="Annotate").click()
    expect(progress).to_be_visible()
    page.keyboard.press("u")
    expect(progress).to_contain_text("Pair 3 of 3 1 labelled")
    site.check()
