"""What a run does and costs: counts by cause, tokens and dollars, a progress bar, the summary."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

from arena.base.errors import OutputError, one_line
from arena.base.jsonl import write_lines
from arena.chat.calls import CompletionError

EXAMPLES = 3
_UNTOLD = " for calls that broke off or told no usage"


@dataclass(frozen=True)
class Estimate:
    """What planned calls ask and cost at most; `prompt_tokens` are counted in cl100k_base."""

    calls: int
    prompt_tokens: int
    most_input_tokens: int
    most_output_tokens: int

    def line(self, tally: Tally) -> str:
        """Return the line of a dry run."""
        cost = ""
        if tally.price is not None:
            dollars = price_of(tally.price, self.most_input_tokens, self.most_output_tokens)
            cost = f", at most ${dollars:,.2f}"
        return (
            f"{tally.name}: {self.calls:,} calls to make, {self.prompt_tokens:,} prompt tokens, "
            f"at most {self.most_output_tokens:,} output tokens{cost}; {tally.cached:,} cached, "
            f"{tally.stale:,} stale"
        )


def price_of(price: tuple[float, float], input_tokens: int, output_tokens: int) -> float:
    """Return the cost in USD at a price of input and output in USD per million tokens."""
    return (price[0] * input_tokens + price[1] * output_tokens) / 1e6


@dataclass
class Tally:
    """What a run did for one model, counted in answers or games."""

    name: str
    price: tuple[float, float] | None = None
    planned: int = 0
    cached: int = 0
    stale: int = 0
    done: int = 0
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    input_tokens: int = 0
    output_tokens: int = 0
    untold_cost: float = 0.0  # USD at most, beside what the tokens cost

    @property
    def complete(self) -> bool:
        """Whether everything that was planned is there."""
        return self.done == self.planned

    @property
    def failures(self) -> int:
        """How many jobs failed."""
        return sum(map(len, self.failed.values()))

    @property
    def not_begun(self) -> int:
        """How many jobs neither ended nor failed."""
        return self.planned - self.done - self.failures

    @property
    def cost(self) -> float | None:
        """USD spent, None where the price is not known."""
        if self.price is None:
            return None
        return price_of(self.price, self.input_tokens, self.output_tokens)

    def fail(self, error: CompletionError, example: str) -> None:
        """Count a failure by its cause; the summary names a few ids and the last message."""
        self.failed[error.cause].append(example)
        self.messages[error.cause] = str(error)

    def spend(self, input_tokens: int, output_tokens: int) -> None:
        """Add the tokens of a call."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def lines(self) -> Iterator[str]:
        """Yield the summary: one line of counts, one for each cause of failure, one a remark."""
        yield (
            f"{self.name}: {self.planned} planned, {self.done} done, {self.cached} cached, "
            f"{self.failures} failed"
            + (f", {self.not_begun} not begun" if self.not_begun else "")
            + f"; {self.input_tokens:,} tokens in, {self.output_tokens:,} out"
            + ("" if self.cost is None else f", ${self.cost:,.4f}")
            + (f", at most ${self.untold_cost:,.4f} more{_UNTOLD}" if self.untold_cost else "")
        )
        for cause, ids in sorted(self.failed.items()):
            yield f"  failed: {_counted(ids)}: {self.messages[cause]}"
        for remark, ids in sorted(self.remarks.items()):
            yield f"  {remark}: {_counted(ids)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain data."""
        return {
            "model": self.name,
            "planned": self.planned,
            "done": self.done,
            "cached": self.cached,
            "stale": self.stale,
            "not_begun": self.not_begun,
            "failed": {
                cause: {
                    "count": len(ids),
                    "examples": _examples(ids),
                    "message": self.messages[cause],
                }
                for cause, ids in sorted(self.failed.items())
            },
            "remarks": {
                remark: {"count": len(ids), "examples": _examples(ids)}
                for remark, ids in sorted(self.remarks.items())
            },
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost,
            "untold_cost_usd": self.untold_cost,
        }


def _examples(ids: Sequence[str]) -> list[str]:
    """Return the first few different ones."""
    return list(dict.fromkeys(ids))[:EXAMPLES]


def _counted(ids: Sequence[str]) -> str:
    """Return how many there are, with examples."""
    return f"{len(ids)} ({', '.join(one_line(one, 80) for one in _examples(ids))})"


class Progress:
    """A progress bar with the counts of done, failed and cached of several tallies."""

    def __init__(self, tallies: Sequence[Tally], unit: str) -> None:
        from tqdm import tqdm

        self._tallies = tallies
        self._bar = tqdm(
            total=sum(tally.planned for tally in tallies),
            unit=unit,
            mininterval=0.2 if sys.stderr.isatty() else 30.0,
            file=sys.stderr,
        )

    def __enter__(self) -> Progress:
        """Return the bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the last state and leave the bar standing."""
        self.update()
        self._bar.close()

    def update(self) -> None:
        """Show what the tallies count."""
        done = sum(tally.done for tally in self._tallies)
        cached = sum(tally.cached for tally in self._tallies)
        failed = sum(tally.failures for tally in self._tallies)
        self._bar.set_postfix_str(f"done {done}, failed {failed}, cached {cached}", refresh=False)
        self._bar.update(done + failed - self._bar.n)


class _Unfailing:
    """A stream that drops what it cannot pass on: to a pipe without a reader, to a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write and flush the text, or silence the stream for good."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Let nothing that is printed end a run, wherever stdout and stderr go."""
    out, err = (cast(TextIO, _Unfailing(stream)) for stream in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def conclude(tallies: Sequence[Tally], errors: Sequence[str], report: Path | None = None) -> int:
    """Write the report, print the summaries and the errors that ended the run, and return the exit
    status: 1 if there were any or something lacks.
    """
    incomplete = [tally.name for tally in tallies if not tally.complete]
    errors = list(dict.fromkeys(errors))
    if report is not None:
        data = {
            "complete": not (incomplete or errors),
            "errors": errors,
            "models": [tally.as_dict() for tally in tallies],
        }
        try:
            write_lines(report, [json.dumps(data, ensure_ascii=False, indent=2).encode() + b"\n"])
        except OutputError as error:
            errors.append(str(error))
    for tally in tallies:
        for line in tally.lines():
            print(line)
    if incomplete:
        names = ", ".join(incomplete)
        print(f"not complete: {names}; run the same command again to do what is missing")
    for message in errors:
        print(f"error: {one_line(message, 2000)}", file=sys.stderr)
    return 1 if incomplete or errors else 0
