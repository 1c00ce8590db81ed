"""What the models of a user may cost on a day, whatever the number of journals (R4.2b)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import pytest

from chassis.database import Database, Pool, open_pool
from chassis.ids import new_id
from journal_contracts.commands import DayShare, RunPhase
from journal_contracts.events import StepFailed
from journal_contracts.message import Allowance
from journal_contracts.product import PlanName
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.quotas import Quota, split
from orchestrator_service.happenings import DeadlinePassed
from orchestrator_service.hearing import TAKEN
from orchestrator_service.spending import Spending

from .crew import billed, failed, request
from .test_spending import a_call

LIMIT = 24
A_DOLLAR = Quota(Decimal(1))


@pytest.fixture
async def pool(database: Database, database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as pool:
        yield pool


@pytest.fixture
def user() -> UUID:
    return new_id()


@contextlib.asynccontextmanager
async def an_engine(url: str, quota: Quota = A_DOLLAR) -> AsyncIterator[Engine]:
    async with Engine.open(url, "amqp://nowhere", LIMIT, quota=quota) as engine:
        yield engine


@pytest.fixture
async def engine(database: Database, database_url: str) -> AsyncIterator[Engine]:
    async with an_engine(database_url) as engine:
        yield engine


async def begin(engine: Engine, user: UUID, count: int = 1) -> None:
    """Journals of a user, each with its first command."""
    order = request(PlanName.EXPRESS)
    for _ in range(count):
        await engine.transitions.begin(new_id(), user, order)


async def released(engine: Engine) -> list[RunPhase]:
    """The commands that go next, as their workers see them."""
    letters = await engine.store.release("writing", 1_000, LIMIT)
    return [RunPhase.model_validate_json(letter.body) for letter in letters]


async def given(engine: Engine) -> list[Decimal | None]:
    """The dollars that go with them."""
    return [step.quota.cost for step in await released(engine) if step.quota]


async def answer(engine: Engine, step: RunPhase, dollars: str) -> None:
    await engine.transitions.happen(step.journal_id, billed(step, dollars), "test")


async def test_without_a_quota_nobody_waits_and_nothing_is_bounded(
    database: Database, database_url: str, pool: Pool, user: UUID
) -> None:
    async with an_engine(database_url, Quota()) as engine:
        await begin(engine, user)

    row = await pool.fetchrow("select state, body from outbox where phase is not null")
    assert row is not None
    assert row["state"] == "leaving"
    assert RunPhase.model_validate_json(row["body"]).quota is None


async def test_a_command_takes_half_of_what_is_left_of_the_day(engine: Engine, user: UUID) -> None:
    await begin(engine, user)
    first = await given(engine)
    await begin(engine, user)

    second = await given(engine)

    assert first == [Decimal("0.5")]
    assert second == [Decimal("0.25")]


async def test_what_leaves_together_shares_alike(engine: Engine, user: UUID) -> None:
    await begin(engine, user, 5)

    assert await given(engine) == 5 * [Decimal("0.1")]


async def test_tokens_are_bounded_too(database: Database, database_url: str, user: UUID) -> None:
    async with an_engine(database_url, Quota(tokens=1_001)) as engine:
        await begin(engine, user)

        [step] = await released(engine)

    assert step.quota == DayShare(tokens=500, left_tokens=1_001)


async def test_an_answer_gives_back_what_its_step_did_not_need(engine: Engine, user: UUID) -> None:
    """Its cost and the end of its share are one commit: nobody sees one without the other."""
    await begin(engine, user)
    [step] = await released(engine)

    await answer(engine, step, "0.10")

    assert await given(engine) == [Decimal("0.45")]


async def test_two_journals_at_once_never_take_the_same_dollar(
    engine: Engine, database_url: str, user: UUID, pool: Pool
) -> None:
    """Replicas release side by side; what they give away together is within the day."""
    await begin(engine, user, 20)

    async with an_engine(database_url) as other, an_engine(database_url) as third:
        for _ in range(3):
            await asyncio.gather(*(released(each) for each in (engine, other, third)))
            await begin(other, user, 2)

    shares = await pool.fetch("select granted_cost from outbox where granted_cost is not null")
    assert len(shares) > 20
    assert 0 < sum(row["granted_cost"] for row in shares) <= 1


async def test_what_is_settled_while_others_leave_is_not_lost(
    engine: Engine, database_url: str, user: UUID, pool: Pool
) -> None:
    await begin(engine, user, 12)
    steps = await released(engine)

    async with an_engine(database_url) as other:
        answers = (answer(engine, step, "0.02") for step in steps)
        await asyncio.gather(*answers, *(released(other) for _ in range(6)))

    [row] = await pool.fetch("select * from user_day")
    shares = await pool.fetchval("select coalesce(sum(granted_cost), 0) from outbox")
    assert row["settled_cost"] == Decimal("0.24")
    assert row["settled_tokens"] == 12 * 20
    assert shares + row["settled_cost"] <= 1


async def test_calls_that_nobody_waited_for_count_too(
    database: Database, engine: Engine, user: UUID
) -> None:
    """R4.2d: the workers tell of every call; heard twice it is one, and no answer counts it."""
    spending = Spending(database)
    call = a_call("0.40", user_id=user)
    await asyncio.gather(*(spending.note(call) for _ in range(2)))
    await spending.note(a_call("0.20", user_id=user))
    await begin(engine, user)
    [step] = await released(engine)
    assert step.quota == DayShare(cost=Decimal("0.2"), left_cost=Decimal("0.4"))

    await answer(engine, step, "0.05")

    assert await given(engine) == [Decimal("0.2")]


async def test_who_has_spent_the_day_is_given_nothing_until_it_turns(
    engine: Engine, user: UUID, pool: Pool
) -> None:
    """The step leaves all the same: it may need no model; one that does is refused."""
    await begin(engine, user, 2)
    steps = await released(engine)
    await answer(engine, steps[0], "1.50")
    assert await given(engine) == [Decimal(0)]

    await pool.execute("update user_day set day = day - 1")
    await answer(engine, steps[1], "0.00")

    assert await given(engine) == [Decimal("0.5")]


async def test_a_user_sees_what_is_left_of_the_day(
    database: Database, engine: Engine, user: UUID
) -> None:
    """R4.2d"""
    spending = Spending(database, A_DOLLAR)
    before = await spending.quota(user)
    await begin(engine, user)
    [step] = await released(engine)

    await answer(engine, step, "0.25")

    after = await spending.quota(user)
    assert (before.cost, before.tokens, before.spent_cost) == (Decimal(1), None, Decimal(0))
    assert (after.spent_cost, after.spent_tokens) == (Decimal("0.25"), 20)
    assert after.day == before.day


async def test_the_day_of_one_is_not_that_of_another(engine: Engine, user: UUID) -> None:
    await begin(engine, user)
    [step] = await released(engine)
    await answer(engine, step, "2")
    await released(engine)

    await begin(engine, new_id())

    assert await given(engine) == [Decimal("0.5")]


async def test_a_step_that_was_refused_is_given_what_it_lacked(engine: Engine, user: UUID) -> None:
    """Half of the rest was too little for it, not for the day."""
    await begin(engine, user, 4)
    steps = await released(engine)
    needs = Allowance(cost=Decimal("0.30"), tokens=9_000)
    told = {"code": TAKEN, "needs": needs}
    refusal: StepFailed = failed(steps[0]).model_copy(update=told)
    journal = steps[0].journal_id
    await engine.transitions.happen(journal, refusal, "test")
    for step in steps[1:]:
        await answer(engine, step, "0")
    await asyncio.sleep(2.1)
    await engine.transitions.happen(journal, DeadlinePassed(), "test")

    again = {step.journal_id: step for step in await released(engine)}

    assert again[journal].attempt == 2
    assert again[journal].needs == needs
    shares = {each: step.quota.cost for each, step in again.items() if step.quota}
    assert shares.pop(journal) == Decimal("0.30")
    assert list(shares.values()) == 3 * [Decimal("0.116666")]


@pytest.mark.parametrize(
    ("left", "taken", "needs", "shares"),
    [
        (None, "0", (None, "1"), (None, None)),
        ("1", "0", (None,), ("0.5",)),
        ("1", "0.2", (None, None), ("0.2", "0.2")),
        ("1", "0", ("0.4", "0.4", "0.4", None), ("0.4", "0.4", "0", "0.1")),
        ("1", "0", ("1", None), ("1", "0")),
        ("1", "2", ("0.1", None), ("0", "0")),
        ("0", "0", (None,), ("0",)),
    ],
)
def test_needs_are_met_whole_and_the_rest_is_halved(
    left: str | None, taken: str, needs: tuple[str | None, ...], shares: tuple[str | None, ...]
) -> None:
    def exact(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    given = split(exact(left), Decimal(taken), [exact(need) for need in needs])

    assert given == [exact(share) for share in shares]
