"""The browser's page in Chromium: every tab, links, what models may not do, and where it asks.

Needs Debian's `chromium` and `fonts-noto-cjk`. Without Chromium these tests are skipped, but not
in CI, where they fail.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import pytest
from browser_site import Servers, Site, question
from conftest import NO_REFERENCE, REFERENCE, REPO, Workspace
from playwright.sync_api import BrowserContext, Page, Route, expect

SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
EVIL = "http://evil.example"
HOSTILE = f"""<script>window.stolen = "script"</script> <img src=x onerror="window.stolen = 'img'">
![pixel]({EVIL}/pixel.png) [click](javascript:window.stolen='link') <iframe src="{EVIL}"></iframe>
<style>@import "{EVIL}/x.css"; body {{ background: url({EVIL}/x.png) }}</style>
<link rel=stylesheet href={EVIL}/y.css> <svg onload="window.stolen = 'svg'"></svg>
${{window.stolen = 'template'}} {{{{window.stolen}}}} $<img src=x onerror="window.stolen='math'">$
%%%LATEX_BLOCK_0%%% \\(\\href{{javascript:window.stolen='tex'}}{{x}}\\)
\\(\\includegraphics{{{EVIL}/z.png}}\\)
"""
RICH = """# 제목

**굵게(bold)**는 이렇게, inline $a_b<c^2$ and

$$\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$$

\\[
\\begin{aligned} x &= 1 \\\\ y &= 2 \\end{aligned}
\\]

| left | right |
|:--|--:|
| 한글 | `x` |

```python
def f(x):
    return "<b>"
```

שלום עולם

It costs $5 to $10.

$$a$$ is **first**, and $$b$$ second.

