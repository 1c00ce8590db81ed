"""Users: they order journals, answer, answer twice, too early, too late, and both ways at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

import asyncpg
import httpx
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from chassis.database import Database
from chassis.errors import ServiceError
from chassis.identity import Caller
from chassis.ids import new_id
from journal_contracts.api import Answer, JournalOrder, JournalView
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from orchestrator_service.course import Course
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine.engine import Engine
from orchestrator_service.orders import Desk
from orchestrator_service.settings import Settings
from orchestrator_service.usual import Times

from .ears import Ears

USERS: Final = [UUID(int=n) for n in range(1, 41)]
MANNERS: Final = {
    "answers": 40,
    "both ways": 20,
    "twice": 10,
    "early": 10,
    "never": 12,
    "late": 5,
    "cancels": 3,
}
"""What users do, in per cent."""
_DECIDED: Final = {
    "author_style": Choice(option="s1"),
    "pictures": Choice(option="none"),
    "draft": Choice(option="approve"),
    "format": Choice(option="6x9-plain"),
}
ORDERS: Final = (
    (JournalOrder(theme="patience", plan=PlanName.EXPRESS, decisions=_DECIDED), 90),
    (JournalOrder(theme="courage", plan=PlanName.COMPREHENSIVE, decisions=_DECIDED), 7),
    (
        JournalOrder(
            theme="wonder",
            plan=PlanName.COMPREHENSIVE,
            decisions={
                **_DECIDED,
                "pictures": Choice(option="procedural"),
                "format": Choice(option="6x9"),
            },
        ),
        3,
    ),
)
"""What users order, in per cent: all phases are gone through, most often the shortest way."""
FAULTS: Final = {"both ways", "twice", "early", "late"}
LOOK_EVERY: Final = 0.5
LONGEST_WAIT: Final = 60.0
"""Seconds until a user looks without having heard anything."""
AWAY: Final = (
    OSError,
    TimeoutError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Office:
    """Where users' wishes arrive."""

    desk: Desk
    decisions: Decisions
    course: Course


@dataclass
class Crowd:
    """Everybody's orders and answers, and what was wrong with what they were told."""

    patient: Office
    impatient: Office
    ears: Ears
    faults: Counter[str] = field(default_factory=Counter)
    ordered: dict[UUID, UUID] = field(default_factory=dict)
    accepted: list[tuple[UUID, str, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _random: random.Random = field(default_factory=random.Random)

    async def live(self, journals: int, seconds: float) -> None:
        """Order so many journals over this time, and see each to its end."""
        async with asyncio.TaskGroup() as group:
            for _ in range(journals):
                group.create_task(self._one())
                await asyncio.sleep(seconds / journals)

    async def _one(self) -> None:
        user = self._random.choice(USERS)
        (manner,) = self._random.choices(list(MANNERS), list(MANNERS.values()))
        office = self.impatient if manner in ("never", "late") else self.patient
        orders, shares = [order for order, _ in ORDERS], [share for _, share in ORDERS]
        (order,) = self._random.choices(orders, shares)
        key = str(new_id())
        journal = (await _insist(lambda: office.desk.order(user, order, key))).id
        self.ordered[journal] = user
        if manner == "early":
            await self._answer(office, user, journal, "title", 2, "t1", expect={"decision_unknown"})
        view = await self._until_asked(office, user, journal)
        while view.status not in ("completed", "cancelled", "failed"):
            await self._decide(office, user, view, manner)
            view = await self._until_asked(office, user, journal)

    async def _decide(self, office: Office, user: UUID, view: JournalView, manner: str) -> None:
        asked = view.open_decisions[0]
        if asked.id == "after_failure":
            await self._answer(office, user, view.id, asked.id, asked.rev, "retry")
            return
        match manner:
            case "both ways":
                await asyncio.gather(
                    self._answer(office, user, view.id, asked.id, asked.rev, "t1"),
                    self._answer(office, user, view.id, asked.id, asked.rev, "t2"),
                )
            case "twice":
                for _ in range(2):
                    await self._answer(office, user, view.id, asked.id, asked.rev, "t3")
            case "cancels":
                await _insist(lambda: office.course.cancel(Caller(user, user, 2**31), view.id))
            case "never" | "late":
                await self._until_closed(office, user, view)
                if manner == "late":
                    late = {"decision_expired", "already"}
                    await self._answer(office, user, view.id, asked.id, asked.rev, "t4", late)
            case _:
                await self._answer(office, user, view.id, asked.id, asked.rev, "t5")
        if manner in FAULTS:
            self.faults["decision"] += 1

    async def _answer(
        self,
        office: Office,
        user: UUID,
        journal: UUID,
        question: str,
        rev: int,
        option: str,
        expect: set[str] | None = None,
    ) -> None:
        answer = Answer(rev=rev, choice=Choice(option=option))
        told: str
        try:
            told = (
                await _insist(lambda: office.decisions.answer(user, journal, question, answer))
            ).result
        except ServiceError as refused:
            told = refused.code
        if told == "accepted":
            self.accepted.append((journal, question, rev))
        if expect and told not in expect:
            self.wrong.append(f"{journal} {question}: {told}, expected {sorted(expect)}")

    async def _until_asked(self, office: Office, user: UUID, journal: UUID) -> JournalView:
        while True:
            view = await _insist(lambda: office.desk.state(user, journal))
            if view.open_decisions or view.status in ("completed", "cancelled", "failed"):
                return view
            await self.ears.wait_for_news(journal, LONGEST_WAIT)

    async def _until_closed(self, office: Office, user: UUID, before: JournalView) -> None:
        rev = (before.open_decisions[0].id, before.open_decisions[0].rev)
        while True:
            view = await _insist(lambda: office.desk.state(user, before.id))
            if rev not in [(asked.id, asked.rev) for asked in view.open_decisions]:
                return
            await self.ears.wait_for_news(before.id, LONGEST_WAIT)


def an_office(database: Database, engine: Engine, url: str, decision_seconds: float) -> Office:
    """Where a part of the crowd goes; its questions have this deadline."""
    settings = Settings(
        port=1,
        amqp_url="amqp://unused",
        auth_url="http://unused",
        database_url=SecretStr(url),
        service_key=SecretStr("unused"),
        decision_seconds=decision_seconds,
        step_seconds=60,
    )
    desk = Desk(database, engine, settings, Times(database).of)
    return Office(desk, Decisions(engine.transitions), Course(engine.transitions))


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Users press the button again while the database is away; a refusal is an answer."""
    while True:
        try:
            return await ask()
        except ServiceError as refused:
            if refused.status != httpx.codes.SERVICE_UNAVAILABLE:
                raise
        except AWAY:
            pass
        await asyncio.sleep(LOOK_EVERY)
