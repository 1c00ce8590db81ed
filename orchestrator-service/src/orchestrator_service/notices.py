"""What webhooks are told: the rows that a commit has left leave with pauses that grow."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text

from chassis.database import Database
from chassis.jobs import woken
from orchestrator_service.posting import Answer, Post, signed

log = structlog.get_logger()

RUNGS: Final = tuple(
    timedelta(seconds=s) for s in (5, 30, 300, 1_800, 7_200, 21_600, 43_200, 86_400)
)
"""Pauses between tries; after the last one it is given up."""
MOST_FAILURES: Final = 20
"""In a row: then the webhook is disabled."""
GONE: Final = 410
"""What a receiver answers that wants no more, as Standard Webhooks have it."""
AT_ONCE: Final = 32
OF_ONE: Final = 4
"""Of one webhook at a time: one that hangs does not hold up others."""
CLAIMED: Final = timedelta(seconds=60)
"""How long a delivery is its replica's own; whoever dies with it leaves it to the next one."""
LOOK_SECONDS: Final = 1.0
KEPT: Final = timedelta(days=30)
FORGET_SECONDS: Final = 3_600.0

CLAIM: Final = text("""
    with due as (
        select id from (
            select id, due_at, row_number() over (partition by webhook_id order by due_at) as nth
              from delivery
             where state = 'waiting' and due_at <= clock_timestamp()
               and webhook_id <> all(cast(:busy as uuid[]))) waiting
         where nth <= :of_one order by due_at limit :most
    ), mine as (
        select d.id from delivery d join due using (id)
         where d.state = 'waiting' and d.due_at <= clock_timestamp() for update of d skip locked
    )
    update delivery d set due_at = clock_timestamp() + :claimed, attempts = attempts + 1
      from mine, webhook w where d.id = mine.id and w.id = d.webhook_id
    returning d.id, d.webhook_id, d.body, d.attempts, w.url, w.secret
""")
TAKEN: Final = text("""
    with cleared as (update webhook set failures = 0 where id = :webhook and failures > 0)
    update delivery set state = 'delivered', last_status = :status, last_error = null
     where id = :id
""")
MISSED: Final = text("""
    with counted as (
        update webhook set failures = failures + 1,
               disabled_at = case when failures + 1 >= :most or :gone
                             then coalesce(disabled_at, clock_timestamp()) end
         where id = :webhook returning disabled_at
    )
    update delivery set last_status = :status, last_error = :error,
           state = case when cast(:pause as interval) is null then 'failed' else state end,
           due_at = clock_timestamp() + coalesce(cast(:pause as interval), interval '0')
     where id = :id
    returning (select disabled_at is not null from counted)
""")
GIVEN_UP: Final = text("""
    update delivery set state = 'failed' where webhook_id = :webhook and state = 'waiting'
""")
FORGET: Final = text("""
    delete from delivery
     where state <> 'waiting' and created_at < clock_timestamp() - cast(:kept as interval)
""")


@dataclass(frozen=True)
class Delivery:
    """One event on its way; `attempts` counts this one too."""

    id: UUID
    webhook_id: UUID
    body: str
    attempts: int
    url: str
    secret: bytes


class Notices:
    """Tells what is to be told; every replica does."""

    def __init__(self, database: Database, post: Post, rungs: Sequence[timedelta] = RUNGS) -> None:
        self._database = database
        self._post = post
        self._rungs = rungs
        self._busy: Counter[UUID] = Counter()
        self._free = asyncio.Event()
        """Set when something was told, and more may be."""

    async def keep_telling(self) -> None:
        """Again and again, send what is due."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._free.clear()
                for delivery in await self._claim():
                    self._busy[delivery.webhook_id] += 1
                    group.create_task(self._tell(delivery))
                await woken(self._free, within=LOOK_SECONDS)

    async def keep_forgetting(self) -> None:
        """Again and again, let go of what was told long ago."""
        while True:
            await self.forget()
            await asyncio.sleep(FORGET_SECONDS)

    async def forget(self) -> None:
        """Let go of what was told, or given up, longer ago than it is kept."""
        async with self._database.transaction() as session:
            await session.execute(FORGET, {"kept": KEPT})

    async def _claim(self) -> list[Delivery]:
        room = AT_ONCE - self._busy.total()
        if room <= 0:
            return []
        busy = [webhook for webhook, count in self._busy.items() if count >= OF_ONE]
        told = {"busy": busy, "of_one": OF_ONE, "most": room, "claimed": CLAIMED}
        async with self._database.transaction() as session:
            rows = (await session.execute(CLAIM, told)).mappings()
            return [Delivery(**row) for row in rows]

    async def _tell(self, delivery: Delivery) -> None:
        try:
            headers = signed(delivery.id, int(time.time()), delivery.body, delivery.secret)
            answer = await self._post.send(delivery.url, delivery.body, headers)
            await self._settle(delivery, answer)
        except Exception as error:  # its claim ends, and it is told again
            log.warning("delivery_unsettled", delivery_id=str(delivery.id), exc_info=error)
        finally:
            self._busy[delivery.webhook_id] -= 1
            self._busy = +self._busy
            self._free.set()

    async def _settle(self, delivery: Delivery, answer: Answer) -> None:
        told: dict[str, Any] = {
            "id": delivery.id,
            "webhook": delivery.webhook_id,
            "status": answer.status,
        }
        async with self._database.transaction() as session:
            if answer.is_taken:
                await session.execute(TAKEN, told)
                return
            pause = self._rungs[delivery.attempts - 1 :][:1]
            told |= {"error": answer.error, "pause": pause[0] if pause else None}
            told |= {"most": MOST_FAILURES, "gone": answer.status == GONE}
            if await session.scalar(MISSED, told):
                await session.execute(GIVEN_UP, {"webhook": delivery.webhook_id})
