"""What models wrote, as HTML that runs and loads nothing: Markdown, code, LaTeX, any script.

A tag in the text stays text. LaTeX is left between private delimiters for the page's KaTeX.
"""

from __future__ import annotations

import bisect
import functools
import html
import re
import time
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

Tokens = Sequence[Token]

INLINE_MATH, DISPLAY_MATH = ("\ue000", "\ue001"), ("\ue002", "\ue003")
LONGEST = 200_000  # characters. A longer text is shown as it was written.

_PRIVATE = str.maketrans(dict.fromkeys("".join(INLINE_MATH + DISPLAY_MATH), "\ufffd"))


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
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=SafeRenderer)
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.inline.ruler.before("escape", "math", _math_inline)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.core.ruler.push("directions", _set_directions)
    return parser


LONGEST_CODE = 20_000  # characters of a block of code. A longer one has no colours.
COLOURING = 0.5  # seconds of CPU for the code of a text. The rest has no colours.


class SafeRenderer(RendererHTML):
    """The HTML of code, formulas, images and links. A method renders the tokens of its name."""

    def fence(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return code with a class for each kind of token, or plain if the language is unknown."""
        from pygments import format as formatted
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import get_lexer_by_name
        from pygments.util import ClassNotFound

        code = tokens[idx].content
        language = unescapeAll(tokens[idx].info).strip().partition(" ")[0].lower()
        start, seconds = time.thread_time(), env.get("colouring", COLOURING)
        parts = []
        try:
            if len(code) > LONGEST_CODE:
                raise TimeoutError
            for part in get_lexer_by_name(language, stripnl=False).get_tokens(code):
                # Lexers take minutes for some texts.
                if time.thread_time() > start + seconds:
                    raise TimeoutError
                parts.append(part)
            inner = str(formatted(parts, HtmlFormatter(nowrap=True)))
        except (ClassNotFound, TimeoutError):
            inner = html.escape(code)
        env["colouring"] = seconds - (time.thread_time() - start)
        return f'<pre class="code" dir="ltr"><code>{inner}</code></pre>\n'

    def math(self, tokens: Tokens, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Return a formula between the delimiters of the page's KaTeX."""
        token = tokens[idx]
        left, right = DISPLAY_MATH if token.meta["display"] else INLINE_MATH
        formula = f'<span class="math" dir="ltr">{left}{html.escape(token.content)}{right}</span>'
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


# LaTeX

LONGEST_FORMULA = 5_000  # characters
_ENDS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_START = re.compile(r"\$\$|\\[\[(]|\\begin\{(?:equation|align|gather|multline|alignat)\*?\}")
# A dollar opens before a visible character and closes after one, not before a letter or a digit.
_DOLLARS = re.compile(r"\$(?![\s$])((?:\\.|[^$\\\n]){1,1000}?)(?<!\s)\$(?![\w$])")
_ESCAPES = re.compile(r"\\.", re.DOTALL)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_BLOCK_REST = re.compile(r"[.,;:]?[ \t]*$", re.MULTILINE)  # what may follow a block on its line


class Formula(NamedTuple):
    """A formula as a text has it: an opening mark, the content, and the closing mark."""

    opener: str
    content: str
    closer: str

    @classmethod
    def at(cls, source: str, start: int, end: int) -> Formula | None:
        """Return the formula that starts at a place, and is closed before the end."""
        if dollars := _DOLLARS.match(source, start, end):
            return cls("$", dollars[1], "$")
        opener = _START.match(source, start, end)
        if opener is None:
            return None
        closer = _ENDS.get(opener[0], opener[0].replace("begin", "end"))
        begin = opener.end()
        close = source.find(closer, begin, min(end, begin + LONGEST_FORMULA))
        formula = cls(opener[0], source[begin : max(close, begin)], closer)
        return formula if formula.content.strip() else None

    @property
    def display(self) -> bool:
        """Whether it stands in a line of its own."""
        return self.opener not in ("$", r"\(")

    @property
    def tex(self) -> str:
        """The text for KaTeX, which knows environments by their marks."""
        return self.content if self.opener in ("$", *_ENDS) else "".join(self)


def _is_whole(tex: str) -> bool:
    """Whether KaTeX finds the end of a formula: it looks for one outside all braces."""
    depth = 0
    for mark in _BRACES.findall(tex):
        depth += {"{": 1, "}": -1}.get(mark, 0)
    return depth <= 0 and not _ESCAPES.sub("", tex).endswith("\\")


def _math_inline(state: StateInline, silent: bool) -> bool:
    formula = Formula.at(state.src, state.pos, state.posMax)
    if formula is None:
        return False
    source = "".join(formula)
    if not silent:
        whole = _is_whole(formula.tex)
        token = state.push("math" if whole else "text", "", 0)
        token.content = formula.tex if whole else source
        token.meta = {"display": formula.display}
    state.pos += len(source)
    return True


def _math_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take lines from `$$`, `\\[` or `\\begin{...}` to their end, whatever Markdown is in them.

    If text follows the end on its line, this is a paragraph with a formula in it.
    """
    begin = state.bMarks[first] + state.tShift[first]
    formula = Formula.at(state.src, begin, state.eMarks[end - 1])
    if formula is None or not formula.display or not _is_whole(formula.content):
        return False
    close = begin + len(formula.opener + formula.content)
    if not _BLOCK_REST.match(state.src, close + len(formula.closer)):
        return False
    if silent and _formula_is_open(state, begin):
        return False
    last = bisect.bisect_left(state.eMarks, close, first)
    for line in range(first + 1, last + 1):
        text = state.bMarks[line] + state.tShift[line]
        ends_item = state.sCount[line] < state.blkIndent
        starts_block = text < close and state.src.startswith(("```", "~~~", formula.opener), text)
        if ends_item or starts_block or state.isEmpty(line):
            return False
    if not silent:
        lines = state.getLines(first, last + 1, state.sCount[first], keepLastLF=False).strip()
        token = state.push("math", "", 0)
        token.block = True
        token.content = lines
        if formula.opener in _ENDS:
            token.content = "".join(lines[len(formula.opener) :].rsplit(formula.closer, 1))
        token.meta = {"display": True}
        state.line = last + 1
    return True


def _formula_is_open(state: StateBlock, begin: int) -> bool:
    """Whether the paragraph that a block would end has a formula open."""
    opened = state.bMarks[state.line]
    if begin - opened > LONGEST_FORMULA:
        return False
    text = state.src[opened:begin]
    return text.count("$$") % 2 == 1 or text.rfind(r"\[") > text.rfind(r"\]")


# Emphasis and directions

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Tokenize emphasis. Next to East Asian text a mark also opens or closes beside punctuation.

    CommonMark takes `**word(gloss)**` for text if a letter follows at once, as Korean particles do.
    """
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
    """Give each block the direction of its own text, and blocks around others that of the first
    text in them, since `auto` does not look into them.
    """
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
