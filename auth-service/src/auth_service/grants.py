"""For which journals keys may be used: the orchestrator says whose one is, and that it is open.

What it said is a row for an hour, so that nobody waits for it at each step.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import httpx
from pydantic import ValidationError
from sqlalchemy import Column, DateTime, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.errors import Unavailable
from chassis.identity import SERVICE_HEADER
from journal_contracts.vault import JournalOwner

HOLDS: Final = timedelta(hours=1)


class Grant(SQLModel, table=True):
    """That keys of this user may be used for this journal."""

    __tablename__ = "vault_grant"

    journal_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="account.id")
    until: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Orchestrator:
    """Asked in this service's own name."""

    def __init__(self, client: httpx.AsyncClient, token: Callable[[], str]) -> None:
        self._client = client
        self._token = token

    async def owns(self, user_id: UUID, journal_id: UUID) -> bool:
        """Whether that is an open journal of this user; raises `Unavailable`."""
        try:
            answer = await self._client.get(
                f"/v1/owners/{journal_id}", headers={SERVICE_HEADER: f"Bearer {self._token()}"}
            )
            if answer.status_code == httpx.codes.NOT_FOUND:
                return False
            answer.raise_for_status()
            told = JournalOwner.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise Unavailable("Nobody can say now whose journal this is.") from error
        return told.open and told.user_id == user_id


async def is_granted(session: AsyncSession, user_id: UUID, journal_id: UUID) -> bool:
    statement = select(Grant).where(
        col(Grant.journal_id) == journal_id,
        col(Grant.user_id) == user_id,
        col(Grant.until) > func.now(),
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def grant(session: AsyncSession, user_id: UUID, journal_id: UUID, now: datetime) -> None:
    values = {"journal_id": journal_id, "user_id": user_id, "until": now + HOLDS}
    statement = insert(Grant).values(values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["journal_id"], set_=values)
    )


async def forget(session: AsyncSession) -> None:
    await session.execute(delete(Grant).where(col(Grant.until) < func.now()))
