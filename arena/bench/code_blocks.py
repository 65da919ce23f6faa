"""The published rule that removes fenced code from a text, in linear time."""

from __future__ import annotations

import bisect
import functools
import heapq
import re
from collections import defaultdict
from collections.abc import Iterator

_CODE = re.compile(r"```([^`]*)```")


def without_code(text: str) -> str:
    """Return the text without its fenced code, and without the same text anywhere else.

    The published rule removes the text of one block after the other from the whole answer. That
    takes 13 seconds for 650 kB of short blocks, so only the first blocks are treated in that way.
    """
    blocks = [block for block in _CODE.findall(text) if block]
    first = _DIRECT_STEPS // (len(text) + 1)
    for block in blocks[:first]:
        text = text.replace(block, "")
    return _Removal(blocks[first:]).from_text(text) if blocks[first:] else text


_DIRECT_STEPS = 100_000_000  # characters to look at, in 0.1 seconds or so


class _Removal:
    """The removal of blocks, one after the other, from parts of a text.

    A part ends at each character that no block contains, such as the backtick: no block can ever
    reach over it, so that each part is treated alone and once.
    """

    def __init__(self, blocks: list[str]) -> None:
        self.places = defaultdict[str, list[int]](list)
        for place, block in enumerate(blocks):
            self.places[block].append(place)
        self.by_length = defaultdict[int, list[str]](list)
        for block in self.places:
            self.by_length[len(block)].append(block)
        self.longest = max(self.by_length)

    def from_text(self, text: str) -> str:
        """Return the text without the blocks."""
        letters = "".join(sorted(set().union(*self.places)))
        parts = re.compile(f"[{re.escape(letters)}]+")
        remaining = functools.cache(self._from_part)
        return parts.sub(lambda match: remaining(match[0]), text)

    def _from_part(self, part: str) -> str:
        """Return the rest of a part. The blocks in it are looked up, not tried one by one."""
        queue = [(self.places[block][0], block) for block in self._blocks_in(part)]
        heapq.heapify(queue)
        earlier = -1
        while queue and part:
            place, block = heapq.heappop(queue)
            pieces = part.split(block)
            if place == earlier or len(pieces) == 1:
                continue
            earlier = place
            part = "".join(pieces)
            for other in self._blocks_at_seams(part, pieces):
                later = self.places[other]
                if (number := bisect.bisect_right(later, place)) < len(later):
                    heapq.heappush(queue, (later[number], other))
        return part

    def _blocks_at_seams(self, part: str, pieces: list[str]) -> set[str]:
        """Return the blocks that may have come about where pieces of a part were joined."""
        reach = self.longest - 1
        if 2 * reach * len(pieces) >= len(part):
            return set(self._blocks_in(part))
        blocks: set[str] = set()
        seam = 0
        for piece in pieces[:-1]:
            seam += len(piece)
            blocks.update(self._blocks_in(part[max(seam - reach, 0) : seam + reach]))
        return blocks

    def _blocks_in(self, part: str) -> Iterator[str]:
        """Yield the blocks in a part, some of them repeatedly."""
        for length, blocks in self.by_length.items():
            positions = len(part) - length + 1
            if positions <= 0:
                continue
            if min(positions, 400) < len(blocks):  # which of the two takes less time
                slices = (part[i : i + length] for i in range(positions))
                yield from (piece for piece in slices if piece in self.places)
            else:
                yield from (block for block in blocks if block in part)
