"""Formulas as MathML that has no other elements, attributes or addresses."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

ELEMENTS = re.compile(
    "math|menclose|merror|mfrac|mi|mmultiscripts|mn|mo|mover|mpadded|mphantom|mprescripts|mroot|"
    "mrow|ms|mspace|msqrt|mstyle|msub|msubsup|msup|mtable|mtd|mtext|mtr|munder|munderover|none"
)
ATTRIBUTES = re.compile(
    "accent|accentunder|column(align|lines|spacing|span)|depth|display|displaystyle|fence|form|"
    "height|largeop|linebreak|linethickness|lspace|mathcolor|mathsize|mathvariant|maxsize|minsize|"
    "movablelimits|notation|row(lines|spacing)|rspace|scriptlevel|separator|stretchy|symmetric|"
    "voffset|width"
)
VALUE = re.compile(r"[\w#.+\-% ]*")
COMMAND = re.compile(r"\\[A-Za-z]+")
MARKS = {False: "$", True: "$$"}


def mathml(tex: str, display: bool) -> str:
    """Return a formula as MathML, or as its source if a part of it cannot be read."""
    try:
        return markup(convert_to_element(tex, display="block" if display else "inline"))
    except Exception:  # the package raises IndexError, KeyError and others for what it cannot read
        return f"<code>{html.escape(MARKS[display] + tex + MARKS[display])}</code>"


def markup(element: Element) -> str:
    """Return an element as text. Raises ValueError for elements and commands that are not known.

    The package's own text would let tags of a formula through: it unescapes all of it at its end.
    """
    text = html.unescape(element.text or "")
    if not ELEMENTS.fullmatch(element.tag) or COMMAND.match(text):
        raise ValueError(element.tag, text)
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if ATTRIBUTES.fullmatch(name) and VALUE.fullmatch(value)
    )
    inner = html.escape(text) + "".join(map(markup, element))
    return f"<{element.tag}{attributes}>{inner}</{element.tag}>"
