"""Texts of models in Chromium: none of it runs or loads, and all of it looks right."""

from __future__ import annotations

import re

from browser_site import Site
from hostile_bench import EVIL, MODEL
from playwright.sync_api import expect


def test_hostile_text_stays_text_and_loads_nothing(ours: Site) -> None:
    page = ours.show("?question=q1")
    expect(page.locator(".side")).to_have_count(2)
    for part in (".prompt", ".explanation >> nth=0", ".side >> nth=0", ".side >> nth=1"):
        shown = page.locator(part)
        expect(shown).to_contain_text('<script>window.stolen = "script"</script>')
        expect(shown).to_contain_text("<img src=x onerror=")
        expect(shown).to_contain_text(f"[image “pixel”: {EVIL}/pixel.png]")
        expect(shown).to_contain_text("${window.stolen = 'template'}")
        expect(shown).to_contain_text("%%%LATEX_BLOCK_0%%%")
    expect(page.locator(".judgment img, .judgment script, .judgment iframe")).to_have_count(0)
    expect(page.locator(".judgment a[href^=javascript]")).to_have_count(0)
    expect(page.locator(".side .model")).to_contain_text(MODEL)
    page.get_by_label("as written").check()
    expect(page.locator(".side .verbatim").first).to_contain_text("[click](javascript:")
    page.get_by_role("link", name="Leaderboard").click()
    expect(page.locator(".board")).to_contain_text(MODEL)
    ours.check()
    # What slipped through would still not run or load.
    blocked = page.evaluate(
        """async evil => {
            const seen = [];
            const saw = event => seen.push(event.effectiveDirective);
            document.addEventListener("securitypolicyviolation", saw);
            const div = document.createElement("div");
            div.innerHTML = `<img src="${evil}/a.png"><img src=x onerror="window.stolen=1">
              <iframe src="${evil}"></iframe><link rel=stylesheet href="${evil}/b.css">`;
            document.body.append(div);
            await fetch(evil).catch(() => 0);
            while (seen.length < 5) await new Promise(requestAnimationFrame);
            div.remove();
            return seen.sort();
        }""",
        EVIL,
    )
    assert blocked == [
        "connect-src",
        "frame-src",
        "img-src",
        "script-src-attr",
        "style-src-elem",
    ]
    assert page.evaluate("window.stolen") is None
    ours.complaints.clear()  # Chromium tells of each refusal
    ours.abroad.clear()  # it names a request before it refuses it


def test_markdown_code_latex_tables_and_scripts_look_right(ours: Site) -> None:
    page = ours.show("?question=q2")
    side = page.locator(".side").first
    expect(side.locator("h1")).to_have_text("제목")
    expect(side.locator("strong").first).to_have_text("굵게(bold)")
    expect(side.locator("math")).to_have_count(6)
    expect(side.locator("math[display=block]")).to_have_count(5)
    expect(side.locator("p", has_text="is first, and").locator("strong")).to_have_text("first")
    expect(side.locator("blockquote math")).not_to_contain_text(">")
    expect(side.locator("td").first).to_have_text("한글")
    expect(side.locator(".code .k").first).to_have_text("def")
    expect(side.locator(".code")).to_contain_text('return "<b>"')
    expect(side).to_contain_text("It costs $5 to $10.")
    hebrew = side.get_by_text("שלום")
    assert hebrew.evaluate("e => getComputedStyle(e).direction") == "rtl"
    expect(page.locator(".verdict.no-verdict")).to_contain_text("no verdict")
    ours.check()


def test_search_finds_words_of_prompt_answers_and_judge(ours: Site) -> None:
    page = ours.show()
    for words in ("ZEBRA of the", "okapi of", "the okapi wins"):
        field = page.get_by_label("Search")
        field.fill(words)
        field.press("Enter")
        expect(page.locator(".list-head")).to_contain_text("1 judgment")
        expect(page.locator(".prompt")).to_contain_text("plain")
        expect(page).to_have_url(re.compile("text="))
        field.fill("")
        field.press("Enter")
        expect(page.locator(".list-head")).to_contain_text("3 judgments")
    ours.check()
