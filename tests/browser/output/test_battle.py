"""One battle as a page in one file, opened from the disk."""

from __future__ import annotations

import re
from pathlib import Path

from browser_site import add_judgments, judgment, small_library
from conftest import Workspace
from playwright.sync_api import Page

from arena.browser.library import Filters
from arena.browser.output.battle import battle_page

HOSTILE = """</style><script>window.stolen = 1</script> <img src="x" onerror="window.stolen = 2">
![x](http://evil.example/x.png) [y](javascript:window.stolen=3) $\\frac{1}{2}$
<link rel=stylesheet href=http://evil.example/y.css> <meta http-equiv=refresh content="0">"""


def test_it_is_whole_and_runs_and_loads_nothing(
    bench: Workspace, page: Page, tmp_path: Path
) -> None:
    library = small_library(bench)
    bench.add_questions([HOSTILE])
    bench.add_answers("m", {"q1": HOSTILE})
    record = judgment("q1", "B>A", "A>B")
    record["games"][0]["judgment"] = HOSTILE
    add_judgments(bench, [record])
    add_judgments(bench, [record | {"judge": "k"}], "k")
    (entry,) = library.select(Filters(judge="j"))
    saved = battle_page(library, entry)
    assert str(bench.root).encode() not in saved
    assert not re.search(rb"<(script|link|img|iframe|form)\b", saved)
    file = tmp_path / "battle.html"
    file.write_bytes(saved)
    loaded: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("window.stolen") is None
    assert (loaded, complaints) == ([file.as_uri()], [])
    text = page.inner_text("main")
    for words in ("m against base", "judged by j", "m wins", "says A>B", "k: game 1"):
        assert words in text
    assert text.count("window.stolen = 1") == 3  # prompt, answer and the judge's words
    assert page.locator("math mfrac").count() == 3
    assert page.locator(".verdicts").evaluate("e => getComputedStyle(e).display") == "grid"
    # What slipped through would still neither run nor load.
    blocked = page.evaluate(
        """async () => {
            const seen = [];
            const saw = event => seen.push(event.effectiveDirective);
            document.addEventListener("securitypolicyviolation", saw);
            const div = document.createElement("div");
            div.innerHTML = `<img src="http://evil.example/a.png">
              <img src=x onerror="window.stolen=4">`;
            document.body.append(div);
            while (seen.length < 3) await new Promise(requestAnimationFrame);
            return seen.sort();
        }"""
    )
    assert blocked == ["img-src", "img-src", "script-src-attr"]
    assert page.evaluate("window.stolen") is None
