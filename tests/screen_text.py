"""HTML of the page as a reader sees it."""

from __future__ import annotations

import re
import urllib.parse
from html.parser import HTMLParser


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def text_of(page: str) -> str:
    """The text of some HTML, as a reader sees it."""
    parser = Text()
    parser.feed(page)
    return " ".join(parser.words.split())


def query_in(address_html: str) -> dict[str, str]:
    href = re.search(r'href="([^"]*tab=judgments[^"]*)"', address_html)
    assert href
    address = href[1].replace("&amp;", "&")
    return dict(urllib.parse.parse_qsl(address.removeprefix("?")))
