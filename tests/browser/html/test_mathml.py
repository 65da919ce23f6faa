"""Formulas as MathML: what is read, what stays as it was written, and that nothing else gets in."""

from __future__ import annotations

import re
import time
from html import unescape
from xml.etree import ElementTree

import pytest

from arena.browser.html.markdown import Rendering, rendered
from arena.browser.html.mathml import mathml


@pytest.mark.parametrize(
    ("tex", "inner"),
    [
        ("x", "<mi>x</mi>"),
        (r"\frac{a}{2}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mn>2</mn></mrow></mfrac>"),
        ("a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\text{가 & 나}", "<mtext>가\xa0&amp;\xa0나</mtext>"),
    ],
)
def test_a_formula_becomes_mathml(tex: str, inner: str) -> None:
    assert mathml(tex, False) == f'<math display="inline"><mrow>{inner}</mrow></math>'
    assert mathml(tex, True).startswith('<math display="block">')


UNREAD = (  # by the package without a word
    r"\begin{rcases} a & b \\ c & d \end{rcases}",
    r"\begin{pmatrix*} a & b \end{pmatrix*}",
    r"\begin{CD} a & b \end{CD}",
    r"a & b",
    r"a &lt; b",
    r"\hline x",
    r"\begin{array}{cc} a & b \\ \cline{1-1} c & d \end{array}",
)
# What would paint over other texts, and what browsers leave out without a word.
UNSAFE = (
    r"\smash{\raise 21em \text{I won}}",
    r"\raise -12em \text{I won}",
    r"\hspace{-40em}x",
    r"\frac{\cancel{x}y}{\cancel{x}}",
    r"\boxed{x=5}",
)


@pytest.mark.parametrize(
    "tex", [r"\left(x", r"\unknown{x}", "x_", r"\begin{align}a", *UNREAD, *UNSAFE]
)
def test_what_cannot_be_read_stays_as_it_was_written(tex: str) -> None:
    assert unescape(mathml(tex, False)) == f"<code>${tex}$</code>"
    assert unescape(mathml(tex, True)) == f"<code>$${tex}$$</code>"


@pytest.mark.parametrize(
    ("tex", "rows", "columns"),
    [
        (r"\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}", 2, 4),
        (r"\begin{aligned}[t] x &= 1 \\[2pt] y &= 2 \end{aligned}", 2, 4),
        (r"\left\{ \begin{aligned} x &= 1 \\ y &= 2 \end{aligned} \right.", 2, 4),
        (r"\begin{alignat*}{2} x &= 1 \\ y &= 2 \end{alignat*}", 2, 4),
        (r"\begin{gathered} x = 1 \\ y = 2 \\ z = 3 \end{gathered}", 3, 3),
        (r"\begin{dcases} 1 & x > 0 \\ 0 & x \le 0 \end{dcases}", 2, 4),
        (r"\begin{array}{lr} 1 & 2 \end{array}", 1, 2),
        (r"\begin{equation} x = \begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix} \end{equation}", 2, 4),
        (r"a = b \\ c = d", 2, 2),
        (r"\text{R\&D} \& x", 0, 0),
    ],
)
def test_rows_and_columns_of_a_formula_stay(tex: str, rows: int, columns: int) -> None:
    page = mathml(tex, True)
    assert page.startswith("<math") and "\\" not in page
    assert (page.count("<mtr>"), page.count("<mtd")) == (rows, columns)
    assert "2pt" not in page and "[" not in page.replace("<mo>[</mo>", "")


def lines_of(tex: str) -> list[list[str]]:
    """The lines of the cells of a table, row by row."""
    rows = ElementTree.fromstring(mathml(tex, True)).iter("mtr")
    return [[cell.get("data-lines", "") for cell in row.iter("mtd")] for row in rows]


