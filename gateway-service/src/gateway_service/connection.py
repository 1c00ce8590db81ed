"""What waits to be sent to one client: in order, within bounds.

Nothing here awaits: a stalled reader fills its own queue and is cut, the others never notice.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from prometheus_client import Counter

from gateway_service.reading import Reading
from journal_contracts.events import CraftDeleted, CraftUnshared, TextWritten

MOST_FRAMES: Final = 256
MOST_BYTES: Final = 1024 * 1024
"""Of one connection."""
MOST_OF_ALL: Final = 64 * 1024 * 1024
"""Bytes that wait in this process; while it is full nobody new comes in."""
TOGETHER: Final = 64 * 1024
"""Bytes after which what waits goes in another message: a stalled one holds no more than that."""


ENDS_OF_SHARING: Final = (CraftUnshared.name.encode(), CraftDeleted.name.encode())

parted = Counter("gateway_sockets_parted", "Sockets that we ended, by close code", ("code",))


@dataclass(frozen=True)
class End:
    """Why a connection ends: the close code, and whether and when the client should come back."""

    code: int
    reconnect: bool = True
    after_ms: int = 0


STALLED: Final = End(4413)
RESUME: Final = End(4410)


def later(code: int) -> End:
    """Come back, but not all of you at once."""
    return End(code, after_ms=random.randint(500, 3_000))


class Room:
    """What waits for all connections of this process together."""

    def __init__(self, most: int = MOST_OF_ALL) -> None:
        self._most = most
        self.held = 0

    @property
    def is_full(self) -> bool:
        return self.held > self._most


def nobody() -> None:
    """Whom it wakes where nobody waits."""


class Connection:
    """One socket's outgoing side. Events are held back until `begin` says where they go on."""

    __slots__ = (
        "_bytes",
        "_early",
        "_held",
        "_newest",
        "_waiting",
        "ended",
        "epoch",
        "offset",
        "reading",
        "room",
        "session_id",
        "user_id",
        "wake",
    )

    def __init__(self, user_id: UUID, session_id: UUID | None = None) -> None:
        self.user_id = user_id
        self.session_id = session_id
        """The sign-in whose token it was last shown."""
        self.room = Room()
        self.epoch = ""
        self.offset = 0
        """The last event that was sent, or waits to be."""
        self.ended: End | None = None
        self.wake: Callable[[], object] = nobody
        """Called when there is something to send, an event is missing, or the end has come."""
        self.reading = Reading()
        self._held: list[tuple[str, int, bytes]] | None = []
        self._early: dict[int, bytes] = {}
        self._waiting: list[bytes] = []
        self._newest: dict[str, bytes] = {}
        self._bytes = 0

    @property
    def is_behind(self) -> bool:
        """An event is missing, late or lost on the way: the history has it."""
        return bool(self._early)

    @property
    def has_news(self) -> bool:
        """There is something to send."""
        return bool(self._waiting or self._newest or self.reading.has_news)

    def offer(self, epoch: str, offset: int, frame: bytes) -> None:
        """Send an event in its turn: what was sent is dropped, what comes too early waits."""
        if self.ended is not None:
            return
        if self._held is not None:
            self._held.append((epoch, offset, frame))
            self._take_room(len(frame))
        elif epoch != self.epoch:
            self.end(RESUME)
        elif offset > self.offset and offset not in self._early:
            self._early[offset] = frame
            self._take_room(len(frame))
            self._put_what_follows()
            self.wake()

    def offer_newest(self, key: str, frame: bytes) -> None:
        """Send a value that replaces any older one under its key that still waits."""
        before = self._newest.get(key)
        if self.ended is None and (before is not None or self._items < MOST_FRAMES):
            self._newest[key] = frame
            self._take_room(len(frame) - len(before or b""))
            self.wake()

    def offer_text(self, piece: TextWritten) -> None:
        """Send text, if it is read here; where too much of it waits, the older is dropped."""
        if self.reading.add(piece):
            self.wake()

    def say(self, frame: bytes) -> None:
        """Send word of our own before anything that waits."""
        self._waiting.insert(0, frame)
        self._take_room(len(frame))
        self.wake()

    def begin(self, epoch: str, offset: int) -> None:
        """Go on after `offset`: what was held meanwhile and is newer follows at once."""
        self.epoch, self.offset = epoch, offset
        held, self._held = self._held or [], None
        for item in held:
            self._give_room(len(item[2]))
            self.offer(*item)

    def end(self, why: End) -> None:
        """The first reason holds."""
        if self.ended is None:
            self.ended = why
            parted.labels(why.code).inc()
            self.wake()

    def take(self) -> list[bytes]:
        """What waits, to be sent now, as much as goes together; passing values come last."""
        size = count = 0
        for frame in self._waiting:
            if size >= TOGETHER:
                break
            size += len(frame)
            count += 1
        frames, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            size += sum(map(len, self._newest.values()))
            frames += [*self._newest.values(), *self.reading.take()]
            self._newest.clear()
        self._give_room(size)
        return frames

    def forget(self) -> None:
        """Nothing of what waits will be sent."""
        self._give_room(self._bytes)
        self._held, self._early = None, {}
        self._waiting.clear()
        self._newest.clear()

    @property
    def _items(self) -> int:
        return len(self._waiting) + len(self._newest) + len(self._early) + len(self._held or ())

    def _put_what_follows(self) -> None:
        while (frame := self._early.pop(self.offset + 1, None)) is not None:
            self.offset += 1
            self._waiting.append(frame)
            if self.reading.journals and _ends_sharing(frame):
                self._heed(frame)

    def _heed(self, frame: bytes) -> None:
        """Of a journal that is shared no more nothing is seen in passing, nor what of it waits."""
        told = json.loads(frame)
        left = told["type"] == CraftUnshared.name and told["data"]["member"] == str(self.user_id)
        if left or told["type"] == CraftDeleted.name:
            self.reading.close(UUID(told["journal"]))
            for key in [key for key in self._newest if key.startswith(told["journal"])]:
                self._give_room(len(self._newest.pop(key)))

    def _take_room(self, size: int) -> None:
        """Who holds more than it may is cut, and who holds much while there is no room at all."""
        self._bytes += size
        self.room.held += size
        if self._items > MOST_FRAMES or self._bytes > MOST_BYTES:
            self.end(STALLED)
        elif self.room.is_full and self._bytes > MOST_BYTES // 4:
            self.end(later(1013))

    def _give_room(self, size: int) -> None:
        self._bytes -= size
        self.room.held -= size


def _ends_sharing(frame: bytes) -> bool:
    """Perhaps; most frames are not read for it."""
    return any(name in frame for name in ENDS_OF_SHARING)
