"""One client on its way along its user's feed, whatever it is connected by.

Hold back what comes, see where the feed is, send what was missed or a snapshot, and then what
comes; what the last hop loses is fetched from the history.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from chassis.ids import now
from gateway_service.connection import RESUME, STALLED, Connection, later, nobody
from gateway_service.connections import TOO_MANY_SOCKETS, ConnectionManager
from gateway_service.ends import GONE, TOKEN_EXPIRED, Ended, end_of
from gateway_service.feed import Feed, Position
from gateway_service.frames import text
from gateway_service.library import Library
from gateway_service.live import Listener
from journal_contracts.realtime import Ping, Resume, Snapshot, Welcome

COALESCE_SECONDS: Final = 0.002
REORDER_SECONDS: Final = 0.02
"""An event that others overtook on the last hop is not lost yet."""
Send = Callable[[Sequence[bytes]], Awaitable[None]]
AtOnce = Callable[[Sequence[bytes]], bool]
"""Sends, if that needs no waiting."""


def never(frames: Sequence[bytes]) -> bool:
    """Where to send may always have to wait."""
    return False


@dataclass(frozen=True)
class Times:
    """How patient we are, in seconds."""

    hello: float = 5.0
    heartbeat: float = 25.0
    send: float = 10.0
    grace: float = 25.0
    """After a token's end, for the next one to come."""


@dataclass(frozen=True)
class Sources:
    """Where it comes from, whatever a client is told."""

    connections: ConnectionManager
    listener: Listener
    feed: Feed
    library: Library
    times: Times = Times()

    @contextlib.asynccontextmanager
    async def connected(self, connection: Connection) -> AsyncIterator[None]:
        """From here on nothing of this user is missed: it is held until we know where to go on."""
        if self.connections.room.is_full:
            raise Ended(later(1013))
        if not self.connections.add(connection):
            raise Ended(TOO_MANY_SOCKETS)
        try:
            await self.listener.listen_for(connection.user_id)
            yield
        finally:
            self.connections.remove(connection)


