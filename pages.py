"""The browser's views as HTML and plots: plain functions from data to text, with their style sheet.

What models and files say is escaped or rendered by markup.py; nothing here runs or loads anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from battle_view import GRADE, NO_VERDICT, OUTCOMES, Battle, BattleView, Game, Side, games_disagree
from battle_view import outcomes as outcomes_of
from judges import Agreement, JudgeStats, share
from markup import clean, in_one_line, plain, rendered, verbatim
from records import Question
from report import axis_label, row_texts
from verdict import LABELS

if TYPE_CHECKING:
    from leaderboard import Board, Row

Show = Callable[[str], str]

PAGE = 50  # rows of the list that are shown at once

_WORDS = {
    "strong win": "{model} is much better",
    "win": "{model} is slightly better",
    "tie": "a tie",
    "loss": "{baseline} is slightly better",
    "strong loss": "{baseline} is much better",
    NO_VERDICT: "no verdict",
}


def notice(*sentences: str) -> str:
    """Return sentences that stand where there is nothing to show."""
    return "".join(f'<p class="notice">{plain(sentence)}</p>' for sentence in sentences)


def _class(outcome: str) -> str:
    return outcome.replace(" ", "-")


# Battles


def battle_html(view: BattleView, game: int, as_written: bool = False) -> str:
    """Return a battle as game 0 or 1 showed it, for a Markdown component."""
    show = verbatim if as_written else rendered
    played = view.games[game] if game < len(view.games) else None
    parts = [
        _heading(view),
        *_prompt(view.question, view.battle.question, show),
        _verdicts(view, game),
        *(_explanation(view.battle, played, show) if played else ()),
        _sides(view, game, show),
        *(_asked(played) if played else ()),
    ]
    return in_one_line(f'<div class="battle">{"".join(parts)}</div>')


def _heading(view: BattleView) -> str:
    battle, question = view.battle, view.question
    about = [question.category, question.cluster, question.aspects] if question else []
    words = " · ".join(plain(word) for word in dict.fromkeys(filter(None, about)))
    note = ""
    if battle.pairwise and not battle.named:
        why = "The record names no baseline" + ("." if battle.baseline else "; --baseline can.")
        stands_in = f" {battle.baseline} stands in for it." if battle.baseline else ""
        note = notice(why + stands_in)
    return f'<p class="about">{words} <code>{plain(battle.question)}</code></p>{note}'


def _prompt(question: Question | None, name: str, show: Show) -> Iterator[str]:
    if question is None:
        yield notice(f"question.jsonl holds no question {name}; its prompt is not known.")
        return
    for number, turn in enumerate(question.turns, start=1):
        title = "Prompt" if len(question.turns) == 1 else f"Prompt, turn {number}"
        yield _folded(title, f'<div class="text">{show(turn)}</div>', "prompt", is_open=True)


def _folded(title: str, content: str, name: str, *, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f'<details class="{name}"{opened}><summary>{title}</summary>{content}</details>'


def _verdicts(view: BattleView, game: int) -> str:
    cells = "".join(_verdict(view, one, one.number == game) for one in view.games)
    if not view.games:
        cells = notice("This judgment holds no game.")
    notes = []
    if games_disagree(view.battle.labels):
        notes.append("The games disagree: the verdict changed with the places.")
    for other in view.others:
        chips = " ".join(chip(outcome) for outcome in outcomes_of(other.labels))
        notes.append(f"{plain(other.judge)} says: {chips}")
    below = "".join(f'<p class="note">{note}</p>' for note in notes)
    return f'<div class="verdicts">{cells}</div>{below}'


def _verdict(view: BattleView, game: Game, chosen: bool) -> str:
    words = plain(verdict_words(view.battle, game))
    label = f" <code>{plain(str(game.label))}</code>" if game.label is not None else ""
    where = f"Game {game.number + 1}" if view.battle.pairwise else "Grade"
    style = f"verdict {_class(game.outcome)}" + (" chosen" if chosen else "")
    return f'<div class="{style}"><b>{where}</b> {words}{label}</div>'


def verdict_words(battle: Battle, game: Game) -> str:
    """Return the verdict of a game as a phrase."""
    if not game.played:
        return "not played yet"
    if game.outcome == GRADE:
        return "of the answer alone:"
    words = _WORDS[game.outcome].format(
        model=battle.model, baseline=battle.baseline or "the baseline"
    )
    return f"{words} ({game.cause})" if game.outcome == NO_VERDICT and game.cause else words


def chip(outcome: str) -> str:
    """Return an outcome as a word on its colour."""
    return f'<span class="chip {_class(outcome)}">{outcome}</span>'


def _explanation(battle: Battle, game: Game, show: Show) -> Iterator[str]:
    title = f"{plain(battle.judge)}, game {game.number + 1}"
    if not battle.pairwise:
        title = plain(battle.judge)
    if game.reasoning:
        yield _folded(f"Reasoning of {title}", show(game.reasoning), "reasoning")
    if game.explanation.strip():
        content = f'<div class="text">{show(game.explanation)}</div>'
        yield _folded(f"Judgment of {title}", content, "explanation", is_open=True)
    elif game.played:
        yield notice("The record holds no words of the judge for this game.")


def _asked(game: Game) -> Iterator[str]:
    if game.prompt:
        yield _folded("What the judge was asked", verbatim(game.prompt), "asked")


def _sides(view: BattleView, game: int, show: Show) -> str:
    columns = "".join(_side(letter, side, view, show) for letter, side in view.shown(game))
    return f'<div class="sides">{columns}</div>'


def _side(letter: str, side: Side, view: BattleView, show: Show) -> str:
    role = "model" if side is view.model else "baseline"
    head = f"<b>{letter}</b> " if letter else ""
    title = f'<h3 class="{role}">{head}<span class="name">{plain(side.name)}</span>'
    return (
        f'<section class="side">{title} <span class="role">{role}</span></h3>'
        f'<p class="counts">{_counts(side)}</p>{"".join(_turns(side, show))}</section>'
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
        yield show(turn) if turn.strip() else notice("The answer is empty.")
    if not side.turns and not side.missing:
        yield notice("The record holds no answer.")


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
    return f'<div class="list"><div class="list-head">{head}</div>{rows}</div>'


def _turn_button(number: int, sign: str, what: str) -> str:
    return f'<button class="turn" data-row="{number}" aria-label="{what}">{sign}</button>'


def _list_row(
    number: int,
    battle: Battle,
    chosen: bool,
    questions: Mapping[str, Question],
    one_model: bool,
) -> str:
    dots = "".join(
        f'<i class="dot {_class(outcome)}" title="game {i}: {outcome}"></i>'
        for i, outcome in enumerate(outcomes_of(battle.labels), start=1)
    )
    cluster, words = map(plain, _title(questions.get(battle.question), battle.question, 70))
    title = f"<em>{cluster}</em> {words}" if cluster else words
    who = "" if one_model else f"<b>{plain(battle.model)}</b> "
    current = ' aria-current="true"' if chosen else ""
    return (
        f'<button class="row" data-row="{number}"{current}>{dots}<span>{who}{title}</span></button>'
    )


def link(parameters: Mapping[str, str]) -> str:
    """Return the query of a view, without what is empty."""
    return "?" + urlencode(
        {key: value for key, value in parameters.items() if value}, errors="replace"
    )


def address_html(query: str) -> str:
    """Return a link that can be copied; the page's address follows it."""
    return f'<a class="address" href="{plain(query)}">Copy link</a>'


