"""Which command goes next: room, priority, fair shares, limits, and who waits (R3.1c)."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr

from chassis.database import Database, Pool, open_pool
from chassis.identity import Caller
from chassis.ids import new_id
from journal_contracts.api import JournalOrder, PauseOrder
from journal_contracts.product import PlanName
from orchestrator_service.course import Course
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.releasing import FLOOR
from orchestrator_service.orders import Desk, HouseFull
from orchestrator_service.settings import Settings
from orchestrator_service.usual import Times

from .crew import finished, request
from .test_desk import COMMANDS

STATES = "select journal_id, state from outbox where phase is not null"
LIMIT = 24


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def engine(pool: Pool, database_url: str) -> AsyncIterator[Engine]:
    async with Engine.open(database_url, "amqp://nowhere", LIMIT) as engine:
        yield engine


async def begun(engine: Engine, user: UUID, count: int, priority: int = 0) -> list[UUID]:
    """Journals of one user, each with its first command."""
    order = replace(request(PlanName.EXPRESS), priority=priority)
    return [(await engine.transitions.begin(new_id(), user, order)).saga.id for _ in range(count)]


async def where(pool: Pool, state: str) -> list[UUID]:
    """The journals whose command is in this state."""
    return [row["journal_id"] for row in await pool.fetch(STATES) if row["state"] == state]


async def released(engine: Engine, room: int, limit: int = LIMIT) -> list[UUID]:
    """The journals whose commands go next, when there is so much more room."""
    view = await engine.store.view()
    window = view.in_flight["writing"] + room
    letters = await engine.store.release("writing", window, limit)
    return [UUID(letter.subject) for letter in letters]


async def test_beyond_the_window_commands_wait_as_rows(engine: Engine, pool: Pool) -> None:
    journals = await begun(engine, new_id(), FLOOR + 3)

    assert await where(pool, "leaving") == journals[:FLOOR]
    assert await where(pool, "waiting") == journals[FLOOR:]


async def test_an_answer_gives_room_to_the_one_that_waited_longest(
    engine: Engine, pool: Pool
) -> None:
    journals = await begun(engine, new_id(), FLOOR + 2)
    body = await pool.fetchval(
        "select body from outbox where journal_id = $1 and phase is not null", journals[0]
    )
    step = COMMANDS["journal.phase.run.v1"].model_validate_json(body)

    await engine.transitions.happen(journals[0], finished(step), "test")

    assert engine.release.room_came.is_set()
    assert await released(engine, room=1) == [journals[FLOOR]]


async def test_an_urgent_journal_overtakes_those_that_wait(engine: Engine) -> None:
    await begun(engine, new_id(), FLOOR + 20)

    [urgent] = await begun(engine, new_id(), 1, priority=1)

    assert (await released(engine, room=1)) == [urgent]


async def test_a_hundred_journals_of_one_do_not_delay_the_one_of_another(engine: Engine) -> None:
    greedy, modest = new_id(), new_id()
    await begun(engine, greedy, FLOOR + 60)
    await begun(engine, modest, 3)

    after = await released(engine, room=6)

    rows = (await engine.store.load(after)).values()
    owners = Counter(row.saga.user_id for row in rows if row is not None)
    assert owners[modest] == 3
    assert owners[greedy] == 3


async def test_nobody_has_more_in_flight_than_the_limit(engine: Engine, pool: Pool) -> None:
    user = new_id()
    await begun(engine, user, FLOOR + 30)

    await released(engine, room=50, limit=12)

    assert len(await where(pool, "leaving")) == 12


async def test_what_a_paused_journal_wants_waits_on(engine: Engine) -> None:
    """R3.2d: a pause is heeded by commands that have not left yet."""
    user = new_id()
    journals = await begun(engine, user, FLOOR + 2)
    paused, other = journals[FLOOR:]
    caller = Caller(user, new_id(), 2**31)

    await Course(engine.transitions).pause(caller, paused, PauseOrder())

    assert await released(engine, room=2) == [other]
    await Course(engine.transitions).resume(caller, paused)
    assert await released(engine, room=2) == [paused]


async def test_a_cancelled_journal_waits_for_nothing(engine: Engine, pool: Pool) -> None:
    user = new_id()
    journals = await begun(engine, user, FLOOR + 1)

    await Course(engine.transitions).cancel(Caller(user, new_id(), 2**31), journals[-1])

    assert await where(pool, "waiting") == []


@contextlib.asynccontextmanager
async def a_desk(engine: Engine, url: str, **settings: int) -> AsyncIterator[Desk]:
    told = Settings(
        port=1,
        amqp_url="amqp://nowhere",
        auth_url="http://nowhere",
        database_url=SecretStr(url),
        service_key=SecretStr("unused"),
        **settings,  # type: ignore[arg-type] # numbers, for settings that are
    )
    async with Database.open(url) as database:
        yield Desk(database, engine, told, Times(database).of)


async def test_the_place_in_the_queue_is_seen(engine: Engine, database_url: str) -> None:
    user = new_id()
    journals = await begun(engine, user, FLOOR + 5)

    async with a_desk(engine, database_url) as desk:
        first = await desk.state(user, journals[0])
        last = await desk.state(user, journals[-1])

    assert first.queue is None
    assert last.queue is not None
    assert last.queue.position == 4


async def test_a_full_house_turns_orders_away_and_says_until_when(
    engine: Engine, database_url: str
) -> None:
    await begun(engine, new_id(), FLOOR + 5)

    async with a_desk(engine, database_url, most_waiting=5) as desk:
        with pytest.raises(HouseFull) as refusal:
            await desk.order(new_id(), JournalOrder(theme="patience"), None)

    assert refusal.value.status == 429
    assert int(refusal.value.headers["Retry-After"]) > 0
