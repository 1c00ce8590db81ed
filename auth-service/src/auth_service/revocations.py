"""What ends a session tells everybody: rows, and messages that leave with the same commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Column, DateTime, delete, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service import sessions
from auth_service.sessions import AFTERLIFE, Reason, Session
from chassis.database import time_of
from chassis.outbox import Outbox
from journal_contracts.events import SessionRevoked
from journal_contracts.sessions import RevokedView

KEPT: Final = timedelta(hours=1)
"""Longer than any access token holds that was given out before."""
SESSIONS_KEPT: Final = timedelta(days=30)
"""After their end, for who asks what happened."""


class Revocation(SQLModel, table=True):
    """A session that ended before its access tokens did."""

    session_id: UUID = Field(primary_key=True)
    user_id: UUID
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


async def revoke(
    session: AsyncSession,
    outbox: Outbox,
    user_id: UUID,
    reason: Reason,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
) -> int:
    """End sessions (`sessions.end`), and say so of each that may still have a token out.

    How many ended. Whoever commits this wakes the outbox. All of it goes by the database's clock,
    as those do who ask: one of ours that is wrong lets no end be missed.
    """
    ended = await sessions.end(session, user_id, reason, only=only, but=but)
    at = await time_of(session)
    for each in ended:
        if each.access_until + AFTERLIFE > at:
            session.add(Revocation(session_id=each.id, user_id=user_id, at=at))
            told = SessionRevoked(user_id=user_id, session_id=each.id, at=at, reason=reason)
            outbox.put(session, told, subject=str(user_id))
    return len(ended)


async def list_since(
    session: AsyncSession, since: datetime | None
) -> tuple[datetime, Sequence[RevokedView]]:
    """The database's time, and what was revoked after that moment, or so long that it matters."""
    at = await time_of(session)
    statement = select(Revocation).where(col(Revocation.at) > (since or at - KEPT))
    found = (await session.scalars(statement)).all()
    return at, [RevokedView(session_id=row.session_id, user_id=row.user_id) for row in found]


async def forget(session: AsyncSession) -> None:
    """Forget what no token can belong to any more, and sessions that are long over."""
    await session.execute(delete(Revocation).where(col(Revocation.at) < func.now() - KEPT))
    long_ago = func.now() - SESSIONS_KEPT
    await session.execute(
        delete(Session).where(
            (col(Session.ended_at) < long_ago) | (col(Session.expires_at) < long_ago)
        )
    )
