"""Somebody who listens to every public event, on a durable queue, and remembers each."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import aiormq
from aiormq.abc import DeliveredMessage

from chassis.jobs import running, woken

QUEUE = "faults.ears"
QUORUM = {"x-queue-type": "quorum"}


@dataclass
class Ears:
    """What was heard, once each."""

    heard: set[tuple[UUID, int, str]] = field(default_factory=set)
    news: dict[UUID, asyncio.Event] = field(default_factory=dict)
    """Set when a journal asks its user, or no longer does, or is over."""

    async def wait_for_news(self, journal: UUID, seconds: float) -> None:
        """Until something is heard that a user would act on, or until this long."""
        news = self.news.setdefault(journal, asyncio.Event())
        await woken(news, within=seconds)
        news.clear()

    @contextlib.asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[None]:
        """Listen while the block runs, through every restart of the broker."""
        ready = asyncio.Event()

        async def listen() -> None:
            async with aiormq.Connection(url) as connection:
                channel = await connection.channel()
                await channel.queue_declare(
                    QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
                )
                await channel.queue_bind(QUEUE, "events", "journal.#")
                await channel.basic_qos(prefetch_count=1000)

                async def hear(message: DeliveredMessage) -> None:
                    body = json.loads(message.body)
                    name = message.header.properties.message_type or ""
                    journal = UUID(body["journal_id"])
                    self.heard.add((journal, body["n"], name))
                    if not name.startswith("journal.phase.") and journal in self.news:
                        self.news[journal].set()
                    await channel.basic_ack(message.delivery_tag or 0, wait=False)

                await channel.basic_consume(QUEUE, hear)
                ready.set()
                await asyncio.wait([channel.closing])

        async with running("ears", listen):
            await ready.wait()
            yield
