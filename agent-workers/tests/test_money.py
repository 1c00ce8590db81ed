"""What a step may spend, what its calls cost or may have cost, and who is told (R4.2b, R4.2d)."""

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from agent_workers.models.attempts import Asker, Attempts
from agent_workers.models.prices import price_of
from agent_workers.models.provider import ModelTrouble, Tokens, asked_tokens
from agent_workers.models.table import Table, table_of_one
from chassis.database import Pool
from journal_contracts.commands import DayShare
from journal_contracts.message import Allowance

from .house import ASKER, QUESTION, STEP, Haiku, House, a_provider, a_table, announced, asked

MOST = 1_000
WORST = Tokens(asked_tokens(QUESTION), MOST)


@pytest.fixture
def table(llmock: Any) -> Table:
    provider = a_provider(llmock.base_url("openai"), max_output=MOST)
    return a_table({"openai": provider}, "openai/gpt-4o-mini")


def may_spend(cost: Decimal | None = None, tokens: int | None = None) -> Asker:
    return replace(ASKER, allowance=Allowance(cost=cost, tokens=tokens))


def may_spend_today(cost: Decimal | None = None, tokens: int | None = None) -> Asker:
    """A share of a day that has as much again."""
    left = {
        "left_cost": None if cost is None else 2 * cost,
        "left_tokens": None if tokens is None else 2 * tokens,
    }
    return replace(ASKER, quota=DayShare(cost=cost, tokens=tokens, **left))


def worst_cost() -> Decimal:
    cost = price_of("gpt-4o-mini", WORST)
    assert cost is not None
    return cost


@pytest.mark.parametrize("bound", ["cost", "tokens"])
async def test_a_call_is_made_that_can_go_to_the_very_end_of_the_allowance(
    bound: str, house: House, table: Table, llmock: Any
) -> None:
    enough = may_spend(worst_cost()) if bound == "cost" else may_spend(tokens=WORST.all)

    await asked(house.door(table), asker=enough)

    assert len(llmock.requests) == 1


@pytest.mark.parametrize("bound", ["cost", "tokens"])
async def test_no_call_is_made_that_could_go_beyond_the_allowance(
    bound: str, house: House, table: Table, llmock: Any
) -> None:
    short = (
        may_spend(worst_cost() - Decimal("0.000001"))
        if bound == "cost"
        else may_spend(tokens=WORST.all - 1)
    )

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(table), asker=short)

    assert (trouble.value.kind, trouble.value.code) == ("fatal", "over_allowance")
    assert len(llmock.requests) == 0
    assert await house.attempts() == []


@pytest.mark.parametrize("bound", ["cost", "tokens"])
async def test_no_call_goes_beyond_the_day_of_its_user(
    bound: str, house: House, table: Table, llmock: Any
) -> None:
    """R4.2b: told apart from the journal's own budget, which may be the wider one."""
    if bound == "cost":
        short = may_spend_today(worst_cost() - Decimal("0.000001"))
    else:
        short = may_spend_today(tokens=WORST.all - 1)

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(table), asker=replace(short, allowance=Allowance(cost=Decimal(9))))

    assert (trouble.value.kind, trouble.value.code) == ("fatal", "quota_taken")
    assert trouble.value.needs == Allowance(cost=worst_cost(), tokens=WORST.all)
    assert len(llmock.requests) == 0


async def test_a_day_that_is_spent_is_told_from_one_that_others_have_shares_of(
    house: House, table: Table, llmock: Any
) -> None:
    spent = DayShare(cost=Decimal(0), left_cost=worst_cost() - Decimal("0.000001"))

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(table), asker=replace(ASKER, quota=spent))

    assert trouble.value.code == "over_quota"
    assert len(llmock.requests) == 0


async def test_what_a_step_has_spent_is_gone_from_its_allowance(
    house: House, table: Table, llmock: Any
) -> None:
    """Also what a cut stream may have cost; an earlier attempt has its own allowance."""
    llmock.truncate(after_chunks=3)
    asker, door = may_spend(tokens=WORST.all), house.door(table)
    with pytest.raises(ModelTrouble):
        await asked(door, asker=asker)

    with pytest.raises(ModelTrouble) as trouble:
        await asked(door, asker=asker)
    assert trouble.value.code == "over_allowance"

    await Attempts(house.pool).usage_of(STEP)
    next_attempt = replace(asker, step=STEP.model_copy(update={"attempt": 2}))
    await asked(door, asker=next_attempt)
    assert len(llmock.requests) == 2


