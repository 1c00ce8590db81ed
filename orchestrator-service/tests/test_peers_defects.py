"""What was seen to break in other engines, held here on a real PostgreSQL (R2.2c, R3.2c).

CrewAI Flow ran later steps twice after two resumes, and lost a pause with a kill; LangGraph took
"yes" and "no"; in DBOS a double click answered the next pause too, and nobody took over in 15 s.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import pytest

from chassis.broker import Letter, Speaker
from chassis.database import Database, Pool, open_pool
from chassis.errors import ServiceError
from chassis.ids import new_id
from journal_contracts.api import Answer, PauseOrder
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from orchestrator_service.course import Course
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.postgres import PostgresStore
from orchestrator_service.engine.releasing import FLOOR
from orchestrator_service.state import Saga

from .crew import request
from .test_desk import caller
from .test_versions import next_of

USER = new_id()
PATIENCE = 20
"""Seconds within which another replica has taken over; the wait is shortened to less than one."""


class Ear(Speaker):
    """A broker that remembers what was said to it."""

    def __init__(self) -> None:
        super().__init__(ORCHESTRATOR, "")
        self.heard: list[Letter] = []

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        self.heard += letters
        return [True] * len(letters)

    def commands(self) -> Counter[bytes]:
        return Counter(letter.body for letter in self.heard if letter.name.endswith("run.v1"))


@contextlib.asynccontextmanager
async def a_replica(url: str, ear: Ear) -> AsyncIterator[Engine]:
    async with open_pool(url) as pool, Engine.on(PostgresStore(pool, (1,)), ear, 100) as engine:
        yield engine


@pytest.fixture
async def pool(database: Database, database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as pool:
        yield pool


async def begun(engine: Engine) -> Saga:
    row = await engine.transitions.begin(new_id(), USER, request(PlanName.EXPRESS))
    return row.saga


async def worked_to(engine: Engine, saga: Saga, question: str | None) -> Saga:
    """Every step answered until this is asked, or until the end."""
    while not saga.is_over and (question is None or saga.questions[question].status != "open"):
        message = next_of(saga)
        assert message is not None
        saga = (await engine.transitions.happen(saga.id, message, "test")).saga
    return saga


async def given_out(pool: Pool, journal: UUID) -> Counter[tuple[str, str, int]]:
    """How often each step was written down to be sent."""
    query = "select phase, part, attempt from outbox where journal_id = $1 and phase is not null"
    return Counter(tuple(row) for row in await pool.fetch(query, journal))


async def started(pool: Pool, journal: UUID) -> Counter[str]:
    query = """
        select each->'body'->>'phase' from history, jsonb_array_elements(said) each
         where journal_id = $1 and each->>'type' = 'journal.phase.started.v1'
    """
    return Counter(row[0] for row in await pool.fetch(query, journal))


async def test_two_resumes_at_once_run_what_follows_once(pool: Pool, database_url: str) -> None:
    async with a_replica(database_url, Ear()) as one, a_replica(database_url, Ear()) as other:
        saga = await begun(one)
        who = caller(USER)
        await Course(one.transitions).pause(who, saga.id, PauseOrder(seconds=3600))
        message = next_of(saga)
        assert message is not None
        await one.transitions.happen(saga.id, message, "test")

        resumes = [Course(engine.transitions).resume(who, saga.id) for engine in (one, other) * 4]
        await asyncio.gather(*resumes)

        assert await given_out(pool, saga.id) == {("onboarding", "", 1): 1}
        row = await one.transitions.decide(saga.id, lambda _: None, "test")
        await worked_to(other, row.saga, None)
    assert set((await started(pool, saga.id)).values()) == {1}


async def test_a_kill_after_the_decision_loses_neither_it_nor_the_next_command(
    pool: Pool, database_url: str
) -> None:
    """The replica is gone right after the commit: nothing of its memory reached the broker."""
    ear = Ear()
    async with a_replica(database_url, Ear()) as doomed:
        saga = await worked_to(doomed, await begun(doomed), "title")
        answer = Answer(rev=1, choice=Choice(option="t4"))
        await Decisions(doomed.transitions).answer(USER, saga.id, "title", answer)
    before = await started(pool, saga.id)

    async with a_replica(database_url, ear) as other:
        await pool.execute("update outbox set held_until = clock_timestamp()")
        async with other.sender.running():
            await _heard(lambda: any(b'"outline"' in body for body in ear.commands()))
        row = await other.transitions.decide(saga.id, lambda _: None, "test")
        assert row.saga.questions["title"].made[0].choice.option == "t4"
        done = await worked_to(other, row.saga, None)

    assert done.status == "completed"
    assert {phase: n for phase, n in (await started(pool, saga.id)).items() if n > 1} == {}
    assert before.keys() < (await started(pool, saga.id)).keys()


async def test_of_yes_and_no_at_once_one_is_taken_and_the_other_told(
    pool: Pool, database_url: str
) -> None:
    async with a_replica(database_url, Ear()) as one, a_replica(database_url, Ear()) as other:
        saga = await worked_to(one, await begun(one), "title")

        async def told(engine: Engine, option: str) -> str:
            answer = Answer(rev=1, choice=Choice(option=option))
            try:
                decisions = Decisions(engine.transitions)
                return (await decisions.answer(USER, saga.id, "title", answer)).result
            except ServiceError as refused:
                return refused.code

        verdicts = await asyncio.gather(told(one, "t1"), told(other, "t2"))

    assert sorted(verdicts) == ["accepted", "decision_conflict"]
    decided = await pool.fetch("select choice->>'option' from decision where question = 'title'")
    assert [row[0] for row in decided] == [("t1", "t2")[verdicts.index("accepted")]]


async def test_a_double_click_does_not_answer_the_next_question(
    pool: Pool, database_url: str
) -> None:
    async with a_replica(database_url, Ear()) as engine:
        saga = await worked_to(engine, await begun(engine), "title")
        decisions = Decisions(engine.transitions)
        click = Answer(rev=1, choice=Choice(option="more"))

        first = await decisions.answer(USER, saga.id, "title", click)
        row = await engine.transitions.decide(saga.id, lambda _: None, "test")
        saga = await worked_to(engine, row.saga, "title")
        second = await decisions.answer(USER, saga.id, "title", click)

        row = await engine.transitions.decide(saga.id, lambda _: None, "test")
    assert (first.result, second.result) == ("accepted", "already")
    assert row.saga.questions["title"].rev == 2
    assert row.saga.questions["title"].status == "open"


async def test_the_journals_of_a_dead_replica_go_on_by_themselves(
    pool: Pool, database_url: str
) -> None:
    """It died with letters in its memory; nobody has to notice, or to take anything over."""
    dead, ear = Ear(), Ear()
    async with a_replica(database_url, dead) as doomed:
        sagas = [await begun(doomed) for _ in range(FLOOR)]
    await pool.execute("update outbox set held_until = held_until - interval '4.5 seconds'")

    async with a_replica(database_url, ear) as other, other.running():
        await _heard(lambda: len(ear.commands()) == len(sagas))

    assert not dead.heard
    assert set(ear.commands().values()) == {1}


async def _heard(enough: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not enough():
            await asyncio.sleep(0.05)
