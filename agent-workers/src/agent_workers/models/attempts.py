"""Attempts: every call that was made to a model, how it ended, and what it cost or may have cost.

A row is also the record that the world is told of the call: `announced` follows it, so no bill is
lost with the process that paid it, and none needs a row of its own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg
import structlog

from agent_workers.models.provider import Tokens
from chassis.broker import Speaker, letter_of
from chassis.database import Pool
from chassis.ids import new_id, now
from journal_contracts.commands import DayShare
from journal_contracts.events import Usage, UsageRecorded
from journal_contracts.message import Allowance, StepRef

log = structlog.get_logger()

ANNOUNCE_SECONDS: Final = 1.0
TOGETHER: Final = 500

Outcome = Literal["answered", "failed", "cancelled"]

AWAY: Final = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
"""The database cannot take it now; what it says of the data itself is another matter."""

RECORD: Final = """
insert into attempt (id, request_key, user_id, journal_id, phase, part, agent, model, provider,
                     key_mark, outcome, code, tokens_in, tokens_out, estimated, cost, seconds, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict (id) do nothing
"""

COUNT: Final = """
update attempt set counted_by = $4
 where journal_id = $1 and phase = $2 and part = $3 and coalesce(counted_by, $4) = $4
   and (outcome = 'answered' or tokens_in + tokens_out > 0)
returning tokens_in, tokens_out, cost
"""

SPENT: Final = """
select count(*) as calls, coalesce(sum(tokens_in), 0) as tokens_in,
       coalesce(sum(tokens_out), 0) as tokens_out, coalesce(sum(cost), 0) as cost
  from attempt
 where journal_id = $1 and phase = $2 and part = $3 and coalesce(counted_by, $4) = $4
"""

UNANNOUNCED: Final = """
select * from attempt where not announced order by at limit $1 for update skip locked
"""


@dataclass(frozen=True)
class Asker:
    """For which step, and by which agent, a call is made; the rest as in `RunPhase`."""

    step: StepRef
    agent: str
    since: int = 0
    models: str = ""
    allowance: Allowance | None = None
    quota: DayShare | None = None

    @property
    def bounds(self) -> dict[str, Allowance]:
        """What the step may spend, by the trouble of going beyond it; the gravest first."""
        share = self.quota
        day = share and Allowance(cost=share.left_cost, tokens=share.left_tokens)
        named = {"over_allowance": self.allowance, "over_quota": day, "quota_taken": share}
        return {code: bound for code, bound in named.items() if bound is not None}


@dataclass(frozen=True)
class Attempt:
    """One call. `code` names what went wrong; `key_mark` tells keys apart and opens nothing."""

    request_key: str
    asker: Asker
    model: str
    provider: str
    key_mark: str
    outcome: Outcome
    tokens: Tokens
    cost: Decimal | None
    seconds: float = 0.0
    code: str = ""
    id: UUID = field(default_factory=new_id)
    at: datetime = field(default_factory=now)

    def row(self) -> tuple[Any, ...]:
        """As `RECORD` takes it."""
        step = self.asker.step
        return (
            *(self.id, self.request_key, step.user_id, step.journal_id, step.phase, step.part),
            *(self.asker.agent, self.model, self.provider, self.key_mark, self.outcome, self.code),
            *(self.tokens.into, self.tokens.out, self.tokens.estimated, self.cost),
            *(self.seconds, self.at),
        )


class Attempts:
    """The table of attempts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(self, attempt: Attempt) -> None:
        """Write down a call that gave nothing to keep; with the database away, the log has it."""
        try:
            await self._pool.execute(RECORD, *attempt.row())
        except AWAY as error:
            log.warning(
                "attempt_not_recorded",
                error=type(error).__name__,
                journal_id=str(attempt.asker.step.journal_id),
                model=attempt.model,
                outcome=attempt.outcome,
                tokens_in=attempt.tokens.into,
                tokens_out=attempt.tokens.out,
            )

    async def usage_of(self, step: StepRef) -> Usage:
        """What this step's calls cost that no earlier attempt has counted; asked again, the same.

        So an answer that is made twice, because its process died before it was said, says it once.
        """
        return _usage(await self._pool.fetch(COUNT, *_named(step)))

    async def spent_by(self, step: StepRef) -> Usage:
        """The same before the step is over; calls of unknown price are in the tokens alone."""
        return Usage.model_validate(dict(await self._pool.fetchrow(SPENT, *_named(step)) or {}))

    async def keep_announcing(self, speaker: Speaker) -> None:
        """Tell who listens what each call cost, at least once."""
        while True:
            if not await self.announce(speaker):
                await asyncio.sleep(ANNOUNCE_SECONDS)

    async def announce(self, speaker: Speaker) -> bool:
        """Announce what waits; whether there may be more."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(UNANNOUNCED, TOGETHER)
            letters = [letter_of(_recorded(row), row["id"], str(row["journal_id"])) for row in rows]
            said = await speaker.say_all(letters) if letters else []
            told = [row["id"] for row, ok in zip(rows, said, strict=True) if ok]
            await connection.execute(
                "update attempt set announced = true where id = any($1::uuid[])", told
            )
        return len(told) == TOGETHER


def _named(step: StepRef) -> tuple[UUID, str, str, int]:
    return step.journal_id, step.phase, step.part, step.attempt


def _usage(rows: Sequence[Any]) -> Usage:
    """One call without a known price makes the whole unpriced."""
    costs = [row["cost"] for row in rows]
    return Usage(
        calls=len(rows),
        tokens_in=sum(row["tokens_in"] for row in rows),
        tokens_out=sum(row["tokens_out"] for row in rows),
        cost=None if None in costs else sum(costs, Decimal(0)),
    )


def _recorded(row: Any) -> UsageRecorded:
    return UsageRecorded(
        **{name: row[name] for name in ("journal_id", "user_id", "phase", "part", "agent")},
        **{name: row[name] for name in ("model", "outcome", "seconds", "at")},
        call=row["id"],
        usage=Usage(
            calls=1, tokens_in=row["tokens_in"], tokens_out=row["tokens_out"], cost=row["cost"]
        ),
    )
