"""Many sockets in one process, and what each of them saw.

A listener decides by `journal_client.place`, connects anew as `journal_client.feed` does, and notes
every event that got past that: nothing may be missing, come twice or out of order.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from gateway_service.connection import RESUME
from journal_client.feed import jitter
from journal_client.place import Overdue, step, understand
from journal_contracts.realtime import (
    SUBPROTOCOL,
    Bye,
    Happened,
    Hello,
    Ping,
    Pong,
    Resume,
    Snapshot,
    Welcome,
)

from .truth import percent_of

OPENING: Final = 30.0
LARGEST_FRAME: Final = 16 * 1024 * 1024


@dataclass
class Seen:
    """What all listeners of a run saw, added up."""

    counts: Counter[str] = field(default_factory=Counter)
    resume_ms: list[float] = field(default_factory=list)


@dataclass
class Listener:
    """One socket after the other, of one tab of one user."""

    token: str
    ports: Sequence[int]
    seen: Seen
    place: Resume | None = None
    state: dict[UUID, int] = field(default_factory=dict)
    """Of each journal the number of the last event that counted."""
    covered: dict[UUID, int] = field(default_factory=dict)
    """Up to where the last snapshot told of a journal."""
    attempt: int = 0
    _said_hello: float = 0.0
    _awaited: int | None = None

    async def live(self) -> None:
        """Listen, and come back to any replica, until it is cancelled."""
        while True:
            pause = jitter(self.attempt)
            try:
                async with self._connect() as socket:
                    asked = await self._listen(socket)
                    pause = 0.0 if asked is None else jitter(self.attempt) + asked
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                self.seen.counts["lost connections"] += 1
            self.attempt += 1
            await asyncio.sleep(pause)

    def _connect(self) -> connect:
        return connect(
            f"ws://127.0.0.1:{random.choice(self.ports)}/v1/rt",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=OPENING,
            close_timeout=0.1,
            max_size=LARGEST_FRAME,
        )

    async def _listen(self, socket: ClientConnection) -> float | None:
        """Until the gateway says bye, or something is missing; the pause that was asked for."""
        hello = Hello(token=self.token, resume=self.place)
        self._said_hello, self._awaited = time.monotonic(), None
        await socket.send(hello.model_dump_json(by_alias=True))
        overdue = Overdue()
        while True:
            left = overdue.seconds_left()
            try:
                text = await (asyncio.wait_for(socket.recv(), left) if left < 60 else socket.recv())
            except TimeoutError:
                self.seen.counts["overdue"] += 1
                return None
            for frame in understand(text):
                match frame:
                    case Ping():
                        await socket.send(Pong().model_dump_json())
                        overdue.promise(frame.o)
                    case Bye():
                        self.seen.counts[f"bye {frame.code}"] += 1
                        return None if frame.code == RESUME.code else 0.001 * frame.after_ms
                    case Welcome() | Snapshot() | Happened():
                        if not self._take(frame):
                            return None
            overdue.look(self.place)

    def _take(self, frame: Welcome | Snapshot | Happened) -> bool:
        """Whether we may go on: a gap that the gateway left is one it may not leave."""
        before = self.place
        self.place, what = step(self.place, frame)
        if what == "gap":
            self.seen.counts["gaps"] += 1
            return False
        match frame:
            case Welcome():
                if before is not None:
                    self.seen.counts[frame.mode] += 1
                if frame.mode == "recovered":
                    self._awaited = frame.o
                self.attempt = 0
            case Snapshot():
                self.state = {view.id: view.n for view in frame.journals}
                self.covered = dict(self.state)
            case Happened(journal=UUID() as journal, n=int(n)) if what == "deliver":
                self._count(journal, n, frame)
            case Happened():
                self.seen.counts["dropped"] += 1
        if self._awaited is not None and self.place is not None and self.place.o >= self._awaited:
            self.seen.resume_ms.append(1_000 * (time.monotonic() - self._said_hello))
            self._awaited = None
        return True

    def _count(self, journal: UUID, n: int, frame: Happened) -> None:
        """What a snapshot told already is told again where the feed began anew: no news."""
        self.seen.counts["delivered"] += 1
        if n <= self.covered.get(journal, 0):
            return
        last = self.state.get(journal, 0)
        if n == last:
            self.seen.counts["duplicate"] += 1
        elif n < last:
            self.seen.counts["reordered"] += 1
        elif n > last + 1:
            self.seen.counts["lost"] += n - last - 1
        if frame.data["percent"] != percent_of(n):
            self.seen.counts["wrong"] += 1
        self.state[journal] = max(n, last)


class Crowd:
    """All of them."""

    def __init__(self, tokens: Sequence[str], tabs: int, ports: Sequence[int]) -> None:
        self.seen = Seen()
        self.listeners = [
            Listener(token, ports, self.seen) for token in tokens for _ in range(tabs)
        ]
        self._lives: list[asyncio.Task[None]] = []

    async def connect(self, together: int = 25) -> None:
        """Let them all in, a few at a time; returns when each has its snapshot."""
        for start in range(0, len(self.listeners), together):
            some = self.listeners[start : start + together]
            self._lives += [asyncio.create_task(listener.live()) for listener in some]
            until = time.monotonic() + OPENING
            while any(listener.place is None for listener in some):
                assert time.monotonic() < until, f"not all came in: {self.seen.counts}"
                await asyncio.sleep(0.01)

    def renew(self, tokens: Sequence[str]) -> None:
        """Give them tokens for when they come back."""
        tabs = len(self.listeners) // len(tokens)
        for place, listener in enumerate(self.listeners):
            listener.token = tokens[place // tabs]

    def forget(self) -> Seen:
        """Begin to count anew; what was counted until now."""
        before = Seen(Counter(self.seen.counts), list(self.seen.resume_ms))
        self.seen.counts.clear()
        self.seen.resume_ms.clear()
        return before

    def missing(self, truth: Mapping[UUID, int], owner: Mapping[int, Sequence[UUID]]) -> int:
        """Events that listeners do not know of."""
        tabs = len(self.listeners) // len(owner)
        return sum(
            truth[journal] - listener.state.get(journal, 0)
            for place, listener in enumerate(self.listeners)
            for journal in owner[place // tabs]
        )

    async def leave(self) -> None:
        for life in self._lives:
            life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._lives, return_exceptions=True)
