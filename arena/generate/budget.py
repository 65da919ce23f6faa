"""TODO."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from arena.base.errors import InputError
from arena.chat.calls import Completion, CompletionError, Message, stopping
from arena.chat.config import ModelConfig
from arena.generate.run import IDLE_SECONDS
from arena.generate.summary import Tally, price_of


@dataclass
class Budget:
    """What a run may cost in USD: each call claims the most it can cost before it is made."""

    limit: float | None = None
    spent: float = 0.0
    claimed: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def claim(self, most: float) -> None:
        """Set money aside; wait while calls in flight hold it, CompletionError if it is gone, or
        if the run is stopped before it comes back.
        """
        with self.changed:
            while self.limit is not None and self.spent + self.claimed + most > self.limit:
                if not stopping.is_set():
                    if self.claimed <= 0.0:
                        raise limit_reached(self.limit)
                    self.changed.wait(IDLE_SECONDS)
                if stopping.is_set():
                    raise CompletionError("interrupted")
            self.claimed += most

    def settle(self, most: float, cost: float) -> None:
        """Give back what was set aside, and count what the call has cost."""
        with self.changed:
            self.claimed = max(self.claimed - most, 0.0)
            self.spent += cost
            self.changed.notify_all()


def limit_reached(limit: float) -> CompletionError:
    """Return the error of a call that could pass the cost limit."""
    error = CompletionError("cost limit", f"the next call could pass --max-cost {limit:g}")
    error.final = True
    return error


@dataclass(frozen=True)
class Meter:
    """Counts the calls of one work: in its tally, and against the budget of the run."""

    tally: Tally
    budget: Budget
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, messages: Sequence[Message], max_tokens: int) -> float:
        """Return the most a call can cost, set aside; a token is never shorter than a byte."""
        if self.tally.price is None:
            return 0.0
        size = sum(len(m["content"].encode("utf-8", "replace")) + 16 for m in messages)
        most = price_of(self.tally.price, size, max_tokens)
        self.budget.claim(most)
        return most

    def record_cost(self, most: float, reply: Completion | CompletionError) -> None:
        """Count the tokens of a call that is over, and what it has cost.

        The budget takes a call at its most where nobody told what it cost.
        """
        if isinstance(reply, CompletionError):
            tokens, told = (0, 0), not reply.charged
        else:
            tokens = reply.input_tokens or 0, reply.output_tokens or 0
            told = reply.input_tokens is not None and reply.output_tokens is not None
        known = price_of(self.tally.price or (0.0, 0.0), *tokens)
        more = 0.0 if told else max(most - known, 0.0)
        with self.lock:
            self.tally.spend(*tokens)
            self.tally.untold_cost += more
        self.budget.settle(most, known + more)


def check_prices(models: Sequence[ModelConfig], max_cost: float | None) -> Budget:
    """Return the budget of a run; InputError where --max-cost has no price to go by."""
    for model in models:
        if max_cost is not None and model.price is None:
            raise InputError(f"{model.where}: --max-cost needs price: {{input: , output: }}")
    return Budget(max_cost)
