"""The last hop: what stampers and workers tell of a user reaches each replica that holds a socket.

It may lose messages: offsets make that visible, and the feed's history heals it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage, FieldValue
from faststream.rabbit import RabbitBroker, RabbitQueue
from pydantic import ValidationError

from chassis.broker import BrokerAway, say
from chassis.broker.topology import LIVE, bucket_of
from chassis.ids import new_id
from chassis.jobs import running
from gateway_service.connections import ConnectionManager
from gateway_service.feed import Entry
from gateway_service.frames import passing
from journal_contracts.catalogue import GATEWAY
from journal_contracts.events import ProgressReported, TextWanted, TextWritten
from journal_contracts.realtime import SUBPROTOCOL

log = structlog.get_logger()

PATIENCE: Final = 5.0
LINGER: Final = 30.0
"""Seconds between two looks for buckets that nobody here listens to any more."""
READ_SECONDS: Final = 5.0
"""Until the workers are told again who reads along; they forget it after three times that."""
USER, EPOCH, OFFSET = "x-jcc-user", "x-jcc-epoch", "x-jcc-offset"


class Hop:
    """The last hop, as stampers say on it: without confirms, and not behind what binds queues."""

    def __init__(self, broker: RabbitBroker) -> None:
        self._broker = broker
        self._opening: asyncio.Task[AbstractExchange] | None = None

    async def tell(self, user_id: UUID, epoch: str, entry: Entry) -> None:
        """Give a stamped frame to every replica that listens for this user."""
        headers: dict[str, FieldValue] = {
            USER: str(user_id),
            EPOCH: epoch,
            OFFSET: entry.offset,
        }
        message = Message(entry.frame, headers=headers, type=SUBPROTOCOL)
        async with asyncio.timeout(PATIENCE):
            exchange = await self._opened()
            await exchange.publish(message, _key(bucket_of(user_id)), mandatory=False)

    async def _opened(self) -> AbstractExchange:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._look)
        return await asyncio.shield(self._opening)

    async def _open(self) -> AbstractExchange:
        connection = await self._broker.connect()
        channel = await connection.channel(publisher_confirms=False)
        return await channel.get_exchange(LIVE.name, ensure=False)

    def _look(self, opening: asyncio.Task[AbstractExchange]) -> None:
        if opening.cancelled() or opening.exception():
            self._opening = None


class Listener:
    """This replica's own queue, bound to the buckets of the users who are connected here."""

    def __init__(self, broker: RabbitBroker, connections: ConnectionManager) -> None:
        self._broker = broker
        self._connections = connections
        self._bound: set[int] = set()
        self._binding = asyncio.Lock()
        self._queue = RabbitQueue(
            f"{GATEWAY}.live.{new_id()}", exclusive=True, auto_delete=True, durable=False
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear while the block runs, on the bare connection: this is much, and worth no trace."""
        await self._broker.declare_exchange(LIVE)
        queue = await self._broker.declare_queue(self._queue)
        tag = await queue.consume(self._hear, no_ack=True)
        async with (
            running("unbinding", self._forget_the_gone),
            running("asking for text", self._keep_asking),
        ):
            yield
        await queue.cancel(tag)

    async def listen_for(self, user_id: UUID) -> None:
        """Return once the broker has confirmed that this user's bucket comes here."""
        binding = asyncio.create_task(self._bind(bucket_of(user_id)))
        binding.add_done_callback(lambda done: done.cancelled() or done.exception())
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(binding)

    async def _bind(self, bucket: int) -> None:
        """Never cut short: a call that is cancelled closes its channel, on which all hear."""
        async with self._binding:
            if bucket not in self._bound:
                queue = await self._broker.declare_queue(self._queue)
                await queue.bind(LIVE.name, routing_key=_key(bucket))
                self._bound.add(bucket)

    async def ask_for_text(self, user_id: UUID, journal_id: UUID) -> None:
        """Tell the workers that a journal of this user is read: until they forget it, or again.

        It says whose it is: a journal of somebody else gives nothing.
        """
        with contextlib.suppress(BrokerAway, RuntimeError, OSError):
            await say(self._broker, TextWanted(journal_id=journal_id, user_id=user_id))

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(READ_SECONDS)
            for reader in self._connections.readers():
                await self.ask_for_text(*reader)

    async def _forget_the_gone(self) -> None:
        """Unbind, again and again, the buckets of users who are no longer connected here."""
        while True:
            await asyncio.sleep(LINGER)
            async with self._binding:
                here = {bucket_of(user_id) for user_id in self._connections.heard()}
                for bucket in self._bound - here:
                    queue = await self._broker.declare_queue(self._queue)
                    await queue.unbind(LIVE.name, routing_key=_key(bucket))
                    self._bound.discard(bucket)

    async def ping(self) -> None:
        if not await self._broker.ping(timeout=1):
            raise ConnectionError("RabbitMQ is away")

    async def _hear(self, delivery: AbstractIncomingMessage) -> None:
        try:
            self._pass_on(delivery)
        except (ValidationError, ValueError, KeyError) as error:
            log.warning("live_message_unreadable", type=delivery.type, exc_info=error)

    def _pass_on(self, delivery: AbstractIncomingMessage) -> None:
        """No await from here on to the sockets' queues: one slow reader must not hold up others."""
        if delivery.type == ProgressReported.name:
            progress = ProgressReported.model_validate_json(delivery.body)
            whose = progress.user_id, progress.journal_id
            self._connections.deliver_newest(*whose, *latest_frame(progress))
        elif delivery.type == TextWritten.name:
            self._connections.deliver_text(TextWritten.model_validate_json(delivery.body))
        else:
            user_id, epoch = UUID(str(delivery.headers[USER])), str(delivery.headers[EPOCH])
            offset = int(str(delivery.headers[OFFSET]))
            self._connections.deliver(user_id, epoch, offset, delivery.body)


def latest_frame(progress: ProgressReported) -> tuple[str, bytes]:
    """The key under which the newest word replaces the older ones, and the frame."""
    key = f"{progress.journal_id}/{progress.phase}/{progress.part}"
    return key, passing("latest", progress, key)


def _key(bucket: int) -> str:
    return f"u.{bucket}"
