"""The tab of the leaderboard: its choices, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import gradio as gr

from arena.bench.answer_style import FEATURES
from arena.browser.library import Filters, Library
from arena.browser.screens.board import BoardScreen, board_screen
from arena.browser.tabs.fields import LATEST, NOTHING, Updates, dropdown, html, offered, script


class BoardPlace(NamedTuple):
    """The filters and features of style that were asked for, and the tab that they gave."""

    filters: Filters = Filters()
    control: tuple[str, ...] = ()
    shown: BoardScreen | None = None


class BoardTab:
    """The tab of the leaderboard."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            labels = ("Judge", "Category or cluster", "Baseline, which scores 50")
            self.judge, self.category, self.baseline = fields = list(map(dropdown, labels))
            self.control = gr.CheckboxGroup(
                list(FEATURES), label="Control for style", min_width=220
            )
        self.table = html(js_on_load=script("pickRows(element, trigger);"))
        self.place = gr.State(BoardPlace())
        inputs = [self.place, self.control, *fields]
        self.outputs = [*inputs, self.table, address]
        self.call = LATEST | {"show_progress_on": [self.table]}
        changed = [*(field.blur for field in fields), self.control.input]
        gr.on(changed, self.change, inputs, self.outputs, **self.call)

    def change(self, place: BoardPlace, control: Sequence[str], *names: str | None) -> Updates:
        """Return the tab for the values of its fields, or nothing if it shows them already."""
        at, (judge, category, baseline) = place.shown or place, (name or "" for name in names)
        filters = Filters(judge=judge, category=category, baseline=baseline)
        if (filters, tuple(control or ())) == (at.filters, at.control):
            return NOTHING
        return self.show(filters, control or ())

    def again(self, opened: str, place: BoardPlace) -> Updates:
        """Return the tab when it is looked at, or its address alone if nothing has changed."""
        if not opened:
            return NOTHING
        updates = self.show(place.filters, place.control)
        return {self.address: updates[self.address]} if updates[self.place] == place else updates

    def prepare(self, judges: Sequence[str], judge: str) -> Updates:
        """Return the tab with a judge chosen, before it is looked at."""
        judge_choices = gr.update(**offered(judges, judge))
        return {self.place: BoardPlace(Filters(judge=judge)), self.judge: judge_choices}

    def show(self, filters: Filters, control: Sequence[str]) -> Updates:
        """Return the tab for the judge, category and baseline of filters."""
        shown = board_screen(self.library, filters, control)
        at, offers, compared = shown.filters, shown.offers, shown.pairwise
        baselines = offered(offers["baseline"], at.baseline, shown.usual_baseline)
        return {
            self.place: BoardPlace(filters, tuple(control), shown),
            self.judge: gr.update(**offered(offers["judge"], at.judge)),
            self.category: gr.update(**offered(offers["category"], at.category, "all")),
            self.control: gr.update(value=list(shown.control), visible=compared),
            self.baseline: gr.update(**baselines, visible=compared),
            self.table: shown.table_html,
            self.address: shown.address_html,
        }
