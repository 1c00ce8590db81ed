"""Who is connected to this replica, and what waits to be sent to each: in order, within bounds.

Nothing here awaits: a stalled reader fills its own queue and is cut, the others never notice.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gateway_service.reading import Reading
from journal_contracts.events import TextWritten

MOST_FRAMES: Final = 256
MOST_BYTES: Final = 1024 * 1024
MOST_SOCKETS: Final = 5
"""Of one user, on one replica."""


@dataclass(frozen=True)
class End:
    """Why a connection ends: the close code, and whether and when the client should come back."""

    code: int
    reconnect: bool = True
    after_ms: int = 0


STALLED: Final = End(4413)
RESUME: Final = End(4410)
REVOKED: Final = End(4403, reconnect=False)
"""Its user signed out, or was signed out: whoever comes back signs in first."""
TOO_MANY_SOCKETS: Final = End(4409, reconnect=False)


class Connection:
    """One socket's outgoing side. Events are held back until `begin` says where they go on."""

    def __init__(self, user_id: UUID, session_id: UUID | None = None) -> None:
        self.user_id = user_id
        self.session_id = session_id
        """The sign-in whose token it was last shown."""
        self.epoch = ""
        self.offset = 0
        """The last event that was sent, or waits to be."""
        self.ended: End | None = None
        self.stirred = asyncio.Event()
        """There is something to send, or the end has come."""
        self.behind = asyncio.Event()
        """An event is missing: late, or lost on the way; the history has it."""
        self._held: list[tuple[str, int, str]] | None = []
        self._early: dict[int, str] = {}
        self._waiting: deque[str] = deque()
        self._newest: dict[str, str] = {}
        self._bytes = 0
        self.reading = Reading()

    def offer(self, epoch: str, offset: int, frame: str) -> None:
        """Send an event in its turn: what was sent is dropped, what comes too early waits."""
        if self._held is not None:
            self._held.append((epoch, offset, frame))
        elif epoch != self.epoch:
            self.end(RESUME)
        elif offset > self.offset:
            self._early[offset] = frame
            self._put_what_follows()
        if len(self._held or self._early) > MOST_FRAMES:
            self.end(STALLED)

    def offer_newest(self, key: str, frame: str) -> None:
        """Send a value that replaces any older one under its key that still waits."""
        if key in self._newest:
            self._bytes += len(frame) - len(self._newest[key])
        elif len(self._newest) >= MOST_FRAMES:
            return
        else:
            self._bytes += len(frame)
        self._newest[key] = frame
        self._check_bounds()

    def offer_text(self, piece: TextWritten) -> None:
        """Send text, if it is read here; where too much of it waits, the older is dropped."""
        if self.reading.add(piece):
            self.stirred.set()

    def say(self, frame: str) -> None:
        """Send word of our own before anything that waits."""
        self._waiting.appendleft(frame)
        self._bytes += len(frame)
        self._check_bounds()

    def begin(self, epoch: str, offset: int) -> None:
        """Go on after `offset`: what was held meanwhile and is newer follows at once."""
        self.epoch, self.offset = epoch, offset
        held, self._held = self._held or [], None
        for item in held:
            self.offer(*item)

    def end(self, why: End) -> None:
        """The first reason holds."""
        self.ended = self.ended or why
        self.stirred.set()

    def take(self) -> list[str]:
        """Everything that waits, to be sent now; events before passing values."""
        frames = [*self._waiting, *self._newest.values(), *self.reading.take()]
        self._waiting.clear()
        self._newest.clear()
        self._bytes = 0
        if self.ended is None:
            self.stirred.clear()
        return frames

    def _put_what_follows(self) -> None:
        while (frame := self._early.pop(self.offset + 1, None)) is not None:
            self.offset += 1
            self._waiting.append(frame)
            self._bytes += len(frame)
            self._check_bounds()
        if self._early:
            self.behind.set()
        else:
            self.behind.clear()

    def _check_bounds(self) -> None:
        if len(self._waiting) > MOST_FRAMES or self._bytes > MOST_BYTES:
            self.end(STALLED)
        self.stirred.set()


class ConnectionManager:
    """All sockets of this replica, by user."""

    def __init__(self) -> None:
        self._by_user: dict[UUID, set[Connection]] = {}

    def add(self, connection: Connection) -> bool:
        """False if its user has too many already."""
        theirs = self._by_user.setdefault(connection.user_id, set())
        if len(theirs) >= MOST_SOCKETS:
            return False
        theirs.add(connection)
        return True

    def remove(self, connection: Connection) -> None:
        theirs = self._by_user.get(connection.user_id, set())
        theirs.discard(connection)
        if not theirs:
            self._by_user.pop(connection.user_id, None)

    def end_session(self, user_id: UUID, session_id: UUID) -> None:
        """Part with everybody who came by a session that has ended."""
        for connection in self._by_user.get(user_id, ()):
            if connection.session_id == session_id:
                connection.end(REVOKED)

    def end_all(self, why: Callable[[], End]) -> None:
        """Part with everybody, each for a reason of their own."""
        for theirs in self._by_user.values():
            for connection in theirs:
                connection.end(why())

    def users(self) -> Iterable[UUID]:
        return self._by_user.keys()

    def readers(self) -> set[tuple[UUID, UUID]]:
        """Who reads along with which journal here."""
        return {
            (user_id, journal)
            for user_id, theirs in self._by_user.items()
            for connection in theirs
            for journal in connection.reading.journals
        }

    def deliver(self, user_id: UUID, epoch: str, offset: int, frame: str) -> None:
        """Offer an event to every socket of its user."""
        for connection in self._by_user.get(user_id, ()):
            connection.offer(epoch, offset, frame)

    def deliver_newest(self, user_id: UUID, key: str, frame: str) -> None:
        """Offer a passing value to every socket of its user."""
        for connection in self._by_user.get(user_id, ()):
            connection.offer_newest(key, frame)

    def deliver_text(self, piece: TextWritten) -> None:
        """Offer text to every socket of its user that reads this journal."""
        for connection in self._by_user.get(piece.user_id, ()):
            connection.offer_text(piece)
