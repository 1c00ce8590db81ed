"""Whatever happens on the way, a listener ends where the truth is (R2.1d, R9.1d).

Schedules of hypothesis over `world`: commits, stampers that overtake each other or die between
appending and telling, a last hop that drops, doubles and reorders, a history that is trimmed, a
Redis that loses everything, an orchestrator that cannot be asked, listeners that go and come back
to any replica. Nothing may come twice or out of order; when it is quiet all agree with the log.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from redis.asyncio import Redis

from gateway_service import feed as feeds
from gateway_service import following

from .world import World

SCHEDULES, MANY, STEPS = 500, 10_000, 16
JOURNALS, REPLICAS, CLIENTS = 2, 2, 2
KEPT_ENTRIES = 12

which, replicas = st.integers(0, 7), st.integers(0, REPLICAS - 1)
clients = st.integers(0, CLIENTS - 1)


class Protocol(RuleBasedStateMachine):
    """What may happen, in any order."""

    redis: ClassVar[Redis]
    runner: ClassVar[asyncio.Runner]

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.runner.run(coroutine)

    @initialize()
    def begin(self) -> None:
        async def begin() -> None:
            self.world = World(self.redis, journals=JOURNALS, replicas=REPLICAS, clients=CLIENTS)
            await self.world.connect(0, 0)

        self.run(begin())

    @rule(journal=st.integers(0, JOURNALS - 1), done=st.integers(0, 100), count=st.integers(1, 3))
    def commit(self, journal: int, done: int, count: int) -> None:
        for _ in range(count):
            self.world.commit(journal, done)

    @rule(which=which, replica=replicas)
    def stamp(self, which: int, replica: int) -> None:
        self.run(self.world.stamp(which, replica))

    @rule(which=which, replica=replicas)
    def die_before_telling(self, which: int, replica: int) -> None:
        self.run(self.world.stamp(which, replica, dies=True))

    @rule(which=which, times=st.integers(0, 2))
    def deliver(self, which: int, times: int) -> None:
        async def deliver() -> None:
            self.world.deliver(which, times)
            await asyncio.sleep(0)

        self.run(deliver())

    @rule(who=clients, replica=replicas)
    def connect(self, who: int, replica: int) -> None:
        self.run(self.world.connect(who, replica))

    @rule(who=clients)
    def disconnect(self, who: int) -> None:
        self.run(self.world.disconnect(who))

    @rule(kept=st.integers(0, 3))
    def trim(self, kept: int) -> None:
        self.run(self.world.trim(kept))

    @rule()
    def lose_redis(self) -> None:
        self.run(self.world.lose_redis())

    @rule(away=st.booleans())
    def lose_orchestrator(self, away: bool) -> None:
        self.world.orchestrator.is_away = away

    @rule()
    def be_quiet(self) -> None:
        self.run(self.world.settle())

    def teardown(self) -> None:
        async def end() -> None:
            try:
                await self.world.settle()
            finally:
                await self.world.close()

        if hasattr(self, "world"):
            self.run(end())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short history, and nobody waits for what may still come."""
    monkeypatch.setattr(feeds, "KEPT_ENTRIES", KEPT_ENTRIES)
    monkeypatch.setattr(following, "REORDER_SECONDS", 0.002)
    monkeypatch.setattr(following, "COALESCE_SECONDS", 0.0)


def play(schedules: int, redis_url: str) -> None:
    """So many schedules, each of them new."""
    with asyncio.Runner() as runner:
        Protocol.redis, Protocol.runner = feeds.connect(redis_url), runner
        run_state_machine_as_test(
            Protocol,
            settings=settings(
                max_examples=schedules,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(Protocol.redis.aclose())


@pytest.mark.usefixtures("quick")
def test_listeners_come_to_the_truth_by_whatever_way(addresses: Any) -> None:
    play(SCHEDULES, addresses.redis)


@pytest.mark.deep
@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("quick")
def test_listeners_come_to_the_truth_ten_thousand_times(addresses: Any) -> None:
    play(MANY, addresses.redis)
