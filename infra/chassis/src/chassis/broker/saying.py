"""The one way a message leaves a service."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from faststream.rabbit import RabbitBroker
from opentelemetry import propagate

from chassis.broker.topology import exchange_of
from chassis.ids import new_id
from journal_contracts.catalogue import BY_NAME
from journal_contracts.message import Message

PATIENCE = 5.0
"""Seconds the broker has to confirm."""
CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way, with the trace it belongs to."""

    id: UUID
    name: str
    routing_key: str
    subject: str
    body: bytes
    trace: Mapping[str, str]


def letter_of(
    message: Message,
    message_id: UUID,
    subject: str,
    pool: str | None = None,
    routing_key: str | None = None,
) -> Letter:
    """Write a message down, in the trace that is open here."""
    trace: dict[str, str] = {}
    propagate.inject(trace)
    return Letter(
        id=message_id,
        name=message.name,
        routing_key=routing_key or (f"{message.name}.{pool}" if pool else message.name),
        subject=subject,
        body=message.model_dump_json().encode(),
        trace=trace,
    )


class BrokerAway(ConnectionError):
    """RabbitMQ did not confirm in time; the message may or may not have been taken."""


async def say(
    broker: RabbitBroker,
    message: Message,
    *,
    routing_key: str | None = None,
    message_id: UUID | None = None,
    subject: str | None = None,
) -> None:
    """Say a message and wait until the broker has it. `subject` is what it is about, an id.

    Transient messages are given away without a promise. Raises `BrokerAway`, and aio-pika's
    `DeliveryError` for a command that nobody owns.
    """
    await say_encoded(
        broker,
        message.name,
        message.model_dump_json().encode(),
        routing_key=routing_key or message.name,
        message_id=message_id or new_id(),
        subject=subject,
    )


async def say_encoded(
    broker: RabbitBroker,
    name: str,
    body: bytes,
    *,
    routing_key: str,
    message_id: UUID,
    subject: str | None = None,
) -> None:
    """The same for a message that is JSON already."""
    entry = BY_NAME[name]
    try:
        async with asyncio.timeout(PATIENCE):
            await broker.publish(
                body,
                exchange=exchange_of(entry),
                routing_key=routing_key,
                content_type=CONTENT_TYPE,
                message_id=str(message_id),
                message_type=name,
                correlation_id=subject or str(message_id),
                timestamp=datetime.now(UTC),
                headers=cloud_event(str(broker.config.app_id), name, message_id, subject),
                persist=not entry.transient,
                mandatory=entry.is_command,
            )
    except (TimeoutError, ConnectionError) as error:
        raise BrokerAway(name) from error


def cloud_event(service: str, name: str, message_id: UUID, subject: str | None) -> dict[str, Any]:
    """The CloudEvents 1.0 attributes (AMQP binding), for subscribers with their own tools."""
    if BY_NAME[name].is_command:
        return {}
    attributes = {
        "specversion": "1.0",
        "id": str(message_id),
        "source": f"/{service}",
        "type": name,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": CONTENT_TYPE,
    }
    if subject:
        attributes["subject"] = subject
    return {f"cloudEvents:{key}": value for key, value in attributes.items()}
