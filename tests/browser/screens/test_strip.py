"""What is listed in sum, overall outcomes, and the orders of the list."""

from __future__ import annotations

import html
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from browser_site import add_judgments, all_pairs, judgment, question_of
from conftest import Workspace

from arena.bench.labels import LABELS, OVERALL, overall
from arena.bench.paths import Bench
from arena.browser.html.judgment_list import Choice
from arena.browser.library import (
    DISPUTED,
    LONGER,
    LOSSES,
    SHORTER,
    WINS,
    Filters,
    Library,
)
from arena.browser.screens.judgments import judgments_screen, open_link
from arena.browser.screens.strip import toggled
from arena.browser.web.views import query_of

NUMBER = 60
TO_MODEL = dict(zip(LABELS, (2, 1, 0, -1, -2), strict=True))  # in game 2


@pytest.fixture
def verdicts(bench: Workspace) -> dict[str, tuple[str | None, ...]]:
    """Random labels of both games by question, some of them missing."""
    rng = random.Random(3)
    ids = [f"q{i}" for i in range(NUMBER)]
    bench.add_questions([question_of(q, "c") | {"cluster": f"k{i % 7}"} for i, q in enumerate(ids)])
    for model, low in (("m", 200), ("base", 100)):
        answers = [
            {
                "question_id": q,
                "choices": [{"turns": [{"content": "x"}]}],
                "conv_metadata": {"token_len": low + rng.randint(0, 200)},
            }
            for q in ids
        ]
        bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
    labels = {q: tuple(rng.choice([*LABELS, None]) for _ in range(2)) for q in ids}
    add_judgments(bench, [judgment(q, *of) for q, of in labels.items()])
    return labels


@pytest.fixture
def library(bench: Workspace, verdicts: object) -> Library:
    return Library(Bench(bench.root / "data", bench.name))


def points(labels: tuple[str | None, ...]) -> list[int | None]:
    """The worth of both games to the model."""
    first, second = labels
    return [-TO_MODEL[first] if first else None, TO_MODEL[second] if second else None]


def by_hand(labels: tuple[str | None, ...]) -> str:
    known = [p for p in points(labels) if p is not None]
    if not known:
        return "no verdict"
    if min(known) < 0 < max(known):
        return "split"
    total = sum(known)
    return "won" if total > 0 else "lost" if total < 0 else "tied"


def listed(library: Library, **filters: str) -> list[str]:
    return [entry.question for entry in library.select(Filters(judge="j", **filters))]


def test_outcomes_over_both_games_are_those_of_counting(
    library: Library, verdicts: dict[str, tuple[str | None, ...]]
) -> None:
    for name in OVERALL:
        expected = [q for q, labels in verdicts.items() if by_hand(labels) == name]
        assert expected
        assert listed(library, outcome=name) == expected
        assert all(overall(verdicts[q]) == name for q in expected)
    both = listed(library, outcome="lost,split")
    assert both == [q for q, of in verdicts.items() if by_hand(of) in ("lost", "split")]


def test_a_lost_judgment_is_not_one_with_a_lost_game(library: Library) -> None:
    """A strong loss beside a win is split, which the verdict of a game could not say."""
    of_games = set(listed(library, verdict="strong loss"))
    assert of_games - set(listed(library, outcome="lost"))
    exact = listed(library, verdict="strong loss", outcome="lost")
    assert set(exact) == of_games & set(listed(library, outcome="lost"))


def test_the_strip_has_the_numbers_of_what_is_listed(
    library: Library, verdicts: dict[str, tuple[str | None, ...]]
) -> None:
    page = judgments_screen(library, Filters(judge="j", outcome="lost,split")).list_html
    group = page[page.index("Outcomes over both games") :].partition("</div>")[0]
    shown = dict(re.findall(r">([a-z ]+) (\d+)</a>", group))
    assert {name: int(n) for name, n in shown.items()} == Counter(map(by_hand, verdicts.values()))
    assert re.findall(r'aria-current="true">([a-z ]+) \d', group) == ["lost", "split"]

    chosen = [q for q, of in verdicts.items() if by_hand(of) in ("lost", "split")]
    lengths = library.lengths()
    entries = library.select(Filters(judge="j", outcome="lost,split"))
    differences = [model - base for model, base in map(lengths, entries)]
    assert f"{sum(differences) / len(chosen):.0f} tokens longer" in page
    whole = [p for q in chosen if None not in (p := points(verdicts[q]))]
    signs = [
        ((a > 0) - (a < 0), (b > 0) - (b < 0)) for a, b in whole if a is not None and b is not None
    ]
    assert f"{100 * sum(a != b for a, b in signs) / len(signs):.0f} % flips" in page
    assert f"place A {25 * sum(b - a for a, b in signs) / len(signs):+.1f}" in page


