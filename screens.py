"""What each tab of the browser shows for a choice or a link: its callbacks, which return data.

layout.py hands them the values of its fields, and puts in place what they return.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pages
import standings
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
    notices: Sequence[str] = (),
) -> Screen:
    """Return what is shown for some filters: the battle at a position of the list, else the one
    with the key, else the first; and from there some steps on; above it notices.
    """
    notices, asked = [*_faults(library), *notices], filters
    filters = _valid(library, filters, notices)
    found = library.found(filters)
    if position is None:
        position = _position(found, key)
        if position is None and key[0] and found:
            notices.append(_not_among(found, library, key[0]))
    shown = max(0, min((position or 0) + step, len(found) - 1))
    battle = found[shown] if found else None
    questions = _questions(library, found)
    html = _battle_html(library, filters, battle, game, as_written)
    return Screen(
        filters=filters,
        judges=_offered(library.judges(), asked.judge),
        models=_offered(library.models(filters.judge), asked.model),
        baselines=_offered(library.baselines(filters.judge, filters.model), asked.baseline),
        categories=_offered(library.categories(), asked.category),
        questions=[(title, first) for title, first in questions.values()],
        question=questions[battle.question][1] if battle else None,
        key=battle.key if battle else key,
        game=game,
        games=_game_names(battle),
        list_html=_list_html(library, filters, found, shown),
        battle_html=pages.notice(*notices) + html,
        address_html=_address("battles", vars(filters) | _battle_parameters(battle, game)),
    )


def _faults(library: Library) -> list[str]:
    """Return what of the questions could not be read, as sentences."""
    return [f"{library.fault}."] if library.fault else []


def _questions(library: Library, found: Sequence[Battle]) -> dict[str, tuple[str, int]]:
    """Return for each question in a list its title, and where its first battle is."""
    first: dict[str, int] = {}
    for number, battle in enumerate(found):
        first.setdefault(battle.question, number)
    known = library.questions
    return {q: (pages.question_title(known.get(q), q), at) for q, at in first.items()}


def _list_html(library: Library, filters: Filters, found: Sequence[Battle], shown: int) -> str:
    if not found:
        return pages.notice(_why_nothing(library, filters))
    return pages.list_html(found, shown, library.questions, one_model=bool(filters.model))


def _valid(library: Library, filters: Filters, notices: list[str]) -> Filters:
    """Return filters without names that are not to be had, as a link may hold them; `notices` gets
    a sentence on each.
    """
    judge = _known_judge(library, filters.judge, notices)
    if not judge:
        return replace(filters, judge="")
    model = _known("model", filters.model, library.models(judge), notices)
    baselines = library.baselines(judge, model)
    return Filters(
        judge=judge,
        model=model,
        baseline=_known("baseline", filters.baseline, baselines, notices),
        category=_known("category or cluster", filters.category, library.categories(), notices),
        show=_known("verdict", filters.show, SHOWN, notices),
        order=_known("order", filters.order, (LONGEST, SHORTEST), notices),
        text=filters.text,
    )


def _known_judge(library: Library, judge: str, notices: list[str]) -> str:
    """Return a judge, or the first where there is none of that name; "" where there is none."""
    judges = library.judges()
    known = judge if judge in judges else next(iter(judges), "")
    if judge and known and judge != known:
        notices.append(f"There are no judgments by {judge}; these are by {known}.")
    return known


def _known(what: str, name: str, names: Collection[str], notices: list[str]) -> str:
    """Return a name that is to be had, else nothing, and say so."""
    if not name or name in names:
        return name
    notices.append(f"There is no {what} {name} here; this is shown without it.")
    return ""


def _offered(names: list[str], asked: str) -> list[str]:
    """Return what there is to choose from, with what was asked for even if it is there no more: the
    page may ask again before it knows.
    """
    return names if asked in ("", *names) else [*names, asked]


def _position(found: Sequence[Battle], key: Key) -> int | None:
    """Return where the first battle with a key is, else with its question and model, else with its
    question.
    """
    for parts in (3, 2, 1):
        for number, battle in enumerate(found):
            wanted = zip(key[:parts], battle.key, strict=False)
            if all(part in ("", own) for part, own in wanted):
                return number
    return None


def _not_among(found: Sequence[Battle], library: Library, question: str) -> str:
    """Return in words that no battle on a question is listed, and what is shown in its place."""
    if question not in library.questions and not any(
        battle.question == question for battle in library.battles(found[0].judge)
    ):
        return f"There is no question {question} here; this is the first battle of the list."
    return f"No battle on question {question} passes these filters; this is the first that does."


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
    return pages.notice(_why_nothing(library, filters))


def _why_nothing(library: Library, filters: Filters) -> str:
    """Return in words why no battle is listed."""
    if not filters.judge:
        return f"{library.bench.folder} holds no judgments yet; gen_judgment.py makes them."
    if next(library.battles(filters.judge), None) is None:
        return f"The files of {filters.judge} hold no judgment that can be read."
    return "No battle passes these filters. Take one back to see more."


def opened(library: Library, judge: str, query: Mapping[str, str]) -> tuple[str, Screen]:
    """Return the tab and the screen that a link names; without a link, those to begin with."""
    filters = Filters(**{name: query.get(name, "") for name in vars(Filters())})
    if not filters.judge:
        filters = replace(filters, judge=judge)
    if not query:
        filters = replace(filters, model=next(iter(library.models(judge)), ""))
    tab = query.get("tab", "")
    key = (query.get("question", ""), query.get("of", ""), query.get("against", ""))
    notices: list[str] = []
    filters = _valid(library, filters, notices)
    shown = screen(library, filters, key, game=int(query.get("game") == "2"), notices=notices)
    if key[0] in ("", shown.key[0]) and any(
        part not in ("", own) for part, own in zip(key, shown.key, strict=True)
    ):
        of, against = key[1] or "any model", key[2] or "any baseline"
        lost = f"The battle of {of} against {against} is not in this list; this is another."
        shown = replace(shown, battle_html=pages.notice(lost) + shown.battle_html)
    return tab if tab in TABS else TABS[0], shown


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: what is chosen, what there is to choose from, its tables."""

    judge: str
    judges: list[str]
    baseline: str
    baselines: list[str]
    category: str
    categories: list[str]
    control: list[str]
    table_html: str
    address_html: str


