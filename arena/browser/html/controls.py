"""The choices of a view as native fields and links: every view is the query of an address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlencode

from arena.browser.html.markdown import plain

Query = dict[str, str]


def filled(query: Query) -> Query:
    """Return a query without its empty values, as an address has it."""
    return {name: value for name, value in query.items() if value}


def without(query: Query, *names: str) -> Query:
    """Return a query without some of its values."""
    return {name: value for name, value in query.items() if name not in names}


def whole_number(text: str) -> int | None:
    """Return the whole number that a value of a query is, None if it is none."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text, re.ASCII) else None


def link(query: Query) -> str:
    """Return the address of a view, relative to the page."""
    return "?" + urlencode(filled(query), errors="replace")


def view_link(
    query: Query, words: str, *, title: str = "", style: str = "", state: str = ""
) -> str:
    """Return a link that opens a view in the page. `words` is HTML. `state`: further attributes."""
    about = f' title="{plain(title)}"' if title else ""
    classes = f' class="{style}"' if style else ""
    return f'<a href="{plain(link(query))}"{classes}{about}{state and f" {state}"}>{words}</a>'


def choices_form(fields: Iterable[str], others: Query) -> str:
    """Return a form whose values are the next view, as soon as one is changed.

    `others`: the values of the view that no field has.
    """
    return f'<form class="filters">{hidden(others)}{"".join(fields)}</form>'


def hidden(query: Query) -> str:
    """Return fields that a form has and does not show."""
    field = '<input type="hidden" name="{}" value="{}">'
    return "".join(field.format(name, plain(value)) for name, value in filled(query).items())


def select(
    name: str,
    label: str,
    choices: Iterable[str | tuple[str, str]],
    chosen: str,
    *,
    nothing: str = "",
    is_filter: bool = True,
) -> str:
    """Return a field to choose one of several values, which are names, or names with words.

    `nothing`: the words of no choice, "" if one must be chosen. `is_filter`: a choice is marked.
    """
    pairs = [("", nothing)] if nothing else []
    pairs += [(one, one) if isinstance(one, str) else one for one in choices]
    options = "".join(
        f'<option value="{plain(value)}"{" selected" if value == chosen else ""}>'
        f"{plain(words)}</option>"
        for value, words in pairs
    )
    style = ' class="set"' if chosen and nothing and is_filter else ""
    field = f'<select id="field-{name}" name="{name}"{style}>{options}</select>'
    return labelled(name, label, field)


def labelled(name: str, label: str, field: str) -> str:
    """Return a field below its label."""
    return f'<span class="field"><label for="field-{name}">{plain(label)}</label>{field}</span>'


def switch(name: str, label: str, *, on: bool, value: str = "1") -> str:
    """Return a field that is on or off. Several of one name add their values up."""
    checked = " checked" if on else ""
    field = f'<input type="checkbox" name="{name}" value="{plain(value)}"{checked}>'
    return f'<label class="switch">{field}<span>{plain(label)}</span></label>'


def search(name: str, label: str, text: str, hint: str) -> str:
    """Return a field for words, which are sought when Enter is pressed or the field is left."""
    style = ' class="set"' if text else ""
    about = f'value="{plain(text)}" placeholder="{hint}"{style}'
    return labelled(name, label, f'<input type="search" id="field-{name}" name="{name}" {about}>')
