"""The browser's page in Gradio: which fields there are, and which callback each one calls.

Imported by qa_browser.py alone: Gradio takes two seconds to load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from arena.browser import views as screens
from arena.browser.defaults import Chosen
from arena.browser.html.battle_page import notice
from arena.browser.html.markdown import DISPLAY_MATH, INLINE_MATH, plain
from arena.browser.library import LONGEST, SHORTEST, SHOWN, Filters, Library
from arena.browser.views import (
    BoardScreen,
    Key,
    Screen,
    board_screen,
    judges_screen,
    picked,
    screen,
)

HTML = Path(__file__).parent / "html"
STYLE = HTML / "style.css"


def script(call: str) -> str:
    """Return the functions of page.js with a call of them."""
    return (HTML / "page.js").read_text(encoding="utf-8") + call


_DELIMITERS: list[dict[str, str | bool]] = [
    {"left": INLINE_MATH[0], "right": INLINE_MATH[1], "display": False},
    {"left": DISPLAY_MATH[0], "right": DISPLAY_MATH[1], "display": True},
]

# A field that is set, the judge and the model aside, has the colour of what is chosen; what shows
# that the server is at work comes only where it takes long.
Updates = list[Any]
Choices = list[tuple[str, str]]


def make_page(chosen: Chosen) -> gr.Blocks:
    """Return the page of a bench."""
    library = chosen.library
    name = library.bench.name
    blocks = gr.Blocks(title=f"Battles of {name}", fill_width=True, analytics_enabled=False)
    with blocks:
        with gr.Row(elem_id="top"):
            gr.HTML(_title(chosen), elem_id="title", apply_default_css=False)
            address = gr.HTML(
                "",
                js_on_load=script("followAddress(element, watch, trigger);"),
                elem_id="address",
                apply_default_css=False,
            )
        with gr.Tabs() as tabs:
            with gr.Tab("Battles", id="battles") as tab:
                battles = _Battles(library, address)
            tab.select(battles.address_again, [address, battles.place], address, **_QUIET)
            with gr.Tab("Leaderboard", id="leaderboard") as tab:
                board = _Board(library, address)
            tab.select(board.again, [address, board.place], board.outputs, **board.call)
            with gr.Tab("Judges", id="judges") as tab:
                judges = _Judges(library, address)
            tab.select(judges.again, [address, judges.place], judges.outputs, **judges.call)
        _Links(chosen, battles, board, judges, tabs).connect(blocks)
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


_CALL: dict[str, Any] = {"api_visibility": "private"}
_LATEST = _CALL | {"trigger_mode": "always_last"}
_QUIET = _LATEST | {"show_progress": "hidden"}
# One after the other: each begins where the one before has ended.
_IN_TURN = _QUIET | {"concurrency_id": "battles", "concurrency_limit": 1}


class _Place(NamedTuple):
    """What the tab of battles shows, kept whole: its fields may be filled only in part."""

    filters: Filters = Filters()
    key: Key = ("", "", "")
    question: int | None = None
    address: str = ""


class _BoardChoice(NamedTuple):
    """What a leaderboard is of."""

    judge: str = ""
    category: str = ""
    control: Sequence[str] = ()
    baseline: str = ""


class _BoardPlace(NamedTuple):
    """What the tab of the leaderboard was asked to show, and what it shows."""

    asked: _BoardChoice = _BoardChoice()
    shown: BoardScreen | None = None

    @property
    def choice(self) -> _BoardChoice:
        """The values of the fields."""
        at = self.shown
        return _BoardChoice(at.judge, at.category, at.control, at.baseline) if at else self.asked


def _nothing(outputs: int) -> Updates:
    return [gr.skip()] * outputs


def _title(chosen: Chosen) -> str:
    remarks = "".join(notice(remark) for remark in chosen.remarks)
    return f"<h1>{plain(chosen.library.bench.name)}</h1>{remarks}"


def _named(names: Sequence[str], all_of_them: str) -> Choices:
    return [(all_of_them, ""), *((name, name) for name in names)]


class _Battles:
    """The tab of battles."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            self._make_filters()
        with gr.Row(elem_id="battles"):
            with gr.Column(scale=0, min_width=290, elem_id="found"):
                self.found = gr.HTML(
                    js_on_load=script(
                        "pickRows(element, trigger); showCurrentRow(element, watch);"
                    ),
                    apply_default_css=False,
                    elem_id="list",
                )
            with gr.Column(scale=1, elem_id="shown"):
                self._make_battle()
        self.place = gr.State(_Place())
        self.picked = [self.judge, self.model, self.baseline, self.category, self.show, self.order]
        self.filters = [*self.picked, self.text]
        self.shown = [self.question, self.place, self.game, self.previous, self.following]
        self.shown += [self.found, self.battle, address]
        self.outputs = [*self.filters, self.reset, self.written, *self.shown]
        self._listen()

    def _make_filters(self) -> None:
        self.judge = _dropdown("Judge", self.library.judges())
        self.model = _dropdown("Model", _named((), "all models"))
        self.baseline = _dropdown("Baseline", _named((), "any"))
        self.category = _dropdown("Category or cluster", _named((), "all"))
        self.show = _dropdown("Verdict", _named(SHOWN, "any"))
        self.order = _dropdown("Order", _named((LONGEST, SHORTEST), "as the questions"))
        self.text = gr.Textbox(
            label="Search (Enter)", placeholder="in all texts", min_width=150, max_lines=1
        )
        self.reset = gr.Button(
            "Reset filters", elem_id="reset", min_width=100, scale=0, visible=False
        )

    def _make_battle(self) -> None:
        with gr.Row(elem_classes="filters"):
            self.question = gr.Dropdown(
                label="Question", num_choices_shown=None, scale=5, min_width=240
            )
            self.game = gr.Radio(
                [("Game 1", 0), ("Game 2", 1)], value=0, label="Game", scale=3, elem_id="game"
            )
            self.written = gr.Checkbox(
                label="as written", min_width=125, scale=0, elem_classes="written"
            )
            self.previous = gr.Button("Previous", elem_id="previous", min_width=70, scale=0)
            self.following = gr.Button("Next", elem_id="next", min_width=70, scale=0)
        self.battle = gr.Markdown(latex_delimiters=_DELIMITERS, elem_id="battle")

    def _listen(self) -> None:
        where = [self.place, self.game, self.written]
        searching = _IN_TURN | {"show_progress": "full", "show_progress_on": [self.found]}
        # A dropdown says `input` twice for a choice, `blur` once, but also where nothing was chosen
        refiltered = [*(field.blur for field in self.picked), self.text.submit]
        gr.on(refiltered, self.refilter, [*where, *self.filters], self.outputs, **searching)
        self.text.blur(self.leave_search, [*where, *self.filters], self.outputs, **searching)
        self.reset.click(self.unfilter, where, self.outputs, **_IN_TURN)
        stepped = [self.previous.click, self.following.click]
        count = gr.Number(0, precision=0, visible=False)
        steps = {"js": f"(...inputs) => {{{script('return takeSteps(...inputs);')}}}"} | _IN_TURN
        gr.on(stepped, self.step, [*where, count], self.shown, **steps)
        gr.on([self.game.input, self.written.input], self.step, where, self.shown, **_IN_TURN)
        self.question.blur(self.jump, [*where, self.question], self.shown, **_IN_TURN)
        self.found.click(self.pick, where, self.shown, **_IN_TURN)

    def refilter(
        self, event: gr.EventData, place: _Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab for other filters; nothing where a dropdown was left as it was."""
        filters = Filters(*(name or "" for name in names))
        if filters == place.filters and event.target is not self.text:
            return _nothing(len(self.outputs))
        return self.updates(self._screen(place._replace(filters=filters), game, written))

    def leave_search(
        self, event: gr.EventData, place: _Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab without a search that was cleared; words to come wait for Enter."""
        if names[-1] or not place.filters.text:
            return _nothing(len(self.outputs))
        return self.refilter(event, place, game, written, *names)

    def unfilter(self, place: _Place, game: int, written: bool) -> Updates:
        """Return the tab with all battles of its judge and model."""
        filters = Filters(judge=place.filters.judge, model=place.filters.model)
        return self.updates(self._screen(place._replace(filters=filters), game, written))

    def step(self, place: _Place, game: int, written: bool, steps: int = 0) -> Updates:
        """Return what changes some battles on or back."""
        return self.shown_updates(self._screen(place, game, written, step=steps))

    def jump(self, place: _Place, game: int, written: bool, position: int | None) -> Updates:
        """Return what changes with the question; nothing where it is the one that is shown."""
        if position in (None, place.question):
            return _nothing(len(self.shown))
        return self.shown_updates(self._screen(place, game, written, position=position))

    def pick(self, event: gr.EventData, place: _Place, game: int, written: bool) -> Updates:
        """Return what changes with a row of the list, as it was when the row was clicked."""
        place = place._replace(key=picked(self.library, event.query, int(event.row)))
        return self.shown_updates(self._screen(place, game, written))

    def _screen(
        self, place: _Place, game: int | None, written: bool | None, **where: int
    ) -> Screen:
        return screen(
            self.library,
            place.filters,
            place.key,
            position=where.get("position"),
            step=where.get("step", 0),
            game=game or 0,
            as_written=bool(written),
        )

    def address_again(self, opened: str, place: _Place) -> Any:
        """Return the address of what is shown; none while the page is being opened."""
        return place.address if opened else gr.skip()

    def updates(self, shown: Screen) -> Updates:
        """Return the values of all outputs."""
        at = shown.filters
        return [
            gr.update(choices=shown.judges, value=at.judge or None),
            gr.update(choices=_named(shown.models, "all models"), value=at.model),
            _field(at.baseline, _named(shown.baselines, "any"), visible=bool(shown.baselines)),
            _field(at.category, _named(shown.categories, "all")),
            _field(at.show, _named(shown.outcomes, "any")),
            _field(at.order),
            _field(at.text),
            gr.update(visible=shown.filtered),
            shown.as_written,
            *self.shown_updates(shown, gr.update(choices=shown.questions, value=shown.question)),
        ]

    def shown_updates(self, shown: Screen, question: Any = None) -> Updates:
        """Return the values of the outputs that change with the battle."""
        return [
            shown.question if question is None else question,
            _Place(shown.filters, shown.key, shown.question, shown.address_html),
            _games(shown),
            gr.update(interactive=not shown.is_first),
            gr.update(interactive=not shown.is_last),
            shown.list_html,
            shown.battle_html,
            shown.address_html,
        ]


def _games(shown: Screen) -> Any:
    """Return the choice of games; where there is none the field keeps the last one, unseen."""
    if not shown.games:
        return gr.update(visible=False)
    value = min(shown.game, len(shown.games) - 1)
    return gr.update(choices=shown.games, value=value, visible=True)


def _field(value: str, choices: Choices | None = None, *, visible: bool = True) -> Any:
    """Return a filter, marked where it is set."""
    offered: dict[str, Any] = {} if choices is None else {"choices": choices}
    classes = ["set"] if value else []
    return gr.update(value=value, elem_classes=classes, visible=visible, **offered)


class _Board:
    """The tab of the leaderboard."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library = library
        with gr.Row(elem_classes="filters"):
            self.judge = _dropdown("Judge", library.judges())
            self.category = _dropdown("Category or cluster", _named(library.categories(), "all"))
            self.baseline = _dropdown("Baseline, which scores 50", _named((), ""))
            self.control = gr.CheckboxGroup(
                list(screens.CONTROLS), label="Control for style", min_width=220
            )
        self.table = gr.HTML(
            js_on_load=script("pickRows(element, trigger);"), apply_default_css=False
        )
        self.place = gr.State(_BoardPlace())
        self.inputs = [self.judge, self.category, self.control, self.baseline]
        self.outputs = [self.place, *self.inputs, self.table, address]
        fields = (self.judge, self.category, self.baseline)
        changed = [*(field.blur for field in fields), self.control.input]
        self.call = _LATEST | {"show_progress_on": [self.table]}
        gr.on(changed, self.change, [self.place, *self.inputs], self.outputs, **self.call)

    def change(
        self,
        place: _BoardPlace,
        judge: str | None,
        category: str | None,
        control: Sequence[str],
        baseline: str | None,
    ) -> Updates:
        """Return the tab for the values of its fields; nothing where they are those shown."""
        chosen = _BoardChoice(judge or "", category or "", control or [], baseline or "")
        return _nothing(len(self.outputs)) if chosen == place.choice else self.show(chosen)

    def again(self, opened: str, place: _BoardPlace) -> Updates:
        """Return the tab when it is looked at, only its address where it shows all that already;
        nothing while the page is being opened.
        """
        if not opened:
            return _nothing(len(self.outputs))
        shown = board_screen(self.library, *place.asked)
        if shown == place.shown:
            return [*_nothing(len(self.outputs) - 1), shown.address_html]
        return self.updates(place.asked, shown)

    def show(self, asked: _BoardChoice) -> Updates:
        """Return the tab for a choice."""
        return self.updates(asked, board_screen(self.library, *asked))

    def prepare(self, judges: Sequence[str], judge: str) -> Updates:
        """Return the tab with a judge chosen, before it is looked at; no address."""
        chosen = gr.update(choices=judges, value=judge or None)
        place = _BoardPlace(_BoardChoice(judge))
        return [place, chosen, *_nothing(len(self.outputs) - 3)]

    def updates(self, asked: _BoardChoice, shown: BoardScreen) -> Updates:
        """Return the values of all outputs."""
        baselines = _named(shown.baselines, shown.usual_baseline)
        return [
            _BoardPlace(asked, shown),
            gr.update(choices=shown.judges, value=shown.judge or None),
            gr.update(choices=_named(shown.categories, "all"), value=shown.category),
            gr.update(value=shown.control, visible=shown.pairwise),
            gr.update(choices=baselines, value=shown.baseline, visible=shown.pairwise),
            shown.table_html,
            shown.address_html,
        ]


class _Judges:
    """The tab of the judges."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library = library
        self.table = gr.HTML(apply_default_css=False)
        self.place = gr.State("")
        self.outputs = [self.place, self.table, address]
        self.call = _CALL | {"show_progress_on": [self.table]}

    def again(self, opened: str, place: str) -> Updates:
        """Return the tab when it is looked at, only its address where it shows all that already;
        nothing while the page is being opened.
        """
        if not opened:
            return _nothing(len(self.outputs))
        html, address = judges_screen(self.library)
        return [gr.skip(), gr.skip(), address] if html == place else [html, html, address]


class _Links:
    """How a link, a step back or a row of the leaderboard opens a tab."""

    def __init__(
        self, chosen: Chosen, battles: _Battles, board: _Board, judges: _Judges, tabs: gr.Tabs
    ) -> None:
        self.library, self.judge = chosen.library, chosen.judge
        self.battles, self.board, self.judges, self.tabs = battles, board, judges, tabs
        parts = (battles.outputs, board.outputs, judges.outputs)
        filled = [output for outputs in parts for output in outputs[:-1]]
        self.outputs = [*filled, battles.address, tabs]

    def connect(self, blocks: gr.Blocks) -> None:
        """Open what the address says, then what is clicked."""
        blocks.load(self.open_address, None, self.outputs, **_QUIET)
        self.battles.address.select(self.open_again, None, self.outputs, **_IN_TURN)
        opened = [*self.battles.outputs, self.tabs]
        self.board.table.click(self.open_model, self.board.place, opened, **_IN_TURN)
        blocks.load(None, js=f"() => {{{script('listenToKeys(); mendDropdowns();')}}}")

    def open_address(self, request: gr.Request) -> Updates:
        """Return the page as the address that it was opened with says."""
        return self.open(dict(request.query_params))

    def open_again(self, event: gr.EventData) -> Updates:
        """Return the page as it was, when the reader goes back or forth."""
        *filled, address, tab = self.open(screens.query_of(event.query))
        return [*filled, f'<span data-asked="{plain(event.query)}">{address}</span>', tab]

    def open(self, query: Mapping[str, str]) -> Updates:
        """Return the page for the query of a link."""
        tab, shown = screens.opened(self.library, self.judge, query)
        *filled, address = self.battles.updates(shown)
        board = self.board.prepare(shown.judges, shown.filters.judge)
        judges = _nothing(len(self.judges.outputs) - 1)
        if tab == "leaderboard":
            *board, address = self.board.show(_choice_of(query))
        elif tab == "judges":
            *judges, address = self.judges.again("opened", "")
        return [*filled, *board, *judges, address, gr.update(selected=tab)]

    def open_model(self, event: gr.EventData, place: _BoardPlace) -> Updates:
        """Return the battles that made the row of a model."""
        judge, category, _, baseline = place.choice
        filters = Filters(judge, event.model, baseline, category)
        shown = screen(self.library, filters)
        return [*self.battles.updates(shown), gr.update(selected="battles")]


def _choice_of(query: Mapping[str, str]) -> _BoardChoice:
    """Return the leaderboard that a link names."""
    judge, category, baseline = (query.get(name, "") for name in ("judge", "category", "baseline"))
    return _BoardChoice(judge, category, query.get("control", "").split(), baseline)


def _dropdown(label: str, choices: Sequence[str | tuple[str, str]] = ()) -> gr.Dropdown:
    return gr.Dropdown(list(choices), label=label, min_width=120, value=None)
