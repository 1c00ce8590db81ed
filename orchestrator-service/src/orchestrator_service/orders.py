"""The desk where journals are ordered, looked at and deleted."""

import asyncio
import hashlib
import math
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert

from chassis.broker import letter_of
from chassis.database import Database
from chassis.errors import NotFound, ServiceError
from chassis.ids import new_id
from journal_contracts.api import DraftParts, JournalOrder, JournalPage, JournalView, QueueView
from journal_contracts.events import CraftDeleted
from journal_contracts.sharing import AccessView
from orchestrator_service import eta, lists, steps, store
from orchestrator_service.decisions import check_in_advance
from orchestrator_service.engine.changes import Row
from orchestrator_service.engine.engine import Engine
from orchestrator_service.lists import EVERYTHING, Wish
from orchestrator_service.ownership import check_may, no_such_journal, role_of, view_of
from orchestrator_service.past import Past
from orchestrator_service.plan import PLANS
from orchestrator_service.settings import Settings
from orchestrator_service.state import Request, Saga
from orchestrator_service.usual import UsualTimes
from orchestrator_service.welcome import check_welcome

LONGEST_ADVICE: Final = 600
"""Seconds; who is told to come back later than that might as well ask again."""
BEGUN: Final = 1
"""The transition with which a journal begins."""
KEYS_KEPT: Final = timedelta(hours=25)
"""An hour longer than clients are promised."""
FORGET_SECONDS: Final = 3_600.0
FORGET: Final = text(
    "delete from idempotent_order where created_at < now() - cast(:kept as interval)"
)


class IdempotencyKeyReused(ServiceError):
    """The key was used for another order."""

    status = 422


class ModelsNotInPlan(ServiceError):
    """The plan does not come with this choice of models."""

    status = 422


class DocumentsNotInPlan(ServiceError):
    """The plan reads no documents."""

    status = 422


class JournalDeleted(ServiceError):
    """What was ordered with this key was deleted since."""

    status = 410


class DraftNotReady(ServiceError):
    """The books are not written yet."""

    status = 404


