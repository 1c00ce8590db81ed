"""The ledger: each question to a model, claimed before it is asked, its reply kept before its use.

Beside it stand the attempts (`attempts.py`): every call that was made for it, and what it cost.
"""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from agent_workers.models.attempts import AWAY, RECORD, Asker, Attempt
from chassis.database import Pool
from journal_contracts.events import CraftCancelled, CraftDeleted

log = structlog.get_logger()

LEASE_SECONDS: Final = 15.0
KEEP_SECONDS: Final = 0.5

CLAIM: Final = """
insert into paid_call (request_key, user_id, journal_id, phase, part, agent, model, owner,
                       lease_until)
select $1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9)
 where not exists (select from ended where journal_id = $3 and n > $10)
on conflict (request_key) do update
   set owner = $8, lease_until = clock_timestamp() + make_interval(secs => $9),
       lost = paid_call.lost + 1
 where paid_call.reply is null and paid_call.lease_until < clock_timestamp()
returning lost
"""

EXTEND: Final = """
update paid_call set lease_until = clock_timestamp() + make_interval(secs => $3)
 where request_key = $1 and owner = $2
"""

KEEP: Final = f"""
with kept as (
    update paid_call set reply = $19, model = $8, kept_at = $18
     where request_key = $2 and reply is null
)
{RECORD}
"""  # noqa: S608 - put together from constants

RELEASE: Final = "delete from paid_call where request_key = $1 and owner = $2 and reply is null"

END: Final = """
with old as (delete from ended where at < clock_timestamp() - interval '30 days')
insert into ended (journal_id, n, at) values ($1, $2, clock_timestamp())
on conflict (journal_id) do update set n = greatest(ended.n, excluded.n), at = excluded.at
"""

ERASE: Final = """
with calls as (delete from paid_call where user_id = $1)
delete from attempt where user_id = $1
"""

WRITERS: Final = """
select model from paid_call
 where journal_id = $1 and phase = $2 and reply is not null
 group by model order by count(*) desc, model
"""


class JournalEnded(Exception):
    """Nobody wants this call any more."""


class Ledger:
    """Claims and keeps; `owner` is this process."""

    def __init__(self, pool: Pool, owner: UUID, lease_seconds: float = LEASE_SECONDS) -> None:
        self._pool = pool
        self._owner = owner
        self.lease_seconds = lease_seconds

    async def claim(self, key: str, asker: Asker, model: str) -> int | None:
        """Take the call for this process; None where it was made, or another is making it.

        A claim whose lease has run out is taken over: its process died, perhaps after it paid. How
        often that was so is told. Raises `JournalEnded` where the journal ended after the step was
        given out.
        """
        step = asker.step
        about = (step.user_id, step.journal_id, step.phase, step.part, asker.agent, model)
        until = (self._owner, self.lease_seconds)
        lost: int | None = await self._pool.fetchval(CLAIM, key, *about, *until, asker.since)
        if lost is not None:
            return lost
        ended: int | None = await self._pool.fetchval(
            "select n from ended where journal_id = $1", step.journal_id
        )
        if ended is not None and ended > asker.since:
            raise JournalEnded
        return None

    async def end(self, end: CraftCancelled | CraftDeleted) -> None:
        """No call is made for steps of this journal that were given out before its end."""
        await self._pool.execute(END, end.journal_id, end.n)

    async def erase(self, user_id: UUID) -> None:
        """Nothing stays of what was asked and answered for a user."""
        await self._pool.execute(ERASE, user_id)

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

    async def keep(self, attempt: Attempt, text: str) -> None:
        """Keep a reply before its use; it is paid for, so try as often as it takes."""
        while True:
            try:
                await self._pool.execute(KEEP, *attempt.row(), text.replace("\x00", ""))
                return
            except AWAY as error:
                log.warning("reply_not_kept_yet", error=type(error).__name__)
                await asyncio.sleep(KEEP_SECONDS)

    async def release(self, key: str) -> None:
        """The call failed: whoever tries again need not wait for the lease to run out."""
        await self._pool.execute(RELEASE, key, self._owner)

    async def writers(self, journal_id: UUID, phase: str) -> list[str]:
        """The models whose replies a phase rests on, who wrote most first."""
        rows = await self._pool.fetch(WRITERS, journal_id, phase)
        return [row["model"] for row in rows]
