"""The hot queues: the same messages under the same types, without a task and a span for each.

`hear` and `say` go through FastStream, one message at a time. Here acks are said together, and
messages leave without waiting for one another; each is still confirmed, retried and buried as
there. Hearing and speaking have a connection each: a broker short of memory stops the speakers,
and must not stop the acks with them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import aiormq
import structlog
from aio_pika.exceptions import AMQPException
from aiormq import Channel
from aiormq.abc import AbstractConnection, DeliveredMessage
from faststream.rabbit import RabbitBroker
from opentelemetry import context, propagate
from pamqp.commands import Basic

from chassis.broker import topology
from chassis.broker.hearing import PAUSE, Delivery, Ear, Handler, NotForMe
from chassis.broker.saying import CONTENT_TYPE, PATIENCE, Letter, cloud_event
from chassis.jobs import running
from journal_contracts.catalogue import BY_NAME
from journal_contracts.message import Message

log = structlog.get_logger()

M = TypeVar("M", bound=Message)
PERSISTENT: Final = 2


@contextlib.asynccontextmanager
async def hearing_hot(
    broker: RabbitBroker,
    url: str,
    service: str,
    message: type[M],
    handler: Handler[M],
    *,
    pool: str | None = None,
    prefetch: int = 512,
) -> AsyncIterator[None]:
    """Hear while the block runs, as `hear` does; `prefetch` handlers run side by side."""
    routing_key = f"{message.name}.{pool}" if pool else message.name
    ear = Ear(broker, service, topology.queue_of(service, routing_key))

    async def listen() -> None:
        async with aiormq.Connection(url) as connection:
            wire = await _channel_of(connection)
            acks = _Acks(wire)

            async def consume(delivery: DeliveredMessage) -> None:
                properties = delivery.header.properties
                headers = properties.headers or {}
                context.attach(propagate.extract(headers))
                came = Delivery(
                    delivery.body,
                    headers,
                    properties.message_id,
                    properties.message_type,
                    properties.correlation_id,
                )
                tag = delivery.delivery_tag or 0
                try:
                    await ear.take(message, handler, came)
                except NotForMe:
                    await asyncio.sleep(PAUSE)
                    await acks.give_back(tag)
                except (AMQPException, OSError, RuntimeError, TimeoutError) as error:
                    log.warning("message_kept", queue=ear.queue.name, exc_info=error)
                    await asyncio.sleep(PAUSE)
                    await acks.give_back(tag)
                else:
                    acks.done(tag)

            await wire.basic_qos(prefetch_count=prefetch)
            await wire.basic_consume(ear.queue.name, consume)
            await asyncio.wait([wire.closing])

    async with running(f"hearing {ear.queue.name}", listen):
        yield


class _Acks:
    """Says many acks as one wherever nothing before them is still under way."""

    def __init__(self, wire: Channel) -> None:
        self._wire = wire
        self._settled = 0
        """The broker knows the end of every delivery up to this one."""
        self._beyond: set[int] = set()
        """Of these too, but an earlier one is still under way."""
        self._done: set[int] = set()
        self._saying: asyncio.Task[None] | None = None

    def done(self, tag: int) -> None:
        """Ack it, soon."""
        self._done.add(tag)
        if self._saying is None:
            self._saying = asyncio.create_task(self._say())

    async def give_back(self, tag: int) -> None:
        """Let it be delivered again."""
        await self._wire.basic_nack(tag, requeue=True, wait=False)
        self._beyond.add(tag)

    async def _say(self) -> None:
        try:
            while self._done:
                await asyncio.sleep(0)  # what is done in this turn of the loop goes together
                done, self._done = self._done, set()
                if together := self._run(done):
                    await self._wire.basic_ack(max(together), multiple=True, wait=False)
                for tag in sorted(done - together):
                    await self._wire.basic_ack(tag, wait=False)
        except (AMQPException, RuntimeError, OSError) as error:
            log.info("acks_lost", error=type(error).__name__)  # they will be delivered again
        finally:
            self._saying = None

    def _run(self, done: set[int]) -> set[int]:
        """Settle `done`; those returned follow one another without a gap, from the first open."""
        self._beyond |= done
        together = set()
        while (following := self._settled + 1) in self._beyond:
            self._beyond.discard(following)
            self._settled = following
            together.add(following)
        return together & done


@dataclass
class Speaker:
    """Says many messages at once; `say_all` tells of each whether the broker has it."""

    service: str
    url: str
    _wire: Channel | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        """One answer a letter, in their order; False where it may or may not have arrived."""
        try:
            async with asyncio.timeout(PATIENCE):
                wire = await self._connected()
        except (AMQPException, OSError, RuntimeError, TimeoutError) as error:
            log.warning("broker_away", error=type(error).__name__)
            return [False] * len(letters)
        return await asyncio.gather(*(self._say(wire, letter) for letter in letters))

    async def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(AMQPException, OSError, RuntimeError):
            await self._stack.aclose()

    async def _connected(self) -> Channel:
        async with self._connecting:
            if self._wire is None or self._wire.is_closed:
                await self.close()
                connection = aiormq.Connection(self.url)
                self._stack.push_async_callback(connection.close)
                await connection.connect()
                self._wire = await _channel_of(connection)
            return self._wire

    async def _say(self, wire: Channel, letter: Letter) -> bool:
        entry = BY_NAME[letter.name]
        try:
            await wire.basic_publish(
                letter.body,
                exchange=topology.exchange_of(entry).name,
                routing_key=letter.routing_key,
                properties=Basic.Properties(
                    content_type=CONTENT_TYPE,
                    delivery_mode=PERSISTENT,
                    message_id=str(letter.id),
                    message_type=letter.name,
                    correlation_id=letter.subject,
                    timestamp=datetime.now(UTC),
                    app_id=self.service,
                    headers={
                        **letter.trace,
                        **cloud_event(self.service, letter.name, letter.id, letter.subject),
                    },
                ),
                mandatory=entry.is_command,
                timeout=PATIENCE,
                wait=False,
            )
        except (AMQPException, OSError, RuntimeError, TimeoutError) as error:
            log.warning("message_not_sent", message=letter.name, id=str(letter.id), exc_info=error)
            return False
        return True


async def _channel_of(connection: AbstractConnection) -> Channel:
    """A channel with confirms, without what aio-pika puts around each message."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    assert isinstance(channel, Channel)  # noqa: S101 - the only kind there is
    return channel
