"""The browser's battles and their list as HTML: plain functions from data to text.

What models and files say is escaped or rendered by markup.py; nothing here runs or loads anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

from arena.bench.labels import GRADE, LABELS, NO_VERDICT, Label, normal_label
from arena.bench.labels import outcomes as outcomes_of
from arena.bench.records import Question
from arena.browser.battle_view import Battle, BattleView, Game, Side
from arena.browser.html.markdown import clean, in_one_line, plain, rendered, verbatim

Show = Callable[[str], str]

PAGE = 50  # rows of the list that are shown at once
CLIPPED, LINE = 5, 120  # lines of a text that is shown in part, and about how long they are
LONG = 20_000  # characters of an answer; of what is longer the beginning is shown

# Whom an outcome favours, seen from the model, and how.
_FAVOURS = {
    "strong win": (1, "much better"),
    "win": (1, "slightly better"),
    "tie": (0, "a tie"),
    "loss": (-1, "slightly better"),
    "strong loss": (-1, "much better"),
}
MEANINGS = dict(
    zip(
        LABELS,
        (
            "A is much better",
            "A is slightly better",
            "a tie",
            "B is slightly better",
            "B is much better",
        ),
        strict=True,
    )
)


def notice(*sentences: str) -> str:
    """Return sentences that stand where there is nothing to show."""
    return "".join(f'<p class="notice">{plain(sentence)}</p>' for sentence in sentences)


def class_of(outcome: str) -> str:
    """Return the CSS class of an outcome."""
    return outcome.replace(" ", "-")


# Battles


def battle_html(view: BattleView, game: int, as_written: bool = False) -> str:
    """Return a battle as game 0 or 1 showed it, for a Markdown component."""
    show = verbatim if as_written else rendered
    played = view.games[game] if game < len(view.games) else None
    parts = [
        *_prompt(view.question, view.battle.question, show),
        _verdicts(view, game),
        *(_explanation(view, played, show) if played else ()),
        _sides(view, game, show),
        *(_asked(played) if played else ()),
        _footnote(view.battle),
    ]
    return in_one_line(f'<div class="battle">{"".join(parts)}</div>')


def _about(question: Question) -> str:
    about = dict.fromkeys(filter(None, (question.category, question.cluster, question.aspects)))
    words = " · ".join(map(plain, about))
    return f'<span class="about">{words} <code>{plain(question.id)}</code></span>'


def _footnote(battle: Battle) -> str:
    """Return where the baseline's name comes from, if it is not the record's."""
    if battle.named or not battle.pairwise:
        return ""
    why = "The record names no baseline" + ("." if battle.baseline else "; --baseline can.")
    return notice(why + (f" {battle.baseline} stands in for it." if battle.baseline else ""))


def _prompt(question: Question | None, name: str, show: Show) -> Iterator[str]:
    if question is None:
        yield notice(f"question.jsonl holds no question {name}; its prompt is not known.")
        return
    many = len(question.turns) > 1
    for number, turn in enumerate(question.turns, start=1):
        title = f"Prompt, turn {number}" if many else "Prompt"
        title += _about(question) if number == 1 else ""
        name = "prompt turn" if many else "prompt"
        yield _folded(title, _clipped(show(turn), turn), name, is_open=True)


def _clipped(content: str, source: str) -> str:
    """Return a text of limited height, with what shows all of it where that may be more."""
    lines = (math.ceil(len(line) / LINE) for line in source.split("\n"))
    if sum(lines) <= CLIPPED:
        return f'<div class="text">{content}</div>'
    return f'<div class="text clipped">{content}</div>{_more("show all")}'


def _more(words: str) -> str:
    """Return what shows all of the clipped text before it: the style sheet asks if it is open."""
    summary = f'<span class="all">{words}</span><span class="less">show less</span>'
    return f'<details class="more"><summary>{summary}</summary></details>'


def _folded(title: str, content: str, name: str, *, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f'<details class="{name}"{opened}><summary>{title}</summary>{content}</details>'


def _verdicts(view: BattleView, game: int) -> str:
    total = plain(total_words(view))
    above = f'<p class="total">{total}</p>' if total else ""
    cells = "".join(_verdict(view, one, one.number == game) for one in view.games)
    if not view.games:
        cells = notice("This judgment holds no game.")
    below = "".join(f'<p class="note">{_says(other, game)}</p>' for other in view.others)
    return f'{above}<div class="verdicts">{cells}</div>{below}'


def total_words(view: BattleView) -> str:
    """Return what both games of a battle come to, in a sentence; "" unless both have a verdict."""
    known = [_FAVOURS[game.outcome] for game in view.games if game.outcome in _FAVOURS]
    if len(known) != 2:
        return ""
    favoured = {sign for sign, _ in known} - {0}
    if not favoured:
        return "A tie in both games."
    if len(favoured) == 2:
        place = "A" if known[0][0] == -1 else "B"
        return f"Undecided, the games disagree: each side won once, both times as {place}."
    (first, one), (second, other) = sorted(known, key=lambda pair: pair[0] == 0)
    name = _name_of(favoured.pop(), view.battle)
    if one == other:
        return f"{name} wins: {one} twice."
    differ = " (the games disagree)" if first != second else ""
    return f"{name} wins: {one} once, {other} once{differ}."


def _name_of(sign: int, battle: Battle) -> str:
    return battle.model if sign == 1 else battle.baseline or "the baseline"


def _says(other: Battle, game: int) -> str:
    """Return what another judge says of the same battle, with a link to it there."""
    key = {"question": other.question, "of": other.model, "against": other.baseline}
    shown = {"tab": "battles", "judge": other.judge, **key, "game": "2" if game else ""}
    about = 'title="this battle as it judged it, in a new tab" target="_blank"'
    judge = f'<a href="{plain(link(shown))}" {about}>{plain(other.judge)}</a>'
    if not other.pairwise:
        return f"{judge}: {_grade_words(other.labels)}"
    chips = " · ".join(
        f"game {number} {chip(outcome)}"
        for number, outcome in enumerate(outcomes_of(other.labels), start=1)
    )
    return f"{judge}: {chips} (for {plain(other.model)})"


def _grade_words(labels: tuple[Label, ...]) -> str:
    grades = [f"{label:g}" for label in labels if isinstance(label, (int, float))]
    return f"grade {', '.join(grades)}" if grades else "no grade"


def _verdict(view: BattleView, game: Game, chosen: bool) -> str:
    style = f"verdict {class_of(game.outcome)}" + (" chosen" if chosen else "")
    return f'<div class="{style}">{_where(view, game)}{_label(view.battle, game)}</div>'


def _where(view: BattleView, game: Game) -> str:
    """Return a game's number, and who stood where in it."""
    if not view.battle.pairwise:
        return ""
    if not game.played:
        return f'<span class="places"><b>Game {game.number + 1}</b></span>'
    sides = ", ".join(f"{letter}: {plain(side.name)}" for letter, side in view.shown(game.number))
    swapped = " (places swapped)" if game.number == 1 else ""
    places = f" · {sides}" if view.baseline else ""
    return (
        f'<span class="places" title="{sides}"><b>Game {game.number + 1}</b>{swapped}{places}'
        '<span class="unseen"> → </span></span>'
    )


