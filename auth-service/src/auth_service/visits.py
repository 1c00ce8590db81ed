"""Visits: a browser that was sent to a provider, until it has come back and is let in.

A row, for it may come back to another replica. It is found by two things that were drawn for it:
`state`, which goes to the provider and back, and `browser`, which stays in a cookie; only digests
of them are kept. What must be secret until the code was redeemed, the nonce and the verifier
(RFC 7636), is made of both anew each time, so a row tells neither.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Column, DateTime, LargeBinary, delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service.id_tokens import Shown
from auth_service.sessions import digest_of
from chassis.database import time_of
from chassis.errors import ServiceError

LIFE: Final = timedelta(minutes=10)

Purpose = Literal["sign_in", "link", "step_up"]


class VisitVoid(ServiceError):
    """It was used, is too old, is another browser's or for something else, or never was."""

    status = 410

    def __init__(self) -> None:
        super().__init__("This holds no more. Begin once more.")


class Visit(SQLModel, table=True):
    """One; who came back is known once `issuer` and `subject` are there."""

    __tablename__ = "oidc_visit"

    state: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    browser: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    provider: str
    purpose: str
    next: str
    user_id: UUID | None = Field(default=None, foreign_key="account.id")
    session_id: UUID | None = None
    """Who asked, where somebody was signed in: it is for that session alone."""
    begun_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    back_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    issuer: str | None = None
    subject: str | None = None
    email: str | None = None
    shown_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    """When they showed the provider who they are, as it says."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn for a visit, and what follows from it."""

    state: str
    browser: str

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        return self._made("verifier")

    def _made(self, what: str) -> str:
        told = f"{what} {self.state}".encode()
        made = hmac.digest(self.browser.encode(), told, hashlib.sha256)
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def draw() -> Drawn:
    return Drawn(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


async def begin(
    session: AsyncSession,
    drawn: Drawn,
    provider: str,
    purpose: Purpose,
    place: str,
    *,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
) -> None:
    """Note it; those that nobody came back from in time are forgotten on the way."""
    await forget(session)
    at = await time_of(session)
    session.add(
        Visit(
            state=digest_of(drawn.state),
            browser=digest_of(drawn.browser),
            provider=provider,
            purpose=purpose,
            next=place,
            user_id=user_id,
            session_id=session_id,
            begun_at=at,
            expires_at=at + LIFE,
        )
    )


async def come_back(session: AsyncSession, drawn: Drawn, provider: str) -> str:
    """Use the state up: of any number that show it, one goes on. Where to; raises `VisitVoid`."""
    statement = (
        update(Visit)
        .where(
            col(Visit.state) == digest_of(drawn.state),
            col(Visit.browser) == digest_of(drawn.browser),
            col(Visit.provider) == provider,
            col(Visit.back_at).is_(None),
            col(Visit.expires_at) > func.now(),
        )
        .values(back_at=func.now())
    )
    place: str | None = await session.scalar(statement.returning(col(Visit.next)))
    if place is None:
        raise VisitVoid
    return place


async def note(
    session: AsyncSession, drawn: Drawn, shown: Shown, shown_at: datetime | None
) -> None:
    """Who came back."""
    told = {"issuer": shown.issuer, "subject": shown.subject, "email": shown.email}
    await session.execute(
        update(Visit)
        .where(col(Visit.state) == digest_of(drawn.state))
        .values(**told, shown_at=shown_at)
    )


async def take(
    session: AsyncSession,
    browser: str,
    purpose: Purpose,
    *,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
) -> Visit:
    """Use it up for this, by the one it is for; raises `VisitVoid`."""
    statement = delete(Visit).where(
        col(Visit.browser) == digest_of(browser),
        col(Visit.purpose) == purpose,
        col(Visit.subject).is_not(None),
        col(Visit.expires_at) > func.now(),
        col(Visit.user_id).is_not_distinct_from(user_id),
        col(Visit.session_id).is_not_distinct_from(session_id),
    )
    taken = (await session.scalars(statement.returning(Visit))).one_or_none()
    if taken is None:
        raise VisitVoid
    return taken


async def forget(session: AsyncSession) -> None:
    await session.execute(delete(Visit).where(col(Visit.expires_at) < func.now()))


async def erase(session: AsyncSession, email: str) -> None:
    """Of somebody who leaves: visits without an account know them by the address alone."""
    await session.execute(delete(Visit).where(func.lower(col(Visit.email)) == func.lower(email)))
