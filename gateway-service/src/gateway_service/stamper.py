"""The stamper: takes public events from the broker and gives each its place in its user's feed."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from faststream.rabbit import RabbitBroker
from redis.exceptions import RedisError

from chassis.broker import hear
from chassis.errors import Unavailable
from gateway_service.feed import Appended, Entry, Feed
from gateway_service.frames import text
from gateway_service.history import History
from gateway_service.live import tell
from journal_contracts.api import ToldEvent
from journal_contracts.catalogue import GATEWAY, heard_by
from journal_contracts.message import PublicEvent
from journal_contracts.realtime import Happened

log = structlog.get_logger()

GAP_PATIENCE: Final = 2.0
"""Seconds an early event waits for those before it; then they are asked for."""
FIRST_LOOK: Final = 0.02
"""Seconds until it is looked for the first time whether they have come; then twice as long."""
REDIS_PAUSE: Final = 0.5
PREFETCH: Final = 64


class Stamper:
    """Every replica has one; together they put each event into its feed once and in order."""

    def __init__(
        self,
        broker: RabbitBroker,
        feed: Feed,
        history: History,
        *,
        gap_patience: float = GAP_PATIENCE,
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._history = history
        self._gap_patience = gap_patience

    def listen(self) -> None:
        """Hear every public event the catalogue gives the gateway."""
        for entry in heard_by(GATEWAY):
            if issubclass(entry.message, PublicEvent):
                hear(self._broker, GATEWAY, entry.message, self.stamp, prefetch=PREFETCH)

    async def stamp(self, event: PublicEvent) -> None:
        """Append and tell. While Redis is away this waits: late is not lost."""
        while True:
            try:
                await self._stamp(event)
                return
            except (RedisError, OSError) as error:
                log.warning("feed_away", n=event.n, error=type(error).__name__)
                await asyncio.sleep(REDIS_PAUSE)

    async def _stamp(self, event: PublicEvent) -> None:
        frame = durable_frame(event.name, event.model_dump(mode="json"))
        where = (event.user_id, event.journal_id, event.n)
        appended = await self._feed.append(*where, frame)
        if appended.verdict == "known":  # perhaps nobody was told; who missed it will see the gap
            epoch, entries = await self._feed.newest(event.user_id)
            await self._tell(event.user_id, epoch, entries)
            return
        waits = _waits(self._gap_patience)
        while appended.verdict == "parked":
            wait = next(waits, None)
            if wait is None:
                appended = await self._fill(event, frame, appended)
            else:
                await asyncio.sleep(wait)
                appended = await self._feed.append(*where, frame)
        await self._tell(event.user_id, appended.epoch, appended.entries)

    async def _fill(self, event: PublicEvent, frame: bytes, parked: Appended) -> Appended:
        """Put before an event what is missing, or begin the feed anew; what became of the event."""
        user, journal = event.user_id, event.journal_id
        missing: Sequence[ToldEvent] = ()
        try:
            missing = await self._history.between(journal, parked.awaited, event.n - 1)
        except Unavailable as away:
            log.warning("history_away", journal_id=str(journal), error=type(away).__name__)
        placed = await asyncio.gather(
            *(
                self._feed.append(
                    user, journal, told.body["n"], durable_frame(told.type, told.body)
                )
                for told in missing
            )
        )
        for each in placed:
            await self._tell(user, each.epoch, each.entries)
        whole = bool(missing) and missing[0].body["n"] == parked.awaited
        if not whole:
            log.warning("feed_begun_anew", journal_id=str(journal), n=event.n)
        return await self._feed.append(user, journal, event.n, frame, give_up=not whole)

    async def _tell(self, user_id: UUID, epoch: str, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            await tell(self._broker, user_id, epoch, entry)


def _waits(patience: float) -> Iterator[float]:
    """Looks at ever longer intervals: most that come early are a few milliseconds early."""
    total = 0.0
    for wait in (FIRST_LOOK * 2**look for look in itertools.count()):
        yield min(wait, patience - total)
        total += wait
        if total >= patience:
            return


def durable_frame(name: str, body: Mapping[str, Any]) -> bytes:
    """The frame as clients get it, but for its offset; the same event has the same id."""
    journal, n = UUID(body["journal_id"]), body["n"]
    frame = Happened(
        cls="durable",
        type=name,
        id=str(uuid5(journal, str(n))),
        at=datetime.fromisoformat(body["at"]),
        journal=journal,
        n=n,
        data=dict(body),
    )
    return text(frame).encode()