def test_clusters_that_are_listed_more_often_than_usual_are_named(
    library: Library, verdicts: dict[str, tuple[str | None, ...]]
) -> None:
    usual = Counter(question.cluster for question in library.questions.values())
    named = set[str]()
    for outcome in OVERALL:
        listed_ids = [q for q, of in verdicts.items() if by_hand(of) == outcome]
        clusters = Counter(library.questions[q].cluster for q in listed_ids)
        more = {
            name: (-number / usual[name], name)
            for name, number in clusters.items()
            if number >= 3 and number / len(listed_ids) > 1.2 * usual[name] / NUMBER
        }
        page = judgments_screen(library, Filters(judge="j", outcome=outcome)).list_html
        shown = re.findall(r'class="cluster">(\w+) (\d+)</a>', page)
        first = sorted(more, key=more.__getitem__)[:3]
        assert shown == [(name, str(clusters[name])) for name in first]
        assert all(f"category={name}&amp;outcome={outcome}" in page for name in first)
        named.update(first)
    assert named
    assert 'class="cluster"' not in judgments_screen(library, Filters(judge="j")).list_html


def test_judgments_with_the_model_as_the_baseline_are_counted_and_opened(bench: Workspace) -> None:
    pairs = all_pairs(bench)
    for model, number in {"b": 24, "c": 12, "d": 0, "": 0}.items():
        shown = judgments_screen(pairs, Filters(judge="j", model=model, category="prose"))
        assert shown.offers["model"] == ["b", "c", "d"]
        found = re.findall(
            r'href="\?([^"]*)">([\d,]+) with the model as baseline<', shown.list_html
        )
        assert len(found) == bool(number)
        for address, told in found:
            opened = open_link(pairs, query_of(html.unescape(address)))
            assert opened.filters == Filters(judge="j", baseline=model)
            assert int(told) == number == opened.total


def test_orders_are_by_margin_and_length(
    library: Library, verdicts: dict[str, tuple[str | None, ...]]
) -> None:
    def margin(question: str) -> float | None:
        known = [p for p in points(verdicts[question]) if p is not None]
        return sum(known) / len(known) if known else None

    for order, sign in ((LOSSES, 1), (WINS, -1)):
        margins = [margin(q) for q in listed(library, order=order)]
        known = [m for m in margins if m is not None]
        assert known == sorted(known, key=lambda m: sign * m)
        assert margins[len(known) :] == [None] * (NUMBER - len(known))
        assert None in margins
    lengths = library.lengths()
    for order, sign in ((LONGER, -1), (SHORTER, 1)):
        entries = library.select(Filters(judge="j", order=order))
        differences = [model - base for model, base in map(lengths, entries)]
        assert len(set(differences)) > 1
        assert differences == sorted(differences, key=lambda d: sign * d)


def test_what_judges_disagree_on_most_comes_first(bench: Workspace, library: Library) -> None:
    add_judgments(bench, [judgment("q5", "A>>B", "B>>A", judge="k")], judge="k")
    add_judgments(bench, [judgment("q5", "B>>A", "A>>B")])
    assert listed(library, order=DISPUTED)[0] == "q5"


def test_outcomes_go_together_and_other_choices_replace_each_other() -> None:
    def chosen(filters: Filters, name: str, value: str) -> Filters:
        return replace(filters, **toggled(filters, Choice(name, value)))

    filters = chosen(chosen(Filters(), "outcome", "lost"), "outcome", "split")
    assert filters.outcome == "lost,split"
    assert chosen(filters, "outcome", "lost").outcome == "split"
    one = chosen(filters, "category", "k1")
    assert chosen(one, "category", "k2").category == "k2"
    assert chosen(one, "category", "k1") == filters


def test_a_link_has_the_outcomes_and_an_unknown_one_is_left_out(library: Library) -> None:
    shown = open_link(library, {"outcome": "split,lost,nonsense", "judge": "j"})
    assert shown.filters.outcome == shown.query["outcome"] == "lost,split"


