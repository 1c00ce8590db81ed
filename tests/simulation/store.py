"""One replica's way to the tables: a `Store` whose answers come late, or not at all."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from chassis.broker import Letter
from orchestrator_service.engine.changes import Change, Row
from orchestrator_service.engine.releasing import View
from orchestrator_service.engine.store import Due, House

from .fate import Fate
from .rows import Rows

T = TypeVar("T")
MONDAY: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class SimulatedStore:
    """The `Store` on tables in memory."""

    def __init__(self, fate: Fate, rows: Rows, versions: Collection[int]) -> None:
        self._fate = fate
        self._rows = rows
        self._versions = versions

    async def now(self) -> datetime:
        return await self._ask("now", lambda at: at)

    async def load(self, ids: Collection[UUID]) -> dict[UUID, Row | None]:
        return await self._ask("load", lambda at: self._rows.load(ids, self._versions))

    async def commit(self, changes: Sequence[Change], waits: Collection[UUID]) -> set[UUID]:
        return await self._ask("commit", lambda at: self._rows.commit(changes, waits, at))

    async def forget(self, row: Row, letter: Letter) -> bool:
        return await self._ask("forget", lambda at: self._rows.forget(row, letter, at))

    async def due(self, limit: int) -> Due:
        return await self._ask("due", lambda at: self._rows.due(limit, self._versions, at))

    async def settle(self, arrived: Sequence[UUID]) -> None:
        return await self._ask("settle", lambda at: self._rows.settle(arrived))

    async def sweep(self, limit: int) -> list[Letter]:
        return await self._ask("sweep", lambda at: self._rows.sweep(limit, at))

    async def release(self, pool: str, window: int, user_limit: int) -> list[Letter]:
        return await self._ask(
            "release", lambda at: self._rows.release(pool, window, user_limit, at)
        )

    async def view(self) -> View:
        return await self._ask("view", self._rows.view)

    async def place(self, journal: UUID) -> tuple[str, int] | None:
        return await self._ask("place", lambda at: self._rows.place(journal))

    async def house(self, replica: UUID) -> House:
        newest = max(self._versions)
        return await self._ask("house", lambda at: self._rows.house(replica, newest, at))

    async def outdated(self, version: int, limit: int) -> list[UUID]:
        return await self._ask("outdated", lambda at: self._rows.outdated(version, limit))

    async def _ask(self, what: str, deed: Callable[[datetime], T]) -> T:
        fate = self._fate
        return await fate.ask_store(what, lambda: deed(time_of(fate)))


def time_of(fate: Fate) -> datetime:
    """The time at the servers."""
    return MONDAY + timedelta(seconds=fate.loop.time())
