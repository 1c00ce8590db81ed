"""What these tests stand on: a listener that knows nothing of ours, and tables made from models."""

from collections.abc import AsyncIterator, Iterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from sqlmodel import SQLModel
from structlog.testing import capture_logs
from structlog.typing import EventDict

from chassis.database import Database
from chassis.inbox import InboxRow
from chassis.outbox import OutboxRow
from journal_contracts.catalogue import MEDIA
from journal_contracts.commands import RegisterAssets

SHARED = (f"{MEDIA}.{RegisterAssets.name}", f"{MEDIA}.dead")
TABLES = [SQLModel.metadata.tables[str(row.__tablename__)] for row in (OutboxRow, InboxRow)]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What is logged; drawing tracebacks nobody reads takes longer than the tests."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
async def raw(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel of plain AMQP; the shared queues under test are empty before and after."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await _empty(channel)
        yield channel
        await _empty(channel)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database with an outbox and an inbox."""
    async with Database.open(database_url) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all, tables=TABLES)
        yield database


async def _empty(channel: AbstractChannel) -> None:
    for name in SHARED:
        await (await channel.get_queue(name, ensure=False)).purge()
