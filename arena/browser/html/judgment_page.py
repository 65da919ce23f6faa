"""One judgment as HTML.

The texts of models and files are escaped or rendered by markdown.py, so that they can neither run
nor load anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from arena.base.table import counted
from arena.bench.labels import (
    BETTER,
    NO_VERDICT,
    WORDS,
    Label,
    normal_label,
)
from arena.bench.records import Question
from arena.browser.html.controls import link
from arena.browser.html.markdown import plain, rendered, verbatim
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import Game, JudgmentView, Side
from arena.leaderboard.output.html import class_of

Show = Callable[[str], str]
Questions = Mapping[str, Question]


def notice(*sentences: str) -> str:
    """Return sentences that stand where there is nothing to show. Empty ones are left out."""
    return "".join(f'<p class="notice">{plain(text)}</p>' for text in sentences if text)


def query_address(entry: ListedJudgment, game: int) -> str:
    """Return the address of a judgment in the served page."""
    game_of = "2" if game else ""
    return link({"tab": "judgments", "judge": entry.judge, **entry.query, "game": game_of})


@dataclass(frozen=True)
class Look:
    """The choices for showing a judgment: the game whose places it has, the function from texts to
    HTML, and the addresses of other judgments, "" for those that have none.

    `alone`: on a page without choices. `sought`: the searched words, which the page marks. `found`:
    the texts that have them. `strip`: HTML below the prompt. `beside`: the judgment of a second
    model on the same question. `direct`: those of the two models against each other.
    """

    game: int = 0
    show: Show = rendered
    address: Callable[[ListedJudgment, int], str] = query_address
    alone: bool = False
    sought: str = ""
    found: frozenset[str] = frozenset()
    strip: str = ""
    beside: JudgmentView | None = None
    direct: Sequence[ListedJudgment] = ()

    def chosen(self, view: JudgmentView) -> Game | None:
        """Return the game of a judgment whose places are shown, None without one."""
        game = view.number(self.game)
        return view.games[game] if game < len(view.games) and not self.alone else None


def judgment_html(view: JudgmentView, look: Look) -> str:
    """Return a judgment as HTML."""
    show, entry, chosen = look.show, view.entry, look.chosen(view)
    shown = [(view, *place) for place in view.shown(view.number(look.game))]
    lettered = [("" if look.alone else letter, side) for _, letter, side in shown]
    parts = [*prompt_parts(view, show), look.strip, search_note(view, look, lettered)]
    parts += verdict_parts(view, look)
    if second := look.beside:
        parts += verdict_parts(second, look)
        parts += (
            f'<p class="note">Against each other: {direct_words(one, look)}</p>'
            for one in look.direct
        )
        # The baseline stays in the first column, whatever its place in the game.
        shown.sort(key=lambda column: column[2] is view.model)
        places = second.shown(second.number(look.game))
        shown += ((second, *place) for place in places if place[1] is second.model)
    sides = (
        _side("" if look.alone else letter, side, of, show, look.chosen(of))
        for of, letter, side in shown
    )
    parts.append(f'<div class="sides">{"".join(chain(*sides))}</div>')
    if chosen and chosen.prompt:
        # It has the answers that the files do not have.
        is_open = any(not side.turns for _, side in lettered)
        prompt = verbatim(chosen.prompt)
        parts.append(_folded("Prompt of the judge", prompt, "asked", is_open=is_open))
    if entry.pairwise and not entry.named:
        advice = "" if look.alone else "Choose one above."
        advice = f"{entry.baseline} stands in for it." if entry.baseline else advice
        parts.append(notice(f"The record names no baseline. {advice}"))
    return f'<div class="judgment">{"".join(parts)}</div>'


def verdict_parts(view: JudgmentView, look: Look) -> Iterator[str]:
    """Yield the verdicts of a judgment, those of other judges, and the judge's words. Beside that
    of a second model they have a head.
    """
    game, chosen = view.number(look.game), look.chosen(view)
    if look.beside:
        yield f'<h3 class="of">{pair_words(view.entry)}</h3>'
    total = plain(total_words(view))
    verdicts = "".join(_verdict(view, one, chosen=one is chosen) for one in view.expected)
    yield f'<p class="total">{total}</p>' if total else ""
    yield f'<div class="verdicts">{verdicts or notice("This judgment has no game.")}</div>'
    for other in view.others:
        yield f'<p class="note">{_other_judge(other, look.address(other, game))}</p>'
    # Games without words say so once.
    words = dict.fromkeys(
        f"<div>{''.join(_explanation(view, one, look.show))}</div>" for one in view.expected
    )
    yield f'<div class="told">{"".join(words)}</div>' if words else ""


def pair_words(entry: ListedJudgment) -> str:
    """Return the model of a judgment and its opponent as HTML."""
    return plain(entry.model + (f" against {entry.baseline}" if entry.baseline else ""))


def direct_words(entry: ListedJudgment, look: Look) -> str:
    """Return the verdicts of two models against each other, with a link to their judgment."""
    address, words = plain(look.address(entry, look.game)), pair_words(entry)
    words = f'<a href="{address}">{words}</a>' if address else words
    return f"{words}: {chips(entry)} (for {plain(entry.model)})"


def prompt_parts(view: JudgmentView, show: Show) -> Iterator[str]:
    """Yield the prompt of a judgment, turn by turn."""
    question = view.question
    if question is None:
        unknown = f"question.jsonl has no question {view.entry.question}. Its prompt is not known."
        yield notice(unknown)
        return
    yield from question_parts(question, show)


def question_parts(question: Question, show: Show) -> Iterator[str]:
    """Yield a prompt, turn by turn."""
    words = dict.fromkeys((question.category, question.cluster, question.aspects, ""))
    about = f"{' · '.join(map(plain, filter(None, words)))} <code>{plain(question.id)}</code>"
    several = len(question.turns) > 1
    for number, turn in enumerate(question.texts, start=1):
        title = f"Prompt, turn {number}" if several else "Prompt"
        title += f'<span class="about">{about}</span>' if number == 1 else ""
        style = "prompt turn" if several else "prompt"
        yield _folded(title, _clipped(show(turn), turn), style, is_open=True)


def search_note(view: JudgmentView, look: Look, sides: Sequence[tuple[str, Side]]) -> str:
    """Return a note on the texts of a judgment with the searched words, "" without a search."""
    if not look.sought:
        return ""
    letters = {"model" if side is view.model else "baseline": letter for letter, side in sides}
    places = ("prompt", *letters, "judge", "id")
    where = " · ".join(letters.get(place) or place for place in places if place in look.found)
    return f'<p class="note found"><mark class="sought">{plain(look.sought)}</mark> in {where}</p>'


CLIPPED, LINE = 5, 120  # lines of a text that is shown in part, and about how long they are


def _clipped(content: str, source: str) -> str:
    """Return a text of limited height, with a switch to all of it if there may be more."""
    lines = sum(math.ceil(len(line) / LINE) for line in source.split("\n"))
    if lines <= CLIPPED:
        return f'<div class="text">{content}</div>'
    return f'<div class="text clipped">{content}</div>' + _SWITCH.format("show all")


# The style sheet asks if the switch after a clipped text is open.
_SWITCH = (
    '<details class="more"><summary>'
    '<span class="all">{}</span><span class="less">show less</span></summary></details>'
)


def _folded(title: str, content: str, style: str, *, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f'<details class="{style}"{opened}><summary>{title}</summary>{content}</details>'


def total_words(view: JudgmentView) -> str:
    """Return the result of both games in a sentence, "" unless both have a verdict."""
    # One game alone says nothing about the judge's preference for a place, so it makes no result.
    worths = [game.worth for game in view.games if game.worth is not None]
    if len(worths) != 2:
        return ""
    first, second = sorted(worths, key=lambda points: points == 0)
    if not first:
        return "A tie in both games."
    if first * second < 0:
        place = "A" if worths[0] < 0 else "B"
        return f"Undecided, the games disagree: each side won once, both times as {place}."
    name = _favoured(first + second, view.entry)
    if first == second:
        return f"{name} wins: {BETTER[abs(first)]} twice."
    differ = "" if second else " (the games disagree)"
    return f"{name} wins: {BETTER[abs(first)]} once, {BETTER[abs(second)]} once{differ}."


def _favoured(points: int, entry: ListedJudgment) -> str:
    return entry.model if points > 0 else entry.baseline or "the baseline"


def _other_judge(other: ListedJudgment, address: str) -> str:
    """Return the verdicts of another judge, with a link to its judgment if it has an address."""
    about = 'title="the judgment of this judge, in a new tab" target="_blank"'
    judge = plain(other.judge)
    judge = f'<a href="{plain(address)}" {about}>{judge}</a>' if address else judge
    if not other.pairwise:
        return f"{judge}: {grade_words(other.labels)}"
    return f"{judge}: {chips(other)} (for {plain(other.model)})"


def chips(entry: ListedJudgment) -> str:
    """Return the outcome of each game for the model."""
    return " · ".join(
        f'game {number} <span class="chip {class_of(outcome)}">{outcome}</span>'
        for number, outcome in entry.outcomes.items()
    )


def grade_words(labels: Sequence[Label]) -> str:
    """Return the grades among labels in words."""
    grades = [f"{label:g}" for label in labels if isinstance(label, (int, float))]
    return f"grade {', '.join(grades)}" if grades else "no grade"


def _verdict(view: JudgmentView, game: Game, *, chosen: bool) -> str:
    """Return a game's number and places, and its verdict in words and as the judge wrote it."""
    entry, places, name, label = view.entry, "", "", ""
    if entry.pairwise:
        shown = view.shown(game.number) if view.baseline and game.played else ()
        sides = ", ".join(f"{letter}: {plain(side.name)}" for letter, side in shown)
        number = f"<b>Game {game.number + 1}</b>"
        swapped = " (places swapped)" if game.number == 1 else ""
        swapped += f" · {sides}" if view.baseline else ""
        number += f'{swapped}<span class="unseen"> → </span>' if game.played else ""
        places = f'<span class="places" title="{sides}">{number}</span>'
        if game.label is not None:
            meaning = WORDS.get(normal_label(game.label) or "", "an unknown label")
            label = f' <code title="{meaning}">{plain(str(game.label))}</code>'
    if game.repeats:
        labels = ", ".join(str(one.label or "none") for one in game.repeats)
        label += f" <small>further verdicts: {plain(labels)}</small>"
    if not game.played:
        words = "was not played" if entry.pairwise else "was not graded"
    elif game.worth is None:
        words = NO_VERDICT if entry.pairwise else grade_words((game.label,)).capitalize()
        words += f" ({game.cause})" if game.cause else ""
    else:
        words = BETTER[abs(game.worth)]
        if game.worth:
            who = plain(_favoured(game.worth, entry))
            name, words = f'<span class="who" title="{who}">{who}</span> ', f"is {words}"
    style = f"verdict {class_of(game.outcome)}" + (" chosen" if chosen else "")
    sentence = f'<p class="said">{name}<span>{plain(words)}</span>{label}</p>'
    return f'<div class="{style}">{places}{sentence}</div>'