@pytest.mark.parametrize(
    ("tex", "lines"),
    [
        (r"\left[\begin{array}{cc|c} 1 & 2 & 3 \end{array}\right]", [["", "", "left"]]),
        (
            r"\begin{array}{c | c} a & b \\ \hline c & d \end{array}",
            [["", "left"], ["top", "left top"]],
        ),
        (
            r"\begin{array}{|c||c|} \hline a & b \\ \hline\hline c & d \\ \hline \end{array}",
            [["left top", "left right top"], ["bottom left top", "bottom left right top"]],
        ),
        (r"\begin{pmatrix} a \\ \hdashline b \end{pmatrix}", [[""], ["top"]]),
        (r"\begin{array}{c} \hlinex \end{array}", []),
        ("\\begin{array}{cc} \ue010 a & \ue0111b \\end{array}", [["", ""]]),
    ],
)
def test_the_lines_of_a_table_are_drawn_by_the_style_sheet(
    tex: str, lines: list[list[str]]
) -> None:
    assert lines_of(tex) == lines


HOSTILE = (
    r"\text{<script>alert(1)</script>}",
    r"\text{&lt;script&gt;alert(1)&lt;/script&gt;}",
    r"\href{javascript:alert(1)}{x}",
    r"\style{background:url(http://evil.example)}{x}",
    r"\class{x}{y}",
    r"\unicode{x3c}script\unicode{x3e}",
    r"\color{red;background:url(http://evil.example)}x",
    r"\color{red\" onload=\"alert(1)}x",
    r"\mathrm{<img src=x onerror=alert(1)>}",
    r"\operatorname{<svg onload=alert(1)>}",
    r"\begin{array}{<b>}x\end{array}",
    r"\rule{1em\" onload=\"x}{1em}",
    r"\includegraphics{http://evil.example/x.png}",
    r"<annotation-xml encoding='text/html'><img src=x></annotation-xml>",
    r"\foo<script>",
    "\0\x0b<b>",
)


@pytest.mark.parametrize("tex", HOSTILE)
@pytest.mark.parametrize("display", [True, False])
def test_nothing_but_formulas_gets_into_the_page(tex: str, display: bool) -> None:
    page = mathml(tex, display)
    root = ElementTree.fromstring(re.sub("[\0\x0b]", "", page))
    for element in root.iter():
        assert re.fullmatch("math|m[a-z]+|none|code", element.tag)
        assert not {"href", "style", "class", "src", "id", "onload"} & element.attrib.keys()
        assert all(re.fullmatch(r"[\w#.+\-% ]*", value) for value in element.attrib.values())


def test_hostile_formulas_are_text_in_a_rendered_answer() -> None:
    page = rendered("\n\n".join(f"$$\n{tex}\n$$" for tex in HOSTILE), Rendering())
    elements = set(re.findall(r"<(\w[\w-]*)", page))
    assert "math" in elements
    assert elements <= {
        *("p", "span", "math", "mrow", "mi", "mo", "mn", "mtext", "code", "mstyle", "mspace"),
        *("mtable", "mtr", "mtd", "msup"),
    }


@pytest.mark.parametrize("unit", ["{", "x^{", r"\sqrt{", "(", r"\left(", r"\frac", "a_", "&"])
def test_a_formula_of_any_form_is_read_in_time(unit: str) -> None:
    start = time.process_time()
    mathml((unit * 5_000)[:5_000], True)
    mathml(unit * 900 + "}" * 900, True)
    assert time.process_time() - start < 2


def test_macros_do_not_multiply_or_stay() -> None:
    names = [f"a{chr(98 + number)}" for number in range(20)]
    macros = r"\newcommand{\aa}{xx}"
    for name, before in zip(names, ["aa", *names], strict=False):
        macros += rf"\newcommand{{\{name}}}{{\{before}\{before}}}"
    assert len(mathml(rf"{macros}\{names[-1]}", False)) < 10_000
    mathml(r"\newcommand{\zz}{y}\zz", False)
    assert mathml(r"\zz", False) == r"<code>$\zz$</code>"
