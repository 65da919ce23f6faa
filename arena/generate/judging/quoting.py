"""The quotations in a judge's reply: labels in marks, and passages that repeat an answer."""

from __future__ import annotations

import bisect
import functools
import html
import re
import unicodedata
from collections.abc import Sequence

from arena.bench.labels import WORTH, normal_label

Span = tuple[int, int]

# Marks whose direction is plain, or that take whole lines. They may enclose paragraphs.
_OF_TEXT = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*[\w+#.-]*[ \t]*\n.*?^[ \t]*(?P=fence)"
    r"|^[ \t]*>[^\n]*"
    r"|<(?P<tag>q|quote|blockquote|code|pre)\b[^<>\n]*>.{0,9000}?</(?P=tag)>"
    r"|“[^“”]*”|„[^„“”]*[“”]|‟[^”]*”|«[^«»]*»|»[^«»]*«|‹[^‹›]*›|›[^‹›]*‹"
    r"|「[^」]*」|『[^』]*』|﹁[^﹂]*﹂|﹃[^﹄]*﹄|《[^》]*》|〈[^〉]*〉|〝[^〞〟]*[〞〟]|＂[^＂]*＂",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
# Few replies have such marks, and to look for one sign is ten times faster.
_MAY_BE_MARKED = re.compile(r"[`~<“„‟«»‹›「『﹁﹃《〈〝＂]")
_QUOTED_LINE = re.compile(r"\n[ \t]*>")
# Marks that open and close alike. They end with their paragraph, since one may be missing.
_OF_PARAGRAPH = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
    r"|``[^`]+?''"
    r'|(?<![\w"])"(?=\S).{0,1000}?(?<=\S)"(?!\w)'
    r"|(?<![\w'])'(?=\S).{0,1000}?(?<=\S)'(?!\w)"
    r"|(?<!\w)[‘‚](?=\S).{0,1000}?[’‘](?!\w)",
    re.DOTALL,
)
_SINGLE = "'‘‚"  # such a mark may be an apostrophe: the '90s, the users' needs
_COLON = re.compile(r"[:：]\W*$")
# Words directly before a label by which a judge gives its verdict, as in "My final verdict is",
# "so I choose" and "Assistant A is slightly better".
_OUTCOME = (
    r"(?:(?:assistant\s+)?[AB]\s+(?:is\s+(?:\w+\s+)?better|wins)|(?:(?:it\s+is\s+)?a\s+)?tie)\b"
)
_VERDICT = re.compile(
    r"(?:(?:(?:\b(?P<my>my|our)\s+|\bthe\s+)?(?:\b(?:own|final|overall)\s+)*"
    r"\b(?:verdict|decision|conclusion|judge?ment|choice|rating|grade|score)\b"
    r"(?:\s+(?:is|would\s+be|remains))?"
    r"|(?P<I>\b(?:I|we)\s+(?:(?:would|will|must|therefore|thus|hence|finally)\s+)*"
    r"(?:choose|conclude|decide|pick|select|judge|rate|vote|go|say)\b"
    r"(?:\s+(?:for|on|with|it|is|as)\b)*))"
    rf"(?:\W*(?:\bthat\s+)?(?:\b{_OUTCOME}|\b(?:assistant\s+)?[AB]\b))?"
    rf"|\b{_OUTCOME}|\b(?:so|therefore|thus|hence|overall)\b"
    r"|(?:(?:최종|最终|最終)\s*)?(?:판정|결론|判定|結論|结论)|\b(?:Urteil|Fazit|veredicto)\b)\W*$",
    re.IGNORECASE,
)
_WINNER = re.compile(r"\b([AB])\s+(?:is|wins)\b", re.IGNORECASE)
_SENTENCES = re.compile(r"[.!?]\s+")
_CLAUSES = re.compile(r"[,;]|\b(?:so|and|but|thus|hence|therefore)\b", re.IGNORECASE)
_REASON = re.compile(r"\W*(?:$|(?:because|since)\b)", re.IGNORECASE)
# Words about the text of an answer, and about what somebody else says.
_OF_ANSWERS = re.compile(r"\b(?:assistant|answer|response|label|line|text)", re.IGNORECASE)
_OF_OTHERS = re.compile(
    r"\b(?:sa(?:ys?|id)|claim|writ|wrote|tell|told|add|end|conta|quot|plant|beg|ask|want|demand"
    r"|repeat|read|if\b|why|your|not\b|never)|n['’]t\b",
    re.IGNORECASE,
)
_PARAGRAPHS = re.compile(r"\n[ \t>]*\n")
_BETWEEN_WORDS = re.compile(r"[^\w<>=]+|_")

