"""What a worker hears: steps of its pools, and the ends of journals."""

import asyncio
from typing import Final
from uuid import UUID

from faststream.rabbit import RabbitBroker

from agent_workers.runner import Runner
from chassis.broker import hear, hear_on_every_replica, say
from journal_contracts.catalogue import WORKERS
from journal_contracts.commands import RunPhase
from journal_contracts.events import CraftCancelled, CraftDeleted, WorkerAlive

AT_ONCE: Final = {"writing": 16, "painting": 4, "binding": 1}
"""How many steps of a pool one worker takes at a time: models let it wait, presses do not."""

HEARTBEAT_SECONDS: Final = 2.0


def listen(broker: RabbitBroker, runner: Runner, pools: tuple[str, ...]) -> None:
    """Take steps of these pools; drop those of journals that are over."""
    for pool in pools:
        hear(broker, WORKERS, RunPhase, runner.run, pool=pool, prefetch=AT_ONCE[pool])
    hear_on_every_replica(broker, WORKERS, CraftCancelled, runner.drop)
    hear_on_every_replica(broker, WORKERS, CraftDeleted, runner.drop)


async def keep_saying_alive(broker: RabbitBroker, worker: UUID, pools: tuple[str, ...]) -> None:
    """Tell the orchestrators again and again for how many steps there is room here."""
    alive = WorkerAlive(worker=worker, at_once={pool: AT_ONCE[pool] for pool in pools})
    while True:
        await say(broker, alive)
        await asyncio.sleep(HEARTBEAT_SECONDS)
