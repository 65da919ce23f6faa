"""The page in Gradio: its head, its three tabs, and the callback of each field and link."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from arena.bench.answer_style import FEATURES
from arena.browser import views
from arena.browser.defaults import Chosen
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import DISPLAY_MATH, INLINE_MATH, plain
from arena.browser.library import Filters, Library
from arena.browser.views import BoardScreen, JudgmentsScreen, Key

STYLE = Path(__file__).parent / "html" / "style.css"

Updates = dict[Any, Any]  # the new values of components. Others stay as they are.
NOTHING: Updates = gr.skip()

CALL: dict[str, Any] = {"api_visibility": "private"}
LATEST = CALL | {"trigger_mode": "always_last"}
QUIET = LATEST | {"show_progress": "hidden"}
# One after the other: each begins where the one before has ended.
IN_TURN = QUIET | {"concurrency_id": "judgments", "concurrency_limit": 1}

# The label of each filter, and the choice that is no filter.
FILTERS = {
    "judge": ("Judge", ""),
    "model": ("Model", "all models"),
    "baseline": ("Baseline", "any"),
    "category": ("Category or cluster", "all"),
    "show": ("Verdict", "any"),
    "order": ("Order", "as the questions"),
}

THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="gray",
    spacing_size="sm",
    radius_size="sm",
    text_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)

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


class Place(NamedTuple):
    """The view of the judgments tab, in one piece because its fields may be filled only in part."""

    filters: Filters = Filters()
    key: Key = ("", "", "")
    question: int | None = None
    address: str = ""


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
        self.list.click(self.pick, where, self.shown, **IN_TURN)

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
        if filters == place.filters and event.target is not self.text:
            return NOTHING
        return self.updates(self._screen(place._replace(filters=filters), game, written))

    def leave_search(
        self, event: gr.EventData, place: Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab without a search that was cleared. New words wait for Enter."""
        if names[-1] or not place.filters.text:
            return NOTHING
        return self.filter(event, place, game, written, *names)

    def unfilter(self, place: Place, game: int, written: bool) -> Updates:
        """Return the tab with all judgments of its judge and model."""
        place = place._replace(filters=place.filters.base)
        return self.updates(self._screen(place, game, written))

    def step(self, place: Place, game: int, written: bool, steps: int = 0) -> Updates:
        """Return the changes for a judgment some steps on or back."""
        return self.judgment_updates(self._screen(place, game, written, step=steps))

    def jump(self, place: Place, game: int, written: bool, position: int | None) -> Updates:
        """Return the changes for another question, or nothing if it is the current one."""
        if position in (None, place.question):
            return NOTHING
        return self.judgment_updates(self._screen(place, game, written, position=position))

    def pick(self, event: gr.EventData, place: Place, game: int, written: bool) -> Updates:
        """Return the changes for a row of the list, as it was when the row was clicked."""
        place = place._replace(key=views.picked_key(self.library, event.query, int(event.row)))
        return self.judgment_updates(self._screen(place, game, written))

    def _screen(
        self, place: Place, game: int | None, written: bool | None, **where: Any
    ) -> JudgmentsScreen:
        where |= {"game": game or 0, "as_written": bool(written)}
        return views.judgments_screen(self.library, place.filters, place.key, **where)

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
            self.place: Place(shown.filters, shown.key, shown.question, shown.address_html),
            self.game: gr.update(value=shown.game, visible=shown.pairwise),
            self.previous: gr.update(interactive=not shown.is_first),
            self.following: gr.update(interactive=not shown.is_last),
            self.list: shown.list_html,
            self.judgment: shown.judgment_html,
            self.address: shown.address_html,
        }


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
        shown = views.board_screen(self.library, filters, control)
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
        table, address = views.judges_screen(self.library)
        changed = {} if table == place else {self.place: table, self.table: table}
        return {**changed, self.address: address}


class Page:
    """The page of a bench. Links, steps back and rows of the leaderboard open its tabs."""

    def __init__(self, chosen: Chosen) -> None:
        library, name = chosen.library, plain(chosen.library.bench.name)
        self.library, self.judge = library, chosen.judge
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
                with gr.Tab("Judges", id="judges") as tab:
                    self.judges = judges = JudgesTab(library, address)
                tab.select(judges.again, [address, judges.place], judges.outputs, **judges.call)
            opened = [*self.judgments.outputs, self.tabs]
            # The address is an output of each tab, and the last of it.
            outputs = [*opened, *board.outputs[:-1], *judges.outputs[:-1]]
            self.blocks.load(self.open_address, None, outputs, **QUIET)
            address.select(self.open_again, None, outputs, **IN_TURN)
            board.table.click(self.open_model, board.place, opened, **IN_TURN)
            self.blocks.load(None, js=f"() => {{{script('listenToKeys(); mendDropdowns();')}}}")

    def open_address(self, request: gr.Request) -> Updates:
        """Return the page for the address that it was opened with."""
        return self.open(dict(request.query_params))

    def open_again(self, event: gr.EventData) -> Updates:
        """Return the page as it was when the reader goes back or forth."""
        updates = self.open(views.query_of(event.query))
        link = f'<span data-asked="{plain(event.query)}">{updates[self.address]}</span>'
        return {**updates, self.address: link}

    def open(self, query: Mapping[str, str]) -> Updates:
        """Return the page for the query of a link."""
        tab, shown = views.open_link(self.library, self.judge, query)
        updates = self.judgments.updates(shown)
        updates |= self.board.prepare(shown.offers["judge"], shown.filters.judge)
        if tab == "leaderboard":
            names = {name: query.get(name, "") for name in ("judge", "category", "baseline")}
            updates |= self.board.show(Filters(**names), query.get("control", "").split())
        elif tab == "judges":
            updates |= self.judges.again("opened", "")
        return {**updates, self.tabs: gr.update(selected=tab)}

    def open_model(self, event: gr.EventData, place: BoardPlace) -> Updates:
        """Return the judgments that made the row of a model."""
        filters = replace((place.shown or place).filters, model=event.model)
        shown = views.judgments_screen(self.library, filters)
        return {**self.judgments.updates(shown), self.tabs: gr.update(selected="judgments")}
