"""What is written to people about their journals: that a question waits, that the books are done.

An event becomes a row, once, whatever is said twice or late; its letter is a row of the same
transaction that settles that one.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

import structlog
from faststream.rabbit import RabbitBroker
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.desk import Desk
from auth_service.letters import NEWS_HOLD
from chassis.broker import hear
from chassis.errors import Unavailable
from chassis.ids import now
from chassis.mail import Mail
from journal_contracts.catalogue import AUTH
from journal_contracts.events import CraftCompleted, DecisionClosed, DecisionRequested

log: Final = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 64
ASK_AGAIN: Final = timedelta(minutes=1)
"""Where nobody could say whether the journal goes on."""
BOOKS: Final = ""
"""What the row of finished books is about; a question's row has its name."""
KEPT: Final = timedelta(days=30)
"""After that nothing is said again that was said before."""

Wish = Literal["questions", "books"]
Writer = Callable[[str, str], Mail]
"""Writes to an address, with the link that stops it."""

WAIT: Final = text("""
    insert into notice (user_id, journal_id, about, rev, question, due_at)
    select id, :journal, :about, :rev, :question, clock_timestamp() + cast(:patience as interval)
      from account where id = :user
    on conflict do nothing
""")
CLOSE: Final = text("""
    insert into notice (user_id, journal_id, about, rev, question)
    select id, :journal, :about, :rev, '' from account where id = :user
    on conflict (user_id, journal_id, about, rev) do update set due_at = null, question = ''
""")
FIRST: Final = text("""
    insert into notice (user_id, journal_id, about, rev, question)
    select id, :journal, :about, :rev, '' from account where id = :user
    on conflict do nothing returning user_id
""")
DUE: Final = text("""
    select user_id as user, journal_id as journal, about, rev, question from notice
     where due_at <= clock_timestamp() order by due_at limit :most
""")
SETTLE: Final = text("""
    update notice set due_at = null, question = ''
     where (user_id, journal_id, about, rev) = (:user, :journal, :about, :rev)
       and due_at is not null
    returning user_id
""")
LATER: Final = text("""
    update notice set due_at = clock_timestamp() + cast(:pause as interval)
     where (user_id, journal_id, about, rev) = (:user, :journal, :about, :rev)
       and due_at is not null
""")
READER: Final = text("""
    select email from account a left join notice_wish w on w.user_id = a.id
     where a.id = :user and verified_at is not null
       and coalesce(case :wish when 'books' then books else questions end, true)
""")
FORGET: Final = text("""
    delete from notice
     where due_at is null and noted_at < clock_timestamp() - cast(:kept as interval)
""")


class Notices:
    """Hears what happens to journals, and writes; every replica does both."""

    def __init__(self, at: Desk, patience: timedelta) -> None:
        self._at = at
        self._patience = patience

    def listen(self, broker: RabbitBroker) -> None:
        """Hear of questions and of books."""
        hear(broker, AUTH, DecisionRequested, self.question_asked)
        hear(broker, AUTH, DecisionClosed, self.question_closed)
        hear(broker, AUTH, CraftCompleted, self.books_done)

    async def question_asked(self, event: DecisionRequested) -> None:
        """From now on it waits, by the database's clock; not if it was closed before."""
        asked = event.decision
        row = _row(event.user_id, event.journal_id, asked.id, asked.rev)
        told = {**row, "question": asked.question, "patience": self._patience}
        async with self._at.database.transaction() as session:
            await session.execute(WAIT, told)

    async def question_closed(self, event: DecisionClosed) -> None:
        """It waits no more, nor when it is asked late."""
        row = _row(event.user_id, event.journal_id, event.decision_id, event.rev)
        async with self._at.database.transaction() as session:
            await session.execute(CLOSE, row)

    async def books_done(self, event: CraftCompleted) -> None:
        """Write to its owner, and to those whom the journal is shared with."""
        async with self._at.database.transaction() as session:
            for user in sorted({event.user_id, *event.also}):
                row = _row(user, event.journal_id, BOOKS, event.n)
                if await session.scalar(FIRST, row):
                    write = partial(self._at.letters.books_done, event.journal_id, event.title)
                    await self._put(session, user, "books", write)
        self._at.mails.wake()

    async def keep_writing(self) -> None:
        """Again and again, write of questions that have waited."""
        while True:
            while await self.write_due() == AT_ONCE:
                pass
            await asyncio.sleep(LOOK_SECONDS)

    async def write_due(self) -> int:
        """Write of each question that has waited, where its journal goes on; how many had."""
        async with self._at.database.transaction() as session:
            due = (await session.execute(DUE, {"most": AT_ONCE})).mappings().all()
        for row in due:
            await self._write(dict(row))
        return len(due)

    async def _write(self, row: dict[str, Any]) -> None:
        question = row.pop("question")
        try:
            goes_on = await self._at.orchestrator.owns(row["user"], row["journal"])
        except Unavailable:
            log.warning("notice_postponed", journal_id=str(row["journal"]))
            await self._run(LATER, {**row, "pause": ASK_AGAIN})
            return
        async with self._at.database.transaction() as session:
            if await session.scalar(SETTLE, row) and goes_on:
                write = partial(self._at.letters.question_waits, row["journal"], question)
                await self._put(session, row["user"], "questions", write)
        self._at.mails.wake()

    async def _put(self, session: AsyncSession, user: UUID, wish: Wish, write: Writer) -> None:
        """The letter, where its reader has shown the address to be theirs, and wants it."""
        email = await session.scalar(READER, {"user": user, "wish": wish})
        if email is not None:
            letter = write(email, self._at.stopping.link_of(user))
            self._at.mails.put(session, letter, until=now() + NEWS_HOLD)

    async def _run(self, statement: TextClause, told: Mapping[str, Any]) -> None:
        async with self._at.database.transaction() as session:
            await session.execute(statement, told)


async def forget(session: AsyncSession) -> None:
    """Forget what was settled long ago."""
    await session.execute(FORGET, {"kept": KEPT})


def _row(user: UUID, journal: UUID, about: str, rev: int) -> dict[str, Any]:
    return {"user": user, "journal": journal, "about": about, "rev": rev}
