"""Model text as HTML that runs nothing and loads nothing."""

from __future__ import annotations

import html
import math
import re
import time
from html.parser import HTMLParser

import pytest
from pygments.lexers import find_lexer_class_by_name

from arena.browser.html import mathml
from arena.browser.html.code import INSTEAD, QUICK
from arena.browser.html.markdown import (
    LONGEST,
    Rendering,
    plain,
    rendered,
    verbatim,
)

INLINE_MATH, DISPLAY_MATH = ("\ue000", "\ue001"), ("\ue002", "\ue003")


@pytest.fixture
def delimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formulas stay as they are, between delimiters."""

    def between(tex: str, display: bool) -> str:
        left, right = DISPLAY_MATH if display else INLINE_MATH
        return f"{left}{html.escape(tex)}{right}"

    monkeypatch.setattr("arena.browser.html.markdown.mathml", between)


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](http://evil.example/x.png)",
    '![x](x.png"onerror="alert(1))',
    "<iframe src=http://evil.example></iframe>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "$<img src=x onerror=alert(1)>$",
    "$$</span><script>alert(1)</script>$$",
    "```<img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```",
    "```python\n'</code></pre><script>alert(1)</script>'\n```",
    "`<script>alert(1)</script>`",
    "| <img src=x onerror=alert(1)> |\n|--|\n| <script>alert(1)</script> |",
    '[x](http://a.b "\\" onmouseover=alert(1)")',
    '<http://a.b/" onmouseover=alert(1)>',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
ALLOWED = {
    *("p", "br", "pre", "code", "span", "em", "strong", "s", "a", "blockquote", "hr"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *(f"h{level}" for level in range(1, 7)),
}
ATTRIBUTES = {"class", "dir", "href", "title", "target", "rel", "start", "style"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("show", [rendered, verbatim, plain])
def test_no_text_makes_a_tag_or_an_attribute_that_runs_or_loads(text: str, show: object) -> None:
    assert callable(show)
    parser = Tags()
    parser.feed(show(text))
    assert parser.seen or show is not rendered
    for tag, attributes in parser.seen:
        assert tag in ALLOWED or mathml.ELEMENTS.fullmatch(tag)
        known = (name in ATTRIBUTES or mathml.ATTRIBUTES.fullmatch(name) for name in attributes)
        assert all(known)
        assert re.match(r"(https?|mailto):|$", attributes.get("href") or "")


def test_a_tag_in_a_text_is_shown_as_text() -> None:
    assert rendered("a <b>c</b>") == '<p dir="auto">a &lt;b&gt;c&lt;/b&gt;</p>\n'


def test_code_is_highlighted_by_its_language_and_plain_in_one_that_is_not_known() -> None:
    assert '<span class="k">def</span>' in rendered("```python\ndef f(): pass\n```")
    assert "def f(): pass" in rendered("```no-such-language\ndef f(): pass\n```")


@pytest.mark.parametrize(
    ("text", "formula", "delimiters"),
    [
        ("so $a_b<c$ holds", "a_b&lt;c", INLINE_MATH),
        (r"so \(a*b*c\) holds", "a*b*c", INLINE_MATH),
        ("$$x^2$$", "x^2", DISPLAY_MATH),
        (r"so \[ x^2 \] holds", " x^2 ", DISPLAY_MATH),
        ("\\[\n- a\n= b\n\\]", "\n- a\n= b\n", DISPLAY_MATH),
        ("- item\n\n  $$\n  y\n  $$", "\ny\n", DISPLAY_MATH),
        ("> $$\n> a=b\n> $$", "\na=b\n", DISPLAY_MATH),
        ("$$\n- a\n$$.", "\n- a\n.", DISPLAY_MATH),
        (
            "so $$\n\\begin{align}a\n\\end{align}\n$$",
            "begin{align}a\n\\end{align}\n",
            DISPLAY_MATH,
        ),
        (
            "\\begin{align}\na&=b\n\\end{align}",
            "\\begin{align}\na&amp;=b\n\\end{align}",
            DISPLAY_MATH,
        ),
    ],
)
def test_latex_is_found(
    delimited: None, text: str, formula: str, delimiters: tuple[str, str]
) -> None:
    assert formula + delimiters[1] in rendered(text)
    assert rendered(text).count(delimiters[0]) == 1


@pytest.mark.parametrize(
    ("text", "formulas", "prose"),
    [
        ("$$a$$ is first.\n\nWith **bold** text.\n\n$$b$$", ["a", "b"], "<strong>bold</strong>"),
        ("\\[a\\], where a is\n\n- one\n- two\n\n\\[b\\]", ["a", "b"], "<li>two</li>"),
        ("1. $$x$$ and $$y$$\n2. z", ["x", "y"], "<li>z</li>"),
        ("- $$x$$ here\n- next\n\n$$y$$", ["x", "y"], "<li>next</li>"),
        (
            "\\begin{align}a\\end{align} foo\n\nbar \\end{align}",
            [r"\begin{align}a\end{align}"],
            r"bar \end{align}",
        ),
        ("$$a\n\nprose\n\nb$$", [], "<p>prose</p>"),
        ("$$\nunclosed\n\n```\ncode $$\n```", [], "<code>code $$"),
        ("$$\nunclosed\n```\ncode $$\n```", [], "<code>code $$"),
        ("- $$\n  x\n- y\n\n  $$", [], "<p>y</p>"),
        ("so $$\na\n$$\nand\n$$\nb\n$$", ["a", "b"], "and"),
        ("$$$$ is nothing", [], "$$$$ is nothing"),
        ("확률 $p$는 $\\frac{1}{2}$이고 $n$명", ["p", r"\frac{1}{2}", "n"], "확률 는 이고 명"),
        ("関数$f(x)$の値は$x_0$です", ["f(x)", "x_0"], "関数の値はです"),
        ("设$a$为正数，则$\\sqrt{a}$存在", ["a", r"\sqrt{a}"], "设为正数，则存在"),
        ("ค่า$x$คือ", ["x"], "ค่าคือ"),
        ("속도 $v_{\\text{평균}}$은", [r"v_{\text{평균}}"], "속도 은"),
        ("$5 and $10b", [], "$5 and $10b"),
        ("$5와 $10b", [], "$5와 $10b"),
        ("가격은 5$에서 10$까지", [], "가격은 5$에서 10$까지"),
        ("从5$涨到10$了", [], "从5$涨到10$了"),
        ("so $x$s and $y$2 and $z$_", [], "so $x$s and $y$2 and $z$_"),
    ],
)
def test_latex_ends_where_it_is_closed_first(
    delimited: None, text: str, formulas: list[str], prose: str
) -> None:
    page = re.sub(' dir="[a-z]+"', "", rendered(text))
    found = re.findall("[\ue000\ue002](.*?)[\ue001\ue003]", page, re.DOTALL)
    assert [formula.strip() for formula in found] == formulas
    page = re.sub("</?span.*?>", "", page)
    assert prose in re.sub("[\ue000\ue002].*?[\ue001\ue003]", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    "text", ["from $5 to $10", "`$a$`", "```\n$a$\n```", r"\$a\$", "$HOME/bin:$PATH", "US$5, US$6"]
)
def test_what_is_no_latex_stays_text(text: str) -> None:
    assert "<math" not in rendered(text)


def test_emphasis_works_beside_korean_and_japanese_text() -> None:
    assert "<strong>제목(Title)</strong>은" in rendered("**제목(Title)**은 좋다")
    assert "これは<strong>「重要」</strong>です" in rendered("これは**「重要」**です")
    assert "2 * 3 * 4" in rendered("2 * 3 * 4")


def test_each_block_takes_its_direction_from_its_own_text() -> None:
    page = rendered("שלום\n\n- مرحبا\n\n| a |\n|--|\n| b |\n\n```\ncode\n```")
    assert page.count('dir="auto"') == 3
    assert page.count('dir="rtl"') == 2


@pytest.mark.parametrize(
    ("text", "tag", "direction"),
    [
        ("1. مرحبا\n2. b", "ol", "rtl"),
        ("- a\n\n  שלום", "ul", "ltr"),
        ("- 1\n- **שלום**", "ul", "rtl"),
        ("| 1 | قيمة |\n|--|--|\n| b | c |", "table", "rtl"),
        ("> 12: שלום", "blockquote", "rtl"),
        ("- 12", "ul", "auto"),
    ],
)
def test_what_holds_blocks_has_the_direction_of_its_first_letter(
    text: str, tag: str, direction: str
) -> None:
    assert f'<{tag} dir="{direction}">' in rendered(text)


def test_a_list_beside_one_of_another_direction_keeps_its_own() -> None:
    page = rendered("- 1\n\nprose\n\n- שלום\n  - a\n\n> b")
    assert re.findall(r'<(ul|blockquote) dir="(\w+)"', page) == [
        *(("ul", "auto"), ("ul", "rtl"), ("ul", "ltr"), ("blockquote", "ltr")),
    ]


@pytest.mark.parametrize("text", [r"so $\frac{1}{$ is", "$$a{$$", r"\(x\\{\)", "\\[\n{\n\\]"])
def test_a_formula_without_an_end_is_shown_as_it_was_written(text: str) -> None:
    page = rendered(text)
    assert "<math" not in page
    for part in filter(str.isalnum, text):
        assert part in page


def test_line_breaks_of_a_poem_stay() -> None:
    assert "roses<br />\nviolets" in rendered("roses\nviolets")


def test_an_image_is_its_words_and_its_address() -> None:
    page = rendered("![a cat](http://evil.example/x.png)")
    assert "image “a cat”: http://evil.example/x.png" in page


def test_lone_surrogates_and_control_characters_stop_nothing() -> None:
    assert "?" in rendered("\ud800 \x00 \x0b")
    assert "?" in verbatim("\udfff")


@pytest.mark.parametrize(
    "unit",
    [
        *("\\[ ", "\\( ", "\\[a\n", "- $$\n", "$$a\n\n", "$$a\n", "$a", "\\begin{align}\n"),
        *("*a ", "[", "> ", "`", "![", "|a\n|-\n", "- a\n  - b\n"),
    ],
)
def test_a_text_of_any_length_is_shown_in_time(unit: str) -> None:
    assert seconds(unit * (LONGEST // 12 // len(unit))) < 1.5


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("rst", "`a" * 60_000),
        ("php", "<?php " + '$a["' * 40_000),
        ("rst", "`a" * 9_000),
        ("java", "a b " * 4_900),
        ("php", '<?php "' + "{$" * 9_000),
        ("c", "int a" + "\n" * 19_000),
        ("c++", "int a" + " \n" * 9_500),
    ],
)
def test_code_of_any_kind_is_shown_in_time(language: str, code: str) -> None:
    assert seconds(f"```{language}\n{code}\n```") < 2


def test_many_blocks_of_code_are_shown_in_time() -> None:
    block = "```java\n" + "a b " * 4_900 + "\n```\n"
    assert seconds(block * 9) < 2


def test_without_a_clock_code_has_colours_up_to_a_length() -> None:
    block = "```python\nreturn 1\n```\n"
    page = rendered(block * 3, Rendering(seconds=math.inf, characters=20))
    assert page.count('<span class="k">return</span>') == 2
    assert page.count("return") == 3


def test_code_with_much_blank_space_at_one_place_has_no_colours() -> None:
    for number, there in ((90, True), (110, False)):
        page = rendered("```c\nint a;" + "\n" * number + "return 1;\n```")
        assert ("<span" in page) == there and "return" in page


@pytest.mark.parametrize("language", ["fan", "autoit", "autohotkey", "rst", "markdown", "none"])
def test_code_of_a_slow_lexer_has_no_colours(language: str) -> None:
    page = rendered(f"```{language}\nif x return 1 # `a`\n```")
    assert "<span" not in page and "if x return 1 # `a`" in page


@pytest.mark.parametrize(
    ("language", "code", "word"),
    [
        *(("c#", "return 1;", "return"), ("CS", "return 1;", "return"), ("ini", "a=1", "a")),
        *(("py", "return 1", "return"), ("sh", "if true; then", "if"), ("js", "return", "return")),
    ],
)
def test_code_has_the_colours_of_a_quick_lexer(language: str, code: str, word: str) -> None:
    assert re.search(f'<span class="\\w+">{word}</span>', rendered(f"```{language}\n{code}\n```"))


def test_each_quick_lexer_is_there() -> None:
    for name in [*QUICK, *INSTEAD]:
        assert name in find_lexer_class_by_name(name).aliases
    assert set(INSTEAD.values()) <= QUICK and not QUICK & INSTEAD.keys()


def test_what_is_long_is_shown_as_it_was_written() -> None:
    assert "**x**" in rendered("**x**" + "x" * LONGEST)


def seconds(text: str) -> float:
    """Seconds of CPU that a text takes to be rendered."""
    rendered("```java\n```\n```php\n```\n```rst\n```")  # loads the lexers
    start = time.process_time()
    rendered(text)
    return time.process_time() - start
