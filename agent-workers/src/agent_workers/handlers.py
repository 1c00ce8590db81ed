"""What a worker hears: steps of its pools, and the ends of journals."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final
from uuid import UUID

from faststream.rabbit import RabbitBroker

from agent_workers.models.ledger import Ledger
from agent_workers.readers import Readers
from agent_workers.runner import Runner
from chassis.broker import BrokerAway, hear, hear_on_every_replica, hearing_hot, say
from chassis.erasing import hear_deletions
from chassis.jobs import running
from journal_contracts.catalogue import WORKERS
from journal_contracts.commands import RunPhase
from journal_contracts.events import CraftCancelled, CraftDeleted, TextWanted, WorkerAlive

AT_ONCE: Final = {"writing": 16, "painting": 4, "binding": 1}
"""How many steps of a pool one worker takes at a time: models let it wait, presses do not."""

Room = Mapping[str, int]
"""So many steps at a time, of each pool that a worker takes from."""

HEARTBEAT_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 25.0
"""So long the steps under way have to end when a worker leaves."""


def listen(broker: RabbitBroker, runner: Runner, ledger: Ledger, readers: Readers) -> None:
    """Drop the steps of journals that are over: at once here, and for good in the ledger.

    Beside it, hear who reads along, and who has left for good.
    """
    hear(broker, WORKERS, CraftCancelled, ledger.end)
    hear(broker, WORKERS, CraftDeleted, ledger.end)
    hear_on_every_replica(broker, WORKERS, CraftCancelled, runner.drop)
    hear_on_every_replica(broker, WORKERS, CraftDeleted, runner.drop)
    hear_on_every_replica(broker, WORKERS, TextWanted, readers.note)
    hear_deletions(broker, WORKERS, ledger.erase)


@contextlib.asynccontextmanager
async def taking_steps(
    broker: RabbitBroker, url: str, runner: Runner, room: Room, grace: float
) -> AsyncIterator[None]:
    """Take steps while the block runs, as many as there is room for.

    At its end those under way have `grace` seconds; what is left is handed back to the broker.
    """
    async with contextlib.AsyncExitStack() as stack:
        hearings = [
            await stack.enter_async_context(
                hearing_hot(broker, url, WORKERS, RunPhase, runner.run, pool=pool, prefetch=most)
            )
            for pool, most in room.items()
        ]
        try:
            yield
        finally:
            await asyncio.gather(*(hearing.stop(grace) for hearing in hearings))
            await runner.stop()


@contextlib.asynccontextmanager
async def telling_room(broker: RabbitBroker, worker: UUID, room: Room) -> AsyncIterator[None]:
    """Tell the orchestrators for how many steps there is room here; at the end, for none."""
    async with running("heartbeat", partial(_keep_telling, broker, worker, room)):
        yield
    with contextlib.suppress(BrokerAway, RuntimeError, OSError):
        await say(broker, WorkerAlive(worker=worker, at_once=dict.fromkeys(room, 0)))


async def _keep_telling(broker: RabbitBroker, worker: UUID, room: Room) -> None:
    alive = WorkerAlive(worker=worker, at_once=dict(room))
    while True:
        await say(broker, alive)
        await asyncio.sleep(HEARTBEAT_SECONDS)
