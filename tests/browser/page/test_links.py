"""Links and addresses of the page in Chromium: tabs, going back, copies, proxies."""

from __future__ import annotations

import re
from typing import Literal

from browser_site import Site, sides
from playwright.sync_api import Route, expect

SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")


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


def test_all_tabs_open_and_fit_a_laptop_in_both_colour_schemes(new: Site) -> None:
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
    page.get_by_role("link", name="Clusters", exact=True).click()
    expect(page.locator(".clusters tbody tr")).to_have_count(8)
    page.get_by_role("link", name="Questions", exact=True).click()
    expect(page.locator(".matrix td[class]")).to_have_count(40 * 3)
    new.check()


def test_the_address_opens_the_same_view(demo: Site, new: Site) -> None:
    page = demo.show()
    expect(page.locator(".list .row").first).to_be_visible()
    demo.choose("Verdict", "games disagree")
    expect(page.locator(".list-head")).not_to_contain_text("40 judgments")
    page.locator("#next").click()
    expect(page.locator(".list .row").nth(1)).to_have_attribute("aria-current", "true")
    page.get_by_label("game 2").click()
    expect(page).to_have_url(re.compile("verdict=games.disagree.*game=2"))
    shown, address = sides(page), page.url
    href = page.locator(".address").get_attribute("href")
    assert href
    assert address == f"{new.url}{href}"
    demo.check()
    page = new.page
    page.goto(address)
    expect(page.locator(".judgment .side")).to_have_count(2)
    assert sides(page) == shown
    expect(page.get_by_label("game 2")).to_be_checked()
    expect(page).to_have_url(address)
    new.check()


def test_going_back_shows_the_views_that_were_open(demo: Site) -> None:
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


def test_a_tab_keeps_what_it_shows_while_another_is_open(demo: Site) -> None:
    page = demo.show("?tab=leaderboard&judge=nobody")
    expect(page.get_by_text("There are no judgments by nobody")).to_be_visible()
    demo.choose("Category or cluster", "maths")
    expect(page).to_have_url(re.compile("category=maths"))
    page.get_by_role("link", name="Judges").click()
    expect(page.locator(".judges")).to_be_visible()
    page.get_by_role("link", name="Leaderboard").click()
    expect(page).to_have_url(re.compile("category=maths"))
    expect(page.locator(".board .below")).to_contain_text("questions judged: 5 of 5")
    demo.check()


def test_the_link_is_copied_with_all_that_is_shown(demo: Site) -> None:
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


def test_what_a_first_view_leaves_out_is_asked_for_at_once(demo: Site) -> None:
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


def test_a_choice_is_asked_for_once_however_it_is_made(demo: Site) -> None:
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


def test_a_server_that_has_ended_is_told(demo: Site) -> None:
    page = demo.show("?model=smollm2-hot")
    page.route("**/view?*", lambda route: route.abort())
    page.locator("#next").click()
    expect(page.get_by_role("alert")).to_contain_text("Is it still running?")
    page.unroute("**/view?*")
    page.locator("#next").click()
    expect(page.locator(".row[aria-current]")).to_have_attribute("data-row", "1")
    expect(page.get_by_role("alert")).to_have_count(0)
