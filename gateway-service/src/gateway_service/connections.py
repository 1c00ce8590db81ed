"""Who is connected to this replica, by user, and to whom what is delivered.

Nothing here awaits, from the broker to what waits for each client.
"""

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from prometheus_client import Gauge

from gateway_service.connection import Connection, End, Room
from gateway_service.watching import Watchers
from journal_contracts.events import TextWritten

MOST_SOCKETS: Final = 5
"""Of one user, on one replica."""
REVOKED: Final = End(4403, reconnect=False)
"""Its user signed out, or was signed out: whoever comes back signs in first."""
TOO_MANY_SOCKETS: Final = End(4409, reconnect=False)

connected = Gauge("gateway_sockets", "Sockets and event streams of this replica")


class ConnectionManager:
    """All sockets of this replica, by user."""

    def __init__(self) -> None:
        self._by_user: dict[UUID, set[Connection]] = {}
        self._watchers = Watchers()
        self.room = Room()

    def add(self, connection: Connection) -> bool:
        """False if its user has too many already."""
        theirs = self._by_user.setdefault(connection.user_id, set())
        if len(theirs) >= MOST_SOCKETS:
            return False
        connection.room = self.room
        theirs.add(connection)
        connected.inc()
        return True

    def remove(self, connection: Connection) -> None:
        theirs = self._by_user.get(connection.user_id, set())
        if connection in theirs:
            theirs.remove(connection)
            connected.dec()
        self._watchers.forget(connection)
        connection.forget()
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

    def heard(self) -> set[UUID]:
        """Of whom something is to be heard here: all users, and whose journals they watch."""
        return self._by_user.keys() | self._watchers.owners

    def watch(self, connection: Connection, journal: UUID, owner: UUID) -> None:
        """Let a connection have what passes of a journal that its owner shares with its user."""
        self._watchers.add(connection, journal, owner)

    def readers(self) -> set[tuple[UUID, UUID]]:
        """Whose journals are read along here."""
        return {
            (connection.reading.owners.get(journal, user_id), journal)
            for user_id, theirs in self._by_user.items()
            for connection in theirs
            for journal in connection.reading.journals
        }

    def deliver(self, user_id: UUID, epoch: str, offset: int, frame: bytes) -> None:
        """Offer an event to every socket of its user."""
        for connection in self._by_user.get(user_id, ()):
            connection.offer(epoch, offset, frame)

    def deliver_newest(self, user_id: UUID, journal: UUID, key: str, frame: bytes) -> None:
        """Offer a passing value to every socket of its user, and to who watches the journal."""
        for connection in (*self._by_user.get(user_id, ()), *self._watchers.of(user_id, journal)):
            connection.offer_newest(key, frame)

    def deliver_text(self, piece: TextWritten) -> None:
        """Offer text to every socket that reads this journal, and may."""
        watchers = self._watchers.of(piece.user_id, piece.journal_id)
        for connection in (*self._by_user.get(piece.user_id, ()), *watchers):
            connection.offer_text(piece)
