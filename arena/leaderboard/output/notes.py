"""Notes below a board: what it rests on, and the reasons to doubt it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from arena.base.table import FEW_NAMES, MANY_NAMES, grouped, listed
from arena.leaderboard.board import Board
from arena.leaderboard.output.caption import CLOSED, style_center
from arena.leaderboard.output.precision import TOO_FEW, board_precision, board_questions
from arena.scoring.grades import range_text
from arena.scoring.uncertainty.intervals import ENOUGH_ROUNDS, FEW

# Battles of one question share its answers, so resampling them alone hides that part of the noise.
TOO_NARROW = "The intervals treat the games of a question as independent, which makes them"
HONEST = "Use --resample question to avoid this."
DEPENDENT = f"{TOO_NARROW} too narrow. {HONEST}"


def count_line(board: Board) -> str:
    """Return the numbers of judgments, battles or grades, and games without a verdict."""
    counts = board.counts
    games = f"{counts.games_without_verdict:,} games without {board.format.verdict}"
    return f"{counts.judgments:,} judgments, {counts.battles:,} {board.format.data}, {games}"


def summary_lines(board: Board, *, flags: bool = True) -> Iterator[str]:
    """Yield the notes below a board. `flags`: name those that help."""
    counts = board.counts
    if board.weights:
        parts = ", ".join(f"{name} {number:,}" for name, number in board.weights.items())
        yield f"the mean of the scores by category, weighted by their questions: {parts}"
    else:
        yield count_line(board)
    if board.selection.anchored == "mean":
        yield "scores are win rates against an average model, which has the mean strength of all"
    if board.coefficients:
        # + 0.0 writes a rounded -0.0 without its sign.
        values = (f"{name} {round(c, 3) + 0.0:.3f}" for name, c in board.coefficients.items())
        yield f"style coefficients: {', '.join(values)}"
    yield from _style_centre(board, flags)
    yield from _questions_judged(board)
    if (precision := board_precision(board)) and (line := precision.text()):
        yield line
    yield from doubt_lines(board, flags)
    if not board.weights:
        # A kind of reason may be of several judges or baselines.
        kinds = grouped((r, r.partition(", ")[0]) for r in sorted(counts.left_out))
        for kind, reasons in kinds.items():
            number = sum(counts.left_out[reason] for reason in reasons)
            names = [reason.partition(", ")[2] for reason in reasons if reason != kind]
            shown = ", " + listed(names, "names", FEW_NAMES) if names else ""
            yield f"skipped: {number:,} {kind}{shown}"
        if counts.added_losses:
            yield f"added: {counts.added_losses:,} plain losses (`>`), one for each missing game"
    unknown = [math.isnan(row.lower) for row in board.rows]
    if counts.ranges:
        yield f"grades {' and '.join(map(range_text, counts.ranges))}"
    elif board.format.scale == "grade" and board.intervals == CLOSED and not all(unknown):
        yield (
            "no range of grades is known, so intervals take the lowest and the highest mean of a "
            "question here for its ends"
        )
    for reason, models in grouped(sorted(counts.models_left_out.items())).items():
        yield f"skipped: {listed(models, many=FEW_NAMES)}: {reason}"
    yield from _interval_notes(board, flags)


def _interval_notes(board: Board, flags: bool) -> Iterator[str]:
    """Yield notes on missing intervals and ranks, and on rounds over battles, whose intervals are
    too narrow on nearly all boards.
    """
    if not board.method.as_published and any(math.isnan(row.lower) for row in board.rows):
        yield no_interval([board])
    if board.rows and board.method.honest and board.method.rounds < ENOUGH_ROUNDS:
        advice = " Use --num-rounds 1000." if flags else ""
        yield f"no ranks from fewer than {ENOUGH_ROUNDS} bootstrap rounds.{advice}"
    if board.method.resample == "battle":
        ratio = board.narrowness or 0.0
        times = f"{ratio:.1f} times too narrow here." if ratio >= 1.05 else "too narrow."
        yield f"{TOO_NARROW} {times} {HONEST}" if flags else f"{TOO_NARROW} {times}"


def _questions_judged(board: Board) -> Iterator[str]:
    """Yield on how many questions the models were judged, and a warning if on different ones."""
    counts, judged = board.counts, sorted(board.counts.judged.items())
    of = "" if counts.questions is None else f" of {counts.questions:,}"
    if counts.same_questions and len(set(counts.judged.values())) == 1:
        yield f"questions judged: {judged[0][1]:,}{of} for each model"
    elif judged:
        least, spread = judged, ""
        if len(judged) > MANY_NAMES:
            least = sorted(judged, key=lambda item: item[1])[:3]
            spread = f"{least[0][1]:,} to {max(counts.judged.values()):,}, the fewest "
        names = ", ".join(f"{model} {n:,}" for model, n in least)
        yield f"questions judged{of}: {spread}{names}"
    if not counts.same_questions:
        reason = "the models were judged on different questions"
        yield f"warning: {reason}, so their scores do not compare fairly. {board.format.missing}"


def no_interval(boards: Sequence[Board]) -> str:
    """Return the reasons for rows without an interval."""
    few = f"with fewer than {FEW} questions"
    rounds = f"from fewer than {ENOUGH_ROUNDS} bootstrap rounds"

    def reason(board: Board, model: str) -> str:
        method, judged = board.method, board.counts.judged
        drawn = board.intervals != CLOSED
        if method.honest and drawn and method.rounds < ENOUGH_ROUNDS:
            return rounds
        return few if board.weights or judged.get(model, 0) < FEW else "if all questions are alike"

    missing = ((b, row.model) for b in boards for row in b.rows if math.isnan(row.lower))
    reasons = {reason(board, model) for board, model in missing if model != board.baseline}
    return f"–: no interval {', or '.join(sorted(reasons, reverse=True))}"


def _style_centre(board: Board, flags: bool) -> Iterator[str]:
    """Yield a note on the zero point of style. The mean moves the baseline's equals."""
    if flags and style_center(board) == "none":
        other = "Use --style-center mean to measure from the mean style, as published boards do."
        yield f"style is measured from equal style. {other}"
    mean = board.selection.anchored == "mean"
    if board.copy_score is None and not (mean and board.method.off_equal):
        return
    published, judgments = board.method.published, board.counts.judgments
    number = "the" if published >= judgments else f"{published:,} of {judgments:,}"
    why = f", since {number} judgments have no settings, as published ones" if published else ""
    copy = ""
    if board.copy_score is not None:
        copy = f": a copy of the baseline would score {board.format.score(board.copy_score)}"
    advice = " Use --style-center none to measure from equal style." if flags else ""
    ranks = " Ranks measure from equal style in any case." if board.method.honest else ""
    yield f"style is measured from its mean{why}{copy}.{advice}{ranks}"


