"""The outcomes of all models on one question as a strip, from the best to the worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arena.browser.html.controls import Query, view_link
from arena.browser.html.markdown import plain
from arena.browser.html.questions.cells import Cell, cell_of
from arena.browser.index import ListedJudgment


def question_strip(
    entries: Sequence[ListedJudgment],
    opened: str,
    beside: str,
    opens: Callable[[str], Query],
    adds: Callable[[str], Query],
) -> str:
    """Return the outcome of each model on a question, with the links that open it and that put it
    beside the one that is `opened`. A strip of one model is "".
    """

    def ranked(of: tuple[Cell, str]) -> tuple[bool, float, str]:
        value = of[0].value
        return value is None, -(value or 0), of[1]

    cells = [(cell_of([entry]), entry.model) for entry in entries]
    items = ""
    for cell, model in sorted(cells, key=ranked):
        name, mark = plain(model), f'<i class="{cell.style}">{cell.mark}</i>'
        current = 'aria-current="true"'
        title = f"{model}, {cell.words}"
        link = view_link(
            opens(model),
            f"{mark}<span>{name}</span>",
            title=title,
            state=current if model == opened else "",
        )
        side = ""
        if model != opened:
            is_beside = model == beside
            title = f"{model} {'no longer ' if is_beside else ''}beside {opened}"
            state = f'aria-label="{plain(title)}"' + (f" {current}" if is_beside else "")
            side = view_link(adds("" if is_beside else model), "◫", title=title, state=state)
        items += f"<li>{link}{side}</li>"
    label = 'aria-label="All models on this question"'
    return f'<nav class="on-question" {label}><ul>{items}</ul></nav>' if len(entries) > 1 else ""
