"""What is kept: accounts, and the assertions that were shown already."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service.tokens import Assertion


class Account(SQLModel, table=True):
    """Someone with an e-mail address, unique whatever its case, and a password.

    Whom a provider brought has none until they choose one.
    """

    id: UUID = Field(primary_key=True)
    email: str
    password_hash: str | None = None
    version: int = 1
    """Counts the passwords: who proved an older one did not prove who they are."""
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    verified_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    """When it was shown that whoever has the address has the account."""


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


async def lock_account(
    session: AsyncSession, user_id: UUID, *, version: int | None = None
) -> Account | None:
    """The account, held against all who sign it in or out until this transaction ends.

    None where it is gone, or its password is not the one of that version any more.
    """
    statement = select(Account).where(col(Account.id) == user_id).with_for_update()
    found = (await session.scalars(statement)).one_or_none()
    return found if found is None or version in (None, found.version) else None


async def show_once(session: AsyncSession, assertion: Assertion, now: datetime) -> bool:
    """Note an assertion; false if it was shown before. What has run out is forgotten on the way."""
    await session.execute(delete(ShownAssertion).where(col(ShownAssertion.expires_at) < now))
    row = ShownAssertion(
        service=assertion.service, id=assertion.id, expires_at=assertion.expires_at
    )
    statement = insert(ShownAssertion).values(row.model_dump()).on_conflict_do_nothing()
    return (await session.execute(statement.returning(col(ShownAssertion.id)))).first() is not None
