"""The fields and calls that the tabs share."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

STYLE = Path(__file__).parent.parent / "html" / "style.css"

Updates = dict[Any, Any]  # the new values of components. Others stay as they are.
NOTHING: Updates = gr.skip()

CALL: dict[str, Any] = {"api_visibility": "private"}
LATEST = CALL | {"trigger_mode": "always_last"}
QUIET = LATEST | {"show_progress": "hidden"}
# One after the other: each begins where the one before has ended.
IN_TURN = QUIET | {"concurrency_id": "judgments", "concurrency_limit": 1}

html = functools.partial(gr.HTML, apply_default_css=False)
button = functools.partial(gr.Button, scale=0)


def script(call: str) -> str:
    """Return the functions of page.js with a call of them."""
    return STYLE.with_name("page.js").read_text(encoding="utf-8") + call


def dropdown(label: str) -> gr.Dropdown:
    """Return a dropdown that is empty until the page is opened."""
    return gr.Dropdown([], label=label, min_width=120, value=None)


def offered(names: Sequence[str], value: str, no_filter: str = "") -> dict[str, Any]:
    """Return the choices of a dropdown and the chosen one. `no_filter`: the choice of no name."""
    if no_filter:
        return {"choices": [(no_filter, ""), *names], "value": value}
    return {"choices": names, "value": value or None}
