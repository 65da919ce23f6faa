"""The page in Gradio: its head, its tabs, and the links between them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

import gradio as gr

from arena.browser.defaults import Chosen
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import plain
from arena.browser.library import Filters
from arena.browser.screens.clusters import ClusterChoice
from arena.browser.screens.judgments import judgments_screen, open_link, query_of
from arena.browser.tabs.board import BoardPlace, BoardTab
from arena.browser.tabs.clusters import ClusterPlace, ClustersTab
from arena.browser.tabs.fields import IN_TURN, QUIET, Updates, html, script
from arena.browser.tabs.judges import JudgesTab
from arena.browser.tabs.judgments import JudgmentsTab

THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="gray",
    spacing_size="sm",
    radius_size="sm",
    text_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)


class Page:
    """The page of a bench. Links, steps back and rows of the leaderboard open its tabs."""

    def __init__(self, chosen: Chosen) -> None:
        library, name = chosen.library, plain(chosen.library.bench.name)
        self.library, self.judge = library, chosen.judge
        self.warming = threading.Thread(target=library.warm, args=(chosen.judge,), daemon=True)
        title = f"Judgments of {library.bench.name}"
        self.blocks = gr.Blocks(title=title, fill_width=True, analytics_enabled=False)
        with self.blocks:
            with gr.Row(elem_id="top"):
                html(f"<h1>{name}</h1>{notice(*chosen.remarks)}", elem_id="title")
                follow = script("followAddress(element, watch, trigger);")
                self.address = address = html("", js_on_load=follow, elem_id="address")
            with gr.Tabs() as self.tabs:
                with gr.Tab("Judgments", id="judgments") as tab:
                    self.judgments = JudgmentsTab(library, address)
                tab.select(self.judgments.again, [address, self.judgments.place], address, **QUIET)
                with gr.Tab("Leaderboard", id="leaderboard") as tab:
                    self.board = board = BoardTab(library, address)
                tab.select(board.again, [address, board.place], board.outputs, **board.call)
                with gr.Tab("Clusters", id="clusters") as tab:
                    self.clusters = clusters = ClustersTab(library, address)
                tab.select(
                    clusters.again, [address, clusters.place], clusters.outputs, **clusters.call
                )
                with gr.Tab("Judges", id="judges") as tab:
                    self.judges = judges = JudgesTab(library, address)
                tab.select(judges.again, [address, judges.place], judges.outputs, **judges.call)
            opened = [*self.judgments.outputs, self.tabs]
            # The address is an output of each tab, and the last of it.
            others = (board, clusters, judges)
            outputs = [*opened, *(one for tab in others for one in tab.outputs[:-1])]
            self.blocks.load(self.open_address, None, outputs, **QUIET)
            address.select(self.open_again, None, outputs, **IN_TURN)
            board.table.click(self.open_model, board.place, opened, **IN_TURN)
            sorted_or_opened = [*opened, *clusters.outputs[:-1]]
            clusters.table.click(self.open_cluster, clusters.place, sorted_or_opened, **IN_TURN)
            loaded = script("listenToKeys(); mendDropdowns(); tendJudgment();")
            self.blocks.load(None, js=f"() => {{{loaded}}}")

    def open_address(self, request: gr.Request) -> Updates:
        """Return the page for the address that it was opened with. The first visit lets all texts
        be read in the background, so that no search waits for them.
        """
        updates = self.open(dict(request.query_params))
        if self.warming.ident is None:
            self.warming.start()
        return updates

    def open_again(self, event: gr.EventData) -> Updates:
        """Return the page as it was when the reader goes back or forth."""
        updates = self.open(query_of(event.query))
        link = f'<span data-asked="{plain(event.query)}">{updates[self.address]}</span>'
        return {**updates, self.address: link}

    def open(self, query: Mapping[str, str]) -> Updates:
        """Return the page for the query of a link."""
        tab, shown = open_link(self.library, self.judge, query)
        updates = self.judgments.updates(shown)
        for one in (self.board, self.clusters):
            updates |= one.prepare(shown.offers["judge"], shown.filters.judge)
        if tab == "leaderboard":
            names = {name: query.get(name, "") for name in ("judge", "category", "baseline")}
            updates |= self.board.show(Filters(**names), query.get("control", "").split())
        elif tab == "clusters":
            updates |= self.clusters.show(ClusterChoice.of(query))
        elif tab == "judges":
            updates |= self.judges.again("opened", "")
        return {**updates, self.tabs: gr.update(selected=tab)}

    def open_model(self, event: gr.EventData, place: BoardPlace) -> Updates:
        """Return the judgments that made the row of a model."""
        filters = replace((place.shown or place).filters, model=event.model)
        shown = judgments_screen(self.library, filters)
        return {**self.judgments.updates(shown), self.tabs: gr.update(selected="judgments")}

    def open_cluster(self, event: gr.EventData, place: ClusterPlace) -> Updates:
        """Return the judgments of a model in a cluster, or the clusters sorted by another head."""
        if hasattr(event, "sort"):
            return self.clusters.sort(place, event.sort)
        choice = (place.shown or place).choice
        filters = Filters(choice.judge, event.model, choice.baseline, event.cluster)
        shown = judgments_screen(self.library, filters)
        return {**self.judgments.updates(shown), self.tabs: gr.update(selected="judgments")}