def test_an_empty_list_keeps_the_choices_that_made_it_so(library: Library) -> None:
    shown = judgments_screen(library, Filters(judge="j", text="nowhere", outcome="won"))
    assert 'title="remove this filter">search: nowhere <b>' in shown.list_html
    assert "has &quot;nowhere&quot; in it" in shown.list_html


def test_the_list_is_turned_without_another_judgment(library: Library) -> None:
    shown = judgments_screen(library, Filters(judge="j"), ("q3", "", ""), first=50)
    assert 'data-row="50"' in shown.list_html
    assert "aria-current" not in shown.list_html
    assert shown.key[0] == "q3"
    assert 'first=0" class="turn" aria-label="first judgments"' in shown.list_html


def test_a_search_says_where_it_found_the_words_and_knows_ids(bench: Workspace) -> None:
    bench.add_questions(["The okapi", "Say hello"])
    bench.add_answers("m", {"q1": "An okapi is striped", "q2": "hi"})
    bench.add_answers("base", {"q1": "no", "q2": "An OKAPI says hello"})
    add_judgments(bench, [judgment("q1", "A>B", "B>A"), judgment("q2", "A=B", "A=B")])
    library = Library(Bench(bench.root / "data", bench.name))

    def where(text: str, question: str, game: int = 0) -> str:
        shown = judgments_screen(
            library, Filters(judge="j", text=text), (question, "", ""), game=game
        )
        (found,) = re.findall(r'<mark class="sought">.*?</mark> in (.*?)</p>', shown.judgment_html)
        return str(found)

    assert where("okapi", "q1") == "prompt · B"
    assert where("okapi", "q1", game=1) == "prompt · A"
    assert where("okapi", "q2") == "A"
    assert where("says", "q2") == "A · judge"
    assert listed(library, text="Q2") == ["q2"]
    assert where("q2", "q2") == "id"


def test_a_search_waits_for_no_file_that_was_read_in_the_background(
    bench: Workspace, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.warm("j")
    for name in ("answer_texts", "judgment_texts"):
        monkeypatch.setattr(f"arena.browser.index.{name}", None)
    assert listed(library, text="says A>>B")


def test_a_label_that_a_judge_gave_and_another_in_the_same_game_are_filters(
    bench: Workspace, library: Library, verdicts: dict[str, tuple[str | None, ...]]
) -> None:
    others = {q: tuple(random.Random(q).choices([*LABELS, None], k=2)) for q in verdicts}
    add_judgments(bench, [judgment(q, *of, judge="k") for q, of in others.items()], judge="k")
    found = list[str]()
    for label in LABELS:
        assert listed(library, labels=label) == [q for q, of in verdicts.items() if label in of]
        for other in LABELS:
            both = [
                q for q in verdicts if (label, other) in zip(verdicts[q], others[q], strict=True)
            ]
            assert listed(library, labels=f"{label}|{other}|k") == both
            found += both
    assert found
    shown = open_link(library, {"judge": "j", "labels": "A>B|A=B|k"})
    assert shown.total == len(listed(library, labels="A>B|A=B|k"))
    assert "a game is A&gt;B, by k A=B <b>✕</b>" in shown.list_html
    assert toggled(shown.filters, Choice("labels", "A>B|A=B|k")) == {"labels": ""}
    # The other judge is chosen itself, or nobody knows the labels.
    for unknown in ("A>B|A=B|j", "A>B|A=B|nobody", "A>B|A=B", "A>C", "A>B||k", "|", "A>B|x|k"):
        every = open_link(library, {"judge": "j", "labels": unknown})
        assert (every.filters.labels, every.total) == ("", NUMBER)
        assert any("There is no verdict" in sentence for sentence in every.notices)


def test_labels_of_repeats_are_found_too(bench: Workspace) -> None:
    again = judgment("q1", "A>B", "A=B")
    again["games"][1]["repeats"] = [{"score": "B>A"}, {"score": None}]
    add_judgments(bench, [again, judgment("q2", "A>B", None)])
    add_judgments(bench, [judgment("q1", "A>B", "[A>>B]", judge="k")], judge="k")
    library = Library(Bench(bench.root / "data", bench.name))
    assert listed(library, labels="A>B") == ["q1", "q2"]
    assert listed(library, labels="B>A") == listed(library, labels="B>A|A>>B|k") == ["q1"]
    assert listed(library, labels="A>B|A>>B|k") == []
