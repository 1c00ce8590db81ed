"""Dead letters as rows: kept when they are heard, shown, sent back or dropped by operators."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog
from faststream.rabbit import RabbitBroker
from prometheus_client import Gauge
from sqlalchemy import Column, ColumnElement, DateTime, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from chassis.broker import BrokerAway, DeadLetter, QueueGone, send_back
from chassis.broker.topology import services_that_hear
from chassis.database import Database
from chassis.errors import NotFound, ServiceError, Unavailable
from journal_contracts.operating import (
    DeadLetterChoice,
    DeadLetterClass,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersSettled,
    DeadLetterView,
)
from orchestrator_service.redaction import journal_in, parsed, shown

log = structlog.get_logger()

TOGETHER: Final = 64
MEASURED_EVERY: Final = 5.0
dead_letters = Gauge("dead_letters", "Dead letters nobody has decided about", ["service"])


class DeadLetterRow(SQLModel, table=True):
    """One dead letter. `body` is what came; `shown` what people see of it."""

    __tablename__ = "dead_letter"

    id: UUID = Field(primary_key=True)
    service: str
    queue: str
    name: str
    journal_id: UUID | None = None
    reason: str
    error: str
    tries: int
    redrives: int
    body: bytes
    shown: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True), nullable=True))
    message_id: str | None = None
    subject: str | None = None
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    first_seen: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class BrokerDidNotConfirm(Unavailable):
    """RabbitMQ took none of the letters; they still lie here."""


class BadCursor(ServiceError):
    """This is no cursor of ours."""

    status = 422


@dataclass(frozen=True)
class Graveyard:
    """Where hopeless messages lie until somebody decides."""

    database: Database
    broker: RabbitBroker

    async def keep(self, letter: DeadLetter) -> None:
        """Write a letter down, durably; one that was heard before makes no second row."""
        row = _row(letter)
        async with self.database.transaction() as session:
            await session.execute(
                insert(DeadLetterRow)
                .values({**row, "first_seen": func.clock_timestamp()})
                .on_conflict_do_nothing()
            )
        log.error(
            "dead_letter_kept",
            id=str(letter.id),
            service=letter.service,
            message=letter.name,
            reason=letter.reason,
            journal_id=str(row["journal_id"]),
            redrives=letter.redrives,
        )

    async def page(
        self, kind: DeadLetterClass, journal_id: UUID | None, limit: int, cursor: str | None
    ) -> DeadLetterPage:
        """Letters of this kind, newest first."""
        query = select(DeadLetterRow).where(*_of(kind))
        if journal_id is not None:
            query = query.where(col(DeadLetterRow.journal_id) == journal_id)
        if cursor is not None:
            place = tuple_(col(DeadLetterRow.first_seen), col(DeadLetterRow.id))
            query = query.where(place < tuple_(*_read(cursor)))
        query = query.order_by(
            col(DeadLetterRow.first_seen).desc(), col(DeadLetterRow.id).desc()
        ).limit(limit + 1)
        async with self.database.transaction() as session:
            rows = (await session.scalars(query)).all()
        following = _cursor(rows[limit - 1]) if len(rows) > limit else None
        items = tuple(DeadLetterView(**_view(row)) for row in rows[:limit])
        return DeadLetterPage(items=items, next=following)

    async def show(self, id_: UUID) -> DeadLetterDetail:
        """One letter, with its redacted body."""
        async with self.database.transaction() as session:
            row = await session.get(DeadLetterRow, id_)
        if row is None:
            raise NotFound("There is no such dead letter.")
        return DeadLetterDetail(**_view(row), body=row.shown)

    async def redrive(self, choice: DeadLetterChoice, by: UUID) -> DeadLettersSettled:
        """Send letters back to where they failed; each row goes once the broker has its letter.

        A crash in between sends twice, never less than once. Letters that fail again meanwhile
        come back as new rows and are left alone.
        """
        done, tried = 0, set[UUID]()
        begun = await self._now()
        while letters := await self._redrive_some(choice, begun, tried, by):
            tried |= set(letters)
            done += sum(letters.values())
        self._expect(choice, len(tried))
        if tried and not done:
            raise BrokerDidNotConfirm("The broker took no letter; nothing was changed.")
        return DeadLettersSettled(done=done, left=len(tried) - done)

    async def drop(self, choice: DeadLetterChoice, by: UUID) -> DeadLettersSettled:
        """Forget letters for good; what they were is told in the log."""
        async with self.database.transaction() as session:
            gone = await session.scalars(
                delete(DeadLetterRow).where(*_chosen(choice)).returning(DeadLetterRow)
            )
            rows = gone.all()
        for row in rows:
            _audit("dead_letter_dropped", row, by)
        self._expect(choice, len(rows))
        return DeadLettersSettled(done=len(rows))

    async def measure(self) -> None:
        """Keep the gauge at what lies here, for as long as this runs."""
        service_ = col(DeadLetterRow.service)
        query = select(service_, func.count()).group_by(service_)
        while True:
            async with self.database.transaction() as session:
                counts = {service: count for service, count in await session.execute(query)}
            for service in (*services_that_hear(), *counts):
                dead_letters.labels(service).set(counts.get(service, 0))
            await asyncio.sleep(MEASURED_EVERY)

    async def _redrive_some(
        self, choice: DeadLetterChoice, begun: datetime, tried: set[UUID], by: UUID
    ) -> dict[UUID, bool]:
        """Some letters that were not tried yet, and whether the broker has them."""
        query = (
            select(DeadLetterRow)
            .where(
                *_chosen(choice),
                col(DeadLetterRow.first_seen) <= begun,
                col(DeadLetterRow.id).not_in(tried),
            )
            .order_by(col(DeadLetterRow.first_seen), col(DeadLetterRow.id))
            .limit(TOGETHER)
            .with_for_update(skip_locked=True)
        )
        async with self.database.transaction() as session:
            rows = (await session.scalars(query)).all()
            sent = await asyncio.gather(*(self._send_back(row) for row in rows))
            gone = [row for row, ok in zip(rows, sent, strict=True) if ok]
            await _forget(session, gone)
        for row in gone:
            _audit("dead_letter_redriven", row, by)
        return dict(zip((row.id for row in rows), sent, strict=True))

    async def _send_back(self, row: DeadLetterRow) -> bool:
        try:
            await send_back(self.broker, _letter(row))
        except (BrokerAway, QueueGone) as error:
            log.warning("dead_letter_not_sent", id=str(row.id), error=type(error).__name__)
            return False
        return True

    async def _now(self) -> datetime:
        async with self.database.transaction() as session:
            now: datetime = (await session.scalars(select(func.clock_timestamp()))).one()
        return now

    def _expect(self, choice: DeadLetterChoice, found: int) -> None:
        if choice.id is not None and not found:
            raise NotFound("There is no such dead letter.")


async def _forget(session: AsyncSession, rows: Sequence[DeadLetterRow]) -> None:
    ids = [row.id for row in rows]
    await session.execute(delete(DeadLetterRow).where(col(DeadLetterRow.id).in_(ids)))


def _row(letter: DeadLetter) -> dict[str, Any]:
    body = parsed(letter.body)
    subject = None if letter.subject == letter.message_id else letter.subject
    return {
        "id": letter.id,
        "service": letter.service,
        "queue": letter.queue,
        "name": letter.name,
        "journal_id": journal_in(body, subject),
        "reason": letter.reason,
        "error": letter.error,
        "tries": letter.tries,
        "redrives": letter.redrives,
        "body": letter.body,
        "shown": None if letter.reason == "unreadable" else shown(body),
        "message_id": letter.message_id,
        "subject": letter.subject,
        "headers": dict(letter.headers),
    }


def _letter(row: DeadLetterRow) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        service=row.service,
        queue=row.queue,
        name=row.name,
        reason=row.reason,
        error=row.error,
        tries=row.tries,
        redrives=row.redrives,
        body=row.body,
        message_id=row.message_id,
        subject=row.subject,
        headers=row.headers,
    )


def _view(row: DeadLetterRow) -> dict[str, Any]:
    told = row.model_dump(include=set(DeadLetterView.model_fields))
    return {**told, "bytes": len(row.body), "sha256": hashlib.sha256(row.body).hexdigest()}


def _of(kind: DeadLetterClass) -> list[ColumnElement[bool]]:
    told = {"service": kind.service, "name": kind.name, "reason": kind.reason}
    return [getattr(DeadLetterRow, key) == value for key, value in told.items() if value]


def _chosen(choice: DeadLetterChoice) -> list[ColumnElement[bool]]:
    return [col(DeadLetterRow.id) == choice.id] if choice.id else _of(choice)


def _cursor(row: DeadLetterRow) -> str:
    return f"{row.first_seen.isoformat()}~{row.id}"


def _read(cursor: str) -> tuple[datetime, UUID]:
    at, _, id_ = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(id_)
    except (ValueError, OverflowError):
        raise BadCursor("This is no cursor of ours.") from None


def _audit(event: str, row: DeadLetterRow, by: UUID) -> None:
    log.warning(
        event,
        by=str(by),
        id=str(row.id),
        service=row.service,
        message=row.name,
        reason=row.reason,
        journal_id=str(row.journal_id),
        sha256=hashlib.sha256(row.body).hexdigest(),
    )
