"""Formulas as MathML that has no other elements, attributes or addresses."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

ELEMENTS = re.compile(
    "math|merror|mfrac|mi|mmultiscripts|mn|mo|mover|mpadded|mphantom|mprescripts|mroot|"
    "mrow|ms|mspace|msqrt|mstyle|msub|msubsup|msup|mtable|mtd|mtext|mtr|munder|munderover|none"
)
ATTRIBUTES = re.compile(
    "accent|accentunder|data-lines|column(align|spacing|span)|depth|display|displaystyle|fence|form|"
    "height|largeop|linethickness|lspace|mathcolor|mathsize|mathvariant|maxsize|minsize|"
    "movablelimits|notation|rowspacing|rspace|scriptlevel|separator|stretchy|symmetric|"
    "voffset|width"
)
VALUE = re.compile(r"[\w#.+\-% ]*")
# Distances by which a formula could be painted over texts that are not its own.
DISTANCES = ("depth", "height", "lspace", "rspace", "voffset", "width")
FARTHEST = 2.0  # em: a \qquad
DISTANCE = re.compile(r"([+-]?[\d.]+)\s*([a-z%]*)")
EMS = {"em": 1.0, "ex": 0.5, "pt": 0.1, "px": 0.1, "mu": 0.06}
COMMAND = re.compile(r"\\[A-Za-z]+")
ESCAPED = re.compile(r"\\([%&#$_{}])")  # in \text{...}
MARKS = {False: "$", True: "$$"}

# Environments that the package takes for plain braces, by those which it reads and look so.
INSTEAD = {
    **dict.fromkeys(
        ("aligned", "alignat", "alignat*", "alignedat", "eqnarray", "eqnarray*"), "align*"
    ),
    **dict.fromkeys(("gather", "gather*", "gathered", "multline", "multline*"), "matrix"),
    "dcases": "cases",
    "darray": "array",
}
READ = re.compile(r"equation\*?|align\*?|split|cases|array|smallmatrix|[pbBvV]?matrix")
ENVIRONMENT = re.compile(
    r"\\(begin|end)\s*\{([^{}]*)\}(?:(?<=at\})\{\d+\}|(?<=at\*\})\{\d+\}|\[[tcb]\])?"
)
ROW_END = re.compile(r"(\\\\)\s*\[-?[\d.]+\s*[a-z]{2}\]")  # with a distance to the next row

# Browsers draw no lines of MathML's tables, and the package mixes inner with outer ones. So marks
# stand for them in the first cell of a row, until the style sheet's attributes take their place.
HLINE = re.compile(r"\\h(?:dash)?line(?![A-Za-z])")
ARRAY = re.compile(r"(\\begin\{array\})\s*\{([lcr|:\s]*[|:][lcr|:\s]*)\}")
ABOVE, BARS = "\ue010", "\ue011"


def mathml(tex: str, display: bool) -> str:
    """Return a formula as MathML, or as its source if a part of it cannot be read."""
    try:
        readable = re.sub(f"[{ABOVE}{BARS}]", "", tex)
        readable = ENVIRONMENT.sub(environment_mark, ROW_END.sub(r"\1", readable))
        readable = ARRAY.sub(bar_marks, HLINE.sub(rf"\\text{{{ABOVE}}}", readable))
        root = convert_to_element(readable, display="block" if display else "inline")
        if root.find(".//mspace[@linebreak]") is not None:  # which browsers ignore
            lines = rf"\begin{{matrix}}{readable}\end{{matrix}}"
            root = convert_to_element(lines, display="block" if display else "inline")
        for table in root.iter("mtable"):
            draw_lines(table)
        return markup(root)
    except Exception:  # the package raises IndexError, KeyError and others for what it cannot read
        return f"<code>{html.escape(MARKS[display] + tex + MARKS[display])}</code>"


def environment_mark(mark: re.Match[str]) -> str:
    """Return the begin or end of an environment that the package reads. Raises ValueError for one
    that it does not know: it would lose the columns and rows without a word.
    """
    name = INSTEAD.get(mark[2], mark[2])
    if not READ.fullmatch(name):
        raise ValueError(name)
    return rf"\{mark[1]}{{{name}}}"


def bar_marks(array: re.Match[str]) -> str:
    """Return the begin of an array without bars, and a mark of the columns that have one before."""
    columns, bars = "", list[str]()
    for sign in array[2].replace(" ", ""):
        if sign in "|:":
            bars.append(str(len(columns)))
        else:
            columns += sign
    return rf"{array[1]}{{{columns}}}\text{{{BARS}{','.join(bars)}}}"


def draw_lines(table: Element) -> None:
    """Give the cells of a table their lines in place of marks. A last row of marks has no cells."""
    bars, above, cells = set[int](), dict[int, set[str]](), dict[int, list[Element]]()
    for number, row in enumerate(table.findall("mtr")):
        cells[number], above[number] = row.findall("mtd"), set()
        for mark in list(cells[number][0]):
            if mark.tag != "mtext" or not (mark.text or "").startswith((ABOVE, BARS)):
                break
            cells[number][0].remove(mark)
            above[number] |= {"top"} if mark.text == ABOVE else set()
            bars |= set(map(int, filter(None, (mark.text or "").lstrip(ABOVE + BARS).split(","))))
    *_, (last, ending) = cells.items()
    if above[last] and len(ending) == 1 and not len(ending[0]) and last:
        table.remove(table.findall("mtr")[-1])
        del cells[last]
        above[last - 1].add("bottom")
    for number, row_cells in cells.items():
        for place, cell in enumerate(row_cells):
            lines = above[number] | ({"left"} if place in bars else set())
            lines |= {"right"} if place + 1 in bars and place + 1 == len(row_cells) else set()
            if lines:
                cell.set("data-lines", " ".join(sorted(lines)))


def markup(element: Element) -> str:
    """Return an element as text. Raises ValueError for elements and commands that are not known.

    The package's own text would let tags of a formula through: it unescapes all of it at its end.
    """
    text = html.unescape(ESCAPED.sub(r"\1", element.text or ""))
    unread = COMMAND.match(text) or "linebreak" in element.attrib or text.startswith((ABOVE, BARS))
    # A bare & that is left is one outside of all columns.
    unread = unread or (element.tag in ("mi", "mo") and element.text == "&")
    if unread or not ELEMENTS.fullmatch(element.tag):
        raise ValueError(element.tag, text)
    for distance in filter(None, map(element.attrib.get, DISTANCES)):
        number = DISTANCE.fullmatch(distance)
        if number and abs(float(number[1])) * EMS.get(number[2], 3.0) > FARTHEST:
            raise ValueError(distance)
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if ATTRIBUTES.fullmatch(name) and VALUE.fullmatch(value)
    )
    inner = html.escape(text) + "".join(map(markup, element))
    return f"<{element.tag}{attributes}>{inner}</{element.tag}>"