# Leaderboard


def board_html(board: Board, lines: Iterable[str], *, headed: bool) -> str:
    """Return a board as a table whose rows name their models, and the lines below it."""
    level = f"{board.method.level:.0%} CI"
    heads = ["", "model", board.scale, level, "tokens"]
    heads += ["games: won … lost"] if any(row.outcomes for row in board.rows) else []
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(
        _board_row(rank, row, board, len(heads)) for rank, row in enumerate(board.rows, start=1)
    )
    name = f"<h3>{plain(board.name or 'no category')}</h3>" if headed else ""
    below = "".join(f"<p>{plain(line)}</p>" for line in lines)
    return (
        f'<div class="board">{name}<table class="numbers"><thead><tr>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table><div class="below">{below}</div></div>'
    )


def _board_row(rank: int, row: Row, board: Board, columns: int) -> str:
    is_anchor = row.model == board.baseline
    name = plain(row.model)
    if not is_anchor:
        name = f'<button data-model="{name}" title="open its battles">{name}</button>'
    bar = ""
    if row.outcomes is not None and not is_anchor:
        bar = _bar(zip(OUTCOMES.values(), OUTCOMES.values(), row.outcomes, strict=True))
    cells = (rank, name, *row_texts(row, board), bar)
    shown = "".join(f"<td>{cell}</td>" for cell in cells[:columns])
    return f'<tr class="{"baseline" if is_anchor else "model"}">{shown}</tr>'