EXTREME = 3.0  # points of win rate from 0 or 100


def extreme_lines(board: Board, flags: bool) -> Iterator[str]:
    """Yield a note on models that lost nearly all battles against the only baseline or the anchor,
    which then hardly tells them apart, and one on those that won them. One alone is the last or the
    first in any case, and on fewer than TOO_FEW questions it may be chance. `flags`: name those
    that help.
    """
    battles = board.scored.battles if board.scored else None
    if board.format.scale != "win rate" or not battles:
        return
    is_star = battles.cells.star(battles.anchor) is not None
    if not is_star and board.selection.anchored != "model":
        return
    what = "Battles" if is_star else "Scores"
    judged = board.counts.judged if is_star else board_questions(board)
    rows = [row for row in board.rows if judged.get(row.model, 0) >= TOO_FEW]
    for limit, other, end in (("under 3", "weaker", 0.0), ("over 97", "stronger", 100.0)):
        models = [row.model for row in rows if abs(row.score - end) < EXTREME]
        if len(models) > 1:
            why = f"{what} against {battles.baseline} hardly tell them apart"
            mean = ", or use --anchor alone" if flags else ""
            advice = "baseline for them" if is_star else f"anchor{mean}"
            names = listed(models, many=FEW_NAMES)
            yield f"scores {limit}: {names}. {why}. Choose a {other} {advice}."


