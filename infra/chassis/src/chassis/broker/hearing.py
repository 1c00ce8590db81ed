"""How a service hears: a handler per message, and what becomes of a delivery that fails."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeVar

import structlog
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.annotations import RabbitMessage
from prometheus_client import Counter
from pydantic import ValidationError

from chassis.broker import topology
from chassis.broker.saying import CONTENT_TYPE
from chassis.ids import new_id
from journal_contracts.catalogue import BY_NAME
from journal_contracts.message import Message

log = structlog.get_logger()

PAUSE: Final = 1.0
"""Seconds until a message that could neither be handled nor moved on is heard again."""
TRIES: Final = "x-jcc-tries"
REASON: Final = "x-jcc-reason"
ERROR_ID: Final = "x-jcc-error-id"
HEARD_ON: Final = "x-jcc-queue"
ERROR: Final = "x-jcc-error"
MOST_FAULTS: Final = 10
"""So many are logged of one body: it may have thousands."""

lost = Counter("replica_lost_messages", "Told to every replica, lost by this", ["name", "reason"])

M = TypeVar("M", bound=Message)
Handler = Callable[[M], Awaitable[None]]


class NotForMe(Exception):
    """Raised by a handler: another replica can take this message, and this one cannot."""


def hear(
    broker: RabbitBroker,
    service: str,
    message: type[M],
    handler: Handler[M],
    *,
    pool: str | None = None,
    prefetch: int = 16,
) -> None:
    """Call `handler` for each message of this kind and ack it when the handler returns.

    If it raises, the message comes back after 1, 5, 30 and 300 s, and is buried after that. What
    is no such message is buried at once. A reader that dies leaves it to the next one.
    """
    routing_key = f"{message.name}.{pool}" if pool else message.name
    ear = Ear(broker, service, topology.queue_of(service, routing_key))

    async def consume(delivery: RabbitMessage) -> None:
        try:
            await ear.take(message, handler, delivery_of(delivery))
        except NotForMe:
            await asyncio.sleep(PAUSE)
            await delivery.nack()
        else:
            await delivery.ack()

    exchange = topology.exchange_of(BY_NAME[message.name])
    _subscribe(broker, ear.queue, exchange, consume, prefetch)


def hear_on_every_replica(
    broker: RabbitBroker, service: str, message: type[M], handler: Handler[M]
) -> None:
    """Call `handler` in each replica; the queue is its own and goes with it: nothing is retried.

    A message that cannot be read or handled is logged and counted, and the next one is heard.
    """
    queue = RabbitQueue(
        f"{service}.{message.name}.{new_id()}",
        exclusive=True,
        auto_delete=True,
        durable=False,
        routing_key=message.name,
    )

    async def consume(delivery: RabbitMessage) -> None:
        await delivery.ack()
        try:
            body = message.model_validate_json(delivery.body)
        except ValidationError as error:
            _lose(message, "unreadable", faults=faults_of(message, error))
            return
        try:
            await handler(body)
        except Exception as error:  # whatever it was, the next message is not to blame
            _lose(message, "failed", exc_info=error)

    _subscribe(broker, queue, topology.exchange_of(BY_NAME[message.name]), consume, 64)


def _subscribe(
    broker: RabbitBroker,
    queue: RabbitQueue,
    exchange: RabbitExchange,
    consume: Callable[[RabbitMessage], Awaitable[None]],
    prefetch: int,
) -> None:
    broker.subscriber(
        queue,
        exchange,
        channel=Channel(prefetch_count=prefetch, on_return_raises=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_came,
    )(consume)


async def as_it_came(delivery: RabbitMessage) -> bytes:
    """In the place of FastStream's decoder, whose failure would leave a message unheard forever."""
    return delivery.body


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came, as it came."""

    body: bytes
    headers: Mapping[str, Any]
    message_id: str | None
    kind: str | None
    subject: str | None


def delivery_of(message: RabbitMessage) -> Delivery:
    """The same from FastStream's hands, which give ids to what came without."""
    raw = message.raw_message
    return Delivery(message.body, message.headers, raw.message_id, raw.type, raw.correlation_id)


@dataclass(frozen=True)
class Ear:
    """One queue of one service, and where its failed deliveries go."""

    broker: RabbitBroker
    service: str
    queue: RabbitQueue

    async def take(self, message: type[M], handler: Handler[M], delivery: Delivery) -> None:
        """Handle a delivery, or let it wait, or bury it; when this returns it may be acked."""
        try:
            body = message.model_validate_json(delivery.body)
        except ValidationError as error:
            await self.bury(delivery, "unreadable", error, faults_of(message, error))
            return
        try:
            await handler(body)
        except NotForMe:
            raise
        except Exception as error:  # whatever it was, the message must not be lost
            await self.postpone(delivery, error)

    async def postpone(self, delivery: Delivery, error: Exception) -> None:
        """Let the message wait on the next rung, or bury it when there is none left."""
        tries = int(delivery.headers.get(TRIES, 0))
        if tries >= len(topology.RUNGS):
            await self.bury(delivery, "out_of_tries", error)
            return
        seconds = topology.RUNGS[tries]
        log.warning("message_postponed", queue=self.queue.name, seconds=seconds, exc_info=error)
        entrance, _ = topology.rung(seconds)
        await self._move(delivery, entrance, self.queue.name, {TRIES: tries + 1})

    async def bury(
        self, delivery: Delivery, reason: str, error: Exception, faults: Sequence[str] = ()
    ) -> None:
        """Keep the message with the dead letters, with the reason and an id to find it by."""
        name, error_id = self.queue.name, str(new_id())
        told = {"faults": faults} if faults else {"exc_info": error}
        log.error("message_buried", queue=name, reason=reason, error_id=error_id, **told)
        kind = type(error).__name__
        headers = {REASON: reason, ERROR_ID: error_id, HEARD_ON: name, ERROR: kind}
        await self._move(delivery, topology.DEAD, self.service, headers)

    async def _move(
        self,
        delivery: Delivery,
        exchange: RabbitExchange,
        routing_key: str,
        headers: Mapping[str, str | int],
    ) -> None:
        """Say it there, then it is acked here: a crash in between leaves two, never none."""
        await self.broker.publish(
            delivery.body,
            exchange=exchange,
            routing_key=routing_key,
            content_type=CONTENT_TYPE,
            message_id=delivery.message_id,
            message_type=delivery.kind,
            correlation_id=delivery.subject,
            headers={**delivery.headers, **headers},
            timestamp=datetime.now(UTC),
            persist=True,
            mandatory=True,
        )


def _lose(message: type[Message], reason: str, **told: Any) -> None:
    lost.labels(message.name, reason).inc()
    log.error("message_lost", name=message.name, reason=reason, error_id=str(new_id()), **told)


def faults_of(message: type[Message], error: ValidationError) -> list[str]:
    """Where a body is not what it should be, and how; never what stood there, key or value."""
    known = _fields(message)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        "".join(f"/{part if part in known else '*'}" for part in fault["loc"])
        + f": {fault['type']}"
        for fault in found[:MOST_FAULTS]
    ]


@cache
def _fields(message: type[Message]) -> frozenset[str]:
    """The names of all fields of a message, at any depth."""
    schema = message.model_json_schema()
    shapes = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for shape in shapes for name in shape.get("properties", ()))
