"""The page in Gradio: one element, which page.js fills with the view of its address."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

HTML = files("arena.browser.html")
THEME = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def page_of(bench: str) -> gr.Blocks:
    """Return the page of a bench."""
    title = f"Judgments of {bench}"
    page = gr.Blocks(title=title, fill_width=True, analytics_enabled=False)
    with page:
        gr.HTML(
            (HTML / "page.html").read_text(encoding="utf-8"),
            js_on_load=(HTML / "page.js").read_text(encoding="utf-8"),
            apply_default_css=False,
        )
    return page
