"""Every exchange and queue, built from the catalogue alone, so that any service may declare them.

events, commands --> <service>.<routing key>  --(limit)-->  dead --> <service>.dead
                          ^                       |
                          +--- again <-- retry.<n>s (a message waits here before another try)
"""

from typing import Final
from uuid import UUID
from zlib import crc32

from aio_pika.abc import AbstractChannel, AbstractQueue
from faststream.rabbit import ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue

from journal_contracts.catalogue import CATALOGUE, Entry

EVENTS: Final = RabbitExchange("events", type=ExchangeType.TOPIC)
COMMANDS: Final = RabbitExchange("commands", type=ExchangeType.TOPIC)
LIVE: Final = RabbitExchange("live", type=ExchangeType.TOPIC, durable=False)
"""What is only worth something now; nothing here is truth."""
AGAIN: Final = RabbitExchange("again", type=ExchangeType.DIRECT)
DEAD: Final = RabbitExchange("dead", type=ExchangeType.DIRECT)
RUNGS: Final = (1, 5, 30, 300)
"""Seconds a message waits before its 1st, 2nd, 3rd and 4th new try."""
DELIVERY_LIMIT: Final = 100
"""How often a message may come back because its reader died, or lost the broker.

A message that kills its readers comes back each time. Its neighbours do too while it does, and one
that waits for the lease of a reader who died meets several deaths for each of its own tries.
"""

BUCKETS: Final = 1024


def bucket_of(user_id: UUID) -> int:
    """Users share routing keys on `live`, `u.<bucket>`, so that bindings stay few."""
    return crc32(user_id.bytes) % BUCKETS


def exchange_of(entry: Entry) -> RabbitExchange:
    """Where messages of this kind are said."""
    if entry.transient:
        return LIVE
    return COMMANDS if entry.is_command else EVENTS


def queue_of(service: str, routing_key: str) -> RabbitQueue:
    """The durable queue on which a service hears one routing key, shared by its replicas."""
    return RabbitQueue(
        f"{service}.{routing_key}",
        queue_type=QueueType.QUORUM,
        routing_key=routing_key,
        arguments={
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD.name,
            "x-dead-letter-routing-key": service,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def rung(seconds: int) -> tuple[RabbitExchange, RabbitQueue]:
    """A fixed wait: messages go in by the exchange and come out on `again` under the same key."""
    name = f"retry.{seconds}s"
    queue = RabbitQueue(
        name,
        queue_type=QueueType.QUORUM,
        arguments={
            "x-message-ttl": seconds * 1000,
            "x-dead-letter-exchange": AGAIN.name,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    return RabbitExchange(name, type=ExchangeType.FANOUT), queue


def dead_letters(service: str) -> RabbitQueue:
    """Where a service's unreadable and hopeless messages are kept, with the reason in a header."""
    return RabbitQueue(f"{service}.dead", queue_type=QueueType.QUORUM, routing_key=service)


def services_that_hear() -> tuple[str, ...]:
    """All that have queues, and so may have dead letters."""
    return tuple(sorted({service for entry in CATALOGUE for service in entry.heard_by}))


def queue_names() -> list[str]:
    """Every queue `declare` makes, the waiting rooms first."""
    heard = [
        queue_of(service, key)
        for entry in CATALOGUE
        for service in entry.heard_by
        for key in entry.routing_keys
    ]
    waiting = [rung(seconds)[1] for seconds in RUNGS]
    buried = [dead_letters(service) for service in services_that_hear()]
    return [queue.name for queue in (*waiting, *heard, *buried)]


async def declare(broker: RabbitBroker) -> None:
    """Declare everything the catalogue names. Safe to repeat, and from any service.

    Queues are declared on a channel of their own: the broker would remember them with its default
    channel and hear on that, where no prefetch holds.
    """
    for exchange in (EVENTS, COMMANDS, LIVE, AGAIN, DEAD):
        await broker.declare_exchange(exchange)
    connection = await broker.connect()
    async with connection.channel() as channel:
        for seconds in RUNGS:
            entrance, waiting_room = rung(seconds)
            await broker.declare_exchange(entrance)
            queue = await _declare_queue(channel, waiting_room)
            await queue.bind(entrance.name)
        for service in services_that_hear():
            queue = await _declare_queue(channel, dead_letters(service))
            await queue.bind(DEAD.name, routing_key=service)
        for entry in CATALOGUE:
            for service in entry.heard_by:
                for key in entry.routing_keys:
                    queue = await _declare_queue(channel, queue_of(service, key))
                    await queue.bind(exchange_of(entry).name, routing_key=key)
                    await queue.bind(AGAIN.name, routing_key=queue.name)


async def _declare_queue(channel: AbstractChannel, queue: RabbitQueue) -> AbstractQueue:
    return await channel.declare_queue(queue.name, durable=queue.durable, arguments=queue.arguments)
