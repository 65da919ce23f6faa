"""The browser's page in Gradio: which fields there are, and which callback each one calls.

Imported by qa_browser.py alone: Gradio takes two seconds to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

import screens
from browsing import LONGEST, SHORTEST, SHOWN, Filters, Library
from markup import DISPLAY_MATH, INLINE_MATH, plain
from opening import Chosen
from pages import notice
from screens import BoardScreen, Key, Screen, board_screen, judges_screen, screen

_FOLLOW = """
watch("value", () => {
  const link = element.querySelector("a");
  if (link) history.replaceState(null, "", link.getAttribute("href"));
});
"""
_PICK = """
element.addEventListener("click", event => {
  const picked = event.target.closest("[data-row], [data-model]");
  if (picked) trigger("click", {...picked.dataset});
});
"""
_SHOW_CURRENT = """
let shown = null;
watch("value", () => {
  const current = element.querySelector("[aria-current]");
  current?.scrollIntoView({block: "nearest"});
  if (shown !== current?.dataset.row) scrollTo(0, 0);
  shown = current?.dataset.row;
});
"""
_KEYS = """
window.steps = 0;
document.addEventListener("keydown", event => {
  const fields = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  if (event.target.closest(fields) || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = document.getElementById({j: "next", k: "previous"}[event.key]);
  if (button?.offsetParent) button.click();
});
document.addEventListener("click", event => {
  window.steps += {next: 1, previous: -1}[event.target.closest("button")?.id] ?? 0;
}, true);
"""
_TAKE_STEPS = """(place, game, written) => {
  const steps = window.steps;
  window.steps = 0;
  return [place, game, written, steps];
}"""
_DELIMITERS: list[dict[str, str | bool]] = [
    {"left": INLINE_MATH[0], "right": INLINE_MATH[1], "display": False},
    {"left": DISPLAY_MATH[0], "right": DISPLAY_MATH[1], "display": True},
]

Updates = list[Any]


def page(chosen: Chosen) -> gr.Blocks:
    """Return the page of a bench."""
    library = chosen.library
    name = library.bench.name
    blocks = gr.Blocks(title=f"Battles of {name}", fill_width=True, analytics_enabled=False)
    with blocks:
        with gr.Row(elem_id="top"):
            gr.HTML(_title(chosen), elem_id="title", apply_default_css=False)
            address = gr.HTML("", js_on_load=_FOLLOW, elem_id="address", apply_default_css=False)
        with gr.Tabs() as tabs:
            with gr.Tab("Battles", id="battles") as tab:
                battles = _Battles(library, address)
            tab.select(battles.address_again, [address, battles.place], address, **_QUIET)
            with gr.Tab("Leaderboard", id="leaderboard") as tab:
                board = _Board(library, address)
            tab.select(board.again, [address, board.place], board.outputs, **_LATEST)
            with gr.Tab("Judges", id="judges") as tab:
                judges = gr.HTML(apply_default_css=False)
            tab.select(
                lambda opened: judges_screen(library) if opened else _nothing(2),
                address,
                [judges, address],
                **_CALL,
            )
        _connect(chosen, blocks, tabs, battles, board, judges)
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


class _BoardPlace(NamedTuple):
    """What the tab of the leaderboard shows, or is to show."""

    judge: str = ""
    category: str = ""
    control: Sequence[str] = ()
    baseline: str = ""


def _nothing(outputs: int) -> Updates:
    return [gr.skip()] * outputs


def _title(chosen: Chosen) -> str:
    remarks = "".join(notice(f"{remark}.") for remark in chosen.remarks)
    return f"<h1>{plain(chosen.library.bench.name)}</h1>{remarks}"


def _named(names: Sequence[str], all_of_them: str) -> list[tuple[str, str]]:
    return [(all_of_them, ""), *((name, name) for name in names)]


class _Battles:
    """The tab of battles."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            self.judge = _dropdown("Judge", library.judges())
            self.model = _dropdown("Model", _named((), "all models"))
            self.baseline = _dropdown("Baseline", _named((), "any"))
            self.category = _dropdown("Category or cluster", _named((), "all"))
            self.show = _dropdown("Verdict", _named(SHOWN, "any"))
            self.order = _dropdown("Order", _named((LONGEST, SHORTEST), "as the questions"))
            self.text = gr.Textbox(
                label="Search",
                placeholder="prompt, answer or judgment; Enter",
                min_width=150,
                max_lines=1,
            )
        with gr.Row(elem_id="battles"):
            with gr.Column(scale=0, min_width=290, elem_id="found"):
                self.found = gr.HTML(
                    js_on_load=_PICK + _SHOW_CURRENT, apply_default_css=False, elem_id="list"
                )
            with gr.Column(scale=1, elem_id="shown"):
                with gr.Row(elem_classes="filters"):
                    self.question = gr.Dropdown(
                        label="Question", num_choices_shown=None, scale=5, min_width=240
                    )
                    self.game = gr.Radio(
                        [("Game 1", 0), ("Game 2", 1)], value=0, label="Game", scale=3
                    )
                    self.written = gr.Checkbox(
                        label="as written", min_width=125, scale=0, elem_classes="written"
                    )
                    previous = gr.Button("Previous", elem_id="previous", min_width=70, scale=0)
                    following = gr.Button("Next", elem_id="next", min_width=70, scale=0)
                self.battle = gr.Markdown(latex_delimiters=_DELIMITERS, elem_id="battle")
        self.place = gr.State(_Place())
        picked = [self.judge, self.model, self.baseline, self.category, self.show, self.order]
        self.filters = [*picked, self.text]
        self.shown = [self.question, self.place, self.game, self.found, self.battle, address]
        self.outputs = [*self.filters, *self.shown]
        self._listen(picked, [previous, following])

    def _listen(self, picked: Sequence[gr.Dropdown], steps: Sequence[gr.Button]) -> None:
        where = [self.place, self.game, self.written]
        # A dropdown says `input` twice for a choice, `blur` once, but also where nothing was chosen
        refiltered = [*(field.blur for field in picked), self.text.submit]
        gr.on(refiltered, self.refilter, [*where, *self.filters], self.outputs, **_IN_TURN)
        stepped = [button.click for button in steps]
        count = gr.Number(0, precision=0, visible=False)
        gr.on(stepped, self.step, [*where, count], self.shown, js=_TAKE_STEPS, **_IN_TURN)
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

    def step(self, place: _Place, game: int, written: bool, steps: int = 0) -> Updates:
        """Return what changes some battles on or back."""
        return self.shown_updates(self._screen(place, game, written, step=steps))

    def jump(self, place: _Place, game: int, written: bool, position: int | None) -> Updates:
        """Return what changes with the question; nothing where it is the one that is shown."""
        if position in (None, place.question):
            return _nothing(len(self.shown))
        return self.shown_updates(self._screen(place, game, written, position=position))

    def pick(self, event: gr.EventData, place: _Place, game: int, written: bool) -> Updates:
        """Return what changes with a row of the list."""
        return self.shown_updates(self._screen(place, game, written, position=int(event.row)))

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
        filters = shown.filters
        return [
            gr.update(choices=shown.judges, value=filters.judge or None),
            gr.update(choices=_named(shown.models, "all models"), value=filters.model),
            gr.update(choices=_named(shown.baselines, "any"), value=filters.baseline),
            gr.update(choices=_named(shown.categories, "all"), value=filters.category),
            filters.show,
            filters.order,
            filters.text,
            *self.shown_updates(shown, gr.update(choices=shown.questions, value=shown.question)),
        ]

    def shown_updates(self, shown: Screen, question: Any = None) -> Updates:
        """Return the values of the outputs that change with the battle."""
        return [
            shown.question if question is None else question,
            _Place(shown.filters, shown.key, shown.question, shown.address_html),
            gr.update(choices=shown.games, value=min(shown.game, len(shown.games) - 1)),
            shown.list_html,
            shown.battle_html,
            shown.address_html,
        ]


class _Board:
    """The tab of the leaderboard."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library = library
        with gr.Row(elem_classes="filters"):
            self.judge = _dropdown("Judge", library.judges())
            self.category = _dropdown("Category or cluster", _named(library.categories(), "all"))
            self.baseline = _dropdown("Baseline, which scores 50", _named((), "the usual one"))
            self.control = gr.CheckboxGroup(
                list(screens.CONTROLS), label="Control for style", min_width=220
            )
        self.table = gr.HTML(js_on_load=_PICK, apply_default_css=False)
        self.place = gr.State(_BoardPlace())
        self.inputs = [self.judge, self.category, self.control, self.baseline]
        self.outputs = [self.place, *self.inputs, self.table, address]
        fields = (self.judge, self.category, self.baseline)
        changed = [*(field.blur for field in fields), self.control.input]
        gr.on(changed, self.change, [self.place, *self.inputs], self.outputs, **_LATEST)

    def change(
        self,
        place: _BoardPlace,
        judge: str | None,
        category: str | None,
        control: Sequence[str],
        baseline: str | None,
    ) -> Updates:
        """Return the tab for the values of its fields; nothing where they are those shown."""
        chosen = _BoardPlace(judge or "", category or "", control or [], baseline or "")
        return _nothing(len(self.outputs)) if chosen == place else self.show(chosen)

    def again(self, opened: str, place: _BoardPlace) -> Updates:
        """Return the tab when it is looked at; nothing while the page is being opened."""
        return self.show(place) if opened else _nothing(len(self.outputs))

    def show(self, place: _BoardPlace) -> Updates:
        """Return the tab for a choice."""
        return self.updates(board_screen(self.library, *place))

    def updates(self, shown: BoardScreen) -> Updates:
        """Return the values of all outputs."""
        return [
            _BoardPlace(shown.judge, shown.category, shown.control, shown.baseline),
            gr.update(choices=shown.judges, value=shown.judge or None),
            gr.update(choices=_named(shown.categories, "all"), value=shown.category),
            shown.control,
            gr.update(choices=_named(shown.baselines, "the usual one"), value=shown.baseline),
            shown.table_html,
            shown.address_html,
        ]


def _dropdown(label: str, choices: Sequence[str | tuple[str, str]] = ()) -> gr.Dropdown:
    return gr.Dropdown(list(choices), label=label, min_width=120, value=None)


def _connect(
    chosen: Chosen,
    blocks: gr.Blocks,
    tabs: gr.Tabs,
    battles: _Battles,
    board: _Board,
    judges: gr.HTML,
) -> None:
    """Open what the address says, and a model's battles from its row of the leaderboard."""
    library = chosen.library

    def open_address(request: gr.Request) -> Updates:
        query = dict(request.query_params)
        tab, shown = screens.opened(library, chosen.judge, query)
        *filled, address = battles.updates(shown)
        table: Updates = [_BoardPlace(shown.filters.judge), *_nothing(len(board.outputs) - 2)]
        table[1] = gr.update(choices=shown.judges, value=shown.filters.judge or None)
        of_judges: Any = gr.skip()
        if tab == "leaderboard":
            judge, category, baseline = (
                query.get(name, "") for name in ("judge", "category", "baseline")
            )
            control = query.get("control", "").split()
            *table, address = board.show(_BoardPlace(judge, category, control, baseline))
        elif tab == "judges":
            of_judges, address = judges_screen(library)
        return [*filled, *table, of_judges, address, gr.update(selected=tab)]

    blocks.load(
        open_address,
        None,
        [*battles.outputs[:-1], *board.outputs[:-1], judges, battles.address, tabs],
        **_QUIET,
    )

    def open_model(event: gr.EventData, place: _BoardPlace) -> Updates:
        filters = Filters(judge=place.judge, model=event.model, category=place.category)
        return [*battles.updates(screen(library, filters)), gr.update(selected="battles")]

    board.table.click(open_model, board.place, [*battles.outputs, tabs], **_IN_TURN)
    blocks.load(None, js=f"() => {{{_KEYS}}}")
