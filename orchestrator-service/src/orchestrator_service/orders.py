"""Orders, answers and endings as users give them: each moves its journal, or is told why not."""

import hashlib
from typing import ClassVar
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from chassis.database import Database
from chassis.errors import NotFound, ServiceError
from chassis.ids import new_id
from chassis.outbox import Outbox
from journal_contracts.api import (
    Answer,
    AnswerResult,
    HistoryEntry,
    JournalOrder,
    JournalPage,
    JournalView,
)
from journal_contracts.decisions import Verdict
from journal_contracts.events import CraftDeleted
from orchestrator_service import answers, store
from orchestrator_service.plan import PLANS
from orchestrator_service.saga import Answered, Cancel, Happening
from orchestrator_service.settings import Settings
from orchestrator_service.state import Made, Request, Saga
from orchestrator_service.transitions import Transitions
from orchestrator_service.views import journal_view


class ChoiceDoesNotFit(ServiceError):
    """The choice is none of those offered, or lacks what it needs."""

    status = 422


class IdempotencyKeyReused(ServiceError):
    """The key was used for another order."""

    status = 422


class JournalOver(ServiceError):
    """The journal is completed, failed or cancelled already."""

    status = 409


class DecisionConflict(ServiceError):
    """Another answer was first."""

    status = 409


class DecisionExpired(ServiceError):
    """The deadline, or the end of the journal, was first."""

    status = 410


class DecisionUnknown(ServiceError):
    """This was never asked."""

    status = 404


class Desk:
    """Where users' wishes arrive."""

    REFUSALS: ClassVar[dict[Verdict, type[ServiceError]]] = {
        "conflict": DecisionConflict,
        "expired": DecisionExpired,
        "unknown": DecisionUnknown,
    }

    def __init__(
        self, database: Database, transitions: Transitions, outbox: Outbox, settings: Settings
    ) -> None:
        self._database = database
        self._transitions = transitions
        self._outbox = outbox
        self._settings = settings

    async def order(self, user_id: UUID, order: JournalOrder, key: str | None) -> JournalView:
        """Begin a journal; the same key and order again give the journal of the first time."""
        for question, choice in order.decisions.items():
            if not answers.fits_in_advance(question, choice):
                raise ChoiceDoesNotFit(f"The choice for {question} cannot be made in advance.")
        journal_id = new_id()
        async with self._database.transaction() as session:
            if key is not None:
                now = await store.database_now(session)
                digest = hashlib.sha256(order.model_dump_json().encode()).hexdigest()
                statement = (
                    insert(store.OrderRow)
                    .values(
                        user_id=user_id,
                        key=key,
                        body_sha256=digest,
                        journal_id=journal_id,
                        created_at=now,
                    )
                    .on_conflict_do_nothing()
                    .returning(col(store.OrderRow.journal_id))
                )
                if (await session.execute(statement)).scalar_one_or_none() is None:
                    journal_id = await self._earlier(session, user_id, key, digest)
                    row = await store.load_of_user(session, journal_id, user_id)
                    return journal_view(store.saga_of(row), row.created_at, row.updated_at)
            await self._transitions.begin(session, journal_id, user_id, self._request(order))
        self._outbox.wake()
        return await self.state(user_id, journal_id)

    async def state(self, user_id: UUID, journal_id: UUID) -> JournalView:
        async with self._database.transaction() as session:
            row = await store.load_of_user(session, journal_id, user_id)
            return journal_view(store.saga_of(row), row.created_at, row.updated_at)

    async def page(self, user_id: UUID, limit: int, cursor: UUID | None) -> JournalPage:
        """A user's journals, newest first."""
        async with self._database.transaction() as session:
            cards = await store.list_of_user(session, user_id, limit + 1, cursor)
        following = str(cards[limit - 1].id) if len(cards) > limit else None
        return JournalPage(items=tuple(cards[:limit]), next=following)

    async def answer(
        self, user_id: UUID, journal_id: UUID, question: str, answer: Answer
    ) -> AnswerResult:
        """Put an answer to the saga; whichever comes first counts, all others are told of it."""
        await self.state(user_id, journal_id)
        told: list[tuple[Verdict, Made | None]] = []

        def look(saga: Saga) -> Happening | None:
            verdict, made = answers.judge(saga, question, answer.rev, answer.choice)
            told[:] = [(verdict, made)]
            if verdict != "accepted":
                return None
            if not answers.fits(saga, question, answer.choice):
                raise ChoiceDoesNotFit("This choice is not offered, or lacks its text or notes.")
            return Answered(question, answer.choice)

        await self._transitions.decide(journal_id, look, actor="user")
        verdict, made = told[0]
        result = AnswerResult(
            result=verdict,
            decision_id=question,
            rev=answer.rev,
            choice=made.choice if made else answer.choice,
            chosen_by=made.by if made else "user",
        )
        if refusal := self.REFUSALS.get(verdict):
            winner = result.model_dump(mode="json", include={"choice", "chosen_by"}) if made else {}
            raise refusal(refusal.__doc__ or "", **winner)
        return result

    async def cancel(self, user_id: UUID, journal_id: UUID) -> JournalView:
        """Stop a journal; what is made of it stays."""
        await self.state(user_id, journal_id)

        def look(saga: Saga) -> Happening | None:
            if saga.status == "cancelled":
                return None
            if saga.is_over:
                raise JournalOver(f"The journal is {saga.status}.")
            return Cancel()

        await self._transitions.decide(journal_id, look, actor="user")
        return await self.state(user_id, journal_id)

    async def delete(self, user_id: UUID, journal_id: UUID) -> None:
        """Forget a journal; who keeps something of it hears that it is gone."""
        async with self._database.transaction() as session:
            row = await store.load_of_user(session, journal_id, user_id)
            await session.refresh(row, with_for_update=True)
            now = await store.database_now(session)
            saga = store.saga_of(row)
            gone = CraftDeleted(
                journal_id=row.id, user_id=user_id, n=saga.n + 1, at=now, percent=saga.percent
            )
            self._outbox.put(session, gone, subject=str(row.id))
            for table in (store.HistoryRow, store.DecisionRow, store.OrderRow):
                await session.execute(delete(table).where(col(table.journal_id) == row.id))
            await session.delete(row)
        self._outbox.wake()

    async def history(self, user_id: UUID, journal_id: UUID) -> list[HistoryEntry]:
        """Everything that happened to a journal, in order."""
        async with self._database.transaction() as session:
            await store.load_of_user(session, journal_id, user_id)
            rows = await session.scalars(
                select(store.HistoryRow)
                .where(col(store.HistoryRow.journal_id) == journal_id)
                .order_by(col(store.HistoryRow.seq))
            )
            return [HistoryEntry.model_validate(row.model_dump()) for row in rows]

    async def _earlier(self, session: AsyncSession, user_id: UUID, key: str, digest: str) -> UUID:
        row = await session.get(store.OrderRow, (user_id, key))
        if row is None:
            raise NotFound("The journal of this key was deleted meanwhile.")
        if row.body_sha256 != digest:
            raise IdempotencyKeyReused("This Idempotency-Key belongs to another order.")
        return row.journal_id

    def _request(self, order: JournalOrder) -> Request:
        return Request(
            theme=order.theme,
            plan=order.plan,
            title_style=order.title_style,
            depth=order.depth or PLANS[order.plan].depth,
            language=order.language,
            audience=order.audience or "",
            answers={str(name): choice for name, choice in order.decisions.items()},
            unattended=order.unattended,
            decision_seconds=self._settings.decision_seconds,
            step_seconds=self._settings.step_seconds,
        )
