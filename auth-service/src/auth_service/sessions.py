"""Sessions: a row each, which is the truth. Access tokens only repeat it for a while.

A session goes on by refresh tokens. Only digests of them are kept; each holds once, and its
successor replaces it in the one statement that accepts it. Whoever shows one that was spent before
is not who it was given to, or was robbed: the session ends, which is all its tokens. Only a program
that asks twice in the same moments, as those with two windows do, is told so and no more.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Column, ColumnElement, DateTime, LargeBinary, func, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service.tokens import USER_TOKEN_LIFE

IDLE: Final = timedelta(days=30)
"""A session that is not refreshed for so long is over."""
LONGEST: Final = timedelta(days=180)
"""Whatever is done, it is over after that."""
GRACE: Final = timedelta(seconds=10)
AFTERLIFE: Final = timedelta(minutes=1)
"""Sockets outlive the last token by less; and clocks differ."""
MOST_SHOWN: Final = 100

Reason = Literal[
    "logout",
    "logout_everywhere",
    "ended_by_user",
    "password_changed",
    "password_reset",
    "refresh_reused",
    "account_deleted",
]


class Session(SQLModel, table=True):
    """One sign-in."""

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="account.id")
    refresh_digest: bytes | None = Field(sa_column=Column(LargeBinary))
    """Of the one refresh token that holds."""
    agent: str
    """What the program called itself that was last given one."""
    amr: str
    """How its user proved who they are (RFC 8176), in words with spaces between."""
    auth_time: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    seen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    access_until: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    """No access token of it holds longer."""
    ended_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    ended_for: str | None = None


class SpentToken(SQLModel, table=True):
    """A refresh token that was used, and by what program."""

    __tablename__ = "spent_token"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    session_id: UUID = Field(foreign_key="session.id")
    agent: str
    spent_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


@dataclass(frozen=True)
class Spent:
    """A refresh token that does not hold any more, though its session runs."""

    session_id: UUID
    user_id: UUID
    raced: bool
    """It was spent a moment ago, and the same program asks."""


TURN: Final = text(
    """
    with turned as (
        update session
           set refresh_digest = :new, seen_at = now(), access_until = now() + :life, agent = :agent,
               expires_at = least(now() + :idle, created_at + :longest)
         where refresh_digest = :old and ended_at is null and expires_at > now()
     returning *
    ), spent as (
        insert into spent_token (digest, session_id, agent, spent_at)
        select :old, id, :agent, now() from turned
    )
    select * from turned
    """
)
"""The one statement: of many who show the same token at once, one finds it."""


def new_refresh_token() -> str:
    """256 bits nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """What is kept of a token; there is nothing to be guessed from it, so nothing slows it down."""
    return hashlib.sha256(token.encode()).digest()


def session_of(
    user_id: UUID, session_id: UUID, token: str, now: datetime, *, agent: str, amr: str
) -> Session:
    """A new session, for who has just proved who they are."""
    return Session(
        id=session_id,
        user_id=user_id,
        refresh_digest=digest_of(token),
        agent=agent,
        amr=amr,
        auth_time=now,
        created_at=now,
        seen_at=now,
        expires_at=now + IDLE,
        access_until=now + USER_TOKEN_LIFE,
    )


async def turn(session: AsyncSession, old: str, new: str, *, agent: str) -> Session | None:
    """Let `new` take the place of `old`; None if that one does not hold (any more)."""
    given = {
        "old": digest_of(old),
        "new": digest_of(new),
        "agent": agent,
        "life": USER_TOKEN_LIFE,
        "idle": IDLE,
        "longest": LONGEST,
    }
    found = await session.scalars(select(Session).from_statement(TURN), given)
    return found.one_or_none()


async def find_spent(session: AsyncSession, token: str, *, agent: str) -> Spent | None:
    """Where a token belonged that was spent; None if it never held, or its session is over."""
    just_now = col(SpentToken.spent_at) > func.now() - GRACE
    statement = (
        select(Session.id, Session.user_id, just_now, SpentToken.agent)
        .join(SpentToken, col(SpentToken.session_id) == col(Session.id))
        .where(col(SpentToken.digest) == digest_of(token), *_running())
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    session_id, user_id, recent, spender = row
    return Spent(session_id, user_id, raced=recent and spender == agent)


async def find_running(session: AsyncSession, user_id: UUID, session_id: UUID) -> Session | None:
    """The session, while it runs."""
    statement = select(Session).where(
        col(Session.id) == session_id, col(Session.user_id) == user_id, *_running()
    )
    return (await session.scalars(statement)).one_or_none()


async def list_running(session: AsyncSession, user_id: UUID) -> Sequence[Session]:
    """A user's sessions, the one seen last first."""
    statement = (
        select(Session)
        .where(col(Session.user_id) == user_id, *_running())
        .order_by(col(Session.seen_at).desc(), col(Session.id))
        .limit(MOST_SHOWN)
    )
    return (await session.scalars(statement)).all()


async def end(
    session: AsyncSession,
    user_id: UUID,
    reason: Reason,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
) -> Sequence[Session]:
    """End a user's sessions: all, or one, or all but one. Those that ran until now are returned."""
    which = [col(Session.user_id) == user_id, *_running()]
    which += [col(Session.id) == only] if only else []
    which += [col(Session.id) != but] if but else []
    statement = (
        update(Session)
        .where(*which)
        .values(ended_at=func.now(), ended_for=reason, refresh_digest=None)
        .returning(Session)
    )
    return (await session.scalars(statement)).all()


def _running() -> tuple[ColumnElement[bool], ...]:
    return (col(Session.ended_at).is_(None), col(Session.expires_at) > func.now())
