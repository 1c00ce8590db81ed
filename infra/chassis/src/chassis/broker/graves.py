"""The dead letters of all services: read from where they lie, and sent back to where they failed.

A service buries what it cannot read or handle (`hearing`); RabbitMQ buries what killed its readers.
One reader takes them all out of `<service>.dead`, so that they can be looked at and decided about.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from aio_pika.exceptions import AMQPException, DeliveryError
from faststream import AckPolicy
from faststream.exceptions import FastStreamException
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.annotations import RabbitMessage

from chassis.broker import topology
from chassis.broker.hearing import (
    ERROR,
    ERROR_ID,
    HEARD_ON,
    REASON,
    TRIES,
    Delivery,
    as_it_came,
    delivery_of,
)
from chassis.broker.saying import CONTENT_TYPE, PATIENCE, BrokerAway
from journal_contracts.catalogue import CATALOGUE

log = structlog.get_logger()

REDRIVES: Final = "x-jcc-redrives"
DELIVERY_LIMIT: Final = "delivery_limit"
OF_A_LIFE: Final = re.compile(r"x-(jcc|death|first-death|last-death|delivery|acquired)(-|$)")
"""Headers that tell how a message fared; one that is sent back begins a new life without them."""
BY_BROKER: Final = UUID("6f1c7d0e-6a0b-5d0c-9c61-2f6d0e3b9a11")
"""What ids are made under where the broker buried: it gives none, and may bury twice."""
LONGEST_WORD: Final = 200
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

QUEUES: Final = {
    topology.queue_of(service, key).name: entry.name
    for entry in CATALOGUE
    for service in entry.heard_by
    for key in entry.routing_keys
}
"""Which message each queue is for."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A hopeless message; `id` is that of the error, the same however often it is delivered.

    `reason` is `unreadable`, `out_of_tries`, `delivery_limit` or another word of the broker's;
    `tries` is how often it was taken up, `redrives` how often it had been sent back before.
    """

    id: UUID
    service: str
    queue: str
    name: str
    reason: str
    error: str
    tries: int
    redrives: int
    body: bytes
    message_id: str | None = None
    subject: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class QueueGone(LookupError):
    """There is no queue of this name any more."""


Keep = Callable[[DeadLetter], Awaitable[None]]


def hear_the_dead(broker: RabbitBroker, keep: Keep, *, prefetch: int = 16) -> None:
    """Call `keep` for each dead letter of each service, and ack it once that returned.

    While `keep` raises it is asked again: nothing is given back to the broker, which would count.
    """
    for service in topology.services_that_hear():
        _hear(broker, service, keep, prefetch)


async def send_back(broker: RabbitBroker, letter: DeadLetter) -> None:
    """Let a letter arrive once more where it failed, as if for the first time, and be confirmed.

    Raises `BrokerAway` if that is not certain, `QueueGone` if nobody could hear it there.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            await broker.publish(
                letter.body,
                exchange=topology.AGAIN,
                routing_key=letter.queue,
                content_type=CONTENT_TYPE,
                message_id=letter.message_id,
                message_type=letter.name,
                correlation_id=letter.subject,
                headers={**letter.headers, REDRIVES: letter.redrives + 1},
                timestamp=datetime.now(UTC),
                persist=True,
                mandatory=True,
            )
    except DeliveryError as error:
        raise QueueGone(letter.queue) from error
    except (AMQPException, FastStreamException, OSError, RuntimeError, TimeoutError) as error:
        raise BrokerAway(letter.name) from error


def _hear(broker: RabbitBroker, service: str, keep: Keep, prefetch: int) -> None:
    async def consume(delivery: RabbitMessage) -> None:
        letter = read(service, delivery_of(delivery))
        pause = FIRST_PAUSE
        while True:
            try:
                await keep(letter)
                break
            except Exception as error:  # whatever it was, the letter must not be lost
                log.warning("dead_letter_waits", id=str(letter.id), exc_info=error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        await delivery.ack()

    broker.subscriber(
        topology.dead_letters(service),
        topology.DEAD,
        channel=Channel(prefetch_count=prefetch, on_return_raises=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_came,
    )(consume)


def read(service: str, delivery: Delivery) -> DeadLetter:
    """What lies in a dead queue as a letter. Anything may lie there, so nothing is trusted."""
    headers = delivery.headers
    reason, queue = _cause(headers)
    redrives = _number(headers.get(REDRIVES))
    by_broker = reason == DELIVERY_LIMIT
    return DeadLetter(
        id=_id(delivery, queue, redrives),
        service=service,
        queue=queue,
        name=QUEUES.get(queue) or _word(delivery.kind),
        reason=reason,
        error=_word(headers.get(ERROR)),
        tries=topology.DELIVERY_LIMIT + 1 if by_broker else _number(headers.get(TRIES)) + 1,
        redrives=redrives,
        body=delivery.body,
        message_id=_word(delivery.message_id) or None,
        subject=_word(delivery.subject) or None,
        headers={
            _word(name): _word(value)
            for name, value in headers.items()
            if isinstance(value, str) and not OF_A_LIFE.match(name)
        },
    )


def _cause(headers: Mapping[str, Any]) -> tuple[str, str]:
    """Why a letter is here, and from which queue: in our own words, or else in the broker's."""
    if REASON in headers:
        return _word(headers[REASON]), _word(headers.get(HEARD_ON))
    deaths = headers.get("x-death")
    for death in deaths if isinstance(deaths, list) else ():
        if isinstance(death, Mapping) and death.get("reason") != "expired":
            return _word(death.get("reason")), _word(death.get("queue"))
    return "unknown", ""


def _id(delivery: Delivery, queue: str, redrives: int) -> UUID:
    try:
        return UUID(delivery.headers.get(ERROR_ID))
    except (ValueError, TypeError, AttributeError):
        which = delivery.message_id.encode() if delivery.message_id else delivery.body
        return uuid5(BY_BROKER, f"{queue} {redrives} {which.hex()}")


def _number(told: Any) -> int:
    return told if isinstance(told, int) and 0 <= told < 2**31 else 0


def _word(told: Any) -> str:
    """As much of it as a database takes and a person reads."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    if not isinstance(text, str):
        return ""
    return text.replace("\0", "").encode(errors="replace").decode()[:LONGEST_WORD]
