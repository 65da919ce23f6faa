"""What each tab of the browser shows for a choice or a link: its callbacks, which return data.

page.py hands them the values of its fields, and puts in place what they return.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from arena.base.errors import InputError
from arena.bench.labels import NO_VERDICT
from arena.browser.battle_view import Battle
from arena.browser.html import battle_page as pages
from arena.browser.html import board_page as standings
from arena.browser.library import LONGEST, SHORTEST, SHOWN, Filters, Library

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
    outcomes: list[str]
    questions: list[tuple[str, int]]
    question: int | None
    key: Key
    game: int
    games: list[tuple[str, int]]
    as_written: bool
    is_first: bool
    is_last: bool
    list_html: str
    battle_html: str
    address_html: str

    @property
    def filtered(self) -> bool:
        """Whether some battles of the judge and model are not listed, or in another order."""
        return self.filters != Filters(judge=self.filters.judge, model=self.filters.model)


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
        outcomes=_offered(_outcomes(library, filters.judge), filters.show),
        questions=[(title, first) for title, first in questions.values()],
        question=questions[battle.question][1] if battle else None,
        key=battle.key if battle else key,
        game=game,
        games=_game_names(battle),
        as_written=as_written,
        is_first=not shown,
        is_last=shown >= len(found) - 1,
        list_html=_list_html(library, filters, found, shown),
        battle_html=pages.notice(*notices) + html,
        address_html=_battle_address(filters, battle, game, as_written),
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


def _outcomes(library: Library, judge: str) -> list[str]:
    """Return the verdicts to choose from: those that the battles of a judge can have."""
    return list(SHOWN) if _compares(library, judge) else [NO_VERDICT]


def _compares(library: Library, judge: str) -> bool:
    """Whether a judge compares answers, and does not only grade them."""
    return any(battle.pairwise for battle in library.battles(judge))


def _game_names(battle: Battle | None) -> list[tuple[str, int]]:
    """Return the games to choose from; there is no choice of grades."""
    return [("game 1", 0), ("game 2", 1)] if battle and battle.pairwise else []


def _battle_address(filters: Filters, battle: Battle | None, game: int, as_written: bool) -> str:
    """Return the link to a battle, or to an empty list, with the filters of the list."""
    names = {}
    if battle is not None:
        names = {"question": battle.question, "of": battle.model, "against": battle.baseline}
        names["game"] = "2" if game else ""
    return _address("battles", vars(filters) | names | {"written": "1" if as_written else ""})


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
    words = f"No battle{_conditions(filters)}"
    if filters.text:
        return f'{words} has "{filters.text}" in it.'
    return f"There is {words[0].lower()}{words[1:]}."


def _conditions(filters: Filters) -> str:
    """Return what battles are asked for, beside a text, as words behind `battle`."""
    of = f" of {filters.model}" if filters.model else ""
    against = f" against {filters.baseline}" if filters.baseline else ""
    category = f" in {filters.category}" if filters.category else ""
    return of + against + category + (f' with "{filters.show}"' if filters.show else "")


def query_of(query: str) -> dict[str, str]:
    """Return the names and values of a link's query."""
    return dict(parse_qsl(query.removeprefix("?"), errors="replace"))


def picked(library: Library, query: str, position: int) -> Key:
    """Return the key of a battle in the list of the view that a query opens: another one may be
    shown since.
    """
    names = query_of(query)
    filters = Filters(**{name: names.get(name, "") for name in vars(Filters())})
    found = library.found(_valid(library, filters, []))
    return found[position].key if position < len(found) else ("", "", "")


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
    shown = screen(
        library,
        filters,
        key,
        game=int(query.get("game") == "2"),
        as_written=query.get("written") == "1",
        notices=notices,
    )
    if key[0] in ("", shown.key[0]) and any(
        part not in ("", own) for part, own in zip(key, shown.key, strict=True)
    ):
        of, against = key[1] or "any model", key[2] or "any baseline"
        lost = f"The battle of {of} against {against} is not in this list; this is another."
        shown = replace(shown, battle_html=pages.notice(lost) + shown.battle_html)
    return tab if tab in TABS else TABS[0], shown


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: what is chosen, what there is to choose from, its tables.

    `pairwise`: whether the judge compares answers, and does not only grade them;
    `usual_baseline`: what the boards are against where no baseline is chosen, in words.
    """

    judge: str
    judges: list[str]
    pairwise: bool
    baseline: str
    baselines: list[str]
    usual_baseline: str
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
        pairwise=_compares(library, judge),
        baseline=baseline,
        baselines=_offered(baselines, asked[1]),
        usual_baseline=_usual_baseline(library, judge, baselines),
        category=category,
        categories=_offered(library.categories(), asked[2]),
        control=control,
        table_html=pages.notice(*notices) + table,
        address_html=_address("leaderboard", parameters | {"control": " ".join(control)}),
    )


def _usual_baseline(library: Library, judge: str, baselines: Sequence[str]) -> str:
    """Return in words what boards are against where no baseline is chosen."""
    names = library.board_baselines(judge) if baselines else ()
    if len(names) != 1:
        return "one for each category" if names else "any"
    return f"{names[0]} ({'most frequent' if names[0] == baselines[0] else 'as configured'})"


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
    numbers = library.judge_numbers()
    if not numbers[0]:
        html = pages.notice(f"{library.bench.folder} holds no judgments yet.")
    else:
        html = standings.judges_html(*numbers)
    return html, _address("judges", {})
