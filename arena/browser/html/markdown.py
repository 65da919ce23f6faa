"""What models wrote, as HTML that runs and loads nothing: Markdown, code, LaTeX, any script.

A tag in the text stays text. LaTeX is left between private delimiters for the page's KaTeX.
"""

from __future__ import annotations

import functools
import html
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

INLINE_MATH, DISPLAY_MATH = ("\ue000", "\ue001"), ("\ue002", "\ue003")
LONGEST = 200_000  # characters. A longer text is shown as it was written.
LONGEST_CODE = 20_000  # characters of a block of code. A longer one has no colours.
COLOURING = 0.5  # seconds of CPU for the code of a text. The rest has no colours.

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
    """Replace characters without a place in a page: lone surrogates, and our own delimiters."""
    return text.encode("utf-8", "replace").decode().translate(_PRIVATE)


def in_one_line(page: str) -> str:
    """Return HTML without newlines, which would end a block of HTML inside Markdown, and without
    the marks by which Gradio holds the place of a formula.
    """
    return page.replace("\r", "").replace("\n", "&#10;").replace("%%%", "%%&#37;")


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.inline.ruler.before("escape", "math", _math_inline)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.core.ruler.push("directions", _set_directions)
    parser.add_render_rule("fence", _render_fence)
    parser.add_render_rule("math", _render_math)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("link_open", _render_link)
    return parser


# Code


