"""Identities: who somebody is to a provider, and whose account that opens.

Known by issuer and subject alone; an address is what a provider says of somebody today.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Column, DateTime, delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service.visits import Visit
from chassis.database import time_of
from chassis.errors import ServiceError
from chassis.ids import new_id

MOST: Final = 10
"""Of one account."""
MOST_MISSES: Final = 10
MISSES_HOLD: Final = timedelta(minutes=10)


class TooManyCodes(ServiceError):
    """Somebody guesses at the second factor of this account."""

    status = 429
    headers = {"Retry-After": str(int(MISSES_HOLD.total_seconds()))}  # noqa: RUF012


class Identity(SQLModel, table=True):
    """One; `misses` are wrong codes of the second factor that were shown after it, since the last
    right one."""

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="account.id")
    provider: str
    issuer: str
    subject: str
    email: str
    linked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    misses: int = 0
    missed_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


async def find(session: AsyncSession, visit: Visit) -> Identity | None:
    """The one that came back, if it opens an account."""
    statement = select(Identity).where(
        col(Identity.issuer) == visit.issuer, col(Identity.subject) == visit.subject
    )
    return (await session.scalars(statement)).one_or_none()


async def add(
    session: AsyncSession, visit: Visit, user_id: UUID, email: str, now: datetime
) -> Identity | None:
    """Let it open this account; None if it opens one already."""
    row = Identity(
        id=new_id(),
        user_id=user_id,
        provider=visit.provider,
        issuer=str(visit.issuer),
        subject=str(visit.subject),
        email=email,
        linked_at=now,
    )
    statement = insert(Identity).values(row.model_dump()).on_conflict_do_nothing()
    added = (await session.execute(statement.returning(col(Identity.id)))).first()
    return row if added else None


async def of_account(session: AsyncSession, user_id: UUID) -> Sequence[Identity]:
    statement = select(Identity).where(col(Identity.user_id) == user_id)
    return (await session.scalars(statement.order_by(col(Identity.linked_at)))).all()


async def use(session: AsyncSession, identity_id: UUID) -> bool:
    """It was used now, for good; false if it is gone. Raises `TooManyCodes`."""
    row = await session.get(Identity, identity_id, with_for_update=True, populate_existing=True)
    if row is None:
        return False
    at = await time_of(session)
    if row.misses >= MOST_MISSES and row.missed_at and at - row.missed_at < MISSES_HOLD:
        raise TooManyCodes("There were too many wrong codes. Try again later.")
    row.used_at, row.misses = at, 0
    return True


async def miss(session: AsyncSession, identity_id: UUID | None) -> UUID | None:
    """A wrong code was shown after it: of whose account."""
    statement = (
        update(Identity)
        .where(col(Identity.id) == identity_id)
        .values(misses=Identity.misses + 1, missed_at=func.now())
    )
    user_id: UUID | None = await session.scalar(statement.returning(col(Identity.user_id)))
    return user_id


async def drop(session: AsyncSession, identity: Identity) -> None:
    await session.execute(delete(Identity).where(col(Identity.id) == identity.id))
