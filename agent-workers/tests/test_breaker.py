"""A provider that fails again and again is left alone, then tried once (R4.2c)."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from agent_workers.models.breaker import FAILURES, REST_SECONDS, Breakers
from agent_workers.models.provider import ModelTrouble

from .house import House, a_provider, a_table, asked

METER = "openai/abcd"
ILL = ModelTrouble("infrastructure", "model_error", "It failed.")
REFUSED = ModelTrouble("fatal", "bad_request", "It refused.")


class Clock:
    """Time as a test tells it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock)


def call(breakers: Breakers, end: BaseException | None = None, meter: str = METER) -> str:
    """Go through with a call that ends like that; what came of it."""
    try:
        with breakers.passage(meter):
            if end is not None:
                raise end
    except ModelTrouble as trouble:
        return trouble.code
    except asyncio.CancelledError:
        return "cancelled"
    return "answered"


def fail_often(breakers: Breakers, times: int = FAILURES) -> None:
    for _ in range(times):
        call(breakers, ILL)


def test_opens_after_so_many_failures_in_a_row(breakers: Breakers) -> None:
    fail_often(breakers, FAILURES - 1)
    assert call(breakers) == "answered"
    fail_often(breakers, FAILURES - 1)
    assert call(breakers, ILL) == "model_error"

    assert call(breakers) == "model_resting"


def test_what_we_did_wrong_does_not_count(breakers: Breakers) -> None:
    for _ in range(2 * FAILURES):
        call(breakers, REFUSED)

    assert call(breakers) == "answered"


def test_one_call_probes_and_the_others_wait_for_it(breakers: Breakers, clock: Clock) -> None:
    fail_often(breakers)
    clock.now += REST_SECONDS

    with breakers.passage(METER):
        assert call(breakers) == "model_resting"

    assert call(breakers) == "answered"


def test_a_failed_probe_opens_it_again(breakers: Breakers, clock: Clock) -> None:
    fail_often(breakers)
    clock.now += REST_SECONDS
    call(breakers, ILL)

    assert call(breakers) == "model_resting"

    clock.now += REST_SECONDS
    assert call(breakers) == "answered"


def test_after_a_cancelled_probe_the_next_call_is_one(breakers: Breakers, clock: Clock) -> None:
    fail_often(breakers)
    clock.now += REST_SECONDS
    assert call(breakers, asyncio.CancelledError()) == "cancelled"

    assert call(breakers) == "answered"


def test_one_key_that_is_ill_leaves_the_others_alone(breakers: Breakers) -> None:
    fail_often(breakers)

    assert call(breakers, meter="openai/efgh") == "answered"


def test_tells_prometheus_how_many_rest(breakers: Breakers, clock: Clock) -> None:
    def open_ones() -> float:
        return REGISTRY.get_sample_value("model_breakers_open", {"provider": "openai"}) or 0.0

    before = open_ones()
    fail_often(breakers)
    assert open_ones() == before + 1

    clock.now += REST_SECONDS
    call(breakers)
    assert open_ones() == before


async def test_no_request_is_sent_to_one_that_rests(house: House, llmock: Any) -> None:
    llmock.outage()
    table = a_table({"openai": a_provider(llmock.base_url("openai"))}, "openai/gpt-4o-mini")
    door = house.door(table)

    for n in range(FAILURES + 4):
        with pytest.raises(ModelTrouble):
            await asked(door, str(n))

    assert len(llmock.requests) == FAILURES
