"""What each tab of the browser shows for a choice or a link: its callbacks, which return data.

layout.py hands them the values of its fields, and puts in place what they return.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pages
from battle_view import Battle
from browsing import LONGEST, SHORTEST, SHOWN, Filters, Library
from console import InputError

TABS = ("battles", "leaderboard", "judges")
CONTROLS = ("length", "markdown")

Key = tuple[str, str, str]  # question, model and baseline; "" is any


@dataclass(frozen=True)
class Screen:
    """The tab of battles: what is chosen, what there is to choose from, what is shown.

    `questions`: titles, and the position of the first battle on each question in the list.
    """

    filters: Filters
    judges: list[str]
    models: list[str]
    baselines: list[str]
    categories: list[str]
    questions: list[tuple[str, int]]
    question: int | None
    key: Key
    game: int
    games: list[tuple[str, int]]
    list_html: str
    battle_html: str
    address_html: str


def screen(
    library: Library,
    filters: Filters,
    key: Key = ("", "", ""),
    *,
    position: int | None = None,
    step: int = 0,
    game: int = 0,
    as_written: bool = False,
) -> Screen:
    """Return what is shown for some filters: the battle at a position of the list, else the one
    with the key, else the first; and from there some steps on.
    """
    filters = _valid(library, filters)
    found = library.found(filters)
    if position is None:
        position = _position(found, key)
    shown = max(0, min((position or 0) + step, len(found) - 1))
    battle = found[shown] if found else None
    first: dict[str, int] = {}
    for number, one in enumerate(found):
        first.setdefault(one.question, number)
    html = _battle_html(library, filters, battle, game, as_written)
    if position is None and key[0] and battle:
        lost = f"No battle on question {key[0]} passes these filters; this is the first that does."
        html = pages.notice(lost) + html
    titles = library.questions
    return Screen(
        filters=filters,
        judges=library.judges(),
        models=library.models(filters.judge),
        baselines=library.baselines(filters.judge, filters.model),
        categories=library.categories(),
        questions=[(pages.question_title(titles.get(q), q), at) for q, at in first.items()],
        question=first[battle.question] if battle else None,
        key=battle.key if battle else key,
        game=game,
        games=_game_names(battle),
        list_html=pages.list_html(found, shown, titles, one_model=bool(filters.model)),
        battle_html=html,
        address_html=_address("battles", vars(filters) | _battle_parameters(battle, game)),
    )


def _valid(library: Library, filters: Filters) -> Filters:
    """Return filters without names that are not to be had, as a link may hold them."""
    judge = _known_judge(library, filters.judge)
    model = _known(filters.model, library.models(judge))
    return Filters(
        judge=judge,
        model=model,
        baseline=_known(filters.baseline, library.baselines(judge, model)),
        category=_known(filters.category, library.categories()),
        show=_known(filters.show, SHOWN),
        order=_known(filters.order, (LONGEST, SHORTEST)),
        text=filters.text,
    )


def _known_judge(library: Library, judge: str) -> str:
    """Return a judge, or the first where there is none of that name; "" where there is none."""
    judges = library.judges()
    return judge if judge in judges else next(iter(judges), "")


def _known(name: str, names: Collection[str]) -> str:
    return name if name in names else ""


def _position(found: Sequence[Battle], key: Key) -> int | None:
    """Return where the first battle with a key is."""
    fits = (
        i
        for i, battle in enumerate(found)
        if all(part in ("", own) for part, own in zip(key, battle.key, strict=True))
    )
    return next(fits, None)


def _game_names(battle: Battle | None) -> list[tuple[str, int]]:
    if battle is None or not battle.pairwise:
        return [("grade", 0)]
    return [("game 1", 0), ("game 2", 1)]


def _battle_parameters(battle: Battle | None, game: int) -> dict[str, str]:
    """Return what names a battle in a link, beside the filters."""
    if battle is None:
        return {}
    names = {"question": battle.question, "of": battle.model, "against": battle.baseline}
    return names | {"game": "2" if game else ""}


def _address(tab: str, parameters: Mapping[str, str]) -> str:
    return pages.address_html(pages.link({"tab": tab, **parameters}))


def _battle_html(
    library: Library, filters: Filters, battle: Battle | None, game: int, as_written: bool
) -> str:
    if battle is not None:
        try:
            return pages.battle_html(library.view(battle), game, as_written)
        except InputError as error:
            return pages.notice(str(error))
    if not filters.judge:
        folder = library.bench.folder
        return pages.notice(f"{folder} holds no judgments yet; gen_judgment.py makes them.")
    return pages.notice("No battle passes these filters. Take one back to see more.")


def opened(library: Library, judge: str, query: Mapping[str, str]) -> tuple[str, Screen]:
    """Return the tab and the screen that a link names; without a link, those to begin with."""
    filters = Filters(**{name: query.get(name, "") for name in vars(Filters())})
    if not filters.judge:
        filters = replace(filters, judge=judge)
    if not query:
        filters = replace(filters, model=next(iter(library.models(judge)), ""))
    tab = query.get("tab", "")
    key = (query.get("question", ""), query.get("of", ""), query.get("against", ""))
    shown = screen(library, filters, key, game=int(query.get("game") == "2"))
    return tab if tab in TABS else TABS[0], shown


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: its tables, and the plot of the first as plotly's JSON."""

    judge: str
    baseline: str
    baselines: list[str]
    category: str
    control: list[str]
    table_html: str
    plot: str | None
    address_html: str


def board_screen(
    library: Library, judge: str, category: str, control: Sequence[str], baseline: str
) -> BoardScreen:
    """Return the leaderboard of a judge; where there is none, the reason in words."""
    judge = _known_judge(library, judge)
    category = _known(category, library.categories())
    control = [name for name in CONTROLS if name in control]
    baselines = [name for name in library.baselines(judge) if name]
    baseline = _known(baseline, baselines)
    plot = None
    try:
        if not judge:
            raise InputError(f"{library.bench.folder} holds no judgments yet")
        boards = library.boards(judge, category, control, baseline)
        headed = len(boards) > 1
        table = "".join(pages.board_html(board, lines, headed=headed) for board, lines in boards)
        plot = pages.board_plot(boards[0][0]) if boards[0][0].rows else None
    except InputError as error:
        table = pages.notice("There is no leaderboard.", f"{error}.")
    parameters = {"judge": judge, "category": category, "baseline": baseline}
    address = _address("leaderboard", parameters | {"control": " ".join(control)})
    return BoardScreen(judge, baseline, baselines, category, control, table, plot, address)


def judges_screen(library: Library) -> tuple[str, str]:
    """Return the tab of the judges, and its address."""
    stats, pairs = library.judge_numbers()
    if not stats:
        html = pages.notice(f"{library.bench.folder} holds no judgments yet.")
    else:
        html = pages.judges_html(stats, pairs)
    return html, _address("judges", {})
