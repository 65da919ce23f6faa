"""The budget of a run: money is set aside before each call and counted after it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from arena.base.errors import InputError
from arena.chat.calls import stopping
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion, Message
from arena.generate.summary import RunSummary, price_of


@dataclass
class Budget:
    """The most that a run may cost in USD, shared by all its threads.

    Each call claims the most it can cost before it is made: checking the sum afterwards would let
    a hundred calls in flight overrun the limit together.
    """

    limit: float | None = None
    spent: float = 0.0
    claimed: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def claim(self, most: float) -> None:
        """Set money aside, and wait while calls in flight hold it.

        Raises CompletionError if it is spent, or if the run is stopped meanwhile.
        """
        with self.changed:
            while self.limit is not None and self.spent + self.claimed + most > self.limit:
                if self.claimed <= 0.0 and not stopping.is_set():
                    message = f"the next call could pass --max-cost {self.limit:g}"
                    error = CompletionError("cost limit", message)
                    error.final = True
                    raise error
                self.changed.wait(0.2)  # nobody notifies on Ctrl-C
                if stopping.is_set():
                    raise CompletionError("interrupted")
            self.claimed += most

    def release(self, most: float, cost: float) -> None:
        """Give back the money set aside for a call, and count its cost."""
        with self.changed:
            self.claimed = max(self.claimed - most, 0.0)
            self.spent += cost
            self.changed.notify_all()


@dataclass(frozen=True)
class RunMeter:
    """Counts the calls of a model, in its summary and against the budget of the run."""

    summary: RunSummary
    budget: Budget
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, messages: Sequence[Message], max_tokens: int) -> float:
        """Set aside and return the most a call can cost, as a token has at least one byte."""
        if self.summary.price is None:
            return 0.0
        size = sum(len(m["content"].encode("utf-8", "replace")) + 16 for m in messages)
        most = price_of(self.summary.price, size, max_tokens)
        self.budget.claim(most)
        return most

    def record_cost(self, most: float, reply: Completion | CompletionError) -> None:
        """Count the tokens and the cost of a call; without reported usage it counts at its most."""
        if isinstance(reply, Completion):
            usage = reply.input_tokens, reply.output_tokens
        else:
            usage = (None, None) if reply.charged else (0, 0)
        input_tokens, output_tokens = (count or 0 for count in usage)
        cost = price_of(self.summary.price or (0.0, 0.0), input_tokens, output_tokens)
        unreported = max(most - cost, 0.0) if None in usage else 0.0
        with self.lock:
            self.summary.input_tokens += input_tokens
            self.summary.output_tokens += output_tokens
            self.summary.unreported_cost += unreported
        self.budget.release(most, cost + unreported)


def budget_of(models: Sequence[ModelConfig], max_cost: float | None) -> Budget:
    """Return the budget of a run; InputError if a limit is given and a model has no price."""
    for model in models:
        if max_cost is not None and model.price is None:
            raise InputError(f"{model.where}: --max-cost needs price: {{input: , output: }}")
    return Budget(max_cost)
