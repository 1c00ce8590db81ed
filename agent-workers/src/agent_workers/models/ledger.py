"""The ledger: each call to a model, claimed before it is made, its reply kept before its use."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Column, DateTime, Numeric, delete, func, or_, select, text, update
from sqlmodel import Field, SQLModel, col

from agent_workers.models.prices import price_of
from agent_workers.models.provider import Reply
from chassis.database import Database
from chassis.outbox import Outbox
from journal_contracts.events import Usage, UsageRecorded
from journal_contracts.message import StepRef

LEASE_SECONDS = 15


class PaidCall(SQLModel, table=True):
    """One call, by what was asked: the same question of the same user is never paid for twice.

    `lost` counts calls that were sent, and whose reply was not kept when their process died.
    """

    __tablename__ = "paid_call"

    request_key: str = Field(primary_key=True)
    user_id: UUID
    journal_id: UUID
    phase: str
    part: str
    agent: str
    model: str
    owner: UUID
    lease_until: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    lost: int = 0
    reply: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal | None = Field(default=None, sa_column=Column(Numeric(12, 6)))
    seconds: float = 0.0
    counted_by: int | None = None
    """The attempt whose answer to the saga counts it."""


@dataclass(frozen=True)
class Asker:
    """For which step, and by which agent, a call is made."""

    step: StepRef
    agent: str


class Ledger:
    """Claims and keeps; `owner` is this process."""

    def __init__(self, database: Database, outbox: Outbox, owner: UUID) -> None:
        self._database = database
        self._outbox = outbox
        self._owner = owner

    async def kept_reply(self, key: str) -> str | None:
        """The reply to this question, if it was ever given."""
        async with self._database.transaction() as session:
            query = select(col(PaidCall.reply)).where(col(PaidCall.request_key) == key)
            return await session.scalar(query)

    async def claim(self, key: str, asker: Asker, model: str) -> bool:
        """Take the call for this process; false while another one is making it.

        A claim whose lease has run out is taken over: its process died, perhaps after it paid.
        """
        statement = text(
            """
            insert into paid_call (request_key, user_id, journal_id, phase, part, agent, model,
                owner, lease_until, lost, tokens_in, tokens_out, seconds)
            values (:key, :user_id, :journal_id, :phase, :part, :agent, :model,
                    :owner, clock_timestamp() + make_interval(secs => :lease), 0, 0, 0, 0)
            on conflict (request_key) do update
               set owner = :owner,
                   lease_until = clock_timestamp() + make_interval(secs => :lease),
                   lost = paid_call.lost + case when paid_call.owner = :owner then 0 else 1 end
             where paid_call.reply is null
               and (paid_call.lease_until < clock_timestamp() or paid_call.owner = :owner)
            returning request_key
            """
        )
        values = {
            "key": key,
            **asker.step.model_dump(include={"user_id", "journal_id", "phase", "part"}),
            "agent": asker.agent,
            "model": model,
            "owner": self._owner,
            "lease": LEASE_SECONDS,
        }
        async with self._database.transaction() as session:
            return (await session.execute(statement, values)).scalar_one_or_none() is not None

    async def extend(self, key: str) -> None:
        """The call goes on."""
        lease = func.make_interval(0, 0, 0, 0, 0, 0, LEASE_SECONDS)
        statement = (
            update(PaidCall)
            .where(col(PaidCall.request_key) == key, col(PaidCall.owner) == self._owner)
            .values(lease_until=func.clock_timestamp() + lease)
        )
        async with self._database.transaction() as session:
            await session.execute(statement)

    async def keep(self, key: str, asker: Asker, model: str, reply: Reply, seconds: float) -> None:
        """Keep a reply, before anything is done with it, and tell who listens what it cost."""
        cost = price_of(model, reply)
        statement = (
            update(PaidCall)
            .where(col(PaidCall.request_key) == key, col(PaidCall.reply).is_(None))
            .values(
                reply=reply.text.replace("\x00", ""),
                tokens_in=reply.tokens_in,
                tokens_out=reply.tokens_out,
                cost=cost,
                seconds=seconds,
            )
        )
        async with self._database.transaction() as session:
            await session.execute(statement)
            now: datetime = await session.scalar(select(func.clock_timestamp()))  # type: ignore[assignment]
            usage = Usage(
                calls=1, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, cost=cost
            )
            self._outbox.put(
                session,
                UsageRecorded(
                    **asker.step.model_dump(include={"user_id", "journal_id", "phase", "part"}),
                    agent=asker.agent,
                    model=model,
                    outcome="answered",
                    usage=usage,
                    seconds=seconds,
                    at=now,
                ),
                subject=str(asker.step.journal_id),
            )
        self._outbox.wake()

    async def release(self, key: str) -> None:
        """The call failed: whoever tries again need not wait for the lease to run out."""
        statement = delete(PaidCall).where(
            col(PaidCall.request_key) == key,
            col(PaidCall.owner) == self._owner,
            col(PaidCall.reply).is_(None),
        )
        async with self._database.transaction() as session:
            await session.execute(statement)

    async def usage_of(self, step: StepRef) -> Usage:
        """What this step's calls cost that no earlier attempt has counted; asked again, the same.

        So an answer that is made twice, because its process died before it was said, says it once.
        """
        statement = (
            update(PaidCall)
            .where(
                col(PaidCall.journal_id) == step.journal_id,
                col(PaidCall.phase) == step.phase,
                col(PaidCall.part) == step.part,
                col(PaidCall.reply).is_not(None),
                or_(col(PaidCall.counted_by).is_(None), col(PaidCall.counted_by) == step.attempt),
            )
            .values(counted_by=step.attempt)
            .returning(col(PaidCall.tokens_in), col(PaidCall.tokens_out), col(PaidCall.cost))
        )
        async with self._database.transaction() as session:
            rows = (await session.execute(statement)).all()
        costs = [row.cost for row in rows]
        return Usage(
            calls=len(rows),
            tokens_in=sum(row.tokens_in for row in rows),
            tokens_out=sum(row.tokens_out for row in rows),
            cost=None if None in costs else sum(costs, Decimal(0)),
        )
