"""The orchestrator's tables, and the one way a journal's row changes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, DateTime, extract, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.errors import NotFound
from journal_contracts.api import JournalCard
from journal_contracts.product import PlanName
from orchestrator_service import steps
from orchestrator_service.state import Saga
from orchestrator_service.views import status_of

SAGA = TypeAdapter(Saga)


def _instant(**options: Any) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), **options))


class JournalRow(SQLModel, table=True):
    """One journal: its saga, and beside it what lists and timers ask for. `version` is the lock."""

    __tablename__ = "journal"

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    theme: str
    plan: str
    title: str | None = None
    status: str
    percent: int = 0
    definition: int
    version: int = 1
    saga: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    due_at: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant(nullable=False)
    updated_at: datetime = _instant(nullable=False)


class HistoryRow(SQLModel, table=True):
    """One thing that happened to a journal; `n` only where the world was told."""

    __tablename__ = "history"

    journal_id: UUID = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    n: int | None = None
    type: str
    actor: str
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = _instant(nullable=False)


class DecisionRow(SQLModel, table=True):
    """One answer that counts: the primary key is what makes a second one impossible."""

    __tablename__ = "decision"

    journal_id: UUID = Field(primary_key=True)
    question: str = Field(primary_key=True)
    rev: int = Field(primary_key=True)
    choice: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    chosen_by: str


class OrderRow(SQLModel, table=True):
    """An order that was given with an idempotency key, so that giving it again makes no second."""

    __tablename__ = "idempotent_order"

    user_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    journal_id: UUID
    created_at: datetime = _instant(nullable=False)


class Raced(Exception):
    """Another transition of this journal was first; load it again."""


async def database_now(session: AsyncSession) -> datetime:
    """The database's clock: the only one that deadlines are set and compared by."""
    now: datetime = await session.scalar(select(func.clock_timestamp()))  # type: ignore[assignment]
    return now


async def load(session: AsyncSession, journal_id: UUID) -> tuple[JournalRow, datetime]:
    """A journal's row, or `NotFound`, and the database's time."""
    query = select(JournalRow, func.clock_timestamp()).where(col(JournalRow.id) == journal_id)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFound("There is no such journal.")
    row, now = found
    return row, now


async def load_of_user(session: AsyncSession, journal_id: UUID, user_id: UUID) -> JournalRow:
    """The same for its owner only: a foreign journal looks like none."""
    query = select(JournalRow).where(
        col(JournalRow.id) == journal_id, col(JournalRow.user_id) == user_id
    )
    row = await session.scalar(query)
    if row is None:
        raise NotFound("There is no such journal.")
    return row


def saga_of(row: JournalRow) -> Saga:
    """The saga in a row."""
    return SAGA.validate_python(row.saga)


def encoded(saga: Saga) -> dict[str, Any]:
    """A saga as JSON; defaults are left out, which keeps a standard journal near 4 kB."""
    document: dict[str, Any] = SAGA.dump_python(saga, mode="json", exclude_defaults=True)
    return document


async def save(session: AsyncSession, before: JournalRow, saga: Saga, now: datetime) -> None:
    """Write the new state if nobody else has meanwhile; raises `Raced` if so."""
    title = steps.title(saga)
    statement = (
        update(JournalRow)
        .where(col(JournalRow.id) == before.id, col(JournalRow.version) == before.version)
        .values(
            version=before.version + 1,
            saga=encoded(saga),
            status=status_of(saga),
            percent=saga.percent,
            title=title.text if title else None,
            due_at=saga.due,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
        .returning(col(JournalRow.id))
    )
    if (await session.execute(statement)).scalar_one_or_none() is None:
        raise Raced(before.id)


async def due_journals(session: AsyncSession, limit: int = 50) -> list[UUID]:
    """Journals whose time has come, by the database's clock."""
    query = (
        select(col(JournalRow.id))
        .where(col(JournalRow.due_at) <= func.clock_timestamp())
        .order_by(col(JournalRow.due_at))
        .limit(limit)
    )
    return list((await session.scalars(query)).all())


async def next_due_in(session: AsyncSession) -> float | None:
    """Seconds until the next deadline of any journal."""
    query = select(extract("epoch", func.min(JournalRow.due_at) - func.clock_timestamp()))
    wait = await session.scalar(query)
    return None if wait is None else float(wait)


async def list_of_user(
    session: AsyncSession, user_id: UUID, limit: int, before: UUID | None
) -> list[JournalCard]:
    """A user's journals, newest first; ids are UUIDv7, so they sort by time."""
    query = select(JournalRow).where(col(JournalRow.user_id) == user_id)
    if before is not None:
        query = query.where(col(JournalRow.id) < before)
    rows = await session.scalars(query.order_by(col(JournalRow.id).desc()).limit(limit))
    return [
        JournalCard.model_validate(
            {**row.model_dump(include=set(JournalCard.model_fields)), "plan": PlanName(row.plan)}
        )
        for row in rows
    ]
