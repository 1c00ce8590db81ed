"""The outbox: a message leaves if, and only if, its transaction was committed (R9.2a).

`SessionRevoked` is said, which no durable queue hears: nothing is left to other tests.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from faststream.rabbit import RabbitBroker
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import func, select

from chassis import outbox as outbox_module
from chassis.broker import connect, open_broker, saying
from chassis.database import Database
from chassis.ids import new_id, now
from chassis.outbox import Outbox, OutboxRow
from journal_contracts.events import SessionRevoked

PATIENCE = 20


def event() -> SessionRevoked:
    return SessionRevoked(user_id=UUID(int=2), session_id=new_id(), at=now(), reason="test")


def body_of(message: AbstractIncomingMessage) -> SessionRevoked:
    return SessionRevoked.model_validate_json(message.body)


async def hear_next(queue: AbstractQueue) -> AbstractIncomingMessage:
    async with asyncio.timeout(PATIENCE):
        while (message := await queue.get(fail=False, no_ack=True)) is None:
            await asyncio.sleep(0.01)
    return message


async def put(outbox: Outbox, database: Database, *events: SessionRevoked) -> None:
    async with database.transaction() as session:
        for said in events:
            outbox.put(session, said, subject="1")
    outbox.wake()


async def waiting(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(OutboxRow)) or 0


async def until_sent(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        while await waiting(database):
            await asyncio.sleep(0.01)


@pytest.fixture
async def heard(raw: AbstractChannel) -> AbstractQueue:
    queue = await raw.declare_queue(exclusive=True)
    await queue.bind("events", SessionRevoked.name)
    return queue


@pytest.fixture
async def broker(amqp_url: str) -> AsyncIterator[RabbitBroker]:
    broker = connect("tests", amqp_url)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
def outbox(database: Database, broker: RabbitBroker) -> Outbox:
    return Outbox(database, broker)


class Line:
    """A wire to RabbitMQ that can be cut and mended."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._port = 0
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        who = f"{self._to.username}:{self._to.password}"
        return self._to._replace(netloc=f"{who}@127.0.0.1:{self._port}").geturl()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        line = cls(url)
        await line.mend()
        try:
            yield line
        finally:
            await line.cut()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        await self._server.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        self._ends.discard(writer)
        writer.close()


async def test_nothing_is_sent_that_was_rolled_back(
    database: Database, outbox: Outbox, heard: AbstractQueue
) -> None:
    undone, done = event(), event()
    async with outbox.relaying():
        async with database.transaction() as session:
            outbox.put(session, undone, subject="1")
            await session.flush()
            await session.rollback()
        await put(outbox, database, done)
        await until_sent(database)

    assert body_of(await hear_next(heard)) == done
    assert await heard.get(fail=False) is None


async def test_what_is_not_committed_yet_stays_inside(
    database: Database, outbox: Outbox, heard: AbstractQueue
) -> None:
    async with outbox.relaying():
        async with database.transaction() as session:
            outbox.put(session, event(), subject="1")
            await session.flush()
            outbox.wake()
            await put(outbox, database, later := event())
            first = await hear_next(heard)
        outbox.wake()
        await until_sent(database)

    assert body_of(first) == later
    assert body_of(await hear_next(heard)) != later


async def test_what_was_committed_is_sent_once_under_the_id_of_its_row(
    database: Database, outbox: Outbox, heard: AbstractQueue
) -> None:
    said = event()
    await put(outbox, database, said)
    async with database.transaction() as session:
        row = (await session.scalars(select(OutboxRow))).one()

    async with outbox.relaying():
        await until_sent(database)
    message = await hear_next(heard)

    assert body_of(message) == said
    assert (message.message_id, message.correlation_id) == (str(row.id), "1")
    assert await heard.get(fail=False) is None


async def test_more_than_a_batch_is_sent_without_waiting(
    database: Database, outbox: Outbox, heard: AbstractQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "BATCH", 2)
    monkeypatch.setattr(outbox_module, "SWEEP_SECONDS", 3600)
    said = [event() for _ in range(5)]

    await put(outbox, database, *said)
    async with outbox.relaying():
        await until_sent(database)

    assert [body_of(await hear_next(heard)) for _ in said] == said


async def test_what_another_replica_left_behind_is_swept_up(
    database: Database, outbox: Outbox, heard: AbstractQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "SWEEP_SECONDS", 0.05)
    said = event()

    async with outbox.relaying():
        async with database.transaction() as session:
            outbox.put(session, said, subject="1")
        message = await hear_next(heard)

    assert body_of(message) == said


async def test_two_replicas_never_send_the_same_row(
    database: Database, broker: RabbitBroker, heard: AbstractQueue
) -> None:
    one, two = Outbox(database, broker), Outbox(database, broker)
    said = [event() for _ in range(20)]

    async with one.relaying(), two.relaying():
        for each in said:
            await put(one, database, each)
            two.wake()
        await until_sent(database)

    bodies = [body_of(await hear_next(heard)) for _ in said]
    assert {body.session_id for body in bodies} == {body.session_id for body in said}
    assert await heard.get(fail=False) is None


async def test_a_crash_between_sending_and_deleting_sends_twice_never_less_than_once(
    database: Database, outbox: Outbox, heard: AbstractQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget = outbox_module.delete
    crashes = iter([RuntimeError("the lights went out")])

    def crash_once(table: Any) -> Any:
        if error := next(crashes, None):
            raise error
        return forget(table)

    monkeypatch.setattr(outbox_module, "delete", crash_once)
    await put(outbox, database, event())
    async with outbox.relaying():
        await until_sent(database)

    one, two = await hear_next(heard), await hear_next(heard)
    assert (one.message_id, one.body) == (two.message_id, two.body)
    assert await heard.get(fail=False) is None


async def test_what_was_put_while_the_broker_was_away_is_sent_later(
    amqp_url: str, database: Database, heard: AbstractQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saying, "PATIENCE", 0.2)
    monkeypatch.setattr(outbox_module, "SWEEP_SECONDS", 0.05)
    said = event()
    async with Line.open(amqp_url) as line:
        broker = connect("tests", line.url)
        outbox = Outbox(database, broker)
        async with open_broker(broker), outbox.relaying():
            await line.cut()
            await put(outbox, database, said)
            await asyncio.sleep(0.3)  # it is tried, and fails
            kept = await waiting(database)
            await line.mend()
            await until_sent(database)

    assert kept == 1
    assert body_of(await hear_next(heard)) == said


async def test_a_message_belongs_to_the_trace_of_its_transaction(
    database: Database, outbox: Outbox, heard: AbstractQueue
) -> None:
    with TracerProvider().get_tracer("tests").start_as_current_span("request") as span:
        await put(outbox, database, event())
    async with outbox.relaying():
        message = await hear_next(heard)
        await until_sent(database)

    assert f"{span.get_span_context().trace_id:032x}" in str(message.headers["traceparent"])