class HouseFull(ServiceError):
    """More is waiting than the house takes; `Retry-After` says when there will be room."""

    status = 429

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class Desk:
    """Where users' wishes arrive."""

    def __init__(
        self, database: Database, engine: Engine, settings: Settings, usual: UsualTimes
    ) -> None:
        self._database = database
        self._past = Past(database)
        self._engine = engine
        self._settings = settings
        self._usual = usual

    async def order(self, user_id: UUID, order: JournalOrder, key: str | None) -> JournalView:
        """Begin a journal; the same key and order again give the first answer once more.

        The key is written before the journal: after a crash in between, the repeat begins it. A
        key is known for a day at least.
        """
        fresh = new_id()
        journal_id = await self._known(user_id, key, order) if key else None
        if journal_id is None:
            self._check(order)
            journal_id = await self._id_for(user_id, key, order, fresh) if key else fresh
        row = await self._engine.transitions.begin(journal_id, user_id, self._request(order))
        if journal_id == fresh:
            return view_of(row, user_id)
        return await self._past.at(user_id, journal_id, BEGUN)

    def _check(self, order: JournalOrder) -> None:
        """Refuse what cannot be made, and what there is no room for."""
        check_in_advance(order.decisions.items())
        own = (choice.text for choice in order.decisions.values())
        check_welcome(order.theme, order.audience, *own)
        if order.models is not None and order.models not in PLANS[order.plan].models:
            allowed = ", ".join(sorted(PLANS[order.plan].models))
            raise ModelsNotInPlan(f"The {order.plan} plan comes with these choices: {allowed}.")
        if order.documents and "research" in PLANS[order.plan].leaves_out:
            raise DocumentsNotInPlan(f"The {order.plan} plan does no research: choose another.")
        self._check_for_room()

    def _check_for_room(self) -> None:
        release = self._engine.release
        waiting = release.view.waiting
        if waiting.total() < self._settings.most_waiting:
            return
        etas = (release.eta(pool, count) for pool, count in waiting.items())
        seconds = max((eta for eta in etas if eta is not None), default=LONGEST_ADVICE)
        raise HouseFull(
            "So many journals wait that another would wait too long.",
            math.ceil(min(seconds, LONGEST_ADVICE)),
        )

    async def _known(self, user_id: UUID, key: str, order: JournalOrder) -> UUID | None:
        """The journal that was ordered with this key, if one was."""
        async with self._database.transaction() as session:
            row = await session.get(store.OrderRow, (user_id, key))
        return None if row is None else _same(row, order)

    async def _id_for(self, user_id: UUID, key: str, order: JournalOrder, journal_id: UUID) -> UUID:
        """The given journal, or that of whoever was faster with this key."""
        async with self._database.transaction() as session:
            statement = (
                insert(store.OrderRow)
                .values(
                    user_id=user_id,
                    key=key,
                    body_sha256=_digest(order),
                    journal_id=journal_id,
                    created_at=func.clock_timestamp(),
                )
                .on_conflict_do_nothing()
            )
            await session.execute(statement)
            row = await session.get(store.OrderRow, (user_id, key))
        if row is None:
            raise NotFound("The user of this key was erased meanwhile.")
        return _same(row, order)

    async def forget_keys(self) -> None:
        """Again and again, let go of keys that are older than anybody repeats."""
        while True:
            async with self._database.transaction() as session:
                await session.execute(FORGET, {"kept": KEYS_KEPT})
            await asyncio.sleep(FORGET_SECONDS)

    async def state(self, user_id: UUID, journal_id: UUID) -> JournalView:
        """A journal as it is; also for whom one of its decisions was handed to."""
        row = await self._engine.transitions.row(journal_id)
        if row is None or not _may_see(user_id, row.saga):
            raise no_such_journal()
        queue = await self._queue(journal_id) if row.saga.is_working else None
        return view_of(row, user_id, queue, await self._seconds_left(row.saga))

    async def _seconds_left(self, saga: Saga) -> float | None:
        if saga.is_over:
            return None
        usual = await self._usual(saga.request.plan)
        return eta.seconds_left(saga, usual, self._engine.transitions.clock.now())

    async def draft(self, user_id: UUID, journal_id: UUID) -> DraftParts:
        """Where the books lie in words; raises `DraftNotReady` until they were joined."""
        row = await self._row_of(user_id, journal_id)
        if (parts := steps.draft(row.saga)) is None:
            raise DraftNotReady("Nothing of this journal can be read yet.")
        owner = row.saga.user_id
        return parts if owner == user_id else parts.model_copy(update={"owner": owner})

    async def access(self, user_id: UUID, journal_id: UUID) -> AccessView:
        """What somebody may do with a journal, and whose it is."""
        saga = (await self._row_of(user_id, journal_id)).saga
        return AccessView(owner=saga.user_id, role=role_of(user_id, saga) or "viewer")

    async def _row_of(self, user_id: UUID, journal_id: UUID) -> Row:
        row = await self._engine.transitions.row(journal_id)
        if row is None:
            raise no_such_journal()
        check_may(user_id, row.saga, "read")
        return row

    async def _queue(self, journal_id: UUID) -> QueueView | None:
        place = await self._engine.store.place(journal_id)
        if place is None:
            return None
        pool, ahead = place
        return QueueView(position=ahead, eta_seconds=self._engine.release.eta(pool, ahead))

    async def page(
        self, user_id: UUID, limit: int, cursor: str | None, wish: Wish = EVERYTHING
    ) -> JournalPage:
        """A user's journals, page by page."""
        async with self._database.transaction() as session:
            return await lists.page(session, user_id, wish, limit, cursor)

    async def delete(self, user_id: UUID, journal_id: UUID) -> None:
        """Forget a journal; who keeps something of it hears that it is gone."""
        store, gone = self._engine.store, False
        while not gone:
            row = await self._engine.transitions.row(journal_id)
            if row is None:
                raise no_such_journal()
            check_may(user_id, row.saga, "own")
            event = CraftDeleted(
                journal_id=journal_id,
                user_id=user_id,
                n=row.saga.n + 1,
                at=self._engine.transitions.clock.now(),
                percent=row.saga.percent,
                also=tuple(row.saga.members),
            )
            letter = letter_of(event, new_id(), str(journal_id))
            gone = await store.forget(row, letter)
        self._engine.transitions.forget(journal_id)
        self._engine.sender.post([letter])

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
            budget=order.budget or self._settings.journal_budget,
            models=order.models or "",
            documents=tuple(dict.fromkeys(order.documents)),
        )


def _may_see(user_id: UUID, saga: Saga) -> bool:
    handed = (asked.also for asked in saga.questions.values())
    return role_of(user_id, saga) is not None or user_id in handed


def _same(row: store.OrderRow, order: JournalOrder) -> UUID:
    if not row.body_sha256:
        raise JournalDeleted("The journal of this Idempotency-Key was deleted: use a new key.")
    if row.body_sha256 != _digest(order):
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another order.")
    return row.journal_id


def _digest(order: JournalOrder) -> str:
    return hashlib.sha256(order.model_dump_json().encode()).hexdigest()
