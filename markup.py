"""What models wrote, as HTML that runs and loads nothing: Markdown, code, LaTeX, any script.

A tag in the text stays text. LaTeX is left between private delimiters for the page's KaTeX.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

INLINE_MATH, DISPLAY_MATH = ("\ue000", "\ue001"), ("\ue002", "\ue003")
LONGEST = 200_000  # characters; what is longer is shown as it was written

_PRIVATE = str.maketrans(dict.fromkeys("".join(INLINE_MATH + DISPLAY_MATH), "\ufffd"))
_DIRECTED = {"p", "li", "ul", "ol", "blockquote", "table", "td", "th", *(f"h{i}" for i in range(7))}


def rendered(text: str) -> str:
    """Return text as HTML in one line, its Markdown, code and LaTeX rendered."""
    if len(text) > LONGEST:
        return verbatim(text)
    return in_one_line(str(_parser().render(clean(text))))


def verbatim(text: str) -> str:
    """Return text as HTML in one line that shows it as it was written."""
    return in_one_line(f'<pre class="verbatim" dir="auto">{plain(text)}</pre>')


def plain(text: str) -> str:
    """Return text as it stands between tags or in an attribute."""
    return html.escape(clean(text))


def clean(text: str) -> str:
    """Replace what has no place in a page: lone surrogates, and our own delimiters."""
    return text.encode("utf-8", "replace").decode().translate(_PRIVATE)


def in_one_line(page: str) -> str:
    """Return HTML without newlines, which would end a block of HTML inside Markdown, and without
    the marks by which Gradio holds the place of a formula.
    """
    return page.replace("\r", "").replace("\n", "&#10;").replace("%%%", "%%&#37;")


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _highlighted})
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.inline.ruler.before("escape", "math", _math_inline)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.core.ruler.push("directions", _set_directions)
    parser.add_render_rule("math", _render_math)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("link_open", _render_link)
    return parser


# Code


def _highlighted(code: str, language: str, _: str) -> str:
    """Return a block of code with a class for each kind of token; plain if the language is not
    known.
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language.lower(), stripnl=False)
        inner = highlight(code, lexer, HtmlFormatter(nowrap=True))
    except ClassNotFound:
        inner = html.escape(code)
    return f'<pre class="code" dir="ltr"><code>{inner}</code></pre>'


# LaTeX

# A dollar opens before a visible character and closes after one, not before a letter or a digit.
_MATH = re.compile(
    r"\$\$(?P<display>.{1,5000}?)\$\$|\\\[(?P<bracket>.{1,5000}?)\\\]|\\\((?P<paren>.{1,5000}?)\\\)"
    r"|\$(?![\s$])(?P<dollar>(?:\\.|[^$\\\n]){1,1000}?)(?<!\s)\$(?![\w$])",
    re.DOTALL,
)
_MATH_BLOCK = re.compile(
    r"(?:\$\$(?P<dollars>.{1,5000}?)\$\$|\\\[(?P<bracket>.{1,5000}?)\\\]|(?P<environment>"
    r"\\begin\{(?P<name>(?:equation|align|gather|multline|alignat)\*?)\}.{1,5000}?"
    r"\\end\{(?P=name)\}))[ \t]*$",
    re.DOTALL | re.MULTILINE,
)


def _math_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    match = _MATH.match(state.src, state.pos, state.posMax)
    if not match:
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content = match[match.lastgroup or 0]
        token.meta = {"display": match.lastgroup in ("display", "bracket")}
    state.pos = match.end()
    return True


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Take lines from `$$`, `\\[` or `\\begin{...}` to their end, whatever Markdown they hold."""
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith(("$$", "\\[", "\\begin{"), begin):
        return False
    match = _MATH_BLOCK.match(state.src, begin, state.eMarks[end - 1])
    if not match:
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.block = True
        token.content = match["dollars"] or match["bracket"] or match["environment"]
        token.meta = {"display": True}
        state.line = start + 1 + state.src.count("\n", begin, match.end())
    return True


def _render_math(
    _: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    __: OptionsDict,
    ___: MutableMapping[str, Any],
) -> str:
    token = tokens[at]
    left, right = DISPLAY_MATH if token.meta["display"] else INLINE_MATH
    formula = f'<span class="math" dir="ltr">{left}{html.escape(token.content)}{right}</span>'
    return f"<p>{formula}</p>" if token.block else formula


# Emphasis, directions, images, links

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Tokenize emphasis; next to East Asian text a mark also opens or closes beside punctuation.

    CommonMark takes `**word(gloss)**` for text where a letter follows at once, as Korean particles
    do.
    """
    source, pos = state.src, state.pos
    if silent or source[pos] != "*":
        return tokenize_emphasis(state, silent)
    scanned = state.scanDelims(pos, True)
    last = source[pos - 1] if pos else " "
    after = pos + scanned.length
    following = source[after] if after < state.posMax else " "
    can_open = scanned.can_open or (bool(_WIDE.match(last)) and not _is_space(following))
    can_close = scanned.can_close or (bool(_WIDE.match(following)) and _is_punctuation(last))
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = "*"
        state.delimiters.append(
            Delimiter(
                marker=ord("*"),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos += scanned.length
    return True


def _is_space(character: str) -> bool:
    return isWhiteSpace(ord(character))


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _set_directions(state: StateCore) -> None:
    """Let each block take its direction from its own text."""
    for token in state.tokens:
        if token.nesting == 1 and token.tag in _DIRECTED:
            token.attrSet("dir", "auto")


def _render_image(
    _: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    __: OptionsDict,
    ___: MutableMapping[str, Any],
) -> str:
    """Return an image as its words and address: nothing is loaded."""
    token = tokens[at]
    words = " ".join(filter(None, ("image", token.content and f"“{token.content}”")))
    return (
        f'<span class="image">[{html.escape(words)}: {html.escape(str(token.attrs["src"]))}]</span>'
    )


def _render_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,
    _: MutableMapping[str, Any],
) -> str:
    """Return a link that tells where it leads, and nobody where it was followed from."""
    token = tokens[at]
    token.attrSet("title", str(token.attrs.get("href", "")))
    token.attrSet("target", "_blank")
    token.attrSet("rel", "noopener noreferrer nofollow")
    return str(renderer.renderToken(tokens, at, options, {}))
