"""Rates a minute, held by the database for all workers together (R4.2b)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent_workers.models.chain import Route
from agent_workers.models.limits import Limits
from agent_workers.models.provider import ModelTrouble, Tokens
from agent_workers.models.table import Table
from chassis.database import Pool, open_pool

from .house import House, a_provider, a_table, asked

AT_ONCE = 50
REPLICAS = 2
A_MINUTE = 20


@pytest.fixture
async def frozen(database_url: str, pool: Pool) -> AsyncIterator[Pool]:
    """The same database by another clock, which a test sets: no second passes by itself."""
    await pool.execute("create table told (at timestamptz); insert into told values (now())")
    await pool.execute(
        "create function clock_timestamp() returns timestamptz language sql "
        "as 'select at from public.told'"
    )
    async with open_pool(f"{database_url}?options=-csearch_path%3Dpublic,pg_catalog") as frozen:
        yield frozen
    await pool.execute("drop function public.clock_timestamp; drop table told")


@pytest.fixture
def table(llmock: Any) -> Table:
    provider = a_provider(llmock.base_url("openai"), requests_per_minute=A_MINUTE)
    return a_table({"openai": provider}, "openai/gpt-4o-mini")


def a_route(**limits: int) -> Route[None]:
    return Route("openai", None, "gpt-4o-mini", **limits)


async def seconds_pass(pool: Pool, seconds: float) -> None:
    await pool.execute("update told set at = at + make_interval(secs => $1)", seconds)


async def a_call(limits: Limits, route: Route[None], tokens: int = 1, used: int = 1) -> str:
    """What becomes of a call that may not wait."""
    try:
        async with limits.taking(route, tokens, longest=0) as taken:
            taken.used = Tokens(used)
    except ModelTrouble as trouble:
        return trouble.code
    return "sent"


async def test_two_workers_with_fifty_calls_at_once_send_as_many_as_may_be(
    frozen: Pool, house: House, table: Table, llmock: Any
) -> None:
    """The provider holds the same limit, and never has to say so."""
    llmock.limits(rpm=A_MINUTE)
    doors = [house.door(table, patience=0, pool=frozen) for _ in range(REPLICAS)]
    calls = (asked(doors[n % REPLICAS], str(n)) for n in range(AT_ONCE))

    came = await asyncio.gather(*calls, return_exceptions=True)

    refused = [error for error in came if isinstance(error, ModelTrouble)]
    assert {error.code for error in refused} == {"rate_limited"}
    assert len(came) - len(refused) == len(llmock.requests) == A_MINUTE
    assert all(request.status == 200 for request in llmock.requests)
    assert {error.retry_after for error in refused} == {60 / A_MINUTE}


async def test_as_much_flows_back_as_time_has_passed(frozen: Pool) -> None:
    limits, route = Limits(frozen), a_route(requests_per_minute=A_MINUTE)
    for _ in range(A_MINUTE):
        await a_call(limits, route)

    await seconds_pass(frozen, 3 * 60 / A_MINUTE)
    came = await asyncio.gather(*(a_call(limits, route) for _ in range(9)))

    assert Counter(came) == {"sent": 3, "rate_limited": 6}


async def test_a_clock_that_goes_back_gives_nothing_away(frozen: Pool) -> None:
    limits, route = Limits(frozen), a_route(requests_per_minute=1)
    await a_call(limits, route)

    await seconds_pass(frozen, -3_600)

    assert await a_call(limits, route) == "rate_limited"


async def test_tokens_are_taken_before_and_settled_after(frozen: Pool) -> None:
    limits, route = Limits(frozen), a_route(tokens_per_minute=1_000)

    came = [await a_call(limits, route, tokens=600, used=100) for _ in range(6)]

    assert came == ["sent"] * 5 + ["rate_limited"]


async def test_a_reply_longer_than_was_thought_is_taken_from_later_calls(frozen: Pool) -> None:
    limits, route = Limits(frozen), a_route(tokens_per_minute=1_000)
    await a_call(limits, route, tokens=100, used=2_000)

    with pytest.raises(ModelTrouble) as trouble:
        async with limits.taking(route, 500, longest=10):
            pass

    assert trouble.value.retry_after == 90


async def test_a_question_larger_than_the_bucket_takes_all_of_it_once(frozen: Pool) -> None:
    limits, route = Limits(frozen), a_route(tokens_per_minute=1_000)

    came = [await a_call(limits, route, tokens=50_000, used=1_000) for _ in range(2)]

    assert came == ["sent", "rate_limited"]


async def test_who_waits_goes_in_turn_and_a_cancelled_one_gives_its_place_back(
    frozen: Pool,
) -> None:
    limits, route = Limits(frozen), a_route(requests_per_minute=1, tokens_per_minute=1_000)
    await a_call(limits, route)
    entered = asyncio.Event()

    async def wait() -> None:
        async with limits.taking(route, 100, longest=3_600):
            entered.set()

    waiting = asyncio.create_task(wait())
    async with asyncio.timeout(10):
        while await _requests(frozen) > -1:
            await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert not entered.is_set()
    assert await _requests(frozen) == 0
    assert await frozen.fetchval("select tokens from bucket") == 999


async def test_keys_have_buckets_of_their_own(frozen: Pool) -> None:
    limits = Limits(frozen)
    one, other = (Route(p, None, "m", requests_per_minute=1) for p in ("openai", "other"))

    came = [await a_call(limits, route) for route in (one, one, other)]

    assert came == ["sent", "rate_limited", "sent"]


async def test_a_short_wait_is_waited_out_by_the_question(
    house: House, llmock: Any, pool: Pool
) -> None:
    """Real time: two a second, and three calls; the third is sent when its turn comes."""
    provider = a_provider(llmock.base_url("openai"), requests_per_minute=120)
    door = house.door(a_table({"openai": provider}, "openai/gpt-4o-mini"))
    await asked(door)
    await pool.execute("update bucket set requests = 1, at = clock_timestamp()")

    await asyncio.gather(*(asked(door, str(n)) for n in (1, 2)))

    assert len(llmock.requests) == 3


async def _requests(pool: Pool) -> float:
    level: float = await pool.fetchval("select requests from bucket")
    return level
