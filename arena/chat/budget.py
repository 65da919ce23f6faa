"""The cost of calls: money is set aside before each call and counted after it."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arena.base.errors import InputError
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion, Message, Reply, sensible_count

# Set by Ctrl-C: no new call starts, and calls that wait for money or for a retry give up.
stopping = threading.Event()

# The causes of a call that is not made, as the run ends.
INTERRUPTED, COST_LIMIT = NOT_MADE = ("interrupted", "cost limit")

# Money is counted in whole nano-dollars. The sum of floats that were set aside and given back did
# not return to 0, and calls waited for it for ever.
NANO = 10**9


@dataclass
class Budget:
    """The most that a run may cost in nano-dollars, shared by all its threads. `claimed`: by calls
    in flight. `reserved`: by batches.

    Each call claims the most it can cost before it is made: checking the sum afterwards would let
    a hundred calls in flight overrun the limit together.
    """

    limit: int | None = None
    spent: int = 0
    claimed: int = 0
    reserved: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def claim(self, most: int) -> None:
        """Set money aside, and wait while calls in flight hold it. Raises CompletionError if it is
        spent, or if the run is stopped meanwhile. Its caller holds `changed`.
        """
        while not self.allows(most):
            if self.claimed == 0 and not stopping.is_set():
                limit, cost = f"{(self.limit or 0) / NANO:g}", f"${most / NANO:,.4f}"
                message = f"the next call could pass --max-cost {limit}, as it may cost {cost}"
                raise CompletionError(COST_LIMIT, message, final=True)
            self.changed.wait(0.2)  # nobody notifies on Ctrl-C
            if stopping.is_set():
                raise CompletionError(INTERRUPTED)
        self.claimed += most

    def allows(self, most: int) -> bool:
        """Whether the limit allows a call or a batch that may cost this much."""
        taken = self.spent + self.claimed + self.reserved
        return self.limit is None or taken + most <= self.limit

    def reserve(self, most: int) -> bool:
        """Set money aside for a batch if the limit allows it, without waiting."""
        with self.changed:
            is_allowed = self.allows(most)
            self.reserved += most if is_allowed else 0
            return is_allowed

    def release(self, most: int) -> None:
        """Give back money that was reserved."""
        with self.changed:
            self.reserved -= most


@dataclass
class Activity:
    """The calls of a model at this moment, for the display of its progress.

    waiting: calls between two tries. retries: tries after the first one of a call, so far.
    fault, address: of the newest try if it failed, without user, password and query.
    next_try: the `time.monotonic()` at which the first waiting call tries again, 0 if none waits.
    """

    in_flight: int = 0
    waiting: int = 0
    retries: int = 0
    fault: CompletionError | None = None
    address: str = ""
    next_try: float = 0.0


@dataclass
class Meter:
    """The tokens and the cost of a model's calls, which count against the budget of the run.

    price: USD per million tokens of input and of output.
    unreported: the most that calls may have cost beyond the tokens counted, in nano-dollars.
    saved: what the same calls would have cost more if made live, in nano-dollars.
    overrun: the cost of the dearest call that cost more than it had claimed.
    """

    price: tuple[float, float] | None
    budget: Budget
    input_tokens: int = 0
    output_tokens: int = 0
    unreported: int = 0
    saved: int = 0
    overrun: int = 0
    activity: Activity = field(default_factory=Activity)
    next_tries: list[float] = field(default_factory=list, repr=False)
    rates: tuple[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # A dollar per million tokens is 1,000 nano-dollars a token. Six more digits of the price
        # count, so that its products are whole numbers.
        price = self.price or (0, 0)
        self.rates = round(price[0] * 10**9), round(price[1] * 10**9)

    def cost_of(self, input_tokens: int, output_tokens: int) -> float:
        """Return the cost in USD, 0 without a price."""
        return self._nanos(input_tokens, output_tokens) / NANO

    def _nanos(self, input_tokens: int, output_tokens: int) -> int:
        """Return the cost in nano-dollars, rounded up: a token may cost a fraction of one."""
        input_price, output_price = self.rates
        return -(-(input_price * input_tokens + output_price * output_tokens) // 10**6)

    @property
    def cost(self) -> float | None:
        """The cost of all calls in USD, None without a price."""
        if self.price is None:
            return None
        return self.cost_of(self.input_tokens, self.output_tokens) - self.saved / NANO

    @property
    def unreported_cost(self) -> float:
        """The most that calls may have cost beyond the tokens counted, in USD."""
        return self.unreported / NANO

    @property
    def excess(self) -> str:
        """A sentence about a run that cost more than its limit by calls of this model, else ""."""
        spent, limit = self.budget.spent, self.budget.limit
        if not self.overrun or limit is None or spent <= limit:
            return ""
        over = f"${spent / NANO:,.2f} is over --max-cost {limit / NANO:g}"
        return f"the provider counted more tokens than max_tokens allows: {over}"

    def most_of(self, messages: Sequence[Message], max_tokens: int) -> int:
        """Return the most a call can cost in nano-dollars, as a token has at least one byte."""
        if self.price is None:
            return 0
        size = sum(len(m["content"].encode("utf-8", "replace")) + 16 for m in messages)
        return self._nanos(size, max_tokens)

    def claim(self, messages: Sequence[Message], max_tokens: int) -> int:
        """Set aside and return the most a call can cost."""
        most = self.most_of(messages, max_tokens)
        with self.budget.changed:
            # Some providers count more than max_tokens. Calls that claim too little would pass
            # the limit together.
            most = max(most, self.overrun)
            self.budget.claim(most)
            self.activity.in_flight += 1
        return most

    def record(self, most: int, reply: Reply, address: str = "") -> None:
        """Count the tokens and the cost of a call to an address, and give back its claim."""
        budget, activity = self.budget, self.activity
        with budget.changed:
            cost = self._count(most, reply)
            if cost > most:
                self.overrun = max(self.overrun, cost)
            activity.in_flight -= 1
            activity.fault = None if isinstance(reply, Completion) else reply
            activity.address = address or activity.address
            budget.claimed -= most
            if budget.limit is not None:
                budget.changed.notify_all()

    def count(self, reply: Reply, most: int = 0, price: float = 1.0) -> None:
        """Count a reply that came in a file or a batch, at a part of the live price.

        most: what it can have cost live, in nano-dollars, for a reply without usage.
        """
        with self.budget.changed:
            self._count(most, reply, price)

    def _count(self, most: int, reply: Reply, price: float = 1.0) -> int:
        """Add the tokens and the cost of a reply, and return the cost in nano-dollars. Without
        usage that makes sense it counts at its most.
        """
        usage: tuple[int | None, int | None] = (0, 0)
        if isinstance(reply, Completion):
            usage = sensible_count(reply.input_tokens), sensible_count(reply.output_tokens)
        elif reply.charged:
            usage = (None, None)
        input_tokens, output_tokens = usage[0] or 0, usage[1] or 0
        live_cost = self._nanos(input_tokens, output_tokens)
        cost = math.ceil(live_cost * price)
        unreported = max(math.ceil(most * price) - cost, 0) if None in usage else 0
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.unreported += unreported
        self.saved += live_cost - cost
        self.budget.spent += cost + unreported
        return cost

    @contextlib.contextmanager
    def retry(self, next_try: float) -> Iterator[None]:
        """Count a call as waiting for its next try, at a `time.monotonic()`."""
        with self.budget.changed:
            self.next_tries.append(next_try)
            self._count_waiting()
        try:
            yield
        finally:
            with self.budget.changed:
                self.next_tries.remove(next_try)
                self.activity.retries += 1
                self._count_waiting()

    def _count_waiting(self) -> None:
        self.activity.waiting = len(self.next_tries)
        self.activity.next_try = min(self.next_tries, default=0.0)


def budget_of(models: Sequence[ModelConfig], max_cost: float | None) -> Budget:
    """Return the budget of a run; InputError if a limit is given and a model has no price."""
    for model in models:
        if max_cost is not None and model.price is None:
            raise InputError(f"{model.where}: --max-cost needs price: {{input: , output: }}")
    return Budget(None if max_cost is None else int(max_cost * NANO))
