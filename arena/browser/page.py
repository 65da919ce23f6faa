"""The page in Gradio: its head, its tabs, and the ways that links open them."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from arena.browser.defaults import Chosen
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import plain
from arena.browser.library import Filters
from arena.browser.tabs import (
    HTML,
    IN_TURN,
    QUIET,
    BoardChoice,
    BoardPlace,
    BoardTab,
    JudgesTab,
    JudgmentsTab,
    Updates,
    script,
)
from arena.browser.views import judgments_screen, open_link, query_of

STYLE = HTML / "style.css"


def make_page(chosen: Chosen) -> gr.Blocks:
    """Return the page of a bench."""
    library = chosen.library
    name = library.bench.name
    title = f"<h1>{plain(name)}</h1>{''.join(map(notice, chosen.remarks))}"
    blocks = gr.Blocks(title=f"Judgments of {name}", fill_width=True, analytics_enabled=False)
    with blocks:
        with gr.Row(elem_id="top"):
            gr.HTML(title, elem_id="title", apply_default_css=False)
            address = gr.HTML(
                "",
                js_on_load=script("followAddress(element, watch, trigger);"),
                elem_id="address",
                apply_default_css=False,
            )
        with gr.Tabs() as tabs:
            with gr.Tab("Judgments", id="judgments") as tab:
                judgments = JudgmentsTab(library, address)
            tab.select(judgments.again, [address, judgments.place], address, **QUIET)
            with gr.Tab("Leaderboard", id="leaderboard") as tab:
                board = BoardTab(library, address)
            tab.select(board.again, [address, board.place], board.outputs, **board.call)
            with gr.Tab("Judges", id="judges") as tab:
                judges = JudgesTab(library, address)
            tab.select(judges.again, [address, judges.place], judges.outputs, **judges.call)
        _Links(chosen, judgments, board, judges, tabs).connect(blocks)
    return blocks


def theme() -> gr.themes.Base:
    """Return a theme of small fields and the system's own fonts."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="gray",
        spacing_size="sm",
        radius_size="sm",
        text_size="sm",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


class _Links:
    """How a link, a step back or a row of the leaderboard opens a tab."""

    def __init__(
        self,
        chosen: Chosen,
        judgments: JudgmentsTab,
        board: BoardTab,
        judges: JudgesTab,
        tabs: gr.Tabs,
    ) -> None:
        self.library, self.judge = chosen.library, chosen.judge
        self.judgments, self.board, self.judges, self.tabs = judgments, board, judges, tabs

    def connect(self, blocks: gr.Blocks) -> None:
        """Open what the address says, then what is clicked."""
        opened = [*self.judgments.outputs, self.tabs]
        # The address is an output of each tab, and the last of it.
        outputs = [*opened, *self.board.outputs[:-1], *self.judges.outputs[:-1]]
        blocks.load(self.open_address, None, outputs, **QUIET)
        self.judgments.address.select(self.open_again, None, outputs, **IN_TURN)
        self.board.table.click(self.open_model, self.board.place, opened, **IN_TURN)
        blocks.load(None, js=f"() => {{{script('listenToKeys(); mendDropdowns();')}}}")

    def open_address(self, request: gr.Request) -> Updates:
        """Return the page for the address that it was opened with."""
        return self.open(dict(request.query_params))

    def open_again(self, event: gr.EventData) -> Updates:
        """Return the page as it was when the reader goes back or forth."""
        updates, address = self.open(query_of(event.query)), self.judgments.address
        link = f'<span data-asked="{plain(event.query)}">{updates[address]}</span>'
        return {**updates, address: link}

    def open(self, query: Mapping[str, str]) -> Updates:
        """Return the page for the query of a link."""
        tab, shown = open_link(self.library, self.judge, query)
        updates = self.judgments.updates(shown)
        updates |= self.board.prepare(shown.offers.judges, shown.filters.judge)
        if tab == "leaderboard":
            judge, category, control, baseline = (
                query.get(name, "") for name in BoardChoice._fields
            )
            updates |= self.board.show(BoardChoice(judge, category, control.split(), baseline))
        elif tab == "judges":
            updates |= self.judges.again("opened", "")
        return {**updates, self.tabs: gr.update(selected=tab)}

    def open_model(self, event: gr.EventData, place: BoardPlace) -> Updates:
        """Return the judgments that made the row of a model."""
        judge, category, _, baseline = place.choice
        filters = Filters(judge, event.model, baseline, category)
        shown = judgments_screen(self.library, filters)
        return {**self.judgments.updates(shown), self.tabs: gr.update(selected="judgments")}
