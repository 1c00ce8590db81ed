"""The hot queues: the same messages under the same types, without a task and a span for each.

`hear` goes through FastStream, one message at a time. Here acks are said together; what fails is
retried and buried as there. Speaking (`speaking`) has a connection of its own: a broker short of
memory stops those that speak, and must not stop the acks with them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, Generic, TypeVar

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
) -> AsyncIterator["Hearing[M]"]:
    """Hear while the block runs, as `hear` does; `prefetch` handlers run side by side."""
    routing_key = f"{message.name}.{pool}" if pool else message.name
    ear = Ear(broker, service, topology.queue_of(service, routing_key))
    hearing = Hearing(ear, message, handler, prefetch)
    async with running(f"hearing {ear.queue.name}", partial(hearing.listen, url)):
        yield hearing


class Hearing(Generic[M]):
    """What comes on one queue, and what of it is under way."""

    def __init__(self, ear: Ear, message: type[M], handler: Handler[M], prefetch: int) -> None:
        self._ear, self._message, self._handler = ear, message, handler
        self._prefetch = prefetch
        self._stopped = False
        self._acks: _Acks | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def listen(self, url: str) -> None:
        """Hear on a connection of its own, until that is lost."""
        async with aiormq.Connection(url) as connection:
            wire = await channel_of(connection)
            self._acks = acks = _Acks(wire)
            await wire.basic_qos(prefetch_count=self._prefetch)
            if not self._stopped:
                await wire.basic_consume(self._ear.queue.name, partial(self._consume, acks))
            await asyncio.wait([wire.closing])

    async def stop(self, seconds: float) -> None:
        """Take no more; what is under way has so long to end, and is acked if it does."""
        self._stopped = True
        if self._acks is None:
            return
        with contextlib.suppress(AMQPException, OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(PAUSE):
                await self._acks.take_no_more()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self._acks.said()

    async def _consume(self, acks: "_Acks", delivery: DeliveredMessage) -> None:
        self._under_way += 1
        self._idle.clear()
        try:
            await self._take(acks, delivery)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _take(self, acks: "_Acks", delivery: DeliveredMessage) -> None:
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
            await self._ear.take(self._message, self._handler, came)
        except NotForMe:
            await asyncio.sleep(PAUSE)
            await acks.give_back(tag)
        except (AMQPException, OSError, RuntimeError, TimeoutError) as error:
            log.warning("message_kept", queue=self._ear.queue.name, exc_info=error)
            await asyncio.sleep(PAUSE)
            await acks.give_back(tag)
        else:
            acks.done(tag)


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

    async def take_no_more(self) -> None:
        """Tell the broker; acks are said all the same."""
        for consumer in tuple(self._wire.consumers):
            await self._wire.basic_cancel(consumer)

    async def said(self) -> None:
        """Return when the broker was told of all that is done."""
        if self._saying is not None:
            await asyncio.wait([self._saying])

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
