"""The meaning of each measure of a judge, in words."""

from __future__ import annotations

from arena.bench.answer_style import FEATURES
from arena.bench.labels import LEGEND

STYLE_BIAS = ", ".join(f"{feature} bias" for feature in FEATURES)
MEANINGS = {
    "labels": ("Of the games with a verdict. A is the answer that the judge saw first.", LEGEND),
    "place bias": (
        "Points of win rate that the first place adds: with 10, the first of two equal answers "
        "wins 60 %.",
        "A coefficient beside the strengths of the models, so that it does not depend on how much "
        "they differ. A >> counts once here, as on boards of win rates. Without bias 0, the "
        "dotted line.",
    ),
    "order flips the winner": (
        "The share of judgments with two verdicts whose winners differ. Tossing a coin flips half.",
        "A tie in one game and a win in the other is a flip. If games have several verdicts, each "
        "of the first game is compared with each of the second.",
    ),
    "variance": (
        "The share of the variance of a game's points by question and place. The rest is noise of "
        "single games.",
        "Points of a model against a baseline: a tie is half a win.",
    ),
    "a question is worth": (
        "A judgment on a further question narrows intervals at least as much as so many repeats "
        "do.",
        "A judge that says the same again adds nothing.",
    ),
    "variance by repeat": (
        "The share of the variance between repeated verdicts of one game. More repeats average it "
        "out. The rest of the noise is the game's own.",
        "Verdicts on several choices of an answer differ by the choice, too.",
    ),
    "twice the verdicts narrow": (
        "Twice the verdicts of each game narrow intervals by this much. Twice the questions narrow "
        "them by 29 %.",
        "Both cost the same.",
    ),
    STYLE_BIAS: (
        "Log-odds of a win added by one standard deviation more. 0.2 is 5 points at an even match.",
        "At equal strength of the models. This is bias only as far as style has no merit of its "
        "own. Without bias 0, the dotted line.",
    ),
    "kin difference": (
        "Points of win rate that the judge gives its own family, less the points that judges of "
        "other families give it.",
        "In the same games.",
    ),
    "self-preference": (
        "The points of the kin difference that neither strictness, noise nor style explains.",
        "Points above the line on which the judge's win rates of the other models follow the other "
        "judges', adjusted for the style of answers. Without bias 0.",
    ),
    "kappa": (
        "Agreement on labels: 0 is chance, 1 is full. Weighted: near labels agree in part.",
        "By squared distances between labels.",
    ),
}
"""The meaning of each measure: a legend, and more for readers of the page."""