def _label(battle: Battle, game: Game) -> str:
    """Return a game's verdict in words, and as the judge wrote it."""
    who, words = _verdict_words(battle, game)
    name = f'<span class="who" title="{plain(who)}">{plain(who)}</span> ' if who else ""
    code = ""
    if game.label is not None and battle.pairwise:
        meaning = MEANINGS.get(normal_label(str(game.label)) or "", "a label that is not known")
        code = f' <code title="{plain(meaning)}">{plain(str(game.label))}</code>'
    return f'<p class="said">{name}<span>{plain(words)}</span>{code}</p>'


def _verdict_words(battle: Battle, game: Game) -> tuple[str, str]:
    """Return the verdict of a game as whom it favours, or "", and the rest of the phrase."""
    if not game.played:
        return "", "was not played" if battle.pairwise else "was not graded"
    if game.outcome in _FAVOURS:
        sign, how = _FAVOURS[game.outcome]
        return (_name_of(sign, battle), f"is {how}") if sign else ("", how)
    words = NO_VERDICT if battle.pairwise else _grade_words((game.label,)).capitalize()
    return "", f"{words} ({game.cause})" if game.cause else words


def chip(outcome: str) -> str:
    """Return an outcome as a word on its colour."""
    return f'<span class="chip {class_of(outcome)}">{outcome}</span>'


