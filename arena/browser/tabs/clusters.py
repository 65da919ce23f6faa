"""The tab of the clusters: its choices, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import gradio as gr

from arena.browser.library import Library
from arena.browser.screens.clusters import ClusterChoice, ClusterScreen, cluster_screen
from arena.browser.tabs.fields import LATEST, NOTHING, Updates, dropdown, html, offered, script

# The label of each choice, and the choice that is none.
CHOICES = {
    "judge": ("Judge", ""),
    "by": ("Rows", ""),
    "baseline": ("Baseline, which scores 50", ""),
    "model": ("Scores of", ""),
    "beside": ("Beside", "no other"),
    "least": ("Questions, at least", "any"),
}


class ClusterPlace(NamedTuple):
    """The choices that were asked for, and the tab that they gave."""

    choice: ClusterChoice = ClusterChoice()
    shown: ClusterScreen | None = None


class ClustersTab:
    """The tab of the clusters."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            self.fields = {name: dropdown(label) for name, (label, _) in CHOICES.items()}
        self.table = html(js_on_load=script("pickRows(element, trigger);"))
        self.place = gr.State(ClusterPlace())
        inputs = [self.place, *self.fields.values()]
        self.outputs = [*inputs, self.table, address]
        self.call = LATEST | {"show_progress_on": [self.table]}
        changed = [field.blur for field in self.fields.values()]
        gr.on(changed, self.change, inputs, self.outputs, **self.call)

    def change(self, place: ClusterPlace, *names: str | None) -> Updates:
        """Return the tab for the values of its fields, or nothing if it shows them already."""
        shown = place.shown.choice if place.shown else place.choice
        values = dict(zip(CHOICES, (name or "" for name in names), strict=True))
        choice = replace(shown, **values)
        return NOTHING if choice == shown else self.show(choice)

    def sort(self, place: ClusterPlace, order: str) -> Updates:
        """Return the tab with its rows in another order."""
        shown = place.shown.choice if place.shown else place.choice
        return self.show(replace(shown, sort=order))

    def again(self, opened: str, place: ClusterPlace) -> Updates:
        """Return the tab when it is looked at, or its address alone if nothing has changed."""
        if not opened:
            return NOTHING
        updates = self.show(place.choice)
        return {self.address: updates[self.address]} if updates[self.place] == place else updates

    def prepare(self, judges: Sequence[str], judge: str) -> Updates:
        """Return the tab with a judge chosen, before it is looked at."""
        judge_choices = gr.update(**offered(judges, judge))
        place = ClusterPlace(ClusterChoice(judge=judge))
        return {self.place: place, self.fields["judge"]: judge_choices}

    def show(self, choice: ClusterChoice) -> Updates:
        """Return the tab for some choices."""
        shown = cluster_screen(self.library, choice)
        updates: Updates = {}
        for name, field in self.fields.items():
            value, names = getattr(shown.choice, name), shown.offers[name]
            visible = shown.pairwise if name == "baseline" else name != "by" or len(names) > 1
            no_filter = shown.usual_baseline if name == "baseline" else CHOICES[name][1]
            choices = offered(names, value, no_filter)
            updates[field] = gr.update(**choices, visible=visible)
        place = ClusterPlace(choice, shown)
        return {
            **updates,
            self.place: place,
            self.table: shown.table_html,
            self.address: shown.address_html,
        }
