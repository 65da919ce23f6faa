"""The three tabs of the page in Gradio: their fields, and the callback of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from arena.bench.answer_style import FEATURES
from arena.browser.html.markdown import DISPLAY_MATH, INLINE_MATH
from arena.browser.library import LONGEST, SHORTEST, SHOWN, Filters, Library
from arena.browser.views import (
    BoardScreen,
    JudgmentsScreen,
    Key,
    board_screen,
    judges_screen,
    judgments_screen,
    picked_key,
)

HTML = Path(__file__).parent / "html"

Updates = dict[Any, Any]  # the new values of components. Others stay as they are.
Choices = list[tuple[str, str]]
NOTHING: Updates = gr.skip()

CALL: dict[str, Any] = {"api_visibility": "private"}
LATEST = CALL | {"trigger_mode": "always_last"}
QUIET = LATEST | {"show_progress": "hidden"}
# One after the other: each begins where the one before has ended.
IN_TURN = QUIET | {"concurrency_id": "judgments", "concurrency_limit": 1}


def script(call: str) -> str:
    """Return the functions of page.js with a call of them."""
    return (HTML / "page.js").read_text(encoding="utf-8") + call


def _named(names: Sequence[str], all_of_them: str) -> Choices:
    return [(all_of_them, ""), *((name, name) for name in names)]


def _dropdown(label: str, choices: Sequence[str | tuple[str, str]] = ()) -> gr.Dropdown:
    return gr.Dropdown(list(choices), label=label, min_width=120, value=None)


class _Place(NamedTuple):
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
            self._add_filters()
        with gr.Row(elem_id="judgments"):
            with gr.Column(scale=0, min_width=290, elem_id="found"):
                self.list = gr.HTML(
                    js_on_load=script(
                        "pickRows(element, trigger); showCurrentRow(element, watch);"
                    ),
                    apply_default_css=False,
                    elem_id="list",
                )
            with gr.Column(scale=1, elem_id="shown"):
                self._add_judgment()
        self.place = gr.State(_Place())
        self.picked = [self.judge, self.model, self.baseline, self.category, self.show, self.order]
        self.filters = [*self.picked, self.text]
        self.shown = [self.question, self.place, self.game, self.previous, self.following]
        self.shown += [self.list, self.judgment, address]
        self.outputs = [*self.filters, self.reset, self.written, *self.shown]
        self._listen()

    def _add_filters(self) -> None:
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

    def _add_judgment(self) -> None:
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
        delimiters: list[dict[str, str | bool]] = [
            {"left": left, "right": right, "display": display}
            for (left, right), display in ((INLINE_MATH, False), (DISPLAY_MATH, True))
        ]
        self.judgment = gr.Markdown(latex_delimiters=delimiters, elem_id="judgment")

    def _listen(self) -> None:
        where = [self.place, self.game, self.written]
        searching = IN_TURN | {"show_progress": "full", "show_progress_on": [self.list]}
        # A dropdown fires `input` twice for a choice, `blur` once, but also without a choice.
        filtered = [*(field.blur for field in self.picked), self.text.submit]
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

    def filter(
        self, event: gr.EventData, place: _Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab for other filters, or nothing if a dropdown was left as it was."""
        filters = Filters(*(name or "" for name in names))
        if filters == place.filters and event.target is not self.text:
            return NOTHING
        return self.updates(self._screen(place._replace(filters=filters), game, written))

    def leave_search(
        self, event: gr.EventData, place: _Place, game: int, written: bool, *names: str | None
    ) -> Updates:
        """Return the tab without a search that was cleared. New words wait for Enter."""
        if names[-1] or not place.filters.text:
            return NOTHING
        return self.filter(event, place, game, written, *names)

    def unfilter(self, place: _Place, game: int, written: bool) -> Updates:
        """Return the tab with all judgments of its judge and model."""
        filters = Filters(judge=place.filters.judge, model=place.filters.model)
        return self.updates(self._screen(place._replace(filters=filters), game, written))

    def step(self, place: _Place, game: int, written: bool, steps: int = 0) -> Updates:
        """Return the changes for a judgment some steps on or back."""
        return self.judgment_updates(self._screen(place, game, written, step=steps))

    def jump(self, place: _Place, game: int, written: bool, position: int | None) -> Updates:
        """Return the changes for another question, or nothing if it is the current one."""
        if position in (None, place.question):
            return NOTHING
        return self.judgment_updates(self._screen(place, game, written, position=position))

    def pick(self, event: gr.EventData, place: _Place, game: int, written: bool) -> Updates:
        """Return the changes for a row of the list, as it was when the row was clicked."""
        place = place._replace(key=picked_key(self.library, event.query, int(event.row)))
        return self.judgment_updates(self._screen(place, game, written))

    def _screen(
        self, place: _Place, game: int | None, written: bool | None, **where: Any
    ) -> JudgmentsScreen:
        return judgments_screen(
            self.library,
            place.filters,
            place.key,
            game=game or 0,
            as_written=bool(written),
            **where,
        )

    def again(self, opened: str, place: _Place) -> Any:
        """Return the address of the view when the tab is looked at, or nothing while the page is
        being opened.
        """
        return place.address if opened else NOTHING

    def updates(self, shown: JudgmentsScreen) -> Updates:
        """Return the values of all outputs."""
        at = shown.filters
        return {
            self.judge: gr.update(choices=shown.offers.judges, value=at.judge or None),
            self.model: gr.update(
                choices=_named(shown.offers.models, "all models"), value=at.model
            ),
            self.baseline: _filter(
                at.baseline,
                choices=_named(shown.offers.baselines, "any"),
                visible=bool(shown.offers.baselines),
            ),
            self.category: _filter(at.category, choices=_named(shown.offers.categories, "all")),
            self.show: _filter(at.show, choices=_named(shown.outcomes, "any")),
            self.order: _filter(at.order),
            self.text: _filter(at.text),
            self.reset: gr.update(visible=shown.filtered),
            self.written: shown.as_written,
            **self.judgment_updates(shown),
            self.question: gr.update(choices=shown.questions, value=shown.question),
        }

    def judgment_updates(self, shown: JudgmentsScreen) -> Updates:
        """Return the values of the outputs that change with the judgment."""
        # Without a choice of games the hidden field keeps its last value.
        game = min(shown.game, len(shown.games) - 1)
        games = gr.update(choices=shown.games, value=game, visible=True)
        return {
            self.question: shown.question,
            self.place: _Place(shown.filters, shown.key, shown.question, shown.address_html),
            self.game: games if shown.games else gr.update(visible=False),
            self.previous: gr.update(interactive=not shown.is_first),
            self.following: gr.update(interactive=not shown.is_last),
            self.list: shown.list_html,
            self.judgment: shown.judgment_html,
            self.address: shown.address_html,
        }