def _explanation(view: BattleView, game: Game, show: Show) -> Iterator[str]:
    title = plain(view.battle.judge)
    if view.battle.pairwise:
        sides = (f"{letter} = {plain(side.name)}" for letter, side in view.shown(game.number))
        title = " · ".join([f"{title}, game {game.number + 1}", *(sides if view.baseline else ())])
    if game.reasoning:
        yield _folded(f"Reasoning of {title}", show(game.reasoning), "reasoning")
    if game.explanation.strip():
        content = _clipped(show(game.explanation), game.explanation)
        yield _folded(f"Judgment of {title}", content, "explanation", is_open=True)
    elif game.played:
        yield notice("The record holds no words of the judge for this game.")


def _asked(game: Game) -> Iterator[str]:
    if game.prompt:
        yield _folded("What the judge was asked", verbatim(game.prompt), "asked")


def _sides(view: BattleView, game: int, show: Show) -> str:
    outcome = view.games[game].outcome if game < len(view.games) else ""
    sign, how = _FAVOURS.get(outcome, (0, ""))
    mark = f"✓✓ {how}" if how == "much better" else "✓ better"
    columns = "".join(
        _side(letter, side, view, show, mark if sign == (1 if side is view.model else -1) else "")
        for letter, side in view.shown(game)
    )
    return f'<div class="sides">{columns}</div>'


def _side(letter: str, side: Side, view: BattleView, show: Show, mark: str) -> str:
    role = "model" if side is view.model else "baseline"
    head = f"<b>{letter}</b> " if letter else ""
    name = f'<span class="name" title="{plain(side.name)}">{plain(side.name)}</span>'
    won = f' <span class="mark">{mark}</span>' if mark else ""
    return (
        f'<section class="side"><h3 class="{role}">{head}{name} '
        f'<span class="role">{role}</span>{won}</h3><p class="counts">{_counts(side)}</p>'
        f'<div class="answer">{"".join(_turns(side, show))}</div></section>'
    )


def _turns(side: Side, show: Show) -> Iterator[str]:
    if side.missing:
        yield notice(side.missing)
    for number, turn in enumerate(side.turns, start=1):
        if len(side.turns) > 1:
            yield f"<h4>Turn {number}</h4>"
        reasoning = side.reasoning[number - 1]
        if reasoning:
            yield _folded("Reasoning, which the judge did not see", show(reasoning), "reasoning")
        yield _answer(turn, show) if turn.strip() else notice(_empty(side))
    if not side.turns and not side.missing:
        yield notice("The record holds no answer.")


def _answer(text: str, show: Show) -> str:
    if len(text) <= LONG:
        return show(text)
    size = f"show all {len(text.encode('utf-8', 'replace')) / 1000:,.0f} kB"
    return f'<div class="long">{show(text)}</div>{_more(size)}'


def _empty(side: Side) -> str:
    if side.style.tokens and not any(turn.strip() for turn in side.turns):
        tokens = _number(side.style.tokens, "token")
        were = "was" if side.style.tokens == 1 else "were"
        return f"The file holds no text of this answer ({tokens} {were} counted in it)."
    return "The answer is empty."


def _counts(side: Side) -> str:
    style = side.style
    if style.tokens is None:
        return "tokens and markdown not counted" if not side.missing else ""
    counts = ((style.headers, "header"), (style.lists, "list item"), (style.bold, "bold"))
    words = [_number(style.tokens, "token")]
    words += [_number(count, what) for count, what in counts if count is not None]
    return " · ".join(words)


