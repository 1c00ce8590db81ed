"""`make bench NAME=parked`: a million journals wait for their users; who is slowed down by it?

One real journal of the standard plan is brought to its first question, and copied in SQL with its
history. Then an orchestrator is started as a process, where one deadline has just passed: how long
from its start until that journal has moved? And decisions are made, each on another journal, one
after the other: how long does each take, from the call until the commit, the row read from disk
or not? SCALE shrinks it for a quick look.
"""

import asyncio
import gc
import json
import os
import random
import sys
import time
from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis import telemetry
from chassis.identity import new_key
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.decisions import Choice
from journalcraft.servers.ports import ALONE, reserve
from orchestrator_service.engine.engine import Engine
from orchestrator_service.happenings import Answered

from .arena import Arena, ContestantFailed
from .ours import ASKED, GRAPH, an_orchestrator
from .timing import Task, percentile, tell

PARKED: Final = 1_000_000
DECISIONS: Final = 3_000
TOGETHER: Final = 20_000
YEARS: Final = 1e8
"""Seconds until the deadline."""
QUESTION: Final = "author_style"
ROOM: Final = {"writing": 1_000_000}
GOAL_START_S, GOAL_DECISION_MS = 2.0, 2.0

COPY: Final = """
with copies as (
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
           ('00000000-0000-4000-8000-' || lpad(to_hex(n % 100000), 12, '0'))::uuid as user_id
      from generate_series($2::int, $3::int) n
), journals as (
    insert into journal
    select r.* from journal j, copies c, lateral jsonb_populate_record(j, jsonb_build_object(
        'id', c.id, 'user_id', c.user_id,
        'saga', j.saga || jsonb_build_object('id', c.id, 'user_id', c.user_id))) r
     where j.id = $1
)
insert into history
select r.* from history h, copies c,
       lateral jsonb_populate_record(h, jsonb_build_object('journal_id', c.id)) r
 where h.journal_id = $1
"""
LATE: Final = """
update journal set due_at = clock_timestamp(),
       saga = jsonb_set(saga, $2::text[], to_jsonb(clock_timestamp()))
 where id = $1
"""


async def bench(arena: Arena, scale: float = 1.0) -> dict[str, Any]:
    """Park, start, decide."""
    task = Task(arena.database("parked"), int(PARKED * scale), "park", amqp=arena.addresses.amqp)
    async with arena.working():
        parked = UUID(await arena.ask("tests.performance.parked", asdict(task)))
    connection = await asyncpg.connect(task.database)
    try:
        seconds = await _park(connection, parked, task.journals)
        size = await connection.fetchval("select pg_database_size(current_database())")
        starts = [await _start(arena, task, connection, n) for n in (1, 2, 3)]
    finally:
        await connection.close()
    decide = replace(task, load="decide")
    took = [1000 * each for each in await arena.ask("tests.performance.parked", asdict(decide))]
    return {
        "name": "parked",
        "parked": task.journals,
        "database_gb": round(size / 1e9, 2),
        "parking_s": round(seconds, 1),
        "first_transition_s": sorted(round(each, 2) for each in starts),
        "goal_first_transition_s": GOAL_START_S,
        "decisions": len(took),
        "decision_p50_ms": percentile(took, 50),
        "decision_p99_ms": percentile(took, 99),
        "goal_decision_p99_ms": GOAL_DECISION_MS,
    }


async def _park(connection: Any, parked: UUID, journals: int) -> float:
    """Copy the one that is parked."""
    began = time.monotonic()
    for start in range(0, journals, TOGETHER):
        await connection.execute(COPY, parked, start + 1, min(start + TOGETHER, journals))
        tell(f"parked {min(start + TOGETHER, journals)}")
    await connection.execute("vacuum analyze")
    return time.monotonic() - began


async def _start(arena: Arena, task: Task, connection: Any, number: int) -> float:
    """Seconds from the start of an orchestrator's process until the late journal has moved."""
    late = _copy(number)
    await connection.execute(LATE, late, ["questions", QUESTION, "due"])
    ports = reserve([ALONE])
    told = {
        "JCC_PORT": str(ports.numbers[0]),
        "JCC_AMQP_URL": task.amqp,
        "JCC_DATABASE_URL": task.database,
        "JCC_AUTH_URL": "http://127.0.0.1:1",
        "JCC_SERVICE_KEY": json.dumps(new_key(ORCHESTRATOR).as_dict(private=True)),
    }
    ports.release()
    began = time.monotonic()
    async with arena.process("orchestrator_service", environment=told) as process:
        while not await connection.fetchval("select 1 from decision where journal_id = $1", late):
            if process.returncode is not None:
                raise ContestantFailed("the orchestrator did not start")
            await asyncio.sleep(0.005)
        return time.monotonic() - began


def _copy(number: int) -> UUID:
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


# --- in processes of their own ------------------------------------------------------------------


async def park(task: Task) -> str:
    """Bring one journal to its question; its id."""
    journal = new_id()
    order = replace(GRAPH, unattended=False, decision_seconds=YEARS)
    async with an_orchestrator(task) as (engine, handlers):
        await engine.transitions.begin(journal, new_id(), order)
        await handlers.come[journal, ASKED].wait()
        await asyncio.sleep(1)  # its letters are settled
    return str(journal)


async def decide(task: Task) -> list[float]:
    """Seconds of each decision; nothing is sent."""
    rest = range(10, task.journals)
    journals = random.sample(rest, min(DECISIONS, len(rest)))
    answer = Answered(QUESTION, Choice(option="s1"))
    took = []
    async with Engine.open(task.database, task.amqp, user_limit=1_000_000) as engine:
        for number in journals:
            engine.release.heartbeat(UUID(int=0), ROOM)
            began = time.monotonic()
            await engine.transitions.decide(_copy(number), lambda saga: answer, "user")
            took.append(time.monotonic() - began)
    return took


def scale_asked_for() -> float:
    """SCALE, for a quick look."""
    return float(os.environ.get("SCALE", "1"))


if __name__ == "__main__":
    gc.freeze()  # as the service does
    telemetry.start(ORCHESTRATOR)
    given = Task.given()
    told = asyncio.run(park(given) if given.load == "park" else decide(given))
    sys.stdout.write(json.dumps(told) + "\n")
