"""The one way a journal moves: load, advance, save, and what is to be said goes into the outbox."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.outbox import Outbox
from journal_contracts.commands import RunPhase
from journal_contracts.events import DecisionClosed
from journal_contracts.message import Message, PublicEvent
from orchestrator_service import store
from orchestrator_service.plan import NODES, VERSION, Phase
from orchestrator_service.saga import Begin, Happening, advance
from orchestrator_service.state import Request, Saga

log = structlog.get_logger()

MOST_RACES = 50
without_effect = Counter("saga_without_effect", "Late or double messages, recognised", ["kind"])
Decide = Callable[[Saga], Happening | None]
"""Looks at the journal as it is now and says what happens to it, if anything."""


class Transitions:
    """Moves journals, each step in one transaction of its own."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        """In this process transitions of a journal take turns; `save` meets those of others."""

    async def begin(
        self, session: AsyncSession, saga_id: UUID, user_id: UUID, request: Request
    ) -> None:
        """Put a new journal into the open transaction; call `wake` after its commit."""
        now = await store.database_now(session)
        saga, said = advance(Saga(saga_id, user_id, request), Begin(), now)
        session.add(
            store.JournalRow(
                id=saga_id,
                user_id=user_id,
                theme=request.theme,
                plan=request.plan,
                status="running",
                definition=VERSION,
                saga=store.encoded(saga),
                due_at=saga.due,
                created_at=now,
                updated_at=now,
            )
        )
        await session.flush()
        self._note(session, saga, said, now, actor="user")

    async def happen(self, journal_id: UUID, message: Happening, actor: str) -> None:
        """Something happened to a journal."""
        await self.decide(journal_id, lambda saga: message, actor)

    async def decide(self, journal_id: UUID, look: Decide, actor: str) -> None:
        """Let `look` say what happens, on the state it happens to: a lost race looks again."""
        async with self._turns.setdefault(journal_id, asyncio.Lock()):
            for _ in range(MOST_RACES):
                try:
                    async with self._database.transaction() as session:
                        row, now = await store.load(session, journal_id)
                        await self._advance(session, row, now, look, actor)
                except store.Raced:
                    continue
                self._outbox.wake()
                return
        raise store.Raced(journal_id)

    async def _advance(
        self,
        session: AsyncSession,
        row: store.JournalRow,
        now: datetime,
        look: Decide,
        actor: str,
    ) -> None:
        saga = store.saga_of(row)
        message = look(saga)
        if message is None:
            return
        moved, said = advance(saga, message, now)
        if moved == saga:
            without_effect.labels(type(message).__name__).inc()
            log.info("message_without_effect", journal_id=str(row.id), kind=type(message).__name__)
            return
        await store.save(session, row, moved, now)
        self._note(session, moved, said, now, actor)

    def wake(self) -> None:
        """Something was committed that has to be sent."""
        self._outbox.wake()

    def _note(
        self,
        session: AsyncSession,
        saga: Saga,
        said: tuple[Message, ...],
        now: datetime,
        actor: str,
    ) -> None:
        """Write history and outbox in the same transaction as the state."""
        for message in said:
            if isinstance(message, PublicEvent):
                data = message.model_dump(mode="json", exclude={"journal_id", "user_id", "n", "at"})
                session.add(
                    store.HistoryRow(
                        journal_id=saga.id,
                        seq=message.n,
                        n=message.n,
                        type=message.name,
                        actor=actor,
                        data=data,
                        at=now,
                    )
                )
            if isinstance(message, DecisionClosed):
                session.add(_decision(message))
            self._outbox.put(session, message, subject=str(saga.id), pool=_pool(message))


def _decision(closed: DecisionClosed) -> store.DecisionRow:
    return store.DecisionRow(
        journal_id=closed.journal_id,
        question=closed.decision_id,
        rev=closed.rev,
        choice=closed.choice.model_dump(mode="json"),
        chosen_by=closed.chosen_by,
    )


def _pool(message: Message) -> str | None:
    """Which of the owner's queues a command goes to."""
    if not isinstance(message, RunPhase):
        return None
    node = NODES[message.phase]
    return node.pool if isinstance(node, Phase) else None