class Following:
    """A connection and its sources.

    While it is live it has no task of its own but that of its client: what comes is sent by who
    brings it, unless the client takes nothing at the moment, and its heart is a timer.
    """

    __slots__ = (
        "_at_once",
        "_beat",
        "_end",
        "_hurries",
        "_looking",
        "_not_before",
        "_send",
        "_sending",
        "_with",
        "connection",
    )

    def __init__(
        self, sources: Sources, connection: Connection, send: Send, at_once: AtOnce = never
    ) -> None:
        self.connection = connection
        self._with = sources
        self._send = send
        self._at_once = at_once
        self._not_before = 0.0
        """When the next message may go: what comes until then goes together."""
        self._sending: asyncio.Handle | asyncio.Task[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._hurries = False
        self._looking: asyncio.Task[None] | None = None
        self._end = asyncio.timeout(None)

    async def catch_up_first(self, resume: Resume | None, token: str) -> None:
        """Exactly what was missed, or a snapshot whose position was read before its data."""
        connection = self.connection
        at = await self._with.feed.position(connection.user_id)
        missed = await self._missed(resume, at)
        if missed is None:
            await self._say([text(self._welcome("snapshot", at))])
            journals = await self._with.library.snapshot(token)
            await self._say([text(Snapshot(epoch=at.epoch, o=at.top, journals=journals))])
        else:
            await self._say([text(self._welcome("recovered", at)), *missed])
        connection.begin(at.epoch, at.top)

    async def live(self, client: Callable[[], Awaitable[None]], expires_at: float) -> None:
        """Send what comes until somebody ends it; `client` is what we hear of the other side."""
        connection = self.connection
        try:
            async with self._end:
                self.expire_at(expires_at)
                self._beat_later()
                connection.wake = self._wake
                self._wake()
                await client()
        except TimeoutError:
            if not self._end.expired():
                raise
            raise Ended(connection.ended or TOKEN_EXPIRED) from None
        finally:
            await self._stop()

    def expire_at(self, at: float) -> None:
        """Let it end then, in seconds since 1970, if it has not ended; and not before."""
        left = max(0.0, at - time.time())
        if self.connection.ended is None and not self._end.expired():
            self._end.reschedule(asyncio.get_running_loop().time() + left)

    def _wake(self) -> None:
        connection = self.connection
        if connection.ended is not None:
            _hurry(self._end)
            return
        if self._sending is None and connection.has_news:
            self._send_on()
        if connection.is_behind:
            self._look_soon()

    async def _stop(self) -> None:
        self.connection.wake = nobody
        self.connection.end(GONE)
        left = (self._sending, self._beat, self._looking)
        for each in left:
            if each is not None:
                each.cancel()
        tasks = [each for each in left if isinstance(each, asyncio.Task)]
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what goes out --------------------------------------------------------------------------

    def _send_on(self) -> None:
        """What this turn of the loop brings goes together, and what comes within 2 ms after it."""
        loop = asyncio.get_running_loop()
        if (early := self._not_before - loop.time()) > 0:
            self._sending = loop.call_later(early, self._send_now)
        else:
            self._sending = loop.call_soon(self._send_now)

    def _send_now(self) -> None:
        self._sending = None
        if self.connection.ended is not None:
            return
        frames = self.connection.take()
        self._not_before = asyncio.get_running_loop().time() + COALESCE_SECONDS
        if not self._at_once(frames):
            self._sending = asyncio.create_task(self._send_slowly(frames))
        elif self.connection.has_news:
            self._send_on()

    async def _send_slowly(self, frames: Sequence[bytes]) -> None:
        """Send within the time there is: who takes nothing is cut."""
        try:
            async with asyncio.timeout(self._with.times.send):
                await self._send(frames)
        except TimeoutError:
            self.connection.end(STALLED)
        except Exception as error:
            self.connection.end(end_of(error))
        self._sending = None
        if self.connection.ended is None:
            self._wake()

    async def _say(self, frames: Sequence[bytes]) -> None:
        """The same before it is live; who takes nothing is cut at once if the end has come."""
        connection = self.connection
        try:
            async with asyncio.timeout(self._with.times.send) as deadline:
                connection.wake = partial(_hurry_at_end, connection, deadline)
                await self._send(frames)
        except TimeoutError:
            raise Ended(connection.ended or STALLED) from None
        finally:
            connection.wake = nobody

    # --- what is missing ------------------------------------------------------------------------

    def _beat_later(self) -> None:
        self._hurries = False
        seconds = self._with.times.heartbeat * random.uniform(0.9, 1.1)
        self._beat = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look_soon(self) -> None:
        if self._beat is not None and not self._hurries and self.connection.ended is None:
            self._beat.cancel()
            self._hurries = True
            self._beat = asyncio.get_running_loop().call_later(REORDER_SECONDS, self._look)

    def _look(self) -> None:
        """The heartbeat; what only was late has come by now."""
        if self._hurries and not self.connection.is_behind:
            self._beat_later()
        else:
            self._beat = None
            self._looking = asyncio.create_task(self._look_up())

    async def _look_up(self) -> None:
        """Say how far the feed is; what was lost on the last hop is fetched from the history."""
        connection = self.connection
        try:
            at = await self._with.feed.position(connection.user_id)
            if at.top > connection.offset or at.epoch != connection.epoch:
                await self._catch_up(at)
            else:
                connection.say(text(Ping(o=at.top)))
        except Exception as error:
            connection.end(end_of(error))
        self._looking = None
        if connection.ended is None:  # redis-py may swallow that this was cancelled
            self._beat_later()
        if connection.is_behind:
            self._look_soon()

    async def _missed(self, resume: Resume | None, at: Position) -> list[bytes] | None:
        if resume is None or resume.epoch != at.epoch:
            return None
        entries = await self._with.feed.after(self.connection.user_id, resume.o, at.top)
        return None if entries is None else [entry.frame for entry in entries]

    async def _catch_up(self, at: Position) -> None:
        connection = self.connection
        if at.epoch != connection.epoch:
            raise Ended(RESUME)
        entries = await self._with.feed.after(connection.user_id, connection.offset, at.top)
        if entries is None:
            raise Ended(RESUME)
        for entry in entries:
            connection.offer(at.epoch, entry.offset, entry.frame)

    def _welcome(self, mode: Literal["recovered", "snapshot"], at: Position) -> Welcome:
        return Welcome(
            mode=mode,
            epoch=at.epoch,
            o=at.top,
            user=self.connection.user_id,
            server_time=now(),
        )


def _hurry_at_end(connection: Connection, deadline: asyncio.Timeout) -> None:
    if connection.ended is not None:
        _hurry(deadline)


def _hurry(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(0)
