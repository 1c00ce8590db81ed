"""The purse of a step: what its command lets it spend, and no call that may go beyond it."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from agent_workers.models.provider import ModelTrouble
from journal_contracts.events import Usage
from journal_contracts.message import Allowance, StepRef

SpentBy = Callable[[StepRef], Awaitable[Usage]]
"""What a step has spent; a cost of None where a call has no known price."""


@dataclass(frozen=True)
class Worst:
    """The most that a call may cost; None where nobody knows the price: then tokens bound it."""

    tokens: int
    cost: Decimal | None


class Purse:
    """Of every step of this process: what is out on calls under way counts as spent."""

    def __init__(self, spent_by: SpentBy) -> None:
        self._spent_by = spent_by
        self._out: defaultdict[StepRef, list[Worst]] = defaultdict(list)

    @contextlib.asynccontextmanager
    async def holding(
        self, step: StepRef, bounds: Mapping[str, Allowance], worst: Worst
    ) -> AsyncIterator[None]:
        """Set the worst aside for a call; raises `ModelTrouble` where there is not so much.

        `bounds` has each by the code of the trouble of going beyond it.
        """
        self._out[step].append(worst)
        try:
            spent = await self._spent_by(step)
            for code, bound in bounds.items():
                _check(code, bound, spent, self._out[step])
            yield
        finally:
            self._out[step].remove(worst)
            if not self._out[step]:
                del self._out[step]


def _check(code: str, bound: Allowance, spent: Usage, out: list[Worst]) -> None:
    tokens = spent.tokens_in + spent.tokens_out + sum(worst.tokens for worst in out)
    cost = (spent.cost or 0) + sum(worst.cost or 0 for worst in out)
    if (bound.tokens is not None and tokens > bound.tokens) or (
        bound.cost is not None and cost > bound.cost
    ):
        detail = "The next call may cost more than this step may still spend."
        raise ModelTrouble("fatal", code, detail, needs=Allowance(cost=cost, tokens=tokens))
