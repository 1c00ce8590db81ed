"""The ledger: each call to a model, claimed before it is made, its reply kept before its use.

A row is also the record that the world is told of the call: `announced` follows `reply`, so no
bill is lost with the process that paid it, and none needs a row of its own.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from agent_workers.models.prices import price_of
from agent_workers.models.provider import Reply
from chassis.broker import Speaker, letter_of
from chassis.ids import new_id
from journal_contracts.events import CraftCancelled, CraftDeleted, Usage, UsageRecorded
from journal_contracts.message import StepRef

log = structlog.get_logger()

LEASE_SECONDS: Final = 15.0
KEEP_SECONDS: Final = 0.5
ANNOUNCE_SECONDS: Final = 1.0
TOGETHER: Final = 500

AWAY: Final = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
"""The database cannot take it now; what it says of the data itself is another matter."""

CLAIM: Final = """
insert into paid_call (request_key, user_id, journal_id, phase, part, agent, model, owner,
                       lease_until)
select $1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9)
 where not exists (select from ended where journal_id = $3 and n > $10)
on conflict (request_key) do update
   set owner = $8, lease_until = clock_timestamp() + make_interval(secs => $9),
       lost = paid_call.lost + 1
 where paid_call.reply is null and paid_call.lease_until < clock_timestamp()
returning request_key
"""

EXTEND: Final = """
update paid_call set lease_until = clock_timestamp() + make_interval(secs => $3)
 where request_key = $1 and owner = $2
"""

KEEP: Final = """
update paid_call
   set reply = $2, tokens_in = $3, tokens_out = $4, cost = $5, seconds = $6,
       kept_at = clock_timestamp()
 where request_key = $1 and reply is null
"""

RELEASE: Final = "delete from paid_call where request_key = $1 and owner = $2 and reply is null"

END: Final = """
with old as (delete from ended where at < clock_timestamp() - interval '30 days')
insert into ended (journal_id, n, at) values ($1, $2, clock_timestamp())
on conflict (journal_id) do update set n = greatest(ended.n, excluded.n), at = excluded.at
"""

COUNT: Final = """
update paid_call set counted_by = $4
 where journal_id = $1 and phase = $2 and part = $3 and reply is not null
   and coalesce(counted_by, $4) = $4
returning tokens_in, tokens_out, cost
"""

UNANNOUNCED: Final = """
select request_key, user_id, journal_id, phase, part, agent, model, tokens_in, tokens_out, cost,
       seconds, kept_at
  from paid_call where reply is not null and not announced
 order by kept_at limit $1 for update skip locked
"""


@dataclass(frozen=True)
class Asker:
    """For which step, and by which agent, a call is made; `since` as in `RunPhase`."""

    step: StepRef
    agent: str
    since: int = 0


class JournalEnded(Exception):
    """Nobody wants this call any more."""


class Ledger:
    """Claims and keeps; `owner` is this process."""

    def __init__(
        self, pool: asyncpg.Pool, owner: UUID, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._pool = pool
        self._owner = owner
        self.lease_seconds = lease_seconds

    async def claim(self, key: str, asker: Asker, model: str) -> bool:
        """Take the call for this process; false where it was made, or another is making it.

        A claim whose lease has run out is taken over: its process died, perhaps after it paid.
        Raises `JournalEnded` where the journal ended after the step was given out.
        """
        step = asker.step
        about = (step.user_id, step.journal_id, step.phase, step.part, asker.agent, model)
        until = (self._owner, self.lease_seconds)
        if await self._pool.fetchval(CLAIM, key, *about, *until, asker.since) is not None:
            return True
        ended: int | None = await self._pool.fetchval(
            "select n from ended where journal_id = $1", step.journal_id
        )
        if ended is not None and ended > asker.since:
            raise JournalEnded
        return False

    async def end(self, end: CraftCancelled | CraftDeleted) -> None:
        """No call is made for steps of this journal that were given out before its end."""
        await self._pool.execute(END, end.journal_id, end.n)

    async def kept_reply(self, key: str) -> str | None:
        """The reply to this question, if it was ever given."""
        reply: str | None = await self._pool.fetchval(
            "select reply from paid_call where request_key = $1", key
        )
        return reply

    async def extend(self, key: str) -> None:
        """The call goes on; where that cannot be written now, it can be a little later."""
        try:
            await self._pool.execute(EXTEND, key, self._owner, self.lease_seconds)
        except AWAY as error:
            log.warning("lease_not_extended", error=type(error).__name__)

    async def keep(self, key: str, model: str, reply: Reply, seconds: float) -> None:
        """Keep a reply before its use; it is paid for, so try as often as it takes."""
        text = reply.text.replace("\x00", "")
        told = (text, reply.tokens_in, reply.tokens_out, price_of(model, reply), seconds)
        while True:
            try:
                await self._pool.execute(KEEP, key, *told)
                return
            except AWAY as error:
                log.warning("reply_not_kept_yet", error=type(error).__name__)
                await asyncio.sleep(KEEP_SECONDS)

    async def release(self, key: str) -> None:
        """The call failed: whoever tries again need not wait for the lease to run out."""
        await self._pool.execute(RELEASE, key, self._owner)

    async def usage_of(self, step: StepRef) -> Usage:
        """What this step's calls cost that no earlier attempt has counted; asked again, the same.

        So an answer that is made twice, because its process died before it was said, says it once.
        """
        rows = await self._pool.fetch(COUNT, step.journal_id, step.phase, step.part, step.attempt)
        costs = [row["cost"] for row in rows]
        return Usage(
            calls=len(rows),
            tokens_in=sum(row["tokens_in"] for row in rows),
            tokens_out=sum(row["tokens_out"] for row in rows),
            cost=None if None in costs else sum(costs, Decimal(0)),
        )

    async def keep_announcing(self, speaker: Speaker) -> None:
        """Tell who listens what each call cost, at least once."""
        while True:
            if not await self._announce(speaker):
                await asyncio.sleep(ANNOUNCE_SECONDS)

    async def _announce(self, speaker: Speaker) -> bool:
        """Announce what waits; whether there may be more."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(UNANNOUNCED, TOGETHER)
            letters = [letter_of(_recorded(row), new_id(), str(row["journal_id"])) for row in rows]
            said = await speaker.say_all(letters) if letters else []
            keys = [row["request_key"] for row, ok in zip(rows, said, strict=True) if ok]
            await connection.execute(
                "update paid_call set announced = true where request_key = any($1)", keys
            )
        return len(keys) == TOGETHER


def _recorded(row: Any) -> UsageRecorded:
    return UsageRecorded(
        journal_id=row["journal_id"],
        user_id=row["user_id"],
        phase=row["phase"],
        part=row["part"],
        agent=row["agent"],
        model=row["model"],
        outcome="answered",
        usage=Usage(
            calls=1, tokens_in=row["tokens_in"], tokens_out=row["tokens_out"], cost=row["cost"]
        ),
        seconds=row["seconds"],
        at=row["kept_at"],
    )
