"""The pages of a site in Chromium, opened from the folder: what they show, run and ask for."""

from __future__ import annotations

import random
import re
import shutil
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import REPO, Workspace
from playwright.sync_api import Browser, Page, expect

from arena.browser.site.search import words_of

EVIL = "http://evil.example"
HOSTILE = f"""<script>window.stolen = "script"</script> <img src=x onerror="window.stolen = 'img'">
![pixel]({EVIL}/pixel.png) [click](javascript:window.stolen='link') <iframe src="{EVIL}"></iframe>
<style>@import "{EVIL}/x.css"; body {{ background: url({EVIL}/x.png) }}</style> $root $$scripts
</p></main><svg onload="window.stolen = 'svg'"></svg> $\\text{{<img src=x onerror=stolen>}}$

$$\\sum_{{i=1}}^n i = \\frac{{n(n+1)}}{{2}}$$

The zebra of the model. 얼룩말이 뛴다.
"""
MODEL = "<img src=x onerror=alert(1)>"
FLAGS_OF_SITE = "--bench-name", "test-v1", "--judge-name", "j", "--baseline", "base"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a bench whose texts and names are hostile."""
    bench = Workspace(tmp_path_factory.mktemp("site"))
    bench.add_questions([HOSTILE, "What is 1 + 1?", "Say hello"])
    bench.add_answers(MODEL, {"q1": HOSTILE, "q2": "two", "q3": HOSTILE})
    bench.add_answers("base", {"q1": HOSTILE, "q2": "It is 2", "q3": "okapi of the baseline"})
    words = [{"score": "A>B", "judgment": HOSTILE}, {"score": "B>>A", "judgment": "gnu"}]
    for model in (MODEL, "other"):
        records = [
            {"question_id": f"q{i}", "model": model, "judge": "j", "baseline": "base"}
            | {"games": words}
            for i in (1, 2, 3)
        ]
        bench.write(bench.data / "model_judgment" / "j" / f"{model}.jsonl", records)
    shutil.copytree(REPO / "config", bench.root / "config")
    bench.run("share_results.py", *FLAGS_OF_SITE, "--site", "site", check=0)
    return bench.root / "site"


class Links(HTMLParser):
    """The addresses in a page, of links and of what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all += [value or "" for name, value in attrs if name in ("href", "src", "action")]


class TestInChromium:
    """One page goes where a reader goes."""

    def test_a_reader_opens_the_board_a_search_and_a_battle(
        self, chromium: Browser, page: Page, site: Path
    ) -> None:
        asked, complaints = list[str](), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.set_viewport_size({"width": 390, "height": 800})

        page.goto((site / "index.html").as_uri())
        expect(page.locator("h1")).to_have_text("Leaderboard of test-v1")
        assert page.locator("nav a").all_inner_texts() == [
            *("Leaderboard", "Clusters", "Judges", "Battles")
        ]
        page.get_by_role("link", name=MODEL).click()

        expect(page.locator("#count")).to_have_text("3 of 6 battles")
        page.get_by_label("model", exact=True).select_option("all models")
        expect(page.locator("#count")).to_have_text("6 battles")
        search = page.get_by_role("searchbox")
        shown = page.locator(".row:visible")
        for words, number, places in (
            ("zeb", 6, "in prompt, judge, model, baseline"),
            ("okapi", 2, "in baseline"),
            ("okapi zebra", 2, "in judge, model, baseline"),
            ("얼룩말", 6, "in prompt, judge, model, baseline"),
            ("GNU", 6, "in judge"),
            ("gn mode", 6, "in prompt, judge, model, baseline"),
            ("okapis", 0, ""),
            ("okapi two", 0, ""),
            ("two", 1, "in model"),
        ):
            search.fill(words)
            expect(page.locator("#count")).to_have_text(f"{number} of 6 battles")
            if number:
                expect(shown.locator(".found", has_text=places).first).to_be_visible()
        assert "text=two" in page.url
        page.goto(f"{(site / 'battles.html').as_uri()}#model=gone&judge=<b>")
        expect(page.locator("#count")).to_have_text("0 of 6 battles")
        expect(page.get_by_label("model", exact=True)).to_have_value("gone")
        expect(page.get_by_label("judge", exact=True)).to_be_visible()
        page.goto((site / "battles.html").as_uri())
        expect(page.locator("#count")).to_have_text("6 battles")
        search.fill("zebra")
        shown.first.click()

        expect(page.locator("h1")).to_have_text(f"{MODEL} against base")
        prompt = page.locator(".prompt .text")
        expect(prompt).to_contain_text("<img src=x onerror=\"window.stolen = 'img'\">")
        expect(prompt).to_contain_text("$root $$scripts")
        assert page.locator("img, iframe, script, svg, form").count() == 0
        assert page.locator("math[display=block] mfrac").first.is_visible()
        assert page.locator(".explanation").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        links = page.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))")
        assert {link for link in links if not link.endswith(".html")} == {"#main"}
        page.get_by_role("link", name="later battle").click()
        expect(page.locator(".steps")).to_contain_text("2 of 6")

        assert page.evaluate("window.stolen") is None
        assert complaints == []
        assert {url for url in asked if not url.startswith(f"{site.as_uri()}/")} == set()

    def test_the_script_has_the_words_of_the_index(self, page: Page, site: Path) -> None:
        page.goto((site / "battles.html").as_uri())
        codes = [*range(0x20, 0x3400), *range(0xA000, 0xAC20), *range(0xF900, 0x1_0400)]
        letters = [c for c in map(chr, codes) if unicodedata.category(c) != "Cn"]
        texts = ["".join(letters[i : i + 40]) for i in range(0, len(letters), 40)]
        rng = random.Random(1)
        texts += ["".join(rng.choices(letters, k=rng.randint(1, 60))) for _ in range(200)]
        words = page.evaluate("texts => texts.map(wordsOf)", texts)
        assert list(map(set, words)) == list(map(words_of, texts))


def test_every_page_forbids_what_it_does_not_need(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) == 4 + 6
    for path in pages:
        text = path.read_text(encoding="utf-8")
        script = "script-src 'self'; " if path.name == "battles.html" else ""
        assert (
            f"content=\"default-src 'none'; {script}style-src 'self' 'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'\"" in text
        )
        assert text.count("<script") == bool(script)
        links = Links()
        links.feed(text)
        assert links.all and all(
            re.fullmatch(r"#main|(\.\./)?[\w./]+(#model=\S+)?", link) for link in links.all
        )


def test_a_missing_answer_names_no_file(site: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert sum("There is no answer of other to this question." in text for text in texts) == 3
    assert not any(str(site.parent) in text or "/tmp/" in text for text in texts)
