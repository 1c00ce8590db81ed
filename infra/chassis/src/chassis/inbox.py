"""The inbox: remembers handled messages, for hearers whose messages carry no fence of their own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col


class InboxRow(SQLModel, table=True):
    """One handled message."""

    __tablename__ = "inbox"

    message_id: UUID = Field(primary_key=True)
    handled_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), server_default=func.now(), nullable=False)
    )


async def first_time(session: AsyncSession, message_id: UUID) -> bool:
    """Note the message in this transaction; false if it was handled before."""
    statement = insert(InboxRow).values(message_id=message_id).on_conflict_do_nothing()
    result = await session.execute(statement.returning(col(InboxRow.message_id)))
    return result.scalar_one_or_none() is not None
