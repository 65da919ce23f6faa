"""Makes the pictures of the browser in docs/, each tab light and dark, on the demo bench.

    make screenshots

Needs Chromium (Debian: apt-get install chromium fonts-noto-cjk).
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

REPO = Path(__file__).resolve().parent.parent
WIDTH = 1280
TABS = {  # what is opened, what to wait for, and the height of the picture
    "judgments": (
        "?judge=smollm2-judge&model=smollm2-hot&question=44bde7e689dd4bdc6b07d239524ca6c3",
        ".judgment .side",
        800,
    ),
    "leaderboard": ("?tab=leaderboard&judge=smollm2-judge", ".board svg", 410),
    "clusters": ("?tab=clusters&judge=smollm2-judge&model=smollm2-hot", ".numbers svg", 410),
    "questions": ("?tab=questions&judge=smollm2-judge", ".matrix a", 600),
    "judges": ("?tab=judges", ".judges table", 385),
}


def pictures(browser: Browser, url: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the PNG of each tab in each colour scheme."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for tab, (query, part, height) in TABS.items():
            page = browser.new_page(
                viewport={"width": WIDTH, "height": height},
                color_scheme=scheme,
            )
            page.goto(url + query)
            page.locator(part).first.wait_for(state="attached")
            page.evaluate("document.fonts.ready.then(() => null)")
            yield f"browser-{tab}-{scheme}.png", page.screenshot(animations="disabled")
            page.close()


def save(path: Path, png: bytes) -> None:
    """Write a picture as small as its format allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, kmeans=5, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(REPO)}: {path.stat().st_size / 1000:.0f} kB")


def main() -> int:
    """Start the browser and take its pictures."""
    flags = ["--bench-name", "demo-v0.1", "--judge-name", "smollm2-judge"]
    process = subprocess.Popen(
        [sys.executable, "qa_browser.py", *flags], cwd=REPO, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        url = next(m[0] for m in (re.search(r"http://\S+", line) for line in process.stdout) if m)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or "/usr/bin/chromium"
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, png in pictures(browser, url):
                save(REPO / "docs" / name, png)
    finally:
        process.terminate()
        process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