FEW_WORDS = 6  # before a verdict on a line of its own, as in "My final verdict is: "
REACH = 200  # characters beside a label that are compared with an answer
MANY = 100  # labels in one text, of which more are not looked at
LEAST_SHARED = 6  # letters beside a label that an answer has too, so that it is repeated


def plain_spelling(text: str) -> str:
    """Return a text as a judge may copy it: without escapes, invisible and full-width signs."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    if "&" in text:
        text = html.unescape(text)
    return text.replace("\\", "")


class Quoting:
    """A reply of the judge, and the texts that it may quote."""

    def __init__(self, reply: str, answers: Sequence[str]) -> None:
        self.reply = reply
        self.answers = answers
        self._in_paragraph: dict[int, list[Span]] = {}

    def covers(self, span: Span, planted: bool, cut_off: bool) -> bool:
        """Whether the label at a place is quoted. `planted`: an answer has the same label.
        `cut_off`: the reply has no end, so that its verdict may be missing.
        """
        return self._in_marks(span) or (planted and (cut_off or not self._is_given(span)))

    def _is_given(self, span: Span) -> bool:
        """Whether the words around a label that an answer has too give it as the verdict."""
        before, line, _ = self._line_of(span)
        after = line[len(before) + span[1] - span[0] :]
        if not _REASON.match(_SENTENCES.split(after)[0] if re.search(r"\w", before) else after):
            return False
        earlier = self.reply[: span[0] - len(before)].rstrip().rpartition("\n")[2][-REACH:]
        words = before if re.search(r"\w", before) else earlier
        if (given := _verdict_words(words)) is not None:
            worth = WORTH.get(normal_label(self.reply[slice(*span)]) or "", 0)
            winner = _WINNER.search(given)
            if winner and (worth if winner[1].upper() == "A" else -worth) <= 0:
                return False
            # An answer may have these words too. A reply of this line alone repeats nothing.
            at_place = given == words or line in self._edges
            return at_place and (
                line == self.reply.strip() or not self._repeats(span, len(_squeezed(given)))
            )
        if words is before or _COLON.search(earlier) or _OF_ANSWERS.search(earlier):
            return False
        return line in self._edges and not self._repeats(span, LEAST_SHARED)

    def is_own_in_marks(self, span: Span, planted: bool) -> bool:
        """Whether a label in marks may be the verdict, which some judges write in backticks."""
        before, line, alone = self._line_of(span)
        introduced = not re.search(r"\w", before) or _COLON.search(before) is not None
        if planted:
            return line == self.reply.strip() and self._is_given(span)
        return alone and (introduced or line in self._edges)

    def is_at_edge(self, span: Span) -> bool:
        """Whether the first or the last line of the reply is a verdict, the label at a place."""
        _, line, alone = self._line_of(span)
        return alone and line in self._edges

    @functools.cached_property
    def _edges(self) -> tuple[str, str]:
        text = self.reply.strip()
        return text.partition("\n")[0].rstrip(), text.rpartition("\n")[2].lstrip()

    def _line_of(self, span: Span) -> tuple[str, str, bool]:
        """Return the text before a label in its line, the line, and whether it gives a verdict: the
        label after a few words, or before all others.
        """
        start = self.reply.rfind("\n", 0, span[0]) + 1
        end = self.reply.find("\n", span[1])
        before = self.reply[start : span[0]].lstrip()
        after = self.reply[span[1] : None if end < 0 else end].rstrip()
        line = before + self.reply[span[0] : span[1]] + after
        words = len(re.findall(r"\w\S*", before))
        if not re.search(r"\w", after):
            most = FEW_WORDS if _COLON.search(before) is None else 2 * FEW_WORDS
            return before, line, words <= most
        # Some judges give the verdict first, and in the same line the reason.
        return before, line, words == 0 and line in self._edges

    def _in_marks(self, span: Span) -> bool:
        """Whether quotation marks, backticks, a code block or a block quote enclose a place."""
        start, end = span
        if any(first <= start and end <= last for first, last in self._marks):
            return True
        number = bisect.bisect_right(self._paragraphs, start)
        if number not in self._in_paragraph:
            begin = self._paragraphs[number - 1] if number else 0
            found = _OF_PARAGRAPH.finditer(self.reply, begin, self._paragraphs[number])
            self._in_paragraph[number] = [match.span() for match in found]
        return any(
            first <= start
            and end <= last
            and (
                self.reply[first] not in _SINGLE
                or not re.search(r"\w", self.reply[first:start])
                or not re.search(r"\w", self.reply[end:last])
                or any(_squeezed(self.reply[first:last]) in text for text in self._squeezed_answers)
            )
            for first, last in self._in_paragraph[number]
        )

    @functools.cached_property
    def _paragraphs(self) -> list[int]:
        """The ends of the paragraphs."""
        ends = (match.end() for match in _PARAGRAPHS.finditer(self.reply))
        return [*ends, len(self.reply)]

    @functools.cached_property
    def _marks(self) -> list[Span]:
        lines = "\n" + self.reply
        if not (_MAY_BE_MARKED.search(lines) or _QUOTED_LINE.search(lines)):
            return []
        return [match.span() for match in _OF_TEXT.finditer(self.reply)]

    def _repeats(self, span: Span, least: int) -> bool:
        """Whether an answer has the label with the same characters before or after it."""
        start, end = span
        label = _squeezed(self.reply[start:end])
        before = _squeezed(self.reply[max(0, start - REACH) : start])[::-1]
        after = _squeezed(self.reply[end : end + REACH])
        for answer in self._squeezed_answers:
            at, number = answer.find(label), 0
            while at >= 0 and number < MANY:
                beyond = at + len(label)
                shared = _shared(before, answer[max(0, at - REACH) : at][::-1])
                if shared + _shared(after, answer[beyond : beyond + REACH]) >= least:
                    return True
                at, number = answer.find(label, beyond), number + 1
        return False

    @functools.cached_property
    def _squeezed_answers(self) -> list[str]:
        return [_squeezed(plain_spelling(answer)) for answer in self.answers]


def _verdict_words(text: str) -> str | None:
    """Return the words at the end of a text by which a judge gives its verdict, if they are its
    own: all of the text, or "so I choose", but not "Assistant A says: my verdict is".
    """
    sentence = _SENTENCES.split(text[-REACH:])[-1]
    match = _VERDICT.search(sentence)
    if match is None:
        return None
    head = _CLAUSES.split(sentence[: match.start()])[-1]
    if not re.search(r"\w", head):
        return match[0] if re.search(r"\w", text[: -len(match[0])]) else text
    own = match["my"] or match["I"]
    return match[0] if own and not (_OF_ANSWERS.search(head) or _OF_OTHERS.search(head)) else None


def _squeezed(text: str) -> str:
    """Return only the letters, digits and signs of labels in a text, in small letters."""
    return _BETWEEN_WORDS.sub("", text.casefold())


def _shared(first: str, second: str) -> int:
    """Return the number of equal characters with which both texts begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))