async def test_calls_side_by_side_share_one_allowance(
    house: House, table: Table, llmock: Any
) -> None:
    door, asker = house.door(table), may_spend(tokens=2 * WORST.all)

    came = await asyncio.gather(
        *(asked(door, str(n), asker) for n in range(20)), return_exceptions=True
    )

    assert len(llmock.requests) <= 2
    assert sum(isinstance(end, ModelTrouble) for end in came) >= 18


async def test_a_kept_reply_needs_no_allowance(house: House, table: Table, llmock: Any) -> None:
    await asked(house.door(table))

    await asked(house.door(table), asker=may_spend(tokens=0))

    assert len(llmock.requests) == 1


async def test_a_model_of_unknown_price_is_bounded_by_tokens_alone(
    house: House, llmock: Any
) -> None:
    provider = a_provider(llmock.base_url("openai"), max_output=MOST)
    door = house.door(a_table({"openai": provider}, "openai/a-model-nobody-lists"))

    await asked(door, "0", may_spend(Decimal(0)))
    with pytest.raises(ModelTrouble):
        await asked(door, "1", may_spend(Decimal(0), tokens=WORST.all))


async def test_the_longest_reply_that_was_reckoned_with_is_the_longest_that_may_come(
    house: House, table: Table, llmock: Any
) -> None:
    await asked(house.door(table))

    assert llmock.last_request.body["max_completion_tokens"] == MOST


async def test_a_step_counts_what_it_spent_or_may_have_spent_and_nothing_else(
    house: House, table: Table, llmock: Any
) -> None:
    """A 429 and a 500 cost nothing; a cut stream costs what was asked and heard."""
    llmock.rate_limit(retry_after=0)
    llmock.fail(500)
    door, attempts = house.door(table), Attempts(house.pool)
    for _ in range(2):
        with contextlib.suppress(ModelTrouble):
            await asked(door)
    llmock.truncate(after_chunks=3)
    with pytest.raises(ModelTrouble):
        await asked(door, "1")

    usage = await attempts.usage_of(STEP)

    paid = [attempt for attempt in await house.attempts() if attempt["tokens_in"]]
    assert [attempt["code"] for attempt in paid if attempt["code"]] == ["stream_cut"]
    assert usage.calls == len(paid) == len(llmock.requests) - 2
    assert usage.cost == sum(attempt["cost"] for attempt in paid)
    assert usage.tokens_in == sum(attempt["tokens_in"] for attempt in paid)


async def test_every_call_is_told_to_the_world_whatever_became_of_it(
    house: House, table: Table, llmock: Any, amqp_url: str, pool: Pool
) -> None:
    door = house.door(table)
    await asked(door, "0")
    llmock.fail(500)
    with pytest.raises(ModelTrouble):
        await asked(door, "1")
    llmock.stall(seconds=30, after_chunks=2)
    heard = asyncio.Event()
    call = asyncio.create_task(
        door.answer(ASKER, "2", QUESTION, Haiku, on_text=lambda _: heard.set())
    )
    await asyncio.wait_for(heard.wait(), 10)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    told = await announced(pool, amqp_url)

    assert [call.outcome for call in told] == ["answered", "failed", "cancelled"]
    assert [call.usage.tokens_in > 0 for call in told] == [True, False, True]
    assert {(call.agent, call.model, call.journal_id) for call in told} == {
        (ASKER.agent, "gpt-4o-mini", STEP.journal_id)
    }


async def test_a_row_says_who_asked_whom_with_which_key_and_shows_no_key(
    house: House, llmock: Any
) -> None:
    key = "sk-canary-9876543210"
    await asked(house.door(table_of_one("gpt-4o-mini", SecretStr(key), llmock.base_url("openai"))))

    [row] = await house.attempts()

    assert (row["user_id"], row["phase"], row["part"]) == (STEP.user_id, STEP.phase, STEP.part)
    assert (row["provider"], row["outcome"], row["code"]) == ("openai", "answered", "")
    assert len(row["key_mark"]) == 8
    assert row["seconds"] > 0
    assert key not in str(row)
