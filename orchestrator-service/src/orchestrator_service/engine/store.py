"""What the engine asks of the place where journals are kept; PostgreSQL answers in `postgres.py`.

Times are the store's: the clock of a process is never asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.broker import Letter
from orchestrator_service.engine.changes import Change, Row
from orchestrator_service.engine.releasing import View


@dataclass(frozen=True, slots=True)
class Due:
    """Journals whose time has come; seconds until the next; the time at the store.

    With each journal stands since when its commands are with the broker; see `DeadlinePassed`.
    """

    journals: Mapping[UUID, Mapping[str, datetime | None]]
    next_in: float | None
    now: datetime


@dataclass(frozen=True, slots=True)
class House:
    """The version of the table that journals begin with, and how many replicas there are."""

    version: int
    replicas: int


class Store(Protocol):
    """Rows of journals, their history, and letters on their way."""

    async def now(self) -> datetime:
        """The time."""

    async def load(self, ids: Collection[UUID]) -> dict[UUID, Row | None]:
        """The rows of these journals, if there are any; None: of a version not known here."""

    async def commit(self, changes: Sequence[Change], waits: Collection[UUID]) -> set[UUID]:
        """Write `changes` as one; the journals whose row was still as it had been read.

        `waits` names the letters that the release scheduler keeps back.
        """

    async def forget(self, row: Row, letter: Letter) -> bool:
        """Delete a journal with all that is kept of it, and tell of it; False if it has moved."""

    async def due(self, limit: int) -> Due:
        """Whose time has come."""

    async def settle(self, arrived: Sequence[UUID]) -> None:
        """The broker has these letters: events are done with, commands are out."""

    async def sweep(self, limit: int) -> list[Letter]:
        """Letters nobody holds any more, now held by this replica."""

    async def release(self, pool: str, window: int, user_limit: int) -> list[Letter]:
        """Let out as many waiting commands of a pool as there is room for, the next ones first."""

    async def view(self) -> View:
        """What is in flight and what waits."""

    async def place(self, journal: UUID) -> tuple[str, int] | None:
        """The pool a journal waits for, and how many steps go first; None: it does not wait."""

    async def house(self, replica: UUID) -> House:
        """This replica is alive; who else is, and what is in force."""

    async def outdated(self, version: int, limit: int) -> list[UUID]:
        """Journals of versions before this one."""
