"""The tab of the blind mode: what it shows, what it hides, and what it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from browser_site import add_judgments, judgment, small_library, style
from conftest import Workspace

from arena.base.errors import InputError
from arena.browser.annotate.votes import Votes
from arena.browser.library import Library
from arena.browser.screens.annotate import Annotation

MODEL, BASE = "secret-model", "secret-base"
HOSTILE = '"><img src=x onerror=alert(1)> ![x](http://evil.example/x.png)'


@pytest.fixture
def library(bench: Workspace) -> Library:
    found = small_library(bench)
    bench.add_questions([HOSTILE, "Second?", "Third?"])
    for name in (MODEL, BASE):
        answers = [
            {"question_id": f"q{i}", "choices": [{"turns": [{"content": text}]}]}
            | {"conv_metadata": style(777, 1)}
            for i, text in enumerate((HOSTILE, f"answer of number {len(name)}", "third"), 1)
        ]
        bench.write(bench.data / "model_answer" / f"{name}.jsonl", answers)
    fields = {"model": MODEL, "baseline": BASE}
    add_judgments(bench, [judgment(f"q{i}", "A>B", "B>>A") | fields for i in (1, 2, 3)])
    return found


@pytest.fixture
def tab(library: Library) -> Iterator[Annotation]:
    votes = Votes(library.bench, "anna")
    yield Annotation(votes)
    votes.close()


def page(tab: Annotation, library: Library, **query: str) -> str:
    return tab(library, {"tab": "annotate", **query}).parts["shown"]


def vote(
    tab: Annotation, library: Library, position: str = "", label: str = "A>B"
) -> dict[str, str]:
    token = re.search('name="pair" value="([0-9a-f]{16})"', page(tab, library, position=position))
    assert token
    return tab.vote(library, {"pair": token[1], "label": label})


def test_nothing_tells_which_model_an_answer_is_of(tab: Annotation, library: Library) -> None:
    for position in ("1", "2", "3"):
        view = tab(library, {"tab": "annotate", "position": position})
        shown = view.parts["shown"]
        for word in ("secret", "baseline", "777", "tokens", "strong", "loss", "A&gt;B<"):
            assert word not in shown
            assert word not in view.announcement + str(view.query)
        assert shown.count('class="side"') == 2


def test_texts_cannot_run_or_load(tab: Annotation, library: Library) -> None:
    pages = "".join(page(tab, library, position=position) for position in ("1", "2", "3"))
    assert pages.count("&lt;img src=x onerror=alert(1)&gt;") == 3
    assert "<img" not in pages


def test_a_vote_leads_to_the_next_pair_and_is_counted(tab: Annotation, library: Library) -> None:
    assert "Pair <b>1</b> of 3" in page(tab, library) and "0 labelled" in page(tab, library)
    assert vote(tab, library) == {"tab": "annotate", "judge": "j", "position": "2"}
    assert "Pair <b>2</b> of 3" in page(tab, library) and "1 labelled" in page(tab, library)
    assert vote(tab, library, position="3")["position"] == "2"
    assert vote(tab, library, position="2")["position"] == "2"
    done = page(tab, library)
    assert "All pairs of this list have a label." in done and "3 labelled" in done
    assert 'data-post="vote"' not in done
    assert tab.undo(library, {})["position"] == "2"
    assert tab.undo(library, {})["position"] == "3"
    assert "1 labelled" in page(tab, library)


def test_a_skipped_pair_comes_again_at_the_end(tab: Annotation, library: Library) -> None:
    skips = []
    position = "1"
    for _ in range(3):
        link = re.search(
            r'href="([^"]*position=(\d))[^"]*"[^>]*data-key="s"',
            page(tab, library, position=position),
        )
        assert link
        skips.append(position := link[2])
    assert skips == ["2", "3", "1"]


def test_names_and_verdicts_are_shown_after_the_vote_alone(
    tab: Annotation, library: Library
) -> None:
    query = {"position": "2", "names": "1"}
    early = tab(library, {"tab": "annotate", **query})
    assert "secret" not in early.parts["shown"] and "names" not in early.query
    vote(tab, library, position="2")
    shown = page(tab, library, **query)
    assert MODEL in shown and BASE in shown and "human-anna" in shown
    assert "secret" not in page(tab, library, position="2")
    assert "Show its names and verdicts" in page(tab, library, position="3")


def test_a_pair_whose_answer_is_missing_has_no_labels(
    bench: Workspace, tab: Annotation, library: Library
) -> None:
    (bench.data / "model_answer" / f"{MODEL}.jsonl").unlink()
    shown = page(tab, library)
    assert "This answer is missing" in shown and str(bench.root) not in shown
    assert 'data-post="vote"' not in shown and ">Skip<" in shown
    lost = {"question_id": "q1", "choices": [{"turns": [{"content": ""}]}]}
    lost |= {"conv_metadata": style(9, 1)}
    bench.write(bench.data / "model_answer" / f"{MODEL}.jsonl", [lost])
    views = [page(tab, library, position=position) for position in ("1", "2", "3")]
    assert not any('data-post="vote"' in view for view in views)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pair": "0" * 16, "label": "A>B"}, "not in the list"),
        ({"label": "A>B"}, "not in the list"),
        ({"judge": "nobody", "pair": "../../x", "label": "A>B"}, "not in the list"),
    ],
)
def test_unknown_pairs_are_refused(
    bench: Workspace, tab: Annotation, library: Library, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        tab.vote(library, fields)
    with pytest.raises(InputError, match="no vote to undo"):
        tab.undo(library, fields)
    assert not (bench.data / "model_judgment/human-anna").exists()


def test_a_drawn_name_cannot_lead_out_of_the_folder(
    bench: Workspace, tab: Annotation, library: Library
) -> None:
    drawn = {"question_id": "q1", "model": "../../../evil", "baseline": BASE, "judge": "j"}
    bench.write(bench.data / "label_draws" / "human-anna.jsonl", [drawn | {"seed": 1}])
    shown = page(tab, library)
    assert 'data-post="vote"' not in shown and "../evil" not in shown
    (pair,) = tab.listed(library, {}).pairs
    with pytest.raises(InputError, match="An answer of this pair is missing"):
        tab.vote(library, {"pair": pair.token("human-anna"), "label": "A>B"})
    with pytest.raises(InputError, match="not a name that a file can have"):
        tab.votes.add(library.questions["q1"], pair, "A>B")
    assert not list(bench.root.rglob("*evil*"))


@pytest.mark.parametrize("position", ["0", "-1", "4", "9" * 30, "x", "٣", ""])
def test_a_place_that_is_not_there_is_the_first_pair(
    tab: Annotation, library: Library, position: str
) -> None:
    assert tab(library, {"tab": "annotate", "position": position}).query["position"] == "1"


def test_a_list_that_cannot_be_read_or_is_empty_says_so(
    bench: Workspace, tab: Annotation, library: Library
) -> None:
    bench.write(bench.data / "label_draws" / "human-anna.jsonl", "{}\n{}\n")
    assert "not a draw" in page(tab, library)
    bench.write(bench.data / "label_draws" / "human-anna.jsonl", "")
    assert "There is no pair to label here." in page(tab, library)
