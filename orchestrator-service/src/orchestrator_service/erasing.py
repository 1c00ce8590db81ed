"""All of a user goes when their account does: journals first, so that who works on them stops."""

import contextlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.broker import NotForMe
from chassis.database import Database
from chassis.errors import NotFound
from orchestrator_service.collaborators import Collaborators
from orchestrator_service.orders import Desk

JOURNALS: Final = text("select id from journal where user_id = :user order by id limit 100")
LEAVE: Final = text("""
    update collaborator set removed_at = clock_timestamp(), settled = false
     where user_id = :user and removed_at is null
""")
SHARED: Final = text("select distinct journal_id from collaborator where user_id = :user")
BURIED: Final = text("""
    delete from dead_letter where position(convert_to(:user, 'UTF8') in body) > 0
""")
TABLES: Final = ("idempotent_order", "tag", "webhook", "model_call", "user_day", "share", "outbox")
"""What else names its user, and goes with all that hangs on it; beside journals and collaborators,
which are left by transitions."""


class Erasing:
    """Deletes in steps, each of its own; whatever is left by a crash is found the next time."""

    def __init__(self, database: Database, desk: Desk, shared: Collaborators) -> None:
        self._database = database
        self._desk = desk
        self._shared = shared

    async def erase(self, user_id: UUID) -> None:
        """Their journals, however far these are; their part in those of others; all the rest."""
        tried = set[UUID]()
        while journals := await self._ids(JOURNALS, user_id):
            if not tried.isdisjoint(journals):  # of a version that only others know
                raise NotForMe
            for journal_id in journals:
                await self._delete(user_id, journal_id)
            tried.update(journals)
        async with self._database.transaction() as session:
            await session.execute(LEAVE, {"user": user_id})
        for journal_id in await self._ids(SHARED, user_id):
            await self._shared.settle(journal_id)
        async with self._database.transaction() as session:
            for table in TABLES:
                mine = text(f"delete from {table} where user_id = :user")  # noqa: S608 - ours
                await session.execute(mine, {"user": user_id})
            await session.execute(BURIED, {"user": str(user_id)})

    async def _ids(self, query: TextClause, user_id: UUID) -> Sequence[UUID]:
        async with self._database.transaction() as session:
            return (await session.scalars(query, {"user": user_id})).all()

    async def _delete(self, user_id: UUID, journal_id: UUID) -> None:
        with contextlib.suppress(NotFound):  # deleted meanwhile
            await self._desk.delete(user_id, journal_id)
