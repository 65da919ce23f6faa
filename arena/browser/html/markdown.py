"""The texts of models as HTML that runs and loads nothing: Markdown, code, LaTeX, any script.

A tag in the text stays text. LaTeX is left between private delimiters for the page's KaTeX, or
becomes what a `Rendering` makes of it.
"""

from __future__ import annotations

import html
import math
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
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

Tokens = Sequence[Token]

INLINE_MATH, DISPLAY_MATH = ("\ue000", "\ue001"), ("\ue002", "\ue003")
LONGEST = 200_000  # characters. A longer text is shown as it was written.

_PRIVATE = str.maketrans(dict.fromkeys("".join(INLINE_MATH + DISPLAY_MATH), "\ufffd"))


COLOURING = 0.5  # seconds of CPU for the code of a text. The rest has no colours.


def for_katex(tex: str, display: bool) -> str:
    """Return a formula between the delimiters of the page's KaTeX."""
    left, right = DISPLAY_MATH if display else INLINE_MATH
    return f"{left}{html.escape(tex)}{right}"


@dataclass(frozen=True)
class Rendering:
    """How a text is rendered: its formulas, from LaTeX and whether it has its own line, and the
    limits of the code in it that has colours, in seconds of CPU and in characters.

    Without a limit of seconds the same text gives the same HTML on any machine.
    """

    formula: Callable[[str, bool], str] = for_katex
    seconds: float = COLOURING
    characters: float = math.inf


def rendered(text: str, rendering: Rendering | None = None) -> str:
    """Return text as HTML in one line, its Markdown, code and LaTeX rendered."""
    if len(text) > LONGEST:
        return verbatim(text)
    limits = dict(vars(rendering or Rendering()))
    return in_one_line(str(_PARSER.render(clean(text), limits)))


def verbatim(text: str) -> str:
    """Return text as HTML in one line that shows it as it was written."""
    return in_one_line(f'<pre class="verbatim" dir="auto">{plain(text)}</pre>')


def plain(text: str) -> str:
    """Return text as it stands between tags or in an attribute."""
    return html.escape(clean(text))


def clean(text: str) -> str:
    """Replace characters without a place in a page: lone surrogates, and our own delimiters."""
    return text.encode("utf-8", "replace").decode().translate(_PRIVATE)


def in_one_line(page: str) -> str:
    """Return HTML that stays whole inside the Markdown of Gradio."""
    # A newline may end a block of HTML, and %%% begins a mark for the place of a formula.
    return page.replace("\r", "").replace("\n", "&#10;").replace("%%%", "%%&#37;")


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
        """Return a formula as the rendering makes it."""
        token = tokens[idx]
        inner = env["formula"](token.content, token.meta["display"])
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