def _number(count: int, what: str) -> str:
    plural = "" if count == 1 or what == "bold" else "s"
    return f"{count:,} {what}{plural}"


def question_title(question: Question | None, name: str) -> str:
    """Return a question as one line of a list."""
    cluster, words = _title(question, name, 110)
    return f"{cluster} · {words}" if cluster else words


def _title(question: Question | None, name: str, limit: int) -> tuple[str, str]:
    """Return the cluster of a question, and its first words."""
    if question is None:
        return "", clean(f"{name}, not in question.jsonl")
    words = clean(" ".join(question.turns[0].split()))
    return clean(question.cluster), words if len(words) <= limit else words[: limit - 1] + "…"


def list_html(
    found: Sequence[Battle], position: int, questions: Mapping[str, Question], one_model: bool
) -> str:
    """Return the page of the list of battles that holds a position; rows tell their number."""
    if not found:
        return notice("No battle passes these filters.")
    first = position // PAGE * PAGE
    rows = "".join(
        _list_row(number, found[number], number == position, questions, one_model)
        for number in range(first, min(first + PAGE, len(found)))
    )
    last = min(first + PAGE, len(found))
    turn = _turn_button(first - PAGE, "‹", "earlier battles") if first else ""
    turn += _turn_button(last, "›", "later battles") if last < len(found) else ""
    what = "battle" if len(found) == 1 else "battles"
    head = f"<span>{len(found):,} {what}</span><span>{first + 1:,}–{last:,} {turn}</span>"
    legend = _LEGEND if any(battle.pairwise for battle in found) else ""
    return f'<div class="list"><div class="list-head">{head}{legend}</div>{rows}</div>'


def _sign(outcome: str) -> str:
    return f'<i class="dot {class_of(outcome)}"></i>'


_LEGEND = (
    '<p class="legend" title="What came out of game 1 and of game 2 for the model: much better, '
    'slightly better, a tie, slightly worse, much worse, no verdict">'
    f"{_sign('strong win')}{_sign('win')} won {_sign('tie')} tie "
    f"{_sign('loss')}{_sign('strong loss')} lost {_sign(NO_VERDICT)} none</p>"
)


def _turn_button(number: int, sign: str, what: str) -> str:
    return f'<button class="turn" data-row="{number}" aria-label="{what}">{sign}</button>'


def _list_row(
    number: int,
    battle: Battle,
    chosen: bool,
    questions: Mapping[str, Question],
    one_model: bool,
) -> str:
    cluster, words = map(plain, _title(questions.get(battle.question), battle.question, 70))
    title = f"<em>{cluster}</em> {words}" if cluster else words
    name = plain(battle.model)
    who = "" if one_model else f'<span class="who" title="{name}">{name}</span>'
    current = ' aria-current="true"' if chosen else ""
    lines = f'<span class="lines"><span class="words">{title}</span>{who}</span>'
    return f'<button class="row" data-row="{number}"{current}>{_outcomes(battle)}{lines}</button>'


def _outcomes(battle: Battle) -> str:
    """Return what came out of each game as a sign, or the grades, and in words that are heard."""
    found = outcomes_of(battle.labels)
    if not battle.pairwise:
        words = _grade_words(battle.labels)
        signs = f'<i class="grade">{words.removeprefix("grade ") if GRADE in found else "–"}</i>'
    else:
        words = ", ".join(f"game {i}: {outcome}" for i, outcome in enumerate(found, start=1))
        signs = "".join(map(_sign, found))
    return f'<span class="signs" title="{words}">{signs}</span><span class="unseen">{words}.</span>'


def link(parameters: Mapping[str, str]) -> str:
    """Return the query of a view, without what is empty."""
    return "?" + urlencode(
        {key: value for key, value in parameters.items() if value}, errors="replace"
    )


def address_html(query: str) -> str:
    """Return a link that can be copied; the page's address follows it."""
    return f'<a class="address" href="{plain(query)}">Copy link</a>'
