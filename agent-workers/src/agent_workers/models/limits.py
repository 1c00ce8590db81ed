"""Limits: requests and tokens a minute, per provider and key, shared by all workers.

A bucket is a row. Whoever takes may overdraw it, and waits until what was taken has flowed back in:
so calls go in the order in which they came, each knows its wait, and nobody asks twice.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from agent_workers.models.chain import Route
from agent_workers.models.provider import ModelTrouble, Tokens
from chassis.database import Pool

UNLIMITED: Final = 1e15

LEVELS: Final = """
least({n}, b.{name} + greatest(0, extract(epoch from excluded.at - b.at)) * {n} / 60)
"""
REQUESTS: Final = LEVELS.format(name="requests", n="$2::float8")
TOKENS: Final = LEVELS.format(name="tokens", n="$3::float8")

WAIT: Final = """
greatest(0, -({requests}) * 60 / $2::float8, -({tokens}) * 60 / $3::float8)
"""

TAKE: Final = f"""
insert into bucket as b (meter, requests, tokens, at)
values ($1, $2::float8 - 1, $3::float8 - $4::float8, clock_timestamp())
on conflict (meter) do update
   set requests = {REQUESTS} - 1, tokens = {TOKENS} - $4::float8, at = greatest(b.at, excluded.at)
 where {WAIT.format(requests=f"{REQUESTS} - 1", tokens=f"{TOKENS} - $4::float8")} <= $5::float8
returning {WAIT.format(requests="requests", tokens="tokens")}
"""  # noqa: S608 - put together from the constants above
"""One statement, so that two workers never take the same; by the database's clock alone."""

LOOK: Final = f"""
with excluded as (select clock_timestamp() as at)
select {WAIT.format(requests=f"{REQUESTS} - 1", tokens=f"{TOKENS} - $4::float8")}
  from bucket b, excluded where meter = $1
"""  # noqa: S608 - put together from the constants above

GIVE_BACK: Final = """
update bucket set requests = requests + $2, tokens = tokens + $3 where meter = $1
"""


@dataclass
class Taken:
    """What a call took; it tells at its end what it `used`, and the rest goes back."""

    used: Tokens | None = None
    """None: no request was sent."""


class Limits:
    """The buckets, as one worker sees them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextlib.asynccontextmanager
    async def taking(self, route: Route[Any], tokens: int, longest: float) -> AsyncIterator[Taken]:
        """Take a request and so many tokens, wait for them, and give back what was not used.

        Raises `ModelTrouble` where the wait would be longer than `longest` seconds: then nothing
        is taken.
        """
        taken = Taken()
        if route.requests_per_minute is None and route.tokens_per_minute is None:
            yield taken
            return
        tokens = min(tokens, route.tokens_per_minute or tokens)
        wait = await self._surely_take(route, tokens, longest)
        try:
            await asyncio.sleep(wait)
            yield taken
        finally:
            rest = (0, tokens - taken.used.all) if taken.used else (1, tokens)
            await asyncio.shield(self._give_back(route, *rest))

    async def _surely_take(self, route: Route[Any], tokens: int, longest: float) -> float:
        """A take that is cut short may have been made all the same: then it goes back."""
        take = asyncio.create_task(self._take(route, tokens, longest))
        try:
            return await asyncio.shield(take)
        except asyncio.CancelledError:
            await asyncio.wait([take])
            if take.exception() is None:
                await self._give_back(route, 1, tokens)
            raise

    async def _take(self, route: Route[Any], tokens: int, longest: float) -> float:
        told = (route.meter, *_rates(route), float(tokens))
        wait: float | None = await self._pool.fetchval(TAKE, *told, longest)
        if wait is None:
            wait = await self._pool.fetchval(LOOK, *told)
            detail = "So many calls wait for this model that it would take too long."
            raise ModelTrouble("rate_limit", "rate_limited", detail, wait)
        return wait

    async def _give_back(self, route: Route[Any], requests: int, tokens: int) -> None:
        await self._pool.execute(GIVE_BACK, route.meter, float(requests), float(tokens))


def _rates(route: Route[Any]) -> tuple[float, float]:
    return (
        float(route.requests_per_minute or UNLIMITED),
        float(route.tokens_per_minute or UNLIMITED),
    )
