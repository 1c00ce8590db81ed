"""The caller: takes one question along a chain of models, until one of them has answered it.

Every call is written down with what it cost or may have cost, however it ended.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter

from agent_workers.models.allowance import Purse, Worst
from agent_workers.models.attempts import Asker, Attempt, Attempts, Outcome
from agent_workers.models.breaker import Breakers
from agent_workers.models.chain import Route, falls_back, most_hopeful
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits, Taken
from agent_workers.models.prices import price_of
from agent_workers.models.provider import (
    CHARACTERS_A_TOKEN,
    ModelTrouble,
    OnText,
    Reply,
    Tokens,
)
from chassis import failpoints

log = structlog.get_logger()

PATIENCE_SECONDS: Final = 10.0
"""A question waits so long for its models, all in all; what takes longer is the saga's to wait."""
SHORTEST_WAIT: Final = 0.2

calls = Counter("model_calls", "Calls to models", ["provider", "model", "outcome", "code"])

T = TypeVar("T")
Ask = Callable[[T, OnText], Awaitable[Reply]]
"""Puts the question to a model; tells what comes in."""


@dataclass(frozen=True)
class Question:
    """What is asked, by whom, and about how many tokens it weighs."""

    key: str
    asker: Asker
    asked: int


class Patience:
    """What is left of the time that a question may wait."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self.left = seconds

    def covers(self, trouble: ModelTrouble) -> bool:
        after = trouble.retry_after
        return trouble.kind == "rate_limit" and after is not None and after <= self.left

    async def wait(self, seconds: float) -> None:
        with self.waiting():
            await asyncio.sleep(max(seconds, SHORTEST_WAIT))

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.left -= time.monotonic() - began


class Caller:
    """Heeds allowances, breakers and limits, and writes down every call."""

    def __init__(
        self,
        ledger: Ledger,
        attempts: Attempts,
        limits: Limits,
        breakers: Breakers,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._attempts = attempts
        self._limits = limits
        self._breakers = breakers
        self._patience = patience
        self._purse = Purse(attempts.spent_by)

    async def along(
        self, routes: Sequence[Route[T]], question: Question, ask: Ask[T], on_text: OnText
    ) -> Reply:
        """The reply, kept already; raises `ModelTrouble` when the chain is through."""
        patience = Patience(self._patience)
        troubles: list[ModelTrouble] = []
        for route in routes:
            try:
                return await self._patiently(route, question, ask, on_text, patience)
            except ModelTrouble as trouble:
                if not falls_back(trouble):
                    raise
                log.warning("model_passed_over", model=route.name, code=trouble.code)
                troubles.append(trouble)
        raise most_hopeful(troubles)

    async def lost(self, route: Route[T], question: Question) -> None:
        """A process died with this question under way: the call may have been charged."""
        spent = Tokens(question.asked, 0, estimated=True)
        await self._attempts.record(_attempt(route, question, "failed", spent, code="lost"))

    async def _patiently(
        self,
        route: Route[T],
        question: Question,
        ask: Ask[T],
        on_text: OnText,
        patience: Patience,
    ) -> Reply:
        """Short waits are waited out here: one wait for one "later"."""
        while True:
            try:
                return await self._once(route, question, ask, on_text, patience)
            except ModelTrouble as trouble:
                if not patience.covers(trouble):
                    raise
                await patience.wait(trouble.retry_after or 0)

    async def _once(
        self,
        route: Route[T],
        question: Question,
        ask: Ask[T],
        on_text: OnText,
        patience: Patience,
    ) -> Reply:
        worst = route.worst(question.asked)
        asker = question.asker
        async with contextlib.AsyncExitStack() as stack:
            if bounds := asker.bounds:
                most = Worst(worst.all, price_of(route.name, worst, route.priced_as))
                holding = self._purse.holding(asker.step, bounds, most)
                await stack.enter_async_context(holding)
            with patience.waiting():
                taking = self._limits.taking(route, worst.all, patience.left)
                taken = await stack.enter_async_context(taking)
            stack.enter_context(self._breakers.passage(route.meter))
            return await self._call(route, question, ask, on_text, taken)

    async def _call(
        self, route: Route[T], question: Question, ask: Ask[T], on_text: OnText, taken: Taken
    ) -> Reply:
        began, heard = time.monotonic(), 0
        phase = question.asker.step.phase

        def listening(text: str) -> None:
            nonlocal heard
            heard += len(text)
            failpoints.reach("streaming", (phase,))
            on_text(text)

        def ended(outcome: Outcome, tokens: Tokens, code: str = "") -> Attempt:
            calls.labels(route.provider, route.name, outcome, code).inc()
            taken.used = tokens
            seconds = time.monotonic() - began
            return _attempt(route, question, outcome, tokens, code=code, seconds=seconds)

        try:
            reply = await ask(route.asks, listening)
        except ModelTrouble as trouble:
            attempt = ended("failed", trouble.spent, trouble.code)
            await asyncio.shield(self._attempts.record(attempt))
            raise
        except BaseException as error:
            outcome: Outcome = (
                "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
            )
            spent = Tokens(question.asked, -(-heard // CHARACTERS_A_TOKEN), estimated=True)
            attempt = ended(outcome, spent, type(error).__name__)
            await asyncio.shield(self._attempts.record(attempt))
            raise
        failpoints.reach("replied", (phase,))
        await self._keep(ended("answered", reply.tokens), reply.text)
        failpoints.reach("kept", (phase,))
        return reply

    async def _keep(self, attempt: Attempt, text: str) -> None:
        """Who is cancelled now has paid all the same, and goes when the reply is kept."""
        keeping = asyncio.create_task(self._ledger.keep(attempt, text))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await keeping
            raise


def _attempt(
    route: Route[T],
    question: Question,
    outcome: Outcome,
    tokens: Tokens,
    *,
    code: str,
    seconds: float = 0.0,
) -> Attempt:
    return Attempt(
        request_key=question.key,
        asker=question.asker,
        model=route.name,
        provider=route.provider,
        key_mark=route.key.mark,
        outcome=outcome,
        code=code,
        tokens=tokens,
        cost=price_of(route.name, tokens, route.priced_as),
        seconds=seconds,
    )
