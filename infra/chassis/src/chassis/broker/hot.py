"""The hot queues: the same messages under the same types, without a task and a span for each.

`hear` goes through FastStream, one message at a time. Here acks are said together; what fails is
retried and buried as there. Speaking (`speaking`) has a connection of its own: a broker short of
memory stops those that speak, and must not stop the acks with them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, TypeVar

import aiormq
import structlog
from aio_pika.exceptions import AMQPException
from aiormq import Channel
from aiormq.abc import AbstractConnection, DeliveredMessage
from faststream.rabbit import RabbitBroker
from opentelemetry import context, propagate

from chassis.broker import topology
from chassis.broker.hearing import PAUSE, Delivery, Ear, Handler, NotForMe
from chassis.jobs import running
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
            wire = await channel_of(connection)
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


async def channel_of(connection: AbstractConnection) -> Channel:
    """A channel with confirms, without what aio-pika puts around each message."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    assert isinstance(channel, Channel)  # noqa: S101 - the only kind there is
    return channel
