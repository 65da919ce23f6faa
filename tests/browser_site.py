"""A running qa_browser.py with a page of it in Chromium, and benches for it to show."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from conftest import REPO, Workspace, clean_environment
from playwright.sync_api import Page, Request, expect

from arena.bench.paths import Bench
from arena.browser.library import Filters, Library

# The shell without windows takes a quarter less of the processor.
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "/usr/bin/chromium")


FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # All pages in one process, which keeps the scripts it has read.
    *("--renderer-process-limit=1", "--disable-site-isolation-trials"),
]


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
PATIENCE = 30_000  # milliseconds, on a machine that does other things too
expect.set_options(timeout=PATIENCE)


def question(number: int, text: str, cluster: str) -> dict[str, Any]:
    turns = [{"content": text}]
    return {"question_id": f"q{number}", "category": "c", "cluster": cluster, "turns": turns}


class Site:
    """A running qa_browser.py and a page of it, which notes what goes wrong and out."""

    def __init__(self, url: str, page: Page) -> None:
        self.url, self.page = url, page
        self.shown = 0
        self.complaints: list[str] = []
        self.abroad: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, address: str) -> None:
        if not address.startswith((self.url, "data:", "blob:")):
            self.abroad.append(address)

    def open(self, query: str = "") -> Page:
        """Open a view, and wait until it is filled in."""
        self.page.goto(self.url + query)
        expect(self.page.locator("#tabs a[aria-current]")).to_be_visible()
        return self.page

    def show(self, query: str = "") -> Page:
        """Show a view in the page that is open, as going back to it does."""
        self.complaints.clear()
        self.abroad.clear()
        self.shown += 1
        query += f"{'&' if query else '?'}nth={self.shown}"  # the answer drops it
        self.page.evaluate(
            """query => {
                document.activeElement.blur();
                history.pushState(null, "", location.pathname + query);
                dispatchEvent(new PopStateEvent("popstate"));
            }""",
            query,
        )
        expect(self.page).not_to_have_url(re.compile("nth="))
        return self.page

    def choose(self, label: str, name: str) -> None:
        """Choose what a field offers, by its words."""
        self.page.get_by_label(label, exact=True).select_option(label=name)

    @contextlib.contextmanager
    def one_request(self) -> Iterator[None]:
        """What is done asks the server once, and is answered before this ends."""
        asked: list[Request] = []
        self.page.on("request", lambda r: asked.append(r) if is_call(r) else None)
        yield
        self.page.locator("h1").click()  # what follows at once has followed
        assert len(asked) == 1

    def check(self) -> None:
        """Nothing ran, nothing was refused, nothing was asked for elsewhere."""
        assert self.page.evaluate("window.stolen") is None
        assert self.complaints == []
        assert self.abroad == []


def is_call(request: Request) -> bool:
    return "/view?" in request.url


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


class Servers:
    """One process that serves benches until it is closed."""

    def __init__(self, folder: Path, **env: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(REPO / "tests" / "browser_server.py")],
            cwd=folder,
            env=clean_environment(os.environ) | {"PYTHONPATH": str(REPO)} | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def serve(self, workspace: Workspace, *flags: str) -> str:
        """The address of a browser of the data in a folder, with its settings if it has some."""
        flags += ("--data-dir", str(workspace.root / "data"))
        settings = workspace.root / "config" / "judge_config.yaml"
        if settings.exists():
            flags += ("--setting-file", str(settings))
        assert self._process.stdin
        self._process.stdin.write(json.dumps(flags) + "\n")
        self._process.stdin.flush()
        said = ""
        while line := self.line():
            said += line
            address = re.search(r"http://\S+", line)
            if address:
                return address[0]
            if line.startswith("ended"):
                break
        pytest.fail(said)

    def line(self) -> str:
        """The next line that a browser says."""
        assert self._process.stdout
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


Record = dict[str, Any]


def judgment(question: str, *labels: object, **fields: Any) -> Record:
    games = [
        None if label == "missing" else {"score": label, "judgment": f"says {label}"}
        for label in labels
    ]
    known = {"question_id": question, "model": "m", "judge": "j", "baseline": "base"}
    return known | {"games": games} | fields


def add_judgments(bench: Workspace, records: Sequence[Record], judge: str = "j") -> None:
    by_model: dict[str, list[Record]] = {}
    for record in records:
        by_model.setdefault(record.get("model", "m"), []).append(record)
    for model, of_model in by_model.items():
        bench.write(bench.data / "model_judgment" / judge / f"{model}.jsonl", of_model)


def small_library(bench: Workspace) -> Library:
    """A bench of three questions, with answers of two models and no judgments."""
    bench.add_questions(["Say hello to Ümit", "What is 1 + 1?", "Write a haiku"])
    bench.add_answers("m", {"q1": "Hello Ümit", "q2": "two", "q3": "frog"})
    bench.add_answers("base", {"q1": "Hi", "q2": "It is 2", "q3": "pond"})
    return Library(Bench(bench.root / "data", bench.name))


def listed(library: Library, **filters: str) -> list[str]:
    return [entry.question for entry in library.select(Filters(judge="j", **filters))]


def several_baselines(bench: Workspace, *, named: bool, form: str = "v0.1") -> Library:
    """A judge's verdicts on code and prose, each against a baseline of its own; its clusters are
    c0, c1 and c2.
    """
    rng = random.Random(1 if form == "v0.1" else 2)
    ids = [f"q{i}" for i in range(12)]
    key = "question_id" if form == "v0.1" else "uid"
    questions = [
        {key: q, "category": ("code", "prose")[i % 2]}
        | (
            {"cluster": f"c{i % 3}", "turns": [{"content": "?"}]}
            if form == "v0.1"
            else {"subcategory": f"c{i % 3}", "prompt": "?"}
        )
        for i, q in enumerate(ids)
    ]
    bench.add_questions(questions)
    for model in ("m", "n", "o", "base-code", "base-prose"):
        answers = [
            {"question_id": q, "choices": [{"turns": [{"content": "x"}]}]}
            | {"conv_metadata": style(rng.randint(20, 900), rng.randint(0, 9))}
            for q in ids
        ]
        bench.write(bench.data / "model_answer" / f"{model}.jsonl", answers)
    labels = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
    records = [
        {key: q["question_id" if form == "v0.1" else "uid"], "model": model, "judge": "j"}
        | ({"baseline": f"base-{q['category']}"} if named else {})
        | {"games": [{"score": rng.choice(labels)} for _ in range(2)]}
        for model in ("m", "n", "o")
        for q in questions
    ]
    add_judgments(bench, records)
    return Library(Bench(bench.root / "data", bench.name))


def all_pairs(bench: Workspace) -> Library:
    """A judge's verdicts on code and prose by a, b, c and d, each against all before it."""
    rng, labels = random.Random(4), ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
    ids = [f"q{i}" for i in range(12)]
    bench.add_questions([question_of(q, ("code", "prose")[i % 2]) for i, q in enumerate(ids)])
    for model in "abcd":
        bench.add_answers(model, dict.fromkeys(ids, "x"))
    records = [
        judgment(q, rng.choice(labels), rng.choice(labels), model=model, baseline=baseline)
        for baseline, model in itertools.combinations("abcd", 2)
        for q in ids
    ]
    add_judgments(bench, records)
    return Library(Bench(bench.root / "data", bench.name))


def style(tokens: int, count: int) -> Record:
    markdown = {"list_count": {"ordered": count, "unordered": 0}, "bold_count": {"**": 1, "__": 0}}
    return {"token_len": tokens, "header_count": {"h1": count % 3}} | markdown


def question_of(question: str, category: str) -> Record:
    return {"question_id": question, "category": category, "turns": [{"content": "?"}]}
