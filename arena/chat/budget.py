"""The cost of calls: money is set aside before each call and counted after it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from arena.base.errors import InputError
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion, Message, Reply

# Set by Ctrl-C: no new call starts, and calls that wait for money or for a retry give up.
stopping = threading.Event()


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
                    raise CompletionError("cost limit", message, final=True)
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


@dataclass
class Meter:
    """The tokens and the cost of a model's calls, which count against the budget of the run.

    price: USD per million tokens of input and of output.
    unreported_cost: the most that calls may have cost beyond the tokens counted, in USD.
    """

    price: tuple[float, float] | None
    budget: Budget
    input_tokens: int = 0
    output_tokens: int = 0
    unreported_cost: float = 0.0

    def cost_of(self, input_tokens: int, output_tokens: int) -> float:
        """Return the cost in USD, 0 without a price."""
        price = self.price or (0.0, 0.0)
        return (price[0] * input_tokens + price[1] * output_tokens) / 1e6

    @property
    def cost(self) -> float | None:
        """The cost of all calls in USD, None without a price."""
        return self.price and self.cost_of(self.input_tokens, self.output_tokens)

    def claim(self, messages: Sequence[Message], max_tokens: int) -> float:
        """Set aside and return the most a call can cost, as a token has at least one byte."""
        size = sum(len(m["content"].encode("utf-8", "replace")) + 16 for m in messages)
        most = self.cost_of(size, max_tokens)
        self.budget.claim(most)
        return most

    def record(self, most: float, reply: Reply) -> None:
        """Count the tokens and the cost of a call; without reported usage it counts at its most."""
        if isinstance(reply, Completion):
            usage = reply.input_tokens, reply.output_tokens
        else:
            usage = (None, None) if reply.charged else (0, 0)
        input_tokens, output_tokens = (count or 0 for count in usage)
        cost = self.cost_of(input_tokens, output_tokens)
        unreported = max(most - cost, 0.0) if None in usage else 0.0
        with self.budget.changed:
            self.input_tokens += input_tokens
            self.output_tokens += output_tokens
            self.unreported_cost += unreported
        self.budget.release(most, cost + unreported)


def budget_of(models: Sequence[ModelConfig], max_cost: float | None) -> Budget:
    """Return the budget of a run; InputError if a limit is given and a model has no price."""
    for model in models:
        if max_cost is not None and model.price is None:
            raise InputError(f"{model.where}: --max-cost needs price: {{input: , output: }}")
    return Budget(max_cost)
