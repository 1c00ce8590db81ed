"""The outbox: a message is a row of the transaction that causes it, and leaves after the commit.

A crash between sending and deleting sends twice, never less than once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from aio_pika.exceptions import AMQPException
from faststream.rabbit import RabbitBroker
from opentelemetry import context, propagate
from prometheus_client import Gauge
from sqlalchemy import JSON, Column, DateTime, LargeBinary, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.broker.saying import BrokerAway, say_encoded
from chassis.database import Database
from chassis.ids import new_id
from chassis.jobs import running, woken
from journal_contracts.message import Message

log = structlog.get_logger()

BATCH = 100
AGAIN_SECONDS = 1.0
"""Until what could not be sent is tried again."""
SWEEP_SECONDS = 5.0
"""Until somebody looks for what a replica that died has left."""
waiting_seconds = Gauge("outbox_oldest_seconds", "Age of the oldest message not yet sent")


class OutboxRow(SQLModel, table=True):
    """A message on its way out. `id` is its message id, a UUIDv7: rows sort by time."""

    __tablename__ = "outbox"

    id: UUID = Field(primary_key=True)
    name: str
    routing_key: str
    subject: str
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    trace: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), server_default=func.now(), nullable=False),
    )


class Outbox:
    """Takes messages into a transaction, and relays them once it is committed."""

    def __init__(self, database: Database, broker: RabbitBroker) -> None:
        self._database = database
        self._broker = broker
        self._woken = asyncio.Event()

    def put(
        self, session: AsyncSession, message: Message, *, subject: str, pool: str | None = None
    ) -> None:
        """Add a message to the open transaction; it is said after the commit, by `wake` at once."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        session.add(
            OutboxRow(
                id=new_id(),
                name=message.name,
                routing_key=f"{message.name}.{pool}" if pool else message.name,
                subject=subject,
                body=message.model_dump_json().encode(),
                trace=carrier,
            )
        )

    def wake(self) -> None:
        """Say that something was committed."""
        self._woken.set()

    @contextlib.asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Relay while the block runs. What another replica left behind is swept up too."""
        async with running("outbox", self._relay):
            yield

    async def _relay(self) -> None:
        while True:
            self._woken.clear()
            while (sent := await self._send_batch()) == (BATCH, BATCH):
                pass
            found, gone = sent
            await woken(self._woken, within=AGAIN_SECONDS if gone < found else SWEEP_SECONDS)

    async def _send_batch(self) -> tuple[int, int]:
        """Send what waits, oldest first: how many it found, and sent. Rows are locked meanwhile."""
        async with self._database.transaction() as session:
            rows = (
                await session.scalars(
                    select(OutboxRow)
                    .order_by(col(OutboxRow.id))
                    .limit(BATCH)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            _measure(rows)
            sent = [row.id for row, ok in zip(rows, await self._send(rows), strict=True) if ok]
            if sent:
                await session.execute(delete(OutboxRow).where(col(OutboxRow.id).in_(sent)))
        return len(rows), len(sent)

    async def _send(self, rows: Any) -> list[bool]:
        return await asyncio.gather(*(self._send_one(row) for row in rows))

    async def _send_one(self, row: OutboxRow) -> bool:
        token = context.attach(propagate.extract(row.trace))
        try:
            await say_encoded(
                self._broker,
                row.name,
                row.body,
                routing_key=row.routing_key,
                message_id=row.id,
                subject=row.subject,
            )
        except (BrokerAway, AMQPException, RuntimeError) as error:
            log.warning("message_not_sent", message=row.name, id=str(row.id), exc_info=error)
            return False
        finally:
            context.detach(token)
        return True


def _measure(rows: Any) -> None:
    oldest = rows[0].created_at if rows else None
    age = (datetime.now(oldest.tzinfo) - oldest).total_seconds() if oldest else 0.0
    waiting_seconds.set(age)
