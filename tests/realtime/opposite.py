"""Decisions answered both ways at once, from two tabs, while gateways die with the verdict.

The orchestrator is the real one, with nobody to work for it: what follows from a decision stays a
command that waits, and can be counted.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from chassis.database import open_pool
from chassis.ids import new_id
from journal_contracts.commands import RunPhase
from journal_contracts.events import DecisionClosed, PhaseStarted, StepFinished
from journal_contracts.message import StepRef
from journal_contracts.product import Depth, PlanName, TitleStyle
from journalcraft.servers import Addresses
from orchestrator_service.engine.engine import Engine
from orchestrator_service.state import Request
from tests.instant.facts import facts_of

from .gateway import deadly
from .scene import Scene, a_scene
from .tabs import HttpTab, SocketTab, Told
from .truth import user_of

QUESTION: Final = "author_style"
BEFORE_IT: Final = ("preflight", "onboarding")
FOLLOWS: Final = "editorial_plan"
WAYS: Final = ("s2", "s3")
"""Neither is the default."""
EVERY_LATE: Final = 10
YEARS: Final = 1e8
"""Seconds until nobody answers in time."""
GATEWAYS: Final = 2


@dataclass(frozen=True)
class Size:
    """How many decisions, of how many users; each round is one of every user's."""

    users: int
    rounds: int
    deadly: int
    """In every so manieth round the first gateway to hear a verdict dies of it."""


@dataclass
class Outcome:
    """One decision: what both tabs were told, and what the journal's history says."""

    journal: UUID
    late: bool
    told: tuple[Told, Told]
    closed: list[tuple[str, str]]
    """Every closing of the decision: the option, and who chose it."""
    resumed: int
    """How often the phase behind it began."""
    heard: int
    """How often the tab with a socket was told that it is closed."""


async def play(
    size: Size, folder: Path, addresses: Addresses, database: str
) -> tuple[list[Outcome], int]:
    """Everything once; the outcomes, and how many gateways died."""
    async with a_scene(
        folder,
        addresses,
        users=size.users,
        heartbeat=1.0,
        gateways=GATEWAYS,
        database=database,
    ) as scene:
        parked = await _parked(size, addresses.amqp, database)
        tokens = await scene.tokens()
        async with _tabs(tokens, scene.ports) as tabs:
            told: dict[UUID, tuple[Told, Told]] = {}
            deaths = 0
            for number, journals in enumerate(parked):
                is_deadly = number % size.deadly == 0
                if is_deadly:
                    deadly(scene.chaos).touch()
                said = await asyncio.gather(*map(_both_ways, tabs, journals))
                told |= dict(zip(journals, said, strict=True))
                deaths += await _reborn(scene) if is_deadly else 0
            sockets = [socket for _, socket in tabs]
            of = {j: tab for round_ in parked for j, tab in zip(round_, sockets, strict=True)}
            await _until_all_heard(of)
            pool = await asyncpg.connect(database)
            try:
                outcomes = [
                    await _outcome(pool, journal, place, told[journal], of[journal])
                    for place, journal in enumerate(of)
                ]
            finally:
                await pool.close()
        return outcomes, deaths


async def _parked(size: Size, amqp: str, database: str) -> list[list[UUID]]:
    """Journals that stand at their first question, by round; one in ten has had its answer."""
    users = [user_of(number) for number in range(size.users)]
    rounds = [[new_id() for _ in users] for _ in range(size.rounds)]
    places = [
        (user, journal) for round_ in rounds for user, journal in zip(users, round_, strict=True)
    ]
    async with Engine.open(database, amqp, user_limit=1) as engine, open_pool(database) as pool:
        orders = [_order(is_late(place)) for place in range(len(places))]
        begun = (
            engine.transitions.begin(journal, user, order)
            for (user, journal), order in zip(places, orders, strict=True)
        )
        await asyncio.gather(*begun)
        for phase in BEFORE_IT:
            rows = await pool.fetch("select body from outbox where phase = $1", phase)
            steps = [RunPhase.model_validate_json(row["body"]) for row in rows]
            await asyncio.gather(
                *(engine.transitions.happen(s.journal_id, _finished(s), "test") for s in steps)
            )
        late = sum(map(is_late, range(len(places))))
        async with asyncio.timeout(60):
            while await pool.fetchval("select count(*) from decision") < late:
                await asyncio.sleep(0.05)
    return rounds


