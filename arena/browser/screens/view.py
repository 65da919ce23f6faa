"""A view of the page: the result of a tab for the query of an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arena.browser.html.controls import Query
from arena.browser.library import Library


@dataclass(frozen=True)
class View:
    """The content of the page for a query.

    `query`: the same view in full, without what does not exist: the page's address. `parts`: HTML
    by the id of the element that it fills, in order. `announcement`: a sentence for screen readers.
    """

    query: Query
    parts: Mapping[str, str]
    announcement: str


Tab = Callable[[Library, Query], View]
