"""The audit: what was done to accounts, written by the transaction that does it, for good."""

import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service.chain import SHARDS, Entry, Mark, Walk, digest_of, link
from chassis.ids import now

AT_ONCE: Final = 500
STAYS: Final = ("account_deleted", "erasure_confirmed")
"""Acts that tell of an erasure itself: an id, and who has erased."""


class AuditEntry(SQLModel, table=True):
    """One act; the database refuses to change it."""

    __tablename__ = "audit_entry"

    shard: int = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    act: str
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class AuditPayload(SQLModel, table=True):
    """Who and what, as JSON with a salt; erased with its user."""

    __tablename__ = "audit_payload"

    shard: int = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    user_id: UUID | None = None
    payload: str


class AuditHead(SQLModel, table=True):
    """Where a chain ends; whoever adds to it holds this row."""

    __tablename__ = "audit_head"

    shard: int = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


async def append(session: AsyncSession, act: str, user_id: UUID | None, **told: Any) -> None:
    """Add an act to the open transaction, as the last thing it does: others wait for its end.

    Never what was typed: ids, numbers, names of things and reasons.
    """
    shard = (user_id.int if user_id else secrets.randbits(8)) % SHARDS
    head = await session.get_one(AuditHead, shard, with_for_update=True, populate_existing=True)
    told = {"user_id": str(user_id) if user_id else None, **told, "salt": secrets.token_hex(16)}
    payload = json.dumps(told, default=str)
    at, seq, digest = now(), head.seq + 1, digest_of(payload)
    hashed = link(head.hash, shard, seq, at, act=act, digest=digest)
    session.add(AuditEntry(shard=shard, seq=seq, at=at, act=act, digest=digest, hash=hashed))
    session.add(AuditPayload(shard=shard, seq=seq, user_id=user_id, payload=payload))
    head.seq, head.hash = seq, hashed
    await session.flush()


async def erase(session: AsyncSession, user_id: UUID) -> None:
    """Forget who and what of a user's acts; that and when something was done stays."""
    stays = exists().where(
        col(AuditEntry.shard) == col(AuditPayload.shard),
        col(AuditEntry.seq) == col(AuditPayload.seq),
        col(AuditEntry.act).in_(STAYS),
    )
    await session.execute(delete(AuditPayload).where(col(AuditPayload.user_id) == user_id, ~stays))


async def entries(session: AsyncSession) -> AsyncIterator[Entry]:
    """All, chain by chain, each in its order."""
    statement = (
        select(AuditEntry, col(AuditPayload.payload))
        .outerjoin(
            AuditPayload,
            (col(AuditPayload.shard) == col(AuditEntry.shard))
            & (col(AuditPayload.seq) == col(AuditEntry.seq)),
        )
        .order_by(col(AuditEntry.shard), col(AuditEntry.seq))
        .execution_options(yield_per=AT_ONCE)
    )
    async for row, payload in await session.stream(statement):
        yield Entry(**row.model_dump(), payload=payload)


async def heads(session: AsyncSession) -> dict[int, Mark]:
    """Where the chains end now."""
    found = await session.scalars(select(AuditHead))
    return {row.shard: Mark(row.shard, row.seq, row.hash) for row in found}


async def begin_walk(session: AsyncSession, signed: list[Mark]) -> tuple[Walk, dict[int, Mark]]:
    """A walk whose world stands still: nothing is added to what this transaction sees."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return Walk(signed), await heads(session)
