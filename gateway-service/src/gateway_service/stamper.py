"""The stamper: takes public events from the broker and gives each its place in its user's feed."""

import asyncio
from typing import Final
from uuid import uuid5

import structlog
from faststream.rabbit import RabbitBroker

from chassis.broker import hear
from gateway_service.feed import Feed
from gateway_service.frames import text
from gateway_service.live import tell
from journal_contracts.catalogue import GATEWAY, heard_by
from journal_contracts.message import PublicEvent
from journal_contracts.realtime import Happened

log = structlog.get_logger()

GAP_PATIENCE: Final = 2.0
"""Seconds an early event waits for those before it; then the user's feed begins anew."""
PREFETCH: Final = 64


class Stamper:
    """Every replica has one; together they put each event into its feed once and in order."""

    def __init__(
        self, broker: RabbitBroker, feed: Feed, *, gap_patience: float = GAP_PATIENCE
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._gap_patience = gap_patience

    def listen(self) -> None:
        """Hear every public event the catalogue gives the gateway."""
        for entry in heard_by(GATEWAY):
            if issubclass(entry.message, PublicEvent):
                hear(self._broker, GATEWAY, entry.message, self.stamp, prefetch=PREFETCH)

    async def stamp(self, event: PublicEvent) -> None:
        """Append and tell. If Redis is away this raises, and the event comes back later."""
        where = (event.user_id, event.journal_id, event.n)
        frame = durable_frame(event)
        appended = await self._feed.append(*where, frame)
        if appended.verdict == "parked":
            await asyncio.sleep(self._gap_patience)
            appended = await self._feed.append(*where, frame, give_up=True)
            if appended.verdict == "appended":
                log.warning("feed_begun_anew", journal_id=str(event.journal_id), n=event.n)
        epoch, entries = appended.epoch, appended.entries
        if appended.verdict == "known":  # perhaps nobody was told; who missed it will see the gap
            epoch, entries = await self._feed.newest(event.user_id)
        for entry in entries:
            await tell(self._broker, event.user_id, epoch, entry)


def durable_frame(event: PublicEvent) -> bytes:
    """The frame as clients get it, but for its offset; the same event gives the same bytes."""
    frame = Happened(
        cls="durable",
        type=event.name,
        id=str(uuid5(event.journal_id, str(event.n))),
        at=event.at,
        journal=event.journal_id,
        n=event.n,
        data=event.model_dump(mode="json"),
    )
    return text(frame).encode()
