"""Code with colours, by lexers that take long for no text."""

from __future__ import annotations

import html
import re
import time

LONGEST_CODE = 20_000  # characters of a block of code. A longer one has no colours.
# Nor has code with so much blank space at one place, for which C takes seconds and others longer.
BLANKS = re.compile(r"\s{100}")

# Lexers of Pygments by one of their names. On 450 hostile patterns of 4,000 characters each of them
# takes under a second, and little of it between two tokens, where a clock can stop it. Others take
# up to 38 s for 6,000 characters, or have the code of any language inside.
QUICK = frozenset(
    (
        *("bash", "batch", "c", "cl", "clojure", "cmake", "cobol", "coq", "cpp", "css", "dart"),
        *("delphi", "diff", "docker", "elixir", "erlang", "fortran", "fsharp", "gas", "glsl", "go"),
        *("graphql", "groovy", "haskell", "html", "java", "javascript", "json", "json5", "jsx"),
        *("julia", "kotlin", "lean4", "less", "lua", "make", "mysql", "nasm", "nginx", "nim"),
        *("objective-c", "octave", "perl", "php", "plpgsql", "postgresql", "powershell", "prolog"),
        *("properties", "protobuf", "pycon", "python", "r", "racket", "ruby", "rust", "sass"),
        *("scala", "scheme", "scss", "solidity", "sql", "swift", "systemverilog", "tex", "toml"),
        *("tsx", "typescript", "vbnet", "verilog", "vhdl", "xml", "yaml", "zig"),
    )
)
# Quick lexers that serve for slow ones of languages like theirs.
INSTEAD = {
    "csharp": "java",
    "arduino": "cpp",
    "cuda": "cpp",
    "objective-c++": "objective-c",
    "console": "bash",
    "ini": "properties",
    "matlab": "octave",
}


def coloured(code: str, language: str, seconds: float) -> str:
    """Return code as HTML with a class for each kind of token, or plain if its language has no
    quick lexer, if it is long or has much blank space, or after some seconds of CPU.
    """
    import pygments
    from pygments import formatters, lexers, util

    try:
        names = lexers.find_lexer_class_by_name(language).aliases
    except util.ClassNotFound:
        names = []
    quick = next((name for name in (INSTEAD.get(n, n) for n in names) if name in QUICK), None)
    start, parts = time.thread_time(), []
    if quick is None or len(code) > LONGEST_CODE or BLANKS.search(code):
        return html.escape(code)
    for part in lexers.get_lexer_by_name(quick, stripnl=False).get_tokens(code):
        if time.thread_time() > start + seconds:
            return html.escape(code)
        parts.append(part)
    return str(pygments.format(parts, formatters.HtmlFormatter(nowrap=True)))
