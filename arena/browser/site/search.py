"""An index of words for a search in the page, as a script that needs no server."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Mapping

import msgspec
import regex

LONGEST_WORD = 30  # characters that count
# What site.js has too: scripts whose words have no spaces between them, and the long vowel of
# Japanese, which belongs to none.
SCRIPTS = "Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"
UNSPACED = "".join(rf"\p{{Script={script}}}" for script in SCRIPTS) + "\u30fc"
_UNSPACED = regex.compile(f"[{UNSPACED}]")
RUN = regex.compile(rf"[{UNSPACED}]+|(?:(?![{UNSPACED}])[\p{{L}}\p{{N}}\p{{M}}])+")
# Accents and vowel points of any script, soft hyphens and the like. The marks that make other
# letters of Japanese ones stay.
UNSEEN = r"(?![\u3099\u309a])\p{Script=Inherited}|\p{Default_Ignorable_Code_Point}"
_UNSEEN = regex.compile(UNSEEN)
FIRST = 0x5D  # The codes of distances begin after it, so that they need no escapes in JSON.
SURROGATES = 0xD800, 0x800  # where they begin, and how many there are


def folded(text: str) -> str:
    """Return a text as it is searched: without case, accents, and other ways to write the same."""
    if text.isascii():  # most texts are
        return text.lower()
    plain = text.encode("utf-8", "replace").decode()  # without lone surrogates
    bare = _UNSEEN.sub("", unicodedata.normalize("NFKD", plain))
    # JavaScript has no casefold(). Both have these steps, and a final sigma by their place.
    lower = bare.upper().lower().replace("\u03c2", "\u03c3")
    return unicodedata.normalize("NFC", lower)


def words_of(text: str) -> set[str]:
    """Return the words of a text as they are searched. Scripts without spaces have pairs of
    letters.
    """
    words = set[str]()
    for run in RUN.findall(folded(text)):
        if _UNSPACED.match(run) and len(run) > 1:
            words.update(map("".join, zip(run, run[1:], strict=False)))
        else:
            words.add(run[:LONGEST_WORD])
    return words


def packed(numbers: Iterable[int]) -> str:
    """Return rising numbers as a text, a character each: its distance from the one before."""
    first, size = SURROGATES
    characters, before = [], -1
    for number in numbers:
        code = FIRST + number - before
        characters.append(chr(code + size if code >= first else code))
        before = number
    return "".join(characters)


class SearchIndex:
    """The words of texts, each text once, and the texts of each battle."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._places: dict[str, list[int]] = {}
        self._battles: list[list[int]] = []

    def add(self, texts: Mapping[Hashable, str]) -> None:
        """Add a battle with its texts by their keys: prompt, judge, model and baseline if any."""
        for key, text in texts.items():
            if key not in self._numbers:
                number = self._numbers[key] = len(self._numbers)
                for word in words_of(text):
                    self._places.setdefault(word, []).append(number)
        self._battles.append([self._numbers[key] for key in texts])

    def script(self) -> bytes:
        """Return a script that hands the index to the page."""
        # JavaScript compares texts by their UTF-16 units.
        words = sorted(self._places, key=lambda word: word.encode("utf-16-be"))
        index = {
            "texts": len(self._numbers),
            "battles": self._battles,
            "words": " ".join(words),
            "places": " ".join(packed(self._places[word]) for word in words),
        }
        return b"useIndex(" + msgspec.json.encode(index) + b");\n"
