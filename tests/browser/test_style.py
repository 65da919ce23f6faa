"""html/style.css: how the page is laid out and coloured, as Chromium computes it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
from browser_site import Servers, Site, question
from conftest import Workspace
from playwright.sync_api import BrowserContext, Page, expect

TABLE = "\n".join(["|" + " heading |" * 12, "|" + "--|" * 12, "|" + " some words |" * 12])
WIDE = f"{TABLE}\n\n$$\n{' + '.join(['a_{1234567890}'] * 40)}\n$$\n\nbroken $\\frac{{1}}{{$ here"
NAME = "model-of-a-name-" + "that-goes-on-" * 8
Opened = Callable[[int], Site]

JUDGED = "Assistant A is good. " * 200


def judgment(number: int, model: str, *labels: str) -> dict[str, Any]:
    games = [{"judgment": JUDGED, "score": label} for label in labels]
    return {"question_id": f"q{number}", "model": model, "baseline": "base", "games": games}


@pytest.fixture(scope="module")
def url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace(tmp_path_factory.mktemp("looks"))
    workspace.add_questions(
        [question(1, "Why? " * 300, "a"), question(2, "1", "a"), question(3, "c", "c")]
    )
    long = "\n\n".join(f"Paragraph {i}." for i in range(2_000))
    workspace.add_answers("base", {"q1": "short", "q2": WIDE, "q3": long})
    workspace.add_answers(NAME, {"q1": "line\n\n" * 60, "q2": "b", "q3": "c"})
    workspace.add_answers("m", {"q1": "m1", "q2": "m2", "q3": "m3"})
    folder = workspace.data / "model_judgment" / "judge"
    for model, labels in ((NAME, ("A>>B", "B>A")), ("m", ("B>A", "A=B"))):
        records = [judgment(i, model, *labels) for i in (1, 2, 3)]
        workspace.write(folder / f"{model}.jsonl", records)
    return servers.serve(workspace)


@pytest.fixture(scope="module")
def sites(url: str, context: BrowserContext) -> Opened:
    """The page of a question, loaded once. No test goes on from it to another view."""

    @functools.cache
    def opened(number: int) -> Site:
        site = Site(url, context.new_page())
        site.open(f"?tab=judgments&question=q{number}&of={NAME}")
        expect(site.page.locator(".judgment .side")).to_have_count(2)
        return site

    return opened


@pytest.fixture
def opened(sites: Opened) -> Opened:
    """The page of a question as a reader finds it."""

    def opened(number: int) -> Site:
        page = sites(number).page
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme="light")
        page.evaluate("scrollTo(0, 0)")
        page.bring_to_front()
        return sites(number)

    return opened


@pytest.fixture(scope="module")
def tabs(url: str, context: BrowserContext) -> Site:
    """A page that goes from view to view."""
    site = Site(url, context.new_page())
    site.open("?tab=leaderboard")
    return site


def top(page: Page, part: str) -> float:
    return float(page.locator(part).first.evaluate("e => e.getBoundingClientRect().top"))


def test_list_question_and_names_stay_in_sight(opened: Opened) -> None:
    page = opened(1).page
    page.evaluate("scrollTo(0, 900)")
    page.wait_for_function("scrollY > 800")
    assert 0 <= top(page, "#found") < 20
    assert 0 <= top(page, ".bar-above") < 20
    bar = page.locator(".bar-above").bounding_box()
    assert bar
    assert 0 <= top(page, ".side > h3.model") - bar["height"] < 12


def test_both_answers_begin_on_the_first_screen_beside_a_long_prompt_and_judgment(
    opened: Opened,
) -> None:
    page = opened(1).page
    answers = page.locator(".side .answer")
    expect(answers).to_have_count(2)
    for answer in answers.all():
        expect(answer).to_be_in_viewport()
    prompt = page.locator(".prompt .clipped")
    height = prompt.evaluate("e => e.clientHeight")
    page.locator(".prompt .more").get_by_text("show all").click()
    assert prompt.evaluate("e => e.clientHeight") > 2 * height
    page.locator(".prompt .more").get_by_text("show less").click()
    assert prompt.evaluate("e => e.clientHeight") == height
    opened(1).check()


def test_a_very_long_answer_is_folded(opened: Opened) -> None:
    page = opened(3).page
    folded = page.locator(".long")
    height = folded.evaluate("e => e.clientHeight")
    assert height < 1_500
    page.get_by_text(re.compile("show all .* kB")).click()
    assert folded.evaluate("e => e.clientHeight") > 10 * height


def test_wide_tables_and_formulas_scroll_and_keep_their_words_whole(opened: Opened) -> None:
    page = opened(2).page
    cell = page.locator(".side td").first
    assert cell.evaluate("e => e.clientWidth") > 50
    for part in (".side table", ".side math"):
        wide = page.locator(part).first
        assert wide.evaluate("e => e.scrollWidth > e.clientWidth + 100")
        assert wide.evaluate("e => getComputedStyle(e).overflowX") == "auto"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_broken_formula_is_shown_as_it_was_written(opened: Opened) -> None:
    page = opened(2).page
    expect(page.locator(".side").first).to_contain_text(r"broken $\frac{1}{$ here")
    opened(2).check()


def test_long_names_are_cut_in_rows_of_one_height_that_open_their_battles(tabs: Site) -> None:
    page = tabs.show("?tab=leaderboard")
    page.set_viewport_size({"width": 1280, "height": 800})
    row = page.locator(".board tr", has_text=NAME)
    name = row.locator("td.name")
    assert name.evaluate("e => e.scrollWidth > e.clientWidth")
    assert name.evaluate("e => getComputedStyle(e).textOverflow") == "ellipsis"
    other = page.locator(".board tr.baseline").bounding_box()
    box = row.bounding_box()
    assert box
    assert other
    assert abs(box["height"] - other["height"]) < 2
    plot = row.locator(".plot").bounding_box()
    assert plot
    page.mouse.click(plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2)
    expect(page.locator(".side .model")).to_contain_text(NAME)
    tabs.check()


NARROW_NAMES = """names => names.filter(name => {
  const em = parseFloat(getComputedStyle(name).fontSize);
  return name.clientWidth < 10 * em && name.scrollWidth > name.clientWidth;
}).length"""
NAMES = ":is(.board, .clusters) td.name, .matrix tbody th, .judges tbody th"
TABS = ("judgments", "leaderboard", "clusters", "questions", "judges")


@pytest.mark.parametrize("tab", TABS)
def test_on_a_phone_names_can_be_read_and_filters_are_one_row(tabs: Site, tab: str) -> None:
    page = tabs.show(f"?tab={tab}")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    names = page.locator(NAMES)
    assert names.count() > 0 or tab == "judgments"
    assert names.evaluate_all(NARROW_NAMES) == 0
    filters = page.locator("#filters > .filters")
    assert filters.evaluate("e => getComputedStyle(e).overflowX") == "auto"
    assert filters.evaluate("e => e.clientHeight") < 70
    assert page.locator("#tabs").evaluate("e => e.clientHeight") < 50


def test_a_shadow_says_that_the_table_of_judges_scrolls(tabs: Site) -> None:
    page = tabs.show("?tab=judges")
    page.set_viewport_size({"width": 390, "height": 800})
    table = page.locator(".judges .wide").first
    assert table.evaluate("e => e.scrollWidth > e.clientWidth")
    assert table.evaluate("e => getComputedStyle(e).backgroundAttachment").count("local") == 2


def test_wide_screens_have_longer_questions(tabs: Site) -> None:
    page = tabs.show("?tab=questions")
    widths = []
    for width in (1440, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        question = page.locator(".matrix tbody th").first
        widths.append(question.evaluate("e => e.clientWidth"))
    assert widths[1] > 1.5 * widths[0]


def test_placeholders_do_not_look_like_values_in_forced_colours(tabs: Site) -> None:
    page = tabs.show("?tab=judgments")
    page.emulate_media(forced_colors="active")
    field = page.locator("#filters input[type=search]")
    style = "e => getComputedStyle(e, '::placeholder').fontStyle"
    assert field.evaluate(style) == "italic"
    page.emulate_media(forced_colors="none")


@pytest.mark.parametrize("width", [1024, 1280])
def test_next_stands_beside_previous(opened: Opened, width: int) -> None:
    page = opened(1).page
    page.set_viewport_size({"width": width, "height": 800})
    previous, following = (page.locator(f"#{name}").bounding_box() for name in ("previous", "next"))
    written = page.locator(".bar-above .switch").bounding_box()
    assert previous
    assert following
    assert written
    assert previous["y"] == following["y"]
    assert previous["x"] + previous["width"] <= following["x"]
    assert following["x"] + following["width"] <= written["x"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


CONTRAST = """part => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = colours => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(byte => {
      const x = byte / 255;
      return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
    return linear[0] * 0.2126 + linear[1] * 0.7152 + linear[2] * 0.0722;
  };
  const behind = [];
  for (let e = part; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
  const style = getComputedStyle(part);
  const sign = part.classList.contains("dot");
  const edged = part.matches("select, input, .button, .strip a");
  const shown = sign ? style.getPropertyValue("--c") : edged ? style.borderTopColor : style.color;
  const back = light(sign ? behind.slice(0, -1) : behind), front = light([...behind, shown]);
  return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_text_and_signs_can_be_made_out(opened: Opened, scheme: Any) -> None:
    page = opened(1).page
    page.emulate_media(color_scheme=scheme)
    least = {
        **dict.fromkeys((".counts", ".role", ".places", ".list em", ".list .who", ".legend"), 4.5),
        **dict.fromkeys(("summary", ".judgment code", ".mark"), 4.5),
        **dict.fromkeys((".dot", ".filters select", "input[type=search]"), 3),
        **dict.fromkeys((".button:not([aria-disabled])", ".strip a"), 3),
    }
    for part, enough in least.items():
        shown = page.locator(part).locator("visible=true")
        contrasts = shown.evaluate_all(f"all => all.map({CONTRAST})")
        assert contrasts, part
        assert min(contrasts) >= enough, part


def test_what_has_the_focus_has_an_outline(opened: Opened) -> None:
    page = opened(1).page
    for name in ("Judge", "Search (Enter)"):
        field = page.get_by_label(name, exact=True)
        field.focus()
        expect(field).to_be_focused()
        assert field.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        assert field.evaluate("e => getComputedStyle(e).outlineWidth") == "2px"