def board_screen(
    library: Library, judge: str, category: str, control: Sequence[str], baseline: str
) -> BoardScreen:
    """Return the leaderboard of a judge; where there is none, the reason in words."""
    asked, notices = (judge, baseline, category), _faults(library)
    judge = _known_judge(library, judge, notices)
    category = _known("category or cluster", category, library.categories(), notices)
    control = [name for name in CONTROLS if name in control]
    baselines = library.baselines(judge)
    baseline = _known("baseline", baseline, baselines, notices)
    table = _board(library, judge, category, control, baseline)
    parameters = {"judge": judge, "category": category, "baseline": baseline}
    return BoardScreen(
        judge=judge,
        judges=_offered(library.judges(), asked[0]),
        baseline=baseline,
        baselines=_offered(baselines, asked[1]),
        category=category,
        categories=_offered(library.categories(), asked[2]),
        control=control,
        table_html=pages.notice(*notices) + table,
        address_html=_address("leaderboard", parameters | {"control": " ".join(control)}),
    )


def _board(
    library: Library, judge: str, category: str, control: Sequence[str], baseline: str
) -> str:
    """Return the tables of a judge's boards, or the reason for none."""
    try:
        if not judge:
            raise InputError(f"{library.bench.folder} holds no judgments yet")
        boards = library.boards(judge, category, control, baseline)
    except InputError as error:
        return pages.notice("There is no leaderboard.", f"{error}.")
    headed = len(boards) > 1
    return "".join(standings.board_html(board, lines, headed=headed) for board, lines in boards)


def judges_screen(library: Library) -> tuple[str, str]:
    """Return the tab of the judges, and its address."""
    stats, pairs = library.judge_numbers()
    if not stats:
        html = pages.notice(f"{library.bench.folder} holds no judgments yet.")
    else:
        html = standings.judges_html(stats, pairs)
    return html, _address("judges", {})
