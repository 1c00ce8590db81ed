"""Erasures: an account is gone, and every service confirms that it keeps nothing of its user.

They are asked twice. What was under way when the account was deleted (a step, an order with a token
that still held, a message on its third try) may write after a service has erased; so it is asked
again when all of that is over, and the second round's receipts are the ones that count. A round
that not everybody has confirmed is said again.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from prometheus_client import Gauge
from sqlalchemy import ARRAY, Column, DateTime, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service import audit
from auth_service.store import Account
from chassis.database import Database
from chassis.ids import now
from chassis.jobs import woken
from chassis.outbox import Outbox
from journal_contracts.catalogue import BY_NAME
from journal_contracts.events import UserDeleted, UserErased

LAST_ROUND: Final = 2
SWEEP_SECONDS: Final = 30.0
"""Until somebody looks for what another replica, or a command, has left to be said."""
AT_ONCE: Final = 100
oldest = Gauge("erasure_oldest_seconds", "Since an account was deleted that is not erased yet")
BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Erasure(SQLModel, table=True):
    """What is owed to a user who left; it stays, and is nothing but an id."""

    user_id: UUID = Field(primary_key=True)
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    said_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    round: int = 1
    services: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    """Who has to confirm it."""
    completed_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


NEXT: Final = select(func.min(col(Erasure.said_at))).where(col(Erasure.completed_at).is_(None))


class Receipt(SQLModel, table=True):
    """That a service keeps nothing any more, as it says."""

    __tablename__ = "erasure_receipt"

    user_id: UUID = Field(primary_key=True, foreign_key="erasure.user_id")
    service: str = Field(primary_key=True)
    round: int = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


def begin(session: AsyncSession, outbox: Outbox, user_id: UUID, at: datetime) -> None:
    """Ask for it in the transaction that deletes the account."""
    session.add(_owed(user_id, asked_at=at, said_at=at))
    outbox.put(session, UserDeleted(user_id=user_id, at=at), subject=str(user_id))


async def confirm(database: Database, erased: UserErased) -> None:
    """A service says so; the last one of the last round completes the erasure."""
    async with database.transaction() as session:
        erasure = await session.get(Erasure, erased.user_id, with_for_update=True)
        if erasure is None or erased.service not in erasure.services:
            return
        receipt = Receipt.model_validate(erased, from_attributes=True)
        noted = insert(Receipt).values(receipt.model_dump()).on_conflict_do_nothing()
        if (await session.execute(noted.returning(col(Receipt.service)))).first() is None:
            return
        whole = await _confirmed(session, erasure, LAST_ROUND)
        if whole:
            erasure.completed_at = now()
        told = {"service": erased.service, "round": erased.round, "complete": whole}
        await audit.append(session, "erasure_confirmed", erased.user_id, **told)


async def keep_asking(
    database: Database, outbox: Outbox, pause: timedelta, left: asyncio.Event
) -> None:
    """Say what is due: the round after one that all have confirmed, or the same once more. Sleeps
    until something is; somebody may have `left` meanwhile."""
    while True:
        left.clear()
        async with database.transaction() as session:
            said = await ask(session, outbox, now() - pause)
            oldest.set(await _age(session))
            next_at = await session.scalar(NEXT)
        if said:
            outbox.wake()
        until = (next_at + pause - now()).total_seconds() if next_at else SWEEP_SECONDS
        await woken(left, within=max(0.0, min(until, SWEEP_SECONDS)))


async def again(session: AsyncSession, user_ids: Iterable[UUID]) -> int:
    """Erase anew, after a restore: all that were ever asked for, and these; how many that are.

    An account that the restore has brought back goes, with everything that hangs on it.
    """
    for user_id in user_ids:
        owed = _owed(user_id, asked_at=now(), said_at=BEFORE_ALL)
        await session.execute(insert(Erasure).values(owed.model_dump()).on_conflict_do_nothing())
    await session.execute(delete(Receipt))
    owed_all = (await session.scalars(select(Erasure).with_for_update())).all()
    for each in owed_all:
        each.said_at, each.round, each.completed_at = BEFORE_ALL, 1, None
    gone = col(Account.id).in_(select(col(Erasure.user_id)))
    await session.execute(delete(Account).where(gone))
    return len(owed_all)


async def receipts(
    session: AsyncSession, *, only_open: bool
) -> list[tuple[Erasure, Sequence[Receipt]]]:
    """All erasures, the oldest first, with who has confirmed them."""
    query = select(Erasure).order_by(col(Erasure.asked_at), col(Erasure.user_id))
    if only_open:
        query = query.where(col(Erasure.completed_at).is_(None))
    found = (await session.scalars(query)).all()
    return [(each, await _receipts_of(session, each.user_id)) for each in found]


def _owed(user_id: UUID, *, asked_at: datetime, said_at: datetime) -> Erasure:
    services = list(BY_NAME[UserDeleted.name].heard_by)
    return Erasure(user_id=user_id, asked_at=asked_at, said_at=said_at, services=services)


async def ask(session: AsyncSession, outbox: Outbox, before: datetime) -> bool:
    due = (
        select(Erasure)
        .where(col(Erasure.completed_at).is_(None), col(Erasure.said_at) <= before)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    owed = (await session.scalars(due)).all()
    for each in owed:
        if each.round < LAST_ROUND and await _confirmed(session, each, each.round):
            each.round += 1
        each.said_at = now()
        deleted = UserDeleted(user_id=each.user_id, at=each.asked_at, round=each.round)
        outbox.put(session, deleted, subject=str(each.user_id))
        await audit.erase(session, each.user_id)
    return bool(owed)


async def _age(session: AsyncSession) -> float:
    """Of the oldest that is not complete, in seconds; 0 where all are."""
    first = select(func.min(col(Erasure.asked_at))).where(col(Erasure.completed_at).is_(None))
    asked_at = await session.scalar(first)
    return (now() - asked_at).total_seconds() if asked_at else 0.0


async def _confirmed(session: AsyncSession, erasure: Erasure, round_: int) -> bool:
    have = {each.service for each in await _receipts_of(session, erasure.user_id, round_)}
    return have.issuperset(erasure.services)


async def _receipts_of(
    session: AsyncSession, user_id: UUID, round_: int | None = None
) -> Sequence[Receipt]:
    query = select(Receipt).where(col(Receipt.user_id) == user_id)
    if round_ is not None:
        query = query.where(col(Receipt.round) == round_)
    return (await session.scalars(query.order_by(col(Receipt.round), col(Receipt.at)))).all()
