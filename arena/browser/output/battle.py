"""One battle as a page in one file, which runs and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from arena.browser.html.judgment_page import Look
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import judgment_view
from arena.browser.library import Library
from arena.browser.site.battles import battle_section, without_paths
from arena.browser.site.pages import shell


def battle_page(
    library: Library,
    entry: ListedJudgment,
    second: ListedJudgment | None = None,
    direct: Sequence[ListedJudgment] = (),
) -> bytes:
    """Return a battle as a page. `second`, `direct`: that of a second model on the same question,
    and those of the two against each other. Raises InputError if a record is gone.
    """
    view = without_paths(judgment_view(library, entry))
    other = without_paths(judgment_view(library, second)) if second else None
    alone = Look(address=lambda other, game: "", alone=True, beside=other, direct=direct)
    return shell(battle_section(view, alone), [], library.bench.name)
