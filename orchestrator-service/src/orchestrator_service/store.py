"""The orchestrator's tables as its API reads them; only the engine writes them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, DateTime, Numeric, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.errors import NotFound
from orchestrator_service.state import Saga

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
    priority: int = 0
    saga: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    due_at: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant(nullable=False)
    updated_at: datetime = _instant(nullable=False)


class HistoryRow(SQLModel, table=True):
    """One transition: what caused it, who, when, and what the world was told."""

    __tablename__ = "history"

    journal_id: UUID = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    cause: str
    actor: str
    input: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    said: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = _instant(nullable=False)


class DecisionRow(SQLModel, table=True):
    """One answer that counts: the primary key is what makes a second one impossible."""

    __tablename__ = "decision"

    journal_id: UUID = Field(primary_key=True)
    question: str = Field(primary_key=True)
    rev: int = Field(primary_key=True)
    choice: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    chosen_by: str
    at: datetime = _instant(nullable=False)


class OrderRow(SQLModel, table=True):
    """An order that was given with an idempotency key, so that giving it again makes no second."""

    __tablename__ = "idempotent_order"

    user_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    """Empty once its journal was deleted: the key orders nothing any more."""
    journal_id: UUID
    created_at: datetime = _instant(nullable=False)


class ModelCallRow(SQLModel, table=True):
    """One call to a model; without a known price its cost is None."""

    __tablename__ = "model_call"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    journal_id: UUID
    agent: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: Decimal | None = Field(sa_column=Column(Numeric(12, 6)))
    at: datetime = _instant(nullable=False)


async def load_of_user(session: AsyncSession, journal_id: UUID, user_id: UUID) -> JournalRow:
    """The same for its owner only: a foreign journal looks like none."""
    query = select(JournalRow).where(
        col(JournalRow.id) == journal_id, col(JournalRow.user_id) == user_id
    )
    row = await session.scalar(query)
    if row is None:
        raise NotFound("There is no such journal.")
    return row


READERS: Final = text("""
    :reader in (journal.user_id, (select user_id from collaborator
                                   where journal_id = journal.id and user_id = :reader
                                     and removed_at is null and role <> 'decider' limit 1))
""")


async def load_readable(session: AsyncSession, journal_id: UUID, user_id: UUID) -> JournalRow:
    """The same for those too whom its owner shares it with."""
    query = select(JournalRow).where(
        col(JournalRow.id) == journal_id, READERS.bindparams(reader=user_id)
    )
    row = await session.scalar(query)
    if row is None:
        raise NotFound("There is no such journal.")
    return row


def saga_of(row: JournalRow) -> Saga:
    """The saga in a row."""
    return SAGA.validate_python(row.saga)
