"""Who watches a journal of somebody else who shares it with them."""

from collections.abc import Set
from uuid import UUID

from gateway_service.connection import Connection


class Watchers:
    """By journal; whether they still may, their connection knows."""

    def __init__(self) -> None:
        self._by_journal: dict[UUID, set[Connection]] = {}

    @property
    def owners(self) -> Set[UUID]:
        """Whose journals are watched here."""
        each = (one for those in self._by_journal.values() for one in those)
        return {owner for one in each for owner in one.reading.owners.values()}

    def add(self, connection: Connection, journal: UUID, owner: UUID) -> None:
        """Unless it was closed meanwhile, or is shared no more."""
        if connection.reading.may_see(journal, owner):
            self._by_journal.setdefault(journal, set()).add(connection)

    def remove(self, connection: Connection, journal: UUID) -> None:
        those = self._by_journal.get(journal, set())
        those.discard(connection)
        if not those:
            self._by_journal.pop(journal, None)

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        for journal in connection.reading.owners:
            self.remove(connection, journal)

    def of(self, owner: UUID, journal: UUID) -> list[Connection]:
        """Who still does; who has closed the journal, or may see it no more, is let go of."""
        found = []
        for connection in tuple(self._by_journal.get(journal, ())):
            if journal not in connection.reading.owners:
                self.remove(connection, journal)
            elif connection.reading.owners[journal] == owner:
                found.append(connection)
        return found