def _bar(parts: Iterable[tuple[str, str, int]]) -> str:
    """Return shares, each with a name and a colour's name, as one bar that tells their numbers."""
    known = [part for part in parts if part[2]]
    whole = sum(number for *_, number in known)
    pieces = "".join(
        f'<i class="{_class(colour)}" style="width:{100 * number / whole:.2f}%" '
        f'title="{plain(name)}: {number:,} ({100 * number / whole:.1f} %)"></i>'
        for name, colour, number in known
    )
    return f'<span class="bar">{pieces}</span>'


def board_plot(board: Board) -> str:
    """Return scores with their intervals as the JSON of a plotly figure, the best on top."""
    rows = [row for row in reversed(board.rows) if math.isfinite(row.score)]
    lower, upper = ([_finite(abs(getattr(row, end))) for row in rows] for end in ("lower", "upper"))
    text = [" ".join(row_texts(row, board)[:2]) for row in rows]
    grey, line = "#888888", "rgba(136,136,136,0.25)"
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [row.score for row in rows],
        "y": [plain(row.model) for row in rows],
        "text": text,
        "hovertemplate": "%{y}<br>%{text}<extra></extra>",
        "marker": {"color": "#2a6fdb", "size": 7},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": upper,
            "arrayminus": lower,
            "color": "#6f9fe8",
            "thickness": 1.5,
            "width": 3,
        },
    }
    layout = {
        "height": 90 + 22 * len(rows),
        "margin": {"l": 8, "r": 16, "t": 8, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": grey, "size": 12, "family": "system-ui, sans-serif"},
        "xaxis": {
            "title": {
                "text": plain(axis_label(board)).replace("\n", "<br>"),
                "font": {"size": 12},
                "standoff": 6,
            },
            "gridcolor": line,
            "zeroline": False,
        },
        "yaxis": {"automargin": True, "gridcolor": line, "type": "category"},
        "shapes": [_line_at(50.0, grey)] if board.scale == "win rate" else [],
        "showlegend": False,
        "dragmode": False,
    }
    return json.dumps({"data": [trace], "layout": layout})


def _line_at(score: float, colour: str) -> dict[str, Any]:
    """Return an upright line, where a model is as good as the baseline."""
    line = {"color": colour, "width": 1, "dash": "dot"}
    ends = {"x0": score, "x1": score, "y0": 0, "y1": 1}
    return {"type": "line", "yref": "paper", "line": line, **ends}


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


# Judges


def judges_html(stats: Mapping[str, JudgeStats], pairs: Mapping[tuple[str, str], Agreement]) -> str:
    """Return what judges do, a row each, and how far they agree, a row a pair."""
    parts = ["<h3>What each judge says</h3>"]
    parts.append(_table(_JUDGE_HEADS, map(_judge_row, stats, stats.values())))
    parts += map(_paragraph, _HOW_JUDGES)
    graded = {judge: one.grades for judge, one in stats.items() if one.grades}
    if graded:
        parts.append("<h3>Grades of single answers</h3>")
        parts.append(_table(_GRADE_HEADS, map(_grade_row, graded, graded.values())))
    parts.append("<h3>Where judges agree</h3>")
    if pairs:
        parts.append(_table(_PAIR_HEADS, map(_pair_row, pairs, pairs.values())))
        parts.append(_paragraph(_HOW_PAIRS))
    else:
        parts.append(notice("There is one judge only: nobody to agree with."))
    return f'<div class="judges">{"".join(parts)}</div>'


_JUDGE_HEADS = (
    "judge",
    "judgments",
    "games",
    *LABELS,
    "",
    "no verdict",
    "first place wins",
    "order flips the winner",
)
_GRADE_HEADS = ("judge", "grades", "mean", "lowest", "highest")
_PAIR_HEADS = ("judges", "games", "same label", "kappa", "weighted kappa")
_HOW_JUDGES = (
    "Shares of labels are of the games with a verdict. A is the answer that the judge saw first. "
    "First place wins: the share of A among the games that A or B wins, over judgments with two "
    "verdicts, in which each side was A once; 50 % is no preference for a place.",
    "Order flips the winner: the share of these judgments whose two games name different winners; "
    "a tie beside a win is a flip. A judge who is not sure flips too.",
)
_HOW_PAIRS = (
    "Over the games that both judges decided. Kappa is the agreement on labels beyond chance: 1 is "
    "always, 0 is as often as their habits alone would give; weighted: with squared distances "
    "between labels. judge_report.py has intervals, and what sways a judge."
)


def _paragraph(text: str) -> str:
    return f'<p class="how">{plain(text)}</p>'


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{plain(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _judge_row(judge: str, stats: JudgeStats) -> Iterator[str]:
    yield plain(judge)
    yield f"{stats.judgments:,}"
    yield f"{stats.games:,}"
    for number in stats.labels.values():
        yield _percent(share(number, sum(stats.labels.values())))
    yield _bar(zip(LABELS, ("big a", "a", "tie", "b", "big b"), stats.labels.values(), strict=True))
    yield _percent(share(stats.without_verdict, stats.games))
    yield _percent(stats.first_place)
    yield _percent(stats.flips)


def _grade_row(judge: str, grades: Sequence[float]) -> Iterator[str]:
    yield plain(judge)
    yield f"{len(grades):,}"
    yield f"{sum(grades) / len(grades):.2f}"
    yield f"{grades[0]:g}"
    yield f"{grades[-1]:g}"


def _pair_row(pair: tuple[str, str], both: Agreement) -> Iterator[str]:
    yield " – ".join(map(plain, pair))
    yield f"{both.games:,}"
    yield _percent(both.rate)
    for kappa in (both.kappa, both.weighted):
        yield "n/a" if kappa is None else f"{kappa:.3f}"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f} %"


STYLE = """
:root {
  --win: #1b7a5a; --loss: #b3541e; --tie: #858b95; --none: #a07400;
  --muted: #6b7280; --line: #e2e5ea; --accent: #2a6fdb; --soft: #f5f6f8;
  --keyword: #8250c4;
}
.dark {
  --win: #45b890; --loss: #e0865a; --tie: #868d99; --none: #cfa63a;
  --muted: #98a1b0; --line: #2b3240; --accent: #6ea1f2; --soft: #171c26;
  --keyword: #c4a1f5;
}
.gradio-container .main { padding: 8px 20px 24px !important; max-width: 1800px; }
.gradio-container .html-container { padding: 0; }
.gradio-container .gap { gap: 8px; }
.notice { color: var(--muted); margin: 4px 0; }

/* the head of the page, and the fields */
#top { align-items: baseline; min-height: 0; flex-wrap: nowrap; }
#title { display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; }
#title h1 { font-size: 17px; font-weight: 650; margin: 0; }
#title .notice { display: inline; margin: 0 14px 0 0; }
#address { flex: none; width: auto; min-width: 0; }
.address { color: var(--accent); white-space: nowrap; }
.filters { gap: 8px; align-items: end; }
.filters > .form { border: 0; background: none; gap: 8px; flex-wrap: wrap; overflow: visible; }
.filters .block { padding: 0 !important; border: 0; background: none; overflow: visible; }
.filters [data-testid=block-info] { font-size: 12px; line-height: 16px; margin: 0 0 3px; }
.filters input[type=text], .filters textarea { height: 27px; padding: 4px 8px; font-size: 13px; }
.filters .wrap > label { padding: 4px 8px; font-size: 13px; }
.filters button { height: 30px; padding: 0 10px; font-size: 13px; font-weight: 500; }
.filters fieldset .wrap { flex-wrap: nowrap; }
#shown > .filters > .form { flex-wrap: nowrap; }
#shown .form > fieldset { flex: 0 0 190px !important; }
.filters .written label { height: 30px; padding: 0; }
.filters .written { align-self: end; white-space: nowrap; flex: 0 0 105px !important; }
.filters .secondary-wrap input { margin-right: 22px; text-overflow: ellipsis; }

/* the list of battles */
#battles { flex-wrap: nowrap; align-items: flex-start; gap: 16px; }
#found { position: sticky; top: 6px; flex: 0 0 290px; width: 290px; }
#shown { min-width: 0; }
#list > .html-container { max-height: calc(100vh - 24px); overflow: auto; }
.list { font-size: 12.5px; line-height: 1.35; }
.list-head { display: flex; justify-content: space-between; align-items: center; height: 28px; }
.list-head { position: sticky; top: 0; background: var(--body-background-fill); z-index: 1; }
.list-head { color: var(--muted); border-bottom: 1px solid var(--line); padding-right: 4px; }
.list button { all: unset; cursor: pointer; box-sizing: border-box; }
.list .turn { padding: 0 7px; font-size: 17px; color: var(--accent); }
.list .row { display: flex; gap: 4px; width: 100%; padding: 5px 6px; align-items: baseline; }
.list .row { border-bottom: 1px solid var(--line); border-left: 3px solid transparent; }
.list .row:hover { background: var(--soft); }
.list .row[aria-current] { background: var(--soft); border-left-color: var(--accent); }
.list .row span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.list .row em { color: var(--muted); font-style: normal; }
.list .row span { overflow: hidden; overflow-wrap: anywhere; margin-left: 3px; }
.list button:focus-visible, .board button:focus-visible { outline: 2px solid var(--accent); }
.dot { width: 9px; height: 9px; border-radius: 2px; flex: none; background: var(--tie); }

/* outcomes: the strong ones full, the others tinted */
.strong-win, .big-a { --c: var(--win); } .win, .a { --c: var(--win); --tint: 45%; }
.tie { --c: var(--tie); --tint: 45%; } .no-verdict { --c: var(--none); }
.loss, .b { --c: var(--loss); --tint: 45%; } .strong-loss, .big-b { --c: var(--loss); }
.grade { --c: var(--accent); } .big-a, .a { --c: var(--accent); } .big-b, .b { --c: var(--muted); }
.dot, .bar i { background: color-mix(in srgb, var(--c) var(--tint, 100%), transparent); }
.dot.no-verdict { background: none; box-shadow: inset 0 0 0 2px var(--c); }
.chip { color: var(--c); font-weight: 600; }

/* one battle */
#battle { --body-text-size: 14px; }
.battle { font-size: 14px; line-height: 1.5; overflow-wrap: anywhere; }
.battle .about, .battle .note, .battle .counts { color: var(--muted); font-size: 12.5px; }
.battle .about, .battle .note, .battle .counts { margin: 4px 0; }
.battle summary { cursor: pointer; font-size: 12.5px; font-weight: 600; color: var(--muted); }
.battle details { margin: 6px 0; border: 1px solid var(--line); border-radius: 4px; }
.battle details > summary { padding: 3px 10px; }
.battle details > :not(summary) { margin: 0; padding: 2px 10px 6px; }
.battle .prompt > .text { max-height: 15em; overflow: auto; }
.battle .explanation > .text { max-height: 24em; overflow: auto; }
.battle .reasoning { color: var(--muted); }
.verdicts { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin: 8px 0 4px; }
.verdict { padding: 5px 10px; border-left: 4px solid var(--c); border-radius: 3px; }
.verdict { background: color-mix(in srgb, var(--c) 13%, transparent); }
.verdict b { margin-right: 6px; } .verdict { opacity: .72; } .verdict.chosen { opacity: 1; }
.verdict.chosen { box-shadow: inset 0 0 0 1.5px var(--c); }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 16px; }
.sides > :only-child { grid-column: 1 / -1; }
.side { border-top: 3px solid var(--line); padding-top: 6px; margin-top: 8px; }
.side:has(> .model) { border-top-color: var(--accent); }
.side > h3 { font-size: 14.5px !important; margin: 0 !important; font-weight: 600; }
.side > h3 > b { background: var(--muted); color: var(--body-background-fill); padding: 0 6px; }
.side > h3 > b { border-radius: 3px; margin-right: 4px; }
.side > h3.model > b { background: var(--accent); }
.side .role { color: var(--muted); font-weight: 400; font-size: 12.5px; }
.battle h1, .battle h2 { font-size: 1.2em !important; margin: .8em 0 .3em !important; }
.battle h4, .side > h3 ~ h3 { font-size: 1.05em !important; margin: .8em 0 .3em !important; }
.battle p, .battle li { font-size: 14px; line-height: 1.5; }
.battle p { margin: .45em 0; }
.battle li { margin: .15em 0 !important; }
.battle li p { margin: .15em 0; }
.battle .text > :first-child { margin-top: 0; }
.battle ul, .battle ol { margin: .3em 0; padding-inline-start: 1.6em; }
.battle pre { font-size: 12.5px; line-height: 1.4; overflow: auto; padding: 8px 10px !important; }
.battle pre { background: var(--soft) !important; border: 1px solid var(--line); margin: .5em 0; }
.battle pre, .battle pre code { white-space: pre-wrap; }
.battle pre code { background: none !important; border: 0; padding: 0; }
.battle table { display: block; overflow: auto; border-collapse: collapse; margin: .5em 0; }
.battle table, .battle tr { border: 0 !important; background: none !important; }
.battle th, .battle td { border: 1px solid var(--line) !important; padding: 3px 8px !important; }
.battle .image { color: var(--muted); font-style: italic; }
.battle .katex { font-size: 1.05em; } .battle .katex-display { overflow: auto hidden; }
.code .c, .code .c1, .code .cm, .code .ch, .code .cs { color: var(--muted); font-style: italic; }
.code [class^=k], .code .ow, .code .nt { color: var(--keyword); }
.code [class^=s] { color: var(--win); }
.code [class^=m] { color: var(--loss); }
.code .nf, .code .nc, .code .fm, .code .nd, .code .nb { color: var(--accent); }

/* tables */
.numbers { border-collapse: collapse; font-size: 13.5px; width: 100%; }
.numbers { font-variant-numeric: tabular-nums; }
.numbers th, .numbers td { padding: 4px 10px; border-bottom: 1px solid var(--line); }
.numbers th, .numbers td { text-align: right; white-space: nowrap; }
.numbers th { color: var(--muted); font-weight: 500; font-size: 12.5px; }
.numbers th:first-child, .numbers td:first-child { text-align: left; padding-left: 0; }
.board th:nth-child(2), .board td:nth-child(2) { text-align: left; }
.board th:last-child, .board td:last-child { text-align: left; }
.board td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; }
.board td:first-child, .board td:nth-child(4), .board td:nth-child(5) { color: var(--muted); }
.board .baseline td { font-style: italic; }
.board button { all: unset; cursor: pointer; color: var(--accent); }
.board button:hover { text-decoration: underline; }
.board .below, .how { color: var(--muted); font-size: 12.5px; margin-top: 10px; }
.how { margin: 6px 0; max-width: 75em; }
.board .below p { margin: 2px 0; }
.board + .board { margin-top: 22px; }
.board h3, .judges h3 { font-size: 14.5px; font-weight: 600; margin: 16px 0 6px; }
.bar { display: flex; width: 150px; height: 11px; border-radius: 2px; overflow: hidden; }
.bar i { height: 100%; }
.modebar { display: none !important; }

@media (max-width: 900px) {
  #battles { flex-wrap: wrap; } #found { position: static; flex: 1 1 100%; }
  #list > .html-container { max-height: 30vh; }
  .sides, .verdicts { grid-template-columns: minmax(0, 1fr); }
}
"""
