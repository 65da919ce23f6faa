"""The browser's page in Gradio: which fields there are, and which callback each one calls.

Imported by qa_browser.py alone: Gradio takes two seconds to load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

import screens
from browsing import LONGEST, SHORTEST, SHOWN, Filters, Library
from markup import DISPLAY_MATH, INLINE_MATH, plain
from opening import Chosen
from pages import notice
from screens import BoardScreen, Screen, board_screen, judges_screen, screen

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
document.addEventListener("keydown", event => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = {j: "next", k: "previous"}[event.key];
  if (button) document.getElementById(button)?.click();
});
"""
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
            tab.select(lambda here: here or gr.skip(), battles.here, address, **_QUIET)
            with gr.Tab("Leaderboard", id="leaderboard") as tab:
                board = _Board(library, address)
            tab.select(board.show, board.inputs, board.outputs, **_CALL)
            with gr.Tab("Judges", id="judges") as tab:
                judges = gr.HTML(apply_default_css=False)
            tab.select(lambda: list(judges_screen(library)), None, [judges, address], **_CALL)
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
_QUIET = _CALL | {"show_progress": "hidden", "trigger_mode": "always_last"}


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
        self.key = gr.State(("", "", ""))
        self.here = gr.State("")  # the address: fields may not all be filled when it is asked for
        picked = [self.judge, self.model, self.baseline, self.category, self.show, self.order]
        self.filters = [*picked, self.text]
        self.inputs = [*self.filters, self.key, self.game, self.written]
        self.shown = [
            *(self.question, self.key, self.game, self.found, self.battle),
            *(self.here, address),
        ]
        self.outputs = [*self.filters, *self.shown]
        self._listen([*(field.input for field in picked), self.text.submit])
        previous.click(self._move(-1), self.inputs, self.shown, **_QUIET)
        following.click(self._move(1), self.inputs, self.shown, **_QUIET)

    def _listen(self, refiltered: Sequence[Any]) -> None:
        gr.on(
            refiltered,
            self.again,
            self.inputs,
            self.outputs,
            **_QUIET,
        )
        gr.on(
            [self.game.input, self.written.input], self._move(0), self.inputs, self.shown, **_QUIET
        )
        self.question.input(self._jump, [*self.inputs, self.question], self.shown, **_QUIET)
        self.found.click(self._pick, self.inputs, self.shown, **_QUIET)

    def again(self, *values: Any) -> Updates:
        """Return the tab for the values of its fields."""
        return self.updates(self._screen(values))

    def _screen(self, values: Sequence[Any], **where: Any) -> Screen:
        *names, key, game, written = values
        filters = Filters(*(name or "" for name in names))
        return screen(
            self.library, filters, tuple(key), game=game or 0, as_written=bool(written), **where
        )

    def _move(self, step: int) -> Callable[..., Updates]:
        return lambda *values: self.shown_updates(self._screen(values, step=step))

    def _jump(self, *values: Any) -> Updates:
        return self.shown_updates(self._screen(values[:-1], position=values[-1] or 0))

    def _pick(self, event: gr.EventData, *values: Any) -> Updates:
        return self.shown_updates(self._screen(values, position=int(event.row)))

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
            shown.key,
            gr.update(choices=shown.games, value=min(shown.game, len(shown.games) - 1)),
            shown.list_html,
            shown.battle_html,
            shown.address_html,
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
        with gr.Row(elem_id="board"):
            with gr.Column(scale=3, min_width=520):
                self.table = gr.HTML(js_on_load=_PICK, apply_default_css=False)
            with gr.Column(scale=2, min_width=380):
                self.plot = gr.Plot(show_label=False, container=False)
        self.inputs = [self.judge, self.category, self.control, self.baseline]
        self.outputs = [*self.inputs, self.table, self.plot, address]
        changed = [self.judge.input, self.category.input, self.control.input, self.baseline.input]
        gr.on(changed, self.show, self.inputs, self.outputs, **_CALL)

    def show(
        self, judge: str | None, category: str | None, control: list[str], baseline: str | None
    ) -> Updates:
        """Return the tab for the values of its fields."""
        fields = (judge or "", category or "", control or [], baseline or "")
        return self.updates(board_screen(self.library, *fields))

    def updates(self, shown: BoardScreen) -> Updates:
        """Return the values of all outputs."""
        plot = PlotData(type="plotly", plot=shown.plot) if shown.plot else None
        return [
            gr.update(choices=shown.judges, value=shown.judge or None),
            gr.update(choices=_named(shown.categories, "all"), value=shown.category),
            shown.control,
            gr.update(choices=_named(shown.baselines, "the usual one"), value=shown.baseline),
            shown.table_html,
            gr.update(value=plot, visible=plot is not None),
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
        table: Updates = [gr.skip()] * (len(board.outputs) - 1)
        table[0] = gr.update(choices=shown.judges, value=shown.filters.judge or None)
        of_judges: Any = gr.skip()
        if tab == "leaderboard":
            judge, category, baseline = (
                query.get(name, "") for name in ("judge", "category", "baseline")
            )
            *table, address = board.show(
                judge, category, query.get("control", "").split(), baseline
            )
        elif tab == "judges":
            of_judges, address = judges_screen(library)
        return [*filled, *table, of_judges, address, gr.update(selected=tab)]

    blocks.load(
        open_address,
        None,
        [*battles.outputs[:-1], *board.outputs[:-1], judges, battles.address, tabs],
        **_QUIET,
    )

    def open_model(event: gr.EventData, judge: str, category: str, *_: Any) -> Updates:
        filters = Filters(judge=judge, model=event.model, category=category or "")
        return [*battles.updates(screen(library, filters)), gr.update(selected="battles")]

    board.table.click(open_model, board.inputs, [*battles.outputs, tabs], **_QUIET)
    blocks.load(None, js=f"() => {{{_KEYS}}}")