# Points between two models' shares of undecided games over which a board says so. If the lost games
# of a model at 50 % were all wins or all losses, 5 points would move its score by 2.5, as much as
# half an interval over 500 questions. If all are of one place, its bias moves the score as well:
# by 0.6 for a model with 29 % in one place and 78 % in the other.
UNEQUAL = 5.0
SEVERAL_LOST = 3  # games, since one or two can be chance in a small bench


def doubt_lines(board: Board, flags: bool) -> Iterator[str]:
    """Yield the reasons to doubt scores: lost games, one place more than the other, planted
    answers. `flags`: name those that help.
    """
    yield from extreme_lines(board, flags)
    doubts, models = board.counts.doubts, {row.model for row in board.rows}
    shares = {m: 100 * lost / of for m, (lost, of) in doubts.undecided.items() if m in models}
    limit = min(shares.values(), default=0.0) + UNEQUAL
    high = sorted((m for m in shares if shares[m] > limit), key=lambda m: (-shares[m], m))
    if any(doubts.undecided[model][0] >= SEVERAL_LOST for model in high):
        form = "{} {:,} of {:,} ({:.1f} %)"
        texts = (form.format(model, *doubts.undecided[model], shares[model]) for model in high)
        others = max(share for share in shares.values() if share <= limit)
        yield (
            f"warning: games without {board.format.verdict}: {', '.join(texts)}, all others at "
            f"most {others:.1f} %. They count for nobody, so the scores may not compare fairly."
        )
    yield from place_lines(board, flags)
    for model, (ids, answers) in doubts.planted.items():
        yield planted_line(model, ids, answers)


FIRST_GAME = (
    "warning: --first-game-only shows each model in the second place alone, so a place bias does "
    "not cancel. It moves all scores."
)


def place_lines(board: Board, flags: bool) -> Iterator[str]:
    """Yield a note on games that a game with swapped places does not balance: their place bias
    stays in the scores. `flags`: name those that help.
    """
    if board.selection.first_game_only:
        yield FIRST_GAME
    names = {row.model for row in board.rows}
    models = {m: row for m, row in board.counts.doubts.one_game.items() if m in names}
    first, second = (sum(row[game] for row in models.values()) for game in (0, 1))
    if not first and not second:
        return
    yield f"{first:,} judgments have a verdict in game 1 only, {second:,} in game 2 only"
    excess = {m: abs(one - two) for m, (one, two, _) in models.items()}
    shares = {m: 100 * excess[m] / models[m][2] for m in models}
    unequal = [m for m in models if shares[m] > UNEQUAL and excess[m] >= SEVERAL_LOST]
    if unequal:
        form = "{} {:,} in game 1 only and {:,} in game 2 only, of {:,}"
        ordered = sorted(unequal, key=lambda m: (-shares[m], m))
        texts = [form.format(model, *models[model]) for model in ordered]
        advice = " Judge the missing games with --retry-invalid, or skip these judgments with "
        advice = f"{advice}--half-judged drop." if flags else ""
        yield (
            f"warning: judgments with one verdict: {listed(texts, many=FEW_NAMES)}. A place bias "
            f"does not cancel in them.{advice}"
        )


def planted_line(model: str, ids: Sequence[str], answers: int) -> str:
    """Return a note on answers of a model that may sway the judge, or the reading of its reply."""
    some = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
    what = "contain a label or imitate the judge's prompt"
    return f"warning: {len(ids):,} of {answers:,} answers of {model} {what}: {some}"
