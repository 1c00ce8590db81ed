"""The live feed `jcc.rt.v1`: every durable event once and in order, through lost connections.

The place (epoch, offset) moves before an event is handed out: who fails at it never sees it twice.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

from journal_client.place import News, Overdue, step, understand
from journal_contracts.realtime import (
    SUBPROTOCOL,
    Bye,
    Frame,
    Happened,
    Hello,
    Ping,
    Pong,
    Resume,
    Snapshot,
    Welcome,
)

SHORTEST, LONGEST = 0.3, 20.0
SILENCE: Final = 60.0
"""Seconds without any frame after which the connection is taken for dead; pings come every 25."""

PATIENCE: Final = 300.0
"""Seconds after which a gateway that does not come back is given up."""

LARGEST_FRAME: Final = 16 * 1024 * 1024
FOR_GOOD: Final = {4400, 4403, 4406, 4409}
TOKEN_SPENT: Final = 4401


class FeedClosed(Exception):
    """The gateway ended the feed and does not want us back."""


class _Lost(Exception):
    """The connection has to be made anew; `pause` is what the gateway asked for, in seconds."""

    def __init__(self, pause: float | None = None) -> None:
        super().__init__(pause)
        self.pause = pause


class Tokens(Protocol):
    """Where access tokens come from."""

    def __call__(self, *, fresh: bool = False) -> Awaitable[str]: ...


def jitter(attempt: int) -> float:
    """How long to wait before the attempt, counted from 0: anything up to a bound that doubles."""
    return random.uniform(SHORTEST, min(LONGEST, 2 * SHORTEST * 2 ** min(attempt, 10)))


class Feed:
    """Where one listener stands, and how it gets back there."""

    def __init__(self, url: str, tokens: Tokens, *, pause: Callable[[int], float] = jitter) -> None:
        self._url = url
        self._tokens = tokens
        self._pause = pause
        self._attempt = 0
        self._fresh = False
        self._heard_at = time.monotonic()
        self.place: Resume | None = None

    async def listen(self) -> AsyncGenerator[News, None]:
        """Welcomes, snapshots and events; ends only by `FeedClosed`. To be closed (`aclosing`)."""
        while True:
            wait: float | None = None
            try:
                async with self._connect() as socket:
                    async for frame in self._live(socket):
                        yield frame
            except ConnectionClosed as closed:
                self._look_at(closed.rcvd.code if closed.rcvd else 1006)
            except _Lost as lost:
                wait = lost.pause
            except (OSError, InvalidHandshake) as error:
                if time.monotonic() - self._heard_at > PATIENCE:
                    raise FeedClosed("The gateway has not answered for long.") from error
            if wait is None:
                wait = self._pause(self._attempt)
            await asyncio.sleep(wait)
            self._attempt += 1

    def _connect(self) -> connect:
        return connect(
            self._url.replace("http", "ws", 1) + "/v1/rt",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            origin=Origin(self._url),
            compression=None,
            proxy=None,
            max_size=LARGEST_FRAME,
            close_timeout=1,
        )

    async def _live(self, socket: ClientConnection) -> AsyncGenerator[News, None]:
        hello = Hello(token=await self._tokens(fresh=self._fresh), resume=self.place)
        self._fresh = False
        await socket.send(hello.model_dump_json(by_alias=True))
        overdue = Overdue()
        while True:
            for frame in await self._receive(socket, overdue.seconds_left()):
                match frame:
                    case Ping():
                        await socket.send(Pong().model_dump_json())
                        overdue.promise(frame.o)
                    case Bye():
                        self._look_at(frame.code)
                        if not frame.reconnect:
                            raise FeedClosed(f"The gateway closed the feed ({frame.code}).")
                        raise _Lost(frame.after_ms / 1000 + self._pause(0))
                    case Welcome() | Snapshot() | Happened():
                        self.place, what = step(self.place, frame)
                        if what == "gap":
                            raise _Lost(self._at_once())
                        if what == "deliver":
                            self._attempt = self._attempt if frame.t == "welcome" else 0
                            yield frame
            overdue.look(self.place)

    async def _receive(self, socket: ClientConnection, seconds: float) -> list[Frame]:
        """The next message's frames; raises when it is overdue."""
        try:
            async with asyncio.timeout(min(SILENCE, seconds)):
                text = await socket.recv()
        except TimeoutError:
            raise _Lost(self._at_once()) from None
        self._heard_at = time.monotonic()
        return understand(text)

    def _at_once(self) -> float | None:
        """No pause, unless the last attempt has brought nothing either."""
        return None if self._attempt else 0.0

    def _look_at(self, code: int) -> None:
        if code in FOR_GOOD:
            raise FeedClosed(f"The gateway closed the feed ({code}).")
        self._fresh = code == TOKEN_SPENT
