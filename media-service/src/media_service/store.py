"""The shelf: one row per finished file, and a tombstone per deleted journal.

The bytes lie in object storage under `key`; a row says whose they are and what they must be.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, UniqueConstraint, col


class Asset(SQLModel, table=True):
    """A finished file, and the attempt that brought it. The last four are known for books only."""

    __tablename__ = "asset"
    __table_args__ = (UniqueConstraint("journal_id", "name"),)

    id: UUID = Field(primary_key=True)
    user_id: UUID
    journal_id: UUID
    name: str
    media_type: str
    bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str
    key: str
    attempt: int
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    edition: str | None = None
    pages: int | None = None
    words: int | None = None
    figures: int | None = None


class AssetTombstone(SQLModel, table=True):
    """A journal that was deleted: whatever is heard of it later changes nothing."""

    __tablename__ = "asset_tombstone"

    journal_id: UUID = Field(primary_key=True)
    deleted_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), server_default=func.now(), nullable=False)
    )


class Withdrawal(SQLModel, table=True):
    """A journal that is made anew: registrations up to this attempt are not heard any more."""

    __tablename__ = "asset_withdrawal"

    journal_id: UUID = Field(primary_key=True)
    attempt: int


class DocumentUse(SQLModel, table=True):
    """A journal was ordered with this document of its user."""

    __tablename__ = "document_use"

    journal_id: UUID = Field(primary_key=True)
    name: str = Field(primary_key=True)
    user_id: UUID = Field(index=True)


async def lock_journal(session: AsyncSession, journal_id: UUID) -> bool:
    """Keep other hands off this journal until the transaction ends; false if it was deleted."""
    key = func.hashtextextended(str(journal_id), 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))
    return await session.get(AssetTombstone, journal_id) is None


async def first_attempt(session: AsyncSession, journal_id: UUID) -> int:
    """Attempts before this one are late; 0 where nothing is on the shelf and none was withdrawn."""
    of_journal = col(Asset.journal_id) == journal_id
    taken = await session.scalar(select(func.max(Asset.attempt)).where(of_journal)) or 0
    withdrawal = await session.get(Withdrawal, journal_id)
    return max(taken, withdrawal.attempt + 1 if withdrawal else 0)


async def withdraw_assets(session: AsyncSession, journal_id: UUID, attempt: int) -> None:
    """Take off the shelf what attempts up to this one brought, and hear no more of them."""
    statement = insert(Withdrawal).values(journal_id=journal_id, attempt=attempt)
    later = func.greatest(col(Withdrawal.attempt), statement.excluded["attempt"])
    await session.execute(
        statement.on_conflict_do_update(index_elements=["journal_id"], set_={"attempt": later})
    )
    await session.execute(
        delete(Asset).where(col(Asset.journal_id) == journal_id, col(Asset.attempt) <= attempt)
    )


async def replace_assets(session: AsyncSession, journal_id: UUID, assets: Sequence[Asset]) -> None:
    """Make these the files of the journal. A row whose bytes did not change stays as it is."""
    names = [asset.name for asset in assets]
    await session.execute(
        delete(Asset).where(col(Asset.journal_id) == journal_id, col(Asset.name).not_in(names))
    )
    statement = insert(Asset).values([asset.model_dump() for asset in assets])
    new = {name: value for name, value in statement.excluded.items() if name != "id"}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["journal_id", "name"],
            set_=new,
            where=tuple_(col(Asset.key), col(Asset.sha256))
            != tuple_(statement.excluded["key"], statement.excluded["sha256"]),
        )
    )


async def forget_assets(session: AsyncSession, journal_id: UUID) -> None:
    """Take the journal off the shelf for good."""
    await session.execute(
        insert(AssetTombstone).values(journal_id=journal_id).on_conflict_do_nothing()
    )
    await session.execute(delete(Asset).where(col(Asset.journal_id) == journal_id))
    await session.execute(delete(Withdrawal).where(col(Withdrawal.journal_id) == journal_id))


async def list_assets(session: AsyncSession, *, owner: UUID, journal_id: UUID) -> Sequence[Asset]:
    """The files of the owner's journal, the journal and the lead magnet before their pictures."""
    found = await session.scalars(
        select(Asset)
        .where(col(Asset.user_id) == owner, col(Asset.journal_id) == journal_id)
        .order_by(col(Asset.edition).nulls_last(), col(Asset.name))
    )
    return found.all()


async def find_asset(
    session: AsyncSession, *, owner: UUID, journal_id: UUID, name: str
) -> Asset | None:
    """One file of the owner's journal."""
    found: Asset | None = await session.scalar(
        select(Asset).where(
            col(Asset.user_id) == owner,
            col(Asset.journal_id) == journal_id,
            col(Asset.name) == name,
        )
    )
    return found


async def use_documents(
    session: AsyncSession, user_id: UUID, journal_id: UUID, names: Sequence[str]
) -> None:
    """Remember what a journal was ordered with."""
    rows = [{"journal_id": journal_id, "name": name, "user_id": user_id} for name in names]
    await session.execute(insert(DocumentUse).values(rows).on_conflict_do_nothing())


async def uses_of(session: AsyncSession, user_id: UUID) -> list[tuple[str, UUID]]:
    """Which journals of a user were ordered with which documents."""
    query = select(col(DocumentUse.name), col(DocumentUse.journal_id))
    found = await session.execute(query.where(col(DocumentUse.user_id) == user_id))
    return [(name, journal) for name, journal in found]


async def forget_uses(session: AsyncSession, journal_id: UUID) -> None:
    await session.execute(delete(DocumentUse).where(col(DocumentUse.journal_id) == journal_id))


async def forget_user(session: AsyncSession, user_id: UUID) -> None:
    """Take everything of a user off the shelf, and hear no more of their journals."""
    mine = select(col(Asset.journal_id)).where(col(Asset.user_id) == user_id)
    used = select(col(DocumentUse.journal_id)).where(col(DocumentUse.user_id) == user_id)
    for journal_id in (await session.scalars(mine.union(used).order_by("journal_id"))).all():
        await lock_journal(session, journal_id)
        await forget_assets(session, journal_id)
    await session.execute(delete(DocumentUse).where(col(DocumentUse.user_id) == user_id))
