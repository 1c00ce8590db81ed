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

import structlog
from aio_pika.exceptions import AMQPException
from redis.exceptions import RedisError

from chassis.errors import Unauthorized, Unavailable
from chassis.ids import now
from gateway_service.connections import (
    RESUME,
    STALLED,
    TOO_MANY_SOCKETS,
    Connection,
    ConnectionManager,
    End,
    later,
)
from gateway_service.feed import Feed, Position
from gateway_service.frames import text
from gateway_service.library import Library
from gateway_service.live import Listener
from journal_contracts.realtime import Ping, Resume, Snapshot, Welcome

log = structlog.get_logger()

TOKEN_EXPIRED: Final = End(4401)
GONE: Final = End(1000)
COALESCE_SECONDS: Final = 0.002
REORDER_SECONDS: Final = 0.02
"""An event that others overtook on the last hop is not lost yet."""
AWAY: Final = (RedisError, AMQPException, ConnectionError, TimeoutError, Unavailable)
"""What says that something we need is away for the moment."""

Send = Callable[[Sequence[str]], Awaitable[None]]


class Ended(Exception):
    """The client is to go; it is told why."""

    def __init__(self, why: End) -> None:
        super().__init__(why)
        self.why = why


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
    """A connection and its sources; only `catch_up_first` and `live` send."""

    def __init__(self, sources: Sources, connection: Connection, send: Send) -> None:
        self.connection = connection
        self._with = sources
        self._send = send
        self._expiry: asyncio.TimerHandle | None = None

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
        self.expire_at(expires_at)
        others = [asyncio.create_task(self._ending(work)) for work in (client, self._keep)]
        try:
            await self._write()
        finally:
            self._stay()
            self.connection.end(GONE)  # redis-py may swallow that its caller was cancelled
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    def expire_at(self, at: float) -> None:
        """Let it end then, in seconds since 1970, and not when it was to end before."""
        self._stay()
        loop = asyncio.get_running_loop()
        left = max(0.0, at - time.time())
        self._expiry = loop.call_later(left, self.connection.end, TOKEN_EXPIRED)

    def _stay(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()

    async def _ending(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever ends this work ends the connection."""
        try:
            await work()
        except Exception as error:
            self.connection.end(end_of(error))

    async def _write(self) -> None:
        """The first frame goes at once; what comes within 2 ms after it goes together."""
        connection = self.connection
        while connection.ended is None:
            await connection.stirred.wait()
            if connection.ended is None:
                await self._say(connection.take())
                await asyncio.sleep(COALESCE_SECONDS)
        raise Ended(connection.ended)

    async def _say(self, frames: Sequence[str]) -> None:
        """Send within the time there is: who takes nothing is cut, at once if the end has come."""
        connection = self.connection
        try:
            async with asyncio.timeout(self._with.times.send) as deadline:
                connection.at_end = partial(_hurry, deadline)
                await self._send(frames)
        except TimeoutError:
            raise Ended(connection.ended or STALLED) from None
        finally:
            connection.at_end = None

    async def _keep(self) -> None:
        """The heartbeat; and whatever was lost on the last hop is fetched from the history."""
        connection = self.connection
        while connection.ended is None:
            beat = self._with.times.heartbeat * random.uniform(0.9, 1.1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(beat):
                    await connection.behind.wait()
                await asyncio.sleep(REORDER_SECONDS)
                if not connection.behind.is_set():
                    continue
            at = await self._with.feed.position(connection.user_id)
            if at.top > connection.offset or at.epoch != connection.epoch:
                await self._catch_up(at)
            else:
                connection.say(text(Ping(o=at.top)))

    async def _missed(self, resume: Resume | None, at: Position) -> list[str] | None:
        if resume is None or resume.epoch != at.epoch:
            return None
        entries = await self._with.feed.after(self.connection.user_id, resume.o, at.top)
        return None if entries is None else [entry.frame.decode() for entry in entries]

    async def _catch_up(self, at: Position) -> None:
        connection = self.connection
        if at.epoch != connection.epoch:
            raise Ended(RESUME)
        entries = await self._with.feed.after(connection.user_id, connection.offset, at.top)
        if entries is None:
            raise Ended(RESUME)
        for entry in entries:
            connection.offer(at.epoch, entry.offset, entry.frame.decode())

    def _welcome(self, mode: Literal["recovered", "snapshot"], at: Position) -> Welcome:
        return Welcome(
            mode=mode,
            epoch=at.epoch,
            o=at.top,
            user=self.connection.user_id,
            server_time=now(),
        )


def _hurry(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(0)


def end_of(error: Exception) -> End:
    """How a talk ends to which this happened."""
    if isinstance(error, Ended):
        return error.why
    if isinstance(error, Unauthorized):
        return TOKEN_EXPIRED
    if isinstance(error, AWAY):
        log.warning("client_cut", error=type(error).__name__)
        return later(1013)
    log.error("client_failed", exc_info=error)
    return later(1011)
