"""What is kept: accounts, operators, sessions, and the assertions that were shown already."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service.tokens import Assertion


class Account(SQLModel, table=True):
    """Someone with an e-mail address, unique whatever its case, and a password."""

    id: UUID = Field(primary_key=True)
    email: str
    password_hash: str
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Session(SQLModel, table=True):
    """One sign-in; its tokens hold no longer than it does."""

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="account.id")
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Operator(SQLModel, table=True):
    """Somebody who may look after the platform, and who said so."""

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    granted_by: str
    granted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class ShownAssertion(SQLModel, table=True):
    """An assertion that was used, remembered until it would not hold anyway."""

    __tablename__ = "shown_assertion"

    service: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


async def add_account(session: AsyncSession, account: Account) -> bool:
    """False if somebody has the address already."""
    statement = insert(Account).values(account.model_dump()).on_conflict_do_nothing()
    return (await session.execute(statement.returning(col(Account.id)))).first() is not None


async def find_account(session: AsyncSession, email: str) -> Account | None:
    statement = select(Account).where(func.lower(col(Account.email)) == func.lower(email))
    return (await session.scalars(statement)).one_or_none()


async def add_operator(session: AsyncSession, user_id: UUID, by: str, now: datetime) -> None:
    """Note an operator; whoever granted it first stays on record."""
    row = Operator(user_id=user_id, granted_by=by, granted_at=now)
    await session.execute(insert(Operator).values(row.model_dump()).on_conflict_do_nothing())


async def remove_operator(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(Operator).where(col(Operator.user_id) == user_id))


async def is_operator(session: AsyncSession, user_id: UUID) -> bool:
    return await session.get(Operator, user_id) is not None


async def find_signed_in(
    session: AsyncSession, user_id: UUID, session_id: UUID, now: datetime
) -> Account | None:
    """The account of a session that still runs."""
    statement = (
        select(Account)
        .join(Session, col(Session.user_id) == col(Account.id))
        .where(
            col(Account.id) == user_id,
            col(Session.id) == session_id,
            col(Session.expires_at) > now,
        )
    )
    return (await session.scalars(statement)).one_or_none()


async def show_once(session: AsyncSession, assertion: Assertion, now: datetime) -> bool:
    """Note an assertion; false if it was shown before. What has run out is forgotten on the way."""
    await session.execute(delete(ShownAssertion).where(col(ShownAssertion.expires_at) < now))
    row = ShownAssertion(
        service=assertion.service, id=assertion.id, expires_at=assertion.expires_at
    )
    statement = insert(ShownAssertion).values(row.model_dump()).on_conflict_do_nothing()
    return (await session.execute(statement.returning(col(ShownAssertion.id)))).first() is not None
