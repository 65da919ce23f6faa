"""What readers come for, each in at most three actions from the start page."""

from __future__ import annotations

import json
import re

import pytest
from browser_site import Site
from conftest import REFERENCE
from playwright.sync_api import Page, expect


@pytest.fixture
def start(reference: Site) -> Page:
    page = reference.show()
    expect(page.locator(".judgment .side")).to_have_count(2)
    return page


def test_its_battles_board_and_judges_have_the_numbers_that_are_known(reference: Site) -> None:
    page = reference.show("?model=o1-low&question=328c149ed45a41c0b9d6f14659e63599")
    expect(page.locator(".prompt")).to_contain_text("민요 스타일의 멜로디를 ABC 표기법을")
    expect(page.locator("#title")).to_contain_text("claude-3.7-sonnet stands in")
    expect(page.locator(".judgment .side")).to_have_count(2)
    expect(page.locator(".judgment")).to_contain_text("claude-3.7-sonnet stands in for it")
    expect(page.locator(".prompt")).to_contain_text("민요 스타일의 멜로디를 ABC 표기법을")
    expect(page.locator(".judgment")).to_contain_text("290 tokens counted in it")
    page.get_by_role("link", name="Leaderboard").click()
    expect(page.locator(".board tbody tr")).to_have_count(17)
    expected = json.loads((REFERENCE / "expected_scores.json").read_text(encoding="utf-8"))
    score = f"{expected['plain']['scores']['o1-low']['score']:.1f}"
    expect(page.locator(".board tr", has_text="o1-low")).to_contain_text(score)
    page.get_by_role("link", name="Judges").click()
    expect(page.locator(".judges")).to_contain_text("ensemble")
    expect(page.locator(".judges")).to_contain_text("16,000")
    page.get_by_role("link", name="Judgments").click()
    page.get_by_label("Search").fill("민요")
    page.get_by_label("Search").press("Enter")
    expect(page).to_have_url(re.compile("text="))
    expect(page.locator(".list-head")).to_contain_text(re.compile(r"\d judgment"))
    expect(page.locator(".judgment")).to_contain_text("민요")
    reference.check()


def test_why_did_this_model_lose(reference: Site, start: Page) -> None:
    reference.choose("Model", "o1-low")
    start.locator(".strip").get_by_role("link", name=re.compile(r"^lost \d+")).click()
    expect(start.locator(".strip .chosen")).to_have_text("lost ✕")
    reference.choose("Order", "clearest losses first")
    expect(start.locator(".place")).to_contain_text("1 of ")
    expect(start.locator(".total")).to_contain_text("claude-3.7-sonnet wins: much better")
    expect(start.locator(".judgment .side")).to_have_count(2)
    reference.check()


def test_is_the_judge_biased(reference: Site, start: Page) -> None:
    start.get_by_role("link", name="Judges", exact=True).click()
    table = start.locator(".judges table").first
    expect(table).to_be_visible()
    place = table.get_by_role("columnheader").all_inner_texts().index("place bias, points")
    bias = table.locator("tbody tr").first.locator("td, th").nth(place)
    value, lower, upper = map(float, re.findall(r"-?\d+\.\d", bias.inner_text()))
    assert 0 < lower < value < upper
    bias.get_by_role("link").click()
    expect(start).to_have_url(re.compile("tab=judgments&judge=ensemble.*outcome=split"))
    expect(start.locator(".total")).to_contain_text("each side won once, both times as A")
    reference.check()


def test_which_clusters_are_weak(reference: Site, start: Page) -> None:
    start.get_by_role("link", name="Clusters", exact=True).click()
    reference.choose("Scores of", "o1-low")
    rows = start.locator(".clusters tbody tr")
    expect(start).to_have_url(re.compile("model=o1-low"))
    expect(rows.first).to_be_visible()
    scores = start.locator(".clusters td:nth-child(2)").all_inner_texts()
    numbers = [float(score) for score in scores if score != "n/a"]
    assert len(numbers) > 10
    assert numbers == sorted(numbers)
    weakest = rows.first.locator("a").first
    cluster = weakest.inner_text()
    weakest.click()
    expect(start.locator(".strip .chosen").first).to_have_text(f"in {cluster} ✕")
    expect(start.locator(".side .model")).to_contain_text("o1-low")
    reference.check()


def test_show_my_colleague_one_battle(reference: Site, start: Page) -> None:
    start.context.grant_permissions(["clipboard-read", "clipboard-write"])
    start.locator(".list .row").nth(3).click()
    expect(start.locator(".row[aria-current]")).to_have_attribute("data-row", "3")
    start.get_by_role("link", name="Copy link").click()
    expect(start.get_by_role("link", name="Copied")).to_be_visible()
    seen = start.locator("#shown").inner_text()
    link = start.evaluate("navigator.clipboard.readText()")
    colleague = Site(reference.url, start.context.new_page())
    colleague.page.goto(link)
    expect(colleague.page.locator("#shown")).to_have_text(re.compile("."))
    assert colleague.page.locator("#shown").inner_text() == seen
    colleague.check()
    colleague.page.close()
