"""What a letter lets its reader do: one thing, once, within the hour.

A token is 256 random bits, of which only the digest is kept.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Column, ColumnElement, DateTime, LargeBinary, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service.sessions import digest_of

Purpose = Literal["verify", "reset", "change"]

LIVES: Final[dict[Purpose, timedelta]] = {
    "verify": timedelta(minutes=60),
    "reset": timedelta(minutes=30),
    "change": timedelta(minutes=60),
}
MOST_AT_ONCE: Final = 3
"""Letters of one purpose to one account, while their tokens hold: no more are sent."""


class MailToken(SQLModel, table=True):
    """One that was sent to `email`; without a user it was sent to nobody and opens nothing."""

    __tablename__ = "mail_token"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: UUID | None = Field(foreign_key="account.id")
    purpose: str
    email: str
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


def draw(
    session: AsyncSession, user_id: UUID | None, purpose: Purpose, email: str, now: datetime
) -> str:
    """A new token; its digest is added to the open transaction."""
    token = secrets.token_urlsafe(32)
    session.add(
        MailToken(
            digest=digest_of(token),
            user_id=user_id,
            purpose=purpose,
            email=email,
            expires_at=now + LIVES[purpose],
        )
    )
    return token


async def find(session: AsyncSession, token: str, purpose: Purpose) -> MailToken | None:
    """The token, while it holds for this."""
    found = await session.scalars(select(MailToken).where(*_holds(token, purpose)))
    return found.one_or_none()


async def use(session: AsyncSession, token: str, purpose: Purpose) -> bool:
    """Use it up; of any number that try at once, one does."""
    statement = update(MailToken).where(*_holds(token, purpose)).values(used_at=func.now())
    used = await session.execute(statement.returning(col(MailToken.digest)))
    return used.first() is not None


async def may_be_sent(session: AsyncSession, user_id: UUID | None, purpose: Purpose) -> bool:
    """Whether not too many were sent already that still hold."""
    statement = select(func.count()).where(
        col(MailToken.user_id) == user_id,
        col(MailToken.purpose) == purpose,
        col(MailToken.expires_at) > func.now(),
    )
    return (await session.scalar(statement) or 0) < MOST_AT_ONCE


async def void(session: AsyncSession, user_id: UUID) -> None:
    """Let none of this user's hold: what they were drawn for is not so any more."""
    await session.execute(
        update(MailToken)
        .where(col(MailToken.user_id) == user_id, col(MailToken.used_at).is_(None))
        .values(used_at=func.now())
    )


async def forget(session: AsyncSession) -> None:
    await session.execute(delete(MailToken).where(col(MailToken.expires_at) < func.now()))


def _holds(token: str, purpose: Purpose) -> tuple[ColumnElement[bool], ...]:
    return (
        col(MailToken.digest) == digest_of(token),
        col(MailToken.purpose) == purpose,
        col(MailToken.user_id).is_not(None),
        col(MailToken.used_at).is_(None),
        col(MailToken.expires_at) > func.now(),
    )
