"""Rules of markdown-it that keep LaTeX as it was written."""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

LONGEST_FORMULA = 5_000  # characters
_ENDS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_START = re.compile(r"\$\$|\\[\[(]|\\begin\{(?:equation|align|gather|multline|alignat)\*?\}")
# Letters that stand directly behind a formula: Hangul, kana, Han, and others without capitals.
_ATTACHED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u3005-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af"
)
# A dollar opens before a visible character and closes after one, not before a letter or a digit
# that may belong to a price.
_DOLLARS = re.compile(
    rf"\$(?![\s$])((?:\\.|[^$\\\n]){{1,1000}}?)(?<!\s)\$(?:(?=[{_ATTACHED}])|(?![\w$]))"
)
# Such letters outside of braces are prose, as between two prices.
_PROSE = re.compile(rf"[{_ATTACHED}](?![^{{}}]*\}})")
_MARKS = re.compile(r"\\.|[{}\\]", re.DOTALL)  # escapes, braces, and a backslash at the end
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
            before_letter = re.match(r"\w", source[dollars.end() : dollars.end() + 1])
            prose = before_letter and _PROSE.search(dollars[1])
            return None if prose else cls("$", dollars[1], "$")
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
        """The text to convert. An environment keeps its marks."""
        return self.content if self.opener in ("$", *_ENDS) else "".join(self)


def _is_whole(tex: str) -> bool:
    """Whether a formula ends outside all braces."""
    marks = _MARKS.findall(tex)
    return marks.count("{") <= marks.count("}") and marks[-1:] != ["\\"]


def math_inline(state: StateInline, silent: bool) -> bool:
    """Take a formula within a line."""
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


def math_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take lines from `$$`, `\\[` or `\\begin{...}` to their end, unless text follows there."""
    begin = state.bMarks[first] + state.tShift[first]
    formula = Formula.at(state.src, begin, state.eMarks[end - 1])
    if formula is None or not formula.display or not _is_whole(formula.content):
        return False
    close = begin + len(formula.opener + formula.content)
    if not _BLOCK_REST.match(state.src, close + len(formula.closer)):
        return False
    opened = state.bMarks[state.line]
    if silent and begin - opened <= LONGEST_FORMULA:
        # These lines may be within a formula that the paragraph before has open.
        before = state.src[opened:begin]
        if before.count("$$") % 2 == 1 or before.rfind(r"\[") > before.rfind(r"\]"):
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
