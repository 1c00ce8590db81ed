"""What a worker hears: steps of its pools, and the ends of journals."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final
from uuid import UUID

from faststream.rabbit import RabbitBroker

from agent_workers.models.ledger import Ledger
from agent_workers.runner import Runner
from chassis.broker import hear, hear_on_every_replica, hearing_hot, say
from journal_contracts.catalogue import WORKERS
from journal_contracts.commands import RunPhase
from journal_contracts.events import CraftCancelled, CraftDeleted, WorkerAlive

AT_ONCE: Final = {"writing": 16, "painting": 4, "binding": 1}
"""How many steps of a pool one worker takes at a time: models let it wait, presses do not."""

Room = Mapping[str, int]
"""So many steps at a time, of each pool that a worker takes from."""

HEARTBEAT_SECONDS: Final = 2.0


def listen(broker: RabbitBroker, runner: Runner, ledger: Ledger) -> None:
    """Drop the steps of journals that are over: at once here, and for good in the ledger."""
    hear(broker, WORKERS, CraftCancelled, ledger.end)
    hear(broker, WORKERS, CraftDeleted, ledger.end)
    hear_on_every_replica(broker, WORKERS, CraftCancelled, runner.drop)
    hear_on_every_replica(broker, WORKERS, CraftDeleted, runner.drop)


@contextlib.asynccontextmanager
async def taking_steps(
    broker: RabbitBroker, url: str, runner: Runner, room: Room
) -> AsyncIterator[None]:
    """Take steps while the block runs, as many as there is room for."""
    async with contextlib.AsyncExitStack() as stack:
        for pool, most in room.items():
            await stack.enter_async_context(
                hearing_hot(broker, url, WORKERS, RunPhase, runner.run, pool=pool, prefetch=most)
            )
        yield


async def keep_saying_alive(broker: RabbitBroker, worker: UUID, room: Room) -> None:
    """Tell the orchestrators again and again for how many steps there is room here."""
    alive = WorkerAlive(worker=worker, at_once=dict(room))
    while True:
        await say(broker, alive)
        await asyncio.sleep(HEARTBEAT_SECONDS)