def is_late(place: int) -> bool:
    """Whether the deadline of the decision at this place goes first."""
    return place % EVERY_LATE == EVERY_LATE - 1


def _order(late: bool) -> Request:
    return Request(
        theme="patience",
        plan=PlanName.STANDARD,
        title_style=TitleStyle.INSPIRATIONAL,
        depth=Depth.MEDIUM,
        decision_seconds=0.01 if late else YEARS,
    )


def _finished(step: RunPhase) -> StepFinished:
    fence = step.model_dump(include=set(StepRef.model_fields))
    return StepFinished(**fence, facts=facts_of(step))


@contextlib.asynccontextmanager
async def _tabs(
    tokens: Sequence[str], ports: Sequence[int]
) -> AsyncIterator[list[tuple[HttpTab, SocketTab]]]:
    """Two of each user; half of the users come by the other gateway first."""
    async with contextlib.AsyncExitStack() as stack:
        tabs = []
        for number, token in enumerate(tokens):
            turned = [*ports[number % len(ports) :], *ports[: number % len(ports)]]
            http = HttpTab(token, turned)
            stack.push_async_callback(http.close)
            socket = await stack.enter_async_context(SocketTab.open(token, turned[::-1]))
            tabs.append((http, socket))
        yield tabs


async def _both_ways(tabs: tuple[HttpTab, SocketTab], journal: UUID) -> tuple[Told, Told]:
    """Both answers leave in one turn of the loop."""
    http, socket = tabs
    one, other = WAYS
    return await asyncio.gather(
        http.answer(journal, QUESTION, 1, one), socket.answer(journal, QUESTION, 1, other)
    )


async def _reborn(scene: Scene) -> int:
    """Start again whoever died of a verdict; how many did."""
    async with asyncio.timeout(60):
        while not (dead := [gateway for gateway in scene.gateways if gateway.is_dead]):
            await asyncio.sleep(0.02)
    for gateway in dead:
        gateway.start()
        await gateway.until_ready()
    return len(dead)


async def _until_all_heard(of: dict[UUID, SocketTab]) -> None:
    """A decision closed before its tab came may be in its snapshot, and no event."""
    async with asyncio.timeout(60):
        for place, (journal, tab) in enumerate(of.items()):
            while not is_late(place) and not tab.closed[journal]:
                await asyncio.sleep(0.02)


async def _outcome(
    pool: asyncpg.Connection, journal: UUID, place: int, told: tuple[Told, Told], tab: SocketTab
) -> Outcome:
    closed = [
        DecisionClosed.model_validate_json(row["body"])
        for row in await _said(pool, journal, DecisionClosed.name)
    ]
    started = [
        PhaseStarted.model_validate_json(row["body"])
        for row in await _said(pool, journal, PhaseStarted.name)
    ]
    return Outcome(
        journal,
        is_late(place),
        told,
        [(event.choice.option, event.chosen_by) for event in closed],
        sum(event.phase == FOLLOWS for event in started),
        tab.closed[journal],
    )


async def _said(pool: asyncpg.Connection, journal: UUID, name: str) -> list[asyncpg.Record]:
    """Every event of a kind that the history of a journal has."""
    query = """
        select each->'body' as body from history, jsonb_array_elements(said) each
         where journal_id = $1 and each->>'type' = $2
    """
    found: list[asyncpg.Record] = await pool.fetch(query, journal, name)
    return found
