"""Orders, answers and endings as users give them: each moves its journal, or is told why not."""

import hashlib
from typing import ClassVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from chassis.broker import letter_of
from chassis.database import Database
from chassis.errors import NotFound, ServiceError
from chassis.ids import new_id
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
from orchestrator_service.engine import statements
from orchestrator_service.engine.changes import Row
from orchestrator_service.engine.engine import Engine
from orchestrator_service.plan import PLANS
from orchestrator_service.saga import Answered, Cancel, Happening
from orchestrator_service.settings import Settings
from orchestrator_service.state import Made, Request, Saga
from orchestrator_service.views import history_entries, journal_view


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

    def __init__(self, database: Database, engine: Engine, settings: Settings) -> None:
        self._database = database
        self._engine = engine
        self._settings = settings

    async def order(self, user_id: UUID, order: JournalOrder, key: str | None) -> JournalView:
        """Begin a journal; the same key and order again give the journal of the first time.

        The key is written before the journal: after a crash in between, the repeat begins it.
        """
        for question, choice in order.decisions.items():
            if not answers.fits_in_advance(question, choice):
                raise ChoiceDoesNotFit(f"The choice for {question} cannot be made in advance.")
        journal_id = new_id()
        if key is not None:
            journal_id = await self._id_for(user_id, key, order, journal_id)
        row = await self._engine.transitions.begin(journal_id, user_id, self._request(order))
        return _view(row)

    async def _id_for(self, user_id: UUID, key: str, order: JournalOrder, journal_id: UUID) -> UUID:
        """The journal of this key: the given one, or that of the first time."""
        digest = hashlib.sha256(order.model_dump_json().encode()).hexdigest()
        async with self._database.transaction() as session:
            statement = (
                insert(store.OrderRow)
                .values(
                    user_id=user_id,
                    key=key,
                    body_sha256=digest,
                    journal_id=journal_id,
                    created_at=func.clock_timestamp(),
                )
                .on_conflict_do_nothing()
            )
            await session.execute(statement)
            row = await session.get(store.OrderRow, (user_id, key))
        if row is None:
            raise NotFound("The journal of this key was deleted meanwhile.")
        if row.body_sha256 != digest:
            raise IdempotencyKeyReused("This Idempotency-Key belongs to another order.")
        return row.journal_id

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
        told: list[tuple[Verdict, Made | None]] = []

        def look(saga: Saga) -> Happening | None:
            _only_for(user_id, saga)
            verdict, made = answers.judge(saga, question, answer.rev, answer.choice)
            told[:] = [(verdict, made)]
            if verdict != "accepted":
                return None
            if not answers.fits(saga, question, answer.choice):
                raise ChoiceDoesNotFit("This choice is not offered, or lacks its text or notes.")
            return Answered(question, answer.choice)

        await self._engine.transitions.decide(journal_id, look, actor="user")
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

        def look(saga: Saga) -> Happening | None:
            _only_for(user_id, saga)
            if saga.status == "cancelled":
                return None
            if saga.is_over:
                raise JournalOver(f"The journal is {saga.status}.")
            return Cancel()

        return _view(await self._engine.transitions.decide(journal_id, look, actor="user"))

    async def delete(self, user_id: UUID, journal_id: UUID) -> None:
        """Forget a journal; who keeps something of it hears that it is gone."""
        pool, gone = self._engine.pool, False
        while not gone:
            row = (await statements.load(pool, [journal_id])).get(journal_id)
            if row is None or row.saga.user_id != user_id:
                raise NotFound("There is no such journal.")
            event = CraftDeleted(
                journal_id=journal_id,
                user_id=user_id,
                n=row.saga.n + 1,
                at=self._engine.transitions.clock.now(),
                percent=row.saga.percent,
            )
            letter = letter_of(event, new_id(), str(journal_id))
            gone = await statements.forget(pool, row, letter)
        self._engine.transitions.forget(journal_id)
        self._engine.sender.post([letter])

    async def history(self, user_id: UUID, journal_id: UUID) -> list[HistoryEntry]:
        """Everything that happened to a journal, in order."""
        async with self._database.transaction() as session:
            await store.load_of_user(session, journal_id, user_id)
            rows = await session.scalars(
                select(store.HistoryRow)
                .where(col(store.HistoryRow.journal_id) == journal_id)
                .order_by(col(store.HistoryRow.seq))
            )
            return [entry for row in rows for entry in history_entries(row)]

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


def _view(row: Row) -> JournalView:
    return journal_view(row.saga, row.created_at, row.updated_at)


def _only_for(user_id: UUID, saga: Saga) -> None:
    """A foreign journal looks like none."""
    if saga.user_id != user_id:
        raise NotFound("There is no such journal.")
