"""Journals under way move to the next table: none is stuck, none repeats a phase (R3.2b, R3.2c)."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest
from tests.instant.tables import with_two_parts

from chassis.broker import Letter, Speaker
from chassis.database import Database, Pool, open_pool
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from orchestrator_service import answers, steps
from orchestrator_service.engine.causes import replayed
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.postgres import PostgresStore
from orchestrator_service.engine.transitions import OtherVersion
from orchestrator_service.happenings import Answered, Happening, Migrate
from orchestrator_service.migration import moved
from orchestrator_service.plan import DEFINITIONS, FIRST
from orchestrator_service.questions import AFTER_FAILURE
from orchestrator_service.state import Saga
from orchestrator_service.versions import ReplicasBehind, put_in_force

from .crew import Journey, failed, finished, request
from .tables import ADDED_PHASE, ADDED_QUESTION, REMOVED, second

SOME, ALL = 144, 1_000
WALKS = 60


@pytest.fixture(autouse=True)
def _two_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEFINITIONS, 1, with_two_parts(FIRST, 1))
    monkeypatch.setitem(DEFINITIONS, 2, with_two_parts(second(), 2))


# --- the rule itself -----------------------------------------------------------------------------


def walked(seed: int) -> Journey:
    """A journal at some point of its life, good or bad."""
    chance = random.Random(seed)
    journey = Journey.begun(chance.choice(list(PlanName)), version=1)
    for _ in range(chance.randrange(45)):
        if journey.commands and chance.random() < 0.85:
            step = journey.commands.pop(chance.randrange(len(journey.commands)))
            kind = chance.choice(("infrastructure", "invalid_output", "fatal"))
            journey.happen(failed(step, kind) if chance.random() < 0.08 else finished(step))
        elif asked := answers.open_questions(journey.saga):
            view = chance.choice(asked)
            wanted = {"title": "more", "draft": "changes", "after_failure": "retry"}
            option = wanted.get(view.id, view.default)
            if option not in {each.id for each in view.options}:
                option = view.default
            notes = {"day 3": "Warmer."} if option == "changes" else {}
            journey.answer(view.id, option, notes=notes)
        else:
            journey.pass_time(minutes=3)
    return journey


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_journal_moves_from_anywhere_and_comes_to_its_end(seed: int) -> None:
    journey = walked(seed)
    before = journey.saga
    done = {name for name, phase in before.phases.items() if phase.status == "done"}
    sent = len(journey.sent)

    journey.happen(Migrate(2))

    nodes = DEFINITIONS[2].graphs[before.request.plan].nodes
    after = journey.saga
    assert after.version == 2
    assert after.phases.keys() == {name for name in nodes if name not in after.questions}
    assert {n for n in done & after.phases.keys() if after.phases[n].status != "done"} == set()
    journey.commands = [s for s in journey.commands if s.phase in nodes]
    while not journey.saga.is_over:
        journey.work()
        for view in answers.open_questions(journey.saga)[:1]:
            journey.answer(view.id, {"after_failure": "retry"}.get(view.id, view.default))
        if not journey.commands and not journey.saga.is_over:
            journey.pass_time(minutes=3)
    assert journey.saga.status == ("cancelled" if before.status == "cancelled" else "completed")
    assert not done & {step.phase for step in journey.sent[sent:]}
    assert REMOVED not in {step.phase for step in journey.sent[sent:]}


def test_what_is_new_waits_its_turn_or_is_passed_over() -> None:
    early, late = Journey.begun(version=1), Journey.begun(version=1)
    early.come_to("title")
    late.come_to("pictures")

    for journey in (early, late):
        journey.happen(Migrate(2))
        journey.finish()

    phases = [{step.phase for step in journey.sent} for journey in (early, late)]
    assert [ADDED_PHASE.name in each for each in phases] == [True, False]
    asked = [{r.decision.id for r in journey.requested()} for journey in (early, late)]
    assert all(ADDED_QUESTION.name in each for each in asked)


def test_to_move_twice_is_to_move_once() -> None:
    for seed in range(WALKS):
        journey = walked(seed)
        once = moved(journey.saga, 2, journey.now)

        assert moved(once, 2, journey.now) == once


def test_nobody_is_asked_any_more_about_a_failure_that_left_with_its_phase() -> None:
    journey = Journey.begun(version=1)
    journey.come_to("format")
    journey.answer("format", "6x9")
    journey.work(until=REMOVED)
    journey.happen(failed(journey.commands.pop()))
    assert journey.asked() == [AFTER_FAILURE.name]

    journey.happen(Migrate(2))

    assert AFTER_FAILURE.name not in journey.asked()
    journey.finish()
    assert journey.saga.status == "completed"


# --- the same on PostgreSQL, with replicas of both kinds -----------------------------------------


class Listener(Speaker):
    """A broker that takes everything and does nothing with it."""

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        return [True] * len(letters)


@contextlib.asynccontextmanager
async def a_replica(url: str, *versions: int) -> AsyncIterator[Engine]:
    """A replica whose code knows these versions of the table."""
    async with (
        open_pool(url) as pool,
        Engine.on(PostgresStore(pool, versions), Listener(ORCHESTRATOR, ""), 10_000) as engine,
    ):
        yield engine


@dataclass
class Shop:
    """Journals under way, and the replicas that hear of them."""

    pool: Pool
    sagas: dict[UUID, Saga] = field(default_factory=dict)
    refused: int = 0

    async def order(self, engine: Engine, count: int) -> None:
        plans = (PlanName.EXPRESS, PlanName.STANDARD, PlanName.EXPRESS)
        rows = await asyncio.gather(
            *(
                engine.transitions.begin(new_id(), new_id(), request(plans[n % 3]))
                for n in range(count)
            )
        )
        self.sagas |= {row.saga.id: row.saga for row in rows}

    async def step(self, journals: Sequence[UUID], *engines: Engine) -> None:
        """The next good thing happens to each of these, heard by one replica or the other."""
        await asyncio.gather(
            *(
                self._step(journal, engines[n % len(engines) :] + engines)
                for n, journal in enumerate(journals)
            )
        )

    async def _step(self, journal: UUID, engines: tuple[Engine, ...]) -> None:
        """Who cannot take it leaves it to another, as it would give it back to the broker."""
        message = next_of(self.sagas[journal])
        if message is None:
            return
        for engine in engines:
            try:
                row = await engine.transitions.happen(journal, message, "test")
            except OtherVersion:
                self.refused += 1
            else:
                self.sagas[journal] = row.saga
                return
        raise AssertionError("no replica took it")

    @property
    def open(self) -> list[UUID]:
        return [journal for journal, saga in self.sagas.items() if not saga.is_over]

    def at_work(self) -> Counter[str]:
        """How many journals are at work in each phase."""
        return Counter(
            name
            for saga in self.sagas.values()
            for name, phase in saga.phases.items()
            if phase.status == "running"
        )

    async def versions(self) -> set[int]:
        return {row[0] for row in await self.pool.fetch("select distinct definition from journal")}


def next_of(saga: Saga) -> Happening | None:
    """The answer to its first open step, or else to its first question."""
    for name, phase in saga.phases.items():
        for part, row in phase.parts.items():
            if row.state == "open" and not saga.is_over:
                [step] = steps.commands(saga, name, (part,))
                return finished(step)  # type: ignore[arg-type] # one of the three there are
    for view in answers.open_questions(saga):
        return Answered(view.id, Choice(option=view.default))
    return None


@pytest.fixture
async def shop(database: Database, database_url: str) -> AsyncIterator[Shop]:
    async with open_pool(database_url, statement_seconds=30) as pool:
        yield Shop(pool)


@pytest.mark.parametrize("journals", [SOME, pytest.param(ALL, marks=pytest.mark.deep)])
async def test_journals_in_each_phase_live_through_a_rolling_upgrade(
    shop: Shop, database_url: str, journals: int
) -> None:
    async with a_replica(database_url, 1) as old:
        await _spread(shop, old, journals)
        assert shop.at_work().keys() == DEFINITIONS[1].graphs[PlanName.STANDARD].nodes.keys() - (
            shop.sagas[shop.open[0]].questions.keys() | {"draft", "author_style", "title"}
        )

        async with a_replica(database_url, 1, 2) as first_try:
            await shop.step(shop.open, old, first_try)
            await old.look_round()
            async with asyncpg_of(database_url) as connection:
                with pytest.raises(ReplicasBehind):
                    await put_in_force(connection, 2)
        await shop.step(shop.open, old)
        assert await shop.versions() == {1}, "a rollback needs nothing"

        async with a_replica(database_url, 1, 2) as new, new.running():
            await shop.pool.execute("insert into definition (version) values (2)")
            while shop.open:
                await shop.step(shop.open, old, new)
            await _all_moved(shop)
            await shop.order(new, 4)
            while shop.open:
                await shop.step(shop.open, new)

    assert shop.refused, "the old replica leaves journals of the new version alone"
    assert {saga.status for saga in shop.sagas.values()} == {"completed"}
    assert await shop.pool.fetch(REPEATED) == []
    assert await shop.pool.fetch(GAPS) == []
    await _histories_tell_the_truth(shop)


async def _spread(shop: Shop, engine: Engine, count: int) -> None:
    """Some journals in each phase."""
    await shop.order(engine, count)
    journals = list(shop.sagas)
    for past in range(24):
        await shop.step([j for n, j in enumerate(journals) if n // 3 % 24 > past], engine)


async def _all_moved(shop: Shop) -> None:
    async with asyncio.timeout(30):
        while await shop.versions() != {2}:
            await asyncio.sleep(0.1)


async def _histories_tell_the_truth(shop: Shop) -> None:
    """What is replayed, across the move, is what is stored."""
    query = "select cause, input, at from history where journal_id = $1 order by seq"
    for journal in [*list(shop.sagas)[::100], *list(shop.sagas)[-4:]]:
        entries = [
            (row["cause"], json.loads(row["input"]), row["at"])
            for row in await shop.pool.fetch(query, journal)
        ]
        saga = replayed(journal, shop.sagas[journal].user_id, entries)
        stored = await shop.pool.fetchval("select saga from journal where id = $1", journal)
        assert saga is not None
        assert (saga.version, saga.status, saga.n) == (2, "completed", json.loads(stored)["n"])


@contextlib.asynccontextmanager
async def asyncpg_of(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


REPEATED = """
select journal_id, each->'body'->>'phase' as phase, each->'body'->>'round' as round
  from history, jsonb_array_elements(said) each
 where each->>'type' = 'journal.phase.started.v1'
 group by 1, 2, 3 having count(*) > 1
"""
GAPS = """
select j.id from journal j left join history h on h.journal_id = j.id
 group by j.id, j.version having count(h.seq) <> j.version or max(h.seq) <> j.version
"""