def _render_fence(
    _: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    __: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Return code with a class for each kind of token. It stays plain if the language is unknown,
    or if time is up, since lexers take minutes for some texts.
    """
    from pygments import format as formatted
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    code = tokens[at].content
    language = unescapeAll(tokens[at].info).strip().partition(" ")[0].lower()
    start, seconds = time.thread_time(), env.get("colouring", COLOURING)
    try:
        if len(code) > LONGEST_CODE:
            raise TimeoutError
        parts = get_lexer_by_name(language, stripnl=False).get_tokens(code)
        inner = str(formatted(_until(start + seconds, parts), HtmlFormatter(nowrap=True)))
    except (ClassNotFound, TimeoutError):
        inner = html.escape(code)
    env["colouring"] = seconds - (time.thread_time() - start)
    return f'<pre class="code" dir="ltr"><code>{inner}</code></pre>\n'


def _until(deadline: float, tokens: Iterable[Any]) -> Iterator[Any]:
    for token in tokens:
        if time.thread_time() > deadline:
            raise TimeoutError
        yield token


# LaTeX

LONGEST_FORMULA = 5_000  # characters
_ENDS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_START = re.compile(
    r"\$\$|\\[\[(]|\\begin\{(?P<name>(?:equation|align|gather|multline|alignat)\*?)\}"
)
# A dollar opens before a visible character and closes after one, not before a letter or a digit.
_DOLLARS = re.compile(r"\$(?![\s$])((?:\\.|[^$\\\n]){1,1000}?)(?<!\s)\$(?![\w$])")
_ESCAPES = re.compile(r"\\.", re.DOTALL)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_BLOCK_REST = re.compile(r"[.,;:]?[ \t]*$", re.MULTILINE)  # what may follow a block on its line


def _math_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    if start := _START.match(state.src, state.pos, state.posMax):
        closer, content = _enclosed(state.src, start, state.posMax)
        after, display = start.end() + len(content) + len(closer), start[0] != r"\("
        content = start[0] + content + closer if start["name"] and content else content
    elif dollars := _DOLLARS.match(state.src, state.pos, state.posMax):
        content, after, display = dollars[1], dollars.end(), False
    else:
        return False
    if not content.strip():
        return False
    if not silent:
        whole = _is_whole(content)
        token = state.push("math" if whole else "text", "", 0)
        token.content = content if whole else state.src[state.pos : after]
        token.meta = {"display": display}
    state.pos = after
    return True


def _is_whole(formula: str) -> bool:
    """Tell whether KaTeX finds the end of a formula: it looks for one outside all braces."""
    depth = 0
    for mark in _BRACES.findall(formula):
        depth += {"{": 1, "}": -1}.get(mark, 0)
    return depth <= 0 and not _ESCAPES.sub("", formula).endswith("\\")


def _enclosed(source: str, start: re.Match[str], end: int) -> tuple[str, str]:
    """Return the closing mark of a formula, and the text before the first one, "" without one."""
    closer = f"\\end{{{start['name']}}}" if start["name"] else _ENDS[start[0]]
    close = source.find(closer, start.end(), min(end, start.end() + LONGEST_FORMULA))
    return closer, source[start.end() : max(close, start.end())]


def _math_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take lines from `$$`, `\\[` or `\\begin{...}` to their end, whatever Markdown they hold.

    Where text follows the end on its line, this is a paragraph, with a formula in it.
    """
    begin = state.bMarks[first] + state.tShift[first]
    start = _START.match(state.src, begin, state.eMarks[first])
    if not start or start[0] == r"\(" or (silent and _within_formula(state, begin)):
        return False
    closer, content = _enclosed(state.src, start, state.eMarks[end - 1])
    close = start.end() + len(content)
    if (
        not _is_whole(content)
        or not content.strip()
        or not _BLOCK_REST.match(state.src, close + len(closer))
    ):
        return False
    last = _line_of_end(state, first, close, start[0])
    if last is None:
        return False
    if not silent:
        lines = state.getLines(first, last + 1, state.sCount[first], keepLastLF=False).strip()
        token = state.push("math", "", 0)
        token.block = True
        token.content = lines if start["name"] else "".join(lines[2:].rsplit(closer, 1))
        token.meta = {"display": True}
        state.line = last + 1
    return True


def _within_formula(state: StateBlock, begin: int) -> bool:
    """Tell whether the paragraph that a block would end has a formula open."""
    opened = state.bMarks[state.line]
    if begin - opened > LONGEST_FORMULA:
        return False
    text = state.src[opened:begin]
    return text.count("$$") % 2 == 1 or text.rfind(r"\[") > text.rfind(r"\]")


def _line_of_end(state: StateBlock, first: int, close: int, opener: str) -> int | None:
    """Return the line that holds the end of a formula. None if a blank line, a fence, a formula
    or the end of a list's item comes first.
    """
    line = first
    while state.eMarks[line] < close:
        line += 1
        text = state.bMarks[line] + state.tShift[line]
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return None
        if text < close and state.src.startswith(("```", "~~~", opener), text):
            return None
    return line


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
    """Tokenize emphasis. Next to East Asian text a mark also opens or closes beside punctuation.

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
    before_text = not isWhiteSpace(ord(following))
    after_punctuation = isMdAsciiPunct(ord(last)) or isPunctChar(last)
    can_open = scanned.can_open or (bool(_WIDE.match(last)) and before_text)
    can_close = scanned.can_close or (bool(_WIDE.match(following)) and after_punctuation)
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


_HOLDS_BLOCKS = {"li", "ul", "ol", "blockquote", "table"}
_DIRECTIONS = {"L": "ltr", "R": "rtl", "AL": "rtl"}  # by the bidirectional class of a letter


def _set_directions(state: StateCore) -> None:
    """Give each block the direction of its own text, and blocks around others that of the first
    text in them, since `auto` does not look into them.
    """
    waiting: list[Token] = []
    for token in state.tokens:
        if token.nesting == 1 and token.tag in _DIRECTED:
            token.attrSet("dir", "auto")
            if token.tag in _HOLDS_BLOCKS:
                waiting.append(token)
        elif not waiting:
            continue
        elif token.nesting == -1:
            if (token.tag, token.level) == (waiting[-1].tag, waiting[-1].level):
                waiting.pop()
        elif token.type == "inline":
            kinds = map(unicodedata.bidirectional, token.content)
            letter = next((kind for kind in kinds if kind in _DIRECTIONS), None)
            if letter:
                for block in waiting:
                    block.attrSet("dir", _DIRECTIONS[letter])
                waiting.clear()


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
