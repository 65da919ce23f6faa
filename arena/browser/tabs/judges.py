"""The tab of the judges."""

from __future__ import annotations

import gradio as gr

from arena.browser.library import Library
from arena.browser.screens.board import judges_screen
from arena.browser.tabs.fields import CALL, NOTHING, Updates, html


class JudgesTab:
    """The tab of the judges."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        self.table = html()
        self.place = gr.State("")
        self.outputs = [self.place, self.table, address]
        self.call = CALL | {"show_progress_on": [self.table]}

    def again(self, opened: str, place: str) -> Updates:
        """Return the tab when it is looked at, or its address alone if nothing has changed."""
        if not opened:
            return NOTHING
        table, address = judges_screen(self.library)
        changed = {} if table == place else {self.place: table, self.table: table}
        return {**changed, self.address: address}