> $$
> c=d
> $$
"""


def judgment(number: int, *games: tuple[str | None, str]) -> dict[str, Any]:
    played = [{"user_prompt": "asked", "judgment": said, "score": label} for label, said in games]
    known = {"question_id": f"q{number}", "model": MODEL, "judge": "judge", "baseline": "base"}
    return known | {"games": played}


MODEL = "<img src=x onerror=alert(1)>"  # a file can have this name


def make_bench(bench: Workspace) -> None:
    bench.add_questions(
        [question(1, HOSTILE, "hostile"), question(2, RICH, "rich"), question(3, "plain", "plain")]
    )
    bench.add_answers(MODEL, {"q1": HOSTILE, "q2": RICH, "q3": "zebra of the model"})
    bench.add_answers("base", {"q1": HOSTILE, "q2": RICH, "q3": "okapi of the baseline"})
    records = [
        judgment(1, ("A>B", HOSTILE), ("A>B", HOSTILE)),
        judgment(2, ("A=B", RICH), (None, "I cannot say")),
        judgment(3, ("B>>A", "the zebra wins"), ("B>A", "the okapi wins")),
    ]
    bench.write(bench.data / "model_judgment" / "judge" / f"{MODEL}.jsonl", records)


@pytest.fixture(scope="module")
def our_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace(tmp_path_factory.mktemp("ours"))
    make_bench(workspace)
    return servers.serve(workspace)


@pytest.fixture(scope="module")
def demo_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace(tmp_path_factory.mktemp("demo"))
    shutil.copytree(REPO / "config", workspace.root / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", workspace.root / "data" / "demo-v0.1")
    return servers.serve(workspace)


@pytest.fixture(scope="module")
def reference_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    if not REFERENCE.is_dir():
        pytest.skip(NO_REFERENCE)
    workspace = Workspace(tmp_path_factory.mktemp("reference"))
    (workspace.root / "data").mkdir(exist_ok=True)
    (workspace.root / "data" / REFERENCE.name).symlink_to(REFERENCE)
    return servers.serve(workspace)


@pytest.fixture(scope="module")
def ours(our_url: str, context: BrowserContext) -> Iterator[Site]:
    """Our bench in one page for all tests, since a page takes a second to load."""
    yield from opened(our_url, context)


@pytest.fixture(scope="module")
def demo(demo_url: str, context: BrowserContext) -> Iterator[Site]:
    """The demo in one page for all tests."""
    yield from opened(demo_url, context)


def opened(url: str, context: BrowserContext) -> Iterator[Site]:
    site = Site(url, context.new_page())
    site.open()
    yield site
    site.page.close()


@pytest.fixture
def new(demo_url: str, page: Page) -> Site:
    """A page of the demo that is not loaded yet."""
    return Site(demo_url, page)


@pytest.fixture
def reference(reference_url: str, page: Page) -> Site:
    return Site(reference_url, page)


def demo_record(kind: str) -> dict[str, Any]:
    path = REPO / "data" / "demo-v0.1" / kind
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = "01dab03ff82a93137dc81af7b56699e6"
    found: dict[str, Any] = next(r for r in records if r["question_id"] == wanted)
    return found


def sides(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(".side").all_inner_texts()]


def axe_violations(page: Page) -> list[tuple[str, Any, str]]:
    """What axe finds against WCAG AA, in light, dark and forced colours."""
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate(AXE)
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    rules = {"runOnly": levels, "resultTypes": ["violations"]}
    found = []
    for look in ("light", "dark", "forced"):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", look == "dark")
        page.emulate_media(forced_colors="active" if look == "forced" else "none")
        violations = page.evaluate("rules => axe.run(rules)", rules)["violations"]
        found += [(one["id"], one["nodes"][0]["target"], look) for one in violations]
    page.emulate_media(forced_colors="none")
    return found


def test_a_proxy_can_serve_it_below_a_path(new: Site) -> None:
    """It asks below the path alone, and has its colours."""
    there, page = "http://bench.example/below/", new.page

    def serve(route: Route) -> None:
        asked = route.request.url.partition(there)[2]
        route.fulfill(response=route.fetch(url=new.url + asked, headers={}))

    page.route(f"{there}**", serve)
    site = Site(there, page)
    site.open("?tab=leaderboard")
    expect(page).to_have_url(re.compile(r"/below/\?tab=leaderboard&judge="))
    font = "getComputedStyle(document.body).getPropertyValue('--body-text-size')"
    page.wait_for_function(f"{font} !== ''")  # of the theme, which Gradio loads late
    site.check()


class TestDemo:
    def test_all_tabs_open_and_fit_a_laptop_in_both_colour_schemes(self, new: Site) -> None:
        page = new.open()
        expect(page.locator(".judgment .side")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (int(re.findall(r"\d+", background)[0]) < 128) == (scheme == "dark")
        expect(page.locator("#title")).to_contain_text("no data of arena-hard-v0.1 yet")
        page.get_by_role("link", name="Leaderboard").click()
        expect(page.locator(".board tbody tr")).to_have_count(4)
        expect(page.locator(".board tbody tr").first).to_contain_text("59.1")
        expect(page.locator(".board svg .interval")).to_have_count(4)
        page.get_by_role("link", name="Judges").click()
        expect(page.locator(".judges tbody tr").first).to_contain_text("smollm2-judge")
        new.check()

    def test_a_known_battle_in_both_games(self, demo: Site) -> None:
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

    def test_the_address_opens_the_same_view(self, new: Site) -> None:
        page = new.open()
        expect(page.locator(".list .row").first).to_be_visible()
        new.choose("Verdict", "games disagree")
        expect(page.locator(".list-head")).not_to_contain_text("40 judgments")
        page.locator("#next").click()
        expect(page.locator(".list .row").nth(1)).to_have_attribute("aria-current", "true")
        page.get_by_label("game 2").click()
        expect(page).to_have_url(re.compile("verdict=games.disagree.*game=2"))
        shown, address = sides(page), page.url
        href = page.locator(".address").get_attribute("href")
        assert href
        assert address == f"{new.url}{href}"
        page.goto("about:blank")
        page.goto(address)
        expect(page.locator(".judgment .side")).to_have_count(2)
        assert sides(page) == shown
        expect(page.get_by_label("game 2")).to_be_checked()
        expect(page).to_have_url(address)
        new.check()

    def test_the_list_and_a_battle_are_saved(self, demo: Site) -> None:
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

    def test_on_paper_a_judgment_is_whole_and_light(self, demo: Site) -> None:
        page = demo.show("?model=smollm2-hot")
        expect(page.locator(".judgment .side")).to_have_count(2)
        page.evaluate("document.body.classList.add('dark')")
        page.emulate_media(media="print")
        for gone in ("#tabs", "#tools", "#filters", "#found", ".bar-above"):
            expect(page.locator(gone)).to_be_hidden()
        cut = "e => e.scrollHeight > e.clientHeight + 1 || getComputedStyle(e).maskImage !== 'none'"
        texts = page.locator(".judgment :is(.text, .answer, .long)")
        assert [texts.nth(i).evaluate(cut) for i in range(texts.count())] == [False] * texts.count()
        words = "['.prompt p', '.verdict .said', '.side .answer']"
        colour = "e => getComputedStyle(document.querySelector(e)).color"
        colours = page.evaluate(f"{words}.map({colour})")
        assert all(max(map(int, re.findall(r"\d+", one)[:3])) < 100 for one in colours)
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 3
        page.emulate_media(media="screen")
        page.evaluate("document.body.classList.remove('dark')")
        demo.check()

    def test_a_row_is_opened_and_the_list_follows(self, demo: Site) -> None:
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

    def test_the_list_is_one_stop_of_the_tab_key_and_arrows_lead_through_it(
        self, demo: Site
    ) -> None:
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

    def test_the_keys_are_told_and_the_head_can_be_skipped(self, demo: Site) -> None:
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

    def test_the_leaderboard_is_controlled_for_style_and_opens_a_models_battles(
        self, demo: Site
    ) -> None:
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

    def test_clusters_are_sorted_beside_a_second_model_and_open_their_battles(
        self, demo: Site
    ) -> None:
        page = demo.show("?tab=clusters&model=smollm2-terse")
        rows = page.locator(".clusters tbody tr")
        expect(rows).to_have_count(8)
        expect(page.locator(".clusters svg .interval")).to_have_count(8)
        scores = [
            float(text) for text in page.locator(".clusters td:nth-child(2)").all_inner_texts()
        ]
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

    def test_questions_are_sorted_and_a_cell_opens_its_battle_by_keys(self, demo: Site) -> None:
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

    def test_a_second_model_stands_beside_the_first_on_one_question(self, demo: Site) -> None:
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

    def test_what_a_first_view_leaves_out_is_asked_for_at_once(self, demo: Site) -> None:
        page = demo.show("?tab=judgments&model=smollm2-hot")
        strip = page.locator(".on-question a")
        expect(strip.first).to_be_visible()

        page.evaluate(
            """() => {
                const real = window.fetch;
                window.later = 0;
                window.fetch = async address => {
                    const answer = await real(address);
                    if (address.includes("later=1")) {
                        window.later++;
                        return answer;
                    }
                    const view = await answer.json();
                    const place = '<p class="on-question later"></p>';
                    view.parts.shown = view.parts.shown.replace(/<nav.*?<\\/nav>/s, place);
                    return new Response(JSON.stringify(view));
                };
                window.restore = () => { window.fetch = real; };
            }"""
        )
        for number in (1, 2):
            page.keyboard.press("j")
            expect(page.locator(".bar-above .place")).to_have_text(f"{number + 1} of 40")
            page.wait_for_function(f"later === {number}")
            expect(strip.first).to_be_visible()
        page.evaluate("restore()")
        expect(page).not_to_have_url(re.compile("later"))
        demo.check()

    def test_a_choice_is_asked_for_once_however_it_is_made(self, demo: Site) -> None:
        page = demo.show("?model=smollm2-hot")
        expect(page.locator(".judgment .side")).to_have_count(2)
        with demo.one_request():
            demo.choose("Model", "smollm2-terse")
            expect(page).to_have_url(re.compile("model=smollm2-terse"))
        with demo.one_request():
            page.get_by_label("Search").fill("calendar widget")
            page.keyboard.press("Enter")
            expect(page.locator(".prompt")).to_contain_text("Our calendar widget lists the days")
        with demo.one_request():
            page.get_by_label("Search").fill("")
            page.locator("h1").click()
            expect(page).not_to_have_url(re.compile("text="))
        page.get_by_role("link", name="Leaderboard").click()
        expect(page).to_have_url(re.compile("tab=leaderboard"))
        with demo.one_request():
            demo.choose("Category or cluster", "maths")
            expect(page).to_have_url(re.compile("category=maths"))
        page.get_by_role("link", name="Judgments").click()
        expect(page).to_have_url(re.compile("tab=judgments.*model=smollm2-terse"))
        demo.check()

    def test_every_press_of_a_key_is_a_step(self, demo: Site) -> None:
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

    def test_keys_work_beside_a_choice_and_not_while_typing_or_on_another_tab(
        self, demo: Site
    ) -> None:
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

    @pytest.mark.parametrize("tab", ["judgments", "leaderboard", "clusters", "questions", "judges"])
    def test_axe_finds_no_violation_of_wcag_aa(self, demo: Site, tab: str) -> None:
        """In light, dark and forced colours."""
        looks = "model=smollm2-hot&beside=smollm2-terse&closely=smollm2-judge&category=maths"
        page = demo.show(f"?tab={tab}&judge=smollm2-judge&{looks}")
        current = page.get_by_role("link", name=tab.capitalize(), exact=True)
        expect(current).to_have_attribute("aria-current", "page")
        assert axe_violations(page) == []
        demo.complaints.clear()

    def test_the_words_of_both_games_stay_open_or_closed_from_judgment_to_judgment(
        self, demo: Site
    ) -> None:
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

    def test_searched_words_are_marked_where_they_are(self, demo: Site) -> None:
        page = demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot&text=quiet")
        expect(page.locator(".found")).to_contain_text("quiet in prompt")
        marked = "[...(CSS.highlights.get('sought') ?? [])].map(r => String(r).toLowerCase())"
        page.wait_for_function(f"{marked}.length > 0")
        assert set(page.evaluate(marked)) == {"quiet"}
        demo.show("?tab=judgments&judge=smollm2-judge&model=smollm2-hot")
        page.wait_for_function(f"{marked}.length === 0")
        demo.check()

    def test_outcomes_are_chosen_above_the_list_and_shown_as_chips(self, demo: Site) -> None:
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

    def test_the_list_is_turned_beside_the_judgment_that_is_open(self, demo: Site) -> None:
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

    def test_going_back_shows_the_views_that_were_open(self, demo: Site) -> None:
        page = demo.show("?tab=leaderboard&baseline=smollm2-base")
        page.locator(".board a", has_text="smollm2-terse").click()
        expect(page).to_have_url(re.compile("model=smollm2-terse&baseline=smollm2-base&question"))
        page.locator(".verdict").nth(1).click()
        expect(page).to_have_url(re.compile("game=2"))
        page.locator("#next").click()
        expect(page.locator(".row[aria-current]")).to_have_attribute("data-row", "1")
        demo.choose("Verdict", "games disagree")
        expect(page).to_have_url(re.compile("verdict=games"))
        page.go_back()
        expect(page.locator(".list-head")).to_contain_text("40 judgments")
        expect(page.get_by_label("Verdict", exact=True)).to_have_value("")
        expect(page.locator(".row[aria-current]")).to_have_attribute("data-row", "1")
        expect(page.get_by_label("game 2")).to_be_checked()
        page.go_back()
        expect(page.locator(".board")).to_be_visible()
        page.go_forward()
        expect(page.locator(".judgment")).to_be_visible()
        expect(page.locator(".row[aria-current]")).to_have_attribute("data-row", "1")
        demo.check()

    def test_a_tab_keeps_what_it_shows_while_another_is_open(self, new: Site) -> None:
        page = new.open("?tab=leaderboard&judge=nobody")
        expect(page.get_by_text("There are no judgments by nobody")).to_be_visible()
        new.choose("Category or cluster", "maths")
        expect(page).to_have_url(re.compile("category=maths"))
        page.get_by_role("link", name="Judges").click()
        expect(page.locator(".judges")).to_be_visible()
        page.get_by_role("link", name="Leaderboard").click()
        expect(page).to_have_url(re.compile("category=maths"))
        expect(page.locator(".board .below")).to_contain_text("questions judged: 5 of 5")
        new.check()

    def test_a_server_that_has_ended_is_told(self, new: Site) -> None:
        page = new.open("?model=smollm2-hot")
        page.route("**/view?*", lambda route: route.abort())
        page.locator("#next").click()
        expect(page.get_by_role("alert")).to_contain_text("Is it still running?")
        page.unroute("**/view?*")
        page.locator("#next").click()
        expect(page.locator(".row[aria-current]")).to_have_attribute("data-row", "1")
        expect(page.get_by_role("alert")).to_have_count(0)

    def test_the_link_is_copied_with_all_that_is_shown(self, demo: Site) -> None:
        page = demo.show("?model=smollm2-hot")
        expect(page.locator(".judgment .side")).to_have_count(2)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_label("as written").check()
        expect(page).to_have_url(re.compile("written=1"))
        page.get_by_role("link", name="Copy link").click()
        expect(page.get_by_role("link", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url
        demo.show(copied.removeprefix(demo.url))
        expect(page.locator(".side .verbatim")).to_have_count(2)
        expect(page.get_by_label("as written")).to_be_checked()
        demo.check()

    def test_filters_are_taken_back(self, demo: Site) -> None:
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


class TestModelText:
    def test_hostile_text_stays_text_and_loads_nothing(self, ours: Site) -> None:
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

    def test_markdown_code_latex_tables_and_scripts_look_right(self, ours: Site) -> None:
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

    def test_search_finds_words_of_prompt_answers_and_judge(self, ours: Site) -> None:
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


class TestAnnotate:
    def test_pairs_are_labelled_by_keys_and_the_labels_stay(
        self, servers: Servers, page: Page, bench: Workspace
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
        page.get_by_role("link", name="human-anna").evaluate(
            "link => link.removeAttribute('target')"
        )
        page.get_by_role("link", name="human-anna").click()
        expect(page.locator(".explanation", has_text="1 s u <script>")).to_be_visible()
        page.get_by_role("link", name="Annotate").click()
        expect(progress).to_be_visible()
        page.keyboard.press("u")
        expect(progress).to_contain_text("Pair 3 of 3 1 labelled")
        site.check()


class TestReference:
    def test_all_tabs_open(self, reference: Site) -> None:
        page = reference.open("?model=o1-low&question=328c149ed45a41c0b9d6f14659e63599")
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


class TestTasks:
    """What readers come for, each in at most three actions from the start page."""

    @pytest.fixture
    def start(self, reference: Site) -> Page:
        page = reference.open()
        expect(page.locator(".judgment .side")).to_have_count(2)
        return page

    def test_why_did_this_model_lose(self, reference: Site, start: Page) -> None:
        reference.choose("Model", "o1-low")
        start.locator(".strip").get_by_role("link", name=re.compile(r"^lost \d+")).click()
        expect(start.locator(".strip .chosen")).to_have_text("lost ✕")
        reference.choose("Order", "clearest losses first")
        expect(start.locator(".place")).to_contain_text("1 of ")
        expect(start.locator(".total")).to_contain_text("claude-3.7-sonnet wins: much better")
        expect(start.locator(".judgment .side")).to_have_count(2)
        reference.check()

    def test_is_the_judge_biased(self, reference: Site, start: Page) -> None:
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

    def test_which_clusters_are_weak(self, reference: Site, start: Page) -> None:
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

    def test_show_my_colleague_one_battle(self, reference: Site, start: Page) -> None:
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
