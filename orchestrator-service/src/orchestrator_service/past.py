"""What happened to a journal, how it stood right after any of it, and its picture."""

from uuid import UUID

from sqlalchemy import Integer, column, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col

from chassis.database import Database
from chassis.errors import NotFound
from journal_contracts.api import HistoryPage, JournalView, ToldEvent, ToldEvents
from orchestrator_service import picture, store
from orchestrator_service.engine.causes import NAMES, replayed
from orchestrator_service.ownership import role_of
from orchestrator_service.store import HistoryRow
from orchestrator_service.views import history_entries, journal_view

READABLE = frozenset(NAMES.values())
"""Causes whose inputs were kept; what happened before that was kept without."""
MOST_TOLD = 500
"""Events given at once: as many as a feed keeps."""


class NoSuchMoment(NotFound):
    """The journal has no such transition, or none that can be seen again."""


class Past:
    """The history of journals, read by those who may see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user_id: UUID, journal_id: UUID, limit: int, after: int) -> HistoryPage:
        """Up to `limit` transitions after that number, in order, each with all that was told."""
        query = (
            select(HistoryRow)
            .where(col(HistoryRow.journal_id) == journal_id, col(HistoryRow.seq) > after)
            .order_by(col(HistoryRow.seq))
            .limit(limit + 1)
        )
        async with self._database.transaction() as session:
            await store.load_readable(session, journal_id, user_id)
            rows = (await session.scalars(query)).all()
        following = rows[limit - 1].seq if len(rows) > limit else None
        entries = (entry for row in rows[:limit] for entry in history_entries(row))
        return HistoryPage(items=tuple(entries), next=following)

    async def at(self, user_id: UUID, journal_id: UUID, seq: int) -> JournalView:
        """The journal right after a transition: all that happened until then happens once more."""
        query = (
            select(col(HistoryRow.cause), col(HistoryRow.input), col(HistoryRow.at))
            .where(col(HistoryRow.journal_id) == journal_id, col(HistoryRow.seq) <= seq)
            .order_by(col(HistoryRow.seq))
        )
        async with self._database.transaction() as session:
            row = await store.load_readable(session, journal_id, user_id)
            entries = [(cause, told, at) for cause, told, at in await session.execute(query)]
        if len(entries) != seq:
            raise NoSuchMoment(f"The journal has no transition {seq}.")
        if not READABLE.issuperset(cause for cause, _, _ in entries):
            raise NoSuchMoment("What caused this was not kept yet when it happened.")
        saga = replayed(journal_id, user_id, entries)
        if saga is None:
            raise NoSuchMoment(f"The journal has no transition {seq}.")
        role = role_of(user_id, store.saga_of(row)) or "viewer"
        return journal_view(saga, row.created_at, entries[-1][2], role=role)

    async def told(self, journal_id: UUID, first: int, last: int) -> ToldEvents:
        """What the world was told of a journal from its `first` event to its `last`, as it was."""
        each = func.jsonb_array_elements(col(HistoryRow.said)).table_valued(
            column("value", JSONB), name="each"
        )
        event = each.c.value
        n = event["body"]["n"].astext.cast(Integer)
        query = (
            select(event)
            .select_from(HistoryRow)
            .join(each, n.between(first, last))
            .where(col(HistoryRow.journal_id) == journal_id)
            .order_by(n)
            .limit(MOST_TOLD)
        )
        async with self._database.transaction() as session:
            events = (await session.scalars(query)).all()
        return ToldEvents(items=tuple(map(ToldEvent.model_validate, events)))

    async def picture(self, user_id: UUID, journal_id: UUID) -> str:
        """The plan of a journal with its state, as SVG."""
        async with self._database.transaction() as session:
            row = await store.load_readable(session, journal_id, user_id)
        return picture.svg(store.saga_of(row))
