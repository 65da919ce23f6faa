"""The texts of models as HTML that runs and loads nothing: Markdown, code, LaTeX, any script.

A tag in the text stays text.
"""

from __future__ import annotations

import html
import math
import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from arena.browser.html.code import coloured
from arena.browser.html.formulas import math_block, math_inline
from arena.browser.html.mathml import mathml

Tokens = Sequence[Token]

LONGEST = 200_000  # characters. A longer text is shown as it was written.

COLOURING = 0.5  # seconds of CPU for the code of a text. The rest has no colours.


@dataclass(frozen=True)
class Rendering:
    """The limits of the code in a text that has colours, in seconds of CPU and in characters.

    Without a limit of seconds the same text gives the same HTML on any machine.
    """

    seconds: float = COLOURING
    characters: float = math.inf


def rendered(text: str, rendering: Rendering | None = None) -> str:
    """Return text as HTML, its Markdown, code and LaTeX rendered."""
    if len(text) > LONGEST:
        return verbatim(text)
    limits = dict(vars(rendering or Rendering()))
    return str(_PARSER.render(clean(text), limits))


def verbatim(text: str) -> str:
    """Return text as HTML that shows it as it was written."""
    # The parser of HTML leaves out a newline at the start.
    return f'<pre class="verbatim" dir="auto">\n{plain(text)}</pre>'


def plain(text: str) -> str:
    """Return text as it stands between tags or in an attribute."""
    return html.escape(clean(text))


def clean(text: str) -> str:
    """Replace characters without a place in a page: lone surrogates."""
    return text.encode("utf-8", "replace").decode()


class SafeRenderer(RendererHTML):
    """The HTML of code, formulas, images and links. A method renders the tokens of its name."""

    def fence(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return code with a class for each kind of token, as far as the limits of a text go."""
        code = tokens[idx].content
        language = unescapeAll(tokens[idx].info).strip().partition(" ")[0].lower()
        start, inner = time.thread_time(), html.escape(code)
        if len(code) <= env["characters"]:
            env["characters"] -= len(code)
            inner = coloured(code, language, env["seconds"])
        env["seconds"] -= time.thread_time() - start
        return f'<pre class="code" dir="ltr"><code>{inner}</code></pre>\n'

    def math(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return a formula as MathML."""
        token = tokens[idx]
        inner = mathml(token.content, token.meta["display"])
        formula = f'<span class="math" dir="ltr">{inner}</span>'
        return f"<p>{formula}</p>" if token.block else formula

    def image(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return an image as its words and address: nothing is loaded."""
        token = tokens[idx]
        words = html.escape(f"image “{token.content}”" if token.content else "image")
        return f'<span class="image">[{words}: {html.escape(str(token.attrs["src"]))}]</span>'

    def link_open(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return a link that shows where it leads, and hides where it was followed from."""
        token = tokens[idx]
        href = token.attrs.get("href", "")
        token.attrs |= {"title": href, "target": "_blank", "rel": "noopener noreferrer nofollow"}
        return str(self.renderToken(tokens, idx, options, env))


_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Tokenize emphasis. Next to East Asian text a mark also opens or closes beside punctuation."""
    # CommonMark takes `**word(gloss)**` for text if a letter follows, as Korean particles do.
    source, start, number = state.src, state.pos, len(state.delimiters)
    if not tokenize_emphasis(state, silent):
        return False
    last = source[start - 1] if start else " "
    following = source[state.pos] if state.pos < state.posMax else " "
    before_text = not isWhiteSpace(ord(following))
    after_punctuation = isMdAsciiPunct(ord(last)) or isPunctChar(last)
    for delimiter in state.delimiters[number:] if source[start] == "*" else ():
        delimiter.open |= bool(_WIDE.match(last)) and before_text
        delimiter.close |= bool(_WIDE.match(following)) and after_punctuation
    return True


_TEXT_BLOCKS = {"p", "td", "th", *(f"h{level}" for level in range(1, 7))}
_AROUND_BLOCKS = {"li", "ul", "ol", "blockquote", "table"}
_DIRECTIONS = {"L": "ltr", "R": "rtl", "AL": "rtl"}  # by the bidirectional class of a letter


def _set_directions(state: StateCore) -> None:
    """Give each block the direction of its text, and blocks around others that of the first."""
    # The browser's `auto` does not look into inner blocks.
    directions: list[str] = []  # of the text that comes next in each of the blocks around
    for token in reversed(state.tokens):
        if token.type == "inline":
            classes = map(unicodedata.bidirectional, token.content)
            letter = next((kind for kind in classes if kind in _DIRECTIONS), None)
            directions = [_DIRECTIONS[letter]] * len(directions) if letter else directions
        elif token.nesting == 1 and token.tag in _TEXT_BLOCKS:
            token.attrSet("dir", "auto")
        elif token.nesting == 1 and token.tag in _AROUND_BLOCKS:
            token.attrSet("dir", directions.pop())
        elif token.nesting == -1 and token.tag in _AROUND_BLOCKS:
            directions.append("auto")


_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=SafeRenderer)
_PARSER.enable(["table", "strikethrough"])
_PARSER.block.ruler.before(
    "fence", "math", math_block, {"alt": ["paragraph", "blockquote", "list"]}
)
_PARSER.inline.ruler.before("escape", "math", math_inline)
_PARSER.inline.ruler.at("emphasis", _emphasis)
_PARSER.core.ruler.push("directions", _set_directions)
