"""Mail: a letter is a row of the transaction that causes it, and leaves after the commit.

At rest it is sealed, for it may hold what opens an account; nothing of it is ever logged. A crash
between sending and deleting sends twice, under one Message-ID, never less than once.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy import Column, DateTime, LargeBinary, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.database import Database
from chassis.ids import new_id, now
from chassis.jobs import running, woken
from chassis.posting import Post, Refused, Undelivered
from chassis.seals import Seal, Unsealable

log: Final = structlog.get_logger()

SWEEP_SECONDS: Final = 5.0
"""Until somebody looks for what a replica that died has left."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
mails = Counter("mails", "Letters, by what became of them", ["outcome"])


class Whole(UnstructuredHeader, BaseHeader):
    """A header that is one line, however long: the email package garbles a link that it folds."""

    def fold(self, *, policy: Any) -> str:
        return f"{self.name}: {self}{policy.linesep}"


HEADERS: Final = HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", Whole)


@dataclass(frozen=True)
class Mail:
    """A letter in plain text, to one address.

    `stop` is where whoever wants no more of its kind says so with one click (RFC 8058).
    """

    to: str
    subject: str
    text: str
    stop: str | None = None


class MailRow(SQLModel, table=True):
    """A letter on its way out; `until` then it is of no use to anybody."""

    __tablename__ = "mail"

    id: UUID = Field(primary_key=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    tries: int = 0
    next_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    until: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Mails:
    """Takes letters into a transaction, and posts them once it is committed."""

    def __init__(self, database: Database, seal: Seal, post: Post, sender: str) -> None:
        self._database = database
        self._seal = seal
        self._post = post
        self._sender = sender
        self._woken = asyncio.Event()

    def put(self, session: AsyncSession, mail: Mail | None, *, until: datetime) -> None:
        """Add a letter to the open transaction; it is posted after the commit, by `wake` at once.

        None costs as much, and goes to nobody: for answers that must not tell by their time.
        """
        told = json.dumps(asdict(mail) if mail else None).encode()
        row = MailRow(id=new_id(), sealed=self._seal.close(told), next_at=now(), until=until)
        session.add(row)

    def wake(self) -> None:
        """Say that something was committed."""
        self._woken.set()

    @contextlib.asynccontextmanager
    async def posting(self) -> AsyncIterator[None]:
        """Post while the block runs. What another replica left behind is swept up too."""
        async with running("mail", self._relay):
            yield

    async def _relay(self) -> None:
        while True:
            self._woken.clear()
            while await self._take_one():
                pass
            await woken(self._woken, within=await self._pause())

    async def _pause(self) -> float:
        """Until the next one is due, or there is to be swept."""
        async with self._database.transaction() as session:
            next_at = await session.scalar(select(func.min(col(MailRow.next_at))))
        until = (next_at - now()).total_seconds() if next_at else SWEEP_SECONDS
        return max(0.0, min(until, SWEEP_SECONDS))

    async def _take_one(self) -> bool:
        """Post the oldest that is due; false where none is. Its row is locked meanwhile."""
        async with self._database.transaction() as session:
            row = await session.scalar(
                select(MailRow)
                .where(col(MailRow.next_at) <= now())
                .order_by(col(MailRow.id))
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return False
            outcome = await self._settle(row)
            if outcome == "later":
                row.tries += 1
                row.next_at = now() + min(FIRST_PAUSE * 2 ** (row.tries - 1), LONGEST_PAUSE)
            else:
                await session.delete(row)
        mails.labels(outcome).inc()
        return True

    async def _settle(self, row: MailRow) -> str:
        """What becomes of it: `sent`, `refused`, `late`, `lost`, `nobody`, or `later` again."""
        try:
            told = json.loads(self._seal.open(row.sealed))
        except Unsealable:
            log.error("mail_lost", id=str(row.id), why="sealed with another secret")
            return "lost"
        if told is None:
            return "nobody"
        if row.until < now():
            log.error("mail_too_late", id=str(row.id), tries=row.tries)
            return "late"
        try:
            await self._post.deliver(self._written(row.id, Mail(**told)), told["to"])
        except (Refused, ValueError) as refused:  # or an address that no header can hold
            why = str(refused) if isinstance(refused, Refused) else "unfit"
            log.warning("mail_refused", id=str(row.id), why=why)
            return "refused"
        except Undelivered as failed:
            log.warning("mail_not_sent", id=str(row.id), why=str(failed), tries=row.tries + 1)
            return "later"
        return "sent"

    def _written(self, mail_id: UUID, mail: Mail) -> EmailMessage:
        message = EmailMessage(default.clone(header_factory=HEADERS))
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = f"<{mail_id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        if mail.stop:
            message["List-Unsubscribe"] = f"<{mail.stop}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(mail.text)
        return message
