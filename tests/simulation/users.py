"""Users: they order journals, answer, answer twice, too early, too late, both ways at once, never;
they pause, extend, cancel, try again and delete, at any moment, and press the button again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from chassis.errors import NotFound, ServiceError
from chassis.identity import Caller
from journal_contracts.api import Answer, Extension, HandOver, JournalView, PauseOrder, RetryOrder
from journal_contracts.decisions import Choice, DecisionView
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service.engine.transitions import AWAY
from orchestrator_service.state import Request

from .fate import Fate
from .loop import Process
from .replicas import Office

MANNERS: Final = {
    "answers": 30,
    "both ways": 15,
    "twice": 10,
    "early": 10,
    "never": 10,
    "late": 10,
    "wants more": 15,
}
"""What users do when they are asked, in per cent."""
WHIMS: Final = ("pause", "resume", "extend", "hand over", "cancel", "delete")
OVER: Final = ("completed", "failed", "cancelled")
DECISION_SECONDS: Final = 4.0
FRIEND: Final = UUID(int=99)

T = TypeVar("T")
Ask = Callable[[Office], Awaitable[T]]


@dataclass
class Crowd:
    """All users, what they were told, and what of it was wrong."""

    fate: Fate
    replicas: Callable[[], list[tuple[Process, Office]]]
    news: dict[UUID, asyncio.Event]
    ordered: dict[UUID, UUID] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)
    accepted: list[tuple[UUID, str, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def live(self, journal: UUID, user: UUID, request: Request) -> None:
        """Order a journal and see it to its end, or to its second end."""
        (manner,) = self.fate.random.choices(list(MANNERS), list(MANNERS.values()))
        self.fate.note("orders", f"{journal} {request.plan} for {user.int}, who {manner}")
        await self._insist(lambda office: office.engine.transitions.begin(journal, user, request))
        self.ordered[journal] = user
        if manner == "early":
            told = await self._answer(user, journal, "title", 2, "t1")
            if told != "decision_unknown":
                self.wrong.append(f"{journal}: an answer too early is {told}")
        whims = asyncio.create_task(self._have_whims(user, journal))
        await self._until_over(user, journal, manner)
        whims.cancel()
        if journal not in self.gone and self.fate.random.random() < 0.25:
            again = RetryOrder(phase=self.fate.random.choice((None, "discovery", "curation")))
            await self._wish(
                journal, lambda office: office.course.retry(caller(user), journal, again)
            )
            await self._until_over(user, journal, "answers")

    async def _until_over(self, user: UUID, journal: UUID, manner: str) -> None:
        while (view := await self._look(user, journal)) is not None and view.status not in OVER:
            news = self.news.setdefault(journal, asyncio.Event())
            if view.open_decisions:
                await self._decide(user, view, view.open_decisions[0], manner)
            news.clear()
            try:
                async with asyncio.timeout(0.5 + self.fate.moment(3.0)):
                    await news.wait()
            except TimeoutError:
                pass

    async def _decide(
        self, user: UUID, view: JournalView, asked: DecisionView, manner: str
    ) -> None:
        options = [option.id for option in asked.options if option.id not in ("own", "give_up")]
        ways = [self.fate.random.choice(options)]
        match manner:
            case "never":
                return
            case "late":
                await asyncio.sleep(DECISION_SECONDS - 1 + self.fate.moment(3.0))
            case "wants more" if {"more", "changes"} & {*options} and asked.rev < 3:
                ways = ["more" if "more" in options else "changes"]
            case "twice":
                ways *= 2
            case "both ways":
                ways.append(self.fate.random.choice(options))
            case _:
                await asyncio.sleep(self.fate.moment(0.5))
        answers = (self._answer(user, view.id, asked.id, asked.rev, way) for way in ways)
        await asyncio.gather(*answers)

    async def _answer(self, user: UUID, journal: UUID, question: str, rev: int, option: str) -> str:
        notes = {"day 1": "Shorter."} if option == "changes" else {}
        answer = Answer(rev=rev, choice=Choice(option=option, notes=notes))
        try:
            told = (
                await self._insist(
                    lambda office: office.decisions.answer(user, journal, question, answer)
                )
            ).result
        except ServiceError as refused:
            told = refused.code  # type: ignore[assignment] # as the verdicts are called outside
        self.fate.note("answers", f"{journal} {question} {rev} {option}: {told}")
        if told == "accepted":
            self.accepted.append((journal, question, rev))
        return told

    async def _have_whims(self, user: UUID, journal: UUID) -> None:
        while self.fate.random.random() < 0.6:
            await asyncio.sleep(self.fate.moment(6.0))
            (whim,) = self.fate.random.choices(WHIMS, (4, 3, 3, 2, 1, 1))
            await self._follow(whim, user, journal)

    async def _follow(self, whim: str, user: UUID, journal: UUID) -> None:
        me = caller(user)
        view = await self._look(user, journal)
        asked = view.open_decisions[0] if view and view.open_decisions else None
        wishes: dict[str, Ask[object]] = {
            "pause": lambda o: o.course.pause(me, journal, PauseOrder(seconds=3)),
            "resume": lambda o: o.course.resume(me, journal),
            "cancel": lambda o: o.course.cancel(me, journal),
            "delete": lambda o: o.desk.delete(user, journal),
        }
        if asked:
            more, to = Extension(rev=asked.rev, seconds=6), HandOver(rev=asked.rev, to=FRIEND)
            wishes["extend"] = lambda o: o.decisions.extend(user, journal, asked.id, more)
            wishes["hand over"] = lambda o: o.decisions.hand_over(user, journal, asked.id, to)
        if wish := wishes.get(whim):
            self.fate.note("wants to", f"{whim} {journal}")
            if whim == "delete":
                self.gone.add(journal)
            await self._wish(journal, wish)
            if whim == "hand over" and asked:
                await self._answer(FRIEND, journal, asked.id, asked.rev, asked.default)

    async def _wish(self, journal: UUID, wish: Ask[object]) -> None:
        """A refusal is an answer, too."""
        try:
            await self._insist(wish)
        except ServiceError as refused:
            self.fate.note("is refused", f"{journal} {refused.code}")

    async def _look(self, user: UUID, journal: UUID) -> JournalView | None:
        try:
            return await self._insist(lambda office: office.desk.state(user, journal))
        except NotFound:
            if journal not in self.gone:
                self.wrong.append(f"{journal}: is not there")
            return None

    async def _insist(self, ask: Ask[T]) -> T:
        """Press the button again while nobody answers."""
        while True:
            await asyncio.sleep(self.fate.delay())
            try:
                return await self._ask_one_of(self.replicas(), ask)
            except ServiceError as refused:
                if refused.status != 503:
                    raise
            except AWAY:
                pass
            await asyncio.sleep(self.fate.moment(1.0))

    async def _ask_one_of(self, replicas: list[tuple[Process, Office]], ask: Ask[T]) -> T:
        if not replicas:
            raise ConnectionRefusedError
        process, office = self.fate.random.choice(replicas)
        return await process.ask(lambda: ask(office))


def caller(user: UUID) -> Caller:
    """Somebody with a good token."""
    return Caller(user, user, 2**31)


def an_order(fate: Fate, plan: PlanName, step_seconds: float) -> Request:
    """What somebody orders."""
    return Request(
        theme="patience",
        plan=plan,
        title_style=TitleStyle.INSPIRATIONAL,
        depth=Depth.LIGHT,
        unattended=fate.random.random() < 0.1,
        priority=fate.random.choice((0, 0, 1)),
        decision_seconds=DECISION_SECONDS,
        step_seconds=step_seconds,
        budget=Decimal("0.05") if fate.random.random() < 0.15 else None,
        answers={"pictures": Choice(option="none"), "format": Choice(option="6x9-plain")},
    )
