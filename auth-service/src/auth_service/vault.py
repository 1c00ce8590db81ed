"""The vault: keys of users to providers. Users write them; one service uses them, for a journal.

A row has the closed key, another the data key that opens it: without that one, nothing does.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, DateTime, LargeBinary, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service.envelopes import Envelopes, Wrapped
from chassis.ids import now

SHOWN: Final = 4
MOST_KEYS: Final = 50
"""Of one user."""
BATCH: Final = 500


class ProviderKey(SQLModel, table=True):
    """A user's key to a provider, closed; `version` counts those there were."""

    __tablename__ = "provider_key"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    provider: str = Field(primary_key=True)
    version: int
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    last_four: str
    fingerprint: str
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


class DataKey(SQLModel, table=True):
    """What opens it, wrapped with the vault's key of that name."""

    __tablename__ = "data_key"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    provider: str = Field(primary_key=True)
    version: int
    kek: str
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


async def put(
    session: AsyncSession, envelopes: Envelopes, user_id: UUID, provider: str, key: str
) -> ProviderKey:
    """Keep a key; what was there opens no more. Whoever calls holds the account's row."""
    before = await session.get(ProviderKey, (user_id, provider))
    version = before.version + 1 if before else 1
    sealed, wrapped = envelopes.close(key.encode(), _about(user_id, provider, version))
    row = ProviderKey(
        user_id=user_id,
        provider=provider,
        version=version,
        sealed=sealed,
        last_four=key[-SHOWN:],
        fingerprint=hashlib.sha256(key.encode()).hexdigest()[:16],
        created_at=now(),
    )
    opener = DataKey(
        user_id=user_id, provider=provider, version=version, kek=wrapped.kek, wrapped=wrapped.key
    )
    for each in (row, opener):
        values = each.model_dump()
        keep = insert(type(each)).values(values)
        named = ["user_id", "provider"]
        await session.execute(keep.on_conflict_do_update(index_elements=named, set_=values))
    return row


async def shred(session: AsyncSession, user_id: UUID, provider: str) -> bool:
    """Delete what opens a key, and the key; false where there is none."""
    for table in (DataKey, ProviderKey):
        gone = await session.execute(
            delete(table)
            .where(col(table.user_id) == user_id, col(table.provider) == provider)
            .returning(col(table.provider))
        )
    return gone.first() is not None


async def keys_of(session: AsyncSession, user_id: UUID) -> Sequence[ProviderKey]:
    """A user's, by provider."""
    statement = select(ProviderKey).where(col(ProviderKey.user_id) == user_id)
    return (await session.scalars(statement.order_by(col(ProviderKey.provider)))).all()


async def use(
    session: AsyncSession, envelopes: Envelopes, user_id: UUID, providers: Sequence[str]
) -> dict[str, str]:
    """Those keys, opened, and noted as used. Raises `Unsealable`."""
    statement = (
        select(ProviderKey, DataKey)
        .join(
            DataKey,
            (col(DataKey.user_id) == col(ProviderKey.user_id))
            & (col(DataKey.provider) == col(ProviderKey.provider))
            & (col(DataKey.version) == col(ProviderKey.version)),
        )
        .where(col(ProviderKey.user_id) == user_id, col(ProviderKey.provider).in_(providers))
    )
    opened = {}
    for row, opener in (await session.execute(statement)).all():
        about = _about(user_id, row.provider, row.version)
        wrapped = Wrapped(opener.kek, opener.wrapped)
        opened[row.provider] = envelopes.open(row.sealed, wrapped, about).decode()
    await session.execute(
        update(ProviderKey)
        .where(col(ProviderKey.user_id) == user_id, col(ProviderKey.provider).in_(opened))
        .values(used_at=func.now())
    )
    return opened


async def rewrap_some(session: AsyncSession, envelopes: Envelopes) -> int:
    """Wrap data keys of former keys of the vault with the current one; 0 where none is left."""
    statement = select(DataKey).where(col(DataKey.kek) != envelopes.current)
    rows = (await session.scalars(statement.limit(BATCH).with_for_update())).all()
    for row in rows:
        about = _about(row.user_id, row.provider, row.version)
        wrapped = envelopes.rewrap(Wrapped(row.kek, row.wrapped), about)
        row.kek, row.wrapped = wrapped.kek, wrapped.key
    return len(rows)


def _about(user_id: UUID, provider: str, version: int) -> bytes:
    return f"{user_id}/{provider}/{version}".encode()
