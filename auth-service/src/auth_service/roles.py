"""Roles: what some may do beyond what every user may, who granted it, and until when."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, delete, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select


class Role(SQLModel, table=True):
    """A name, and the scopes that tokens of its holders have, with spaces between."""

    name: str = Field(primary_key=True)
    scopes: str


class AccountRole(SQLModel, table=True):
    """That somebody has a role."""

    __tablename__ = "account_role"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    role: str = Field(primary_key=True, foreign_key="role.name")
    granted_by: str
    granted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    until: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


@dataclass(frozen=True)
class Standing:
    """The roles somebody has at a moment, and what they may do by them."""

    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


async def grant(
    session: AsyncSession,
    user_id: UUID,
    role: str,
    *,
    by: str,
    now: datetime,
    until: datetime | None = None,
) -> None:
    """Give a role; who has it keeps who granted it first, and has it until the new moment."""
    row = AccountRole(user_id=user_id, role=role, granted_by=by, granted_at=now, until=until)
    statement = insert(AccountRole).values(row.model_dump())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "role"], set_={"until": statement.excluded.until}
        )
    )


async def take_back(session: AsyncSession, user_id: UUID, role: str) -> None:
    await session.execute(
        delete(AccountRole).where(
            col(AccountRole.user_id) == user_id, col(AccountRole.role) == role
        )
    )


async def standing_of(session: AsyncSession, user_id: UUID) -> Standing:
    """What somebody is at this moment, by the database's clock."""
    statement = (
        select(Role)
        .join(AccountRole, col(AccountRole.role) == col(Role.name))
        .where(
            col(AccountRole.user_id) == user_id,
            or_(col(AccountRole.until).is_(None), col(AccountRole.until) > func.now()),
        )
        .order_by(col(Role.name))
    )
    found = (await session.scalars(statement)).all()
    scopes = sorted({scope for role in found for scope in role.scopes.split()})
    return Standing(tuple(role.name for role in found), tuple(scopes))
