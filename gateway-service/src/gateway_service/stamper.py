"""The stamper: takes public events from the broker and gives each its place in its user's feed."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5
from weakref import WeakValueDictionary

import structlog
from faststream.rabbit import RabbitBroker
from redis.exceptions import RedisError

from chassis.broker import hear
from chassis.errors import Unavailable
from gateway_service.feed import Appended, Entry, Feed
from gateway_service.frames import text
from gateway_service.history import History
from gateway_service.live import Hop
from journal_contracts.api import ToldEvent
from journal_contracts.catalogue import GATEWAY, heard_by
from journal_contracts.events import CraftDeleted, CraftShared
from journal_contracts.message import PublicEvent
from journal_contracts.realtime import Happened

log = structlog.get_logger()

GAP_PATIENCE: Final = 2.0
"""Seconds an early event waits for those before it; then they are asked for."""
FIRST_LOOK: Final = 0.02
"""Seconds until it is looked for the first time whether they have come; then twice as long."""
ASKED_AGAIN: Final = (0.5, 2.0)
"""Seconds after which an orchestrator that was away is asked once more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
AT_ONCE: Final = 16
"""Appends of this replica that are with Redis at one time."""
PREFETCH: Final = 64


class Stamper:
    """Every replica has one; together they put each event into its feed once and in order."""

    def __init__(
        self,
        broker: RabbitBroker,
        feed: Feed,
        history: History,
        hop: Hop,
        *,
        gap_patience: float = GAP_PATIENCE,
        again: Sequence[float] = ASKED_AGAIN,
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._history = history
        self._hop = hop
        self._gap_patience = gap_patience
        self._again = again
        self._few = asyncio.Semaphore(AT_ONCE)
        self._filling: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        """Of all that wait for the same one asks."""

    def listen(self) -> None:
        """Hear every public event the catalogue gives the gateway."""
        for entry in heard_by(GATEWAY):
            if issubclass(entry.message, PublicEvent):
                hear(self._broker, GATEWAY, entry.message, self.stamp, prefetch=PREFETCH)

    async def stamp(self, event: PublicEvent) -> None:
        """Append and tell. While Redis is away this waits: late is not lost."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._stamp(event)
                return
            except (RedisError, OSError) as error:
                log.warning("feed_away", n=event.n, error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _stamp(self, event: PublicEvent) -> None:
        """Into the feed of each who is to hear it."""
        body = event.model_dump(mode="json")
        frame = durable_frame(event.name, body)
        told = ToldEvent(type=event.name, body=body)
        if not event.also:
            await self._stamp_for(event.user_id, event, told, frame)
            return
        readers = (event.user_id, *event.also)
        await asyncio.gather(*(self._stamp_for(user, event, told, frame) for user in readers))
        if isinstance(event, CraftDeleted):  # its owner's words are nobody else's to keep
            await asyncio.gather(
                *(self._feed.forget(user, event.journal_id) for user in event.also)
            )

    async def _stamp_for(
        self, user: UUID, event: PublicEvent, told: ToldEvent, frame: bytes
    ) -> None:
        where, begins = (user, event.journal_id, event.n), begins_for(user, told)
        appended = await self._append(*where, frame, begins=begins)
        if appended.verdict == "known":  # perhaps nobody was told; who missed it will see the gap
            epoch, entries = await self._feed.newest(user)
            await self._tell(user, epoch, entries)
            return
        for wait in _waits(self._gap_patience):
            if appended.verdict != "parked":
                break
            await asyncio.sleep(wait)
            appended = await self._append(*where, frame)
        if appended.verdict == "parked":
            async with self._filling.setdefault(event.journal_id, asyncio.Lock()):
                appended = await self._fill(user, event, frame)
        await self._tell(user, appended.epoch, appended.entries)

    async def _fill(self, user: UUID, event: PublicEvent, frame: bytes) -> Appended:
        """Put before an event what is missing, or begin the feed anew; what became of the event."""
        journal = event.journal_id
        while (appended := await self._append(user, journal, event.n, frame)).verdict == "parked":
            missing = await self._missing(journal, appended.awaited, event.n - 1)
            if not missing or missing[0].body["n"] != appended.awaited:
                log.warning("feed_begun_anew", journal_id=str(journal), n=event.n)
                return await self._append(user, journal, event.n, frame, give_up=True)
            theirs = since_it_began(user, missing)
            placed = await asyncio.gather(*(self._put(user, journal, told) for told in theirs))
            for each in placed:
                await self._tell(user, each.epoch, each.entries)
        return appended

    async def _missing(self, journal: UUID, first: int, last: int) -> Sequence[ToldEvent]:
        for pause in (*self._again, None):
            try:
                return await self._history.between(journal, first, last)
            except Unavailable as away:
                log.warning("history_away", journal_id=str(journal), error=type(away).__name__)
                if pause is not None:
                    await asyncio.sleep(pause)
        return ()

    async def _put(self, user: UUID, journal: UUID, told: ToldEvent) -> Appended:
        frame, begins = durable_frame(told.type, told.body), begins_for(user, told)
        return await self._append(user, journal, told.body["n"], frame, begins=begins)

    async def _append(
        self,
        user: UUID,
        journal: UUID,
        n: int,
        frame: bytes,
        *,
        give_up: bool = False,
        begins: bool = False,
    ) -> Appended:
        """A few at a time: who waits for room here is not taken for one whom Redis let wait."""
        async with self._few:
            return await self._feed.append(user, journal, n, frame, give_up=give_up, begins=begins)

    async def _tell(self, user_id: UUID, epoch: str, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            await self._hop.tell(user_id, epoch, entry)


def _waits(patience: float) -> Iterator[float]:
    """Looks at ever longer intervals: most that come early are a few milliseconds early."""
    total = 0.0
    for wait in (FIRST_LOOK * 2**look for look in itertools.count()):
        yield min(wait, patience - total)
        total += wait
        if total >= patience:
            return


def begins_for(user: UUID, told: ToldEvent) -> bool:
    """Whether a journal is shared with somebody from this event on."""
    is_shared = told.type == CraftShared.name
    return is_shared and told.body["member"] == str(user) and bool(told.body.get("anew", True))


def since_it_began(user: UUID, told: Sequence[ToldEvent]) -> Sequence[ToldEvent]:
    """All of these from where the journal began for a user the last time; all, where it did not."""
    begun = [place for place, each in enumerate(told) if begins_for(user, each)]
    return told[begun[-1] :] if begun else told


def durable_frame(name: str, body: Mapping[str, Any]) -> bytes:
    """The frame as clients get it, but for its offset; the same event has the same id.

    Who else hears it is for stampers alone.
    """
    journal, n = UUID(body["journal_id"]), body["n"]
    frame = Happened(
        cls="durable",
        type=name,
        id=str(uuid5(journal, str(n))),
        at=datetime.fromisoformat(body["at"]),
        journal=journal,
        n=n,
        data={key: value for key, value in body.items() if key != "also"},
    )
    return text(frame)