def _explanation(view: JudgmentView, game: Game, show: Show) -> Iterator[str]:
    title = plain(view.entry.judge)
    if view.entry.pairwise:
        title += f", game {game.number + 1}"
    if game.reasoning:
        yield _folded(f"Reasoning of {title}", show(game.reasoning), "reasoning")
    if game.explanation.strip():
        content = _clipped(show(game.explanation), game.explanation)
        yield _folded(f"Judgment of {title}", content, "explanation own", is_open=True)
    elif game.played:
        yield notice("The record has no words of the judge for this game.")
    for one in game.repeats:
        name = f"{one.name}: {one.label or one.cause or NO_VERDICT}"
        yield _folded(f"Judgment of {title}, {plain(name)}", show(one.explanation), "explanation")


LONG = 20_000  # characters of an answer. A longer one is shown in part.


def _side(
    letter: str, side: Side, view: JudgmentView, show: Show, game: Game | None
) -> Iterator[str]:
    """Yield the parts of an answer: place, model, a mark if it won the game, counts, and turns."""
    role, sign = ("model", 1) if side is view.model else ("baseline", -1)
    points = sign * ((game.worth if game else None) or 0)
    mark = f"✓✓ {BETTER[2]}" if points == 2 else "✓ better"
    head = f"<b>{letter}</b> " if letter else ""
    head += f'<span class="name" title="{plain(side.name)}">{plain(side.name)}</span> '
    head += f'<span class="role">{role}</span>'
    head += f' <span class="mark">{mark}</span>' if points > 0 else ""
    counts = " · ".join(
        f"{n:,} bold" if noun == "bold" else counted(n, noun.removesuffix("s"))
        for noun, n in side.style.items()
    )
    counts = counts or ("" if side.missing else "tokens and markdown not counted")
    yield f'<section class="side"><h3 class="{role}">{head}</h3><p class="counts">{counts}</p>'
    yield notice(side.file_fault if side.file_fault.rstrip(".") != side.fault else "")
    yield from answer_parts(side, show)
    yield "</section>"


def answer_parts(side: Side, show: Show) -> Iterator[str]:
    """Yield an answer, turn by turn."""
    yield '<div class="answer">'
    if not side.turns:
        yield notice(side.missing or "The record has no answer.")
    for number, (turn, reasoning) in enumerate(zip(side.turns, side.reasoning, strict=True), 1):
        if len(side.turns) > 1:
            yield f"<h4>Turn {number}</h4>"
        if reasoning:
            yield _folded("Reasoning, which the judge did not see", show(reasoning), "reasoning")
        if len(turn) > LONG and turn.strip():
            size = f"show all {len(turn.encode('utf-8', 'replace')) / 1000:,.0f} kB"
            yield f'<div class="long">{show(turn)}</div>' + _SWITCH.format(size)
        elif turn.strip():
            yield show(turn)
        elif (tokens := side.style.get("tokens")) and not any(map(str.strip, side.turns)):
            # Published files may count the tokens of answers whose texts they leave out.
            counts = counted(tokens, "token")
            yield notice(f"The file has no text of this answer ({counts} counted in it).")
        else:
            yield notice("The answer is empty.")
    yield "</div>"
