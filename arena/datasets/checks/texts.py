"""Faults in the text of an answer, found without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from arena.bench.code_blocks import without_code
from arena.bench.records import ERROR_TEXT

# Scripts of whole languages. Those that share characters share a name here.
_SCRIPTS = {
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Han or kana": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
    "Cyrillic": "\u0400-\u052f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Hebrew": "\u0590-\u05ff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
}
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
FEWEST_LETTERS = 40  # a shorter text is in no script for certain
MOST = 0.6  # share of the letters of a text in its script
FEW = 0.02  # share of the letters of a text that a foreign script has at most

# A page of a proxy or a server. Models write pages of errors too, if they are asked for one.
_ERROR_PAGE = re.compile(
    r"\s*(?:<!doctype html[^>]*>\s*)?<html[^>]*>\s*<head>\s*<title>\s*[45]\d\d\b[^<]*</title>"
    r".{0,400}?<center>(?:nginx|openresty|cloudflare|apache)",
    re.IGNORECASE | re.DOTALL,
)
_ERROR_WORDS = re.compile(
    r"\s*(?:\W?error\W{1,4}(?:code|\d{3}|rate|time|connection|internal|request|invalid)"
    r"|(?:an )?internal server error|rate limit (?:exceeded|reached)|too many requests"
    r"|(?:the )?request timed out|connection (?:error|refused|reset)|api (?:error|timeout)"
    r"|service (?:temporarily )?unavailable|traceback \(most recent call last\)"
    r'|\{\s*"error"\s*:)',
    re.IGNORECASE,
)
LONGEST_ERROR = 600  # characters. An answer about errors is longer.
# UTF-8 that was read as Latin-1 or Windows-1252: two such pairs are no accident.
_MOJIBAKE = re.compile("[\u00c2\u00c3\u00e2\u00ea-\u00ed][\u0080-\u00bf\u20ac\u2018-\u2026\u2122]")


def is_error(text: str) -> bool:
    """Whether a whole answer is the message of a failed call."""
    if text == ERROR_TEXT:
        return True
    short = len(text) <= LONGEST_ERROR and _ERROR_WORDS.match(text)
    return bool(short or _ERROR_PAGE.match(text))


def is_damaged(text: str) -> bool:
    """Whether a text was read in the wrong encoding, or lost characters."""
    if text.isascii():
        return False
    is_broken = "\ufffd" in text or any("\ud800" <= c <= "\udfff" for c in text)
    return is_broken or len(_MOJIBAKE.findall(text)) > 1


def main_script(counts: Mapping[str, int]) -> str | None:
    """Return the script of most letters of a text, None for a short or mixed one."""
    name = max(counts, key=lambda script: counts[script])
    total = sum(counts.values())
    return name if total >= FEWEST_LETTERS and counts[name] >= MOST * total else None


def is_in_other_script(question: str, answer: str) -> bool:
    """Whether an answer has next to no letter of its question's script, and the question none of
    the answer's, which it would have if it were a task of translation or about another language.
    """
    of_question, of_answer = _letters(question), _letters(answer)
    asked, answered = main_script(of_question), main_script(of_answer)
    if asked is None or answered is None or asked == answered:
        return False
    is_absent = of_answer[asked] <= FEW * sum(of_answer.values())
    return is_absent and of_question[answered] <= FEW * sum(of_question.values())


def _letters(text: str) -> dict[str, int]:
    text = without_code(text)
    if text.isascii():
        return dict.fromkeys(_LETTERS, 0) | {"Latin": len(_LETTERS["Latin"].findall(text))}
    return {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
