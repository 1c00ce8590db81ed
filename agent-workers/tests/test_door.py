"""The model door against a real OpenAI-shaped server that fails on cue (R4.2a-d)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from agent_workers.desk import InvalidOutput
from agent_workers.exporting import QUERIES
from agent_workers.models.attempts import Attempts
from agent_workers.models.door import Door
from agent_workers.models.ledger import JournalEnded, Ledger
from agent_workers.models.table import Table, table_of_one
from chassis.database import Database, Pool
from chassis.exporting import rows_of
from chassis.ids import new_id, now
from journal_contracts.events import CraftCancelled

from .house import ASKER, KEY, QUESTION, STEP, Haiku, House, announced, asked

NewDoor = Callable[[], Door]
"""The door of a process of its own."""


@pytest.fixture
def table(llmock: Any) -> Table:
    return table_of_one("gpt-4o-mini", SecretStr(KEY), llmock.base_url("openai"))


@pytest.fixture
def a_door(house: House, table: Table) -> NewDoor:
    return lambda: house.door(table)


async def test_a_reply_is_paid_for_once(house: House, a_door: NewDoor, llmock: Any) -> None:
    first = await asked(a_door())

    again = await asked(a_door())

    assert again == first
    assert len(llmock.requests) == 1


async def test_a_wanted_re_do_is_a_new_question(house: House, a_door: NewDoor, llmock: Any) -> None:
    door = a_door()

    await asked(door, "0")
    await asked(door, "1")

    assert len(llmock.requests) == 2


async def test_no_call_is_made_for_a_journal_that_was_cancelled(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    """R3.2d: who missed the news asks the ledger; a journal taken up again is another matter."""
    at_seven = CraftCancelled(
        journal_id=STEP.journal_id, user_id=STEP.user_id, n=7, at=now(), percent=9
    )
    await Ledger(house.pool, new_id()).end(at_seven)

    with pytest.raises(JournalEnded):
        await asked(a_door())
    assert len(llmock.requests) == 0

    later = replace(ASKER, since=8)
    await a_door().answer(later, "0", QUESTION, Haiku, on_text=lambda _: None)
    assert len(llmock.requests) == 1


async def test_two_workers_that_ask_the_same_at_once_pay_once(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    llmock.slow_first_token(0.3)

    await asyncio.gather(asked(a_door()), asked(a_door()))

    assert len(llmock.requests) == 1


async def test_the_call_of_a_dead_worker_is_made_again_and_counted(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    llmock.stall(seconds=30)
    dying = asyncio.create_task(asked(a_door()))
    async with asyncio.timeout(10):
        while not await house.claims():
            await asyncio.sleep(0)
    await house.pool.execute("update paid_call set lease_until = now() - interval '1 s'")

    answer = asyncio.create_task(asked(a_door()))
    await asyncio.wait_for(answer, 10)
    dying.cancel()

    [call] = await house.claims()
    assert call["lost"] == 1
    assert call["reply"] is not None


async def test_a_call_is_its_workers_own_for_as_long_as_was_told(pool: Pool) -> None:
    hasty, patient = Ledger(pool, new_id(), lease_seconds=0), Ledger(pool, new_id())

    claims = [await ledger.claim("a question", ASKER, "a model") for ledger in (hasty, patient)]

    assert claims == [0, 1]
    assert None is await hasty.claim("a question", ASKER, "a model")


async def test_a_cancelled_call_closes_its_stream_and_keeps_nothing(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    """R3.2d: the provider sees that nobody listens, and what was heard is written down."""
    llmock.stall(seconds=30, after_chunks=2)
    heard = asyncio.Event()
    call = asyncio.create_task(
        a_door().answer(ASKER, "0", QUESTION, Haiku, on_text=lambda _: heard.set())
    )
    await asyncio.wait_for(heard.wait(), 10)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await house.claims() == []
    [attempt] = await house.attempts()
    assert attempt["outcome"] == "cancelled"
    assert attempt["estimated"]
    assert attempt["tokens_out"] > 0
    [request] = await asyncio.to_thread(lambda: llmock.requests)
    assert not request.completed, "the server was left alone with its stream"
    assert request.stall_waited is not None
    assert request.stall_waited < 30


async def test_a_reply_that_does_not_fit_is_sent_back_twice_at_most(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    llmock.reply('{"lines": "not a list"}', times=3)

    with pytest.raises(InvalidOutput):
        await asked(a_door())

    assert len(llmock.requests) == 3


async def test_a_reply_that_is_mended_is_taken_and_the_mending_is_told(
    a_door: NewDoor, llmock: Any
) -> None:
    """R1.2c: whoever watches sees that it is being repaired."""
    llmock.reply("no json at all", times=2)
    told: list[int] = []

    def repairing() -> None:
        told.append(len(llmock.requests))

    door = a_door()
    await door.answer(ASKER, "0", QUESTION, Haiku, lambda _: None, repairing=repairing)

    assert told == [1, 2]
    assert len(llmock.requests) == 3


async def test_every_call_is_priced_announced_and_counted_once(
    pool: Pool, a_door: NewDoor, amqp_url: str
) -> None:
    await asked(a_door())

    first = await Attempts(pool).usage_of(STEP)
    again = await Attempts(pool).usage_of(STEP)
    of_the_next_attempt = await Attempts(pool).usage_of(STEP.model_copy(update={"attempt": 2}))
    [recorded] = await announced(pool, amqp_url)

    assert first.calls == 1
    assert first.tokens_in > 0
    assert first.cost is not None
    assert first.cost > 0
    assert again == first
    assert of_the_next_attempt.calls == 0
    assert (recorded.usage, recorded.journal_id) == (first, STEP.journal_id)


async def test_an_unknown_model_is_unpriced_not_free(house: House, llmock: Any) -> None:
    table = table_of_one("a-model-nobody-lists", SecretStr(KEY), llmock.base_url("openai"))

    await asked(house.door(table))

    assert (await Attempts(house.pool).usage_of(STEP)).cost is None


async def test_a_reply_that_cannot_be_kept_now_is_kept_a_little_later(
    house: House, a_door: NewDoor, llmock: Any
) -> None:
    """R4.2c: it is paid for; no other call is made instead."""
    llmock.slow_first_token(0.3)
    call = asyncio.create_task(asked(a_door()))
    async with asyncio.timeout(10):
        while not await house.claims():
            await asyncio.sleep(0)
    await house.pool.execute(
        """
        create sequence tries;
        create function no_room() returns trigger language plpgsql as $$
        begin
            perform nextval('tries');
            raise exception 'no space left on device' using errcode = '53100';
        end $$;
        create trigger no_room before update on paid_call execute function no_room()
        """
    )
    async with asyncio.timeout(10):
        while not await house.pool.fetchval("select is_called from tries"):
            await asyncio.sleep(0)
    assert not call.done()

    await house.pool.execute("drop trigger no_room on paid_call")
    await asyncio.wait_for(call, 10)

    [claim] = await house.claims()
    assert (claim["lost"], len(llmock.requests)) == (0, 1)
    assert claim["reply"] is not None


async def test_nothing_stays_of_a_user_who_left(house: House, a_door: NewDoor) -> None:
    """R7.1: neither replies nor bills, and others keep theirs."""
    other = replace(ASKER, step=ASKER.step.model_copy(update={"user_id": new_id()}))
    await asked(a_door())
    await asked(a_door(), "1", other)
    ledger = Ledger(house.pool, new_id())

    await ledger.erase(STEP.user_id)
    await ledger.erase(STEP.user_id)

    assert [row["user_id"] for row in await house.claims()] == [other.step.user_id]
    assert [row["user_id"] for row in await house.attempts()] == [other.step.user_id]


async def test_an_export_has_the_replies_to_a_user_and_to_nobody_else(
    house: House, a_door: NewDoor, database_url: str
) -> None:
    """R7.1."""
    other = replace(ASKER, step=ASKER.step.model_copy(update={"user_id": new_id()}))
    answer = await asked(a_door())
    await asked(a_door(), "1", other)

    async with Database.open(database_url) as database:
        rows = await rows_of(database, QUERIES, STEP.user_id)

    [reply] = rows["replies"]
    assert Haiku.model_validate_json(reply["reply"]) == answer
    assert len(rows["calls"]) == 1
