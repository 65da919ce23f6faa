"""The tab of the judgments: filters, the list, and one judgment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from arena.browser.html.markdown import DISPLAY_MATH, INLINE_MATH
from arena.browser.library import Filters, Library
from arena.browser.screens.judgments import JudgmentsScreen, Key, judgments_screen, picked_key
from arena.browser.screens.strip import toggled
from arena.browser.tabs.fields import (
    IN_TURN,
    NOTHING,
    Updates,
    button,
    dropdown,
    html,
    offered,
    script,
)

# The label of each filter, and the choice that is no filter.
FILTERS = {
    "judge": ("Judge", ""),
    "model": ("Model", "all models"),
    "baseline": ("Baseline", "any"),
    "category": ("Category or cluster", "all"),
    "show": ("Verdict", "any"),
    "order": ("Order", "as the questions"),
}


class Place(NamedTuple):
    """The view of the judgments tab, in one piece because its fields may be filled only in part."""

    filters: Filters = Filters()
    key: Key = ("", "", "")
    question: int | None = None
    address: str = ""
    first: int | None = None  # the row that the reader turned the list to


class JudgmentsTab:
    """The tab of the judgments: filters, the list, and one judgment."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            self.picked = {name: dropdown(label) for name, (label, _) in FILTERS.items()}
            self.text = gr.Textbox(
                label="Search (Enter)", placeholder="in all texts", min_width=150, max_lines=1
            )
            self.reset = button("Reset filters", elem_id="reset", min_width=100, visible=False)
        with gr.Row(elem_id="judgments"):
            with gr.Column(scale=0, min_width=290, elem_id="found"):
                scripts = "pickRows(element, trigger); showCurrentRow(element, watch);"
                self.list = html(js_on_load=script(scripts), elem_id="list")
            with gr.Column(scale=1, elem_id="shown"):
                self._add_judgment()
        self.place = gr.State(Place())
        self.filters = [*self.picked.values(), self.text]
        self.shown = [self.question, self.place, self.game, self.previous, self.following]
        self.shown += [self.list, self.judgment, address]
        self.outputs = [*self.filters, self.reset, self.written, *self.shown]
        where = [self.place, self.game, self.written]
        searching = IN_TURN | {"show_progress": "full", "show_progress_on": [self.list]}
        # A dropdown fires `input` twice for a choice, `blur` once, but also without a choice.
        filtered = [*(field.blur for field in self.picked.values()), self.text.submit]
        gr.on(filtered, self.filter, [*where, *self.filters], self.outputs, **searching)
        self.text.blur(self.leave_search, [*where, *self.filters], self.outputs, **searching)
        self.reset.click(self.unfilter, where, self.outputs, **IN_TURN)
        stepped = [self.previous.click, self.following.click]
        count = gr.Number(0, precision=0, visible=False)
        steps = {"js": f"(...inputs) => {{{script('return takeSteps(...inputs);')}}}"} | IN_TURN
        gr.on(stepped, self.step, [*where, count], self.shown, **steps)
        gr.on([self.game.input, self.written.input], self.step, where, self.shown, **IN_TURN)
        self.question.blur(self.jump, [*where, self.question], self.shown, **IN_TURN)
        self.list.click(self.pick, where, self.outputs, **IN_TURN)

    def _add_judgment(self) -> None:
        with gr.Row(elem_classes="filters"):
            self.question = gr.Dropdown(
                label="Question", num_choices_shown=None, scale=5, min_width=240
            )
            self.game = gr.Radio(
                [("game 1", 0), ("game 2", 1)], value=0, label="Game", scale=3, elem_id="game"
            )
            self.written = gr.Checkbox(
                label="as written", min_width=125, scale=0, elem_classes="written"
            )
            self.previous = button("Previous", elem_id="previous", min_width=70)
            self.following = button("Next", elem_id="next", min_width=70)
        delimiters: list[dict[str, str | bool]] = [
            {"left": left, "right": right, "display": display}
            for (left, right), display in ((INLINE_MATH, False), (DISPLAY_MATH, True))
        ]
        self.judgment = gr.Markdown(latex_delimiters=delimiters, elem_id="judgment")

    def filter(
        self, event: gr.EventData, place: Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab for other filters, or nothing if a dropdown was left as it was."""
        filters = Filters(*(name or "" for name in names))
        filters = replace(filters, outcome=place.filters.outcome)
        if filters == place.filters and event.target is not self.text:
            return NOTHING
        place = place._replace(filters=filters, first=None)
        return self.updates(self._screen(place, game, written))

    def leave_search(
        self, event: gr.EventData, place: Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab without a search that was cleared. New words wait for Enter."""
        if names[-1] or not place.filters.text:
            return NOTHING
        return self.filter(event, place, game, written, *names)

    def unfilter(self, place: Place, game: int, written: bool) -> Updates:
        """Return the tab with all judgments of its judge and model."""
        place = place._replace(filters=place.filters.base, first=None)
        return self.updates(self._screen(place, game, written))

    def step(self, place: Place, game: int, written: bool, steps: int = 0) -> Updates:
        """Return the changes for a judgment some steps on or back."""
        place = place._replace(first=None) if steps else place
        return self.judgment_updates(self._screen(place, game, written, step=steps))

    def jump(self, place: Place, game: int, written: bool, position: int | None) -> Updates:
        """Return the changes for another question, or nothing if it is the current one."""
        if position in (None, place.question):
            return NOTHING
        place = place._replace(first=None)
        return self.judgment_updates(self._screen(place, game, written, position=position))

    def pick(self, event: gr.EventData, place: Place, game: int, written: bool) -> Updates:
        """Return the changes for a row of the list, as it was when the row was clicked, for another
        page of it, or for a choice of its strip.
        """
        if name := getattr(event, "filter", ""):
            place = place._replace(filters=toggled(place.filters, name, event.value), first=None)
            return self.updates(self._screen(place, game, written))
        if (turn := getattr(event, "turn", None)) is not None:
            return self.judgment_updates(
                self._screen(place._replace(first=int(turn)), game, written)
            )
        key = picked_key(self.library, event.query, int(event.row))
        place = place._replace(key=key)
        return self.judgment_updates(self._screen(place, game, written))

    def _screen(
        self, place: Place, game: int | None, written: bool | None, **where: Any
    ) -> JudgmentsScreen:
        where |= {"game": game or 0, "as_written": bool(written), "first": place.first}
        return judgments_screen(self.library, place.filters, place.key, **where)

    def again(self, opened: str, place: Place) -> Any:
        """Return the address of the view when the tab is looked at."""
        # There is no address yet while the page is being opened.
        return place.address if opened else NOTHING

    def updates(self, shown: JudgmentsScreen) -> Updates:
        """Return the values of all outputs."""
        updates = self.judgment_updates(shown)
        updates[self.question] = gr.update(choices=shown.questions, value=shown.question)
        for name, field in self.picked.items():
            value, names = getattr(shown.filters, name), shown.offers[name]
            is_set = value and name not in ("judge", "model")
            updates[field] = gr.update(
                **offered(names, value, FILTERS[name][1]),
                elem_classes=["set"] if is_set else [],
                visible=bool(names) or name != "baseline",
            )
        text = shown.filters.text
        updates[self.text] = gr.update(value=text, elem_classes=["set"] if text else [])
        updates[self.reset] = gr.update(visible=shown.filters != shown.filters.base)
        return {**updates, self.written: shown.as_written}

    def judgment_updates(self, shown: JudgmentsScreen) -> Updates:
        """Return the values of the outputs that change with the judgment."""
        return {
            self.question: shown.question,
            self.place: Place(
                shown.filters, shown.key, shown.question, shown.address_html, shown.first
            ),
            self.game: gr.update(value=shown.game, visible=shown.pairwise),
            self.previous: gr.update(interactive=not shown.is_first),
            self.following: gr.update(interactive=not shown.is_last),
            self.list: shown.list_html,
            self.judgment: shown.judgment_html,
            self.address: shown.address_html,
        }