def _filter(value: str, **properties: Any) -> Any:
    """Return a filter, with the colour of a choice if it is set."""
    return gr.update(value=value, elem_classes=["set"] if value else [], **properties)


class BoardChoice(NamedTuple):
    """The choices that make a leaderboard."""

    judge: str = ""
    category: str = ""
    control: Sequence[str] = ()
    baseline: str = ""


class BoardPlace(NamedTuple):
    """The last choice of a leaderboard, and the tab that it gave."""

    request: BoardChoice = BoardChoice()
    shown: BoardScreen | None = None

    @property
    def choice(self) -> BoardChoice:
        """The values of the fields."""
        if self.shown is None:
            return self.request
        at = self.shown.filters
        return BoardChoice(at.judge, at.category, self.shown.control, at.baseline)


class BoardTab:
    """The tab of the leaderboard."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        with gr.Row(elem_classes="filters"):
            self.judge = _dropdown("Judge", library.judges())
            self.category = _dropdown("Category or cluster", _named(library.categories(), "all"))
            self.baseline = _dropdown("Baseline, which scores 50", _named((), ""))
            self.control = gr.CheckboxGroup(
                list(FEATURES), label="Control for style", min_width=220
            )
        self.table = gr.HTML(
            js_on_load=script("pickRows(element, trigger);"), apply_default_css=False
        )
        self.place = gr.State(BoardPlace())
        inputs = [self.place, self.judge, self.category, self.control, self.baseline]
        self.outputs = [*inputs, self.table, address]
        fields = (self.judge, self.category, self.baseline)
        changed = [*(field.blur for field in fields), self.control.input]
        self.call = LATEST | {"show_progress_on": [self.table]}
        gr.on(changed, self.change, inputs, self.outputs, **self.call)

    def change(
        self,
        place: BoardPlace,
        judge: str | None,
        category: str | None,
        control: Sequence[str],
        baseline: str | None,
    ) -> Updates:
        """Return the tab for the values of its fields, or nothing if it shows them already."""
        chosen = BoardChoice(judge or "", category or "", control or [], baseline or "")
        return NOTHING if chosen == place.choice else self.show(chosen)

    def again(self, opened: str, place: BoardPlace) -> Updates:
        """Return the tab when it is looked at: only its address if nothing has changed, and nothing
        while the page is being opened.
        """
        if not opened:
            return NOTHING
        shown = board_screen(self.library, *place.request)
        if shown == place.shown:
            return {self.address: shown.address_html}
        return self.updates(place.request, shown)

    def show(self, request: BoardChoice) -> Updates:
        """Return the tab for a choice."""
        return self.updates(request, board_screen(self.library, *request))

    def prepare(self, judges: Sequence[str], judge: str) -> Updates:
        """Return the tab with a judge chosen, before it is looked at."""
        chosen = gr.update(choices=judges, value=judge or None)
        return {self.place: BoardPlace(BoardChoice(judge)), self.judge: chosen}

    def updates(self, request: BoardChoice, shown: BoardScreen) -> Updates:
        """Return the values of all outputs."""
        baselines = _named(shown.offers.baselines, shown.usual_baseline)
        return {
            self.place: BoardPlace(request, shown),
            self.judge: gr.update(choices=shown.offers.judges, value=shown.filters.judge or None),
            self.category: gr.update(
                choices=_named(shown.offers.categories, "all"), value=shown.filters.category
            ),
            self.control: gr.update(value=shown.control, visible=shown.pairwise),
            self.baseline: gr.update(
                choices=baselines, value=shown.filters.baseline, visible=shown.pairwise
            ),
            self.table: shown.table_html,
            self.address: shown.address_html,
        }


class JudgesTab:
    """The tab of the judges."""

    def __init__(self, library: Library, address: gr.HTML) -> None:
        self.library, self.address = library, address
        self.table = gr.HTML(apply_default_css=False)
        self.place = gr.State("")
        self.outputs = [self.place, self.table, address]
        self.call = CALL | {"show_progress_on": [self.table]}

    def again(self, opened: str, place: str) -> Updates:
        """Return the tab when it is looked at: only its address if nothing has changed, and nothing
        while the page is being opened.
        """
        if not opened:
            return NOTHING
        html, address = judges_screen(self.library)
        changed = {} if html == place else {self.place: html, self.table: html}
        return {**changed, self.address: address}
