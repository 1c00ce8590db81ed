"""What one client reads along: text of its journals, merged while it waits, and never kept."""

from typing import Final
from uuid import UUID

from gateway_service.frames import passing
from journal_contracts.events import LONGEST_TEXT, TextWritten
from journal_contracts.realtime import Read

MOST_JOURNALS: Final = 4
"""Of one client at a time; who opens another closes the one opened first."""
MOST_STEPS: Final = 64


class Reading:
    """The journals a client reads, and the text that waits for it."""

    __slots__ = ("_journals", "_waiting", "owners")

    def __init__(self) -> None:
        self._journals: dict[UUID, None] = {}
        self._waiting: dict[str, TextWritten] = {}
        self.owners: dict[UUID, UUID] = {}
        """Of the journals of others: whose they are, who let this client see them."""

    @property
    def journals(self) -> tuple[UUID, ...]:
        return tuple(self._journals)

    @property
    def has_news(self) -> bool:
        """Text waits to be sent."""
        return bool(self._waiting)

    def may_see(self, journal: UUID, owner: UUID) -> bool:
        """This journal is another's who shares it; false where it was closed meanwhile."""
        if journal in self._journals:
            self.owners[journal] = owner
        return journal in self._journals

    def close(self, journal: UUID) -> None:
        """No more of this journal, and nothing of what waits."""
        self._journals.pop(journal, None)
        self.owners.pop(journal, None)
        for key in [key for key, piece in self._waiting.items() if piece.journal_id == journal]:
            del self._waiting[key]

    def turn(self, read: Read) -> None:
        """Open a journal, or close it."""
        if not read.on:
            self.close(read.journal)
            return
        self._journals.pop(read.journal, None)
        self.owners.pop(read.journal, None)
        self._journals[read.journal] = None
        while len(self._journals) > MOST_JOURNALS:
            self.close(next(iter(self._journals)))

    def add(self, piece: TextWritten) -> bool:
        """Put a piece to what waits; false if it is not read here, or there is no room."""
        key = key_of(piece)
        before = self._waiting.get(key)
        if piece.journal_id not in self._journals:
            return False
        if before is None and len(self._waiting) >= MOST_STEPS:
            return False
        self._waiting[key] = piece if before is None else _merged(before, piece)
        return True

    def take(self) -> list[bytes]:
        """The frames of all that waits."""
        frames = [passing("token", piece, key) for key, piece in self._waiting.items()]
        self._waiting.clear()
        return frames


def key_of(piece: TextWritten) -> str:
    """Under which pieces of one text come."""
    return f"{piece.journal_id}/{piece.phase}/{piece.part}/{piece.attempt}"


def _merged(before: TextWritten, after: TextWritten) -> TextWritten:
    """Neighbours become one; after a gap the newer one stands alone."""
    if before.pos + len(before.text) != after.pos:
        return after
    text = (before.text + after.text)[-LONGEST_TEXT:]
    return after.model_copy(update={"text": text, "pos": after.pos + len(after.text) - len(text)})
