"""`make bench NAME=fair`: who goes next while ten thousand commands wait.

Workers take steps at a steady pace, far slower than they are wanted. Urgent: a journal of higher
priority is begun; how long from its commit until its command leaves for the broker? The first one
comes in the burst, while the events of ten thousand begins are still to be sent, and is shown by
itself; the others come when these are out. Fair: a hundred users, ten of them with ten times the
journals; how equal are the shares of steps they are served while everybody waits (Jain's index: 1
is equal, 1/100 is all for one)?
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis import telemetry
from chassis.broker import Letter, Speaker
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from orchestrator_service.engine.engine import Engine

from . import nine
from .arena import Arena
from .ours import an_orchestrator
from .timing import Task, percentile, tell

WAITING: Final = 10_000
USERS: Final = 1_000
URGENT: Final = 100
SHARERS: Final = 100
FEW, MANY, EVERY = 20, 200, 10
"""So many journals has a user; and so many every tenth."""
SERVED_SECONDS: Final = 10.0
AT_ONCE, STEP_SECONDS = 16, 0.05
TOGETHER: Final = 250

STILL: Final = """
select count(*) filter (where state = 'waiting'),
       count(distinct user_id) filter (where state = 'waiting'),
       count(*) filter (where phase is null)
  from outbox
"""

left: dict[str, float] = {}
"""When the first command of a journal left."""


async def bench(arena: Arena, scale: float = 1.0) -> dict[str, Any]:
    """Both scenes."""
    urgent = await _scene(arena, Task("", int(WAITING * scale), "urgent"))
    burst, *waits = [1000 * (left - begun) for begun, left in urgent.pop("times")]
    shares = await _scene(arena, Task("", int(FEW * max(scale, 0.2)), "shares"))
    served = Counter(user for at, user, *_ in shares["came"] if shares["from"] < at < shares["to"])
    counts = [served[user] for user in shares["users"]]
    return {
        "name": "fair",
        "urgent": {
            **{key: urgent[key] for key in ("waiting", "begins_per_s")},
            "in_the_burst_ms": round(burst, 1),
            "samples": len(waits),
            "to_broker_p50_ms": percentile(waits, 50),
            "to_broker_p99_ms": percentile(waits, 99),
            "to_broker_max_ms": percentile(waits, 100),
            "goal_ms": 50,
        },
        "shares": {
            "users": len(counts),
            "backlogs": [FEW, MANY],
            "waiting_at_the_end": shares["waiting"],
            "users_waiting_at_the_end": shares["users_waiting"],
            "steps_per_s": round(sum(counts) / SERVED_SECONDS, 1),
            "fewest": min(counts),
            "most": max(counts),
            "jain": round(jain(counts), 4),
            "goal": 0.95,
        },
    }


def jain(shares: Sequence[float]) -> float:
    """1 where all are equal, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares) or 1)


async def _scene(arena: Arena, task: Task) -> dict[str, Any]:
    """Play it in a process of its own, beside a worker."""
    await arena.drain()
    told = replace(task, database=arena.database("fair"), amqp=arena.addresses.amqp)
    async with arena.working(at_once=AT_ONCE, seconds=STEP_SECONDS) as (_, came):
        found: dict[str, Any] = await arena.ask("tests.performance.fair", asdict(told))
    tell(f"{task.load}: done")
    return {**found, "came": json.loads(came.read_text())}


# --- in the process of the scene ----------------------------------------------------------------


class Noting(Speaker):
    """Notes when commands leave."""

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        for letter in letters:
            if letter.name.startswith("journal.phase.run"):
                left.setdefault(letter.subject, time.monotonic())
        return await super().say_all(letters)


async def urgent(task: Task) -> dict[str, Any]:
    """Let them wait, then begin urgent ones, one after the other."""
    users = [new_id() for _ in range(USERS)]
    async with an_orchestrator(task, Noting(ORCHESTRATOR, task.amqp)) as (engine, _):
        began = time.monotonic()
        await _begin(engine, [users[n % USERS] for n in range(task.journals)])
        seconds = time.monotonic() - began
        while await _still(task, 0) < task.journals:  # those that left are followed by their next
            await _begin(engine, users[:TOGETHER])
        times = []
        for _ in range(1 + URGENT):
            journal = new_id()
            order = replace(nine.ORDER, priority=1)
            await engine.transitions.begin(journal, new_id(), order)
            begun = time.monotonic()
            while str(journal) not in left:
                await asyncio.sleep(0.001)
            times.append((min(begun, left[str(journal)]), left[str(journal)]))
            await asyncio.sleep(0.05)
            while await _still(task, 2) > TOGETHER:
                await asyncio.sleep(0.05)
        return {
            "times": times,
            "waiting": await _still(task, 0),
            "begins_per_s": round(task.journals / seconds, 1),
        }


async def shares(task: Task) -> dict[str, Any]:
    """Let everybody wait, and look for a while."""
    users = [new_id() for _ in range(SHARERS)]
    many = task.journals * MANY // FEW
    backlog = [u for n, u in enumerate(users) for _ in range(task.journals if n % EVERY else many)]
    async with an_orchestrator(task) as (engine, _):
        await _begin(engine, backlog)
        began = time.monotonic()
        await asyncio.sleep(SERVED_SECONDS)
        return {
            "from": began,
            "to": time.monotonic(),
            "users": [str(user) for user in users],
            "waiting": await _still(task, 0),
            "users_waiting": await _still(task, 1),
        }


async def _begin(engine: Engine, users: Sequence[UUID]) -> None:
    for start in range(0, len(users), TOGETHER):
        together = users[start : start + TOGETHER]
        begin = engine.transitions.begin
        await asyncio.gather(*(begin(new_id(), user, nine.ORDER) for user in together))


async def _still(task: Task, column: int) -> int:
    """Commands that wait, users who do, or events that are to be sent: by the column."""
    connection = await asyncpg.connect(task.database)
    try:
        return int(await connection.fetchval(STILL, column=column))
    finally:
        await connection.close()


if __name__ == "__main__":
    gc.freeze()  # as the service does
    telemetry.start(ORCHESTRATOR)
    nine.install()
    given = Task.given()
    scene = {"urgent": urgent, "shares": shares}[given.load]
    sys.stdout.write(json.dumps(asyncio.run(scene(given))) + "\n")
